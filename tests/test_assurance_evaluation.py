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
from tactful.assurance.item_groups import ItemGroups
from tactful.assurance.metrics import METRICS
from tactful.catalogue import Catalogue
from tactful.errors import ConfigError
from tactful.personal.doors import opened
from tactful.personal.split import EvaluationPeople
from tactful.scoring.artifact import Artifact, read_artifact, write_artifact
from tactful.scoring.recommender import Recommender

N_ITEMS, SENSITIVE = 40, 37
KNOWN = ("known", "consented")
AGE = {"age": ("young", "old")}


def shop(n_items: int = N_ITEMS) -> Catalogue:
    """Items that are even or odd."""
    ids = np.array([f"i{i}" for i in range(n_items)])
    features = {"department": tuple(("odd" if i % 2 else "even",) for i in range(n_items))}
    return Catalogue(item_ids=ids, titles=ids, features=features)


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


def held_out(
    histories: Sequence[Sequence[int]], hidden: Sequence[Sequence[int]], n_items: int, known: Sequence[bool] = ()
) -> EvaluationPeople:
    """People with these histories, and others who are only known, through the door that tests may open."""

    def matrix(rows: Sequence[Sequence[int]]) -> scipy.sparse.csr_array:
        indptr = np.cumsum([0, *(len(row) for row in rows)])
        indices = np.array([i for row in rows for i in sorted(row)], dtype=np.int64)
        return scipy.sparse.csr_array((np.ones(len(indices), np.int8), indices, indptr), shape=(len(rows), n_items))

    admitted = np.array([True] * len(histories) + list(known))
    names = tuple(f"person {i}" for i in range(len(admitted)))
    return opened(
        EvaluationPeople, folded=matrix(histories), hidden=matrix(hidden), admitted=admitted, _pseudonyms=names
    )


def one(folder: Path, history: Sequence[int], hidden: Sequence[int], **more: Any) -> dict[str, float]:
    """The metrics of one person under the upside-down model."""
    found = measure(held_out([history], [hidden], N_ITEMS), artifact(folder, upside_down()), **more)
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
    """Recall@20 of the model minus that of popularity, clipped, and how far inside its bounds that is."""
    found, clipped = one(tmp_path, [0], hidden), max(min(lift, LIFT_CLIP), -LIFT_CLIP)
    assert found["popularity_recall@20"] == pytest.approx(popular)
    assert found["lift@20"] == pytest.approx(clipped)
    assert found["lift_inside@20"] == pytest.approx((LIFT_CLIP + clipped) * (LIFT_CLIP - clipped))


def test_the_popularity_list_never_repeats_the_history(tmp_path: Path) -> None:
    """Whoever has the 25 most popular items is offered the next ones; a list that repeated them would find nothing."""
    assert one(tmp_path, range(25), range(25, 37))["popularity_recall@20"] == 1.0


def small_head() -> dict[str, NDArray[Any]]:
    """The upside-down model, which learned taste for the ten most popular items alone."""
    arrays = upside_down()
    return arrays | {name: arrays[name][:10] for name in ("head", "encoder", "decoder")}


