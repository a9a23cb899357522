"""The questions of a `Recommender`, passed on to whichever model is current."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, SupportsIndex

from tactful.scoring.answers import Answer, Contribution, Recommendation

Given = Iterable[object] | Mapping[Any, float]
"""A history: item ids, or a mapping from item id to weight."""


class Model(Protocol):
    """What is followed: a `Recommender`. Said so that neither module needs the other to be read."""

    @property
    def model(self) -> str:
        """Its name."""
        ...

    @property
    def version(self) -> str:
        """What was approved."""
        ...

    @property
    def approval_id(self) -> str | None:
        """By what it was approved."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """When the approval ends."""
        ...

    @property
    def altered(self) -> Callable[[], str | None]:
        """A file of it that was written to since it was loaded."""
        ...

    @property
    def recommend(self) -> Callable[..., Answer]:
        """The n best items for one person."""
        ...

    @property
    def recommend_batch(self) -> Callable[..., list[Answer]]:
        """The same for many."""
        ...

    @property
    def explain(self) -> Callable[..., tuple[Contribution, ...]]:
        """What a score is made of."""
        ...

    @property
    def similar(self) -> Callable[..., tuple[Recommendation, ...]]:
        """Items like one."""
        ...


class Current(Protocol):
    """What has a model that answers now."""

    @property
    def current(self) -> Model:
        """The model that answers now."""
        ...


class Asked:
    """The questions, for a class that says what is `current`."""

    def recommend(
        self: Current,
        history: Given,
        n: SupportsIndex = 10,
        *,
        profiling: bool,
        allowed_categories: Collection[str] = (),
        allow_items: Iterable[object] | None = None,
        deny_items: Iterable[object] = (),
        because: bool = False,
    ) -> Answer:
        """As `Recommender.recommend`.

        Notes
        -----
        **Privacy.** As `Recommender.recommend`.
        """
        return self.current.recommend(
            history,
            n,
            profiling=profiling,
            allowed_categories=allowed_categories,
            allow_items=allow_items,
            deny_items=deny_items,
            because=because,
        )

    def recommend_batch(
        self: Current,
        histories: Iterable[Given],
        n: SupportsIndex = 10,
        *,
        profiling: bool | Sequence[bool],
        allowed_categories: Collection[str] = (),
        allow_items: Iterable[object] | None = None,
        deny_items: Iterable[object] = (),
        because: bool = False,
    ) -> list[Answer]:
        """As `Recommender.recommend_batch`; everybody is answered by one model.

        Notes
        -----
        **Privacy.** As `Recommender.recommend_batch`.
        """
        return self.current.recommend_batch(
            histories,
            n,
            profiling=profiling,
            allowed_categories=allowed_categories,
            allow_items=allow_items,
            deny_items=deny_items,
            because=because,
        )

    def explain(
        self: Current,
        history: Given,
        item_id: object,
        *,
        allowed_categories: Collection[str] = (),
    ) -> tuple[Contribution, ...]:
        """As `Recommender.explain`; to explain an answer, ask one `current` for both.

        Notes
        -----
        **Privacy.** As `Recommender.explain`.
        """
        return self.current.explain(history, item_id, allowed_categories=allowed_categories)

    def similar(
        self: Current,
        item_id: object,
        n: SupportsIndex = 10,
        *,
        allowed_categories: Collection[str] = (),
        allow_items: Iterable[object] | None = None,
        deny_items: Iterable[object] = (),
    ) -> tuple[Recommendation, ...]:
        """As `Recommender.similar`."""
        return self.current.similar(
            item_id, n, allowed_categories=allowed_categories, allow_items=allow_items, deny_items=deny_items
        )
