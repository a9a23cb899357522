"""The README keeps its word: every command in it exists as it is written, and those that can be copied run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from readme_commands import README, ROOT, block, blocks, commands, runner
from tactful.cli.application import APPS, app
from tactful.cli.contents import CONTENTS
from world import write_world

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / ".github").glob("*.md"), *(ROOT / "configs").glob("*.toml")])
PLACEHOLDERS = {"COMMAND", "…", "KEY"}


def quoted(text: str) -> Iterator[str]:
    """Every command that a text quotes: in a console block, between backticks, or as a comment in a configuration."""
    for found in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        yield from (line for line in commands(found) if line.startswith("tactful "))
    yield from re.findall(r"`(tactful [^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    yield from re.findall(r"(?:^# |: )(tactful [a-z][^\n;()]*)", text, flags=re.MULTILINE)


def problem(line: str) -> str | None:
    """What is wrong with a command as it is quoted: a word or an option that there is not."""
    words = shlex.split(line.replace("\\\n", " ").replace("…", " ").split(" >> ")[0].split(", ")[0], comments=True)[1:]
    if not words or words[0] in PLACEHOLDERS:
        return None
    if words[0].startswith("-"):
        told = CliRunner().invoke(app, ["--help"], terminal_width=200).stdout
        return None if words[0] in told else f"no option {words[0]}"
    group = words[0] if words[0] in CONTENTS else "tactful"
    name = words[0] if group == "tactful" else next(iter(words[1:]), "")
    if not name and group != "tactful":
        return None  # a group by itself
    if name not in CONTENTS[group]:
        return f"no command {group} {name}"
    __import__(f"tactful.cli.{CONTENTS[group][name].module}")
    taken: Any = typer.main.get_group(APPS[group]).commands[name]
    known = {option for each in taken.params for option in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    given = {word.partition("=")[0].rstrip(".,:") for word in words if re.match(r"--?[a-z]", word)}
    unknown = sorted(given - known)
    return f"{group} {name} has no {unknown[0]}" if unknown else None


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_every_command_that_is_quoted_exists(file: Path) -> None:
    """With its options."""
    found = {line: problem(line) for line in quoted(file.read_text(encoding="utf-8"))}
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


def test_a_command_that_is_not_there_is_noticed() -> None:
    """A word, a sub-command, an option."""
    text = "`tactful trane x.toml`, `tactful consent revoke 1`, `tactful train --fast`\n"
    text += "```console\n$ tactful budget --all\n```\n"
    assert [problem(line) for line in quoted(text)] == [
        "tactful budget has no --all",
        "no command tactful trane",
        "no command consent revoke",
        "tactful train has no --fast",
    ]


def test_the_readme_quotes_most_commands() -> None:
    """It is the door: every command is named somewhere in it, or in the help of its group."""
    assert len(set(quoted(README))) > 30


def test_no_block_of_commands_is_left_unrun() -> None:
    """Each console block of the README is one of those that the tests run: here, with the demo, or with a service."""
    marks = (
        "tactful budget",
        "tactful keys secrets",
        "tactful plan",
        "keys suppression",
        "mlflow models serve",
        "subject export",
    )
    assert [sum(mark in found for mark in marks) for found in blocks("console")] == [1] * len(marks)


def test_the_forecast_of_the_readme_is_what_is_printed() -> None:
    """Word for word, but for how lines are broken: it depends on nothing but the table."""
    shown = block("console", "tactful plan")
    (line,) = commands(shown)
    printed = CliRunner().invoke(app, line.split()[1:]).stdout
    assert shown.partition("\n")[2].split() == printed.split()


@pytest.mark.prove
def test_the_readmes_own_data_commands_run(tmp_path: Path) -> None:
    """Word for word on tables that a shop might have; then the commands that `train` ends with, and a list."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "world").mkdir()
    (tmp_path / "configs/reviewers.toml").write_text((ROOT / "configs/reviewers.toml").read_text(encoding="utf-8"))
    write_world(tmp_path / "world", people=1500)
    named = {"interactions": "purchases", "items": "products", "consents": "consents", "attributes": "customers"}
    for table, name in {**named, "subjects": "subjects"}.items():
        source = next((tmp_path / "world").glob(f"{table}.*"))
        frame = pd.read_parquet(source) if source.suffix == ".parquet" else pd.read_csv(source, dtype=str)
        frame.to_csv(tmp_path / f"data/{name}.csv", index=False)
    lines = commands(block("console", "tactful keys secrets"))
    assert len(lines) == 9
    run = runner(tmp_path)
    shell = "unset TACTFUL_TRUSTED_KEYS; " + "; ".join(lines[:2])
    for line in lines[2:]:
        done = run("bash", "-euc", f"{shell}\n{line}")
        assert done.returncode == 0, (line, done.stderr)
    (approve,) = re.findall("^  (tactful approve .*)$", done.stdout, flags=re.MULTILINE)
    done = run("bash", "-euc", f"{shell}\n{approve.replace('--key FILE', '--key models/shop/ada.key')}")
    assert "champion until" in done.stdout, done.stderr
    done = run("bash", "-euc", f"{shell}\ntactful recommend shop --history item-00,item-02 --profiling")
    assert "ranked by" in done.stdout, done.stderr
