"""MLflow is brought to show what the journal says, and models loaded on this machine go by it.

Nothing here decides. Whatever fails, the decision stands in the journal, and showing it again changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import Registry
from tactful.errors import ModelRefusedError, NotFoundError, TactfulError, UsageError
from tactful.records.store import Records
from tactful.scoring.seen import PROCESS, seen_place


@contextmanager
def asking() -> Iterator[None]:
    """What MLflow is asked before anything is decided; where it does not answer, nothing was.

    Raises
    ------
    UsageError
        MLflow could not be asked.
    """
    try:
        yield
    except NotFoundError:
        raise
    except (UsageError, OSError) as error:
        raise UsageError(
            "MLflow must answer before something is decided",
            given=_said(error),
            do="Nothing was decided; give the command again when it answers, or set MLFLOW_TRACKING_URI",
            decided=False,
        ) from error


def show(records: Records, registry: Registry, entry: CandidateEntry, decision: Decision) -> None:
    """MLflow shows what the journal says of this version and the champion, also if others decide meanwhile.

    Parameters
    ----------
    records : Records
    registry : Registry
    entry : CandidateEntry
    decision : Decision
        What was just decided about it, and is in the journal.

    Raises
    ------
    UsageError
        It could not be shown; the decision stands all the same. `decided` is True.
    """
    try:
        _show(records, registry, entry)
    except Exception as error:
        raise UsageError(
            "a decision that is in the journal is shown in MLflow too",
            given=f"{decision.model} version {decision.version} is {decision.status}, and showing it failed: "
            f"{_said(error)}",
            do="The decision stands; give the same command again, which finishes it and decides nothing anew",
            decided=True,
        ) from error


def _said(error: Exception) -> str:
    """What went wrong, without what another library put into its message."""
    return error.given if isinstance(error, TactfulError) else f"MLflow gave {type(error).__name__}"


def _show(records: Records, registry: Registry, entry: CandidateEntry) -> None:
    book = replay(records.entries(KINDS))
    while True:
        _show_decision(registry, book, entry)
        _show_champion(registry, book, entry.candidate.model)
        before, book = book, replay(records.entries(KINDS))
        if len(book.decisions) == len(before.decisions):
            break
    remember(registry, book, entry)


def _show_decision(registry: Registry, book: Book, entry: CandidateEntry) -> None:
    """The tag, and beside the manifest the last decision that counts."""
    model, version, found = entry.candidate.model, str(entry.candidate.version), book.published(entry)
    if found is not None and found.approved:
        registry.publish_approval(model, version, found.published)
    elif found is not None:
        registry.clear_champion(model, version)
        with suppress(ModelRefusedError):  # an MLmodel file that was altered is no reason to leave the version unmarked
            registry.publish_approval(model, version, found.published)
    registry.set_status(model, version, book.status(entry), decisions=book.about(entry))


def _show_champion(registry: Registry, book: Book, model: str) -> None:
    champion = book.champion(model)
    if champion is not None and registry.champion(model) != champion.version:
        registry.set_champion(model, champion.version)


def remember(registry: Registry, book: Book, entry: CandidateEntry) -> None:
    """Loading on this machine refuses what came before these decisions, also if it was never loaded here.

    Parameters
    ----------
    registry : Registry
    book : Book
    entry : CandidateEntry

    Raises
    ------
    ModelRefusedError
        The file of what was seen cannot be read or written, or holds a higher number than the journal.
    """
    seen, model, digest = seen_place(store=registry.uri), entry.candidate.model, entry.manifest_digest
    rejections = book.rejections(entry)
    for decision in book.about(entry):
        if decision in rejections:
            PROCESS.reject(model, decision.sequence, digest=digest, file=seen)
        elif decision.decision == "retired":
            PROCESS.retire(model, decision.sequence, digest=digest, file=seen)
    champion = book.champion(model)
    if champion is not None:
        first, digest = (*champion.joined, champion)[0], str(champion.document.payload["manifest_digest"])
        PROCESS.admit(model, champion.sequence, digest=digest, file=seen, since=first.sequence)
