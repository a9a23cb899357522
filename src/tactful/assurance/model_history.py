"""The story of every model, told by the journal: its versions, who decided what and why, and the champions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion
from tactful.errors import NotFoundError
from tactful.records.store import Records


def history(records: Records, registry: Registry | None = None, model: str | None = None) -> list[dict[str, Any]]:
    """Every model with its versions, what was decided about each, and who is champion now and was before.

    All of it comes from the journal. What MLflow shows is added for comparison, where a registry is given.

    Parameters
    ----------
    records : Records
    registry : Registry, optional
    model : str, optional
        Only this one.

    Returns
    -------
    list of dict
        ``model``, ``champion`` (``now``, ``before``), ``shown_champion``, and ``versions``, each with ``version``,
        ``status`` (candidate, refused, approved, expired, rejected), ``who``, ``when``, ``why``, ``decisions``.

    Raises
    ------
    NotFoundError
        The journal has no such model.
    """
    book = replay(records.entries(KINDS))
    known = {each.candidate.model for each in book.candidates}
    if model is not None and model not in known:
        raise NotFoundError("the journal must know the model", given=f"it has no {model}", do="Run: tactful models")
    names = sorted(known) if model is None else [model]
    return [_model_history(book, registry, name, records.now()) for name in names]


def _model_history(book: Book, registry: Registry | None, model: str, now: datetime) -> dict[str, Any]:
    shown = _shown(registry, model)
    entries = [each for each in book.candidates if each.candidate.model == model]
    champion, before = book.champion(model), book.champion_before(model)
    return {
        "model": model,
        "champion": {"now": champion.version if champion else None, "before": before.version if before else None},
        "shown_champion": next((each.version for each in shown.values() if each.champion), None),
        "versions": [_version_history(book, entry, shown, now) for entry in entries],
    }


def _shown(registry: Registry | None, model: str) -> dict[str, RegisteredVersion]:
    """What MLflow shows, by the id of the logged model; nothing of a model it does not know."""
    try:
        return {each.model_id: each for each in registry.versions(model)} if registry else {}
    except NotFoundError:
        return {}


def _version_history(
    book: Book, entry: CandidateEntry, shown: Mapping[str, RegisteredVersion], now: datetime
) -> dict[str, Any]:
    decisions = book.about(entry)
    latest = decisions[-1].as_json() if decisions else {}
    in_mlflow = shown.get(entry.candidate.model_id)
    return {
        "version": entry.candidate.version,
        "run_id": entry.candidate.run_id,
        "status": _status(entry, decisions, now),
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


def _status(entry: CandidateEntry, decisions: tuple[Decision, ...], now: datetime) -> str:
    if not decisions:
        return "candidate" if entry.candidate.version else "refused"
    if not decisions[-1].approved:
        return "rejected"
    return "approved" if decisions[-1].expires_at > now else "expired"
