"""The figures of a training as MLflow shows them, kept as a document too, so that a change of one can be seen.

MLflow lets metrics, parameters and tags be changed afterwards. This document holds what was logged; its digest is in
the journal like that of every other document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self, TypeVar

from tactful.privacy.sums import Measured

FIGURES = "figures.json"

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What MLflow should show of a training.

    Attributes
    ----------
    metrics : mapping of str to float
        By the names that MLflow has for them.
    params, tags : mapping of str to str
    intervals : mapping of str to (float, float)
        Where known, the interval of a metric.
    consent : mapping of str to Measured
        Released number of people by outcome of the consent gate.
    whole : bool
        Whether these are all the metrics there are; not so where they were made up from the journal's verdicts.
    """

    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    consent: Mapping[str, Measured] = field(default_factory=dict)
    whole: bool = True

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The figures that `figures_document` wrote; the digest of its bytes was compared before."""
        told = json.loads(raw)
        return cls(
            metrics=told["metrics"],
            params=told["params"],
            tags=told["tags"],
            intervals={name: (low, high) for name, (low, high) in told.get("intervals", {}).items()},
            consent={name: Measured(value=v, sigma=s) for name, (v, s) in told.get("consent", {}).items()},
        )

    @classmethod
    def of_verdicts(cls, verdicts: Mapping[str, str], noise: str) -> Self:
        """What the journal alone says: the verdict on each rule, and the noise."""
        tags = {"noise": noise, **{f"verdict.{rule}": status for rule, status in verdicts.items()}}
        return cls(metrics={}, params={}, tags=tags, whole=False)


def figures_document(
    *,
    params: Mapping[str, str | float],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    intervals: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    consent: Mapping[str, Measured] = MappingProxyType({}),
) -> str:
    """The document with these figures, under the names by which MLflow shows them.

    Notes
    -----
    **Privacy.** *Reads* released values and configuration. *Returns* text. *Costs* nothing. *Assumes* nothing.
    """
    shown = {
        "metrics": shown_names(metrics),
        "params": as_shown(params),
        "tags": dict(tags),
        "intervals": shown_names(intervals),
        "consent": {name: (round(people.value, 3), round(people.sigma, 3)) for name, people in consent.items()},
    }
    return json.dumps(shown, ensure_ascii=False, indent=1) + "\n"


def shown_names(metrics: Mapping[str, _Value]) -> dict[str, _Value]:
    """Metrics by the names that MLflow takes: ``ndcg@10`` is ndcg_at_10."""
    return {name.replace("@", "_at_"): value for name, value in metrics.items()}


def as_shown(params: Mapping[str, str | float]) -> dict[str, str]:
    """Parameters as the text that MLflow keeps."""
    return {name: str(value) for name, value in params.items()}
