"""Separate secrets: for pseudonyms, for storage, for who trains and who evaluates, and for suppression lists."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tactful.errors import SecretError, counted
from tactful.personal.key_providers import (
    ADVICE,
    DEFAULT_FILE,
    NAMES,
    NEEDED,
    OLDER,
    EnvironmentSecrets,
    FileSecrets,
    provider,
)

__all__ = ["DEFAULT_FILE", "Keys"]

_BYTES = 32
_MARK = 16
_HALF = "\x00tactful half "  # no id begins like this: ids that are not clean are nobody's


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keys:
    """The secrets that stand between a person's id and everything kept about them.

    Attributes
    ----------
    pseudonym : bytes of length 32
        Turns person ids into pseudonyms.
    storage : bytes of length 32
        Encrypts what is kept.
    assignment : bytes of length 32
        Decides who trains and who evaluates. To change it makes every debit count against both.
    suppression : bytes of length 32, or None
        Stands between ids and the lists of who may be profiled; the one key that services get. None where the secrets
        are older than such lists: see `complete`. To lose or change it costs nothing but a new list.
    storage_older : tuple of bytes of length 32
        Storage keys that were rotated away, the youngest first: what is sealed under them still opens.

    Notes
    -----
    They never come from a config: configs are shared and logged. An explicit path wins, then the environment variables
    (hexadecimal), then the command in ``TACTFUL_SECRET_COMMAND``, then the TOML file named by ``TACTFUL_SECRET_FILE``,
    then ``models/secrets.toml``; see `tactful.personal.key_providers`, also for what the loss of each means. Three are
    given in one place; the key of suppression lists and older storage keys may come from the environment beside a file
    or command of the others.
    """

    pseudonym: bytes
    storage: bytes
    assignment: bytes
    suppression: bytes | None = None
    storage_older: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        values = [value for name in NAMES if (value := getattr(self, name)) is not None] + [*self.storage_older]
        if any(len(value) != _BYTES for value in values):
            raise SecretError(
                f"each key has {_BYTES} bytes", given="one is shorter or longer", do="Make them with Keys.create"
            )
        if len(set(values)) < len(values):
            raise SecretError("the keys differ", given="two are the same", do="Make them with Keys.create")

    def __repr__(self) -> str:
        return f"Keys(assignment fingerprint {self.assignment_fingerprint()})"

    @classmethod
    def load(cls, path: str | Path | None = None) -> Keys:
        """The keys of the file, else of the environment, else of a command, else of a file that is named or usual.

        Raises
        ------
        SecretError
            If a key is missing or malformed, the file can be read by others than its owner, or the command fails.
        NotFoundError
            If the file does not exist.
        """
        giver = provider(path)
        found = giver.secrets()
        beside = {} if path is not None else EnvironmentSecrets(environment=os.environ).secrets()
        older = dict.fromkeys(key for place in (found, beside) for key in _listed(place.get(OLDER, ())))
        return _parsed({**found, **beside, OLDER: [*older]}, giver.place)

    @classmethod
    def create(cls, path: str | Path) -> Keys:
        """Fresh keys, stored in a new file that only its owner can read.

        Raises
        ------
        SecretError
            If the file exists: lost keys cannot be made again.
        """
        made = {name: secrets.token_bytes(_BYTES) for name in NAMES}
        _write_new(Path(path), made)
        return cls(**made, storage_older=())

    @classmethod
    def complete(cls, path: str | Path) -> Keys:
        """The keys of the file, which holds one for suppression lists from now on; the others stay as they are.

        Raises
        ------
        SecretError, NotFoundError
            As `load` does.
        """
        path = Path(path)
        if cls.load(path).suppression is None:
            line = f'suppression = "{secrets.token_bytes(_BYTES).hex()}"\n'
            _replace(path, line.encode("ascii") + path.read_bytes())  # at the top: a table may end the file
        return cls.load(path)

    @classmethod
    def rotate_storage(cls, path: str | Path) -> Keys:
        """The keys of the file, whose storage key is a fresh one and whose former one is the first of the older.

        The file is replaced whole or not at all. Reseal what was sealed under the older one next.

        Raises
        ------
        SecretError, NotFoundError
            As `load` does; also if the file holds more than keys, which would be lost.
        """
        held = cls.load(path)
        fresh = replace(held, storage=secrets.token_bytes(_BYTES), storage_older=(held.storage, *held.storage_older))
        return fresh._rewrite(Path(path))

    @classmethod
    def drop_older(cls, path: str | Path) -> Keys:
        """The keys of the file, which holds no older storage key from now on: what is sealed under one stays shut.

        Raises
        ------
        SecretError, NotFoundError
            As `rotate_storage` does.
        """
        return replace(cls.load(path), storage_older=())._rewrite(Path(path))

    def _rewrite(self, path: Path) -> Keys:
        """These keys, which the file holds from now on."""
        if others := FileSecrets(path=path).secrets().keys() - {*NAMES, OLDER}:
            raise SecretError(
                "a key file whose keys are changed holds keys alone",
                given=f"{path} has {counted(len(others), 'other entry', 'other entries')}",
                do="Move them to another file",
            )
        values = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        lines = [f'{name} = "{value.hex()}"\n' for name, value in values.items()]
        older = ", ".join(f'"{value.hex()}"' for value in self.storage_older)
        _replace(path, "".join([*lines, f"{OLDER} = [{older}]\n"]).encode("ascii"))
        return self

    def fingerprints(self) -> dict[str, str]:
        """For each key sixteen hexadecimal digits that change with it and say nothing else about it.

        They stand in what is kept under the keys, so that a wrong key is told at once and not after a write.
        """
        named = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        return {name: _fingerprint(value, name) for name, value in named.items()}

    def assignment_fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with the assignment key and say nothing else about it."""
        return _fingerprint(self.assignment, "assignment")

    def pseudonyms(self, user_ids: Iterable[str]) -> list[str]:
        """The name each person has inside: HMAC-SHA256 of the id, cut to 16 bytes, in hexadecimal."""
        return [digest[:16].hex() for digest in _hmac_sha256(self.pseudonym, user_ids)]

    def places(self, user_ids: Iterable[str]) -> list[int]:
        """Where each person falls on the line from 0 to 2^64 that is cut into evaluation and training."""
        return [int.from_bytes(digest[:8], "big") for digest in _hmac_sha256(self.assignment, user_ids)]

    def marks(self, user_ids: Iterable[str]) -> list[bytes]:
        """What stands for each person in a suppression list: HMAC-SHA256 of the id, cut to 16 bytes.

        Raises
        ------
        SecretError
            If there is no key for suppression lists.
        """
        return [digest[:_MARK] for digest in _hmac_sha256(self.for_lists(), user_ids)]

    def for_lists(self) -> bytes:
        """The key of suppression lists.

        Raises
        ------
        SecretError
            If there is none.
        """
        if self.suppression is None:
            raise SecretError(
                "a suppression list has a key of its own",
                given="the secrets hold none, and TACTFUL_SUPPRESSION_KEY is not set",
                do="Run `tactful keys secrets --out` with the file of your secrets: it adds the key",
            )
        return self.suppression

    def hand_over(self, path: str | Path) -> None:
        """The key of suppression lists is in a new file for its owner alone, without the others: for a service.

        Raises
        ------
        SecretError
            If the file exists, or there is no such key.
        """
        _write_new(Path(path), {"suppression": self.for_lists()})

    def halves(self, pseudonyms: Iterable[str]) -> list[int]:
        """For each pseudonym 0 or 1: a keyed hash in a domain of its own, so that it says nothing about `places`."""
        return [digest[0] & 1 for digest in _hmac_sha256(self.assignment, (_HALF + name for name in pseudonyms))]


