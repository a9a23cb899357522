"""What is counted of lists: the plain counts, at a norm of S exactly, of one half of the people and never of both."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_evidence import scale_is
from privacy_lists import DESIGN, LEVELS, N_ITEMS, OWN, list_door, plan, query, random_rows, rows, some
from privacy_worlds import CERTAIN, Memory, NoNoise, squared_norm
from privacy_worlds import door as plain_door
from privacy_worlds import plan as plain_plan
from tactful.errors import ConfigError, UsageError
from tactful.personal.contributions import SCALE
from tactful.personal.halves import halves
from tactful.personal.keys import Keys
from tactful.personal.split import hold_out
from tactful.privacy import exposures as exposures_file
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.alternating_plan import alternating_plan
from tactful.privacy.exposures import LISTS, LeakageCells, ListDesign, ListRows, exposure_counts
from tactful.privacy.guesses import GuessQuery, Question, guess_counts
from tactful.privacy.neighbours import PERSONS, Neighbours
from tactful.privacy.noise import SystemNoise
from tactful.privacy.plan import RunPlan

TEN = list(range(10))
WORST = {
    "ten popular items": rows([TEN], [(0, 0)], [0]),
    "ten items without entries": rows([range(OWN, OWN + 10)], [(0, 0)], [0]),
    "one of them without": rows([[*range(9), OWN]], [(1, 1)], [0]),
    "half of them without": rows([[*range(5), *range(OWN, OWN + 5)]], [(2, 1)], [0]),
    "the same item ten times": rows([[3] * 10], [(0, 0)], [0]),
    "one without an entry ten times": rows([[OWN] * 10], [(0, 0)], [0]),
    "a list of fifteen": rows([range(15)], [(3, 2)], [0]),
    "items that do not exist": rows([[N_ITEMS, 10**12, -5, *range(7)]], [(4, 3)], [0]),
    "different lists": rows([TEN], [(0, 0)], [0], popular=[range(OWN, OWN + 10)]),
}
"""One person each, at their most."""


def norms(people: ListRows) -> list[int]:
    """The squared norm of what each person adds to either release."""
    ones = [some(people, np.array([row])) for row in range(len(people.halves))]
    return [max(squared_norm(exposure_counts(one, DESIGN)), squared_norm(guess_counts(one, query()))) for one in ones]


@pytest.mark.parametrize("who", WORST)
def test_nobody_adds_more_than_the_norm(who: str) -> None:
    """Whatever a list holds, in either half; exactly, in whole numbers."""
    person = WORST[who]
    other = ListRows(lists=person.lists, codes=person.codes, halves=1 - person.halves)
    assert norms(person)[0] <= SCALE**2
    assert norms(other)[0] <= SCALE**2


def test_any_lists_stay_within_the_norm_and_some_use_it() -> None:
    """Random people never exceed it, and a full list loses less than a millionth of it."""
    assert max(norms(random_rows(1, 300))) <= SCALE**2
    full = norms(WORST["ten popular items"])[0]
    assert full > SCALE**2 * (1 - 1e-6)
    guessed = squared_norm(guess_counts(rows([TEN], [(0, 0)], [1]), query()))
    assert SCALE**2 * (1 - 1e-6) < guessed <= SCALE**2


def _equal_weights(design: ListDesign) -> tuple[int, int, int]:
    """The shared entry at the weight of the others."""
    own = math.isqrt(SCALE**2 // (24 * len(design.levels)))
    return own, own, 2 * own


def _rounded_up(design: ListDesign) -> tuple[int, int, int]:
    """One unit more than fits."""
    own = math.isqrt(SCALE**2 // (24 * len(design.levels))) + 1
    return own, math.isqrt(own**2 // 10), 2 * own


def _one_attribute(_: ListDesign) -> tuple[int, int, int]:
    """As if each attribute had the norm to itself."""
    own = math.isqrt(SCALE**2 // 24)
    return own, math.isqrt(own**2 // 10), 2 * own


def _with_repeats(lists: NDArray[np.int64], design: ListDesign) -> NDArray[np.int64]:
    """Items counted as often as they are given."""
    known = (lists >= 0) & (lists < len(design.entry_of))
    return np.where(known, design.entry_of[np.where(known, lists, 0)], -1)[:, :10]


def _all_places(lists: NDArray[np.int64], design: ListDesign) -> NDArray[np.int64]:
    """However long the list is."""
    return np.where(lists >= 0, design.entry_of[np.clip(lists, 0, len(design.entry_of) - 1)], -1)


@pytest.mark.parametrize("units", [_equal_weights, _rounded_up, _one_attribute])
def test_weights_that_break_the_norm_are_caught(
    units: Callable[[ListDesign], tuple[int, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants of the weights exceed the norm on somebody of the list above."""
    monkeypatch.setattr(ListDesign, "units", property(units))
    assert max(max(norms(person)) for person in WORST.values()) > SCALE**2


