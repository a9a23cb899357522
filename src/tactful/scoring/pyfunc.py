"""The door through which MLflow loads and serves a model: ``loader_module="tactful.scoring.pyfunc"``. No pickle.

What goes in and out over HTTP is described by ``service.schema.json`` beside this file.

Notes
-----
The model is logged without a signature of its inputs, on purpose. With one, MLflow's server would convert before
tactful sees anything: a column declared boolean takes the text ``"no"`` for true, one declared integer cuts 2.5 to 2, a
column that is not declared (a misspelt ``deny_items``) is dropped in silence, and whatever does not fit is answered
with the whole input quoted, the histories in it; with one of parameters, their defaults would fill in what a person did
not say. So a model that has either is refused, every value is checked here, and no error repeats one.

That check is made by code which the ``MLmodel`` file itself names: whoever may rewrite the file can have MLflow load
other code instead. `tactful verify` finds that; `Recommender.load` reads none of it.

``instances`` is refused: MLflow makes columns of its rows by appending, so where one person's row lacks ``profiling``,
the next one's would stand in for it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from tactful.errors import ModelRefusedError, TactfulError, UsageError
from tactful.scoring.address import store_uri
from tactful.scoring.artifact import read_document
from tactful.scoring.bodies import Question, in_row, questions
from tactful.scoring.recommender import Recommender
from tactful.scoring.seen import seen_place

LOADER = "tactful.scoring.pyfunc"
_FACTS = frozenset(
    ("artifact_path", "databricks_runtime", "mlflow_version", "model_id", "model_size_bytes", "model_uuid", "run_id")
) | {"utc_time_created"}
_ENVIRONMENT = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
_MLMODEL, _LARGEST = "MLmodel", 2**16  # bytes; it has a few thousand
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
            ``n``, ``allow_items``, ``deny_items`` and ``because`` for rows that do not have them; nothing that a person
            allows can come from here.

        Raises
        ------
        UsageError
            If a field is missing, not known or not of its kind, or the body asks for more than `tactful.scoring.bodies`
            allows at once. Where MLflow serves, the answer is 400.
        ModelRefusedError
            If the approval of the model ended. Where MLflow serves, the answer is 503.

        Notes
        -----
        **Privacy.** As `tactful.scoring.Recommender.recommend`, for each row apart. No error holds a value of the
        input.
        """
        try:
            recommender = self._current()
            asked = questions(model_input, params)
            return [_answer(recommender, number, question) for number, question in enumerate(asked)]
        except Exception as error:
            raise _told(error) from None  # what a foreign error says may be somebody's history


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any] | None = None) -> PyfuncModel:
    """The approved model under `data_path`, checked as `Recommender.load` does; called by MLflow.

    Trusted keys come from ``TACTFUL_TRUSTED_KEYS`` or ``configs/reviewers.toml``, never from the model itself. The
    approval must be of the name and version that MLflow was asked for; where MLflow was given a folder, of the name
    that the artifact has inside it. The ``MLmodel`` file beside ``data/`` must be as `described` takes it.

    With ``TACTFUL_FOLLOW`` in the environment, an address of the same model such as ``models:/grocery@champion``, what
    is approved there answers instead, and goes on to what is approved later; ``TACTFUL_FOLLOW_EVERY`` says after how
    many seconds to look (30). Without it a service answers with the version it was started with until it is restarted,
    and with nothing once the approval ended.
    """
    if model_config:
        raise UsageError("a tactful model takes no model_config", given="one was passed", do="Leave it out")
    folder, address = Path(data_path), os.environ.get(_FOLLOW)
    _check_described(folder)
    if not address:
        loaded = Recommender.load(folder, seen_file=seen_place(store=store_uri()))
        return PyfuncModel(lambda: loaded)
    follower = Recommender.follow(address, every=_seconds(os.environ.get(_EVERY, "30")))
    if follower.current.model != folder.name:
        raise UsageError(
            f"{_FOLLOW} names the model that is served",
            given=f"it is {follower.current.model}, and served is {folder.name}",
            do="Serve the model that is followed",
        )
    return PyfuncModel(lambda: follower.current)


def described(mlmodel: Path) -> str:
    """Where in its folder an ``MLmodel`` file says that the artifact lies, ``data/<name>``.

    Raises
    ------
    ModelRefusedError
        If the file says anything that tactful does not write: a signature of inputs or parameters, another loader,
        code, settings, or a key that is not known. What is null or false says nothing, and facts such as when it was
        made, the versions of Python and MLflow and what comes out are not looked at: they decide nothing.
    """
    try:
        told = _read_mlmodel(mlmodel)
        flavours, signature = told.pop("flavors"), _said(told.pop("signature", {}))
        flavour = _said(flavours.pop("python_function"))
        data, _ = str(flavour.pop("data")), flavour.pop("python_version", None)
        ours = flavour == {"loader_module": LOADER, "env": _ENVIRONMENT} and not flavours
        plain = set(told) <= _FACTS and set(signature) <= {"outputs"}
    except Exception as error:  # an altered file may break the parser in any way
        raise _not_ours() from error
    name = PurePosixPath(data).name
    if not (ours and plain) or data != f"data/{name}" or name == "..":
        raise _not_ours()
    return data


def _read_mlmodel(path: Path) -> dict[str, Any]:
    """What MLflow itself understands of the file, without what is null or false."""
    from mlflow.models import Model

    if len(read_document(path)) > _LARGEST:
        raise _not_ours()
    return _said(Model.load(str(path)).to_dict())


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say anything."""
    return {name: value for name, value in fields.items() if value is not None and value is not False}


def _check_described(folder: Path) -> None:
    """Raise unless the one ``MLmodel`` above the artifact is as it should be, and names exactly this folder."""
    root, *above = list(folder.absolute().parents)[1:] or [folder]
    # MLflow may have read another one.
    nested = any((each / _MLMODEL).exists() for each in (folder, folder.parent, *above))
    if nested or ".." in folder.parts or described(root / _MLMODEL) != f"data/{folder.name}":
        raise _not_ours()


def _not_ours() -> ModelRefusedError:
    return ModelRefusedError(
        f"a model must load through {LOADER}, without a signature of inputs or parameters, settings or code of its own",
        given="its MLmodel file says otherwise",
        do="Train again; this version was altered or is not one of tactful's",
    )


def _seconds(text: str) -> float:
    """How often to look."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"{_EVERY} is a number of seconds above 0", given="it was not", do=f"Set {_EVERY}=30")
    return seconds


def _answer(recommender: Recommender, number: int, question: Question) -> dict[str, Any]:
    """The answer to one row."""
    history, asked = question
    with in_row(number):
        answer = recommender.recommend(history, **asked)
        return answer.as_json()


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
            """Nothing changes it."""
            return

    codes = {ModelRefusedError: TEMPORARILY_UNAVAILABLE, UsageError: BAD_REQUEST, TactfulError: INTERNAL_ERROR}
    return {ours: type(ours.__name__, (Told, ours), {"code": code}) for ours, code in codes.items()}
