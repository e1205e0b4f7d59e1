"""The type of a dual number, its casts and operators, and the access to its parts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from numba import types
from numba.core.typeconv import Conversion
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from . import jet
from .jet import Jet, Number, Real
from .target import Target

Plain = (types.Integer, types.Float, types.Boolean)
"""What is cast to a dual number without being asked."""


class Dual(types.Type):
    """A number of `value_type` with a derivative by each of the coordinates `indices`.

    Parameters
    ----------
    value_type : float32, float64 or Dual
        Of the value and of every derivative; a `Dual` for second derivatives.
    indices : iterable of int
        The coordinates that the number may depend on; none for a constant.
    """

    def __init__(self, value_type: Any, indices: Iterable[int] = ()) -> None:
        self.value_type = value_type
        self.indices = tuple(sorted(set(indices)))
        super().__init__(name=f"{type(self).__name__}({value_type}, {self.indices})")

    def unify(self, typingctx: Any, other: Any) -> Any:
        """The type of a variable that holds either, or None."""
        return common(self, other)

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        """Plain numbers, and dual numbers of fewer coordinates."""
        return Conversion.safe if isinstance(other, (*Plain, Dual)) and common(self, other) == self else None


def leaf(t: Any) -> Any:
    """The floating-point type below all levels."""
    return leaf(t.value_type) if isinstance(t, Dual) else t


def constant_type(t: Any) -> Any:
    """The same levels without a derivative."""
    return type(t)(constant_type(t.value_type)) if isinstance(t, Dual) else t


def common(a: Any, b: Any) -> Any:
    """The smallest type that holds both, or None."""
    if isinstance(a, Dual) and isinstance(b, Dual):
        value_type = common(a.value_type, b.value_type)
        return None if value_type is None else type(a)(value_type, (*a.indices, *b.indices))
    if isinstance(a, Dual):
        return a if isinstance(b, Plain) else None
    if isinstance(b, Dual):
        return b if isinstance(a, Plain) else None
    return a if a == b else None


def _members(t: Dual) -> list[tuple[str, Any]]:
    """The fields of its structure in memory."""
    return [("value", t.value_type), *((f"d{i}", t.value_type) for i in t.indices)]


def unpack(builder: Any, t: Any, ir: Any) -> Number:
    """The parts of a compiled number."""
    if not isinstance(t, Dual):
        return Real(builder, ir)
    parts = [unpack(builder, t.value_type, builder.extract_value(ir, k)) for k in range(len(t.indices) + 1)]
    return Jet(parts[0], dict(zip(t.indices, parts[1:], strict=True)))


def pack(context: Any, builder: Any, t: Any, number: Number | None) -> Any:
    """The compiled number of type `t`; what the parts lack is zero."""
    if not isinstance(t, Dual):
        return context.get_constant(t, 0.0) if number is None else number.ir
    if not isinstance(number, Jet):
        number = Jet(number, {})
    ir = context.get_value_type(t)(None)
    for k, part in enumerate([number.value, *(number.derivatives.get(i) for i in t.indices)]):
        ir = builder.insert_value(ir, pack(context, builder, t.value_type, part), k)
    return ir


def _cast_plain(context: Any, builder: Any, source: Any, target: Any, ir: Any) -> Any:
    return pack(context, builder, target, Real(builder, context.cast(builder, ir, source, leaf(target))))


def _cast_dual(context: Any, builder: Any, source: Any, target: Any, ir: Any) -> Any:
    return pack(context, builder, target, unpack(builder, source, ir))


def _operand(result: Any, t: Any) -> Any:
    """What an operand is cast to: it keeps its own coordinates."""
    return t if isinstance(t, Dual) else constant_type(result)


def _real(x: Number) -> Real:
    return _real(x.value) if isinstance(x, Jet) else x


def _comparison(symbol: str) -> Callable[[Number, Number], Any]:
    def rule(a: Number, b: Number) -> Any:
        a, b = _real(a), _real(b)
        compare = a.builder.fcmp_unordered if symbol == "!=" else a.builder.fcmp_ordered
        return compare(symbol, a.ir, b.ir)

    return rule


_ARITHMETIC: dict[Any, Callable[[Number, Number], Number]] = {
    **dict.fromkeys((operator.add, operator.iadd), operator.add),
    **dict.fromkeys((operator.sub, operator.isub), operator.sub),
    **dict.fromkeys((operator.mul, operator.imul), operator.mul),
    **dict.fromkeys((operator.truediv, operator.itruediv), operator.truediv),
}
"""Operators of two numbers of which one at least is dual."""

_COMPARISONS: dict[Any, Callable[[Number, Number], Any]] = {
    operator.lt: _comparison("<"),
    operator.le: _comparison("<="),
    operator.gt: _comparison(">"),
    operator.ge: _comparison(">="),
    operator.eq: _comparison("=="),
    operator.ne: _comparison("!="),
}

_UNARY: dict[Any, Callable[[Number], Number]] = {operator.neg: operator.neg, operator.pos: lambda x: x}


def _arithmetic_type(args: Any) -> Any:
    both = common(*args) if len(args) == 2 and any(isinstance(t, Dual) for t in args) else None
    return None if both is None else signature(both, *(_operand(both, t) for t in args))


def _comparison_type(args: Any) -> Any:
    found = _arithmetic_type(args)
    return None if found is None else found.replace(return_type=types.boolean)


def _unary_type(args: Any) -> Any:
    return signature(args[0], args[0]) if len(args) == 1 and isinstance(args[0], Dual) else None


def _operator(target: Target, name: Any, typing: Callable[[Any], Any], rule: Callable[..., Any], arity: int) -> None:
    def generic(self: Any, args: Any, kws: Any) -> Any:
        return None if kws else typing(args)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = rule(*(unpack(builder, t, ir) for t, ir in zip(sig.args, args, strict=True)))
        return pack(context, builder, sig.return_type, number) if isinstance(sig.return_type, Dual) else number

    template = type(f"Dual_{name.__name__}", (target.template,), {"key": name, "generic": generic})
    target.infer_global(name)(template)
    target.lower_builtin(name, *[Dual] * arity)(codegen)


def install(target: Target, *duals: type[Dual]) -> None:
    """Teach a compiler the layout of dual numbers, their casts and their operators."""
    for dual in duals:
        make = lambda self, manager, t: target.struct.__init__(self, manager, t, _members(t))  # noqa: E731
        target.register_model(dual)(type("DualModel", (target.struct,), {"__init__": make}))
    for plain in Plain:
        target.lower_cast(plain, Dual)(_cast_plain)
    target.lower_cast(Dual, Dual)(_cast_dual)
    for table, typing, arity in (
        (_ARITHMETIC, _arithmetic_type, 2),
        (_COMPARISONS, _comparison_type, 2),
        (_UNARY, _unary_type, 1),
    ):
        for name, rule in table.items():
            _operator(target, name, typing, rule, arity)


def is_number(t: Any) -> bool:
    """Whether a derivative may be taken by a number of this type."""
    return t in (types.float32, types.float64) or isinstance(t, Dual)


def built(result: Any, arguments: tuple[Any, ...], rule: Callable[..., Number]) -> Any:
    """Signature and code of an intrinsic that applies a rule to its first arguments; literal ones do not count."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        numbers = [unpack(builder, t, a) for t, a in zip(sig.args, args, strict=True) if is_number(t)]
        return pack(context, builder, sig.return_type, rule(*numbers))

    return signature(result, *arguments), codegen


