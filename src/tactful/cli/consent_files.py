"""``tactful consent export`` and ``consent receipt``: what people agreed to, in files that only their owner reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import show
from tactful.cli.application import Json, consent
from tactful.cli.consenting import Config, Key, User
from tactful.cli.subject import desk_of, person_id
from tactful.desk import consent_papers

Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@consent.command("export")
def consent_export(
    out: Annotated[
        Path,
        typer.Option(help="The file to write: .csv or .parquet for how purposes stand now, .jsonld for every event."),
    ],
    config: Config = None,
    key: Key = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write how consent stands now for everybody and each purpose, or every event that the store holds.

    Example: tactful consent export --out consents-now.parquet
    """
    desk, actor = desk_of(config, key)
    with show.steps("exporting") as say:
        say("judging everybody by the consent gate" if out.suffix in consent_papers.STATES else "reading every event")
        counts = consent_papers.export(desk, out, actor=actor, force=force)
    for name, n in counts.items():
        show.say(f"{n:10,}  {name}")
    show.say(f"the consents of {desk.records.address}")
    show.say(f"{out} names people: only you can read it, and the journal says where it is")
    if json:
        show.as_json({"file": str(out), "counts": counts})


@consent.command("receipt")
def consent_receipt(
    user: User,
    out: Annotated[Path, typer.Option(help="The file to write, .jsonld or .json.")],
    config: Config = None,
    key: Key = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write one person's receipts, for them: what they gave, refused and withdrew, as ISO/IEC TS 27560 has it.

    Example: tactful consent receipt 1234 --out receipt.jsonld
    """
    desk, actor = desk_of(config, key)
    lacking = consent_papers.receipts(desk, person_id(user), out, actor=actor, force=force)
    show.say(f"{out} is for the person alone; from {desk.records.address}")
    if lacking:
        show.say(f"ISO/IEC TS 27560 also asks for: {', '.join(lacking)}. A configuration with [controller] says more")
    if json:
        show.as_json({"file": str(out), "missing": lacking})
