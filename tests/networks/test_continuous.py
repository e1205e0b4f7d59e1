"""Continuous networks: the right-hand side, the energy that falls, where paths end, and gradient flows of patterns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.networks._activations import ACTIVATIONS
from langevin_kit.system.dense.evaluate import evaluate

N = 7
STEP = 1e-30
SATURATING = sorted(name for name, f in ACTIVATIONS.items() if not f.is_unbounded)

ASINH = networks.Activation(
    np.arcsinh,
    lambda y: 1 / np.cosh(y),
    np.sinh,
    lambda a: a * np.arcsinh(a) - np.sqrt(1 + a * a),
    -np.inf,
    np.inf,
    "log(a + sqrt(1 + a**2))",
    "(a*log(a + sqrt(1 + a**2)) - sqrt(1 + a**2))",
    "1/cosh(y)",
    "cosh(y)",
)
"""One that is in no table, and not bounded."""

INTEGRALS = {  # of the inverse, from where F is 0
    "tanh": lambda y: y * np.arctanh(y) + np.log(1 - y * y) / 2 - np.log(2),
    "logistic": lambda y: y * np.log(y) + (1 - y) * np.log(1 - y),
    "algebraic": lambda y: -np.sqrt(1 - y * y),
    "arctan": lambda y: -4 / np.pi**2 * np.log(np.cos(np.pi / 2 * y)),
}


def network(seed: int, strength: float = 1.0, diagonal: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    W = strength * rng.normal(size=(N, N)) / np.sqrt(N)
    return (W + W.T) * (1.0 if diagonal else 1 - np.eye(N)), 0.3 * rng.normal(size=N)


def energy(system: lk.System, activation: Any, x: np.ndarray) -> np.ndarray:
    """The text of the energy at x (N, R), which may be complex."""
    text = networks.continuous_energy(activation)
    return evaluate(system.content.scalar(text, "E", "energy"), x, 0.0, dict(system.parameters))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_have_inverses_and_texts(name: str) -> None:
    f, a = ACTIVATIONS[name], np.linspace(-5, 5, 101)
    np.testing.assert_allclose(f.inverse(f.value(a)), a, rtol=1e-11, atol=1e-13)
    system = lk.System(coordinates={"a": len(a)}, temperature=0.0, drift=f.value_text)
    np.testing.assert_allclose(system.force_at(a[:, None])[:, 0], f.value(a), rtol=1e-14, atol=1e-16)
    system = lk.System(coordinates={"a": len(a)}, temperature=0.0, energy=f"sum({f.integral_text})")
    np.testing.assert_allclose(system.gradient(a[:, None])[:, 0], f.value(a), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(system.energy_at(a[:, None])[0], f.integral(a).sum(), rtol=1e-13)


@pytest.mark.claim("B07")
@pytest.mark.parametrize("activation", [*SATURATING, ASINH])
def test_the_equation_is_that_of_the_definition_and_comes_to_rest(activation: Any) -> None:
    """To 1e-14 of NumPy's; after 400 τ no path moves by more than 1e-12."""
    f = ACTIVATIONS.get(activation, ASINH) if isinstance(activation, str) else ASINH
    W, b = network(0, 0.4 if activation is ASINH else 2.0)
    system = networks.continuous(W, b, activation, time_scale=0.7)
    x = np.random.default_rng(1).normal(size=(N, 50))
    np.testing.assert_allclose(system.force_at(x), (-x + f.value(W @ x + b[:, None])) / 0.7, rtol=1e-13, atol=1e-15)
    ds = lk.simulate(system, initial=x.T.copy(), time_step=0.1, n_steps=2800, save_every=2800, save_positions=True)
    last = ds.position[-1].values
    assert np.abs(-last + f.value(W @ last + b[:, None])).max() < 1e-12
    assert np.abs(last - x).max() > 0.1


@pytest.mark.claim("B09", "B10")
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("activation", [*SATURATING, ASINH])
def test_the_energy_falls_as_it_must(activation: Any, diagonal: bool) -> None:
    """dE/dt by complex steps along the flow is −τ Σ f′(a) (da/dt)², to 1e-12; of another network's energy it is not."""
    f, tau = ACTIVATIONS.get(activation, ASINH) if isinstance(activation, str) else ASINH, 0.7
    W, b = network(2, 2.0, diagonal)
    assert (np.abs(W.diagonal()).max() > 0.5) == diagonal
    system = networks.continuous(W, b, activation, time_scale=tau)
    x = np.random.default_rng(3).normal(size=(N, 40))
    slope = system.force_at(x)
    of_steps = energy(system, activation, x + 1j * STEP * slope).imag / STEP
    y = f.value(W @ x + b[:, None])
    formula = -tau * (f.slope(y) * (W @ slope) ** 2).sum(axis=0)
    np.testing.assert_allclose(of_steps, formula, rtol=1e-11)
    assert formula.max() < 0
    if isinstance(activation, str):
        direct = -(y * (W @ y)).sum(axis=0) / 2 - b @ y + INTEGRALS[activation](y).sum(axis=0)
        np.testing.assert_allclose(energy(system, activation, x), direct, rtol=1e-9)
        other = next(name for name in SATURATING if name != activation)
        wrong = energy(system, other, x + 1j * STEP * slope).imag / STEP
        assert np.abs(wrong / formula - 1).max() > 0.1


