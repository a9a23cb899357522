"""Which measures of security are really in force here, each looked at and not taken from a promise."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tactful.actors import Actors
from tactful.desk.journal_check import check_journal
from tactful.desk.paper import sentence
from tactful.desk.person import Desk
from tactful.errors import ModelRefusedError, TactfulError, counted
from tactful.personal.key_providers import FileSecrets, provider
from tactful.scoring.trust import Reviewers


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure.

    Attributes
    ----------
    what : str
    holds : bool
        Whether it is in force here and now.
    seen : str
        What was seen.
    """

    what: str
    holds: bool
    seen: str


def measures(desk: Desk) -> tuple[Measure, ...]:
    """Every measure that tactful knows of, with whether it is in force; nothing is written.

    Notes
    -----
    **Privacy.** *Reads* names, permissions and headers of stores, and the journal. *Returns* no row and no id. *Costs*
    nothing. *Assumes* the environment is that of the runs.
    """
    return tuple(_looked(look, desk) for look in _LOOKS)


def _looked(look: Callable[[Desk], Measure], desk: Desk) -> Measure:
    """What was seen, also where looking failed."""
    try:
        return look(desk)
    except TactfulError as error:
        return Measure(what=(look.__doc__ or "").splitlines()[0].rstrip("."), holds=False, seen=error.given)


def _vault(desk: Desk) -> Measure:
    """Interactions are kept encrypted and under pseudonyms."""
    what = "Interactions are kept encrypted (AES-256-GCM) and under pseudonyms"
    if desk.vault is None:
        return Measure(what=what, holds=False, seen="there is no vault; training reads tables of the business")
    report = desk.vault.verify()
    wrong = f", of which {counted(len(report.problems), 'does', 'do')} not hold" if report.problems else ""
    seen = f"a vault of {counted(report.files, 'file')}{wrong}"
    own = desk.settings is None or desk.settings.data.interactions is None
    return Measure(what=what, holds=report.ok and own, seen=seen if own else f"{seen}; the configuration names a table")


def _consents(desk: Desk) -> Measure:
    """Consents are kept with both clocks, ids sealed for each person."""
    what = "Consents are kept with when they were given and when they were recorded, ids sealed under a key a person"
    if desk.consents.empty:
        return Measure(what=what, holds=False, seen="the consent store is empty")
    report = desk.consents.verify()
    seen = report.problem or f"{counted(report.rows, 'event')}, all as the journal says"
    return Measure(what=what, holds=report.ok, seen=seen)


def _journal(desk: Desk) -> Measure:
    """What is done is in a journal that shows changes."""
    found = check_journal(desk.records)
    entries = counted(found.chain.entries, "entry holds", "entries hold")
    seen = "; ".join(found.problems) or f"{entries}; the kept head: {found.anchor.state}"
    what = "What is done is in a journal that shows edits, removals and a cut-off end"
    return Measure(what=what, holds=found.ok and found.anchor.state in ("ok", "behind"), seen=seen)


def _secrets(desk: Desk) -> Measure:
    """Keys are where only their owner reads them."""
    what = "Keys are kept apart from the data, where only their owner reads them"
    found = provider()
    if not isinstance(found, FileSecrets):
        return Measure(what=what, holds=True, seen=f"no file: they come from {found.place}")
    if stat.S_IMODE(found.path.stat().st_mode) & 0o077:
        return Measure(what=what, holds=False, seen="others may read them")
    beside = list(_beside(found.path, desk))
    if beside:
        seen = f"they lie in one folder with {' and '.join(beside)}: whoever copies it has both"
        return Measure(what=what, holds=False, seen=seen)
    return Measure(what=what, holds=True, seen="a file of its owner's alone, in a folder without the data")


def _beside(keys: Path, desk: Desk) -> Iterator[str]:
    """The stores whose folder holds the keys, or lies in theirs."""
    file = desk.records.engine.url.database if desk.records.engine.dialect.name == "sqlite" else None
    folders = {"the records": Path(file).parent if file else None, "the vault": desk.vault.path if desk.vault else None}
    mine = keys.resolve().parent
    for name, folder in folders.items():
        if folder and (mine.is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(mine)):
            yield name


def _records_file(desk: Desk) -> Measure:
    """The records are readable by their owner alone."""
    what, file = "The records are readable by their owner alone", desk.records.engine.url.database
    if desk.records.engine.dialect.name != "sqlite" or not file:
        return Measure(what=what, holds=True, seen="a database server, by its own accounts")
    private = not stat.S_IMODE(Path(file).stat().st_mode) & 0o077
    return Measure(what=what, holds=private, seen="a file of its owner's alone" if private else "others may read it")


def _roles(_: Desk) -> Measure:
    """Who may train and who does the officer's work is listed."""
    actors = Actors.load()
    listed = [f"{role}: {len(actors.holders(role))}" for role in ("trainer", "officer")]
    holds = all(actors.holders(role) for role in ("trainer", "officer"))
    what = "Only listed people train and do the officer's work; what they do is signed"
    return Measure(what=what, holds=holds, seen=", ".join(listed))


def _reviewers(_: Desk) -> Measure:
    """No model is served that nobody approved."""
    what = "No model is served that a listed reviewer, who is not its trainer, did not approve"
    try:
        found = Reviewers.load()
    except ModelRefusedError:
        return Measure(what=what, holds=False, seen="no reviewer is listed, so none is served")
    return Measure(what=what, holds=True, seen=f"reviewers: {len(found.names)}, needed: {found.approvals_needed}")


def _noise(desk: Desk) -> Measure:
    """What leaves is protected by noise from the system."""
    what = "What leaves about people is protected by differential privacy, with noise from the system"
    if desk.settings is None:
        return Measure(what=what, holds=False, seen="no configuration is known")
    privacy, real = desk.settings.privacy, desk.settings.privacy.reproducible_seed is None
    seen = f"epsilon = {privacy.epsilon:g}, delta = {privacy.delta:g} a training" if real else "noise from a seed"
    return Measure(what=what, holds=real, seen=seen)


_LOOKS: tuple[Callable[[Desk], Measure], ...] = (
    _vault,
    _consents,
    _journal,
    _secrets,
    _records_file,
    _roles,
    _reviewers,
    _noise,
)


def told(found: tuple[Measure, ...], *, holds: bool) -> Iterator[str]:
    """Those that are in force, or those that are not, a sentence each."""
    return (f"{each.what}. Seen: {sentence(each.seen)}" for each in found if each.holds is holds)
