from __future__ import annotations

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.infer import mobility_from_flux


@pytest.mark.claim("C05")
@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("symmetric", [False, True])
def test_k_gives_the_flux_and_is_positive_exactly_where_f_goes_with_v(d: int, symmetric: bool) -> None:
    rng = np.random.default_rng(d)
    f, v = rng.standard_normal((2, d, 500))
    work = (f * v).sum(axis=0)
    if symmetric:
        f, v, work = f[:, work > 0], v[:, work > 0], work[work > 0]
    k = mobility_from_flux(f, v, symmetric=symmetric)
    scale = (1 + np.abs(k).max(axis=(0, 1))) * np.abs(v).max(axis=0)  # each entry is a sum of numbers up to 1 + |K|
    assert (np.abs(np.einsum("abn,bn->an", k, v) - f) <= 4e-16 * d * scale).all()
    lowest = np.linalg.eigvalsh(np.moveaxis(0.5 * (k + k.swapaxes(0, 1)), -1, 0))[:, 0]
    np.testing.assert_array_equal(lowest > 0, work > 0)
    if symmetric:
        np.testing.assert_array_equal(k, k.swapaxes(0, 1))


def test_where_there_is_no_mobility() -> None:
    """A rotating steady state at p = q: v = 0 and f ≠ 0."""
    with pytest.raises(InvalidArgument, match="0 at 1 places where the velocity is not"):
        mobility_from_flux([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]])
    with pytest.raises(InvalidArgument, match=r"f·v ≤ 0.*take symmetric=False"):
        mobility_from_flux([0.0, 1.0], [1.0, 0.0], symmetric=True)
    with pytest.raises(InvalidArgument, match="equal shapes"):
        mobility_from_flux([0.0, 1.0], [1.0])
    assert not mobility_from_flux([0.0, 0.0], [0.0, 0.0]).any()
