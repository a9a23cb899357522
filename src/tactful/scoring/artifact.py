"""The file format of a model: one folder, one manifest, plain arrays. Nothing in it can run.

::

    manifest.json     {"format": 1, "arrays": {name: {"sha256", "bytes", "dtype", "shape"}}, "meta": {...}}
    <name>.npy        one array each, memory-mapped on reading; no pickle, no objects
    approval.json     optional: the signed approval, which names the sha256 of manifest.json

Notes
-----
Each file is opened once, without following links, and mapped once; the digest is computed over that mapping and the
array *is* that mapping. Replacing or renaming files after the check changes nothing. Whoever writes into the very same
file while it is mapped changes what is read, and whoever makes it shorter ends the process: a served model belongs in a
folder that only its publisher may write, and a copy is put beside and renamed. `Artifact.altered` looks again.

The file is longer than most: what is written and what is checked agree to the byte.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ModelRefusedError, UsageError
from tactful.scoring.manifest import (
    DTYPE,
    FORMAT_VERSION,
    MANIFEST,
    NAME,
    Entry,
    altered,
    manifest_bytes,
    parse_manifest,
)

__all__ = [
    "APPROVAL",
    "FORMAT_VERSION",
    "MANIFEST",
    "Artifact",
    "file_digest",
    "read_artifact",
    "read_document",
    "write_artifact",
]

APPROVAL = "approval.json"

_MAX_DOCUMENT = 4 * 2**20  # bytes; a manifest or approval is a few kB, more only with thousands of sensitive bundles
_MAX_HEADER = 10_000


class Mapped(NamedTuple):
    """A file that an array lies over, and the sha256 that it had to have."""

    content: mmap.mmap
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Artifact:
    """Arrays whose bytes are the ones that the manifest promises.

    Attributes
    ----------
    arrays : mapping of str to ndarray
        Read-only, memory-mapped.
    meta : mapping
        What the maker wrote about the model.
    manifest_digest : str
        sha256 of the bytes of ``manifest.json``, in hexadecimal; it pins every byte of every array.
    files : mapping of str to Mapped
        What the arrays lie over, by their names; nothing if they were not read from files.
    """

    arrays: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any]
    manifest_digest: str
    files: Mapping[str, Mapped] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Artifact({', '.join(sorted(self.arrays))}; manifest {self.manifest_digest[:12]})"

    def altered(self) -> str | None:
        """The name of a file whose bytes are no longer what was promised; None if all are. Every byte is read."""
        for name, file in self.files.items():
            cut = file.content.size() != len(file.content)  # asked first: to read what was cut off ends the process
            if cut or hashlib.sha256(file.content).hexdigest() != file.digest:
                return f"{name}.npy"
        return None


def write_artifact(folder: Path, arrays: Mapping[str, NDArray[Any]], *, meta: Mapping[str, Any]) -> str:
    """The arrays are on disk under `folder`, complete or not at all.

    Parameters
    ----------
    folder : Path
        Must not exist; its parents are made.
    arrays : mapping of str to ndarray
        Little-endian floats, integers or text; floats finite.
    meta : mapping
        Plain JSON.

    Returns
    -------
    str
        The manifest digest, see `Artifact`.

    Raises
    ------
    UsageError
        If the folder exists, or an array or the meta data cannot be written faithfully.
    """
    folder = Path(folder)
    if folder.exists() or folder.is_symlink():
        raise UsageError("an artifact is written to a new folder", given=f"{folder} exists", do="Give another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    entries: dict[str, Entry] = {}
    try:
        for name, array in arrays.items():  # one after the other: together they may not fit
            entries[name], blob = _encode(name, np.asarray(array))
            (staging / f"{name}.npy").write_bytes(blob)
        manifest = manifest_bytes(entries, dict(meta))
        (staging / MANIFEST).write_bytes(manifest)
        staging.chmod(0o755)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return hashlib.sha256(manifest).hexdigest()


def read_artifact(folder: Path, *, manifest_digest: str | None = None) -> Artifact:
    """The artifact, every byte checked against its manifest.

    Parameters
    ----------
    folder : Path
        What `write_artifact` wrote; ``approval.json`` may lie beside the manifest and is not read.
    manifest_digest : str, optional
        If given, the manifest must have this digest; this is looked at before anything is read from the arrays.

    Raises
    ------
    ModelRefusedError
        If a file is missing, altered, unexpected, a link, or not what the manifest says. The message names the file.
    """
    folder = Path(folder)
    raw = read_document(folder / MANIFEST)
    digest = hashlib.sha256(raw).hexdigest()
    if manifest_digest is not None and digest != manifest_digest:
        raise ModelRefusedError(
            "the manifest must be the one that was approved",
            given=f"{MANIFEST} is another or was altered",
            do="Fetch the model again, or have this one approved",
        )
    entries, meta = parse_manifest(raw)
    _check_listing(folder, {f"{name}.npy" for name in entries})
    files = {name: _mapped(folder / f"{name}.npy", entry) for name, entry in entries.items()}
    arrays = {name: _array(f"{name}.npy", files[name].content, entry) for name, entry in entries.items()}
    return Artifact(
        arrays=MappingProxyType(arrays),
        meta=MappingProxyType(meta),
        manifest_digest=digest,
        files=MappingProxyType(files),
    )


def read_document(path: Path, *, at_most: int = _MAX_DOCUMENT) -> bytes:
    """The bytes of a small plain file of an artifact, read once.

    Raises
    ------
    ModelRefusedError
        If it is missing, a link, not a plain file, or larger than a document can be.
    """
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size > at_most:
            raise altered(path.name, "is too large to be one")
        raw = file.read(at_most + 1)
    if len(raw) > at_most:
        raise altered(path.name, "is too large to be one")
    return raw


def file_digest(path: Path, *, size: int) -> str:
    """The SHA-256 of a plain file of exactly so many bytes.

    Raises
    ------
    ModelRefusedError
        If it is missing, a link, not a plain file, or of another size; it is not read then.
    """
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size != size:
            raise altered(path.name, "has another size")
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> io.FileIO:
    """The plain file, opened without following a link or waiting at a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise altered(path.name, "is missing") from error
    except OSError as error:
        raise altered(path.name, "is a link or cannot be read") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise altered(path.name, "is not a plain file")
    return io.FileIO(descriptor, "r")


