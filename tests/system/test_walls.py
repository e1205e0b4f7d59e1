"""Walls by coordinate: what is accepted, what is refused, and that they survive a store."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.system import System, Wall


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lk.periodic(1.0, 1.0), "finite lower < upper are needed"),
        (lambda: lk.periodic(0.0, np.inf), "periodic bounds 0.0, inf"),
        (lambda: lk.reflecting(), "one of them finite"),
        (lambda: lk.reflecting(2.0, 1.0), "reflecting bounds 2.0, 1.0"),
        (lambda: lk.reflecting("a"), "two numbers are needed"),
        (lambda: lk.periodic(np.nan, 1.0), "periodic bounds nan"),
        (lambda: Wall("perodic", 0.0, 1.0), "did you mean 'periodic'"),  # type: ignore[arg-type]
        (lambda: System(energy=0, temperature=1.0, walls={"y": lk.periodic(0, 1)}), "unknown coordinate 'y'"),
        (lambda: System(energy=0, temperature=1.0, walls={"x": (0, 1)}), r"got \(0, 1\) for 'x'; give periodic"),
        (lambda: System(energy=0, temperature=1.0, walls=[1]), "walls: got list"),
        (
            lambda: System(coordinates={"v": 2}, energy="v @ v", temperature=1.0, walls={"v": lk.periodic(0, 1)}),
            "walls: a vector of coordinates has none",
        ),
    ],
)
def test_refused(make: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_bounds_and_kinds() -> None:
    walls = {"y": lk.reflecting(0.0), "z": lk.periodic(-1.0, 1.0)}
    system = System(energy=0, temperature=1.0, coordinates=("x", "y", "z"), walls=walls)
    assert system.lower.tolist() == [-np.inf, 0.0, -1.0]
    assert system.upper.tolist() == [np.inf, np.inf, 1.0]
    assert (system.walled("reflecting"), system.walled("periodic")) == ((1,), (2,))
    assert system.values.tolist() == [0.0, np.inf, -1.0, 1.0]
    assert system.value_names == ["lower1", "upper1", "lower2", "upper2"]


def test_plain_data_is_strict_json() -> None:
    system = System(energy=0, temperature=1.0, walls={"x": lk.reflecting(upper=2.0)})
    text = json.dumps(system.to_dict(), allow_nan=False)
    again = System(**json.loads(text))
    assert again.walls == system.walls


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (np.array([[0.5], [1.5]]), r"start beyond the walls|starts at x = 1.5"),
        (np.array([[0.5], [np.nan]]), "starts at .nan.; finite values"),
    ],
)
def test_particles_start_inside(start: np.ndarray, words: str) -> None:
    system = System(energy=0, temperature=1.0, walls={"x": lk.reflecting(0.0, 1.0)})
    with pytest.raises(InvalidArgument, match=words):
        lk.simulate(system, initial=start, time_step=1e-4, n_steps=1, rng=0)


def test_a_start_beyond_a_period_is_taken_round() -> None:
    system = System(energy=0, temperature=0.0, walls={"x": lk.periodic(0.0, 1.0)})
    start = np.array([[0.25], [1.25], [-0.75], [1.0], [-1e-20], [1e6 + 0.5]])
    ds = lk.simulate(system, initial=start, time_step=1e-4, n_steps=1, rng=0, save_positions=True)
    np.testing.assert_allclose(ds.position[0, 0], [0.25, 0.25, 0.25, 0.0, 0.0, 0.5], atol=1e-9)
    assert (ds.position >= 0.0).all()
    assert (ds.position < 1.0).all()
