"""How networks that learn for ever forget: the overlap with a pattern by its age, and how many patterns are recalled.

Networks learn many more patterns than they can keep, and start at each of the last ones at T = 0. Three rules:

    palimpsest      all couplings fade a little with each pattern, of strength ε; the theory for N → ∞ is beside it
    bounded         couplings are cut at ±A/√N after each pattern
    Hebb            nothing fades: beyond 0.138 N patterns all are lost, the last ones too

The age is the number of patterns learnt since, over N. A palimpsest recalls the last 0.0490 N patterns at best, at
ε = 4.108, and none below ε = 2.465, where the rest of those before hides even the last. A finite network recalls a few
more, whose overlap is finite for a time: the smaller it is, the more.

Run it:  python scenarios/forgetting.py                    (about six minutes; writes forgetting.png)
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks

STRENGTHS = (2.0, 2.3, 2.6, 3.0, 3.5, 4.108, 5.0, 6.5, 8.0)
SHOWN = {2.0: "#999999", 3.0: "#E69F00", 4.108: "#0072B2", 6.5: "#D55E00"}
HELD = (3.0, 3.5, 4.108)  # where spins that differ are many enough, and finite size matters little
BOUNDS = {0.2: "#009E73", 0.35: "#0072B2", 0.7: "#CC79A7"}
HEBB = 0.3  # patterns over N
OLDEST = 0.1  # of the ages looked at
FULL = 16.0  # of ε²P/N: after these P patterns what was before has faded to e⁻⁸
WALKED = 2.0  # of P/N, for couplings to wander from one bound to the other
RECALLED = 0.9  # overlaps from there on
BEST, END = 4.108, 2.465
SEEN = 5.0  # standard errors over ten networks: of three numbers one is that far off by chance with probability 2e-3


def rest(W: np.ndarray, patterns: np.ndarray, seed: int) -> np.ndarray:
    """Overlaps of the last patterns, the very last first, with where they come to rest."""
    start = patterns[::-1][: round(OLDEST * len(W))]
    system = lk.SpinSystem(couplings=W, temperature=0.0)
    ds = lk.simulate(system, initial=start, time_step=1, n_steps=50, save_every=50, save_positions=True, rng=seed)
    return np.asarray((ds.position[-1].values.T * start).mean(axis=1))


def learnt(rule: str, value: float, n: int, seeds: int) -> np.ndarray:
    """Overlaps by age of so many networks."""
    count, learn = {
        "palimpsest": (FULL * n / value**2, lambda xi: networks.palimpsest(xi, value)),
        "bounded": (WALKED * n, lambda xi: networks.bounded(xi, 1.0, value)),
        "hebb": (value * n, networks.hebb),
    }[rule]
    found = []
    for seed in range(seeds):
        xi = np.random.default_rng(seed).choice([-1.0, 1.0], size=(round(count), n))
        found.append(rest(learn(xi), xi, seed))
    return np.array(found)


def over_networks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def capacity(overlaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many patterns are recalled, over N."""
    return over_networks((overlaps > RECALLED).mean(axis=1) * OLDEST)