@pytest.mark.claim("B11")
def test_paths_end_in_fixed_points_and_the_energy_falls_all_the_way() -> None:
    """Of 200 paths each ends in one of the fixed points found, all of which are stable; no cycle is left over."""
    W, b = network(4, 3.0)
    system = networks.continuous(W, b)
    x = np.random.default_rng(5).normal(size=(200, N))
    found = networks.fixed_points(system, x)
    assert (found.reached >= 0).all()
    assert found.counts.sum() == 200
    assert len(found.states) > 2
    assert found.residual.max() < 1e-12
    assert found.stable.all()
    np.testing.assert_allclose(found.eigenvalues, networks.spectrum(found.states, W, b), rtol=1e-9)
    ds = lk.simulate(
        system,
        initial=x,
        time_step=0.02,
        n_steps=5000,
        save_every=50,
        save_positions=True,
    )
    E = energy(system, "tanh", ds.position.values.swapaxes(0, 1)).real
    assert (np.diff(E, axis=0) < 1e-12).all()
    assert (E[0] - E[-1]).min() > 0.01
    last = ds.position[-1].values
    np.testing.assert_allclose(last, found.states[found.reached].T, atol=1e-9)


def test_without_symmetry_a_path_goes_round() -> None:
    """What the theorem excludes: with an antisymmetric W two rates go round for ever, and the finder says so."""
    round_and_round = lk.System(
        coordinates={"x": 2}, drift="-x + tanh(W @ x)", temperature=0.0, parameters={"W": [[2.0, -3.0], [3.0, 2.0]]}
    )
    found = networks.fixed_points(round_and_round, [[0.1, 0.0], [0.0, 0.0]], max_time=50.0)
    assert found.reached.tolist() == [-1, 0]
    assert not found.stable[0]
    np.testing.assert_allclose(np.abs(found.eigenvalues[0] - 1), 3)
    with pytest.raises(InvalidArgument, match="differs from its transpose"):
        networks.continuous([[2.0, -3.0], [3.0, 2.0]])


