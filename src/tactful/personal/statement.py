"""The consent gate as SQL: every engine runs these texts, over tables in which times are microseconds.

Tables that the statements read, all times ``BIGINT`` microseconds in UTC:

``ids(user_id, person)``, ``people(person, pseudonym, part)``
    One row a person of the log, whatever `person` is to the engine. `ids` is dropped once the rows are judged.
``erased(pseudonym, erased_at)``
    Who was erased by tactful itself; they count like those whom the subjects name.
``items(item_id, item, bundle, keep)``
    The catalogue; `item` is the position, `bundle` the number of its set of sensitive categories, 0 if none, `keep` how
    long a row of it may be used.
``bundles(bundle, target, needed)``
    The purposes that items of a bundle ask for, and how many they are. Bundle 0 asks for the purpose itself.
``paths(target, node, grants)``
    For each purpose asked about: itself, its parents and the root ``''``; `grants` is 1 where giving the node gives the
    target.
``moments(moment, instant, known_until)``
    ``then`` (as of) and ``now``: rows must pass at both. Grants recorded up to `instant` count, refusals
    and erasures up to `known_until`: for a past moment it is `instant`, for the present it is 2^62, since what is in
    hand now counts whatever its dates say.
``log``, ``consent_rows``, ``subject_rows``
    The tables as they came, staged by the engine.
``consents``, ``subjects``
    What the first two statements make of those.

Notes
-----
Two numbers stand for the ends of time: ±4611686018427387904 (2^62), 146,000 years from 1970. A comparison with a
missing value is never true, so every ``CASE`` asks first for what may be missing.
"""

from __future__ import annotations

from tactful.personal.consent import OUTCOMES

SUBJECTS = """
SELECT person, MAX(minor) AS minor, MIN(erased_at) AS erased_at
FROM (
  SELECT p.person,
    CASE WHEN LOWER(COALESCE(s.minor, 'no')) IN ('false', '0', '0.0', 'no', 'f', 'n') THEN 0 ELSE 1 END AS minor,
    CASE WHEN s.erased_at_unreadable = 1 THEN -4611686018427387904 ELSE s.erased_at END AS erased_at
  FROM subject_rows s
  JOIN ids p ON p.user_id = s.user_id
  UNION ALL
  SELECT p.person, 0 AS minor, e.erased_at
  FROM erased e
  JOIN people p ON p.pseudonym = e.pseudonym
) AS flagged
GROUP BY person
"""

# A record that cannot be read refuses its purpose from the beginning of time. A record without a purpose refuses
# everything, and so does one that gives nothing and whose purpose is none, or is `all`: nobody knows what was refused.
# `happened` orders the events of a node. `earliest` is the earlier of an event's two times, since nothing happens after
# it was recorded; by the same token a grant cannot undo a refusal that is later by that clock.
CONSENTS = """
SELECT person, purpose, state, recorded, valid_until,
  CASE WHEN state = 'unreadable' THEN -4611686018427387904 ELSE event_time END AS happened,
  CASE
    WHEN state = 'unreadable' THEN -4611686018427387904
    WHEN recorded < event_time THEN recorded
    ELSE event_time
  END AS earliest
FROM (
  SELECT p.person, c.event_time,
    CASE
      WHEN c.purpose IS NULL THEN ''
      WHEN LOWER(c.state) = 'given' THEN c.purpose
      WHEN c.purpose_unreadable = 1 OR c.purpose IN ('all', 'any', 'everything') THEN ''
      ELSE c.purpose
    END AS purpose,
    CASE
      WHEN c.purpose IS NULL OR c.event_time IS NULL OR c.recorded_time_unreadable = 1 THEN 'unreadable'
      WHEN LOWER(c.state) = 'given' THEN 'given'
      WHEN c.purpose_unreadable = 1 OR c.purpose IN ('all', 'any', 'everything') THEN 'unreadable'
      WHEN LOWER(c.state) IN ('refused', 'withdrawn') THEN LOWER(c.state)
      ELSE 'unreadable'
    END AS state,
    CASE
      WHEN c.recorded_time_unreadable = 1 THEN -4611686018427387904
      ELSE COALESCE(c.recorded_time, c.event_time, -4611686018427387904)
    END AS recorded,
    CASE WHEN c.valid_until_unreadable = 1 THEN -4611686018427387904 ELSE c.valid_until END AS valid_until
  FROM consent_rows c
  JOIN ids p ON p.user_id = c.user_id
) AS readable
"""

