"""The assessment as MLflow keeps it: a document, a table, figures and tags, so that runs can be compared and searched.

Only released values that tell something are written as figures; the document has everything.

Notes
-----
The table is written in the form of `mlflow.MlflowClient.log_table` and shown by MLflow as one. It is logged as a
document like the others, so that its digest is known before it leaves, stands in the journal, and is compared when
somebody approves; `log_table` would write bytes that only MLflow knows, and warns of its own use of pandas 3. A test
holds the two against each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.intervals import Estimate
from tactful.assurance.report_figures import everything, gaps_told, tells

DOCUMENT = "fairness.json"
TABLE = "fairness_by_group.json"

_COLUMNS = ("attribute", "group", "metric", "value", "low", "high", "people", "status")
_LONGEST = 240  # MLflow takes names of 250 characters
_Row = tuple[str, str, str, float | None, float | None, float | None, float | None, str]


def fairness_document(assessment: FairnessAssessment, *, created: str) -> str:
    """The whole assessment as JSON.

    Parameters
    ----------
    assessment : FairnessAssessment
    created : str
        When the run was made, ISO 8601.
    """
    return json.dumps({"created": created, **assessment.as_json()}, ensure_ascii=False, indent=1) + "\n"


def fairness_table(assessment: FairnessAssessment) -> str:
    """One row a group and metric, as text of a table that MLflow shows; empty cells where nothing can be told.

    Notes
    -----
    **Privacy.** *Reads* released values. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    import pandas as pd

    rows = list(_rows(assessment))
    columns = {name: [row[i] for row in rows] for i, name in enumerate(_COLUMNS)}
    return str(pd.DataFrame(columns).to_json(orient="split", index=False, date_format="iso"))


def fairness_metrics(assessment: FairnessAssessment) -> dict[str, float]:
    """Figures by the names that runs are compared by: ``fairness.age.ndcg_at_10.young``, ``….ratio``, ``….difference``.

    What the report withholds, as it cannot tell, has no metric either: `tactful.assurance.report_figures` decides for
    both.

    Parameters
    ----------
    assessment : FairnessAssessment

    Returns
    -------
    dict of str to float
        Names hold only what MLflow takes; where two would be one, the later gets a number.
    """
    named: dict[str, float] = {}
    for parts, estimate in _figures(assessment):
        if estimate.value is not None:
            named[_free(_safe(("fairness", *parts)), named)] = estimate.value
    return named | {f"fairness.rules.{word}": float(n) for word, n in _tally(assessment).items()}


def fairness_tags(assessment: FairnessAssessment) -> dict[str, str]:
    """The verdict on each rule, and how many rules have which."""
    verdicts = {f"verdict.{rule}": verdict.status for rule, verdict in assessment.verdicts.items()}
    tally = ", ".join(f"{n} {word}" for word, n in _tally(assessment).items())
    return {**verdicts, "verdicts": tally}


def _tally(assessment: FairnessAssessment) -> dict[str, int]:
    """How many rules have which verdict."""
    statuses = [verdict.status for verdict in assessment.verdicts.values()]
    return {
        "pass": statuses.count("pass"),
        "fail": statuses.count("fail"),
        "insufficient": statuses.count("insufficient evidence"),
    }


def _figures(assessment: FairnessAssessment) -> Iterator[tuple[tuple[str, str, str], Estimate]]:
    """Attribute, metric and group or gap of what the report says as a figure; gaps first, to keep their names."""
    for name, result in everything(assessment).items():
        for metric in result.difference:
            yield from (((name, metric, word), estimate) for word, estimate in gaps_told(result, metric).items())
    for name, result in everything(assessment).items():
        for label, group in result.by_group.items():
            told = ((metric, estimate) for metric, estimate in group.metrics.items() if tells(estimate))
            yield from (((name, metric, label), estimate) for metric, estimate in told)


def _rows(assessment: FairnessAssessment) -> Iterator[_Row]:
    """The rows of the table; a group that was not measured has one without figures."""
    for name, result in everything(assessment).items():
        for label, group in result.by_group.items():
            people = group.people.value if abs(group.people.value) < float("inf") else None
            if not group.metrics:
                yield name, label, "", None, None, None, people, group.status
            for metric, estimate in group.metrics.items():
                value = estimate.value if tells(estimate) else None
                low, high = estimate.interval.low, estimate.interval.high
                yield name, label, metric, value, low, high, people, group.status


def _safe(parts: tuple[str, ...]) -> str:
    """A name of letters, digits, spaces and ``_-.``, which MLflow takes and cannot read as a path."""
    words = [re.sub(r"[^\w\- ]", "_", part.replace("@", "_at_").replace("+", " plus")) for part in parts]
    return ".".join(" ".join(word.split()) or "_" for word in words)[:_LONGEST]


def _free(name: str, taken: Mapping[str, float]) -> str:
    """The name, with a number where it is taken."""
    if name not in taken:
        return name
    return next(other for i in range(2, len(taken) + 3) if (other := f"{name}-{i}") not in taken)
