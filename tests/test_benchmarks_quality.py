"""What privacy costs is measured on worlds whose answers are known, the same each time, and on public data alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import scipy.sparse

from cli_calls import exit_code
from tactful import fitting, mitigating
from tactful.benchmarks import private, references
from tactful.benchmarks.plot import Panel, plot_quality
from tactful.benchmarks.private import PRIVATE, default_settings
from tactful.benchmarks.protocol import Scorer, Split, hold_out, judge
from tactful.benchmarks.quality import METHODS, Comparison, Row, benchmark_quality
from tactful.benchmarks.references import REFERENCES
from tactful.benchmarks.served import as_served
from tactful.benchmarks.worlds import World
from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.errors import ConfigError, MissingExtraError, NotFoundError, UsageError
from tactful.personal.contributions import item_popularity
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.noise import SeededNoise
from tactful.released.model import ReleasedModel

KEYS = {"method", "epsilon", "seed", "recall@20", "ndcg@100", "seconds", "people", "items"}
PEOPLE, ITEMS = 240, 60


def checkerboard() -> scipy.sparse.csr_array:
    """Even people use 20 of the 30 even items, odd people of the odd ones: who knows taste finds everything in 20."""
    rng = np.random.default_rng(5)
    rows = np.zeros((PEOPLE, ITEMS), dtype=np.int8)
    for person in range(PEOPLE):
        rows[person, 2 * rng.choice(ITEMS // 2, 20, replace=False) + person % 2] = 1
    return scipy.sparse.csr_array(rows)


def catalogue(**features: list[str]) -> Catalogue:
    """The items, in order."""
    return Catalogue.of_table(pa.table({"item_id": [f"i{item:02d}" for item in range(ITEMS)], **features}))


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """The checkerboard as files: who used what, and the items with a feature."""
    people, items = checkerboard().nonzero()
    log = pa.table({"user_id": [f"p{p:03d}" for p in people], "item_id": [f"i{i:02d}" for i in items]})
    pyarrow.csv.write_csv(log, tmp_path / "pages.csv")
    sold = pa.table({"item_id": catalogue().item_ids.tolist(), "kind": ["even", "odd"] * (ITEMS // 2)})
    pyarrow.csv.write_csv(sold, tmp_path / "items.csv")
    return tmp_path / "pages.csv", tmp_path / "items.csv"


def split() -> Split:
    """One split of the checkerboard."""
    return hold_out(checkerboard(), seed=0, share=0.2)


# --- methods ---


@pytest.mark.parametrize("name", [name for name in PRIVATE if name != "popularity"])
def test_a_private_method_that_may_spend_much_finds_the_taste(name: str) -> None:
    """At ε = 30 on the checkerboard each private method finds every hidden item; popularity cannot."""
    cut = split()
    world = World.of(cut.training, catalogue(), max_items=200)
    model = PRIVATE[name](world, PrivacyBudget(epsilon=30.0, delta=1e-6), SeededNoise(0))
    assert judge(lambda shown: as_served(model, shown), cut).recall == 1.0
    assert judge(REFERENCES["popularity"](cut, 0), cut).recall < 0.75


@pytest.mark.parametrize("name", ["als", "ease", "bpr"])
def test_a_reference_finds_the_taste(name: str) -> None:
    """So do the references without privacy."""
    cut = split()
    assert judge(REFERENCES[name](cut, 0), cut).recall > 0.99


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_a_reference_is_not_tuned_on_people_held_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the histories of people held out taken away, hidden items and all, the reference is the same."""
    monkeypatch.setattr(references, "_EPOCHS", 3)
    cut = split()
    nobody = replace(cut, shown=0 * cut.shown, hidden=0 * cut.hidden)
    one, two = (REFERENCES[name](given, 0)(cut.shown) for given in (cut, nobody))
    assert (one == two).all()


def test_ease_is_ridge_regression_with_nothing_of_an_item_itself() -> None:
    """Each column of the weights solves its own regression on the other items (Steck 2019, equation 4)."""
    rows, penalty = split().training, 7.0
    dense, unit = rows.toarray().astype(float), scipy.sparse.csr_array(np.eye(ITEMS, dtype=np.int8))
    weights = references._ease(rows, penalty, ITEMS)(unit)
    for item in (0, 13, 59):
        others = np.delete(dense, item, axis=1)
        solved = np.linalg.solve(others.T @ others + penalty * np.eye(ITEMS - 1), others.T @ dense[:, item])
        assert np.delete(weights[:, item], item) == pytest.approx(solved)
        assert weights[item, item] == 0


