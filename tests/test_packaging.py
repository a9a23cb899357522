"""What is built and handed out: one version everywhere, papers whose references hold, and a wheel that works alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import repository_papers as papers
from repository_quality import machine_paths

PROJECT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [papers.dead_links, papers.missing_files, papers.missing_names, papers.unknown_commands]
COPIED = ("README.md", "CHANGELOG.md", "CITATION.cff", "Makefile", "pyproject.toml", ".github")
PRIVATE = re.compile(r"\.(key|pem|db|sqlite|parquet|npy)$|secrets\.toml$|approval\.json$|manifest\.json$")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project that has the papers, and links to everything else."""
    for path in PROJECT.iterdir():
        if path.name in COPIED:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
        elif path.name not in (".git", ".venv"):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_papers_refer_to_is_there(rule: Rule) -> None:
    """Links, headings, files, names and commands in README, changelog, and what contributors and reporters read."""
    assert {".github/CONTRIBUTING.md", ".github/SECURITY.md", "CHANGELOG.md", "README.md"} <= {
        paper.relative_to(PROJECT).as_posix() for paper in papers.papers(PROJECT)
    }
    assert rule(PROJECT) == []


@pytest.mark.parametrize(
    ("rule", "name", "line"),
    [
        (papers.dead_links, "README.md", "[more](#nowhere)"),
        (papers.dead_links, "README.md", "[more](docs/gone.md)"),
        (papers.dead_links, ".github/SECURITY.md", "[limits](../README.md#what-is-protected)"),
        (papers.dead_links, "CHANGELOG.md", "[more](README.md#what-is-promise)"),
        (papers.missing_files, ".github/CONTRIBUTING.md", "See `tests/test_gone.py`."),
        (papers.missing_files, ".github/SECURITY.md", "See `scoring/gone.py`."),
        (papers.missing_files, ".github/CONTRIBUTING.md", "See `tests/gone_*.py`."),
        (papers.missing_names, ".github/CONTRIBUTING.md", "`tests/test_packaging.py::gone`"),
        (papers.missing_names, ".github/CONTRIBUTING.md", "`tests/gone.py::test_it`"),
        (papers.unknown_commands, ".github/SECURITY.md", "`tactful keys forget`"),
        (papers.unknown_commands, "README.md", "`tactful keys rotate --backwards`"),
        (papers.unknown_commands, "CHANGELOG.md", "`tactful debias grocery`"),
        (papers.unknown_commands, "README.md", "```console\n$ tactful budget --all\n```"),
    ],
)
def test_a_reference_to_nothing_is_found(rule: Rule, name: str, line: str, copy: Path) -> None:
    """In each paper, and nothing else is found there."""
    paper = copy / name
    paper.write_text(paper.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    assert len(rule(copy)) == 1


def test_one_version() -> None:
    """Of pyproject.toml, of the package as it says itself, of the citation and of the newest entry of the changelog."""
    import tactful

    assert set(papers.versions(PROJECT).values()) == {tactful.__version__} == {version("tactful")}


@pytest.mark.parametrize("name", ["CITATION.cff", "CHANGELOG.md", "pyproject.toml"])
def test_another_version_is_noticed(name: str, copy: Path) -> None:
    """In each of the three."""
    told = papers.versions(PROJECT)[name]
    text = (copy / name).read_text(encoding="utf-8")
    (copy / name).write_text(text.replace(str(told), "9.9.9", 1), encoding="utf-8")
    assert set(papers.versions(copy).values()) == {told, "9.9.9"}


def test_classifiers_name_the_python_that_is_tested(copy: Path) -> None:
    """The Makefile's, and no other; another one is noticed."""
    assert papers.untested_pythons(PROJECT) == []
    text = (copy / "pyproject.toml").read_text(encoding="utf-8")
    more = text.replace('  "Topic :: Security",\n', '  "Programming Language :: Python :: 3.14",\n')
    assert more != text
    (copy / "pyproject.toml").write_text(more, encoding="utf-8")
    assert papers.untested_pythons(copy) == ["3.14"]


def test_the_citation_has_what_its_format_asks_for() -> None:
    """Version 1.2.0 requires these four, and of an author that is an entity its name."""
    found = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    known = {"cff-version", "message", "title", "authors", "type", "abstract", "version", "license", "keywords"}
    assert {"cff-version", "message", "title", "authors"} <= set(found) <= known
    assert found["cff-version"] == "1.2.0"
    assert found["authors"] == [{"name": "The tactful developers"}]
    assert found["type"] in ("software", "dataset")


def test_hooks_download_nothing_and_name_no_machine() -> None:
    """Each hook is the project's own tool, or none."""
    found = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in found["repos"]} == {"local"}
    hooks = [hook for repo in found["repos"] for hook in repo["hooks"]]
    assert {hook["language"] for hook in hooks} <= {"system", "pygrep", "fail"}
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks if hook["language"] == "system")
    for name in (".pre-commit-config.yaml", "CITATION.cff", "CHANGELOG.md", ".github"):
        assert machine_paths(PROJECT / name) == []


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and a source distribution, built from a copy of what is tracked."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, source / name)
    run(sys.executable, "-m", "build", "--outdir", str(out), str(source))
    return out


