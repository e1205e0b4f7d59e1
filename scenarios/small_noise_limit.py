"""The limit T → 0 is more than T = 0: what the noise leaves behind as it vanishes.

Along the path x(t) of dx = f(x) dt, f = −K ∇E, an ensemble at temperature T spreads by √T and is shifted by T:

    Cov/T → Σ,            dΣ/dt = J Σ + Σ Jᵀ + 2 S                      Σ(0) = 0,  J = ∂f(x(t)), S that of K(x(t))
    (mean − x)/T → m,     dm/dt = J m + ∇·K + ½ ∂²f : Σ                 m(0) = 0

The mobility is a full tensor of position, so the divergence moves the mean as much as the curvature of f does: without
it the formula for m is wrong. A run at T = 1e-14 with the same noise is the linear response ξ of every particle; less
it, the mean's shift has a standard error of order T, where the ensemble alone has one of √T.

Euler–Maruyama has the same limits with J Σ + Σ Jᵀ + Δt J Σ Jᵀ, which differ by the order of Δt. Runs are held to these.

Run it:  python scenarios/small_noise_limit.py            (about half a minute; writes small_noise_limit.png)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from scipy.integrate import solve_ivp

import langevin_kit as lk

X, Y = sp.symbols("x y", real=True)
ENERGY = (X**2 - 1) ** 2 / 4 + X * Y / 2 + Y**2 / 2
MOBILITY = sp.Matrix([[1 + X**2, X * Y], [X * Y, 1 + Y**2]])
FORCE = -MOBILITY * sp.Matrix([ENERGY.diff(X), ENERGY.diff(Y)])
# The force is given as it is: no Boltzmann law is looked for, which at T = 1e-14 no quadrature would find.
SYSTEM = lk.System(drift=list(FORCE), mobility=MOBILITY.tolist(), temperature=0.0, coordinates=("x", "y"))
CURVATURE = sp.lambdify((X, Y), [sp.hessian(f, (X, Y)).tolist() for f in FORCE])  # ∂_b ∂_c fᵃ
START = [0.5, -0.2]
TEMPERATURES = np.array([1e-2, 1e-3, 1e-4, 1e-5])
LINEAR = 1e-14
TIME, SAVES = 2.0, 10
SEEN = 4.5  # standard errors: of 50 numbers one is that far off by chance with probability 3e-4


def rates(state: np.ndarray, dt: float = 0.0, divergence: float = 1.0) -> np.ndarray:
    """Time derivatives of x, m and Σ, one after the other; or, times dt, their steps under Euler–Maruyama."""
    x, m, cov = state[:2], state[2:4], state[4:].reshape(2, 2)
    j, s = SYSTEM.drift_jacobian(x), SYSTEM.symmetric_mobility_at(x)
    bent = np.einsum("abc,bc->a", CURVATURE(*x), cov) / 2
    shift = j @ m + divergence * SYSTEM.mobility_divergence(x) + bent
    return np.concatenate([SYSTEM.force_at(x), shift, (j @ cov + cov @ j.T + 2 * s + dt * j @ cov @ j.T).ravel()])


def limits(dt: float, n_steps: int, divergence: float = 1.0) -> np.ndarray:
    """x, m and Σ of Euler–Maruyama at the saved times, (saves, 8)."""
    state, rows = np.concatenate([START, np.zeros(6)]), []
    for k in range(n_steps):
        state = state + dt * rates(state, dt, divergence)
        if (k + 1) % (n_steps // SAVES) == 0:
            rows.append(state)
    return np.array(rows)


def slopes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes d ln|mean|/d ln T between neighbouring temperatures, from (temperatures, particles), with errors."""
    mean, covariance = values.mean(axis=1), np.cov(values) / values.shape[1]
    weight = np.diff(np.eye(len(mean)), axis=0) / np.diff(np.log(TEMPERATURES))[:, None]
    spread = (weight / mean) @ covariance @ (weight / mean).T
    return weight @ np.log(np.abs(mean)), np.sqrt(spread.diagonal())


