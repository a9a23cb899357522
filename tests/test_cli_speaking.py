"""How the command line speaks: what is listed, where results go, what is quiet, and what a wrong call is told."""

from __future__ import annotations

import os
import pydoc
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli_calls import Called, called
from tactful.assurance.registry import Registry
from tactful.cli import show
from tactful.cli.application import APPS, app
from tactful.cli.contents import CONTENTS, GROUPS
from tactful.cli.gate_words import MEANING
from tactful.personal.consent import REASONS
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records

FOLDER = Path(show.__file__).parent
EVERY = [(group, name) for group, entries in CONTENTS.items() for name in entries]
Call = Callable[..., Called]


@pytest.fixture
def call(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line inside the known world."""

    def tactful(*arguments: str) -> Called:
        return called(monkeypatch, capsys, *arguments)

    return tactful


def words(group: str, name: str) -> list[str]:
    """What somebody types for a command."""
    return [name] if group == "tactful" else [group, name]


@pytest.mark.parametrize(("group", "name"), EVERY, ids=lambda word: str(word))
def test_each_command_has_an_example_and_takes_quiet(group: str, name: str) -> None:
    """Its help says what it does, how it is called, and what every option means."""
    told = CliRunner().invoke(app, [*words(group, name), "--help"], terminal_width=200)
    assert told.exit_code == 0
    assert f"Example: tactful {' '.join(words(group, name))}" in told.stdout
    assert "--quiet" in told.stdout


def test_the_contents_page_lists_every_command_and_its_file() -> None:
    """Nothing is listed that is not there, and no command is missing from the list; lines fit a terminal."""
    for group, entries in CONTENTS.items():
        for entry in entries.values():
            assert (FOLDER / f"{entry.module}.py").is_file()
            assert len(entry.help) <= 76
            assert entry.help.endswith(".")
        files = {f"tactful.cli.{entry.module}" for entry in entries.values()}
        for file in files:
            __import__(file)
        registered = {info.name or info.callback.__name__ for info in APPS[group].registered_commands if info.callback}
        assert registered == set(entries)
    assert {info.name for info in app.registered_groups} == set(GROUPS)


def test_the_list_of_commands_loads_no_command() -> None:
    """`tactful --help` and the completion of a shell answer without numpy."""
    code = "import sys; sys.argv = ['tactful', '--help']\nfrom tactful.cli import main\n"
    code += "try: main()\nexcept SystemExit: print('loaded:', {'numpy', 'pandas', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded: set()" in done.stdout
    assert "Train a candidate" in done.stdout


def test_a_shell_completes_commands_and_options() -> None:
    """Bash is offered what begins so."""
    for typed, offered in (
        ("tactful bud", "budget"),
        ("tactful consent wi", "withdraw"),
        ("tactful train --dry", "--dry-run"),
    ):
        asked = {"_TACTFUL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        done = subprocess.run(
            [Path(sys.executable).with_name("tactful")],
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        assert offered in done.stdout.split(), (typed, done.stderr)


def test_results_are_on_standard_output_and_steps_beside_them(call: Call) -> None:
    """A pipe gets the result alone; with --json the object alone; with --quiet there are no steps."""
    looked = call("gate", "shop.toml")
    assert looked.code == 0
    assert "rows read" in looked.out
    assert "consent gate" in looked.err
    assert "rows read" not in looked.err
    told = call("gate", "shop.toml", "--json")
    assert len(told.out.splitlines()) == 1
    assert "rows read" in told.err
    quiet = call("gate", "shop.toml", "--quiet")
    assert (quiet.out, quiet.err) == (looked.out, "")
    both = call("gate", "shop.toml", "-q", "--json")
    assert both.json == told.json


def test_a_refusal_is_never_quiet(call: Call) -> None:
    """Who asked for quiet is told what went wrong."""
    refused = call("train", "nowhere.toml", "--quiet")
    assert refused.code == 2
    assert "nowhere.toml" in refused.err


@pytest.mark.parametrize("arguments", [("train", "\x1b[2Jno.toml"), ("\x1b[2Jno.toml",)])
def test_an_error_moves_no_cursor(call: Call, arguments: tuple[str, ...]) -> None:
    """What it quotes is shown as it is, whoever called it that."""
    refused = call(*arguments)
    assert refused.code == 2
    assert "\x1b" not in refused.err
    assert "\\x1b[2Jno.toml" in refused.err


def test_colours_are_for_whoever_looks(workspace: Path) -> None:
    """None in a pipe; there, too, where somebody asks for them."""
    command = [str(Path(sys.executable).with_name("tactful")), "train", "shop.toml", "--dry-run"]
    plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    shown = {}
    for more in ({}, {"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "dumb"}):
        done = subprocess.run(command, env={**plain, **more}, capture_output=True, text=True, check=True)
        shown[len(more)] = "\x1b[" in done.stdout + done.stderr
    assert shown == {0: False, 1: True, 3: False}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("benchmark", "quality"), "tactful benchmark quality --help"),
        (("consent", "withdraw", "1"), "tactful consent withdraw --help"),
        (("budget", "grocery"), "tactful budget --help"),
        (("budgt",), "Did you mean 'budget'"),
        (("train", "shop.toml", "--dryrun"), "--dry-run"),
    ],
)
def test_a_wrong_call_is_told_where_to_read_on(call: Call, arguments: tuple[str, ...], told: str) -> None:
    """One line, which names the very command."""
    wrong = call(*arguments)
    assert wrong.code == 2
    assert told in wrong.err
    assert len(wrong.err.strip().splitlines()) == 1


def test_every_reason_of_the_gate_is_explained() -> None:
    """In the order in which they are told."""
    assert tuple(MEANING) == REASONS


def test_the_gate_tells_what_a_training_would_admit(call: Call) -> None:
    """The same counts, nothing debited, and the look stands in the journal."""
    looked = call("gate", "shop.toml", "--json").json
    assert not call("budget", "--json").json["debits"]
    trained = call("train", "shop.toml", "--json").json
    assert {name: looked[name] for name in ("read", "admitted", "excluded")} == {
        name: trained[name] for name in ("read", "admitted", "excluded")
    }


def test_the_gate_asks_the_forecast_for_the_people_it_found(call: Call) -> None:
    """The command it names runs, with the numbers of people who have an admitted row."""
    looked = call("gate", "shop.toml")
    counted = call("gate", "shop.toml", "--json").json
    asked = next(line for line in looked.out.splitlines() if line.startswith("what to expect: tactful plan"))
    assert f"--people {counted['people']['training']} --items {counted['items']} " in asked
    assert call(*asked.partition("tactful ")[2].split()).code == 0


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ('["young", "old"]', None),
        ('["young", "0ld"]', "of age, nobody who agreed to be assessed has 0ld, and "),
        ('["Young", "Old"]', "of age, no declared level is anybody's who agreed to be assessed"),
    ],
)
def test_levels_that_are_nobodys_are_told(call: Call, workspace: Path, declared: str, told: str | None) -> None:
    """Before a training is paid for, whose report would say it too late; what is spelt right is not remarked upon."""
    config = workspace / "shop.toml"
    text = config.read_text()
    assert 'levels = ["young", "old"]' in text
    config.write_text(text.replace('levels = ["young", "old"]', f"levels = {declared}"))
    said = call("gate", "shop.toml").out
    assert "[fairness.attributes.age]" not in said if told is None else told in said


def test_a_limit_is_changed_by_a_decision(call: Call, workspace: Path) -> None:
    """With a reason, which stays in the journal; a configuration that says otherwise is refused before and after."""
    config = workspace / "shop.toml"
    text = config.read_text().replace("epsilon = 20.0", "epsilon = 5.0")
    config.write_text(text.replace("epsilon = 60.0", "epsilon = 5.0"))
    decided = ("--reason", "asked the board")
    assert call("budget", "--limit", "12", *decided).code == 2  # no books yet
    assert call("train", "shop.toml").code == 0
    spent = call("train", "shop.toml", "--dry-run")
    assert spent.code == 3
    assert "tactful budget --limit" in spent.out
    config.write_text(text.replace("epsilon = 60.0", "epsilon = 12.0"))
    refused = call("train", "shop.toml", "--dry-run")
    assert refused.code == 2
    assert "tactful budget --limit" in refused.err
    assert call("budget", "--limit", "12").code == 2
    assert call("budget", "--limit", "-1", *decided).code == 2
    assert call("budget", "--limit", "12", *decided, "--json").json["limit"]["epsilon"] == 12
    assert call("train", "shop.toml", "--dry-run").code == 0
    (noted,) = Records.open().entries(("budget.limit_changed",))
    assert noted.body["reason"] == "asked the board"
    assert "no run fits" in call("budget", "--limit", "2", *decided).out
    assert "no run fits" not in call("budget", "--limit", "13", *decided).out


@pytest.mark.parametrize(("role", "code"), [("trainer", 3), ("officer", 0)])
def test_no_trainer_sets_their_own_limit(
    call: Call, workspace: Path, monkeypatch: pytest.MonkeyPatch, role: str, code: int
) -> None:
    """As soon as anybody has a role, the limit is the officer's, also where nobody is one."""
    assert call("train", "shop.toml").code == 0
    told = call("keys", "new", "Bo", "--out", "bo.key", "--role", role).out
    (workspace / "actors.toml").write_text(told)
    monkeypatch.setenv("TACTFUL_ACTORS", str(workspace / "actors.toml"))
    before = call("budget", "--json").json["limit"]["epsilon"]
    changed = call("budget", "--limit", f"{before + 1}", "--reason", "more", "--key", "bo.key")
    assert changed.code == code
    assert ("only somebody with the role officer" in changed.err) == (code == 3)
    assert call("budget", "--json").json["limit"]["epsilon"] == before + (code == 0)


def test_a_run_that_is_stopped_early_has_spent_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the debit, the books are as they were."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tactful.training.BudgetLedger.declare", stop)
    stopped = call("train", "shop.toml")
    assert stopped.code == 130
    assert "nothing was spent, and no candidate was registered" in stopped.err
    assert not call("budget", "--json").json["debits"]


