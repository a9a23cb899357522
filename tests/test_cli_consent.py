"""``tactful consent``: exit codes, JSON and words; no id in any of them, and nothing half-written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow.parquet
import pytest

from cli_calls import Tactful, called_for_json
from tactful.personal.announced_lists import note_list
from tactful.personal.consent_file import contract_events
from tactful.personal.keys import Keys
from tactful.records.consents import ConsentStore
from tactful.records.store import Records
from tactful.records.subjects import Subjects
from tactful.scoring.signing import load_private, new_key, public_text, write_private
from tactful.scoring.suppression_list import write_list
from tactful.scoring.suppressions import Suppressions

ANN, BOB = "CANARY-ann-7391", "CANARY-bob-7391"
ACCEPT = "--accept-unreadable"
TRAINING, RECOMMENDING = "personalization.training", "personalization.recommendations"
EVENTS = f"""user_id,purpose,state,event_time,recorded_time,record_id
{ANN},personalization,given,2026-01-02,2026-01-02,note of {ANN}
{BOB},{TRAINING},given,2026-01-03,,
{BOB},{TRAINING},maybe,2026-01-04,,
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Secrets, a file of consents, and an environment that keeps everything in one folder."""
    Keys.create(tmp_path / "secrets.toml")
    (tmp_path / "consents.csv").write_text(EVENTS)
    monkeypatch.chdir(tmp_path)
    for name in ("TACTFUL_ACTOR_KEY", "TACTFUL_ACTORS", "TACTFUL_JOURNAL_HEAD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(tmp_path / "secrets.toml"))
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{tmp_path}/records.db")
    monkeypatch.setenv("TACTFUL_VAULT", str(tmp_path / "vault"))
    return tmp_path


@pytest.fixture
def tactful(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tactful:
    """Calls ``tactful consent … --json``; no output of any command names anybody."""

    return partial(called_for_json, monkeypatch, capsys, "consent")


@pytest.fixture
def imported(tactful: Tactful, folder: Path) -> Tactful:
    """The file is in the store."""
    ConsentStore.open(records(folder), keys(folder)).add(
        contract_events(folder / "consents.csv"), source="consents.csv"
    )
    return tactful


def records(folder: Path) -> Records:
    return Records.open(f"sqlite:///{folder}/records.db")


def keys(folder: Path) -> Keys:
    return Keys.load(folder / "secrets.toml")


def test_an_import_is_counted_and_can_be_repeated(tactful: Tactful) -> None:
    """First all is new, then nothing; a dry run says the same before."""
    dry, first, again = (tactful("import", "consents.csv", *more) for more in (["--dry-run"], [ACCEPT], [ACCEPT]))
    wanted = {"events": 3, "added": 3, "duplicates": 0, "blocked": 0, "malformed": 1, "people": 2}
    assert wanted.items() <= dry.json.items()
    assert (dry.json["dry_run"], dry.code) == (True, 0)
    assert wanted.items() <= first.json.items()
    assert "cannot be read" in first.err
    assert {"added": 0, "duplicates": 3, "people": 0}.items() <= again.json.items()


@pytest.mark.prove
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.csv"], "is a file"),
        (["consents.csv", "--format", "xml"], "transcend"),
        (["consents.csv", "--mapping", "m.toml"], "--format"),
        (["bad.csv"], "needs the column"),
        (["torn.csv"], "read to its end"),
        (["nameless.csv"], "user_id"),
        (["secrets.toml"], ".parquet or .csv"),
        (["misspelt.csv"], "valid_until"),
    ],
)
def test_a_mistake_is_refused_and_nothing_is_written(
    tactful: Tactful, folder: Path, arguments: list[str], says: str
) -> None:
    """Exit code 2, and no event."""
    (folder / "bad.csv").write_text("user,what\n1,2\n")
    (folder / "torn.csv").write_text(f"{EVENTS}{ANN},too,few\n")
    (folder / "nameless.csv").write_text(f"{EVENTS},personalization,given,2026-01-01,,\n")
    (folder / "misspelt.csv").write_text("user_id,purpose,state,event_time,valid_untill\nx,a,given,2026-01-01,\n")
    found = tactful("import", *arguments)
    assert (found.code, found.json) == (2, None)
    assert says in found.err
    assert ConsentStore.open(records(folder), keys(folder)).empty


@pytest.mark.prove
def test_another_systems_file_is_imported(tactful: Tactful, folder: Path) -> None:
    """By its format; what it says of purposes that nobody mapped stops it, and names them."""
    examples = Path(__file__).parent / "consent_examples"
    found = tactful(
        "import",
        str(examples / "transcend.csv"),
        "--format",
        "transcend",
        "--mapping",
        str(examples / "mapping.toml"),
        ACCEPT,
    )
    assert (found.code, found.json["added"], found.json["duplicates"]) == (0, 7, 1)
    unmapped = tactful("import", str(examples / "transcend.csv"), "--format", "transcend")
    assert unmapped.code == 2
    assert len(records(folder).entries("consent.")) == 1


def test_status_says_how_each_purpose_stands(imported: Tactful, folder: Path) -> None:
    """By the gate, with the history; the looking is journalled, without the person."""
    ann, bob = imported("status", ANN), imported("status", BOB)
    assert (ann.code, ann.json["events"], ann.json["erased"]) == (0, 1, False)
    assert ann.json["purposes"][RECOMMENDING] == {
        "state": "given",
        "since": "2026-01-02T00:00:00+00:00",
        "until": None,
        "reason": None,
    }
    assert ann.json["purposes"]["fairness.assessment"]["state"] == "no_record"
    assert bob.json["purposes"][TRAINING]["state"] == "refused"
    assert [event["state"] for event in bob.json["history"]] == ["given", "maybe"]
    reads = records(folder).entries("data.read")
    assert [entry.body["what"] for entry in reads] == ["status", "status"]
    assert "CANARY" not in str([entry.body for entry in reads])


@pytest.mark.prove
def test_nothing_is_known_of_a_stranger(imported: Tactful) -> None:
    """That is an answer, not an error."""
    found = imported("status", "nobody")
    assert (found.code, found.json["events"], found.json["history"]) == (0, 0, [])
    assert {told["state"] for told in found.json["purposes"].values()} == {"no_record"}
    assert "nothing is held" in found.err


def test_a_withdrawal_counts_at_once_and_giving_again_is_as_easy(imported: Tactful, folder: Path) -> None:
    """What is below the purpose goes with it; the journal knows the person by a tag alone."""
    withdrawn = imported("withdraw", ANN, "--purpose", "personalization", "--method", "letter")
    assert (withdrawn.code, withdrawn.json["purpose"], withdrawn.json["lists"]) == (0, "personalization", [])
    assert withdrawn.json["models"] == []
    assert imported("status", ANN).json["purposes"][RECOMMENDING]["state"] == "withdrawn"
    until = "2099-01-01T00:00:00+00:00"
    assert imported("give", ANN, "--purpose", RECOMMENDING, "--valid-until", until).code == 0
    assert imported("give", ANN, "--purpose", "personalization").code == 0
    again = imported("status", ANN).json
    assert again["purposes"][RECOMMENDING]["state"] == "given"
    assert [event.get("method") for event in again["history"]] == [None, "letter", None, None]
    assert "CANARY" not in str([entry.body for entry in records(folder).entries()])


def test_a_withdrawal_that_serving_does_not_hear_of_says_so_last(imported: Tactful, folder: Path) -> None:
    """Where the journal knows of no list, the last line says it and the object, too; nothing of it where it is about
    something else than recommendations.
    """
    alone = imported("withdraw", ANN, "--purpose", "personalization")
    assert (alone.code, alone.json["serving_hears"]) == (0, False)
    assert alone.err.strip().splitlines()[-1].startswith("SERVING DOES NOT HEAR OF IT")
    other = imported("withdraw", ANN, "--purpose", "fairness.assessment")
    assert other.json["serving_hears"]
    assert "SERVING" not in other.err


def test_a_withdrawal_says_what_it_leaves_in_force(imported: Tactful, folder: Path) -> None:
    """Fairness purposes are not part of personalization: they are named, with the purpose that withdraws them."""
    assert imported("give", ANN, "--purpose", "fairness").code == 0
    found = imported("withdraw", ANN, "--purpose", "personalization")
    assert found.json["still_given"] == ["fairness.assessment", "fairness.mitigation", "fairness"]
    assert "still in force" in found.err
    assert "--purpose fairness" in found.err
    rest = imported("withdraw", ANN, "--purpose", "fairness")
    assert rest.json["still_given"] == []
    assert "still in force" not in rest.err


@pytest.mark.prove
def test_who_was_never_heard_of_can_withdraw(tactful: Tactful, folder: Path) -> None:
    """It is recorded all the same, for their data may come later; and it is said that nobody is known by this id."""
    records(folder)
    first, again = (tactful("withdraw", ANN, "--purpose", TRAINING) for _ in range(2))
    assert (first.code, first.json["known"], again.json["known"]) == (0, False, True)
    assert "nobody with this id is known here" in first.err
    assert tactful("status", ANN).json["purposes"][TRAINING]["state"] == "withdrawn"


def test_the_journal_never_learns_the_name_of_a_file(tactful: Tactful, folder: Path) -> None:
    """It may be a person's, and the journal cannot forget; the same file is told by the same hash."""
    (folder / f"{ANN}.csv").write_bytes((folder / "consents.csv").read_bytes())
    first, again = (tactful("import", f"{ANN}.csv", *more) for more in ((ACCEPT,), ("--dry-run",)))
    (entry,) = records(folder).entries("consent.recorded")
    assert entry.body["source"] == first.json["source"] == again.json["source"]
    assert tactful("import", "consents.csv", "--dry-run").json["source"] != first.json["source"]
    assert ANN not in str([each.body for each in records(folder).entries()])


