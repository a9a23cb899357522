"""How well lists give groups away, as an integer sum over the second half of the assessed people.

Notes
-----
*Who is counted.* Evaluation people of the second half who agreed to be assessed, have a list and are in one of the
levels that are told apart.

*What a person adds.* What an item of a list says for each level is a whole number, made from the exposures of the
first half (`tactful.privacy.exposures`) after their release. A person's score for a level is what their first ten items
say for it, less what they say for the likeliest other level: log odds. For each attribute, list and level that is asked
about they add w to one entry: the bin of that score, in the histogram of people who are in the level or in that of
people who are not.

*Norm.* A person is in one entry for each of T triples of attribute, list and level asked about, so w = ⌊S/√T⌋ keeps
T w² ≤ S², exactly and whatever the scores and edges are.

*Neighbours.* One more person is one more row: they add the vector above, or nothing. Nobody of this half has touched
the exposures, but that is not counted on: both releases are debited to evaluation people one after the other, as if a
person could be in both halves. That costs more noise than needed and never too little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from tactful.errors import ConfigError, counted
from tactful.personal.contributions import SCALE
from tactful.privacy.exposures import LISTS, SECOND, ListDesign, ListRows, entries_of, questions
from tactful.privacy.statistics import Noise, read_only
from tactful.privacy.sums import Guesses, Shown

_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How the levels of one attribute are told apart by one list: made from released values only.

    Attributes
    ----------
    levels : tuple of int
        Wide codes of the levels, at least two. Of two the first is asked about, of more each.
    says : int array of shape (n_levels, n_entries)
        What an item of the entry says for each level: its log probability, in whole units.
    edges : int array of shape (n_asked, n_bins - 1)
        Where the bins of each score end, rising.
    """

    levels: tuple[int, ...]
    says: _Ints
    edges: _Ints

    @property
    def asked(self) -> int:
        """How many levels are asked about."""
        return questions(len(self.levels))

    @property
    def bins(self) -> int:
        """How many bins a histogram has."""
        return int(self.edges.shape[1]) + 1

    def scores(self, entries: _Ints) -> _Ints:
        """For each level asked about, what the entries of each list say for it less what they say for any other.

        Returns
        -------
        int array of shape (n_asked, n_people)
        """
        padded = np.hstack([self.says, np.zeros_like(self.says[:, :1])])  # nothing, which is −1, says nothing
        total: _Ints = padded[:, entries].sum(axis=2)
        others = [np.delete(total, asked, axis=0).max(axis=0) for asked in range(self.asked)]
        odds: _Ints = total[: self.asked] - np.array(others)
        return odds


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessQuery:
    """What is asked of the second half.

    Attributes
    ----------
    design : ListDesign
    questions : mapping of (attribute, list) to Question
        Both lists of an attribute have the same levels.

    Raises
    ------
    ConfigError
        If nothing is asked, or a question does not fit the design.
    """

    design: ListDesign
    questions: Mapping[tuple[str, Shown], Question]

    def __post_init__(self) -> None:
        fits = [
            q.says.shape == (len(q.levels), self.design.entries)
            and q.edges.shape[0] == q.asked > 0
            and len(set(q.levels)) == len(q.levels)
            for q in self.questions.values()
        ]
        if not fits or not all(fits):
            raise ConfigError(
                "a question is about two levels or more, and says something of every entry",
                given=f"{counted(len(fits), 'question')}, of which {counted(fits.count(False), 'does', 'do')} not fit",
                do="Make them with tactful.assurance.guessing",
            )

    @property
    def touched(self) -> int:
        """The entries that one person can change."""
        return sum(question.asked for question in self.questions.values())

    @property
    def unit(self) -> int:
        """Integer units for one person: w."""
        return isqrt(SCALE * SCALE // self.touched)


def guess_counts(rows: ListRows, query: GuessQuery) -> _Ints:
    """The exact histograms in units of 1/S, one question after the other.

    Notes
    -----
    **Privacy.** *Reads* rows of evaluation people. *Returns* an exact sum over people, for `tactful.privacy.release`
    only. *Costs* nothing by itself. *Assumes* nothing of the rows but that one is one person: the norm is argued above.
    """
    shown = {name: entries_of(rows.lists[name], query.design) for name in LISTS}
    parts = []
    for (attribute, name), question in query.questions.items():
        here, codes = rows.of_half(SECOND, attribute, query.design)
        here &= (codes[:, None] == np.array(question.levels)).any(axis=1)
        parts.append(_histograms(question, shown[name][here], codes[here]).ravel() * query.unit)
    return np.concatenate(parts)


def _histograms(question: Question, entries: _Ints, codes: _Ints) -> _Ints:
    """People by level asked about, whether it is theirs, and bin."""
    size, counts = 2 * question.bins, []
    for asked, scores in enumerate(question.scores(entries)):
        places = np.searchsorted(question.edges[asked], scores, side="right")
        theirs = question.bins * (codes == question.levels[asked])
        counts.append(np.bincount(theirs + places, minlength=size).reshape(2, -1))
    return np.array(counts)


def guesses_of(noisy: NDArray[np.float64], sigma: float, query: GuessQuery, noise: Noise) -> Guesses:
    """The released vector, taken apart.

    Parameters
    ----------
    noisy : float array
        In the order of `guess_counts`, divided by S.
    sigma : float
        Of its noise, in units of S.
    query : GuessQuery
    noise : {"system", "reproducible"}
    """
    unit, histograms, start = query.unit / SCALE, dict[tuple[str, Shown], NDArray[np.float64]](), 0
    for key, question in query.questions.items():
        shape = (question.asked, 2, question.bins)
        end = start + shape[0] * 2 * shape[2]
        histograms[key], start = read_only(noisy[start:end].reshape(shape) / unit), end
    return Guesses(noise=noise, histograms=histograms, sigma=sigma / unit)
