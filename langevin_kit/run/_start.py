"""The initial ensemble, made in blocks where the run keeps it: no second copy of it ever exists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import codegen
from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight import arguments
from langevin_kit.system import SpinSystem, System
from langevin_kit.system.initial import Initial, Patterns

BLOCK = 2**16
"""Particles that are drawn at once."""


def count_particles(initial: Initial | NDArray[Any], n_particles: int | None, d: int) -> int:
    """Refuse an initial ensemble that does not fit the system; how many particles it has."""
    if isinstance(initial, np.ndarray):
        if np.ma.isMaskedArray(initial):
            raise InvalidArgument("initial: got a masked array; give the particles that are meant, as a plain array.")
        shape = initial.shape if initial.ndim == 2 else (*initial.shape, 1)
        if len(shape) != 2 or shape[1] != d or shape[0] < 1 or initial.dtype.kind not in "fiu":
            got = f"{initial.dtype} array of shape {initial.shape}"
            raise InvalidArgument(f"initial: got {got}; finite values (n, {d}) are needed.")
        if n_particles not in (None, shape[0]):
            raise InvalidArgument(f"n_particles: got {n_particles}, but `initial` holds {shape[0]} particles.")
        return int(shape[0])
    if not (hasattr(initial, "transform") and hasattr(initial, "d")):
        raise InvalidArgument(
            f"initial: got {type(initial).__name__}; give an array (n, {d}) or one of langevin_kit.initial's laws."
        )
    if initial.d != d:
        raise InvalidArgument(f"initial: got a law of {initial.d} coordinates; the system has {d}.")
    arguments.require_count("n_particles", n_particles)
    assert n_particles is not None
    return int(n_particles)


def initial_state(
    system: System,
    rows: int,
    initial: Initial | NDArray[Any],
    n: int,
    dtype: str,
    key: tuple[np.uint32, np.uint32],
    first: int = 0,
) -> NDArray[np.floating]:
    """Positions of the particles first … first + n, and zeros in all other rows: no turns, none absorbed, no memory.

    Of spins their fields and energies too.

    Positions are made in float64, so that runs of either dtype start at the same place, up to rounding.

    Raises
    ------
    InvalidArgument
        For particles that start at no finite place, or beyond a wall.
    """
    state = np.zeros((rows, n), dtype)
    for low in range(0, n, BLOCK):
        high = min(low + BLOCK, n)
        x = _positions(initial, first + low, high - low, system.n_dim, key)
        _require_inside(system, x, first + low, dtype)
        x = _returned(system, x, first + low)
        state[: system.n_dim, low:high] = x
    if isinstance(system, SpinSystem):
        system.begin(state)
    for a in system.walled("periodic"):  # rounding may leave a particle on the upper end
        state[a][state[a] >= state.dtype.type(system.upper[a])] = system.lower[a]
    if system.is_dense:
        free = -np.inf, np.inf
        lowest, highest = np.array([wall.inside(dtype) if wall else free for wall in system.each_wall]).T[:, :, None]
        if not (lowest < highest).all():
            wall = next(wall for wall in system.each_wall if wall and not np.less(*wall.inside(dtype)))
            raise InvalidArgument(
                f"walls: numbers of {dtype} do not tell {wall.lower} and {wall.upper} apart. Move them, or measure "
                "from between them."
            )
        np.clip(state[: system.n_dim], lowest, highest, out=state[: system.n_dim])  # on no wall is a component
    return state


def _positions(
    initial: Initial | NDArray[Any], first: int, n: int, d: int, key: tuple[np.uint32, np.uint32]
) -> NDArray[np.float64]:
    if isinstance(initial, np.ndarray):
        rows = initial[first : first + n]
        return np.array(rows.reshape(n, d).T, np.float64)
    z = np.empty((d, n))
    fill = codegen.library().standard_normal if initial.noise == "normal" else codegen.library().standard_uniform
    fill(z, first, *key)
    law = initial.from_particle(first) if isinstance(initial, Patterns) else initial
    return law.transform(z)


def _returned(system: System, x: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """Positions (d, n), brought to the manifold on which vectors live."""
    if not system.retraction:
        return x
    on = system.retracted(x)
    bad = ~np.isfinite(on).all(axis=0)
    if bad.any():
        i = int(np.argmax(bad))
        raise InvalidArgument(
            f"initial: particle {first + i} starts at {x[:, i].tolist()!s:.80}, from where the retraction leads to no "
            "finite place."
        )
    return on


def _require_inside(system: System, x: NDArray[np.float64], first: int, dtype: str) -> None:
    """Wrap periodic coordinates in place; refuse what the dtype cannot hold or is beyond a wall."""
    if system.facts.is_spins and (np.abs(x) != 1).any():
        i = int(np.argmax((np.abs(x) != 1).any(axis=0)))
        raise InvalidArgument(
            f"initial: replica {first + i} holds other numbers than 1 and −1; spins have these alone."
        )
    bad = ~(np.abs(x) <= np.finfo(dtype).max).all(axis=0)
    if bad.any():
        i = int(np.argmax(bad))
        raise InvalidArgument(
            f"initial: particle {first + i} starts at {x[:, i].tolist()}; finite values of {dtype} are needed."
        )
    lower, upper = system.lower, system.upper
    for a in system.walled("periodic"):
        x[a] = lower[a] + np.mod(x[a] - lower[a], upper[a] - lower[a])
    for a in {*system.walled("reflecting"), *system.walled("absorbing")}:
        beyond = (x[a] < lower[a]) | (x[a] > upper[a])
        if beyond.any():
            i = int(np.argmax(beyond))
            raise InvalidArgument(
                f"initial: particle {first + i} starts at {system.names[a]} = {x[a, i]:.6g}, beyond the walls at "
                f"{lower[a]:g} and {upper[a]:g}; start all particles between them."
            )
