"""Blocks of rows of a tile, taken and given by a table."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_kit.kernels.cpu.places import give, take


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 3])
def test_blocks_are_taken_and_added_in_order_and_nothing_beyond(size: int, dtype: str) -> None:
    table, first, n = np.array([7, 2, -1, 0, 2, 3, 7]), 1, 5
    X = np.random.default_rng(0).normal(size=(4 * size, 32)).astype(dtype)
    frame = np.full((n * size + 2, 32), np.nan, dtype)
    take(X, table, first, size, frame[1:-1])
    blocks = X.reshape(4, size, 32)
    expected = [blocks[j] if j >= 0 else 0 * blocks[0] for j in table[first : first + n]]
    np.testing.assert_array_equal(frame[1:-1], np.concatenate(expected))
    assert np.isnan(frame[[0, -1]]).all()

    Y = np.random.default_rng(1).normal(size=(4 * size, 32)).astype(dtype)
    expected = Y.reshape(4, size, 32).copy()
    for j, block in zip(table[first : first + n], frame[1:-1].reshape(n, size, 32), strict=True):
        if j >= 0:
            expected[j] += 3 * block
    give(3 * frame[1:-1], table, first, size, Y)
    np.testing.assert_array_equal(Y, expected.reshape(Y.shape))
