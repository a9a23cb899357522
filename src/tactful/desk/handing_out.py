"""What the officer's requests about one person do besides answering: they are journalled, and files are private."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from tactful.desk.dossier import Dossier, dossier
from tactful.desk.dossier_page import dossier_page
from tactful.desk.impact import Impact, impact
from tactful.desk.person import Desk, Person
from tactful.errors import RefusedError, UsageError
from tactful.records.journal import JSON
from tactful.records.reads import note_read
from tactful.records.subjects import SubjectKey

EXPORTED, LOOKED_UP = "subject.exported", "subject.impact"
SUFFIXES = (".html", ".json")
_OPEN_FILES = Path("/proc/self/fd")
"""Where a file that is open can be named, also one without a name."""


def export(desk: Desk, user_id: str, out: Path, *, actor: str | None = None, force: bool = False) -> Dossier:
    """The dossier of a person is in a file that only its owner can read, and the journal says so.

    Parameters
    ----------
    desk : Desk
    user_id : str
    out : Path
        ``.html`` for a person, ``.json`` for a machine.
    actor : str, optional
        The public key of whoever does it.
    force : bool, default=False
        Whether a file that is there may be replaced.

    Raises
    ------
    UsageError
        If it is no id, or the file cannot be written there.
    RefusedError
        If the person was erased meanwhile; then no file was written.

    Notes
    -----
    **Privacy.** *Reads* all that tactful can read of the person. *Returns* it, in a file for that person. Where it lies
    stands in the journal, sealed under their key. *Costs* nothing. *Assumes* whoever asks is the person, or acts for
    them.
    """
    check_place(out, force=force)
    person = desk.person(user_id)
    note_read(desk.records, "dossier", purpose="access of one person", actor=actor, sources=desk.names)
    found = dossier(desk, person)
    content = dossier_page(found) if out.suffix == ".html" else json.dumps(found.facts, ensure_ascii=False, indent=1)
    _journal(desk, person, found, EXPORTED, {"path": str(out.resolve())}, actor)
    write_private(out, content.encode(), force=force)
    try:
        _check_not_erased(desk, person)
    except RefusedError:
        out.unlink(missing_ok=True)
        raise
    return found


def look_up(desk: Desk, user_id: str, *, actor: str | None = None) -> Impact:
    """The models that a person's data were in; the journal says that it was looked up.

    Parameters
    ----------
    desk : Desk
    user_id : str
    actor : str, optional
        The public key of whoever does it.

    Raises
    ------
    UsageError
        If it is no id.
    RefusedError
        If the person was erased meanwhile.

    Notes
    -----
    **Privacy.** As `tactful.desk.impact.impact`.
    """
    person = desk.person(user_id)
    note_read(desk.records, "impact", purpose="access of one person", actor=actor, sources=desk.names)
    found = impact(desk, person)
    with desk.records.transaction() as transaction:
        _check_not_erased(desk, person)
        body: dict[str, JSON] = {} if person.key is None else {"subject": person.key.tag}
        transaction.append(LOOKED_UP, body, actor=actor)
    return found


def check_place(out: Path, *, force: bool, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raise `UsageError` unless a file of such a name may be written there."""
    if suffixes and out.suffix not in suffixes:
        raise UsageError(
            f"a dossier is a file {' or '.join(suffixes)}", given=out.name, do="Name it so: .html is for a person"
        )
    if out.exists() and not (force and out.is_file()):
        do = "Name another, or --force" if suffixes else "Name another"
        raise UsageError("a file is not replaced unasked", given=f"{out} is there", do=do)
    if not out.resolve().parent.is_dir():
        raise UsageError("a file is written to a folder", given=f"{out.parent} is none", do="Make it, or name another")


def write_private(out: Path, content: bytes, *, force: bool) -> None:
    """The file holds this, whole and for its owner alone.

    Until all of it is there it has no name, so that whoever is killed leaves nothing. A file system that cannot do so,
    and the moment in which another file is replaced, may leave one that `drafts_of` finds.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    draft = out.with_name(f".{out.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(_fresh(draft), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            _name(file.fileno(), draft, draft if force else out)
        if force:
            draft.replace(out)
    except OSError as error:
        raise UsageError("the file can be written", given=f"{out}: {error.strerror}", do="Name another") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def drafts_of(path: Path) -> list[Path]:
    """What somebody who was killed while writing a file of the desk may have left beside it."""
    name = glob.escape(f".{path.name}")
    return sorted(path.parent.glob(f"{name}[-.]????????"))


def _fresh(draft: Path) -> int:
    """A new file for its owner alone, without a name where that can be had."""
    if _OPEN_FILES.is_dir():
        with contextlib.suppress(OSError):
            return os.open(draft.parent, os.O_WRONLY | os.O_TMPFILE, 0o600)
    return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _name(file: int, draft: Path, name: Path) -> None:
    """The open file has this name; it has that of a draft, or none."""
    if not draft.exists():
        folder = os.open(name.parent, os.O_RDONLY)
        try:
            os.link(_OPEN_FILES / str(file), name.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
    elif name != draft:
        os.link(draft, name)


def _journal(desk: Desk, person: Person, found: Dossier, kind: str, said: dict[str, JSON], actor: str | None) -> None:
    """The journal says what was done, and about whom as far as tactful keeps anything of them.

    Of somebody of whom nothing is held nothing is kept either, nor of somebody who was erased. Nothing is handed out of
    whoever was erased since they were looked up: no work order would name the file.
    """
    with desk.records.transaction() as transaction:
        _check_not_erased(desk, person)
        key: SubjectKey | None = person.key
        if key is None and any(found.held.values()) and person.erased_at is None:
            key = desk.subjects.enrol(transaction, [person.user_id])[person.pseudonym]
        body: dict[str, JSON] = {} if key is None else {"subject": key.tag, "sealed": key.seal(said)}
        transaction.append(kind, body, actor=actor)


def _check_not_erased(desk: Desk, person: Person) -> None:
    """Raise `RefusedError` if the person was erased since they were looked up."""
    if person.erased_at is None and person.pseudonym in desk.subjects.erased():
        raise RefusedError(
            "what is handed out is of somebody who is not being erased",
            given="the person was erased while this ran",
            do="Ask again for what is still known",
        )
