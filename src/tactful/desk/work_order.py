"""What is left to do after an erasure, where tactful may not: tables that it only reads, files handed out, copies.

The order names places and counts, never the person: who is meant is "the person of request …", and whoever typed the id
at the terminal knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tactful.desk.handing_out import drafts_of
from tactful.desk.listed import lists_written
from tactful.desk.person import Desk, Person
from tactful.desk.requests import entries_about
from tactful.desk.tables import Held
from tactful.errors import counted
from tactful.records.reads import EXPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do.

    Attributes
    ----------
    place : str
        The file or the store.
    do : str
        What to do there, as a sentence.
    rows : int or None
        How many rows of the person are there; None where that was not counted.
    columns : tuple of str
        The columns of the table.
    """

    place: str
    do: str
    rows: int | None = None
    columns: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The task as plain values."""
        return {"place": self.place, "rows": self.rows, "columns": list(self.columns), "do": self.do}


def work_order(desk: Desk, person: Person, held: Sequence[Held]) -> tuple[Task, ...]:
    """What is left to do elsewhere once the person is erased here.

    Parameters
    ----------
    desk : Desk
    person : Person
    held : sequence of Held
        What the tables hold of them.

    Notes
    -----
    **Privacy.** *Reads* how many rows of the person each table has, and which files were written about them. *Returns*
    places and counts, for whoever carries it out. *Costs* nothing. *Assumes* names of files hold no id; whoever exports
    chooses them.
    """
    tables = (each for each in held if not each.table.own)
    return (*_of_tables(tables), *_of_files(desk, person), *_of_lists(desk), *_ELSEWHERE)


def as_text(tasks: Iterable[Task], *, request: str | None, time: str) -> str:
    """The order as text for a person, without an id; `request` is None where nothing is erased yet."""
    order = (
        f"Work order for the erasure of the person of request {request}, {time}.",
        "Tactful erases what it keeps itself. What follows is not its own to change:",
    )
    draft = (
        f"DRY RUN, {time}: NOTHING WAS ERASED. This is no work order yet.",
        "What would be left to do after an erasure, since it is not tactful's own to change:",
    )
    lines = [*(draft if request is None else order), ""]
    for number, task in enumerate(tasks, 1):
        rows = "" if task.rows is None else f" ({counted(task.rows, 'row')}; columns: {', '.join(task.columns)})"
        lines.append(f"{number:2d}. {task.place}{rows}: {task.do}")
    return "\n".join(lines) + "\n"


def _of_tables(held: Iterable[Held]) -> Iterator[Task]:
    """The business's own tables that hold rows of the person, or may."""
    for each in held:
        if each.rows is None:
            yield Task(place=each.table.place, do=f"Look here yourself, it could not be read: {each.problem}")
        elif len(each):
            columns = (*each.rows.table.column_names, *each.rows.not_read)
            yield Task(place=each.table.place, rows=len(each), columns=columns, do=_ERASE[each.table.role])


_ERASE: Mapping[str, str] = {
    "interactions": "Delete these rows. Until then the consent gate leaves them out of every training.",
    "consents": "Delete these rows, or keep them where a law asks for proof of consent: they allow nothing any more. "
    "As long as they are there, `consent status` and `subject export` show them, and `consent export` names the person "
    "as erased.",
    "subjects": "Keep erased_at for as long as other tables may bring the person back, then delete the row.",
    "attributes": "Delete these rows.",
}


def _of_files(desk: Desk, person: Person) -> Iterator[Task]:
    """Files with ids that tactful wrote outside its stores, as far as they are still there, or what is left of them."""
    if person.key is None and person.erased_at is not None:
        yield _HANDED_OUT
    own = {str(told["path"]) for _, told in entries_about(desk.records, person.key) if told.get("path")}
    for place in (each for path in sorted(own) for each in _there(path)):
        yield Task(place=place, do="Delete this file, which is about the person alone, or see that they have it.")
    for entry in desk.records.entries(EXPORTED):
        path = str(entry.body.get("path") or "")
        for each in _there(path) if path and path not in own else ():
            what = entry.body.get("what", "an export")
            yield Task(
                place=each, do=f"Take the person's lines out, or delete the file: {what}, of {entry.time:%Y-%m-%d}."
            )


def _there(path: str) -> list[str]:
    """The file, if it is there, and what somebody who was killed while writing it left."""
    named = Path(path)
    return [str(each) for each in (named, *drafts_of(named)) if each.exists()]


def _of_lists(desk: Desk) -> Iterator[Task]:
    """Lists that services read."""
    for each in lists_written(desk.records):
        yield Task(
            place=str(each["path"]),
            do="Write it again with `tactful suppressions`; until then a mark beside it keeps the person unprofiled.",
        )


_HANDED_OUT = Task(
    place="files handed out before",
    do="Delete dossiers and letters about this person. Which these are cannot be told any more: what the journal said"
    " of them went with the first erasure, whose work order names them.",
)
_ELSEWHERE = (
    Task(
        place="backups and copies",
        do="Erase the person where copies of the records, the vault or the tables are kept, or let the copies run out;"
        " after restoring one, run this erasure again.",
    ),
    Task(
        place="services and their logs",
        do="Tactful's scoring keeps no history and logs no id; see that the services that call it do neither.",
    ),
    Task(place="models, reports and MLflow", do="Nothing to do: they hold no row, id or pseudonym of anybody."),
)
