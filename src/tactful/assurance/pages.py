"""What MLflow's pages say about a model, its versions and runs: for reading. What is trusted is the journal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tactful.assurance.decision import Decision

_LONGEST = 500  # characters of a reason in a tag; the description holds all of it
_DOCUMENTS = (
    "The fairness report (`report.html`), the model card and the privacy statement are artifacts of the source run."
)

_MODEL = """\
A recommender made by tactful from what people agreed to. Services load the version with the alias `champion`, and \
only while a reviewer's signed approval of it holds.

Who decided what, when and why is on the page of each version. The trail that counts is the journal: \
`tactful models {model}`, `tactful verify {model}`.

To serve it, with `MLFLOW_TRACKING_URI` set to this store: \
`mlflow models serve -m models:/{model}@champion --env-manager local`. A body has one row for each person \
under `dataframe_records`; a row has `history` (a list of item ids) and `profiling` (true or false, no default), and \
may have `weights`, `n`, `allowed_categories`, `allow_items`, `deny_items` and `because`.
"""


DECISION_TAGS = ("decided_by", "decided_at", "decision_reason", "approval_id", "approval_expires_at")
"""The tags of a version that say who decided last."""


def decision_tags(decision: Decision) -> Mapping[str, str | None]:
    """Who decided last, when and why, as tags of the version; None for one that is to go.

    Notes
    -----
    **Privacy.** *Reads* a decision. *Returns* what its signers chose to make public, and their names. *Costs* nothing.
    *Assumes* the reason names nobody else.
    """
    return {
        "decided_by": ", ".join(decision.names),
        "decided_at": decision.time.isoformat(timespec="seconds"),
        "decision_reason": _one_line(decision.why)[:_LONGEST],
        "approval_id": decision.id if decision.approved else None,
        "approval_expires_at": decision.expires_at.isoformat(timespec="seconds") if decision.approved else None,
    }


def version_text(status: str, decisions: Sequence[Decision]) -> str:
    """The description of a version, markdown: the last decision in full, and a line for each one before.

    Parameters
    ----------
    status : str
        As `tactful models` says it.
    decisions : sequence of Decision
        All about this version, the earliest first.

    Notes
    -----
    **Privacy.** As `decision_tags`.
    """
    if not decisions:
        return f"{status.capitalize()}: nobody decided about it yet.\n\n{_DOCUMENTS}"
    last = decisions[-1]
    told = [_sentence(last), f"Reason: {_escaped(last.why)}"]
    if last.approved:
        told += [f"Although {_escaped(rule)} did not pass: {_escaped(text)}" for rule, text in _overridden(last)]
        told.append(f"Approval id: `{last.id}`")
    if len(decisions) > 1:
        told.append("\n".join(["Before that:\n", *map(_line, reversed(decisions[:-1]))]))
    told.append(f"{_DOCUMENTS} This page can be edited; what was signed is checked by `tactful verify {last.model}`.")
    return "\n\n".join(told)


def model_text(model: str) -> str:
    """The description of a registered model, markdown: what its versions say, and how to ask it for recommendations."""
    return _MODEL.format(model=model)


def run_text(documents: Iterable[str]) -> str:
    """The description of a run, markdown: where to read what it made."""
    names = ", ".join(f"`{name}`" for name in sorted(documents))
    return f"Under *Artifacts*: {names}. To begin with: `report.html`, how well the model serves whom."


def _sentence(decision: Decision) -> str:
    """Who decided when, how long it holds, and what it waits for."""
    said = f"{_status(decision).capitalize()} by {_names(decision)} on {_when(decision)}"
    if not decision.approved:
        return f"{said}."
    waits = f"; {decision.missing} more must sign" if decision.missing else ""
    return f"{said}, until {decision.expires_at:%Y-%m-%d %H:%M} UTC{waits}."


def _line(decision: Decision) -> str:
    """One of the decisions before."""
    although = "".join(
        f"; although {_escaped(rule)} did not pass: {_escaped(text)}" for rule, text in _overridden(decision)
    )
    return f"- {_when(decision)}, {_status(decision)} by {_names(decision)}: {_escaped(decision.why)}{although}"


def _status(decision: Decision) -> str:
    """What was decided: half an approval is none, and a way back is told as one."""
    return f"{decision.status} (a rollback)" if decision.rollback else decision.status


def _overridden(decision: Decision) -> list[tuple[str, str]]:
    """The rules that did not pass, each with why the approval was given all the same."""
    everybody = [*decision.joined, decision]
    return sorted(
        {(rule, text) for each in everybody for rule, text in each.document.payload.get("overrides", {}).items()}
    )


def _when(decision: Decision) -> str:
    return f"{decision.time:%Y-%m-%d %H:%M} UTC"


def _names(decision: Decision) -> str:
    return _escaped(", ".join(decision.names))


def _escaped(text: str) -> str:
    """The text as markdown shows it, in one line: no heading, link, table or tag of the writer's own."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&-])", r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())
