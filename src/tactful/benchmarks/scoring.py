"""How fast an approved model answers, loads and imports, beside implicit and beside the product that nobody can skip.

All items are in the head, histories have 50 items, and the whole public call is timed: text ids in, an `Answer` out,
the approval's end looked at. The peer takes and gives positions. Everybody has one thread.

Notes
-----
Contenders take turns after a few calls, so that all meet the machine in the same state; a service, too, asks one model
again and again. What a call is asked with is made shortly before it, outside of the time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tactful.benchmarks.approved import approved_model, ids_of
from tactful.benchmarks.peers import for_implicit, implicit
from tactful.errors import UsageError
from tactful.scoring.recommender import Recommender

ITEMS, FACTORS, CALLS = 20_000, 64, 600
HISTORY, N = 50, 10
PEER = "implicit.als.AlternatingLeastSquares.recommend(recalculate_user=True), one thread"
_IN_A_ROW = 20  # calls of one before it is the next one's turn
_PEOPLE, _BATCHES = 384, 11
_LOADS = _IMPORTS = 5
_IMPORTED = """
import json, time
began = time.perf_counter()
import numpy
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
needed = time.perf_counter()
import tactful.scoring
print(json.dumps([time.perf_counter() - began, time.perf_counter() - needed]))
"""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Times of single calls, in microseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringSpeed:
    """What answers, loading and importing took.

    Attributes
    ----------
    items, factors, calls : int
        Of the catalogue, all in the head; of each item; of each contender.
    single, peer, product : Calls
        One history a call: ours, implicit's, and the bare ``decoder @ taste``.
    batch, peer_batch : float, microseconds a person
    load : float, seconds
        Of `Recommender.load`, every byte and the approval checked, files warm.
    imported, imported_alone : float, seconds
        Of ``import tactful.scoring`` in a fresh interpreter: with numpy and cryptography, and what it adds to them.
    """

    items: int
    factors: int
    calls: int
    single: Calls
    peer: Calls
    product: Calls
    batch: float
    peer_batch: float
    load: float
    imported: float
    imported_alone: float

    def as_json(self) -> dict[str, Any]:
        """Plain values, times in microseconds or milliseconds as their names say."""
        return {
            "items": self.items,
            "factors": self.factors,
            "history": HISTORY,
            "n": N,
            "calls": self.calls,
            "single": {
                **_named(self.single),
                "ratio_to_implicit": self.single.p50 / self.peer.p50,
                "ratio_to_product": self.single.p50 / self.product.p50,
                "implicit": _named(self.peer),
                "product": _named(self.product),
            },
            "batch": {
                "us_per_person": self.batch,
                "ratio_to_implicit": self.batch / self.peer_batch,
                "implicit_us_per_person": self.peer_batch,
                "people": _PEOPLE,
            },
            "load_ms": 1e3 * self.load,
            "import_ms": 1e3 * self.imported,
            "import_alone_ms": 1e3 * self.imported_alone,
            "peer": PEER,
        }


def measure_scoring(
    items: int = ITEMS, factors: int = FACTORS, *, calls: int = CALLS, progress: Progress = lambda _: None
) -> ScoringSpeed:
    """An approved model of random factors has been timed beside implicit with factors of the same size.

    Parameters
    ----------
    items : int
        At least 200, so that a history leaves something to recommend.
    factors : int
    calls : int
        Of each contender, one history each.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    UsageError
        If there are too few items, factors or calls.
    MissingExtraError
        If implicit is not installed.
    """
    if items < 4 * HISTORY or factors < 1 or calls < 1:
        raise UsageError(
            f"a benchmark of scoring has at least {4 * HISTORY} items, 1 factor and 1 call",
            given=f"there were {items}, {factors} and {calls}",
            do="Give more",
        )
    progress("importing in fresh interpreters")
    imported, alone = (float(x) for x in np.median([_import() for _ in range(_IMPORTS)], axis=0))
    with approved_model(items, factors) as (load, decoder), threadpool_limits(limits=1, user_api="blas"):
        progress(f"loading {items:,} x {factors}")
        loads = [_seconds(load) for _ in range(_LOADS)]
        contenders = _Contenders(load(), decoder)
        progress("single requests")
        ours, peer, product = contenders.single(calls)
        progress("many people at once")
        batch, peer_batch = contenders.batch()
    return ScoringSpeed(
        items=items,
        factors=factors,
        calls=calls,
        single=ours,
        peer=peer,
        product=product,
        batch=batch,
        peer_batch=peer_batch,
        load=float(np.median(loads)),
        imported=imported,
        imported_alone=alone,
    )


class _Contenders:
    """A loaded model, implicit with the same item factors, and their product with a vector."""

    def __init__(self, recommender: Recommender, decoder: NDArray[np.float32]) -> None:
        als = implicit("als", command="`tactful benchmark scoring`")
        self._ours, self._decoder = recommender, decoder
        self._peer = als.AlternatingLeastSquares(factors=decoder.shape[1], num_threads=1, random_state=0)
        self._peer.item_factors = decoder
        self._peer.user_factors = np.zeros((_PEOPLE, decoder.shape[1]), dtype=np.float32)
        self._rng = np.random.default_rng(0)

    def single(self, calls: int) -> tuple[Calls, Calls, Calls]:
        """Times of one call each: ours, implicit's, the product."""
        taste = self._rng.standard_normal(self._decoder.shape[1], dtype=np.float32)
        spent: tuple[list[float], ...] = ([], [], [])
        for start in range(-_IN_A_ROW, calls, _IN_A_ROW):
            histories = self._histories(min(_IN_A_ROW, calls - start))
            times = (
                [_seconds(self._recommend, ids_of(row)) for row in histories],
                [_seconds(self._peer.recommend, 0, _rows(row[None], len(self._decoder)), N=N, recalculate_user=True)
                 for row in histories],
                [_seconds(np.dot, self._decoder, taste) for _ in histories],
            )  # fmt: skip
            if start >= 0:  # the first turns warm up
                for kept, more in zip(spent, times, strict=True):
                    kept += more
        ours, peer, product = (Calls(p50=1e6 * float(np.median(t)), p99=1e6 * _p99(t)) for t in spent)
        return ours, peer, product

    def batch(self) -> tuple[float, float]:
        """Microseconds a person where many are asked about at once: ours, implicit's."""
        people, spent = np.arange(_PEOPLE), []
        for _ in range(_BATCHES + 1):
            histories = self._histories(_PEOPLE)
            ids, rows = [ids_of(row) for row in histories], _rows(histories, len(self._decoder))
            ours = _seconds(self._ours.recommend_batch, ids, N, profiling=True)
            spent.append((ours, _seconds(self._peer.recommend, people, rows, N=N, recalculate_user=True)))
        first, second = 1e6 * np.median(spent[1:], axis=0) / _PEOPLE
        return float(first), float(second)

    def _recommend(self, history: list[str]) -> None:
        """One request."""
        self._ours.recommend(history, N, profiling=True)

    def _histories(self, people: int) -> NDArray[np.int64]:
        """Catalogue positions of different items, a row each."""
        rows = [self._rng.choice(len(self._decoder), HISTORY, replace=False) for _ in range(people)]
        return np.sort(np.array(rows), axis=1)


def _rows(histories: NDArray[np.int64], items: int) -> scipy.sparse.csr_matrix:
    """Histories in the only type that implicit takes."""
    people, length = histories.shape
    starts = np.arange(0, people * length + 1, length)
    ones = np.ones(people * length)
    return for_implicit(scipy.sparse.csr_array((ones, histories.ravel(), starts), shape=(people, items)))


def _seconds(task: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    task(*args, **kwargs)
    return time.perf_counter() - began


def _import() -> tuple[float, float]:
    """Seconds of the import in a fresh interpreter: all of it, and what is ours."""
    run = subprocess.run([sys.executable, "-c", _IMPORTED], capture_output=True, text=True, check=True)  # noqa: S603  (our own text)
    whole, alone = json.loads(run.stdout)
    return float(whole), float(alone)


def _p99(times: list[float]) -> float:
    """The time that 99 of 100 calls stay below."""
    return float(np.percentile(times, 99))


def _named(calls: Calls) -> dict[str, float]:
    """Under the names of the contract."""
    return {f"{name}_us": value for name, value in asdict(calls).items()}
