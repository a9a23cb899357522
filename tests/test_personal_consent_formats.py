"""Other systems' consent records: what they say for a use counts if it is sure, what they say against it always."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tactful.personal.consent_state as consent_state
from personal_reference import STATES, moment, texts
from personal_reference import day as as_day
from tactful.errors import ConfigError, NotFoundError, SchemaError, TactfulError, UsageError
from tactful.personal import headers
from tactful.personal.consent_formats import FORMATS, PurposeMapping, Read, dpv_writing, read
from tactful.personal.consent_formats.sayings import COLUMNS
from tactful.personal.consent_state import everybody
from tactful.personal.keys import Keys
from tactful.personal.receipts import SCHEMA, Processing, missing, receipt

EXAMPLES = Path(__file__).parent / "consent_examples"
MAPPING = EXAMPLES / "mapping.toml"
KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
PURPOSE = "personalization.recommendations"
CANARY = "CANARY-4b1a"
FILES = {"transcend": "transcend.csv", "segment": "segment.jsonl", "fides": "fides.csv", "dpv": "dpv.jsonld"}


def states(events: pa.Table, purpose: str = PURPOSE) -> dict[str, str]:
    """How the purpose stands now for everybody whom the events name."""
    other = texts([{"user_id": "zoe", "purpose": "x", "state": "given", "event_time": as_day(1)}], " ".join(COLUMNS))
    found = everybody(consents=pa.concat_tables([events, other]), keys=KEYS, purposes=[purpose]).to_pylist()
    return {row["user_id"]: row["state"] for row in found if row["user_id"] != "zoe"}


def counts(found: Read) -> tuple[int, int, int, int]:
    """Malformed, silent, anonymous, objections."""
    return found.malformed, found.silent, found.anonymous, found.objections


EXPECTED: dict[str, tuple[dict[str, str], dict[str, int], tuple[int, int, int, int]]] = {
    "transcend.csv": (
        {"ann": "allowed", "bob": "refused", "cem": "refused", "007": "refused", "fay": "refused"},
        {"Analytics": 1},
        (1, 3, 0, 2),
    ),
    "segment.jsonl": (
        {"ann": "allowed", "bob": "refused", "8": "allowed", "cem": "refused", "dee": "refused", "eve": "refused"},
        {"Advertising": 1},
        (2, 1, 1, 1),
    ),
    "fides.csv": (
        {"ann": "allowed", "bob": "refused", "dee@example.org": "refused"},
        {"data_sales_and_sharing": 1},
        (0, 1, 1, 1),
    ),
    "fides.json": ({"ann": "allowed", "bob": "refused", "cem": "refused"}, {}, (0, 0, 0, 1)),
    "dpv.jsonld": ({"ann": "expired", "bob": "withdrawn", "cem": "refused"}, {}, (0, 1, 0, 0)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_examples_say(name: str) -> None:
    """Who agreed is allowed; who refused, objected by signal or cannot be read is refused; who was silent is nobody."""
    kind = next(kind for kind, file in FILES.items() if file.split(".")[0] == name.split(".")[0])
    found = read(EXAMPLES / name, kind, MAPPING)
    assert (states(found.events), dict(found.unmapped), counts(found)) == EXPECTED[name]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_events_have_the_contracts_columns(kind: str) -> None:
    """All of text, so that the store keeps what was given; nothing else of the file is taken over."""
    found = read(EXAMPLES / FILES[kind], kind, MAPPING).events
    assert found.column_names == list(COLUMNS)
    assert set(COLUMNS) <= set(headers.CONSENTS)
    assert {field.type for field in found.schema} == {pa.string()}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_purpose_that_is_neither_mapped_nor_ignored_stops_the_import(kind: str) -> None:
    """A refusal of it would be lost in silence; the error names it and nobody."""
    with pytest.raises(UsageError, match="mapped or ignored") as refused:
        read(EXAMPLES / FILES[kind], kind)
    named = {
        "transcend": "Personalization",
        "segment": "Advertising",
        "fides": "personalization",
        "dpv": "Personalisation",
    }
    assert named[kind] in str(refused.value)
    assert not any(user in str(refused.value) for user in ("ann", "bob", "example.org"))


def test_who_says_yes_without_a_mapping_has_not_agreed(tmp_path: Path) -> None:
    """Whatever the purpose is called: only the mapping makes it one of ours, an ignored one gives nothing."""
    rows = [["userId", "timestamp", "purposes", "confirmed"], ["ann", "2026-03-01", f'{{"{PURPOSE}": true}}', "true"]]
    path = written(tmp_path, rows)
    with pytest.raises(UsageError):
        read(path, "transcend")
    found = read(path, "transcend", {"ignore": [PURPOSE]})
    assert (found.events.num_rows, found.unmapped) == (0, {PURPOSE: 1})


def written(folder: Path, rows: list[list[str]]) -> Path:
    """A CSV file of these rows."""
    with (folder / "some.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return folder / "some.csv"


ROWS: list[tuple[str, dict[str, Any], str | None]] = [
    ('{"P": true}', {}, "allowed"),
    ('{"P": true}', {"confirmed": "false"}, None),
    ('{"P": false}', {"confirmed": "false"}, None),
    ('{"P": true}', {"confirmed": None}, None),
    ('{"P": false}', {"confirmed": None}, "refused"),
    ('{"P": "Auto"}', {}, None),
    ('{"P": "yes"}', {}, "refused"),
    ('{"P": 1}', {}, "refused"),
    ('{"P": true, "SaleOfInfo": false}', {}, "refused"),
    ('{"P": true, "SaleOfInfo": true}', {}, "allowed"),
    ('{"P": true, "gpc": true}', {}, "refused"),
    ('{"P": true, "gpc": false}', {}, "allowed"),
    ('{"P": true}', {"Sec-GPC": "1"}, "refused"),
    ('{"P": true}', {"Sec-GPC": ""}, "allowed"),
    ('{"P": true}', {"Sec-GPC": "1", "confirmed": "false"}, "refused"),
    ('{"P": true}', {"usp": "1YYN"}, "refused"),
    ('{"P": true}', {"usp": "1YNN"}, "allowed"),
    ("{}", {}, None),
    ("", {}, None),
    ("[true]", {}, "refused"),
    ('{"P": tr', {}, "refused"),
    ("[" * 10_000, {}, "refused"),
]
"""Purposes, further cells (None: no such column), and how the person stands; None if nothing was said."""


def test_each_row_of_transcends(tmp_path: Path) -> None:
    """What is confirmed counts; what cannot be read refuses; signals refuse whatever else was said."""
    parts, expected = [], {}
    for number, (purposes, more, state) in enumerate(ROWS):
        cells = {"userId": f"u{number}", "timestamp": "2026-03-01T09:00:00Z", "purposes": purposes, "confirmed": "true"}
        cells = {name: cell for name, cell in (cells | more).items() if cell is not None}
        path = written(tmp_path, [list(cells), list(cells.values())])
        parts.append(read(path, "transcend", {"purposes": {"P": PURPOSE}}).events)
        expected |= {} if state is None else {f"u{number}": state}
    assert states(pa.concat_tables(parts)) == expected


def test_an_objection_refuses_what_the_mapping_says(tmp_path: Path) -> None:
    """All personalization if it says nothing; it can be narrowed, but not to nothing, and no signal can be ignored."""
    path = written(tmp_path, [["userId", "timestamp", "usp"], ["ann", "2026-03-01", "1YYN"]])
    wide = read(path, "transcend")
    assert states(wide.events) == states(wide.events, "personalization.training") == {"ann": "refused"}
    assert wide.events["method"].to_pylist() == ["gpc"]
    narrow = read(path, "transcend", {"objections": [PURPOSE]})
    assert states(narrow.events, "personalization.training") == {"ann": "no_record"}
    wrong: list[dict[str, Any]] = [{"objections": []}, {"ignore": ["SaleOfInfo"]}, {"ignore": ["Sec-GPC"]}]
    for mapping in wrong:
        with pytest.raises(ConfigError):
            read(path, "transcend", mapping)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("userId,timestamp\nann,2026-03-01\n", "purposes"),
        ("user,timestamp,purposes\nann,2026-03-01,{}\n", "userId"),
        (f"{CANARY},{CANARY}1,{CANARY}2\n", "header"),
        ("userId,timestamp,purposes\nann,2026-03-01\n", "cells"),
        ("userId,timestamp,purposes,userId\n", "once"),
        (f"userId,timestamp,purposes\n {CANARY},2026-03-01,{{}}\n", "row 2"),
        ("userId,timestamp,purposes\n,2026-03-01,{}\n", "row 2"),
        (f'userId,timestamp,purposes\n"{CANARY}" x,2026-03-01,{{}}\n', "CSV"),
        ("", "purposes"),
    ],
)
def test_a_csv_of_another_shape_stops_the_import(content: str, wrong: str, tmp_path: Path) -> None:
    """It says what is wrong and where, and repeats no cell."""
    (tmp_path / "some.csv").write_text(content)
    with pytest.raises(SchemaError, match=wrong) as refused:
        read(tmp_path / "some.csv", "transcend", MAPPING)
    assert CANARY not in str(refused.value)
    assert refused.value.__context__ is None or CANARY not in str(refused.value.__context__)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("segment", f'{{"userId": "{CANARY}"'),
        ("segment", f'["{CANARY}"]'),
        ("segment", f'{{"userId": " {CANARY}", "context": {{"consent": {{}}}}}}'),
        ("segment", '{"userId": 7.5, "context": {"consent": {}}}'),
        ("fides", f'{{"items": "{CANARY}"}}'),
        ("fides", f'[{{"email": "{CANARY}"}}]'),
        ("fides", f'["{CANARY}"]'),
        ("fides", f'[{{"preference": "opt_in", "request_timestamp": "2026", "email": ["{CANARY}"]}}]'),
        ("dpv", f'{{"@type": "dpv:Consent", "dpv:hasDataSubject": "{CANARY}"}}'),
        ("dpv", f'{{"@type": "dpv:ConsentRecord", "dct:identifier": "{CANARY}"}}'),
        ("dpv", f"{{{CANARY}"),
        ("dpv", "[" * 100_000),
    ],
)
def test_a_record_that_does_not_say_whom_it_is_about_stops_the_import(kind: str, content: str, tmp_path: Path) -> None:
    """It may be somebody's refusal; nothing of it is repeated."""
    (tmp_path / "some.json").write_text(content)
    with pytest.raises(SchemaError) as refused:
        read(tmp_path / "some.json", kind, MAPPING)
    assert CANARY not in str(refused.value)


