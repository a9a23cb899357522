"""Mechanisms that are broken on purpose, each in one way that people have shipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from gram_reference import triangle_norm
from privacy_worlds import NoNoise, door, of_matrix
from tactful.personal import gram_kernels, grams
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.contributions import SCALE
from tactful.privacy import noise
from tactful.privacy.noise import SeededNoise, SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery, ItemGram, Noise


class HalfNoise(SystemNoise):
    """Half the noise that was paid for."""

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        return super().draw(sigma / 2, size)


class StaleNoise(SystemNoise):
    """Noise that is drawn once and used for every release of the same size."""

    def __init__(self) -> None:
        self._kept: NDArray[np.int64] = super().draw(float(SCALE), 1 << 17)

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        return np.rint(self._kept[:size] * (sigma / SCALE)).astype(np.int64)


class OneDrawForAll(SystemNoise):
    """One noise value for the whole vector."""

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        return np.repeat(super().draw(sigma, 1), size)


class SeededInSecret(SeededNoise):
    """A seeded generator that says it is not."""

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def kind(self) -> Noise:
        return "system"


class KeyedOnce(SystemNoise):
    """One key for the life of the process, as numpy's own generators have: a fork repeats its parent."""

    def __init__(self) -> None:
        self._stream = noise._Keystream(noise.secrets.token_bytes(16))

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        return noise._draw(self._stream, sigma, size)


class OneKeyForAll(SystemNoise):
    """One key for all draws of a run, each from the beginning of its stream."""

    def __init__(self) -> None:
        self._key = noise.secrets.token_bytes(16)

    def draw(self, sigma: float, size: int) -> NDArray[np.int64]:
        return noise._draw(noise._Keystream(self._key), sigma, size)


class PopularityAgain(PrivateRelease):
    """Fresh noise in each run, but the Gram's begins with popularity's."""

    def popularity(self, bounded: BoundedInteractions) -> Any:
        self._drawn = super().popularity(bounded)
        self._exact = door(NoNoise()).popularity(bounded).values
        return self._drawn

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        made, exact = super().gram(bounded, query), door(NoNoise()).gram(bounded, query)
        again = (self._drawn.values - self._exact)[: len(query.head) - 1] / self._drawn.sigma * made.sigma
        values = made.values.copy()
        values[0, 1:][: len(again)] = values[1:, 0][: len(again)] = exact.values[0, 1:][: len(again)] + again
        return replace(made, values=values)


class HeadFromRows(PrivateRelease):
    """What leaves as popularity is in the order of the exact one, so that the head is that of the rows."""

    def popularity(self, bounded: BoundedInteractions) -> Any:
        made, exact = super().popularity(bounded), door(NoNoise()).popularity(bounded).values
        values = np.empty_like(made.values)
        values[np.argsort(-exact, kind="stable")] = np.sort(made.values)[::-1]
        return replace(made, values=values)


class Unclipped(PrivateRelease):
    """Metrics enter the evaluation vector as they are."""

    def evaluation(self, metrics: Any, groups: Any, design: Any, shares: Any = None) -> Any:
        made = super().evaluation(metrics, groups, design, shares)
        cells = {
            cell: replace(m, value=m.value + _lost(metrics, groups, design, cell)) if cell.metric == "ndcg@10" else m
            for cell, m in made.cells.items()
        }
        return replace(made, cells=cells)


def _lost(metrics: Any, groups: Any, design: Any, cell: Any) -> float:
    """What the clip takes away from one cell."""
    clip = (design.groups[cell.attribute].metrics if cell.attribute else design.overall)[cell.metric][0]
    here = np.ones(len(metrics[cell.metric]), dtype=bool)
    if cell.attribute:
        here = groups[cell.attribute] == design.groups[cell.attribute].levels.index(cell.group)
    values = metrics[cell.metric][here]
    return float(np.sum(values - np.clip(values, -clip, clip)))


class ExactDiagonal(PrivateRelease):
    """The diagonal of the Gram leaves without noise."""

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        noisy = super().gram(bounded, query)
        values = noisy.values.copy()
        np.fill_diagonal(values, np.diag(door(NoNoise()).gram(bounded, query).values))
        return replace(noisy, values=values)


class BothSides(PrivateRelease):
    """Each side of the Gram has noise of its own, so that each pair leaves twice."""

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        one, two = super().gram(bounded, query), super().gram(bounded, query)
        values = np.triu(one.values) + np.tril(two.values, -1)
        return replace(one, values=values)


class BothSidesAveraged(BothSides):
    """The same, made symmetric again: the noise is √2 too small."""

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        made = super().gram(bounded, query)
        return replace(made, values=(made.values + made.values.T) / 2)


class DrawnFirst(PrivateRelease):
    """The noise is drawn, then paid for: an error in between leaks for nothing."""

    def _release(self, name: str, statistic: Callable[[], NDArray[np.int64]]) -> tuple[NDArray[np.float64], float]:
        multiplier = self._plan.event(name).noise_multiplier
        exact = statistic()
        noisy = exact + self._noise.draw(multiplier * SCALE, exact.size)
        self._ledger.open(self._debit, name)
        self._ledger.released(self._debit, name)
        return noisy / SCALE, multiplier


def unbounded(consented: Any, *, max_items: int) -> BoundedInteractions:  # that is the mutation
    """Every item of a person, whatever the bound."""
    return bound(consented, max_items=1000)


