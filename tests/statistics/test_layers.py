"""Laws of layers by their outputs, against quadrature over the simplex, the sphere and the ball.

Means and second moments are those of independent particles at one time, so that quadrature gives their standard errors
as well. Scores are of 2 f(Δt) − f(2Δt), which the error of first order is left out of, and 4.4 is exceeded once in 10⁵.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.networks import bipartite, layer

Floats = NDArray[np.float64]

LIMIT, CAUGHT = 4.4, 10.0
N = 100_000


def features(y: Floats) -> Floats:
    """Components, their squares and products, (k, n)."""
    a, b = np.triu_indices(len(y))
    return np.concatenate([y, y[a] * y[b]])


class Exact:
    """Means and variances of the features under exp(−E/T) on nodes y (d, n) with weights."""

    def __init__(self, system: lk.System, y: Floats, weight: Floats) -> None:
        energy = system.energy_at(y)
        p = weight * np.exp(-(energy - energy.min()) / system.temperature)
        p /= p.sum()
        f = features(y)
        self.mean = f @ p
        self.variance = (f - self.mean[:, None]) ** 2 @ p

    def scores(self, value: Floats, share: float) -> Floats:
        """Of a value whose variance is a share of the law's; of features that vary."""
        error = np.sqrt(self.variance * share)
        return np.asarray((value - self.mean)[error > 1e-9] / error[error > 1e-9])


def end(system: lk.System, dt: float, time: float, seed: int, n: int = N) -> Floats:
    """Means of the features of particles that have started in the middle."""
    middle = np.full((1, system.n_dim), 1 / system.n_dim if "h" in system.retraction else 0.0)
    steps = round(time / dt)
    ds = lk.simulate(
        system, initial=middle.repeat(n, axis=0), time_step=dt, n_steps=steps, save_every=steps, rng=seed,
        save_positions=n, check=False,
    )  # fmt: skip
    return np.asarray(features(ds.position.values[-1].astype(np.float64)).mean(axis=1))


def worst(system: lk.System, exact: Exact, dt: float, time: float, n: int = N) -> float:
    fine, coarse = end(system, dt, time, 1, n), end(system, 2 * dt, time, 2, n)
    return float(np.abs(exact.scores(2 * fine - coarse, 5 / n)).max())


def simplex(m: int = 120) -> tuple[Floats, Floats]:
    """Nodes (3, m²) of the triangle, and their weights."""
    u, w = np.polynomial.legendre.leggauss(m)
    s, ds = np.sin(np.pi * (u + 1) / 4) ** 2, w * np.pi / 4 * np.sin(np.pi * (u + 1) / 2)  # denser at both ends
    a, b = (x.ravel() for x in np.meshgrid(s, s, indexing="ij"))
    return np.stack([a, (1 - a) * b, (1 - a) * (1 - b)]), (np.outer(ds, ds) * (1 - s)[:, None]).ravel()


def disc(m: int = 120) -> tuple[Floats, Floats]:
    """Nodes (2, m²) of the unit disc, denser at its edge, and their weights."""
    u, w = np.polynomial.legendre.leggauss(m)
    angle, turn = np.pi * (u + 1) / 4, 2 * np.pi * np.arange(m) / m
    r, weight = np.sin(angle), w * np.pi / 4 * np.cos(angle) * np.sin(angle) * 2 * np.pi / m
    y = np.stack([np.outer(r, np.cos(turn)), np.outer(r, np.sin(turn))]).reshape(2, -1)
    return y, weight.repeat(m)


SOFTMAX = layer("softmax", "h", 3)


def softmax(
    divergence: str = SOFTMAX.divergence, *, J: Any = (0.6, -0.4, 0.2), a: Any = 0.0, c: float = 1.0
) -> lk.System:
    return lk.System(
        coordinates={"h": 3},
        energy=f"c*({SOFTMAX.energy}) - J @ h - a @ log(h)",
        mobility={"root": SOFTMAX.root, "divergence": divergence},
        retraction={"h": SOFTMAX.retraction},
        temperature=0.5,
        parameters={"J": J, "a": np.broadcast_to(a, 3), "c": c},
    )


def test_nodes_integrate_polynomials() -> None:
    """Moments of uniform laws: of Dirichlet's on the triangle, and ∫ r² over the disc."""
    y, w = simplex()
    p = w / w.sum()
    np.testing.assert_allclose(
        features(y) @ p, [*[1 / 3] * 3, *[1 / 6, 1 / 12, 1 / 12, 1 / 6, 1 / 12, 1 / 6]], rtol=1e-13
    )
    assert w.sum() == pytest.approx(0.5, rel=1e-13)
    y, w = disc()
    np.testing.assert_allclose([w.sum(), w @ (y * y).sum(axis=0)], [np.pi, np.pi / 2], rtol=1e-13)


