"""What every importer of consent records keeps to, each law a function of the format's name and an empty folder.

Importers are those of `tactful.personal.consent_formats.FORMATS`. A new one needs a line in `WRITERS`: a function that
writes statements in its format. Every law is then about it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from records_people import opened
from tactful.errors import SchemaError, UsageError
from tactful.personal import consent_formats
from tactful.personal.consent_formats.sayings import COLUMNS
from test_personal_consent_formats import PURPOSE, states

Law = Callable[[str, Path], None]
Answer = Literal["yes", "no", "strange", "signal"]
WIDER = "personalization"
"""The parent of `PURPOSE`."""
MAPPING = {"purposes": {"Lists": PURPOSE, "Everything": WIDER}, "ignore": ["Weather"]}
_STATES = {"yes": "given", "no": "refused"}


class Said(NamedTuple):
    """Who said what about which of the other system's purposes, and when.

    ``strange`` is an answer that nobody can read; ``signal`` is an objection of the browser, whatever the purpose.
    """

    user: str
    theirs: str
    answer: Answer
    day: int = 1

    @property
    def at(self) -> str:
        """A day in March 2026."""
        return f"2026-03-{self.day:02d}T09:00:00+00:00"


SAID = [
    Said("ann", "Lists", "yes", 1),
    Said("bob", "Lists", "no", 2),
    Said("007", "Lists", "yes", 3),
    Said("7", "Lists", "no", 3),
    Said("ann", "Everything", "yes", 4),
    Said("ann", "Lists", "no", 5),
]


def transcend(folder: Path, said: Sequence[Said]) -> Path:
    """A row for each statement; what is no answer is put where an answer would be."""
    values: dict[str, object] = {"yes": True, "no": False, "strange": "perhaps"}
    rows = [["userId", "timestamp", "purposes", "confirmed", "usp"]]
    for one in said:
        purposes = {} if one.answer == "signal" else {one.theirs: values[one.answer]}
        usp = "1YYN" if one.answer == "signal" else ""
        rows.append([one.user, one.at, json.dumps(purposes), "true", usp])
    return _csv(folder / "some.csv", rows)


def segment(folder: Path, said: Sequence[Said]) -> Path:
    """An event for each statement."""
    values: dict[str, object] = {"yes": True, "no": False, "strange": "perhaps"}
    lines = []
    for number, one in enumerate(said):
        consent: dict[str, Any] = {"categoryPreferences": {one.theirs: values.get(one.answer)}}
        context = {"gpc": True, "consent": {}} if one.answer == "signal" else {"consent": consent}
        lines.append({"userId": one.user, "timestamp": one.at, "messageId": f"m{number}", "context": context})
    return _text(folder / "some.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))


def fides(folder: Path, said: Sequence[Said]) -> Path:
    """A record of the consent report for each statement."""
    values = {"yes": "opt_in", "no": "opt_out", "strange": "perhaps", "signal": "opt_out"}
    rows = [["id", "external_id", "request_timestamp", "notice_key", "preference", "method"]]
    for number, one in enumerate(said):
        how = "gpc" if one.answer == "signal" else "save"
        rows.append([f"p{number}", one.user, one.at, one.theirs, values[one.answer], how])
    return _csv(folder / "some.csv", rows)


def dpv(folder: Path, said: Sequence[Said]) -> Path:
    """A consent record for each statement; the standard has no signals, so that one is a plain refusal."""
    kinds = {"yes": "Given", "no": "Refused", "strange": "SomethingNew", "signal": "Refused"}
    records = [
        {
            "@type": "dpv:ConsentRecord",
            "dpv:hasDataSubject": one.user,
            "dpv:hasPurpose": "Everything" if one.answer == "signal" else one.theirs,
            "dpv:hasConsentStatus": {"@type": f"dpv:Consent{kinds[one.answer]}", "dpv:isIndicatedAtTime": one.at},
        }
        for one in said
    ]
    return _text(folder / "some.jsonld", json.dumps({"@graph": records}))


WRITERS: dict[str, Callable[[Path, Sequence[Said]], Path]] = {
    "transcend": transcend,
    "segment": segment,
    "fides": fides,
    "dpv": dpv,
}


def read(kind: str, folder: Path, said: Sequence[Said], **mapping: Any) -> consent_formats.Read:
    """What the importer makes of these statements."""
    return consent_formats.read(WRITERS[kind](folder, said), kind, MAPPING | mapping)


def nothing_is_lost(kind: str, folder: Path) -> None:
    """Each statement is one event with its own person, purpose, state and time; ids stay text."""
    found = read(kind, folder, SAID).events
    ours = {"Lists": PURPOSE, "Everything": WIDER}
    wanted = sorted((one.user, ours[one.theirs], _STATES[one.answer], one.at) for one in SAID)
    assert found.column_names == list(COLUMNS)
    cells = zip(*(found[name].to_pylist() for name in ("user_id", "purpose", "state", "event_time")), strict=True)
    assert sorted(cells) == wanted


def a_purpose_that_is_not_mapped_stops_the_import(kind: str, folder: Path) -> None:
    """Also if one statement of a thousand is about it; an ignored one is counted and is no event."""
    with pytest.raises(UsageError, match="mapped or ignored") as stopped:
        read(kind, folder, [*SAID, Said("zoe", "Surprise", "no")])
    assert "Surprise" in str(stopped.value)
    assert "zoe" not in str(stopped.value)
    found = read(kind, folder, [*SAID, Said("zoe", "Weather", "no"), Said("zoe", "Weather", "yes")])
    assert dict(found.unmapped) == {"Weather": 2}
    assert found.events.num_rows == len(SAID)


def a_refusal_wins(kind: str, folder: Path) -> None:
    """Of a wider purpose over a yes to a narrower one, in any order of the file, and so does what cannot be read."""
    against: list[Answer] = ["no", "strange", "signal"]
    for answer in against:
        said = [Said("ann", "Lists", "yes", 2), Said("ann", "Everything", answer, 2), Said("bob", "Lists", "yes", 2)]
        for order in permutations(said):
            found = states(read(kind, folder, order).events)
            assert found == {"ann": "refused", "bob": "allowed"}, answer


def a_yes_that_cannot_be_read_is_counted_and_refuses(kind: str, folder: Path) -> None:
    """It is an event, so that the store keeps it, and never a consent."""
    found = read(kind, folder, [Said("ann", "Lists", "strange"), Said("bob", "Lists", "yes")])
    assert found.events.num_rows == 2
    assert states(found.events)["ann"] == "refused"


def a_record_of_nobody_refuses_the_whole_file(kind: str, folder: Path) -> None:
    """Wherever it stands: it may be somebody's refusal. Nothing that it says is repeated."""
    for place in (0, 3, len(SAID)):
        said = [*SAID[:place], Said(" canary-4b1a", "Lists", "no"), *SAID[place:]]
        with pytest.raises(SchemaError) as refused:
            read(kind, folder, said)
        assert "canary" not in str(refused.value)


