"""Slopes of places of rest: against Newton's method in complex numbers, relaxed adjoints, and long paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument, NotContracting
from langevin_kit.learn import DiscreteAdjoint, EquilibriumAdjoint, FixedSteps, Gradient, Loss
from langevin_kit.system.dense.field import field_of

STEP = 1e-30
RNG = np.random.default_rng(0)
TIMES = [0.0, 1.0]
N = 7


def tanh_network(d: int = 5, seed: int = 0, size: float = 0.9) -> lk.System:
    rng = np.random.default_rng(seed)
    W = size * rng.normal(size=(d, d)) / np.sqrt(d)
    return lk.System(
        coordinates={"x": d},
        drift="-x + tanh(W @ x + b)",
        temperature=0.0,
        parameters={"W": W, "b": rng.normal(size=d)},
    )


def symmetric(d: int, size: float, seed: int = 1) -> np.ndarray:
    W = np.random.default_rng(seed).normal(size=(d, d)) * size / np.sqrt(d)
    return (W + W.T) / 2


SYSTEMS = {
    "tanh": tanh_network(),
    "hopfield": networks.continuous(symmetric(4, 2.0), [0.3, -0.2, 0.1, 0.4], "algebraic", time_scale=0.5),
    "outputs": networks.continuous_outputs(symmetric(4, 0.8), [0.3, -0.2, 0.1, 0.4], temperature=0.0),
    "clamped": networks.bipartite(
        RNG.normal(size=(3, 2)), "tanh", "leaky_hardtanh", temperature=0.0, hidden_inputs=0.2, clamped="v"
    ),
    "associative": networks.associative_memory(0.5 * RNG.normal(size=(3, 4)), "softplus", inputs=0.2),
    "modern": replace(networks.modern(0.5 * RNG.normal(size=(3, 4)), 1.5).system, temperature=0.0),
    "rotating": lk.System(
        coordinates={"x": 2},
        energy="x @ (A @ x)/2 + sum(exp(x))",
        mobility="K",
        temperature=0.0,
        parameters={"A": [[2.0, 0.5], [0.5, 1.0]], "K": [[1.0, -2.0], [2.0, 0.5]]},
    ),
}


def starts(system: lk.System, n: int = N) -> np.ndarray:
    return 0.8 * np.random.default_rng(3).uniform(-1, 1, size=(n, system.n_dim))


def squares(system: lk.System, n: int = N) -> Any:
    """The mean of Σ (x − y)² c/2, c a parameter of the loss's own."""
    vectors = system.coordinates.vector  # type: ignore[union-attr]
    text = " + ".join(f"c*sum(({v} - y_{v})**2)/2" for v in vectors)
    targets = {f"y_{v}": RNG.normal(size=(n, m)) for v, m in vectors.items()}
    loss = Loss(text, targets={f"y_{v}": m for v, m in vectors.items()}, parameters={"c": 0.7})
    return loss.of(system, **targets)


def newton(
    system: lk.System, found: Gradient, objective: Any, of: str, index: tuple[int, ...], moving: np.ndarray
) -> float:
    """∂L/∂θ by Newton's method in complex numbers, with θ a parameter of that name or where a particle begins."""
    x = found.states[0].T
    values = {name: np.asarray(value, complex) for name, value in system.parameters.items()}
    z = x.astype(complex)
    if of == "initial":
        z[index[1], index[0]] += 1j * STEP
    else:
        values[of][index] += 1j * STEP
    field, J = field_of(system.content.derived, noisy=False), system.drift_jacobian(x)[np.ix_(moving, moving)]
    for _ in range(4):
        f = field.velocity_at(z, 0.0, values)[moving]
        z[moving] -= np.linalg.solve(np.moveaxis(J, -1, 0), f.T[:, :, None])[:, :, 0].T
    return float(objective.value(np.ones(1), z[None]).imag / STEP)


