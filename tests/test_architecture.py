"""The laws of the architecture hold in the source, and a source tree that breaks one is found out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import repository_laws as laws
from repository_source import PACKAGE

Law = Callable[[Path], list[str]]
LAWS: list[Law] = [
    laws.room_order,
    laws.import_cycles,
    laws.facade_is_lazy,
    laws.scoring_is_small,
    laws.optional_is_late,
    laws.released_sees_nobody,
    laws.doors_open_elsewhere,
    laws.rows_meet_noise,
    laws.draws_elsewhere,
    laws.rehearsed_elsewhere,
    laws.parted_elsewhere,
    laws.drawn_before_opened,
    laws.exact_named_elsewhere,
    laws.homes,
]

_GRAMS, _NOISE = "tactful.personal.grams", "tactful.privacy.noise"
BROKEN: list[tuple[Law, str, str]] = [  # a law, a file, and what is written at its end
    (laws.room_order, "records/journal.py", "from tactful.personal.keys import Keys"),
    (laws.room_order, "errors.py", "import tactful.catalogue"),
    (laws.room_order, "privacy/plan.py", "def late():\n    from tactful.released import head"),
    (laws.room_order, "personal/split.py", "if TYPE_CHECKING:\n    from ..assurance.fairness import assess"),
    (laws.room_order, "personal/split.py", "def late():\n    return import_module('tactful.privacy.release')"),
    (laws.room_order, "released/head.py", "from tactful import train"),
    (laws.room_order, "personal/policy.py", "from tactful.config import TrainingConfig"),
    (laws.room_order, "assurance/fairness.py", "from tactful.config import TrainingConfig"),
    (laws.room_order, "config.py", "from tactful.catalogue import Catalogue"),
    (laws.room_order, "scoring/ranking.py", "from tactful.catalogue import Catalogue"),
    (laws.room_order, "privacy/ledger.py", "from tactful.scoring import signing"),
    (laws.room_order, "helpers/misc.py", "from tactful import errors"),
    (laws.import_cycles, "errors.py", "def late():\n    from tactful.personal.consent import REASONS"),
    (laws.import_cycles, "personal/consent.py", "from tactful.personal import gate"),
    (laws.facade_is_lazy, "__init__.py", "import pandas"),
    (laws.facade_is_lazy, "__init__.py", "from tactful.scoring import Recommender"),
    (laws.scoring_is_small, "scoring/ranking.py", "def late():\n    import scipy.sparse"),
    (laws.scoring_is_small, "scoring/address.py", "import mlflow"),
    (laws.scoring_is_small, "scoring/pyfunc.py", "def late():\n    from mlflow import MlflowClient"),
    (laws.scoring_is_small, "scoring/ranking.py", "def late():\n    from usearch.index import Index"),
    (laws.optional_is_late, "personal/engines/spark.py", "from pyspark.sql import SparkSession"),
    (laws.optional_is_late, "scoring/candidate_index.py", "try:\n    import usearch\nexcept ImportError:\n    pass"),
    (laws.released_sees_nobody, "released/model.py", "from tactful.personal.bounding import BoundedInteractions"),
    (laws.released_sees_nobody, "released/low_rank.py", "from tactful.privacy.release import PrivateRelease"),
    (laws.released_sees_nobody, "released/head.py", "from tactful.privacy import noise"),
    (laws.doors_open_elsewhere, "personal/gate.py", "def back(): return opened(ConsentedInteractions, counts=None)"),
    (laws.doors_open_elsewhere, "personal/split.py", "def hold_out(): return opened(BoundedInteractions)"),
    (laws.doors_open_elsewhere, "personal/bounding.py", "let_in = opened"),
    (laws.doors_open_elsewhere, "personal/bounding.py", "from tactful.personal.doors import opened as ajar"),
    (
        laws.doors_open_elsewhere,
        "personal/log.py",
        "from tactful.personal import doors\nx = doors.opened(InteractionLog)",
    ),
    (laws.doors_open_elsewhere, "training.py", "from tactful.personal.doors import opened"),
    (laws.doors_open_elsewhere, "training.py", "x = object.__new__(ConsentedInteractions)"),
    (laws.doors_open_elsewhere, "assurance/evaluation.py", "x = EvaluationPeople.__new__(EvaluationPeople)"),
    (laws.rows_meet_noise, "assurance/evaluation.py", "from tactful.privacy.noise import SystemNoise"),
    (
        laws.rows_meet_noise,
        "privacy/plan.py",
        f"from {_GRAMS} import item_gram\nfrom {_NOISE} import SystemNoise",
    ),
    (laws.rows_meet_noise, "assurance/guessing.py", "from tactful.privacy.noise import SystemNoise"),
    (laws.rows_meet_noise, "personal/bounding.py", "def late():\n    from randomgen import AESCounter"),
    (laws.draws_elsewhere, "training.py", "def noisy(noise, n): return n + noise.draw(1e5, 1)"),
    (
        laws.draws_elsewhere,
        "privacy/release.py",
        "class PrivateRelease:\n    def peek(self): return self._noise.draw(1, 1)",
    ),
    (laws.parted_elsewhere, "training.py", "def some(c, mask): return bound(c, max_items=9, kept=mask)"),
    (laws.parted_elsewhere, "privacy/neighbours.py", "def some(c, how): return bounding.bound(c, **how)"),
    (laws.rehearsed_elsewhere, "training.py", "from tactful.privacy.attacker import Silence"),
    (laws.rehearsed_elsewhere, "training.py", "def free(plan): return PrivateRelease(ledger=attacker.Rehearsal())"),
    (laws.rehearsed_elsewhere, "privacy/release.py", "from tactful.privacy.attacker import Rehearsal"),
    (laws.rehearsed_elsewhere, "assurance/evaluation.py", "from tactful.privacy.neighbours import Neighbours as N"),
    (laws.exact_named_elsewhere, "privacy/release.py", "def keep(exact): return exact"),
    (laws.exact_named_elsewhere, "privacy/release.py", "def peek(bounded): return item_popularity(bounded)"),
    (
        laws.exact_named_elsewhere,
        "privacy/release.py",
        "def peek(rows, design): return exposure_counts(rows, design)",
    ),
    (laws.homes, "assurance/list_coverage.py", "from sklearn.naive_bayes import MultinomialNB"),
    (laws.homes, "training.py", "def late():\n    import mlflow"),
    (laws.homes, "assurance/report.py", "from fairlearn.metrics import MetricFrame"),
    (laws.homes, "released/low_rank.py", "import diffprivlib.mechanisms"),
    (laws.homes, "assurance/evaluation.py", "from sklearn.metrics import ndcg_score"),
    (laws.homes, "released/low_rank.py", "import implicit"),
    (laws.homes, "privacy/ledger.py", "import sqlalchemy"),
    (laws.homes, "personal/gate.py", "import duckdb"),
    (laws.homes, "personal/gate.py", "def late():\n    from pyspark.sql import SparkSession"),
    (laws.homes, "personal/policy.py", "from pydantic import BaseModel"),
    (laws.homes, "assurance/card.py", "import jinja2"),
    (laws.homes, "training.py", "import typer"),
    (laws.homes, "training.py", "from rich.console import Console"),
    (laws.homes, "privacy/release.py", "from randomgen import AESCounter"),
    (laws.homes, "released/low_rank.py", "import numba"),
    (laws.homes, "training.py", "import requests"),
]
"""Every violation is one that a hurried change could make."""

_OPEN = "        self._ledger.open(self._debit, name)\n"
_DRAW = "        noisy = exact + self._noise.draw(multiplier * SCALE, exact.size)\n"
_EXACT = "        exact = statistic()\n"
REWRITTEN = [  # in PrivateRelease._release: text, what stands there instead
    (_OPEN + _DRAW, _DRAW + _OPEN),
    (_OPEN, ""),
    (_OPEN, f"        if exact.any():\n    {_OPEN}"),
    (_EXACT + _OPEN, _OPEN + _EXACT),
    (_DRAW, _DRAW + _DRAW),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_source_obeys_each_law(law: Law) -> None:
    """Laws 1, 2, 3, 4 and 7 hold in every file, in functions and under TYPE_CHECKING as well."""
    assert law(PACKAGE) == []


@pytest.mark.parametrize(("law", "file", "text"), BROKEN)
def test_a_violation_is_found(law: Law, file: str, text: str, tmp_path: Path) -> None:
    """A copy of the source with one line more is found out, and the file is named."""
    copy = _copy(tmp_path)
    path = copy / file
    path.parent.mkdir(exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{before}\n\n{text}\n", encoding="utf-8")
    found = law(copy)
    names = (file, f"tactful.{file.removesuffix('.py').replace('/', '.')}")
    assert any(line.startswith(names) for line in found), found


@pytest.mark.parametrize(("text", "instead"), REWRITTEN)
def test_noise_before_payment_is_found(text: str, instead: str, tmp_path: Path) -> None:
    """A release that draws before the debit is opened, never opens it or opens it sometimes is found out."""
    copy = _copy(tmp_path)
    path = copy / "privacy" / "release.py"
    source = path.read_text(encoding="utf-8")
    assert source.count(text) == 1
    path.write_text(source.replace(text, instead), encoding="utf-8")
    assert laws.drawn_before_opened(copy) != []


def test_every_law_has_a_violation_that_it_finds() -> None:
    """No law is kept by a check that was never seen to fail."""
    assert {law for law, _, _ in BROKEN} | {laws.drawn_before_opened} == set(LAWS)


HEAVY = (
    "alembic",
    "duckdb",
    "mlflow",
    "numba",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "typer",
)


@pytest.mark.parametrize("module", ["tactful", "tactful.cli", "tactful.scoring"])
def test_the_light_modules_load_nothing_heavy(module: str) -> None:
    """`import tactful` is free, the command line starts without its libraries, scoring needs numpy and ciphers."""
    allowed = "numpy" if module == "tactful.scoring" else ""
    code = f"import sys, {module}; print(*(m for m in {(*HEAVY, 'numpy')} if m in sys.modules))"
    assert _python(code).stdout.split() == allowed.split()


def test_a_base_install_says_what_it_lacks() -> None:
    """With nothing but numpy and cryptography, `tactful train` exits 2 with one line that names the extra."""
    command = _python("sys.argv[1:] = ['train', 'x']; runpy.run_module('tactful', run_name='__main__')", bare=True)
    assert (command.returncode, command.stdout) == (2, "")
    assert "pip install 'tactful[train]'" in command.stderr
    assert len(command.stderr.strip().splitlines()) == 1
    code = "import tactful, tactful.errors as e\ntry: tactful.train\nexcept e.MissingExtraError as x: print(x.extra)"
    assert _python(code, bare=True).stdout == "train\n"


def test_a_base_install_scores() -> None:
    """With nothing but numpy and cryptography, `tactful.scoring` imports."""
    code = "from tactful.scoring import Recommender; import tactful; print(tactful.Recommender is Recommender)"
    scored = _python(code, bare=True)
    assert (scored.returncode, scored.stdout) == (0, "True\n")


_BARE = """
import importlib.abc, runpy, sys
HERE = {"_cffi_backend", "cffi", "cryptography", "numpy", "tactful"} | set(sys.stdlib_module_names)
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in HERE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""
"""Hides every library that the base install does not bring."""


def _python(code: str, *, bare: bool = False) -> subprocess.CompletedProcess[str]:
    """The code in a fresh interpreter, if asked for without what the extras bring."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", (_BARE if bare else "") + code],
        capture_output=True,
        text=True,
        check=False,
    )


def _copy(folder: Path) -> Path:
    """A copy of the package's source."""
    return Path(shutil.copytree(PACKAGE, folder / "tactful", ignore=shutil.ignore_patterns("__pycache__")))
