"""Energy, mobility and drift of a dense system as graphs, with their exact derivatives and their values in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, InvalidExpression, MobilityNotPositive, did_you_mean
from langevin_kit.system.dense import by_vector, graph, low_rank, rooted
from langevin_kit.system.dense import retraction as retractions
from langevin_kit.system.dense.differentiate import gradient
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.expression import RESERVED, parse
from langevin_kit.system.dense.graph import Node
from langevin_kit.system.dense.move import Move
from langevin_kit.system.dense.root import semidefinite_root
from langevin_kit.system.dense.rooted import Root

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DenseDerived:
    r"""The content of a dense system: its state x of length d is one vector, or several one behind the other.

    .. math:: dx = [ b - K ∇E + T ∇·K ] dt + \sqrt{2T}\, dW,  \qquad dW ~ N(0, S dt), \quad S = (K + K^T)/2

    Use `dense` to make one from texts.

    Attributes
    ----------
    states : tuple of Node
        The vectors, of shapes (n,).
    parameters : mapping of str to array
        Scalars (), vectors (m,) and matrices (m, k), in float64. Their shapes are part of the compiled code, their
        values are not.
    energy : Node
        E(x, t), a scalar.
    mobilities : tuple of Node or Root
        K(x, t) by vector: a scalar; a vector, the diagonal, whose component i depends on component i of its own vector
        alone; a matrix given by its root; or, of one vector, a constant matrix.
    drifts : tuple of Node
        b(x, t) by vector: a vector, or the number 0.
    low_rank : Node or None
        U (d, r) of K = D + U Uᵀ of one vector, with D its mobility; both constant.
    retractions : mapping of int to Node
        Number of a vector → where it returns to after each step, as a node of the vector that has moved.
    """

    states: tuple[Node, ...]
    parameters: Mapping[str, Floats]
    energy: Node
    mobilities: tuple[Node | Root, ...]
    drifts: tuple[Node, ...]
    low_rank: Node | None = None
    retractions: Mapping[int, Node] = field(default_factory=dict)

    @property
    def d(self) -> int:
        """Length of the state."""
        return sum(state.shape[0] for state in self.states)

    @property
    def has_matrix_mobility(self) -> bool:
        """Whether K is a matrix, so that noise is L z with L Lᵀ = S."""
        K = self.mobilities[0]
        return isinstance(K, Node) and len(K.shape) == 2

    @property
    def roots(self) -> dict[str, Root]:
        """Name of a vector → the root that its mobility is given by."""
        of = zip(self.states, self.mobilities, strict=True)
        return {str(state.value): K for state, K in of if isinstance(K, Root)}

    @property
    def mobility_depends_on_state(self) -> bool:
        """Whether K is another at other places, or taken to be."""
        return any(isinstance(K, Root) or K.depends_on_state for K in self.mobilities)

    @cached_property
    def has_symmetric_mobility(self) -> bool:
        """Whether K has no antisymmetric part."""
        if not self.has_matrix_mobility:
            return True
        k = self._matrix(self.values(None))
        return bool((k == k.T).all())

    @property
    def depends_on_time(self) -> bool:
        """Whether E, K or b changes with time."""
        return any(node.depends_on_time for node in (self.energy, *self.mobilities, *self.drifts))

    @property
    def has_kinks(self) -> bool:
        """Whether the slope of E may jump."""
        return graph.jumps(self.energy)

    @cached_property
    def gradients(self) -> tuple[Node, ...]:
        """∇E by vector."""
        return tuple(gradient(self.energy, state) for state in self.states)

    @cached_property
    def rates(self) -> tuple[Move, ...]:
        """What moves each vector, as it is at one place of the state."""
        given = zip(self.states, self.mobilities, self.drifts, self.gradients, strict=True)
        return tuple(self._move(*each) for each in given)

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """What moves each vector, one after the other: none is computed from what has moved."""
        return tuple(move.after(self.states[:j]) for j, move in enumerate(self.rates))

    def _move(self, state: Node, K: Node | Root, drift: Node, slope: Node) -> Move:
        if isinstance(K, Root):
            return Move(state, graph.subtract(drift, K.times(slope)), K.divergence, K.noise)
        times = graph.product if self.has_matrix_mobility else graph.multiply
        along = times(K, slope)
        if self.low_rank is not None:
            core = graph.product(graph.transpose(self.low_rank), slope)
            along = graph.add(along, graph.product(self.low_rank, core))
        divergence = graph.number(0)
        if K.depends_on_state:
            divergence = gradient(K if K.shape == () else graph.total(K), state)
        noise = graph.number(1) if self.has_matrix_mobility else graph.function("sqrt", K)
        return Move(state, graph.subtract(drift, along), divergence, noise)

    @property
    def noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the matrices that multiply the noise, one after the other: `noise_matrices`."""
        if self.low_rank is not None:
            d, r = self.low_rank.shape
            return (r, d), (d, r)
        return ((self.d, self.d),) if self.has_matrix_mobility else ()

    @property
    def adds_noise(self) -> bool:
        """Whether the noise is z and what the matrices make of it, and not the latter alone."""
        return self.low_rank is not None

    def noise_matrices(self, parameters: Mapping[str, Any] | None = None) -> tuple[Floats, ...]:
        """The root L of a matrix K, or what K = D + U Uᵀ needs (see `low_rank`)."""
        if self.low_rank is not None:
            return low_rank.noise_matrices(*(self.values(parameters)[name] for name in low_rank.NAMES))
        return (self.noise_root(parameters),) if self.has_matrix_mobility else ()

    def energy_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """E(x, t) of shape (...) for x of shape (d, ...)."""
        return self._evaluate(self.energy, x, t, parameters)

    def gradient_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """∇E, shape (d, ...)."""
        return self._vector(self.gradients, x, t, parameters)

    def mobility_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """The diagonal of K, (d, ...); all of it of a matrix K or D + U Uᵀ, (d, d), and of roots, (d, d, ...)."""
        if self.noise_shapes:
            return self._matrix(self.values(parameters))
        if self.roots:
            return self.times_at(*self._with_units(x), t, parameters)
        return self._vector([K for K in self.mobilities if isinstance(K, Node)], x, t, parameters)

    def times_at(self, x: Any, w: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """K w for w of the shape of x (d, ...), of a K without constant matrices."""
        both, values = np.concatenate([x, w]), self.values(parameters)
        parts = []
        for state, K in zip(self.states, self.mobilities, strict=True):
            own = Node("normals", state.shape, value="w", first=self.d + state.first)
            node = K.times(own) if isinstance(K, Root) else graph.multiply(K, own)
            parts.append(evaluate(node, both, t, values))
        return np.concatenate(parts)

    def _with_units(self, x: Any) -> tuple[Any, Any]:
        """Places (d, ...) and the unit vectors at each of them, both (d, d, ...)."""
        x = np.asarray(x)
        units, many = np.eye(self.d).reshape(self.d, self.d, *[1] * (x.ndim - 1)), (self.d, *x.shape)
        return np.broadcast_to(x[:, None], many), np.broadcast_to(units, many)

    def noise_at(self, x: Any, z: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """What a step's normals z (d, ...) are made into at x: their covariance is the symmetric part of K."""
        if self.noise_shapes:
            return np.tensordot(self.noise_root(parameters), np.asarray(z), axes=1)
        x = np.asarray(x)
        z = np.broadcast_to(z, x.shape)
        both, values = np.concatenate([x, z]), self.values(parameters)
        parts = []
        for state, move in zip(self.states, self.moves, strict=True):
            made = evaluate(move.noise, both, t, values)
            parts.append(made if move.is_rooted else made * z[state.first : state.first + state.shape[0]])
        return np.concatenate(parts)

    def retracted(self, x: Any, parameters: Mapping[str, Any] | None = None) -> Floats:
        """Where places x (d, ...) are brought to after a step."""
        parts = [self.retractions.get(j, state) for j, state in enumerate(self.states)]
        return self._vector(parts, x, 0.0, parameters) if self.retractions else np.asarray(x)

    def mobility_divergence_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """(∇·K)ᵃ = ∂_b Kᵃᵇ, shape (d, ...)."""
        return self._vector([move.divergence for move in self.moves], x, t, parameters)

    def force_at(self, x: Any, t: float = 0.0, parameters: Mapping[str, Any] | None = None) -> Floats:
        """B − K∇E, shape (d, ...)."""
        return self._vector([move.force for move in self.moves], x, t, parameters)

    def noise_root(self, parameters: Mapping[str, Any] | None = None) -> Floats:
        """L with L Lᵀ = S for a matrix K or K = D + U Uᵀ, shape (d, d)."""
        if self.low_rank is not None:
            first, second = self.noise_matrices(parameters)
            D = self.values(parameters)[low_rank.NAMES[0]]
            return np.asarray(np.sqrt(D)[:, None] * (np.eye(self.d) + second @ first))
        K = self._matrix(self.values(parameters))
        return semidefinite_root((K + K.T) / 2)

    def flat_parameters(self, parameters: Mapping[str, Any] | None = None) -> Floats:
        """All parameters raveled in order, then `noise_matrices`: what the kernels take at run time."""
        values = [value.ravel() for value in self.values(parameters).values()]
        return np.concatenate([np.zeros(0), *values, *(matrix.ravel() for matrix in self.noise_matrices(parameters))])

    def quadratic(
        self, t: float = 0.0, parameters: Mapping[str, Any] | None = None
    ) -> tuple[Floats, Floats, float] | None:
        """(A, b, c) with E = ½ vAv + b·v + c and A symmetric, or None where E is no polynomial of degree 2 or less."""
        if graph.degree(self.energy) > 2:
            return None
        origin, unit = np.zeros((self.d, 1)), np.eye(self.d)
        b = self.gradient_at(origin, t, parameters)
        # The gradient's odd part is A v without the rounding of b.
        A = (self.gradient_at(unit, t, parameters) - self.gradient_at(-unit, t, parameters)) / 2
        return (A + A.T) / 2, b[:, 0], float(self.energy_at(origin, t, parameters)[0])

    def scalar(self, text: Any, where: str, energy_name: str) -> Node:
        """Read a scalar of the state and the parameters, in which `energy_name` may stand for E.

        Raises
        ------
        InvalidExpression
        """
        names = {energy_name: self.energy, **_names(self.states, self.parameters)}
        node = parse(text, names, field=where)
        if node.shape != ():
            raise InvalidExpression(
                f"{where}: got shape {node.shape}; a scalar is needed, such as a sum(...) or v @ w."
            )
        return node

    def _evaluate(self, node: Node, x: Any, t: float, parameters: Mapping[str, Any] | None) -> Floats:
        x = np.asarray(x)
        x = x if np.iscomplexobj(x) else x.astype(np.float64)
        if x.ndim < 1 or x.shape[0] != self.d:
            raise InvalidArgument(f"x: got shape {x.shape}; the first axis must have length d = {self.d}.")
        return evaluate(node, x, t, self.values(parameters))

    def _vector(self, nodes: Sequence[Node], x: Any, t: float, parameters: Mapping[str, Any] | None) -> Floats:
        parts = []
        for state, node in zip(self.states, nodes, strict=True):
            value = self._evaluate(node, x, t, parameters)
            parts.append(value if node.shape else np.broadcast_to(value, (*state.shape, *value.shape)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _matrix(self, values: Mapping[str, Floats]) -> Floats:
        if self.low_rank is not None:
            D, U = (values[name] for name in low_rank.NAMES)
            return np.diag(D) + U @ U.T
        K = self.mobilities[0]
        assert isinstance(K, Node)
        factor, matrix = graph.scaled(K)
        return np.asarray(evaluate(factor, np.zeros(self.d), 0.0, values) * values[str(matrix.value)])

    def values(self, parameters: Mapping[str, Any] | None) -> Mapping[str, Floats]:
        """All parameters, with those given in the place of its own."""
        if parameters is None:
            return self.parameters
        for name in parameters:
            if name not in self.parameters:
                raise InvalidArgument(f"parameters: got {name!r}{did_you_mean(name, self.parameters)}.")
        values = {name: _array(name, parameters.get(name, own)) for name, own in self.parameters.items()}
        for name, own in self.parameters.items():
            if values[name].shape != own.shape:
                raise InvalidArgument(
                    f"parameters.{name}: got shape {values[name].shape}; the system was made with {own.shape}."
                )
        return values


def dense(
    *,
    name: str | Sequence[str],
    length: Any,
    energy: str | float = 0.0,
    mobility: Any = 1.0,
    drift: str | Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    retraction: Mapping[str, Any] | None = None,
) -> DenseDerived:
    """Read a dense system.

    Parameters
    ----------
    name, length : str, int, or sequences of them
        The vectors that make up the state, in their order, and their lengths.
    energy : str or number
        E, a scalar; see `langevin_kit.system.dense.expression.parse` for the syntax.
    mobility : str, number, d × d array, or mapping
        K: a scalar; a vector whose component i depends on vᵢ alone; a constant matrix, as an array or as text that
        names a matrix parameter, perhaps scaled. The symmetric part of a matrix must be positive semi-definite. Or
        ``{"diagonal": D, "factor": U}`` for K = D + U Uᵀ with D > 0, a number or (d,), and U (d, r); or
        ``{"root": R z, "divergence": ∇·S}`` for S = R Rᵀ, as texts (`langevin_kit.system.dense.rooted`). Of several
        vectors a scalar, or a mapping from each vector's name to its own, which is no constant matrix.
    drift : str or mapping of str to str, optional
        b, a vector that is no gradient; by name of the vector, 0 for those left out.
    parameters : mapping of str to number or array
        Scalars, vectors and matrices, as numbers, nested lists or arrays.
    retraction : mapping of str to str
        Name of a vector → where it returns to after each step (`langevin_kit.system.dense.retraction`).

    Raises
    ------
    InvalidArgument, InvalidExpression, MobilityNotPositive
        With the field's name, what was got, with its shape, and what is allowed.

    Examples
    --------
    >>> system = dense(name="v", length=2, energy="v @ A @ v / 2", parameters={"A": [[2.0, 1.0], [1.0, 2.0]]})
    >>> system.force_at([1.0, 0.0])
    array([-2., -1.])
    """
    states = _states({name: length} if isinstance(name, str) else dict(zip(name, length, strict=True)))
    vectors = [str(state.value) for state in states]
    values = {key: _array(key, value) for key, value in (parameters or {}).items()}
    mobilities = by_vector.mobilities(mobility, vectors)
    columns = None
    for j, (key, K) in enumerate(mobilities):
        if by_vector.is_root(K):
            continue
        if isinstance(K, Mapping):
            _require_free(values, low_rank.NAMES)
            values |= low_rank.read(K, states[j].shape[0])
            columns = Node("matrix", values[low_rank.NAMES[1]].shape, value=low_rank.NAMES[1])
            mobilities[j] = key, low_rank.NAMES[0]
        elif not isinstance(K, str | int | float | np.generic):
            own = key.replace(".", "_")
            _require_free(values, (own,))
            values[own], mobilities[j] = _array(own, K), (key, own)
    for key in (*vectors, *values):
        if key in RESERVED:
            raise InvalidArgument(f"name {key!r} is reserved; reserved are {', '.join(sorted(RESERVED))}.")
    for vector in vectors:
        if vector in values:
            raise InvalidArgument(f"parameters: {vector!r} is the name of a state vector; all names must differ.")
    names = _names(states, values)
    energy_node = parse(energy, names, field="energy")
    if energy_node.shape != ():
        hint = f"; write sum(...) of it or {vectors[0]} @ (...)" if len(energy_node.shape) == 1 else ""
        raise InvalidExpression(f"energy: got shape {energy_node.shape}; a scalar is needed{hint}.")
    d = sum(state.shape[0] for state in states)
    onto = by_vector.in_order(retractions.FIELD, retraction or {}, vectors)
    system = DenseDerived(
        states,
        MappingProxyType(values),
        energy_node,
        tuple(
            rooted.read(K, names, state, d, field=key)
            if by_vector.is_root(K)
            else _mobility(parse(K, names, field=key), state, key, len(states))
            for state, (key, K) in zip(states, mobilities, strict=True)
        ),
        tuple(
            _drift(parse(b, names, field=key), state, key)
            for state, (key, b) in zip(states, by_vector.drifts(drift, vectors), strict=True)
        ),
        columns,
        {j: retractions.read(onto[v], states[j], _parameters(values)) for j, v in enumerate(vectors) if v in onto},
    )
    _check_positive(system)
    return system


def _states(vectors: Mapping[str, Any]) -> tuple[Node, ...]:
    """One vector behind the other."""
    states: list[Node] = []
    first = 0
    for name, length in vectors.items():
        if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
            raise InvalidArgument(f"coordinates: got length {length!r} for {name!r}; a positive integer is needed.")
        states.append(Node("state", (int(length),), value=name, first=first))
        first += int(length)
    return tuple(states)


def _require_free(values: Mapping[str, Floats], names: Sequence[str]) -> None:
    for name in names:
        if name in values:
            raise InvalidArgument(f"parameters: the name {name!r} is taken by the mobility's array.")


def _names(states: Sequence[Node], values: Mapping[str, Floats]) -> dict[str, Node]:
    """What a text may use."""
    return {**{str(state.value): state for state in states}, "t": Node("time", ()), **_parameters(values)}


def _parameters(values: Mapping[str, Floats]) -> dict[str, Node]:
    return {k: Node("matrix" if a.ndim == 2 else "parameter", a.shape, value=k) for k, a in values.items()}


def _mobility(K: Node, state: Node, key: str, n_vectors: int) -> Node:
    (n,) = state.shape
    if n_vectors > 1 and (K.shape not in ((), (n,)) or (K.shape and key == by_vector.MOBILITY)):
        raise InvalidExpression(
            f"{key}: got shape {K.shape}; of several vectors a mobility is a scalar, or by name, as in "
            f"{{{str(state.value)!r}: ...}}, a scalar or of shape {(n,)}. Only one vector alone may have a matrix."
        )
    if K.shape not in ((), (n,), (n, n)):
        raise InvalidExpression(
            f"{key}: got shape {K.shape}; a scalar, or shape {(n,)} for a diagonal, or {(n, n)} is needed."
        )
    if len(K.shape) == 2 and graph.scaled(K)[0].depends_on_state | graph.scaled(K)[0].depends_on_time:
        raise InvalidExpression("mobility: a matrix must be constant: its root is taken once, before the run.")
    for node in graph.postorder([K]):
        if len(K.shape) == 1 and node.kind in graph.CONTRACTIONS and node.depends_on_state:
            raise InvalidExpression(
                f"{key}: component i of a vector may depend on component i of the state alone, but it uses "
                f"{node.kind} of the state. Use elementwise functions, a scalar of all of it, or a constant matrix."
            )
        if len(K.shape) == 1 and node.kind == "state" and node != state:
            raise InvalidExpression(
                f"{key}: component i may depend on component i of {state.value!r} alone, but it uses {node.value!r}."
            )
    return K


def _drift(b: Node, state: Node, key: str) -> Node:
    if b.shape not in ((), state.shape):
        raise InvalidExpression(f"{key}: got shape {b.shape}; a vector of shape {state.shape} is needed.")
    return b


def _check_positive(system: DenseDerived) -> None:
    if system.has_matrix_mobility:
        system.noise_root()
        return
    if system.low_rank is not None:
        return
    for state, K in zip(system.states, system.mobilities, strict=True):
        if isinstance(K, Root) or K.depends_on_state:
            continue
        smallest = float(evaluate(K, np.zeros(system.d), 0.0, system.parameters).min())
        if not smallest >= 0:
            of = f" for {state.value!r}" if len(system.states) > 1 else ""
            raise MobilityNotPositive(f"mobility: got {smallest:.6g}{of} at t = 0; it must be at least 0.")


def _array(name: str, value: Any) -> Floats:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(
            f"parameters.{name}: got {value!r:.80}; a number or an array of numbers is needed."
        ) from None
    if array.ndim > 2 or array.size == 0 or np.asarray(value).dtype == bool:
        raise InvalidArgument(
            f"parameters.{name}: got shape {array.shape} of {np.asarray(value).dtype}; a real scalar, vector or matrix "
            "is needed."
        )
    if not np.isfinite(array).all():
        raise InvalidArgument(f"parameters.{name}: got entries that are not finite.")
    array.flags.writeable = False
    return array