def test_segments_anonymous_events_are_nobodys_unless_asked_for(tmp_path: Path) -> None:
    """The business decides which of the identifiers is its user_id."""
    found = read(
        EXAMPLES / "segment.jsonl", "segment", {"user_id": "anonymousId", "purposes": {"Personalization": PURPOSE}}
    )
    assert states(found.events) == {"a-1": "allowed"}
    assert found.anonymous == 8


STATUSES = {
    "ConsentGiven": "allowed",
    "RenewedConsentGiven": "allowed",
    "ConsentRefused": "refused",
    "ConsentWithdrawn": "withdrawn",
    "ConsentRevoked": "withdrawn",
    "ConsentExpired": "withdrawn",
    "ConsentInvalidated": "withdrawn",
    "ConsentRequested": None,
    "ConsentRequestDeferred": None,
    "ConsentUnknown": None,
    "ConsentStatusInvalidForProcessing": "refused",
    "ConsentSomethingNew": "refused",
}


def test_each_status_of_dpv(tmp_path: Path) -> None:
    """By short name and whole address, told by the process or by the record around it, or by a reference."""
    records: list[dict[str, Any]] = []
    for status in STATUSES:
        event = {"@type": [f"dpv:{status}"], "dpv:isIndicatedAtTime": "2026-03-01T09:00:00Z"}
        long = {
            f"https://w3id.org/dpv#{name.removeprefix('dpv:')}": value
            for name, value in event.items()
            if "@" not in name
        }
        process = {"@type": "dpv:Process", "dpv:hasPurpose": {"@id": "dpv:Personalisation"}}
        told: list[dict[str, Any]] = [
            {"dpv:hasProcess": [process | {"dpv:hasConsentStatus": [event]}]},
            {"dpv:hasProcess": [{"dpv:hasProcess": process}],
             "dpv:hasConsentStatus": long | {"@type": f"https://w3id.org/dpv#{status}"}},
            {"dpv:hasPurpose": "dpv:Personalisation", "dpv:hasConsentStatus": {"@id": f"#{status}"}},
        ]  # fmt: skip
        records += [
            {"@type": "dpv:ConsentRecord", "dpv:hasDataSubject": {"@id": f"{status}-{shape}"}} | each
            for shape, each in enumerate(told)
        ]
        records.append(event | {"@id": f"#{status}"})
    (tmp_path / "some.json").write_text(json.dumps({"@graph": records}))
    found = read(tmp_path / "some.json", "dpv", {"purposes": {"dpv:Personalisation": PURPOSE}})
    assert states(found.events) == {f"{name}-{n}": s for name, s in STATUSES.items() if s for n in range(3)}


