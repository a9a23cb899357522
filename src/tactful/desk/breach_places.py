"""What a breach of a store means: what was in it, what protected it, and what only the business can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tactful.errors import counted

Store = Literal["vault", "records", "models", "secrets", "list", "tables"]

KEYS_ELSEWHERE = "Was the file with the secrets, or the place that gives them, out of the attacker's reach?"

KEYS_TAKEN = "THE KEYS WERE IN REACH AS WELL: its encryption and its pseudonyms protected nothing."

SECRETS_OPEN = "They open the encrypted stores that were in reach with them."

LIST_OPEN = (
    "THE KEY WAS IN REACH AS WELL: it holds no id, but whoever has ids to try learns of each person whether they are on"
    " it. Treat what they had said about being profiled as known."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when to when others could reach a store.

    Attributes
    ----------
    since : datetime or None
        None: from its beginning.
    until : datetime
    """

    since: datetime | None
    until: datetime

    def began_before(self, time: datetime) -> bool:
        """Whether the period had begun at this time."""
        return self.since is None or self.since <= time

    def in_words(self) -> str:
        """From when to when, to the second."""
        since = f"from {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else "from the beginning"
        return f"{since} to {self.until:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exposed:
    """What one store held in the period.

    Attributes
    ----------
    store : Store
    what : str
        What it is.
    rows : mapping of str to int
        Categories of data, in words, and how many records of each there were.
    about : tuple of str
        The categories in words for the people concerned.
    people : frozenset of str
        Ids of those it held. They are for the list of people alone.
    names_people : bool
        Whether it holds rows about people; False where it holds none, or only marks that name nobody.
    protection : tuple of str
        What stood between the data and whoever took it.
    questions : tuple of str
        What only the business can answer.
    notes : tuple of str
        What could not be known, and what bounds the counts.
    advice : tuple of str
        What to do, or to look up.
    """

    store: Store
    what: str
    rows: Mapping[str, int] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    people: frozenset[str] = frozenset()
    names_people: bool = True
    protection: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Exposed({self.store}, {counted(len(self.people), 'person', 'people')})"


NAMELESS: Mapping[Store, Exposed] = {
    "models": Exposed(
        store="models",
        what="models, their reports and MLflow's store",
        names_people=False,
        protection=(
            "They hold numbers about items and released statistics: no row, id or pseudonym of anybody.",
            "What can be learned from them about one person is bounded by the epsilon of each training, see below.",
        ),
        advice=("Which models one person's data shaped: tactful subject impact USER.",),
    ),
    "secrets": Exposed(
        store="secrets",
        what="the secrets: keys for pseudonyms, storage, assignment and suppression lists",
        names_people=False,
        protection=(
            "Alone they say nothing about anybody. With a copy of the vault or the records they open it.",
            "With the pseudonym key, whoever knows an id can find that person's rows in a copy.",
        ),
        questions=("Could the attacker also reach the vault, the records, or a copy of them? Then report those too.",),
        advice=("Change the storage key and encrypt anew: tactful keys rotate. Pseudonyms stay what they are.",),
    ),
    "list": Exposed(
        store="list",
        what="the list of who may be profiled, as services read it",
        names_people=False,
        protection=(
            "It holds keyed marks and no id; without the key of suppression lists nobody can tell whose they are.",
            "Whoever has that key, as every service has, and an id to try learns whether that person is on it.",
        ),
        questions=("Did the attacker have a service's key file, too? Then make a new one, and a new list.",),
        advice=("It is about the people whose consents are known: report the records for who they are.",),
    ),
}
"""The stores that hold no row about anybody, as they are at all times."""
