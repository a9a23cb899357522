"""The record of processing activities, from the configuration and what is really there.

It has the points of Article 30(1) of Regulation (EU) 2016/679. Measures of security are those that were seen in force
(`tactful.desk.measures`), and those that were not are listed as such. What is not stated is a marked blank.
"""

from __future__ import annotations

from collections.abc import Iterator

from tactful.assurance.summary import readable
from tactful.config import TrainingConfig
from tactful.desk.measures import Measure, told
from tactful.desk.notice import RECOMMENDING
from tactful.desk.paper import Paper, Part, Section, blank, grid, points, sentence, stated
from tactful.desk.person import Desk
from tactful.errors import counted


def processing_record(settings: TrainingConfig, desk: Desk, found: tuple[Measure, ...]) -> Paper:
    """The record of one configuration's processing.

    Parameters
    ----------
    settings : TrainingConfig
    desk : Desk
    found : tuple of Measure
        What was seen of the measures of security.

    Notes
    -----
    **Privacy.** *Reads* the configuration, and how much the stores hold; no row. *Returns* words and counts of stores,
    for inside the trust boundary. *Costs* nothing. *Assumes* nothing.
    """
    now = desk.records.now()
    return Paper(
        title=f"Record of processing: {one_line(settings.model.name)}",
        lead=(f"Article 30(1) of Regulation (EU) 2016/679. Put together on {now:%Y-%m-%d}.",),
        sections=(
            Section(title="Controller", parts=(points(_controller(settings)),)),
            Section(title="Purposes", parts=(_purposes(settings),)),
            Section(title="People and data", parts=tuple(_categories(settings))),
            Section(title="Where the data are", parts=(points(_places(desk)),)),
            Section(
                title="Recipients",
                parts=(points(map(one_line, settings.controller.recipients), none=blank("recipients, or none")),),
            ),
            Section(
                title="Transfers to other countries",
                parts=(
                    points(
                        map(one_line, settings.controller.transfers), none=blank("countries and safeguards, or none")
                    ),
                ),
            ),
            Section(title="When data are erased", parts=(points(_erased(settings)),)),
            Section(title="Measures of security in force", parts=tuple(_measures(settings, found))),
        ),
    )


def _controller(settings: TrainingConfig) -> Iterator[str]:
    """Article 30(1)(a)."""
    who = settings.controller
    for text, what in (
        (who.name, "the controller"),
        (who.contact, "how the controller is reached"),
        (who.officer, "the data protection officer"),
        (who.authority, "the supervisory authority"),
    ):
        yield stated(one_line(text), what)


def _purposes(settings: TrainingConfig) -> Part:
    """Article 30(1)(b)."""
    ground, model = one_line(settings.controller.legal_basis), settings.model
    rows = [(model.purpose, f"To train a model: {one_line(model.intended_use)}", ground)]
    rows.append((RECOMMENDING, "To recommend items from a person's history, at their request", ground))
    if settings.fairness.attributes:
        rows.append(("fairness.assessment", "To compare how well groups of people are served", ground))
    if settings.fairness.mitigation is not None:
        rows.append(("fairness.mitigation", "To make up for differences between groups in training", ground))
    rows += [
        (f"personalization.sensitive.{name}", f"To use items of the category {readable(name)}", ground)
        for name in settings.policy.sensitive
    ]
    return grid(("Purpose", "What for", "Ground"), rows)


def _categories(settings: TrainingConfig) -> Iterator[Part]:
    """Article 30(1)(c)."""
    yield f"People who use the service. One of them is: {sentence(settings.model.unit)}"
    data = [
        ("what they used, and when", "pseudonym, item, time"),
        ("what they agreed to", "purpose, state, when it was given and recorded, until when, notice, method, source"),
        ("whether they are minors or were erased", "flag, time"),
    ]
    if settings.fairness.attributes:
        names = ", ".join(readable(one_line(name)) for name in settings.fairness.attributes)
        data.append(("what they told about themselves", f"{names}; only for fairness, only of those who agreed"))
    if settings.policy.sensitive:
        kinds = ", ".join(readable(name) for name in settings.policy.sensitive)
        data.append(("items that may reveal something sensitive", f"{kinds}; each only with its own opt-in"))
    yield grid(("Category of data", "What of it is read"), data)
    yield "Items and their descriptions are public and about nobody."


def _places(desk: Desk) -> Iterator[str]:
    """Each table and store."""
    for table in desk.tables:
        yield f"{table.role}: {table.place if table.own else f'a table of the business, {table.place}'}"
    yield f"journal, budget and directory of people: {desk.records.address}"


def _erased(settings: TrainingConfig) -> Iterator[str]:
    """Article 30(1)(f)."""
    policy = settings.policy
    yield f"Interactions: {counted(policy.retention_days, 'day')} after they happened (tactful purge)."
    for name, days in policy.retention.items():
        yield f"Interactions with items of {readable(name)}: {counted(days, 'day')}."
    yield "Consents: as long as it must be shown that people were asked; when somebody is erased, with them."
    yield "Who was erased: a pseudonym and a time stay, so that their data are not brought in again."
    if settings.data.interactions is not None or settings.data.consents is not None:
        yield blank("when the tables of the business are erased")


def _measures(settings: TrainingConfig, found: tuple[Measure, ...]) -> Iterator[Part]:
    """Article 30(1)(g): those that were seen, and those that were not."""
    yield points([*told(found, holds=True), *map(one_line, settings.controller.security)], none="none was seen")
    missing = list(told(found, holds=False))
    if missing:
        yield "Not in force when this was put together:"
        yield points(missing)


def one_line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())
