"""Private alternating least squares through the one door: priced before, paid step by step, no more than claimed."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from numpy.typing import NDArray

from privacy_audit import errors, neighbours
from privacy_evidence import scale_is
from privacy_worlds import DESIGN, Memory, NoNoise, bounded, door, random_histories, squared_norm
from solve_reference import query, sums
from tactful.alternating import fit_dpals
from tactful.errors import ConfigError, TactfulError, UsageError
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import SCALE
from tactful.privacy import release
from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss
from tactful.privacy.alternating_plan import alternating_plan
from tactful.privacy.attacker import Silence
from tactful.privacy.neighbours import N_ITEMS, PERSONS
from tactful.privacy.noise import NoiseSource, SeededNoise, SystemNoise, slack
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import SolvedStep, SolveQuery
from tactful.released.dpals import PrivateALS

PEOPLE = bounded(random_histories(4, people=30, n_items=9, longest=7), 9)
ROWS, COLUMNS = np.triu_indices(4)


@cache
def plan(epsilon: float = 4.0, steps: int = 2, item_grams: bool = True) -> RunPlan:
    return alternating_plan(
        PrivacyBudget(epsilon=epsilon, delta=1e-6),
        max_items=40,
        evaluation_cells=DESIGN.touched,
        steps=steps,
        most_factors=8,
        item_grams=item_grams,
    )


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("item_grams", [True, False])
def test_the_steps_spend_the_budget_and_no_more(epsilon: float, steps: int, item_grams: bool) -> None:
    """ε of all steps and counts together is the budget's, from below; dp-accounting composes them to the same."""
    made = plan(epsilon, steps, item_grams)
    spent = made.loss("training").epsilon(1e-6)
    assert epsilon * (1 - 1e-6) < spent <= epsilon
    accountant = PLDAccountant(value_discretization_interval=1e-4 if epsilon < 8 else 5e-4)
    for event in made.events:
        if "training" in event.partitions:
            accountant.compose(dp_accounting.GaussianDpEvent(event.noise_multiplier))
    assert accountant.get_epsilon(1e-6) == pytest.approx(epsilon, abs=1e-3)


def test_every_step_has_its_events() -> None:
    """One for each release of each step, item Grams only where they are asked for, with what one person can touch."""
    names = [event.name for event in plan(steps=2).events]
    always = {"consent", "people", "popularity", "evaluation"}
    assert set(names) - always == {"gram-1", "rhs-1", "item-grams-1", "gram-2", "rhs-2", "item-grams-2"}
    assert not any(event.name.startswith("item") for event in plan(item_grams=False).events)
    touched = {"gram-1": 36, "rhs-2": 320, "item-grams-1": 1440}
    for name, entries in touched.items():
        event = plan().event(name)
        assert event.slack == slack(event.noise_multiplier * SCALE, entries)
        assert event.partitions == ("training",)


@pytest.mark.parametrize(("steps", "factors"), [(0, 8), (3, 0)])
def test_a_plan_of_nothing_is_refused(steps: int, factors: int) -> None:
    with pytest.raises(ConfigError, match="at least one step"):
        alternating_plan(
            PrivacyBudget(epsilon=1.0, delta=1e-6),
            max_items=3,
            evaluation_cells=3,
            steps=steps,
            most_factors=factors,
        )


def test_a_step_is_opened_drawn_and_released_part_by_part() -> None:
    """Each part in the order of every release, at its own event's σ, with as many values as it has."""
    memory = Memory()
    noise = NoNoise(memory)
    door(noise, ledger=memory, run=plan()).solved(PEOPLE, query(9, 4, step=2))
    parts = ("gram-2", "rhs-2", "item-grams-2")
    assert memory.steps == [said for part in parts for said in (f"open {part}", "draw", f"released {part}")]
    wanted = [(part, size) for part, size in zip(parts, (10, 36, 90), strict=True)]
    assert noise.asked == [(plan().event(part).noise_multiplier * SCALE, size) for part, size in wanted]


def test_a_step_beyond_the_plan_is_not_released() -> None:
    """No event, no noise, no value."""
    noise = NoNoise()
    with pytest.raises(KeyError, match="gram-3"):
        door(noise, run=plan()).solved(PEOPLE, query(9, 4, step=3))
    assert noise.asked == []


def test_a_step_of_more_than_was_planned_is_not_released() -> None:
    """More factors, or longer histories, than the slack was charged for: refused before anything is opened."""
    memory = Memory()
    made = door(NoNoise(memory), ledger=memory, run=plan())
    wide, most, long = query(9, 9), bounded([[0]], 40), bounded([[0]], 100)  # planned: 8 factors, 40 items a person
    for part in (made.right_hand_sides, made.global_gram, made.item_grams):
        with pytest.raises(UsageError, match="plan pays for"):
            part(most, wide)
    for part in (made.right_hand_sides, made.item_grams):
        with pytest.raises(UsageError, match="plan pays for"):
            part(long, query(9, 8))
    assert memory.steps == []