def _encode(name: str, array: NDArray[Any]) -> tuple[Entry, memoryview]:
    """An array as the bytes of its file, and what the manifest will say of them."""
    problem = _array_problem(name, array)
    if problem:
        raise UsageError(
            "an artifact holds plain finite arrays", given=f"{name} {problem}", do="Convert the array first"
        )
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    blob = buffer.getbuffer()
    digest = hashlib.sha256(blob).hexdigest()
    return Entry(sha256=digest, bytes=len(blob), dtype=array.dtype.str, shape=array.shape), blob


def _array_problem(name: str, array: NDArray[Any]) -> str | None:
    """Why an array cannot be stored faithfully, if it cannot."""
    if not NAME.fullmatch(name):
        return "is no name for an array"
    if not DTYPE.fullmatch(array.dtype.str):
        return f"is of type {array.dtype}"
    return _value_problem(array)


def _value_problem(array: NDArray[Any]) -> str | None:
    """What is wrong with the values: a float that is not finite, text that is no Unicode."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return "holds NaN or infinity"
    if array.dtype.kind == "U":
        codes = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
        largest = int(codes.max(initial=0))
        if largest > 0x10FFFF or (largest >= 0xD800 and ((codes >= 0xD800) & (codes <= 0xDFFF)).any()):
            return "holds text that is not Unicode"
    return None


def _check_listing(folder: Path, expected: set[str]) -> None:
    """Raise unless the folder holds exactly these plain files, the manifest, and at most an approval."""
    with os.scandir(folder) as listing:
        found = {entry.name: entry.is_file(follow_symlinks=False) for entry in listing}
    for name in sorted(set(found) - expected - {MANIFEST, APPROVAL}):
        raise altered(name, "is not listed")
    for name, plain in sorted(found.items()):
        if not plain:
            raise altered(name, "is a link or not a plain file")


def _mapped(path: Path, entry: Entry) -> Mapped:
    """One file, after its bytes were found to be the promised ones."""
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size != entry.bytes or not entry.bytes:
            raise altered(path.name, "has another size")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hashlib.sha256(mapped).hexdigest() != entry.sha256:
        raise altered(path.name, "was altered")
    return Mapped(content=mapped, digest=entry.sha256)


def _array(name: str, mapped: mmap.mmap, entry: Entry) -> NDArray[Any]:
    """The array over a mapping, after its values were found to be plain ones."""
    array = _decode(name, mapped, entry)
    problem = _value_problem(array)
    if problem:
        raise altered(name, problem)
    return array


def _decode(name: str, mapped: mmap.mmap, entry: Entry) -> NDArray[Any]:
    """A read-only array over the mapping; the header must agree with the manifest."""
    header = io.BytesIO(mapped[: _MAX_HEADER + 16])
    try:
        version = np.lib.format.read_magic(header)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(header, max_header_size=_MAX_HEADER)
    except (ValueError, TypeError, SyntaxError) as error:
        raise altered(name, "has no readable header") from error
    agrees = version == (1, 0) and not fortran and dtype.str == entry.dtype and shape == entry.shape
    count = int(np.prod(entry.shape, dtype=object))
    if not agrees or header.tell() + count * dtype.itemsize != entry.bytes:
        raise altered(name, "has another type, shape or length inside")
    if not count:
        return np.zeros(shape, dtype)
    array: NDArray[Any] = np.frombuffer(mapped, dtype, count=count, offset=header.tell()).reshape(shape)
    return array
