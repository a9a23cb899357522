"""A program of its own: people with recognisable ids go through Spark, which writes down all it can, and then dies.

    python engines_spark_secrets.py FOLDER encrypted|clear

What must not be found anywhere stands in `needles`.
"""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pyarrow as pa
import pyarrow.csv

from gram_reference import query
from personal_reference import PURPOSE, day, event, gate, world
from tactful.errors import TactfulError
from tactful.personal.books import LOG
from tactful.personal.bounding import bound
from tactful.personal.contributions import PopularitySums, item_popularity
from tactful.personal.engines import spark_settings
from tactful.personal.engines.base import Roll
from tactful.personal.engines.spark import Spark
from tactful.personal.grams import item_gram
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog

KEYS = Keys(
    pseudonym=sha256(b"one key").digest(), storage=sha256(b"another").digest(), assignment=sha256(b"a third").digest()
)
ODD = ("CANARY-é", "CANARY'; --", 'CANARY-"7f3a"', "CANARY-" + "x" * 300, "CANARY-\U0001f600")
USERS = (*ODD, *(f"CANARY-{number}" for number in range(40)))
ITEMS = [f"item-{number}" for number in range(12)]


def needles() -> dict[str, bytes]:
    """What must not be found, and what it is: ids, pseudonyms, and keys in each spelling."""
    found = {"an id": b"CANARY"}
    found |= {f"the pseudonym {number}": name.encode() for number, name in enumerate(KEYS.pseudonyms(list(USERS)))}
    for name in ("pseudonym", "storage", "assignment"):
        key = getattr(KEYS, name)
        spelt = {"bytes": key, "hexadecimals": key.hex().encode(), "base64": base64.b64encode(key)}
        found |= {f"the key of {name} in {how}": written for how, written in spelt.items()}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Sums that fail with a row in their words."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """One number."""
        return (1,)

    def prepared(self, batch: pa.RecordBatch) -> Any:
        """Nothing."""
        raise ValueError(str(batch.to_pylist()))

    def add(self, prepared: Any, block: int, total: Any) -> None:
        """Nothing."""


def engine(folder: Path, *, encrypted: bool) -> Spark:
    """Spark that logs every event, keeps little in memory and does not compress what it writes to its disk."""
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # a short life
        "spark.driver.memory": "1g",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (folder / "events").as_uri(),
        "spark.eventLog.enabled": "true",
        "spark.io.encryption.enabled": str(encrypted).lower(),
        "spark.local.dir": str(folder / "local"),
        "spark.log.level": "INFO",
        "spark.shuffle.compress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.tactful.test": "true",
        "spark.ui.enabled": "false",
    }
    return Spark(master="local[2]", settings=settings)


def tables(folder: Path) -> tuple[Path, Path]:
    """A log that can be read, and one with a row of too many cells."""
    rows = [(user, ITEMS[(place * n) % 12], day(1 + n)) for place, user in enumerate(USERS) for n in range(9)]
    table = pa.table(dict(zip(("user_id", "item_id", "timestamp"), zip(*rows, strict=True), strict=True)))
    good, bad = folder / "log.csv", folder / "malformed.csv"
    pyarrow.csv.write_csv(table, good)
    bad.write_text("user_id,item_id,timestamp\nCANARY-1,item-1,CANARY,CANARY,CANARY\n", encoding="utf-8")
    return good, bad


def in_the_clear(folder: Path) -> NoReturn:
    """People are named, which takes a shuffle, by a Spark that writes it to its disk as it is."""
    good, _ = tables(folder)
    with patch.object(spark_settings, "ENCRYPTED", "spark.tactful.test"):  # what is refused is tried all the same
        opened = engine(folder, encrypted=False)
        session = opened.session(Roll(keys=KEYS, evaluation_share=0.2))
    session.stage("log", InteractionLog.open(good).source, LOG)
    session.enroll("log")
    die(opened)


def in_full(folder: Path) -> NoReturn:
    """Gate, bound and sums, a table that cannot be read, workers that fail; and nobody tidies up."""
    good, bad = tables(folder)
    said = [event(user, "refused" if user == USERS[7] else "given", 0) for user in USERS]
    asked = world(said, items=dict.fromkeys(ITEMS, ()), erased={USERS[8]: 2}, subjects={USERS[9]: {"minor": "yes"}})
    opened = engine(folder, encrypted=True)
    judge = gate(asked, 20, keys=KEYS, share=0.2, engine=opened)
    admitted = judge.admit(InteractionLog.open(good), PURPOSE)
    bounded = bound(admitted, max_items=5)
    item_popularity(bounded)
    item_gram(bounded, query(range(6), [1] * 6, [1] * 6))
    errors = [
        refused(lambda: judge.admit(InteractionLog.open(bad), PURPOSE)),
        refused(lambda: bounded.rows.total(Failing())),
        refused(lambda: admitted._session.total("SELECT person, item FROM admitted", Failing())),
        refused(lambda: admitted._session.total("SELECT person, item FROM admitted", PopularitySums(n_items=12))),
    ]
    (folder / "errors").write_text("\n".join(errors), encoding="utf-8")
    die(opened)


def die(opened: Spark) -> NoReturn:
    """Java is killed, and so is this."""
    process = opened._context().sparkContext._gateway.proc
    process.kill()
    process.wait()
    os._exit(0)


def refused(action: Any) -> str:
    """What the error says, and what it came from."""
    try:
        action()
    except TactfulError as error:
        return f"{error} {error.__cause__} {error.__context__}"
    raise AssertionError("this is refused")


if __name__ == "__main__":
    {"encrypted": in_full, "clear": in_the_clear}[sys.argv[2]](Path(sys.argv[1]))
