"""Where secrets come from: a file, the environment or a command; and what it means to lose one.

Keep a copy of the secrets away from the data they protect: whoever has both has everything, and whoever has neither key
nor copy has nothing. What is lost with each key, if there is no copy:

========== ============================================== ==================================== =====================
key        what stops                                     what tactful says                    what remains
========== ============================================== ==================================== =====================
pseudonym  vault and stores cannot be joined to ids again refused before anything is read      erase and ingest anew
storage    ids and rows stay unreadable for good          names the fingerprint of what lacks  what is released
assignment training and evaluation people are told anew   every debit counts against both      everything, at a cost
suppression services cannot read their lists              services refuse to profile           lists of consent anew
========== ============================================== ==================================== =====================

Without the suppression key, lists of **objection** are lost for good once somebody was erased: beside them stands who
may never be profiled again, and only that key can tell who it is. Tactful refuses to make one under another key.

A storage key that was rotated away is needed as long as something is sealed under it, backups included: it stays among
the older ones until `Keys.drop_older`.

Notes
-----
A command is for secrets that a vault of the business's own keeps: ``TACTFUL_SECRET_COMMAND="pass show tactful"``. It is
split like a shell would, and run without one. What it prints is read as the file would be, and never repeated.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tactful.errors import NotFoundError, SecretError

NEEDED = ("pseudonym", "storage", "assignment")
"""The keys without which nothing runs."""
NAMES = (*NEEDED, "suppression")
"""All keys."""
OLDER = "storage_older"
"""What storage keys that were rotated away are called: a list, the youngest first."""
SECRET_FILE, SECRET_COMMAND = "TACTFUL_SECRET_FILE", "TACTFUL_SECRET_COMMAND"
DEFAULT_FILE = Path("models/secrets.toml")
"""Where the keys are looked for when the environment says nothing."""
ADVICE = (
    f"Set TACTFUL_PSEUDONYM_KEY, TACTFUL_STORAGE_KEY and TACTFUL_ASSIGNMENT_KEY, or {SECRET_FILE}, or {SECRET_COMMAND}"
    "; `tactful keys secrets` makes them, once for a population"
)
_OLDER_VARIABLE = "TACTFUL_STORAGE_KEY_OLDER"
_SECONDS = 30


class SecretProvider(Protocol):
    """Something that gives secrets."""

    @property
    def place(self) -> str:
        """What errors call it; never a secret."""

    def secrets(self) -> Mapping[str, object]:
        """Hexadecimal text by the name of the key, as found.

        Raises
        ------
        SecretError, NotFoundError
            If there is nothing to read. The error repeats nothing of what was read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSecrets:
    """A TOML file that only its owner can read.

    Attributes
    ----------
    path : Path
    """

    path: Path

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def secrets(self) -> Mapping[str, object]:
        """See `SecretProvider.secrets`."""
        if not self.path.is_file():
            raise NotFoundError("the key file exists", given=f"{self.path} is no file", do="Make one with Keys.create")
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SecretError(
                    "only its owner may read the key file",
                    given=f"{self.path} is open to others",
                    do=f"Run: chmod 600 {self.path}",
                )
            return _parsed(file.read(), f"the key file {self.path}", "Make one with Keys.create")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSecrets:
    """Variables such as ``TACTFUL_STORAGE_KEY``; older storage keys are separated by commas.

    Attributes
    ----------
    environment : mapping of str to str
    """

    environment: Mapping[str, str]

    def __repr__(self) -> str:
        return "EnvironmentSecrets()"

    @property
    def place(self) -> str:
        """The environment."""
        return "the environment"

    def secrets(self) -> Mapping[str, object]:
        """See `SecretProvider.secrets`; variables that are empty are not there."""
        found: dict[str, object] = {
            name: value for name in NAMES if (value := self.environment.get(f"TACTFUL_{name.upper()}_KEY"))
        }
        older = self.environment.get(_OLDER_VARIABLE, "")
        return found | ({OLDER: [key.strip() for key in older.split(",") if key.strip()]} if older.strip() else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSecrets:
    """A command that prints the TOML of a key file.

    Attributes
    ----------
    command : str
        With its arguments, as a shell would split them; run without a shell.
    """

    command: str

    def __repr__(self) -> str:
        return "CommandSecrets()"

    @property
    def place(self) -> str:
        """The variable that names the command, whose arguments may be secret themselves."""
        return f"the command of {SECRET_COMMAND}"

    def secrets(self) -> Mapping[str, object]:
        """See `SecretProvider.secrets`."""
        given, printed = _run(self.command)
        if given is not None:
            raise SecretError(
                f"{self.place} prints the secrets within {_SECONDS} seconds",
                given=given,
                do="Run it by hand to see what it says; nothing of that is repeated here",
            )
        return _parsed(printed, f"what {self.place} prints", "Let it print what `tactful keys secrets` writes")


def provider(path: str | Path | None = None) -> SecretProvider:
    """Who gives the secrets: the file named here, else the environment, else a command, else a file.

    Raises
    ------
    SecretError
        If nothing is set and there is no `DEFAULT_FILE`, or both a command and a file are set.
    """
    if path is not None:
        return FileSecrets(path=Path(path))
    environment = EnvironmentSecrets(environment=os.environ)
    if environment.secrets().keys() & set(NEEDED):
        return environment
    command, named = os.environ.get(SECRET_COMMAND), os.environ.get(SECRET_FILE)
    if command and named:
        raise SecretError(
            "secrets come from one place", given=f"{SECRET_COMMAND} and {SECRET_FILE} are set", do="Unset one of them"
        )
    if command:
        return CommandSecrets(command=command)
    if not named and not DEFAULT_FILE.is_file():
        raise SecretError(
            "the three keys are given by the environment, a command or a file",
            given=f"none is set, and there is no {DEFAULT_FILE}",
            do=ADVICE,
        )
    return FileSecrets(path=Path(named) if named else DEFAULT_FILE)


def _run(command: str) -> tuple[str | None, bytes]:
    """What is wrong with the command, or None, and what it printed. Its own errors would quote it, and stay inside."""
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603 (the operator's own command, without a shell)
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "it takes longer", b""
    except (OSError, ValueError, IndexError) as error:
        return f"it cannot be run ({getattr(error, 'strerror', None) or 'its quotes or words are not right'})", b""
    return (f"it ends with exit code {done.returncode}" if done.returncode else None), done.stdout


def _parsed(content: bytes, what: str, do: str) -> Mapping[str, Any]:
    """The TOML; the error, raised outside the handler, carries nothing of it."""
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        pass
    raise SecretError(f"{what} is TOML", given="it is not", do=do)