@pytest.mark.parametrize(
    ("duration", "until"),
    [
        ({"@type": "dpv:TemporalDuration", "rdf:value": "P1Y6M"}, "2027-08-31T09:00:00+00:00"),
        ({"@type": "dpv:TemporalDuration", "rdf:value": "P2W1DT3H"}, "2026-03-15T12:00:00+00:00"),
        ({"@type": "dpv:UntilTimeDuration", "rdf:value": "2027-01-01T00:00:00Z"}, "2027-01-01T00:00:00Z"),
        (86400, "2026-03-01T09:00:00+00:00"),
        ({"@type": "dpv:EndlessDuration"}, None),
        ({"@type": "dpv:FixedOccurencesDuration", "rdf:value": 3}, "unreadable"),
        ({"@type": "dpv:TemporalDuration", "rdf:value": "a while"}, "unreadable"),
        ({"@type": "dpv:TemporalDuration", "rdf:value": "P"}, "unreadable"),
        (float("1e300"), "unreadable"),
    ],
)
def test_a_duration_ends_a_consent(duration: Any, until: str | None, tmp_path: Path) -> None:
    """Periods by the calendar, seconds, a time; what cannot be read stays unreadable: for the gate it has passed."""
    event = {"@type": "dpv:ConsentGiven", "dpv:isIndicatedAtTime": "2026-02-28T09:00:00Z", "dpv:hasDuration": duration}
    record = {
        "@type": "dpv:ConsentRecord",
        "dpv:hasDataSubject": "ann",
        "dpv:hasPurpose": "P",
        "dpv:hasConsentStatus": event,
    }
    (tmp_path / "some.json").write_text(json.dumps(record))
    found = read(tmp_path / "some.json", "dpv", {"purposes": {"P": PURPOSE}}).events
    expected = "2027-08-28T09:00:00+00:00" if until and until.startswith("2027-08-31") else until
    assert found["valid_until"].to_pylist() == [expected]


