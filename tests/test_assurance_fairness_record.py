"""What MLflow keeps of an assessment: figures to search by, a table it shows, verdicts as tags, and a document."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assurance_registry_world import World, empty_store
from assurance_report_worlds import attribute, estimate, rich_assessment
from assurance_worlds import summary
from scoring_world import checkerboard, meta
from tactful.assurance.assessment import FairnessAssessment
from tactful.assurance.candidates import replay
from tactful.assurance.champion import champion_facts
from tactful.assurance.fairness_record import (
    DOCUMENT,
    TABLE,
    fairness_document,
    fairness_metrics,
    fairness_table,
    fairness_tags,
)
from tactful.assurance.intervals import Estimate, Interval
from tactful.assurance.registry import Registry
from tactful.assurance.registry_writing import CandidateWriter
from tactful.assurance.report import fairness_report
from tactful.assurance.submission import submit
from tactful.errors import ApprovalRefusedError
from tactful.scoring.artifact import write_artifact
from tactful.scoring.signing import public_text

PASSED = {name: v for name, v in rich_assessment().verdicts.items() if v.status == "pass"}


def hand_in(world: World, name: str, assessment: FairnessAssessment) -> Any:
    """A run with this assessment, submitted as training does."""
    folder = world.folder / name / world.model
    facts = meta(world.model, created=name, trainer=public_text(world.trainer))
    digest = write_artifact(folder, checkerboard(), meta=facts)
    return submit(
        world.records,
        world.registry,
        summary=summary(model=world.model),
        assessment=assessment,
        artifact=folder,
        manifest_digest=digest,
        trainer=world.trainer,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Any, Any]]:
    """A store in which the first version failed rules and the second, made while there was a champion, passed."""
    folder = tmp_path_factory.mktemp("record")
    store = empty_store(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
        made = World.make(folder, Registry(f"sqlite:///{store}"))
        assert champion_facts(made.registry, made.model) is None
        first = hand_in(made, "first", rich_assessment())
        assert champion_facts(made.registry, made.model) is None
        made.registry.set_champion(made.model, "1")
        second = hand_in(made, "second", replace(rich_assessment(), verdicts=PASSED))
        yield made, first, second


def found(world: World, condition: str) -> list[str]:
    """The runs that MLflow's own search finds."""
    client = world.registry._client
    experiment = client.get_experiment_by_name(world.model).experiment_id
    return [run.info.run_id for run in client.search_runs([experiment], condition)]


def test_runs_are_found_by_their_figures_and_verdicts(world: tuple[World, Any, Any]) -> None:
    """With the filter that people type into MLflow's pages."""
    made, first, second = world
    both = {first.run_id, second.run_id}
    assert set(found(made, "metrics.`fairness.age.ndcg_at_10.ratio` < 0.6")) == both
    assert found(made, "metrics.`fairness.age.ndcg_at_10.under 35` > 0.2") == []
    assert set(found(made, "metrics.`fairness.age × household.ndcg_at_10.ratio` < 0.6")) == set()
    assert set(found(made, "metrics.`fairness.age _ household.ndcg_at_10.ratio` < 0.6")) == both
    assert found(made, "tags.`verdict.ndcg_by_age` = 'fail'") == [first.run_id]
    assert found(made, "tags.verdicts = '1 pass, 3 fail, 2 insufficient'") == [first.run_id]
    assert found(made, "metrics.`fairness.rules.fail` = 0 and metrics.`fairness.rules.insufficient` = 0") == [
        second.run_id
    ]


@pytest.mark.filterwarnings("ignore:For backward compatibility, 'str' dtypes")  # MLflow's own way to ask pandas 3
def test_the_table_is_the_one_that_log_table_would_write(world: tuple[World, Any, Any], tmp_path: Path) -> None:
    """Byte by byte, marked as a table, read back by MLflow with a row a group and metric."""
    made, first, _ = world
    client = made.registry._client
    logged = made.registry.documents(made.model, "1")[TABLE]
    table = client.load_table(client.get_run(first.run_id).info.experiment_id, TABLE, run_ids=[first.run_id])
    experiment = CandidateWriter(client, made.registry.uri).experiment("tables")
    run = client.create_run(experiment).info.run_id
    told = json.loads(logged)
    client.log_table(run, {name: [row[i] for row in told["data"]] for i, name in enumerate(told["columns"])}, TABLE)
    path = client.download_artifacts(run, TABLE, str(tmp_path))
    assert Path(path).read_text(encoding="utf-8") == logged
    marks = [client.get_run(each).data.tags["mlflow.loggedArtifacts"] for each in (run, first.run_id)]
    assert marks[0] == marks[1]
    assert list(table.columns) == ["attribute", "group", "metric", "value", "low", "high", "people", "status"]
    row = table[(table["attribute"] == "age") & (table["group"] == "under 35") & (table["metric"] == "ndcg@10")]
    assert row["value"].tolist() == pytest.approx([0.21 * 0.52])
    small = table[table["group"] == "1 Adult Kids"]
    assert small["status"].tolist() == ["too small"]
    assert small["value"].isna().all()


