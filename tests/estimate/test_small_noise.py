"""The limit T → 0 against closed forms, independent integration, the Fokker–Planck equation and simulations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.linalg import expm, solve_continuous_lyapunov

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidExpression, MobilityNotPositive, NonFinite

Floats = NDArray[np.float64]
TIMES = np.array([0.0, 0.3, 1.0, 2.5])
EXACT = {"rtol": 1e-8, "atol": 1e-10}
"""Of comparisons: steps are made to 1e-10, and their errors add."""

B = np.array([[1.0, 0.8], [-0.5, 0.6]])
S = np.array([[1.0, 0.3], [0.3, 0.5]])
TURN = np.array([[0.0, 0.7], [-0.7, 0.0]])
FLAT = {"coordinates": ("x", "y"), "temperature": 0.3}
ROUND = {"coordinates": {"v": 2}, "temperature": 0.3}
LINEAR = {
    "names": (lk.System(mobility=S.tolist(), drift=["-(x + 0.8*y)", "0.5*x - 0.6*y"], **FLAT), B, S),
    "vector": (lk.System(mobility=S, drift="-B @ v", parameters={"B": B}, **ROUND), B, S),
    "antisymmetric": (lk.System(energy="x**2 + y**2/2", mobility=(S + TURN).tolist(), **FLAT),
                      (S + TURN) @ np.diag([2.0, 1.0]), S),
    "antisymmetric vector": (lk.System(energy="v @ v/2", mobility=S + TURN, **ROUND), S + TURN, S),
    "heavy ball": (lk.System(energy="x**2 + y**2/2", mobility=[[0, -1], [1, 0.4]], **FLAT),
                   np.array([[0.0, -1.0], [2.0, 0.4]]), np.diag([0.0, 0.4])),
    "low rank": (lk.System(energy="v @ v/2", mobility={"diagonal": 0.5, "factor": [[0.5], [1.0]]}, **ROUND),
                 np.array([[0.75, 0.5], [0.5, 1.5]]), np.array([[0.75, 0.5], [0.5, 1.5]])),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_of_a_linear_drift_it_is_lyapunovs_equation(name: str) -> None:
    """Σ = Σ_∞ + e^{−Bt} (Σ₀ − Σ_∞) e^{−Bᵀt}, and the mean is on the path; at two starts as at each of them."""
    system, B, S = LINEAR[name]
    starts, first = np.array([[1.0, -2.0], [0.5, 0.0]]), np.array([[0.4, 0.1], [0.1, 0.2]])
    found = lk.small_noise(system, starts, TIMES, covariance=first)
    rest = solve_continuous_lyapunov(B, 2 * S)
    for k, t in enumerate(TIMES):
        flow = expm(-B * t)
        np.testing.assert_allclose(found.path[k], flow @ starts, **EXACT)
        for r in range(2):
            np.testing.assert_allclose(found.covariance[k, ..., r], rest + flow @ (first - rest) @ flow.T, **EXACT)
    assert (found.mean_shift == 0).all()
    alone = lk.small_noise(system, starts[:, 1], TIMES, covariance=first)
    np.testing.assert_allclose(alone.covariance, found.covariance[..., 1], **EXACT)
    assert alone.covariance.dims == ("time", "component", "component_")


def test_of_geometric_noise() -> None:
    """dx = (a x + 2 T x) dt + √(2T) x dW: ⟨x⟩ = x₀ e^{(a + 2T)t}, ⟨x²⟩ = x₀² e^{(2a + 6T)t}."""
    system = lk.System(mobility="x**2", drift=["a*x"], temperature=1.0, parameters={"a": 7.0})
    found = lk.small_noise(system, [1.5], TIMES, parameters={"a": -0.4})
    path = 1.5 * np.exp(-0.4 * TIMES)
    np.testing.assert_allclose(found.path[:, 0], path, **EXACT)
    np.testing.assert_allclose(found.mean_shift[:, 0], 2 * TIMES * path, **EXACT)
    np.testing.assert_allclose(found.covariance[:, 0, 0], 2 * TIMES * path**2, **EXACT)
    np.testing.assert_allclose(lk.expected_slope(system, found, "x**2"), 6 * TIMES * path**2, **EXACT)
    one = lk.expected_slope(system, found.isel(time=2), "x**2")
    assert one.dims == ()
    assert float(one) == pytest.approx(6 * path[2] ** 2, rel=1e-8)
    weighed = lk.expected_slope(system, found, "a*x*t", parameters={"a": 2.0})
    np.testing.assert_allclose(weighed, 4 * TIMES**2 * path, **EXACT)


def test_of_the_exponential_of_a_linear_process() -> None:
    """x = e^z with dz = −z dt + √(2T) dW, by its own energy, K = x² and μ = 1/x: all three terms of the shift act."""
    system = lk.System(energy="log(x)**2/2", mobility="x**2", measure="1/x", temperature=0.2)
    found = lk.small_noise(system, [[0.5, 3.0]], TIMES)
    mean = np.exp(-TIMES)[:, None] * np.log([0.5, 3.0])
    variance = (1 - np.exp(-2 * TIMES))[:, None]
    x = np.exp(mean)
    np.testing.assert_allclose(found.path[:, 0], x, **EXACT)
    np.testing.assert_allclose(found.covariance[:, 0, 0], x**2 * variance, **EXACT)
    np.testing.assert_allclose(found.mean_shift[:, 0], x * variance / 2, **EXACT)
    np.testing.assert_allclose(lk.expected_slope(system, found, "log(x)"), 0 * mean, atol=1e-9)
    np.testing.assert_allclose(lk.expected_slope(system, found, "energy"), variance / 2 + 0 * mean, **EXACT)


def test_of_a_tensor_in_curved_coordinates() -> None:
    """w = b + a² of two linear processes has ⟨w⟩ = m_b + m_a² + T σ_a; K is full there and depends on the place."""
    flat = lk.System(energy="a**2/2 + b**2", mobility=[[1, 0], [0, 2]], temperature=1.0, coordinates=("a", "b"))
    bent = flat.transform({"x": "a", "w": "b + a**2"}, {"a": "x", "b": "w - x**2"})
    found = lk.small_noise(bent, [1.2, 0.4 + 1.2**2], TIMES)
    a, b = 1.2 * np.exp(-TIMES), 0.4 * np.exp(-4 * TIMES)
    own = np.zeros((len(TIMES), 2, 2))
    own[:, 0, 0], own[:, 1, 1] = 1 - np.exp(-2 * TIMES), (1 - np.exp(-8 * TIMES)) / 2
    slope = np.zeros_like(own)
    slope[:, 0, 0], slope[:, 1, 0], slope[:, 1, 1] = 1, 2 * a, 1
    np.testing.assert_allclose(found.path, np.stack([a, b + a**2], axis=1), **EXACT)
    np.testing.assert_allclose(found.covariance, slope @ own @ slope.swapaxes(1, 2), **EXACT)
    np.testing.assert_allclose(found.mean_shift, np.stack([0 * a, own[:, 0, 0]], axis=1), **EXACT)


WELL = lk.System(energy="x**4/4 - x**2/2 + 0.3*x", mobility="1 + 0.5*tanh(x)", temperature=0.1)


def test_what_is_left_out_is_of_second_order() -> None:
    """Mean and variance on Fokker–Planck grids, extrapolated to cells of no width, at three temperatures."""
    times, temperatures = [0.0, 1.0], np.array([0.02, 0.01, 0.005])
    limit = lk.small_noise(WELL, [-0.5], times, covariance=0.3)

    def moments(T: float, cells: int) -> Floats:
        grid, start = lk.Grid(x=lk.cells(-2.2, 0.8, cells)), lk.initial.gaussian([-0.5], 0.3 * T)
        system = replace(WELL, temperature=T)
        p = lk.fokker_planck.evolve(system, grid, initial=start, times=times, steps=100, method="sdirk2")[1]
        mass = p * grid.axes["x"].width
        mean = float((mass * p.x).sum())
        return np.array([mean, float((mass * (p.x - mean) ** 2).sum())])

    fine, coarse = (np.array([moments(T, cells) for T in temperatures]) for cells in (1200, 600))
    exact = fine + (fine - coarse) / 3
    x, variance, shift = (float(limit[name].squeeze()[1]) for name in ("path", "covariance", "mean_shift"))

    def orders(shift: float, variance: float) -> Floats:
        rest = exact - np.stack([x + temperatures * shift, temperatures * variance], axis=1)
        return np.log2(np.abs(rest[:-1] / rest[1:]))

    assert np.abs(orders(shift, variance) - 2).max() < 0.12
    # Negative controls: of a shift or a variance that is 5 % off the rest is of first order.
    assert (orders(0.95 * shift, 0.95 * variance)[-1] < 1.5).all()


N_UNITS = 3
RNG = np.random.default_rng(3)
WEIGHTS = {"V": RNG.normal(size=(N_UNITS, 5)), "W": 1.2 * RNG.normal(size=(5, N_UNITS)), "c": RNG.normal(size=5)}
NETWORK = lk.System(
    coordinates={"h": N_UNITS},
    drift="V @ tanh(W @ h + c) - h",
    mobility="0.5 + h**2/4",
    parameters=WEIGHTS,
    temperature=0.1,
)
START = np.array([0.5, -0.8, 0.2])


def network_by_hand(bend: float = 1.0, divergence: float = 1.0) -> Callable[[float, Floats], Floats]:
    """x, Σ and y of the network with derivatives written out, and factors of two terms of y."""
    V, W, c = WEIGHTS.values()
    n = N_UNITS

    def slope(t: float, flat: Floats) -> Floats:
        h, sigma, y = flat[:n], flat[n:-n].reshape(n, n), flat[-n:]
        a = np.tanh(W @ h + c)
        jacobian = V @ ((1 - a**2)[:, None] * W) - np.eye(n)
        second = V @ (-2 * a * (1 - a**2) * np.einsum("ij,jk,ik->i", W, sigma, W))
        spread = jacobian @ sigma + sigma @ jacobian.T + 2 * np.diag(0.5 + h**2 / 4)
        shift = jacobian @ y + bend * second / 2 + divergence * h / 2
        return np.concatenate([V @ a - h, spread.ravel(), shift])

    return slope


def by_hand(time: float, **factors: float) -> tuple[Floats, Floats]:
    """Σ and y of the network at a time, by another method of scipy."""
    begin = np.concatenate([START, np.zeros(N_UNITS**2 + N_UNITS)])
    found = solve_ivp(network_by_hand(**factors), (0, time), begin, "LSODA", rtol=1e-12, atol=1e-13).y[:, -1]
    return found[N_UNITS:-N_UNITS].reshape(N_UNITS, N_UNITS), found[-N_UNITS:]


def test_of_a_network_by_derivatives_written_out() -> None:
    found = lk.small_noise(NETWORK, START, TIMES)
    for k, t in enumerate(TIMES[1:], 1):
        sigma, y = by_hand(t)
        np.testing.assert_allclose(found.covariance[k], sigma, **EXACT)
        np.testing.assert_allclose(found.mean_shift[k], y, **EXACT)
    root = {"root": "sqrt(0.5 + h**2/4)*z", "divergence": "h/2"}
    rooted = lk.small_noise(replace(NETWORK, mobility=root), START, TIMES)
    np.testing.assert_allclose(rooted.mean_shift, found.mean_shift, **EXACT)
    np.testing.assert_allclose(rooted.covariance, found.covariance, **EXACT)
    w = np.array([1.0, -2.0, 0.5])
    scored = replace(NETWORK, parameters={**WEIGHTS, "w": w})
    p = 1 / (1 + np.exp(found.path.values @ w))
    variance = np.einsum("a,tab,b->t", w, found.covariance.values, w)
    slope = -p * (found.mean_shift.values @ w) + p * (1 - p) * variance / 2
    np.testing.assert_allclose(lk.expected_slope(scored, found, "log(1 + exp(-(w @ h)))"), slope, rtol=1e-12)


def test_second_derivatives_of_a_softmax() -> None:
    """Of logsumexp's gradient: p_i ((a_i − ⟨a⟩)² − Var a) along each direction, with the means over p."""
    X, root = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 4))
    system = lk.System(
        coordinates={"v": 4}, energy="v @ v/2 - logsumexp(3*X @ v)/3", parameters={"X": X}, temperature=0.1
    )
    x, y = RNG.normal(size=(4, 1)), RNG.normal(size=(4, 1))
    carried, shift = system.content.force_noise(x, (root @ root.T)[..., None], y, 0.0)
    p = np.exp(3 * X @ x - (3 * X @ x).max())
    p /= p.sum()
    a = 3 * X @ root
    mean = (p * a).sum(axis=0)
    bend = X.T @ (p * ((a - mean) ** 2 - (p * a**2).sum(axis=0) + mean**2))
    jacobian = -np.eye(4) + 3 * X.T @ (np.diag(p[:, 0]) - p @ p.T) @ X
    np.testing.assert_allclose(carried[..., 0], jacobian @ root @ root.T, rtol=1e-12)
    np.testing.assert_allclose(shift[:, 0], jacobian @ y[:, 0] + bend.sum(axis=1) / 2, rtol=1e-12)


