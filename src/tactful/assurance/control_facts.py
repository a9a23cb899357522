"""What came of a release that was broken on purpose, as documents quote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tactful.assurance.plain import listing, number, text

_RATIO, _OUTCOMES = "likelihood ratio", ("caught", "missed", "too few trials")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFacts:
    """What the audit made of one release that is broken on purpose.

    Attributes
    ----------
    epsilon_lower_bound : float
    caught_by : tuple of str
        The tests that saw it.
    outcome : {"caught", "missed", "too few trials"}
        By the test that has to see it.
    """

    epsilon_lower_bound: float
    caught_by: tuple[str, ...]
    outcome: str

    @classmethod
    def of_json(cls, row: Mapping[str, Any], claim: float) -> Self:
        """One row of an audit; that the likelihood ratio caught it is read off its bound and not believed."""
        bound, told = number(row["epsilon_lower_bound"]), [text(test) for test in listing(row["caught_by"])]
        if (bound > claim) is not (_RATIO in told) or text(row["outcome"]) not in _OUTCOMES:
            raise ValueError("the likelihood ratio catches what exceeds the claim")
        if row["outcome"] == "caught" and not told:
            raise ValueError("what is caught is caught by something")
        return cls(epsilon_lower_bound=bound, caught_by=tuple(told), outcome=row["outcome"])

    def stated(self) -> dict[str, Any]:
        """The control as plain values, for a privacy statement."""
        return {
            "outcome": self.outcome,
            "caught_by": list(self.caught_by),
            "epsilon_lower_bound": self.epsilon_lower_bound,
        }
