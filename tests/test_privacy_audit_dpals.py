"""The audit attacks the steps of DPALS as it attacks a Gram of pairs: sees them, and sees them broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import tactful
from privacy_audit import LEVEL, errors, fixed, nobody, world
from privacy_worlds import door
from tactful.personal.bounding import BoundedInteractions
from tactful.privacy import judging, release
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.alternating_plan import alternating_plan
from tactful.privacy.attacker import Attacker, Silence
from tactful.privacy.noise import NoiseSource, SeededNoise, SystemNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import SolvedStep, SolveQuery
from tactful.privacy.taste import FACTORS, taste

GROCERY = Path(__file__).parents[1] / "configs" / "grocery.toml"
CLAIM = PrivacyBudget(epsilon=4.0, delta=1e-6)
STEPS = 2
HEAD = fixed(*range(16))


def plan(*, item_grams: bool = False) -> RunPlan:
    return alternating_plan(CLAIM, max_items=40, evaluation_cells=20, steps=STEPS, item_grams=item_grams)


def attacker(kind: type[PrivateRelease] = PrivateRelease) -> Attacker:
    """Who knows everything but whether somebody who has used everything is there."""
    person = world("the longest history")
    return Attacker(plan(), HEAD, without=nobody(), others=[person], kind=kind)


def seen(noise: NoiseSource, trials: int = 600) -> float:
    """A lower bound on the ε of a run."""
    attack = attacker()
    alarms, found = (attack.scores(place, noise, trials)[:, 0] > 0 for place in (0, 1))
    return errors(alarms, found).epsilon_lower_bound(delta=CLAIM.delta, level=LEVEL)


def objections(kind: type[PrivateRelease]) -> list[str]:
    """What the tests of noise say of 100 runs."""
    attack = attacker(kind)
    runs = attack.watch(0, SystemNoise(), 100)
    return judging.Tests(attack, plan(), CLAIM, alone=runs).objections(runs)[0]


class SameNoise(PrivateRelease):
    """The noise of a step's right-hand sides is that of the first step."""

    def solved(self, bounded: BoundedInteractions, query: SolveQuery) -> SolvedStep:
        made, exact = super().solved(bounded, query), door(Silence(), run=plan()).solved(bounded, query)
        if query.step == 1:
            self._drawn = made.sides.values - exact.sides.values
        return replace(made, sides=replace(made.sides, values=exact.sides.values + self._drawn))


class OneSided(PrivateRelease):
    """Noise on both sides of a Gram of factors, each its own: whoever takes the mean has less of it."""

    def solved(self, bounded: BoundedInteractions, query: SolveQuery) -> SolvedStep:
        made = super().solved(bounded, query)
        more = np.tril(SystemNoise().draw(made.gram.sigma * 2**20, FACTORS**2).reshape(FACTORS, FACTORS) / 2**20, -1)
        return replace(made, gram=replace(made.gram, values=made.gram.values + more))


def test_sound_steps_stay_below_their_claim_and_much_of_it_is_seen() -> None:
    """Seeded, so that it always says the same."""
    assert 0.2 * CLAIM.epsilon < seen(SeededNoise(4)) < CLAIM.epsilon


def test_somebody_who_counts_twice_in_every_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right-hand sides that forget the bound on a person's norm show more than is claimed."""
    sound = release.solved_right_hand_sides

    def twice(bounded: BoundedInteractions, query: SolveQuery) -> NDArray[np.int64]:
        return 2 * sound(bounded, query)

    monkeypatch.setattr(release, "solved_right_hand_sides", twice)
    assert seen(SeededNoise(4)) > CLAIM.epsilon


def test_noise_that_steps_share_is_seen() -> None:
    assert objections(PrivateRelease) == []
    assert "rhs-1 and rhs-2: depend on each other" in objections(SameNoise)
    assert "sides of a Gram of factors that differ" in objections(OneSided)


@pytest.mark.parametrize("item_grams", [False, True])
def test_every_value_of_every_step_is_looked_at(item_grams: bool) -> None:
    """As many values as the door releases, each with the σ that its event states."""
    run, people = plan(item_grams=item_grams), world("one item").bounded
    found = taste(door(Silence(), run=run), people, np.arange(16), run)
    pairs = FACTORS * (FACTORS + 1) // 2
    sizes = {"gram": pairs, "rhs": 16 * FACTORS} | ({"item-grams": 16 * pairs} if item_grams else {})
    for step in range(1, STEPS + 1):
        for part, size in sizes.items():
            here = np.array(found.names) == f"{part}-{step}"
            assert here.sum() == size
            assert set(found.sigmas[here].tolist()) == {run.event(f"{part}-{step}").noise_multiplier}
    assert len(found.names) == len(found.values) == len(found.sigmas) == STEPS * sum(sizes.values())


@pytest.mark.prove
def test_a_config_with_dpals_is_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own releases are attacked, broken ones are caught, and nothing speaks against the claim."""
    monkeypatch.chdir(tmp_path)
    text = GROCERY.read_text(encoding="utf-8")
    assert '[model]\nname = "grocery"' in text
    config = tmp_path / "grocery.toml"
    config.write_text(text.replace('name = "grocery"', 'name = "grocery"\nmethod = "dpals"', 1), encoding="utf-8")
    found = tactful.audit(config, trials=120)
    assert (found.holds, found.noise_as_stated) == (True, True)
    assert 0 < found.epsilon_lower_bound < found.claim.epsilon
    caught = {control.mutant: control.caught_by for control in found.controls}
    assert "noise" in caught["noise reused between releases of a run"]
    assert "noise" in caught["a Gram of factors without noise"]
