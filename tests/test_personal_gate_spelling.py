"""What is misspelt protects all the same: purposes, ids, times and the names of columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from personal_reference import KEYS, PURPOSE, day, event, gate, log, moment, outcomes, texts, world
from records_people import Clock, opened
from tactful.errors import SchemaError
from tactful.personal import books
from tactful.personal.books import consents as open_consents
from tactful.personal.books import subjects as open_subjects
from tactful.personal.consent import GateCounts
from tactful.personal.consent_state import everybody
from tactful.personal.ids import is_clean
from tactful.personal.log import InteractionLog
from tactful.personal.objections import standings
from tactful.personal.one_person import judge, rows_of
from tactful.records import consent_rows
from tactful.records.consents import ConsentStore

A = "ann"
NO = ("refused", "withdrawn", "withdrawm")
STRANGE = [
    f"{PURPOSE}\t",
    f"{PURPOSE}\r",
    f"{PURPOSE}\x00",
    f"{PURPOSE}\u200b",
    f"\t{PURPOSE}",
    f"{PURPOSE}.",
    "personalization..training",
    "personalization. training",
    "personalization/training",
    "personalization.träining",
    ".",
    "*",
    "personalization.*",
    "all",
    " ALL ",
    "any",
    "everything",
]


def counted(consents: object, rows: list[tuple], now: float = 7, **options: object) -> GateCounts:
    """What the gate counts by these consents."""
    options |= {} if isinstance(consents, list) else {"consents": consents}
    judge = gate(world(consents if isinstance(consents, list) else ()), now, **options)
    return judge.replay(log(rows), PURPOSE, moment(now))


def fates(consents: list[dict], users: list[str], at: float = 4, **options: object) -> dict[str, str]:
    """What becomes of one row of each user."""
    rows = [(user, "bread", at) for user in users]
    names = dict(zip(KEYS.pseudonyms(users), users, strict=True))
    return {names[name]: outcome for name, _, _, outcome in outcomes(world(consents), rows, 7, 7, **options)}


def test_a_refusal_of_a_purpose_that_is_none_refuses_everything():
    """Nobody knows what was refused; no grant before or after it stands, and nobody else is touched."""
    said = {f"{state}-{n}": (state, p) for state in NO for n, p in enumerate(STRANGE)}
    consents = [event(user, state, 2, purpose) for user, (state, purpose) in said.items()]
    consents += [event(user, "given", 3, purpose) for user, (_, purpose) in said.items()]
    consents += [event(user, "given", day) for user in [*said, "zoe"] for day in (1, 3)]
    assert fates(consents, [*said, "zoe"]) == dict.fromkeys(said, "refused") | {"zoe": "admitted"}


def test_a_grant_of_a_purpose_that_is_none_gives_nothing():
    """And takes nothing away."""
    given = [event(f"{user}-{n}", "given", 1, p) for user in ("new", "old") for n, p in enumerate(STRANGE)]
    new, old = ([f"{user}-{n}" for n in range(len(STRANGE))] for user in ("new", "old"))
    found = fates([*given, *(event(user, "given", 1) for user in old)], [*new, *old])
    assert found == dict.fromkeys(new, "no_record") | dict.fromkeys(old, "admitted")


def test_capitals_and_spaces_around_a_purpose_are_no_misspelling():
    """A refusal of it is lifted by a later grant, as any other."""
    alike = ["Personalization.Training", f" {PURPOSE} ", f"{PURPOSE}\u00a0"]
    consents = [event(f"{user}-{n}", "withdrawn", 2, p) for user in ("out", "back") for n, p in enumerate(alike)]
    consents += [event(f"back-{n}", "given", 3) for n in range(3)]
    out, back = ([f"{user}-{n}" for n in range(3)] for user in ("out", "back"))
    assert fates(consents, [*out, *back]) == dict.fromkeys(out, "withdrawn") | dict.fromkeys(back, "admitted")


MISSPELT = {
    PURPOSE: ("personalisation.training", " Personalization.Trainning", "personalization_training"),
    "personalization": ("personalisation", "PERSONALIZATON"),
    "personalization.sensitive": ("personalization.sensitve.family", "personalisation.sensitive.family"),
    "fairness.assessment": ("fairness.assesment",),
}
"""By what was meant."""
ALL = [(meant, purpose) for meant, purposes in MISSPELT.items() for purpose in purposes]
CANARY = "canary_ann_7391"


def table_of(consents: list[dict]) -> pa.Table:
    """Consents as a file has them."""
    columns = ["user_id", "purpose", "state", "event_time", "recorded_time", "valid_until"]
    times = {"event_time": "event", "recorded_time": "recorded", "valid_until": "until"}
    return texts([{c: day(e[times[c]]) if c in times else e[c] for c in columns} for e in consents], " ".join(columns))


def questions(consents: list[dict]) -> dict[str, Callable[[], Any]]:
    """All that reads consents, asked of these."""
    made, rows, table = world(consents), log([(CANARY, "bread", 4)]), table_of(consents)
    options = {"catalogue": gate(made, 7)._catalogue, "policy": gate(made, 7)._policy, "keys": KEYS}
    mine = [rows_of(CANARY, table, "consents", keys=KEYS).table]
    used = pa.table({"user_id": [CANARY], "item_id": ["bread"], "timestamp": [day(4)]})
    return {
        "admit": lambda: gate(made, 7).admit(rows, PURPOSE).counts.admitted,
        "replay": lambda: gate(made, 7).replay(rows, PURPOSE, moment(7)).admitted,
        "retrace": lambda: gate(made, 7).retrace(rows, PURPOSE, moment(7)).counts.admitted,
        "willing": lambda: len(gate(made, 7).willing(KEYS.pseudonyms([CANARY]), PURPOSE)),
        "suppressions": lambda: len(standings(consents=table, keys=replace(KEYS, suppression=b"l" * 32)).marks),
        "export": lambda: everybody(consents=table, keys=KEYS).num_rows,
        "one person": lambda: judge(
            interactions=used, consents=mine, subjects=[], purpose=PURPOSE, now=lambda: moment(7), **options
        ),
    }


ASKING = list(questions([event(CANARY, "given", 1)]))


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("state", ["given", "withdrawn"])
def test_a_misspelt_purpose_stops_whoever_reads_consents(asking, state):
    """Before any row is judged; both names are told, and nobody's."""
    said = [event(CANARY, "given", 1), event(CANARY, state, 2, f"personalisation.training.{CANARY}")]
    with pytest.raises(SchemaError, match=r"personalisation\.training may mean personalization\.training\.") as stopped:
        questions(said)[asking]()
    assert CANARY not in f"{stopped.value} {stopped.value.fields}"
    questions([event(CANARY, "given", 1), event(CANARY, state, 2, "personalisation.email")])[asking]()


