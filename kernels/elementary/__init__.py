"""Elementary functions as branch-free polynomials: their loops vectorise (calls of libm do not) and compile for CUDA.

`float32` and `float64` hold the same names; each computes in its own type only and states its measured errors.
"""

from __future__ import annotations

from typing import TypeVar

from ..jit import fma, inline

_T = TypeVar("_T")


@inline
def polynomial(x: _T, coefficients: tuple[_T, ...]) -> _T:
    """Horner's rule with one rounding a coefficient, the highest power first."""
    p = coefficients[0]
    for i in range(1, len(coefficients)):
        p = fma(p, x, coefficients[i])
    return p
