"""Held-out log-density of handwritten digits: networks of continuous units beside scikit-learn's models.

The 1797 digits of scikit-learn, 8 × 8 grey values between 0 and 1, less their mean; two thirds of them are learnt, the
others are held out. All numbers are densities of the same 64 variables, in nats an image:

- linear visible and hidden units by Oja's rule at the temperature T, whose exact end is probabilistic principal
  components with the noise T; the density is a Gaussian's, in closed form;
- linear visible and tanh hidden units by the likelihood with persistent chains: F(v) by quadrature over hidden units,
  ln Z by thermodynamic integration, with its error, in chains that at T = .01 need a time of 100 at each coupling: a
  tenth of it makes ln p too large by 3 nats;
- a modern Hopfield network that stores all digits that were learnt: at T = 1/β the mixture of Gaussians around them;
- scikit-learn's probabilistic principal components, and its mixtures of Gaussians with a diagonal covariance each.

Run it:  python scenarios/digits_density.py                    (about two minutes; writes digits_density.png)
It needs the extra: pip install 'langevin-kit[data]'
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from langevin_kit import learn, networks

try:
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture
except ImportError as error:
    raise SystemExit(
        "scikit-learn is missing, with the digits and the models to compare with: pip install 'langevin-kit[data]'"
    ) from error

PIXELS = 64


def images() -> tuple[np.ndarray, np.ndarray]:
    """What is learnt, and what is held out."""
    grey = load_digits().data[np.random.default_rng(0).permutation(1797)] / 16
    return grey[:1200] - grey[:1200].mean(axis=0), grey[1200:] - grey[:1200].mean(axis=0)


def taught(seen: np.ndarray, hidden: str, n_hidden: int, T: float, rule: str, updates: int) -> learn.Learned:
    """Learnt in batches of 200, at a rate that falls."""
    U = 0.03 * np.random.default_rng(1).normal(size=(PIXELS, n_hidden))
    return learn.recall_and_learn(
        networks.bipartite(U, "identity", hidden, temperature=T),
        seen,
        rule=rule,
        learn=("U",) if rule == "oja" else ("U", "I", "J"),
        n_updates=updates,
        learning_rate=lambda k: (0.3 if rule == "oja" else 0.1) * min(1.0, updates / (3 * k + 1)),
        time_step=0.1,
        recall_steps=10,
        free_steps=20,
        n_chains=600,
        batch_size=200,
        save_every=updates,
        rng=0,
        check=False,  # its rates are about 1
    )


def linear(U: np.ndarray, T: float, held: np.ndarray) -> float:
    """Mean log-density of linear units: v is normal with the precision (1 − U Uᵀ)/T."""
    precision = (np.eye(PIXELS) - U @ U.T) / T
    square = np.einsum("ni,ij,nj->n", held, precision, held).mean()
    return float((np.linalg.slogdet(precision)[1] - PIXELS * np.log(2 * np.pi) - square) / 2)


def components(seen: np.ndarray, T: float, n: int) -> np.ndarray:
    """U of probabilistic principal components with the noise T."""
    variance, axes = np.linalg.eigh(seen.T @ seen / len(seen))
    return np.asarray(axes[:, -n:] * np.sqrt(np.maximum(0, 1 - T / variance[-n:])))


def main(
    temperatures: Sequence[float] = (0.05, 0.03, 0.02, 0.014, 0.01, 0.007),
    hidden: int = 20,
    updates: int = 1500,
    steps: int = 4000,
    mixtures: Sequence[int] = (5, 10, 20),
    path: str = "digits_density.png",
) -> dict[str, float]:
    """Learn, print, draw."""
    seen, held = images()
    found: dict[str, float] = {}
    lines: dict[str, list[float]] = {"Oja": [], "its end": [], "tanh": []}
    errors = []
    for T in temperatures:
        U = taught(seen, "identity", hidden, T, "oja", updates).system.parameters["U"]
        lines["Oja"].append(linear(U, T, held))
        lines["its end"].append(linear(components(seen, T, hidden), T, held))
        network = taught(seen, "tanh", 30 * hidden // 20, T, "likelihood", updates).system
        Z = learn.partition(network, time_step=0.05, n_steps=steps, n_chains=500, rng=1)
        lines["tanh"].append(float(-learn.conditional_free_energy(network, held).mean() / T - Z.log_z))
        errors.append(Z.stderr)
        print(f"T = {T:<6g}" + "   ".join(f"{name} {values[-1]:7.2f}" for name, values in lines.items())
              + f"   (± {Z.stderr:.2f} of ln Z of tanh)")  # fmt: skip
        found |= {f"{name}({T:g})": values[-1] for name, values in lines.items()}
    stored = {T: float(networks.modern(seen, 1 / T).log_density(held.T).mean()) for T in (0.03, 0.05, 0.08, 0.12, 0.2)}
    found |= {f"modern({T:g})": value for T, value in stored.items()}
    print("modern:  " + "   ".join(f"T = {T:g}: {value:.2f}" for T, value in stored.items()))
    pca = PCA(hidden).fit(seen)
    found["pca"] = float(pca.score(held))
    print(f"scikit-learn: principal components {found['pca']:.2f}, noise {pca.noise_variance_:.4f}")
    for n in mixtures:
        mixture = GaussianMixture(n, covariance_type="diag", reg_covar=1e-3, random_state=0).fit(seen)
        found[f"mixture({n})"] = float(mixture.score(held))
        print(f"scikit-learn: mixture of {n}, {found[f'mixture({n})']:.2f}")
    at_noise = linear(components(seen, float(pca.noise_variance_), hidden), float(pca.noise_variance_), held)
    found["same"] = at_noise - found["pca"]
    print(
        f"verdict: at T = {pca.noise_variance_:.4f} linear units are scikit-learn's components, to {found['same']:.0e}"
    )
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    ax = figure.subplots()
    ax.plot(temperatures, lines["its end"], color="C0", lw=1, label="linear units, where learning ends")
    ax.plot(temperatures, lines["Oja"], "o", color="C0", label="linear units, Oja's rule")
    ax.errorbar(temperatures, lines["tanh"], errors, fmt="s-", color="C1", capsize=2,
                label="tanh hidden units, likelihood")  # fmt: skip
    ax.plot([*stored], [*stored.values()], "^-", color="C2", label="modern Hopfield network, all digits stored")
    ax.axhline(found["pca"], color="0.4", label="probabilistic principal components")
    for n, style in zip(mixtures, ("--", "-.", ":"), strict=False):
        ax.axhline(found[f"mixture({n})"], color="0.4", ls=style, label=f"mixture of {n} Gaussians")
    ax.axvline(float(pca.noise_variance_), color="0.8", lw=0.8)
    ax.set(
        xscale="log",
        ylim=(-30, 65),
        xlabel="T",
        ylabel="held-out ln p, nats an image",
        title="density of 64 grey values",
    )
    ticks = sorted({*temperatures, 0.1, 0.2})
    ax.set_xticks(ticks, [f"{T:g}" for T in ticks])
    ax.minorticks_off()
    ax.legend(fontsize=8)
    figure.savefig(path, dpi=130)
    return found


if __name__ == "__main__":
    main()
