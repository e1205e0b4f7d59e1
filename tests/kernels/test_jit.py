from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError

from langevin_kit.kernels.jit import driver, inline
from langevin_kit.kernels.scratch import ALIGNMENT, empty


@inline
def square(x: float) -> float:
    return x * x


@inline
def fourth(x: float) -> float:
    return square(square(x))


@driver
def total(x: np.ndarray) -> float:
    s = 0.0
    for i in range(x.size):
        s += fourth(x[i])
    return s


@driver
def scratch(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = empty((rows, columns), np.float32), empty((columns,), np.uint32)
    for i in range(rows):
        for j in range(columns):
            a[i, j] = 10 * i + j
    b[:] = 7
    return a, b


def test_inner_functions_in_compiled_code_and_from_python() -> None:
    assert total(np.array([1.0, 2.0])) == 17.0
    assert (fourth(2.0), fourth(3), fourth(2.0)) == (16.0, 81, 16.0)
    assert fourth(np.float32(2.0)) == 16.0
    with pytest.raises(TypingError):
        fourth("text")


def test_scratch() -> None:
    a, b = scratch(3, 5)
    assert (a.dtype, a.strides, b.dtype) == (np.float32, (20, 4), np.uint32)
    np.testing.assert_array_equal(a, 10 * np.arange(3)[:, None] + np.arange(5))
    np.testing.assert_array_equal(b, np.full(5, 7))
    assert a.ctypes.data % ALIGNMENT == b.ctypes.data % ALIGNMENT == 0
