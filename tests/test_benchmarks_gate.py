"""What the gate is timed beside, and that both see the same files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from tactful.benchmarks.gate import ITEMS, PURPOSE, GateSpeed, admit, benchmark_gate, join, write_world
from tactful.errors import UsageError


def test_gate_and_join_read_the_same_world(tmp_path: Path) -> None:
    """The join lets more through: whoever the gate admits has given last, and the gate asks for more than that."""
    consents = write_world(tmp_path, 5_000)
    (_, ours), (_, theirs) = admit(tmp_path), join(tmp_path)
    assert 0 < ours < theirs < 5_000
    events = pyarrow.parquet.read_table(tmp_path / "consents.parquet").to_pandas()
    assert len(events) == consents
    assert set(events.groupby("user_id").size()) == {2, 3}
    assert {PURPOSE, "personalization"} < set(events["purpose"])
    last = events[events["purpose"].isin([PURPOSE, "personalization"])].sort_values("event_time")
    given = set(last.groupby("user_id").tail(1).query("state == 'given'")["user_id"])
    rows = pyarrow.parquet.read_table(tmp_path / "interactions.parquet").to_pandas()
    assert theirs == rows["user_id"].isin(given).sum()
    assert rows["timestamp"].is_monotonic_increasing
    assert pyarrow.parquet.read_table(tmp_path / "items.parquet").num_rows == ITEMS


def test_the_ratio_is_of_medians() -> None:
    """And stands beside what it is made of."""
    speed = GateSpeed(
        seconds=3.0, peer_seconds=1.5, peak_gib=0.5, rows=10, people=1, items=1, consents=2, admitted=5,
        peer_admitted=6, runs=3,
    )  # fmt: skip
    told = speed.as_json()
    assert told["ratio"] == 2.0
    assert {"seconds", "peer_seconds", "ratio", "peak_gib", "rows", "people"} <= set(told)


@pytest.mark.parametrize(("rows", "runs"), [(99, 3), (1000, 0)])
def test_too_little_is_refused(rows: int, runs: int) -> None:
    """A benchmark of nothing would divide by it."""
    with pytest.raises(UsageError):
        benchmark_gate(rows, runs=runs)


@pytest.mark.prove
def test_the_gate_takes_little_more_than_a_join_and_little_memory(
    record_property: Callable[[str, object], None],
) -> None:
    """On a million rows the whole benchmark runs, and its process stays far below the memory that is allowed."""
    found = benchmark_gate(1_000_000, runs=3)
    assert found.peak_gib < 2
    assert (found.rows, found.people, found.runs) == (1_000_000, 10_000, 3)
    record_property("evidence", f"a million rows: {found.ratio:.2f} times a plain join, {found.peak_gib:.2f} GiB")
