"""From functions of the CPU's library to device functions, with everything that they call.

A function of `kernels` is Python source that refers to others by global names. Its twin has the same code, and globals
of its own, in which each of these names stands for a device function or an intrinsic of CUDA.
"""

from __future__ import annotations

import dis
from types import FunctionType, ModuleType
from typing import Any

from numba import cuda
from numba.cuda.extending import intrinsic

from ..elementary import float32 as exact
from ..jit import INTRINSICS, Late
from . import approximate


class Device:
    """Twins of functions, each made once.

    Parameters
    ----------
    fast : bool
        Whether sums and products may be contracted, and elementary functions of float32 are those of `approximate`.
        Otherwise a device gives the bits of the CPU.
    """

    def __init__(self, *, fast: bool) -> None:
        self.fast = fast
        self._made: dict[int, Any] = {}
        self._kept: list[Any] = []  # what is known by identity must live
        for made in INTRINSICS:
            self._keep(made, intrinsic(made._defn))  # of which numba keeps one table a target
        if fast:
            for name, function in vars(approximate).items():
                if isinstance(function, FunctionType):
                    self._keep(getattr(exact, name), self._jit(function))

    def twin(self, value: Any) -> Any:
        """What stands for a global of the CPU's functions on the device; itself if it is no code."""
        if id(value) not in self._made:
            if isinstance(value, Late):
                self._keep(value, self._jit(self.function(value.py_func)))
            elif isinstance(value, ModuleType) and value.__name__.rpartition(".")[0].endswith("kernels.elementary"):
                self._keep(value, self._module(value))
            else:
                return value
        return self._made[id(value)]

    def function(self, function: FunctionType | Any) -> FunctionType:
        """The same code with globals of the device."""
        used = {i.argval for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}
        known = function.__globals__
        names = {name: self.twin(known[name]) for name in used if name in known}
        return FunctionType(function.__code__, {**known, **names}, function.__name__, function.__defaults__)

    def _module(self, module: ModuleType) -> ModuleType:
        twin = ModuleType(f"{module.__name__}_on_device")
        for name, value in vars(module).items():
            if isinstance(value, Late):
                setattr(twin, name, self.twin(value))
        return twin

    def _jit(self, function: FunctionType) -> Any:
        return cuda.jit(device=True, fastmath=self.fast)(function)

    def _keep(self, value: Any, made: Any) -> None:
        self._kept.append(value)
        self._made[id(value)] = made
