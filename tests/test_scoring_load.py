"""`Recommender.load` serves what a trusted reviewer approved, and refuses everything else, each for its own reason."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_world import NOW, approve, checkerboard, meta, payload, publish
from tactful.errors import ModelRefusedError, NotFoundError
from tactful.scoring import Recommender, recommender
from tactful.scoring.artifact import read_artifact, write_artifact
from tactful.scoring.seen import SeenSequences, seen_place
from tactful.scoring.signing import SignedDocument, new_key, public_text

FILES = ["approval.json", "manifest.json", *(f"{name}.npy" for name in checkerboard())]


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts as a process that has seen no approval."""
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    monkeypatch.delenv("TACTFUL_SEEN_FILE", raising=False)


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return new_key()


def load(folder: Path, key: Ed25519PrivateKey, *, at: datetime = NOW, **options: Any) -> Recommender:
    return Recommender.load(folder, trusted_keys=[public_text(key)], now=lambda: at, **options)


def test_an_approved_model_loads(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    model = load(publish(tmp_path / "a", key), key)
    assert (model.model, model.version) == ("tiny", "3")
    assert model.expires_at == NOW + timedelta(days=179)
    assert model.recommend(["100"], 1, profiling=True).version == "3"
    assert repr(model) == "Recommender(tiny version 3: ItemModel(12 items, 8 in the head, rank 2))"


@pytest.mark.parametrize("where", [0, 0.2, 0.4, 0.6, 0.8, -1])
@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_refuses_the_model(tmp_path: Path, key: Ed25519PrivateKey, name: str, where: float) -> None:
    """Any bit of any file: the approval, the manifest, the arrays."""
    path = publish(tmp_path / "a", key) / name
    raw = bytearray(path.read_bytes())
    raw[int(where * len(raw)) if 0 < where < 1 else int(where)] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ModelRefusedError):
        load(path.parent, key)


def test_every_bit_of_the_approval_counts(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """There is no byte of approval.json whose lowest bit may change."""
    folder = publish(tmp_path / "a", key)
    raw = (folder / "approval.json").read_bytes()
    accepted = []
    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        (folder / "approval.json").write_bytes(changed)
        try:
            load(folder, key)
            accepted.append(index)
        except ModelRefusedError:
            pass
    assert accepted == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"decision": "rejected"}, "the decision was"),
        ({"decision": "Approved"}, "the decision was"),
        ({"manifest_digest": "0" * 64}, "the one that was approved"),
        ({"manifest_digest": "short"}, "of a kind"),
        ({"schema": 2}, "of a kind"),
        ({"schema": True}, "of a kind"),
        ({"sequence": -1}, "of a kind"),
        ({"sequence": 1.0}, "of a kind"),
        ({"sequence": True}, "of a kind"),
        ({"version": 3}, "of a kind"),
        ({"reason": None}, "of a kind"),
        ({"expires_at": NOW.isoformat()}, "expired"),
        ({"expires_at": (NOW - timedelta(days=1)).isoformat()}, "expired"),
        ({"expires_at": "2027-01-01T00:00:00"}, "when it ends"),
        ({"expires_at": "never"}, "when it ends"),
        ({"approved_at": ""}, "when it was given"),
        ({"approved_at": (NOW + timedelta(days=2)).isoformat()}, "given before now"),
        ({"approved_at": "2026-01-01T00:00:00+00:00", "expires_at": "9999-12-31T00:00:00-12:00"}, "expired"),
        ({"model": "another"}, "another model"),
    ],
)
def test_a_signed_document_that_is_no_approval_of_this(
    tmp_path: Path, key: Ed25519PrivateKey, changes: dict[str, Any], reason: str
) -> None:
    """Signature and signer are right, and still the content must be an approval of this model that holds."""
    digest = write_artifact(tmp_path / "a", checkerboard(), meta=meta())
    document = SignedDocument.sign(payload(digest) | changes, key)
    (tmp_path / "a" / "approval.json").write_text(document.to_json())
    with pytest.raises(ModelRefusedError, match=reason):
        load(tmp_path / "a", key)


