"""The privacy statement: what is promised to whom, and every figure needed to check it.

The groups and field names are those of the OpenDP project's registry of deployments; the points are those that NIST SP
800-226 asks of a claim of differential privacy. ε can be computed again from the statement alone: `accounting.formula`
and the noise multipliers under `implementation.releases` are all it takes.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from tactful.assurance.summary import ReleaseFacts, RunSummary
from tactful.errors import TactfulError

FORMULA = (
    "For each partition mu^2 = sum over its releases of 1/noise_multiplier^2, s = sum of sampler_slack_epsilon, "
    "t = sum of sampler_tail. With e = epsilon - s, epsilon is the smallest number for which "
    "exp(s/2) * [Phi(mu/2 - e/mu) - exp(e) * Phi(-mu/2 - e/mu)] + (1 + exp(epsilon)) * t <= delta "
    "(Balle & Wang 2018, Theorem 8; Dong, Roth & Su 2022, Corollaries 2.13 and 3.3)."
)

_UNPROTECTED = (
    "The catalogue of items and their features: declared by the business, public by assumption.",
    "Configuration: purposes, retention, bounds, levels of demographic attributes, metrics and rules.",
    "That a run took place, when, how long it took and how much memory it used.",
    "Two ids of one person: each id is protected as a person of its own.",
    "Groups of people: k people together are protected at k times mu.",
    "What can be learned about a person from others: the guarantee is about their own rows.",
    (
        "The list a person is shown: it is computed from their own history at the time, and is protected from nobody "
        "who sees it."
    ),
)


def privacy_statement(summary: RunSummary) -> str:
    """The statement as YAML; every figure in it is read from `summary`.

    Raises
    ------
    TactfulError
        If the listed releases do not add up to the stated μ: a statement that leaves out a release is not written.

    Notes
    -----
    **Privacy.** *Reads* released values, the ledger's figures and configuration. *Returns* text. *Costs* nothing.
    *Assumes* that `summary` lists every release of the run, which is checked against the ledger's μ.
    """
    for partition, (mu, _) in summary.partition_loss.items():
        _check(summary.losses, partition, mu)
    document = {
        "url_slug": f"{summary.model}-{summary.created:%Y-%m-%d}",
        "status": "Candidate" if summary.noise == "system" else "Test run: this noise guarantees nothing to anybody",
        "deployment": {
            "product": _product(summary),
            "dp_flavor": _flavour(summary),
            "privacy_loss": _privacy_loss(summary),
            "model": _trust(summary),
            "accounting": _accounting(summary),
            "implementation": _implementation(summary),
        },
        "notes": list(summary.notes),
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _product(summary: RunSummary) -> dict[str, Any]:
    """What is released and for whom."""
    return {
        "name": summary.model,
        "data_curators": [summary.trainer or "not stated"],
        "started_by_key": summary.actor or "nobody (unattributed: cannot be approved)",
        "intended_use": summary.intended_use,
        "not_covered": list(summary.not_covered),
        "data_product_type": "Recommender: item-side arrays fitted from noisy statistics, and noisy measurements of it",
        "description": (
            f"Recommends from {summary.catalogue_size} items. Taste is learned for a head of {summary.head_size} items"
            f" at rank {summary.rank}; the others are ranked by released popularity"
            f"{' and public features' if summary.features else ''}."
        ),
        "publication_date": f"{summary.created:%Y-%m-%d}",
    }


def _flavour(summary: RunSummary) -> dict[str, Any]:
    """Which definition holds, over which data."""
    return {
        "name": "Gaussian differential privacy, stated as approximate differential privacy (epsilon, delta)",
        "input_metric": "Symmetric distance between sets of people: all rows of one more or one fewer unit",
        "bound_on_input_distance": 1,
        "output_measure": "Hockey-stick divergence at exp(epsilon)",
        "bound_on_output_distance": summary.budget.delta,
        "data_domain": (
            f"Interactions (unit, item, time) admitted for {summary.purpose}: consent in force without a break from "
            f"the time of the interaction to the time of training, at most {summary.policy.retention_days} days old, "
            "item in the public catalogue and in no sensitive category that the unit has not opted into; nobody "
            "erased or known to be a minor."
        ),
        "unprotected_quantities": list(_UNPROTECTED),
    }


def _privacy_loss(summary: RunSummary) -> dict[str, Any]:
    """The unit and the figures."""
    return {
        "privacy_unit": "User-level",
        "privacy_unit_description": summary.unit,
        "adjacency": "Add or remove one unit with all its rows, consent events and attributes",
        "contribution_bound": f"At most {summary.max_items} distinct items a unit",
        "contribution_rule": (
            "Repeats are dropped and items are chosen by keyed hash, without looking at other people or at row order;"
            " each statistic then weights a unit so that its L2 norm is at most 1, exactly, in integers."
        ),
        "privacy_parameters": {
            "epsilon": summary.budget.epsilon,
            "delta": summary.budget.delta,
            "mu": summary.mu,
        },
        "by_partition": {name: {"mu": mu, "epsilon": eps} for name, (mu, eps) in summary.partition_loss.items()},
        "since_first_debit": {"epsilon": summary.since_first_epsilon, "delta": summary.limit.delta},
        "limit": {"epsilon": summary.limit.epsilon, "delta": summary.limit.delta},
    }


def _trust(summary: RunSummary) -> dict[str, Any]:
    """Who has to be trusted with what."""
    return {
        "model_name": "Central",
        "model_name_description": "The operator holds raw rows in its own stores; only noisy statistics leave them.",
        "actors": [
            "People: trust the operator with their rows and their consent.",
            (
                "Operator: trusted to hold rows and keys, to run this software unaltered, and to keep one ledger for "
                "one population."
            ),
            "Reviewers, services and everybody else: see released values only and need not be trusted with more.",
        ],
        "release_type": "Many releases: the model is trained again over time",
        "release_type_description": (
            "All runs about this population share one ledger. Since the first debit they amount to epsilon = "
            f"{summary.since_first} at delta = {summary.limit.delta:g}; the limit is "
            f"{summary.limit.epsilon:g}."
        ),
        "data_source_type": "Dynamic",
        "access_type": "Non-interactive",
    }


def _accounting(summary: RunSummary) -> dict[str, Any]:
    """How the figures follow."""
    return {
        "accountant": f"tactful {summary.tactful}, exact composition of Gaussian mechanisms",
        "formula": FORMULA,
        "composition": (
            "Releases about the same people add their 1/noise_multiplier^2. Training and evaluation people are "
            "disjoint by keyed hash and compose in parallel; a release about both is debited to both. Each run is "
            "debited before its noise is drawn, and retraining adds up: see since_first_debit."
        ),
        "post_processing": (
            "The choice of the head, fitting, shrinkage, means, intervals, verdicts and this statement are computed "
            "from released values and public inputs alone."
        ),
    }


def _implementation(summary: RunSummary) -> dict[str, Any]:
    """Mechanisms, sampler and the releases one by one."""
    system = summary.noise == "system"
    return {
        "mechanisms": (
            "Gaussian mechanism on integer statistics with the noise rounded to an integer, which is post-processing "
            "of the continuous mechanism and leaves no floating-point holes (Mironov 2012)."
        ),
        "sampler": (
            "Gaussian rounded to integers by an alias table over cells and rejection sampling within a cell. Its "
            "distance from the ideal is bounded for each release: a log-ratio, added to epsilon as "
            "sampler_slack_epsilon, and a tail, added to delta."
        ),
        "randomness_source": (
            "AES-128 in counter mode, keyed afresh from the operating system for each release; the key is dropped."
            if system
            else "REPRODUCIBLE: a seeded source for tests. It protects nobody, and the model cannot be approved."
        ),
        "noise": summary.noise,
        "releases": [_release(release) for release in summary.losses],
        "pre_processing_eda_hyperparameter_tuning": (
            "The run tunes nothing on people's rows. Bounds, shares of the budget and the rule for the head are fixed "
            "beforehand from declared and released quantities; what was learned from earlier releases is covered by "
            "since_first_debit."
        ),
        "public_inputs": {"catalogue_items": summary.catalogue_size, "item_features": list(summary.features)},
        "justification": (
            "Gaussian noise composes exactly and fits statistics to which one person adds a little in many places. "
            "Bounds hold by construction in integers, so no clipping norm is estimated from data."
        ),
    }


def _release(release: ReleaseFacts) -> dict[str, Any]:
    """One release."""
    return {
        "name": release.name,
        "about": list(release.partitions),
        "noise_multiplier": release.noise_multiplier,
        "sigma": release.sigma,
        "sensitivity": release.sensitivity,
        "sampler_slack_epsilon": release.slack_epsilon,
        "sampler_tail": release.tail,
    }


def _check(losses: tuple[ReleaseFacts, ...], partition: str, mu: float) -> None:
    """Raise unless the releases about `partition` add up to `mu`."""
    listed = math.sqrt(sum(1 / release.noise_multiplier**2 for release in losses if partition in release.partitions))
    if not math.isclose(listed, mu, rel_tol=1e-6, abs_tol=1e-12):
        raise TactfulError(
            "the releases of a privacy statement add up to the stated mu",
            given=f"{partition} people: the releases listed give {listed:.6g}, the ledger says {mu:.6g}",
            do="Report this as a bug: a release is missing from the summary",
            partition=partition,
            listed=listed,
            stated=mu,
        )
