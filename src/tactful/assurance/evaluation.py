"""How well the model serves people it has never seen: their later purchases, from their earlier ones.

Strong generalisation (Marlin 2004; Liang et al. 2018): evaluation people are not in the training data. The earlier
80 % of a person's items are the history, the later 20 % are hidden. What is measured is what would be served: the lists
come from `tactful.scoring.Recommender` itself, without sensitive categories. The baseline is the released popularity
list less the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.personal.attributes import OTHER, UNDISCLOSED
from tactful.personal.split import EvaluationPeople
from tactful.privacy.cells import CellDesign, GroupCells
from tactful.scoring.artifact import Artifact
from tactful.scoring.recommender import Recommender

DEPTH = 20
LIFT_CLIP = 0.2
"""Declared bound on how much one person's Recall@20 can differ from the baseline's; larger differences count as this.
The model's own Recall@20 is not released beside the two: the baseline's and the paired lift say it, and cannot
contradict each other."""

_OVERALL = {
    "people": (1.0, 1.0),
    "recall@10": (1.0, 1.0),
    "ndcg@10": (1.0, 1.0),
    "popularity_recall@20": (1.0, 1.0),
    "lift@20": (LIFT_CLIP, 2.0),
    "lift_squared@20": (LIFT_CLIP**2, 1.0),
}
_BY_GROUP = ("recall@10", "ndcg@10")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PersonMetrics:
    """Metrics of each evaluation person; rows about people, for `PrivateRelease.evaluation` only.

    Attributes
    ----------
    values : mapping of str to float array of shape (n_people,)
    rows : int array of shape (n_people,)
        Which rows of the evaluation people these are.
    """

    values: Mapping[str, NDArray[np.float64]]
    rows: NDArray[np.int64]


def design(attributes: Mapping[str, Sequence[str]], rule_metrics: Iterable[str]) -> CellDesign:
    """The layout of the evaluation vector: metrics that rules are about weigh twice.

    Parameters
    ----------
    attributes : mapping of str to sequence of str
        Declared levels; ``other`` and ``undisclosed`` are added.
    rule_metrics : iterable of str
        Metrics that at least one rule is about.
    """
    used = set(rule_metrics)
    by_group = {"people": (1.0, 1.0), **{m: (1.0, 2.0 if m in used else 1.0) for m in _BY_GROUP}}
    return CellDesign(
        overall=_OVERALL,
        groups={
            name: GroupCells(levels=(*levels, OTHER, UNDISCLOSED), metrics=by_group)
            for name, levels in attributes.items()
        },
    )


def measure(people: EvaluationPeople, artifact: Artifact) -> PersonMetrics:
    """Each person's metrics under the model and under popularity.

    Notes
    -----
    **Privacy.** *Reads* the histories of evaluation people. *Returns* one row of metrics a person, which stays inside.
    *Costs* nothing by itself. *Assumes* that the caller hands it to `PrivateRelease.evaluation` and to nothing else.
    """
    open_items = np.asarray(artifact.arrays["sensitive"]) == 0
    hidden = [
        _items(people.hidden, row)[open_items[_items(people.hidden, row)]] for row in range(people.hidden.shape[0])
    ]
    rows = np.array([row for row, items in enumerate(hidden) if len(items)], dtype=np.int64)
    served = _served(artifact, [_items(people.folded, row) for row in rows])
    popular = _popular(artifact, open_items, [_items(people.folded, row) for row in rows])
    truth = [hidden[row] for row in rows]
    model = [np.isin(ranked, t) for ranked, t in zip(served, truth, strict=True)]
    baseline = [np.isin(ranked, t) for ranked, t in zip(popular, truth, strict=True)]
    recall = {k: np.array([_recall(h, len(t), k) for h, t in zip(model, truth, strict=True)]) for k in (10, DEPTH)}
    reference = np.array([_recall(h, len(t), DEPTH) for h, t in zip(baseline, truth, strict=True)])
    lift = np.clip(recall[DEPTH] - reference, -LIFT_CLIP, LIFT_CLIP)
    values = {
        "people": np.ones(len(rows)),
        "recall@10": recall[10],
        "ndcg@10": np.array([_ndcg(h, len(t), 10) for h, t in zip(model, truth, strict=True)]),
        "popularity_recall@20": reference,
        "lift@20": lift,
        "lift_squared@20": lift**2,
    }
    return PersonMetrics(values=values, rows=rows)


def _items(matrix: object, row: int) -> NDArray[np.int64]:
    """The items of one row of a sparse array."""
    start, end = matrix.indptr[row : row + 2]  # type: ignore[attr-defined]
    return np.asarray(matrix.indices[start:end], dtype=np.int64)  # type: ignore[attr-defined]


def _served(artifact: Artifact, histories: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Catalogue positions of the lists that the scoring module would serve."""
    ids = np.asarray(artifact.arrays["item_ids"])
    position = {str(item): i for i, item in enumerate(ids)}
    answers = Recommender.unapproved(artifact).recommend_batch(
        [ids[h].tolist() for h in histories], DEPTH, profiling=True
    )
    return [np.array([position[item.item_id] for item in answer.items], dtype=np.int64) for answer in answers]


def _popular(
    artifact: Artifact, open_items: NDArray[np.bool_], histories: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Catalogue positions of the most popular items that each person does not have yet."""
    order = np.argsort(-np.asarray(artifact.arrays["popularity"]), kind="stable")
    order = order[open_items[order]]
    return [_first_new(order, history) for history in histories]


def _first_new(order: NDArray[np.int64], history: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first items of an order that are not in the history."""
    candidates = order[: DEPTH + len(history)]
    return candidates[~np.isin(candidates, history)][:DEPTH]


def _recall(hits: NDArray[np.bool_], hidden: int, k: int) -> float:
    """Hidden items among the first k, over the most that k places can hold."""
    return float(hits[:k].sum() / min(k, hidden))


def _ndcg(hits: NDArray[np.bool_], hidden: int, k: int) -> float:
    """Normalised discounted cumulative gain of the first k places (Järvelin & Kekäläinen 2002), binary relevance."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    return float((hits[:k] * discounts[: len(hits[:k])]).sum() / discounts[: min(k, hidden)].sum())
