"""Every engine that a configuration can name inherits `engines_contract.SumsContract`, which finds a broken one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from engines_contract import SumsContract, admitted
from tactful.config import EngineSection
from tactful.personal.engines.duckdb import DuckDB

TESTS = Path(__file__).parent
NAMES = get_args(get_type_hints(EngineSection)["name"])


def inheriting(folder: Path) -> dict[str, set[str]]:
    """The classes of the tests that inherit the contract, and what their files import."""
    found: dict[str, set[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        kinds = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]
        heirs = [kind.name for kind in kinds if any(ast.unparse(base) == "SumsContract" for base in kind.bases)]
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        found |= {f"{file.name}::{name}": imported for name in heirs}
    return found


def without_contract(names: tuple[str, ...], folder: Path) -> list[str]:
    """The engines of which no class of tests inherits the contract, in a file that imports the engine or its world."""
    imported = set().union(*inheriting(folder).values())
    return [name for name in names if not {f"tactful.personal.engines.{name}", f"engines_{name}"} & imported]


def test_every_engine_that_can_be_named_has_the_contract() -> None:
    """An engine in the configuration whose sums nobody compares with the rule is found by its name."""
    assert set(NAMES) >= {"duckdb", "spark"}
    assert without_contract(NAMES, TESTS) == []


def test_an_engine_without_a_contract_is_found(tmp_path: Path) -> None:
    """Where the tests of one are gone, or inherit nothing."""
    for name in ("test_engines_duckdb_sums.py", "test_engines_spark_sums.py"):
        text = (TESTS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("(SumsContract)", "") if "spark" in name else text, encoding="utf-8")
    assert without_contract(("duckdb", "spark"), tmp_path) == ["spark"]


class Forgetful:
    """A session that is DuckDB's but for one item of each person, which it does not bound."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def bounded(self, *, max_items: int, **more: Any) -> Any:
        return self._session.bounded(max_items=max_items + 1, **more)


class BoundsTooLate:
    """An engine whose people may each add an item more than was declared."""

    def session(self, roll: Any = None) -> Forgetful:
        return Forgetful(DuckDB().session(roll))


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No session outlives these tests."""
    yield
    admitted.cache_clear()


def test_a_broken_engine_is_found() -> None:
    """By a class that inherits the contract and does nothing else."""

    class Broken(SumsContract):
        engine: Any = BoundsTooLate()
        seeds = range(1, 4)

    with pytest.raises(AssertionError):
        Broken().test_sums_are_those_of_the_rule()
