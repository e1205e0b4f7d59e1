"""`System`: what moves."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.utilities.iterables import flatten

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system.derive import Derived, coordinate_symbols
from langevin_kit.system.expression import parse
from langevin_kit.system.functions import RESERVED
from langevin_kit.system.walls import Wall

Text = str | float
Matrix = Sequence[Sequence[Text]]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    r"""Particles in an energy landscape with a mobility that depends on position and time.

    The Itô equation, with k_B = 1 and diffusion T K:

    .. math:: dx^a = [ -K^{ab} ∂_b E + T ∂_b K^{ab} ] dt + \sqrt{2T}\, dW^a,  \qquad dW ~ N(0, K dt)

    Its stationary law is the Boltzmann law q ∝ exp(−E/T) for every K. At T = 0 it is dx = −K ∇E dt.

    Parameters
    ----------
    energy : str or number
        E(x, t) as text (see `langevin_kit.system.expression.parse` for the syntax), in the unit of T.
    mobility : str, number, or d × d nested list of them
        K(x, t): a scalar, or a matrix with zero off-diagonal entries. Must not be negative where particles go.
    temperature : float
        T ≥ 0; zero turns noise and divergence off.
    coordinates : sequence of str
        One or two names.
    parameters : mapping of str to float
        Names that the texts may use; run-time arguments, so other values need no new compilation.
    units : mapping of str to str
        Labels for the coordinates, ``energy`` and ``time``; reduced units ("1") otherwise.
    walls : mapping of str to Wall
        Coordinates that are `periodic` or have `reflecting` walls; unbounded otherwise.

    Raises
    ------
    InvalidExpression, InvalidArgument
        With the field's name, what was got and what is allowed.

    Examples
    --------
    >>> system = System(energy="(x**2 - 1)**2", mobility="1/(1 + x**2)", temperature=0.5)
    >>> system.drift([[1.0]])
    array([[-0.25]])
    """

    energy: Text
    temperature: float
    mobility: Text | Matrix = 1.0
    coordinates: Sequence[str] = ("x",)
    parameters: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    walls: Mapping[str, Wall] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for field_name, kind in {"coordinates": Sequence, "parameters": Mapping, "units": Mapping, "walls": Mapping}.items():
            if not isinstance(getattr(self, field_name), kind):
                got = type(getattr(self, field_name)).__name__
                raise InvalidArgument(f"{field_name}: got {got}; a {kind.__name__.lower()} of names is needed.")
        names = (self.coordinates,) if isinstance(self.coordinates, str) else tuple(self.coordinates)
        if not 1 <= len(names) <= 2:
            raise InvalidArgument(f"coordinates: got {len(names)} names {names}; one or two are allowed.")
        for name in (*names, *self.parameters):
            _check_name(name)
        if len({*names, *self.parameters}) < len(names) + len(self.parameters):
            raise InvalidArgument(f"coordinates {names} and parameters {tuple(self.parameters)} must differ in name.")
        temperature = _number("temperature", self.temperature)
        if temperature < 0:
            raise InvalidArgument(f"temperature: got {self.temperature}; it must be at least 0.")
        for key, label in self.units.items():
            if not isinstance(label, str):
                raise InvalidArgument(f"units: got {label!r} for {key!r}; a label in text is needed.")
            if key not in (*names, "energy", "time"):
                raise InvalidArgument(f"units: unknown key {key!r}{did_you_mean(key, (*names, 'energy', 'time'))}.")
        for key, wall in self.walls.items():
            if key not in names:
                raise InvalidArgument(f"walls: unknown coordinate {key!r}{did_you_mean(key, names)}.")
            if not isinstance(wall, Wall):
                raise InvalidArgument(f"walls: got {wall!r} for {key!r}; give periodic(a, b) or reflecting(a, b).")
        frozen: dict[str, object] = {
            "coordinates": names,
            "temperature": temperature,
            "parameters": MappingProxyType({k: _number(f"parameters.{k}", v) for k, v in self.parameters.items()}),
            "energy": self.energy.item() if isinstance(self.energy, np.generic) else self.energy,
            "mobility": _canonical(self.mobility),
            "units": MappingProxyType(dict(self.units)),
            "walls": MappingProxyType(dict(self.walls)),
        }
        for key, canonical in frozen.items():
            object.__setattr__(self, key, canonical)
        self.derived  # noqa: B018  (a wrong text is refused here, not at the first use)

    @property
    def n_dim(self) -> int:
        """Number of coordinates d."""
        return len(self.coordinates)

    @property
    def lower(self) -> NDArray[np.float64]:
        """Lower bounds of the coordinates (d,), −∞ where there is none."""
        return np.array([self.walls[x].lower if x in self.walls else -np.inf for x in self.coordinates])

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper bounds of the coordinates (d,), ∞ where there is none."""
        return np.array([self.walls[x].upper if x in self.walls else np.inf for x in self.coordinates])

    @property
    def symbols(self) -> dict[str, sp.Symbol]:
        """Every name that an expression of this system may use."""
        derived = self.derived
        return {str(s): s for s in (*derived.coordinates, *derived.parameters, derived.time)}

    @cached_property
    def derived(self) -> Derived:
        """Energy and mobility as symbols, with their exact derivatives."""
        x, p = coordinate_symbols(self.coordinates), coordinate_symbols(tuple(self.parameters))
        (t,) = coordinate_symbols(("t",))
        symbols = {str(s): s for s in (*x, *p, t)}
        energy = parse(self.energy, symbols, field="energy")
        return Derived(x, p, t, energy, _diagonal(self.mobility, symbols, len(x)))

    @property
    def energy_depends_on_time(self) -> bool:
        """Whether E, and with it the Boltzmann law, changes with time."""
        return self.derived.time in self.derived.energy.free_symbols

    def energy_at(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """E(x, t) for x of shape (d, ...)."""
        energy: NDArray[np.float64] = self._evaluate("energy", x, t)[0]
        return energy

    def gradient(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """∇E, shape (d, ...)."""
        return self._evaluate("gradient", x, t)

    def hessian(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """∂²E, shape (d, d, ...)."""
        rows = self._evaluate("hessian", x, t)
        return rows.reshape(self.n_dim, self.n_dim, *rows.shape[1:])

    def mobility_at(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """The diagonal of K(x, t), shape (d, ...)."""
        return self._evaluate("mobility", x, t)

    def mobility_divergence(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ, shape (d, ...)."""
        return self._evaluate("mobility_divergence", x, t)

    def drift(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """−K ∇E + T ∇·K, shape (d, ...)."""
        force = -self.mobility_at(x, t) * self.gradient(x, t)
        return force + self.temperature * self.mobility_divergence(x, t) if self.temperature else force

    def drift_jacobian(self, x: Any, t: float = 0.0) -> NDArray[np.float64]:
        """∂bᵃ/∂xᵇ of the drift b = −K ∇E + T ∇·K, shape (d, d, ...)."""
        rows = self._evaluate("drift_jacobian", x, t)
        force, divergence = rows.reshape(2, self.n_dim, self.n_dim, *rows.shape[1:])
        return np.asarray(force + self.temperature * divergence if self.temperature else force)

    def _evaluate(self, what: str, x: Any, t: float) -> NDArray[np.float64]:
        x = np.asarray(x, np.float64)
        if x.ndim < 1 or x.shape[0] != self.n_dim:
            raise InvalidArgument(f"x: got shape {x.shape}; the first axis must have length d = {self.n_dim}.")
        if what not in self._functions:
            rows = getattr(self.derived, what)
            self._functions[what] = self.derived.numpy(list(flatten((rows,))))
        return self._functions[what](x, t, tuple(self.parameters.values()))

    @cached_property
    def _functions(self) -> dict[str, Callable[..., NDArray[np.float64]]]:
        return {}

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(System, **self.to_dict()), ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `System(**data)` builds the same system."""
        mobility = self.mobility
        return {
            "energy": self.energy,
            "mobility": mobility if isinstance(mobility, str | int | float) else [list(row) for row in mobility],
            "temperature": self.temperature,
            "coordinates": list(self.coordinates),
            "parameters": dict(self.parameters),
            "units": dict(self.units),
        }


def _check_name(name: str) -> None:
    if not (isinstance(name, str) and name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        raise InvalidArgument(f"name {name!r}: letters, digits and _ are allowed, and no Python keyword.")
    if name in RESERVED:
        raise InvalidArgument(f"name {name!r} is reserved; reserved are {', '.join(sorted(RESERVED))}.")


def _number(name: str, value: Any) -> float:
    try:
        number = np.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not np.isfinite(number):
        raise InvalidArgument(f"{name}: got {_short(value)}; a finite number is needed.")
    return number


def _short(value: Any) -> str:
    return "a number beyond float64" if isinstance(value, int) and not isinstance(value, bool) else f"{value!r:.80}"


def _canonical(mobility: Any) -> Any:
    """A scalar as it is, or a tuple of rows; numbers as Python's own."""
    mobility = mobility.tolist() if isinstance(mobility, np.ndarray | np.generic) else mobility
    if isinstance(mobility, str | int | float):
        return mobility
    if not isinstance(mobility, Sequence) or not all(isinstance(row, Sequence) and row for row in mobility):
        raise InvalidArgument(f"mobility: got {mobility!r}; text, a number, or a nested list of these is needed.")
    if any(isinstance(row, str) for row in mobility):
        raise InvalidArgument(f"mobility: got {list(mobility)}; a matrix is a list of rows, as in [['1 + x**2']].")
    return tuple(tuple(row) for row in mobility)


def _diagonal(mobility: Text | Matrix, symbols: Mapping[str, sp.Symbol], d: int) -> tuple[sp.Expr, ...]:
    if isinstance(mobility, str | int | float):
        return (parse(mobility, symbols, field="mobility"),) * d
    rows = mobility
    if len(rows) != d or any(len(row) != d for row in rows):
        raise InvalidArgument(
            f"mobility: got rows of lengths {[len(row) for row in rows]}; allowed are a scalar or a {d} × {d} matrix."
        )
    diagonal = []
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            entry = parse(text, symbols, field=f"mobility[{i}][{j}]")
            if i == j:
                diagonal.append(entry)
            elif entry != 0:
                raise InvalidArgument(
                    f"mobility[{i}][{j}]: got {text!r}; off-diagonal entries must be 0 in this version "
                    "(scalar and diagonal mobilities)."
                )
    return tuple(diagonal)
