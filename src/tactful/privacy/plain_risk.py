"""What a privacy loss means for one person, in words: how often a guess about them can be right.

Notes
-----
Somebody guesses whether a person's rows were in a release, from everything that was released and from everybody else's
rows, and a coin decided beforehand which it is. Without the release half of such guesses are right. With it the best
guess is right with probability ½ + ½·TV, where TV is the total variation between what is released with the person and
without them, and TV is exactly δ(0), the smallest δ that is proven at ε = 0 (`tactful.privacy.accountant`). For a
μ-GDP release that is Φ(μ/2) (Dong, Roth & Su 2022, Corollary 2.13 at ε = 0). From one (ε, δ) alone no more follows
than (e^ε + δ)/(1 + e^ε) (Kairouz, Oh & Viswanath 2015), which at ε = 5 is 99 of 100 where μ says 70; so μ is used.

Whether a person did *this or that* is a guess between two people who differ, so one person is taken away and another
added: twice the distance, 2μ. These are bounds for the worst person and the best guesser, who knows all the rest; and
they are about one person's own rows. What follows about them from other people's rows is not limited by it.

Figures are rounded up, so that "at most" stays true.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tactful.privacy.accountant import PrivacyLoss


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRisk:
    """How often guesses about one person are right at most, of 100 that would be right 50 times by chance.

    Attributes
    ----------
    presence : float
        Guesses whether the person's rows were in it.
    content : float
        Guesses which of two things the person did.
    """

    presence: float
    content: float


def plain_risk(loss: PrivacyLoss) -> PlainRisk:
    """What everything released at this loss tells about one person at most."""
    twice = PrivacyLoss(mu_squared=4 * loss.mu_squared, slack_epsilon=2 * loss.slack_epsilon, tail=2 * loss.tail)
    return PlainRisk(presence=_of_100(loss.delta(0.0)), content=_of_100(twice.delta(0.0)))


def yours(text: str) -> str:
    """What is said of one person as "they", said to them."""
    for they, you in _YOURS.items():
        text = re.sub(rf"\b{they}\b", you, text)
    return text


_YOURS = {
    "They were": "You were",
    "they were": "you were",
    "they had": "you had",
    "Their": "Your",
    "their": "your",
    "theirs": "yours",
}


def to_you(loss: PrivacyLoss, *, several: bool = False) -> str:
    """One or two sentences for whoever they are about, without ε; `several`, of the loss of trainings together."""
    if loss == PrivacyLoss():
        return "Nothing was released about you, so nothing can be learned from it."
    risk = plain_risk(loss)
    return (
        f"Suppose somebody guesses, of each of 100 people, whether what they did was used. By tossing a coin they are "
        f"right 50 times; with all that {_of(several)} released, and knowing about everybody else, at most "
        f"{risk.presence:g} times. Which of two things you did is guessed right at most {risk.content:g} times of 100, "
        "instead of 50."
    )


def in_words(loss: PrivacyLoss, *, delta: float, several: bool = False) -> str:
    """One or two sentences for somebody who has never heard of ε.

    Parameters
    ----------
    loss : PrivacyLoss
        Of everything that one training released about the person, or several together.
    delta : float
        At which ε is told.
    several : bool, default=False
        Whether the loss is that of several trainings: who has more than one of them learns more than from each.
    """
    if loss == PrivacyLoss():
        return "Nothing was released about them, so nothing can be learned from it."
    epsilon, risk = loss.epsilon(delta), plain_risk(loss)
    told = f"epsilon = {_up(epsilon, 100):g} at delta = {delta:g}" if epsilon < math.inf else "no finite epsilon"
    return (
        f"Whoever tosses a coin to guess whether each of 100 people was in it is right 50 times; whoever has all that "
        f"{_of(several)} released, and knows everybody else, at most {risk.presence:g} times. Which of two things a "
        f"person did is guessed right at most {risk.content:g} times of 100, instead of 50 ({told})."
    )


def _of(several: bool) -> str:
    """What released it."""
    return "these trainings" if several else "this training"


def _of_100(advantage: float) -> float:
    """Right guesses of 100 at this total variation, rounded up to a tenth."""
    return float(min(_up(50 + 50 * min(advantage, 1.0), 10), 100.0))


def _up(value: float, parts: int) -> float:
    """The value rounded up to so many parts of 1; what is exact but for the computer's last digits stays."""
    return math.ceil(value * parts - 1e-9) / parts
