"""The files of one version as MLflow holds them: the artifact, the decision beside it, and what MLflow wrote itself."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import yaml

from tactful.assurance.model_book import Book, CandidateEntry
from tactful.assurance.registry import Registry
from tactful.assurance.registry_folder import REQUIREMENTS
from tactful.assurance.verification_findings import Findings
from tactful.errors import ModelRefusedError
from tactful.scoring.artifact import APPROVAL, file_digest, read_artifact, read_document
from tactful.scoring.manifest import MANIFEST, Entry, parse_manifest
from tactful.scoring.recommender import Recommender
from tactful.scoring.signing import SignedDocument

_OWN = frozenset({"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"})
"""What MLflow writes into the folder of a model beside the artifact."""
_SERVED = "registered_model_meta"
"""What MLflow adds to the folder of a registered version when it serves it: its name and number."""
_INSTALLS = re.compile(
    r"channels:|dependencies:|build_dependencies:|name: [\w-]+|(- )?python(=|: )[\d.]+|- conda-forge|- pip:"
    r"|- -r requirements\.txt|- (pip|setuptools|wheel)([<=]=[\w.]+)?|(- )?mlflow(-skinny)?==(?P<mlflow>[\w.+]+)"
    rf"|(- )?({'|'.join(map(re.escape, REQUIREMENTS))})"
)
"""The lines by which MLflow installs what a model needs, and nothing else."""


def check_files(folder: Path, registry: Registry, book: Book, entry: CandidateEntry, findings: Findings) -> None:
    """Each file of the folder that MLflow loads is as it was journalled; what is not is among the findings."""
    version = str(entry.candidate.version)
    if not (folder / "MLmodel").exists():
        findings.add("artifact_missing", "the files of the model are not there", version=version)
        return
    try:
        read_document(folder / "MLmodel")
        artifact = registry.artifact_in(folder, entry.candidate.model, version)
    except ModelRefusedError as error:
        findings.add("mlmodel_altered", error.given, version=version)
        return
    _check_environment(folder, artifact, entry, findings)
    if not artifact.is_dir() or artifact.is_symlink():
        findings.add("artifact_missing", "the folder of the artifact is not there", version=version)
        return
    _check_artifact(artifact, entry, findings)
    _check_decision(artifact / APPROVAL, book, entry, findings)


def _check_environment(folder: Path, artifact: Path, entry: CandidateEntry, findings: Findings) -> None:
    """MLflow's own files are those that it wrote, and ask for nothing but tactful and MLflow as it was then."""
    version, mlflow = str(entry.candidate.version), _mlflow_version(folder)
    for path in sorted(p for p in folder.rglob("*") if not _is_folder(p) and not p.is_relative_to(artifact)):
        name = path.relative_to(folder).as_posix()
        what = ""
        if name == _SERVED:
            what = "" if _names(path, entry) else f"{name} does not hold this model's name and version alone"
        elif name not in _OWN:
            what = f"{name} was added to the files of the model"
        elif name != "MLmodel" and not _installs_tactful_alone(path, mlflow):
            what = f"{name} asks MLflow to install something else than tactful, or another MLflow than wrote it"
        if what:
            findings.add("environment_altered", what, version=version)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _names(path: Path, entry: CandidateEntry) -> bool:
    """Whether this is what MLflow notes when it serves this very version, which takes nothing from it."""
    try:
        told = yaml.safe_load(read_document(path, at_most=1000))
    except (ModelRefusedError, yaml.YAMLError, ValueError, RecursionError):
        return False
    wanted = {"model_name": entry.candidate.model, "model_version": str(entry.candidate.version)}
    return isinstance(told, dict) and {name: str(value) for name, value in told.items()} == wanted


def _mlflow_version(folder: Path) -> str:
    """The MLflow that wrote the files, as it says itself; one that loads what it wrote is of version 3 or later."""
    found = re.search(rb"^mlflow_version: ([3-9]\.[\w.+]+)$", read_document(folder / "MLmodel"), re.MULTILINE)
    return found[1].decode() if found else ""


