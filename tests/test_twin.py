"""A twin keeps what the model knows: popularity and what goes together. It reads nothing else and says it is nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import tactful.cli.twins  # noqa: F401  (adds the command)
import twin_models
from privacy_worlds import CERTAIN
from tactful.benchmarks.protocol import hold_out, judge
from tactful.benchmarks.public import PublicData
from tactful.benchmarks.quality import benchmark_quality
from tactful.benchmarks.references import ease, popularity
from tactful.cli.application import app
from tactful.config import TrainingConfig
from tactful.datasets.twin import twin
from tactful.datasets.twin_tables import MARK
from tactful.errors import ModelRefusedError, UsageError
from tactful.scoring.address import whole_address
from tactful.training import train

PEOPLE = 3000


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of a model with taste."""
    folder = tmp_path_factory.mktemp("twin")
    found = twin(
        twin_models.write(folder / "model"), people=PEOPLE, out=folder / "twin", history_length=twin_models.LENGTH
    )
    assert found.sharpness >= 1
    return found.folder


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of the same popularity, whose people all have the same taste."""
    folder = tmp_path_factory.mktemp("alike")
    model = twin_models.write(folder / "model", released=twin_models.without_taste())
    found = twin(model, people=PEOPLE, out=folder / "twin", history_length=twin_models.LENGTH)
    assert found.sharpness == 0
    return found.folder


def used(folder: Path) -> NDArray[np.int64]:
    """Who used what, people by items of the catalogue."""
    data = PublicData.read(folder / "interactions.parquet", folder / "items.parquet")
    return data.user_items.toarray().astype(np.int64)


def rows(folder: Path, name: str = "interactions") -> list[dict[str, Any]]:
    """A table of the twin."""
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def test_items_are_as_popular_as_was_released(drawn: Path) -> None:
    """Over items, the twin's use correlates with the released popularity at 0.97 or more."""
    counts = used(drawn).sum(axis=0)
    assert np.corrcoef(counts, twin_models.model().popularity)[0, 1] > 0.97


def together(folder: Path) -> float:
    """Standard errors by which the 200 pairs that the model links most are used together above independent draws.

    Someone with l items is expected to have l(l − 1)·q_i·q_j of a pair, q the shares of popularity.
    """
    found, model = used(folder), twin_models.model()
    links = model.encoder @ model.decoder.T
    shares = found.sum(axis=0)[model.head] / found.sum()
    expected = np.outer(shares, shares)
    enough = expected * (found.sum(axis=1) ** 2).sum() > 5
    lifts = np.where(enough, (links + links.T) / np.maximum(expected, 1e-12), -np.inf)
    first, second = np.triu_indices(len(model.head), 1)
    best = np.argsort(-lifts[first, second])[:200]
    mine = found[:, model.head]
    pairs = (mine[:, first[best]] * mine[:, second[best]]).sum(axis=1)
    lengths = found.sum(axis=1)
    surplus = pairs - lengths * (lengths - 1) * expected[first[best], second[best]].sum()
    return float(surplus.mean() / (surplus.std() / np.sqrt(len(surplus))))


def test_what_the_model_links_goes_together(drawn: Path, alike: Path) -> None:
    """Pairs that the model links are used together above chance with p < 1e-12; without taste they are not."""
    from scipy.stats import norm

    assert norm.sf(together(drawn)) < CERTAIN
    assert together(alike) < 7


def test_personal_lists_are_worth_something_on_a_twin(drawn: Path, alike: Path) -> None:
    """EASE on the twin beats popularity by a tenth at least; on people who are all alike it gains nothing."""

    def gain(folder: Path) -> float:
        split = hold_out(PublicData.read(folder / "interactions.parquet").user_items, seed=0, share=0.2)
        return judge(ease(split, 0), split).recall / judge(popularity(split, 0), split).recall - 1

    assert gain(drawn) > 0.1
    assert gain(alike) < 0.05


def test_a_benchmark_runs_on_a_twin(drawn: Path) -> None:
    """The private method gains over popularity there too, at an epsilon that is nobody's."""
    found = benchmark_quality(
        drawn / "interactions.parquet",
        epsilons=[20.0],
        seeds=1,
        methods=["popularity", "tactful"],
        public_data=True,
    )
    recall = {row.method: row.recall for row in found.rows if row.epsilon is not None}
    assert recall["tactful"] > recall["popularity"]


