"""Everything that is known of a model, compared: the journal with itself, MLflow with the journal.

A stranger can do this with the records, the MLflow store and the reviewers' public keys; nothing is written anywhere.

Notes
-----
*What cannot be seen.* The journal holds together by digests that anybody can compute: whoever can write to the records
can rewrite them from some entry on, and no chain breaks. Only a head that they cannot write finds that for sure: the
one kept outside the database (`tactful.records.anchor`), if its file is out of their reach, or one noted elsewhere.
Without one, what is signed stays as it was signed, and the rest is found as far as something outside the records
contradicts it: a decision's name, by the reviewers' file; its time, by what its signer wrote and by MLflow's tags, to
the hour if those are changed too; that a training was paid for, by the ε in its figures, though not what else was
spent; entries cut off at the end, where MLflow, or the file of decisions seen on this machine (`tactful.scoring.seen`),
knows of them. That a document says the truth is not checked, only that it is the one that was journalled.

*What is not looked at.* MLflow's descriptions, comments, tags of its own (``mlflow.…``), names of runs, times, earlier
values in the history of a metric, and aliases other than ``champion`` are nobody's evidence; and so are other models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tactful.assurance.model_book import Book, CandidateEntry, Decision
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion
from tactful.assurance.verification_budget import Debits
from tactful.assurance.verification_decisions import check_decisions
from tactful.assurance.verification_findings import Findings, Mismatch, said
from tactful.assurance.verification_journal import read_journal
from tactful.assurance.verification_version import VersionCheck, overrides
from tactful.errors import MissingExtraError, NotFoundError, UsageError
from tactful.records.store import Records
from tactful.scoring import strict_json
from tactful.scoring.seen import seen_place
from tactful.scoring.trust import Reviewers


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification checked and found.

    Attributes
    ----------
    model : str
    checked : mapping of str to int
        What was looked at, and how many of each.
    mismatches : tuple of Mismatch
        Everything that is not as the journal says; none if all is well.
    notes : tuple of str
        What a reader should know although it is no mismatch.
    head : str, 64 hex digits
        The digest of the journal's last entry: noted and kept elsewhere, it shows later whether the end was cut off.
    """

    model: str
    checked: dict[str, int]
    mismatches: tuple[Mismatch, ...]
    notes: tuple[str, ...]
    head: str

    @property
    def ok(self) -> bool:
        """Whether everything is as the journal says."""
        return not self.mismatches

    @property
    def names(self) -> frozenset[str]:
        """The names of what was found."""
        return frozenset(each.name for each in self.mismatches)

    def as_json(self) -> dict[str, Any]:
        """The verification as plain values."""
        return {
            "ok": self.ok,
            "model": self.model,
            "checked": self.checked,
            "mismatches": [each.as_json() for each in self.mismatches],
            "notes": list(self.notes),
            "head": self.head,
        }


def verify(
    records: Records,
    model: str,
    *,
    open_registry: Callable[[], Registry] = Registry,
    reviewers: Reviewers | None = None,
    head: str | None = None,
    now: datetime | None = None,
) -> Verification:
    """All there is about a model was compared, and everything that does not agree is named.

    Parameters
    ----------
    records : Records
        Opened with `Records.look`, so that not a byte of them changes.
    model : str
    open_registry : callable
        Opens MLflow; called after everything that needs no MLflow was checked.
    reviewers : Reviewers, optional
        Whose decisions count. Without them that is a mismatch.
    head : str, optional
        The head of the journal as it was noted earlier.
    now : datetime, with zone, optional
        The system's clock if left out.

    Raises
    ------
    NotFoundError
        Neither the journal nor MLflow knows the model.

    Notes
    -----
    **Privacy.** *Reads* nothing about people. *Returns* names, digests and released values. *Costs* nothing. *Assumes*
    nothing.
    """
    findings = Findings()
    book, debits, found_head = read_journal(records, findings, head=head)
    entries = [each for each in book.candidates if each.candidate.model == model]
    check_decisions(book, model, reviewers, now or records.now(), findings)
    try:
        registry = open_registry()
        _check_seen(registry, book, model, findings)
        _check_store(registry, book, debits, model, entries, findings)
    except NotFoundError as error:
        if not entries:
            raise _unknown(model, "neither the journal nor MLflow knows") from error
        findings.add("model_missing", f"MLflow does not know it: {error.given}")
    except MissingExtraError:
        raise
    except (UsageError, OSError) as error:
        findings.add("mlflow_unreachable", f"MLflow was not compared, or not to the end: {said(error)}")
    if not entries and not findings.mismatches:
        raise _unknown(model, "the journal does not know")
    _tell_overrides(book, entries, findings)
    return Verification(
        model=model,
        checked=findings.checked,
        mismatches=tuple(findings.mismatches),
        notes=tuple(findings.notes),
        head=found_head,
    )


