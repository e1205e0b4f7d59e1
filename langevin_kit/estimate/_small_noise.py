r"""The limit T → 0 of an ensemble: what small noise makes of the path at T = 0.

The covariance of particles that start at one place is of order T, and so is the distance of their mean from the path
(Gardiner, Handbook of Stochastic Methods, 3rd ed. (2004), section 6.2; van Kampen, Stochastic Processes in Physics and
Chemistry, 3rd ed. (2007), chapter X). The equations close: no sample, and no T, is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from langevin_kit.errors import InvalidArgument, MobilityNotPositive, NonFinite, did_you_mean
from langevin_kit.observables import attributes
from langevin_kit.observables.variables import COMPONENT, COMPONENT2, TIME, Variable
from langevin_kit.system import SpinSystem, System, initial
from langevin_kit.system.arguments import above_zero, array

Floats = NDArray[np.float64]

METHOD = "DOP853"
START = "start"

BEYOND = 1e-8
"""How far behind a wall a path has met it, and how negative S must be, for its largest entry: more than steps err by,
where paths approach walls at which K vanishes."""

VARIABLES = {
    "path": ((COMPONENT,), "path at T = 0", "coordinate", ""),
    "covariance": ((COMPONENT, COMPONENT2), "limit of the covariance over T", "coordinate²", "energy"),
    "mean_shift": ((COMPONENT,), "limit of the mean's distance from the path, over T", "coordinate", "energy"),
}
"""Dims, meaning and unit, and the unit that it is over."""


def small_noise(
    system: System,
    x0: Any,
    times: Sequence[float] | NDArray[Any] | xr.DataArray,
    *,
    covariance: Any = 0.0,
    parameters: Mapping[str, Any] | None = None,
    rtol: float = 1e-10,
    atol: float = 1e-12,
) -> xr.Dataset:
    r"""Covariance and mean of an ensemble as T → 0, to first order in T, along the path at T = 0.

    .. math:: x' = f, \quad f = b - K ∇E, \qquad \frac{Cov}{T} → Σ, \quad Σ' = J Σ + Σ J^T + 2 S, \qquad
              \frac{⟨x⟩ - x(t)}{T} → y, \quad y' = J y + \tfrac12 f''[Σ] + μ^{-1} ∇·(μK)

    with J = ∂f/∂x and f''[Σ] = Σᵇᶜ ∂_b ∂_c f. All derivatives are exact. What is left out is of order T² in mean and
    covariance, while particles stay where f is nearly quadratic: not at times when they may cross a barrier.

    Parameters
    ----------
    system : System
        Smooth along the path, which must meet no wall; on a ring the unwrapped path is meant. Nothing but noise and
        T μ⁻¹ ∇·(μK) may depend on T: energy, mobility and parameters stay as they are. Its temperature is not used.
    x0 : (d,) or (d, R)
        Where particles start, or R such places.
    times : (n,)
        Increasing; all start at the first.
    covariance : number, (d,) or (d, d)
        Σ at the first time: particles start with the covariance T Σ, and their mean at `x0`.
    parameters : mapping, optional
        Other values of the system's parameters.
    rtol, atol : float
        Of a step of the method DOP853 of Runge–Kutta type and order 8, for all components of x, Σ and y together.

    Returns
    -------
    Dataset (time, component, [start])
        ``path`` x, ``covariance`` Σ (time, component, component_), and ``mean_shift`` y.

    Raises
    ------
    InvalidArgument
        For what has no such limit, or a path that meets a wall.
    MobilityNotPositive
        Where S is negative on the path, at one of the times.
    NonFinite
        Where the path leaves the finite numbers.

    Examples
    --------
    >>> system = System(energy="x**2/2", mobility="1 + x**2", temperature=0.1)
    >>> found = small_noise(system, [0.0], [0.0, 0.5])
    >>> float(found.covariance[-1, 0, 0].round(6)), float(found.mean_shift[-1, 0])  # 1 − e⁻¹
    (0.632121, 0.0)
    """
    system = checked(system, parameters)
    x, several = _starts(system, x0)
    instants = _times(times)
    sigma = np.array(initial.gaussian(np.zeros(len(x)), covariance).covariance)
    d, r = x.shape
    begin = np.concatenate([x[None], np.repeat(sigma[:, :, None], r, axis=2), np.zeros((1, d, r))])

    def slope(t: float, flat: Floats) -> Floats:
        x, sigma, y = _parted(flat.reshape(begin.shape))
        drift = system.force_at(x, t)
        carried, shift = system.content.force_noise(x, sigma, y, t)
        spread = carried + carried.swapaxes(0, 1) + 2 * system.symmetric_mobility_at(x, t)
        return np.concatenate([drift[None], spread, (shift + system.noise_drift_at(x, t))[None]]).ravel()

    found = _integrated(system, slope, begin, instants, above_zero("rtol", rtol), above_zero("atol", atol))
    values = dict(zip(VARIABLES, _parted(found), strict=True))
    _require_positive(system, values["path"], instants)
    return _dataset(system, instants, values, several, {"method": METHOD, "rtol": rtol, "atol": atol})


def checked(system: System, parameters: Mapping[str, Any] | None) -> System:
    """The system with these parameters, if it has the limit."""
    if not isinstance(system, System) or isinstance(system, SpinSystem):
        raise InvalidArgument(f"system: got {type(system).__name__}; a System is needed.")
    facts = system.facts
    kinked = facts.has_kinks or facts.drift_may_jump or (facts.may_jump and system.functions is None)
    reasons = {
        "its mobility is the ensemble's covariance, which itself is of order T": facts.has_ensemble_mobility,
        "it has a retraction, which moves the mean too; take coordinates of the manifold": bool(system.retraction),
        "its energy, mobility or drift holds a kink or a jump (abs, sign, a comparison, leaky_relu), where the second "
        "derivative is infinite; take a smooth one": kinked,
    }
    for reason, holds in reasons.items():
        if holds:
            raise InvalidArgument(f"system: {reason}.")
    given = dict(parameters or {})
    for name in given:
        if name not in system.parameters:
            raise InvalidArgument(f"parameters: {name!r} is none{did_you_mean(str(name), system.parameters)}.")
    return replace(system, parameters={**system.parameters, **given}) if given else system


def _starts(system: System, x0: Any) -> tuple[Floats, bool]:
    x = np.asarray(array("x0", x0))
    if x.ndim not in (1, 2) or len(x) != system.n_dim or not x.size:
        raise InvalidArgument(f"x0: got shape {x.shape}; ({system.n_dim},) or ({system.n_dim}, R) is needed.")
    return x.reshape(len(x), -1), x.ndim == 2


def _times(times: Any) -> Floats:
    instants = np.atleast_1d(np.asarray(array("times", times)))
    if instants.ndim != 1 or not instants.size or not (np.diff(instants) > 0).all():
        raise InvalidArgument(f"times: got {instants}; increasing numbers are needed.")
    return instants


def _integrated(
    system: System, slope: Callable[[float, Floats], Floats], begin: Floats, times: Floats, rtol: float, atol: float
) -> Floats:
    """Rows (d + 2, d, R, time) of x, Σ and y."""

    def margin(t: float, flat: Any) -> float:
        return float(_margins(system, _parted(flat.reshape(begin.shape))[0]).min()) + BEYOND

    margin.terminal = True  # type: ignore[attr-defined]
    solve: Any = solve_ivp  # its annotations take no array that may be of any shape
    walled = any(wall is not None and wall.kind != "periodic" for wall in system.each_wall)
    if walled and _margins(system, begin[0]).min() <= 0:
        raise _wall_met(system, begin[0], times[0])
    if not np.isfinite(slope(times[0], begin.ravel())).all():
        raise NonFinite(f"x0: what moves the path there, or its derivatives, is not finite at t = {times[0]:g}.")
    if len(times) == 1:
        return begin[..., None]
    with np.errstate(all="ignore"):
        span, events = (times[0], times[-1]), margin if walled else None
        found = solve(slope, span, begin.ravel(), METHOD, times, events=events, rtol=rtol, atol=atol)
    if walled and found.status == 1:
        x = _parted(found.y_events[0][-1].reshape(begin.shape))[0]
        raise _wall_met(system, x, float(found.t_events[0][-1]))
    if found.status != 0 or not np.isfinite(found.y).all():
        raise NonFinite(
            f"x0: the path from there, or what noise makes of it, becomes infinite or singular between "
            f"t = {times[0]:g} and {times[-1]:g}. End before, or start elsewhere."
        )
    return np.asarray(found.y.reshape(*begin.shape, -1))


def _require_positive(system: System, path: Floats, times: Floats) -> None:
    """Refuse a path on which S is negative; of vectors S is positive but for its diagonal's texts."""
    least, most = [], 0.0
    for k, t in enumerate(times):
        S = np.moveaxis(system.symmetric_mobility_at(path[..., k], t), -1, 0)
        diagonal = system.is_dense or system.facts.is_diagonal
        least.append((S.diagonal(axis1=1, axis2=2) if diagonal else np.linalg.eigvalsh(S)).min())
        most = max(most, float(np.abs(S).max()))
    k = int(np.argmin(least))
    if least[k] < -BEYOND * most:
        raise MobilityNotPositive(
            f"mobility: its symmetric part has the eigenvalue {least[k]:.6g} on the path at t = {times[k]:g}; noise "
            "needs all to be at least 0."
        )