def test_a_service_stops_at_the_next_call(imported: Tactful, folder: Path) -> None:
    """A list that allows the person does so no more once they withdrew; a list of another purpose is left alone."""
    secrets, now = keys(folder), datetime.now(UTC)
    write_private(new_key(), folder / "officer.key")
    officer = load_private(folder / "officer.key")
    for name, purpose in (("may.list", RECOMMENDING), ("other.list", "fairness.assessment")):
        note_list(
            records(folder),
            path=folder / name,
            basis="consent",
            purpose=purpose,
            signer=public_text(officer),
            config=folder / "x.toml",
            key=secrets.for_lists(),
        )
        write_list(
            folder / name,
            secrets.marks([ANN])[0],
            basis="consent",
            purpose=purpose,
            made_at=now - timedelta(minutes=1),
            expires_at=now + timedelta(hours=1),
            key=secrets.for_lists(),
            signer=officer,
        )
    service = Suppressions(folder / "may.list", trusted_keys=[public_text(officer)], key=secrets.for_lists())
    assert service.allows(ANN)
    found = imported("withdraw", ANN, "--purpose", "personalization")
    assert [(Path(each["list"]).name, each["outcome"]) for each in found.json["lists"]] == [("may.list", "marked")]
    assert not service.allows(ANN)


