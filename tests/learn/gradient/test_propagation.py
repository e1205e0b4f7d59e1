"""Equilibrium propagation: its orders in β, and covariances at T > 0 against quadrature and nudged ensembles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument, NonFinite, NotContracting
from langevin_kit.learn import (
    Adam,
    EquilibriumAdjoint,
    EquilibriumPropagation,
    Gradient,
    Loss,
    NeuralODE,
    ThermalCovariance,
    energy_slope,
)

RNG = np.random.default_rng(0)
TIMES = [0.0, 1.0]
N = 6


def symmetric(d: int, size: float) -> np.ndarray:
    W = np.random.default_rng(1).normal(size=(d, d)) * size / np.sqrt(d)
    return (W + W.T) / 2


SYSTEMS = {
    "outputs": networks.continuous_outputs(symmetric(4, 0.8), [0.3, -0.2, 0.1, 0.4], temperature=0.0),
    "clamped": networks.bipartite(
        RNG.normal(size=(3, 2)), "tanh", "leaky_hardtanh", temperature=0.0, hidden_inputs=0.2, clamped="v"
    ),
    "rotating": lk.System(
        coordinates={"x": 2},
        energy="x @ (A @ x)/2 + sum(exp(x))",
        mobility="K",
        temperature=0.0,
        parameters={"A": [[2.0, 0.5], [0.5, 1.0]], "K": [[1.0, -2.0], [2.0, 0.5]]},
    ),
}


def about(system: lk.System, text: str = "sum((tanh({v}) - y_{v})**2)") -> tuple[Any, ...]:
    """A system, starts, times and a loss that is not convex, with targets of each particle."""
    vectors, rng = system.coordinates.vector, np.random.default_rng(2)  # type: ignore[union-attr]
    product = "*".join(f"sum(tanh({v}))" for v in vectors)
    terms = [text.format(v=v) for v in vectors] + [product] * (len(vectors) > 1)
    loss = Loss(" + ".join(terms), targets={f"y_{v}": m for v, m in vectors.items()})
    targets = {f"y_{v}": rng.normal(size=(N, m)) for v, m in vectors.items()}
    return system, 0.8 * rng.uniform(-1, 1, size=(N, system.n_dim)), TIMES, loss.of(system, **targets)


def apart(found: Gradient, exact: Gradient) -> float:
    """The largest difference of a slope, of parameters and places."""
    pairs = [(value, exact.parameters[name]) for name, value in found.parameters.items()]
    return max(float(np.abs(a - b).max()) for a, b in [*pairs, (found.initial, exact.initial)])


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize(("symmetric", "order", "betas"), [(True, 2, (1e-4, 1e-3)), (False, 1, (1e-6, 1e-3))])
def test_orders_in_beta(name: str, symmetric: bool, order: int, betas: tuple[float, float]) -> None:
    """The difference from the equilibrium adjoint falls as β² with both signs and as β with one, within .05."""
    exact = EquilibriumAdjoint().gradient(*about(SYSTEMS[name]))
    betas_all = np.geomspace(*betas, 4)
    errors = [apart(EquilibriumPropagation(beta, symmetric).gradient(*about(SYSTEMS[name])), exact)
              for beta in betas_all]  # fmt: skip
    slope = np.polyfit(np.log(betas_all), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.05)
    best = EquilibriumPropagation(1e-6).gradient(*about(SYSTEMS[name]))
    assert apart(best, exact) < 1e-9
    assert best.loss == exact.loss
    np.testing.assert_array_equal(best.states, exact.states)


def test_the_leading_error_of_a_quadratic() -> None:
    r"""Of E = ½xAx − b·x, ℓ = ½|x − y|²: dL/db + error with −½[(A+β)⁻¹ + (A−β)⁻¹](y − x*), and −(A+β)⁻¹(y − x*).

    So the leading errors are −β² A⁻³(y − x*) and β A⁻²(y − x*): all to round-off, 1e-15/β.
    """
    A = np.array([[2.0, 0.5], [0.5, 1.0]])
    system = lk.System(coordinates={"x": 2}, energy="x @ (A @ x)/2 - b @ x", temperature=0.0,
                       parameters={"A": A, "b": [1.0, -0.5]})  # fmt: skip
    arguments = about(system, "sum(({v} - y_{v})**2)/2")
    rest = np.linalg.solve(A, [1.0, -0.5])
    y = np.random.default_rng(2).normal(size=(N, 2))
    pull = (y - rest).mean(axis=0)
    exact = EquilibriumAdjoint().gradient(*arguments).parameters["b"]
    np.testing.assert_allclose(exact, -np.linalg.solve(A, pull), rtol=1e-13)
    unit = np.eye(2)
    for beta in (0.3, 0.01, 1e-4):
        both = EquilibriumPropagation(beta).gradient(*arguments).parameters["b"]
        one = EquilibriumPropagation(beta, symmetric=False).gradient(*arguments).parameters["b"]
        plus, minus = (np.linalg.solve(A + sign * beta * unit, pull) for sign in (1, -1))
        np.testing.assert_allclose(both, -(plus + minus) / 2, rtol=0, atol=1e-15 / beta)
        np.testing.assert_allclose(one, -plus, rtol=0, atol=1e-15 / beta)
    leading = -np.linalg.solve(A @ A @ A, pull)
    both = EquilibriumPropagation(0.01).gradient(*arguments).parameters["b"]
    np.testing.assert_allclose((both - exact) / 0.01**2, leading, rtol=1e-3)


@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_large_nudges_are_relaxed_to_the_end(beta: float) -> None:
    """As in systems whose energies hold the nudge as text: ⟨∂E/∂θ⟩ of where these rest, to 1e-12."""
    system, initial, _, objective = about(SYSTEMS["outputs"])
    found = EquilibriumPropagation(beta).gradient(system, initial, TIMES, objective)
    targets = np.random.default_rng(2).normal(size=(N, 4))

    def rest(x: np.ndarray, y: np.ndarray, B: float) -> np.ndarray:
        own = replace(system, energy=f"{system.energy} + B*sum((tanh(y) - z)**2)",
                      parameters={**system.parameters, "z": y, "B": B})  # fmt: skip
        return EquilibriumAdjoint().gradient(own, x[None], TIMES, Loss("sum(y)", targets={}).of(own)).states[0, 0]

    places = [np.array([rest(*pair, B) for pair in zip(found.states[0], targets, strict=True)]) for B in (beta, -beta)]
    plus, minus = (energy_slope(system, x.T, ["W", "b"]) for x in places)
    for name, value in plus.items():
        np.testing.assert_allclose(found.parameters[name], (value - minus[name]) / (2 * beta), rtol=0, atol=1e-12)


def test_a_loss_that_couples_particles_is_nudged_as_a_whole() -> None:
    """L = ½|mean x − y|²: slopes are those of the equilibrium adjoint; N is nowhere else."""

    class Common:
        def value(self, times: Any, states: np.ndarray) -> Any:
            return ((states.mean(axis=2) - 0.3) ** 2).sum() / 2

        def slopes(self, times: Any, states: np.ndarray) -> Any:
            n = states.shape[2]
            slopes = np.repeat((states.mean(axis=2) - 0.3)[:, :, None] / n, n, axis=2)
            return self.value(times, states), slopes, {}

    system, initial, _, _ = about(networks.bipartite(
        RNG.normal(size=(3, 2)), "tanh", "identity", temperature=0.0, hidden_inputs=0.2, clamped="v"))  # fmt: skip
    exact = EquilibriumAdjoint().gradient(system, initial, TIMES, Common())
    found = EquilibriumPropagation(1e-5).gradient(system, initial, TIMES, Common())
    assert np.abs(exact.parameters["U"]).max() > 0.01
    assert apart(found, exact) < 1e-9


def test_a_network_learns_where_it_rests() -> None:
    """Exclusive or, of inputs that are clamped: 40 updates by the adjoint; by propagation the first losses to 1e-4."""
    rng, h = np.random.default_rng(0), 8
    system = lk.System(
        coordinates={"u": 2, "x": h},
        energy="x @ x/2 - tanh(x) @ (W @ tanh(x))/2 - tanh(x) @ (U @ u + b)",
        mobility={"u": 0.0, "x": 1.0},
        temperature=0.0,
        parameters={
            "W": 0.1 * rng.normal(size=(h, h)),
            "U": rng.normal(size=(h, 2)),
            "b": 0.3 * rng.normal(size=h),
        },
    )
    readout = Loss("(c @ tanh(x) - sum(y))**2", targets={"y": 1}, parameters={"c": 0.1 * rng.normal(size=h)})
    data = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    y = data.prod(axis=1, keepdims=True)

    def fit(provider: Any, n_epochs: int) -> Any:
        return NeuralODE(system, readout, provider=provider).fit(
            data, {"y": y}, n_epochs=n_epochs, optimizer=Adam(0.05), rng=0
        )

    fitted = fit(EquilibriumAdjoint(), 40)
    assert fitted.history.loss[0] > 1
    assert fitted.history.loss[-1] < 0.02
    np.testing.assert_allclose(fitted.model.predict("c @ tanh(x)", data)[0], y[:, 0], atol=0.3)
    by_nudges = fit(EquilibriumPropagation(1e-3), 8)
    np.testing.assert_allclose(by_nudges.history.loss, fitted.history.loss[:8], rtol=0, atol=1e-4)


def test_what_propagation_refuses() -> None:
    loss = Loss("x @ x", targets={})
    drifting = lk.System(coordinates={"x": 2}, drift="-x + b", temperature=0.0, parameters={"b": 1.0})
    with pytest.raises(InvalidArgument, match="drift: equilibrium propagation is for systems that descend an energy"):
        EquilibriumPropagation(0.1).gradient(drifting, [[0.0, 0.0]], TIMES, loss.of(drifting))
    with pytest.raises(InvalidArgument, match="beta: got 0; a number above 0"):
        EquilibriumPropagation(0)
    well = lk.System(coordinates={"x": 2}, energy="a*(x @ x)/2 - sum(x)", temperature=0.0, parameters={"a": 1.0})
    with pytest.raises(NotContracting, match=r"beta: got 1; nudged by -1, .* Or take a smaller beta"):  # x²(½ − β)
        EquilibriumPropagation(1.0, max_time=50.0).gradient(well, [[0.0, 0.0]], TIMES, loss.of(well))
    with pytest.raises(InvalidArgument, match=r"temperature: got 0\.5; .* Take ThermalCovariance"):
        EquilibriumPropagation(0.1).gradient(replace(well, temperature=0.5), [[0.0, 0.0]], TIMES, loss.of(well))
    saddle = replace(well, energy="a*sum((x**2 - 1)**2)/4")
    with pytest.raises(NotContracting, match="has the eigenvalue 1"):
        EquilibriumPropagation(0.1).gradient(saddle, [[0.0, 0.5]], TIMES, loss.of(saddle))
    with pytest.raises(InvalidArgument, match="learn: got 'aa'"):
        EquilibriumPropagation(0.1).gradient(well, [[0.0, 0.0]], TIMES, loss.of(well), learn=["aa"])


T = 0.5
THERMAL = lk.System(
    coordinates={"x": 2, "u": 1},
    energy="x @ (A @ x)/2 + c*sum(x**4)/4 - (b @ x)*sum(u) + B*(y*sum(sin(x)) + (x @ x)/2 + sum(u)*(e @ x)/3)",
    mobility={"x": 1.0, "u": 0.0},
    temperature=T,
    parameters={"A": [[1.0, 0.3], [0.3, 0.5]], "c": 0.4, "b": [0.8, -0.3], "B": 0.0, "y": 2.0, "e": [1.0, 0.0]},
)
"""Of x in two dimensions, with an input u that is clamped; B times the loss can be added to E."""

LEARNT = ("A", "c", "b")
WRONG = {"the other sign": -1.0, "no 1/T": T}
NODE, WEIGHT = np.polynomial.legendre.leggauss(80)
PLANE = np.stack(np.meshgrid(6 * NODE, 6 * NODE, indexing="ij")).reshape(2, -1)


def loss_of(x: Any, u: Any, y: float) -> Any:
    return y * np.sin(x).sum(axis=0) + (x**2).sum(axis=0) / 2 + u * x[0] / 3


def law(u: Any, y: float, B: float, A: Any, c: Any, b: Any) -> Any:
    """q on the plane, by quadrature."""
    x = PLANE
    E = np.einsum("in,ij,jn->n", x, A, x) / 2 + c * (x**4).sum(axis=0) / 4 - (b @ x) * u + B * loss_of(x, u, y)
    q = np.outer(WEIGHT, WEIGHT).ravel() * np.exp(-E / T)
    return q / q.sum()


def mean_loss(u: Any, y: float, **given: Any) -> Any:
    """⟨ℓ⟩."""
    values = {name: np.asarray(THERMAL.parameters[name]) for name in LEARNT} | given
    return (law(u, y, 0.0, **values) * loss_of(PLANE, u, y)).sum()


def exact_slopes(U: np.ndarray, Y: np.ndarray) -> dict[str, np.ndarray]:
    """Slopes of ⟨ℓ⟩ averaged over inputs, and in each of these, by complex steps of the quadrature."""
    found = {"inputs": np.array([mean_loss(u + 1e-30j, y).imag / 1e-30 / len(U) for u, y in zip(U, Y, strict=True)])}
    for name in LEARNT:
        value = np.asarray(THERMAL.parameters[name])
        found[name] = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[index] += 1e-30j
            found[name][index] = np.mean(
                [mean_loss(u, y, **{name: moved}).imag / 1e-30 for u, y in zip(U, Y, strict=True)]
            )
    return found


def nudged_mean(u: float, y: float, B: float) -> dict[str, np.ndarray]:
    """⟨∂E/∂θ⟩ in E + B ℓ, by quadrature."""
    x = PLANE
    q = law(u, y, B, **{name: np.asarray(THERMAL.parameters[name]) for name in LEARNT})
    return {"A": np.einsum("n,in,jn->ij", q, x, x) / 2, "c": q @ (x**4).sum(axis=0) / 4, "b": -u * (x @ q)}


def scores(sampled: Any, exact: Any) -> tuple[np.ndarray, np.ndarray]:
    """|z| of a mean over runs, and the runs' standard error."""
    error = np.std(sampled, axis=0, ddof=1) / np.sqrt(len(sampled))
    return np.abs(np.mean(sampled, axis=0) - exact) / error, error


