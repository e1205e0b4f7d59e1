"""Gardner's capacity: against its integral, and never exceeded by what a rule stores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import gardner_capacity, pseudo_inverse


@pytest.mark.parametrize("stability", [0.0, 0.1, 0.5, 1.0, 2.0, 5.0])
def test_the_closed_form_is_the_integral(stability: float) -> None:
    integral, _ = quad(lambda t: norm.pdf(t) * (t + stability) ** 2, -stability, 40, epsabs=1e-14, points=(0.0, 8.0))
    assert gardner_capacity(stability) == pytest.approx(1 / integral, rel=1e-12)


def test_limits() -> None:
    assert gardner_capacity() == gardner_capacity(0.0) == 2.0
    assert gardner_capacity(1e4) == pytest.approx(1 / (1 + 1e8), rel=1e-15)  # as of the pseudo-inverse
    with pytest.raises(InvalidArgument, match="stability: got -1"):
        gardner_capacity(-1.0)


@pytest.mark.parametrize("load", [0.1, 0.3, 0.5, 0.8])
def test_the_pseudo_inverse_stays_below(load: float) -> None:
    """Each spin has the stability √((1 − W_ii)/W_ii) in every pattern, whose mean over W_ii is P/N exactly."""
    n = 200
    xi = np.random.default_rng(1).choice([-1.0, 1.0], size=(round(load * n), n))
    W, diagonal = pseudo_inverse(xi), np.diag(pseudo_inverse(xi, diagonal=True))
    assert diagonal.mean() == pytest.approx(load, abs=1e-12)
    kappa = xi * (xi @ W) / np.linalg.norm(W, axis=1)
    np.testing.assert_allclose(kappa, np.broadcast_to(np.sqrt((1 - diagonal) / diagonal), kappa.shape), atol=1e-9)
    assert load < gardner_capacity(kappa.min())
    assert load > gardner_capacity(3 * kappa.max())
