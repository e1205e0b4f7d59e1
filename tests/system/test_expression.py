"""The whitelist parser: what it reads, what it refuses and how fast, and that a text means what Python means by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
from deadline import at_most
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from langevin_kit.errors import InvalidExpression
from langevin_kit.system import System, fields
from langevin_kit.system.derive import derive
from langevin_kit.system.expression import parse
from langevin_kit.system.functions import Absolute, Atan, Cosh, Sign, Sinh, Tanh
from langevin_kit.system.printer import Printer
from langevin_kit.system.text import MAX_LENGTH

X, Y = sp.symbols("x y", real=True)
LN_2, PI = sp.Float(math.log(2)), sp.Float(math.pi)
NAMES = {"x": X, "y": Y}
HALF = sp.Rational(1, 2)


@pytest.mark.parametrize(
    ("text", "expected", "slope"),
    [
        ("(x**2 - 1)**2", (X**2 - 1) ** 2, 4 * X * (X**2 - 1)),
        ("  x ", X, 1),
        (3, sp.Integer(3), 0),
        (-0.1, sp.Rational(-1, 10), 0),
        ("1/3", sp.Rational(1, 3), 0),
        ("0.1 + 0.2", sp.Rational(3, 10), 0),
        ("1e-3*x", X / 1000, sp.Rational(1, 1000)),
        ("x**-2", X**-2, -2 * X**-3),
        ("x**0.5", sp.sqrt(X), HALF / sp.sqrt(X)),
        ("x**(3/2)", X ** sp.Rational(3, 2), sp.Rational(3, 2) * sp.sqrt(X)),
        ("-x**2", -(X**2), -2 * X),
        ("2**-x", sp.exp(-LN_2 * X), -LN_2 * sp.exp(-LN_2 * X)),
        ("2**3**2", sp.Integer(512), 0),
        ("+x - -y", X + Y, 1),
        ("x/y/2", X / Y / 2, 1 / Y / 2),
        ("exp(-x**2/2)", sp.exp(-(X**2) / 2), -X * sp.exp(-(X**2) / 2)),
        ("log(cosh(x))", sp.log(Cosh(X)), sp.tanh(X)),
        ("sin(pi*x)*cos(y)", sp.sin(PI * X) * sp.cos(Y), PI * sp.cos(PI * X) * sp.cos(Y)),
        ("tan(x)", sp.tan(X), 1 + sp.tan(X) ** 2),
        ("sinh(x) + tanh(x)", Sinh(X) + Tanh(X), sp.cosh(X) + 1 - sp.tanh(X) ** 2),
        ("atan(2*x)", Atan(2 * X), 2 / (1 + 4 * X**2)),
        ("abs(x)", Absolute(X), Sign(X)),
        ("sqrt(x**2)", Absolute(X), Sign(X)),
        ("(x\n + 1)", X + 1, 1),
        ("x  # a remark", X, 1),
    ],
)
def test_accepted(text: str | float, expected: sp.Expr, slope: sp.Expr) -> None:
    value = parse(text, NAMES, field="energy")
    assert value == expected
    at = {X: sp.Rational(7, 10), Y: sp.Rational(13, 10)}
    assert abs(sp.N((value.diff(X) - slope).subs(at))) < 1e-14


@pytest.mark.parametrize(
    ("text", "at_half", "at_two"),
    [
        ("x > 1", 0, 1),
        ("x >= 0.5", 1, 1),
        ("0 < x <= 1", 1, 0),
        ("x > 1 or x < 1", 1, 1),
        ("x > 1 and x < 3", 0, 1),
        ("not x > 1", 1, 0),
        ("x if x > 1 else -x", -0.5, 2),
        ("max(x, 1) - min(x, 1)", 0.5, 1),
        ("sign(x - 1)", -1, 1),
        ("log(x - 1) if x > 1 else 7", 7, 0),
    ],
)
def test_observables(text: str, at_half: float, at_two: float) -> None:
    value = parse(text, NAMES, field="observables.a", logical=True)
    source = derive(("x",), (), 0, 1, None).array_function("f", [value])
    assert fields.rows(fields.compiled(source)["f"], np.array([[0.5, 2.0]]), 0.0, ()).tolist() == [[at_half, at_two]]


DEEP = 2000
FAULTY: list[object] = [
    # what is no arithmetic
    *["__import__('os')", "x.real", "().__class__", "x[0]", "lambda: x", "[x for x in (1,)]", "(y := x)", "f'{x}'"],
    *["__name__", "__builtins__", "eval('1')", "print(x)", "await x", "x, y", "()", "{}", "{x}", "...", "'x'", "b'x'"],
    *["None", "True", "1j", "x = 1", "x; y", "*x", "yield x", "import os", "(x)(x)", "sin(x)(x)", "(lambda: x)()"],
    # logic and jumps in an energy
    *["x > 1", "x == 1", "x and y", "not x", "x if y else 1", "min(x, y)", "sign(x)", "~x", "x is y", "x in y"],
    *["x // 2", "x % 2", "x ^ 2", "x << 2", "x @ y", "x | y"],
    # names and calls
    *["z", "sine(x)", "Exp(x)", "sin", "sin()", "sin(x, y)", "sin(x=1)", "sin(*x)", "sin(**x)", "T", "pi(x)"],
    # no finite real number
    *["1/0", "x/0", "x/(x - x)", "log(0)", "0**-1", "0*log(0)", "1e400", "1e999", "-1e308", "9" * 400],
    *["sqrt(-1)", "log(-1)", "(-1)**0.5", "sqrt(-x**2)", "exp(log(-1)*x)", "x*log(1 - sqrt(2))"],
    "(-8)**(1/3)",
    "(-1)**(1/3)*x",
    "sqrt(sin(4))*x",
    "x**((-1)**0.5)",
    "x**log(0)",
    "x*1e200*1e200",
    "x/(1e-299*1e-299)",
    "(1e60*x)**64",
    # huge powers
    *["9**9**9", "9**9**9**9", "2**2**2**2**2**2", "x**65", "x**1e9", "x**x", "(-2)**x", "0**x", "1e299**64"],
    *["exp(exp(exp(exp(9))))", "exp(1000)", "cosh(1e9)", "exp(-exp(exp(99)))", "((1/3)**64)**64"],
    "exp(10**12*log(2))",
    "exp(1e60*log(1.5))",
    "exp(-1e15*log(3))*x",
    # size
    *["x" * (MAX_LENGTH + 1), "-" * DEEP + "x", "(" * DEEP + "x", "(" * DEEP + "x" + ")" * DEEP, "x**" * DEEP + "x"],
    *["sin(" * 110 + "x" + ")" * 110, "[" * DEEP, "x" + ".x" * 1000, 10**400, "lambda:" * 500 + "x"],
    10**5000,
    # text
    *["", "   ", "\n", "# x", "x +", "x\0", "\0", "\ud800", "\ufeffx", "x\u200b", "x²", "x−1", "٣"],
    *["х", "πx", "x ** ", "1x", "0x", "1__0", "x\\"],
    "ｘ",
    # types
    *[None, True, b"x", 1j, [], {}, float("nan"), float("inf"), sp.Symbol("x")],
]


@pytest.mark.parametrize(
    "text", FAULTY, ids=lambda text: ascii(text)[:30] if isinstance(text, str) else type(text).__name__
)
def test_refused(text: object) -> None:
    with at_most(1.0), pytest.raises(InvalidExpression, match=r"^mobility\[0\]\[1\]: "):
        parse(text, NAMES, field="mobility[0][1]")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x + sine(x)", "did you mean 'sin'"),
        ("sin + 1", r"write sin\(...\)"),
        ("min(x, 1)", "for observables only"),
        ("x ^ 2", r"powers are written \*\*"),
        ("sin(x, y)", "takes 1 argument, got 2"),
        ("y**x", r"write exp\(b\*log\(a\)\)"),
        ("x > 0", "allowed in mobilities, drifts and observables alone"),
    ],
)
def test_message_helps(text: str, words: str) -> None:
    with pytest.raises(InvalidExpression, match=words):
        parse(text, NAMES, field="energy")


@pytest.mark.parametrize(
    "text",
    [
        "x + 2*zz",
        "(x\n + zz)",
        "(x +\n\n 2*zz)",
    ],
)
def test_mark_stands_under_the_fault(text: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(text, NAMES, field="energy")
    _, line, mark = str(caught.value).split("\n")
    assert line[mark.index("^") :].startswith("zz")


@pytest.mark.parametrize("text", ["x == 1", "x != 1", "x in y", "x is y", "x < 1 == y"])
def test_equality_is_refused_in_observables(text: str) -> None:
    with pytest.raises(InvalidExpression, match="probability zero"):
        parse(text, NAMES, field="observables.a", logical=True)


def test_long_sum() -> None:
    with at_most(2.0):
        value = parse("+".join(f"x**{k % 9}/{k}" for k in range(1, 200)), NAMES, field="energy")
    assert float(value.subs(X, 1)) == pytest.approx(sum(1 / k for k in range(1, 200)), rel=1e-14)


def test_long_product() -> None:
    with at_most(5.0):
        system = System(energy="*".join(f"(x - {k})" for k in range(1, 90)), temperature=1.0)
        assert np.isfinite(system.energy_at([[0.5]])).all()


# Fuzzing: whatever the text, an answer comes soon, and it is a value or an InvalidExpression.

TOKENS = [
    *("x", "y", "t", "pi", "z", "1", "2", "0", "0.5", "64", "65", "1e299", "1e-299", "1e999", "10**60", "-1", "(-8)"),
    *("+", "-", "*", "/", "**", "(", ")", "**(1/3)", ",", "<", ">=", "==", " and ", " or ", " not ", " if ", " else "),
    *("sin(", "exp(", "log(", "abs(", "sqrt(", "tanh(", "cosh(", "min(", "max(", "sign("),
    *(".", "[", "]", "{", "}", ":", ":=", "'", '"', "\\", "\n", "#", "%", "^", "~", "@", "_", "__", "lambda ", "for "),
]
NUMBERS = ["0", "1", "2", "-1", "0.5", "64", "1e299", "1e-299", "10**12", "pi", "1/3", "-8"]
FUNCTIONS = ["sin", "cos", "tan", "exp", "log", "abs", "sqrt", "sinh", "cosh", "tanh", "atan"]


def nested(leaves: list[str], operators: list[str], functions: list[str], size: int) -> st.SearchStrategy[str]:
    """Well-formed expressions."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(operators), inner)
            | st.builds("{}({})".format, st.sampled_from(functions), inner)
            | st.builds("({})**{}".format, inner, st.sampled_from(["2", "3", "-1", "0.5", "(-2)", "(1/3)", "1.5"]))
        ),
        max_leaves=size,
    )


