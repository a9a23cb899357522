"""One person more or less, from the tables to the evaluation vector: what is measured of the others stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from personal_reference import KEYS, PURPOSE, event, gate, log, world
from privacy_worlds import squared_norm
from scoring_world import meta, random_world
from tactful.assurance import person_metrics
from tactful.assurance.evaluation import design, measure
from tactful.assurance.item_groups import ItemGroups
from tactful.assurance.metrics import METRICS
from tactful.assurance.strata import Groupings
from tactful.catalogue import Catalogue
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.contributions import SCALE
from tactful.personal.ids import enrolled
from tactful.personal.split import hold_out
from tactful.privacy.cells import cell_sums
from tactful.scoring.artifact import Artifact, read_artifact, write_artifact

FAIR = "fairness.assessment"
SHARE = 0.6
AGE = AttributeSpec(name="age", levels=("19-24", "25-34", "35+"))
SEX = AttributeSpec(name="sex", levels=("f", "m"))
GROUPINGS = Groupings(
    attributes={"age": AGE.levels, "sex": SEX.levels},
    merges={"age": {"19-24": "under 35", "25-34": "under 35"}},
    intersections=[("age", "sex")],
    history_edges=(6, 12),
)
KINDS = ("measured", "measured, not assessed", "too short", "refused, assessed", "erased", "trains")


@dataclass(frozen=True)
class Town:
    """A model, its items, and people of every kind."""

    artifacts: tuple[Artifact, Artifact]
    groups: ItemGroups
    people: dict[str, str]

    def vector(self, *gone: str) -> NDArray[np.int64]:
        """The exact evaluation vector of everybody else."""
        kinds = {user: kind for user, kind in self.people.items() if user not in gone}
        items = {str(item): () for item in self.artifacts[0].arrays["item_ids"]}
        erased = {user: {"erased_at": 3} for user, kind in kinds.items() if kind == "erased"}
        judge = gate(world(consents(kinds), erased, items=items), 9, share=SHARE)
        people = hold_out(judge.admit(log([row for u, kind in kinds.items() for row in rows(u, kind, items)]), PURPOSE))
        model, worse = self.artifacts
        found = measure(people, model, noisier=[worse], items=[self.groups], category=self.groups)
        codes = Demographics.open(attributes(kinds), [AGE, SEX]).groups(people, judge, [AGE, SEX])
        layout = design(
            GROUPINGS.attributes,
            ["ndcg@10", "novelty@10"],
            merges=GROUPINGS.merges,
            intersections=GROUPINGS.intersections,
            items={"department": self.groups.levels},
            metrics=METRICS,
            history_edges=GROUPINGS.history_edges,
        )
        return cell_sums(found.values, GROUPINGS.codes(codes, found.lengths), layout, found.shares)


def number(user: str) -> int:
    return int(user.partition("-")[2])


def rows(user: str, kind: str, items: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Few items or up to thirty, from a place of one's own in the catalogue."""
    count = 3 if kind == "too short" else 5 + 7 * number(user) % 26
    return [(user, [*items][(5 * number(user) + step) % len(items)], 2 + step % 5) for step in range(count)]


def consents(kinds: dict[str, str]) -> list[dict[str, Any]]:
    """To training and to the assessment, each by itself."""
    trains = [event(u, "refused" if kind == "refused, assessed" else "given", 0) for u, kind in kinds.items()]
    return trains + [event(u, "given", 1, FAIR) for u, kind in kinds.items() if kind != "measured, not assessed"]


def attributes(kinds: dict[str, str]) -> pa.Table:
    """Every level, other values and none."""
    ages, sexes = (*AGE.levels, "ageless", None), ("f", "m", None)
    told = {"age": [ages[number(u) % 5] for u in kinds], "sex": [sexes[number(u) % 3] for u in kinds]}
    return pa.table({"user_id": [*kinds], **told})


@cache
def parts() -> dict[str, list[str]]:
    """People by the part that the keyed hash puts them into."""
    ids, people = (table.to_pydict() for table in enrolled([f"user-{n}" for n in range(60)], KEYS, SHARE))
    part = dict(zip(people["person"], people["part"], strict=True))
    named = zip(ids["user_id"], ids["person"], strict=True)
    ordered = sorted((number(user), user, part[person]) for user, person in named)
    return {name: [user for _, user, p in ordered if p == name] for name in ("training", "evaluation")}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Four people of each kind; those who are not in training are there to evaluate."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("model", 4), ("worse", 5)):
        write_artifact(folder / name, random_world(seed), meta=meta())
    model, worse = (read_artifact(Path(folder / name)) for name in ("model", "worse"))
    ids = model.arrays["item_ids"]
    features = {"department": tuple((("food", "drink", "tools")[n % 3],) for n in range(len(ids)))}
    groups = ItemGroups.of(Catalogue(item_ids=ids, titles=ids, features=features), "department")
    evaluating = iter(parts()["evaluation"])
    people = {next(evaluating): kind for kind in KINDS[:-1] for _ in range(4)}
    return Town((model, worse), groups, people | dict.fromkeys(parts()["training"][:4], "trains"))


@pytest.fixture(scope="module")
def everybody(town: Town) -> NDArray[np.int64]:
    """The vector of everybody."""
    return town.vector()


def of_kind(town: Town, kind: str) -> list[str]:
    """The people of a kind."""
    return [user for user, found in town.people.items() if found == kind]


@pytest.mark.parametrize("kind", KINDS)
def test_one_person_moves_the_whole_vector_by_at_most_the_scale(
    kind: str, town: Town, everybody: NDArray[np.int64]
) -> None:
    """With their rows, consent events and attributes gone; who trains moves nothing, nor does who was erased."""
    for user in of_kind(town, kind)[:2]:
        moved = everybody - town.vector(user)
        assert squared_norm(moved) <= SCALE**2
        assert moved.any() == (kind not in ("trains", "erased"))


def nobody_moves_another(town: Town) -> None:
    """Several people at once move what each moves alone."""
    together = [*of_kind(town, "measured")[:3], of_kind(town, "refused, assessed")[0]]
    everybody = town.vector()
    alone = sum(everybody - town.vector(user) for user in together)
    assert np.array_equal(everybody - town.vector(*together), alone), "one person moves what another adds"


def test_no_row_depends_on_another(town: Town) -> None:
    """Whether they are measured or only known."""
    nobody_moves_another(town)


def test_a_figure_that_is_relative_to_others_is_caught(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant that measures how much more novel than the mean somebody's list is."""
    plain = person_metrics.shown_mean

    def relative(*arguments: Any) -> NDArray[np.float64]:
        found = plain(*arguments)
        return np.clip(found - found.mean(), 0, 1)

    monkeypatch.setattr(person_metrics, "shown_mean", relative)
    with pytest.raises(AssertionError, match="moves what another adds"):
        nobody_moves_another(town)
