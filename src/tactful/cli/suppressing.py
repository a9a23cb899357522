"""``tactful suppressions``: who may be profiled, as a signed list for services; and the key with which they read it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, app, keys
from tactful.config import TrainingConfig
from tactful.errors import UsageError, counted
from tactful.personal.announced_lists import carry_over, check_key, confirm_list, note_list
from tactful.personal.consent import asked_purpose
from tactful.personal.keys import Keys
from tactful.personal.objections import check_asked, standings
from tactful.records.reads import note_read
from tactful.records.store import Records
from tactful.scoring.signing import load_private, public_text
from tactful.scoring.suppression_list import PURPOSE, write_list
from tactful.sources import Sources, check_tables


@app.command()
def suppressions(
    config: Annotated[Path, typer.Argument(help="A TOML file that names the tables of consents and subjects.")],
    out: Annotated[Path, typer.Option(help="The list; it is replaced whole. Services read it anew by themselves.")],
    key: Annotated[
        Path, typer.Option(help="Private key of the officer, who answers for the list, from `tactful keys new`.")
    ],
    basis: Annotated[
        Literal["consent", "objection"],
        typer.Option(help="With consent it names all who may be profiled, with objection those who may not."),
    ] = "consent",
    purpose: Annotated[str, typer.Option(help="What people were asked.")] = PURPOSE,
    valid_hours: Annotated[
        float, typer.Option(help="How long the list holds; people whose consent ends sooner are left out.")
    ] = 24.0,
    json: Json = False,
) -> None:
    """Write the signed list from which services read whom they may profile, by the consents as they are now.

    Example: tactful suppressions configs/grocery.toml --out models/may.list --key officer.key
    """
    settings, signer, secrets = TrainingConfig.load(config), load_private(key), Keys.load()
    check_tables(settings.data)
    records, actor = Actors.load().act(Records.open(create=False), "officer", key)
    until = _hours(valid_hours)
    check_asked(basis=basis, purpose=asked_purpose(purpose), valid_for=until)
    if basis == "objection":
        check_key(records, secrets.for_lists())
    with show.steps("listing") as say:
        say("judging consents")
        announced = note_list(
            records,
            path=out,
            signer=public_text(signer),
            config=config,
            key=secrets.for_lists(),
            actor=actor,
            basis=basis,
            purpose=purpose,
        )  # before anything is read: whoever withdraws from here on is noted beside the list, and later than the list
        sources = Sources.open(settings.data, records=records, keys=secrets)
        note_read(records, "suppressions", purpose=purpose, actor=actor, sources=sources.names, basis=basis)
        found = standings(
            consents=sources.consents,
            subjects=sources.subjects,
            erased=sources.erased,
            keys=secrets,
            purpose=purpose,
            basis=basis,
            valid_for=until,
            now=lambda: announced.time,
        )
        say("signing and writing")
        carry_over(records, out, secrets.for_lists())
        write_list(
            out,
            found.marks,
            basis=basis,
            purpose=purpose,
            made_at=found.made_at,
            expires_at=found.expires_at,
            key=secrets.for_lists(),
            signer=signer,
        )
        confirm_list(records, announced, actor=actor)
    left_out = ", ".join(f"{n:,} {state}" for state, n in found.counts.items() if state != "allowed")
    show.say(f"judged with the consents and erasures in {records.address}")
    allowed = counted(found.counts.get("allowed", 0), "person", "people")
    show.say(f"{allowed} may be profiled; not: {left_out or 'nobody'}")
    show.say(f"{out} holds until {found.expires_at:%Y-%m-%d %H:%M} UTC at most; services trust {public_text(signer)}")
    if json:
        show.as_json(
            {
                "file": str(out),
                "basis": basis,
                "purpose": purpose,
                "made_at": found.made_at.isoformat(),
                "expires_at": found.expires_at.isoformat(),
                "signer": public_text(signer),
                "people": dict(found.counts),
            }
        )


@keys.command("suppression")
def keys_suppression(
    out: Annotated[Path, typer.Option(help="New file for the one key that services get; only its owner can read it.")],
) -> None:
    """Write the key of suppression lists to a file of its own, for a service: it gets no other secret.

    Example: tactful keys suppression --out models/suppression.key
    """
    Keys.load().hand_over(out)
    show.say(f"wrote {out}. In the service: export TACTFUL_SUPPRESSION_KEY_FILE={out}")


def _hours(number: float) -> timedelta:
    """So many hours."""
    try:
        return timedelta(hours=number)
    except (ValueError, OverflowError):
        raise UsageError("hours are a number", given=f"{number}", do="Give e.g. 24") from None
