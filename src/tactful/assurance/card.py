"""The model card, in markdown, which MLflow renders."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tactful.assurance.assessment import AttributeResult, FairnessAssessment, GroupResult
from tactful.assurance.attacks import AuditFacts, MembershipFacts, Unmeasured
from tactful.assurance.card_champion import against_champion
from tactful.assurance.card_details import considerations, details, factors, measured
from tactful.assurance.card_markdown import bullets, code, fenced, plain, table
from tactful.assurance.champion_record import ChampionRecord
from tactful.assurance.intervals import Estimate
from tactful.assurance.judgement import left_out, left_out_in_words
from tactful.assurance.lift import against_popularity
from tactful.assurance.report_figures import everything, reach, rule_metrics, said, tells
from tactful.assurance.summary import RunSummary, about, in_order, listed, metric_meaning, metric_name, readable
from tactful.errors import counted
from tactful.privacy.sums import Measured


def model_card(summary: RunSummary, assessment: FairnessAssessment, *, champion: ChampionRecord | None = None) -> str:
    """What the model is, for whom, what it cost in privacy, how well it serves whom, and what is not known.

    Parameters
    ----------
    summary : RunSummary
    assessment : FairnessAssessment
    champion : ChampionRecord, optional
        What the candidate would replace; the card puts them side by side.

    Notes
    -----
    **Privacy.** *Reads* released values and configuration. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    sections = [
        f"# Model card: {plain(summary.model)}",
        _lead(summary),
        "## What it is",
        details(summary),
        "## What it is for",
        _purpose(summary),
        "## What it learned from",
        _data(summary),
        "## Privacy",
        _privacy(summary),
        "### What attacks found",
        _audit(summary.audit),
        _membership(summary.membership),
        "## How it was measured",
        measured(summary),
        "## How well it recommends",
        _quality(summary),
        "## How differently groups are served",
        factors(assessment),
        _verdicts(assessment),
        *(_groups(name, result, rule_metrics(assessment, name)) for name, result in everything(assessment).items()),
        _more(assessment),
        against_champion(summary, assessment, champion),
        "## What to consider",
        considerations(summary),
        "## What is not known",
        bullets(unknowns(assessment)),
        "## Configuration",
        fenced(summary.config_text, "toml"),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def unknowns(assessment: FairnessAssessment) -> list[str]:
    """What the assessment cannot say, in sentences."""
    found = []
    for name, result in everything(assessment).items():
        left = left_out_in_words(left_out(name, assessment.attributes))
        if left:
            found.append(f"How groups compare with people whom no rule about {readable(name)} compares: {left}.")
        if result.unmeasured:
            few = listed(result.unmeasured) if result.overall else "all of them"
            found.append(f"How {readable(name)} groups with too few people are served: {few}.")
    return [
        *found,
        *_not_assessed(assessment),
        "How people are served who did not consent to training: no figure about quality here is about them.",
        "How people with only a few items are served: a history too short to be divided is not evaluated.",
        _causes(assessment),
        *([] if assessment.intersections else ["How people who belong to two groups at once are served."]),
        (
            "Whether people like what they are shown: figures are about items people chose by themselves and the model "
            "did not see."
        ),
    ]


def _not_assessed(assessment: FairnessAssessment) -> list[str]:
    """Who is in no group for want of consent, where that is more than noise: one number, which each attribute tells."""
    told = [r.not_assessed for r in assessment.attributes.values() if 0 < r.not_assessed.sigma < math.inf]
    weights = [found.sigma**-2 for found in told]
    mean = sum(w * found.value for w, found in zip(weights, told, strict=True)) / max(sum(weights), 1e-300)
    everybody = Measured(value=mean, sigma=min((found.sigma for found in told), default=math.inf))
    if not everybody.value > 2 * everybody.sigma:
        return []
    who = f"How people are served who did not agree to be assessed: {about(everybody)} of the evaluated people."
    return [f"{who} They may differ from those who agreed."]


def _causes(assessment: FairnessAssessment) -> str:
    """What is not known about why there is a gap."""
    if assessment.conditioned:
        return "What a gap comes from: only whether it goes with how long a history is was looked at."
    return "What a gap comes from, such as how long histories are."


def _lead(summary: RunSummary) -> str:
    """Who made it, when, and what every reader must see first."""
    made = f"Made {summary.created:%Y-%m-%d} with tactful {plain(summary.tactful)}"
    by = f", started with the key `{code(summary.actor)}`" if summary.actor else ", by nobody who gave a key"
    since = f"What was decided about the model since is told by: tactful models {plain(summary.model)}."
    lines = [f"{made}{by}. Written when it was trained, and never changed: this card approves nothing. {since}"]
    if summary.noise == "reproducible":
        lines.append("**Made with reproducible noise, for tests. It protects nobody and cannot be approved.**")
    lines += [f"> {plain(note)}" for note in summary.notes]
    return "\n\n".join(lines)


def _purpose(summary: RunSummary) -> str:
    """Intended use and what is outside it."""
    unfit = (
        f"Not for:\n\n{bullets(summary.not_covered)}" if summary.not_covered else "What it is not for was not stated."
    )
    return f"{plain(summary.intended_use)}\n\n{unfit}"


def _data(summary: RunSummary) -> str:
    """Consent and bounds."""
    sensitive = ", ".join(summary.policy.sensitive_categories) or "none declared"
    features = ", ".join(summary.features) or "none"
    return bullets(
        [
            (
                f"Rows of people who consented to {summary.purpose} without a break from the interaction to the "
                f"training, at most {counted(summary.policy.retention_days, 'day')} old"
            ),
            f"Training people: {about(summary.people)}; at most {counted(summary.max_items, 'distinct item')} each",
            f"Sensitive categories with an opt-in of their own: {sensitive}",
            (
                f"Catalogue: {counted(summary.catalogue_size, 'item')}; head {summary.head_size}, rank "
                f"{summary.rank}; public features: {features}"
            ),
            f"Method {summary.method}: taste learned from {summary.learned}",
        ]
    )


def _privacy(summary: RunSummary) -> str:
    """The guarantee and what it adds up to."""
    rows = [
        [name, f"{mu:.4f}", f"{epsilon:.4g}", f"{summary.budget.delta:g}"]
        for name, (mu, epsilon) in summary.partition_loss.items()
    ]
    claim = (
        "This run is differentially private with"
        if summary.noise == "system"
        else "**With this noise nothing is guaranteed.** With noise from the system the same run would have"
    )
    text = (
        f"Unit: {plain(summary.unit).rstrip('.')}. {claim} ε = {summary.budget.epsilon:g}, δ = "
        f"{summary.budget.delta:g}. Everything released since the first debit amounts to ε = "
        f"{summary.since_first} at δ = {summary.limit.delta:g}; the limit is ε = "
        f"{summary.limit.epsilon:g}. The privacy statement has every figure.{summary.unasked}"
    )
    return f"{text}\n\n{table(['people', 'μ', 'ε', 'δ'], rows)}"


def _audit(audit: AuditFacts | Unmeasured) -> str:
    """How much of the claim an attack on the releases themselves could show."""
    if isinstance(audit, Unmeasured):
        return f"Audit of the releases: {plain(audit.reason)}."
    caught = sum(control.outcome == "caught" for control in audit.controls.values())
    easiest, (_, present) = max(audit.people.items(), key=lambda person: person[1])
    claim = f"ε = {audit.epsilon_lower_bound:.4g} of the claimed {audit.epsilon_claimed:g} at δ = {audit.delta:g}"
    text = plain(
        f"Audit of the releases ({audit.created}, tactful {audit.tactful}): an attacker who knows everybody else and "
        f"sees all that leaves could show at least {claim}, with confidence {audit.confidence:g}, from "
        f"{audit.trials:,} releases of a synthetic world without the person and {present:,} with them; the person "
        f"easiest to tell: {easiest}. Tests of the noise and the head by themselves found "
        f"{'; '.join(audit.not_as_stated) or 'nothing'}. Of {len(audit.controls)} releases broken on purpose the "
        f"audit caught {caught}. Audits of these releases so far: {audit.attempts}, of which {audit.contradictions} "
        f"contradicted the claim. Figures of attacks are reported by whoever ran them."
    )
    if audit.contradicts or audit.not_as_stated:
        return f"**The audit contradicts the claim.** {text}"
    return text if audit.sees else f"{text} **It did not catch all of them, so that what it did not find says little.**"


def _membership(found: MembershipFacts | Unmeasured) -> str:
    """How well members were told from recommendation lists, beside what ε allows."""
    if isinstance(found, Unmeasured):
        return f"Membership inference from recommendation lists: {plain(found.reason)}."
    world = ", ".join(f"{readable(name)} {value}" for name, value in found.world.items())
    text = plain(
        f"Membership inference from recommendation lists ({found.created}, tactful {found.tactful}), on a world of "
        f"nobody's ({world}), with the noise of this run (ε = {found.epsilon:g}, δ = {found.delta:g}), at most "
        f"{counted(found.k, 'item')} a person and a head of {found.head} there: {found.shadows:,} shadow models on "
        f"random halves, {found.targets:,} people asked about. AUC is 0.5 for an attacker who knows nothing."
    )
    if not found.attack_works:
        text += "\n\n**The attack does not work without privacy either, so it shows nothing about this model.**"
    rows = [
        [name, f"{row.auc:.4f} ({_range(row.auc_interval)})", f"{row.tpr:.4f} ({_range(row.tpr_interval)})"]
        for name, row in found.models.items()
    ]
    rows.append(["the most that any attack can reach at this ε", f"{found.bound_auc:.4f}", f"{found.bound_tpr:.4f}"])
    return f"{text}\n\n{table(['model', 'AUC (interval)', 'members found at 1% false alarms (interval)'], rows)}"


def _quality(summary: RunSummary) -> str:
    """Released means over everybody evaluated; what they mean stands below, as MLflow gives every column one width."""
    metrics = in_order(summary.metrics)
    rows = [[metric_name(m), f"{summary.metrics[m]:.4f}", _range(summary.metric_intervals.get(m))] for m in metrics]
    meanings = bullets(f"{metric_name(m)}: {metric_meaning(m)}" for m in metrics if metric_meaning(m))
    found = against_popularity(summary.metric_intervals)
    therefore = f"\n\n**{found[:1].upper()}{found[1:]}.**" if found else ""
    return f"{table(['metric', 'released value', 'interval'], rows)}{therefore}\n\n{meanings}"


def _verdicts(assessment: FairnessAssessment) -> str:
    """One row for each rule, and why below."""
    found = assessment.verdicts.items()
    if not found:
        return "No rule was declared, so nothing was judged."
    rows = [[name, verdict.status, f"{verdict.rule.statistic} {verdict.rule.asks}"] for name, verdict in found]
    why = bullets(f"{name}: {verdict.explanation}" for name, verdict in found)
    return f"{table(['rule', 'verdict', 'asks'], rows)}\n\n{why}"


def _groups(name: str, result: AttributeResult, wanted: Sequence[str]) -> str:
    """One row for each group of an attribute, by the metrics that rules are about."""
    metrics = [metric for metric in in_order(result.overall) if metric in wanted]
    rows = [
        [label, about(group.people), _status(group, metrics)]
        + [_estimate(group.metrics[m]) if m in group.metrics else "" for m in metrics]
        for label, group in result.by_group.items()
    ]
    header = [readable(name), "people", "status", *(metric_name(m) for m in metrics)]
    return f"### By {plain(readable(name))}\n\n{table(header, rows)}"


def _status(group: GroupResult, metrics: Sequence[str]) -> str:
    """What became of a group; “measured” where a figure stands beside it, which there is only if one can be told."""
    found = [group.metrics[metric] for metric in metrics if metric in group.metrics]
    untold = group.status == "measured" and found and not any(map(tells, found))
    return "too few people to tell" if untold else group.status


def _more(assessment: FairnessAssessment) -> str:
    """Where the figures are that the card leaves out."""
    left = {m for n, r in everything(assessment).items() for m in r.overall if m not in rule_metrics(assessment, n)}
    if not left:
        return ""
    return f"The report has {listed(metric_name(m) for m in in_order(left))} too, with every interval."


def _estimate(estimate: Estimate) -> str:
    """A value with its interval; no value where the interval leaves nearly everything open."""
    return f"{said(estimate)} ({reach(estimate)})"


def _range(interval: tuple[float, float] | None) -> str:
    """An interval in words."""
    return f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
