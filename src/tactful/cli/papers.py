"""``tactful notice``, ``processing`` and ``assessment-inputs``: what people and authorities are told, from what is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.config import TrainingConfig
from tactful.desk.assessment_inputs import assessment_inputs
from tactful.desk.measures import Measure, measures
from tactful.desk.notice import notice
from tactful.desk.paper import Paper, checked_suffix
from tactful.desk.person import Desk
from tactful.desk.processing import processing_record
from tactful.errors import counted
from tactful.records.reads import note_read
from tactful.records.store import Records

Config = Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")]
Out = Annotated[Path, typer.Option(help="The file to write, .html or .md; it is replaced whole.")]
Key = Annotated[Path | None, typer.Option(help="Private key of the officer, where officers are listed.")]


@app.command(name="notice")
def notice_command(config: Config, out: Out, json: Json = False) -> None:
    """Write the transparency notice: what is done with people's data and why, purpose by purpose, in plain words.

    Example: tactful notice configs/grocery.toml --out notice.html
    """
    checked_suffix(out)
    _written(notice(TrainingConfig.load(config), at=datetime.now(UTC)), out, json=json, private=False)


@app.command(name="processing")
def processing_command(config: Config, out: Out, key: Key = None, json: Json = False) -> None:
    """Write the record of processing activities (GDPR, Article 30), with the measures that were seen in force.

    Example: tactful processing configs/grocery.toml --out processing.html
    """
    checked_suffix(out)
    settings, desk, found = _looked(config, key, "record of processing")
    _written(processing_record(settings, desk, found), out, json=json, measures=found)


@app.command(name="assessment-inputs")
def assessment_command(config: Config, out: Out, key: Key = None, json: Json = False) -> None:
    """Write what an impact assessment needs to know (GDPR, Article 35): risks as measured, budget, verdicts, measures.

    Example: tactful assessment-inputs configs/grocery.toml --out assessment.html
    """
    checked_suffix(out)
    settings, desk, found = _looked(config, key, "impact assessment")
    _written(assessment_inputs(settings, desk, found), out, json=json, measures=found)


def _looked(config: Path, key: Path | None, what: str) -> tuple[TrainingConfig, Desk, tuple[Measure, ...]]:
    """The configuration, the stores, and what was seen of the measures; noted before anything is read."""
    settings = TrainingConfig.load(config)
    records, actor = Actors.load().act(Records.open(create=False), "officer", key)
    desk = Desk.open(config, records=records)
    note_read(records, what, purpose="accountability", actor=actor, sources=sorted({t.place for t in desk.tables}))
    with show.steps("looking") as say:
        say("which measures are in force")
        return settings, desk, measures(desk)


def _written(
    paper: Paper, out: Path, *, json: bool, private: bool = True, measures: tuple[Measure, ...] | None = None
) -> None:
    """The paper is in its file, and what is left to fill in is told."""
    paper.write(out, private=private)
    for each in measures or ():
        show.say(f"{'in force' if each.holds else 'NOT in force'}: {each.what} ({each.seen})")
    places = counted(paper.blanks, "place is", "places are")
    left = f"{places} marked for you to fill in" if paper.blanks else "nothing is left to fill in"
    show.say(f"wrote {out}: {left}")
    if json:
        seen = {} if measures is None else {"measures": [_as_json(each) for each in measures]}
        show.as_json({"file": str(out), "blanks": paper.blanks, **seen})


def _as_json(measure: Measure) -> dict[str, str | bool]:
    """A measure as plain values."""
    return {"what": measure.what, "in_force": measure.holds, "seen": measure.seen}
