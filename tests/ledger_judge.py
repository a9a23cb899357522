"""The judge of a fight over a budget: reads the journal from its first entry on and the notes of those who fought.

The replay is the judge's own and knows nothing of `tactful.privacy.balance`: costs are summed prefix by prefix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import fsum

from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss
from tactful.privacy.events import PARTITIONS
from tactful.records.journal import Entry

Key = tuple[str, str]
Sample = tuple[str, str, int]
"""Debit, event, and how many entries the journal had when the sample was about to exist."""


@dataclass(kw_only=True)
class Judged:
    """The books as the judge keeps them, and the most that ever stood in them, in μ² of the fuller partition."""

    debits: int = 0
    opened: dict[Key, int] = field(default_factory=dict)
    given_back: set[Key] = field(default_factory=set)
    promised: dict[Key, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    most_opened: float = 0.0
    most_promised: float = 0.0

    def total(self, keys: Iterable[Key]) -> float:
        """What these events cost the partition they cost most."""
        listed = [self.promised[key] for key in keys]
        return max(fsum(cost for cost, parts in listed if part in parts) for part in PARTITIONS)

    def read(self, entry: Entry) -> None:
        """One entry later."""
        body = entry.body
        if entry.kind == "budget.debited":
            self.debits += 1
            for event in body["events"]:
                self.promised[body["id"], event["name"]] = event["noise_multiplier"] ** -2.0, tuple(event["partitions"])
            kept = [key for key in self.promised if key not in self.given_back]
            self.most_promised = max(self.most_promised, self.total(kept))
        elif entry.kind == "budget.opened":
            key = body["id"], body["name"]
            assert key in self.promised, "opened without a debit"
            assert key not in self.given_back, "opened after it was given back"
            assert key not in self.opened, "opened twice"
            self.opened[key] = entry.sequence
            self.most_opened = max(self.most_opened, self.total(self.opened))
        elif entry.kind == "budget.cancelled":
            keys = {(body["id"], name) for name in body["names"]}
            assert not keys & self.opened.keys(), "given back after it was opened"
            self.given_back |= keys


def replay(entries: Iterable[Entry]) -> Judged:
    """The books after all entries; raises if one of them could not happen."""
    judged = Judged()
    for entry in entries:
        judged.read(entry)
    return judged


def never_over(judged: Judged, limit: PrivacyBudget) -> None:
    """At no prefix of the journal did what was opened, or even what was promised, exceed the limit."""
    assert PrivacyLoss(mu_squared=judged.most_opened).fits(limit), "more was opened than the limit"
    assert PrivacyLoss(mu_squared=judged.most_promised).fits(limit), "more was promised than the limit"


def samples_were_paid_for(judged: Judged, samples: Iterable[Sample]) -> None:
    """Each sample's event was opened in the journal as it was when the sample began to exist, and no event has two."""
    listed = list(samples)
    for debit, name, length in listed:
        assert (debit, name) in judged.opened, "a sample exists that was never opened"
        assert judged.opened[debit, name] <= length, "a sample existed before it was opened"
    twice = [key for key, n in Counter((debit, name) for debit, name, _ in listed).items() if n > 1]
    assert not twice, "an event was sampled twice"


def samples_of(notes: Iterable[Iterable[str]]) -> list[Sample]:
    """The samples that the notes tell of."""
    words = (line.split() for lines in notes for line in lines if line.startswith("sample "))
    return [(debit, name, int(length)) for _, debit, name, length in words]


def answers_are_on_record(judged: Judged, notes: Iterable[Iterable[str]]) -> None:
    """Whoever was told that a debit is made finds it in the journal."""
    told = {line.split()[1] for lines in notes for line in lines if line.startswith("debited ")}
    assert told <= {debit for debit, _ in judged.promised}, "an accepted debit is not on record"
