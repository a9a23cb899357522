"""Claims about noise and releases as functions: each returns quietly if the claim holds and fails if it does not.

The tests call them on the real thing, and `test_privacy_mutants.py` calls them on broken ones, which they must catch.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gram_reference import random_query
from personal_reference import PURPOSE, event, gate, log, moment, world
from privacy_worlds import (
    CERTAIN,
    DESIGN,
    Memory,
    NoNoise,
    Outcomes,
    bounded,
    door,
    plan,
    random_histories,
    squared_norm,
)
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import SCALE
from tactful.personal.grams import DIAGONAL_DIVISOR
from tactful.privacy.noise import NoiseSource
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery

Statistic = Callable[[BoundedInteractions], NDArray[np.int64]]
GramStatistic = Callable[[BoundedInteractions, GramQuery], NDArray[np.int64]]
SIGMA = 3.7 * SCALE


def scale_is(draws: NDArray[np.int64] | NDArray[np.float64], sigma: float) -> None:
    """The draws are centred and their standard deviation is σ, neither smaller nor larger."""
    n = len(draws)
    variance = float(np.sum((draws / sigma) ** 2))
    assert 2 * min(stats.chi2.cdf(variance, n), stats.chi2.sf(variance, n)) > CERTAIN, "the noise has another scale"
    assert abs(np.mean(draws / sigma)) * np.sqrt(n) < stats.norm.isf(CERTAIN / 2), "the noise is not centred"


def uncorrelated(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    """Two columns of draws have no linear relation."""
    assert first.std() > 0 < second.std(), "draws are always the same"
    z = np.corrcoef(first, second)[0, 1] * np.sqrt(len(first))
    assert abs(z) < stats.norm.isf(CERTAIN / 2), "draws depend on each other"


def draws_are_independent(source: NoiseSource) -> None:
    """Neither neighbours in one draw nor the same places of two draws say anything about each other."""
    one, two = source.draw(SIGMA, 50_000).astype(float), source.draw(SIGMA, 50_000).astype(float)
    uncorrelated(one[:-1], one[1:])
    uncorrelated(one, two)
    uncorrelated(np.abs(one[:-1]), np.abs(one[1:]))
    uncorrelated(np.abs(one), np.abs(two))


def nobody_can_draw_it_again(make: Callable[[], NoiseSource]) -> None:
    """Two sources, two calls of one, and a parent and its child process all draw differently; and it says so."""
    source = make()
    assert source.kind == "system"
    drawn = [source.draw(SIGMA, 4), source.draw(SIGMA, 4), make().draw(SIGMA, 4)]
    drawn += [_in_child(source), source.draw(SIGMA, 4)]
    assert len({tuple(d.tolist()) for d in drawn}) == len(drawn), "noise was drawn again"


def _in_child(source: NoiseSource) -> NDArray[np.int64]:
    """Four draws by a forked copy of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, source.draw(SIGMA, 4).tobytes())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return np.frombuffer(told, dtype=np.int64)


