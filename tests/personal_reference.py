"""Worlds to try the consent gate on, and what the gate and the rules in plain Python say of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from personal_rules import PURPOSE as PURPOSE
from personal_rules import outcome as reference
from tactful.catalogue import Catalogue
from tactful.personal.consent import OUTCOMES
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.moments import moments
from tactful.personal.policy import Policy
from tactful.personal.source import Tabular
from tactful.personal.times import micros

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
STATES = ("given", "refused", "withdrawn")


def day(number: float | None) -> str | None:
    """Day 0 is the start of 2026, as text; a text stays as it is."""
    return number if number is None or isinstance(number, str) else (EPOCH + timedelta(days=number)).isoformat()


def moment(number: float) -> datetime:
    return EPOCH + timedelta(days=number)


def gate(world: dict, now: float, *, share: float = 0.5, keys: Keys = KEYS, **options: object) -> ConsentGate:
    """The gate over a world of lists and dicts."""
    rows = [
        {
            "user_id": e["user_id"],
            "purpose": e["purpose"],
            "state": e["state"],
            "event_time": day(e["event"]),
            "recorded_time": day(e["recorded"]),
            "valid_until": day(e["until"]),
        }
        for e in world["consents"]
    ]
    subjects = [
        {"user_id": u, "minor": str(s.get("minor", "")), "erased_at": day(s.get("erased_at"))}
        for u, s in world["subjects"].items()
    ]
    parts = (rows[::2], rows[1::2]) if len(rows) > 50 else (rows,)  # many in two tables, which count together
    tables = [texts(part, "user_id purpose state event_time recorded_time valid_until") for part in parts]
    erased = {keys.pseudonyms([user])[0]: moment(at) for user, at in world["erased"].items()}
    return ConsentGate(
        consents=options.pop("consents", None) or tables,
        erased=options.pop("erased", erased),
        subjects=options.pop("subjects", None) or texts(subjects, "user_id minor erased_at"),
        catalogue=catalogue(world["items"]),
        policy=policy(world),
        keys=keys,
        evaluation_share=share,
        now=lambda: moment(now),
        **options,
    )


def catalogue(items: dict[str, tuple[str, ...]]) -> Catalogue:
    return Catalogue.of_table(pa.table({"item_id": list(items), "tag": ["|".join(tags) for tags in items.values()]}))


def policy(world: dict) -> Policy:
    categories = sorted({tag for tags in world["items"].values() for tag in tags})
    return Policy(
        retention_days=world["retention"], sensitive={c: {"tag": (c,)} for c in categories}, retention=world["shorter"]
    )


def log(rows: list[tuple]) -> InteractionLog:
    columns = [dict(zip(("user_id", "item_id", "timestamp"), (u, i, day(t)), strict=True)) for u, i, t in rows]
    return InteractionLog.open(texts(columns, "user_id item_id timestamp"))


def texts(rows: list[dict], names: str) -> Tabular:
    """A table of text columns, also when it has no rows."""
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names.split()]))


def event(
    user: str, state: str, at: float, purpose: str = PURPOSE, until: float | None = None, recorded: float | None = None
) -> dict:
    """A consent event, recorded when it happened unless said otherwise."""
    return {
        "user_id": user,
        "purpose": purpose,
        "state": state,
        "event": at,
        "recorded": at if recorded is None else recorded,
        "until": until,
    }


def world(
    consents: list[dict] = (),
    subjects: dict | None = None,
    items: dict | None = None,
    retention: int = 1000,
    *,
    shorter: dict | None = None,
    erased: dict | None = None,
) -> dict:
    """Two plain items and one in a sensitive category, unless said otherwise."""
    return {
        "consents": list(consents),
        "subjects": subjects or {},
        "items": items or {"bread": (), "milk": (), "test": ("family",)},
        "retention": retention,
        "shorter": shorter or {},
        "erased": erased or {},
    }


def outcomes(world: dict, rows: list[tuple], then: float, now: float, **options: object) -> Counter:
    """What the gate makes of each row: a count of (pseudonym, item, day, outcome)."""
    judge = gate(world, now, **options)
    session, counts = judge._judge(log(rows), PURPOSE, moments(moment(then), moment(now))[1])
    found = session.query(
        "SELECT p.pseudonym, i.item_id, j.instant, j.place FROM judged j "
        "LEFT JOIN people p ON p.person = j.person LEFT JOIN items i ON i.item = j.item"
    )
    assert counts.read == len(rows)
    start, length = micros(EPOCH), 86_400_000_000
    times = [None if instant is None else (int(instant) - start) / length for instant in found["instant"]]
    told = [OUTCOMES[int(place)] for place in found["place"]]
    return Counter(zip(found["pseudonym"], found["item_id"], times, told, strict=True))


def expected(world: dict, rows: list[tuple], then: float, now: float) -> Counter:
    """The same by the reference."""
    told = Counter()
    for user, item, t in rows:
        known = item if item in world["items"] else None
        time = None if t is None or isinstance(t, str) else float(t)
        told[
            KEYS.pseudonyms([user])[0] if user else None, known, time, reference(world, (user, item, t), then, now)
        ] += 1
    return told
