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
from tactful.privacy.events import PARTITIONS

FEWEST, MOST = 5_000, 20_000


def audit(config: str | Path, *, trials: int | None = None, progress: Callable[[str], None] = lambda _: None) -> Audit:
    """What somebody who knows everything else sees of a person in a run of this configuration, as a lower bound on ε.

    Parameters
    ----------
    config : str or Path
        As for `tactful.train`. Its sections ``privacy`` and ``fairness`` say what is released; tables, records and keys
        are not touched.
    trials : int, optional
        Releases of each of the two main worlds, at least 100. If not given, 20,000 up to ε of about 1 and fewer above,
        but no fewer than 5,000: what an attacker cannot tell apart takes more looks.
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

    Examples
    --------
    >>> found = tactful.audit("configs/shop.toml", trials=200)
    >>> found.epsilon_lower_bound <= found.claim.epsilon
    True
    """
    if trials is not None and trials < 100:
        raise UsageError(
            "an audit makes at least 100 trials",
            given=f"{trials} were asked for",
            do=f"Leave it out, or give {MOST}",
        )
    settings = TrainingConfig.load(config)
    planned = Planned.of(settings)
    found = attack(
        planned.plan,
        planned.head,
        claim=planned.plan.budget,
        max_items=settings.privacy.max_items,
        evaluation_share=settings.privacy.evaluation_share,
        trials=trials or _enough(planned),
        progress=progress,
    )
    evidence.save("audit", planned.plan.events, found.as_json())
    return found


def _enough(planned: Planned) -> int:
    """Trials for an error of the bound on μ that is a fixed share of μ: it shrinks as 1/(μ√trials)."""
    mu_squared = min(planned.plan.loss(part).mu_squared for part in PARTITIONS)
    return round(min(MOST, max(FEWEST, 1_100 / mu_squared)))
