"""The champion of the journal, with those of its documents in MLflow that are still the ones that were journalled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.champion import ChampionFacts, read_champion
from tactful.assurance.fairness_record import DOCUMENT
from tactful.assurance.figures import FIGURES, Figures
from tactful.assurance.registry import Registry
from tactful.errors import UsageError
from tactful.records.store import Records

CONFIG = "config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionRecord:
    """What is known of the champion and holds.

    Attributes
    ----------
    version : str
    trained : datetime
    figures : Figures or None
    groups : ChampionFacts or None
        How it served groups of people.
    config : str or None
        Its configuration as TOML.
    changed : tuple of str
        Documents that are in the journal, and in MLflow changed or gone.
    """

    version: str
    trained: datetime
    figures: Figures | None
    groups: ChampionFacts | None
    config: str | None
    changed: tuple[str, ...] = ()


def champion_record(records: Records, registry: Registry, model: str) -> ChampionRecord | None:
    """What is known of the champion that the journal names; None if there is none.

    Raises
    ------
    JournalBrokenError
        What the journal says about models does not hold.

    Notes
    -----
    **Privacy.** *Reads* released values in MLflow. *Returns* those whose digest the journal holds. *Costs* nothing.
    *Assumes* nothing: a document that is not the journalled one is left out and named.
    """
    book = replay(records.entries(KINDS))
    champion = book.champion(model)
    entry = book.subject(champion) if champion else None
    if entry is None:
        return None
    try:
        held = registry.run_files(entry.candidate.run_id)
    except (UsageError, OSError):
        held = {}
    right = {name: raw for name, raw in held.items() if _digest(raw) == entry.documents.get(name)}
    version = str(entry.candidate.version)
    return ChampionRecord(
        version=version,
        trained=entry.time,
        figures=Figures.parse(right[FIGURES]) if FIGURES in right else None,
        groups=read_champion(version, right[DOCUMENT].decode()) if DOCUMENT in right else None,
        config=right[CONFIG].decode() if CONFIG in right else None,
        changed=_changed(entry.documents, right),
    )


def _changed(journalled: Mapping[str, str], right: Mapping[str, bytes]) -> tuple[str, ...]:
    return tuple(sorted(set(journalled) - set(right)))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