def a_line_that_cannot_be_read_refuses_the_whole_file(kind: str, folder: Path) -> None:
    """Nothing of what is around it is taken over, and nothing of it is repeated."""
    path = WRITERS[kind](folder, SAID)
    path.write_text(path.read_text(encoding="utf-8") + "canary-4b1a {\n", encoding="utf-8")
    with pytest.raises(SchemaError) as refused:
        consent_formats.read(path, kind, MAPPING)
    assert "canary" not in str(refused.value)


def a_broken_file_is_refused_or_says_no_more_than_before(kind: str, folder: Path) -> None:
    """Cut off anywhere, it is refused, or it is whole up to there: no statement is read that nobody made."""
    path = WRITERS[kind](folder, SAID)
    whole, known = path.read_bytes(), {tuple(row.values()) for row in _events(kind, path)}
    for end in range(len(whole) // 3, len(whole), 37):
        path.write_bytes(whole[:end])
        try:
            rows = _events(kind, path)
        except (SchemaError, UsageError):
            continue
        assert all(tuple(row.values()) in known or row["state"] not in ("given",) for row in rows), end


def a_repeated_import_adds_nothing(kind: str, folder: Path) -> None:
    """The second time every event is a duplicate, and what stands is what stood."""
    _, store, _ = opened(f"sqlite:///{folder / 'records.db'}")
    first = store.add(read(kind, folder, SAID).events, source=kind)
    again = store.add(read(kind, folder, SAID).events, source=kind)
    assert (first.events, first.duplicates) == (len(SAID), 0)
    assert (again.events, again.duplicates) == (0, len(SAID))


LAWS: tuple[Law, ...] = (
    nothing_is_lost,
    a_purpose_that_is_not_mapped_stops_the_import,
    a_refusal_wins,
    a_yes_that_cannot_be_read_is_counted_and_refuses,
    a_record_of_nobody_refuses_the_whole_file,
    a_line_that_cannot_be_read_refuses_the_whole_file,
    a_broken_file_is_refused_or_says_no_more_than_before,
    a_repeated_import_adds_nothing,
)


def _events(kind: str, path: Path) -> list[dict[str, str | None]]:
    found: list[dict[str, str | None]] = consent_formats.read(path, kind, MAPPING).events.to_pylist()
    return found


def _csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def _text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path
