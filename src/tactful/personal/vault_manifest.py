"""The vault's table of contents: which files count, and under which policy their rows came in.

It is sealed as a whole, so that nobody without the storage key can read it, alter it or put another in its place, and
it is replaced as a whole, so that every reader sees one generation of the vault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Literal

from tactful.errors import SecretError
from tactful.personal.keys import Keys
from tactful.personal.vault_cipher import sha256
from tactful.records.sealing import Sealer

Drawer = Literal["interactions", "attributes"]
"""What people did, and what they told about themselves: never in one file."""
_BOUND = b"tactful vault manifest 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFile:
    """One file of the vault.

    Attributes
    ----------
    name : str
        Month, digit and chance; nothing else about anybody.
    drawer : Drawer
    month : str
        ``2026-03``; empty for attributes, which have no time.
    digit : str
        The first hexadecimal digit of its people's pseudonyms.
    rows, size : int
        Rows, and bytes.
    sha256 : str
        Of the file as it is stored.
    key : str
        The fingerprint of the storage key that opens it.
    """

    name: str
    drawer: Drawer
    month: str
    digit: str
    rows: int
    size: int
    sha256: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPolicy:
    """Why rows are held and for how long, as the last config said.

    Attributes
    ----------
    purpose : str
        What people agreed to whose rows are here.
    retention_days : int, days
    retention : mapping of str to int, days
        Shorter times of sensitive categories.
    attributes : mapping of str to tuple of str
        The declared columns about people and their levels.
    """

    purpose: str = "personalization.training"
    retention_days: int = 0
    retention: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def days(self, categories: tuple[str, ...]) -> int:
        """How long a row of an item of these categories may be kept: the shortest time counts."""
        return min([self.retention_days, *(self.retention[name] for name in categories if name in self.retention)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One generation of the vault.

    Attributes
    ----------
    generation : int
        Rises by one with each change; 0 is the empty vault.
    made_at : str
        When, in ISO 8601 and UTC.
    pseudonym_key : str
        The fingerprint of the key by which people are known here.
    policy : VaultPolicy
    files : tuple of VaultFile
    """

    generation: int
    made_at: str
    pseudonym_key: str
    policy: VaultPolicy
    files: tuple[VaultFile, ...]

    @classmethod
    def empty(cls, keys: Keys) -> Manifest:
        """The manifest of a vault in which there is nothing yet."""
        known_by = keys.fingerprints()["pseudonym"]
        return cls(generation=0, made_at="", pseudonym_key=known_by, policy=VaultPolicy(), files=())

    @classmethod
    def unsealed(cls, sealed: bytes, sealer: Sealer, keys: Keys) -> Manifest:
        """The manifest that was sealed.

        Raises
        ------
        SecretError
            If the storage key that sealed it is not among the secrets, it was altered, or people are known here by
            another pseudonym key.
        """
        told = json.loads(sealer.open(sealed, bound_to=_BOUND))
        policy = told["policy"]
        attributes = {name: tuple(levels) for name, levels in policy["attributes"].items()}
        found = cls(
            generation=told["generation"],
            made_at=told["made_at"],
            pseudonym_key=told["pseudonym_key"],
            policy=VaultPolicy(**(policy | {"attributes": attributes})),
            files=tuple(VaultFile(**file) for file in told["files"]),
        )
        given = keys.fingerprints()["pseudonym"]
        if found.pseudonym_key != given:
            raise SecretError(
                "people are known in the vault by the pseudonym key that they came in with",
                given=f"its fingerprint is {found.pseudonym_key}, that of the key given {given}",
                do="Restore the secrets that go with this vault",
            )
        return found

    def sealed(self, sealer: Sealer) -> bytes:
        """The manifest as it is stored."""
        return sealer.seal(json.dumps(asdict(self), sort_keys=True).encode(), bound_to=_BOUND)

    def following(self, made_at: datetime, files: tuple[VaultFile, ...], policy: VaultPolicy | None = None) -> Manifest:
        """The next generation."""
        listed = tuple(sorted(files, key=lambda file: file.name))
        return replace(
            self,
            generation=self.generation + 1,
            made_at=made_at.isoformat(),
            policy=policy or self.policy,
            files=listed,
        )

    def of(self, drawer: Drawer, digit: str | None = None) -> list[VaultFile]:
        """The files of a drawer, or those of its people whose pseudonyms begin with the digit."""
        return [file for file in self.files if file.drawer == drawer and digit in (None, file.digit)]


def digest(sealed: bytes) -> str:
    """What the journal calls a sealed manifest; the seal's chance makes it say nothing about what is inside."""
    return sha256(sealed)
