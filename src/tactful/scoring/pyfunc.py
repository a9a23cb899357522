"""The door through which MLflow loads and serves a model: ``loader_module="tactful.scoring.pyfunc"``. No pickle.

What goes in and out over HTTP is described by ``service.schema.json`` beside this file.

Notes
-----
The model is logged without a signature of its inputs, on purpose. With one, MLflow's server would convert before
tactful sees anything: a column declared boolean takes the text ``"no"`` for true, one declared integer cuts 2.5 to 2, a
column that is not declared (a misspelt ``deny_items``) is dropped in silence, and whatever does not fit is answered
with the whole input quoted, the histories in it. So every value is checked here, and no error repeats one.

``instances`` is refused: MLflow makes columns of its rows by appending, so where one person's row lacks ``profiling``,
the next one's would stand in for it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tactful.errors import ModelRefusedError, TactfulError, UsageError
from tactful.scoring.address import store_uri
from tactful.scoring.recommender import Recommender
from tactful.scoring.seen import seen_place

_OPTIONS = ("n", "allowed_categories", "allow_items", "deny_items", "because")
_COLUMNS = ("history", "profiling", "weights", *_OPTIONS)
_FOLLOW, _EVERY = "TACTFUL_FOLLOW", "TACTFUL_FOLLOW_EVERY"


class PyfuncModel:
    """What ``mlflow.pyfunc.load_model`` wraps.

    Parameters
    ----------
    current : callable
        Gives the model that answers now; asked once for each body, so that one model answers all of it.
    """

    __slots__ = ("_current",)

    def __init__(self, current: Callable[[], Recommender]) -> None:
        self._current = current

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """An answer for each row, as plain JSON; all by one model.

        Parameters
        ----------
        model_input : DataFrame, mapping, or list of mappings
            Columns, or fields, ``history`` (a list of item ids, or a mapping from item id to weight) and ``profiling``
            (bool), both required; ``weights`` (a list, one for each item of the history), ``n``,
            ``allowed_categories``, ``allow_items``, ``deny_items`` and ``because`` optional. A mapping is one row if
            its ``profiling`` is one value, else columns.
        params : mapping, optional
            Values for the fields that a row does not have.

        Raises
        ------
        UsageError
            If a field is missing, not known or not of its kind. Where MLflow serves, the answer is 400.
        ModelRefusedError
            If the approval of the model ended. Where MLflow serves, the answer is 503.

        Privacy
        -------
        As `tactful.scoring.Recommender.recommend`, for each row apart. No error holds a value of the input.
        """
        try:
            recommender = self._current()
            rows = [{**(params or {}), **row} for row in _rows(model_input)]
            return [_answer(recommender, number, row) for number, row in enumerate(rows)]
        except Exception as error:
            raise _told(error) from None  # what a foreign error says may be somebody's history


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any] | None = None) -> PyfuncModel:
    """The approved model under `data_path`, checked as `Recommender.load` does; called by MLflow.

    Trusted keys come from ``TACTFUL_TRUSTED_KEYS`` or ``configs/reviewers.toml``, never from the model itself. The
    approval must be of the name and version that MLflow was asked for; where MLflow was given a folder, of the name
    that the artifact has inside it.

    With ``TACTFUL_FOLLOW`` in the environment, an address of the same model such as ``models:/grocery@champion``, what
    is approved there answers instead, and goes on to what is approved later; ``TACTFUL_FOLLOW_EVERY`` says after how
    many seconds to look (30). Without it a service answers with the version it was started with until it is restarted,
    and with nothing once the approval ended.
    """
    if model_config:
        raise UsageError("a tactful model takes no model_config", given="one was passed", do="Leave it out")
    address = os.environ.get(_FOLLOW)
    if not address:
        loaded = Recommender.load(Path(data_path), seen_file=seen_place(store=store_uri()))
        return PyfuncModel(lambda: loaded)
    follower = Recommender.follow(address, every=_seconds(os.environ.get(_EVERY, "30")))
    if follower.current.model != Path(data_path).name:
        raise UsageError(
            f"{_FOLLOW} names the model that is served",
            given=f"it is {follower.current.model}, and served is {Path(data_path).name}",
            do="Serve the model that is followed",
        )
    return PyfuncModel(lambda: follower.current)


def _seconds(text: str) -> float:
    """How often to look."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"{_EVERY} is a number of seconds above 0", given="it was not", do=f"Set {_EVERY}=30")
    return seconds


def _rows(model_input: Any) -> Iterable[Mapping[str, Any]]:
    """The rows of a DataFrame, of columns, of one record, or of a list of records."""
    if hasattr(model_input, "to_dict"):
        if len(set(model_input.columns)) < len(model_input.columns):
            raise UsageError("each column comes once", given="one came twice", do="Leave one of them out")
        model_input = model_input.to_dict(orient="records")
    if isinstance(model_input, Mapping):
        return _rows_of(model_input)
    if isinstance(model_input, list) and all(isinstance(row, Mapping) for row in model_input):
        return [{name: _plain(value) for name, value in row.items()} for row in model_input]
    raise UsageError(
        "the input is a table with the columns history and profiling",
        given=f"it was a {type(model_input).__name__}",
        do="Send rows: dataframe_records, or a DataFrame",
    )


