"""What the scoring server answers: the recommender's content by a published schema, and errors that repeat nothing."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scoring_service import SCHEMA, Service, conforms, saved
from scoring_world import publish
from tactful.errors import ModelRefusedError, NotFoundError, TactfulError, UsageError
from tactful.scoring import Recommender, bodies, recommender
from tactful.scoring.pyfunc import PyfuncModel, _load_pyfunc
from tactful.scoring.seen import SeenSequences
from tactful.scoring.signing import new_key, public_text

TODAY = {  # MLflow passes no clock
    "approved_at": datetime.now(UTC).isoformat(),
    "expires_at": "2999-01-01T00:00:00+00:00",
}
GOOD: dict[str, Any] = {"history": ["100", "102"], "profiling": True, "n": 3}
CANARY = "canary-4711"  # an id that no answer to a wrong body may hold


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return new_key()


@pytest.fixture(autouse=True)
def surroundings(
    tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trusted keys and a memory of their own, nothing followed."""
    folder = tmp_path_factory.mktemp("surroundings")
    path = folder / "reviewers.toml"
    path.write_text(f'[[reviewer]]\nname = "Ada"\npublic_key = "{public_text(key)}"\n')
    monkeypatch.setattr(recommender, "PROCESS", SeenSequences())
    monkeypatch.setenv("TACTFUL_TRUSTED_KEYS", str(path))
    monkeypatch.setenv("TACTFUL_SEEN_FILE", str(folder / "seen.json"))
    for name in ("TACTFUL_FOLLOW", "TACTFUL_FOLLOW_EVERY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Path:
    root = tmp_path_factory.mktemp("saved")
    return saved(publish(root / "tiny", key, **TODAY), root / "model")


@pytest.fixture
def service(folder: Path) -> Service:
    return Service(folder)


@pytest.fixture
def model(folder: Path) -> Recommender:
    return Recommender.load(folder)


@pytest.fixture
def served(folder: Path) -> PyfuncModel:
    return _load_pyfunc(str(folder / "data" / "tiny"))


def records(*rows: Any) -> dict[str, Any]:
    return {"dataframe_records": list(rows)}


def told(answer: tuple[int, Any]) -> list[Any]:
    status, body = answer
    assert status == 200, body
    conforms(body, "response")
    return list(body["predictions"])


def test_the_server_answers_what_the_recommender_answers(service: Service, model: Recommender) -> None:
    """Every option, by the published schema, item for item and score for score; with the version and the approval."""
    rows: list[dict[str, Any]] = [
        GOOD,
        {"history": [100, "102"], "profiling": False},
        {"history": {"100": 2.0, "101": 0.5}, "profiling": True, "because": True},
        {"history": ["100", "101"], "weights": [2.0, 0.5], "profiling": True, "because": True},
        {"history": ["100", "nobody"], "profiling": True, "allowed_categories": ["health"]},
        {"history": ["100"], "profiling": True, "deny_items": ["102"], "n": 2},
        {"history": ["100"], "profiling": True, "allow_items": [102, "103"], "deny_items": []},
        {"history": [], "profiling": True, "allow_items": []},
    ]
    conforms(records(*rows), "request")
    answers = told(service.post(records(*rows)))
    for row, answer in zip(rows, answers, strict=True):
        given = {name: value for name, value in row.items() if name not in {"history", "weights"}}
        history = dict(zip(row["history"], row["weights"], strict=True)) if "weights" in row else row["history"]
        expected = model.recommend(history, **given)
        assert answer == {**expected.as_json(), "approval_id": model.approval_id}
    assert answers[2] == answers[3]


def test_forms_of_mlflow_that_keep_a_row_together_are_answered_alike(service: Service) -> None:
    """`dataframe_records`, `dataframe_split`, and under `inputs` a list of rows or one row; also ragged histories."""
    rows = [GOOD, {"history": ["101"], "profiling": False, "n": 2}]
    expected = told(service.post(records(*rows)))
    split = {"columns": list(GOOD), "data": [list(row.values()) for row in rows]}
    assert told(service.post({"dataframe_split": split})) == expected
    assert told(service.post({"inputs": rows})) == expected
    assert told(service.post({"inputs": GOOD})) == expected[:1]
    assert told(service.post(records())) == []
    assert [len(answer["items"]) for answer in told(service.post(records(GOOD, {**rows[1], "n": None})))] == [3, 10]


def test_instances_are_refused_because_mlflow_pairs_them_wrongly(service: Service) -> None:
    """One person's row without `profiling` and another's without a history would come out as one person who agreed."""
    rows = [{"history": [CANARY]}, {"profiling": True}]
    status, body = service.post({"instances": rows})
    assert status == 400
    assert "dataframe_records" in body["message"]
    assert service.post({"instances": [GOOD]})[0] == 400
    assert service.post({"inputs": {"history": [["100"], ["101"]], "profiling": [True, True]}})[0] == 400


WRONG: dict[str, tuple[Any, str]] = {
    "no profiling": (records({"history": [CANARY]}), "profiling is missing"),
    "profiling no": (records({"history": [CANARY], "profiling": "no"}), "profiling is True or False"),
    "profiling 1": (records({"history": [CANARY], "profiling": 1}), "profiling is True or False"),
    "profiling empty": (records(GOOD, {"history": [CANARY], "profiling": None}), "in row 1"),
    "no history": (records({"profiling": True}), "history is missing"),
    "history text": (records({"history": CANARY, "profiling": True}), "history"),
    "history number": (records({"history": 4711, "profiling": True}), "history"),
    "history null": (records({"history": None, "profiling": True}), "history is missing"),
    "weights short": (records({"history": [CANARY, "1"], "weights": [1], "profiling": True}), "weights"),
    "weights twice": (records({"history": [CANARY, CANARY], "weights": [1, 2], "profiling": True}), "once"),
    "weight below 0": (records({"history": {CANARY: -1}, "profiling": True}), "row 0"),
    "weight text": (records({"history": {CANARY: "1"}, "profiling": True}), "row 0"),
    "n text": (records({"history": [CANARY], "profiling": True, "n": CANARY}), "n is a whole number"),
    "n 0": (records({"history": [CANARY], "profiling": True, "n": 0}), "n is a whole number"),
    "n 2.5": (records({"history": [CANARY], "profiling": True, "n": 2.5}), "n is a whole number"),
    "n true": (records({"history": [CANARY], "profiling": True, "n": True}), "n is a whole number"),
    "because 1": (records({"history": [CANARY], "profiling": True, "because": 1}), "because is true or false"),
    "categories text": (records({"history": [CANARY], "profiling": True, "allowed_categories": "health"}), "list"),
    "categories mapping": (
        records({"history": [CANARY], "profiling": True, "allowed_categories": {"health": False}}),
        "allowed_categories is a list",
    ),
    "categories 5": (records({"history": [CANARY], "profiling": True, "allowed_categories": 5}), "a list"),
    "categories true": (records({"history": [CANARY], "profiling": True, "allowed_categories": True}), "a list"),
    "categories nested": (records({"history": [], "profiling": True, "allowed_categories": [[CANARY]]}), "a list"),
    "deny mapping": (records({"history": [], "profiling": True, "deny_items": {CANARY: False}}), "deny_items"),
    "allow mapping": (records({"history": [], "profiling": True, "allow_items": {CANARY: False}}), "allow_items"),
    "weights of lists": (records({"history": [[CANARY]], "profiling": True, "weights": [1]}), "weights"),
    "weights of objects": (records({"history": [{CANARY: 1}], "profiling": True, "weights": [1]}), "weights"),
    "n too large": (records({"history": [CANARY], "profiling": True, "n": bodies.MOST_ITEMS + 1}), "from 1 to 1000"),
    "misspelt often": (
        records({"history": [CANARY], "profiling": True, **{f"{CANARY}{i}": 1 for i in range(5000)}}),
        "fields that are not known: 5000",
    ),
    "rows too many": (records(*[{"history": [CANARY], "profiling": False}] * 1001), "at most 1000 rows"),
    "items too many": (records(*[{"history": [CANARY], "profiling": False, "n": 1000}] * 11), "at most 10000 items"),
    "parts too many": (
        records({"history": [CANARY] * 500, "profiling": True, "n": 1000, "because": True}),
        "at most 100000 parts",
    ),
    "deny text": (records({"history": [CANARY], "profiling": True, "deny_items": CANARY}), "deny_items"),
    "misspelt": (records({"history": [CANARY], "profiling": True, "deny_item": ["1"]}), r"deny_items perhaps misspelt"),
    "unknown": (records({"history": [CANARY], "profiling": True, CANARY: 1}), "fields that are not known: 1"),
    "ids as columns": (records({CANARY: 1, "4712": 1}), "fields that are not known: 2"),
    "empty row": (records({}), "history is missing"),
    "no rows": (records(CANARY), "history is missing"),
    "column twice": (
        {"dataframe_split": {"columns": ["history", "history", "profiling"], "data": [[["1"], [CANARY], True]]}},
        "each column comes once",
    ),
    "split uneven": ({"dataframe_split": {"columns": ["history"], "data": [[CANARY, 1]]}}, "columns"),
    "records no list": ({"dataframe_records": {"history": [CANARY], "profiling": True}}, "list of records"),
    "inputs text": ({"inputs": CANARY}, "table"),
    "inputs texts": ({"inputs": [CANARY]}, "table"),
    "two forms": ({"inputs": [GOOD], "instances": [{"history": [CANARY]}]}, "exactly one"),
    "no form": ({"history": [CANARY], "profiling": True}, "exactly one"),
    "a list": ([{"history": [CANARY], "profiling": True}], "list"),
    "a chat": ({"messages": [{"role": "user", "content": CANARY}]}, "missing"),
    "nothing": (b"", "JSON"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_body_is_told_what_is_wrong_and_nothing_of_itself(
    service: Service, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 400 and a message for people; no value of the body in it, nor in what the server writes."""
    body, message = WRONG[name]
    with caplog.at_level(logging.DEBUG):
        status, answer = service.post(body)
    assert status == 400
    conforms(answer, "error")
    assert message in answer["message"].replace("\n", " ") or pytest.fail(answer["message"])
    assert CANARY not in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)
    said = capfd.readouterr()
    assert CANARY not in caplog.text + said.out + said.err


def test_a_body_that_is_no_json_is_quoted_by_mlflow_and_by_nobody_else(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """The one case in which MLflow answers before tactful is asked, and repeats what was sent to whoever sent it."""
    status, answer = service.post(f'{{"dataframe_records": [{{"history": ["{CANARY}"'.encode())
    assert status == 400
    assert CANARY in answer["message"]
    assert CANARY not in caplog.text


def test_other_content_types_are_refused(service: Service) -> None:
    status, answer = service.post(json.dumps(records(GOOD)).encode(), "text/plain")
    assert (status, "content types" in answer) == (415, True)
    assert service.post(b"history,profiling\n100,true\n", "text/csv")[0] == 400


def test_a_megabyte_is_answered(service: Service) -> None:
    """A history of 100,000 ids, most of them unknown, which the answer counts."""
    (answer,) = told(service.post(records({**GOOD, "history": [str(i) for i in range(100_000)]})))
    assert answer["unknown"] == 100_000 - 12


def test_what_a_body_may_ask_for_is_in_the_schema(served: PyfuncModel) -> None:
    """The limits are the published ones, what lies just within is answered, and the library has none of its own."""
    request, row = SCHEMA["$defs"]["request"], SCHEMA["$defs"]["row"]["properties"]
    most = bodies.MOST_ROWS, bodies.MOST_ITEMS
    assert (request["properties"]["dataframe_records"]["maxItems"], row["n"]["maximum"]) == most
    assert f"{bodies.MOST_TOGETHER:,} items" in request["description"]
    assert f"{bodies.MOST_PARTS:,} parts" in request["description"]
    assert len(served.predict([{"history": [], "profiling": False}] * bodies.MOST_ROWS)) == bodies.MOST_ROWS
    assert len(served.predict([{"history": [], "profiling": True, "n": bodies.MOST_ITEMS}] * 10)) == 10
    asked = {"history": ["x"] * 99, "profiling": True, "n": 1000, "because": True}
    assert len(served.predict([asked])) == 1
    with pytest.raises(UsageError, match="100000 parts"):
        served.predict([asked, {**GOOD, "because": True}])
    assert len(served.predict([{**asked, "history": ["x"] * 10**5, "profiling": False}])) == 1  # it is not looked at


def test_a_row_each_of_its_own_misspelt_name_makes_no_table_of_all(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a body is refused before every row is made to name the columns of all others."""
    monkeypatch.setattr(pd.DataFrame, "to_dict", lambda *_, **__: pytest.fail("the rows were made"))
    status, body = service.post(records(*({"history": [], "profiling": True, f"x{i}": 1} for i in range(900))))
    assert (status, "not known: 900" in body["message"]) == (400, True)


def test_a_bug_is_told_by_its_kind_alone(served: PyfuncModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a foreign error says may be somebody's history; status 500, and nothing of it in the answer."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(Recommender, "recommend", broken)
    with pytest.raises(TactfulError, match="KeyError") as caught:
        served.predict([GOOD])
    told: Any = caught.value
    assert told.get_http_status_code() == 500
    assert CANARY not in told.serialize_as_json()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_end_of_the_approval_is_no_mistake_of_the_callers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the approval ended the answer is 503, so that whoever balances the load goes elsewhere."""
    now = [datetime.now(UTC)]
    monkeypatch.setattr(recommender, "_system_clock", lambda: now[0])
    service = Service(folder)
    assert service.post(records(GOOD))[0] == 200
    now[0] += timedelta(days=181)
    status, body = service.post(records(GOOD))
    assert (status, body["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    conforms(body, "error")
    assert "approval" in body["message"]


def test_every_kind_of_table_is_answered_alike(served: PyfuncModel) -> None:
    """In Python: a DataFrame, records, columns and one record give the same answers, as plain JSON."""
    rows = [{"history": ["100", "102"], "profiling": True, "n": 3}, {"history": ["101"], "profiling": False, "n": 2}]
    expected = served.predict(rows)
    assert json.loads(json.dumps(expected)) == expected
    assert [answer["personalised"] for answer in expected] == [True, False]
    assert [[i["item_id"] for i in a["items"]] for a in expected] == [["104", "101", "103"], ["100", "101"]]
    frame = pd.DataFrame(rows)
    frame["history"] = [np.array(history, dtype=object) for history in frame["history"]]
    assert served.predict(frame) == expected
    assert served.predict({name: [row[name] for row in rows] for name in rows[0]}) == expected
    assert served.predict(rows[0]) == expected[:1]
    assert served.predict([]) == []
    for bad in (None, "history", [["100"]], 3, {"history": [["100"], ["101"]], "profiling": [True]}):
        with pytest.raises(UsageError):
            served.predict(bad)


def test_parameters_fill_what_a_row_leaves_out(served: PyfuncModel) -> None:
    row = {"history": ["100"], "profiling": True}
    assert len(served.predict([row | {"n": 2}], params={"n": 4})[0]["items"]) == 2
    assert len(served.predict([row], params={"n": 4})[0]["items"]) == 4
    assert served.predict([row], params={"because": True})[0]["items"][0]["because"]


@pytest.mark.parametrize("name", ["profiling", "history", "allowed_categories", "weights", CANARY])
def test_what_a_person_allows_is_no_parameter(served: PyfuncModel, name: str) -> None:
    """A default that somebody set for all must not answer for one who said nothing, nor beside what they said."""
    for row in ({"history": ["100"]}, {"history": ["100"], "profiling": False}):
        with pytest.raises(UsageError, match="in their own row") as caught:
            served.predict([row], params={name: ["health"] if name == "allowed_categories" else True})
        assert CANARY not in str(caught.value)


def _columns(described: Any) -> None:
    """MLflow is to convert what it is sent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    columns = [ColSpec(Array(DataType.string), "history"), ColSpec(DataType.boolean, "profiling")]
    described.signature = ModelSignature(inputs=Schema(columns), outputs=described.signature.outputs)


def _parameters(described: Any) -> None:
    """MLflow is to say for everybody what they allow."""
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec

    allowed = ParamSpec("allowed_categories", DataType.string, ["health"], shape=(-1,))
    params = ParamSchema([ParamSpec("profiling", DataType.boolean, True), allowed])
    described.signature = ModelSignature(outputs=described.signature.outputs, params=params)


def _flavour(**changes: Any) -> Callable[[Any], None]:
    return lambda described: described.flavors["python_function"].update(changes)


DESCRIBED: dict[str, Callable[[Any], object]] = {
    "columns": _columns,
    "parameters": _parameters,
    "settings": _flavour(config={"x": 1}),
    "code": _flavour(code="code"),
    "a code path": _flavour(model_code_path="model.py"),
    "another method": _flavour(predict_fn="_current"),
    "a stream": _flavour(streamable=True),
    "another environment": _flavour(env={"conda": "conda.yaml", "virtualenv": "other.yaml"}),
    "another place": _flavour(data="data/../data/tiny"),
    "another flavour": lambda described: described.add_flavor("sklearn", pickled_model="model.pkl"),
    "metadata": lambda described: setattr(described, "metadata", {"x": 1}),
    "an example": lambda described: setattr(described, "saved_input_example_info", {"artifact_path": "x"}),
    "something new": lambda described: setattr(described, "guardrails", "off"),
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_model_described_otherwise_is_not_loaded(folder: Path, tmp_path: Path, name: str) -> None:
    """A signature of inputs would turn "no" into true, one of parameters would answer for people; and so on."""
    import mlflow.pyfunc
    from mlflow.models import Model

    from tactful.assurance.registry_folder import data_path

    altered = shutil.copytree(folder, tmp_path / "model")
    assert data_path(altered / "MLmodel", "tiny", "3") == "data/tiny"
    described = Model.load(str(altered))
    DESCRIBED[name](described)
    described.save(str(altered / "MLmodel"))
    with pytest.raises(ModelRefusedError, match="tactful"):
        data_path(altered / "MLmodel", "tiny", "3")
    with pytest.raises(TactfulError, match=r"MLmodel|model_config"):
        mlflow.pyfunc.load_model(str(altered), suppress_warnings=True)
    assert Recommender.load(altered).version == "3"  # reads nothing of it


def test_the_description_is_the_one_that_mlflow_read(folder: Path, tmp_path: Path) -> None:
    """A harmless one further in, where a harmful one names that place, is not taken for it; nor is none at all."""
    import mlflow.pyfunc

    outer = shutil.copytree(folder, tmp_path / "model")
    shutil.copytree(folder, outer / "inner")
    text = (outer / "MLmodel").read_text()
    assert "inputs: null" in text
    columns = """'[{"type": "boolean", "name": "profiling", "required": true}]'"""
    for place in ("inner/data/tiny", "data/../inner/data/tiny"):
        (outer / "MLmodel").write_text(
            text.replace("data: data/tiny", f"data: {place}").replace("inputs: null", f"inputs: {columns}")
        )
        with pytest.raises(ModelRefusedError, match="its MLmodel file"):
            mlflow.pyfunc.load_model(str(outer), suppress_warnings=True)
    (outer / "MLmodel").unlink()
    with pytest.raises(ModelRefusedError, match="its MLmodel file"):
        _load_pyfunc(str(outer / "data" / "tiny"))
    for file in (b"", b"{", b"- 1\n", b"flavors: 1\n", b"x: &a [*a]\n", b"x" * 2**17):
        (outer / "MLmodel").write_bytes(file)
        with pytest.raises(ModelRefusedError, match="its MLmodel file"):
            _load_pyfunc(str(outer / "data" / "tiny"))


def test_the_history_of_who_did_not_agree_is_not_read(served: PyfuncModel) -> None:
    """Not even to match it with its weights."""

    class Closed(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError("it was read")

    row = {"history": Closed(["100"]), "weights": Closed([1.0]), "profiling": False}
    assert not served.predict([row])[0]["personalised"]
    with pytest.raises(TactfulError, match="AssertionError"):
        served.predict([row | {"profiling": True}])


def test_the_schema_is_one(tmp_path: Path) -> None:
    """It is valid, ships with the package, and refuses what the server refuses."""
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for row in ({"history": []}, {"history": [], "profiling": "no"}, {**GOOD, "deny_item": []}):
        with pytest.raises(jsonschema.ValidationError):
            conforms(records(row), "request")
    assert "scoring/*.json" in (Path(__file__).parents[1] / "pyproject.toml").read_text()


def test_with_the_variable_set_it_follows(
    tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers with what is approved at the address, not with what MLflow handed over, and goes on to the next."""
    begun, live = saved(publish(tmp_path / "tiny", key, **TODAY), tmp_path / "begun") / "data/tiny", tmp_path / "live"
    live.symlink_to(publish(tmp_path / "a", key, version="4", sequence=4, **TODAY))
    monkeypatch.setenv("TACTFUL_FOLLOW", str(live))
    monkeypatch.setenv("TACTFUL_FOLLOW_EVERY", "0.02")
    served = _load_pyfunc(str(begun))
    assert served.predict([GOOD])[0]["version"] == "4"
    (tmp_path / "link").symlink_to(publish(tmp_path / "b", key, version="5", sequence=5, **TODAY))
    (tmp_path / "link").replace(live)
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while served.predict([GOOD])[0]["version"] == "4" and datetime.now(UTC) < deadline:
        pass
    assert {answer["version"] for answer in served.predict([GOOD, GOOD])} == {"5"}


def test_what_is_followed_is_the_model_that_is_served(
    tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = publish(tmp_path / "tiny", key, **TODAY)
    begun = saved(tiny, tmp_path / "begun") / "data" / "tiny"
    monkeypatch.setenv("TACTFUL_FOLLOW", str(tiny))
    with pytest.raises(UsageError, match="names the model that is served"):
        _load_pyfunc(str(saved(shutil.copytree(tiny, tmp_path / "other"), tmp_path / "served") / "data" / "other"))
    for every in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("TACTFUL_FOLLOW_EVERY", every)
        with pytest.raises(UsageError, match="seconds above 0"):
            _load_pyfunc(str(begun))
    monkeypatch.setenv("TACTFUL_FOLLOW", str(tmp_path / "nowhere"))
    monkeypatch.delenv("TACTFUL_FOLLOW_EVERY")
    with pytest.raises(NotFoundError):
        _load_pyfunc(str(begun))


def test_without_mlflow_the_errors_are_ours() -> None:
    """The door itself needs no MLflow."""
    code = (
        "import sys; sys.modules['mlflow'] = None\n"
        "from tactful.scoring.pyfunc import PyfuncModel\n"
        "try: PyfuncModel(lambda: None).predict(3)\n"
        "except Exception as error: print(type(error).__module__, type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tactful.errors", "UsageError"]


def test_an_unapproved_model_is_not_served(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    folder = publish(tmp_path / "artifact", key, **TODAY)
    with pytest.raises(UsageError, match="model_config"):
        _load_pyfunc(str(folder), {"trusted_keys": "mine"})
    inside = saved(folder, tmp_path / "saved") / "data" / "artifact"
    (inside / "approval.json").unlink()
    with pytest.raises(ModelRefusedError, match=r"approval\.json"):
        _load_pyfunc(str(inside))
