"""What happens at a million items: what noise leaves of a head, what is reached and how, how fast lists are made.

A synthetic crowd and a synthetic catalogue go through what `tactful train` does: gate, bound, release, fit, artifact;
then lists are made, with a look at every item and with an index. Items have a department, which is their taste, a
category within it, a brand and a price, so that taste can be learned from what the catalogue says.

The file is longer than most: what is measured stands beside the words that say what it means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse

from tactful.benchmarks.crowd import TASTES, crowd
from tactful.benchmarks.memory import peak_gib
from tactful.benchmarks.private import default_settings
from tactful.benchmarks.stopwatch import Clock, TimedRelease
from tactful.benchmarks.worlds import World
from tactful.catalogue import Catalogue
from tactful.fitting import Fitted, fit_released
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.scoring.artifact import read_artifact
from tactful.scoring.candidate_index import CANDIDATES
from tactful.scoring.recommender import Recommender

ITEMS, PEOPLE = 1_000_000, 100_000
_BUDGET = PrivacyBudget(epsilon=1.0, delta=1e-6)
_CATEGORIES, _BRANDS = 50, 20_000  # of a department; of all
_ASKED, _N = 300, 10
_WARM = 20  # requests that are not timed

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Lists of ten for some of the people, from their own histories.

    Attributes
    ----------
    p50, p99 : float, milliseconds a list
    beyond_head : float
        Share of the places that have an item from outside the head.
    different : int
        Items that are on any of the lists.
    """

    p50: float
    p99: float
    beyond_head: float
    different: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """The same lists with an index.

    Attributes
    ----------
    built : float, seconds
    mib : float
        Memory of the index.
    stated : float
        The recall that the index states of itself: of the ten best items outside the head.
    recall : float
        The share of the lists without an index that is on those with one.
    lists : Lists
    """

    built: float
    mib: float
    stated: float
    recall: float
    lists: Lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """A wide catalogue, trained and served.

    Attributes
    ----------
    items, people, interactions : int
    used : int
        Items that anybody used.
    sigma : float
        Noise of the popularity of an item, which is a sum of 1/√l over the people of l items who use it.
    head, described : int
        Items that taste was learned for, and those that it reaches by their features. All others have popularity alone.
    found : float
        The share of the head that is among as many items that are really used most.
    head_use : float
        The share of all interactions that are with the head.
    unused : int
        Items of the head that nobody used.
    seconds : mapping of str to float
        Of ``catalogue``, ``gate``, ``release``, ``fit``, ``write`` and ``load``.
    artifact_mib, peak_gib : float
        On disk; most memory of this process, crowd and gate included.
    lists : Lists
        With a look at every item.
    indexed : Indexed or None
    """

    items: int
    people: int
    interactions: int
    used: int
    sigma: float
    head: int
    described: int
    found: float
    head_use: float
    unused: int
    seconds: dict[str, float] = field(default_factory=dict)
    artifact_mib: float
    peak_gib: float
    lists: Lists
    indexed: Indexed | None

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the attributes."""
        return asdict(self)


def benchmark_wide(
    items: int = ITEMS,
    people: int = PEOPLE,
    *,
    candidates: int | None = CANDIDATES,
    progress: Progress = lambda _: None,
) -> Wide:
    """A wide catalogue has been trained on and served, in this process.

    Parameters
    ----------
    items, people : int
        Of the crowd; see `tactful.benchmarks.crowd.crowd`.
    candidates : int, optional
        That the index finds; None for no index.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    ConfigError, UsageError
        If the crowd is too small, or the catalogue not wide enough for so many candidates.
    MissingExtraError
        If usearch is not installed.
    """
    laps = _Laps(progress)
    rows = crowd(people, items)
    with laps.lap("catalogue"):
        catalogue = Catalogue.of_table(described_items(items))
    with laps.lap("gate"):
        world = World.of(rows, catalogue, max_items=default_settings(_BUDGET).privacy.max_items)
    fitted, sigma = _trained(world, laps)
    recommender, size = _served(fitted, catalogue, laps)
    asked = _histories(rows, catalogue)
    progress("making lists")
    lists, found = _lists(recommender, asked, catalogue, fitted)
    indexed = _indexed(recommender, asked, catalogue, fitted, found, candidates, laps) if candidates else None
    counts = np.bincount(rows.indices, minlength=items)
    most_used = np.argsort(-counts, kind="stable")[: len(fitted.head)]
    return Wide(
        items=items,
        people=people,
        interactions=rows.nnz,
        used=int(np.count_nonzero(counts)),
        sigma=sigma,
        head=len(fitted.head),
        described=fitted.model.reached - min(len(fitted.head), len(fitted.model.head)),
        found=float(np.isin(fitted.head, most_used).mean()),
        head_use=float(counts[fitted.head].sum() / counts.sum()),
        unused=int((counts[fitted.head] == 0).sum()),
        seconds=laps.seconds,
        artifact_mib=size,
        peak_gib=peak_gib(),
        lists=lists,
        indexed=indexed,
    )


def described_items(items: int, *, seed: int = 0) -> pa.Table:
    """An item table of that many items: departments by the tastes of `crowd`, with categories, brands and prices."""
    rng = np.random.default_rng(seed)
    taste = np.arange(items) % TASTES
    category = taste * _CATEGORIES + rng.integers(_CATEGORIES, size=items)
    brand = np.minimum(rng.zipf(1.2, items), _BRANDS)
    numbers = zip(range(items), category.tolist(), brand.tolist(), strict=True)
    return pa.table(
        {
            "item_id": [f"SKU-{number:09d}" for number in range(items)],
            "title": [f"Item {number} of category {kind} by brand {by}" for number, kind, by in numbers],
            "department": [f"department {kind}" for kind in taste.tolist()],
            "category": [f"category {kind}" for kind in category.tolist()],
            "brand": [f"brand {by}" for by in brand.tolist()],
            "price": rng.lognormal(2, 1, items).round(2),
        }
    )


class _Laps:
    """Seconds of each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """What happens inside counts under this name."""
        self._progress(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def _trained(world: World, laps: _Laps) -> tuple[Fitted, float]:
    """What `tactful train` makes of the world, and the noise of an item's popularity."""
    planned, clock = Planned.of(default_settings(_BUDGET)), Clock()
    door = TimedRelease(clock, planned.plan)
    with laps.lap("fit"):
        fitted = fit_released(door, world.everybody, planned, door.people(world.everybody))
    laps.seconds["release"] = clock.seconds["release"]
    laps.seconds["fit"] -= clock.seconds["release"]
    return fitted, planned.plan.event("popularity").noise_multiplier


def _served(fitted: Fitted, catalogue: Catalogue, laps: _Laps) -> tuple[Recommender, float]:
    """The model as a service has it, and how many MiB its files have; arrays stay mapped when the files are gone."""
    with TemporaryDirectory(prefix="tactful-") as place:
        folder = Path(place) / "model"
        with laps.lap("write"):
            fitted.model.write(folder, catalogue=catalogue, sensitive=((),) * len(catalogue), meta={"model": "wide"})
        size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
        with laps.lap("load"):
            return Recommender.unapproved(read_artifact(folder)), size


def _histories(rows: scipy.sparse.csr_array, catalogue: Catalogue) -> list[list[str]]:
    """The items of the first people."""
    asked = min(_ASKED, rows.shape[0])
    parts = np.split(rows.indices[: rows.indptr[asked]], rows.indptr[1:asked])
    return [catalogue.item_ids[part].tolist() for part in parts]


def _lists(
    recommender: Recommender, asked: Sequence[list[str]], catalogue: Catalogue, fitted: Fitted
) -> tuple[Lists, list[list[str]]]:
    """Lists and their times; the first requests are made twice."""
    found, times = [], []
    for number, history in enumerate([*asked[:_WARM], *asked]):
        began = time.perf_counter()
        answer = recommender.recommend(history, _N, profiling=True)
        if number >= _WARM:
            times.append(1e3 * (time.perf_counter() - began))
            found.append([item.item_id for item in answer.items])
    head: frozenset[str] = frozenset(catalogue.item_ids[fitted.head].tolist())
    places = [item for each in found for item in each]
    lists = Lists(
        p50=float(np.median(times)),
        p99=float(np.percentile(times, 99)),
        beyond_head=sum(item not in head for item in places) / max(len(places), 1),
        different=len(set(places)),
    )
    return lists, found


def _indexed(
    recommender: Recommender,
    asked: Sequence[list[str]],
    catalogue: Catalogue,
    fitted: Fitted,
    without: Sequence[list[str]],
    candidates: int,
    laps: _Laps,
) -> Indexed:
    """The index, and the same lists with it."""
    with laps.lap("index"):
        quick = recommender.indexed(candidates=candidates)
    lists, found = _lists(quick, asked, catalogue, fitted)
    same = [len(set(one) & set(other)) / max(len(one), 1) for one, other in zip(without, found, strict=True)]
    return Indexed(
        built=laps.seconds.pop("index"),
        mib=quick.index_bytes / 2**20,
        stated=quick.index_recall or 0.0,
        recall=float(np.mean(same)),
        lists=lists,
    )