def test_every_document_is_on_record_and_a_changed_one_is_noticed(world: tuple[World, Any, Any]) -> None:
    """The table and the document are hashed like the report: an approval of a run with another table is refused."""
    made, _, second = world
    entry = replay(made.records.entries()).candidate(made.model, "2", second.model_id)
    assert entry is not None
    held = made.registry.documents(made.model, "2")
    assert {DOCUMENT, TABLE, "report.html", "model_card.md"} <= set(entry.documents)
    assert {name: hashlib.sha256(text.encode()).hexdigest() for name, text in held.items()} == entry.documents
    client = made.registry._client
    for name in (TABLE, DOCUMENT):
        client.log_text(second.run_id, held[name].replace("0.1", "0.2"), name)
        with pytest.raises(ApprovalRefusedError, match=re.escape(name)):
            made.approve("2")
        client.log_text(second.run_id, held[name], name)


def test_the_second_run_is_compared_with_the_champion(world: tuple[World, Any, Any]) -> None:
    """Read from MLflow's alias; the first report has no champion, the second one has."""
    made, _, _ = world
    champion = champion_facts(made.registry, made.model)
    assert champion is not None
    assert (champion.version, champion.day) == ("1", "22 November 2026")
    assert champion.verdicts == {name: v.status for name, v in rich_assessment().verdicts.items()}
    first, second = (made.registry.documents(made.model, version)["report.html"] for version in ("1", "2"))
    assert 'id="champion"' not in first
    assert "Against version 1, the current champion" in second


def test_a_champion_without_a_document_is_none(world: tuple[World, Any, Any]) -> None:
    """A version from before there was such a document."""
    made, _, _ = world
    old = World(
        folder=made.folder,
        registry=made.registry,
        records=made.records,
        trainer=made.trainer,
        reviewers=made.reviewers,
    )
    old.log()
    old.registry.set_champion(old.model, "1")
    assert champion_facts(old.registry, old.model) is None


