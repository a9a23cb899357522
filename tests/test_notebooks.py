"""The notebooks: stored clean, they run from beginning to end, show what they say, and name nobody."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebook_runs import figures, named, run, said, stored_problems, surroundings, unexplained
from repository_search import hexadecimals
from tactful.personal.keys import Keys

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
SOMEBODY = "card-12345-26"
Notebook = dict[str, Any]


def executed() -> Any:
    """A small notebook as it is after running: words, then a figure."""
    words = nbformat.v4.new_markdown_cell("**What to look for.** A line.")
    drawn = nbformat.v4.new_output("display_data", data={"image/png": "aGVsbG8=", "text/plain": "<Figure>"})
    return nbformat.v4.new_notebook(cells=[words, nbformat.v4.new_code_cell("plt.show()", outputs=[drawn])])


def test_there_are_three_notebooks() -> None:
    """So that the tests below are about something."""
    assert [path.name[:2] for path in NOTEBOOKS] == ["1-", "2-", "3-"]


@pytest.mark.prove(minutes=2)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_shows_and_names_nobody(
    path: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """From a fresh kernel, offline, no cell fails; figures are explained; no output or stream holds a person's id."""
    ran = run(path, tmp_path)
    assert ran.notebook is not None, ran.streams[-3000:]
    assert ran.asked_for == ""
    assert len(figures(ran.notebook)) >= 2
    assert unexplained(ran.notebook) == []
    assert len(ran.user_ids) > 1000
    evidence = [*said(ran.notebook), ("streams", ran.streams)]
    assert named(evidence, ran.user_ids) == []
    assert ran.secrets is not None
    assert hexadecimals(evidence, set(Keys.load(ran.secrets).pseudonyms(sorted(ran.user_ids)))) == []
    shutil.rmtree(tmp_path / "scratch")  # tables of many megabytes
    record_property("evidence", f"{path.stem}: {ran.seconds:.0f} s, {len(figures(ran.notebook))} figures")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_clean(path: Path) -> None:
    """Valid, small, short cells; no outputs, counts, kernels or paths of a machine."""
    assert stored_problems(path) == []


def _with_output(notebook: Notebook) -> None:
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["hello"]}]


def _with_count(notebook: Notebook) -> None:
    notebook["cells"][1]["execution_count"] = 7


def _with_kernel(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "mine", "display_name": "mine"}


def _with_editor(notebook: Notebook) -> None:
    notebook["cells"][1]["metadata"] = {"collapsed": True}


def _with_path(notebook: Notebook) -> None:
    notebook["cells"][1]["source"] = ["open('/home/ada/purchases.csv')"]


def _with_long_cell(notebook: Notebook) -> None:
    notebook["cells"][1]["source"] = ["x = 1\n"] * 26


def _with_wide_line(notebook: Notebook) -> None:
    notebook["cells"][1]["source"] = ["x = " + "1" * 97]


def _too_large(notebook: Notebook) -> None:
    notebook["cells"][0]["source"] = ["word " * 10_000]


def _without_id(notebook: Notebook) -> None:
    del notebook["cells"][1]["id"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_with_output, "outputs"),
        (_with_count, "execution count"),
        (_with_kernel, "kernel"),
        (_with_editor, "metadata"),
        (_with_path, "path of a machine"),
        (_with_long_cell, "longer than 25 lines"),
        (_with_wide_line, "wider than 100 characters"),
        (_too_large, "larger than 40000 bytes"),
        (_without_id, "no valid notebook"),
    ],
)
def test_a_notebook_that_is_not_clean_is_found_out(
    change: Callable[[Notebook], None], problem: str, tmp_path: Path
) -> None:
    """Each thing that must not be stored, put into a notebook that is clean otherwise, is the one thing found."""
    notebook = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))
    notebook["cells"] = [next(c for c in notebook["cells"] if c["cell_type"] == kind) for kind in ("markdown", "code")]
    path = tmp_path / "changed.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert stored_problems(path) == []
    change(notebook)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    (found,) = stored_problems(path)
    assert problem in found


@pytest.mark.parametrize(
    "output",
    [
        nbformat.v4.new_output("stream", name="stdout", text=f"hello {SOMEBODY}\n"),
        nbformat.v4.new_output("stream", name="stderr", text=f"warning: {SOMEBODY}"),
        nbformat.v4.new_output("execute_result", data={"text/plain": f"Person('{SOMEBODY}')"}),
        nbformat.v4.new_output("display_data", data={"text/html": f"<td>{SOMEBODY}</td>"}),
        nbformat.v4.new_output("error", ename="KeyError", evalue=SOMEBODY, traceback=[]),
    ],
    ids=lambda output: output.output_type + output.get("name", ""),
)
def test_an_id_in_an_output_is_found(output: Any) -> None:
    """Streams, results, displays and errors: an id in any of them is seen, and nothing where there is none."""
    notebook = executed()
    assert named(said(notebook), [SOMEBODY]) == []
    notebook.cells[1].outputs.append(output)
    assert named(said(notebook), ["card-99999-11", SOMEBODY]) == [f"cell 2, {output.output_type}"]


def test_an_id_that_a_run_prints_is_found(tmp_path: Path) -> None:
    """A notebook that writes a table and prints one row of it is caught, with the ids read from its own table."""
    cell = (
        "import pathlib, tempfile\n"
        f"table = 'user_id,item_id\\n{SOMEBODY},milk\\n'\n"
        "pathlib.Path(tempfile.mkdtemp(), 'purchases.csv').write_text(table)\n"
        "print(table.splitlines()[1])"
    )
    path = tmp_path / "talkative.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), path)
    (tmp_path / "run").mkdir()
    ran = run(path, tmp_path / "run")
    assert ran.user_ids == {SOMEBODY}
    assert named(said(ran.notebook), ran.user_ids) == ["cell 1, stream"]


def test_a_figure_without_words_is_found() -> None:
    """A figure counts as explained only if a neighbouring cell says what to look for."""
    notebook = executed()
    assert (figures(notebook), unexplained(notebook)) == ([1], [])
    notebook.cells[0].source = "A picture."
    assert unexplained(notebook) == [1]


def test_a_call_to_another_machine_is_found(tmp_path: Path) -> None:
    """What runs in the notebooks' surroundings reaches nobody, and whoever tries is written down."""
    environment = surroundings(tmp_path)
    call = "import urllib.request as u; u.urlopen('http://example.invalid/', timeout=1)"
    done = subprocess.run([sys.executable, "-c", call], env=environment, capture_output=True, text=True, check=False)
    assert "there is no network here" in done.stderr
    assert "example.invalid" in Path(environment["ASKED_FOR"]).read_text()


def test_a_cell_that_fails_fails_the_run(tmp_path: Path) -> None:
    """An error in a cell is no notebook, and its streams say why."""
    path = tmp_path / "broken.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), path)
    (tmp_path / "run").mkdir()
    ran = run(path, tmp_path / "run")
    assert ran.notebook is None
    assert "ZeroDivisionError" in ran.streams
