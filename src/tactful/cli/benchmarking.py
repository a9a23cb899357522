"""``tactful benchmark …``: what anybody can measure again, on public or synthetic data, beside a peer in the same run."""

from __future__ import annotations

import typer

benchmark = typer.Typer(help="Measure speed and leakage on public or synthetic data.", no_args_is_help=True)