def _installs_tactful_alone(path: Path, mlflow: str) -> bool:
    try:
        text = read_document(path).decode("utf-8", errors="replace")
    except ModelRefusedError:
        return False
    found = [_INSTALLS.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    return all(each is not None and each["mlflow"] in {None, mlflow} for each in found)


def _check_artifact(folder: Path, entry: CandidateEntry, findings: Findings) -> None:
    """The manifest against the journal, every array against the manifest, and all of it fit to be served."""
    version, before = str(entry.candidate.version), len(findings.mismatches)
    try:
        raw = read_document(folder / MANIFEST)
        if hashlib.sha256(raw).hexdigest() != entry.manifest_digest:
            findings.add("manifest_altered", f"{MANIFEST} is not the one that was journalled", version=version)
        _check_arrays(folder, raw, findings, version)
    except ModelRefusedError as error:
        findings.add("manifest_altered", error.given, version=version)
    try:
        artifact = read_artifact(folder)
        Recommender.unapproved(artifact)
    except ModelRefusedError as error:
        if len(findings.mismatches) == before:
            findings.add("artifact_unusable", error.given, version=version)
        return
    facts = (artifact.meta.get("model"), artifact.meta.get("noise"), artifact.meta.get("trainer"))
    if facts != (entry.candidate.model, entry.noise, entry.trainer):
        what = "the artifact says another name, noise or trainer than the journal"
        findings.add("artifact_unusable", what, version=version)


def _check_arrays(folder: Path, manifest: bytes, findings: Findings, version: str) -> None:
    """Every array is the file that the manifest promises, and there is none more."""
    entries, _ = parse_manifest(manifest)
    findings.count("arrays", len(entries))
    for name, entry in entries.items():
        path = folder / f"{name}.npy"
        if not path.exists() and not path.is_symlink():
            findings.add("array_missing", f"{path.name} is not there", version=version)
        elif not _is_promised(path, entry):
            findings.add("array_altered", f"{path.name} is not the file that the manifest promises", version=version)
    expected = {MANIFEST, APPROVAL, *(f"{name}.npy" for name in entries)}
    for name in sorted({path.name for path in folder.iterdir()} - expected):
        findings.add("array_added", f"{name} was added to the artifact", version=version)


def _is_promised(path: Path, entry: Entry) -> bool:
    try:
        return file_digest(path, size=entry.bytes) == entry.sha256
    except ModelRefusedError:
        return False


def _check_decision(path: Path, book: Book, entry: CandidateEntry, findings: Findings) -> None:
    """What lies beside the manifest is the journal's last decision that counts, with those who signed with it."""
    published, version = book.published(entry), str(entry.candidate.version)
    if not path.exists() and not path.is_symlink():
        if published is not None:
            what = f"the journal has a decision about it and there is no {APPROVAL}"
            findings.add("approval_missing", what, version=version)
        return
    findings.count("decisions")
    try:
        found = SignedDocument.from_json(read_document(path))
    except ModelRefusedError as error:
        findings.add("approval_altered", f"{APPROVAL} is no signed decision: {error.given}", version=version)
        return
    if published is not None and found.to_json() == published.published.to_json():
        return
    _tell_other(found, book, entry, findings)


def _tell_other(found: SignedDocument, book: Book, entry: CandidateEntry, findings: Findings) -> None:
    """Which decision lies beside the manifest in place of the right one."""
    version, number = str(entry.candidate.version), found.payload.get("sequence")
    known = any(found.to_json() == each.published.to_json() for each in book.decisions)
    if book.published(entry) is None:
        what = f"there is an {APPROVAL}, and the journal has no decision about it that counts"
        findings.add("approval_unexpected", what, version=version)
    elif known:
        what = f"{APPROVAL} is an earlier decision, or another version's"
        findings.add("approval_not_latest", what, version=version)
    else:
        findings.add("approval_altered", f"{APPROVAL} is not the decision that was journalled", version=version)
    highest = book.next_sequence(entry.candidate.model) - 1
    if type(number) is int and number > highest and _verifies(found):
        what = f"{APPROVAL} is a signed decision of number {number}, and the journal ends at {highest}"
        findings.add("journal_behind", what, version=version)


def _verifies(document: SignedDocument) -> bool:
    try:
        document.verify()
    except ModelRefusedError:
        return False
    return True
