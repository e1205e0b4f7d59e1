"""Continuous Hopfield networks with Lagrangians as choices of E and K: descent, noise, normalisability.

One visible and one hidden unit, g = L′ of each: E = v g(v) − L(v) + h g(h) − L(h) − I g(v) − U g(v) g(h), and
K = 1/L″ of each coordinate, so that −K ∇E = (U g(h) − v + I, U g(v) − h).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, MobilityNotPositive, NotNormalizable

PAIR = ("v", "h")
LAGRANGIANS = {  # L, g = L′ and L″, of a unit x
    "identity": ("{x}**2/2", "{x}", "1"),
    "tanh": ("log(cosh({x}))", "tanh({x})", "1/cosh({x})**2"),
    "sigmoid": ("log(1 + exp({x}))", "1/(1 + exp(-{x}))", "exp({x})/(1 + exp({x}))**2"),
    "leaky": ("(0.625*{x} + 0.375*abs({x}))*{x}/2", "(0.625*{x} + 0.375*abs({x}))", "(1 - 0.75*({x} < 0))"),
    "rectifier": ("({x} + abs({x}))*{x}/4", "({x} + abs({x}))/2", "({x} > 0)"),
}


def network(kind: str, U: float, *, I: float = 0.0, **given: Any) -> lk.System:  # noqa: E741  (the name of the paper)
    L, g, bend = LAGRANGIANS[kind]
    energy = " + ".join(f"{x}*({g.format(x=x)}) - ({L.format(x=x)})" for x in PAIR)
    energy += f" - I*({g.format(x='v')}) - U*({g.format(x='v')})*({g.format(x='h')})"
    about: dict[str, Any] = {
        "mobility": [[f"1/({bend.format(x='v')})", 0], [0, f"1/({bend.format(x='h')})"]],
        "temperature": 0.5,
        "coordinates": PAIR,
        "parameters": {"U": U, "I": I},
    }
    return lk.System(energy=energy, **{**about, **given})


@pytest.mark.claim("C22")
@pytest.mark.parametrize("kind", ["identity", "tanh", "sigmoid", "leaky"])
def test_the_energy_falls_along_the_flow(kind: str) -> None:
    """At T = 0: dv/dt = U g(h) − v + I and dh/dt = U g(v) − h to 1e-12, and E of every path never rises."""
    system = network(kind, 0.7 if kind in ("identity", "leaky") else 2.5, I=0.3, temperature=0.0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 200))
    g = {"identity": lambda x: x, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
         "leaky": lambda x: np.where(x < 0, 0.25 * x, x)}[kind]  # fmt: skip
    U, (v, h) = system.parameters["U"], x
    np.testing.assert_allclose(system.drift_at(x), [U * g(h) - v + 0.3, U * g(v) - h], rtol=1e-12, atol=1e-12)
    ds = lk.simulate(system, initial=x.T.copy(), time_step=0.01, n_steps=6000, save_every=20, save_positions=True)
    energy = np.stack([system.energy_at(row) for row in ds.position.values])
    assert (np.diff(energy, axis=0) < 1e-13).all()
    assert energy[0].mean() - energy[-1].mean() > 0.01
    assert np.abs(system.drift_at(ds.position[-1].values)).max() < 1e-4


@pytest.mark.claim("C23")
def test_the_mobility_cancels_in_the_drift_and_not_in_the_noise() -> None:
    """P(v < 0) of one leaky unit at T = 0.5 is 0.2888; K (U f − v + I) dt + √2TK dW, as printed, gives 0.039."""
    g, bend = LAGRANGIANS["leaky"][1].format(x="v"), LAGRANGIANS["leaky"][2].format(x="v")
    right: dict[str, Any] = {
        "energy": f"(v - 0.8)*({g}) - ({LAGRANGIANS['leaky'][0].format(x='v')})",
        "mobility": f"1/({bend})",
        "temperature": 0.5,
        "coordinates": ("v",),
    }
    printed = {**right, "energy": 0.0, "drift": [f"(0.8 - v)/({bend})"]}
    found = {}
    schemes = {"right": "hanggi_klimontovich", "printed": "euler_maruyama"}
    for name, arguments in (("right", right), ("printed", printed)):
        ds = lk.simulate(
            lk.System(**arguments),
            initial=lk.initial.gaussian([0.0], 1.0),
            n_particles=50_000,
            time_step=0.005,
            n_steps=2000,
            save_every=2000,
            observables={"left": "v < 0"},
            scheme=schemes[name],
            rng=1,
            check=False,
        )
        found[name] = float(ds.left[-1]), float(ds.left_stderr[-1])
    np.testing.assert_allclose(lk.System(**right).drift_at([[-2.0, 1.5]]), [[2.8, -0.7]], rtol=1e-12)
    assert abs(found["right"][0] - 0.2888) < 4 * found["right"][1] + 1e-3
    assert abs(found["printed"][0] - 0.039) < 0.004


@pytest.mark.claim("C25")
def test_which_networks_have_a_boltzmann_law() -> None:
    """Before a run: tanh and sigmoid units, rectifiers, and leaky units with ‖U‖ > 1 have Z = ∞."""
    far = lk.check(network("leaky", 0.9), positions=np.zeros((2, 1)))
    # E = ½ xᵀ[[s, −U s t], …]x in each quadrant: Z is a sum of four Gaussian integrals, here by polar angle.
    angle = np.linspace(-np.pi, np.pi, 200_001)
    along = network("leaky", 0.9).energy_at(np.stack([np.cos(angle), np.sin(angle)]))
    assert far.law is not None
    assert far.law.log_z == pytest.approx(np.log(np.trapezoid(0.25 / along, angle)), abs=1e-4)
    for kind, U in (("leaky", 1.1), ("tanh", 0.5), ("sigmoid", 0.5)):
        report = lk.check(network(kind, U), positions=np.zeros((2, 1)))
        assert report.law is None
        assert report.boltzmann.startswith("none: ")
    with pytest.raises((InvalidArgument, MobilityNotPositive), match=r"mobility is .*inf"):
        lk.check(network("rectifier", 0.5), positions=np.full((2, 1), -1.0))
    plain = network("rectifier", 0.5, mobility=1.0)
    assert lk.check(plain, positions=np.zeros((2, 1))).law is None
    with pytest.raises(NotNormalizable):
        lk.simulate(
            plain, initial=lk.initial.point([0.5, 0.5]), n_particles=1000, time_step=1e-2, n_steps=1, rng=0
        ).langevin.kl_divergence()
