"""The SQL of the gate agrees with brute force in plain Python, and tests notice when it does not."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import pytest

import tactful.personal.books
import tactful.personal.gate
from personal_histories import ITEMS, NODES, SHORTER, STRANGE, differing, worlds
from personal_reference import event, expected, outcomes, reference, world
from tactful.personal.consent import OUTCOMES
from tactful.personal.policy import Policy

THEN, NOW = 6, 8
USERS = ("ann", "bob", "cem", "dee")


def test_every_row_of_hundreds_of_worlds_has_the_outcome_of_the_rules():
    """In any small world, as of a past time or now, each row's outcome is what the rules in plain Python say."""
    drawn = worlds(600)
    assert len(drawn) == 600
    for then, part in zip((2, THEN, NOW), (drawn[:200], drawn[200:400], drawn[400:]), strict=True):
        assert differing(part, then, NOW)[:1] == []


@pytest.mark.prove
def test_ten_thousand_worlds_are_judged_as_the_rules_say(record_property):
    """The same for ten thousand worlds, at three times, in ten queries; every outcome occurs, most of them often."""
    drawn, told = worlds(10_000), Counter()
    assert len(drawn) == 10_000
    for number in range(10):
        then, part = (2, THEN, NOW)[number % 3], drawn[number * 1000 :][:1000]
        assert differing(part, then, NOW)[:1] == []
        told.update(reference(made, row, then, NOW) for made, rows in part for row in rows)
    assert set(told) == set(OUTCOMES)
    assert min(told.values()) >= 100
    record_property("evidence", f"{len(drawn):,} worlds, {told.total():,} rows: no outcome differs from the rules")


def crowd(seed: int, people: int) -> tuple[dict, list[tuple]]:
    """Many people with short, mostly relevant histories, and each with every item at several times."""
    draw = random.Random(seed)  # noqa: S311
    consents, flags, interactions = [], {}, []
    for number in range(people):
        user = f"user-{number}"
        if draw.random() < 0.5:
            consents += [event(user, "given", draw.randint(0, 2), node) for node in ("personalization", NODES[5])]
        for _ in range(draw.randint(0, 5)):
            at = draw.randint(0, 18) / 2
            until = draw.choice([None, None, None, at + draw.randint(0, 8) / 2])
            recorded = draw.choice([None, None, None, draw.randint(0, 18) / 2])
            state = draw.choice(["given", "given", "given", "refused", "withdrawn"])
            node = draw.choice(NODES if draw.random() < 0.95 else STRANGE)
            consents.append(event(user, state, at, node, until, recorded))
        if draw.random() < 0.15:
            flags[user] = {"minor": draw.random() < 0.5, "erased_at": draw.choice([None, draw.randint(0, 9)])}
        interactions += [
            (user, draw.choice(["bread", "bread", *ITEMS, "lost"]), draw.randint(0, 18) / 2) for _ in range(6)
        ]
    erased = {f"user-{number}": draw.randint(0, 9) for number in range(people) if draw.random() < 0.05}
    return world(consents, flags, ITEMS, retention=5, shorter=SHORTER, erased=erased), interactions


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("then", [THEN, NOW])
def test_a_crowd_in_one_query_is_judged_as_one_by_one(seed, then):
    """Six hundred people at once get what each would get alone, and every reason that they can have occurs."""
    made, interactions = crowd(seed, 600)
    told = expected(made, interactions, then, NOW)
    assert outcomes(made, interactions, then, NOW) == told
    assert len({outcome for *_, outcome in told}) == 12


@cache
def mutants_world() -> tuple[dict, list[tuple], Counter]:
    """A crowd and what the reference says of it, found once."""
    made, interactions = crowd(1, 1000)
    return made, interactions, expected(made, interactions, THEN, NOW)


def test_the_statement_as_it_is_agrees_on_the_world_of_the_mutants():
    """So a difference below is the mutant's."""
    made, interactions, told = mutants_world()
    assert outcomes(made, interactions, THEN, NOW) == told


