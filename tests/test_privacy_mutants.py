"""The evidence catches what it is there to catch: each broken mechanism fails the claim that the real one passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import privacy_mutants as mutants
from privacy_audit import objections, seen, world
from privacy_evidence import (
    SIGMA,
    bound_is_kept,
    draws_are_independent,
    every_pair_has_its_own_noise,
    gram_stays_within_the_scale,
    nobody_can_draw_it_again,
    one_person_moves_at_most_the_scale,
    paid_before_drawn,
    releases_are_independent,
    scale_is,
    weights_stay_within_the_scale,
)
from privacy_worlds import NoNoise, door
from tactful.personal.bounding import bound
from tactful.personal.contributions import SCALE, item_popularity, shared_weight
from tactful.personal.grams import item_gram
from tactful.privacy.noise import SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery

HEAD = np.array([0, 5, 7, 13])


def scale(source: Any) -> None:
    scale_is(source.draw(SIGMA, 100_000), SIGMA)


def pairs(kind: type[PrivateRelease]) -> None:
    every_pair_has_its_own_noise(kind, SystemNoise())


def gram_sum(kind: type[PrivateRelease]) -> Callable[[Any], Any]:
    """The exact upper triangle that a door would add noise to."""

    def upper(bounded: Any) -> Any:
        made = door(NoNoise(), kind=kind).gram(bounded, GramQuery.plain(HEAD))
        return np.rint(made.standardised * made.sigma * SCALE).astype(np.int64)

    return upper


def independent_releases(make: Any) -> None:
    releases_are_independent(lambda: make(SystemNoise()))


def independent_draws(make: Any) -> None:
    releases_are_independent(lambda: door(make()))


def of_kind(kind: type[PrivateRelease]) -> Callable[[Any], PrivateRelease]:
    return lambda source: door(source, kind=kind)


def independent_pairs(source: Any) -> None:
    every_pair_has_its_own_noise(PrivateRelease, source)


REAL = [
    (scale, SystemNoise()),
    (draws_are_independent, SystemNoise()),
    (independent_releases, of_kind(PrivateRelease)),
    (independent_draws, SystemNoise),
    (nobody_can_draw_it_again, SystemNoise),
    (pairs, PrivateRelease),
    (bound_is_kept, bound),
    (weights_stay_within_the_scale, shared_weight),
    (gram_stays_within_the_scale, item_gram),
    (paid_before_drawn, PrivateRelease),
    (one_person_moves_at_most_the_scale, item_popularity),
    (one_person_moves_at_most_the_scale, gram_sum(PrivateRelease)),
]

MUTANTS = {
    "half the noise": (scale, mutants.HalfNoise()),
    "noise used twice": (draws_are_independent, mutants.StaleNoise()),
    "popularity's noise again in the Gram": (independent_releases, of_kind(mutants.PopularityAgain)),
    "one key for all draws of a run": (independent_draws, mutants.OneKeyForAll),
    "one noise for the whole vector": (independent_pairs, mutants.OneDrawForAll()),
    "a diagonal without noise": (pairs, mutants.ExactDiagonal),
    "both triangles released": (pairs, mutants.BothSides),
    "both triangles averaged": (pairs, mutants.BothSidesAveraged),
    "a bound that is not applied": (bound_is_kept, mutants.unbounded),
    "weights rounded to the nearest": (weights_stay_within_the_scale, mutants.to_the_nearest),
    "weights rounded up": (weights_stay_within_the_scale, mutants.upward),
    "a person's share rounded up, unchecked": (
        gram_stays_within_the_scale,
        mutants.sharing(mutants.of_everything, np.ceil),
    ),
    "a person's share rounded, unchecked": (
        gram_stays_within_the_scale,
        mutants.sharing(mutants.of_everything, np.rint),
    ),
    "a norm of own items, where the shift reaches all": (
        gram_stays_within_the_scale,
        mutants.sharing(mutants.of_own_items),
    ),
    "a norm that forgets the diagonal": (gram_stays_within_the_scale, mutants.sharing(mutants.of_pairs)),
    "a norm as if nothing were taken out": (gram_stays_within_the_scale, mutants.sharing(mutants.of_the_history)),
    "a shift of the wrong sign": (gram_stays_within_the_scale, mutants.counting(finish=mutants.shifted_the_other_way)),
    "centred on people's own popularity": (gram_stays_within_the_scale, mutants.centred_on_rows),
    "popularity of people counted twice": (
        one_person_moves_at_most_the_scale,
        lambda b: item_popularity(mutants.twice(b)),
    ),
    "a Gram of people counted twice": (one_person_moves_at_most_the_scale, gram_sum(mutants.CountedTwice)),
    "a Gram whose norm leaves out the diagonal": (
        one_person_moves_at_most_the_scale,
        gram_sum(mutants.DiagonalOutsideTheNorm),
    ),
    "a diagonal at twice its weight": (one_person_moves_at_most_the_scale, gram_sum(mutants.WholeDiagonal)),
    "drawn before it was paid for": (paid_before_drawn, mutants.DrawnFirst),
    "a seeded generator": (nobody_can_draw_it_again, mutants.SeededInSecret),
    "one key for parent and child": (nobody_can_draw_it_again, mutants.KeyedOnce),
}


@pytest.mark.parametrize(("evidence", "real"), REAL, ids=[evidence.__name__ for evidence, _ in REAL])
def test_the_real_thing_passes(evidence: Callable[[Any], None], real: Any) -> None:
    evidence(real)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_broken_one_is_caught(name: str, record_property: Any) -> None:
    evidence, broken = MUTANTS[name]
    record_property("evidence", f"mutant: {name}, caught by {evidence.__name__}")
    with pytest.raises(AssertionError):
        evidence(broken)


@pytest.mark.parametrize(
    ("source", "kind"), [(mutants.HalfNoise(), PrivateRelease), (SystemNoise(), mutants.CountedTwice)]
)
def test_the_audit_exceeds_the_claim_of_a_broken_release(source: Any, kind: type[PrivateRelease]) -> None:
    """With half the noise, or everybody counted twice, the lower bound on ε is above the ε that was promised."""
    assert seen(source=source, kind=kind, epsilon=4.0) > 4.0


AUDITED: dict[str, tuple[dict[str, Any], str]] = {
    "popularity's noise again in the Gram": ({"kind": mutants.PopularityAgain}, "gram and popularity: depend"),
    "one key for all draws of a run": ({"make": mutants.OneKeyForAll}, "another variance"),
    "a head from exact popularity": ({"kind": mutants.HeadFromRows}, "head: depends on people"),
    "triangles with noise of their own": ({"kind": mutants.BothSides}, "sides of the Gram that differ"),
    "triangles averaged": ({"kind": mutants.BothSidesAveraged}, "gram: another variance"),
    "a diagonal without noise": ({"kind": mutants.ExactDiagonal}, "gram diagonal: another variance"),
    "a seeded generator": ({"make": mutants.SeededInSecret}, "repeat another source of noise"),
    "half the noise": ({"make": mutants.HalfNoise}, "another variance"),
}


@pytest.mark.parametrize("name", AUDITED)
def test_the_audit_s_tests_of_noise_and_head_name_what_is_broken(name: str, record_property: Any) -> None:
    """These leave what a person moves as it is, so that the likelihood ratio alone would not show all of them."""
    broken, named = AUDITED[name]
    found = objections(**broken)
    record_property("evidence", f"mutant: {name}, audit: {'; '.join(found)}")
    assert any(named in what for what in found), found


def test_the_audit_s_tests_of_noise_and_head_have_nothing_against_the_real_release() -> None:
    assert objections() == []


def test_metrics_that_are_not_clipped_exceed_the_claim() -> None:
    """The audit's evaluation people have metrics beyond the clip."""
    held_out = world("held out for evaluation")
    assert seen(kind=mutants.Unclipped, present=lambda: held_out, epsilon=4.0) > 4.0
