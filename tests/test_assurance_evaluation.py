"""Quality on held-out people: the metrics by hand, on the lists that would be served, one person at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from scoring_world import meta, random_world
from tactful.assurance.evaluation import DEPTH, LIFT_CLIP, PersonMetrics, design, measure
from tactful.personal.doors import opened
from tactful.personal.split import EvaluationPeople
from tactful.scoring.artifact import Artifact, read_artifact, write_artifact
from tactful.scoring.recommender import Recommender

N_ITEMS, SENSITIVE = 40, 37


def upside_down() -> dict[str, NDArray[Any]]:
    """A model that always ranks the least popular first: 39, 38, 36 … 0, for item 37 is sensitive."""
    sensitive = np.zeros(N_ITEMS, np.int16)
    sensitive[SENSITIVE] = 1
    return {
        "item_ids": np.array([f"i{i}" for i in range(N_ITEMS)]),
        "titles": np.array([f"Title {i}" for i in range(N_ITEMS)]),
        "popularity": np.linspace(2.0, 1.0, N_ITEMS, dtype=np.float32),
        "base": np.zeros(N_ITEMS, np.float32),
        "head": np.arange(N_ITEMS, dtype=np.int32),
        "encoder": np.ones((N_ITEMS, 1), np.float32),
        "decoder": np.arange(N_ITEMS, dtype=np.float32)[:, None] + 1,
        "sensitive": sensitive,
    }


def artifact(folder: Path, arrays: dict[str, NDArray[Any]]) -> Artifact:
    write_artifact(folder / "model", arrays, meta=meta())
    return read_artifact(folder / "model")


def held_out(histories: Sequence[Sequence[int]], hidden: Sequence[Sequence[int]], n_items: int) -> EvaluationPeople:
    """People with these histories, through the door that tests may open."""

    def matrix(rows: Sequence[Sequence[int]]) -> scipy.sparse.csr_array:
        indptr = np.cumsum([0, *(len(row) for row in rows)])
        indices = np.array([i for row in rows for i in sorted(row)], dtype=np.int64)
        return scipy.sparse.csr_array((np.ones(len(indices), np.int8), indices, indptr), shape=(len(rows), n_items))

    names = tuple(f"person {i}" for i in range(len(histories)))
    return opened(EvaluationPeople, folded=matrix(histories), hidden=matrix(hidden), _pseudonyms=names)


def one(folder: Path, history: Sequence[int], hidden: Sequence[int]) -> dict[str, float]:
    """The metrics of one person under the upside-down model."""
    found = measure(held_out([history], [hidden], N_ITEMS), artifact(folder, upside_down()))
    return {name: float(values[0]) for name, values in found.values.items()}


def discount(*places: int) -> float:
    return sum(1 / math.log2(place + 1) for place in places)


@pytest.mark.parametrize(
    ("hidden", "recall", "ndcg"),
    [
        ([39], 1, 1.0),
        ([38], 1, discount(2)),
        ([39, 38, 1], 2 / 3, discount(1, 2) / discount(1, 2, 3)),
        ([36, 35, 2, 1], 2 / 4, discount(3, 4) / discount(1, 2, 3, 4)),
        ([39, *range(1, 13)], 1 / 10, discount(1) / discount(*range(1, 11))),
        ([29], 1, discount(10)),
        ([28], 0, 0.0),
    ],
    ids=["first", "second", "two of three", "third and fourth", "more hidden than places", "tenth place", "eleventh"],
)
def test_recall_and_ndcg_by_hand(tmp_path: Path, hidden: list[int], recall: float, ndcg: float) -> None:
    """The model ranks 39, 38, 36, 35 …: places, discounts and the most that ten places can hold."""
    found = one(tmp_path, [0], hidden)
    assert found["recall@10"] == pytest.approx(recall)
    assert found["ndcg@10"] == pytest.approx(ndcg)


@pytest.mark.parametrize(
    ("hidden", "popular", "lift"),
    [([39], 0, 1), ([1], 1, -1), ([39, 1], 0.5, 0), ([*range(1, 11), *range(30, 36)], 10 / 16, -4 / 16)],
    ids=["only the model has it", "only popularity has it", "each has one", "both in part"],
)
def test_lift_is_the_paired_difference_within_its_bound(
    tmp_path: Path, hidden: list[int], popular: float, lift: float
) -> None:
    """Recall@20 of the model minus that of popularity, clipped, and the square of that."""
    found, clipped = one(tmp_path, [0], hidden), max(min(lift, LIFT_CLIP), -LIFT_CLIP)
    assert found["popularity_recall@20"] == pytest.approx(popular)
    assert found["lift@20"] == pytest.approx(clipped)
    assert found["lift_squared@20"] == pytest.approx(clipped**2)


def test_the_popularity_list_never_repeats_the_history(tmp_path: Path) -> None:
    """Whoever has the 25 most popular items is offered the next ones; a list that repeated them would find nothing."""
    assert one(tmp_path, range(25), range(25, 37))["popularity_recall@20"] == 1.0


class TestSensitiveItems:
    """They are neither suggested nor asked for."""

    def test_a_hidden_sensitive_item_is_no_miss(self, tmp_path: Path) -> None:
        """Beside another hidden item it changes nothing."""
        assert one(tmp_path / "with", [0], [38, SENSITIVE]) == one(tmp_path / "without", [0], [38])

    def test_they_take_no_place(self, tmp_path: Path) -> None:
        """36 follows 38 directly: third place."""
        assert one(tmp_path, [0], [36])["ndcg@10"] == pytest.approx(discount(3))

    def test_they_take_no_place_in_the_popularity_list(self, tmp_path: Path) -> None:
        """With all before them taken, the list starts after them and reaches the end of the catalogue."""
        assert one(tmp_path, range(SENSITIVE), [38, 39])["popularity_recall@20"] == 1.0

    def test_a_person_with_nothing_else_hidden_is_not_measured(self, tmp_path: Path) -> None:
        """And rows say which people the others are."""
        people = held_out([[0], [1], [2]], [[38], [SENSITIVE], [39]], N_ITEMS)
        found = measure(people, artifact(tmp_path, upside_down()))
        assert found.rows.tolist() == [0, 2]
        assert found.values["ndcg@10"] == pytest.approx([discount(2), 1.0])

    def test_nobody_left_is_no_error(self, tmp_path: Path) -> None:
        """Every metric is there, of nobody."""
        found = measure(held_out([[0]], [[SENSITIVE]], N_ITEMS), artifact(tmp_path, upside_down()))
        assert found.rows.size == 0
        assert all(values.size == 0 for values in found.values.values())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, list[list[int]], list[list[int]]]:
    """A model without structure and sixty people at random."""
    rng = np.random.default_rng(3)
    drawn = [rng.permutation(60)[: int(rng.integers(5, 45))].tolist() for _ in range(60)]
    cuts = [max(1, len(items) // 5) for items in drawn]
    made = artifact(tmp_path_factory.mktemp("random"), random_world(4))
    return made, [d[c:] for d, c in zip(drawn, cuts, strict=True)], [d[:c] for d, c in zip(drawn, cuts, strict=True)]


def measured(world: tuple[Artifact, list[list[int]], list[list[int]]], people: Sequence[int]) -> PersonMetrics:
    made, histories, hidden = world
    return measure(held_out([histories[p] for p in people], [hidden[p] for p in people], 60), made)


def test_what_is_measured_is_what_would_be_served(
    world: tuple[Artifact, list[list[int]], list[list[int]]],
) -> None:
    """Against `recommend`, asked for each person by item id, and plain sets: metric by metric, person by person."""
    made, histories, hidden = world
    served, ids = Recommender.unapproved(made), made.arrays["item_ids"]
    secret = {str(i) for i in ids[made.arrays["sensitive"] > 0]}
    by_popularity = [str(i) for i in ids[np.argsort(-made.arrays["popularity"], kind="stable")]]
    found = measured(world, range(60))
    assert len(found.rows) > 40
    for place, row in enumerate(found.rows):
        history, wanted = {str(ids[i]) for i in histories[row]}, {str(ids[i]) for i in hidden[row]} - secret
        shown = [item.item_id for item in served.recommend(sorted(history), DEPTH, profiling=True).items]
        popular = [i for i in by_popularity if i not in history | secret][:DEPTH]
        gained = discount(*(r for r, item in enumerate(shown[:10], 1) if item in wanted))
        recall = {k: len(wanted & set(shown[:k])) / min(k, len(wanted)) for k in (10, DEPTH)}
        baseline = len(wanted & set(popular)) / min(DEPTH, len(wanted))
        expected = {
            "recall@10": recall[10],
            "ndcg@10": gained / discount(*range(1, min(10, len(wanted)) + 1)),
            "popularity_recall@20": baseline,
            "lift@20": np.clip(recall[DEPTH] - baseline, -LIFT_CLIP, LIFT_CLIP),
        }
        assert {m: found.values[m][place] for m in expected} == pytest.approx(expected)


def test_nobody_s_metrics_depend_on_anybody_else(world: tuple[Artifact, list[list[int]], list[list[int]]]) -> None:
    """Alone or among sixty, bit for bit: what one person adds to the sums is theirs alone, as the noise assumes."""
    together = measured(world, range(60))
    alone = [measured(world, [person]) for person in range(60)]
    assert [p for p in range(60) if alone[p].rows.size] == together.rows.tolist()
    for metric, values in together.values.items():
        assert np.concatenate([a.values[metric] for a in alone]).tobytes() == values.tobytes()


class TestDesign:
    """The layout of the released vector."""

    def test_measure_gives_every_metric_within_its_declared_bound(
        self, world: tuple[Artifact, list[list[int]], list[list[int]]]
    ) -> None:
        """Nothing is clipped again by the release, and nothing is missing."""
        layout = design({"age": ("young", "old")}, ["ndcg@10"])
        values = measured(world, range(60)).values
        assert set(layout.overall) == set(values)
        assert set(layout.groups["age"].metrics) <= set(values)
        assert all(np.abs(v).max() <= layout.overall[m][0] for m, v in values.items())

    def test_every_attribute_has_a_place_for_everybody(self) -> None:
        """People with another value, and people with none."""
        layout = design({"age": ("young", "old")}, [])
        assert layout.groups["age"].levels == ("young", "old", "other", "undisclosed")

    def test_metrics_of_rules_are_released_with_less_noise(self) -> None:
        """Twice the share of the squared norm."""
        ruled, plain = (design({"age": ("young", "old")}, rules) for rules in (["ndcg@10"], []))
        assert ruled.factor("ndcg@10", "age") == pytest.approx(math.sqrt(2) * ruled.factor("recall@10", "age"))
        assert plain.factor("ndcg@10", "age") == plain.factor("recall@10", "age")

    def test_the_models_own_recall_at_twenty_is_not_released(self) -> None:
        """Popularity and the paired lift say it; a third figure could contradict them."""
        assert "recall@20" not in design({}, []).overall


def test_no_person_shows_in_what_is_printed() -> None:
    """Rows of metrics have no repr of their own."""
    shown = repr(PersonMetrics(values={"ndcg@10": np.array([0.123])}, rows=np.array([7])))
    assert "0.123" not in shown