@pytest.mark.parametrize("activation", [*SATURATING, ASINH])
def test_outputs_move_as_those_of_the_rates(activation: Any) -> None:
    """At T = 0: dy/dt = f′(a) W dx/dt, and both have one energy."""
    f = ACTIVATIONS.get(activation, ASINH) if isinstance(activation, str) else ASINH
    W, b = network(6, 0.8)
    rates = networks.continuous(W, b, activation, time_scale=0.7)
    outputs = networks.continuous_outputs(W, b, activation, time_scale=0.7, temperature=0.0)
    x = np.random.default_rng(7).normal(size=(N, 30))
    y = f.value(W @ x + b[:, None])
    np.testing.assert_allclose(outputs.force_at(y), f.slope(y) * (W @ rates.force_at(x)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outputs.energy_at(y), energy(rates, activation, x).real, rtol=1e-10)


def pair(activation: str, T: float, **given: Any) -> lk.System:
    system = networks.continuous_outputs([[0.8, 0.9], [0.9, 0.2]], [0.1, -0.2], activation, temperature=T)
    return replace(system, **given)


@pytest.mark.slow
@pytest.mark.parametrize("activation", SATURATING)
def test_outputs_have_the_boltzmann_law(activation: str) -> None:
    """⟨y⟩ and ⟨y y⟩ of two units at T = 0.3 by quadrature; without T ∇·K they are others."""
    T, f = 0.3, ACTIVATIONS[activation]
    system = pair(activation, T)
    node, weight = np.polynomial.legendre.leggauss(200)
    line = f.lowest + (f.highest - f.lowest) * (1 + node) / 2
    y = np.stack(np.meshgrid(line, line, indexing="ij"))
    E = system.energy_at(y)
    q = np.outer(weight, weight) * np.exp(-(E - E.min()) / T)
    q /= q.sum()
    texts = {"first": ("e @ y", y[0]), "square": ("y @ y", (y**2).sum(axis=0)), "product": ("y @ (P @ y)", y[0] * y[1])}
    more = dict(system.parameters) | {"e": [1.0, 0.0], "P": [[0.0, 0.5], [0.5, 0.0]]}

    def scores(system: lk.System) -> list[float]:
        ds = lk.simulate(
            replace(system, parameters=more),
            initial=lk.initial.point([(f.lowest + f.highest) / 2 + 0.01] * 2),
            n_particles=4000,
            time_step=0.01,
            n_steps=800,
            save_every=800,
            observables={name: text for name, (text, _) in texts.items()},
            rng=4,
        )
        return [float(abs(ds[name][-1] - (q * of).sum()) / ds[f"{name}_stderr"][-1]) for name, (_, of) in texts.items()]

    assert max(scores(system)) < 4.4
    # K ∇(E + T ln K) takes T ∇·K away again.
    without = f"{system.energy} + {T}*sum(log({f.slope_text}))"
    assert max(scores(replace(system, energy=without))) > 10


def test_noise_is_that_of_the_mobility() -> None:
    """With W = 0 and b = 0 a rate is an Ornstein–Uhlenbeck process of the variance T, whatever τ."""
    system = networks.continuous([[0.0]], time_scale=2.0, temperature=0.3)
    ds = lk.simulate(
        system,
        initial=lk.initial.gaussian([0.0], 0.3),
        n_particles=20_000,
        time_step=0.02,
        n_steps=200,
        save_every=200,
        observables={"square": "x @ x"},
        rng=0,
    )
    assert abs(float(ds.square[-1]) - 0.3 / (1 - 0.02 / 2 / 2)) < 4 * float(ds.square_stderr[-1])
    assert np.sqrt(2) * 0.3 / np.sqrt(20_000) == pytest.approx(float(ds.square_stderr[-1]), rel=0.05)


PATTERNS = np.random.default_rng(7).normal(size=(5, 3))
FIELDS, INPUTS = np.linspace(-0.5, 0.5, 5), np.array([3.0, -2.0, 4.0])


def memory(potential: str, **given: Any) -> lk.System:
    parameters = {"beta": 2.3} if potential == "logsumexp" else {}
    about = {"fields": FIELDS, "inputs": INPUTS, "time_scale": 0.6, "parameters": parameters}
    return networks.associative_memory(PATTERNS, potential, **{**about, **given})


def softmax(z: np.ndarray) -> np.ndarray:
    p = np.exp(z - z.max(axis=0))
    return p / p.sum(axis=0)


BOUNDS = {"softplus": np.sqrt(5.0), "logsumexp": 1.0}


@pytest.mark.claim("B15")
@pytest.mark.parametrize("potential", sorted(BOUNDS))
def test_the_energy_of_a_memory_falls_and_paths_enter_the_ball(potential: str) -> None:
    """From |x| up to 60: E never rises, |x| ends below K‖W‖ + |v|, and above the K‖W‖ of the source."""
    system = memory(potential)
    start = 12 * np.random.default_rng(8).normal(size=(100, 3))
    ds = lk.simulate(system, initial=start, time_step=0.01, n_steps=2000, save_every=10, save_positions=True)
    x = ds.position.values
    E = np.stack([system.energy_at(row) for row in x])
    assert (np.diff(E, axis=0) < 1e-10).all()
    printed = BOUNDS[potential] * np.linalg.norm(PATTERNS, 2)
    radius = printed + np.linalg.norm(INPUTS)
    norm = np.linalg.norm(x, axis=1)
    assert norm[0].max() > radius
    assert norm[-1].max() < radius
    entered = np.maximum.accumulate(norm < radius, axis=0)
    assert (norm[entered] < radius).all()
    assert networks.fixed_points(system, start).residual.max() < 1e-11
    if potential == "logsumexp":
        assert norm[-1].min() > printed


@pytest.mark.claim("B16")
def test_softplus_pulls_with_the_logistic_function() -> None:
    system, x = memory("softplus"), np.random.default_rng(9).normal(size=(3, 20))
    z = PATTERNS @ x + FIELDS[:, None]
    direct = (-x + INPUTS[:, None] + PATTERNS.T @ (1 / (1 + np.exp(-z)))) / 0.6
    np.testing.assert_allclose(system.force_at(x), direct, rtol=1e-12, atol=1e-14)
    energy = (x**2).sum(axis=0) / 2 - INPUTS @ x - np.log1p(np.exp(z)).sum(axis=0)
    np.testing.assert_allclose(system.energy_at(x), energy, rtol=1e-12)
    assert np.isfinite(system.energy_at(1e3 * x)).all()


@pytest.mark.claim("B17", "B18")
def test_log_sum_exp_pulls_with_softmax() -> None:
    """∇F = softmax(βz) = p, so that the pull is the mean of the patterns under p; the source's F pulls otherwise."""
    system, x = memory("logsumexp", inputs=0.0), np.random.default_rng(10).normal(size=(3, 20))
    z = PATTERNS @ x + FIELDS[:, None]
    p = softmax(2.3 * z)
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(system.force_at(x), (-x + PATTERNS.T @ p) / 0.6, rtol=1e-12, atol=1e-14)
    mean = sum(p[i] * PATTERNS[i][:, None] for i in range(5))
    np.testing.assert_allclose(system.force_at(x), (mean - x) / 0.6, rtol=1e-12, atol=1e-14)
    printed = memory("(log(beta) + logsumexp(z))/beta", inputs=0.0, parameters={"beta": 2.3})
    np.testing.assert_allclose(printed.force_at(x), (-x + PATTERNS.T @ softmax(z) / 2.3) / 0.6, rtol=1e-12, atol=1e-14)
    assert np.abs(printed.force_at(x) - system.force_at(x)).max() > 0.5


@pytest.mark.claim("B19")
def test_the_jacobian_is_a_covariance() -> None:
    """(−1 + β Cov_p(w, w))/τ against complex steps of the force in NumPy, to 1e-13; without β it is another."""
    system, x = memory("logsumexp"), np.random.default_rng(11).normal(size=3)

    def force(at: np.ndarray) -> np.ndarray:
        z = np.exp(2.3 * (PATTERNS @ at + FIELDS))
        return (-at + INPUTS + PATTERNS.T @ (z / z.sum())) / 0.6

    of_steps = np.stack([force(x + 1j * STEP * e).imag / STEP for e in np.eye(3)], axis=1)
    p = softmax(2.3 * (PATTERNS @ x + FIELDS))
    about = PATTERNS - p @ PATTERNS
    covariance = (p * about.T) @ about
    np.testing.assert_allclose((-np.eye(3) + 2.3 * covariance) / 0.6, of_steps, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(system.drift_jacobian(x[:, None])[..., 0], of_steps, rtol=1e-12, atol=1e-13)
    assert np.abs((-np.eye(3) + covariance) / 0.6 - of_steps).max() > 0.1


def test_a_potential_may_be_any_text() -> None:
    """F = z·z/2: a linear flow, with the fixed point (1 − WᵀW)⁻¹ (v + Wᵀb), found to round-off."""
    W = 0.3 * PATTERNS
    system = networks.associative_memory(W, "s*(z @ z)/2", fields=FIELDS, inputs=INPUTS, parameters={"s": 0.5})
    found = networks.fixed_points(system, np.ones((2, 3)))
    exact = np.linalg.solve(np.eye(3) - 0.5 * W.T @ W, INPUTS + 0.5 * W.T @ FIELDS)
    np.testing.assert_allclose(found.states, [exact], rtol=1e-12)
    np.testing.assert_allclose(found.eigenvalues, [np.linalg.eigvalsh(0.5 * W.T @ W) - 1], rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: networks.continuous([1.0]), r"couplings, fields: got shapes \(1,\) and \(\)"),
        (lambda: networks.continuous(np.eye(2), [1.0, 2.0, 3.0]), r"\(3,\); \(N, N\)"),
        (lambda: networks.continuous(np.eye(2), activation="swish"), "activation: got 'swish'; known are algebraic"),
        (lambda: networks.continuous(np.eye(2), time_scale=0.0), "time_scale: got 0.0; a number above 0"),
        (lambda: networks.continuous(np.eye(2), temperature=-1.0), "temperature: got -1.0"),
        (lambda: networks.continuous_energy("sign"), "activation: got 'sign'"),
        (lambda: networks.associative_memory([1.0]), r"patterns: got shape \(1,\)"),
        (lambda: networks.associative_memory(np.eye(2), "softmax"), "potential: got 'softmax'.*or a text of z"),
        (lambda: networks.associative_memory(np.eye(2), "logsumexp"), "parameters.beta: got None"),
        (lambda: networks.associative_memory(np.eye(2), fields=np.ones(3)), r"fields: got shape \(3,\)"),
        (lambda: networks.associative_memory(np.eye(2), inputs=np.ones(3)), r"inputs: got shape \(3,\)"),
        (lambda: networks.associative_memory(np.eye(2), parameters={"W": 1.0}), "parameters: W: networks have"),
        (lambda: networks.fixed_points(networks.continuous(np.eye(2)), [1.0]), r"starts: got shape \(1,\)"),
        (lambda: networks.fixed_points(networks.continuous(np.eye(2)), [[1, 1]], max_time=0), "max_time: got 0"),
        (lambda: networks.fixed_points(3, [[1.0]]), "system: got int; a System is needed. Of spins take attractors"),
        (
            lambda: networks.fixed_points(lk.System(energy="x**2*t", temperature=0.0), [[1.0]]),
            "walls or depends on time",
        ),
    ],
)
def test_what_is_refused(make: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        make()


def test_a_wrong_text_is_shown() -> None:
    with pytest.raises(InvalidExpression, match="unknown name 'u'"):
        networks.associative_memory(np.eye(2), "sum(u)")
