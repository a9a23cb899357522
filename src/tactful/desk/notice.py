"""A transparency notice from the configuration: what is done with people's data, purpose by purpose, in plain words.

It answers what Articles 13 and 14 of Regulation (EU) 2016/679 and Article 27 of Regulation (EU) 2022/2065 ask: who,
what, why, on what ground, how long, who else sees it, where it comes from, what the logic of the profiling is, and
which rights people have. What the configuration does not state reads as a marked blank; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tactful.assurance.summary import readable
from tactful.config import ControllerSection, TrainingConfig
from tactful.desk.paper import Paper, Part, Points, Section, blank, points, sentence, stated
from tactful.errors import counted
from tactful.planning import Planned
from tactful.privacy.plain_risk import plain_risk

RECOMMENDING = "personalization.recommendations"
_ASSESSMENT, _MITIGATION = "fairness.assessment", "fairness.mitigation"


def notice(settings: TrainingConfig, *, at: datetime) -> Paper:
    """The notice of one model's configuration.

    Notes
    -----
    **Privacy.** *Reads* the configuration; nothing about people. *Returns* words. *Costs* nothing. *Assumes* nothing.
    """
    who = settings.controller
    return Paper(
        title="How your data are used for recommendations",
        lead=(f"{_line(settings.model.intended_use)}", f"As of {at:%Y-%m-%d}."),
        sections=(
            Section(title="Who answers for it", parts=(_who(who),)),
            Section(title="In short", parts=(_in_short(settings),)),
            *_purposes(settings),
            Section(title="How a recommendation comes about", parts=tuple(_logic(settings))),
            Section(title="How long", parts=(_retention(settings),)),
            Section(title="Where the data come from, and who gets them", parts=tuple(_flows(who))),
            Section(title="How you are protected", parts=(_protection(settings),)),
            Section(title="Your rights, and how to use them", parts=tuple(_rights(who))),
            *_not_covered(settings),
        ),
    )


def _who(who: ControllerSection) -> Points:
    """Name and contact, Article 13(1)(a) and (b)."""
    return points(
        (
            f"{_given(who.name, 'the name of the business')}",
            f"{_given(who.contact, 'how it is reached')}",
            f"{_given(who.officer, 'the data protection officer, and how to reach them')}",
        )
    )


def _in_short(settings: TrainingConfig) -> Points:
    """The notice in a few lines."""
    return points(
        (
            "Your history is used for nothing without your yes, and a yes to one thing is none to another.",
            (
                "Whether you agreed, refused or never answered is counted: of all people how many did each, with noise "
                "added, so that the figures tell nobody what any one person did."
            ),
            (
                f"We look at what you used and when, of the last {counted(settings.policy.retention_days, 'day')}. "
                "Nothing else about you is read to make a recommendation."
            ),
            (
                "No model holds anything about you as a person, and what it could give away about you is limited by "
                "calculation."
            ),
            "You can take back your yes at any time, see what is held, and have it deleted.",
            "You can always ask for a list that is not based on your history.",
        )
    )


def _purposes(settings: TrainingConfig) -> Iterator[Section]:
    """What is done under each purpose, one section each."""
    ground = f"Ground: {sentence(settings.controller.legal_basis)}"
    if settings.controller.legal_basis == "consent":
        ground = "Ground: your consent. Without it this is not done."
    days = settings.policy.retention_days
    items = counted(settings.privacy.max_items, "item of yours counts", "different items of yours count")
    told = [
        (
            "Learning what goes together",
            settings.model.purpose,
            "From what you used and when, together with that of many others, a model learns which items go together.",
            f"Up to {items}, none older than {counted(days, 'day')}.",
        ),
        (
            "Recommending from your history",
            RECOMMENDING,
            "When you ask for recommendations, your history is read for that moment, and a list is made from it.",
            (
                "The model does not keep it. If you say no, or your browser sends the signal Global Privacy Control "
                "and the service passes it on, you get the list that is the same for everybody."
            ),
        ),
    ]
    if settings.fairness.attributes:
        names = ", ".join(readable(_line(name)) for name in settings.fairness.attributes)
        told.append(
            (
                "Checking that nobody is served worse",
                _ASSESSMENT,
                f"What you told about yourself ({names}) is used to compare how well the lists serve groups of people.",
                "Only sums over many people, with noise, leave that comparison. It never decides what you are shown.",
            )
        )
    if settings.fairness.mitigation is not None:
        told.append(
            (
                "Making up for differences between groups",
                _MITIGATION,
                (
                    f"What you told about yourself ({readable(_line(settings.fairness.mitigation.attribute))}) "
                    "decides how much your history counts when the model is trained, or which way its lists are "
                    "moved."
                ),
                "Without your yes you count as the average does.",
            )
        )
    for category in settings.policy.sensitive:
        own = settings.policy.retention.get(category, days)
        told.append(
            (
                f"Sensitive items: {_line(category).replace('_', ' ')}",
                f"personalization.sensitive.{category}",
                (
                    "Items of this kind are neither learned from nor read from your history, nor recommended to "
                    "you, unless you say yes to this category."
                ),
                f"They count for {counted(own, 'day')} at most.",
            )
        )
    for title, purpose, what, bounds in told:
        yield Section(title=title, parts=(points((what, bounds, ground, f"Its name in our records: {purpose}")),))


def _logic(settings: TrainingConfig) -> Iterator[Part]:
    """The profiling, Article 13(2)(f) and Article 27 of the Digital Services Act."""
    yield "This is profiling: your history decides which items come first in your list. It decides nothing else here."
    yield points(
        (
            "What counts: which items your history holds, which items go together, and how popular each item is.",
            *(
                ["Some items are lifted by a fixed amount, the same for everybody."]
                if settings.fairness.exposure is not None
                else []
            ),
            "What never counts: who you are (no name, age, sex or income), where you are, which device you use.",
            "Each recommendation can be taken apart exactly into what every item of your history added to it: ask why.",
            "Measured figures of the model in use are in its text of main parameters.",
        )
    )


def _retention(settings: TrainingConfig) -> Points:
    """How long, Article 13(2)(a)."""
    policy = settings.policy
    days = counted(policy.retention_days, "day")
    deleted = ", and deleted from our store" if settings.data.interactions is None else ""
    shorter = [f"{_line(name).replace('_', ' ')}: {counted(own, 'day')}." for name, own in policy.retention.items()]
    return points(
        (
            f"What you used: {days} from then; after that it is not used any more{deleted}.",
            *shorter,
            (
                "What you agreed to or refused: as long as it must be shown that we asked you; when you have yourself "
                "deleted, only a mark stays, so that your data do not come back."
            ),
            "A model stays in use as long as it is approved, and that ends by itself.",
        )
    )


def _flows(who: ControllerSection) -> Iterator[Part]:
    """Sources, recipients and transfers, Articles 13(1)(e) and (f) and 14(2)(f)."""
    yield (
        f"Where from: {sentence(who.source)}" if who.source != "not stated" else stated("", "where the data come from")
    )
    yield "Who else gets them:"
    yield points(map(_line, who.recipients), none=blank("recipients, or that there are none"))
    yield "Countries outside that they go to:"
    yield points(map(_line, who.transfers), none=blank("countries and safeguards, or that there are none"))


def _protection(settings: TrainingConfig) -> Points:
    """What the guarantee means, in words."""
    privacy, budget = settings.privacy, settings.budget
    if privacy.reproducible_seed is not None:
        return points(("This configuration is for tests, with noise that protects nobody. It is not for people.",))
    one = promised_risk(settings)
    period = f" in {counted(budget.period_days, 'day')}" if budget.period_days else ""
    return points(
        (
            (
                f"Each training is limited to epsilon = {privacy.epsilon:g}, delta = {privacy.delta:g}, for "
                f"{_line(settings.model.unit).rstrip('.')}. That means: of 100 guesses whether you were in it, of "
                f"which 50 are right by chance, at most {one:g} are right for somebody who has the model and knows "
                "everybody else."
            ),
            f"All trainings together are limited to epsilon = {budget.epsilon:g}{period}.",
            _kept(settings),
            *map(_line, settings.controller.security),
        )
    )


def promised_risk(settings: TrainingConfig) -> float:
    """Of 100 even guesses whether a person was in one training, how many are right at most, by its plan."""
    plan = Planned.of(settings).plan
    return max(plain_risk(plan.loss(part)).presence for part in ("training", "evaluation"))


def _kept(settings: TrainingConfig) -> str:
    """How the history is kept, as far as it is tactful that keeps it."""
    if settings.data.interactions is not None:
        return blank("how the tables of what people used are protected")
    return "The history kept for training is encrypted, under a made-up name instead of yours."


def _rights(who: ControllerSection) -> Iterator[Part]:
    """Rights, Articles 13(2)(b) to (d)."""
    yield (
        f"Where: {sentence(who.rights)}" if who.rights != "not stated" else stated("", "where people use their rights")
    )
    yield points(
        (
            "See everything that is held about you, in one file, also for another service to read.",
            "Have it deleted. Models made before stay as they are, within the limit above; no later one uses it.",
            (
                "Take back any consent. It stops the use of your history for your own list, at the next request once "
                "the service that makes it is told, and every later training leaves you out. What was done before "
                "stays lawful."
            ),
            "Have what is wrong put right, have its use limited, or object to it.",
        )
    )
    yield "You can complain to the supervisory authority:"
    yield _given(who.authority, "the supervisory authority")


def _not_covered(settings: TrainingConfig) -> Iterator[Section]:
    """Who or what it is not for."""
    if settings.model.not_covered:
        yield Section(title="What it is not for", parts=(points(map(_line, settings.model.not_covered)),))


def _given(text: str, what: str) -> str:
    """What the business stated, on one line, or a blank."""
    return stated(_line(text), what)


def _line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())
