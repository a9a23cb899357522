"""What a training read, as the journal keeps it: enough to tell later whose rows were admitted, and nobody's name."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tactful.config import TrainingConfig
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.keys import Keys
from tactful.privacy.ledger import Assignment
from tactful.records.journal import JSON, Entry
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.sources import Sources

WHAT = "training"
"""What these readings are part of."""


def note_training(
    records: Records,
    consented: ConsentedInteractions,
    *,
    run: str,
    settings: TrainingConfig,
    config: Path,
    sources: Sources,
    assignment: Assignment,
    keys: Keys,
    actor: str | None,
) -> Entry | None:
    """The journal says what a training read, by which rules, and under which key hash its admitted rows can be known.

    Or nothing is written, and None returned, because somebody withdrew or was erased since the training read: it would
    use rows of theirs although the books say no. Both are looked at in one transaction, which excludes every other
    writer; so each answer about a training, whatever the clocks say, comes to this: events up to its read point were
    obeyed, and later ones came after its entry, or could only have added rows.

    From this, the consent store's two clocks and the rows themselves, `tactful subject impact` finds out which models
    somebody was in, and `tactful consent replay` whether a replay admits what the training did.

    Notes
    -----
    **Privacy.** *Reads* the admitted rows, for a keyed digest of them. *Returns* an entry without counts, ids or
    pseudonyms; for inside the trust boundary, like the journal. *Costs* nothing; nothing leaves. *Assumes* the key of
    pseudonyms is secret: with it, a guess of all rows could be confirmed.
    """
    facts: dict[str, JSON] = {
        "run": run,
        "model": settings.model.name,
        "as_of": consented.as_of.isoformat(),
        "now": consented.now.isoformat(),
        **sources.read_point.facts(),
        "sources": dict(sources.names),
        **settings.policy.model_dump(mode="json"),
        "evaluation_share": assignment.evaluation_share,
        "assignment": assignment.fingerprint,
        "config": str(config.resolve()),
        "config_sha256": sha256(config.read_bytes()).hexdigest(),
        "admitted_digest": consented.fingerprint(keys),
    }
    with records.transaction() as transaction:
        if not sources.read_point.still_holds(transaction.connection):
            return None
        return note_read(transaction, WHAT, purpose=consented.purpose, actor=actor, **facts)