def test_names_vectors_and_functions_agree() -> None:
    """One equation, with time and parameters, as text of coordinates, of two vectors, and as Python functions."""

    def energy(x: Any, y: Any, a: Any) -> Any:
        return x**4 / 4 + a * x * y + y * y

    names = {"coordinates": ("x", "y"), "temperature": 1.0, "parameters": {"a": 0.3}}
    text = lk.System(
        energy="x**4/4 + a*x*y + y**2", mobility=[["1 + x**2", 0], [0, 2]], drift=["y*cos(t)", "x**2"], **names
    )
    functions = lk.System(
        energy=energy,
        mobility=[[lambda x: 1 + x * x, 0.0], [0.0, 2.0]],
        drift=[lambda y, t: y * np.cos(t), lambda x: x * x],
        **names,
    )
    vectors = lk.System(
        coordinates={"x": 1, "y": 1},
        energy="sum(x**4)/4 + a*(x @ y) + y @ y",
        mobility={"x": "1 + x**2", "y": 2},
        drift={"x": "y*cos(t)", "y": "x**2"},
        temperature=1.0,
        parameters={"a": 0.3},
    )
    found = [lk.small_noise(system, [1.0, -0.5], TIMES[:3], covariance=0.2) for system in (text, functions, vectors)]
    for other in found[1:]:
        for name in ("path", "covariance", "mean_shift"):
            np.testing.assert_allclose(other[name], found[0][name], rtol=1e-9, atol=1e-12)
    slopes = [lk.expected_slope(s, found[0], f"tanh({z})") for s, z in
              ((text, "x*y + t"), (functions, "x*y + t"), (vectors, "x @ y + t"))]  # fmt: skip
    np.testing.assert_allclose(slopes[1:], [slopes[0]] * 2, rtol=1e-12)


