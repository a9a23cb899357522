"""Envelopes and the keys of people: what is sealed opens with its own key, in its own place, and says nothing else."""

from __future__ import annotations

import pytest

from tactful.errors import SecretError
from tactful.records.sealing import Sealer, fingerprint
from tactful.records.subject_key import SubjectKey

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_is_sealed_opens_and_is_never_the_same_twice():
    """The value comes back; two seals of it differ; neither shows it."""
    sealer = Sealer(OLD)
    one, other = (sealer.seal(b"somebody", bound_to=b"row 1") for _ in range(2))
    assert sealer.open(one, bound_to=b"row 1") == sealer.open(other, bound_to=b"row 1") == b"somebody"
    assert one != other
    assert b"somebody" not in one + other


def test_an_older_key_still_opens_and_a_new_one_seals():
    """After a change of key both are read, and it is known which is under which."""
    before = Sealer(OLD).seal(b"x", bound_to=b"")
    both = Sealer(NEW, [OLD])
    after = both.seal(b"x", bound_to=b"")
    assert both.open(before, bound_to=b"") == both.open(after, bound_to=b"") == b"x"
    assert (both.is_current(before), both.is_current(after)) == (False, True)


def test_a_lost_key_is_named_by_its_fingerprint():
    """Nobody can open it; the error says which key is missing, and no key."""
    sealed = Sealer(OLD).seal(b"x", bound_to=b"")
    with pytest.raises(SecretError, match=fingerprint(OLD).hex()) as lost:
        Sealer(NEW).open(sealed, bound_to=b"")
    assert OLD.hex() not in str(lost.value)
    assert NEW.decode() not in repr(Sealer(NEW))


@pytest.mark.parametrize("place", [0, 1, 8, 9, 20, 21, -1])
def test_an_altered_value_does_not_open(place):
    """Whichever byte is changed: version, fingerprint, nonce, text or tag."""
    sealed = bytearray(Sealer(OLD).seal(b"somebody", bound_to=b"row"))
    sealed[place] ^= 1
    with pytest.raises(SecretError):
        Sealer(OLD).open(bytes(sealed), bound_to=b"row")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + fingerprint(OLD), b"\x01" + fingerprint(OLD) + b"0" * 12])
def test_what_was_cut_off_does_not_open(sealed):
    """And is no bug."""
    with pytest.raises(SecretError):
        Sealer(OLD).open(sealed, bound_to=b"")


def test_a_value_belongs_where_it_was_sealed():
    """What was sealed for one row cannot be put into another."""
    sealed = Sealer(OLD).seal(b"x", bound_to=b"row 1")
    with pytest.raises(SecretError, match="moved"):
        Sealer(OLD).open(sealed, bound_to=b"row 2")


@pytest.mark.parametrize("keys", [(b"short", ()), (OLD, (b"short",))])
def test_a_key_has_thirty_two_bytes(keys):
    """The current one and those before."""
    with pytest.raises(SecretError, match="32 bytes"):
        Sealer(*keys)


def test_a_person_has_one_tag_and_another_person_another():
    """The same key gives the same tag; it is not the key, and shows nowhere."""
    ann, bob = SubjectKey(b"1" * 32), SubjectKey(b"2" * 32)
    assert ann.tag == SubjectKey(b"1" * 32).tag != bob.tag
    assert len(bytes.fromhex(ann.tag)) == 16
    assert repr(ann) == "SubjectKey()"


def test_what_is_sealed_for_a_person_opens_with_their_key_alone():
    """Another person's key does not open it, nor does it open in another place."""
    ann, bob = SubjectKey.new(), SubjectKey.new()
    sealed = ann.seal({"said": ["personalization", None]})
    assert ann.open(sealed) == {"said": ["personalization", None]}
    with pytest.raises(SecretError):
        bob.open(sealed)
    with pytest.raises(SecretError):
        ann.disclose(bytes.fromhex(sealed), bound_to=b"consent")


def test_a_fingerprint_is_of_one_person_and_one_content():
    """The same content of two people has two fingerprints, so that rows of different people cannot be matched."""
    ann, bob = SubjectKey.new(), SubjectKey.new()
    assert ann.fingerprint(b"a") == ann.fingerprint(b"a")
    assert len({ann.fingerprint(b"a"), ann.fingerprint(b"b"), bob.fingerprint(b"a")}) == 3
