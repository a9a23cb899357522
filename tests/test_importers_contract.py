"""Every importer keeps the laws of `importers_contract.py`, and one that breaks a law is found by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

import importers_contract as contract
from importers_contract import LAWS, WRITERS, Law
from tactful.personal import consent_formats
from tactful.personal.consent_formats import FORMATS, PurposeMapping, files, segment
from tactful.personal.consent_formats.sayings import Sayings, id_in, nameless, said

Reader = Callable[[Path, PurposeMapping, Sayings], None]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_importer_keeps_each_law(kind: str, law: Law, tmp_path: Path) -> None:
    law(kind, tmp_path)


def test_every_format_can_be_written_for_the_laws() -> None:
    """A format without a writer is in no law; a writer without a format tests nothing."""
    assert set(WRITERS) == set(FORMATS)


def reader(
    *,
    skipped: Callable[[dict[str, object]], bool] = lambda _: False,
    strange: str = "unreadable",
    nobody: bool = True,
    lines: bool = True,
    swallow: bool = False,
    numbers: bool = False,
    numbered: bool = False,
    signals: bool = True,
) -> Reader:
    """A plain importer of Segment's lines; each argument makes it wrong in one way."""

    def read(path: Path, mapping: PurposeMapping, sayings: Sayings) -> None:
        for place, event in files.json_lines(path):
            if event is None and not lines:
                continue
            user_id = id_in((event or {}).get("userId"))
            if event is None or (user_id is None and nobody):
                raise nameless(path.name, place, "line")
            if user_id is None or skipped(event):
                continue
            user_id = str(int(user_id)) if numbers and user_id.isdigit() else user_id
            more = {"record_id": uuid4().hex if numbered else event["messageId"]}
            if event["context"].get("gpc") and signals:
                sayings.objects(user_id, event["timestamp"], **more)
            for theirs, value in event["context"]["consent"].get("categoryPreferences", {}).items():
                if not (swallow and theirs not in mapping.purposes):
                    state = said(value)
                    told = strange if state == "unreadable" else state
                    sayings.says(user_id, theirs, told, event["timestamp"], **more)

    return read


def _refuses(event: dict[str, object]) -> bool:
    return "false" in str(event).lower()


BROKEN: dict[str, tuple[Reader, Law]] = {
    "refusals are passed over": (reader(skipped=_refuses), contract.nothing_is_lost),
    "ids become numbers": (reader(numbers=True), contract.nothing_is_lost),
    "strange purposes are swallowed": (reader(swallow=True), contract.a_purpose_that_is_not_mapped_stops_the_import),
    "a perhaps is a yes": (reader(strange="given"), contract.a_refusal_wins),
    "signals are passed over": (reader(signals=False), contract.a_refusal_wins),
    "a perhaps gives": (reader(strange="given"), contract.a_yes_that_cannot_be_read_is_counted_and_refuses),
    "nobody's records are passed over": (reader(nobody=False), contract.a_record_of_nobody_refuses_the_whole_file),
    "lines are passed over": (reader(lines=False), contract.a_line_that_cannot_be_read_refuses_the_whole_file),
    "each reading numbers anew": (reader(numbered=True), contract.a_repeated_import_adds_nothing),
}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reader], str]:
    """An importer is registered beside the others, and written as Segment's."""

    def register(made: Reader) -> str:
        monkeypatch.setattr(consent_formats, "FORMATS", {**FORMATS, "made": made})
        monkeypatch.setitem(WRITERS, "made", contract.segment)
        return "made"

    return register


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_importer_is_found(broken: str, registered: Callable[[Reader], str], tmp_path: Path) -> None:
    """By the law that it breaks: an error that must come does not, or what must hold does not."""
    made, law = BROKEN[broken]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        law(registered(made), tmp_path)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("sound", [reader(), segment.read], ids=["the plain one", "ours"])
def test_a_sound_importer_keeps_all_laws(
    sound: Reader, law: Law, registered: Callable[[Reader], str], tmp_path: Path
) -> None:
    """What is registered is looked at; the plain reader is broken by nothing but its arguments."""
    law(registered(sound), tmp_path)