def _unknown(model: str, who: str) -> NotFoundError:
    return NotFoundError(
        "what is verified is a model that was trained here",
        given=f"{who} {model}",
        do="List what there is: tactful models; or name other stores: TACTFUL_RECORDS, MLFLOW_TRACKING_URI",
    )


def _check_seen(registry: Registry, book: Book, model: str, findings: Findings) -> None:
    """The file of decisions seen on this machine knows of none that the journal does not."""
    place = seen_place(store=registry.uri)
    if place is None or not place.is_file():
        return
    try:
        seen = strict_json.parse(place.read_bytes())
        numbers = [n for name, n in seen.items() if name.partition("/")[0] == model and type(n) is int]
    except (OSError, strict_json.NotStrictJsonError, AttributeError):
        findings.note("The file of decisions seen on this machine cannot be read, so it was not compared")
        return
    findings.count("decisions seen on this machine", len(numbers))
    highest, known = max(numbers, default=0), book.next_sequence(model) - 1
    if highest > known:
        what = f"decision {highest} was seen on this machine, and the journal ends at {known}"
        findings.add("journal_behind", what)


def _check_store(
    registry: Registry, book: Book, debits: Debits, model: str, entries: list[CandidateEntry], findings: Findings
) -> None:
    """MLflow shows the versions that the journal knows, as it knows them, and the alias where it should be."""
    shown = _versions(registry, model, bool(entries), findings)
    for entry in entries:
        VersionCheck(registry, book, debits, entry, _shown_of(entry, shown), findings).run()
    known = {each.candidate.version for each in entries if _shown_of(each, shown)}
    for version in shown:
        if version.version not in known:
            what = "MLflow has a version that no training in the journal made"
            findings.add("version_unknown", what, version=version.version)
            if version.champion:
                findings.add("alias_moved", "the alias champion points at it", version=version.version)
    _check_alias(registry, book.champion(model), model, bool(shown), findings)


def _versions(registry: Registry, model: str, known: bool, findings: Findings) -> list[RegisteredVersion]:
    try:
        return registry.versions(model)
    except NotFoundError as error:
        if not known:
            raise
        findings.add("model_missing", f"MLflow has no such model any more: {error.given}")
        return []


def _shown_of(entry: CandidateEntry, shown: list[RegisteredVersion]) -> RegisteredVersion | None:
    """What MLflow shows under the number of a candidate, if that is the candidate in any way."""
    place = entry.candidate
    found = next((each for each in shown if each.version == place.version), None)
    ours = found and (place.model_id in {found.model_id, found.loads} or found.run_id == place.run_id)
    return found if ours else None


def _check_alias(registry: Registry, champion: Decision | None, model: str, is_there: bool, findings: Findings) -> None:
    """The alias ``champion`` points at the version that was approved last, or nowhere."""
    shown, wanted = registry.champion(model) if is_there else None, champion.version if champion else None
    findings.count("aliases")
    if wanted is None:
        findings.note(f"{model} has no champion: no version is approved, or it was retired or rejected")
    if shown == wanted:
        return
    if wanted is None:
        findings.add("alias_unexpected", f"the alias points at version {shown}; by the journal there is no champion")
    elif shown is None:
        findings.add("alias_missing", f"by the journal version {wanted} is champion; the alias points nowhere")
    else:
        findings.add("alias_moved", f"the alias points at version {shown}; by the journal it is version {wanted}")


def _tell_overrides(book: Book, entries: list[CandidateEntry], findings: Findings) -> None:
    """What was approved although a rule did not pass is told with its reason."""
    for entry in entries:
        latest = book.latest(entry)
        for text in overrides(latest, entry) if latest and latest.approved else ():
            findings.note(f"version {entry.candidate.version} was approved although a rule did not pass: {text}")
