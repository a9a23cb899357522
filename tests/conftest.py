"""Fixtures that several rooms use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from world import settings, write_world

_ENVIRONMENT = ("TACTFUL_ACTOR_KEY", "TACTFUL_PSEUDONYM_KEY", "TACTFUL_STORAGE_KEY", "TACTFUL_ASSIGNMENT_KEY")


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
