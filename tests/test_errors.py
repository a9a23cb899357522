"""Counts agree with what they count, where a person reads them."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime

import pytest

import tactful.errors
from tactful.cli.consent_words import tell_added
from tactful.errors import columns_given, counted
from tactful.privacy.balance import BudgetLimit
from tactful.records.consent_added import Added


@pytest.mark.parametrize(
    ("n", "words", "told"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2, ("row",), "2 rows"),
        (1_000_000, ("row",), "1,000,000 rows"),
        (1, ("entry", "entries"), "1 entry"),
        (0, ("entry", "entries"), "0 entries"),
        (1, ("person was", "people were"), "1 person was"),
        (3, ("person was", "people were"), "3 people were"),
    ],
)
def test_a_count_agrees_with_what_it_counts(n: int, words: tuple[str, ...], told: str) -> None:
    """One is one; none and several are many, with the s or with the words that are given."""
    assert counted(n, *words) == told


def test_the_examples_run() -> None:
    """As they are written."""
    assert doctest.testmod(tactful.errors).failed == 0


def test_an_import_of_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of its lines says what was done with one, and none says it of several."""
    one = dict.fromkeys(("events", "people", "duplicates", "blocked", "malformed", "ahead", "grants_ahead"), 1)
    tell_added(Added(**one, time=datetime(2026, 11, 1, tzinfo=UTC)), store="records.db", dry_run=False)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "1 event of 1 person was stored in records.db"
    assert [line.split()[1] for line in told[1:6]] == ["was", "was", "holds", "says", "is"]


def test_a_budget_that_renews_daily() -> None:
    """Every day, not every days."""
    assert str(BudgetLimit(epsilon=3, delta=1e-6, period_days=1)).endswith(" every 1 day")


def test_the_only_column_of_a_table() -> None:
    """It is told as one, and not repeated."""
    assert columns_given(["CANARY"], ("a", "b")) == "its only column is not one of a, b; perhaps the header is missing"
    assert columns_given(["CANARY", "X"], ("a",)).startswith("none of its 2 columns is one of a; ")
