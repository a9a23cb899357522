"""What every estimator of `tactful.released` keeps to, each law a function that fails where it does not.

Estimators are found, not listed: whatever class in `tactful.released` is a scikit-learn estimator with a method `fit`.
The arguments of `fit` are recognised by name and are released statistics, public or declared: `World.told` has them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

import tactful.released
from privacy_worlds import catalogue
from released_worlds import Crowd, checkerboard_rows, symmetric_noise
from solve_reference import sums
from tactful.privacy.statistics import (
    FactorGram,
    ItemGram,
    ItemPopularity,
    PeopleCount,
    RightHandSides,
    SolvedStep,
    SolveQuery,
)
from tactful.released.dpals import Ask
from tactful.released.item_features import ItemFeatures
from tactful.released.model import ReleasedModel
from tactful.scoring.artifact import Artifact, read_artifact
from tactful.scoring.recommender import Recommender

Estimator = type[BaseEstimator]
Law = Callable[[Estimator, Path], None]
N_ITEMS, N_PEOPLE = 40, 613
SECRET = 4
"""The item that is in a sensitive category."""
HISTORY = (0, 8, 14, 20)
RELEASED = {
    "gram": ItemGram,
    "popularity": ItemPopularity,
    "people": PeopleCount,
    "features": ItemFeatures | None,
    "ask": Ask,
    "noise_multiplier": float,
}
"""What `fit` may be told, by the name of the argument. A new kind of release gets its line here and in `World`."""
_META = {"model": "board", "tactful": "0", "epsilon": 1.0, "delta": 1e-6, "created": "2026-11-22T00:00:00+00:00"}
_SIGMA = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is released of the checkerboard's people, where even users like even items."""

    crowd: Crowd

    @classmethod
    def of(cls, people: int = N_PEOPLE) -> World:
        """So many of them, half of the items of their kind each."""
        rng = np.random.default_rng(11)
        return cls(crowd=Crowd.of(checkerboard_rows(N_ITEMS, people, rng), rng, _SIGMA))

    def told(self, name: str) -> Any:
        """What an argument of that name is given."""
        values = {
            "gram": self.crowd.gram,
            "popularity": self.crowd.popularity,
            "people": self.crowd.people,
            "features": None,
            "ask": self.solved,
            "noise_multiplier": _SIGMA,
        }
        return values[name]

    def solved(self, query: SolveQuery) -> SolvedStep:
        """What a door would answer, the noise of each step its own and the same whenever it is asked."""
        sides, gram, _ = sums([np.flatnonzero(row).tolist() for row in self.crowd.rows], query)
        rng = np.random.default_rng(query.step)
        return SolvedStep(
            sides=RightHandSides(noise="system", values=sides + rng.normal(0, _SIGMA, sides.shape), sigma=_SIGMA),
            gram=FactorGram(noise="system", values=gram + symmetric_noise(rng, len(gram), _SIGMA), sigma=_SIGMA),
            item_grams=None,
        )


def estimators() -> list[Estimator]:
    """Every estimator of the room, by name."""
    modules = [import_module(f"tactful.released.{found.name}") for found in iter_modules(tactful.released.__path__)]
    found = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, BaseEstimator) and kind.__module__ == module.__name__
    }
    return sorted((kind for kind in found if hasattr(kind, "fit")), key=lambda kind: kind.__name__)


def asked(kind: Estimator) -> list[str]:
    """The names of what `fit` is given."""
    return [name for name in inspect.signature(kind.fit).parameters if name != "self"]


@lru_cache(maxsize=2)
def world(people: int = N_PEOPLE) -> World:
    """The same world for all laws."""
    return World.of(people)


def fitted(kind: Estimator, **changes: Any) -> ReleasedModel:
    """The model of an estimator as it comes, with some arguments changed."""
    return _fit(kind(), world(), **changes).model_