def weights_stay_within_the_scale(weight: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> None:
    """For every n from 0 to 2,000 entries and far beyond, n·w² ≤ S² < n·(w + 1)², in integers."""
    entries = np.concatenate([np.arange(2001), np.arange(2001) ** 2])
    weights = weight(entries).tolist()
    assert weights[0] == 0, "nobody's items weigh something"
    for n, w in zip(entries.tolist(), weights, strict=True):
        assert n * w * w <= SCALE**2, f"{n} entries of {w} are more than the sensitivity"
        assert n == 0 or n * (w + 1) * (w + 1) > SCALE**2, f"{n} entries could weigh more than {w}"


def gram_stays_within_the_scale(statistic: GramStatistic) -> None:
    """However histories are weighted and centred, one person moves the Gram by at most S, usual ones by nearly S.

    Each is left out of a world in turn, and squared norms are Python's integers. A person whose history lies along the
    direction has little to give; whoever has a few items and is looked at as a run looks uses more than 90% of S².
    """
    for seed in range(6):
        histories = [[], *random_histories(seed, people=6, n_items=14, longest=14)]
        everybody = bounded(histories, 14)
        plain, run = GramQuery.plain(np.arange(14)), random_query(seed, 14)
        for asked in (plain, run, *(random_query(seed + n, 14, hostile=True) for n in range(3))):
            whole = statistic(everybody, asked)
            for person, history in enumerate(histories):
                fewer = statistic(bounded(histories[:person] + histories[person + 1 :], 14), asked)
                moved = squared_norm(whole - fewer)
                assert moved <= SCALE**2, "one person moves more than the sensitivity"
                usual = asked is plain or (asked is run and len(history) < 8)
                assert moved > 0.9 * SCALE**2 or not history or not usual, "a person could give more"


def one_person_moves_at_most_the_scale(statistic: Statistic) -> None:
    """In every one of many worlds, leaving one person out moves the statistic by at most S in L2 norm."""
    for seed in range(8):
        histories = random_histories(seed, people=9, n_items=14, longest=14)
        whole = statistic(bounded(histories, 14))
        for person in range(len(histories)):
            fewer = statistic(bounded(histories[:person] + histories[person + 1 :], 14))
            assert squared_norm(whole - fewer) <= SCALE**2, "one person moves more than the sensitivity"


def paid_before_drawn(kind: type[PrivateRelease]) -> None:
    """A release is opened in the ledger, then drawn, then marked released."""
    memory = Memory()
    door(NoNoise(memory), ledger=memory, kind=kind).popularity(bounded([[0, 1]], 3))
    assert memory.steps == ["open popularity", "draw", "released popularity"], "noise was drawn before it was paid for"


def every_pair_has_its_own_noise(kind: type[PrivateRelease], source: NoiseSource) -> None:
    """Each unordered pair of the Gram, diagonal included, is released once, with independent noise of the stated σ."""
    n_head, repeats = 3, 1000
    people = bounded([[0, 1, 2], [0, 2]], n_head)
    made = door(source, kind=kind, run=plan(epsilon=2.0))
    grams = [made.gram(people, GramQuery.plain(np.arange(n_head))) for _ in range(repeats)]
    values = np.array([g.values for g in grams])
    assert np.array_equal(values, values.transpose(0, 2, 1)), "a pair was released twice, which halves its noise"
    noise = values - values.mean(axis=0)
    entries = noise[:, *np.triu_indices(n_head)]
    assert (entries.std(axis=0) > 0).all(), "an entry has no noise"
    sigmas = np.where(np.equal(*np.triu_indices(n_head)), grams[0].diagonal_sigma, grams[0].sigma)
    assert grams[0].diagonal_sigma == DIAGONAL_DIVISOR * grams[0].sigma, "the diagonal grew and its noise did not"
    pooled = np.sum((entries / sigmas) ** 2, axis=0)
    tails = 2 * np.minimum(stats.chi2.cdf(pooled, repeats - 1), stats.chi2.sf(pooled, repeats - 1))
    assert (tails > CERTAIN).all(), "an entry has noise of another scale"
    for i in range(entries.shape[1]):
        for j in range(i):
            uncorrelated(entries[:, i], entries[:, j])


def releases_are_independent(make: Callable[[], PrivateRelease]) -> None:
    """Over many runs, each through a door of its own, no entry of a release says anything about one of another."""
    people = bounded([[0, 1], [1, 2, 3]], 4)
    runs = [_one_run(make(), people) for _ in range(500)]
    released = [np.array([run[place] for run in runs]) for place in range(len(runs[0]))]
    for place, one in enumerate(released):
        for other in released[:place]:
            for entry in one.T:
                for another in other.T:
                    uncorrelated(entry, another)


def _one_run(made: PrivateRelease, people: BoundedInteractions) -> list[NDArray[np.float64]]:
    """Everything that leaves in one run, by release."""
    consent, count = made.consent(Outcomes(admitted=2)), made.people(people)
    asked = GramQuery(head=np.arange(4), weights=np.array([8, 9, 20, 30]), direction=np.array([64, 20, 9, 0]))
    popularity, gram = made.popularity(people), made.gram(people, asked)
    metrics = {name: np.ones(2) for name in ("people", "known", "ndcg@10", "lift")}
    shares = {key: np.full((2, len(cells.levels)), 0.3) for key, cells in DESIGN.shares.items()}
    sums = made.evaluation(metrics, {name: np.zeros(2, dtype=np.int64) for name in DESIGN.groups}, DESIGN, shares)
    return [
        np.array([m.value for m in consent.people.values()]),
        np.array([count.value]),
        popularity.values,
        gram.standardised,
        np.array([m.value for m in sums.cells.values()]),
    ]


def bound_is_kept(bound: Callable[..., BoundedInteractions]) -> None:
    """Nobody counts with more than `max_items` items; who has no more keeps all; a larger bound only adds."""
    items = {f"i{n}": () for n in range(12)}
    lengths = {f"person-{n}": n for n in range(1, 12)}
    consents = [event(user, "given", 0) for user in lengths]
    rows = [(user, f"i{item}", 1) for user, length in lengths.items() for item in range(length)]
    consented = gate(world(consents, items=items), now=5, share=0.0).admit(log(rows), PURPOSE, moment(5))
    kept = {k: bound(consented, max_items=k).user_items for k in (3, 4)}
    for k, matrix in kept.items():
        found = sorted(np.diff(matrix.indptr).tolist())
        assert found == sorted(min(k, length) for length in lengths.values()), "the bound was not kept"
    assert (kept[4] - kept[3]).min() >= 0, "the choice of items depends on the bound"
