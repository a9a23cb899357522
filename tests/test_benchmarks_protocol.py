"""The protocol of quality: the same figures as a slow reading of the contract, on worlds small enough to read."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.benchmarks import protocol
from tactful.benchmarks.protocol import Split, best, hold_out, judge
from tactful.benchmarks.public import PublicData
from tactful.errors import NotFoundError, SchemaError, UsageError

Histories = list[set[int]]


def matrix(histories: Histories, n_items: int) -> scipy.sparse.csr_array:
    """One row a history."""
    dense = np.zeros((len(histories), n_items), dtype=np.int8)
    for row, history in enumerate(histories):
        dense[row, sorted(history)] = 1
    return scipy.sparse.csr_array(dense)


def sets(rows: scipy.sparse.csr_array) -> Histories:
    """The histories of a matrix."""
    return [set(rows.indices[start:end].tolist()) for start, end in pairwise(rows.indptr)]


def slowly(scores: np.ndarray, shown: Histories, hidden: Histories) -> tuple[float, float]:
    """Recall@20 and nDCG@100 as the contract says them, person by person."""
    recalls, ndcgs = [], []
    for row, (known, sought) in enumerate(zip(shown, hidden, strict=True)):
        candidates = [item for item in range(scores.shape[1]) if item not in known]
        ranked = sorted(candidates, key=lambda item: (-scores[row, item], item))
        recalls.append(len(sought & set(ranked[:20])) / min(20, len(sought)))
        gained = sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:100]) if item in sought)
        ndcgs.append(gained / sum(1 / math.log2(place + 2) for place in range(min(100, len(sought)))))
    return sum(recalls) / len(recalls), sum(ndcgs) / len(ndcgs)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Histories, Histories, np.ndarray]:
    """Shown and hidden items of a few people, and scores with many ties."""
    n_items, rng = draw(st.integers(2, 150)), random.Random(draw(st.integers(0, 2**32)))  # noqa: S311
    shown, hidden = [], []
    for _ in range(draw(st.integers(1, 6))):
        mixed = rng.sample(range(n_items), rng.randint(2, n_items))
        cut = rng.randint(1, len(mixed) - 1)
        shown.append(set(mixed[:cut]))
        hidden.append(set(mixed[cut:]))
    levels = draw(st.integers(1, 8))
    scores = np.array([[rng.randint(-levels, levels) / 2 for _ in range(n_items)] for _ in shown])
    return shown, hidden, scores


@settings(max_examples=150, deadline=None)
@given(judged(), st.sampled_from([1, 7, 1 << 22]))
def test_lists_are_judged_as_the_contract_says(case: tuple[Histories, Histories, np.ndarray], block: int) -> None:
    """On random worlds with many equal scores, in blocks of any size: the figures of the slow reading."""
    shown, hidden, scores = case
    left = scores.copy()

    def scorer(rows: scipy.sparse.csr_array) -> np.ndarray:
        nonlocal left
        now, left = left[: rows.shape[0]], left[rows.shape[0] :]
        return now

    n_items = scores.shape[1]
    split = Split(
        training=matrix(shown, n_items),
        shown=matrix(shown, n_items),
        hidden=matrix(hidden, n_items),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "_SCORES_AT_ONCE", block)
        found = judge(scorer, split)
    assert (found.recall, found.ndcg) == pytest.approx(slowly(scores, shown, hidden), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 2**32), st.data())
def test_the_best_are_those_of_a_stable_sort(n_items: int, n_rows: int, seed: int, data: st.DataObject) -> None:
    """Ties in item order, and what is shown, at minus infinity, last."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (n_rows, n_items)).astype(float)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    n = data.draw(st.integers(1, n_items))
    assert (best(scores, n) == np.argsort(-scores, axis=1, kind="stable")[:, :n]).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 39), min_size=1, max_size=40), min_size=12, max_size=60),
    st.sampled_from([0.1, 0.2, 0.29, 0.5]),
    st.integers(0, 99),
)
def test_who_is_held_out_and_what_is_hidden(histories: Histories, share: float, seed: int) -> None:
    """Everybody is in one part; of each one held out a fifth, rounded down, and at least one item is hidden."""
    enough = [history for history in histories if len(history) >= 5]
    count = math.floor(round(share * 100) * len(enough) / 100)
    rows = matrix(histories, 40)
    if not count:
        with pytest.raises(UsageError, match="somebody with 5 items is held out"):
            hold_out(rows, seed=seed, share=share)
        return
    split = hold_out(rows, seed=seed, share=share)
    shown, hidden = sets(split.shown), sets(split.hidden)
    whole = [a | b for a, b in zip(shown, hidden, strict=True)]
    assert len(whole) == count
    assert sorted(map(sorted, whole + sets(split.training))) == sorted(map(sorted, histories))
    for known, sought in zip(shown, hidden, strict=True):
        assert not known & sought
        assert len(known | sought) >= 5
        assert len(sought) == max(1, len(known | sought) // 5)


def test_the_seed_alone_decides() -> None:
    """One seed, one split; another seed, other people and other items."""
    rng = np.random.default_rng(0)
    rows = matrix([set(rng.choice(50, 10, replace=False).tolist()) for _ in range(60)], 50)
    one, again, other = (hold_out(rows, seed=seed, share=0.2) for seed in (3, 3, 4))
    assert (sets(one.hidden), sets(one.shown)) == (sets(again.hidden), sets(again.shown))
    assert sets(one.shown) != sets(other.shown)


def test_the_order_of_the_catalogue_decides_nothing() -> None:
    """With items that nobody used in between and all in another order, the same ids are hidden of the same people."""
    rng = np.random.default_rng(0)
    histories = [set(rng.choice(50, 10, replace=False).tolist()) for _ in range(60)]
    place = rng.permutation(80)[:50]  # of item id i in the larger catalogue
    ids = np.full(80, -1)
    ids[place] = np.arange(50)
    order = np.where(ids >= 0, ids, 50 + np.arange(80))
    moved = matrix([{int(place[item]) for item in history} for history in histories], 80)
    one = hold_out(matrix(histories, 50), seed=1, share=0.3)
    two = hold_out(moved, seed=1, share=0.3, order=order)
    assert [{int(ids[item]) for item in history} for history in sets(two.hidden)] == sets(one.hidden)
    assert sets(hold_out(moved, seed=1, share=0.3).hidden) != sets(two.hidden)


def test_hidden_items_are_chosen_alike() -> None:
    """Over seeds each of a person's ten items is hidden about a fifth of the time: 2 of 10, at p = 1e-12."""
    rows = matrix([set(range(10))] * 4, 10)
    times = sum(hold_out(rows, seed=seed, share=0.5).hidden.sum(axis=0) for seed in range(500))
    assert np.abs(times / 1000 - 0.2).max() < 7.2 * math.sqrt(0.2 * 0.8 / 1000)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        hold_out(matrix([set(range(9))] * 9, 9), seed=0, share=share)


def test_a_share_is_the_decimal_number_it_is_written_as() -> None:
    """0.29 of 100 people are 29, though in binary the product falls just short of it."""
    assert int(0.29 * 100) == 28
    assert hold_out(matrix([set(range(5))] * 100, 5), seed=0, share=0.29).shown.shape[0] == 29


# --- reading ---


def write(path: Path, table: pa.Table) -> Path:
    """The table in a file of its suffix."""
    pyarrow.parquet.write_table(table, path) if path.suffix == ".parquet" else pyarrow.csv.write_csv(table, path)
    return path


ROWS = [("10", "b"), ("9", "a"), ("10", "b"), ("10", "a"), ("7", "x"), ("9", None), (None, "a"), ("8", "zz")]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_people_are_in_the_order_of_their_ids_as_text(tmp_path: Path, suffix: str) -> None:
    """ "10" comes before "7"; a pair counts once; rows without an id, and items not on sale, count not at all."""
    people, items = zip(*ROWS, strict=True)
    table = pa.table({"user_id": pa.array(people), "item_id": pa.array(items), "extra": [0] * len(ROWS)})
    listed = write(tmp_path / f"items.{suffix}", pa.table({"item_id": ["b", "unused", "a", "x"]}))
    path = write(tmp_path / f"log.{suffix}", table)
    assert PublicData.read(path, listed).user_items.toarray().tolist() == [[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    seen = PublicData.read(path)
    assert seen.catalogue.item_ids.tolist() == ["a", "b", "x", "zz"]
    assert seen.user_items.toarray().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


def test_the_integer_7_is_the_text_7(tmp_path: Path) -> None:
    """Ids that are integers in the file are read as their text."""
    table = pa.table({"user_id": [10, 9], "item_id": pa.array([7, 8], pa.int32())})
    listed = write(tmp_path / "items.csv", pa.table({"item_id": ["8", "7"]}))
    assert PublicData.read(write(tmp_path / "log.parquet", table), listed).user_items.toarray().tolist() == [
        [0, 1],
        [1, 0],
    ]


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file, a missing column, an id that is no id, a broken file, and a table about other items."""
    with pytest.raises(NotFoundError):
        PublicData.read(tmp_path / "none.parquet")
    with pytest.raises(SchemaError, match="needs the column item_id"):
        PublicData.read(write(tmp_path / "a.csv", pa.table({"user_id": ["a"], "items": ["b"]})))
    with pytest.raises(SchemaError, match="text or integer"):
        PublicData.read(write(tmp_path / "b.parquet", pa.table({"user_id": [1.5], "item_id": ["b"]})))
    (tmp_path / "c.csv").write_text("user_id,item_id\nada,b,c\n")
    with pytest.raises(UsageError, match="read to its end") as broken:
        PublicData.read(tmp_path / "c.csv")
    assert "ada" not in str(broken.value)
    log = write(tmp_path / "d.csv", pa.table({"user_id": ["ada"], "item_id": ["b"]}))
    with pytest.raises(UsageError, match="nobody did"):
        PublicData.read(log, write(tmp_path / "items.csv", pa.table({"item_id": ["c"]})))


def ties_backwards(scores: np.ndarray, n: int) -> np.ndarray:
    """The mutant that orders equal scores from the end of the catalogue."""
    return scores.shape[1] - 1 - best(scores[:, ::-1].copy(), n)


@pytest.mark.parametrize(
    ("name", "broken"),
    [("RECALL_AT", 19), ("NDCG_AT", 99), ("best", ties_backwards), ("best", lambda scores, n: best(-scores, n))],
)
def test_a_broken_judge_differs_from_the_slow_reading(
    name: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that end too early, ties the other way, and the worst first: each is seen on forty people."""
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 5, (40, 160)).astype(float)
    mixed = [rng.permutation(160) for _ in scores]
    shown, hidden = [set(m[:20].tolist()) for m in mixed], [set(m[20:60].tolist()) for m in mixed]
    split = Split(training=matrix(shown, 160), shown=matrix(shown, 160), hidden=matrix(hidden, 160))
    truth = slowly(scores, shown, hidden)
    sound = judge(lambda _: scores.copy(), split)
    assert (sound.recall, sound.ndcg) == pytest.approx(truth)
    monkeypatch.setattr(protocol, name, broken)
    found = judge(lambda _: scores.copy(), split)
    assert (found.recall, found.ndcg) != pytest.approx(truth)
