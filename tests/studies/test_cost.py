"""The time step that an accuracy allows, and what is told of its cost. Times themselves are not asserted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.studies._cost import largest_step

RING = {"x": lk.periodic(0.0, 2 * np.pi)}
ENERGY = "1.2*cos(x) + 0.4*sin(2*x)"
CURVED = lk.System(energy=ENERGY, mobility="1 + 0.6*sin(x)", temperature=1.0, walls=RING)
FLAT = lk.System(energy=ENERGY, temperature=1.0, walls=RING)


@pytest.mark.parametrize("first", [1e-4, 0.02, 50.0])
@pytest.mark.parametrize(
    ("bias", "largest"),
    [
        (lambda dt: dt, 0.01),
        (lambda dt: 40 * dt**2, 0.5 * 0.1 / 10**0.5),
        (lambda dt: abs(dt - 3 * dt**2), 0.01031),  # falls again, to zero at 1/3: what lies beyond does not count
        (lambda dt: abs(dt - 120 * dt**2), 0.014201),  # zero at 1/120, but below the limit on both sides of it
        (lambda dt: dt if dt < 1 else np.nan, 0.01),
    ],
)
def test_the_largest_step_below_a_limit(bias: Callable[[float], float], largest: float, first: float) -> None:
    found = largest_step(bias, 0.01, first)
    assert found == pytest.approx(largest, rel=4e-3)
    assert bias(found) < 0.01


def test_no_step_will_do_or_all_will() -> None:
    assert largest_step(lambda dt: 0.3, 0.01, 1.0) == 0.0
    assert largest_step(lambda dt: 0.0, 0.01, 1.0) == pytest.approx(2.0**24, rel=1e-9)


def test_time_steps_of_a_bias() -> None:
    """Recorded; with the speeds of one core these are what the ratios of the costs come from."""
    curved = lk.cost_to_accuracy(CURVED, ["pvd2"], bias=[3e-3, 1e-3], rounds=2)
    flat = lk.cost_to_accuracy(FLAT, ["euler_maruyama", "leimkuhler_matthews"], bias=1e-3, rounds=2)
    assert curved.scheme.values.tolist() == ["euler_maruyama", "pvd2"]
    expected = [[6.64e-3, 2.23e-3], [0.1657, 9.16e-2]]
    np.testing.assert_allclose(curved.time_step, expected, rtol=5e-3)
    np.testing.assert_allclose(flat.time_step[:, 0], [3.105e-3, 0.1754], rtol=5e-3)
    for ds in (curved, flat):
        assert ((ds.reached < ds.bias) & (ds.reached > 0.99 * ds.bias)).all()
        assert (ds.cost_ratio[0] == 1).all()
        np.testing.assert_allclose(ds.cost, ds.step_seconds / ds.time_step)
        assert ((ds.cost_ratio_low <= ds.cost_ratio) & (ds.cost_ratio <= ds.cost_ratio_high)).all()
        assert (ds.step_seconds > 0).all()
    # 39.5 and 56.5 times the time step of Euler–Maruyama: steps that take less than 3.9 and 1.13 times as long are
    # below a tenth and a fiftieth of its CPU time.
    assert curved.time_step[1, 1] / curved.time_step[0, 1] > 39
    assert flat.time_step[1, 0] / flat.time_step[0, 0] > 56


def test_free_diffusion_has_no_bias_at_the_first_time_step() -> None:
    free = lk.System(temperature=2.0, walls={"x": lk.periodic(0.0, 3.0)})
    assert lk.cost_to_accuracy(free, ["euler_maruyama"], bias=1e-6, rounds=1).time_step[0, 0] > 0.01 * 3.0**2 / 2.0


@pytest.mark.parametrize(
    ("system", "given", "said"),
    [
        (CURVED, {"bias": 0.0}, "bias: got 0.0"),
        (CURVED, {"bias": "small"}, "bias: got 'small'"),
        (CURVED, {"bias": []}, "bias: got"),
        (CURVED, {"rounds": 0}, "rounds: got 0"),
        (CURVED, {"dtype": "float16"}, "dtype: got 'float16'"),
        (CURVED, {"threads": 0}, "threads: got 0"),
        (CURVED, {"schemes": ["mala"]}, "no bias"),
        (lk.System(energy="x**2", temperature=1.0), {}, "Give it walls"),
        (lk.System(energy="x**2", temperature=1.0), {"schemes": ["heun"]}, "'heun' is not known here without sampling"),
    ],
)
def test_what_is_refused(system: lk.System, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        lk.cost_to_accuracy(system, **{"bias": 1e-3, **given})
