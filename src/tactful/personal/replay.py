"""Whether two runs of the gate admitted the same rows, told by one keyed number of each.

Notes
-----
A row is a pseudonym (16 bytes), an item (the keyed hash of its id, cut to 16 bytes) and an instant (microseconds). Its
code is the CBC-MAC of these three blocks under AES-256: messages have one length, so that is a pseudorandom function
(Bellare, Kilian & Rogaway 2000). The codes are added up as pairs of 64-bit numbers, so that the order of rows does not
matter and nothing is sorted: the multiset hash MSet-Add-Hash (Clarke, Devadas, van Dijk, Gassend & Suh 2003). The sum
and the number of rows go through HMAC-SHA256.

Equal rows, equal digests: nothing else goes in, neither the number that a person or an item happens to have in a
session nor the engine. Different rows, different digests: take a row that occurs more often in one log than in the
other, by c times; whatever the rest adds up to, c times its code must make up for it, which a random code does with
probability (2^v / 2^64)^2, where 2^v divides c. With fewer than 2^24 copies of one row that is below 2^-80, besides
the advantage in telling AES from a random function. Both keys come from the key of pseudonyms by HMAC, in domains
of their own: no person's id begins with a control character.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from tactful.personal.consent import GateCounts
from tactful.personal.engines.base import Session
from tactful.personal.keys import Keys

_ROW_KEY, _SUM_KEY = b"\x00tactful admitted row", b"\x00tactful admitted rows"
_ADMITTED = """
SELECT p.name, a.item, a.instant
FROM admitted a
JOIN (SELECT person, UNHEX(pseudonym) AS name FROM people) AS p ON p.person = a.person
"""
_ITEMS = "SELECT item, item_id FROM items"
_BLOCK = 16
_AT_ONCE = 1 << 15  # what a processor's own cache holds
_Blocks = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the gate would have admitted at a past time.

    Attributes
    ----------
    counts : GateCounts
        Exact, so for inside the trust boundary only.
    digest : str, 32 hex digits
        Of the admitted rows: equal to that of another run if and only if both admitted the same rows.
    later : int, rows
        How many rows are later than that time; they are among those counted as ``malformed``.
    """

    counts: GateCounts
    digest: str
    later: int = 0


def fingerprint(session: Session, keys: Keys) -> str:
    """One keyed number of the rows that the gate admitted, whatever their order.

    Parameters
    ----------
    session : Session
        With the tables ``admitted``, ``people`` and ``items`` of the gate.
    keys : Keys
        Those of the gate.

    Returns
    -------
    str, 32 hex digits

    Notes
    -----
    **Privacy.** *Reads* the admitted rows. *Returns* a keyed hash of all of them together. For the journal, not for
    outside: whoever has the key can confirm a guess of all rows. *Costs* nothing; nothing leaves. *Assumes* the key of
    pseudonyms is secret.
    """
    named = session.query(_ITEMS)
    code = RowCodes(
        key=hmac.digest(keys.pseudonym, _ROW_KEY, hashlib.sha256),
        items=_placed(named["item"], (_of_id(str(item_id), keys) for item_id in named["item_id"])),
    )
    rows, *total = session.total(_ADMITTED, code)
    told = int(rows).to_bytes(8, "big") + np.array(total).astype(">u8").tobytes()
    return hmac.digest(hmac.digest(keys.pseudonym, _SUM_KEY, hashlib.sha256), told, hashlib.sha256)[:_BLOCK].hex()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RowCodes:
    """How many rows there are, and the sum of their codes as two numbers: see `tactful.personal.people_sums.Sums`.

    Batches have the columns ``name`` (a pseudonym as 16 bytes), ``item`` and ``instant``.

    Attributes
    ----------
    key : bytes of length 32
        Of the codes; it is sent to where rows are, and made for nothing else.
    items : uint64 array of shape (n_items, 2)
        The block of each item of the catalogue.
    """

    key: bytes
    items: _Blocks

    @property
    def sizes(self) -> tuple[int, ...]:
        """One block of three numbers."""
        return (3,)

    def prepared(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """The three numbers of a batch."""
        code, total = _Code(self.key), np.zeros(2, dtype=np.uint64)
        names, items = _held(batch.column("name")), batch.column("item").to_numpy()
        instants = batch.column("instant").to_numpy().view(np.uint64)
        for start in range(0, len(names), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            mixed = code.blocks(code.blocks(names[part]) ^ self.items.take(items[part], axis=0))
            mixed[:, 0] ^= instants[part]
            total += _sums(code.blocks(mixed))
        return np.concatenate([[len(names)], total.view(np.int64)])

    def add(self, prepared: NDArray[np.int64], block: int, total: NDArray[np.int64]) -> None:  # noqa: ARG002 (there is one)
        """The numbers of a batch have been added, modulo 2^64."""
        total += prepared


class _Code:
    """AES of many blocks at once; a block is two 64-bit numbers, the lower bytes first."""

    def __init__(self, key: bytes) -> None:
        # ECB is AES block by block, which is what CBC-MAC is built from; nothing is encrypted with it
        self._cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305

    def blocks(self, given: _Blocks) -> _Blocks:
        """The blocks that AES makes of these."""
        made = np.empty(given.nbytes + _BLOCK - 1, dtype=np.uint8)
        self._cipher.update_into(np.ascontiguousarray(given).data.cast("B"), made.data)
        return made[: given.nbytes].view(np.dtype("<u8")).reshape(-1, 2)


def _sums(blocks: _Blocks) -> _Blocks:
    """The sums of the first and of the second numbers, modulo 2^64; two passes are faster than one over pairs."""
    return np.array([blocks[:, 0].sum(), blocks[:, 1].sum()], dtype=np.uint64)


def _held(names: pa.Array) -> _Blocks:
    """A column of 16 bytes in each cell as blocks."""
    fixed = names.cast(pa.binary(_BLOCK))
    start = fixed.offset * _BLOCK
    return np.frombuffer(fixed.buffers()[1], dtype=np.dtype("<u8"), count=2 * len(fixed), offset=start).reshape(-1, 2)


def _placed(places: NDArray[np.int64], blocks: Iterable[bytes]) -> _Blocks:
    """The blocks in the order of their places, which are 0, 1 and so on."""
    read = np.frombuffer(b"".join(blocks), dtype=np.dtype("<u8")).reshape(-1, 2)
    ordered = np.empty_like(read)
    ordered[places] = read
    return ordered


def _of_id(item_id: str, keys: Keys) -> bytes:
    """The keyed hash of an item's id."""
    return hmac.digest(keys.pseudonym, _ROW_KEY + b" item " + item_id.encode(), hashlib.sha256)[:_BLOCK]
