"""The head: how many items, by a rule of public and released quantities, and which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from released_worlds import people, popularity
from tactful.privacy.accountant import PrivacyBudget
from tactful.privacy.plan import RunPlan
from tactful.released.head import choose_head, head_size

LAWS = settings(deadline=None, derandomize=True, database=None)
counts = st.floats(-1e3, 1e8)
multipliers = st.floats(1e-2, 1e5)
sizes = st.integers(1, 10**6)


@LAWS
@given(n=counts, more=st.floats(0, 1e8), s=multipliers, less=st.floats(0.01, 1), items=sizes)
def test_more_people_or_less_noise_never_shrink_the_head(
    n: float, more: float, s: float, less: float, items: int
) -> None:
    """And it stays within 150 … 4,096 and the catalogue, also where the noisy count of people is below zero."""
    size = head_size(n, noise_multiplier=s, catalogue_size=items)
    assert min(150, items) <= size <= min(4096, items)
    assert head_size(n + more, noise_multiplier=s, catalogue_size=items) >= size
    assert head_size(n, noise_multiplier=s * less, catalogue_size=items) >= size


@pytest.mark.parametrize(("epsilon", "best"), [(1.0, 250), (4.0, 500), (8.0, 800)])
def test_the_rule_gives_the_heads_that_were_best_on_films(epsilon: float, best: int) -> None:
    """With 4,500 people within a fifth of what a search found; with 100,000 at least 1,000."""
    plan = RunPlan.of(PrivacyBudget(epsilon=epsilon, delta=1e-6), max_items=200, evaluation_cells=20)
    multiplier = plan.event("gram").noise_multiplier
    assert head_size(4500, noise_multiplier=multiplier, catalogue_size=10**6) == pytest.approx(best, rel=0.2)
    assert head_size(1e5, noise_multiplier=multiplier, catalogue_size=10**6) >= 1000


def test_the_head_is_the_most_popular_by_released_values() -> None:
    """Most popular first, ties in catalogue order, noisy negative values last."""
    values = np.concatenate([[3.0, -1.0, 7.0, 3.0], np.linspace(2, 1, 300)])
    head = choose_head(popularity(values), people(1), noise_multiplier=1.0)
    assert len(head) == 150
    assert head[:4].tolist() == [2, 0, 3, 4]
    assert 1 not in head


def test_a_small_catalogue_is_all_head() -> None:
    assert sorted(choose_head(popularity(np.arange(5.0)), people(1e6), noise_multiplier=1.0).tolist()) == [
        0,
        1,
        2,
        3,
        4,
    ]
