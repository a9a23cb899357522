"""Consent stores for tests: a clock that is set, secrets, tables of events, and a look at the bytes of a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tactful.personal.keys import Keys
from tactful.records.consents import ConsentStore
from tactful.records.store import Records
from tactful.records.subjects import Subjects

KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
NEW_KEYS = Keys(pseudonym=b"p" * 32, storage=b"n" * 32, assignment=b"a" * 32, storage_older=(b"s" * 32,))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = ("user_id", "purpose", "state", "event_time", "recorded_time", "valid_until", "method", "record_id")


@dataclass
class Clock:
    """A clock that goes on by a second each time it is looked at."""

    time: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def opened(url: str, clock: Clock | None = None, keys: Keys = KEYS) -> tuple[Records, ConsentStore, Subjects]:
    """The records at an address, with their consents and people."""
    records = Records.open(url, clock=clock or Clock())
    return records, ConsentStore.open(records, keys), Subjects.open(records, keys)


def table(*rows: Iterable[str | None]) -> pa.Table:
    """Consent events as text, cells in the order of `NAMES`; missing ones at the end may be left out."""
    cells = [dict(zip(NAMES, row, strict=False)) for row in rows]
    return pa.Table.from_pylist(cells, schema=pa.schema([(name, pa.string()) for name in NAMES]))


def given(user: str, *, purpose: str = "personalization", state: str = "given", day: int = 1) -> tuple[str, ...]:
    """A short event of a day in January 2026."""
    return user, purpose, state, f"2026-01-{day:02d}"


def bytes_of(folder: Path) -> bytes:
    """Everything that lies in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def count_of(folder: Path, text: str) -> int:
    """How often a text stands in the files of a folder, as it is or in hexadecimal as bytes."""
    found, forms = bytes_of(folder), {text.encode(), text.encode("utf-16-le")}
    forms |= {bytes.fromhex(text)} if len(text) == 32 and set(text) <= set("0123456789abcdef") else set()
    return sum(found.count(form) for form in forms)
