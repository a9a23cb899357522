"""A consent history for people whose data set has none, so that the gate has something to decide.

Nothing here is observed. The shares below are assumptions, chosen so that the gate meets every state of consent and
most people end with it in force; no record may be read as what customers do, and each says so: ``source`` is
``simulated``.

Notes
-----
A person's records depend on the seed, their id, their age band, their first purchase and the last day, and on nobody
else: they do not change with the order of the rows or when other people join or leave, and they never look at what was
bought. All times are offsets from the first purchase and the last day, so a data set shifted by whole days gets the
same history, shifted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from tactful.datasets.tables import TIME
from tactful.errors import UsageError

TRAINING = "personalization.training"
ASSESSMENT, MITIGATION = "fairness.assessment", "fairness.mitigation"
SEED = 20170101

OPT_INS: Mapping[str, float] = MappingProxyType(
    {"family_planning": 0.15, "diet_aids": 0.20, "incontinence": 0.10, "smoking": 0.15, "digestion": 0.12}
)
"""Share of those who give consent that also opt in to ``personalization.sensitive.<category>``."""

STORIES: Mapping[str, float] = MappingProxyType(
    {
        "refused": 0.09,
        "withdrew": 0.025,
        "returned": 0.025,
        "expired": 0.05,
        "signalled": 0.02,
        "late": 0.07,
        "silent": 0.04,
    }
)
"""Share of people by what became of their consent to training; the rest gave it by their first purchase and kept it."""

RELUCTANCE: Mapping[str, float] = MappingProxyType(
    {"19-24": 0.6, "25-34": 0.7, "35-44": 0.85, "45-54": 1.0, "55-64": 1.3, "65+": 1.8}
)
"""By age band, how many times the usual share refuses or withdraws; 1 where the band is not known."""

_ALL_IN_ONE = 0.05  # were asked one question, for `personalization` as a whole, by an older notice
_ASSESSED_WITH_ATTRIBUTES, _ASSESSED_WITHOUT = 0.70, 0.55
_MITIGATED = 0.6  # of those who agree to be assessed, who also agree to be weighed by their group
_ON_PAPER = 0.04  # decisions that came on paper and were entered days later
_SPANISH = 0.08
_ERASURE = 0.003
_RENEWAL = timedelta(days=730)
_RELUCTANT = ("refused", "withdrew", "returned")
_FIELDS = (
    *("user_id", "purpose", "state", "event_time", "recorded_time", "valid_until", "notice_version", "language"),
    *("jurisdiction", "method", "legal_basis", "source", "record_id"),
)
_TIMES = ("event_time", "recorded_time", "valid_until")
SCHEMA = pa.schema([(name, TIME if name in _TIMES else pa.string()) for name in _FIELDS])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Person:
    """One person, the span in which they may act, and their own source of chance."""

    user_id: str
    age: str | None
    first: datetime
    end: datetime
    rng: np.random.Generator

    def moment(self, low: float, high: float) -> datetime:
        """A moment between two shares of the time from the first purchase to the end."""
        return self.first + (self.end - self.first) * float(self.rng.uniform(low, high))

    def sign_up(self) -> datetime:
        """The moment of joining: minutes to days before the first purchase."""
        return self.first - timedelta(minutes=5) - timedelta(days=float(self.rng.exponential(3.0)))

    def says_yes(self, share: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < share)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Event:
    """Something a person decided."""

    purpose: str
    state: str
    at: datetime
    valid_until: datetime | None = None
    method: str = "loyalty_card"


def simulate_consents(
    user_ids: Sequence[str],
    first_purchase: Sequence[datetime],
    last_day: date,
    ages: Sequence[str | None],
    *,
    seed: int = SEED,
) -> pa.Table:
    """Every person has a plausible consent history, or none, that ends on the last day.

    Parameters
    ----------
    user_ids : sequence of str
        The people, each once, in any order.
    first_purchase : sequence of datetime
        When each of them first bought something: UTC, without a zone.
    last_day : date
        No record is made after this day; consent may be valid for longer.
    ages : sequence of str or None
        The age band of each, a key of `RELUCTANCE`, where it is known.
    seed : int
        Another seed gives another history.

    Returns
    -------
    pa.Table
        Consent events with the fields of `SCHEMA`, by the time they were recorded.

    Notes
    -----
    **Privacy.** *Reads* ids, age bands and first purchase times. *Returns* rows about people, for a consent store.
    *Costs* nothing. *Assumes* the caller says wherever it shows results that consent was simulated.
    """
    people = _people(user_ids, first_purchase, last_day, ages, seed=seed)
    records = [record for person in people for record in _records(person)]
    return pa.Table.from_pylist(records, schema=SCHEMA).sort_by(
        [("recorded_time", "ascending"), ("record_id", "ascending")]
    )


def simulate_subjects(
    user_ids: Sequence[str], first_purchase: Sequence[datetime], last_day: date, *, seed: int = SEED
) -> pa.Table:
    """A few people have asked, late in the year, for their data to be erased; nobody is a minor.

    The unit of the demo is a household, and a household is no minor. People who asked for nothing have no row.

    Notes
    -----
    **Privacy.** *Reads* ids and first purchase times. *Returns* rows about people. *Costs* nothing. *Assumes* the
    same as `simulate_consents`.
    """
    people = _people(user_ids, first_purchase, last_day, [None] * len(user_ids), seed=seed, stream="erasure")
    erased = [
        {"user_id": p.user_id, "minor": False, "erased_at": p.moment(0.7, 0.99)} for p in people if p.says_yes(_ERASURE)
    ]
    schema = pa.schema([("user_id", pa.string()), ("minor", pa.bool_()), ("erased_at", TIME)])
    return pa.Table.from_pylist(erased, schema=schema).sort_by("user_id")


def _people(
    user_ids: Sequence[str],
    first_purchase: Sequence[datetime],
    last_day: date,
    ages: Sequence[str | None],
    *,
    seed: int,
    stream: str = "consent",
) -> Iterable[_Person]:
    """The people, each with chances that hang on nobody else."""
    end = datetime.combine(last_day, time(23, 59, 59))
    if len(set(user_ids)) < len(user_ids) or any(first > end for first in first_purchase):
        raise UsageError(
            "each person is given once and has bought something by the last day",
            given=f"{len(user_ids)} rows, {len(set(user_ids))} different people, last day {last_day}",
            do="Group the purchases by person before simulating",
        )
    for user_id, first, age in zip(user_ids, first_purchase, ages, strict=True):
        digest = hashlib.sha256(f"{stream}/{seed}/{user_id}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest))
        yield _Person(user_id=user_id, age=age, first=first, end=end, rng=rng)


def _records(person: _Person) -> Iterable[dict[str, object]]:
    """The person's consent events as rows."""
    asked = ("personalization",) if person.says_yes(_ALL_IN_ONE) else (TRAINING, "personalization.recommendations")
    language = "es" if person.says_yes(_SPANISH) else "en"
    story = _story(person)
    events = _STORIES[story](person, asked)
    if story not in ("refused", "silent"):
        events = [*events, *_further(person, events[0].at)]
    paper = {at: person.says_yes(_ON_PAPER) for at in dict.fromkeys(event.at for event in events)}
    return [_record(person, event, language, paper=paper[event.at] and event.method != "gpc") for event in events]


