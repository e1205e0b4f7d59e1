"""An ensemble that has lost particles has no averages, no law, and no number that could pass for one of a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from deadline import at_most

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidExpression, LangevinKitError, NonFinite
from langevin_kit.system.expression import parse

WELL = lk.System(energy="(x**2 - 1)**2", temperature=0.5)
OWN = {"right": "x > 0", "sign": "sign(x)", "clipped": "min(max(x, -2), 2)", "far": lk.observables.maximum("x > 0")}


def test_nothing_is_averaged_over_those_that_are_left() -> None:
    """Particles that run away lie at NaN and at infinity; comparisons and clipping would hide both."""
    given: Any = {"initial": lk.initial.gaussian([1.0], 0.01), "n_particles": 10_000, "time_step": 0.2, "rng": 0}
    with pytest.raises(NonFinite) as error:
        lk.simulate(WELL, **given, n_steps=30, save_every=10, check=False, observables=OWN)
    ds = error.value.run
    last = ds.isel(time=-1)
    lost = int(last.n_nonfinite)
    assert lost > 100
    assert int(last.histogram.sum()) == 10_000 - lost
    own_numbers = {"log_partition_function", "kl_divergence_limit", "kl_divergence_floor"}
    for name in {str(name) for name in ds.data_vars} - own_numbers:
        if ds[name].dtype.kind == "f":
            assert np.isnan(last[name]).all(), name
            assert not np.isnan(ds[name][0]).all(), name
    assert np.isnan(ds.langevin.free_energy().free_energy[-1])
    for estimate in (lambda: ds.langevin.kl_divergence("auto"), ds.langevin.dissipation):
        with pytest.raises(InvalidArgument, match=r"lost by saved time 1: take ds.isel\(time=slice\(0, 1\)\)"):
            estimate()
    assert ds.isel(time=slice(0, 1)).langevin.kl_divergence("auto").sizes["time"] == 1


def test_beyond_two_coordinates_too() -> None:
    system = lk.System(
        energy="x**2 + y**2 + z**2",
        mobility=[["1", "x", 0], ["x", "1", 0], [0, 0, 1]],
        temperature=1.0,
        coordinates=("x", "y", "z"),
    )
    given: Any = {"initial": lk.initial.gaussian([0.0] * 3, 1.0), "n_particles": 100, "time_step": 0.1, "rng": 0}
    with pytest.raises(NonFinite):
        lk.simulate(system, **given, n_steps=200, save_every=1, check=False)


def test_a_mobility_that_turns_negative_on_the_way_is_named() -> None:
    """With the particle, the step, the place, and the eigenvalue there."""
    plane = lk.System(
        energy="x**2/2 + y**2/2",
        mobility=[["1 - x**2/4", "0"], ["0", "1"]],
        temperature=1.0,
        coordinates=("x", "y"),
    )
    given: Any = {"initial": lk.initial.point([1.9, 0.0]), "n_particles": 100, "time_step": 0.01, "rng": 0}
    with pytest.raises(NonFinite, match=r"particle \d+ is not finite after step \d+ .* at x = .*, y = ") as error:
        lk.simulate(plane, **given, n_steps=500, save_every=100, check=False)
    assert "K has the eigenvalue -" in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"initial": np.ma.masked_array([[0.0], [99.0]], [[False], [True]])}, "got a masked array"),
        ({"observables": {"restart": "x"}}, "'restart' is a variable of every run"),
        ({"observables": {"a" * 101: "x"}}, "101 letters; up to 100 are allowed"),
        ({"overwrite": "no"}, "overwrite, resume: got 'no', False; True or False is needed"),
        ({"overwrite": True, "resume": True}, "exclude each other"),
        ({"progress": 3}, "progress: got 3; True, False, or an object"),
        ({"attrs": ["a"]}, "attrs: got list; a mapping"),
        ({"n_particles": 10**400}, "n_particles: got a number of 1329 bits"),
        ({"n_steps": 10**400}, "n_steps: got a number of 1329 bits"),
        ({"time_step": 10**400}, "a positive finite number is needed"),
        ({"n_steps": 2**31, "save_every": 1}, "1 means 2147483648 saved times; at most 10000000 are allowed"),
        ({"rng": 2**16000}, "rng: got an integer of 16001 bits; at most 1024 are allowed"),
        ({"rng": [1, 2**16000]}, "rng: got an integer of 16001 bits; at most 1024 are allowed"),
        ({"rng": -(2**16000)}, "rng: got an integer of 16001 bits; at most 1024 are allowed"),
    ],
)
def test_refused_before_anything_is_written(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"initial": lk.initial.point([0.0]), "n_particles": 10, "time_step": 0.01, "n_steps": 10}
    if isinstance(change.get("initial"), np.ndarray):
        del given["n_particles"]
    with pytest.raises(InvalidArgument, match=said):
        lk.simulate(WELL, **{**given, "store": tmp_path / "run.zarr", **change})
    for name in ("a\0b", "n" * 201):
        with pytest.raises(InvalidArgument, match="a name of up to 200 bytes"):
            lk.simulate(WELL, **{**given, "n_particles": None, "initial": np.zeros(3), "store": tmp_path / name})
    assert list(tmp_path.iterdir()) == []


def test_copies_of_positions_need_memory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state fits into this memory twice, as itself and as a checkpoint, but not with saved positions beside it."""
    given: Any = {"initial": lk.initial.point([0.0]), "n_particles": 10**6, "time_step": 0.01, "n_steps": 1, "rng": 0}
    monkeypatch.setattr("langevin_kit.preflight.arguments.available_memory", lambda: 1.7e7)
    lk.simulate(WELL, **given, store=tmp_path / "a.zarr")
    said = r"need 0\.008 GB, and 0\.032 GB for copies .* has 0\.017 GB\. Take .* fewer positions \(save_positions\)"
    with pytest.raises(InvalidArgument, match=said):
        lk.simulate(WELL, **given, store=tmp_path / "b.zarr", save_positions=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_numpy_integers_are_seeds() -> None:
    given: Any = {"initial": lk.initial.point([0.0]), "n_particles": 10, "time_step": 0.01, "n_steps": 10}
    runs = [lk.simulate(WELL, **given, rng=rng) for rng in (3, np.int64(3), [1, 2], [np.uint8(1), np.int64(2)])]
    assert runs[0].identical(runs[1].assign_attrs(runs[0].attrs))
    assert runs[2].identical(runs[3].assign_attrs(runs[2].attrs))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(" * 12 + "x" + ")**1.5" * 12, "more than 6 powers, comparisons or branches within one another"),
        ("((x**16)**16)**16", "a power of a power, 256 in all: at most 64"),
        ("(((x + 1)**16 + 1)**16 + x)**2", "powers within powers, 512 in all: at most 256"),
        ("1/(1+" * 40 + "x" + ")" * 40, "nested deeper than 24 levels"),
        ("exp(1e200*x*1e99)*1e299*x", "beyond float64"),
    ],
)
def test_texts_over_which_algebra_takes_for_ever(text: str, said: str) -> None:
    with pytest.raises(InvalidExpression, match=said):
        lk.System(energy=text, temperature=1.0).drift_at(np.ones((1, 1)))


