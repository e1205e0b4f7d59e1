"""What an accuracy costs: the largest time step of each scheme that has it, times the speed of its compiled step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.backends import CPU, Program
from langevin_kit.errors import InvalidArgument
from langevin_kit.observables import plan
from langevin_kit.preflight import arguments, check
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.schemes import Scheme, scheme_from
from langevin_kit.studies._chosen import Chosen, chosen
from langevin_kit.studies._oracle import can_solve, oracle_of
from langevin_kit.system import System

Floats = NDArray[np.float64]

REFERENCE = "euler_maruyama"

RUNG = 2**0.5
"""Between the time steps that are tried."""

BELOW = 4.0
"""The search goes down until two time steps in turn have a bias smaller than what is asked for by this factor."""

FARTHEST = 2.0**24
"""A time step is at most so many times the first one tried, and at least by so much smaller."""

HALVINGS = 7
"""Of the logarithm of a rung: to 0.3 %."""

QUARTILES = (0.25, 0.5, 0.75)

PARTICLES, STEPS = 33 * 256, 256
"""Of one timing: some milliseconds. The rows of a power of two would meet in the same sets of a cache."""


def cost_to_accuracy(
    system: System,
    schemes: Chosen | None = None,
    *,
    bias: float | Sequence[float],
    dtype: Literal["float32", "float64"] = "float32",
    threads: int = 1,
    rounds: int = 25,
) -> xr.Dataset:
    r"""CPU time that each scheme takes until the bias of its averages is below ε.

    .. math:: \mathrm{cost} = \frac{\text{CPU seconds a particle and step}}{Δt_ε}, \qquad
              Δt_ε = \max\{Δt: \mathrm{bias}(Δt') < ε \text{ for all } Δt' ≤ Δt \text{ that were tried}\}

    So it is what a particle and a unit of physical time cost. A statistical error is a separate matter: an average must
    be taken over so many autocorrelation times, which are those of the equation for every scheme here. The bias is the
    exact one of `order_study`, the norm over cos θ, sin θ and cos 2θ. Metropolis steps have none and are left out: what
    limits their time step is that refused steps make their autocorrelation time longer.

    Parameters
    ----------
    system : System
        Periodic in its one coordinate, or in both of two.
    schemes : sequence of str, mapping or Scheme, optional
        All that the system can take and whose bias is known, if left out. Euler–Maruyama is always among them.
    bias : float or sequence of float
        ε.
    dtype : "float32" or "float64"
        Of the steps that are timed.
    threads : int
        Of the steps that are timed; CPU time counts all of them.
    rounds : int
        Timings of each scheme.

    Returns
    -------
    Dataset
        By scheme and ``bias``: ``time_step`` Δt_ε, to 0.3 % and 0 where none that was tried will do; ``reached``, the
        bias there; ``cost`` in seconds per particle and unit of time; ``cost_ratio`` to Euler–Maruyama with its
        quartiles ``cost_ratio_low`` and ``cost_ratio_high``. By scheme: ``step_seconds``, CPU seconds of a particle's
        step, with quartiles.

    Raises
    ------
    InvalidArgument
        For a system or a scheme whose bias is not known without sampling, and a bias that is not positive.

    Notes
    -----
    Schemes are timed in turns, so that what else the machine does falls on all of them; each number is the median over
    rounds, each ratio the median of the ratios within a round. Time steps are exact and come out the same again.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> ring = {"x": lk.periodic(0.0, 6.283185307179586)}
    >>> system = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0, walls=ring)
    >>> ds = lk.cost_to_accuracy(system, ["leimkuhler_matthews"], bias=1e-3, rounds=3)
    >>> bool(ds.time_step[1, 0] > 20 * ds.time_step[0, 0])
    True
    """
    limits = _limits(bias)
    arguments.require_count("rounds", rounds)
    precision, device = arguments.canonical_dtype(dtype), CPU(threads=threads)
    known = {REFERENCE: scheme_from(REFERENCE)} | _solvable(system, schemes)
    first = _first_step(system)
    found = [_largest_steps(system, scheme, limits, first) for scheme in known.values()]
    time_step, reached = (np.array(part) for part in zip(*found, strict=True))
    seconds = _seconds(system, list(known.values()), time_step, precision, device, rounds)
    low, middle, high = np.quantile(seconds, QUARTILES, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost, per_step = middle[:, None] / time_step, np.quantile(seconds / seconds[:, :1], QUARTILES, axis=0)
        ratio_low, ratio, ratio_high = per_step[:, :, None] * (time_step[0] / time_step)
    unit = system.units.get("time", "1")
    each, all_of = "scheme", ("scheme", "bias")
    return xr.Dataset(
        {
            "time_step": (all_of, time_step, {"long_name": "largest time step below the bias", "units": unit}),
            "reached": (all_of, reached, {"long_name": "bias at that time step"}),
            "cost": (
                all_of,
                cost,
                {"long_name": "CPU time per particle and unit of time", "units": "s" if unit == "1" else f"s/{unit}"},
            ),
            "cost_ratio": (all_of, ratio, {"long_name": "CPU time, of Euler–Maruyama's"}),
            "cost_ratio_low": (all_of, ratio_low, {"long_name": "lower quartile of the rounds"}),
            "cost_ratio_high": (all_of, ratio_high, {"long_name": "upper quartile of the rounds"}),
            "step_seconds": (each, middle, {"long_name": "CPU time of a particle's step", "units": "s"}),
            "step_seconds_low": (each, low, {"long_name": "lower quartile of the rounds", "units": "s"}),
            "step_seconds_high": (each, high, {"long_name": "upper quartile of the rounds", "units": "s"}),
        },
        {"scheme": list(known), "bias": ("bias", limits, {"long_name": "bias ε"})},
        {
            "system": json.dumps(system.to_dict(), default=str),
            "dtype": precision,
            "threads": threads,
            "rounds": rounds,
        },
    )


def largest_step(bias: Callable[[float], float], limit: float, first: float) -> float:
    """The largest Δt below which all time steps tried have a bias below a limit; 0 if there is none.

    Time steps are tried on the rungs first · 2^(k/2): down until two in turn are far below, then up to the first that
    is not below; the logarithm of what is between is halved. A bias need not be monotone.
    """
    rung, far = 0, 0
    lowest = -round(np.log(FARTHEST) / np.log(RUNG))
    while far < 2:
        far = far + 1 if bias(first * RUNG**rung) < limit / BELOW else 0
        rung -= 1
        if rung < lowest:
            return 0.0
    while bias(first * RUNG**rung) < limit:
        rung += 1
        if rung > -lowest:
            return first * RUNG ** (rung - 1)
    low, high = rung - 1.0, float(rung)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if bias(first * RUNG**middle) < limit else (low, middle)
    return float(first * RUNG**low)


def _first_step(system: System) -> float:
    """The suggested time step, or where nothing limits it a hundredth of the time to diffuse round a period."""
    report = check(system)
    diffusion = system.temperature * report.mobility_range[1]
    return float(min(report.time_step, 0.01 * (system.upper - system.lower).min() ** 2 / diffusion))


def _largest_steps(system: System, scheme: Scheme, limits: Floats, first: float) -> tuple[list[float], list[float]]:
    """Time steps and the biases there."""
    oracle = oracle_of(system, scheme)

    @cache
    def bias(dt: float) -> float:
        return sum(oracle.averages_bias(dt))  # with what its mesh leaves, so that no time step is too large

    steps = [largest_step(bias, float(limit), first) for limit in limits]
    return steps, [bias(dt) if dt else np.nan for dt in steps]


def _seconds(
    system: System, schemes: Sequence[Scheme], time_step: Floats, dtype: str, device: CPU, rounds: int
) -> Floats:
    """CPU seconds of a particle's step, (rounds, scheme)."""
    planned, key = plan(system, None, None), philox_key(seed_sequence(0))
    lengths = system.upper - system.lower
    places = system.lower[:, None] + lengths[:, None] * ((np.arange(PARTICLES) + 0.5) / PARTICLES)
    ensembles = []
    for scheme, steps in zip(schemes, time_step, strict=True):
        state = np.zeros((scheme.rows(system), PARTICLES), dtype)
        state[: system.n_dim] = places
        program = Program(system, scheme, planned, dtype, float(steps.max()) or 1e-3, key)
        ensembles.append(device.ensemble(program, state))
    seconds = np.empty((1 + rounds, len(schemes)))
    for k in range(1 + rounds):  # the first compiles, or loads
        for j, ensemble in enumerate(ensembles):
            before = time.process_time()
            ensemble.advance(k * STEPS, STEPS, lambda _: None)
            seconds[k, j] = time.process_time() - before
    return seconds[1:] / (PARTICLES * STEPS)


def _solvable(system: System, schemes: Chosen | None) -> dict[str, Scheme]:
    known = chosen(system, schemes)
    if schemes is None:
        known = {name: scheme for name, scheme in known.items() if can_solve(system, scheme)}
    for name, scheme in known.items():
        if not can_solve(system, scheme):
            raise InvalidArgument(f"schemes: the bias of {name!r} is not known here without sampling; leave it out.")
    if not can_solve(system, scheme_from(REFERENCE)):
        raise InvalidArgument(
            "system: biases are known without sampling of one periodic coordinate, or two, where nothing depends on "
            "time. Give it walls, as in walls={'x': lk.periodic(0, 1)}; or take order_study, which samples."
        )
    return known


def _limits(bias: float | Sequence[float]) -> Floats:
    try:
        limits = np.atleast_1d(np.asarray(bias, np.float64)).ravel()
    except (TypeError, ValueError):
        limits = np.empty(0)
    if not len(limits) or not (np.isfinite(limits) & (limits > 0)).all():
        raise InvalidArgument(f"bias: got {bias!r}; a positive number, or several, are needed.")
    return limits
