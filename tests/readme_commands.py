"""The README's commands, as a reader would copy them, and a shell in which to run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
Run = Callable[..., subprocess.CompletedProcess[str]]


def block(language: str, containing: str) -> str:
    """The README's code block of a language that holds a text."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL) if containing in b]
    assert len(found) == 1
    return found[0]


def runner(folder: Path) -> Run:
    """Runs the command line, or Python, as a user in `folder` would: nothing set but what the README exports."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TACTFUL_", "MLFLOW_"))}
    environment |= {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "TACTFUL_TRUSTED_KEYS": "models/demo/reviewers.toml",
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments, cwd=folder, env={**environment, **more}, capture_output=True, text=True, check=False
        )

    return run


def blocks(language: str) -> list[str]:
    """The README's code blocks of a language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands(text: str) -> list[str]:
    """The commands of a console block, with what follows a line's last backslash."""
    return [found.rstrip() for found in re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, flags=re.MULTILINE)]
