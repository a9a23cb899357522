"""The door through which MLflow loads and serves a model: ``loader_module="tactful.scoring.pyfunc"``. No pickle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tactful.errors import UsageError
from tactful.scoring.address import store_uri
from tactful.scoring.recommender import Recommender
from tactful.scoring.seen import seen_place

_COLUMNS = ("history", "profiling", "n", "allowed_categories", "because")
_DEFAULTS: dict[str, Any] = {"n": 10, "allowed_categories": (), "because": False}


class PyfuncModel:
    """What ``mlflow.pyfunc.load_model`` wraps."""

    __slots__ = ("_recommender",)

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """An answer for each row, as plain JSON.

        Parameters
        ----------
        model_input : DataFrame, mapping, or list of mappings
            Columns, or fields, ``history`` (a list of item ids) and ``profiling`` (bool), both required; ``n``,
            ``allowed_categories`` and ``because`` optional. A mapping is one row if its ``profiling`` is one value,
            else columns.
        params : mapping, optional
            Values for the fields that a row does not have.

        Privacy
        -------
        As `tactful.scoring.Recommender.recommend`, for each row apart.
        """
        return [self._answer({**(params or {}), **row}) for row in _rows(model_input)]

    def _answer(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one row."""
        given = {name: value for name, value in row.items() if not _is_missing(value)}
        unknown = sorted(set(map(str, given)) - set(_COLUMNS))
        if unknown or "history" not in given or "profiling" not in given:
            raise UsageError(
                f"a row has history and profiling, and may have {', '.join(_COLUMNS[2:])}",
                given=f"not known: {', '.join(unknown)}" if unknown else "one of the two is missing",
                do="Say for each person whether profiling is allowed, true or false",
            )
        return self._recommender.recommend(given.pop("history"), **{**_DEFAULTS, **given, "n": _whole(given)}).as_json()


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any] | None = None) -> PyfuncModel:
    """The approved model under `data_path`, checked as `Recommender.load` does; called by MLflow.

    Trusted keys come from ``TACTFUL_TRUSTED_KEYS`` or ``configs/reviewers.toml``, never from the model itself. The
    approval must be of the name and version that MLflow was asked for; where MLflow was given a folder, of the name
    that the artifact has inside it.
    """
    if model_config:
        raise UsageError("a tactful model takes no model_config", given="one was passed", do="Leave it out")
    return PyfuncModel(Recommender.load(Path(data_path), seen_file=seen_place(store=store_uri())))


def _rows(model_input: Any) -> Iterable[Mapping[str, Any]]:
    """The rows of a DataFrame, of columns, of one record, or of a list of records."""
    if hasattr(model_input, "to_dict"):
        model_input = model_input.to_dict(orient="records")
    if isinstance(model_input, Mapping):
        profiling = model_input.get("profiling")
        one_row = profiling is None or not hasattr(profiling, "__len__")
        return [model_input] if one_row else _transposed(model_input)
    if isinstance(model_input, list) and all(isinstance(row, Mapping) for row in model_input):
        return model_input
    raise UsageError(
        "the input is a table with the columns history and profiling",
        given=f"it was a {type(model_input).__name__}",
        do="Pass a DataFrame or a list of records",
    )


def _transposed(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns as rows."""
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise UsageError("columns are equally long", given="they are not", do="Pass one value a row in each column")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, or the NaN that tables put in its place."""
    return value is None or (isinstance(value, float) and value != value)


def _whole(given: Mapping[str, Any]) -> Any:
    """n; a table with an empty cell turns its whole numbers into floats."""
    n = given.get("n", _DEFAULTS["n"])
    return int(n) if isinstance(n, float) and n.is_integer() else n