def test_a_softmax_layer_has_the_boltzmann_law() -> None:
    system = softmax()
    exact = Exact(system, *simplex())
    assert worst(system, exact, 0.01, 5.0) < LIMIT
    # Another field, by the same code.
    assert worst(softmax(J=(0.6, -0.4, 0.0)), exact, 0.01, 5.0) > CAUGHT


@pytest.mark.slow
@pytest.mark.parametrize("divergence", ["0", "(1 - 3*h)/2"])
def test_a_softmax_layer_with_another_divergence_is_caught(divergence: str) -> None:
    assert worst(softmax(divergence), Exact(softmax(), *simplex()), 0.01, 5.0) > CAUGHT


@pytest.mark.slow
def test_a_radial_return_does_not_see_a_radial_drift() -> None:
    """1 − (m + 1) h differs from 1 − m h by −h, which is across the simplex: `check` refuses it, the law is the same.

    A return along the normal, which is another direction, takes it for a drift.
    """
    exact = Exact(softmax(), *simplex())
    assert worst(softmax("1 - 4*h"), exact, 0.01, 5.0) < LIMIT
    along = {"h": "abs(h) + (1 - sum(abs(h)))/3"}
    start, J = {"a": 0.75}, (0.6, -0.4, 0.2)  # so that few particles come to the edges, from which it may lead out
    exact = Exact(softmax(J=J, **start), *simplex())
    right, wrong = (replace(softmax(text, J=J, **start), retraction=along) for text in ("1 - 3*h", "1 - 4*h"))
    assert worst(right, exact, 0.005, 3.0, 400_000) < LIMIT
    assert worst(wrong, exact, 0.005, 3.0, 400_000) > CAUGHT


def test_a_logarithmic_energy_has_dirichlets_law() -> None:
    """E = −T Σ (αᵢ − 1) ln yᵢ: means α/Σα and covariances in closed form."""
    alpha = np.array([2.0, 3.0, 4.0])
    system = softmax(J=np.zeros(3), a=0.5 * (alpha - 1), c=0.0)
    exact, total = Exact(system, *simplex()), alpha.sum()
    a, b = np.triu_indices(3)
    second = alpha[a] * (alpha[b] + (a == b)) / (total * (total + 1))
    np.testing.assert_allclose(exact.mean, [*(alpha / total), *second], rtol=1e-12)
    assert worst(system, exact, 0.01, 3.0) < LIMIT
    assert worst(system, Exact(softmax(J=np.zeros(3), a=0.5, c=0.0), *simplex()), 0.01, 3.0) > CAUGHT


def sphere(b: float, **changes: Any) -> lk.System:
    own = layer("spherical", "y", 3)
    given: dict[str, Any] = {
        "coordinates": {"y": 3},
        "energy": "-b @ y",
        "mobility": own.mobility(),
        "retraction": {"y": own.retraction},
        "temperature": 0.5,
        "parameters": {"b": [0.0, 0.0, b]},
    }
    return lk.System(**(given | changes))


def langevin_function(x: float) -> float:
    return float(1 / np.tanh(x) - 1 / x)


def cosine(system: lk.System, dt: float, n: int, seed: int) -> tuple[float, float]:
    """⟨y₃⟩ from eight independent times, and its standard error."""
    every = round(2.0 / dt)
    y = np.zeros((n, 3))
    y[:, 2] = 1
    ds = lk.simulate(
        system, initial=y, time_step=dt, n_steps=12 * every, save_every=every, rng=seed, check=False
    )  # fmt: skip
    values = ds["mean"].values[4:, 2]
    spread = np.sqrt(ds["covariance"].values[-1, 2, 2] / n / len(values))
    return float(values.mean()), float(2 * spread)  # times 2/λ apart with λ ≥ 2T: e^{−2} of each is in the next


def test_a_unit_sphere_has_langevins_function() -> None:
    """⟨cos θ⟩ = coth(b/T) − T/b as Δt → 0; at Δt = 0.1, 0.05, 0.025 it was 0.0070, 0.0027, 0.0009 ± 0.0003 less."""
    b, n = 0.8, 100_000
    exact = langevin_function(b / 0.5)
    values, errors = np.array([cosine(sphere(b), dt, n, seed) for seed, dt in enumerate((0.1, 0.05, 0.025))]).T
    bias = values - exact
    assert bias[0] < -LIMIT * errors[0]  # so that Δt is seen to matter
    assert abs(2 * bias[2] - bias[1]) < LIMIT * np.sqrt(4 * errors[2] ** 2 + errors[1] ** 2)
    assert abs(cosine(sphere(b / 2), 0.025, n, 1)[0] - exact) > CAUGHT * errors[2]


