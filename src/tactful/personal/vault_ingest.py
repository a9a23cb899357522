"""How a log enters the vault: through the consent gate, and nothing else of it.

Notes
-----
Whoever is erased while it comes in does not enter. It is asked twice: before anything is written, and in the
transaction by which the change counts. An erasure marks its person in a transaction too, before it looks into the
vault. So either the mark comes first, and the change is undone and made again without them, or the erasure finds what
came in.

Whoever's rows enter is kept by their id, sealed. No engine but DuckDB gives ids back, so ids are read with that; what
enters a vault is a file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from tactful.errors import SchemaError, SecretError
from tactful.personal import vault_attributes
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.gate import ConsentGate
from tactful.personal.ids import pseudonyms
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.vault_manifest import VaultPolicy
from tactful.personal.vault_results import Ingested
from tactful.personal.vault_rows import DIGITS, admitted_people, admitted_rows, merged, months
from tactful.personal.vault_store import Change, VaultStore
from tactful.records import people_tables
from tactful.records.journal import JSON
from tactful.records.store import Transaction
from tactful.records.subjects import erased_in

KIND = "vault.ingested"


class _ErasedMeanwhileError(Exception):
    """Somebody whose rows were to enter has been erased since they were read."""


def ingest(
    store: VaultStore,
    log: InteractionLog,
    gate: ConsentGate,
    *,
    policy: Policy,
    purpose: str,
    demographics: Demographics | None = None,
    specs: Sequence[AttributeSpec] = (),
    actor: str | None = None,
    note: Mapping[str, JSON],
) -> Ingested:
    """What the gate admits of the log is in the vault; see `tactful.personal.vault.Vault.ingest`.

    Notes
    -----
    **Privacy.** *Reads* what `ConsentGate.admit` reads, and the declared attributes of people who agreed to that.
    *Returns* exact counts, for inside the trust boundary. *Costs* nothing; nothing leaves. *Assumes* one id is one
    person.
    """
    _check_key(store)
    consented = gate.admit(log, purpose)
    categories = policy.bundles(consented.catalogue)

    def attempt() -> Ingested:
        """The same, unless somebody who is in it is erased meanwhile."""
        with store.changing() as change:
            erased = store.subjects.erased()
            people = admitted_people(consented)
            entering = people - erased.keys()
            ids = _ids(log, store, entering)
            added, late = _enter(change, consented, categories, [bytes.fromhex(name) for name in people - entering])
            told = 0
            if demographics is not None and specs:
                told = vault_attributes.take_in(change, demographics, specs, gate, entering)
            counts = consented.counts
            found = Ingested(
                read=counts.read,
                admitted=counts.admitted - late,
                excluded={**counts.excluded, "erased": counts.excluded["erased"] + late},
                added=added,
                people=len(entering),
                attributes=told,
                files=change.written,
                generation=change.before.generation + 1,
            )

            def write(transaction: Transaction, facts: Mapping[str, JSON]) -> None:
                """Who is in the vault now stands in the directory, and what came in in the journal."""
                _check_nobody_left(transaction, entering)
                store.subjects.enrol(transaction, ids)
                body = found.as_json() | {"purpose": purpose, "retention_days": policy.retention_days}
                keys = {"keys": store.keys.fingerprints()}
                transaction.append(KIND, {**body, **keys, **note, **facts}, actor=actor)

            change.commit(write, policy=_policy(policy, purpose, specs))
        return found

    while True:
        with suppress(_ErasedMeanwhileError):  # each time there is somebody less to bring in
            return attempt()


def _check_nobody_left(transaction: Transaction, people: set[str]) -> None:
    """Raise unless nobody of these is erased, as of this transaction; whoever is erased after it comes after it."""
    people_tables.make(transaction.connection)
    if not people.isdisjoint(erased_in(transaction.connection)):
        raise _ErasedMeanwhileError


def _check_key(store: VaultStore) -> None:
    """Raise `SecretError` if people came in by another pseudonym key, also where the vault itself is not there."""
    keys = [entry.body["keys"]["pseudonym"] for entry in store.subjects.records.entries(KIND)]
    given = store.keys.fingerprints()["pseudonym"]
    if keys and keys[-1] != given:
        raise SecretError(
            "people stay known by the pseudonym key that they came in with",
            given=f"the journal names the fingerprint {keys[-1]}, that of the key given is {given}",
            do="Restore the secrets that go with these records",
        )


def _enter(
    change: Change, consented: ConsentedInteractions, categories: Sequence[tuple[str, ...]], erased: Sequence[bytes]
) -> tuple[int, int]:
    """The rows are in the change; how many it did not hold before, and how many are of people erased meanwhile."""
    added = late = 0
    for digit in DIGITS:
        rows = admitted_rows(consented, digit, categories)
        if erased:
            gone = pc.is_in(rows.column("person").cast(pa.binary()), pa.array(erased, pa.binary()))
            rows, late = rows.filter(pc.invert(gone)), late + (pc.sum(gone).as_py() or 0)
        for month, part in months(rows):
            held = change.held("interactions", month, digit)
            together = merged([part] if held is None else [part, held])
            added += together.num_rows - (held.num_rows if held else 0)
            if held is None or not together.equals(held):
                change.put(together, drawer="interactions", month=month, digit=digit)
    return added, late


def _ids(log: InteractionLog, store: VaultStore, people: Collection[str]) -> list[str]:
    """The ids behind these pseudonyms, read once more from the log, here."""
    session = DuckDB().session()
    session.stage("log_ids", log.source, {"user_id": "id"})
    named = pseudonyms(session.query("SELECT DISTINCT user_id FROM log_ids")["user_id"], store.keys)
    found = [user_id for user_id, name in named.items() if name in people]
    if len(found) != len(people):
        raise SchemaError(
            "the log stays the same while it is read", given="people in it have changed", do="Copy it, then ingest"
        )
    return found


def _policy(policy: Policy, purpose: str, specs: Sequence[AttributeSpec]) -> VaultPolicy:
    """What the manifest says of the policy."""
    return VaultPolicy(
        purpose=purpose,
        retention_days=policy.retention_days,
        retention=dict(policy.retention),
        attributes={spec.name: spec.levels for spec in specs},
    )
