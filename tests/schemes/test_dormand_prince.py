"""Dormand–Prince at T = 0: an error that follows the tolerance, at SciPy's cost; and when it gives up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, NonFinite

MOVING = lk.System(energy="(x - sin(2*t))**2 + x**4/8", mobility="1 + t/2", temperature=0.0)
OSCILLATOR = lk.System(
    energy=0.0,
    drift=["a*v + c*x**3", "a*(mu*(1 - x**2)*v - x)"],
    parameters={"a": 1.0, "mu": 0.0, "c": 0.0},
    temperature=0.0,
    coordinates=("x", "v"),
)
"""Van der Pol's; with mu = 0 a circle, and with c alone x' = c x³."""
TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)


def run(system: lk.System, start: Any, time: float, n_steps: int = 1, rtol: float = 1e-6, **given: Any) -> Any:
    return lk.simulate(
        system,
        **{
            "initial": np.atleast_2d(start),
            "time_step": time / n_steps,
            "n_steps": n_steps,
            "save_every": n_steps,
            "save_positions": True,
            "rng": 0,
            "check": False,
            "scheme": {"name": "dormand_prince", "rtol": rtol, "atol": 1e-3 * rtol},
            **given,
        },
    )


def moving(t: float, x: Any) -> Any:
    return -(1 + t / 2) * (2 * (x - np.sin(2 * t)) + x**3 / 2)


def van_der_pol(mu: float) -> Any:
    return lambda t, y: np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


def solved(slope: Any, start: Any, time: float, method: str, rtol: float) -> Any:
    return solve_ivp(slope, (0.0, time), start, method=method, rtol=rtol, atol=1e-3 * rtol)


@pytest.mark.parametrize(
    ("system", "slope", "start", "time"),
    [
        (MOVING, moving, [0.7], 10.0),
        (OSCILLATOR, van_der_pol(0.0), [1.0, 0.0], 20.0),
        (replace(OSCILLATOR, parameters={"a": 1.0, "mu": 20.0, "c": 0.0}), van_der_pol(20.0), [2.0, 0.0], 40.0),
    ],
    ids=["time-dependent", "circle", "stiff"],
)
def test_the_error_follows_the_tolerance_at_the_cost_of_scipy(
    system: lk.System, slope: Any, start: list[float], time: float
) -> None:
    """Of SciPy's RK45, the same pair with the same norm: as many evaluations within 15 %, errors within a factor 3."""
    exact = solved(slope, start, time, "DOP853", 1e-13).y[:, -1]
    errors = []
    for rtol in TOLERANCES:
        ds, other = run(system, start, time, rtol=rtol), solved(slope, start, time, "RK45", rtol)
        error, theirs = (np.linalg.norm(end - exact) for end in (ds.position.values[-1, :, 0], other.y[:, -1]))
        assert float(ds.n_evaluations[-1]) == pytest.approx(other.nfev, rel=0.15)
        assert theirs / 3 < error < 3 * theirs
        errors.append(error)
    assert np.polyfit(np.log(TOLERANCES), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.15)


def test_each_particle_has_steps_of_its_own() -> None:
    """Of starts from 0.01 to 30 each is as near to its solution as alone, and needs as many evaluations as alone."""
    starts = np.geomspace(0.01, 30.0, 300)
    whole = run(MOVING, starts[:, None], 3.0)
    for k in (0, 150, 299):
        exact = solved(moving, starts[k : k + 1], 3.0, "DOP853", 1e-13).y[0, -1]
        alone = run(MOVING, [starts[k]], 3.0)
        assert alone.position[-1, 0, 0] == whole.position[-1, 0, k]
        assert abs(float(whole.position[-1, 0, k]) - exact) < 1e-6
    assert float(alone.n_evaluations[-1]) > 1.2 * float(run(MOVING, [starts[0]], 3.0).n_evaluations[-1])


def test_a_step_of_the_run_is_where_its_solution_is_seen_and_no_more() -> None:
    """Many short steps cost one evaluation each beside six; a length that such a step cuts is not forgotten."""
    few, many = run(MOVING, [0.7], 10.0), run(MOVING, [0.7], 10.0, 7)
    assert float(many.n_evaluations[-1]) < 1.1 * float(few.n_evaluations[-1])
    exact = solved(moving, [0.7], 10.0, "DOP853", 1e-13).y[0, -1]
    assert abs(float(many.position[-1, 0, 0]) - exact) < 1e-6
    fine = run(MOVING, [0.7], 10.0, 1000)
    assert float(fine.n_evaluations[-1]) <= 7 * 1000 + 60


def test_float32_comes_to_its_rounding() -> None:
    exact = solved(moving, [0.7], 3.0, "DOP853", 1e-13).y[0, -1]
    ds = run(MOVING, [0.7], 3.0, dtype="float32")
    assert abs(float(ds.position[-1, 0, 0]) - exact) < 4e-6
    assert float(ds.n_evaluations[-1]) == pytest.approx(float(run(MOVING, [0.7], 3.0).n_evaluations[-1]), rel=0.1)


def test_a_path_that_ends_is_lost_by_name() -> None:
    """x' = x³ from 1 is infinite at t = 1/2, and is well until then."""
    runaway = replace(OSCILLATOR, parameters={"a": 0.0, "mu": 0.0, "c": 1.0})
    assert float(run(runaway, [1.0, 0.0], 0.49).position[-1, 0, 0]) == pytest.approx(0.02**-0.5, rel=1e-4)
    with pytest.raises(NonFinite, match=r"after step 6 .* 10000 steps within one were not enough, or not of a length"):
        run(runaway, [1.0, 0.0], 1.0, 10)


def test_its_options_are_recorded_and_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    ds = run(MOVING, [0.7], 1.0, 2, scheme={"name": "dormand_prince", "rtol": 1e-8}, store=path)
    assert '"scheme_options": {"rtol": 1e-08, "atol": 1e-09}' in ds.attrs["run"]
    assert (lk.replay(path, 0).position[-1] == ds.position[-1]).all()
    for options, said in (
        ({"rtl": 1.0}, r"unknown option 'rtl' of 'dormand_prince'; did you mean 'rtol'"),
        ({"rtol": 0.0}, r"scheme.rtol: got 0.0; a positive number is needed"),
        ({"atol": True}, r"scheme.atol: got True; a positive number"),
        ({"noise": "rademacher"}, r"it takes normal noise alone"),
        ({"name": "rk4", "rtol": 1e-3}, r"unknown option 'rtol' of 'rk4'"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            run(MOVING, [0.7], 1.0, scheme={"name": "dormand_prince", **options})