def test_each_field_is_needed(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    digest = write_artifact(tmp_path / "a", checkerboard(), meta=meta())
    for name in ("schema", "model", "version", "manifest_digest", "decision", "sequence", "approved_at", "expires_at"):
        lacking = {k: v for k, v in payload(digest).items() if k != name}
        (tmp_path / "a" / "approval.json").write_text(SignedDocument.sign(lacking, key).to_json())
        with pytest.raises(ModelRefusedError, match="of a kind"):
            load(tmp_path / "a", key)


def test_unsigned(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    folder = publish(tmp_path / "a", key)
    (folder / "approval.json").unlink()
    with pytest.raises(ModelRefusedError, match=r"there is no approval\.json"):
        load(folder, key)


def test_a_signature_by_somebody_else(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Well signed by a key that nobody trusts; and a trusted key's name over somebody else's signature."""
    folder = publish(tmp_path / "a", new_key())
    with pytest.raises(ModelRefusedError, match="the signer is not one"):
        load(folder, key)
    document = json.loads((folder / "approval.json").read_text())
    (folder / "approval.json").write_text(json.dumps(document | {"public_key": public_text(key)}))
    with pytest.raises(ModelRefusedError, match="signature must fit"):
        load(folder, key)


def test_an_approval_moved_to_another_model(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """The approval of one artifact does not approve another."""
    approved = publish(tmp_path / "a", key)
    other = checkerboard()
    other["base"][0] += 1
    write_artifact(tmp_path / "b", other, meta=meta())
    (tmp_path / "b" / "approval.json").write_bytes((approved / "approval.json").read_bytes())
    with pytest.raises(ModelRefusedError, match="the one that was approved"):
        load(tmp_path / "b", key)


def test_a_linked_approval_is_refused(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    folder = publish(tmp_path / "a", key)
    (folder / "approval.json").rename(tmp_path / "approval.json")
    (folder / "approval.json").symlink_to(tmp_path / "approval.json")
    with pytest.raises(ModelRefusedError, match="link"):
        load(folder, key)


@pytest.mark.parametrize("noise", ["reproducible", None, "System"])
def test_reproducible_noise_is_never_served(tmp_path: Path, key: Ed25519PrivateKey, noise: Any) -> None:
    """Not even if somebody approved it."""
    with pytest.raises(ModelRefusedError, match="noise"):
        load(publish(tmp_path / "a", key, meta_changes={"noise": noise}), key)


def test_it_expires(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """It loads to the last moment before, and not from then on."""
    folder = publish(tmp_path / "a", key)
    end = NOW + timedelta(days=179)
    load(folder, key, at=end - timedelta(seconds=1))
    with pytest.raises(ModelRefusedError, match="expired"):
        load(folder, key, at=end)


def test_it_expires_when_the_reader_says(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """An approval for longer ends after the days of the reviewers' file, and after 180 days where keys are given."""
    given = NOW - timedelta(days=1)
    folder = publish(tmp_path / "a", key, expires_at="9999-12-31T23:59:59+00:00")
    assert load(folder, key).expires_at == given + timedelta(days=180)
    with pytest.raises(ModelRefusedError, match="expired"):
        load(folder, key, at=given + timedelta(days=180))
    reviewers = tmp_path / "reviewers.toml"
    listed = f'[[reviewer]]\nname = "Ada"\npublic_key = "{public_text(key)}"\n'
    for days, end in ((30, given + timedelta(days=30)), (10**12, datetime.fromisoformat("9999-12-31T23:59:59+00:00"))):
        reviewers.write_text(f"approval_valid_days = {days}\n{listed}")
        assert Recommender.load(folder, trusted_keys=reviewers, now=lambda: NOW).expires_at == end


@pytest.mark.parametrize("trainer", [None, "", "Ada", 7, "own key", "left out"])
def test_two_people_made_it(tmp_path: Path, key: Ed25519PrivateKey, trainer: Any) -> None:
    """A model whose trainer is unknown, or approved it, is not served, though its signature is a trusted one."""
    facts = meta(trainer=public_text(key) if trainer == "own key" else trainer)
    if trainer == "left out":
        del facts["trainer"]
    digest = write_artifact(tmp_path / "a", checkerboard(), meta=facts)
    approve(tmp_path / "a", digest, key)
    with pytest.raises(ModelRefusedError, match=r"a served model was (trained|approved) by"):
        load(tmp_path / "a", key)
    assert Recommender.unapproved(read_artifact(tmp_path / "a")).version == "unapproved"


def test_an_earlier_approval_is_not_served_again(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Once number 2 was seen, number 1 of the same model is refused; number 2 and other models load."""
    first, second = (publish(tmp_path / str(n), key, sequence=n) for n in (1, 2))
    load(first, key)
    load(second, key)
    with pytest.raises(ModelRefusedError, match="seen was 2"):
        load(first, key)
    load(second, key)
    load(publish(tmp_path / "other", key, model="other", sequence=1), key)


def test_a_refused_model_does_not_count_as_seen(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """An altered copy with a high number must not lock out the true one."""
    high, low = publish(tmp_path / "high", key, sequence=9), publish(tmp_path / "low", key, sequence=1)
    (high / "base.npy").write_bytes(b"")
    with pytest.raises(ModelRefusedError):
        load(high, key)
    load(low, key)


def test_what_was_seen_can_outlive_the_process(
    tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a file named, by argument or environment, a new process refuses the rollback as well."""
    first, second = (publish(tmp_path / str(n), key, sequence=n) for n in (1, 2))
    seen = tmp_path / "seen.json"
    load(second, key, seen_file=seen)
    assert json.loads(seen.read_text()) == {"tiny": 2}
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    with pytest.raises(ModelRefusedError, match="seen was 2"):
        load(first, key, seen_file=seen)
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(seen))
    with pytest.raises(ModelRefusedError, match="seen was 2"):
        load(first, key)
    monkeypatch.delenv("TACTFUL_SEEN_FILE")
    load(first, key)


def test_a_rejection_that_was_met_is_remembered(
    tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old approval put back in its place does not load, here or in a new process; an earlier version does."""
    folder, seen = publish(tmp_path / "a", key, sequence=2), tmp_path / "seen.json"
    other = publish(tmp_path / "b", key, meta_changes={"created": "later"}, sequence=1)
    digest, before = read_artifact(folder).manifest_digest, (folder / "approval.json").read_bytes()
    approve(folder, digest, key, decision="rejected", approved_at="", sequence=3)
    with pytest.raises(ModelRefusedError, match="the decision was"):
        load(folder, key, seen_file=seen)
    (folder / "approval.json").write_bytes(before)
    for _ in range(2):
        with pytest.raises(ModelRefusedError, match="a rejection of this version of tiny was seen"):
            load(folder, key, seen_file=seen)
        monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    load(other, key, seen_file=seen)
    assert json.loads(seen.read_text()) == {"tiny": 1, f"tiny/{digest}": 3}


def test_a_rejection_by_a_stranger_is_nothing(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Otherwise anybody could end a model for good."""
    folder = publish(tmp_path / "a", key)
    before = (folder / "approval.json").read_bytes()
    approve(folder, read_artifact(folder).manifest_digest, new_key(), decision="rejected", sequence=9)
    with pytest.raises(ModelRefusedError, match="the signer is not one"):
        load(folder, key)
    (folder / "approval.json").write_bytes(before)
    load(folder, key)


def test_where_what_was_seen_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As asked, else as the environment says, else beside the store; nowhere if no store was asked or may be written.

    A remote store has no folder here: `models/` of the working folder serves, if there is one.
    """
    monkeypatch.chdir(tmp_path)
    beside = f"sqlite:///{tmp_path}/mlflow.db"
    assert seen_place(store=beside) == tmp_path / "seen.json"
    assert seen_place(store="sqlite:///models/mlflow.db") is None
    assert seen_place(store="https://mlflow.example") is None
    (tmp_path / "models").mkdir()
    for store in ("sqlite:///models/mlflow.db", "https://mlflow.example"):
        assert seen_place(store=store) == Path("models/seen.json")
    assert seen_place() is None
    monkeypatch.setattr("os.access", lambda *_: False)
    assert seen_place(store=beside) is None
    monkeypatch.setenv("TACTFUL_SEEN_FILE", "named.json")
    assert seen_place(store=beside) == seen_place() == Path("named.json")
    assert seen_place("mine.json", store=beside) == Path("mine.json")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tiny": "2"}', '{"tiny": 1, "tiny": 3}'])
def test_a_broken_file_of_what_was_seen_refuses(tmp_path: Path, key: Ed25519PrivateKey, text: str) -> None:
    """A rollback cannot be ruled out then; the file is left as it was."""
    folder = publish(tmp_path / "a", key)
    (tmp_path / "seen.json").write_text(text)
    with pytest.raises(ModelRefusedError, match="seen approvals"):
        load(folder, key, seen_file=tmp_path / "seen.json")
    assert (tmp_path / "seen.json").read_text() == text
    with pytest.raises(ModelRefusedError, match="seen approvals"):
        load(folder, key, seen_file=tmp_path / "no" / "seen.json")


def test_what_was_seen_only_rises_under_concurrency(tmp_path: Path) -> None:
    """Many memories, one file: the highest number of each model stays."""
    seen = tmp_path / "seen.json"

    def admit(number: int) -> None:
        try:
            SeenSequences().admit(f"model-{number % 3}", number, digest="0" * 64, file=seen)
        except ModelRefusedError:
            assert number < json.loads(seen.read_text())[f"model-{number % 3}"]

    threads = [threading.Thread(target=admit, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads(seen.read_text()) == {"model-0": 27, "model-1": 28, "model-2": 29}


def test_nothing_is_trusted_by_default(tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no key named anywhere, every model is refused."""
    folder = publish(tmp_path / "a", key)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TACTFUL_TRUSTED_KEYS", raising=False)
    with pytest.raises(ModelRefusedError, match=r"no configs/reviewers\.toml"):
        Recommender.load(folder, now=lambda: NOW)


def test_addresses_that_lead_nowhere(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "nothing", tmp_path / "empty"):
        with pytest.raises(NotFoundError, match=r"manifest\.json"):
            load(folder, key)


def test_a_saved_mlflow_folder_loads(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """The folder that MLflow saves around an artifact loads like it; with two artifacts inside it is unclear."""
    artifact = publish(tmp_path / "saved" / "data" / "tiny", key)
    (tmp_path / "saved" / "MLmodel").write_text("flavors: {}")
    assert load(tmp_path / "saved", key).model == load(artifact, key).model == "tiny"
    publish(tmp_path / "saved" / "data" / "second", key)
    with pytest.raises(NotFoundError):
        load(tmp_path / "saved", key)


@pytest.mark.parametrize(
    ("name", "noted", "loads"),
    [
        ("tiny", None, True),
        ("other", None, False),
        ("tiny", "model_name: tiny\nmodel_version: '3'\n", True),
        ("tiny", "model_name: tiny\nmodel_version: 3\n", True),
        ("tiny", "model_name: null\nmodel_version: null\n", True),
        ("tiny", "model_name: other\nmodel_version: '3'\n", False),
        ("tiny", "model_name: tiny\nmodel_version: '4'\n", False),
    ],
)
def test_a_saved_folder_names_the_model(
    tmp_path: Path, key: Ed25519PrivateKey, name: str, noted: str | None, loads: bool
) -> None:
    """The approval must be of the name the artifact has there, or the one and the version that MLflow noted."""
    artifact = publish(tmp_path / "saved" / "data" / name, key)
    (tmp_path / "saved" / "MLmodel").write_text("flavors: {}")
    if noted:
        (tmp_path / "saved" / "registered_model_meta").write_text(noted)
    for folder in (artifact, tmp_path / "saved"):
        if loads:
            assert load(folder, key).model == "tiny"
        else:
            with pytest.raises(ModelRefusedError, match="of another model"):
                load(folder, key)


def test_reading_alone_is_no_approval(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """A candidate can be looked at, and its answers say that nobody approved it."""
    write_artifact(tmp_path / "a", checkerboard(), meta=meta())
    model = Recommender.unapproved(read_artifact(tmp_path / "a"))
    assert model.recommend([], profiling=False).version == "unapproved"
    assert model.expires_at is None
    approve(tmp_path / "a", read_artifact(tmp_path / "a").manifest_digest, key)
    assert load(tmp_path / "a", key).version == "3"


def test_importing_is_light() -> None:
    """Scoring loads none of the heavy libraries and no other room of tactful."""
    code = "import sys, tactful.scoring; print(*sorted({m.split('.')[0] for m in sys.modules}), *sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {"mlflow", "pandas", "sklearn", "scipy", "pyarrow", "sqlalchemy", "duckdb", "pydantic", "yaml", "numba"}
    assert not loaded & heavy
    rooms = {name.split(".")[1] for name in loaded if name.startswith("tactful.")}
    assert rooms == {"errors", "scoring"}
