"""Who may train and who may do the privacy officer's work; and the signatures with which they answer for it.

The file is TOML; without it, or with nobody in it, whoever holds the secrets may do everything::

    [[actor]]
    name = "Ada"
    public_key = "ed25519:…"
    roles = ["trainer", "officer"]

Notes
-----
Whoever does it no more stays listed with ``roles = []``: what bears their key must then still be signed with it. From
then on no role is everybody's: who may train and who is the officer has to be said.

Whose approval of a model counts stands elsewhere, in the reviewers' file (`tactful.scoring.trust`): services read that
one too, and need to know nothing of trainers and officers.

A role keeps a colleague from doing by mistake what is not theirs, and shows who did what. It keeps nobody away who can
read the stores and their secrets: those are files and databases, guarded by their own permissions.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.errors import ConfigError, ModelRefusedError, NotFoundError, RefusedError
from tactful.records.journal import ACT, JSON, StoredEntry, act_of
from tactful.records.store import Records
from tactful.scoring.signing import SignedDocument, is_public_text, load_private, public_text

DEFAULT_FILE = Path("configs/actors.toml")
Role = Literal["trainer", "officer"]
ROLES: frozenset[str] = frozenset({"trainer", "officer"})
"""``trainer`` makes candidates; ``officer`` keeps consents and stores, answers people, and reports a breach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actors:
    """The people with a role.

    Attributes
    ----------
    names : mapping of str to str
        Name by public key.
    roles : mapping of str to frozenset of str
        What each may do, by public key.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, source: str | Path | None = None) -> Actors:
        """The actors in `source`, else in what ``TACTFUL_ACTORS`` names, else in ``configs/actors.toml``; else nobody.

        Raises
        ------
        NotFoundError
            If a file is named that does not exist.
        ConfigError
            If the file is not as described above.
        """
        named = source if source is not None else os.environ.get("TACTFUL_ACTORS")
        path = Path(named) if named else DEFAULT_FILE
        if path.is_file():
            return _parse(path)
        if named:
            raise NotFoundError("the actors' file must be there", given=f"there is no {path}", do="Correct its path")
        return cls()

    def holders(self, role: Role) -> frozenset[str]:
        """The public keys of those who have the role."""
        return frozenset(key for key, roles in self.roles.items() if role in roles)

    def check(self, role: Role, key: str | Path | None = None, *, alone: bool = False) -> str | None:
        """The public key of who acts, for the journal; None where nobody says who they are.

        Parameters
        ----------
        role : Role
            What is about to be done.
        key : str or Path, optional
            Private key file of whoever does it; else the file that ``TACTFUL_ACTOR_KEY`` names.
        alone : bool, default=False
            Whether nobody else may do it as soon as anybody is listed, with whatever role: a trainer would otherwise
            change the limit of their own trainings where nobody is the officer.

        Raises
        ------
        RefusedError
            If somebody has the role, and this is nobody of them; or if nobody has it any more, because whoever had
            one stays listed without.
        SecretError
            If the key file cannot be used.
        """
        private = actor_key(key)
        public, holders = public_text(private) if private else None, self.holders(role)
        given_up = not all(self.roles.values())
        if (holders or given_up or (alone and self.roles)) and public not in holders:
            raise RefusedError(
                f"only somebody with the role {role} may do this",
                given="the key given is another's" if public else "no key was given",
                do="Give theirs with --key or TACTFUL_ACTOR_KEY, or have the role added to the actors' file",
                role=role,
            )
        return public

    def act(
        self, records: Records, role: Role, key: str | Path | None = None, *, alone: bool = False
    ) -> tuple[Records, str | None]:
        """The same records, in which what this actor appends is signed; and the actor's public key, for the journal.

        Raises
        ------
        RefusedError, SecretError
            As `check`.
        """
        actor, private = self.check(role, key, alone=alone), actor_key(key)
        return (records.signing(Signature(private)) if private else records), actor


class Signature:
    """Signs what one actor appends to the journal; see `tactful.records.store.Records.signing`."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key, self.public = key, public_text(key)

    def __repr__(self) -> str:
        return f"Signature({self.public})"

    def sign(self, act: Mapping[str, JSON]) -> str:
        """The signature on an act, 128 hexadecimal digits; good for nothing but acts."""
        return SignedDocument.sign(act, self._key, purpose="act").signature


