"""A neural ODE learns a spiral from noisy places at irregular times, and goes on where the data end.

Paths of x' = A x³, by components, are seen at twelve irregular times with noise of .05. A field with two hidden layers
is fitted to them: its paths are Dormand and Prince's, its slopes the exact adjoint of the steps they took. What is
asked is what it knows of the field itself: other paths, without noise, up to the time the data end and as long again;
and how it is to integrate: evaluations of the field, and the eigenvalues of its Jacobian along the paths, by epoch.

Then the same fit with other ways along the paths: with Euler's and classical Runge–Kutta's steps a field is learnt that
suits the steps. Each learnt field is followed once by its own steps and once by exact ones: where these differ, the
steps are a part of what was learnt, and it is no ODE.

Run it:  python scenarios/neural_ode_spiral.py            (a minute; writes neural_ode_spiral.png)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.learn import LBFGS, Adam, DiscreteAdjoint, DormandPrince, Fitted, FixedSteps, Loss, NeuralODE

TRUTH = lk.System(
    coordinates={"x": 2}, drift="A @ x**3", parameters={"A": [[-0.1, 2.0], [-2.0, -0.1]]}, temperature=0.0
)
END, NOISE = 3.0, 0.05
LOSS = Loss("(x - y) @ (x - y)/2", targets={"y": 2})
EXACT = DormandPrince(1e-9, 1e-9)
WAYS = {
    "Euler, Δt = .1": FixedSteps(0.1, "euler"),
    "Euler, Δt = .025": FixedSteps(0.025, "euler"),
    "RK4, Δt = .1": FixedSteps(0.1, "rk4"),
    "Dormand–Prince, 10⁻⁴": DormandPrince(1e-4, 1e-4),
}
"""Ways along paths; the last is the one the figure is about."""


def paths(system: lk.System, begin: np.ndarray, times: np.ndarray, solver: Any = EXACT) -> np.ndarray:
    """Where a system's paths are at times[1:], (k, N, 2)."""
    model = NeuralODE(system, LOSS, times, provider=DiscreteAdjoint(solver))
    return model.states(begin)


def starts(n: int, rng: np.random.Generator) -> np.ndarray:
    """Places on a ring, (n, 2)."""
    angle, radius = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.6, 1.3, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def fitted(solver: Any, times: np.ndarray, begin: np.ndarray, seen: np.ndarray, epochs: int) -> Fitted:
    """A field that has learnt what was seen: first roughly by Adam, then by L-BFGS."""
    field = networks.neural_field(networks.mlp({"x": 2}, [32, 32], 2, "tanh", rng=1))
    model = NeuralODE(field, LOSS, times, provider=DiscreteAdjoint(solver))
    targets = {"y": seen}
    adam = Adam(lambda k: 0.01 / (1 + k / 200))
    rough = model.fit(begin, targets, n_epochs=epochs, optimizer=adam, batch_size=32, spectra=8, rng=2)
    return rough.model.fit(begin, targets, n_epochs=epochs, optimizer=LBFGS(), spectra=8, start=rough, rng=2)


def main(n: int = 128, epochs: int = 300, figure: str = "neural_ode_spiral.png") -> dict[str, float]:
    """Fit, print, draw; return what was printed."""
    rng = np.random.default_rng(0)
    times = np.concatenate([[0.0], np.sort(rng.uniform(0.05, END, 11)), [END]])
    begin = starts(n, rng)
    truth = paths(TRUTH, begin, times)
    seen = truth + NOISE * rng.normal(size=truth.shape)
    others, later = starts(64, rng), np.linspace(0, 2 * END, 61)
    exact = paths(TRUTH, others, later)
    inside = later[1:] <= END

    found: dict[str, float] = {}
    learnt = {}
    print(f"{n} paths seen at {len(times) - 1} irregular times up to {END}, noise {NOISE}")
    print(f"{'':24}{'':9}{'error by its own steps':>24}{'by exact ones':>15}")
    print(f"{'way':24}{'loss':>9}{'to 3':>14}{'to 6':>10}{'to 3':>15}{'evaluations':>14}")
    for name, solver in WAYS.items():
        learnt[name] = fitted(solver, times, begin, seen, epochs)
        model, history = learnt[name].model, learnt[name].history
        loss, _, cost = model.value_and_slopes(begin, {"y": seen})
        ways = [paths(model.system, others, later, way) for way in (solver, EXACT)]
        errors = [float(np.sqrt(((way - exact)[inside] ** 2).sum(-1).mean())) for way in ways]
        beyond = float(np.sqrt(((ways[0] - exact)[~inside] ** 2).sum(-1).mean()))
        print(
            f"{name:24}{loss:9.5f}{errors[0]:14.4f}{beyond:10.4f}{errors[1]:15.4f}{cost.forward:8d} +{cost.backward:4d}"
        )
        found |= {
            f"loss({name})": loss,
            f"own({name})": errors[0],
            f"exact({name})": errors[1],
            f"later({name})": beyond,
        }
        found[f"fastest({name})"] = _fastest(history)[-1]
    best = list(WAYS)[-1]
    print(f"noise alone is a loss of {NOISE**2:.5f}; a loss below it has learnt some of the noise")
    is_ode = abs(found[f"own({best})"] - found[f"exact({best})"]) < 0.1 * found[f"exact({best})"]
    apart = [name for name in WAYS if found[f"exact({name})"] > 2 * found[f"own({name})"]]
    print(
        f"verdict: {best} has learnt {'an ODE' if is_ode else 'its steps'}; fields that suit their steps alone: "
        f"{', '.join(apart) or 'none'}"
    )
    _draw(learnt[best], others, later, exact, times, seen, found, figure)
    return found