def test_covariances_are_the_slopes_of_means() -> None:
    """Against quadrature, in all parameters and clamped inputs, with targets of each particle; ⟨ℓ⟩ and its own too.

    z ≤ 4.4 of 16 seeds (Student's t: a false alarm in 5e-4 of each of 12 numbers), at errors of 1 % and less.
    With the other sign or without 1/T z is above 10.
    """
    U, Y = np.array([-1.0, 0.5, 1.5, 0.2]), np.array([2.0, -1.0, 0.5, 1.0])
    exact, copies = exact_slopes(U, Y), 20
    initial = np.zeros((4 * copies, 3))
    initial[:, 2] = np.tile(U, copies)
    loss = Loss("sum(y*sin(x)) + (x @ x)/2 + sum(u)*(e @ x)/3", targets={"y": 2}, parameters={"e": [1.0, 0.0]})
    objective = loss.of(THERMAL, y=np.tile(Y, copies)[:, None] * np.ones(2))
    provider = ThermalCovariance(0.004, n_samples=40, sample_every=50, burn_in=1500, replicas=16)
    runs = [provider.gradient(THERMAL, initial, TIMES, objective, learn=LEARNT, rng=seed) for seed in range(16)]
    sampled = {name: np.array([run.parameters[name] for run in runs]) for name in LEARNT}
    sampled["inputs"] = np.array([run.initial[:, 2].reshape(copies, 4).sum(axis=0) for run in runs])
    for name, value in sampled.items():
        z, error = scores(value, exact[name])
        assert z.max() < 4.4, (name, z)
        assert (error < 0.01 * np.abs(exact[name]).max()).all(), (name, error)
        for what, factor in WRONG.items():
            assert scores(factor * value, exact[name])[0].max() > 10, (name, what)
    x0 = [(law(u, y, 0.0, **{k: np.asarray(THERMAL.parameters[k]) for k in LEARNT}) * PLANE[0]).sum() * u / 3
          for u, y in zip(U, Y, strict=True)]  # fmt: skip
    assert scores([run.objective["e"][0] for run in runs], np.mean(x0))[0] < 4.4
    expected = np.mean([mean_loss(u, y) for u, y in zip(U, Y, strict=True)])
    assert scores([run.loss for run in runs], expected)[0] < 4.4
    assert all((run.initial[:, :2] == 0).all() for run in runs)
    again = provider.gradient(THERMAL, initial, TIMES, objective, learn=LEARNT, rng=0)
    np.testing.assert_array_equal(again.parameters["A"], runs[0].parameters["A"])


