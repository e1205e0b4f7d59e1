"""From how far a network of spins finds a pattern at T = 0, by load and by the rule that stored it.

Starts are spins which agree with a pattern so often that the overlap is m₀ on average; Glauber's rule then runs at
T = 0 until nothing changes. The colour is the overlap at the end, the line the overlap at the start from which half of
the runs end at the pattern: above 0.9, and at most half as far from it as they began. Of the pseudo-inverse all
patterns are fixed points up to α = 1 with or without its diagonal: their basins tell the two apart.

What one step of all spins at once does is known for N → ∞ and held to the runs: the field of a spin is Gaussian,

    Hebb             m₁ = erf(m₀ / √(2α))
    pseudo-inverse   m₁ = erf((1 − α) m₀ / √2 σ),    σ² = α (1 − α) (1 − m₀²)
    with diagonal    a spin feels α of itself too: (1 − α) m₀ + α where it is right, (1 − α) m₀ − α where it is wrong

The first is that of Kinzel, Z. Phys. B 60, 205 (1985); on the basins of the pseudo-inverse see Kanter & Sompolinsky,
Phys. Rev. A 35, 380 (1987).

Run it:  python scenarios/basins.py                        (about a minute; writes basins.png)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import erf

import langevin_kit as lk
from langevin_kit import networks

Floats = NDArray[np.float64]

DIAGONAL = "with its diagonal"
RULES: dict[str, tuple[Callable[[Floats], Floats], float]] = {  # with the largest load drawn
    "Hebb": (networks.hebb, 0.2),
    "Storkey": (networks.storkey, 0.6),
    "pseudo-inverse": (networks.pseudo_inverse, 1.0),
    DIAGONAL: (partial(networks.pseudo_inverse, diagonal=True), 1.0),
}
SWEEPS = 60
FOUND = 0.9
STEP_LOAD, STEP_START = 0.2, (0.2, 0.5, 0.8)
REPEATS = 20  # of each start of each pattern
SEEN = 4.5  # standard errors: of nine numbers one is that far off by chance with probability 6e-5


def after(
    W: Floats, taught: Floats, starts: Floats, seed: int, sweeps: int, update: Literal["random", "synchronous"]
) -> Floats:
    """Overlaps with ten of the patterns after so many sweeps from each m₀ of `starts`: (starts, patterns)."""
    patterns = taught[np.linspace(0, len(taught) - 1, 10).astype(int)]
    u = np.random.default_rng(seed).random((len(starts), *patterns.shape))
    begin = np.where(u < (1 + starts[:, None, None]) / 2, patterns, -patterns)
    ds = lk.simulate(
        lk.SpinSystem(couplings=W, temperature=0.0, update=update),
        initial=begin.reshape(-1, len(W)),
        time_step=1,
        n_steps=sweeps,
        save_every=sweeps,
        rng=seed,
        save_positions=True,
    )
    end = ds.position.values[-1].T.reshape(begin.shape)
    return np.asarray(np.einsum("spn,pn->sp", end, patterns) / len(W))


def one_step(name: str, m: Floats, taught: Floats) -> Floats:
    """m₁ of all spins at once, mean over spins of their W_ii, which are α on average."""
    p, n = taught.shape
    if name == "Hebb":
        return np.asarray(erf(m / np.sqrt(2 * (p - 1) / n)))  # the pattern itself makes no noise
    a, m = np.diag(networks.pseudo_inverse(taught, diagonal=True)), m[:, None]
    width, own = np.sqrt(2 * a * (1 - a) * (1 - m**2)), a if name == DIAGONAL else 0.0
    right, wrong = (erf(((1 - a) * m + sign * own) / width) for sign in (1, -1))
    return np.asarray(((1 + m) / 2 * right + (1 - m) / 2 * wrong).mean(axis=1))


def half(starts: Floats, share: Floats) -> float:
    """The start at which the share of runs that end at the pattern crosses one half; 0 or 1 where it does not."""
    above = np.flatnonzero(share >= 0.5)
    if not above.size or above[0] == 0:
        return float(above.size == 0)
    k = above[0]
    return float(np.interp(0.5, share[k - 1 : k + 1], starts[k - 1 : k + 1]))


def main(n: int = 500, cells: int = 12, seeds: int = 4, figure: str = "basins.png") -> dict[str, float]:
    """Measure cells × cells loads and starts with so many networks of n spins."""
    patterns = [np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, n)) for seed in range(seeds)]
    found: dict[str, float] = {}

    # ------------------------------------------------------------------------------------------- one step of all spins
    starts = np.array(STEP_START)
    again = np.tile(starts, REPEATS)
    print(f"one step of all spins at once, α = {STEP_LOAD:g}: overlap from {', '.join(map(str, STEP_START))}, N = {n}")
    for name, (rule, _) in RULES.items():
        if name == "Storkey":
            continue
        taught = [xi[: round(STEP_LOAD * n)] for xi in patterns]
        runs = [after(rule(xi), xi, again, 100 + seed, 1, "synchronous") for seed, xi in enumerate(taught)]
        m = np.concatenate(runs, axis=1).reshape(REPEATS, len(starts), -1).mean(axis=0)
        mean, stderr = m.mean(axis=1), m.std(axis=1, ddof=1) / np.sqrt(m.shape[1])
        theory = np.mean([one_step(name, starts, xi) for xi in taught], axis=0)
        score = (np.abs(mean - theory) - 1 / n) / stderr  # the law of the field is Gaussian up to order 1/N
        found[f"{name}: one step"] = float(score.max())
        found |= {f"{name}: m₁ from {start:g}": float(a) for start, a in zip(starts, mean, strict=True)}
        triples = zip(mean, stderr, theory, strict=True)
        print(f"{name:18s}" + "".join(f"   {a:.4f} ± {b:.4f}, theory {c:.4f}" for a, b, c in triples))

    # ------------------------------------------------------------------------------------------------------ the basins
    starts = (np.arange(cells) + 0.5) / cells
    ends, limits = np.empty((len(RULES), cells, cells)), np.empty((len(RULES), cells, seeds))
    for row, (rule, most) in enumerate(RULES.values()):
        for k in range(cells):
            m = []
            for seed, xi in enumerate(patterns):
                taught = xi[: max(1, round(starts[k] * most * n))]
                m.append(after(rule(taught), taught, starts, seed, SWEEPS, "random"))
                nearer = (m[-1] > FOUND) & (1 - m[-1] < (1 - starts[:, None]) / 2)
                limits[row, k, seed] = half(starts, nearer.mean(axis=1))
            ends[row, :, k] = np.mean(m, axis=(0, 2))
    print("overlap from which half of the runs find the pattern, by load")
    for (name, (_, most)), limit in zip(RULES.items(), limits, strict=True):
        mean, stderr = limit.mean(axis=1), limit.std(axis=1, ddof=1) / np.sqrt(seeds)
        shown = range(0, cells, max(1, cells // 4))
        print(f"{name:18s}" + "".join(f"   {starts[k] * most:.3f}: {mean[k]:.2f} ± {stderr[k]:.2f}" for k in shown))
        found |= {f"{name}: from, α = {starts[k] * most:.4g}": float(mean[k]) for k in shown}
    worst = max(value for name, value in found.items() if name.endswith("one step"))
    held = "is" if worst < SEEN else "is not"
    print(f"verdict: one step {held} that of the theory, up to 1/N and {worst:.1f} standard errors (of {SEEN:g})")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(10, 7.5), layout="constrained")
    panels = picture.subplots(2, 2, sharey=True)
    edges = np.linspace(0, 1, cells + 1)
    for axes, (name, (_, most)), end, limit in zip(panels.flat, RULES.items(), ends, limits, strict=True):
        image = axes.pcolormesh(edges * most, edges, end, vmin=0, vmax=1, cmap="viridis")
        mean, stderr = limit.mean(axis=1), limit.std(axis=1, ddof=1) / np.sqrt(seeds)
        axes.errorbar(starts * most, mean, 2 * stderr, fmt="o-", color="black", mfc="white", ms=5, capsize=3)
        axes.set(xlim=(0, most), ylim=(0, 1), xlabel="load α", title=name)
    for axes in panels[:, 0]:
        axes.set_ylabel("overlap at the start, m₀")
    picture.colorbar(image, ax=panels, label="overlap at the end, T = 0")
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
