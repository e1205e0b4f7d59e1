"""Noise in training: the same neural field learnt as an ODE, T = 0, and as an SDE, T > 0.

Sixty points of two moons that overlap are learnt, a tenth of whose labels is wrong. A field carries each point, and
the loss is the logistic one of where it comes:

    dh = [f(h, t) + T ∇·K] dt + √(2TK) dW,  0 ≤ t ≤ 1,        L = ln(1 + e^{−y z}),  z = w·h(1) + c

Noise is the same everywhere, K = 1, or grows with the state, K = diag(1 + h²). What has learnt at T is tested without
noise; at the same T, each path for itself; and at the same T by the mean of p = 1/(1 + e^{−z}) over 64 paths. Beside
it stand T = 0 at the end and at its best epoch, and the law of the moons itself. The test data of eight sets choose the
T and the epoch, for their own benefit; sixteen other sets then say what was gained.

What small noise adds to the mean loss is known without a sample, along the path at T = 0, with J = ∂f/∂h:

    d⟨L⟩/dT = ∇L·m + ½ tr(∂²L Σ),        Σ' = J Σ + Σ Jᵀ + 2K,        m' = J m + ½ f''[Σ] + ∇·K

To first order, to learn at T is to learn with this penalty times T: on how far z spreads, as ∂²L = p (1 − p) w wᵀ, and
on how f bends. Many paths are held to it, and must tell it from one without a part of it. All T share their noise, and
the linear response of each path, whose mean is 0, is taken away: the standard error of the slope then stays bounded as
T → 0. The limits of the Euler–Maruyama steps themselves are off by up to half a percent of the slope. Of what
has learnt at T = 0 the slope is that of the limit at T = 1e-6 and below alone, far below any T in training.

Run it:  python scenarios/noise_in_training.py            (about five minutes; writes noise_in_training.png)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import langevin_kit as lk
from langevin_kit import learn, networks

Floats = NDArray[np.float64]

MOBILITIES = {"1": "#0072B2", "1 + h**2": "#D55E00"}
CASES = [(K, T) for K in MOBILITIES for T in (0.01, 0.03, 0.1, 0.3, 1.0)]
EPOCHS = (0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400)  # where learning is looked at
SPREAD, FLIPPED = 0.2, 0.1  # of a moon, and the share of labels that are wrong
N_TRAIN, N_TEST, WIDTH = 60, 1000, 16
STEPS, RATE, PATHS = 50, 0.02, 8
VOTES = 64
SCORES = ("loss", "error")
WAYS = {"at T = 0": "-", "one path": ":", f"{VOTES} paths": "--"}
STILL, GROWS, TRAINED = ("1", 0.0), "1 + h**2", 0.3
CHECKED = (("1", 0.0), (GROWS, 0.0), (GROWS, TRAINED))  # K, and the T at which a model learnt
LOSS = "sum(log(1 + exp(-y*(w @ h + c))))"
SMALL, LINEAR = (1e-4, 1e-5, 1e-6, 1e-7), 1e-14
FINE = 2000  # steps of the paths whose slope is measured
SEEN = 3.0


# ---------------------------------------------------------------------------------------------------------- the task
def moons(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Points (n, 2), and their labels ±1 (n, 1)."""
    angle, side = rng.uniform(0, np.pi, n), rng.choice([-1.0, 1.0], n)
    points = arcs(angle, side) + SPREAD * rng.normal(size=(n, 2))
    return points, (side * np.where(rng.random(n) < FLIPPED, -1, 1))[:, None]


def arcs(angle: Floats, side: Any) -> Floats:
    """Where a moon's middle is, (n, 2)."""
    return np.stack([side * (np.cos(angle) - 0.5), side * (np.sin(angle) - 0.25)], axis=1)


def data(seed: int) -> list[tuple[Floats, Floats]]:
    """What is learnt, and what is not."""
    rng = np.random.default_rng(seed)
    return [moons(N_TRAIN, rng), moons(N_TEST, rng)]


def best_possible(points: Floats) -> Floats:
    """The logit of the label 1 by the law of the moons, (n, 1)."""
    angles = (np.arange(400) + 0.5) * np.pi / 400
    up, down = (
        np.exp(-((points[:, None] - arcs(angles, side)) ** 2).sum(axis=2) / (2 * SPREAD**2)).sum(axis=1)
        for side in (1.0, -1.0)
    )
    p = FLIPPED + (1 - 2 * FLIPPED) * up / (up + down)
    return np.log(p / (1 - p))[:, None]


