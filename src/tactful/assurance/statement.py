"""The privacy statement: what is promised to whom, and every figure needed to check it.

The words are in templates/privacy_statement.yaml, which shows the whole document; here they are joined with the facts
of a run, and what comes out is checked against templates/privacy_statement.schema.json before anybody sees it. ε can be
computed again from the statement alone: `tactful.accounting.recompute` is the program.

Notes
-----
The groups and names under `deployment` are those of the OpenDP project's registry of deployments (product, dp_flavor,
privacy_loss, model, accounting, implementation, resources). A later revision of its schema renames some groups (basic,
dp_variant, deployment_model, administrative) and adds fields; those that it adds stand here in the group that they
would be in. The points under `tactful.nist_sp_800_226` are those by which NIST SP 800-226 evaluates a claim.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from tactful.assurance.assessment import plain
from tactful.assurance.summary import ReleaseFacts, RunSummary, in_order, metric_name
from tactful.errors import TactfulError, counted
from tactful.privacy.accountant import PrivacyLoss

UNPROTECTED = (
    "The catalogue of items and their features: declared by the business, public by assumption.",
    "Configuration: purposes, retention, bounds, levels of demographic attributes, metrics and rules.",
    "That a run took place, when, how long it took and how much memory it used.",
    "That a run did not start because a table cannot be read, a record names nobody or a purpose is misspelt.",
    "The memory of the process while it runs, where exact sums, noise and keys are.",
    "Two ids of one person: each id is protected as a person of its own.",
    "Groups of people: k people together are protected at k times mu.",
    "What can be learned about a person from other people: the guarantee is about their own rows.",
    "The list a person is shown: it is computed from their own history, and is protected from nobody who sees it.",
    "Anything from the operator: whoever holds the rows, the keys and the machine sees everything, exact counts too.",
    "Rows of a table that is written to while a run reads it: parts of the run may be of different versions of it.",
    "What is released from another records store: the ledger knows one, and another store starts another ledger.",
    "What breaking AES or the operating system's randomness would show: the noise is only as good as they are.",
    "Rows of people who withdrew after the training: epsilon bounds what this model can tell about them.",
    "Anybody in a run with reproducible_seed: its noise can be taken away again.",
)
"""What the guarantee does not cover, as the README lists it."""

_TUNING: Mapping[str, str] = {
    "not stated": "The operator has not said how settings were chosen.",
    "none": (
        "The operator declares that settings are rules and defaults, and that nobody's data was looked at to choose "
        "them. What was learned from earlier releases is covered by since_first_debit."
    ),
    "public data": (
        "The operator declares that settings were chosen on public or synthetic data, which costs these people "
        "nothing. What was learned from earlier releases is covered by since_first_debit."
    ),
    "paid trials": (
        "The operator declares that settings were chosen by trials on these very people, and that every trial was a "
        "run of this records store, debited like any other, so it is in since_first_debit."
    ),
}
_KEYED = "AES-128 in counter mode, keyed afresh from the operating system for each release; the key is dropped."
_SEEDED = "REPRODUCIBLE: a seeded source for tests. It protects nobody, and the model cannot be approved."
_AS_TRAINED = "As trained, and never changed. What was decided about the model since is told by: tactful models "
_HOLDS = "The run keeps them for every unit."
_HOLDS_NOT = "WITH THIS NOISE NOTHING IS GUARANTEED: they are what the same run would keep with noise from the system."
_POINTS = tuple(10.0**-digits for digits in range(3, 11))


def privacy_statement(summary: RunSummary) -> str:
    """The statement as YAML, valid by its schema; every figure in it is read from `summary`.

    Raises
    ------
    TactfulError
        If the listed releases do not add up to the stated μ, or a field is missing or out of range: such a statement is
        not written.

    Notes
    -----
    **Privacy.** *Reads* released values, the ledger's figures and configuration. *Returns* text. *Costs* nothing.
    *Assumes* that `summary` lists every release of the run, which is checked against the ledger's μ.
    """
    for partition, (mu, _) in summary.partition_loss.items():
        _check(summary.losses, partition, mu)
    document = _filled(_words(), {**_said(summary), **_figures(summary)})
    validate(document)
    return yaml.dump(document, Dumper=_Blocks, sort_keys=False, allow_unicode=True, width=110)


class _Blocks(yaml.SafeDumper):
    """Writes text of several lines as it is read."""


_Blocks.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def validate(document: Any) -> None:
    """Returns if the document is a privacy statement.

    Raises
    ------
    TactfulError
        Naming the first field that is missing, unknown or out of range.
    """
    problem = min(_schema().iter_errors(document), key=lambda error: error.json_path, default=None)
    if problem is not None:
        raise TactfulError(
            "a privacy statement has every field of its schema, and no other",
            given=f"{problem.json_path}: {problem.message}",
            do="Report this as a bug: the statement is not written",
            field=problem.json_path,
        )


@cache
def _words() -> Any:
    """The words of every statement, parsed."""
    return yaml.safe_load(_template("privacy_statement.yaml"))


@cache
def _schema() -> Any:
    """What checks a document."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(_template("privacy_statement.schema.json")))


