"""What all particles move by together: the numbers of an ensemble's mobility, from sums that no device decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends._protocol import Program
from langevin_kit.observables import Sums, moments
from langevin_kit.system.ensemble import n_values, values

Floats = NDArray[np.float64]


class Collective:
    """The mobility of an ensemble, step by step.

    Attributes
    ----------
    program : Program
        Measures mean and covariance of the positions alone.
    parameters_now : array
        What compiled code took for the last step.
    """

    def __init__(self, program: Program) -> None:
        self.program = replace(program, plan=moments(program.system), n_kept=0)
        self.parameters_now = program.parameters.copy()
        self._first = len(program.system.parameters)

    def parameters(self, sums: Sums) -> Floats:
        """What compiled code takes for the next step."""
        d = self.program.system.n_dim
        known = {tuple(pair): k for k, pair in enumerate(self.program.plan.pairs.tolist())}
        pairs = [[known[min(a, b), max(a, b)] for b in range(d)] for a in range(d)]
        covariance = sums.comoment[np.array(pairs)] / sums.n
        self.parameters_now[self._first : self._first + n_values(d)] = values(sums.mean[:d], covariance, sums.n)
        return self.parameters_now


def collective_of(program: Program) -> Collective | None:
    """What the steps of a program have in common; None where each particle has a mobility of its own."""
    return Collective(program) if program.system.facts.has_ensemble_mobility else None
