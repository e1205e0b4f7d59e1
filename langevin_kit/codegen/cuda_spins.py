"""The kernel of a spin system on CUDA: that of `kernels.cuda.spins` for its size, its couplings and its updates."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_kit.system.spins import SpinSystem


def kinds(system: SpinSystem) -> tuple[type[Any], type[Any]]:
    """Types of the couplings and of the fields on a device."""
    return (np.int16, np.int32) if system.facts.has_short_couplings else (np.float64, np.float64)


def rooms(system: SpinSystem) -> list[tuple[type[Any], int]]:
    """Numbers that a replica needs of H, S and L: one of each where its threads share them."""
    from langevin_kit.kernels.cuda.spins import is_shared

    n, field, at_once = system.n_dim, kinds(system)[1], system.update == "synchronous"
    own = 1 if is_shared(n, field, at_once=at_once) else n
    return [(field, own), (np.int8, own), (np.int32, own if at_once else 1)]


def sweeps(system: SpinSystem) -> tuple[Any, Any]:
    """The kernel, as `kernels.cuda.compiler.ptx` takes it, and its signature."""
    from numba import types

    from langevin_kit.kernels.cuda.device import Device
    from langevin_kit.kernels.cuda.spins import sweeps_of

    field = kinds(system)[1]
    made = sweeps_of(system.n_dim, field, draws=system.update == "random", at_once=system.update == "synchronous")
    W, h = (getattr(types, kind.__name__) for kind in kinds(system))
    real, whole, word = types.float64, types.int64, types.uint32
    run = real, whole, whole, real, word, word, whole
    signature = real[:, ::1], W[::1], real[::1], *run, h[:, ::1], types.int8[:, ::1], types.int32[:, ::1]
    return Device(fast=False).function(made), signature
