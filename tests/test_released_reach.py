"""Items outside the head get the taste of what is described like them, and nothing where little is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from released_worlds import Crowd, popularity, tasteful_rows
from tactful.benchmarks.served import as_served
from tactful.catalogue import Catalogue
from tactful.released import reach
from tactful.released.gram_recommender import GramRecommender
from tactful.released.item_features import ItemFeatures
from tactful.released.model import ReleasedModel
from tactful.released.reach import reached
from tactful.scoring.artifact import read_artifact
from tactful.scoring.recommender import Recommender

_Floats = NDArray[np.float64]
N, HEAD = 160, 100


def described(kind: NDArray[np.int64]) -> ItemFeatures:
    """Each item's taste, as three indicators."""
    return ItemFeatures(names=("a", "b", "c"), values=(kind[:, None] == np.arange(3)).astype(float), ignored={})


def world(seed: int, sigma: float = 3.0) -> tuple[Crowd, NDArray[np.int64]]:
    """3,000 people of three tastes, the most popular 100 items of 160 in the head; and the taste of each item."""
    rng = np.random.default_rng(seed)
    rows, kind = tasteful_rows(N, 3000, rng)
    return Crowd.of(rows, rng, sigma, head=np.arange(HEAD)), kind


def fitted(crowd: Crowd, features: ItemFeatures | None) -> ReleasedModel:
    """The model without the list that is the same for everybody."""
    return GramRecommender(base_weight=0.0).fit(crowd.gram, crowd.popularity, crowd.people, features).model_


def scores(model: ReleasedModel, history: list[int]) -> _Floats:
    """The score of every item by the formula in the model's docstring."""
    slots, found = np.flatnonzero(np.isin(model.head, history)), model.base.copy()
    found[model.head] += model.decoder @ model.encoder[slots].sum(axis=0) / np.sqrt(max(len(slots), 1))
    return found


def area(found: _Floats, truth: NDArray[np.bool_]) -> float:
    """How often one of these scores above one of the others."""
    return float((found[truth][:, None] > found[~truth]).mean())


