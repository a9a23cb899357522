"""What is misspelt protects all the same: purposes, ids, times and the names of columns."""

from __future__ import annotations

import pyarrow as pa
import pytest

from personal_reference import KEYS, PURPOSE, event, gate, log, moment, outcomes, texts, world
from tactful.errors import SchemaError
from tactful.personal.books import consents as open_consents
from tactful.personal.books import subjects as open_subjects
from tactful.personal.consent import GateCounts
from tactful.personal.ids import is_clean
from tactful.personal.log import InteractionLog

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
