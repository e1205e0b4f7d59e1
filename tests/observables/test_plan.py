"""The plan of a run's observables: names, quantities, and the variables it makes of merged sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.observables import VARIABLES, plan
from langevin_kit.system import Grid, System, cells

PLANE = System(energy="x**2 + a*y**2", temperature=1.0, coordinates=("x", "y"), parameters={"a": 2.0})


def test_quantities_and_pairs() -> None:
    made = plan(PLANE, {"right": "x > 0", "moment": "a*x**4*cos(t)", "one": 1}, None)
    x, y = PLANE.derived.coordinates
    assert made.names == ("right", "moment", "one")
    assert made.quantities[:3] == (x, y, PLANE.derived.energy)
    assert made.pairs.tolist() == [[0, 0], [0, 1], [1, 1], [2, 2], [3, 3], [4, 4], [5, 5]]
    assert plan(PLANE, None, None).names == ()


@pytest.mark.parametrize("n", [2, 17, 1000])
def test_finish_against_numpy(n: int) -> None:
    made = plan(PLANE, {"right": "x > 0"}, None)
    rows = np.random.default_rng(n).normal(size=(4, n))  # x, y, energy, right
    delta = rows - rows.mean(axis=1, keepdims=True)
    comoment = np.array([(delta[i] * delta[j]).sum() for i, j in made.pairs])
    got = made.finish(n, rows.mean(axis=1), comoment)
    stderr = rows.std(axis=1, ddof=1) / np.sqrt(n)
    expected = {
        "mean": rows[:2].mean(axis=1),
        "mean_stderr": stderr[:2],
        "covariance": np.cov(rows[:2]),
        "energy": rows[2].mean(),
        "energy_stderr": stderr[2],
        "right": rows[3].mean(),
        "right_stderr": stderr[3],
    }
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-12, err_msg=name)


def test_one_particle_has_no_spread_to_speak_of() -> None:
    got = plan(PLANE, {"right": "x > 0"}, None).finish(1, np.array([1.0, 2.0, 3.0, 1.0]), np.zeros(5))
    assert (got["mean"].tolist(), float(got["energy"])) == ([1.0, 2.0], 3.0)
    for name in ("mean_stderr", "covariance", "energy_stderr", "right_stderr"):
        assert np.isnan(got[name]).all(), name


@pytest.mark.parametrize("name", sorted({*VARIABLES, "time", "component", "component_", "particle"}))
def test_names_of_every_run_are_taken(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"name '{name}' is a variable of every run"):
        plan(PLANE, {name: "x"}, None)
    with pytest.raises(InvalidArgument, match=f"name '{name}' is a variable of every run"):
        plan(System(energy=f"{name}**2", temperature=1.0, coordinates=(name,)), None, None)


@pytest.mark.parametrize(
    ("observables", "words"),
    [
        ({"x": "y"}, "'x' is a coordinate"),
        ({"a b": "x"}, "observables: name 'a b'"),
        ({"é": "x"}, "observables: name 'é'"),
        ({"": "x"}, "observables: name ''"),
        ({1: "x"}, "observables: name 1"),
        (
            {"right": "x > 0", "right_stderr": "x"},
            "right_stderr",
        ),
        (["x > 0"], "observables"),
    ],
)
def test_names_refused(observables: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        plan(PLANE, observables, None)


@pytest.mark.parametrize(
    ("observables", "words"),
    [
        ({"b": "x >"}, r"observables\.b: "),
        ({"b": "z > 0"}, r"observables\.b: unknown name 'z'"),
        ({"b": "x == 0"}, r"observables\.b: .*probability zero"),
        ({"a": "x", "b": None}, r"observables\.b: got None"),
        ({"b": "log(-1)*x"}, r"observables\.b: "),
    ],
)
def test_texts_refused(observables: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InvalidExpression, match=words):
        plan(PLANE, observables, None)


@pytest.mark.parametrize("text", ["not x", "x and y > 0", "1 if x else 0"])
def test_truth_of_a_number_is_refused(text: str) -> None:

    with pytest.raises(InvalidExpression, match=r"observables\.b: "):
        plan(PLANE, {"b": text}, None)


@pytest.mark.parametrize("axes", [("x",), ("y", "x"), ("x", "z")])
def test_histogram_of_other_axes(axes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"histogram: got axes .* the coordinates are \('x', 'y'\)"):
        plan(PLANE, None, Grid(**{name: cells(0, 1, 4) for name in axes}))


def test_histogram_is_no_grid() -> None:
    with pytest.raises(InvalidArgument, match="histogram"):
        plan(PLANE, None, {"x": 5})  # type: ignore[arg-type]
