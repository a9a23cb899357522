"""The consent gate: the one way from a log of interactions to rows that may be used.

Notes
-----
What the gate decides where the rules leave room, always toward using less:

- Consent must hold at `as_of` and now. At `as_of` it is judged by what was recorded and had happened by then; now every
  refusal, withdrawal and erasure in hand counts, even one that is dated in the future. A row's reason is that at
  `as_of`; if it passes there, that now. A row later than `as_of` cannot be judged and is ``malformed``.
- Events of one purpose follow each other by event time. At one instant a refusal beats a grant; after that the later
  recorded event counts, then the one that ends sooner. A grant holds from its event time until just before
  `valid_until`. A refusal counts from the earlier of its event and recorded times until a grant follows it.
- Clocks that run ahead never help a grant: nothing happens after it was recorded, so a grant that follows a refusal by
  event time, but precedes it by the earlier of both times, lifts nothing and counts as a withdrawal.
- Consent is unbroken where one grant takes over at the very instant another ends.
- A consent record that cannot be read refuses its purpose for all time, and no later grant lifts it: repair the record.
  A refusal or withdrawal of what is no purpose (``*``, ``all``, a stray character) refuses every purpose in the same
  way; a grant of it gives nothing. A `valid_until` that cannot be read has passed.
- Times before 1970-01-02 or after 2200-01-01 are no times, nor is text that does not begin with ``YYYY-MM-DD``: such an
  interaction is ``malformed``, such a consent record cannot be read, such an erasure counts at once. Only `valid_until`
  may lie later.
- A record whose person is missing, or whose id hides blanks or control characters, stops the run, since nobody knows
  whom it protects; an interaction of such an id is ``malformed``. So does a column that may be a misspelt
  `valid_until`, `recorded_time`, `minor` or `erased_at`, and a purpose that may be a misspelt one of those that tactful
  asks for (`tactful.records.purposes.misspelt`): to refuse it would protect nobody. In the consent store, where nothing
  can be mended, such a refusal counts for the purpose that was meant, and such a grant for nothing.
- To give `personalization` does not opt in to a sensitive category; see `tactful.personal.consent.path_of`.
- A minor flag that is neither yes nor no is a yes. An erasure counts now even when it is dated in the future.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from tactful.catalogue import Catalogue
from tactful.errors import ConfigError, counted
from tactful.personal import books
from tactful.personal.consent import OUTCOMES, REASONS, GateCounts, checked_purpose
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.doors import opened
from tactful.personal.engines.base import Engine, Roll, Session
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.moments import Moment, moments, past, past_moment
from tactful.personal.policy import Policy
from tactful.personal.replay import Replay, fingerprint
from tactful.personal.source import Tabular
from tactful.personal.statement import ADMITTED, JUDGED, LATER, WILLING
from tactful.personal.times import DAY, in_utc, utc_now

_NOBODY: Mapping[str, datetime] = MappingProxyType({})
_OUTCOMES = "SELECT place, COUNT(*) AS n, COUNT(instant) AS times FROM judged GROUP BY place"


class ConsentGate:
    """Judges every row of a log by the consent, subjects and policy given here.

    Parameters
    ----------
    consents : str, Path, pyarrow.Table or pandas.DataFrame, or several of them
        Consent events. Those of several tables are judged as if they stood in one.
    subjects : one of them, optional
        Who is a minor and who was erased.
    erased : mapping of str to datetime, optional
        Pseudonyms of people whom tactful erased, and when: they count like an `erased_at` of the subjects.
    catalogue : Catalogue
        The public items.
    policy : Policy
        Retention and sensitive categories.
    keys : Keys
        For pseudonyms and assignment.
    evaluation_share : float, in [0, 1)
        The share of people who are held out to evaluate.
    engine : Engine, optional
        What runs the statement; DuckDB if not given.
    now : callable returning a datetime, optional
        The clock.

    Raises
    ------
    SchemaError
        If a table lacks a column, or has one that may be a misspelt protection.
    ConfigError
        If the policy does not fit the catalogue, or the share is out of range.
    """

    def __init__(
        self,
        *,
        consents: Tabular | Sequence[Tabular],
        subjects: Tabular | None = None,
        erased: Mapping[str, datetime] = _NOBODY,
        catalogue: Catalogue,
        policy: Policy,
        keys: Keys,
        evaluation_share: float,
        engine: Engine | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if not 0 <= evaluation_share < 1:
            raise ConfigError(
                "evaluation_share is at least 0 and below 1", given=f"{evaluation_share:g}", do="Set e.g. 0.2"
            )
        self._consents = books.consents(consents)
        self._subjects = None if subjects is None else books.subjects(subjects)
        self._catalogue, self._policy = catalogue, policy
        self._erased = erased
        self._bundles = policy.bundles(catalogue)
        self._keys, self._share = keys, evaluation_share
        self._engine: Engine = engine or DuckDB()
        self._now = now

    def __repr__(self) -> str:
        items = counted(len(self._catalogue), "item")
        sensitive = counted(len(self._policy.sensitive), "sensitive category", "sensitive categories")
        return f"ConsentGate({items}, {sensitive})"

    def admit(self, log: InteractionLog, purpose: str, as_of: datetime | None = None) -> ConsentedInteractions:
        """The rows whose people agree to the purpose, at `as_of` and now, without a break since the interaction.

        Parameters
        ----------
        log : InteractionLog
        purpose : str
            A dotted purpose, e.g. ``personalization.training``.
        as_of : datetime, optional
            The time to look from; now if not given, UTC if without a zone.

        Raises
        ------
        UsageError
            If `as_of` is in the future, or the purpose is not one.
        SchemaError
            If a column has the wrong type, no time can be read, a record names nobody or hides whom, or a purpose may
            be a misspelt one of those that tactful asks for.

        Notes
        -----
        **Privacy.** *Reads* ``user_id``, ``item_id`` and ``timestamp`` of the log, the consent events and the subjects.
        *Returns* admitted rows under pseudonyms, behind a closed door. There may be none: that nobody consented is told
        by a released count, like everything else about people. *Costs* nothing; nothing leaves. *Assumes* one id is one
        person, and the consent events are true.
        """
        now = in_utc(self._now())
        as_of, judged_at = moments(as_of, now)
        session, counts = self._judge(log, purpose, judged_at)
        session.define("admitted", ADMITTED)
        return opened(
            ConsentedInteractions,
            counts=counts,
            purpose=purpose,
            as_of=as_of,
            now=now,
            catalogue=self._catalogue,
            _session=session,
        )

    def replay(self, log: InteractionLog, purpose: str, as_of: datetime) -> GateCounts:
        """What the gate would have counted at a past time, by what was recorded then. Counts only, never rows.

        Raises
        ------
        UsageError
            If `as_of` is in the future, or the purpose is not one.

        Notes
        -----
        **Privacy.** *Reads* what `admit` reads. *Returns* exact counts of rows, for inside the trust boundary. *Costs*
        nothing. *Assumes* what `admit` assumes.
        """
        return self._judge(log, purpose, [past_moment("then", past(as_of, in_utc(self._now())))])[1]

    def retrace(self, log: InteractionLog, purpose: str, as_of: datetime, *, now: datetime | None = None) -> Replay:
        """What the gate would have admitted at a past time, by what was recorded then: counts, and a digest of rows.

        Two retraces of one time agree whatever was recorded in between: later withdrawals, and events that happened
        earlier but were recorded later.

        Parameters
        ----------
        log : InteractionLog
        purpose : str
        as_of : datetime
            The past time.
        now : datetime, optional
            To retrace a past run: what its clock said. Its rows had to pass at `as_of` and then. As `as_of` if not
            given.

        Raises
        ------
        UsageError
            If a time is in the future or `now` before `as_of`, or the purpose is not one.

        Notes
        -----
        **Privacy.** *Reads* what `admit` reads. *Returns* exact counts and a keyed hash of the admitted rows, for
        inside the trust boundary. *Costs* nothing. *Assumes* what `admit` assumes, and that each event's recorded time
        is when it came to be known: a table may claim otherwise, the consent store says itself what it held, and up to
        which row a run had it in hand. That a run counted refusals of a file dated after its own clock cannot be told
        from such that came later; nor can who was flagged as a minor since, or which rows were added to or taken from
        the log.
        """
        latest = in_utc(self._now()) if now is None else past(now, in_utc(self._now()))
        then = past(as_of, latest)
        judged_at = [past_moment("then", then)]
        if now is not None and latest > then:
            judged_at.append(past_moment("now", latest))
        session, counts = self._judge(log, purpose, judged_at)
        session.define("admitted", ADMITTED)
        later = int(session.query(LATER)["n"][0])
        return Replay(counts=counts, digest=fingerprint(session, self._keys), later=later)

    def willing(self, names: list[str], purpose: str, as_of: datetime | None = None) -> set[str]:
        """Those pseudonyms whose people agree to the purpose, at `as_of` and now, and are neither erased nor minors.

        Notes
        -----
        **Privacy.** *Reads* the consent events and the subjects. *Returns* pseudonyms, to
        `tactful.personal.attributes`. *Costs* nothing; nothing leaves. *Assumes* what `admit` assumes.
        """
        session = self._session(checked_purpose(purpose), moments(as_of, in_utc(self._now()))[1])
        books.stage(session, self._consents, self._subjects)
        session.enroll("consent_rows", among=names)
        books.settle(session, self._erased)
        return set(map(str, session.query(WILLING)["pseudonym"]))

    def workspace(self) -> Session:
        """An empty session of this gate's engine, in which people get the names that they have at this gate."""
        return self._engine.session(Roll(keys=self._keys, evaluation_share=self._share))

    def _session(self, purpose: str, judged_at: list[Moment]) -> Session:
        """A session with everything that is not about people."""
        session = self.workspace()
        keep = [self._policy.days(bundle) * DAY for bundle in self._bundles]
        for name, table in books.questions(self._catalogue, self._bundles, keep, purpose).items():
            session.put(name, table)
        session.put("moments", books.moments(judged_at))
        return session

    def _judge(self, log: InteractionLog, purpose: str, judged_at: list[Moment]) -> tuple[Session, GateCounts]:
        """A session with one outcome for each row of the log, and their counts."""
        session = self._session(checked_purpose(purpose), judged_at)
        session.stage("log", log.source, books.LOG)
        books.stage(session, self._consents, self._subjects)
        session.enroll("log")
        books.settle(session, self._erased)
        session.create("judged", JUDGED)
        session.drop("log", "ids", "consents", "subjects")
        found = session.query(_OUTCOMES)
        read = int(found["n"].sum())
        books.check_times(log.source, "timestamp", rows=read, times=int(found["times"].sum()))
        rows = dict.fromkeys(OUTCOMES, 0)
        rows |= {OUTCOMES[int(place)]: int(n) for place, n in zip(found["place"], found["n"], strict=True)}
        excluded = {reason: rows[reason] for reason in REASONS}
        return session, GateCounts(read=read, admitted=rows["admitted"], excluded=excluded)
