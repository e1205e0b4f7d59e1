"""How fast the error of a scheme falls with its time step."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.backends import Backend
from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.random import seed_record, seed_sequence
from langevin_kit.schemes import Scheme
from langevin_kit.studies._chosen import Chosen, chosen
from langevin_kit.studies._oracle import can_solve, oracle_of
from langevin_kit.studies._sampled import GROUPS, Sampler, orders_of
from langevin_kit.system import System

Floats = NDArray[np.float64]

KINDS = {
    "averages": ("average_order", "averages over the stationary law"),
    "transients": ("weak_order", "expectations at a time"),
    "paths": ("strong_order", "paths (root mean square)"),
}
"""What is studied → the order of a `Scheme` that is for it, and what its error is of."""

ROUND_OFF = 1e-6
"""Share of a step by which `time` may miss a whole number of them."""


def order_study(
    system: System,
    schemes: Chosen | None = None,
    *,
    time_steps: Sequence[float],
    kind: Literal["averages", "transients", "paths"] = "averages",
    time: float | None = None,
    start: Sequence[float] | float = 0.0,
    n_particles: int = 100_000,
    rng: Any = None,
    dtype: Literal["float32", "float64"] = "float64",
    backend: str | Backend = "cpu",
) -> xr.Dataset:
    r"""Measure the bias of schemes at several time steps, and its order.

    The bias of averages and transients is the norm over functions f of ⟨f⟩ of the scheme less ⟨f⟩ of the equation. On
    a ring these are cos θ, sin θ, cos 2θ with θ = 2πx/L, and nothing is sampled: the scheme's law is the null vector of
    its transfer operator, to some 10⁻¹⁰. So it is for systems that are periodic in their one coordinate, or in both of
    two where a scheme keeps no memory. Elsewhere, and for paths, two runs go along the same Brownian paths with Δt and
    Δt/2, and what is told is how far they are apart,

    .. math:: |⟨f⟩_{Δt} - ⟨f⟩_{Δt/2}| ≈ (1 - 2^{-p})\, \mathrm{bias}, \qquad
              \sqrt{⟨|x_{Δt} - x_{Δt/2}|^2⟩}\ \text{of paths}

    where unbounded coordinates have as functions u and u², u = (x − mean)/s.d. of the first scheme's finest ensemble.

    Parameters
    ----------
    system : System
    schemes : sequence of str, mapping or Scheme, optional
        All that the system can take and that have a bias, if left out.
    time_steps : sequence of float
        Three at least.
    kind : str
        "averages" over the law in the end, "transients" (expectations at `time`), or "paths" at `time`.
    time : float, optional
        A whole number of each time step. Averages that are sampled are taken there: it must be many relaxation times.
    start : float or sequence of d floats
        Where all particles begin, of transients and of what is sampled.
    n_particles, rng, dtype, backend
        Of runs, as for `langevin_kit.simulate`.

    Returns
    -------
    Dataset
        ``bias`` and ``bias_error`` (scheme, time_step): a standard error where it is sampled, from a jackknife over 20
        groups of particles; elsewhere by how much it changes on a coarser mesh. ``order`` and ``order_error`` (scheme):
        the order is that of the two smallest time steps, its error what sampling leaves and how far the order of the
        pair before is from it. ``expected_order`` is the scheme's own, and the coordinate ``method`` says "exact" or
        "sampled".

    Raises
    ------
    InvalidArgument
        For a scheme that the system cannot take, fewer than three time steps, a `time` that is no whole number of them.

    Notes
    -----
    Kloeden & Platen 1992, chapters 9.7 and 17, on measuring orders; the transfer operator's law as in Leimkuhler,
    Matthews & Stoltz, IMA J. Numer. Anal. 36, 13 (2016).

    Examples
    --------
    >>> import langevin_kit as lk
    >>> ring = {"x": lk.periodic(0.0, 6.283185307179586)}
    >>> system = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0, walls=ring)
    >>> ds = lk.order_study(system, ["euler_maruyama", "leimkuhler_matthews"], time_steps=[0.1, 0.05, 0.025])
    >>> ds.order.round(1).values.tolist()
    [1.0, 2.0]
    """
    if kind not in KINDS:
        raise InvalidArgument(f"kind: got {kind!r}{did_you_mean(str(kind), KINDS)}.")
    known = chosen(system, schemes)
    steps = _time_steps(time_steps)
    place = _place(start, system.n_dim)
    exact = {name: kind != "paths" and can_solve(system, scheme) for name, scheme in known.items()}
    if kind != "averages" or not all(exact.values()):
        _require_whole(time, steps)
    if not all(exact.values()) and (not isinstance(n_particles, int | np.integer) or n_particles < GROUPS):
        raise InvalidArgument(f"n_particles: got {n_particles!r}; {GROUPS} at least are needed for standard errors.")
    seed = seed_sequence(rng)
    sampler = Sampler(system, kind, steps, float(time or 0.0), place, n_particles, seed, dtype, backend)
    rows = [
        _solved(system, scheme, kind, steps, float(time or 0.0), place) if exact[name] else sampler.study(scheme)
        for name, scheme in known.items()
    ]
    order, of = KINDS[kind]
    halved = f"change of {of} when Δt is halved"
    said = f"error of {of}" if all(exact.values()) else f"error, or {halved}" if any(exact.values()) else halved
    bias, bias_error, found, found_error = (np.array(column) for column in zip(*rows, strict=True))
    return xr.Dataset(
        {
            "bias": (("scheme", "time_step"), bias, {"long_name": said}),
            "bias_error": (("scheme", "time_step"), bias_error, {"long_name": "standard error, or error of the mesh"}),
            "order": ("scheme", found, {"long_name": "order at the two smallest time steps"}),
            "order_error": ("scheme", found_error, {"long_name": "error of the order"}),
            "expected_order": (
                "scheme",
                [min(getattr(s, order), s.noise.weak_order_limit) for s in known.values()],
                {"long_name": "order of the scheme"},
            ),
        },
        {
            "scheme": list(known),
            "time_step": ("time_step", steps, {"units": system.units.get("time", "1")}),
            "method": ("scheme", ["exact" if exact[name] else "sampled" for name in known]),
        },
        {
            "kind": kind,
            "system": json.dumps(system.to_dict(), default=str),
            **({} if time is None else {"time": float(time), "start": place.tolist()}),
            **({} if all(exact.values()) else {"n_particles": n_particles, **seed_record(seed)}),
        },
    )


def _solved(
    system: System, scheme: Scheme, kind: str, steps: Floats, time: float, place: Floats
) -> tuple[Floats, Floats, float, float]:
    """Bias and order from the transfer operator."""
    oracle = oracle_of(system, scheme)
    at: Callable[[float], tuple[float, float]] = (
        oracle.averages_bias if kind == "averages" else lambda dt: oracle.transients_bias(dt, time, place.tolist())
    )
    bias, error = np.array([at(float(dt)) for dt in steps]).T
    order = orders_of(bias, steps)
    return bias, error, order[-1], abs(order[-1] - order[-2])


def _time_steps(given: Sequence[float]) -> Floats:
    """From the largest to the smallest."""
    try:
        steps = np.unique(np.asarray(given, np.float64).ravel())[::-1]
    except (TypeError, ValueError):
        steps = np.empty(0)
    if len(steps) < 3 or not (np.isfinite(steps).all() and steps[-1] > 0):
        raise InvalidArgument(f"time_steps: got {given!r}; three different positive numbers at least are needed.")
    return steps


def _place(start: Sequence[float] | float, d: int) -> Floats:
    try:
        place = np.broadcast_to(np.asarray(start, np.float64), d)
    except (TypeError, ValueError):
        place = np.full(d, np.nan)
    if not np.isfinite(place).all():
        raise InvalidArgument(f"start: got {start!r}; one finite number, or {d}, are needed.")
    return place


def _require_whole(time: float | None, steps: Floats) -> None:
    if time is None or isinstance(time, bool) or not isinstance(time, int | float) or not np.isfinite(time):
        raise InvalidArgument(f"time: got {time!r}; this study needs the time at which it looks.")
    whole = np.round(time / steps)
    missed = (np.abs(time / steps - whole) > ROUND_OFF) | (whole < 1)
    if missed.any():
        raise InvalidArgument(f"time: got {time:g}, which is no whole number of time steps {steps[missed][0]:g}.")
