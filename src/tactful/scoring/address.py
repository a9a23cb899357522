"""Where a model lives: a folder, an MLflow model folder, or a ``models:/`` address of the registry.

MLflow is imported only when a ``models:/`` address is resolved; the extra ``registry`` is enough for that.

Notes
-----
What is local is read in place, so that processes share its pages: whoever can write the model store can alter a loaded
model's mapped pages. What is remote is fetched into a folder that only this user may read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from tactful.errors import MissingExtraError, NotFoundError, UsageError
from tactful.scoring.artifact import APPROVAL, MANIFEST, read_document

DEFAULT_STORE = "sqlite:///models/mlflow.db"
_REGISTERED = "registered_model_meta"  # what MLflow writes beside MLmodel when it fetches a registered version
_FACT = re.compile(r"^(model_name|model_version): +('?)(?!null$)([\w. -]+)\2$", re.MULTILINE)
_NAMED = re.compile(r"(?P<name>[^/@:]+)(@(?P<version>[1-9][0-9]*))?")
_ADDRESS = re.compile(r"models:/(?P<model>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[1-9][0-9]*))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A folder with a manifest, and what it is according to where it was found.

    Attributes
    ----------
    folder : Path
    model, version : str or None
        What the registry says. Without a registry: what MLflow noted when it fetched the version, or at least the name
        that the artifact has inside a folder that MLflow saved; else None.
    store : str or None
        The address of the registry that was asked.
    """

    folder: Path
    model: str | None = None
    version: str | None = None
    store: str | None = None


@contextmanager
def resolve(address: str | Path) -> Iterator[Located]:
    """The model is in a local folder for as long as the context lasts.

    Parameters
    ----------
    address : str or Path
        An artifact; a folder that MLflow saved (``MLmodel`` and ``data/<name>/``); ``models:/name@alias``; or
        ``models:/name/version``. The tracking URI is ``MLFLOW_TRACKING_URI``, else ``sqlite:///models/mlflow.db``.

    Yields
    ------
    Located
        What is remote is fetched into a private folder and removed afterwards; arrays that were mapped stay valid.

    Raises
    ------
    NotFoundError
        If the folder, the store, the model, the version or the alias does not exist.
    MissingExtraError
        If a ``models:/`` address is given and MLflow is not installed.
    """
    if str(address).startswith("models:"):
        with _from_registry(str(address)) as located:
            yield located
    else:
        yield _as_saved(_artifact_in(Path(address)))


@contextmanager
def glance(address: str | Path) -> Iterator[Located]:
    """The decision that lies beside a model is in a local folder, and no model was fetched for it.

    Parameters
    ----------
    address : str or Path
        As for `resolve`.

    Yields
    ------
    Located
        What is local is the artifact itself. Of what is remote there is ``approval.json``, or nothing if it was not to
        be had; that it lies under ``data/<name>/`` is how `tactful train` registers.

    Raises
    ------
    NotFoundError, MissingExtraError
        As for `resolve`.
    """
    if str(address).startswith("models:"):
        with _from_registry(str(address), decision_only=True) as located:
            yield located
    else:
        yield _as_saved(_artifact_in(Path(address)))


def named_version(address: str | Path, version: str) -> str | Path:
    """The address of exactly this version, where the address is one of a registry; else the address itself."""
    if not str(address).startswith("models:"):
        return address
    return f"models:/{_parts(str(address))[0]}/{version}"


def whole_address(model: str | Path) -> str | Path:
    """What somebody means who types a model's name, for its champion, or ``name@version``; anything else as it is."""
    named = _NAMED.fullmatch(str(model))
    if named is None or Path(model).is_dir():
        return model
    return f"models:/{named['name']}" + (f"/{named['version']}" if named["version"] else "@champion")


def _artifact_in(folder: Path) -> Path:
    """The folder that holds the manifest: this one, or the one inside a saved MLflow model."""
    if (folder / MANIFEST).exists():
        return folder
    if (folder / "MLmodel").exists():
        inside = [path.parent for path in sorted(folder.glob(f"data/*/{MANIFEST}"))]
        if len(inside) == 1:
            return inside[0]
    raise NotFoundError(
        f"a model is a folder with {MANIFEST}, or one that MLflow saved from it",
        given=f"{folder} is none",
        do="Check the path, or give a models:/ address",
    )


