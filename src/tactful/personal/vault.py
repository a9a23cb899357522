"""The vault: interactions and attributes in encrypted files of tactful's own, under pseudonyms, by month.

Nothing is in it that a training may not use: rows enter through the consent gate and leave by `purge`. No row is ever
on disk in plain, not for a moment: tables are encrypted in memory.

Notes
-----
What the folder shows to somebody without the keys: how many files there are, how large, of which months, and of which
sixteenth of the pseudonyms. Deleting removes files; a copy that a disk, a snapshot or a backup keeps of them stays
encrypted, and is gone for good once the storage key that was current then is dropped (`tactful keys rotate`).

Copy the folder while nothing writes to it, and the records with it: the directory of people is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tactful.errors import NotFoundError, TactfulError, UsageError
from tactful.personal import vault_holdings, vault_ingest, vault_purge
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.times import in_utc
from tactful.personal.vault_folder import VaultFolder
from tactful.personal.vault_purge import Rules
from tactful.personal.vault_results import Forgotten, Holdings, Ingested, Purged, VaultReport
from tactful.personal.vault_rows import without
from tactful.personal.vault_store import VaultStore
from tactful.personal.vault_tables import EMPTY, attributes_with_ids, with_ids
from tactful.records.journal import JSON
from tactful.records.subjects import Subjects

DEFAULT_FOLDER = Path("models/vault")
"""Where the vault is when ``TACTFUL_VAULT`` says nothing."""
ROTATED = "vault.rotated"


class Vault:
    """Rows that people agreed to, kept. Made by `Vault.open`.

    Notes
    -----
    **Privacy.** *Reads* its own files, and the directory of people in the records. *Returns* rows with ids, in memory,
    to whoever holds the keys: they are to go through the consent gate. *Costs* nothing; nothing leaves. *Assumes* the
    secrets are not kept with the files they protect.
    """

    __slots__ = ("_store",)

    def __init__(self, store: VaultStore) -> None:
        self._store = store

    def __repr__(self) -> str:
        return f"Vault({self._store.folder.path})"

    @classmethod
    def open(cls, folder: str | Path | None = None, *, subjects: Subjects, keys: Keys, create: bool = False) -> Vault:
        """The vault in a folder; what an interrupted change left is put right first.

        Parameters
        ----------
        folder : str or Path, optional
            Else what ``TACTFUL_VAULT`` names, else ``models/vault``.
        subjects : Subjects
            The directory of people, in the records that the vault belongs to.
        keys : Keys
        create : bool, default=False
            Whether to make a vault that is not there.

        Raises
        ------
        NotFoundError
            If there is none, and none is to be made.
        SecretError
            If the keys are not those of this vault: nothing was read or written.
        """
        place = placed(folder)
        store = VaultStore(place, subjects=subjects, keys=keys)
        if create:
            place.make()
        elif not cls.exists(folder):
            raise NotFoundError(
                "there must be a vault",
                given=f"there is none at {place.path}",
                do="Run `tactful ingest`, or set TACTFUL_VAULT; a table of your own is named under [data]",
            )
        if place.staged() is not None:
            with place.locked(wait=False) as alone:
                if alone:
                    store.settle()
        store.manifest()
        return cls(store)

    @staticmethod
    def exists(folder: str | Path | None = None) -> bool:
        """Whether there is a vault in the folder, which is chosen as by `open`."""
        place = placed(folder)
        return place.manifest() is not None or place.staged() is not None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._store.folder.path

    def ingest(
        self,
        log: InteractionLog,
        gate: ConsentGate,
        *,
        policy: Policy,
        purpose: str = "personalization.training",
        demographics: Demographics | None = None,
        specs: Sequence[AttributeSpec] = (),
        actor: str | None = None,
        note: Mapping[str, JSON] | None = None,
    ) -> Ingested:
        """What the gate admits of the log is in the vault; every other row stays outside, and is counted by reason.

        A log may be ingested again, or a longer one that holds it: what is held already is not held twice.

        Parameters
        ----------
        log : InteractionLog
        gate : ConsentGate
        policy : Policy
            The gate's: how long rows will be kept, and which items are sensitive.
        purpose : str
            What people must have agreed to.
        demographics : Demographics, optional
            Attributes; they enter as far as they are declared by `specs` and people gave ``fairness.assessment`` or
            ``fairness.mitigation``.
        specs : sequence of AttributeSpec
        actor : str, optional
            The public key of whoever does it.
        note : mapping, optional
            What else the journal is to say, such as the names of sources. Never a person's id.

        Raises
        ------
        UsageError
            If the purpose is none, or a table or a key is wrong; then nothing has entered.
        """
        return vault_ingest.ingest(
            self._store,
            log,
            gate,
            policy=policy,
            purpose=purpose,
            demographics=demographics,
            specs=specs,
            actor=actor,
            note=dict(note or {}),
        )

    def interactions(self, *, pseudonyms: Iterable[str] | None = None) -> pa.Table:
        """What people did: ``user_id``, ``item_id`` and ``timestamp``, of everybody or of these people.

        Whoever was erased and whose key is destroyed has no rows here, even before their rows are gone from the files.

        Raises
        ------
        SchemaError
            If a file is missing or altered.
        UsageError
            If the records do not know the people of the vault.
        """
        wanted = None if pseudonyms is None else frozenset(pseudonyms)
        tables = self._store.tables("interactions", None if wanted is None else frozenset(name[0] for name in wanted))
        if not tables:
            return EMPTY
        table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        return with_ids(table, self._store.subjects, wanted)[1]

    def attributes(self, *, pseudonyms: Iterable[str] | None = None) -> pa.Table | None:
        """What people told, all or these: ``user_id`` and the declared columns; None where nothing is held.

        Raises
        ------
        SchemaError, UsageError
            As `interactions`.
        """
        wanted = None if pseudonyms is None else frozenset(pseudonyms)
        tables = self._store.tables("attributes", None if wanted is None else frozenset(name[0] for name in wanted))
        return attributes_with_ids(tables, self._store.subjects, wanted)

    def forget(self, pseudonym: str) -> Forgotten:
        """Nothing is held of this person any more; it does no harm if nothing was.

        Not to be called inside a transaction of the records: another change may hold the vault and wait for those.
        Nothing is written to the journal: an erasure has entries of its own, the last of which takes in the `facts`
        returned, so that a vault put back from before the erasure is noticed.
        """
        person, digit, rows, told = bytes.fromhex(pseudonym), pseudonym[0], 0, False
        with self._store.changing() as change:
            for file in [file for file in change.files if file.digit == digit]:
                held = self._store.table(file)
                rest = without(held, person)
                if rest.num_rows == held.num_rows:
                    continue
                change.put(rest, drawer=file.drawer, month=file.month, digit=digit)
                rows += (held.num_rows - rest.num_rows) * (file.drawer == "interactions")
                told = told or file.drawer == "attributes"
            if change.changed:
                change.commit(None)
            generation, name = self._store.generation()
        return Forgotten(rows=rows, attributes=told, files=change.written, generation=generation, manifest=name)

    def purge(
        self,
        rules: Rules,
        *,
        dry_run: bool = False,
        actor: str | None = None,
        note: Mapping[str, JSON] | None = None,
    ) -> Purged:
        """Rows past retention, and rows that may not be used any more, are deleted; see `vault_purge`.

        Parameters
        ----------
        rules : Rules
        dry_run : bool, default=False
            Count, and change nothing.
        actor, note : optional
            As `ingest`.

        Raises
        ------
        UsageError
            If the time is in the future.
        TactfulError
            If the vault, read again, is not what it should be.
        """
        now = self._store.subjects.records.now()
        if in_utc(rules.as_of) > in_utc(now):
            raise UsageError(
                "a purge goes by now or a past time", given="a future time", do="Give a time that has been"
            )
        found = vault_purge.purge(self._store, rules, dry_run=dry_run, actor=actor, note=dict(note or {}))
        if not found.verified:
            raise TactfulError(
                "what was purged is gone when the vault is read again", given="it is not", do="Report this as a bug"
            )
        return found

    def rotate(self, *, actor: str | None = None, note: Mapping[str, JSON] | None = None) -> int:
        """Every file is encrypted under the current storage key; how many were not.

        Whoever reads meanwhile reads the files of before, with a key that is among the older ones.

        Parameters
        ----------
        actor, note : optional
            As `ingest`.

        Raises
        ------
        SecretError
            If a file was encrypted under a storage key that is not among the secrets; nothing is changed then.
        """
        current = self._store.keys.fingerprints()["storage"]
        sealed = self._store.folder.manifest()
        with self._store.changing() as change:
            stale = [file for file in change.files if file.key != current]
            if not stale and (sealed is None or self._store.cipher.sealer.is_current(sealed)):
                return 0
            for file in stale:
                change.put(self._store.table(file), drawer=file.drawer, month=file.month, digit=file.digit)
            body: dict[str, JSON] = {
                "files": len(stale),
                "from": sorted({file.key for file in stale}),
                "to": current,
                **(note or {}),
            }
            change.commit(lambda journal, facts: journal.append(ROTATED, {**body, **facts}, actor=actor))
        return len(stale) or 1

    def describe(self) -> Holdings:
        """What is held: columns and categories, why, until when, of how many people."""
        return vault_holdings.describe(self._store)

    def verify(self) -> VaultReport:
        """Whether every file is there as it was written, and the vault is not older than the journal says."""
        return vault_holdings.verify(self._store)


def placed(folder: str | Path | None) -> VaultFolder:
    """The folder that is named, by the caller or the environment, or the usual one."""
    return VaultFolder(Path(folder or os.environ.get("TACTFUL_VAULT") or DEFAULT_FOLDER))
