"""The Hopfield model in replica symmetry: equations, limits, and numbers of Amit, Gutfreund & Sompolinsky."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import (
    ReplicaSymmetric,
    almeida_thouless_temperature,
    coexistence_temperature,
    critical_load,
    replica_symmetric,
    retrieval_temperature,
    spin_glass_temperature,
)
from langevin_kit.networks._branches import LIMIT, SLOPE, retrieval_point, rise, spinodal
from langevin_kit.networks._lines import COEXISTENCE
from langevin_kit.networks._nodes import STEP, nodes

POINTS = [(0.05, 0.2), (0.1, 0.2), (0.02, 0.7), (0.13, 0.05), (0.05, 0.01), (0.1, 0.01)]
GLASSES = [(0.05, 0.2), (0.05, 0.9), (0.5, 0.3), (0.5, 1.5), (0.1, 0.01)]


def gauss(function: Any, panels: int = 3000) -> Any:
    """∫Dz by 8-point Gauss–Legendre on panels of 0.006, fine enough for T = 0.01: a rule unlike the package's."""
    x, w = np.polynomial.legendre.leggauss(8)
    edge = np.linspace(-9, 9, panels + 1)
    half = 9 / panels
    z = (edge[:-1, None] + half * (1 + x)).ravel()
    return np.tile(w * half, panels) @ (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * function(z))


def free_energy(m: Any, q: Any, r: Any, a: float, T: Any) -> Any:
    """As printed by Amit, Gutfreund & Sompolinsky, for real and complex arguments."""

    def log2cosh(u: Any) -> Any:
        s = np.where(u.real < 0, -u, u)
        return s + np.log(1 + np.exp(-2 * s))

    C = (1 - q) / T
    entropy = gauss(lambda z: log2cosh((m + np.sqrt(a * r) * z) / T))
    return a / 2 + m * m / 2 + a * T / 2 * (np.log(1 - C) - q / T / (1 - C)) + a * r * C / 2 - T * entropy


def residuals(s: ReplicaSymmetric) -> np.ndarray:
    m, q, r, a, T = s.m, s.q, s.r, s.load, s.temperature
    tanh = [gauss(lambda z, n=n: np.tanh((m + np.sqrt(a * r) * z) / T) ** n) for n in (1, 2)]
    return np.array([m - tanh[0], q - tanh[1], r * (1 - (1 - q) / T) ** 2 - q])


@pytest.mark.parametrize(("load", "temperature"), POINTS)
def test_retrieval_states_solve_the_equations(load: float, temperature: float) -> None:
    found = replica_symmetric(load, temperature)
    assert found.m > 0.6
    assert np.abs(residuals(found)).max() < 1e-13  # the round-off of (1 − q)/T


@pytest.mark.parametrize(("load", "temperature"), GLASSES)
def test_spin_glasses_solve_the_equations(load: float, temperature: float) -> None:
    found = replica_symmetric(load, temperature, overlap="spin glass")
    assert found.m == 0
    assert found.q > 0
    assert np.abs(residuals(found)).max() < 1e-13  # the round-off of (1 − q)/T
    assert found.replicon < 0


@pytest.mark.parametrize("signal", [0.0, 0.1, 0.4, 0.8, 0.86, 3.0])
@pytest.mark.parametrize("temperature", [2.0, 0.5, 0.01, 1e-4, 1e-9])
def test_half_the_distance_of_nodes_changes_no_average(signal: float, temperature: float) -> None:
    """And a coarse rule does: the test can fail."""

    def averages(step: float) -> np.ndarray:
        field, z, weight = nodes(signal, 0.1, temperature, step)
        tanh, width = np.tanh(field / temperature), min(1.0, temperature / 0.1)
        sech2 = 1 / np.cosh(np.clip(field / temperature, -300, 300)) ** 2
        return np.array([weight.sum(), weight @ tanh, weight @ tanh**2, weight @ sech2 / width, weight @ (z * sech2)])

    fine = averages(STEP / 2)
    assert np.abs(averages(STEP) - fine).max() < 1e-14
    assert np.abs(averages(8 * STEP) - fine).max() > 1e-10


