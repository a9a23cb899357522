"""Bounded rows and sums on Spark: to the bit those of plain loops and of this process, however Spark divides them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engines_contract import SumsContract
from engines_spark import spark
from engines_spark_world import N_ITEMS, Crowd, crowd, gram_query
from tactful.errors import ConfigError, TactfulError
from tactful.personal.contributions import LeaningSums, PopularitySums
from tactful.personal.engines import spark_sums
from tactful.personal.engines.spark import SparkWorkspace
from tactful.personal.engines.spark_rows import SparkRows
from tactful.personal.engines.sum_parts import Division
from tactful.personal.grams import GramSums
from tactful.personal.people_sums import Sums

pytestmark = pytest.mark.prove
SMALL = Division(piece=64, batch=1 << 12, at_once=1 << 13, fan_in=2, held=2)


def workspace_of(people: Crowd) -> SparkWorkspace:
    """A session that holds the crowd."""
    workspace = spark().session()
    people.put(workspace)
    return workspace


def bounded_of(workspace: SparkWorkspace, max_items: int, counts: pa.Table | None = None) -> SparkRows:
    """Their rows."""
    rows = workspace.bounded(max_items=max_items, n_items=N_ITEMS, counts=counts)
    assert isinstance(rows, SparkRows)
    return rows


def asked() -> list[Sums]:
    """Popularity, leaning and Gram."""
    return [
        PopularitySums(n_items=N_ITEMS),
        LeaningSums(n_items=N_ITEMS),
        GramSums(query=gram_query(), n_items=N_ITEMS),
    ]


def lists_of(rows: SparkRows) -> list[tuple[Any, ...]]:
    """Everything that is kept, sorted."""
    found = rows._frame.toArrow().to_pylist()
    return sorted((tuple(row["items"]), row["weight"], row["leaning"]) for row in found)


class TestSpark(SumsContract):
    """What DuckDB keeps, Spark keeps."""

    @classmethod
    def setup_class(cls) -> None:
        """The context that the tests of this process share."""
        cls.engine = spark()


@pytest.mark.parametrize("max_items", [3, 1000])
def test_rows_are_those_of_plain_loops(max_items: int) -> None:
    """Training people only, distinct items, rising, the same chosen by keyed hash; no pseudonym is kept.

    One of them, a bot, uses everything again and again.
    """
    people = crowd(max_items)
    rows = bounded_of(workspace_of(people), max_items)
    histories = people.histories(max_items)
    assert rows.n_people == len(histories)
    assert lists_of(rows) == sorted((tuple(items), None, None) for items in histories.values())
    assert rows._frame.columns == ["items", "weight", "leaning"]


def test_sums_are_those_of_this_process_with_weights_and_leanings() -> None:
    """Popularity, leaning and Gram of people who do not count whole are equal to the bit; everybody needs a number."""
    people = crowd(11)
    workspace, held = workspace_of(people), people.rows(9, weighted=True)
    rows = bounded_of(workspace, 9, people.counts())
    for sums in asked():
        assert np.array_equal(rows.total(sums), held.total(sums))
    with pytest.raises(ConfigError, match="everybody has a weight; some are missing"):
        bounded_of(workspace, 9, people.counts().slice(0, 70))


def test_sums_do_not_depend_on_partitions_pieces_or_order() -> None:
    """One partition, many, and rows in another order, in small pieces and added up in a tree: not a bit changes."""
    people = crowd(12)
    rows, held = bounded_of(workspace_of(people), 9), people.rows(9)
    gram, n_people = asked()[2], rows.n_people
    exact = held.total(gram)
    frames = [(rows._frame.coalesce(1), 1), (rows._frame.repartition(7), 7), (rows._frame.orderBy("items"), 5)]
    for frame, partitions in frames:
        found = spark_sums.total(frame, gram, n_people=n_people, partitions=partitions, division=SMALL)
        assert np.array_equal(found, exact)


def test_rows_that_changed_meanwhile_are_no_sum() -> None:
    """A person more or less than were counted is refused, as is a person who counts twice."""
    people = crowd(13)
    rows, popularity = bounded_of(workspace_of(people), 9), asked()[0]
    for changed in (replace(rows, _frame=rows._frame.limit(20)), replace(rows, _frame=rows._frame.union(rows._frame))):
        with pytest.raises(TactfulError, match="counts each of them once"):
            changed.total(popularity)


def test_nobody_is_a_row() -> None:
    """Without a training person the sums are zero."""
    people = crowd(14)
    nobody = replace(people, training=np.zeros_like(people.training))
    rows = bounded_of(workspace_of(nobody), 9)
    assert rows.n_people == 0
    assert not rows.total(asked()[0]).any()


def test_the_same_rows_twice_are_kept_twice() -> None:
    """To let go of one leaves the other where it is: Spark would keep equal statements as one."""
    workspace = workspace_of(crowd(15))
    one, other = bounded_of(workspace, 9), bounded_of(workspace, 9)
    kept = other._kept
    del one
    assert kept.storageLevel.useMemory
    assert other.total(asked()[0]).any()
