"""How many patterns networks of spins recall, by the rule that stores them and the noise: overlap against load α = P/N.

Each network starts at its patterns, or at patterns with a tenth of the spins turned, and runs by Glauber's rule. The
capacity is the load up to which the overlap stays above 0.9. Beside it

    Hebb               its replica-symmetric theory (`networks.replica_symmetric`): 0.138 at T = 0
    pseudo-inverse     1 at T = 0: as many patterns as spins are linearly independent; with noise less, by its theory
    any couplings      2, Gardner's bound, where spins of patterns have no stability left

Finite networks differ from N = ∞ both ways: at T = 0 they may stick close to a pattern that is no longer a minimum;
with noise they leave one that is no longer the lowest. T is in units of couplings as each rule has them: fields are 1
with Hebb's, 1 − α with the pseudo-inverse.

Stability is κ = ξ_i h_i / |W_i|: a spin of a pattern turns where it is negative, and the larger it is the more noise
it stands. Its least value over spins and patterns is drawn against the most that any couplings have for all of them,
κ(α) of `networks.gardner_capacity`. The pseudo-inverse without its diagonal has fields 1 − W_ii with W_ii = α on
average, and so κ = √((1 − α)/α): every pattern is a fixed point up to α = 1. With the diagonal it still is, but spins
feel themselves, W_ii s_i, and turn back less easily: the rule keeps what it is started at, not what it was taught.

Run it:  python scenarios/capacity.py                      (about five minutes; writes capacity.png)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import sem, ttest_1samp

import langevin_kit as lk
from langevin_kit import networks

Floats = NDArray[np.float64]

DIAGONAL = "with its diagonal"
INVERTIBLE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
RULES: dict[str, tuple[Callable[[Floats], Floats], tuple[float, ...], str]] = {
    "Hebb": (networks.hebb, (0.02, 0.06, 0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.22, 0.3, 0.5, 1.0, 2.0), "#0072B2"),
    "Storkey": (networks.storkey, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0), "#009E73"),
    "pseudo-inverse": (networks.pseudo_inverse, INVERTIBLE, "#D55E00"),
    DIAGONAL: (partial(networks.pseudo_inverse, diagonal=True), INVERTIBLE, "#CC79A7"),
}
NOISES = (0.1, 0.2, 0.3, 0.4, 0.5)
PLACES = (("Hebb", 0.05, 0.3), ("pseudo-inverse", 0.2, 0.3))
REPLICAS = 10
SWEEPS, BURN_IN = 100, 50
KEPT = 0.9
ALARM = 1e-3  # probability that networks with exactly the theory's overlap are called different, in each of two places
Z, WEIGHT = np.polynomial.hermite_e.hermegauss(200)
WEIGHT /= WEIGHT.sum()


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


def capacity(name: str, patterns: Floats, temperature: float, start: float, seed: int) -> float:
    """The load up to which a network keeps an overlap above KEPT, by bisection to N/200 patterns."""
    rule, loads, _ = RULES[name]
    n = patterns.shape[1]
    low, high = 0, round(loads[-1] * n)
    while high - low > max(1, n // 200):
        p = (low + high) // 2
        system = lk.SpinSystem(couplings=rule(patterns[:p]), temperature=temperature)
        low, high = (p, high) if overlap(system, patterns[:p], start, seed) > KEPT else (low, p)
    return low / n


def projected(load: float, temperature: float) -> float:
    """The overlap of the pseudo-inverse without its diagonal, in replica symmetry as N → ∞.

    The patterns but the one that is recalled act as a random projection: with C = β (1 − q) and the R-transform of its
    spectrum, R = 2α / (1 − C + s), R' = R (1 − R) / s, s² = (1 − C)² + 4αC, spins feel (1 − R) m + √((q − m²) R') z
    (Kanter & Sompolinsky, Phys. Rev. A 35, 380 (1987); Parisi & Potters, J. Phys. A 28, 5267 (1995)).
    """
    m, q = 1.0, 1.0 - 1e-6
    for _ in range(2000):
        c = (1 - q) / temperature
        s = np.sqrt((1 - c) ** 2 + 4 * load * c)
        own = 2 * load / (1 - c + s)
        t = np.tanh(((1 - own) * m + np.sqrt(max(q - m * m, 0.0) * own * (1 - own) / s) * Z) / temperature)
        m, q, before = float(WEIGHT @ t), float(WEIGHT @ t**2), m
        if abs(m - before) < 1e-10:
            break
    return m


def limit(theory: Callable[[float, float], float], temperature: float) -> float:
    """The load at which that overlap falls below KEPT, by bisection."""
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if theory(middle, temperature) > KEPT else (low, middle)
    return low


def main(n: int = 500, seeds: int = 4, figure: str = "capacity.png") -> dict[str, float]:
    """Measure all rules, temperatures and starts with so many networks of n spins."""
    patterns = [np.random.default_rng(seed).choice([-1.0, 1.0], size=(2 * n, n)) for seed in range(seeds)]
    theories = {"Hebb": lambda a, t: networks.replica_symmetric(a, t).m, "pseudo-inverse": projected}
    found: dict[str, float] = {}

    # ----------------------------------------------------------------------------- overlaps with noise, held to theory
    print(f"rule             α    T    theory   Glauber, N = {n}, {4 * seeds} networks")
    for name, load, temperature in PLACES:
        each = []
        for seed in range(4 * seeds):
            taught = np.random.default_rng(seed).choice([-1.0, 1.0], size=(round(load * n), n))
            system = lk.SpinSystem(couplings=RULES[name][0](taught), temperature=temperature)
            each.append(overlap(system, taught, 1.0, seed))
        theory = theories[name](load, temperature)
        chance = ttest_1samp(each, theory).pvalue
        print(f"{name:15s} {load:.2f}  {temperature:.1f}   {theory:.4f}   {np.mean(each):.4f} ± {sem(each):.4f}")
        found |= {f"m, {name}": float(np.mean(each)), f"chance, {name}": float(chance)}

    # ----------------------------------------------------------------------- overlaps at T = 0, and stability, by load
    starts = (1.0, 0.8)
    m = {name: np.empty((len(starts), len(loads), seeds)) for name, (_, loads, _) in RULES.items()}
    kappa = {name: np.empty((len(loads), seeds)) for name, (_, loads, _) in RULES.items()}
    for name, (rule, loads, _) in RULES.items():
        for (k, load), (seed, xi) in product(enumerate(loads), enumerate(patterns)):
            taught = xi[: round(load * n)]
            W = rule(taught)
            kappa[name][k, seed] = least_stability(W, taught)
            cold = lk.SpinSystem(couplings=W, temperature=0.0)
            m[name][:, k, seed] = [overlap(cold, taught, start, seed) for start in starts]

    # ------------------------------------------------------------------------------------------------------ capacities
    columns = [(0.0, 0.8), (0.0, 1.0), *((t, 1.0) for t in NOISES)]
    kept: dict[str, tuple[Floats, Floats]] = {}
    print(f"load up to which the overlap is above {KEPT:g}")
    print("                  T = 0, m₀ = 0.8    T = 0" + "".join(f"{t:>16g}" for t in NOISES))
    for name in RULES:
        # A spin that feels itself has no temperature.
        shown = columns[:2] if name == DIAGONAL else columns
        each = np.array([[capacity(name, xi, *column, seed) for seed, xi in enumerate(patterns)] for column in shown])
        mean, stderr = kept[name] = each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(seeds)
        print(f"{name:19s}" + "   ".join(f"{a:.3f} ± {b:.3f}" for a, b in zip(mean, stderr, strict=True)))
        found |= {f"{name}, T = {t:g}, m₀ = {start:g}": float(a) for (t, start), a in zip(shown, mean, strict=True)}
    ideal = {"Hebb": networks.critical_load(0.0), "pseudo-inverse": 1.0}
    lines = {name: np.array([ideal[name], *(limit(theory, t) for t in NOISES)]) for name, theory in theories.items()}
    for name, line in lines.items():
        print(f"{f'  {name}, N = ∞':35s}" + "".join(f"{a:<16.3f}" for a in line))
    found["least overlap, pseudo-inverse"] = float(m["pseudo-inverse"][0].min())
    found["nearest to Gardner's bound"] = max(
        load / networks.gardner_capacity(k)
        for name, (_, loads, _) in RULES.items()
        for load, row in zip(loads, kappa[name], strict=True)
        for k in row[row > 0]
    )
    exact, nearest = found["least overlap, pseudo-inverse"] == 1, found["nearest to Gardner's bound"]
    held = exact and nearest < 1 and all(found[f"chance, {name}"] > ALARM for name, *_ in PLACES)
    print(f"at T = 0 the pseudo-inverse {'keeps' if exact else 'loses some of'} all patterns at any load;", end=" ")
    print(f"no rule stores more than {nearest:.2f} of Gardner's bound for its κ")
    print(f"verdict: rules {'are' if held else 'are not'} as their theories say (to a chance of {ALARM:g})")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(11, 8), layout="constrained")
    panels = picture.subplots(2, 2)
    for axes, case, title in ((panels[0, 0], 0, "patterns"), (panels[0, 1], 1, "patterns with a tenth turned")):
        for name, (_, loads, colour) in RULES.items():
            stderr = m[name][case].std(axis=1, ddof=1) / np.sqrt(seeds)
            style = "s--" if name == DIAGONAL else "o-"
            axes.errorbar(loads, m[name][case].mean(axis=1), stderr, fmt=style, color=colour, mfc="none", label=name)
        for line, colour in ((networks.critical_load(0.0), "#0072B2"), (1.0, "#D55E00"), (2.0, "black")):
            axes.vlines(line, 0, 1.04, color=colour, ls=":", lw=1)
            axes.text(line, 1.06, f"{line:.3g}", color=colour, ha="center")
        axes.set(ylim=(0, 1.12), ylabel="overlap", title=f"T = 0, from {title}")
    noise, stability = panels[1]
    for name, (_, _, colour) in RULES.items():
        if name != DIAGONAL:
            a, stderr = (values[1:] for values in kept[name])
            noise.errorbar((0.0, *NOISES), a, 2 * stderr, fmt="o", color=colour, mfc="none", capsize=3, label=name)
    for name, line in lines.items():
        noise.plot((0.0, *NOISES), line, "-", color=RULES[name][2], lw=1, label=f"{name}, N = ∞")
    noise.set(xlabel="temperature T", ylabel="load α", ylim=(0, 1.05))
    noise.set_title(f"load up to which the overlap is above {KEPT:g}, ± 2 s.e.")
    noise.legend(frameon=False)
    for name, (_, loads, colour) in RULES.items():
        if name != DIAGONAL:
            stability.plot(loads, kappa[name].mean(axis=1), "o", color=colour, mfc="none", label=name)
    fine = np.geomspace(0.02, 2.0, 200)
    bound = [brentq(lambda k, a=a: networks.gardner_capacity(k) - a, 0.0, 100.0) if a < 2 else 0.0 for a in fine]
    stability.plot(fine, bound, "k-", lw=1, label="Gardner's bound")
    stability.plot(fine[fine < 1], np.sqrt(1 / fine[fine < 1] - 1), color="#D55E00", lw=1, label="√((1 − α)/α)")
    stability.set(ylim=(0, 5), ylabel="κ", title="least stability κ, of all spins in all patterns")
    stability.legend(frameon=False)
    for axes in (*panels[0], stability):
        axes.set(xscale="log", xlim=(0.018, 2.6), xlabel="load α")
        axes.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2], ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"])
        axes.minorticks_off()
    panels[0, 0].legend(frameon=False, loc="lower left")
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