def arrays(value: object) -> dict[str, NDArray[Any]]:
    """Every array that a value holds, also inside of what it holds."""
    found: dict[str, NDArray[Any]] = {}
    for field in fields(value) if is_dataclass(value) and not isinstance(value, type) else ():
        held = getattr(value, field.name)
        if isinstance(held, np.ndarray):
            found[field.name] = held
        else:
            found |= {f"{field.name}.{name}": inner for name, inner in arrays(held).items()}
    return found


def it_is_told_what_was_released_and_nothing_else(kind: Estimator, _: Path) -> None:
    """Each argument of `fit` is one of `RELEASED`, by name and type: there is no way in for a row about a person."""
    hints = get_type_hints(kind.fit)
    names = asked(kind)
    assert set(names) <= set(RELEASED)
    assert {name: hints.get(name) for name in names} == {name: RELEASED[name] for name in names}


def it_follows_scikit_learn(kind: Estimator, _: Path) -> None:
    """`fit` returns self, changes no parameter, and what was learned ends in _; `clone` forgets it."""
    made = kind()
    before = dict(made.get_params())
    assert _fit(made, world()) is made
    assert made.get_params() == before
    learned = set(vars(made)) - set(before)
    assert "model_" in learned
    assert all(name.endswith("_") for name in learned)
    assert not hasattr(clone(made), "model_")


def the_same_releases_make_the_same_model(kind: Estimator, _: Path) -> None:
    """Bit for bit, whatever state global generators are in: a fit can be repeated by whoever doubts it."""
    one, other = fitted(kind), fitted(kind)
    assert {name: array.tobytes() for name, array in arrays(one).items()} == {
        name: array.tobytes() for name, array in arrays(other).items()
    }


def what_was_released_stays_as_it_was(kind: Estimator, _: Path) -> None:
    """No statistic is written to: the next estimator gets the same ones."""
    given = World.of()
    told = [given.told(name) for name in asked(kind)]
    before = [{name: array.tobytes() for name, array in arrays(value).items()} for value in told]
    _fit(kind(), given)
    assert [{name: array.tobytes() for name, array in arrays(value).items()} for value in told] == before


def noise_that_can_be_repeated_marks_the_model(kind: Estimator, _: Path) -> None:
    """One such statistic is enough: the model can be looked at, never approved."""
    for name in {"gram", "popularity"} & set(asked(kind)):
        told = replace(world().told(name), noise="reproducible")
        assert fitted(kind, **{name: told}).noise == "reproducible", name
    if "ask" in asked(kind):

        def repeatable(query: SolveQuery) -> SolvedStep:
            answer = world().solved(query)
            return replace(answer, sides=replace(answer.sides, noise="reproducible"))

        assert fitted(kind, ask=repeatable).noise == "reproducible"
    assert fitted(kind).noise == "system"


def no_array_is_as_long_as_there_are_people(kind: Estimator, _: Path) -> None:
    """Everything is as long as the catalogue or the head, finite, and of the same shape with twice the people."""
    model, doubled = fitted(kind), _fit(kind(), world(2 * N_PEOPLE)).model_
    assert len(model.popularity) == len(model.base) == N_ITEMS
    assert len(model.encoder) == len(model.decoder) == len(model.head) <= N_ITEMS
    assert sorted(set(model.head.tolist())) == sorted(model.head.tolist())
    for of in (model, doubled):
        found = arrays(of)
        assert all(np.isfinite(array).all() for array in found.values())
        assert not {N_PEOPLE, 2 * N_PEOPLE} & {length for array in found.values() for length in array.shape}


def a_planted_taste_is_found_or_none_is_claimed(kind: Estimator, _: Path) -> None:
    """Of even items the ten best are even, unless the model has no direction of taste at all."""
    model = fitted(kind)
    slots = np.flatnonzero(np.isin(model.head, HISTORY))
    scores = model.base.copy()
    scores[model.head] += model.decoder @ model.encoder[slots].sum(axis=0) / np.sqrt(max(len(slots), 1))
    best = [item for item in np.argsort(-scores, kind="stable").tolist() if item not in HISTORY][:10]
    assert model.rank == 0 or all(item % 2 == 0 for item in best)


