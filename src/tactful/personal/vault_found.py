"""The vault that a command finds is the one that the journal tells of; where it finds none, that is no empty vault.

To erase somebody, to purge or to forget former keys says that nothing is left. Without this a folder that is not
mounted, or a ``TACTFUL_VAULT`` that is not set, would make them say so of rows that are still held.

Notes
-----
A vault may be moved: it is known again by a generation that the journal tells of. That this is not the last one is
what `Vault.verify` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tactful.errors import NotFoundError
from tactful.personal.keys import Keys
from tactful.personal.vault import Vault, placed
from tactful.personal.vault_folder import VaultFolder
from tactful.personal.vault_manifest import digest
from tactful.personal.vault_store import told
from tactful.records.journal import JSON
from tactful.records.store import Records
from tactful.records.subjects import Subjects


def found_vault(folder: str | Path | None = None, *, subjects: Subjects, keys: Keys) -> Vault | None:
    """The vault; None where there is none and never was.

    Parameters
    ----------
    folder : str or Path, optional
        As `Vault.open`.
    subjects : Subjects
    keys : Keys

    Raises
    ------
    NotFoundError
        If the journal tells of one, and here is none or another.
    SecretError
        As `Vault.open`.
    """
    check_found(subjects.records, folder)
    return Vault.open(folder, subjects=subjects, keys=keys) if Vault.exists(folder) else None


def check_found(records: Records, folder: str | Path | None = None) -> None:
    """Raise `NotFoundError` if the journal tells of a vault, and the one in the folder is none or another."""
    known, here = told(records), placed(folder)
    if known and not _recognised(here, known):
        places = [str(body["vault"]) for body in known if "vault" in body]
        raise NotFoundError(
            "the vault that the journal tells of is where this command looks",
            given=f"there is {'another' if Vault.exists(folder) else 'none'} at {here.path}"
            + (f", and the journal's was last at {places[-1]}" if places else ""),
            do="Set TACTFUL_VAULT to its folder, or restore it; then run this again",
        )


def _recognised(folder: VaultFolder, known: Sequence[Mapping[str, JSON]]) -> bool:
    """Whether what is in the folder is the journal's vault: by a generation that it tells of, or by its place.

    By its place alone where an erasure was interrupted: the journal does not tell of that generation yet.
    """
    names = {digest(sealed) for sealed in (folder.manifest(), folder.staged()) if sealed is not None}
    places = {body["vault"] for body in known if "vault" in body}
    by_place = not places or str(folder.path.resolve()) in places
    return bool(names) and (by_place or not names.isdisjoint(str(body["manifest"]) for body in known))
