"""Continuous Hopfield networks in output coordinates: y within (−1, 1)ᵈ, K = 1 − y², against exact laws.

Φ(y) = y atanh y + ½ ln(1 − y²) is ∫f⁻¹ for f = tanh: finite at the walls, where its slope is not and K vanishes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare, ks_2samp, kstest

import langevin_kit as lk
from langevin_kit.errors import NonFinite, NotNormalizable

Floats = NDArray[np.float64]

ENERGY = "y @ atanh(y) + sum(log(1 - y**2))/2 - y @ W @ y/2 - b @ y"
MOBILITY = "1 - y**2"
WALLS = {"y": lk.reflecting(-1.0, 1.0)}


def network(W: Floats, b: Floats, temperature: float) -> lk.System:
    parameters = {"W": W, "b": b}
    return lk.System(
        coordinates={"y": len(b)},
        energy=ENERGY,
        mobility=MOBILITY,
        temperature=temperature,
        parameters=parameters,
        walls=WALLS,
    )


def unit(drift: str | None = None) -> lk.System:
    """64 independent units with w = 1.5 at T = 0.2."""
    return lk.System(
        coordinates={"y": 64},
        energy="y @ atanh(y) + sum(log(1 - y**2))/2 - w*(y @ y)/2",
        mobility=MOBILITY,
        drift=drift,
        temperature=0.2,
        parameters={"w": 1.5},
        walls=WALLS,
    )


class Exact:
    """The law of one unit, by trapezoids on a mesh that is fine at the walls."""

    def __init__(self, w: float, b: float, temperature: float) -> None:
        near = np.logspace(-12, -2.5, 2000)
        inner = np.linspace(-1 + near[-1], 1 - near[-1], 40_001)[1:-1]
        y = np.concatenate([-1 + near, inner, 1 - near[::-1]])
        energy = y * np.arctanh(y) + np.log1p(-(y**2)) / 2 - w * y**2 / 2 - b * y
        density = np.exp(-energy / temperature)
        mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(y))])
        self.y, self.distribution, self.density = y, mass / mass[-1], density / mass[-1]

    def cdf(self, y: Floats) -> Floats:
        return np.asarray(np.interp(y, self.y, self.distribution))

    def sample(self, shares: Floats) -> Floats:
        return np.asarray(np.interp(shares, self.distribution, self.y))

    def mean(self, function: Floats) -> float:
        return float(np.trapezoid(self.density * function, self.y))


UNIT = Exact(1.5, 0.0, 0.2)
SQUARE = UNIT.mean(UNIT.y**2)
N = 8192


def mean_square(system: lk.System, time_step: float, n: int = N) -> tuple[float, float]:
    """⟨y²⟩ and its standard error, from 20 saved times 2 apart, which is about the slowest relaxation."""
    start = UNIT.sample((np.random.default_rng(5).permutation(n * 64) + 0.5) / (n * 64)).reshape(n, 64)
    every = round(2 / time_step)
    ds = lk.simulate(
        system,
        initial=start,
        time_step=time_step,
        n_steps=25 * every,
        save_every=every,
        rng=3,
        dtype="float32",
        check=False,
        observables={"square": "y @ y/64"},
    )
    found = ds.square.values[6:]
    return float(found.mean()), float(found.std() / np.sqrt(len(found) / 2))


def test_one_unit_to_first_order_in_the_time_step() -> None:
    """⟨y²⟩ = 0.38878 by quadrature; what is left over at Δt = 0.2, 0.1, 0.05 halves, and extrapolates to 0."""
    assert pytest.approx(0.38878062212809, abs=1e-8) == SQUARE
    values, errors = np.array([mean_square(unit(), dt) for dt in (0.2, 0.1, 0.05)]).T
    bias = values - SQUARE
    assert (bias < -50 * errors).all(), bias  # so that an order can be measured
    order = np.log2(bias[:-1] / bias[1:])
    assert 0.8 < order[0] < order[1] < 1.03, order
    # Quadratic in Δt to 0: 5 standard errors are exceeded once in 10⁶.
    weights = np.array([1, -6, 8]) / 3
    assert abs(weights @ bias) < 5 * np.sqrt(weights**2 @ errors**2), bias


def test_other_equations_are_caught() -> None:
    """Without T ∇·K the law is q/K; in v = atanh y, as printed, there is none, and paths run away."""
    value, error = mean_square(unit(drift="0.4*y"), 0.05, n=1024)
    assert value > SQUARE + 0.2
    assert error < 0.01
    system = lk.System(
        coordinates={"v": 64},
        drift="w*tanh(v) - v - 0.4*cosh(v)*sinh(v)",
        mobility="cosh(v)**2",
        temperature=0.2,
        parameters={"w": 1.5},
    )
    start = np.arctanh(UNIT.sample((np.random.default_rng(5).permutation(64 * 64) + 0.5) / 64**2)).reshape(64, 64)
    with pytest.raises(NonFinite):
        lk.simulate(system, initial=start, time_step=0.01, n_steps=3000, save_every=100, rng=3, check=False)
    energy = "v*tanh(v) - log(cosh(v)) - 0.75*tanh(v)**2"
    with pytest.raises(NotNormalizable):
        lk.boltzmann(lk.System(coordinates=("v",), energy=energy, temperature=0.2))


W, B = 2.5, np.array([0.0, 0.1, -0.1, 0.2])
"""Of four units whose densities at T = 0.3 have up to eleven times at the walls what they have in the middle."""


def ended(time_step: float, drift: str | None = None) -> Floats:
    laws = [Exact(W, b, 0.3) for b in B]
    n, rng = 20_000, np.random.default_rng(0)
    system = lk.System(
        coordinates={"y": 4},
        energy=ENERGY,
        mobility=MOBILITY,
        drift=drift,
        temperature=0.3,
        parameters={"W": W * np.eye(4), "b": B},
        walls=WALLS,
    )
    start = np.stack([law.sample(rng.uniform(size=n)) for law in laws], axis=1)
    steps = round(10 / time_step)
    ds = lk.simulate(
        system,
        initial=start,
        time_step=time_step,
        n_steps=steps,
        save_every=steps,
        rng=4,
        save_positions=n,
        check=False,
    )
    return np.stack([law.cdf(y) for law, y in zip(laws, ds.position.values[-1], strict=True)])


def worst(uniform: Floats) -> float:
    """The least of eight p-values: Kolmogorov–Smirnov and χ² on 32 cells, of each unit."""
    cells = [np.histogram(u, np.linspace(0, 1, 33))[0] for u in uniform]
    return float(min([kstest(u, "uniform").pvalue for u in uniform] + [chisquare(c).pvalue for c in cells]))


@pytest.mark.slow
def test_laws_that_are_high_at_the_walls() -> None:
    """A least p-value of eight below 10⁻⁵ is met once in 10⁴ seeds; a long step is seen, and a wrong drift."""
    law = Exact(W, 0.2, 0.3)
    assert law.density[-1] > 10 * law.density[len(law.y) // 2]
    assert worst(ended(0.002)) > 1e-5
    assert worst(ended(0.05)) < 1e-10
    assert worst(ended(0.002, drift="0.06*y")) < 1e-10  # a tenth of T ∇·K is left out


@pytest.mark.slow
def test_scalar_coordinates_have_the_same_law() -> None:
    """Two units as x and y: the same paths to rounding, until an ulp at a wall tells, and one law."""
    energy = " + ".join(f"{x}*log((1 + {x})/(1 - {x}))/2 + log(1 - {x}**2)/2 - w*{x}**2/2" for x in "xy")
    w, n = 1.5, 20_000
    scalar = lk.System(
        coordinates=("x", "y"),
        energy=f"{energy} - c*x*y",
        mobility=[["1 - x**2", 0], [0, "1 - y**2"]],
        temperature=0.2,
        parameters={"w": w, "c": 0.2},
        walls=dict.fromkeys("xy", lk.reflecting(-1.0, 1.0)),
    )
    vector = network(np.array([[w, 0.2], [0.2, w]]), np.zeros(2), 0.2)
    start = np.random.default_rng(1).uniform(-0.9, 0.9, (n, 2))
    arguments: dict[str, Any] = {"initial": start, "time_step": 0.01, "save_positions": n, "check": False}
    short = [
        lk.simulate(s, n_steps=40, save_every=40, rng=1, **arguments).position.values[-1] for s in (scalar, vector)
    ]
    np.testing.assert_allclose(short[0], short[1], rtol=0, atol=1e-10)
    long = [
        lk.simulate(s, n_steps=800, save_every=800, rng=seed, **arguments).position.values[-1]
        for seed, s in enumerate((scalar, vector, network(1.1 * np.eye(2), np.zeros(2), 0.2)))
    ]
    # Three of them: the sum tells a coupling. A p-value below 10⁻⁵ is met three times in 10⁵ seeds.
    same, other = (
        min(ks_2samp(f(long[0]), f(x)).pvalue for f in (lambda x: x[0], lambda x: x[1], lambda x: x[0] + x[1]))
        for x in long[1:]
    )
    assert same > 1e-5
    assert other < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 3])
def test_small_networks_have_the_moments_of_quadrature(d: int) -> None:
    """⟨y⟩, ⟨y yᵀ⟩ and ⟨E⟩ at Δt → 0 from two steps, for a random symmetric W."""
    rng, n, temperature = np.random.default_rng(d), 100_000, 0.3
    A = rng.normal(size=(d, d))
    system = network(0.6 * (A + A.T), 0.2 * rng.normal(size=d), temperature)
    node, weight = np.polynomial.legendre.leggauss(60)
    y = np.stack(np.meshgrid(*[node] * d, indexing="ij")).reshape(d, -1)
    p = np.prod(np.stack(np.meshgrid(*[weight] * d, indexing="ij")), axis=0).ravel()
    p *= np.exp(-system.energy_at(y) / temperature)
    p /= p.sum()
    exact = np.concatenate([y @ p, ((y * p) @ y.T).ravel(), [system.energy_at(y) @ p]])
    found, errors = [], []
    for dt in (0.04, 0.02):
        every = round(3 / dt)
        ds = lk.simulate(
            system, initial=np.zeros((n, d)), time_step=dt, n_steps=12 * every, save_every=every, rng=2, check=False
        )
        mean = ds["mean"].values[4:]
        second = ds["covariance"].values[4:] + mean[:, :, None] * mean[:, None]
        rows = np.concatenate([mean, second.reshape(len(mean), -1), ds.energy.values[4:, None]], axis=1)
        found.append(rows.mean(axis=0))
        errors.append(rows.std(axis=0) / np.sqrt(len(rows) / 2))
    extrapolated = 2 * found[1] - found[0] - exact
    error = np.sqrt(4 * errors[1] ** 2 + errors[0] ** 2)
    # What the second order leaves is below 10⁻³; of up to 13 errors one beyond five standard errors, of nine values
    # each, is met in a thousand.
    assert (np.abs(extrapolated) < 6 * error + 1e-3).all(), extrapolated / error
    assert np.abs(found[0] - exact).max() > 4e-3


def metropolis(W: Floats, b: Floats, temperature: float, chains: int, sweeps: int) -> Floats:
    """Single units moved by Metropolis' rule; ⟨yᵢ yⱼ⟩ over the second half."""
    rng = np.random.default_rng(9)
    d, total, count = len(b), np.zeros((len(b), len(b))), 0
    y = np.zeros((d, chains))
    h = np.tile(b[:, None], chains)

    def own(x: Floats) -> Floats:
        return np.asarray(x * np.arctanh(x) + np.log1p(-(x**2)) / 2)

    for sweep in range(sweeps):
        for i in range(d):
            new = rng.uniform(-1, 1, chains)
            change = new - y[i]
            rise = own(new) - own(y[i]) - change * h[i] - W[i, i] * change**2 / 2
            change[rng.uniform(size=chains) >= np.exp(-np.maximum(rise, 0) / temperature)] = 0
            y[i] += change
            h += W[:, i, None] * change
        if sweep >= sweeps // 2:
            total += y @ y.T / chains
            count += 1
    return total / count


