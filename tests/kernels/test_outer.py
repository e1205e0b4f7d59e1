"""Sums of outer products over a tile: exact turns, the right sums, one order whatever the tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit.kernels.cpu.outer import add_narrow, add_outer, add_rows, turn

SHAPES = [(1, 3), (2, 64), (5, 7), (8, 33), (14, 14), (15, 70), (64, 64)]


def turned(v: Any) -> Any:
    strip = 128 // v.itemsize
    target = np.zeros((v.shape[1], -(-v.shape[0] // strip) * strip), v.dtype)
    turn(v, target)
    return target


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k"), SHAPES)
def test_sums_of_outer_products(m: int, k: int, dtype: type) -> None:
    rng = np.random.default_rng(m * k)
    u, v = (rng.normal(size=(rows, 64)).astype(dtype) for rows in (m, k))
    across = turned(v)
    np.testing.assert_array_equal(across[:, :k], v.T)
    assert not across[:, k:].any()
    begin = rng.normal(size=(m, across.shape[1])).astype(dtype)
    total = begin.copy()
    add_outer(u, across, total)
    exact = begin[:, :k] + u.astype(np.float64) @ v.T
    np.testing.assert_allclose(total[:, :k], exact, rtol=0, atol=64 * np.finfo(dtype).eps * 8)
    # Particle after particle: two tiles of half the width add up to the bits of one.
    halves = begin.copy()
    for low in (0, 32):
        part = np.ascontiguousarray(v[:, low : low + 32])
        add_outer(np.ascontiguousarray(u[:, low : low + 32]), turned(part), halves)
    np.testing.assert_array_equal(halves, total)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n"), [(1, 5), (2, 64), (3, 3), (7, 9)])
def test_sums_in_lanes(m: int, n: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    u, v = (rng.normal(size=(rows, 64)).astype(dtype) for rows in (m, n))
    lanes = 64 // np.dtype(dtype).itemsize
    products, rows = np.ones((m * n, lanes), dtype), np.ones((n, lanes), dtype)
    add_narrow(u, v, products)
    add_rows(v, rows)
    bound = 64 * np.finfo(dtype).eps * 8
    exact = lanes + u.astype(np.float64) @ v.astype(np.float64).T
    np.testing.assert_allclose(products.sum(axis=1).reshape(m, n), exact, rtol=0, atol=bound)
    # Lane l has particles l, l + lanes, … one after another.
    exact_lanes = np.ones((n, lanes), dtype)
    for low in range(0, 64, lanes):
        exact_lanes += v[:, low : low + lanes]
    np.testing.assert_array_equal(rows, exact_lanes)
