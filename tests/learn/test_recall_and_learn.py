"""Recall and learn: exact laws of linear units, gradients, what runs away, and that parts make the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit import learn, networks
from langevin_kit.errors import InvalidArgument, LearningWarning, StepTooLarge, UnboundedLearning

VARIANCES = np.array([1.0, 0.6, 0.3, 0.1])
N, VISIBLE, HIDDEN = 800, 6, 5


def pattern(n: int = N, seed: int = 0) -> np.ndarray:
    """Data (n, 6) whose second moments have exactly the eigenvalues `VARIANCES`, 0 and 0."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(VISIBLE, VISIBLE)))[0][:4]
    return np.linalg.qr(rng.normal(size=(n, 4)))[0] * np.sqrt(n * VARIANCES) @ axes


def linear(T: float, seed: int = 0, scale: float = 0.2) -> lk.System:
    U = scale * np.random.default_rng(seed).normal(size=(VISIBLE, HIDDEN))
    return networks.bipartite(U, "identity", "identity", temperature=T)


ABOUT: dict[str, Any] = {"time_step": 0.05, "learning_rate": 0.1, "recall_steps": 5, "rng": 1}


def falling(rate: float, after: int) -> Any:
    return lambda update: rate * min(1.0, after / (update + 1))


def squares(learned: learn.Learned) -> np.ndarray:
    return np.linalg.svd(learned.system.parameters["U"], compute_uv=False) ** 2


@pytest.mark.claim("C21")
@pytest.mark.parametrize(
    ("rule", "T", "seeds"),
    [
        ("oja", 0.2, [0]),
        ("likelihood", 0.2, [0]),
        *(pytest.param(r, T, range(8), marks=pytest.mark.slow)
          for r in ("oja", "likelihood") for T in (0.07, 0.13, 0.2, 0.45)),
    ],
)  # fmt: skip
def test_linear_units_learn_probabilistic_principal_components(rule: str, T: float, seeds: Any) -> None:
    """σ² = max(0, 1 − T/λ) within .02 of each direction with |λ/T − 1| ≥ .2, by sampled h and persistent chains.

    Noise prunes what has λ < T. Without the free chains or Oja's term (a control) σ passes 1. Δt = .02 gives T/(1 −
    Δt/2) for T, a bias below .005; the rest is the noise of the last updates.
    """
    expected = np.append(np.maximum(0.0, 1 - T / VARIANCES), 0.0)
    clear = np.append(np.abs(VARIANCES / T - 1) >= 0.2, True)
    assert clear.sum() >= 4
    for seed in seeds:
        learned = learn.recall_and_learn(
            linear(T, seed),
            pattern(4000, seed),
            rule=rule,
            n_updates=1500 if len(seeds) == 1 else 3000,
            save_every=1500,
            time_step=0.02,
            recall_steps=8,
            free_steps=30,
            n_chains=4000 if len(seeds) == 1 else 8000,
            learning_rate=falling(0.3, 250),
            rng=seed,
        )
        assert np.abs(squares(learned) - expected)[clear].max() < 0.02, (seed, squares(learned), expected)
    with pytest.warns(LearningWarning):
        hebb = learn.recall_and_learn(linear(T), pattern(), rule="hebb", n_updates=60, **ABOUT)
    assert squares(hebb)[0] > 1.5


@pytest.mark.claim("C21")
def test_hebb_alone_runs_away_with_its_figures() -> None:
    """A warning at the start, the error when ‖U‖ has grown a hundredfold, and what was learnt before is kept."""
    network = linear(0.1)
    with pytest.warns(LearningWarning, match="'hebb' has no bound"), pytest.raises(UnboundedLearning) as caught:
        learn.recall_and_learn(network, pattern(), rule="hebb", n_updates=500, **ABOUT)
    assert "its norm was" in str(caught.value)
    assert "runs away. Take the rule 'oja'" in str(caught.value)
    kept = caught.value.learned
    norms = np.linalg.norm(kept.history.singular_value_U, axis=1)
    assert 20 < norms[-1] < 100 * max(1.0, norms[0])
    assert kept.update == len(norms) - 1
    # h goes a = 1 − (1 − Δt)⁵ of the way to Uᵀv: growth is 1 + η λ a γ/(γ − 1 + a) for a growth γ of h itself.
    a, growth = 1 - 0.95**5, 1.1
    for _ in range(50):
        growth = 1 + 0.1 * VARIANCES[0] * a * growth / (growth - 1 + a)
    assert (norms[-1] / norms[-20]) ** (1 / 19) == pytest.approx(growth, abs=0.003)
    # Decay below the largest variance does not hold it, above it all is forgotten; a bound holds it.
    with pytest.raises(UnboundedLearning):
        learn.recall_and_learn(network, pattern(), rule="hebb", decay=0.5, n_updates=500, **ABOUT)
    forgot = learn.recall_and_learn(network, pattern(), rule="hebb", decay=1.5, n_updates=300, **ABOUT)
    assert squares(forgot)[0] < 1e-3
    held = learn.recall_and_learn(network, pattern(), rule="hebb", largest_singular_value=0.9, n_updates=100, **ABOUT)
    assert squares(held)[0] == pytest.approx(0.81, abs=1e-12)


