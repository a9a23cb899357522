"""A configuration from column names alone: it loads, says everything that must be decided, and knows no value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cli_calls import Called, called
from tactful.config import TrainingConfig
from tactful.config_draft import draft
from tactful.errors import NotFoundError, SchemaError

Call = Callable[..., Called]
USE = "Suggest films to customers who agreed"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line in an empty folder, where nothing is set."""
    for name in ("RECORDS", "SECRET_FILE", "TRUSTED_KEYS", "ACTORS", "ACTOR_KEY", "VAULT", "JOURNAL_HEAD"):
        monkeypatch.delenv(f"TACTFUL_{name}", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)

    def tactful(*arguments: str) -> Called:
        return called(monkeypatch, capsys, *arguments)

    return tactful


def tables(folder: Path) -> dict[str, Path]:
    """Tables of a shop, with values that nobody may repeat."""
    written = {
        "interactions": {
            "user_id": ["CANARY-1"],
            "item_id": ["SECRET-item"],
            "timestamp": ["2026-01-01"],
            "shop": ["x"],
        },
        "items": {"item_id": ["SECRET-item"], "title": ["SECRET title"], "genres": ["SECRET-genre"]},
        "consents": {
            "user_id": ["CANARY-1"],
            "purpose": ["personalization.training"],
            "state": ["given"],
            "event_time": ["2025-01-01"],
        },
        "attributes": {"user_id": ["CANARY-1"], "age band": ["SECRET-level"], "gender": ["SECRET-level"]},
        "subjects": {"user_id": ["CANARY-1"], "minor": ["no"]},
    }
    for role, columns in written.items():
        pd.DataFrame(columns).to_csv(folder / f"{role}.csv", index=False)
    return {role: folder / f"{role}.csv" for role in written}


@pytest.mark.parametrize(
    "given", [("interactions", "items"), ("interactions", "items", "consents", "attributes", "subjects")]
)
def test_a_draft_loads_and_holds_no_value(tmp_path: Path, given: tuple[str, ...]) -> None:
    """Whatever tables there are; of their cells it knows nothing."""
    named = {role: path for role, path in tables(tmp_path).items() if role in given}
    made = draft("films", named, intended_use=USE)
    file = tmp_path / "films.toml"
    file.write_text(made.text, encoding="utf-8")
    assert set(TrainingConfig.load(file).data.tables) == set(given) - {"items"}
    assert "SECRET" not in made.text
    assert "CANARY" not in made.text
    assert made.unread == {"interactions": ("shop",)}


def test_a_draft_with_its_comments_taken_away_loads_too(tmp_path: Path) -> None:
    """What it proposes for attributes and rules is right once the levels are written down."""
    made = draft("films", tables(tmp_path), intended_use=USE).text
    head, _, rest = made.partition("# [fairness.attributes")
    fairness = f"# [fairness.attributes{rest.partition('# [engine]')[0]}"
    text = head + re.sub("^# ", "", fairness, flags=re.MULTILINE).replace('"…", "…"', '"a", "b"')
    file = tmp_path / "films.toml"
    file.write_text(text, encoding="utf-8")
    found = TrainingConfig.load(file).fairness
    assert set(found.attributes) == {"age band", "gender"}
    assert [rule.attribute for rule in found.rules] == ["age band"]


def test_it_reads_no_row(tmp_path: Path) -> None:
    """A file whose rows cannot be read is as good."""
    named = tables(tmp_path)
    named["interactions"].write_bytes(b"user_id,item_id,timestamp\n" + b"\n" * 100_000 + b"\xff\xfe,\x00")
    assert draft("films", named, intended_use=USE).unread == {}


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """A lacking column, a lacking file, a misspelt protection, and people in the catalogue."""
    named = tables(tmp_path)
    with pytest.raises(NotFoundError, match=r"nowhere\.csv"):
        draft("films", named | {"items": tmp_path / "nowhere.csv"}, intended_use=USE)
    (tmp_path / "items.csv").write_text("user_id,item_id\n1,2\n")
    with pytest.raises(SchemaError, match="may not describe people"):
        draft("films", named, intended_use=USE)
    (tmp_path / "consents.csv").write_text("user_id,purpose,state,event_time,valid_untill\n")
    with pytest.raises(SchemaError, match="valid_until"):
        draft("films", tables(tmp_path) | {"consents": _misspelt(tmp_path)}, intended_use=USE)
    (tmp_path / "interactions.csv").write_text("customer,item_id,timestamp\n")
    with pytest.raises(SchemaError, match="needs the column user_id"):
        draft("films", {**named, "items": _items(tmp_path)}, intended_use=USE)


