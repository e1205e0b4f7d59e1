"""The plan of a run's observables: names, quantities, and the variables it makes of merged sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from langevin_kit.codegen import measurer
from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.observables import (
    KINDS,
    VARIABLES,
    Observable,
    Plan,
    Sums,
    autocorrelation,
    maximum,
    mean,
    mean_square_displacement,
    minimum,
    plan,
)
from langevin_kit.observables._mean import moments_of_position
from langevin_kit.observables.rows import Rows, Value
from langevin_kit.system import Grid, System, cells

PLANE = System(energy="x**2 + a*y**2", temperature=1.0, coordinates=("x", "y"), parameters={"a": 2.0})


def sums_of(made: Plan, rows: np.ndarray) -> Sums:
    """What the kernels make of rows (q, n), by NumPy."""
    delta = rows - rows.mean(axis=1, keepdims=True)
    comoment = np.array([(delta[i] * delta[j]).sum() for i, j in made.pairs])
    signed = np.array([sign * rows[k] for k, sign in made.extremes]).reshape(-1, rows.shape[1])
    return Sums(rows.shape[1], rows.mean(axis=1), comoment, signed.max(axis=1), signed.argmax(axis=1))


def test_rows_and_pairs() -> None:
    made = plan(PLANE, {"right": "x > 0", "moment": "a*x**4*cos(t)", "one": 1}, None)
    assert [row.text for row in made.rows if isinstance(row, Value)] == [
        "x",
        "y",
        "energy",
        "x > 0",
        "a*x**4*cos(t)",
        1,
    ]
    assert len(made.rows) == 6
    assert sorted(made.pairs.tolist()) == [[0, 0], [0, 1], [1, 1], [2, 2], [3, 3], [4, 4], [5, 5]]
    assert made.extremes.shape == (0, 2)
    assert made.start_axes == ()
    assert plan(PLANE, None, None).variables == {}


def test_what_two_observables_ask_for_is_computed_once() -> None:
    own = {"a": "x**2", "b": mean("x**2"), "top": maximum("x**2"), "again": maximum(" x**2"), "c": autocorrelation("x")}
    made = plan(PLANE, {**own, "d": autocorrelation("x"), "e": "energy", "low": minimum("energy")}, None)
    # x, y, E, x², x(0), x(0)·x; the pairs of the plane, E, x² and (x(0)·x, x(0)) with each other and with x.
    assert len(made.rows) == 6
    assert made.extremes.tolist() == [[3, 1], [2, -1]]
    assert len({tuple(pair) for pair in made.pairs}) == len(made.pairs) == 3 + 2 + 5


@pytest.mark.parametrize(
    ("observable", "axes"),
    [
        (mean_square_displacement(), (0, 1)),
        (mean_square_displacement("y"), (1,)),
        (mean_square_displacement(["y", "x"]), (0, 1)),
        (autocorrelation("a*y + t"), (1,)),
        (autocorrelation("t"), ()),
        (autocorrelation("energy"), (0, 1)),
        (maximum("x"), ()),
    ],
)
def test_only_what_is_needed_of_the_start_is_kept(observable: Observable, axes: tuple[int, ...]) -> None:
    assert plan(PLANE, {"own": observable}, None).start_axes == axes


@pytest.mark.parametrize("n", [2, 17, 1000])
def test_finish_against_numpy(n: int) -> None:
    made = plan(PLANE, {"right": "x > 0", "top": maximum("y"), "low": minimum("y")}, None)
    rows = np.random.default_rng(n).normal(size=(4, n))  # x, y, energy, right
    got = made.finish(sums_of(made, rows))
    stderr = rows.std(axis=1, ddof=1) / np.sqrt(n)
    expected = {
        "mean": rows[:2].mean(axis=1),
        "mean_stderr": stderr[:2],
        "covariance": np.cov(rows[:2]),
        "energy": rows[2].mean(),
        "energy_stderr": stderr[2],
        "right": rows[3].mean(),
        "right_stderr": stderr[3],
        "top": rows[1].max(),
        "top_particle": rows[1].argmax(),
        "low": rows[1].min(),
        "low_particle": rows[1].argmin(),
    }
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-12, err_msg=name)
    assert {"right", "right_stderr", "top", "top_particle", "low", "low_particle"} == made.variables.keys()


@pytest.mark.parametrize("mean_of_a", [0.0, -3.0, 1e4])
def test_finish_of_an_autocorrelation(mean_of_a: float) -> None:
    """The covariance, and the spread of its influence function (A₀ − ⟨A₀⟩)(Aₜ − ⟨Aₜ⟩): the delta method."""
    made = plan(System(energy="x**2", temperature=1.0), {"c": autocorrelation("x")}, None)
    n = 5000
    now, start = np.random.default_rng(8).normal(size=(2, n)) + mean_of_a
    now += 0.7 * start
    got = made.finish(sums_of(made, np.stack([now, now**2, start, start * now])))
    influence = (start - start.mean()) * (now - now.mean())
    assert got["c"] == pytest.approx(np.cov(start, now)[0, 1], rel=1e-9)
    assert got["c_stderr"] == pytest.approx(influence.std(ddof=1) / np.sqrt(n), rel=1e-6)


def test_one_particle_has_no_spread_to_speak_of() -> None:
    made = plan(PLANE, {"right": "x > 0", "c": autocorrelation("x")}, None)
    got = made.finish(sums_of(made, np.arange(6.0)[:, None]))
    assert (got["mean"].tolist(), float(got["energy"])) == ([0.0, 1.0], 2.0)
    for name in ("mean_stderr", "covariance", "energy_stderr", "right_stderr", "c", "c_stderr"):
        assert np.isnan(got[name]).all(), name


def test_a_parameter_named_energy_keeps_its_meaning() -> None:
    system = System(energy="x**2", temperature=1.0, parameters={"energy": 3.0})
    made = plan(system, {"a": "energy", "low": minimum("energy")}, None)
    assert [row.text for row in made.rows if isinstance(row, Value)] == ["x", "x**2", "energy"]
    module = measurer(made)
    means, comoments = np.empty((1, 3)), np.empty((1, len(made.pairs)))
    tops, holders = np.empty((1, 1)), np.empty((1, 1), np.int64)
    x = np.array([[2.0, 4.0]])
    tables = (made.pairs, made.extremes, np.empty(1), means, comoments, tops, holders)
    module.measure(x, x[:0], 0, 2, 0.0, system.values, *tables)
    assert means.tolist() == [[3.0, 10.0, 3.0]]


@pytest.mark.parametrize("d", [3, 32, 33, 100])
def test_of_many_coordinates_the_variances_alone_are_taken(d: int) -> None:
    rows = Rows(System(coordinates={"v": d}, energy="v @ v", temperature=1.0))
    finish = moments_of_position(rows)
    x = np.random.default_rng(d).normal(size=(d, 50))
    delta = x - x.mean(axis=1, keepdims=True)
    comoment = np.array([delta[i] @ delta[j] for i, j in rows.pairs])
    got = finish(Sums(50, x.mean(axis=1), comoment, np.empty(0), np.empty(0, np.int64)))
    if d <= 32:
        assert len(rows.pairs) == d * (d + 1) // 2
        np.testing.assert_allclose(got["covariance"], np.cov(x), rtol=1e-12, atol=1e-14)
        assert "variance" not in got
    else:
        assert len(rows.pairs) == d
        np.testing.assert_allclose(got["variance"], x.var(axis=1, ddof=1), rtol=1e-12)
        assert "covariance" not in got
    np.testing.assert_allclose(got["mean_stderr"], x.std(axis=1, ddof=1) / np.sqrt(50), rtol=1e-12)


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
        ({"right_stderr": "x", "right": mean("x")}, "'right_stderr' is the standard error of the mean of right"),
        ({"top": maximum("x"), "top_particle": "x"}, "'top_particle' is the number of the first particle that has"),
        ({"msd": mean_square_displacement("z")}, r"observables\.msd: 'z' is no coordinate; known are x, y"),
        ({"top": maximum}, r"observables\.top: got <function maximum .*; call it"),
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
        ({"b": maximum("z")}, r"observables\.b: unknown name 'z'"),
        ({"b": autocorrelation("enrgy")}, r"observables\.b: unknown name 'enrgy'; did you mean 'energy'"),
        ({"b": minimum(["x"])}, r"observables\.b: got \['x'\] of type list"),
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


@pytest.mark.parametrize("of", [[], 3, ["x", "x"], [1], ""])
def test_coordinates_of_a_displacement_refused(of: Any) -> None:
    with pytest.raises(InvalidArgument, match="of: got"):
        mean_square_displacement(of)


def test_energy_without_a_finite_value() -> None:
    with pytest.raises(InvalidExpression, match=r"observables\.b: .* has no finite value for the energy"):
        plan(System(energy=0, temperature=1.0), {"b": "log(energy)"}, None)


def test_kinds_are_named_as_their_makers() -> None:
    for kind, make in KINDS.items():
        assert make("x").kind == kind
