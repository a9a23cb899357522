"""The privacy statement: complete, valid by its schema, checkable from its text alone, and read from the run."""

from __future__ import annotations

import ast
import math
import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import tactful.assurance.statement as module
from assurance_attacks import AUDIT, MEMBERSHIP
from assurance_mutations import at, changed, numbers, paths, settled
from assurance_report_worlds import rich_assessment
from assurance_worlds import Pair, summary
from tactful.assurance import evidence
from tactful.assurance.attacks import AuditFacts, MembershipFacts
from tactful.assurance.card import model_card
from tactful.assurance.report import fairness_report
from tactful.assurance.statement import UNPROTECTED, privacy_statement, validate
from tactful.assurance.summary import Curator, PolicyFacts, RunSummary
from tactful.config import TrainingConfig
from tactful.errors import TactfulError
from tactful.planning import Planned
from tactful.training import train

PROJECT = Path(__file__).parents[1]
ATTACKED = {"audit": AuditFacts.of_json(AUDIT), "membership": MembershipFacts.of_json(MEMBERSHIP)}


def loaded(run: RunSummary) -> dict[str, Any]:
    """Its statement as a reader loads it."""
    document: dict[str, Any] = yaml.load(privacy_statement(run), Loader=yaml.CSafeLoader)
    return document


def whole(**changes: Any) -> dict[str, Any]:
    """The statement of a run like others but for these."""
    return loaded(summary(**changes))


def ours(**changes: Any) -> dict[str, Any]:
    """The part of it that is tactful's own."""
    document: dict[str, Any] = whole(**changes)["tactful"]
    return document


ATTACKED_STATEMENT = whole(**ATTACKED)
PLAIN_STATEMENT = whole()


def test_a_release_that_was_not_made_is_told_so_everywhere() -> None:
    """Statement, card and report say which release was debited, not asked and given back; the others are paid for."""
    run = summary()
    some = replace(run, losses=(*run.losses[:-1], replace(run.losses[-1], given_back=True)))
    assessment = rich_assessment()
    states = [(each["name"], each["state"]) for each in loaded(some)["tactful"]["releases"]]
    assert states == [(r.name, "given back" if r.name == "evaluation" else "released") for r in run.losses]
    sentence = "Not asked, so nothing of it was released and its part was given back: evaluation."
    assert sentence in loaded(some)["deployment"]["model"]["access_type_description"]
    assert sentence in model_card(some, assessment)
    assert fairness_report(some, assessment).count("not asked: given back to the budget") == 1
    for document in (privacy_statement(run), model_card(run, assessment), fairness_report(run, assessment)):
        assert "Not asked" not in document
        assert "not asked" not in document


# --- epsilon again, from the statement alone ---


def recomputed(folder: Path, text: str) -> dict[str, tuple[float, float]]:
    """People to (ε found, ε stated), by running the program that stands in the statement, beside the statement."""
    (folder / "privacy_statement.yaml").write_text(text, encoding="utf-8")
    program = yaml.safe_load(text)["tactful"]["accounting"]["recompute"]
    run = subprocess.run([sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    lines = [line.split() for line in run.stdout.splitlines()]
    return {people: (float(found), float(stated)) for people, found, stated in lines}


def agrees(folder: Path, text: str) -> bool:
    """Whether each ε is found again."""
    return all(math.isclose(found, stated, rel_tol=1e-4) for found, stated in recomputed(folder, text).values())


def without(text: str, name: str) -> str:
    """The statement with one release left out, as someone might who wants to look better."""
    document = yaml.safe_load(text)
    document["tactful"]["releases"] = [r for r in document["tactful"]["releases"] if r["name"] != name]
    return yaml.safe_dump(document, sort_keys=False)


def test_the_program_is_twenty_lines_of_numpy() -> None:
    """A stranger reads it in a minute: at most 20 lines, and nothing but numpy, yaml and the standard library."""
    program = ours()["accounting"]["recompute"]
    imported = [
        alias.name for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import) for alias in node.names
    ]
    assert len(program.splitlines()) <= 20
    assert set(imported) == {"math", "numpy", "yaml"}
    assert not [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.ImportFrom)]


