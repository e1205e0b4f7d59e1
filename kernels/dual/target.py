"""Where a compiler of numba is told of a new type of numbers: the CPU's here, others beside their kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin, lower_cast, models, overload, register_model

from ..jit import OPTIONS


@dataclass(frozen=True)
class Target:
    """The registries of one compiler.

    Attributes
    ----------
    template, struct : type
        What typings of operators and models of structures inherit from.
    infer_global, lower_builtin, lower_cast, register_model : callable
        As in `numba.extending`.
    overload : callable
        (name, form): compile a function for types of which the form returns an implementation, always inlined.
    """

    template: Any
    struct: Any
    infer_global: Callable[..., Any]
    lower_builtin: Callable[..., Any]
    lower_cast: Callable[..., Any]
    register_model: Callable[..., Any]
    overload: Callable[[Any, Callable[..., Any]], Any]


_INLINED: dict[str, Any] = {**OPTIONS, "forceinline": True}

CPU = Target(
    AbstractTemplate,
    models.StructModel,
    infer_global,
    lower_builtin,
    lower_cast,
    register_model,
    lambda name, form: overload(name, prefer_literal=True, jit_options=_INLINED)(form),
)
