"""``tactful demo``: the demo, or its end."""

from __future__ import annotations

from typing import Annotated

import typer

from tactful.cli import demonstration, forget_demo
from tactful.cli.application import app


@app.command()
def demo(
    forget: Annotated[bool, typer.Option("--forget", help="Remove its tables, keys and records instead.")] = False,
) -> None:
    """Train, approve and ask a model on real-format grocery purchases; consent events are simulated.

    Example: tactful demo
    """
    if forget:
        forget_demo.forget()
    else:
        demonstration.run()
