"""Whatever happens to its files, a model is refused in words, or answers as it did before. Nothing else happens."""

from __future__ import annotations

import hashlib
import json
import shutil
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_mutations import BYTES, damage, forge, odd_arrays, odd_meta, saved_model
from scoring_world import NOW, approve, checkerboard, meta, publish
from tactful.errors import ModelRefusedError, NotFoundError
from tactful.scoring import Recommender, recommender
from tactful.scoring.artifact import read_artifact
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import SignedDocument, new_key, public_text

REFUSALS = (ModelRefusedError, NotFoundError)
MIB = 2**20


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return new_key()


def load(folder: Path, key: Ed25519PrivateKey) -> Recommender:
    return Recommender.load(folder, trusted_keys=[public_text(key)], now=lambda: NOW)


def asked(model: Recommender) -> list[Any]:
    """Everything that a model can be asked, here of the checkerboard."""
    histories: list[Any] = [["100", "102", "x"], {"101": 2, "103": 0.5}, [], ["109"]]
    found: list[Any] = [model.recommend(history, 5, profiling=True, because=True) for history in histories]
    found += model.recommend_batch(histories, 20, profiling=True, allowed_categories=["health", "family"])
    found.append(model.recommend(histories[0], 5, profiling=False, deny_items=["101"]))
    known = next(iter(model._items.position))
    return [*found, model.similar(known, allowed_categories=["health", "family", "", "a"])]


def damaged_and_loaded(whole: Path, folder: Path, key: Ed25519PrivateKey, seeds: range) -> dict[str, int]:
    """How often a damaged copy was refused, and how often it answered just as the whole one."""
    before, counts = asked(load(whole, key)), {"refused": 0, "same": 0}
    for seed in seeds:
        shutil.copytree(whole, folder)
        done = damage(folder, np.random.default_rng(seed))
        try:
            assert asked(load(folder, key)) == before, f"seed {seed}: {done}"
            counts["same"] += 1
        except REFUSALS:
            counts["refused"] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {done} raised {type(error).__name__}") from error
        shutil.rmtree(folder)
    return counts


def forged_and_approved(folder: Path, key: Ed25519PrivateKey, seeds: range) -> dict[str, int]:
    """How often what a careless reviewer signed was refused, and how often it answered in finite numbers."""
    counts = {"refused": 0, "answers": 0}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        arrays, facts = checkerboard(), meta()
        if rng.random() < 0.75:
            arrays = odd_arrays(arrays, rng)
        if rng.random() < 0.4:
            facts = odd_meta(facts, rng)
        approve(folder, forge(folder, arrays, facts), key)
        try:
            answers = asked(load(folder, key))
            assert np.isfinite([i.score for a in answers[:-1] for i in a.items] + [i.score for i in answers[-1]]).all()
            counts["answers"] += 1
        except REFUSALS:
            counts["refused"] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed} raised {type(error).__name__}") from error
        shutil.rmtree(folder)
    return counts


