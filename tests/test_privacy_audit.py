"""The audit is not blind, does not cry wolf, and touches nothing that belongs to people."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm

import tactful
from privacy_audit import LEVEL, errors, neighbours, seen, world
from privacy_mutants import HalfNoise, unbounded
from privacy_worlds import CERTAIN
from tactful.assurance import evidence
from tactful.cli import main
from tactful.config import TrainingConfig
from tactful.errors import ConfigError, UsageError
from tactful.personal.engines import duckdb_rows
from tactful.planning import Planned
from tactful.privacy.accountant import epsilon_at, mu_at
from tactful.privacy.attacker import Attacker, Seen
from tactful.privacy.audit import audit as attack
from tactful.privacy.audit import level_of
from tactful.privacy.controls import RARELY, outcome
from tactful.privacy.error_rates import Errors, chance_of_at_most
from tactful.privacy.judging import CONFIDENCE
from tactful.privacy.neighbours import PERSONS, World
from tactful.privacy.noise import SeededNoise, SystemNoise
from tactful.privacy.residuals import not_as_stated, repeated

GROCERY = Path(__file__).parents[1] / "configs" / "grocery.toml"


def grocery(folder: Path, epsilon: float) -> Path:
    """The demo's configuration at another ε; none of its tables exist here."""
    text = GROCERY.read_text(encoding="utf-8")
    assert "\nepsilon = 5.0" in text
    path = folder / "grocery.toml"
    path.write_text(text.replace("\nepsilon = 5.0", f"\nepsilon = {epsilon}", 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_the_bound_is_two_sided(mu: float) -> None:
    """On Gaussians of a known μ it finds most of the ε and does not exceed it."""
    rng = np.random.default_rng(2)
    without, with_them = rng.normal(0, 1, 50_000) > mu / 2, rng.normal(mu, 1, 50_000) > mu / 2
    found = errors(without, with_them).epsilon_lower_bound(delta=1e-6, level=1e-6)
    assert 0.8 * epsilon_at(mu, 1e-6) < found < epsilon_at(mu, 1e-6)


def test_clopper_and_pearsons_interval_is_the_published_one() -> None:
    """No error in n trials bounds the share at 1 − level^(1/n), the rule of three; all wrong says nothing."""
    none = Errors(false_alarms=0, without=100, misses=0, present=100)
    share = 1 - (0.05 / 2) ** (1 / 100)
    mu = 2 * float(norm.isf(share))
    assert none.epsilon_lower_bound(delta=1e-6, level=0.05) == pytest.approx(epsilon_at(mu, 1e-6), rel=1e-9)
    assert Errors(false_alarms=3, without=9, misses=9, present=9).epsilon_lower_bound(delta=1e-6, level=0.05) == 0.0


def test_coverage_of_the_bound() -> None:
    """Over 2,000 audits of a known μ the bound exceeds the truth less often than its level allows."""
    rng, mu, trials = np.random.default_rng(5), 1.0, 300
    wrong_rate = norm.sf(mu / 2)
    made = rng.binomial(trials, wrong_rate, size=(2000, 2)).tolist()
    found = [Errors(false_alarms=a, without=trials, misses=b, present=trials) for a, b in made]
    exceeded = sum(e.epsilon_lower_bound(delta=1e-6, level=0.2) > epsilon_at(mu, 1e-6) for e in found)
    assert 0 < exceeded < 0.2 * 2000


def test_the_real_release_stays_below_its_claim_and_much_of_it_is_seen() -> None:
    """Seeded, so that it always says the same: at ε = 4 over a third is seen with 1,000 trials."""
    assert 0.3 * 4.0 < seen(source=SeededNoise(4), trials=1000) < 4.0


@pytest.mark.prove
def test_evaluation_people_who_leak_into_training_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that forgets who is held out: the held-out person pays twice, and the audit exceeds the claim."""

    def leaked() -> World:
        whole = duckdb_rows._HELD
        monkeypatch.setattr(duckdb_rows, "_HELD", whole.replace("WHERE p.part = 'training'", ""))
        try:
            return neighbours().world(PERSONS["held out for evaluation"])
        finally:
            monkeypatch.setattr(duckdb_rows, "_HELD", whole)

    assert seen(present=leaked, trials=2500) > 4.0
    assert seen(present=lambda: world("held out for evaluation"), trials=400) < 4.0


def test_a_small_audit_says_what_it_did_and_touches_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without tables, keys, records or MLflow: people, controls, figures, and the evidence that statements quote."""
    monkeypatch.chdir(tmp_path)
    for name in ("TACTFUL_RECORDS", "TACTFUL_SECRET_FILE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    config = grocery(tmp_path, 8.0)
    found = tactful.audit(config, trials=150)
    told = found.as_json()
    assert told["epsilon_claimed"] == 8.0
    assert (told["trials"], told["confidence"], told["delta"]) == (150, 0.95, 1e-6)
    assert [p["person"] for p in told["people"]] == list(PERSONS)
    assert found.epsilon_lower_bound == max(p["epsilon_lower_bound"] for p in told["people"]) > 0
    assert (found.holds, found.noise_as_stated) == (True, True)
    assert all(control.outcome != "missed" for control in found.controls)
    caught = {control.mutant: control.caught_by for control in found.controls}
    assert "noise" in caught["half the noise"]
    assert "noise" in caught["noise reused between releases of a run"]
    assert "noise" in caught["a diagonal without noise"]
    assert caught["a head chosen from exact popularity"] == ("head",)
    assert {"a person counted twice, under two ids", "evaluation rows in training"} < set(caught)
    assert len(caught) == 6
    kept = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert [Path(path).parent for path in kept] == [Path(), Path("models/evidence")]
    events = Planned.of(TrainingConfig.load(config)).plan.events
    quoted = evidence.find("audit", events)
    assert quoted is not None
    assert {name: quoted[name] for name in told} == json.loads(json.dumps(told))


def test_evidence_about_other_noise_is_not_found(tmp_path: Path) -> None:
    """What was found at one ε says nothing at another, nor under another version, nor if the file is broken."""
    one, other = (Planned.of(TrainingConfig.load(grocery(tmp_path, e))).plan.events for e in (3.0, 3.001))
    path = evidence.save("audit", one, {"trials": 1}, folder=tmp_path)
    assert evidence.find("audit", one, folder=tmp_path) is not None
    assert evidence.find("audit", other, folder=tmp_path) is None
    assert evidence.find("membership", one, folder=tmp_path) is None
    whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for broken in ({**whole, "tactful": "0.0.0"}, {**whole, "events": []}, [whole]):
        path.write_text(json.dumps(broken), encoding="utf-8")
        assert evidence.find("audit", one, folder=tmp_path) is None
    path.write_text("{", encoding="utf-8")
    assert evidence.find("audit", one, folder=tmp_path) is None


def test_evidence_is_stale_when_the_code_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found about other sources says nothing about these."""
    events = Planned.of(TrainingConfig.load(grocery(tmp_path, 3.0))).plan.events
    evidence.save("audit", events, {"trials": 1}, folder=tmp_path)
    monkeypatch.setattr(evidence, "_sources", lambda: "other sources")
    assert evidence.find("audit", events, folder=tmp_path) is None
    evidence.save("audit", events, {"trials": 1}, folder=tmp_path)
    told = evidence.find("audit", events, folder=tmp_path)
    assert told is not None
    assert told["attempts"] == 1


FOUND = {
    "sound": {"epsilon_claimed": 3.0, "epsilon_lower_bound": 2.5, "noise_as_stated": True},
    "exceeded": {"epsilon_claimed": 3.0, "epsilon_lower_bound": 3.5, "noise_as_stated": True},
    "noise": {"epsilon_claimed": 3.0, "epsilon_lower_bound": 2.5, "noise_as_stated": False},
}


@pytest.mark.parametrize(
    ("attempts", "kept", "contradictions"),
    [
        ([("sound", 100), ("sound", 99)], 0, 0),
        ([("sound", 100), ("sound", 100)], 1, 0),
        ([("sound", 100), ("exceeded", 1)], 1, 1),
        ([("sound", 100), ("noise", 1)], 1, 1),
        ([("exceeded", 100), ("sound", 399)], 0, 1),
        ([("noise", 100), ("sound", 399)], 0, 1),
        ([("exceeded", 100), ("sound", 400)], 1, 1),
        ([("exceeded", 100), ("sound", 100), ("sound", 100), ("exceeded", 50)], 3, 2),
    ],
)
def test_evidence_is_not_repeated_until_it_pleases(
    attempts: list[tuple[str, int]], kept: int, contradictions: int, tmp_path: Path
) -> None:
    """A contradiction gives way to another or to four times the trials, all else to as many; each attempt counts."""
    events = Planned.of(TrainingConfig.load(grocery(tmp_path, 3.0))).plan.events
    for number, (what, trials) in enumerate(attempts):
        evidence.save("audit", events, {**FOUND[what], "trials": trials, "number": number}, folder=tmp_path)
    told = evidence.find("audit", events, folder=tmp_path)
    assert told is not None
    assert (told["number"], told["attempts"], told["contradictions"]) == (kept, len(attempts), contradictions)


@pytest.mark.parametrize("mu", [0.25, 1.0])
def test_the_chance_of_a_bound_is_that_of_many_audits(mu: float) -> None:
    """Two-sided, against 1,000 audits of Gaussians of a known μ."""
    rng, trials, level = np.random.default_rng(3), 400, 0.05
    made = rng.binomial(trials, norm.sf(mu / 2), size=(1000, 2)).tolist()
    bounds = [
        Errors(false_alarms=a, without=trials, misses=b, present=trials).epsilon_lower_bound(delta=1e-6, level=level)
        for a, b in made
    ]
    for share in (0.3, 0.6, 0.8):
        limit = mu_at(share * epsilon_at(mu, 1e-6), 1e-6)
        chance = chance_of_at_most(limit, mu=mu, without=trials, present=trials, level=level)
        seldom = sum(bound <= share * epsilon_at(mu, 1e-6) for bound in bounds)
        assert binomtest(seldom, 1000, min(max(chance, 1e-12), 1 - 1e-12)).pvalue > CERTAIN
        assert 0 <= chance <= 1


def test_a_control_is_missed_only_where_a_sound_audit_sees_it() -> None:
    """The same silence is blindness with many trials, and says nothing with few."""
    claim, leaked = mu_at(0.5, 1e-6), 2**0.5 * mu_at(0.5, 1e-6)
    few, many = (chance_of_at_most(claim, mu=leaked, without=n, present=n // 2, level=0.05) for n in (20_000, 200_000))
    assert 0.1 < few < 0.5  # one sound audit in a few would have been called blind
    assert many < RARELY
    assert outcome(False, few) == "too few trials"
    assert outcome(False, many) == "missed"
    assert outcome(True, few) == "caught"


@pytest.mark.prove
def test_a_blind_attacker_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who never says *present* misses what a sound audit sees: the audit does not hold."""
    watch = Attacker.watch

    def asleep(self: Attacker, *given: Any, **named: Any) -> Seen:
        seen = watch(self, *given, **named)
        return replace(seen, ratios=np.zeros_like(seen.ratios))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Attacker, "watch", asleep)
    found = tactful.audit(grocery(tmp_path, 8.0), trials=200)
    assert not found.contradicts
    assert not found.sees
    assert not found.holds


def test_a_bound_that_is_not_applied_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No attack sees it, since a person's norm does not depend on the bound; the audit looks at who has more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tactful.privacy.neighbours.bound", unbounded)
    found = tactful.audit(grocery(tmp_path, 8.0), trials=100)
    assert found.not_as_stated == ("a person with more items than the bound",)
    assert not found.holds


@pytest.mark.prove
def test_too_few_trials_are_said_and_are_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends well, and says that its silence says little; noise that is wrong ends it with 3."""
    monkeypatch.chdir(tmp_path)
    arguments = ["tactful", "audit", str(grocery(tmp_path, 0.5)), "--trials", "100", "--json"]
    monkeypatch.setattr(sys, "argv", arguments)
    for source, code, word in (
        (SystemNoise, 0, "too few trials: nothing speaks"),
        (HalfNoise, 3, "NOT as stated: gram:"),
    ):
        monkeypatch.setattr("tactful.auditing.attack", partial(attack, noise=source))
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        assert int(stopped.value.code or 0) == code
        assert word in said.err
        told = json.loads(said.out.strip().splitlines()[-1])
        assert (told["holds"], told["noise_as_stated"], told["enough_trials"]) == (code == 0, code == 0, False)


def test_sound_noise_passes_however_few_the_runs_are() -> None:
    """The tests are exact for normals, so that none of 300 batches is rejected."""
    rng, entries = np.random.default_rng(8), ["people", *["popularity"] * 6, *["gram"] * 20]
    for runs in (5, 25, 50, 400):
        for _ in range(75):
            one, other = rng.normal(size=(2, runs, len(entries)))
            assert not_as_stated(one, entries) == []
            assert repeated(one, other, entries) == []


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_another_variance_is_seen_on_both_sides(factor: float) -> None:
    rng, entries = np.random.default_rng(9), ["people", *["gram"] * 20]
    found = not_as_stated(factor * rng.normal(size=(300, 21)), entries)
    assert "gram: another variance" in found


def test_too_few_trials_and_wrong_configurations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 100 trials"):
        tactful.audit(grocery(tmp_path, 1.0), trials=99)
    with pytest.raises(ConfigError, match="epsilon must be above 0"):
        tactful.audit(grocery(tmp_path, 0.0), trials=100)


LEAST = {0.5: 0.0, 1.0: 0.55, 4.0: 0.7, 10.0: 0.7}
"""Of the claim, at least so much is seen. A sound build sees less with a probability below 2e-7: see the test."""


@pytest.mark.parametrize(("epsilon", "trials"), [(1.0, 20_000), (4.0, 5_000), (10.0, 5_000)])
def test_what_the_proof_asks_for_is_seen_but_once_in_a_million(epsilon: float, trials: int) -> None:
    """A sound build fails `LEAST`, or exceeds its claim at `LEVEL`, with a probability below 1e-6."""
    mu, level = 0.999 * mu_at(epsilon, 1e-6), level_of(0)
    assert sum(map(level_of, range(len(PERSONS)))) == pytest.approx(1 - CONFIDENCE)
    least = mu_at(LEAST[epsilon] * epsilon, 1e-6)
    assert chance_of_at_most(least, mu=mu, without=trials, present=trials, level=level) < RARELY
    over = 1 - chance_of_at_most(mu_at(epsilon, 1e-6), mu=mu, without=trials, present=trials, level=LEVEL)
    assert over * len(PERSONS) < RARELY


@pytest.mark.prove
@pytest.mark.parametrize(("epsilon", "trials"), [(0.5, 20_000), (1.0, 20_000), (4.0, 5_000), (10.0, 5_000)])
def test_audits_come_near_the_claim_and_stay_below_it(
    epsilon: float, trials: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """Nobody exceeds the claim at `LEVEL`, much of it is seen, the noise is as stated and nothing broken is missed.

    The command's own verdict is at 95% confidence: a sound build contradicts its claim in one of some thousand audits.
    """
    monkeypatch.chdir(tmp_path)
    found = tactful.audit(grocery(tmp_path, epsilon), trials=trials)
    share = found.epsilon_lower_bound / epsilon
    told = ", ".join(f"{control.mutant}: {control.outcome}" for control in found.controls)
    record_property(
        "evidence", f"audit: claimed epsilon {epsilon:g}, seen {found.epsilon_lower_bound:.3f} ({share:.2f} of it), "
        f"{trials:,} trials; {told}"
    )  # fmt: skip
    assert found.noise_as_stated, found.not_as_stated
    assert found.sees
    assert all(p.errors.epsilon_lower_bound(delta=1e-6, level=LEVEL) <= epsilon for p in found.people)
    assert share >= LEAST[epsilon]
    assert found.tells or epsilon < 4
