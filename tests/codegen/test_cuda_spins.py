"""The kernel of spins on CUDA, executed without a device: sweep by sweep the CPU's state, in every bit.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cuda_tools import require_compiler
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.backends import Program
from langevin_kit.observables import plan
from langevin_kit.schemes import scheme_from
from langevin_kit.system.spins import UPDATES
from langevin_kit.testing.ptxvm import Executor, PTXError

require_compiler()

from langevin_kit.backends.cuda._spins import SpinMover  # noqa: E402
from langevin_kit.kernels.cuda import device, spins  # noqa: E402

N, REPLICAS = 70, 3
KEY = np.uint32(11), np.uint32(22)
State = NDArray[np.float64]


def system(n: int = N, *, short: bool = True, **more: Any) -> lk.SpinSystem:
    """Hebb's couplings with a diagonal, and fields; multiples of 1/n where they are to be short."""
    rng = np.random.default_rng(n)
    xi, b = rng.choice([-1.0, 1.0], size=(5, n)), rng.integers(-3, 4, n)
    made = lk.SpinSystem(couplings=(1.0 if short else np.pi) * xi.T @ xi / n, fields=b / n, **more)
    assert made.facts.has_short_couplings == short
    return made


def start(of: lk.SpinSystem) -> State:
    """Spins and their fields; an energy of nonsense, which is to be replaced; and no turn so far."""
    state = np.zeros((of.n_rows + 1, REPLICAS))
    state[: of.n_dim] = np.random.default_rng(1).choice([-1.0, 1.0], size=(of.n_dim, REPLICAS))
    of.begin(state)
    state[of.energy_row] = np.nan
    return state


def program(of: lk.SpinSystem, key: tuple[np.uint32, np.uint32] = KEY) -> Program:
    return Program(of, scheme_from("glauber"), plan(of, None, None), "float64", 1.0, key)


def on_cpu(of: lk.SpinSystem, sweeps: int) -> State:
    with lk.CPU().ensemble(program(of), start(of)) as ensemble:
        ensemble.advance(0, sweeps, lambda _: None)
        return ensemble.state.copy()


def on_device(of: lk.SpinSystem, *cuts: int, device: Executor | None = None, **more: Any) -> State:
    """Sweeps from cut to cut, each a launch."""
    mover, state = SpinMover(device or Executor(), program(of, **more)), start(of)
    for first, last in zip((0, *cuts), cuts, strict=False):
        move(mover, state, 0, first, last - first)
    return state


def move(mover: SpinMover, state: State, particle0: int, first: int, sweeps: int) -> None:
    mover.begin(state.shape[1])
    assert sum(mover.moved(state, particle0, first, sweeps)) == sweeps
    mover.end()


def assert_same(got: State, expected: State) -> None:
    assert np.isfinite(expected).all()
    assert (expected[-1] > 0).all()
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("short", [True, False], ids=["short", "long"])
@pytest.mark.parametrize("update", UPDATES)
def test_states_are_those_of_the_cpu_bit_for_bit(update: str, *, short: bool) -> None:
    """Spins, fields, energies and turns at T > 0 and at T = 0, in one launch and in two."""
    for temperature in (0.7, 0.0):
        of = system(short=short, update=update, temperature=temperature)
        assert_same(on_device(of, 2, 3), on_cpu(of, 3))
    assert_same(on_device(of, 3), on_cpu(of, 3))


@pytest.mark.parametrize("update", ["random", "synchronous"])
def test_blocks_of_several_warps(update: str) -> None:
    of = system(300, update=update, temperature=1.5)
    assert spins.threads_of(300) == 64
    assert_same(on_device(of, 1), on_cpu(of, 1))


