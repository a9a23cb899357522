"""What a loss means in words: the figures are bounds, they agree with a second method, and the words are plain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.plain_risk import in_words, plain_risk

SLACK = {"slack_epsilon": 1e-3, "tail": 1e-20}


@pytest.mark.parametrize("mu", [0.01, 0.1, 0.5, 1.0, 2.0, 4.0])
def test_guesses_are_those_of_the_best_test(mu: float) -> None:
    """Φ(μ/2) for presence and Φ(μ) for content (Dong, Roth & Su 2022), rounded up to a tenth."""
    found = plain_risk(PrivacyLoss(mu_squared=mu * mu))
    for told, exact in ((found.presence, 100 * norm.cdf(mu / 2)), (found.content, 100 * norm.cdf(mu))):
        assert exact - 1e-7 <= told <= exact + 0.1


@pytest.mark.parametrize("mu", [0.3, 1.0, 3.0])
def test_a_guesser_does_no_better(mu: float) -> None:
    """200,000 made-up guesses by the likelihood ratio, the best there is, come near the figure and not above it."""
    rng, n = np.random.default_rng(7), 200_000
    inside = rng.integers(0, 2, n).astype(bool)
    right = 100 * np.mean((rng.normal(size=n) + mu * inside > mu / 2) == inside)
    told = plain_risk(PrivacyLoss(mu_squared=mu * mu)).presence
    assert told - 0.1 - 0.6 < right < told + 0.6  # five standard errors


def test_slack_of_the_sampler_only_adds() -> None:
    """What the sampler may be off by is in the figure; nothing released is 50 of 100."""
    for mu in (0.5, 2.0):
        plain, slack = plain_risk(PrivacyLoss(mu_squared=mu**2)), plain_risk(PrivacyLoss(mu_squared=mu**2, **SLACK))
        assert plain.presence <= slack.presence <= plain.presence + 0.2
        assert plain.content <= slack.content <= plain.content + 0.2
    assert plain_risk(PrivacyLoss()).presence == 50


def test_no_loss_tells_more_than_its_epsilon_allows() -> None:
    """(e^ε + δ)/(1 + e^ε) bounds the same guess from one ε and δ (Kairouz, Oh & Viswanath 2015)."""
    for mu in (0.2, 1.0, 2.0):
        loss = PrivacyLoss(mu_squared=mu**2, **SLACK)
        power = math.exp(loss.epsilon(1e-6))
        assert plain_risk(loss).presence <= 100 * (power + 1e-6) / (1 + power) + 0.1


def test_the_words_say_it() -> None:
    """A figure of 100 against 50, ε and δ beside it; and where nothing was released, that."""
    words = in_words(PrivacyLoss(mu_squared=1.0), delta=1e-6)
    assert "at most 69.2 times" in words
    assert "at most 84.2 times" in words
    assert "epsilon = 4.89 at delta = 1e-06" in words
    assert in_words(PrivacyLoss(), delta=1e-6).startswith("Nothing was released")
    assert "no finite epsilon" in in_words(PrivacyLoss(mu_squared=1.0, tail=1.0), delta=1e-6)
