"""``tactful keys rotate``: a new storage key, and everything under it, while others read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, keys
from tactful.errors import SecretError, counted
from tactful.personal.key_providers import FileSecrets, SecretProvider, provider
from tactful.personal.keys import Keys
from tactful.personal.vault import ROTATED
from tactful.personal.vault_found import check_found, found_vault
from tactful.records.journal import JSON
from tactful.records.store import Records
from tactful.records.subjects import Subjects


@keys.command("rotate")
def keys_rotate(
    drop_older: Annotated[
        bool, typer.Option("--drop-older", help="Instead: forget former storage keys, once nothing is under them.")
    ] = False,
    key: Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")] = None,
    json: Json = False,
) -> None:
    """Make a new storage key and put everything under it; or finish a rotation that was interrupted.

    Whoever reads meanwhile is not disturbed. Former keys stay in the file for copies and backups until --drop-older.

    Example: tactful keys rotate
    """
    giver, secrets = provider(), Keys.load()
    records, actor = Actors.load().act(Records.open(), "officer", key)
    check_found(records)  # before anything changes: what is in a vault that is not here would be shut for good
    told = _drop_older(giver, records, secrets) if drop_older else _rotate(giver, records, secrets, actor)
    if json:
        show.as_json(told)


def _rotate(giver: SecretProvider, records: Records, secrets: Keys, actor: str | None) -> dict[str, Any]:
    """Everything is under the current key, which is a new one unless a rotation was to be finished."""
    people, files = _reseal(records, secrets, actor) if secrets.storage_older else (0, 0)
    finished = bool(people or files)
    if not finished:
        if not isinstance(giver, FileSecrets):
            raise SecretError(
                "tactful changes keys in a file of its own",
                given="these secrets come from elsewhere",
                do="Make a new storage key there, put the present one first into storage_older, and run this again",
            )
        Keys.rotate_storage(giver.path)
        secrets = Keys.load()
        people, files = _reseal(records, secrets, actor)
    what = "finished the rotation that was interrupted" if finished else "made a new storage key"
    keys_of = f"the keys of {counted(people, 'person', 'people')} and {counted(files, 'file')}"
    show.say(f"{what}: {keys_of} are under {secrets.fingerprints()['storage']} now")
    show.say("former keys still open older copies; `tactful keys rotate --drop-older` forgets them for good")
    return {"storage_key": secrets.fingerprints()["storage"], "people": people, "files": files, "finished": finished}


def _reseal(records: Records, secrets: Keys, actor: str | None) -> tuple[int, int]:
    """How many people's keys and files were not under the current storage key, and are now."""
    subjects = Subjects.open(records, secrets)
    people = subjects.reseal(actor=actor)
    vault = found_vault(subjects=subjects, keys=secrets)
    if vault is not None:
        files = vault.rotate(actor=actor, note={"people": people})
        if files:
            return people, files
    if people:
        with records.transaction() as transaction:
            body: dict[str, JSON] = {"files": 0, "people": people, "to": secrets.fingerprints()["storage"]}
            transaction.append(ROTATED, body, actor=actor)
    return people, 0


def _drop_older(giver: SecretProvider, records: Records, secrets: Keys) -> dict[str, Any]:
    """Only the current storage key is left in the file, if everything opens with it."""
    if not isinstance(giver, FileSecrets):
        raise SecretError(
            "tactful changes keys in a file of its own",
            given="these secrets come from elsewhere",
            do="Remove storage_older there, once `tactful keys rotate` says that nothing is under an older key",
        )
    alone = replace(secrets, storage_older=())
    subjects = Subjects.open(records, alone)
    subjects.reseal()  # raises, and changes nothing, where an older key is needed
    vault = found_vault(subjects=subjects, keys=alone)
    problems = () if vault is None else vault.verify().problems
    if problems:
        raise SecretError(
            "everything opens with the current storage key, and the vault is as it was written",
            given=f"{counted(len(problems), 'problem')} in the vault, the first: {problems[0]}",
            do="Run `tactful keys rotate` and `tactful vault verify` first",
        )
    Keys.drop_older(giver.path)
    forgotten = counted(len(secrets.storage_older), "former storage key")
    show.say(f"forgot {forgotten}: what nothing else opens is shut for good")
    return {"storage_key": alone.fingerprints()["storage"], "dropped": len(secrets.storage_older)}
