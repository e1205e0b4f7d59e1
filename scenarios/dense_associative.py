"""How many patterns spins and vectors hold that run to rest: N^{n−1}, e^{αN} and e^{αd}, beside what theory says.

Spins of the energy −Σ F(ξ·s) start at one of P random patterns, or with a share ρ of its spins turned, and run to rest
at T = 0.

Powers, F(A) = Aⁿ (Krotov & Hopfield, NeurIPS 2016). ln P is measured at which half of the patterns are fixed points,
and at which the mean overlap with the pattern falls below 0.95 and 0.5; slopes against ln N are to be n − 1. A spin at
a pattern has the field Nⁿ − (N − 2)ⁿ, and that of the others has the variance P v, v → 4n²(2n − 3)!! N^{n−1}. So half
of the patterns are fixed where N spins are right with the chance ½: P → N^{n−1}/(2(2n − 3)!! ln N). With n ≥ 3 and
N → ∞ the noise does not react to the spins, and in replica symmetry m = erf(m^{n−1}/√(2a)), a = (2n − 3)!! P/N^{n−1},
has a solution m > 0 up to a = 0.2522 (n = 3, m = 0.838) and 0.1979 (n = 4, m = 0.918); for n = 2 it does react, and
a = 0.1379. Beyond it spins stay at m = 0.3 to 0.5, in states that remember their start, so that small networks take
m = 0.5 far beyond.

Exponentials, F(A) = e^A. A theorem of Demircigil et al., J. Stat. Phys. 168, 288 (2017), promises P = e^{αN} up to
α = ½ I(1 − 2ρ), 2 I(x) = (1 + x) ln(1 + x) + (1 − x) ln(1 − x). It is a bound: fields of the others have random signs
and the variance P (2 sinh 1)² cosh(2)^{N−1}, so that patterns are fixed up to α = 2 − ln cosh 2 = 0.675; and beyond
ρ = 0.018 a start is lost to the one pattern that is nearer than its own, from twice the theorem's α = I(1 − 2ρ) on.

Vectors on a sphere of the radius K√(d − 1) under the softmax update at β = 1. A theorem of Ramsauer et al., ICLR 2021,
promises P = √p c^{(d−1)/4} with the probability 1 − p. The others weigh (P − 1)⟨e^{−k(1 − t)}⟩ beside the pattern, with
k = K²(d − 1) and t the cosine of a random angle: about half of the weight is lost where that is 1, for d → ∞ at
ln P/d = K²(1 − t) − ½ ln(1 − t²) with K² = t/(1 − t²), 0.623 for K = 1 and 1.612 for K = 3. The theorem's ¼ ln c is
then 0.074 and 0.286.

Run it:  python scenarios/dense_associative.py                 (about three minutes; writes dense_associative.png)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar
from scipy.special import erf, erfinv, gammaln, ive, lambertw
from scipy.stats import binom, norm

from langevin_kit import networks

GROUPS = 8
TURNED = 1 / 8
UPDATES = 10
WHAT = ("fixed", "m = 0.95", "m = 0.5", "ρ = 1/8: 0.95", "ρ = 1/8: 0.5")
SIZES = {2: (64, 128, 256, 512), 3: (32, 48, 64, 96, 128), 4: (24, 32, 48, 64, 80)}
EXPONENTIAL = {0.0: (12, 14, 16, 18, 20), 0.125: (8, 16, 24), 0.25: (12, 16, 20, 24, 28, 32)}
SPHERES = {1.0: (6, 8, 10, 12, 14), 3.0: (3, 4, 5, 6)}
COLOURS = ("#E69F00", "#0072B2", "#009E73")


def of_replicas(n: int) -> tuple[float, float]:
    """The largest a with m = erf(m^{n−1}/√(2a)), n ≥ 3, and m there; for n = 2 with the reaction of the noise."""
    if n == 2:
        load = networks.critical_load(0.0)
        return load, networks.replica_symmetric(load=load * (1 - 1e-9), temperature=0.0).m
    x = float(minimize_scalar(lambda x: -(erf(x) ** (n - 1)) / x, bounds=(0.1, 4), method="bounded").x)
    return float(erf(x) ** (2 * n - 2) / x**2 / 2), float(erf(x))


def noise(n: int, N: int) -> float:
    """v/signal²: the variance of the field of one other pattern, in units of the squared field at the pattern."""
    h = 2.0 * np.arange(N) - (N - 1)  # sums of the N − 1 other spins
    v = binom.pmf(np.arange(N), N - 1, 0.5) @ ((h + 1) ** n - (h - 1) ** n) ** 2
    return float(v / (float(N) ** n - float(N - 2) ** n) ** 2)


def of_solution(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A and m of replica symmetry, down to where m falls to 0."""
    if n == 2:
        a = np.linspace(0.02, of_replicas(2)[0] - 1e-9, 60)
        m = np.array([networks.replica_symmetric(load=each, temperature=0.0).m for each in a])
    else:
        m = np.linspace(of_replicas(n)[1], 0.9999, 200)[::-1]
        a = m ** (2 * n - 2) / erfinv(m) ** 2 / 2
    return np.append(a, a[-1]), np.append(m, 0.0)


