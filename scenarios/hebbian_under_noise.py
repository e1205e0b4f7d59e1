"""Hebbian learning under noise: what a network that learns and recalls at temperature T remembers.

A bipartite network of 64 visible and 32 hidden units with activations of slope 1 up to ±1, and .1 beyond, learns P
patterns of ±1 by the slope of its free energy, at the temperature at which it recalls. Rules: Hebb's with the largest
singular value of U bounded, Oja's, and the likelihood's with persistent chains. Then it starts at each pattern with a
fifth of the bits turned, and runs on: the overlap of its outputs with the pattern says what it has kept.

1. Overlap after recall against T and the load P/n, for each rule; where it falls below .9 is the capacity.
2. Patterns that come one after another, each seen for some updates only: overlap against age.
3. The singular values of U, and −T⟨ln p⟩ of a datum: ⟨F(v)⟩ by quadrature over hidden units, −T ln Z by
   thermodynamic integration. The likelihood's rule has not come to its end after 400 updates, least so at low T, where
   free chains are slow: at its maximum no other rule could surprise less.
4. Synapses that move with the neurons: four spins and six couplings, dw = (s s − κ w) dt/τ + √(2T_w/τ) dW. For slow
   synapses q(w) ∝ exp(−V/T_w) Z(w)^{T/T_w}, by enumeration of the spins; ⟨w²⟩ departs from it like 1/τ.

Each cell of the grid T × load × rule × seed goes to a folder as soon as it is done: a run that was ended goes on where
it was.

Run it:  python scenarios/hebbian_under_noise.py          (ten to twenty minutes; writes hebbian_under_noise.png)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import learn, networks

N, HIDDEN = 64, 32
UNIT = networks.leaky_hardtanh(0.1)
RULES = {"hebb": "Hebb, σ ≤ 2", "oja": "Oja", "likelihood": "likelihood"}
BOUNDS = {"hebb": 2.0}
TURNED, COPIES = 0.2, 4


def untaught(T: float, rng: np.random.Generator) -> lk.System:
    """A network with small random couplings."""
    return networks.bipartite(0.05 * rng.normal(size=(N, HIDDEN)), UNIT, UNIT, temperature=T)


def taught(network: lk.System, patterns: np.ndarray, rule: str, updates: int, eta: Any, seed: int) -> lk.System:
    """The network after so many updates."""
    learned = learn.recall_and_learn(
        network,
        np.repeat(patterns, max(1, 64 // len(patterns)), axis=0),
        rule=rule,
        n_updates=updates,
        learning_rate=eta,
        time_step=0.1,
        recall_steps=10,
        n_chains=256,
        largest_singular_value=BOUNDS.get(rule),
        save_every=updates,
        rng=seed,
        check=False,  # one equation for all cells; its rates are about 1
    )
    return learned.system


def recalled(network: lk.System, patterns: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Overlap of each pattern with what the network makes of it with some bits turned, in a time of 30."""
    seen = np.repeat(patterns, COPIES, axis=0)
    start = np.where(rng.random(seen.shape) < TURNED, -seen, seen)
    ds = lk.simulate(
        network,
        initial=np.concatenate([start, np.zeros((len(start), HIDDEN))], axis=1),
        time_step=0.1,
        n_steps=300,
        save_every=300,
        save_positions=True,
        rng=int(rng.integers(2**31)),
        check=False,
    )
    g = UNIT.value(ds.position[-1].values[:N]).T
    return np.asarray((np.sign(g) * seen).mean(axis=1).reshape(len(patterns), COPIES).mean(axis=1))


def cell(T: float, load: float, rule: str, seed: int, *, updates: int = 400) -> dict[str, Any]:
    """One network: overlap, singular values, −T⟨ln p⟩ of a pattern with noise of T, and −T ln Z."""
    rng = np.random.default_rng([seed, round(1000 * load)])
    patterns = rng.choice([-1.0, 1.0], size=(max(1, round(load * N)), N))
    network = taught(untaught(T, rng), patterns, rule, updates, lambda k: 0.05 * min(1.0, updates / (2 * k + 1)), seed)
    sigma = np.linalg.svd(network.parameters["U"], compute_uv=False)
    log_z = learn.partition(network, time_step=0.1, n_steps=200, n_chains=256, rng=seed)
    F = learn.conditional_free_energy(network, patterns).mean()
    return {
        "overlap": recalled(network, patterns, rng).mean(),
        "singular_value": xr.DataArray(sigma, dims="k"),
        "free_energy": -T * log_z.log_z,
        "surprise": (F + T * log_z.log_z) / N,
    }


