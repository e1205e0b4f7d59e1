"""Every landscape against the numbers in its docstring: stationary points, Z, moments, relaxation rates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray
from scipy.integrate import dblquad, quad
from scipy.optimize import minimize
from scipy.sparse.linalg import eigs
from scipy.special import erf, iv

from langevin_kit import Grid, System, boltzmann, cells, zoo
from langevin_kit.errors import InvalidArgument
from langevin_kit.fokker_planck.operator import operator
from langevin_kit.system.derive import coordinate_symbols
from langevin_kit.system.expression import parse
from langevin_kit.system.zoo.cluster import energy_text
from langevin_kit.system.zoo.gaussian import quadratic

Floats = NDArray[np.float64]

TILTED = sorted(np.roots([8 * 2.0, 0.0, -8 * 2.0, 0.7]).real)

# System, point, energy there, number of directions in which it falls.
STATIONARY: list[tuple[System, list[float], float, int]] = [
    (zoo.double_well(3.0, half_distance=0.5), [-0.5], 0.0, 0),
    (zoo.double_well(3.0, half_distance=0.5), [0.5], 0.0, 0),
    (zoo.double_well(3.0, half_distance=0.5), [0.0], 3.0, 1),
    *(
        (zoo.tilted_double_well(2.0, tilt=0.7, half_distance=1.5), [1.5 * u], 2 * (u**2 - 1) ** 2 + 0.35 * u, i % 2)
        for i, u in enumerate(TILTED)
    ),
    (zoo.rugged_well(2.0, ripple=0.3, period=0.2), [0.0], -0.3, 0),
    (zoo.muller_brown(), [-0.558224, 1.441726], -146.699517, 0),
    (zoo.muller_brown(), [0.623499, 0.028038], -108.166724, 0),
    (zoo.muller_brown(), [-0.050011, 0.466694], -80.767818, 0),
    (zoo.muller_brown(), [-0.822002, 0.624313], -40.664844, 1),
    (zoo.muller_brown(0.05), [0.212487, 0.292988], -72.248940 / 20, 1),
    (zoo.mexican_hat(2.0, radius=1.5), [0.0, 0.0], 2.0, 2),
    (zoo.mexican_hat(2.0, radius=1.5), [0.9, 1.2], 0.0, 0),
    (zoo.rosenbrock(50.0, minimum=1.5, scale=2.0), [1.5, 2.25], 0.0, 0),
    (zoo.egg_crate(), [0.0, 0.0], 0.0, 0),
    (zoo.ornstein_uhlenbeck([[2.0, -1.0], [-1.0, 3.0]]), [0.0, 0.0], 0.0, 0),
    (zoo.gaussian_mixture([[1.0, 2.0]], 0.5, temperature=0.7), [1.0, 2.0], 0.7 * math.log(math.pi), 0),
]


@pytest.mark.parametrize("case", range(len(STATIONARY)))
def test_stationary_points(case: int) -> None:
    system, point, energy, falling = STATIONARY[case]
    x = np.array(point)[:, None]
    hessian = system.hessian(x)[..., 0]
    curvature = np.linalg.eigvalsh(hessian)
    assert system.energy_at(x)[0] == pytest.approx(energy, abs=6e-7)
    # One Newton step: how far the true stationary point is, within the six digits of the docstring.
    step = np.linalg.lstsq(hessian, system.gradient(x)[:, 0], rcond=1e-12)[0]
    assert np.abs(step).max() < 6e-7
    assert np.count_nonzero(curvature < -1e-9 * np.abs(curvature).max()) == falling


def test_curvatures_of_wells() -> None:
    well = zoo.double_well(3.0, half_distance=0.5)
    np.testing.assert_allclose(well.hessian([[-0.5, 0.0, 0.5]])[0, 0], [96.0, -48.0, 96.0], rtol=1e-14)
    hat = np.linalg.eigvalsh(zoo.mexican_hat(2.0, radius=1.5).hessian([[0.9], [1.2]])[..., 0])
    np.testing.assert_allclose(hat, [0.0, 8 * 2 / 1.5**2], atol=1e-13)


def test_tilt_moves_the_wells_apart_in_energy_and_at_last_removes_one() -> None:
    x = np.linspace(-2, 2, 41)[None]
    one, other = zoo.tilted_double_well(tilt=0.4), zoo.tilted_double_well(tilt=-0.4)
    np.testing.assert_allclose(one.energy_at(x), other.energy_at(-x), rtol=1e-15)
    assert np.diff(one.energy_at([[-1.0, 1.0]])) == pytest.approx(0.4)
    critical = 16 / (3 * math.sqrt(3))
    fine = np.linspace(-1.5, 1.5, 30_001)[None]
    for factor, turns in ((0.999, 3), (1.001, 1)):
        force = zoo.tilted_double_well(tilt=factor * critical).gradient(fine)[0]
        assert np.count_nonzero(np.diff(np.sign(force))) == turns


def bessel_series(a: float, u: float) -> float:
    """I₀(a) + 2 Σ Iₙ(a) exp(−n² u)."""
    n = np.arange(1, 60)
    return float(iv(0, a) + 2 * np.sum(iv(n, a) * np.exp(-(n**2) * u)))


def log_z_double_well(b: float, a: float, temperature: float) -> float:
    beta = b / temperature
    return math.log(a * math.pi / 2 * math.exp(-beta / 2) * (iv(-0.25, beta / 2) + iv(0.25, beta / 2)))


def log_z_rugged(k: float, a: float, period: float, temperature: float) -> float:
    smooth = math.sqrt(2 * math.pi * temperature / k)
    return math.log(smooth * bessel_series(a / temperature, (2 * math.pi / period) ** 2 * temperature / (2 * k)))


def log_z_egg_crate(b: float, k: float, period: float, temperature: float) -> float:
    return 2 * (log_z_rugged(k, b / 2, period, temperature) - b / (2 * temperature))


def log_z_hat(b: float, a: float, temperature: float) -> float:
    beta = b / temperature
    return math.log(0.5 * math.pi * a**2 * math.sqrt(math.pi / beta) * (1 + erf(math.sqrt(beta))))


LOG_Z: dict[str, tuple[System, float]] = {
    "double well": (
        zoo.double_well(2.0, half_distance=1.5, temperature=0.7),
        log_z_double_well(2.0, 1.5, 0.7),
    ),
    "rugged well": (
        zoo.rugged_well(0.7, ripple=0.6, period=1.3, temperature=0.8),
        log_z_rugged(0.7, 0.6, 1.3, 0.8),
    ),
    "fine ripples": (
        zoo.rugged_well(temperature=0.25),
        log_z_rugged(1.0, 0.5, 0.1, 0.25),
    ),
    "Mexican hat": (zoo.mexican_hat(1.5, radius=0.8, temperature=0.5), log_z_hat(1.5, 0.8, 0.5)),
    "Rosenbrock": (
        zoo.rosenbrock(20.0, minimum=0.5, scale=2.0, temperature=0.3),
        math.log(math.pi * 0.3 / (2 * math.sqrt(20))),
    ),
    "egg crate": (
        zoo.egg_crate(3.0, stiffness=0.9, period=1.7, temperature=1.2),
        log_z_egg_crate(3.0, 0.9, 1.7, 1.2),
    ),
    "Ornstein–Uhlenbeck": (
        zoo.ornstein_uhlenbeck([[2.0, 1.0], [1.0, 3.0]], temperature=0.6),
        math.log(2 * math.pi * 0.6 / math.sqrt(5)),
    ),
    "Ornstein–Uhlenbeck, 1-D": (zoo.ornstein_uhlenbeck(4.0), 0.5 * math.log(2 * math.pi / 4)),
    "mixture, 1-D": (zoo.gaussian_mixture([-2.0, 0.5, 3.0], 0.3, [1, 2, 3], temperature=0.4), 0.0),
    "mixture": (
        zoo.gaussian_mixture([[-2, 0], [2, 1]], [[[1, 0.3], [0.3, 0.5]], [[0.2, 0], [0, 0.4]]], temperature=2.0),
        0.0,
    ),
}


@pytest.mark.parametrize("name", LOG_Z)
def test_log_z(name: str) -> None:
    system, expected = LOG_Z[name]
    assert boltzmann(system).log_z == pytest.approx(expected, abs=2e-12)
    # Negative control: a temperature one percent off has another Z, except for a mixture that is told its temperature.
    warmer = System(**{**system.to_dict(), "temperature": system.temperature * 1.01})
    assert boltzmann(warmer).log_z != pytest.approx(expected, abs=1e-4)


def average(system: System, f: Callable[[Floats], Any]) -> float:
    """⟨f⟩ under q, by adaptive quadrature in a box of all of it."""
    law = boltzmann(system)
    box = list(zip(law.lower, law.upper, strict=True))

    def density(*x: float) -> float:
        place = np.array(x)
        return float(f(place) * np.exp(law.log_density(place[:, None])[0]))

    if system.n_dim == 1:
        return float(quad(density, *box[0], limit=400, epsabs=1e-10)[0])
    return float(dblquad(lambda y, x: density(x, y), *box[0], *box[1], epsabs=1e-7)[0])


def test_mixture_has_the_moments_it_was_given() -> None:
    means, covariance, w = np.array([-2.0, 0.5, 3.0]), np.array([0.3, 0.3, 0.3]), np.array([1, 2, 3]) / 6
    system = zoo.gaussian_mixture(means, 0.3, [1, 2, 3], temperature=0.4, mobility="1 + x**2")
    assert average(system, lambda x: x[0]) == pytest.approx(w @ means, abs=1e-9)
    assert average(system, lambda x: x[0] ** 2) == pytest.approx(w @ (means**2 + covariance), abs=1e-8)
    places = np.linspace(-4, 5, 19)
    density = sum(
        v * np.exp(-((places - m) ** 2) / 0.6) / math.sqrt(0.6 * math.pi) for v, m in zip(w, means, strict=True)
    )
    np.testing.assert_allclose(np.exp(-system.energy_at(places[None]) / 0.4), density, rtol=1e-12)


def test_mixture_of_correlated_components() -> None:
    matrices = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.2, -0.1], [-0.1, 0.4]]])
    means, w = np.array([[-2.0, 0.0], [2.0, 1.0]]), np.array([0.25, 0.75])
    system = zoo.gaussian_mixture(means, matrices, w * 12, temperature=2.0)
    x = np.random.default_rng(2).normal(0, 2, (2, 50))
    density = np.zeros(50)
    for weight, m, c in zip(w, means, matrices, strict=True):
        delta = x - m[:, None]
        exponent = np.einsum("an,ab,bn->n", delta, np.linalg.inv(c), delta)
        density += weight * np.exp(-exponent / 2) / math.sqrt(np.linalg.det(2 * math.pi * c))
    np.testing.assert_allclose(np.exp(-system.energy_at(x) / 2.0), density, rtol=1e-11)


def test_hat_and_valley_have_their_moments() -> None:
    beta = 3.0
    ring = 1 + math.exp(-beta) / (math.sqrt(math.pi * beta) * (1 + erf(math.sqrt(beta))))
    hat = zoo.mexican_hat(1.5, radius=0.8, temperature=0.5)
    assert average(hat, lambda x: (x[0] ** 2 + x[1] ** 2) / 0.64) == pytest.approx(ring, abs=1e-6)
    valley = zoo.rosenbrock(5.0, minimum=0.5, scale=2.0, temperature=0.8)
    assert average(valley, lambda x: (x[0] - 0.5) ** 2) == pytest.approx(0.8 / 4, abs=1e-6)
    assert average(valley, lambda x: (x[1] - x[0] ** 2) ** 2) == pytest.approx(0.8 / 20, abs=1e-6)


def rates(system: System, grid: Grid, n: int = 3) -> Floats:
    """The slowest relaxation rates, the first of them 0."""
    values = eigs(operator(system, grid), k=n, sigma=1e-3, return_eigenvectors=False)
    assert np.abs(values.imag).max() < 1e-8
    return np.sort(-values.real)


def extrapolated(system: System, grid: Callable[[int], Grid], n: int) -> Floats:
    """Rates without their error of second order in the cells' width."""
    coarse, fine = rates(system, grid(n)), rates(system, grid(2 * n))
    return np.asarray((4 * fine - coarse) / 3)