def test_oja_without_noise_gives_the_principal_subspace() -> None:
    """T = 0: σ → 1 for as many directions as there are hidden units, and they span the leading ones."""
    U = 0.2 * np.random.default_rng(0).normal(size=(VISIBLE, 2))
    network = networks.bipartite(U, "identity", "identity", temperature=0.0)
    data = pattern()
    learned = learn.recall_and_learn(
        network, data, rule="oja", n_updates=400, **ABOUT | {"learning_rate": 0.2, "recall_steps": 100}
    )
    U = learned.system.parameters["U"]
    np.testing.assert_allclose(squares(learned), 1, atol=1e-6)
    leading = np.linalg.eigh(data.T @ data)[1][:, -2:]
    np.testing.assert_allclose(leading @ leading.T, U @ U.T, atol=1e-6)
    second = np.linalg.eigh(data.T @ data)[1][:, -3:-1]
    assert np.abs(second @ second.T - U @ U.T).max() > 0.1


@pytest.mark.claim("C17")
def test_without_noise_it_is_its_deterministic_twin_bit_for_bit() -> None:
    """Alternate `simulate` at T = 0, with the data clamped and without, and steps of U along the slope."""
    U = 0.3 * np.random.default_rng(0).normal(size=(VISIBLE, HIDDEN))
    network = networks.bipartite(U, "tanh", temperature=0.0)
    data = np.tanh(pattern(40))
    learned = learn.recall_and_learn(network, data, n_updates=7, **ABOUT)
    held = free = np.concatenate([data, np.zeros((40, HIDDEN))], axis=1)
    now = network
    for _ in range(7):
        ends = []
        for system, x in ((replace(now, mobility={**now.mobility, "v": 0.0}), held), (now, free)):
            ds = lk.simulate(system, initial=x, time_step=0.05, n_steps=5, save_positions=True, check=False)
            ends.append(ds.position[-1].values)
        held, free = ends[0].T, ends[1].T
        slopes = [learn.energy_slope(now, x, ["U"])["U"] for x in ends]
        U = now.parameters["U"] - 0.1 * (slopes[0] - slopes[1] + 0.0 * now.parameters["U"])
        now = replace(now, parameters={**now.parameters, "U": U})
    np.testing.assert_array_equal(learned.system.parameters["U"], U)
    np.testing.assert_array_equal(learned.recalled.T, held)
    np.testing.assert_array_equal(learned.chains.T, free)
    warm = learn.recall_and_learn(replace(network, temperature=1e-3), data, n_updates=7, **ABOUT)
    assert (warm.system.parameters["U"] != U).any()


def slopes_of(network: lk.System, data: np.ndarray, seeds: int, **about: Any) -> np.ndarray:
    """Slopes that first updates take, of independent chains."""
    eta, U = 1e-6, network.parameters["U"]
    made = []
    for seed in range(seeds):
        learned = learn.recall_and_learn(
            network, data, n_updates=1, check=False, **ABOUT | {"learning_rate": eta, "rng": seed} | about
        )
        made.append((U - learned.system.parameters["U"]) / eta)
    return np.array(made)