def _story(person: _Person) -> str:
    """What becomes of this person's consent to training."""
    reluctance = RELUCTANCE.get(person.age or "", 1.0)
    point = float(person.rng.random())
    for story, share in STORIES.items():
        point -= share * (reluctance if story in _RELUCTANT else 1.0)
        if point < 0:
            return story
    return "kept"


def _give(purposes: Iterable[str], at: datetime, *, until: datetime | None = None) -> list[_Event]:
    """Consent given at one moment, valid until the next renewal unless said otherwise."""
    return [_Event(purpose=p, state="given", at=at, valid_until=until or at + _RENEWAL) for p in purposes]


def _end(purposes: Iterable[str], state: str, at: datetime, *, method: str = "account_page") -> list[_Event]:
    """Consent refused or withdrawn at one moment."""
    return [_Event(purpose=p, state=state, at=at, method=method) for p in purposes]


def _kept(person: _Person, asked: Sequence[str]) -> list[_Event]:
    return _give(asked, person.sign_up())


def _late(person: _Person, asked: Sequence[str]) -> list[_Event]:
    return _give(asked, person.moment(0.05, 0.5))


def _refused(person: _Person, asked: Sequence[str]) -> list[_Event]:
    return _end(asked, "refused", person.sign_up(), method="loyalty_card")


