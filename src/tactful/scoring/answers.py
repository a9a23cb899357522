"""What a caller gets back: recommendations, and what each item of a history added to a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one item of the history added to a score.

    Attributes
    ----------
    item_id : str or None
        The item; None for the base term, which does not depend on the history.
    contribution : float
    title : str or None
        What people are shown; None for the base term.
    """

    item_id: str | None
    contribution: float
    title: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The contribution as plain JSON."""
        return {"item_id": self.item_id, "title": self.title, "contribution": self.contribution}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One recommended item.

    Attributes
    ----------
    item_id : str
        The business's own id.
    score : float
        Comparable within one answer only.
    title : str
        What people are shown.
    because : tuple of Contribution, or None
        Where asked for: what sums to the score, the largest first, the base term last.
    """

    item_id: str
    score: float
    title: str
    because: tuple[Contribution, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The recommendation as plain JSON."""
        because = None if self.because is None else [part.as_json() for part in self.because]
        return {"item_id": self.item_id, "score": self.score, "title": self.title, "because": because}


_SET_ITEM_ID, _SET_SCORE, _SET_TITLE, _SET_BECAUSE = (
    vars(Recommendation)[name].__set__ for name in ("item_id", "score", "title", "because")
)


def recommended(item_id: str, score: float, title: str) -> Recommendation:
    """A recommendation without reasons, past the constructor, which takes a tenth of the time of a whole request."""
    made = Recommendation.__new__(Recommendation)
    _SET_ITEM_ID(made, item_id)
    _SET_SCORE(made, score)
    _SET_TITLE(made, title)
    _SET_BECAUSE(made, None)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A list of recommendations and how it came about.

    Attributes
    ----------
    items : tuple of Recommendation
        Best first; fewer than asked for where no more are left.
    personalised : bool
        Whether the history decided the order.
    reason : str
        Why it did or did not.
    unknown : int
        Different ids of the history that the catalogue does not have; they were ignored.
    withheld : int
        Items of the history in sensitive categories the person did not allow; they were not read for the score.
    model, version : str
        What answered.
    approval_id : str or None
        The approval that it answered under, as `tactful models` lists it; None where a candidate answered.
    """

    items: tuple[Recommendation, ...]
    personalised: bool
    reason: str
    unknown: int
    withheld: int
    model: str
    version: str
    approval_id: str | None = None

    def record(self) -> dict[str, Any]:
        """What may be kept to say later how a list came about: nothing of the person, and no item.

        Notes
        -----
        **Privacy.** *Reads* this answer. *Returns* what answered, whether the history decided, why, and how many items
        came back. *Costs* nothing. *Assumes* a caller who keeps it beside an id of the person keeps personal data.
        """
        return {
            "model": self.model,
            "version": self.version,
            "approval_id": self.approval_id,
            "personalised": self.personalised,
            "reason": self.reason,
            "items": len(self.items),
        }

    def as_json(self) -> dict[str, Any]:
        """The answer as plain JSON."""
        return {
            "items": [item.as_json() for item in self.items],
            "personalised": self.personalised,
            "reason": self.reason,
            "unknown": self.unknown,
            "withheld": self.withheld,
            "model": self.model,
            "version": self.version,
            "approval_id": self.approval_id,
        }
