"""The compiled module of a spin system: `advance` as `pointwise` has it, a step being a sweep."""

from __future__ import annotations

from types import ModuleType

from langevin_kit import cache
from langevin_kit.system.spins import SpinSystem

_SOURCE = """\
import numpy as np
from langevin_kit.kernels.cpu.spins import asynchronous, energy_of, numbers_of_sweep, synchronous
from langevin_kit.kernels.jit import cached_driver
from langevin_kit.kernels.scratch import empty

@cached_driver
def advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1, particle0=0):
    n = (X.shape[0] - 2)//2
    b, unit = parameters[n*n:n*n + n], parameters[n*n + n]
    W = {couplings}
    half_temperature = 0.5*temperature/unit
    s, h, thresholds = empty((n,), np.{field}), empty((n,), np.{field}), empty((n,), np.float64)
    sites = empty((n,), np.int64)
    for a in range(n):
        sites[a], thresholds[a] = a, 0.0
    for p in range(low, high):
        for i in range(n):
            s[i], h[i] = np.{field}(X[i, p]), np.{field}(X[n + i, p])
        flips = 0
        for k in range(first, first + n_steps):
            if {draws} or temperature > 0.0:
                numbers_of_sweep(sites, thresholds, {draws}, particle0 + p, k, half_temperature, key0, key1)
            flips += {update}(s, h, W, sites, thresholds)
        for i in range(n):
            X[i, p], X[n + i, p] = s[i], h[i]
        X[2*n, p] = unit*energy_of(s, h, b)
        X[2*n + 1, p] += flips
"""

_LONG = {"couplings": "parameters[:n*n]", "field": "float64"}
# Behind all values of the system, of which there may be more than three.
_SHORT = {"couplings": "parameters[parameters.size - (n*n + 3)//4:].view(np.int16)", "field": "int32"}

_UPDATES = {
    "random": {"draws": True, "update": "asynchronous"},
    "sequential": {"draws": False, "update": "asynchronous"},
    "synchronous": {"draws": False, "update": "synchronous"},
}


def stepper(system: SpinSystem) -> ModuleType:
    """The compiled module."""
    kinds = _SHORT if system.facts.has_short_couplings else _LONG
    return cache.load(_SOURCE.format(**_UPDATES[system.update], **kinds))