def of_fixed(each: float, N: int) -> float:
    """The P at which all N spins of a pattern are right with the chance ½, of normal fields."""
    return float(1 / each / norm.isf(1 - 0.5 ** (1 / N)) ** 2)


def rate(x: float) -> float:
    """I(x) = ½ (1 + x) ln(1 + x) + ½ (1 − x) ln(1 − x): what a random overlap of xN costs."""
    return float(sum((1 + s * x) * np.log(1 + s * x) / 2 for s in (1, -1) if 1 + s * x > 0))


def of_exponential(rho: float) -> float:
    """α up to which patterns are found from starts with ρN spins turned, N → ∞."""
    collective = 2 * (1 - 2 * rho) - np.log(np.cosh(2)) if 1 - 2 * rho > np.tanh(2) else np.inf
    return float(min(rate(1 - 2 * rho), collective))


def of_nearer(rho: float, N: int) -> float:
    """The same P for N spins: half of starts have no nearer pattern, or half of patterns are fixed."""
    if rho:
        return float(1 + np.log(2) / binom.cdf(round(rho * N), N, 0.5))
    each = (2 * np.sinh(1)) ** 2 * np.cosh(2) ** (N - 1) / (np.exp(N) - np.exp(N - 2)) ** 2
    return of_fixed(each, N)


def of_sphere(K: float, d: int) -> float:
    """P at which the other patterns weigh as much as the own: 1 + 1/⟨e^{−k(1 − t)}⟩ by a Bessel function."""
    k, order = K * K * (d - 1), d / 2 - 1
    return float(1 + np.exp(-gammaln(d / 2) - order * np.log(2 / k)) / ive(order, k))


def of_many(K: float) -> float:
    """Ln P/d of the same for d → ∞."""
    t = (np.sqrt(1 + 4 * K**4) - 1) / (2 * K * K)
    return float(K * K * (1 - t) - np.log1p(-t * t) / 2)


def of_theorem(K: float, d: float, p: float = 0.5) -> tuple[float, float]:
    """Ramsauer et al., theorem 3: c, and the ln P that is promised with the chance 1 − p, at β = 1."""
    a, b = 2 / (d - 1) * (1 + np.log(2 * K * K * p * (d - 1))), 2 * K * K / 5
    c = b / float(lambertw(np.exp(a + np.log(b))).real)
    return c, float(np.log(p) / 2 + (d - 1) / 4 * np.log(c))


def crossing(x: np.ndarray, y: np.ndarray, level: float) -> float:
    """Where y, made to fall, falls through the level; NaN where it does not."""
    falling = np.minimum.accumulate(y)
    return float(np.interp(-level, -falling, x, left=np.nan, right=np.nan))