def test_without_noise_a_step_is_the_sums() -> None:
    """Symmetric, in natural units; without item Grams in the plan there are none."""
    asked = query(9, 4)
    step = door(NoNoise(), run=plan()).solved(PEOPLE, asked)
    people = [PEOPLE.user_items[[row]].indices.tolist() for row in range(PEOPLE.user_items.shape[0])]
    sides, gram, items = sums(people, asked)
    assert step.sides.values == pytest.approx(sides, abs=1e-4)
    assert step.gram.values == pytest.approx(gram, abs=1e-4)
    assert step.item_grams is not None
    assert step.item_grams.values == pytest.approx(items, abs=1e-4)
    for array in (step.sides.values, step.gram.values, step.item_grams.values):
        assert not array.flags.writeable
    assert door(NoNoise(), run=plan(item_grams=False)).solved(PEOPLE, asked).item_grams is None


def test_the_stated_sigma_is_the_true_one() -> None:
    """In every part (released − exact)/σ has variance 1, each unordered pair with noise of its own."""
    asked, made = query(9, 4), door(SystemNoise(), run=plan())
    truth = _entries(door(NoNoise(), run=plan()).solved(PEOPLE, asked))
    noisy = np.array([_entries(made.solved(PEOPLE, asked)) for _ in range(120)])
    for part in (slice(0, 10), slice(10, 46), slice(46, 136)):
        scale_is((noisy - truth)[:, part].ravel(), 1.0)
    with pytest.raises(AssertionError):
        scale_is((noisy - truth).ravel(), 1.1)


def _entries(step: SolvedStep) -> NDArray[np.float64]:
    """Everything that leaves in a step, in units of its noise."""
    parts = [step.gram.values[ROWS, COLUMNS] / step.gram.sigma, step.sides.values.ravel() / step.sides.sigma]
    if step.item_grams is not None:
        parts.append(step.item_grams.values[:, ROWS, COLUMNS].ravel() / step.item_grams.sigma)
    return np.concatenate(parts)


class Attacker:
    """Who knows everybody but one person, sees every step of a run, and weighs what is likelier."""

    def __init__(self, person: str, kind: type[PrivateRelease] = PrivateRelease) -> None:
        self.without, self.present = neighbours().world().bounded, neighbours().world(PERSONS[person]).bounded
        self.run, self.kind = plan(epsilon=4.0, steps=2, item_grams=False), kind

    def ratio(self, people: BoundedInteractions, source: NoiseSource) -> tuple[float, float]:
        """The log-likelihood ratio of one run on these people, and the squared distance of the two worlds in it."""
        made, silent = (door(s, run=self.run, kind=self.kind) for s in (source, Silence()))
        said = [0.0, 0.0]

        def weigh(seen: NDArray[np.float64], *known: NDArray[np.float64]) -> None:
            move = known[1] - known[0]
            said[0] += float((seen - known[0]) @ move - move @ move / 2)
            said[1] += float(move @ move)

        worlds = (people, self.without, self.present)
        counts = [d.people(w) for d, w in zip((made, silent, silent), worlds, strict=True)]
        weigh(*(np.array([c.value / c.sigma]) for c in counts))
        popular = [d.popularity(w) for d, w in zip((made, silent, silent), worlds, strict=True)]
        weigh(*(p.values / p.sigma for p in popular))

        def ask(asked: SolveQuery) -> SolvedStep:
            steps = [d.solved(w, asked) for d, w in zip((made, silent, silent), worlds, strict=True)]
            weigh(*(_flat(step) for step in steps))
            return steps[0]

        PrivateALS(steps=2, factors=3).fit(
            popular[0], counts[0], ask, noise_multiplier=self.run.event("rhs-1").noise_multiplier
        )
        return said[0], said[1]


def _flat(step: SolvedStep) -> NDArray[np.float64]:
    """The sides and the upper triangle of the Gram, in units of their noise."""
    upper = step.gram.values[np.triu_indices(len(step.gram.values))]
    return np.concatenate([step.sides.values.ravel() / step.sides.sigma, upper / step.gram.sigma])


@pytest.mark.parametrize("person", [name for name, who in PERSONS.items() if who.part == "training"])
def test_one_person_is_at_most_as_far_as_the_plan_says(person: str) -> None:
    """Over people, popularity and both steps, along the queries that the noise chose: m² ≤ μ² of the run, each time."""
    attack = Attacker(person)
    mu_squared = attack.run.loss("training").mu_squared
    found = [attack.ratio(attack.without, SeededNoise(seed))[1] for seed in range(8)]
    assert max(found) <= mu_squared
    if person == "no item at all":
        assert max(found) == 0
    if person == "the longest history":  # and the bound is not loose
        assert min(found) > 0.9 * mu_squared


