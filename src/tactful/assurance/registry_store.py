"""Around the MLflow store, without MLflow: its address, its folders, its refusals in our words, what it shows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tactful.errors import ModelRefusedError, NotFoundError, UsageError
from tactful.scoring.artifact import read_document

_LARGEST = 64 * 2**20  # bytes of a document; a report with thousands of rows has a few million


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """What MLflow shows of one version of a model.

    Parameters
    ----------
    model, version : str
        The name, and MLflow's number as text.
    status : str
        The tag ``status``: ``candidate``, ``approved`` or ``rejected``, or empty.
    run_id, model_id : str
        MLflow's ids of the run and of the logged model; empty if MLflow has none.
    champion : bool
        Whether the alias ``champion`` points here.
    tags : mapping of str to str
        Every tag of the version.
    loads : str
        The id of the logged model that whoever loads this version gets; empty if MLflow has none.
    """

    model: str
    version: str
    status: str
    run_id: str
    model_id: str
    champion: bool
    tags: Mapping[str, str] = field(default_factory=dict)
    loads: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFigures:
    """What MLflow shows of a run or of a logged model.

    Parameters
    ----------
    status : str
        ``FINISHED`` for a run and ``READY`` for a logged model that are whole.
    deleted : bool
        Whether it was deleted and waits for being purged.
    params, tags : mapping of str to str
    metrics : mapping of str to float
    """

    status: str
    deleted: bool
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def default_uri() -> str:
    """A SQLite store under ``models/`` of the working folder."""
    return f"sqlite:///{Path.cwd() / 'models' / 'mlflow.db'}"


def artifact_location(uri: str) -> str | None:
    """Where a SQLite store's artifacts lie: beside its file. None for any other store, which knows its own place."""
    file = _sqlite_file(uri)
    return (file.parent / "mlartifacts").as_uri() if file else None


def make_folder(uri: str) -> None:
    """The folder of a SQLite store exists."""
    file = _sqlite_file(uri)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "the MLflow store needs a folder", given=f"{file} has none", do="Set MLFLOW_TRACKING_URI to another place"
        ) from error


def is_local(address: str) -> bool:
    """Whether MLflow reads files in place there, and copies nothing."""
    return urlsplit(address).scheme in ("", "file")


def document_bytes(path: Path) -> bytes:
    """The bytes of a document; none of what is a link or a pipe, or larger than a document can be."""
    try:
        return read_document(path, at_most=_LARGEST)
    except ModelRefusedError:
        return b""


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings that mlflow 3.17 raises against itself while it is imported stay unseen."""
    with warnings.catch_warnings():
        # its mapping uses a loading strategy that SQLAlchemy 2.1 has deprecated
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy", category=DeprecationWarning)
        # its own types for chat models are annotated with Any
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)
        yield


@contextmanager
def plainly(action: str) -> Iterator[None]:
    """MLflow's refusals become ours: what it does not know is not found, the rest is about the store or a name."""
    try:
        yield
    except Exception as error:
        code = getattr(error, "error_code", None)  # every exception of mlflow's has one
        if code is None:
            raise
        kind = NotFoundError if code in {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"} else UsageError
        raise kind(
            f"{action} must be possible in the MLflow store",
            given=f"MLflow says {code}: {_first_line(error)}",
            do="List what there is with `tactful models`, or set MLFLOW_TRACKING_URI to the right store",
        ) from error


def _first_line(error: Exception) -> str:
    """What went wrong in one line, without the password that an address may carry."""
    line = next(iter(str(error).splitlines()), "nothing more")
    return re.sub(r"//[^@/\s]*@", "//", line).rstrip(".")


def _sqlite_file(uri: str) -> Path | None:
    file = uri.partition("?")[0].removeprefix("sqlite:///")
    return Path(file).absolute() if uri.startswith("sqlite:///") and file else None