@pytest.mark.claim("E02")
@pytest.mark.parametrize("longest_dense", [48, 0])
@pytest.mark.parametrize("name", SYSTEMS)
def test_slopes_are_those_of_complex_newton(name: str, longest_dense: int) -> None:
    """To 1e-12 of the largest, of all parameters and all starts, with Jacobians and by GMRES; at rest to 1e-14.

    Starts have slopes where components are clamped alone.
    """
    system = SYSTEMS[name]
    objective = squares(system)
    initial = starts(system)
    found = EquilibriumAdjoint(longest_dense=longest_dense).gradient(system, initial, TIMES, objective)
    clamped = np.isin(range(system.n_dim), range(3) if name == "clamped" else [])
    assert np.abs(system.force_at(found.states[0].T)).max() < 1e-14
    assert found.loss == pytest.approx(objective.value(np.ones(1), found.states[:1].swapaxes(1, 2)), rel=1e-15)
    np.testing.assert_array_equal(found.states[0][:, clamped], initial[:, clamped])
    np.testing.assert_array_equal(found.initial[:, ~clamped], 0)
    assert set(found.parameters) >= {"A", "K"} if name == "rotating" else found.parameters
    for of, value in {**found.parameters, "initial": found.initial}.items():
        stepped = np.reshape(
            [newton(system, found, objective, of, index, ~clamped) for index in np.ndindex(value.shape)], value.shape
        )
        assert np.abs(value - stepped).max() <= 1e-12 * max(1e-3, np.abs(stepped).max()), of
    assert (np.abs(found.initial).max() > 0.1) == clamped.any()
    assert found.objective["c"] == pytest.approx(found.loss / 0.7, rel=1e-14)


def test_the_formula_of_tanh_units() -> None:
    """∂L/∂W = Σ u xᵀ with (1 − Wᵀ D) … by hand, D = diag(1 − x²): the package has no part in the reference."""
    system = SYSTEMS["tanh"]
    W, y = np.asarray(system.parameters["W"]), RNG.normal(size=(N, 5))
    objective = Loss("sum((x - y)**2)/2", targets={"y": 5}).of(system, y=y)
    found = EquilibriumAdjoint().gradient(system, starts(system), TIMES, objective)
    of_W, of_b = np.zeros((5, 5)), np.zeros(5)
    for x, target in zip(found.states[0], y, strict=True):
        D = np.diag(1 - x**2)
        u = D @ np.linalg.solve(np.eye(5) - W.T @ D, (x - target) / N)
        of_W, of_b = of_W + np.outer(u, x), of_b + u
    np.testing.assert_allclose(found.parameters["W"], of_W, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.parameters["b"], of_b, rtol=1e-12, atol=1e-15)


def test_an_adjoint_that_relaxes_gives_the_same() -> None:
    """dy/dt = Jᵀy − ∂L/∂x comes to rest in y, with −y·∂f/∂θ the slope: 1e-10. With J in Jᵀ's place it does not."""
    system = SYSTEMS["tanh"]
    objective = squares(system)
    found = EquilibriumAdjoint().gradient(system, starts(system), TIMES, objective)
    x = found.states[0].T
    slope = objective.slopes(np.ones(1), x[None])[1][0]
    field, values = field_of(system.content.derived, noisy=False), dict(system.content.derived.parameters)
    J = system.drift_jacobian(x)

    def relaxed(transposed: str) -> np.ndarray:
        def rate(t: float, y: np.ndarray) -> np.ndarray:
            return (np.einsum(f"{transposed}n,bn->an", J, y.reshape(x.shape)) - slope).ravel()

        end = solve_ivp(rate, (0, 400), np.zeros(x.size), rtol=1e-12, atol=1e-14, method="DOP853").y[:, -1]
        return field.pullback_at(x, 0.0, values, -end.reshape(x.shape), ["W"])[1]["W"]

    scale = np.abs(found.parameters["W"]).max()
    assert np.abs(relaxed("ba") - found.parameters["W"]).max() < 1e-10 * scale
    assert np.abs(relaxed("ab") - found.parameters["W"]).max() > 1e-2 * scale