def test_who_was_erased_is_not_recorded_again(imported: Tactful, folder: Path) -> None:
    """Neither by an import, nor by giving; to withdraw is no error, and keeps nothing."""
    held = records(folder)
    with held.transaction() as transaction:
        Subjects.open(held, keys(folder)).mark_erased(transaction, keys(folder).pseudonyms([ANN])[0])
    assert imported("import", "consents.csv", ACCEPT).json["blocked"] == 1
    assert imported("give", ANN, "--purpose", TRAINING).code == 3
    withdrawn = imported("withdraw", ANN, "--purpose", TRAINING)
    assert (withdrawn.code, withdrawn.json["recorded"]) == (0, None)
    status = imported("status", ANN).json
    assert (status["erased"], status["events"]) == (True, 0)


@pytest.mark.prove
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["withdraw", ANN, "--purpose", "every thing!"], "purpose"),
        (["give", ANN, "--purpose", TRAINING, "--valid-until", "soon"], "ISO 8601"),
        (["withdraw", f"{ANN} ", "--purpose", TRAINING], "user_id"),
        (["status", ""], "user_id"),
        (["withdraw", ANN], "--purpose"),
        (["receipt", "nobody", "--out", "r.jsonld"], "holds nothing"),
        (["receipt", ANN, "--out", "r.pdf"], ".jsonld"),
        (["export", "--out", "consents.csv"], "consents.csv"),
        (["export", "--out", "nowhere/x.csv"], "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused(imported: Tactful, folder: Path, arguments: list[str], says: str) -> None:
    """Exit code 2; nothing is recorded, no file appears or changes."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("records")}
    found = imported(*arguments)
    assert (found.code, found.json) == (2, None)
    assert says in found.err
    assert ConsentStore.open(records(folder), keys(folder)).events().num_rows == 3
    assert {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("records")} == before


def test_everybodys_consent_is_exported_to_a_private_file(imported: Tactful, folder: Path) -> None:
    """How each purpose stands, by the gate; the journal names the file, so that an erasure finds it."""
    found = imported("export", "--out", "now.parquet")
    table = pyarrow.parquet.read_table(folder / "now.parquet").to_pylist()
    assert (folder / "now.parquet").stat().st_mode & 0o777 == 0o600
    stands = {(row["user_id"], row["purpose"]): row["state"] for row in table}
    assert stands[ANN, "personalization"] == "allowed"
    assert stands[BOB, TRAINING] == "refused"
    assert sum(found.json["counts"].values()) == len(table)
    (entry,) = records(folder).entries("data.exported")
    assert entry.body["path"] == str(folder / "now.parquet")


@pytest.mark.prove
def test_every_event_can_be_exported_and_imported_elsewhere(
    imported: Tactful, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As records of ISO/IEC TS 27560; the other store gives the same standings."""
    assert imported("export", "--out", "all.jsonld").json["counts"] == {"events": 3}
    here = imported("status", ANN).json["purposes"]
    monkeypatch.setenv("TACTFUL_RECORDS", f"sqlite:///{folder}/elsewhere.db")
    assert imported("import", "all.jsonld", "--format", "dpv", ACCEPT).json["added"] == 3
    assert imported("status", ANN).json["purposes"] == here
    assert imported("status", BOB).json["purposes"][TRAINING]["state"] == "refused"


@pytest.mark.prove
def test_a_receipt_is_for_one_person(imported: Tactful, folder: Path) -> None:
    """In a file for its owner alone, whose place is sealed in the journal."""
    found = imported("receipt", ANN, "--out", "receipt.jsonld")
    text = (folder / "receipt.jsonld").read_text()
    assert (found.code, (folder / "receipt.jsonld").stat().st_mode & 0o777) == (0, 0o600)
    assert ANN in text
    assert BOB not in text
    assert "privacy notice" in str(found.json["missing"])
    (entry,) = records(folder).entries("data.exported")
    assert str(folder) not in str(entry.body)
    key = Subjects.open(records(folder), keys(folder)).find(keys(folder).pseudonyms([ANN])[0])
    assert key.open(entry.body["sealed"]) == {"path": str(folder / "receipt.jsonld")}


def test_only_an_officer_may_where_there_is_one(
    tactful: Tactful, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody else is refused with exit code 3, and nothing is read; the officer's acts bear their key."""
    for name in ("officer", "stranger"):
        write_private(new_key(), folder / f"{name}.key")
    public = public_text(load_private(folder / "officer.key"))
    actors = f'[[actor]]\nname = "Ada"\npublic_key = "{public}"\nroles = ["officer"]\n'
    (folder / "actors.toml").write_text(actors)
    monkeypatch.setenv("TACTFUL_ACTORS", str(folder / "actors.toml"))
    records(folder)
    said = (["status", ANN], ["withdraw", ANN, "--purpose", TRAINING])
    for arguments in said:
        assert tactful(*arguments, "--key", "stranger.key").code == 3
    assert tactful("import", "consents.csv").code == 3
    assert records(folder).entries() == []
    assert tactful("import", "consents.csv", ACCEPT, "--key", "officer.key").code == 0
    assert tactful("withdraw", ANN, "--purpose", TRAINING, "--key", "officer.key").code == 0
    assert {entry.actor for entry in records(folder).entries("consent.")} == {public}


@pytest.mark.prove
@pytest.mark.parametrize(
    "arguments",
    [
        ["status", ANN],
        ["withdraw", ANN, "--purpose", TRAINING],
        ["give", ANN, "--purpose", TRAINING],
        ["export", "--out", "x.csv"],
        ["receipt", ANN, "--out", "x.jsonld"],
    ],
)
def test_in_the_wrong_folder_nothing_succeeds(tactful: Tactful, folder: Path, arguments: list[str]) -> None:
    """No empty store is made and acted on: what is not there is told."""
    found = tactful(*arguments)
    assert found.code == 2
    assert "there must be records to look at" in found.err
    assert not list(folder.glob("records.db*"))


def test_a_purpose_that_tactful_does_not_ask_for_is_told(imported: Tactful, folder: Path) -> None:
    """To give or withdraw it is refused, with what may be meant; an import stores another's purpose and says so."""
    for command in ("give", "withdraw"):
        for purpose in ("personalisation", "personalization.recommendation", "all"):
            refused = imported(command, ANN, "--purpose", purpose)
            assert (refused.code, "personalization (training, recommendations, sensitive)" in refused.err) == (2, True)
            meant = {"personalisation": "personalization.", "all": "e.g. personalization.recommendations."}
            assert f"Write {meant.get(purpose, 'personalization.recommendations.')}" in refused.err
    (folder / "more.csv").write_text(
        "user_id,purpose,state,event_time\n"
        f"{ANN},marketing,withdrawn,2026-05-01\n{BOB},personalization.ads,given,2026-05-01\n"
        f"{BOB},personalization.training.shop,given,2026-05-01\n"
    )
    found = imported("import", "more.csv")
    assert (found.code, found.json["added"]) == (0, 3)
    assert found.json["unknown_purposes"] == {"marketing": 1, "personalization.ads": 1}
    assert "NOT a purpose that tactful asks for: marketing (1 event)" in found.err


@pytest.mark.parametrize("more", [[], [ACCEPT], ["--dry-run"]])
def test_an_import_with_a_misspelt_purpose_is_refused_whole(imported: Tactful, folder: Path, more: list[str]) -> None:
    """Nothing of it is written, whatever is accepted: the store could not be mended."""
    before = [entry.sequence for entry in records(folder).entries()]
    (folder / "more.csv").write_text(
        f"user_id,purpose,state,event_time\n{BOB},personalization,given,2026-05-01\n"
        f"{ANN},Personalisation.Training,withdrawn,2026-05-01\n"
    )
    found = imported("import", "more.csv", *more)
    assert (found.code, found.json) == (2, None)
    assert "personalisation.training may mean personalization.training. Call it personalization.training" in found.err
    assert [entry.sequence for entry in records(folder).entries()] == before
    assert ConsentStore.open(records(folder), keys(folder)).events().num_rows == 3


@pytest.mark.prove
def test_an_export_tells_of_what_tactful_asks_for(imported: Tactful, folder: Path) -> None:
    """A purpose that is another's is not said to stand somehow for everybody."""
    (folder / "more.csv").write_text(
        "user_id,purpose,state,event_time\n"
        f"{ANN},marketing,withdrawn,2026-05-01\n{BOB},personalization.ads,given,2026-05-01\n"
        f"{BOB},personalization.training.shop,given,2026-05-01\n"
    )
    assert imported("import", "more.csv").code == 0
    assert imported("export", "--out", "now.parquet").code == 0
    named = set(pyarrow.parquet.read_table(folder / "now.parquet")["purpose"].to_pylist())
    assert named == {"personalization", TRAINING, "personalization.training.shop"}


@pytest.mark.prove
def test_a_grant_without_effect_says_so(imported: Tactful) -> None:
    """A parent that was withdrawn stands against it until it is given; the status names that event and its time."""
    assert imported("withdraw", ANN, "--purpose", "personalization").code == 0
    given = imported("give", ANN, "--purpose", RECOMMENDING)
    assert (given.code, given.json["in_force"], given.json["by"]) == (0, False, "personalization")
    assert "WITHOUT EFFECT: withdrawn at `personalization`" in given.err
    status = imported("status", ANN)
    told = status.json["purposes"][RECOMMENDING]
    assert (told["state"], told["by"]["state"], told["by"]["purpose"]) == ("withdrawn", "withdrawn", "personalization")
    assert told["since"] == told["by"]["event_time"]
    assert f"{told['by']['stored_time'][:19]}  withdrawn  personalization" in status.err
    assert imported("give", ANN, "--purpose", "personalization").json["in_force"] is True
    past = imported("give", ANN, "--purpose", RECOMMENDING, "--valid-until", "2026-01-01")
    assert (past.code, "is past" in past.err) == (2, True)


def test_rows_that_cannot_be_read_refuse_the_import(tactful: Tactful, folder: Path) -> None:
    """Whole, with the line and column and never the value; a dry run says it before; a grant from later on is told."""
    dry, found = tactful("import", "consents.csv", "--dry-run"), tactful("import", "consents.csv")
    assert (dry.code, found.code, found.json) == (0, 2, None)
    for err in (dry.err, found.err):
        assert "state in line 4" in err
        assert "maybe" not in err
    assert ConsentStore.open(records(folder), keys(folder)).empty
    (folder / "later.csv").write_text(f"user_id,purpose,state,event_time\n{ANN},personalization,given,2099-01-01\n")
    later = tactful("import", "later.csv")
    assert (later.code, later.json["grants_ahead"]) == (0, 1)
    assert "given from a time after now" in later.err