def by_age(T: float, rule: str, seed: int, *, patterns: int = 32, updates: int = 12) -> dict[str, Any]:
    """Patterns one after another; the overlap of each at the end, the youngest first."""
    rng = np.random.default_rng([seed, patterns])
    xi = rng.choice([-1.0, 1.0], size=(patterns, N))
    network = untaught(T, rng)
    for k, pattern in enumerate(xi):
        network = taught(network, pattern[None], rule, updates, 0.05, 1000 * seed + k)
    return {"overlap": xr.DataArray(recalled(network, xi, rng)[::-1], dims="age")}


def slow_synapses(T: float, kappa: float, replicas: int, spins: int = 4) -> float:
    """⟨w²⟩ of a coupling under exp(−V/T_w) Z(w)^n, n = T/T_w replicas: exact, by enumerating the spins of all.

    Z(w)^n is a sum of exp(w·p/T) over states of all replicas, p the sum of their s_i s_j: w is normal around
    T_w p/κT in each, and the state weighs exp(T_w p²/2κT²).
    """
    first, second = np.triu_indices(spins, 1)
    T_w = T / replicas
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=spins)))
    states = itertools.product(s[:, first] * s[:, second], repeat=replicas)
    square = np.array([np.sum(np.sum(state, axis=0) ** 2) for state in states])
    weight = np.exp(T_w / (2 * kappa * T**2) * (square - square.max()))
    return float(T_w / kappa + (T_w / (kappa * T)) ** 2 * (weight @ square) / weight.sum() / len(first))


def synapses(tau: float, T: float, T_w: float, kappa: float, replicas: int, spins: int = 4) -> tuple[float, float]:
    """⟨w²⟩ with its error where spins turn by Glauber's rule, one sweep in a time of 1, and synapses move with them."""
    rng, (first, second) = np.random.default_rng(round(100 * tau)), np.triu_indices(spins, 1)
    s = rng.choice([-1.0, 1.0], size=(spins, replicas))
    w = np.sqrt(T_w / kappa) * rng.normal(size=(len(first), replicas))
    of = np.zeros((spins, spins), int)
    of[first, second] = of[second, first] = np.arange(len(first))
    dt = 1 / spins
    for _ in range(int(10 * tau / kappa) + 20):
        for i in range(spins):
            h = sum(w[of[i, j]] * s[j] for j in range(spins) if j != i)
            s[i] = np.where(rng.random(replicas) < 1 / (1 + np.exp(-2 * h / T)), 1.0, -1.0)
            # Exact over dt for spins that stand still.
            keep = np.exp(-kappa * dt / tau)
            w = keep * w + (1 - keep) / kappa * s[first] * s[second]
            w += np.sqrt(T_w / kappa * (1 - keep**2)) * rng.normal(size=w.shape)
    square = (w**2).mean(axis=0)
    return float(square.mean()), float(square.std(ddof=1) / np.sqrt(replicas))


STYLES = ("-", "--", ":")


