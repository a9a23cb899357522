"""One version as MLflow holds it, against what the journal says of it: bytes, documents, decision, figures and tags."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tactful.assurance.figures import FIGURES, Figures, as_shown
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import REQUIREMENTS, Registry
from tactful.assurance.registry_store import RegisteredVersion, ShownFigures
from tactful.assurance.verification_findings import Findings
from tactful.errors import ModelRefusedError, NotFoundError, TactfulError
from tactful.scoring import strict_json
from tactful.scoring.artifact import APPROVAL, read_artifact, read_document
from tactful.scoring.manifest import MANIFEST, parse_manifest
from tactful.scoring.recommender import Recommender
from tactful.scoring.signing import SignedDocument

_OWN = frozenset({"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"})
"""What MLflow writes into the folder of a model beside the artifact."""
_INSTALLS = re.compile(
    r"(channels:|dependencies:|build_dependencies:|name: [\w-]+|(- )?python(=|: )[\d.]+"
    r"|- (conda-forge|pip:|-r requirements\.txt|(pip|setuptools|wheel)([<=]=[\d.]+)?)"
    rf"|(- )?(mlflow==[\w.]+|{'|'.join(map(re.escape, REQUIREMENTS))}))"
)
"""The lines by which MLflow installs what a model needs, and nothing else."""


class VersionCheck:
    """One candidate of the journal, and what is compared with it.

    Parameters
    ----------
    registry : Registry
    book : Book
    entry : CandidateEntry
    shown : RegisteredVersion or None
        What MLflow shows under its number, if anything.
    findings : Findings
        Where mismatches go.
    """

    def __init__(
        self,
        registry: Registry,
        book: Book,
        entry: CandidateEntry,
        shown: RegisteredVersion | None,
        findings: Findings,
    ) -> None:
        self.registry, self.book, self.entry, self.shown, self.findings = registry, book, entry, shown, findings
        self.version = str(entry.candidate.version)

    def run(self) -> None:
        """Everything is compared; each mismatch is among the findings.

        Raises
        ------
        UsageError
            MLflow cannot be reached.
        """
        self.findings.count("versions")
        figures = self._documents()
        self._run(figures)
        self._logged_model(figures)
        if self.shown is None:
            if self.entry.candidate.version is not None:
                self._add("version_missing", "MLflow has no version of this number any more, or never showed it")
            return
        self._place(self.shown)
        self._tags(self.shown.tags, figures, "the version")
        self._status(self.shown)
        self._files()

    def _add(self, name: str, what: str) -> None:
        self.findings.add(name, what, version=self.version)

    @contextmanager
    def _missing(self, name: str, what: str) -> Iterator[None]:
        """What MLflow does not have is missing, and the rest is compared still."""
        try:
            yield
        except (NotFoundError, OSError) as error:
            self._add(name, f"{what}: {error.given if isinstance(error, TactfulError) else 'a file is not there'}")

    def _documents(self) -> Figures:
        """Every document of the run against its digest; the figures of the training, where that document is right."""
        files: Mapping[str, bytes] = {}
        with self._missing("document_missing", "the documents of the run cannot be read"):
            files = self.registry.run_files(self.entry.candidate.run_id)
        digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
        self.findings.count("documents", len(self.entry.documents))
        for name, digest in self.entry.documents.items():
            if name not in digests:
                self._add("document_missing", f"{name} is not in MLflow any more")
            elif digests[name] != digest:
                self._add("document_altered", f"{name} is not the document that was journalled")
        for name in sorted(set(digests) - set(self.entry.documents)):
            self._add("document_added", f"{name} was added after the training")
        right = FIGURES in digests and digests[FIGURES] == self.entry.documents.get(FIGURES)
        return Figures.parse(files[FIGURES]) if right else Figures.of_verdicts(self.entry.verdicts, self.entry.noise)

    def _run(self, figures: Figures) -> None:
        """The run is there, and shows the figures and tags of the training."""
        with self._missing("run_missing", "MLflow has no such run any more"):
            shown = self.registry.run(self.entry.candidate.run_id)
            if shown.deleted:
                self._add("run_deleted", "the run was deleted in MLflow")
            self._figures(shown, figures, "the run")
            self._compare("figure", "the run shows the parameter", as_shown(figures.params), shown.params)
            self._tags(shown.tags, figures, "the run")

    def _logged_model(self, figures: Figures) -> None:
        """The logged model is there, and shows the figures and tags of the training."""
        with self._missing("logged_model_missing", "MLflow has no such logged model any more"):
            shown = self.registry.logged_model(self.entry.candidate.model_id)
            self._figures(shown, figures, "the logged model")
            self._tags(shown.tags, figures, "the logged model")

    def _figures(self, shown: ShownFigures, figures: Figures, where: str) -> None:
        self.findings.count("figures", len(shown.metrics))
        for name, value in figures.metrics.items():
            found = shown.metrics.get(name)
            if found is None or not math.isclose(found, value, rel_tol=1e-12):
                self._add("figure_differs", f"{where} shows {name} = {found}; it was {value!r}")
        for name in sorted(set(shown.metrics) - set(figures.metrics)) if figures.whole else ():
            self._add("figure_added", f"{where} shows {name}, which the training did not")

    def _tags(self, shown: Mapping[str, str], figures: Figures, where: str) -> None:
        self._compare("tag", f"{where} has the tag", figures.tags, shown)
        for name in sorted(set(shown) - set(figures.tags)):
            if name.startswith("verdict."):
                self._add("tag_differs", f"{where} has the tag {name}, a rule by which nothing was judged")

    def _compare(self, kind: str, where: str, wanted: Mapping[str, str], shown: Mapping[str, str]) -> None:
        self.findings.count(f"{kind}s", len(wanted))
        for name, value in wanted.items():
            if shown.get(name) != value:
                self._add(f"{kind}_differs", f"{where} {name}: {shown.get(name, 'none')}; it was {value}")

    def _place(self, shown: RegisteredVersion) -> None:
        """The version names the run and the logged model of the training."""
        candidate = self.entry.candidate
        if candidate.run_id != shown.run_id:
            self._add("run_differs", "the version names another run than the one that was journalled")
        if shown.loads and shown.loads != candidate.model_id:
            self._add("logged_model_differs", "the version loads another logged model than the one journalled")
        elif shown.model_id != candidate.model_id:
            self._add("tag_differs", "the version has the tag model_id of another logged model")

    def _status(self, shown: RegisteredVersion) -> None:
        wanted = expected_status(self.book, self.entry)
        if shown.status != wanted:
            self._add("status_differs", f"MLflow shows the status {shown.status or 'none'}; the journal says {wanted}")

    def _files(self) -> None:
        """The folder that MLflow loads: its own files, the artifact, and the decision beside it."""
        with (
            self._missing("artifact_missing", "the files of the model cannot be read"),
            self.registry.model_folder(self.entry.candidate.model, self.version) as folder,
        ):
            try:
                artifact = self.registry.artifact_in(folder, self.entry.candidate.model, self.version)
            except ModelRefusedError as error:
                self._add("mlmodel_altered", error.given)
                return
            self._environment(folder, artifact)
            if _is_there(artifact):
                self._artifact(artifact)
                self._decision(artifact)
            else:
                self._add("artifact_missing", "the folder of the artifact is not there")

    def _environment(self, folder: Path, artifact: Path) -> None:
        """MLflow's own files are those that it wrote, and ask for nothing but tactful."""
        others = {p for p in folder.rglob("*") if not p.is_dir() and not p.is_relative_to(artifact)}
        for path in sorted(others):
            name = path.relative_to(folder).as_posix()
            if name not in _OWN:
                self._add("environment_altered", f"{name} was added to the files of the model")
            elif name != "MLmodel" and not _installs_tactful_alone(path):
                self._add("environment_altered", f"{name} asks MLflow to install something else than tactful")

    def _artifact(self, folder: Path) -> None:
        """The manifest against the journal, every array against the manifest, and all of it fit to be served."""
        try:
            raw = read_document(folder / MANIFEST)
        except ModelRefusedError as error:
            self._add("manifest_altered", error.given)
            return
        if hashlib.sha256(raw).hexdigest() != self.entry.manifest_digest:
            self._add("manifest_altered", f"{MANIFEST} is not the one that was journalled")
        before = len(self.findings.mismatches)
        self._arrays(folder, raw)
        try:
            artifact = read_artifact(folder)
            Recommender.unapproved(artifact)
        except ModelRefusedError as error:
            if len(self.findings.mismatches) == before:
                self._add("artifact_unusable", error.given)
            return
        facts = (artifact.meta.get("model"), artifact.meta.get("noise"), artifact.meta.get("trainer"))
        if facts != (self.entry.candidate.model, self.entry.noise, self.entry.trainer):
            self._add("artifact_unusable", "the artifact says another name, noise or trainer than the journal")

    def _arrays(self, folder: Path, manifest: bytes) -> None:
        try:
            entries, _ = parse_manifest(manifest)
        except ModelRefusedError as error:
            self._add("manifest_altered", error.given)
            return
        self.findings.count("arrays", len(entries))
        for name, entry in entries.items():
            path = folder / f"{name}.npy"
            if not path.exists():
                self._add("array_missing", f"{path.name} is not there")
            elif path.is_symlink() or _sha256(path) != entry.sha256:
                self._add("array_altered", f"{path.name} is not the file that the manifest promises")
        expected = {MANIFEST, APPROVAL, *(f"{name}.npy" for name in entries)}
        for name in sorted({path.name for path in folder.iterdir()} - expected):
            self._add("array_added", f"{name} was added to the artifact")

    def _decision(self, folder: Path) -> None:
        """What lies beside the manifest is the journal's last decision, with whoever signed it too."""
        latest, path = self.book.latest(self.entry), folder / APPROVAL
        if not path.exists():
            if latest is not None:
                self._add("approval_missing", f"the journal has a decision about it and there is no {APPROVAL}")
            return
        found = _signed(path)
        self.findings.count("decisions")
        if latest is None:
            self._add("approval_unexpected", f"there is an {APPROVAL} and the journal has no decision about it")
            self._ahead(found)
        elif found is None or not found:
            self._add("approval_altered", f"{APPROVAL} is no signed decision")
        elif not _same(found[0], latest.document):
            known = [each.document for each in self.book.decisions]
            old = any(_same(found[0], document) for document in known)
            what = "is an earlier decision than the last" if old else "is not the decision that was journalled"
            self._add("approval_not_latest" if old else "approval_altered", f"{APPROVAL} {what}")
            self._ahead(found)
        elif not all(any(_same(each, d.document) for d in self.book.decisions) for each in found[1:]):
            self._add("approval_altered", f"{APPROVAL} names an approval that was not journalled")

    def _ahead(self, found: list[SignedDocument] | None) -> None:
        """A decision that verifies and has a number above all in the journal: the journal lost its end."""
        for document in found or ():
            number, highest = document.payload.get("sequence"), self.book.next_sequence(self.entry.candidate.model) - 1
            if type(number) is int and number > highest and _verifies(document):
                what = f"{APPROVAL} is a signed decision of number {number}, and the journal ends at {highest}"
                self._add("journal_behind", what)


