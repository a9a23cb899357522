"""What is recommended to one person now, and because of what; or why nothing is made from their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tactful.assurance.candidates import KINDS, replay
from tactful.desk.dossier_rows import RECOMMENDING, Judging
from tactful.errors import TactfulError
from tactful.personal.consent import SENSITIVE
from tactful.records.store import Records
from tactful.scoring.answers import Answer, Recommendation
from tactful.scoring.recommender import Recommender

_LISTED, _REASONS = 10, 3


def champions(records: Records) -> list[str]:
    """The models that have a champion, by name."""
    book = replay(records.entries(KINDS))
    names = dict.fromkeys(each.candidate.model for each in book.candidates)
    return [name for name in names if book.champion(name) is not None]


def offered(judging: Judging, rows: Sequence[dict[str, Any]], states: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each champion recommends to the person now, with what decided it.

    Parameters
    ----------
    judging : Judging
    rows : sequence of dict
        What they did, as `tactful.desk.dossier_rows.interactions` tells it, of the table that is used now.
    states : mapping of str to str
        Of each purpose, how consent to it stands now.

    Notes
    -----
    **Privacy.** *Reads* the items that the person agreed to be recommended by. *Returns* a list for that person.
    *Costs* nothing; nothing is stored. *Assumes* the services that recommend pass the same history and the same
    opt-ins.
    """
    agreed = states.get(RECOMMENDING) == "allowed"
    history = sorted({row["item_id"] for row in rows if row.get("recommending") == "admitted"}) if agreed else []
    opted = [name for name in judging.policy.sensitive if states.get(f"{SENSITIVE}.{name}") == "allowed"]
    return [_of_model(name, history, opted, agreed) for name in champions(judging.desk.records)]


def _of_model(model: str, history: list[str], opted: list[str], agreed: bool) -> dict[str, Any]:
    """What one champion recommends; or why it does not answer."""
    try:
        recommender = Recommender.load(f"models:/{model}@champion")
        answer = recommender.recommend(history, _LISTED, profiling=agreed, allowed_categories=opted, because=True)
    except TactfulError as error:
        return {"model": model, "problem": str(error), "items": []}
    return {
        "model": model,
        "version": answer.version,
        "problem": "",
        "personalised": answer.personalised,
        "reason": answer.reason,
        "from_items": len(history),
        "items": [_item(answer, each) for each in answer.items],
    }


def _item(answer: Answer, item: Recommendation) -> dict[str, Any]:
    """One recommended item, with what of the history spoke most for it."""
    parts = [part for part in item.because or () if part.item_id is not None and part.contribution > 0]
    because = parts[:_REASONS] if answer.personalised else []
    return {
        "item_id": item.item_id,
        "title": item.title,
        "because": [{"item_id": part.item_id, "title": part.title} for part in because],
    }
