"""What a system of scalar expressions holds: its texts, and their formulas as NumPy functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit import cache
from langevin_kit.system import fields
from langevin_kit.system.ensemble import ENSEMBLE, n_values
from langevin_kit.system.facts import Facts
from langevin_kit.system.linear_noise import linear_noise

if TYPE_CHECKING:
    from langevin_kit.system.derive import Derived

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Texts:
    """Energy, mobility, drift and measure as text or numbers.

    What SymPy makes of them is remembered, so that a system that was met before needs no SymPy.
    """

    coordinates: tuple[str, ...]
    parameters: Mapping[str, float]
    energy: Any
    mobility: Any
    drift: Any
    measure: Any = 1.0

    @cached_property
    def fingerprint(self) -> str:
        """All that decides the formulas: texts and names, not the values of parameters."""
        texts = (self.energy, self.mobility, self.drift, *(() if self.measure == 1 else (self.measure,)))
        return json.dumps([texts, self.coordinates, list(self.parameters)], default=repr)

    @cached_property
    def facts(self) -> Facts:
        """Properties of the expressions.

        Raises
        ------
        InvalidExpression, InvalidArgument
            For a faulty text.
        """
        return Facts.from_json(cache.remember(f"facts {self.fingerprint}", lambda: self.derived.facts().to_json()))

    @cached_property
    def derived(self) -> Derived:
        """The texts as symbols, with their exact derivatives."""
        from langevin_kit.system.derive import derive, derive_ensemble

        names = self.coordinates, tuple(self.parameters)
        if self.mobility == ENSEMBLE:
            return derive_ensemble(*names, self.energy, self.drift, self.measure)
        return derive(*names, self.energy, self.mobility, self.drift, self.measure)

    def require_expression(self, text: Any, field: str) -> None:
        """Refuse what is no expression in these names; a text that was met before is not read again.

        Raises
        ------
        InvalidExpression
        """

        def read() -> str:
            from langevin_kit.system.expression import parse

            return str(parse(text, self.derived.symbols(), field=field, logical=logical))

        logical = field in ("mobility", "drift")
        cache.remember(f"expression {self.fingerprint} {text!r} {logical}", read)

    @property
    def values(self) -> Floats:
        """The parameters in their order; behind them places for what an ensemble's mobility is made of."""
        unknown = n_values(len(self.coordinates)) if self.mobility == ENSEMBLE else 0
        return np.array([*self.parameters.values(), *[np.nan] * unknown], np.float64)

    def source(self, what: str) -> str:
        """Source of a NumPy function of position, by its name in `Derived`."""
        return cache.remember(f"{what} {self.fingerprint}", lambda: self.derived.array_source(what))

    def evaluate(self, what: str, x: Floats, t: float) -> Floats:
        """One of `SHAPES` at x (d, ...)."""
        function = fields.compiled(self.source(what))[what]
        rows = fields.rows(function, x, t, tuple(self.values))
        return rows.reshape((*SHAPES[what](len(self.coordinates)), *x.shape[1:]))

    def differentiable(self, what: str, x: Any, t: float) -> list[Any]:
        """The rows of `evaluate` from coordinates of any kind of number that NumPy's functions take."""
        function = fields.compiled(self.source(what))[what]
        return list(function(np.float64(t), *x, *map(np.float64, self.values)))

    def force_noise(self, x: Floats, covariance: Floats, shift: Floats, t: float) -> tuple[Floats, Floats]:
        """What `langevin_kit.system.linear_noise` gives for the force."""
        d = len(x)

        def along(x: Any, v: Any) -> Any:
            with np.errstate(all="ignore"):
                jacobian = self.differentiable("drift_jacobian", x, t)[: d * d]
                return np.stack([sum(jacobian[a * d + b] * v[b] for b in range(d)) for a in range(d)])

        return linear_noise(along, x, covariance, shift)


SHAPES: dict[str, Any] = {
    "energy": lambda d: (),
    "gradient": lambda d: (d,),
    "mobility_divergence": lambda d: (d,),
    "transposed_divergence": lambda d: (d,),
    "force": lambda d: (d,),
    "mobility": lambda d: (d, d),
    "hessian": lambda d: (d, d),
    "drift_jacobian": lambda d: (2, d, d),
    "measure": lambda d: (),
    "log_measure": lambda d: (),
    "log_measure_gradient": lambda d: (d,),
    "entropic": lambda d: (d,),
    "log_measure_hessian": lambda d: (d, d),
}
"""Quantities by name, and their shape in front of the points'."""
