"""What a Python function of a model may be, what is captured from around it, and when its fingerprint changes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from numba import njit

from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.system.python.function import PythonFunction

NAMES = ("x", "y", "a", "t")
DEPTH = 2.0
TABLE = np.array([1.0, 2.0])


def wrapped(function: Any) -> PythonFunction:
    return PythonFunction(function, NAMES, field="energy")


def helper(u: float) -> float:
    return DEPTH * u * u


def calls_helper(x: float) -> float:
    return helper(x) + math.exp(x)


def made(source: str, **globals_: Any) -> Any:
    scope = {"math": math, "np": np, **globals_}
    exec(source, scope)
    return scope["f"]


class Callable_:  # noqa: N801
    def __call__(self, x: float) -> float:
        return x


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("x**2", "energy: got 'x\\*\\*2' of type str; a function made by def or lambda"),
        (math.sin, "of type builtin_function_or_method"),
        (Callable_, "got a class"),
        (Callable_(), "of type Callable_"),
        (lambda x, q: x, r"argument 'q' of <lambda> is no coordinate, no parameter and not t; known are a, t, x, y"),
        (lambda x, *rest: x, r"argument '\*rest'.*stars are not allowed"),
        (lambda **rest: 1.0, r"argument '\*\*rest'.*stars are not allowed"),
        (lambda *, x: x, "stars are not allowed"),
        (lambda x, a=1.0: x, "argument 'a' of .*default value is not allowed; declare a parameter"),
    ],
)
def test_not_a_plain_function_of_the_model(function: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        wrapped(function)


def test_near_names_are_suggested() -> None:
    with pytest.raises(InvalidArgument, match=r"argument 'deepth'.*did you mean 'depth'\?"):
        PythonFunction(lambda x, deepth: x, ("x", "depth", "t"), field="drift")


def raises(x: float) -> float:
    if x < 0:
        raise ValueError
    return x


def generates(x: float) -> Any:
    yield x


async def waits(x: float) -> float:
    return x


def changes_a_global(x: float) -> float:
    global DEPTH
    DEPTH = 3.0
    return x


def draws(x: float) -> float:
    return x * random.random()


def draws_numpy(x: float) -> float:
    return x * np.random.normal()  # noqa: NPY002


def draws_inside(x: float) -> float:
    def inner(z: float) -> float:
        return z * random.random()

    return inner(x)


def prints(x: float) -> float:
    print(x)
    return x


def unknown(x: float) -> float:
    return x + no_such_name  # type: ignore[name-defined,no-any-return]  # noqa: F821


def recursive(x: float) -> float:
    return x if x < 1 else recursive(x - 1)


def calls_raises(x: float) -> float:
    return raises(x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises, "energy: the function raises raises an error; return math.nan"),
        (made("def f(x):\n    assert x > 0\n    return x"), "contains assert"),
        (generates, "contains a generator"),
        (waits, "is a coroutine"),
        (changes_a_global, "changes a global name"),
        (draws, "uses random numbers"),
        (draws_numpy, "uses random numbers"),
        (draws_inside, "uses random numbers"),
        (prints, "prints"),
        (unknown, "uses the name 'no_such_name', which has no value"),
        (recursive, "calls itself; write a loop"),
        (calls_raises, "raises an error"),
    ],
)
def test_content_that_no_model_may_have(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(InvalidExpression, match=words):
        wrapped(function)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: "1", "returns '1' of type str"),
        (lambda x: None, "of type NoneType"),
        (lambda x: True, "of type bool"),
        (lambda x: 1j * x, "of type complex"),
        (lambda x: [x, x], "of type list"),
        (lambda x: np.array([x]), "of type ndarray"),
        (lambda x: (x, "1"), "'1' of type str"),
        (lambda x: (x, (x, x)), "of type tuple"),
        (lambda x: (), "of type tuple"),
        (lambda x: x.real.shape, "fails at x=0.5: AttributeError"),
        (lambda x: 1 / (0 * x), "and three other points: ZeroDivisionError"),
    ],
)
def test_results_that_are_no_real_numbers(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(InvalidExpression, match=words):
        wrapped(function).shape({"x": 0.5})


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: x, ()),
        (lambda: 1, ()),
        (lambda x: np.float32(x), ()),
        (lambda x: (x, 0), (2,)),
        (lambda x, y: ((x, 0), (0, y)), (2, 2)),
        (lambda x: math.log(-x), ()),
        (lambda x: np.log(-x), ()),
    ],
)
def test_shape(function: Callable[..., Any], shape: tuple[int, ...]) -> None:
    assert wrapped(function).shape({"x": 0.5, "y": 0.5}) == shape


def test_a_function_compiled_by_numba_is_taken_as_it_was_written() -> None:
    fast = wrapped(njit(fastmath=True)(calls_helper))
    assert fast.function is calls_helper
    assert fast.fingerprint == wrapped(calls_helper).fingerprint
    assert wrapped(over(calls_helper, helper=njit(helper))).fingerprint == fast.fingerprint


def over(function: FunctionType, **globals_: Any) -> FunctionType:
    """The same code among other globals."""
    return FunctionType(function.__code__, {**function.__globals__, **globals_}, function.__name__)


def closed_over(value: Any) -> Any:
    return lambda x: value * x


def test_fingerprint_does_not_depend_on_the_object() -> None:
    source = "def f(x):\n    return 2.0*x + math.exp(x)"
    assert wrapped(made(source)).fingerprint == wrapped(made("\n\n" + source)).fingerprint
    assert wrapped(closed_over(2.0)).fingerprint == wrapped(closed_over(2.0)).fingerprint
    assert wrapped(over(calls_helper)).fingerprint == wrapped(calls_helper).fingerprint
    assert len(wrapped(calls_helper).fingerprint or b"") == 32


def test_fingerprint_changes_with_all_that_decides_the_value() -> None:
    base = "def f(x):\n    return 2.0*x + math.exp(x)"
    other_helper = made("DEPTH = 2.0\ndef f(u):\n    return DEPTH*u*u*u")
    variants = [
        made(base),
        made(base.replace("2.0", "2")),
        made(base.replace("2.0", "-0.0")),
        made(base.replace("2.0", "0.0")),
        made(base.replace("*", "-")),
        made(base.replace("exp", "sin")),
        made(base.replace("math", "np")),
        made(base.replace("x", "y")),
        made("def f(x):\n    def g(z):\n        return 2.0*z\n    return g(x)"),
        made("def f(x):\n    def g(z):\n        return 3.0*z\n    return g(x)"),
        closed_over(2.0),
        closed_over(2),
        closed_over(np.float32(2.0)),
        closed_over(np.nextafter(2.0, 3.0)),
        closed_over((2.0, 3.0)),
        made("def f(x, a):\n    return x"),
        made("def f(a, x):\n    return x"),
        calls_helper,
        over(calls_helper, helper=other_helper),
        over(calls_helper, helper=over(helper, DEPTH=3.0)),  # type: ignore[arg-type]
    ]
    prints = [wrapped(v).fingerprint for v in variants]
    assert None not in prints
    assert len(set(prints)) == len(variants) == 20


@pytest.mark.parametrize("opaque", [TABLE, [1.0], {"k": 1.0}, object(), Callable_(), np.frompyfunc(abs, 1, 1)])
def test_what_could_change_unnoticed_has_no_fingerprint(opaque: Any) -> None:
    assert wrapped(closed_over(opaque)).fingerprint is None
    assert wrapped(over(calls_helper, helper=over(helper, DEPTH=opaque))).fingerprint is None  # type: ignore[arg-type]


def test_later_changes_have_no_effect() -> None:
    depth, table = 2.0, np.array([1.0, 5.0])

    def energy(x: float) -> float:
        return depth * x + table[1]

    early = wrapped(energy)
    scale = wrapped(closed_over_cell := lambda x: depth * x)
    depth, table[1] = 3.0, 7.0
    assert energy(1.0) == 10.0
    assert early.compiled(1.0) == 7.0
    # The fingerprint is that of the captured values too.
    assert scale.compiled(1.0) == 2.0
    assert scale.fingerprint != wrapped(closed_over_cell).fingerprint
