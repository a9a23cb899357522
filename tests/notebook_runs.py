"""Runs a notebook as a stranger would, and looks for what must not be in one.

Run as a program it executes one notebook with the interpreter that runs it: ``python notebook_runs.py FROM TO``.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

LARGEST, LONGEST, WIDEST = 40_000, 25, 100  # bytes of a notebook, lines of a cell, characters of a line
_KERNEL = "this-interpreter"
_MACHINE = re.compile(r"(?<![\w.:])/(?:work|tmp|home|root|Users|opt|var|mnt|usr)\b|\b[A-Z]:\\")
_SECONDS = 600  # for one cell, on a busy machine
_OFFLINE = """
import os, sys

def _offline(event, arguments):
    if event == "socket.connect":
        host = arguments[1][0] if isinstance(arguments[1], tuple) else "local"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in ("local", "localhost", "127.0.0.1", "::1", "", None):
        with open(os.environ["ASKED_FOR"], "a") as log:
            print(event, host, file=log)
        raise OSError("there is no network here")

sys.addaudithook(_offline)
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A notebook that was executed, and what was said meanwhile.

    Attributes
    ----------
    notebook : NotebookNode or None
        With its outputs; None if a cell failed.
    streams : str
        What the program and its kernels wrote past the notebook.
    asked_for : str
        Machines that somebody tried to reach.
    user_ids : set of str
        Everybody in the tables that the notebook wrote.
    secrets : Path or None
        The secrets file that it made.
    seconds : float
    """

    notebook: Any
    streams: str
    asked_for: str
    user_ids: set[str]
    secrets: Path | None
    seconds: float


def run(notebook: Path, folder: Path) -> Ran:
    """The notebook executed in a new process, in folders of its own, with no network."""
    done, environment = folder / "executed.ipynb", surroundings(folder)
    began = time.perf_counter()
    command = [sys.executable, __file__, str(notebook), str(done)]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    asked = Path(environment["ASKED_FOR"])
    return Ran(
        notebook=nbformat.read(done, nbformat.NO_CONVERT) if found.returncode == 0 else None,
        streams=found.stdout + found.stderr,
        asked_for=asked.read_text() if asked.exists() else "",
        user_ids={user_id for path in (folder / "scratch").rglob("*.csv") for user_id in _people(path)},
        secrets=next((folder / "scratch").rglob("secrets.toml"), None),
        seconds=time.perf_counter() - began,
    )


def surroundings(folder: Path) -> dict[str, str]:
    """An environment of its own: home, scratch, kernel and no network; nothing of whoever runs the tests."""
    for name in ("home", "scratch", "runtime", "offline"):
        (folder / name).mkdir()
    (folder / "runtime").chmod(0o700)
    (folder / "offline/sitecustomize.py").write_text(_OFFLINE)
    kernel = folder / "jupyter/kernels" / _KERNEL
    kernel.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": start, "display_name": _KERNEL, "language": "python"}))
    ours = ("TACTFUL_", "MLFLOW_", "JUPYTER", "IPYTHON", "MPL", "XDG_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "scratch"),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "offline"),
        "ASKED_FOR": str(folder / "asked_for.txt"),
    }


def _people(path: Path) -> Iterator[str]:
    """The ids of people in a table, if it is one about people."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if "user_id" in (rows.fieldnames or ()):
            yield from (row["user_id"] for row in rows)


def stored_problems(path: Path) -> list[str]:
    """What a notebook must not have when it is stored, in words."""
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    found = [*_form(notebook), *(f"cell {n}: {what}" for n, cell in _cells(notebook) for what in _cell(cell))]
    if len(text.encode()) > LARGEST:
        found.append(f"it is larger than {LARGEST} bytes")
    return found


def _form(notebook: dict[str, Any]) -> Iterator[str]:
    """What is wrong with it as a whole."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a cell without an id is mended with a warning
            nbformat.validate(notebook)
    except (nbformat.ValidationError, Warning) as error:
        yield f"it is no valid notebook: {type(error).__name__}"
    if notebook.get("metadata") != {"language_info": {"name": "python"}}:
        yield "it holds metadata of somebody's kernel or editor"


def _cells(notebook: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from enumerate(notebook["cells"], start=1)


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one cell."""
    source = "".join(cell["source"])
    if cell.get("outputs"):
        yield "it has outputs"
    if cell.get("execution_count") is not None:
        yield "it has an execution count"
    if cell["metadata"]:
        yield "it has metadata"
    lines = source.splitlines() if cell["cell_type"] == "code" else []
    if len(lines) > LONGEST:
        yield f"it is longer than {LONGEST} lines"
    if any(len(line) > WIDEST for line in lines):
        yield f"a line is wider than {WIDEST} characters"
    if _MACHINE.search(source):
        yield "it names a path of a machine"


def said(notebook: Any) -> Iterator[tuple[str, str]]:
    """Everything that the cells of an executed notebook put out: where, and the text."""
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", ()):
            yield f"cell {number}, {output.output_type}", json.dumps(output, ensure_ascii=False)


def named(evidence: Iterable[tuple[str, str]], user_ids: Iterable[str]) -> list[str]:
    """The places where the id of a person stands."""
    wanted = tuple(user_ids)
    return [place for place, text in evidence if any(user_id in text for user_id in wanted)]


def figures(notebook: Any) -> list[int]:
    """The places of the cells that drew something."""
    drawn = [
        any("image/png" in output.get("data", {}) for output in cell.get("outputs", ())) for cell in notebook.cells
    ]
    return [place for place, there in enumerate(drawn) if there]


def unexplained(notebook: Any) -> list[int]:
    """Of these, the ones where neither the cell before nor the one after says what to look for."""
    words = [cell.cell_type == "markdown" and "look for" in cell.source.lower() for cell in notebook.cells]
    return [place for place in figures(notebook) if not any(words[max(place - 1, 0) : place + 2])]


def _execute(source: Path, done: Path) -> None:
    """The notebook with its outputs, if no cell fails."""
    from nbclient import NotebookClient

    notebook = nbformat.read(source, nbformat.NO_CONVERT)
    NotebookClient(notebook, timeout=_SECONDS, kernel_name=_KERNEL).execute()
    nbformat.write(notebook, done)


if __name__ == "__main__":
    _execute(Path(sys.argv[1]), Path(sys.argv[2]))