@pytest.mark.parametrize(("meant", "purpose"), ALL)
def test_each_spelling_is_told_with_what_was_meant(meant, purpose):
    """In the one of two tables that has it, by its name."""
    said = [table_of([event(A, "given", 1)]), table_of([event(A, "withdrawn", 2, purpose)])]
    with pytest.raises(SchemaError, match=f"may mean {meant}") as stopped:
        gate(world(), 7, consents=said).replay(log([(A, "bread", 4)]), PURPOSE, moment(7))
    assert list(stopped.value.fields["purposes"].values()) == [meant]


def test_without_the_stop_a_misspelt_withdrawal_protects_nobody(monkeypatch):
    """Why it is there: a gate that is broken so admits the row, and the tests above would see it."""
    monkeypatch.setattr(books, "check_spelling", lambda *_: None)
    said = [event(A, "given", 1), event(A, "withdrawn", 2, "personalisation.training")]
    assert counted(said, [(A, "bread", 4)]).admitted == 1


def test_a_purpose_of_the_businesss_own_changes_nothing():
    """Whatever is said of it."""
    own = ["marketing.email", "personalisation.email", "personalization.tracking", "analytics", "personalization.ads"]
    said = [event(A, "given", 1), *(event(A, state, 2, purpose) for purpose in own for state in ("given", "refused"))]
    assert counted(said, [(A, "bread", 4)]).admitted == 1


HELD = {
    "withdrawn": ("withdrawn", [("given", 1, PURPOSE), ("withdrawn", 2, "personalisation.training")]),
    "refused above": ("refused", [("given", 1, PURPOSE), ("refused", 2, "personalisation")]),
    "no state": ("refused", [("given", 1, PURPOSE), ("withdrawm", 2, "personalization.trainning")]),
    "no time": ("refused", [("given", 1, PURPOSE), ("withdrawn", "soon", "personalization.trainning")]),
    "given": ("no_record", [("given", 1, "personalisation.training")]),
    "lifts nothing": (
        "withdrawn",
        [("given", 1, PURPOSE), ("withdrawn", 2, "personalisation.training"), ("given", 3, "personalisation.training")],
    ),
    "given again": (
        "admitted",
        [("given", 1, PURPOSE), ("withdrawn", 2, "personalisation.training"), ("given", 3, PURPOSE)],
    ),
    "another's": ("admitted", [("given", 1, PURPOSE), ("refused", 2, "fairness.assesment")]),
}
"""What holds of whom the store holds such events of."""