def expected_status(book: Book, entry: CandidateEntry) -> str:
    """The tag ``status`` that the journal's last decision asks for."""
    latest = book.latest(entry)
    return str(latest.document.payload["decision"]) if latest else "candidate"


def overrides(decision: Decision, entry: CandidateEntry) -> list[str]:
    """The rules that a decision went on without, each with its verdict and the reason."""
    texts = decision.document.payload["overrides"].items()
    return [f"{rule} ({entry.verdicts.get(rule, 'not judged')}): {text}" for rule, text in texts]


def _is_there(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _installs_tactful_alone(path: Path) -> bool:
    """Whether every line of a file is one of those by which MLflow installs tactful."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    return all(_INSTALLS.fullmatch(line.strip()) for line in text.splitlines() if line.strip())


def _signed(path: Path) -> list[SignedDocument] | None:
    """The decision in a file, and those that it carries along; None if it is no such file."""
    try:
        fields = strict_json.parse(read_document(path))
        own = {name: value for name, value in fields.items() if name != "with"}
        every = [own, *fields.get("with", [])]
        return [SignedDocument.from_json(strict_json.canonical(each)) for each in every]
    except (strict_json.NotStrictJsonError, ModelRefusedError, AttributeError, TypeError):
        return None


def _same(one: SignedDocument, other: SignedDocument) -> bool:
    return one.to_json() == other.to_json()


def _verifies(document: SignedDocument) -> bool:
    try:
        document.verify()
    except ModelRefusedError:
        return False
    return True
