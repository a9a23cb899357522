"""A whole run that asks what lists tell about groups: taste by group is found, taste by nothing is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from repository_world import World, write_world
from tactful import judging
from tactful.assurance.assessment import Guessing
from tactful.assurance.guessing import guess_groups
from tactful.assurance.intervals import Estimate
from tactful.training import train

Found = tuple[dict[str, Guessing], dict[str, dict[str, Estimate]]]


def town(folder: Path, *, planted: bool) -> World:
    """Even people like even items; where it is planted, they are the young ones."""
    privacy = {"epsilon": 6.0, "public_data": True, "reproducible_seed": 3}
    world = write_world(folder, model="small", people=6000, user_id=lambda n: f"person {n}", privacy=privacy)
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("minimum_people = 5\n", "minimum_people = 5\nleakage = true\n"))
    if planted:
        ages = [{"user_id": name, "age": ("young", "old")[n % 2]} for n, name in enumerate(world.user_ids) if n % 10]
        world.rewrite("attributes", ages)
    return world


def test_a_guess_that_too_few_people_left_unmade_is_said_to_be_given_back(tmp_path: Path) -> None:
    """The statement of a run that had no two groups to tell apart lists the guesses as not made; all else was."""
    privacy = {"epsilon": 6.0, "population_at_most": 300}
    world = write_world(tmp_path, model="small", people=300, user_id=lambda n: f"person {n}", privacy=privacy)
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("minimum_people = 5\n", "minimum_people = 80\nleakage = true\n"))
    with world.entered():
        assert train(world.config).status == "candidate"
        (file,) = world.folder.rglob("privacy_statement.yaml")
    releases = yaml.safe_load(file.read_text(encoding="utf-8"))["tactful"]["releases"]
    assert [each["name"] for each in releases if each["state"] == "given back"] == ["guesses"]


@pytest.mark.prove
@pytest.mark.parametrize("planted", [True, False])
def test_a_run_says_whether_lists_give_groups_away(
    planted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of groups with a taste of their own give them away and hold half of the items each; others do not."""
    found: list[Found] = []

    def kept(*given: Any, minimum_people: int) -> Found:
        found.append(guess_groups(*given, minimum_people=minimum_people))
        return found[-1]

    monkeypatch.setattr(judging, "guess_groups", kept)
    world = town(tmp_path, planted=planted)
    with world.entered():
        assert train(world.config).status == "candidate"
    ((guessed, coverage),) = found
    auc, everybody, young = guessed["age"].auc, coverage[""][""].value, coverage["age"]["young"].value
    assert everybody is not None
    assert young is not None
    if planted:
        assert auc.interval.low > 0.9
        assert young < 0.6 * everybody
    else:
        assert auc.interval.low < 0.5 < auc.interval.high
        assert young > 0.8 * everybody