def said_by_held() -> list[dict]:
    """All of it."""
    return [event(who, *rest) for who, (_, told) in HELD.items() for rest in told]


def held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ConsentStore:
    """A store that took them when it took any name."""
    store = opened(f"sqlite:///{folder}/records.db", Clock(moment(400)), KEYS)[1]
    with monkeypatch.context() as patch:
        patch.setattr(consent_rows, "check_spelling", lambda *_: None)
        store.add(table_of(said_by_held()), source="x")
    return store


def fates_held(events: pa.Table, **options: object) -> dict[str, str]:
    """What becomes of one row of each."""
    names = dict(zip(KEYS.pseudonyms(HELD), HELD, strict=True))
    rows = [(who, "bread", 4) for who in HELD]
    return {names[name]: outcome for name, _, _, outcome in outcomes(world(), rows, 7, 7, consents=events, **options)}


@pytest.mark.parametrize("evidence", [True, False])
def test_what_the_store_holds_counts_as_it_was_meant_and_stops_nobody(tmp_path, monkeypatch, evidence):
    """What does not give counts for the purpose that was meant; what gives counts for none. What was said stays."""
    events = held(tmp_path, monkeypatch).events(evidence=evidence)
    assert fates_held(events) == {who: outcome for who, (outcome, _) in HELD.items()}
    assert "personalisation.training" in events["purpose"].to_pylist()
    with pytest.raises(SchemaError, match="may mean"):  # the same in a table
        fates_held(table_of(said_by_held()))


def test_one_person_is_told_what_the_store_holds_as_the_gate_judges_it(tmp_path, monkeypatch):
    """Beside a table of the business in which all is well."""
    store, made = held(tmp_path, monkeypatch), gate(world(), 7)
    told = {}
    for who in HELD:
        events = store.events(user_ids=[who])
        mine = [
            rows_of(who, source, "consents", keys=KEYS).table for source in (events, table_of([event("x", "given", 1)]))
        ]
        assert mine[0]["purpose"].to_pylist() == events["purpose"].to_pylist()
        used = pa.table({"user_id": [who], "item_id": ["bread"], "timestamp": [day(4)]})
        options = {"catalogue": made._catalogue, "policy": made._policy, "keys": KEYS, "purpose": PURPOSE}
        found = judge(interactions=used, consents=mine, subjects=[], now=lambda: moment(7), **options)
        [told[who]] = found.outcomes
    assert told == {who: outcome for who, (outcome, _) in HELD.items()}


def test_a_store_that_is_read_as_it_is_spelt_protects_nobody(tmp_path, monkeypatch):
    """A gate that is broken so is found out by the cases."""
    events = held(tmp_path, monkeypatch).events(evidence=False)
    monkeypatch.setattr(books, "as_meant", lambda table: table)
    assert fates_held(events)["withdrawn"] == "admitted"


UNCLEAN = ["ann ", " ann", "ann\t", "\rann", "ann\u00a0", "\u200bann", "ann\ufeff"]
UNCLEAN += ["a\x00nn", "a\nnn", "a\u2028nn", " "]
CLEAN = ["ann", "a nn", "Anné", "007", "a\u200cnn", "李", "a\u00a0b", "🙂"]


def test_an_id_is_clean_unless_it_hides_something():
    """Blanks and invisible characters at its ends, control characters anywhere."""
    assert [user_id for user_id in UNCLEAN if is_clean(user_id)] == []
    assert [user_id for user_id in CLEAN if not is_clean(user_id)] == []


@pytest.mark.parametrize("user_id", UNCLEAN)
def test_a_record_about_an_id_that_hides_something_stops_the_run(user_id):
    """Whose refusal, age or erasure it is cannot be known. The error says how many ids, and none of them."""
    rows = [(A, "bread", 4)]
    with pytest.raises(SchemaError, match="user_id") as stopped:
        counted([event(A, "given", 1), event(user_id, "withdrawn", 2), event(user_id, "given", 1)], rows)
    assert stopped.value.fields["ids"] == 1
    assert user_id not in str(stopped.value) or user_id == " "
    subjects = texts([{"user_id": user_id, "minor": "yes"}], "user_id minor")
    with pytest.raises(SchemaError, match="user_id"):
        counted([event(A, "given", 1)], rows, subjects=subjects)


