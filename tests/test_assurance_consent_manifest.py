"""The consent manifest: people as released, each of total weight 1 and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml

from assurance_worlds import summary
from repository_world import ASSESSMENT, TRAINING, World, write_world
from tactful.assurance.consent_manifest import consent_manifest
from tactful.assurance.summary import OUTCOMES
from tactful.personal.contributions import SCALE
from tactful.privacy.release import _outcomes
from tactful.privacy.sums import Measured

PARTS = ("training", "evaluation")


def test_it_has_each_outcome_as_released() -> None:
    """Value, σ and meaning; negative values are left as released."""
    people = yaml.safe_load(consent_manifest(summary()))["people"]
    assert set(people) == set(summary().consent)
    assert people["minor"] == {"meaning": OUTCOMES["minor"], "released": -3.2, "sigma": 7.0}


def test_reasons_come_in_the_order_by_which_people_are_counted() -> None:
    """What is about the person before what is about a row, since the first that holds is the one that counts."""
    given = ("unknown_item", "refused", "malformed", "admitted", "minor")
    run = summary(consent={outcome: Measured(value=9.0, sigma=1.0) for outcome in given})
    people = yaml.safe_load(consent_manifest(run))["people"]
    assert list(people) == ["admitted", "minor", "refused", "malformed", "unknown_item"]


def test_it_says_what_is_simulated() -> None:
    """The notes of the run are in it."""
    assert yaml.safe_load(consent_manifest(summary()))["notes"] == list(summary().notes)


def test_an_outcome_without_words_is_still_listed() -> None:
    """A reason code that is new to this file is shown by its code."""
    run = replace(summary(), consent={"new_reason": Measured(value=4.0, sigma=1.0)})
    assert yaml.safe_load(consent_manifest(run))["people"]["new_reason"]["meaning"] == "new_reason"


def released_from(world: World) -> np.ndarray:
    """The exact vector behind the manifest, in units of one person, one row an outcome."""
    names = [(outcome, part) for outcome in OUTCOMES for part in PARTS]
    return _outcomes(world.consented(), names).reshape(-1, len(PARTS)) / SCALE


def test_a_person_with_rows_under_several_outcomes_counts_once(tmp_path: Path) -> None:
    """Added to a world, they change one count by one, whatever their rows are and however many: the norm is 1.

    Their rows are admitted, from before they agreed, unreadable and about nothing in the catalogue; alone, each of
    these is an outcome of its own.
    """
    world = write_world(tmp_path, model="m", people=60, user_id=lambda n: f"u{n}", privacy={})
    rows, consents, before = world.table("interactions"), world.table("consents"), released_from(world)
    now = datetime.now(UTC)
    stories = {
        "admitted": ("item01", 5),
        "before_grant": ("item02", 390),
        "malformed": ("item04", None),
        "unknown_item": ("discontinued", 5),
    }
    made = {
        outcome: {
            "user_id": "many",
            "item_id": item,
            "timestamp": "yesterday" if days is None else (now - timedelta(days=days)).isoformat(),
            "note": "",
        }
        for outcome, (item, days) in stories.items()
    }
    agreed = [
        {"user_id": "many", "purpose": p, "state": "given", "event_time": (now - timedelta(days=300)).isoformat()}
        for p in (TRAINING, ASSESSMENT)
    ]
    world.rewrite("consents", consents + agreed)
    seen = {}
    for name, theirs in {**{o: [row] for o, row in made.items()}, "all": list(made.values()) * 3}.items():
        world.rewrite("interactions", rows + theirs)
        changed = released_from(world) - before
        assert sorted(np.abs(changed).ravel().tolist())[-2:] == [0.0, 1.0]
        assert changed.sum() == 1.0
        seen[name] = list(OUTCOMES)[int(np.argmax(changed.sum(axis=1)))]
    assert seen == {**{outcome: outcome for outcome in stories}, "all": "admitted"}