@cache
def simulated(name: str, T: float) -> Floats:
    """Final positions (d, n) with the same noise at each temperature."""
    system, start = {"well": (WELL, [0.6]), "network": (NETWORK, START)}[name]
    ds = lk.simulate(
        replace(system, temperature=T), initial=lk.initial.point(start), n_particles=10_000 if T else 1, rng=11,
        time_step=1 / 2048, n_steps=2048, save_every=2048, save_positions=True,
    )  # fmt: skip
    return np.asarray(ds.position[-1])


def estimated(name: str) -> tuple[Floats, Floats, Floats, Floats]:
    """y and its standard error, from runs at T and 4T whose terms of order √T cancel; Σ and the variances' errors."""
    T = 1e-4
    rest, low, high = (simulated(name, each) for each in (0.0, T, 4 * T))
    shift = (high - 2 * low + rest) / (2 * T)
    n = shift.shape[1]
    covariance = np.atleast_2d(np.cov(low)) / T
    variance = covariance.diagonal()
    spread = np.sqrt((covariance**2 + np.outer(variance, variance)) / n)
    return shift.mean(axis=1), shift.std(axis=1) / np.sqrt(n), covariance, spread


@pytest.mark.parametrize("name", ["well", "network"])
def test_simulations_with_common_noise(name: str) -> None:
    """|z| < 4.4, in 1 of 90 000; the time step's own error is below 0.3 of a standard error."""
    system, start = {"well": (WELL, [0.6]), "network": (NETWORK, START)}[name]
    found = lk.small_noise(system, start, [0.0, 1.0]).isel(time=1)
    y, error, covariance, spread = estimated(name)
    assert np.abs((y - found.mean_shift.values) / error).max() < 4.4
    assert np.abs((covariance - found.covariance.values) / spread).max() < 4.4
    if name == "network":  # negative controls: without f'', and without ∇·K
        for slip in ({"bend": 0.0}, {"divergence": 0.0}):
            assert np.abs((y - by_hand(1.0, **slip)[1]) / error).max() > 10


