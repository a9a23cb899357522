"""A configuration drafted from the names of columns: nothing else of a table is looked at, no row and no value.

What a draft cannot know stands in it as a comment: levels of attributes, sensitive categories, how long rows may be
kept. Levels are for people to write down, because a level that only one person has would say that they are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tactful.errors import SchemaError, UsageError
from tactful.personal.headers import check_header
from tactful.personal.source import Source

_COLUMNS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "interactions": (("user_id", "item_id", "timestamp"), ("event_type", "value")),
    "items": (("item_id",), ("title",)),
    "consents": (
        ("user_id", "purpose", "state", "event_time"),
        (
            "recorded_time",
            "valid_until",
            "notice_version",
            "language",
            "jurisdiction",
            "method",
            "legal_basis",
            "source",
            "record_id",
        ),
    ),
    "attributes": (("user_id",), ()),
    "subjects": (("user_id",), ("minor", "erased_at")),
}
"""For each table what it must have, and what else the contract names."""
_TOLD = ("interactions", "items", "consents", "attributes", "subjects")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft, and what of the tables it leaves unused.

    Attributes
    ----------
    text : str
        The configuration, as TOML that loads.
    unread : mapping of str to tuple of str
        For each table its columns that will not be read.
    """

    text: str
    unread: Mapping[str, tuple[str, ...]]


def draft(name: str, tables: Mapping[str, Path], *, intended_use: str) -> Draft:
    """The configuration of a model over these tables, commented.

    Parameters
    ----------
    name : str
        Of the model; lower-case letters, digits, ``-`` and ``_``.
    tables : mapping of str to Path
        Parquet or CSV files by what they hold: ``interactions``, ``items``, ``consents``, ``attributes``, ``subjects``.
    intended_use : str
        What the model is for, in a sentence.

    Raises
    ------
    SchemaError
        If a table lacks a column, or has one that may be a misspelt protection.
    NotFoundError
        If a file does not exist.

    Notes
    -----
    **Privacy.** *Reads* the names of columns. *Returns* them. *Costs* nothing.
    """
    headers = {role: _header(role, tables[role]) for role in _TOLD if role in tables}
    attributes = [column for column in headers.get("attributes", ()) if column != "user_id"]
    features = [column for column in headers["items"] if column not in ("item_id", "title")]
    parts = [
        _about(name, intended_use),
        _data(tables),
        _policy(features),
        _PRIVACY,
        _fairness(attributes, features),
        _ENGINE,
    ]
    read = {role: {*_COLUMNS[role][0], *_COLUMNS[role][1]} for role in headers}
    read["items"] |= set(features)
    read["attributes"] = set(headers.get("attributes", ()))
    unread = {role: tuple(column for column in header if column not in read[role]) for role, header in headers.items()}
    return Draft(text="\n".join(parts), unread={role: columns for role, columns in unread.items() if columns})


def _header(role: str, path: Path) -> tuple[str, ...]:
    """The names of the table's columns, if it may be such a table."""
    required, optional = _COLUMNS[role]
    header = Source.open(path, role=role, required=required).header
    if role == "items":
        if "user_id" in header:
            raise SchemaError(
                "the catalogue is public and may not describe people",
                given=f"{path.name} has the column user_id",
                do="Give the catalogue; it must not be made from what people did",
            )
        return header
    if role in ("consents", "subjects"):
        check_header(header, (*required, *optional), path.name)
    return header


def as_toml(value: object) -> str:
    """A value as TOML writes a text: as JSON does, but for one character more.

    Raises
    ------
    UsageError
        If it holds what no text may: half of a character.
    """
    written = json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if not written.isascii() and any("\ud800" <= letter <= "\udfff" for letter in written):
        raise UsageError("a text is Unicode", given="bytes that are none", do="Write it again")
    return written


def _about(name: str, intended_use: str) -> str:
    return f"""\
# Drafted by `tactful init` from the names of columns; no row was read. CHECK marks what only you can know.
# What a key means: tactful config --explain privacy.epsilon

[model]
name = {as_toml(name)}
intended_use = {as_toml(intended_use)}  # reviewers and the report show it
# not_covered = ["Who or what the model does not cover, one sentence each."]
# unit = "one person: all rows under one user_id"  # CHECK: is a user_id one person, a household, a card?
# curator = "Who publishes it"
"""


def _data(tables: Mapping[str, Path]) -> str:
    lines = [f"{role} = {as_toml(tables[role].as_posix())}" for role in _TOLD if role in tables]
    if "consents" not in tables:
        lines.append("# no consents: those of the consent store alone count (tactful consent import FILE)")
    if "subjects" not in tables:
        lines.append('# subjects = "who is a minor, who was erased: user_id, minor, erased_at"')
    if "attributes" not in tables:
        lines.append('# attributes = "what groups are compared by: user_id and a column each"')
    return "\n".join(["[data]  # relative to the folder in which you run tactful", *lines, ""])


def _policy(features: list[str]) -> str:
    column = _key(features[0]) if features else "column"
    return f"""\
[policy]
retention_days = 365  # CHECK: older rows are not used. What do you tell people?

# CHECK: are there items that say something about health, faith, sex or politics? They need an opt-in of their own,
# personalization.sensitive.<name>, and are not recommended by default. One line each: name = {{ column = ["value"] }}
# [policy.sensitive]
# health = {{ {column} = ["…"] }}
"""


_PRIVACY = """\
[privacy]  # of one run, for each person
epsilon = 1.0  # CHECK: tactful plan --people N --items M --epsilon 1 says what to expect, before anything is spent
delta = 1e-6  # far below 1 over the number of people
# population_at_most = 100000  # if a bound on the number of people is public
tuning = "none"  # rules and defaults; nobody's data was looked at to choose these settings

[budget]  # of the population, for all runs together; only a written decision changes it later
epsilon = 3.0  # CHECK: losses add as squares, so seven runs at 1 fit into 3
delta = 1e-6
"""

_ENGINE = """\
# [engine]  # where the tables are too large for one machine: see configs/grocery-spark.toml
# name = "spark"

# [controller]  # who answers for the data; notices and records of processing repeat it
# name = "…"
# contact = "…"
"""


def _fairness(attributes: list[str], features: list[str]) -> str:
    lines = ["[fairness]", "minimum_people = 30  # smaller groups are merged or shown as too small"]
    if features:
        lines.append(f"# category = {as_toml(features[0])}  # is a list as mixed as the person's own history?")
    if not attributes:
        lines.append("# Without a table of attributes nothing is known of groups, and no rule can be declared.")
    else:
        lines.append(
            "# CHECK: to be assessed, an attribute needs its levels. tactful did not look at them: write them down,"
        )
        lines.append("# remove the # and declare a rule. People must have agreed to fairness.assessment.")
    for column in attributes:
        lines += ["", f"# [fairness.attributes.{_key(column)}]", '# levels = ["…", "…"]']
    if attributes:
        lines += [
            "",
            "# [[fairness.rules]]",
            f"# name = {as_toml(f'ndcg_by_{_plain(attributes[0])}')}",
            f"# attribute = {as_toml(attributes[0])}",
            '# metric = "ndcg@10"',
            '# statistic = "ratio"  # the worst-served group over the best-served',
            "# at_least = 0.8",
        ]
    return "\n".join([*lines, ""])


def _key(column: str) -> str:
    """A column as a TOML key."""
    return column if column.replace("_", "").replace("-", "").isalnum() and column.isascii() else as_toml(column)


def _plain(column: str) -> str:
    """A column as part of a rule's name."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in column.lower())
