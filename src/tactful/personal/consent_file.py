"""A file of consent events in the contract's columns, read whole, for the consent store: it keeps what each says."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tactful.errors import SchemaError
from tactful.personal import headers
from tactful.personal.source import Source, Tabular

_NEEDED = ("user_id", "purpose", "state", "event_time")


def contract_events(source: Tabular) -> pa.Table:
    """The events of a table with the contract's columns; no other column is read, and cells of CSV are text.

    Raises
    ------
    SchemaError
        If a required column is missing, another may have been meant to protect people, or the file cannot be read to
        its end.
    NotFoundError
        If the file does not exist.

    Notes
    -----
    **Privacy.** *Reads* the contract's columns, no other. *Returns* them, with ids, for the consent store. *Costs*
    nothing; nothing leaves. *Assumes* the process's memory is inside the trust boundary.
    """
    optional = [name for name in headers.CONSENTS if name not in _NEEDED]
    found = Source.open(source, role="consents", required=_NEEDED, optional=optional)
    headers.check_header(found.header, headers.CONSENTS, found.name)
    if found.table is not None:
        return found.table
    with suppress(pa.ArrowException, UnicodeDecodeError, OSError):  # kept as context, they would quote rows
        return _parquet(found) if found.path and found.path.suffix == ".parquet" else _csv(found)
    raise SchemaError(
        "every table can be read to its end",
        given=f"{found.name} cannot",
        do="Write the file again, with as many cells in each row as in its header",
    )


def _parquet(found: Source) -> pa.Table:
    """The chosen columns of a Parquet file."""
    return pyarrow.parquet.read_table(found.path, columns=list(found.columns))


def _csv(found: Source) -> pa.Table:
    """The chosen columns of a CSV file as text; an empty cell is a missing value."""
    return pyarrow.csv.read_csv(
        found.path,
        read_options=pyarrow.csv.ReadOptions(column_names=list(found.header), skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(found.columns),
            column_types=dict.fromkeys(found.columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
