"""A model as MLflow's scoring server has it, asked in this process, and such a server with its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import tactful.scoring

SCHEMA = json.loads((Path(tactful.scoring.__file__).parent / "service.schema.json").read_text(encoding="utf-8"))


def conforms(value: Any, name: str) -> None:
    """Raise unless the value is what the published schema says of it."""
    jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{name}"}).validate(value)


def saved(artifact: Path, folder: Path) -> Path:
    """The MLflow model of an artifact, as the registry logs it."""
    import mlflow.pyfunc
    from mlflow.models import Model

    from tactful.assurance.registry_folder import LOADER, signature

    mlflow.pyfunc.save_model(
        folder,
        loader_module=LOADER,
        data_path=str(artifact),
        mlflow_model=Model(signature=signature()),
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


@contextmanager
def running(command: list[str], folder: Path, health: str, **variables: str) -> Iterator[int]:
    """The port of a server that answers; it and its workers are gone afterwards. It writes to `server.log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            [*command, "-p", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"PATH": path} | variables,
            start_new_session=True,
        ) as server,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}{health}", server)
            yield port
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(120):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the server did not start within a minute")


def post(port: int, body: Any, content_type: str = "application/json") -> tuple[int, Any]:
    """Status and body of the answer to one request over HTTP; bytes are sent as they are."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": content_type},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