def exceeded(kind: type[PrivateRelease] = PrivateRelease, trials: int = 400) -> float:
    """A lower bound on ε by the best attacker, over whole runs."""
    attack = Attacker("the longest history", kind)
    source = SystemNoise()
    alarms, found = (
        np.array([attack.ratio(people, source)[0] > 0 for _ in range(trials)])
        for people in (attack.without, attack.present)
    )
    return errors(alarms, found).epsilon_lower_bound(delta=1e-6, level=1e-6)


@pytest.mark.prove
def test_the_best_attacker_stays_below_the_claim() -> None:
    """With 1,500 runs of each world the lower bound on ε is below 4, and not blind."""
    assert 1.0 < exceeded(trials=1500) <= 4.0


class ThreeOfEverybody(PrivateRelease):
    """The sums of each step count everybody three times."""

    def _release(self, name: str, statistic: Any) -> Any:
        of_step = name.startswith(("rhs", "gram-"))
        return super()._release(name, (lambda: 3 * statistic()) if of_step else statistic)


def test_a_step_that_counts_people_too_often_is_caught() -> None:
    """The mutant moves further than the plan says, and the attacker's bound exceeds the claim."""
    attack = Attacker("the longest history", ThreeOfEverybody)
    assert attack.ratio(attack.without, SeededNoise(0))[1] > 4 * attack.run.loss("training").mu_squared
    assert exceeded(ThreeOfEverybody, trials=200) > 4.0


def test_vectors_that_are_not_scaled_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A right-hand side of raw vectors, as without the clip, moves more than 2²⁰."""

    def raw(people: BoundedInteractions, asked: SolveQuery) -> NDArray[np.int64]:
        rows = people.user_items[:, asked.head].toarray().astype(float)
        vectors = rows @ asked.factors @ np.linalg.inv(asked.prior)
        return np.trunc(rows.T @ vectors * SCALE).astype(np.int64).ravel()

    asked = replace(query(9, 4), prior=np.eye(4))
    everybody, fewer = bounded([[0, 1, 2, 3]], 9), bounded([[]], 9)
    monkeypatch.setattr(release, "solved_right_hand_sides", raw)
    values = [door(NoNoise(), run=plan()).right_hand_sides(p, asked).values * SCALE for p in (everybody, fewer)]
    assert squared_norm((values[0] - values[1]).astype(np.int64)) > SCALE**2


def test_a_run_of_many_steps_costs_their_sum() -> None:
    """μ² of the parts of all steps is 88% of the training people's, alike in each step."""
    made = plan(steps=2, item_grams=False)
    losses = {event.name: PrivacyLoss.of(event).mu_squared for event in made.events}
    whole = made.loss("training").mu_squared
    of_steps = [losses[f"gram-{n}"] + losses[f"rhs-{n}"] for n in (1, 2)]
    assert of_steps == pytest.approx([0.44 * whole] * 2)
    assert math.fsum(losses[n] for n in ("consent", "people", "popularity")) == pytest.approx(0.12 * whole)


def test_a_run_opens_all_that_its_training_people_pay_for() -> None:
    """Popularity and every step, each once, in order; the model of a seed is the model of that seed, and says so."""
    memory, run = Memory(), plan(epsilon=30.0, steps=3, item_grams=False)
    models = []
    for ledger in (memory, Memory()):
        made = door(SeededNoise(5), ledger=ledger, run=run)
        models.append(fit_dpals(made, PEOPLE, run, made.people(PEOPLE), most_factors=8).model)
    opened = [step.removeprefix("open ") for step in memory.steps if step.startswith("open")]
    assert opened == ["people", "popularity", *(f"{part}-{n}" for n in (1, 2, 3) for part in ("gram", "rhs"))]
    assert models[0].noise == "reproducible"
    assert np.array_equal(models[0].encoder, models[1].encoder)


@pytest.mark.parametrize("epsilon", [8.0, 30.0])
def test_a_run_learns_who_uses_what(epsilon: float) -> None:
    """Of 600 people half use even items and half odd ones: what an even item says of even ones is more."""
    rng = np.random.default_rng(0)
    histories = [sorted((rng.choice(20, 8, replace=False) * 2 + user % 2).tolist()) for user in range(600)]
    people, run = bounded(histories, 40), plan(epsilon=epsilon, steps=3, item_grams=False)
    made = door(SeededNoise(2), run=run)
    model = fit_dpals(made, people, run, made.people(people), most_factors=8).model
    said, parity = model.encoder @ model.decoder.T, model.head % 2
    alike = parity[:, None] == parity
    assert said[alike].mean() > said[~alike].mean() + 3 * said[~alike].std() / np.sqrt((~alike).sum())


def test_a_budget_beyond_the_sampler_is_refused() -> None:
    with pytest.raises(TactfulError):
        alternating_plan(PrivacyBudget(epsilon=1e-12, delta=1e-300), max_items=3, evaluation_cells=3)


def test_the_world_has_a_tail_outside_the_head() -> None:
    """So that the head of the attacked run depends on the noise."""
    assert N_ITEMS > 16