def test_what_the_dataset_says() -> None:
    units = {"x": "nm", "energy": "kT", "time": "us"}
    system = lk.System(energy="x**2/2", temperature=1.0, units=units)
    found = lk.small_noise(system, [1.0], [0.5])
    assert [found[name].attrs["units"] for name in found] == ["nm", "nm**2/kT", "nm/kT"]
    assert found.path.dims == ("time", "component")
    assert found.time.attrs["units"] == "us"
    assert float(found.path[0, 0]) == 1.0
    assert all(found[name].attrs["long_name"] for name in found)
    assert "units" not in lk.expected_slope(system, found, "x").attrs


def test_walls_that_are_not_met() -> None:
    ring = lk.System(energy="sin(x)", drift=[3.0], temperature=1.0, walls={"x": lk.periodic(0, 2 * np.pi)})
    assert float(lk.small_noise(ring, [6.0], [0.0, 2.0]).path[1, 0]) > 2 * np.pi
    box = lk.System(mobility="(1 - y**2)", energy="-y/2", coordinates="y", temperature=1.0,
                    walls={"y": lk.reflecting(-1, 1)})  # fmt: skip
    assert lk.small_noise(box, [0.0], [0.0, 30.0]).path[1, 0] == pytest.approx(1, abs=1e-10)


