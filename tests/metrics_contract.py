"""What every metric of one person keeps to, each law a function of how people are measured and of the metric's name.

Metrics are those of `tactful.assurance.metrics`, for groups and over everybody. A new one needs a line in `EXAMPLES`,
worked out by hand, and is looked at by every law.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from scoring_world import random_world
from tactful.assurance.evaluation import PersonMetrics, design
from tactful.assurance.item_groups import ItemGroups
from tactful.assurance.metrics import METRICS, OVERALL, metric
from tactful.personal.contributions import SCALE
from tactful.privacy.cells import CellDesign, cell_sums
from tactful.privacy.sums import inside
from tactful.scoring.artifact import Artifact
from test_assurance_evaluation import artifact, held_out, shop, upside_down

NAMES = (*METRICS, *OVERALL)
N_ITEMS, N_PEOPLE = 60, 50
Measure = Callable[..., PersonMetrics]
Law = Callable[[Measure, str, "World"], None]

EXAMPLES: dict[str, float] = {
    "ndcg@10": 1 / np.log2(3),
    "recall@10": 1.0,
    "hit@10": 1.0,
    "novelty@10": np.mean([39, 38, 36, 35, 34, 33, 32, 31, 30, 29]) / 39,
    "popularity_lift@10": 1 - np.mean([39, 38, 36, 35, 34, 33, 32, 31, 30, 29]) / 39 - 1,
    "fallback": 0.0,
    "head_share": 1.0,
    "noise_cost@10": 0.0,
    "popularity_recall@20": 0.0,
    "lift@20": 0.2,
}
"""What it is of somebody who used the most popular of 40 items, and for whom item 38 is hidden.

The model shows 39, 38, 36, 35 …: the least popular first, and 37 is sensitive. A second model with more noise shows the
same."""
BY_GROUPS: dict[str, float] = {"miscalibration@10": 0.0}
"""The same where every item is of one category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """People with histories and hidden items, a model, and another one with more noise."""

    model: Artifact
    noisier: Artifact
    histories: Sequence[Sequence[int]]
    hidden: Sequence[Sequence[int]]
    folder: Path

    @classmethod
    def of(cls, folder: Path) -> World:
        """Some have no history, some nothing hidden, some use what nobody else does."""
        rng = np.random.default_rng(3)
        chosen = [rng.permutation(N_ITEMS).tolist() for _ in range(N_PEOPLE)]
        lengths = rng.integers(0, 9, (N_PEOPLE, 2)).tolist()
        return cls(
            model=artifact(folder / "one", random_world(3)),
            noisier=artifact(folder / "other", random_world(4)),
            histories=[items[:n] for items, (n, _) in zip(chosen, lengths, strict=True)],
            hidden=[items[n : n + m] for items, (n, m) in zip(chosen, lengths, strict=True)],
            folder=folder,
        )

    def measured(self, measure: Measure, people: Sequence[int], known: int = 0) -> PersonMetrics:
        """The figures of some people in this order, and of so many who are only known, behind them."""
        groups = ItemGroups.of(shop(N_ITEMS), "department")
        histories, hidden = ([rows[person] for person in people] for rows in (self.histories, self.hidden))
        nothing: list[list[int]] = [[]] * known
        everybody = held_out([*histories, *nothing], [*hidden, *nothing], N_ITEMS)
        return measure(everybody, self.model, items=[groups], category=groups, noisier=[self.noisier])

    def values(self, measure: Measure, name: str, people: Sequence[int], known: int = 0) -> NDArray[np.float64]:
        """One metric of them."""
        return self.measured(measure, people, known).values[name]


