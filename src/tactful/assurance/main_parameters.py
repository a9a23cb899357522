"""`main_parameters.txt`: in plain words what decides a list, how much, what never does, and how a person changes it.

Services that recommend have to tell this in their terms (Regulation (EU) 2022/2065, Article 27). The text is made from
the run and the model; whoever runs the service adds which history it passes and where people find the choices.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tactful.assurance.influence import Influence
from tactful.assurance.report_mitigation import MitigationFacts
from tactful.assurance.summary import RunSummary, about, readable
from tactful.errors import counted
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.plain_risk import to_you

MAIN_PARAMETERS = "main_parameters.txt"
_WIDTH = 72  # what MLflow's page shows without a scroll to the side
_NEVER = {
    "the time of day": ("time", "hour", "day"),
    "the place or device you use": ("place", "location", "store", "device"),
    "your friends and contacts": ("friend", "contact"),
    "prices": ("price", "cost", "discount"),
    "payment for a place in the list": ("payment", "paid", "sponsor"),
}
"""What a model of histories has no input for, unless a public feature of items has one of these words in its name."""


def main_parameters(
    summary: RunSummary,
    influence: Influence,
    *,
    attributes: Sequence[str] = (),
    mitigated: MitigationFacts | None = None,
) -> str:
    """What decides the lists of this model, for the people who get them.

    Parameters
    ----------
    summary : RunSummary
    influence : Influence
        Measured on the model.
    attributes : sequence of str
        Demographic attributes by which groups were compared.
    mitigated : MitigationFacts, optional
        What was done against gaps in this run.

    Notes
    -----
    **Privacy.** *Reads* released values and configuration. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    parts = [
        ("What decides what is recommended to you", [_lead(summary)]),
        ("What a list is made from", _made_from(summary, influence)),
        ("How much each of them decides", _measured(influence)),
        ("What never decides", _never(summary, attributes, mitigated)),
        ("How you can change it", _changes(summary)),
        ("How people are protected", _protected(summary)),
    ]
    return "\n\n".join(_section(title, paragraphs) for title, paragraphs in parts) + "\n"


def _lead(summary: RunSummary) -> str:
    made = f"{summary.created.day} {summary.created:%B %Y}"
    return (
        f"This is about the model {_line(summary.model)}, made on {made}. The text was made together with the "
        "model, from its settings and from measurements of the model itself. The service that shows you the list adds "
        "which of your data it passes to the model, and where you find the choices below."
    )


def _made_from(summary: RunSummary, found: Influence) -> list[str]:
    features = ", ".join(_line(name) for name in summary.features)
    known = f" Of the items' public description it knows: {features}." if features else ""
    return _listed(
        [
            (
                "Your history: which items it holds, and how much each of them counts, where the service says so. "
                "Their order does not matter. Items that you have already are not recommended to you."
            ),
            (
                "What goes together: which items the same people chose, learned from people who agreed to that "
                f"({_line(summary.purpose)}), {about(summary.people)} of them, each with at most "
                f"{counted(summary.max_items, 'item')} of the last "
                f"{counted(summary.policy.retention_days, 'day')}.{known}"
            ),
            "How popular each item is among the same people.",
            _reach(summary, found),
            *(["Some items are lifted by a fixed amount, the same for everybody, see below."] if found.lifted else []),
        ]
    )


def _reach(summary: RunSummary, found: Influence) -> str:
    """How much of the catalogue a history can bring up."""
    if found.reachable >= summary.catalogue_size:
        return "Every item can come up because of your history."
    return (
        f"{found.reachable:,} of {summary.catalogue_size:,} items can come up because of your history; the others by "
        "how popular they are alone."
    )


def _measured(found: Influence) -> list[str]:
    said = (
        f"Measured on this model with {counted(found.histories, 'made-up history', 'made-up histories')} of "
        f"{counted(found.length, 'item')}, drawn by how popular items are. For yours it may be more, or less."
    )
    same = 1 - found.own
    lines = [
        f"Your own history: {_percent(found.own)} of the differences between the scores of items.",
        (
            f"What is the same for everybody: {_percent(same)} of them. How popular items are explains "
            f"{_percent(found.popular)} of that."
        ),
        (
            f"Of the first {found.places} places of a list, {found.kept:.1f} on average hold an item that would be "
            "there without your history too, as it is one of the most popular."
        ),
    ]
    if found.lifted:
        lines.append(f"Items that are lifted change {found.lifted:.1f} of the first {found.places} places.")
    return [said, *_listed(lines)]


