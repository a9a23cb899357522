"""The command line: exit codes, one JSON object on the last line, and errors a person can act on."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_calls import Called, called
from tactful.privacy.events import GaussianEvent, SamplerSlack
from tactful.privacy.ledger import BudgetLedger, BudgetLimit
from tactful.records.store import Records

Tactful = Callable[..., Called]


@pytest.fixture
def tactful(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls the command line inside the known world."""

    def call(*arguments: str) -> Called:
        return called(monkeypatch, capsys, *arguments)

    return call


def overrides(verdicts: dict[str, str]) -> list[str]:
    """An override for each rule that did not pass."""
    options = [["--override", f"{rule}=looked at it"] for rule, verdict in verdicts.items() if verdict != "pass"]
    return [word for option in options for word in option]


def test_from_train_to_recommend(tactful: Tactful, workspace: Path) -> None:
    """The commands of the contract in the order of a working day, each with its exit code and fields."""
    trained = tactful("train", "shop.toml", "--key", "trainer.key", "--json")
    assert trained.code == 0
    found = trained.json
    assert {"model", "version", "run_id", "status", "epsilon", "delta", "noise", "read", "admitted", "excluded"} <= set(
        found
    )
    assert found["status"] == "candidate"
    assert found["admitted"] + sum(found["excluded"].values()) == found["read"]

    before = tactful("recommend", "shop", "--history", "item-00", "--profiling", "--json")
    assert before.code == 2
    refused = tactful("recommend", "models:/shop/1", "--history", "item-00", "--profiling", "--json")
    assert refused.code == 3

    own = tactful("approve", "shop", "1", "--key", "trainer.key", "--reason", "mine")
    assert own.code == 3
    missing = tactful(
        "approve", "shop", "1", "--key", "reviewer.key", "--reason", "fine", "--override", "no_such_rule=x"
    )
    assert missing.code == 2
    words = overrides(found["verdicts"])
    approved = tactful("approve", "shop", "1", "--key", "reviewer.key", "--reason", "fine", *words, "--json")
    assert approved.code == 0, approved.err
    assert approved.json["status"] == "approved"

    answered = tactful(
        "recommend", "shop", "--history", "item-00,item-02,nothing", "-n", "3", "--profiling", "--because", "--json"
    )
    answer = answered.json
    assert set(answer) >= {"items", "personalised", "reason", "unknown", "model", "version"}
    assert (answer["unknown"], answer["personalised"], answer["version"]) == (1, True, "1")
    for item in answer["items"]:
        assert sum(part["contribution"] for part in item["because"]) == pytest.approx(item["score"], abs=1e-5)
    everybody = tactful("recommend", "shop", "--history", "item-00", "-n", "999", "--no-profiling", "--json").json
    assert everybody["personalised"] is False
    assert len(everybody["items"]) < 999

    models = tactful("models", "shop", "--json").json["models"]
    assert models[0]["champion"]["now"] == "1"
    budget = tactful("budget", "--json").json
    assert set(budget) >= {"limit", "spent", "remaining", "since_first", "debits"}
    assert tactful("journal", "verify", "--json").json["ok"] is True
    rejected = tactful("reject", "shop", "1", "--key", "reviewer.key", "--reason", "second thoughts", "--json")
    assert rejected.json["status"] == "rejected"
    assert tactful("recommend", "shop", "--history", "item-00", "--profiling").code in {2, 3}


@pytest.mark.parametrize(
    ("change", "who", "says"),
    [
        (("", ""), "stranger.key", "reviewer"),
        (
            ("epsilon = 20.0", "epsilon = 20.0\npublic_data = true\nreproducible_seed = 1"),
            "reviewer.key",
            "reproducible",
        ),
    ],
)
def test_what_may_not_be_approved_exits_3(
    tactful: Tactful, workspace: Path, change: tuple[str, str], who: str, says: str
) -> None:
    """A key that is no reviewer's, and noise that could be drawn again."""
    config = workspace / "shop.toml"
    config.write_text(config.read_text().replace(*change))
    found = tactful("train", "shop.toml", "--key", "trainer.key", "--json").json
    refused = tactful("approve", "shop", "1", "--key", who, "--reason", "x", *overrides(found["verdicts"]))
    assert refused.code == 3
    assert says in refused.err


def test_an_unattributed_or_unjudged_candidate_is_not_approved(tactful: Tactful) -> None:
    """Nobody answers for a run without a key; and a rule that did not pass needs a written reason."""
    tactful("train", "shop.toml")
    assert "signed" in tactful("approve", "shop", "1", "--key", "reviewer.key", "--reason", "x").err
    found = tactful("train", "shop.toml", "--key", "trainer.key", "--json").json
    if any(verdict != "pass" for verdict in found["verdicts"].values()):
        assert tactful("approve", "shop", "2", "--key", "reviewer.key", "--reason", "x").code == 3


