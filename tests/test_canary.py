"""Law 8: recognisable people are planted, everything is run, everything is searched, and none of them is found."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import tactful.personal.engines.duckdb
from repository_recorder import Recorder
from repository_search import digests, hexadecimals, mentions, told, written
from repository_world import TRAINING, World, write_world
from tactful.errors import TactfulError
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.log import InteractionLog
from tactful.personal.split import hold_out
from tactful.scoring import Recommender, Suppressions
from tactful.scoring.pyfunc import PyfuncModel
from tactful.scoring.signing import load_private, public_text
from tactful.training import train

CANARY = "CANARY-7f3a"
AGE = [AttributeSpec(name="age", levels=("young", "old"))]
Rows = list[dict[str, str]]


def user_id(number: int) -> str:
    """The id of a person, recognisable anywhere."""
    return f"{CANARY}-{number:04d}-qz"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A world that everything was done in, and what was said meanwhile."""

    world: World
    recorder: Recorder
    wrong: list[tuple[object, str]]

    @property
    def people(self) -> set[str]:
        """What tells that a person is there: pseudonyms, and keyless digests of ids."""
        ids = self.world.user_ids
        return set(self.world.keys.pseudonyms(ids)) | digests(user_id.encode() for user_id in ids)


def plant(world: World) -> None:
    """The ids of people stand where they do not belong: as times, items, groups, purposes and states."""
    rows = world.table("interactions")
    for row in rows[::40]:
        row["timestamp"] = row["user_id"]
    for row in rows[1::40]:
        row["item_id"] = row["user_id"]
    world.rewrite("interactions", rows)
    attributes = world.table("attributes")
    for row in attributes[::9]:
        row["age"] = row["user_id"]
    world.rewrite("attributes", attributes)
    consents = world.table("consents")
    strange = [row | {column: row["user_id"]} for row in consents[:6] for column in ("purpose", "state", "event_time")]
    world.rewrite("consents", consents + strange)


