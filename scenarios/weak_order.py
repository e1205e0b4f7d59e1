"""The weak order of Euler–Maruyama, measured with common random numbers and held to an exact calculation.

A scheme has weak order p if the mean of a smooth f at a fixed time is off by a multiple of Δt^p. How far a mean moves
when Δt is halved falls by the same power, and needs no exact solution. But it is small: independent ensembles would
need hundreds of times as many particles to show it. So both step along the same Brownian path: an increment of the
coarse one is the sum of the two increments of the fine one, and most of the noise drops out of their difference.

The noise is that of the library, a function of seed, particle and step: the finest ensemble here is, path by path, what
`simulate` makes of the same seed. The exact means come from powers of the scheme's transfer operator on the circle,
which samples nothing.

Run it:  python scenarios/weak_order.py            (about half a minute; writes weak_order.png)
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.testing import normals, transfer_operator

SYSTEM = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", mobility="1 + 0.6*sin(x)", temperature=1.0)
SEED = 0
TIME = 0.5
STEPS = (8, 16, 32, 64, 128)
BLOCK = 2**14


def step(x: np.ndarray, dt: float, dw: np.ndarray) -> np.ndarray:
    """One step of Euler–Maruyama from x (1, n) with the Brownian increments dw."""
    return x + dt * SYSTEM.drift_at(x) + np.sqrt(2 * SYSTEM.temperature * SYSTEM.mobility_at(x)[0]) * dw


def main(n_particles: int = 400_000, figure: str = "weak_order.png") -> dict[str, float]:
    """Measure E[cos x] at t = 1/2 for five time steps, and fit the order to the four differences."""
    # ------------------------------------------------------------- all ensembles along the same paths, block by block
    key = tuple(int(word) for word in philox_key(seed_sequence(SEED)))
    finest = STEPS[-1]
    f = np.empty((len(STEPS), n_particles))
    for first in range(0, n_particles, BLOCK):
        particles = np.arange(first, min(first + BLOCK, n_particles))
        z = np.concatenate([normals(particles, call, key) for call in range(finest // 2)])  # two steps a call
        for row, n in enumerate(STEPS):
            increments = np.sqrt(TIME / finest) * z.reshape(n, finest // n, -1).sum(axis=1)
            x = np.zeros((1, len(particles)))
            for dw in increments:
                x = step(x, TIME / n, dw)
            f[row, particles] = np.cos(x[0])

    # ------------------------------------------------------ the same means without sampling: (Pⁿ f)(x) = E[f(xₙ) | x]
    exact = []
    for n in STEPS:
        grid, operator = transfer_operator(
            lambda x, z, dt=TIME / n: step(x, dt, np.sqrt(dt) * z[0]), d=1, points=96, nodes=40
        )
        exact.append((np.linalg.matrix_power(operator, n) @ np.cos(grid[0]))[0])  # the first grid point is x = 0

    # ----------------------------------- the differences, and the slope of their logarithms; its error to first order
    time_step = TIME / np.array(STEPS[:-1])
    difference, exact_difference = -np.diff(f, axis=0), -np.diff(exact)
    mean, covariance = difference.mean(axis=1), np.cov(difference) / n_particles
    stderr = np.sqrt(covariance.diagonal())
    independent = np.sqrt((f[:-1].var(axis=1) + f[1:].var(axis=1)) / n_particles)
    centred = np.log(time_step) - np.log(time_step).mean()
    weight = centred / (centred @ centred)
    order, exact_order = weight @ np.log(abs(mean)), weight @ np.log(abs(exact_difference))
    order_stderr = np.sqrt(weight / mean @ covariance @ (weight / mean))

    print("   Δt     E f(Δt) − E f(Δt/2)        exact     s.e. of independent ensembles")
    for row, n in enumerate(STEPS[:-1]):
        print(
            f"1/{n / TIME:<5.0f}  {mean[row]:.6f} ± {stderr[row]:.6f}     {exact_difference[row]:.6f}"
            f"    {independent[row]:.6f}, {(independent[row] / stderr[row]) ** 2:.0f} times the particles"
        )
    print(f"weak order {order:.3f} ± {order_stderr:.3f}, exact {exact_order:.3f}")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(7, 5), layout="constrained")
    ax = picture.subplots()
    label = "common random numbers, ± 2 s.e."
    ax.errorbar(time_step, mean, 2 * stderr, fmt="o", color="#0072B2", capsize=4, label=label)
    ax.plot(time_step, exact_difference, "k-", lw=1, label="exact, from the transfer operator")
    ax.fill_between(time_step, 1e-9, 2 * independent, color="0.88", label="2 s.e. of independent ensembles")
    ax.plot(time_step, mean[0] * (time_step / time_step[0]) ** 2, "k:", lw=1, label="slope 2, for comparison")
    ax.set(xscale="log", yscale="log", ylim=(abs(mean).min() / 8, 2 * abs(mean).max()))
    ax.set(xlabel="time step Δt", ylabel="E[cos x](Δt) − E[cos x](Δt/2)")
    ax.set_xticks(time_step, [f"1/{n / TIME:.0f}" for n in STEPS[:-1]], minor=False)
    ax.minorticks_off()
    ax.set_title(f"Euler–Maruyama: weak order {order:.3f} ± {order_stderr:.3f}")
    ax.legend(loc="lower right", framealpha=1)
    picture.savefig(figure, dpi=150)
    return {
        "order": float(order),
        "order_stderr": float(order_stderr),
        "exact_order": float(exact_order),
        "largest_score": float(np.abs((mean - exact_difference) / stderr).max()),
        "finest_mean": float(f[-1].mean()),
    }


if __name__ == "__main__":
    main()
