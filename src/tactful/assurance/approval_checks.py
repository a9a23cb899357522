"""What stands against an approval, and what MLflow holds of the version that somebody is about to approve."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tactful.assurance.model_book import Book, CandidateEntry, Decision, open_rules
from tactful.assurance.registry import Registry
from tactful.assurance.registry_store import RegisteredVersion
from tactful.errors import ApprovalRefusedError, ModelRefusedError, UsageError, counted
from tactful.scoring.artifact import APPROVAL, read_artifact
from tactful.scoring.recommender import Recommender
from tactful.scoring.trust import Reviewers

REQUIRED = frozenset({"report.html", "model_card.md", "privacy_statement.yaml", "consent_manifest.yaml", "config.toml"})
"""The documents without which nothing is approved."""

_WORDS, _LETTERS = 3, 6
_UNSPACED = "\u3040"  # from here on are scripts that put no spaces between words


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What MLflow holds for a version at this moment.

    Parameters
    ----------
    manifest_digest, model, noise : str
        Of the artifact, whose bytes were checked against its manifest.
    trainer : str or None
        The public key that the artifact says trained it.
    documents : mapping of str to str
        File name to SHA-256.
    approval : bytes
        The decision that lies beside the manifest; empty if there is none.
    """

    manifest_digest: str
    model: str
    noise: str
    trainer: str | None
    documents: Mapping[str, str]
    approval: bytes

    @classmethod
    def gather(cls, registry: Registry, shown: RegisteredVersion) -> Evidence:
        """What was read from MLflow just now.

        Raises
        ------
        ApprovalRefusedError
            The artifact is not whole, or is none that could be served.
        """
        try:
            folder = registry.artifact_folder(shown.model, shown.version)
            artifact = read_artifact(folder)
            Recommender.unapproved(artifact)
        except ModelRefusedError as error:
            refuse(
                "the artifact in MLflow must be whole and one that can be served",
                given=error.given,
                do="Train again; do not approve this one",
            )
        texts, decision = registry.documents(shown.model, shown.version), folder / APPROVAL
        return cls(
            manifest_digest=artifact.manifest_digest,
            model=str(artifact.meta.get("model")),
            noise=str(artifact.meta.get("noise")),
            trainer=artifact.meta.get("trainer"),
            documents={name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
            approval=decision.read_bytes() if decision.is_file() else b"",
        )


def check_candidate(entry: CandidateEntry, book: Book, reviewer: str, reviewers: Reviewers) -> None:
    """The candidate may be approved by this reviewer, as far as the journal goes.

    A rejection by somebody whose to make it is not, as `reviewers` has it, does not count. One who rejected and left
    must therefore stay on the list, with the role ``reject`` alone.

    Raises
    ------
    ApprovalRefusedError
        Nobody signed it, the reviewer trained it, its noise can be repeated, or it was rejected before.
    """
    if entry.trainer is None:
        refuse(
            "a candidate is approved only if its trainer signed it",
            given="nobody did",
            do="Train again with --key or TACTFUL_ACTOR_KEY",
        )
    if entry.trainer == reviewer:
        refuse("nobody approves a model of their own", given="this key trained it", do="Have another reviewer decide")
    if entry.noise != "system":
        refuse(
            "noise comes from the operating system and cannot be repeated",
            given=f"this model's noise is {entry.noise}",
            do="Train again without a seed",
        )
    by = book.rejected_by(entry, reviewers)
    if by is not None:
        refuse("a rejected version stays rejected", given=f"it was, by {reviewers.names[by]}", do="Train a new version")


def check_evidence(entry: CandidateEntry, found: Evidence) -> None:
    """MLflow holds the very artifact and documents that were recorded when the model was trained.

    Raises
    ------
    ApprovalRefusedError
        Something was changed or is missing, or was not recorded; `changed` names it.
    """
    lacking = sorted(REQUIRED - set(entry.documents))
    if lacking:
        refuse(
            "a candidate has its report, card, statement, consent manifest and configuration on record",
            given=f"not recorded when it was trained: {', '.join(lacking)}",
            do="Train again",
            changed=tuple(lacking),
        )
    held = {name: found.documents.get(name) for name in entry.documents}
    changed = sorted(name for name, digest in entry.documents.items() if held[name] != digest)
    if found.manifest_digest != entry.manifest_digest:
        changed.append("the artifact")
    if (found.model, found.noise, found.trainer) != (entry.candidate.model, entry.noise, entry.trainer):
        changed.append("what the artifact says of its name, noise and trainer")
    if changed:
        refuse(
            "MLflow must hold what was recorded when the model was trained",
            given=f"changed or missing since: {', '.join(changed)}",
            do="Find out who changed it; train again",
            changed=tuple(changed),
        )


def check_verdicts(verdicts: Mapping[str, str], overrides: Mapping[str, str], *, back_to: str | None = None) -> None:
    """Every rule passed, or has a reviewer's words on why to go on; where no rule was declared, on that.

    Parameters
    ----------
    verdicts : mapping of str to str
    overrides : mapping of str to str
    back_to : str, optional
        The version, if the way back leads to it.

    Raises
    ------
    ApprovalRefusedError
        A rule did not pass and has no override; `missing` names each.
    UsageError
        An override is empty, or for a rule that passed or does not exist.
    """
    still_open = open_rules(verdicts)
    for rule, text in overrides.items():
        if rule not in still_open or not text.strip():
            raise UsageError(
                "an override gives a reason for a rule that did not pass",
                given=f"{rule}: " + ("the reason is empty" if rule in still_open else "no such rule is open"),
                do=f"Rules that did not pass: {', '.join(sorted(still_open)) or 'none'}",
            )
    missing = {rule: status for rule, status in still_open.items() if rule not in overrides}
    if missing:
        refuse(
            "every fairness rule passes, or a reviewer writes down why to go on",
            given=("" if back_to is None else f"of version {back_to}, to which this goes back, ")
            + "; ".join(f"{rule}: {status}" for rule, status in sorted(missing.items())),
            do="Give --override RULE=TEXT for each, or reject the version"
            if back_to is None
            else "Give --override RULE=TEXT for each, anew; tactful models tells what was written the last time",
            missing=missing,
        )


def check_reasons(overrides: Mapping[str, str]) -> None:
    """Each reason for going on says something: three words, or as much in a script that writes none apart.

    Whether it is a good one only a reader can tell; “ok” is none.

    Raises
    ------
    UsageError
        One says less; the first such rule is named.
    """
    for rule, text in overrides.items():
        unspaced = sum(letter.isalpha() and letter >= _UNSPACED for letter in text)
        if len(re.findall(r"[^\W_]+", text)) < _WORDS and unspaced < _LETTERS:
            raise UsageError(
                f"an override says why in at least {_WORDS} words: it is signed, and shown with the model",
                given=f"{rule}: {counted(len(text.split()), 'word')}",
                do="Write what was looked at, or why the rule may wait",
            )


def is_shown(decision: Decision, shown: RegisteredVersion, found: Evidence) -> bool:
    """Whether MLflow shows all of this approval: the document, the tag and the alias."""
    return shown.champion and shown.status == "approved" and found.approval == decision.published.to_json().encode()


def refuse(must: str, *, given: str, do: str, **fields: Any) -> NoReturn:
    """Raise the refusal of an approval or a rejection."""
    raise ApprovalRefusedError(must, given=given, do=do, **fields)