@pytest.mark.parametrize(
    ("place", "made"),
    [
        ("tactful.privacy.ledger.BudgetLedger.debit", False),
        ("tactful.privacy.ledger.BudgetLedger.released", False),
        ("tactful.training._Run._register", True),
        ("tactful.sources.stop", True),
    ],
)
def test_a_stopped_run_says_what_the_books_say(
    call: Call, monkeypatch: pytest.MonkeyPatch, place: str, made: bool
) -> None:
    """Wherever the signal comes, once or again while what was not opened is given back."""
    module, _, name = place.rpartition(".")
    owner = pydoc.locate(module)
    real, settle, stops = getattr(owner, name), BudgetLedger.settle, []

    def and_stop(*given: Any, **more: Any) -> Any:
        found = real(*given, **more)
        stops.append(name)
        os.kill(os.getpid(), signal.SIGINT)
        return found

    def settled(*given: Any) -> Any:
        if stops:
            os.kill(os.getpid(), signal.SIGINT)  # once more
        return settle(*given)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, and_stop)
        patched.setattr(BudgetLedger, "settle", settled)
        stopped = call("train", "shop.toml", "--key", "trainer.key")
    assert stopped.code == 130, stopped.err
    books, models = call("budget", "--json").json, call("models", "--json").json["models"]
    assert {line["state"] for line in books["debits"]} <= {"opened", "released", "cancelled"}
    assert bool(models) is made
    if place == "tactful.sources.stop":  # after the run: the books are named, and nothing else is said
        assert "budget and models know" in stopped.err
        return
    spent = books["spent"]["epsilon"]
    assert (f"epsilon = {spent:.3g} of 20" if spent else "nothing was spent") in stopped.err
    assert f"{'a' if made else 'no'} candidate was registered" in stopped.err


