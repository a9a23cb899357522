"""How well the model serves people it has never seen: their later purchases, from their earlier ones.

Strong generalisation (Marlin 2004; Liang et al. 2018): evaluation people are not in the training data. The earlier
80% of a person's items are the history, the later 20% are hidden. What is measured is what would be served: the lists
come from `tactful.scoring.Recommender` itself, without sensitive categories. The baseline is the released popularity
list less the history.

Notes
-----
*Neighbours.* Take one person away, with all their rows and records. If they trained, no row here changes: the model is
another one perhaps, but it is made of released values, and given those everything here is as it was. If they are one of
the evaluation people, their row goes and no other changes: a person's lists follow from their own history and the
artifact (`Recommender.recommend_batch` answers for each apart), their figures from their own lists, history and hidden
items (`tactful.assurance.person_metrics`), their groups from their own attributes, consent and length of history
(`tactful.assurance.strata`); what else is used, popularity, the head and item groups, is released or public. This
holds as well for people who are only known: they agreed to be assessed and not to training, or their history is too
short. So neighbouring evaluation vectors differ by what one row adds, which `tactful.privacy.cells` bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.assurance import person_metrics as of_person
from tactful.assurance.item_groups import ItemGroups
from tactful.assurance.layout import EXPOSURE, INTEREST, design
from tactful.assurance.metrics import OVERALL, metric
from tactful.assurance.person_metrics import Pairs
from tactful.personal.split import EvaluationPeople
from tactful.privacy.cells import Shares
from tactful.privacy.sums import inside
from tactful.scoring.artifact import Artifact
from tactful.scoring.recommender import Recommender

__all__ = ["DEPTH", "LIFT_CLIP", "SHOWN", "PersonMetrics", "design", "measure"]

DEPTH = 20
SHOWN = 10
"""So many suggestions the metrics of groups are about."""
LIFT_CLIP = OVERALL["lift@20"].clip
"""Declared bound on how much one person's Recall@20 can differ from the baseline's; larger differences count as this.
The model's own Recall@20 is not released beside the two: the baseline's and the paired lift say it, and cannot
contradict each other."""
_CHUNK = 2048  # people whose answers are in memory at a time


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PersonMetrics:
    """What was measured of each person; rows about people, for the methods of `PrivateRelease` only.

    Rows are those of `EvaluationPeople`: measured people and people who are only known.

    Attributes
    ----------
    values : mapping of str to float array of shape (n_people,)
        By metric, and how far inside its range each is. ``people`` is 1 for whoever is measured and 0 for whoever is
        only known, whose other metrics are 0; ``known`` is 1; ``consented`` is 1 for whoever has a row that consent let
        train.
    shares : mapping of (metric, column) to float array of shape (n_people, n_levels)
        Shares of item groups.
    lengths : int array of shape (n_people,)
        Items that were folded in; 0 for whoever is only known.
    lists, popular : int arrays of shape (n_people, 10)
        Catalogue positions of the model's suggestions, and of the popularity list less the history; −1 where there are
        fewer, and for whoever is only known.
    """

    values: Mapping[str, NDArray[np.float64]]
    shares: Shares
    lengths: NDArray[np.int64]
    lists: NDArray[np.int64]
    popular: NDArray[np.int64]


def measure(
    people: EvaluationPeople,
    artifact: Artifact,
    *,
    noisier: Sequence[Artifact] = (),
    items: Iterable[ItemGroups] = (),
    category: ItemGroups | None = None,
) -> PersonMetrics:
    """Each person's figures under the model and under popularity.

    Measured are people with a hidden item that is in no sensitive category; the others are only known.

    Parameters
    ----------
    people : EvaluationPeople
    artifact : Artifact
    noisier : sequence of Artifact
        What the same releases would have made with more noise, in a few draws; without one there is no
        ``noise_cost@10``.
    items : iterable of ItemGroups
        Groups whose exposure is measured.
    category : ItemGroups, optional
        Categories whose mixture is compared; without it ``miscalibration@10`` is left out.

    Notes
    -----
    **Privacy.** *Reads* the histories of evaluation people. *Returns* one row of figures a person, which stays inside.
    *Costs* nothing by itself. *Assumes* that the caller hands it to `PrivateRelease` and to nothing else.
    """
    open_items = np.asarray(artifact.arrays["sensitive"]) == 0
    hidden = Pairs.of(people.hidden)
    hidden = hidden.where(open_items[hidden.items])
    rows = np.flatnonzero(hidden.counts > 0)
    truth, history = hidden.of_people(rows), Pairs.of(people.folded).of_people(rows)
    lists, personalised = _served(artifact, history)
    order = np.argsort(-np.asarray(artifact.arrays["popularity"]), kind="stable")
    popular = of_person.popularity_lists(order[open_items[order]], history, DEPTH)
    comparable = history.where(open_items[history.items])  # as lists are: without sensitive categories
    found = _quality(lists, popular, truth) | _character(artifact, lists, comparable, personalised)
    if category is not None:
        found["miscalibration@10"] = of_person.miscalibration(lists[:, :SHOWN], comparable, category.membership)
    if noisier:
        worse = [_quality(_served(each, history)[0], popular, truth)["ndcg@10"] for each in noisier]
        found["noise_cost@10"] = _clipped("noise_cost@10", found["ndcg@10"] - sum(worse) / len(worse))
    shares = {
        (name, groups.column): share
        for groups in items
        for name, share in (
            (EXPOSURE, of_person.exposure(lists[:, :SHOWN], groups.membership)),
            (INTEREST, np.asarray(truth.mixture(groups.membership).toarray())),
        )
    }
    everybody = len(people.admitted)
    return PersonMetrics(
        values=_with_known(found, rows, people.admitted),
        shares={key: _among(share, rows, everybody) for key, share in shares.items()},
        lengths=_among(history.counts, rows, everybody),
        lists=_among(lists[:, :SHOWN], rows, everybody, missing=-1),
        popular=_among(popular[:, :SHOWN], rows, everybody, missing=-1),
    )


def _served(artifact: Artifact, history: Pairs) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Catalogue positions of the lists that the scoring module would serve, and which of them follow a history."""
    ids = np.asarray(artifact.arrays["item_ids"]).tolist()
    position = {item: place for place, item in enumerate(ids)}
    recommender = Recommender.unapproved(artifact)
    lists = np.full((history.n_people, DEPTH), -1, dtype=np.int64)
    personalised = np.zeros(history.n_people, dtype=np.bool_)
    ends = np.cumsum(history.counts)
    read = [[ids[item] for item in part.tolist()] for part in np.split(history.items, ends[:-1])] if len(ends) else []
    for start in range(0, len(read), _CHUNK):
        answers = recommender.recommend_batch(read[start : start + _CHUNK], DEPTH, profiling=True)
        for row, answer in enumerate(answers, start):
            lists[row, : len(answer.items)] = [position[item.item_id] for item in answer.items]
            personalised[row] = answer.personalised
    return lists, personalised