@pytest.mark.parametrize("name", ["tanh", "hopfield"])
def test_long_paths_have_the_same_slopes(name: str) -> None:
    """The discrete adjoint of 60 time units gives the loss, and slopes in parameters, to 1e-9; and none in starts."""
    system = SYSTEMS[name]
    objective = squares(system)
    about: Any = (system, starts(system), [0.0, 60.0], objective)
    rest = EquilibriumAdjoint().gradient(*about)
    path = DiscreteAdjoint(FixedSteps(0.1, "rk4")).gradient(*about)
    assert path.loss == pytest.approx(rest.loss, rel=1e-12)
    for key, value in path.parameters.items():
        assert np.abs(value - rest.parameters[key]).max() <= 1e-9 * max(1e-3, np.abs(value).max()), key
    assert np.abs(path.initial).max() < 1e-10


def test_the_objective_sees_the_same_places_at_all_times() -> None:
    """Targets of each time count, and times do not; parameters given count for the system's."""
    system, x = SYSTEMS["tanh"], starts(SYSTEMS["tanh"])
    y = RNG.normal(size=(2, N, 5))
    loss = Loss("sum((x - y)**2)/2", targets={"y": 5})
    provider = EquilibriumAdjoint()
    both = provider.gradient(system, x, [0.0, 1.0, 2.0], loss.of(system, y=y))
    each = [provider.gradient(system, x, [3.0, 9.0], loss.of(system, y=part)) for part in y]
    assert both.states.shape == (2, N, 5)
    np.testing.assert_array_equal(both.states[0], both.states[1])
    np.testing.assert_allclose(
        both.parameters["W"], sum(found.parameters["W"] for found in each) / 2, rtol=1e-12, atol=1e-15
    )
    moved = {"b": np.zeros(5)}
    given = provider.gradient(system, x, TIMES, loss.of(system, y=y[0]), parameters=moved, learn=["b"])
    own = replace(system, parameters={**system.parameters, **moved})
    np.testing.assert_array_equal(
        given.parameters["b"], provider.gradient(own, x, TIMES, loss.of(own, y=y[0])).parameters["b"]
    )
    assert list(given.parameters) == ["b"]


@pytest.mark.claim("E01")
def test_gradient_flow_moves_fixed_points_to_their_targets() -> None:
    """dw/dt = −∂g(x*)/∂w: g falls at each step and below a hundredth; all x* are at rest to 1e-14."""
    system = tanh_network(size=0.5)
    x, y = starts(system, 3), np.random.default_rng(5).uniform(-0.7, 0.7, size=(3, 5))
    loss = Loss("sum((x - y)**2)/2", targets={"y": 5}).of(system, y=np.broadcast_to(y[:1], (3, 5)))
    values, losses = dict(system.parameters), []
    for _ in range(60):
        found = EquilibriumAdjoint().gradient(system, x, TIMES, loss, parameters=values)
        moved = replace(system, parameters=values)
        assert np.abs(moved.force_at(found.states[0].T)).max() < 1e-14
        losses.append(found.loss)
        values = {name: np.asarray(value) - 0.3 * found.parameters[name] for name, value in values.items()}
    assert (np.diff(losses) < 0).all()
    assert losses[-1] < 0.01 * losses[0]


def test_long_states_are_solved_without_matrices() -> None:
    """120 units: the slopes of GMRES and of Jacobians agree to 1e-12, far from normal matrices raise no alarm."""
    system = tanh_network(120, size=0.9)
    objective = squares(system, 3)
    about: Any = (system, starts(system, 3), TIMES, objective)
    free, held = EquilibriumAdjoint().gradient(*about), EquilibriumAdjoint(longest_dense=120).gradient(*about)
    assert np.abs(free.parameters["W"] - held.parameters["W"]).max() <= 1e-12 * np.abs(held.parameters["W"]).max()
    shift = -np.eye(80) + 1.05 * np.eye(80, k=1)
    assert np.linalg.eigvalsh((shift + shift.T) / 2).max() > 0
    chain = lk.System(coordinates={"x": 80}, drift="A @ x + b", temperature=0.0,
                      parameters={"A": shift, "b": np.ones(80)})  # fmt: skip
    loss = Loss("sum(x)", targets={}).of(chain)
    found = EquilibriumAdjoint().gradient(chain, np.zeros((1, 80)), TIMES, loss)
    np.testing.assert_allclose(found.parameters["b"], -np.linalg.solve(shift.T, np.ones(80)), rtol=1e-10)


