"""The one door out: the only place where rows about people and noise meet.

Notes
-----
This is the whole argument. S = 2³⁰ is the sensitivity in integer units; σ, multipliers and μ are in units of S.

*Unit and neighbours.* Two data sets are neighbours if one has everything of one more person: all rows, consent events,
attributes and subject records under one ``user_id``. The guarantee hides which of the two it was, hence everything the
person's tables say.

*What a person can change before the sums.* The gate judges a row by its own person's events, the clock and the policy;
the keyed hashes that assign a person to a part and choose their items look at their id and items only; how much they
count, where mitigation is on, follows from their own group, their own consent to it and declared numbers; repeats are
dropped before anything is counted. So neighbours differ, after gate and bound, by one row of `BoundedInteractions` (or
none), or by one evaluation person, and by 1 in one consent count. No other row changes.

*Sensitivity.* Each statistic is an integer vector q = Σ over people of q(person) and ‖q(person)‖₂ ≤ S:

- consent counts: S in one cell (`_outcomes`);
- people: S in one entry;
- item popularity: ⌊S/√l⌋ in l entries, or with a group's leaning ⌊S√(9/10l)⌋ and ⌊S√(1/10l)⌋ in l entries each
  (`tactful.personal.contributions`);
- Gram: 3z_i z_j for pairs and z_i² on the diagonal, of the upper triangle only, z a vector of whole numbers that is
  the person's (`tactful.personal.grams`);
- a step of alternating least squares: three vectors, each by itself (`tactful.personal.people_solves`);
- evaluation: parts of S by declared importance, figures clipped and cut toward zero, mixtures of at most one whole
  (`tactful.privacy.cells`);
- what lists tell about groups: counts of items (`tactful.privacy.exposures`) and of scores (`tactful.privacy.guesses`),
  each by itself and each paid for as if it were about all evaluation people.

Weights are cut down, so the squared norm is a sum of integers that is at most S² exactly, for every l from 0 to the
bound and beyond it: the bound limits cost, and the coordinates that the sampler's slack is charged for; the norm does
not need it. Integer sums are exact: no order of summation, engine or retry changes them, and none adds sensitivity as
float sums do (Casacuberta et al. 2022).

*One release.* What leaves is q + round(Z), Z ~ N(0, σ²S²) independent on every entry. As q is an integer, q + round(Z)
= round(q + Z): the Gaussian mechanism and then rounding, which is post-processing, on a lattice that is the same
whatever q is (Mironov 2012 has no hold on it). It is 1/σ-GDP (Dong, Roth & Su 2022, Theorem 2.7). The Gram's lower
triangle is a copy of the upper one and its diagonal is tripled afterwards: post-processing, not a second release. The
sampler differs from round(Z) by what `tactful.privacy.noise` bounds, which is charged to ε and δ.

*No overflow.* |q| ≤ 2⁶² for up to 2³² people, more of whom are refused, and |noise| ≤ 2⁵⁴: the sum fits an int64.

*Composition.* What a run releases about the same people is chosen in turn: the head and the factors of each step depend
on released values only, and given those each release is a Gaussian with everybody in it. So the run is μ-GDP with μ² =
Σ 1/σᵢ² (ibid., Corollary 3.3). Whether and what follows may depend on what was released (a run that stops gives back
the rest; the next configuration is written by people who saw the last report): that Σ μ² stays within a limit set
beforehand is then a privacy filter, which for Gaussian releases costs nothing over fixed composition (Smith & Thakurta
2022, "Fully adaptive composition …"). The ledger weighs the samplers' slack with Σ μ², whose largest value moves with
it by about a millionth: that much the theorem leaves open. The guarantee is the limit. ε since the first debit reads
the sum, a guarantee by itself only if the runs were fixed beforehand (Rogers et al. 2016).

*Training and evaluation people.* A keyed hash of the id puts each person into one part, whoever else is there. A person
who trains changes no evaluation row, only the model that is measured: post-processing of releases already paid for. A
person who is held out changes no training row. So each pays for their own part, the larger of the two bounds both, and
consent counts, which are about everybody, are debited to both. This rests on each person staying in their part: key and
share are pinned in the ledger, and once another was ever used every debit counts against both.

*The catalogue and the head.* The items, their order and features are declared by the business and do not depend on
rows; an item nobody bought is there with the others. M follows from released or declared numbers, and the head from
released popularity: functions of what has left already cost nothing.

*Order.* The exact statistic is computed first; then the debit of this release is marked opened, durably; only then is
noise drawn. If anything fails in between, budget is lost and nothing has leaked. The exact value is bound to a name in
`PrivateRelease._release` and nowhere else.

*What is not covered.* Time, memory, the terminal's exact row counts; that a run did not start because a table cannot be
read, a record names nobody or a purpose is misspelt. A log in which nobody consented pays, and is refused by the
released count.

The file is longer than others: everything that leaves, leaves here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tactful.personal.bounding import BoundedInteractions
from tactful.personal.consent import OUTCOMES
from tactful.personal.contributions import SCALE, item_popularity, item_popularity_and_leaning
from tactful.personal.grams import DIAGONAL_DIVISOR, item_gram
from tactful.personal.people_solves import solved_gram, solved_item_grams, solved_right_hand_sides
from tactful.privacy.cells import CellDesign, Shares, cell_names, cell_sums
from tactful.privacy.events import GaussianEvent
from tactful.privacy.exposures import ListDesign, ListRows, exposure_counts, exposures_of
from tactful.privacy.guesses import GuessQuery, guess_counts, guesses_of
from tactful.privacy.ledger import Assignment, Debit
from tactful.privacy.noise import NoiseSource
from tactful.privacy.plan import RunPlan
from tactful.privacy.statistics import (
    FactorGram,
    GramQuery,
    ItemFactorGrams,
    ItemGram,
    ItemLeaning,
    ItemPopularity,
    Noise,
    PeopleCount,
    RightHandSides,
    SolvedStep,
    SolveQuery,
    read_only,
    symmetric,
)
from tactful.privacy.sums import ConsentCounts, EvaluationSums, Exposures, Guesses, Measured


class Payments(Protocol):
    """What a release needs of a ledger; `tactful.privacy.ledger.BudgetLedger` is the one that keeps people's budget."""

    def debit(
        self, run: str, events: Sequence[GaussianEvent], *, assignment: Assignment | None = None, noise: Noise = ...
    ) -> Debit:
        """All events are paid for, or none is."""

    def open(self, debit: Debit, name: str) -> None:
        """The event is spent, durably."""

    def released(self, debit: Debit, name: str) -> None:
        """The noisy value exists."""