def scores(z: Floats, y: Floats) -> tuple[float, float]:
    """Mean loss, and share of errors, of z (n, paths)."""
    return float(np.logaddexp(0, -y * z).mean()), float((y * z < 0).mean())


def mean_of(values: Floats) -> tuple[Floats, Floats]:
    """Mean over seeds, and its standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


# --------------------------------------------------------------------------------------------------------- the models
def model(mobility: str, temperature: float, seed: int) -> learn.NeuralODE:
    """A field with random parameters."""
    field = networks.mlp({"h": 2}, [WIDTH], 2, time=True, scale=1.0, rng=seed)
    return learn.NeuralODE(
        networks.neural_field(field, mobility=mobility, temperature=temperature),
        learn.Loss(LOSS, targets={"y": 1}, parameters={"w": [1.0, 0.0], "c": 0.0}),
        provider=learn.DiscreteAdjoint(learn.FixedSteps(1 / STEPS, "euler")),
        paths=PATHS if temperature else 1,
    )


def under(made: learn.NeuralODE, mobility: str) -> learn.NeuralODE:
    """The same model with another mobility."""
    return replace(made, system=replace(made.system, mobility=mobility))


def outputs(made: learn.NeuralODE, points: Floats, temperature: float, paths: int = 1, n_steps: int = STEPS) -> Floats:
    """The z of each point's paths, (n, paths)."""
    ds = lk.simulate(
        replace(made.system, temperature=temperature),
        initial=np.repeat(points, paths, axis=0),
        time_step=1 / n_steps,
        n_steps=n_steps,
        save_every=n_steps,
        save_positions=True,
        check=False,  # each of many models is one that has just been learnt
        rng=0,
    )
    z = made.parameters["w"] @ ds.position.values[-1] + made.parameters["c"]
    return np.asarray(z.reshape(len(points), paths))


def tested(made: learn.NeuralODE, points: Floats, y: Floats) -> Floats:
    """Mean loss and share of errors in each of the ways, (ways, 2)."""
    T = made.system.temperature
    still = scores(outputs(made, points, 0.0), y)
    if T == 0:
        return np.array([still] * len(WAYS))
    z = outputs(made, points, T, VOTES)
    p = (1 / (1 + np.exp(-z))).mean(axis=1, keepdims=True)
    return np.array([still, scores(z, y), scores(np.log(p / (1 - p)), y)])


@cache
def learnt(mobility: str, temperature: float, seed: int, epochs: tuple[int, ...]) -> list[learn.NeuralODE]:
    """A model as it is after each of those epochs."""
    points, y = data(seed)[0]
    made, models = model(mobility, temperature, seed), []
    adam = learn.Adam(lambda update: RATE * min(1.0, 2 * (1 - update / epochs[-1])))
    fitted = None
    for begin, end in pairwise((0, *epochs)):
        if end > begin:
            fitted = made.fit(points, {"y": y}, n_epochs=end - begin, optimizer=adam, start=fitted, rng=seed)
        models.append(made if fitted is None else fitted.model)
    return models


# ---------------------------------------------------------------------------------------------- the slope in T at T = 0
def parts(made: learn.NeuralODE, points: Floats, y: Floats) -> dict[str, float]:
    """d⟨L⟩/dT, a mean over points: the whole, each of its two terms alone, and without a part of m."""
    system = made.system
    whole = lk.small_noise(system, points.T, [0.0, 1.0], rtol=1e-7, atol=1e-9).isel(time=-1)

    def carried(t: float, flat: Floats) -> Floats:
        x, m = flat.reshape(2, *points.T.shape)
        of_m = np.einsum("abr,br->ar", system.drift_jacobian(x, t), m) + system.mobility_divergence(x, t)
        return np.concatenate([system.force_at(x, t), of_m]).ravel()

    begin = np.concatenate([points.T, np.zeros(points.T.shape)]).ravel()
    end = solve_ivp(carried, (0.0, 1.0), begin, method="DOP853", rtol=1e-7, atol=1e-9).y[:, -1]
    of_divergence = 0 * whole.mean_shift + end.reshape(2, *points.T.shape)[1]
    # The loss given a label is an observable of the system with w, c and that label among its parameters.
    known = replace(system, parameters={**made.parameters, "y": [1.0]})
    expansions = {
        "whole": whole,
        "½ tr": whole.assign(mean_shift=0 * whole.mean_shift),
        "∇L·m": whole.assign(covariance=0 * whole.covariance),
        "without ∇·K": whole.assign(mean_shift=whole.mean_shift - of_divergence),
        "without ½ f''": whole.assign(mean_shift=of_divergence),
    }
    found = {}
    for name, expansion in expansions.items():
        each = [
            lk.expected_slope(known, expansion.isel(start=y[:, 0] == label), LOSS, parameters={"y": [label]})
            for label in np.unique(y)
        ]
        found[name] = float(np.concatenate(each).mean())
    return found