@pytest.mark.parametrize(
    ("given", "initial", "about", "match"),
    [
        ({"drift": "R @ x - x*(x @ x)", "parameters": {"R": [[1.0, -1.0], [1.0, 1.0]]}}, [[0.1, 0.0]],
         {"max_time": 50.0}, r"1 of 1 particles do not come to rest within the time 50, .* first particle 0, where"),
        ({"drift": "a - 0*x", "parameters": {"a": 1.0}}, [[0.1, 0.0]], {"max_time": 50.0}, "do not come to rest"),
        ({"energy": "-a*sum(x**4)", "parameters": {"a": 1.0}}, [[0.1, 0.5]], {}, "the finite numbers"),
        ({"energy": "a*sum(x)", "parameters": {"a": 1.0}, "walls": {"x": lk.system.reflecting(-1, 1)}}, [[0.1, 0.5]],
         {}, r"the walls .* where \|dx/dt\| is 1\.41"),
        ({"energy": "a*sum(x**4)", "parameters": {"a": 1.0}}, [[0.1, 0.5]], {}, "or creep"),
        ({"energy": "a*sum((x**2 - 1)**2)/4", "parameters": {"a": 1.0}}, [[0.5, 0.5], [0.0, 0.5]], {},
         "where particle 1 comes to rest the Jacobian .* has the eigenvalue 1; all must have a negative real part"),
        ({"energy": "(sum(x) - a)**2/2", "parameters": {"a": 1.0}}, [[0.5, 0.0]], {}, "A flat direction of an energy"),
    ],
)  # fmt: skip
def test_what_does_not_come_to_rest_is_refused(
    given: dict[str, Any], initial: Any, about: dict[str, Any], match: str
) -> None:
    system = lk.System(coordinates={"x": 2}, temperature=0.0, **given)
    with pytest.raises(NotContracting, match=match):
        EquilibriumAdjoint(**about).gradient(system, initial, TIMES, Loss("x @ x", targets={}).of(system))


def test_saddles_of_long_states_are_found() -> None:
    system = lk.System(coordinates={"x": 100}, energy="a*sum((x**2 - 1)**2)/4", temperature=0.0, parameters={"a": 1.0})
    initial = np.full((2, 100), 0.5)
    objective = Loss("x @ x", targets={}).of(system)
    EquilibriumAdjoint().gradient(system, initial, TIMES, objective)
    initial[1, 40] = 0.0
    with pytest.raises(NotContracting, match="where particle 1 comes to rest"):
        EquilibriumAdjoint().gradient(system, initial, TIMES, objective)


@pytest.mark.parametrize(
    ("change", "given", "match"),
    [
        ({"temperature": 0.1}, {}, r"temperature: got 0\.1; particles come to rest at T = 0 alone"),
        ({"drift": "-x + t*b"}, {}, "it depends on time"),
        ({}, {"initial": np.zeros((2, 4))}, r"initial: got shape \(2, 4\); .*\(N, 5\) is needed"),
        ({}, {"initial": np.full((2, 5), np.nan)}, "initial"),
        ({}, {"learn": ["w"]}, "learn: got 'w'"),
        ({}, {"parameters": {"W": np.zeros((2, 2))}}, r"parameters.W: got shape \(2, 2\)"),
        ({}, {"times": [0.0]}, "times"),
    ],
)
def test_arguments_are_refused_by_name(change: dict[str, Any], given: dict[str, Any], match: str) -> None:
    system = replace(tanh_network(), **change)
    about = {"system": system, "initial": starts(system, 2), "times": TIMES,
             "objective": Loss("x @ x", targets={}).of(system), **given}  # fmt: skip
    with pytest.raises(InvalidArgument, match=match):
        EquilibriumAdjoint().gradient(**about)
    for wrong in ({"max_time": 0.0}, {"path_tolerance": -1.0}):
        with pytest.raises(InvalidArgument, match=r"max_time|path_tolerance"):
            EquilibriumAdjoint(**wrong).gradient(tanh_network(), starts(system, 2), TIMES, about["objective"])