@pytest.mark.parametrize("entries", [_with_repeats, _all_places])
def test_lists_that_are_trusted_are_caught(
    entries: Callable[[NDArray[np.int64], ListDesign], NDArray[np.int64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants that count what they are given exceed the norm on a list that repeats or goes on."""
    monkeypatch.setattr(exposures_file, "entries_of", entries)
    assert max(max(norms(person)) for person in WORST.values()) > SCALE**2


def test_guesses_that_forget_a_question_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight for one list only lets a person count for more."""
    half = math.isqrt(SCALE**2 // (query().touched // 2))
    monkeypatch.setattr(GuessQuery, "unit", property(lambda _: half))
    assert squared_norm(guess_counts(rows([TEN], [(0, 0)], [1]), query())) > SCALE**2


@pytest.mark.parametrize("half", [0, 1])
def test_a_person_moves_their_own_entries_and_no_others(half: int) -> None:
    """Neighbouring sums differ by what the person adds alone, to the last bit, and only in their half's release."""
    everybody = random_rows(2, 60)
    person = int(np.flatnonzero((everybody.halves == half) & (everybody.codes["age"] >= 0))[0])
    alone, without = some(everybody, np.array([person])), some(everybody, np.delete(np.arange(60), person))
    counts = (lambda r: exposure_counts(r, DESIGN), lambda r: guess_counts(r, query()))
    for which, count in enumerate(counts):
        assert np.array_equal(count(everybody) - count(without), count(alone))
        if which != half:
            assert not count(alone).any()


@pytest.mark.parametrize(
    "left_out",
    [
        rows([TEN], [(-1, -1)], [0]),
        rows([[]], [(0, 0)], [0]),
        rows([TEN], [(5, 4)], [0]),
        rows([TEN], [(0, 0)], [2]),
        rows([[]], [(0, 0)], [1]),
        rows([TEN], [(3, 2)], [1]),
        rows([TEN], [(-1, -1)], [1]),
    ],
)
def test_who_is_not_counted_adds_nothing(left_out: ListRows) -> None:
    """No consent, no list, a code or half that there is not; and the second half counts declared levels only."""
    assert not exposure_counts(left_out, DESIGN).any()
    assert not guess_counts(left_out, query()).any()


def test_without_noise_exposures_are_plain_counts() -> None:
    """Lists that hold an item, by group; places of the other items; people: counted one by one."""
    everybody = random_rows(3, 200)
    made = list_door(NoNoise()).exposures(everybody, DESIGN)
    for attribute in LEVELS:
        codes = everybody.codes[attribute]
        here = [
            p
            for p in range(200)
            if everybody.halves[p] == 0 and codes[p] >= 0 and (everybody.lists["model"][p] >= 0).any()
        ]
        for name in LISTS:
            wanted = np.zeros((len(DESIGN.groups(attribute)), OWN + 1))
            for person in here:
                for item in everybody.lists[name][person]:
                    if item >= 0:
                        wanted[codes[person], min(item, OWN)] += 1
            assert made.counts[attribute, name] == pytest.approx(wanted, abs=1e-6)
        assert made.people[attribute] == pytest.approx(np.bincount(codes[here], minlength=len(wanted)), abs=1e-6)


def test_without_noise_guesses_are_plain_histograms() -> None:
    """Of each level asked about: log odds against the likeliest other level, in the bins of the query."""
    everybody, asked = random_rows(4, 150), query()
    made = list_door(NoNoise()).guesses(everybody, asked)
    for (attribute, name), question in asked.questions.items():
        wanted = np.zeros_like(made.histograms[attribute, name])
        for person in range(150):
            own, items = everybody.codes[attribute][person], everybody.lists[name][person]
            listed = (everybody.lists["model"][person] >= 0).any()
            if everybody.halves[person] == 1 and 0 <= own < len(LEVELS[attribute]) and listed:
                said = [sum(question.says[g, min(i, OWN)] for i in items if i >= 0) for g in question.levels]
                for g in range(question.asked):
                    odds = said[g] - max(said[:g] + said[g + 1 :])
                    wanted[g, int(own == g), sum(edge <= odds for edge in question.edges[g])] += 1
        assert made.histograms[attribute, name] == pytest.approx(wanted, abs=1e-6)


def test_levels_are_counted_as_wide_as_they_are_declared_to_merge() -> None:
    """Two levels that merge are one; other and undisclosed stay apart."""
    design = ListDesign.of({"age": ("young", "older", "older")}, -np.arange(4.0))
    assert design.groups("age") == ("young", "older", "other", "undisclosed")
    assert design.wide["age"].tolist() == [0, 1, 1, 2, 3]
    people = ListRows(
        lists={name: np.zeros((5, 10), dtype=np.int64) for name in LISTS},
        codes={"age": np.arange(5)},
        halves=np.zeros(5, dtype=np.int64),
    )
    run = RunPlan.of(
        PrivacyBudget(epsilon=4.0, delta=1e-6), max_items=9, evaluation_cells=9, leakage=LeakageCells.of(design.levels)
    )
    made = list_door(NoNoise(), run=run).exposures(people, design)
    assert made.people["age"] == pytest.approx([1, 2, 1, 1], abs=1e-6)
    assert made.counts["age", "model"][:, 0] == pytest.approx([1, 2, 1, 1], abs=1e-6)


def test_the_most_popular_items_have_entries() -> None:
    """Ties follow the catalogue; the others share the last entry."""
    design = ListDesign.of(LEVELS, np.array([1.0, 3.0, 3.0, 0.0, 2.0]), most_items=3)
    assert design.entry_of.tolist() == [3, 0, 1, 3, 2]
    assert (design.entries, design.own) == (4, 3)


@pytest.mark.parametrize("broken", [{"levels": {}}, {"entry_of": np.array([0, 0, 1])}, {"entry_of": np.array([0, 5])}])
def test_a_design_that_breaks_the_argument_is_refused(broken: dict[str, object]) -> None:
    """No attribute to divide by, or items that share an entry that is not the shared one."""
    sound = {"levels": {"age": ("a",)}, "wide": {"age": np.arange(3)}, "entry_of": np.array([0, 1, 2]), "own": 2}
    with pytest.raises(ConfigError, match="an entry of its own"):
        ListDesign(**(sound | broken))  # type: ignore[arg-type]


def test_a_question_that_does_not_fit_is_refused() -> None:
    """Nothing asked, or nothing said of some entry."""
    with pytest.raises(ConfigError, match="0 questions"):
        GuessQuery(design=DESIGN, questions={})
    short = Question(levels=(0, 1), says=np.zeros((2, 3), dtype=np.int64), edges=np.zeros((1, 2), dtype=np.int64))
    with pytest.raises(ConfigError, match="of which 1 does not fit"):
        GuessQuery(design=DESIGN, questions={("age", "model"): short})


@pytest.mark.parametrize("name", ["exposures", "guesses"])
def test_both_are_paid_before_noise_is_drawn(name: str) -> None:
    """Opened, drawn once at the σ of the plan, released."""
    memory = Memory()
    noise = NoNoise(memory)
    made = plain_door(noise, ledger=memory, run=plan())
    made.exposures(WORST["different lists"], DESIGN) if name == "exposures" else made.guesses(
        WORST["different lists"], query()
    )
    assert memory.steps == [f"open {name}", "draw", f"released {name}"]
    assert noise.asked[0][0] == plan().event(name).noise_multiplier * SCALE


def test_the_stated_sigma_is_the_true_one() -> None:
    """Of every count, in its own unit: (released − exact)/σ has variance 1."""
    people, asked = random_rows(5, 40), query()
    exact, noisy = list_door(NoNoise()), list_door(SystemNoise())
    scaled = []
    for _ in range(30):
        one, two = exact.exposures(people, DESIGN), noisy.exposures(people, DESIGN)
        scaled += [((two.counts[key] - one.counts[key]) / two.sigmas).ravel() for key in one.counts]
        scaled += [(two.people[a] - one.people[a]) / two.people_sigma for a in LEVELS]
        first, second = exact.guesses(people, asked), noisy.guesses(people, asked)
        scaled += [((second.histograms[k] - first.histograms[k]) / second.sigma).ravel() for k in first.histograms]
    scale_is(np.concatenate(scaled), 1.0)


def test_what_is_released_cannot_be_changed() -> None:
    made = list_door(NoNoise())
    shown, guessed = made.exposures(random_rows(6, 5), DESIGN), made.guesses(random_rows(6, 5), query())
    arrays = [*shown.counts.values(), *shown.people.values(), shown.sigmas, *guessed.histograms.values()]
    assert not any(array.flags.writeable for array in arrays)


def test_leakage_is_paid_by_the_evaluation_vector() -> None:
    """Shares of μ² of 89, 5 and 5%; training people pay nothing; without it the plan is as it was."""
    budget, cells = PrivacyBudget(epsilon=3.0, delta=1e-6), LeakageCells.of(LEVELS)
    for planner in (RunPlan.of, alternating_plan):
        made = planner(budget, max_items=40, evaluation_cells=20, leakage=cells)
        parts = {e.name: e.noise_multiplier**-2 for e in made.events if "evaluation" in e.partitions}
        whole = sum(parts.values())
        wanted = {"consent": 0.01, "evaluation": 0.89, "exposures": 0.05, "guesses": 0.05}
        assert {name: value / whole for name, value in parts.items()} == pytest.approx(wanted)
        assert made.loss("evaluation").fits(budget)
        assert made.loss("training").fits(budget)
        off = planner(budget, max_items=40, evaluation_cells=20)
        assert off == planner(budget, max_items=40, evaluation_cells=20, leakage=None)
        assert not off.has("exposures")


def test_a_release_beyond_its_plan_is_refused() -> None:
    """A plan without leakage has no such event; one for fewer attributes pays for less slack."""
    with pytest.raises(KeyError):
        list_door(NoNoise(), run=plain_plan()).exposures(random_rows(1, 3), DESIGN)
    small = RunPlan.of(
        PrivacyBudget(epsilon=4.0, delta=1e-6),
        max_items=40,
        evaluation_cells=20,
        leakage=LeakageCells.of({"home": LEVELS["home"]}),
    )
    with pytest.raises(UsageError, match="exposures would touch 42"):
        list_door(NoNoise(), run=small).exposures(random_rows(1, 3), DESIGN)
    with pytest.raises(UsageError, match="guesses would touch 8"):
        list_door(NoNoise(), run=small).guesses(random_rows(1, 3), query())


def test_nobody_touches_more_entries_than_are_paid() -> None:
    """What anybody changes has at most as many entries as the slack is charged for."""
    cells = LeakageCells.of(LEVELS)
    assert (cells.exposures, cells.guesses) == (DESIGN.touched, query().touched) == (42, 8)
    for person in WORST.values():
        assert np.count_nonzero(exposure_counts(person, DESIGN)) <= cells.exposures
        other = ListRows(lists=person.lists, codes=person.codes, halves=1 - person.halves)
        assert np.count_nonzero(guess_counts(other, query())) <= cells.guesses


def test_halves_follow_the_key_and_the_person_alone() -> None:
    """Nobody's half changes when somebody joins; halves are even, and independent of who evaluates."""
    near = Neighbours(max_items=12, evaluation_share=0.3)
    keys = near._keys
    few, more = (hold_out(near.world(*p).consented) for p in ((), (PERSONS["held out for evaluation"],)))
    before, after = (dict(zip(p._pseudonyms, halves(p, keys).tolist(), strict=True)) for p in (few, more))
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    names = [f"{n:032x}" for n in range(20_000)]
    found = np.array(Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32).halves(names))
    assert set(found.tolist()) == {0, 1}
    deviation = abs(found.mean() - 0.5) * 2 * math.sqrt(len(found))
    assert math.erfc(deviation / math.sqrt(2)) > CERTAIN
    places = np.array(Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32).places(names)) / 2**64
    together = abs(np.corrcoef(found, places)[0, 1]) * math.sqrt(len(found))
    assert math.erfc(together / math.sqrt(2)) > CERTAIN
    other = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"b" * 32).halves(names)
    assert 0.4 < np.mean(found == other) < 0.6
