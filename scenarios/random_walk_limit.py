"""A random walk becomes the Wiener process at two rates: 1/√n in distribution, 1/n in means of smooth functions.

A walk of n steps ±1/√n has at time 1 the variance of W(1), which is normal, and no other step matters in the limit. For
finite n its distribution function has jumps; half of the largest is its distance from the normal one (Kolmogorov's).
A smooth function does not see the lattice, only the first cumulant in which a step is not normal, κ₄ = −2:

    √n sup |P(W_n ≤ x) − Φ(x)| → 1/√(2π) = 0.3989          n (E cos W_n − E cos W) → κ₄/24 e^(−1/2) = −0.0505

So signs may replace normal numbers where only means of smooth functions count, and not where a threshold is asked for.
Both are measured on walks that `simulate` makes (`noise="rademacher"`), and held to their exact, binomial law.

Run it:  python scenarios/random_walk_limit.py             (about twenty seconds; writes random_walk_limit.png)
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.special import ndtr
from scipy.stats import binom

import langevin_kit as lk

SYSTEM = lk.System(energy=0, mobility=1.0, temperature=0.5)  # dx = dW
STEPS = np.array([4, 8, 16, 32, 64, 128, 256])
LIMITS = 1 / np.sqrt(2 * np.pi), -2 / 24 * np.exp(-0.5)
# W² has the mean 1 for every n, so a multiple of W² − 1 takes most of the noise out of cos W and leaves its mean.
COSINE = f"cos(x) + {np.exp(-0.5) / 2}*(x**2 - t)"
SEEN = 4.5  # standard errors: of 15 numbers one is that far off by chance with probability 1e-4


def walks(n: int, noise: str, n_particles: int) -> tuple[np.ndarray, float, float]:
    """How many walks end at each of the n + 1 places; the mean of cos W less that of the Wiener process, its error."""
    edge = (n + 1) / np.sqrt(n)
    ds = lk.simulate(
        SYSTEM,
        initial=lk.initial.point([0.0]),
        n_particles=n_particles,
        time_step=1 / n,
        n_steps=n,
        save_every=n,
        rng=n,
        scheme=lk.EulerMaruyama(noise=noise),
        histogram=lk.Grid(x=lk.cells(-edge, edge, n + 1)),  # one place in the middle of each cell
        observables={"cosine": COSINE},
    )
    return ds.histogram.values[-1], float(ds.cosine[-1] - np.exp(-0.5)), float(ds.cosine_stderr[-1])


def fit(columns: list[np.ndarray], y: np.ndarray, stderr: np.ndarray) -> tuple[float, float]:
    """First coefficient of y = Σ cₖ columnₖ by weighted least squares, with its error."""
    weighted = np.stack(columns, axis=1) / stderr[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    return float((covariance @ weighted.T @ (y / stderr))[0]), float(np.sqrt(covariance[0, 0]))


def main(n_particles: int = 10_000_000, figure: str = "random_walk_limit.png") -> dict[str, float]:
    """Measure both errors for seven numbers of steps, and fit their rates and limits."""
    # ------------------------------------------------------------------- both errors, exact and of simulated ensembles
    exact, mean, stderr = np.empty((3, 2, len(STEPS)))
    shares = {}
    for column, n in enumerate(STEPS):
        places, law = (2 * np.arange(n + 1) - n) / np.sqrt(n), binom(n, 0.5)
        off = law.cdf(np.arange(n + 1)) - ndtr(places)
        worst = int(np.argmax(off))  # the walk is symmetric: just below the mirrored place it is as far off
        exact[:, column] = off[worst], np.cos(1 / np.sqrt(n)) ** n - np.exp(-0.5)
        counts, mean[1, column], stderr[1, column] = walks(int(n), "rademacher", n_particles)
        shares[n] = np.cumsum(counts) / n_particles
        share = shares[n][worst]
        mean[0, column], stderr[0, column] = share - ndtr(places[worst]), np.sqrt(share * (1 - share) / n_particles)
    score = np.abs((mean - exact) / stderr).max()
    _, control, control_stderr = walks(int(STEPS[0]), "gaussian", n_particles)

    print("  n    √n × distance of the distributions      n × error of the mean of cos")
    for n, (d, c), (d_stderr, c_stderr), (d_exact, c_exact) in zip(STEPS, mean.T, stderr.T, exact.T, strict=True):
        root = np.sqrt(n)
        print(
            f"{n:4d}   {root * d:.4f} ± {root * d_stderr:.4f}  exact {root * d_exact:.4f}"
            f"        {n * c:8.5f} ± {n * c_stderr:.5f}  exact {n * c_exact:8.5f}"
        )

    # ------------------------------------------------ rates and limits, with the first correction of both, of order 1/n
    found = {"largest score": float(score)}
    found |= {"signs": float(mean[1, 0] / stderr[1, 0]), "normal numbers": control / control_stderr}
    curves = []
    for row, (name, power) in enumerate((("distribution", 0.5), ("mean of cos", 1.0))):
        size, relative, scale = np.abs(mean[row]), stderr[row] / np.abs(mean[row]), STEPS**power
        rate, rate_stderr = fit([-np.log(STEPS), STEPS**0.0, 1 / STEPS], np.log(size), relative)
        limit, limit_stderr = fit([STEPS**0.0, 1 / STEPS], scale * mean[row], scale * stderr[row])
        print(
            f"{name:12s}  rate {rate:.3f} ± {rate_stderr:.3f} (exact {power:g}),"
            f" limit {limit:.5f} ± {limit_stderr:.5f} (exact {LIMITS[row]:.5f})"
        )
        found |= {f"{name}: rate": rate, f"{name}: rate_stderr": rate_stderr}
        found |= {f"{name}: limit": limit, f"{name}: limit_stderr": limit_stderr}
        curves.append(f"{name}: rate {rate:.3f} ± {rate_stderr:.3f}")
    print("standard errors by which the mean of cos is off after 4 steps: ", end="")
    print(f"{found['signs']:.0f} (signs), {found['normal numbers']:.1f} (normal numbers)")
    held = "are" if score < SEEN and abs(found["normal numbers"]) < SEEN else "are not"
    print(f"verdict: walks {held} those of the binomial law: the largest |z| is {score:.1f} ({SEEN} is chance)")

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(11, 4.4), layout="constrained")
    steps, rates = picture.subplots(1, 2)
    x = np.linspace(-3, 3, 400)
    for n, colour in ((4, "#56B4E9"), (32, "#0072B2")):
        places = (2 * np.arange(n + 1) - n) / np.sqrt(n)
        steps.step(places, shares[n], where="post", color=colour, label=f"n = {n}, simulated")
    steps.plot(x, ndtr(x), "k-", lw=1, label="Wiener process")
    steps.set(xlim=(-3, 3), xlabel="x", ylabel="P(W ≤ x)", title="distribution at time 1")
    steps.legend(frameon=False)
    for label, a, s, e, colour in zip(curves, np.abs(mean), stderr, np.abs(exact), ("#0072B2", "#D55E00"), strict=True):
        rates.errorbar(STEPS, a, 2 * s, fmt="o", color=colour, capsize=3, label=label)
        rates.plot(STEPS, e, "-", color=colour, lw=1)
    rates.set(xscale="log", yscale="log", ylim=(5e-5, 0.5), xlabel="steps n", title="errors ± 2 s.e.; lines: exact")
    rates.set_xticks(STEPS, [str(n) for n in STEPS], minor=False)
    rates.minorticks_off()
    rates.legend(frameon=False, loc="lower left")
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
