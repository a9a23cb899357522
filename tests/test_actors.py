"""Roles: who may do what, and that what they did is signed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tactful.actors import Actors, Signature, check_acts
from tactful.desk.journal_check import check_journal
from tactful.errors import ConfigError, NotFoundError, RefusedError, SecretError, UsageError
from tactful.records.reads import note_export, note_read, noted_reads
from tactful.records.store import Records
from tactful.scoring.signing import SignedDocument, load_private, new_key, public_text, write_private

SHIPPED = Path(__file__).parents[1] / "configs" / "actors.toml"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no list of this machine's."""
    monkeypatch.chdir(tmp_path)
    for name in ("TACTFUL_ACTORS", "TACTFUL_ACTOR_KEY"):
        monkeypatch.delenv(name, raising=False)


def made(folder: Path, name: str) -> tuple[Path, str]:
    """A key file and its public key."""
    key = new_key()
    write_private(key, folder / name)
    return folder / name, public_text(key)


def listed(folder: Path, **roles: tuple[str, str]) -> Path:
    """An actors' file with these names: public key and roles."""
    path = folder / "actors.toml"
    path.write_text(
        "".join(
            f'[[actor]]\nname = "{name}"\npublic_key = "{key}"\nroles = {role}\n' for name, (key, role) in roles.items()
        )
    )
    return path


def test_nobody_listed_means_everybody_may() -> None:
    """The file that is shipped lists nobody, as does none at all: who holds the secrets may act, and is not named."""
    for actors in (Actors.load(SHIPPED), Actors.load()):
        assert actors.names == {}
        assert actors.check("officer") is actors.check("trainer") is None


def test_from_the_first_name_on_only_they_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An officer is declared: nobody else, and nobody without a key, does their work; anybody may still train."""
    officer, public = made(tmp_path, "officer.key")
    other, _ = made(tmp_path, "other.key")
    actors = Actors.load(listed(tmp_path, Ada=(public, '["officer"]')))
    assert actors.names == {public: "Ada"}
    assert actors.check("officer", officer) == public
    for key in (None, other):
        with pytest.raises(RefusedError, match="role officer"):
            actors.check("officer", key)
    assert actors.check("trainer", other) is not None
    monkeypatch.setenv("TACTFUL_ACTOR_KEY", str(officer))
    assert actors.check("officer") == public
    monkeypatch.setenv("TACTFUL_ACTORS", str(tmp_path / "actors.toml"))
    assert Actors.load().holders("officer") == {public}
    with pytest.raises(SecretError):
        actors.check("officer", tmp_path / "nowhere.key")


@pytest.mark.parametrize(
    "text",
    [
        "actor = 3",
        "[[actors]]\nname = 1",
        '[[actor]]\nname = "Ada"',
        '[[actor]]\nname = "Ada"\npublic_key = "x"\nroles = ["officer"]',
        '[[actor]]\nname = ""\npublic_key = "{key}"\nroles = ["officer"]',
        '[[actor]]\nname = "Ada"\npublic_key = "{key}"\nroles = ["reviewer"]',
        '[[actor]]\nname = "Ada"\npublic_key = "{key}"\nroles = "officer"',
        '[[actor]]\nname = "A"\npublic_key = "{key}"\nroles = ["officer"]\n' * 2,
        "[[actor]",
    ],
)
def test_a_list_that_is_wrong_lets_nobody_in(tmp_path: Path, text: str) -> None:
    """A misspelt role or key is an error, and not a list of nobody, with which everybody may."""
    (tmp_path / "a.toml").write_text(text.replace("{key}", public_text(new_key())))
    with pytest.raises(ConfigError, match="actors' file"):
        Actors.load(tmp_path / "a.toml")


def test_whoever_gives_up_a_role_leaves_it_to_nobody(tmp_path: Path) -> None:
    """Listed without one they may nothing, nor may anybody else; entries that bear their key must be signed still."""
    (old, ada), (new, bo) = made(tmp_path, "ada.key"), made(tmp_path, "bo.key")
    left = Actors.load(listed(tmp_path, Ada=(ada, "[]")))
    for key in (old, new, None):
        with pytest.raises(RefusedError, match="role officer"):
            left.check("officer", key)
    assert set(left.names) == {ada}
    followed = Actors.load(listed(tmp_path, Ada=(ada, "[]"), Bo=(bo, '["officer"]')))
    assert followed.check("officer", new) == bo
    with pytest.raises(RefusedError, match="role officer"):
        followed.check("officer", old)


def test_a_named_list_must_be_there(tmp_path: Path) -> None:
    """A misspelt path is no list of nobody either."""
    with pytest.raises(NotFoundError, match="actors' file"):
        Actors.load(tmp_path / "none.toml")


def test_what_an_actor_appends_is_signed(tmp_path: Path) -> None:
    """Their entries, and nobody else's, carry a signature that fits; it is good for no approval."""
    file, public = made(tmp_path, "ada.key")
    records, actor = Actors().act(Records.open(f"sqlite:///{tmp_path}/r.db"), "officer", file)
    assert actor == public
    with records.transaction() as transaction:
        mine = transaction.append("note.made", {"x": 0.1, "ε": [1, None]}, actor=actor)
        transaction.append("note.made", {"x": 0.1}, actor="ed25519:" + "0" * 64)
        transaction.append("note.made", {"x": 0.1})
    assert ["act" in entry.body for entry in records.entries()] == [True, False, False]
    assert check_acts(records.stored()) == []
    assert records.verify().ok
    with pytest.raises(UsageError, match="leaves the signature"), records.transaction() as transaction:
        transaction.append("note.made", {"act": "mine"})
    document = SignedDocument(payload={"x": 1}, public_key=public, signature=str(mine.body["act"]))
    for purpose in ("approval", "act"):
        with pytest.raises(RefusedError):
            document.verify(purpose=purpose)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'ed25519:" + "0" * 64 + "'",
        "kind = 'note.unmade'",
        "time = '2020-01-01T00:00:00.000000+00:00'",
        "previous = '" + "0" * 63 + "1'",
        "body = replace(body, '\"x\":1', '\"x\":2')",
        'body = replace(body, \'"act":"\', \'"act":"0\')',
    ],
)
def test_a_signed_entry_that_is_another_shows(tmp_path: Path, change: str) -> None:
    """Who rewrites the chain from there on can mend its digests, and not the signature of somebody else."""
    file, _ = made(tmp_path, "ada.key")
    records, actor = Actors().act(Records.open(f"sqlite:///{tmp_path}/r.db"), "officer", file)
    with records.transaction() as transaction:
        transaction.append("note.made", {"x": 1}, actor=actor)
    with sqlite3.connect(tmp_path / "r.db") as connection:
        connection.execute("DROP TRIGGER journal_no_update")
        connection.execute(f"UPDATE journal SET {change}")  # noqa: S608  (ours)
        connection.execute("UPDATE journal SET body = CAST(body AS BLOB)")
    connection.close()
    assert check_acts(records.stored()) == [f"entry 1 ({records.stored()[0].kind}) is not as its actor signed it"]


