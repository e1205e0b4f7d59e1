"""The compiler intrinsics of `kernels.jit`, registered for CUDA, where numba keeps tables of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.cuda.extending import intrinsic

from .. import jit

Intrinsic = Callable[..., Any]


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a*b + c`` with one rounding."""
    return a(a, a, a), lambda context, builder, signature, args: builder.fma(*args)


@intrinsic
def floor(typingctx: Any, x: Any) -> Any:
    """The largest integer that is not above x, in x's own type."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.floor", [args[0].type]), args)

    return x(x), codegen


@intrinsic
def nan_like(typingctx: Any, x: Any) -> Any:
    """NaN in x's own type."""
    return x(x), lambda context, builder, signature, args: context.get_constant(x, float("nan"))


def _bitcast(source: Any, target: Any) -> Intrinsic:
    @intrinsic
    def cast(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(source), codegen

    made: Intrinsic = cast
    return made


ON_DEVICE: dict[int, Intrinsic] = {
    id(jit.fma): fma,
    id(jit.floor): floor,
    id(jit.nan_like): nan_like,
    id(jit.bits_of_float32): _bitcast(types.float32, types.int32),
    id(jit.float32_of_bits): _bitcast(types.int32, types.float32),
    id(jit.bits_of_float64): _bitcast(types.float64, types.int64),
    id(jit.float64_of_bits): _bitcast(types.int64, types.float64),
}
"""An intrinsic of the CPU, by identity → its twin."""