def test_nothing_but_the_artifact_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing else in the world than the model's folder a twin is drawn, the same for the same seed."""
    monkeypatch.chdir(tmp_path)
    for name in ("TACTFUL_RECORDS", "TACTFUL_SECRET_FILE", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "sqlite:////nowhere/at/all.db")
    model = twin_models.write(tmp_path / "model")
    made = [
        twin(model, people=60, out=tmp_path / name, seed=seed, history_length=3.0)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    tables = [pyarrow.parquet.read_table(found.folder / "interactions.parquet") for found in made]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


def test_histories_are_as_long_as_asked_and_hold_nothing_twice(drawn: Path) -> None:
    """Everybody has an item, none twice, in the order of their times, in the last ninety days and after consent."""
    found = rows(drawn)
    pairs = {(row["user_id"], row["item_id"]) for row in found}
    assert len(pairs) == len(found)
    assert len({row["user_id"] for row in found}) == PEOPLE
    assert len(found) / PEOPLE == pytest.approx(twin_models.LENGTH, rel=0.08)
    assert max(row["event_time"] for row in rows(drawn, "consents")) < min(row["timestamp"] for row in found)


def test_a_twin_says_that_it_is_nobody(drawn: Path) -> None:
    """Each Parquet file in its metadata, each id, the folder's README and the configuration."""
    for name in ("interactions", "items", "consents"):
        metadata = pyarrow.parquet.read_schema(drawn / f"{name}.parquet").metadata
        assert metadata[MARK].startswith(b"nobody")
    assert all(row["user_id"].startswith("twin-") for row in rows(drawn))
    assert "**Nobody.**" in (drawn / "README.md").read_text(encoding="utf-8")
    assert TrainingConfig.load(drawn / "twin.toml").privacy.public_data


def test_sensitive_items_stay_sensitive(drawn: Path) -> None:
    """The policy names each category, its items carry it, and everybody opted into it."""
    settings = TrainingConfig.load(drawn / "twin.toml")
    column = {row["item_id"]: row["sensitive_categories"] for row in rows(drawn, "items")}
    assert set(settings.policy.sensitive) == {"family", "health"}
    assert (column["item 003"], column["item 004"], column["item 005"]) == ("health", "family|health", None)
    purposes = {row["purpose"] for row in rows(drawn, "consents")}
    assert purposes == {"personalization.training", *(f"personalization.sensitive.{c}" for c in ("family", "health"))}


def test_a_run_trains_on_a_twin_with_books_of_its_own(workspace: Path, drawn: Path) -> None:
    """The configuration beside the tables trains as it is, and everybody's rows are admitted."""
    found = train(drawn / "twin.toml")
    assert found.status == "candidate"
    assert found.counts is not None
    assert found.counts.admitted == found.counts.read == len(rows(drawn))
    assert (workspace / "records.db").exists()


def test_the_catalogue_brings_its_features(tmp_path: Path) -> None:
    """With the public catalogue a twin's items have its columns; one that lacks an item is refused."""
    model = twin_models.write(tmp_path / "model")
    ids = twin_models.catalogue().item_ids.tolist()
    kinds = pyarrow.table({"item_id": ids[::-1], "kind": [f"k{n % 3}" for n in range(len(ids))]})
    pyarrow.parquet.write_table(kinds, tmp_path / "items.parquet")
    pyarrow.parquet.write_table(kinds[5:], tmp_path / "few.parquet")
    found = twin(model, people=30, out=tmp_path / "twin", history_length=3.0, items=tmp_path / "items.parquet")
    first = rows(found.folder, "items")[0]
    assert (first["item_id"], first["kind"]) == (ids[0], f"k{(len(ids) - 1) % 3}")
    with pytest.raises(UsageError, match="lacks 5"):
        twin(model, people=30, out=tmp_path / "other", history_length=3.0, items=tmp_path / "few.parquet")


@pytest.mark.parametrize("wrong", [{"people": 0}, {"history_length": 0.0}, {"history_length": 80.0}])
def test_numbers_without_sense_are_usage_errors(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        twin(twin_models.write(tmp_path / "model"), **{"people": 30, "out": tmp_path / "twin"} | wrong)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """A twin never overwrites tables, which may be of people."""
    (tmp_path / "interactions.parquet").write_bytes(b"somebody's")
    with pytest.raises(UsageError, match="empty folder"):
        twin(twin_models.write(tmp_path / "model"), people=30, out=tmp_path)
    assert (tmp_path / "interactions.parquet").read_bytes() == b"somebody's"


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    """A twin is drawn from what the manifest promises, or not at all."""
    model = twin_models.write(tmp_path / "model")
    blob = bytearray((model / "decoder.npy").read_bytes())
    blob[-1] ^= 1
    (model / "decoder.npy").write_bytes(bytes(blob))
    with pytest.raises(ModelRefusedError):
        twin(model, people=30, out=tmp_path / "twin")


def test_a_model_is_named_as_elsewhere() -> None:
    """A name is its champion, a name with a version that version; addresses stay."""
    assert whole_address("grocery") == "models:/grocery@champion"
    assert whole_address("grocery@3") == "models:/grocery/3"
    assert whole_address("models:/grocery/3") == "models:/grocery/3"


def test_the_command_prints_one_object(tmp_path: Path) -> None:
    """The last line of standard output is the JSON, which says that the twin is synthetic."""
    model = twin_models.write(tmp_path / "model")
    asked = ["twin", str(model), "--people", "50", "--out", str(tmp_path / "twin"), "--history-length", "6", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert (found["people"], found["items"], found["synthetic"]) == (50, twin_models.ITEMS, True)
    assert "nobody of them exists" in done.stderr
