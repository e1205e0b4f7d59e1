"""Coefficients of explicit Runge–Kutta schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tableau:
    """x ← x + h Σ bᵢ kᵢ with kᵢ = f(x + h Σ aᵢⱼ kⱼ, t + cᵢ h).

    Attributes
    ----------
    error : (n + 1,) or None
        Of an embedded scheme: h Σ errorᵢ kᵢ is the difference of both results, where the last k is f behind the step.
    """

    name: str
    order: int
    a: Floats
    b: Floats
    c: Floats
    error: Floats | None
    source: str

    @property
    def stages(self) -> int:
        """Evaluations of f."""
        return len(self.b)

    @cached_property
    def to_the_end(self) -> Tableau:
        """The same steps with a further stage where a step ends: its f is the next step's first."""
        n = self.stages
        a = np.zeros((n + 1, n + 1))
        a[:n, :n], a[n, :n] = self.a, self.b
        return replace(self, a=a, b=np.append(self.b, 0.0), c=np.append(self.c, 1.0))


def _tableau(
    name: str, order: int, rows: Sequence[Sequence[float]], b: Sequence[float], source: str, error: Floats | None = None
) -> Tableau:
    a = np.zeros((len(b), len(b)))
    for i, row in enumerate(rows, start=1):
        a[i, :i] = row
    return Tableau(name, order, a, np.array(b, float), a.sum(axis=1), error, source)


_DORMAND_PRINCE = [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84]
_LOWER = [5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40]

TABLEAUS: Mapping[str, Tableau] = MappingProxyType(
    {
        t.name: t
        for t in (
            _tableau("euler", 1, [], [1], "Euler 1768; Euler–Maruyama where T > 0"),
            _tableau("heun", 2, [[1]], [1 / 2, 1 / 2], "Heun, Z. Math. Phys. 45, 23, 1900"),
            _tableau("midpoint", 2, [[1 / 2]], [0, 1], "Runge, Math. Ann. 46, 167, 1895"),
            _tableau(
                "rk4",
                4,
                [[1 / 2], [0, 1 / 2], [0, 0, 1]],
                [1 / 6, 1 / 3, 1 / 3, 1 / 6],
                "Kutta, Z. Math. Phys. 46, 435, 1901",
            ),
            _tableau(
                "dormand_prince",
                5,
                [
                    [1 / 5],
                    [3 / 40, 9 / 40],
                    [44 / 45, -56 / 15, 32 / 9],
                    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
                    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
                ],
                _DORMAND_PRINCE,
                "Dormand & Prince, J. Comput. Appl. Math. 6, 19, 1980",
                np.append(_DORMAND_PRINCE, 0) - np.array(_LOWER),
            ),
        )
    }
)
"""Schemes by name."""
