"""Demographic attributes: opened only to assess or mitigate unfairness, only for people who agreed to exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError, UsageError
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.engines.base import Engine, Kind, Session
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.gate import ConsentGate
from tactful.personal.source import Source, Tabular
from tactful.personal.split import EvaluationPeople

_PURPOSES = ("fairness.assessment", "fairness.mitigation")
_OF = "pseudonym_of_user_id"  # no attribute is called that
_TOLD = f"""
SELECT DISTINCT p.pseudonym AS {_OF}, a.*
FROM attribute_rows a
JOIN ids i ON i.user_id = a.user_id
JOIN people p ON p.person = i.person
"""  # noqa: S608 (a constant)
_Row: TypeAlias = tuple[str | None, ...]
OTHER, UNDISCLOSED = "other", "undisclosed"
NOT_ASSESSED = -1
"""The code of people who did not agree to be assessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSpec:
    """One attribute and its declared levels.

    Attributes
    ----------
    name : str
        A column of the attributes table.
    levels : tuple of str
        The groups; any other value is ``other``, a missing one ``undisclosed``.
    """

    name: str
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        reserved = {OTHER, UNDISCLOSED, ""} & set(self.levels)
        if not self.levels or len(set(self.levels)) < len(self.levels) or reserved or self.name == "user_id":
            raise ConfigError(
                "an attribute has a name and different levels, none of them other or undisclosed",
                given=f"{self.name} has {', '.join(self.levels) or 'none'}",
                do="Correct its levels",
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups in the order of their codes: the levels, ``other``, ``undisclosed``."""
        return (*self.levels, OTHER, UNDISCLOSED)

    def code(self, value: str | None) -> int:
        """The position of the value's group."""
        if value is None:
            return len(self.levels) + 1
        return self.groups.index(value) if value in self.groups else len(self.levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """A table of attributes, not yet read. No attribute is ever a feature of a model or used to score.

    Attributes
    ----------
    source : Source
        The table, narrowed to ``user_id`` and the attributes that are declared.
    """

    source: Source

    @classmethod
    def open(cls, source: Tabular, specs: Sequence[AttributeSpec], *, engine: Engine | None = None) -> Demographics:
        """The attributes in a Parquet or CSV file, an Arrow table or a pandas frame, narrowed to the declared ones.

        The types of the columns are looked at here, before a run has paid for anything; no row is read. Those of a
        frame of Spark are looked at by `check`.

        Raises
        ------
        SchemaError
            If ``user_id`` or a declared attribute is missing, or has the wrong type.
        NotFoundError
            If the file does not exist.
        """
        names = [spec.name for spec in specs]
        found = cls(source=Source.open(source, role="attributes", required=("user_id", *names)))
        if found.source.frame is None:
            found._stage((engine or DuckDB()).session())
        return found

    def check(self, gate: ConsentGate) -> None:
        """The table can be read to its end: `groups` will not meet a broken line after the run has paid.

        Raises
        ------
        SchemaError
            If it cannot.

        Notes
        -----
        **Privacy.** *Reads* the declared attributes of everybody, to no other end than that they can be read. *Returns*
        nothing. *Costs* nothing, if it is called before a run pays. After that, whether it raised would tell about one
        person. *Assumes* the table does not change before `groups` reads it.
        """
        session = gate.workspace()
        self._stage(session)
        session.query("SELECT COUNT(*) AS n FROM (SELECT DISTINCT * FROM attribute_rows) AS everything")

    def groups(
        self,
        people: EvaluationPeople,
        gate: ConsentGate,
        specs: Sequence[AttributeSpec],
        *,
        purpose: str = "fairness.assessment",
        as_of: datetime | None = None,
    ) -> dict[str, NDArray[np.int64]]:
        """For each attribute one code a person, aligned with ``people.admitted``: whoever is only known has one, too.

        Codes 0 to L − 1 are the declared levels, L is ``other``, L + 1 ``undisclosed``, −1 not assessed: no consent to
        the purpose at `as_of` and now, erased, or a minor. Where the rows of one person differ, that attribute of
        theirs is ``undisclosed``; ids that are not clean (see `tactful.personal.ids`) are nobody's. Read-only.

        Raises
        ------
        UsageError
            If the purpose is neither ``fairness.assessment`` nor ``fairness.mitigation``.
        SchemaError
            If the table cannot be read to its end, which `check` finds before.

        Notes
        -----
        **Privacy.** *Reads* the declared attributes, and looks only at those of people who agreed to the purpose.
        *Returns* exact groups of single people, for `tactful.privacy.release` alone. *Costs* nothing until they are
        released. *Assumes* one id is one person.
        """
        if purpose not in _PURPOSES:
            raise UsageError(
                "attributes open only to assess or mitigate fairness", given=repr(purpose), do=f"Ask for {_PURPOSES[0]}"
            )
        names = [spec.name for spec in specs]
        willing = gate.willing(list(people._pseudonyms), purpose, as_of)
        values = self._values(gate, willing, names)
        nothing = (None,) * len(names)
        told = [values.get(name, nothing) if name in willing else None for name in people._pseudonyms]
        return {spec.name: _codes(spec, position, told) for position, spec in enumerate(specs)}

    def training_groups(
        self, consented: ConsentedInteractions, gate: ConsentGate, spec: AttributeSpec, *, as_of: datetime | None = None
    ) -> NDArray[np.int64]:
        """One code a person of the gate's answer, in the order of their pseudonyms; −1 for evaluation people.

        Codes as in `groups`; −1 also where the person did not agree to ``fairness.mitigation``. Read-only. Whatever the
        engine, the pseudonyms of everybody in the log are held here meanwhile.

        Raises
        ------
        SchemaError
            If the table cannot be read to its end, which `check` finds before.

        Notes
        -----
        **Privacy.** *Reads* the declared attribute, and looks only at that of training people who agreed to mitigation.
        *Returns* exact groups of single people, to weigh their rows with in `tactful.personal.bounding.bound` alone.
        *Costs* nothing; weights are at most 1, so that no release becomes more sensitive. *Assumes* one id is one
        person. No model has this as a feature, and nothing asks for it when scoring.
        """
        people = consented._session.query("SELECT pseudonym, part FROM people ORDER BY pseudonym")
        names = [str(n) for n, part in zip(people["pseudonym"], people["part"], strict=True) if part == "training"]
        willing = gate.willing(names, "fairness.mitigation", as_of)
        values, nothing = self._values(gate, willing, [spec.name]), (None,)
        told = [values.get(name, nothing) if name in willing else None for name in map(str, people["pseudonym"])]
        return _codes(spec, 0, told)

    def _stage(self, session: Session) -> None:
        """The view ``attribute_rows`` reads the declared columns, which have types that are allowed."""
        kinds: dict[str, Kind] = dict.fromkeys(self.source.columns, "word")
        session.stage("attribute_rows", self.source, kinds | {"user_id": "person"})

    def _values(self, gate: ConsentGate, willing: set[str], names: Sequence[str]) -> dict[str, _Row]:
        """The attributes of willing people by pseudonym; nobody else's are fetched."""
        session = gate.workspace()
        self._stage(session)
        session.enroll("attribute_rows", among=willing)
        found = session.query(_TOLD)
        values: dict[str, _Row] = {}
        for name, *row in zip(map(str, found[_OF]), *(found[name] for name in names), strict=True):
            values[name] = _agreed(values.get(name, tuple(row)), tuple(row))
        return values


def _agreed(one: _Row, other: _Row) -> _Row:
    """What two rows of a person agree on, and None elsewhere."""
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def _codes(spec: AttributeSpec, position: int, told: Sequence[_Row | None]) -> NDArray[np.int64]:
    """One code a person, read-only."""
    codes = np.array([NOT_ASSESSED if row is None else spec.code(row[position]) for row in told], dtype=np.int64)
    codes.flags.writeable = False
    return codes