# known     at each moment, the grants that were recorded and had happened by then, and the refusals in hand
# ordered   each with the time of the next on its node, and the latest `earliest` of the refusals up to it
# spans     how long each event is the last word on its node, by event time; an unreadable record is never superseded. A
#           refusal starts at its `earliest`, at the moment itself at the latest. A grant that is dated after a refusal
#           but was recorded before it withdraws
# asked     the spans on the path of each target
# edges     +1 and -1 where a span begins and ends
# levels    the sums of those up to each instant: in force while something gives and nothing blocks
# breaks    the last instant from which it was not in force
# runs      since when it has been in force without a break, where it is
# lapses    why the purpose itself is not in force, where it is not
# opted     since when everything that a bundle of items asks for has been in force
# verdicts  of each person at each moment: a reason that excludes all their rows, or since when rows may pass
# standing  the same, both moments side by side
STANDING = """
WITH known AS (
  SELECT m.moment, m.instant, c.person, c.purpose AS node, c.state, c.happened, c.earliest, c.recorded, c.valid_until,
    CASE WHEN c.state = 'unreadable' THEN 1 ELSE 0 END AS unreadable
  FROM consents c
  JOIN moments m ON c.recorded <= CASE WHEN c.state = 'given' THEN m.instant ELSE m.known_until END
    AND (c.state <> 'given' OR c.happened <= m.instant)
),
ordered AS (
  SELECT moment, instant, person, node, state, happened, earliest, valid_until,
    LEAD(happened, 1, 4611686018427387904) OVER (
      PARTITION BY moment, person, node, unreadable
      ORDER BY happened, CASE WHEN state = 'given' THEN 0 ELSE 1 END, recorded,
        COALESCE(valid_until, 4611686018427387904) DESC, state DESC
    ) AS superseded,
    MAX(CASE WHEN state = 'given' THEN NULL ELSE earliest END) OVER (
      PARTITION BY moment, person, node, unreadable
      ORDER BY happened, CASE WHEN state = 'given' THEN 0 ELSE 1 END, recorded,
        COALESCE(valid_until, 4611686018427387904) DESC, state DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS refused
  FROM known
),
spans AS (
  SELECT moment, instant, person, node,
    CASE WHEN state = 'given' AND refused > earliest THEN 'withdrawn' ELSE state END AS state,
    CASE
      WHEN state = 'given' THEN happened
      WHEN earliest < instant THEN earliest
      ELSE instant
    END AS starts,
    CASE
      WHEN state <> 'given' OR refused > earliest OR valid_until IS NULL OR valid_until >= superseded THEN superseded
      WHEN valid_until > happened THEN valid_until
      ELSE happened
    END AS ends
  FROM ordered
),
asked AS (
  SELECT s.moment, s.instant, s.person, p.target, s.state, s.starts, s.ends,
    CASE WHEN s.state = 'given' THEN p.grants ELSE 0 END AS gives,
    CASE WHEN s.state = 'given' THEN 0 ELSE 1 END AS blocks
  FROM spans s
  JOIN paths p ON p.node = s.node
),
edges AS (
  SELECT moment, person, target, starts AS edge, gives AS gained, blocks AS blocked FROM asked
  UNION ALL
  SELECT moment, person, target, ends AS edge, -gives AS gained, -blocks AS blocked FROM asked WHERE ends <= instant
),
steps AS (
  SELECT moment, person, target, edge, SUM(gained) AS gained, SUM(blocked) AS blocked
  FROM edges
  GROUP BY moment, person, target, edge
),
levels AS (
  SELECT moment, person, target, edge,
    SUM(gained) OVER (
      PARTITION BY moment, person, target ORDER BY edge ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS gives,
    SUM(blocked) OVER (
      PARTITION BY moment, person, target ORDER BY edge ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS blocks
  FROM steps
),
breaks AS (
  SELECT moment, person, target, MAX(CASE WHEN gives > 0 AND blocks = 0 THEN NULL ELSE edge END) AS last_break
  FROM levels
  GROUP BY moment, person, target
),
runs AS (
  SELECT l.moment, l.person, l.target, MIN(l.edge) AS since
  FROM levels l
  JOIN breaks b ON b.moment = l.moment AND b.person = l.person AND b.target = l.target
  WHERE b.last_break IS NULL OR l.edge > b.last_break
  GROUP BY l.moment, l.person, l.target
),
lapses AS (
  SELECT a.moment, a.person,
    CASE
      WHEN MAX(CASE WHEN a.ends > a.instant AND a.state IN ('refused', 'unreadable') THEN 1 END) = 1 THEN 'refused'
      WHEN MAX(CASE WHEN a.ends > a.instant AND a.state = 'withdrawn' THEN 1 END) = 1 THEN 'withdrawn'
      ELSE 'expired'
    END AS lapse
  FROM asked a
  JOIN bundles b ON b.target = a.target
  WHERE b.bundle = 0
  GROUP BY a.moment, a.person
),
opted AS (
  SELECT r.moment, r.person, b.bundle, MAX(r.since) AS since
  FROM runs r
  JOIN bundles b ON b.target = r.target
  GROUP BY r.moment, r.person, b.bundle, b.needed
  HAVING COUNT(*) = b.needed
),
verdicts AS (
  SELECT m.moment, p.person, o.since,
    CASE
      WHEN s.erased_at <= m.known_until THEN 'erased'
      WHEN s.minor = 1 THEN 'minor'
      WHEN o.since IS NOT NULL THEN NULL
      ELSE COALESCE(l.lapse, 'no_record')
    END AS reason
  FROM people p
  CROSS JOIN moments m
  LEFT JOIN subjects s ON s.person = p.person
  LEFT JOIN opted o ON o.moment = m.moment AND o.person = p.person AND o.bundle = 0
  LEFT JOIN lapses l ON l.moment = m.moment AND l.person = p.person
),
standing AS (
  SELECT person,
    MAX(CASE WHEN moment = 'then' THEN reason END) AS reason_then,
    MAX(CASE WHEN moment = 'then' THEN since END) AS since_then,
    MAX(CASE WHEN moment = 'now' THEN reason END) AS reason_now,
    MAX(CASE WHEN moment = 'now' THEN since END) AS since_now
  FROM verdicts
  GROUP BY person
)
"""

