"""Paths of a field in NumPy, in complex numbers where slopes are wanted by a complex step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.learn.gradient._steps import equal_steps
from langevin_kit.learn.gradient._tableau import TABLEAUS
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.schemes import NOISES
from langevin_kit.system.dense.field import AMPLITUDE, TEMPERATURE, field_of
from langevin_kit.testing.numpy_reference import numbers_of_step

STEP = 1e-30


def path(
    system: lk.System,
    initial: Any,
    times: Sequence[Any],
    *,
    scheme: str,
    time_step: float,
    parameters: Mapping[str, Any] | None = None,
    temperature: Any = 0.0,
    seed: int = 0,
    grid: Sequence[float] | None = None,
) -> NDArray[Any]:
    """Where particles of a system are at times[1:], (k, d, N), from `initial` (N, d).

    `grid` are the times that decide the number of steps, if others are complex.
    """
    derived = system.content.derived
    noisy = bool(np.real(temperature) > 0)
    field, tableau = field_of(derived, noisy=noisy), TABLEAUS[scheme]
    key = tuple(int(word) for word in philox_key(seed_sequence(seed)))
    x, step, found = np.array(initial).T, 0, []
    numbers = [len(steps) for steps in equal_steps(np.real(times if grid is None else grid), time_step)]
    for begin, end, n in zip(times, times[1:], numbers, strict=False):
        h = (end - begin) / n
        values = {**derived.parameters, **(parameters or {})}
        values |= {str(TEMPERATURE.value): temperature, str(AMPLITUDE.value): np.sqrt(2 * temperature / h)}
        for j in range(n):
            z = None
            if noisy:
                particles = np.arange(x.shape[1])
                z = numbers_of_step(NOISES["gaussian"], particles, step, len(x), key)
            rates: list[NDArray[Any]] = []
            for row, c in zip(tableau.a, tableau.c, strict=True):
                place = x + sum((h * a * rate for a, rate in zip(row, rates, strict=False)), 0 * x)
                rates.append(field.velocity_at(place, begin + j * h + c * h, values, z))
            x = x + h * sum(b * rate for b, rate in zip(tableau.b, rates, strict=True))
            step += 1
        found.append(x)
    return np.array(found)


def complex_step(loss: Callable[[Any], Any], value: Any) -> NDArray[np.float64]:
    """The derivative of a loss in each entry of a value."""
    value = np.asarray(value, complex)
    found = np.empty(value.size)
    for i in range(value.size):
        moved = value.ravel().copy()
        moved[i] += 1j * STEP
        found[i] = np.imag(loss(moved.reshape(value.shape))) / STEP
    return found.reshape(value.shape)
