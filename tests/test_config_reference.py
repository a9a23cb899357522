"""The reference of the configuration: every key, as the models have it, with a meaning and what holds without it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tactful.config import TrainingConfig
from tactful.config_reference import explain, reference
from tactful.errors import NotFoundError

CONFIGS = Path(__file__).parents[1] / "configs"


def test_every_key_has_a_meaning_and_a_kind() -> None:
    """Nothing is left to the reader's guess, and no form of a regular expression is shown to people."""
    assert [key.path for key in reference().values() if not (key.meaning and key.kind)] == []
    assert [key.path for key in reference().values() if "^" in key.kind] == []


def test_every_key_of_every_configuration_is_in_it() -> None:
    """And the paths of the shipped files are found as somebody would write them."""
    for file in sorted(CONFIGS.glob("*.toml")):
        if file.name in ("actors.toml", "reviewers.toml"):
            continue
        for path in _paths(tomllib.loads(file.read_text(encoding="utf-8")), ""):
            assert explain(path), path


def _paths(value: Any, path: str) -> list[str]:
    """The keys of a configuration that are its own, and not names that people chose."""
    if path in ("policy.sensitive", "policy.retention", "engine.settings") or path.endswith(
        (".merge", ".shares", ".targets")
    ):
        return [path]
    if path.startswith("data.") or not isinstance(value, dict | list):
        return [path]
    if isinstance(value, list):
        return [found for one in value if isinstance(one, dict) for found in _paths(one, f"{path}.x")] or [path]
    return [found for name, inner in value.items() for found in _paths(inner, f"{path}.{name}".strip("."))]


def test_a_default_is_what_the_models_say() -> None:
    """Required keys have none; those of the others hold if the key is left out."""
    known = reference()
    assert known["privacy.epsilon"].default is None
    assert known["privacy.delta"].default == "1e-06"
    assert known["privacy.max_items"].kind == "whole number, at least 1, at most 2000"
    assert known["fairness.rules.*.statistic"].kind == '"ratio" or "difference"'
    assert known["data.consents"].kind == "table or path of a file"
    required = {path for path, key in known.items() if key.default is None and "." in path and "*" not in path}
    sections = [
        TrainingConfig.model_fields[name].annotation for name in ("model", "data", "policy", "privacy", "budget")
    ]
    assert {path.split(".")[1] for path in required if path.split(".")[0] in TrainingConfig.model_fields} >= {
        name
        for section in sections
        for name, field in section.model_fields.items()
        if field.is_required()  # type: ignore[union-attr]
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("privacy.epsilon", ["privacy.epsilon"]),
        ("epsilon", ["privacy.epsilon", "budget.epsilon"]),
        ("fairness.attributes.age.levels", ["fairness.attributes.*.levels"]),
        ("[budget]", ["budget", "budget.epsilon", "budget.delta", "budget.period_days"]),
        (
            "[[fairness.rules]]",
            ["fairness.rules", *[f"fairness.rules.*.{name}" for name in ("name", "attribute", "metric")]],
        ),
    ],
)
def test_a_key_is_found_as_people_write_it(asked: str, found: list[str]) -> None:
    """By path, by its last word, by table, and with the names that they chose themselves."""
    assert [key.path for key in explain(asked)][: len(found)] == found


def test_a_misspelt_key_is_answered_with_the_nearest() -> None:
    """As a refusal that teaches."""
    with pytest.raises(NotFoundError, match=r"privacy\.epsilon"):
        explain("privacy.epsilom")
