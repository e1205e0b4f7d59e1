"""What `simulate` and scenario files ask of a run's numbers: refused here, before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument
from langevin_kit.kernels.counter_rng import check_counter
from langevin_kit.kernels.cpu.mantissa import MANTISSA
from langevin_kit.preflight.memory import available_memory

MOST = 2**63
"""More than any number of particles or steps."""

MOST_SAVES = 10**7
"""Saved times of a run; each takes longer than many particle-steps."""

DTYPES = ("float64", "float32")
"""Types of the positions."""


def require_count(name: str, value: Any) -> None:
    """Refuse what is no positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidArgument(f"{name}: got {value!r}; a positive integer is needed.")
    if value >= MOST:
        raise InvalidArgument(f"{name}: got a number of {int(value).bit_length()} bits; less than 2**63 is needed.")


def require_time_step(value: Any) -> None:
    """Refuse what is no positive finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MOST:
        raise InvalidArgument(f"time_step: got {value!r}; a positive finite number is needed.")


def require_steps(value: Any, steps: int = 1, calls: int = 1) -> None:
    """Refuse what is no number of steps, or more than the counter of the noise can tell apart.

    So many `steps` use so many `calls` of the generator.
    """
    require_count("n_steps", value)
    try:
        check_counter(0, -(-value // steps) * calls)
    except OverflowError as error:
        raise InvalidArgument(f"n_steps: {error}.") from None


def saving_interval(save_every: int | None, n_steps: int) -> int:
    """Steps between saved times: as given if it divides `n_steps`, else a hundredth of them, else all."""
    if save_every is None:
        return n_steps // 100 if n_steps % 100 == 0 else n_steps
    require_count("save_every", save_every)
    if n_steps % save_every:
        divisors = [k for k in range(1, min(n_steps, 10**6) + 1) if n_steps % k == 0]
        nearest = min(divisors, key=lambda k: abs(k - save_every))
        raise InvalidArgument(
            f"save_every: got {save_every}, which does not divide n_steps = {n_steps}; "
            f"the nearest that does is {nearest}."
        )
    if n_steps // save_every > MOST_SAVES:
        raise InvalidArgument(
            f"save_every: {save_every} means {n_steps // save_every} saved times; at most {MOST_SAVES} are allowed. "
            "Save less often."
        )
    return int(save_every)


def kept_positions(save_positions: bool | int, n_particles: int) -> int:
    """Of how many particles positions are stored: all, none, or the first so many."""
    if isinstance(save_positions, bool):
        return n_particles if save_positions else 0
    if not isinstance(save_positions, int | np.integer) or not 0 <= save_positions <= n_particles:
        raise InvalidArgument(
            f"save_positions: got {save_positions!r}; true, false, or 0 to n_particles = {n_particles} are allowed."
        )
    return int(save_positions)


def position_bits(value: Any) -> int | None:
    """Bits of mantissa to which stored positions are rounded; None for all that the run's dtype has."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= MANTISSA:
        raise InvalidArgument(f"position_bits: got {value!r}; 1 to {MANTISSA} bits of a float32, or None for all.")
    return int(value)


def memory_of(n_particles: int, rows: int, dtype: str) -> int:
    """Bytes of an ensemble's state: so many rows, coordinates and turns, of so many particles."""
    return n_particles * rows * np.dtype(dtype).itemsize


def require_memory(n_particles: int, rows: int, dtype: str, copies: int) -> None:
    """Refuse an ensemble whose state, or whose state and the copies that are being written, exceed the memory."""
    need, have = memory_of(n_particles, rows, dtype), available_memory()
    smaller = "fewer particles, or float32" if dtype == "float64" else "fewer particles"
    if need > have:
        raise InvalidArgument(
            f"n_particles: got {n_particles}, whose positions need {need / 1e9:.3g} GB; this machine has "
            f"{have / 1e9:.3g} GB. Take {smaller}."
        )
    if need + copies > have:
        raise InvalidArgument(
            f"n_particles: got {n_particles}, whose positions need {need / 1e9:.3g} GB, and {copies / 1e9:.3g} GB for "
            f"copies that are written while steps go on; this machine has {have / 1e9:.3g} GB. Take {smaller}; or save "
            "fewer positions (save_positions)."
        )


def require_memory_for(need: int) -> None:
    """Refuse a run without a store whose state and saved times exceed this machine's memory."""
    have = available_memory()
    if need > have:
        raise InvalidArgument(
            f"the ensemble and its saved times need about {need / 1e9:.3g} GB; this machine has {have / 1e9:.3g} GB. "
            "Give a store (store=), to which they go as they come; or save less often (save_every), or fewer positions "
            "(save_positions)."
        )


def canonical_dtype(value: Any) -> str:
    """The name of a type of positions."""
    try:
        name = value if isinstance(value, str) else np.dtype(value).name
    except TypeError:
        name = ""
    if name not in DTYPES:
        raise InvalidArgument(f"dtype: got {value!r}; allowed are {', '.join(DTYPES)}.")
    return name


def canonical_number(value: Any) -> Any:
    """A NumPy number as Python's own; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