def test_more_figures_than_mlflow_takes_at_once_are_all_logged(
    world: tuple[World, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In parts, none of them empty-handed."""
    made, _, _ = world
    monkeypatch.setattr("tactful.assurance.registry_writing._BATCH", 7)
    wide = World(
        folder=made.folder,
        registry=made.registry,
        records=made.records,
        trainer=made.trainer,
        reviewers=made.reviewers,
    )
    figures = {f"figure {i}": float(i) for i in range(20)}
    candidate, _ = wide.log(metrics=figures)
    assert made.registry._client.get_run(candidate.run_id).data.metrics == figures


class TestFigures:
    """Names and values, without a store."""

    def test_only_figures_that_tell_something_are_named(self) -> None:
        """No value for a group that is too small, and none whose interval leaves everything open."""
        base = rich_assessment()
        blind = {"ndcg@10": Estimate(value=0.4, interval=Interval(low=0.0, high=1.0))}
        age = base.attributes["age"]
        groups = {**age.by_group, "35-44": replace(age.by_group["35-44"], metrics=blind)}
        metrics = fairness_metrics(replace(base, attributes={"age": replace(age, by_group=groups)}))
        assert "fairness.age.ndcg_at_10.under 35" in metrics
        assert not [name for name in metrics if name.endswith(".35-44")]
        assert not [name for name in fairness_metrics(base) if name.endswith(".1 Adult Kids")]
        table = json.loads(fairness_table(replace(base, attributes={"age": replace(age, by_group=groups)})))
        (row,) = [row for row in table["data"] if row[:2] == ["age", "35-44"]]
        assert row[3:6] == [None, 0.0, 1.0]

    def test_names_are_what_mlflow_takes_and_never_two_for_one(self) -> None:
        """Slashes, signs, empty and long names, groups named like a gap: each keeps a figure of its own."""
        people = {
            "a/b": 100.0, "a?b": 100.0, "": 100.0, "..": 100.0, "ratio": 100.0, "65+": 100.0, "x" * 300: 100.0,
            "x" * 299 + "y": 100.0, "Größe": 100.0,
        }  # fmt: skip
        base = replace(rich_assessment(), attributes={"a b/c": attribute(people, ("ndcg@10",))}, intersections={})
        metrics = fairness_metrics(base)
        groups = [name for name in metrics if name.startswith("fairness.a b_c.")]
        assert len(groups) == len(people) + 2
        assert metrics["fairness.a b_c.ndcg_at_10.ratio"] == 1.0
        assert "fairness.a b_c.ndcg_at_10.65 plus" in metrics
        assert all(re.fullmatch(r"[\w.\- ]{1,250}", name) for name in metrics)

    def test_names_that_are_allowed_are_allowed_by_mlflow(self) -> None:
        """MLflow's own check of names lets every one pass."""
        from mlflow.utils.validation import _validate_metric_name

        for name in fairness_metrics(rich_assessment()):
            _validate_metric_name(name)

    def test_tags_say_each_verdict_and_the_tally(self) -> None:
        """An assessment without rules has a tally of nothing, which no search takes for a pass."""
        tags = fairness_tags(rich_assessment())
        assert tags["verdict.ndcg_by_age"] == "fail"
        assert tags["verdicts"] == "1 pass, 3 fail, 2 insufficient"
        nothing = replace(rich_assessment(), verdicts={})
        assert fairness_tags(nothing) == {"verdicts": "0 pass, 0 fail, 0 insufficient"}
        assert fairness_metrics(nothing)["fairness.rules.pass"] == 0

    def test_the_document_is_json_that_every_reader_takes(self) -> None:
        """No NaN and no infinity, whatever was measured."""
        base = rich_assessment()
        wild = replace(base, coverage={"": {"": replace(estimate(1.0, 0.1), value=None)}})
        told = json.loads(fairness_document(wild, created="now"), parse_constant=lambda name: pytest.fail(name))
        assert told["created"] == "now"
        assert set(told["verdicts"]) == set(base.verdicts)


def test_no_metric_says_what_the_report_withholds() -> None:
    """A gap whose ratio leaves everything open has no difference either, on the page and in MLflow; groups likewise."""
    base = rich_assessment()
    age = base.attributes["age"]
    open_ = Estimate(value=0.1, interval=Interval(low=0.0, high=1.0))
    edge = Estimate(value=0.0, interval=Interval(low=0.0, high=0.7))
    groups = {
        **age.by_group,
        "45-54": replace(age.by_group["45-54"], metrics={**age.by_group["45-54"].metrics, "ndcg@10": edge}),
    }
    told = replace(age, by_group=groups, ratio={**age.ratio, "ndcg@10": open_})
    metrics = fairness_metrics(replace(base, attributes={**base.attributes, "age": told}))
    page = fairness_report(summary(), replace(base, attributes={"age": told}, intersections={}))
    assert "cannot tell how the worst-served group compares with the best-served one" in page
    withheld = {f"fairness.age.ndcg_at_10.{name}" for name in ("difference", "ratio", "45-54")}
    assert withheld <= set(fairness_metrics(base))
    assert not withheld & set(metrics)
    assert set(fairness_metrics(base)) - set(metrics) == withheld


def test_a_gap_between_groups_of_which_only_one_has_a_figure_is_no_metric() -> None:
    """Nobody can say between whom such a gap would be."""
    base = rich_assessment()
    age = base.attributes["age"]
    open_ = Estimate(value=0.5, interval=Interval(low=0.0, high=1.0))
    first, *others = age.compared
    groups = {
        **age.by_group,
        **{n: replace(age.by_group[n], metrics={**age.by_group[n].metrics, "ndcg@10": open_}) for n in others},
    }
    told = fairness_metrics(replace(base, attributes={**base.attributes, "age": replace(age, by_group=groups)}))
    assert f"fairness.age.ndcg_at_10.{first}" in told
    assert "fairness.age.ndcg_at_10.difference" not in told
