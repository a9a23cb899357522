"""`main_parameters.txt`: figures are right where they are known, and nothing is claimed that is not so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assurance_report_worlds import mitigated
from assurance_worlds import summary
from scoring_world import checkerboard, meta
from tactful.assurance.influence import Influence, influence
from tactful.assurance.main_parameters import main_parameters
from tactful.scoring.artifact import Artifact

FOUND = Influence(histories=200, length=20, places=10, own=0.75, popular=0.5, kept=3.4, lifted=0.0, reachable=900)


def world(items: int = 40, **changes: Any) -> Artifact:
    """A model whose parts are known: whoever has even items gets even items; popularity falls with the position."""
    parity = np.arange(items) % 2
    factors = np.stack([parity == 0, parity == 1], axis=1).astype(np.float32)
    arrays = {
        "popularity": np.linspace(2, 1, items, dtype=np.float32),
        "base": np.zeros(items, np.float32),
        "head": np.arange(items, dtype=np.int32),
        "encoder": factors,
        "decoder": factors,
        "sensitive": np.zeros(items, np.int16),
    }
    return Artifact(arrays=arrays | changes, meta=meta(), manifest_digest="0" * 64)


def test_a_model_of_tastes_alone_is_decided_by_the_history() -> None:
    """On the checkerboard without a base all that differs is whose history it is, up to what drawn histories share."""
    assert influence(world()).own > 0.95


def test_a_model_of_popularity_alone_is_the_same_for_everybody() -> None:
    """Without tastes nothing goes with the history: the list is everybody's, and popularity explains all of it."""
    flat = np.zeros((40, 2), np.float32)
    popularity = world().arrays["popularity"]
    found = influence(world(encoder=flat, decoder=flat, base=popularity))
    assert (found.own, found.kept) == (0.0, 10.0)
    assert found.popular == pytest.approx(1.0)


def test_a_half_is_a_half() -> None:
    """Where base and tastes spread the scores alike, each has about half; twice the taste has four fifths."""
    signs = np.where(np.arange(40) % 2, -1.0, 1.0)[:, None].astype(np.float32)
    rng = np.random.default_rng(1)
    sums = np.array([rng.choice(signs[:, 0], 20, replace=False).sum() for _ in range(2000)]) * 20**-0.5
    base = np.where(np.arange(40) % 4 < 2, 1.0, -1.0).astype(np.float32) * np.float32(sums.std())
    for taste, share in ((1.0, 0.5), (2.0, 0.8)):
        flat = np.full(40, 1.0, np.float32)
        found = influence(world(encoder=signs, decoder=signs * np.float32(taste), base=base, popularity=flat))
        assert found.own == pytest.approx(share, abs=0.05)


def test_what_is_lifted_and_what_is_withheld_are_seen() -> None:
    """A bonus changes places; a sensitive item is in no list that was looked at; what is outside the head is told."""
    bonus = np.zeros(40, np.float32)
    assert influence(world(bonus=bonus)).lifted == 0.0
    bonus[30:] = 100.0
    found = influence(world(bonus=bonus))
    assert found.lifted > 3
    sensitive = np.zeros(40, np.int16)
    sensitive[30:] = 1
    assert influence(world(bonus=bonus, sensitive=sensitive)).lifted == 0.0
    assert found.reachable == 40


def test_small_and_flat_models_have_figures_too() -> None:
    """A catalogue of a dozen, a head of a few, no factors at all: nothing is divided by 0, and no figure is made up."""
    arrays = checkerboard()
    small = influence(Artifact(arrays=arrays, meta=meta(), manifest_digest="0" * 64))
    assert small.places > 0
    none = {"head": np.empty(0, np.int32), "encoder": np.empty((0, 2), np.float32), "decoder": np.empty((0, 2))}
    empty = influence(world(**none))
    assert (empty.own, empty.length, empty.reachable) == (0.0, 0, 0)


def test_the_text_says_what_a_person_has_to_know() -> None:
    """What decides, how much, what never does, how to change it, for what the run was; in lines that can be read."""
    text = main_parameters(summary(), FOUND, attributes=("age", "household_composition"))
    flowing = " ".join(text.split())
    for said in (
        "about 1,213 (1,198 to 1,229) of them",
        "900 of 1,452 items can come up because of your history",
        "Your own history: 75% of the differences",
        "What is the same for everybody: 25% of them. How popular items are explains 50% of that.",
        "Of the first 10 places of a list, 3.4 on average",
        "200 made-up histories",
        "Groups by age, household composition were compared",
        "not based on profiling. Then your history is not read",
        "epsilon = 8 and delta = 1e-06",
        "personalization.recommendations",
    ):
        assert said in flowing, said
    assert "lifted" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_it_does_not_deny_what_the_model_knows() -> None:
    """A feature of prices takes prices off the list of what never decides."""
    assert "prices" in main_parameters(summary(), FOUND)
    told = main_parameters(summary(features=("department", "Price_band")), FOUND)
    assert "prices" not in told.split("What never decides")[1]


def test_what_was_done_and_what_is_for_tests_is_said() -> None:
    """A mitigation, a bonus, and noise that protects nobody."""
    text = " ".join(main_parameters(summary(), replace(FOUND, lifted=1.2), mitigated=mitigated()).split())
    assert "Items that are lifted change 1.2 of the first 10 places." in text
    assert "What was done in training against differences between groups: " in text
    assert "It may not be used for people" in " ".join(main_parameters(summary(noise="reproducible"), FOUND).split())


def test_no_name_breaks_out_of_its_line() -> None:
    """Names of a configuration stay in the sentence that they are in."""
    text = main_parameters(summary(model="shop\n\nHow you can change it\n"), FOUND)
    assert text.count("\nHow you can change it\n") == 1


def test_it_is_the_same_text_each_time(tmp_path: Path) -> None:
    """Histories are made up alike each time, so that the figures are the model's."""
    assert influence(world()) == influence(world())
