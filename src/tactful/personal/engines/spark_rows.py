"""Bounded rows of training people on Spark: at most k distinct items each, chosen by keyed hash, kept by the executors.

Notes
-----
One shuffle, by person: all that follows needs a person's rows in one place and finds them there. Repeated uses become
one before anything is sorted, so that somebody with ten million rows, a bot, takes no more room than the catalogue.
Only those with more than k items are hashed; see `tactful.personal.bounding` for why MD5 needs no key of its own here.

The rows that are kept name nobody. They lie in the executors' memory and, where that is short, encrypted on their
disks (``spark.io.encryption.enabled``); if an executor is lost they are made again from what they were made of.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.personal.engines import spark_sums
from tactful.personal.engines.base import Session
from tactful.personal.people_sums import Sums

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# A person is their pseudonym here, see `tactful.personal.engines.spark`: it need not be carried twice.
#
# held      each item of a training person once; distributed by person first, so that nothing is shuffled again
# counted   how many those are
# drawn     the order in which they are kept: that of the keyed hash where there are too many
# mark      makes these rows others than the same asked for again: Spark would keep both as one, and let go of both
_LISTS = """
WITH held AS (
  SELECT DISTINCT a.person, a.item
  FROM (SELECT person, item FROM admitted DISTRIBUTE BY person) AS a
  JOIN people p ON p.person = a.person
  WHERE p.part = 'training'
),
counted AS (
  SELECT person, item, COUNT(*) OVER (PARTITION BY person) AS n_items FROM held
),
drawn AS (
  SELECT person, item,
    ROW_NUMBER() OVER (PARTITION BY person ORDER BY hash, item) AS place
  FROM (
    SELECT c.person, c.item,
      CASE WHEN c.n_items > {max_items} THEN MD5(CONCAT(c.person, ':', i.item_id)) END AS hash
    FROM counted c
    JOIN items i ON i.item = c.item
  ) AS hashed
),
lists AS (
  SELECT person, SORT_ARRAY(COLLECT_LIST(item)) AS items FROM drawn WHERE place <= {max_items} GROUP BY person
)
SELECT l.items, {weight} AS weight, {leaning} AS leaning, '{mark}' AS mark
FROM lists l
{counts}
"""
_COUNTED = "bounded_counts"
_COUNTS = f"LEFT JOIN {_COUNTED} c ON c.person = l.person"
_NUMBER, _NOBODY = "CAST(c.{} AS SMALLINT)", "CAST(NULL AS SMALLINT)"


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True, repr=False)
class SparkRows:
    """Bounded rows where Spark keeps them; they are let go with this value.

    Attributes
    ----------
    n_people : int
    partitions : int
        Into how many the rows are divided.
    """

    n_people: int
    partitions: int
    _frame: DataFrame
    _kept: DataFrame

    def __post_init__(self) -> None:
        weakref.finalize(self, _let_go, self._kept).atexit = False

    def __repr__(self) -> str:
        return "SparkRows()"

    def total(self, sums: Sums) -> NDArray[np.int64]:
        """See `tactful.personal.people_sums.Rows.total`."""
        return spark_sums.total(self._frame, sums, n_people=self.n_people, partitions=self.partitions)


def bounded(
    session: Session, select: Callable[[str], DataFrame], *, max_items: int, counts: pa.Table | None = None
) -> SparkRows:
    """At most so many distinct admitted items of each training person, in the executors' memory or on their disks.

    Parameters
    ----------
    session : Session
        With ``admitted``, ``people`` and ``items`` of the gate.
    select : callable
        The rows of a statement, in that session.
    max_items : int
    counts : pyarrow.Table, optional
        ``person``, and ``weight`` or ``leaning`` or both, in 255ths: one row for everybody.

    Raises
    ------
    ConfigError
        If somebody has no row in `counts`.
    TactfulError
        If Spark fails.

    Notes
    -----
    **Privacy.** *Reads* the admitted items of training people, without their number of times. *Returns* exact rows
    without pseudonyms, behind `tactful.personal.bounding.BoundedInteractions`. *Costs* nothing; nothing leaves.
    *Assumes* the executors are inside the trust boundary, and what they write to disk is encrypted.
    """
    columns = [] if counts is None else counts.column_names
    if counts is not None:
        session.put(_COUNTED, counts)
    statement = _LISTS.format(
        mark=secrets.token_hex(8),
        max_items=int(max_items),
        weight=_NUMBER.format("weight") if "weight" in columns else _NOBODY,
        leaning=_NUMBER.format("leaning") if "leaning" in columns else _NOBODY,
        counts=_COUNTS if counts is not None else "",
    )
    rows = spark_sums.quietly(lambda: select(statement).persist())
    found = spark_sums.quietly(lambda: _parts(rows))
    if counts is not None:
        session.drop(_COUNTED)
    n_people = sum(people for people, _, _ in found)
    for column, place in (("weight", 1), ("leaning", 2)):
        if column in columns and sum(part[place] for part in found) != n_people:
            _let_go(rows)
            raise ConfigError(
                f"everybody has a {column}", given="some are missing", do="Make them with tactful.personal.weights"
            )
    return SparkRows(n_people=n_people, partitions=len(found), _frame=rows.drop("mark"), _kept=rows)


def _parts(rows: DataFrame) -> list[tuple[int, int, int]]:
    """Of each partition how many people it has, and how many of them a weight and a leaning; all are computed now."""
    found = rows.selectExpr("SPARK_PARTITION_ID() AS part", "weight", "leaning").groupBy("part")
    counts = found.agg({"part": "count", "weight": "count", "leaning": "count"}).collect()
    return [(row["count(part)"], row["count(weight)"], row["count(leaning)"]) for row in counts]


def _let_go(rows: DataFrame) -> None:
    """The executors keep nothing of these rows; if Spark is gone, so is what it kept."""
    with suppress(Exception):
        rows.unpersist()