def _fastest(history: xr.Dataset) -> np.ndarray:
    """The largest modulus of an eigenvalue of ∂f/∂x, the median over places, by epoch."""
    size = np.hypot(history.eigenvalue_real, history.eigenvalue_imag).max("mode")
    return np.asarray(size.median("place"))


def _draw(
    fit: Fitted,
    others: np.ndarray,
    later: np.ndarray,
    exact: np.ndarray,
    times: np.ndarray,
    seen: np.ndarray,
    found: dict[str, float],
    figure: str,
) -> None:
    page = Figure(figsize=(11, 8), layout="constrained")
    plane, learning, cost, spectrum = page.subplots(2, 2).ravel()
    mine = paths(fit.model.system, others, later)
    plane.plot(*seen.reshape(-1, 2).T, ".", color="0.8", markersize=3, label="seen")
    for i in range(3):
        known = later[1:] <= times[-1]
        plane.plot(*exact[:, i].T, color="0.3", linewidth=3, alpha=0.4, label="true" if i == 0 else None)
        plane.plot(*mine[known, i].T, color=f"C{i}", label="learnt" if i == 0 else None)
        plane.plot(*mine[~known, i].T, ":", color=f"C{i}", label="beyond the data" if i == 0 else None)
    plane.set(title="other paths than those seen", xlabel="x₁", ylabel="x₂", aspect="equal")
    plane.legend(fontsize="small", loc="upper right")

    history = fit.history
    learning.semilogy(history["update"], history.loss, linewidth=0.8)
    learning.axhline(NOISE**2, color="0.5", linestyle="--", label="noise")
    learning.set(title="learning: Adam, then L-BFGS", xlabel="update", ylabel="loss")
    learning.legend()

    cost.plot(history["update"], history.evaluations_forward, linewidth=0.8, label="evaluations forward")
    cost.plot(history["update"], history.evaluations_backward, linewidth=0.8, label="backward")
    cost.set(title="cost of a path and of its slopes", xlabel="update", ylabel="evaluations")
    cost.legend(loc="upper left", fontsize="small")
    epochs = cost.twiny().twinx()
    epochs.plot(history.epoch, _fastest(history), color="C3")
    epochs.set_ylabel("largest |eigenvalue| of ∂f/∂x", color="C3")

    for epoch, color in ((0, "0.7"), (int(history.epoch[-1]), "C0")):
        at = history.isel(epoch=epoch)
        label = "after the first epoch" if epoch == 0 else "after the last"
        spectrum.plot(
            at.eigenvalue_real.values.ravel(), at.eigenvalue_imag.values.ravel(), ".", color=color, label=label
        )
    where = paths(TRUTH, others, times).reshape(-1, 2)
    true = np.linalg.eigvals(lk.learn.jacobians(TRUTH, where)).ravel()
    spectrum.plot(true.real, true.imag, "k,", label="of the true field")
    spectrum.axvline(0, color="0.8", linewidth=0.8)
    spectrum.set(title="eigenvalues of ∂f/∂x along paths", xlabel="real part", ylabel="imaginary part")
    spectrum.legend(fontsize="small")
    page.savefig(figure, dpi=120)


if __name__ == "__main__":
    main()