def with_error(x: np.ndarray, groups: np.ndarray, level: float) -> tuple[float, float]:
    """A crossing of the mean over groups (G, len(x)), and its standard error (jackknife)."""
    each = [crossing(x, np.delete(groups, g, axis=0).mean(axis=0), level) for g in range(len(groups))]
    return crossing(x, groups.mean(axis=0), level), float(np.std(each) * np.sqrt(len(groups) - 1))


def line(x: Sequence[float], points: np.ndarray) -> tuple[float, float]:
    """Slope and its standard error of points (len(x), 2), values with errors; NaN of fewer than two."""
    known = np.isfinite(points).all(axis=1)
    if known.sum() < 2:
        return float("nan"), float("nan")
    y, error = points[known].T
    fit, covariance = np.polyfit(np.array(x)[known], y, 1, w=1 / np.maximum(error, 1e-3), cov="unscaled")
    return float(fit[0]), float(np.sqrt(covariance[0, 0]))


def spins(kind: int | str, N: int, marks: np.ndarray, share: float, sets: int, starts: int) -> np.ndarray:
    """Means over pattern sets, in groups (3, GROUPS, len(marks)): of final overlaps m, of m = 1, of no move."""
    means, rng = np.zeros((3, GROUPS, len(marks))), np.random.default_rng(N)
    for one in range(sets):
        for at, P in enumerate(marks):
            own = (xi := rng.choice(np.array([-1.0, 1.0], np.float32), size=(P, N)))[:starts]
            turned = rng.permuted(np.tile(np.arange(N) < round(share * N), (len(own), 1)), axis=1)
            found = networks.dense_associative(xi, kind).attractors(np.where(turned, -own, own), rng=one)
            m = (found.states[found.reached, 0] * own).mean(axis=1)
            means[:, one % GROUPS, at] += np.array([m.mean(), (m == 1).mean(), (found.sweeps == 0).mean()])
    return means * GROUPS / sets


def weights(K: float, d: int, marks: np.ndarray, sets: int, starts: int) -> np.ndarray:
    """Weight of the own pattern at it and after updates, in groups (2, GROUPS, len(marks))."""
    means, rng = np.zeros((2, GROUPS, len(marks))), np.random.default_rng(d)
    for one in range(sets):
        for at, P in enumerate(marks):
            xi = rng.normal(size=(P, d))
            xi *= K * np.sqrt(d - 1) / np.linalg.norm(xi, axis=1, keepdims=True)
            memory, own = networks.modern(xi, 1.0), np.arange(min(P, starts))
            p = memory.responsibilities(xi[own].T)
            means[0, one % GROUPS, at] += p[own, own].mean()
            for _ in range(UPDATES):
                p = memory.responsibilities(xi.T @ p)
            means[1, one % GROUPS, at] += p[own, own].mean()
    return means * GROUPS / sets


def around(P: float, lowest: float, highest: float, n: int, most: float = 2**31) -> np.ndarray:
    """About n numbers of patterns between so many times P."""
    return np.unique(np.rint(np.clip(P * np.geomspace(lowest, highest, n), 2, most)).astype(int))


