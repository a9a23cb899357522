"""``tactful approve``, ``reject``, ``retire``, ``rollback`` and ``models``: people decide, and everybody can see it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.assurance import approval
from tactful.assurance.registry import Registry
from tactful.cli import show
from tactful.cli.application import Json, Model, app
from tactful.errors import UsageError, counted
from tactful.records.store import Records
from tactful.scoring.address import sqlite_file, store_uri
from tactful.scoring.trust import Reviewers

Version = Annotated[str, typer.Argument(help="Version in the registry, e.g. 3.")]
Key = Annotated[Path, typer.Option(help="Private key of the reviewer, from `tactful keys new`.")]
Reason = Annotated[str, typer.Option(help="Why, in words; it is journalled and shown. Name nobody.")]
Override = Annotated[
    list[str] | None, typer.Option(help="RULE=TEXT: why to go on although this fairness rule did not pass.")
]


@app.command()
def approve(
    model: Model, version: Version, key: Key, reason: Reason, override: Override = None, json: Json = False
) -> None:
    """Approve a version: sign it, journal it, and make it champion once as many reviewers have as it takes.

    Example: tactful approve grocery 1 --key reviewer.key --reason "Read the report" --override ndcg_by_age="too few
    people"
    """
    with show.steps("approving") as say:
        say("checking the candidate and signing")
        decision = approval.approve(
            Records.open(),
            _registry(),
            model,
            version,
            key=key,
            reason=reason,
            overrides=_overrides(override or []),
            reviewers=Reviewers.load(),
        )
    _tell_approved(decision)
    if json:
        show.as_json(decision.as_json())


@app.command()
def rollback(model: Model, key: Key, reason: Reason, override: Override = None, json: Json = False) -> None:
    """Go back to the champion before the last one: approve it anew, by the same rules.

    Example: tactful rollback grocery --key reviewer.key --reason "Version 2 repeats itself"
    """
    with show.steps("rolling back") as say:
        say("finding the champion before, checking it and signing")
        records = Records.open()
        before = _champion(records, model)
        decision = approval.rollback(
            records,
            _registry(),
            model,
            key=key,
            reason=reason,
            overrides=_overrides(override or []),
            reviewers=Reviewers.load(),
        )
    gone = f"version {before}" if before and before != decision.version else "no champion"
    show.say(f"way back: {model} goes from {gone} to version {decision.version}")
    _tell_approved(decision)
    if json:
        show.as_json(decision.as_json())


@app.command()
def reject(model: Model, version: Version, key: Key, reason: Reason, json: Json = False) -> None:
    """Reject a version for good; it stops loading.

    Example: tactful reject grocery 2 --key reviewer.key --reason "Serves people over 65 worse"
    """
    with show.steps("rejecting") as say:
        say("signing the rejection")
        records = Records.open()
        before = _champion(records, model)
        decision = approval.reject(
            records, _registry(), model, version, key=key, reason=reason, reviewers=Reviewers.load()
        )
    show.say(f"rejected: {model} version {version}")
    now = _champion(records, model)
    _tell_served(model, before, now)
    if json:
        show.as_json(decision.as_json() | {"champion_now": now})


@app.command()
def retire(model: Model, version: Version, key: Key, reason: Reason, json: Json = False) -> None:
    """Retire an approved version; it stops loading until somebody approves it anew.

    Example: tactful retire grocery 1 --key reviewer.key --reason "Replaced by version 2"
    """
    with show.steps("retiring") as say:
        say("signing the retirement")
        records = Records.open()
        before = _champion(records, model)
        decision = approval.retire(
            records, _registry(), model, version, key=key, reason=reason, reviewers=Reviewers.load()
        )
    show.say(f"retired: {model} version {version}")
    now = _champion(records, model)
    _tell_served(model, before, now)
    if json:
        show.as_json(decision.as_json() | {"champion_now": now})


@app.command()
def models(model: Annotated[str | None, typer.Argument(help="Only this one.")] = None, json: Json = False) -> None:
    """List versions, who decided what about them, when and why, and who was champion when.

    Example: tactful models grocery
    """
    records, (registry, unavailable) = Records.open(create=False), _registry_if_any()
    found = approval.history(records, registry, model)
    if unavailable:
        found = [each | {"mlflow_unavailable": unavailable} for each in found]
    _show_models(found)
    if json:
        show.as_json({"models": found})


def _registry() -> Registry:
    """MLflow's store; a server that does not answer is given up after seconds."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    return Registry()


