"""The vault's folder: files that appear whole or not at all, one writer at a time, and a way out of an interrupted one.

A change writes new files beside the old, then the manifest of the next generation under another name, then an entry of
the journal that names this manifest, then gives it its own name, then removes what no longer counts. **The journal's
commit decides.** Killed before it, the next one who opens the vault removes what was new; killed after it, they finish
the change. All of it reaches the disk in that order.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tactful.errors import NotFoundError, SchemaError, UsageError
from tactful.personal.vault_cipher import sha256
from tactful.personal.vault_manifest import Drawer, VaultFile

_MANIFEST, _NEXT, _LOCK = "manifest.sealed", "manifest.next", "lock"
_SUFFIX = ".parquet"


class VaultFolder:
    """The files of a vault, as bytes.

    Parameters
    ----------
    path : Path
    """

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"VaultFolder({self.path})"

    def make(self) -> None:
        """The folder is there, for its owner alone, also where it was there before and others could look into it.

        Raises
        ------
        UsageError
            If it cannot be made or closed to others, or is a folder of something else.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.manifest():
                self._check_own()
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)
        except OSError as error:
            raise UsageError(
                "the vault is a folder that can be written, of whoever fills it",
                given=f"{self.path}: {error.strerror}",
                do="Name another",
            ) from None

    def _check_own(self) -> None:
        """Raise `UsageError` if something else is in the folder: its mode is not ours to change."""
        if any(not _ours(each) for each in self.path.iterdir()):
            raise UsageError(
                "the vault has a folder of its own", given=f"{self.path} holds other files", do="Name another"
            )

    def manifest(self) -> bytes | None:
        """The manifest that counts, sealed; None where there is no vault."""
        return _content(self.path / _MANIFEST)

    def staged(self) -> bytes | None:
        """The manifest of a change that was not finished."""
        return _content(self.path / _NEXT)

    def content(self, file: VaultFile) -> bytes:
        """The file as it is stored.

        Raises
        ------
        FileNotFoundError
            If it is gone: a later generation may have replaced it.
        SchemaError
            If it is not the file that the manifest means.
        """
        content = (self.path / file.name).read_bytes()
        if sha256(content) != file.sha256:
            raise SchemaError(
                "a file of the vault is as it was written",
                given=f"{file.name} was altered or exchanged",
                do="Restore the vault from a copy",
            )
        return content

    def add(self, content: bytes, *, drawer: Drawer, month: str, digit: str, rows: int, key: str) -> VaultFile:
        """The content is in a new file, durably; it does not count before a manifest names it."""
        name = "-".join(part for part in (drawer, month, digit, secrets.token_hex(8)) if part) + _SUFFIX
        _write(self.path / name, content)
        size, made = len(content), sha256(content)
        return VaultFile(name=name, drawer=drawer, month=month, digit=digit, rows=rows, size=size, sha256=made, key=key)

    def stage(self, sealed: bytes) -> None:
        """The manifest of the next generation is on disk, beside the one that counts."""
        _write(self.path / _NEXT, sealed)
        self.sync()

    def turn(self) -> None:
        """The staged manifest is the one that counts, durably."""
        (self.path / _NEXT).replace(self.path / _MANIFEST)
        self.sync()

    def drop_staged(self) -> None:
        """No change is staged."""
        (self.path / _NEXT).unlink(missing_ok=True)

    def sweep(self, keep: tuple[VaultFile, ...]) -> None:
        """Files of the vault that do not count are gone."""
        names = {file.name for file in keep}
        for file in self.path.glob(f"*{_SUFFIX}"):
            if file.name not in names and _ours(file):
                file.unlink(missing_ok=True)
        self.sync()

    def sync(self) -> None:
        """What was made, renamed or removed in the folder stays so when the power fails."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[bool]:
        """Whether this is the only writer until the block ends; one that is killed lets go.

        Parameters
        ----------
        wait : bool, default=True
            Whether to wait for the writer before; else False is given where there is one.
        """
        if not self.path.is_dir():
            raise NotFoundError(
                "there must be a vault", given=f"{self.path} is none", do="Run `tactful ingest`, or set TACTFUL_VAULT"
            )
        descriptor = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            yield _alone(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)))
        finally:
            os.close(descriptor)


def _alone(lock: Callable[[], None]) -> bool:
    """Whether the lock was to be had."""
    with suppress(BlockingIOError):
        lock()
        return True
    return False


def _ours(path: Path) -> bool:
    """Whether the name is one that a vault's file has."""
    drawers = ("interactions-", "attributes-")
    return path.name in (_MANIFEST, _NEXT, _LOCK) or (path.name.startswith(drawers) and path.suffix == _SUFFIX)


def _content(path: Path) -> bytes | None:
    """What is in the file, if there is one."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.read_bytes()
    return None


def _write(path: Path, content: bytes) -> None:
    """The content is in the file, durably, for its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
