"""``tactful audit``: what an attacker gets, and from releases that are broken on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.auditing import audit
from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.errors import RefusedError, counted
from tactful.privacy.audit import Audit


@app.command("audit")
def audit_command(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")],
    trials: Annotated[
        int | None, typer.Option(help="Releases of each of the two main worlds; chosen by epsilon if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Attack a run's releases on synthetic people; the bound on what is seen must lie below the claim.

    Example: tactful audit configs/grocery.toml
    """
    with show.steps("auditing") as progress:
        found = audit(config, trials=trials, progress=progress)
    _tell(found)
    if json:
        show.as_json(found.as_json())
    if not found.holds:
        raise typer.Exit(RefusedError.exit_code)


def _tell(found: Audit) -> None:
    """What the attacker got from each person, and from releases that are broken on purpose."""
    show.say(f"claimed: epsilon = {found.claim.epsilon:g} at delta = {found.claim.delta:g}")
    show.table({f"  {each.person}": f"at least {each.epsilon_lower_bound:.3f}" for each in found.people})
    broken = {}
    for control in found.controls:
        seen = f"caught by {' and '.join(control.caught_by)}" if control.caught else control.outcome
        broken[f"  broken: {control.mutant}"] = f"at least {control.epsilon_lower_bound:.3f}, {seen}"
    show.table(broken)
    show.say(f"lower bounds, together at {found.confidence:.0%} confidence, {counted(found.trials, 'trial')}")
    for objection in found.not_as_stated:
        show.say(f"NOT as stated: {objection}")
    show.say(_verdict(found))


def _verdict(found: Audit) -> str:
    """What the audit comes to."""
    if found.contradicts or found.not_as_stated:
        what = "more is seen than is claimed" if found.contradicts else "the noise is not what is stated"
        return f"DOES NOT HOLD: {what}. Release nothing, and report this with the installed versions"
    if not found.sees:
        return "DOES NOT HOLD: the audit missed what it should have seen, so it is blind. Report this"
    if not found.tells:
        return "too few trials: nothing speaks against the claim, but not all that is broken was seen. Raise --trials"
    return "holds: nothing exceeds the claim, the noise is as stated, and what is broken is seen"
