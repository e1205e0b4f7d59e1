"""Rules that forget: the old by the new, or what was never learnt."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._rules import patterns_of
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system.arguments import at_least_zero

Floats = NDArray[np.float64]

_SOURCE = """\
from langevin_kit.kernels.cpu.forgetting import learn_within, unlearn_and_relax
from langevin_kit.kernels.jit import cached_driver

@cached_driver
def learn(W, patterns, step, bound):
    learn_within(W, patterns, step, bound)

@cached_driver
def unlearn(W, s, start, step):
    unlearn_and_relax(W, s, start, step)
"""

BITS = 52
"""Of the largest field that unlearning may come to: couplings are rounded to its last one, so that sums are exact."""


def palimpsest(patterns: Any, strength: float) -> Floats:
    r"""Learning that lets all couplings fade a little with each pattern: from W = 0 on,

    .. math:: W_{ij} ← \left(1 - \frac{ε^2}{2N}\right) W_{ij} + \frac{ε}{N} ξ_i ξ_j, \qquad W_{ii} = 0

    The last patterns are recalled, whatever was learnt before: `palimpsest_capacity`. After many more than N/ε² of them
    couplings have the variance 1/N.

    Parameters
    ----------
    patterns : (P, N)
        Of 1 and −1, in the order in which they are learnt.
    strength : float
        ε, up to √(2N).

    Returns
    -------
    (N, N)

    Raises
    ------
    InvalidArgument

    Notes
    -----
    The marginalist scheme of Nadal, Toulouse, Changeux & Dehaene, Europhys. Lett. 1, 535 (1986). Mézard, Nadal &
    Toulouse, J. Physique 47, 1457 (1986) weigh a pattern of age k by exp(−ε²k/2N), the limit N → ∞ of what is here.

    Examples
    --------
    >>> palimpsest([[1, 1, 1], [1, -1, 1]], 1.0)[0].round(3)
    array([ 0.   , -0.056,  0.611])
    """
    xi, e = patterns_of(patterns), at_least_zero("strength", strength)
    p, n = xi.shape
    if e * e > 2 * n:
        raise InvalidArgument(
            f"strength: got {e:g}; at √(2N) = {math.sqrt(2 * n):g} all is forgotten at once: take less."
        )
    weights = e / n * (1 - e * e / (2 * n)) ** np.arange(p - 1.0, -1.0, -1.0)
    weighted = np.sqrt(weights)[:, None] * xi  # so that W is symmetric to the last bit
    W: Floats = weighted.T @ weighted
    np.fill_diagonal(W, 0.0)
    return W


def bounded(patterns: Any, strength: float, bound: float) -> Floats:
    r"""Learning within bounds: from W = 0 on, after every pattern cut at ±A/√N,

    .. math:: W_{ij} ← \max\left(-\frac{A}{\sqrt{N}}, \min\left(\frac{A}{\sqrt{N}},\, W_{ij} + \frac{ε}{N} ξ_i ξ_j
              \right)\right), \qquad W_{ii} = 0

    A coupling at its bound forgets: the last patterns are recalled, whatever was learnt before: `bounded_capacity`. At
    T = 0 only ε/A counts.

    Parameters
    ----------
    patterns : (P, N)
        Of 1 and −1, in the order in which they are learnt.
    strength : float
        ε.
    bound : float
        A.

    Returns
    -------
    (N, N)

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Parisi, J. Phys. A 19, L617 (1986). For N → ∞ couplings walk between their bounds, so that they are uniform there
    after many patterns, and what they keep of a pattern falls with its age k as

    .. math:: ⟨W_{ij} ξ_i ξ_j⟩ = \frac{ε}{N} \sum_{n\,\text{odd}} \frac{8}{π^2 n^2} e^{-n^2 π^2 ε^2 k/8A^2N}.

    Examples
    --------
    >>> bounded([[1, 1, 1], [1, -1, 1]], 1.0, 0.8)[0].round(3)
    array([0.   , 0.   , 0.462])
    """
    from langevin_kit import cache

    xi, e, a = patterns_of(patterns), at_least_zero("strength", strength), at_least_zero("bound", bound)
    n = xi.shape[1]
    W = np.zeros((n, n))
    cache.load(_SOURCE).learn(W, xi, e / n, a / math.sqrt(n))
    W = np.tril(W, -1)
    return W + W.T


def unlearn(couplings: Any, n: int, strength: float, rng: RNG = None) -> Floats:
    r"""Unlearning: n times a random state comes to rest in a state s at T = 0, which is then learnt with a minus sign.

    .. math:: W_{ij} ← W_{ij} - \frac{ε}{N} s_i s_j \quad (i ≠ j)

    Most random states end in mixtures of patterns: these are weakened first, so that patterns are recalled better, also
    beyond the capacity of Hebb's rule. With too much of it all are lost.

    Parameters
    ----------
    couplings : (N, N)
        W, symmetric, with no negative W_ii.
    n : int
        How many states.
    strength : float
        ε: 0.01 of the authors below.
    rng : None, int, SeedSequence or Generator
        Of the random states.

    Returns
    -------
    (N, N)

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Hopfield, Feinstein & Palmer, Nature 304, 158 (1983). At loads α = 0.2, 0.3 and 0.5, εn/N = 0.15, 0.25 and 0.45 are
    best (scenarios/unlearning.py). One state is unlearnt after another, as each comes to rest under couplings that lack
    all before it. That takes no longer than to relax many and unlearn them together, which is another rule: with
    N = 200, α = 0.3, ε = 0.01 and 500 together not all patterns become fixed points.

    Spins are looked at in turn. Couplings are rounded to 2⁻⁵² of the largest field, so that fields are exact.

    Examples
    --------
    >>> unlearn([[0, 1], [1, 0]], 3, 0.1, rng=0).round(3)
    array([[0.  , 0.85],
           [0.85, 0.  ]])
    """
    from langevin_kit import cache
    from langevin_kit.system import SpinSystem

    W, e = SpinSystem(couplings=couplings, temperature=0.0).couplings, at_least_zero("strength", strength)
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise InvalidArgument(f"n: got {n!r}; a whole number ≥ 0 is needed.")
    if np.diag(W).min() < 0:
        raise InvalidArgument("couplings: W_ii < 0: such spins may never come to rest; set the diagonal to 0.")
    generator = np.random.default_rng(seed_sequence(rng))
    size = len(W)
    # In units of 1/N, where Hebb's couplings are whole numbers, and a field that is 0 stays 0.
    largest = size * float(np.abs(W).sum(axis=1).max()) + size * e * n
    unit = 2.0 ** (math.ceil(math.log2(largest or 1.0)) - BITS)
    scaled, step = np.rint(size * W / unit) * unit, round(e / unit) * unit
    one, s = cache.load(_SOURCE).unlearn, np.zeros(size)
    for _ in range(n):
        one(scaled, s, 2.0 * generator.integers(0, 2, size) - 1.0, step)
    one(scaled, s, np.zeros(size), step)
    return np.asarray(scaled / size)
