"""How everybody's consent stands at one time, by the gate's own statement.

Notes
-----
Nothing is judged here a second time. The statement of the gate is run for each purpose; `since` and `until` are read
off the same levels, of what gives and what blocks, by which it decides whether consent is in force. So `until` is the
first instant at which, by what is known, consent will be in force no longer: an end that is followed at once by another
grant is none.

At a past time what counts is what was recorded by then, as in the gate's replay. Now, every refusal in hand counts,
also one that is dated ahead; a grant waits for its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from tactful.catalogue import Catalogue
from tactful.personal import books
from tactful.personal.consent import checked_purpose
from tactful.personal.engines.base import Session
from tactful.personal.engines.duckdb import DuckDB
from tactful.personal.ids import is_clean
from tactful.personal.keys import Keys
from tactful.personal.source import Tabular
from tactful.personal.statement import STANDING
from tactful.personal.times import FOREVER, in_utc, micros, utc_now

STATES = ("allowed", "refused", "withdrawn", "expired", "no_record", "minor", "erased")
"""How a purpose can stand."""

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("purpose", pa.string()),
        ("state", pa.string()),
        ("since", pa.timestamp("us", tz="UTC")),
        ("until", pa.timestamp("us", tz="UTC")),
    ]
)
"""The columns of `everybody`."""

_NAMED = "SELECT user_id FROM consent_rows UNION SELECT user_id FROM subject_rows"
_PURPOSES = """
SELECT DISTINCT purpose FROM consent_rows
WHERE purpose IS NOT NULL AND purpose_unreadable = 0 AND purpose NOT IN ('all', 'any', 'everything')
"""
# What was not known at the time is left out once, so that looking ahead from it sees no more than it did.
_KNOWN = "SELECT * FROM consents WHERE recorded <= {known} OR (state <> 'given' AND {known} = {asked})"
# turned  the first edge after the last at which consent was in force
# ending  the first edge after the time asked about at which it is in force no longer
_STANDS = (
    STANDING  # noqa: S608 (two constants)
    + """,
held AS (
  SELECT person, MAX(CASE WHEN gives > 0 AND blocks = 0 THEN edge END) AS edge
  FROM levels
  WHERE moment = 'then'
  GROUP BY person
),
turned AS (
  SELECT l.person, MIN(l.edge) AS edge
  FROM levels l
  JOIN held h ON h.person = l.person
  WHERE l.moment = 'then' AND (h.edge IS NULL OR l.edge > h.edge)
  GROUP BY l.person
),
ending AS (
  SELECT l.person, MIN(l.edge) AS edge
  FROM levels l
  JOIN moments m ON m.moment = 'then'
  WHERE l.moment = 'now' AND l.edge > m.instant AND NOT (l.gives > 0 AND l.blocks = 0)
  GROUP BY l.person
)
SELECT s.person, COALESCE(s.reason_then, 'allowed') AS state,
  CASE
    WHEN s.reason_then IS NULL THEN s.since_then
    WHEN s.reason_then = 'erased' THEN b.erased_at
    WHEN s.reason_then IN ('minor', 'no_record') THEN NULL
    ELSE t.edge
  END AS since,
  CASE WHEN s.reason_then IS NULL THEN e.edge END AS until