def actor_key(key: str | Path | None = None) -> Ed25519PrivateKey | None:
    """The private key in this file, else in the one that ``TACTFUL_ACTOR_KEY`` names; None where neither is said.

    Raises
    ------
    SecretError
        If the file cannot be used.
    """
    named = key or os.environ.get("TACTFUL_ACTOR_KEY")
    return load_private(named) if named else None


def check_acts(stored: Iterable[StoredEntry], holders: Collection[str] = ()) -> list[str]:
    """What is wrong with the signatures in the journal, a sentence for each entry that is not its actor's.

    Parameters
    ----------
    stored : iterable of StoredEntry
    holders : collection of str
        The public keys of those who have a role. Whatever bears one of them was signed with it, as an act or as the
        statement about a model that it holds, or somebody else wrote it: no command names an actor without their key.
        Others may be named without a signature; until somebody has a role, nobody need sign.
    """
    rows = list(stored)
    altered = [row for row in rows if not _fits(row)]
    told = [f"entry {row.sequence} ({row.kind}) is not as its actor signed it" for row in altered]
    alleged = [row for row in rows if row.actor in holders and row not in altered and not _is_signed(row)]
    return told + [f"entry {row.sequence} ({row.kind}) bears an actor's key and not their signature" for row in alleged]


def _is_signed(row: StoredEntry) -> bool:
    """Whether an entry has its actor's signature, which is not checked here if it is an act's."""
    try:
        if act_of(row)[1] is not None:
            return True
        body: dict[str, Any] = json.loads(row.body)
        document = SignedDocument(payload=body["payload"], public_key=str(row.actor), signature=body["signature"])
        document.verify(purpose="candidate" if body["payload"]["decision"] == "candidate" else "approval")
    except (AttributeError, KeyError, TypeError, ValueError, ModelRefusedError):
        return False
    return True


def _fits(row: StoredEntry) -> bool:
    """Whether an entry has no signature, or the one that its actor put there."""
    body = row.body if isinstance(row.body, bytes) else str(row.body).encode()  # whoever edits may leave a text
    if f'"{ACT}":'.encode() not in body:
        return True
    try:
        act, signature = act_of(row)
        if signature is not None:
            SignedDocument(payload=act, public_key=str(row.actor), signature=signature).verify(purpose="act")
    except (AttributeError, TypeError, ValueError, ModelRefusedError):
        return False
    return True


def _parse(path: Path) -> Actors:
    """The actors of a TOML file, every key of it known."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, f"it is not valid TOML ({error})") from error
    if "reviewer" in document:
        raise _bad(path, 'it says [[reviewer]]: write [[actor]], with a line such as roles = ["officer"]')
    listed = document.get("actor", [])
    if set(document) - {"actor"} or not isinstance(listed, list):
        raise _bad(path, "it has other keys")
    for entry in listed:
        _check(path, entry)
    keys = [entry["public_key"] for entry in listed]
    if len(set(keys)) < len(keys):
        raise _bad(path, "a key is listed twice")
    return Actors(
        names=MappingProxyType({entry["public_key"]: entry["name"] for entry in listed}),
        roles=MappingProxyType({entry["public_key"]: frozenset(entry["roles"]) for entry in listed}),
    )


def _check(path: Path, entry: Any) -> None:
    """Raise unless an entry has a name, a public key and known roles."""
    if not isinstance(entry, dict) or set(entry) != {"name", "public_key", "roles"}:
        raise _bad(path, "an actor has a name, a public_key and roles, and nothing else")
    if not isinstance(entry["name"], str) or not entry["name"].strip():
        raise _bad(path, "an actor's name is a text")
    if not is_public_text(entry["public_key"]):
        raise _bad(path, f"the public_key of {entry['name']} is none")
    roles = entry["roles"]
    if not isinstance(roles, list) or not all(role in ROLES for role in roles):
        known = " and ".join(sorted(ROLES))
        raise _bad(path, f"the roles of {entry['name']} are others than {known} (reviewers have a file of their own)")


def _bad(path: Path, what: str) -> ConfigError:
    """The error for a file that is not as described."""
    return ConfigError(
        "the actors' file lists name, public_key and roles of each [[actor]]",
        given=f"in {path} {what}",
        do="Correct the file",
    )
