"""A model as MLflow's scoring server has it, asked in this process: what it does with a body, without sockets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema

import tactful.scoring

SCHEMA = json.loads((Path(tactful.scoring.__file__).parent / "service.schema.json").read_text(encoding="utf-8"))


def conforms(value: Any, name: str) -> None:
    """Raise unless the value is what the published schema says of it."""
    jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{name}"}).validate(value)


def saved(artifact: Path, folder: Path) -> Path:
    """The MLflow model of an artifact, as the registry logs it."""
    import mlflow.pyfunc
    from mlflow.models import Model

    from tactful.assurance.registry import LOADER, _signature

    mlflow.pyfunc.save_model(
        folder,
        loader_module=LOADER,
        data_path=str(artifact),
        mlflow_model=Model(signature=_signature()),
        pip_requirements=["tactful[registry]"],
    )
    return folder


class Service:
    """What answers behind ``/invocations``."""

    def __init__(self, folder: Path) -> None:
        import mlflow.pyfunc

        self.model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
        os.environ.pop("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", None)

    def post(self, body: Any, content_type: str = "application/json") -> tuple[int, Any]:
        """Status and body of the answer, by the same calls as MLflow's route makes."""
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc.scoring_server import invocations

        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            answer = invocations(raw, content_type, self.model, self.model.metadata.get_input_schema())
        except MlflowException as error:
            return error.get_http_status_code(), json.loads(error.serialize_as_json())
        return answer.status, json.loads(answer.response) if answer.status == 200 else answer.response
