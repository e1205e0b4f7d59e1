"""Models that share their functions and nothing else never share code."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.plot import relaxation
from langevin_kit.schemes import scheme_from
from langevin_kit.system import System


def bowl(x: float) -> float:
    return 1.0 + x * x / 2


MODELS: dict[str, dict[str, Any]] = {
    "energy": {"energy": bowl, "mobility": 1.0},
    "another mobility": {"energy": bowl, "mobility": 2.0},
    "the mobility": {"energy": 0.0, "mobility": bowl},
    "the drift": {"energy": 0.0, "drift": bowl},
    "a drift beside it": {"energy": bowl, "drift": 0.5},
}


def test_numbers_and_fields_are_part_of_the_key() -> None:
    ends = {}
    for name, arguments in MODELS.items():
        system = System(temperature=0.5, **arguments)
        x = np.linspace(-1.0, 1.0, 8)[None].copy()
        module = stepper(system, scheme_from("euler_maruyama"), "float64")
        module.advance(x, 0, 8, 256, 0, 1, system.values, 1e-2, 0.0, np.uint32(1), np.uint32(2))
        expected = np.linspace(-1.0, 1.0, 8)[None]
        np.testing.assert_allclose(x, expected + 1e-2 * system.force_at(expected), rtol=0, atol=1e-15, err_msg=name)
        ends[name] = x.tobytes()
    # The mobility alone exerts no force at T = 0.
    assert len(set(ends.values())) == len(ends)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["copy", "pickle"])
def test_reaches_another_process(again: Callable[[System], System]) -> None:
    system = System(energy=bowl, temperature=0.5, walls={"x": lk.reflecting(-2.0, 2.0)})
    twin = again(system)
    assert twin.to_dict() == system.to_dict()
    np.testing.assert_array_equal(twin.gradient([[0.5]]), [[0.5]])


def test_a_figure_needs_the_system_again(tmp_path: Path) -> None:
    system = System(energy=bowl, temperature=0.5)
    start = lk.initial.point([0.5])
    ds = lk.simulate(system, initial=start, n_particles=1000, time_step=1e-2, n_steps=10, save_every=5, rng=0)
    figure = tmp_path / "bowl.png"
    relaxation(ds, figure, system)
    assert figure.read_bytes().startswith(b"\x89PNG")