def test_a_row_of_an_id_that_hides_something_is_malformed():
    """And of nobody."""
    rows = [(user, "bread", 4) for user in [A, *UNCLEAN]]
    consented = gate(world([event(A, "given", 1)]), 7).admit(log(rows), PURPOSE)
    assert consented.counts.excluded["malformed"] == len(UNCLEAN)
    assert sum(sum(parts.values()) for parts in consented.people_by_outcome().values()) == 1


def test_ids_are_compared_byte_for_byte():
    """Two ways to write é are two ids, and a space inside is part of one."""
    consents = [event("Ann\u00e9", "given", 1), event("a nn", "given", 1)]
    assert counted(consents, [("Anne\u0301", "bread", 4), ("a nn", "bread", 4)]).admitted == 1


ABSURD = [
    "26-01-05",
    "0026-01-05",
    "20260105",
    "2026-1-5",
    "1767225600",
    "epoch",
    "infinity",
    "-infinity",
    "today",
    "1970-01-01",
    "1970-01-01T23:59:59.999999",
    "2200-01-02",
    "9999-12-31",
    "12026-01-05",
    "2026-01-05 (BC)",
    "05.01.2026",
    "2026-01-05T24:00",
    "2026-01-05 23:59:60",
    "2026-01-05T03",
    "2026-01-05  03:04",
    "2026-01-05T03:04:05.",
    "2026-01-05T03:04:05,5",
    "2026-01-05T03:04:05.1234567890",
    "2026-01-05T03:04:05+02:30:15",
    "2026-01-05T03:04:05+24:00",
    "2026-01-05 03:04 Europe/Berlin",
    "2026-01-05Z",
    "2026-01-05\t",
    "2026-02-30",
    "2026-13-01",
]
SOUND = [
    "2026-01-05",
    "2026-01-05T00:00:00Z",
    " 2026-01-05 03:00:00+0300 ",
    "2026-01-05 00:00:00 UTC",
    "2026-01-05T00:00",
    "2026-01-04T23:30:00.000000-00:30",
    "2026-01-05 02:00+02",
    "2026-01-05 0:00 GMT",
    "  2026-01-05T00:00:00.000000999Z",
]


def test_an_absurd_time_is_no_time_of_an_interaction():
    """The row is malformed."""
    rows = [(A, "bread", time) for time in [*ABSURD, 4]]
    counts = counted([event(A, "given", 0)], rows)
    assert (counts.admitted, counts.excluded["malformed"]) == (1, len(ABSURD))


@pytest.mark.parametrize("which", ["event", "recorded", "withdrawal"])
def test_an_absurd_time_makes_a_consent_record_unreadable(which):
    """It gives nothing and, as everything unreadable, refuses."""
    users = {f"user-{n}": time for n, time in enumerate(ABSURD)}
    consents = [event("zoe", "given", 1)]
    for user, time in users.items():
        event_time, recorded = (time, 1) if which == "event" else (1, time if which == "recorded" else None)
        consents.append(event(user, "given", event_time, recorded=recorded))
        consents += [event(user, "withdrawn", time, recorded=2)] if which == "withdrawal" else []
    assert fates(consents, [*users, "zoe"]) == dict.fromkeys(users, "refused") | {"zoe": "admitted"}


def test_an_absurd_erasure_counts_at_once():
    """Of that person."""
    users = {f"user-{n}": time for n, time in enumerate(ABSURD)}
    subjects = texts([{"user_id": user, "erased_at": time} for user, time in users.items()], "user_id erased_at")
    found = fates([event(user, "given", 1) for user in [*users, "zoe"]], [*users, "zoe"], subjects=subjects)
    assert found == dict.fromkeys(users, "erased") | {"zoe": "admitted"}


def test_a_sound_time_is_one():
    """With and without a zone, spaces around it or not; the row is judged by it."""
    users = {f"user-{n}": time for n, time in enumerate(SOUND)}
    consents = [event(user, "given", time, recorded=4) for user, time in users.items()]
    assert fates(consents, [*users]) == dict.fromkeys(users, "admitted")
    assert fates(consents, [*users], at=3.9) == dict.fromkeys(users, "before_grant")


