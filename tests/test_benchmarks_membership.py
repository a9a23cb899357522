"""Membership inference: a planted leak is found, a model that ignores people gives nothing away, and noise holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from threadpoolctl import threadpool_limits

from cli_calls import exit_code
from tactful.assurance import evidence
from tactful.assurance.attacks import MembershipFacts
from tactful.assurance.leakage import leakage
from tactful.benchmarks import victims
from tactful.benchmarks.attack import Questions, likelihood_ratios
from tactful.benchmarks.membership import Membership, benchmark_membership, measure_membership
from tactful.benchmarks.victims import Victims, as_served
from tactful.benchmarks.worlds import SyntheticWorld, World
from tactful.config import TrainingConfig
from tactful.errors import ConfigError, MissingExtraError, NotFoundError, SchemaError, UsageError
from tactful.personal.contributions import SCALE
from tactful.planning import Planned
from tactful.privacy.attacker import Silence
from tactful.privacy.noise import SeededNoise, SystemNoise
from tactful.scoring import Recommender
from tactful.scoring.artifact import read_artifact

SMALL = SyntheticWorld(people=160, items=120, shortest=4, longest=16)
CONFIG = """
[model]
name = "shop"
intended_use = "Suggest items in a test."

[data]
interactions = "nowhere/interactions.parquet"
items = "nowhere/items.csv"
consents = "nowhere/consents.csv"

[policy]
retention_days = 330

[privacy]
epsilon = 5.0
max_items = 12

[budget]
epsilon = 60.0
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose data does not exist, alone in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def world() -> World:
    """A few people."""
    return World.synthetic(SMALL, max_items=12)


def planned(tmp_path: Path, epsilon: float = 5.0) -> Planned:
    """What the configuration releases."""
    path = tmp_path / "plan.toml"
    path.write_text(CONFIG.replace("epsilon = 5.0", f"epsilon = {epsilon}"))
    return Planned.of(TrainingConfig.load(path))


# --- from statistics to scores ---


def coins(rng: np.random.Generator, shadows: int, targets: int) -> np.ndarray:
    """Who is in which model."""
    return rng.random((shadows, targets)) < 0.5


def test_a_planted_leak_is_found() -> None:
    """A statistic that moves by ten deviations when the person is there gives them away entirely."""
    rng = np.random.default_rng(1)
    members = coins(rng, 20, 50)
    statistics = rng.normal(size=(20, 50, 3)) + rng.normal(size=(1, 50, 3))
    statistics[:, :, 1] += 10 * members
    assert leakage(likelihood_ratios(statistics, members), members, rng=rng).auc > 0.999


def test_a_leak_in_either_direction_is_found() -> None:
    """Half of the people move up and half down: each has means of their own."""
    rng = np.random.default_rng(1)
    members = coins(rng, 60, 50)
    statistics = rng.normal(size=(60, 50, 3))
    statistics[:, :, 2] += 6 * np.where(np.arange(50) % 2, 1, -1) * members
    assert leakage(likelihood_ratios(statistics, members), members, rng=rng).auc > 0.99


@pytest.mark.parametrize("shadows", [9, 16, 100])
def test_what_ignores_the_person_scores_a_half(shadows: int) -> None:
    """Without a leak, leaving the judged model out leaves no trace of its label: the area is ½ within its interval."""
    rng = np.random.default_rng(shadows)
    members = coins(rng, shadows, 300)
    statistics = rng.normal(size=(shadows, 300, 3)) * [1, 1, 0] + rng.normal(size=(1, 300, 1))
    low, high = leakage(likelihood_ratios(statistics, members), members, rng=rng).auc_interval
    assert low < 0.5 < high
    assert high - low < 0.1


def test_the_judged_model_is_left_out() -> None:
    """Whether somebody is a member of a model changes their score in the others, and not in that one."""
    rng = np.random.default_rng(4)
    members, statistics = coins(rng, 12, 20), rng.normal(size=(12, 20, 3))
    other = members.copy()
    other[7] = ~other[7]
    one, two = likelihood_ratios(statistics, members), likelihood_ratios(statistics, other)
    assert (one[7] == two[7]).all()
    assert (np.delete(one, 7, axis=0) != np.delete(two, 7, axis=0)).all()


def test_an_attack_that_peeks_is_caught() -> None:
    """The mutant that fits the judged model too finds members where there is nothing to find."""
    rng = np.random.default_rng(6)
    members, statistics = coins(rng, 12, 300), rng.normal(size=(12, 300, 1))
    mean_in, mean_out = (
        (statistics[:, :, 0] * side).sum(axis=0) / np.maximum(side.sum(axis=0), 1) for side in (members, ~members)
    )
    peeked = (mean_in - mean_out) * (statistics[:, :, 0] - (mean_in + mean_out) / 2)
    assert leakage(peeked, members, rng=rng).auc_interval[0] > 0.55