TEXTS = (
    st.text(max_size=40)
    | st.lists(st.sampled_from(TOKENS), max_size=30).map("".join)
    | nested([*NUMBERS, "x", "y"], ["+", "-", "*", "/", "**", ">", "<="], [*FUNCTIONS, "sign"], 12)
)


@example(text="1/log(tanh(1e9))", logical=False)
@example(text="1/sin(log(1e299**1e-299))", logical=False)
@example(text="x**(1 > 0)", logical=True)
@settings(max_examples=300)
@given(text=TEXTS, logical=st.booleans())
def test_fuzz_parse(text: str, logical: bool) -> None:
    with at_most(5.0), suppress(InvalidExpression):
        parse(text, NAMES, field="energy", logical=logical)


@settings(max_examples=150)
@given(text=nested([*NUMBERS, "x", "y"], ["+", "-", "*", "/", ">", "<="], [*FUNCTIONS, "sign"], 6))
def test_fuzz_what_is_accepted_has_source(text: str) -> None:
    with at_most(5.0), suppress(InvalidExpression):
        value = parse(text, NAMES, field="energy", logical=True)
        Printer({X: "x0", Y: "x1"}).emit([value])


@dataclass(frozen=True)
class Tracked:
    """A number by Python's own arithmetic, with a bound on what rounding has done to it."""

    value: float
    error: float = 0.0

    def image(self, function: Callable[[float], float], also: float = 0.0) -> Tracked:
        value = function(self.value)
        if isinstance(value, complex) or not abs(value) < 1e6:
            raise OverflowError
        h = self.error + 1e-15 * abs(self.value)
        spread = abs(function(self.value + h) - function(self.value - h))
        return Tracked(value, spread + also + 1e-15 * abs(value))

    def __add__(self, other: Tracked) -> Tracked:
        return self.image(lambda v: v + other.value, other.error)

    def __sub__(self, other: Tracked) -> Tracked:
        return self.image(lambda v: v - other.value, other.error)

    def __mul__(self, other: Tracked) -> Tracked:
        return self.image(lambda v: v * other.value, other.error * abs(self.value))

    def __truediv__(self, other: Tracked) -> Tracked:
        return self * other.image(lambda v: 1.0 / v)

    def __pow__(self, exponent: Tracked) -> Tracked:
        return self.image(lambda v: v**exponent.value)


