"""A CUDA backend that cannot run says what is missing and how to get it, and nothing is written."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba.cuda  # noqa: F401  (before the package that it may stand for seems to be missing)
import pytest

import langevin_kit as lk
from langevin_kit.errors import BackendUnavailable, InvalidArgument

WELL = lk.System(energy="(x**2 - 1)**2", temperature=0.5)


def run(backend: Any, path: Path) -> None:
    initial = lk.initial.point([0.0])
    lk.simulate(WELL, initial=initial, n_particles=9, time_step=1e-3, n_steps=9, rng=0, backend=backend, store=path)


class NoDriver(Exception):
    """As CuPy raises it."""


def cupy_with(count: int | None) -> Any:
    """CuPy on a machine with so many devices, or without a driver."""

    def devices() -> int:
        if count is None:
            raise NoDriver("cudaErrorInsufficientDriver")
        return count

    runtime = SimpleNamespace(getDeviceCount=devices, CUDARuntimeError=NoDriver)
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))


@pytest.mark.parametrize(
    ("cupy", "numba_cuda", "said"),
    [
        (None, None, r"cupy is not installed.*pip install 'langevin-kit\[cuda13\]'.*backend='cpu'"),
        (cupy_with(1), None, r"numba_cuda is not installed.*cuda12"),
        (cupy_with(None), True, r"CUDA cannot be used here \(cudaErrorInsufficientDriver\).*driver"),
        (cupy_with(0), True, r"CUDA cannot be used here \(it finds no device\)"),
        (cupy_with(2), True, r"device: got 3; this machine has 2, numbered from 0"),
    ],
    ids=["no cupy", "no numba-cuda", "no driver", "no device", "no such device"],
)
def test_what_is_missing_is_said(
    cupy: Any, numba_cuda: Any, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "numba_cuda", numba_cuda and SimpleNamespace())
    with pytest.raises(BackendUnavailable, match=said):
        run(lk.CUDA(device=3), tmp_path / "run.zarr")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": -1}, "device: got -1"),
        ({"device": "0"}, "device: got '0'; the number of a GPU"),
        ({"block_size": 16384.0}, "block_size: got 16384.0"),
        ({"tf32": True, "reproducible": True}, "leave out one of tf32, reproducible"),
        ({"block_size": 100}, "block_size: got 100; a positive multiple of 16384"),
    ],
)
def test_options_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        lk.CUDA(**options)


def test_modes_have_names() -> None:
    from langevin_kit.backends import backend_from

    assert backend_from("cuda") == lk.CUDA()
    assert backend_from("cuda_reproducible") == lk.CUDA(reproducible=True)
    assert lk.CUDA(reproducible=True).name == "cuda_reproducible"
    assert [backend_from(name).dtype for name in ("cpu", "cuda", "cuda_reproducible")] == [
        "float64",
        "float32",
        "float64",
    ]
