"""A mobility that changes with time leaves the Boltzmann law alone, if its divergence is in the drift at every instant.

A harmonic well in which a spot of large mobility swings to and fro. The Fokker–Planck equation

    ∂p/∂t = ∂/∂x [ K(x, t) p ∂/∂x (T ln p + E) ]

makes q ~ exp(-E/T) stationary and KL(p‖q) fall at all times, whatever K(x, t) does: only E decides q. Three ensembles:

    at rest    starts from q, and must stay: χ² and Kolmogorov's distance at all saved times, with Holm's correction
    relaxing   starts elsewhere: KL must fall at all times, as the solution on a grid says, with its density
    naive      starts from q with -K E' as its only drift, which is the drift of E + T ln K: T K' is missing. Its law
               would be q/K, which moves with the spot; it follows with a delay and is at no time q

Run it:  python scenarios/mobility_in_time.py            (about half a minute; writes mobility_in_time.png)
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit.estimate import falls, relaxation

ENERGY = "x**2/2"
MOBILITY = "1/4 + 2*exp(-4*(x - sin(4*t))**2)"
TEMPERATURE = 0.5
NAIVE_ENERGY = f"{ENERGY} + {TEMPERATURE}*log({MOBILITY})"
TIME, SAVES = 4.0, 40
ALARM = 1e-3  # probability that an ensemble with exactly the right law is called inconsistent


def main(n_particles: int = 200_000, n_steps: int = 4_000, figure: str = "mobility_in_time.png") -> dict[str, float]:
    """Hold three ensembles to the same equation on a grid, and to q."""
    right = lk.System(energy=ENERGY, mobility=MOBILITY, temperature=TEMPERATURE)
    naive = lk.System(energy=NAIVE_ENERGY, mobility=MOBILITY, temperature=TEMPERATURE)
    rest, elsewhere = lk.initial.gaussian([0.0], TEMPERATURE), lk.initial.gaussian([1.5], 0.04)

    # ----------------------------------------------- the equation on a grid, from q and from elsewhere; the exact KL(t)
    grid, times = lk.Grid(x=lk.cells(-4.5, 4.5, 512)), np.linspace(0.0, TIME, SAVES + 1)
    q = lk.boltzmann(right)
    still = lk.fokker_planck.evolve(right, grid, initial=np.exp(q.log_density(grid.centers)), times=times)
    moved = float(np.abs(still - still[0]).max() / still.max())
    density = lk.fokker_planck.evolve(right, grid, initial=elsewhere, times=times)
    log_ratio = np.log(np.maximum(density, np.finfo(float).tiny) / still[0])
    exact = grid.volume * (density * log_ratio).sum("x").values
    falling = "falls" if (np.diff(exact) < 0).all() else "does not fall"
    print(f"grid      q moves by {moved:.0e} of its height; KL {falling} from each time to the next")

    # --------------------------------------------------------------------- the ensembles, held to these densities and q
    cases = {"at rest": (right, rest, still), "relaxing": (right, elsewhere, density), "naive": (naive, rest, still)}
    kl, stderr, smallest, last = {}, {}, {}, {}
    for seed, (name, (system, initial, expected)) in enumerate(cases.items()):
        ds = lk.simulate(
            system,
            initial=initial,
            n_particles=n_particles,
            time_step=TIME / n_steps,
            n_steps=n_steps,
            save_every=n_steps // SAVES,
            rng=seed,
            histogram=grid,
        )
        held = lk.fokker_planck.compare(ds, expected, alarm=ALARM)
        smallest[name], last[name] = float(held.table.p_adjusted.min()), ds.histogram.values[-1]
        rows = relaxation([q] * len(times), grid, ds.histogram.values, ds.energy.values)
        kl[name], stderr[name], floor = (rows["kl_divergence" + end] for end in ("", "_stderr", "_floor"))
        print(f"{name:8s}  {held.verdict}")

    # ---------------------------------------------------------------------------------------------- KL in time, verdict
    score = float(np.nanmax(np.abs((kl["relaxing"] - exact) / stderr["relaxing"])))
    fall = falls(kl["relaxing"], stderr["relaxing"])
    print(f"   t    KL at rest           relaxing             on the grid  naive     (detection floor {floor[-1]:.1e})")
    for row in range(0, len(times), SAVES // 8):
        first, second, third = (f"{kl[name][row]:9.2e} ± {stderr[name][row]:.0e}" for name in cases)
        print(f"{times[row]:4.1f}   {first}   {second}   {exact[row]:8.2e}    {third}")
    print(f"relaxing: KL is off by {score:.1f} standard errors at most, and rises by {fall.largest_z:.1f} at most")
    stays, does = "stays" if smallest["at rest"] > ALARM else "does not stay", "falls" if fall.holds else "rises"
    print(f"verdict: q {stays}, KL {does}; naive: q {'stays' if smallest['naive'] > ALARM else 'does not stay'}")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(14, 4.2), layout="constrained")
    spot, law, decay = picture.subplots(1, 3)
    colours = {"at rest": "#0072B2", "relaxing": "#009E73", "naive": "#D55E00"}
    x, fine = np.linspace(-2.2, 2.2, 221), np.linspace(0.0, TIME, 241)
    mobility = np.array([right.mobility_at(x[None], t)[0, 0] for t in fine])
    picture.colorbar(spot.pcolormesh(fine, x, mobility.T, cmap="Blues", rasterized=True), ax=spot)
    spot.set(xlabel="time", ylabel="x", title="K(x, t)")
    for name, counts in last.items():
        merged = counts.reshape(-1, 4).sum(axis=1) / (n_particles * 4 * grid.volume)
        law.step(grid.centers[0].reshape(-1, 4).mean(axis=1), merged, where="mid", color=colours[name], label=name)
    law.plot(x, np.exp(q.log_density(x[None])), "k-", lw=1, label="q")
    law.plot(x, np.exp(lk.boltzmann(naive, TIME).log_density(x[None])), "k--", lw=1, label="q/K(x, t)")
    law.set(xlim=(-2.2, 2.2), ylim=(0, None), xlabel="x", ylabel="density", title=f"at t = {TIME:g}")
    law.legend(frameon=False, fontsize="small")
    for name, values in kl.items():
        visible = np.where(values > floor[-1] / 10, values, np.nan)  # zero and below have no logarithm
        decay.errorbar(times, visible, 2 * stderr[name], fmt=".", color=colours[name], label=name)
    decay.plot(times, exact, "-", color=colours["relaxing"], lw=1, label="relaxing, on the grid")
    decay.axhspan(floor[-1] / 10, floor[-1], color="0.92", label="cannot be told from 0")
    decay.set(yscale="log", ylim=(floor[-1] / 10, 5), xlabel="time", ylabel="KL(p ‖ q)", title="distance from q")
    decay.legend(frameon=False, fontsize="small")
    picture.savefig(figure, dpi=150)
    return {
        "q moves": moved,
        "grid's smallest fall": float(-np.diff(exact).max()),
        "largest score": score,
        "largest rise": fall.largest_z,
        "floor": float(floor[-1]),
        **{f"{name}: p": value for name, value in smallest.items()},
        **{f"{name}: KL": float(values[-1]) for name, values in kl.items()},
    }


if __name__ == "__main__":
    main()
