"""What the consent gate did with the rows, in words: for ``tactful gate`` and the summary of a training."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tactful.personal.consent import GateCounts

MEANING = {
    "malformed": "an id or time is missing or cannot be read, or the time lies in the future",
    "unknown_item": "the item is not in the catalogue",
    "erased": "the person was erased",
    "minor": "the person is a minor",
    "no_record": "nobody recorded what the person agreed to",
    "refused": "the person refused the purpose",
    "withdrawn": "the person withdrew the purpose",
    "expired": "the consent ran out",
    "before_grant": "the interaction is older than the consent, or there was a break between them",
    "retention_expired": "older than the retention period under [policy]",
    "sensitive_category": "a sensitive category without an opt-in of its own",
}
"""What each reason means, in `tactful.personal.consent.REASONS`."""


def admitted(counts: GateCounts, *, explained: bool = False) -> Table:
    """Rows read, admitted, and left out for each reason."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("rows read", f"{counts.read:,}")
    share = f"{counts.admitted / counts.read:.0%} of them" if counts.read else ""
    grid.add_row("admitted", f"{counts.admitted:,}", share)
    for reason, rows in counts.excluded.items():
        if rows:
            grid.add_row(Text(f"  not: {reason}", style="dim"), f"{rows:,}", MEANING[reason] if explained else "")
    return grid
