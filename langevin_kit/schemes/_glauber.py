"""The rule that moves spins, as a run knows schemes: it has no time step, and what it does is compiled by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.schemes._scheme import Scheme
from langevin_kit.system import System


def _no_step(s: Any) -> Any:
    raise NotImplementedError("spins have no differential equation")


def _constants(system: System, time_step: float) -> NDArray[np.float64]:
    """The couplings in 16 bits, where they fit, four of them in the room of one number: a flip reads a row of them."""
    W = system.parameters["couplings"]
    if not system.facts.has_short_couplings:
        return np.zeros(0)
    packed = np.zeros(-(-W.size // 4) * 4, np.int16)
    packed[: W.size] = W.ravel()
    return packed.view(np.float64)


GLAUBER = Scheme(
    "glauber",
    _no_step,
    calculus="none",
    strong_order=0.0,
    weak_order=0.0,
    evaluations=1,
    source="Glauber, J. Math. Phys. 4, 294 (1963)",
    needs=("spins",),
    use="spins",
    counts="flips",
    constants=_constants,
    is_stable=True,
)
