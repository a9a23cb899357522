"""Which purposes are misspelt: every slip in one that tactful asks for is found, and a business's own names pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records_people import opened, table
from tactful.errors import SchemaError
from tactful.records.purposes import ASKED, check_spelling, is_asked, misspelt

ANN, LETTERS = "canary-ann-7391", "asz7"
Misspelt = Callable[[Iterable[str]], dict[str, str]]
KNOWN = [*ASKED, *(f"{root}.{word}" for root, below in ASKED.items() for word in below)]
BELOW = {known: "" if "." not in known else ".health_2.deep" for known in KNOWN}
"""What a business may put below each; below a root alone there are other purposes."""

OWN = [
    "marketing.email",
    "analytics",
    "essential",
    "personalisation.email",
    "personalization.ads",
    "personalization.tracking",
    "personalization.ranking",
    "personalization.rating",
    "personalization_ads",
    "personalization.training_data",
    "personalized.recommendations",
    "personalization.train",
    "personal",
    "fitness",
    "wellness",
    "fairness.monitoring",
    "training",
    "recommendations",
    "sensitive.health",
    "fairness.training",
    "personalization.sensitive.wealth",
    "all",
    "*",
    "a..b",
    "personalization.",
    "personalisation/training",
]
"""A business's own, words for everything, and what is no purpose."""

MEANT = {
    "personalisation.training": "personalization.training",
    "personalisation.sensitive.health": "personalization.sensitive.health",
    "personalization.sensitve.mental_health.diet": "personalization.sensitive.mental_health.diet",
    "personnalisation": "personalization",
    "personalization.recomendation": "personalization.recommendations",
    "personalisation_training": "personalization.training",
    "personalization_training.shop": "personalization.training.shop",
    "personalizationtraining": "personalization.training",
    "personal_ization.training": "personalization.training",
    "fareness.assesment": "fairness.assessment",
    "personalisationtraining": "personalization.training",
    "personalization.train.ing": "personalization.training",
    "personal.ization.training": "personalization.training",
    "personalization.sensitive_health": "personalization.sensitive.health",
    "personalization_sensitive_health": "personalization.sensitive.health",
}


def slips(name: str) -> Iterator[str]:
    """The name with one letter more, less or another, or two neighbours swapped; words keep their dots."""
    for place, letter in enumerate(name):
        yield name[:place] + name[place + 1 :]
        yield name[:place] + name[place + 1 : place + 2] + letter + name[place + 2 :]
        for other in LETTERS:
            yield name[:place] + other + name[place:]
            yield name[:place] + (letter if letter == "." else other) + name[place + 1 :]
    yield from (name + other for other in LETTERS)


def faults(find: Misspelt) -> set[str]:
    """The kinds of what is found wrongly, or not found."""
    wrong = set()
    for known, below in BELOW.items():
        slipped = {slip for slip in slips(known) if not is_asked(slip)}
        if find(slip + below for slip in slipped) != {
            slip + below: known + below for slip in slipped if slip[-1] != "."
        }:
            wrong.add("slips")
        if find([known, f"{known}.shop", f"{known}.a.b_c"]):
            wrong.add("asked")
    if find(OWN):
        wrong.add("own")
    if find(MEANT) != MEANT:
        wrong.add("meant")
    return wrong


def alike(purpose: str, known: str) -> bool:
    """Close by the whole text."""
    return SequenceMatcher(None, purpose, known, autojunk=False).ratio() >= 0.9


def by_whole_text(purposes: Iterable[str]) -> dict[str, str]:
    """Broken: the long first word makes everything below it alike."""
    pairs = ((purpose, known) for purpose in purposes for known in KNOWN if not is_asked(purpose))
    return {purpose: known for purpose, known in pairs if alike(purpose, known)}


def by_first_word(purposes: Iterable[str]) -> dict[str, str]:
    """Broken: what only begins like one of ours is taken for it."""
    pairs = ((purpose, purpose.split(".")[0], root) for purpose in purposes for root in ASKED)
    return {purpose: root + purpose[len(first) :] for purpose, first, root in pairs if alike(first, root)}


def test_every_slip_is_found_and_nothing_else() -> None:
    """Thousands of slips in the names that tactful asks for, with what may stand below them; and others' names."""
    assert faults(misspelt) == set()


@pytest.mark.parametrize("broken", [lambda _: {}, by_whole_text, by_first_word], ids=["nothing", "whole", "first"])
def test_a_broken_rule_is_found_out(broken: Misspelt) -> None:
    """One that finds nothing, and two that find too much."""
    assert faults(broken)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sets(st.from_regex(r"[a-z0-9_.*/ ]{0,40}", fullmatch=True)))
def test_what_is_meant_is_asked_for(purposes: set[str]) -> None:
    """Whatever is found was given and is not asked for; what it means is, and keeps what stands below."""
    for purpose, meant in misspelt(purposes).items():
        assert purpose in purposes
        assert is_asked(meant)
        assert not is_asked(purpose)
        assert purpose.split(".")[2:] == meant.split(".")[2:]


def test_the_error_says_what_was_meant_and_what_to_do() -> None:
    """Both names, no number of rows, and nothing of what stands below: an id may have got there."""
    with pytest.raises(SchemaError, match="may mean") as stopped:
        check_spelling(["marketing", "personalisation.training.canary_ann"], "consents.csv")
    told = str(stopped.value)
    assert told == (
        "a purpose in consents.csv that tactful asks for has its own name; "
        "personalisation.training may mean personalization.training. "
        "Call it personalization.training in the table, or, if it is another purpose, give it another name."
    )
    assert "canary" not in str(stopped.value.fields)
    check_spelling(OWN, "consents.csv")


def test_many_are_told_by_the_first() -> None:
    """A table of nothing but slips does not fill the screen."""
    with pytest.raises(SchemaError, match="and others") as stopped:
        check_spelling(slips("fairness"), "x")
    assert str(stopped.value).count("may mean") == 5


MISSPELT = table(
    (ANN, "personalization", "given", "2026-01-02"), (ANN, "Personalisation.Training ", "withdrawn", "2026-01-03")
)


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_store_takes_nothing_of_a_table_with_a_misspelt_purpose(tmp_path: Path, dry_run: bool) -> None:
    """No event, nobody in the directory, no entry of the journal; what it could not mend it never holds."""
    records, store, subjects = opened(f"sqlite:///{tmp_path}/records.db")
    with pytest.raises(SchemaError, match="may mean") as stopped:
        store.add(MISSPELT, source="x", dry_run=dry_run)
    assert ANN not in str(stopped.value)
    assert (store.empty, records.entries(), subjects.erased()) == (True, [], {})
    assert store.add(table((ANN, "personalisation.email", "given", "2026-01-02")), source="x").events == 1
