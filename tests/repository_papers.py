"""What the project's papers refer to, each rule a function from a folder to its violations, one line each."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import typer

from readme_commands import commands
from tactful.cli.application import APPS
from tactful.cli.contents import CONTENTS, GROUPS

PAPERS = ("README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md", "models/README.md")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_FOLDERS = r"\.ci|\.github|configs|notebooks|src|tests|models"
_FILE = re.compile(rf"`((?:{_FOLDERS})/[\w./*-]*|[\w.-]+\.(?:lock|cff|yaml|toml))`")
_ROOM = re.compile(r"`((?:personal|privacy|released|assurance|scoring|records|desk|benchmarks|cli)/[\w./-]+\.py)`")
_NAME = re.compile(r"`([\w/.]+\.py)::([\w.]+)`")
_PYTHON = re.compile(r"python(3\.\d+)")


def papers(project: Path) -> list[Path]:
    """Those that are there."""
    return [project / name for name in PAPERS if (project / name).is_file()]


def dead_links(project: Path) -> list[str]:
    """Links to a file or a heading that is not there; addresses elsewhere are not asked for."""
    found = []
    for paper in papers(project):
        for target in _LINK.findall(_FENCED.sub("", paper.read_text(encoding="utf-8"))):
            name, _, anchor = target.partition("#")
            if "://" in name or name.startswith("mailto:"):
                continue
            there = (paper.parent / name) if name else paper
            if not there.exists() or (anchor and anchor not in anchors(there)):
                found.append(f"{paper.name}: {target}")
    return found


def anchors(paper: Path) -> set[str]:
    """What headings of a paper are called in links."""
    text = _FENCED.sub("", paper.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


def missing_files(project: Path) -> list[str]:
    """Files in backticks that are not there: from the project's folder, or of a room of the package.

    What a run makes under models/ is nobody's to have, and what a service keeps has no folder.
    """
    found = []
    for paper in papers(project):
        text = paper.read_text(encoding="utf-8")
        named = [name for name in _FILE.findall(text) if not _made(name)]
        named += [f"src/tactful/{name}" for name in _ROOM.findall(text)]
        found += [f"{paper.name}: {name}" for name in named if not _there(project, name)]
    return found


def missing_names(project: Path) -> list[str]:
    """Names given as `file.py::name` that the file does not define."""
    found = []
    for paper in papers(project):
        for name, wanted in _NAME.findall(paper.read_text(encoding="utf-8")):
            file = project / name
            last = re.escape(wanted.rpartition(".")[2])
            defined = rf"^\s*(?:(?:async )?def|class) {last}\b|^\s*{last}\b *(?:[:=])"
            if not file.is_file() or not re.search(defined, file.read_text(encoding="utf-8"), re.MULTILINE):
                found.append(f"{paper.name}: {name}::{wanted}")
    return found


def unknown_commands(project: Path) -> list[str]:
    """Commands, quoted in a paper or a configuration, that the command line does not have so, and what is wrong."""
    texts = [*papers(project), *sorted((project / "configs").glob("*.toml"))]
    said = {(file.name, line): problem(line) for file in texts for line in quoted(file.read_text(encoding="utf-8"))}
    return [f"{name}: {line}: {wrong}" for (name, line), wrong in said.items() if wrong]


def quoted(text: str) -> Iterator[str]:
    """Every command that a text quotes: in a console block, between backticks, or as a comment in a configuration."""
    for found in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        yield from (line for line in commands(found) if line.startswith("tactful "))
    yield from (" ".join(found.split()) for found in re.findall(r"`(tactful [^`]+)`", _FENCED.sub("", text)))
    yield from re.findall(r"(?:^# |: )(tactful [a-z][^\n;()`]*)", text, flags=re.MULTILINE)


def problem(line: str) -> str | None:
    """What is wrong with a command as it is quoted: a word or an option that there is not."""
    words = shlex.split(line.replace("\\\n", " ").replace("…", " ").split(" >> ")[0].split(", ")[0], comments=True)[1:]
    if not words or words[0] in ("COMMAND", "--install-completion"):
        return None
    group, name = (words[0], words[1] if len(words) > 1 else "") if words[0] in GROUPS else ("tactful", words[0])
    if group != "tactful" and (not name or name.startswith("-")):
        return None  # a group by itself
    if name not in CONTENTS[group]:
        return f"no command {name}"
    import_module(f"tactful.cli.{CONTENTS[group][name].module}")
    command = typer.main.get_group(APPS[group]).commands[name]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    given = {word.partition("=")[0].rstrip(".,:") for word in words if re.match(r"--?[a-z]", word)}
    return f"no option {min(given - known)}" if given - known else None


def versions(project: Path) -> dict[str, str | None]:
    """The version as each file that names it has it."""
    citation = re.search(r"^version: (\S+)$", (project / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    newest = re.search(r"^## \[?(\d[^\]\s]*)", (project / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {
        "pyproject.toml": _project(project)["version"],
        "CITATION.cff": citation and citation[1],
        "CHANGELOG.md": newest and newest[1],
    }


def untested_pythons(project: Path) -> list[str]:
    """Versions of Python that the classifiers name and the Makefile does not run."""
    run = set(_PYTHON.findall((project / "Makefile").read_text(encoding="utf-8")))
    claimed = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", c) for c in _project(project)["classifiers"]]
    return [match[1] for match in claimed if match and match[1] not in run]


def _project(project: Path) -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def _made(name: str) -> bool:
    """Whether a run makes it, or a business writes it."""
    return (name.startswith("models/") and name != "models/README.md") or name in (
        "privacy_statement.yaml",
        "configs/mine.toml",
        "map.toml",
        "secrets.toml",
    )


def _there(project: Path, name: str) -> bool:
    """Whether there is such a file or folder; a star stands for any."""
    return any(project.glob(name.rstrip("/"))) if "*" in name else (project / name).exists()
