"""Vectors that return to a manifold: is their place kept, and does noise stay on it?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight.derivatives import Differentials
from langevin_kit.preflight.region import place
from langevin_kit.system import System
from langevin_kit.system.dense import Vector

Floats = NDArray[np.float64]

LEAST, NUMBERS = 32, 2**22
"""Places that are looked at, where particles start at fewer, and d² times as many."""

REACH = (1e-3, 0.3)
"""How far places lie from where particles start, in units of the noise R z."""

TOLERANCE = 1e-6
"""Relative to what is compared."""


def on_manifold(system: System, x: Floats, t: float) -> Floats:
    """Points x (d, n) on the manifold, and others of it around them."""
    content = system.content
    if not (system.retraction and isinstance(content, Vector) and x.size):
        return x
    least = min(LEAST, max(1, NUMBERS // len(x) ** 2))
    x = content.derived.retracted(np.tile(x, -(-least // x.shape[1])))
    rng = np.random.default_rng(0)
    reach = np.exp(rng.uniform(np.log(REACH[0]), np.log(REACH[1]), x.shape[1]))
    with np.errstate(all="ignore"):
        moved = content.derived.noise_at(x, rng.standard_normal(x.shape), t)
        near = content.derived.retracted(x + reach * moved)
        usable = np.isfinite(near).all(axis=0) & np.isfinite(system.gradient(near, t)).all(axis=0)
    return np.concatenate([x, np.where(usable, near, x)], axis=1)


def require_manifold(system: System, found: Differentials, x: Floats, t: float) -> None:
    """Refuse a retraction that moves points x (d, n) of its own manifold, and noise that leads off it.

    Raises
    ------
    InvalidArgument
        With the place and the numbers.
    """
    content = system.content
    if found.tangent is None or not isinstance(content, Vector):
        return
    moved = np.abs(content.derived.retracted(x) - x).max(axis=0)
    _refuse(
        moved - TOLERANCE * np.abs(x).max(axis=0),
        lambda i: (
            f"retraction: the place {place(system, x[:, i], t)}, to which it leads, is moved by {moved[i]:.3g} "
            "when it is applied again. It must leave the points of the manifold where they are."
        ),
    )
    S = found.mobility
    size, off = (np.abs(A).max(axis=(0, 1)) for A in (S, S - np.einsum("abn,bcn->acn", found.tangent, S)))
    _refuse(
        off - TOLERANCE * size,
        lambda i: (
            f"mobility: at {place(system, x[:, i], t)} the noise leads off the manifold by {off[i]:.3g} of "
            f"{size[i]:.3g}. A root must be tangent to where the retraction leads, as z - h*(h @ z) is to the sphere."
        ),
    )


def _refuse(excess: Floats, message: Callable[[int], str]) -> None:
    worst = int(excess.argmax())
    if excess[worst] > 0:
        raise InvalidArgument(message(worst))