def the_artifact_is_the_model_bit_for_bit(kind: Estimator, folder: Path) -> None:
    """What is served are the model's arrays in 32 bits, and writing it again makes the same manifest."""
    model = fitted(kind)
    found, again = (_written(model, folder / name) for name in ("one", "again"))
    assert found.manifest_digest == again.manifest_digest
    for name in ("popularity", "base", "encoder", "decoder"):
        assert found.arrays[name].tobytes() == getattr(model, name).astype(np.float32).tobytes(), name
    assert found.arrays["head"].tolist() == model.head.tolist()


def contributions_add_up_to_the_score(kind: Estimator, folder: Path) -> None:
    """For every item of the catalogue that is shown, with the base term, within 1e-5."""
    answer = _served(kind, folder).recommend(_ids(HISTORY), N_ITEMS, profiling=True, because=True)
    assert answer.items
    for item in answer.items:
        assert item.because is not None
        assert sum(part.contribution for part in item.because) == pytest.approx(item.score, rel=0, abs=1e-5)


def unknown_items_are_counted_and_change_nothing(kind: Estimator, folder: Path) -> None:
    """And an item of the history is never recommended."""
    served = _served(kind, folder)
    plain = served.recommend(_ids(HISTORY), N_ITEMS, profiling=True)
    more = served.recommend([*_ids(HISTORY), "gone", "never there"], N_ITEMS, profiling=True)
    assert (plain.unknown, more.unknown) == (0, 2)
    assert more.items == plain.items
    assert not {item.item_id for item in plain.items} & set(_ids(HISTORY))


def sensitive_items_are_shown_to_who_allows_them(kind: Estimator, folder: Path) -> None:
    """To nobody else; and who is not profiled gets one list, whatever their history."""
    served = _served(kind, folder)
    for profiling in (True, False):
        closed = served.recommend(_ids(HISTORY), N_ITEMS, profiling=profiling)
        opened = served.recommend(_ids(HISTORY), N_ITEMS, profiling=profiling, allowed_categories=["health"])
        shown = [{item.item_id for item in answer.items} for answer in (closed, opened)]
        assert [f"i{SECRET}" in items for items in shown] == [False, True]
    lists = [served.recommend(history, N_ITEMS, profiling=False).items for history in (_ids(HISTORY), [])]
    assert lists[0] == lists[1]


LAWS: tuple[Law, ...] = (
    it_is_told_what_was_released_and_nothing_else,
    it_follows_scikit_learn,
    the_same_releases_make_the_same_model,
    what_was_released_stays_as_it_was,
    noise_that_can_be_repeated_marks_the_model,
    no_array_is_as_long_as_there_are_people,
    a_planted_taste_is_found_or_none_is_claimed,
    the_artifact_is_the_model_bit_for_bit,
    contributions_add_up_to_the_score,
    unknown_items_are_counted_and_change_nothing,
    sensitive_items_are_shown_to_who_allows_them,
)


def _fit(made: Any, given: World, **changes: Any) -> Any:
    return made.fit(**({name: given.told(name) for name in asked(type(made))} | changes))


def _ids(items: tuple[int, ...]) -> list[str]:
    return [f"i{item}" for item in items]


def _written(model: ReleasedModel, folder: Path) -> Artifact:
    sensitive = tuple(("health",) if item == SECRET else () for item in range(N_ITEMS))
    digest = model.write(folder, catalogue=catalogue(N_ITEMS), sensitive=sensitive, meta=_META)
    return read_artifact(folder, manifest_digest=digest)


def _served(kind: Estimator, folder: Path) -> Recommender:
    return Recommender.unapproved(_written(fitted(kind), folder / "served"))
