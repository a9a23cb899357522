"""An artifact is exactly what its manifest says, or it is refused with the name of the file."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring_world import checkerboard, edit_manifest, item_model, meta
from tactful.errors import ModelRefusedError, UsageError
from tactful.scoring import artifact as artifact_module
from tactful.scoring.artifact import read_artifact, write_artifact

FILES = ["manifest.json", *(f"{name}.npy" for name in checkerboard())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_artifact(tmp_path / "artifact", checkerboard(), meta=meta())
    return tmp_path / "artifact"


def digest_of(folder: Path) -> str:
    return read_artifact(folder).manifest_digest


def test_round_trip(tmp_path: Path) -> None:
    """What was written comes back, read-only and mapped, under the digest that writing returned."""
    digest = write_artifact(tmp_path / "a" / "b", checkerboard(), meta=meta())
    found = read_artifact(tmp_path / "a" / "b")
    assert found.manifest_digest == digest
    assert dict(found.meta) == meta()
    for name, array in checkerboard().items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
        assert not found.arrays[name].flags.writeable
        assert not found.arrays[name].flags.owndata
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["b"], "nothing temporary is left"


def test_same_model_same_bytes(tmp_path: Path) -> None:
    """Writing the same arrays twice gives the same digest: nothing of the machine or the moment is in the files."""
    first, second = (write_artifact(tmp_path / name, checkerboard(), meta=meta()) for name in "ab")
    assert first == second


@pytest.mark.parametrize("where", [0, 7, 0.3, 0.5, 0.8, -1])
@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_refused(folder: Path, name: str, where: float) -> None:
    """Any bit of any file, at the start, in the header, in the values or at the end."""
    digest, path = digest_of(folder), folder / name
    raw = bytearray(path.read_bytes())
    raw[int(where * len(raw)) if 0 < where < 1 else int(where)] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ModelRefusedError, match=name if name.endswith(".npy") else "manifest"):
        read_artifact(folder, manifest_digest=digest)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "long", "link", "folder", "pipe"])
def test_damaged_files_are_refused(folder: Path, name: str, damage: str) -> None:
    """Missing, empty, cut short, longer, a link to the very same bytes, a folder, a pipe (without waiting at it)."""
    digest, path = digest_of(folder), folder / name
    raw = path.read_bytes()
    path.unlink()
    if damage in ("empty", "short", "long"):
        path.write_bytes({"empty": b"", "short": raw[:-1], "long": raw + b"\0"}[damage])
    elif damage == "link":
        (folder.parent / "elsewhere").write_bytes(raw)
        path.symlink_to(folder.parent / "elsewhere")
    elif damage == "folder":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    with pytest.raises(ModelRefusedError, match=name if name.endswith(".npy") else "manifest"):
        read_artifact(folder, manifest_digest=digest)


@pytest.mark.parametrize("extra", ["more.npy", "run.py", "base.npy.bak", ".hidden", "sub"])
def test_files_that_are_not_listed_are_refused(folder: Path, extra: str) -> None:
    (folder / extra).mkdir() if extra == "sub" else (folder / extra).write_bytes(b"x")
    with pytest.raises(ModelRefusedError, match=extra):
        read_artifact(folder)


def _retold(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The manifest tells another story, consistently signed or not: reading alone must refuse it."""
    document = json.loads((folder / "manifest.json").read_text())
    change(document)
    (folder / "manifest.json").write_text(json.dumps(document))


ODD_NAMES = "../base|/etc/passwd|a/b|..||base.npy|BASE|b\x00|con\n|base.|base |a\\b|C:base|~base|-base|base%2e|./base"
LOOK_ALIKES = "b\u0430se|\uff42ase|base\u200b|bas\u0065\u0301"


@pytest.mark.parametrize("name", [*ODD_NAMES.split("|"), *LOOK_ALIKES.split("|"), "a" * 65])
def test_names_cannot_lead_out_of_the_folder(folder: Path, name: str) -> None:
    """A path in place of a name is refused before any file is opened."""
    shutil.copy(folder / "base.npy", folder.parent / "base.npy")

    def rename(document: dict[str, Any]) -> None:
        document["arrays"][name] = document["arrays"].pop("base")

    _retold(folder, rename)
    (folder / "base.npy").unlink()
    with pytest.raises(ModelRefusedError, match="manifest"):
        read_artifact(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "0" * 63),
        ("sha256", None),
        ("bytes", "176"),
        ("bytes", -1),
        ("bytes", True),
        ("bytes", 2**60),
        ("dtype", "|O"),
        ("dtype", ">f4"),
        ("dtype", "<f8"),
        ("dtype", "<c8"),
        ("shape", [12.0]),
        ("shape", [-12]),
        ("shape", [3, 4]),
        ("shape", [1, 3, 4]),
        ("shape", [11]),
        ("more", 1),
    ],
)
def test_an_entry_of_another_kind_is_refused(folder: Path, field: str, value: Any) -> None:
    _retold(folder, lambda document: document["arrays"]["base"].update({field: value}))
    with pytest.raises(ModelRefusedError):
        read_artifact(folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"format": 1}', '{"format": 1, "format": 1}', '{"format": true}', "[" * 100_000, "\xff"],
)
def test_what_is_no_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelRefusedError, match="manifest"):
        read_artifact(folder)


