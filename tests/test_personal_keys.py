"""Three secrets, kept apart and kept secret."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.errors import NotFoundError, SecretError
from tactful.personal.ids import enrolled, pseudonyms
from tactful.personal.keys import Keys

KEYS = Keys(pseudonym=b"p" * 32, storage=b"s" * 32, assignment=b"a" * 32)
NAMES = ("pseudonym", "storage", "assignment")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """No test sees the machine's own keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("TACTFUL_SECRET_FILE", *(f"TACTFUL_{name.upper()}_KEY" for name in NAMES)):
        monkeypatch.delenv(name, raising=False)


def test_created_keys_load_again_and_are_for_the_owner_alone(tmp_path, monkeypatch):
    """From the path, from the variable that names it; the file is 0600 and is never overwritten."""
    path = tmp_path / "deep" / "keys.toml"
    made = Keys.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keys.load(path) == made
    monkeypatch.setenv("TACTFUL_SECRET_FILE", str(path))
    assert Keys.load() == made
    with pytest.raises(SecretError, match="never overwritten"):
        Keys.create(path)
    assert Keys.load(path) == made
    assert Keys.create(tmp_path / "other.toml") != made


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_open_to_others_is_refused(mode, tmp_path):
    """Whoever else may read it."""
    Keys.create(tmp_path / "keys.toml")
    (tmp_path / "keys.toml").chmod(mode)
    with pytest.raises(SecretError, match="only its owner"):
        Keys.load(tmp_path / "keys.toml")


def test_the_environment_gives_all_three_or_none(monkeypatch):
    """One missing variable is an error that names it, not a mixture with a file."""
    for name in NAMES[:2]:
        monkeypatch.setenv(f"TACTFUL_{name.upper()}_KEY", getattr(KEYS, name).hex())
    with pytest.raises(SecretError, match="lacks assignment"):
        Keys.load()
    monkeypatch.setenv("TACTFUL_ASSIGNMENT_KEY", KEYS.assignment.hex())
    assert Keys.load() == KEYS


def test_nothing_given_says_what_to_set(tmp_path):
    """Both ways are named; a file that is not there is not found."""
    with pytest.raises(SecretError, match="TACTFUL_SECRET_FILE"):
        Keys.load()
    with pytest.raises(NotFoundError):
        Keys.load(tmp_path / "none.toml")


@pytest.mark.parametrize("content", ["not toml", 'pseudonym = "zz"', "\xff"])
def test_a_malformed_file_is_refused_without_repeating_it(content, tmp_path):
    """The error tells the file, not what is in it."""
    path = tmp_path / "keys.toml"
    path.write_bytes(content.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(SecretError) as refused:
        Keys.load(path)
    assert content not in str(refused.value)


@pytest.mark.parametrize("storage", ["q" * 64, "ab" * 31, "ab" * 33, "00"])
def test_keys_are_hexadecimal_of_32_bytes(storage, monkeypatch):
    """Anything else is refused, and not repeated."""
    for name, value in zip(NAMES, ("01" * 32, storage, "02" * 32), strict=True):
        monkeypatch.setenv(f"TACTFUL_{name.upper()}_KEY", value)
    with pytest.raises(SecretError) as refused:
        Keys.load()
    assert storage not in str(refused.value)


def test_one_key_is_not_three():
    """A key used twice would link what is kept apart."""
    with pytest.raises(SecretError, match="differ"):
        Keys(pseudonym=b"p" * 32, storage=b"p" * 32, assignment=b"a" * 32)


def test_a_repr_tells_no_key():
    """In no form."""
    for name in NAMES:
        secret = getattr(KEYS, name)
        assert secret.hex() not in repr(KEYS)
        assert repr(secret)[2:-1] not in repr(KEYS)


def test_the_fingerprint_follows_the_assignment_key_alone():
    """The ledger pins it: a new assignment key shows, a new pseudonym key does not."""
    same = Keys(pseudonym=b"x" * 32, storage=b"y" * 32, assignment=KEYS.assignment)
    other = Keys(pseudonym=KEYS.pseudonym, storage=KEYS.storage, assignment=b"b" * 32)
    assert same.assignment_fingerprint() == KEYS.assignment_fingerprint() != other.assignment_fingerprint()


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_pseudonyms_are_hmac_sha256(user_id):
    """The quick way is the library's HMAC, bit for bit."""
    assert KEYS.pseudonyms([user_id]) == [hmac.new(KEYS.pseudonym, user_id.encode(), hashlib.sha256).hexdigest()[:32]]
    place = hmac.new(KEYS.assignment, user_id.encode(), hashlib.sha256).digest()[:8]
    assert KEYS.places([user_id]) == [int.from_bytes(place, "big")]


def test_assignment_is_a_persons_own():
    """Who evaluates depends on id, key and share; more share only adds people; the share is about kept."""
    ids = [f"user-{number}" for number in range(4000)]

    def evaluating(user_ids: list[str], share: float, keys: Keys = KEYS) -> set[str]:
        names, people = enrolled(user_ids, keys, share)
        return {
            i
            for i, part in zip(names["user_id"].to_pylist(), people["part"].to_pylist(), strict=True)
            if part == "evaluation"
        }

    some = evaluating(ids, 0.2)
    assert 680 < len(some) < 920
    assert evaluating(ids[::-2], 0.2) == some & set(ids[::-2])
    assert some < evaluating(ids, 0.4)
    assert evaluating(ids, 0.0) == set()
    renamed = Keys(pseudonym=b"x" * 32, storage=b"y" * 32, assignment=KEYS.assignment)
    assert evaluating(ids, 0.2, renamed) == some
    assert evaluating(ids, 0.2, Keys(pseudonym=b"x" * 32, storage=b"y" * 32, assignment=b"z" * 32)) != some


def test_missing_ids_are_nobody():
    """They get no pseudonym."""
    assert list(pseudonyms([None, "", "ann"], KEYS)) == ["ann"]
