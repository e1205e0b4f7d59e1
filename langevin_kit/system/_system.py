"""`System`: what moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import memory
from langevin_kit.errors import InvalidArgument
from langevin_kit.system import arguments, fields
from langevin_kit.system.facts import Facts
from langevin_kit.system.walls import Wall

if TYPE_CHECKING:
    from langevin_kit.system.derive import Derived

Text = str | float
Matrix = Sequence[Sequence[Text]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    r"""Particles in an energy landscape with a mobility that depends on position and time.

    The Itô equation, with k_B = 1 and diffusion T K:

    .. math:: dx^a = [ b^a - K^{ab} ∂_b E + T ∂_b K^{ab} ] dt + \sqrt{2T}\, dW^a,  \qquad dW ~ N(0, K dt)

    Without the extra drift b its stationary law is the Boltzmann law q ∝ exp(−E/T) for every K. At T = 0 it is
    dx = (b − K ∇E) dt.

    Parameters
    ----------
    energy : str, number or SymPy expression
        E(x, t) (see `langevin_kit.system.expression.parse` for the syntax of text), in the unit of T.
    mobility : str, number, SymPy expression, or d × d nested list of them
        K(x, t): a scalar, or a symmetric matrix. Must be positive semi-definite where particles go.
    temperature : float
        T ≥ 0; zero turns noise and divergence off.
    drift : sequence of d of str, number or SymPy expression, optional
        The extra drift b(x, t), which need not be a gradient.
    coordinates : sequence of str
        Their names, up to 16.
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
    >>> system.drift_at([[1.0]])
    array([[-0.25]])
    """

    temperature: float
    energy: Text = 0.0
    mobility: Text | Matrix = 1.0
    drift: Sequence[Text] | Text | None = None
    coordinates: Sequence[str] = ("x",)
    parameters: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    walls: Mapping[str, Wall] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arguments.check_kinds(
            {
                "coordinates": (self.coordinates, Sequence),
                "parameters": (self.parameters, Mapping),
                "units": (self.units, Mapping),
                "walls": (self.walls, Mapping),
            }
        )
        names = arguments.names_of(self.coordinates, self.parameters)
        arguments.check_units(self.units, names)
        values = {k: arguments.number(f"parameters.{k}", v) for k, v in self.parameters.items()}
        canonical: dict[str, object] = {
            "coordinates": names,
            "temperature": arguments.temperature_of(self.temperature),
            "parameters": MappingProxyType(values),
            "energy": arguments.scalar(self.energy),
            "mobility": arguments.matrix(self.mobility, len(names)),
            "drift": arguments.vector(self.drift, len(names)),
            "units": MappingProxyType(dict(self.units)),
            "walls": MappingProxyType(arguments.walls_of(self.walls, names)),
        }
        for key, value in canonical.items():
            object.__setattr__(self, key, value)
        self.facts  # noqa: B018  (a wrong text is refused here, not at the first use)

    @property
    def n_dim(self) -> int:
        """Number of coordinates d."""
        return len(self.coordinates)

    @property
    def lower(self) -> Floats:
        """Lower bounds of the coordinates (d,), −∞ where there is none."""
        return np.array([self.walls[x].lower if x in self.walls else -np.inf for x in self.coordinates])

    @property
    def upper(self) -> Floats:
        """Upper bounds of the coordinates (d,), ∞ where there is none."""
        return np.array([self.walls[x].upper if x in self.walls else np.inf for x in self.coordinates])

    def walled(self, kind: str) -> tuple[int, ...]:
        """Numbers of the coordinates with walls of one kind."""
        return tuple(a for a, x in enumerate(self.coordinates) if x in self.walls and self.walls[x].kind == kind)

    @property
    def values(self) -> Floats:
        """What compiled code takes at run time: parameters in their order, then the bounds of walled coordinates."""
        bounds = [v for x in self.coordinates if x in self.walls for v in (self.walls[x].lower, self.walls[x].upper)]
        return np.array([*self.parameters.values(), *bounds], np.float64)

    @property
    def value_names(self) -> list[str]:
        """What generated source calls `values`."""
        walled = [a for a, x in enumerate(self.coordinates) if x in self.walls]
        return [f"p{j}" for j in range(len(self.parameters))] + [f"{s}{a}" for a in walled for s in ("lower", "upper")]

    @property
    def symbols(self) -> dict[str, Any]:
        """Every name that an expression of this system may use, with its SymPy symbol."""
        return self.derived.symbols()

    @cached_property
    def fingerprint(self) -> str:
        """All that decides the derived formulas: the texts and names, not the values of parameters."""
        texts = (self.energy, self.mobility, self.drift)
        return json.dumps([_sources(), texts, self.coordinates, list(self.parameters)], default=repr)

    @cached_property
    def facts(self) -> Facts:
        """Properties of the expressions."""
        return Facts.from_json(memory.remember(f"facts {self.fingerprint}", lambda: self.derived.facts().to_json()))

    @cached_property
    def derived(self) -> Derived:
        """Energy, mobility and drift as symbols, with their exact derivatives."""
        from langevin_kit.system.derive import derive

        drift: Any = self.drift
        return derive(self.coordinates, tuple(self.parameters), self.energy, self.mobility, drift)

    def array_source(self, what: str) -> str:
        """Source of a NumPy function of position, by its name in `Derived`."""
        return memory.remember(f"{what} {self.fingerprint}", lambda: self.derived.array_source(what))

    def energy_at(self, x: Any, t: float = 0.0) -> Floats:
        """E(x, t) for x of shape (d, ...)."""
        energy: Floats = self._evaluate("energy", x, t)[0]
        return energy

    def gradient(self, x: Any, t: float = 0.0) -> Floats:
        """∇E, shape (d, ...)."""
        return self._evaluate("gradient", x, t)

    def hessian(self, x: Any, t: float = 0.0) -> Floats:
        """∂²E, shape (d, d, ...)."""
        return self._matrix(self._evaluate("hessian", x, t))

    def mobility_at(self, x: Any, t: float = 0.0) -> Floats:
        """K(x, t), shape (d, d, ...)."""
        return self._matrix(self._evaluate("mobility", x, t))

    def mobility_divergence(self, x: Any, t: float = 0.0) -> Floats:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ, shape (d, ...)."""
        return self._evaluate("mobility_divergence", x, t)

    def force_at(self, x: Any, t: float = 0.0) -> Floats:
        """The drift at T = 0, b − K ∇E, shape (d, ...)."""
        return self._evaluate("force", x, t)

    def drift_at(self, x: Any, t: float = 0.0) -> Floats:
        """B − K ∇E + T ∇·K, shape (d, ...)."""
        force = self.force_at(x, t)
        return force + self.temperature * self.mobility_divergence(x, t) if self.temperature else force

    def drift_jacobian(self, x: Any, t: float = 0.0) -> Floats:
        """∂fᵃ/∂xᵇ of the whole drift f = b − K ∇E + T ∇·K, shape (d, d, ...)."""
        force, divergence = np.split(self._evaluate("drift_jacobian", x, t), 2)
        return self._matrix(force + self.temperature * divergence if self.temperature else force)

    def _evaluate(self, what: str, x: Any, t: float) -> Floats:
        x = np.asarray(x, np.float64)
        if x.ndim < 1 or x.shape[0] != self.n_dim:
            raise InvalidArgument(f"x: got shape {x.shape}; the first axis must have length d = {self.n_dim}.")
        function = fields.compiled(self.array_source(what))[what]
        return fields.rows(function, x, t, tuple(self.parameters.values()))

    def _matrix(self, rows: Floats) -> Floats:
        return rows.reshape(self.n_dim, self.n_dim, *rows.shape[1:])

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(System, **self.to_dict()), ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `System(**data)` builds the same system."""
        mobility: Any = self.mobility
        drift: Any = self.drift
        return {
            "energy": self.energy,
            "mobility": [list(row) for row in mobility] if isinstance(mobility, tuple) else mobility,
            "drift": None if drift is None else list(drift),
            "temperature": self.temperature,
            "coordinates": list(self.coordinates),
            "parameters": dict(self.parameters),
            "units": dict(self.units),
            "walls": {name: wall.to_dict() for name, wall in self.walls.items()},
        }


@lru_cache(maxsize=1)
def _sources() -> str:
    return memory.digest_of(Path(__file__).parent)
