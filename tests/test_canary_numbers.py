"""Law 6 for numbers: what is exact about people is known, everything is searched, and none of it is found outside.

A number that leaks does not depend on the noise, so it is found in every run; a released number that happens to equal
an exact one is not. And it depends on the people, so it does not stand in a run about others; a size or a setting does.
What is found in two runs that differ in their noise alone, and at that place in no run about others, has leaked.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tactful.training
from repository_numbers import Secrets, found, outside, tokens
from repository_search import hexadecimals, written
from repository_world import World, write_world
from tactful.assurance import submission
from tactful.personal.bounding import BoundedInteractions
from tactful.personal.contributions import SCALE
from tactful.privacy.release import PrivateRelease
from tactful.training import TrainingOutcome, train

SEED = "reproducible_seed = 11"


@dataclass
class Exact:
    """What a run knew and may not tell, seen at the door of the release."""

    vectors: dict[str, np.ndarray] = field(default_factory=dict)
    rows: list[BoundedInteractions] = field(default_factory=list)
    metrics: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Everything that is handed to `PrivateRelease` from now on is kept here."""
        release, popularity, evaluation = PrivateRelease._release, PrivateRelease.popularity, PrivateRelease.evaluation

        def _release(door: PrivateRelease, name: str, statistic: Any) -> Any:
            self.vectors[name] = statistic()
            return release(door, name, statistic)

        def _popularity(door: PrivateRelease, bounded: BoundedInteractions) -> Any:
            self.rows = [bounded]
            return popularity(door, bounded)

        def _evaluation(door: PrivateRelease, metrics: Mapping[str, Any], groups: Mapping[str, Any], *rest: Any) -> Any:
            self.metrics, self.groups = dict(metrics), dict(groups)
            return evaluation(door, metrics, groups, *rest)

        patch.setattr(PrivateRelease, "_release", _release)
        patch.setattr(PrivateRelease, "popularity", _popularity)
        patch.setattr(PrivateRelease, "evaluation", _evaluation)

    def figures(self, outcome: TrainingOutcome) -> dict[str, float]:
        """Counts of rows, of people by outcome, part and group, of people by item and pair, and exact metrics."""
        assert outcome.counts is not None
        counts, consent = outcome.counts, self.vectors["consent"] // SCALE
        told: dict[str, float] = {"rows read": counts.read, "rows admitted": counts.admitted}
        told |= {f"rows {reason}": n for reason, n in counts.excluded.items()}
        told |= {f"people, cell {i} of consent": n for i, n in enumerate(consent.tolist())}
        told |= {f"people, outcome {i}": n for i, n in enumerate((consent[0::2] + consent[1::2]).tolist())}
        told |= {"people": int(consent.sum()), "training people": int(self.vectors["people"][0]) // SCALE}
        matrix = self.rows[0].user_items.astype(np.int64)
        told |= {"bounded rows": matrix.nnz}
        told |= {f"people of item {i}": n for i, n in enumerate(np.asarray(matrix.sum(axis=0)).ravel().tolist())}
        together = np.triu((matrix.T @ matrix).toarray(), 1)
        told |= {f"people of pair {p}": int(together.flat[p]) for p in np.argsort(-together, axis=None)[:10].tolist()}
        told |= {
            "evaluation people": len(self.metrics["people"]),
            "evaluated people": int(self.metrics["people"].sum()),
        }
        for attribute, codes in self.groups.items():
            for code in np.unique(codes).tolist():
                told[f"people of {attribute} {code}"] = int((codes == code).sum())
        return {name: n for name, n in (told | self._metrics()).items() if n != int(n) or n >= 100}

    def _metrics(self) -> dict[str, float]:
        """Means and sums over everybody and over each group."""
        members = {"everybody": slice(None)} | {
            f"{a} {code}": codes == code for a, codes in self.groups.items() for code in np.unique(codes).tolist()
        }
        of_measured = {m: np.where(self.metrics["people"] > 0, v, np.nan) for m, v in self.metrics.items()}
        chosen = {f"{m} of {who}": v[rows] for m, v in of_measured.items() for who, rows in members.items()}
        chosen = {name: values[~np.isnan(values)] for name, values in chosen.items()}
        chosen = {name: values for name, values in chosen.items() if len(values)}
        means = {f"mean {name}": float(values.mean()) for name, values in chosen.items()}
        return means | {f"sum {name}": float(values.sum()) for name, values in chosen.items()}

    def secrets(self, outcome: TrainingOutcome) -> Secrets:
        """All of it, and the entries of every released vector in both units."""
        entries = np.concatenate(list(self.vectors.values()))
        large = entries[np.abs(entries) >= 1000].astype(float)
        sums = sorted({*large.tolist(), *(large[large % SCALE != 0] / SCALE).tolist()})
        return Secrets(figures=self.figures(outcome), sums=tuple(sums))


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run: where it wrote, and what was exact in it."""

    outside: Path
    outcome: TrainingOutcome
    exact: Exact

    @property
    def secrets(self) -> Secrets:
        """What may not be found."""
        return self.exact.secrets(self.outcome)

    def leaks(self, secrets: Secrets | None = None) -> set[tuple[str, str]]:
        """Which secrets stand where."""
        return found(outside(self.outside), secrets or self.secrets)


def run(world: World, template: Path, seed: int, patch: pytest.MonkeyPatch) -> Ran:
    """The world trained on with one seed of the noise, in stores of its own."""
    folder = world.folder / f"seed {seed}"
    folder.mkdir()
    shutil.copy(template / "mlflow.db", folder)
    config = folder / "config.toml"
    config.write_text(world.config.read_text().replace(SEED, f"reproducible_seed = {seed}"))
    patch.setenv("TACTFUL_RECORDS", f"sqlite:///{world.folder}/records-{seed}.db")
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    exact = Exact()
    with pytest.MonkeyPatch.context() as watched:
        exact.watch(watched)
        return Ran(outside=folder, outcome=train(config), exact=exact)


def people(folder: Path, number: int) -> World:
    """So many people, whose counts have three and more digits."""
    privacy = {"epsilon": 1.0, "minimum_people": 400, "public_data": True, "reproducible_seed": 11}
    return write_world(folder, model="numbers", people=number, user_id=lambda n: f"u{n}", privacy=privacy)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The people whose numbers are looked for."""
    world = people(tmp_path_factory.mktemp("numbers"), 4001)
    with world.entered():
        yield world


@pytest.fixture(scope="module")
def template(_template: Path) -> Path:
    """A folder with an empty MLflow store."""
    return _template


@pytest.fixture(scope="module")
def honest(world: World, template: Path) -> tuple[Ran, Ran]:
    """Two runs that differ in their noise alone."""
    with pytest.MonkeyPatch.context() as patch:
        return run(world, template, 11, patch), run(world, template, 12, patch)


@pytest.fixture(scope="module")
def others(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run about other people, by the same settings."""
    world = people(tmp_path_factory.mktemp("others"), 1999)
    with pytest.MonkeyPatch.context() as patch, world.entered():
        return run(world, template, 11, patch)


def test_the_runs_know_the_same_and_tell_different_numbers(honest: tuple[Ran, Ran]) -> None:
    """What is exact before a model is fitted is the same in both; what was released is not."""
    one, other = honest
    assert one.outcome.status == other.outcome.status == "candidate"
    assert {**one.exact.vectors, "gram": 0, "evaluation": 0}.keys() == {**other.exact.vectors}.keys()
    for name in ("consent", "people", "popularity"):
        assert one.exact.vectors[name].tolist() == other.exact.vectors[name].tolist()
    assert one.outcome.metrics != other.outcome.metrics
    assert len(one.secrets.figures) > 100
    assert len(one.secrets.sums) > 100


def test_no_exact_number_stands_outside(honest: tuple[Ran, Ran], others: Ran) -> None:
    """No cell of MLflow's tables, no text, no array entry is an exact count, sum or metric, nor a rounded metric."""
    assert leaked(honest, others) == set()


def leaked(runs: tuple[Ran, Ran], others: Ran) -> set[tuple[str, str]]:
    """What stands in the same places of both runs, and not there in the run about others.

    Exact metrics depend on the model, hence on the noise, so that each run is searched for its own by name.
    """
    found_in = [{(name, place_kind(place)) for name, place in ran.leaks()} for ran in runs]
    usual = {(name, place_kind(place)) for name, place in others.leaks(runs[0].secrets)}
    return (found_in[0] & found_in[1]) - usual


def test_a_number_that_stands_in_both_runs_has_leaked(honest: tuple[Ran, Ran], others: Ran, tmp_path: Path) -> None:
    """Told in both it is a leak; told in one it could be chance, which two runs tell apart."""
    copies = tuple(
        replace(ran, outside=Path(shutil.copytree(ran.outside, tmp_path / f"{i}"))) for i, ran in enumerate(honest)
    )
    secrets = honest[0].secrets.figures
    for ran in copies:
        (ran.outside / "note.md").write_text(f"{secrets['rows admitted']:,} rows; item: {secrets['people of item 0']}")
    (copies[0].outside / "chance.md").write_text(f"about {secrets['rows read']}")
    assert leaked((copies[0], copies[1]), others) == {
        (name, "bytes of note.md") for name in ("rows admitted", "people of item 0")
    }


def place_kind(place: str) -> str:
    """A place without the ids that MLflow makes up for each run."""
    kind, _, path = place.partition(" of ")
    return f"{kind} of {Path(path).name}" if path else place


def test_a_run_that_tells_is_found(world: World, template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run patched to log its admitted rows, its exact recall and the exact size of a group is caught at each."""
    honest_params, honest_card, register = submission._params, submission.model_card, tactful.training._Run._register
    known: dict[str, Any] = {}

    def _register(self: Any, summary: Any, *rest: Any) -> Any:
        known["rows"] = self.counts.admitted
        exact = known["exact"]
        recall = float(exact.metrics["recall@10"][exact.metrics["people"] > 0].mean())
        return register(self, replace(summary, metrics={**summary.metrics, "recall@10": recall}), *rest)

    def _params(summary: Any) -> Any:
        return {**honest_params(summary), "rows": known["rows"]}

    def _card(*arguments: Any, **named: Any) -> str:
        old = int((known["exact"].groups["age"] == 1).sum())
        return honest_card(*arguments, **named) + f"\nOf them {old:,} are old.\n"

    watch = Exact.watch

    def _watch(self: Exact, patch: pytest.MonkeyPatch) -> None:
        known["exact"] = self
        watch(self, patch)

    monkeypatch.setattr(Exact, "watch", _watch)
    monkeypatch.setattr(tactful.training._Run, "_register", _register)
    monkeypatch.setattr(submission, "_params", _params)
    monkeypatch.setattr(submission, "model_card", _card)
    leaky = run(world, template, 13, monkeypatch)
    leaks = leaky.leaks()
    assert ("rows admitted", "mlflow.db, table params") in leaks
    assert ("mean recall@10 of everybody", "mlflow.db, table metrics") in leaks
    assert {place.rpartition("/")[2] for name, place in leaks if name == "mean recall@10 of everybody"} >= {
        "privacy_statement.yaml"
    }
    assert any(name == "people of age 1" and place.endswith("model_card.md") for name, place in leaks)


def test_a_sum_in_an_array_is_found(honest: tuple[Ran, Ran], tmp_path: Path) -> None:
    """An un-noised popularity in an artifact, in single precision, is found entry by entry; a noisy one is not."""
    exact = honest[0].exact.vectors["popularity"] / SCALE
    np.save(tmp_path / "popularity.npy", exact.astype(np.float32))
    (tmp_path / "notes.json").write_text(f'{{"first": {exact[0]!r}}}')
    leaks = found(outside(tmp_path), honest[0].secrets)
    assert len({name for name, place in leaks if place == "entries of popularity.npy"}) == len(exact)
    assert (f"sum {float(exact[0])!r}", "bytes of notes.json") in leaks


def test_no_digest_of_a_table_stands_outside(honest: tuple[Ran, Ran], world: World, tmp_path: Path) -> None:
    """Neither of its bytes nor of its sorted lines, by no usual hash; one that is logged is found."""
    contents = [path.read_bytes() for path in world.personal_files]
    contents += [b"\n".join(sorted(content.splitlines())) for content in contents]
    wanted = {kind(c).hexdigest() for c in contents for kind in (hashlib.md5, hashlib.sha1, hashlib.sha256)}
    for ran in honest:
        assert hexadecimals(written(ran.outside), wanted) == []
    (tmp_path / "dataset.json").write_text(hashlib.sha256(contents[0]).hexdigest())
    assert hexadecimals(written(tmp_path), wanted) == ["bytes of dataset.json"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4,076 rows", 4076.0),
        ("n=4076.", 4076.0),
        ('{"n": 4076.0}', 4076.0),
        ("<td>4\u202f076</td>", 4076.0),
        ("0.21341", 0.2134096),
        ("mean 2.134096e-01", 0.2134096),
    ],
)
def test_a_number_is_found_however_it_is_written(text: str, value: float) -> None:
    """Grouped, as a float, with an exponent, or rounded to four digits or more."""
    assert found([("here", text)], Secrets(figures={"it": value}, sums=())) == {("it", "here")}


@pytest.mark.parametrize(
    "text", ["40760", "4076.5", "f4076", "1,4076", "0.2135", "0.21", "4.076", "14,076", "4,076,000"]
)
def test_another_number_is_left_alone(text: str) -> None:
    """Digits in another number, or fewer than four of them, are not the secret."""
    assert found([("here", text)], Secrets(figures={"count": 4076.0, "mean": 0.2134096}, sums=())) == set()


def test_tokens_leave_ids_alone() -> None:
    """Hexadecimal words and MLflow's ids hold digits, not numbers."""
    assert list(tokens("m-4076abc 9b2f 123e4567-e89b-4076-a456-426614174000 7")) == ["7"]
    assert math.isclose(float(next(tokens("1e3"))), 1000)