ANNS = {"@type": "dpv:ConsentRecord", "dpv:hasDataSubject": "ann", "dpv:hasPurpose": "P"}
GAVE, TOOK_BACK = (
    {"@type": f"dpv:{kind}", "dpv:isIndicatedAtTime": f"2026-0{month}-01T09:00:00Z"}
    for kind, month in (("ConsentGiven", 2), ("ConsentWithdrawn", 3))
)
ENDED = {"@type": "dpv:UntilTimeDuration", "rdf:value": "2026-03-01T00:00:00Z"}
DPV = "https://w3id.org/dpv#"
AGAINST: dict[str, tuple[dict[str, Any], str]] = {
    "withdrawn now, as once before": (
        {"dct:hasPart": [TOOK_BACK | {"dpv:isIndicatedAtTime": "2026-01-01"}, GAVE],
         "dpv:hasConsentStatus": "dpv:ConsentWithdrawn"}, "refused"),
    "a sum of what was said before a later grant": (
        {"dct:hasPart": [TOOK_BACK | {"dpv:isIndicatedAtTime": "2026-01-01"}],
         "dpv:hasConsentStatus": [GAVE, "dpv:ConsentWithdrawn"]}, "refused"),
    "a sum whose events are of no known order": (
        {"dct:hasPart": [GAVE, GAVE | {"dpv:isIndicatedAtTime": "in May"}],
         "dpv:hasConsentStatus": "dpv:ConsentGiven"}, "refused"),
    "a sum with an end of its own": (
        {"dct:hasPart": GAVE, "dpv:hasConsentStatus": {"@type": "dpv:ConsentGiven", "dpv:hasDuration": ENDED}},
        "refused"),
    "a true sum": (
        {"dct:hasPart": [TOOK_BACK | {"dpv:isIndicatedAtTime": "2026-01-01"}, GAVE],
         "dpv:hasConsentStatus": "dpv:ConsentGiven"}, "allowed"),
    "a true sum of a withdrawal": (
        {"dct:hasPart": [GAVE, TOOK_BACK], "dpv:hasConsentStatus": "dpv:ConsentWithdrawn"}, "withdrawn"),
    "two prefixes": (
        {"@context": {"x": DPV, "dpv": DPV}, "dpv:hasConsentStatus": GAVE,
         "x:hasConsentStatus": TOOK_BACK | {"@type": "x:ConsentWithdrawn"}}, "withdrawn"),
    "short and whole": ({"dpv:hasConsentStatus": GAVE, f"{DPV}hasConsentStatus": TOOK_BACK}, "withdrawn"),
    "a prefix that a node inside brings": (
        {"dpv:hasConsentStatus": GAVE, "dpv:hasProcess": {"@context": [{"x": DPV}], "x:hasConsentStatus": TOOK_BACK}},
        "withdrawn"),
    "terms": (
        {"@context": {"status": {"@id": "dpv:hasConsentStatus"}, "kind": "@type", "No": "dpv:ConsentWithdrawn"},
         "dpv:hasConsentStatus": GAVE,
         "status": {"kind": "No", "dpv:isIndicatedAtTime": "2026-03-01T09:00:00Z"}}, "withdrawn"),
    "a vocabulary": (
        {"@context": {"@vocab": DPV}, "dpv:hasConsentStatus": GAVE,
         "hasConsentStatus": {"@type": "ConsentWithdrawn", "isIndicatedAtTime": "2026-03-01T09:00:00Z"}}, "withdrawn"),
    "the former address": (
        {"http://www.w3.org/ns/dpv#hasConsentStatus": TOOK_BACK, "dpv:hasConsentStatus": GAVE}, "withdrawn"),
    "an end of the record": ({"dpv:hasDuration": ENDED, "dpv:hasConsentStatus": GAVE}, "expired"),
    "an end of the process": (
        {"dpv:hasPurpose": [], "dpv:hasConsentStatus": GAVE,
         "dpv:hasProcess": {"dpv:hasPurpose": "P", "dpv:hasDuration": ENDED}}, "expired"),
    "the nearest end": (
        {"dpv:hasDuration": ENDED,
         "dpv:hasConsentStatus": GAVE | {"dpv:hasDuration": {"@type": "dpv:EndlessDuration"}}},
        "allowed"),
    "two ends": ({"dpv:hasDuration": ["P40Y", "P50Y"], "dpv:hasConsentStatus": GAVE}, "expired"),
    "another vocabulary's": (
        {"@context": {"time": "http://www.w3.org/2006/time#"}, "time:hasDuration": "P1D", "dpv:hasConsentStatus": GAVE},
        "allowed"),
}  # fmt: skip
"""What else a record of somebody who once agreed says, and how they stand: what speaks against a use is never lost."""


