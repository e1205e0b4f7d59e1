"""What a network can be taught: patterns as fixed points, how many of them are stable, and how far spins remember.

A network dx/dt = −x + tanh(W x + b) with symmetric W learns patterns as its fixed points. Those of one size, ±0.9, can
all be fixed while the entries of W that are left free suffice to make its diagonal 0, (N − P + 1)(N − P + 2)/2 ≥ N:
the dotted line. Those of any size are approached, and from three on not reached. Being fixed is not being stable: near
the line some eigenvalue of −1 + diag(f') W is positive, and runs leave their pattern.

Spins remember by couplings that Hebb's rule, the projection on the patterns, and the cross entropy give. The shares are
of patterns that are fixed points at T = 0, and of those that are found again when a tenth of their spins is turned.

Run it:  python scenarios/learned_fixed_points.py            (about a minute; writes learned_fixed_points.png)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import networks

SIZE = 0.9
FIXED = 1e-6  # residuals below it are those of a minimiser that came to rest
CLEAR = 0.1  # eigenvalues so far from 0 show in a run of 40 relaxation times
SLOPE = (1 - SIZE**2) * np.arctanh(SIZE) / SIZE - 1
KINDS = {"of one size, ±0.9": "#0072B2", "of any size up to 0.9": "#D55E00"}
RULES = {"Hebb": "#CC79A7", "projection": "#009E73", "cross entropy": "#E69F00"}


def patterns(kind: str, p: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Some at random."""
    return SIZE * (rng.choice([-1.0, 1.0], size=(p, n)) if "one" in kind else rng.uniform(-1, 1, size=(p, n)))


def leaves(x: np.ndarray, learned: networks.LearnedFixedPoints, rng: np.random.Generator) -> np.ndarray:
    """Whether a run from nearby goes away from its pattern."""
    parameters = {"W": learned.couplings, "b": learned.fields}
    system = lk.System(
        coordinates={"x": x.shape[1]}, drift="-x + tanh(W @ x + b)", temperature=0.0, parameters=parameters
    )
    start = x + 1e-5 * rng.choice([-1.0, 1.0], size=x.shape)
    about = {"time_step": 0.1, "n_steps": 400, "save_every": 400, "save_positions": True, "rng": 0}
    end = lk.simulate(system, initial=start, **about).position[-1].values.T
    return np.linalg.norm(end - x, axis=1) > np.linalg.norm(start - x, axis=1)


def couplings(rule: str, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray | float] | None:
    """W and b by that rule; the projection has none for more patterns than spins."""
    if rule == "Hebb":
        return networks.hebb(xi), 0.0
    if rule == "projection":
        return (networks.pseudo_inverse(xi), 0.0) if len(xi) < xi.shape[1] else None
    learned = networks.learn_fixed_points(xi, loss="cross_entropy", weight_decay=0.01, tolerance=1e-3)
    return learned.couplings, learned.fields


def remembered(xi: np.ndarray, W: np.ndarray, b: np.ndarray | float, rng: np.random.Generator) -> tuple[float, float]:
    """Shares of patterns that are fixed points, and that are found again from nine tenths of them."""
    spins = lk.SpinSystem(couplings=W, fields=b, temperature=0.0)
    kept = networks.attractors(spins, xi, rng=0).sweeps == 0
    noisy = xi * np.where(rng.random(xi.shape) < 0.1, -1, 1)
    found = networks.attractors(spins, noisy, rng=0)
    return float(kept.mean()), float((found.states[found.reached, 0] == xi).all(axis=1).mean())


