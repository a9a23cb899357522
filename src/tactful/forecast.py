"""What a private model will be worth, before any data is spent: a forecast from public quantities alone.

The forecast is read off a table of simulations, ``plan_table.json``, which `tactful benchmark plan-table` writes: three
synthetic worlds, from one where tastes are faint to one where a few are strong, each with catalogues, histories and
numbers of people of several sizes, and several ε. Between them it is interpolated, on logarithms, in the number of
people, the μ of a run, the number of items and the length of histories. No data is read.

The file is longer than most: what is interpolated and what is said of it stand together.

Notes
-----
*The gain* is Recall@20, less that of the exact popularity list; the share is the private model's gain over that of
EASE, which has no privacy. Both learn from the same people. It can be negative: a noisy list of popular items is worse
than the exact one. Public features of items are not counted on; they help most where people are few.

*People and noise.* What can be learned grows with people × μ, the signal over the noise of every sum. So more people
than the table holds are forecast as its most people with as much less noise, as if each were there several times: from
different ones both models would learn a little more.

*What it cannot know.* How strong the tastes of your people are. The three worlds were set beside public data on films,
web pages and groceries; yours may lie outside of what they span. It is a forecast and no promise.
"""

from __future__ import annotations

import itertools
import json
import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from tactful.errors import UsageError, counted
from tactful.privacy.accountant import PrivacyBudget, epsilon_at, mu_at

