"""From functions of the CPU's library to device functions, with everything that they call.

A function of `kernels` is Python source that refers to others by global names. Its twin has the same code, and globals
of its own, in which each of these names stands for a device function or an intrinsic of CUDA.
"""

from __future__ import annotations

import dis
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from numba import cuda
from numba.cuda.extending import intrinsic

from .. import counter_rng as cpu_counter_rng
from .. import noise as cpu_noise
from ..elementary import float32 as cpu_float32
from ..jit import INTRINSICS, Late
from . import approximate, counter_rng, dual, noise

_SPELLED = ((cpu_counter_rng, counter_rng),)
"""Modules of the CPU, and those whose functions of the same names replace theirs and give the same bits."""
_APPROXIMATE = ((cpu_float32, approximate), (cpu_noise, noise))
"""As above for the fast mode, and near."""
_PACKAGE = __name__.removesuffix("cuda.device")


_LIBRARY: dict[bool, dict[int, Any]] = {False: {}, True: {}}
"""Twins of the library's functions in the exact and the fast mode, by identity: numba compiles each once a process,
which takes longer than the rest of a kernel."""


class Device:
    """Twins of functions, each made once.

    Parameters
    ----------
    fast : bool
        Whether sums and products may be contracted, and elementary functions and normals of float32 are those of
        `approximate` and `noise`. Otherwise a device gives the bits of the CPU.
    """

    def __init__(self, *, fast: bool) -> None:
        self.fast = fast
        self._library = _LIBRARY[fast]
        self._made: dict[int, Any] = {}
        self._kept: list[Any] = []  # what is known by identity must live; the library does
        if not self._library:
            for made in INTRINSICS:
                self._library[id(made)] = intrinsic(made._defn)  # of which numba keeps one table a target
            self._library |= dual.intrinsics(fast=fast)
            dual.install(_function)
            for theirs, own in _SPELLED + (_APPROXIMATE if fast else ()):
                for name, function in vars(own).items():
                    if isinstance(function, FunctionType):
                        self._library[id(getattr(theirs, name))] = self._jit(self.function(function))

    def twin(self, value: Any) -> Any:
        """What stands for a global of the CPU's functions on the device; itself if it is no code."""
        for known in (self._library, self._made):
            if id(value) in known:
                return known[id(value)]
        if isinstance(value, Late):
            made = self._jit(self.function(value.py_func))
        elif isinstance(value, ModuleType) and value.__name__.rpartition(".")[0].endswith("kernels.elementary"):
            made = self._module(value)
        else:
            return value
        if _is_of_library(value):
            self._library[id(value)] = made
        else:
            self._made[id(value)] = made
            self._kept.append(value)
        return made

    def function(self, function: FunctionType | Any) -> FunctionType:
        """The same code with globals and enclosing names of the device."""
        code, known = function.__code__, function.__globals__
        names = {name: self.twin(known[name]) for name in _global_names(code) if name in known}
        cells = tuple(CellType(self.twin(cell.cell_contents)) for cell in function.__closure__ or ())
        return FunctionType(code, {**known, **names}, function.__name__, function.__defaults__, cells)

    def _module(self, module: ModuleType) -> ModuleType:
        twin = ModuleType(f"{module.__name__}_on_device")
        for name, value in vars(module).items():
            if isinstance(value, Late):
                setattr(twin, name, self.twin(value))
        return twin

    def _jit(self, function: FunctionType) -> Any:
        return cuda.jit(device=True, fastmath=self.fast)(function)


def _is_of_library(value: Any) -> bool:
    """Whether it lives as long as the library: what a function of the library makes does not."""
    if isinstance(value, ModuleType):
        return value.__name__.startswith(_PACKAGE)
    return bool(value.__module__.startswith(_PACKAGE)) and "<locals>" not in value.__qualname__


def _global_names(code: CodeType) -> set[str]:
    """Of a function and of those defined in it."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    return names.union(*(_global_names(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def _function(function: FunctionType, *, fast: bool) -> FunctionType:
    return Device(fast=fast).function(function)
