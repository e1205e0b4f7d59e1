"""How many patterns dense memories hold: e^{αd} in modern Hopfield networks, N^{n−1} with polynomials of degree n.

Modern Hopfield networks of P = e^{αd} random patterns ±1 in d dimensions start at one of them, and are asked afterwards
which pattern they are at: the softmax weight p of their own, 1 if they know it and 0 if it is lost among the others.

At T = 0 they start at the pattern itself. The others weigh (P − 1)(cosh β/e^β)^d beside it on average, so that it holds
up to α₁ = β − ln cosh β, which is ln 2 for β → ∞: the random energy model of Lucibello & Mézard, Phys. Rev. Lett. 132,
077301 (2024), for these patterns; it never condenses below α₁.

At T = 1/β, where the law is a mixture of Gaussians of the variance T around all patterns, they start in the Gaussian of
one: a code word and noise. Which pattern it was can be told from x up to Shannon's capacity of that channel, the
entropy of a mixture of two such Gaussians at ±1 less that of one: C = β − ⟨ln cosh(β + √β z)⟩, z ~ N(0, 1).

Both lines are of d → ∞ and of the start. At a finite d weight is lost over a range of α around them, and what a path
has lost does not come back, so that after a time the places of p = ½ lie lower.

Spins with the energy −Σ_μ (ξ^μ·s)ⁿ hold of the order of N^{n−1} patterns (Krotov & Hopfield, NeurIPS 2016): counted
is up to which P fewer than 1 % of the spins of a pattern would turn. The slope of ln P against ln N is fitted, and
beside it stands what signal over noise says with its exact second moments; both exceed n − 1 by terms of the order
of 1/N.

Run it:  python scenarios/modern_hopfield.py                 (about two minutes; writes modern_hopfield.png)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

import langevin_kit as lk
from langevin_kit import networks

ERRORS = 0.01
GROUPS = 10
DEGREES = {2: (32, 64, 128, 256, 512), 3: (24, 32, 48, 64, 128), 4: (24, 32, 48, 64, 96)}


def of_pattern(beta: float) -> float:
    """α₁, up to which a pattern holds at T = 0."""
    return float(np.log(2) - np.log1p(np.exp(-2 * beta)))


def of_channel(beta: float) -> float:
    """C, up to which its Gaussian does at T = 1/β."""
    one_bit = networks.modern([[1.0], [-1.0]], beta)
    return one_bit.entropy().value - float(np.log(2 * np.pi * np.e / beta)) / 2


def kept(patterns: np.ndarray, beta: float, size: int, starts: int, temperature: float) -> list[float]:
    """Mean weight p of their own pattern that some starts have among the first patterns: at once, after a time of 3."""
    # The others get next to no weight: all sizes share one compiled step.
    memory = networks.modern(patterns, beta, weights=np.where(np.arange(len(patterns)) < size, 1.0, 1e-300))
    own = np.arange(starts) % size
    noise = np.random.default_rng(1).normal(size=(starts, patterns.shape[1]))
    steps = 30 if temperature else 12
    ds = lk.simulate(
        replace(memory.system, temperature=temperature),
        initial=patterns[own] + np.sqrt(temperature) * noise,
        time_step=3.0 / steps,
        n_steps=steps,
        save_every=steps,
        rng=2,
        dtype="float32",
        save_positions=True,
        check=False,  # the same equation each time; its relaxation rates are about 1
    )
    return [float(memory.responsibilities(x)[own, np.arange(starts)].mean()) for x in ds.position[[0, -1]].values]


def crossing(alphas: np.ndarray, p: np.ndarray) -> float:
    """Where p falls through ½."""
    below = int(np.argmax(p < 0.5))
    if not below:
        return float("nan")
    slope = (p[below] - p[below - 1]) / (alphas[below] - alphas[below - 1])
    return float(alphas[below - 1] + (0.5 - p[below - 1]) / slope)


def of_noise(n: int, N: int) -> float:
    """The P at which signal over noise is that of normal errors: signal² = z² P ⟨noise²⟩."""
    h = 2.0 * np.arange(N) - (N - 1)  # sums of the N − 1 other spins
    weight = np.exp(np.cumsum(np.log(np.r_[1.0, (N - np.arange(1, N)) / np.arange(1, N)])))
    noise = weight @ ((h + 1) ** n - (h - 1) ** n) ** 2 / weight.sum()
    return float((N**n - (N - 2) ** n) ** 2 / noise / norm.isf(ERRORS) ** 2)


def capacity(n: int, N: int, repeats: int, seed: int) -> tuple[float, float]:
    """For the pattern 1, 1, …: ln P at which so many of its spins would turn, and its standard error (jackknife)."""
    marks = np.unique(np.rint(of_noise(n, N) * 2.0 ** np.arange(-2, 0.9, 0.125)).astype(int))
    marks = marks[marks > 0]
    rng = np.random.default_rng(seed)
    wrong = np.zeros((GROUPS, len(marks)))
    for repeat in range(repeats):
        field = np.full(N, float(N**n - (N - 2) ** n))
        for k, more in enumerate(np.diff(marks, prepend=0)):
            xi = 2.0 * np.unpackbits(rng.integers(0, 256, (more, -(-N // 8)), np.uint8), axis=1, count=N) - 1
            A = xi.sum(axis=1)
            # Aⁿ − (A − 2ξ)ⁿ has two values, one for each ξ.
            up, down = A**n - (A - 2) ** n, A**n - (A + 2) ** n
            field += ((up + down) / 2).sum() + (up - down) / 2 @ xi
            wrong[repeat % GROUPS, k] += (field < 0).mean()
    share = wrong / (repeats / GROUPS)

    def at(errors: np.ndarray) -> float:
        return float(np.interp(ERRORS, np.maximum.accumulate(errors), np.log(marks)))

    each = [at(np.delete(share, g, axis=0).mean(axis=0)) for g in range(GROUPS)]
    return at(share.mean(axis=0)), float(np.std(each) * np.sqrt(GROUPS - 1))


def main(
    d: int = 12,
    betas: Sequence[float] = tuple(np.geomspace(0.15, 4.0, 10)),
    alphas: Sequence[float] = tuple(np.linspace(0.05, 0.75, 15)),
    starts: int = 48,
    repeats: int = 64_000,
    figure: str = "modern_hopfield.png",
) -> dict[str, float]:
    """Measure a map at T = 0 and one at T = 1/β, and capacities of polynomials with so many spins of each N."""
    # ---------------------------------------------------------------------------------------------- exponentially many
    load = np.array(alphas)
    maps = np.empty((2, len(load), len(betas), 2))
    sizes = np.rint(np.exp(load * d)).astype(int)
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], size=(sizes[-1], d))
    for row, size in enumerate(sizes):
        for column, beta in enumerate(betas):
            for which, temperature in enumerate((0.0, 1 / beta)):
                maps[which, row, column] = kept(patterns, beta, size, starts, temperature)
    found = {}
    lines = {"T=0": of_pattern, "T=1/β": of_channel}
    print(f"d = {d}: α at which half of the weight is lost, at once and after a time of 3; for d → ∞ at once")
    print("              T = 0                    T = 1/β")
    print("      β   at once  after  d → ∞    at once  after  d → ∞")
    for column, beta in enumerate(betas):
        text = f"  {beta:5.2f}"
        for (name, line), each in zip(lines.items(), maps, strict=True):
            halves = [crossing(load, each[:, column, when]) for when in (0, 1)]
            found |= {f"{name}({beta:.3g}) at once": halves[0], f"{name}({beta:.3g}) after": halves[1]}
            text += f"   {halves[0]:.3f}   {halves[1]:.3f}  {line(beta):.3f} "
        print(text)

    # ----------------------------------------------------------------------------------------------- polynomially many
    print("  n   slope of ln P        signal/noise")
    points = {}
    for n, lengths in DEGREES.items():
        points[n] = y, error = np.array([capacity(n, N, max(GROUPS, repeats // N), N) for N in lengths]).T
        x = np.log(lengths)
        fit, covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
        expected = np.polyfit(x, np.log([of_noise(n, N) for N in lengths]), 1)[0]
        print(f"  {n}   {fit[0]:.3f} ± {np.sqrt(covariance[0, 0]):.3f}        {expected:.3f}")
        found |= {f"slope({n})": float(fit[0]), f"error({n})": float(np.sqrt(covariance[0, 0]))}

    off = np.nanmax([abs(found[f"T=0({beta:.3g}) at once"] - of_pattern(beta)) for beta in betas])
    steeper = max(abs(found[f"slope({n})"] - (n - 1)) for n in DEGREES)
    print(
        f"verdict: at T = 0 a pattern {'holds' if off < 1 / d else 'does not hold'} up to α₁ within 1/d = {1 / d:.3f}:"
    )
    print(f"  off by up to {off:.3f}; slopes differ from n − 1 by up to {steeper:.3f}, since sizes are finite")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(13.0, 4.2), layout="constrained")
    axes = picture.subplots(1, 3)
    fine = np.geomspace(min(betas), max(betas), 200)
    labels = ("α₁ = β − ln cosh β", "C, Shannon's capacity")
    titles = (f"T = 0, from a pattern, d = {d}", f"T = 1/β, from its Gaussian, d = {d}")
    for panel, values, title, label, line in zip(axes[:2], maps, titles, labels, lines.values(), strict=True):
        image = panel.pcolormesh(betas, load, values[..., 1], vmin=0, vmax=1, cmap="viridis", shading="nearest")
        panel.plot(fine, [line(beta) for beta in fine], "w-", lw=2, label=label)
        for when, (moment, marker) in enumerate((("at once", "o"), ("after a time of 3", "D"))):
            halves = [crossing(load, values[:, column, when]) for column in range(len(betas))]
            panel.plot(betas, halves, marker, color="#D55E00", mec="w", ms=6, label=f"p = ½ {moment}")
        panel.axhline(np.log(2), color="w", ls=":", label="ln 2, all 2ᵈ corners")
        panel.set(xscale="log", xlabel="inverse temperature β", title=title)
        panel.set_xticks([0.2, 0.5, 1.0, 2.0, 4.0], ["0.2", "0.5", "1", "2", "4"])
        panel.minorticks_off()
        panel.legend(loc="upper left", bbox_to_anchor=(0, 0.86), fontsize="small", labelcolor="white", frameon=False)
    axes[0].set_ylabel("load α = ln P / d")
    picture.colorbar(image, ax=list(axes[:2]), label="weight p of the own pattern")
    for (n, lengths), colour in zip(DEGREES.items(), ("#E69F00", "#0072B2", "#009E73"), strict=True):
        y, error = points[n]
        axes[2].errorbar(lengths, np.exp(y), np.exp(y) * error, fmt="o", color=colour)
        dense = np.unique(np.rint(np.geomspace(lengths[0], lengths[-1], 40)).astype(int))
        axes[2].plot(dense, [of_noise(n, N) for N in dense], "-", color=colour)
        offset, side = ((40, 10), "right") if n == 2 else ((10, -4), "left")
        text = f"n = {n}: slope {found[f'slope({n})']:.3f} ± {found[f'error({n})']:.3f}"
        axes[2].annotate(text, (lengths[-1], np.exp(y[-1])), offset, textcoords="offset points", ha=side, color=colour)
    axes[2].set(xscale="log", yscale="log", xlim=(20, 2000), xlabel="spins N", ylabel="patterns P")
    axes[2].set_title("spins, −Σ (ξ·s)ⁿ; lines: signal/noise")
    axes[2].set_xticks([32, 64, 128, 256, 512], ["32", "64", "128", "256", "512"])
    axes[2].minorticks_off()
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
