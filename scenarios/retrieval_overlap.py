"""How well networks of finite size remember: spins, their Langevin equation, and the theory of infinite ones.

The theory, replica symmetry, says what overlap with a pattern is left for N → ∞. At three places well inside the region
of retrieval it is held against networks of 3000 spins, twice each: spins that flip by Glauber's rule, and the Langevin
equation of the overlaps with all patterns, at the temperature T/N, whose mean overlap is that of spins. Both see the
same patterns, so that their difference has a small error of its own.

Near the lines where retrieval ends finite networks are off, and the figure shows by how much: below T_M fluctuations
take a small network out of the state that N → ∞ would never leave, above it the overlap decays slowly, and remains of
order 1/√N. Neither is an error of the theory, and no place near a line is a test of it.

Run it:  python scenarios/retrieval_overlap.py               (about ten minutes; writes retrieval_overlap.png)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks

PLACES = ((0.05, 0.2, 64), (0.05, 0.4, 64), (0.1, 0.2, 128))  # load, temperature, networks
LOADS = (0.05, 0.1)
NEAR = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.15)  # of T_M
SWEEPS, BURN_IN = 300, 60
TIME, RELAXATION, TIME_STEP = 40.0, 15.0, 0.025
SEEN = 3.0  # standard errors: of six numbers one is that far off by chance once in sixty times


def network(load: float, n: int, seed: int) -> tuple[np.ndarray, lk.SpinSystem]:
    """Patterns, and spins that have learnt them."""
    patterns = np.random.default_rng(seed).choice([-1.0, 1.0], size=(round(load * n), n))
    couplings, first = networks.hebb(patterns), patterns[0] / n
    return patterns, lk.SpinSystem(couplings=couplings, temperature=0.0, parameters={"first": first})


def of_spins(spins: lk.SpinSystem, pattern: np.ndarray, temperature: float, replicas: int, seed: int) -> float:
    """Mean over replicas and sweeps, from the pattern on."""
    ds = lk.simulate(
        replace(spins, temperature=temperature),
        initial=lk.initial.spins(pattern),
        n_particles=replicas,
        time_step=1,
        n_steps=SWEEPS,
        save_every=10,
        rng=seed,
        observables={"m": "first @ s"},
    )
    return float(ds.m.sel(time=slice(BURN_IN, None)).mean())


def of_overlaps(patterns: np.ndarray, temperature: float, replicas: int, seed: int) -> float:
    """Mean over replicas and times of the Langevin equation."""
    start = np.zeros(len(patterns))
    start[0] = 1.0
    ds = lk.simulate(
        networks.pattern_space(patterns, temperature),
        initial=lk.initial.point(start),
        n_particles=replicas,
        time_step=TIME_STEP,
        n_steps=round(TIME / TIME_STEP),
        save_every=round(1 / TIME_STEP),
        rng=seed,
        dtype="float32",
        check=False,  # the same equation each time; its relaxation rates are about 1
        observables={"m": networks.OVERLAP},
    )
    return float(ds.m.sel(time=slice(RELAXATION, None)).mean())


def mean_of(values: Sequence[float]) -> tuple[float, float]:
    """With its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def main(
    n: int = 3000,
    share: float = 1.0,
    sizes: Sequence[int] = (500, 1000, 2000, 4000),
    spins_of_a_size: int = 16_000,
    near: Sequence[float] = NEAR,
    figure: str = "retrieval_overlap.png",
) -> dict[str, float]:
    """Measure at three places with a share of their networks, and near the line with so many spins of each size."""
    # ------------------------------------------------------------------------------------------------- well inside
    found: dict[str, float] = {}
    print(f"N = {n:,}")
    print("   α     T   networks  theory    Glauber                     Langevin                    difference")
    for load, temperature, most in PLACES:
        theory = networks.replica_symmetric(load, temperature).m
        glauber, langevin = [], []
        for seed in range(max(2, round(share * most))):
            patterns, spins = network(load, n, seed)
            glauber.append(of_spins(spins, patterns[0], temperature, 4, seed))
            langevin.append(of_overlaps(patterns, temperature, 32, seed))
        columns = {"glauber": mean_of(glauber), "langevin": mean_of(langevin)}
        difference, stderr = mean_of(np.subtract(langevin, glauber).tolist())
        text = f"  {load:.2f}  {temperature:.1f}  {len(glauber):8d}  {theory:.5f} "
        for name, (m, error) in columns.items():
            z = (m - theory) / error
            text += f"  {m:.5f} ± {error:.5f} ({z:+.1f})"
            found |= {f"{name}({load}, {temperature})": m, f"z of {name}({load}, {temperature})": z}
        print(f"{text}  {difference:+.5f} ± {stderr:.5f}")
        found[f"difference({load}, {temperature})"] = difference / stderr
    held = all(abs(value) < SEEN for name, value in found.items() if name.startswith("z"))
    print(
        f"verdict: overlaps {'are' if held else 'are not'} those of the theory: |z| < {SEEN:g} at all places, by both"
    )

    # ----------------------------------------------------------------------------------------------- near the line
    picture = Figure(figsize=(9.0, 4.2), layout="constrained")
    panels = picture.subplots(1, len(LOADS), sharey=True)
    for axes, load in zip(panels, LOADS, strict=True):
        limit = networks.retrieval_temperature(load)
        temperatures = limit * np.array(near)
        fine = np.linspace(0.4 * limit, limit, 100)
        axes.plot(fine / limit, [networks.replica_symmetric(load, T).m for T in fine], "k-", label="theory, N → ∞")
        axes.axvline(1.0, color="0.6", lw=1)
        for size, colour in zip(sizes, ("#E69F00", "#56B4E9", "#009E73", "#CC79A7"), strict=False):
            rows = []
            for seed in range(max(2, spins_of_a_size // size)):
                xi, spins = network(load, size, 10_000 + seed)
                rows.append([of_spins(spins, xi[0], T, 2, seed) for T in temperatures])
            m, error = np.array([mean_of(column) for column in zip(*rows, strict=True)]).T
            axes.errorbar(near, m, error, fmt="o-", color=colour, ms=4, lw=1, label=f"N = {size:,}")
            found |= {f"m({load}, {x:g} T_M, {size})": value for x, value in zip(near, m, strict=True)}
        axes.set(xlabel="T / T_M", title=f"α = {load:g}, T_M = {limit:.3f}", ylim=(0, 1.02))
    panels[0].set_ylabel("overlap with the pattern")
    panels[0].legend(loc="lower left")
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