def test_covariances_are_what_a_nudge_does() -> None:
    """(⟨∂E/∂θ⟩ in E + βℓ − in E − βℓ)/2β: by quadrature it goes to −Cov/T as β²; sampled, it is that of quadrature.

    The samples' particles see the same noise under both nudges.
    z ≤ 4.4 of 16 seeds (5e-4 each of 7 numbers); with the other sign or a factor T it is above 10.
    """
    u, y, names = 0.7, float(THERMAL.parameters["y"]), list(LEARNT)
    exact = exact_slopes(np.array([u]), np.array([y]))

    def difference(B: float) -> dict[str, np.ndarray]:
        plus, minus = nudged_mean(u, y, B), nudged_mean(u, y, -B)
        return {name: (plus[name] - minus[name]) / (2 * B) for name in LEARNT}

    betas = np.array([0.01, 0.02, 0.04])
    errors = [max(np.abs(difference(B)[name] - exact[name]).max() for name in LEARNT) for B in betas]
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(2, abs=0.05)
    initial, beta = np.zeros((500, 3)), 0.05
    initial[:, 2] = u

    def mean(B: float, seed: int) -> dict[str, np.ndarray]:
        system = replace(THERMAL, parameters={**THERMAL.parameters, "B": B})
        ds = lk.simulate(system, initial=initial, time_step=0.004, n_steps=6000, save_every=100, rng=seed,
                         save_positions=True, check=False)  # fmt: skip
        return energy_slope(system, np.concatenate(ds.position.values[15:], axis=1), names)

    pairs = [(mean(beta, seed), mean(-beta, seed)) for seed in range(16)]
    nudged = difference(beta)
    for name in LEARNT:
        sampled = np.array([(plus[name] - minus[name]) / (2 * beta) for plus, minus in pairs])
        z, _ = scores(sampled, nudged[name])
        assert z.max() < 4.4, (name, z)
        for what, factor in WRONG.items():
            assert scores(factor * sampled, nudged[name])[0].max() > 10, (name, what)


