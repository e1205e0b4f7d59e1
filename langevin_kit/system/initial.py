"""Laws from which an ensemble starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system.arguments import array, at_least_zero, number, plain

Floats = NDArray[np.float64]


class Initial(Protocol):
    """A law as the image of independent standard variables."""

    @property
    def d(self) -> int:
        """Number of coordinates."""

    @property
    def noise(self) -> str:
        """Which standard variables it is made from: "normal" or "uniform"."""

    def transform(self, z: Floats) -> Floats:
        """Map standard variables (d, n) to positions (d, n)."""

    def density(self, x: Floats) -> Floats:
        """p(x) for x of shape (d, ...)."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""


@dataclass(frozen=True)
class Gaussian:
    """N(mean, covariance); the covariance may be singular, zero included."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    noise = "normal"

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return len(self.mean)

    def transform(self, z: Floats) -> Floats:
        """The mean plus Σ^{1/2} z, with the symmetric root."""
        value, vector = np.linalg.eigh(np.array(self.covariance))
        root = (vector * np.sqrt(np.maximum(value, 0.0))) @ vector.T
        x = np.repeat(np.array(self.mean)[:, None], z.shape[1], axis=1)
        for a in range(self.d):
            for b in range(self.d):
                if root[a, b] != 0.0:
                    x[a] += root[a, b] * z[b]
        return x

    def density(self, x: Floats) -> Floats:
        """p(x) for x of shape (d, ...)."""
        covariance = np.array(self.covariance)
        try:
            np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            raise InvalidArgument(f"covariance {self.covariance} is singular: this law has no density.") from None
        delta = np.asarray(x, np.float64) - np.array(self.mean).reshape(-1, *[1] * (np.ndim(x) - 1))
        exponent = -0.5 * np.einsum("a...,ab,b...->...", delta, np.linalg.inv(covariance), delta)
        return np.asarray(np.exp(exponent) / np.sqrt(np.linalg.det(2 * np.pi * covariance)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "gaussian", "mean": list(self.mean), "covariance": [list(row) for row in self.covariance]}


@dataclass(frozen=True)
class Uniform:
    """The uniform law on a box."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    noise = "uniform"

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return len(self.lower)

    def transform(self, z: Floats) -> Floats:
        """The lower corner plus (upper − lower) u."""
        lower, upper = np.array(self.lower)[:, None], np.array(self.upper)[:, None]
        return np.asarray(lower + (upper - lower) * z)

    def density(self, x: Floats) -> Floats:
        """p(x) for x of shape (d, ...)."""
        shape = (-1, *[1] * (np.ndim(x) - 1))
        lower, upper = np.array(self.lower).reshape(shape), np.array(self.upper).reshape(shape)
        inside = ((x >= lower) & (x <= upper)).all(axis=0)
        return np.asarray(inside / np.prod(np.subtract(self.upper, self.lower)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "uniform", "lower": list(self.lower), "upper": list(self.upper)}


@dataclass(frozen=True)
class Spins:
    """Independent spins ±1 with a mean overlap with a pattern."""

    pattern: tuple[int, ...]
    overlap: float

    noise = "uniform"

    @property
    def d(self) -> int:
        """Number of spins."""
        return len(self.pattern)

    def transform(self, z: Floats) -> Floats:
        """The pattern, turned where u is above (1 + m)/2."""
        pattern = np.array(self.pattern, np.float64)[:, None]
        return np.where(z < (1 + self.overlap) / 2, pattern, -pattern)

    def density(self, x: Floats) -> Floats:
        """Refuse: spins have no density."""
        raise InvalidArgument("initial.spins: spins have no density.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "spins", "pattern": list(self.pattern), "overlap": self.overlap}


@dataclass(frozen=True, eq=False)
class Patterns:
    """Patterns in turn, of which components are turned and to which noise is added; hidden components are 0."""

    patterns: Floats
    flipped: float
    spread: float
    scale: float
    n_hidden: int

    noise = "uniform"

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return len(self.patterns[0]) + self.n_hidden

    def from_particle(self, first: int) -> Patterns:
        """The same law for an ensemble without its first particles."""
        return replace(self, patterns=np.roll(self.patterns, -first, axis=0))

    def transform(self, z: Floats) -> Floats:
        """Pattern p mod P for particle p, turned where u is below a share; the rest of u makes the noise."""
        n, (P, N) = z.shape[1], self.patterns.shape
        own, u = self.patterns[np.arange(n) % P].T, z[:N]
        turned = u < self.flipped
        x = np.zeros((self.d, n))
        x[:N] = self.scale * np.where(turned, -own, own)
        if self.spread:
            from scipy.special import ndtri

            # On either side of the threshold what is left of u is uniform, and independent of the side.
            low, width = np.where(turned, 0.0, self.flipped), np.where(turned, self.flipped, 1 - self.flipped)
            x[:N] += self.spread * ndtri(np.clip((u - low) / width, 2.0**-54, 1 - 2.0**-53))
        return x

    def density(self, x: Floats) -> Floats:
        """Refuse: where all particles of a pattern are at one place, there is no density."""
        raise InvalidArgument("initial.patterns: this law has no density in general.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kind": "patterns",
            "patterns": plain(self.patterns),
            "flipped": self.flipped,
            "spread": self.spread,
            "scale": self.scale,
            "n_hidden": self.n_hidden,
        }


def from_dict(data: Mapping[str, Any]) -> Initial:
    """Build the law from the plain data of its `to_dict`.

    Examples
    --------
    >>> from_dict(point([1.0]).to_dict()) == point([1.0])
    True
    """
    laws: dict[str, Callable[..., Initial]] = {
        "gaussian": gaussian,
        "uniform": uniform,
        "spins": spins,
        "patterns": patterns,
    }
    fields = dict(data)
    return laws[fields.pop("kind")](**fields)


def gaussian(mean: Any, covariance: Any) -> Gaussian:
    """Make the normal law.

    Parameters
    ----------
    mean : (d,)
    covariance : number, (d,) or (d, d)
        A number stands for that number times the identity, a vector for a diagonal.

    Examples
    --------
    >>> gaussian([-1, 0], 0.04).covariance
    ((0.04, 0.0), (0.0, 0.04))
    """
    m = _vector(mean, "mean")
    try:
        c = np.asarray(covariance, np.float64)
    except (TypeError, ValueError):
        raise InvalidArgument(f"covariance: got {covariance!r}; numbers are needed.") from None
    d = len(m)
    if c.ndim < 2 and c.size in (1, d):
        c = np.diag(np.broadcast_to(c, (d,)))
    if c.shape != (d, d) or not np.isfinite(c).all() or not np.allclose(c, c.T):
        raise InvalidArgument(
            f"covariance: got shape {np.shape(covariance)}; finite values, one, ({d},) or symmetric ({d}, {d})."
        )
    if np.linalg.eigvalsh(c).min() < -1e-12 * max(1.0, float(np.abs(c).max())):
        raise InvalidArgument(f"covariance: got {covariance!r}, which has a negative eigenvalue; none may be negative.")
    return Gaussian(m, tuple(tuple(float(v) for v in row) for row in c))


def point(position: Any) -> Gaussian:
    """Make the law of particles that all start at one place.

    Examples
    --------
    >>> point([1.0]).covariance
    ((0.0,),)
    """
    return gaussian(position, 0.0)


def uniform(lower: Any, upper: Any) -> Uniform:
    """Make the uniform law on the box between two corners.

    Examples
    --------
    >>> uniform([-1.0], [1.0]).d
    1
    """
    low, high = _vector(lower, "lower"), _vector(upper, "upper")
    if len(low) != len(high) or not all(a < b for a, b in zip(low, high, strict=True)):
        raise InvalidArgument(f"uniform: got corners {low} and {high}; lower < upper is needed for each coordinate.")
    return Uniform(low, high)


def spins(pattern: Any, overlap: float = 1.0) -> Spins:
    """Make the law of independent spins s with ⟨ξ·s⟩/N = m: each is that of the pattern with probability (1 + m)/2.

    Parameters
    ----------
    pattern : (N,)
        ξ, of 1 and −1.
    overlap : float
        m, from −1 to 1; with 0 all states are equally likely.

    Examples
    --------
    >>> spins([1, -1], 0.8).to_dict()
    {'kind': 'spins', 'pattern': [1, -1], 'overlap': 0.8}
    """
    xi = _vector(pattern, "pattern")
    if set(xi) - {1.0, -1.0}:
        raise InvalidArgument("pattern: 1 and −1 are needed.")
    if isinstance(overlap, bool) or not isinstance(overlap, int | float | np.number) or not -1 <= overlap <= 1:
        raise InvalidArgument(f"overlap: got {overlap!r}; a number from −1 to 1 is needed.")
    return Spins(tuple(map(int, xi)), float(overlap))


def patterns(
    patterns: Any, flipped: float = 0.0, spread: float = 0.0, scale: float = 1.0, n_hidden: int = 0
) -> Patterns:
    """Make the law of particles that begin at patterns in turn: particle p at that of the number p mod P.

    Parameters
    ----------
    patterns : (P, N)
        Of the first N components.
    flipped : float
        Probability with which a component has its sign turned, each by itself.
    spread : float
        Standard deviation of Gaussian noise.
    scale : float
        Factor of the patterns, as for units whose limits patterns lie on.
    n_hidden : int
        Further components, which begin at 0.

    Examples
    --------
    >>> patterns([[1, -1], [1, 1]], scale=0.5, n_hidden=1).transform(np.full((3, 3), 0.5))
    array([[ 0.5,  0.5,  0.5],
           [-0.5,  0.5, -0.5],
           [ 0. ,  0. ,  0. ]])
    """
    xi = np.asarray(array("patterns", patterns))
    if xi.ndim != 2 or not xi.size:
        raise InvalidArgument(f"patterns: got shape {xi.shape}; an array (P, N) is needed.")
    share = at_least_zero("flipped", flipped)
    if share > 1:
        raise InvalidArgument(f"flipped: got {flipped!r}; a number from 0 to 1 is needed.")
    if isinstance(n_hidden, bool) or not isinstance(n_hidden, int) or n_hidden < 0:
        raise InvalidArgument(f"n_hidden: got {n_hidden!r}; 0 or a positive integer is needed.")
    return Patterns(xi, share, at_least_zero("spread", spread), number("scale", scale), n_hidden)


def _vector(value: Any, field: str) -> tuple[float, ...]:
    try:
        array = np.atleast_1d(np.asarray(value, np.float64))
    except (TypeError, ValueError):
        raise InvalidArgument(f"{field}: got {value!r}; numbers are needed.") from None
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise InvalidArgument(f"{field}: got {value!r}; a list of finite numbers, one a coordinate, is needed.")
    return tuple(float(v) for v in array)
