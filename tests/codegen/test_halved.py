"""Halved steps: noise of half the time step, along the Brownian paths of the whole one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.testing import draws


def run(system: lk.System, n_steps: int, halved: bool, **given: Any) -> Any:
    """Positions after n_steps of 0.64/n_steps."""
    given = {"n_particles": 700, "dtype": "float64", "rng": 5, "noise": "gaussian"} | given
    ds = lk.simulate(
        system,
        initial=lk.initial.point([0.25] * system.n_dim),
        time_step=0.64 / n_steps,
        n_steps=n_steps,
        save_every=n_steps,
        save_positions=True,
        check=False,
        scheme=lk.EulerMaruyama(noise=given.pop("noise"), halved=halved),
        **given,
    )
    return ds.position.values[-1]


def free(d: int) -> lk.System:
    return lk.System(energy=0.0, temperature=0.5, coordinates=tuple("xyz"[:d]))


@pytest.mark.parametrize(
    ("d", "dtype", "noise"),
    [
        (3, "float32", "gaussian"),
        (1, "float32", "gaussian_32"),
        (3, "float64", "gaussian_53"),
        pytest.param(2, "float32", "gaussian_53", marks=pytest.mark.slow),
        pytest.param(1, "float64", "gaussian", marks=pytest.mark.slow),
        pytest.param(2, "float64", "gaussian_32", marks=pytest.mark.slow),
        pytest.param(2, "float64", "gaussian", marks=pytest.mark.slow),
    ],
)
def test_two_halves_are_the_whole(d: int, dtype: str, noise: str) -> None:
    """Free diffusion sums its noise, so both runs end at the same places; seven whole steps end inside a group."""
    digits = {"float32": 3e-6, "float64": 1e-14}[dtype]
    whole = run(free(d), 7, False, dtype=dtype, noise=noise)
    halves = run(free(d), 14, True, dtype=dtype, noise=noise)
    np.testing.assert_allclose(halves, whole, rtol=0, atol=digits)
    assert np.abs(run(free(d), 14, False, dtype=dtype, noise=noise) - whole).std() > 0.3


def test_the_numbers_are_those_of_the_bridge() -> None:
    key = tuple(int(word) for word in philox_key(seed_sequence(5)))
    particles = np.arange(700)
    w, b = (np.concatenate([draws("gaussian", particles, c, key, stream) for c in range(3)]) for stream in (0, 2))
    steps = np.stack([w + b, w - b], axis=1).reshape(12, -1) / np.sqrt(2)
    system = lk.System(energy="x**2/2 + x**4/4", mobility="1/(1 + x**2)", temperature=0.5)
    x = np.full((1, 700), 0.25)
    for z in steps:
        x = x + 0.64 / 12 * system.drift_at(x) + np.sqrt(2 * 0.5 * 0.64 / 12 * system.mobility_at(x)[0]) * z
    np.testing.assert_allclose(run(system, 12, True)[0], x[0], rtol=1e-12)
    # The two halves of a step are as independent as other steps: a correlation beyond 5 s.e. has probability 6e-7.
    assert abs(np.corrcoef(steps[::2].ravel(), steps[1::2].ravel())[0, 1]) < 5 / np.sqrt(steps[::2].size)


def test_the_bits_do_not_depend_on_how_the_run_is_cut() -> None:
    system = lk.System(energy="(x**2 - 1)**2 + y**2/2 + x*y/4", temperature=0.5, coordinates=("x", "y"))
    whole = run(system, 22, True, dtype="float32")
    for backend in (lk.CPU(threads=1, block_size=512), lk.CPU(threads=2)):
        np.testing.assert_array_equal(run(system, 22, True, dtype="float32", backend=backend), whole)
    ds = lk.simulate(
        system,
        initial=lk.initial.point([0.25, 0.25]),
        n_particles=700,
        time_step=0.64 / 22,
        n_steps=22,
        save_every=1,
        rng=5,
        dtype="float32",
        scheme=lk.EulerMaruyama(halved=True),
    )
    path = lk.replay(ds, 333)
    np.testing.assert_array_equal(path.position[-1, :, 0], whole[:, 333])


def test_the_difference_of_the_two_runs_is_the_error_of_the_step() -> None:
    """⟨x²⟩ of dx = −x dt + √2 dW: exact for the scheme; independent runs would have forty times the standard error."""
    system, n = lk.System(energy="x**2/2", temperature=1.0), 20_000
    square = [run(system, steps, halved, n_particles=n)[0] ** 2 for steps, halved in ((16, False), (32, True))]

    def exact(steps: int) -> float:
        a = (1 - 0.64 / steps) ** 2
        return float(0.25**2 * a**steps + 2 * 0.64 / steps * (1 - a**steps) / (1 - a))

    difference = square[0] - square[1]
    stderr = difference.std() / np.sqrt(n)
    assert abs(difference.mean() - (exact(16) - exact(32))) < 4 * stderr
    assert stderr < np.hypot(*(s.std() for s in square)) / np.sqrt(n) / 20


@pytest.mark.parametrize("noise", ["rademacher", "three_point"])
def test_discrete_noises_have_no_bridge(noise: str) -> None:
    with pytest.raises(InvalidArgument, match=f"halved = True with noise '{noise}'"):
        lk.EulerMaruyama(noise=noise, halved=True)


def test_other_refusals() -> None:
    with pytest.raises(InvalidArgument, match="halved = 1 with"):
        lk.EulerMaruyama(halved=1)  # type: ignore[arg-type]
    vector = lk.System(energy="v @ v/2", temperature=1.0, coordinates={"v": 3})
    with pytest.raises(InvalidArgument, match="no halved steps"):
        run(vector, 4, True)
