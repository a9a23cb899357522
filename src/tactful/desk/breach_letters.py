"""Drafts of the two notices of a breach: to the supervisory authority, and to the people concerned.

They hold every point that Articles 33(3) and 34(2) of Regulation (EU) 2016/679 ask for: what tactful knows is filled
in, with exact counts, and what only the business knows is a marked blank. They are drafts: nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tactful.config import ControllerSection
from tactful.desk.breach import HOURS, Breach
from tactful.desk.paper import Paper, Part, Section, blank, grid, points, sentence, stated
from tactful.errors import counted


def to_authority(found: Breach, controller: ControllerSection) -> Paper:
    """The notice to the supervisory authority, Article 33.

    Notes
    -----
    **Privacy.** *Reads* the report. *Returns* counts and words, no id, for the authority. *Costs* nothing. *Assumes*
    whoever sends it has read it.
    """
    return Paper(
        title="Notification of a personal data breach (draft)",
        lead=(
            "To the supervisory authority, under Article 33 of Regulation (EU) 2016/679.",
            f"A draft of {_minute(found.now)}. What is marked is for the controller to fill in.",
            _clock(found),
        ),
        sections=(
            _section("Who reports", points(_who(controller)), blank("whether this is a first or a later report")),
            _section(
                "What happened",
                blank("what happened, how, and how it was found"),
                blank("whether data were read, changed, lost, or out of reach"),
                points(f"Concerned: {each.what}." for each in found.stores),
                _period(found),
            ),
            _section(
                "People concerned",
                _people(found),
                _by_store(found),
                blank("whether children or others in need of protection are among them"),
            ),
            _section("Records concerned", _records(found), *_limits(found)),
            _section("What protected the data", *_protection(found)),
            _section("Likely consequences", blank("what this may mean for the people concerned"), *_models(found)),
            _section(
                "Measures",
                blank("what was done to end the breach"),
                blank("what is done to lessen its effects, and to keep it from happening again"),
            ),
            _section(
                "Whether people are told",
                "Article 34 asks to tell them without undue delay where the risk to them is likely to be high, unless "
                "the data were unintelligible to whoever had them, as by encryption whose keys they did not have, or "
                "later measures ended the risk.",
                blank("the decision, and why"),
                points((blank(question) for question in found.questions), none="No further question is open."),
            ),
            _section(
                "If this is late",
                f"Reasons are owed if this is sent after {_minute(found.deadline)}.",
                blank("the reasons, if so"),
            ),
        ),
    )


def to_people(found: Breach, controller: ControllerSection) -> Paper:
    """The notice to the people concerned, Article 34, in plain words.

    Notes
    -----
    **Privacy.** *Reads* the report. *Returns* words and categories of data, no id and no count. *Costs* nothing.
    *Assumes* whoever sends it has read it.
    """
    name = stated(controller.name, "who writes")
    return Paper(
        title="Your data may have been seen by others (draft)",
        lead=("This is a draft. What is marked is still to be filled in before it is sent.",),
        sections=(
            _section("What happened", blank("what happened, in two or three plain sentences"), _period(found)),
            _section("Which data about you it may concern", points(_categories(found))),
            _section(
                "What this may mean for you",
                blank("what somebody could do with these data"),
                *_models_for_people(found),
            ),
            _section("What we have done", blank("what was done, and what is still being done")),
            _section(
                "What you can do",
                blank("what people can do to protect themselves"),
                "You can ask to see what is held about you, have it deleted, and take back what you agreed to: "
                + _at(controller),
            ),
            _section(
                "Whom to ask",
                points(
                    (
                        f"Who answers for your data: {name}" if not name.startswith("To be") else name,
                        stated(controller.contact, "how to reach us"),
                        stated(controller.officer, "the data protection officer, and how to reach them"),
                    )
                ),
                "You can also complain to the supervisory authority:",
                stated(controller.authority, "the supervisory authority"),
            ),
        ),
    )


def _models_for_people(found: Breach) -> Iterator[Part]:
    """What a model gives away, to those whom it is about."""
    if any(each.store == "models" for each in found.stores):
        yield f"Models were in reach, too. They hold numbers about items, and no row about you. {found.to_you}"


def _section(title: str, *parts: Part) -> Section:
    return Section(title=title, parts=parts)


def _clock(found: Breach) -> str:
    """The 72 hours."""
    left = found.hours_left
    told = f"{left:.1f} hours are left" if left >= 0 else f"that was {-left:.1f} hours ago, so reasons are owed"
    return (
        f"The controller became aware on {_minute(found.aware_at)}; {HOURS} hours after that is "
        f"{_minute(found.deadline)}: {told}."
    )


def _who(controller: ControllerSection) -> Iterator[str]:
    """Name and contact, Article 33(3)(b)."""
    for text, what in (
        (controller.name, "the controller's name"),
        (controller.contact, "how to reach the controller"),
        (controller.officer, "the data protection officer or another contact, and how to reach them"),
        (controller.authority, "the authority this goes to"),
    ):
        yield stated(text, what)


def _period(found: Breach) -> str:
    """From when to when."""
    words = found.period.in_words()
    return f"{words[0].upper()}{words[1:]}, as far as is known."


def _people(found: Breach) -> str:
    """How many people, Article 33(3)(a)."""
    named = [each for each in found.stores if each.names_people]
    if not named:
        return "None of these stores holds rows about people."
    people = counted(len(found.people), "person", "people")
    return f"At least {people} who used the service, each counted once over all stores."


def _by_store(found: Breach) -> Part:
    """How many people in each store."""
    rows = [(each.what, f"{len(each.people):,}" if each.names_people else "names nobody") for each in found.stores]
    return grid(("Store", "People"), rows)


def _records(found: Breach) -> Part:
    """Categories and numbers of records."""
    rows = [(what, f"{n:,}") for each in found.stores for what, n in each.rows.items()]
    return grid(("Category of data", "Records"), rows) if rows else "No records about people."


def _limits(found: Breach) -> Iterator[Part]:
    """What bounds the counts."""
    notes = [note for each in found.stores for note in each.notes]
    if notes:
        yield "What bounds these counts:"
        yield points(dict.fromkeys(notes))


def _protection(found: Breach) -> Iterator[Part]:
    """What stood in between, by store."""
    for each in found.stores:
        if each.protection:
            yield f"{each.what[0].upper()}{each.what[1:]}:"
            yield points(each.protection)


def _models(found: Breach) -> Iterator[Part]:
    """What a model gives away."""
    if not any(each.store == "models" for each in found.stores):
        yield "No model was among what was in reach."
        return
    yield (
        "Models hold numbers about items and released statistics. About any one person they are bound by differential "
        f"privacy. All of them together: {found.together}"
    )
    if found.models:
        header = ("Model", "Trained", "State", "Epsilon (delta)", "What it gives away about one person at most")
        yield grid(
            header,
            [
                (m.name, _day(m.trained_at), m.status, _epsilon(m.epsilon, m.delta), m.means)
                for m in found.models
            ],
        )  # fmt: skip
    yield points(found.measured)


def _categories(found: Breach) -> Iterator[str]:
    """Categories of data in words, without counts or places."""
    words = dict.fromkeys(words for each in found.stores for words in each.about)
    yield from words or ("No rows about you were in what was in reach.",)


def _at(controller: ControllerSection) -> str:
    """Where rights are used."""
    return "write to us." if controller.rights == "not stated" else sentence(controller.rights)


def _epsilon(epsilon: float | None, delta: float) -> str:
    return "none" if epsilon is None else f"{epsilon:.3g} ({delta:g})"


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