def test_a_stranger_recomputes_epsilon_from_the_statement_of_a_real_run(workspace: Path, tmp_path: Path) -> None:
    """The statement of a `tactful.train` has a program that finds each partition's ε in it; with a release less it does
    not. The audit that was saved for these releases is quoted.
    """
    config = TrainingConfig.load(workspace / "shop.toml")
    plan = Planned.of(config).plan
    (control,) = AUDIT["controls"]
    claimed = {"epsilon_claimed": plan.budget.epsilon, "delta": plan.budget.delta}
    controls = [{**control, "epsilon_lower_bound": plan.budget.epsilon + 1}]
    evidence.save("audit", plan.events, {**AUDIT, **claimed, "controls": controls})
    assert train(workspace / "shop.toml").status == "candidate"
    (file,) = workspace.rglob("privacy_statement.yaml")
    text = file.read_text(encoding="utf-8")
    found = recomputed(tmp_path, text)
    assert set(found) == {"training", "evaluation"}
    for epsilon, stated in found.values():
        assert epsilon == pytest.approx(stated, rel=1e-4)
        assert epsilon == pytest.approx(config.privacy.epsilon, rel=1e-3)
        assert stated <= config.privacy.epsilon
    assert [
        name
        for name in ("consent", "people", "popularity", "gram", "evaluation")
        if agrees(tmp_path, without(text, name))
    ] == []
    assert yaml.safe_load(text)["tactful"]["audit_results"]["epsilon_lower_bound"] == AUDIT["epsilon_lower_bound"]
    validate(yaml.safe_load(text))


def test_the_program_counts_the_sampler_s_error(tmp_path: Path) -> None:
    """Leaving slack and tail out of the statement would give another ε, so they are not decoration."""
    text = privacy_statement(summary())
    assert agrees(tmp_path, text)
    assert not agrees(tmp_path, re.sub(r"sampler_slack_epsilon: .*", "sampler_slack_epsilon: 0.0", text))
    assert not agrees(tmp_path, re.sub(r"sampler_tail: .*", "sampler_tail: 0.0", text))


def test_the_curve_goes_through_the_stated_point_and_falls() -> None:
    """ε at smaller δ is larger, on both sides of the stated δ, at which it is the stated ε; or there is none."""
    loss = ours()["privacy_loss"]
    for name, points in loss["curve"].items():
        stated = [p["epsilon"] for p in points if p["delta"] == loss["delta"]]
        assert stated == [loss["by_partition"][name]["epsilon"]]
        finite = [p["epsilon"] for p in points if p["epsilon"] is not None]
        assert finite == sorted(finite)
        assert points[-1] == {"delta": pytest.approx(1e-10), "epsilon": None}  # the tail of this sampler outgrows it


# --- nothing is missing ---


@pytest.mark.parametrize("missing", ["consent", "gram", "evaluation"])
def test_a_statement_that_leaves_out_a_release_is_not_written(missing: str) -> None:
    """The releases must add up to the ledger's μ."""
    with pytest.raises(TactfulError, match="add up"):
        privacy_statement(summary(losses=tuple(r for r in summary().losses if r.name != missing)))