def main(n: int = 1000, seeds: int = 10, figure: str = "forgetting.png") -> dict[str, float]:
    """Learn with N = n, and N = n/4 for comparison, so many networks for each rule."""
    found: dict[str, float] = {}

    # ------------------------------------------------------------------------------------------- palimpsest and theory
    small = n // 4
    palimpsests = {e: learnt("palimpsest", e, n, seeds) for e in STRENGTHS}
    smaller = {e: learnt("palimpsest", e, small, seeds) for e in STRENGTHS}
    print("palimpsest    patterns recalled over N")
    print(f"    ε       theory    N = {n:<6,}            N = {small:,}")
    for e in STRENGTHS:
        (mean, stderr), (other, error) = capacity(palimpsests[e]), capacity(smaller[e])
        found |= {f"capacity({e})": float(mean), f"capacity({e}), n/4": float(other)}
        theory = networks.palimpsest_capacity(e)
        print(f"  {e:5.3f}     {theory:.4f}    {mean:.4f} ± {stderr:.4f}     {other:.4f} ± {error:.4f}")
    print("              overlap, over the younger half of those")
    for e in HELD:
        young = round(networks.palimpsest_capacity(e) * n / 2)
        theory = np.mean([networks.palimpsest_overlap(k / n, e) for k in range(young)])
        mean, stderr = over_networks(palimpsests[e][:, :young].mean(axis=1))
        found |= {f"m({e})": float(mean), f"z({e})": float((mean - theory) / stderr)}
        print(f"  {e:5.3f}     {theory:.5f}   {mean:.5f} ± {stderr:.5f}   z = {found[f'z({e})']:.1f}")

    # ------------------------------------------------------------------------------------------------ bounded, and Hebb
    bounded = {a: learnt("bounded", a, n, seeds) for a in BOUNDS}
    for a in BOUNDS:
        mean, stderr = capacity(bounded[a])
        found[f"bounded({a})"] = float(mean)
        print(f"bounded, A = {a:<4} recalls the last {mean:.4f} ± {stderr:.4f} N")
    hebb = learnt("hebb", HEBB, n, seeds)
    found |= {"hebb": float(capacity(hebb)[0]), "hebb, overlap": float(hebb.mean())}
    print(f"Hebb, {HEBB} N     recalls {found['hebb']:.4f} N; overlaps are {hebb.mean():.2f}")
    held = all(abs(found[f"z({e})"]) < SEEN for e in HELD)
    print(f"verdict: overlaps {'are' if held else 'are not'} those of the theory: |z| < {SEEN:g} at three strengths")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(14, 4.4), layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    age, fine = np.arange(round(OLDEST * n)) / n, np.linspace(0, OLDEST, 1001)
    for e, colour in SHOWN.items():
        left.errorbar(age, *over_networks(palimpsests[e]), fmt=".", color=colour, ms=4, lw=0.6, label=f"ε = {e}")
        left.plot(fine, [networks.palimpsest_overlap(u, e) for u in fine], color=colour, lw=1.5)
    left.set_title(f"palimpsest, N = {n:,}; lines: theory, N → ∞")
    for a, colour in BOUNDS.items():
        middle.errorbar(age, *over_networks(bounded[a]), fmt=".", color=colour, ms=4, lw=0.6, label=f"A = {a}")
    middle.errorbar(age, *over_networks(hebb), fmt=".", color="k", ms=4, lw=0.6, label=f"Hebb, {HEBB} N patterns")
    middle.set_title(f"learning within bounds, N = {n:,}")
    for axes in (left, middle):
        axes.set(
            xlim=(0, OLDEST), ylim=(0, 1.03), xlabel="age: patterns learnt since, over N", ylabel="overlap at rest"
        )
        axes.legend(loc="upper right")
    fine = np.linspace(1.8, 8.5, 500)
    right.plot(fine, [networks.palimpsest_capacity(e) for e in fine], "k", lw=1.5, label="theory, N → ∞")
    for size, overlaps, marker in ((n, palimpsests, "o"), (small, smaller, "s")):
        mean, stderr = np.array([capacity(overlaps[e]) for e in STRENGTHS]).T
        right.errorbar(STRENGTHS, mean, stderr, fmt=marker, ms=5, capsize=2, mfc="none", label=f"N = {size:,}")
    right.plot(BEST, networks.palimpsest_capacity(BEST), "*", color="#D55E00", ms=13, label="0.0490 at ε = 4.108")
    right.plot(END, 0, "v", color="#D55E00", ms=8, clip_on=False, label="none below ε = 2.465")
    right.set(xlim=(1.8, 8.5), ylim=(0, None), xlabel="strength ε", ylabel="patterns recalled, over N")
    right.set_title(f"palimpsest: overlaps above {RECALLED}")
    right.legend()
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
