"""A run that goes wrong says which particle, when, from where, and how to see it; what was saved remains."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.backends import Program
from langevin_kit.backends.cpu import CPUEnsemble
from langevin_kit.errors import BoundaryLeak, InvalidArgument, NonFinite
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.testing import euler_maruyama

STEEP = lk.System(energy="x**4", temperature=0.5)
BOX = lk.System(energy="x", temperature=0.5, walls={"x": lk.reflecting(-1.0, 1.0)})
STARTED: dict[str, Any] = {"rng": 0, "check": False}


def replayed(message: str, **names: Any) -> Any:
    """What the call in a message gives."""
    found = re.search(r"lk\.replay\(.*\)", message)
    assert found is not None, message
    return eval(found[0], {"lk": lk, **names})


@pytest.mark.parametrize("stored", [False, True])
def test_a_lost_particle_is_named_with_its_step_and_its_path(tmp_path: Path, stored: bool) -> None:
    start = np.full((700, 1), 0.1)
    start[[300, 500]] = 30.0
    path = {"store": tmp_path / "run.zarr"} if stored else {}
    with pytest.raises(NonFinite) as caught:
        lk.simulate(STEEP, initial=start, time_step=1e-2, n_steps=60, save_every=20, **STARTED, **path)
    text = str(caught.value)
    step, place = re.search(r"particle 300 is not finite after step (\d+) .* it was at x = (\S+), where", text).groups()
    assert "2 particles were lost by step 20" in text
    seen = replayed(text, error=caught.value, initial=start)
    x = seen.position.values[:, 0, 0]
    assert seen.step.values[-1] == int(step)
    assert np.isfinite(x[:-1]).all()
    assert not np.isfinite(x[-1])
    assert f"{x[-2]:.6g}" == place
    kept = lk.open(tmp_path / "run.zarr") if stored else caught.value.run
    assert kept.n_nonfinite.values.tolist() == [0, 2]
    assert np.isnan(kept.energy.values[1])  # the others are not averaged without it
    assert np.isnan(kept["mean"].values[1]).all()


def test_the_step_is_found_in_a_late_segment() -> None:
    """dx = x dt from 1: x = 1.5**k leaves float32, and the step is known."""
    away = lk.System(energy="-x**2/2", temperature=0.0)
    last = next(k for k in range(1000) if np.float64(1.5) ** k > np.finfo(np.float32).max)
    with pytest.raises(
        NonFinite, match=rf"particle 0 is not finite after step {last} .* 3 particles were lost"
    ) as caught:
        lk.simulate(away, initial=lk.initial.point([1.0]), n_particles=3, time_step=0.5, n_steps=1000, save_every=50,
                    dtype="float32", **STARTED)  # fmt: skip
    assert f"first={last - 10}, n_steps=10)" in str(caught.value)
    assert caught.value.run.step.values.tolist() == list(range(0, last + 50, 50))


def test_a_step_across_the_domain_is_a_leak_at_a_wall() -> None:
    n, dt = 2000, 0.9
    with pytest.raises(BoundaryLeak) as caught:
        lk.simulate(BOX, initial=lk.initial.point([0.5]), n_particles=n, time_step=dt, n_steps=4, save_every=2,
                    histogram=lk.Grid(x=lk.cells(-1, 1, 8)), **STARTED)  # fmt: skip
    text = str(caught.value)
    # The step without walls, by the second implementation: lost is who went more than the length 2 beyond a wall.
    key = philox_key(seed_sequence(0))
    free = lk.System(energy="x", temperature=0.5)
    y = np.full((1, n), 0.5)
    for k in range(2):
        y = euler_maruyama(free, y, dt, 1, (int(key[0]), int(key[1])), first=k)
        lost = np.flatnonzero(~(np.maximum(-1 - y[0], y[0] - 1) <= 2))
        y = np.where(np.abs(y) > 1, 2 * np.sign(y) - y, y)
        if k == 0:
            first_lost = lost
    assert first_lost.size
    everyone = np.union1d(first_lost, lost)
    k = everyone[0]
    assert f"particle {k} was lost at a wall in step {1 if k in first_lost else 2} " in text
    assert f"{everyone.size} particles were lost by step 2" in text
    found = re.search(r"the step led to x = (\S+), (\S+) beyond the wall at (-?1), and the walls are 2 apart", text)
    place, distance, wall = map(float, found.groups())
    assert abs(place - wall) == pytest.approx(distance, rel=1e-2)
    assert distance > 2
    assert not np.isfinite(replayed(text, error=caught.value).position[-1]).all()
    # The advice holds.
    advised = float(re.search(r"Use a time_step of (\S+) or less", text)[1])
    ds = lk.simulate(BOX, initial=lk.initial.point([0.5]), n_particles=n, time_step=advised, n_steps=2000,
                     save_every=2000, **STARTED)  # fmt: skip
    assert ds.n_nonfinite.values.tolist() == [0, 0]


def test_a_leak_of_a_system_of_functions() -> None:
    box = lk.System(energy=lambda x: x, temperature=0.5, walls={"x": lk.reflecting(-1.0, 1.0)})
    with pytest.raises(BoundaryLeak, match=r"the step led to x = \S+, \S+ beyond the wall at -?1, and the walls are 2"):
        lk.simulate(box, initial=lk.initial.point([0.5]), n_particles=2000, time_step=0.9, n_steps=1, **STARTED)


def test_a_leak_in_a_plane_names_the_wall() -> None:
    plane = lk.System(
        energy="0",
        mobility=[[1, 0.5], [0.5, 1]],
        temperature=1.0,
        coordinates=("x", "y"),
        walls={"x": lk.reflecting(0.0), "y": lk.reflecting(0.0, 0.1)},
    )
    with pytest.raises(
        BoundaryLeak, match=r"the step led to y = .* beyond the wall at (0|0\.1), and the walls are 0\.1"
    ):
        lk.simulate(plane, initial=lk.initial.point([3.0, 0.05]), n_particles=500, time_step=0.1, n_steps=2,
                    save_every=2, **STARTED)  # fmt: skip


def test_a_model_without_a_value_is_no_leak() -> None:
    """√(x + ½) has no value beyond x = −½, which is inside the walls."""
    half = lk.System(energy="sqrt(x + 0.5)", temperature=0.5, walls={"x": lk.reflecting(-1.0, 1.0)})
    with pytest.raises(
        NonFinite, match=r"particle \d+ is not finite after step \d+ .* at step \d+ it was at x = -0\.\d+"
    ):
        lk.simulate(half, initial=lk.initial.point([0.0]), n_particles=1000, time_step=0.01, n_steps=100,
                    save_every=50, **STARTED)  # fmt: skip


def test_an_energy_without_a_value_names_its_particle() -> None:
    start = np.ones((300, 1))
    start[123] = 0.015
    with pytest.raises(NonFinite, match=r"energy of particle 123 is not finite at step 20 .* at x = -0\.185"):
        lk.simulate(
            lk.System(energy="x + log(x)/1e9", temperature=0.0), initial=start, time_step=0.01, n_steps=20, **STARTED
        )


class Leaky:
    """The CPU with a fault: after its steps one particle is put somewhere else."""

    name, dtype = "cpu", "float64"

    def __init__(self, place: float) -> None:
        self.place = place

    def ensemble(self, program: Program, state: NDArray[np.floating]) -> CPUEnsemble:
        ensemble = lk.CPU().ensemble(program, state)
        advance = ensemble.advance

        def faulty(first: int, n_steps: int, report: Callable[[float], None]) -> None:
            advance(first, n_steps, report)
            if n_steps:
                state[0, 7] = self.place

        ensemble.advance = faulty  # type: ignore[method-assign]
        return ensemble


def test_lost_mass_is_seen_whatever_the_cause() -> None:
    run: dict[str, Any] = {"initial": lk.initial.point([0.0]), "n_particles": 300, "time_step": 1e-3, "n_steps": 2}
    for wall in (lk.reflecting(-1.0, 1.0), lk.periodic(-1.0, 1.0)):
        box = lk.System(energy="0", temperature=0.5, walls={"x": wall})
        lk.simulate(box, **run, **STARTED, backend=Leaky(0.9))
        with pytest.raises(
            BoundaryLeak, match=r"1 of 300 particles .* beyond the walls at step 2, .* particle 7 at x ="
        ):
            lk.simulate(box, **run, **STARTED, backend=Leaky(-1.0001))
    lk.simulate(lk.System(energy="x**2", temperature=0.5), **run, **STARTED, backend=Leaky(-1.0001))


def test_a_start_that_the_dtype_cannot_hold_is_refused() -> None:
    start = np.array([[0.0], [1e39]])
    with pytest.raises(InvalidArgument, match=r"particle 1 starts at \[1e\+39\]; finite values of float32 are needed"):
        lk.simulate(lk.System(energy="0", temperature=0.0), initial=start, time_step=0.1, n_steps=1, dtype="float32")


def test_the_exploding_run_is_of_its_own_doing() -> None:
    """Control: with a smaller step nothing is lost."""
    ds = lk.simulate(STEEP, initial=np.full((10, 1), 30.0), time_step=1e-5, n_steps=100, **STARTED)
    assert not ds.n_nonfinite.any()
