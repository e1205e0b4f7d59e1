"""The integrated autocorrelation time of known autocorrelations."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_kit.estimate import autocorrelation_time


@pytest.mark.parametrize("a", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("spacing", [1.0, 0.02])
def test_sum_of_a_geometric_series(a: float, spacing: float) -> None:
    found = autocorrelation_time(3.0 * a ** np.arange(2000), spacing, 10_000)
    w = found.window
    exact = spacing * (0.5 + a * (1 - a**w) / (1 - a))
    assert found.time == pytest.approx(exact, rel=1e-12)
    assert w * spacing >= 5 * exact > (w - 1) * spacing - 5 * spacing * a**w
    assert found.time == pytest.approx(spacing * (1 + a) / (1 - a) / 2, rel=0.01)


def test_white_noise_has_half_a_spacing() -> None:
    found = autocorrelation_time(np.eye(10)[0], 0.5, 100)
    assert (found.time, found.window) == (0.25, 3)


def test_standard_error_of_white_noise() -> None:
    """ρ(k) of white noise are independent with variance 1/n."""
    found = autocorrelation_time(np.eye(10)[0], 1.0, 400)
    assert found.stderr == pytest.approx(np.sqrt(found.window / 400))


def test_an_oscillation_is_summed_with_its_signs() -> None:
    found = autocorrelation_time((-0.5) ** np.arange(200), 1.0, 100)
    assert found.time == pytest.approx((1 - 0.5) / (1 + 0.5) / 2, abs=0.5**found.window)


@pytest.mark.parametrize("c", [0.99 ** np.arange(50), np.zeros(5), np.array([1.0, np.nan, 0.0]), np.ones(1)])
def test_what_is_too_short_or_empty_has_no_time(c: np.ndarray) -> None:
    found = autocorrelation_time(c, 1.0, 100)
    assert np.isnan([found.time, found.stderr]).all()
    assert found.window == 0


def test_another_window() -> None:
    c = 0.9 ** np.arange(500)
    narrow, wide = (autocorrelation_time(c, 1.0, 100, window=w) for w in (3.0, 10.0))
    assert narrow.window < wide.window
    assert wide.time == pytest.approx(9.5, rel=1e-4)
    assert narrow.time == pytest.approx(9.5, rel=0.07)
    assert narrow.stderr < wide.stderr
