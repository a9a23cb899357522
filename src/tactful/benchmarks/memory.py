"""The memory of the process that measures."""

from __future__ import annotations

import resource
import sys


def peak_gib() -> float:
    """The most memory that this process has held, in GiB; of its children nothing."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
