"""What recommends without any privacy, on public data only: what is lost to privacy is measured against the best of it.

Each has one rule for its settings. Where a rule chooses, it chooses on training people alone: they are split once more
by the very protocol, and the setting whose Recall@20 is best there is fitted to all of them.

Copies of people (``--repeat-training``) teach a reference nothing new: EASE at λ is EASE on R copies at R λ, and the
order of counts is the same. So references are fitted once to the people without copies, and their seconds are of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tactful.benchmarks.peers import for_implicit, implicit
from tactful.benchmarks.protocol import Scorer, Split, hold_out, judge

_LAMBDAS = tuple(25.0 * 2**power for power in range(8))
_WIDEST, _WIDEST_TRIED = 8192, 2048  # items that EASE links, and those it links while its λ is chosen
_FACTORS, _REGULARIZATION, _ITERATIONS = (16, 64), (1.0, 10.0, 30.0, 100.0), 15
_PEOPLE_TRIED = 20_000
_SHARE = 0.2
_EPOCHS = 100
_COMMAND = "`tactful benchmark quality`"

_Setting = TypeVar("_Setting")
Reference = Callable[[Split, int], Scorer]
"""From a split, of which the hidden items are not looked at, and a seed to scores."""


def popularity(split: Split, seed: int) -> Scorer:  # noqa: ARG001  (it is the interface)
    """Items by how many people who train used them."""
    counts = np.bincount(split.training.indices, minlength=split.training.shape[1]).astype(np.float64)
    return lambda shown: np.tile(counts, (shown.shape[0], 1))


def ease(split: Split, seed: int) -> Scorer:
    """EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data").

    Notes
    -----
    λ is chosen among 25, 50, …, 3200 on training people, with the 2,048 most used items. The 8,192 most used items are
    linked; others come last, by how much they were used.
    """
    inner = hold_out(split.training, seed=seed, share=_SHARE)
    penalty = _chosen(_LAMBDAS, lambda value: _ease(inner.training, value, _WIDEST_TRIED), inner)
    return _ease(split.training, penalty, _WIDEST)


def als(split: Split, seed: int) -> Scorer:
    """Implicit's ALS (Hu, Koren & Volinsky 2008), people folded in by its own solve.

    Raises
    ------
    MissingExtraError
        If implicit is not installed.

    Notes
    -----
    15 iterations; 16 or 64 factors and regularization 1, 10, 30 or 100, chosen on training people, at most 20,000 of
    them.
    """
    few = np.random.default_rng(seed).permutation(split.training.shape[0])[:_PEOPLE_TRIED]
    inner = hold_out(split.training[np.sort(few)], seed=seed, share=_SHARE)
    grid = [(factors, weight) for factors in _FACTORS for weight in _REGULARIZATION]
    factors, weight = _chosen(grid, lambda pair: _als(inner.training, *pair, seed), inner)
    return _als(split.training, factors, weight, seed)


def bpr(split: Split, seed: int) -> Scorer:
    """Implicit's BPR (Rendle et al. 2009); a history is scored by the mean of its items' factors.

    Raises
    ------
    MissingExtraError
        If implicit is not installed.

    Notes
    -----
    64 factors, 100 epochs and implicit's own defaults for the rest. It has no fold-in of its own.
    """
    model = implicit("bpr", command=_COMMAND).BayesianPersonalizedRanking(
        factors=64, iterations=_EPOCHS, num_threads=1, random_state=seed
    )
    model.fit(for_implicit(split.training), show_progress=False)
    factors = np.array(model.item_factors)
    taste = factors[:, :-1]  # the last column holds the item's own bias

    def scores(shown: scipy.sparse.csr_array) -> NDArray[np.floating]:
        """Products with the mean of the history."""
        lengths = np.maximum(np.diff(shown.indptr), 1)[:, None]
        found: NDArray[np.floating] = (shown.astype(np.float32) @ taste) / lengths @ taste.T + factors[:, -1]
        return found

    return scores


REFERENCES: Mapping[str, Reference] = MappingProxyType({"popularity": popularity, "als": als, "ease": ease, "bpr": bpr})
"""By name."""


def _chosen(settings: Iterable[_Setting], fit: Callable[[_Setting], Scorer], split: Split) -> _Setting:
    """The setting of the best recall, the first of equals."""
    return max(settings, key=lambda setting: judge(fit(setting), split).recall)


def _ease(training: scipy.sparse.csr_array, penalty: float, widest: int) -> Scorer:
    """EASE on the most used items."""
    counts = np.bincount(training.indices, minlength=training.shape[1])
    head = np.sort(np.argsort(-counts, kind="stable")[:widest])
    rows = training[:, head].astype(np.float64)
    gram = (rows.T @ rows).toarray()
    gram[np.diag_indices(len(head))] += penalty
    inverse = scipy.linalg.inv(gram, overwrite_a=True)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    last = counts / (counts.max(initial=0) + 1.0) - 1e6
    return partial(_linked, weights=weights, head=head, last=last)


def _linked(
    shown: scipy.sparse.csr_array, *, weights: NDArray[np.float64], head: NDArray[np.int64], last: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The sums of what the items of each history say of the linked ones."""
    scores = np.tile(last, (shown.shape[0], 1))
    scores[:, head] = shown[:, head].astype(np.float64) @ weights
    return scores


def _als(training: scipy.sparse.csr_array, factors: int, regularization: float, seed: int) -> Scorer:
    """ALS with these settings, on one thread: implicit warns of more."""
    with threadpool_limits(limits=1):
        model = implicit("als", command=_COMMAND).AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            iterations=_ITERATIONS,
            num_threads=1,
            random_state=seed,
        )
        model.fit(for_implicit(training), show_progress=False)
    return partial(_folded, model=model)


def _folded(shown: scipy.sparse.csr_array, *, model: Any) -> NDArray[np.floating]:
    """Scores of people folded in."""
    with threadpool_limits(limits=1):
        people = model.recalculate_user(np.arange(shown.shape[0]), for_implicit(shown))
        scores: NDArray[np.floating] = people @ model.item_factors.T
    return scores