def test_the_score_is_the_likelihood_ratio() -> None:
    """With many shadows it comes to (x − (m₁ + m₀)/2)(m₁ − m₀)/s², the logarithm of the ratio of the two densities."""
    rng = np.random.default_rng(8)
    members, shift = coins(rng, 400, 40), np.linspace(0.8, 2.0, 40)
    statistics = 3 * (rng.normal(size=(400, 40)) + shift * members)
    ideal = (statistics / 3 - shift / 2) * shift
    found = likelihood_ratios(statistics[:, :, None], members)
    assert all(np.corrcoef(found[:, t], ideal[:, t])[0, 1] > 0.999 for t in range(40))
    slopes = [np.polyfit(ideal[:, t], found[:, t], 1)[0] for t in range(40)]
    assert np.mean(slopes) == pytest.approx(1, abs=0.03)


# --- from lists to statistics ---


class Two:
    """Two people of a catalogue of five."""

    items = 5

    def history(self, person: int) -> np.ndarray:
        return np.array([[0, 3], [1, 2, 4]][person])


def test_ranks_are_places_in_the_list() -> None:
    """By falling score, ties in catalogue order, what was shown left out; from 1."""
    questions = Questions.about(Two(), np.array([0, 1]), np.random.default_rng(0))
    shown = questions.shown.toarray()
    scores = np.tile([1.0, 3.0, 3.0, 0.0, 2.0], (len(shown), 1))
    ranks = questions.ranks(scores.copy())
    for place, rank in enumerate(ranks):
        row = questions.asked[place]
        allowed = [i for i in np.argsort(-scores[row], kind="stable") if not shown[row, i]]
        assert allowed[rank - 1] == questions.item[place]
    first = questions.statistics(ranks)[0]
    assert first[0] == pytest.approx(-(np.log(4) + np.log(5)) / 2)


def test_nothing_is_asked_about_what_was_shown() -> None:
    """Each kind of question looks up items of the history that it did not show, halves all of them once."""
    questions = Questions.about(Two(), np.array([0, 1]), np.random.default_rng(0))
    shown = questions.shown.toarray()
    assert not shown[questions.asked, questions.item].any()
    for target, person in enumerate((0, 1)):
        for kind in (0, 1, 2):
            looked = questions.item[questions.cell == 3 * target + kind]
            assert sorted(looked) == Two().history(person).tolist()


def test_the_scores_order_lists_as_scoring_does(world: World, tmp_path: Path) -> None:
    """The lists that `tactful.scoring` gives for an artifact are those that the attack reads, to the last item."""
    kept = np.arange(world.people) % 2 == 0
    for epsilon, noise in ((30.0, SeededNoise(3)), (30.0, Silence()), (0.3, SeededNoise(1))):
        model = Victims(world=world, planned=planned(tmp_path, epsilon)).released(kept, noise)
        folder = tmp_path / f"model {epsilon} {type(noise).__name__}"
        catalogue = world.catalogue
        model.write(folder, catalogue=catalogue, sensitive=((),) * len(catalogue), meta={"model": "m"})
        served = Recommender.unapproved(read_artifact(folder))
        questions = Questions.about(world, np.arange(12), np.random.default_rng(1))
        ranks, ids = questions.ranks(as_served(model, questions.shown)), catalogue.item_ids
        rows = [ids[questions.shown.indices[a:b]].tolist() for a, b in _pairs(questions.shown.indptr)]
        lists = [
            [item.item_id for item in answer.items]
            for answer in served.recommend_batch(rows, world.items, profiling=True)
        ]
        for asked, item, rank in zip(questions.asked, questions.item, ranks, strict=True):
            assert lists[asked][rank - 1] == ids[item]


def _pairs(bounds: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))


# --- worlds ---


def test_a_shadow_holds_the_kept_rows(world: World) -> None:
    """What a shadow is trained on are the rows of the people kept, each at most `max_items` long, and no other."""
    kept = np.random.default_rng(2).random(world.people) < 0.5
    rows = world.bounded(kept).user_items
    histories = [world.history(person).tolist() for person in np.flatnonzero(kept)]
    assert [rows.indices[a:b].tolist() for a, b in _pairs(rows.indptr)] == histories
    assert max(map(len, histories)) == 12
    everybody = world.bounded(np.ones(world.people, dtype=bool)).user_items
    assert everybody.shape == (world.people, world.items)
    assert not rows.data.flags.writeable