@pytest.mark.parametrize("temperature", [0.01, 0.001])
def test_averages_against_arithmetic_of_many_digits(temperature: float) -> None:
    mp = pytest.importorskip("mpmath")
    m, s = 0.97, 0.45
    field, _, weight = nodes(m, s, temperature)
    with mp.workdps(25):
        kink, wide = mp.mpf(-m) / mp.mpf(s), 40 * temperature / s
        ends = [-12, *(kink + k * wide for k in (-1, -0.25, 0, 0.25, 1)), 0, 12]
        for n in (1, 2):
            exact = mp.quad(lambda z, n=n: mp.npdf(z) * mp.tanh((mp.mpf(m) + mp.mpf(s) * z) / temperature) ** n, ends)
            assert abs(float(weight @ np.tanh(field / temperature) ** n) - float(exact)) < 1e-14


@pytest.mark.parametrize("overlap", ["retrieval", "spin glass"])
@pytest.mark.parametrize(("load", "temperature"), [(0.05, 0.2), (0.1, 0.2), (0.02, 0.7)])
def test_the_free_energy_is_stationary_and_its_slope_is_the_entropy(
    load: float, temperature: float, overlap: Any
) -> None:
    """Complex steps in m, q, r and T of the printed functional."""
    s = replica_symmetric(load, temperature, overlap=overlap)
    at = [s.m, s.q, s.r, load, temperature]
    assert s.free_energy == pytest.approx(free_energy(*at), abs=1e-14)
    assert s.free_energy == s.energy - temperature * s.entropy
    slope = [free_energy(*[x + (1e-30j if k == n else 0) for k, x in enumerate(at)]).imag / 1e-30 for n in (0, 1, 2, 4)]
    scale = [1, load * s.r / temperature, load, 1]
    np.testing.assert_allclose(np.array(slope) / scale, np.array([0, 0, 0, -s.entropy]) / scale, atol=3e-14)
    off = free_energy(s.m + 0.01 + 1e-30j, *at[1:]).imag / 1e-30
    assert abs(off) > 1e-4


@pytest.mark.parametrize("overlap", ["retrieval", "spin glass"])
@pytest.mark.parametrize("temperature", [0.01, 0.2, 0.5])
def test_the_entropy_is_the_slope_along_the_solutions(temperature: float, overlap: Any) -> None:
    h = 0.002 * min(1, temperature / 0.1)
    f = {k: replica_symmetric(0.04, temperature + k * h, overlap=overlap).free_energy for k in (-2, -1, 1, 2)}
    slope = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * h)
    assert -slope == pytest.approx(replica_symmetric(0.04, temperature, overlap=overlap).entropy, abs=1e-8)


@pytest.mark.parametrize(
    ("load", "temperature", "m"),
    [(0.05, 0.2, 0.9989), (0.05, 0.4, 0.9662), (0.02, 0.7, 0.7473), (0.10, 0.2, 0.9891), (0.10, 0.0, 0.9980)],
)
def test_overlaps(load: float, temperature: float, m: float) -> None:
    assert replica_symmetric(load, temperature).m == pytest.approx(m, abs=5.1e-5)


@pytest.mark.parametrize(
    ("temperature", "load", "digits"),
    [(0.0, 0.1379056, 7), (0.2, 0.1226, 4), (0.4, 0.0810, 4), (0.6, 0.0388, 4), (0.8, 0.0101, 4), (1.0, 0.0, 16)],
)
def test_critical_loads(temperature: float, load: float, digits: int) -> None:
    assert critical_load(temperature) == pytest.approx(load, abs=0.51 * 10.0**-digits)


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 0.01, 0.2, 0.6, 0.95])
def test_beyond_the_spinodal_m_is_0(temperature: float) -> None:
    load = critical_load(temperature)
    assert replica_symmetric(load * (1 - 1e-9), temperature).m > 0.2
    above = replica_symmetric(load * (1 + 1e-9), temperature)
    assert above.m == 0
    assert above == replica_symmetric(load * (1 + 1e-9), temperature, overlap="spin glass")


