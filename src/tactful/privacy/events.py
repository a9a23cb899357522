"""What a release does to people's privacy, as a description: the accountant prices it, the ledger pays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tactful.errors import UsageError

Partition = Literal["training", "evaluation"]

PARTITIONS: tuple[Partition, ...] = ("training", "evaluation")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSlack:
    """How far the sampler that really draws may be from the ideal rounded Gaussian.

    Attributes
    ----------
    epsilon : float
        Twice the log-ratio one person's coordinates can add up to while no noise value is beyond the stated range:
        2 · (coordinates one person can touch) · η.
    tail : float
        The probability that some noise value is beyond that range.
    """

    epsilon: float
    tail: float

    def __post_init__(self) -> None:
        if not (0 <= self.epsilon < math.inf and 0 <= self.tail < 1):
            raise UsageError(
                "sampler slack is a finite epsilon of at least 0 and a tail in [0, 1)",
                given=f"epsilon = {self.epsilon}, tail = {self.tail}",
                do="Take it from the noise source",
            )

    @classmethod
    def none(cls) -> SamplerSlack:
        """The slack of an ideal sampler."""
        return cls(epsilon=0.0, tail=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianEvent:
    """One Gaussian release.

    Attributes
    ----------
    name : str
        What is released, e.g. ``item popularity``; unique in its debit.
    partitions : tuple of {"training", "evaluation"}
        Whose data it reads; a release about everybody names both.
    noise_multiplier : float
        σ of the noise divided by the L2 sensitivity to adding or removing one person.
    slack : SamplerSlack
    """

    name: str
    partitions: tuple[Partition, ...]
    noise_multiplier: float
    slack: SamplerSlack

    def __post_init__(self) -> None:
        known = set(self.partitions) <= set(PARTITIONS) and len(set(self.partitions)) == len(self.partitions) > 0
        if not (self.name and known):
            raise UsageError(
                "an event has a name and one or both of the partitions training and evaluation",
                given=f"name {self.name!r}, partitions {self.partitions!r}",
                do="Name whose data the release reads",
            )
        if not 0 < self.noise_multiplier < math.inf:
            raise UsageError(
                "a noise multiplier is a number above 0",
                given=f"{self.name}: {self.noise_multiplier}",
                do="Calibrate it with tactful.privacy.accountant",
            )

    def as_json(self) -> dict[str, Any]:
        """The event as plain values; floats read back exactly."""
        return {
            "name": self.name,
            "partitions": list(self.partitions),
            "noise_multiplier": float(self.noise_multiplier),
            "slack": {"epsilon": float(self.slack.epsilon), "tail": float(self.slack.tail)},
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> GaussianEvent:
        """The event that `as_json` wrote."""
        return cls(
            name=values["name"],
            partitions=tuple(values["partitions"]),
            noise_multiplier=values["noise_multiplier"],
            slack=SamplerSlack(**values["slack"]),
        )
