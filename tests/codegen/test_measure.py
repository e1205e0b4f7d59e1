"""The generated measurement by itself: any number of coordinates, any range of groups, rows beyond the coordinates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from langevin_kit import System, observables
from langevin_kit.codegen import measurer
from langevin_kit.codegen.measure import measure_source
from langevin_kit.kernels.cpu.tiles import GROUP
from langevin_kit.observables import Plan, plan
from langevin_kit.observables._mean import mean_energy, moments_of_position
from langevin_kit.observables.rows import Rows
from langevin_kit.system.derive import coordinate_symbols

N = GROUP + 1000


def planned(d: int) -> Plan:
    """A plan for d coordinates, with E = |x|²/2 + p, whatever `System` allows."""
    names = tuple(f"x{k}" for k in range(d))
    x, p, (t,) = coordinate_symbols(names), coordinate_symbols(("p",)), coordinate_symbols(("t",))
    energy = sum((s**2 for s in x), sp.Integer(0)) / 2 + p[0]
    derived = SimpleNamespace(coordinates=x, parameters=p, time=t, energy=energy)
    symbols = {str(s): s for s in (*x, *p, t)}
    system: Any = SimpleNamespace(
        n_dim=d, coordinates=names, derived=derived, parameters={"p": 0.25}, symbols=symbols, units={}
    )
    rows = Rows(system)
    moments_of_position(rows)
    mean_energy(rows)
    observables.mean_square_displacement().plan(rows, "")
    observables.mean_square_displacement([names[-1]]).plan(rows, "")
    observables.autocorrelation(f"{names[-1]} + p*t").plan(rows, "")
    observables.maximum("energy").plan(rows, "")
    pairs, extremes = (np.array([*table], np.int64).reshape(-1, 2) for table in (rows.pairs, rows.extremes))
    return Plan(system, {}, tuple(rows.rows), pairs, extremes, None, {})


def expected_rows(x: np.ndarray, start: np.ndarray, t: float) -> np.ndarray:
    energy = (x**2).sum(axis=0) / 2 + 0.25
    moved = (x - start) ** 2
    first, now = start[-1], x[-1] + 0.25 * t
    return np.vstack([x, energy, moved.sum(axis=0), moved[-1], first, now, first * now])


@pytest.mark.parametrize(("d", "dtype"), [(2, "float64"), (3, "float32"), (40, "float64")])
def test_rows_of_any_number_of_coordinates(d: int, dtype: str) -> None:
    made = planned(d)
    rng = np.random.default_rng(d)
    state = rng.normal(size=(d + 2, N)).astype(dtype)  # two rows beyond the coordinates, which are no part of the sums
    start = rng.normal(size=(d, N)).astype(dtype)
    means, comoments = np.full((2, len(made.rows)), np.nan), np.full((2, len(made.pairs)), np.nan)
    tops, holders = np.empty((2, 1)), np.empty((2, 1), np.int64)
    module = measurer(made)
    arguments = (2.0, np.array([0.25]), made.pairs, made.extremes, means, comoments, tops, holders)
    module.measure(state, start[list(made.start_axes)], GROUP, N, *arguments)
    assert np.isnan(means[0]).all()
    assert np.isnan(comoments[0]).all()  # the other group is another task's
    module.measure(state, start[list(made.start_axes)], 0, GROUP, *arguments)
    module.merge(np.array([GROUP, N - GROUP], float), means, comoments, made.pairs)
    rows = expected_rows(state[:d].astype(float), start.astype(float), 2.0)
    np.testing.assert_allclose(means[0], rows.mean(axis=1), rtol=1e-13, atol=1e-14)
    delta = rows - rows.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(
        comoments[0], [delta[i] @ delta[j] for i, j in made.pairs], rtol=1e-12, atol=1e-12 * N * d
    )
    assert tops.max() == pytest.approx(rows[d].max(), rel=1e-14)
    assert holders[tops.argmax(), 0] == rows[d].argmax()


def test_source_does_not_grow_with_coordinates_that_no_expression_uses() -> None:
    few, many = (measure_source(planned(d)).count("\n") for d in (10, 40))
    assert many - few == 2 * 30 + 30  # E names each coordinate: its square and its sum; one call for its displacement


def test_only_what_is_asked_for_is_generated() -> None:
    source = measure_source(plan(System(energy="x**2", temperature=1.0), None, None))
    assert "start_values" not in source
    assert "multiply" not in source
    assert "square" not in source
