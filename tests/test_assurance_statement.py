"""The privacy statement and the consent manifest: complete, and checkable from their text alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.optimize import brentq
from scipy.stats import norm

from assurance_worlds import Pair, summary
from tactful.assurance.consent_manifest import consent_manifest
from tactful.assurance.statement import privacy_statement
from tactful.assurance.summary import OUTCOMES, PolicyFacts
from tactful.errors import TactfulError
from tactful.privacy.statistics import Measured


def epsilon_again(deployment: dict[str, Any], partition: str) -> float:
    """ε of a partition by the statement's own formula, from the statement alone."""
    releases = [r for r in deployment["implementation"]["releases"] if partition in r["about"]]
    delta = deployment["privacy_loss"]["privacy_parameters"]["delta"]
    mu = np.sqrt(sum(1 / r["noise_multiplier"] ** 2 for r in releases))
    s = sum(r["sampler_slack_epsilon"] for r in releases)
    t = sum(r["sampler_tail"] for r in releases)

    def excess(epsilon: float) -> float:
        e = epsilon - s
        ideal = norm.cdf(mu / 2 - e / mu) - np.exp(e) * norm.cdf(-mu / 2 - e / mu)
        return float(np.exp(s / 2) * ideal + (1 + np.exp(epsilon)) * t - delta)

    return float(brentq(excess, 0.01, 8.5, xtol=1e-12))


