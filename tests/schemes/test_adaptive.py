"""Adaptive Euler–Maruyama: its Brownian tree, its law where fixed steps explode, and what it does not depend on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, NonFinite
from langevin_kit.kernels.counter_rng import STREAM_TREE
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.testing import normals

PLANE = lk.System(energy="a*x**2/2 + b*x**4/4", temperature=0.5, coordinates=("x", "y"), parameters={"a": 0, "b": 1})
"""A well in x; y moves freely, and shows the Brownian path."""
Floats = NDArray[np.float64]


def run(system: lk.System, tolerance: float | None, **given: Any) -> Any:
    scheme = "euler_maruyama" if tolerance is None else {"name": "adaptive", "tolerance": tolerance}
    return lk.simulate(
        system,
        **{
            "initial": lk.initial.uniform([-1.0] * system.n_dim, [1.0] * system.n_dim),
            "n_particles": 500,
            "time_step": 0.25,
            "n_steps": 4,
            "save_every": 1,
            "rng": 3,
            "save_positions": True,
            "check": False,
            "scheme": scheme,
            **given,
        },
    )


def tree(n: int, step: int, level: int, *, same: bool = False) -> Floats:
    """The normal numbers (part, coordinate, particle) of the 2**level parts of a step in the plane, by NumPy.

    With `same`, a wrong one: all parts of a level are divided by the same numbers.
    """
    key, particles = philox_key(seed_sequence(3)), np.arange(n)
    parts = normals(particles, step, key)[None]
    for depth in range(level):
        nodes = [int(STREAM_TREE) + 2**depth + (0 if same else j) for j in range(2**depth)]
        b = np.array([normals(particles, step, key, node) for node in nodes])
        parts = np.stack([parts + b, parts - b], axis=1).reshape(-1, 2, n) / math.sqrt(2)
    return parts


def test_without_halving_it_is_euler_maruyama_bit_for_bit() -> None:
    ds, plain = run(PLANE, 1e9), run(PLANE, None)
    np.testing.assert_array_equal(ds.position, plain.position)
    assert ds.n_substeps.values.tolist() == [0, 1, 2, 3, 4]


def test_halved_everywhere_it_is_euler_maruyama_along_the_tree() -> None:
    """With x' = −ax, a Δt/8 = 0.75 θ, all parts are eighths: the steps of another program on its tree, to 1e-12."""
    system = replace(PLANE, parameters={"a": 2.4, "b": 0})
    ds, h = run(system, 0.1), 0.25 / 8
    assert float(ds.n_substeps[-1]) == 4 * 8
    x = ds.position.values[0].copy()
    for step in range(4):
        for z in tree(500, step, 3):
            x += -2.4 * h * x * [[1], [0]] + math.sqrt(2 * 0.5 * h) * z
        np.testing.assert_allclose(ds.position.values[step + 1], x, rtol=0, atol=1e-12)
    wrong = ds.position.values[1] - ds.position.values[0]
    assert np.abs(wrong - math.sqrt(h) * tree(500, 0, 3, same=True).sum(axis=0))[0].max() > 0.1


def test_the_path_is_the_same_whatever_is_halved() -> None:
    """The free coordinate to rounding, with 1 to 100 parts a step, of unlike length in one step."""
    plain, most = run(PLANE, None), []
    for tolerance in (1.0, 0.1, 0.01):
        ds = run(PLANE, tolerance)
        np.testing.assert_allclose(ds.position[:, 1], plain.position[:, 1], rtol=0, atol=1e-13)
        most.append(float(ds.n_substeps[-1]) / 4)
    assert most[0] < 3
    assert most[0] < most[1] < most[2]
    assert most[2] > 20


def test_the_numbers_of_the_tree_are_independent_and_normal() -> None:
    """χ² of their squares at each of six levels, and correlations of 32 parts and 2 coordinates; |z| < 4.5.

    A correct tree fails with probability 0.015: of 2016 correlations one is beyond 4.5 with 0.014.
    """
    n = 4000
    for level in range(6):
        square = float((tree(n, 1, level) ** 2).sum())
        count = n * 2 * 2**level
        assert abs(square - count) < 4.5 * math.sqrt(2 * count), level

    def largest(parts: Floats) -> float:
        correlation = np.corrcoef(parts.reshape(-1, n)) * math.sqrt(n)
        return float(np.abs(correlation[np.triu_indices(len(correlation), 1)]).max())

    assert largest(tree(n, 1, 5)) < 4.5
    assert largest(np.concatenate([tree(n, 1, 3), tree(n, 2, 3)])) < 4.5
    assert largest(tree(n, 1, 5, same=True)) > 20


def test_paths_converge_along_the_tree_with_the_tolerance() -> None:
    """Root mean square of x(θ) − x(θ/64): of order one in θ, for the noise does not depend on position."""
    system = replace(PLANE, parameters={"a": 4.0, "b": 1.0})
    tolerances = (0.4, 0.1, 0.025)
    exact = run(system, tolerances[-1] / 16)
    gaps = [float(((run(system, t).position - exact.position)[-1, 0] ** 2).mean()) ** 0.5 for t in tolerances]
    assert np.log(gaps[0] / gaps[2]) / np.log(16) > 0.8
    assert gaps[0] > gaps[1] > gaps[2]


