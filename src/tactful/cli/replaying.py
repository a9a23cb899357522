"""``tactful consent replay``: what the gate admitted at a past time, and whether a training can be retraced."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, consent
from tactful.cli.asked_time import asked_time
from tactful.desk.retracing import Retraced, retrace, retrace_training
from tactful.errors import RefusedError, UsageError, counted
from tactful.personal.keys import Keys
from tactful.records.store import Records


@consent.command("replay")
def consent_replay(
    config: Annotated[Path, typer.Argument(help="A TOML file that names the tables, the catalogue and the policy.")],
    as_of: Annotated[str | None, typer.Option(help="A past time, in ISO 8601.")] = None,
    known_at: Annotated[
        str | None, typer.Option(help="With --as-of: only what the consent store held by then.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="In place of --as-of: a training, by its run, MODEL@VERSION, or MLflow's run id.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")] = None,
    json: Json = False,
) -> None:
    """Judge every row again as of a past time, and say which trainings of the journal admitted the same rows.

    With --run: whether that training can be retraced, bit for bit; exit 3 if not, with what may be why.

    Example: tactful consent replay configs/grocery.toml --as-of 2026-06-30T00:00:00Z --json
    """
    if (as_of is None) == (run is None) or (run is not None and known_at is not None):
        raise UsageError(
            "a replay is of a past time or of a training",
            given="both or neither" if known_at is None else "a training and --known-at",
            do="Give --as-of TIME, which may go with --known-at TIME, or --run RUN",
        )
    then, known = asked_time(as_of), asked_time(known_at)
    records, actor = Actors.load().act(Records.open(), "officer", key)
    with show.steps("replaying") as say:
        say("judging every row again")
        found = _replayed(config, then, known, run, records, actor)
    _tell(found)
    if json:
        show.as_json(found.as_json())
    if found.agrees is False:
        raise typer.Exit(RefusedError.exit_code)


def _replayed(
    config: Path,
    as_of: datetime | None,
    known_at: datetime | None,
    run: str | None,
    records: Records,
    actor: str | None,
) -> Retraced:
    """The replay of a time, or else of a training."""
    if as_of is not None:
        return retrace(config, as_of, records=records, keys=Keys.load(), known_at=known_at, actor=actor)
    return retrace_training(config, run or "", records=records, keys=Keys.load(), actor=actor)


def _tell(found: Retraced) -> None:
    """Counts, digest and what agrees with it."""
    counts = found.replay.counts
    reasons = {**counts.excluded, "malformed": counts.excluded["malformed"] - found.replay.later}
    left_out = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items() if n)
    show.say(f"{found.purpose} as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC: {counted(counts.read, 'row')} read")
    show.say(f"{counts.admitted:,} admitted; not: {left_out or 'none'}")
    if found.replay.later:
        show.say(f"later than that time: {found.replay.later:,}")
    show.say(f"digest of the admitted rows: {found.replay.digest}")
    for read in found.trainings:
        show.say(f"the same rows: training {read.facts.get('run')} of {read.facts.get('model')}, entry {read.sequence}")
    if found.agrees is False:
        show.say(f"training {found.run} admitted other rows. What may be why:")
        for reason in found.because:
            show.say(f"    {reason}")
    elif not found.trainings:
        show.say("no training of the journal admitted just these rows")