def test_nothing_is_laid_to_an_actor_who_did_not_sign_it(tmp_path: Path) -> None:
    """Whoever may write to the journal can put somebody's public key there: with a role, it counts with a signature."""
    file, ada = made(tmp_path, "ada.key")
    records = Records.open(f"sqlite:///{tmp_path}/r.db")
    with records.transaction() as transaction:
        transaction.append("subject.erased", {}, actor=ada)
        transaction.append("subject.erased", {}, actor="ed25519:" + "0" * 64)
        transaction.append("subject.erased", {})
        for decision, purpose in (("candidate", "candidate"), ("approved", "approval"), ("approved", "candidate")):
            statement = SignedDocument.sign({"decision": decision}, load_private(file), purpose=purpose)
            body = {"payload": dict(statement.payload), "signature": statement.signature}
            transaction.append(f"model.{decision}", body, actor=ada)
    with Actors().act(records, "officer", file)[0].transaction() as transaction:
        transaction.append("subject.erased", {}, actor=ada)
    assert check_acts(records.stored()) == []
    said = "bears an actor's key and not their signature"
    expected = [f"entry 1 (subject.erased) {said}", f"entry 6 (model.approved) {said}"]
    assert check_acts(records.stored(), {ada}) == expected
    listed(tmp_path, Ada=(ada, '["trainer"]')).rename(tmp_path / "a.toml")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TACTFUL_ACTORS", str(tmp_path / "a.toml"))
        assert list(check_journal(records).problems) == expected
    assert check_journal(records).ok


def test_a_signature_shows_no_key() -> None:
    """Nor does it travel into a log."""
    key = new_key()
    assert repr(Signature(key)) == f"Signature({public_text(key)})"


def test_readings_are_noted_and_come_back(tmp_path: Path) -> None:
    """What was read, what for, by whom and from where; alone or within a transaction; not without saying what for."""
    records = Records.open(f"sqlite:///{tmp_path}/r.db")
    note_read(records, "dossier", purpose="subject.access", actor="ada", sources=["vault"])
    with records.transaction() as transaction:
        note_read(transaction, "training", purpose="personalization.training", model="shop", run="7")
        note_export(transaction, "dossier", place="a.html", purpose="subject.access", sealed="00")
    assert [(read.what, read.sequence) for read in noted_reads(records)] == [("dossier", 1), ("training", 2)]
    (read,) = noted_reads(records, "dossier")
    assert (read.purpose, read.actor, dict(read.facts)) == ("subject.access", "ada", {"sources": ["vault"]})
    assert records.entries("data.exported")[0].body["path"] == "a.html"
    for what, purpose in (("", "x"), ("x", " ")):
        with pytest.raises(UsageError, match="what for"):
            note_read(records, what, purpose=purpose)
    assert len(records.entries()) == 3
