"""Where secrets come from, that none is repeated, and what the loss of each key means."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from personal_vault_world import KEYS, Shop, log_rows
from repository_search import mentions, told
from tactful.errors import SecretError
from tactful.personal import key_providers
from tactful.personal.key_providers import CommandSecrets, EnvironmentSecrets, FileSecrets, provider
from tactful.personal.keys import Keys

NEW = b"n" * 32
TOML = f'pseudonym = "{KEYS.pseudonym.hex()}"\nstorage = "{NEW.hex()}"\nassignment = "{KEYS.assignment.hex()}"\n'
VARIABLES = ("PSEUDONYM_KEY", "STORAGE_KEY", "ASSIGNMENT_KEY", "SUPPRESSION_KEY", "STORAGE_KEY_OLDER")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the machine's own keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("SECRET_FILE", "SECRET_COMMAND", *VARIABLES):
        monkeypatch.delenv(f"TACTFUL_{name}", raising=False)


def command(tmp_path: Path, body: str) -> str:
    """A command that runs this Python, with an argument that needs quotes."""
    script = tmp_path / "my secrets.py"
    script.write_text(body)
    return f"'{sys.executable}' '{script}' --for \"two words\""


def test_a_command_gives_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is split like a shell would, and its output is read like a key file; older keys too."""
    older = f'storage_older = ["{KEYS.storage.hex()}"]'
    said = command(tmp_path, f"import sys\nassert sys.argv[1:] == ['--for', 'two words']\nprint('''{TOML}{older}''')")
    monkeypatch.setenv("TACTFUL_SECRET_COMMAND", said)
    assert Keys.load() == replace(KEYS, storage=NEW, storage_older=(KEYS.storage,))
    monkeypatch.setenv("TACTFUL_SECRET_FILE", "some.toml")
    with pytest.raises(SecretError, match="one place"):
        Keys.load()


FAILING = [
    ("exit code 3", "import sys\nsys.stderr.write('hush-hush')\nprint('hush-hush')\nsys.exit(3)"),
    ("it is not", "print('hush-hush: no TOML')"),
    ("lacks storage", f"print('pseudonym = \"{KEYS.pseudonym.hex()}\"')\nprint('hush = \"hush-hush\"')"),
    ("one in", 'print(\'pseudonym = "hush-hush"\\nstorage = "x"\\nassignment = "y"\')'),
    ("longer", "import time\nprint('hush-hush', flush=True)\ntime.sleep(30)"),
]


@pytest.mark.parametrize(("what", "body"), FAILING, ids=[what for what, _ in FAILING])
def test_what_a_failing_command_says_is_not_repeated(
    what: str, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its output nor the command, in the error or in any it came from."""
    monkeypatch.setattr(key_providers, "_SECONDS", 2)
    monkeypatch.setenv("TACTFUL_SECRET_COMMAND", command(tmp_path, body))
    with pytest.raises(SecretError, match=what) as refused:
        Keys.load()
    assert not mentions(told(refused.value), ["hush-hush", "two words"])


@pytest.mark.parametrize("said", ["no-such-program hush-hush", "'hush-hush", "", "  "])
def test_a_command_that_cannot_be_run_is_refused(said: str) -> None:
    """Not there, quotes that do not close, no words."""
    with pytest.raises(SecretError, match="cannot be run") as refused:
        CommandSecrets(command=said).secrets()
    assert "hush" not in str(refused.value)


def test_the_command_goes_through_no_shell(tmp_path: Path) -> None:
    """What a shell would do stays undone."""
    with pytest.raises(SecretError):
        CommandSecrets(command=f"echo x; touch {tmp_path}/made").secrets()
    assert not (tmp_path / "made").exists()


def test_older_storage_keys_come_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, and from there beside a file that has others; each once."""
    Keys.create(tmp_path / "keys.toml")
    rotated = Keys.rotate_storage(tmp_path / "keys.toml")
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(tmp_path / "keys.toml"))
    monkeypatch.setenv("TACTFUL_STORAGE_KEY_OLDER", f"{NEW.hex()}, {rotated.storage_older[0].hex().upper()},")
    assert Keys.load().storage_older == (*rotated.storage_older, NEW)
    monkeypatch.delenv("TACTFUL_SECRET_FILE")
    for name in ("pseudonym", "storage", "assignment"):
        monkeypatch.setenv(f"TACTFUL_{name.upper()}_KEY", getattr(KEYS, name).hex())
    assert Keys.load().storage_older == (NEW, rotated.storage_older[0])
    monkeypatch.setenv("TACTFUL_STORAGE_KEY_OLDER", KEYS.storage.hex())
    with pytest.raises(SecretError, match="differ"):
        Keys.load()


