"""Whole runs on the CUDA backend: its kernels in the executor give the CPU's runs, variable by variable, bit by bit.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cupy_on_host
import numpy as np
import pytest
from cuda_runs import OBSERVABLES, assert_same, on_device, run
from cuda_tools import require_compiler
from meters import Steps

import langevin_kit as lk
from langevin_kit.errors import BackendUnavailable, BoundaryLeak, LangevinKitError, NonFinite
from langevin_kit.kernels.cpu.tiles import GROUP
from langevin_kit.testing.ptxvm import Executor

require_compiler()

WELL = lk.System(energy="(x**2 - 1)**2", temperature=0.5)
BOX = lk.System(
    energy="x**2/2 + a*cos(y)",
    mobility=[["1 + x**2/9", "x*y/9"], ["x*y/9", "1"]],
    parameters={"a": 0.3},
    temperature=0.5,
    coordinates=("x", "y"),
    walls={"x": lk.reflecting(-1.0, 1.5), "y": lk.periodic(-1.0, 1.0)},
)
OPEN = lk.System(
    energy="x**2/2 + 0.3*cos(y)",
    mobility=[["1 + x**2/9", 0], [0, 1]],
    temperature=0.5,
    coordinates=("x", "y"),
    walls={"x": lk.absorbing(-1.0, 1.0), "y": lk.absorbing(-1.0, 1.0, reflects="upper")},
)
CURVED = lk.System(
    energy="-0.3*cos(x + 1.5)",
    measure="sin(x + 1.5)",
    mobility=[[1, 0], [0, "1/sin(x + 1.5)**2"]],
    temperature=0.5,
    coordinates=("x", "y"),
    walls={"x": lk.reflecting(-1.4, 1.5), "y": lk.periodic(-3.0, 3.0)},
)
"""The sphere in angles, with a measure."""
MOVING = lk.System(energy="(x - sin(t))**2*exp(-x**2/9)", temperature=0.5)
NETWORK = lk.System(
    coordinates={"v": 12},
    energy="v @ v / 2 - logsumexp(2*(patterns @ v))/2",
    parameters={"patterns": np.sign(np.random.default_rng(0).normal(size=(3, 12)))},
    temperature=0.5,
)
BIPARTITE = lk.System(
    coordinates={"v": 7, "h": 5},
    energy="v @ v/2 + h @ h/2 - tanh(v) @ U @ tanh(h)",
    mobility={"v": "mask", "h": "1/(1 + h**2)"},
    parameters={"U": np.random.default_rng(1).normal(size=(7, 5)) / 4, "mask": [1.0, 0, 1, 1, 0, 1, 1]},
    temperature=0.5,
)
WITHIN_WALLS = lk.System(
    coordinates={"y": 5},
    energy="y @ atanh(y) + sum(log(1 - y**2))/2 - y @ W @ y/2",
    mobility="1 - y**2",
    parameters={"W": np.random.default_rng(1).normal(size=(5, 5)) / 2},
    temperature=0.5,
    walls={"y": lk.reflecting(-1.0, 1.0)},
)


ON_A_SIMPLEX = lk.System(
    coordinates={"v": 2, "h": 3},
    energy="v @ v/2 + h @ log(h) - v @ (U @ h)",
    mobility={"v": 1, "h": {"root": "sqrt(h)*z - h*(sqrt(h) @ z)", "divergence": "1 - 3*h"}},
    retraction={"h": "(abs(h) + 1e-30)/sum(abs(h) + 1e-30)"},
    parameters={"U": np.random.default_rng(1).normal(size=(2, 3))},
    temperature=0.5,
)


@pytest.mark.claim("F01")
@pytest.mark.parametrize(
    ("system", "dtype"),
    [
        pytest.param(system, dtype, id=f"{name}-{dtype}", marks=[] if dtype == often else [pytest.mark.slow])
        for name, system, often in (("well", WELL, "float32"), ("box", BOX, "float64"), ("moving", MOVING, "float32"))
        for dtype in ("float32", "float64")
    ],
)
def test_a_run_is_that_of_the_cpu(system: lk.System, dtype: str) -> None:
    """Positions, moments, energies, observables, extremes, histograms and estimates; saved times inside groups."""
    arguments: dict[str, Any] = {"observables": OBSERVABLES, "dtype": dtype}
    assert_same(run(system, backend=on_device(), **arguments), run(system, **arguments))


def test_a_run_with_a_measure_is_that_of_the_cpu() -> None:
    """Its drift, ⟨ln μ⟩, and the entropy that is taken against μ."""
    arguments: dict[str, Any] = {"observables": OBSERVABLES}
    ds = run(CURVED, backend=on_device(), **arguments)
    assert "log_measure" in ds
    assert_same(ds, run(CURVED, **arguments))


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_run_with_absorbing_walls_is_that_of_the_cpu(dtype: str) -> None:
    """Who lives, who was taken by which wall, sums and cells of the living; in the first tile none is left."""
    cells = lk.Grid(x=lk.cells(-1.0, 1.0, 6), y=lk.cells(-1.0, 1.0, 6))
    start = np.random.default_rng(2).uniform(-0.9, 0.9, (700, 2))
    start[:256] = -1.0
    arguments: dict[str, Any] = {
        "initial": start, "observables": OBSERVABLES, "dtype": dtype, "histogram": cells, "time_step": 1e-2
    }  # fmt: skip
    expected = run(OPEN, **arguments)
    assert (expected.n_absorbed[-1] > 30).all()
    assert 0 < expected.survival[-1] < 0.5
    assert_same(run(OPEN, backend=on_device(), **arguments), expected)


def test_a_run_of_a_vector_is_that_of_the_cpu() -> None:
    """Products in the step and in what is measured, of the state and of the start."""
    observables = {
        "msd": lk.observables.mean_square_displacement(),
        "overlap": "(patterns @ v) @ (patterns @ v)",
        "lag": lk.observables.autocorrelation("sum(v)"),
        "top": lk.observables.maximum("v @ v"),
    }
    arguments: dict[str, Any] = {"observables": observables, "time_step": 1e-2}
    expected = run(NETWORK, **arguments)
    assert_same(run(NETWORK, backend=on_device(), **arguments), expected)
    fast = run(NETWORK, backend=on_device(reproducible=False), **arguments)
    error = np.linalg.norm(fast.position - expected.position) / np.linalg.norm(expected.position)
    assert 0 < error < 1e-5


def test_two_vectors_are_moved_and_measured_as_on_the_cpu() -> None:
    observables = {"coupling": "v @ U @ h", "hidden": lk.observables.autocorrelation("sum(h)")}
    arguments: dict[str, Any] = {"observables": observables, "time_step": 1e-2}
    assert_same(run(BIPARTITE, backend=on_device(), **arguments), run(BIPARTITE, **arguments))


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_run_of_a_vector_within_walls_is_that_of_the_cpu(dtype: str) -> None:
    """From places on walls, too, which begin next to them."""
    start = np.random.default_rng(2).uniform(-1, 1, (300, 5))
    start[:20] = np.sign(start[:20])
    arguments: dict[str, Any] = {"initial": start, "n_particles": 300, "time_step": 1e-2, "dtype": dtype}
    expected = run(WITHIN_WALLS, **arguments)
    assert (np.abs(expected.position.values) < 1).all()
    assert_same(run(WITHIN_WALLS, backend=on_device(), **arguments), expected)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_run_on_a_simplex_is_that_of_the_cpu(dtype: str) -> None:
    """From places off it, too, which are brought there."""
    start = np.random.default_rng(2).normal(size=(300, 5))
    arguments: dict[str, Any] = {"initial": start, "n_particles": 300, "time_step": 1e-2, "dtype": dtype}
    expected = run(ON_A_SIMPLEX, **arguments)
    assert np.abs(expected.position.values[:, 2:].sum(axis=1) - 1).max() < (1e-15 if dtype == "float64" else 3e-7)
    assert_same(run(ON_A_SIMPLEX, backend=on_device(), **arguments), expected)


def test_another_seed_is_another_run() -> None:
    """The control of the test above."""
    with pytest.raises(AssertionError):
        assert_same(run(WELL, backend=on_device(), rng=8), run(WELL))


def test_the_fast_mode_is_near() -> None:
    fast, exact = run(WELL, backend=on_device(reproducible=False)), run(WELL)
    error = np.linalg.norm(fast.position - exact.position) / np.linalg.norm(exact.position)
    assert 0 < error < 1e-5
    assert fast.histogram.sum() == exact.histogram.sum()


def test_without_noise() -> None:
    cold = lk.System(energy="(x**2 - 1)**2", temperature=0.0)
    assert_same(run(cold, backend=on_device()), run(cold))


def test_more_particles_than_the_memory_holds() -> None:
    """They come and go in blocks, measured in groups that are those of the CPU."""
    arguments: dict[str, Any] = {
        "n_particles": GROUP + 500,
        "n_steps": 3,
        "save_every": 3,
        "observables": OBSERVABLES,
        "save_positions": GROUP + 100,
        "dtype": "float64",
    }
    assert_same(run(BOX, backend=on_device(block_size=GROUP), **arguments), run(BOX, **arguments))


class Counting(Executor):
    """A device that refuses what it has no memory for."""

    def __init__(self, memory: int) -> None:
        super().__init__(memory=memory)
        self._left = memory

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        made = super().zeros(shape, dtype)
        self._left -= made.nbytes
        assert self._left >= 0
        return made


@pytest.mark.parametrize(("observables", "memory"), [({}, 1_350_000), (OBSERVABLES, 2_600_000)])
def test_as_many_particles_as_the_memory_holds(
    observables: dict[str, Any], memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of what is free, and all that is taken fits; whether or not the start is kept."""
    monkeypatch.setattr("langevin_kit.backends.cuda._measure.ROWS_BYTES", 1)
    arguments: dict[str, Any] = {"n_particles": 3 * GROUP + 5, "n_steps": 1, "save_every": 1, "save_positions": False}
    device = Counting(memory)
    got = run(BOX, backend=lk.CUDA(device=device, reproducible=True), observables=observables, **arguments)
    assert_same(got, run(BOX, observables=observables, **arguments))


