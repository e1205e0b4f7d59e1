"""The temperature at which mixtures of three patterns lose stability as α → 0: 0.460, by theory and by spins.

Three patterns, no load, Hebb's couplings: besides the patterns the state sign(ξ¹ + ξ² + ξ³) is a minimum of the free
energy when it is cold. Below T₃ the three overlaps stay equal; above, one of them wins, up to T = 1. Finite networks
leave the mixture sooner: the barrier to a pattern falls as N λ³, where λ is 0 at T₃. A difference δ of overlaps changes
at the rate λ, an eigenvalue of the Hessian (`networks.symmetric_mixture`),

    dδ/dt = −λ δ,    λ > 0 below T₃, λ < 0 above,    t in sweeps

so λ follows from how a small difference, made at the start, has grown after two sweeps: T₃ is where a parabola through
λ(T) crosses 0. Terms beyond the linear one, of the difference made, ∝ 1/√N, and of that which N spins make by chance,
are of order 1/N: crossings of three sizes are carried to N = ∞. The columns of the patterns are all eight there are,
equally often: by chance alone patterns would overlap by 1/√N, and the mixture prefer one of them.

Run it:  python scenarios/mixtures.py                      (about two minutes; writes mixtures.png)
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit import networks

Floats = NDArray[np.float64]

COLUMNS = np.array(list(product((1.0, -1.0), repeat=3))).T
DIFFERENCE = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)  # mirror-symmetric: it changes itself at first and third order
MADE = 1.5  # √N δ at the start
SWEEPS = 2
FOLLOWED = np.array([0.1, 0.2, 0.3, 0.35, 0.4, 0.44, 0.48, 0.52, 0.6, 0.7, 0.8, 0.9, 0.95])
NEAR = np.array([0.37, 0.4, 0.43, 0.46, 0.49, 0.52])
SEEN = 4.0  # standard errors: a number is that far off by chance with probability 6e-5


def network(n: int) -> lk.SpinSystem:
    """One with three patterns, cold."""
    patterns = np.tile(COLUMNS, n // 8)
    more = {"patterns": patterns / n, "difference": DIFFERENCE @ patterns / n}
    return lk.SpinSystem(couplings=networks.hebb(patterns), temperature=0.0, parameters=more)


def ends(system: lk.SpinSystem, replicas: int, sweeps: int, seed: int) -> Floats:
    """Overlaps of each replica, the largest first, at the end of a run from the mixture: (3, replicas)."""
    patterns = system.parameters["patterns"]
    ds = lk.simulate(
        system,
        initial=np.tile(np.sign(patterns.sum(axis=0)), (replicas, 1)),
        time_step=1,
        n_steps=sweeps,
        save_every=sweeps,
        rng=seed,
        save_positions=True,
    )
    return np.asarray(-np.sort(-(patterns @ ds.position.values[-1]), axis=0))


def rate(system: lk.SpinSystem, replicas: int, seed: int) -> tuple[float, float]:
    """λ and its standard error: independent spins with a small difference of overlaps, SWEEPS later."""
    n, t = system.n_dim, system.temperature
    x = networks.symmetric_mixture(3, t).m + MADE / np.sqrt(n) * DIFFERENCE
    mean = np.tanh(x @ system.parameters["patterns"] * n / t)
    made = float(system.parameters["difference"] @ mean)
    u = np.random.default_rng(seed).random((replicas, n), np.float32)
    ds = lk.simulate(
        system,
        initial=np.where(u < (1 + mean) / 2, 1.0, -1.0),
        time_step=1,
        n_steps=SWEEPS,
        save_every=SWEEPS,
        rng=seed,
        observables={"d": "difference @ s"},
    )
    left, stderr = float(ds.d[-1]), float(ds.d_stderr[-1])
    return -np.log(left / made) / SWEEPS, stderr / left / SWEEPS


def fit(x: Floats, y: Floats, stderr: Floats, powers: int) -> tuple[Floats, Floats]:
    """Coefficients of 1, x, … by weighted least squares, with their covariance."""
    weighted = x[:, None] ** np.arange(powers) / stderr[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    return covariance @ weighted.T @ (y / stderr), covariance


def crossing(y: Floats, stderr: Floats) -> tuple[float, float]:
    """Where the parabola through λ(T) is 0, with its standard error."""
    middle = NEAR.mean()
    c, covariance = fit(NEAR - middle, y, stderr, 3)
    root = min(np.roots(c[::-1]), key=abs).real
    at = root ** np.arange(3)
    return float(middle + root), float(np.sqrt(at @ covariance @ at) / abs(c[1] + 2 * c[2] * root))


def main(
    n: int = 1600, replicas: int = 5000, n_followed: int = 2400, sweeps: int = 60, figure: str = "mixtures.png"
) -> dict[str, float]:
    """Follow mixtures of n_followed spins, and measure T₃ with n/4, n/2 and n."""
    # ---------------------------------------------------------------------------------- overlaps, from the mixture on
    system = network(n_followed)
    m = np.array([ends(replace(system, temperature=t), 16, sweeps, k).mean(axis=1) for k, t in enumerate(FOLLOWED)])
    theory = networks.mixture_temperature(3)
    cold, hot = FOLLOWED - theory < -0.1, np.abs(FOLLOWED - 0.7) < 0.15
    mixed = np.array([networks.symmetric_mixture(3, t).m for t in FOLLOWED])
    recalled = np.array([networks.replica_symmetric(0.0, t).m for t in FOLLOWED])
    found = {
        "off, mixed": float(np.abs(m.mean(axis=1) - mixed)[cold].max()),
        "spread, mixed": float((m[:, 0] - m[:, 2])[cold].max()),
        "off, one": float(np.abs(m[:, 0] - recalled)[hot].max()),
        "others, one": float(np.abs(m[:, 1:])[hot].max()),
    }
    print(f"overlaps with three patterns after {sweeps} sweeps from their mixture, N = {n_followed:,}")
    print(f"  T < {theory - 0.1:.2f}: mean within {found['off, mixed']:.4f} of the mixture's,", end=" ")
    print(f"largest and least {found['spread, mixed']:.3f} apart or less")
    print(f"  T from 0.6 to 0.8: largest within {found['off, one']:.4f} of a pattern's,", end=" ")
    print(f"the others {found['others, one']:.3f} or less")

    # ------------------------------------------------------------------------------------------ λ near T₃, three sizes
    sizes, rates = np.array([n // 4, n // 2, n]), np.empty((3, len(NEAR), 2))
    for row, size in enumerate(sizes):
        system = network(size)
        rates[row] = [rate(replace(system, temperature=t), replicas, k) for k, t in enumerate(NEAR)]
    crossings = np.array([crossing(*r.T) for r in rates])
    c, covariance = fit(1 / sizes, *crossings.T, 2)
    limit, stderr = float(c[0]), float(np.sqrt(covariance[0, 0]))
    print("     N   T where λ = 0")
    for size, (at, error) in zip(sizes, crossings, strict=True):
        print(f"{size:6,d}   {at:.4f} ± {error:.4f}")
    score = (limit - theory) / stderr
    print(f"     ∞   {limit:.4f} ± {stderr:.4f}   theory {theory:.4f}   z = {score:.1f}")
    print(f"verdict: T₃ {'is' if abs(score) < SEEN else 'is not'} the theory's (|z| < {SEEN:g})")
    found |= {"T3": limit, "T3_stderr": stderr, "z": score}
    found |= {f"T3({size})": float(at) for size, (at, _) in zip(sizes, crossings, strict=True)}

    # ------------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = picture.subplots(1, 2)
    fine = np.linspace(0.02, 1.0, 300)
    left.plot(fine, [networks.replica_symmetric(0.0, t).m for t in fine], color="#0072B2", lw=1, label="a pattern")
    stable = np.array([networks.symmetric_mixture(3, t).m for t in fine])
    left.plot(fine, np.where(fine < theory, stable, np.nan), color="#D55E00", lw=1, label="the mixture, stable")
    left.plot(fine, np.where(fine > theory, stable, np.nan), ":", color="#D55E00", lw=1, label="the mixture, unstable")
    for column, (marker, label) in enumerate((("^", "largest"), ("s", "second"), ("v", "third"))):
        left.plot(FOLLOWED, m[:, column], marker, color="black", mfc="none", ms=5, label=f"spins, {label}")
    left.set(xlabel="temperature T", ylabel="overlap with a pattern", xlim=(0, 1), ylim=(-0.08, 1.04))
    left.set_title(f"{sweeps} sweeps from the mixture, N = {n_followed:,}")
    near = np.linspace(NEAR[0] - 0.01, NEAR[-1] + 0.01, 100)
    right.plot(near, [networks.symmetric_mixture(3, t).among for t in near], "k-", lw=1, label="theory, N = ∞")
    for size, r, colour in zip(sizes, rates, ("#56B4E9", "#009E73", "#D55E00"), strict=True):
        right.errorbar(NEAR, r[:, 0], 2 * r[:, 1], fmt="o", ms=4, capsize=3, color=colour, label=f"N = {size:,}")
    right.axhline(0, color="0.7", lw=0.8)
    label = f"λ = 0, carried to N = ∞:\n{limit:.4f} ± {stderr:.4f}"
    right.errorbar([limit], [0], xerr=2 * stderr, fmt="D", color="#CC79A7", capsize=3, label=label)
    right.set(xlabel="temperature T", ylabel="λ, a sweep", title="rate at which a difference relaxes, ± 2 s.e.")
    for axes in (left, right):
        axes.axvline(theory, color="0.5", ls="--", lw=1, label=f"T₃ = {theory:.4f}")
        axes.legend(frameon=False, fontsize=8)
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
