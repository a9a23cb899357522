"""An index that finds likely items of a wide catalogue without a look at every one; needs the extra ``index``.

`Recommender.indexed` makes it, for services to which some milliseconds a request are too much. It finds candidates and
decides nothing: these, and the whole head, are scored by the same arithmetic as without it, so an item that is shown
has exactly the score that it would have. What can differ is which items are shown: `recall` says how many of the ten
best the index found, for histories that are made up when it is built. Nobody's list is personal because of it, nothing
that may not be shown comes back through it, and where half of what it found may not be shown, all items are looked at.

Notes
-----
It is built in memory from arrays whose bytes were checked, and never read from a file. A file beside the model would be
one that no signature covers: whoever changed it would choose what can be recommended. One inside the model would be
covered, but it would be read by a parser of C++ structures that trusts what it reads, which nobody who approves a model
can look into. So a service pays for it once when it loads a model, and says so by asking for it.

Rows are of some hundred numbers. They are projected on the directions in which they differ most, at most 64, with the
base of an item as one more, and usearch (Malkov & Yashunin 2018, "Efficient and robust approximate nearest neighbor
search using hierarchical navigable small world graphs") finds the largest inner products among them, in 16 bits.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.errors import MissingExtraError, UsageError, counted
from tactful.scoring.described import Described
from tactful.scoring.item_model import ItemModel

CANDIDATES = 500
_DIRECTIONS, _SAMPLED = 64, 4_096
_LINKS, _CAREFUL, _SEARCHED = 16, 64, 2  # of each row; looked at when one is added; and when asked, times candidates
_SAME = 1e-7  # differences of this share of a base are those of its 32 bits
_BLOCK = 2**14  # rows that are added at a time
_ASKED, _BEST, _LENGTH = 64, 10, 20  # made-up histories to measure recall, items they are asked for, items they have

_Floats = NDArray[np.float64]


class CandidateIndex:
    """Rows of described items by where a taste would find them. Safe to share between threads.

    Attributes
    ----------
    recall : float
        Of the ten best described items for made-up histories, the share that the index found.
    bytes : int
        Memory that it takes.
    """

    def __init__(self, *, library: Any, project: _Floats, base_unit: float, candidates: int, start: int) -> None:
        self._library, self._project, self._base_unit = library, project, base_unit
        self._candidates, self._start = candidates, start
        self._alone = threading.Lock()  # one search at a time: they share what the library writes down meanwhile
        self.recall = 0.0  # nothing was asked yet

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return int(self._library.memory_usage)

    def find(self, taste: _Floats) -> NDArray[np.intp]:
        """Rows of described items that probably score highest for a taste."""
        asked = np.append(self._project.T @ taste, self._base_unit)
        asked /= max(float(np.linalg.norm(asked)), 1e-300)
        with self._alone:
            found = self._library.search(asked.astype(np.float32), self._candidates, threads=1)
        return np.asarray(found.keys, dtype=np.intp) + self._start


def indexed(model: ItemModel, *, candidates: int = CANDIDATES, threads: int = 0) -> ItemModel:
    """The model with an index over its described items, whose recall was measured.

    Parameters
    ----------
    model : ItemModel
    candidates : int
        Items that the index finds for one request.
    threads : int, default=0
        To build it with; as many as there are processors if 0.

    Raises
    ------
    MissingExtraError
        If usearch is not installed.
    UsageError
        If the model has no described items, or there are not ten times as many as candidates: a look at all of them is
        as fast.
    """
    described = model.described
    if described is None or len(described) < 10 * candidates or candidates < 1:
        held = counted(0 if described is None else len(described), "such item")
        raise UsageError(
            "an index is for a wide catalogue, of ten times as many described items as candidates at least",
            given=f"{held}, {counted(candidates, 'candidate')}",
            do="Serve the model without an index",
        )
    project = _directions(described)
    index = _built(model, described, project, candidates, threads)
    index.recall = _recall(model, described, index)
    return replace(model, finder=index)


def _directions(described: Described) -> _Floats:
    """Orthonormal columns along which the rows differ most, the same ones each time."""
    places = np.unique(np.linspace(0, len(described) - 1, _SAMPLED).astype(np.intp))
    rows = described.rows_out(places)
    _, vectors = np.linalg.eigh(rows.T @ rows)
    leading: _Floats = np.ascontiguousarray(vectors[:, ::-1][:, :_DIRECTIONS])
    return leading


def _built(model: ItemModel, described: Described, project: _Floats, candidates: int, threads: int) -> CandidateIndex:
    """The rows, projected, with their base, in units of the longest."""
    terms, base = described.decoder @ project, model.row_base[len(model.head) :].astype(np.float64)
    largest = float(np.abs(base).max())
    base -= base.mean()  # which orders nothing, and would leave no room for what does
    if base.std() <= _SAME * largest:
        base[:] = 0.0
    spread = float(np.sqrt(np.square(terms).sum(axis=1).mean())) * float(described.sizes.mean())
    unit = float(base.std()) / max(spread, 1e-30) or 1.0
    short = replace(described, decoder=terms.astype(np.float32))
    scale = described.largest_out + float(np.abs(base).max()) / unit
    library = _library(terms.shape[1] + 1, _SEARCHED * candidates)
    for start in range(0, len(described), _BLOCK):
        places = np.arange(start, min(start + _BLOCK, len(described)))
        rows = np.column_stack([short.rows_out(places), base[places] / unit]) / max(scale, 1e-30)
        library.add(places, rows.astype(np.float32), threads=threads)
    return CandidateIndex(
        library=library, project=project, base_unit=unit, candidates=candidates, start=len(model.head)
    )


def _recall(model: ItemModel, described: Described, index: CandidateIndex) -> float:
    """The share of the best that are found, for histories of items drawn by popularity."""
    rng, start = np.random.default_rng(0), len(model.head)
    liked = np.maximum(model.popularity[model.places].astype(np.float64), 0.0)
    shares = liked / liked.sum() if liked.sum() > 0 else np.full(len(liked), 1 / len(liked))
    found = []
    for _ in range(_ASKED):
        taste = model.taste(np.unique(rng.choice(len(shares), _LENGTH, p=shares)))
        scores = described.scores(taste) + model.row_base[start:]
        best = np.argpartition(-scores, _BEST)[:_BEST] + start
        found.append(np.isin(best, index.find(taste)).mean())
    return float(np.mean(found))


def _library(directions: int, searched: int) -> Any:
    """An empty index of usearch."""
    try:
        from usearch.index import Index
    except ModuleNotFoundError as missing:
        raise MissingExtraError("an index", extra="index", missing=missing.name or "usearch") from missing
    return Index(
        ndim=directions,
        metric="ip",
        dtype="f16",
        connectivity=_LINKS,
        expansion_add=_CAREFUL,
        expansion_search=searched,
    )
