"""The one door: what leaves is the stated sum plus the stated noise, after it was paid for, and in the stated order."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gram_reference import textbook
from privacy_evidence import scale_is
from privacy_worlds import DESIGN, Memory, NoNoise, Outcomes, bounded, door, plan, random_histories
from tactful.errors import BudgetExceededError, RefusedError, UsageError
from tactful.personal.contributions import SCALE
from tactful.privacy.cells import CellDesign, GroupCells
from tactful.privacy.ledger import BudgetLedger, BudgetLimit
from tactful.privacy.noise import SeededNoise, SystemNoise
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import GramQuery, ItemGram
from tactful.privacy.sums import Cell
from tactful.records.store import Records

LAWS = settings(deadline=None, derandomize=True, database=None, max_examples=60)
PEOPLE = bounded([[0, 1, 2], [1, 2], [3], [0, 1, 2, 3]], 5)
METRICS = {
    "people": np.array([1.0, 1.0, 0.0]),
    "known": np.ones(3),
    "ndcg@10": np.array([1.0, 0.5, math.nan]),
    "lift": np.array([9.0, -0.25, 0.1]),
}
SHARES = {("exposure@10", "department"): np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [2.0, 1.0, math.nan]])}
GROUPS = {"age": np.array([0, 1, -1]), "region": np.array([1, -1, -1])}
DIGITS = 4e-9
"""What cutting to integers may lose of a value, with three people."""

CALLS: dict[str, Callable[[PrivateRelease], Any]] = {
    "consent": lambda d: d.consent(Outcomes(admitted=4)),
    "people": lambda d: d.people(PEOPLE),
    "popularity": lambda d: d.popularity(PEOPLE),
    "gram": lambda d: d.gram(PEOPLE, GramQuery.plain(np.array([2, 0]))),
    "evaluation": lambda d: d.evaluation(METRICS, GROUPS, DESIGN, SHARES),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_release_is_opened_drawn_and_marked_released(name: str) -> None:
    """In that order, one draw each, at σ = multiplier × 2³⁰, and as many values as the vector has."""
    memory = Memory()
    noise = NoNoise(memory)
    CALLS[name](door(noise, ledger=memory))
    assert memory.steps == [f"open {name}", "draw", f"released {name}"]
    sizes = {"consent": 24, "people": 1, "popularity": 5, "gram": 3, "evaluation": 3 + 2 * 3 + 3 * 2 + 3}
    assert noise.asked == [(plan().event(name).noise_multiplier * SCALE, sizes[name])]


def test_a_failing_statistic_draws_nothing_and_opens_nothing() -> None:
    """What fails before the noise costs nothing: the debit can be given back."""
    memory = Memory()
    broken = {"people": METRICS["people"]}  # a metric of the design is missing
    made = door(NoNoise(memory), ledger=memory)
    with pytest.raises(KeyError):
        made.evaluation(broken, GROUPS, DESIGN, SHARES)
    assert not memory.steps


class Broken(NoNoise):
    """Noise that fails on the way."""

    def draw(self, _sigma: float, _size: int) -> Any:
        raise OSError("no entropy")


def test_a_failing_draw_leaves_the_event_spent(tmp_path: Path) -> None:
    """With the real ledger: opened stays spent, cannot be opened again, and only the rest is given back."""
    ledger = BudgetLedger(Records.open(f"sqlite:///{tmp_path}/records.db"))
    ledger.declare(BudgetLimit(epsilon=4.0, delta=1e-6))
    run = plan()
    made = PrivateRelease(ledger=ledger, run="run", plan=run, noise=Broken())
    with pytest.raises(OSError, match="entropy"):
        made.popularity(PEOPLE)
    with pytest.raises(RefusedError, match="popularity is opened"):
        made.popularity(PEOPLE)
    with pytest.raises(OSError, match="entropy"):
        made.people(PEOPLE)
    ledger.settle("run")
    states = {line.event.name: line.state for line in ledger.status().debits}
    assert states == {
        "consent": "cancelled",
        "people": "opened",
        "popularity": "opened",
        "gram": "cancelled",
        "evaluation": "cancelled",
    }


def test_nothing_is_released_twice_for_one_price(tmp_path: Path) -> None:
    """The second call of the same release is refused before it draws."""
    ledger = BudgetLedger(Records.open(f"sqlite:///{tmp_path}/records.db"))
    ledger.declare(BudgetLimit(epsilon=4.0, delta=1e-6))
    run, noise = plan(), NoNoise()
    made = PrivateRelease(ledger=ledger, run="run", plan=run, noise=noise)
    made.people(PEOPLE)
    with pytest.raises(RefusedError, match="people is released"):
        made.people(PEOPLE)
    assert len(noise.asked) == 1


def test_without_noise_the_values_are_the_sums() -> None:
    """People in people, popularity in Σ 1/√l, each to the integer's precision."""
    made = door(NoNoise())
    assert made.people(PEOPLE).value == 4
    popularity = [3**-0.5 + 0.5, 3**-0.5 + 2**-0.5 + 0.5, 3**-0.5 + 2**-0.5 + 0.5, 1.5, 0]
    assert made.popularity(PEOPLE).values == pytest.approx(popularity, abs=DIGITS)
    consent = made.consent(Outcomes(admitted=4, refused=2)).people
    assert {k: m.value for k, m in consent.items() if m.value and k[1] == "training"} == {
        ("admitted", "training"): 4,
        ("refused", "training"): 2,
    }
    assert consent["refused", "evaluation"].value == 7