# Who may be looked at: in force at both moments.
WILLING = f"""{STANDING}
SELECT p.pseudonym
FROM standing s
JOIN people p ON p.person = s.person
WHERE s.reason_then IS NULL AND s.reason_now IS NULL
"""  # noqa: S608 (two constants)

# The place in `tactful.personal.consent.OUTCOMES` of a reason, for each of the two moments.
_PLACED = "CASE {} " + " ".join(f"WHEN '{outcome}' THEN {place}" for place, outcome in enumerate(OUTCOMES)) + " END"
_THEN, _NOW = (f"{_PLACED.format(f's.{reason}')} AS {reason}" for reason in ("reason_then", "reason_now"))
_PLACES = {outcome: str(place) for place, outcome in enumerate(OUTCOMES)}

# One row for each row of the log, with its one outcome: the place in `tactful.personal.consent.OUTCOMES`, so that 0 is
# admitted. Where there is no moment `now`, only `then` is judged. People are judged first, so that the log, which is
# the one large table, is read and joined once.
#
# named     the standing of each id, reasons by their places
# opt_ins   since when everything that a sensitive bundle asks for has been in force, both moments side by side
# clock     the two instants
JUDGED = f"""{STANDING},
named AS (
  SELECT d.user_id, d.person, {_THEN}, s.since_then, {_NOW}, s.since_now
  FROM ids d
  JOIN standing s ON s.person = d.person
),
opt_ins AS (
  SELECT person, bundle,
    MAX(CASE WHEN moment = 'then' THEN since END) AS since_then,
    MAX(CASE WHEN moment = 'now' THEN since END) AS since_now
  FROM opted
  WHERE bundle > 0
  GROUP BY person, bundle
),
clock AS (
  SELECT
    MAX(CASE WHEN moment = 'then' THEN instant END) AS instant_then,
    MAX(CASE WHEN moment = 'now' THEN instant END) AS instant_now
  FROM moments
)
SELECT s.person, CASE WHEN r.item_id IS NULL THEN NULL ELSE COALESCE(i.item, -1) END AS item, r.timestamp AS instant,
  CAST(CASE
    WHEN s.person IS NULL OR r.item_id IS NULL OR r.timestamp IS NULL OR r.timestamp > c.instant_then THEN {{malformed}}
    WHEN i.item IS NULL THEN {{unknown_item}}
    WHEN s.reason_then IS NOT NULL THEN s.reason_then
    WHEN r.timestamp < s.since_then THEN {{before_grant}}
    WHEN r.timestamp < c.instant_then - i.keep THEN {{retention_expired}}
    WHEN i.bundle > 0 AND (o.since_then IS NULL OR r.timestamp < o.since_then) THEN {{sensitive_category}}
    WHEN c.instant_now IS NULL THEN {{admitted}}
    WHEN s.reason_now IS NOT NULL THEN s.reason_now
    WHEN r.timestamp < s.since_now THEN {{before_grant}}
    WHEN r.timestamp < c.instant_now - i.keep THEN {{retention_expired}}
    WHEN i.bundle > 0 AND (o.since_now IS NULL OR r.timestamp < o.since_now) THEN {{sensitive_category}}
    ELSE {{admitted}}
  END AS TINYINT) AS place
FROM log r
CROSS JOIN clock c
LEFT JOIN named s ON s.user_id = r.user_id
LEFT JOIN items i ON i.item_id = r.item_id
LEFT JOIN opt_ins o ON o.person = s.person AND o.bundle = i.bundle
""".format(**_PLACES)  # noqa: S608 (constants)

# What is handed on.
ADMITTED = "SELECT person, item, instant FROM judged WHERE place = 0"

# Of the rows that `JUDGED` cannot judge, those that are only later than the moment `then`.
LATER = """
SELECT COUNT(*) AS n
FROM judged j
CROSS JOIN moments m
WHERE m.moment = 'then' AND j.place = {malformed} AND j.person IS NOT NULL AND j.item IS NOT NULL
  AND j.instant > m.instant
""".format(**_PLACES)
