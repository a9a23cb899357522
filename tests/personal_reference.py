"""The consent gate again, in plain Python: brute force over every instant that matters. And worlds to try it on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.source import Tabular
from tactful.personal.times import micros

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
PURPOSE = "personalization.training"
STATES = ("given", "refused", "withdrawn")


def day(number: float | None) -> str | None:
    """Day 0 is the start of 2026, as text; a text stays as it is."""
    return number if number is None or isinstance(number, str) else (EPOCH + timedelta(days=number)).isoformat()


def moment(number: float) -> datetime:
    return EPOCH + timedelta(days=number)


def reference(world: dict, row: tuple, then: float, now: float) -> str:
    """The outcome of one row (user, item, day): the reason at `then`, else that at `now`."""
    at_then = _judged(world, row, then, then) if then < now else None
    return at_then or _judged(world, row, now, float("inf"), then) or "admitted"


def _judged(world: dict, row: tuple, tau: float, erasures_until: float, latest: float | None = None) -> str | None:
    user, item, t = row
    if not user or not item or not isinstance(t, int | float) or t > (tau if latest is None else latest):
        return "malformed"
    if item not in world["items"]:
        return "unknown_item"
    subject = world["subjects"].get(user, {})
    if subject.get("erased_at") is not None and subject["erased_at"] <= erasures_until:
        return "erased"
    if subject.get("minor"):
        return "minor"
    present = erasures_until == float("inf")
    events = [e for e in world["consents"] if e["user_id"] == user and _in_hand(e, tau, present)]
    lapse = _lapse(events, PURPOSE, tau, tau)
    if lapse:
        return lapse
    if _broken(events, PURPOSE, t, tau):
        return "before_grant"
    if t < tau - world["retention"]:
        return "retention_expired"
    opt_ins = [f"personalization.sensitive.{c}" for c in world["items"][item]]
    return "sensitive_category" if any(_broken(events, p, t, tau) for p in opt_ins) else None


def _in_hand(event: dict, tau: float, present: bool) -> bool:
    """A grant counts once it was recorded and has happened; a refusal once it was recorded, and today in any case."""
    if event["state"] == "given":
        return max(event["recorded"], event["event"]) <= tau
    return present or event["recorded"] <= tau


def _broken(events: list[dict], purpose: str, t: float, tau: float) -> bool:
    instants = {t, tau, *(e[time] for e in events for time in ("event", "recorded", "until") if e[time] is not None)}
    return any(_lapse(events, purpose, instant, tau) for instant in instants if t <= instant <= tau)


def _lapse(events: list[dict], purpose: str, at: float, tau: float) -> str | None:
    """Why the purpose is not in force at an instant, by the events in hand at tau."""
    if any(e["state"] != "given" and not _is_purpose(e["purpose"]) for e in events):
        return "refused"
    words = purpose.split(".")
    path = [".".join(words[: n + 1]) for n in range(len(words))]
    on_path = [e for e in events if e["purpose"] in path]
    stands = [e for e in on_path if not any(_outdoes(o, e) and o["event"] <= at for o in on_path)]
    states = {_meaning(e, on_path) for e in stands if _begins(e, tau) <= at}
    if states & {"refused", "withdrawn"}:
        return "refused" if "refused" in states else "withdrawn"
    grants = [e for e in stands if e["event"] <= at and (e["until"] is None or e["until"] > at)]
    if any("sensitive" not in purpose or e["purpose"].startswith("personalization.sensitive") for e in grants):
        return None
    return "expired" if on_path else "no_record"


def _is_purpose(text: str) -> bool:
    letters = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    return text not in ("all", "any", "everything") and all(w and set(w) <= letters for w in text.split("."))


def _outdoes(other: dict, event: dict) -> bool:
    return other["purpose"] == event["purpose"] and _rank(other) > _rank(event)


def _meaning(event: dict, on_path: list[dict]) -> str:
    """A grant that a refusal of its node precedes by event time, but follows by the earlier of both times, is none."""
    if event["state"] == "given":
        before = [e for e in on_path if e["state"] != "given" and _outdoes(event, e)]
        if any(min(e["event"], e["recorded"]) > min(event["event"], event["recorded"]) for e in before):
            return "withdrawn"
    return event["state"]


def _begins(event: dict, tau: float) -> float:
    return event["event"] if event["state"] == "given" else min(event["event"], event["recorded"], tau)


def _rank(event: dict) -> tuple:
    ends = float("inf") if event["until"] is None else event["until"]
    return event["event"], event["state"] != "given", event["recorded"], -ends, event["state"] == "refused"


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
    return ConsentGate(
        consents=options.pop("consents", None)
        or texts(rows, "user_id purpose state event_time recorded_time valid_until"),
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
    return Policy(retention_days=world["retention"], sensitive={c: {"tag": (c,)} for c in categories})


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
    consents: list[dict] = (), subjects: dict | None = None, items: dict | None = None, retention: int = 1000
) -> dict:
    """Two plain items and one in a sensitive category, unless said otherwise."""
    return {
        "consents": list(consents),
        "subjects": subjects or {},
        "items": items or {"bread": (), "milk": (), "test": ("family",)},
        "retention": retention,
    }


def outcomes(world: dict, rows: list[tuple], then: float, now: float, **options: object) -> Counter:
    """What the gate makes of each row: a count of (pseudonym, item, day, outcome)."""
    judge = gate(world, now, **options)
    session, counts = judge._judge(log(rows), PURPOSE, judge._moments(moment(then))[1])
    found = session.query(
        "SELECT p.pseudonym, i.item_id, j.instant, j.outcome FROM judged j "
        "LEFT JOIN people p ON p.person = j.person LEFT JOIN items i ON i.item = j.item"
    )
    assert counts.read == len(rows)
    start, length = micros(EPOCH), 86_400_000_000
    times = [None if instant is None else (int(instant) - start) / length for instant in found["instant"]]
    return Counter(zip(found["pseudonym"], found["item_id"], times, found["outcome"], strict=True))


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
