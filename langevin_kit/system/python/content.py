"""What a system of plain Python functions holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.system.facts import Facts
from langevin_kit.system.python.function import PythonFunction
from langevin_kit.system.python.model import FunctionModel

if TYPE_CHECKING:
    from langevin_kit.system.derive import Derived

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Functions:
    """Energy, mobility, drift and measure as plain Python functions or numbers."""

    coordinates: tuple[str, ...]
    parameters: Mapping[str, float]
    energy: Any
    mobility: Any
    drift: Any
    measure: Any = 1.0

    @cached_property
    def model(self) -> FunctionModel:
        """The functions with the source of what the dynamics need from them.

        Raises
        ------
        InvalidArgument, InvalidExpression
        """
        return FunctionModel(
            coordinates=self.coordinates,
            parameters=self.parameters,
            energy=self._entry("energy", self.energy),
            mobility=self._entries("mobility", self.mobility),
            drift=None if self.drift is None else self._entries("drift", self._drift),
            measure=self._entry("measure", self.measure),
        )

    @property
    def _drift(self) -> Any:
        return self.drift if isinstance(self.drift, tuple) or callable(self.drift) else (self.drift,)

    def _entries(self, field: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._entries(f"{field}[{k}]", entry) for k, entry in enumerate(value))
        return self._entry(field, value)

    def _entry(self, field: str, value: Any) -> Any:
        if isinstance(value, str):
            raise InvalidArgument(
                f"{field}: got the text {value!r} beside a Python function; write it as a function too, or all as text."
            )
        names = (*self.coordinates, *self.parameters, *(() if field == "measure" else ("t",)))
        return PythonFunction(value, names, field=field) if callable(value) else value

    @cached_property
    def fingerprint(self) -> str:
        """All that decides the code; a name of its own for functions whose change could not be noticed."""
        known = self.model.fingerprint
        # The definitions hold what is no function: numbers, and which field each function serves.
        return f"functions {uuid4().hex if known is None else known.hex()} {self.coordinates} {self.model.definitions}"

    @cached_property
    def facts(self) -> Facts:
        """Properties of the functions."""
        model = self.model
        model.dense  # noqa: B018  (what cannot be compiled is refused here)
        timed = ["t" in function.arguments for function in model.functions]
        energy = isinstance(model.energy, PythonFunction) and "t" in model.energy.arguments
        entries = self.mobility if isinstance(self.mobility, tuple) else ((self.mobility,),)
        return Facts(
            is_diagonal=all(a == b for a, b in model.entries),
            is_symmetric=self._is_symmetric,
            has_own_noise=self._has_own_noise,
            noisy=[a for a in range(len(self.coordinates)) if (a, a) in model.entries],
            has_drift=self.drift is not None,
            has_constant_mobility=not any(callable(entry) for row in entries for entry in row),
            energy_depends_on_time=energy,
            depends_on_time=any(timed),
            has_kinks=False,
            is_quadratic=False,
            may_jump=any(callable(entry) for row in entries for entry in row),
            is_linear=False,
            is_underdamped=False,
            has_measure=model.has_measure,
            has_ensemble_mobility=False,
        )

    @property
    def _is_symmetric(self) -> bool:
        """As it is seen: one function, or one number, for an entry and its mirror image."""
        rows, d = self.mobility, len(self.coordinates)
        if isinstance(rows, tuple):
            return all(rows[a][b] is rows[b][a] or rows[a][b] == rows[b][a] for a in range(d) for b in range(a))
        return all(a == b for a, b in self.model.entries)

    @property
    def _has_own_noise(self) -> bool:
        model = self.model
        if any(a != b for a, b in model.entries):
            return False
        rows = model.mobility if isinstance(model.mobility, tuple) else None
        own = [rows[a][a] if rows else model.mobility for a in range(len(self.coordinates))]
        return all(
            not isinstance(entry, PythonFunction) or {*entry.arguments} & {*self.coordinates} <= {x}
            for entry, x in zip(own, self.coordinates, strict=True)
        )

    @cached_property
    def derived(self) -> Derived:
        """The coordinates and parameters as symbols, for observables; no energy and no mobility."""
        from langevin_kit.system.derive import derive

        return derive(self.coordinates, tuple(self.parameters), 0, 1, None)

    @property
    def values(self) -> Floats:
        """The parameters in their order."""
        return np.array(list(self.parameters.values()), np.float64)

    def evaluate(self, what: str, x: Floats, t: float) -> Floats:
        """One of the quantities of `langevin_kit.system.texts.SHAPES` at x (d, ...)."""
        if what == "log_measure":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(np.log(self.evaluate("measure", x, t)))
        found = self.model.evaluate(what, x, t)
        return found[0] if what in ("energy", "measure") else found

    def slopes(self, x: Floats, t: float) -> tuple[Floats, Floats]:
        """∂E (d, n) and ∂_c K as [c, a, b, point] at x (d, n)."""
        return self.model.evaluate("gradient", x, t), self.model.evaluate("mobility_slope", x, t)

    def force_noise(self, x: Floats, covariance: Floats, shift: Floats, t: float) -> tuple[Floats, Floats]:
        """What `langevin_kit.system.linear_noise` gives for the force, by dual numbers."""
        jacobian, curvature = (
            self.model.evaluate("drift_jacobian", x, t)[0],
            self.model.evaluate("force_curvature", x, t),
        )
        bend = np.einsum("abc...,bc...->a...", curvature, covariance)
        along = np.einsum("ab...,b...->a...", jacobian, shift)
        return np.einsum("ab...,bc...->ac...", jacobian, covariance), along + 0.5 * bend
