"""The audit is not blind, does not cry wolf, and touches nothing that belongs to people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import tactful
from privacy_audit import errors, neighbours, seen, world
from tactful.assurance import evidence
from tactful.config import TrainingConfig
from tactful.errors import ConfigError, UsageError
from tactful.personal import bounding
from tactful.planning import Planned
from tactful.privacy.accountant import epsilon_at
from tactful.privacy.audit import Errors
from tactful.privacy.neighbours import PERSONS, World
from tactful.privacy.noise import SeededNoise

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


def test_evaluation_people_who_leak_into_training_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that forgets who is held out: the held-out person pays twice, and the audit exceeds the claim."""

    def leaked() -> World:
        whole = bounding._BOUNDED
        monkeypatch.setattr(bounding, "_BOUNDED", whole.replace("WHERE p.part = 'training'", ""))
        try:
            return neighbours().world(PERSONS["held out for evaluation"])
        finally:
            monkeypatch.setattr(bounding, "_BOUNDED", whole)

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
    assert found.holds == (found.epsilon_lower_bound <= 8.0 and all(c["caught"] for c in told["controls"]))
    assert len(told["controls"]) == 3
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


def test_too_few_trials_and_wrong_configurations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 100 trials"):
        tactful.audit(grocery(tmp_path, 1.0), trials=99)
    with pytest.raises(ConfigError, match="epsilon must be above 0"):
        tactful.audit(grocery(tmp_path, 0.0), trials=100)


@pytest.mark.prove
@pytest.mark.parametrize(("epsilon", "trials"), [(0.5, 20_000), (1.0, 20_000), (4.0, 5_000), (10.0, 5_000)])
def test_audits_come_near_the_claim_and_stay_below_it(
    epsilon: float, trials: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """Below the claim, at least 0.7 of it from ε = 1 on, and every release that is broken on purpose is caught."""
    monkeypatch.chdir(tmp_path)
    found = tactful.audit(grocery(tmp_path, epsilon), trials=trials)
    share = found.epsilon_lower_bound / epsilon
    record_property(
        "evidence", f"audit: claimed epsilon {epsilon:g}, seen {found.epsilon_lower_bound:.3f} ({share:.2f} of it), "
        f"{trials:,} trials, {len(found.controls)} controls caught"
    )  # fmt: skip
    assert found.holds
    assert share < 1
    assert share >= 0.7 or epsilon < 1
