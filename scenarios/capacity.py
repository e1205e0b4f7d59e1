"""How many patterns networks of spins recall, by the rule that stores them: overlap against load α = P/N.

Each network starts at its patterns, or at patterns with a tenth of the spins turned, and runs by Glauber's rule, at
T = 0 or a little warmer. The capacity is the load up to which the overlap stays above 0.9. Beside it

    α_c   Hebb's rule in replica symmetry (`networks.critical_load`): 0.138 at T = 0
    1     the pseudo-inverse: as many patterns as spins are linearly independent, and no more
    2     Gardner's bound for any couplings, in which no spin has more than no stability

Stability is κ = ξ_i h_i / |W_i|: a spin of a pattern turns where it is negative, and the larger it is the more noise
it stands. Its least value over spins and patterns is drawn against the most that any couplings have for all of them,
κ(α) of `networks.gardner_capacity`. The pseudo-inverse without its diagonal has fields 1 − W_ii with W_ii = α on
average, and so κ = √((1 − α)/α): every pattern is a fixed point up to α = 1. With the diagonal it still is, but spins
feel themselves, W_ii s_i, and turn back less easily: the rule keeps what it is started at, not what it was taught.

Run it:  python scenarios/capacity.py                      (about three minutes; writes capacity.png)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import brentq

import langevin_kit as lk
from langevin_kit import networks

Floats = NDArray[np.float64]

INVERTIBLE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
RULES: dict[str, tuple[Callable[[Floats], Floats], tuple[float, ...], str]] = {
    "Hebb": (networks.hebb, (0.02, 0.06, 0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.22, 0.3, 0.5, 1.0, 2.0), "#0072B2"),
    "Storkey": (networks.storkey, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0), "#009E73"),
    "pseudo-inverse": (networks.pseudo_inverse, INVERTIBLE, "#D55E00"),
    "with its diagonal": (partial(networks.pseudo_inverse, diagonal=True), INVERTIBLE, "#CC79A7"),
}
CASES = ((0.0, 1.0), (0.0, 0.8), (0.2, 1.0))  # temperature, overlap at the start
REPLICAS = 10
SWEEPS, BURN_IN = 100, 50
KEPT = 0.9


def overlap(system: lk.SpinSystem, patterns: Floats, start: float, seed: int) -> float:
    """That with the pattern, from `start` on, mean over some of the patterns and over time."""
    n = system.n_dim
    chosen = patterns[np.linspace(0, len(patterns) - 1, REPLICAS).astype(int)]
    turned = np.random.default_rng(seed).random(chosen.shape).argsort(axis=1) < round(n * (1 - start) / 2)
    ds = lk.simulate(
        system,
        initial=np.where(turned, -chosen, chosen),
        time_step=1,
        n_steps=SWEEPS,
        save_every=BURN_IN // 2,
        rng=seed,
        save_positions=True,
    )
    kept = ds.position.sel(time=slice(BURN_IN, None)).values
    return float(np.einsum("rn,tnr->", chosen, kept) / (len(kept) * chosen.size))


def least_stability(W: Floats, patterns: Floats) -> float:
    """κ over all spins and patterns, of the fields of other spins."""
    others = W - np.diag(np.diag(W))
    return float((patterns * (patterns @ others) / np.linalg.norm(others, axis=1)).min())


def capacity(loads: Floats, m: Floats) -> float:
    """The load at which m falls below KEPT first, between two by a straight line; the last one if it never does."""
    below = np.flatnonzero(m < KEPT)
    if not below.size or below[0] == 0:
        return float(loads[-1 if not below.size else 0])
    k = below[0]
    return float(np.interp(-KEPT, -m[k - 1 : k + 1], loads[k - 1 : k + 1]))


def main(n: int = 500, seeds: int = 6, figure: str = "capacity.png") -> dict[str, float]:
    """Measure all rules, temperatures and starts with so many networks of n spins."""
    # --------------------------------------------------------------------------------------------------------- networks
    m = {name: np.empty((len(CASES), len(loads), seeds)) for name, (_, loads, _) in RULES.items()}
    kappa = {name: np.empty((len(loads), seeds)) for name, (_, loads, _) in RULES.items()}
    for seed in range(seeds):
        patterns = np.random.default_rng(seed).choice([-1.0, 1.0], size=(2 * n, n))
        for name, (rule, loads, _) in RULES.items():
            for k, load in enumerate(loads):
                taught = patterns[: round(load * n)]
                W = rule(taught)
                kappa[name][k, seed] = least_stability(W, taught)
                cold = lk.SpinSystem(couplings=W, temperature=0.0)
                for case, (temperature, start) in enumerate(CASES):
                    m[name][case, k, seed] = overlap(replace(cold, temperature=temperature), taught, start, seed)

    # ------------------------------------------------------------------------------------------------------- the table
    heads = [f"T = {t:g}, from {'patterns' if start == 1 else f'{start:g}'}" for t, start in CASES]
    print(f"load up to which the overlap is above {KEPT:g}, N = {n}, {seeds} networks")
    print(" " * 18 + "".join(f"{head:>24s}" for head in heads))
    found: dict[str, float] = {}
    for name, (_, loads, _) in RULES.items():
        cells = []
        for head, overlaps in zip(heads, m[name], strict=True):
            each = [capacity(np.array(loads), column) for column in overlaps.T]
            mean, stderr = float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(seeds))
            cells.append(f"{mean:.3f} ± {stderr:.3f}" if mean < loads[-1] else f"beyond {mean:g}")
            found[f"{name}, {head}"] = mean
        print(f"{name:18s}" + "".join(f"{cell:>24s}" for cell in cells))
    lines = [networks.critical_load(t) for t, _ in CASES]
    print("Hebb, N = ∞       " + "".join(f"{a:24.3f}" for a in lines))
    found["least overlap, pseudo-inverse"] = float(m["pseudo-inverse"][0].min())
    found["nearest to Gardner's bound"] = max(
        load / networks.gardner_capacity(k)
        for name, (_, loads, _) in RULES.items()
        for load, row in zip(loads, kappa[name], strict=True)
        for k in row[row > 0]
    )
    exact, nearest = found["least overlap, pseudo-inverse"] == 1, found["nearest to Gardner's bound"]
    print(f"verdict: the pseudo-inverse {'keeps' if exact else 'loses some of'} all patterns at T = 0;", end=" ")
    print(f"no rule stores more than {nearest:.2f} of Gardner's bound for its κ")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(11, 8), layout="constrained")
    *panels, last = picture.subplots(2, 2).flat
    for axes, case, head, line in zip(panels, range(len(CASES)), heads, lines, strict=True):
        for name, (_, loads, colour) in RULES.items():
            stderr = m[name][case].std(axis=1, ddof=1) / np.sqrt(seeds)
            style = "--" if name == "with its diagonal" else "-"
            axes.errorbar(loads, m[name][case].mean(axis=1), stderr, fmt=f"o{style}", color=colour, ms=3, label=name)
        axes.axvline(line, color="#0072B2", ls=":", lw=1)
        axes.text(line, 1.06, f"{line:.3f}", color="#0072B2", ha="center")
        for limit, colour in ((1.0, "#D55E00"), (2.0, "black")):
            axes.axvline(limit, color=colour, ls=":", lw=1)
            axes.text(limit, 1.06, f"{limit:g}", color=colour, ha="center")
        axes.set(xscale="log", ylim=(0, 1.12), ylabel="overlap", title=head)
    for name, (_, loads, colour) in RULES.items():
        if name != "with its diagonal":
            last.plot(loads, kappa[name].mean(axis=1), "o-", color=colour, ms=3, lw=0.5, label=name)
    fine = np.geomspace(0.02, 2.0, 200)
    bound = [brentq(lambda k, a=a: networks.gardner_capacity(k) - a, 0.0, 100.0) if a < 2 else 0.0 for a in fine]
    last.plot(fine, bound, "k-", lw=1, label="Gardner's bound")
    last.plot(fine[fine < 1], np.sqrt(1 / fine[fine < 1] - 1), color="#D55E00", lw=1, label="√((1 − α)/α)")
    last.set(xscale="log", ylim=(0, 5), ylabel="κ", title="least stability κ, of all spins in all patterns")
    for axes in (*panels, last):
        axes.set(xlim=(0.018, 2.6), xlabel="load α")
        axes.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2], ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"])
        axes.minorticks_off()
    panels[0].legend(frameon=False, loc="lower left")
    last.legend(frameon=False)
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
