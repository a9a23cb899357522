"""What the model card says of the model itself, of how its figures were made, and of what to keep in mind.

The parts are those of Mitchell et al., *Model Cards for Model Reporting* (2019), that no table of figures has: model
details, factors, evaluation data and metrics, ethical considerations.
"""

from __future__ import annotations

from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.card_markdown import bullets
from tactful.assurance.summary import RunSummary, listed, readable
from tactful.errors import counted

_NOT_STATED = "not stated"


def details(summary: RunSummary) -> str:
    """What kind of model it is, what goes in and comes out, and who stands behind it."""
    who = summary.curator
    stated = [each for each in (who.name, who.kind, who.sector, who.region) if each != _NOT_STATED]
    return bullets(
        [
            (
                "Kind: a linear item-to-item recommender. The score of an item is a sum over the items of a history, "
                "and a part that is the same for everybody; each score can be taken apart exactly"
            ),
            "Takes: item ids of one history, and whether this person allows it to be read. Gives: items with scores",
            f"Holds: numbers about {counted(summary.catalogue_size, 'item')}; none about a person",
            f"Published by: {', '.join(stated) or _NOT_STATED}",
            (
                f"Whether it was approved, by whom and why: tactful models {summary.model}. Whether anything was "
                f"changed since: tactful verify {summary.model}"
            ),
        ]
    )


def factors(assessment: FairnessAssessment) -> str:
    """Whom was looked at apart, and how groups were made."""
    rows = [
        f"{readable(name)}: {listed(result.by_group)}"
        for name, result in {**assessment.attributes, **assessment.intersections}.items()
    ]
    if not rows:
        return "No groups of people were looked at."
    told = (
        "Groups are those that the configuration declares, of people who agreed to be assessed. People who say "
        "nothing are “undisclosed”; groups with too few people are merged as declared, or shown as too small. No "
        "attribute is an input of the model."
    )
    return f"{told}\n\n{bullets(rows)}"


def measured(summary: RunSummary) -> str:
    """On whom and how its figures were made, and what an interval is."""
    return bullets(
        [
            (
                f"Evaluated on {100 * summary.evaluation_share:.0f}% of people, set aside by a keyed hash before "
                "anything was learned: nothing was learned from them"
            ),
            (
                "The earlier 80% of a person's items are the history, the later 20% are hidden and looked for among "
                "all items of the catalogue that the history does not hold, but for sensitive ones"
            ),
            (
                "Every figure is released through noise. Intervals are meant to hold the truth 95 times of 100; they "
                "cover chance in who was evaluated, and the noise"
            ),
            (
                "Rules are declared in the configuration. A rule passes only if the whole interval does; where that "
                "cannot be said, the verdict is insufficient evidence"
            ),
            f"Settings were chosen: {_TUNING[summary.tuning]}",
        ]
    )


_TUNING = {
    "not stated": "it is not stated how",
    "none": "once, without looking at results",
    "public data": "on public data",
    "paid trials": "by trials, each of which was paid for",
}


def considerations(summary: RunSummary) -> str:
    """What could do harm, and what was done about it."""
    sensitive = summary.policy.sensitive_categories
    opt_in = (
        f"Items of {', '.join(sensitive)} can tell something intimate. They are learned from and recommended only for "
        "people who opted in"
        if sensitive
        else "No category of items was declared sensitive: look through the catalogue for some that are"
    )
    return bullets(
        [
            opt_in,
            (
                "A person may refuse: then no history is read. The service has to ask, and to know who refused or "
                "withdrew since the training: signed lists of them are made for that"
            ),
            "Rows of minors, and of people who asked to be erased, are not used where the tables say so",
            (
                "What is popular is recommended more and gets more popular. Train again on later purchases with care: "
                "some of them are answers to recommendations"
            ),
            "A person decides about every model: a candidate serves nobody before a reviewer signed for it",
            f"The guarantee is about {summary.unit.rstrip('.')}. Several ids of one person add up",
        ]
    )
