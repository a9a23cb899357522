"""The one class that services use: load an approved model, then ask it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

from tactful.errors import NotFoundError, UsageError
from tactful.scoring.address import resolve
from tactful.scoring.answers import Answer, Contribution, Recommendation
from tactful.scoring.approval import as_approval, check_maker, ends_model, read_statement
from tactful.scoring.arguments import as_categories, as_count, paired, require_bool
from tactful.scoring.artifact import Artifact, read_artifact
from tactful.scoring.histories import UNREAD, History, as_id, read_history
from tactful.scoring.item_model import ItemModel
from tactful.scoring.ranking import Ranked, rank_personal, rank_popular
from tactful.scoring.seen import PROCESS, seen_place
from tactful.scoring.trust import Reviewers

_BATCH = 256  # people whose scores are computed in one product
_PERSONAL = "ranked by what the items of the history say"
_NOT_ALLOWED = "profiling is not allowed for this person: the history was not read"
_NOTHING_USABLE = "no item of the history is one the model can use"


class Recommender:
    """An approved model, ready to answer. Immutable, and safe to share between threads.

    Attributes
    ----------
    model, version : str
        What was approved.
    expires_at : datetime
        When the approval ends. It is checked on loading; a service that runs longer should load again before.

    Notes
    -----
    Made by `Recommender.load`, which checks the approval. `Recommender.unapproved` is for looking at a candidate.
    """

    __slots__ = ("_items", "expires_at", "model", "version")

    _items: ItemModel
    model: str
    version: str
    expires_at: datetime | None

    def __init__(self, *, items: ItemModel, model: str, version: str, expires_at: datetime | None) -> None:
        for name, value in (("_items", items), ("model", model), ("version", version), ("expires_at", expires_at)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Recommender cannot be changed: {name}")

    def __repr__(self) -> str:
        return f"Recommender({self.model} version {self.version}: {self._items!r})"

    @classmethod
    def load(
        cls,
        uri_or_path: str | Path,
        *,
        trusted_keys: Iterable[str] | str | Path | None = None,
        now: Callable[[], datetime] | None = None,
        seen_file: str | Path | None = None,
    ) -> Recommender:
        """The model at an address, whole and approved.

        Parameters
        ----------
        uri_or_path : str or Path
            ``models:/name@champion``, ``models:/name/3``, or a folder.
        trusted_keys : iterable of str, str or Path, optional
            Public keys, or a file of reviewers; see `tactful.scoring.trust.Reviewers.of`. An approval ends after
            the file's ``approval_valid_days``, and after 180 days where keys are given, whatever it says itself.
        now : callable, optional
            The clock, for tests.
        seen_file : str or Path, optional
            Where the decisions seen outlive the process; see `tactful.scoring.seen.seen_place` for the default.

        Raises
        ------
        ModelRefusedError
            If the model is altered, unsigned, signed by nobody trusted, not approved, approved by its own trainer, of
            another name or version than its address says, expired, made with reproducible noise, rejected before, or
            older than one that was seen.
        NotFoundError
            If there is nothing at the address.
        """
        reviewers = Reviewers.of(trusted_keys)
        with resolve(uri_or_path) as located:
            seen = seen_place(seen_file, store=located.store)
            statement = read_statement(located.folder, trusted=reviewers.keys)
            if ends_model(statement, reviewers):
                PROCESS.end(statement, file=seen)
            approval = as_approval(
                statement,
                now=now() if now else datetime.now(UTC),
                valid_days=reviewers.approval_valid_days,
                model=located.model,
                version=located.version,
                reviewers=reviewers,
            )
            artifact = read_artifact(located.folder, manifest_digest=approval.manifest_digest)
        check_maker(artifact.meta, approval)
        items = ItemModel.of(artifact)
        digest = approval.manifest_digest
        PROCESS.admit(approval.model, approval.sequence, digest=digest, file=seen, since=approval.since)
        return cls(items=items, model=approval.model, version=approval.version, expires_at=approval.expires_at)

    @classmethod
    def unapproved(cls, artifact: Artifact) -> Recommender:
        """A recommender to look at a candidate or measure it before anybody approved it; it serves nobody."""
        return cls(
            items=ItemModel.of(artifact), model=str(artifact.meta.get("model")), version="unapproved", expires_at=None
        )

    def recommend(
        self,
        history: Iterable[object],
        n: SupportsIndex = 10,
        *,
        profiling: bool,
        allowed_categories: Collection[str] = (),
        because: bool = False,
    ) -> Answer:
        """The n best items for one person, none of which their history holds.

        Parameters
        ----------
        history : iterable of item ids
            Text or integers; order and repetitions do not matter, unknown ids are ignored and counted.
        n : int
            From 1; fewer come back where fewer are left.
        profiling : bool
            Whether this person allows the history to be used. If not, it is not read and everybody's list comes back.
        allowed_categories : collection of str
            Sensitive categories that this person opted into.
        because : bool
            Whether each item carries what its score is made of.

        Privacy
        -------
        Reads: one person's history, only if `profiling`. Returns: an answer for that person. Costs: nothing; the
        history is not stored, logged or used for training. Assumes: the caller knows this person's consent for
        ``personalization.recommendations`` and the sensitive categories.
        """
        require_bool(profiling)
        return self.recommend_batch(
            (history,), n, profiling=profiling, allowed_categories=allowed_categories, because=because
        )[0]

    def recommend_batch(
        self,
        histories: Iterable[Iterable[object]],
        n: SupportsIndex = 10,
        *,
        profiling: bool | Sequence[bool],
        allowed_categories: Collection[str] = (),
        because: bool = False,
    ) -> list[Answer]:
        """The answers of `recommend` for many people, computed together.

        Parameters
        ----------
        histories : iterable of iterables of item ids
        n, allowed_categories, because
            As in `recommend`, the same for everybody.
        profiling : bool or sequence of bool
            One for everybody, or one for each person.

        Privacy
        -------
        As `recommend`, for each person apart: nobody's answer depends on anybody else's history.
        """
        if isinstance(histories, str | bytes):
            raise UsageError(
                "histories are a list of lists", given="it was a single text", do="Pass a list for each person"
            )
        count, allowed = as_count(n), self._items.allows(as_categories(allowed_categories))
        read = self._read(histories, profiling, allowed)
        answers: list[Answer] = []
        while chunk := list(islice(read, _BATCH)):
            answers += self._answer(chunk, allowed, count, because)
        return answers

    def explain(
        self, history: Iterable[object], item_id: object, *, allowed_categories: Collection[str] = ()
    ) -> tuple[Contribution, ...]:
        """What each item of the history adds to the score of one item; with the base term it sums to the score.

        Parameters
        ----------
        history : iterable of item ids
        item_id : str or int
            Any item of the catalogue that `allowed_categories` allow.

        Raises
        ------
        NotFoundError
            If the catalogue has no such item.
        UsageError
            If the item is in a sensitive category that is not allowed: it would never be recommended.

        Privacy
        -------
        Reads: one person's history. Returns: an explanation for that person. Costs: nothing; it is not stored. Assumes:
        this person allows profiling.
        """
        allowed = self._items.allows(as_categories(allowed_categories))
        position = self._items.position.get(as_id(item_id) or "")
        if position is None:
            raise NotFoundError("the item must be in the catalogue", given="it is not", do="Check the id")
        if not allowed[self._items.sensitive[position]]:
            raise UsageError(
                "an item of a sensitive category is explained to whoever opted in",
                given="its categories are not all in allowed_categories",
                do="Pass what this person opted into",
            )
        return self._because(read_history(self._items, history, allowed), position)

    def _read(
        self, histories: Iterable[Iterable[object]], profiling: bool | Sequence[bool], allowed: NDArray[np.bool_]
    ) -> Iterator[History | None]:
        """Each history, or None where the person does not allow it to be read."""
        for history, may_read in paired(histories, profiling):
            yield read_history(self._items, history, allowed) if may_read else None

    def _answer(
        self, chunk: list[History | None], allowed: NDArray[np.bool_], n: int, because: bool
    ) -> Iterator[Answer]:
        """An answer for each history, the products of all of them computed at once."""
        items = self._items
        tastes = {row: items.taste(h.slots) for row, h in enumerate(chunk) if h is not None and len(h.slots)}
        rough = dict(zip(tastes, self._products(list(tastes.values())), strict=True))
        for row, history in enumerate(chunk):
            if history is None:
                yield self._packed(rank_popular(items, UNREAD, allowed, n), UNREAD, _NOT_ALLOWED, because)
            elif row not in tastes:
                yield self._packed(rank_popular(items, history, allowed, n), history, _NOTHING_USABLE, because)
            else:
                ranked = rank_personal(items, history, allowed, n, taste=tastes[row], rough=rough[row])
                yield self._packed(ranked, history, _PERSONAL, because)

    def _products(self, tastes: list[NDArray[np.float64]]) -> Iterable[NDArray[np.float32]]:
        """``decoder @ taste`` for each, in 32 bits."""
        if len(tastes) == 1:
            return [self._items.decoder @ tastes[0].astype(np.float32)]
        return np.array(tastes, dtype=np.float32) @ self._items.decoder.T if tastes else []

    def _packed(self, ranked: Ranked, history: History, reason: str, because: bool) -> Answer:
        """The answer around a ranked list."""
        items = self._items
        recommendations = tuple(
            Recommendation(
                item_id=items.item_ids[position],
                score=score,
                title=str(items.titles[position]),
                because=self._because(history, position) if because else None,
            )
            for position, score in zip(*(array.tolist() for array in ranked), strict=True)
        )
        return Answer(
            items=recommendations,
            personalised=reason is _PERSONAL,
            reason=reason,
            unknown=history.unknown,
            withheld=history.withheld,
            model=self.model,
            version=self.version,
        )

    def _because(self, history: History, position: int) -> tuple[Contribution, ...]:
        """What a score is made of, the largest first, the base term last."""
        items = self._items
        if not len(history.slots):
            return (Contribution(item_id=None, contribution=float(items.popularity[position])),)
        added = items.contributions(history.slots, position)
        order = np.argsort(-added, kind="stable")
        parts = [
            Contribution(item_id=items.item_ids[items.head[history.slots[i]]], contribution=float(added[i]))
            for i in order
        ]
        return (*parts, Contribution(item_id=None, contribution=float(items.base[position])))
