"""A plain function with all it refers to: what it may not contain, a compiled copy, and data that tell copies apart.

The compiler cannot see an edited function, so these data decide whether compiled code may be kept for it.
"""

from __future__ import annotations

import builtins
import dis
import inspect
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidExpression
from langevin_kit.kernels.dual import STAND_INS
from langevin_kit.kernels.jit import inline

_FORBIDDEN_STEPS = {
    "RAISE_VARARGS": "raises an error; return math.nan or math.inf where the model has no value",
    "LOAD_ASSERTION_ERROR": "contains assert; return math.nan or math.inf where the model has no value",
    "STORE_GLOBAL": "changes a global name; its value may depend on its arguments only",
    "STORE_DEREF": "changes a name of an enclosing function; its value may depend on its arguments only",
    "YIELD_VALUE": "contains a generator; return a number, and write sums as loops over range",
}
_FORBIDDEN_NAMES = {
    "random": "uses random numbers; its value may depend on its arguments only",
    "print": "prints; its value is all it may give",
}


def plain_form(function: Any) -> Any:
    """What numba compiled, or the object itself."""
    return getattr(function, "py_func", function)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of the functions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global_names(code: CodeType) -> set[str]:
    steps = (step for part in _codes(code) for step in dis.get_instructions(part))
    return {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}


def _references(function: FunctionType) -> dict[str, Any]:
    """Every global name that has a value of its own, and every enclosing one."""
    known = function.__globals__
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = {name: known[name] for name in sorted(_global_names(function.__code__)) if name in known}
    return found | {name: _content(cell) for name, cell in cells}


def called(function: FunctionType) -> list[FunctionType]:
    """The function and all plain functions that it refers to, callers first."""
    found = [function]
    for value in map(plain_form, _references(function).values()):
        if isinstance(value, FunctionType):
            found += called(value)
    return found


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def captured(function: FunctionType, where: str, callers: tuple[CodeType, ...]) -> Callable[..., Any]:
    """A compiled copy of the function over copies of what it refers to."""
    code = function.__code__
    if code in callers:
        raise InvalidExpression(f"{where} calls itself; write a loop.")
    _check(function, where)
    values = _references(function)
    for name, value in values.items():
        if isinstance(plain_form(value), FunctionType):
            values[name] = captured(plain_form(value), where, (*callers, code))
        elif isinstance(value, np.ndarray):
            values[name] = value.copy()
        elif value is math or value is np:
            values[name] = _modules()[value]
        elif isinstance(value, BuiltinFunctionType | np.ufunc):
            values[name] = STAND_INS.get(value, value)
    # The name of an importable module: compiled code that is loaded from a file looks its module up.
    scope = {"__builtins__": builtins, "__name__": __name__, **values}
    closure = tuple(CellType(values[name]) for name in code.co_freevars)
    copy = FunctionType(code, scope, function.__name__, function.__defaults__, closure)
    copy.__kwdefaults__ = function.__kwdefaults__
    return inline(copy)


@lru_cache(maxsize=1)
def _modules() -> dict[ModuleType, ModuleType]:
    """Python's and NumPy's, with the kernels' own functions where there are any."""
    copies = {}
    for module in (math, np):
        copies[module] = ModuleType(module.__name__)
        vars(copies[module]).update(vars(module))
        functions = {name: f for name, f in vars(module).items() if isinstance(f, BuiltinFunctionType | np.ufunc)}
        vars(copies[module]).update((name, STAND_INS[f]) for name, f in functions.items() if f in STAND_INS)
    return copies


def _check(function: FunctionType, where: str) -> None:
    for code in _codes(function.__code__):
        if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            raise InvalidExpression(f"{where} is a coroutine; return a number.")
        for step in dis.get_instructions(code):
            # A function stores in its own cells too, for the functions defined in it.
            if step.opname == "STORE_DEREF" and step.argval not in code.co_freevars:
                continue
            if step.opname in _FORBIDDEN_STEPS:
                raise InvalidExpression(f"{where} {_FORBIDDEN_STEPS[step.opname]}.")
        for name in code.co_names:
            if name in _FORBIDDEN_NAMES:
                raise InvalidExpression(f"{where} {_FORBIDDEN_NAMES[name]}.")
    for name in sorted(_global_names(function.__code__)):
        if name not in function.__globals__ and not hasattr(builtins, name):
            raise InvalidExpression(f"{where} uses the name {name!r}, which has no value.")


class OpaqueError(Exception):
    """A value whose change would not be noticed."""


def described(value: Any) -> Any:
    """Plain data that differ whenever the compiled code may."""
    value = plain_form(value)
    if isinstance(value, FunctionType):
        references = {name: described(v) for name, v in _references(value).items()}
        defaults = (value.__defaults__ or (), tuple(sorted((value.__kwdefaults__ or {}).items())))
        return ("function", described(value.__code__), references, described(defaults))
    if isinstance(value, CodeType):
        data = (value.co_code, value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
        counts = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
        return ("code", data, counts, value.co_exceptiontable, tuple(described(c) for c in value.co_consts))
    if isinstance(value, tuple):
        return ("tuple", tuple(described(entry) for entry in value))
    if isinstance(value, frozenset):
        return ("frozenset", tuple(sorted(repr(described(entry)) for entry in value)))
    if value is None or value is ... or isinstance(value, bool | int | float | complex | str | bytes | np.number):
        return (type(value).__qualname__, repr(value))
    if value is math or value is np:
        return ("module", value.__name__)
    name: str = getattr(value, "__name__", "")
    if isinstance(value, np.ufunc) and getattr(np, name, None) is value:
        return ("numpy", name)
    if isinstance(value, BuiltinFunctionType | type) and value.__module__ in ("builtins", "math", "numpy"):
        return ("builtin", value.__module__, name)
    raise OpaqueError(repr(value))
