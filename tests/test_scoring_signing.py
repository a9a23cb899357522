"""Keys, signatures, and whose signatures count."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.errors import ConfigError, ModelRefusedError, NotFoundError, SecretError, UsageError
from tactful.scoring import strict_json
from tactful.scoring.signing import SignedDocument, load_private, new_key, public_text, write_private
from tactful.scoring.trust import Reviewers, trusted_keys

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@settings(max_examples=100, deadline=None)
@given(payload=st.dictionaries(st.text(), JSON, max_size=4))
def test_what_was_signed_verifies_after_any_journey(payload: dict[str, Any]) -> None:
    """Signed, written, read: the payload is the same and the signature holds, whatever the order of its keys was."""
    document = SignedDocument.sign(payload, PRIVATE)
    again = SignedDocument.from_json(document.to_json())
    again.verify()
    assert strict_json.canonical(dict(again.payload)) == strict_json.canonical(payload)
    backwards = SignedDocument.sign(dict(reversed(payload.items())), PRIVATE)
    assert backwards.signature == document.signature


def test_a_changed_payload_key_or_signature_does_not_verify() -> None:
    document = SignedDocument.sign({"model": "a", "n": 1}, PRIVATE)
    fields = {"payload": document.payload, "public_key": document.public_key, "signature": document.signature}
    SignedDocument(**fields).verify()
    for change in (
        {"payload": {"model": "b", "n": 1}},
        {"payload": {"model": "a", "n": True}},
        {"payload": {"model": "a", "n": 1.0}},
        {"payload": {"model": "a", "n": float("nan")}},
        {"public_key": public_text(new_key())},
        {"public_key": "ed25519:xyz"},
        {"signature": "00" * 64},
        {"signature": ""},
    ):
        with pytest.raises(ModelRefusedError):
            SignedDocument(**{**fields, **change}).verify()


def test_a_signature_for_another_purpose_does_not_count() -> None:
    """The same key, the same bytes, without tactful's prefix: no approval."""
    document = SignedDocument.sign({"model": "a"}, PRIVATE)
    bare = PRIVATE.sign(strict_json.canonical({"model": "a"})).hex()
    assert bare != document.signature
    with pytest.raises(ModelRefusedError):
        SignedDocument(payload=document.payload, public_key=document.public_key, signature=bare).verify()


def test_a_trainers_statement_is_no_decision() -> None:
    """What was signed as a candidate verifies as nothing else, and a decision is no candidate."""
    candidate = SignedDocument.sign({"decision": "approved"}, PRIVATE, purpose="candidate")
    decision = SignedDocument.sign({"decision": "approved"}, PRIVATE)
    candidate.verify(purpose="candidate")
    decision.verify(purpose="approval")
    with pytest.raises(ModelRefusedError):
        candidate.verify()
    with pytest.raises(ModelRefusedError):
        decision.verify(purpose="candidate")


def test_the_signature_stays_what_it_is() -> None:
    """A fixed key and payload give this signature for ever: approvals of today must verify tomorrow."""
    document = SignedDocument.sign({"b": [1, 2.5, "é"], "a": None}, PRIVATE)
    assert document.public_key == "ed25519:03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert strict_json.canonical({"b": [1, 2.5, "é"], "a": None}) == rb'{"a":null,"b":[1,2.5,"\u00e9"]}'
    message = b"tactful-approval-v1\0" + rb'{"a":null,"b":[1,2.5,"\u00e9"]}'
    assert document.signature == PRIVATE.sign(message).hex()


def test_signing_takes_a_copy() -> None:
    """A payload changed after signing is not the payload that was signed."""
    payload = {"inner": {"a": 1}}
    document = SignedDocument.sign(payload, PRIVATE)
    payload["inner"]["a"] = 2
    assert document.payload["inner"]["a"] == 1
    with pytest.raises(TypeError):
        document.payload["more"] = 1  # type: ignore[index]


