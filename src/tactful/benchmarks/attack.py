"""Black-box membership inference: from ranked lists to one score for each person and model.

The attacker knows what a person used and shadow models trained with and without that person. They ask the model under
attack for lists, to the end of the catalogue, and see nothing but which item stands where.

Notes
-----
*Questions* about each person: the list for nobody in particular; the list after one half of the history, both ways;
the list after all of it but one item, a few times. What was not shown is looked up in the answer; a model that was
trained on the person tends to place it higher. For each of the three kinds the mean of −log rank is kept.

*Likelihood ratio* (Carlini et al. 2022, "Membership inference attacks from first principles", section V). For each
person the three numbers are taken as Gaussian over models, with one mean over the shadows trained on them, another over
the rest, and a common covariance; the score is the logarithm of the ratio of the two densities. The model that is
judged is left out of everything that is fitted. With few shadows what is fitted for one person is uncertain, so it
leans on the average over people: covariances as if `_BORROWED` shadows had shown the average one, differences of means
as far as their spread over people is explained by chance (James & Stein 1961, empirical Bayes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tactful.personal.matrices import user_items

_LEFT_OUT = 4  # questions a person that leave one item out
_KINDS = 3
_BORROWED = 50
_FLOOR = 1e-9  # added to each variance, for numbers that never vary
_AT_ONCE = 2_000  # looked-up items whose lists are compared at a time


class People(Protocol):
    """Who is attacked."""

    @property
    def items(self) -> int:
        """How many items the catalogue has."""

    def history(self, person: int) -> NDArray[np.int64]:
        """Catalogue positions of one person's items."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Questions:
    """What the attacker asks every model, and where they look in the answers.

    Attributes
    ----------
    shown : csr_array of shape (n_questions, n_items), ones
        The history that is sent with each question.
    asked, item : int arrays of shape (n_lookups,)
        The question and the catalogue position of each item that is looked up.
    cell : int array of shape (n_lookups,)
        What the look-up counts for: ``target · 3 + kind``.
    n_targets : int
    """

    shown: scipy.sparse.csr_array
    asked: NDArray[np.int64]
    item: NDArray[np.int64]
    cell: NDArray[np.int64]
    n_targets: int

    @classmethod
    def about(cls, people: People, targets: NDArray[np.int64], rng: np.random.Generator) -> Questions:
        """The questions about these people, each history divided by `rng`."""
        parts = [
            (place * _KINDS + kind, shown, hidden)
            for place, person in enumerate(targets.tolist())
            for kind, shown, hidden in _divided(people.history(person), rng)
        ]
        sizes = np.array([len(hidden) for _, _, hidden in parts])
        lengths = [len(shown) for _, shown, _ in parts]
        rows = np.repeat(np.arange(len(parts)), lengths)
        return cls(
            shown=user_items(rows, np.concatenate([shown for _, shown, _ in parts]), people.items, len(parts)),
            asked=np.repeat(np.arange(len(parts)), sizes),
            item=np.concatenate([hidden for _, _, hidden in parts]),
            cell=np.repeat([cell for cell, _, _ in parts], sizes),
            n_targets=len(targets),
        )

    def ranks(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        """The place of each looked-up item in its list, from 1: by falling score, without what was shown.

        Parameters
        ----------
        scores : float array of shape (n_questions, n_items)
            They order the lists; ties are in catalogue order. Overwritten where an item was shown.
        """
        shown = self.shown.tocoo()
        scores[shown.row, shown.col] = -np.inf
        blocks = range(0, len(self.asked), _AT_ONCE)
        return np.concatenate([self._block(scores, slice(start, start + _AT_ONCE)) for start in blocks])

    def statistics(self, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The mean of −log rank of each kind of question about each person, of shape (n_targets, 3)."""
        cells = self.n_targets * _KINDS
        counted = np.bincount(self.cell, minlength=cells)
        summed = np.bincount(self.cell, weights=-np.log(ranks), minlength=cells)
        return (summed / np.maximum(counted, 1)).reshape(self.n_targets, _KINDS)

    def _block(self, scores: NDArray[np.floating], block: slice) -> NDArray[np.int64]:
        """Some of the ranks."""
        lists, item = scores[self.asked[block]], self.item[block]
        own = lists[np.arange(len(item)), item][:, None]
        earlier = np.arange(lists.shape[1]) < item[:, None]
        before: NDArray[np.int64] = ((lists > own) | ((lists == own) & earlier)).sum(axis=1)
        return before + 1


def _divided(
    history: NDArray[np.int64], rng: np.random.Generator
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """The questions about one person: their kind, what is shown and what is looked up."""
    mixed = rng.permutation(history)
    half = len(mixed) // 2
    halves = [(1, mixed[:half], mixed[half:]), (1, mixed[half:], mixed[:half])]
    singles = [(2, np.delete(mixed, place), mixed[place : place + 1]) for place in range(min(_LEFT_OUT, len(mixed)))]
    return [(0, mixed[:0], mixed), *halves, *singles]


def likelihood_ratios(statistics: NDArray[np.float64], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much likelier each model's answers are if the person was trained on, as judged by the other models.

    Parameters
    ----------
    statistics : float array of shape (n_models, n_targets, n_statistics)
    members : bool array of shape (n_models, n_targets)
        Who was trained on; for the model that is judged it is not looked at.

    Returns
    -------
    float array of shape (n_models, n_targets)
        Logarithms of likelihood ratios.
    """
    judged = range(len(statistics))
    fits = (_Fit.of(np.delete(statistics, j, axis=0), np.delete(members, j, axis=0)) for j in judged)
    return np.stack([fit.ratios(statistics[j]) for j, fit in zip(judged, fits, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """Two Gaussians of one covariance for each person: the point between them, and the direction from out to in."""

    between: NDArray[np.float64]
    direction: NDArray[np.float64]

    @classmethod
    def of(cls, statistics: NDArray[np.float64], members: NDArray[np.bool_]) -> _Fit:
        """Fitted to shadows whose members are known."""
        inside = members[:, :, None].astype(np.float64)
        n_in, n_out = inside.sum(axis=0), (1 - inside).sum(axis=0)
        mean_in = (statistics * inside).sum(axis=0) / np.maximum(n_in, 1)
        mean_out = (statistics * (1 - inside)).sum(axis=0) / np.maximum(n_out, 1)
        covariance = _covariances(statistics - np.where(inside > 0, mean_in, mean_out))
        variance = np.einsum("tdd->td", covariance)
        known = (n_in > 0) & (n_out > 0)
        chance = variance * (1 / np.maximum(n_in, 1) + 1 / np.maximum(n_out, 1))
        difference = _leaning(mean_in - mean_out, chance, known[:, 0])
        between = statistics.mean(axis=0) + (0.5 - inside.mean(axis=0)) * difference
        direction = np.linalg.solve(covariance, difference[:, :, None])[:, :, 0].astype(np.float64)
        return cls(between=between, direction=direction)

    def ratios(self, statistics: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logarithm of the ratio of the two densities, for one model."""
        found: NDArray[np.float64] = ((statistics - self.between) * self.direction).sum(axis=1)
        return found


def _covariances(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """One covariance a person, leaning on the average over people."""
    shadows = len(residuals)
    own = np.einsum("std,ste->tde", residuals, residuals) / max(shadows - 2, 1)
    share = _BORROWED / (_BORROWED + shadows)
    floor: NDArray[np.float64] = _FLOOR * np.eye(residuals.shape[2])
    leaning: NDArray[np.float64] = (1 - share) * own + share * own.mean(axis=0) + floor
    return leaning


def _leaning(
    difference: NDArray[np.float64], chance: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Differences of means, leaning on their average over people as far as their spread is chance."""
    average = difference[known].mean(axis=0) if known.any() else np.zeros(difference.shape[1])
    spread = ((difference[known] - average) ** 2 - chance[known]).mean(axis=0) if known.any() else 0 * average
    real = np.maximum(spread, 0.0)
    trust = np.where(known[:, None], real / (real + chance), 0.0)
    leaning: NDArray[np.float64] = average + trust * (difference - average)
    return leaning