def _bad(**changes: Any) -> lk.System:
    return lk.System(**{"energy": "x**2/2", "temperature": 1.0, **changes})


@pytest.mark.parametrize(
    ("system", "x0", "message"),
    [
        (_bad(walls={"x": lk.absorbing(0.5)}), [1.0], "meets that of 'x' at t = 0.69"),
        (_bad(walls={"x": lk.reflecting(1.0, 2.0)}), [1.0], "at t = 0;"),
        (_bad(energy="abs(x)"), [1.0], "kink or a jump"),
        (_bad(mobility="1 + (x > 0)"), [1.0], "kink or a jump"),
        (_bad(drift=["sign(x)"]), [1.0], "kink or a jump"),
        (_bad(mobility="ensemble covariance"), [1.0], "ensemble's covariance"),
        (lk.System(coordinates={"v": 2}, drift="leaky_relu(v, 0.1)", temperature=1.0), [1.0, 2.0], "kink or a jump"),
        (lk.System(coordinates={"v": 2}, energy="v @ v", retraction={"v": "v/sqrt(v @ v)"}, temperature=1.0,
                   mobility={"root": "z - v*(v @ z)", "divergence": "-v"}), [1.0, 0.0], "retraction"),
        (lk.SpinSystem(couplings=[[0, 1], [1, 0]], temperature=1.0), [1.0, 1.0], "SpinSystem"),
        (_bad(), [[1.0], [2.0]], r"x0: got shape \(2, 1\)"),
    ],
)  # fmt: skip
def test_refusals(system: Any, x0: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        lk.small_noise(system, x0, [0.0, 1.0])


def test_other_refusals() -> None:
    system = _bad(parameters={"a": 1.0})
    narrow = _bad(energy=0, drift=["1"], mobility="2 - x")
    skewed = lk.System(mobility=[[1, "x"], ["x", 1]], drift=["1", "0"], coordinates=("x", "y"), temperature=1.0)
    for bad, x0 in ((narrow, [1.0]), (skewed, [0.0, 0.0])):
        with pytest.raises(MobilityNotPositive, match="eigenvalue -1 on the path at t = 2"):
            lk.small_noise(bad, x0, [0.0, 2.0])
    with pytest.raises(NonFinite, match="becomes infinite"):
        lk.small_noise(_bad(energy="-x**4"), [1.0], [0.0, 1.0])
    with pytest.raises(NonFinite, match="at t = 0"):
        lk.small_noise(_bad(energy="log(x)**2"), [-1.0], [0.0, 1.0])
    with pytest.raises(InvalidArgument, match="parameters: 'b' is none"):
        lk.small_noise(system, [1.0], [0.0, 1.0], parameters={"b": 1.0})
    with pytest.raises(InvalidArgument, match="increasing"):
        lk.small_noise(system, [1.0], [1.0, 0.0])
    with pytest.raises(InvalidArgument, match="rtol"):
        lk.small_noise(system, [1.0], [0.0, 1.0], rtol=0)
    with pytest.raises(InvalidArgument, match="negative eigenvalue"):
        lk.small_noise(system, [1.0], [0.0, 1.0], covariance=-1.0)
    found = lk.small_noise(system, [1.0], [0.0, 1.0])
    with pytest.raises(InvalidArgument, match="may jump"):
        lk.expected_slope(system, found, "x > 0")
    with pytest.raises(InvalidExpression, match="unknown name"):
        lk.expected_slope(system, found, "y")
    for other in (found[["path"]], found.isel(time=0, drop=True)):
        with pytest.raises(InvalidArgument, match="expansion"):
            lk.expected_slope(system, other, "x")
