"""The peers' hand-written steps are those of our models: a ratio is of one definition."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import drift_and_factor
from models import MODELS, SLOPE, network


def points(d: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 0.8, (d, 200))


@pytest.mark.parametrize("name", [n for n in MODELS if n != "W3"])
def test_drift_and_mobility(name: str) -> None:
    model = MODELS[name]
    system = model.system()
    x = points(model.n_dim)
    drift, factor = drift_and_factor(np, name, x, model.temperature)
    np.testing.assert_allclose(np.stack(drift), system.drift_at(x), rtol=1e-11, atol=1e-11)
    mobility = system.mobility_at(x)
    zero, one = np.zeros(x.shape[1]), np.ones(x.shape[1])
    l11, l21, l22 = (np.broadcast_to(row, zero.shape) for row in (factor or (one, zero, one)))
    expected = np.stack([l11 * l11, l21 * l11, l21 * l21 + l22 * l22])
    off, other = (mobility[1, 0], mobility[1, 1]) if model.n_dim == 2 else (zero, one)
    mobility = np.stack([mobility[0, 0], off, other])
    np.testing.assert_allclose(expected, mobility, rtol=1e-12, atol=1e-14)


def test_network_drift() -> None:
    """W3 by loops over its components."""
    x = points(64)[:, :3]
    U, I = network()  # noqa: E741
    ((drift,), _) = drift_and_factor(np, "W3", x, 0.1)
    for n in range(x.shape[1]):
        f = [v if v > 0 else SLOPE * v for v in x[:, n]]
        expected = [sum(U[i, j] * f[j] for j in range(64)) - x[i, n] + I[i] for i in range(64)]
        np.testing.assert_allclose(drift[:, n], expected, rtol=1e-12, atol=1e-13)
    assert np.abs(U - U.T).max() == 0.0
    assert np.abs(np.linalg.eigvalsh(U)).max() == pytest.approx(0.9)
