"""One file of the vault: Parquet, encrypted in every part, under a key of its own that the storage key wraps.

Notes
-----
Parquet modular encryption with AES-256-GCM: footer, statistics, dictionaries and pages alike. Arrow makes a fresh key
for each file; it stands in the file, sealed under the storage key (`tactful.records.sealing`), so that a file names the
key that opens it. A table is encrypted in memory, and nothing but ciphertext is written.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet
from pyarrow.parquet import encryption

from tactful.errors import SchemaError
from tactful.personal.keys import Keys
from tactful.records.sealing import Sealer

_BOUND = b"tactful vault file key"
_KEY_BITS = 256
_FOREVER = timedelta(days=3650)


class _Wrapping(encryption.KmsClient):  # type: ignore[misc]  # Arrow publishes no types
    """Arrow's interface to whoever holds the storage key."""

    def __init__(self, sealer: Sealer) -> None:
        super().__init__()
        self._sealer = sealer

    def wrap_key(self, key_bytes: bytes, _: str) -> bytes:
        """The file's key, sealed, as text."""
        return base64.b64encode(self._sealer.seal(key_bytes, bound_to=_BOUND))

    def unwrap_key(self, wrapped_key: str, _: str) -> bytes:
        """The file's key."""
        return self._sealer.open(base64.b64decode(wrapped_key), bound_to=_BOUND)


class Cipher:
    """Turns tables into encrypted files and back.

    Parameters
    ----------
    keys : Keys
        Its storage key wraps from now on; what an older one wrapped still opens.
    """

    __slots__ = ("_connection", "_factory", "sealer")

    def __init__(self, keys: Keys) -> None:
        self.sealer = Sealer(keys.storage, keys.storage_older)
        self._factory = encryption.CryptoFactory(lambda _: _Wrapping(self.sealer))
        self._connection = encryption.KmsConnectionConfig()

    def __repr__(self) -> str:
        return "Cipher()"

    def encrypted(self, table: pa.Table) -> bytes:
        """The table as an encrypted Parquet file.

        Notes
        -----
        **Privacy.** *Reads* rows about people, under pseudonyms. *Returns* ciphertext. *Costs* nothing. *Assumes* the
        storage key is secret.
        """
        settings = encryption.EncryptionConfiguration(
            footer_key="storage", uniform_encryption=True, double_wrapping=False, data_key_length_bits=_KEY_BITS
        )
        written = pa.BufferOutputStream()
        properties = self._factory.file_encryption_properties(self._connection, settings)
        with pa.parquet.ParquetWriter(
            written, table.schema, encryption_properties=properties, compression="zstd"
        ) as writer:
            writer.write_table(table)
        return bytes(written.getvalue())

    def decrypted(self, content: bytes, columns: list[str] | None = None) -> pa.Table:
        """The table in an encrypted Parquet file, or these columns of it.

        Raises
        ------
        SecretError
            If the key that wraps the file's key is not among the secrets; it names the fingerprint.
        SchemaError
            If the file was altered.

        Notes
        -----
        **Privacy.** *Reads* ciphertext. *Returns* rows about people under pseudonyms, in memory. *Costs* nothing.
        *Assumes* the process's memory is inside the trust boundary.
        """
        settings = encryption.DecryptionConfiguration(cache_lifetime=_FOREVER)
        try:
            return pa.parquet.read_table(
                pa.BufferReader(content),
                columns=columns,
                decryption_properties=self._factory.file_decryption_properties(self._connection, settings),
                use_threads=False,  # the files are small, and the key is unwrapped by Python
            )
        except (pa.ArrowException, OSError):
            pass  # raised below: Arrow's message may quote what it failed on
        raise SchemaError(
            "a file of the vault is as it was written", given="one was altered", do="Restore the vault from a copy"
        )


def sha256(content: bytes) -> str:
    """The digest by which the manifest knows a file."""
    return hashlib.sha256(content).hexdigest()