def test_what_covariances_refuse() -> None:
    provider, loss = ThermalCovariance(0.01), Loss("x @ x", targets={})
    well = lk.System(coordinates={"x": 2}, energy="a*(x @ x)/2", temperature=0.5, parameters={"a": 1.0})

    class Whole:
        def value(self, times: Any, states: Any) -> float:
            return 0.0

        def slopes(self, times: Any, states: Any) -> Any:
            return 0.0, np.zeros(states.shape), {}

    for system, objective, match in (
        (replace(well, temperature=0.0), loss.of(well), r"temperature: got 0; .* Take EquilibriumAdjoint"),
        (replace(well, drift="-x"), loss.of(well), "its law is not exp"),
        (replace(well, energy="a*(x @ x)*(2 + cos(t))"), loss.of(well), "depends on time"),
        (well, Whole(), r"objective: got Whole; one with the loss of each particle \(`each`\) is needed"),
    ):
        with pytest.raises(InvalidArgument, match=match):
            provider.gradient(system, np.zeros((3, 2)), TIMES, objective)
    with pytest.raises(InvalidArgument, match="replicas: got 1; a covariance needs two"):
        ThermalCovariance(0.01, replicas=1)
    with pytest.raises(InvalidArgument, match="burn_in: got 0"):
        ThermalCovariance(0.01, burn_in=0)
    with pytest.raises(NonFinite, match="take a smaller time_step"):
        ThermalCovariance(50.0).gradient(well, np.ones((3, 2)), TIMES, loss.of(well), rng=0)
