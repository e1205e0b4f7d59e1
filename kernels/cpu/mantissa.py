"""Positions in fewer bits, which a compressor then finds to be zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MANTISSA = 23
"""Bits of the mantissa of a float32."""


def round_mantissa(x: NDArray[np.floating], bits: int) -> None:
    """Round float32 in place to so many bits of the mantissa, half to even; what is not finite stays.

    Examples
    --------
    >>> x = np.array([0.1, 1.0, np.nan], np.float32)
    >>> round_mantissa(x, 4)
    >>> x
    array([0.1015625, 1.       ,       nan], dtype=float32)
    """
    dropped = MANTISSA - bits
    if dropped:
        word = x.view(np.uint32)
        half = (word >> np.uint32(dropped) & np.uint32(1)) + np.uint32((1 << (dropped - 1)) - 1)
        np.copyto(word, (word + half) & np.uint32(2**32 - (1 << dropped)), where=np.isfinite(x))