def test_what_dpv_says_against_a_use_is_not_lost(tmp_path: Path) -> None:
    """Whatever its names, its order, and the place of its end; and the same said twice refuses nobody."""
    path = tmp_path / "some.json"
    path.write_text(json.dumps([ANNS | record | {"dpv:hasDataSubject": who} for who, (record, _) in AGAINST.items()]))
    found = states(read(path, "dpv", {"purposes": {"P": PURPOSE}}).events)
    assert found == {who: state for who, (_, state) in AGAINST.items()}


@pytest.mark.parametrize("name", ["hasConsentStatus", "y:hasConsentStatus", "https://w3id.org/dpv/owl#hasDuration"])
def test_a_name_that_only_a_context_elsewhere_explains_stops_the_import(name: str, tmp_path: Path) -> None:
    """It may be a withdrawal."""
    record = ANNS | {"@context": "https://shop.example/context", "dpv:hasConsentStatus": GAVE, name: TOOK_BACK}
    (tmp_path / "some.json").write_text(json.dumps(record))
    with pytest.raises(SchemaError, match="stand for"):
        read(tmp_path / "some.json", "dpv", {"purposes": {"P": PURPOSE}})


days = st.integers(0, 18).map(lambda halves: as_day(halves / 2))
strange = st.sampled_from([None, "", "yesterday", "2026-13-01"])
rows = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["ann", "bob", "cem", "7", "007", *(f"user-{n}" for n in range(20))]),
        "purpose": st.sampled_from([PURPOSE, PURPOSE, "personalization", "fairness", "all", "Personalization.*", None]),
        "state": st.sampled_from([*STATES, *STATES, *STATES, "Given", "maybe", None]),
        "event_time": days | days | days | strange,
        "recorded_time": days | st.none() | strange,
        "valid_until": days | st.none() | strange,
        "notice_version": st.none() | st.just("3"),
        "language": st.none() | st.just("de"),
        "method": st.none() | st.just("gpc"),
    }
)


