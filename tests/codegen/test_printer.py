"""The emitted lines, run as plain Python, against SymPy; and their form: one operation a line, none of them twice."""

from __future__ import annotations

import ast
import math

import numpy as np
import pytest
import sympy as sp

from langevin_kit.codegen.measure import measure_source
from langevin_kit.codegen.pointwise import stepper_source
from langevin_kit.errors import InvalidExpression
from langevin_kit.observables import autocorrelation, mean_square_displacement, plan
from langevin_kit.schemes import scheme_from
from langevin_kit.system import System
from langevin_kit.system.expression import parse
from langevin_kit.system.names import ELEMENTARY
from langevin_kit.system.printer import FUNCTIONS, Printer

X, Y, A = sp.symbols("apple banana cherry", real=True)
NAMES = {"apple": X, "banana": Y, "cherry": A}
IN_SOURCE = {X: "x0", Y: "x1", A: "p0"}

PYTHON = {
    "R": float,
    "fma": lambda a, b, c: a * b + c,
    "absolute": abs,
    "sign": lambda v: (v > 0) - (v < 0.0),
    **{
        name: getattr(math, name)
        for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "sqrt")
    },
}

TEXTS = [
    "apple**-3 + banana**-1 - 2/cherry",
    "apple**0.5 + apple**-1.5 + banana**2.5 - banana**-0.5",
    "apple**(1/3) + banana**0.123 + apple**pi",
    "apple**7 - apple**11 + banana**64",
    "exp(-(sin(apple*banana) + 1)**2/cherry) * cos(apple*banana)",
    "3*apple*banana*cherry - 2*apple*banana - apple*cherry - banana*cherry + 5*apple - 7",
    "-apple - banana - cherry - 1",
    "-(apple*banana) + -1*apple**2*banana/cherry",
    "(apple + banana)**2*(apple - banana)**3/(1 + cherry**2)**2",
    "log(cosh(apple)) + tanh(banana)*sinh(cherry) + tan(apple/9) + abs(apple - banana)",
    "atan(3*apple)*banana - atan(cherry)",
    "2**apple + pi*banana + sqrt(2)*cherry + sqrt(2)*apple",
    "(apple > banana) + (apple >= banana)*cherry - 3*(1 < apple < 2)",
    "apple if apple > banana else -banana**2",
    "min(apple, banana)*max(banana, cherry) + sign(apple - banana)",
    "not (apple > 1 and banana > 1) or cherry > 1",
    "1 if apple > 1 or banana > 1 else 0",
    "7",
    "apple",
    "apple**sqrt(2) + banana*apple**(sqrt(2) - 1)",
    "tan(apple + pi/2)",
    "(2 > 1)*apple",
    "min(1, 2)*apple",
    "sqrt(2 > 1)*apple",
    "apple**(1 > 0)",
]


def emitted(text: str) -> tuple[sp.Expr, list[str], str]:
    expression = parse(text, NAMES, field="observables.a", logical=True)
    printer = Printer(IN_SOURCE)
    (name,) = printer.emit([expression])
    return expression, printer.lines, name


def run(lines: list[str], name: str, point: dict[str, float]) -> float:
    scope = {**PYTHON, **point}
    exec("\n".join(lines), scope)
    return float(eval(name, scope))


def by_python(text: str, point: dict[str, float]) -> float:
    names = {k: PYTHON[k] for k in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "sqrt", "sign")}
    values = dict(zip(NAMES, point.values(), strict=True))
    return float(eval(text, {**names, "abs": abs, "min": min, "max": max, "pi": math.pi, **values}))


@pytest.mark.parametrize("text", TEXTS)
def test_lines_give_the_value(text: str) -> None:
    _, lines, name = emitted(text)
    for x, y, a in np.random.default_rng(8).uniform(0.2, 2.5, (25, 3)).tolist():
        point = {"x0": x, "x1": y, "p0": a}
        expected = by_python(text, point)
        assert math.isclose(run(lines, name, point), expected, rel_tol=1e-12, abs_tol=1e-12), (text, point)


