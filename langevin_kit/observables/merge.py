"""From tiles to the whole ensemble, in a tree that is fixed by the number of particles alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def merge_tiles(counts: Floats, means: Floats, comoments: Floats, pairs: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Merge the moments of tiles pairwise (Chan, Golub & LeVeque 1983).

    Parameters
    ----------
    counts : (n,)
    means : (n, q)
    comoments : (n, p)
        Σ δᵢδⱼ about each tile's own mean, for the `pairs` (p, 2).

    Returns
    -------
    mean : (q,)
    comoment : (p,)
    """
    with np.errstate(over="ignore", invalid="ignore"):  # an exploding run is reported by its particles
        while len(counts) > 1:
            counts, means, comoments = _merged_pairs(counts, means, comoments, pairs)
    return means[0], comoments[0]


def _merged_pairs(
    counts: Floats, means: Floats, comoments: Floats, pairs: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    first, second = pairs.T
    if len(counts) % 2:
        counts, means, comoments = (np.concatenate([a, np.zeros_like(a[:1])]) for a in (counts, means, comoments))
    total = counts[0::2] + counts[1::2]
    share = counts[1::2] / total
    delta = means[1::2] - means[0::2]
    cross = (counts[0::2] * share)[:, None] * (delta[:, first] * delta[:, second])
    return total, means[0::2] + share[:, None] * delta, (comoments[0::2] + comoments[1::2]) + cross
