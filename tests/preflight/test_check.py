"""`check`: each refusal with its words, and numbers that are known by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument, MobilityNotPositive, StepTooLarge
from langevin_kit.preflight import check
from langevin_kit.system import System, absorbing

AT_ONE = np.ones((1, 3))


def system(energy: str = "x**2/2", **arguments: Any) -> System:
    return System(**{"energy": energy, "temperature": 1.0, **arguments})


@pytest.mark.parametrize(
    ("stiffness", "mobility", "rate", "step"),
    [
        (1.0, 1.0, 1.0, 0.05),
        (4.0, 1.0, 4.0, 0.01),
        (1e6, 1.0, 1e6, 5e-8),
        (0.01, 2.0, 0.02, 2.0),
        (0.5, 0.25, 0.125, 0.2),
    ],
)
def test_harmonic_oscillator(stiffness: float, mobility: float, rate: float, step: float) -> None:
    report = check(system("k*x**2/2", mobility=mobility, parameters={"k": stiffness}))
    assert math.isclose(report.fastest_rate, rate, rel_tol=1e-12)
    assert math.isclose(report.time_step, step, rel_tol=1e-12)
    assert report.mobility_range == (mobility, mobility)
    assert report.law is not None
    assert math.isclose(report.law.log_z, 0.5 * math.log(2 * math.pi / stiffness), rel_tol=1e-10)
    assert report.no_law == ""


def test_plane_with_diagonal_mobility() -> None:
    # √K ∂²E √K = [[12, √3·1], [√3·1, 1]]: its larger eigenvalue is (13 + √(11² + 12))/2.
    plane = system("2*x**2 + x*y + y**2", mobility=[["3", 0], [0, "1/2"]], coordinates=("x", "y"))
    report = check(plane)
    expected = np.linalg.eigvalsh([[12.0, math.sqrt(1.5)], [math.sqrt(1.5), 1.0]]).max()
    assert math.isclose(report.fastest_rate, expected, rel_tol=1e-12)
    assert report.mobility_range == (0.5, 3.0)


def test_time_dependence_is_followed() -> None:
    moving = system("(1 + t)*x**2/2", mobility="2 - t")
    assert math.isclose(check(moving).fastest_rate, 2.0)
    report = check(moving, times=(0.0, 0.5, 1.0))
    assert math.isclose(report.fastest_rate, 2.25)
    assert report.mobility_range == (1.0, 2.0)
    with pytest.raises(MobilityNotPositive, match=r"mobility of 'x' is -1 at x = .*, t = 3; it must not be negative"):
        check(moving, times=(0.0, 3.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mobility": "x"}, r"mobility of 'x' is -4\.\d+ at x = -4\.\d+, t = 0"),
        ({"mobility": -1}, "mobility of 'x' is -1"),
        ({"mobility": "1 - x**2/4"}, "Change the mobility, or confine the particles"),
        ({"mobility": [[1, 0], [0, "x"]], "coordinates": ("x", "y"), "energy": "x**2 + y**2"}, "mobility of 'y'"),
    ],
)
def test_negative_mobility(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(MobilityNotPositive, match=words):
        check(system(**arguments))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"mobility": "sqrt(x)"}, r"mobility is \[nan\] at x = .*; it must be finite where particles may go"),
        ({"mobility": "sqrt(abs(x))", "energy": "x**2/2"}, "divergence of the mobility is"),
        ({"energy": "x**2 + sqrt(abs(x))"}, "gradient of the energy is"),
        ({"energy": "x**2/2 + 0.001*log(x - 1)"}, r"energy is \[nan\]"),
    ],
)
def test_not_finite(make: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check(system(**make), positions=np.zeros((1, 3)))


@pytest.mark.parametrize("step", [2.0001, 1e3])
def test_step_too_large(step: float) -> None:
    with pytest.raises(StepTooLarge, match=r"beyond the stability limit 2 of the explicit step .* use about 0\.05"):
        check(system(), time_step=step)


def test_step_at_the_limit() -> None:
    assert check(system(), time_step=2.0).time_step < 2.0


@pytest.mark.parametrize("step", [math.nan, 0.0, -1.0])
def test_step_that_is_none(step: float) -> None:

    with pytest.raises(InvalidArgument, match="time_step"):
        check(system(), time_step=step)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"energy": "-x"}, "not known to be finite"),
        ({"energy": "-x**2"}, "no distance beyond which"),
        ({"energy": "0"}, "free diffusion: no force"),
        ({"energy": "cos(x)"}, "not known to be finite"),
        ({"temperature": 0}, "temperature 0 has no Boltzmann law"),
    ],
)
def test_no_boltzmann_law(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidArgument, match="without a Boltzmann law there is no typical region; give `positions`"):
        check(system(**arguments))
    report = check(system(**arguments), positions=AT_ONE)
    assert report.law is None
    assert reason in report.no_law
    assert report.mobility_range == (1.0, 1.0)


def test_without_stiffness_any_step_is_stable() -> None:
    report = check(system("-x"), positions=AT_ONE, time_step=1e9)
    assert (report.fastest_rate, report.time_step) == (0.0, math.inf)


def test_positions_outside_the_typical_region_count() -> None:
    quartic = system("x**4/4")
    assert check(quartic).fastest_rate < 25.0
    far = np.array([[0.0, 10.0]])
    assert math.isclose(check(quartic, positions=far).fastest_rate, 300.0)
    with pytest.raises(StepTooLarge, match=r"stability limit 0\.00667"):
        check(quartic, positions=far, time_step=0.01)


@pytest.mark.parametrize("energy", ["abs(x)", "x**2 + abs(x - 1)", "sqrt((x - 1)**2)"])
def test_kinks(energy: str) -> None:
    assert math.isfinite(check(system(energy)).fastest_rate)


def test_a_well_that_moves_out_of_the_first_box() -> None:

    moving = system("(x - 100*t)**2/2", mobility="50 - x")
    with pytest.raises(MobilityNotPositive):
        check(moving, times=(0.0, 1.0))


def test_no_times() -> None:
    with pytest.raises(InvalidArgument, match="times"):
        check(system(), times=())


def test_positions_of_another_shape() -> None:
    with pytest.raises(InvalidArgument, match="length d = 1"):
        check(system(), positions=np.ones((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "largest"),
    [
        ({"energy": "x**2/2", "mobility": "1 + 0.9*sin(100*x)"}, 1e-4),
        ({"energy": "x**2/2", "mobility": "1 + 0.9*sin(10*x)"}, 2e-3),
        ({"energy": "100*abs(x)"}, 1e-4),
    ],
)
def test_suggested_step_follows_the_slope_of_the_noise_and_kinks(arguments: dict[str, str], largest: float) -> None:
    assert check(System(**arguments, temperature=1.0)).time_step <= largest


def test_absorbing_walls_have_no_law_and_particles_are_looked_for_between_them() -> None:
    """The well is as stiff beyond where particles start; beyond the wall it does not matter."""
    walled = system("x**4", walls={"x": absorbing(upper=0.5)})
    report = check(walled, positions=np.zeros((1, 3)))
    assert report.boltzmann.startswith("none: absorbing walls")
    assert math.isclose(report.rates["stiffness"], 12 * 12**0.5, rel_tol=0.01)  # at x⁴ = 12 T
    with pytest.raises(InvalidArgument, match="start beyond the walls"):
        check(walled, positions=AT_ONE)
    free = check(system("0", walls={"x": absorbing(0.0)}), positions=AT_ONE)
    assert free.time_step == math.inf
