"""a·b + c with one rounding, where NumPy has none: by the CPU's own instruction, on arrays."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import vectorize
from numpy.typing import NDArray

from langevin_kit.kernels.jit import fma

Array = NDArray[Any]


def fused(a: Array, b: Array, c: Array) -> Array:
    """a·b + c for float32 or float64 arrays of one shape.

    Examples
    --------
    >>> x = np.array([1 + 2.0**-30])
    >>> fused(x, x, np.array([-1.0]))[0] == 2.0**-29 + 2.0**-60
    np.True_
    """
    with np.errstate(all="ignore"):
        made: Array = fused_of(a.dtype.name)(a, b, c)
    return made


@cache
def fused_of(dtype: str) -> np.ufunc:
    """The same as a ufunc of one dtype, which is the quickest to call."""
    made: np.ufunc = vectorize([f"{dtype}({dtype}, {dtype}, {dtype})"])(_fused).ufunc
    return made


def _fused(a: Any, b: Any, c: Any) -> Any:
    return fma(a, b, c)
