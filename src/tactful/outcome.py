"""What a training run came to, as a value: the same for Python, the command line and ``--json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tactful.personal.consent import GateCounts
from tactful.privacy.statistics import Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOutcome:
    """What a run came to. Row counts are exact and for the operator; metrics and verdicts are released values.

    Attributes
    ----------
    model : str
    version, run_id : str or None
        In MLflow; None unless there is a candidate.
    status : {"candidate", "refused", "dry run"}
    reason : str
        Why the run was refused; empty otherwise.
    epsilon, delta : float
        What the run costs each person, at most.
    noise : {"system", "reproducible"}
    counts : GateCounts or None
        Rows read, admitted and excluded; None if no row was read.
    metrics : mapping of str to float
        Released values by name, e.g. ``recall@10`` and ``lift@20``; shares of 0 to 1, lifts may be below 0.
    intervals : mapping of str to (float, float)
        95% intervals of the metrics, over sampling and noise.
    verdicts : mapping of str to str
        By rule: ``pass``, ``fail`` or ``insufficient evidence``; empty if no rule is declared.
    explanations : mapping of str to str
        By rule: why, in a few sentences; the report also says who was merged and who is not compared.
    price : mapping of str to float
        ε requested, spent and remaining in the ledger before this run, at the limit's δ.
    spent : float
        ε that the run has cost each person: less than `epsilon` where it was refused on the way, 0 for a dry run.
    warnings : tuple of str
        What the configuration or the call leaves open that somebody might take for granted.
    records : str
        Where the ledger is kept.
    attributed : bool
        Whether somebody's key answers for the run; without one it is never approved.
    engine : str
        What read the tables about people and added them up.
    """

    model: str
    status: str
    epsilon: float
    delta: float
    noise: Noise
    version: str | None = None
    run_id: str | None = None
    reason: str = ""
    counts: GateCounts | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    explanations: Mapping[str, str] = field(default_factory=dict)
    price: Mapping[str, float] = field(default_factory=dict)
    spent: float = 0.0
    warnings: tuple[str, ...] = ()
    records: str = ""
    attributed: bool = False
    engine: str = "duckdb"

    def as_json(self) -> dict[str, Any]:
        """What ``tactful train --json`` prints: a key for each attribute, of `counts` each of theirs."""
        counts = self.counts
        return {
            "model": self.model,
            "version": self.version,
            "run_id": self.run_id,
            "status": self.status,
            "reason": self.reason,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "noise": self.noise,
            "read": counts.read if counts else 0,
            "admitted": counts.admitted if counts else 0,
            "excluded": dict(counts.excluded) if counts else {},
            "metrics": dict(self.metrics),
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "verdicts": dict(self.verdicts),
            "explanations": dict(self.explanations),
            "price": dict(self.price),
            "spent": self.spent,
            "warnings": list(self.warnings),
            "records": self.records,
            "attributed": self.attributed,
            "engine": self.engine,
        }
