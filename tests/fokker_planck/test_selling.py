"""Tensors as sums of jumps between cells: exact, with no negative weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langevin_kit.errors import InvalidArgument
from langevin_kit.fokker_planck._selling import jumps


def tensor(angle: float, roundness: float, size: float = 1.0) -> np.ndarray:
    """Semi-axes size and roundness·size, turned."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    return size * turn @ np.diag([1.0, roundness]) @ turn.T


@given(
    angle=st.floats(-4, 4),
    roundness=st.floats(1e-3, 1.0),
    size=st.floats(1e-6, 1e6),
)
def test_weights_and_offsets_give_the_tensor_back(angle: float, roundness: float, size: float) -> None:
    d = np.stack([tensor(angle, roundness, size), tensor(2 * angle, 1.0, size)], axis=-1)
    found = jumps(d)
    assert all((weight >= 0).all() for _, weight in found)
    assert all(offset > (0, 0) for offset, _ in found)
    assert len({offset for offset, _ in found}) == len(found) <= 6
    back = sum(np.multiply.outer(np.outer(offset, offset), weight) for offset, weight in found)
    np.testing.assert_allclose(back, d, rtol=0, atol=1e-10 * size)


def test_along_the_axes_nothing_else_is_used() -> None:
    found = dict(jumps(np.array([[[2.0, 3.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]])))
    assert set(found) == {(1, 0), (0, 1)}
    np.testing.assert_array_equal(found[0, 1], [1.0, 0.0])


def test_a_singular_tensor_along_a_lattice_direction() -> None:
    found = dict(jumps(np.outer([2, -1], [2, -1])[..., None].astype(float)))
    assert {offset: float(w[0]) for offset, w in found.items() if w[0] > 1e-12} == {(2, -1): 1.0}


def test_a_tensor_that_would_need_far_jumps_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="jump more than 64 cells"):
        jumps(tensor(0.5, 0.0)[..., None])