@pytest.mark.parametrize("instant", [0, 10**15 * 100, -1, 2**62])
def test_an_absurd_timestamp_is_no_time_either(instant):
    """Where zero stands for a missing value, it does not give consent since 1970."""
    good = {"user_id": A, "purpose": PURPOSE, "state": "given"}
    rows = [good | {"event_time": instant}, good | {"user_id": "zoe", "event_time": 1_767_225_600_000_000}]
    fields = [(name, pa.string()) for name in good] + [("event_time", pa.timestamp("us"))]
    consents = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    counts = counted(consents, [(A, "bread", 4), ("zoe", "bread", 4)])
    assert (counts.admitted, counts.excluded["refused"]) == (1, 1)


@pytest.mark.parametrize(
    ("until", "outcome"), [("9999-12-31", "admitted"), ("2200-06-01", "admitted"), ("infinity", "expired")]
)
def test_a_grant_may_end_in_the_far_future(until, outcome):
    """But not at a time that is none."""
    counts = counted([event(A, "given", 1, until=until)], [(A, "bread", 4)])
    assert counts.admitted == (outcome == "admitted")
    assert counts.excluded["expired"] == (outcome == "expired")


CONSENT = {"user_id": [A], "purpose": [PURPOSE], "state": ["given"], "event_time": ["2026-01-02"]}


@pytest.mark.parametrize(
    "column",
    ["Valid_Until", "validuntil", "valid_untill", "expires_at", "EXPIRY", "until", "recorded_at", "RecordedTime"],
)
def test_a_consent_column_that_may_protect_is_not_overlooked(column):
    """Its name is told and the one it may have been meant as; beside the right one it is not read."""
    meant = "recorded_time" if "ecord" in column else "valid_until"
    with pytest.raises(SchemaError, match=meant) as stopped:
        open_consents(pa.table(CONSENT | {column: ["2026-01-03"]}))
    assert column in str(stopped.value)
    (source,) = open_consents(pa.table(CONSENT | {column: ["2026-01-03"], meant: ["2026-01-03"]}))
    assert column not in source.columns


@pytest.mark.parametrize("column", ["Minor", "is_minor", "minors", "erased", "ERASED_AT", "deleted_at", "erasure"])
def test_a_subject_column_that_may_protect_is_not_overlooked(column):
    """The same, though the table has the other of its two columns."""
    meant, other = ("minor", "erased_at") if "inor" in column else ("erased_at", "minor")
    with pytest.raises(SchemaError, match=meant) as stopped:
        open_subjects(pa.table({"user_id": [A], column: ["yes"], other: [None]}))
    assert column in str(stopped.value)


@pytest.mark.parametrize("column", ["minor", "is_minor", "erased_at", "deleted"])
def test_a_protection_in_the_wrong_table_is_not_overlooked(column):
    """It belongs to the subjects."""
    with pytest.raises(SchemaError, match="subjects"):
        open_consents(pa.table(CONSENT | {column: ["yes"]}))


def test_columns_of_the_contract_and_of_the_business_are_no_protections():
    """Every optional column, and some of a shop's own, are passed over as before."""
    optional = (
        "notice_version language jurisdiction method legal_basis data_categories source record_id receipt_id "
        "schema_version channel ip_country created_at updated_at event_type customer_segment campaign"
    )
    (source,) = open_consents(pa.table(CONSENT | {name: ["x"] for name in optional.split()}))
    assert list(source.columns) == list(CONSENT)
    shop = {"signup_date": ["x"], "created_at": ["x"], "segment": ["x"]}
    assert list(open_subjects(pa.table({"user_id": [A], "minor": [False], **shop})).columns) == ["user_id", "minor"]


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_subjects_without_a_protection_are_refused(form, tmp_path):
    """A table of ids alone protects nobody."""
    (tmp_path / "subjects.csv").write_text("user_id,born\nann,2020-01-01\n")
    source = tmp_path / "subjects.csv" if form == "csv" else pa.table({"user_id": [A]})
    with pytest.raises(SchemaError, match="minor or erased_at"):
        open_subjects(source)


def test_the_log_may_have_any_other_column():
    """Names are looked at only where columns protect."""
    table = pa.table({"user_id": [A], "item_id": ["x"], "timestamp": ["2026-01-02"], "is_minor": ["?"]})
    assert list(InteractionLog.open(table).source.columns) == ["user_id", "item_id", "timestamp"]