DELTA, HISTORY_LENGTH, MOST_EPSILON = 1e-6, 20.0, 30.0
TARGETS = {"50%": 0.5, "90%": 0.9}
"""Shares of the gain for which the needed people and ε are told."""
_STEPS = 300
_LEAST_SHARE = -1.0  # below, a model is of no use, and how little says nothing
_LEAST_GAIN = 0.01
_ROUNDING = 1e-6
_AXES = ("items", "history_length", "people", "mu")
_COLUMNS = ("share", "head", "rank")
_BEYOND = {
    "items": ("fewer items", "more items"),
    "history_length": ("shorter histories", "longer histories"),
    "people": ("fewer people", "more people"),
    "mu": ("more noise than the table holds for so many people", "less noise than the table holds for so many people"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What to expect of a run, on synthetic populations.

    Attributes
    ----------
    people : int
        Who train.
    items : int
    epsilon, delta : float
    history_length : float
        Items a person, on average.
    head, rank : int
        Items that the Gram is about, and directions that the model keeps of it, in the typical world.
    share_of_gain : mapping of str to float
        By world, ``low``, ``typical`` and ``high``: the private gain over the gain without privacy.
    share_without_noise : mapping of str to float
        The same with the least noise that the table holds, which is hardly any: what more people or ε cannot exceed.
    people_needed : mapping of str to mapping of str to float or None
        By share and world: the fewest people for that share at this ε; None if the table does not go so far.
    epsilon_needed : mapping of str to mapping of str to float or None
        By share and world: the least ε for that share with these people.
    outside : tuple of str
        What of the question lies outside of the table, in words; the table's edge stands for it.
    notes : tuple of str
        What else a reader has to know.
    made_by : str
        The version of tactful that made the table.
    """

    people: int
    items: int
    epsilon: float
    delta: float
    history_length: float
    head: int
    rank: int
    share_of_gain: Mapping[str, float]
    share_without_noise: Mapping[str, float]
    people_needed: Mapping[str, Mapping[str, float | None]]
    epsilon_needed: Mapping[str, Mapping[str, float | None]]
    outside: tuple[str, ...]
    notes: tuple[str, ...]
    made_by: str

    @property
    def within_table(self) -> bool:
        """Whether nothing was taken from beyond the table's edge."""
        return not self.outside

    def as_json(self) -> dict[str, Any]:
        """Plain values. What is needed is told for the typical world, and for the others beside it."""
        told = asdict(self)
        for name in ("people_needed", "epsilon_needed"):
            told[f"{name}_by_world"] = told[name]
            told[name] = {share: found["typical"] for share, found in told[name].items()}
        kind = "forecast from synthetic populations, no promise"
        return told | {"within_table": self.within_table, "kind": kind, "table_made_by": told.pop("made_by")}


def plan(
    people: int, items: int, *, epsilon: float, delta: float = DELTA, history_length: float = HISTORY_LENGTH
) -> Forecast:
    """What to expect of a training run on so many people, from a table of simulations.

    Parameters
    ----------
    people : int
        Who train: those who agree, less those set aside for evaluation.
    items : int
        Items in the catalogue.
    epsilon, delta : float
        Of the whole run; δ is far below 1 / people.
    history_length : float
        Items a person, on average.

    Returns
    -------
    Forecast
        ``share_of_gain`` by world ("low", "typical", "high"): the private gain over popular items as a share of the
        gain without privacy, below 0 where lists are worse. ``people_needed`` and ``epsilon_needed`` by share ("50%",
        "90%") and world; None beyond the table. ``outside`` says where the table's edge stands for you.

    Raises
    ------
    UsageError
        If a number is out of range.

    Notes
    -----
    **Privacy.** *Reads* no data. *Returns* what follows from its arguments and a published table. *Costs* nothing.
    *Assumes* that the arguments are public or released.

    Examples
    --------
    >>> forecast = tactful.plan(4000, 1000, epsilon=1)
    >>> round(forecast.share_of_gain["typical"], 2)  # where tastes are as with films
    0.5
    >>> round(forecast.people_needed["50%"]["typical"], -2)  # for half of what lists gain without privacy
    4000
    """
    if people < 1 or items < 1 or not (1 <= history_length < math.inf) or not (0 < epsilon <= MOST_EPSILON):
        raise UsageError(
            f"people, items and history length are at least 1, and epsilon is above 0 and at most {MOST_EPSILON:g}",
            given=f"{counted(people, 'person', 'people')}, {counted(items, 'item')}, {history_length:g} a person, "
            f"epsilon = {epsilon:g}",
            do="Give what you expect",
        )
    if delta * people >= 1:
        raise UsageError(
            "delta is below one over the number of people: it bounds the chance that a person's data leak outright",
            given=f"delta = {delta:g} for {people:,} people",
            do=f"Give a tenth of {1 / people:.1g} or less",
        )
    budget = PrivacyBudget(epsilon=epsilon, delta=delta)
    mu = mu_at(budget.epsilon, budget.delta)
    table, asked = _table(), _Asked(items=items, history_length=history_length, people=people, mu=mu)
    noiseless = replace(asked, mu=float(table.axes["mu"][-1]))
    typical = table.read("typical", asked)
    head = min(items, round(typical["head"]))
    return Forecast(
        people=people,
        items=items,
        epsilon=epsilon,
        delta=delta,
        history_length=history_length,
        head=head,
        rank=min(head, round(typical["rank"])),
        share_of_gain={world: round(table.read(world, asked)["share"], 3) for world in table.worlds},
        share_without_noise={world: round(table.read(world, noiseless)["share"], 3) for world in table.worlds},
        people_needed=_needed(table, partial(_people_for, table, asked)),
        epsilon_needed=_needed(table, partial(_epsilon_for, table, asked, delta)),
        outside=tuple(_outside(table, asked)),
        notes=tuple(_notes(table, asked)),
        made_by=table.made_by,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A place in the table, or beyond it."""

    items: float
    history_length: float
    people: float
    mu: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """The simulations, ready to be read between their cells."""

    made_by: str
    axes: Mapping[str, NDArray[np.float64]]
    worlds: Mapping[str, RegularGridInterpolator]

    def place(self, asked: _Asked) -> tuple[dict[str, float], dict[str, float]]:
        """The question in the table's terms, and the same moved to the table's edge where it lies beyond."""
        copies = max(1.0, asked.people / self.axes["people"][-1])
        there = {**asdict(asked), "people": asked.people / copies, "mu": asked.mu * copies}
        return there, {name: float(np.clip(there[name], axis[0], axis[-1])) for name, axis in self.axes.items()}

    def read(self, world: str, asked: _Asked) -> dict[str, float]:
        """The columns there."""
        edge = self.place(asked)[1]
        found = self.worlds[world](np.log([edge[name] for name in _AXES]))[0]
        return dict(zip(_COLUMNS, found.tolist(), strict=True))


@cache
def _table() -> _Table:
    """The table that was shipped."""
    found = json.loads((files("tactful") / "plan_table.json").read_text(encoding="utf-8"))
    listed = {**found["axes"], "mu": found["mu"]}
    axes = {name: np.array(listed[name], dtype=np.float64) for name in _AXES}
    grid = [np.log(axes[name]) for name in _AXES]
    cells = {(cell["world"], *(cell[name] for name in _AXES[:-1])): cell for cell in found["cells"]}
    worlds = {}
    for world in found["worlds"]:
        flat = [_columns(cells[world, *place]) for place in itertools.product(*(listed[name] for name in _AXES[:-1]))]
        values = np.array(flat).reshape(*map(len, grid), len(_COLUMNS))
        values[..., 0] = _rising(_rising(values[..., 0], axis=3), axis=2)
        worlds[world] = RegularGridInterpolator(grid, values)
    return _Table(made_by=found["tactful"], axes=axes, worlds=worlds)


def _columns(cell: Mapping[str, Any]) -> list[tuple[float, ...]]:
    """The columns of one cell, a row for each ε."""
    gain = cell["reference"] - cell["popularity"]
    most = 1.0 if gain > _LEAST_GAIN else 0.0  # of nothing nobody has a share
    gains = [(recall - cell["popularity"]) / max(gain, _LEAST_GAIN) for recall in cell["recall"]]
    shares = [min(max(share, _LEAST_SHARE), most) for share in gains]
    return list(zip(shares, cell["head"], cell["rank"], strict=True))


def _rising(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """The middle between the least rising curve above and the greatest one below: chance makes no dips."""
    above = np.maximum.accumulate(values, axis=axis)
    below = np.flip(np.minimum.accumulate(np.flip(values, axis), axis=axis), axis)
    middle: NDArray[np.float64] = (above + below) / 2
    return middle


def _needed(table: _Table, search: Callable[[str, float], float | None]) -> dict[str, dict[str, float | None]]:
    """What is searched for, for each share and world."""
    return {name: {world: search(world, share) for world in table.worlds} for name, share in TARGETS.items()}


def _people_for(table: _Table, asked: _Asked, world: str, share: float) -> float | None:
    """The fewest people for a share, with the noise as it is; None beyond the table."""
    fewest, most, most_mu = table.axes["people"][0], table.axes["people"][-1], table.axes["mu"][-1]
    tried = np.geomspace(fewest, max(most, most * most_mu / asked.mu), _STEPS)
    found = _first(table, world, share, (replace(asked, people=float(people)) for people in tried))
    return None if found is None else int(_short(found.people))


def _epsilon_for(table: _Table, asked: _Asked, delta: float, world: str, share: float) -> float | None:
    """The least ε for a share, with these people; None beyond the table."""
    copies = max(1.0, asked.people / table.axes["people"][-1])
    tried = np.geomspace(table.axes["mu"][0], table.axes["mu"][-1], _STEPS) / copies
    found = _first(table, world, share, (replace(asked, mu=float(mu)) for mu in tried))
    return None if found is None else _short(epsilon_at(found.mu, delta))


def _first(table: _Table, world: str, share: float, tried: Iterable[_Asked]) -> _Asked | None:
    """The first of the places, none with more noise than the table holds, where the share is reached."""
    least = table.axes["mu"][0] * (1 - _ROUNDING)
    inside = [asked for asked in tried if table.place(asked)[0]["mu"] >= least]
    reached = bisect_left(inside, share, key=lambda asked: table.read(world, asked)["share"])  # the table only rises
    return inside[reached] if reached < len(inside) else None


def _short(value: float) -> float:
    """Two significant digits: a forecast has no more."""
    return float(f"{value:.2g}")


def _outside(table: _Table, asked: _Asked) -> Iterator[str]:
    """What lies beyond the table, in words."""
    there, edge = table.place(asked)
    for name, (less, more) in _BEYOND.items():
        if abs(there[name] - edge[name]) > _ROUNDING * edge[name]:
            words, limit = (less, table.axes[name][0]) if there[name] < edge[name] else (more, table.axes[name][-1])
            yield words if name == "mu" else f"{words} than the table holds ({limit:,.0f})"


def _notes(table: _Table, asked: _Asked) -> Iterator[str]:
    """What a reader has to know beside the figures."""
    most = table.axes["people"][-1]
    if asked.people > most:
        yield f"more than {most:,.0f} people are forecast as {most:,.0f} with as much less noise"