def _template(name: str) -> str:
    """The text of a file that is shipped with the package."""
    return (files("tactful.assurance") / "templates" / name).read_text(encoding="utf-8")


def _filled(words: Any, facts: Mapping[str, Any]) -> Any:
    """The words with each ``$name`` replaced: by the fact itself where it stands alone, else by its text."""
    if isinstance(words, dict):
        return {name: _filled(value, facts) for name, value in words.items()}
    if isinstance(words, list):
        return [_filled(value, facts) for value in words]
    if not isinstance(words, str):
        return words
    if words.startswith("$") and words[1:] in facts:
        return facts[words[1:]]
    return Template(words).substitute({name: _text(fact) for name, fact in facts.items()})


def _text(fact: Any) -> str:
    """A fact inside a sentence."""
    return f"{fact:g}" if isinstance(fact, float) else str(fact)


def _said(summary: RunSummary) -> dict[str, Any]:
    """What the configuration says, and words that depend on it."""
    system, curator = summary.noise == "system", summary.curator
    return {
        "slug": f"{summary.model}-{summary.created:%Y-%m-%d}",
        "model": summary.model,
        "version": summary.tactful,
        "created": summary.created.isoformat(),
        "date": f"{summary.created:%Y-%m-%d}",
        "authors": [f"tactful {summary.tactful}"],
        "curators": [curator.name],
        "curator_type": curator.kind,
        "region": curator.region,
        "sector": curator.sector,
        "actor": summary.actor or "nobody (unattributed: cannot be approved)",
        "status": f"{_AS_TRAINED}{summary.model}" if system else "Test run: this noise guarantees nothing to anybody",
        "guarantee": _HOLDS if system else _HOLDS_NOT,
        "noise": summary.noise,
        "learned": summary.learned,
        "randomness_source": _KEYED if system else _SEEDED,
        "intended_use": summary.intended_use,
        "not_covered": list(summary.not_covered),
        "notes": list(summary.notes),
        "purpose": summary.purpose,
        "unit": summary.unit.rstrip(".") or summary.unit,
        "unprotected": _bullets(UNPROTECTED),
        "features": list(summary.features),
        "with_features": ", helped by public features of items" if summary.features else "",
        "sensitive": list(summary.policy.sensitive_categories),
        "tuning": summary.tuning,
        "tuning_words": _TUNING[summary.tuning],
        "unasked": summary.unasked,
        "period_words": _period(summary.period_days),
        "since_first": summary.since_first,
        "utility": _utility(summary),
        "audit": summary.audit.stated(),
        "membership": summary.membership.stated(),
    }


