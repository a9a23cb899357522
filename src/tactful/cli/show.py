"""What a person sees: tables and steps on standard error, one JSON object on standard output when asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from tactful.scoring.answers import Answer
from tactful.training import Progress, TrainingOutcome

console = Console(stderr=True, highlight=False)


def as_json(value: Mapping[str, Any]) -> None:
    """Print exactly one JSON object, on one line."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))  # noqa: T201


@contextmanager
def steps(title: str) -> Iterator[Progress]:
    """A spinner that says what is being done, and a line with the seconds for each step that is over."""
    began, current = time.monotonic(), ""
    with console.status(title) as status:

        def say(step: str) -> None:
            nonlocal began, current
            _done(current, began)
            began, current = time.monotonic(), step
            status.update(f"{step} …")

        yield say
        _done(current, began)


def _done(step: str, began: float) -> None:
    """The line of a step that is over."""
    if step:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/dim]  {step}")


def outcome(found: TrainingOutcome) -> None:
    """The summary of a training run, and what it came to."""
    table = Table(show_header=False, box=None, pad_edge=False)
    if found.counts:
        shown = [f"{n:,} {reason}" for reason, n in found.counts.excluded.items() if n]
        table.add_row("rows read", f"{found.counts.read:,}")
        table.add_row("admitted", f"{found.counts.admitted:,}")
        table.add_row("excluded", ", ".join(shown) or "none")
    table.add_row("privacy", f"epsilon = {found.epsilon:g}, delta = {found.delta:g} a person, noise: {found.noise}")
    if found.price:
        table.add_row("budget", "  ".join(f"{name}: {value:.3g}" for name, value in found.price.items()) + "  (before)")
    for name, value in found.metrics.items():
        low, high = found.intervals[name]
        table.add_row(name, f"{value:.4f}  ({low:.4f} to {high:.4f}, released)")
    for rule, verdict in found.verdicts.items():
        table.add_row(f"verdict {rule}", verdict)
    console.print(table)
    console.print(_next(found))


def _next(found: TrainingOutcome) -> str:
    """The last line: what the run came to, and the next command."""
    if found.status == "refused":
        return f"[bold]refused[/bold]: {found.reason}"
    if found.status == "dry run":
        return "[bold]dry run[/bold]: it fits the budget; nothing was read or debited"
    return (
        f"[bold]candidate[/bold] {found.model} version {found.version}. A reviewer decides: "
        f"tactful approve {found.model} {found.version} --key FILE --reason TEXT"
    )


def recommendations(answer: Answer) -> None:
    """A list of recommendations, with what each score is made of where asked for."""
    for place, item in enumerate(answer.items, 1):
        console.print(f"{place:3d}. {item.title}  [dim]{item.score:.4f}[/dim]")
        for part in item.because or ():
            console.print(f"       {part.contribution:+.4f}  {part.item_id or 'popularity'}", style="dim")
    console.print(f"{answer.reason} ({answer.model} version {answer.version}; unknown items: {answer.unknown})")


def budget(status: Mapping[str, Any]) -> None:
    """The books of the population."""
    if not status["limit"]:
        console.print("no budget has been declared and nothing has been spent")
        return
    table = Table("", "epsilon", "delta", box=None, pad_edge=False)
    for name in ("limit", "spent", "remaining", "since_first"):
        table.add_row(name.replace("_", " "), _number(status[name]["epsilon"]), _number(status[name]["delta"]))
    console.print(table)
    console.print(f"{len(status['debits'])} releases debited")


def models(found: Sequence[Mapping[str, Any]]) -> None:
    """Every version of every model, who decided what and why."""
    table = Table("model", "version", "status", "champion", "who", "when", "why", box=None, pad_edge=False)
    for model in found:
        for version in model["versions"]:
            champion = "now" if version["version"] == model["champion"]["now"] else ""
            decided = [str(version[key] or "") for key in ("who", "when", "why")]
            table.add_row(model["model"], str(version["version"]), version["status"], champion, *decided)
    console.print(table)


def _number(value: float | None) -> str:
    """A figure for people."""
    return "none" if value is None else f"{value:.4g}"
