"""Models of plain Python functions → source of inlined functions whose derivatives come from dual numbers.

All of it is generic in its numbers: with plain ones `coefficients` gives the terms of a step, with dual ones their
derivatives as well, so the Jacobian of the drift needs no formula of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from langevin_kit.cache import load
from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system.python.function import PythonFunction, refusing
from langevin_kit.system.python.measure import measure_source

Entry: TypeAlias = PythonFunction | float
Matrix: TypeAlias = tuple[tuple[Entry, ...], ...]

MAX_COORDINATES = 9
"""Names such as `s12` hold one digit a coordinate; more of them belong in registers no more."""

_HEADER = """\
from langevin_kit.kernels.dual import constant, derivative, leaf_value, like, multiply_add, value, variable, widen
from langevin_kit.kernels.jit import cached_driver, inline
"""

_DEFINITIONS = """\
@inline
def model_energy({state}):
    return {energy}

@inline
def model_mobility({state}):
{mobility}
{drift}{measure}
@inline
def model_gradient({state}):
    e = model_energy({duals})
    return ({gradient},)

@inline
def model_coefficients({state}):
    {names} = {duals}
    e = model_energy({names})
    {mobility_names} = model_mobility({names})
{assembly}
    return ({outputs},)
"""

_EVALUATOR = """\
@cached_driver
def evaluate(X, t, parameters, out):
    {unpack}
    for i in range(X.shape[1]):
        {load}
        {targets} = {call}
        {store}
