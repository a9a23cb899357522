"""Ranked positions turned into what a caller gets back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tactful.scoring.answers import Answer, Contribution, Recommendation, recommended
from tactful.scoring.batches import candidates_of_many, worth_it
from tactful.scoring.histories import UNREAD, History
from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import Offer
from tactful.scoring.ranking import Ranked, best_of, exact_scores, rank_personal, rank_popular

PERSONAL = "ranked by what the items of the history say"
NOT_ALLOWED = "profiling is not allowed for this person: the history was not read"
NOTHING_USABLE = "no item of the history is one the model can use"
NO_WEIGHT = "no item of the history has a weight above 0"

_TOO_MANY = 2**14  # candidates of all people in a batch, who have a few dozen each


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What answers: a version of a model, and the approval that it answers under."""

    model: str
    version: str
    approval_id: str | None


def answer(model: ItemModel, by: Identity, history: History | None, offer: Offer, n: int, because: bool) -> Answer:
    """The answer for one history; None stands for one that must not be read."""
    if history is None or not len(history.slots):
        return _popular(model, by, history, offer, n, because)
    taste = model.taste(history.slots, history.ratios)
    return _packed(model, by, rank_personal(model, history, offer, n, taste=taste), history, PERSONAL, because)


def answers(
    model: ItemModel, by: Identity, histories: Sequence[History | None], offer: Offer, n: int, because: bool
) -> Iterator[Answer]:
    """What `answer` says of each history, in their order; the scores of all of them are computed together."""
    personal = [history for history in histories if history is not None and len(history.slots)]
    if not worth_it(model, n, len(personal)):
        yield from (answer(model, by, history, offer, n, because) for history in histories)
        return
    ranked = _ranked(model, personal, offer, n)
    for history in histories:
        if history is None or not len(history.slots):
            yield _popular(model, by, history, offer, n, because)
        else:
            yield _packed(model, by, next(ranked), history, PERSONAL, because)


def _ranked(model: ItemModel, histories: Sequence[History], offer: Offer, n: int) -> Iterator[Ranked]:
    """What `rank_personal` says of each history."""
    tastes = np.array([model.taste(history.slots, history.ratios) for history in histories])
    people, slots = candidates_of_many(model, histories, tastes, offer, n)
    ends = np.searchsorted(people, np.arange(len(histories) + 1)).tolist()
    if len(slots) > _TOO_MANY:  # ties; a row of factors for each of them would not fit
        yield from (rank_personal(model, h, offer, n, taste=t) for h, t in zip(histories, tastes, strict=True))
        return
    scores = exact_scores(model, slots, tastes[people])
    if len(offer.tail):
        for history, (start, stop) in zip(histories, pairwise(ends), strict=True):
            yield best_of(model, history, offer, n, slots=slots[start:stop], scores=scores[start:stop])
        return
    places = model.places[slots]
    order = np.lexsort((places, -scores, people))
    places, scores = places[order], scores[order]
    for start, stop in pairwise(ends):
        best = slice(start, min(start + n, stop))
        yield places[best], scores[best]


def parts(model: ItemModel, history: History, position: int) -> tuple[Contribution, ...]:
    """What a score is made of, the largest first, the base term last."""
    if not len(history.slots):
        return (Contribution(item_id=None, contribution=float(model.popularity[position])),)
    added = model.contributions(history.slots, position, history.ratios)
    places = model.places[history.slots].tolist()
    values = added.tolist()
    order = np.argsort(-added, kind="stable").tolist()
    titles = model.titles[places].tolist()
    said = [Contribution(item_id=model.item_ids[places[i]], contribution=values[i], title=titles[i]) for i in order]
    return (*said, Contribution(item_id=None, contribution=float(model.base[position])))


def recommendations(model: ItemModel, ranked: Ranked) -> tuple[Recommendation, ...]:
    """The items of a ranked list, without reasons."""
    places = ranked[0].tolist()
    titles = model.titles[ranked[0]].tolist()
    return tuple(map(recommended, map(model.item_ids.__getitem__, places), ranked[1].tolist(), titles))


def _popular(model: ItemModel, by: Identity, history: History | None, offer: Offer, n: int, because: bool) -> Answer:
    """The list that is not personal, less the history where it was read."""
    reason = NOT_ALLOWED if history is None else NO_WEIGHT if history.silent else NOTHING_USABLE
    seen = history or UNREAD
    return _packed(model, by, rank_popular(model, seen, offer, n), seen, reason, because)


def _packed(model: ItemModel, by: Identity, ranked: Ranked, history: History, reason: str, because: bool) -> Answer:
    """The answer around a ranked list."""
    items = recommendations(model, ranked)
    if because:
        places = ranked[0].tolist()
        items = tuple(
            Recommendation(
                item_id=item.item_id, score=item.score, title=item.title, because=parts(model, history, place)
            )
            for item, place in zip(items, places, strict=True)
        )
    return Answer(
        items=items,
        personalised=reason is PERSONAL,
        reason=reason,
        unknown=history.unknown,
        withheld=history.withheld,
        model=by.model,
        version=by.version,
        approval_id=by.approval_id,
    )
