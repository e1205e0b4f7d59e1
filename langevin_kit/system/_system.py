"""`System`: what moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system import arguments
from langevin_kit.system.dense import Components, Vector
from langevin_kit.system.facts import Facts
from langevin_kit.system.texts import Texts
from langevin_kit.system.walls import Wall

if TYPE_CHECKING:
    from langevin_kit.system.derive import Derived
    from langevin_kit.system.python import FunctionModel, Functions

_WITHOUT_MOBILITY = frozenset(
    {"energy", "gradient", "hessian", "measure", "log_measure", "log_measure_gradient", "log_measure_hessian"}
)

Text = Any
"""Text, a number, a SymPy expression, or a plain Python function."""
Matrix = Sequence[Sequence[Text]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    r"""Particles in an energy landscape with a mobility that depends on position and time.

    The Itô equation, with k_B = 1 and diffusion T K:

    .. math:: dx^a = [ b^a - K^{ab} ∂_b E + T μ^{-1} ∂_b (μ K^{ab}) ] dt + \sqrt{2T}\, dW^a,  \qquad dW ~ N(0, S dt)

    with S = (K + Kᵀ)/2. Without the extra drift b its stationary law is the Boltzmann law q ∝ μ exp(−E/T) for every K,
    whose antisymmetric part A makes probability go round and leaves dF/dt as it is. At T = 0 it is dx = (b − K ∇E) dt.

    Parameters
    ----------
    energy : str, number, SymPy expression or plain Python function
        E(x, t) (see `langevin_kit.system.expression.parse` for the syntax of text), in the unit of T. A function takes
        any of the coordinates, the parameters and t by name, may branch and loop; dual numbers differentiate it.
    mobility : str, number, SymPy expression or function, or d × d nested list of them, or mapping
        K(x, t): a scalar or a matrix, whose symmetric part must be positive semi-definite where particles go. Or
        ``{"diagonal": D, "factor": U}`` for K = D + U Uᵀ, which takes a vector of coordinates O(d r) operations. Or,
        of a vector, ``{"root": R z, "divergence": ∇·S}`` for S = R Rᵀ with a root R(x): texts, the first linear in z,
        as in ``{"root": "z - h*(h @ z)", "divergence": "-2*h"}``. Of several vectors a scalar, or a mapping from each
        to its own: a scalar, a vector for the diagonal, whose zeros hold components where they are, or a root. Or
        ``"ensemble covariance"``: K is that of all particles, with the drift T (d + 1)/N (x − mean) that keeps q
        (`langevin_kit.system.ensemble`).
    temperature : float
        T ≥ 0; zero turns noise and divergence off.
    drift : sequence of d of str, number, SymPy expression or function, optional
        The extra drift b(x, t), which need not be a gradient. Of a vector one text; of several a mapping by name, 0 for
        those left out.
    measure : str, number, SymPy expression or function
        The reference measure μ(x) against which the law e^{−E/T} is a density: 1 in Cartesian coordinates, the volume
        element √g where coordinates are curved. Positive where particles go; it may vanish at walls. Not of time, and
        not of a vector system.
    coordinates : sequence of str, or mapping of str to int
        Their names, up to 16. Or names and lengths of vectors, as in ``{"v": 64, "h": 16}``: then texts may use
        products of matrices and vectors (see `langevin_kit.system.dense.expression.parse`), and the state is the
        vectors one behind the other.
    parameters : mapping of str to float, or to array for a vector system
        Names that the texts may use; run-time arguments, so other values need no new compilation.
    units : mapping of str to str
        Labels for the coordinates, ``energy`` and ``time``; reduced units ("1") otherwise.
    walls : mapping of str to Wall
        Coordinates that are `periodic`, or have `reflecting` or `absorbing` walls; unbounded otherwise. A vector has
        `reflecting` ones alone, the same for all its components, under its name; its K must be a scalar or a diagonal.
    retraction : mapping of str to str
        Vectors that live on a manifold, or in a domain that is no box, with the map that brings them back after each
        step: ``{"h": "abs(h)/sum(abs(h))"}`` onto the simplex, ``{"h": "h/sqrt(h @ h)"}`` onto the sphere. It must
        leave the manifold's points where they are, and S must not lead off the manifold; ∇·S is then the divergence
        along it, and exp(−E/T) the density against its volume. Where particles start is brought there too.

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
    drift: Sequence[Text] | Mapping[str, Text] | Text | None = None
    measure: Text = 1.0
    coordinates: Sequence[str] | Mapping[str, int] = ("x",)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    walls: Mapping[str, Wall] = field(default_factory=dict)
    retraction: Mapping[str, Text] = field(default_factory=dict)
    content: Texts | Vector | Functions = field(init=False, repr=False)
    """What the arguments were read into."""

    def __post_init__(self) -> None:
        arguments.check_kinds(
            {
                "coordinates": (self.coordinates, Sequence | Mapping),
                "parameters": (self.parameters, Mapping),
                "units": (self.units, Mapping),
                "walls": (self.walls, Mapping),
                "retraction": (self.retraction, Mapping),
            }
        )
        temperature = arguments.temperature_of(self.temperature)
        # A copy with other fields is given the components' names.
        vector = self.coordinates.vector if isinstance(self.coordinates, Components) else self.coordinates
        content = self._vector(vector) if isinstance(vector, Mapping) else self._scalars()
        names = content.coordinates
        content.facts  # noqa: B018  (a wrong text is refused here, not at the first use)
        canonical: dict[str, object] = {
            "coordinates": names,
            "temperature": temperature,
            "parameters": MappingProxyType(dict(content.parameters)),
            "energy": content.energy,
            "mobility": content.mobility,
            "drift": content.drift,
            "measure": 1.0 if isinstance(content, Vector) else content.measure,
            "units": MappingProxyType(arguments.units_of(self.units, names)),
            "walls": MappingProxyType(arguments.walls_of(self.walls, names)),
            "retraction": MappingProxyType(content.retraction if isinstance(content, Vector) else {}),
            "content": content,
        }
        for key, value in canonical.items():
            object.__setattr__(self, key, value)

    def _scalars(self) -> Texts | Functions:
        if self.retraction:
            raise InvalidArgument(
                "retraction: it is for vectors of coordinates, as in coordinates={'h': 3}. Coordinates by name live on "
                "a manifold by a chart and its measure."
            )
        names = arguments.names_of(self.coordinates, self.parameters)
        parameters = {k: arguments.number(f"parameters.{k}", v) for k, v in self.parameters.items()}
        given = self.energy, self.mobility, self.drift, self.measure
        if any(map(arguments.is_function, given)):
            from langevin_kit.system.python import Functions

            parts = map(arguments.nested, given)
            return Functions(names, parameters, *parts)
        return Texts(
            names,
            parameters,
            arguments.scalar(self.energy),
            arguments.matrix(self.mobility, len(names)),
            arguments.vector(self.drift, len(names)),
            arguments.scalar(self.measure),
        )

    def _vector(self, vector: Mapping[str, int]) -> Vector:
        vectors = arguments.vectors_of(vector, self.parameters)
        if not isinstance(self.measure, int | float) or self.measure != 1:
            raise InvalidArgument(
                f"measure: got {self.measure!r}; a vector of coordinates has the measure 1 in this version. Leave it "
                "out, and put −T ln μ into the energy."
            )
        parameters = {k: arguments.array(f"parameters.{k}", v) for k, v in self.parameters.items()}
        mobility = arguments.mobility_of(self.mobility, tuple(vectors))
        drift = arguments.drift_of(self.drift, tuple(vectors))
        retraction = arguments.retraction_of(self.retraction, tuple(vectors))
        made = Vector(vectors, parameters, arguments.scalar(self.energy), mobility, drift, retraction)
        arguments.require_normal_walls(self.walls, retraction, made.derived)
        return made

    @property
    def is_dense(self) -> bool:
        """Whether the coordinates are the components of vectors."""
        return isinstance(self.content, Vector)

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates' names."""
        return self.content.coordinates

    @property
    def n_dim(self) -> int:
        """Number of coordinates d."""
        return len(self.names)

    @property
    def each_wall(self) -> tuple[Wall | None, ...]:
        """The walls of each coordinate, if it has any; those of a vector are all its components'."""
        names = self.content.coordinates
        if isinstance(names, Components):
            return tuple(self.walls.get(name) for name, n in names.vector.items() for _ in range(n))
        return tuple(map(self.walls.get, names))

    @property
    def walled_vectors(self) -> tuple[int, ...]:
        """Numbers of the vectors that have walls."""
        names = self.content.coordinates
        vectors = names.vector if isinstance(names, Components) else ()
        return tuple(j for j, name in enumerate(vectors) if name in self.walls)

    @property
    def lower(self) -> Floats:
        """Lower bounds of the coordinates (d,), −∞ where there is none."""
        return np.array([wall.lower if wall else -np.inf for wall in self.each_wall])

    @property
    def upper(self) -> Floats:
        """Upper bounds of the coordinates (d,), ∞ where there is none."""
        return np.array([wall.upper if wall else np.inf for wall in self.each_wall])

    def walled(self, kind: str) -> tuple[int, ...]:
        """Numbers of the coordinates with walls of one kind."""
        walls = self.each_wall if self.walls else ()
        return tuple(a for a, wall in enumerate(walls) if wall and (wall.kind == kind or wall.sides(kind)))

    @property
    def absorbers(self) -> tuple[tuple[int, str], ...]:
        """Coordinate and side of each absorbing wall."""
        return tuple(
            (a, side) for a in self.walled("absorbing") for side in self.walls[self.names[a]].sides("absorbing")
        )

    @property
    def absorption_row(self) -> int | None:
        """The row of a state that holds when each particle was absorbed, 0 for the living; None without such walls."""
        return self.n_dim + len(self.walled("periodic")) if self.absorbers else None

    @property
    def energy_row(self) -> int | None:
        """The row of a state that holds the energy, where its steps keep it."""
        return None

    @property
    def n_rows(self) -> int:
        """Numbers that a run keeps of a particle: its coordinates, its turns, and when it was absorbed."""
        return self.n_dim + len(self.walled("periodic")) + bool(self.absorbers)

    @property
    def values(self) -> Floats:
        """What compiled code takes at run time: parameters in their order, then the bounds of walled coordinates.

        Of vectors `Wall.inside` of float32, then of float64.
        """
        if self.is_dense:
            bounds = [v for w in self.walls.values() for dtype in ("float32", "float64") for v in w.inside(dtype)]
        else:
            bounds = [v for x in self.names if x in self.walls for v in (self.walls[x].lower, self.walls[x].upper)]
        return np.concatenate([self.content.values, bounds])

    @property
    def value_names(self) -> list[str]:
        """What generated source calls `values`."""
        walled = [a for a, x in enumerate(self.names) if x in self.walls]
        return [f"p{j}" for j in range(len(self.content.values))] + [
            f"{s}{a}" for a in walled for s in ("lower", "upper")
        ]

    @property
    def facts(self) -> Facts:
        """Properties of the expressions."""
        return self.content.facts

    @property
    def derived(self) -> Derived:
        """Scalar expressions as symbols, with their exact derivatives."""
        assert not isinstance(self.content, Vector)
        return self.content.derived

    @property
    def functions(self) -> FunctionModel | None:
        """The model of a system of Python functions."""
        return None if isinstance(self.content, Texts | Vector) else self.content.model

    @property
    def symbols(self) -> dict[str, Any]:
        """Every name that a scalar expression of this system may use, with its SymPy symbol."""
        return self.derived.symbols()

    def energy_at(self, x: Any, t: float = 0.0) -> Floats:
        """E(x, t) for x of shape (d, ...)."""
        return self._evaluate("energy", x, t)

    def gradient(self, x: Any, t: float = 0.0) -> Floats:
        """∇E, shape (d, ...)."""
        return self._evaluate("gradient", x, t)

    def hessian(self, x: Any, t: float = 0.0) -> Floats:
        """∂²E, shape (d, d, ...)."""
        return self._evaluate("hessian", x, t)

    def measure_at(self, x: Any, t: float = 0.0) -> Floats:
        """The reference measure μ(x), shape (...); of no time, which is taken for the likeness of the others."""
        return self._evaluate("measure", x, t) if self.facts.has_measure else np.ones(np.shape(x)[1:])

    def log_measure_at(self, x: Any) -> Floats:
        """The logarithm of μ, shape (...): −∞ where μ = 0, and NaN where it is negative."""
        return self._evaluate("log_measure", x, 0.0) if self.facts.has_measure else np.zeros(np.shape(x)[1:])

    def effective_energy_at(self, x: Any, t: float = 0.0) -> Floats:
        """E − T ln μ, shape (...): against dx, q ∝ μ exp(−E/T) has it for its energy. ∞ where E is."""
        energy = self.energy_at(x, t)
        effective = self._effective(energy, self.log_measure_at, x)
        return energy if effective is energy else np.where(np.isposinf(energy), energy, effective)

    def effective_gradient(self, x: Any, t: float = 0.0) -> Floats:
        """∇(E − T ln μ), shape (d, ...)."""
        return self._effective(self.gradient(x, t), partial(self._evaluate, "log_measure_gradient", t=0.0), x)

    def effective_hessian(self, x: Any, t: float = 0.0) -> Floats:
        """∂²(E − T ln μ), shape (d, d, ...)."""
        return self._effective(self.hessian(x, t), partial(self._evaluate, "log_measure_hessian", t=0.0), x)

    def _effective(self, of_energy: Floats, of_log_measure: Callable[[Any], Floats], x: Any) -> Floats:
        if not (self.facts.has_measure and self.temperature):
            return of_energy
        with np.errstate(invalid="ignore"):
            return np.asarray(of_energy - self.temperature * of_log_measure(x))

    def mobility_at(self, x: Any, t: float = 0.0) -> Floats:
        """K(x, t), shape (d, d, ...)."""
        return self._evaluate("mobility", x, t)

    def symmetric_mobility_at(self, x: Any, t: float = 0.0) -> Floats:
        """S(x, t) = (K + Kᵀ)/2, the covariance of the noise, shape (d, d, ...)."""
        k = self.mobility_at(x, t)
        return k if self.facts.is_symmetric else np.asarray((k + k.swapaxes(0, 1)) / 2)

    def mobility_divergence(self, x: Any, t: float = 0.0) -> Floats:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ, shape (d, ...)."""
        return self._evaluate("mobility_divergence", x, t)

    def force_at(self, x: Any, t: float = 0.0) -> Floats:
        """The drift at T = 0, b − K ∇E, shape (d, ...)."""
        return self._evaluate("force", x, t)

    def drift_at(self, x: Any, t: float = 0.0) -> Floats:
        """The whole drift b − K ∇E + T ∇·K + T K ∇ ln μ, shape (d, ...)."""
        force = self.force_at(x, t)
        return force + self.temperature * self.noise_drift_at(x, t) if self.temperature else force

    def noise_drift_at(self, x: Any, t: float = 0.0) -> Floats:
        """What the drift has per T, μ⁻¹ ∂_b (μ Kᵃᵇ), shape (d, ...)."""
        divergence = self.mobility_divergence(x, t)
        return divergence + self._evaluate("entropic", x, t) if self.facts.has_measure else divergence

    def reversible_drift_at(self, x: Any, t: float = 0.0) -> Floats:
        """T μ⁻¹ ∇·(μS) − S ∇E, shape (d, ...): the drift without b and A, neither of which moves F."""
        force = -np.einsum("ab...,b...->a...", self.symmetric_mobility_at(x, t), self.effective_gradient(x, t))
        divergence = (self.mobility_divergence(x, t) + self._evaluate("transposed_divergence", x, t)) / 2
        return np.asarray(force + self.temperature * divergence)

    def drift_jacobian(self, x: Any, t: float = 0.0) -> Floats:
        """∂fᵃ/∂xᵇ of the whole drift f = b − K ∇E + T μ⁻¹ ∇·(μK), shape (d, d, ...)."""
        force, divergence = self._evaluate("drift_jacobian", x, t)
        return np.asarray(force + self.temperature * divergence if self.temperature else force)

    def retracted(self, x: Any) -> Floats:
        """Where `retraction` brings places x (d, ...), shape (d, ...)."""
        x = np.asarray(x, np.float64)
        return self.content.derived.retracted(x) if isinstance(self.content, Vector) else x

    def frozen(self, positions: Any) -> System:
        """A system with the covariance of given positions (d, n) for its mobility, which stays as it is.

        Examples
        --------
        >>> system = System(energy="x**2/2", mobility="ensemble covariance", temperature=1.0)
        >>> system.frozen([[0.0, 2.0]]).mobility
        ((1.0,),)
        """
        covariance = np.atleast_2d(np.cov(np.asarray(positions, np.float64), bias=True))
        return replace(self, mobility=covariance.tolist())

    def _evaluate(self, what: str, x: Any, t: float) -> Floats:
        if self.facts.has_ensemble_mobility and what not in _WITHOUT_MOBILITY:
            raise InvalidArgument(
                "mobility: it is the covariance of the ensemble, which a system does not know by itself. "
                "`system.frozen(positions)` is the system with that of given positions."
            )
        x = np.asarray(x, np.float64)
        if x.ndim < 1 or x.shape[0] != self.n_dim:
            raise InvalidArgument(f"x: got shape {x.shape}; the first axis must have length d = {self.n_dim}.")
        return self.content.evaluate(what, x, t)

    def transform(
        self,
        coordinates: Mapping[str, Text] | Sequence[str],
        inverse: Mapping[str, Text],
        *,
        walls: Mapping[str, Wall] | None = None,
    ) -> System:
        r"""The same system in other coordinates y, exactly: the same law, generator and ln Z.

        .. math:: E'(y) = E(x), \quad K' = J K J^T, \quad μ' = μ\, |\det J|^{-1}, \quad b' = J b, \qquad J = ∂y/∂x

        Nothing is left over: Itô's correction is in μ' (`langevin_kit.system.transform`).

        Parameters
        ----------
        coordinates : mapping of str to text, or sequence of str
            Name of each new coordinate → its text in the old ones and the parameters, y(x); or the names alone.
        inverse : mapping of str to text
            Name of each old coordinate → its text in the new ones, x(y). Both may use asin, acos, asinh, acosh and
            atanh beside the functions of expressions, and no time.
        walls : mapping of str to Wall, optional
            Of the new coordinates. If left out, the images of the old ones' ends, infinite ones too, where a new
            coordinate is a function of one old one: a bounded range gets reflecting walls.

        Returns
        -------
        System
            Maps are tried with the values that the parameters have now, and walls are of these.

        Raises
        ------
        InvalidArgument, InvalidExpression
            Where the map is not one to one, with the place; where the result has no compiled form; and for vector
            systems and Python functions.

        Examples
        --------
        >>> system = System(energy="x**2/2", temperature=1.0)
        >>> unit = system.transform({"y": "tanh(x)"}, {"x": "atanh(y)"})
        >>> unit.mobility, unit.measure, unit.walls["y"].upper
        ((('(1 - y**2)**2',),), '1/(1 - y**2)', 1.0)
        """
        from langevin_kit.system.transform import read_map

        return System(**read_map(self, coordinates, inverse).fields(walls))

    def lamperti(self, coordinates: str | Sequence[str]) -> System:
        r"""The same system in coordinates whose mobility is 1: :math:`y = \int dx/\sqrt{K}` (Lamperti 1964).

        Parameters
        ----------
        coordinates : str or sequence of str
            Names of the new coordinates, in the order of the old ones.

        Returns
        -------
        System
            As `transform` gives it. Noise is then constant, and schemes for it of higher order.

        Raises
        ------
        InvalidArgument
            Unless K is diagonal with each Kᵃᵃ a function of coordinate a alone, and SymPy finds the integral and its
            inverse.

        Examples
        --------
        >>> System(energy="x**2/2", mobility="1 + x**2", temperature=1.0).lamperti("y").energy
        'sinh(y)**2/2'
        """
        from langevin_kit.system.transform import lamperti_map

        return System(**lamperti_map(self, coordinates).fields(None))

    def __reduce__(self) -> tuple[Any, ...]:
        if self.functions is None:
            return partial(System, **self.to_dict()), ()
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("temperature", "energy", "mobility", "drift", "measure", "coordinates")
        }
        given |= {name: dict(getattr(self, name)) for name in ("parameters", "units", "walls")}
        return partial(System, **given), ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `System(**data)` builds the same system, unless it is made of Python functions."""
        names = self.content.coordinates
        return {
            "energy": arguments.plain(self.energy),
            "mobility": arguments.plain(self.mobility),
            "drift": arguments.plain(self.drift),
            **({} if self.measure == 1 else {"measure": arguments.plain(self.measure)}),
            "temperature": self.temperature,
            "coordinates": names.vector if isinstance(names, Components) else list(names),
            "parameters": {name: arguments.plain(value) for name, value in self.parameters.items()},
            "units": dict(self.units),
            "walls": {name: wall.to_dict() for name, wall in self.walls.items()},
            **({"retraction": dict(self.retraction)} if self.retraction else {}),
            **({} if self.functions is None else {"functions": self.content.fingerprint}),
        }