def test_repeated_keys_and_numbers_that_are_none(folder: Path) -> None:
    """Two readers could understand such a manifest differently, so nobody reads it."""
    path = folder / "manifest.json"
    text = path.read_text()
    for other in (text.replace('"epsilon":5.0', f'"epsilon":{number}') for number in ("NaN", "Infinity", "1e999")):
        assert other != text
        path.write_text(other)
        with pytest.raises(ModelRefusedError, match="not valid JSON"):
            read_artifact(folder)
    path.write_text(text.replace('"epsilon":5.0', '"epsilon":5.0,"epsilon":1.0'))
    with pytest.raises(ModelRefusedError, match="not valid JSON"):
        read_artifact(folder)


def test_another_format_version_says_so(folder: Path) -> None:
    edit_manifest(folder, format=2)
    with pytest.raises(ModelRefusedError, match="format 2"):
        read_artifact(folder)


def _forge(folder: Path, name: str, blob: bytes, **entry: Any) -> None:
    """A file and a manifest that agree with each other, as a malicious maker would write them."""
    import hashlib

    (folder / f"{name}.npy").write_bytes(blob)
    told = {"sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob)} | entry
    _retold(folder, lambda document: document["arrays"][name].update(told))


def _npy(array: np.ndarray[Any, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was loaded",)


def test_a_pickle_never_runs(folder: Path) -> None:
    """An object array, and a bare pickle, whose digests fit, are refused without being loaded."""
    objects = np.empty(1, dtype=object)
    objects[0] = _Bomb()
    for blob in (_npy(objects, allow_pickle=True), pickle.dumps(_Bomb())):
        for dtype in ("|O", "<f4"):
            _forge(folder, "base", blob, dtype=dtype, shape=[1])
            with pytest.raises(ModelRefusedError):
                read_artifact(folder)


@pytest.mark.parametrize(
    "blob",
    [
        _npy(np.ones((12, 1), np.float32)),
        _npy(np.ones(12, np.float64)),
        _npy(np.ones(12, np.float32)) + b"tail",
        _npy(np.ones(12, np.float32), version=(2, 0)),
        _npy(np.asfortranarray(np.ones((3, 4), np.float32))),
        _npy(np.ones(12, np.float32))[:-4],
        b"\x93NUMPY\x01\x00\x10\x00" + b"__import__('os')",
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
    ],
)
def test_a_header_that_disagrees_is_refused(folder: Path, blob: bytes) -> None:
    """The digest fits, and still the inside must have the type, shape and length that the manifest says."""
    _forge(folder, "base", blob)
    with pytest.raises(ModelRefusedError, match=r"base\.npy"):
        read_artifact(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_are_finite(folder: Path, tmp_path: Path, value: float) -> None:
    """A NaN can be neither written nor read."""
    array = checkerboard()["base"]
    array[3] = value
    _forge(folder, "base", _npy(array))
    with pytest.raises(ModelRefusedError, match=r"base\.npy holds NaN or infinity"):
        read_artifact(folder)
    with pytest.raises(UsageError, match="base holds NaN"):
        write_artifact(tmp_path / "other", {"base": array}, meta={})


def test_text_is_unicode(folder: Path) -> None:
    """Code points that are no characters would fail later, in the middle of an answer."""
    for code in (0x110000, 0xD800):
        _forge(folder, "titles", _npy(np.full(12, code, np.uint32)).replace(b"'<u4'", b"'<U1'"), dtype="<U1")
        with pytest.raises(ModelRefusedError, match=r"titles\.npy holds text"):
            read_artifact(folder)


@pytest.mark.parametrize(
    "arrays", [{"x": np.array([object()])}, {"x": np.ones(2, np.complex64)}, {"X": np.ones(2)}, {"../x": np.ones(2)}]
)
def test_what_cannot_be_written(tmp_path: Path, arrays: dict[str, Any]) -> None:
    """Nothing is half-written."""
    with pytest.raises(UsageError):
        write_artifact(tmp_path / "artifact", arrays, meta={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [{"x": float("nan")}, {"x": np.float32(1)}, {1: 2}, {"x": {1: 2}}])
def test_meta_is_plain_json(tmp_path: Path, bad: dict[Any, Any]) -> None:
    with pytest.raises(UsageError, match="plain JSON"):
        write_artifact(tmp_path / "artifact", checkerboard(), meta=bad)


def test_a_folder_is_never_overwritten(folder: Path) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(UsageError, match="new folder"):
        write_artifact(folder, {"base": np.ones(1)}, meta={})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk fails before the end, neither the folder nor a part of it stays."""

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="disk full"):
        write_artifact(tmp_path / "artifact", checkerboard(), meta={})
    assert list(tmp_path.iterdir()) == []


def test_files_replaced_after_the_check_change_nothing(folder: Path) -> None:
    """What was hashed is what is read: the array is the mapping over which the digest was computed."""
    found = read_artifact(folder)
    before = found.arrays["base"].copy()
    (folder / "new").write_bytes(_npy(np.zeros(12, np.float32)))
    (folder / "new").replace(folder / "base.npy")
    np.testing.assert_array_equal(found.arrays["base"], before)
    shutil.rmtree(folder)
    np.testing.assert_array_equal(found.arrays["base"], before)


def test_without_the_digest_an_altered_file_would_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check on the digest is what refuses a changed value: with the check taken out, the value gets through."""

    class Blind:
        @staticmethod
        def sha256(_: Any) -> Any:
            entry = json.loads((folder / "manifest.json").read_text())["arrays"]["base"]["sha256"]
            return type("Digest", (), {"hexdigest": lambda _: entry})()

    raw = bytearray((folder / "base.npy").read_bytes())
    raw[-2] ^= 1
    (folder / "base.npy").write_bytes(raw)
    entry = read_entry(folder, "base")
    with pytest.raises(ModelRefusedError, match="altered"):
        artifact_module._mapped(folder / "base.npy", entry)
    monkeypatch.setattr(artifact_module, "hashlib", Blind)
    content = artifact_module._mapped(folder / "base.npy", entry).content
    assert artifact_module._array("base.npy", content, entry).shape == (12,)


def test_what_is_written_to_later_is_named(folder: Path) -> None:
    """A byte in its place, and a file cut short, whose lost pages are not touched; not what is renamed over it."""
    found, path = read_artifact(folder), folder / "base.npy"
    whole = path.read_bytes()
    assert found.altered() is None
    with path.open("r+b") as file:
        file.seek(-2, 2)
        file.write(bytes([whole[-2] ^ 1]))
    assert found.altered() == "base.npy"
    path.write_bytes(whole)  # in place again
    assert found.altered() is None
    (folder / "other").write_bytes(whole[:-1])
    (folder / "other").replace(path)
    assert found.altered() is None
    again = folder / "titles.npy"
    os.truncate(again, again.stat().st_size - 1)
    assert found.altered() == "titles.npy"


def read_entry(folder: Path, name: str) -> Any:
    return artifact_module.parse_manifest((folder / "manifest.json").read_bytes())[0][name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("titles", np.array(["a"])),
        ("base", np.zeros(11, np.float32)),
        ("base", np.zeros(12, np.float64)),
        ("popularity", np.zeros((12, 1), np.float32)),
        ("encoder", np.zeros((8, 3), np.float32)),
        ("encoder", np.zeros((7, 2), np.float32)),
        ("decoder", np.full((8, 2), 1e35, np.float32)),
        ("head", np.arange(1, 9, dtype=np.int64)),
        ("head", np.arange(5, 13, dtype=np.int32)),
        ("head", np.arange(-1, 7, dtype=np.int32)),
        ("head", np.zeros(8, np.int32)),
        ("sensitive", np.full(12, 3, np.int16)),
        ("sensitive", np.full(12, -1, np.int16)),
        ("item_ids", np.full(12, "same")),
        ("item_ids", np.array(["", *map(str, range(11))])),
        ("unheard_of", np.zeros(1)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, name: str, value: Any) -> None:
    """Whole files can still be no recommender: shapes, types, indices and magnitudes are checked against each other."""
    with pytest.raises(ModelRefusedError, match="fit each other"):
        item_model(tmp_path / "artifact", checkerboard() | {name: value})


@pytest.mark.parametrize(
    "settings",
    [
        {"history_norm": -1},
        {"history_norm": True},
        {"history_norm": None},
        {"sensitive_bundles": [[], ["health"]]},
        {"sensitive_bundles": ["health", "family"]},
        {"sensitive_bundles": None},
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    """In particular an empty bundle, which any person would seem to have allowed."""
    with pytest.raises(ModelRefusedError, match="fit each other"):
        item_model(tmp_path / "artifact", checkerboard(), **settings)