@pytest.mark.parametrize("temperature", [0.1, 0.2, 0.6, 0.95])
def test_at_the_spinodal_the_jacobian_is_singular(temperature: float) -> None:
    """Of the three equations in m, q, r, by complex steps; at nine tenths of the load it is not."""

    def determinant(m: float, q: float, r: float, load: float) -> float:
        def equations(x: np.ndarray) -> np.ndarray:
            tanh = [gauss(lambda z, n=n: np.tanh((x[0] + np.sqrt(load * x[2]) * z) / temperature) ** n) for n in (1, 2)]
            return np.array([x[0] - tanh[0], x[1] - tanh[1], x[2] - x[1] / (1 - (1 - x[1]) / temperature) ** 2])

        rows = [equations(np.array([m, q, r]) + step).imag / 1e-30 for step in 1e-30j * np.eye(3)]
        return float(np.linalg.det(np.stack(rows)))

    load = critical_load(temperature)
    point, _ = retrieval_point(spinodal(temperature)[0], temperature)
    q = 1 - temperature * point.susceptibility
    assert abs(determinant(point.overlap, q, point.noise**2 / load, load)) < 1e-9
    inside = replica_symmetric(0.9 * load, temperature)
    assert determinant(inside.m, inside.q, inside.r, 0.9 * load) > 1e-3


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_along_the_branch_the_root_of_the_load_is_concave_up_to_its_one_maximum(temperature: float) -> None:
    ratios = np.linspace(0.02, 0.6, 30)
    rises = np.array([rise(x, temperature) for x in ratios])
    assert (np.diff(np.sign(rises)) != 0).sum() == 1
    assert (np.diff(rises[rises > 0]) < 1e-9 * rises[0]).all()
    h = 1e-3
    roots = {k: np.array([retrieval_point(x + k * h, temperature)[1] for x in ratios[5:]]) for k in (-2, -1, 1, 2)}
    slopes = (8 * (roots[1] - roots[-1]) - (roots[2] - roots[-2])) / (12 * h)
    np.testing.assert_allclose(rises[5:], slopes, atol=2e-8 * np.abs(slopes).max())


def test_the_critical_state_at_zero_temperature() -> None:
    """y(√(2α) + (2/√π) e^{−y²}) = erf y."""
    from scipy.special import erf

    load = critical_load(0.0)
    s = replica_symmetric(load, 0.0)
    assert s.m == pytest.approx(0.9674, abs=2e-4)
    assert s.entropy == pytest.approx(-0.0014, abs=5e-5)
    assert replica_symmetric(load, 0.0, overlap="spin glass").entropy == pytest.approx(-0.07, abs=5e-3)
    for a in (0.02, 0.05, 0.1, load):
        s = replica_symmetric(a, 0.0)
        y = s.m / np.sqrt(2 * a * s.r)
        assert y * (np.sqrt(2 * a) + 2 / np.sqrt(np.pi) * np.exp(-(y**2))) == pytest.approx(erf(y), abs=1e-14)
        assert s.m == pytest.approx(erf(y), abs=1e-15)
        assert s.susceptibility == pytest.approx(np.sqrt(2 / (np.pi * a * s.r)) * np.exp(-(y**2)), abs=1e-15)
        assert s.energy == pytest.approx(a / 2 * (1 - s.r) - s.m**2 / 2, abs=1e-15)
        assert s.free_energy == s.energy


@pytest.mark.parametrize("overlap", ["retrieval", "spin glass"])
def test_low_temperatures_join_those_of_zero(overlap: Any) -> None:
    """The energy rises as T², all else is linear in T at most: e is 10⁻¹⁴ off at 10⁻⁷ and m 10⁻⁷."""
    zero = replica_symmetric(0.1, 0.0, overlap=overlap)
    for T in (1e-3, 1e-5, 1e-7, 1e-100):
        cold = replica_symmetric(0.1, T, overlap=overlap)
        for name in ("m", "q", "r", "susceptibility", "entropy"):
            assert getattr(cold, name) == pytest.approx(getattr(zero, name), abs=10 * T + 1e-14)
        assert cold.energy == pytest.approx(zero.energy, abs=3 * T**2 + 1e-15)


def test_without_load_it_is_the_curie_weiss_magnet() -> None:
    for T in (0.1, 0.5, 0.9, 0.99):
        s = replica_symmetric(0.0, T)
        assert s.m > 0
        assert s.m == pytest.approx(np.tanh(s.m / T), abs=1e-15)
        assert s.free_energy == pytest.approx(s.m**2 / 2 - T * np.log(2 * np.cosh(s.m / T)), abs=1e-15)
        assert replica_symmetric(1e-14, T).m == pytest.approx(s.m, abs=1e-7 / (1 - T))
    assert replica_symmetric(0.0, 1.0).m == 0
    assert replica_symmetric(0.0, 0.0).m == 1


