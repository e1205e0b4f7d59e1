"""Gradients of a neural ODE by this package and by others, in a process of its own.

``python ode_contestants.py PACKAGE WAY SOLVER`` says "ready", the loss and the slopes' norm, or "absent" and why; then
it answers each line with the CPU seconds of the fastest of some calls.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIZES, BATCH, STEPS, TOLERANCE, SECONDS = (2, 64, 64, 2), 1024, 100, 1e-5, 1.0
Call = Callable[[], tuple[float, float]]
"""What computes all slopes, and gives the loss and the norm of them."""


def layers(sizes: tuple[int, ...] = SIZES) -> list[tuple[Any, Any]]:
    """Weights (n, m) and biases (n,)."""
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, m)) / m**0.5, np.zeros(n)) for m, n in itertools.pairwise(sizes)]


def data(sizes: tuple[int, ...] = SIZES, batch: int = BATCH) -> tuple[Any, Any]:
    """Beginnings and targets."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))


def norm(slopes: Any) -> float:
    """The root of the sum of squares."""
    return float(np.sqrt(sum(np.square(np.asarray(s, float)).sum() for s in slopes)))


def ours(way: str, solver: str, *, threads: int = 1, batch: int = BATCH) -> Call:
    """`DiscreteAdjoint` in float32; the way is "stored", or what `checkpoints` is."""
    import langevin_kit as lk
    from langevin_kit.learn import DiscreteAdjoint, DormandPrince, FixedSteps

    system, loss = our_system(SIZES)
    x, y = data(batch=batch)
    objective = loss.of(system, y=y)
    steps = FixedSteps(1 / STEPS) if solver == "rk4" else DormandPrince(TOLERANCE, TOLERANCE)
    checkpoints: Any = None if way == "stored" else way
    adjoint = DiscreteAdjoint(steps, checkpoints=checkpoints, dtype="float32", backend=lk.CPU(threads=threads))

    def call() -> tuple[float, float]:
        found = adjoint.gradient(system, x, [0.0, 1.0], objective)
        return found.loss, norm(found.parameters.values())

    return call


def our_system(sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """The network as the drift of a system, and the mean square as a loss."""
    import langevin_kit as lk
    from langevin_kit.learn import Loss

    text, parameters = "x", {}
    for i, (W, b) in enumerate(layers(sizes)):
        text = f"W{i} @ {text if i == 0 else f'tanh({text})'} + b{i}"
        parameters |= {f"W{i}": W, f"b{i}": b}
    system = lk.System(coordinates={"x": sizes[0]}, drift=text, parameters=parameters, temperature=0.0)
    return system, Loss(f"sum((x - y)**2)/{sizes[-1]}", targets={"y": sizes[-1]})


def diffrax(way: str, solver: str) -> Call:
    """The adjoint named by the way; RK4 by its table of coefficients."""
    import diffrax
    import jax
    import jax.numpy as jnp

    class RK4(diffrax.AbstractERK):  # type: ignore[misc]
        tableau = diffrax.ButcherTableau(
            a_lower=(np.array([0.5]), np.array([0, 0.5]), np.array([0, 0, 1.0])),
            b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
            b_error=np.array([1 / 6 - 1, 1 / 3, 1 / 3, 1 / 6]),
            c=np.array([0.5, 0.5, 1.0]),
        )
        interpolation_cls = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

        def order(self, terms: Any) -> int:
            return 4

    adjoint = {"backsolve": diffrax.BacksolveAdjoint, "checkpoint": diffrax.RecursiveCheckpointAdjoint}[way]()
    scheme, length, most = (RK4(), 1 / STEPS, 128) if solver == "rk4" else (diffrax.Dopri5(), None, 64)
    control = diffrax.ConstantStepSize() if solver == "rk4" else diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE)
    theta = [tuple(jnp.asarray(a, jnp.float32) for a in layer) for layer in layers()]
    x, y = (jnp.asarray(a, jnp.float32) for a in data())

    def field(t: Any, h: Any, theta: Any) -> Any:
        for i, (W, b) in enumerate(theta):
            h = (jnp.tanh(h) if i else h) @ W.T + b
        return h

    @jax.jit
    @jax.value_and_grad
    def step(theta: Any, x: Any, y: Any) -> Any:
        way = diffrax.diffeqsolve(
            diffrax.ODETerm(field), scheme, 0.0, 1.0, length, x, theta, saveat=diffrax.SaveAt(t1=True),
            adjoint=adjoint, stepsize_controller=control, max_steps=most,
        )  # fmt: skip
        return jnp.mean((way.ys[0] - y) ** 2)

    def call() -> tuple[float, float]:
        loss, slopes = jax.block_until_ready(step(theta, x, y))
        return float(loss), norm(jax.tree.leaves(slopes))

    return call


def torchdiffeq(way: str, solver: str) -> Call:
    """`odeint_adjoint`, or `odeint` with slopes through all it did."""
    import torch
    import torchdiffeq

    torch.set_num_threads(1)
    linear = []
    for W, b in layers():
        linear.append(torch.nn.Linear(*W.shape[::-1]))
        linear[-1].weight.data, linear[-1].bias.data = (torch.tensor(a, dtype=torch.float32) for a in (W, b))
    parts = [part for layer in linear for part in (torch.nn.Tanh(), layer)][1:]

    class Field(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = torch.nn.Sequential(*parts)

        def forward(self, t: Any, h: Any) -> Any:
            return self.network(h)

    field, solve = Field(), {"adjoint": torchdiffeq.odeint_adjoint, "direct": torchdiffeq.odeint}[way]
    options = (
        {"method": "rk4", "options": {"step_size": 1 / STEPS}}
        if solver == "rk4"
        else {"method": "dopri5", "rtol": TOLERANCE, "atol": TOLERANCE}
    )
    x, y = (torch.tensor(a, dtype=torch.float32) for a in data())

    def call() -> tuple[float, float]:
        field.zero_grad()
        loss = ((solve(field, x, torch.tensor([0.0, 1.0]), **options)[-1] - y) ** 2).mean()
        loss.backward()
        return loss.item(), norm(p.grad.numpy() for p in field.parameters())

    return call


def fastest(call: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the fastest of the calls that fit `SECONDS`, three at least."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        before = clock()
        call()
        times.append(clock() - before)
    return min(times)


def main(package: str, way: str, solver: str) -> None:
    """Answer the parent."""
    try:
        call = {"ours": ours, "diffrax": diffrax, "torchdiffeq": torchdiffeq}[package](way, solver)
        loss, slope = call()
    except Exception as error:
        reason = " ".join(str(error).split())
        print(f"absent: {type(error).__name__}: {reason:.200}", flush=True)
        return
    print(f"ready {loss!r} {slope!r}", flush=True)
    for _ in sys.stdin:
        print(fastest(call), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
