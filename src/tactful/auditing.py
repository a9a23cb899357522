"""Attack the releases of a configured run, on synthetic people, and keep what was found as evidence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tactful.assurance import evidence
from tactful.config import TrainingConfig
from tactful.errors import UsageError
from tactful.planning import Planned
from tactful.privacy.audit import Audit
from tactful.privacy.audit import audit as attack

TRIALS = 20_000


def audit(config: str | Path, *, trials: int = TRIALS, progress: Callable[[str], None] = lambda _: None) -> Audit:
    """A lower bound on the ε that the best attacker sees in a run of this configuration.

    Parameters
    ----------
    config : str or Path
        As for `tactful.train`. Its sections ``privacy`` and ``fairness`` say what is released; tables, records and keys
        are not touched.
    trials : int, default=20000
        Releases of each of the two main worlds, at least 100. 5,000 find about 0.7 of a claimed ε of 1 on average.
    progress : callable, optional
        Told what is being done.

    Returns
    -------
    Audit
        Also kept under models/evidence/, for statements of runs with the same releases to quote.

    Raises
    ------
    UsageError
        If the configuration is wrong or the trials are too few to say anything.

    Notes
    -----
    **Privacy.** *Reads* nobody. *Returns* what an attacker made of synthetic people. *Costs* nothing. *Assumes* what
    `tactful.privacy.audit` says: an audit can refute a guarantee and never proves one.
    """
    if trials < 100:
        raise UsageError("an audit needs at least 100 trials", given=str(trials), do=f"Use e.g. --trials {TRIALS}")
    settings = TrainingConfig.load(config)
    planned = Planned.of(settings)
    found = attack(
        planned.plan,
        planned.design,
        planned.head,
        claim=planned.budget,
        max_items=settings.privacy.max_items,
        evaluation_share=settings.privacy.evaluation_share,
        trials=trials,
        progress=progress,
    )
    evidence.save("audit", planned.plan.events, found.as_json())
    return found
