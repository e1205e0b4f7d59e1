"""Kernels for CUDA as PTX, each compiled once and then remembered.

What moves particles is compiled in the mode that was asked for; what measures them in the exact one, so that equal
ensembles have equal sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_kit import cache, kernels
from langevin_kit.errors import BackendUnavailable, InvalidExpression
from langevin_kit.observables import Plan
from langevin_kit.observables.rows import Text, read_vector
from langevin_kit.schemes import Scheme
from langevin_kit.system import SpinSystem, System
from langevin_kit.system.dense import Vector

if TYPE_CHECKING:
    from langevin_kit.codegen.cuda_dense import DenseProgram

Capability = tuple[int, int]
"""Of a device, as (9, 0)."""


def step_text(system: System, scheme: Scheme, dtype: str, name: str, capability: Capability, *, fast: bool) -> str:
    """PTX of a kernel of `codegen.cuda`."""

    def make() -> tuple[Any, Any]:
        from langevin_kit.codegen import cuda

        made = cuda.kernels(system, scheme, dtype, fast=fast)
        return made[name], made["signature"]

    walls = [(coordinate, wall.shape) for coordinate, wall in system.walls.items()]
    of = f"{system.content.fingerprint} {walls} {scheme.name} {scheme.noise.name} {scheme.halved} {dtype}"
    with _complaining(system):
        return _text(f"{name} {of}", capability, make, fast=fast)


def dense_texts(
    system: System, scheme: Scheme, dtype: str, capability: Capability, *, fast: bool
) -> tuple[DenseProgram, dict[str, str]]:
    """The program of a vector system, and PTX of its kernels by name."""
    from langevin_kit.codegen.cuda_dense import program

    assert isinstance(system.content, Vector)
    walled = system.walled_vectors
    made = program(system.content.derived, scheme, dtype, walled, fast=fast)
    key = f"dense {system.content.fingerprint} {walled} {scheme.name} {scheme.noise.name} {dtype}"
    return made, _all_texts(key, made, capability, fast=fast)


def spins_text(system: SpinSystem, capability: Capability) -> str:
    """PTX of the kernel of `codegen.cuda_spins`, in the exact mode whatever a run asks for."""
    from langevin_kit.codegen import cuda_spins

    def make() -> tuple[Any, Any]:
        return cuda_spins.sweeps(system)

    return _text(f"spins {system.n_dim} {system.update} {cuda_spins.rooms(system)}", capability, make)


def scalars_texts(
    system: System, scalars: Mapping[int, Text], capability: Capability
) -> tuple[DenseProgram, dict[str, str]]:
    """The program that evaluates scalars of a vector system, and PTX of its kernels by name."""
    from langevin_kit.codegen.cuda_dense import scalars_program

    assert isinstance(system.content, Vector)
    nodes = {k: read_vector(system, text, f"row {k}") for k, text in scalars.items()}
    made = scalars_program(system.content.derived, nodes)
    return made, _all_texts(f"scalars {system.content.fingerprint} {scalars}", made, capability)


def _all_texts(key: str, made: DenseProgram, capability: Capability, *, fast: bool = False) -> dict[str, str]:
    return {
        name: _text(f"{name} {key}", capability, partial(made.kernels.__getitem__, name), fast=fast)
        for name in made.kernels
    }


def rows_text(plan: Plan, dtype: str, capability: Capability) -> str:
    """PTX of the kernel of `codegen.cuda_measure`."""

    def make() -> tuple[Any, Any]:
        from langevin_kit.codegen.cuda_measure import fill

        return fill(plan, dtype)

    key = f"rows {plan.system.content.fingerprint} {plan.system.walls} {plan.rows} {dtype}"
    with _complaining(plan.system):
        return _text(key, capability, make, other_bits=True)  # the step is asked for them, if they matter


def vector_text(plan: Plan, dtype: str, name: str, capability: Capability) -> str:
    """PTX of `fill` or `multiply` for a vector system."""

    def make() -> tuple[Any, Any]:
        from langevin_kit.codegen.cuda_measure import vector_kernel

        return vector_kernel(plan, dtype, name)

    return _text(f"vector {name} {plan.d} {plan.rows} {dtype}", capability, make)


def library_text(name: str, dtype: str, capability: Capability) -> str:
    """PTX of a kernel of `kernels.cuda.tiles` or `kernels.cuda.histogram`."""

    def make() -> tuple[Any, Any]:
        from numba import types

        from langevin_kit.kernels.cuda import histogram, tiles
        from langevin_kit.kernels.cuda.device import Device

        real, whole, state = types.float64, types.int64, getattr(types, dtype)
        count = (state[:, ::1], whole, real[::1], real[::1], whole[::1], whole[::1], whole[::1])
        table = {
            "tile_moments": (real[:, ::1], whole, whole, whole[:, ::1], real[:, ::1], real[:, ::1], real[:, ::1]),
            "tile_extremes": (real[:, ::1], whole, whole, whole, whole[:, ::1], real[:, ::1], whole[:, ::1]),
            "merge_tiles": (whole, whole[:, ::1], *[real[:, ::1]] * 4, whole[:, ::1]),
            "count_cells": count,
            "count_few_cells": count,
            "count_leaked": (state[:, ::1], whole[::1], state[::1], state[::1], whole[::1]),
            "count_absorbed": (state[:, ::1], whole, whole[::1], state[::1], whole[::1]),
        }
        source = tiles if hasattr(tiles, name) else histogram
        return Device(fast=False).function(getattr(source, name)), table[name]

    return _text(f"library {name} {dtype}", capability, make)


def probe_text(name: str, capability: Capability, *, fast: bool) -> str:
    """PTX of a kernel of `kernels.cuda.probe`."""

    def make() -> tuple[Any, Any]:
        from numba import types

        from langevin_kit.kernels.cuda import probe
        from langevin_kit.kernels.cuda.device import Device

        word, single = types.uint32[:, ::1], types.float32
        table = {
            "words": (word, word, word),
            "normals_f32": (word, single[:, ::1]),
            "normals_f64": (word, types.float64[:, ::1]),
            "fused_chains": (single[::1], types.int64),
            "copied": (single[::1], single[::1]),
        }
        return Device(fast=fast).function(getattr(probe, name)), table[name]

    return _text(f"probe {name}", capability, make, fast=fast)


@contextmanager
def _complaining(system: System) -> Iterator[None]:
    """Say what it is in Python functions that CUDA cannot have, or not with the CPU's bits."""
    model = system.functions
    if model is None:
        yield
        return
    from langevin_kit.kernels.cuda.compiler import OtherBitsError
    from langevin_kit.system.python.function import refusing

    try:
        with refusing(model.functions):
            yield
    except InvalidExpression as error:
        raise InvalidExpression(f"backend: for CUDA, {error} The CPU compiles it: backend='cpu'.") from None
    except OtherBitsError as error:
        names = ", ".join(f"{part.field} ({part.name})" for part in model.functions)
        raise InvalidExpression(
            f"backend: got 'cuda_reproducible', but {names}: {error} of a number that depends on no coordinate, no "
            "parameter and not on t is computed by CUDA's own library, whose last bits are not the CPU's. Write the "
            "number itself, or with exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh, atan; or use "
            "backend='cuda' or 'cpu'."
        ) from None


def _text(
    key: str,
    capability: Capability,
    make: Callable[[], tuple[Any, Any]],
    *,
    fast: bool = False,
    other_bits: bool = False,
) -> str:
    def compiled() -> str:
        from numba.cuda.cudadrv.error import CCSupportError

        from langevin_kit.kernels.cuda.compiler import ptx

        function, signature = make()
        try:
            return ptx(function, signature, capability, fast=fast, other_bits=other_bits)
        except CCSupportError as error:
            raise BackendUnavailable(
                f"backend: the device has compute capability {capability[0]}.{capability[1]}, for which nothing can be "
                f"compiled here ({error}). The extra cuda12 compiles for 5.2 and later, cuda13 for 7.5. Or use the CPU."
            ) from error

    return cache.remember(f"ptx {key} {capability} {fast} {_compiler()}", compiled)


@lru_cache(maxsize=1)
def _compiler() -> str:
    """What decides the text beside its source: versions, and the kernels, which may lie outside this folder."""
    found = [cache.digest_of(*map(Path, kernels.__path__))]
    for package in ("numba-cuda", "numba", "nvidia-nvvm", "nvidia-cuda-nvcc-cu12"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
