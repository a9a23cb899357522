"""Separate secrets: for pseudonyms, for storage, for who trains and who evaluates, and for suppression lists."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tactful.errors import NotFoundError, SecretError

_BYTES = 32
_NEEDED = ("pseudonym", "storage", "assignment")
_NAMES = (*_NEEDED, "suppression")
_MARK = 16
_HALF = "\x00tactful half "  # no id begins like this: ids that are not clean are nobody's
_SECRET_FILE = "TACTFUL_SECRET_FILE"  # noqa: S105 (the name of a variable)
DEFAULT_FILE = Path("models/secrets.toml")
"""Where the keys are looked for when the environment says nothing."""
_ADVICE = f"Set TACTFUL_PSEUDONYM_KEY, TACTFUL_STORAGE_KEY and TACTFUL_ASSIGNMENT_KEY, or {_SECRET_FILE}"


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

    Notes
    -----
    They never come from a config: configs are shared and logged. An explicit path wins, then the environment variables
    (hexadecimal), then the TOML file named by ``TACTFUL_SECRET_FILE``, then ``models/secrets.toml``. Three are given in
    one place; the key of suppression lists may come from ``TACTFUL_SUPPRESSION_KEY`` beside a file of the others.
    """

    pseudonym: bytes
    storage: bytes
    assignment: bytes
    suppression: bytes | None = None

    def __post_init__(self) -> None:
        values = [value for name in _NAMES if (value := getattr(self, name)) is not None]
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
        """The keys of the file, else of the environment, else of the file that it names, else of `DEFAULT_FILE`.

        Raises
        ------
        SecretError
            If a key is missing or malformed, or the file can be read by others than its owner.
        NotFoundError
            If the file does not exist.
        """
        if path is not None:
            return _from_file(Path(path))
        given = {name: os.environ[_variable(name)] for name in _NAMES if os.environ.get(_variable(name))}
        if given.keys() & set(_NEEDED):
            return _parsed(given, "the environment")
        named = os.environ.get(_SECRET_FILE)
        if not named and not DEFAULT_FILE.is_file():
            raise SecretError(
                "the three keys are given by the environment or a file",
                given=f"neither is set, and there is no {DEFAULT_FILE}",
                do=_ADVICE,
            )
        return _from_file(Path(named) if named else DEFAULT_FILE, given)

    @classmethod
    def create(cls, path: str | Path) -> Keys:
        """Fresh keys, stored in a new file that only its owner can read.

        Raises
        ------
        SecretError
            If the file exists: lost keys cannot be made again.
        """
        made = {name: secrets.token_bytes(_BYTES) for name in _NAMES}
        _write_new(Path(path), made)
        return cls(**made)

    @classmethod
    def complete(cls, path: str | Path) -> Keys:
        """The keys of the file, which holds one for suppression lists from now on; the others stay as they are.

        Raises
        ------
        SecretError, NotFoundError
            As `load` does.
        """
        path = Path(path)
        if _from_file(path).suppression is None:
            line = f'suppression = "{secrets.token_bytes(_BYTES).hex()}"\n'
            _replace(path, line.encode("ascii") + path.read_bytes())  # at the top: a table may end the file
        return _from_file(path)

    def assignment_fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with the assignment key and say nothing else about it."""
        return hmac.digest(self.assignment, b"\x00tactful assignment fingerprint", hashlib.sha256).hex()[:16]

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


def _variable(name: str) -> str:
    """The environment variable of a key."""
    return f"TACTFUL_{name.upper()}_KEY"


def _from_file(path: Path, beside: Mapping[str, object] | None = None) -> Keys:
    """The keys in a TOML file that only its owner can read; those given beside it win."""
    if not path.is_file():
        raise NotFoundError("the key file exists", given=f"{path} is no file", do="Make one with Keys.create")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretError(
                "only its owner may read the key file", given=f"{path} is open to others", do=f"Run: chmod 600 {path}"
            )
        try:
            found = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise SecretError("the key file is TOML", given=f"{path} is not", do="Make one with Keys.create") from None
    return _parsed({**found, **(beside or {})}, str(path))


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
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _parsed(found: Mapping[str, object], place: str) -> Keys:
    """Keys from hexadecimal text; the error never repeats what it read."""
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise SecretError(
            "all three keys are given in one place", given=f"{place} lacks {', '.join(missing)}", do=_ADVICE
        )
    try:
        return Keys(**{name: bytes.fromhex(str(found[name])) for name in _NAMES if name in found})
    except ValueError:
        raise SecretError(
            "keys are hexadecimal text", given=f"one in {place} is not", do="Make them with Keys.create"
        ) from None
