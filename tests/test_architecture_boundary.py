"""What a run does with data about people: noise is paid for first, no model has an axis of people, no count leaves."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repository_search import digests, hexadecimals, mentions, numbers, written
from repository_world import World, write_world
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.contributions import SCALE, item_popularity
from tactful.personal.split import hold_out
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.cells import CellDesign
from tactful.privacy.noise import SeededNoise
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.released.gram_recommender import GramRecommender
from tactful.released.head import choose_head
from tactful.released.histories import gram_query
from tactful.scoring.artifact import read_artifact
from tactful.training import TrainingOutcome, train

DESIGN = CellDesign(overall={"people": (1.0, 1.0), "ndcg@10": (1.0, 1.0)})
PLAN = RunPlan.of(PrivacyBudget(epsilon=6.0, delta=1e-6), max_items=200, evaluation_cells=DESIGN.touched)
NAMES = ("consent", "people", "popularity", "gram", "evaluation")


# --- law 3: noise is drawn after the debit is opened, for each release ---


class Spy:
    """A ledger and a noise source that write down in which order they were asked."""

    kind = "reproducible"

    def __init__(self, *, fails: bool = False) -> None:
        self.steps: list[str] = []
        self._fails, self._noise = fails, SeededNoise(5)

    def debit(self, _run: str, _events: object, **_: object) -> None:
        """Every run is welcome."""

    def open(self, _: object, name: str) -> None:
        self.steps.append(f"open {name}")
        if self._fails:
            raise OSError("the disk is full")

    def released(self, _: object, name: str) -> None:
        self.steps.append(f"released {name}")

    def draw(self, sigma: float, size: int) -> Any:
        self.steps.append("draw")
        return self._noise.draw(sigma, size)


def drawn_unpaid(steps: list[str]) -> list[str]:
    """The steps before each draw, where they are not the opening of a debit."""
    before = ["nothing", *steps]
    return [last for last, step in zip(before, steps, strict=False) if step == "draw" and not last.startswith("open")]


def door(spy: Any, kind: type[PrivateRelease] = PrivateRelease) -> PrivateRelease:
    """A release under the eyes of a spy."""
    return kind(ledger=spy, run="a run", plan=PLAN, noise=spy)


class Impatient(PrivateRelease):
    """Draws first and pays afterwards."""

    def _release(self, name: str, statistic: Any) -> Any:
        multiplier = self._plan.event(name).noise_multiplier
        noise = self._noise.draw(multiplier * SCALE, statistic().size)
        self._ledger.open(self._debit, name)
        self._ledger.released(self._debit, name)
        return (statistic() + noise) / SCALE, multiplier


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A few people, for what needs no MLflow."""
    folder = tmp_path_factory.mktemp("small")
    return write_world(folder, model="small", people=400, user_id=lambda number: f"person {number}", privacy={})


@pytest.fixture(scope="module")
def bounded(small: World) -> BoundedInteractions:
    """What its training people used."""
    return bound(small.consented(), max_items=200)


def test_each_release_is_opened_before_noise_is_drawn(small: World, bounded: BoundedInteractions) -> None:
    """All five releases go: open, draw, released. One that draws first is found."""
    spy = Spy()
    asked = door(spy)
    asked.consent(small.consented())
    people, popularity = asked.people(bounded), asked.popularity(bounded)
    head = choose_head(popularity, people, noise_multiplier=1.0)
    asked.gram(bounded, gram_query(popularity, people, head))
    asked.evaluation({"people": np.ones(2), "ndcg@10": np.array([0.5, 1.0])}, {}, DESIGN)
    assert spy.steps == [step for name in NAMES for step in (f"open {name}", "draw", f"released {name}")]
    assert drawn_unpaid(spy.steps) == []
    hasty = Spy()
    door(hasty, Impatient).people(bounded)
    assert drawn_unpaid(hasty.steps) == ["nothing"]


def test_no_noise_is_drawn_when_the_debit_cannot_be_opened(bounded: BoundedInteractions) -> None:
    """A ledger that fails to write stops the release before the first draw."""
    spy = Spy(fails=True)
    with pytest.raises(OSError, match="disk is full"):
        door(spy).people(bounded)
    assert spy.steps == ["open people"]


# --- laws 4 and 5: a model has item-side arrays only ---


def axes_of_people(arrays: dict[str, Any], *, n_items: int, n_head: int, rank: int) -> list[str]:
    """The arrays with an axis that is none of a model's own."""
    return [name for name, array in arrays.items() if not set(np.shape(array)) <= {n_items, n_head, rank}]


def test_a_model_has_no_axis_of_people(bounded: BoundedInteractions) -> None:
    """Every array of a `ReleasedModel` is as long as the catalogue, the head or the rank; users' factors are found."""
    asked = door(Spy())
    people, popularity = asked.people(bounded), asked.popularity(bounded)
    head = choose_head(popularity, people, noise_multiplier=1.0)[:40]
    gram = asked.gram(bounded, gram_query(popularity, people, head))
    model = GramRecommender().fit(gram, popularity, people).model_
    arrays = {name: value for name in model.__slots__ if isinstance(value := getattr(model, name), np.ndarray)}
    sizes = {"n_items": len(bounded.catalogue), "n_head": len(model.head), "rank": model.rank}
    assert set(arrays) == {"popularity", "base", "head", "encoder", "decoder"}
    assert model.rank > 0
    assert bounded.user_items.shape[0] not in sizes.values()
    assert axes_of_people(arrays, **sizes) == []
    assert axes_of_people(arrays | {"users": bounded.user_items @ np.ones((sizes["n_items"], 2))}, **sizes) == ["users"]


