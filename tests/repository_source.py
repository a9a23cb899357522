"""A source tree as the laws see it: its modules, and what each imports, in functions and under `TYPE_CHECKING` too.

Every function takes the folder of the package, so that a law can be held against a copy with a violation in it. What
was read once is kept by its text: a copy costs only the files that differ.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "tactful"
Scope = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One name that a module takes from another.

    `target` is a module of the package where that can be told, `name` what is taken from it (empty: the module itself),
    `scope` the classes and functions around the statement.
    """

    target: str
    name: str
    scope: Scope
    line: int

    @property
    def top(self) -> str:
        """The distribution's top-level module."""
        return self.target.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Module:
    """A file of the package; `nodes` are all of its syntax tree, each with the classes and functions around it."""

    path: str
    name: str
    tree: ast.Module
    nodes: tuple[tuple[ast.AST, Scope], ...]

    @property
    def room(self) -> str:
        """The folder under the package, or the file if it lies in none."""
        return self.path.partition("/")[0].removesuffix(".py")


def modules(package: Path) -> list[Module]:
    """Every file of the package, in order."""
    files = sorted(package.rglob("*.py"))
    return [_module(file.relative_to(package).as_posix(), file.read_text(encoding="utf-8")) for file in files]


@lru_cache(maxsize=1024)
def _module(path: str, text: str) -> Module:
    name = ".".join(["tactful", *path.removesuffix(".py").removesuffix("__init__").strip("/").split("/")]).strip(".")
    tree = ast.parse(text)
    return Module(path=path, name=name, tree=tree, nodes=tuple(_walk(tree, ())))


@lru_cache(maxsize=2048)
def imports(module: Module, known: frozenset[str]) -> tuple[Import, ...]:
    """Everything the module imports: by statement, by `import_module` or `__import__`, in functions as well.

    ``from package import module`` is an import of the module, if `known` has it.
    """
    found: list[Import] = []
    for node, scope in module.nodes:
        for target, name in _taken(node, module):
            inner = f"{target}.{name}"
            place = (inner, "") if inner in known else (target, name)
            found.append(Import(target=place[0], name=place[1], scope=scope, line=getattr(node, "lineno", 0)))
    return tuple(found)


def everything(package: Path) -> list[tuple[Module, tuple[Import, ...]]]:
    """Every module with its imports."""
    found = modules(package)
    known = frozenset(module.name for module in found)
    return [(module, imports(module, known)) for module in found]


def called(node: ast.AST) -> str:
    """The last name of what a call calls: ``draw`` in ``self._noise.draw(...)``; empty if the node is no call."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _walk(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    for child in ast.iter_child_nodes(node):
        yield child, scope
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield from _walk(child, (*scope, child.name) if named else scope)


def _taken(node: ast.AST, module: Module) -> list[tuple[str, str]]:
    """(module, name) pairs of one statement or call."""
    if isinstance(node, ast.Import):
        return [(alias.name, "") for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(_absolute(node, module), alias.name) for alias in node.names]
    if called(node) in ("import_module", "__import__", "find_spec", "LazyLoader"):
        assert isinstance(node, ast.Call)
        return [(arg.value, "") for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return []


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """The module that a relative import names."""
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    above = node.level - (1 if module.path.endswith("__init__.py") else 0)
    return ".".join([*package[: len(package) - above], *([node.module] if node.module else [])])