def main(
    n: int = 60,
    loads: Sequence[float] = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.7, 0.73, 0.77, 0.8, 0.83, 0.87, 0.95),
    n_spins: int = 100,
    spin_loads: Sequence[float] = (0.03, 0.06, 0.1, 0.14, 0.2, 0.3, 0.45, 0.6, 0.8, 0.95, 1.1, 1.3, 1.5),
    figure: str = "learned_fixed_points.png",
) -> dict[str, float]:
    """Teach networks of n units and of n_spins spins more and more patterns."""
    found: dict[str, float] = {}
    picture = Figure(figsize=(10, 7.5), layout="constrained")
    (residuals, eigenvalues), (shares, spins) = picture.subplots(2, 2)

    # ------------------------------------------------------------------------------------------- units with f = tanh
    agree = asked = 0
    off = 0.0
    for kind, colour in KINDS.items():
        print(f"patterns {kind}, {n} units\n   α    largest residual   largest eigenvalue   fixed   and stable")
        rows = []
        for load in loads:
            rng = np.random.default_rng(round(1000 * load))
            x = patterns(kind, max(1, round(load * n)), n, rng)
            learned = networks.learn_fixed_points(x)
            fixed, stable = learned.residual < FIXED, learned.eigenvalue < 0
            clear = fixed & (np.abs(learned.eigenvalue) > CLEAR)
            agree += int((leaves(x, learned, rng) == ~stable)[clear].sum())
            asked += int(clear.sum())
            off = max(off, float(np.abs(learned.eigenvalue - SLOPE).max())) if load <= 0.45 and "one" in kind else off
            worst, largest = learned.residual.max(), learned.eigenvalue.max()
            rows.append((fixed.mean(), (fixed & stable).mean()))
            columns = f"{worst:9.1e}           {largest:7.3f}          {rows[-1][0]:.2f}     {rows[-1][1]:.2f}"
            print(f"  {load:.2f}      {columns}")
            residuals.plot(np.full(len(x), load), learned.residual, "o", ms=3, alpha=0.5, color=colour)
            eigenvalues.plot(np.full(len(x), load), learned.eigenvalue, "o", ms=3, alpha=0.5, color=colour)
            found |= {f"residual({kind}, {load})": float(worst), f"eigenvalue({kind}, {load})": float(largest)}
        for share, style, what in zip(np.transpose(rows), ("-", "--"), ("fixed", "fixed and stable"), strict=True):
            shares.plot(loads, share, style, marker="o", ms=4, color=colour, label=f"{kind}: {what}")
    found |= {"agree": agree / max(asked, 1), "asked": asked, "off": off}

    # -------------------------------------------------------------------------------------------------- spins at T = 0
    print(
        f"{n_spins} spins, fixed points / found again from nine tenths\n   α   "
        + "".join(f"{rule:>16}" for rule in RULES)
    )
    table = np.full((len(spin_loads), len(RULES), 2), np.nan)
    for row, load in enumerate(spin_loads):
        rng = np.random.default_rng(round(1000 * load))
        xi = rng.choice([-1.0, 1.0], size=(max(1, round(load * n_spins)), n_spins))
        for column, rule in enumerate(RULES):
            if (made := couplings(rule, xi)) is not None:
                table[row, column] = remembered(xi, *made, rng)
                found |= {
                    f"fixed({rule}, {load})": table[row, column, 0],
                    f"again({rule}, {load})": table[row, column, 1],
                }
        print(f"  {load:.2f} " + "".join(f"     {kept:.2f} / {again:.2f}" for kept, again in table[row]))
    for column, (rule, colour) in enumerate(RULES.items()):
        about = {"marker": "o", "ms": 4, "color": colour, "zorder": 3 - column}
        spins.plot(spin_loads, table[:, column, 0], "-", lw=1.5 + column, label=f"{rule}: fixed points", **about)
        spins.plot(spin_loads, table[:, column, 1], "--", label=f"{rule}: found again", **about)

    held = agree == asked and off < FIXED
    print(f"verdict: of {asked} fixed points with |λ| > {CLEAR:g}, runs stay at or leave {agree} as the spectrum says;")
    print(f"  and it {'is' if held else 'is not'} (1 − x²) atanh(x)/x − 1 = {SLOPE:.4f} up to α = 0.45")

    # ------------------------------------------------------------------------------------------------------ the figure
    residuals.set(
        yscale="log", ylabel="|x − f(W x + b)|, each pattern", title=f"are patterns fixed?  {n} units, f = tanh"
    )
    eigenvalues.axhline(0, color="black", lw=1)
    eigenvalues.set_yscale("symlog", linthresh=1.0)
    eigenvalues.set_yticks([-1, 0, 1, 10], labels=["−1", "0", "1", "10"])
    eigenvalues.set(ylim=(-1.2, 40), ylabel="largest eigenvalue of −1 + diag(f') W", title="are they stable?  below 0")
    shares.set(ylabel="share of patterns", title="what is fixed, and what is stable as well")
    spins.set(ylabel="share of patterns", title=f"{n_spins} spins at T = 0")
    for axes in (residuals, eigenvalues, shares):
        axes.axvline((n - np.sqrt(2 * n + 0.25) + 1.5) / n, color="grey", lw=1, ls=":")
    for axes in (residuals, eigenvalues, shares, spins):
        axes.set_xlabel("load α = P/N")
    shares.legend(fontsize="small")
    spins.legend(fontsize="small")
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main()