@intrinsic(prefer_literal=True)
def variable(typingctx: Any, x: Any, index: Any) -> Any:
    """The coordinate `index` (a literal) at x: its derivative by itself is 1."""
    if not is_number(x) or not isinstance(index, types.IntegerLiteral):
        return None
    i = index.literal_value
    return built(Dual(x, (i,)), (x, index), lambda v: Jet(v, {i: v.number(1.0)}))


@intrinsic
def constant(typingctx: Any, x: Any) -> Any:
    """A number that depends on no coordinate."""
    return built(Dual(x), (x,), lambda v: Jet(v, {})) if is_number(x) else None


@intrinsic(prefer_literal=True)
def widen(typingctx: Any, x: Any, n: Any) -> Any:
    """The same number in the type that all functions of n coordinates (a literal) share."""
    if not isinstance(x, Dual) or not isinstance(n, types.IntegerLiteral):
        return None
    everything = range(n.literal_value)
    # Second derivatives are widened too: each level of the type lists its own coordinates.
    inner = type(x)(x.value_type.value_type, everything) if isinstance(x.value_type, Dual) else x.value_type
    return built(type(x)(inner, everything), (x, n), lambda v: v)


@intrinsic
def value(typingctx: Any, x: Any) -> Any:
    """The number without its derivatives; a plain number as it is."""
    if not is_number(x):
        return None
    return built(x.value_type, (x,), lambda v: v.value) if isinstance(x, Dual) else built(x, (x,), lambda v: v)


@intrinsic
def leaf_value(typingctx: Any, x: Any) -> Any:
    """The number below all levels; a plain number as it is."""
    if isinstance(x, Dual):
        return built(leaf(x), (x,), _real)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return args[0]

    return (signature(x, x), codegen) if isinstance(x, Plain) else None


@intrinsic(prefer_literal=True)
def derivative(typingctx: Any, x: Any, index: Any) -> Any:
    """∂x/∂(coordinate `index`, a literal); 0 of the same type for a plain number."""
    if not is_number(x) or not isinstance(index, types.IntegerLiteral):
        return None
    i = index.literal_value
    if not isinstance(x, Dual):
        return built(x, (x, index), lambda v: v.number(0.0))
    return built(x.value_type, (x, index), lambda v: v.derivatives.get(i, v.value.number(0.0)))


@intrinsic
def like(typingctx: Any, x: Any, model: Any) -> Any:
    """A plain number in the innermost type of `model`; a dual number as it is."""
    if not is_number(model) or not isinstance(x, (*Plain, Dual)):
        return None
    target = x if isinstance(x, Dual) else leaf(model)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.cast(builder, args[0], sig.args[0], sig.return_type)

    return signature(target, x, model), codegen


@intrinsic
def multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a*b + c`` with one rounding, for three numbers of one innermost type."""
    arguments = (a, b, c)
    if all(t == a and not isinstance(t, Dual) and is_number(t) for t in arguments):
        return built(a, arguments, jet.multiply_add)
    both = a
    for t in arguments:
        both = common(both, t)
        if both is None:
            return None
    return built(both, tuple(_operand(both, t) for t in arguments), jet.multiply_add)


@intrinsic
def chain(typingctx: Any, x: Any, value: Any, slope: Any) -> Any:
    """f(x) from f and f' at the value of x."""
    if not isinstance(x, Dual):
        return None
    arguments = (
        x,
        *(t if isinstance(x.value_type, Dual) is isinstance(t, Dual) else x.value_type for t in (value, slope)),
    )
    return built(x, arguments, jet.chain)


INTRINSICS = (variable, constant, widen, value, leaf_value, derivative, like, multiply_add, chain)
"""All of them, which other targets than the CPU need too."""