def random_rows(seed: int, n_features: int = 4) -> tuple[_Floats, _Floats]:
    """Rows of a head, and features of every item."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(HEAD, 6)), rng.normal(size=(N, n_features))


LIKED = popularity(1000 * np.arange(1.0, N + 1) ** -0.7, 0.5)


def told_apart(model: ReleasedModel, kind: NDArray[np.int64], asked: slice, wanted: slice) -> list[float]:
    """For people with four items of one taste: how often an item of theirs gains more by it than one of another.

    What they have is in one part of the catalogue, what they are recommended in the other.
    """
    places = np.arange(N)[asked]
    found = np.array([scores(model, places[kind[asked] == taste][:4].tolist()) for taste in range(3)])
    gained = (found - found.mean(axis=0))[:, wanted]
    return [area(gained[taste], kind[wanted] == taste) for taste in range(3)]


def test_items_outside_the_head_go_to_people_of_their_taste() -> None:
    """Items that taste did not reach are told apart by what people have of the head; without features they are not."""
    apart = []
    for seed in range(4):
        crowd, kind = world(seed)
        model = fitted(crowd, described(kind))
        assert sorted(model.head.tolist()) == list(range(N))
        apart += told_apart(model, kind, slice(HEAD), slice(HEAD, N))
        assert set(fitted(crowd, None).head.tolist()) == set(range(HEAD))
    assert np.mean(apart) > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_people_who_only_have_items_outside_the_head_have_a_taste(seed: int) -> None:
    """Items of the head are told apart by what people have outside it; without features they have no taste at all."""
    crowd, kind = world(seed)
    assert min(told_apart(fitted(crowd, described(kind)), kind, slice(HEAD, N), slice(HEAD))) > 0.95
    assert not scores(fitted(crowd, None), [HEAD, N - 1]).any()


def test_what_features_say_is_found_by_regression() -> None:
    """Rows that are linear in features come back for the items outside, in units of the root of popularity."""
    _, features = random_rows(1)
    root = np.sqrt(LIKED.values)[:, None]
    rows = root * (features @ np.random.default_rng(2).normal(size=(4, 6)) + 0.3)
    items, predicted, _ = reached(rows[:HEAD], np.arange(HEAD), LIKED, features)
    assert items.tolist() == list(range(HEAD, N))
    assert np.linalg.norm(predicted - rows[items]) < 0.05 * np.linalg.norm(rows[items])


def test_features_that_say_nothing_predict_what_items_have_on_average() -> None:
    """Leaving one out chooses a large ridge: what is left of a random regression is a small part of the rows."""
    left = []
    for seed in range(8):
        rows, features = random_rows(seed)
        _, predicted, _ = reached(rows * np.sqrt(LIKED.values[:HEAD, None]), np.arange(HEAD), LIKED, features)
        left.append((predicted**2).mean() / LIKED.values[HEAD:].mean())
    assert np.mean(left) < 0.1


@pytest.mark.parametrize("case", ["few items", "no features", "nothing outside", "nothing said", "no taste"])
def test_where_too_little_is_known_nothing_is_reached(case: str) -> None:
    """Then the model is the one that taste gives."""
    (rows, features), head, liked = random_rows(1), np.arange(HEAD), LIKED
    if case == "few items":
        head, rows = head[:49], rows[:49]
    elif case == "no features":
        features = features[:, :0]
    elif case == "nothing outside":
        features, liked = features[:HEAD], popularity(LIKED.values[:HEAD])
    elif case == "nothing said":
        features[HEAD:] = 0
    else:
        rows = rows[:, :0]
    items, predicted, _ = reached(rows, head, liked, features)
    assert items.shape == (0,)
    assert predicted.shape == (0, rows.shape[1])


def test_an_item_without_a_description_is_not_reached() -> None:
    """Of those outside only the described ones come."""
    rows, features = random_rows(1)
    features[[110, 150]] = 0
    items, *_ = reached(rows, np.arange(HEAD), LIKED, features)
    assert set(range(HEAD, N)) - set(items.tolist()) == {110, 150}


@pytest.mark.parametrize("seed", range(3))
def test_permuting_the_catalogue_permutes_what_is_reached(seed: int) -> None:
    """Whichever way the catalogue, the head and the columns are sorted."""
    rows, features = random_rows(seed)
    rng = np.random.default_rng(seed + 50)
    turn, order = rng.permutation(N), rng.permutation(HEAD)
    place = np.argsort(turn)  # where each item went
    moved = popularity(LIKED.values[turn], LIKED.sigma)
    items, predicted, _ = reached(rows, np.arange(HEAD), LIKED, features)
    others, same, _ = reached(rows[order], place[order], moved, features[turn][:, ::-1])
    assert others.tolist() == place[items].tolist()
    assert same == pytest.approx(predicted, rel=1e-9, abs=1e-9)


def test_what_is_little_bought_counts_little() -> None:
    """Of two items described alike the new one, of popularity 0, is behind, and behind every known one it is like."""
    values = LIKED.values.copy()
    values[-1] = 0.0
    kind = np.arange(N) % 3
    kind[-1] = 0
    rows = np.sqrt(values[:HEAD, None]) * (1.0 + (kind[:HEAD, None] == 0))
    items, predicted, _ = reached(rows, np.arange(HEAD), popularity(values, 0.5), described(kind).values)
    size = dict(zip(items.tolist(), predicted[:, 0].tolist(), strict=True))
    assert items[-1] == N - 1
    assert all(0 <= size[N - 1] < 0.5 * size[item] for item in size if item != N - 1 and kind[item] == 0)


@pytest.mark.parametrize("of", [0.0, 40.0])
def test_popularity_that_is_noise_orders_nobody(of: float) -> None:
    """Where items outside differ by no more than noise does, all are taken for average; none has less than nothing."""
    rng = np.random.default_rng(5)
    values = LIKED.values.copy()
    values[HEAD:] = of + rng.normal(0, 3.0, N - HEAD)
    rows = np.sqrt(values[:HEAD, None])
    _, predicted, _ = reached(rows, np.arange(HEAD), popularity(values, 4.0), np.ones((N, 1)))
    assert np.ptp(predicted) <= 1e-9 * max(float(predicted.max()), 1.0)
    assert (predicted >= 0).all()


def sparse_features(seed: int) -> _Floats:
    """Up to five features an item, one of them a number; some items have none."""
    rng = np.random.default_rng(seed)
    features = (rng.random((N, 6)) < 0.3).astype(float)
    features[:, 5] *= rng.normal(size=N)
    return features


def test_of_a_wide_catalogue_items_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rows would be too many, every item keeps its few features instead; they come to the same rows."""
    rows, features = random_rows(3)[0], sparse_features(4)
    items, predicted, nothing = reached(rows, np.arange(HEAD), LIKED, features)
    monkeypatch.setattr(reach, "_MOST_NUMBERS", len(items) * 6 - 1)
    fewer, none, described = reached(rows, np.arange(HEAD), LIKED, features)
    assert (len(fewer), len(none), nothing) == (0, 0, None)
    assert described is not None
    assert described.items.tolist() == items.tolist()
    terms = np.hstack([described.encoder, described.decoder])
    np.testing.assert_allclose(described.table @ terms, predicted, rtol=1e-6, atol=1e-7 * np.abs(predicted).max())
    assert described.features.shape[0] == 1 + int((features[items] != 0).sum(axis=1).max())


def test_a_described_model_scores_as_one_with_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is served of a wide model is what the same model with rows serves, up to 32 bits."""
    crowd, kind = world(7)
    features = described(kind)
    whole = fitted(crowd, features)
    monkeypatch.setattr(reach, "_MOST_NUMBERS", 0)
    wide = fitted(crowd, features)
    assert (whole.reached, wide.reached, len(wide.head)) == (N, N, HEAD)
    catalogue = Catalogue.of_table(pa.table({"item_id": [f"i{n}" for n in range(N)]}))
    loaded = []
    for name, model in {"whole": whole, "wide": wide}.items():
        model.write(tmp_path / name, catalogue=catalogue, sensitive=((),) * N, meta={"model": "films"})
        loaded.append(Recommender.unapproved(read_artifact(tmp_path / name)))
    rng = np.random.default_rng(8)
    histories = [[f"i{n}" for n in rng.choice(N, 6, replace=False)] for _ in range(20)]
    one, other = (model.recommend_batch(histories, N, profiling=True) for model in loaded)
    shown = csr_array(np.array([[float(f"i{n}" in history) for n in range(N)] for history in histories]))
    for row, (first, second) in enumerate(zip(one, other, strict=True)):
        scores = {item.item_id: item.score for item in first.items}
        assert {item.item_id: item.score for item in second.items} == pytest.approx(scores, rel=1e-4, abs=1e-6)
        served = as_served(wide, shown)[row]
        assert [served[int(item.item_id[1:])] for item in second.items] == pytest.approx(
            [item.score for item in second.items], rel=1e-5, abs=1e-7
        )
