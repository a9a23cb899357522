"""What the consent gate would admit, before anything is paid for: the look that a first training wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tactful.actors import Actors
from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.consent import GateCounts
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.split import hold_out
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.sources import Sources, check_tables, policy_of, running


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a training would find. Exact counts, for inside the trust boundary only.

    Attributes
    ----------
    rows : GateCounts
        Rows read and admitted, and for each reason how many were not.
    people : mapping of str to int
        People with an admitted row: of them a model would learn from ``training`` and be measured on ``evaluation``.
    items : int
        Items in the catalogue.
    groups : mapping of str to mapping of str to int
        For each declared attribute its levels, then ``other`` and ``undisclosed``, each with the number of evaluation
        people who agreed to be assessed. Empty where no attribute is declared or no table tells any.
    """

    rows: GateCounts
    people: Mapping[str, int]
    items: int
    groups: Mapping[str, Mapping[str, int]]

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON writes it."""
        rows = {"read": self.rows.read, "admitted": self.rows.admitted, "excluded": dict(self.rows.excluded)}
        groups = {name: dict(sizes) for name, sizes in self.groups.items()}
        return rows | {"people": dict(self.people), "items": self.items, "groups": groups}


def gate(config: str | Path, *, key: str | Path | None = None, as_of: datetime | None = None) -> Look:
    """How many rows and people a training would use, and why it would not use the others.

    Parameters
    ----------
    config : str or Path
        A TOML file; see `tactful.config.TrainingConfig`.
    key : str or Path, optional
        Private key file of the trainer who looks; else the file that ``TACTFUL_ACTOR_KEY`` names. Needed where
        trainers are listed.
    as_of : datetime, optional
        Rows whose people agreed at this past time, and still do. Now if not given.

    Returns
    -------
    Look
        Rows, people and groups, counted.

    Raises
    ------
    UsageError
        If the configuration, a table, a key or a store is wrong.
    RefusedError
        If trainers are listed and the key is none of theirs, or the journal or the consents do not hold. Unlike
        `tactful.train`, which returns that, it raises.

    Notes
    -----
    **Privacy.** *Reads* the tables named by the configuration, as `tactful.train` does: attributes of nobody but the
    evaluation people who agreed to ``fairness.assessment``. *Returns* exact counts, for whoever holds the rows and for
    nobody else: settings chosen by them are a release that nobody paid for. *Costs* nothing; nothing leaves, and the
    reading stands in the journal. *Assumes* what `tactful.personal.gate.ConsentGate.admit` assumes.

    Examples
    --------
    >>> found = tactful.gate("configs/shop.toml")
    >>> found.rows.admitted + sum(found.rows.excluded.values()) == found.rows.read
    True
    >>> sorted(found.people)
    ['evaluation', 'training']
    """
    settings, keys = TrainingConfig.load(config), Keys.load()
    purpose, catalogue = settings.model.purpose, Catalogue.open(settings.data.items)
    specs = [AttributeSpec(name=name, levels=each.levels) for name, each in settings.fairness.attributes.items()]
    with running(settings.engine) as engine:
        check_tables(settings.data, engine)
        records, actor = Actors.load().act(Records.open(), "trainer", key)
        sources = Sources.open(settings.data, records=records, keys=keys, engine=engine)
        passing = sources.gate(
            catalogue=catalogue,
            policy=policy_of(settings.policy),
            keys=keys,
            evaluation_share=settings.privacy.evaluation_share,
            engine=engine,
        )
        log = InteractionLog.open(sources.interactions)
        told = Demographics.open(sources.attributes, specs, engine=engine) if specs and sources.attributes else None
        note_read(records, "gate", purpose=purpose, actor=actor, sources=dict(sources.names))
        consented = passing.admit(log, purpose, as_of)
        codes = told.groups(hold_out(consented), passing, specs, as_of=as_of) if told else {}
        return Look(
            rows=consented.counts,
            people=consented.people_by_outcome()["admitted"],
            items=len(catalogue),
            groups={
                spec.name: {group: int((codes[spec.name] == code).sum()) for code, group in enumerate(spec.groups)}
                for spec in specs
                if spec.name in codes
            },
        )