def _withdrew(person: _Person, asked: Sequence[str]) -> list[_Event]:
    return [*_kept(person, asked), *_end(asked, "withdrawn", person.moment(0.2, 0.95))]


def _returned(person: _Person, asked: Sequence[str]) -> list[_Event]:
    given, withdrawn = _give(asked, person.sign_up()), _end(asked, "withdrawn", person.moment(0.1, 0.5))
    return [*given, *withdrawn, *_give(asked, person.moment(0.55, 0.9))]


def _expired(person: _Person, asked: Sequence[str]) -> list[_Event]:
    return _give(asked, person.sign_up(), until=person.moment(0.2, 0.95))


def _signalled(person: _Person, asked: Sequence[str]) -> list[_Event]:
    """Given on the card, later overruled by the browser's Global Privacy Control: a refusal above wins."""
    return [*_kept(person, asked), *_end(("personalization",), "refused", person.moment(0.0, 0.95), method="gpc")]


def _silent(person: _Person, asked: Sequence[str]) -> list[_Event]:  # noqa: ARG001 - stories share one signature
    return []


_STORIES: Mapping[str, Callable[[_Person, Sequence[str]], list[_Event]]] = MappingProxyType(
    {
        "kept": _kept,
        "late": _late,
        "refused": _refused,
        "withdrew": _withdrew,
        "returned": _returned,
        "expired": _expired,
        "signalled": _signalled,
        "silent": _silent,
    }
)


def _further(person: _Person, at: datetime) -> list[_Event]:
    """Answers to the other questions on the form: fairness and the sensitive categories."""
    share = _ASSESSED_WITHOUT if person.age is None else _ASSESSED_WITH_ATTRIBUTES
    answer = float(person.rng.random())
    assessed = _give((ASSESSMENT,), at) if answer < share else []
    if answer > (1 + share) / 2:  # half of the rest say no, half leave the question open
        assessed = _end((ASSESSMENT,), "refused", at, method="loyalty_card")
    opted = [f"personalization.sensitive.{name}" for name, rate in OPT_INS.items() if person.says_yes(rate)]
    weighed = (MITIGATION,) if answer < share * _MITIGATED else ()
    return [*assessed, *_give((*opted, *weighed), at)]


def _record(person: _Person, event: _Event, language: str, *, paper: bool) -> dict[str, object]:
    """The event as the consent store would hold it; paper is entered days after it was signed."""
    delay = timedelta(days=float(person.rng.uniform(1, 14))) if paper else timedelta(0)
    at = event.at.replace(microsecond=0)
    return {
        "user_id": person.user_id,
        "purpose": event.purpose,
        "state": event.state,
        "event_time": at,
        "recorded_time": min(at + delay, person.end).replace(microsecond=0),
        "valid_until": event.valid_until and event.valid_until.replace(microsecond=0),
        "notice_version": "1" if event.purpose == "personalization" and event.method != "gpc" else "2",
        "language": language,
        "jurisdiction": "US",
        "method": "paper_form" if paper else event.method,
        "legal_basis": "objection" if event.method == "gpc" else "consent",
        "source": "simulated",
        "record_id": person.rng.bytes(8).hex(),
    }
