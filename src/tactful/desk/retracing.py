"""A past run of the consent gate again, and whether it admits what a training in the journal admitted.

Notes
-----
What a training admitted is compared by the keyed digest that its entry ``data.read`` bears
(`tactful.personal.replay.fingerprint`), so the journal holds no row and no count. Judged are the tables that the
configuration names today, by the rules and the clocks of the entry: consent events of the store up to the row that the
training read to, those of files by their recorded times. Entries from before rows were noted have a time in its place.
It must agree unless rows or records were taken away, added or changed since; whoever was erased since is gone from
tactful's own stores, and a training that they were in cannot be retraced in full. That is the price of erasure, and
what differs is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.model_book import Candidate
from tactful.catalogue import Catalogue
from tactful.config import PolicySection, TrainingConfig
from tactful.errors import NotFoundError, counted
from tactful.personal.engines.base import Engine
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.replay import Replay
from tactful.personal.times import in_utc
from tactful.records.journal import JSON
from tactful.records.read_point import ReadPoint
from tactful.records.reads import Read, note_read, noted_reads
from tactful.records.store import Records
from tactful.sources import STORE, Sources, policy_of, running

_ERASED = "{} erased since, whose rows do not count any more; whether anything else changed, too, cannot be told"
_CONFIG = "the configuration is another than it was: it may name other tables"
_SOURCES = "the tables are others than they were"
_ROWS = "rows of the interactions, records of consent or flags of subjects were added, taken away or changed since"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraced:
    """What the gate admits as of a past time, and which trainings admitted the same.

    Attributes
    ----------
    purpose : str
    as_of : datetime, UTC
    now : datetime or None
        The second moment at which rows had to pass, where a training is retraced.
    known_at : datetime or None
        Only events that the consent store held by then were looked at; all if None.
    known_row : int or None
        The number of the last of them, where the training noted it: that counts, whatever the clocks said.
    replay : Replay
        Counts and digest. Exact, so for inside the trust boundary only.
    trainings : tuple of Read
        The trainings in the journal that admitted the same rows.
    run : str or None
        The training that was to be retraced.
    because : tuple of str
        Why it may differ, if it does.
    """

    purpose: str
    as_of: datetime
    now: datetime | None
    known_at: datetime | None
    known_row: int | None = None
    replay: Replay = field(repr=False)
    trainings: tuple[Read, ...]
    run: str | None
    because: tuple[str, ...]

    @property
    def agrees(self) -> bool | None:
        """Whether the training admitted these rows; None where none was named."""
        return None if self.run is None else any(_run(read) == self.run for read in self.trainings)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "purpose": self.purpose,
            "as_of": self.as_of.isoformat(),
            "now": self.now.isoformat() if self.now else None,
            "known_at": self.known_at.isoformat() if self.known_at else None,
            "known_row": self.known_row,
            "read": self.replay.counts.read,
            "admitted": self.replay.counts.admitted,
            "excluded": dict(self.replay.counts.excluded),
            "later": self.replay.later,
            "digest": self.replay.digest,
            "trainings": [_told(read) for read in self.trainings],
            "run": self.run,
            "agrees": self.agrees,
            "because": list(self.because),
        }


def retrace(
    config: Path,
    as_of: datetime,
    *,
    records: Records,
    keys: Keys,
    known_at: datetime | None = None,
    actor: str | None = None,
) -> Retraced:
    """What the gate would have admitted at a past time, by the tables and the policy of a configuration.

    Parameters
    ----------
    config : Path
        A TOML file.
    as_of : datetime
    records : Records
        With the consent store and the journal.
    keys : Keys
    known_at : datetime, optional
        Look only at events that the consent store held by then. Recorded times count in any case.
    actor : str, optional
        The public key of whoever asks.

    Raises
    ------
    UsageError
        If the time is in the future, or a table or key is wrong.

    Notes
    -----
    **Privacy.** *Reads* what a training reads. *Returns* exact counts and a keyed digest, for inside the trust
    boundary. *Costs* nothing; nothing leaves. The reading stands in the journal. *Assumes* what
    `tactful.personal.gate.ConsentGate.retrace` assumes.
    """
    settings = TrainingConfig.load(config)
    purpose, policy = settings.model.purpose, policy_of(settings.policy)
    note_read(records, "replay", purpose=purpose, actor=actor, as_of=as_of.isoformat())
    with running(settings.engine) as engine:
        sources = Sources.open(settings.data, records=records, keys=keys, engine=engine, known_at=known_at)
        gate = _gate(settings, sources, policy, keys, engine)
        found = gate.retrace(InteractionLog.open(sources.interactions), purpose, as_of)
    same = _same(noted_reads(records, "training"), found)
    return Retraced(
        purpose=purpose,
        as_of=in_utc(as_of),
        now=None,
        known_at=known_at,
        replay=found,
        trainings=same,
        run=None,
        because=(),
    )


def retrace_training(config: Path, run: str, *, records: Records, keys: Keys, actor: str | None = None) -> Retraced:
    """What the gate admits by the rules and the two clocks of a training, and whether that is what it admitted.

    Parameters
    ----------
    config : Path
        The TOML file that it was trained by.
    run : str
        As its entry ``data.read`` in the journal names it, or MLflow its candidate, or the beginning of either; or
        ``MODEL@VERSION``.
    records, keys, actor
        As for `retrace`.

    Raises
    ------
    NotFoundError
        If the journal has no such training, or several.
    UsageError
        If a table or key is wrong.

    Notes
    -----
    **Privacy.** *Reads* what the training read. *Returns* exact counts and a keyed digest, for inside the trust
    boundary. *Costs* nothing; nothing leaves. The reading stands in the journal. *Assumes* what
    `tactful.personal.gate.ConsentGate.retrace` assumes.
    """
    settings, reads = TrainingConfig.load(config), noted_reads(records, "training")
    read = _found(reads, run, _candidates(records))
    facts = read.facts
    as_of, now = _time(facts["as_of"]), _time(facts["now"])
    upto, known_at = ReadPoint.noted(facts), _time(facts.get("known_at") or facts["now"])
    rules = {name: facts[name] for name in PolicySection.model_fields if name in facts}
    note_read(records, "replay", purpose=read.purpose, actor=actor, run=_run(read))
    by_time = None if upto else known_at
    policy = policy_of(PolicySection.model_validate(rules))
    with running(settings.engine) as engine:
        sources = Sources.open(settings.data, records=records, keys=keys, engine=engine, known_at=by_time, upto=upto)
        gate = _gate(settings, sources, policy, keys, engine)
        found = gate.retrace(InteractionLog.open(sources.interactions), read.purpose, as_of, now=now)
    same = _same(reads, found)
    return Retraced(
        purpose=read.purpose,
        as_of=as_of,
        now=now,
        known_at=known_at,
        known_row=upto.row if upto else None,
        replay=found,
        trainings=same,
        run=_run(read),
        because=() if read in same else _because(read, config, sources, known_at),
    )


def _gate(settings: TrainingConfig, sources: Sources, policy: Policy, keys: Keys, engine: Engine) -> ConsentGate:
    """The gate of these tables and rules."""
    return sources.gate(
        catalogue=Catalogue.open(settings.data.items),
        policy=policy,
        keys=keys,
        evaluation_share=settings.privacy.evaluation_share,
        engine=engine,
    )


def _candidates(records: Records) -> dict[str, Candidate]:
    """The candidates that the journal links with a training, by its run."""
    return {each.run: each.candidate for each in replay(records.entries(KINDS)).candidates if each.run}


def _found(reads: Sequence[Read], run: str, candidates: Mapping[str, Candidate]) -> Read:
    """The one training of this name."""

    def is_meant(read: Read) -> bool:
        """Whether this is how it, or the candidate that came of it, is called."""
        became = candidates.get(_run(read))
        if became is None:
            return _run(read).startswith(run)
        return run == f"{became.model}@{became.version}" or any(
            name.startswith(run) for name in (_run(read), became.run_id)
        )

    found = [read for read in reads if run and is_meant(read)]
    if len(found) != 1:
        raise NotFoundError(
            "the journal notes one training of that name",
            given=f"{len(found)} are called, or begin with, {run!r}",
            do="Name a model as `tactful models` does, e.g. grocery@3, or a run as `tactful consent replay CONFIG "
            "--as-of TIME --json` lists them",
        )
    if "admitted_digest" not in found[0].facts:
        raise NotFoundError("a training's entry bears a digest", given="this one has none", do="Name a later run")
    return found[0]


def _same(reads: Sequence[Read], found: Replay) -> tuple[Read, ...]:
    """The trainings that admitted these rows."""
    return tuple(read for read in reads if read.facts.get("admitted_digest") == found.digest)


def _because(read: Read, config: Path, sources: Sources, known_at: datetime) -> tuple[str, ...]:
    """What may have made the difference, as far as it applies; if nothing else, the rows themselves."""
    upto = ReadPoint.noted(read.facts)
    erased = len(sources.erased) - upto.erased if upto else sum(t > known_at for t in sources.erased.values())
    told = [
        (erased, _ERASED.format(counted(erased, "person was", "people were"))),
        (read.facts.get("config_sha256") != sha256(config.read_bytes()).hexdigest(), _CONFIG),
        (_tables(read.facts.get("sources")) != _tables(dict(sources.names)), _SOURCES),
        (not erased, _ROWS),
    ]
    return tuple(reason for holds, reason in told if holds)


def _tables(names: JSON) -> JSON:
    """Sources without tactful's own consent store: of that only what it held then is read, if it held anything."""
    if isinstance(names, dict):
        return {role: _tables(places) for role, places in names.items()}
    return [place for place in names if place != STORE] if isinstance(names, list) else names


def _told(read: Read) -> dict[str, Any]:
    """A training as plain values."""
    facts: Mapping[str, Any] = read.facts
    return {
        "run": _run(read),
        "model": facts.get("model"),
        "as_of": facts.get("as_of"),
        "now": facts.get("now"),
        "entry": read.sequence,
    }


def _run(read: Read) -> str:
    """What the journal calls a training."""
    return str(read.facts.get("run", ""))


def _time(text: str) -> datetime:
    """A time as the journal has it."""
    return in_utc(datetime.fromisoformat(text))