@pytest.mark.parametrize("update", ["random", "synchronous"])
def test_replicas_that_do_not_fit_shared_memory(update: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = system(update=update, temperature=0.7)
    assert SpinMover(Executor(), program(of)).bytes_each < 10
    monkeypatch.setattr(spins, "SHARED", 5 * N - 1)
    assert SpinMover(Executor(), program(of)).bytes_each >= 5 * N
    assert_same(on_device(of, 1, 2), on_cpu(of, 2))


def test_functions_made_for_one_kernel_are_not_taken_for_those_of_another() -> None:
    """Twins are known by identity, which lasts as long as the function."""
    twin = device.Device(fast=False).function(spins.sweeps_of(3, np.int32, draws=True, at_once=False))
    (moved,) = (cell.cell_contents for cell in twin.__closure__ or () if hasattr(cell.cell_contents, "py_func"))
    assert moved.py_func.__name__ == "moved"
    assert moved not in device._LIBRARY[False].values()
    assert moved.py_func.__globals__["energy_of"] in device._LIBRARY[False].values()


def test_fewer_spins_than_threads() -> None:
    """One, and a few; ties of the field and of the threshold stay as they are."""
    for n in (1, 2, 5):
        ring = np.roll(np.eye(n), 1, axis=0)
        of = lk.SpinSystem(couplings=ring + ring.T, temperature=0.0)
        state = on_device(of, 3)
        assert state.tobytes() == on_cpu(of, 3).tobytes()


def test_a_replica_has_its_numbers_wherever_it_is() -> None:
    """Past 2³² replicas, alone and among others."""
    of = system(temperature=0.7)
    low = 2**32 - 1
    mover, together, alone = SpinMover(Executor(), program(of)), start(of), start(of)[:, 1:2].copy()
    move(mover, together, low, 0, 2)
    move(mover, alone, low + 1, 0, 2)
    assert alone.tobytes() == together[:, 1:2].tobytes()
    assert alone.tobytes() != on_device(of, 2)[:, 1:2].tobytes()


class Idle(Executor):
    """A device that does nothing."""

    def load(self, text: str) -> Callable[..., None]:
        return lambda *arguments: None


def test_a_first_launch_is_short() -> None:
    """Where a turn takes a microsecond, less than a tenth of a second for a thousand replicas or one."""
    of = system(temperature=0.7)
    for replicas in (1, 1000):
        mover, state = SpinMover(Idle(), program(of)), np.zeros((of.n_rows + 1, replicas))
        mover.begin(replicas)
        launches = mover.moved(state, 0, 0, 10**6)
        assert 0 < next(launches) * N < 10**5
        mover.end()


def test_bits_show_what_is_wrong() -> None:
    """The control: another seed, another temperature, another update, a sweep of another number."""
    of = system(temperature=0.7)
    expected = on_cpu(of, 2)
    assert_same(on_device(of, 2), expected)
    for wrong in (
        on_device(of, 2, key=(np.uint32(12), KEY[1])),
        on_device(replace(of, temperature=0.7 * (1 + 1e-2)), 2),
        on_device(replace(of, update="sequential"), 2),
        on_device(of, 1, 3),
    ):
        assert wrong.tobytes() != expected.tobytes()


class Wrong(Executor):
    """A device whose kernels are changed."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def load(self, text: str) -> Callable[..., None]:
        changed = self._change(text)
        assert changed != text
        return super().load(changed)


BARRIER = re.compile(r"^\s*(?:bar\.sync|barrier\.sync)\s.*$", re.MULTILINE)


@pytest.mark.parametrize("update", ["random", "synchronous"])
def test_every_barrier_is_needed(update: str) -> None:
    """Without one of them the executor names a race, or what nothing was written to."""
    of, found = system(update=update, temperature=0.7), []
    SpinMover(Wrong(lambda text: found.extend(BARRIER.findall(text)) or text + "\n"), program(of))
    assert len(found) == 3
    for number in range(len(found)):

        def without(text: str, number: int = number) -> str:
            barrier = list(BARRIER.finditer(text))[number]
            return text[: barrier.start()] + text[barrier.end() :]

        with pytest.raises(PTXError, match=r"race in shared memory|nothing was written to"):
            on_device(of, 2, device=Wrong(without))


@pytest.mark.parametrize(
    ("update", "right", "wrong"),
    [("random", "min.s32", "max.s32"), ("random", "-845247145", "-845247143"), ("synchronous", ".gt.f64", ".lt.f64")],
)
def test_another_kernel_has_other_bits(update: str, right: str, wrong: str) -> None:
    """The last of the attempts that would turn, in place of the first; other numbers; spins against their field."""
    of = system(update=update, temperature=0.7)
    got = on_device(of, 1, device=Wrong(lambda text: text.replace(right, wrong)))
    assert got.tobytes() != on_cpu(of, 1).tobytes()