FROM standing s
LEFT JOIN subjects b ON b.person = s.person
LEFT JOIN turned t ON t.person = s.person
LEFT JOIN ending e ON e.person = s.person
ORDER BY s.person
"""
)
_NO_ITEMS = Catalogue(item_ids=np.array([], dtype=str), titles=np.array([], dtype=str), features={})
_SOUND = (0, 253_402_300_799_999_999)  # microseconds that a calendar has: from 1970 to the end of 9999


def everybody(
    *,
    consents: Tabular | Sequence[Tabular],
    subjects: Tabular | None = None,
    erased: Mapping[str, datetime] = MappingProxyType({}),
    keys: Keys,
    purposes: Sequence[str] | None = None,
    as_of: datetime | None = None,
) -> pa.Table:
    """How each purpose stands for everybody whom the tables name; a row for each person and purpose.

    Parameters
    ----------
    consents : str, Path, pyarrow.Table or pandas.DataFrame, or several of them
        Consent events. Those of several tables are judged as if they stood in one.
    subjects : one of them, optional
        Who is a minor and who was erased.
    erased : mapping of str to datetime, optional
        Pseudonyms of people whom tactful erased, and when.
    keys : Keys
        To find the erased.
    purposes : sequence of str, optional
        Dotted purposes; if not given, each that anybody was asked.
    as_of : datetime, optional
        Now if not given; UTC if without a zone.

    Returns
    -------
    pyarrow.Table
        The columns of `SCHEMA`. `since`: from when it has stood so, missing where nothing says it. `until`: when it
        will end by what is known, missing where it is not allowed or has no end.

    Raises
    ------
    SchemaError
        If a column is missing or has the wrong type, no time can be read, or a record names nobody or hides whom.
    UsageError
        If a purpose is none.

    Notes
    -----
    **Privacy.** *Reads* the consent events and the subjects. *Returns* people's ids and how their consent stands, for
    inside the boundary. *Costs* nothing; nothing leaves. *Assumes* one id is one person.
    """
    now = in_utc(utc_now())
    asked = None if purposes is None else [checked_purpose(purpose) for purpose in purposes]
    session = DuckDB().session()
    books.stage(session, books.consents(consents), None if subjects is None else books.subjects(subjects))
    found = sorted(map(str, session.query(_PURPOSES)["purpose"])) if asked is None else asked
    user_ids = _enrol(session, keys, erased)
    _settle(session, now if as_of is None else in_utc(as_of), present=as_of is None)
    tables = [_asked(session, user_ids, purpose) for purpose in dict.fromkeys(found)]
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def _enrol(session: Session, keys: Keys, erased: Mapping[str, datetime]) -> list[str]:
    """Everybody is in the session by number, and who was erased among them; their ids in that order."""
    user_ids = sorted(str(user_id) for user_id in session.query(_NAMED)["user_id"] if is_clean(user_id))
    person = pa.array(range(len(user_ids)), pa.int32())
    session.put("ids", pa.table({"user_id": pa.array(user_ids, pa.string()), "person": person}))
    names = pa.array(keys.pseudonyms(user_ids) if erased else [None] * len(user_ids), pa.string())
    session.put("people", pa.table({"person": person, "pseudonym": names}))
    books.settle(session, erased)
    session.drop("ids")
    return user_ids


def _settle(session: Session, asked: datetime, *, present: bool) -> None:
    """What was known is in the session, and the moments: the time asked about, and the end of time to look ahead."""
    instant = micros(asked)
    until = FOREVER if present else instant
    session.create("known", _KNOWN.format(known=instant, asked=instant if present else -1))
    session.drop("consents")
    session.create("consents", "SELECT * FROM known")
    session.drop("known")
    session.put("moments", books.moments([("then", instant, until), ("now", FOREVER - 1, until)]))


def _asked(session: Session, user_ids: list[str], purpose: str) -> pa.Table:
    """How one purpose stands for everybody."""
    tables = books.questions(_NO_ITEMS, (), (), purpose)
    for name in ("bundles", "paths"):
        session.put(name, tables[name])
    found = session.query(_STANDS)
    session.drop("bundles", "paths")
    columns = {
        "user_id": pa.array([user_ids[person] for person in found["person"]], pa.string()),
        "purpose": pa.array([purpose] * len(found["person"]), pa.string()),
        "state": pa.array(found["state"].tolist(), pa.string()),
        "since": _times(found["since"]),
        "until": _times(found["until"]),
    }
    return pa.table(columns, schema=SCHEMA)


def _times(found: np.ndarray) -> pa.Array:
    """Times; missing where they are, or lie outside every calendar."""
    sound = [None if at is None or not _SOUND[0] <= at <= _SOUND[1] else int(at) for at in found.tolist()]
    return pa.array(sound, pa.timestamp("us", tz="UTC"))
