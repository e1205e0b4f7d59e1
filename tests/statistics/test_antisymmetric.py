"""K = S + A: the law, the fall of F, and what happens at a wall do not allow another reading of A."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import langevin_kit as lk
from langevin_kit.estimate import dissipation_rate

TURN = "1 + x**2/2 - sin(y)"
SYSTEM = lk.System(
    energy="(x**2 - 1)**2 + x*y/2 + y**2",
    mobility=[["1 + x**2/4", f"x*y/8 + {TURN}"], [f"x*y/8 - ({TURN})", "1.5 + cos(x)"]],
    temperature=0.5,
    coordinates=("x", "y"),
)


def without(system: lk.System) -> lk.System:
    """The same S, and no A."""
    s = system.derived.symmetric
    return replace(system, mobility=[[str(sp.nsimplify(sp.expand(k))) for k in row] for row in s])


def residual(divergence: str) -> float:
    """L*q/q = −∂ₐ(fᵃ q − T ∂_b(Sᵃᵇ q))/q at a place, with one of the two divergences of K in f."""
    derived, T = SYSTEM.derived, sp.Rational(1, 2)
    q = sp.exp(-derived.energy / T)
    total = sp.Integer(0)
    for a, x in enumerate(derived.coordinates):
        drift = derived.force[a] + T * getattr(derived, divergence)[a]
        spread = sum(sp.diff(derived.symmetric[a][b] * q, y) for b, y in enumerate(derived.coordinates))
        total -= sp.diff(drift * q - T * spread, x)
    at = dict(zip(derived.coordinates, (sp.Rational(3, 10), sp.Rational(-7, 10)), strict=True))
    return float((total / q).subs(at).evalf(30))


@pytest.mark.claim("C08")
def test_the_law_is_stationary_with_the_divergence_over_the_second_index_alone() -> None:
    assert abs(residual("mobility_divergence")) < 1e-20
    assert abs(residual("transposed_divergence")) > 0.1


@pytest.mark.claim("C08")
def test_f_falls_as_without_the_antisymmetric_part() -> None:
    """At the same p: on a grid to the bit, and estimated from an ensemble to rounding."""
    grid = lk.Grid(x=lk.cells(-2.5, 2.5, 96), y=lk.cells(-3.5, 3.5, 96))
    start = lk.initial.gaussian(mean=[-1, 0.5], covariance=0.1)
    p = lk.fokker_planck.evolve(SYSTEM, grid, initial=start, times=[0.0, 0.05, 0.3])
    rates = [lk.fokker_planck.dissipation(system, p).values for system in (SYSTEM, without(SYSTEM))]
    np.testing.assert_allclose(*rates, rtol=1e-12)
    given: dict[str, Any] = {"initial": start, "n_particles": 20_000, "time_step": 1e-3, "n_steps": 50}
    ds = lk.simulate(SYSTEM, save_every=50, rng=1, **given)
    laws = [[lk.boltzmann(system)] for system in (SYSTEM, without(SYSTEM))]
    counts = ds.histogram.values[-1:]
    own, other = (dissipation_rate(law, ds.langevin.grid, counts) for law in laws)
    np.testing.assert_allclose(own.value, other.value, rtol=1e-9)
    assert own.value[0] > 10 * own.stderr[0]


@pytest.mark.claim("C08")
@pytest.mark.parametrize("walls", [False, True])
def test_an_ensemble_obeys_its_fokker_planck_equation(walls: bool) -> None:
    """Relaxation and flux with A ≠ 0, also at walls that it does not leave alone; the other sense of A is rejected."""
    system = SYSTEM if not walls else replace(SYSTEM, walls={"x": lk.reflecting(-1.2, 0.8)})
    given: dict[str, Any] = {
        "initial": lk.initial.gaussian(mean=[-0.5, 0.5], covariance=0.01),
        "n_particles": 100_000,
        "time_step": 1e-3,
        "n_steps": 400,
        "save_every": 100,
        "rng": 3,
    }
    ds = lk.simulate(system, **given)
    assert lk.verify(ds).comparison.verdict.state == "consistent"
    (xx, xy), (yx, yy) = system.mobility
    other = replace(system, mobility=[[xx, yx], [xy, yy]])
    for candidate, state in ((system, "consistent"), (other, "inconsistent")):
        density = lk.fokker_planck.evolve(candidate, ds.langevin.grid, initial=given["initial"], times=ds.time)
        assert lk.fokker_planck.compare(ds, density).verdict.state.startswith(state)


def test_a_circulation_speeds_relaxation_up() -> None:
    """dx = −(1 + a J) H x dt: the gap is the least stiffness without a, and the mean one for large a."""
    system = lk.System(energy="x**2/2 + 4*y**2", temperature=0.5, coordinates=("x", "y"))
    turned = replace(system, mobility=[[1, 6], [-6, 1]])
    given: dict[str, Any] = {
        "initial": lk.initial.point([1.0, 0.0]), "n_particles": 4000, "time_step": 1e-3, "n_steps": 1000, "rng": 0,
    }  # fmt: skip
    left = [float(np.abs(lk.simulate(s, save_every=1000, **given)["mean"][-1]).max()) for s in (system, turned)]
    assert left[0] == pytest.approx(np.exp(-1), abs=0.05)
    assert left[1] < 0.1