def draw(ds: xr.Dataset, ages: xr.Dataset, tau: Sequence[float], square: np.ndarray, exact: float, path: str) -> None:
    """Six panels: a colour for each rule, a style for each temperature."""
    figure = Figure(figsize=(13, 7.8), layout="constrained")
    axes = figure.subplots(2, 3)
    mean, error = ds.mean("seed"), ds.std("seed", ddof=1) / np.sqrt(ds.sizes["seed"])
    temperatures, load = ds["T"].values, float(ds["load"][min(1, ds.sizes["load"] - 1)])
    low, middle, high = (float(temperatures[k]) for k in (0, len(temperatures) // 2, -1))
    for j, (rule, label) in enumerate(RULES.items()):
        for T, style in zip(dict.fromkeys((low, middle, high)), STYLES, strict=False):
            at = {"rule": rule, "T": T}
            axes[0, 0].errorbar(ds["load"], mean["overlap"].sel(at), error["overlap"].sel(at), color=f"C{j}", ls=style,
                                capsize=2)  # fmt: skip
        at = {"rule": rule, "load": load}
        for ax, name in ((axes[0, 1], "overlap"), (axes[1, 1], "surprise")):
            ax.errorbar(temperatures, mean[name].sel(at), error[name].sel(at), color=f"C{j}", capsize=2, label=label)
        for T, style in ((low, STYLES[0]), (high, STYLES[2])):
            over = ages["overlap"].sel(rule=rule, T=T)
            axes[0, 2].plot(over["age"] + 1, over.mean("seed"), color=f"C{j}", ls=style)
            sigma = mean["singular_value"].sel(rule=rule, load=load, T=T)
            axes[1, 0].plot(np.arange(1, HIDDEN + 1), sigma, color=f"C{j}", ls=style)
    axes[1, 2].errorbar(tau, *square.T, fmt="o", capsize=2, label="spins and synapses together")
    axes[1, 2].axhline(exact, color="C3", label="slow synapses, by enumeration")
    for ax, title, x, y in (
        (axes[0, 0], "recall against load", "patterns per visible unit", "overlap"),
        (axes[0, 1], f"recall against noise, load {load:g}", "T", "overlap"),
        (axes[0, 2], "patterns one after another", "age", "overlap"),
        (axes[1, 0], f"spectrum of U, load {load:g}", "k", "singular value"),
        (axes[1, 1], f"surprise of a pattern, load {load:g}", "T", "−T ⟨ln p⟩ per unit"),
        (axes[1, 2], "noisy synapses of four spins", "time scale τ of synapses, in sweeps", "⟨w²⟩"),
    ):
        ax.set(title=title, xlabel=x, ylabel=y)
    for ax, ticks in ((axes[0, 1], temperatures), (axes[1, 1], temperatures), (axes[1, 2], tau)):
        ax.set_xscale("log")
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.legend(fontsize=8)
    for ax, used in (
        (axes[0, 0], (low, middle, high)),
        (axes[0, 2], (low, None, high)),
        (axes[1, 0], (low, None, high)),
    ):
        for T, style in zip(used, STYLES, strict=True):
            if T is not None:
                ax.plot([], [], color="0.4", ls=style, label=f"T = {T:g}")
        ax.legend(fontsize=8)
    figure.savefig(path, dpi=130)


def capacity(load: np.ndarray, overlap: np.ndarray) -> float:
    """Where the overlap falls below .9; the last load if it does not, 0 if it never was above."""
    below = np.flatnonzero(overlap < 0.9)
    if not below.size:
        return float(load[-1])
    k = int(below[0])
    if not k:
        return 0.0
    return float(np.interp(0.9, overlap[[k, k - 1]], load[[k, k - 1]]))


def main(
    temperatures: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    loads: Sequence[float] = (0.03125, 0.0625, 0.125, 0.1875, 0.25, 0.375),
    seeds: int = 3,
    updates: int = 400,
    ages: int = 32,
    tau: Sequence[float] = (1, 2, 4, 8, 16, 32, 64),
    replicas: int = 20_000,
    path: str = "hebbian_under_noise.png",
    store: str | None = "hebbian_under_noise.sweep",
) -> dict[str, float]:
    """Sweep, print, draw."""
    axes = {"T": temperatures, "load": loads, "rule": list(RULES), "seed": range(seeds)}
    about = {"updates": str(updates), "units": f"{N}, {HIDDEN}"}
    ds = lk.sweep(
        lambda **point: cell(**point, updates=updates),
        axes,
        store=store and f"{store}/load",
        attrs=about,
        progress=store is not None,
    )
    old = lk.sweep(
        lambda **point: by_age(**point, patterns=ages),
        {"T": [temperatures[0], temperatures[-1]], "rule": list(RULES), "seed": range(seeds)},
        store=store and f"{store}/age",
        attrs={**about, "patterns": str(ages)},
        progress=store is not None,
    )
    found: dict[str, float] = {}
    print("capacity (overlap .9) by rule and T")
    for rule, label in RULES.items():
        over = ds.overlap.mean("seed").sel(rule=rule)
        row = [capacity(np.array(loads), over.sel(T=T).values) for T in temperatures]
        found |= {f"capacity({rule}, {T:g})": value for T, value in zip(temperatures, row, strict=True)}
        print(f"  {label:14}", "  ".join(f"{T:g}: {value:.3f}" for T, value in zip(temperatures, row, strict=True)))
    for rule, label in RULES.items():
        for T in (temperatures[0], temperatures[-1]):
            over = old.overlap.mean("seed").sel(rule=rule, T=T).values
            kept = int(np.argmax(np.append(over, 0.0) < 0.9))
            found[f"kept({rule}, {T:g})"] = kept
            print(f"  one after another, {label}, T = {T:g}: the youngest {kept} of {ages} above .9")
    T, kappa, n = 1.0, 1.0, 3
    exact = slow_synapses(T, kappa, n)
    square = np.array([synapses(each, T, T / n, kappa, replicas) for each in tau])
    for each, (value, error) in zip(tau, square, strict=True):
        print(f"  synapses, τ = {each:g}: ⟨w²⟩ = {value:.4f} ± {error:.4f}, slow ones {exact:.4f}")
        found[f"synapses({each:g})"] = value
    found |= {"synapses": exact, "surprise": float(ds.surprise.mean()), "overlap": float(ds.overlap.mean())}
    z = (square[-1, 0] - exact) / square[-1, 1]
    print(f"verdict: the slowest synapses are {z:+.1f} standard errors from the law of replicas")
    draw(ds, old, tau, square, exact, path)
    return found


if __name__ == "__main__":
    main()