def twice(bounded: BoundedInteractions) -> BoundedInteractions:
    """Everybody's rows two times, as when two ids of one person were joined too late."""
    rows = bounded.user_items
    return of_matrix(
        scipy.sparse.csr_array(scipy.sparse.vstack([rows, rows]), shape=(2 * rows.shape[0], rows.shape[1]))
    )


class CountedTwice(PrivateRelease):
    """Each person counts twice in everything."""

    def people(self, bounded: BoundedInteractions) -> Any:
        return super().people(twice(bounded))

    def popularity(self, bounded: BoundedInteractions) -> Any:
        return super().popularity(twice(bounded))

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        return super().gram(twice(bounded), query)


class DiagonalOutsideTheNorm(PrivateRelease):
    """The weight of a pair forgets the diagonal: 1/√(l(l−1)/2), where the diagonal adds to what is under the root."""

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        made = super().gram(bounded, query)
        rows = bounded.user_items[:, query.head].toarray().astype(float)
        lengths = rows.sum(axis=1)
        forgetful = 1 / np.sqrt(np.maximum(lengths * (lengths - 1) / 2, 1))
        pairs = lengths * (lengths - 1) / 2
        share = forgetful - 1 / np.sqrt(np.maximum(pairs + lengths / grams.DIAGONAL_DIVISOR**2, 1))
        return replace(made, values=made.values + rows.T @ (np.where(lengths > 1, share, 0)[:, None] * rows))


class WholeDiagonal(PrivateRelease):
    """The diagonal at the weight of a pair, where the norm counts half of it."""

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        made = super().gram(bounded, query)
        values = made.values.copy()
        values[np.diag_indices(len(query.head))] *= grams.DIAGONAL_DIVISOR
        return replace(made, values=values)


def to_the_nearest(entries: NDArray[np.int64], _tenths: int = 10) -> NDArray[np.int64]:
    """Weights rounded instead of cut."""
    return np.rint(SCALE / np.sqrt(np.maximum(entries, 1))).astype(np.int64) * (entries > 0)


def upward(entries: NDArray[np.int64], _tenths: int = 10) -> NDArray[np.int64]:
    """Weights rounded up."""
    return np.ceil(SCALE / np.sqrt(np.maximum(entries, 1))).astype(np.int64) * (entries > 0)


GramStatistic = Callable[[BoundedInteractions, GramQuery], NDArray[np.int64]]


def counting(**broken: Any) -> GramStatistic:
    """The Gram with some of its loops replaced."""
    loops = SimpleNamespace(**{**vars(gram_kernels), **broken})

    def statistic(bounded: BoundedInteractions, query: GramQuery) -> NDArray[np.int64]:
        with patch.object(grams, "_kernels", lambda: loops):
            return grams.item_gram(bounded, query)

    return statistic


def sharing(norm: Callable[..., float], whole: Callable[[float], float] = np.floor) -> GramStatistic:
    """The Gram with t chosen by a norm of one's own at t = 1, and not decided by whole numbers."""

    def shares(begins: Any, lists: Any, weights: Any, direction: Any, taken: float, norms: Any) -> Any:
        times, shifts = np.zeros((2, len(begins) - 1), dtype=np.int64)
        for person in range(len(times)):
            mine = lists[begins[person] : begins[person + 1]]
            history = np.zeros(len(weights))
            history[mine] = weights[mine]
            share = taken * float(history @ direction) / max(float(direction @ direction), 1.0)
            t = whole(np.sqrt(norms[person] / max(norm(history, share * direction, mine), 1.0))) if len(mine) else 0
            times[person], shifts[person] = t, np.rint(t * share)
        return times, shifts

    return counting(shares=shares)


def of_own_items(history: NDArray[np.float64], shift: NDArray[np.float64], mine: NDArray[np.int64]) -> float:
    """A norm that forgets that the shift reaches items which the person has not."""
    return float(triangle_norm((history - shift)[mine]))


def of_pairs(history: NDArray[np.float64], shift: NDArray[np.float64], _: Any) -> float:
    """A norm that forgets the diagonal."""
    z = history - shift
    return float(np.sqrt(max(triangle_norm(z) ** 2 - (z**4).sum(), 0.0)))


def of_everything(history: NDArray[np.float64], shift: NDArray[np.float64], _: Any) -> float:
    """The right norm, in floats."""
    return float(triangle_norm(history - shift))


def of_the_history(history: NDArray[np.float64], _shift: NDArray[np.float64], _mine: Any) -> float:
    """The norm as if nothing were taken out, for what has nothing taken out."""
    return float(triangle_norm(history))


def shifted_the_other_way(upper: Any, weights: Any, direction: Any, along: Any, squares: int) -> None:
    """The shift is added where it should be taken away."""
    gram_kernels.finish(upper, weights, direction, -along, squares)


def centred_on_rows(bounded: BoundedInteractions, query: GramQuery) -> NDArray[np.int64]:
    """Histories lose what lies along the exact popularity of these people, which nobody released."""
    exact = np.asarray(bounded.user_items[:, query.head].sum(axis=0), dtype=float)
    direction = np.rint(255 * exact / max(exact.max(), 1.0)).astype(np.int64)
    return grams.item_gram(bounded, replace(query, direction=direction))
