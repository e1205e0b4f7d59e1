"""Long arrays as text: what a run's record holds of them.

As nested lists the couplings of 3000 spins are 160 MB, which take longer to write than a run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument

LONGEST_LIST = 4096
"""Numbers up to which an array is a nested list in a record."""

BYTES = "packed"
"""The key of an array's bytes. They may depend on a library's version; the digest beside them does not."""

_WHOLE = (np.int8, np.int16, np.int32)


def pack(values: NDArray[Any]) -> dict[str, Any]:
    """An array as plain data: shape, digest, and its bytes compressed.

    Whole numbers, and multiples of 1/n where n is the number of columns, take as few bytes as hold them exactly.

    Examples
    --------
    >>> unpack(pack(np.array([[1.0, -0.5]])))
    array([[ 1. , -0.5]])
    """
    from numcodecs import Blosc

    small, divisor = _smallest(values)
    return {
        "shape": list(small.shape),
        "dtype": small.dtype.str,
        "divisor": divisor,
        "sha256": hashlib.sha256(small.tobytes()).hexdigest(),
        BYTES: base64.b64encode(Blosc("zstd", 1, Blosc.BITSHUFFLE).encode(small)).decode(),
    }


def is_packed(value: Any) -> bool:
    """Whether it is what `pack` makes."""
    return isinstance(value, Mapping) and BYTES in value


def unpack(packed: Mapping[str, Any]) -> NDArray[np.float64]:
    """The array.

    Raises
    ------
    InvalidArgument
        If it is not what was packed.
    """
    from numcodecs import Blosc

    try:
        raw = bytes(Blosc().decode(base64.b64decode(packed[BYTES], validate=True)))
        is_whole = hashlib.sha256(raw).hexdigest() == packed["sha256"]
        values = np.frombuffer(raw, packed["dtype"]).reshape(packed["shape"]) / int(packed["divisor"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InvalidArgument(f"packed array: {error!r}; it was not written by this package.") from None
    if not is_whole:
        raise InvalidArgument("packed array: its bytes are not those that were written.")
    return values


def without_bytes(data: dict[str, Any]) -> dict[str, Any]:
    """As `object_hook` of `json.loads`: of packed arrays what decides whether two are equal."""
    return {key: value for key, value in data.items() if key != BYTES}


def _smallest(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The numbers that are written, in little-endian order, and by what they are to be divided."""
    values = np.ascontiguousarray(values, np.float64)
    for divisor in (1, values.shape[-1]) if np.abs(values).max() < 2**31 else ():
        few = values.ravel()[:LONGEST_LIST]
        if (np.rint(few * divisor) / divisor != few).any():  # seen at once, of most
            continue
        whole = np.rint(values * divisor)
        most = max(whole.max(), -whole.min())
        for kind in (kind for kind in _WHOLE if most <= np.iinfo(kind).max):
            small = whole.astype(np.dtype(kind).newbyteorder("<"))
            if np.array_equal((small / np.float64(divisor)).view(np.int64), values.view(np.int64)):  # −0 is not 0
                return small, divisor
            break
    return values.astype("<f8", copy=False), 1