def measured(made: learn.NeuralODE, points: Floats, y: Floats, replicas: int) -> tuple[Floats, Floats]:
    """The slope that paths have at each small T, and its standard error: points are fixed, replicas are drawn."""
    still = np.logaddexp(0, -y * outputs(made, points, 0.0, 1, FINE))

    def moved(T: float) -> Floats:
        return np.logaddexp(0, -y * outputs(made, points, T, replicas, FINE)) - still

    linear = moved(LINEAR) / np.sqrt(LINEAR)
    each = [moved(T) / T - linear / np.sqrt(T) for T in SMALL]
    means, variances = np.array([(rows.mean(), rows.var(axis=1, ddof=1).mean()) for rows in each]).T
    return means, np.sqrt(variances / (len(y) * replicas))


# -------------------------------------------------------------------------------------------------------- what is shown
Models = Mapping[tuple[str, float], Sequence[Sequence[learn.NeuralODE]]]
"""By K and T: of each set, those after each epoch."""
Sets = Sequence[Sequence[tuple[Floats, Floats]]]


def compare(models: Models, sets: Sets, epochs: tuple[int, ...], score_axes: Sequence[Axes]) -> dict[str, float]:
    """Test losses and errors by T, beside those of T = 0."""
    found: dict[str, float] = {}
    tests = {
        case: np.array([tested(made[-1], *test) for made, (_, test) in zip(rows, sets, strict=True)])
        for case, rows in models.items()
    }
    course = np.array(
        [
            [scores(outputs(made, test[0], 0.0), test[1]) for made in row]
            for row, (_, test) in zip(models[STILL], sets, strict=True)
        ]
    )
    ideal = mean_of(np.array([scores(best_possible(points), y) for _, (points, y) in sets]))
    print(f"{len(sets)} sets of {N_TRAIN} points\n{'':18}" + "".join(f"{'tested ' + way:^33}" for way in WAYS))
    print("  K             T " + f"{'loss':^17}{'error':^16}" * len(WAYS))
    rows = [(K if T else "", f"{T:g}", mean_of(values)) for (K, T), values in tests.items()]
    for K, T, (mean, stderr) in [*rows, ("best possible", "", ([ideal[0]], [ideal[1]]))]:
        columns = [f"  {m[0]:6.3f} ± {e[0]:.3f}  {m[1]:6.3f} ± {e[1]:.3f}" for m, e in zip(mean, stderr, strict=True)]
        print(f"  {K:9}{T:>6}".ljust(18) + "".join(columns))
    seeds = range(len(sets)), range(len(sets), 3 * len(sets))
    print("verdict: tested at T = 0, and less what T = 0 has learnt by the end, or by its best epoch; then the same on")
    print(f"{len(seeds[1])} other sets, which chose neither that T nor that epoch")
    for which, score in enumerate(SCORES):
        level = {case: values[:, 0, which].mean() for case, values in tests.items()}
        K, T = min((case for case in level if case != STILL), key=level.__getitem__)
        when = int(course[..., which].mean(axis=0).argmin())
        print(
            f"  the least {score}, {level[K, T]:.3f}, is learnt at T = {T:g}, K = {K}; by T = 0 at epoch {epochs[when]}"
        )
        for where, own in zip(("chosen", "others"), seeds, strict=True):
            gain, stderr = mean_of(np.array([gains((K, T), seed, epochs, when, which) for seed in own]))
            each = (f"{m:+.3f} ± {e:.3f}" for m, e in zip(gain, stderr, strict=True))
            print(f"    {where}: {', or '.join(each)}")
            found |= {f"{score}: {where}, {name}": m for name, m in zip(("end", "best epoch"), gain, strict=True)}
        found |= {f"{score}({K}, {T:g})": value for (K, T), value in level.items()}
        found |= {f"{score}: best T": T, f"{score}: best possible": ideal[0][which]}
        marks = {
            "T = 0": level[STILL],
            "T = 0, best epoch": course[:, when, which].mean(),
            "best possible": ideal[0][which],
        }
        draw_scores(score_axes[which], which, tests, marks)
    return found