@pytest.fixture(scope="module")
def done(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Everything is done once: a working day by the command line, the stages one by one, and every refusal."""
    folder = tmp_path_factory.mktemp("canary")
    world = write_world(folder, model="canary", people=700, user_id=user_id, privacy={"epsilon": 8.0})
    plant(world)
    shutil.copy(_template / "mlflow.db", world.outside)
    (folder / "scratch").mkdir()
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch, world.entered(), recorder.listening():
        patch.setattr(tempfile, "tempdir", str(folder / "scratch"))
        working_day(recorder, world)
        stages(recorder, world)
        calls = [(lambda config=config: train(config), says) for config, says in wrong_tables(world)]
        wrong = [(recorder.attempt(says, call), says) for call, says in calls + wrong_calls(world)]
        yield Told(world=world, recorder=recorder, wrong=wrong)


def working_day(recorder: Recorder, world: World) -> None:
    """Train, try to approve, approve, list, recommend, look at the books, say who may be profiled, retire, reject."""
    code, line = recorder.command("train", str(world.config), "--json")
    found = json.loads(line)
    assert (code, found["status"]) == (0, "candidate")
    assert found["excluded"]["malformed"] > 50
    overrides = [f"--override={rule}=only a test" for rule, verdict in found["verdicts"].items() if verdict != "pass"]
    decide = ("canary", "1", "--reason", "a test", "--json")
    assert recorder.command("approve", *decide, *overrides, "--key", "trainer.key")[0] == 3
    assert recorder.command("approve", *decide, *overrides, "--key", "reviewer.key")[0] == 0
    bought = f"item00,item02,{user_id(3)}"
    code, line = recorder.command("recommend", "canary", "--history", bought, "--profiling", "--because", "--json")
    assert (code, json.loads(line)["unknown"]) == (0, 1)
    for command in ("models", "budget"):
        assert recorder.command(command, "--json")[0] == 0
    assert recorder.command("journal", "verify", "--json")[0] == 0
    assert recorder.command("verify", "canary", "--json")[0] == 0
    model = recorder.attempt("load", lambda: Recommender.load("models:/canary@champion"))
    recorder.attempt("answer", lambda: model.recommend([user_id(1), "item01"], 5, profiling=True, because=True))
    recorder.attempt("explain", lambda: model.explain(["item01", user_id(1)], "item03"))
    rows = [{"history": [user_id(1)], "profiling": True}]
    recorder.attempt("serve", lambda: PyfuncModel(lambda: model).predict(rows))
    recorder.attempt("similar", lambda: model.similar("item01", 5))
    listed_people(recorder, world)
    assert recorder.command("rollback", "canary", "--reason", "a test", "--key", "reviewer.key", "--json")[0] == 3
    assert recorder.command("retire", *decide, "--key", "reviewer.key")[0] == 0
    assert recorder.command("reject", *decide, "--key", "reviewer.key")[0] == 0


def listed_people(recorder: Recorder, world: World) -> None:
    """Who may be profiled is listed, and asked."""
    signer = public_text(load_private(Path("trainer.key")))
    written = ("suppressions", str(world.config), "--key", "trainer.key", "--out", "may.list", "--purpose", TRAINING)
    assert recorder.command(*written)[0] == 0
    listed = recorder.attempt("list", lambda: Suppressions("may.list", trusted_keys=signer, purpose=TRAINING))
    asked = recorder.attempt("ask", lambda: [listed.allows(user_id(number)) for number in range(40)])
    recorder.attempt("show", lambda: (repr(listed), str(listed.check()), listed.reason))
    assert True in asked


def stages(recorder: Recorder, world: World) -> None:
    """Each stage by itself: what it returns is looked at, and misused."""
    gate = recorder.attempt("gate", world.gate)
    log = recorder.attempt("log", lambda: InteractionLog.open(world.data / "interactions.csv"))
    held = recorder.attempt("held", lambda: InteractionLog.open(pd.DataFrame(world.table("interactions"))))
    consented = recorder.attempt("admit", lambda: gate.admit(held, TRAINING))
    recorder.attempt("replay", lambda: gate.replay(log, TRAINING, consented.as_of))
    bounded = recorder.attempt("bound", lambda: bound(consented, max_items=5))
    people = recorder.attempt("hold out", lambda: hold_out(consented))
    table = recorder.attempt("attributes", lambda: Demographics.open(world.data / "attributes.csv", AGE))
    recorder.attempt("groups", lambda: table.groups(people, gate, AGE))
    recorder.attempt("keys", lambda: world.keys)
    for value in (consented, bounded, people):
        recorder.attempt("show", lambda value=value: (str(value), f"{value}", f"{value!r}"))
        for misuse in (pickle.dumps, copy.copy, copy.deepcopy, lambda it: setattr(it, user_id(1), user_id(2))):
            assert isinstance(recorder.attempt("misuse", lambda value=value, misuse=misuse: misuse(value)), Exception)


def replaced(world: World, name: str, table: str, content: bytes) -> Path:
    """A configuration in which one table is another file with this content."""
    folder = world.data / f"instead of {table}"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    config = path.with_suffix(".toml")
    config.write_text(world.config.read_text().replace(str(world.data / f"{table}.csv"), str(path)))
    return config


def changed(world: World, name: str, table: str, change: Callable[[Rows], Rows]) -> Path:
    """The same, with the table's rows changed."""
    rows = change(world.table(table))
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return replaced(world, name, table, "\n".join(map(",".join, lines)).encode())


def filled(column: str, value: str | None = None, *, rows: slice = slice(None)) -> Callable[[Rows], Rows]:
    """Cells of the column hold the value, or the person's id."""

    def change(found: Rows) -> Rows:
        for row in found[rows]:
            row[column] = row["user_id"] if value is None else value
        return found

    return change


def parquet(**columns: pa.Array) -> bytes:
    """A Parquet file."""
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


def wrong_tables(world: World) -> list[tuple[Path, str]]:
    """Configurations with a table that is wrong, with people's ids nearby, and what the error says."""
    ids = list(world.user_ids)
    raw = (world.data / "interactions.csv").read_bytes()
    wide = f"{ids[0]},item01,2026-01-01,{ids[1]},{ids[2]},{ids[3]}\n".encode()
    lists = parquet(user_id=pa.array([[one] for one in ids]), item_id=pa.array(ids), timestamp=pa.array(ids))
    nobody = filled("user_id", "", rows=slice(1, 2))
    return [
        (changed(world, "times.csv", "interactions", filled("timestamp")), "timestamp"),
        (
            changed(world, "lacks.csv", "interactions", lambda rows: [{"user_id": r["user_id"]} for r in rows]),
            "item_id",
        ),
        (replaced(world, "wide.csv", "interactions", raw + wide), "read to its end"),
        (replaced(world, "quote.csv", "interactions", raw + f'"{ids[0]},item01'.encode()), "read to its end"),
        (replaced(world, "bytes.csv", "interactions", raw + wide[:24] + b"\xff\xfe,item01,2026\n"), "read to its end"),
        (replaced(world, "early.csv", "interactions", raw[:90] + b"\xff\xfe" + raw[90:]), "early.csv"),
        (replaced(world, "lists.parquet", "interactions", lists), "user_id"),
        (replaced(world, "short.parquet", "interactions", lists[:-9]), "short.parquet"),
        (replaced(world, "text.parquet", "interactions", raw), "text.parquet"),
        (changed(world, "states.csv", "consents", filled("state")), "state"),
        (changed(world, "events.csv", "consents", filled("event_time")), "event_time"),
        (changed(world, "nameless.csv", "consents", nobody), "user_id"),
        (changed(world, "minors.csv", "subjects", nobody), "user_id"),
        (replaced(world, "more.csv", "attributes", f"user_id,age\n{ids[0]},young,{ids[1]}\n".encode()), "to its end"),
        (changed(world, "hidden.csv", "consents", filled("user_id", f"{ids[0]} ", rows=slice(1, 2))), "hides blanks"),
        (changed(world, "blank.csv", "subjects", filled("user_id", f"{ids[0]}\t", rows=slice(1, 2))), "hides blanks"),
        (
            changed(
                world,
                "close.csv",
                "subjects",
                lambda rows: [{"user_id": r["user_id"], "minor": "", "erased": ""} for r in rows],
            ),
            "erased_at",
        ),
        (changed(world, "bare.csv", "subjects", lambda rows: [{"user_id": r["user_id"]} for r in rows]), "minor or"),
        (changed(world, "groups.csv", "attributes", lambda rows: [{"user_id": r["user_id"]} for r in rows]), "age"),
        (changed(world, "people.csv", "items", lambda _: world.table("interactions")), "public"),
    ]


def wrong_calls(world: World) -> list[tuple[Callable[[], object], str]]:
    """Calls that are wrong, with people's ids in their arguments, and what the error says."""
    ids = list(world.user_ids)
    rows, log = [{"user_id": ids[0]}], InteractionLog.open(world.data / "interactions.csv")
    mixed = pd.DataFrame({"user_id": [ids[0], 7, b"x"], "item_id": ids[:3], "timestamp": [ids[0], 1.5, None]})
    future = datetime.now(UTC) + timedelta(days=1)
    return [
        (lambda: ConsentedInteractions(rows, ids=ids), "ConsentGate.admit"),
        (lambda: BoundedInteractions(**{ids[0]: rows}), "bound"),
        (lambda: world.gate().admit(log, "Ads!"), "purpose"),
        (lambda: world.gate().admit(log, TRAINING, future), "future"),
        (lambda: InteractionLog.open(mixed), "one type"),
        (lambda: InteractionLog.open(mixed.iloc[[1, 0]]), "one type"),
        (lambda: Demographics.open(world.data / "consents.csv", AGE), "age"),
        (lambda: Recommender.load("models:/canary/1"), "approved"),
    ]


def raised(call: Callable[[], object]) -> Exception:
    """The exception of a call."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_nothing_that_was_said_names_a_person(done: Told) -> None:
    """No log record down to DEBUG, output, result or exception (causes, contexts) holds an id or a pseudonym."""
    assert len(done.recorder.said) > 200
    assert mentions(done.recorder.said, [CANARY]) == []
    assert hexadecimals(done.recorder.said, done.people) == []


def test_nothing_that_was_written_names_a_person(done: Told) -> None:
    """No file of MLflow, artifacts, records or scratch holds an id or a keyless digest of one."""
    files = list(written(done.world.folder, but=done.world.data))
    assert {"records.db, table journal", "outside/mlflow.db, table metrics"} <= {place for place, _ in files}
    assert any(place.endswith("report.html") for place, _ in files)
    assert mentions(files, [CANARY]) == []
    assert hexadecimals(written(done.world.outside), done.people) == []
    assert list((done.world.folder / "scratch").iterdir()) == []


def test_everything_that_is_wrong_was_refused(done: Told) -> None:
    """Each wrong table and call met an error of our own that says what is wrong, so that the search above heard it."""
    assert len(done.wrong) > 20
    assert [says for error, says in done.wrong if not isinstance(error, TactfulError) or says not in str(error)] == []


def test_the_planted_ids_were_there_to_be_found(done: Told) -> None:
    """The tables that were read hold the canaries in every column, so that silence means something."""
    found = mentions(written(done.world.data), [CANARY])
    assert {f"bytes of {path.name}" for path in done.world.personal_files} <= set(found)


@pytest.mark.parametrize("table", ["interactions", "consents", "attributes", "subjects", "items"])
def test_a_table_without_its_header_names_nobody(done: Told, table: str) -> None:
    """Where the header is missing, the first row is taken for column names; the error repeats none of it."""
    source = "interactions" if table == "items" else table
    rows = (done.world.data / f"{source}.csv").read_bytes().split(b"\n", 1)[1]
    config = replaced(done.world, "headless.csv", table, rows)
    error = raised(lambda: train(config))
    assert isinstance(error, TactfulError)
    assert mentions(told(error), [CANARY]) == []


def test_a_broken_table_of_people_given_as_items_names_nobody(done: Told) -> None:
    """Where the path of the items leads to a table of people with a ragged row, the error does not quote the row."""
    row = f"{user_id(0)},item01,2026-01-01,{user_id(1)},{user_id(2)},{user_id(3)}\n"
    raw = (done.world.data / "interactions.csv").read_bytes() + row.encode()
    error = raised(lambda: train(replaced(done.world, "wide.csv", "items", raw)))
    assert mentions(told(error), [CANARY]) == []
    assert isinstance(error, TactfulError)


def test_categories_that_are_people_are_not_listed(done: Told) -> None:
    """A column of categories has its values in its type; the error about a wrong type repeats none of them."""
    ids = pa.array(done.world.user_ids).dictionary_encode()
    log = InteractionLog.open(pa.table({"user_id": ids, "item_id": ids, "timestamp": ids}))
    error = raised(lambda: done.world.gate().admit(log, TRAINING))
    assert isinstance(error, TactfulError)
    assert mentions(told(error), [CANARY]) == []


def test_a_bug_in_a_command_names_nobody(done: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure inside a library, whose message quotes a row, reaches standard error without it."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError(user_id(1))

    monkeypatch.setattr("tactful.mitigating.bound", broken)
    monkeypatch.delenv("TACTFUL_DEBUG", raising=False)
    recorder = Recorder()
    code, _ = recorder.command("train", str(done.world.config))
    streams = [(place, text) for place, text in recorder.said if "standard" in place]
    assert code == 1
    assert any("KeyError" in text for _, text in streams)
    assert mentions(streams, [CANARY]) == []


def test_a_gate_that_logs_people_is_found(done: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate's own step with ids in hand, made to log one at DEBUG and the pseudonyms to its caller, is found out."""
    honest = tactful.personal.engines.duckdb.enrolled

    def talkative(user_ids: Any, *rest: Any, **among: Any) -> Any:
        tables = honest(user_ids, *rest, **among)
        logging.getLogger("tactful.personal").debug("first of them: %s", tables[0]["user_id"][0].as_py())
        sys.stdout.write(tables[1]["pseudonym"][0].as_py())
        return tables

    monkeypatch.setattr("tactful.personal.engines.duckdb.enrolled", talkative)
    recorder = Recorder()
    with recorder.listening():
        recorder.attempt("gate", done.world.consented)
    assert mentions(recorder.said, [CANARY]) == ["gate: log of tactful.personal"]
    assert hexadecimals(recorder.said, done.people) == ["gate: standard output"]
