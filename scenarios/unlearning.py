"""Unlearning: what a network gains that learns with a minus sign what it falls into, and how it loses all.

Networks with Hebb's couplings, at loads α = P/N below and beyond what they can keep, come to rest from random states,
and unlearn where: W ← W − (ε/N) s sᵀ off the diagonal, D times. By the dose εD/N:

    recalled        patterns that are left where they are, but for 2.5 % of the spins, at T = 0
    from far        the same from starts with an overlap of 0.6: whether basins grow
    stability       ξ_i h_i/|W_i|, positive on all spins where a pattern is a fixed point

Mixtures of patterns are weakened first, so that at first the least stability rises, to where all patterns are fixed
points. When there is nothing else left to fall into, patterns themselves are unlearnt, and all are lost at once.

Run it:  python scenarios/unlearning.py                    (about four minutes; writes unlearning.png)
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks

LOADS = {0.1: "#009E73", 0.2: "#E69F00", 0.3: "#0072B2", 0.5: "#D55E00"}
STRENGTH = 0.01
DOSES = np.linspace(0, 0.7, 15)
FAR = 0.6  # overlap of starts
RECALLED = 0.95  # overlaps from there on
SHOWN = 0.3  # the load whose stabilities are shown
NOW = {0: "#999999", 5: "#0072B2", 10: "#D55E00"}  # numbers of doses
BINS = np.linspace(-4, 5, 91)


def recalled(W: np.ndarray, xi: np.ndarray, seed: int) -> tuple[float, float]:
    """Shares of patterns recalled, from themselves and from far."""
    same = np.random.default_rng(seed).random(xi.shape) < (1 + FAR) / 2
    system = lk.SpinSystem(couplings=W, temperature=0.0)
    ds = lk.simulate(
        system,
        initial=np.concatenate([xi, np.where(same, xi, -xi)]),
        time_step=1,
        n_steps=50,
        save_every=50,
        save_positions=True,
        rng=seed,
    )
    found = (ds.position[-1].values.T.reshape(2, *xi.shape) * xi).mean(axis=2) > RECALLED
    return float(found[0].mean()), float(found[1].mean())


def stabilities(W: np.ndarray, xi: np.ndarray) -> np.ndarray:
    """ξ_i h_i/|W_i| of all spins of all patterns."""
    return np.asarray(xi * (xi @ W) / np.linalg.norm(W, axis=0))


def main(n: int = 400, seeds: int = 4, figure: str = "unlearning.png") -> dict[str, float]:
    """Unlearn with N = n, in so many networks for each load."""
    found: dict[str, float] = {}
    shares = {load: np.empty((seeds, DOSES.size, 2)) for load in LOADS}
    least = {load: np.empty((seeds, DOSES.size)) for load in LOADS}
    counts = {k: np.zeros(BINS.size - 1) for k in NOW}
    between = round((DOSES[1] - DOSES[0]) * n / STRENGTH)

    # ----------------------------------------------------------------------------------------------- unlearn and recall
    for load in LOADS:
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            xi = rng.choice([-1.0, 1.0], size=(round(load * n), n))
            W = networks.hebb(xi)
            for k in range(DOSES.size):
                if k:
                    W = networks.unlearn(W, between, STRENGTH, rng)
                shares[load][seed, k] = recalled(W, xi, seed)
                stability = stabilities(W, xi)
                least[load][seed, k] = stability.min()
                if load == SHOWN and k in NOW:
                    counts[k] += np.histogram(stability, BINS, density=True)[0] / seeds

    print(f"N = {n}, ε = {STRENGTH}: patterns recalled, by the dose εD/N")
    print("   α   at first   at best     dose   from far, at first and best   least stability   half are lost at")
    for load in LOADS:
        near, far = shares[load].mean(axis=0).T
        lowest = least[load].mean(axis=0)
        best = int(lowest.argmax())
        lost = DOSES[best:][near[best:] < 0.5]
        found |= {
            f"recalled({load}) at first": float(near[0]),
            f"recalled({load}) at best": float(near[best]),
            f"recalled({load}) at last": float(near[-1]),
            f"far({load}) at first": float(far[0]),
            f"far({load}) at best": float(far.max()),
            f"stability({load}) at first": float(lowest[0]),
            f"stability({load}) at best": float(lowest[best]),
            f"dose({load})": float(DOSES[best]),
            f"lost({load})": float(lost[0]) if lost.size else np.inf,
        }
        print(
            f"  {load:.1f}    {near[0]:.3f}      {near[best]:.3f}      {DOSES[best]:.2f}"
            f"         {far[0]:.3f}   {far.max():.3f}          {lowest[0]:5.2f} → {lowest[best]:5.2f}"
            f"         {found[f'lost({load})']:.2f}"
        )
    gained = all(found[f"recalled({load}) at best"] > 0.99 for load in LOADS)
    gone = all(found[f"recalled({load}) at last"] < 0.01 for load in LOADS)
    at_best, at_last = "all" if gained else "not all", "all" if gone else "not all"
    print(f"verdict: {at_best} patterns are recalled at best, and {at_last} are lost at last")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(14, 4.4), layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    for axes, part, place in ((left, 0, f"themselves, N = {n}"), (middle, 1, f"an overlap of {FAR}")):
        for load, colour in LOADS.items():
            share = shares[load][..., part]
            mean, stderr = share.mean(axis=0), share.std(axis=0, ddof=1) / np.sqrt(seeds)
            axes.errorbar(DOSES, mean, stderr, fmt="o-", color=colour, ms=4, lw=1.2, label=f"α = {load}")
        axes.set(xlim=(-0.01, 0.71), ylim=(-0.02, 1.04), xlabel="dose εD/N", ylabel="share of patterns")
        axes.set_title(f"recalled from {place}")
    middle.legend()
    for k, colour in NOW.items():
        right.stairs(counts[k], BINS, color=colour, lw=1.5, label=f"εD/N = {DOSES[k]:.2f}")
    right.axvline(0, color="k", lw=0.8)
    right.set(xlim=(BINS[0], BINS[-1]), ylim=(0, None), xlabel="stability ξ_i h_i/|W_i|", ylabel="density")
    right.set_title(f"stabilities, α = {SHOWN}")
    right.legend()
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
