"""What mitigation does is measured as it is served, paired by seed, and told as unresolved where it cannot be told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from tactful.benchmarks import gaps as paired
from tactful.benchmarks.divided import Divided
from tactful.benchmarks.gaps import Mean, gaps
from tactful.benchmarks.mitigation import measure_mitigation
from tactful.benchmarks.populace import Population
from tactful.benchmarks.private import default_settings
from tactful.benchmarks.protocol import held_out, hold_out
from tactful.benchmarks.unfair import UnfairWorld
from tactful.cli import main
from tactful.errors import UsageError
from tactful.fitting import DRAWS
from tactful.mitigating import fit_toward_group
from tactful.personal.bounding import WHOLE
from tactful.personal.weights import Leaning, RowWeights
from tactful.planning import Planned
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.attacker import Rehearsal
from tactful.privacy.noise import SeededNoise
from tactful.privacy.release import PrivateRelease

SMALL = UnfairWorld(people=700, items=80, minority=0.15, shortest=6, longest=14)

# --- gaps ---


def rows(method: str, high: list[float], low: list[float], private: bool = True) -> list[paired.Judged]:
    """One row a seed: group a, group b, and everybody halfway."""
    return [(method, private, (a + b) / 2, {"a": a, "b": b}) for a, b in zip(high, low, strict=True)]


def judged(high: list[float], low: list[float]) -> list[paired.Judged]:
    """The plain method with a gap of about 0.1, and another with these figures; without noise the gap is half."""
    plain = rows("tactful", [0.50, 0.51, 0.49, 0.52], [0.40, 0.40, 0.40, 0.41])
    quiet = [row for name in ("tactful", "other") for row in rows(name, [0.5] * 4, [0.45] * 4, private=False)]
    return [*plain, *rows("other", high, low), *quiet]


def test_a_gap_that_is_halved_every_time_is_smaller() -> None:
    """Means and shares by hand; the plain method is compared with itself and cuts nothing."""
    plain, other = gaps(judged([0.50, 0.51, 0.49, 0.52], [0.45, 0.455, 0.445, 0.465]))
    assert (plain.best, plain.worst) == ("a", "b")
    assert plain.gap.value == pytest.approx(0.1025)
    assert plain.excess_gap.value == pytest.approx(0.0525)
    assert (plain.cut.value, plain.verdict) == (0.0, "unresolved")
    assert other.cut.value == pytest.approx(0.5)
    assert other.verdict == "smaller"
    assert other.change.value == pytest.approx(0.05125 / 2 / 0.45375)
    assert other.worst_change.value == pytest.approx(0.05125 / 0.4025)
    assert other.by_group["b"] == pytest.approx(0.45375)


def test_a_gap_that_grows_is_larger_and_one_that_varies_is_unresolved() -> None:
    """The interval decides, not the mean."""
    assert gaps(judged([0.60, 0.61, 0.59, 0.62], [0.40] * 4))[1].verdict == "larger"
    wavering = gaps(judged([0.50, 0.41, 0.59, 0.42], [0.40, 0.41, 0.39, 0.41]))[1]
    assert wavering.cut.value > 0.2
    assert wavering.verdict == "unresolved"


def test_intervals_cover() -> None:
    """Student's t for few seeds: of 4,000 means of 5, between 93.5 and 96.5% of the intervals hold 0."""
    rng = np.random.default_rng(0)
    found = [Mean.of(rng.normal(size=5)) for _ in range(4000)]
    assert 0.935 < np.mean([not mean.resolved for mean in found]) < 0.965


# --- who trains ---


def test_the_people_held_out_are_those_of_the_protocol() -> None:
    """Rows that `held_out` names are the ones that `hold_out` takes away."""
    people = Population.planted(SMALL)
    for seed in range(3):
        held = held_out(people.user_items, np.random.default_rng(seed), share=0.2)
        split = hold_out(people.user_items, seed=seed, share=0.2)
        together = (split.shown + split.hidden).toarray()
        assert np.array_equal(together, people.user_items[held].toarray())


def test_weights_and_leanings_are_those_of_each_persons_group() -> None:
    """Through gate, consent to mitigation and bound, each row of each group has its weight, copies too."""
    people = Population.planted(SMALL)
    codes = np.where(np.arange(700) % 7 == 0, -1, people.codes)
    divided = Divided.of(people.user_items, people.catalogue, codes, people.spec, max_items=50, copies=2)
    assert divided.shares["minority"] == pytest.approx(np.mean(codes[codes >= 0] == 1))
    weights = RowWeights.of(people.spec, divided.shares)
    made = divided.bounded(weights, Leaning.of(people.spec, "minority", divided.shares))
    assert made.weights is not None
    assert made.leanings is not None
    expected = {0: weights.units[0], 1: WHOLE, -1: weights.others}
    told = sorted((tuple(people.user_items[[n]].indices.tolist()), expected[int(codes[n])]) for n in range(700))
    found = [tuple(made.user_items[[n]].indices.tolist()) for n in range(1400)]
    assert sorted(zip(found, made.weights.tolist(), strict=True)) == sorted([*told, *told])
    ahead = {rows for rows, leaning in zip(found, made.leanings.tolist(), strict=True) if leaning == WHOLE}
    assert ahead == {tuple(people.user_items[[n]].indices.tolist()) for n in np.flatnonzero(codes == 1)}


