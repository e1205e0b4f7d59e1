"""Curved coordinates: the sphere in angles and in space, the embedded torus, the unit of a tanh network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracle import SCALAR, biases

import langevin_kit as lk
from langevin_kit.schemes import SCHEMES

ALARM = 1e-3
EDGE = 0.05
"""How far from the poles the walls stand: a step of at most EDGE²/2 cannot jump over them."""
SPHERE = lk.System(
    energy="-h*cos(theta)",
    measure="sin(theta)",
    mobility=[[1, 0], [0, "1/sin(theta)**2"]],
    temperature=1.0,
    coordinates=("theta", "phi"),
    parameters={"h": 0.0},
    walls={"theta": lk.reflecting(EDGE, np.pi - EDGE), "phi": lk.periodic(0.0, 2 * np.pi)},
)
TORUS = lk.System(
    energy=0,
    measure="R + cos(theta)",
    mobility=[[1, 0], [0, "1/(R + cos(theta))**2"]],
    temperature=1.0,
    coordinates=("theta", "phi"),
    parameters={"R": 1.5},
    walls={"theta": lk.periodic(0.0, 2 * np.pi), "phi": lk.periodic(0.0, 2 * np.pi)},
)


def p_value(share: np.ndarray, bins: int) -> float:
    """Of χ² over bins of equal mass, from values of the law's distribution function."""
    from scipy.special import chdtrc

    count = np.histogram(share, np.linspace(0, 1, bins + 1))[0]
    assert count.sum() == len(share)
    expected = len(share) / bins
    return float(chdtrc(bins - 1, ((count - expected) ** 2 / expected).sum()))


def at_rest(system: lk.System, seed: int, **given: Any) -> np.ndarray:
    """Angles (2, n) at t = 2.5, five relaxation times, from a law that is flat in the angles."""
    arguments: dict[str, Any] = {"n_particles": 100_000, "time_step": 1.25e-3, "n_steps": 2000, "check": False}
    ds = lk.simulate(
        system,
        initial=lk.initial.uniform([0.3, 0.0], [np.pi - 0.3, 6.2]),
        save_every=2000,
        save_positions=True,
        rng=seed,
        **(arguments | given),
    )
    return np.asarray(ds.position.values[-1])


def polar_law(u: np.ndarray, h: float) -> np.ndarray:
    """The distribution function of u = cos θ between the walls: its density is ∝ exp(hu)."""
    low, high, at = (np.expm1(h * v) / h if h else v for v in (-np.cos(EDGE), np.cos(EDGE), u))
    return np.asarray((at - low) / (high - low))


@pytest.mark.claim("C30")
@pytest.mark.parametrize("h", [0.0, 0.7])
def test_the_law_on_the_sphere_is_uniform_up_to_the_field(h: float) -> None:
    """χ² of cos θ and of φ, 100,000 particles; without the measure it is flat in θ, and rejected beyond all doubt."""
    system = replace(SPHERE, parameters={"h": h})
    theta, phi = at_rest(system, 1)
    assert p_value(polar_law(np.cos(theta), h), 32) > ALARM / 4
    assert p_value(phi / (2 * np.pi), 16) > ALARM / 4
    without = at_rest(replace(system, measure=1.0), 1)[0]
    assert p_value(polar_law(np.cos(without), h), 32) < 1e-100


