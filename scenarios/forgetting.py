"""How networks that learn for ever forget: the overlap with a pattern by its age, and how many patterns are recalled.

Networks learn many more patterns than they can keep, and start at each of the last ones at T = 0. Three rules, two of
them beside the theory for N → ∞:

    palimpsest      all couplings fade a little with each pattern, of strength ε
    bounded         couplings are cut at ±A/√N after each pattern of strength ε; only ε/A counts
    Hebb            nothing fades: beyond 0.138 N patterns all are lost, the last ones too

The age is the number of patterns learnt since, over N. A palimpsest recalls the last 0.0490 N patterns at best, at
ε = 4.108, and none below ε = 2.465, where the noise of all that came before hides even the last. Couplings within
bounds recall the last 0.0405 N at best, at ε/A = 2.820. Finite networks recall more, and less so the larger they are.

Run it:  python scenarios/forgetting.py                    (about four minutes; writes forgetting.png)
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks

STRENGTHS = (2.0, 2.3, 2.6, 3.0, 3.5, 4.108, 5.0, 6.5, 8.0)
SHOWN = {2.0: "#999999", 3.0: "#E69F00", 4.108: "#0072B2", 6.5: "#D55E00"}
HELD = (3.0, 3.5, 4.108)  # where spins that differ are many enough, and finite size matters little
HELD_WITHIN = (1.8, 2.2)
RATIOS = {1.8: "#999999", 2.2: "#E69F00", 2.82: "#0072B2", 5.0: "#009E73"}  # ε/A
HEBB = 0.3  # patterns over N
OLDEST = 0.1  # of the ages looked at
FULL = 16.0  # of ε²P/N: after these P patterns what was before has faded to e⁻⁸
WALKED = 8.0  # of ε²P/A²N: after these the walk of couplings between their bounds has forgotten to e⁻¹⁰
RECALLED = 0.9  # overlaps from there on
BEST, END = 4.108, 2.465
BEST_WITHIN, END_WITHIN = 2.82, 1.324
SEEN = 5.0  # standard errors over ten networks: of five numbers one is that far off by chance with probability 4e-3


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
        "bounded": (WALKED * n / value**2, lambda xi: networks.bounded(xi, value, 1.0)),
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


def within(age: float, ratio: float, n: float = np.inf) -> float:
    """The theory's overlap for couplings within bounds, which steps of a finite size make wider by half of one."""
    return networks.bounded_overlap(age, ratio, 1 + ratio / np.sqrt(n) / 2)


def most_within(ratio: float) -> float:
    """The theory's capacity for them."""
    return networks.bounded_capacity(ratio, 1.0)