"""

_SIGNATURE = (
    types.Array(types.float64, 2, "C"),
    types.float64,
    types.Array(types.float64, 1, "C"),
    types.Array(types.float64, 2, "C"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class FunctionModel:
    r"""The functions E, K, b and μ of a model, and the source of what its dynamics need from them.

    .. math:: f^a = b^a - K^{ab} ∂_b E, \quad (∇·K)^a = ∂_b K^{ab}, \quad S = (K + K^T)/2, \quad K^{ab} ∂_b \ln μ

    Parameters
    ----------
    coordinates : sequence of str
        Their names, d of them.
    parameters : mapping of str to float
        Names and values; the values only serve to see what the functions return.
    energy : PythonFunction or number
        E(x, t).
    mobility : PythonFunction, number, or d × d nested tuple of them
        K(x, t); one function may give a number or a d × d tuple of rows.
    drift : PythonFunction, d of them or of numbers, or None
        b(x, t), added to the force; one function gives a tuple of d numbers.
    measure : PythonFunction or number
        μ(x).

    Raises
    ------
    InvalidArgument, InvalidExpression
        With the field's name, what was got and what is allowed.

    Examples
    --------
    >>> well = PythonFunction(lambda x: (x * x - 1) ** 2, ("x",), field="energy")
    >>> model = FunctionModel(coordinates=("x",), parameters={}, energy=well)
    >>> model.evaluate("gradient", [[0.5]])
    array([[-1.5]])
    """

    coordinates: Sequence[str]
    parameters: Mapping[str, float]
    energy: Entry = 0.0
    mobility: Entry | Matrix = 1.0
    drift: PythonFunction | tuple[Entry, ...] | None = None
    measure: Entry = 1.0

    def __post_init__(self) -> None:
        d = len(self.coordinates)
        if not 1 <= d <= MAX_COORDINATES:
            raise InvalidArgument(f"coordinates: got {d} names; 1 to {MAX_COORDINATES} are allowed with functions.")
        self._check("energy", self.energy, ((),))
        self._check("measure", self.measure, ((),))
        if not isinstance(self.measure, PythonFunction) and self.measure <= 0:
            raise InvalidArgument(f"measure: got {self.measure!r}; it must be positive.")
        if isinstance(self.mobility, tuple):
            if len(self.mobility) != d or any(len(row) != d for row in self.mobility):
                got = [len(row) for row in self.mobility]
                raise InvalidArgument(f"mobility: got rows of lengths {got}; a {d} × {d} matrix is needed.")
            for entry in (entry for row in self.mobility for entry in row):
                self._check("mobility", entry, ((),))
        else:
            self._check("mobility", self.mobility, ((), (d, d)))
        if isinstance(self.drift, tuple):
            if len(self.drift) != d:
                raise InvalidArgument(f"drift: got {len(self.drift)} entries; {d} are needed, one a coordinate.")
            for entry in self.drift:
                self._check("drift", entry, ((),))
        elif self.drift is not None:
            self._check("drift", self.drift, ((d,),) if d > 1 else ((d,), ()))

    def _check(self, field: str, entry: Entry, allowed: tuple[tuple[int, ...], ...]) -> None:
        if isinstance(entry, PythonFunction):
            shape = self._shape(entry)
            if shape not in allowed:
                wanted = " or ".join("a number" if not s else f"a tuple of shape {s}" for s in allowed)
                raise InvalidArgument(
                    f"{entry.field}: the function {entry.name} returns a tuple of shape {shape}; {wanted} is needed."
                    if shape
                    else f"{entry.field}: the function {entry.name} returns a number; {wanted} is needed."
                )
        elif isinstance(entry, bool) or not isinstance(entry, int | float) or not np.isfinite(entry):
            raise InvalidArgument(f"{field}: got {entry!r:.80}; a function or a finite number is needed.")

    def _shape(self, function: PythonFunction) -> tuple[int, ...]:
        x = {name: 0.6 + 0.1 * a for a, name in enumerate(self.coordinates)}
        return function.shape({**x, **self.parameters, "t": 0.3})

    @property
    def functions(self) -> tuple[PythonFunction, ...]:
        """All functions, each once, in the order of their names ``user_0``, ``user_1`` … in the source."""
        mobility = self.mobility if isinstance(self.mobility, tuple) else ((self.mobility,),)
        drift = self.drift if isinstance(self.drift, tuple) else (self.drift,)
        entries = (self.energy, *(entry for row in mobility for entry in row), *drift, self.measure)
        return tuple(dict.fromkeys(entry for entry in entries if isinstance(entry, PythonFunction)))

    @property
    def compiled(self) -> dict[str, Callable[..., Any]]:
        """The functions by their names in the source, for `langevin_kit.cache.load`."""
        return {f"user_{k}": function.compiled for k, function in enumerate(self.functions)}

    @cached_property
    def fingerprint(self) -> bytes | None:
        """Of all functions; None if one cannot be fingerprinted."""
        prints = [function.fingerprint for function in self.functions]
        known = [p for p in prints if p is not None]
        return hashlib.sha256(b"".join(known)).digest() if len(known) == len(prints) else None

    @cached_property
    def state(self) -> str:
        """Arguments of every generated function: ``t, x0, x1, p0``."""
        d, n = len(self.coordinates), len(self.parameters)
        return ", ".join(["t", *(f"x{a}" for a in range(d)), *(f"p{j}" for j in range(n))])

    @property
    def outputs(self) -> tuple[str, ...]:
        """What ``model_coefficients`` returns: ``force0, …, divergence0, …``, upper rows of S, K, and ``entropic0, …``.

        The last are K ∇ ln μ, where μ is not 1.
        """
        d = len(self.coordinates)
        vectors = [f"{kind}{a}" for kind in ("force", "divergence") for a in range(d)]
        entropic = [f"entropic{a}" for a in range(d)] if self.has_measure else []
        own = map(self.value_of, self._mobility[1])
        return (*vectors, *(f"s{a}{b}" for a in range(d) for b in range(a, d)), *own, *entropic)

    @property
    def has_measure(self) -> bool:
        """Whether μ is not 1."""
        return isinstance(self.measure, PythonFunction) or self.measure != 1

    @staticmethod
    def value_of(entry: str) -> str:
        """What one of `entries` is called as a number without derivatives."""
        return f"v{entry}"

    @property
    def lines(self) -> list[str]:
        """Source that computes `outputs` from the names of `state`, all in the type of the coordinates."""
        return [f"({', '.join(self.outputs)},) = model_coefficients({self.state})"]

    @property
    def mobility_line(self) -> str:
        """Source that computes `entries` alone, as numbers without derivatives."""
        return f"{_targets(self._mobility[1])} = model_mobility({self._constants})"

    @property
    def energy_line(self) -> str:
        """Source of E from the names of `state`."""
        return f"leaf_value(model_energy({self._constants}))"

    @property
    def log_measure_line(self) -> str:
        """Source of ln μ from the names of `state`, if μ is not 1."""
        return f"log(leaf_value(model_measure({self._constants})))"

    @property
    def definitions(self) -> str:
        """Source of the inlined functions, with its imports; it needs `compiled` among its globals."""
        return self._definitions(self.dense)

    @cached_property
    def dense(self) -> bool:
        """Whether all numbers have all derivatives, which a loop over a tuple of coordinates needs.

        Raises
        ------
        InvalidExpression
            The functions cannot be compiled.
        """
        try:
            self._compiled("coefficients", False)
        except NumbaError:
            with refusing(self.functions):
                self._compiled("coefficients", True)
            return True
        return False

    def evaluate(
        self, what: str, x: Any, t: float = 0.0, parameters: Sequence[float] | None = None
    ) -> NDArray[np.float64]:
        """A quantity at points x of shape (d, ...), in float64.

        Parameters
        ----------
        what : str
            ``energy`` (1, ...), ``gradient`` (d, ...), ``hessian`` (d, d, ...), ``mobility`` K (d, d, ...),
            ``mobility_slope`` ∂_c Kᵃᵇ as [c, a, b] (d, d, d, ...),
            ``mobility_divergence`` and ``transposed_divergence`` (d, ...), ``force`` b − K∇E (d, ...),
            ``force_curvature``, its second derivatives (d, d, d, ...), or
            ``drift_jacobian`` (2, d, d, ...): the derivatives of the force and of ∇·K + K ∇ ln μ, which goes with T;
            ``measure`` (1, ...), ``log_measure_gradient`` and
            ``entropic`` K ∇ ln μ (d, ...), ``log_measure_hessian`` (d, d, ...).
        x : array_like
            Positions.
        t : float
            Time.
        parameters : sequence of float, optional
            In the order of the model's parameters; its own values otherwise.
        """
        if what not in _SHAPES:
            raise InvalidArgument(f"what: unknown quantity {what!r}{did_you_mean(what, _SHAPES)}.")
        d = len(self.coordinates)
        x = np.asarray(x, np.float64)
        if x.ndim < 1 or x.shape[0] != d:
            raise InvalidArgument(f"x: got shape {x.shape}; the first axis must have length d = {d}.")
        shape = _SHAPES[what](d)
        values = np.array(list(self.parameters.values()) if parameters is None else parameters, np.float64)
        if values.shape != (len(self.parameters),):
            wanted = ", ".join(self.parameters) or "none"
            raise InvalidArgument(f"parameters: got shape {values.shape}; {len(self.parameters)} are needed: {wanted}.")
        points = np.ascontiguousarray(x.reshape(d, -1))
        out = np.empty((int(np.prod(shape)), points.shape[1]))
        self._compiled(what, self.dense)(points, float(t), values, out)
        return out.reshape(*shape, *x.shape[1:])

    def _compiled(self, what: str, dense: bool) -> Callable[..., None]:
        source = self._definitions(dense) + self._evaluator(what, dense)
        function: Any = load(source, self.compiled, self.fingerprint).evaluate
        function.compile(_SIGNATURE)
        evaluator: Callable[..., None] = function
        return evaluator

    def _evaluator(self, what: str, dense: bool) -> str:
        d, g, force = len(self.coordinates), self._vector("g"), self._vector("force")
        first, second, third = f"{self.state}", self._duals(dense), self._duals(dense, twice=True)
        call, targets, stores = {
            "energy": (f"model_energy({self._constants})", ["e"], ["e"]),
            "gradient": (f"model_gradient({first})", g, g),
            "hessian": (f"model_gradient({second})", g, _jacobian(g, d)),
            "mobility": (
                f"model_mobility({self._constants})",
                self._mobility[1],
                [self.entries.get((a, b), "0.0") for a in range(d) for b in range(d)],
            ),
            "mobility_slope": (
                f"model_mobility({second})",
                self._mobility[1],
                [
                    f"derivative({self.entries[a, b]}, {c})" if (a, b) in self.entries else "0.0"
                    for c in range(d)
                    for a in range(d)
                    for b in range(d)
                ],
            ),
            "mobility_divergence": (f"model_coefficients({first})", [*self.outputs], self._vector("divergence")),
            "transposed_divergence": (
                f"model_mobility({second})",
                self._mobility[1],
                [
                    " + ".join(f"derivative({self.entries[b, a]}, {b})" for b in range(d) if (b, a) in self.entries)
                    or "0.0"
                    for a in range(d)
                ],
            ),
            "force": (f"model_coefficients({first})", [*self.outputs], force),
            "entropic": (f"model_coefficients({first})", [*self.outputs], self._vector("entropic")),
            "coefficients": (f"model_coefficients({first})", [*self.outputs], [*self.outputs]),
            "drift_jacobian": (
                f"model_coefficients({second})",
                [*self.outputs],
                [*_jacobian(force, d), *_jacobian(self._pushes, d)],
            ),
            "force_curvature": (f"model_coefficients({third})", [*self.outputs], _jacobian(_jacobian(force, d), d)),
            "measure": (f"model_measure({self._constants})", ["m"], ["m"]),
            "log_measure_gradient": (f"model_log_measure_gradient({first})", g, g),
            "log_measure_hessian": (f"model_log_measure_gradient({second})", g, _jacobian(g, d)),
        }[what]
        return _EVALUATOR.format(
            unpack="; ".join(f"p{j} = parameters[{j}]" for j in range(len(self.parameters))) or "pass",
            load="; ".join(f"x{a} = X[{a}, i]" for a in range(d)),
            targets=_targets(targets) if what not in ("energy", "measure") else targets[0],
            call=call,
            store="; ".join(f"out[{k}, i] = leaf_value({source})" for k, source in enumerate(stores)),
        )

    def _vector(self, name: str) -> list[str]:
        return [f"{name}{a}" for a in range(len(self.coordinates))]

    @property
    def _pushes(self) -> list[str]:
        """Names of ∇·K + K ∇ ln μ."""
        divergence = self._vector("divergence")
        return [f"({name} + entropic{a})" for a, name in enumerate(divergence)] if self.has_measure else divergence

    @property
    def _dual_names(self) -> list[str]:
        return ["u", *self._vector("y"), *(f"q{j}" for j in range(len(self.parameters)))]

    @property
    def _constants(self) -> str:
        return ", ".join(f"constant({name})" for name in self.state.split(", "))

    def _duals(self, dense: bool, *, twice: bool = False) -> str:
        d, names = len(self.coordinates), self.state.split(", ")
        for _ in range(1 + twice):
            x = [f"variable({name}, {a})" for a, name in enumerate(names[1 : d + 1])]
            x = [f"widen({v}, {d})" for v in x] if dense else x
            names = [f"constant({names[0]})", *x, *(f"constant({name})" for name in names[d + 1 :])]
        return ", ".join(names)

    def _source_of(self, entry: Entry) -> str:
        """A call of the function, or a literal."""
        if not isinstance(entry, PythonFunction):
            return repr(float(entry))
        given = ("t", *self.coordinates, *self.parameters)
        names = dict(zip(given, self.state.split(", "), strict=True))
        return f"user_{self.functions.index(entry)}({', '.join(names[name] for name in entry.arguments)})"

    @cached_property
    def entries(self) -> dict[tuple[int, int], str]:
        """The entries of K that are not zero, by the names that `model_mobility` gives them."""
        d = len(self.coordinates)
        pairs = [(a, b) for a in range(d) for b in range(d)]
        if isinstance(self.mobility, tuple):
            rows = self.mobility
            return {(a, b): f"k{a}{b}" for a, b in pairs if isinstance(rows[a][b], PythonFunction) or rows[a][b] != 0}
        if isinstance(self.mobility, PythonFunction) and self._shape(self.mobility):
            return {(a, b): f"k{a}{b}" for a, b in pairs}
        return {(a, a): "k" for a in range(d)}

    @cached_property
    def _mobility(self) -> tuple[list[str], list[str]]:
        """Lines that compute the entries of K, and their names."""
        names = list(dict.fromkeys(self.entries.values()))
        if isinstance(self.mobility, tuple):
            rows = self.mobility
            lines = [f"{name} = {self._source_of(rows[a][b])}" for (a, b), name in self.entries.items()]
        else:
            lines = [f"k = {self._source_of(self.mobility)}"]
            lines += [f"{name} = k[{a}][{b}]" for (a, b), name in self.entries.items() if name != "k"]
        return [*lines, f"return {_numbers(names)}"], names

    @property
    def _drift(self) -> str:
        """Source of ``model_drift``, if there is one."""
        if self.drift is None:
            return ""
        lines, names = [], []
        if isinstance(self.drift, PythonFunction):
            lines = [f"b = {self._source_of(self.drift)}"]
            names = [f"b[{a}]" for a in range(len(self.coordinates))] if self._shape(self.drift) else ["b"]
        else:
            names = [self._source_of(entry) for entry in self.drift]
        lines.append(f"return {_numbers(names)}")
        return f"\n@inline\ndef model_drift({self.state}):\n{_indent(lines)}\n"

    @property
    def _assembly(self) -> list[str]:
        d = len(self.coordinates)
        dual_state = ", ".join(self._dual_names)
        lines = [f"{_targets(self._vector('b'))} = model_drift({dual_state})"] if self.drift is not None else []
        lines += [f"m = model_measure({dual_state})"] if self.has_measure else []
        lines += [f"g{a} = derivative(e, {a})" for a in range(d)]
        lines += [f"{self.value_of(name)} = value({name})" for name in self._mobility[1]]
        for a in range(d):
            row = [(b, self.entries[a, b]) for b in range(d) if (a, b) in self.entries]
            force = f"value(b{a})" if self.drift is not None else ""
            for b, name in row:
                force = f"multiply_add(-v{name}, g{b}, {force})" if force else f"-v{name}*g{b}"
            lines.append(f"force{a} = {force or 'like(0.0, x0)'}")
            divergence = " + ".join(f"derivative({name}, {b})" for b, name in row)
            lines.append(f"divergence{a} = {divergence or 'like(0.0, x0)'}")
            if self.has_measure:
                terms = " + ".join(f"v{name}*derivative(m, {b})/value(m)" for b, name in row)
                lines.append(f"entropic{a} = {terms or 'like(0.0, x0)'}")
        for a in range(d):
            for b in range(a, d):
                pair = [f"v{self.entries[p]}" for p in ((a, b), (b, a)) if p in self.entries]
                half = f"like(0.5, x0)*({' + '.join(pair)})"
                lines.append(f"s{a}{b} = {'like(0.0, x0)' if not pair else pair[0] if a == b else half}")
        return lines

    def _definitions(self, dense: bool) -> str:
        d = len(self.coordinates)
        return _HEADER + _DEFINITIONS.format(
            state=self.state,
            energy=f"like({self._source_of(self.energy)}, x0)",
            mobility=_indent(self._mobility[0]),
            drift=self._drift,
            measure=measure_source(self.state, self._source_of(self.measure), self._duals(dense), d)
            if self.has_measure
            else "",
            duals=self._duals(dense),
            names=", ".join(self._dual_names),
            gradient=", ".join(f"derivative(e, {a})" for a in range(d)),
            mobility_names=_targets(self._mobility[1]),
            assembly=_indent(self._assembly),
            outputs=", ".join(self.outputs),
        )


_SHAPES: dict[str, Callable[[int], tuple[int, ...]]] = {
    "energy": lambda d: (1,),
    "gradient": lambda d: (d,),
    "hessian": lambda d: (d, d),
    "mobility": lambda d: (d, d),
    "mobility_slope": lambda d: (d, d, d),
    "mobility_divergence": lambda d: (d,),
    "transposed_divergence": lambda d: (d,),
    "force": lambda d: (d,),
    "entropic": lambda d: (d,),
    "force_curvature": lambda d: (d, d, d),
    "drift_jacobian": lambda d: (2, d, d),
    "measure": lambda d: (1,),
    "log_measure_gradient": lambda d: (d,),
    "log_measure_hessian": lambda d: (d, d),
}


def _jacobian(names: Sequence[str], d: int) -> list[str]:
    return [f"derivative({name}, {b})" for name in names for b in range(d)]


def _numbers(sources: Sequence[str]) -> str:
    """A tuple of numbers in the type of the coordinates."""
    return _targets([f"like({source}, x0)" for source in sources])


def _targets(names: Sequence[str]) -> str:
    return f"({', '.join(names)},)"


def _indent(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
