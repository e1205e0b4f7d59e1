"""Dual numbers on NumPy arrays: derivatives by the chain rule on values, without symbols.

A second way to the derivatives that SymPy gives, sharing nothing with it but the function itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_UNARY: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.negative: lambda x, y: -1.0,
    np.positive: lambda x, y: 1.0,
    np.absolute: lambda x, y: np.sign(x),
    np.sign: lambda x, y: 0.0,
    np.square: lambda x, y: 2.0 * x,
    np.reciprocal: lambda x, y: -y * y,
    np.sqrt: lambda x, y: 0.5 / y,
    np.exp: lambda x, y: y,
    np.log: lambda x, y: 1.0 / x,
    np.sin: lambda x, y: np.cos(x),
    np.cos: lambda x, y: -np.sin(x),
    np.tan: lambda x, y: 1.0 + y * y,
    np.sinh: lambda x, y: np.cosh(x),
    np.cosh: lambda x, y: np.sinh(x),
    np.tanh: lambda x, y: 1.0 - y * y,
    np.arctan: lambda x, y: 1.0 / (1.0 + x * x),
}
"""Derivative of each function, from its argument and value."""

_BINARY: dict[np.ufunc, tuple[Callable[..., Any], Callable[..., Any]]] = {
    np.add: (lambda a, b, y: 1.0, lambda a, b, y: 1.0),
    np.subtract: (lambda a, b, y: 1.0, lambda a, b, y: -1.0),
    np.multiply: (lambda a, b, y: b, lambda a, b, y: a),
    np.divide: (lambda a, b, y: 1.0 / b, lambda a, b, y: -y / b),
    np.power: (lambda a, b, y: b * a ** (b - 1.0), lambda a, b, y: y * np.log(a)),
    np.maximum: (lambda a, b, y: 1.0 * (a > b), lambda a, b, y: 1.0 * (a <= b)),
    np.minimum: (lambda a, b, y: 1.0 * (a < b), lambda a, b, y: 1.0 * (a >= b)),
}

_COMPARISONS = frozenset({np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isfinite})


class Dual(NDArrayOperatorsMixin):
    """Values and their derivatives in k directions.

    Parameters
    ----------
    value : (...) array
    slope : (k, ...) array

    Examples
    --------
    >>> x = Dual(np.array([0.0, 1.0]), np.ones((1, 2)))
    >>> (np.exp(x) * x).slope
    array([[1.        , 5.43656366]])
    """

    def __init__(self, value: Any, slope: Any) -> None:
        self.value = np.asarray(value, np.float64)
        self.slope = np.asarray(slope, np.float64)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        known = ufunc in _UNARY or ufunc in _BINARY or ufunc in _COMPARISONS
        if method != "__call__" or options or not known:
            return NotImplemented
        values = [_value(x) for x in inputs]
        result = ufunc(*values)
        if ufunc in _COMPARISONS:
            return result
        if ufunc in _UNARY:
            return Dual(result, self.slope * _UNARY[ufunc](values[0], result))
        slopes = [
            x.slope * f(*values, result) for x, f in zip(inputs, _BINARY[ufunc], strict=True) if isinstance(x, Dual)
        ]
        return Dual(result, sum(slopes))

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is not np.where or options or isinstance(arguments[0], Dual):
            return NotImplemented
        condition, a, b = arguments
        slopes = [x.slope if isinstance(x, Dual) else 0.0 for x in (a, b)]
        return Dual(np.where(condition, _value(a), _value(b)), np.where(condition, *slopes))


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Dual) else x


def variables(x: Floats) -> list[Dual]:
    """The coordinates (d, n) as independent variables.

    Examples
    --------
    >>> x, y = variables(np.array([[2.0], [3.0]]))
    >>> (x * y).slope[:, 0]
    array([3., 2.])
    """
    d, n = x.shape
    return [Dual(row, np.repeat(axis[:, None], n, axis=1)) for row, axis in zip(x, np.eye(d), strict=True)]


def differentiated(results: list[Any], x: Floats) -> tuple[Floats, Floats]:
    """Values (m, n) and derivatives (m, d, n) of results at x (d, n); a constant has derivative 0."""
    values = [np.broadcast_to(_value(r), x.shape[1:]) for r in results]
    slopes = [np.broadcast_to(r.slope if isinstance(r, Dual) else 0.0, x.shape) for r in results]
    return np.array(values, np.float64), np.array(slopes, np.float64)