def gains(case: tuple[str, float], seed: int, epochs: tuple[int, ...], when: int, which: int) -> tuple[float, float]:
    """A score that was learnt at T, less that of T = 0 at the end, and at an epoch."""
    points, y = data(seed)[1]
    warm, *still = (
        scores(outputs(made, points, 0.0), y)[which]
        for made in (learnt(*case, seed, epochs)[-1], *(learnt(*STILL, seed, epochs)[k] for k in (-1, when)))
    )
    return warm - still[0], warm - still[1]


def check(models: Models, sets: Sets, replicas: int, axes: Axes) -> dict[str, float]:
    """Hold the slope of many paths to the formula, and to it without a part."""
    found: dict[str, float] = {}
    points, y = sets[0][0]
    print(f"slope of ⟨L⟩ in T at T = 0, of the first set: the formula, and {replicas} paths of each point at small T")
    print(f"  learnt at  K           formula{''.join(f'{T:>17g}' for T in SMALL)}")
    caught = []
    for column, (K, T) in enumerate(CHECKED):
        made = under(models[K if T else "1", T][0][-1], K)
        formula = parts(made, points, y)
        slope, stderr = measured(made, points, y, replicas)
        values = "".join(f"{m:8.4f} ± {e:.4f}" for m, e in zip(slope, stderr, strict=True))
        print(f"  T = {T:<5g}  {K:10}{formula['whole']:9.4f} {values}")
        off = {name: (value - slope[-1]) / stderr[-1] for name, value in formula.items()}
        wrong = {"no ½ tr": off["∇L·m"], "no ½ f''": off["without ½ f''"], "no ∇·K": off["without ∇·K"]}
        caught.append([off["whole"], *wrong.values()])
        axes.plot(column + np.linspace(-0.3, -0.1, len(slope) - 1), ((formula["whole"] - slope) / stderr)[:-1], ".k")
        axes.plot(
            column,
            off["whole"],
            "o",
            color="black",
            label=f"the formula, T = {SMALL[-1]:g}; dots: 10⁻⁴ to 10⁻⁶" if column == 0 else None,
        )
        for (name, z), marker in zip(wrong.items(), "v^s", strict=True):
            axes.plot(column, z, marker, mfc="none", color=MOBILITIES[K], label=name if column == 2 else None)
        own = f"{K}, {T:g}"
        found |= {f"formula({own})": formula["whole"], f"paths({own})": slope[-1], f"stderr({own})": stderr[-1]}
        found |= {f"off({own})": off["whole"]} | {f"{name}({own})": z for name, z in wrong.items()}
    worst, *least = np.abs(caught).max(axis=0)
    held = "are" if worst < SEEN else "are not"
    print(f"verdict: at T = {SMALL[-1]:g} paths {held} within {SEEN:g} standard errors of the formula;")
    print("  " + ", ".join(f"{name}: {z:.0f} off" for name, z in zip(wrong, least, strict=True)))
    axes.axhspan(-SEEN, SEEN, color="0.9")
    axes.set_yscale("symlog", linthresh=2 * SEEN)
    axes.set_xticks(range(len(CHECKED)), [f"K = {K}\nlearnt at T = {T:g}" for K, T in CHECKED])
    axes.set(xlim=(-0.5, len(CHECKED) - 0.5), title="formulas less the slope of paths, in standard errors")
    axes.legend(fontsize="small")
    return found


