"""What services import: load an approved model and recommend. Numpy, cryptography and the standard library only."""

from __future__ import annotations

from tactful.scoring.answers import Answer, Contribution, Recommendation
from tactful.scoring.recommender import Recommender

__all__ = ["Answer", "Contribution", "Recommendation", "Recommender"]
