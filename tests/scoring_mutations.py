"""Ways to damage the files of a model: bytes, JSON, arrays and what lies beside them; each is made by a seed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
_ODD_NUMBERS = [
    "1e999",
    "-0",
    "-0.0",
    "1E400",
    "9" * 5000,
    "NaN",
    "-Infinity",
    "0x10",
    "1.0",
    "true",
    "null",
    "-1",
    "2.5",
]
_ODD_TEXTS = ['""', '"\\u0000"', '"../x"', '"\\ud800"', '"ａpproved"', '"approved "', '"2026-13-45"', '"9999-12-31"']
_ODD_VALUES = ["[]", "{}", "[" * 3000 + "]" * 3000, '{"a":' * 2000 + "1" + "}" * 2000, *_ODD_NUMBERS, *_ODD_TEXTS]
_ODD_NAMES = [
    "base.npy.",
    "BASE.npy",
    "base.npy ",
    "bаse.npy",
    "..npy",
    "base.npy\n",
    ".base.npy",
    "manifest.json~",
    "a\\b",
]


def flipped(raw: bytes, rng: Rng) -> bytes:
    """Some bits differ."""
    changed = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        changed[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(raw: bytes, rng: Rng) -> bytes:
    """A part is gone, from the end or the middle."""
    start, stop = sorted(rng.integers(0, len(raw) + 1, 2).tolist())
    return raw[:start] if rng.random() < 0.5 else raw[:start] + raw[stop:]


def longer(raw: bytes, rng: Rng) -> bytes:
    """Bytes are put in: others, or some of its own once more."""
    place, start, stop = (int(x) for x in rng.integers(0, len(raw) + 1, 3))
    return raw[:place] + (rng.bytes(int(rng.integers(1, 300))) if rng.random() < 0.5 else raw[start:stop]) + raw[place:]


def blanked(raw: bytes, rng: Rng) -> bytes:
    """A part is one byte again and again."""
    start, stop = sorted(rng.integers(0, len(raw) + 1, 2).tolist())
    return raw[:start] + bytes([int(rng.integers(256))]) * (stop - start) + raw[stop:]


def spaced(raw: bytes, rng: Rng) -> bytes:
    """White space that JSON allows, or that it does not."""
    place = int(rng.choice([match.start() for match in re.finditer(rb"[{}\[\]:,]", raw)] or [0]))
    return raw[:place] + rng.choice([b" ", b"\n", b"\t", b"\x0b", b"\xc2\xa0", b"\xef\xbb\xbf"]) + raw[place:]


def odd_value(raw: bytes, rng: Rng) -> bytes:
    """One value of a JSON text is something else that a careless reader takes."""
    places = list(re.finditer(rb'(?<=:)("[^"]*"|-?[0-9.e+-]+|true|false|null)(?=[,}\]])', raw))
    if not places:
        return raw
    place = places[int(rng.integers(len(places)))]
    return raw[: place.start()] + str(rng.choice(_ODD_VALUES)).encode("utf-8") + raw[place.end() :]


def key_twice(raw: bytes, rng: Rng) -> bytes:
    """A key of a JSON text is there twice, or is renamed."""
    keys = list(re.finditer(rb'"([^"\\]+)":("[^"]*"|[0-9.]+)', raw))
    if not keys:
        return raw
    key = keys[int(rng.integers(len(keys)))]
    if rng.random() < 0.5:
        return raw[: key.end()] + b"," + key[0] + raw[key.end() :]
    return raw[: key.start(1)] + key[1][::-1] + raw[key.end(1) :]


BYTES: tuple[Callable[[bytes, Rng], bytes], ...] = (flipped, cut, longer, blanked, spaced, odd_value, key_twice)


def damage(folder: Path, rng: Rng) -> str:
    """One file of a saved model is damaged, or something lies where it should not; says what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[int(rng.integers(len(files)))]
    if rng.random() < 0.15:
        return _out_of_place(path, files, rng)
    change = BYTES[int(rng.integers(len(BYTES)))]
    raw = path.read_bytes()
    path.write_bytes(change(raw, rng) if raw else b"x")
    return f"{change.__name__} {path.name}"