def _figures(summary: RunSummary) -> dict[str, Any]:
    """The figures of the run."""
    admitted = summary.consent.get("admitted", summary.people).value
    since_first = summary.since_first_epsilon
    loss = {name: _loss(summary.losses, name) for name in summary.partition_loss}
    return {
        "epsilon": summary.budget.epsilon,
        "delta": summary.budget.delta,
        "mu": summary.mu,
        "by_partition": {
            name: {
                "mu": mu,
                "sampler_slack_epsilon": loss[name].slack_epsilon,
                "sampler_tail": loss[name].tail,
                "epsilon": epsilon,
            }
            for name, (mu, epsilon) in summary.partition_loss.items()
        },
        "curve": {name: _curve(loss[name], summary.budget.delta) for name in loss},
        "releases": [_release(release, summary.scale) for release in summary.losses],
        "since_first_epsilon": plain(since_first),
        "limit_epsilon": summary.limit.epsilon,
        "limit_delta": summary.limit.delta,
        "period_days": summary.period_days,
        "max_items": summary.max_items,
        "evaluation_share": summary.evaluation_share,
        "retention_days": summary.policy.retention_days,
        "catalogue_size": summary.catalogue_size,
        "head_size": summary.head_size,
        "rank": summary.rank,
        "units": round(admitted) if math.isfinite(admitted) else None,
        "scale": summary.scale,
        "people_before_overflow": 2**62 // summary.scale,
    }


def _loss(losses: tuple[ReleaseFacts, ...], partition: str) -> PrivacyLoss:
    """What the listed releases cost a person of the partition."""
    about = [release for release in losses if partition in release.partitions]
    return PrivacyLoss(
        mu_squared=math.fsum(release.noise_multiplier**-2 for release in about),
        slack_epsilon=math.fsum(release.slack_epsilon for release in about),
        tail=math.fsum(release.tail for release in about),
    )


def _curve(loss: PrivacyLoss, delta: float) -> list[dict[str, float | None]]:
    """ε at a range of δ, the run's own among them; no ε where the sampler's tail leaves no room."""
    points = sorted({*_POINTS, delta}, reverse=True)
    return [{"delta": point, "epsilon": plain(loss.epsilon(point))} for point in points]


def _release(release: ReleaseFacts, scale: int) -> dict[str, Any]:
    """One release."""
    return {
        "name": release.name,
        "state": "given back" if release.given_back else "released",
        "about": list(release.partitions),
        "noise_multiplier": release.noise_multiplier,
        "sigma": release.sigma,
        "sigma_in_integer_units": release.noise_multiplier * scale,
        "sensitivity": release.sensitivity,
        "sampler_slack_epsilon": release.slack_epsilon,
        "sampler_tail": release.tail,
    }


def _bullets(lines: tuple[str, ...]) -> str:
    """A markdown list."""
    return "".join(f"- {line}\n" for line in lines)


def _period(days: int | None) -> str:
    """When the budget renews, if it does."""
    return f", which is available again every {counted(days, 'day')}" if days else ""


def _utility(summary: RunSummary) -> str:
    """The released metrics in a sentence."""
    said = [f"{metric_name(name)} {summary.metrics[name]:g}" for name in in_order(summary.metrics)]
    return f"Released, on people kept out of training: {', '.join(said) or 'nothing'}. Intervals are in the report."


def _check(losses: tuple[ReleaseFacts, ...], partition: str, mu: float) -> None:
    """Raise unless the releases about `partition` add up to `mu`."""
    listed = math.sqrt(_loss(losses, partition).mu_squared)
    if not math.isclose(listed, mu, rel_tol=1e-6, abs_tol=1e-12):
        raise TactfulError(
            "the releases of a privacy statement add up to the stated mu",
            given=f"{partition} people: the releases listed give {listed:.6g}, the ledger says {mu:.6g}",
            do="Report this as a bug: a release is missing from the summary",
            partition=partition,
            listed=listed,
            stated=mu,
        )