def _never(summary: RunSummary, attributes: Sequence[str], mitigated: MitigationFacts | None) -> list[str]:
    known = " ".join(summary.features).lower()
    unknown = [thing for thing, words in _NEVER.items() if not any(word in known for word in words)]
    told = ", ".join(readable(_line(name)) for name in attributes)
    compared = (
        f" Groups by {told} were compared, among people who agreed to that, to see whether some are served worse; the "
        "result is in the fairness report."
        if told
        else ""
    )
    sensitive = ", ".join(_line(readable(name)) for name in summary.policy.sensitive_categories)
    lines = [
        "Who you are: no name, no attribute such as age or sex or income is used when a list is made." + compared,
        "Anybody else's identity or history: the model holds numbers about items, none about a person.",
        f"{_sentence(unknown)}: the model has no input for them.",
    ]
    if sensitive:
        lines.append(
            f"Sensitive items ({sensitive}), unless you opted into their category: they are neither recommended nor "
            "read from your history."
        )
    if mitigated is not None:
        notes = f"What was done in training against differences between groups: {_line(mitigated.method)}"
        return [*_listed(lines), notes]
    return _listed(lines)


def _changes(summary: RunSummary) -> list[str]:
    optional = ["Opt into a sensitive category, or out of it."] if summary.policy.sensitive_categories else []
    return _listed(
        [
            (
                "Ask for a list that is not based on profiling. Then your history is not read, and you get the list "
                "that is the same for everybody: items by how popular they are. An objection signal of your browser "
                "(Global Privacy Control) counts as such a wish where the service passes it on."
            ),
            (
                "Take back your agreement to recommendations from your history (personalization.recommendations). Your "
                "list is then not based on it any more."
            ),
            (
                f"Take back your agreement to learning from your history ({_line(summary.purpose)}). Every model that "
                "is trained from then on is made without it; models made before stay as they are, within what is said "
                "below."
            ),
            *optional,
            (
                "Ask why. Each recommendation can be taken apart exactly into what every item of your history, and "
                "popularity, added to it."
            ),
        ]
    )


def _protected(summary: RunSummary) -> list[str]:
    if summary.noise != "system":
        return ["This model was made for tests, with noise that protects nobody. It may not be used for people."]
    return [
        (
            "What anybody can learn from the model about any one person who agreed "
            f"({_line(summary.unit).rstrip('.')}) is limited: it is differentially private with epsilon = "
            f"{summary.budget.epsilon:g} and delta = {summary.budget.delta:g}. The privacy statement has every figure."
        ),
        f"In plain words: {_first_lower(to_you(_loss(summary)))}",
    ]


def _loss(summary: RunSummary) -> PrivacyLoss:
    """What the run costs somebody in it, on whichever side they are."""
    sides = (
        PrivacyLoss(
            mu_squared=sum(release.noise_multiplier**-2 for release in part),
            slack_epsilon=sum(release.slack_epsilon for release in part),
            tail=sum(release.tail for release in part),
        )
        for side in ("training", "evaluation")
        if (part := [release for release in summary.losses if side in release.partitions])
    )
    return max(sides, key=lambda loss: loss.delta(0.0))


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _section(title: str, paragraphs: Iterable[str]) -> str:
    return f"{title}\n{'-' * len(title)}\n\n" + "\n\n".join(_wrapped(each) for each in paragraphs)


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"* {line}" for line in lines]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent="  " if text.startswith("* ") else "")


def _sentence(things: Sequence[str]) -> str:
    """Several things as the beginning of a sentence."""
    joined = ", ".join(things[:-1]) + (" and " if len(things) > 1 else "") + things[-1]
    return joined[0].upper() + joined[1:]


def _line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())