class TestCharacter:
    """What lists are like, by hand: popularity falls with the position, item 0 at percentile 1 and 39 at 0."""

    def test_novelty_and_lift(self, tmp_path: Path) -> None:
        """The first ten are 39, 38, 36 … 29; the history is the most popular item."""
        found = one(tmp_path, [0], [1])
        shown = [39, 38, *range(36, 28, -1)]
        assert found["novelty@10"] == pytest.approx(sum(shown) / 10 / 39)
        assert found["popularity_lift@10"] == pytest.approx(-sum(shown) / 10 / 39)
        assert found["popularity_lift_inside@10"] == pytest.approx(1 - found["popularity_lift@10"] ** 2)

    def test_who_brings_nothing_from_the_head_gets_everybodys_list(self, tmp_path: Path) -> None:
        """Fallback, and how much of the history lies in the head."""
        made = artifact(tmp_path, small_head())
        found = measure(held_out([[20, 30], [5, 30, 31, 32], [1, 2]], [[1], [1], [0]], N_ITEMS), made)
        assert found.values["fallback"].tolist() == [1, 0, 0]
        assert found.values["head_share"].tolist() == [0, 0.25, 1]
        assert found.lists[0].tolist() == found.popular[0].tolist()

    def test_categories_and_item_groups(self, tmp_path: Path) -> None:
        """Even and odd items: the history is even, half of the list and all hidden items are odd."""
        groups = ItemGroups.of(shop(), "department")
        made = artifact(tmp_path, upside_down())
        found = measure(held_out([[0, 2]], [[1, 3]], N_ITEMS), made, items=[groups], category=groups)
        shown = [39, 38, *range(36, 28, -1)]
        odd = sum(item % 2 for item in shown) / 10
        divergence = math.log(1 / (0.99 * (1 - odd) + 0.01)) / math.log(100)
        assert found.values["miscalibration@10"] == pytest.approx([divergence])
        exposed = discount(*(r for r, item in enumerate(shown, 1) if item % 2)) / discount(*range(1, 11))
        assert found.shares["exposure@10", "department"] == pytest.approx(np.array([[1 - exposed, exposed, 0]]))
        assert found.shares["interest", "department"].tolist() == [[0, 1, 0]]

    def test_the_cost_of_noise_is_paired_and_bounded(self, tmp_path: Path) -> None:
        """nDCG of the model less that of the worse one, each person within ±0.2."""
        worse = upside_down()
        worse["decoder"] = worse["decoder"][::-1].copy()
        noisier = artifact(tmp_path / "worse", worse)
        for hidden, cost in (([39], 0.2), ([1], -0.2), ([20], 0.0)):
            folder = tmp_path / str(hidden[0])
            assert one(folder, [0], hidden, noisier=[noisier])["noise_cost@10"] == pytest.approx(cost)
        assert "noise_cost@10" not in one(tmp_path / "none", [0], [39])


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

    def test_a_person_with_nothing_else_hidden_is_only_known(self, tmp_path: Path) -> None:
        """Their row is there and says so."""
        people = held_out([[0], [1], [2]], [[38], [SENSITIVE], [39]], N_ITEMS)
        found = measure(people, artifact(tmp_path, upside_down()))
        assert found.values["people"].tolist() == [1, 0, 1]
        assert found.values["ndcg@10"] == pytest.approx([discount(2), 0, 1.0])
        assert found.lengths.tolist() == [1, 0, 1]

    def test_nobody_left_is_no_error(self, tmp_path: Path) -> None:
        """Every metric is there, and 0."""
        found = measure(held_out([[0]], [[SENSITIVE]], N_ITEMS), artifact(tmp_path, upside_down()))
        assert found.values["people"].tolist() == [0]
        assert all(values.tolist() == [0] for name, values in found.values.items() if name not in KNOWN)


def test_who_is_only_known_counts_as_known_and_as_nothing_else(tmp_path: Path) -> None:
    """With or without consent to training: no metric, no length, no list, no share."""
    groups = ItemGroups.of(shop(), "department")
    people = held_out([[0]], [[38]], N_ITEMS, known=[True, False])
    found = measure(people, artifact(tmp_path, upside_down()), items=[groups], category=groups)
    assert found.values["known"].tolist() == [1, 1, 1]
    assert found.values["consented"].tolist() == [1, 1, 0]
    assert found.values["people"].tolist() == [1, 0, 0]
    assert all((values[1:] == 0).all() for name, values in found.values.items() if name not in KNOWN)
    assert all((shares[1:] == 0).all() and shares[0].sum() == pytest.approx(1) for shares in found.shares.values())
    assert found.lengths.tolist() == [1, 0, 0]
    for lists in (found.lists, found.popular):
        assert lists.shape == (3, 10)
        assert (lists[0] >= 0).all()
        assert (lists[1:] == -1).all()


