"""Random small worlds, many of them judged in one query: each world's people have ids of their own.

Hypothesis draws the bytes of a world; reading them costs little, so that ten thousand worlds take seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from personal_reference import KEYS, PURPOSE, STATES, event, outcomes, world
from personal_rules import outcome

NODES = (
    "personalization",
    PURPOSE,
    PURPOSE,
    PURPOSE + ".models",
    "fairness",
    "personalization.sensitive",
    "personalization.sensitive.family",
    "personalization.sensitive.diet",
)
STRANGE = ("personalization.*", "all", "fairness.", "personalization.training\t")
ITEMS = {"bread": (), "test": ("family",), "aid": ("diet",), "both": ("diet", "family")}
SHORTER = {"diet": 3}
RETENTION = 5
USERS = ("ann", "bob", "cem")
_SIZE = 102

World = tuple[dict, list[tuple]]


def worlds(number: int) -> list[World]:
    """So many random worlds and their logs, of up to three people, fourteen events and eight rows each."""
    drawn: list[World] = []

    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=_SIZE, max_size=_SIZE))
    def draw(raw: bytes) -> None:
        drawn.append(_read(iter(raw)))

    draw()
    return drawn


def differing(drawn: Sequence[World], then: float, now: float) -> list[World]:
    """Those worlds where some row's outcome is not that of the rules, the smallest first; one query judges all."""
    named = [_named(made, rows, f"{number}/") for number, (made, rows) in enumerate(drawn)]
    together = world(
        [e for made, _ in named for e in made["consents"]],
        {user: flags for made, _ in named for user, flags in made["subjects"].items()},
        ITEMS,
        RETENTION,
        shorter=SHORTER,
        erased={user: at for made, _ in named for user, at in made["erased"].items()},
    )
    found = outcomes(together, [row for _, rows in named for row in rows], then, now)
    wrong = [each for each, (made, rows) in zip(drawn, named, strict=True) if not _told(made, rows, then, now) <= found]
    return sorted(wrong, key=lambda each: len(each[0]["consents"]) + len(each[1]))


def _told(made: dict, rows: list[tuple], then: float, now: float) -> Counter:
    """What the rules say of each row."""
    names = dict(zip(used := sorted({user for user, *_ in rows if user}), KEYS.pseudonyms(used), strict=True))
    return Counter(
        (names.get(user), item if item in ITEMS else None, t, outcome(made, (user, item, t), then, now))
        for user, item, t in rows
    )


def _named(made: dict, rows: list[tuple], prefix: str) -> World:
    """The world with a prefix before each of its people's ids."""
    renamed = {
        "consents": [e | {"user_id": prefix + e["user_id"]} for e in made["consents"]],
        "subjects": {prefix + user: flags for user, flags in made["subjects"].items()},
        "erased": {prefix + user: at for user, at in made["erased"].items()},
    }
    return made | renamed, [(prefix + user if user else None, item, t) for user, item, t in rows]


def _read(raw: Iterator[int]) -> World:
    """A world from bytes."""

    def one(choices: Sequence) -> object:
        """One of these."""
        return choices[next(raw) % len(choices)]

    days = [half / 2 for half in range(19)]
    sometimes = [None] * 19 + days
    consents, subjects, erased = [], {}, {}
    for _ in range(next(raw) % 9):
        state, at = one((*STATES, "given", "given")), one(days)
        node = one(NODES * 4 + STRANGE[next(raw) % len(STRANGE) :][:1])
        consents.append(event(one(USERS), state, at, node, one(sometimes), one(sometimes)))
    for user in USERS:
        kind, at, willing = next(raw) % 16, one(days), next(raw) % 4
        consents += [event(user, "given", at / 9, node) for node in ("personalization", NODES[5])[: 2 - willing]]
        if kind < 2:
            subjects[user] = {"minor": kind == 0, "erased_at": at if kind == 1 else None}
        if kind == 2:
            erased[user] = at
    rows = [("ann", "bread", 1.0)]  # so that some time can be read
    for _ in range(next(raw) % 8):
        user, item = one((*USERS * 4, "eve", None)), one((*ITEMS, "bread", *ITEMS, "bread", "lost", None))
        rows.append((user, item, one((*days[:14], *days, None))))
    return world(consents, subjects, ITEMS, RETENTION, shorter=SHORTER, erased=erased), rows