def follow(models: Models, sets: Sets, epochs: Sequence[int], axes: Axes) -> dict[str, float]:
    """The slope while it is learnt at T = 0, and at T > 0."""
    found: dict[str, float] = {}
    print(f"½ tr(∂²L Σ) and the whole slope at T = 0, K = {GROWS}, medians over sets, after epochs\n{'':16}", end="")
    print("".join(f"{epoch:8}" for epoch in epochs))
    for (K, T), colour in ((STILL, "black"), ((GROWS, TRAINED), MOBILITIES[GROWS])):
        rows = np.array(
            [
                [[slope["½ tr"], slope["whole"]] for slope in (parts(under(made, GROWS), *learnt_) for made in row)]
                for row, (learnt_, _) in zip(models[K, T], sets, strict=True)
            ]
        )
        for column, (name, style) in enumerate((("½ tr", "-"), ("whole", "--"))):
            middle = np.median(rows[..., column], axis=0)
            print(f"  T = {T:<4g}{name:>7} " + "".join(f"{value:8.2f}" for value in middle))
            axes.plot(epochs, middle, style, lw=2.5, color=colour, label=f"{name}, learnt at T = {T:g}")
            axes.plot(epochs, rows[..., column].T, style, lw=0.5, alpha=0.4, color=colour)
            found[f"{name}({T:g})"] = middle[-1]
    axes.set(xlabel="epoch", title="slope of ⟨L⟩ in T at T = 0 while it is learnt")
    axes.set_yscale("symlog", linthresh=0.3)
    axes.legend(fontsize="small")
    return found


def draw_plane(axes: Axes, K: str, T: float, made: learn.NeuralODE, points: Floats, y: Floats) -> None:
    """Show p of the label 1 without noise, and what was learnt from."""
    x1, x2 = np.meshgrid(np.linspace(-2.1, 2.1, 90), np.linspace(-1.5, 1.5, 70), indexing="ij")
    z = outputs(made, np.stack([x1.ravel(), x2.ravel()], axis=1), 0.0).reshape(x1.shape)
    axes.contourf(x1, x2, 1 / (1 + np.exp(-z)), np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.7)
    axes.contour(x1, x2, z, [0.0], colors="black", linewidths=1)
    for label, colour in ((1.0, "#8B0000"), (-1.0, "#00008B")):
        axes.plot(*points[y[:, 0] == label].T, "o", ms=4, color=colour, mec="white", mew=0.5)
    axes.set(xlabel="h₁(0)", ylabel="h₂(0)", title=f"p, learnt at T = {T:g}" + (f", K = {K}" if T else ""))


def draw_scores(axes: Axes, which: int, tests: Mapping[tuple[str, float], Floats], marks: Mapping[str, float]) -> None:
    """A score over T, in all ways of testing."""
    for K in dict.fromkeys(K for K, T in tests if T):
        T = [T for other, T in tests if other == K and T]
        mean, stderr = (np.array(part)[..., which] for part in zip(*(mean_of(tests[K, t]) for t in T), strict=True))
        for way, style, m, e in zip(WAYS, WAYS.values(), mean.T, stderr.T, strict=True):
            axes.errorbar(T, m, e, ls=style, color=MOBILITIES[K], label=f"K = {K}, {way}")
    for (name, value), style in zip(marks.items(), ("-", "--", ":"), strict=True):
        axes.axhline(value, ls=style, lw=1, color="black", label=name)
    axes.set(xscale="log", xlabel="T in training", title=f"test {SCORES[which]}, mean over sets ± s.e.")
    axes.set_xlim(min(T) / 1.5, max(T) * 1.5)


def main(
    n_seeds: int = 8,
    cases: Sequence[tuple[str, float]] = CASES,
    epochs: tuple[int, ...] = EPOCHS,
    replicas: int = 500,
    figure: str = "noise_in_training.png",
) -> dict[str, float]:
    """Learn at every T, test, and hold the slope in T to its formula."""
    sets = [data(seed) for seed in range(n_seeds)]
    models = {case: [learnt(*case, seed, epochs) for seed in range(n_seeds)] for case in (STILL, *cases)}
    picture = Figure(figsize=(15, 8.5), layout="constrained")
    (still, *score_axes), (noisy, slopes, course) = picture.subplots(2, 3)
    found = compare(models, sets, epochs, score_axes)
    found |= check(models, sets, replicas, slopes)
    found |= follow(models, sets, epochs, course)
    for axes, case in ((still, STILL), (noisy, min(cases, key=lambda case: found["error({}, {:g})".format(*case)]))):
        draw_plane(axes, *case, models[case][0][-1], *sets[0][0])
    score_axes[1].legend(fontsize="x-small", ncols=3, loc="upper left")
    score_axes[1].set_ylim(None, 0.30)
    picture.savefig(figure, dpi=150)
    return {name: float(value) for name, value in found.items()}


if __name__ == "__main__":
    main()
