"""Values that only one function makes, and that go nowhere else."""

from __future__ import annotations

import ast
import copy
import pickle
from pathlib import Path

import cloudpickle
import pytest

import tactful
from personal_reference import PURPOSE, event, gate, log, world
from tactful.errors import ClosedDoorError
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.split import EvaluationPeople, hold_out

CANARY = "canary-4711"
DOORS = {ConsentedInteractions: "ConsentGate.admit", BoundedInteractions: "bound", EvaluationPeople: "hold_out"}
WAYS = {
    "pickle": pickle.dumps,
    "cloudpickle": cloudpickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "inside a list": lambda value: pickle.dumps([value]),
    "assignment": lambda value: setattr(value, "catalogue", None),
    "a second __init__": lambda value: value.__init__(),
    "its class": lambda value: type(value)(),
}


@pytest.fixture(scope="module")
def values():
    """One of each, about people whose ids can be recognised."""
    users = [f"{CANARY}-{number}" for number in range(8)]
    made = world([event(user, "given", 0) for user in users])
    rows = [(user, item, 1) for user in users for item in ("bread", "milk")]
    consented = gate(made, 9).admit(log(rows), PURPOSE)
    return {type(v): v for v in (consented, bound(consented, max_items=1), hold_out(consented, minimum_items=2))}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", DOORS)
def test_a_closed_door_stays_closed(kind, way, values):
    """Making, copying, pickling or changing one raises and names the function that makes it."""
    with pytest.raises(ClosedDoorError, match=DOORS[kind]):
        WAYS[way](values[kind])


@pytest.mark.parametrize("kind", DOORS)
def test_a_repr_tells_no_id_and_no_count(kind, values):
    """Nor does it tell how many people there are."""
    assert CANARY not in repr(values[kind])
    assert "16" not in repr(values[kind])
    assert not hasattr(values[kind], "__dict__")


def test_arrays_are_read_only(values):
    """So that nobody changes what others see."""
    matrices = [
        values[BoundedInteractions].user_items,
        values[EvaluationPeople].folded,
        values[EvaluationPeople].hidden,
    ]
    for matrix in matrices:
        assert not any(array.flags.writeable for array in (matrix.data, matrix.indices, matrix.indptr))


def test_only_the_named_functions_open_doors():
    """`opened` is called in the three modules of the doors and nowhere else in the package."""
    callers = {
        path.name
        for path in Path(tactful.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "opened"
    }
    assert callers == {"gate.py", "bounding.py", "split.py"}
