"""Public people of whom an attribute is known: gated, divided by group, and bounded with weights or leanings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import scipy.sparse
from numpy.typing import NDArray

from tactful.catalogue import Catalogue
from tactful.personal.attributes import AttributeSpec, Demographics
from tactful.personal.bounding import BoundedInteractions, bound
from tactful.personal.consented import ConsentedInteractions
from tactful.personal.gate import ConsentGate
from tactful.personal.keys import Keys
from tactful.personal.log import InteractionLog
from tactful.personal.policy import Policy
from tactful.personal.weights import Leaning, RowWeights

_TRAINING, _MITIGATION = "personalization.training", "fairness.mitigation"
_AGREED, _HAPPENED = datetime(1970, 1, 3, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
_CENTURY = 36_500  # days
_KEYS = Keys(pseudonym=bytes(32), storage=bytes(31) + b"s", assignment=bytes(31) + b"a")
"""No secret: there is nobody to hide, and whoever measures again gets the same people in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Divided:
    """People who train, through the gate, and the group of each.

    Attributes
    ----------
    spec : AttributeSpec
    shares : mapping of str to float
        How many of these people are in each group: they are public.
    max_items : int
        The bound.
    """

    spec: AttributeSpec
    shares: Mapping[str, float]
    max_items: int
    _consented: ConsentedInteractions
    _codes: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Divided({self.spec.name}: {', '.join(self.spec.levels)})"

    @classmethod
    def of(
        cls,
        user_items: scipy.sparse.csr_array,
        catalogue: Catalogue,
        codes: NDArray[np.int64],
        spec: AttributeSpec,
        *,
        max_items: int,
        copies: int = 1,
    ) -> Divided:
        """These people, each so many times: all agree to training, and whose group is known to mitigation, too.

        Parameters
        ----------
        codes : int array of shape (n_people,)
            The position of each person's level, −1 where it is not known.
        """
        n_people, known = user_items.shape[0], np.flatnonzero(codes >= 0)
        who = np.repeat(np.arange(n_people), np.diff(user_items.indptr))
        everybody = np.concatenate([who + n_people * copy for copy in range(copies)])
        told = np.concatenate([known + n_people * copy for copy in range(copies)])
        items = pa.DictionaryArray.from_arrays(np.tile(user_items.indices, copies), catalogue.item_ids.tolist())
        when = np.full(len(everybody), _HAPPENED.replace(tzinfo=None), "datetime64[us]")
        gate = ConsentGate(
            consents=_consents({_TRAINING: np.arange(n_people * copies), _MITIGATION: told}),
            catalogue=catalogue,
            policy=Policy(retention_days=_CENTURY),
            keys=_KEYS,
            evaluation_share=0.0,
        )
        log = InteractionLog.open(pa.table({"user_id": everybody, "item_id": items, "timestamp": when}))
        consented = gate.admit(log, _TRAINING)
        levels = np.array(spec.levels)[np.tile(codes[known], copies)]
        demographics = Demographics.open(pa.table({"user_id": told, spec.name: levels.tolist()}), [spec])
        return cls(
            spec=spec,
            shares={name: float(np.mean(codes[known] == n)) for n, name in enumerate(spec.levels)},
            max_items=max_items,
            _consented=consented,
            _codes=demographics.training_groups(consented, gate, spec),
        )

    def bounded(self, weights: RowWeights | None = None, leaning: Leaning | None = None) -> BoundedInteractions:
        """Their rows, with weights or leanings by group."""
        return bound(
            self._consented,
            max_items=self.max_items,
            weights=None if weights is None else weights.of_people(self._codes),
            leanings=None if leaning is None else leaning.of_people(self._codes),
        )


def _consents(people: Mapping[str, NDArray[np.int64]]) -> pa.Table:
    """A consent event of each of these people for each purpose."""
    names = np.concatenate(list(people.values()))
    purposes = [purpose for purpose, given in people.items() for _ in range(len(given))]
    return pa.table(
        {
            "user_id": names,
            "purpose": purposes,
            "state": ["given"] * len(names),
            "event_time": [_AGREED] * len(names),
        }
    )
