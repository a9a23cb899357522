"""The library implicit, which tactful is measured beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from tactful.errors import MissingExtraError


def implicit(module: str, *, command: str) -> Any:
    """A module of implicit, which takes a second to import.

    Parameters
    ----------
    module : str
        ``als`` or ``bpr``.
    command : str
        What needs it, for the error.

    Raises
    ------
    MissingExtraError
        If implicit is not installed.
    """
    try:
        from implicit import als, bpr
    except ModuleNotFoundError as missing:
        raise MissingExtraError(command, extra="benchmark", missing=missing.name or "implicit") from missing
    return {"als": als, "bpr": bpr}[module]


def for_implicit(rows: scipy.sparse.csr_array) -> scipy.sparse.csr_matrix:
    """The rows in the only type that implicit takes."""
    return scipy.sparse.csr_matrix(
        (rows.data.astype(np.float32), rows.indices.copy(), rows.indptr.astype(np.int32)), shape=rows.shape
    )
