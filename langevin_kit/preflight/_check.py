"""`check`: what can be known of a system before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, NotNormalizable, StepTooLarge
from langevin_kit.estimate import Boltzmann, boltzmann, closed_laws
from langevin_kit.preflight.arguments import require_time_step
from langevin_kit.preflight.derivatives import POINTS, DualNumbers, require_derivatives, require_stationary
from langevin_kit.preflight.jumps import Jump, find_jump
from langevin_kit.preflight.manifold import on_manifold, require_manifold
from langevin_kit.preflight.periodicity import require_periodic
from langevin_kit.preflight.positivity import eigenvalue_range, require_measure
from langevin_kit.preflight.rates import ENTRIES, MEANING, rates, suggest
from langevin_kit.preflight.reach import require_reached
from langevin_kit.preflight.region import TYPICAL, mesh, place, region, require_inside
from langevin_kit.system import System

Floats = NDArray[np.float64]

STABILITY = 2.0
"""The explicit step multiplies a deviation by 1 − rate·Δt, so it grows beyond this."""


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes
    ----------
    law : Boltzmann or None
        The Boltzmann law at the first time.
    no_law : str
        Why there is none.
    mobility_range : (float, float)
        Least and greatest eigenvalue of S = (K + Kᵀ)/2 in the typical region.
    rates : dict
        The fastest rates by name: see `langevin_kit.preflight.rates.MEANING`.
    jump : Jump or None
        Where the mobility jumps.
    """

    law: Boltzmann | None
    no_law: str
    mobility_range: tuple[float, float]
    rates: dict[str, float]
    jump: Jump | None = None

    @property
    def boltzmann(self) -> str:
        """How Z was found, or "none" and why."""
        return self.law.how if self.law else f"none: {self.no_law}"

    @property
    def fastest_rate(self) -> float:
        """The largest eigenvalue of √K ∂²E √K."""
        return self.rates["stiffness"]

    @property
    def time_step(self) -> float:
        """Suggested: 0.05 over the fastest rate, rounded down to 1, 2 or 5 times a power of ten."""
        return suggest(max(self.rates.values()))

    @property
    def limited_by(self) -> str:
        """Which rate limits the time step, and its value."""
        name = max(self.rates, key=lambda key: self.rates[key])
        return f"{MEANING[name]}, rate {self.rates[name]:.3g}" if self.rates[name] else "nothing"


def check(
    system: System,
    *,
    time_step: float | None = None,
    positions: NDArray[np.floating] | None = None,
    times: Sequence[float] = (0.0,),
) -> Report:
    """Check a system before a run; `simulate` does this by itself.

    In the region where (E − min E)/T < 12 and at the given positions: energy, gradient, mobility and its divergence
    must be finite, and the derivatives those that dual numbers give; the mobility not negative; the drift
    such that the Boltzmann law carries no flux; and the time step stable. On a ring energy, mobility and measure must
    close, and paths must reach an absorbing wall. The measure must be positive; where q lives it may vanish at the edge
    of a chart. With more than two coordinates the region is a sample. On a manifold, at the given positions and around
    them, the retraction must leave places where they are, noise must not lead off, and ∇·S be the divergence along it.

    Parameters
    ----------
    system : System
    time_step : float, optional
        To be tested against the stability limit 2 / fastest rate.
    positions : (d, n) array, optional
        Where particles start.
    times : sequence of float
        Times at which E and K are looked at, if they depend on time.

    Raises
    ------
    InvalidArgument, MobilityNotPositive, StepTooLarge
        With the place and time of what is wrong.

    Examples
    --------
    >>> report = check(System(energy="x**2/2", temperature=1.0))
    >>> report.time_step, report.boltzmann
    (0.05, 'quadrature on 2048 cells')
    """
    if system.facts.is_spins:
        raise InvalidArgument("check: spins have no equation whose derivatives could be checked.")
    if time_step is not None:
        require_time_step(time_step)
    if not len(times):
        raise InvalidArgument("times: got none; at least one is needed.")
    near = None
    if positions is not None:
        if positions.shape[0] != system.n_dim:
            raise InvalidArgument(
                f"positions: got shape {positions.shape}; the first must have length d = {system.n_dim}."
            )
        require_inside(system, positions)
        near = positions.mean(axis=1, dtype=np.float64)
    if system.facts.has_ensemble_mobility:
        if positions is None:
            raise InvalidArgument(
                "check: the mobility is that of the ensemble; give `positions` where particles start."
            )
        system = system.frozen(positions)
    try:
        laws, no_law = (
            [boltzmann(system, t, near) for t in (times if system.facts.energy_depends_on_time else times[:1])],
            "",
        )
    except NotNormalizable as error:
        laws, no_law = [], str(error)
    if laws and system.n_dim <= 2:
        require_measure(system, mesh(laws[0]), edge=True)
    typical = laws or closed_laws(system, times, near)
    dual, low, high = DualNumbers(system), np.inf, -np.inf
    fastest = dict.fromkeys(MEANING, 0.0)
    jump: Jump | None = None
    for k, t in enumerate(times):
        x = region(system, typical[min(k, len(typical) - 1)] if typical else None, positions, t)
        if not x.size:
            raise InvalidArgument(
                "check: without a Boltzmann law there is no typical region; give `positions` where particles start. "
                f"({no_law})"
            )
        x = on_manifold(system, x, t)
        require_measure(system, x)
        _require_finite(system, x, t)
        require_periodic(system, x, t)
        require_reached(system, x, t)
        mobility = system.symmetric_mobility_at(x, t)
        least, most = eigenvalue_range(system, x, t, mobility)
        low, high = min(low, least), max(high, most)
        jump = jump or find_jump(system, x, t)
        some = x[:, :: -(-x.shape[1] // max(1, min(POINTS, ENTRIES // len(x) ** 3)))]
        found = dual.at(some, t)
        require_manifold(system, found, some, t)
        require_derivatives(system, found, some, t)
        if laws:
            require_stationary(system, found, some, t)
        for name, rate in rates(system, dual, x, t, mobility).items():
            fastest[name] = max(fastest[name], rate)
    report = Report(laws[0] if laws else None, no_law, (low, high), fastest, jump)
    if time_step is not None and time_step * report.fastest_rate > STABILITY:
        raise StepTooLarge(
            f"time_step: got {time_step:g}, beyond the stability limit {STABILITY / report.fastest_rate:.3g} of the "
            f"explicit step (fastest relaxation rate {report.fastest_rate:.3g} where (E − min E)/T < {TYPICAL:g}); use "
            f"about {report.time_step:g}."
        )
    return report


def _require_finite(system: System, x: Floats, t: float) -> None:
    mobility = system.mobility_at(x, t)
    fields = {
        "energy": system.energy_at(x, t)[None],
        "gradient of the energy": system.gradient(x, t),
        "mobility": mobility.reshape(-1, x.shape[1]),
        "divergence of the mobility": system.mobility_divergence(x, t),
    }
    for name, value in fields.items():
        bad = ~np.isfinite(value).all(axis=0)
        if bad.any():
            where = int(np.argmax(bad))
            raise InvalidArgument(
                f"{name} is {value[:, where].tolist()} at {place(system, x[:, where], t)}; it must be finite where "
                "particles may go."
            )


def sample_times(end: float) -> tuple[float, ...]:
    """0, `end`, and times between them that no period is in step with."""
    golden = (np.arange(1, 16) * 0.6180339887498949) % 1.0
    return (0.0, *(float(end) * float(share) for share in np.sort(golden)), float(end))