MUTANTS = {
    "ignores whether consent was unbroken": ("JUDGED", "r.timestamp < s.since_then", "FALSE"),
    "reads consents at event time only": (
        "JUDGED",
        "c.recorded <= CASE WHEN c.state = 'given' THEN m.instant ELSE m.known_until END",
        "TRUE",
    ),
    "gives before it was recorded": ("JUDGED", "c.state = 'given' THEN m.instant", "FALSE THEN 0"),
    "waits until a refusal should have been recorded": ("JUDGED", "ELSE m.known_until", "ELSE m.instant"),
    "waits for the day of a refusal": ("JUDGED", "c.state <> 'given' OR c.happened", "c.happened"),
    "orders refusals by when they begin to count": (
        "JUDGED",
        "ORDER BY happened",
        "ORDER BY CASE WHEN state = 'given' THEN happened ELSE earliest END",
    ),
    "lets a grant dated ahead lift a refusal": ("JUDGED", "refused > earliest", "FALSE"),
    "judges now by what was known then": ("JUDGED", "s.reason_now IS NOT NULL", "FALSE"),
    "forgets continuity until now": ("JUDGED", "r.timestamp < s.since_now", "FALSE"),
    "forgets retention": ("JUDGED", "r.timestamp < c.instant_then - i.keep", "FALSE"),
    "forgets retention by now": ("JUDGED", "r.timestamp < c.instant_now - i.keep", "FALSE"),
    "forgets opt-ins": ("JUDGED", "o.since_then IS NULL OR r.timestamp < o.since_then", "FALSE"),
    "forgets opt-ins by now": ("JUDGED", "o.since_now IS NULL OR r.timestamp < o.since_now", "FALSE"),
    "takes an opt-in for the past": ("JUDGED", "OR r.timestamp < o.since_then", ""),
    "needs one opt-in of two": ("JUDGED", "HAVING COUNT(*) = b.needed", ""),
    "lets a grant outvote a refusal": ("JUDGED", "gives > 0 AND blocks = 0", "gives > 0"),
    "forgets refusals of parents": ("JUDGED", "CASE WHEN s.state = 'given' THEN 0 ELSE 1 END", "0"),
    "lets a grant win a tie": (
        "JUDGED",
        "WHEN state = 'given' THEN 0 ELSE 1 END, rec",
        "WHEN state = 'given' THEN 1 ELSE 0 END, rec",
    ),
    "forgets that grants end": ("JUDGED", "OR valid_until IS NULL", "OR TRUE"),
    "ends a grant one instant late": ("JUDGED", "WHERE ends <= instant", "WHERE ends < instant"),
    "starts consent one instant late": ("JUDGED", "c.happened <= m.instant", "c.happened < m.instant"),
    "forgets erasures": ("JUDGED", "s.erased_at <= m.known_until", "FALSE"),
    "forgets whom tactful erased": ("SUBJECTS", "FROM erased e", "FROM (SELECT * FROM erased WHERE FALSE) e"),
    "forgets minors": ("JUDGED", "s.minor = 1", "FALSE"),
    "admits the future": ("JUDGED", "OR r.timestamp > c.instant_then", ""),
    "admits unknown items": ("JUDGED", "WHEN i.item IS NULL THEN", "WHEN FALSE THEN"),
    "believes a clock that runs ahead": ("CONSENTS", "recorded < event_time", "FALSE"),
    "passes over a refusal of what is no purpose": ("CONSENTS", "WHEN c.purpose_unreadable = 1 OR", "WHEN"),
    "passes over a refusal of everything": ("CONSENTS", "OR c.purpose IN ('all', 'any', 'everything')", ""),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_statement_is_noticed(mutant, monkeypatch):
    """Each way to break the statement changes some outcome that the comparison sees."""
    name, part, broken = MUTANTS[mutant]
    home = tactful.personal.gate if name == "JUDGED" else tactful.personal.books
    statement = getattr(home, name)
    assert part in statement
    monkeypatch.setattr(home, name, statement.replace(part, broken))
    made, interactions, told = mutants_world()
    assert outcomes(made, interactions, THEN, NOW) != told


def test_a_grant_of_the_parent_for_a_sensitive_category_is_noticed(monkeypatch):
    """If `personalization` opted people in to sensitive categories, the comparison would see it."""
    wide = [("", 0), ("personalization", 1), ("personalization.sensitive", 1), ("personalization.sensitive.family", 1)]
    path_of = tactful.personal.books.path_of
    monkeypatch.setattr(
        tactful.personal.books, "path_of", lambda purpose: wide if "family" in purpose else path_of(purpose)
    )
    made, interactions, told = mutants_world()
    assert outcomes(made, interactions, THEN, NOW) != told


@pytest.mark.parametrize("mutant", ["the longest", "one for all"])
def test_a_retention_that_is_not_the_shortest_is_noticed(mutant, monkeypatch):
    """Each category's own retention counts, and of several the shortest."""
    days = {"the longest": lambda policy, _: policy.retention_days, "one for all": lambda *_: 3}[mutant]
    monkeypatch.setattr(Policy, "days", days)
    made, interactions, told = mutants_world()
    assert outcomes(made, interactions, THEN, NOW) != told


def test_one_table_of_consents_of_several_is_noticed(monkeypatch):
    """If the gate read the first table alone, the comparison would see it."""
    consents = tactful.personal.books.consents
    monkeypatch.setattr(tactful.personal.books, "consents", lambda tables: consents(tables)[:1])
    made, interactions, told = mutants_world()
    assert outcomes(made, interactions, THEN, NOW) != told
