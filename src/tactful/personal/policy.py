"""What the business decided: how long rows may be used, and which items need an opt-in of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError

_CATEGORY = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Retention and sensitive categories.

    Attributes
    ----------
    retention_days : int, days
        How long after an interaction it may be used.
    sensitive : mapping of str to (mapping of str to tuple of str)
        For each category the feature values whose items belong to it, e.g.
        ``{"family_planning": {"category": ("FAMILY PLANNING",)}}``. A person opts in to it by giving
        ``personalization.sensitive.family_planning``.
    retention : mapping of str to int, days
        Sensitive categories whose rows may be used for a shorter time than others. An item of several categories has
        the shortest time of theirs.
    """

    retention_days: int
    sensitive: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    retention: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.retention_days < 1:
            raise ConfigError(
                "retention_days is at least 1", given=str(self.retention_days), do="Set how long rows may be used"
            )
        for category, features in self.sensitive.items():
            if not _CATEGORY.fullmatch(category):
                raise ConfigError(
                    "a sensitive category is one word of a purpose", given=repr(category), do="Use a-z, 0-9 and _ only"
                )
            if not any(features.values()):
                raise ConfigError(
                    "a sensitive category names feature values", given=f"{category} names none", do="Add some"
                )
        for category, days in self.retention.items():
            self._check_retention(category, days)

    def days(self, categories: Iterable[str]) -> int:
        """How long a row may be used whose item is in these sensitive categories."""
        return min((self.retention[name] for name in categories if name in self.retention), default=self.retention_days)

    def bundles(self, catalogue: Catalogue) -> tuple[tuple[str, ...], ...]:
        """For each item, in catalogue order, the sorted sensitive categories it belongs to.

        Raises
        ------
        ConfigError
            If a feature column does not exist, or a value matches no item: a misspelt rule would protect nobody.
        """
        belongs: list[set[str]] = [set() for _ in range(len(catalogue))]
        for category, features in self.sensitive.items():
            for feature, values in features.items():
                for item in _matching(catalogue, category, feature, values):
                    belongs[item].add(category)
        return tuple(tuple(sorted(categories)) for categories in belongs)

    def _check_retention(self, category: str, days: int) -> None:
        """Raise `ConfigError` unless the category is declared, and its rows go no later than others."""
        if category not in self.sensitive:
            raise ConfigError(
                "retention is shorter for categories declared as sensitive",
                given=f"{category} is none of {', '.join(sorted(self.sensitive)) or '(none)'}",
                do="Declare the category, or correct its name",
            )
        if not 1 <= days <= self.retention_days:
            raise ConfigError(
                f"the retention of {category} is at least 1 day and at most retention_days, {self.retention_days}",
                given=str(days),
                do="Shorten it, or raise retention_days",
            )


def _matching(catalogue: Catalogue, category: str, feature: str, values: tuple[str, ...]) -> list[int]:
    """The positions of items whose feature holds any of the values."""
    if feature not in catalogue.features:
        raise ConfigError(
            f"the sensitive category {category} names feature columns of the catalogue",
            given=f"{feature} is none of {', '.join(sorted(catalogue.features)) or '(none)'}",
            do="Correct the column",
        )
    column = catalogue.features[feature]
    unknown = sorted(set(values) - {value for cell in column for value in cell})
    if unknown:
        raise ConfigError(
            f"each value of the sensitive category {category} is a value of {feature}",
            given=f"{unknown[0]!r} matches no item",
            do="Correct its spelling, or remove it",
        )
    return [item for item, cell in enumerate(column) if not set(values).isdisjoint(cell)]