def _out_of_place(path: Path, files: list[Path], rng: Rng) -> str:
    """A file is gone, is another one, a link, a pipe or a folder; or there is one more."""
    other = files[int(rng.integers(len(files)))]
    kind = str(
        rng.choice(["gone", "other", "link", "hard link", "loop", "pipe", "folder", "renamed", "more", "device"])
    )
    name = str(rng.choice(_ODD_NAMES))
    raw = path.read_bytes()
    if kind == "more":
        path.with_name(name).write_bytes(raw)
        return f"{kind} {name!r}"
    path.unlink()
    if kind == "other" and other != path:
        path.write_bytes(other.read_bytes())
    elif kind == "link":
        (folder := path.parent.parent / "elsewhere").mkdir(exist_ok=True)
        (folder / path.name).write_bytes(raw)
        path.symlink_to(folder / path.name)
    elif kind == "hard link" and other != path:
        path.hardlink_to(other)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "renamed":
        path.with_name(name).write_bytes(raw)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    return f"{kind} {path.name} {name!r}"


def saved_model(artifact: Path, folder: Path) -> Path:
    """The artifact in a folder as MLflow saves and fetches it."""
    shutil.copytree(artifact, folder / "data" / "tiny")
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: tactful.scoring.pyfunc\n")
    (folder / "registered_model_meta").write_text("model_name: tiny\nmodel_version: '3'\n")
    return folder


def odd_arrays(arrays: dict[str, NDArray[Any]], rng: Rng) -> dict[str, NDArray[Any]]:
    """The arrays of a model with one or two of them made by somebody careless or malicious."""
    changed = dict(arrays)
    for _ in range(int(rng.integers(1, 3))):
        name = str(rng.choice(sorted(arrays)))
        changed[name] = _odd(changed[name].copy(), rng)
    return changed


def _odd(array: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """Another shape, another type, or values at the ends of what the type can hold."""
    kind = rng.integers(6)
    if kind == 0:
        return array[: int(rng.integers(len(array) + 1))]
    if kind == 1:
        return np.concatenate([array, array[:1]])
    if kind == 2:
        return array.reshape(-1, 1) if array.ndim == 1 else array.ravel()
    if kind == 3 and array.dtype.kind != "U":
        return array.astype(str(rng.choice(["<f4", "<f8", "<i2", "<i4", "<i8"])))
    flat = array.reshape(-1)
    place = rng.integers(0, flat.size, max(1, flat.size // int(rng.integers(1, 9)))) if flat.size else []
    if array.dtype.kind == "f":
        ends = [0, -0.0, 1e-45, -1e-38, 3.4e38, -3.4e38, 1e30, 9e29, 1e15, 1e-30, np.nan, np.inf]
        flat[place] = np.array(rng.choice(ends, len(place)), dtype=array.dtype)
    elif array.dtype.kind == "i":
        info = np.iinfo(array.dtype)
        flat[place] = rng.choice(np.array([info.min, -1, 0, 1, 2, 7, 11, 12, info.max], dtype=array.dtype), len(place))
    else:
        flat[place] = rng.choice(np.array(["", "100", "\x00", "é", "x" * 9]), len(place))
    return array


def odd_meta(facts: dict[str, Any], rng: Rng) -> dict[str, Any]:
    """What a model says of itself, with one thing replaced."""
    values = [
        None,
        True,
        -1,
        0,
        0.3,
        1,
        2,
        10**300,
        "",
        "x",
        [],
        [[]],
        [["health"]],
        [["health"], [1]],
        {},
        [[""], ["a"]],
    ]
    name = str(rng.choice(sorted(facts)))
    return facts | {name: values[int(rng.integers(len(values)))]}


def forge(folder: Path, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> str:
    """An artifact without any check, whose manifest fits its files; its digest."""
    folder.mkdir()
    entries = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
        blob = buffer.getvalue()
        (folder / f"{name}.npy").write_bytes(blob)
        digest = hashlib.sha256(blob).hexdigest()
        entries[name] = {"sha256": digest, "bytes": len(blob), "dtype": array.dtype.str, "shape": list(array.shape)}
    raw = json.dumps({"format": 1, "arrays": entries, "meta": facts}).encode()
    (folder / "manifest.json").write_bytes(raw)
    return hashlib.sha256(raw).hexdigest()
