"""What a data protection impact assessment needs to know, from the configuration, the journal and what was measured.

It has the points of Article 35(7) of Regulation (EU) 2016/679: a description, why it is needed, the risks with what is
known about them, and the measures. It weighs nothing: that is for whoever assesses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tactful.assurance.candidates import KINDS, replay
from tactful.assurance.model_book import Book, CandidateEntry
from tactful.config import TrainingConfig
from tactful.desk.breach_models import measured, model_risks
from tactful.desk.measures import Measure, told
from tactful.desk.notice import promised_risk
from tactful.desk.paper import Paper, Part, Section, blank, grid, points, sentence
from tactful.desk.person import Desk
from tactful.desk.processing import one_line
from tactful.errors import counted
from tactful.privacy.ledger import BudgetLedger
from tactful.records.reads import noted_reads


def assessment_inputs(settings: TrainingConfig, desk: Desk, found: tuple[Measure, ...]) -> Paper:
    """The inputs for one configuration.

    Parameters
    ----------
    settings : TrainingConfig
    desk : Desk
    found : tuple of Measure
        What was seen of the measures of security.

    Raises
    ------
    JournalBrokenError
        What the journal says about models or the budget does not hold.

    Notes
    -----
    **Privacy.** *Reads* the configuration and the journal. *Returns* words, released values and counts of runs; no id,
    no row. *Costs* nothing. *Assumes* nothing.
    """
    now, model = desk.records.now(), settings.model
    return Paper(
        title=f"Inputs for an impact assessment: {one_line(model.name)}",
        lead=(
            f"Article 35(7) of Regulation (EU) 2016/679. Put together on {now:%Y-%m-%d}.",
            "Facts for whoever assesses; the weighing is theirs, and is marked.",
        ),
        sections=(
            Section(title="What is done", parts=tuple(_description(settings))),
            Section(title="Whether it is necessary, and in proportion", parts=tuple(_necessity(settings, desk))),
            Section(title="What could be learned about one person", parts=tuple(_risk(settings, desk))),
            Section(title="What was spent", parts=tuple(_budget(desk))),
            Section(title="Whether some are served worse", parts=tuple(_fairness(settings, desk))),
            Section(title="Other risks", parts=(blank("other risks to people, how likely and how grave they are"),)),
            Section(
                title="Measures that are in force",
                parts=(points([*told(found, holds=True), *map(one_line, settings.controller.security)]),),
            ),
            Section(title="Measures that are not", parts=(points(told(found, holds=False)),)),
            Section(
                title="Views asked",
                parts=(
                    blank("the advice of the data protection officer, Article 35(2)"),
                    blank("the views of people concerned or of those who speak for them, Article 35(9)"),
                ),
            ),
        ),
    )


def _description(settings: TrainingConfig) -> Iterator[Part]:
    """Article 35(7)(a)."""
    model, privacy = settings.model, settings.privacy
    yield one_line(model.intended_use)
    yield points(
        (
            (
                f"A model of which items go together is trained ({model.method}) from what was used by people who gave "
                f"{model.purpose}, at most {counted(privacy.max_items, 'different item')} of each."
            ),
            "Lists are made when they are asked for, from the history that is passed then, and nothing of it is kept.",
            "It is profiling; no decision with legal effect is made by it.",
            *(f"Not covered: {one_line(each)}" for each in model.not_covered),
        )
    )


def _necessity(settings: TrainingConfig, desk: Desk) -> Iterator[Part]:
    """Article 35(7)(b): what keeps it small."""
    policy, reads = settings.policy, noted_reads(desk.records, "training")
    yield blank("why the purpose cannot be reached with less, and what the business gains by it")
    yield points(
        (
            (
                f"Ground: {sentence(settings.controller.legal_basis)} Purpose by purpose; a refusal anywhere wins; "
                "whoever says nothing is left out."
            ),
            f"Three columns are read: who, which item, when; of the last {counted(policy.retention_days, 'day')}.",
            f"Sensitive categories, each with its own opt-in: {', '.join(policy.sensitive) or 'none declared'}.",
            "Before a training begins each row must hold a consent without a break from then to now.",
            f"Trainings that the journal knows to have read: {len(reads)}.",
        )
    )


def _risk(settings: TrainingConfig, desk: Desk) -> Iterator[Part]:
    """Article 35(7)(c): what a model gives away, promised and measured."""
    privacy = settings.privacy
    yield (
        f"Each training promises epsilon = {privacy.epsilon:g} at delta = {privacy.delta:g}: of 100 guesses whether a "
        f"person was in it, of which 50 are right by chance, at most {promised_risk(settings):g} are "
        "right for somebody who has all that it released and knows everybody else."
    )
    models, together = model_risks(desk, desk.records.now())
    if models:
        header = ("Model", "Trained", "State", "What it gives away about one person at most")
        yield grid(header, [(m.name, f"{m.trained_at:%Y-%m-%d}", m.status, m.means) for m in models])
    yield f"All of them together: {together}"
    yield points(measured(desk))


def _budget(desk: Desk) -> Iterator[Part]:
    """The limit, and what was spent of it."""
    status: dict[str, Any] = BudgetLedger(desk.records).status().as_json()
    if not status["limit"]:
        yield "Nothing was released, and no budget has been declared in the records yet."
        return
    names = ("limit", "spent", "remaining", "since_first")
    yield grid(
        ("", "Epsilon", "Delta"),
        [(name.replace("_", " "), _number(status[name]["epsilon"]), _number(status[name]["delta"])) for name in names],
    )


def _fairness(settings: TrainingConfig, desk: Desk) -> Iterator[Part]:
    """Verdicts of each version, and with which reason one was approved that did not pass."""
    book = replay(desk.records.entries(KINDS))
    if not settings.fairness.rules:
        yield "No rule is declared, so nothing is judged."
    rows = [row for each in book.candidates if each.candidate.model == settings.model.name for row in _rows(book, each)]
    if not rows:
        yield "No version has been judged yet."
        return
    yield grid(("Version", "Rule", "Verdict", "Approved in spite of it because"), rows)


def _rows(book: Book, entry: CandidateEntry) -> Iterator[tuple[str, ...]]:
    """The verdicts of one version."""
    decision = book.latest(entry)
    why = dict(decision.document.payload.get("overrides", {})) if decision is not None else {}
    for rule, verdict in entry.verdicts.items():
        yield str(entry.candidate.version), one_line(rule), verdict, one_line(str(why.get(rule, "")))


def _number(value: float | None) -> str:
    return "no finite one" if value is None else f"{value:.4g}"
