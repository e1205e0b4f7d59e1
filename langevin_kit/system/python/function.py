"""Plain scalar Python functions as a part of a model: checked, captured with all they refer to, and fingerprinted."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, cast

import numpy as np
from numba.core.errors import NumbaError

from langevin_kit.errors import InvalidArgument, InvalidExpression, did_you_mean
from langevin_kit.system.python.capture import OpaqueError, called, captured, described, plain_form

ALLOWED = (
    "arithmetic, comparisons, if, for over range, while, tuples, other such functions, abs, min and max of two, float, "
    "and exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh, atan of math or numpy"
)
"""What a function of a model may contain."""


@dataclass(frozen=True, eq=False)
class PythonFunction:
    """A function of coordinates, parameters and t, as it was when the model was made.

    Later changes of what it refers to have no effect.

    Parameters
    ----------
    function : callable
        A plain Python function (or one compiled by numba, whose Python form is taken).
    names : collection of str
        What its arguments may be called: coordinates, parameters, t.
    field : str
        Which part of the model it is, for error messages.

    Raises
    ------
    InvalidArgument
        What is given is no plain function, or an argument has an unknown name, a default value or a star.
    InvalidExpression
        It contains what no model may: random numbers, errors, output, names without a value.

    Examples
    --------
    >>> def energy(x, a):
    ...     return a * (x * x - 1) ** 2
    >>> well = PythonFunction(energy, ("x", "a", "t"), field="energy")
    >>> well.arguments
    ('x', 'a')
    >>> well.shape({"x": 0.5, "a": 2.0})
    ()
    """

    function: Callable[..., Any]
    names: Collection[str]
    field: str

    def __post_init__(self) -> None:
        function = plain_form(self.function)
        if not isinstance(function, FunctionType):
            got = "a class" if isinstance(function, type) else f"{function!r:.80} of type {type(function).__name__}"
            raise InvalidArgument(f"{self.field}: got {got}; a function made by def or lambda is needed.")
        object.__setattr__(self, "function", function)
        for name, argument in inspect.signature(function).parameters.items():
            stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(argument.kind.name, "")
            where = f"{self.field}: argument '{stars}{name}' of {self.name}"
            if stars or argument.kind is argument.KEYWORD_ONLY:
                raise InvalidArgument(f"{where}: stars are not allowed; name the coordinates and parameters.")
            if argument.default is not argument.empty:
                raise InvalidArgument(f"{where}: a default value is not allowed; declare a parameter of the model.")
            if name not in self.names:
                raise InvalidArgument(
                    f"{where} is no coordinate, no parameter and not t{did_you_mean(name, self.names)}."
                )
        # Both now: what the function refers to may change later, and the two must not differ.
        self.compiled  # noqa: B018
        self.fingerprint  # noqa: B018

    def _plain(self) -> FunctionType:
        return cast("FunctionType", vars(self)["function"])

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self._plain().__name__

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments, in order."""
        return tuple(inspect.signature(self.function).parameters)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The function for numba, always inlined; so are the functions it calls."""
        return captured(self._plain(), f"{self.field}: the function {self.name}", ())

    @cached_property
    def fingerprint(self) -> bytes | None:
        """Of bytecode, constants, closure and globals, through all functions that are called; None if one is opaque."""
        try:
            return hashlib.sha256(repr(described(self._plain())).encode()).digest()
        except OpaqueError:
            return None

    def shape(self, values: dict[str, float]) -> tuple[int, ...]:
        """Shape of the result, (), (d,) or (d, d), from running the Python function near these values.

        Raises
        ------
        InvalidExpression
            The result is no real number or tuple of real numbers, or there is none.
        """
        error: Exception | None = None
        for scale in (1.0, 0.37, 2.1, -0.81):
            arguments = [float(values[name]) * scale for name in self.arguments]
            try:
                with np.errstate(all="ignore"):
                    return self._shape_of(self.function(*arguments), arguments)
            except (ArithmeticError, ValueError) as caught:
                # A point outside its domain says nothing; the next one may be inside.
                if isinstance(caught, InvalidExpression):
                    raise
                error = caught
            except Exception as caught:
                raise InvalidExpression(
                    f"{self.field}: the function {self.name} fails at {self._call(arguments)}: "
                    f"{type(caught).__name__}: {caught}."
                ) from None
        raise InvalidExpression(
            f"{self.field}: the function {self.name} fails at {self._call(arguments)} and three other points: "
            f"{type(error).__name__}: {error}."
        )

    def _call(self, arguments: list[float]) -> str:
        return ", ".join(f"{name}={value:.3g}" for name, value in zip(self.arguments, arguments, strict=True))

    def _shape_of(self, result: Any, arguments: list[float]) -> tuple[int, ...]:
        if isinstance(result, tuple) and result:
            shapes = {self._shape_of(entry, arguments) for entry in result}
            if len(shapes) == 1:
                return (len(result), *shapes.pop())
        elif isinstance(result, int | float | np.floating | np.integer) and not isinstance(result, bool):
            return ()
        raise InvalidExpression(
            f"{self.field}: the function {self.name} returns {result!r:.80} of type {type(result).__name__} at "
            f"{self._call(arguments)}; a real number, or a tuple of real numbers or of such rows, is needed."
        )


@contextmanager
def refusing(functions: Collection[PythonFunction]) -> Iterator[None]:
    """Turn the compiler's complaint into a short one about the function whose line it names.

    Raises
    ------
    InvalidExpression
        With the field, the function, what is not supported, and the line.
    """
    try:
        yield
    except NumbaError as error:
        text = re.sub(r"\x1b\[\d+m", "", str(error))
        raise InvalidExpression(_complaint(text, functions)) from None


def _complaint(text: str, functions: Collection[PythonFunction]) -> str:
    reason = f"{_reason(text)}. Allowed are {ALLOWED}."
    named = {(Path(m[1]).name, int(m[2])) for m in re.finditer(r'File "([^"]*)", line (\d+)', text)}
    for part in functions:
        # The deepest function that the compiler names is the culprit; helpers come after what calls them.
        for function in reversed(called(part._plain())):
            name = Path(function.__code__.co_filename).name
            for number, line in reversed(_source_lines(function.__code__).items()):
                if (name, number) in named:
                    return f"{part.field}: the function {part.name} cannot be compiled in {line.strip()!r}: {reason}"
    names = ", ".join(f"{part.field} ({part.name})" for part in functions)
    return f"{names}: cannot be compiled: {reason}"


def _source_lines(code: CodeType) -> dict[int, str]:
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return {}
    return dict(enumerate(lines, first))


_REASONS = (
    r"Unknown attribute .*",
    r"Use of unsupported .*",
    r"No implementation of function .*",
    r"Cannot unify .*",
    r"Can't unify .*",
    r"NameError: .*",
    r"[^\n]*not supported[^\n]*",
    r"[^\n]*[Uu]nsupported[^\n]*",
)


def _reason(text: str) -> str:
    found = (re.findall(pattern, text) for pattern in _REASONS)
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("Failed in"))
    reason: str = next((matches[-1] for matches in found if matches), next(lines, "the compiler refuses it"))
    before = ""
    while before != reason:
        before, reason = reason, re.sub(r"Dual\([^()]*\([^()]*\)\)", "number", reason)
    reason = re.sub(r"Function\(<(?:built-in )?(?:function|ufunc|class) '?(\w+)'?[^>]*>\)", r"\1", reason)
    return re.sub(r" found for signature:$", " for these arguments", reason.strip()).rstrip(".")
