"""What a scheme keeps of a particle from step to step: a memory, a count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument

WELL = lk.System(energy="x**4/4", temperature=0.5)
MOVING = lk.System(energy="(x - sin(2*t))**2 + x**4/8", mobility="1 + t/2", temperature=0.0)
RING = lk.System(
    energy="cos(x)",
    mobility="1 + 0.5*sin(x)",
    temperature=2.0,
    walls={"x": lk.periodic(0.0, 2 * np.pi)},
)


def run(system: lk.System, scheme: Any, **given: Any) -> Any:
    about: dict[str, Any] = {
        "initial": lk.initial.uniform([0.5], [2.0]),
        "n_particles": 700,
        "time_step": 0.1,
        "n_steps": 30,
        "save_every": 10,
        "rng": 3,
        "save_positions": True,
        "check": False,
    }
    return lk.simulate(system, scheme=scheme, **{**about, **given})


@pytest.mark.parametrize(
    ("system", "scheme"),
    [
        (RING, "pvd2"),
        (WELL, "mala"),
        (MOVING, {"name": "dormand_prince", "rtol": 1e-8}),
        (WELL, {"name": "adaptive", "tolerance": 0.05}),
    ],
    ids=["memory", "count", "length of steps", "tree"],
)
def test_bits_do_not_depend_on_threads_saves_or_a_restart(
    tmp_path: Path, eager: None, system: lk.System, scheme: Any
) -> None:
    whole = run(system, scheme)
    path = tmp_path / "run.zarr"
    others = [
        run(system, scheme, backend=lk.CPU(threads=1, block_size=512)),
        run(system, scheme, save_every=1).isel(time=slice(None, None, 10)),
    ]
    with pytest.raises(KeyboardInterrupt):
        run(system, scheme, store=path, progress=Steps(22))
    assert 1 < lk.open(path).sizes["time"] < 4
    for other in (*others, lk.resume(path)):
        for name in ("position", "mean", *(name for name in whole if str(name).startswith("n_"))):
            np.testing.assert_array_equal(other[name], whole[name])
    np.testing.assert_array_equal(lk.replay(whole, [5, 600], save_every=10).position, whole.position[..., [5, 600]])


def test_free_diffusion_has_its_variance_from_the_first_step_on() -> None:
    """Of Leimkuhler and Matthews' memory: ⟨x²⟩ = 2TSt within 4.5 standard errors at each of six times."""
    free = lk.System(energy=0.0, mobility=3.0, temperature=0.5)
    ds = run(free, "leimkuhler_matthews", initial=lk.initial.point([0.0]), n_particles=200_000, n_steps=6, save_every=1)
    square = ds.position[1:, 0] ** 2
    z = (square.mean("particle") - 3.0 * ds.time[1:]) / (square.std("particle") / 200_000**0.5)
    assert float(abs(z).max()) < 4.5


def test_accepted_steps_are_those_that_moved() -> None:
    ds = run(WELL, "mala", time_step=0.3, save_every=1)
    moved = (ds.position.diff("time") != 0)[:, 0].sum("time")
    assert 0.3 < float(moved.mean()) / 30 < 0.95
    assert float(ds.n_accepted[-1]) == pytest.approx(float(moved.mean()), rel=1e-14)
    assert float(ds.n_accepted_stderr[-1]) == pytest.approx(float(moved.std(ddof=1)) / 700**0.5, rel=1e-12)
    assert ds.n_accepted.attrs["units"] == "1"


def test_tamed_steps_are_counted_and_nothing_explodes() -> None:
    """From x = 6 Euler–Maruyama explodes at Δt = 0.1; a step is cut where the drift goes beyond 4 of the noise."""
    far: dict[str, Any] = {"initial": lk.initial.point([6.0]), "save_every": 1}
    with pytest.raises(lk.errors.NonFinite):
        run(WELL, "euler_maruyama", **far)
    ds = run(WELL, "tamed", **far)
    x = ds.position[:-1, 0]
    cut = 0.1 * abs(x) ** 3 > 4 * np.sqrt(2 * 0.5 * 0.1)
    assert float(ds.n_tamed[-1]) == pytest.approx(float(cut.sum("time").mean()), rel=1e-14)
    assert 1 < float(ds.n_tamed[-1]) < 30
    assert float(abs(ds.position[-1]).max()) < 3


def test_float32_counts_no_further_than_it_can() -> None:
    with pytest.raises(InvalidArgument, match="n_steps: got 16777217; 'mala' counts steps, and float32 counts to"):
        run(WELL, "mala", dtype="float32", n_steps=2**24 + 1, save_every=2**24 + 1)
