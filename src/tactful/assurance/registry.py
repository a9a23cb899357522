"""The MLflow registry: where candidates are shown, and where the approved one is found.

This module, with the two that it calls (how a candidate is written: `tactful.assurance.registry_writing`; the folder
that MLflow keeps of a model: `tactful.assurance.registry_folder`), is the home of mlflow in the assurance room. MLflow
is a shop window here, never the authority: it keeps no history of aliases and lets tags, artifacts and reports be
changed afterwards. What was decided, by whom and about which bytes is in the journal and under a signature
(`tactful.assurance.approval`).

Everything that is written here leaves the trust boundary, so callers pass released values, public inputs and
configuration, and nothing else.

Notes
-----
Only `mlflow.MlflowClient` is used, with its address given: no active run, no process-wide tracking address. A caller
with a run of their own open keeps it, and mlflow's automatic tags (user name, git commit, source file) are not written.

The file is longer than most because everything that is asked of MLflow's client is asked in one class.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tactful.assurance.decision import Decision
from tactful.assurance.model_book import Candidate
from tactful.assurance.pages import decision_tags, version_text
from tactful.assurance.registry_folder import data_path
from tactful.assurance.registry_store import (
    RegisteredVersion,
    ShownFigures,
    default_uri,
    document_bytes,
    is_local,
    make_folder,
    plainly,
    quiet,
)
from tactful.assurance.registry_writing import CandidateWriter
from tactful.errors import MissingExtraError, UsageError
from tactful.scoring.artifact import APPROVAL
from tactful.scoring.signing import SignedDocument

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
_SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output belongs to whoever asked
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",  # would copy the working folder's lock file and pyproject.toml into the model
}


class Registry:
    """An MLflow store, reached by its address.

    Parameters
    ----------
    uri : str, optional
        The tracking address. Without it ``MLFLOW_TRACKING_URI``; without that, a SQLite store under ``models/`` of the
        working folder. Artifacts of a SQLite store lie in ``mlartifacts`` beside its file.

    Raises
    ------
    MissingExtraError
        mlflow is not installed.
    UsageError
        The store cannot be opened.
    """

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or default_uri()
        self._client = _open(self.uri)

    def __repr__(self) -> str:
        return "Registry()"  # the address may carry a password

    def log_candidate(
        self,
        *,
        model: str,
        artifact: Path,
        documents: Mapping[str, str],
        params: Mapping[str, str | float],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        tables: Sequence[str] = (),
        register: bool = True,
    ) -> Candidate:
        """One finished run holds the documents and figures, one logged model the artifact, and a new version names it.

        The version is made last. On any failure before that the run and the logged model are marked failed and nothing
        is registered.

        Parameters
        ----------
        model : str
            Name of the registered model, and of the experiment.
        artifact : Path
            A folder written by `tactful.scoring.artifact.write_artifact`, with the model's name: MLflow keeps it, and
            whoever loads the model through MLflow is refused one of another name.
        documents : mapping of str to str
            File name to text, e.g. ``report.html``; artifacts of the run.
        params, metrics, tags : mapping
            Shown on the run. ``@`` in a metric's name becomes ``_at_``, as MLflow allows no ``@``.
        tables : sequence of str
            Those documents that MLflow shows as tables, as `MlflowClient.log_table` marks them.
        register : bool
            Whether to make a version. A run that a gate refused is shown, and not registered.

        Returns
        -------
        Candidate
            Its `version` is None unless registered.

        Notes
        -----
        **Privacy.** *Reads* nothing about people. *Returns* ids of MLflow's. *Costs* nothing. *Assumes* every value
        passed is released, public or configuration; everything here is outside the boundary.
        """
        if artifact.name != model:
            raise UsageError(
                "the folder of an artifact has the name of its model",
                given=f"it is {artifact.name} and the model {model}",
                do="Write the artifact into a folder of that name",
            )
        with plainly("writing a candidate"):
            return CandidateWriter(self._client, self.uri).write(
                model=model,
                artifact=artifact,
                documents=documents,
                params=params,
                metrics=metrics,
                tags=tags,
                tables=tables,
                register=register,
            )

    def artifact_folder(self, model: str, version: str) -> Path:
        """The version's artifact is in a local folder: the store's own if that is local, else a fresh copy.

        Raises
        ------
        NotFoundError
            MLflow knows no such version.
        ModelRefusedError
            The version does not load through tactful's own loader.
        """
        with plainly(f"fetching {model} version {version}"):
            root = self._client.get_model_version_download_uri(model, version)
            return self._download(artifact_uri=f"{root}/{self._artifact_path(root, model, version)}")

    @contextmanager
    def model_folder(self, model: str, version: str) -> Iterator[Path]:
        """The whole folder that MLflow loads, with what MLflow wrote itself: in place if local, else a fleeting copy.

        Raises
        ------
        NotFoundError
            MLflow knows no such version.
        """
        with tempfile.TemporaryDirectory(prefix="tactful-") as private:
            with plainly(f"fetching {model} version {version}"):
                root = self._client.get_model_version_download_uri(model, version)
                source = self._client.get_logged_model(_id_in(root)).artifact_location if _id_in(root) else root
                options = {} if is_local(str(source)) else {"dst_path": private}
                folder = self._download(artifact_uri=str(source), **options)
            yield folder

    def artifact_in(self, folder: Path, model: str, version: str) -> Path:
        """Where the artifact lies in a folder of `model_folder`.

        Raises
        ------
        ModelRefusedError
            The version does not load through tactful's own loader.
        """
        return folder / data_path(folder / "MLmodel", model, version)

    def documents(self, model: str, version: str) -> dict[str, str]:
        """The text of every document at the top of the version's run, by file name, as MLflow holds it now."""
        with plainly(f"fetching the documents of {model} version {version}"):
            found = self.run_files(self.version(model, version).run_id)
            return {name: raw.decode("utf-8", errors="replace") for name, raw in found.items() if "/" not in name}

    def run(self, run_id: str) -> ShownFigures:
        """What MLflow shows of a run now, also of one that was deleted and not purged yet.

        Raises
        ------
        NotFoundError
            MLflow knows no such run.
        """
        with plainly(f"looking up run {run_id}"):
            found = self._client.get_run(run_id)
            data, info = found.data, found.info
            return ShownFigures(
                status=str(info.status),
                deleted=info.lifecycle_stage != "active",
                params=dict(data.params),
                metrics=dict(data.metrics),
                tags=dict(data.tags),
            )

    def logged_model(self, model_id: str) -> ShownFigures:
        """What MLflow shows of a logged model now.

        Raises
        ------
        NotFoundError
            MLflow knows no such logged model, or it was deleted.
        """
        with plainly(f"looking up logged model {model_id}"):
            found = self._client.get_logged_model(model_id)
            return ShownFigures(
                status=str(found.status),
                deleted=False,
                params=dict(found.params or {}),
                metrics={metric.key: metric.value for metric in found.metrics or ()},
                tags=dict(found.tags or {}),
            )

    def run_files(self, run_id: str) -> dict[str, bytes]:
        """Every file of a run as MLflow holds it now, by its path within the run.

        What is a link or a pipe, or larger than a document can be, is not read: it counts as empty.
        """
        with plainly(f"fetching the documents of run {run_id}"), tempfile.TemporaryDirectory() as private:
            local = is_local(str(self._client.get_run(run_id).info.artifact_uri))
            root = self._download(run_id=run_id, **({} if local else {"dst_path": private}))
            files = [path for path in sorted(root.rglob("*")) if path.is_symlink() or not path.is_dir()]
            return {path.relative_to(root).as_posix(): document_bytes(path) for path in files}

    def publish_approval(self, model: str, version: str, document: SignedDocument) -> None:
        """``approval.json`` lies beside ``manifest.json`` in the version's artifact, whatever was there before."""
        with plainly(f"publishing the decision on {model} version {version}"), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / APPROVAL
            path.write_text(document.to_json(), encoding="utf-8")
            root = self._client.get_model_version_download_uri(model, version)
            name = self._artifact_path(root, model, version)
            self._client.log_model_artifact(self.version(model, version).model_id, str(path), artifact_path=name)

    def set_champion(self, model: str, version: str) -> None:
        """The alias ``champion`` points at this version, and at no other."""
        with plainly(f"moving the alias of {model}"):
            self._client.set_registered_model_alias(model, CHAMPION, version)

    def clear_champion(self, model: str, version: str) -> None:
        """The alias ``champion`` does not point at this version; one that points elsewhere is left alone."""
        with plainly(f"removing the alias of {model}"):
            if self._aliases(model).get(CHAMPION) == version:
                self._client.delete_registered_model_alias(model, CHAMPION)

    def champion(self, model: str) -> str | None:
        """The version that the alias ``champion`` points at, or None."""
        with plainly(f"looking up {model}"):
            return self._aliases(model).get(CHAMPION)

    def set_status(self, model: str, version: str, status: str, *, decisions: Sequence[Decision] = ()) -> None:
        """The version's tag ``status`` reads so, and its page says who decided what about it, when and why.

        Parameters
        ----------
        model, version, status : str
        decisions : sequence of Decision
            Every decision about this version, the earliest first; without any the page stays as it is.
        """
        with plainly(f"tagging {model} version {version}"):
            if decisions:
                for name, value in decision_tags(decisions[-1]).items():
                    if value is None:
                        self._client.delete_model_version_tag(model, version, name)
                    else:
                        self._client.set_model_version_tag(model, version, name, value)
                self._client.update_model_version(model, version, description=version_text(status, decisions))
            self._client.set_model_version_tag(model, version, "status", status)

    def version(self, model: str, version: str) -> RegisteredVersion:
        """What MLflow shows of this version now.

        Raises
        ------
        NotFoundError
            MLflow knows no such model or version.
        """
        with plainly(f"looking up {model} version {version}"):
            return _shown(self._client.get_model_version(model, version), self._aliases(model))

    def versions(self, model: str) -> list[RegisteredVersion]:
        """Every version of a model as MLflow shows it, oldest first.

        Raises
        ------
        NotFoundError
            MLflow knows no such model.
        """
        with plainly(f"looking up {model}"):
            aliases = self._aliases(model)
            found = _pages(self._client.search_model_versions, f"name='{model}'")
            return sorted((_shown(each, aliases) for each in found), key=lambda shown: int(shown.version))

    def models(self) -> list[str]:
        """The names of all registered models, sorted."""
        with plainly("listing models"):
            return sorted(str(each.name) for each in _pages(self._client.search_registered_models, None))

    def _aliases(self, model: str) -> dict[str, str]:
        aliases = self._client.get_registered_model(model).aliases
        return {name: str(version) for name, version in aliases.items()}

    def _artifact_path(self, root: str, model: str, version: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            mlmodel = self._download(artifact_uri=f"{root}/MLmodel", dst_path=folder)
            return data_path(mlmodel, model, version)

    def _download(self, **source: str) -> Path:
        from mlflow.artifacts import download_artifacts

        return Path(download_artifacts(**source, tracking_uri=self.uri, registry_uri=self.uri))


def _open(uri: str) -> MlflowClient:
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
    make_folder(uri)
    with plainly("opening the MLflow store"), quiet():
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError as error:
            raise MissingExtraError("the model registry", extra="train", missing=str(error.name)) from error
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it announces each table it makes
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _shown(version: ModelVersion, aliases: Mapping[str, str]) -> RegisteredVersion:
    number = str(version.version)
    return RegisteredVersion(
        model=version.name,
        version=number,
        status=str(version.tags.get("status", "")),
        run_id=version.run_id or "",
        model_id=str(version.tags.get("model_id", "")),
        champion=aliases.get(CHAMPION) == number,
        tags=dict(version.tags),
        loads=_loads(version),
    )


def _id_in(source: str) -> str:
    """The id of a logged model in an address ``models:/m-…``; empty for any other address."""
    return source.removeprefix("models:/") if source.startswith("models:/") else ""


def _loads(version: ModelVersion) -> str:
    """The logged model that the version's source points at; what MLflow merely notes beside it loads nothing."""
    source = str(version.source or "")
    return _id_in(source) or next((part for part in PurePosixPath(source).parts if part.startswith("m-")), "")


def _pages(search: Callable[..., Any], condition: str | None) -> Iterator[Any]:
    token = None
    while True:
        page = search(condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
