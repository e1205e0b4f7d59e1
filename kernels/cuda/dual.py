"""Dual numbers for CUDA: the rules of `kernels.dual`, told to its compiler; what they call are twins of either mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Any

from numba.core.typing.templates import signature
from numba.cuda.extending import intrinsic

from .. import dual
from ..dual import Dual


class FastDual(Dual):
    """A number of the fast mode: its type alone tells its functions from those of the CPU's bits."""


@lru_cache(maxsize=1)
def install(function: Callable[..., Any]) -> None:
    """Teach CUDA's compiler dual numbers.

    Parameters
    ----------
    function : callable
        (implementation, fast) → the same code with globals of the device.
    """
    dual.number.install(_target(fast=False), Dual, FastDual)
    for fast in (False, True):
        dual.functions.install(_target(fast=fast), adapted=partial(_adapted, function, fast))


def intrinsics(*, fast: bool) -> dict[int, Any]:
    """Twins of `dual.INTRINSICS` by the identity of these."""
    begins = (dual.variable, dual.constant) if fast else ()
    return {id(made): intrinsic(_fast(made._defn) if made in begins else made._defn) for made in dual.INTRINSICS}


def _target(*, fast: bool) -> dual.Target:
    # Here, since numba's own numba.cuda, which numba-cuda replaces where it is, has fewer.
    from numba.cuda.extending import lower_builtin, lower_cast, models, overload, register_model
    from numba.cuda.typing.templates import AbstractTemplate, infer_global

    options = {"device": True, "forceinline": True, "fastmath": fast}
    return dual.Target(
        AbstractTemplate,
        models.StructModel,
        infer_global,
        lower_builtin,
        lower_cast,
        register_model,
        lambda name, form: overload(name, prefer_literal=True, jit_options=options)(form),
    )


def _adapted(function: Callable[..., Any], fast: bool, found: Any, arguments: Any) -> Any:
    is_fast = any(isinstance(t, FastDual) for t in arguments)
    return function(found, fast=fast) if is_fast is fast else None


def _fast(definition: Any) -> Any:
    """The definition of an intrinsic whose result is of the fast mode."""

    @wraps(definition)
    def typed(*arguments: Any) -> Any:
        made = definition(*arguments)
        return made and (signature(_of_fast_mode(made[0].return_type), *made[0].args), made[1])

    return typed


def _of_fast_mode(t: Any) -> Any:
    return FastDual(_of_fast_mode(t.value_type), t.indices) if isinstance(t, Dual) else t