@pytest.mark.parametrize(("barrier", "ratio"), [(2, 0.933), (4, 0.903), (6, 0.928), (8, 0.947), (10, 0.959)])
def test_double_well_relaxes_at_nearly_kramers_rate(barrier: float, ratio: float) -> None:
    system = zoo.double_well(barrier, half_distance=2.0)
    gap = extrapolated(system, lambda n: Grid(x=cells(-5.0, 5.0, n)), 500)[1]
    kramers = 4 * math.sqrt(2) * barrier / (math.pi * 4) * math.exp(-barrier)
    assert gap / kramers == pytest.approx(ratio, abs=6e-4)


def test_ripples_slow_a_well_down_by_bessels_square() -> None:
    system = zoo.rugged_well(1.0, ripple=1.0, period=0.1)
    gap = extrapolated(system, lambda n: Grid(x=cells(-6.0, 6.0, n)), 4800)[1]
    assert gap == pytest.approx(1 / iv(0, 1.0) ** 2, rel=2e-3)
    assert gap < 0.7


def test_muller_brown_relaxes_at_the_rates_of_its_docstring() -> None:
    def grid(n: int) -> Grid:
        return Grid(x=cells(-2.2, 1.4, n), y=cells(-1.0, 2.6, n))

    zero, first, second = extrapolated(zoo.muller_brown(), grid, 80)
    assert abs(zero) < 1e-8
    assert first == pytest.approx(1.5544, abs=2e-4)
    assert second == pytest.approx(55.296, abs=2e-2)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_harmonic_text_is_the_quadratic_form(d: int) -> None:
    rng = np.random.default_rng(d)
    root = rng.normal(size=(d, d))
    k = root @ root.T
    names = tuple(f"x{a}" for a in range(d))
    text, parameters = quadratic(k, names, dict(zip(names, names, strict=True)), "k")
    x, p = coordinate_symbols(names), coordinate_symbols(tuple(parameters))
    energy = parse(text, {str(s): s for s in (*x, *p)}, field="energy").subs(
        dict(zip(p, parameters.values(), strict=True))
    )
    np.testing.assert_allclose(np.array(sp.hessian(energy, x), float), k, rtol=1e-14)
    assert energy.subs(dict.fromkeys(x, 0)) == 0


