"""The judge of a fight over a budget: reads the journal from its first entry on and the notes of those who fought.

The replay is the judge's own and knows nothing of `tactful.privacy.balance`: costs are added up exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from tactful.privacy.accountant import PrivacyBudget, PrivacyLoss
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
    weighs: dict[str, Fraction] = field(
        default_factory=lambda: defaultdict(Fraction)
    )  # what was promised and not given back, by partition
    spent: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))  # what was opened, by partition
    most_opened: float = 0.0
    most_promised: float = 0.0

    @property
    def promised_now(self) -> float:
        """What was promised and not given back, in the fuller partition."""
        return float(max(self.weighs.values(), default=0))

    def read(self, entry: Entry) -> None:
        """One entry later."""
        body = entry.body
        if entry.kind == "budget.debited":
            self.debits += 1
            for event in body["events"]:
                key = body["id"], event["name"]
                self.promised[key] = event["noise_multiplier"] ** -2.0, tuple(event["partitions"])
                self._add(self.weighs, key)
            self.most_promised = max(self.most_promised, self.promised_now)
        elif entry.kind == "budget.opened":
            self._open((body["id"], body["name"]), entry.sequence)
        elif entry.kind == "budget.cancelled":
            for name in body["names"]:
                self._give_back((body["id"], name))

    def _open(self, key: Key, sequence: int) -> None:
        assert key in self.promised, "opened without a debit"
        assert key not in self.given_back, "opened after it was given back"
        assert key not in self.opened, "opened twice"
        self.opened[key] = sequence
        self._add(self.spent, key)
        self.most_opened = max(self.most_opened, float(max(self.spent.values())))

    def _give_back(self, key: Key) -> None:
        assert key not in self.opened, "given back after it was opened"
        assert key not in self.given_back, "given back twice"
        self.given_back.add(key)
        self._add(self.weighs, key, -1)

    def _add(self, sums: dict[str, Fraction], key: Key, times: int = 1) -> None:
        """The event's μ² is added to its partitions, exactly."""
        cost, parts = self.promised[key]
        for part in parts:
            sums[part] += times * Fraction(cost)


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