@pytest.mark.claim("E26")
def test_gradients_have_the_mean_of_the_exact_recursion() -> None:
    """Of linear units each step is linear, so that the mean of what k steps give follows from U.

    z < 4.4 in all 30 entries (false alarms: 3e-4). Contrastive divergence after k steps is off the slope of the
    likelihood, by less with more steps; the energy of the wrong T is off by more than 10 standard errors.
    """
    T, dt = 0.3, ABOUT["time_step"]
    network, data = linear(T, scale=0.25), pattern(200)
    U = network.parameters["U"]
    C = data.T @ data / len(data)
    drift = np.block([[-np.eye(VISIBLE), U], [U.T, -np.eye(HIDDEN)]])
    step, noise = np.eye(VISIBLE + HIDDEN) + dt * drift, 2 * T * dt * np.eye(VISIBLE + HIDDEN)
    held = C @ U
    begun = np.block([[C, held], [held.T, U.T @ C @ U + T / (1 - dt / 2) * np.eye(HIDDEN)]])

    def exact(steps: int) -> np.ndarray:
        after = begun
        for _ in range(steps):
            after = step @ after @ step.T + noise
        return after[:VISIBLE, VISIBLE:] - held

    likelihood = -(held + T * np.linalg.inv(drift)[:VISIBLE, VISIBLE:])
    biases = []
    for rule, k in (("contrastive", 1), ("contrastive", 16), ("likelihood", 40)):
        expected = exact(k if rule == "contrastive" else 4000)
        found = slopes_of(network, data, 40, rule=rule, free_steps=k, burn_in=300, n_chains=200)
        error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
        assert np.abs((found.mean(axis=0) - expected) / error).max() < 4.4
        biases.append(np.linalg.norm(expected - likelihood) / np.linalg.norm(likelihood))
    assert biases[0] > 0.8 > biases[1] > 0.1 > biases[2]
    wrong = slopes_of(replace(network, temperature=2 * T), data, 40, rule="likelihood", free_steps=40, burn_in=300)
    assert np.abs((wrong.mean(axis=0) - expected) / error).max() > 10


@pytest.mark.claim("C21")
def test_the_free_energy_falls_and_gradients_point_where_the_exact_one_does() -> None:
    """F of linear units in closed form: it falls by nearly all there is to fall; cosines are above .9 at the start."""
    T, data = 0.2, pattern()
    C = data.T @ data / N

    def excess(system: lk.System) -> float:
        """⟨−T ln ∫ exp(−E/T) dh⟩ + T ln Z over the data, up to a constant: v is normal with Σ⁻¹ = (1 − U Uᵀ)/T."""
        precision = (np.eye(VISIBLE) - system.parameters["U"] @ system.parameters["U"].T) / T
        return float(T * (np.trace(precision @ C) - np.linalg.slogdet(precision)[1]) / 2)

    def slope(system: lk.System) -> dict[str, np.ndarray]:
        U = system.parameters["U"]
        return {"U": -(C - T * np.linalg.inv(np.eye(VISIBLE) - U @ U.T)) @ U}

    learned = learn.recall_and_learn(
        linear(T),
        data,
        n_updates=500,
        save_every=10,
        observe={"excess": excess},
        reference=slope,
        **ABOUT | {"learning_rate": falling(0.2, 200), "free_steps": 20, "burn_in": 300},
    )
    history = learned.history
    F = history.excess.values
    kept = np.minimum(1, T / VARIANCES)  # 1 − σ²
    best = kept @ VARIANCES / 2 - T * np.log(kept).sum() / 2 + VISIBLE * T * np.log(T) / 2
    assert F[-1] - best < 0.01 * (F[0] - best)
    assert (np.diff(F[:4]) < 0).all()
    assert F[20:].max() - best < 0.05 * (F[0] - best)
    assert history.gradient_cosine[0] > 0.9
    assert set(history) == {
        "energy",
        "energy_free",
        "slope_norm",
        "singular_value_U",
        "chain_autocorrelation",
        "overlap",
        "gradient_cosine",
        "excess",
    }
    assert history.sizes == {"update": 50, "k_U": HIDDEN}
    assert 0 < history.chain_autocorrelation[1:].min() < history.chain_autocorrelation.max() < 1
    assert 0.3 < history.overlap[-1] < 1