@settings(max_examples=2, deadline=None, derandomize=True)
@given(made=st.lists(rows, min_size=1, max_size=40))
def test_our_export_reads_back_to_the_same_verdicts(
    made: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever strange values the events have: state, since and until of everybody."""
    check_round_trip(made, tmp_path_factory.mktemp("dpv"))


@pytest.mark.prove
@settings(max_examples=25, deadline=None, derandomize=True)
@given(made=st.lists(rows, min_size=20, max_size=80))
def test_many_exports_read_back_to_the_same_verdicts(
    made: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same, more often and with more people."""
    check_round_trip(made, tmp_path_factory.mktemp("dpv"))


def check_round_trip(made: list[dict[str, Any]], folder: Path) -> None:
    """What was exported as records, and one person's as receipts, stands as what was given."""
    sound = {"user_id": "zoe", "purpose": PURPOSE, "state": "given", "event_time": as_day(1)}
    events = texts([sound, *made], " ".join(COLUMNS))
    hers = pa.compute.equal(events["user_id"], "ann")
    (folder / "all.jsonld").write_text(json.dumps(dpv_writing.document(events.filter(pa.compute.invert(hers)))))
    (folder / "ann.jsonld").write_text(json.dumps(receipt(events.filter(hers))))
    parts = [read(folder / "all.jsonld", "dpv").events]
    parts += [read(folder / "ann.jsonld", "dpv").events] if events.filter(hers).num_rows else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consent_state, "utc_now", lambda: moment(6))
        found, expected = (
            everybody(consents=table, keys=KEYS, purposes=[PURPOSE]) for table in (pa.concat_tables(parts), events)
        )
    assert found.equals(expected)


