"""Ctrl-C while something must not be half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uninterrupted(*, later: bool = True) -> Iterator[None]:
    """An interrupt waits for the end of this.

    Parameters
    ----------
    later : bool, default=True
        Whether it is heard then; not where the program is stopping already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[tuple[int, Any]] = []
    before = signal.signal(signal.SIGINT, lambda *given: heard.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if later and heard and callable(before):
        before(*heard[0])