def test_a_rotated_file_keeps_every_other_key(tmp_path: Path) -> None:
    """A new storage key, the former ones in order; still for the owner alone; dropped when asked."""
    path = tmp_path / "keys.toml"
    first = Keys.create(path)
    second = Keys.rotate_storage(path)
    third = Keys.rotate_storage(path)
    assert Keys.load(path) == third
    assert third.storage_older == (second.storage, first.storage)
    assert (third.pseudonym, third.assignment, third.suppression) == (
        first.pseudonym,
        first.assignment,
        first.suppression,
    )
    assert len({first.storage, second.storage, third.storage}) == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keys.drop_older(path).storage_older == ()
    assert Keys.load(path) == replace(third, storage_older=())
    assert [each.name for each in tmp_path.iterdir()] == ["keys.toml"]


def test_a_file_with_more_than_keys_is_not_rewritten(tmp_path: Path) -> None:
    """What else stands there would be lost."""
    path = tmp_path / "keys.toml"
    Keys.create(path)
    path.write_text(path.read_text() + '[other]\nname = "x"\n')
    before = path.read_bytes()
    with pytest.raises(SecretError, match="keys alone"):
        Keys.rotate_storage(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("older", ['"ab"', "[1]", '["zz"]', '["ab"]', "{ a = 1 }"])
def test_older_keys_that_are_none_are_refused(older: str, tmp_path: Path) -> None:
    """A text, a number, no hexadecimal, too short."""
    path = tmp_path / "keys.toml"
    path.write_text(f"{TOML}storage_older = {older}\n")
    path.chmod(0o600)
    with pytest.raises(SecretError):
        Keys.load(path)


def test_providers_show_no_secret(tmp_path: Path) -> None:
    """In no repr, and in no place by which errors call them."""
    secret = NEW.hex()
    given = [
        EnvironmentSecrets(environment={"TACTFUL_STORAGE_KEY": secret}),
        CommandSecrets(command=f"echo {secret}"),
        FileSecrets(path=tmp_path / "keys.toml"),
    ]
    assert not any(secret in text for each in given for text in (repr(each), each.place))
    assert isinstance(provider(tmp_path / "keys.toml"), FileSecrets)


def test_fingerprints_tell_keys_apart_and_nothing_else() -> None:
    """Each follows its own key alone, and two names never share one."""
    other = replace(KEYS, storage=NEW)
    assert {name for name, value in KEYS.fingerprints().items() if other.fingerprints()[name] != value} == {"storage"}
    swapped = Keys(pseudonym=KEYS.storage, storage=KEYS.pseudonym, assignment=KEYS.assignment)
    assert not {*swapped.fingerprints().values()} - {KEYS.assignment_fingerprint()} & {*KEYS.fingerprints().values()}


def _lost(key: str) -> Keys:
    """The keys after one was lost and another put in its place."""
    return replace(KEYS, **{key: b"lost".ljust(32, b"x")})


def _of_the_table(text: str) -> list[list[str]]:
    """The rows of the table in the docstring."""
    lines = text.split("\n")
    bars = [number for number, line in enumerate(lines) if line.startswith("====")]
    starts = [match.start() for match in re.finditer("=+", lines[bars[0]])]
    return [
        [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        for line in lines[bars[1] + 1 : bars[2]]
    ]


def test_the_loss_of_each_key_is_as_documented(tmp_path: Path) -> None:
    """The table names the four keys; each of its lines is tried: what stops, what is said, what remains."""
    told_of = {row[0]: row for row in _of_the_table(str(key_providers.__doc__))}
    assert tuple(told_of) == key_providers.NAMES
    shop = Shop(tmp_path, people=10)
    shop.ingest()

    # pseudonym: refused before anything is read; the vault can be filled anew elsewhere
    with pytest.raises(SecretError, match=KEYS.fingerprints()["pseudonym"]):
        Shop(tmp_path, people=10, keys=_lost("pseudonym")).vault()
    assert "before anything is read" in told_of["pseudonym"][2]
    (tmp_path / "vault").rename(tmp_path / "away")  # the records know the key, too
    with pytest.raises(SecretError, match=KEYS.fingerprints()["pseudonym"]):
        Shop(tmp_path, people=10, keys=_lost("pseudonym")).ingest([])
    shutil.rmtree(tmp_path / "vault")
    (tmp_path / "away").rename(tmp_path / "vault")

    # storage: ids and rows stay shut, and the missing fingerprint is named; put back, everything opens
    assert "fingerprint" in told_of["storage"][2]
    without = Shop(tmp_path, people=10, keys=_lost("storage"))
    for attempt in (without.vault, without.subjects.ids, lambda: without.ingest(log_rows(10))):
        with pytest.raises(SecretError, match=KEYS.fingerprints()["storage"]):
            attempt()
    back = replace(_lost("storage"), storage_older=(KEYS.storage,))
    assert Shop(tmp_path, people=10, keys=back).rows() == shop.expected()

    # assignment: everything still opens; that each debit counts against both is in test_privacy_ledger.py
    assert Shop(tmp_path, people=10, keys=_lost("assignment")).rows() == shop.expected()
    assert "both" in told_of["assignment"][2]

    # suppression: no list without it, and a new list with a new one
    with pytest.raises(SecretError, match="suppression list"):
        KEYS.marks(["ann"])
    assert replace(KEYS, suppression=NEW).marks(["ann"]) != replace(KEYS, suppression=b"m" * 32).marks(["ann"])