def stated(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(privacy_statement(summary(**changes)))["deployment"]
    return document


@pytest.mark.parametrize("partition", ["training", "evaluation"])
def test_epsilon_follows_from_the_statement_alone(partition: str) -> None:
    """Twenty lines of numpy give the accountant's ε, slack and tail included, and it keeps the promise."""
    deployment = stated()
    found = epsilon_again(deployment, partition)
    assert found == pytest.approx(deployment["privacy_loss"]["by_partition"][partition]["epsilon"], rel=1e-6)
    assert found <= deployment["privacy_loss"]["privacy_parameters"]["epsilon"]


def test_the_sampler_s_slack_matters_to_the_figure() -> None:
    """Leaving it out of the statement would give another ε, so it is not decoration."""
    deployment = stated()
    ideal = stated()
    for release in ideal["implementation"]["releases"]:
        release["sampler_slack_epsilon"] = release["sampler_tail"] = 0.0
    assert epsilon_again(deployment, "training") > epsilon_again(ideal, "training") + 1e-3


@pytest.mark.parametrize("missing", ["consent", "gram", "evaluation"])
def test_a_statement_that_leaves_out_a_release_is_not_written(missing: str) -> None:
    """The releases must add up to the ledger's μ."""
    with pytest.raises(TactfulError, match="add up"):
        privacy_statement(summary(losses=tuple(r for r in summary().losses if r.name != missing)))


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (
            {"budget": Pair(epsilon=7.5, delta=1e-6)},
            lambda d: d["privacy_loss"]["privacy_parameters"]["epsilon"] == 7.5,
        ),
        ({"since_first_epsilon": 13.7}, lambda d: d["privacy_loss"]["since_first_debit"]["epsilon"] == 13.7),
        (
            {"limit": Pair(epsilon=33.0, delta=1e-7)},
            lambda d: d["privacy_loss"]["limit"] == {"epsilon": 33.0, "delta": 1e-7},
        ),
        ({"unit": "one device"}, lambda d: d["privacy_loss"]["privacy_unit_description"] == "one device"),
        ({"max_items": 77}, lambda d: "77 distinct" in d["privacy_loss"]["contribution_bound"]),
        ({"head_size": 4321}, lambda d: "4321" in d["product"]["description"]),
        ({"rank": 987}, lambda d: "987" in d["product"]["description"]),
        ({"catalogue_size": 5150}, lambda d: d["implementation"]["public_inputs"]["catalogue_items"] == 5150),
        ({"features": ("aisle",)}, lambda d: d["implementation"]["public_inputs"]["item_features"] == ["aisle"]),
        ({"purpose": "a.b"}, lambda d: "a.b" in d["dp_flavor"]["data_domain"]),
        ({"policy": PolicyFacts(retention_days=12)}, lambda d: "12 days" in d["dp_flavor"]["data_domain"]),
        ({"intended_use": "tests"}, lambda d: d["product"]["intended_use"] == "tests"),
        ({"trainer": None}, lambda d: d["product"]["data_curators"] == ["not stated"]),
        ({"actor": None}, lambda d: "cannot be approved" in d["product"]["started_by_key"]),
        ({"features": ()}, lambda d: "features" not in d["product"]["description"]),
        ({"noise": "reproducible"}, lambda d: "protects nobody" in d["implementation"]["randomness_source"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_fact_is_read_from_the_run(change: dict[str, Any], read: Callable[[dict[str, Any]], bool]) -> None:
    """Another run, another statement: nothing is a constant that only looks like a figure."""
    assert read(stated(**change))
    assert not read(stated())


def test_a_run_with_reproducible_noise_is_no_candidate() -> None:
    """The statement's first line says that nothing is guaranteed."""
    assert "guarantees nothing" in yaml.safe_load(privacy_statement(summary(noise="reproducible")))["status"]
    assert yaml.safe_load(privacy_statement(summary()))["status"] == "Candidate"


def test_each_release_is_stated_with_its_noise() -> None:
    """In full precision, so that the sum can be checked."""
    for release, facts in zip(stated()["implementation"]["releases"], summary().losses, strict=True):
        assert release["noise_multiplier"] == facts.noise_multiplier
        assert (release["sigma"], release["sensitivity"]) == (facts.sigma, facts.sensitivity)
        assert (release["sampler_slack_epsilon"], release["sampler_tail"]) == (facts.slack_epsilon, facts.tail)


def test_it_has_the_registry_s_groups_and_every_point_of_a_claim() -> None:
    """Unit, adjacency, bound, domain, mechanism, accounting and trust, by the names of the deployments registry."""
    deployment = stated()
    asked = {
        "product": ("name", "data_curators", "intended_use", "description", "publication_date"),
        "dp_flavor": ("name", "input_metric", "bound_on_input_distance", "data_domain", "unprotected_quantities"),
        "privacy_loss": (
            "privacy_unit",
            "privacy_unit_description",
            "adjacency",
            "contribution_bound",
            "contribution_rule",
        ),
        "model": ("model_name", "actors", "release_type", "data_source_type", "access_type"),
        "accounting": ("accountant", "formula", "composition", "post_processing"),
        "implementation": ("mechanisms", "sampler", "randomness_source", "pre_processing_eda_hyperparameter_tuning"),
    }
    assert all(deployment[group][point] for group, points in asked.items() for point in points)
    assert len(deployment["dp_flavor"]["unprotected_quantities"]) >= 5


def test_text_from_outside_stays_text() -> None:
    """A model named like YAML, or spanning lines, comes back as it was."""
    name = 'x"\n- y: !!python/object:os.system &a *a'
    assert stated(model=name)["product"]["name"] == name


class TestConsentManifest:
    """How many people, and how many not and why."""

    def test_it_has_each_outcome_as_released(self) -> None:
        """Value, σ and meaning; negative values are left as released."""
        people = yaml.safe_load(consent_manifest(summary()))["people"]
        assert set(people) == set(summary().consent)
        assert people["minor"] == {"meaning": OUTCOMES["minor"], "released": -3.2, "sigma": 7.0}

    def test_reasons_come_in_the_order_by_which_people_are_counted(self) -> None:
        """What is about the person before what is about a row, since the first that holds is the one that counts."""
        given = ("unknown_item", "refused", "malformed", "admitted", "minor")
        run = summary(consent={outcome: Measured(value=9.0, sigma=1.0) for outcome in given})
        people = yaml.safe_load(consent_manifest(run))["people"]
        assert list(people) == ["admitted", "minor", "refused", "malformed", "unknown_item"]

    def test_it_says_what_is_simulated(self) -> None:
        """The notes of the run are in it."""
        assert yaml.safe_load(consent_manifest(summary()))["notes"] == list(summary().notes)

    def test_an_outcome_without_words_is_still_listed(self) -> None:
        """A reason code that is new to this file is shown by its code."""
        run = replace(summary(), consent={"new_reason": Measured(value=4.0, sigma=1.0)})
        assert yaml.safe_load(consent_manifest(run))["people"]["new_reason"]["meaning"] == "new_reason"