def test_every_field_survives_the_round_trip(tmp_path: Path) -> None:
    """Also those that the gate does not read."""
    row = {name: f"some {name}" for name in COLUMNS}
    row |= {"user_id": "ann", "purpose": PURPOSE, "state": "withdrawn", "event_time": as_day(1)}
    row |= {"recorded_time": as_day(2), "valid_until": None}
    given_row = row | {"state": "given", "valid_until": as_day(5)}
    (tmp_path / "out.json").write_text(json.dumps(dpv_writing.document(texts([row, given_row], " ".join(COLUMNS)))))
    assert read(tmp_path / "out.json", "dpv").events.to_pylist() == [row, given_row]


def test_a_receipt_has_what_the_standard_asks_for_or_says_what_lacks() -> None:
    """A number of its own, the version of its schema, one for each consent; of one person, and nothing is made up."""
    event = {"user_id": "ann", "purpose": PURPOSE, "state": "given", "event_time": as_day(1), "notice_version": "3"}
    event |= {"language": "de", "jurisdiction": "DE"}
    events = texts([event, event | {"purpose": "fairness.assessment"}], " ".join(COLUMNS))
    bare = receipt(events)
    assert len(bare["@graph"]) == 2 == len({each["dct:identifier"] for each in bare["@graph"]})
    assert {each["dct:conformsTo"] for each in bare["@graph"]} == {SCHEMA}
    assert "pii controllers" in missing(bare)
    full = Processing(
        controller="Shop Ltd",
        contact="privacy@shop.example",
        personal_data=("purchases",),
        retention_days=330,
        locations=("loc:DE",),
        recipients=(),
        withdraw_at="https://shop.example/consent",
    )
    assert missing(receipt(events, processing=full)) == []
    with pytest.raises(UsageError, match="one person"):
        receipt(texts([event, event | {"user_id": "bob"}], " ".join(COLUMNS)))
    with pytest.raises(UsageError, match="receipt"):
        missing(dpv_writing.document(events))


@pytest.mark.parametrize(
    "content",
    ["[purposes", "strange = 1", '[purposes]\n"P" = "Not A Purpose!"', '[purposes]\n"P" = []', "ignore = 'P'",
     "[defaults]\nuser_id = 'x'", "purposes = 3", "objections = ['*']", "[purposes]\nP = 7"],
)  # fmt: skip
def test_a_mapping_that_is_wrong_is_refused(content: str, tmp_path: Path) -> None:
    """Before a row is read; a key that is none, a purpose that is none, a purpose that is mapped to nothing."""
    (tmp_path / "map.toml").write_text(content)
    with pytest.raises((ConfigError, UsageError)):
        read(EXAMPLES / "transcend.csv", "transcend", tmp_path / "map.toml")


def test_what_is_not_there_is_said() -> None:
    """A format, a file, a mapping."""
    calls: list[tuple[type[TactfulError], tuple[Any, ...]]] = [
        (UsageError, (EXAMPLES / "transcend.csv", "onetrust")),
        (NotFoundError, (EXAMPLES / "none.csv", "transcend")),
        (NotFoundError, (EXAMPLES / "transcend.csv", "transcend", EXAMPLES / "none.toml")),
    ]
    for expected, arguments in calls:
        with pytest.raises(expected):
            read(*arguments)


def test_names_of_purposes_that_may_be_data_are_counted_not_repeated(tmp_path: Path) -> None:
    """A column that holds something else than purposes must not end up in a log."""
    (tmp_path / "some.csv").write_text(
        f'userId,timestamp,purposes,confirmed\nann,2026-03-01,"{{""{CANARY}@x.org"": true}}",true\n'
    )
    with pytest.raises(UsageError, match="do not look like names") as refused:
        read(tmp_path / "some.csv", "transcend", PurposeMapping.load(None))
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(read(tmp_path / "some.csv", "transcend", {"ignore": [f"{CANARY}@x.org"]}).events.schema)
