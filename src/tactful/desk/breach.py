"""A breach: whose data of which categories was in reach, what that gives away, and until when to report it.

Counts are exact and for inside the trust boundary; who the people are leaves only as a list of its own.

Notes
-----
Regulation (EU) 2016/679 counts 72 hours from when the controller became aware (Article 33(1)). Whether a breach puts
people at a risk, or a high one, and whether encryption makes the data unintelligible to whoever has them (Article
34(3)(a)), is for the officer to decide: what is known is told, and the rest is asked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tactful.desk.breach_models import ModelRisk, measured, model_risks, together_to_you
from tactful.desk.breach_places import KEYS_ELSEWHERE, KEYS_TAKEN, LIST_OPEN, SECRETS_OPEN, Exposed, Period, Store
from tactful.desk.breach_stores import exposed
from tactful.desk.paper import write_text
from tactful.desk.person import Desk
from tactful.errors import UsageError

HOURS = 72


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Breach:
    """What is known of a breach.

    Attributes
    ----------
    period : Period
    aware_at, now : datetime
        When the business became aware, and when this was put together.
    stores : tuple of Exposed
    models : tuple of ModelRisk
        Every training until the end of the period.
    together : str
        What all that they released gives away about one person, in words.
    to_you : str
        The same for the people concerned.
    measured : tuple of str
        What attacks found.
    """

    period: Period
    aware_at: datetime
    now: datetime
    stores: tuple[Exposed, ...]
    models: tuple[ModelRisk, ...]
    together: str
    to_you: str
    measured: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Breach({', '.join(each.store for each in self.stores)})"

    @property
    def people(self) -> frozenset[str]:
        """Ids of everybody whose data was in reach; for the list of people alone."""
        return frozenset().union(*(each.people for each in self.stores))

    @property
    def deadline(self) -> datetime:
        """Until when the authority is told."""
        return self.aware_at + timedelta(hours=HOURS)

    @property
    def hours_left(self) -> float:
        """How many hours are left until then; below 0 if it is over."""
        return (self.deadline - self.now) / timedelta(hours=1)

    @property
    def questions(self) -> tuple[str, ...]:
        """What only the business can answer, each once."""
        return tuple(dict.fromkeys(question for each in self.stores for question in each.questions))

    def as_json(self) -> dict[str, Any]:
        """Everything but who the people are, as plain values."""
        return {
            "period": {
                "from": self.period.since.isoformat() if self.period.since else None,
                "to": self.period.until.isoformat(),
            },
            "people": len(self.people),
            "stores": [_store(each) for each in self.stores],
            "models": [each.as_json() for each in self.models],
            "models_together": self.together,
            "measured": list(self.measured),
            "questions": list(self.questions),
            "clock": {
                "aware_at": self.aware_at.isoformat(),
                "report_until": self.deadline.isoformat(),
                "hours_left": round(self.hours_left, 2),
            },
        }


def breach(desk: Desk, stores: Sequence[Store], period: Period, *, aware_at: datetime) -> Breach:
    """What is known of a breach of these stores; nothing is written.

    Parameters
    ----------
    desk : Desk
    stores : sequence of Store
    period : Period
    aware_at : datetime

    Raises
    ------
    UsageError
        If a time lies in the future, or the period ends before it begins.

    Notes
    -----
    **Privacy.** *Reads* who is in the stores. *Returns* ids and exact counts, for inside the trust boundary. *Costs*
    nothing; nothing leaves. *Assumes* the reading was journalled before.
    """
    now = desk.records.now()
    check_times(period, aware_at, now)
    models, together = model_risks(desk, period.until)
    looked = [exposed(desk, store, period) for store in dict.fromkeys(stores)]
    return Breach(
        period=period,
        aware_at=aware_at,
        now=now,
        stores=tuple(with_stores(without_keys(each), stores) if "secrets" in stores else each for each in looked),
        models=models,
        together=together,
        to_you=together_to_you(desk, period.until),
        measured=measured(desk),
    )


def without_keys(each: Exposed) -> Exposed:
    """A store whose keys were in reach, too: what they protected was open, and that is not asked any more.

    The key of suppression lists is among the secrets: the marks of a list say of any id that is tried whether it is on.
    """
    if each.store == "list":
        return replace(each, protection=(LIST_OPEN,), questions=())
    if each.store not in ("vault", "records"):
        return each
    questions = tuple(question for question in each.questions if question != KEYS_ELSEWHERE)
    return replace(each, protection=(KEYS_TAKEN,), questions=questions)


def with_stores(each: Exposed, stores: Sequence[Store]) -> Exposed:
    """Secrets with the stores that they open: what is known to have been in reach with them is not asked."""
    missing = [store for store in ("vault", "records") if store not in stores]
    if each.store != "secrets" or len(missing) == 2:
        return each
    questions = tuple(
        f"Could the attacker also reach the {name}, or a copy? Then report that, too." for name in missing
    )
    return replace(each, protection=(SECRETS_OPEN,), questions=questions)


def check_times(period: Period, aware_at: datetime, now: datetime) -> None:
    """Raise `UsageError` unless the times are in order and past."""
    if period.since is not None and period.since > now:
        raise UsageError("a breach began in the past", given="--from lies in the future", do="Correct --from")
    if period.since is not None and period.since > period.until:
        raise UsageError(
            "a period ends after it begins", given="--to lies before --from", do="Exchange --from and --to"
        )
    if max(period.until, aware_at) > now:
        late = "--to" if period.until > now else "--aware-at"
        raise UsageError("a breach is a thing of the past", given=f"{late} lies in the future", do=f"Correct {late}")
    if period.since is not None and aware_at < period.since:
        raise UsageError(
            "a breach is noticed after it began", given="--aware-at lies before --from", do="Correct one of them"
        )


def write_people(found: Breach, path: Path) -> None:
    """The ids of everybody concerned, and where they were in reach, are in a CSV file that only its owner reads.

    Raises
    ------
    UsageError
        If it cannot be written.

    Notes
    -----
    **Privacy.** *Reads* the report. *Returns* ids, in a file inside the trust boundary; the journal is to name it
    first. *Costs* nothing. *Assumes* the file is deleted when everybody has been told.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["user_id", "stores"])
    for person in sorted(found.people):
        lines.writerow([person, " ".join(each.store for each in found.stores if person in each.people)])
    write_text(path, text.getvalue(), private=True)


def _store(each: Exposed) -> dict[str, Any]:
    """What one store held, as plain values, without ids."""
    return {
        "store": each.store,
        "what": each.what,
        "people": len(each.people),
        "records": dict(each.rows),
        "protection": list(each.protection),
        "notes": list(each.notes),
        "advice": list(each.advice),
    }
