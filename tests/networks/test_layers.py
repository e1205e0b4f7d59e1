"""Layers with singular Hessians: their texts against derivatives of the activation, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, LangevinKitError
from langevin_kit.networks import bipartite, layer

Array = NDArray[Any]
TAU = 2.0
J = np.array([0.6, -0.4, 0.2, 0.9])
CASES = {
    "softmax": ("softmax", 4, 0.0),
    "spherical": ("spherical", 3, 0.7),
    "layer norm": ("layer_norm", 4, 0.7),
    "sphere": ("spherical", 3, 0.0),
    "layer norm on a sphere": ("layer_norm", 4, 0.0),
}
SMOOTH = ["softmax", "spherical", "layer norm"]


def system(name: str, temperature: float = 0.5, **changes: Any) -> lk.System:
    kind, m, epsilon = CASES[name]
    own = layer(kind, "h", m, epsilon="eps" if epsilon else 0.0)
    given = {
        "energy": f"{own.energy} - J @ h",
        "mobility": own.mobility("1/tau"),
        "retraction": {"h": own.retraction},
        "coordinates": {"h": m},
        "parameters": {"J": J[:m], "tau": TAU, **({"eps": epsilon} if epsilon else {})},
    }
    return lk.System(temperature=temperature, **(given | changes))


def outputs(name: str) -> Callable[[Array], Array]:
    """The activation in NumPy, of potentials (m, ...)."""
    kind, _, epsilon = CASES[name]

    def softmax(h: Array) -> Array:
        e = np.exp(h - h.real.max(axis=0))
        return np.asarray(e / e.sum(axis=0))

    def spherical(h: Array) -> Array:
        return np.asarray(h / np.sqrt((h * h).sum(axis=0) + epsilon))

    def layer_norm(h: Array) -> Array:
        c = h - h.mean(axis=0)
        return np.asarray(c / np.sqrt((c * c).mean(axis=0) + epsilon))

    return {"softmax": softmax, "spherical": spherical, "layer_norm": layer_norm}[kind]


def potentials(name: str) -> Array:
    return np.random.default_rng(0).normal(size=(CASES[name][1], 20))


def hessian(name: str, h: Array) -> Array:
    """∂²L = ∂y/∂h by complex steps, [a, b, point]."""
    columns = []
    for b in range(len(h)):
        shifted = h.astype(complex)
        shifted[b] += 1e-30j
        columns.append(outputs(name)(shifted).imag / 1e-30)
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", CASES)
def test_the_mobility_is_the_hessian_of_the_lagrangian(name: str) -> None:
    """Over τ; on spheres without its factor, in front of which K has the eigenvalue 1."""
    h = potentials(name)
    y, H = outputs(name)(h), hessian(name, h)
    factor = 1.0 if name in SMOOTH else np.linalg.eigvalsh(np.moveaxis(H, -1, 0))[:, -1]
    np.testing.assert_allclose(system(name).mobility_at(y), H / factor / TAU, rtol=0, atol=1e-14)
    assert np.abs(H.sum(axis=1)).max() < 1e-14 or name in ("spherical", "sphere")  # singular: no law in h


@pytest.mark.parametrize("name", CASES)
def test_the_outputs_are_those_of_the_activation(name: str) -> None:
    kind, m, epsilon = CASES[name]
    h = potentials(name)
    weights = np.random.default_rng(1).normal(size=m)
    text = f"sum(({layer(kind, 'h', m, epsilon=epsilon).output})*w)"
    read = lk.System(energy=text, temperature=0.0, coordinates={"h": m}, parameters={"w": weights})
    np.testing.assert_allclose(read.energy_at(h), weights @ outputs(name)(h), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_the_energy_is_the_potential(name: str) -> None:
    """Up to what the activation does not see: a constant, and on spheres all of it."""
    h, P = potentials(name), system(name)
    slope = P.gradient(outputs(name)(h)) + P.parameters["J"][:, None]
    if name not in SMOOTH:
        assert not slope.any()
        return
    difference = slope - h
    shared = 0.0 if name == "spherical" else difference.mean(axis=0)
    np.testing.assert_allclose(difference - shared, 0, atol=1e-13)


@pytest.mark.parametrize("name", SMOOTH)
def test_at_zero_temperature_outputs_move_as_those_of_potentials(name: str) -> None:
    """At each place to rounding: dy/dt = ∂²L (J − h)/τ."""
    h, cold = potentials(name), system(name, 0.0)
    y = outputs(name)(h)
    expected = np.einsum("abn,bn->an", hessian(name, h), cold.parameters["J"][:, None] - h) / TAU
    np.testing.assert_allclose(cold.force_at(y), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(cold.drift_at(y), expected, rtol=0, atol=1e-14)
    assert np.abs(system(name).drift_at(y) - expected).max() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOOTH)
def test_paths_at_zero_temperature_are_those_of_potentials(name: str) -> None:
    """With an error of the order of the step; E falls all along."""
    h, cold = potentials(name), system(name, 0.0)

    def slope(t: float, flat: Array) -> Array:
        return np.asarray(((cold.parameters["J"][:, None] - flat.reshape(h.shape)) / TAU).ravel())

    end = solve_ivp(slope, (0.0, 1.0), h.ravel(), rtol=1e-11, atol=1e-12).y[:, -1].reshape(h.shape)
    errors = []
    for dt in (0.01, 0.005):
        steps = round(1 / dt)
        ds = lk.simulate(
            cold, initial=outputs(name)(h).T, time_step=dt, n_steps=steps, save_every=1, save_positions=True
        )
        errors.append(np.abs(ds.position.values[-1] - outputs(name)(end)).max())
        assert (np.diff(cold.energy_at(np.moveaxis(ds.position.values, 1, 0)), axis=0) < 1e-15).all()
    assert errors[0] < 0.02
    assert 1.8 < errors[0] / errors[1] < 2.2


@pytest.mark.parametrize("name", CASES)
def test_the_retraction_leaves_outputs_where_they_are(name: str) -> None:
    y, P = outputs(name)(potentials(name)), system(name)
    np.testing.assert_allclose(P.retracted(y), y, rtol=0, atol=5e-16 * np.abs(y).max() * 2)
    beyond = P.retracted(2 * y)
    np.testing.assert_allclose(P.retracted(beyond), beyond, rtol=0, atol=2e-15)
    assert np.isfinite(P.energy_at(P.retracted(np.zeros(P.n_dim)))) or name not in SMOOTH
    if name in ("spherical", "layer norm"):
        radius = np.sqrt(1 if name == "spherical" else 4)
        out = 1.25 * radius * y / np.linalg.norm(y, axis=0)
        np.testing.assert_allclose(P.retracted(out), 0.6 * out, rtol=4e-6)  # mirrored, as 1.25 → 0.75


@pytest.mark.parametrize("name", CASES)
def test_check_agrees_with_the_divergence_and_refuses_another(name: str) -> None:
    """Also Σ_b ∂_b over all m coordinates, which counts a direction that does not exist."""
    P = system(name)
    y = outputs(name)(potentials(name))
    lk.check(P, positions=y, time_step=1e-3)
    m = P.n_dim
    own = dict(P.mobility)
    wrong = {
        "softmax": f"(1 - {m + 1}*h)/tau",
        "spherical": own["divergence"].replace("5", "4"),
        "layer norm": own["divergence"].replace("5", "6"),
        "sphere": "-3*h/tau",
        "layer norm on a sphere": "-3/4*h/tau",
    }[name]
    for divergence in (wrong, "0"):
        with pytest.raises(InvalidArgument, match=r"divergence of the mobility: component .* dual numbers give"):
            lk.check(system(name, mobility={**own, "divergence": divergence}), positions=y)


U = np.random.default_rng(2).normal(size=(3, 4))


@pytest.mark.parametrize("name", SMOOTH)
def test_a_layer_of_a_network_moves_as_its_potentials(name: str) -> None:
    """At T = 0 with v an identity: dv/dt = U y − v and dy/dt = ∂²L (Uᵀv + J − h)/τ, of a hidden layer and a visible."""
    kind, m, epsilon = CASES[name]
    h, v, couplings = potentials(name), np.random.default_rng(3).normal(size=(3, 20)), U[:, :m]
    y, H = outputs(name)(h), hessian(name, h)
    hidden: Any = kind if kind == "softmax" else layer(kind, "h", m, epsilon=epsilon)
    network = bipartite(couplings, "identity", hidden, temperature=0.0, hidden_inputs=J[:m], time_scales=(1.0, TAU))
    pull = np.einsum("abn,bn->an", H, couplings.T @ v + J[:m, None] - h) / TAU
    np.testing.assert_allclose(network.force_at(np.concatenate([v, y])), [*(couplings @ y - v), *pull], atol=2e-14)
    visible: Any = kind if kind == "softmax" else layer(kind, "v", m, epsilon=epsilon)
    turned = bipartite(couplings.T, visible, "identity", temperature=0.0, inputs=J[:m], time_scales=(TAU, 1.0))
    np.testing.assert_allclose(turned.force_at(np.concatenate([y, v])), [*pull, *(couplings @ y - v)], atol=2e-14)


def test_a_layer_of_a_network_is_clamped_as_a_whole() -> None:
    held = bipartite(U, "tanh", "layer_norm", temperature=1.0, clamped="h")
    x = held.retracted(np.random.default_rng(4).uniform(-0.9, 0.9, (7, 5)))
    assert held.parameters["free_h"] == 0
    assert not held.drift_at(x)[3:].any()
    assert held.drift_at(x)[:3].any()
    assert not held.mobility_at(x)[3:, 3:].any()
    with pytest.raises(InvalidArgument, match="clamp all of it or none"):
        bipartite(U, "softmax", "tanh", temperature=1.0, clamped=[True, False, False])
    with pytest.raises(InvalidArgument, match="one for 'h' of length 4 is needed"):
        bipartite(U, "tanh", layer("softmax", "h", 3), temperature=1.0)
    with pytest.raises(InvalidArgument, match="one for 'v' of length 3 is needed"):
        bipartite(U, layer("softmax", "h", 3), "tanh", temperature=1.0)


def test_unknown_layers_and_numbers_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"softmax, spherical, layer_norm are known, got 'softmx'; did you mean"):
        layer("softmx", "h", 3)
    for length in (1, 2.0, True, 2):
        with pytest.raises(InvalidArgument, match="an integer of at least 3"):
            layer("layer_norm", "h", length)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="no epsilon is allowed"):
        layer("softmax", "h", 3, epsilon=0.1)
    with pytest.raises(InvalidArgument, match=r"got -0\.1; 0 or more"):
        layer("spherical", "h", 3, epsilon=-0.1)
    with pytest.raises(InvalidArgument, match="letters, digits"):
        layer("spherical", "h-1", 3)
    own = layer("spherical", "z", 3)
    with pytest.raises(LangevinKitError, match="'z' stands for the normals"):
        lk.System(energy=0.0, mobility=own.mobility(), temperature=1.0, coordinates={"z": 3})