def test_ease_puts_what_it_does_not_link_last() -> None:
    """Beyond the widest head items follow by use."""
    rows = split().training
    counts = np.bincount(rows.indices, minlength=ITEMS)
    scores = references._ease(rows, 7.0, 10)(split().shown)
    linked = np.argsort(-counts, kind="stable")[:10]
    rest = np.setdiff1d(np.arange(ITEMS), linked)
    assert scores[:, linked].min() > scores[:, rest].max()
    assert (np.argsort(-scores[0, rest], kind="stable") == np.argsort(-counts[rest], kind="stable")).all()


def test_the_best_setting_is_chosen_and_of_equals_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    recalls = {1: 0.2, 2: 0.6, 3: 0.6, 4: 0.1}
    monkeypatch.setattr(references, "judge", lambda scorer, _: Row(recall=scorer, ndcg=0.0, **_row()))
    assert references._chosen(recalls, recalls.get, split()) == 2


def test_a_model_that_ignores_histories_has_the_recall_of_popularity() -> None:
    """Exact counts served as a model without taste, and the reference, are one list."""
    cut = split()
    counts = np.bincount(cut.training.indices, minlength=ITEMS).astype(float)
    none = np.zeros((0, 0))
    model = ReleasedModel(
        popularity=counts, base=counts, head=np.zeros(0, dtype=int), encoder=none, decoder=none, noise="reproducible"
    )
    reference = REFERENCES["popularity"](cut, 0)
    assert judge(lambda shown: as_served(model, shown), cut) == judge(reference, cut)
    constant: Scorer = lambda shown: np.tile(np.arange(ITEMS)[::-1].astype(float), (shown.shape[0], 1))  # noqa: E731
    assert judge(constant, cut).recall != judge(reference, cut).recall


# --- what a private method is ---


def test_tactful_is_what_a_training_run_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The method, the run and the attack on it call one function with one plan."""
    assert private.fit_released is mitigating.fit_released is fitting.fit_released
    text = {
        "model": {"name": "shop", "intended_use": "A test."},
        "data": dict.fromkeys(("interactions", "items", "consents"), "x.csv"),
        "policy": {"retention_days": 1},
        "privacy": {"epsilon": 2.0},
        "budget": {"epsilon": 9.0},
    }
    asked: list[Planned] = []

    def fit(door: object, bounded: object, planned: Planned, *rest: object, **named: object) -> object:
        asked.append(planned)
        return fitting.fit_released(door, bounded, planned, *rest, **named)

    monkeypatch.setattr(private, "fit_released", fit)
    world = World.of(split().training, catalogue(), max_items=200)
    PRIVATE["tactful"](world, PrivacyBudget(epsilon=2.0, delta=1e-6), SeededNoise(0))
    assert asked == [Planned.of(TrainingConfig.model_validate(text))]


def test_only_the_method_without_features_gets_none(tables: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue that a method's people come with has the columns of --items, or for one method none."""
    seen: dict[str, list[str]] = {}

    def spy(name: str) -> Callable[..., ReleasedModel]:
        def method(world: World, *rest: object) -> ReleasedModel:
            seen[name] = list(world.everybody.catalogue.features)
            return private.popular(world, *rest)

        return method

    monkeypatch.setattr("tactful.benchmarks.quality.PRIVATE", {name: spy(name) for name in PRIVATE})
    log, items = tables
    benchmark_quality(log, items=items, epsilons=[1.0], seeds=1, public_data=True, methods=PRIVATE)
    assert seen.pop("tactful-no-features") == []
    assert set(map(tuple, seen.values())) == {("kind",)}


def test_each_copy_of_a_person_is_a_person() -> None:
    """Three copies add three times as much; where the bound chooses, copies need not choose alike."""
    rows, sold = checkerboard(), catalogue()
    one, three = (World.of(rows, sold, max_items=200, copies=copies) for copies in (1, 3))
    assert (one.people, three.people) == (PEOPLE, 3 * PEOPLE)
    assert (item_popularity(three.everybody) == 3 * item_popularity(one.everybody)).all()
    bounded = World.of(rows, sold, max_items=4, copies=3).everybody.user_items
    assert (np.diff(bounded.indptr) == 4).all()
    assert len(np.unique(bounded.toarray(), axis=0)) > 1.5 * PEOPLE


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 1e-6), (31.0, 1e-6), (1.0, 0.0), (1.0, 1.0)])
def test_a_budget_that_no_run_may_have_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(UsageError):
        default_settings(PrivacyBudget(epsilon=epsilon, delta=delta))


