"""The folder that MLflow keeps of a model: tactful's own loader, the artifact as data, and nothing that could run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tactful.assurance.registry_store import quiet
from tactful.errors import ModelRefusedError
from tactful.scoring.pyfunc import LOADER, described

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

REQUIREMENTS = ("tactful[registry]", "pandas>=2.2")  # what serving takes: MLflow's server reads bodies with pandas


def save_model(root: Path, artifact: Path, run_id: str, logged: LoggedModel) -> None:
    """An MLflow model folder is at `root`: pyfunc flavour, our own loader, the artifact as data; no pickle, no code."""
    with quiet():
        import mlflow.pyfunc
        from mlflow.models import Model

    description = Model(
        artifact_path=logged.artifact_location,
        run_id=run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        signature=signature(),
    )
    mlflow.pyfunc.save_model(
        path=str(root),
        loader_module=LOADER,
        data_path=str(artifact),
        mlflow_model=description,
        pip_requirements=list(REQUIREMENTS),
    )


def signature() -> Any:
    """What comes out, for MLflow's pages. What goes in is checked by `tactful.scoring.pyfunc`, which says why."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Object, Property

    named = [Property(name, DataType.string, required=False) for name in ("item_id", "title")]
    part = Object([*named, Property("contribution", DataType.double)])
    item = [Property(name, DataType.string) for name in ("item_id", "title")]
    item += [Property("score", DataType.double), Property("because", Array(part), required=False)]
    texts, counts = ("reason", "model", "version", "approval_id"), ("unknown", "withheld")
    columns = [
        ColSpec(Array(Object(item)), "items"),
        ColSpec(DataType.boolean, "personalised"),
        *(ColSpec(DataType.long, name) for name in counts),
        *(ColSpec(DataType.string, name) for name in texts),
    ]
    return ModelSignature(outputs=Schema([*columns]))


def data_path(mlmodel: Path, model: str, version: str) -> str:
    """Where in the model folder the artifact lies.

    Raises
    ------
    ModelRefusedError
        If the file says anything that tactful does not write, see `tactful.scoring.pyfunc.described`: other code, or a
        signature by which MLflow would change what a service is asked; or if it is of another model.
    """
    try:
        found = described(mlmodel)
    except ModelRefusedError as error:
        raise _foreign(model, version) from error
    if found != f"data/{model}":
        raise _foreign(model, version)
    return found


def _foreign(model: str, version: str) -> ModelRefusedError:
    return ModelRefusedError(
        f"{model} version {version} must load through {LOADER}, with no signature of inputs and no code of its own",
        given="its MLmodel file says otherwise",
        do="Train again; this version was altered or is not one of tactful's",
    )
