"""What a Hopfield network of spins still remembers, by load α = P/N and temperature, beside the lines of its theory.

Networks with Hebb's couplings start at one of their patterns and flip by Glauber's rule. The colour is the overlap with
that pattern which is left; the lines are those of replica symmetry for N → ∞:

    T_M  above it no state has an overlap with a pattern          T_c  below it such states have the least free energy
    T_g  below it spins freeze, with a pattern or without         AT   below it replica symmetry is broken

Near T_M and α_c a finite network is off: it leaves the metastable state of N → ∞ after a time, and has remanent
overlaps where that has none. `retrieval_overlap.py` shows by how much, and holds numbers to the theory's.

Run it:  python scenarios/phase_diagram.py                   (about a minute; writes phase_diagram.png)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks

SWEEPS, BURN_IN = 300, 60
MARGIN = 0.15  # of temperature, beside T_M


def network(load: float, n: int, seed: int) -> tuple[np.ndarray, lk.SpinSystem]:
    """A pattern, and a network that has learnt it and αN − 1 others."""
    patterns = np.random.default_rng(seed).choice([-1.0, 1.0], size=(max(1, round(load * n)), n))
    system = lk.SpinSystem(couplings=networks.hebb(patterns), temperature=0.0, parameters={"pattern": patterns[0] / n})
    return patterns[0], system


def overlap(pattern: np.ndarray, system: lk.SpinSystem, replicas: int, seed: int) -> float:
    """Its mean over replicas and time, from the pattern on."""
    ds = lk.simulate(
        system,
        initial=lk.initial.spins(pattern),
        n_particles=replicas,
        time_step=1,
        n_steps=SWEEPS,
        save_every=BURN_IN // 3,
        rng=seed,
        observables={"m": "pattern @ s"},
    )
    return float(ds.m.sel(time=slice(BURN_IN, None)).mean())


def main(n: int = 1000, cells: int = 14, figure: str = "phase_diagram.png") -> dict[str, float]:
    """Measure cells × cells overlaps at N = n."""
    # ---------------------------------------------------------------------------------------------------------- the map
    loads, temperatures = np.linspace(0.0, 0.2, cells + 1), np.linspace(0.0, 1.2, cells + 1)
    kept = np.empty((cells, cells))
    for column, load in enumerate((loads[1:] + loads[:-1]) / 2):
        pattern, system = network(load, n, 1000 + column)
        for row, temperature in enumerate((temperatures[1:] + temperatures[:-1]) / 2):
            kept[row, column] = overlap(pattern, replace(system, temperature=temperature), 2, column)
    middle_load, middle = (loads[1:] + loads[:-1]) / 2, (temperatures[1:] + temperatures[:-1]) / 2
    limit = np.array([networks.retrieval_temperature(a) for a in middle_load])
    inside, outside = middle[:, None] < limit - MARGIN, middle[:, None] > limit + MARGIN
    found = {"least overlap inside": float(kept[inside].min()), "mean overlap outside": float(kept[outside].mean())}
    print(f"map, N = {n:,}: overlap at least {found['least overlap inside']:.3f} where T < T_M − {MARGIN:g},")
    print(f"  and {found['mean overlap outside']:.3f} on average where T > T_M + {MARGIN:g}")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(7.5, 5.2), layout="constrained")
    axes = picture.subplots()
    image = axes.pcolormesh(loads, temperatures, kept, vmin=0, vmax=1, cmap="viridis")
    picture.colorbar(image, label="overlap with the pattern")
    fine = np.linspace(1e-4, 0.2, 200)
    lines = (
        ("T_M, retrieval", networks.retrieval_temperature, "white", "-"),
        ("T_c, coexistence", networks.coexistence_temperature, "white", "--"),
        ("T_g, spin glass", networks.spin_glass_temperature, "#D55E00", "-"),
        ("AT, of retrieval", networks.almeida_thouless_temperature, "#D55E00", ":"),
    )
    for label, line, colour, style in lines:
        values = np.array([line(a) for a in fine])
        axes.plot(fine, np.where(values > 0, values, np.nan), style, color=colour, lw=2, label=label)
    axes.set(xlim=(0, 0.2), ylim=(0, 1.2), xlabel="load α = P/N", ylabel="temperature T")
    axes.set_title(f"overlap after {SWEEPS} sweeps of {n:,} spins, and lines for N → ∞")
    axes.legend(loc="upper right", facecolor="#666666", labelcolor="white", framealpha=0.9)
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
