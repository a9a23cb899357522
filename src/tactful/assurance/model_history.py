"""The story of every model, told by the journal: its versions, who decided what and why, and the champions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion
from tactful.errors import NotFoundError, TactfulError, UsageError
from tactful.records.store import Records


def history(records: Records, registry: Registry | None = None, model: str | None = None) -> list[dict[str, Any]]:
    """Every model with its versions, what was decided about each, and who was champion when and why.

    All of it comes from the journal. What MLflow shows is added for comparison, where a registry is given.

    Parameters
    ----------
    records : Records
    registry : Registry, optional
        One that does not answer is no reason to say nothing: ``mlflow_unavailable`` says so.
    model : str, optional
        Only this one.

    Returns
    -------
    list of dict
        ``model``, ``champion`` (``now``, ``before``), ``champions`` (see `champions`), ``shown_champion``,
        ``mlflow_unavailable`` (null, or why it could not be asked), and ``versions``, each with ``version``, ``status``
        (candidate, refused, half approved, approved, expired, rejected, retired), ``missing`` (how many more must
        approve, where it is half approved), ``who``, ``when``, ``why``, ``decisions``.

    Raises
    ------
    NotFoundError
        The journal has no such model.
    """
    book = replay(records.entries(KINDS))
    known = {each.candidate.model for each in book.candidates}
    if model is not None and model not in known:
        raise NotFoundError("the journal must know the model", given=f"it has no {model}", do="Run: tactful models")
    found, unavailable = [], None
    for name in sorted(known) if model is None else [model]:
        shown, failed = _shown(None if unavailable else registry, name)  # what does not answer is not asked again
        unavailable = unavailable or failed
        found.append(_model_history(book, shown, name, records.now()) | {"mlflow_unavailable": unavailable})
    return found


def champions(book: Book, model: str, now: datetime) -> list[dict[str, Any]]:
    """Who was champion when and why, one line for each decision that changed it, the newest last.

    Parameters
    ----------
    book : Book
    model : str
    now : datetime, with zone

    Returns
    -------
    list of dict
        ``version`` (null where the decision left no champion), ``from``, ``until`` (null: it still is; an approval that
        ended by itself ended then), ``by`` (the names of all who signed), ``why``, ``decision`` (approved, rollback,
        rejected or retired), ``approval_id``.
    """
    turns = list(_turns(book, model))
    ends = [*(each.time for each, _ in turns[1:]), None][: len(turns)]
    return [
        {
            "version": champion.version if champion else None,
            "from": decision.time.isoformat(),
            "until": _until(champion, following, now),
            "by": list(decision.names),
            "why": decision.why,
            "decision": "rollback" if decision.rollback else decision.decision,
            "approval_id": decision.id,
        }
        for (decision, champion), following in zip(turns, ends, strict=True)
    ]


def _turns(book: Book, model: str) -> Iterator[tuple[Decision, Decision | None]]:
    """Each decision that changed who was champion, and who was then."""
    before: Decision | None = None
    decisions = [each for each in book.decisions if each.model == model]
    for decision, champion in zip(decisions, book.champions(model), strict=True):
        if champion != before:
            yield decision, champion
        before = champion


def _until(champion: Decision | None, following: datetime | None, now: datetime) -> str | None:
    """When somebody was champion no more: as the next decision was made, or when the approval ended before that."""
    ends = [following] if following else []
    if champion is not None and champion.expires_at <= (following or now):
        ends.append(champion.expires_at)
    return min(ends).isoformat() if ends else None


def _model_history(book: Book, shown: Mapping[str, RegisteredVersion], model: str, now: datetime) -> dict[str, Any]:
    entries = [each for each in book.candidates if each.candidate.model == model]
    champion, before = book.champion(model), book.champion_before(model)
    return {
        "model": model,
        "champion": {"now": champion.version if champion else None, "before": before.version if before else None},
        "champions": champions(book, model, now),
        "shown_champion": next((each.version for each in shown.values() if each.champion), None),
        "versions": [_version_history(book, entry, shown, now) for entry in entries],
    }


def _shown(registry: Registry | None, model: str) -> tuple[dict[str, RegisteredVersion], str | None]:
    """What MLflow shows, by the id of the logged model, and why it could not be asked; nothing of what it knows not."""
    try:
        return {each.model_id: each for each in registry.versions(model)} if registry else {}, None
    except NotFoundError:
        return {}, None
    except (UsageError, OSError) as error:
        return {}, error.given if isinstance(error, TactfulError) else type(error).__name__


def _version_history(
    book: Book, entry: CandidateEntry, shown: Mapping[str, RegisteredVersion], now: datetime
) -> dict[str, Any]:
    decisions = book.about(entry)
    latest = decisions[-1].as_json() if decisions else {}
    in_mlflow = shown.get(entry.candidate.model_id)
    return {
        "version": entry.candidate.version,
        "run_id": entry.candidate.run_id,
        "status": _status(book, entry, now),
        "missing": book.missing(entry, at=now),
        "who": latest.get("who"),
        "when": latest.get("when"),
        "why": latest.get("why"),
        "expires_at": latest.get("expires_at"),
        "trained_at": entry.time.isoformat(),
        "trainer": entry.trainer,
        "noise": entry.noise,
        "verdicts": dict(entry.verdicts),
        "decisions": [each.as_json() for each in decisions],
        "shown_status": in_mlflow.status if in_mlflow else None,
    }


def _status(book: Book, entry: CandidateEntry, now: datetime) -> str:
    """As the journal says, but an approval that ended by itself is expired, unless others are approving anew."""
    found, latest = book.published(entry), book.latest(entry)
    if found is None or not found.approved or found.expires_at > now:
        return book.status(entry)
    return latest.status if latest is not None and latest.missing else "expired"
