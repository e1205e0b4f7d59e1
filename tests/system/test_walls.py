"""Walls by coordinate: what is accepted, what is refused, and that they survive a store."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.system import System, Wall

UNIT = {"v": lk.reflecting(-1.0, 1.0)}


def vector(**others: Any) -> System:
    return System(**{"coordinates": {"v": 2}, "energy": "v @ v", "temperature": 1.0, "walls": UNIT, **others})


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
            r"got periodic ones for the vector 'v'; it takes reflecting\(a, b\) alone",
        ),
        (lambda: vector(walls={"v": lk.absorbing(0, 1)}), "got absorbing ones for the vector 'v'"),
        (lambda: vector(walls={"v[0]": lk.reflecting(0, 1)}), "All components of a vector have the same walls"),
        (lambda: vector(mobility=[[1, 0.5], [0.5, 1]]), "those of a vector whose mobility is a matrix"),
        (lambda: vector(mobility={"diagonal": 1, "factor": [[1], [1]]}), "Give K as one of these, or up to 16"),
        (lambda: lk.SpinSystem(couplings=[[0, 1], [1, 0]], temperature=1.0, walls=UNIT), "walls: spins are 1 or −1"),
    ],
)
def test_refused(make: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_walls_of_a_vector() -> None:
    """Under its name, for all components; what is made of the system keeps them."""
    system = vector(walls={"v": lk.reflecting(-1.0)})
    assert (system.lower.tolist(), system.upper.tolist()) == ([-1.0, -1.0], [np.inf, np.inf])
    assert (system.walled("reflecting"), system.walled("periodic")) == ((0, 1), ())
    assert dict(system.walls) == {"v": lk.reflecting(-1.0)}
    for copy in (replace(system, temperature=2.0), System(**system.to_dict()), pickle.loads(pickle.dumps(system))):
        assert dict(copy.walls) == dict(system.walls)
    assert not replace(system, walls={}).walls
    assert np.isinf(replace(system, walls={}).lower).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_next_to_a_wall(dtype: str) -> None:
    """Inside, one ulp; of normal numbers beside 0; infinite where there is no wall."""
    R, info = np.dtype(dtype).type, np.finfo(dtype)
    low, high = lk.reflecting(-1.0, 1.0).inside(dtype)
    assert (low, high) == (float(info.epsneg) - 1, 1 - float(info.epsneg))
    low, high = lk.reflecting(1.0, 1.5).inside(dtype)
    assert (low, high) == (1 + float(info.eps), 1.5 - float(info.eps))
    assert lk.reflecting(0.0).inside(dtype) == (float(info.tiny), np.inf)
    assert lk.reflecting(-1.0, 0.0).inside(dtype)[1] == -float(info.tiny)
    low, high = lk.reflecting(0.1, 0.3).inside(dtype)
    assert R(0.1) < R(low) < R(high) < R(0.3)


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