def _rows_of(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One record, or equally long columns, as rows."""
    profiling = fields.get("profiling")
    if isinstance(profiling, np.ndarray) and profiling.ndim:
        raise UsageError(
            "several people are sent as rows",
            given="they came as columns, in which MLflow's `instances` may mix up whose profiling is whose",
            do="Send dataframe_records, or dataframe_split",
        )
    columns = {name: _plain(value) for name, value in fields.items()}
    if not isinstance(columns.get("profiling"), list | tuple):
        return [columns]
    if len({len(column) if isinstance(column, list | tuple) else -1 for column in columns.values()}) > 1:
        raise UsageError("columns are equally long", given="they are not", do="Pass one value a row in each column")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    """A value as it was sent, where MLflow or pandas made an array or a scalar of their own of it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _answer(recommender: Recommender, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one row."""
    given = {name: _plain(value) for name, value in row.items() if not _is_missing(value)}
    try:
        _check_names(given)
        asked = {name: given[name] for name in _OPTIONS if name in given}
        asked["n"] = _count(asked.get("n", 10))
        if not isinstance(asked.get("because", False), bool):
            raise UsageError("because is true or false", given="it was neither", do="Leave it out if it is not needed")
        history, profiling = given["history"], given["profiling"]
        if "weights" in given and profiling is True:  # else nothing of it is read
            history = _weighted(history, given["weights"])
        answer = recommender.recommend(history, profiling=profiling, **asked)
        return {**answer.as_json(), "approval_id": answer.approval_id}
    except UsageError as error:
        raise UsageError(error.must, given=f"in row {number}, counted from 0, {error.given}", do=error.do) from None


def _count(n: Any) -> int:
    """How many items are wanted; a table with an empty cell turns its whole numbers into floats."""
    whole = int(n) if isinstance(n, float) and n.is_integer() else n
    if type(whole) is not int or whole < 1:
        raise UsageError("n is a whole number from 1", given="it was not", do="Leave it out for 10")
    return whole


def _check_names(given: Mapping[str, Any]) -> None:
    """Raise unless the row has what it must have and no other field; names that are not known are only counted."""
    unknown = [str(name) for name in given if name not in _COLUMNS]
    lacking = [name for name in ("history", "profiling") if name not in given]
    if not unknown and not lacking:
        return
    meant = sorted({close for name in unknown for close in get_close_matches(name, _COLUMNS, n=1)})
    known = f" ({', '.join(meant)} perhaps misspelt)" if meant else ""
    wrong = f"fields that are not known: {len(unknown)}{known}"
    raise UsageError(
        f"a row has history and profiling, and may have {', '.join(_COLUMNS[2:])}",
        given=" and ".join([f"{name} is missing" for name in lacking] + [wrong] * bool(unknown)),
        do="Say for each person whether profiling is allowed, true or false",
    )


def _weighted(history: Any, weights: Any) -> dict[Any, Any]:
    """The history as a mapping from item to weight."""
    lists = isinstance(history, list | tuple) and isinstance(weights, list | tuple)
    if not lists or len(history) != len(weights) or len(set(map(str, history))) < len(history):
        raise UsageError(
            "weights are a list with one number for each item of the history, and each item comes once",
            given="they are not",
            do="Leave weights out, or send history as an object of item and weight",
        )
    return dict(zip(history, weights, strict=True))


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, or the NaN that tables put in its place."""
    return value is None or (isinstance(value, float) and value != value)


def _told(error: Exception) -> Exception:
    """The error as it is told: of ours what it says, of another only its kind; as one of MLflow's where it serves."""
    if not isinstance(error, TactfulError):
        error = TactfulError("a row is answered or refused", given=type(error).__name__, do="Report this as a bug")
    kind = next((kind for ours, kind in _kinds().items() if isinstance(error, ours)), None)
    return error if kind is None else kind(error.must, given=error.given, do=error.do)


@cache
def _kinds() -> Mapping[type[TactfulError], type[TactfulError]]:
    """Our errors as MLflow's server understands them; none where there is no MLflow.

    It answers 400 for what the caller can mend, 503 for a model that may not answer, and 500 for a bug.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE
    except ModuleNotFoundError:
        return {}

    class Told(MlflowException):
        """Says what our error says, and nothing that is put before it later: MLflow would put the input there."""

        code = INTERNAL_ERROR

        def __init__(self, must: str, *, given: str, do: str) -> None:
            self.__dict__ |= vars(MlflowException("", error_code=self.code))  # its code and status
            TactfulError.__init__(self, must, given=given, do=do)  # type: ignore[arg-type]  # those made below are both

        @property
        def message(self) -> str:
            """What our error says."""
            return str(self.args[0])

        @message.setter
        def message(self, _: str) -> None:
            return

    codes = {ModelRefusedError: TEMPORARILY_UNAVAILABLE, UsageError: BAD_REQUEST, TactfulError: INTERNAL_ERROR}
    return {ours: type(ours.__name__, (Told, ours), {"code": code}) for ours, code in codes.items()}