def test_zeros_of_a_matrix_do_not_enter_the_text() -> None:
    assert zoo.ornstein_uhlenbeck([2.0, 3.0]).energy == "k_x_x/2*x**2 + k_y_y/2*y**2"
    assert zoo.ornstein_uhlenbeck(np.diag([2.0, 3.0])).energy == zoo.ornstein_uhlenbeck([4.0, 5.0]).energy


def lennard_jones(r: Floats, n: int, dim: int, depth: float, diameter: float, confinement: float) -> float:
    r = r.reshape(n, dim)
    pairs = np.array([np.linalg.norm(r[i] - r[j]) for i, j in itertools.combinations(range(n), 2)])
    u = (diameter / pairs) ** 6
    return float(4 * depth * np.sum(u**2 - u) + confinement / 2 * np.sum(r**2))


@cache
def cluster_functions(n: int, dim: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Energy and gradient that the text of a cluster means: f(coordinates, parameters)."""
    x = coordinate_symbols(tuple(f"{axis}{i}" for i in range(n) for axis in "xyz"[:dim]))
    p = coordinate_symbols(("depth", "diameter", "confinement"))
    energy = parse(energy_text(n, dim), {str(s): s for s in (*x, *p)}, field="energy")
    return sp.lambdify((x, p), energy), sp.lambdify((x, p), [sp.diff(energy, s) for s in x], cse=True)


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (3, 2), (7, 2), (4, 3)])
def test_cluster_text_is_the_pair_sum(n: int, dim: int) -> None:
    energy, gradient = cluster_functions(n, dim)
    rng = np.random.default_rng(n)
    parameters = (1.3, 0.9, 0.2)
    for _ in range(5):
        x = zoo.lattice(n, dim=dim) + rng.uniform(-0.05, 0.05, n * dim)
        assert energy(x, parameters) == pytest.approx(lennard_jones(x, n, dim, *parameters), rel=1e-12)
        along = rng.normal(size=n * dim)
        slope = (energy(x + 1e-6 * along, parameters) - energy(x - 1e-6 * along, parameters)) / 2e-6
        assert along @ np.array(gradient(x, parameters)) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("n", "dim", "lowest"), [(2, 1, -1.0), (3, 2, -3.0), (7, 2, -12.534867), (4, 3, -6.0)])
def test_cluster_falls_from_the_lattice_to_its_lowest_energy(n: int, dim: int, lowest: float) -> None:
    energy, gradient = cluster_functions(n, dim)
    parameters = (1.0, 1.0, 0.0)
    found = minimize(
        energy,
        zoo.lattice(n, dim=dim),
        (parameters,),
        jac=lambda x, p: np.array(gradient(x, p)),
        method="BFGS",
        tol=1e-8,
    )
    assert found.fun == pytest.approx(lowest, abs=1e-6)


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (9, 1), (7, 2), (30, 2), (13, 3), (64, 3)])
def test_lattice_keeps_atoms_at_rest_distance(n: int, dim: int) -> None:
    r = zoo.lattice(n, dim=dim, diameter=0.5).reshape(n, dim)
    np.testing.assert_allclose(r.mean(axis=0), 0.0, atol=1e-14)
    pairs = np.array([np.linalg.norm(r[i] - r[j]) for i, j in itertools.combinations(range(n), 2)])
    assert pairs.min() == pytest.approx(0.5 * 2 ** (1 / 6), rel=1e-12)
    neighbours = [np.count_nonzero(np.isclose(np.linalg.norm(r - a, axis=1), pairs.min())) for a in r]
    # Each has a neighbour, and one has as many as fit around it once there are enough atoms.
    assert min(neighbours) >= 1
    assert max(neighbours) == {1: min(n - 1, 2), 2: min(n - 1, 6), 3: min(n - 1, 12)}[dim]


def test_cluster_of_two_atoms_on_a_line() -> None:
    system = zoo.lennard_jones_cluster(2, dim=1, depth=2.0, confinement=0.0)
    x = zoo.lattice(2, dim=1)[:, None]
    assert system.coordinates == ("x0", "x1")
    assert system.energy_at(x)[0] == pytest.approx(-2.0)
    np.testing.assert_allclose(system.gradient(x), 0.0, atol=1e-13)


def test_temperature_and_mobility_are_the_systems() -> None:
    makers: list[Callable[..., System]] = [
        zoo.double_well,
        zoo.tilted_double_well,
        zoo.rugged_well,
        zoo.muller_brown,
        zoo.mexican_hat,
        zoo.rosenbrock,
        zoo.egg_crate,
        zoo.ornstein_uhlenbeck,
        lambda **options: zoo.gaussian_mixture([0.0, 1.0], **options),
        lambda **options: zoo.lennard_jones_cluster(2, dim=1, **options),
    ]
    for make in makers:
        system = make(temperature=0.3, mobility="0.25")
        assert system.temperature == 0.3
        place = np.arange(1.0, system.n_dim + 1)[:, None]
        assert (system.mobility_at(place)[..., 0] == 0.25 * np.eye(system.n_dim)).all()
        assert make().temperature > 0
        # Numbers are parameters, so that a sweep over them compiles once.
        assert system.parameters


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zoo.double_well(0.0), "barrier: got 0.0; a finite number above 0 is needed"),
        (lambda: zoo.double_well("1"), "barrier: got '1'"),
        (lambda: zoo.double_well(half_distance=-1), "half_distance: got -1"),
        (lambda: zoo.double_well(math.inf), "barrier: got inf"),
        (lambda: zoo.tilted_double_well(tilt=math.nan), "tilt: got nan; a finite number is needed"),
        (lambda: zoo.tilted_double_well(tilt=[1, 2]), "tilt: got"),
        (lambda: zoo.rugged_well(ripple=-0.1), "ripple: got -0.1; a finite number of at least 0"),
        (lambda: zoo.muller_brown(True), "scale: got True"),
        (lambda: zoo.ornstein_uhlenbeck([[1, 2], [2, 1]]), "stiffness: .* with the eigenvalue -1"),
        (lambda: zoo.ornstein_uhlenbeck([[1, 2], [0, 1]]), "stiffness: .* must be symmetric"),
        (lambda: zoo.ornstein_uhlenbeck([[1, 2]]), r"stiffness: got shape \(1, 2\)"),
        (lambda: zoo.ornstein_uhlenbeck("a"), "stiffness: got 'a'; finite numbers are needed"),
        (lambda: zoo.ornstein_uhlenbeck([]), r"stiffness: got \[\]"),
        (lambda: zoo.gaussian_mixture([[[0.0]]]), r"means: got shape \(1, 1, 1\)"),
        (
            lambda: zoo.gaussian_mixture([[0, 1], [2, 3]], np.eye(3)),
            r"covariance: got shape \(3, 3\); .* matrix \(2, 2\)",
        ),
        (lambda: zoo.gaussian_mixture([0, 1], np.ones((3, 1, 1))), "covariance: got 3 matrices for 2 components"),
        (lambda: zoo.gaussian_mixture([0, 1], weights=[1, -1]), "weights: got .* 2 positive numbers"),
        (lambda: zoo.gaussian_mixture([0, 1], weights=[1]), "weights: got .* 2 positive numbers"),
        (lambda: zoo.gaussian_mixture([0, 1], temperature=0), "temperature: got 0; a finite number above 0"),
        (lambda: zoo.lennard_jones_cluster(1), "n_atoms: got 1; a whole number from 2 to 64"),
        (lambda: zoo.lennard_jones_cluster(3, dim=4), "dim: got 4; a whole number from 1 to 3"),
        (lambda: zoo.lattice(2.5), "n_atoms: got 2.5"),
        (lambda: zoo.double_well(temperature=-1.0), "temperature: got -1.0"),
    ],
)
def test_bad_arguments_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        make()
