"""The consent gate's rules in plain Python: brute force over every instant that matters.

Times are numbers of days. A world is a dict of ``items`` (item → its sensitive categories), ``consents`` (dicts of
`tests/personal_reference.event`), ``subjects`` (user → minor, erased_at), ``erased`` (user → when tactful erased them),
``retention`` (days) and ``shorter`` (category → days).
"""

from __future__ import annotations

PURPOSE = "personalization.training"
NEVER = float("inf")
LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789_")


def outcome(world: dict, row: tuple, then: float, now: float, known: float = NEVER) -> str:
    """What happens to a row (user, item, day): the reason at `then`, else that at `now`, else it is admitted."""
    early = reason(world, row, then, then, then) if then < now else None
    return early or reason(world, row, now, known, then) or "admitted"


def reason(world: dict, row: tuple, tau: float, known: float, latest: float) -> str | None:
    """Why a row may not be used at `tau`, by refusals and erasures known until `known`; None if it may."""
    (user, item, t), flags = row, world["subjects"].get(row[0], {})
    if not user or not item or not isinstance(t, int | float) or t > latest:
        return "malformed"
    if item not in world["items"]:
        return "unknown_item"
    if any(at is not None and at <= known for at in (flags.get("erased_at"), world["erased"].get(user))):
        return "erased"
    if flags.get("minor"):
        return "minor"
    said = [e for e in world["consents"] if e["user_id"] == user]
    events = [e for e in said if in_hand(e, tau, known)]
    if lapse(events, PURPOSE, tau, tau) or broken(events, PURPOSE, t, tau):
        return lapse(events, PURPOSE, tau, tau) or "before_grant"
    if t < tau - min([world["retention"], *(world["shorter"].get(c, NEVER) for c in world["items"][item])]):
        return "retention_expired"
    opt_ins = [f"personalization.sensitive.{category}" for category in world["items"][item]]
    return "sensitive_category" if any(broken(events, purpose, t, tau) for purpose in opt_ins) else None


def in_hand(event: dict, tau: float, known: float) -> bool:
    """A grant counts once it was recorded and has happened; a refusal once it was recorded, today in any case."""
    return max(event["recorded"], event["event"]) <= tau if given(event) else event["recorded"] <= known


def broken(events: list[dict], purpose: str, t: float, tau: float) -> bool:
    clocks = {t, tau, *(e[clock] for e in events for clock in ("event", "recorded", "until") if e[clock] is not None)}
    return any(lapse(events, purpose, at, tau) for at in clocks if t <= at <= tau)


def lapse(events: list[dict], purpose: str, at: float, tau: float) -> str | None:
    """Why the purpose is not in force at an instant, by the events in hand at `tau`; None if it is."""
    if any(not given(e) and not is_purpose(e["purpose"]) for e in events):
        return "refused"
    path = [e for e in events if f"{purpose}.".startswith(f"{e['purpose']}.")]
    stands = [e for e in path if not any(outdoes(other, e) and other["event"] <= at for other in path)]
    for state in ("refused", "withdrawn"):
        if any(meaning(e, path) == state and begins(e, tau) <= at for e in stands):
            return state
    grants = [e for e in stands if given(e) and e["event"] <= at and (e["until"] is None or e["until"] > at)]
    explicit = "personalization.sensitive" if "sensitive" in purpose else ""  # the parent does not opt in
    return None if any(e["purpose"].startswith(explicit) for e in grants) else "expired" if path else "no_record"


def given(event: dict) -> bool:
    return event["state"] == "given"


def is_purpose(text: str) -> bool:
    return text not in ("all", "any", "everything") and all(word and set(word) <= LETTERS for word in text.split("."))


def outdoes(other: dict, event: dict) -> bool:
    """Of two events of one purpose the later counts; at one instant a refusal, then what was recorded later."""
    return other["purpose"] == event["purpose"] and rank(other) > rank(event)


def rank(event: dict) -> tuple:
    ends = NEVER if event["until"] is None else event["until"]
    return event["event"], not given(event), event["recorded"], -ends, event["state"] == "refused"


def meaning(event: dict, path: list[dict]) -> str:
    """A grant is none where a refusal of its purpose precedes it, but follows it by the earlier of both times."""
    before = [e for e in path if given(event) and not given(e) and outdoes(event, e)]
    overtaken = any(first(e) > first(event) for e in before)
    return "withdrawn" if overtaken else event["state"]


def begins(event: dict, tau: float) -> float:
    return event["event"] if given(event) else min(first(event), tau)


def first(event: dict) -> float:
    return min(event["event"], event["recorded"])
