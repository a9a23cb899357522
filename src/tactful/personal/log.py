"""What people did: who used which item when."""

from __future__ import annotations

from dataclasses import dataclass

from tactful.personal.source import Source, Tabular


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionLog:
    """A table of interactions, not yet read. Its rows go nowhere but through the consent gate.

    Attributes
    ----------
    source : Source
        The table, narrowed to ``user_id``, ``item_id`` and ``timestamp``.
    """

    source: Source

    @classmethod
    def open(cls, source: Tabular) -> InteractionLog:
        """The log in a Parquet or CSV file, an Arrow table or a pandas frame.

        Raises
        ------
        SchemaError
            If one of the three columns is missing.
        NotFoundError
            If the file does not exist.

        Notes
        -----
        **Privacy.** *Reads* column names only; later ``user_id``, ``item_id`` and ``timestamp``, never another column,
        whatever else the table holds. *Returns* nothing about a person. *Costs* nothing. *Assumes* nothing.
        """
        return cls(source=Source.open(source, role="interactions", required=("user_id", "item_id", "timestamp")))