@pytest.mark.parametrize("text", ["(apple - banana)**3", "apple**2*banana - abs(apple)", "exp(apple)*tanh(banana)"])
def test_negative_arguments(text: str) -> None:
    _, lines, name = emitted(text)
    for x, y in [(-1.5, 0.5), (-0.1, -2.0), (0.0, -0.0)]:
        point = {"x0": x, "x1": y, "p0": 1.0}
        assert math.isclose(run(lines, name, point), by_python(text, point), rel_tol=1e-13, abs_tol=1e-15)


def is_operand(node: ast.expr) -> bool:
    """A name or a cast literal; a sign in front is free in an fma."""
    node = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    is_cast = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "R"
    return isinstance(node, ast.Name) or is_cast


def is_one_operation(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left=left, right=right):
            return is_operand(left) and is_operand(right)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return is_operand(operand)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return name in {*FUNCTIONS.values(), "sqrt", "fma"} and all(map(is_operand, arguments))
        case ast.IfExp(test=ast.Compare(left=left, comparators=[right]), body=body, orelse=other):
            return all(map(is_operand, (left, right, body, other)))
    return False


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in TEXTS[:18] if "(1/3)" not in text),
        TEXTS[2],
    ],
)
def test_form_of_the_lines(text: str) -> None:
    _, lines, _ = emitted(text)
    sources = []
    for line in lines:
        (statement,) = ast.parse(line).body
        assert isinstance(statement, ast.Assign), line
        (target,) = statement.targets
        assert isinstance(target, ast.Name), line
        assert is_one_operation(statement.value), line
        sources.append(ast.unparse(statement.value))
        assert not any(name in line for name in NAMES)
    assert len(set(sources)) == len(sources)


def test_equal_parts_are_computed_once() -> None:
    gradient = parse("exp(-apple**2/2)*sin(apple*banana)", NAMES, field="energy")
    printer = Printer(IN_SOURCE)
    printer.emit([gradient, gradient.diff(X), gradient.diff(Y)])
    printer.emit([gradient.diff(X)])
    source = "\n".join(printer.lines)
    assert [source.count(f) for f in ("exp(", "sin(", "cos(")] == [1, 1, 1]


def test_quotients_share_one_reciprocal() -> None:
    _, lines, _ = emitted("apple/(1 + cherry) + banana/(1 + cherry)**2 + sin(apple)/(1 + cherry)**3")
    assert sum("/" in line for line in lines) == 1


def test_a_function_without_compiled_form_is_refused() -> None:
    with pytest.raises(InvalidExpression, match=r"which has no compiled form; allowed are absolute, atan, cos"):
        Printer(IN_SOURCE).emit([sp.gamma(X)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_generated_modules_hold_no_users_names(dtype: str) -> None:
    system = System(
        energy="cherry*apple**2*banana**2 + cos(t*apple)",
        mobility=[["1 + banana**2", 0], [0, "1/(1 + apple**2)"]],
        temperature=0.123,
        coordinates=("apple", "banana"),
        parameters={"cherry": 4.567},
    )
    own = {
        "date": "apple > banana",
        "elder": autocorrelation("cherry*banana"),
        "fig": mean_square_displacement("apple"),
    }
    measured = measure_source(plan(system, own, None))
    for source in (stepper_source(system, scheme_from("euler_maruyama"), dtype), measured):
        ast.parse(source)
        # Values are run-time arguments: a sweep of them compiles once.
        assert not any(word in source for word in (*NAMES, *own, "0.123", "4.567"))


def test_other_values_give_the_same_source() -> None:
    scheme = scheme_from("euler_maruyama")
    first, second = (
        stepper_source(System(energy="k*x**2", temperature=v, parameters={"k": v}), scheme, "float64")
        for v in (1.0, 2.0)
    )
    assert first == second


def test_the_elementary_functions_are_those_the_printer_calls() -> None:
    assert {*FUNCTIONS.values(), "sqrt", "logcosh", "atanh"} == set(ELEMENTARY)  # both are of vectors alone
