"""``tactful train``: a candidate, and what it came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.assurance.lift import against_popularity
from tactful.assurance.model_book import NO_RULES
from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.cli.asked_time import asked_time
from tactful.cli.gate_words import admitted
from tactful.errors import RefusedError, StoppedError
from tactful.outcome import TrainingOutcome
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring.address import store_uri
from tactful.training import train

_LEFT = "What remains of the budget: tactful budget. What there is: tactful models"


@app.command("train")
def train_command(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")],
    key: Annotated[Path | None, typer.Option(help="Private key of the trainer, who answers for the run.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Train on what was consented at this past time, and still is.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Price the run and stop; debits nothing.")] = False,
    json: Json = False,
) -> None:
    """Train a candidate from consented interactions.

    Example: tactful train configs/grocery.toml --key models/trainer.key
    """
    try:
        with show.steps("training") as progress:
            found = train(config, key=key, as_of=asked_time(as_of), dry_run=dry_run, progress=progress)
    except KeyboardInterrupt as stopped:
        left = str(stopped) or "it was outside of the run: what the run left, budget and models know"
        raise StoppedError("the training was stopped", given=left, do=_LEFT) from None
    tell_outcome(found)
    _tell_what_next(found, config)
    if json:
        show.as_json(found.as_json())
    if found.status == "refused":
        raise typer.Exit(RefusedError.exit_code)


def tell_outcome(found: TrainingOutcome) -> None:
    """The summary of a run: rows, cost, quality, verdicts, and what it came to."""
    show.heading(f"{found.model}{f' version {found.version}' if found.version else ''}: {found.status}")
    if found.counts:
        show.block(admitted(found.counts))
        show.say(f"read by {found.engine}")
    show.table(
        {
            "privacy": f"epsilon = {found.epsilon:g} at delta = {found.delta:g} for each person, noise: {found.noise}",
            "budget": _budget(found),
            "records": found.records or None,
        }
    )
    if found.metrics:
        show.say("measured on people it has not seen, with 95% intervals; released values")
        show.table({f"  {name}": _measured(found, name) for name in found.metrics})
        show.say(against_popularity(found.intervals))
    for rule, verdict in found.verdicts.items():
        show.table({f"  verdict {rule}": show.verdict(verdict)})
        show.table({"   ": found.explanations[rule]})
    for warning in found.warnings:
        show.say(f"note: {warning}")
    show.say(_came_to(found))


def _budget(found: TrainingOutcome) -> str | None:
    """What the population's books say after the run."""
    if found.status == "dry run" or not found.price:
        return f"{found.price['remaining']:.4g} remain before this run" if found.price else None
    status = BudgetLedger(Records.open(create=False)).status().as_json()
    if not status["limit"]:
        return "nothing was spent"
    left, limit = status["remaining"]["epsilon"], status["limit"]["epsilon"]
    return (
        f"this run spent {show.number(found.spent)}; {show.number(left)} of {show.number(limit)} remain for later ones"
    )


def _measured(found: TrainingOutcome, name: str) -> str:
    """A released value with its interval."""
    low, high = found.intervals[name]
    return f"{found.metrics[name]:7.4f}  ({low:.4f} to {high:.4f})"


def _came_to(found: TrainingOutcome) -> str:
    """What the run came to."""
    if found.status == "refused":
        return f"refused: {found.reason}"
    if found.status == "dry run":
        tried = "; Spark was not started, and no table of a lake was tried" if found.engine == "spark" else ""
        return f"dry run: it fits the budget; no row was read and nothing debited{tried}"
    return f"candidate: {found.model} version {found.version}; it serves nobody until a reviewer approves it"


def _tell_what_next(found: TrainingOutcome, config: Path) -> None:
    """The commands with which people go on."""
    if found.status == "dry run":
        show.say(f"next: the same command without --dry-run. Which rows would count: tactful gate {config}")
        return
    if found.status != "candidate":
        return
    show.say(f"look at report.html, the card and the statement of run {found.run_id}:")
    show.say(f"  mlflow ui --backend-store-uri {store_uri()}")
    if not found.attributed or found.noise == "reproducible":
        return
    if not found.verdicts:
        show.say("no rule was declared under [fairness], so nobody was compared: whoever approves it says why")
    unsettled = [rule for rule, verdict in found.verdicts.items() if verdict != "pass"]
    words = "".join(f' --override {rule}="why"' for rule in (unsettled if found.verdicts else [NO_RULES]))
    show.say("next, by a reviewer:")
    show.say(f'  tactful approve {found.model} {found.version} --key FILE --reason "why"{words}')
