"""The commands: each calls the function of the same name and shows what it returned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful import __version__, auditing, training
from tactful.actors import Role
from tactful.cli import demonstration, forget_demo, show
from tactful.cli.asked_time import asked_time
from tactful.cli.benchmarking import benchmark
from tactful.errors import RefusedError
from tactful.personal.keys import DEFAULT_FILE as SECRETS
from tactful.personal.keys import Keys
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.address import whole_address
from tactful.scoring.signing import new_key, public_text, write_private

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # tracebacks with local variables would print rows about people
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys = typer.Typer(help="Signing keys of trainers and reviewers.", no_args_is_help=True)
journal = typer.Typer(help="The append-only journal.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(journal, name="journal")
app.add_typer(benchmark, name="benchmark")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line of standard output.")]
Model = Annotated[str, typer.Argument(help="Name of a registered model.")]
Version = Annotated[str, typer.Argument(help="Version in the registry, e.g. 3.")]


@app.callback(invoke_without_command=True)
def tactful(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Recommendations trained only on what people agreed to."""
    if version:
        print(__version__)  # noqa: T201


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")],
    key: Annotated[Path | None, typer.Option(help="Private key of whoever answers for the run.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Train on what was consented at this past time, and still is.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Price the run and stop; debits nothing.")] = False,
    json: Json = False,
) -> None:
    """Train a candidate from consented interactions.

    Example: tactful train configs/grocery.toml --key models/trainer.key
    """
    with show.steps("training") as progress:
        found = training.train(config, key=key, as_of=asked_time(as_of), dry_run=dry_run, progress=progress)
    show.outcome(found)
    show.what_next(found)
    if json:
        show.as_json(found.as_json())
    if found.status == "refused":
        raise typer.Exit(RefusedError.exit_code)


@app.command()
def audit(
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/grocery.toml.")],
    trials: Annotated[
        int | None, typer.Option(help="Releases of each of the two main worlds; chosen by epsilon if not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Attack a run's releases on synthetic people; the bound on what is seen must lie below the claim.

    Example: tactful audit configs/grocery.toml
    """
    with show.steps("auditing") as progress:
        found = auditing.audit(config, trials=trials, progress=progress)
    show.audit(found)
    if json:
        show.as_json(found.as_json())
    if not found.holds:
        raise typer.Exit(RefusedError.exit_code)


@app.command()
def recommend(
    model: Annotated[str, typer.Argument(help="A model (its champion), NAME@VERSION, a models:/ address, a folder.")],
    history: Annotated[str, typer.Option(help="Item ids, separated by commas.")],
    profiling: Annotated[
        bool, typer.Option("--profiling/--no-profiling", help="Does this person allow it? One of the two must be said.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many.")] = 10,
    allow: Annotated[str | None, typer.Option(help="Item ids, separated by commas: recommend nothing else.")] = None,
    deny: Annotated[str, typer.Option(help="Item ids, separated by commas: do not recommend these.")] = "",
    because: Annotated[bool, typer.Option("--because", help="Say what each score is made of.")] = False,
    json: Json = False,
) -> None:
    """Recommend items for one history; it is not stored.

    Example: tactful recommend grocery --history "BANANAS,EGGS - LARGE" -n 5 --profiling --because
    """
    address = whole_address(model)
    with show.steps("loading") as say:
        say(f"verifying {address}")
        recommender = Recommender.load(address)
    answer = recommender.recommend(
        _listed(history),
        n,
        profiling=profiling,
        allow_items=None if allow is None else _listed(allow),
        deny_items=_listed(deny),
        because=because,
    )
    show.recommendations(answer)
    if json:
        show.as_json(answer.as_json())


def _listed(ids: str) -> list[str]:
    """The ids of a text that separates them by commas."""
    return [item.strip() for item in ids.split(",") if item.strip()]


@app.command()
def budget(
    give_back: Annotated[
        str | None, typer.Option(help="Debit of a run that died: return what it never opened. The run must be over.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what was spent of the population's privacy budget, and what remains.

    Example: tactful budget --json
    """
    records = Records.open(create=False)
    ledger = BudgetLedger(records)
    if give_back is not None:
        returned = ledger.cancel(ledger.find(give_back))
        show.say(f"given back: {', '.join(returned) or 'nothing, all of it was opened or given back before'}")
    status = ledger.status().as_json()
    show.budget(status, records.address)
    if json:
        show.as_json(status)


@app.command()
def demo(
    forget: Annotated[bool, typer.Option("--forget", help="Remove the demo's tables, keys and books instead.")] = False,
) -> None:
    """Train, approve and ask a model on real-format grocery purchases; consent events are simulated.

    Example: tactful demo
    """
    if forget:
        forget_demo.forget()
    else:
        demonstration.run()


@keys.command("secrets")
def keys_secrets(
    out: Annotated[Path, typer.Option(help="File for the secrets; only its owner can read it.")] = SECRETS,
) -> None:
    """Make the secrets for pseudonyms, storage, assignment and suppression lists, once for a population.

    Example: tactful keys secrets
    """
    if out.exists():
        older = Keys.load(out).suppression is None
        Keys.complete(out)
        show.say(
            f"{out} is there already and holds; {'a key for suppression lists was added' if older else 'it is kept'}"
        )
        return
    Keys.create(out)
    show.say(f"made {out}. Keep a copy: without it no later run can tell training from evaluation people")


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    out: Annotated[Path, typer.Option(help="New file for the private key; only its owner can read it.")],
    role: Annotated[
        Role | None, typer.Option(help="Print the lines for the actors' file, with this role, and not a reviewer's.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an Ed25519 key and print the public half, as the reviewers' file lists it, or the actors' file.

    Example: tactful keys new ada --out ada.key --role officer
    """
    key = new_key()
    write_private(key, out)
    public = public_text(key)
    print(f'[[{"actor" if role else "reviewer"}]]\nname = "{name}"\npublic_key = "{public}"')  # noqa: T201
    if role:
        print(f'roles = ["{role}"]')  # noqa: T201
    if json:
        show.as_json({"name": name, "public_key": public, "file": str(out), "role": role})