@pytest.mark.slow
def test_the_law_does_not_depend_on_how_a_vector_returns() -> None:
    """To the sphere obliquely, on the side of a direction c; and half of ∇·K, which is across it, then is a drift."""
    step = "(y + (y @ y - 1)*c)"
    oblique = sphere(
        0.8, retraction={"y": f"{step}/sqrt({step} @ {step})"}, parameters={"b": [0, 0, 0.8], "c": [0.3, 0.0, 0.4]}
    )
    n, exact = 100_000, langevin_function(1.6)
    lk.check(oblique, positions=oblique.retracted(np.random.default_rng(0).normal(size=(3, 50))))
    values, errors = np.array([cosine(oblique, dt, n, seed) for seed, dt in enumerate((0.02, 0.01))]).T
    assert abs(2 * values[1] - values[0] - exact) < LIMIT * np.sqrt(4 * errors[1] ** 2 + errors[0] ** 2)
    wrong = replace(oblique, mobility={**oblique.mobility, "divergence": "-y"})
    assert abs(cosine(wrong, 0.01, n, 1)[0] - exact) > CAUGHT * errors[1]


def ball(kind: str, name: str = "y", divergence: str = "") -> lk.System:
    m = {"spherical": 2, "layer_norm": 3}[kind]
    own = layer(kind, name, m, epsilon="eps")
    return lk.System(
        coordinates={name: m},
        energy=f"{own.energy} - J @ {name}",
        mobility=own.mobility() | ({"divergence": divergence} if divergence else {}),
        retraction={name: own.retraction},
        temperature=0.5,
        parameters={"J": [0.6, -0.4, 0.2][:m], "eps": 0.5},
    )


PLANE = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]).T / np.sqrt([2, 6]) * np.sqrt(3)
"""Two directions with Σ y = 0, of length √m."""


@pytest.mark.parametrize(
    ("kind", "dt"), [("spherical", 0.0025), pytest.param("layer_norm", 0.0025, marks=pytest.mark.slow)]
)
def test_a_layer_in_a_ball_has_the_boltzmann_law(kind: str, dt: float) -> None:
    system, (y, w) = ball(kind), disc()
    exact = Exact(system, y if kind == "spherical" else PLANE @ y, w)
    assert worst(system, exact, dt, 5.0, 40_000) < LIMIT
    # T ∇·K of a ball in one dimension less.
    own = system.mobility["divergence"]
    wrong = own.replace("-4/", "-3/")
    assert wrong != own
    assert worst(ball(kind, divergence=wrong), exact, dt, 5.0, 40_000) > CAUGHT


U = np.array([[1.2, -0.5, 0.1], [-0.3, 0.8, -0.9]])


def pair(couplings: Any = U) -> lk.System:
    """Two visible units that are identities, and a hidden softmax layer of three."""
    return bipartite(
        couplings, "identity", "softmax", temperature=0.5, inputs=[0.2, -0.1], hidden_inputs=[0.3, 0.0, -0.2],
        time_scales=(1.0, 0.7),
    )  # fmt: skip


def test_a_network_with_a_hidden_softmax_layer() -> None:
    """v given h is normal with the mean I + U h and the variance T, so that h alone has a law by quadrature."""
    system = pair()
    h, w = simplex()
    field = system.parameters["I"][:, None] + U @ h
    p = w * np.exp(-system.energy_at(np.concatenate([field, h])) / 0.5)
    p /= p.sum()
    joint = np.concatenate([field, h])
    second = (joint * p) @ joint.T
    second[:2, :2] += 0.5 * np.eye(2)
    a, b = np.triu_indices(5)
    exact = np.concatenate([joint @ p, second[a, b]])

    def scores(couplings: Any) -> Floats:
        dt, steps, n, found = 0.01, 800, 50_000, []
        for seed, k in enumerate((1, 2)):
            ds = lk.simulate(
                pair(couplings), initial=np.tile([0, 0, 1 / 3, 1 / 3, 1 / 3], (n, 1)), time_step=k * dt,
                n_steps=steps // k, save_every=steps // k, rng=seed, save_positions=n, check=False,
            )  # fmt: skip
            f = features(ds.position.values[-1])
            found.append((f.mean(axis=1), f.var(axis=1) / n))
        (fine, of_fine), (coarse, of_coarse) = found
        return np.asarray((2 * fine - coarse - exact) / np.sqrt(4 * of_fine + of_coarse))

    assert np.abs(scores(U)).max() < LIMIT
    assert np.abs(scores(0.8 * U)).max() > CAUGHT


def test_states_stay_on_the_manifold() -> None:
    """To rounding, after 10⁵ steps; and all of them are at different places of it."""
    for system, of in ((softmax(), lambda y: y.sum(axis=0)), (sphere(0.8), lambda y: (y * y).sum(axis=0))):
        start = np.full((64, 3), 1 / 3)
        ds = lk.simulate(
            system, initial=start, time_step=0.01, n_steps=100_000, save_every=20_000, save_positions=True, rng=5,
            check=False,
        )  # fmt: skip
        y = np.moveaxis(ds.position.values, 1, 0)
        assert np.abs(of(y) - 1).max() < 1e-15
        assert len(np.unique(y[0, -1])) == 64
