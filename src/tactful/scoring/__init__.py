"""What services import: load an approved model and recommend. Numpy, cryptography and the standard library only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tactful.scoring.answers import Answer, Contribution, Recommendation
from tactful.scoring.recommender import Recommender

if TYPE_CHECKING:
    from tactful.scoring.following import Follower
    from tactful.scoring.suppressions import Suppressions

__all__ = ["Answer", "Contribution", "Follower", "Recommendation", "Recommender", "Suppressions"]

_LATER = {"Follower": "tactful.scoring.following", "Suppressions": "tactful.scoring.suppressions"}


def __getattr__(name: str) -> Any:
    """Import what only some services use on first use (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return __all__
