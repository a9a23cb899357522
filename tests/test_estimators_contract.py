"""Every estimator keeps the laws of `estimators_contract.py`, and one that breaks a law is found by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import estimators_contract as contract
from estimators_contract import LAWS, N_ITEMS, N_PEOPLE, Estimator, Law, estimators
from tactful.catalogue import Catalogue
from tactful.personal.bounding import BoundedInteractions
from tactful.privacy.statistics import ItemGram, ItemPopularity, PeopleCount
from tactful.released.gram_recommender import GramRecommender
from tactful.released.model import ReleasedModel
from tactful.released.popularity import PopularityRecommender


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", estimators(), ids=lambda kind: kind.__name__)
def test_every_estimator_keeps_each_law(kind: Estimator, law: Law, tmp_path: Path) -> None:
    """Whatever estimator there is in `tactful.released` is found and must keep them."""
    law(kind, tmp_path)


def test_those_that_a_run_can_choose_are_among_them() -> None:
    assert {"GramRecommender", "PopularityRecommender", "PrivateALS"} <= {kind.__name__ for kind in estimators()}


class Sound(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """An estimator that keeps the laws; each of those below breaks one."""

    def fit(self, gram: ItemGram, popularity: ItemPopularity, people: PeopleCount) -> Self:
        self.model_ = self._changed(GramRecommender().fit(gram, popularity, people).model_)
        return self

    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return model


class SeesRows(Sound):
    def fit(self, gram: ItemGram, popularity: ItemPopularity, people: BoundedInteractions) -> Self:  # type: ignore[override]
        return super().fit(gram, popularity, people)


class KeepsWhatItWasTold(Sound):
    def fit(self, gram: ItemGram, popularity: ItemPopularity, people: PeopleCount) -> Self:
        self.told = popularity
        return super().fit(gram, popularity, people)


class Dice(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return replace(model, base=model.base + 1e-9 * np.random.default_rng().random(N_ITEMS))


class WritesToItsArguments(Sound):
    def fit(self, gram: ItemGram, popularity: ItemPopularity, people: PeopleCount) -> Self:
        popularity.values.flags.writeable = True
        popularity.values[:] = np.maximum(popularity.values, 1.0) + 1e-6
        return super().fit(gram, popularity, people)


class ForgetsTheNoise(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return replace(model, noise="system")


class RowForAPerson(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return replace(model, encoder=np.zeros((N_PEOPLE, model.rank)))


class Infinite(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return replace(model, base=np.where(np.arange(N_ITEMS) == 3, np.inf, model.base))


class Contrary(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return replace(model, decoder=-model.decoder)


class Coarse(ReleasedModel):
    """Writes another model than it is."""

    def write(self, folder: Path, **more: Any) -> str:
        plain = ReleasedModel(**{name: getattr(self, name) for name in ReleasedModel.__dataclass_fields__})
        return replace(plain, base=plain.base.astype(np.float16).astype(float)).write(folder, **more)


class OpenToAll(ReleasedModel):
    """Writes no item as sensitive."""

    def write(self, folder: Path, *, catalogue: Catalogue, sensitive: Any, meta: Any) -> str:
        plain = ReleasedModel(**{name: getattr(self, name) for name in ReleasedModel.__dataclass_fields__})
        return plain.write(folder, catalogue=catalogue, sensitive=((),) * len(sensitive), meta=meta)


class WritesCoarsely(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return Coarse(**{name: getattr(model, name) for name in ReleasedModel.__dataclass_fields__})


class ShowsEverything(Sound):
    def _changed(self, model: ReleasedModel) -> ReleasedModel:
        return OpenToAll(**{name: getattr(model, name) for name in ReleasedModel.__dataclass_fields__})


BROKEN: list[tuple[Estimator, Law]] = [
    (SeesRows, contract.it_is_told_what_was_released_and_nothing_else),
    (KeepsWhatItWasTold, contract.it_follows_scikit_learn),
    (Dice, contract.the_same_releases_make_the_same_model),
    (WritesToItsArguments, contract.what_was_released_stays_as_it_was),
    (ForgetsTheNoise, contract.noise_that_can_be_repeated_marks_the_model),
    (RowForAPerson, contract.no_array_is_as_long_as_there_are_people),
    (Infinite, contract.no_array_is_as_long_as_there_are_people),
    (Contrary, contract.a_planted_taste_is_found_or_none_is_claimed),
    (WritesCoarsely, contract.the_artifact_is_the_model_bit_for_bit),
    (ShowsEverything, contract.sensitive_items_are_shown_to_who_allows_them),
]


@pytest.mark.parametrize(("kind", "law"), BROKEN, ids=lambda found: found.__name__)
def test_a_broken_estimator_is_found(kind: Estimator, law: Law, tmp_path: Path) -> None:
    """The law that it breaks fails; the sound one it is derived from keeps all of them (below).

    What a score is made of and what is counted is for the scoring module to break: `tests/scoring_mutations.py`.
    """
    with pytest.raises(AssertionError):
        law(kind, tmp_path)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_sound_one_keeps_all_laws(law: Law, tmp_path: Path) -> None:
    law(Sound, tmp_path)


def test_a_new_estimator_is_found_by_being_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that is put into a module of the room is looked at; what is only imported there is not, twice."""
    import tactful.released.popularity as module

    made = type("Newcomer", (PopularityRecommender,), {"__module__": module.__name__})
    monkeypatch.setattr(module, "Newcomer", made, raising=False)
    assert made in estimators()
    assert len(estimators()) == len(set(estimators()))