@pytest.mark.parametrize(
    "text",
    [
        *["sin(cosh((sqrt(x) - y)**64))", "cosh((sqrt(x) - y)**64)", "tanh(sinh((sqrt(x) - y)**63))"],
        *["cos(sinh((sqrt(x) + log(y) - 1)**33))", "sqrt(cosh((log(x) - y)**63))", "log(tanh((x**1.5 - y)**64))"],
    ],
)
def test_powers_of_what_may_be_complex_take_no_time(text: str) -> None:
    """SymPy's own hyperbolic functions expand them, for up to half a minute, to see whether they are real."""
    x, y = sp.Symbol("x", real=True), sp.Symbol("y", real=True)
    with at_most(2.0, text):
        gradient = parse(text, {"x": x, "y": y}, field="energy").diff(x)
        gradient.diff(y)


def test_hyperbolic_functions_are_those_of_sympy() -> None:
    x = sp.Symbol("x", real=True)
    for text in ("sinh(x)*cosh(2*x) + tanh(-x)", "cosh(-x)**2 - sinh(x)**2*tanh(sinh(x))"):
        e, own = parse(text, {"x": x}, field="energy"), sp.sympify(text, locals={"x": x})
        for _ in range(3):
            for place in (-1.3, 0.7):
                assert float(e.subs(x, place)) == pytest.approx(float(own.subs(x, place)), rel=1e-12)
            e, own = e.diff(x), own.diff(x)


def test_branches_within_one_another() -> None:
    deep = "max(x, " * 7 + "x" + ")" * 7
    with pytest.raises(LangevinKitError, match="more than 6 powers, comparisons or branches"):
        lk.simulate(
            WELL, initial=np.zeros(3), time_step=0.01, n_steps=1, rng=0, observables={"deep": deep}, check=False
        )


@pytest.mark.parametrize("text", ["x**2 + sin(0)", "x**2 + x*log(1)", "x**2 + sqrt(0)", "x**2 + abs(0)"])
def test_a_term_that_vanishes_is_no_fault(text: str) -> None:
    assert lk.System(energy=text, temperature=1.0).energy_at(np.full((1, 1), 3.0)) == 9.0
