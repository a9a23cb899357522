"""What a person sees: tables and steps on standard error, one JSON object on standard output when asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from tactful.outcome import TrainingOutcome
from tactful.privacy.audit import Audit
from tactful.scoring.answers import Answer
from tactful.training import Progress

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a line as it is: nothing in it is markup, and it is not wrapped."""
    console.print(text, markup=False, soft_wrap=True)


def as_json(value: Mapping[str, Any]) -> None:
    """Print exactly one JSON object, on one line."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))  # noqa: T201


@contextmanager
def steps(title: str) -> Iterator[Progress]:
    """A spinner that says what is being done, and a line with the seconds for each step that is over."""
    began, current = time.monotonic(), ""
    with console.status(title) as status:

        def say(step: str) -> None:
            """Close the step before and name this one."""
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
    if found.counts:
        left_out = [f"{n:,} {reason}" for reason, n in found.counts.excluded.items() if n]
        _row("rows read", f"{found.counts.read:,}, by {found.engine}")
        _row("admitted", f"{found.counts.admitted:,}")
        _row("excluded", ", ".join(left_out) or "none")
    _row("privacy", f"epsilon = {found.epsilon:g}, delta = {found.delta:g} a person, noise: {found.noise}")
    if found.price:
        _row("budget before", "  ".join(f"{name}: {value:.3g}" for name, value in found.price.items()))
    _row("records", found.records)
    for name, value in found.metrics.items():
        low, high = found.intervals[name]
        _row(name, f"{value:.4f}  ({low:.4f} to {high:.4f}, released)")
    for rule, verdict in found.verdicts.items():
        _row(f"verdict {rule}", verdict)
    say(_came_to(found))


def _row(name: str, value: str, *, width: int = 26) -> None:
    """A name and its value."""
    say(f"{name:{width}s} {value}")


def _came_to(found: TrainingOutcome) -> str:
    """What the run came to, and the next command."""
    if found.status == "refused":
        return f"refused: {found.reason}"
    if found.status == "dry run":
        tried = "; Spark was not started, and no table of a lake was tried" if found.engine == "spark" else ""
        return f"dry run: it fits the budget; nothing was read or debited{tried}"
    shown = f"candidate: {found.model} version {found.version}, MLflow run {found.run_id} (see: mlflow ui)"
    if not found.attributed:
        return (
            f"{shown}\nNobody's key answers for it, so it can never be approved. Train with --key or TACTFUL_ACTOR_KEY."
        )
    return shown


def what_next(found: TrainingOutcome) -> None:
    """The command with which a reviewer goes on."""
    if found.status == "candidate" and found.attributed:
        words = "".join(f' --override {rule}="why"' for rule, verdict in found.verdicts.items() if verdict != "pass")
        say(f'next, by a reviewer: tactful approve {found.model} {found.version} --key FILE --reason "why"{words}')


def audit(found: Audit) -> None:
    """What the attacker got from each person, and from releases that are broken on purpose."""
    say(f"claimed: epsilon = {found.claim.epsilon:g} at delta = {found.claim.delta:g}")
    for attacked in found.people:
        _row(f"  {attacked.person}", f"at least {attacked.epsilon_lower_bound:.3f}", width=50)
    for control in found.controls:
        seen = f"caught by {' and '.join(control.caught_by)}" if control.caught else control.outcome
        _row(f"  broken: {control.mutant}", f"at least {control.epsilon_lower_bound:.3f}, {seen}", width=50)
    say(f"lower bounds, together at {found.confidence:.0%} confidence, {found.trials:,} trials")
    for objection in found.not_as_stated:
        say(f"NOT as stated: {objection}")
    if found.contradicts or found.not_as_stated:
        what = "more is seen than is claimed" if found.contradicts else "the noise is not what is stated"
        say(f"DOES NOT HOLD: {what}. Release nothing, and report this with the installed versions")
    elif not found.sees:
        say("DOES NOT HOLD: the audit missed what it should have seen, so it is blind. Report this")
    elif not found.tells:
        say("too few trials: nothing speaks against the claim, but not all that is broken was seen. Raise --trials")
    else:
        say("holds: nothing exceeds the claim, the noise is as stated, and what is broken is seen")


def recommendations(answer: Answer) -> None:
    """A list of recommendations, with what each score is made of where asked for."""
    for place, item in enumerate(answer.items, 1):
        named = "" if item.title == item.item_id else f"  {item.title}"
        say(f"{place:3d}. {item.item_id}{named}  {item.score:.4f}")
        for part in item.because or ():
            say(f"       {part.contribution:+.4f}  {part.item_id or 'popularity'}")
    say(f"{answer.reason} ({answer.model} version {answer.version}; unknown items: {answer.unknown})")


def budget(status: Mapping[str, Any], records: str) -> None:
    """The books of the population."""
    if not status["limit"]:
        say(f"no budget has been declared and nothing has been spent in {records}")
        return
    table = Table("", "epsilon", "delta", box=None, pad_edge=False)
    for name in ("limit", "spent", "remaining", "since_first"):
        table.add_row(name.replace("_", " "), _number(status[name]["epsilon"]), _number(status[name]["delta"]))
    console.print(table)
    spent = [line for line in status["debits"] if line["state"] != "cancelled"]
    say(f"{len(spent)} releases debited in {records}")
    for debit in dict.fromkeys(line["id"] for line in status["debits"] if line["state"] == "debited"):
        say(f"not opened yet: {debit}. If its run is over: tactful budget --give-back {debit}")


def _number(value: float | None) -> str:
    """A figure for people."""
    return "no finite one" if value is None else f"{value:.4g}"