def tracked(name: str) -> Callable[[Tracked], Tracked]:
    function = abs if name == "abs" else getattr(math, name)
    return lambda number: number.image(function)


PYTHON = {**{name: tracked(name) for name in FUNCTIONS}, "N": Tracked}


@settings(max_examples=250)
@example(text="abs(sqrt(y))", x=1, y=8)
@example(text="abs(log(y))", x=1, y=8)
@given(
    text=nested(["x", "y", "1.0", "2.0", "0.5", "3.0"], ["+", "-", "*", "/"], FUNCTIONS, 6),
    x=st.integers(-30, 30),
    y=st.integers(1, 30),
)
def test_means_what_python_means(text: str, x: int, y: int) -> None:
    python = text.replace("(1/3)", "N(1/3)")
    for number in ("1.0", "2.0", "0.5", "3.0"):
        python = python.replace(f" {number}", f" N({number})").replace(f"({number}", f"(N({number})")
    for power in ("2", "3", "-1", "0.5", "(-2)", "1.5"):
        python = python.replace(f")**{power}", f")**N({power})")
    python = f"N({python})" if python in ("1.0", "2.0", "0.5", "3.0") else python
    try:
        expected = eval(python, {"x": Tracked(x / 8), "y": Tracked(y / 8), **PYTHON})
    except (ArithmeticError, ValueError, TypeError):
        assume(False)
    assume(expected.error < 1e-9)
    # The point may be finite by rounding alone: then 1/(sqrt(3)**2 - 3) is rightly refused.
    with suppress(InvalidExpression):
        system = System(energy=text, temperature=1.0, coordinates=("x", "y"))
        with at_most(10.0):
            energy = float(system.energy_at([[x / 8], [y / 8]])[0])
        assert abs(energy - expected.value) <= 100 * expected.error + 1e-12 * (1 + abs(expected.value))
