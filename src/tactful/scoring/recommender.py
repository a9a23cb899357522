"""The one class that services use: load an approved model, then ask it.

The file is longer than most: all that a service may call stands here, with what each call promises about people.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

from tactful.errors import ModelRefusedError, NotFoundError, UsageError
from tactful.scoring.address import resolve
from tactful.scoring.answering import Identity, answer, answers, parts, recommendations
from tactful.scoring.answers import Answer, Contribution, Recommendation
from tactful.scoring.approval import as_approval, check_maker, ends_model, read_statement
from tactful.scoring.arguments import as_count, paired, require_bool, require_flag
from tactful.scoring.artifact import Artifact, read_artifact
from tactful.scoring.histories import History, as_id, read_history
from tactful.scoring.item_model import ItemModel
from tactful.scoring.offers import Offer, offer
from tactful.scoring.seen import PROCESS, seen_place
from tactful.scoring.similarity import rank_similar
from tactful.scoring.trust import Reviewers

if TYPE_CHECKING:
    from tactful.scoring.following import Follower

_TOGETHER = 128  # people whose scores are computed in one product
_SCORES = 2**22  # at most so many of them, 16 MiB

Given = Iterable[object] | Mapping[Any, float]
"""A history: item ids, or a mapping from item id to weight."""


def _system_clock() -> datetime:
    """The time now."""
    return datetime.now(UTC)


class Recommender:
    """An approved model, ready to answer. Immutable, and safe to share between threads.

    Attributes
    ----------
    model, version : str
        What was approved.
    approval_id : str or None
        The approval that it serves under, as `tactful models` lists it; None for a candidate.
    expires_at : datetime or None
        When the approval ends: from then on every method that answers raises `ModelRefusedError`. None for a candidate.

    Notes
    -----
    Made by `Recommender.load`, which checks the approval. `Recommender.unapproved` is for looking at a candidate.

    Examples
    --------
    >>> recommender = Recommender.load("models:/shop@champion")
    >>> answer = recommender.recommend(["item-00", "item-02"], n=3, profiling=True, because=True)
    >>> len(answer.items), answer.personalised
    (3, True)
    >>> first = answer.items[0]
    >>> abs(sum(part.contribution for part in first.because) - first.score) < 1e-5
    True
    >>> recommender.recommend(["item-00"], n=3, profiling=False).personalised  # the history is not read
    False
    """

    __slots__ = ("_altered", "_by", "_clock", "_everything", "_items", "expires_at")

    _altered: Callable[[], str | None]
    _by: Identity
    _clock: Callable[[], datetime]
    _everything: Offer
    _items: ItemModel
    expires_at: datetime | None

    def __init__(
        self,
        *,
        items: ItemModel,
        model: str,
        version: str,
        expires_at: datetime | None,
        approval_id: str | None = None,
        now: Callable[[], datetime] | None = None,
        altered: Callable[[], str | None] = lambda: None,
    ) -> None:
        by = Identity(model=model, version=version, approval_id=approval_id)
        facts = {"_items": items, "_by": by, "_everything": offer(items), "_altered": altered}
        for name, value in (facts | {"expires_at": expires_at, "_clock": now or _system_clock}).items():
            object.__setattr__(self, name, value)

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._by.model

    @property
    def version(self) -> str:
        """The version that was approved; ``unapproved`` for a candidate."""
        return self._by.version

    @property
    def approval_id(self) -> str | None:
        """The approval that it serves under; None for a candidate."""
        return self._by.approval_id

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Recommender cannot be changed: {name}")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Recommender is checked where it is loaded: load it in each process, it maps the same files")

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
            The clock, for tests; it is asked again at every answer.
        seen_file : str or Path, optional
            Where the decisions seen outlive the process; see `tactful.scoring.seen.seen_place` for the default.

        Returns
        -------
        Recommender

        Raises
        ------
        UsageError
            If the address or a trusted key is malformed.
        MissingExtraError
            If a ``models:/`` address is given and the extra ``registry`` is not installed.
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
                now=(now or _system_clock)(),
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
        return cls(
            items=items,
            model=approval.model,
            version=approval.version,
            expires_at=approval.expires_at,
            approval_id=approval.id,
            now=now,
            altered=artifact.altered,
        )

    @classmethod
    def unapproved(cls, artifact: Artifact) -> Recommender:
        """A recommender to look at a candidate or measure it before anybody approved it; it serves nobody.

        Parameters
        ----------
        artifact : Artifact
            What a training fitted, in memory or read from its folder; nothing of it is verified here.

        Returns
        -------
        Recommender
            Its `version` is ``unapproved``, and it never ends.
        """
        return cls(
            items=ItemModel.of(artifact), model=str(artifact.meta.get("model")), version="unapproved", expires_at=None
        )

    @classmethod
    def follow(
        cls,
        address: str | Path,
        *,
        trusted_keys: Iterable[str] | str | Path | None = None,
        every: float = 30.0,
        **options: Any,
    ) -> Follower[Recommender]:
        """A recommender that takes over what is newly approved at an address; see `tactful.scoring.Follower`.

        It has no index: a service that wants one makes it of each model that it loads.

        Parameters
        ----------
        address : str or Path
            As for `load`.
        trusted_keys : iterable of str, str or Path, optional
            As for `load`.
        every : float, seconds
            About how often to look.
        **options
            ``now`` and ``seen_file``, as for `load`.

        Returns
        -------
        Follower
            Answers as a recommender does, and is to be closed, best by ``with``.

        Raises
        ------
        UsageError
            If `every` is not above 0.
        ModelRefusedError, NotFoundError
            If there is nothing at the address yet that may be served.
        """
        from tactful.scoring.following import Follower

        return Follower(address, load=cls.load, trusted_keys=trusted_keys, every=every, **options)

    def indexed(self, *, candidates: int = 500) -> Recommender:
        """The same model, which looks at likely items of a wide catalogue only; see `index_recall`.

        It is built in memory and takes minutes for a million items; see `tactful.scoring.candidate_index` for what
        stays as it is. `recommend_batch` asks it for one person after the other.

        Parameters
        ----------
        candidates : int, default=500
            Items that it finds for one request, before what the person has and may not see is left out.

        Raises
        ------
        MissingExtraError
            If the extra ``index`` is not installed.
        UsageError
            If the catalogue is not wide.
        """
        from tactful.scoring.candidate_index import indexed

        return Recommender(
            items=indexed(self._items, candidates=as_count(candidates)),
            model=self.model,
            version=self.version,
            expires_at=self.expires_at,
            approval_id=self.approval_id,
            now=self._clock,
            altered=self._altered,
        )

    def altered(self) -> str | None:
        """The name of a file of the model that was written to since it was loaded; None if none was.

        Every byte is read again. A follower asks at each check; whoever uses `load` may ask, too.
        """
        return self._altered()

    @property
    def index_bytes(self) -> int:
        """Memory that the index takes; 0 without one."""
        return 0 if self._items.finder is None else self._items.finder.bytes

    @property
    def index_recall(self) -> float | None:
        """Of the ten best, the share that an index found for made-up histories when it was built; None without one."""
        return None if self._items.finder is None else self._items.finder.recall

    def recommend(
        self,
        history: Given,
        n: SupportsIndex = 10,
        *,
        profiling: bool,
        allowed_categories: Collection[str] = (),
        allow_items: Iterable[object] | None = None,
        deny_items: Iterable[object] = (),
        because: bool = False,
    ) -> Answer:
        """The n best items for one person, none of which their history holds.

        Parameters
        ----------
        history : iterable of item ids, or mapping of item id to weight
            Text or integers; order and repetitions do not matter, unknown ids are ignored and counted. Weights are
            finite and not below 0, and only their ratios matter: equal ones say what no weights say. An item of
            weight 0 is known, so it is not recommended, and says nothing. With none above 0 the list is not personal.
        n : int
            From 1; fewer come back where fewer are left.
        profiling : bool
            Whether this person allows the history to be used. If not, it is not read and everybody's list comes back.
        allowed_categories : collection of str
            Sensitive categories that this person opted into.
        allow_items : iterable of item ids, optional
            Nothing else is recommended; of these no item of a sensitive category that is not allowed either.
        deny_items : iterable of item ids
            These are not recommended, even if `allow_items` has them. Both hold for personal lists and others; ids
            that the catalogue does not have are ignored, and what is no id is an error.
        because : bool
            Whether each item carries what its score is made of.

        Returns
        -------
        Answer
            At most `n` items, best first; whether the history decided and why; how many ids were unknown or withheld.

        Raises
        ------
        ModelRefusedError
            If the approval has ended.
        UsageError
            If an argument is not as described.

        Notes
        -----
        **Privacy.** *Reads* one person's history, only if `profiling`. *Returns* an answer for that person. *Costs*
        nothing; the history is not stored, logged or used for training. *Assumes* the caller knows this person's
        consent for ``personalization.recommendations`` and the sensitive categories.
        """
        require_bool(profiling)
        require_flag(because)
        count, shown = as_count(n), self._offer(allowed_categories, allow_items, deny_items)
        read = read_history(self._items, history, shown.allowed) if profiling else None
        return answer(self._items, self._by, read, shown, count, because)

    def recommend_batch(
        self,
        histories: Iterable[Given],
        n: SupportsIndex = 10,
        *,
        profiling: bool | Sequence[bool],
        allowed_categories: Collection[str] = (),
        allow_items: Iterable[object] | None = None,
        deny_items: Iterable[object] = (),
        because: bool = False,
    ) -> list[Answer]:
        """The answers of `recommend` for many people, to the last bit, computed together.

        Parameters
        ----------
        histories : iterable of histories
        n, allowed_categories, allow_items, deny_items, because
            As in `recommend`, the same for everybody.
        profiling : bool or sequence of bool
            One for everybody, or one for each person.

        Returns
        -------
        list of Answer
            In the order of the histories.

        Raises
        ------
        ModelRefusedError, UsageError
            As `recommend`.

        Notes
        -----
        **Privacy.** As `recommend`, for each person apart: nobody's answer depends on anybody else's history.

        Examples
        --------
        >>> recommender = Recommender.load("models:/shop@champion")
        >>> both = recommender.recommend_batch([["item-00"], ["item-02"]], n=3, profiling=[True, False])
        >>> [answer.personalised for answer in both]
        [True, False]
        """
        if isinstance(histories, str | bytes | Mapping):
            raise UsageError(
                "histories are a list of histories", given="it was a single one", do="Pass a list with one a person"
            )
        require_flag(because)
        count, shown = as_count(n), self._offer(allowed_categories, allow_items, deny_items)
        together = max(1, min(_TOGETHER, _SCORES // (len(self._items) + 1)))
        read = self._read(histories, profiling, shown)
        found: list[Answer] = []
        while chunk := list(islice(read, together)):
            found += answers(self._items, self._by, chunk, shown, count, because)
        return found

    def explain(
        self, history: Given, item_id: object, *, allowed_categories: Collection[str] = ()
    ) -> tuple[Contribution, ...]:
        """What each item of the history adds to the score of one item; with the base term it sums to the score.

        Parameters
        ----------
        history : iterable of item ids, or mapping of item id to weight
            Items of weight 0 add nothing and are left out.
        item_id : str or int
            Any item of the catalogue that `allowed_categories` allow.
        allowed_categories : collection of str
            Sensitive categories that this person opted into.

        Returns
        -------
        tuple of Contribution
            Largest first, the base term last.

        Raises
        ------
        NotFoundError
            If the catalogue has no such item.
        UsageError
            If the item is in a sensitive category that is not allowed: it would never be recommended.
        ModelRefusedError
            If the approval has ended.

        Notes
        -----
        **Privacy.** *Reads* one person's history. *Returns* an explanation for that person. *Costs* nothing; it is not
        stored. *Assumes* this person allows profiling.

        Examples
        --------
        >>> recommender = Recommender.load("models:/shop@champion")
        >>> made_of = recommender.explain(["item-00", "item-02"], "item-01")
        >>> made_of[-1].item_id is None  # the base term
        True
        """
        shown = self._offer(allowed_categories, None, ())
        position = self._position(item_id, shown)
        return parts(self._items, read_history(self._items, history, shown.allowed), position)

    def similar(
        self,
        item_id: object,
        n: SupportsIndex = 10,
        *,
        allowed_categories: Collection[str] = (),
        allow_items: Iterable[object] | None = None,
        deny_items: Iterable[object] = (),
    ) -> tuple[Recommendation, ...]:
        """The n items that are recommended to the same people as one item, most similar first; fewer if fewer are.

        The score is a cosine, see `tactful.scoring.similarity`. It is about no person, and the same for everybody.

        Parameters
        ----------
        item_id : str or int
            Any item of the catalogue that `allowed_categories` allow. Of an item that the model reaches by its base
            alone nothing is known to be similar.
        n, allowed_categories, allow_items, deny_items
            As in `recommend`.

        Returns
        -------
        tuple of Recommendation
            Most similar first, never the item itself; `score` is the cosine.

        Raises
        ------
        NotFoundError, UsageError, ModelRefusedError
            As `explain`.

        Examples
        --------
        >>> recommender = Recommender.load("models:/shop@champion")
        >>> alike = recommender.similar("item-00", n=3)
        >>> len(alike), alike[0].score >= alike[-1].score
        (3, True)
        """
        count, shown = as_count(n), self._offer(allowed_categories, allow_items, deny_items)
        position = self._position(item_id, shown)
        return recommendations(self._items, rank_similar(self._items, position, shown, count))

    def _offer(self, categories: Collection[str], allow: Iterable[object] | None, deny: Iterable[object]) -> Offer:
        """What may be shown now, if anything may be."""
        if self.expires_at is not None and self._clock() >= self.expires_at:
            raise ModelRefusedError(
                "a model answers only as long as its approval holds",
                given=f"that of {self.model} version {self.version} ended at {self.expires_at.isoformat()}",
                do="Have it reviewed and approved again, then load it again",
            )
        if allow is None and type(categories) is type(deny) is tuple and not categories and not deny:
            return self._everything
        return offer(self._items, categories, allow=allow, deny=deny)

    def _position(self, item_id: object, shown: Offer) -> int:
        """The catalogue position of an item that may be spoken of."""
        position = self._items.position.get(as_id(item_id) or "")
        if position is None:
            raise NotFoundError("the item must be in the catalogue", given="it is not", do="Check the id")
        if not shown.allowed[self._items.sensitive[position]]:
            raise UsageError(
                "an item of a sensitive category is shown and explained to whoever opted in",
                given="its categories are not all in allowed_categories",
                do="Pass what this person opted into",
            )
        return position

    def _read(
        self, histories: Iterable[Given], profiling: bool | Sequence[bool], shown: Offer
    ) -> Iterator[History | None]:
        """Each history, or None where the person does not allow it to be read."""
        for history, may_read in paired(histories, profiling):
            yield read_history(self._items, history, shown.allowed) if may_read else None
