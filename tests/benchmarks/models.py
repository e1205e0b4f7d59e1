"""The models that speed is measured on, as their user writes them; the same step by hand, for the peers.

W1 to W4 are the workloads that other packages were measured on, P1, P2 and P4 those of a first prototype: a ratio is of
one definition. Nothing of langevin_kit is imported until a system is built, so that a peer needs none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from langevin_kit import System


@dataclass(frozen=True)
class Model:
    """A system's arguments, a time step and where all particles start.

    Attributes
    ----------
    particles, steps : int
        Of one timed call, of about a millisecond.
    """

    arguments: Mapping[str, Any]
    time_step: float
    start: tuple[float, ...]
    particles: int = 4096
    steps: int = 64

    @property
    def n_dim(self) -> int:
        """Number of coordinates d."""
        return len(self.start)

    @property
    def temperature(self) -> float:
        """T."""
        return float(self.arguments["temperature"])

    def system(self) -> System:
        """The system; refused where this version has no such dynamics."""
        from langevin_kit import System

        return System(**self.arguments)


MULLER_BROWN = (  # A, a, b, c, x, y of A exp(a (x − x₀)² + b (x − x₀)(y − y₀) + c (y − y₀)²)
    (-200 / 20, -1.0, 0.0, -10.0, 1.0, 0.0),
    (-100 / 20, -1.0, 0.0, -10.0, 0.0, 0.5),
    (-170 / 20, -6.5, 11.0, -6.5, -0.5, 1.5),
    (15 / 20, 0.7, 0.6, 0.7, -1.0, 1.0),
)
"""Müller & Brown, Theor. Chim. Acta 53, 75 (1979), divided by 20."""

SLOPE = 0.1


@cache
def network() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Symmetric couplings U (64, 64) of norm 0.9, and inputs I (64,), of W3."""
    random = np.random.default_rng(7)
    a = random.standard_normal((64, 64))
    a = (a + a.T) / 2
    return 0.9 * a / np.abs(np.linalg.eigvalsh(a)).max(), 0.5 * random.standard_normal(64)


_PLANE = ("x", "y")
_CROSS = "0.3*x*y/((1 + x**2)*(1 + y**2))"
_TILTED = "(x**2 - 1)**2 + x*y/2 + y**2"

MODELS: dict[str, Model] = {
    "W1": Model({"energy": "(x**2 - 1)**2", "temperature": 0.5}, 1e-3, (-1.0,)),
    "W2": Model(
        {
            "energy": " + ".join(
                f"{A!r}*exp({a}*(x - ({u}))**2 + {b}*(x - ({u}))*(y - ({v})) + {c}*(y - ({v}))**2)"
                for A, a, b, c, u, v in MULLER_BROWN
            ),
            "mobility": [["1/(1 + x**2)", 0], [0, "1/(1 + y**2)"]],
            "temperature": 1.0,
            "coordinates": _PLANE,
        },
        1e-4,
        (-0.558, 1.442),
    ),
    "W3": Model(
        {
            "coordinates": {"v": 64},
            "drift": f"U @ leaky_relu(v, {SLOPE}) - v + I",
            "mobility": 1.0,
            "temperature": 0.1,
            "parameters": dict(zip("UI", network(), strict=True)),
        },
        1e-2,
        (0.0,) * 64,
        particles=256,
        steps=16,
    ),
    "W4": Model(
        {
            "energy": "(x**2 - 1)**2 + y**2/2",
            "mobility": [["1/(1 + x**2) + 0.2", _CROSS], [_CROSS, "1/(1 + y**2) + 0.2"]],
            "temperature": 0.5,
            "coordinates": _PLANE,
        },
        1e-3,
        (-1.0, 0.0),
    ),
    "P1": Model({"energy": "(x**2 - 1)**2", "temperature": 0.5}, 1e-3, (0.5,)),
    "P2": Model(
        {
            "energy": _TILTED,
            "mobility": [["1/2 + 1/(1 + x**2 + y**2)", 0], [0, "1/2 + 1/(1 + y**2)"]],
            "temperature": 0.5,
            "coordinates": _PLANE,
        },
        1e-3,
        (0.5, 0.5),
    ),
    "P4": Model(
        {
            "energy": _TILTED,
            "mobility": [
                ["1 + x**2/(1 + x**2 + y**2)", "x*y/(2*(1 + x**2 + y**2))"],
                ["x*y/(2*(1 + x**2 + y**2))", "1 + y**2/(1 + x**2 + y**2)"],
            ],
            "temperature": 0.5,
            "coordinates": _PLANE,
        },
        1e-3,
        (0.5, 0.5),
    ),
}
