"""Wrong derivatives and drifts under which q would flow are refused; right ones, and rounding, are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight import check
from langevin_kit.preflight.derivatives import DualNumbers, require_derivatives, require_stationary
from langevin_kit.system import System

Floats = NDArray[np.float64]
PLANE: dict[str, Any] = {
    "energy": "(x**2 - 1)**2 + x*y/2 + y**2",
    "mobility": [["1/(1 + x**2)", 0], [0, "2 + sin(y)"]],
    "temperature": 0.5,
    "coordinates": ("x", "y"),
}
TENSOR: dict[str, Any] = PLANE | {"mobility": [["1 + x**2", "x*y/2"], ["x*y/2", "1 + y**2"]]}
X: Floats = np.random.default_rng(0).standard_normal((2, 100))


class WrongGradient(System):
    """∂E/∂y without the term x/2."""

    def gradient(self, x: Any, t: float = 0.0) -> Floats:
        return super().gradient(x, t) - np.stack([0 * np.asarray(x)[0], np.asarray(x)[0] / 2])


class SlightlyWrongGradient(System):
    """One part in 10⁵ too large."""

    def gradient(self, x: Any, t: float = 0.0) -> Floats:
        return super().gradient(x, t) * (1 + 1e-5)


class Rounded(System):
    """Derivatives to eight digits."""

    def gradient(self, x: Any, t: float = 0.0) -> Floats:
        return super().gradient(x, t) * (1 + 1e-8)


class HalfDivergence(System):
    def mobility_divergence(self, x: Any, t: float = 0.0) -> Floats:
        return 0.5 * super().mobility_divergence(x, t)


class HalfDivergenceInTheDrift(System):
    """The derivatives are right; their use is not."""

    def drift_at(self, x: Any, t: float = 0.0) -> Floats:
        return super().drift_at(x, t) - 0.5 * self.temperature * self.mobility_divergence(x, t)


@pytest.mark.parametrize("model", [PLANE, TENSOR])
def test_what_is_right_passes(model: dict[str, Any]) -> None:
    system = System(**model)
    found = DualNumbers(system).at(X, 0.0)
    require_derivatives(system, found, X, 0.0)
    require_stationary(system, found, X, 0.0)
    check(Rounded(**model))


def test_a_wrong_gradient_is_named_with_place_and_both_numbers() -> None:
    with pytest.raises(
        InvalidArgument,
        match=r"gradient of the energy: component 'y' is .* at x = .*, y = .*, t = 0, where dual numbers",
    ):
        check(WrongGradient(**PLANE))
    with pytest.raises(InvalidArgument, match="gradient of the energy"):
        check(SlightlyWrongGradient(**PLANE))


def test_a_wrong_divergence_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"divergence of the mobility: component '[xy]' is"):
        check(HalfDivergence(**PLANE))


class Exchanged(System):
    """The components of the divergence in the wrong order."""

    def mobility_divergence(self, x: Any, t: float = 0.0) -> Floats:
        return super().mobility_divergence(x, t)[::-1]


def test_a_divergence_in_the_wrong_order_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"divergence of the mobility: component '[xy]' is"):
        check(Exchanged(**TENSOR))


@pytest.mark.parametrize("model", [PLANE, TENSOR])
def test_half_a_divergence_lets_the_boltzmann_law_flow(model: dict[str, Any]) -> None:
    """Negative control of L*q = 0: nothing but the drift is wrong."""
    system = HalfDivergenceInTheDrift(**model)
    found = DualNumbers(system).at(X, 0.0)
    require_derivatives(system, found, X, 0.0)
    with pytest.raises(InvalidArgument, match=r"drift: component '[xy]' is .* keeps the Boltzmann law"):
        require_stationary(system, found, X, 0.0)
    with pytest.raises(InvalidArgument, match="keeps the Boltzmann law"):
        check(system)


def test_the_flux_is_that_of_the_fokker_planck_equation() -> None:
    """J = drift q − T ∂(S q) by finite differences of q alone vanishes where the check says so, and not for half."""
    h = 1e-5
    for kind, flows in [(System, False), (HalfDivergenceInTheDrift, True)]:
        system = kind(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
        x = np.linspace(-1.5, 1.5, 31)[None]

        def weighted(x: Floats, system: System = system) -> Floats:
            return np.asarray(np.exp(-system.energy_at(x) / 0.5) / (1 + x[0] ** 2))

        flux = system.drift_at(x)[0] * np.exp(-system.energy_at(x) / 0.5)
        flux -= 0.5 * (weighted(x + h) - weighted(x - h)) / (2 * h)
        assert (np.abs(flux).max() > 1e-2) == flows
        if not flows:
            assert np.abs(flux).max() < 1e-9


def test_kinks_and_infinite_derivatives_do_not_alarm() -> None:
    check(System(energy="abs(x) + abs(x - 1)**3 + x**2", temperature=1.0))
    check(System(energy="x**2/2", mobility="1 + sqrt(abs(x) + 1)", temperature=1.0))
    check(System(energy="x**40/40 - 1000*x", temperature=1.0))