def leaves(document: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every field and every field below it."""
    if not isinstance(document, dict):
        return [path]
    return [path, *(leaf for name, part in document.items() for leaf in leaves(part, (*path, name)))]


def test_a_statement_that_lacks_a_field_or_has_one_too_many_is_invalid() -> None:
    """Each of its fields, at every depth, is required, and no other is allowed; free names stay free."""
    free = {("tactful", part, name) for part in ("membership_results", "audit_results") for name in ("world", "people")}
    free |= {("tactful", "membership_results", "models"), ("tactful", "audit_results", "broken_on_purpose")}
    paths_of = [p for p in leaves(ATTACKED_STATEMENT) if p and (p in free or p[:3] not in free)]
    assert len(paths_of) > 110
    for path in paths_of:
        document = deepcopy(ATTACKED_STATEMENT)
        parent = at(document, path[:-1])
        value = parent.pop(path[-1])
        with pytest.raises(TactfulError, match="schema"):
            validate(document)
        parent.update({path[-1]: value, "surprise": "one"})
        with pytest.raises(TactfulError, match="schema"):
            validate(document)


@pytest.mark.parametrize(
    "change",
    [
        {"created": "today"},
        {"privacy_loss": {"epsilon": -1.0}},
        {"unit": {"distinct_items_at_most": 0}},
        {"mechanism": {"noise": "none"}},
        {"hyperparameter_tuning": {"declared": "on the test set"}},
    ],
)
def test_a_value_out_of_range_is_invalid(change: dict[str, Any]) -> None:
    """The error names the field."""
    document = whole()
    (name, value), *_ = change.items()
    field = next(iter(value)) if isinstance(value, dict) else name
    document["tactful"] = {
        **document["tactful"],
        name: {**document["tactful"][name], **value} if isinstance(value, dict) else value,
    }
    with pytest.raises(TactfulError, match=field):
        validate(document)


def test_an_invalid_statement_is_not_written() -> None:
    """What the schema forbids raises before anything is logged."""
    with pytest.raises(TactfulError, match=r"intended_use"):
        privacy_statement(summary(intended_use=""))


REGISTRY = {
    "": ("url_slug", "status", "tier", "deployment"),
    "product": (
        *("name", "data_curators", "data_curator_type", "intended_use", "data_product_type", "data_product_region"),
        *("data_product_sector", "description", "publication_date"),
    ),
    "dp_flavor": (
        *("name", "input_metric", "bound_on_input_distance", "output_measure", "bound_on_output_distance"),
        *("data_domain", "unprotected_quantities"),
    ),
    "privacy_loss": (
        *("privacy_unit", "privacy_unit_description", "number_of_privacy_units", "privacy_parameters"),
        "privacy_parameters_description",
    ),
    "model": (
        *("model_name", "model_name_description", "actors", "trust_assumptions", "release_type"),
        *("release_type_description", "data_source_type", "data_source_type_description", "access_type"),
        "access_type_description",
    ),
    "accounting": ("post_processing", "composition"),
    "implementation": ("pre_processing_eda_hyperparameter_tuning", "mechanisms", "justification", "utility"),
    "resources": ("sources", "registry_authors"),
}
"""Groups and fields of the registry of deployments; of two revisions of its schema where they differ."""


def test_it_has_every_field_of_the_registry_of_deployments_and_each_says_something() -> None:
    """By its names, in its groups; and in `deployment` nothing else, so that what is ours is plainly ours."""
    document = whole()
    deployment = document["deployment"]
    assert set(REGISTRY[""]) | {"tactful"} == set(document)
    assert set(deployment) == set(REGISTRY) - {""} | {"additional_information"}
    for group, names in REGISTRY.items():
        if group:
            assert set(deployment[group]) == set(names)
            assert all(deployment[group].values())
    assert document["status"] == "Draft"
    assert "Draft is the registry's word" in deployment["additional_information"]


def test_documents_stay_true_once_the_model_is_approved() -> None:
    """They are journalled as they were written: none says what the model is now, each says who can tell."""
    run, assessment = summary(), rich_assessment()
    for document in (privacy_statement(run), model_card(run, assessment), fairness_report(run, assessment)):
        assert "tactful models grocery" in document
        for word in ("status: Candidate", "A candidate:"):
            assert word not in document


def test_the_readme_and_the_statement_name_the_same_limits() -> None:
    """Each point under "What is not protected" has its counterpart, or is about approval or tactful's own stores."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    listed = re.split(r"\n- ", re.search(r"## What is not protected\n(.*?)\n## ", readme, re.S)[1])[1:]  # type: ignore[index]
    keywords = ("how long it took", "Two ids of one person", "other", "operator", "records store", "AES", "withdrew")
    pairs = [*keywords, "reproducible_seed", "different versions"]
    about_approval = ("The journal", "model store", "approvals and rejections", "A key stands")
    about_stores = ("Of somebody erased", "After an erasure")
    said = "\n".join(UNPROTECTED)
    for point in listed:
        plain = re.sub(r"[*`\s]+", " ", point)
        found = [word for word in pairs if word in plain and word in said]
        assert found or any(word in plain for word in (*about_approval, *about_stores)), plain
    for word in (*pairs, "memory", "k people together", "list"):
        assert word in said
        assert word in readme


# --- every figure is read from the run ---

NOT_IN_IT = {"people", "metric_intervals", "consent"}
"""Numbers of a run that other documents tell; of the consent counts the statement tells one, see below."""


@pytest.mark.parametrize("path", [p for p in paths(summary(**ATTACKED)) if p[0] not in NOT_IN_IT], ids=str)
def test_every_number_follows_the_run(path: tuple[str | int, ...]) -> None:
    """Each number of the summary, changed, changes the statement to that number, or the statement is not written."""
    run: RunSummary = summary(**ATTACKED)
    other = changed(run, path)
    if path[0] == "partition_loss" and path[2] == 0:
        with pytest.raises(TactfulError, match="add up"):
            privacy_statement(other)
        return
    other = settled(other)
    wanted = at(other, path)
    before, after = list(numbers(ATTACKED_STATEMENT)), list(numbers(loaded(other)))
    assert not any(math.isclose(number, wanted, rel_tol=2e-5) for number in before)
    assert any(math.isclose(number, wanted, rel_tol=2e-5) for number in after)


def test_the_number_of_units_is_the_released_one() -> None:
    """A count that was released, rounded; and none where none was."""
    people = dict(summary().consent)
    admitted = people["admitted"]
    assert whole()["deployment"]["privacy_loss"]["number_of_privacy_units"] == round(admitted.value)
    none = whole(consent={**people, "admitted": replace(admitted, value=float("nan"))})
    assert none["deployment"]["privacy_loss"]["number_of_privacy_units"] is None


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ({"unit": "one device."}, lambda d: d["tactful"]["unit"]["what"] == "one device"),
        ({"features": ("aisle",)}, lambda d: d["tactful"]["public_inputs"]["item_features"] == ["aisle"]),
        ({"features": ()}, lambda d: "features" not in d["deployment"]["product"]["description"]),
        ({"purpose": "a.b"}, lambda d: "a.b" in d["deployment"]["dp_flavor"]["data_domain"]),
        ({"intended_use": "tests"}, lambda d: d["deployment"]["product"]["intended_use"] == "tests"),
        ({"curator": Curator(name="Ada")}, lambda d: d["deployment"]["product"]["data_curators"] == ["Ada"]),
        (
            {"curator": Curator(sector="Retail")},
            lambda d: d["deployment"]["product"]["data_product_sector"] == "Retail",
        ),
        ({"actor": None}, lambda d: "cannot be approved" in d["tactful"]["started_by_key"]),
        ({"noise": "reproducible"}, lambda d: "protects nobody" in d["tactful"]["mechanism"]["randomness_source"]),
        ({"noise": "reproducible"}, lambda d: "guarantees nothing" in d["tactful"]["status"]),
        (
            {"noise": "reproducible"},
            lambda d: "NOTHING" in d["deployment"]["privacy_loss"]["privacy_parameters_description"],
        ),
        (
            {"tuning": "paid trials"},
            lambda d: "that every trial was a run" in d["tactful"]["hyperparameter_tuning"]["meaning"],
        ),
        ({"tuning": "public data"}, lambda d: d["tactful"]["hyperparameter_tuning"]["declared"] == "public data"),
        (
            {"since_first_epsilon": math.inf},
            lambda d: d["tactful"]["privacy_loss"]["since_first_debit"]["epsilon"] is None,
        ),
        (
            {"policy": PolicyFacts(retention_days=365, sensitive_categories=("health",))},
            lambda d: d["tactful"]["public_inputs"]["sensitive_categories"] == ["health"],
        ),
        (
            {"limit": Pair(epsilon=33.0, delta=1e-7), "period_days": 28},
            lambda d: (
                "limit of 33, which is available again every 28 days"
                in d["deployment"]["model"]["release_type_description"]
            ),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_word_follows_the_run(change: dict[str, Any], read: Callable[[dict[str, Any]], bool]) -> None:
    """Another run, another statement."""
    assert read(whole(**change))
    assert not read(PLAIN_STATEMENT)


def test_no_figure_is_typed_into_the_words() -> None:
    """Outside the formula and the program the words hold no digits but those of names, papers and orders of nothing."""
    words = yaml.safe_load(module._template("privacy_statement.yaml"))
    del words["tactful"]["accounting"]["formula"], words["tactful"]["accounting"]["recompute"], words["tier"]
    typed = {digits for line in re.findall(r"[^\n]+", yaml.safe_dump(words)) for digits in re.findall(r"\d+", line)}
    assert typed <= {"0", "1", "2", "64", "800", "226", "2012", "2022"}
    strings = [n.value for n in ast.walk(ast.parse(Path(module.__file__).read_text())) if isinstance(n, ast.Constant)]
    named = re.compile(r"AES-128|\.6g|utf-8|Draft202012|tag:yaml.org,2002|NIST SP 800-226|nist_sp_800_226")
    prose = [named.sub("", s) for s in strings if isinstance(s, str)]
    assert [line for line in prose if re.search(r"\d", line)] == []


# --- attacks ---


def test_a_run_that_was_not_attacked_says_so() -> None:
    """And says what would measure it; no figure stands in for one."""
    said = ours()
    reason = "not audited: `tactful audit CONFIG` was not run with this code before the training"
    assert said["audit_results"] == {"measured": False, "reason": reason}
    assert said["membership_results"]["measured"] is False
    assert "tactful benchmark membership CONFIG" in said["membership_results"]["reason"]


def test_text_from_outside_stays_text() -> None:
    """A model named like YAML, like a placeholder, or spanning lines, comes back as it was."""
    for name in ('x"\n- y: !!python/object:os.system &a *a', "$epsilon", "${unit} $$ {0}"):
        assert whole(model=name)["deployment"]["product"]["name"] == name
        assert ours(notes=(name,))["notes"] == [name]