def test_what_is_without_noise_can_be_measured_again(tmp_path: Path) -> None:
    """The same world made twice gives the same people in the same order, and its models the same lists."""
    told = []
    for _ in range(2):
        again = World.synthetic(SMALL, max_items=12)
        kept = np.arange(again.people) % 3 > 0
        questions = Questions.about(again, np.arange(20), np.random.default_rng(1))
        attacked = Victims(world=again, planned=planned(tmp_path)).by_name()
        with threadpool_limits(limits=1):
            told.append([attacked[name](kept, questions.shown, 4) for name in ("without noise", "als")])
    for one, two in zip(*told, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_a_synthetic_world_is_what_it_says() -> None:
    """The same parameters make the same people; lengths are in their range; some hold pairs that nobody else has."""
    one, two = SMALL.histories(), SMALL.histories()
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert any((a.tolist() != b.tolist()) for a, b in zip(one, replace(SMALL, seed=1).histories(), strict=True))
    assert {len(h) for h in one} <= set(range(3, 17))
    pairs = [{(i, j) for i in h.tolist() for j in h.tolist() if i < j} for h in one]
    alone = [
        sum(not any(p in other for k, other in enumerate(pairs) if k != n) for p in mine)
        for n, mine in enumerate(pairs)
    ]
    assert np.mean([a > 0 for a in alone]) > 0.1


@pytest.mark.parametrize("wrong", [{"people": 3}, {"items": 20}, {"shortest": 1}])
def test_a_world_too_small_to_be_one_is_refused(wrong: dict[str, int]) -> None:
    """Histories must fit, and have two halves."""
    with pytest.raises(ConfigError, match="synthetic world"):
        SyntheticWorld(**wrong)


def write(path: Path) -> Path:
    """A public table of 60 people."""
    rng = np.random.default_rng(0)
    rows = [(person, int(item)) for person in range(60) for item in rng.choice(40, 6, replace=False)]
    table = pa.table(
        {
            "user_id": pa.array([person for person, _ in rows]),
            "item_id": [f"film {item}" for _, item in rows],
            "timestamp": ["2019-05-01T12:00:00Z"] * len(rows),
        }
    )
    (pyarrow.csv.write_csv if path.suffix == ".csv" else pyarrow.parquet.write_table)(table, path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_public_table_is_a_world(suffix: str, tmp_path: Path) -> None:
    """Its people and items, whether ids are whole numbers or text."""
    world = World.public(write(tmp_path / f"films{suffix}"), max_items=5)
    assert world.parameters == {"kind": "public data", "name": f"films{suffix}", "people": 60, "items": 40}
    assert len(world.history(0)) == 5


def test_the_folder_of_movielens_is_a_world(tmp_path: Path) -> None:
    """Files as GroupLens has them; ratings of 4 and 5 count."""
    ratings = [f"{user}\t{film}\t{rating}\t881250949" for user in (1, 2) for film, rating in ((5, 4), (7, 5), (9, 1))]
    (tmp_path / "u.data").write_text("\n".join(ratings))
    (tmp_path / "u.item").write_text("\n".join(f"{film}|T (1995)|||" + "|0" * 19 for film in (5, 7, 9)))
    (tmp_path / "u.user").write_text("\n".join(f"{user}|30|F|writer|0" for user in (1, 2)))
    world = World.public(tmp_path, max_items=5)
    assert (world.people, world.items, world.history(1).tolist()) == (2, 2, [0, 1])


def test_an_unreadable_table_is_refused(tmp_path: Path) -> None:
    """One line says what must hold."""
    (tmp_path / "a.csv").write_text("who,what\n1,2\n")
    (tmp_path / "b.csv").write_text("user_id,item_id,timestamp\n1,2,2019-05-01\n3\n")
    for name, error in (("a.csv", SchemaError), ("b.csv", UsageError), ("c.csv", NotFoundError)):
        with pytest.raises(error):
            World.public(tmp_path / name, max_items=5)


# --- end to end ---


def test_the_attack_end_to_end(world: World, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """With 16 shadows the attack certainly gets more from both models without privacy than any could from the private.

    So a private model whose noise is left out is caught by the bound. A world whose models leak by construction: few
    people, long tails.
    """
    found = measure_membership(world, planned(tmp_path, 1.0), max_items=12, shadows=16)
    record_property("evidence", _line(found))
    private, bare, als = (found.rows[name] for name in ("private", "without noise", "als"))
    assert found.attack_works
    assert min(bare.auc_interval[0], als.auc_interval[0]) > found.bound.auc
    assert private.auc < bare.auc - 0.1
    assert found.as_json()["rows"][0].keys() == {"model", "auc", "auc_interval", "tpr_at_fpr_1pct", "tpr_interval"}


def _line(found: Membership) -> str:
    """The figures in a line."""
    rows = "; ".join(
        f"{name} AUC {row.auc:.3f} [{row.auc_interval[0]:.3f}, {row.auc_interval[1]:.3f}] TPR at 1% {row.tpr:.3f} "
        f"[{row.tpr_interval[0]:.3f}, {row.tpr_interval[1]:.3f}]"
        for name, row in found.rows.items()
    )
    return (
        f"membership at epsilon {found.budget.epsilon:g}, {found.shadows} shadows, {found.targets} people: {rows}; "
        f"at most AUC {found.bound.auc:.3f}, TPR {found.bound.tpr:.3f} when private"
    )


@pytest.mark.prove
@pytest.mark.parametrize("epsilon", [1.0, 5.0])
def test_the_whole_attack(epsilon: float, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """On the default world it wins on both models without privacy, and the private one stays under its bounds."""
    world = World.synthetic(SyntheticWorld(), max_items=200)
    found = measure_membership(world, planned(tmp_path, epsilon), max_items=200)
    record_property("evidence", _line(found))
    private = found.rows["private"]
    assert found.attack_works
    for name in ("without noise", "als"):
        assert found.rows[name].auc_interval[0] > 0.8
        assert found.rows[name].tpr_interval[0] > 0.1
    assert private.auc_interval[1] < found.bound.auc
    if epsilon == 5.0:  # at 1 the two shares are too small to be told apart
        assert private.tpr_interval[1] < found.bound.tpr
        assert private.auc_interval[0] > 0.5  # it sees what is there, and no more than is allowed


# --- the command ---


def tactful(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command."""
    return exit_code(monkeypatch, "benchmark", "membership", *arguments)


def test_the_command_measures_and_keeps_evidence(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It reads no data of the configuration, prints one object and keeps it for the documents of a run."""
    assert tactful(monkeypatch, "shop.toml", "--shadows", "8", "--people", "60", "--items", "96", "--json") == 0
    told = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert {row["model"] for row in told["rows"]} == {"private", "without noise", "als"}
    assert (told["shadows"], told["targets"], told["k"], told["epsilon"]) == (8, 60, 12, 5.0)
    assert told["world"] == {"kind": "synthetic", **_parameters(SyntheticWorld()), "people": 60, "items": 96}
    events = Planned.of(TrainingConfig.load(config)).plan.events
    facts = MembershipFacts.of_json(evidence.find("membership", events))
    assert isinstance(facts, MembershipFacts)
    assert facts.models["als"].auc == told["rows"][2]["auc"]


def _parameters(world: SyntheticWorld) -> dict[str, object]:
    return {name: getattr(world, name) for name in SyntheticWorld.__slots__}


REFUSED = {
    "nobody says that it is public": ["--interactions", "films.csv"],
    "a size for a table": ["--interactions", "films.csv", "--public-data", "--people", "70"],
    "too few shadows": ["--shadows", "7"],
    "too few people": ["--people", "5"],
    "no such table": ["--interactions", "none.csv", "--public-data"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_command_refuses(
    case: str, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Above all: no model without noise is trained on a table unless somebody says that it is public."""
    write(config.parent / "films.csv")
    monkeypatch.setattr(victims, "_implicit", _never)
    assert tactful(monkeypatch, "shop.toml", *REFUSED[case]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (config.parent / "models").exists()


def _never() -> None:
    raise AssertionError("a model was about to be trained")


def test_a_public_table_is_attacked_when_it_is_said_to_be_one(config: Path) -> None:
    """With `--public-data` the world is the table's."""
    found = benchmark_membership(config, shadows=8, interactions=write(config.parent / "films.csv"), public_data=True)
    assert found.world["name"] == "films.csv"
    assert found.targets == 60


def test_without_implicit_it_says_which_extra(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a model is trained."""
    monkeypatch.setitem(sys.modules, "implicit", None)
    with pytest.raises(MissingExtraError, match=r"tactful\[benchmark\]"):
        measure_membership(world, planned(tmp_path), max_items=12, shadows=8)


def test_private_shadows_have_the_noise_of_a_run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private model draws from the operating system at the plan's noise; the other draws zeros."""
    drawn = []
    draw = SystemNoise.draw
    monkeypatch.setattr(SystemNoise, "draw", lambda self, sigma, size: drawn.append(sigma) or draw(self, sigma, size))
    settled = planned(tmp_path)
    attacked, kept = Victims(world=world, planned=settled).by_name(), np.ones(world.people, dtype=bool)
    shown = Questions.about(world, np.arange(3), np.random.default_rng(0)).shown
    first, again = (attacked["private"](kept, shown, 0) for _ in range(2))
    assert (first != again).any()
    names = ("people", "popularity", "gram")
    assert [d / SCALE for d in drawn] == pytest.approx([settled.plan.event(n).noise_multiplier for n in names] * 2)
    first, again = (attacked["without noise"](kept, shown, 0) for _ in range(2))
    assert (first == again).all()
    assert len(drawn) == 6
