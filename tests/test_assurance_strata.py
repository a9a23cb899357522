"""Groups beside the declared ones: lengths of histories, intersections of coarse levels, and both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tactful.assurance.strata import HISTORY_EDGES, Groupings
from tactful.errors import ConfigError

AGE = ("19-24", "25-34", "35-54", "55-64", "65+")
MERGES = {"age": {"19-24": "under 35", "25-34": "under 35", "55-64": "late", "65+": "late", "late": "35 and over"}}
SEX = ("f", "m")


def groupings(**changed: Any) -> Groupings:
    """Two attributes, one of which has merges, and what they make together."""
    declared: dict[str, Any] = {
        "attributes": {"age": AGE, "sex": SEX},
        "merges": MERGES,
        "intersections": [("age", "sex")],
        "history_edges": (10,),
    }
    return Groupings(**(declared | changed))


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        (HISTORY_EDGES, ("1–9 items", "10–29 items", "30–99 items", "100 and more items")),
        ((), ("1 and more items",)),
        ((2, 3, 5), ("1 item", "2 items", "3–4 items", "5 and more items")),
    ],
)
def test_strata_are_told_in_words(edges: tuple[int, ...], words: tuple[str, ...]) -> None:
    """Every length of at least one item is in one of them."""
    made = groupings(history_edges=edges)
    assert made.strata == words
    lengths = np.arange(1, 130)
    found = made.codes({"age": np.zeros(129, int), "sex": np.zeros(129, int)}, lengths)["history"]
    assert found.tolist() == [sum(length >= edge for edge in edges) for length in lengths.tolist()]


def test_coarse_levels_are_what_merges_lead_to() -> None:
    """Through a chain to its end; a level without a merge is itself; a circle leads nowhere."""
    assert groupings().coarse("age") == ("under 35", "35-54", "35 and over")
    assert groupings().coarse("sex") == SEX
    circle = {"sex": {"f": "m", "m": "f"}}
    assert groupings(merges=circle).coarse("sex") == ("m", "f")


def test_levels_are_everything_that_is_told_apart() -> None:
    """Declared levels with both catch-alls; the others made of coarse ones, without."""
    found = groupings().levels()
    assert found["age"] == (*AGE, "other", "undisclosed")
    assert found["history"] == ("1–9 items", "10 and more items")
    assert found["age × sex"] == (
        *("under 35 × f", "under 35 × m", "35-54 × f", "35-54 × m"),
        *("35 and over × f", "35 and over × m"),
    )
    assert found["sex × history"] == (
        *("f × 1–9 items", "f × 10 and more items"),
        *("m × 1–9 items", "m × 10 and more items"),
    )
    assert list(found) == ["age", "sex", "history", "age × sex", "age × history", "sex × history"]


def test_everybody_is_in_the_group_of_their_parts() -> None:
    """Every age beside every sex and length, the catch-alls, not assessed and not measured included."""
    made = groupings()
    ages, sexes, lengths = (a.ravel() for a in np.meshgrid(np.arange(-1, 7), np.arange(-1, 4), [0, 3, 30]))
    found = made.codes({"age": ages, "sex": sexes}, lengths)
    names = made.levels()
    for place, (age, sex, length) in enumerate(zip(ages, sexes, lengths, strict=True)):
        coarse = ["under 35", "under 35", "35-54", "35 and over", "35 and over", None, None][age] if age >= 0 else None
        named = SEX[sex] if 0 <= sex < 2 else None
        stratum = {0: None, 3: "1–9 items", 30: "10 and more items"}[int(length)]
        told = {name: codes[place] for name, codes in found.items()}
        assert (told["age"], told["sex"]) == (age, sex)
        for name, parts in {
            "history": (stratum,),
            "age × sex": (coarse, named),
            "age × history": (coarse, stratum),
            "sex × history": (named, stratum),
        }.items():
            wanted = -1 if None in parts else names[name].index(" × ".join(str(part) for part in parts))
            assert told[name] == wanted, (name, parts)


def test_without_attributes_there_are_strata_alone() -> None:
    """For a run that declares no group."""
    made = Groupings(attributes={})
    assert list(made.levels()) == ["history"]
    assert made.codes({}, np.array([0, 1, 10, 1000]))["history"].tolist() == [-1, 0, 1, 3]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"history_edges": (1, 10)}, "rising"),
        ({"history_edges": (10, 10)}, "rising"),
        ({"history_edges": (30, 10)}, "rising"),
        ({"attributes": {"history": SEX}, "intersections": []}, "length of a history"),
        ({"intersections": [("age", "age")]}, "two declared"),
        ({"intersections": [("age", "income")]}, "two declared"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        groupings(**changed)
