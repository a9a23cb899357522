"""How long the consent gate takes and how much memory, beside a plain join of the same files, on synthetic people.

What is timed is the whole of `ConsentGate.admit`: headers, ids, pseudonyms, consents with both clocks, retention,
sensitive categories, one outcome for every row and the admitted rows in memory.

The peer is what one would write in an afternoon: `PEER_JOIN`, in DuckDB with the gate's own settings, from the same
Parquet files to rows in memory. It takes each person's last word on the purpose, by event time, and keeps the rows of
whoever gave it, if the item is in the catalogue. It does none of the rest: no pseudonyms, no second clock, no gap in a
consent, no end of one, no retention, no opt-in, no reason for what is left out, no spelling. So it lets more rows
through, and writes more.

Each of the two has a process of its own, which lives as long as the benchmark; they take turns, and medians are told.
Both have been through a small world first. The peak is that of the gate's process, over all its turns.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from tactful.benchmarks.memory import peak_gib
from tactful.catalogue import Catalogue
from tactful.errors import UsageError
from tactful.personal.engines.duckdb import SETTINGS
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy

ROWS, ITEMS, ROWS_A_PERSON, RUNS = 10_000_000, 20_000, 100, 3
PURPOSE = "personalization.training"
PEER_JOIN = """
CREATE TEMP TABLE admitted AS
SELECT l.user_id, l.item_id, l.timestamp
FROM read_parquet('{folder}/interactions.parquet') l
JOIN (
  SELECT user_id, ARG_MAX(state, event_time) AS state
  FROM read_parquet('{folder}/consents.parquet')
  WHERE purpose IN ('personalization', 'personalization.training')
  GROUP BY user_id
) c ON c.user_id = l.user_id AND c.state = 'given'
JOIN read_parquet('{folder}/items.parquet') i ON i.item_id = l.item_id
"""
_SMALL = 20_000
_START, _DAYS = datetime(2024, 1, 1, tzinfo=UTC), 900
_DAY = 86_400_000_000
_PURPOSES = (
    "personalization",
    PURPOSE,
    "personalization.recommendations",
    "personalization.sensitive.family",
    "fairness.assessment",
)
_STATES, _HOW_OFTEN = ("given", "refused", "withdrawn"), (0.7, 0.1, 0.2)
_CATEGORIES = ("food", "drink", "home", "family")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpeed:
    """The gate beside a plain join.

    Attributes
    ----------
    seconds, peer_seconds : float
        Medians.
    peak_gib : float
        Most memory that the gate's process held.
    rows, people, items, consents : int
        What was read.
    admitted, peer_admitted : int, rows
        What each let through.
    runs : int
        Turns of each.
    """

    seconds: float
    peer_seconds: float
    peak_gib: float
    rows: int
    people: int
    items: int
    consents: int
    admitted: int
    peer_admitted: int
    runs: int

    @property
    def ratio(self) -> float:
        """The gate's seconds by the peer's."""
        return self.seconds / self.peer_seconds

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes, and the ratio."""
        return {
            "ratio": self.ratio,
            **asdict(self),
            "peer": "DuckDB: interactions joined with each person's last word and with the items",
        }


def benchmark_gate(rows: int = ROWS, *, runs: int = RUNS, progress: Progress = lambda _: None) -> GateSpeed:
    """The gate and a plain join have been timed in turns, on the same synthetic files.

    Parameters
    ----------
    rows : int, default=10,000,000
        Interactions, a hundred a person.
    runs : int, default=3
        Turns of each, of which the medians are told.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    UsageError
        If there are fewer rows than a person has, or no turn.
    """
    if rows < ROWS_A_PERSON or runs < 1:
        raise UsageError(
            f"there are {ROWS_A_PERSON} rows at least, and a turn", given=f"{rows} rows, {runs} turns", do="Raise them"
        )
    with tempfile.TemporaryDirectory(prefix="tactful-") as temporary, _alone() as gate, _alone() as peer:
        folder, small = Path(temporary), Path(temporary) / "small"
        progress(f"writing {rows:,} interactions")
        consents = write_world(folder, rows)
        write_world(small, min(_SMALL, rows))
        for process, task in ((gate, admit), (peer, join)):
            process.submit(task, small).result()
        ours, theirs = [], []
        for turn in range(1, runs + 1):
            progress(f"turn {turn} of {runs}: the gate, the plain join")
            ours.append(gate.submit(admit, folder).result())
            theirs.append(peer.submit(join, folder).result())
        peak = gate.submit(peak_gib).result()
    return GateSpeed(
        seconds=median(seconds for seconds, _ in ours),
        peer_seconds=median(seconds for seconds, _ in theirs),
        peak_gib=peak,
        rows=rows,
        people=rows // ROWS_A_PERSON,
        items=ITEMS,
        consents=consents,
        admitted=ours[0][1],
        peer_admitted=theirs[0][1],
        runs=runs,
    )


