"""What every file of the project keeps to, each rule a function from a folder to its violations, one line each."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from repository_source import Module, modules

Function = ast.FunctionDef | ast.AsyncFunctionDef
LONGEST = 300
TEXTS = (".py", ".toml", ".md", ".html", ".css", ".txt", ".ipynb")
_UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK|TBD|WIP)\b|NotImplemented|\bplaceholder\b|\bstub\b|lorem ipsum", re.IGNORECASE
)
_MACHINE = re.compile(r"(?<![\w.:/~-])/(?:work|root|tmp|home|Users|var/folders)/|[A-Z]:\\\\Users")


def undocumented(package: Path) -> list[str]:
    """Public modules, classes and functions without a docstring; an overload or a setter needs none of its own."""
    return [
        f"{module.path}:{node.lineno} {node.name}"
        for module in modules(package)
        for node in _public(module)
        if not ast.get_docstring(node)
    ] + [f"{module.path}:1" for module in modules(package) if not ast.get_docstring(module.tree)]


def unannotated(package: Path) -> list[str]:
    """Functions, private ones too, with a parameter or a result that has no annotation."""
    return [
        f"{module.path}:{node.lineno} {node.name}"
        for module in modules(package)
        for node, _ in module.nodes
        if isinstance(node, Function) and (node.returns is None or any(a.annotation is None for a in _parameters(node)))
    ]


def unfinished(package: Path) -> list[str]:
    """Bodies that do nothing, and words for what is yet to be done; a protocol's methods have no body."""
    found = []
    for module in modules(package):
        for node, _ in module.nodes:
            if isinstance(node, Function) and not _does_something(node) and not _in_protocol(module, node):
                found.append(f"{module.path}:{node.lineno} {node.name}")
    return found + _lines(package, _UNFINISHED)


def machine_paths(folder: Path) -> list[str]:
    """Lines that name a folder of somebody's machine."""
    return _lines(folder, _MACHINE)


def too_long(package: Path) -> list[str]:
    """Files over 300 lines whose docstring does not say why they are longer."""
    return [
        f"{module.path}: {lines} lines"
        for module in modules(package)
        if (lines := len((package / module.path).read_text(encoding="utf-8").splitlines())) > LONGEST
        and "longer than" not in (ast.get_docstring(module.tree) or "")
    ]


def unsorted_exports(package: Path) -> list[str]:
    """Lists ``__all__`` that are not sorted, repeat a name or promise one that is not there."""
    found = []
    for module in modules(package):
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                if names != sorted(set(names), key=_exported) or not set(names) <= _names(module):
                    found.append(f"{module.path}:{node.lineno}")
    return found


def unexplained_pins(project: Path) -> list[str]:
    """Requirements held more tightly than at the next breaking release, on a line without a comment that says why."""
    lines = (project / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    quoted = [(line, part) for line in lines for part in re.findall(r'"([^"]+)"', line.partition("  #")[0])]
    return [part for line, part in quoted if _tight(part) and "  # " not in line]


def unpinned(project: Path) -> list[str]:
    """Requirements without a lower bound, but for the tools of development."""
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"]
    asked = table["dependencies"] + [r for name, listed in extras.items() if name != "dev" for r in listed]
    return [r for r in asked if not r.startswith("tactful[") and not re.search(r">=|==", r)]


def _public(module: Module) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions, and the public methods of public classes."""
    for node, scope in module.nodes:
        named = isinstance(node, Function | ast.ClassDef)
        if named and not any(name.startswith("_") for name in (*scope, node.name)) and not _nested(module, scope):
            yield node


def _nested(module: Module, scope: tuple[str, ...]) -> bool:
    """Whether the scope is inside a function, where nothing is public."""
    functions = {node.name for node, around in module.nodes if isinstance(node, Function) and around == scope[:-1]}
    return bool(scope) and scope[-1] in functions


def _parameters(node: Function) -> list[ast.arg]:
    """Every parameter that needs an annotation."""
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [a for a in named if a.arg not in ("self", "cls")] + starred


def _does_something(node: Function) -> bool:
    """Whether the body holds more than a docstring, ``pass`` or ``...``."""
    return any(
        not isinstance(line, ast.Pass) and not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in node.body
    )


def _in_protocol(module: Module, node: Function) -> bool:
    """Whether the function is a method of a protocol."""
    return any(
        isinstance(kind, ast.ClassDef) and node in kind.body and any("Protocol" in ast.unparse(b) for b in kind.bases)
        for kind, _ in module.nodes
    )


def _names(module: Module) -> set[str]:
    """What a module has at its top, by definition, import or assignment; a facade's lazy names stand in a table."""
    found = {
        alias.asname or alias.name
        for node, _ in module.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in module.tree.body:
        if isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {ast.unparse(target) for target in targets}
    return found


def _exported(name: str) -> tuple[int, str]:
    """The linter's order of exported names: constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


def _lines(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """The lines of a file, or of the text files under a folder, in which the pattern is found."""
    files = [folder] if folder.is_file() else [f for f in sorted(folder.rglob("*")) if f.suffix in TEXTS]
    return [
        f"{file.name}:{number} {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def _tight(requirement: str) -> bool:
    """Whether a requirement excludes releases that by their numbers break nothing: ``==1.2``, or ``>=1.6,<1.9``."""
    if "==" in requirement:
        return True
    above = re.search(r"<=?(\d+)(?:\.(\d+))?", requirement)
    if above is None or above[2] is None:
        return False
    return int(above[1]) > 0 or re.search(rf">=0\.{int(above[2]) - 1}\b", requirement) is None
