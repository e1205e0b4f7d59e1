"""Whether displacements from a place of rest die out."""

from __future__ import annotations

import numpy as np

from langevin_kit.errors import NotContracting
from langevin_kit.learn.gradient import _krylov
from langevin_kit.learn.gradient._motion import Floats, Motion, parts

ARNOLDI = 48
"""Most products with Jᵀ from which eigenvalues are judged: all eigenvalues of states up to this length."""

NEUTRAL = 1e-10
"""Eigenvalues closer to 0 than that part of the largest one have no sign."""


def require_stable(motion: Motion, x: Floats) -> None:
    """Refuse places of rest (d, N) where J = ∂f/∂x has an eigenvalue whose real part is not negative.

    Raises
    ------
    NotContracting
    """
    moving = motion.moving[:, None]
    if not moving.any():
        return
    for part in parts(x.shape[1], ARNOLDI * len(x)):
        places = x[:, part]

        def times(v: Floats, places: Floats = places) -> Floats:
            return motion.transposed(places, v) * moving

        start = np.random.default_rng(0).normal(size=places.shape) * moving
        values, error = _krylov.spectrum(times, start, min(ARNOLDI, int(moving.sum())))
        # What may as well be an error of a value that is not yet an eigenvalue is no reason.
        growth = values.real - error
        for i in np.flatnonzero(growth.max(axis=1) > -NEUTRAL * np.abs(values).max(axis=1)):
            raise NotContracting(
                f"initial: where particle {part.start + i} comes to rest the Jacobian of dx/dt has the eigenvalue "
                f"{values[i, growth[i].argmax()]:.6g}; all must have a negative real part, or displacements do not die "
                "out. A start on a watershed ends in a saddle: begin elsewhere. A flat direction of an energy needs a "
                "term such as sum(x**2)."
            )