def test_a_refused_run_exits_3_with_its_json(tactful: Tactful, workspace: Path) -> None:
    """The refusal is a result: counts, no version, and why."""
    (workspace / "consents.csv").write_text("user_id,purpose,state,event_time\n")
    refused = tactful("train", "shop.toml", "--json")
    assert refused.code == 3
    assert refused.json["status"] == "refused"
    assert refused.json["version"] is None
    assert refused.json["excluded"]["no_record"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("recommend", "shop", "--history", "item-00"), "--profiling"),
        (("recommend", "nothing", "--history", "a", "--profiling"), "tactful models"),
        (("train", "nowhere.toml"), "nowhere.toml"),
        (("train", "shop.toml", "--as-of", "yesterday"), "ISO 8601"),
        (("train", "shop.toml", "--as-of", "2999-01-01"), "future"),
        (("train", "shop.toml", "--key", "secrets.toml"), "key"),
        (("approve", "shop", "1", "--key", "reviewer.key", "--reason", "x", "--override", "nonsense"), "RULE=TEXT"),
        (("approve", "shop", "7", "--key", "reviewer.key", "--reason", "x"), "shop"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_wrong_usage_exits_2_in_one_line(tactful: Tactful, arguments: tuple[str, ...], says: str) -> None:
    """What must hold, what was given, what to do; no traceback."""
    called = tactful(*arguments)
    assert called.code == 2, called.err
    assert says in called.err
    assert "Traceback" not in called.err


def test_keys_are_private_and_never_overwritten(tactful: Tactful, workspace: Path) -> None:
    """The private file is 0600; the public key is printed in the form the list of reviewers takes."""
    made = tactful("keys", "new", "bob", "--out", "bob.key", "--json")
    assert (workspace / "bob.key").stat().st_mode & 0o777 == 0o600
    assert made.json["public_key"].startswith("ed25519:")
    assert tactful("keys", "new", "bob", "--out", "bob.key").code == 2


def test_looking_makes_no_records(tactful: Tactful, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, a look at the budget is refused; empty records would say that nothing was spent."""
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{workspace}/elsewhere.db")
    for command in (("budget",), ("journal", "verify"), ("models",)):
        called = tactful(*command)
        assert called.code == 2
        assert "elsewhere.db" in called.err
    assert not (workspace / "elsewhere.db").exists()


def test_what_a_dead_run_never_opened_is_given_back(tactful: Tactful, workspace: Path) -> None:
    """Its debit is named beside the books; what was opened stays spent, and the second time nothing is left."""
    ledger = BudgetLedger(Records.open())
    ledger.declare(BudgetLimit(epsilon=12.0, delta=1e-6))
    slack = SamplerSlack.none()
    events = [
        GaussianEvent(name=n, partitions=("training",), noise_multiplier=5.0, slack=slack) for n in ("people", "gram")
    ]
    debit = ledger.debit("a run that died", events)
    ledger.open(debit, "people")
    assert f"--give-back {debit.id}" in tactful("budget").out
    returned = tactful("budget", "--give-back", debit.id, "--json")
    assert "given back: gram" in returned.err
    assert {line["name"]: line["state"] for line in returned.json["debits"]} == {
        "people": "opened",
        "gram": "cancelled",
    }
    again = tactful("budget", "--give-back", debit.id)
    assert "nothing" in again.out
    assert "--give-back" not in again.out
    assert tactful("budget", "--give-back", "unknown").code == 2


def test_an_interrupted_run_says_what_it_cost(tactful: Tactful, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal in the middle of a run: no candidate, exit 130, and what was opened stays spent."""

    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("tactful.planning.choose_head", interrupted)
    called = tactful("train", "shop.toml")
    assert called.code == 130
    assert re.search(r"epsilon = [0-9.]+ of \d+ had been opened and stays spent, and no candidate was", called.err)
    assert "tactful budget" in called.err
    states = {debit["name"]: debit["state"] for debit in tactful("budget", "--json").json["debits"]}
    assert (states["popularity"], states["gram"]) == ("released", "cancelled")


def test_secrets_are_made_once(tactful: Tactful, workspace: Path) -> None:
    """A second call keeps what is there."""
    assert tactful("keys", "secrets", "--out", "new.toml").code == 0
    made = (workspace / "new.toml").read_bytes()
    assert (workspace / "new.toml").stat().st_mode & 0o777 == 0o600
    assert tactful("keys", "secrets", "--out", "new.toml").code == 0
    assert (workspace / "new.toml").read_bytes() == made


def test_a_bug_shows_no_message(tactful: Tactful, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another library's message may hold a person's data, so only its kind and place are shown."""

    def broken(*_: object, **__: object) -> None:
        raise ValueError("could not convert CANARY-00001-person")

    monkeypatch.delenv("TACTFUL_DEBUG", raising=False)
    monkeypatch.setattr("tactful.cli.training.train", broken)
    called = tactful("train", "shop.toml")
    assert called.code == 1
    assert "CANARY" not in called.err
    assert "ValueError" in called.err
