"""What is quoted of a file of evidence: all of it, or nothing and why."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assurance_attacks import AUDIT, MEMBERSHIP
from assurance_mutations import at, paths
from assurance_worlds import summary
from tactful.assurance.attacks import AuditFacts, MembershipFacts, Unmeasured
from tactful.assurance.statement import privacy_statement, validate
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.plan import RunPlan

KINDS = [(AuditFacts, AUDIT), (MembershipFacts, MEMBERSHIP)]
WRONG = [None, "many", True, -1, 1.5, float("nan"), float("inf"), [], {}, [0.9, 0.1]]


STATEMENT = yaml.load(privacy_statement(summary()), Loader=yaml.CSafeLoader)


def mangled(facts: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The facts with something else at one place."""
    copied = copy.deepcopy(facts)
    at(copied, path[:-1])[path[-1]] = value
    return copied


def test_what_was_measured_is_read_in_full() -> None:
    """Each figure of the file is a figure of the facts."""
    audit, membership = AuditFacts.of_json(AUDIT), MembershipFacts.of_json(MEMBERSHIP)
    assert isinstance(audit, AuditFacts)
    assert isinstance(membership, MembershipFacts)
    for facts, found in ((AUDIT, audit), (MEMBERSHIP, membership)):
        numbers = {at(facts, path) for path in paths(facts)}
        assert numbers == {at(found.stated(), path) for path in paths(found.stated())}
    assert (audit.contradicts, audit.sees) == (False, True)


@pytest.mark.parametrize(("kind", "facts"), KINDS)
def test_no_evidence_is_unmeasured(kind: Any, facts: dict[str, Any]) -> None:
    """With what would give some."""
    found = kind.of_json(None)
    assert isinstance(found, Unmeasured)
    assert "`tactful " in found.reason


@pytest.mark.parametrize(("kind", "facts"), KINDS)
def test_a_file_that_lacks_a_field_is_not_quoted(kind: Any, facts: dict[str, Any]) -> None:
    """Nothing is made up for it, and the reason says that a file was there."""
    for name in facts:
        found = kind.of_json({key: value for key, value in facts.items() if key != name})
        assert isinstance(found, Unmeasured), name
        assert "could not be read" in found.reason


@pytest.mark.parametrize(("kind", "facts"), KINDS)
def test_a_figure_that_is_none_is_not_quoted(kind: Any, facts: dict[str, Any]) -> None:
    """Words, truth values, lists, negative and infinite numbers are no figures."""
    for path in paths(facts):
        for value in (None, "0.5", -1.0, float("nan"), float("inf"), [0.5], {}):
            if path[0] == "world" and (value is None or value in ("0.5", -1.0)):
                continue  # a parameter of a world may be any plain value
            assert isinstance(kind.of_json(mangled(facts, path, value)), Unmeasured), (path, value)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_evidence_keeps_a_statement_from_being_written(data: st.DataObject) -> None:
    """Whatever a file of evidence holds, the statement of a run that has been paid for is valid with it."""
    name, (kind, facts) = data.draw(st.sampled_from([("audit_results", KINDS[0]), ("membership_results", KINDS[1])]))
    places = [*paths(facts), *((key,) for key in facts)]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places))
        value = data.draw(st.sampled_from([*WRONG, 0, 1, 0.0, 1e308, 10**400, "", "\n"]))
        try:
            facts = mangled(facts, path, value)
        except (KeyError, TypeError, IndexError):
            continue  # an earlier change took this place away
    validate({**STATEMENT, "tactful": {**STATEMENT["tactful"], name: kind.of_json(facts).stated()}})


def test_what_is_stated_is_plain() -> None:
    """JSON has every value, so YAML has."""
    for kind, facts in KINDS:
        assert json.loads(json.dumps(kind.of_json(facts).stated(), allow_nan=False))


INCONSISTENT = {
    "a bound that is not the largest of the people's": {"epsilon_lower_bound": 6.5},
    "noise that is wrong and as stated": {"not_as_stated": ["gram: another variance"]},
    "noise that is not as stated, and nothing said of it": {"noise_as_stated": False},
}
CONTROLS = {
    "caught below the claim": {"epsilon_lower_bound": 7.9},
    "above the claim and not caught by the ratio": {"caught_by": ["noise"]},
    "caught by nothing": {"caught_by": [], "epsilon_lower_bound": 1.0},
    "an outcome that is none": {"outcome": "seen"},
}


@pytest.mark.parametrize("case", [*INCONSISTENT, *CONTROLS])
def test_figures_that_contradict_each_other_are_not_quoted(case: str) -> None:
    """The bound is read off people and what caught a control off its bound; nobody's word is taken for either."""
    (control,) = AUDIT["controls"]
    changed = INCONSISTENT[case] if case in INCONSISTENT else {"controls": [control | CONTROLS[case]]}
    assert isinstance(AuditFacts.of_json({**AUDIT, **changed}), Unmeasured)


def test_evidence_about_another_claim_is_not_quoted() -> None:
    """ε, δ and μ are those of the run."""
    plan = RunPlan.of(PrivacyBudget(epsilon=8.0, delta=1e-6), max_items=40, evaluation_cells=8)
    mu = plan.loss("training").mu_squared ** 0.5
    found = {**MEMBERSHIP, "epsilon": 8.0, "delta": 1e-6, "mu": mu}
    assert isinstance(AuditFacts.about(plan, AUDIT), AuditFacts)
    assert isinstance(MembershipFacts.about(plan, found), MembershipFacts)
    for kind, facts, other in (
        (AuditFacts, AUDIT, {"epsilon_claimed": 7.9}),
        (AuditFacts, AUDIT, {"delta": 1e-5}),
        (MembershipFacts, found, {"epsilon": 7.9}),
        (MembershipFacts, found, {"delta": 1e-5}),
        (MembershipFacts, found, {"mu": mu * 1.001}),
    ):
        told = kind.about(plan, {**facts, **other})
        assert isinstance(told, Unmeasured)
        assert "another claim" in told.reason
    assert isinstance(AuditFacts.about(plan, None), Unmeasured)