def test_what_is_said_can_do_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets and colons are printed as they are; what would move the cursor or colour it is made visible."""
    show.say("[bold]x[/bold]")
    show.table({"[red]name": "[link]y", ":100:": "a\x1b[2Jb"})
    show.say("\x1b]0;title\x07\x9b31m")
    told = capsys.readouterr().out
    assert told.split() == [
        *("[bold]x[/bold]", "[red]name", "[link]y", ":100:", "a\\x1b[2Jb"),
        "\\x1b]0;title\\x07\\x9b31m",
    ]


def test_a_key_is_printed_as_toml_and_beside_json(call: Call) -> None:
    """Whatever the name; with --json the object alone is on standard output."""
    shown = call("keys", "new", 'Ada "the" first', "--out", "new.key")
    assert tomllib.loads(shown.out)["reviewer"][0]["name"] == 'Ada "the" first'
    told = call("keys", "new", "bo", "--out", "bo.key", "--role", "officer", "--json")
    assert len(told.out.splitlines()) == 1
    assert 'roles = ["officer"]' in told.err


def test_what_nobody_said_about_minors_is_told(call: Call, workspace: Path) -> None:
    """Without a table of subjects, and with one that has no such column; with it there is nothing to tell."""
    config, said = workspace / "shop.toml", "no row was left out as a minor's"
    assert said not in call("gate", "shop.toml").out
    with_minors = (workspace / "subjects.csv").read_text()
    (workspace / "subjects.csv").write_text("user_id,erased_at\n")
    assert f"subjects.csv has no column `minor`, so {said}" in call("gate", "shop.toml").out
    (workspace / "subjects.csv").write_text(with_minors)
    text = config.read_text()
    config.write_text("\n".join(line for line in text.splitlines() if not line.startswith("subjects")))
    for command in (("gate",), ("train", "--dry-run")):
        assert said in call(command[0], "shop.toml", *command[1:]).out
    trained = call("train", "shop.toml", "--key", "trainer.key", "--json").json
    assert [said in each for each in trained["warnings"]] == [True]
    documents = Registry().documents("shop", trained["version"])
    assert [
        name
        for name in ("model_card.md", "privacy_statement.yaml", "report.html")
        if said not in " ".join(unescape(documents[name]).split())
    ] == []


def test_a_group_without_a_command_lists_them(call: Call) -> None:
    """`tactful consent` is a question."""
    asked = call("consent")
    assert "withdraw" in asked.out + asked.err
    assert isinstance(app, typer.Typer)
