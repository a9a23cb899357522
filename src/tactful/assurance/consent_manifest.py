"""The consent manifest: how many people were used, and how many were not and why, as released."""

from __future__ import annotations

import yaml

from tactful.assurance.summary import RunSummary


def consent_manifest(summary: RunSummary) -> str:
    """YAML with the released number of people of each consent outcome.

    Notes
    -----
    **Privacy.** *Reads* released values. *Returns* them with the σ of their noise. *Costs* nothing. *Assumes* that
    each person was counted once, under one outcome.
    """
    document = {
        "model": summary.model,
        "created": summary.created.isoformat(),
        "purpose": summary.purpose,
        "unit": summary.unit,
        "retention_days": summary.policy.retention_days,
        "sensitive_categories": list(summary.policy.sensitive_categories),
        "how_to_read": (
            "Numbers of people with Gaussian noise of standard deviation sigma. They are not exact and may be below "
            "0. Each person is counted once: as admitted if any of their rows was used, else under the first reason, "
            "in the order below, that holds for any of their rows. Other reasons may hold for the same person too."
        ),
        "people": {
            outcome: {
                "meaning": meaning,
                "released": round(count.value, 3),
                "sigma": round(count.sigma, 3),
            }
            for outcome, meaning, count in summary.outcomes
        },
        "notes": list(summary.notes),
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
