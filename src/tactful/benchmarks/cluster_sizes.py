"""What a plan for a cluster is about: a population, and the cores that go through it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tactful.errors import UsageError
from tactful.personal.engines.spark_settings import partitions_of
from tactful.privacy.statistics import LARGEST_HEAD

_RECEIVED = 64 << 20  # bytes that Spark advises a task to receive


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What there is to do.

    Attributes
    ----------
    people, events, items : int
    consents : float
        Events of consent a person.
    admitted : float
        The share of events that the gate lets through.
    kept : float
        Distinct items a training person after the bound.
    head : int
    evaluation_share : float
        Of the people; they come to the driver.
    epsilon, delta : float
        Of the run.
    """

    people: int = 100_000_000
    events: int = 10_000_000_000
    items: int = 100_000
    consents: float = 1.4
    admitted: float = 0.5
    kept: float = 40.0
    head: int = LARGEST_HEAD
    evaluation_share: float = 1e-4
    epsilon: float = 1.0
    delta: float = 1e-10

    def __post_init__(self) -> None:
        told = (
            ("there is somebody", self.people > 0, f"{self.people} people were given"),
            (
                "everybody has an event at least",
                self.people <= self.events,
                f"{self.events} events of {self.people} people were given",
            ),
            (
                "the head is some of the items",
                0 < self.head <= self.items,
                f"{self.head} of {self.items} items were given",
            ),
            ("a share of events is admitted", 0 < self.admitted <= 1, f"{self.admitted:g} was given"),
            ("less than everybody is held out", 0 <= self.evaluation_share < 1, f"{self.evaluation_share:g} was given"),
            ("whoever trains keeps an item", 1 <= self.kept <= self.items, f"{self.kept:g} of {self.items} were given"),
        )
        for holds, true, given in told:
            if not true:
                raise UsageError(holds, given=given, do="Give what you expect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What it is done with.

    Attributes
    ----------
    cores, cores_each : int
        Of all executors, and of one.
    price : float
        Of a core for an hour with its memory, in whatever currency: an assumption, not a quotation.
    """

    cores: int = 512
    cores_each: int = 4
    price: float = 0.05

    def __post_init__(self) -> None:
        if self.cores < 1:
            raise UsageError("there is a core at least", given=f"{self.cores} were given", do="Correct --cores")
        if not 1 <= self.cores_each <= self.cores:
            raise UsageError(
                "an executor has some of the cores",
                given=f"{self.cores_each} of {self.cores} were given",
                do="Correct --cores-each",
            )
        if self.price < 0:
            raise UsageError("a price is at least 0", given=f"{self.price:g} was given", do="Correct it")

    def tasks(self, shuffled: float) -> int:
        """How many receive so many bytes: Spark makes them large, but keeps all cores busy, up to its partitions."""
        return min(partitions_of(self.cores), max(self.cores, math.ceil(shuffled / _RECEIVED)))