@pytest.mark.claim("C30")
def test_a_volume_element_is_an_energy() -> None:
    """E_eff = E − T ln √g: the same drift, Jacobian, law and Z to round-off."""
    effective = replace(
        SPHERE, energy="-h*cos(theta) - T0*log(sin(theta))", measure=1.0, parameters={"h": 0.7, "T0": 1.0}
    )
    system = replace(SPHERE, parameters={"h": 0.7})
    x = np.random.default_rng(0).uniform(0.1, 3.0, (2, 50))
    np.testing.assert_allclose(system.drift_at(x), effective.drift_at(x), rtol=1e-12)
    np.testing.assert_allclose(system.drift_jacobian(x), effective.drift_jacobian(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(system.effective_hessian(x), effective.hessian(x), rtol=1e-12, atol=1e-12)
    one, two = (lk.boltzmann(s) for s in (system, effective))
    assert abs(one.log_z - two.log_z) < 1e-12
    assert abs(one.log_z - np.log(4 * np.pi * np.sinh(0.7 * np.cos(EDGE)) / 0.7)) < 1e-12


def test_a_run_on_the_sphere_obeys_its_fokker_planck_equation() -> None:
    """F in both forms ends at −T ln Z; H is that against μ, at most ln of the area; the grid and the run agree."""
    ds = lk.simulate(
        SPHERE,
        initial=lk.initial.gaussian([1.2, 3.0], 0.04),
        n_particles=50_000,
        time_step=1e-3,
        n_steps=2400,
        save_every=400,
        rng=0,
    )
    log_z = np.log(4 * np.pi * np.cos(EDGE))
    last = ds.isel(time=-1)
    assert abs(float(last.log_partition_function) - log_z) < 1e-12
    for name in ("free_energy", "free_energy_from_entropy"):
        assert abs(float(last[name]) + log_z) < 5 * float(last[f"{name}_stderr"])
    assert abs(float(last.entropy) - log_z) < 5 * float(last.entropy_stderr)
    assert "ln(p/μ)" in ds.entropy.attrs["long_name"]
    assert ds.attrs["boltzmann"] == "mu*exp(-E/T)/Z"
    assert ds.langevin.verdict().state == "relaxed"
    assert ds.langevin.free_energy_falls().holds
    assert lk.verify(ds, halve=False).comparison.verdict.state == "consistent"
    wrong = lk.fokker_planck.evolve(
        replace(SPHERE, measure=1.0),
        lk.Grid(theta=lk.cells(EDGE, np.pi - EDGE, 128), phi=lk.cells(0.0, 2 * np.pi, 128)),
        initial=lk.initial.gaussian([1.2, 3.0], 0.04),
        times=ds.time.values,
    )
    assert lk.fokker_planck.compare(ds, wrong).verdict.state == "inconsistent"


def test_the_grid_has_the_decay_of_a_legendre_polynomial() -> None:
    """From pole to pole, where μ vanishes: p = ½ sin θ (1 + e^(−2t) cos θ), with order two in the cell width."""
    polar = lk.System(
        measure="sin(theta)", temperature=1.0, coordinates="theta", walls={"theta": lk.reflecting(0, np.pi)}
    )
    errors = []
    for n in (32, 64, 128):
        grid = lk.Grid(theta=lk.cells(0.0, np.pi, n))
        (theta,) = grid.centers
        start, end = (np.sin(theta) * (1 + share * np.cos(theta)) / 2 for share in (1.0, np.exp(-2.0)))
        found = lk.fokker_planck.evolve(polar, grid, initial=start, times=[0.0, 1.0])
        errors.append(np.abs(found.values[-1] - end).max())
    assert errors[-1] < 1e-4
    assert np.log2(errors[-2] / errors[-1]) > 1.8


def test_the_law_on_the_torus_is_its_area() -> None:
    """θ has density ∝ R + cos θ and φ is uniform, χ²; a flat law of θ is rejected."""
    r = TORUS.parameters["R"]
    assert abs(lk.boltzmann(TORUS).log_z - np.log(4 * np.pi**2 * r)) < 1e-12

    def share(theta: np.ndarray) -> np.ndarray:
        return np.asarray((theta + np.sin(theta) / r) / (2 * np.pi))

    theta, phi = at_rest(TORUS, 2, time_step=4e-3, n_particles=50_000)
    assert p_value(share(theta), 32) > ALARM / 2
    assert p_value(phi / (2 * np.pi), 16) > ALARM / 2
    assert p_value(theta / (2 * np.pi), 32) < 1e-100


RING = replace(SCALAR, measure="1.3 + cos(x - 1)")
SLOW = {"milstein", "heun", "platen", "strang", "pvd2", "tamed"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name, scheme in SCHEMES.items()
        if not {"T = 0", "constant S", "linear force", "underdamped"} & {*scheme.needs}
        and not (name == "mala" or scheme.loop)
    ],
)
def test_every_scheme_has_the_law_of_the_measure(name: str) -> None:
    """Its bias falls with the step as without a measure; against the law without μ it would be 0.5 at any step."""
    mesh = (28, 16) if SCHEMES[name].begin else (96, 40)
    bias = biases(RING, mesh, (0.05, 0.025, 0.0125), name)
    order = {"platen": 1.9, "strang": 1.9}.get(name, 0.8)
    assert np.log2(bias[1] / bias[2]) > order
    assert bias[2] < 0.02


SPACE = lk.System(
    energy="-z + 0.5*x*y",
    mobility=[[f"{int(a == b)} - {a}*{b}/(x**2 + y**2 + z**2)" for b in ("x", "y", "z")] for a in ("x", "y", "z")],
    drift=["-2*y", "2*x", 0],
    temperature=0.0,
    coordinates=("x", "y", "z"),
)
"""A field on the sphere in space: K leaves of the gradient what is tangential; a rotation is so by itself."""
ANGLES = lk.System(
    energy="-cos(theta) + 0.25*sin(theta)**2*sin(2*phi)",
    measure="sin(theta)",
    mobility=[[1, 0], [0, "1/sin(theta)**2"]],
    drift=[0, 2],
    temperature=0.0,
    coordinates=("theta", "phi"),
    walls={"phi": lk.periodic(-np.pi, np.pi)},
)
"""The same field in a chart."""


def path(system: lk.System, start: Any, time_step: float, scheme: str) -> np.ndarray:
    """Positions (time, d) of one particle up to t = 2."""
    n = round(2 / time_step)
    given: dict[str, Any] = {"initial": lk.initial.point(start), "n_particles": 1, "rng": 0, "check": False}
    ds = lk.simulate(
        system, time_step=time_step, n_steps=n, save_every=n // 10, save_positions=True, scheme=scheme, **given
    )
    return np.asarray(ds.position.values[..., 0])


def in_space(angles: np.ndarray) -> np.ndarray:
    theta, phi = angles.T
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)


