"""The examples of the manual run, in the order of a first day: look, train, approve, recommend."""

from __future__ import annotations

import doctest
import json
import shutil
from pathlib import Path

import tactful
from tactful.assurance import approval
from tactful.assurance.registry import Registry
from tactful.config import TrainingConfig
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.trust import Reviewers


def failures(documented: object, name: str) -> tuple[int, int]:
    """How many examples of a docstring fail, and how many there are."""
    names = {"tactful": tactful, "Recommender": Recommender}
    test = doctest.DocTestParser().get_doctest(documented.__doc__ or "", names, name, None, 0)
    found = doctest.DocTestRunner().run(test)
    return found.failed, found.attempted


def test_the_examples_of_the_manual_run(workspace: Path) -> None:
    """Every one as it is written, on the known world."""
    (workspace / "configs").mkdir()
    (workspace / "models").mkdir(exist_ok=True)
    shutil.copy(workspace / "shop.toml", workspace / "configs/shop.toml")
    shutil.copy(workspace / "trainer.key", workspace / "models/trainer.key")
    for documented in (tactful.plan, tactful.gate, tactful.train):
        failed, attempted = failures(documented, documented.__name__)
        assert (failed, attempted > 0) == (0, True), documented.__name__
    verdicts = json.loads(Registry().documents("shop", "1")["fairness.json"])["verdicts"]
    approval.approve(
        Records.open(),
        Registry(),
        "shop",
        "1",
        key=workspace / "reviewer.key",
        reason="an example",
        overrides={rule: "looked at it" for rule, said in verdicts.items() if said["status"] != "pass"},
        reviewers=Reviewers.load(),
    )
    serving = (Recommender, Recommender.recommend_batch, Recommender.explain, Recommender.similar)
    for documented in (*serving, TrainingConfig.load, tactful.twin, tactful.audit):
        failed, attempted = failures(documented, documented.__name__)
        assert (failed, attempted > 1) == (0, True), documented.__name__


def test_a_wrong_example_is_noticed() -> None:
    """One that prints something else."""

    def documented() -> None:
        """>>> 1 + 1
        3
        """

    assert failures(documented, "documented") == (1, 1)
