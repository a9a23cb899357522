"""What a policy accepts, and which items it protects."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError
from tactful.personal.policy import Policy

ITEMS = Catalogue.of_table(
    pa.table(
        {"item_id": ["a", "b", "c"], "category": ["BABY|FAMILY PLANNING", "DIET AIDS", None], "aisle": ["1", "2", "1"]}
    )
)


def test_bundles_are_the_sorted_categories_of_each_item():
    """A value among several counts; an item may be in two categories, through two columns."""
    sensitive = {
        "family": {"category": ("FAMILY PLANNING",)},
        "aisle_one": {"aisle": ("1",), "category": ("DIET AIDS",)},
    }
    assert Policy(retention_days=1, sensitive=sensitive).bundles(ITEMS) == (
        ("aisle_one", "family"),
        ("aisle_one",),
        ("aisle_one",),
    )
    assert Policy(retention_days=1).bundles(ITEMS) == ((), (), ())


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"family": {"categories": ("FAMILY PLANNING",)}}, "categories is none of aisle, category"),
        ({"family": {"category": ("FAMILY PLANING",)}}, "FAMILY PLANING"),
        ({"family": {"category": ("FAMILY PLANNING", "family planning")}}, "family planning"),
    ],
)
def test_a_rule_that_protects_nobody_is_refused(rule, named):
    """A misspelt column or value is named."""
    with pytest.raises(ConfigError, match=named):
        Policy(retention_days=1, sensitive=rule).bundles(ITEMS)


@pytest.mark.parametrize("category", ["Family", "family planning", "family.planning", ""])
def test_a_category_is_one_word_of_a_purpose(category):
    """Otherwise no purpose could ever give it."""
    with pytest.raises(ConfigError):
        Policy(retention_days=1, sensitive={category: {"category": ("DIET AIDS",)}})


@pytest.mark.parametrize("rules", [{}, {"category": ()}])
def test_a_category_names_values(rules):
    """An empty one protects nobody."""
    with pytest.raises(ConfigError):
        Policy(retention_days=1, sensitive={"family": rules})


@pytest.mark.parametrize("days", [0, -1])
def test_retention_is_positive(days):
    """Rows may be used for a day at least, or there is nothing to do."""
    with pytest.raises(ConfigError):
        Policy(retention_days=days)


SENSITIVE = {"family": {"category": ("FAMILY PLANNING",)}, "diet": {"category": ("DIET AIDS",)}}


def test_an_item_has_the_shortest_retention_of_its_categories():
    """And the general one if none of them has its own."""
    policy = Policy(retention_days=90, sensitive=SENSITIVE, retention={"family": 30, "diet": 7})
    days = [policy.days(categories) for categories in ((), ("family",), ("diet", "family"))]
    assert days == [90, 30, 7]
    assert Policy(retention_days=90, sensitive=SENSITIVE, retention={"diet": 7}).days(("family",)) == 90


@pytest.mark.parametrize(("retention", "named"), [({"fmaily": 3}, "fmaily"), ({"diet": 0}, "0"), ({"diet": 91}, "91")])
def test_a_retention_that_would_shorten_nothing_is_refused(retention, named):
    """A misspelt category, no day at all, or longer than other rows."""
    with pytest.raises(ConfigError, match=named):
        Policy(retention_days=90, sensitive=SENSITIVE, retention=retention)