def test_next_to_t_1() -> None:
    """Third order in m: √α/(1 − T) = 2κ/((1 + 3κ²) √(1 + κ²)), largest at κ² = (√33 − 3)/12."""
    k = np.linspace(0.3, 0.7, 4001)
    found = (2 * k / ((1 + 3 * k**2) * np.sqrt(1 + k**2))).max()
    assert found == pytest.approx(SLOPE, abs=1e-8)
    for e in (1e-4, 1e-6, 1e-7):
        ratio, root = spinodal(1 - e)
        assert ratio == pytest.approx(LIMIT, abs=1e-6 + e)
        assert root == pytest.approx(SLOPE * e, rel=0.2 * e + 1e-7)
    assert retrieval_temperature(1e-12) == pytest.approx(1 - 1e-6 / SLOPE, abs=1e-11)
    assert retrieval_temperature(0.0) == coexistence_temperature(0.0) == spin_glass_temperature(0.0) == 1
    roots = np.arange(1, 9) * 1e-3
    slopes = [(coexistence_temperature(x**2) - 1) / x for x in roots]
    first, second = np.polynomial.polynomial.polyfit(roots, slopes, 5)[:2]
    assert (first, second) == (pytest.approx(COEXISTENCE[1], abs=3e-8), pytest.approx(COEXISTENCE[2], abs=3e-5))
    assert coexistence_temperature(0.99e-11) == pytest.approx(coexistence_temperature(1.01e-11), abs=1e-7)


@pytest.mark.parametrize("load", [1e-6, 0.01, 0.05, 0.1, 0.13, 0.1379, 0.13815])
def test_the_retrieval_temperature_is_the_inverse_of_the_critical_load(load: float) -> None:
    assert critical_load(retrieval_temperature(load)) == pytest.approx(load, rel=1e-11)


def test_the_spinodal_turns_back_at_low_temperature() -> None:
    loads = np.array([critical_load(t) for t in (0.0, 0.01, 0.0228735497, 0.03, 0.05)])
    assert loads.argmax() == 2
    assert loads[2] == pytest.approx(0.138188511, abs=1e-9)
    assert replica_symmetric(0.138, 0.0).m == 0 < replica_symmetric(0.138, 0.02).m
    assert retrieval_temperature(0.1382) == almeida_thouless_temperature(0.1382) == coexistence_temperature(0.1382) == 0


def test_spins_freeze_at_the_spin_glass_temperature() -> None:
    for load in (0.01, 0.5, 4.0):
        T = spin_glass_temperature(load)
        assert pytest.approx(1 + load**0.5, abs=0) == T
        assert replica_symmetric(load, T + 1e-9).q == 0
        near = [replica_symmetric(load, T - e).q / e for e in (1e-4, 1e-5, 1e-6)]
        assert near[0] == pytest.approx(near[2], rel=1e-2)
        hot = replica_symmetric(load, T * 1.5)
        assert hot.energy == pytest.approx(-load / (2 * (1.5 * T - 1)))
        assert hot.replicon == pytest.approx(1 - load / (1.5 * T - 1) ** 2)


@pytest.mark.parametrize("load", [1e-8, 1e-4, 0.01, 0.03, 0.05, 0.0530])
def test_free_energies_are_equal_at_coexistence(load: float) -> None:
    T = coexistence_temperature(load)
    assert 0 < T < retrieval_temperature(load)
    gap = [
        replica_symmetric(load, t).free_energy - replica_symmetric(load, t, overlap="spin glass").free_energy
        for t in (T, T - 0.02 * (1 - T), T + 0.02 * (1 - T))
    ]
    assert abs(gap[0]) < 1e-14
    assert gap[1] < 0 < gap[2]


def test_coexistence_at_zero_temperature() -> None:
    """M = 1 but for 10⁻⁵, so √α = (1 − 2/π)/√(8/π)."""
    load = ((1 - 2 / np.pi) / np.sqrt(8 / np.pi)) ** 2
    assert load == pytest.approx(0.051, abs=1e-3)
    gap = {
        a: replica_symmetric(a, 0.0).energy - replica_symmetric(a, 0.0, overlap="spin glass").energy
        for a in (load - 1e-5, load + 1e-5)
    }
    below, above = gap.values()
    assert below < 0 < above
    assert coexistence_temperature(0.0532) == 0
    assert coexistence_temperature(0.0531) > 0.085