def main(n_particles: int = 200_000, n_steps: int = 1_000, figure: str = "small_noise_limit.png") -> dict[str, float]:
    """Hold ensembles at four temperatures to the limits of their mean and covariance."""
    # ------------------------------------------------------------- the limits: of the steps, and of steps of no length
    dt, times = TIME / n_steps, np.linspace(0.0, TIME, SAVES + 1)[1:]
    law, naive = limits(dt, n_steps), limits(dt, n_steps, divergence=0.0)
    start = np.concatenate([START, np.zeros(6)])
    path = solve_ivp(lambda _, state: rates(state), (0.0, TIME), start, dense_output=True, rtol=1e-9, atol=1e-9).sol
    m, sigma, wrong = law[:, 2:4], law[:, 4:].reshape(-1, 2, 2), naive[:, 2:4]
    step_error = (np.abs(path(times).T - law) / np.abs(law).max(axis=0))[:, 2:].max()

    # ----------------------------------------------------- ensembles from one point, all with the same noise, and T = 0
    def positions(temperature: float, n: int = n_particles) -> np.ndarray:
        ds = lk.simulate(
            replace(SYSTEM, temperature=temperature),
            initial=lk.initial.point(START),
            n_particles=n,
            time_step=dt,
            n_steps=n_steps,
            save_every=n_steps // SAVES,
            rng=0,
            save_positions=True,
        )
        return np.asarray(ds.position[1:])

    centre = positions(0.0, 1)
    xi = (positions(LINEAR) - centre) / np.sqrt(LINEAR)
    at = SAVES // 2 - 1  # where ratios and slopes are taken, t = 1
    moved, spread, scores, clouds = [], [], [], {}
    for temperature in TEMPERATURES:
        clouds[temperature] = x = positions(temperature)
        scaled = (x - centre) / np.sqrt(temperature)
        eta = (scaled - xi) / np.sqrt(temperature)  # of mean (mean − x)/T, as ⟨ξ⟩ = 0
        mean, mean_stderr = eta.mean(axis=-1), eta.std(axis=-1) / np.sqrt(n_particles)
        cov, own = np.array([np.cov(rows) for rows in scaled]), np.einsum("taa->ta", sigma)
        cov_stderr = np.sqrt((own[:, :, None] * own[:, None, :] + sigma**2) / n_particles)
        off = (mean - m) / mean_stderr, (cov - sigma) / cov_stderr, (mean - wrong) / mean_stderr
        scores.append([float(np.abs(z).max()) for z in off])
        moved.append(temperature * (m[at] @ eta[at]) / (m[at] @ m[at]))
        squares = [((rows[at] - rows[at].mean(axis=1)[:, None]) ** 2).sum(axis=0) for rows in (scaled, xi)]
        spread.append((squares[0] - squares[1]) / sigma[at].trace())

    # ------------------------------------------------------------------------------------ how the limits are approached
    moved, spread = np.array(moved), np.array(spread)
    shift, excess = moved.mean(axis=1), spread.mean(axis=1)
    shift_stderr, excess_stderr = (v.std(axis=1) / np.sqrt(n_particles) for v in (moved, spread))
    shift_slope, excess_slope = slopes(moved), slopes(spread)
    print("     T   shift ÷ T m         slope            Cov ÷ T Σ − 1         slope          largest |z|: m      Σ")
    for row, temperature in enumerate(TEMPERATURES):
        steep = [f"{s[row - 1]:.4f} ± {e[row - 1]:.4f}" if row else "" for s, e in (shift_slope, excess_slope)]
        print(
            f"{temperature:6.0e}   {shift[row] / temperature:.4f} ± {shift_stderr[row] / temperature:.4f}"
            f"   {steep[0]:15s}  {excess[row]:8.1e} ± {excess_stderr[row]:.0e}   {steep[1]:15s}"
            f"     {scores[row][0]:12.1f} {scores[row][1]:6.1f}"
        )
    coldest = scores[-1]
    print(f"m without ∇·K: largest |z| {coldest[2]:.0f}; the time step moves the limits by {step_error:.1%}")
    held = "consistent with" if max(coldest[:2]) < SEEN else "inconsistent with"
    print(f"verdict: {held} the limits at T = {TEMPERATURES[-1]:g} ({SEEN} is chance)")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(14, 4.4), layout="constrained")
    plane, mean_axis, limit_axis = picture.subplots(1, 3)
    x, y = np.meshgrid(np.linspace(0.3, 1.35, 120), np.linspace(-0.85, 0.05, 120), indexing="ij")
    plane.contour(x, y, sp.lambdify((X, Y), ENERGY)(x, y), 24, colors="0.85", linewidths=0.8)
    plane.plot(*path(np.linspace(0.0, TIME, 200))[:2], "k-", lw=1.2, label="x(t), T = 0")
    for row in (0, 2, at, SAVES - 1):
        values, axes = np.linalg.eigh(1e-3 * sigma[row])
        angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
        plane.plot(*clouds[1e-3][row, :, :300], ".", ms=2, color="#56B4E9", zorder=0)
        plane.add_patch(Ellipse(law[row, :2], *4 * np.sqrt(values[::-1]), angle=angle, fill=False, color="#0072B2"))
    plane.set(xlabel="x", ylabel="y", title="T = 10⁻³: 300 particles, and 2√(TΣ)")
    plane.legend(frameon=False)
    fine = np.linspace(0.0, TIME, 200)
    for a, (name, colour) in enumerate((("x", "#D55E00"), ("y", "#009E73"))):
        mean_axis.plot(fine, path(fine)[2 + a], "-", color=colour, label=f"m of {name}")
        mean_axis.plot(times, wrong[:, a], ":", color=colour, label="without ∇·K")
        mean_axis.errorbar(times, mean[:, a], 2 * mean_stderr[:, a], fmt=".", color=colour)
    mean_axis.set(xlabel="time", title=f"(mean − x)/T at T = {TEMPERATURES[-1]:g}, ± 2 s.e.")
    mean_axis.legend(frameon=False, loc="lower right", fontsize="small")
    for value, stderr, colour, label in (
        (shift, shift_stderr, "#D55E00", "(mean − x) ÷ m"),
        (excess, excess_stderr, "#0072B2", "Cov ÷ TΣ − 1"),
    ):
        limit_axis.errorbar(TEMPERATURES, np.abs(value), 2 * stderr, fmt="o", color=colour, label=label, capsize=3)
        limit_axis.plot(TEMPERATURES, abs(value[1]) * TEMPERATURES / TEMPERATURES[1], "k:", lw=1)
    limit_axis.set(xscale="log", yscale="log", xlabel="T", title="approach of the limits at t = 1; dotted: slope 1")
    limit_axis.set_ylim(TEMPERATURES[-1] / 5, None)
    limit_axis.legend(frameon=False)
    picture.savefig(figure, dpi=150)
    return {
        "shift": float(shift[-1] / TEMPERATURES[-1]),
        "shift_stderr": float(shift_stderr[-1] / TEMPERATURES[-1]),
        "shift_slope": float(shift_slope[0][-1]),
        "shift_slope_stderr": float(shift_slope[1][-1]),
        "excess_slope": float(excess_slope[0][0]),
        "excess_slope_stderr": float(excess_slope[1][0]),
        "mean_score": coldest[0],
        "covariance_score": coldest[1],
        "hottest_covariance_score": scores[0][1],
        "score_without_divergence": coldest[2],
        "step_error": float(step_error),
    }


if __name__ == "__main__":
    main()
