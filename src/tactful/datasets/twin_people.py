"""People drawn from a model: whom a released model describes, as far as it does, and nobody who exists.

The first item of a history is drawn by popularity q. Item j follows a history h in proportion to q_j · l_j(h)^s, where
the lift l_j is what h says for j over what histories say for j on average. What a history says is the mean of its
items' encoders times the decoder of j, that is, the model's own score. Items outside of the head have lift 1.

Notes
-----
*Popularity.* q is corrected in rounds: what pilot people use too often loses weight, until they use items as often as
was released.

*Sharpness s*, an inverse temperature. A model shrinks what noise blurred, so that its scores say less than people do:
at s = 1 histories are too much alike. But the larger s, the more a history is drawn to where it began, and popularity
cannot be kept. So s is the largest of `_TRIED` at which pilot people are still about as near to the released
popularity as independent draws are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tactful.datasets.lengths import history_lengths
from tactful.scoring.item_model import ItemModel

_TRIED = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
_PILOTS, _PILOT_ITEMS, _ROUNDS, _STEP = (400, 5_000), 16_000, 4, 0.7
_SLACK = 0.1  # of the distance in popularity beyond that of independent draws
_LIFTS = (0.05, 20.0)
_LEAST_POPULAR = 0.5  # of the mean of the least popular tenth: what nobody seemed to use is drawn a little
_LEAST_SAID = 0.5  # of what popularity alone lets histories say
_AT_ONCE = 1 << 22  # weights of a block of people
_LONGEST = 200

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TwinPopulation:
    """Whom people are drawn from, made by `TwinPopulation.of`.

    Attributes
    ----------
    popularity : float array of shape (n_items,)
        What people are to use how often: the released popularity, above 0, adding up to 1.
    head : int array of shape (n_head,)
    links : float32 array of shape (n_head, n_head)
        What each item says for each other: encoder times decoder, without the diagonal.
    history_length : float
        On average, before the longest are cut.
    weights : float array of shape (n_items,)
        The q of the module's description.
    said : float array of shape (n_head,)
        What histories say for each item on average.
    sharpness : float
        0 for people without any taste.
    distance : float
        Between the popularity of pilot people and the released one: half of the sum of differences, from 0 to 1.
    """

    popularity: NDArray[np.float64]
    head: NDArray[np.intp]
    links: NDArray[np.float32]
    history_length: float
    weights: NDArray[np.float64]
    said: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    sharpness: float = 0.0
    distance: float = 1.0

    def __repr__(self) -> str:
        return f"TwinPopulation({len(self.popularity)} items, sharpness {self.sharpness:g})"

    @classmethod
    def of(
        cls,
        model: ItemModel,
        *,
        history_length: float,
        rng: np.random.Generator,
        progress: Progress = lambda _: None,
    ) -> TwinPopulation:
        """The population that fits the model; pilot people are drawn to fit it.

        Parameters
        ----------
        model : ItemModel
            From an artifact: released values only.
        history_length : float
        rng : Generator
        progress : callable, optional
            Told what is being done.
        """
        popularity = _positive(model.popularity.astype(np.float64))
        alike = cls(
            popularity=popularity,
            head=model.head,
            links=_links(model),
            history_length=history_length,
            weights=popularity,
        )
        fitted = replace(alike, distance=alike._distance(alike._pilots(rng)))
        allowed = fitted.distance + _SLACK / 2
        for sharpness in _TRIED if model.decoder.size else ():
            progress(f"pilot people at sharpness {sharpness:g}")
            sharper = fitted._sharpened(sharpness, rng)
            if sharper.distance > allowed:
                break
            fitted = sharper
        return fitted

    def people(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Some people and what they used: a row and an item each, the items of a person in the order of their use.

        Parameters
        ----------
        count : int
        rng : Generator
        """
        lengths = np.sort(
            history_lengths(rng, count, mean=self.history_length, longest=min(len(self.popularity) // 2, _LONGEST))
        )
        block = max(1, _AT_ONCE // len(self.popularity))
        parts = [self._drawn(lengths[start : start + block][::-1], rng) for start in range(0, count, block)]
        starts = range(0, count, block)
        people = np.concatenate([people + start for start, (people, _) in zip(starts, parts, strict=True)])
        items = np.concatenate([items for _, items in parts])
        order = np.argsort(people, kind="stable")
        return rng.permutation(count)[people[order]], items[order]

    def _drawn(
        self, lengths: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The items of some people, the longest histories first: everybody's first item, then the second ones."""
        slot = np.full(len(self.popularity), -1)
        slot[self.head] = np.arange(len(self.head))
        seen = np.zeros((len(lengths), len(self.popularity)), np.bool_)
        heard = np.zeros((len(lengths), len(self.head)), np.float32)
        people, items = [], []
        for before in range(int(lengths[0])):
            rows = np.arange(np.searchsorted(-lengths, -before, side="left"))
            weights = self._following(heard[rows], before)
            weights[seen[rows]] = 0.0
            sums = np.cumsum(weights, axis=1)
            drawn = rng.random(len(rows)) * sums[:, -1]
            chosen = np.minimum((sums <= drawn[:, None]).sum(axis=1), len(self.popularity) - 1)
            seen[rows, chosen] = True
            known = slot[chosen] >= 0
            heard[rows[known]] += self.links[slot[chosen[known]]]
            people.append(rows)
            items.append(chosen)
        return np.concatenate(people), np.concatenate(items)

    def _following(self, heard: NDArray[np.float32], before: int) -> NDArray[np.float32]:
        """How likely each item follows, for histories of so many items and what they say together."""
        weights = np.tile(self.weights.astype(np.float32), (len(heard), 1))
        if before and self.sharpness:
            lifts = np.clip(heard / (before * self.said).astype(np.float32), *_LIFTS)
            weights[:, self.head] *= np.power(lifts, np.float32(self.sharpness))
        return weights

    def _sharpened(self, sharpness: float, rng: np.random.Generator) -> TwinPopulation:
        """The population at another sharpness, its popularity corrected in rounds."""
        found = replace(self if len(self.said) else self._listened(self._pilots(rng), 1.0), sharpness=sharpness)
        for _ in range(_ROUNDS):
            pilots = found._pilots(rng)
            found = found._corrected(pilots)._listened(pilots, 0.5)
        return replace(found, distance=found._distance(found._pilots(rng)))

    def _pilots(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """People enough for about so many items."""
        return self.people(int(np.clip(_PILOT_ITEMS / self.history_length, *_PILOTS)), rng)

    def _corrected(self, pilots: tuple[NDArray[np.int64], NDArray[np.int64]]) -> TwinPopulation:
        """Weights moved toward where the pilots use items as often as was released."""
        used = np.bincount(pilots[1], minlength=len(self.popularity)) + 2.0
        weights = self.weights * ((self.popularity * len(pilots[1]) + 2.0) / used) ** _STEP
        return replace(self, weights=weights / weights.sum())

    def _listened(self, pilots: tuple[NDArray[np.int64], NDArray[np.int64]], share: float) -> TwinPopulation:
        """What the pilots' histories say on average, in part."""
        people, items = pilots
        each = 1 / np.bincount(people)[people] / (people.max() + 1)  # everybody's history counts once
        heard = np.bincount(items, weights=each, minlength=len(self.popularity))[self.head] @ self.links
        expected = self.popularity[self.head]
        least = _LEAST_SAID * max(float(heard @ expected / (expected @ expected)), 1e-12) * expected
        said = heard if share == 1.0 else share * heard + (1 - share) * self.said
        return replace(self, said=np.maximum(said, least))

    def _distance(self, pilots: tuple[NDArray[np.int64], NDArray[np.int64]]) -> float:
        """Between how often the pilots use items and the released popularity."""
        used = np.bincount(pilots[1], minlength=len(self.popularity)) / len(pilots[1])
        return float(np.abs(used - self.popularity).sum() / 2)


def _links(model: ItemModel) -> NDArray[np.float32]:
    """What items of the head say for each other, and nothing for themselves."""
    links: NDArray[np.float32] = model.encoder @ model.decoder.T
    np.fill_diagonal(links, 0.0)
    return links


def _positive(released: NDArray[np.float64]) -> NDArray[np.float64]:
    """Released popularity as shares: noise may have put it below 0."""
    above = np.sort(released[released > 0])
    least = _LEAST_POPULAR * float(above[: max(1, len(above) // 10)].mean()) if len(above) else 1.0
    positive = np.maximum(released, least)
    shares: NDArray[np.float64] = positive / positive.sum()
    return shares
