"""a·b + c with one rounding: the CPU's instruction against rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._fused import fused

N = 20000


def cases(kind: str, dtype: Any) -> list[NDArray[Any]]:
    rng = np.random.default_rng(3)
    bits = {np.float32: np.uint32, np.float64: np.uint64}[dtype]
    tiny = float(np.finfo(dtype).tiny)
    match kind:
        case "normal":
            return [rng.normal(size=N).astype(dtype) for _ in range(3)]
        case "random bits":
            return [rng.integers(0, np.iinfo(bits).max, N, bits, endpoint=True).view(dtype) for _ in range(3)]
        case "cancelling":
            a, b = (rng.normal(size=N).astype(dtype) for _ in range(2))
            return [a, b, (-(a * b) * (1 + rng.integers(-3, 4, N) * np.finfo(dtype).eps)).astype(dtype)]
        case "subnormal":
            a, b, c = (rng.normal(size=N) for _ in range(3))
            return [a.astype(dtype), (b * tiny).astype(dtype), (c * tiny / 4).astype(dtype)]
        case _:
            values = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, np.finfo(dtype).max, tiny], dtype)
            return [rng.choice(values, N) for _ in range(3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["normal", "random bits", "cancelling", "subnormal", "special"])
def test_a_fused_sum_is_rounded_once(kind: str, dtype: Any) -> None:
    a, b, c = cases(kind, dtype)
    found = fused(a, b, c)
    for x, y, z, value in zip(a, b, c, found, strict=True):
        numbers = float(x), float(y), float(z)
        if not np.isfinite(numbers).all():
            with np.errstate(all="ignore"):
                expected = dtype(x * y + z) if not np.isfinite(numbers[:2]).all() else z
            assert value == expected or np.isnan([value, expected]).all()
        else:
            assert value == rounded(Fraction(numbers[0]) * Fraction(numbers[1]) + Fraction(numbers[2]), dtype)


def rounded(exact: Fraction, dtype: Any) -> Any:
    """The nearest float, of two that are as near the even one; half the last place beyond the largest is infinite."""
    info = np.finfo(dtype)
    if exact == 0:
        return dtype(0)
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    ulp = Fraction(2) ** (max(exponent, int(info.minexp)) - int(info.nmant))
    nearest = round(size / ulp) * ulp
    value = np.inf if nearest > Fraction(float(info.max)) else float(nearest)
    return dtype(value if exact > 0 else -value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_and_a_sum_are_not_fused(dtype: Any) -> None:
    """Control of the test above: two roundings give another number."""
    a, b, c = cases("cancelling", dtype)
    assert np.mean(fused(a, b, c) != a * b + c) > 0.5