@pytest.mark.parametrize("payload", [{"x": float("inf")}, {"x": {1, 2}}, {1: "x"}, {"x": b"bytes"}, {"x": [{2: 3}]}])
def test_only_plain_json_is_signed(payload: dict[Any, Any]) -> None:
    with pytest.raises(UsageError, match="plain JSON"):
        SignedDocument.sign(payload, PRIVATE)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d | {"more": 1},
        lambda d: {k: v for k, v in d.items() if k != "signature"},
        lambda d: d | {"payload": []},
        lambda d: d | {"signature": d["signature"].upper()},
        lambda d: d | {"signature": d["signature"] + "00"},
        lambda d: d | {"public_key": d["public_key"].upper()},
        lambda d: d | {"public_key": 1},
        lambda d: [d],
    ],
)
def test_documents_have_one_form(change: Any) -> None:
    document = json.loads(SignedDocument.sign({"a": 1}, PRIVATE).to_json())
    with pytest.raises(ModelRefusedError):
        SignedDocument.from_json(json.dumps(change(document)))


@pytest.mark.parametrize("text", ["", "{", '{"payload":{"a":1,"a":2}', "NaN", "\ud800", "[" * 200_000])
def test_what_is_no_json_is_no_document(text: str) -> None:
    with pytest.raises(ModelRefusedError):
        SignedDocument.from_json(text)


def test_repeated_keys_are_refused() -> None:
    """Otherwise one reader sees `rejected` and another `approved`, under one signature."""
    text = SignedDocument.sign({"decision": "approved"}, PRIVATE).to_json()
    twice = text.replace('{"decision":"approved"}', '{"decision":"rejected","decision":"approved"}')
    assert twice != text
    with pytest.raises(ModelRefusedError, match="not valid JSON"):
        SignedDocument.from_json(twice)


def test_a_private_key_is_its_owners(tmp_path: Path) -> None:
    """Written for the owner alone, never over another file, and read back only while that is so."""
    path = tmp_path / "reviewer.key"
    key = new_key()
    write_private(key, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_text(load_private(path)) == public_text(key)
    with pytest.raises(SecretError, match="new file"):
        write_private(new_key(), path)
    assert public_text(load_private(path)) == public_text(key)
    for mode in (0o640, 0o604, 0o620, 0o601):
        path.chmod(mode)
        with pytest.raises(SecretError, match="owner alone"):
            load_private(path)
    with pytest.raises(SecretError, match="folder"):
        write_private(new_key(), tmp_path / "no" / "such")


def test_what_is_no_private_key(tmp_path: Path) -> None:
    """Missing, a folder, rubbish, a key of another kind, a key under a password; and the message shows none of it."""
    other = X25519PrivateKey.generate()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = new_key().private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"secret"))
    contents = [b"", b"secret rubbish", other.private_bytes(pem, pkcs8, serialization.NoEncryption()), locked]
    for number, content in enumerate(contents):
        path = tmp_path / str(number)
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SecretError, match="Ed25519") as error:
            load_private(path)
        assert "secret" not in str(error.value)
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(SecretError):
            load_private(path)


def reviewers_file(path: Path, *entries: tuple[str, str], head: str = "") -> Path:
    tables = [f'[[reviewer]]\nname = "{name}"\npublic_key = "{key}"\n' for name, key in entries]
    path.write_text(head + "\n" + "\n".join(tables), encoding="utf-8")
    return path


A, B = public_text(PRIVATE), "ed25519:" + "0" * 64


def test_keys_come_from_the_argument_then_the_variable_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = reviewers_file(tmp_path / "named.toml", ("Ada", A), ("Bo", B), head="approval_valid_days = 30")
    (tmp_path / "configs").mkdir()
    reviewers_file(tmp_path / "configs" / "reviewers.toml", ("Bo", B))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TACTFUL_TRUSTED_KEYS", raising=False)
    assert trusted_keys() == {B}
    assert Reviewers.load().approval_valid_days == 180
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(named))
    assert trusted_keys(None) == {A, B}
    assert Reviewers.load() == Reviewers(names={A: "Ada", B: "Bo"}, approval_valid_days=30)
    assert trusted_keys(tmp_path / "configs" / "reviewers.toml") == trusted_keys("configs/reviewers.toml") == {B}
    assert trusted_keys([A]) == trusted_keys(A) == {A}


def test_nobody_to_trust_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TACTFUL_TRUSTED_KEYS", raising=False)
    for source in (None, [], reviewers_file(tmp_path / "empty.toml")):
        with pytest.raises(ModelRefusedError, match="trusted reviewer"):
            trusted_keys(source)
    with pytest.raises(NotFoundError):
        trusted_keys(tmp_path / "missing.toml")
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", "missing.toml")
    with pytest.raises(NotFoundError):
        trusted_keys()


