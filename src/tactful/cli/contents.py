"""The contents page of the command line: every command, what it is for, and the file that holds it.

``tactful --help`` and the completion of a shell read this page alone, so they answer before numpy has loaded. A test
holds it against what the commands say of themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_BEGIN, _TRAIN, _DECIDE, _SERVE = "Begin", "Train", "Decide", "Serve"
_PEOPLE, _MEASURE = "People and their rights", "Measure"


class Entry(NamedTuple):
    """A command: its file in this folder, its line in the list, and the part of the list that it stands in."""

    module: str
    help: str
    panel: str | None = None


class Group(NamedTuple):
    """A group of commands, as the list shows it."""

    help: str
    panel: str


GROUPS: Mapping[str, Group] = {
    "benchmark": Group("Measure speed, quality and leakage on public or synthetic data.", _MEASURE),
    "consent": Group("What people agreed to.", _PEOPLE),
    "journal": Group("The append-only journal.", _DECIDE),
    "keys": Group("Secrets of the population, and signing keys of trainers, reviewers and officers.", _BEGIN),
    "subject": Group("One person: what is held, what it was used for, and erasure.", _PEOPLE),
    "vault": Group("The encrypted store of interactions.", _PEOPLE),
}
"""Commands of two words, by their first."""

CONTENTS: Mapping[str, Mapping[str, Entry]] = {
    "tactful": {
        "demo": Entry("demo", "Everything once, on grocery purchases; consent events are simulated.", _BEGIN),
        "init": Entry("starting", "Write a commented configuration for your tables, and say what comes next.", _BEGIN),
        "config": Entry("config_reference", "Say what a key of the configuration means, or list all of them.", _BEGIN),
        "plan": Entry("forecasting", "Forecast what a private model will be worth; reads no data.", _BEGIN),
        "gate": Entry("gating", "Say which rows consent admits now, and why not the others; spends nothing.", _TRAIN),
        "train": Entry("training", "Train a candidate from consented interactions.", _TRAIN),
        "audit": Entry("auditing", "Attack a run's releases; what is seen must lie below the claim.", _TRAIN),
        "budget": Entry("budgeting", "Show what was spent of the privacy budget, and what remains.", _TRAIN),
        "twin": Entry("twins", "Draw synthetic people from a model, to try things on at no cost.", _TRAIN),
        "approve": Entry("deciding", "Approve a version: sign it, journal it, make it champion.", _DECIDE),
        "reject": Entry("deciding", "Reject a version for good; it stops loading.", _DECIDE),
        "retire": Entry("deciding", "Retire a version until somebody approves it anew.", _DECIDE),
        "rollback": Entry("deciding", "Go back to the champion before the last one.", _DECIDE),
        "models": Entry("deciding", "List versions, who decided what and why, and who was champion when.", _DECIDE),
        "verify": Entry("verifying", "Compare all that is known of a model, and name each mismatch.", _DECIDE),
        "recommend": Entry("recommending", "Recommend items for one history; it is not stored.", _SERVE),
        "suppressions": Entry("suppressing", "Write the signed list of whom services may profile.", _SERVE),
        "ingest": Entry("keeping", "Bring interactions that may be kept into the encrypted vault.", _PEOPLE),
        "purge": Entry("keeping", "Delete from the vault what is past retention or no longer agreed to.", _PEOPLE),
        "notice": Entry("papers", "Write the transparency notice for people, in plain words.", _PEOPLE),
        "processing": Entry("papers", "Write the record of processing activities (GDPR, Article 30).", _PEOPLE),
        "assessment-inputs": Entry(
            "papers", "Write what an impact assessment needs to know (GDPR, Article 35).", _PEOPLE
        ),
        "breach": Entry("officer", "Say whose data was in a store in a period, and draft the letters.", _PEOPLE),
    },
    "benchmark": {
        "membership": Entry("benchmarking", "Attack lists: how well they tell who was trained on."),
        "noise": Entry("benchmarking", "Time the noise of a release beside numpy's and diffprivlib's."),
        "quality": Entry("benchmarking", "Measure what privacy costs, with every method on public data."),
        "plot": Entry("benchmarking", "Draw quality against epsilon."),
        "training": Entry("benchmarking", "Time private training beside implicit's ALS."),
        "growth": Entry("benchmarking", "Time private training at five numbers of people and of items."),
        "engines": Entry("engine_benchmarks", "Time gate, bound and sums on an engine, as each thing grows."),
        "rates": Entry("engine_benchmarks", "Time Spark here, and fit what a core does, for `benchmark cluster`."),
        "cluster": Entry("engine_benchmarks", "Plan a run on a Spark cluster; reads no data."),
        "coverage": Entry("fairness_benchmarks", "Count how often intervals hold the truth and verdicts are right."),
        "fairness": Entry("fairness_benchmarks", "Time a private assessment beside fairlearn's bootstrap."),
        "plan-table": Entry("forecasting", "Simulate the table that `tactful plan` reads."),
        "gate": Entry("gate_benchmark", "Time the consent gate beside a plain join of the same files."),
        "mitigation": Entry("mitigating", "Measure the gap between groups, with mitigation and without."),
        "scoring": Entry("scoring_benchmark", "Time requests to an approved model beside implicit's."),
        "wide": Entry("wide_benchmark", "Train on a wide catalogue and serve it, with and without an index."),
    },
    "consent": {
        "import": Entry("consenting", "Bring consent events into the store: all of them or none."),
        "status": Entry("consenting", "Say what a person agreed to, since when and until when."),
        "withdraw": Entry("consenting", "Record that a person withdrew a purpose."),
        "give": Entry("consenting", "Record that a person gave a purpose."),
        "export": Entry("consent_files", "Write how consent stands for everybody, or every event."),
        "receipt": Entry("consent_files", "Write one person's receipts, as ISO/IEC TS 27560 has it."),
        "replay": Entry("replaying", "Judge every row again as of a past time, or of a training."),
    },
    "journal": {
        "verify": Entry("journalling", "Find entries that were edited, removed, moved or cut off."),
        "reads": Entry("journalling", "List who looked at data about people, when and what for."),
        "accept": Entry("journalling", "Go on with a journal that is not as the kept head says."),
    },
    "keys": {
        "secrets": Entry("key_files", "Make the secrets of a population, once."),
        "new": Entry("key_files", "Make a signing key, and print the lines by which it is known."),
        "rotate": Entry("rotating", "Make a new storage key and put everything under it."),
        "suppression": Entry("suppressing", "Write the key of suppression lists to a file, for a service."),
    },
    "subject": {
        "export": Entry("subject", "Write one file with all that is held about a person."),
        "impact": Entry("subject", "Say which models a person's rows were admissible for."),
        "erase": Entry("subject", "Erase a person from tactful's own stores, for good."),
    },
    "vault": {
        "show": Entry("keeping", "Show columns, categories, reasons and ends."),
        "verify": Entry("keeping", "Read every file and compare it with what was written."),
    },
}
"""For the program and for each group: its commands, in the order of their list."""
