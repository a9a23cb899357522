"""What the vault does to its folder: read one generation, or change it to the next, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import pyarrow as pa

from tactful.errors import SchemaError
from tactful.personal.keys import Keys
from tactful.personal.vault_cipher import Cipher
from tactful.personal.vault_folder import VaultFolder
from tactful.personal.vault_manifest import Drawer, Manifest, VaultFile, VaultPolicy, digest
from tactful.records.journal import JSON
from tactful.records.store import Records, Transaction
from tactful.records.subjects import Subjects

_KINDS: Final = ("vault.", "subject.erased")
"""How the kinds of those entries in the journal begin that may name a generation of the vault."""
Write = Callable[[Transaction, Mapping[str, JSON]], object]
"""Writes into the transaction with which a change is made; gets what names the new generation."""


class VaultStore:
    """A folder, the keys that open it and the directory of the people in it.

    Parameters
    ----------
    folder : VaultFolder
    subjects : Subjects
    keys : Keys
    """

    __slots__ = ("cipher", "folder", "keys", "subjects")

    def __init__(self, folder: VaultFolder, *, subjects: Subjects, keys: Keys) -> None:
        self.folder, self.subjects, self.keys = folder, subjects, keys
        self.cipher = Cipher(keys)

    def __repr__(self) -> str:
        return f"VaultStore({self.folder.path})"

    def manifest(self) -> Manifest:
        """The generation that counts; the number of an empty vault follows from the journal, as no number comes again.

        Raises
        ------
        SecretError
            If the keys are not those of this vault.
        """
        sealed = self.folder.manifest()
        if sealed is not None:
            return Manifest.unsealed(sealed, self.cipher.sealer, self.keys)
        last = max((int(str(body["generation"])) for body in self.told()), default=0)
        return replace(Manifest.empty(self.keys), generation=last)

    def generation(self) -> tuple[int, str]:
        """The number of the generation that counts, and what the journal calls it; 0 and nothing if there is none.

        Not to be called while others may change the vault.
        """
        sealed = self.folder.manifest()
        return self.manifest().generation, "" if sealed is None else digest(sealed)

    def told(self) -> list[Mapping[str, JSON]]:
        """What the journal tells of generations of the vault: changes, and erasures, which change it on their own."""
        return told(self.subjects.records)

    def table(self, file: VaultFile, columns: list[str] | None = None) -> pa.Table:
        """What is in one file.

        Raises
        ------
        FileNotFoundError
            If it is gone.
        SchemaError
            If it was altered, or holds another number of rows.
        """
        found = self.cipher.decrypted(self.folder.content(file), columns)
        if found.num_rows != file.rows:
            raise SchemaError(
                "a file of the vault holds the rows that the manifest says",
                given=f"{file.name} has another number of them",
                do="Restore the vault from a copy",
            )
        return found

    def tables(self, drawer: Drawer, digits: frozenset[str] | None = None) -> list[pa.Table]:
        """What is in a drawer of one generation, of people whose pseudonyms begin with these digits.

        Files are removed once a later generation counts: whoever finds one gone reads the later generation instead.

        Raises
        ------
        SchemaError
            If a file of the generation that counts is missing or altered.

        Notes
        -----
        **Privacy.** *Reads* the files. *Returns* rows under pseudonyms, to `tactful.personal.vault`. *Costs* nothing;
        nothing leaves. *Assumes* the process's memory is inside the trust boundary.
        """
        manifest = self.manifest()
        while True:
            wanted = [file for file in manifest.of(drawer) if digits is None or file.digit in digits]
            try:
                return [self.table(file) for file in wanted]
            except FileNotFoundError:
                later = self.manifest()
            if later.generation == manifest.generation:
                raise SchemaError(
                    "every file of the vault is there", given="one is missing", do="Restore the vault from a copy"
                )
            manifest = later

    def settle(self) -> None:
        """A change that was interrupted is finished if the journal knows of it, else undone. The lock is held."""
        staged = self.folder.staged()
        if staged is not None:
            known = {body["manifest"] for body in self.told()}
            self.folder.turn() if digest(staged) in known else self.folder.drop_staged()
        self.folder.sweep(self.manifest().files)

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """A change of the vault, alone; what was not committed at its end has not happened."""
        with self.folder.locked():
            self.settle()
            change = Change(self)
            try:
                yield change
            finally:
                if not change.committed:
                    self.settle()


class Change:
    """The next generation in the making. Made by `VaultStore.changing`.

    Attributes
    ----------
    before : Manifest
        The generation that counts.
    committed : bool
        Whether this one does.
    written : int
        How many files it wrote.
    """

    __slots__ = ("_files", "_store", "before", "committed", "written")

    def __init__(self, store: VaultStore) -> None:
        self._store, self.before = store, store.manifest()
        self._files = {(file.drawer, file.month, file.digit): file for file in self.before.files}
        self.committed, self.written = False, 0

    @property
    def files(self) -> list[VaultFile]:
        """The files that will count, as things stand."""
        return list(self._files.values())

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return set(self._files.values()) != set(self.before.files)

    def held(self, drawer: Drawer, month: str, digit: str) -> pa.Table | None:
        """What is in that place of the drawer, if anything is."""
        file = self._files.get((drawer, month, digit))
        return None if file is None else self._store.table(file)

    def put(self, table: pa.Table, *, drawer: Drawer, month: str, digit: str) -> None:
        """These rows are what will be in that place; no rows, no file."""
        self._files.pop((drawer, month, digit), None)
        if table.num_rows:
            self._files[drawer, month, digit] = self._store.folder.add(
                self._store.cipher.encrypted(table),
                drawer=drawer,
                month=month,
                digit=digit,
                rows=table.num_rows,
                key=self._store.keys.fingerprints()["storage"],
            )
            self.written += 1

    def commit(self, write: Write | None, *, policy: VaultPolicy | None = None) -> Manifest:
        """The next generation counts.

        Parameters
        ----------
        write : callable, optional
            Writes what is to be written to the records in one transaction with the change.
        policy : VaultPolicy, optional
            The policy from now on; as before if left out.
        """
        records, folder = self._store.subjects.records, self._store.folder
        made = self.before.following(records.now(), tuple(self._files.values()), policy)
        sealed = made.sealed(self._store.cipher.sealer)
        folder.stage(sealed)
        if write is not None:
            with records.transaction() as transaction:
                write(
                    transaction,
                    {"generation": made.generation, "manifest": digest(sealed), "vault": str(folder.path.resolve())},
                )
        folder.turn()
        self.committed = True
        folder.sweep(made.files)
        return made


def told(records: Records) -> list[Mapping[str, JSON]]:
    """What the entries of the journal say that name a generation of the vault, in order."""
    return [entry.body for entry in records.entries(_KINDS) if "manifest" in entry.body]
