"""Fixtures that several rooms use, and the figures of the evidence at the end of a run.

A test that measured something says so with ``record_property("evidence", "…")``, a line of words and figures.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from records_postgresql import cluster
from world import settings, write_world

_ENVIRONMENT = (
    "TACTFUL_ACTOR_KEY",
    "TACTFUL_PSEUDONYM_KEY",
    "TACTFUL_STORAGE_KEY",
    "TACTFUL_ASSIGNMENT_KEY",
    "TACTFUL_SUPPRESSION_KEY",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that say how many minutes they take begin first, so that no processor waits for the last of them."""
    minutes = {item: mark.kwargs.get("minutes", 0) for item in items for mark in item.iter_markers("prove")}
    items.sort(key=lambda item: -minutes.get(item, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests measured stands at the end of the output, one line each."""
    reports = [report for listed in terminalreporter.stats.values() for report in listed]
    lines = {
        f"{report.nodeid.rpartition('/')[2]}: {figures}"
        for report in reports
        for name, figures in getattr(report, "user_properties", ())
        if name == "evidence"
    }
    if lines:
        terminalreporter.section("evidence")
        terminalreporter.write("".join(f"{line}\n" for line in sorted(lines)))


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with an empty MLflow store, whose tables take seconds to make, to be copied."""
    from tactful.assurance.registry import Registry

    folder = tmp_path_factory.mktemp("template")
    write_world(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Registry(f"sqlite:///{folder}/mlflow.db")
    return folder


@pytest.fixture
def workspace(_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with the known world of `world.py`, and an environment that keeps everything in it."""
    folder = tmp_path / "workspace"
    shutil.copytree(_template, folder)
    config = folder / "shop.toml"
    config.write_text(config.read_text().replace(str(_template), str(folder)))
    for name in _ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings(folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[str]:
    """A PostgreSQL server of this session's own."""
    with cluster() as url:
        yield url


@pytest.fixture
def postgresql(_postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty PostgreSQL database of its own; the head of its journal is kept in the test's folder."""
    monkeypatch.setenv("TACTFUL_JOURNAL_HEAD", str(tmp_path))
    with create_engine(_postgresql, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM pg_database")).scalar_one()
        connection.execute(text(f"CREATE DATABASE books{count}"))
    return _postgresql.replace("/postgres?", f"/books{count}?")
