"""What may be kept no longer leaves the vault: rows past retention, and rows that nobody may use any more.

Notes
-----
The time given is that of *retention*: a row goes if by then it was older than the policy allows. What people said is
judged by what is in hand **now**, whatever the time given: a row that no training may use any more (its person
withdrew, refused, was erased; consent ended, or had a gap since the row) is of no use to keep. So a purge as of a past
time deletes fewer rows for their age, and not one fewer for a withdrawal.

A row is of the sensitive categories that its item had when the row came in, and of those that the item has by the
config given. An item that is in no catalogue any more keeps its rows: they age like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.errors import TactfulError
from tactful.personal import vault_attributes
from tactful.personal.gate import ConsentGate
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.times import DAY, micros
from tactful.personal.vault_manifest import VaultPolicy
from tactful.personal.vault_results import Purged
from tactful.personal.vault_rows import (
    DIGITS,
    SCHEMA,
    SEPARATOR,
    admitted_people,
    admitted_rows,
    codes,
    merged,
    months,
    of_digit,
    people,
)
from tactful.personal.vault_store import Change, VaultStore
from tactful.personal.vault_tables import with_ids
from tactful.records.journal import JSON

KIND = "vault.purged"
Judge = Callable[[Catalogue, Policy], ConsentGate]
"""Makes a gate for the items of the vault: with the consents, subjects and erasures that are in hand."""
_NEVER = 365 * 200
_COLUMN = "held as"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a purge goes by.

    Attributes
    ----------
    as_of : datetime
        The time at which retention is looked at.
    judge : Judge, optional
        None where no consents are known: then only retention is looked at.
    policy : Policy, optional
        Of a config; else what the manifest says.
    catalogue : Catalogue, optional
        With `policy`: the items by which it says what is sensitive.
    """

    as_of: datetime
    judge: Judge | None = None
    policy: Policy | None = None
    catalogue: Catalogue | None = None

    def told(self, before: VaultPolicy) -> VaultPolicy:
        """The policy of the manifest from now on."""
        if self.policy is None:
            return before
        return replace(before, retention_days=self.policy.retention_days, retention=dict(self.policy.retention))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What stays, by digit and month; why the rest goes; and whose attributes may stay."""

    kept: Mapping[tuple[str, str], pa.Table]
    deleted: Mapping[str, int]
    willing: set[str]

    @property
    def rows(self) -> int:
        """How many stay."""
        return sum(part.num_rows for part in self.kept.values())


def purge(store: VaultStore, rules: Rules, *, dry_run: bool, actor: str | None, note: Mapping[str, JSON]) -> Purged:
    """What may not be kept is deleted; see `tactful.personal.vault.Vault.purge`.

    Notes
    -----
    **Privacy.** *Reads* every row of the vault, and what the judge's gate reads. *Returns* exact counts, for inside the
    trust boundary. *Costs* nothing; nothing leaves. *Assumes* the tables of consents are as people left them.
    """
    with store.changing() as change:
        policy = rules.told(change.before.policy)
        verdict = _verdict(store, rules, policy)
        read = sum(file.rows for file in change.before.of("interactions"))
        _replace(change, verdict)
        had, have = vault_attributes.keep_only(change, verdict.willing)
        found = Purged(
            as_of=rules.as_of,
            read=read,
            kept=verdict.rows,
            deleted={reason: rows for reason, rows in verdict.deleted.items() if rows},
            attributes={"read": had, "kept": have},
            files_rewritten=change.written,
            consents=rules.judge is not None,
            dry_run=dry_run,
        )
        _check(found)
        if dry_run:
            return found
        _commit(store, change, policy, found.for_journal() | dict(note), actor)
        return replace(found, verified=_verified(store, verdict))


def _commit(
    store: VaultStore, change: Change, policy: VaultPolicy, body: Mapping[str, JSON], actor: str | None
) -> None:
    """The purge stands in the journal; where it changes something, together with the change."""
    if change.changed or policy != change.before.policy:
        change.commit(lambda journal, facts: journal.append(KIND, {**body, **facts}, actor=actor), policy=policy)
        return
    with store.subjects.records.transaction() as transaction:
        transaction.append(KIND, body, actor=actor)


def _verdict(store: VaultStore, rules: Rules, policy: VaultPolicy) -> _Verdict:
    """What stays of the vault."""
    held = store.tables("interactions")
    if not held:
        return _Verdict(kept={}, deleted={}, willing=set())
    table = pa.concat_tables(held).unify_dictionaries().combine_chunks()
    named, log = with_ids(table, store.subjects)
    categories = _categories(table, rules)
    deleted = {"erased": table.num_rows - named.num_rows}
    if rules.judge is None:
        rows, willing = {digit: of_digit(named, digit) for digit in DIGITS}, set(people(named))
    else:
        rows, willing, excluded = _judged(rules.judge, log, categories, policy.purpose)
        deleted = {**excluded, "erased": excluded["erased"] + deleted["erased"]}
    kept, expired = _young(rows, {item: policy.days(names) for item, names in categories.items()}, rules.as_of)
    deleted["retention_expired"] = deleted.get("retention_expired", 0) + expired
    staying = {name for part in kept.values() for name in people(part)}
    return _Verdict(kept=kept, deleted=deleted, willing=willing & staying)


def _judged(
    judge: Judge, log: pa.Table, categories: Mapping[str, tuple[str, ...]], purpose: str
) -> tuple[dict[str, pa.Table], set[str], Mapping[str, int]]:
    """By digit the rows that may be used now, whose attributes may be held, and why other rows may not be used."""
    items = sorted(categories)
    belongs = [categories[item] for item in items]
    sensitive = sorted({name for names in belongs for name in names})
    catalogue = Catalogue(
        item_ids=np.array(items, dtype=str), titles=np.array(items, dtype=str), features={_COLUMN: tuple(belongs)}
    )
    forever = Policy(retention_days=_NEVER, sensitive={name: {_COLUMN: (name,)} for name in sensitive})
    gate = judge(catalogue, forever)
    consented = gate.admit(InteractionLog.open(log), purpose)
    rows = {digit: admitted_rows(consented, digit, belongs) for digit in DIGITS}
    return rows, vault_attributes.willing(gate, admitted_people(consented)), consented.counts.excluded


def _categories(table: pa.Table, rules: Rules) -> dict[str, tuple[str, ...]]:
    """For each item that is held the sensitive categories that it had when its rows came in, or has now."""
    (items, item_ids), (labels, texts) = codes(table, "item_id"), codes(table, "sensitive")
    found: dict[str, set[str]] = {item: set() for item in item_ids}
    for item, label in {*zip(items.tolist(), labels.tolist(), strict=True)}:
        found[item_ids[item]] |= set(texts[label].split(SEPARATOR)) - {""}
    if rules.policy is not None and rules.catalogue is not None:
        bundles = rules.policy.bundles(rules.catalogue)
        for item, names in zip(rules.catalogue.item_ids.tolist(), bundles, strict=True):
            if item in found:
                found[item] |= set(names)
    return {item: tuple(sorted(names)) for item, names in found.items()}


def _young(
    rows: Mapping[str, pa.Table], days: Mapping[str, int], as_of: datetime
) -> tuple[dict[tuple[str, str], pa.Table], int]:
    """By digit and month the rows within retention, and how many are not."""
    kept: dict[tuple[str, str], pa.Table] = {}
    expired = 0
    for digit, table in rows.items():
        items, item_ids = codes(table, "item_id")
        oldest = np.array([micros(as_of) - days.get(item, 0) * DAY for item in item_ids], dtype=np.int64)
        young = table.column("instant").to_numpy() >= oldest[items]
        expired += int((~young).sum())
        kept |= {(digit, month): part for month, part in months(table.filter(pa.array(young)))}
    return kept, expired


def _replace(change: Change, verdict: _Verdict) -> None:
    """The change holds what stays, in place of what was there; what lost nothing is left as it is."""
    for file in change.before.of("interactions"):
        part = verdict.kept.get((file.digit, file.month))
        if part is None or part.num_rows < file.rows:
            rows = SCHEMA.empty_table() if part is None else merged([part])
            change.put(rows, drawer="interactions", month=file.month, digit=file.digit)


def _check(found: Purged) -> None:
    """Raise unless each row is kept or has one reason: else nothing is deleted."""
    if found.read != found.kept + sum(found.deleted.values()):
        raise TactfulError(
            "every row of the vault is kept or has one reason",
            given=f"{found.kept + sum(found.deleted.values())} of {found.read}",
            do="Report this as a bug",
        )


def _verified(store: VaultStore, verdict: _Verdict) -> bool:
    """Whether the vault, read again from its files, holds exactly what was to stay."""
    manifest = store.manifest()
    found = {(file.digit, file.month): store.table(file) for file in manifest.of("interactions")}
    return found.keys() == verdict.kept.keys() and all(
        merged([part]).equals(merged([found[place]])) for place, part in verdict.kept.items()
    )
