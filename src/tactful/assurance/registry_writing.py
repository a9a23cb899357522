"""A candidate as it is written to MLflow: one run, one logged model, and, made last, a version that names both."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tactful.assurance.model_book import Candidate
from tactful.assurance.pages import model_text, run_text, version_text
from tactful.assurance.registry_folder import save_model
from tactful.assurance.registry_store import artifact_location

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

LOGGED_ARTIFACTS = "mlflow.loggedArtifacts"
"""The tag by which MLflow knows which documents of a run are tables."""
NOTE = "mlflow.note.content"
"""The tag that MLflow shows as the description of a run."""
_BATCH = 1000  # figures that MLflow takes at once


class CandidateWriter:
    """Writes candidates to a store, whole or marked as failed.

    Parameters
    ----------
    client : MlflowClient
    uri : str
        The address of the store.
    """

    def __init__(self, client: MlflowClient, uri: str) -> None:
        self._client, self._uri = client, uri

    def write(
        self,
        *,
        model: str,
        artifact: Path,
        documents: Mapping[str, str],
        params: Mapping[str, str | float],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        tables: Sequence[str],
        register: bool,
    ) -> Candidate:
        """What `Registry.log_candidate` promises.

        Notes
        -----
        **Privacy.** As `Registry.log_candidate`.
        """
        experiment = self.experiment(model)
        marked = {**tags, **_as_tables(tables), NOTE: run_text(documents)}
        run_id = self._client.create_run(experiment, run_name=model, tags=marked).info.run_id
        logged: LoggedModel | None = None
        try:
            logged = self._client.create_logged_model(experiment, name=model, source_run_id=run_id, tags=dict(tags))
            self._write_run(run_id, logged, documents, params, metrics)
            self._write_model(run_id, logged, artifact)
            version = self._register(model, run_id, logged, tags) if register else None
        except BaseException:
            self._mark_failed(run_id, logged)
            raise
        return Candidate(model=model, version=version, run_id=run_id, model_id=logged.model_id)

    def experiment(self, model: str) -> str:
        """The id of the experiment of a model, which is made if it is not there."""
        found = self._client.get_experiment_by_name(model)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(model, artifact_location=artifact_location(self._uri)))

    def _write_run(
        self,
        run_id: str,
        logged: LoggedModel,
        documents: Mapping[str, str],
        params: Mapping[str, str | float],
        metrics: Mapping[str, float],
    ) -> None:
        from mlflow.entities import LoggedModelOutput, Metric, Param

        now = int(time.time() * 1000)
        figures = [
            Metric(name.replace("@", "_at_"), value, now, 0, model_id=logged.model_id)
            for name, value in metrics.items()
        ]
        self._client.log_batch(run_id, params=[Param(name, str(value)) for name, value in params.items()])
        for start in range(0, len(figures), _BATCH):
            self._client.log_batch(run_id, figures[start : start + _BATCH])
        for name, text in documents.items():
            self._client.log_text(run_id, text, name)
        self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])

    def _write_model(self, run_id: str, logged: LoggedModel, artifact: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "model"
            save_model(root, artifact, run_id, logged)
            self._client.log_model_artifacts(logged.model_id, str(root))
        self._client.finalize_logged_model(logged.model_id, "READY")
        self._client.set_terminated(run_id, "FINISHED")

    def _register(self, model: str, run_id: str, logged: LoggedModel, tags: Mapping[str, str]) -> str:
        new = self._create_model(model)
        try:
            made = self._client.create_model_version(
                model,
                logged.artifact_location,  # models:/… would be resolved at the process-wide address, not at ours
                run_id=run_id,
                tags={**tags, "status": "candidate", "model_id": logged.model_id},
                description=version_text("candidate", ()),
                model_id=logged.model_id,
            )
        except BaseException:
            if new:
                self._client.delete_registered_model(model)
            raise
        number = str(made.version)
        link = json.dumps([{"name": model, "version": number}])
        self._client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
        return number

    def _create_model(self, model: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(model, description=model_text(model))
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}:
                raise
            return False
        return True

    def _mark_failed(self, run_id: str, logged: LoggedModel | None) -> None:
        with suppress(Exception):  # the first failure is the one to report
            self._client.set_terminated(run_id, "FAILED")
            if logged is not None:
                self._client.finalize_logged_model(logged.model_id, "FAILED")


def _as_tables(names: Sequence[str]) -> dict[str, str]:
    """The tag by which MLflow shows these documents as tables."""
    marks = [{"path": name, "type": "table"} for name in names]
    return {LOGGED_ARTIFACTS: json.dumps(marks)} if marks else {}