def test_without_noise_the_gram_is_the_brute_force_one() -> None:
    """Any head in any order, plain or centred; symmetric, diagonal included; only head items count in a norm."""
    histories = random_histories(3, people=40, n_items=9, longest=9)
    head = np.array([4, 0, 8, 2])
    centred = GramQuery(head=head, weights=np.array([8, 9, 12, 40]), direction=np.array([64, 50, 20, 0]))
    for asked in (GramQuery.plain(head), centred):
        released = door(NoNoise()).gram(bounded(histories, 9), asked)
        wanted = textbook(histories, asked)
        assert released.values == pytest.approx(wanted, abs=0.01 * np.abs(wanted).max())
        assert np.array_equal(released.values, released.values.T)
        assert np.array_equal(released.head, [4, 0, 8, 2])
        assert released.query.centred == asked.centred


def test_a_query_that_left_is_not_the_callers() -> None:
    """What a Gram says it was asked stays, whatever is done to the arrays that it was asked with."""
    head = np.array([2, 0])
    released = door(NoNoise()).gram(PEOPLE, GramQuery.plain(head))
    head[:] = 1
    assert released.head.tolist() == [2, 0]


@pytest.mark.parametrize("n_head", [1, 2, 255, 256, 257, 600])
def test_a_triangle_becomes_a_matrix_whose_diagonal_is_in_the_unit_of_pairs(n_head: int) -> None:
    """Of any size, also where it is mirrored in several blocks; what an attacker reads off it is the triangle again."""
    upper = np.random.default_rng(n_head).standard_normal(n_head * (n_head + 1) // 2)
    made = ItemGram.of_triangle(
        upper, GramQuery.plain(np.arange(n_head)), sigma=4.0, diagonal_divisor=2, noise="system"
    )
    wanted = np.zeros((n_head, n_head))
    wanted[np.triu_indices(n_head)] = upper
    wanted += wanted.T  # the diagonal twice
    assert np.array_equal(made.values, wanted)
    assert (made.sigma, made.diagonal_sigma) == (4.0, 8.0)
    assert np.array_equal(made.standardised, upper / 4.0)
    assert not made.values.flags.writeable


def test_without_noise_the_evaluation_cells_are_the_clipped_sums() -> None:
    """Clipped to the declared bounds, not-a-number counts 0, code −1 counts in no group but overall."""
    sums = door(NoNoise()).evaluation(METRICS, GROUPS, DESIGN, SHARES)
    wanted = {
        ("people", "", ""): 2.0,
        ("ndcg@10", "", ""): 1.5,
        ("lift", "", ""): 0.5 - 0.25 + 0.1,
        ("people", "age", "young"): 1.0,
        ("ndcg@10", "age", "young"): 1.0,
        ("people", "age", "old"): 1.0,
        ("ndcg@10", "age", "old"): 0.5,
        ("people", "age", "undisclosed"): 0.0,
        ("ndcg@10", "age", "undisclosed"): 0.0,
        ("people", "region", "north"): 0.0,
        ("ndcg@10", "region", "north"): 0.0,
        ("known", "region", "north"): 0.0,
        ("people", "region", "south"): 1.0,
        ("ndcg@10", "region", "south"): 1.0,
        ("known", "region", "south"): 1.0,
        ("exposure@10", "items: department", "food"): 0.5 + 0.0 + 0.5,
        ("exposure@10", "items: department", "drink"): 0.25 + 1.0 + 0.5,
        ("exposure@10", "items: department", "else"): 0.25,
    }
    found = {(c.metric, c.attribute, c.group): m.value for c, m in sums.cells.items()}
    assert found == pytest.approx(wanted, abs=3 * DIGITS)


@LAWS
@given(
    values=st.lists(st.floats(-1, 1), min_size=1, max_size=20),
    codes=st.lists(st.integers(-1, 2), min_size=20, max_size=20),
)
def test_cells_of_any_people_are_sums_to_the_integer(values: list[float], codes: list[int]) -> None:
    """Cutting toward zero loses less than one integer unit a person, and never adds."""
    metric, code = np.array(values), np.array(codes[: len(values)])
    design = CellDesign(
        overall={"people": (1.0, 1.0)},
        groups={"age": GroupCells(levels=("a", "b", "c"), metrics={"people": (1.0, 1.0), "m": (1.0, 3.0)})},
    )
    sums = door(NoNoise()).evaluation({"people": np.ones(len(values)), "m": metric}, {"age": code}, design)
    unit = 1 / design.factor("m", "age")
    for level, name in enumerate("abc"):
        found = sums[Cell(metric="m", attribute="age", group=name)].value
        assert found == pytest.approx(metric[code == level].sum(), abs=len(values) * unit)
        positive = metric[(code == level) & (metric > 0)].sum()
        assert found <= positive * (1 + 1e-12)


def test_the_stated_sigma_is_the_true_one() -> None:
    """For every release, all entries: (released − exact)/σ has variance 1; of the vectors 10% off is rejected."""
    run = plan(epsilon=1.0)
    noisy, exact = door(SystemNoise(), run=run), door(NoNoise(), run=run)
    found = {
        "consent": lambda d: [(m.value, m.sigma) for m in d.consent(Outcomes(admitted=4)).people.values()],
        "people": lambda d: [(p.value, p.sigma) for p in (d.people(PEOPLE),)],
        "popularity": lambda d: [(v, p.sigma) for p in (d.popularity(PEOPLE),) for v in p.values],
        "evaluation": lambda d: [
            (m.value, m.sigma) for m in d.evaluation(METRICS, GROUPS, DESIGN, SHARES).cells.values()
        ],
    }
    for read in found.values():
        truth = read(exact)
        repeats = [read(noisy) for _ in range(1 + min(2400, 12_000 // len(truth)))]
        scaled = np.array([[(n - t) / s for (n, s), (t, _) in zip(r, truth, strict=True)] for r in repeats]).ravel()
        scale_is(scaled, 1.0)
        for wrong in (0.9, 1.1) if len(truth) > 1 else ():
            with pytest.raises(AssertionError):
                scale_is(scaled, wrong)


def test_the_stated_sigma_is_the_plans() -> None:
    """In natural units σ is the noise multiplier; a cell's σ is that over the cell's share of the norm."""
    run = plan(epsilon=1.0)
    made = door(NoNoise(), run=run)
    assert made.popularity(PEOPLE).sigma == run.event("popularity").noise_multiplier
    assert made.gram(PEOPLE, GramQuery.plain(np.array([0]))).sigma == run.event("gram").noise_multiplier
    assert made.people(PEOPLE).sigma == run.event("people").noise_multiplier
    sums = made.evaluation(METRICS, GROUPS, DESIGN, SHARES)
    total = (1 + 2 + 1) + (1 + 2) + (1 + 2 + 0.5) + 1.5  # importances overall, by age, by region, and of the mixture
    multiplier = run.event("evaluation").noise_multiplier
    assert sums[Cell(metric="lift")].sigma == pytest.approx(0.5 * multiplier * math.sqrt(total))
    assert sums[Cell(metric="ndcg@10", attribute="age", group="old")].sigma == pytest.approx(
        multiplier * math.sqrt(total / 2)
    )
    assert sums[Cell(metric="exposure@10", attribute="items: department", group="food")].sigma == pytest.approx(
        multiplier * math.sqrt(total / 1.5)
    )


def test_an_evaluation_that_touches_more_than_was_planned_is_refused() -> None:
    """The sampler's error is paid for by the entry; nothing is opened and nothing is drawn."""
    memory = Memory()
    wider = CellDesign(overall=dict.fromkeys(("people", *(f"m{n}" for n in range(20))), (1.0, 1.0)))
    with pytest.raises(UsageError, match="would touch 21"):
        door(NoNoise(memory), ledger=memory).evaluation({}, {}, wider)
    assert memory.steps == []


@pytest.mark.parametrize(("noise", "kind"), [(SystemNoise(), "system"), (SeededNoise(1), "reproducible")])
def test_the_kind_of_noise_is_on_everything_released(noise: Any, kind: str) -> None:
    made = door(noise)
    assert {release(made).noise for release in CALLS.values()} == {kind}


def test_released_arrays_cannot_be_changed() -> None:
    made = door(NoNoise())
    gram, popularity = made.gram(PEOPLE, GramQuery.plain(np.array([0, 1]))), made.popularity(PEOPLE)
    for array in (gram.values, gram.head, gram.query.weights, gram.query.direction, popularity.values):
        assert not array.flags.writeable


def test_the_debit_names_every_release() -> None:
    """The plan's events are the releases that the door has, no more and no fewer."""
    assert {event.name for event in plan().events} == set(CALLS)


def test_a_door_is_made_by_paying(tmp_path: Path) -> None:
    """What is drawn is what was debited; a plan that does not fit makes no door and no debit."""
    ledger = BudgetLedger(Records.open(f"sqlite:///{tmp_path}/records.db"))
    ledger.declare(BudgetLimit(epsilon=4.0, delta=1e-6))
    PrivateRelease(ledger=ledger, run="first", plan=plan(), noise=NoNoise())
    assert tuple(line.event for line in ledger.status().debits) == plan().events
    with pytest.raises(BudgetExceededError):
        PrivateRelease(ledger=ledger, run="second", plan=plan(), noise=NoNoise())
    assert {line.run for line in ledger.status().debits} == {"first"}