def test_lists_are_what_is_served_and_what_is_popular(tmp_path: Path) -> None:
    """Catalogue positions, best first, without the history and without sensitive items; shorter ones end in −1."""
    people = held_out([[0], list(range(2, 37))], [[38], [39]], N_ITEMS)
    found = measure(people, artifact(tmp_path, upside_down()))
    assert found.lists.tolist() == [[39, 38, 36, 35, 34, 33, 32, 31, 30, 29], [39, 38, 1, 0] + [-1] * 6]
    assert found.popular.tolist() == [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [0, 1, 38, 39] + [-1] * 6]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, list[list[int]], list[list[int]]]:
    """A model without structure and sixty people at random."""
    rng = np.random.default_rng(3)
    drawn = [rng.permutation(60)[: int(rng.integers(5, 45))].tolist() for _ in range(60)]
    cuts = [max(1, len(items) // 5) for items in drawn]
    made = artifact(tmp_path_factory.mktemp("random"), random_world(4))
    return made, [d[c:] for d, c in zip(drawn, cuts, strict=True)], [d[:c] for d, c in zip(drawn, cuts, strict=True)]


def measured(
    world: tuple[Artifact, list[list[int]], list[list[int]]], people: Sequence[int], noisier: Artifact
) -> PersonMetrics:
    made, histories, hidden = world
    groups = ItemGroups.of(shop(60), "department")
    chosen = held_out([histories[p] for p in people], [hidden[p] for p in people], 60)
    return measure(chosen, made, items=[groups], category=groups, noisier=[noisier])


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Another model of the same items."""
    return artifact(tmp_path_factory.mktemp("other"), random_world(5))


def test_what_is_measured_is_what_would_be_served(
    world: tuple[Artifact, list[list[int]], list[list[int]]], other: Artifact
) -> None:
    """Against `recommend`, asked for each person by item id, and plain sets: metric by metric, person by person."""
    made, histories, hidden = world
    served, ids = Recommender.unapproved(made), made.arrays["item_ids"]
    secret = {str(i) for i in ids[made.arrays["sensitive"] > 0]}
    by_popularity = [str(i) for i in ids[np.argsort(-made.arrays["popularity"], kind="stable")]]
    found = measured(world, range(60), other)
    rows = np.flatnonzero(found.values["people"])
    assert len(rows) > 40
    for row in rows:
        history, wanted = {str(ids[i]) for i in histories[row]}, {str(ids[i]) for i in hidden[row]} - secret
        shown = [item.item_id for item in served.recommend(sorted(history), DEPTH, profiling=True).items]
        popular = [i for i in by_popularity if i not in history | secret][:DEPTH]
        gained = discount(*(r for r, item in enumerate(shown[:10], 1) if item in wanted))
        recall = {k: len(wanted & set(shown[:k])) / min(k, len(wanted)) for k in (10, DEPTH)}
        baseline = len(wanted & set(popular)) / min(DEPTH, len(wanted))
        assert [str(ids[i]) for i in found.lists[row] if i >= 0] == shown[:10]
        assert [str(ids[i]) for i in found.popular[row] if i >= 0] == popular[:10]
        expected = {
            "hit@10": float(gained > 0),
            "recall@10": recall[10],
            "ndcg@10": gained / discount(*range(1, min(10, len(wanted)) + 1)),
            "popularity_recall@20": baseline,
            "lift@20": np.clip(recall[DEPTH] - baseline, -LIFT_CLIP, LIFT_CLIP),
        }
        assert {m: found.values[m][row] for m in expected} == pytest.approx(expected)


def test_nobody_s_row_depends_on_anybody_else(
    world: tuple[Artifact, list[list[int]], list[list[int]]], other: Artifact
) -> None:
    """Alone, among sixty or among twenty, bit for bit: what one person adds is theirs alone, as the noise assumes."""
    together = measured(world, range(60), other)
    for some in ([[person] for person in range(60)], [list(range(start, start + 20)) for start in (0, 20, 40)]):
        parts = [measured(world, people, other) for people in some]
        for metric, values in together.values.items():
            assert np.concatenate([part.values[metric] for part in parts]).tobytes() == values.tobytes(), metric
        for key, shares in together.shares.items():
            assert np.concatenate([part.shares[key] for part in parts]).tobytes() == shares.tobytes(), key
        for rows in ("lengths", "lists", "popular"):
            assert np.array_equal(np.concatenate([getattr(part, rows) for part in parts]), getattr(together, rows))


class TestDesign:
    """The layout of the released vector."""

    def test_measure_gives_every_metric_within_its_declared_bound(
        self, world: tuple[Artifact, list[list[int]], list[list[int]]], other: Artifact
    ) -> None:
        """Nothing is clipped again by the release, and nothing is missing."""
        layout = design(AGE, ["ndcg@10"], metrics=METRICS, items={"department": ("even", "odd")})
        found = measured(world, range(60), other)
        tables = [layout.overall, *(cells.metrics for cells in layout.groups.values())]
        for table in tables:
            for name, (clip, _) in table.items():
                assert np.abs(found.values[name]).max() <= clip, name
        for key, cells in layout.shares.items():
            assert found.shares[key].shape == (60, len(cells.levels))
            assert found.shares[key].sum(axis=1).max() <= 1 + 1e-12

    def test_every_attribute_has_a_place_for_everybody(self) -> None:
        """People with another value, and people with none."""
        layout = design(AGE, [])
        assert layout.groups["age"].levels == ("young", "old", "other", "undisclosed")

    def test_what_is_measured_where(self) -> None:
        """All of it by declared attributes, what rules are about by history, where two groups meet, and overall."""
        layout = design(
            {**AGE, "sex": ("f", "m")},
            ["hit@10", "novelty@10"],
            metrics=["ndcg@10", "novelty@10", "hit@10"],
            intersections=[("age", "sex")],
            items={"department": ("food", "drink")},
            history_edges=(5,),
        )
        ruled = ["people", "hit@10", "novelty@10", "novelty_inside@10"]
        assert list(layout.groups) == ["age", "sex", "history", "age × sex", "age × history", "sex × history"]
        for name, cells in layout.groups.items():
            more = ["ndcg@10", "ndcg_inside@10", "known", "consented"] if name in ("age", "sex") else []
            assert sorted(cells.metrics) == sorted(ruled + more), name
        assert layout.groups["history"].levels == ("1–4 items", "5 and more items")
        assert set(layout.overall) == {
            *("people", "ndcg@10", "ndcg_inside@10", "recall@10", "recall_inside@10", "lift@20", "lift_inside@20"),
            *("popularity_recall@20", "popularity_recall_inside@20"),
        }
        assert {key: cells.levels for key, cells in layout.shares.items()} == {
            ("exposure@10", "department"): ("food", "drink", "other"),
            ("interest", "department"): ("food", "drink", "other"),
        }

    def test_metrics_of_rules_are_released_with_less_noise(self) -> None:
        """Four times the share of the squared norm; what says how sure they are has half the noise of the metric."""
        ruled, plain = (design(AGE, rules) for rules in (["ndcg@10"], []))
        assert ruled.factor("ndcg@10", "age") == pytest.approx(2 * ruled.factor("recall@10", "age"))
        assert ruled.factor("ndcg_inside@10", "age") == pytest.approx(2 * ruled.factor("ndcg@10", "age"))
        assert plain.factor("ndcg@10", "age") == plain.factor("recall@10", "age")

    @pytest.mark.parametrize("attributes", [1, 4, 9])
    def test_the_lift_keeps_its_share_of_the_norm(self, attributes: int) -> None:
        """Whatever else is measured."""
        layout = design({f"a{n}": ("x", "y") for n in range(attributes)}, ["ndcg@10"], metrics=METRICS)
        assert layout.overall["lift@20"][1] / layout.importance == pytest.approx(2 / 23)

    def test_without_attributes_quality_has_most_of_the_norm(self) -> None:
        layout = design({}, [])
        assert sum(i for _, i in layout.overall.values()) > 0.8 * layout.importance

    def test_clips_are_the_declared_bounds(self) -> None:
        """Those of the table, and of the middle of their range how far inside it is."""
        metrics = design(AGE, [], metrics=METRICS).groups["age"].metrics
        assert metrics["noise_cost@10"][0] == 0.2
        assert metrics["noise_cost_inside@10"][0] == pytest.approx(0.04)
        assert metrics["recall_inside@10"][0] == 0.25
        assert metrics["popularity_lift@10"][0] == 1.0
        assert "fallback_inside" not in metrics

    def test_what_asks_for_more_is_measured_where_it_is_asked_for(self) -> None:
        """Categories and a second model are not there by themselves."""
        assert set(METRICS) - set(design(AGE, []).groups["age"].metrics) == {"miscalibration@10", "noise_cost@10"}

    @pytest.mark.parametrize("name", ["recall@20", "lift@20", "nonsense"])
    def test_a_metric_that_groups_are_not_measured_by_is_refused(self, name: str) -> None:
        for options in ({"rule_metrics": [name]}, {"rule_metrics": [], "metrics": [name]}):
            with pytest.raises(ConfigError, match=name):
                design(AGE, **options)

    def test_a_rule_about_what_is_not_measured_is_refused(self) -> None:
        """Before anything is paid: nobody could keep or break it."""
        with pytest.raises(ConfigError, match=r"noise_cost@10\. Name one of ndcg@10"):
            design(AGE, ["noise_cost@10"])
        with pytest.raises(ConfigError, match=r"recall@10\. Name one of ndcg@10\.$"):
            design(AGE, ["recall@10"], metrics=["ndcg@10"])

    def test_the_models_own_recall_at_twenty_is_not_released(self) -> None:
        """Popularity and the paired lift say it; a third figure could contradict them."""
        assert "recall@20" not in design({}, []).overall


def test_no_person_shows_in_what_is_printed() -> None:
    """Rows of metrics have no repr of their own."""
    row = np.array([7])
    found = PersonMetrics(values={"ndcg@10": np.array([0.123])}, shares={}, lengths=row, lists=row, popular=row)
    assert "0.123" not in repr(found)
    assert "[7]" not in repr(found)
