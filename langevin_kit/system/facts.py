"""What the rest of the package asks about a system's expressions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Facts:
    """Properties that are decided once, when a system is read.

    Attributes
    ----------
    is_diagonal : bool
        K has no entries beside its diagonal.
    is_symmetric : bool
        K is seen to have no antisymmetric part.
    has_own_noise : bool
        Each coordinate is seen to have a noise of its own: K is diagonal, and Kᵃᵃ depends on no other coordinate.
    noisy : sequence of int
        The coordinates with noise: Sᵃᵃ is not zero everywhere.
    has_drift : bool
        There is an extra drift b, so that q = μ exp(−E/T)/Z need not be stationary.
    has_constant_mobility : bool
        K does not depend on position.
    energy_depends_on_time : bool
        E, and with it q, changes with time.
    depends_on_time : bool
        E, K or b changes with time.
    has_kinks : bool
        The slope of E may jump.
    is_quadratic : bool
        E is a polynomial of degree two, or less, in the coordinates, and μ = 1: then q is a normal law.
    may_jump : bool
        K holds what may make it jump: a comparison, a branch, an absolute value.
    is_linear : bool
        The force b − K∇E is seen to be linear, K to be constant, neither to depend on time, and μ = 1.
    is_underdamped : bool
        The coordinates are seen to be positions q and as many momenta p with E = V(q, t) + Σ pᵢ²/2mᵢ, no extra drift,
        μ = 1 and K = [[0, −1], [1, γ(q)]] with a diagonal γ.
    has_measure : bool
        The reference measure μ is not 1.
    has_ensemble_mobility : bool
        K is the covariance of the ensemble.
    drift_may_jump : bool
        The extra drift holds what may make it, or its slope, jump.
    is_spins : bool
        The coordinates are spins ±1, which no differential equation moves.
    has_short_couplings : bool
        Of spins: couplings are whole multiples of their unit below 2¹⁵, and fields below 2³¹.
    """

    is_diagonal: bool
    is_symmetric: bool
    has_own_noise: bool
    noisy: Sequence[int]
    has_drift: bool
    has_constant_mobility: bool
    energy_depends_on_time: bool
    depends_on_time: bool
    has_kinks: bool
    is_quadratic: bool
    may_jump: bool
    is_linear: bool
    is_underdamped: bool
    has_measure: bool
    has_ensemble_mobility: bool
    drift_may_jump: bool = False
    is_spins: bool = False
    has_short_couplings: bool = False

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """From text."""
        return cls(**json.loads(text))