def capacity(overlaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many patterns are recalled, over N."""
    return over_networks((overlaps > RECALLED).mean(axis=1) * OLDEST)


def main(n: int = 1000, seeds: int = 10, figure: str = "forgetting.png") -> dict[str, float]:
    """Learn with N = n, and N = n/4 for comparison, so many networks for each rule."""
    found: dict[str, float] = {}

    # ----------------------------------------------------------------------------------------------- patterns recalled
    small = n // 4
    faded = {e: learnt("palimpsest", e, n, seeds) for e in STRENGTHS}
    smaller = {e: learnt("palimpsest", e, small, seeds) for e in STRENGTHS}
    cut = {ratio: learnt("bounded", ratio, n, seeds) for ratio in RATIOS}
    hebb = learnt("hebb", HEBB, n, seeds)
    print("patterns recalled, over N")
    print(f"    ε        theory    N = {n:<6,}            N = {small:,}")
    for e in STRENGTHS:
        (mean, stderr), (other, error), theory = (
            capacity(faded[e]),
            capacity(smaller[e]),
            networks.palimpsest_capacity(e),
        )
        found |= {f"capacity({e})": float(mean), f"capacity({e}), n/4": float(other)}
        print(f"   {e:5.3f}     {theory:.4f}    {mean:.4f} ± {stderr:.4f}     {other:.4f} ± {error:.4f}")
    print("   ε/A")
    for ratio in RATIOS:
        (mean, stderr), theory = capacity(cut[ratio]), most_within(ratio)
        found |= {f"bounded({ratio})": float(mean)}
        print(f"   {ratio:5.3f}     {theory:.4f}    {mean:.4f} ± {stderr:.4f}")
    found |= {"hebb": float(capacity(hebb)[0]), "hebb, overlap": float(hebb.mean())}
    print(f"Hebb, {HEBB} N patterns  {found['hebb']:.4f}; overlaps are {hebb.mean():.2f}")

    # ----------------------------------------------------------------------------------------- overlaps, held to theory
    print("overlaps, over the younger half of the theory's")
    scores = []
    for name, overlaps, held, overlap, limit in (
        ("ε = ", faded, HELD, networks.palimpsest_overlap, networks.palimpsest_capacity),
        ("ε/A = ", cut, HELD_WITHIN, lambda age, ratio: within(age, ratio, n), most_within),
    ):
        for value in held:
            young = round(limit(value) * n / 2)
            theory = np.mean([overlap(k / n, value) for k in range(young)])
            mean, stderr = over_networks(overlaps[value][:, :young].mean(axis=1))
            stderr = max(stderr, np.sqrt((1 - theory**2) / (n * young * seeds)))  # no less than of independent spins
            scores.append(float((mean - theory) / stderr))
            found |= {f"m({name}{value})": float(mean), f"z({name}{value})": scores[-1]}
            print(f"   {name + str(value):12} {theory:.5f}   {mean:.5f} ± {stderr:.5f}   z = {scores[-1]:.1f}")
    are = "are" if max(map(abs, scores)) < SEEN else "are not"
    print(f"verdict: overlaps {are} those of the theory: |z| < {SEEN:g} at {len(scores)} strengths")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(14, 4.4), layout="constrained")
    left, middle, right = picture.subplots(1, 3)
    age, fine = np.arange(round(OLDEST * n)) / n, np.linspace(0, OLDEST, 1001)
    for axes, overlaps, shown, overlap, name in (
        (left, faded, SHOWN, networks.palimpsest_overlap, "ε"),
        (middle, cut, RATIOS, within, "ε/A"),
    ):
        for value, colour in shown.items():
            mean, stderr = over_networks(overlaps[value])
            axes.errorbar(age, mean, stderr, fmt=".", color=colour, ms=4, lw=0.6, label=f"{name} = {value}")
            axes.plot(fine, [overlap(u, value) for u in fine], color=colour, lw=1.5)
        axes.set(xlim=(0, OLDEST), ylim=(0, 1.03), xlabel="patterns learnt since, over N", ylabel="overlap at rest")
    middle.errorbar(age, *over_networks(hebb), fmt=".", color="k", ms=4, lw=0.6, label=f"Hebb, {HEBB} N patterns")
    left.set_title(f"palimpsest, N = {n:,}; lines: theory, N → ∞")
    middle.set_title(f"bounded, N = {n:,}; lines: theory, N → ∞")
    fine = np.linspace(1.0, 8.5, 800)
    right.plot(fine, [networks.palimpsest_capacity(e) for e in fine], "k", lw=1.5, label="palimpsest, N → ∞")
    right.plot(fine, [most_within(e) for e in fine], "--", color="#009E73", label="bounded, N → ∞")
    for overlaps, marker, colour, label in (
        (faded, "o", "#0072B2", f"palimpsest, N = {n:,}"),
        (smaller, "s", "#E69F00", f"palimpsest, N = {small:,}"),
        (cut, "D", "#009E73", f"bounded, N = {n:,}"),
    ):
        mean, stderr = np.array([capacity(m) for m in overlaps.values()]).T
        right.errorbar([*overlaps], mean, stderr, fmt=marker, color=colour, ms=4, capsize=2, mfc="none", label=label)
    best = networks.palimpsest_capacity(BEST), most_within(BEST_WITHIN)
    right.plot((BEST, BEST_WITHIN), best, "*", color="#D55E00", ms=12, label="0.0490 at 4.108, 0.0405 at 2.820")
    right.plot((END, END_WITHIN), (0, 0), "v", color="#D55E00", ms=7, clip_on=False, label="none below 2.465, 1.324")
    right.set(xlim=(1.0, 8.5), ylim=(0, 0.11), xlabel="strength: ε, or ε/A", ylabel="patterns recalled, over N")
    right.set_title(f"capacity: overlaps above {RECALLED}")
    left.legend(loc="upper right")
    middle.legend(loc="upper right")
    right.legend(fontsize=8)
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
