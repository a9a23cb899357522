"""Everything that is held about one person, in one file: for a person as a page, for a machine as JSON.

It says what is held and where, what they said and when, which models their data were in and what that means, what is
recommended to them now and because of what, how long it all is kept, and what they can do. What cannot be read is said,
not left out. Of the business's own tables it holds the columns that tactful reads, and names the others.

The file is for the person alone: it holds their id and their data in plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tactful import __version__
from tactful.catalogue import Catalogue
from tactful.config import ControllerSection, TrainingConfig
from tactful.desk.dossier_rows import RECOMMENDING, Judging, attributes, flags, history, interactions, tables_of
from tactful.desk.dossier_words import NOT_JUDGED, NOT_TOLD, next_words
from tactful.desk.impact import Impact, ModelImpact, impact
from tactful.desk.listed import lists_about
from tactful.desk.offering import offered
from tactful.desk.person import Desk, Person, Reader
from tactful.desk.requests import requests_of
from tactful.desk.standing import asked_about, standing
from tactful.desk.tables import Held
from tactful.errors import TactfulError
from tactful.personal.one_person import check_said
from tactful.privacy.plain_risk import yours
from tactful.sources import VAULT, place

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dossier:
    """What is held about one person.

    Attributes
    ----------
    facts : mapping
        Plain values; the keys are those of the JSON file.
    problems : tuple of str
        What could not be read, and why, for whoever makes it; the person is told no more than that it was not.
    """

    facts: Mapping[str, Any]
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Dossier(one person)"

    @property
    def held(self) -> dict[str, int]:
        """How many rows there are of each kind; all 0 if nothing is held."""
        return dict(self.facts["held"])


def dossier(desk: Desk, person: Person) -> Dossier:
    """What is held about one person, put together; nothing is written.

    Parameters
    ----------
    desk : Desk
    person : Person

    Raises
    ------
    JournalBrokenError
        What the journal says about models does not hold.

    Notes
    -----
    **Privacy.** *Reads* all that tactful can read of the person. *Returns* it, for that person. *Costs* nothing.
    *Assumes* the reading was journalled before, and whoever asks is the person or acts for them.
    """
    reader = Reader(desk, person)
    held = tuple(reader.read(table) for table in desk.tables)
    judging, problem = _judging(desk, person, held)
    told = impact(desk, person, reader=reader)
    purpose = desk.settings.model.purpose if desk.settings else "personalization.training"
    now = [] if judging is None else standing(judging, asked_about(judging, purpose))
    rows = interactions(held, judging, purpose, {str(each["purpose"]): each["until"] for each in now})
    parts = {
        "interactions": rows,
        "consents": history(held),
        "attributes": attributes(held),
        "flags": flags(held),
    }
    counts = {name: sum(len(table["rows"]) for table in tables) for name, tables in parts.items()}
    requests = requests_of(desk.records, person.key)
    offers = _recommended(judging, rows, now)
    return Dossier(
        facts={
            "schema": SCHEMA,
            "user_id": person.user_id,
            "made_at": desk.records.now().isoformat(timespec="seconds"),
            "tactful": __version__,
            "controller": _controller(desk.settings),
            "purpose": {"training": purpose, "recommending": RECOMMENDING},
            "held": counts,
            "erased_at": person.erased_at.isoformat() if person.erased_at else None,
            **parts,
            "consents_now": now,
            "suppression_lists": lists_about(desk, person),
            "requests": requests,
            **_models(told, erased=person.erased_at is not None),
            "recommended": [each | {"problem": NOT_TOLD if each["problem"] else ""} for each in offers],
            "retention": _retention(desk.settings),
            "problems": [
                *(f"{PurePath(each.table.place).name} could not be read." for each in held if each.problem),
                *((NOT_JUDGED,) if problem else ()),
            ],
        },
        problems=(
            *(each.problem for each in held if each.problem),
            *((problem,) if problem else ()),
            *(f"what {each['model']} recommends: {each['problem']}" for each in offers if each["problem"]),
        ),
    )


def _judging(desk: Desk, person: Person, held: tuple[Held, ...]) -> tuple[Judging | None, str]:
    """What says what each row is used for; or why that cannot be said."""
    policy = desk.policy
    if desk.settings is None or policy is None:
        return None, "No configuration is known, so it cannot be said what each row is used for."
    try:
        catalogue = Catalogue.open(desk.settings.data.items)
        for table in tables_of(held, "consents"):
            check_said(table)
    except TactfulError as error:
        return None, str(error)
    return Judging(desk=desk, person=person, held=held, catalogue=catalogue, policy=policy), ""


def _recommended(
    judging: Judging | None, rows: Sequence[dict[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What is recommended now, from the table that the configuration uses."""
    if judging is None or judging.desk.settings is None:
        return []
    table = judging.desk.settings.data.interactions
    used = VAULT if table is None else place(table)
    kept = [row for table in rows if table["place"] == used for row in table["rows"]]
    return offered(judging, kept, {str(each["purpose"]): str(each["state"]) for each in now})


def _models(told: Impact, *, erased: bool) -> dict[str, Any]:
    """The models that the person's data were in, and those that they were not in; said to them."""
    parts = {"models": told.models, "not_used_by": told.others}
    said = {name: [_said(each) for each in models] for name, models in parts.items()}
    together = {"since_first": told.as_json()["since_first"], "together": told.together_to_you}
    return {**said, **together, "next": next_words(erased=erased)}


def _said(model: ModelImpact) -> dict[str, Any]:
    """What one training means, said to the person; why a table was not read is for others."""
    notes = [f"{note.split(': ')[0]}." if "could not be read: " in note else yours(note) for note in model.notes]
    return model.as_json() | {"means": model.to_you, "notes": notes}


def _controller(settings: TrainingConfig | None) -> dict[str, Any]:
    """Who answers for the data."""
    return (ControllerSection() if settings is None else settings.controller).model_dump(mode="json")


def _retention(settings: TrainingConfig | None) -> dict[str, Any] | None:
    """How long rows may be used."""
    if settings is None:
        return None
    return {"days": settings.policy.retention_days, "by_category": dict(settings.policy.retention)}
