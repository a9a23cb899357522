"""What a run has shown about personal lists beside the list of popular items: one conclusion for all who tell it."""

from __future__ import annotations

from collections.abc import Mapping

LIFT = "lift@20"


def against_popularity(intervals: Mapping[str, tuple[float, float]]) -> str:
    """Whether personal lists were shown to be better than one list for all, in a clause; empty where none was measured.

    Parameters
    ----------
    intervals : mapping of str to (float, float)
        Of metrics over everybody who was evaluated, by name.
    """
    if LIFT not in intervals:
        return ""
    low, high = intervals[LIFT]
    if low > 0:
        return f"personal lists find more than the list of popular items does ({LIFT} is above 0)"
    if high < 0:
        return f"personal lists find LESS than the list of popular items does ({LIFT} is below 0): do not approve it"
    return f"not shown to find more than the list of popular items does: the interval of {LIFT} holds 0"