@pytest.mark.parametrize("rule", ["likelihood", "contrastive", "oja"])
def test_parts_make_the_whole(rule: str) -> None:
    """Bit for bit: in two parts, with one thread and with two, and by batches that each datum is in once an epoch."""
    about = ABOUT | {"rule": rule, "batch_size": 16, "burn_in": 3, "n_chains": 40, "save_every": 2}
    data, network = np.tanh(pattern(50)), networks.bipartite(linear(0.0).parameters["U"], "tanh", temperature=0.3)
    whole = learn.recall_and_learn(network, data, n_updates=8, **about)
    one = learn.recall_and_learn(network, data, n_updates=8, backend=lk.CPU(threads=1), **about)
    part = learn.recall_and_learn(network, data, n_updates=4, **about)
    parts = learn.recall_and_learn(network, data, n_updates=4, start=part, **about)
    for other in (one, parts):
        assert other.update == 8
        for name in ("recalled", "chains"):
            np.testing.assert_array_equal(getattr(other, name), getattr(whole, name))
        np.testing.assert_array_equal(other.system.parameters["U"], whole.system.parameters["U"])
        assert other.history.identical(whole.history)
    assert whole.history["update"].values.tolist() == [0, 2, 4, 6]
    with pytest.raises(InvalidArgument, match=r"start: its chains are .*\(11, 50\).* need .*\(11, 49\)"):
        learn.recall_and_learn(network, data[:49], n_updates=4, start=part, **about)
    np.testing.assert_array_equal(whole.recalled[:VISIBLE], data.T)
    other = learn.recall_and_learn(network, data, n_updates=8, **about | {"rng": 2})
    assert (other.system.parameters["U"] != whole.system.parameters["U"]).any()


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"rule": "likelyhood"}, "rule: got 'likelyhood'; did you mean 'likelihood'"),
        ({"learn": ("W",)}, "learn: got 'W'"),
        ({"learn": ("U", "I"), "rule": "oja"}, "rule: got 'oja' for 'I'"),
        ({"data": np.zeros((4, 5))}, r"data: got shape \(4, 5\) for 'v'; \(N, 6\)"),
        ({"data": {"w": np.zeros((4, 6))}}, "data: unknown vector 'w'"),
        ({"data": {"v": np.zeros((4, 6)), "h": np.zeros((3, 5))}}, "data: got shape"),
        ({"batch_size": 0}, "batch_size: got 0; 1 to 800"),
        ({"n_updates": 0}, "n_updates: got 0"),
        ({"free_steps": 0}, "free_steps: got 0"),
        ({"n_chains": 0}, "n_chains: got 0"),
        ({"burn_in": -3}, "burn_in: got -3"),
        ({"dtype": "float16"}, "dtype: got 'float16'"),
        ({"time_step": -1.0, "check": False}, r"time_step: got -1\.0"),
        ({"learning_rate": np.nan}, "learning_rate: got nan"),
        ({"learn": ()}, "learn: got no names"),
        ({"backend": "cpu"}, "backend: got 'cpu'"),
        ({"start": "x"}, "start: got str"),
        ({"free_steps": 1.5}, r"free_steps: got 1\.5"),
        ({"decay": -1.0}, r"decay: got -1\.0"),
        ({"largest_singular_value": 0.0}, r"largest_singular_value: got 0\.0"),
        ({"system": lk.System(energy="x**2", temperature=1.0)}, "a system of vectors is needed"),
    ],
)
def test_bad_arguments_are_refused(given: dict[str, Any], match: str) -> None:
    about = {"system": linear(0.3), "data": pattern(), "n_updates": 1, **ABOUT, **given}
    with pytest.raises(InvalidArgument, match=match):
        learn.recall_and_learn(about.pop("system"), about.pop("data"), **about)


def test_a_step_too_large_is_refused_before_the_first() -> None:
    with pytest.raises(StepTooLarge):
        learn.recall_and_learn(linear(0.3), pattern(), n_updates=1, **ABOUT | {"time_step": 3.0})


def test_all_vectors_may_be_data() -> None:
    """Then nothing is recalled: the couplings of a Gaussian without hidden units are learnt from its covariance."""
    C = np.array([[0.6, 0.2], [0.2, 0.5]])
    data = np.linalg.qr(np.random.default_rng(0).normal(size=(500, 2)))[0] * np.sqrt(500) @ np.linalg.cholesky(C).T
    system = lk.System(
        coordinates={"x": 2}, energy="x @ (A @ x)/2", temperature=0.5, parameters={"A": [[1.0, 0.0], [0.0, 1.0]]}
    )
    learned = learn.recall_and_learn(
        system,
        data,
        learn=("A",),
        n_updates=400,
        save_every=400,
        **ABOUT | {"free_steps": 20, "n_chains": 4000, "learning_rate": falling(0.5, 100)},
    )
    np.testing.assert_allclose(learned.system.parameters["A"], 0.5 * np.linalg.inv(C), atol=0.06)