@pytest.mark.parametrize(
    "text",
    [
        "reviewer = 1",
        "[[reviewer]]\nname = 'Ada'",
        f"[[reviewer]]\nname = ''\npublic_key = '{A}'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A[:-1]}'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A.upper()}'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\nadmin = true",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\n" * 2,
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\n[[reviewer]]\nname = 'Bo'\npublic_key = '{A}'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\n[[reviewer]]\nname = 'Ada'\npublic_key = '{B}'",
        "aproval_valid_days = 3",
        "approval_valid_days = 0",
        "approval_valid_days = '180'",
        "approval_valid_days = true",
        "not toml",
        "approvals_needed = 0",
        "approvals_needed = true",
        "approvals_needed = 1.5",
        "approval_needed = 2",
        "models = 2",
        "[models]\ngrocery = 2",
        "[models.grocery]\napprovals_needed = 0",
        "[models.grocery]\napproval_needed = 2",
        "[models.grocery]\napprovals_needed = 2\nowner = 'Ada'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\nroles = 'approve'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\nroles = ['aprove']",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\nmodels = 'grocery'",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\nmodels = [1]",
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\napprovals_needed = 2",
    ],
)
def test_a_reviewers_file_says_nothing_else(tmp_path: Path, text: str) -> None:
    """A misspelt key is an error, not a reviewer less; one key under two names is one person approving twice."""
    path = tmp_path / "reviewers.toml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        Reviewers.load(path)


def test_a_reviewers_file_says_who_decides_what_and_how_many_must(tmp_path: Path) -> None:
    """Roles and models limit a reviewer, a model may need more; what is not said limits nobody."""
    text = (
        "approvals_needed = 2\n[models.grocery]\napprovals_needed = 3\n"
        f"[[reviewer]]\nname = 'Ada'\npublic_key = '{A}'\nroles = ['approve']\nmodels = ['grocery']\n"
        f"[[reviewer]]\nname = 'Bo'\npublic_key = '{B}'\nroles = []\n"
    )
    path = tmp_path / "reviewers.toml"
    path.write_text(text)
    found = Reviewers.load(path)
    assert (found.needed("grocery"), found.needed("films")) == (3, 2)
    assert found.may(A, "approve", "grocery")
    assert not found.may(A, "reject", "grocery")
    assert not found.may(A, "approve", "films")
    assert not found.may(B, "retire", "grocery")
    path.write_text(text.replace("roles = []\n", ""))
    assert Reviewers.load(path).may(B, "retire", "films")
    assert not found.may("ed25519:" + "1" * 64, "approve", "grocery")
    assert Reviewers.of([A]).may(A, "reject", "anything")
    assert Reviewers.of([A]).needed("anything") == 1


def test_keys_given_directly_are_checked() -> None:
    with pytest.raises(ConfigError):
        trusted_keys(["ed25519:abc"])
    with pytest.raises(ConfigError):
        trusted_keys("ed25519:abc")


def test_the_digest_names_what_was_signed() -> None:
    """It is the SHA-256 of the payload's canonical bytes, so a stranger can compute it; any change gives another."""
    document = SignedDocument.sign({"b": [1, None], "a": "\u00e9"}, new_key())
    assert document.digest == hashlib.sha256(b'{"a":"\\u00e9","b":[1,null]}').hexdigest()
    assert SignedDocument.from_json(document.to_json()).digest == document.digest
    assert SignedDocument.sign({"b": [1, None], "a": "e"}, new_key()).digest != document.digest


def test_documents_beside_another_are_read_and_verified_with_it() -> None:
    """They travel in one file, and one altered signature spoils it all; a signature for another purpose does too."""
    first, last = (SignedDocument.sign({"n": n}, new_key()) for n in (1, 2))
    whole = SignedDocument.from_json(replace(last, beside=(first,)).to_json())
    whole.verify()
    assert (whole.beside, whole.digest) == ((first,), last.digest)
    for bad in (
        replace(first, signature=last.signature),
        SignedDocument.sign({"n": 1}, new_key(), purpose="candidate"),
    ):
        with pytest.raises(ModelRefusedError, match="signature must fit"):
            replace(last, beside=(bad,)).verify()