def it_is_measured_within_its_declared_bounds(measure: Measure, name: str, world: World) -> None:
    """Of everybody; a binary one is 0 or 1, any other has beside it how far inside its bounds it is."""
    found, declared = world.measured(measure, range(N_PEOPLE)).values, metric(name)
    assert np.isfinite(found[name]).all()
    assert declared.low <= found[name].min() <= found[name].max() <= declared.high
    assert len(np.unique(found[name])) > 1, "a world that does not tell people apart shows nothing"
    if declared.binary:
        assert set(np.unique(found[name])) <= {0.0, 1.0}
    else:
        figures, measured = found[name], found["people"] == 1
        assert np.allclose(found[inside(name)], measured * (figures - declared.low) * (declared.high - figures))


def each_person_s_figure_is_theirs_alone(measure: Measure, name: str, world: World) -> None:
    """Alone, in another order or among others it is the same, bit for bit: the noise is made for that."""
    together = world.values(measure, name, range(N_PEOPLE))
    alone = [world.values(measure, name, [person]) for person in range(N_PEOPLE)]
    assert np.concatenate(alone).tobytes() == together.tobytes()
    order = np.random.default_rng(1).permutation(N_PEOPLE)
    assert world.values(measure, name, order.tolist()).tobytes() == together[order].tobytes()


def who_is_only_known_counts_nothing_and_changes_nobody(measure: Measure, name: str, world: World) -> None:
    """Their figure is 0, and everybody else's is what it was."""
    before = world.values(measure, name, range(N_PEOPLE))
    after = world.values(measure, name, range(N_PEOPLE), known=7)
    assert after[:N_PEOPLE].tobytes() == before.tobytes()
    assert not after[N_PEOPLE:].any()
    unseen = np.array([not hidden for hidden in world.hidden])
    assert unseen.any()
    assert not before[unseen].any()


def one_person_moves_the_release_by_no_more_than_was_declared(measure: Measure, name: str, world: World) -> None:
    """In whole numbers: the metric's own entries by its part of the norm, the whole vector by at most the scale."""
    layout = _layout(name)
    found = world.measured(measure, range(N_PEOPLE))
    places = np.arange(N_PEOPLE)
    codes = {attribute: places % (len(cells.levels) + 1) - 1 for attribute, cells in layout.groups.items()}
    whole = cell_sums(found.values, codes, layout, found.shares)
    for person in range(N_PEOPLE):
        left = places != person
        without = cell_sums(
            {m: values[left] for m, values in found.values.items()},
            {attribute: levels[left] for attribute, levels in codes.items()},
            layout,
            {key: values[left] for key, values in found.shares.items()},
        )
        assert sum(int(entry) ** 2 for entry in (whole - without).tolist()) <= SCALE**2
    own = [table[name] for table in (layout.overall, layout.groups["age"].metrics) if name in table]
    assert own, "a metric that is measured and not released costs nothing and tells nothing"
    assert {clip for clip, _ in own} == {metric(name).clip}
    assert np.abs(found.values[name]).max() <= metric(name).clip


def the_example_by_hand_is_what_is_measured(measure: Measure, name: str, world: World) -> None:
    """One person, one hidden item, a model whose list is known."""
    model = artifact(world.folder / f"example {name}", upside_down())
    wanted = (EXAMPLES | BY_GROUPS)[name]
    one = ItemGroups.of(shop(40), "department")
    same = ItemGroups(column=one.column, levels=one.levels[:1], membership=scipy.sparse.csr_array(np.ones((40, 1))))
    found = measure(held_out([[0]], [[38]], 40), model, category=same, noisier=[model])
    assert found.values[name].tolist() == pytest.approx([wanted], abs=1e-12)


def _layout(name: str) -> CellDesign:
    ruled = [name] if name in METRICS else ["ndcg@10"]
    return design({"age": ("young", "old")}, ruled, metrics=METRICS)


LAWS: tuple[Law, ...] = (
    it_is_measured_within_its_declared_bounds,
    each_person_s_figure_is_theirs_alone,
    who_is_only_known_counts_nothing_and_changes_nobody,
    one_person_moves_the_release_by_no_more_than_was_declared,
    the_example_by_hand_is_what_is_measured,
)
