"""What `tactful audit` and `tactful benchmark membership` would have saved."""

from __future__ import annotations

from typing import Any

AUDIT: dict[str, Any] = {
    "epsilon_claimed": 8.0,
    "delta": 1e-6,
    "epsilon_lower_bound": 6.54321,
    "confidence": 0.95,
    "trials": 4321,
    "noise_as_stated": True,
    "not_as_stated": [],
    "people": [
        {"person": "the longest history", "epsilon_lower_bound": 6.54321, "present": 4321},
        {"person": "one item", "epsilon_lower_bound": 3.21, "present": 1080},
    ],
    "controls": [
        {
            "mutant": "half the noise",
            "caught": True,
            "outcome": "caught",
            "caught_by": ["likelihood ratio", "noise"],
            "epsilon_lower_bound": 14.75,
        }
    ],
    "attempts": 13,
    "contradictions": 0,
    "tactful": "0.1.0",
    "created": "2026-11-22T08:00:00+00:00",
}
MEMBERSHIP: dict[str, Any] = {
    "world": {"people": 612, "items": 143, "unusual": 0.37},
    "shadows": 233,
    "targets": 87,
    "epsilon": 8.5,
    "delta": 2e-6,
    "mu": 1.4567,
    "k": 187,
    "head": 59,
    "noise_multiplier": 0.8912,
    "rows": [
        {
            "model": "private",
            "auc": 0.5312,
            "auc_interval": [0.5123, 0.5498],
            "tpr_at_fpr_1pct": 0.0187,
            "tpr_interval": [0.0099, 0.0311],
        },
        {
            "model": "without noise",
            "auc": 0.9213,
            "auc_interval": [0.9012, 0.9402],
            "tpr_at_fpr_1pct": 0.4567,
            "tpr_interval": [0.4001, 0.5123],
        },
    ],
    "bound": {"auc": 0.8479, "tpr_at_fpr_1pct": 0.1921},
    "attack_works": True,
    "tactful": "0.1.0",
    "created": "2026-11-22T08:10:00+00:00",
}