@pytest.mark.claim("B03")
def test_a_field_on_the_sphere_keeps_the_norm() -> None:
    """In space to 1e-9 by RK4, with its order; Euler's step leaves the sphere; in a chart the path is the same."""
    start = np.array([2.5, 0.4])
    off, paths = {}, {}
    for scheme in ("rk4", "euler_maruyama"):
        paths[scheme] = [path(SPACE, in_space(start[None])[0], dt, scheme) for dt in (0.02, 0.01)]
        off[scheme] = [np.abs(np.linalg.norm(x, axis=1) - 1).max() for x in paths[scheme]]
    assert off["rk4"][1] < 1e-9
    assert np.abs(paths["rk4"][1] - in_space(path(ANGLES, start, 0.01, "rk4"))).max() < 2e-9
    assert np.log2(off["rk4"][0] / off["rk4"][1]) > 3.8
    assert 0.02 < off["euler_maruyama"][1] < 0.05
    assert 0.9 < np.log2(off["euler_maruyama"][0] / off["euler_maruyama"][1]) < 1.1
    assert np.abs(paths["rk4"][1] - in_space(start[None])).max() > 1


W, TAU = 1.5, 2.0
UNIT = lk.System(
    energy="-w*y**2/2 + (1 + y)*log(1 + y)/2 + (1 - y)*log(1 - y)/2",
    mobility="(1 - y**2)/tau",
    temperature=0.2,
    coordinates=("y",),
    parameters={"w": W, "tau": TAU},
    walls={"y": lk.reflecting(-1.0, 1.0)},
)
"""A tanh unit in its output y: E of Lemma 7, whose integral of the inverse is y atanh y + ½ ln(1 − y²)."""


def test_the_output_of_a_tanh_unit() -> None:
    """⟨y²⟩ = .3888 at w = 1.5, T = .2, by quadrature and by an ensemble."""
    y, weight = np.polynomial.legendre.leggauss(2000)
    q = weight * np.exp(-UNIT.energy_at(y[None]) / UNIT.temperature)
    exact = float(q @ y**2 / q.sum())
    assert abs(exact - 0.3888) < 5e-5
    ds = lk.simulate(
        UNIT,
        initial=lk.initial.uniform([-0.8], [0.8]),
        n_particles=20_000,
        time_step=4e-3,
        n_steps=3000,
        save_every=3000,
        observables={"square": "y**2"},
        rng=0,
        check=False,
    )
    assert abs(float(ds.square[-1]) - exact) < 4 * float(ds.square_stderr[-1])