# --- law 6: no exact number and no digest of personal rows leaves ---


@pytest.fixture(scope="module")
def town(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, TrainingOutcome]]:
    """Seven thousand people, trained on.

    At so small an epsilon hardly a seed lets a released count meet the exact one by chance; the seed is fixed.
    """
    folder = tmp_path_factory.mktemp("town")
    privacy = {"epsilon": 0.1, "minimum_people": 2100, "public_data": True, "reproducible_seed": 7}
    world = write_world(folder, model="town", people=7001, user_id=lambda number: f"u{number}", privacy=privacy)
    shutil.copy(_template / "mlflow.db", world.outside)
    with world.entered():
        yield world, train(world.config)


def exact_numbers(world: World, outcome: TrainingOutcome) -> set[int]:
    """What only the operator may know: counts of rows and of people, those too large to occur by chance."""
    consented = world.consented()
    counts, people = consented.counts, consented.people_by_outcome()
    by_part = [n for parts in people.values() for n in parts.values()]
    sums = [sum(parts.values()) for parts in people.values()] + [
        sum(parts[part] for parts in people.values()) for part in ("training", "evaluation")
    ]
    matrices = bound(consented, max_items=200).user_items, hold_out(consented).folded, hold_out(consented).hidden
    shapes = [n for matrix in matrices for n in (matrix.shape[0], matrix.nnz)]
    assert outcome.counts == counts
    everything = [
        counts.read,
        counts.admitted,
        *counts.excluded.values(),
        *by_part,
        *sums,
        *shapes,
        len(world.user_ids),
    ]
    return {n for n in everything if n > 1000}


def test_no_exact_number_leaves(town: tuple[World, TrainingOutcome], tmp_path: Path) -> None:
    """No database cell or file of MLflow says how many rows or people there are; a run that logs one is found."""
    world, outcome = town
    wanted = exact_numbers(world, outcome)
    assert len(wanted) >= 12
    assert outcome.status == "candidate"
    assert numbers(written(world.outside), wanted) == []
    leaky = Path(shutil.copytree(world.outside, tmp_path / "leaky"))
    assert outcome.counts is not None
    (leaky / "note.md").write_text(f"Trained on {outcome.counts.admitted:,} rows.")
    with closing(sqlite3.connect(leaky / "mlflow.db")) as store, store:
        store.execute(
            "INSERT INTO params (key, value, run_uuid) VALUES ('read', ?, ?)",
            [str(outcome.counts.read), outcome.run_id],
        )
    found = numbers(written(leaky), wanted)
    assert {place.partition(":")[0] for place in found} == {"bytes of note.md", "mlflow.db, table params"}


def test_no_exact_sum_leaves(town: tuple[World, TrainingOutcome]) -> None:
    """No value of the artifact is an exact statistic or one of the exact numbers."""
    world, outcome = town
    exact = item_popularity(bound(world.consented(), max_items=200)) / SCALE
    forbidden = np.concatenate([exact, list(exact_numbers(world, outcome))]).astype(np.float32)
    (manifest,) = world.outside.rglob("manifest.json")
    arrays = read_artifact(manifest.parent).arrays
    values = np.concatenate([a.ravel() for a in arrays.values() if a.dtype.kind == "f"])
    assert len(arrays["popularity"]) == len(exact)
    assert not np.isin(forbidden, values).any()
    assert np.isin(forbidden, np.append(values, exact[3].astype(np.float32))).any()


def test_no_digest_of_rows_leaves(town: tuple[World, TrainingOutcome], tmp_path: Path) -> None:
    """No keyless hash of a table, a row or an id stands outside, and no pseudonym; a run that logs one is found."""
    world, _ = town
    rows = [line for path in world.personal_files for line in path.read_bytes().splitlines(keepends=True)]
    pieces = [path.read_bytes() for path in world.personal_files] + rows + [row.strip() for row in rows]
    wanted = digests([*pieces, *(user_id.encode() for user_id in world.user_ids)])
    wanted |= set(world.keys.pseudonyms(world.user_ids))
    assert hexadecimals(written(world.outside), wanted) == []
    (tmp_path / "dataset.json").write_text(f'{{"digest": "{next(iter(digests(pieces[:1])))}"}}')
    assert hexadecimals(written(tmp_path), wanted) == ["bytes of dataset.json"]


def test_no_table_of_people_is_logged(town: tuple[World, TrainingOutcome]) -> None:
    """MLflow knows no data set and no example input; where tables are named, it is by the configuration."""
    world, _ = town
    with closing(sqlite3.connect(f"file:{world.outside / 'mlflow.db'}?mode=ro", uri=True)) as store:
        assert store.execute("SELECT count(*) FROM datasets").fetchall() == [(0,)]
        assert store.execute("SELECT count(*) FROM inputs WHERE source_type = 'DATASET'").fetchall() == [(0,)]
    assert not [path for path in world.outside.rglob("*") if "example" in path.name]
    named = mentions(written(world.outside), ["interactions.csv"])
    assert {place.rpartition("/")[2] for place in named} == {"config.toml", "report.html", "model_card.md"}