def _margins(system: System, x: Floats) -> Floats:
    """How far places (d, R) are from walls; ∞ on rings, where there is none."""
    turning = np.array([wall is None or wall.kind == "periodic" for wall in system.each_wall])[:, None]
    return np.where(turning, np.inf, np.minimum(x - system.lower[:, None], system.upper[:, None] - x))


def _wall_met(system: System, x: Floats, t: float) -> InvalidArgument:
    a = int(np.argmin(_margins(system, x).min(axis=1)))
    return InvalidArgument(
        f"walls: the path at T = 0 meets that of {system.names[a]!r} at t = {t:g}; particles that are turned back or "
        "absorbed are off the path by √T. End before, or start elsewhere."
    )


def _parted(rows: Floats) -> tuple[Floats, Floats, Floats]:
    return rows[0], rows[1:-1], rows[-1]


def _dataset(
    system: System, times: Floats, values: Mapping[str, Floats], several: bool, attrs: Mapping[str, Any]
) -> xr.Dataset:
    names, units = system.names, system.units
    components = np.array(names, dtype=object)
    variables = {}
    for name, (dims, long_name, unit, over) in VARIABLES.items():
        about = attributes(Variable((), long_name, unit), names, units)
        if over and "units" in about and units.get(over, "1") != "1":
            about["units"] += f"/{units[over]}"
        shown = (TIME, *dims, START) if several else (TIME, *dims)
        moved = np.moveaxis(values[name], -1, 0)
        variables[name] = (shown, moved if several else moved[..., 0], about)
    coordinates = {
        TIME: (TIME, times, {"long_name": "time", "units": units.get("time", "1")}),
        COMPONENT: (COMPONENT, components, {"long_name": "coordinate"}),
        COMPONENT2: (COMPONENT2, components, {"long_name": "second coordinate"}),
    }
    return xr.Dataset(variables, coordinates, attrs)