def _quality(lists: NDArray[np.int64], popular: NDArray[np.int64], truth: Pairs) -> dict[str, NDArray[np.float64]]:
    """What is found of the hidden items."""
    model, baseline, wanted = of_person.hits(lists, truth), of_person.hits(popular, truth), truth.counts
    reference = of_person.recall(baseline, wanted, DEPTH)
    return {
        "ndcg@10": of_person.ndcg(model, wanted, SHOWN),
        "recall@10": of_person.recall(model, wanted, SHOWN),
        "hit@10": np.asarray(model[:, :SHOWN].any(axis=1), dtype=np.float64),
        "popularity_recall@20": reference,
        "lift@20": _clipped("lift@20", of_person.recall(model, wanted, DEPTH) - reference),
    }


def _character(
    artifact: Artifact, lists: NDArray[np.int64], history: Pairs, personalised: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """What the lists are like beside the histories, whatever is found."""
    percentile = of_person.percentiles(np.asarray(artifact.arrays["popularity"]))
    in_head = np.zeros(history.n_items)
    in_head[np.asarray(artifact.arrays["head"])] = 1.0
    return {
        "novelty@10": of_person.shown_mean(lists[:, :SHOWN], 1 - percentile),
        "popularity_lift@10": of_person.popularity_lift(lists[:, :SHOWN], history, percentile),
        "fallback": np.asarray(~personalised, dtype=np.float64),
        "head_share": history.mean(in_head),
    }


def _clipped(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Within the metric's declared bounds."""
    return np.clip(values, metric(name).low, metric(name).high)


def _with_known(
    found: Mapping[str, NDArray[np.float64]], rows: NDArray[np.int64], admitted: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """Every figure and how far inside its range it is, of measured people and of those who are only known."""
    within = {inside(name): metric(name).inside(x) for name, x in found.items() if not metric(name).binary}
    figures = {"people": np.ones(len(rows)), **found, **within}
    return {
        **{name: _among(values, rows, len(admitted)) for name, values in figures.items()},
        "known": np.ones(len(admitted)),
        "consented": admitted.astype(np.float64),
    }


def _among(values: NDArray[Any], rows: NDArray[np.int64], everybody: int, *, missing: int = 0) -> NDArray[Any]:
    """The values at their rows among everybody, `missing` in the others."""
    placed = np.full((everybody, *values.shape[1:]), missing, dtype=values.dtype)
    placed[rows] = values
    return placed