def _registry_if_any() -> tuple[Registry | None, str | None]:
    """MLflow's store where there is one, or why not; looking makes none."""
    file = sqlite_file(store_uri())
    if file and not file.is_file():
        return None, f"there is no {file}"
    try:
        return _registry(), None
    except UsageError as error:
        return None, error.given


def _overrides(texts: list[str]) -> dict[str, str]:
    """RULE=TEXT options as a mapping."""
    pairs = [text.partition("=") for text in texts]
    for rule, sign, _ in pairs:
        if not sign or not rule:
            raise UsageError(
                "an override is RULE=TEXT", given=rule or "=", do='Write e.g. --override ndcg_by_age="why"'
            )
    if len({rule for rule, _, _ in pairs}) < len(pairs):
        raise UsageError("each rule is overridden once", given=f"{len(pairs)} overrides", do="Remove the repeated one")
    return {rule: text for rule, _, text in pairs}


def _tell_approved(decision: approval.Decision) -> None:
    """What an approval came to."""
    name = f"{decision.model} version {decision.version}"
    if decision.missing:
        show.say(f"half approved: {name}; {_more(decision.missing)} approve it before it is champion")
    else:
        show.say(f"approved: {name} is champion until {decision.expires_at:%Y-%m-%d}")


def _champion(records: Records, model: str) -> str | None:
    """The version that is champion by the journal, if it knows the model and there is one."""
    found = {each["model"]: each["champion"]["now"] for each in approval.history(records, None)}
    now: str | None = found.get(model)
    return now


def _tell_served(model: str, before: str | None, now: str | None) -> None:
    """What is served after a version was rejected or retired."""
    if now is not None:
        show.say(f"not touched: {model} version {now} is champion and goes on serving")
        return
    stopped = f": version {before} was it, and services that follow it stop; whoever loaded it stops when restarted"
    show.say(f"{model} has NO champion now{stopped if before else ''}")
    show.say(f"to serve again: tactful rollback {model}, or tactful approve {model} VERSION")


def _more(missing: int) -> str:
    return f"{counted(missing, 'more reviewer')} must"


def _show_models(found: Sequence[Mapping[str, Any]]) -> None:
    """Every version of every model, who decided what and why; and who was champion when."""
    for reason in dict.fromkeys(model["mlflow_unavailable"] for model in found if model["mlflow_unavailable"]):
        show.say(f"MLflow could not be asked ({reason}): this is what the journal says")
    for model in found:
        for version in model["versions"]:
            _show_version(model, version)
        if model["champions"]:
            show.say(f"{model['model']}, champions:")
        for turn in model["champions"]:
            until = _minute(turn["until"]) if turn["until"] else "now"
            who = f"version {turn['version']}" if turn["version"] else "none"
            why = turn["why"] if len(turn["by"]) > 1 else f"{turn['by'][0]}: {turn['why']}"
            show.say(f"    {_minute(turn['from'])} to {until:20s}  {who}  {turn['decision']} by {why}")


def _minute(time: str) -> str:
    """A time of the journal, which is in UTC, to the minute."""
    return f"{time[:16].replace('T', ' ')} UTC"


def _show_version(model: Mapping[str, Any], version: Mapping[str, Any]) -> None:
    """A version, and each decision about it."""
    missing = f", {_more(version['missing'])} approve it" if version["missing"] else ""
    champion = ", champion now" if version["version"] == model["champion"]["now"] else ""
    show.say(f"{model['model']} version {version['version']}: {version['status']}{missing}{champion}")
    for decision in version["decisions"]:
        show.say(f"    {_minute(decision['when'])}  {decision['status']} by {decision['who']}: {decision['why']}")
        for rule, text in decision["overrides"].items():
            show.say(f"        {rule} overridden: {text}")
