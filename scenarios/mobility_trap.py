"""The mobility trap: leave T ∇·K out of the drift, and particles relax to q/K instead of q.

A harmonic well with a mobility that is five times larger in the middle. The Itô equation whose stationary law is the
Boltzmann law q ~ exp(-E/T) is

    dx = [-K E' + T K'] dt + sqrt(2 T K) dW                                                              (right)

and the tempting one, with the force times the mobility as its only drift, is

    dx = -K E' dt + sqrt(2 T K) dW.                                                                      (naive)

The naive one is the right one for the energy E + T ln K, since -K (E + T ln K)' + T K' = -K E'. So its law is q/K.
Both start from q itself: the right ensemble must stay there, the naive one must leave.

Run it:  python scenarios/mobility_trap.py            (about half a minute; writes mobility_trap.png)
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit.estimate import relaxation

ENERGY = "x**2/2"
MOBILITY = "1/2 + 2*exp(-2*x**2)"
TEMPERATURE = 1.0


def main(n_particles: int = 500_000, figure: str = "mobility_trap.png") -> dict[str, float]:
    """Run both equations from q and compare each with q and with q/K."""
    # -------------------------------------------------------------------------------------------- the two equations
    right = lk.System(energy=ENERGY, mobility=MOBILITY, temperature=TEMPERATURE)
    naive = lk.System(energy=f"{ENERGY} + {TEMPERATURE}*log({MOBILITY})", mobility=MOBILITY, temperature=TEMPERATURE)

    # ------------------------------------------------------------------------- both ensembles, from q, the same noise
    grid = lk.Grid(x=lk.cells(-6.0, 6.0, 1024))
    runs = {
        name: lk.simulate(
            system,
            initial=lk.initial.gaussian([0.0], TEMPERATURE),
            n_particles=n_particles,
            time_step=2e-3,
            n_steps=3_000,
            save_every=50,
            rng=0,
            histogram=grid,
            progress=sys.stderr.isatty(),
        )
        for name, system in (("right", right), ("naive", naive))
    }

    # ------------------------------------------------------ each ensemble against both laws, from the same histograms
    laws = {"q": lk.boltzmann(right), "q/K": lk.boltzmann(naive)}
    kl = {}
    for name, ds in runs.items():
        for label, law in laws.items():
            rows = relaxation([law] * ds.sizes["time"], grid, ds.histogram.values, ds.energy.values)
            kl[name, label] = rows["kl_divergence"]
    floor = float(rows["kl_divergence_floor"][-1])
    for (name, label), values in kl.items():
        verdict = "is its law" if values[-1] < 10 * floor else "is not its law"
        print(f"{name:5s} ensemble: KL to {label:3s} = {values[-1]:9.2e}   {label} {verdict}")
    print(f"detection floor {floor:.1e}")

    # ------------------------------------------------------------------------------------------------------ the figure
    time, x = runs["right"].time.values, grid.centers[0]
    picture = Figure(figsize=(11, 4.2), layout="constrained")
    density, decay = picture.subplots(1, 2)
    colours = {"right": "#0072B2", "naive": "#D55E00"}
    for name, ds in runs.items():
        merged = ds.histogram.values[-1].reshape(-1, 8).sum(axis=1) / (n_particles * 8 * grid.volume)
        density.step(x.reshape(-1, 8).mean(axis=1), merged, where="mid", color=colours[name], label=f"{name} equation")
    density.plot(x, np.exp(laws["q"].log_density(x[None])), "k-", lw=1, label="q ∝ exp(−E/T)")
    density.plot(x, np.exp(laws["q/K"].log_density(x[None])), "k--", lw=1, label="q/K")
    density.set(xlim=(-4.5, 4.5), ylim=(0, None), xlabel="x", ylabel="density", title=f"after t = {time[-1]:g}")
    density.legend(frameon=False)
    for name in runs:
        visible = np.where(kl[name, "q"] > floor / 10, kl[name, "q"], np.nan)  # zero and below have no logarithm
        decay.plot(time, visible, ".-", color=colours[name], label=f"{name} equation")
    decay.axhspan(floor / 10, floor, color="0.92", label="cannot be told from 0")
    decay.set(yscale="log", ylim=(floor / 10, 1), xlabel="time", ylabel="KL(p ‖ q)", title="distance from q")
    decay.legend(frameon=False, loc="center right")
    picture.savefig(figure, dpi=150)
    return {f"{name} to {label}": float(values[-1]) for (name, label), values in kl.items()} | {"floor": floor}


if __name__ == "__main__":
    main()
