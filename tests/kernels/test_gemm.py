"""The product on a tile: every shape, the exact chain of fma, and the same bits for other vectors."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.kernels.cpu.gemm import STRIP_BYTES, gemm, pack, pack_symmetric

DTYPES = ["float32", "float64"]


def tile(shape: tuple[int, int], dtype: str, seed: int = 0) -> NDArray[np.floating]:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def packed(A: NDArray[np.float64], dtype: str) -> NDArray[np.floating]:
    U = np.empty(A.shape[::-1], dtype)
    pack(U, A)
    return U


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 23, 64])
@pytest.mark.parametrize("k", [1, 2, 7, 64])
def test_product_of_every_shape(m: int, k: int, dtype: str) -> None:
    strip = STRIP_BYTES // np.dtype(dtype).itemsize
    A = tile((m, k), dtype, 1).astype(float)
    for strips in (1, 3):
        X = tile((k, strips * strip), dtype, 2)
        # A frame around the result would show a write beyond it.
        frame = np.full((m + 2, X.shape[1]), np.nan, dtype)
        gemm(packed(A, dtype), X, frame[1:-1])
        bound = 2 * k * np.finfo(dtype).eps * (np.abs(A) @ np.abs(X.astype(float)))
        assert (np.abs(frame[1:-1] - A @ X.astype(float)) <= bound).all()
        assert np.isnan(frame[[0, -1]]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_pack(dtype: str) -> None:
    """Panels of 8, 4, 2, 1 rows, in each one column after another."""
    A = tile((15, 15), "float64")
    U = packed(A, dtype)
    panels = [A[low:high].T.ravel() for low, high in ((0, 8), (8, 12), (12, 14), (14, 15))]
    np.testing.assert_array_equal(U.ravel(), np.concatenate(panels).astype(dtype))
    S = np.empty_like(U)
    pack_symmetric(S, A)
    np.testing.assert_array_equal(S, packed(A + A.T, dtype))


def chain(A: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ_k A_ak x_k with one rounding a term, in ascending order."""
    y = np.zeros(len(A))
    for a in range(len(A)):
        for entry, value in zip(A[a], x, strict=True):
            exact = Fraction(entry) * Fraction(value) + Fraction(y[a])
            y[a] = exact.numerator / exact.denominator
    return y


def test_each_entry_is_one_chain_of_fma() -> None:
    A, X = tile((11, 13), "float64", 3), tile((13, 16), "float64", 4)
    Y = np.empty((11, 16))
    gemm(packed(A, "float64"), X, Y)
    np.testing.assert_array_equal(Y[:, 5], chain(A, X[:, 5]))
    assert (Y[:, 5] != chain(A[:, ::-1], X[::-1, 5])).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_column_depends_on_no_other(dtype: str) -> None:
    A, X = tile((9, 10), "float64", 5), tile((10, 64), dtype, 6)
    Y = np.empty((9, 64), dtype)
    gemm(packed(A, dtype), X, Y)
    moved, others = np.empty_like(Y), np.roll(X, 13, axis=1)
    others[:, 20:] = np.inf
    gemm(packed(A, dtype), others, moved)
    np.testing.assert_array_equal(moved[:, 13:20], Y[:, :7])
    alone = np.zeros((10, 32), dtype)
    alone[:, 3] = X[:, 40]
    small = np.empty((9, 32), dtype)
    gemm(packed(A, dtype), alone, small)
    np.testing.assert_array_equal(small[:, 3], Y[:, 40])


def digests() -> dict[str, str]:
    found = {}
    for dtype in DTYPES:
        Y = np.empty((19, 64), dtype)
        gemm(packed(tile((19, 21), "float64", 7), dtype), tile((21, 64), dtype, 8), Y)
        found[dtype] = Y.tobytes().hex()
    return found


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 processors")
def test_bits_are_those_of_an_older_processor() -> None:
    environment = os.environ | {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == digests()


if __name__ == "__main__":
    json.dump(digests(), sys.stdout)
