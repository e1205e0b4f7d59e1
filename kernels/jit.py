"""The one place that holds compiler options and compiler intrinsics.

No fast-math anywhere: a product and a sum become one rounding only where the source says `fma`,
so vector bodies, scalar remainders, other block sizes and other x86 targets give the same bits.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from numba import njit, types
from numba.extending import intrinsic

from .cache import cached
from .wide import InnerCompiler, WideCompiler

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_R = TypeVar("_R")

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
"""Options of every compiled function; part of the key of the code cache."""


def inline(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a scalar function that LLVM must inline, so that its caller's loop vectorises."""
    return _linked(njit(forceinline=True, pipeline_class=InnerCompiler, **OPTIONS)(function))


def inner(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile an array loop that is a part of others."""
    return _linked(njit(pipeline_class=InnerCompiler, **OPTIONS)(function))


def _linked(function: Any) -> Any:
    """A dispatcher that keeps what `InnerCompiler` makes, which has no entry that numba could call from Python."""

    @cache
    def caller() -> Any:
        return driver(lambda *arguments: function(*arguments))

    def add_overload(result: Any) -> None:
        result.entry_point.caller = caller
        function.overloads[tuple(result.signature.args)] = result

    function.add_overload = add_overload
    return function


def driver(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile an array loop; it keeps no lock while it runs."""
    compiled: Callable[_P, _R] = njit(pipeline_class=WideCompiler, **OPTIONS)(function)
    return compiled


def cached_driver(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Like `driver`, with the machine code kept beside the source file: for generated modules only."""
    compiled: Callable[_P, _R] = cached(njit(pipeline_class=WideCompiler, **OPTIONS)(function))
    return compiled


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a*b + c`` with one rounding, for three numbers of one floating-point type."""
    if a not in (types.float32, types.float64) or b != a or c != a:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return a(a, a, a), codegen


def _bitcast(source: Any, target: Any) -> Any:
    @intrinsic
    def cast(typingctx: Any, x: Any) -> Any:
        if x != source:
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(source), codegen

    return cast


bits_of_float32 = _bitcast(types.float32, types.int32)
float32_of_bits = _bitcast(types.int32, types.float32)
bits_of_float64 = _bitcast(types.float64, types.int64)
float64_of_bits = _bitcast(types.int64, types.float64)


@intrinsic
def floor(typingctx: Any, x: Any) -> Any:
    """The largest integer that is not above x, in x's own type: one instruction, where `math.floor` gives an int64."""
    if x not in (types.float32, types.float64):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.floor", [args[0].type]), args)

    return x(x), codegen