@pytest.mark.parametrize("load", [0.05, 0.08, 0.1, 0.12, 0.138, 0.13815])
def test_the_replicon_is_0_on_the_almeida_thouless_line(load: float) -> None:
    T = almeida_thouless_temperature(load)
    s, above = replica_symmetric(load, T), replica_symmetric(load, 1.02 * T)
    m, noise = s.m, np.sqrt(load * s.r)
    assert abs(s.replicon) < 1e-10
    assert above.replicon > 0 > replica_symmetric(load, 0.98 * T).replicon
    if T > 1e-3:
        integral = gauss(lambda z: np.cosh(np.clip((m + noise * z) / T, -300, 300)) ** -4.0, panels=20_000)
        assert load / (T * (1 - (1 - s.q) / T)) ** 2 * integral == pytest.approx(1, abs=1e-9)


def test_the_almeida_thouless_line_of_small_loads() -> None:
    """√(8α/9π) e^{−1/2α} is right for α → 0 and too small by 1.28, 1.75 and 4.06 at 0.1, 0.12 and 0.1379."""

    def limit(a: float) -> float:
        return float(np.sqrt(8 * a / (9 * np.pi)) * np.exp(-1 / (2 * a)))

    def first(a: float) -> float:
        s = replica_symmetric(a, 0.0)
        return float(4 / 3 * np.sqrt(a * s.r / (2 * np.pi)) * np.exp(-(s.m**2) / (2 * a * s.r)))

    for a, factor, rel in [
        (0.01, 1.0, 1e-12),
        (0.03, 1.0, 1e-5),
        (0.05, 1.0, 0.004),
        (0.1, 1.28, 0.003),
        (0.12, 1.746, 1e-3),
    ]:
        assert almeida_thouless_temperature(a) == pytest.approx(factor * limit(a), rel=rel)
    assert almeida_thouless_temperature(0.1379) == pytest.approx(4.06 * limit(0.1379), rel=1e-3)
    for a, rel in [(0.035, 1e-9), (0.05, 1e-8), (0.1, 1.3e-4), (0.12, 1.1e-3)]:
        assert almeida_thouless_temperature(a) == pytest.approx(first(a), rel=rel)


def test_where_the_almeida_thouless_line_ends() -> None:
    """On the spinodal, at 0.138186: the capacity that Steffan & Kühn (1994) find with one step of symmetry breaking."""
    assert almeida_thouless_temperature(0.1381855) < retrieval_temperature(0.1381855)
    assert almeida_thouless_temperature(0.1381865) == retrieval_temperature(0.1381865)


@pytest.mark.parametrize("bad", [-1, -1e-300, np.nan, np.inf, "much", None])
def test_what_is_no_load_or_temperature_is_refused(bad: Any) -> None:
    for call in (
        lambda: replica_symmetric(bad, 0.1),
        lambda: replica_symmetric(0.1, bad),
        lambda: critical_load(bad),
        lambda: retrieval_temperature(bad),
        lambda: spin_glass_temperature(bad),
        lambda: coexistence_temperature(bad),
        lambda: almeida_thouless_temperature(bad),
    ):
        with pytest.raises(InvalidArgument, match=r"(load|temperature): got .*; a number ≥ 0 is needed\."):
            call()


def test_which_overlaps_there_are() -> None:
    with pytest.raises(InvalidArgument, match=r"overlap: got 'spin-glass'; did you mean 'spin glass'\?"):
        replica_symmetric(0.1, 0.1, overlap="spin-glass")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"load: got 0; a spin glass needs a number > 0\."):
        replica_symmetric(0.0, 0.1, overlap="spin glass")


@pytest.mark.parametrize("load", [1e-300, 1e-12, 0.05, 100.0, 1e6])
@pytest.mark.parametrize("temperature", [0.0, 1e-300, 1e-20, 0.5, 1 - 1e-14, 1.0, 1.05, 1e6])
def test_extreme_loads_and_temperatures(load: float, temperature: float) -> None:
    for overlap in ("retrieval", "spin glass"):
        s = replica_symmetric(load, temperature, overlap=overlap)  # type: ignore[arg-type]
        assert 0 <= s.m <= 1
        assert 0 <= s.q <= 1 + 3e-15
        assert np.isfinite([s.r, s.free_energy, s.energy, s.entropy]).all()
