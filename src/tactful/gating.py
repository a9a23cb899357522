"""What the consent gate would admit, before anything is paid for: the look that a first training wants."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tactful.actors import Actors
from tactful.catalogue import Catalogue
from tactful.config import TrainingConfig
from tactful.personal.consent import GateCounts
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.sources import Sources, check_tables, policy_of, running


def gate(config: str | Path, *, key: str | Path | None = None, as_of: datetime | None = None) -> GateCounts:
    """How many rows a training would read and use, and why it would not use the others.

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
    GateCounts
        Rows read and admitted, and for each reason how many were not.

    Raises
    ------
    UsageError
        If the configuration, a table, a key or a store is wrong.
    RefusedError
        If trainers are listed and the key is none of theirs, or the journal or the consents do not hold. Unlike
        `tactful.train`, which returns that, it raises.

    Notes
    -----
    **Privacy.** *Reads* the tables named by the configuration, as `tactful.train` does. *Returns* exact counts, for
    whoever holds the rows and for nobody else: settings chosen by them are a release that nobody paid for. *Costs*
    nothing; nothing leaves, and the reading stands in the journal. *Assumes* what
    `tactful.personal.gate.ConsentGate.admit` assumes.

    Examples
    --------
    >>> counts = tactful.gate("configs/shop.toml")
    >>> counts.admitted + sum(counts.excluded.values()) == counts.read
    True
    """
    settings, keys = TrainingConfig.load(config), Keys.load()
    purpose, privacy = settings.model.purpose, settings.privacy
    with running(settings.engine) as engine:
        check_tables(settings.data, engine)
        records, actor = Actors.load().act(Records.open(), "trainer", key)
        sources = Sources.open(settings.data, records=records, keys=keys, engine=engine)
        passing = sources.gate(
            catalogue=Catalogue.open(settings.data.items),
            policy=policy_of(settings.policy),
            keys=keys,
            evaluation_share=privacy.evaluation_share,
            engine=engine,
        )
        log = InteractionLog.open(sources.interactions)
        note_read(records, "gate", purpose=purpose, actor=actor, sources=dict(sources.names))
        return passing.admit(log, purpose, as_of).counts
