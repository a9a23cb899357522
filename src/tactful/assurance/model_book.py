"""What the journal says about models, as values: candidates, decisions about them, and so who is champion.

A book is what replaying the journal gives (`tactful.assurance.candidates.replay`); nothing here reads or writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tactful.assurance.decision import HALF_APPROVED, REJECTED, Decision
from tactful.scoring.trust import Reviewers

__all__ = ["NO_RULES", "Book", "Candidate", "CandidateEntry", "Decision", "open_rules"]

NO_RULES = "no_rules"
"""The name of what stands open where no rule was declared: a report without one never passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Where MLflow keeps what one training run made.

    Parameters
    ----------
    model : str
        Name of the registered model.
    version : str or None
        MLflow's number as text; None if a gate refused the run, which is then shown and not registered.
    run_id, model_id : str
        MLflow's ids of the run and of the logged model.
    """

    model: str
    version: str | None
    run_id: str
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateEntry:
    """A candidate as the journal holds it.

    Parameters
    ----------
    candidate : Candidate
    manifest_digest : str
        Of the artifact.
    documents : mapping of str to str
        File name to SHA-256, in hexadecimal digits.
    verdicts : mapping of str to str
        Fairness rule to ``pass``, ``fail`` or ``insufficient evidence``.
    noise : str
        ``system`` or ``reproducible``.
    trainer : str or None
        The public key that signed this, or None.
    time : datetime, UTC
    run : str or None
        The training's id in the journal's other entries; None if it was recorded before they had one.
    """

    candidate: Candidate
    manifest_digest: str
    documents: Mapping[str, str]
    verdicts: Mapping[str, str]
    noise: str
    trainer: str | None
    time: datetime
    run: str | None = None


def open_rules(verdicts: Mapping[str, str]) -> dict[str, str]:
    """The rules that did not pass, each with its verdict; where no rule was declared, that."""
    if not verdicts:
        return {NO_RULES: "no rule was declared, so nothing was judged"}
    return {rule: verdict for rule, verdict in verdicts.items() if verdict != "pass"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All candidates and decisions, in the order of the journal."""

    candidates: tuple[CandidateEntry, ...] = field(repr=False)
    decisions: tuple[Decision, ...] = field(repr=False)

    def candidate(self, model: str, version: str, model_id: str) -> CandidateEntry | None:
        """The entry about exactly what MLflow holds under this number.

        MLflow's numbers start again in a new store, so the id of the logged model must agree too.
        """
        wanted = (model, version, model_id)
        return next((each for each in self.candidates if _place(each.candidate) == wanted), None)

    def knows(self, candidate: Candidate, manifest_digest: str) -> bool:
        """Whether a candidate was recorded already: this logged model, or these bytes of the model."""
        return any(
            each.candidate.model_id == candidate.model_id
            or (each.candidate.model, each.manifest_digest) == (candidate.model, manifest_digest)
            for each in self.candidates
        )

    def subject(self, decision: Decision) -> CandidateEntry | None:
        """The candidate that a decision is about: the same name, number and bytes."""
        wanted = _subject(decision)
        return next((each for each in self.candidates if _bytes(each) == wanted), None)

    def latest(self, entry: CandidateEntry) -> Decision | None:
        """The last decision about this candidate, or None."""
        found = self.about(entry)
        return found[-1] if found else None

    def about(self, entry: CandidateEntry) -> tuple[Decision, ...]:
        """Every decision about this candidate: the same name, number and bytes."""
        return tuple(each for each in self.decisions if _subject(each) == _bytes(entry))

    def rejections(self, entry: CandidateEntry) -> tuple[Decision, ...]:
        """Every rejection of this candidate, but for those of which a later approval says that they do not count."""
        about = self.about(entry)
        void = {each for decision in about for each in decision.not_counted}
        return tuple(each for each in about if each.decision == REJECTED and each.id not in void)

    def rejected_by(self, entry: CandidateEntry, reviewers: Reviewers) -> str | None:
        """The key that rejected this candidate, whose to do so it was; None if nobody did. No approval undoes that."""
        found = (each for each in self.about(entry) if each.decision == REJECTED and each.by_one_who_may(reviewers))
        return next((each.document.public_key for each in found), None)

    def last(self, model: str) -> Decision | None:
        """The last decision about any version of a model, or None."""
        return next((each for each in reversed(self.decisions) if each.model == model), None)

    def open_round(self, entry: CandidateEntry, *, at: datetime) -> tuple[Decision, ...]:
        """The approvals that one more approval of this candidate would join, the earliest first.

        They wait as long as nothing else is decided about the model and all of them hold; then it begins anew.
        """
        last = self.last(entry.candidate.model)
        waits = last is not None and last.missing and last.expires_at > at and _subject(last) == _bytes(entry)
        return (*last.joined, last) if last is not None and waits else ()

    def missing(self, entry: CandidateEntry, *, at: datetime) -> int | None:
        """How many more reviewers must approve a candidate that is half approved; None if it is not."""
        latest = self.latest(entry)
        if latest is None or not latest.missing:
            return None
        return latest.missing if self.open_round(entry, at=at) else latest.needed

    def published(self, entry: CandidateEntry) -> Decision | None:
        """The decision that lies beside the manifest: the last one that counts, which a half approval does not."""
        return next((each for each in reversed(self.about(entry)) if not each.missing), None)

    def status(self, entry: CandidateEntry) -> str:
        """What the tag ``status`` reads: candidate, refused, half approved, approved, rejected or retired.

        A champion whose approval is being renewed stays approved.
        """
        latest, published = self.latest(entry), self.published(entry)
        if latest is None:
            return "candidate" if entry.candidate.version else "refused"
        renewed = published is not None and published.approved
        return latest.decision if not latest.missing or renewed else HALF_APPROVED

    def champions(self, model: str) -> tuple[Decision | None, ...]:
        """Who was champion after each decision about the model, oldest first.

        Rejecting or retiring the champion leaves no champion until a reviewer approves again: that an earlier version
        was good once is no decision to go back to it. An approval that others must join changes nothing.
        """
        states: list[Decision | None] = []
        for each in self.decisions:
            if each.model == model:
                states.append(_next_champion(states[-1] if states else None, each))
        return tuple(states)

    def champion(self, model: str) -> Decision | None:
        """The approval that counts now; None if there was none, or the champion was rejected or retired since."""
        return next(reversed(self.champions(model)), None)

    def champion_before(self, model: str) -> Decision | None:
        """The last champion that was another version than the one now."""
        now = self.champion(model)
        earlier = [each for each in self.champions(model) if each and not (now and _subject(each) == _subject(now))]
        return earlier[-1] if earlier else None

    def way_back(self, model: str, reviewers: Reviewers) -> Decision | None:
        """The last champion that was another version than the last one, and is not rejected; None if there is none.

        The last champion is the one now or, where it was rejected or retired, the one whose end that was. A rejection
        by somebody whose to make it is not, as `reviewers` has it, does not count.
        """
        served = [each for each in self.champions(model) if each is not None]
        others = [each for each in served if _subject(each) != _subject(served[-1])]
        return next((each for each in reversed(others) if not self._rejected(each, reviewers)), None)

    def _rejected(self, decision: Decision, reviewers: Reviewers) -> bool:
        """Whether what this is about was rejected by somebody who may."""
        entry = self.subject(decision)
        return entry is not None and self.rejected_by(entry, reviewers) is not None

    def next_sequence(self, model: str) -> int:
        """The number for the next decision about this model, above every one before."""
        return 1 + max((each.sequence for each in self.decisions if each.model == model), default=0)


def _place(candidate: Candidate) -> tuple[str, str | None, str]:
    return candidate.model, candidate.version, candidate.model_id


def _bytes(entry: CandidateEntry) -> tuple[str, str | None, str]:
    return entry.candidate.model, entry.candidate.version, entry.manifest_digest


def _subject(decision: Decision) -> tuple[str, str | None, str]:
    return decision.model, decision.version, str(decision.document.payload["manifest_digest"])


def _next_champion(champion: Decision | None, decision: Decision) -> Decision | None:
    if decision.approved:
        return champion if decision.missing else decision
    ended = champion is not None and _subject(champion) == _subject(decision)
    return None if ended else champion