def test_the_budget_is_the_error_not_the_benchmark() -> None:
    with pytest.raises(ConfigError, match="at most 30"):
        default_settings(PrivacyBudget(epsilon=31.0, delta=1e-6))


# --- the whole benchmark ---


def test_the_same_seed_gives_the_same_rows(tables: tuple[Path, Path]) -> None:
    """All but the seconds is the same again; seeds differ in people and noise; keys are those of the contract."""
    one, two = (
        benchmark_quality(tables[0], epsilons=[2.0], seeds=2, public_data=True, methods=["tactful", "popularity"])
        for _ in range(2)
    )
    assert [replace(row, seconds=0.0) for row in one.rows] == [replace(row, seconds=0.0) for row in two.rows]
    assert [(row.method, row.epsilon, row.seed) for row in one.rows] == [
        (method, epsilon, seed)
        for seed in (0, 1)
        for method, epsilon in (("popularity", 2.0), ("tactful", 2.0), ("popularity", None))
    ]
    assert len({row.ndcg for row in one.rows if row.method == "tactful"}) == 2
    assert {row.people for row in one.rows} == {PEOPLE - PEOPLE // 5}
    assert all(set(row) == KEYS for row in one.as_json()["rows"])
    assert Comparison(rows=tuple(Row.of_json(row) for row in one.as_json()["rows"])).rows == one.rows


def test_the_noise_is_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one split another seed of the noise makes another model, the same seed the same."""
    world = World.of(split().training, catalogue(), max_items=200)
    budget = PrivacyBudget(epsilon=2.0, delta=1e-6)
    one, again, other = (PRIVATE["tactful"](world, budget, SeededNoise(seed)) for seed in (0, 0, 1))
    assert (one.popularity == again.popularity).all()
    assert (one.popularity != other.popularity).all()
    assert (PRIVATE["popularity"](world, budget, SeededNoise(0)).popularity == one.popularity).all()


def test_the_command_prints_the_rows_and_a_table(
    tables: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object on standard output, with every method; for people, a line a method with its share of the gain."""
    monkeypatch.setattr(references, "_EPOCHS", 3)
    log, items = map(str, tables)
    options = ["--epsilon", "1", "--epsilon", "8", "--seeds", "1", "--repeat-training", "2", "--public-data", "--json"]
    assert tactful(monkeypatch, "quality", "--interactions", log, "--items", items, *options) == 0
    told = capsys.readouterr()
    (line,) = told.out.strip().splitlines()
    rows = json.loads(line)["rows"]
    assert all(set(row) == KEYS for row in rows)
    assert {row["method"] for row in rows} == set(METHODS) >= {"popularity", "tactful", "tactful-no-features", "als"}
    assert {(row["method"], row["epsilon"]) for row in rows} == {
        *((method, epsilon) for method in PRIVATE for epsilon in (1.0, 8.0)),
        *((method, None) for method in REFERENCES),
    }
    assert {row["people"] for row in rows} == {2 * (PEOPLE - PEOPLE // 5)}
    assert "of the gain" in told.err
    assert "ease" in told.err


def tactful(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command."""
    return exit_code(monkeypatch, "benchmark", *arguments)


def test_without_public_data_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and what to do, before the file is looked for."""
    missing = str(tmp_path / "none.csv")
    assert tactful(monkeypatch, "quality", "--interactions", missing, "--epsilon", "1") == 2
    assert "Add --public-data" in capsys.readouterr().err
    with pytest.raises(NotFoundError):
        benchmark_quality(missing, epsilons=[1.0], public_data=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilons": []}, "some epsilon"),
        ({"seeds": 0}, "at least one seed"),
        ({"repeat_training": 0}, "at least once"),
        ({"methods": ["svd"]}, "svd"),
        ({"methods": []}, "none"),
        ({"epsilons": [31.0]}, "at most 30"),
        ({"epsilons": [-1.0]}, "epsilon"),
        ({"holdout": 0.0}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(tables: tuple[Path, Path], wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        benchmark_quality(tables[0], **{"epsilons": [1.0], "public_data": True, **wrong})


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_without_implicit_it_says_which_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit", None)
    with pytest.raises(MissingExtraError, match=r"tactful\[benchmark\]"):
        REFERENCES[name](split(), 0)


# --- the table and the picture ---


def _row(**changed: object) -> dict[str, object]:
    """The values of a row that nobody looks at."""
    return {"method": "m", "epsilon": None, "seed": 0, "seconds": 1.0, "people": 1, "items": 1, **changed}


def comparison(**recalls: float) -> Comparison:
    """Rows by method and ε, written ``method_epsilon``, two seeds 0.02 apart."""
    rows = []
    for name, recall in recalls.items():
        method, _, epsilon = name.partition("_")
        at = float(epsilon) if epsilon else None
        rows += [Row(**_row(method=method, epsilon=at, seed=s), recall=recall + 0.02 * s, ndcg=0.1) for s in (0, 1)]
    return Comparison(rows=tuple(rows))


def test_the_gain_goes_from_popularity_to_the_best_without_privacy() -> None:
    """Means over seeds: 0 for popularity, 1 for the best reference, which need not be the last."""
    found = comparison(popularity=0.2, tactful_1=0.3, tactful_8=0.35, ease=0.4, als=0.3).summaries()
    gains = {(line.method, line.epsilon): line.gain for line in found}
    assert gains == pytest.approx(
        {
            ("popularity", None): 0.0,
            ("tactful", 1.0): 0.5,
            ("tactful", 8.0): 0.75,
            ("ease", None): 1.0,
            ("als", None): 0.5,
        }
    )
    assert found[1].recall == pytest.approx(0.31)


@pytest.mark.parametrize("rows", [{"tactful_1": 0.3, "ease": 0.4}, {"popularity": 0.2, "tactful_1": 0.3}])
def test_without_both_ends_there_is_no_gain(rows: dict[str, float]) -> None:
    assert {line.gain for line in comparison(**rows).summaries()} == {None}


def results(folder: Path, name: str, **recalls: float) -> Path:
    """A file of results."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(comparison(**recalls).as_json()) + "\n")
    return path


def test_the_picture_has_a_panel_a_file_and_is_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Titles are the files' names; every method is in the legend but a reference that popularity beats."""
    many = {"popularity": 0.2, "tactful_0.5": 0.3, "tactful_8": 0.35, "dpals_8": 0.3, "ease": 0.4, "bpr": 0.1}
    files = [results(tmp_path, "films", **many), results(tmp_path, "pages", popularity=0.1, tactful_1=0.2)]
    drawn = [tmp_path / "one.svg", tmp_path / "folder" / "two.svg"]
    for out in drawn:
        assert tactful(monkeypatch, "plot", *map(str, files), "--out", str(out)) == 0
    assert "wrote " in capsys.readouterr().out
    text = drawn[0].read_text()
    assert text == drawn[1].read_text()
    for words in ("films", "pages", "tactful", "dpals", "ease, without privacy", "popularity", ">0.5<", ">8<"):
        assert words in text
    assert "bpr" not in text


def test_features_that_change_nothing_are_no_curve(tmp_path: Path) -> None:
    """Without features two methods are one, and one curve."""
    same = Panel.read(results(tmp_path, "same", **{"popularity": 0.1, "tactful_1": 0.2, "tactful-no-features_1": 0.2}))
    differ = replace(same, comparison=comparison(**{"tactful_1": 0.2, "tactful-no-features_1": 0.19}))
    from tactful.benchmarks.plot import _curves

    assert list(_curves(same.comparison)) == ["tactful"]
    assert list(_curves(differ.comparison)) == ["tactful", "tactful-no-features"]


def test_what_is_no_result_is_not_drawn(tmp_path: Path) -> None:
    """A missing file, another file, no file, and a picture of another kind."""
    (tmp_path / "other.json").write_text('{"rows": [{"method": "tactful"}]}')
    good = results(tmp_path, "good", popularity=0.2, tactful_1=0.3)
    with pytest.raises(NotFoundError):
        plot_quality([tmp_path / "none.json"], tmp_path / "a.svg")
    with pytest.raises(UsageError, match="something else"):
        plot_quality([tmp_path / "other.json"], tmp_path / "a.svg")
    for files, out in (([], "a.svg"), ([good], "a.png")):
        with pytest.raises(UsageError, match="svg"):
            plot_quality(files, tmp_path / out)
    assert not list(tmp_path.glob("a.*"))


def test_without_matplotlib_it_says_which_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"tactful\[benchmark\]"):
        plot_quality([results(tmp_path, "good", popularity=0.2, tactful_1=0.3)], tmp_path / "a.svg")
