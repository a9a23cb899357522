"""A re-ranking lifts what is seen too little, and costs no more of what the model expects than was declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from released_worlds import people, popularity
from tactful.errors import ConfigError
from tactful.privacy.statistics import ItemLeaning
from tactful.released import exposure
from tactful.released.exposure import PLACES, toward_group, toward_targets, usual_length, with_bonus
from tactful.released.item_features import ItemFeatures
from tactful.released.model import DescribedItems, ReleasedModel

_Floats = NDArray[np.float64]
DISCOUNTS = 1 / np.log2(np.arange(2, PLACES + 2))


def model(seed: int = 0, n_items: int = 120, n_head: int = 90, rank: int = 5) -> ReleasedModel:
    """A model without structure but popularity that falls from item to item."""
    rng = np.random.default_rng(seed)
    popular = 100 / np.arange(1, n_items + 1)
    return ReleasedModel(
        popularity=popular,
        base=0.3 * popular / popular.max(),
        head=np.arange(n_head),
        encoder=np.abs(rng.normal(0, 0.3, (n_head, rank))),
        decoder=np.abs(rng.normal(0, 0.3, (n_head, rank))),
        noise="system",
    )


def scores(made: ReleasedModel, history: NDArray[np.int64]) -> _Floats:
    """What the model expects of each item, without any bonus."""
    found = made.base.copy()
    found[made.head] += made.encoder[history].sum(axis=0) / np.sqrt(len(history)) @ made.decoder.T
    found[history] = -np.inf
    return found


@pytest.mark.parametrize("seed", range(6))
def test_no_list_loses_more_than_the_margin(seed: int) -> None:
    """For random histories, any lift and any cost: the expected DCG falls by at most m times the discounts."""
    rng, plain = np.random.default_rng(seed), model(seed)
    for cost in (0.01, 0.3, 1.0):
        lifted = with_bonus(plain, rng.choice([0.0, 0.5, 1.0], 120), cost=cost, length=6)
        assert lifted.bonus is not None
        assert lifted.bonus.min() >= 0
        margin = float(lifted.bonus.max())
        lost = []
        for size in rng.integers(1, 20, 40):
            expected = scores(plain, rng.choice(90, size, replace=False))
            best, moved = (
                np.sort(expected[np.argsort(-s)[:PLACES]])[::-1] for s in (expected, expected + lifted.bonus)
            )
            order = np.argsort(-(expected + lifted.bonus))[:PLACES]
            lost.append(float(best @ DISCOUNTS - expected[order] @ DISCOUNTS))
            assert moved[-1] > best[-1] - margin - 1e-12  # nothing comes in from further below
        assert min(lost) >= -1e-12
        assert max(lost) <= margin * DISCOUNTS.sum()


def test_the_margin_is_a_share_of_what_a_usual_list_scores() -> None:
    """Of histories of this length, drawn by popularity: the discounted mean of the first ten."""
    plain, rng = model(3), np.random.default_rng(1)
    shares = plain.popularity[:90] / plain.popularity[:90].sum()
    drawn = [rng.choice(90, 9, replace=False, p=shares) for _ in range(2000)]
    usual = np.mean([np.sort(scores(plain, history))[::-1][:PLACES] @ DISCOUNTS / DISCOUNTS.sum() for history in drawn])
    lifted = with_bonus(plain, np.ones(120), cost=0.25, length=9.2)
    assert lifted.bonus is not None
    assert lifted.bonus == pytest.approx(np.full(120, 0.25 * usual), rel=0.03)
    assert usual_length(np.full(10, 30.0), people(100)) == pytest.approx(9.0)


def test_groups_that_are_seen_too_little_reach_their_target() -> None:
    """Each is lifted until it has its share, and what is in neither group is left alone."""
    plain, groups = model(1), [("head",)] * 40 + [("middle",)] * 40 + [("tail", "rare")] * 40
    made = toward_targets(plain, groups, {"middle": 0.42, "rare": 0.01}, cost=1.0, length=1)
    assert made.before["middle"] < 0.38
    assert made.after["middle"] == pytest.approx(0.42, abs=0.01)
    assert 0 < made.lift["middle"] < 1
    assert made.model.bonus is not None
    assert made.model.bonus[:40].max() == 0
    assert made.model.bonus.max() <= made.margin


def test_what_is_seen_enough_is_not_lifted_and_what_cannot_be_reached_uses_the_margin() -> None:
    """And it is told: the exposure afterwards stays below the target."""
    plain, groups = model(1), [("head",)] * 40 + [("tail",)] * 80
    assert toward_targets(plain, groups, {"head": 0.1}, cost=0.5, length=1).lift == {"head": 0.0}
    far = toward_targets(plain, groups, {"tail": 0.99}, cost=0.01, length=4)
    assert far.lift == {"tail": 1.0}
    assert far.before["tail"] <= far.after["tail"] < 0.99


def leanings(values: _Floats, sigma: float) -> ItemLeaning:
    return ItemLeaning(noise="system", values=values, sigma=sigma)


def test_what_the_group_uses_more_is_lifted_for_everybody() -> None:
    """Items of one kind lean to the group: they get more than half of the margin, the others less."""
    plain, popular = model(2), popularity(100 / np.arange(1, 121), 0.2)
    toward = np.where(np.arange(120) % 2, 1.0, -1.0)
    lean = leanings(0.4 * popular.values * toward, 0.5)
    lifted = toward_group(plain, lean, popular, people(120), cost=0.5)
    assert lifted.bonus is not None
    half = lifted.bonus.max() / 2
    first = np.arange(20)
    assert (lifted.bonus[first][toward[first] > 0] > half).all()
    assert (lifted.bonus[first][toward[first] < 0] < half).all()


def test_features_tell_the_leaning_of_items_of_which_too_little_is_seen() -> None:
    """The last items are all noise; what the catalogue says of them decides."""
    rng, plain, popular = np.random.default_rng(0), model(2), popularity(100 / np.arange(1, 121), 0.5)
    toward = np.where(np.arange(120) % 2, 1.0, -1.0)
    lean = leanings(0.4 * popular.values * toward + rng.normal(0, 1.5, 120), 1.5)
    kinds = ItemFeatures(names=("kind",), values=(toward > 0)[:, None].astype(float), ignored={})
    lifted = toward_group(plain, lean, popular, people(120), kinds, cost=0.5)
    assert lifted.bonus is not None
    last = lifted.bonus[80:]
    assert last[toward[80:] > 0].min() > last[toward[80:] < 0].max()


def test_noise_alone_lifts_nothing() -> None:
    """Where the leaning is no larger than its noise, and where there is no taste."""
    rng, plain, popular = np.random.default_rng(5), model(2), popularity(100 / np.arange(1, 121), 0.5)
    lean = leanings(rng.normal(0, 4.0, 120), 5.0)
    for fitted in (plain, replace(plain, encoder=plain.encoder[:, :0], decoder=plain.decoder[:, :0])):
        lifted = toward_group(fitted, lean, popular, people(120), cost=0.5)
        assert lifted.bonus is not None
        assert not lifted.bonus.any()


@pytest.mark.parametrize(("lift", "cost"), [(0.5, 0.0), (0.5, 1.1), (1.5, 0.5), (-0.1, 0.5), (np.nan, 0.5)])
def test_what_is_out_of_range_is_refused(lift: float, cost: float) -> None:
    """A lift beyond the margin would undo the bound."""
    with pytest.raises(ConfigError, match="re-ranking may cost"):
        with_bonus(model(), np.full(120, lift), cost=cost, length=1)


@pytest.mark.parametrize("targets", [{}, {"nowhere": 0.1}, {"head": 0.0}, {"head": 1.0}, {"head": 0.7, "tail": 0.7}])
def test_targets_are_about_groups_that_there_are(targets: dict[str, float]) -> None:
    """And can be met together."""
    with pytest.raises(ConfigError, match="each target"):
        toward_targets(model(), [("head",)] * 40 + [("tail",)] * 80, targets, cost=0.1, length=1)


def test_a_wide_catalogue_is_lifted_as_a_narrow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories taken some at a time, and rows that follow from features, come to the same bonus and exposure."""
    plain, rng = model(4), np.random.default_rng(5)
    groups = [("a",) if member else ("b",) for member in rng.random(120) < 0.3]
    features = rng.integers(0, 4, (2, 30)).astype(np.int16)
    described = DescribedItems(
        items=np.arange(90, 120),
        sizes=rng.random(30),
        features=features,
        values=np.ones((2, 30), dtype=np.float32),
        encoder=rng.random((4, 5)),
        decoder=rng.random((4, 5)),
    )
    wide = replace(plain, described=described)
    rows = described.table @ described.decoder
    whole = replace(
        plain,
        head=np.arange(120),
        encoder=np.vstack([plain.encoder, np.zeros((30, 5))]),
        decoder=np.vstack([plain.decoder, rows]),
    )
    monkeypatch.setattr(exposure, "_HISTORIES", 64)
    monkeypatch.setattr(exposure._Histories, "of", _drawn_from(90, exposure._Histories.of))
    one = toward_targets(whole, groups, {"a": 0.5}, cost=0.5, length=6)
    monkeypatch.setattr(exposure, "_AT_ONCE", 120 * 7)
    other = toward_targets(wide, groups, {"a": 0.5}, cost=0.5, length=6)
    assert other.margin == pytest.approx(one.margin, rel=1e-12)
    assert other.after == pytest.approx(one.after)
    np.testing.assert_allclose(other.model.bonus, one.model.bonus, rtol=1e-9)


def _drawn_from(head: int, draw: Any) -> Any:
    """Histories of the first items of the head alone, scored by the whole of it."""

    def of(made: ReleasedModel, length: float) -> Any:
        alike = replace(
            made, head=made.head[:head], encoder=made.encoder[:head], decoder=made.decoder[:head], described=None
        )
        return replace(draw(alike, length), model=made)

    return of
