"""The command line's applications, and what all commands share. A command's own libraries load when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tactful import __version__
from tactful.cli import show
from tactful.cli.contents import CONTENTS, GROUPS, Entry

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, alone on standard output.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No steps: say only what was asked for, and what went wrong.")
]
Model = Annotated[str, typer.Argument(help="Name of a registered model.")]
Served = Annotated[
    str, typer.Argument(help="A model's name (its champion), NAME@VERSION, a models:/ address, or a folder.")
]
_HELP = {"help_option_names": ["-h", "--help"]}


class Contents(TyperGroup):
    """A group that lists its commands from `CONTENTS` and loads the one that is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.entries: Mapping[str, Entry] = CONTENTS[self.name or "tactful"]
        loaded = self.commands
        self.commands = {name: loaded.get(name) or _listed(name, entry) for name, entry in self.entries.items()}
        self.commands |= {name: command for name, command in loaded.items() if name not in self.entries}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, with everything it takes."""
        entry = self.entries.get(args[0])
        if entry is not None:
            import_module(f"tactful.cli.{entry.module}")
            self.commands[args[0]] = typer.main.get_group(APPS[self.name or "tactful"]).commands[args[0]]
        return super().resolve_command(ctx, args)


def _listed(name: str, entry: Entry) -> TyperCommand:
    """A command as the list of commands shows it."""
    return TyperCommand(name, help=entry.help, rich_help_panel=entry.panel)


class Application(typer.Typer):
    """An application or group whose commands all take ``--quiet``, and speak as their options want it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            cls=Contents,
            no_args_is_help=True,
            pretty_exceptions_enable=False,  # tracebacks with local variables would print rows about people
            context_settings=_HELP,
            **options,
        )

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Register a function as a command."""
        register = super().command(name, **options)

        def registered(function: Callable[..., None]) -> Callable[..., None]:
            """The function as it was, after its spoken form has become a command."""
            register(_spoken(function))
            return function

        return registered


def _spoken(function: Callable[..., None]) -> Callable[..., None]:
    """The function with ``--quiet``; for ``--json``, what it says to people makes way for the object."""

    def spoken(*, quiet: bool, **given: Any) -> None:
        """Replaced below by what the function says of itself."""
        with show.manner(json=bool(given.get("json")), quiet=quiet):
            function(**given)

    taken = inspect.signature(function, eval_str=True)
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in taken.parameters.values()]
    quiet = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet)
    spoken.__signature__ = taken.replace(parameters=[*parameters, quiet])  # type: ignore[attr-defined]
    spoken.__name__, spoken.__doc__, spoken.__module__ = function.__name__, function.__doc__, function.__module__
    return spoken


app = Application(name="tactful")
benchmark, consent, journal, keys, subject, vault = (Application(name=name) for name in sorted(GROUPS))
APPS = {"tactful": app} | dict(zip(sorted(GROUPS), (benchmark, consent, journal, keys, subject, vault), strict=True))
for _name, _group in GROUPS.items():
    app.add_typer(APPS[_name], name=_name, help=_group.help, rich_help_panel=_group.panel)


@app.callback(invoke_without_command=True)
def tactful(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Recommendations trained only on what people agreed to."""
    if version:
        print(__version__)  # noqa: T201
