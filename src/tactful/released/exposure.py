"""Items of groups that are seen too little are lifted by a bounded bonus: a re-ranking that is built into the model.

Notes
-----
*What is bounded.* Every item j has a bonus 0 ≤ b_j ≤ m, the same for everybody, and lists are ordered by s + b in the
place of s. Let L and L′ be the first k of the same candidates by s and by s + b, d the discounts of their places, and
DCG(L) = Σ d_i s_{L_i} what the model itself expects of a list. L′ is the best list for s + b, so

    DCG(L) ≤ Σ d_i (s+b)_{L_i} ≤ Σ d_i (s+b)_{L′_i} ≤ DCG(L′) + m Σ d_i:

by the model's own scores a list loses at most m Σ d_i, and an item overtakes only those whose score is less than m
above its own. This is about the model's scores. What people then do is measured, not bounded.

*How large m is.* A share, ``cost``, of what a place of a usual list scores: the discounted mean score of the first ten,
over made-up histories of the usual length, whose items are drawn by released popularity. Real histories that score that
much lose at most this share of their expected DCG, those that score more lose less of theirs. In practice it is far
less: few items are within the margin of each other and lifted differently.

Everything here is made from the released model, released statistics and the public catalogue: post-processing. No
attribute of a person is used here or when scoring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError
from tactful.privacy.statistics import ItemLeaning, ItemPopularity, PeopleCount
from tactful.released.item_features import ItemFeatures
from tactful.released.model import HISTORY_NORM, ReleasedModel

PLACES = 10
_HISTORIES = 256  # made up, the same ones each time
_AT_ONCE = 2**25  # scores that are held at once
_ROUNDS, _STEP = 24, 0.25
_DOUBT, _PENALTY = 0.1, 10.0  # of a leaning: variance that everything has beside its noise, and the ridge of features
_DISCOUNTS = 1 / np.log2(np.arange(2, PLACES + 2))

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranked:
    """A model with a bonus, and what that does to usual lists.

    Attributes
    ----------
    model : ReleasedModel
    margin : float
        The largest bonus, in units of a score.
    lift : mapping of str to float
        For each declared group of items the share of the margin that its items get.
    before, after : mapping of str to float
        Its share of the first ten places, discounted.
    """

    model: ReleasedModel
    margin: float
    lift: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]


def usual_length(popularity: _Floats, people: PeopleCount) -> float:
    """How many items a usual history has: released popularity is a sum of √l over people; at least 1."""
    return max(float(popularity.sum()) / max(people.value, 1.0), 1.0) ** 2


def with_bonus(model: ReleasedModel, lift: _Floats, *, cost: float, length: float) -> ReleasedModel:
    """The model, items lifted by a share of the margin each.

    Parameters
    ----------
    model : ReleasedModel
    lift : float array of shape (n_items,), from 0 to 1
        Of released and public values only.
    cost : float in (0, 1]
        The most that a usual list may lose of the DCG that the model expects, as a share.
    length : float, from 1
        Items of a usual history, see `usual_length`.

    Raises
    ------
    ConfigError
        If `cost` or a lift is out of range.
    """
    if not 0 < cost <= 1 or not (np.isfinite(lift).all() and lift.min() >= 0 and lift.max() <= 1):
        raise ConfigError(
            "what a re-ranking may cost lies above 0 and at most at 1, and so does the lift of an item",
            given=f"cost = {cost:g}, lifts from {lift.min():g} to {lift.max():g}",
            do="Choose e.g. 0.05",
        )
    return replace(model, bonus=_Lists.of(model, length, cost).usual * cost * lift)


def toward_targets(
    model: ReleasedModel, groups: Sequence[tuple[str, ...]], targets: Mapping[str, float], *, cost: float, length: float
) -> Reranked:
    """Groups of items that are seen less than declared are lifted until they are not, or the margin is used up.

    Parameters
    ----------
    model : ReleasedModel
        Without a bonus.
    groups : sequence of tuple of str
        For each item its groups: a column of the public catalogue. An item of several counts in equal parts for each,
        and has the largest of their bonuses.
    targets : mapping of str to float in (0, 1)
        For some groups the least share of the first ten places that they should have.
    cost, length : float
        As in `with_bonus`.

    Raises
    ------
    ConfigError
        If a target is out of range or about no item, or all of them add up to more than 1.
    """
    names, member = list(targets), _members(groups, targets)
    wanted, lists = np.array([targets[name] for name in names]), _Lists.of(model, length, cost)
    margin, lifts = lists.usual * cost, np.zeros(len(names))
    before = seen = lists.exposure(np.zeros(len(model.base)), member)
    steps, before_that = np.full(len(names), _STEP), np.sign(wanted - before)
    for _ in range(_ROUNDS):
        missing = np.sign(wanted - seen)
        steps = np.where(missing == before_that, steps, steps / 2)  # too far: back, and more slowly
        lifts, before_that = np.clip(lifts + steps * missing, 0.0, 1.0), missing
        seen = lists.exposure(margin * _lift(member, lifts), member)
    return Reranked(
        model=with_bonus(model, _lift(member, lifts), cost=cost, length=length),
        margin=margin,
        lift=dict(zip(names, lifts.tolist(), strict=True)),
        before=dict(zip(names, before.tolist(), strict=True)),
        after=dict(zip(names, seen.tolist(), strict=True)),
    )


def toward_group(
    model: ReleasedModel,
    leaning: ItemLeaning,
    popularity: ItemPopularity,
    people: PeopleCount,
    features: ItemFeatures | None = None,
    *,
    cost: float,
) -> ReleasedModel:
    """Items that one group uses more than others are lifted, for everybody alike, by what stands out of the noise.

    Parameters
    ----------
    model : ReleasedModel
        Without a bonus.
    leaning : ItemLeaning
    popularity : ItemPopularity
        Released with it.
    people : PeopleCount
    features : ItemFeatures, optional
        Public; the leaning of an item is moved toward what its features tell.
    cost : float in (0, 1]
        As in `with_bonus`.

    Notes
    -----
    The leaning of an item in units of its popularity, θ, is seen with noise of known variance v: that of the release,
    and that of a sample of people who each add 1/√l. It is moved to what a ridge regression on features says, as far as
    the scatter around that does not exceed v (James & Stein 1961). The mean square of θ over the head is estimated,
    too, and two of its roots are the largest lift; where it is not above the noise, nothing is lifted.
    """
    popular = np.maximum(popularity.values, 2 * popularity.sigma)
    unit = min(max(people.value, 1.0) / max(float(popularity.values.sum()), 1.0), 1.0)  # about 1/√l
    length = usual_length(popularity.values, people)
    seen, noise = leaning.values / popular, (leaning.sigma**2 + unit * popular) / popular**2
    size = (
        float(np.average(seen[model.head] ** 2 - noise[model.head], weights=popular[model.head])) if model.rank else 0.0
    )
    if size <= 0:
        return with_bonus(model, np.zeros(len(seen)), cost=cost, length=length)
    likely = _likely(seen, noise, None if features is None or features.empty else features.values)
    return with_bonus(model, (np.clip(likely / (2 * size**0.5), -1, 1) + 1) / 2, cost=cost, length=length)


def _likely(seen: _Floats, noise: _Floats, features: _Floats | None) -> _Floats:
    """Each value moved to what features say of it, and by the rest as far as it is more than noise."""
    told, trust = np.zeros(len(seen)), 1 / (noise + _DOUBT)
    if features is not None:
        columns = np.column_stack([np.ones(len(seen)), features])
        penalty = np.diag([0.0, *[_PENALTY] * features.shape[1]])
        told = columns @ np.linalg.solve((columns * trust[:, None]).T @ columns + penalty, columns.T @ (trust * seen))
    rest = seen - told
    scatter = max(float(np.average(rest**2 - noise, weights=trust**2)), 0.0)
    made: _Floats = told + rest * (scatter / (scatter + noise))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Histories:
    """Histories of items of the head, drawn by popularity; one empty history where there is no taste."""

    model: ReleasedModel
    tastes: _Floats
    held: NDArray[np.int64]

    @classmethod
    def of(cls, model: ReleasedModel, length: float) -> _Histories:
        """The same ones each time."""
        known = model.head if model.rank else model.head[:0]
        size = min(max(round(length), 1), len(known) // 2)
        if not size:
            return cls(model=model, tastes=np.zeros((1, model.rank)), held=np.zeros((1, 0), dtype=np.int64))
        rng, liked = np.random.default_rng(0), np.log(np.maximum(model.popularity[known], 1e-9))
        drawn = np.argsort(-(liked + rng.gumbel(size=(_HISTORIES, len(known)))), axis=1)[:, :size]
        return cls(
            model=model,
            tastes=model.encoder[drawn].sum(axis=1) * size**-HISTORY_NORM,
            held=known[drawn].astype(np.int64),
        )

    def scores(self) -> Iterator[_Floats]:
        """Scores of every item, a row a history and some at a time; minus infinity for what a history holds."""
        model, step = self.model, max(1, _AT_ONCE // len(self.model.base))
        for start in range(0, len(self.tastes), step):
            tastes, held = self.tastes[start : start + step], self.held[start : start + step]
            found = np.tile(model.base, (len(tastes), 1))
            if held.size:
                found[:, model.head] += tastes @ model.decoder.T
            if held.size and model.described is not None:
                found[:, model.described.items] += (model.described.table @ (model.described.decoder @ tastes.T)).T
            np.put_along_axis(found, held, -np.inf, axis=1)
            yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """Scores for some usual histories, of the items that a bonus could bring on one of their lists.

    Attributes
    ----------
    items : int array
        Catalogue positions, rising. A bonus is at most `usual` · cost: others stay below the first ten whatever it is.
    scores : float array of shape (n_histories, len(items))
    places : int
        Of a list.
    usual : float
        What a place of a list scores: the discounted mean of the first ten; at least 0.
    """

    items: NDArray[np.int64]
    scores: _Floats
    places: int
    usual: float

    @classmethod
    def of(cls, model: ReleasedModel, length: float, cost: float) -> _Lists:
        """The lists of usual histories."""
        histories = _Histories.of(model, length)
        places = min(PLACES, len(model.base) - histories.held.shape[1])
        best = np.vstack([-np.sort(np.partition(-some, places - 1, axis=1)[:, :places]) for some in histories.scores()])
        usual = max(float((best @ _DISCOUNTS[:places]).mean()) / float(_DISCOUNTS[:places].sum()), 0.0)
        lowest = iter(best[:, -1] - usual * cost - 1e-9 * np.abs(best[:, 0]))
        items = np.flatnonzero(np.logical_or.reduce([_any_above(some, lowest) for some in histories.scores()]))
        scores = np.vstack([some[:, items] for some in histories.scores()])
        return cls(items=items, scores=scores, places=places, usual=usual)

    def exposure(self, bonus: _Floats, member: _Floats) -> _Floats:
        """The share of discounted places that each group has, with this bonus."""
        lifted = self.scores + bonus[self.items]
        first = np.argsort(-lifted, axis=1, kind="stable")[:, : self.places]
        shown = np.einsum("p,hpg->g", _DISCOUNTS[: self.places], member[self.items][first])
        shares: _Floats = shown / (len(lifted) * _DISCOUNTS[: self.places].sum())
        return shares


def _any_above(scores: _Floats, lowest: Iterator[float]) -> NDArray[np.bool_]:
    """For each item, whether it reaches the next threshold of a history in any of these."""
    found = np.zeros(scores.shape[1], dtype=bool)
    for row in scores:
        found |= row >= next(lowest)
    return found


def _members(groups: Sequence[tuple[str, ...]], targets: Mapping[str, float]) -> _Floats:
    """For each item and declared group the part of the item that is in it; raise unless targets can be meant."""
    member = np.array([[(name in own) / max(len(own), 1) for name in targets] for own in groups], dtype=np.float64)
    sound = all(0 < share < 1 for share in targets.values()) and sum(targets.values()) <= 1
    if not targets or not sound or not member.any(axis=0).all():
        raise ConfigError(
            "each target is about a group that some item is in, lies between 0 and 1, and all add up to at most 1",
            given=", ".join(f"{name}: {share:g}" for name, share in targets.items()) or "none",
            do="Name groups as the catalogue does",
        )
    return member


def _lift(member: _Floats, lifts: _Floats) -> _Floats:
    """The lift of each item: the largest of its groups'."""
    found: _Floats = ((member > 0) * lifts).max(axis=1)
    return found
