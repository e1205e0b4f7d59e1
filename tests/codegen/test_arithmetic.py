"""Bits do not depend on the mode of arithmetic that something else left in the process."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.backends import Program
from langevin_kit.codegen import arithmetic, ieee_arithmetic, library, stepper
from langevin_kit.errors import BackendUnavailable
from langevin_kit.kernels.cpu.float_mode import DEFAULT, FLUSH, HAS_MXCSR
from langevin_kit.observables import plan
from langevin_kit.schemes import scheme_from

pytestmark = pytest.mark.skipif(not HAS_MXCSR, reason="the mode is set on x86-64 alone")

T = TypeVar("T")
MODES = {"flush to zero": int(FLUSH), "round down": 0x2000, "round up": 0x4000, "truncate": 0x6000}
HALF, SUBNORMAL = np.float32(0.5), np.float32(2.0**-130)


def in_mode(bits: int, work: Callable[[], T]) -> T:
    """Do work in a thread that something has left in another mode, and check that it is left so."""
    found: list[T] = []
    left: list[int] = []

    def run() -> None:
        library().exchange_mode(np.uint32(DEFAULT | bits))
        found.append(work())
        left.append(library().exchange_mode(DEFAULT) & 0xFFC0)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert left == [(int(DEFAULT) | bits) & 0xFFC0]
    return found[0]


def decay() -> xr.Dataset:
    """dx = −x dt from 1e-37: subnormal after a few steps."""
    cold = lk.System(energy="x**2/2", temperature=0.0)
    ds = lk.simulate(cold, initial=lk.initial.gaussian([0.0], 1e-74), n_particles=1000, time_step=0.1, n_steps=60,
                     rng=0, dtype="float32", save_positions=True)  # fmt: skip
    return ds.drop_attrs()


def test_the_mode_is_seen_and_put_back() -> None:
    product = np.array([SUBNORMAL])
    assert in_mode(0, lambda: (product * HALF)[0] > 0)
    assert in_mode(int(FLUSH), lambda: (product * HALF)[0] == 0)

    def inside() -> bool:
        with ieee_arithmetic():
            kept = (product * HALF)[0] > 0
        return bool(kept and (product * HALF)[0] == 0)

    assert in_mode(int(FLUSH), inside)

    def after_an_error() -> None:
        with pytest.raises(KeyError), ieee_arithmetic():
            raise KeyError

    in_mode(int(FLUSH), after_an_error)


@pytest.mark.parametrize("mode", MODES)
def test_a_run_has_the_same_bits_in_every_mode(mode: str) -> None:
    expected = decay()
    last = np.abs(expected.position.values[-1])
    assert ((last > 0) & (last < np.finfo(np.float32).tiny)).mean() > 0.9
    xr.testing.assert_identical(in_mode(MODES[mode], decay), expected)


@pytest.mark.parametrize("mode", MODES)
def test_workers_correct_the_mode_that_they_inherit(mode: str) -> None:
    """The backend alone, with noise; and, as a control, the same compiled step without the correction."""
    system = lk.System(energy="x**2/2", temperature=1e-76)
    scheme = scheme_from("euler_maruyama")
    program = Program(system, scheme, plan(system, None, None), "float32", 0.1, (np.uint32(1), np.uint32(2)))
    start = np.linspace(-1e-37, 1e-37, 1000, dtype=np.float32)[None]

    def through_the_backend() -> Any:
        state = start.copy()
        with lk.CPU(threads=2).ensemble(program, state) as ensemble:
            ensemble.advance(0, 50, lambda steps: None)
        return state

    def uncorrected() -> Any:
        state = start.copy()
        constants = (system.values, 0.1, system.temperature, *program.key)
        stepper(system, scheme, "float32").advance(state, 0, 1000, 256, 0, 50, *constants, 0)
        return state

    expected = through_the_backend()
    np.testing.assert_array_equal(in_mode(0, uncorrected), expected)
    np.testing.assert_array_equal(in_mode(MODES[mode], through_the_backend), expected)
    assert (in_mode(MODES[mode], uncorrected) != expected).mean() > 0.5


def test_a_replay_has_the_same_bits_too() -> None:
    cold = lk.System(energy="x**2/2", temperature=0.0)
    ds = lk.simulate(cold, initial=lk.initial.point([1e-37]), n_particles=2, time_step=0.1, n_steps=60, rng=0,
                     dtype="float32", save_positions=True, save_every=1)  # fmt: skip
    path = in_mode(int(FLUSH), lambda: lk.replay(ds, 1))
    np.testing.assert_array_equal(path.position[..., 0], ds.position[..., 1])
    assert ds.position[-1].all()


@pytest.mark.parametrize("mode", MODES)
def test_where_the_mode_cannot_be_set_it_is_refused(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = SimpleNamespace(exchange_mode=lambda bits: bits, is_ieee=library().is_ieee)
    monkeypatch.setattr(arithmetic, "library", lambda: fixed)
    monkeypatch.setattr(arithmetic, "HAS_MXCSR", False)

    def refused() -> None:
        with pytest.raises(BackendUnavailable, match="-ffast-math sets this when it is loaded"), ieee_arithmetic():
            pass

    in_mode(MODES[mode], refused)
    with ieee_arithmetic():
        pass