def _misspelt(folder: Path) -> Path:
    """Consents with a protection that would not be read."""
    (folder / "misspelt.csv").write_text("user_id,purpose,state,event_time,valid_untill\n")
    return folder / "misspelt.csv"


def _items(folder: Path) -> Path:
    """A catalogue."""
    (folder / "catalogue.csv").write_text("item_id\n1\n")
    return folder / "catalogue.csv"


def options(named: dict[str, Path]) -> list[str]:
    """The tables as options."""
    return [word for role, path in named.items() for word in (f"--{role}", str(path))]


def test_init_writes_once_and_says_what_comes_next(call: Call, tmp_path: Path) -> None:
    """The commands that it names run in their order; a second call leaves the file alone."""
    made = call("init", "films", *options(tables(tmp_path)), "--intended-use", USE, "--json")
    assert made.code == 0, made.err
    file = tmp_path / "configs/films.toml"
    before = file.read_bytes()
    assert call("init", "films", *options(tables(tmp_path)), "--intended-use", "Another").code == 2
    assert file.read_bytes() == before
    assert made.json["next"][0] == "mkdir -p models"
    (tmp_path / "models").mkdir()
    for command in made.json["next"][1:-1]:
        words, _, into = command.removeprefix("tactful ").partition(" >> ")
        done = call(*words.split())
        assert done.code == 0, (command, done.err)
        if into:
            with (tmp_path / into).open("a") as reviewers:
                reviewers.write(done.out)
    assert made.json["unread"] == {"interactions": ["shop"]}


def test_init_gives_another_population_books_of_its_own(call: Call, tmp_path: Path) -> None:
    """Where there are records already, they may be of other people."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/records.db").touch()
    made = call("init", "films", *options(tables(tmp_path)), "--intended-use", USE, "--json")
    assert any("TACTFUL_RECORDS=sqlite:///models/films/records.db" in command for command in made.json["next"])


@pytest.mark.parametrize("column", ["shelf life", 'x\n[controller]\nname = "y"\n#', "genre]"])
def test_no_column_writes_into_the_draft(tmp_path: Path, column: str) -> None:
    """Whatever a feature is called, the draft is the same configuration, also with its comments taken away."""
    named = tables(tmp_path)
    pd.DataFrame({"item_id": ["1"], column: ["a"]}).to_csv(named["items"], index=False)
    made = draft("films", named, intended_use=USE).text
    plain = TrainingConfig.of(made, tmp_path / "x.toml")
    assert plain.controller.name == "not stated"
    sensitive = re.sub("^# (\\[policy.sensitive\\]|health = )", r"\1", made, flags=re.MULTILINE)
    assert list(TrainingConfig.of(sensitive, tmp_path / "x.toml").policy.sensitive["health"]) == [column]


@pytest.mark.parametrize("use", ["", "a\udcffb"])
def test_what_would_not_load_is_not_written(call: Call, tmp_path: Path, use: str) -> None:
    """Nothing is left that a second call would stumble over."""
    refused = call("init", "films", *options(tables(tmp_path)), "--intended-use", use)
    assert refused.code == 2, refused.err
    assert not (tmp_path / "configs").exists()
    assert call("init", "films", *options(tables(tmp_path)), "--intended-use", "a\x7fb").code == 0


def test_a_bad_name_writes_nothing(call: Call, tmp_path: Path) -> None:
    """The registry's names are narrow."""
    assert call("init", "My Films", *options(tables(tmp_path)), "--intended-use", USE).code == 2
    assert not (tmp_path / "configs").exists()