def main(
    sizes: Mapping[int, Sequence[int]] = SIZES,
    exponential: Mapping[float, Sequence[int]] = EXPONENTIAL,
    spheres: Mapping[float, Sequence[int]] = SPHERES,
    sets: int = 32,
    starts: int = 32,
    n_marks: int = 14,
    figure: str = "dense_associative.png",
) -> dict[str, float]:
    """Measure all capacities with so many sets of patterns, starts in each, and numbers of patterns."""
    found: dict[str, float] = {}
    picture = Figure(figsize=(11.0, 8.4), layout="constrained")
    panels = picture.subplots(2, 2).ravel()
    # ----------------------------------------------------------------------------------------------------- powers
    print("slopes of ln P against ln N, and those of theory at these N: where half are fixed, at the transition")
    print("  n   " + "  ".join(f"{what:>14}" for what in WHAT) + "    theory")
    for (n, lengths), colour in zip(sizes.items(), COLOURS, strict=False):
        a, points, lines = of_replicas(n)[0], np.empty((len(lengths), len(WHAT), 2)), np.empty((len(lengths), 2))
        for row, N in enumerate(lengths):
            marks = around(a / noise(n, N), 0.1, 4.0, n_marks)
            m, _, still = spins(n, N, marks, 0.0, sets, starts)
            turned, _, _ = spins(n, N, marks, TURNED, sets, starts)
            levels = ((still, 0.5), (m, 0.95), (m, 0.5), (turned, 0.95), (turned, 0.5))
            points[row] = [with_error(np.log(marks), of, level) for of, level in levels]
            lines[row] = of_fixed(noise(n, N), N), a / noise(n, N)
            if row in (0, len(lengths) - 1):
                style, label = ("--", None) if row == 0 else ("-", f"n = {n}, N = {lengths[0]} and {N}")
                panels[0].plot(marks * noise(n, N), m.mean(axis=0), f"o{style}", ms=3, color=colour, label=label)
        slopes = [line(np.log(lengths), points[:, k]) for k in range(len(WHAT))]
        theory = [np.polyfit(np.log(lengths), np.log(each), 1)[0] for each in lines.T]
        print(
            f"  {n}   " + "  ".join(f"{s:6.3f} ± {e:.3f}" for s, e in slopes) + f"    {theory[0]:.3f}, {theory[1]:.3f}"
        )
        for what, (slope, error) in zip(WHAT, slopes, strict=True):
            found |= {f"slope({n}, {what})": slope, f"error({n}, {what})": error}
        found[f"fixed({n})"], found[f"a({n})"] = (
            float(np.exp(points[-1, k, 0]) / lines[-1, k] * scale) for k, scale in ((0, 1.0), (1, a))
        )
        panels[0].plot(*of_solution(n), ":", color=colour, lw=2)
        for k, marker, face in ((0, "o", "none"), (1, "o", colour), (4, "D", "none")):
            P = np.exp(points[:, k, 0])
            panels[1].errorbar(lengths, P, P * points[:, k, 1], fmt=marker, color=colour, mfc=face)
        panels[1].plot(lengths, lines[:, 0], "--", lengths, lines[:, 1], "-", color=colour, lw=1)
        text = f"n = {n}: " + ", ".join(f"{slopes[k][0]:.2f}" for k in (0, 1, 4))
        panels[1].annotate(text, (lengths[-1], lines[-1, 1]), (8, -14), textcoords="offset points", color=colour)

    # ------------------------------------------------------------------------------------------------ exponentials
    print("exponentials: α = slope of ln P against N, that of theory at these N and for N → ∞, the theorem's")
    for (rho, lengths), colour in zip(exponential.items(), COLOURS, strict=False):
        lost = np.empty((len(lengths), 2))
        for row, N in enumerate(lengths):
            marks = around(of_nearer(rho, N), 0.15, 2.5, n_marks // 2, 2.0**N)
            lost[row] = with_error(np.log(marks), spins("exp", N, marks, rho, sets, starts)[1], 0.5)
        (slope, error), theory = line(lengths, lost), np.log([of_nearer(rho, N) for N in lengths])
        found |= {f"α({rho:g})": slope, f"α error({rho:g})": error}
        print(
            f"  ρ = {rho:5.3f}   {slope:.3f} ± {error:.3f}   {np.polyfit(lengths, theory, 1)[0]:.3f}, "
            f"{of_exponential(rho):.3f}, {rate(1 - 2 * rho) / 2:.3f}"
        )
        label = f"ρ = {rho:g}: slope {slope:.3f} ± {error:.3f}"
        panels[2].errorbar(lengths, lost[:, 0], lost[:, 1], fmt="o", color=colour, label=label)
        panels[2].plot(lengths, theory, "-", lengths, rate(1 - 2 * rho) / 2 * np.array(lengths), "--", color=colour)

    # ----------------------------------------------------------------------------------------------------- spheres
    print(f"spheres: slope of ln P against d at once, after {UPDATES} updates; of theory, and for d → ∞; ¼ ln c")
    for (K, lengths), colour in zip(spheres.items(), COLOURS, strict=False):
        held = np.empty((len(lengths), 2, 2))
        for row, d in enumerate(lengths):
            marks = around(of_sphere(K, d), 0.03, 4.0, n_marks // 2)
            held[row] = [with_error(np.log(marks), each, 0.5) for each in weights(K, d, marks, sets, starts)]
        slopes, theory = [line(lengths, held[:, k]) for k in (0, 1)], np.log([of_sphere(K, d) for d in lengths])
        found |= {f"sphere({K:g})": slopes[0][0], f"sphere error({K:g})": slopes[0][1], f"after({K:g})": slopes[1][0]}
        text = ", ".join(f"{s:.3f} ± {e:.3f}" for s, e in slopes)
        print(
            f"  K = {K:g}   {text}; {np.polyfit(lengths, theory, 1)[0]:.3f}, "
            f"{of_many(K):.3f}; {np.log(of_theorem(K, 1e9)[0]) / 4:.3f}"
        )
        for k, face in ((0, colour), (1, "none")):
            label = f"K = {K:g}, {('at once', f'after {UPDATES} updates')[k]}: slope {slopes[k][0]:.2f}"
            panels[3].errorbar(lengths, held[:, k, 0], held[:, k, 1], fmt="o", color=colour, mfc=face, label=label)
        promised = [of_theorem(K, d)[1] for d in lengths]
        panels[3].plot(lengths, theory, "-", lengths, promised, "--", color=colour)

    apart = max(abs(found[f"slope({n}, m = 0.95)"] - (n - 1)) for n in sizes)
    double = min(found[f"α({rho:g})"] / (rate(1 - 2 * rho) / 2) for rho in exponential)
    print(f"verdict: slopes at m = 0.95 are n − 1 within {apart:.2f}, since sizes are finite; the exponentials hold")
    print(f"  at least {double:.2f} times the exponent of their theorem")
    scaled = "P v/signal² → (2n − 3)!! P/Nⁿ⁻¹"
    about = (
        {"xscale": "log", "xlim": (0.03, 1.2), "ylim": (0.2, 1.05), "xlabel": scaled, "ylabel": "final overlap m"},
        {"xscale": "log", "yscale": "log", "xlim": (20, 4000), "xlabel": "spins N", "ylabel": "patterns P"},
        {"xlabel": "spins N", "ylabel": "ln P"},
        {"xlabel": "dimension d", "ylabel": "ln P"},
    )
    titles = (
        "spins, −Σ (ξ·s)ⁿ, from a pattern; dotted: replica symmetry",
        "capacities, and slopes of ln P against ln N",
        "spins, −Σ exp(ξ·s), half come back; lines: theory, dashed: theorem",
        "sphere, softmax, weight ½; lines: theory, dashed: theorem",
    )
    for panel, how, title in zip(panels, about, titles, strict=True):
        panel.set(**how)
        panel.set_title(title, fontsize="medium")
    keys = (("o", "none", "half are fixed"), ("o", "k", "m = 0.95"), ("D", "none", "ρ = 1/8, m = 0.5"))
    for marker, face, label in keys:
        panels[1].plot([], [], marker, color="k", mfc=face, label=label)
    for style, label in (("k--", "half are fixed, normal fields"), ("k-", "transition, replica symmetry")):
        panels[1].plot([], [], style, lw=1, label=label)
    for panel, low in zip(panels, (0.0, 0.0, 0.0, 0.12), strict=True):
        place = {"loc": "lower right", "bbox_to_anchor": (1.0, low)} if low else {}
        panel.legend(fontsize="small", frameon=False, **place)
    panels[1].set_xticks([32, 64, 128, 256, 512], ["32", "64", "128", "256", "512"])
    panels[1].minorticks_off()
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
