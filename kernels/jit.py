"""The one place that holds compiler options and compiler intrinsics.

No fast-math anywhere: a product and a sum become one rounding only where the source says `fma`,
so vector bodies, scalar remainders, other block sizes and other x86 targets give the same bits.
"""

from __future__ import annotations

from functools import cached_property, partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

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


class Late(Generic[_P, _R]):
    """A function whose dispatcher numba makes when a compiler or a caller first asks for it.

    Cached machine code is loaded without its callees: eighty dispatchers would be a fortieth of a start.
    """

    def __init__(self, function: Callable[_P, _R], compiler: type[WideCompiler], **options: Any) -> None:
        self.py_func = function
        self._options = {"pipeline_class": compiler, **OPTIONS, **options}
        update_wrapper(self, function)

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's; it takes this object for the dispatcher by the attribute `_numba_type_`."""
        made = njit(**self._options)(self.py_func)
        if self._options["pipeline_class"] is InnerCompiler:
            made.add_overload = partial(_keep, made, driver(lambda *arguments: made(*arguments)))
        return made

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call it from Python."""
        result: _R = self.dispatcher(*args, **kwargs)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dispatcher, name)


def _keep(dispatcher: Any, caller: Callable[..., Any], result: Any) -> None:
    """Keep what `InnerCompiler` makes, which has no entry that numba could call from Python."""
    result.entry_point.caller = caller
    dispatcher.overloads[tuple(result.signature.args)] = result


def inline(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a scalar function that LLVM must inline, so that its caller's loop vectorises."""
    return Late(function, InnerCompiler, forceinline=True)


def inner(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile an array loop that is a part of others."""
    return Late(function, InnerCompiler)


def inner_long(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same where what is done with one number is many hundred operations."""
    vars(function)["is_long"] = True
    return inner(function)


def driver(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile an array loop; it keeps no lock while it runs."""
    return Late(function, WideCompiler)


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
def nan_like(typingctx: Any, x: Any) -> Any:
    """NaN in x's own type: `np.nan`, a float64, would make one of everything that it meets."""
    if x not in (types.float32, types.float64):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(x, float("nan"))

    return x(x), codegen


@intrinsic
def floor(typingctx: Any, x: Any) -> Any:
    """The largest integer that is not above x, in x's own type: one instruction, where `math.floor` gives an int64."""
    if x not in (types.float32, types.float64):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.floor", [args[0].type]), args)

    return x(x), codegen


INTRINSICS = (fma, floor, nan_like, bits_of_float32, float32_of_bits, bits_of_float64, float64_of_bits)
"""All of them, which other targets than the CPU need too."""
