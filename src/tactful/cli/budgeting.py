"""``tactful budget``: the books of the population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.actors import Actors
from tactful.cli import show
from tactful.cli.application import Json, app
from tactful.errors import UsageError, counted
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records

_MOST = 1000
"""A limit above this promises nothing that could be told from no promise."""


@app.command()
def budget(
    give_back: Annotated[
        str | None, typer.Option(help="Debit of a run that died: give back what it never opened. The run must be over.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="Change the population's limit to this epsilon, by a decision: give --reason.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the limit changes, in words; it is journalled. Name nobody.")] = "",
    key: Annotated[
        Path | None, typer.Option(help="Private key of the officer, where anybody is listed; with --limit.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what was spent of the population's privacy budget, and what remains.

    Runs together cost less than the sum of their epsilons: what remains is that of the largest run that still fits. All
    models of one records store share it, so it is asked for without a model's name. The limit is the guarantee: to
    raise it is to promise people less, so it takes a reason, and the privacy officer where anybody is listed.

    Example: tactful budget --json
    """
    records = Records.open(create=False)
    if limit is None and (reason or key):
        raise UsageError(
            "--reason and --key are of a changed limit", given="no --limit", do="Add --limit, or leave them out"
        )
    if limit is not None and give_back is not None:
        raise UsageError("one thing is done at a time", given="--limit and --give-back", do="Give them one by one")
    if limit is not None:
        _change(records, limit, reason, key)
    ledger = BudgetLedger(records)
    if give_back is not None:
        returned = ledger.cancel(ledger.find(give_back))
        show.say(f"given back: {', '.join(returned) or 'nothing, all of it was opened or given back before'}")
    status = ledger.status().as_json()
    tell_budget(status, records.address)
    if json:
        show.as_json(status)


def _change(records: Records, epsilon: float, reason: str, key: Path | None) -> None:
    """The limit that people are promised, at the δ and over the period that it had."""
    if not 0 < epsilon <= _MOST:
        raise UsageError(f"a limit is above 0 and at most {_MOST}", given=f"{epsilon:g}", do="Give another --limit")
    books, actor = Actors.load().act(records, "officer", key, alone=True)
    ledger = BudgetLedger(books)
    before = ledger.status().limit
    if before is None:
        raise UsageError(
            "a limit is declared before it is changed", given="none", do="Write it under [budget]: the first run does"
        )
    if before.epsilon == epsilon:
        raise UsageError("a changed limit is another", given=f"it is {epsilon:g} already", do="Leave it as it is")
    ledger.change_limit(replace(before, epsilon=epsilon), reason=reason, actor=actor)
    show.say(f"the limit is {epsilon:g} now, it was {before.epsilon:g}; write it under [budget] in each configuration")
    spent = ledger.status().spent
    if spent and spent.epsilon is not None and spent.epsilon > epsilon:
        until = " before the next period" if before.period_days else ""
        show.say(f"{show.number(spent.epsilon)} is spent already and stays so: no run fits any more{until}")


def tell_budget(status: Mapping[str, Any], records: str) -> None:
    """The books of the population."""
    if not status["limit"]:
        show.say(f"no budget has been declared and nothing has been spent in {records}")
        return
    names = ("limit", "spent", "remaining", "since_first")
    rows = [
        (name.replace("_", " "), show.number(status[name]["epsilon"]), show.number(status[name]["delta"]))
        for name in names
    ]
    show.grid(("", "epsilon", "delta"), rows)
    spent = [line for line in status["debits"] if line["state"] != "cancelled"]
    show.say(f"{counted(len(spent), 'release')} debited in {records}")
    for debit in dict.fromkeys(line["id"] for line in status["debits"] if line["state"] == "debited"):
        show.say(f"not opened yet: {debit}. If its run is over: tactful budget --give-back {debit}")
