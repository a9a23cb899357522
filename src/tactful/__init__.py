"""Recommendations trained only on what people agreed to.

With a privacy guarantee that holds, and fairness that was measured.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tactful.auditing import audit
    from tactful.datasets.twin import twin
    from tactful.forecast import plan
    from tactful.gating import gate
    from tactful.outcome import TrainingOutcome
    from tactful.scoring import Recommender
    from tactful.training import train

__all__ = ["Recommender", "TrainingOutcome", "__version__", "audit", "gate", "plan", "train", "twin"]
__version__: str

_HOME = {
    "Recommender": "tactful.scoring",
    "TrainingOutcome": "tactful.outcome",
    "audit": "tactful.auditing",
    "gate": "tactful.gating",
    "plan": "tactful.forecast",
    "train": "tactful.training",
    "twin": "tactful.datasets.twin",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import tactful`` loads nothing heavy (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # which costs a service more to import than all of scoring

        return version("tactful")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as missing:
        from tactful.errors import MissingExtraError

        raise MissingExtraError(f"tactful.{name}", extra="train", missing=missing.name or name) from missing


def __dir__() -> list[str]:
    return __all__