def admit(folder: Path) -> tuple[float, int]:
    """Seconds of the gate over the files of the folder, and the rows it admitted."""
    catalogue = Catalogue.open(folder / "items.parquet")
    began = time.perf_counter()
    gate = ConsentGate(
        consents=folder / "consents.parquet",
        catalogue=catalogue,
        policy=Policy(retention_days=_DAYS - 100, sensitive={"family": {"category": ("family",)}}),
        keys=Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32),
        evaluation_share=0.2,
        now=lambda: _START + timedelta(days=_DAYS + 1),
    )
    consented = gate.admit(InteractionLog.open(folder / "interactions.parquet"), PURPOSE)
    return time.perf_counter() - began, consented.counts.admitted


def join(folder: Path) -> tuple[float, int]:
    """Seconds of the plain join over the files of the folder, and the rows it let through."""
    began = time.perf_counter()
    with duckdb.connect(":memory:", config=SETTINGS) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(PEER_JOIN.format(folder=str(folder).replace("'", "''")))
        seconds = time.perf_counter() - began
        return seconds, int(database.execute("SELECT COUNT(*) FROM admitted").fetchall()[0][0])


def write_world(folder: Path, rows: int) -> int:
    """Interactions, items and consent events of made-up people are in the folder; the number of consent events.

    A person has two or three of those: first a grant of `PURPOSE` or its parent, then, on any of five purposes, more
    grants than refusals and withdrawals. A quarter of the items is in a sensitive category. Interactions are in the
    order of their times, as a shop would write them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng, people = np.random.default_rng(0), rows // ROWS_A_PERSON
    users, items = _names("user", people), _names("item", ITEMS)
    interactions = {
        "user_id": users.take(pa.array(rng.integers(0, people, rows, dtype=np.int32))),
        "item_id": items.take(pa.array((ITEMS * rng.random(rows) ** 2).astype(np.int32))),
        "timestamp": _times(np.sort(rng.random(rows)) * _DAYS),
    }
    said = np.repeat(np.arange(people), rng.integers(2, 4, people))
    first = np.diff(said, prepend=-1) > 0
    days = np.where(first, rng.random(len(said)) * 30, 30 + rng.random(len(said)) * (_DAYS - 30))
    purposes = np.where(first, rng.choice(2, len(said)), rng.choice(len(_PURPOSES), len(said)))
    states = np.where(first, 0, rng.choice(len(_STATES), len(said), p=_HOW_OFTEN))
    consents = {
        "user_id": users.take(pa.array(said)),
        "purpose": pa.array(_PURPOSES).take(pa.array(purposes)),
        "state": pa.array(_STATES).take(pa.array(states)),
        "event_time": _times(days),
        "recorded_time": _times(days + 0.001),
    }
    categories = pa.array(_CATEGORIES).take(pa.array(np.arange(ITEMS) % len(_CATEGORIES)))
    tables = {
        "interactions": interactions,
        "consents": consents,
        "items": {"item_id": items, "category": categories},
    }
    for name, columns in tables.items():
        pyarrow.parquet.write_table(pa.table(columns), folder / f"{name}.parquet")
    return len(said)


def _names(kind: str, number: int) -> pa.Array:
    """Ids as a business has them: text."""
    return pa.array([f"{kind}-{place:08d}" for place in range(number)])


def _times(days: NDArray[np.float64]) -> pa.Array:
    """Instants so many days after the start."""
    start = int(_START.timestamp()) * 1_000_000
    return pa.array((start + days * _DAY).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))


def _alone() -> ProcessPoolExecutor:
    """A process that has done nothing else."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
