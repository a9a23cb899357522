"""How well a person's group can be guessed from the list they are shown, and from popularity alone.

Notes
-----
*What is released.* One half of the assessed people releases how often each item is on lists, by group; a classifier is
fitted to that. The other half releases histograms of its scores by group. The area under the ROC curve is read off the
histograms. Nothing here sees a row: the two releases are `PrivateRelease.exposures` and `PrivateRelease.guesses`.

*The classifier* is multinomial naive Bayes, for each attribute and list by itself, on the levels whose released number
of people is at least `minimum_people` and four times its noise. Counts below 0 are 0. Levels weigh the same, whatever
their size: a count is multiplied by the mean number of people over the level's own. Items of which all levels together
have fewer than three times their noise say nothing: their counts are 0. The others are smoothed by α_b = (σ²/E_b +
1)/τ² with E_b the mean count of the levels, σ the noise of one of them and τ = ½ the log ratio by which tastes are
expected to differ: as much as a normal prior of that width is trusted against a count of that noise.

*The bins* of scores follow from the same values: the mean and the spread of the scores of lists whose ten items are
drawn independently, by what all levels are shown. Six bins: more would lose less of the scores, and add more noise.

*What it means.* How well this classifier does with so many people; another may do better. It is a lower bound of what
lists give away.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tactful.assurance.assessment import Guessing
from tactful.assurance.intervals import Estimate, Interval, critical_value
from tactful.assurance.list_coverage import list_coverage
from tactful.assurance.roc import mean_area, people_guessed
from tactful.privacy.exposures import DEPTH, LISTS, ListDesign, ListRows
from tactful.privacy.guesses import GuessQuery, Question
from tactful.privacy.release import PrivateRelease
from tactful.privacy.sums import Exposures, Guesses, Measured, Shown

_Floats = NDArray[np.float64]
_CERTAIN = 4.0  # how many times its noise a number of people is, to be told apart
_KNOWN = 3.0  # and the count of an item, to say something
_TASTE = 0.5
_UNIT = 1 << 20  # of log probabilities, in whole numbers
_GRID = np.array([-1.3, -0.6, 0.0, 0.6, 1.3])
_NO_EDGES = np.empty((0, 0), dtype=np.int64)
_DRAWN = 2_000


def guess_groups(
    door: PrivateRelease, rows: ListRows, design: ListDesign, *, minimum_people: float = 25, confidence: float = 0.95
) -> tuple[dict[str, Guessing], dict[str, Mapping[str, Estimate]]]:
    """How well groups can be guessed, by attribute, and how many different items are shown, by attribute and group.

    Parameters
    ----------
    door : PrivateRelease
    rows : ListRows
    design : ListDesign
    minimum_people : float, people
        Levels with fewer in the first half, by the released count, are not told apart.
    confidence : float
        Of each interval of a guess by itself; for items see `list_coverage`.

    Notes
    -----
    **Privacy.** *Reads* nothing itself: hands rows to the door. *Returns* what was made of released values. *Costs* the
    events ``exposures`` and ``guesses``. *Assumes* what `tactful.privacy.release` says.
    """
    exposures = door.exposures(rows, design)
    questions = ask(exposures, design, minimum_people=minimum_people)
    coverage = list_coverage(exposures, design, confidence=confidence)
    if not questions:
        return {name: _untold() for name in design.levels}, coverage
    query = GuessQuery(design=design, questions=questions)
    return judge_guesses(door.guesses(rows, query), query, confidence=confidence), coverage


def ask(exposures: Exposures, design: ListDesign, *, minimum_people: float = 25) -> dict[tuple[str, Shown], Question]:
    """How the levels of each attribute are told apart by each list; nothing where fewer than two have enough people."""
    questions = dict[tuple[str, Shown], Question]()
    for attribute, levels in design.levels.items():
        people = exposures.people[attribute]
        enough = people[: len(levels)] >= max(minimum_people, _CERTAIN * exposures.people_sigma)
        told = np.flatnonzero(enough)
        for name in LISTS if len(told) > 1 else ():
            says, shown = _learned(exposures.counts[attribute, name][told], exposures.sigmas, people[told])
            codes = tuple(int(code) for code in told)
            questions[attribute, name] = _binned(Question(levels=codes, says=says, edges=_NO_EDGES), shown)
    return questions


def judge_guesses(guesses: Guesses, query: GuessQuery, *, confidence: float = 0.95) -> dict[str, Guessing]:
    """How well each attribute was guessed; attributes that were not asked about have no guess."""
    z, judged = critical_value(confidence), dict[str, Guessing]()
    for attribute, levels in query.design.levels.items():
        found = {name: guesses.histograms.get((attribute, name)) for name in LISTS}
        model, popular = found["model"], found["popularity"]
        if model is None or popular is None:
            judged[attribute] = _untold()
            continue
        question = query.questions[attribute, "model"]
        judged[attribute] = Guessing(
            levels=tuple(levels[code] for code in question.levels),
            auc=mean_area(model, guesses.sigma, z=z),
            popularity_auc=mean_area(popular, guesses.sigma, z=z),
            people=people_guessed([model, popular], guesses.sigma),
        )
    return judged


def _learned(counts: _Floats, sigmas: _Floats, people: _Floats) -> tuple[NDArray[np.int64], _Floats]:
    """What each entry says for each level, in whole units, and how much all levels are shown of it."""
    from sklearn.naive_bayes import MultinomialNB

    weights = people.mean() / people
    known = counts.sum(axis=0) > _KNOWN * sigmas * sqrt(len(counts))
    shown = np.where(known, np.maximum(counts, 0.0), 0.0)
    expected = np.maximum((weights @ shown) / len(counts), 1.0)
    noise = sigmas**2 * float((weights**2).mean())
    model = MultinomialNB(alpha=(noise / expected + 1) / _TASTE**2, fit_prior=False, force_alpha=True)
    model.fit(shown, np.arange(len(counts)), sample_weight=weights)
    return np.rint(model.feature_log_prob_ * _UNIT).astype(np.int64), expected * known


def _binned(question: Question, shown: _Floats) -> Question:
    """The question with edges where the scores of lists of independent items lie."""
    rng, share = np.random.default_rng(0), shown + 1e-9
    drawn = rng.choice(len(shown), size=(_DRAWN, DEPTH), p=share / share.sum())
    scores = question.scores(drawn)
    edges = scores.mean(axis=1, keepdims=True) + scores.std(axis=1, keepdims=True) * _GRID
    return Question(levels=question.levels, says=question.says, edges=np.rint(edges).astype(np.int64))


def _untold() -> Guessing:
    """That nothing was guessed."""
    nothing = Estimate(value=None, interval=Interval(low=0.0, high=1.0))
    return Guessing(levels=(), auc=nothing, popularity_auc=nothing, people=Measured(value=0.0, sigma=0.0))
