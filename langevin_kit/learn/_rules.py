"""Rules of learning: what a change of the parameters is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.learn._moments import Slopes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """How parameters change: along minus ⟨∂E/∂θ⟩ of the data, and against what keeps them finite.

    Attributes
    ----------
    free : str
        Where the second ensemble, which is not held at the data, begins: "persistent", where it was; "data", at the
        data each time; empty, if there is none. Its ⟨∂E/∂θ⟩ is added.
    oja : bool
        Whether U ⟨f fᵀ⟩ is taken off a matrix U, whose slope is −g fᵀ.
    """

    free: str = ""
    oja: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether there is anything against the growth of U."""
        return bool(self.free) or self.oja


RULES = {
    "likelihood": Rule(free="persistent"),
    "contrastive": Rule(free="data"),
    "oja": Rule(oja=True),
    "hebb": Rule(),
}
"""By name: the gradient of the likelihood with persistent chains, contrastive divergence, Oja's rule, and Hebb's."""


def rule_of(name: str) -> Rule:
    """The rule of that name."""
    if name not in RULES:
        raise InvalidArgument(f"rule: got {name!r}{did_you_mean(str(name), RULES)}.")
    return RULES[name]


def require_outer(slopes: Slopes) -> None:
    """Refuse Oja's rule where a slope is no single outer product of a matrix."""
    for name in slopes.names:
        if name not in slopes.outer:
            raise InvalidArgument(
                f"rule: got 'oja' for {name!r}; it is for matrices U that stand once in the energy, as −g·(U f). Learn "
                "those alone, or take 'likelihood'."
            )


def decay_of_oja(slopes: Slopes, x: Floats, parameters: Mapping[str, Floats]) -> dict[str, Floats]:
    """U ⟨f fᵀ⟩ over the columns of x, by name."""
    return {name: parameters[name] @ (f @ f.T) / x.shape[1] for name, f in slopes.right(x, parameters).items()}


def bounded(matrix: Floats, largest: float) -> Floats:
    """The nearest matrix without larger singular values."""
    left, sigma, right = np.linalg.svd(matrix, full_matrices=False)
    return matrix if sigma[0] <= largest else np.asarray((left * np.minimum(sigma, largest)) @ right)
