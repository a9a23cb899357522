"""What a configuration may say about where it comes from and who publishes what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tactful.assurance.summary import Curator
from tactful.config import TrainingConfig
from tactful.errors import ConfigError

SHIPPED = (Path(__file__).parents[1] / "configs" / "grocery.toml").read_text(encoding="utf-8")


def loaded(folder: Path, text: str) -> TrainingConfig:
    """The configuration with this text."""
    (folder / "some.toml").write_text(text, encoding="utf-8")
    return TrainingConfig.load(folder / "some.toml")


@pytest.mark.parametrize("tuning", ["not stated", "none", "public data", "paid trials"])
def test_a_configuration_says_where_its_settings_came_from(tuning: str, tmp_path: Path) -> None:
    """By one of three ways, each of which costs nobody anything that is not debited."""
    text = SHIPPED.replace('tuning = "public data"', f'tuning = "{tuning}"')
    assert loaded(tmp_path, text).privacy.tuning == tuning


def test_another_way_to_choose_settings_is_refused(tmp_path: Path) -> None:
    """To look at people without paying is none of them."""
    with pytest.raises(ConfigError, match="tuning"):
        loaded(tmp_path, SHIPPED.replace('tuning = "public data"', 'tuning = "their history"'))


def test_unless_it_is_said_nothing_was_looked_at(tmp_path: Path) -> None:
    """The default is the one that claims least about trials; who publishes is not stated."""
    text = "\n".join(line for line in SHIPPED.splitlines() if not line.startswith(("tuning", "curator", "sector")))
    config = loaded(tmp_path, text)
    told, unsaid = config.model, Curator()
    assert config.privacy.tuning == "not stated"
    assert (told.curator, told.curator_type, told.region, told.sector) == (
        unsaid.name,
        unsaid.kind,
        unsaid.region,
        unsaid.sector,
    )


@pytest.mark.parametrize("key", ["intended_use", "unit", "curator", "curator_type", "region", "sector"])
def test_words_that_documents_need_are_not_empty(key: str, tmp_path: Path) -> None:
    """Found out before anything is paid: a privacy statement has no empty field."""
    kept = "\n".join(line for line in SHIPPED.splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(ConfigError, match=key):
        loaded(tmp_path, kept.replace("[model]", f'[model]\n{key} = ""'))


def test_notes_are_not_empty(tmp_path: Path) -> None:
    """Nor is one of several."""
    with pytest.raises(ConfigError, match="not_covered"):
        loaded(tmp_path, SHIPPED.replace("not_covered = [", 'not_covered = [ "",'))
