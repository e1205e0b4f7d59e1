"""Slopes of the energy in its parameters: against complex steps, and against −T ln Z by quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import learn, networks
from langevin_kit.errors import InvalidArgument
from langevin_kit.system.dense.evaluate import evaluate

STEP = 1e-30
RNG = np.random.default_rng(0)
MATRIX = lk.System(
    coordinates={"v": 3, "h": 2},
    energy="v @ (W @ v)/2 + tanh(v) @ (U @ h) + h @ (B @ h) + logsumexp(c*(U @ h)) + s*(h @ b)**2 - (v @ U) @ (d*h)",
    temperature=0.7,
    parameters={
        "W": RNG.normal(size=(3, 3)),
        "U": RNG.normal(size=(3, 2)),
        "B": RNG.normal(size=(2, 2)),
        "b": RNG.normal(size=2),
        "c": 0.6,
        "s": 0.3,
        "d": RNG.normal(size=2),
    },
)


def energy(system: lk.System, x: np.ndarray, **changed: Any) -> np.ndarray:
    """E, with parameters that may be complex."""
    values = {name: np.asarray(value) for name, value in {**system.parameters, **changed}.items()}
    return evaluate(system.content.derived.energy, x, 0.0, values)


@pytest.mark.claim("C26")
def test_slopes_are_those_of_complex_steps() -> None:
    """Of matrices in both orientations and in squares, vectors and numbers, to 1e-12; Hebb's is −g fᵀ."""
    x = RNG.normal(size=(5, 8))
    weights = RNG.uniform(0.5, 1.5, 8)
    found = learn.energy_slope(MATRIX, x, list(MATRIX.parameters), weights=weights)
    for name, value in MATRIX.parameters.items():
        stepped = np.empty(np.shape(value))
        for index in np.ndindex(np.shape(value)):
            moved = np.array(value, complex)
            moved[index] += 1j * STEP
            E = energy(MATRIX, x, **{name: moved})
            stepped[index] = (E.imag / STEP) @ weights / weights.sum()
        np.testing.assert_allclose(found[name], stepped, rtol=1e-12, atol=1e-13, err_msg=name)
    network = networks.bipartite(MATRIX.parameters["U"], "leaky_hardtanh", "leaky_relu", temperature=1.0)
    g, f = (networks.leaky_hardtanh(0.1).value(x[:3]), networks.leaky_relu(0.25).value(x[3:]))
    np.testing.assert_allclose(learn.energy_slope(network, x, ["U"])["U"], -g @ f.T / 8, rtol=1e-12)
    assert (g @ f.T * learn.energy_slope(network, x, ["U"])["U"] < 0).all()


@pytest.mark.claim("C20", "C18")
@pytest.mark.parametrize("held", [False, True])
def test_the_slope_of_the_free_energy_is_a_mean(held: bool) -> None:
    """∂(−T ln Z)/∂U by complex steps of the quadrature is ⟨∂E/∂U⟩ to 1e-12, of the whole law and with v held.

    And F[p, v] = ⟨E⟩ − T H of the law that is conditional on v is −T ln ∫ exp(−E/T) dh: both forms to 1e-12.
    """
    T = 0.5
    system = networks.bipartite([[0.8]], "tanh", "identity", inputs=0.3, hidden_inputs=-0.2, temperature=T)
    node, weight = np.polynomial.legendre.leggauss(120)
    v, of_v = (np.array([0.37]), np.ones(1)) if held else (node, weight)
    h, of_h = 12 * node, 12 * weight
    x = np.stack(np.meshgrid(v, h, indexing="ij")).reshape(2, -1)
    w = np.outer(of_v, of_h).ravel()
    for name in ("U", "I", "J"):
        moved = np.array(system.parameters[name], complex) + 1j * STEP
        free = -T * np.log((w * np.exp(-energy(system, x, **{name: moved}) / T)).sum())
        q = w * np.exp(-energy(system, x) / T)
        mean = learn.energy_slope(system, x, [name], weights=q)[name].item()
        if held and name == "I":
            assert mean == pytest.approx(-0.37, abs=1e-14)
        assert mean == pytest.approx(free.imag / STEP, abs=1e-12)
        uniform = learn.energy_slope(system, x, [name], weights=w)[name].item()
        assert name == "I" or abs(uniform - mean) > 0.01
    p = q / q.sum()
    entropy = -(p * np.log(p / w)).sum()
    assert (p * energy(system, x)).sum() - T * entropy == pytest.approx(free.real, abs=1e-12)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"names": ["Uu"]}, r"learn: got 'Uu'; did you mean 'U'"),
        ({"x": np.zeros((4, 3))}, r"x: got shape \(4, 3\); \(5, R\)"),
        ({"weights": np.ones(3)}, r"weights: got shape \(3,\); \(8,\)"),
        ({"weights": np.zeros(8)}, r"weights: .* a sum above 0"),
        ({"system": lk.System(energy="x**2", temperature=1.0)}, "a system of vectors is needed"),
        ({"system": networks.bipartite([[1.0]], temperature=1.0), "names": ["tau_v"]}, "does not depend on 'tau_v'"),
    ],
)
def test_what_has_no_slope_is_refused(given: dict[str, Any], match: str) -> None:
    about = {"system": MATRIX, "x": np.zeros((5, 8)), "names": ["U"], "weights": None, **given}
    with pytest.raises(InvalidArgument, match=match):
        learn.energy_slope(about["system"], about["x"], about["names"], weights=about["weights"])
