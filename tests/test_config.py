"""What a configuration may say about where it comes from and who publishes what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tactful.assurance.summary import Curator
from tactful.config import TrainingConfig
from tactful.errors import ConfigError
from tactful.planning import Planned, noise_cost_told

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


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('"65+" = "55 and over" }', '"65+" = "55 and over", "55 and over" = "65+" }', "never back"),
        ('merge = { "19-24"', 'merge = { "19-25" = "under 35", "19-24"', "no level"),
        ('intersections = [["age", "household"]]', 'intersections = [["age", "age"]]', "two declared attributes"),
        ('intersections = [["age", "household"]]', 'intersections = [["age", "shoe_size"]]', "two declared attributes"),
        ("leakage = true", "leakage = true\nhistory_edges = [10, 10]", "rise"),
        ('attribute = "income"', 'attribute = "household × age"', "declared attributes"),
    ],
)
def test_groups_that_make_no_sense_are_refused(was: str, becomes: str, says: str, tmp_path: Path) -> None:
    """Merges that lead back, intersections of one, strata that do not rise, rules about nothing that is declared."""
    assert was in SHIPPED
    with pytest.raises(ConfigError, match=says):
        loaded(tmp_path, SHIPPED.replace(was, becomes, 1))


def test_a_rule_may_be_about_an_intersection(tmp_path: Path) -> None:
    """By the names of its two attributes, in the order in which it is declared."""
    config = loaded(tmp_path, SHIPPED.replace('attribute = "income"', 'attribute = "age × household"', 1))
    assert [rule.attribute for rule in config.fairness.rules] == ["age", "age × household", "household"]


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('category = "department"', 'metrics = ["ndcg@10", "miscalibration@10"]', "category"),
        ('metric = "ndcg@10"', 'metric = "ndcg@7"', "measured"),
        ("leakage = true", 'leakage = true\nmetrics = ["ndcg@10", "joy"]', "joy"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_paid(
    was: str, becomes: str, says: str, tmp_path: Path
) -> None:
    """A metric nobody knows, or one without what it is measured with."""
    with pytest.raises(ConfigError, match=says):
        Planned.of(loaded(tmp_path, SHIPPED.replace(was, becomes, 1)))


def test_noise_is_not_priced_for_a_method_that_asks_again(tmp_path: Path) -> None:
    """Private alternating least squares has no second model; the metric is then not in the vector."""
    plain = loaded(tmp_path, SHIPPED)
    other = loaded(tmp_path, SHIPPED.replace('name = "grocery"', 'name = "grocery"\nmethod = "dpals"', 1))
    vectors = [Planned.of(settings).design.groups["age"].metrics for settings in (plain, other)]
    assert ["noise_cost@10" in metrics for metrics in vectors] == [True, False]
    assert [noise_cost_told(settings) for settings in (plain, other)] == [True, False]


def test_retention_of_a_category_is_shorter_and_of_a_declared_one(tmp_path: Path) -> None:
    """A misspelt category would keep rows that should be gone."""
    assert loaded(tmp_path, SHIPPED + "\n[policy.retention]\nsmoking = 30\n").policy.retention == {"smoking": 30}
    with pytest.raises(ConfigError, match="smokin"):
        loaded(tmp_path, SHIPPED + "\n[policy.retention]\nsmokin = 30\n")
    with pytest.raises(ConfigError, match="at most retention_days"):
        loaded(tmp_path, SHIPPED + "\n[policy.retention]\nsmoking = 3000\n")


def test_who_answers_for_the_data_is_stated_or_said_not_to_be(tmp_path: Path) -> None:
    """Nothing is made up for a notice."""
    assert loaded(tmp_path, SHIPPED).controller.name == "not stated"
    assert loaded(tmp_path, SHIPPED + '\n[controller]\nname = "Shop"\n').controller.name == "Shop"


def test_tables_may_be_tactfuls_own(tmp_path: Path) -> None:
    """Without interactions and consents, the vault and the consent store are read; attributes are in the vault, too."""
    text = "\n".join(
        line for line in SHIPPED.splitlines() if not line.startswith(("interactions =", "consents =", "attributes ="))
    )
    data = loaded(tmp_path, text).data
    assert (data.interactions, data.consents, data.attributes) == (None, None, None)
    text = "\n".join(line for line in SHIPPED.splitlines() if not line.startswith("attributes ="))
    with pytest.raises(ConfigError, match="attributes"):
        loaded(tmp_path, text)