def test_memory_that_holds_no_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"0\.27 MB of the device's memory can be used.*backend='cpu'"):
        run(WELL, backend=on_device(memory=300_000), store=tmp_path / "run.zarr")
    assert not (tmp_path / "run.zarr").exists()


@pytest.mark.parametrize("block_size", [None, GROUP])
def test_through_cupy(block_size: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What CuPy is given, with a stand-in for it whose copies come as late as they may."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host.cupy())
    monkeypatch.setattr("langevin_kit.run._recorder.PENDING_BYTES", 1000)
    arguments: dict[str, Any] = {"observables": OBSERVABLES, "n_particles": GROUP + 99, "n_steps": 4, "save_every": 2}
    expected = run(BOX, store=tmp_path / "cpu.zarr", **arguments)
    backend = lk.CUDA(reproducible=True, block_size=block_size)
    assert_same(run(BOX, store=tmp_path / "cuda.zarr", backend=backend, **arguments), expected)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_products_through_cupy(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words that cuBLAS is given, with a stand-in that reads them as it documents them; TF32 on request alone."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host.cupy())
    expected = run(NETWORK, dtype=dtype)
    error = {
        tf32: np.linalg.norm(run(NETWORK, dtype=dtype, backend=lk.CUDA(tf32=tf32)).position - expected.position)
        / np.linalg.norm(expected.position)
        for tf32 in (False, True)
    }
    assert error[False] < {"float32": 1e-5, "float64": 1e-13}[dtype]
    if dtype == "float32":
        assert 3 * error[False] < error[True] < 1e-2
    else:
        assert error[True] == error[False]


def test_rounded_positions() -> None:
    arguments: dict[str, Any] = {"save_positions": 100, "position_bits": 8, "dtype": "float64"}
    assert_same(run(WELL, backend=on_device(), **arguments), run(WELL, **arguments))


def test_a_run_goes_on_on_the_other_device(tmp_path: Path, eager: None) -> None:
    """Begun on the CPU, cut short, gone on with on the device; and the other way round."""
    whole = run(BOX, store=tmp_path / "whole.zarr", observables=OBSERVABLES)
    for name, first, second in (("a", "cpu", on_device()), ("b", on_device(), "cpu")):
        path = tmp_path / f"{name}.zarr"
        with pytest.raises(KeyboardInterrupt):
            run(BOX, store=path, observables=OBSERVABLES, backend=first, progress=Steps(15.0))
        done = lk.resume(path, backend=second)
        assert_same(done, whole)


@pytest.mark.parametrize(
    ("system", "time_step", "error"),
    [
        (lk.System(energy="x**4", temperature=0.5), 0.5, NonFinite),
        (lk.System(energy="x", temperature=50.0, walls={"x": lk.reflecting(-1.0, 1.0)}), 1.0, BoundaryLeak),
    ],
    ids=["steep", "wall"],
)
def test_a_lost_particle_is_named_as_on_the_cpu(
    system: lk.System, time_step: float, error: type[LangevinKitError]
) -> None:
    said = []
    for backend in (on_device(), "cpu"):
        with pytest.raises(error) as caught:
            run(system, time_step=time_step, backend=backend)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_device_that_nothing_can_be_compiled_for_is_refused(tmp_path: Path) -> None:
    backend = lk.CUDA(device=Executor(capability=(3, 5)))
    with pytest.raises(BackendUnavailable, match=r"compute capability 3\.5.*cuda12 compiles for 5\.2"):
        run(WELL, backend=backend, store=tmp_path / "run.zarr")
    assert not (tmp_path / "run.zarr").exists()


def test_a_driver_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, text: bytes) -> None:
        raise ValueError("CUDA_ERROR_UNSUPPORTED_PTX_VERSION")

    monkeypatch.setattr(cupy_on_host.Module, "load", refuse)
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_host.cupy())
    with pytest.raises(BackendUnavailable, match=r"for CUDA 12\.8, does not take.*UNSUPPORTED_PTX.*later driver"):
        run(WELL, backend="cuda")
