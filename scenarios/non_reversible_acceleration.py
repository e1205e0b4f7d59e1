"""An antisymmetric mobility makes probability go round: q stays, dF/dt of a given p stays, and relaxation speeds up.

The same energy and the same S, with K = S + A and A = a(x) [[0, 1], [−1, 0]]:

    q ~ exp(−E/T) is stationary for every A, if T ∂_b Kᵃᵇ sums over the second index; over the first it is not;
    dF/dt = −∫ p ∇Φ·S∇Φ dx with Φ = T ln p + E has no A in it, so at the start F falls alike for all A;
    the spectral gap never falls (Lelièvre, Nier & Pavliotis, J. Stat. Phys. 152, 237 (2013)).

A changes where p goes, and with it how F falls later: KL may be larger for a while and is far smaller in the end, the
more so the slower the slow axis of S = diag(ε, 1) is. E = x·Hx/2, so for a constant A all laws are Gaussian: KL(t) is
known, also that of Euler–Maruyama's steps, and the gap is at most tr(SH)/2. For A(x) the grid is the reference. With a
small ε the grid is rough: A sweeps across thin diffusion there, where its fluxes are upwind.

Run it:  python scenarios/non_reversible_acceleration.py   (about a minute; writes non_reversible_acceleration.png)
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import expm, solve_discrete_lyapunov
from scipy.sparse.linalg import eigs

import langevin_kit as lk

H = np.array([[1.0, 0.5], [0.5, 2.0]])
TEMPERATURE = 1.0
TURN = "a*(1 + b*(1 - x**2)/(1 + x**2))"  # constant for b = 0; 2a/(1 + x²) for b = 1
SYSTEM = lk.System(
    energy="x**2/2 + x*y/2 + y**2",
    mobility=[["e", TURN], [f"-({TURN})", "1"]],
    temperature=TEMPERATURE,
    coordinates=("x", "y"),
    parameters={"e": 1.0, "a": 0.0, "b": 0.0},
)
# Twice −T ∂_b Aᵃᵇ turns the divergence over the second index into that over the first.
TRANSPOSED = replace(SYSTEM, drift=["0", f"-2*{TEMPERATURE}*a*b*4*x/(1 + x**2)**2"])
MEAN, VARIANCE = np.array([-1.5, 1.5]), 0.3
TIME, SAVES = 3.0, 6
STRENGTHS = (0.0, 1.0, 2.0)
CASES = {"ε = 1": (1.0, 0.0), "ε = 0.2": (0.2, 0.0), "ε = 0.02": (0.02, 0.0), "ε = 1, A(x)": (1.0, 1.0)}
ALARM = 1e-3  # probability that an ensemble with exactly the right law is called inconsistent
SEEN = 4.5  # standard errors: of 54 numbers one is that far off by chance with probability 4e-4


def gaussian_kl(e: float, a: float, t: float, dt: float = 0.0) -> float:
    """KL(p‖q) at a time for a constant A: of the equation, or of Euler–Maruyama with the time step dt."""
    m, s, q = np.array([[e, a], [-a, 1.0]]) @ H, np.diag([e, 1.0]), TEMPERATURE * np.linalg.inv(H)
    limit = solve_discrete_lyapunov(np.eye(2) - dt * m, 2 * TEMPERATURE * dt * s) if dt else q
    step = np.linalg.matrix_power(np.eye(2) - dt * m, round(t / dt)) if dt else expm(-m * t)
    mean, covariance = step @ MEAN, limit + step @ (VARIANCE * np.eye(2) - limit) @ step.T
    ratio = np.linalg.solve(q, covariance)
    return float((np.trace(ratio) - 2 - np.linalg.slogdet(ratio)[1] + mean @ np.linalg.solve(q, mean)) / 2)


def main(
    n_particles: int = 100_000,
    n_steps: int = 3_000,
    cells: int = 128,
    figure: str = "non_reversible_acceleration.png",
) -> dict[str, Any]:
    """Follow KL for four kinds of S + A at three strengths of A, and hold q to what should and should not keep it."""
    times = np.linspace(0.0, TIME, SAVES + 1)
    histogram, grid = (lk.Grid(x=lk.cells(-6.0, 6.0, n), y=lk.cells(-4.5, 4.5, n)) for n in (256, cells))
    start, rest = lk.initial.gaussian(MEAN, VARIANCE), lk.initial.gaussian([0.0, 0.0], TEMPERATURE * np.linalg.inv(H))
    q = np.exp(lk.boltzmann(SYSTEM).log_density(grid.centers)) * grid.volume

    def ensemble(system: lk.System, initial: Any) -> Any:
        return lk.simulate(
            system,
            initial=initial,
            n_particles=n_particles,
            time_step=TIME / n_steps,
            n_steps=n_steps,
            save_every=n_steps // SAVES,
            rng=0,
            histogram=histogram,
        )

    # ----------------------------------------------------------------------- KL, the gap, and dF/dt of the same first p
    table, curves = {}, {}
    print("                  KL at t = 3                          spectral gap     dF/dt at t = 0    held to exact")
    print("              a    ensemble          exact    grid     exact    grid    exact    grid     values or grid")
    for (kind, (e, b)), a in product(CASES.items(), STRENGTHS):
        system = replace(SYSTEM, parameters={"e": e, "a": a, "b": b})
        ds = ensemble(system, start)
        kl, stderr = ds.kl_divergence.values, ds.kl_divergence_stderr.values
        density = lk.fokker_planck.evolve(system, grid, initial=start, times=times, steps=20)
        mass = np.maximum(density.values, np.finfo(float).tiny) * grid.volume
        on_grid = (mass * np.log(mass / q)).sum(axis=(1, 2))
        generator = lk.fokker_planck.operator(system, grid)
        values = eigs(generator, k=3, sigma=0.01, v0=q.ravel(), return_eigenvectors=False).real
        slope = TEMPERATURE * np.log(mass[0] / q).ravel() @ generator @ mass[0].ravel()
        row = {"ensemble": kl[-1], "law": on_grid[-1], "gap": -np.sort(values)[-2], "slope": slope}
        exact = dict.fromkeys(("law", "gap", "slope"), np.nan)
        if b == 0:
            of_steps = np.array([gaussian_kl(e, a, t, TIME / n_steps) for t in times])
            row["score"] = np.nanmax(np.abs(kl - of_steps) / stderr)
            row["law"] = exact["law"] = gaussian_kl(e, a, TIME)
            exact["gap"] = np.linalg.eigvals(np.array([[e, a], [-a, 1.0]]) @ H).real.min()
            exact["slope"] = TEMPERATURE * (gaussian_kl(e, a, 1e-4) - gaussian_kl(e, a, -1e-4)) / 2e-4
            verdict = f"largest |z| {row['score']:.1f}"
        else:
            verdict = f"grid: {lk.fokker_planck.compare(ds, density, alarm=ALARM).verdict.state}"
        table[kind, a], curves[kind, a] = row, (kl, stderr, on_grid)
        print(
            f"{kind:11s} {a:3.0f}  {kl[-1]:8.5f} ± {stderr[-1]:.5f}  {exact['law']:7.5f}  {on_grid[-1]:.5f}"
            f"  {exact['gap']:6.3f}  {row['gap']:6.3f}  {exact['slope']:7.3f} {slope:7.3f}   {verdict}"
        )

    # --------------------------------------------------------- q under A(x), with the divergence over either index of K
    stays = {}
    for name, one in (("second", SYSTEM), ("first", TRANSPOSED)):
        system = replace(one, parameters={"e": 1.0, "a": STRENGTHS[-1], "b": 1.0})
        still = lk.fokker_planck.evolve(replace(system, drift=None), grid, initial=q / grid.volume, times=times)
        found = lk.fokker_planck.compare(ensemble(system, rest), still, alarm=ALARM)
        stays[name] = float(found.table.p_adjusted.min())
        print(f"from q, T ∂K over the {name} index: {found.verdict}")

    # ------------------------------------------------------------------------------------------------------ the verdict
    largest = max(row.get("score", 0.0) for row in table.values())
    least = min(table[kind, a]["gap"] / table[kind, 0.0]["gap"] for kind, a in table if a)
    change = max(abs(row["slope"] / table[k, 0.0]["slope"] - 1) for (k, _), row in table.items() if CASES[k][0] == 1.0)
    left = (f"{table[kind, STRENGTHS[-1]]['law'] / table[kind, 0.0]['law']:.2g} ({kind})" for kind in CASES)
    print("KL left at t = 3 with a = 2, of that with a = 0: " + ", ".join(left))
    print(f"dF/dt at the start differs by {change:.1e} between A and none, on the grid where S = 1")
    keep, fall = "keeps to" if largest < SEEN else "leaves", "never falls" if least > 1 - 1e-9 else "falls"
    second, first = ("stays" if p > ALARM else "does not stay" for p in stays.values())
    print(f"verdict: KL {keep} the closed form; the gap {fall}; q {second}, and with the first index {first}")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(14, 3.8), layout="constrained")
    for ax, (kind, (e, b)) in zip(picture.subplots(1, len(CASES), sharey=True), CASES.items(), strict=True):
        fine = np.linspace(0.0, TIME, 121)
        for a, colour in zip(STRENGTHS, ("#000000", "#0072B2", "#D55E00"), strict=True):
            kl, stderr, on_grid = curves[kind, a]
            if b == 0:
                ax.plot(fine, [gaussian_kl(e, a, t) for t in fine], "-", color=colour, lw=1)
            ax.plot(times, on_grid, "x" if b == 0 else "x-", color=colour, ms=5, lw=1)
            seen = np.where(kl > 2 * stderr, kl, np.nan)  # others cannot be told from zero, which has no logarithm
            ax.errorbar(times, seen, 2 * stderr, fmt="o", color=colour, ms=4, label=f"a = {a:g}")
        ax.set(yscale="log", ylim=(2e-4, 5), xlabel="time", title=f"S = diag(ε, 1), {kind}")
    ax.figure.axes[0].set_ylabel("KL(p ‖ q)")
    ax.figure.axes[0].legend(frameon=False, loc="lower left", title="● ensemble  × grid  — exact")
    picture.savefig(figure, dpi=150)
    return {
        **{f"{kind}, a = {a:g}": float(row["ensemble"]) for (kind, a), row in table.items()},
        "largest score": float(largest),
        "least ratio of gaps": float(least),
        "change of dF/dt": float(change),
        **{f"from q, {name} index: p": value for name, value in stays.items()},
    }


if __name__ == "__main__":
    main()