def test_the_noisier_model_is_moved_by_the_same_rule() -> None:
    """What noise costs is told of the lists that are served."""
    people, budget = Population.planted(SMALL), PrivacyBudget(epsilon=20, delta=1e-6)
    divided = Divided.of(people.user_items, people.catalogue, people.codes, people.spec, max_items=50)
    bounded = divided.bounded(leaning=Leaning.of(people.spec, "minority", divided.shares))
    planned = Planned.of(default_settings(budget))
    door = PrivateRelease(ledger=Rehearsal(), run="r", plan=planned.plan, noise=SeededNoise(1))
    fitted = fit_toward_group(door, bounded, planned, door.people(bounded), cost=0.5, noisier=np.random.default_rng(2))
    assert len(fitted.noisier) == DRAWS
    assert fitted.model.bonus is not None
    assert all(worse.bonus is not None for worse in fitted.noisier)
    assert not np.array_equal(fitted.model.bonus, fitted.noisier[0].bonus)
    own = people.catalogue.item_ids[np.argsort(-fitted.model.bonus, kind="stable")[:10]]
    assert sum(int(name.removeprefix("item-")) >= 40 for name in own) >= 8  # the minority's half


# --- the whole measurement ---


def test_every_method_is_measured_with_noise_and_without() -> None:
    """The plain method beside both mitigations, by group and depth; none repeats another."""
    one = measure_mitigation(Population.planted(SMALL), epsilon=8, seeds=2, favour="minority")
    assert [(r.method, r.private, r.seed) for r in one.rows][:6] == [
        (method, private, 0) for method in ("tactful", "weights", "favour") for private in (True, False)
    ]
    assert len(one.rows) == 12
    assert len({row.overall[100] for row in one.rows if row.private}) == 6
    told = json.loads(json.dumps(one.as_json()))
    assert set(told["gaps"]) == {"ndcg@10", "ndcg@100"}
    assert told["favour"] == "minority"
    for row in one.rows:
        low, high = sorted(row.by_group[10].values())
        assert low <= row.overall[10] <= high


@pytest.mark.prove
def test_row_weights_cut_the_gap_of_a_planted_minority() -> None:
    """By 30% at least, resolved, at no more than 2% of everybody's nDCG@100; the minority itself gains."""
    found = measure_mitigation(Population.planted(UnfairWorld()), epsilon=3, seeds=5)
    _, weighted = found.gaps[100]
    assert (weighted.best, weighted.worst) == ("majority", "minority")
    assert weighted.verdict == "smaller"
    assert weighted.cut.value > 0.3
    assert weighted.change.value > -0.02
    assert weighted.worst_change.low > 0


@pytest.mark.parametrize(("seeds", "copies"), [(1, 1), (2, 0)])
def test_too_little_to_compare_is_refused(seeds: int, copies: int) -> None:
    """An interval needs two seeds, and people to train."""
    with pytest.raises(UsageError, match="at least 2 seeds"):
        measure_mitigation(Population.planted(SMALL), epsilon=1, seeds=seeds, repeat_training=copies)


def test_a_group_of_nobody_is_refused() -> None:
    """There would be no gap."""
    people = Population.planted(UnfairWorld(people=60, items=80, minority=0.0))
    with pytest.raises(UsageError, match="2 groups have people"):
        measure_mitigation(people, epsilon=1, seeds=2)


# --- tables ---


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """A planted world as files; one person is in no table of attributes, one has an empty cell."""
    people = Population.planted(SMALL)
    users, items = people.user_items.nonzero()
    log = pa.table({"user_id": [f"{u:03d}" for u in users], "item_id": people.catalogue.item_ids[items].tolist()})
    names = [people.spec.levels[code] for code in people.codes]
    told = pa.table({"user_id": [f"{u:03d}" for u in range(1, 700)], "group": ["", *names[2:]]})
    pyarrow.csv.write_csv(log, tmp_path / "log.csv")
    pyarrow.csv.write_csv(told, tmp_path / "groups.csv")
    return tmp_path / "log.csv", tmp_path / "groups.csv"


def test_people_are_read_with_their_groups(tables: tuple[Path, Path]) -> None:
    """By id, as text; who has no group has none, and a level that is not asked for is none."""
    planted, read = Population.planted(SMALL), Population.read(*tables, "group")
    assert read.spec.levels == ("majority", "minority")
    assert read.codes.tolist() == [-1, -1, *planted.codes[2:].tolist()]
    places = [np.flatnonzero(planted.catalogue.item_ids == name)[0] for name in read.catalogue.item_ids]
    assert np.array_equal(read.user_items.toarray(), planted.user_items.toarray()[:, places])
    only = Population.read(*tables, "group", levels=["minority"])
    assert set(only.codes.tolist()) == {-1, 0}
    with pytest.raises(UsageError):
        Population.read(*tables, "age")


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["tactful", "benchmark", "mitigation", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_command_tells_gaps_and_prints_one_object(
    tables: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For public tables alone."""
    log, groups = map(str, tables)
    words = ["--interactions", log, "--attributes", groups, "--attribute", "group", "--epsilon", "8", "--seeds", "2"]
    assert run(monkeypatch, *words) == 2
    assert "public data only" in capsys.readouterr().err
    assert run(monkeypatch, *words[:2], "--epsilon", "1", "--public-data") == 2
    assert "--planted" in capsys.readouterr().err
    assert run(monkeypatch, *words, "--public-data", "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out.splitlines()[-1])
    assert {row["method"] for row in found["rows"]} == {"tactful", "weights"}
    assert "which the plain method serves best and worst" in told.err