def test_particles_end_where_accurate_paths_do() -> None:
    """300 starts, four attractors: those of `networks.fixed_points`, whose paths have errors of 1e-8."""
    system = networks.continuous(np.array([[1.6, 0.2], [0.2, 1.6]]), [0.05, -0.02])
    x = np.random.default_rng(8).uniform(-1, 1, size=(300, 2))
    known = networks.fixed_points(system, x)
    found = EquilibriumAdjoint().gradient(system, x, TIMES, Loss("sum(x)", targets={}).of(system))
    assert np.unique(known.reached).size == 4
    np.testing.assert_allclose(found.states[0], known.states[known.reached], atol=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_starts_may_be_at_rest(name: str) -> None:
    """To the last bits: from where particles had come to rest the slopes are the same, after few steps."""
    system = SYSTEMS[name]
    objective = squares(system)
    found = EquilibriumAdjoint().gradient(system, starts(system), TIMES, objective)
    again = EquilibriumAdjoint().gradient(system, found.states[0], TIMES, objective)
    np.testing.assert_allclose(again.states, found.states, rtol=0, atol=1e-14)
    for key, value in found.parameters.items():
        np.testing.assert_allclose(again.parameters[key], value, rtol=1e-11, atol=1e-13)
    assert again.evaluations.forward < 80


def test_scales_do_not_matter() -> None:
    """Units of place and time change by 1e-6 and 1e5, and slopes with them: 1e-11."""
    system = SYSTEMS["tanh"]
    x, y = starts(system), RNG.normal(size=(N, 5))
    loss = Loss("sum((x - y)**2)/2", targets={"y": 5})
    found = EquilibriumAdjoint().gradient(system, x, TIMES, loss.of(system, y=y))
    other = replace(system, drift="r*(-x + s*tanh(W @ x/s + b))", parameters={**system.parameters, "r": 1e5, "s": 1e-6})
    scaled = EquilibriumAdjoint().gradient(other, 1e-6 * x, TIMES, loss.of(other, y=1e-6 * y), learn=["W", "b"])
    for name, value in scaled.parameters.items():
        np.testing.assert_allclose(value * 1e12, found.parameters[name], rtol=1e-9, atol=1e-11)


def test_a_stiff_relaxation_ends() -> None:
    """Rates 1 and 2000, and a start beside a saddle, whence paths leave slowly."""
    stiff = lk.System(coordinates={"x": 2}, energy="x @ (k*x)/2 - b*sum(x) + sum(x)**4/4", temperature=0.0,
                      parameters={"k": [1.0, 2000.0], "b": 1.0})  # fmt: skip
    loss = Loss("sum(x)", targets={}).of(stiff)
    found = EquilibriumAdjoint().gradient(stiff, [[3.0, -1.0]], TIMES, loss)
    assert np.abs(stiff.force_at(found.states[0].T)).max() < 1e-12
    well = lk.System(coordinates={"x": 1}, energy="a*sum((x**2 - 1)**2)/4", temperature=0.0, parameters={"a": 1.0})
    ends = EquilibriumAdjoint().gradient(well, [[1e-9], [-1e-9]], TIMES, Loss("sum(x)", targets={}).of(well))
    np.testing.assert_allclose(ends.states[0], [[1], [-1]], rtol=1e-15)
