"""A workspace whose training runs are killed (`training_kills.py`), and what must hold of it after each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger_judge import Judged, never_over, replay
from repository_search import Evidence, hexadecimals, mentions, written
from tactful.assurance import approval_checks, candidates
from tactful.assurance.approval import approve
from tactful.assurance.model_history import history
from tactful.assurance.registry import Registry
from tactful.errors import ApprovalRefusedError
from tactful.personal.contributions import SCALE
from tactful.personal.keys import Keys
from tactful.privacy.accountant import PrivacyLoss
from tactful.privacy.ledger import BudgetLedger
from tactful.records.journal import Entry
from tactful.records.store import Records
from tactful.scoring.trust import Reviewers
from world import settings, user_id

MLFLOW = (
    "create_experiment",
    "create_run",
    "create_logged_model",
    "log_batch",
    "log_text",
    "log_outputs",
    "log_model_artifacts",
    "finalize_logged_model",
    "set_terminated",
    "create_registered_model",
    "create_model_version",
    "set_logged_model_tags",
)
STAGES = (("mitigating", "bound"), ("judging", "hold_out"), ("judging", "measure"), ("training", "submit"))

PERSONAL = ("interactions.parquet", "consents.csv", "attributes.csv", "subjects.csv")
"""The tables that hold ids because they are about people; everything else must not."""


class Program:
    """The program that is alive while its runs die."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._in, self._out = process.stdin, process.stdout

    def run(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """How this run ended."""
        assert self._in
        assert self._out
        self._in.write(f"{json.dumps(order)}\n")
        self._in.flush()
        return dict(json.loads(self._out.readline()))


@contextmanager
def program(warm: Path) -> Iterator[Program]:
    """The program, ready to fork; it made one run in the workspace `warm`."""
    (warm / "scratch").mkdir()
    alone = {"TMPDIR": str(warm / "scratch"), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("training_kills.py")), str(warm)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | settings(warm) | alone
    ) as process:
        yield Program(process)
        assert process.stdin
        process.stdin.close()


@dataclass(kw_only=True)
class Scene:
    """One workspace, which the environment points at, and the runs in it."""

    folder: Path
    program: Program
    steps: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    told: str = ""
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        (self.folder / "scratch").mkdir()

    def train(self, at: int | str | None = None, mutant: str | None = None) -> bool:
        """Whether the run lived. If not, it died at this step."""
        trace = self.folder / "trace"
        trace.unlink(missing_ok=True)
        found = self.program.run(
            {
                "folder": str(self.folder),
                "environment": settings(self.folder) | {"TMPDIR": str(self.folder / "scratch")},
                "trace": str(trace),
                "witness": str(self.folder / "witness"),
                "at": at,
                "mutant": mutant,
            }
        )
        self.steps, self.told = trace.read_text().splitlines(), found["told"]
        assert found["signal"] in (None, signal.SIGKILL), f"the run died of signal {found['signal']}"
        assert "Traceback" not in self.told, self.told
        if found["signal"]:
            self.killed.append(self.steps[-1])
        return not found["signal"]

    def samples(self) -> list[tuple[int, float]]:
        """Each sample that came to exist: the length of the journal then, and σ in units of the sensitivity."""
        file = self.folder / "witness"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(int(length), float(sigma) / SCALE) for length, sigma in (line.split() for line in lines)]

    def check(self) -> Judged:
        """Every promise holds; returns the books."""
        with Records.open() as records:
            assert records.verify().ok
            entries = records.entries()
            status = BudgetLedger(records).status()
            self._check_candidates(records)
        judged = replay(entries)
        if status.limit:
            never_over(judged, status.limit.budget)
            expected = PrivacyLoss(mu_squared=judged.promised_now).epsilon(status.limit.delta)
            assert status.spent
            assert status.spent.epsilon == pytest.approx(expected, abs=5e-3)  # slack; an event is above 0.01
        drawn_as_opened(entries, judged, self.samples())
        names_nobody(written(self.folder / "scratch"))
        shutil.rmtree(self.folder / "scratch")  # what was searched need not be searched again
        (self.folder / "scratch").mkdir()
        return judged

    def _check_candidates(self, records: Records) -> None:
        """What the journal calls a candidate is whole in MLflow; what it does not, nobody can approve."""
        registry, book = Registry(), candidates.replay(records.entries(candidates.KINDS))
        listed = {each["run_id"] for model in history(records) for each in model["versions"]}
        assert listed == {each.candidate.run_id for each in book.candidates}
        shown = {each.model_id: each for name in registry.models() for each in registry.versions(name)}
        for entry in (each for each in book.candidates if each.candidate.run_id not in self._seen):
            whole(registry, entry)
            self._seen.add(entry.candidate.run_id)
        for each in (version for version in shown.values() if version.run_id not in listed | self._seen):
            self._seen.add(each.run_id)
            with pytest.raises(ApprovalRefusedError, match="journal"):
                approve_it(self.folder, each.version, {})

    def approve_latest(self) -> None:
        """The newest candidate of the journal is champion."""
        with Records.open() as records:
            entry = candidates.replay(records.entries(candidates.KINDS)).candidates[-1]
        open_rules = {rule: "only a test" for rule, verdict in entry.verdicts.items() if verdict != "pass"}
        approve_it(self.folder, str(entry.candidate.version), open_rules)
        assert Registry().champion("shop") == entry.candidate.version

    def names_nobody(self) -> None:
        """Nothing in the workspace but the tables about people names one of them."""
        names_nobody((place, text) for place, text in written(self.folder) if not place.endswith(PERSONAL))


def drawn_as_opened(entries: list[Entry], judged: Judged, samples: list[tuple[int, float]]) -> None:
    """When a sample came to exist, the newest entry was the opening of an event with that very noise."""
    for length, sigma in samples:
        entry = entries[length - 1]
        assert entry.kind == "budget.opened", "a sample exists whose event was not opened"
        cost, _ = judged.promised[entry.body["id"], entry.body["name"]]
        assert sigma**-2.0 == pytest.approx(cost, rel=1e-12), "the noise is not what was paid for"
    lengths = [length for length, _ in samples]
    assert len(set(lengths)) == len(lengths), "an event was sampled twice"


def whole(registry: Registry, entry: candidates.CandidateEntry) -> None:
    """MLflow has the version, its finished run, and every byte that the journal speaks of."""
    version = registry.version(entry.candidate.model, str(entry.candidate.version))
    assert (version.run_id, version.model_id) == (entry.candidate.run_id, entry.candidate.model_id)
    approval_checks.check_evidence(entry, approval_checks.Evidence.gather(registry, version))


def approve_it(folder: Path, version: str, overrides: Mapping[str, str]) -> None:
    """A reviewer approves the version, as far as tactful lets them."""
    with Records.open() as records:
        approve(
            records,
            Registry(),
            "shop",
            version,
            key=folder / "reviewer.key",
            reason="looked at the report",
            overrides=overrides,
            reviewers=Reviewers.load(),
        )


def names_nobody(evidence: Iterable[Evidence]) -> None:
    """No person is there, by id or by pseudonym."""
    listed = list(evidence)
    pseudonyms = set(Keys.load().pseudonyms([user_id(number) for number in range(900)]))
    found = mentions(listed, ["CANARY-"]) + hexadecimals(listed, pseudonyms)
    assert not found, f"people are named in: {found}"