def _hmac_sha256(key: bytes, texts: Iterable[str]) -> Iterator[bytes]:
    """HMAC (RFC 2104) of each text; the key is mixed in once for all, which takes a third of `hmac.digest`'s time."""
    block = key.ljust(64, b"\x00")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    for text in texts:
        first, second = inner.copy(), outer.copy()
        first.update(text.encode())
        second.update(first.digest())
        yield second.digest()


def _write_new(path: Path, keys: Mapping[str, bytes]) -> None:
    """The keys are in a new file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SecretError("a key file is never overwritten", given=f"{path} exists", do="Name another file") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.writelines(f'{name} = "{key.hex()}"\n' for name, key in keys.items())
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, content: bytes) -> None:
    """The file holds this, durably and for its owner alone, or still what it held."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
        _sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """What was renamed in the folder stays so when the power fails."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fingerprint(key: bytes, name: str) -> str:
    """Sixteen hexadecimal digits under the key, in a domain of their own."""
    return hmac.digest(key, f"\x00tactful {name} fingerprint".encode(), hashlib.sha256).hex()[:16]


def _parsed(found: Mapping[str, object], place: str) -> Keys:
    """Keys from hexadecimal text; the error never repeats what it read."""
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise SecretError(
            "all three keys are given in one place", given=f"{place} lacks {', '.join(missing)}", do=ADVICE
        )
    try:
        named = {name: bytes.fromhex(str(found[name])) for name in NAMES if name in found}
        return Keys(**named, storage_older=tuple(map(bytes.fromhex, _listed(found.get(OLDER, ())))))
    except ValueError:
        raise SecretError(
            "keys are hexadecimal text", given=f"one in {place} is not", do="Make them with Keys.create"
        ) from None


def _listed(found: object) -> list[str]:
    """The older storage keys as texts; what is no list is a text that is no key."""
    if not isinstance(found, Sequence) or isinstance(found, str):
        return ["no list"]
    return [str(key).strip().lower() for key in found]
