"""The generated measurement by itself: any number of coordinates, any range of groups, rows beyond the coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_kit import System, observables
from langevin_kit.codegen import measurer
from langevin_kit.codegen.measure import measure_source
from langevin_kit.kernels.cpu.tiles import GROUP
from langevin_kit.observables import Plan, plan
from langevin_kit.observables._mean import mean_energy, moments_of_position
from langevin_kit.observables.rows import Rows

N = GROUP + 1000


def planned(d: int, vector: bool = False) -> Plan:
    """A plan for d coordinates, with E = |x|²/2 + p."""
    names = [f"x{k}" for k in range(d)]
    last = np.eye(d)[-1]
    if vector:
        system = System(coordinates={"v": d}, energy="v @ v/2 + p", parameters={"p": 0.25, "e": last}, temperature=1.0)
    else:
        energy = " + ".join(f"{x}**2/2" for x in names)
        system = System(coordinates=names, energy=f"{energy} + p", parameters={"p": 0.25}, temperature=1.0)
    rows = Rows(system)
    moments_of_position(rows)
    mean_energy(rows)
    observables.mean_square_displacement().plan(rows, "")
    observables.mean_square_displacement([system.names[-1]]).plan(rows, "")
    observables.autocorrelation("e @ v + p*t" if vector else f"{names[-1]} + p*t").plan(rows, "")
    observables.maximum("energy").plan(rows, "")
    pairs, extremes = (np.array([*table], np.int64).reshape(-1, 2) for table in (rows.pairs, rows.extremes))
    return Plan(system, {}, tuple(rows.rows), pairs, extremes, None, {})


def expected_rows(x: np.ndarray, start: np.ndarray, t: float) -> np.ndarray:
    energy = (x**2).sum(axis=0) / 2 + 0.25
    moved = (x - start) ** 2
    first, now = start[-1], x[-1] + 0.25 * t
    return np.vstack([x, energy, moved.sum(axis=0), moved[-1], first, now, first * now])


@pytest.mark.parametrize(
    ("d", "dtype"),
    [(2, "float64"), (3, "float32"), (40, "float64"), pytest.param(10, "float32", marks=pytest.mark.slow)],
)
def test_rows_of_any_number_of_coordinates(d: int, dtype: str) -> None:
    made = planned(d, vector=d >= 10)
    rng = np.random.default_rng(d)
    state = rng.normal(size=(d + 2, N)).astype(dtype)  # two rows beyond the coordinates, which are no part of the sums
    start = rng.normal(size=(d, N)).astype(dtype)
    means, comoments = np.full((2, len(made.rows)), np.nan), np.full((2, len(made.pairs)), np.nan)
    tops, holders = np.empty((2, 1)), np.empty((2, 1), np.int64)
    module = measurer(made)
    sizes = np.empty(2)
    arguments = (2.0, made.system.values, made.pairs, made.extremes, sizes, means, comoments, tops, holders)
    module.measure(state, start[list(made.start_axes)], GROUP, N, *arguments)
    assert np.isnan(means[0]).all()
    assert np.isnan(comoments[0]).all()  # the other group is another task's
    module.measure(state, start[list(made.start_axes)], 0, GROUP, *arguments)
    assert sizes.tolist() == [GROUP, N - GROUP]
    module.merge(sizes, means, comoments, made.pairs)
    rows = expected_rows(state[:d].astype(float), start.astype(float), 2.0)
    np.testing.assert_allclose(means[0], rows.mean(axis=1), rtol=1e-13, atol=1e-14)
    delta = rows - rows.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(
        comoments[0], [delta[i] @ delta[j] for i, j in made.pairs], rtol=1e-12, atol=1e-12 * N * d
    )
    assert tops.max() == pytest.approx(rows[d].max(), rel=1e-14)
    assert holders[tops.argmax(), 0] == rows[d].argmax()


def test_source_does_not_grow_with_coordinates_that_no_expression_uses() -> None:
    few, many = (measure_source(planned(d, vector=True)).count("\n") for d in (10, 40))
    assert many - few == 30  # one call each for its displacement


def test_only_what_is_asked_for_is_generated() -> None:
    source = measure_source(plan(System(energy="x**2", temperature=1.0), None, None))
    assert "start_values" not in source
    assert "multiply" not in source
    assert "square" not in source
