"""`check`: what can be known of a system before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, MobilityNotPositive, NotNormalizable, StepTooLarge
from langevin_kit.estimate import Boltzmann, boltzmann
from langevin_kit.preflight.arguments import require_time_step
from langevin_kit.system import System

Floats = NDArray[np.float64]

TYPICAL = 12.0
"""(E − min E)/T of the region in which derivatives, mobility and stiffness are looked at."""

ACCURACY = 0.05
"""The suggested time step times the fastest relaxation rate."""

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
        Least and greatest eigenvalue of K in the typical region.
    fastest_rate : float
        The largest eigenvalue of √K ∂²E √K there.
    time_step : float
        Suggested: `ACCURACY` over the fastest rate at which drift or noise change, rounded down to 1, 2 or 5 times a
        power of ten.
    """

    law: Boltzmann | None
    no_law: str
    mobility_range: tuple[float, float]
    fastest_rate: float
    time_step: float


def check(
    system: System,
    *,
    time_step: float | None = None,
    positions: Floats | None = None,
    times: Sequence[float] = (0.0,),
) -> Report:
    """Check a system before a run; `simulate` does this by itself.

    Energy, gradient, mobility and its divergence must be finite, and the mobility not negative, in the region where
    (E − min E)/T < 12 and at the given positions; the time step must be stable there.

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
    >>> check(System(energy="x**2/2", temperature=1.0)).time_step
    0.05
    """
    if time_step is not None:
        require_time_step(time_step)
    if not len(times):
        raise InvalidArgument("times: got none; at least one is needed.")
    near = None if positions is None else positions.mean(axis=1)
    try:
        laws, no_law = (
            [boltzmann(system, t, near) for t in (times if system.facts.energy_depends_on_time else times[:1])],
            "",
        )
    except NotNormalizable as error:
        laws, no_law = [], str(error)
    low, high, rate, change = np.inf, -np.inf, 0.0, 0.0
    for k, t in enumerate(times):
        law = laws[min(k, len(laws) - 1)] if laws else None
        x = _region(system, law, positions, t)
        if not x.size:
            raise InvalidArgument(
                "check: without a Boltzmann law there is no typical region; give `positions` where particles start. "
                f"({no_law})"
            )
        _require_finite(system, x, t)
        mobility = _diagonal(system, x, t)
        low, high = min(low, float(mobility.min())), max(high, float(mobility.max()))
        if low < 0:
            component, point = divmod(int(mobility.argmin()), mobility.shape[1])
            raise MobilityNotPositive(
                f"mobility of {system.coordinates[component]!r} is {low:.6g} at {_place(system, x[:, point], t)}; "
                "it must not be negative where particles may go. Change the mobility, or confine the particles."
            )
        rate = max(rate, _fastest_rate(system, x, t, mobility))
        change = max(change, rate, _fastest_change(system, x, t, mobility))
    if time_step is not None and time_step * rate > STABILITY:
        raise StepTooLarge(
            f"time_step: got {time_step:g}, beyond the stability limit {STABILITY / rate:.3g} of the explicit step "
            f"(fastest relaxation rate {rate:.3g} where (E − min E)/T < {TYPICAL:g}); use about {_suggest(change):g}."
        )
    return Report(laws[0] if laws else None, no_law, (low, high), rate, _suggest(change))


def _region(system: System, law: Boltzmann | None, positions: Floats | None, t: float) -> Floats:
    parts = []
    if law is not None:
        n = {1: 4001, 2: 161}[system.n_dim]
        axes = [np.linspace(a, b, n) for a, b in zip(law.lower, law.upper, strict=True)]
        x = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(system.n_dim, -1)
        energy = system.energy_at(x, t)
        parts.append(x[:, energy - np.nanmin(energy) < TYPICAL * system.temperature])
    if positions is not None:
        parts.append(np.asarray(positions[:, :: max(1, positions.shape[1] // 4096)], np.float64))
    return np.concatenate(parts, axis=1) if parts else np.empty((system.n_dim, 0))


def _require_finite(system: System, x: Floats, t: float) -> None:
    fields = {
        "energy": system.energy_at(x, t)[None],
        "gradient of the energy": system.gradient(x, t),
        "mobility": _diagonal(system, x, t),
        "divergence of the mobility": system.mobility_divergence(x, t),
    }
    for name, value in fields.items():
        bad = ~np.isfinite(value).all(axis=0)
        if bad.any():
            where = int(np.argmax(bad))
            raise InvalidArgument(
                f"{name} is {value[:, where].tolist()} at {_place(system, x[:, where], t)}; it must be finite where "
                "particles may go."
            )


def _fastest_rate(system: System, x: Floats, t: float, mobility: Floats) -> float:
    root = np.sqrt(mobility)
    stiffness = np.moveaxis(root[:, None] * system.hessian(x, t) * root[None, :], -1, 0)
    stiffness = stiffness[np.isfinite(stiffness).all(axis=(1, 2))]
    return max(0.0, float(np.linalg.eigvalsh(stiffness).max())) if len(stiffness) else 0.0


def _fastest_change(system: System, x: Floats, t: float, mobility: Floats) -> float:
    """The fastest rate at which drift and noise change along a path.

    The Jacobian of the whole drift, the noise's own slope T (∂ₐKᵃᵃ)²/2Kᵃᵃ, and where E has a kink K|∇E|²/T.
    """
    temperature = system.temperature
    jacobian = np.moveaxis(system.drift_jacobian(x, t), -1, 0)
    jacobian = jacobian[np.isfinite(jacobian).all(axis=(1, 2))]
    rates = [np.abs(np.linalg.eigvals(jacobian)).max()] if len(jacobian) else []
    if temperature:
        with np.errstate(divide="ignore", invalid="ignore"):
            rates.append(np.nanmax(temperature * system.mobility_divergence(x, t) ** 2 / (2 * mobility), initial=0.0))
        if system.facts.has_kinks:
            rates.append(np.nanmax(mobility * system.gradient(x, t) ** 2, initial=0.0) / temperature)
    return float(max((r for r in rates if np.isfinite(r)), default=0.0))


def sample_times(end: float) -> tuple[float, ...]:
    """0, `end`, and times between them that no period is in step with."""
    golden = (np.arange(1, 16) * 0.6180339887498949) % 1.0
    return (0.0, *(float(end) * float(share) for share in np.sort(golden)), float(end))


def _suggest(rate: float) -> float:
    if rate == 0.0:
        return np.inf
    raw = ACCURACY / rate
    power = 10.0 ** np.floor(np.log10(raw) + 1e-9)
    return float(max(m for m in (1.0, 2.0, 5.0) if m * power <= raw * (1 + 1e-9)) * power)


def _place(system: System, x: Floats, t: float) -> str:
    where = ", ".join(f"{name} = {value:.6g}" for name, value in zip(system.coordinates, x, strict=True))
    return f"{where}, t = {t:g}"


def _diagonal(system: System, x: Floats, t: float) -> Floats:
    return np.einsum("aa...->a...", system.mobility_at(x, t))