def tracked() -> list[str]:
    """The files of the project that git tracks, as they are now."""
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (PROJECT / name).is_file()]


def run(*command: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """What a command prints on both its outputs; it must end well, without what this shell's Python would also find."""
    known = {name: value for name, value in (environment or os.environ).items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=known, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def only(folder: Path, pattern: str) -> Path:
    """The one file of this name."""
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.prove(minutes=1)
def test_what_is_built_is_sound(built: Path) -> None:
    """Twine finds nothing to say; the source distribution has the README, the licence and the sources."""
    told = run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir()))
    assert told.count("PASSED") == 2
    with tarfile.open(only(built, "*.tar.gz")) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"README.md", "LICENSE", "pyproject.toml", "src/tactful/__init__.py"} <= names
    assert [name for name in names if PRIVATE.search(name)] == []


@pytest.mark.prove
def test_the_wheel_holds_what_runs_and_nothing_else(built: Path) -> None:
    """Every tracked file of the package and no other: templates, schemas, the plan's table, types; no test, no key."""
    with zipfile.ZipFile(only(built, "*.whl")) as file:
        names = {name for name in file.namelist() if not name.endswith("/")}
    package = {name.removeprefix("src/") for name in tracked() if name.startswith("src/tactful/")}
    inside = {name for name in names if name.startswith("tactful/")}
    assert inside == package
    assert {"tactful/py.typed", "tactful/plan_table.json", "tactful/scoring/service.schema.json"} <= inside
    assert {name.rpartition("/")[0] for name in inside} >= {"tactful/assurance/templates", "tactful/desk/templates"}
    assert {name.partition("/")[0] for name in names - inside} == {f"tactful-{version('tactful')}.dist-info"}
    assert [name for name in names if PRIVATE.search(name) or "test" in name.split("/")] == []


@pytest.fixture(scope="module")
def alone(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel and what it requires, in the locked versions."""
    folder = tmp_path_factory.mktemp("alone")
    run(sys.executable, "-m", "venv", str(folder))
    lock, wheel = str(PROJECT / "requirements.lock"), str(only(built, "*.whl"))
    run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--constraint", lock, wheel)
    return folder / "bin"


@pytest.mark.prove(minutes=2)
def test_the_wheel_alone_scores(alone: Path, tmp_path: Path) -> None:
    """A model that is in no folder is looked for by `Recommender`, from the installed package, with two libraries."""
    where = run(str(alone / "python"), "-c", "import tactful.scoring as s; print(s.__file__)", folder=tmp_path)
    assert str(alone.parent) in where
    asked = "from tactful.scoring import Recommender; import tactful; print(tactful.__version__, Recommender.__name__)"
    assert run(str(alone / "python"), "-c", asked, folder=tmp_path).split() == [version("tactful"), "Recommender"]
    installed = run(str(alone / "python"), "-m", "pip", "list", "--format", "freeze").splitlines()
    names = {line.partition("==")[0] for line in installed} - {"pip", "setuptools"}
    assert names == {"tactful", "numpy", "cryptography", "cffi", "pycparser"}


@pytest.mark.prove
def test_the_wheel_alone_says_which_extra_a_training_takes(alone: Path, tmp_path: Path) -> None:
    """In one line, with the command that installs it, and no traceback."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TACTFUL")}
    done = subprocess.run(
        [alone / "tactful", "train", "mine.toml"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "tactful[train]" in line