@pytest.mark.slow
def test_a_network_of_64_units_has_the_moments_of_metropolis() -> None:
    """⟨yᵢ yⱼ⟩ for a random symmetric W at T = 0.4, by an algorithm that shares nothing with a Langevin step."""
    d, temperature, rng = 64, 0.4, np.random.default_rng(7)
    A = rng.normal(size=(d, d))
    W, b = (A + A.T) / (2 * np.sqrt(d)), 0.1 * rng.normal(size=d)
    exact = metropolis(W, b, temperature, 1000, 240)

    def second(W: Floats, dt: float) -> Floats:
        every, n = round(2 / dt), 4096
        ds = lk.simulate(
            network(W, b, temperature),
            initial=np.zeros((n, d)),
            time_step=dt,
            n_steps=20 * every,
            save_every=every,
            rng=2,
            dtype="float32",
            check=False,
            save_positions=n,
        )
        y = ds.position.values[8:].astype(np.float64)
        return np.asarray(np.einsum("tip,tjp->ij", y, y) / (y.shape[0] * y.shape[2]))

    coarse, fine = second(W, 0.08), second(W, 0.04)
    difference = 2 * fine - coarse - exact
    # Their spread is what chance leaves: one of 2080 beyond 6 of it is met once in 10⁵.
    assert difference.std() < 0.004
    assert np.abs(difference).max() < 6 * difference.std()
    assert abs(np.trace(difference)) / d < 1e-3
    changed = W.copy()
    changed[0, 1] = changed[1, 0] = W[0, 1] + 0.3
    assert (second(changed, 0.08) - coarse)[0, 1] > 0.03
