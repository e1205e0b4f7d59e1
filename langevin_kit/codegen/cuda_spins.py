"""The kernel of a spin system on CUDA: that of `kernels.cuda.spins` for its size, its couplings and its updates."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_kit.system.spins import SpinSystem


def couplings_type(system: SpinSystem) -> type[np.int16 | np.float64]:
    """Of the couplings on a device."""
    return np.int16 if system.facts.has_short_couplings else np.float64


def fields_type(system: SpinSystem) -> type[np.int32 | np.float64]:
    """Of the fields on a device."""
    return np.int32 if system.facts.has_short_couplings else np.float64


def sweeps(system: SpinSystem) -> tuple[Any, Any]:
    """The kernel, as `kernels.cuda.compiler.ptx` takes it, and its signature."""
    from numba import types

    from langevin_kit.kernels.cuda.device import Device
    from langevin_kit.kernels.cuda.spins import sweeps_of

    W, h = (getattr(types, kind.__name__) for kind in (couplings_type(system), fields_type(system)))
    real, whole, word = types.float64, types.int64, types.uint32
    made = sweeps_of(
        system.n_dim, fields_type(system), draws=system.update == "random", at_once=system.update == "synchronous"
    )
    run = whole, whole, real, word, word, whole
    signature = real[:, ::1], W[::1], real[::1], *run, h[:, ::1], types.int8[:, ::1], types.int32[:, ::1]
    return Device(fast=False).function(made), signature
