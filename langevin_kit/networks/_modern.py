"""Modern Hopfield networks: at T = 1/β their law is a mixture of Gaussians, of which everything is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._associative import associative_memory
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system import System
from langevin_kit.system.arguments import above_zero, array

Floats = NDArray[np.float64]

NODES = 96
"""Of Gauss and Hermite, along each direction that patterns differ in; a smaller rule says how far it is off."""

MOST_DIRECTIONS = 2
"""Up to which integrals are taken by quadrature."""

AT_A_TIME = 2**22
"""Products of a pattern and a state in memory."""


class Estimated(NamedTuple):
    """A number with its standard error; of a quadrature, with what a smaller rule differs by."""

    value: float
    stderr: float


@dataclass(frozen=True, eq=False)
class ModernHopfield:
    r"""A network of P patterns, and its law at T = 1/β: a mixture of P Gaussians of the variance 1/β.

    .. math:: E(x) = \tfrac12 |x|^2 - β^{-1} \ln \sum_μ e^{β ξ^μ·x + c_μ}, \qquad
              e^{-βE} = \sum_μ e^{c_μ + β|ξ^μ|^2/2}\, e^{-β|x - ξ^μ|^2/2}

    States x have the shape (d, ...).

    Attributes
    ----------
    patterns : (P, d)
        ξ.
    inverse_temperature : float
        β.
    offsets : (P,)
        c.
    """

    patterns: Floats
    inverse_temperature: float
    offsets: Floats

    @cached_property
    def system(self) -> System:
        """At T = 1/β; at another T, as by `dataclasses.replace`, the law is no mixture."""
        beta = self.inverse_temperature
        return associative_memory(
            self.patterns,
            "logsumexp",
            fields=self.offsets / beta,
            temperature=1 / beta,
            parameters={"beta": beta},
        )

    @cached_property
    def log_z(self) -> float:
        """The logarithm of Z at T = 1/β."""
        return float(
            logsumexp(self._heights) - len(self.patterns[0]) / 2 * np.log(self.inverse_temperature / 2 / np.pi)
        )

    @property
    def free_energy(self) -> float:
        """F = −T ln Z at T = 1/β, the least there is."""
        return -self.log_z / self.inverse_temperature

    @cached_property
    def weights(self) -> Floats:
        """Of the Gaussians, (P,): each well's share of the law."""
        return np.asarray(softmax(self._heights))

    @property
    def mean(self) -> Floats:
        """⟨x⟩, (d,)."""
        return np.asarray(self.weights @ self.patterns)

    @property
    def covariance(self) -> Floats:
        """Of x, (d, d): 1/β, and that of the patterns."""
        apart = self.patterns - self.mean
        return np.asarray(np.eye(len(self.mean)) / self.inverse_temperature + (self.weights * apart.T) @ apart)

    def responsibilities(self, x: Any) -> Floats:
        """Whose Gaussian x is from: p = softmax(β ξ x + c), (P, ...). Its mean under the law is `weights`, exactly."""
        return np.asarray(softmax(self._fields(np.asarray(x, np.float64)), axis=0))

    def log_density(self, x: Any) -> Floats:
        """The logarithm of q(x), of the shape (...)."""
        v = np.asarray(x, np.float64)
        flat = v.reshape(len(v), -1)
        some = max(1, AT_A_TIME // len(self.patterns))
        parts = [
            logsumexp(self._fields(part), axis=0) - self.inverse_temperature / 2 * (part**2).sum(axis=0) - self.log_z
            for part in np.split(flat, range(some, flat.shape[1], some), axis=1)
        ]
        return np.concatenate(parts).reshape(v.shape[1:])

    def sample(self, n: int, rng: RNG = None) -> Floats:
        """Draw n independent states (n, d), as `simulate` takes them for `initial`."""
        draw = np.random.default_rng(seed_sequence(rng))
        chosen = self.patterns[draw.choice(len(self.patterns), n, p=self.weights)]
        return np.asarray(chosen + draw.normal(size=chosen.shape) / np.sqrt(self.inverse_temperature))

    def gain(self, x: Any) -> Floats:
        """The largest eigenvalue of β Cov_p(ξ), (...): a fixed point is stable where it is below 1."""
        p = self.responsibilities(x)
        mean = np.tensordot(self.patterns.T, p, 1)
        second = np.einsum("p...,pa,pb->...ab", p, self.patterns, self.patterns)
        about = second - np.einsum("a...,b...->...ab", mean, mean)
        return np.asarray(self.inverse_temperature * np.linalg.eigvalsh(about)[..., -1])

    def entropy(self, n_samples: int = 100_000, rng: RNG = None) -> Estimated:
        """H = −⟨ln q⟩: by quadrature where patterns differ in two directions or fewer, by as many samples otherwise."""
        apart = self.patterns - self.mean
        _, size, directions = np.linalg.svd(apart, full_matrices=False)
        r = int((size > len(size) * np.finfo(float).eps * max(1.0, size[0])).sum())
        if r > MOST_DIRECTIONS:
            log_q = self.log_density(self.sample(n_samples, rng).T)
            return Estimated(float(-log_q.mean()), float(log_q.std(ddof=1) / np.sqrt(n_samples)))
        value, rough = (self._quadrature(directions[:r], n) for n in (NODES, NODES * 2 // 3))
        return Estimated(value, abs(value - rough))

    def mean_energy(self, n_samples: int = 100_000, rng: RNG = None) -> Estimated:
        """⟨E⟩ = F + T H at T = 1/β, with H as by `entropy`."""
        value, stderr = self.entropy(n_samples, rng)
        return Estimated(self.free_energy + value / self.inverse_temperature, stderr / self.inverse_temperature)

    def log_likelihood(self, x: Any) -> Estimated:
        """Mean of ln q over independent states x (d, n)."""
        log_q = self.log_density(x)
        return Estimated(float(log_q.mean()), float(log_q.std(ddof=1) / np.sqrt(log_q.size)))

    def kl_divergence(self, x: Any, entropy: float) -> Estimated:
        """KL(p‖q) = −H(p) − ⟨ln q⟩ of a law p whose entropy is known, from independent states x (d, n) of it."""
        value, stderr = self.log_likelihood(x)
        return Estimated(-float(entropy) - value, stderr)

    @property
    def _heights(self) -> Floats:
        """Logarithms of weights that do not sum to 1."""
        return np.asarray(self.offsets + self.inverse_temperature / 2 * (self.patterns**2).sum(axis=1))

    def _fields(self, x: Floats) -> Floats:
        """The exponents β ξ x + c, (P, ...)."""
        offsets = self.offsets.reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(self.inverse_temperature * np.tensordot(self.patterns, x, 1) + offsets)

    def _quadrature(self, directions: Floats, n: int) -> float:
        """H, from the directions (r, d) along which the law is not Gaussian, by n nodes each around every pattern."""
        r, d = directions.shape[0], self.patterns.shape[1]
        node, weight = np.polynomial.hermite_e.hermegauss(n)
        nodes = np.stack(np.meshgrid(*[node] * r, indexing="ij")).reshape(r, -1) if r else np.zeros((0, 1))
        share = np.prod(np.meshgrid(*[weight / weight.sum()] * r, indexing="ij"), axis=0).ravel() if r else np.ones(1)
        shift = directions.T @ nodes / np.sqrt(self.inverse_temperature)
        own = [share @ self.log_density(pattern[:, None] + shift) for pattern in self.patterns]
        # Off the directions the law is Gaussian: there ⟨β|x⊥ − ξ⊥|²/2⟩ = (d − r)/2, which the nodes have as 0.
        return float((d - r) / 2 - self.weights @ own)


def modern(patterns: Any, inverse_temperature: float, *, weights: Any = None) -> ModernHopfield:
    r"""A modern Hopfield network, whose step at T = 0 is the softmax attention of transformers.

    .. math:: dx = \Big(-x + \sum_μ p_μ ξ^μ\Big) dt + \sqrt{2T}\, dW, \qquad p = \mathrm{softmax}(β ξ x + c)

    Parameters
    ----------
    patterns : (P, d)
        ξ, of any norms.
    inverse_temperature : float
        β.
    weights : (P,), optional
        Of the wells at T = 1/β: positive, scaled to sum to 1, :math:`c_μ = \ln w_μ - β|ξ^μ|^2/2`. If left out, c = 0:
        the weights are ∝ :math:`e^{β|ξ^μ|^2/2}`, equal for patterns of equal norm alone.

    Returns
    -------
    ModernHopfield

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Ramsauer et al., Hopfield networks is all you need, arXiv:2008.02217 (2021).

    Examples
    --------
    >>> import langevin_kit as lk
    >>> memory = modern([[2.0, 0.0], [0.0, 1.0]], 8.0, weights=[1, 3])
    >>> start = memory.sample(20_000, rng=0)
    >>> ds = lk.simulate(memory.system, initial=start, time_step=0.02, n_steps=100, save_every=100, rng=1,
    ...                  observables={"E": "energy"})
    >>> memory.mean, bool(abs(ds.E[-1] - memory.mean_energy().value) < 0.01)
    (array([0.5 , 0.75]), True)
    """
    xi = np.asarray(array("patterns", patterns))
    if xi.ndim != 2 or not xi.size:
        raise InvalidArgument(f"patterns: got shape {xi.shape}; an array (P, d) is needed.")
    beta = above_zero("inverse_temperature", inverse_temperature)
    if weights is None:
        return ModernHopfield(xi, beta, np.zeros(len(xi)))
    w = np.asarray(array("weights", weights))
    if w.shape != (len(xi),) or not (w > 0).all():
        raise InvalidArgument(f"weights: got {weights!r:.80}; {len(xi)} positive numbers are needed, one a pattern.")
    return ModernHopfield(xi, beta, np.log(w / w.sum()) - beta / 2 * (xi**2).sum(axis=1))