class Outcomes(Protocol):
    """Who counts people by consent outcome: `tactful.personal.consented.ConsentedInteractions`."""

    def people_by_outcome(self) -> dict[str, dict[str, int]]:
        """People by outcome and part, each counted once."""


class PrivateRelease:
    """The releases of one run. To make it is to pay for all of them: what is drawn is what was debited.

    Parameters
    ----------
    ledger : Payments
        The population's `tactful.privacy.ledger.BudgetLedger`.
    run : str
        A name for the run in the ledger.
    plan : RunPlan
    noise : NoiseSource
    assignment : Assignment, optional
        How people are divided into training and evaluation.

    Raises
    ------
    BudgetExceededError
        If the plan does not fit what is left; nothing is debited.
    """

    def __init__(
        self,
        *,
        ledger: Payments,
        run: str,
        plan: RunPlan,
        noise: NoiseSource,
        assignment: Assignment | None = None,
    ) -> None:
        self._ledger, self._plan, self._noise = ledger, plan, noise
        self._debit = ledger.debit(run, plan.events, assignment=assignment, noise=noise.kind)

    def consent(self, consented: Outcomes) -> ConsentCounts:
        """How many people each consent outcome has, in training and in evaluation.

        Notes
        -----
        **Privacy.** *Reads* one outcome a person. *Returns* noisy counts. *Costs* the event ``consent``. *Assumes*
        that each person is counted once, in one cell: norm S.
        """
        names = [(o, p) for o in OUTCOMES for p in ("training", "evaluation")]
        noisy, sigma = self._release("consent", lambda: _outcomes(consented, names))
        cells = {n: Measured(value=float(v), sigma=sigma) for n, v in zip(names, noisy, strict=True)}
        return ConsentCounts(noise=self._noise.kind, people=cells)

    def people(self, bounded: BoundedInteractions) -> PeopleCount:
        """The number of training people.

        Notes
        -----
        **Privacy.** *Reads* nothing but the number of rows. *Returns* it with noise. *Costs* the event ``people``.
        *Assumes* one row a person: each adds S to one entry.
        """
        noisy, sigma = self._release("people", lambda: np.array([bounded.n_people * SCALE], dtype=np.int64))
        return PeopleCount(noise=self._noise.kind, value=float(noisy[0]), sigma=sigma)

    def popularity(self, bounded: BoundedInteractions) -> ItemPopularity:
        """How much training people use each item.

        Notes
        -----
        **Privacy.** *Reads* bounded rows. *Returns* the sums of `item_popularity` with noise. *Costs* the event
        ``popularity``.
        *Assumes* norm ≤ S a person, argued there.
        """
        noisy, sigma = self._release("popularity", lambda: item_popularity(bounded))
        return ItemPopularity(noise=self._noise.kind, values=read_only(noisy), sigma=sigma)

    def popularity_and_leaning(self, bounded: BoundedInteractions) -> tuple[ItemPopularity, ItemLeaning]:
        """How much training people use each item, and how much more one group of them does.

        Notes
        -----
        **Privacy.** *Reads* bounded rows and leanings. *Returns* the sums of `item_popularity_and_leaning` with noise,
        each divided by its share of the norm. *Costs* the event ``popularity``. *Assumes* norm ≤ S a person, argued
        there, and a plan for twice the items.
        """
        self._plan.check("popularity", 2 * bounded.max_items)
        noisy, sigma = self._release("popularity", lambda: item_popularity_and_leaning(bounded))
        (popular, leaning), (one, other) = noisy.reshape(2, -1), (0.9**0.5, 0.1**0.5)
        return (
            ItemPopularity(noise=self._noise.kind, values=read_only(popular / one), sigma=sigma / one),
            ItemLeaning(noise=self._noise.kind, values=read_only(leaning / other), sigma=sigma / other),
        )

    def gram(self, bounded: BoundedInteractions, query: GramQuery) -> ItemGram:
        """How much training people use items of the head together.

        Notes
        -----
        **Privacy.** *Reads* bounded rows. *Returns* the upper triangle of `item_gram` with independent noise on each
        unordered pair, mirrored, the diagonal tripled. *Costs* the event ``gram``. *Assumes* norm ≤ S a person, argued
        there, and a query of released values.
        """
        self._plan.check("gram", len(query.head) * (len(query.head) + 1) // 2)
        noisy, sigma = self._release("gram", lambda: item_gram(bounded, query))
        return ItemGram.of_triangle(
            noisy, query, sigma=sigma, diagonal_divisor=DIAGONAL_DIVISOR, noise=self._noise.kind
        )

    def solved(self, bounded: BoundedInteractions, query: SolveQuery) -> SolvedStep:
        """One step of alternating least squares: people solved for these item factors, and summed.

        Notes
        -----
        **Privacy.** *Reads* bounded rows. *Returns* the sums of `tactful.personal.people_solves` with noise. *Costs*
        ``gram-n``, ``rhs-n``, ``item-grams-n``. *Assumes* norm ≤ S each, argued there, and a query of released values.
        """
        return SolvedStep(
            gram=self.global_gram(bounded, query),
            sides=self.right_hand_sides(bounded, query),
            item_grams=self.item_grams(bounded, query) if self._plan.has(f"item-grams-{query.step}") else None,
        )

    def right_hand_sides(self, bounded: BoundedInteractions, query: SolveQuery) -> RightHandSides:
        """Sums of people's vectors by item; **Privacy** as for `solved`."""
        self._plan.check(f"rhs-{query.step}", bounded.max_items * query.factors.shape[1])
        noisy, sigma = self._release(f"rhs-{query.step}", lambda: solved_right_hand_sides(bounded, query))
        values = noisy.reshape(query.factors.shape)
        return RightHandSides(noise=self._noise.kind, values=read_only(values), sigma=sigma)

    def global_gram(self, bounded: BoundedInteractions, query: SolveQuery) -> FactorGram:
        """The sum of u uᵀ over everybody; **Privacy** as for `solved`."""
        self._plan.check(f"gram-{query.step}", query.pairs)
        noisy, sigma = self._release(f"gram-{query.step}", lambda: solved_gram(bounded, query))
        values = symmetric(noisy, query.factors.shape[1])
        return FactorGram(noise=self._noise.kind, values=read_only(values), sigma=sigma)

    def item_grams(self, bounded: BoundedInteractions, query: SolveQuery) -> ItemFactorGrams:
        """Sums of u uᵀ by item; **Privacy** as for `solved`."""
        self._plan.check(f"item-grams-{query.step}", bounded.max_items * query.pairs)
        noisy, sigma = self._release(f"item-grams-{query.step}", lambda: solved_item_grams(bounded, query))
        values = symmetric(noisy.reshape(len(query.head), -1), query.factors.shape[1])
        return ItemFactorGrams(noise=self._noise.kind, values=read_only(values), sigma=sigma)

    def evaluation(
        self,
        metrics: Mapping[str, NDArray[np.float64]],
        groups: Mapping[str, NDArray[np.int64]],
        design: CellDesign,
        shares: Shares | None = None,
    ) -> EvaluationSums:
        """Sums of per-person figures: over all evaluation people, over each group of them, and by groups of items.

        Parameters
        ----------
        metrics : mapping of str to float array of shape (n_people,)
            Every metric of `design`, ``people`` too: 0 for whoever is not measured and only known.
        groups : mapping of str to int array of shape (n_people,)
            For each attribute of `design` the position of each person's level; −1 where they are in none, such as
            people who did not agree to the assessment.
        design : CellDesign
        shares : mapping of (metric, column) to float array of shape (n_people, n_levels), optional
            Every mixture of `design`.

        Notes
        -----
        **Privacy.** *Reads* metrics, levels and shares of evaluation people. *Returns* noisy sums. *Costs* the event
        ``evaluation``. *Assumes* one row a person, which no other person changes, and nothing of the values:
        `cell_sums` clips them and argues the norm.
        """
        self._plan.check("evaluation", design.touched)
        names = cell_names(design)
        noisy, sigma = self._release("evaluation", lambda: cell_sums(metrics, groups, design, shares))
        units = {which: design.factor(*which) / SCALE for which in {(cell.metric, cell.attribute) for cell in names}}
        cells = {
            cell: Measured(value=value / unit, sigma=sigma / unit)
            for cell, value in zip(names, noisy.tolist(), strict=True)
            for unit in (units[cell.metric, cell.attribute],)
        }
        return EvaluationSums(noise=self._noise.kind, cells=cells)

    def exposures(self, rows: ListRows, design: ListDesign) -> Exposures:
        """How often each item is on lists, by group, in the first half of assessed people.

        Notes
        -----
        **Privacy.** *Reads* lists and levels of evaluation people. *Returns* noisy counts. *Costs* the event
        ``exposures``. *Assumes* norm ≤ S a person, argued in `tactful.privacy.exposures`.
        """
        self._plan.check("exposures", design.touched)
        noisy, sigma = self._release("exposures", lambda: exposure_counts(rows, design))
        return exposures_of(noisy, sigma, design, self._noise.kind)

    def guesses(self, rows: ListRows, query: GuessQuery) -> Guesses:
        """How people of the second half score when their groups are guessed from their lists.

        Notes
        -----
        **Privacy.** *Reads* lists and levels of evaluation people. *Returns* noisy counts. *Costs* the event
        ``guesses``. *Assumes* norm ≤ S a person, argued in `tactful.privacy.guesses`, and a query of released values.
        """
        self._plan.check("guesses", query.touched)
        noisy, sigma = self._release("guesses", lambda: guess_counts(rows, query))
        return guesses_of(noisy, sigma, query, self._noise.kind)

    def _release(self, name: str, statistic: Callable[[], NDArray[np.int64]]) -> tuple[NDArray[np.float64], float]:
        """The statistic plus noise, and the noise's σ, both divided by S; paid for before the noise is drawn."""
        multiplier = self._plan.event(name).noise_multiplier
        exact = statistic()
        self._ledger.open(self._debit, name)
        noisy = exact + self._noise.draw(multiplier * SCALE, exact.size)
        self._ledger.released(self._debit, name)
        return noisy / SCALE, multiplier


def _outcomes(consented: Outcomes, names: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """People by outcome and part, in units of 1/S. A person is in one cell, to which they add S."""
    counts = consented.people_by_outcome()
    return np.array([counts[outcome][part] * SCALE for outcome, part in names], dtype=np.int64)