def test_damaged_files(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Bits, bytes, JSON, names and kinds of files: most damage is refused, white space in an approval is not."""
    whole = saved_model(publish(tmp_path / "a", key), tmp_path / "whole")
    counts = damaged_and_loaded(whole, tmp_path / "damaged", key, range(250))
    assert counts["refused"] > 120
    assert counts["same"] > 5


def test_what_was_made_badly_and_approved(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """With a valid signature over nonsense, what does not fit is refused, and what fits answers in finite numbers."""
    counts = forged_and_approved(tmp_path / "forged", key, range(200))
    assert min(counts.values()) > 20


@pytest.mark.prove
def test_much_more_damage(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """The same with seeds that the short tests do not see."""
    whole = saved_model(publish(tmp_path / "a", key), tmp_path / "whole")
    assert damaged_and_loaded(whole, tmp_path / "damaged", key, range(1000, 4500))["refused"] > 1700
    assert forged_and_approved(tmp_path / "forged", key, range(1000, 3500))["answers"] > 250


@pytest.mark.parametrize("change", BYTES, ids=lambda change: change.__name__)
def test_signed_documents(key: Ed25519PrivateKey, change: Callable[..., bytes]) -> None:
    """A damaged document is refused, or says the same and verifies."""
    whole = SignedDocument.sign(meta(), key)
    for seed in range(150):
        raw = change(whole.to_json().encode(), np.random.default_rng(seed))
        try:
            document = SignedDocument.from_json(raw)
            document.verify()
        except ModelRefusedError:
            continue
        assert (document.payload, document.public_key) == (whole.payload, whole.public_key)


def peak_of(task: Callable[[], Any]) -> int:
    """The most memory that Python and numpy held while a task was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelRefusedError):
            task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 10 * MIB,
        b'{"a":' * 3 * MIB,
        b"[" + b"[]," * 8 * MIB + b"[]]",
        b'{"format": 1, "arrays": {}, "meta": {"a": ' + b"1" * 8 * MIB + b"}}",
        b'"' + b"\\u0000" * 4 * MIB + b'"',
        b" " * 64 * MIB,
    ],
    ids=["open lists", "open objects", "many lists", "a long number", "escapes", "nothing"],
)
@pytest.mark.parametrize("name", ["manifest.json", "approval.json"])
def test_large_documents_are_not_read(tmp_path: Path, key: Ed25519PrivateKey, name: str, text: bytes) -> None:
    """Megabytes in place of a document cost a few megabytes, not a hundred times as much."""
    folder = publish(tmp_path / "a", key)
    (folder / name).write_bytes(text)
    assert peak_of(lambda: load(folder, key)) < 24 * MIB


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("<f4", [2**46], None),
        ("<f4", [2**46], 2**48 - 1),
        ("<f8", [2**24, 2**23], None),
        ("<U999999", [2**20], None),
        ("<f4", [0, 2**47], None),
        ("<f4", [2**47, 0], None),
        ("<U999999", [0, 2**47], None),
        ("<i8", [2**40, 2**40], None),
    ],
)
def test_an_array_that_promises_petabytes(tmp_path: Path, dtype: str, shape: list[int], size: int | None) -> None:
    """A header and a manifest that agree on it are refused before anything of that size is asked for."""
    folder = tmp_path / "a"
    arrays, facts = checkerboard(), meta()
    forge(folder, arrays, facts)
    header = np.lib.format.magic(1, 0)
    told = repr({"descr": dtype, "fortran_order": False, "shape": tuple(shape)}).encode() + b"\n"
    blob = header + len(told).to_bytes(2, "little") + told
    _claim(folder, "base", blob, dtype, shape, size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert peak_of(lambda: Recommender.unapproved(read_artifact(folder))) < 8 * MIB


def _claim(folder: Path, name: str, blob: bytes, dtype: str, shape: list[int], size: int | None) -> None:
    """The manifest says of one file what it is told to say."""
    (folder / f"{name}.npy").write_bytes(blob)
    document = json.loads((folder / "manifest.json").read_bytes())
    digest = hashlib.sha256(blob).hexdigest()
    document["arrays"][name] = {"sha256": digest, "bytes": size or len(blob), "dtype": dtype, "shape": shape}
    (folder / "manifest.json").write_text(json.dumps(document))


def test_a_sparse_file_of_terabytes(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """A file that takes no room and has no end is refused by its size, before a byte of it is read."""
    folder = publish(tmp_path / "a", key)
    with (folder / "decoder.npy").open("r+b") as file:
        file.truncate(2**42)
    assert peak_of(lambda: load(folder, key)) < 8 * MIB


@pytest.mark.parametrize("name", ["base.npz", "base.npy.gz", "model.zip"])
def test_archives_are_not_opened(tmp_path: Path, key: Ed25519PrivateKey, name: str) -> None:
    """An archive beside the arrays, or in place of one, is a file that does not belong there."""
    folder = publish(tmp_path / "a", key)
    np.savez_compressed(tmp_path / "bomb.npz", base=np.zeros(4 * MIB, np.float32))
    bomb = (tmp_path / "bomb.npz").read_bytes()
    (folder / name).write_bytes(bomb)
    assert peak_of(lambda: load(folder, key)) < 8 * MIB
    (folder / name).unlink()
    (folder / "base.npy").write_bytes(bomb)
    assert peak_of(lambda: load(folder, key)) < 8 * MIB
