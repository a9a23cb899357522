"""A judged model is handed in: documents written, shown in MLflow, and on record for a reviewer to decide."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tactful.assurance.candidates import Candidate, record_candidate
from tactful.assurance.card import model_card
from tactful.assurance.champion import champion_facts
from tactful.assurance.champion_record import champion_record
from tactful.assurance.consent_manifest import consent_manifest
from tactful.assurance.fairness import FairnessAssessment
from tactful.assurance.fairness_record import (
    DOCUMENT,
    TABLE,
    fairness_document,
    fairness_metrics,
    fairness_table,
    fairness_tags,
)
from tactful.assurance.figures import FIGURES, figures_document
from tactful.assurance.influence import influence
from tactful.assurance.main_parameters import MAIN_PARAMETERS, main_parameters
from tactful.assurance.registry import Registry
from tactful.assurance.report import fairness_report
from tactful.assurance.report_mitigation import MitigationFacts
from tactful.assurance.statement import privacy_statement
from tactful.assurance.summary import RunSummary
from tactful.records.store import Records
from tactful.scoring.artifact import read_artifact


def submit(
    records: Records,
    registry: Registry,
    *,
    summary: RunSummary,
    assessment: FairnessAssessment,
    artifact: Path,
    manifest_digest: str,
    trainer: Ed25519PrivateKey | None,
    run: str | None = None,
    mitigation: tuple[str, ...] = (),
    mitigated: MitigationFacts | None = None,
) -> Candidate:
    """The candidate is in MLflow with its documents, and in the journal with their digests.

    Parameters
    ----------
    records : Records
    registry : Registry
    summary : RunSummary
    assessment : FairnessAssessment
    artifact : Path
        A folder written by `tactful.released.model.ReleasedModel.write`.
    manifest_digest : str
        What that returned.
    trainer : Ed25519PrivateKey, optional
        Signs the entry. Without it the candidate can be looked at, never approved.
    run : str, optional
        The training's id in the journal.
    mitigation : tuple of str
        What may be tried against a gap; the report tells it.
    mitigated : MitigationFacts, optional
        What was done against gaps in this run; the report tells it.

    Notes
    -----
    **Privacy.** *Reads* released values, public inputs and configuration. *Returns* MLflow's ids. *Costs* nothing.
    *Assumes* that nothing exact is in the summary, which has no field for it.
    """
    record = champion_record(records, registry, summary.model)
    champion = record.groups if record else champion_facts(registry, summary.model)
    report = fairness_report(summary, assessment, champion=champion, mitigation=mitigation, mitigated=mitigated)
    documents = {
        "report.html": report,
        "model_card.md": model_card(summary, assessment, champion=record),
        "privacy_statement.yaml": privacy_statement(summary),
        "consent_manifest.yaml": consent_manifest(summary),
        "config.toml": summary.config_text,
        DOCUMENT: fairness_document(assessment, created=summary.created.isoformat(timespec="seconds")),
        TABLE: fairness_table(assessment),
    }
    verdicts = {name: verdict.status for name, verdict in assessment.verdicts.items()}
    params, metrics = _params(summary), {**summary.metrics, **fairness_metrics(assessment)}
    tags = {"noise": summary.noise, **fairness_tags(assessment)}
    documents[MAIN_PARAMETERS] = main_parameters(
        summary, influence(read_artifact(artifact)), attributes=tuple(assessment.attributes), mitigated=mitigated
    )
    documents[FIGURES] = figures_document(
        params=params, metrics=metrics, tags=tags, intervals=summary.metric_intervals, consent=summary.consent
    )
    candidate = registry.log_candidate(
        model=summary.model,
        artifact=artifact,
        documents=documents,
        params=params,
        metrics=metrics,
        tags=tags,
        tables=(TABLE,),
    )
    record_candidate(
        records,
        candidate=candidate,
        manifest_digest=manifest_digest,
        document_digests={name: sha256(text.encode()).hexdigest() for name, text in documents.items()},
        verdicts=verdicts,
        noise=summary.noise,
        trainer=trainer,
        run=run,
    )
    return candidate


def _params(summary: RunSummary) -> dict[str, str | float]:
    """What MLflow's list of runs compares."""
    return {
        "method": summary.method,
        "epsilon": summary.budget.epsilon,
        "delta": summary.budget.delta,
        "epsilon_since_first_debit": summary.since_first_epsilon,
        "purpose": summary.purpose,
        "retention_days": summary.policy.retention_days,
        "max_items": summary.max_items,
        "head_size": summary.head_size,
        "rank": summary.rank,
    }
