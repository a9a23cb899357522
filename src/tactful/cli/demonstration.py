"""``tactful demo``: the main job end to end, on the tables of `tactful.datasets.complete_journey`."""

from __future__ import annotations

import os
from pathlib import Path

from tactful.assurance import approval
from tactful.assurance.registry import Registry
from tactful.cli import show
from tactful.cli.budgeting import tell_budget
from tactful.cli.recommending import tell_answer
from tactful.cli.training import tell_outcome
from tactful.datasets.complete_journey import write_demo
from tactful.errors import RefusedError
from tactful.outcome import TrainingOutcome
from tactful.personal.keys import DEFAULT_FILE as SECRETS
from tactful.personal.keys import Keys
from tactful.privacy.ledger import BudgetLedger
from tactful.records.store import Records
from tactful.scoring import Recommender
from tactful.scoring.signing import load_private, new_key, public_text, write_private
from tactful.scoring.trust import Reviewers
from tactful.training import train

CONFIG = Path("configs/grocery.toml")
FOLDER = Path("models/demo")
TRAINER, REVIEWER, TRUSTED = FOLDER / "trainer.key", FOLDER / "reviewer.key", FOLDER / "reviewers.toml"
BASKET = ["TORTILLA/NACHO CHIPS", "SHREDDED CHEESE", "BANANAS", "EGGS - LARGE"]  # nobody's


def run() -> None:
    """Write the tables, train, approve with written reasons, recommend, and say where to look.

    Raises
    ------
    RefusedError
        If the run is refused, e.g. because the demo's budget is spent.
    """
    with show.steps("the demo") as say:
        say("writing the demo's tables: consent events are simulated, everything else is the data set's")
        write_demo(FOLDER)
        _make_keys()
        found = train(CONFIG, key=TRAINER, progress=say)
        if found.status == "refused" or found.version is None:
            given, do = found.reason.rstrip("."), "`make forget-demo` lets it begin anew"
            raise RefusedError("the demo ends with a candidate", given=given, do=do)
        say("approving it, as the demo's reviewer")
        _approve(found)
        say("loading the champion, as a service would")
        recommender = Recommender.load(f"models:/{found.model}@champion", trusted_keys=TRUSTED)
    tell_outcome(found)
    show.say(
        "approved by the demo's reviewer, with a written reason for each rule that did not pass: it is the champion"
    )
    show.heading("A basket, and what goes with it")
    show.say(", ".join(BASKET))
    tell_answer(recommender.recommend(BASKET, 5, profiling=True, because=True))
    show.heading("Budget of this population")
    records = Records.open()
    tell_budget(BudgetLedger(records).status().as_json(), records.address)
    _where_to_look(found)


def _make_keys() -> None:
    """Secrets and signing keys, where they are not there yet."""
    secrets = Path(os.environ.get("TACTFUL_SECRET_FILE", SECRETS))
    if not secrets.exists():
        Keys.create(secrets)
    for path in (TRAINER, REVIEWER):
        if not path.exists():
            write_private(new_key(), path)
    reviewer = public_text(load_private(REVIEWER))
    TRUSTED.write_text(f'[[reviewer]]\nname = "demo reviewer"\npublic_key = "{reviewer}"\n', encoding="utf-8")


def _approve(found: TrainingOutcome) -> None:
    """The reviewer's decision: a written reason for each rule that did not pass."""
    why = "the demo has too few assessed households to settle this rule; accepted for a demonstration only"
    approval.approve(
        Records.open(),
        Registry(),
        found.model,
        str(found.version),
        key=REVIEWER,
        reason="demonstration on a published data set; nobody is served",
        overrides={rule: f"{verdict}: {why}" for rule, verdict in found.verdicts.items() if verdict != "pass"},
        reviewers=Reviewers.load(TRUSTED),
    )


def _where_to_look(found: TrainingOutcome) -> None:
    """The commands that go on from here."""
    uri, asked = Registry().uri, ",".join(BASKET[:2])
    show.heading("Where to look")
    looks = {
        f"report, card and statement of run {found.run_id}": f"mlflow ui --backend-store-uri {uri}",
        "ask it yourself": f"export TACTFUL_TRUSTED_KEYS={TRUSTED}",
        "": f'tactful recommend {found.model} --history "{asked}" -n 5 --profiling --because',
        "who decided what, and whether it is still so": f"tactful models {found.model}; tactful verify {found.model}",
    }
    for what, command in looks.items():
        show.say(f"{what}\n    {command}" if what else f"    {command}")