def _as_saved(folder: Path) -> Located:
    """The artifact, and its name and version where it lies in a folder that MLflow saved: ``data/<name>``."""
    whole = folder.absolute()
    saved = whole.parents[1] if whole.parent.name == "data" else folder
    if saved == folder or not (saved / "MLmodel").exists():
        return Located(folder=folder)
    noted = saved / _REGISTERED
    text = read_document(noted).decode("utf-8", errors="replace") if noted.exists() else ""
    facts = {match[1]: match[3] for match in _FACT.finditer(text)}
    return Located(folder=folder, model=facts.get("model_name", whole.name), version=facts.get("model_version"))


def _parts(address: str) -> tuple[str, str | None, str | None]:
    """Name, alias and version in a registry address."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise UsageError(
            "a registry address is models:/name@alias or models:/name/version",
            given=f"it was {address}",
            do="For example: models:/grocery@champion",
        )
    return match["model"], match["alias"], match["version"]


def tracking_uri() -> str:
    """The MLflow store that is asked.

    Raises
    ------
    NotFoundError
        If it is a SQLite file that does not exist: reading must not create a store.
    """
    uri = store_uri()
    file = sqlite_file(uri)
    if file and not file.is_file():
        raise NotFoundError(
            "a models:/ address needs an MLflow store",
            given=f"{file} is none",
            do="Train first, or set MLFLOW_TRACKING_URI",
        )
    return uri


def store_uri() -> str:
    """The MLflow store that ``MLFLOW_TRACKING_URI`` names, else the default; it need not exist."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE


def sqlite_file(uri: str) -> Path | None:
    """The file of a store in SQLite; None for any other."""
    parts = urlsplit(uri)
    file = unquote(parts.path).removeprefix("/")
    return Path(file) if parts.scheme.startswith("sqlite") and file else None


@contextmanager
def _from_registry(address: str, *, decision_only: bool = False) -> Iterator[Located]:
    """The files of a registered version; what is local is used in place."""
    name, alias, version = _parts(address)
    uri = tracking_uri()
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a service asks its own store, and nobody else
    try:
        from mlflow import MlflowClient
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        client = MlflowClient(tracking_uri=uri)
    except ModuleNotFoundError as missing:
        raise MissingExtraError(f"loading {address}", extra="registry", missing=missing.name or "mlflow") from missing
    with TemporaryDirectory(prefix="tactful-") as private:
        try:
            found = version or str(client.get_model_version_by_alias(name, str(alias)).version)
            source = _source(client, name, found)
            local, folder = urlsplit(source).scheme in ("", "file"), Path(private)
            if local or not decision_only:
                target = None if local else private
                folder = Path(download_artifacts(artifact_uri=source, dst_path=target, tracking_uri=uri))
                folder = _artifact_in(folder)
            else:
                with suppress(MlflowException, OSError):
                    wanted = f"{source}/data/{name}/{APPROVAL}"
                    download_artifacts(artifact_uri=wanted, dst_path=private, tracking_uri=uri)
        except (MlflowException, OSError) as error:
            raise _not_found(address, getattr(error, "error_code", None)) from error
        yield Located(folder=folder, model=name, version=found, store=uri)


def _not_found(address: str, code: str | None) -> NotFoundError:
    """The error for what is not registered, not readable, or cannot be asked for."""
    given = {
        None: "the files are not",
        "RESOURCE_DOES_NOT_EXIST": "it is not",
        "NOT_FOUND": "it is not",
        "INVALID_PARAMETER_VALUE": "no version has this alias: none was approved, or it was retired or rejected",
    }.get(code, "the store did not answer")
    return NotFoundError(
        f"{address} must be registered and its files readable", given=given, do="List what there is: tactful models"
    )


def _source(client: Any, name: str, version: str) -> str:
    """Where the files of a version lie; MLflow's own way reads the process-wide URI and writes into the store."""
    source = str(client.get_model_version_download_uri(name, version))
    if source.startswith("models:/"):
        source = str(client.get_logged_model(source.removeprefix("models:/")).artifact_location)
    return source
