"""KL, F and H from mean and covariance: unbiased, with honest errors and floor, in 1, 3 and 10 dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from langevin_kit import System, boltzmann
from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import gaussian_relaxation
from langevin_kit.estimate._boltzmann import Boltzmann
from langevin_kit.estimate.gaussian import entropy, kl_divergence, kl_floor

Floats = NDArray[np.float64]

ENSEMBLES = 400


def correlated(d: int, seed: int) -> Floats:
    """A covariance matrix with eigenvalues between 0.5 and 2."""
    rng = np.random.default_rng(seed)
    vectors, _ = np.linalg.qr(rng.standard_normal((d, d)))
    return (vectors * rng.uniform(0.5, 2.0, d)) @ vectors.T


def moments(d: int, n: int, mean: Floats, covariance: Floats, seed: int) -> list[tuple[Floats, Floats]]:
    rng, root = np.random.default_rng(seed), np.linalg.cholesky(covariance)
    samples = (mean + rng.standard_normal((n, d)) @ root.T for _ in range(ENSEMBLES))
    return [(x.mean(axis=0), np.atleast_2d(np.cov(x.T))) for x in samples]


def exact_kl(mean: Floats, covariance: Floats, law_mean: Floats, law_covariance: Floats) -> float:
    inverse, delta = np.linalg.inv(law_covariance), mean - law_mean
    log_dets = np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(law_covariance)[1]
    return float(0.5 * (np.trace(inverse @ covariance) + delta @ inverse @ delta - len(mean) - log_dets))


def require_standard(z: Floats) -> None:
    """Mean within 3 standard errors of 0, standard deviation within 10 % of 1, 95 % within 1.96 as often as chance has.

    For 400 normal z-scores the first fails in 0.3 % of the seeds, the second in 0.5 %, the third in 0.1 %.
    """
    assert abs(z.mean()) < 3 / np.sqrt(len(z))
    assert abs(z.std() - 1) < 0.1
    covered = int((np.abs(z) < 1.96).sum())
    low, high = stats.binom.ppf([5e-4, 1 - 5e-4], len(z), 0.95)
    assert low <= covered <= high


@pytest.mark.parametrize("d", [1, 3, 10])
def test_z_scores_of_kl_and_entropy(d: int) -> None:
    n, law = 1500, (np.zeros(d), correlated(d, 1))
    mean, covariance = np.full(d, 0.4), correlated(d, 2)
    rows = moments(d, n, mean, covariance, seed=10 + d)
    kl = np.array([kl_divergence(n, *row, *law) for row in rows])
    require_standard((kl[:, 0] - exact_kl(mean, covariance, *law)) / kl[:, 1])
    h = np.array([entropy(n, c) for _, c in rows])
    exact_h = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    require_standard((h[:, 0] - exact_h) / h[:, 1])
    plug_in = h[:, 0] - d * (d + 1) / (4 * n)  # negative control: the bias of ½ ln|S| left in
    if d == 10:
        assert abs(((plug_in - exact_h) / h[:, 1]).mean()) > 3 / np.sqrt(ENSEMBLES)


@pytest.mark.parametrize(("d", "n"), [(1, 200), (3, 400), (10, 1000)])
def test_at_the_law_kl_is_unbiased_and_the_floor_is_crossed_at_its_rate(d: int, n: int) -> None:
    """20 000 ensembles, drawn as Wishart matrices: alarms within the 1e-4 quantiles of the binomial of rate 1e-3."""
    repeats, law = 20_000, (np.zeros(d), np.eye(d))
    rng = np.random.default_rng(d)
    covariance = stats.wishart(n - 1, np.eye(d)).rvs(repeats, random_state=rng).reshape(-1, d, d) / (n - 1)
    mean = rng.standard_normal((repeats, d)) / np.sqrt(n)
    kl = np.array([kl_divergence(n, m, c, *law)[0] for m, c in zip(mean, covariance, strict=True)])
    stderr = np.sqrt(d * (d + 3)) / (2 * n)
    assert abs(kl.mean()) < 4 * stderr / np.sqrt(repeats)
    assert kl.std() == pytest.approx(stderr, rel=0.1)
    alarms = int((kl > kl_floor(n, d)).sum())
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], repeats, 1e-3)
    assert low <= alarms <= high
    plug_in = kl + d * (d + 3) / (4 * n)  # negative control
    assert (plug_in > kl_floor(n, d)).sum() > high


def law_of_three() -> Boltzmann:
    return boltzmann(System(energy="x**2 + x*y/2 + y**2 + (z - 1)**2/2", temperature=0.7, coordinates=("x", "y", "z")))


def test_relaxation_of_an_ornstein_uhlenbeck_process() -> None:
    """dx = −H (x − m) dt + √(2T) dW from N(a, 1/10): F(t) in both forms against the exact one, at six times."""
    law = law_of_three()
    assert law.gaussian is not None
    centre, stationary = law.gaussian
    hessian = 0.7 * np.linalg.inv(stationary)
    rng = np.random.default_rng(3)
    n, times = 20_000, np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
    values, vectors = np.linalg.eigh(hessian)
    mean, covariance, energy, exact = [], [], [], []
    for t in times:
        decay = (vectors * np.exp(-values * t)) @ vectors.T
        m = centre + decay @ (np.array([2.0, -1.0, 0.0]) - centre)
        c = stationary + decay @ (0.1 * np.eye(3) - stationary) @ decay.T
        x = m + rng.standard_normal((n, 3)) @ np.linalg.cholesky(c).T
        mean.append(x.mean(axis=0))
        covariance.append(np.cov(x.T))
        energy.append(law.system.energy_at(x.T).mean())
        exact.append(0.7 * exact_kl(m, c, centre, stationary) - 0.7 * law.log_z)
    got = gaussian_relaxation([law] * 6, n, np.array(mean), np.array(covariance), np.array(energy))
    for name in ("free_energy", "free_energy_from_entropy"):
        assert (np.abs(got[name] - exact) < 4 * got[f"{name}_stderr"]).all()
    np.testing.assert_allclose(got["free_energy"], got["free_energy_from_entropy"], rtol=0, atol=1e-11)
    assert got["kl_divergence"][0] > 1000 * got["kl_divergence_floor"][0]
    assert got["kl_divergence"][-1] < got["kl_divergence_floor"][-1]


def test_of_another_shape_it_is_a_lower_bound() -> None:
    """A uniform p with the moments of q: KL(g‖q) = 0 although KL(p‖q) = ½ ln(2πe/12) = 0.176."""
    law = boltzmann(System(energy="x**2/2", temperature=1.0))
    x = np.random.default_rng(0).uniform(-np.sqrt(3), np.sqrt(3), 100_000)
    got = gaussian_relaxation([law], len(x), np.array([[x.mean()]]), np.cov(x)[None, None, None], np.array([0.5]))
    assert abs(got["kl_divergence"][0]) < 0.01 < 0.176
    assert got["entropy"][0] > np.log(2 * np.sqrt(3))


def test_too_few_particles_and_other_laws() -> None:
    law = law_of_three()
    few = gaussian_relaxation([law], 4, np.zeros((1, 3)), np.eye(3)[None], np.zeros(1))
    assert np.isnan(few["kl_divergence"][0])
    assert few["kl_divergence_floor"][0] == np.inf
    singular = gaussian_relaxation([law], 100, np.zeros((1, 3)), np.diag([1.0, 1.0, 0.0])[None], np.zeros(1))
    assert np.isnan(singular["entropy"][0])
    quartic = boltzmann(System(energy="x**4", temperature=1.0))
    with pytest.raises(InvalidArgument, match="no Gaussian in closed form"):
        gaussian_relaxation([quartic], 100, np.zeros((1, 1)), np.eye(1)[None], np.zeros(1))
