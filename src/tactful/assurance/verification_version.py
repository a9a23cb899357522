"""One version as MLflow holds it, against what the journal says of it: documents, figures, tags, and its files."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager

from tactful.assurance.figures import FIGURES, Figures, as_shown
from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.pages import DECISION_TAGS, decision_tags
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion, ShownFigures
from tactful.assurance.verification_budget import Debits
from tactful.assurance.verification_files import check_files
from tactful.assurance.verification_findings import Findings, said
from tactful.errors import NotFoundError, UsageError


class VersionCheck:
    """One candidate of the journal, and what is compared with it.

    Parameters
    ----------
    registry : Registry
    book : Book
    debits : Debits
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
        debits: Debits,
        entry: CandidateEntry,
        shown: RegisteredVersion | None,
        findings: Findings,
    ) -> None:
        self.registry, self.book, self.debits, self.entry = registry, book, debits, entry
        self.shown, self.findings = shown, findings
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
        if figures.whole and not self.debits.take(self.entry, figures):
            self._add("debit_missing", "no debit before it, that is no other's, comes to the epsilon that it claims")
        self._run(figures)
        self._logged_model(figures)
        if self.shown is None:
            if self.entry.candidate.version is not None:
                self._add("version_missing", "MLflow has no version of this number any more, or never showed it")
            return
        self._place(self.shown)
        self._tags(self.shown.tags, figures, "the version", {"status", "model_id"} | set(DECISION_TAGS))
        self._status(self.shown)
        self._files()

    def _add(self, name: str, what: str) -> None:
        self.findings.add(name, what, version=self.version)

    @contextmanager
    def _missing(self, name: str, what: str) -> Iterator[None]:
        """What MLflow does not give is missing, and the rest is compared still; unless MLflow is not there at all."""
        try:
            yield
        except (UsageError, OSError) as error:
            if not isinstance(error, NotFoundError):
                self.registry.models()  # raises where MLflow does not answer
            self._add(name, f"{what}: {said(error)}")

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
            if shown.status != "FINISHED":
                self._add("run_differs", f"the run has the status {shown.status}; it was finished")
            self._params(shown.params, figures.params if figures.whole else {}, "the run", figures)
            self._tags(shown.tags, figures, "the run")

    def _logged_model(self, figures: Figures) -> None:
        """The logged model is there, and shows the figures and tags of the training."""
        with self._missing("logged_model_missing", "MLflow has no such logged model any more"):
            shown = self.registry.logged_model(self.entry.candidate.model_id)
            if shown.status != "READY":
                self._add("logged_model_differs", f"the logged model has the status {shown.status}; it was ready")
            self._figures(shown, figures, "the logged model")
            self._params(shown.params, {}, "the logged model", figures)
            self._tags(shown.tags, figures, "the logged model")

    def _figures(self, shown: ShownFigures, figures: Figures, where: str) -> None:
        self.findings.count("figures", len(shown.metrics))
        for name, value in figures.metrics.items():
            found = shown.metrics.get(name)
            if found is None or not math.isclose(found, value, rel_tol=1e-12):
                self._add("figure_differs", f"{where} shows {name} = {found}; it was {value!r}")
        for name in sorted(set(shown.metrics) - set(figures.metrics)) if figures.whole else ():
            self._add("figure_added", f"{where} shows {name}, which the training did not")

    def _params(self, shown: Mapping[str, str], wanted: Mapping[str, str], where: str, figures: Figures) -> None:
        self._compare("figure", f"{where} shows the parameter", as_shown(wanted), shown)
        for name in sorted(set(shown) - set(wanted)) if figures.whole else ():
            self._add("figure_added", f"{where} shows the parameter {name}, which the training did not")

    def _tags(self, shown: Mapping[str, str], figures: Figures, where: str, others: Set[str] = frozenset()) -> None:
        self._compare("tag", f"{where} has the tag", figures.tags, shown)
        for name in sorted(set(shown) - set(figures.tags)):
            if name.startswith("verdict."):
                self._add("tag_differs", f"{where} has the tag {name}, a rule by which nothing was judged")
            elif figures.whole and not name.startswith("mlflow.") and name not in others:
                self._add("tag_added", f"{where} has the tag {name}, which the training did not set")

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
        wanted = self.book.status(self.entry)
        if shown.status != wanted:
            self._add("status_differs", f"MLflow shows the status {shown.status or 'none'}; the journal says {wanted}")
        for decision in self.book.about(self.entry)[-1:]:
            for name, value in decision_tags(decision).items():
                if shown.tags.get(name) != value:
                    found = shown.tags.get(name, "none")
                    self._add("tag_differs", f"the version has the tag {name}: {found}; it was {value or 'none'}")

    def _files(self) -> None:
        """The files that MLflow loads."""
        with (
            self._missing("artifact_missing", "the files of the model cannot be read"),
            self.registry.model_folder(self.entry.candidate.model, self.version) as folder,
        ):
            check_files(folder, self.registry, self.book, self.entry, self.findings)


def overrides(decision: Decision, entry: CandidateEntry) -> list[str]:
    """The rules that a decision went on without, each with its verdict and the reason."""
    texts = decision.document.payload["overrides"].items()
    return [f"{rule} ({entry.verdicts.get(rule, 'not judged')}): {text}" for rule, text in texts]
