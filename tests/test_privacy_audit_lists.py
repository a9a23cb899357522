"""The audit attacks what lists tell about groups: sees it where it is sound, and sees it broken."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from privacy_audit import LEVEL, errors, fixed, nobody, world
from privacy_worlds import door
from tactful.privacy import judging, release
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import DESIGN, Attacker, Silence
from tactful.privacy.exposures import LeakageCells, ListDesign, ListRows, exposure_counts
from tactful.privacy.guesses import GuessQuery
from tactful.privacy.listed import listed
from tactful.privacy.noise import SeededNoise, SystemNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.sums import Exposures, Guesses

CLAIM = PrivacyBudget(epsilon=4.0, delta=1e-6)
CELLS = LeakageCells.of({"age": ("younger", "older")})
HEAD = fixed(*range(16))


@cache
def plan() -> RunPlan:
    """A plan that spends nearly all of evaluation people's budget on lists, so that an attacker has something to see.

    Other events are as in a run.
    """
    usual = RunPlan.of(CLAIM, max_items=40, evaluation_cells=DESIGN.touched, leakage=CELLS)
    share = {"consent": 0.01, "people": 0.01, "popularity": 0.1, "gram": 0.88}
    share |= {"evaluation": 0.09, "exposures": 0.45, "guesses": 0.45}
    touched = {"consent": 1, "people": 1, "popularity": 40, "gram": 136, "evaluation": DESIGN.touched}
    touched |= {"exposures": CELLS.exposures, "guesses": CELLS.guesses}
    return RunPlan.sharing(CLAIM, {e.name: (e.partitions, share[e.name]) for e in usual.events}, touched)


def seen(trials: int = 400) -> float:
    """A lower bound on the ε of what lists tell, by who knows everybody but whether a fourth person is there."""
    silent, noisy = door(Silence(), run=plan()), door(SeededNoise(1), run=plan())
    without, present = (listed(silent, people, plan()) for people in (3, 4))
    moves = (present.values - without.values) / without.sigmas
    ratios = [
        np.array(
            [(listed(noisy, people, plan()).values - without.values) / without.sigmas @ moves for _ in range(trials)]
        )
        for people in (3, 4)
    ]
    alarms, found = (ratio > moves @ moves / 2 for ratio in ratios)
    return errors(alarms, found).epsilon_lower_bound(delta=CLAIM.delta, level=LEVEL)


def moved() -> float:
    """The squared distance, in units of the noise, by which one more person moves what leaves."""
    silent = door(Silence(), run=plan())
    without, present = (listed(silent, people, plan()) for people in (3, 4))
    return float((((present.values - without.values) / without.sigmas) ** 2).sum())


def objections(kind: type[PrivateRelease]) -> list[str]:
    """What the tests of noise say of 100 runs."""
    attack = Attacker(plan(), HEAD, without=nobody(), others=[world("held out for evaluation")], kind=kind)
    runs = attack.watch(0, SystemNoise(), 100)
    return judging.Tests(attack, plan(), CLAIM, alone=runs).objections(runs)[0]


class WithoutNoise(PrivateRelease):
    """Histograms as they are."""

    def guesses(self, rows: ListRows, query: GuessQuery) -> Guesses:
        exact = door(Silence(), run=plan()).guesses(rows, query)
        return replace(super().guesses(rows, query), histograms=exact.histograms)


class SameNoise(PrivateRelease):
    """Both lists of an attribute have the same noise: whoever takes the difference has none."""

    def exposures(self, rows: ListRows, design: ListDesign) -> Exposures:
        made, exact = super().exposures(rows, design), door(Silence(), run=plan()).exposures(rows, design)
        noise = made.counts["age", "model"] - exact.counts["age", "model"]
        again = exact.counts["age", "popularity"] + noise
        return replace(made, counts={**made.counts, ("age", "popularity"): again})


def test_sound_releases_stay_below_their_claim_and_much_of_it_is_seen() -> None:
    """Somebody who is in both halves, with all they may move, costs no more than the plan says."""
    assert 0.1 * CLAIM.epsilon < seen(600) < CLAIM.epsilon


def test_somebody_who_counts_three_times_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exposures of three times the norm show more than is claimed."""
    monkeypatch.setattr(release, "exposure_counts", lambda rows, design: 3 * exposure_counts(rows, design))
    assert seen() > CLAIM.epsilon


def test_items_without_entries_at_full_weight_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of a person's items on one entry, each at the weight of an item with its own, move more than is paid for."""
    units = ListDesign.units.fget  # type: ignore[attr-defined]

    def equal(design: ListDesign) -> tuple[int, int, int]:
        own, _, person = units(design)
        return own, own, person

    paid = sum(plan().event(name).noise_multiplier ** -2 for name in ("exposures", "guesses"))
    assert moved() == pytest.approx(paid, rel=1e-6)
    monkeypatch.setattr(ListDesign, "units", property(equal))
    assert moved() > 2 * paid


def test_noise_that_is_missing_or_shared_is_seen() -> None:
    assert objections(PrivateRelease) == []  # and the attacker of whole runs looks at both
    assert "guesses: another variance" in objections(WithoutNoise)
    assert any(what.startswith("exposures") and "depend on each other" in what for what in objections(SameNoise))


def test_every_value_is_looked_at() -> None:
    """As many as the door releases, each with the σ that it states; a plan without them has none."""
    found = listed(door(Silence(), run=plan()), 3, plan())
    entries = 2 * 4 * 13 + 4
    assert found.names == ("exposures",) * entries + ("guesses",) * (2 * 2 * 4)
    assert len(found.values) == len(found.sigmas) == len(found.names)
    assert np.count_nonzero(found.values[:entries]) == 10 + 1 + 1
    assert np.count_nonzero(found.values[entries:]) == 2
    usual = RunPlan.of(CLAIM, max_items=40, evaluation_cells=DESIGN.touched)
    assert listed(door(Silence(), run=usual), 3, usual).names == ()
