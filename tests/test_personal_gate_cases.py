"""The gate's rules, one small world each."""

from __future__ import annotations

from functools import partial

import pytest

from personal_reference import PURPOSE, event, gate, log, moment, reference, texts, world
from tactful.errors import ConfigError, TactfulError, UsageError
from tactful.personal import books
from tactful.personal.bounding import bound
from tactful.personal.consent import OUTCOMES, REASONS, GateCounts, path_of
from tactful.personal.split import hold_out

PARENT, SENSITIVE, FAMILY = "personalization", "personalization.sensitive", "personalization.sensitive.family"
A = "ann"
yes, no, out = partial(event, A, "given"), partial(event, A, "refused"), partial(event, A, "withdrawn")


def judged(made: dict, row: tuple, then: float, now: float) -> str:
    """The one outcome of one row."""
    counts = gate(made, now).admit(log([row]), PURPOSE, moment(then)).counts
    assert counts.read == 1
    return "admitted" if counts.admitted else next(reason for reason in REASONS if counts.excluded[reason])


CASES = [
    # claim, consent events, item, day of the row, as of, now, outcome
    ("a grant admits what follows it", [yes(1)], "bread", 2, 5, 5, "admitted"),
    ("a grant admits its own instant", [yes(1)], "bread", 1, 5, 5, "admitted"),
    ("nothing before the grant", [yes(3)], "bread", 2, 5, 5, "before_grant"),
    ("a grant of the parent gives the child", [yes(1, PARENT)], "bread", 2, 5, 5, "admitted"),
    ("a child never gives its parent", [yes(1, PURPOSE + ".models")], "bread", 2, 5, 5, "no_record"),
    ("a sibling gives nothing", [yes(1, "personalization.recommendations")], "bread", 2, 5, 5, "no_record"),
    ("a longer word is no child", [yes(1, "personal")], "bread", 2, 5, 5, "no_record"),
    ("a refused parent beats a given child", [yes(1), no(2, PARENT)], "bread", 1, 5, 5, "refused"),
    ("a refused child beats a given parent", [yes(1, PARENT), no(2)], "bread", 1, 5, 5, "refused"),
    ("even a later grant of the parent", [no(1), yes(2, PARENT)], "bread", 3, 5, 5, "refused"),
    ("a re-grant lifts a refusal on its node", [no(1), yes(2)], "bread", 3, 5, 5, "admitted"),
    ("withdrawn", [yes(1), out(3)], "bread", 2, 5, 5, "withdrawn"),
    ("refused outranks withdrawn", [out(1), no(1, PARENT)], "bread", 2, 5, 5, "refused"),
    (
        "a gap is not forgiven",
        [yes(1), out(3), yes(4)],
        "bread", 2, 5, 5, "before_grant",
    ),
    ("a refusal wins a tie", [yes(1), no(1)], "bread", 2, 5, 5, "refused"),
    ("valid_until is exclusive", [yes(1, until=5)], "bread", 2, 5, 5, "expired"),
    ("until then it holds", [yes(1, until=5.5)], "bread", 2, 5, 5, "admitted"),
    ("spans that touch are unbroken", [yes(1, until=3), yes(3)], "bread", 2, 5, 5, "admitted"),
    ("spans that do not are broken", [yes(1, until=3), yes(3.01)], "bread", 2, 5, 5, "before_grant"),
    ("another node may bridge", [yes(1, until=3), yes(2, PARENT)], "bread", 1.5, 5, 5, "admitted"),
    ("left since", [yes(1), out(6)], "bread", 2, 5, 7, "withdrawn"),
    ("left and came back since", [yes(1), out(6), yes(6.5)], "bread", 2, 5, 7, "before_grant"),
    ("joined since", [yes(6)], "bread", 2, 5, 7, "no_record"),
    ("what was recorded later was not known", [yes(1, recorded=6)], "bread", 2, 5, 7, "no_record"),
    ("a late record of an early grant counts once known", [yes(1, recorded=4)], "bread", 2, 5, 7, "admitted"),
    ("a refusal dated ahead counts when recorded", [yes(1), no(9, recorded=3)], "bread", 2, 5, 7, "refused"),
    ("a grant dated ahead does not count yet", [yes(9, recorded=3)], "bread", 2, 5, 7, "no_record"),
    ("later by both clocks is later, though one runs ahead",
     [yes(2, recorded=1), out(3, recorded=1.5)], "bread", 3.5, 5, 5, "withdrawn"),
    ("a withdrawal for a later day outlasts a grant before it", [yes(2), out(4, recorded=1)],
     "bread", 4.5, 5, 5, "withdrawn"),
    ("and counts from the day it was recorded", [yes(2), out(4, recorded=1)], "bread", 2.5, 3, 3, "withdrawn"),
    ("a refusal that arrives late was still earlier", [no(1, recorded=4), yes(2)], "bread", 3, 5, 5, "admitted"),
    ("a grant dated ahead does not undo what was refused since", [yes(4, recorded=1), no(2)],
     "bread", 4.5, 5, 5, "withdrawn"),
    ("not for a shorter time either", [yes(2.5), yes(4, until=4.5, recorded=1), no(2)], "bread", 3, 5, 5, "withdrawn"),
    ("unless it is later by both clocks", [out(4, recorded=1), yes(4.5, recorded=2)],
     "bread", 4.6, 5, 5, "admitted"),
    ("and a later grant lifts it", [yes(4, recorded=1), no(2), yes(4.5)], "bread", 4.6, 5, 5, "admitted"),
    ("a refusal in hand counts now, recorded in the future or not", [yes(1), out(3, recorded=9)],
     "bread", 2, 5, 7, "withdrawn"),
    ("happened in the future or not", [yes(1), no(9)], "bread", 2, 5, 7, "refused"),
    ("on a parent too", [yes(1), out(9, PARENT)], "bread", 2, 7, 7, "withdrawn"),
    ("for an opt-in too", [yes(1, PARENT), yes(1, FAMILY), out(9, FAMILY)], "test", 2, 5, 7, "sensitive_category"),
    ("a grant in hand does not", [yes(1, recorded=9)], "bread", 2, 7, 7, "no_record"),
    ("a sensitive item needs its own opt-in", [yes(1, PARENT)], "test", 2, 5, 5, "sensitive_category"),
    ("which may be the sensitive parent", [yes(1, PARENT), yes(1, SENSITIVE)], "test", 2, 5, 5, "admitted"),
    ("or the category", [yes(1, PARENT), yes(1, FAMILY)], "test", 2, 5, 5, "admitted"),
    ("from then on", [yes(1, PARENT), yes(3, FAMILY)], "test", 2, 5, 5, "sensitive_category"),
    ("an opt-in alone is not consent", [yes(1, FAMILY)], "test", 2, 5, 5, "no_record"),
    ("the opt-in left since", [yes(1, PARENT), yes(1, FAMILY), out(6, FAMILY)],
     "test", 2, 5, 7, "sensitive_category"),
    ("old rows go", [yes(1)], "bread", 2, 2000, 2000, "retention_expired"),
    ("old by now goes", [yes(1)], "bread", 2, 5, 2000, "retention_expired"),
    ("not in the catalogue", [yes(1)], "lost", 2, 5, 5, "unknown_item"),
    ("later than as_of cannot be judged", [yes(1)], "bread", 6, 5, 7, "malformed"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_case(case):
    """The claim of each case, by the gate and by the reference."""
    _, consents, item, t, then, now, outcome = case
    made = world(consents)
    assert reference(made, (A, item, t), then, now) == outcome
    assert judged(made, (A, item, t), then, now) == outcome


def test_each_reason_gives_way_to_those_before_it():
    """A row that every reason excludes loses them one by one in the documented order."""
    old = [yes(3, until=4), out(3, PARENT), no(3, PARENT)]
    renewed = [yes(10, PARENT), yes(1, PURPOSE)]
    steps = [
        ("malformed", {A: {"minor": True, "erased_at": 0}}, old, (A, "test", "soon")),
        ("unknown_item", {A: {"minor": True, "erased_at": 0}}, old, (A, "lost", 2)),
        ("erased", {A: {"minor": True, "erased_at": 0}}, old, (A, "test", 2)),
        ("minor", {A: {"minor": True}}, old, (A, "test", 2)),
        ("no_record", {}, [], (A, "test", 2)),
        ("refused", {}, old, (A, "test", 2)),
        ("withdrawn", {}, old[:2], (A, "test", 2)),
        ("expired", {}, old[:1], (A, "test", 2)),
        ("before_grant", {}, [yes(10)], (A, "test", 2)),
        ("retention_expired", {}, renewed, (A, "test", 11)),
        ("sensitive_category", {}, renewed, (A, "test", 30)),
    ]
    assert [name for name, *_ in steps] == list(REASONS)
    for reason, subjects, consents, row in steps:
        made = world([*consents, event("zoe", "given", 0)], subjects, retention=20)
        counts = gate(made, 40).admit(log([row, ("zoe", "bread", 30)]), PURPOSE).counts
        assert counts.excluded[reason] == 1, reason
        assert counts.admitted == 1


@pytest.mark.parametrize(("erased", "then", "replayed"), [(3, 5, "erased"), (6, 5, "admitted"), (9, 5, "admitted")])
def test_an_erasure_counts_now_whatever_its_date(erased, then, replayed):
    """At as_of an erasure of then counts; now every erasure does, one dated ahead too."""
    made = world([yes(1)], {A: {"erased_at": erased}})
    counts = gate(made, 7).replay(log([(A, "bread", 2)]), PURPOSE, moment(then))
    assert (counts.admitted == 1) == (replayed == "admitted")
    assert gate(made, 7).admit(log([(A, "bread", 2)]), PURPOSE, moment(then)).counts.excluded["erased"] == 1


def test_rows_of_a_category_end_when_it_says():
    """Sooner than others, counted from `as_of` and from now; other items are not touched."""
    made = world([yes(0, PARENT), yes(0, SENSITIVE)], retention=100, shorter={"family": 3})
    rows = [(A, item, day) for item in ("bread", "test") for day in (1, 2, 4)]
    counts = gate(made, 6).admit(log(rows), PURPOSE, moment(5)).counts
    assert (counts.admitted, counts.excluded["retention_expired"]) == (4, 2)
    assert gate(made, 6).replay(log(rows), PURPOSE, moment(5)).excluded["retention_expired"] == 1


def test_whom_tactful_erased_counts_like_an_erasure_of_the_subjects():
    """At once and for good; at a past time only if it was before."""
    made = world([yes(1), event("bob", "given", 1)], erased={A: 6})
    rows = [(A, "bread", 2), ("bob", "bread", 2)]
    assert gate(made, 7).admit(log(rows), PURPOSE).counts.excluded["erased"] == 1
    assert gate(made, 7).admit(log(rows), PURPOSE, moment(5)).counts.excluded["erased"] == 1
    assert gate(made, 7).replay(log(rows), PURPOSE, moment(5)).admitted == 2


def test_the_gate_needs_a_table_of_consents():
    """None at all is a mistake; one without rows means that nobody said anything."""
    with pytest.raises(ConfigError, match="table of consents"):
        books.consents([])


@pytest.mark.parametrize("refusal", [out(3, recorded=9), out(9), no(6)])
def test_a_past_time_is_replayed_by_what_was_recorded_then(refusal):
    """A refusal recorded since is no part of the past; now it counts, whatever its dates say."""
    made = world([yes(1), refusal])
    assert gate(made, 7).replay(log([(A, "bread", 2)]), PURPOSE, moment(5)).admitted == 1
    assert gate(made, 7).admit(log([(A, "bread", 2)]), PURPOSE, moment(5)).counts.admitted == 0


@pytest.mark.parametrize("flag", ["true", "1", "YES", " t ", "y", "perhaps", "2"])
def test_a_minor_flag_that_is_not_a_no_is_a_yes(flag):
    """Unreadable flags protect."""
    subjects = texts([{"user_id": A, "minor": flag}], "user_id minor")
    counts = gate(world([yes(1)]), 7, subjects=subjects).replay(log([(A, "bread", 2)]), PURPOSE, moment(5))
    assert counts.excluded["minor"] == 1


@pytest.mark.parametrize("flag", ["false", "0", "No", "f", "n", "", None])
def test_a_no_is_a_no(flag):
    """So does nothing else."""
    subjects = texts([{"user_id": A, "minor": flag}], "user_id minor")
    counts = gate(world([yes(1)]), 7, subjects=subjects).replay(log([(A, "bread", 2)]), PURPOSE, moment(5))
    assert counts.admitted == 1


BROKEN = [
    ("a misspelt state", {"state": "withdrawm"}, "refused"),
    ("no state", {"state": None}, "refused"),
    ("no event time", {"event_time": None}, "refused"),
    ("an unreadable event time", {"event_time": "yesterday"}, "refused"),
    ("an unreadable recorded time", {"recorded_time": "yesterday"}, "refused"),
    ("no purpose refuses everything", {"purpose": None}, "refused"),
    ("an unreadable end has passed", {"valid_until": "for long"}, "expired"),
    ("another purpose is another matter", {"purpose": "marketing", "state": "?"}, "admitted"),
    ("capitals and spaces are read", {"purpose": " Personalization.Training ", "state": " GIVEN "}, "admitted"),
    ("an empty end is none", {"valid_until": " "}, "admitted"),
]


@pytest.mark.parametrize(("claim", "change", "outcome"), BROKEN, ids=[claim for claim, *_ in BROKEN])
def test_a_consent_record_that_cannot_be_read_refuses(claim, change, outcome):
    """It refuses for all time: neither an earlier nor a later grant of the same node lifts it."""
    good = {"user_id": A, "purpose": PURPOSE, "state": "given", "event_time": "2026-01-02", "recorded_time": None}
    other = {**good, "user_id": "zoe", "valid_until": None}
    later = {**good, "event_time": "2026-01-02T00:00:01"} if outcome == "refused" else other
    rows = [good | {"valid_until": None} | change, later, other]
    table = texts(rows, "user_id purpose state event_time recorded_time valid_until")
    if outcome == "admitted" and change.get("purpose") == "marketing":
        table = texts([*rows, good], "user_id purpose state event_time recorded_time valid_until")
    counts = gate(world(), 7, consents=table).admit(log([(A, "bread", 3), ("zoe", "bread", 3)]), PURPOSE).counts
    assert counts.admitted == (2 if outcome == "admitted" else 1)
    assert outcome == "admitted" or counts.excluded[outcome] == 1


def test_nobody_consented_lets_no_row_pass():
    """An empty consent table: every row accounted for, nobody to bound or to hold out, and no error that could tell."""
    consented = gate(world(), 7).admit(log([(A, "bread", 2), (A, "milk", 2)]), PURPOSE)
    assert (consented.counts.admitted, consented.counts.excluded["no_record"]) == (0, 2)
    assert bound(consented, max_items=5).user_items.shape == (0, len(consented.catalogue))
    assert hold_out(consented).folded.shape == (0, len(consented.catalogue))
    assert sum(consented.people_by_outcome()["no_record"].values()) == 1


@pytest.mark.parametrize("ask", ["admit", "replay"])
def test_the_future_cannot_be_asked_about(ask):
    """A future as_of is a usage error; now itself is not."""
    made = gate(world([yes(1)]), 7)
    with pytest.raises(UsageError):
        getattr(made, ask)(log([(A, "bread", 2)]), PURPOSE, moment(7.01))
    assert made.replay(log([(A, "bread", 2)]), PURPOSE, moment(7)).admitted == 1


@pytest.mark.parametrize("purpose", ["", "Personalization", "a..b", "a.", "a b", "*"])
def test_a_purpose_is_dotted_words(purpose):
    """Anything else is a usage error, not a purpose that nobody gave."""
    with pytest.raises(UsageError):
        gate(world([yes(1)]), 7).admit(log([(A, "bread", 2)]), purpose)


def test_counts_that_do_not_add_up_are_impossible():
    """A statement that lost or doubled a row would stop the run."""
    with pytest.raises(TactfulError):
        GateCounts(read=3, admitted=1, excluded=dict.fromkeys(REASONS, 0))
    with pytest.raises(TactfulError):
        GateCounts(read=1, admitted=1, excluded={})


def test_people_are_counted_once_by_their_best_row():
    """Admitted if any row is, else by the first reason about the person, else about the rows; nobody's are nobody's."""
    made = world([yes(3), event("bob", "given", 3), event("dee", "given", 3)])
    rows = [
        (A, "bread", 4),
        (A, "bread", 1),
        ("bob", "lost", 4),
        ("bob", "bread", 1),
        ("cem", "bread", 4),
        ("dee", "lost", 4),
        (None, "milk", 4),
    ]
    people = gate(made, 7, share=0.0).admit(log(rows), PURPOSE).people_by_outcome()
    assert list(people) == list(OUTCOMES)
    told = {outcome: parts["training"] for outcome, parts in people.items() if parts["training"]}
    assert told == {"admitted": 1, "unknown_item": 1, "no_record": 1, "before_grant": 1}
    assert sum(parts["evaluation"] for parts in people.values()) == 0


def test_paths():
    """Every purpose has the root, its parents and itself; sensitive ones are not given from outside."""
    assert path_of(PURPOSE) == [("", 0), (PARENT, 1), (PURPOSE, 1)]
    assert path_of(FAMILY) == [("", 0), (PARENT, 0), (SENSITIVE, 1), (FAMILY, 1)]