def test_from_far_away_it_has_the_law_where_fixed_steps_explode() -> None:
    """E = x⁴/4 from x = 6: ⟨x²⟩ at four times within 5 s.e. and 1.5 % of 1000 times as many fixed steps.

    Tamed steps of the same length are half off at the first of them; those of Euler–Maruyama explode.
    """
    far: dict[str, Any] = {
        "initial": lk.initial.point([6.0, 0.0]),
        "n_particles": 20_000,
        "n_steps": 16,
        "time_step": 0.1,
        "save_every": 4,
        "save_positions": False,
        "observables": {"square": "x**2"},
    }
    with pytest.raises(NonFinite):
        run(PLANE, None, **far)
    fine = run(PLANE, None, **{**far, "n_steps": 16_000, "time_step": 1e-4, "save_every": 4000, "rng": 4})
    ds, tamed = run(PLANE, 0.02, **far), run(PLANE, None, **far, scheme="tamed")
    for name, found in (("adaptive", ds), ("tamed", tamed)):
        gap = np.abs(found.square - fine.square)[1:]
        bound = 5 * np.hypot(found.square_stderr, fine.square_stderr)[1:] + 0.015 * fine.square[1:]
        assert bool((gap < bound).all()) == (name == "adaptive"), (gap.values, bound.values)
    assert abs(float(tamed.square[1] - fine.square[1])) > 0.4 * float(fine.square[1])
    assert float(ds.n_substeps[-1]) < 16_000 / 8


def test_a_force_that_changes_within_a_step_is_followed() -> None:
    """The mean of x' = 3 sin 40t − x at t = 1 within 5 s.e. and 0.002; fixed steps of a quarter are 0.2 off."""
    system = lk.System(energy="x**2/2", drift=["3*sin(40*t)"], temperature=0.005)
    exact = 3 * (math.sin(40) + 40 * (math.exp(-1) - math.cos(40))) / (1 + 40**2)
    gaps = []
    for tolerance in (0.01, None):
        x = run(system, tolerance, initial=lk.initial.point([0.0])).position[-1, 0]
        gaps.append(abs(float(x.mean()) - exact))
    assert gaps[0] < 5 * float(x.std()) / math.sqrt(500) + 0.002
    assert gaps[1] > 0.2


def test_in_equilibrium_as_many_fixed_steps_are_better() -> None:
    """README's numbers for ⟨x²⟩ of E = x⁴/4: 38 parts a unit of time are 1.4 % above it, 40 fixed steps 0.3 %.

    Within 4.5 s.e., each of 0.25 %.
    """
    exact = math.sqrt(2) * math.gamma(0.75) / math.gamma(0.25)
    still: dict[str, Any] = {"n_particles": 200_000, "save_positions": False, "observables": {"square": "x**2"}}
    halved = run(PLANE, 0.1, **still, time_step=0.1, n_steps=60, save_every=60)
    fixed = run(PLANE, None, **still, time_step=0.025, n_steps=240, save_every=240)
    assert float(halved.n_substeps[-1]) / 6 == pytest.approx(38, rel=0.05)
    for ds, bias in ((halved, 0.014), (fixed, 0.003)):
        assert abs(float(ds.square[-1]) / exact - 1 - bias) < 4.5 * float(ds.square_stderr[-1]) / exact
        assert float(ds.square_stderr[-1]) / exact == pytest.approx(0.0025, rel=0.05)


def test_parts_do_not_depend_on_units() -> None:
    """Lengths in units 1024 times as small give the same parts, and 1024 times the places to the last bit."""
    one = lk.System(
        energy="(x/u)**4/4 + (y/u)**2",
        mobility=[["u**2 + x**2/9", "x*y/9"], ["x*y/9", "u**2"]],
        temperature=0.5,
        coordinates=("x", "y"),
        parameters={"u": 1.0},
    )
    other = replace(one, parameters={"u": 1024.0})
    found, scaled = (
        run(system, 0.03, initial=lk.initial.uniform([-u] * 2, [u] * 2)) for system, u in ((one, 1.0), (other, 1024.0))
    )
    np.testing.assert_array_equal(scaled.position, 1024 * found.position)
    assert float(found.n_substeps[-1]) == float(scaled.n_substeps[-1]) > 4 * 3


def test_more_steps_than_the_tree_has_calls_are_refused_by_name() -> None:
    """Of one coordinate, whose own noise would last for twice as many."""
    well = lk.System(energy="x**4/4", temperature=0.5)
    with pytest.raises(InvalidArgument, match="n_steps: the noise would repeat: got generator calls 0 to 4294967297"):
        run(well, 0.1, n_steps=2**32 + 1, save_every=2**32 + 1)


def test_where_no_part_is_short_enough_the_particle_is_lost_by_name() -> None:
    with pytest.raises(NonFinite, match="After 20 halvings the step was still too long for the drift; or E falls"):
        run(replace(PLANE, parameters={"a": 0.0, "b": -1.0}), 0.1, n_steps=20)
