from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from toml_text import toml

import langevin_kit as lk
from langevin_kit.errors import InvalidScenario
from langevin_kit.scenario import load, loads

GOOD = """\
title = "Relaxation in a double well with position-dependent mobility"
[system]
energy = "(x**2 - 1)**2"
mobility = "1/(1 + x**2)"
temperature = 0.5
parameters = { a = 1.0 }
units = { x = "nm", energy = "kT", time = "us" }
[initial]
kind = "gaussian"
mean = [-1.0]
covariance = 0.04
[run]
n_particles = 1_000
time_step = 1e-3
n_steps = 10_000
save_every = 100
seed = 0
save_positions = 20
[observables]
right_well = "x > 0"
[histogram]
x = [-3.0, 3.0, 1024]
"""

TWO = """\
title = "two coordinates"
[system]
energy = "x**2 + y**2"
mobility = [["1/(1 + x**2)", 0], [0, 1]]
temperature = 1
coordinates = ["x", "y"]
[initial]
kind = "uniform"
lower = [-1, -1]
upper = [1, 2]
[run]
n_particles = 100
time_step = 0.01
n_steps = 10
seed = 0
[histogram]
y = [-3, 3, 20]
x = [-4, 4, 10]
"""


def changed(*changes: tuple[str, str], text: str = GOOD) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def fault(text: str) -> str:
    with pytest.raises(InvalidScenario) as caught:
        loads(text, "s.toml")
    return str(caught.value)


def test_a_scenario_is_the_arguments_of_simulate() -> None:
    scenario = loads(changed(("10_000", "200"), ("1_000\n", "500\n")))
    ds = lk.simulate(scenario.system, **scenario.arguments)
    assert ds.attrs["scenario"] == scenario.text
    assert ds.attrs["title"] == scenario.title
    assert ds.histogram.shape == (3, 1024)
    assert ds.position.shape == (3, 1, 20)
    assert ds.right_well.size == 3


def test_observables_of_every_kind() -> None:
    tables = """{ kind = "mean", of = "x > 0" }
msd = { kind = "mean_square_displacement" }
msd_x = { kind = "mean_square_displacement", of = ["x"] }
c = { kind = "autocorrelation", of = "energy" }
top = { kind = "maximum", of = "x**2" }
low = { kind = "minimum", of = "x" }
"""
    made = loads(changed(('"x > 0"', tables))).arguments["observables"]
    assert made == {
        "right_well": lk.observables.mean("x > 0"),
        "msd": lk.observables.mean_square_displacement(),
        "msd_x": lk.observables.mean_square_displacement("x"),
        "c": lk.observables.autocorrelation("energy"),
        "top": lk.observables.maximum("x**2"),
        "low": lk.observables.minimum("x"),
    }
    assert {observable.kind for observable in made.values()} == set(lk.observables.KINDS)


def test_the_optional_fields_may_be_left_out() -> None:
    scenario = loads(TWO)
    assert scenario.arguments["save_every"] is None
    assert scenario.arguments["scheme"] == "euler_maruyama"
    assert scenario.arguments["initial"] == lk.initial.uniform([-1, -1], [1, 2])


def test_the_axes_of_the_histogram_take_the_order_of_the_coordinates() -> None:
    assert loads(TWO).arguments["histogram"].names == ("x", "y")


@pytest.mark.parametrize("covariance", ["0.04", "[0.04, 0.04]", "[[0.04, 0], [0, 0.04]]"])
def test_a_covariance_is_a_number_a_diagonal_or_a_matrix(covariance: str) -> None:
    initial = f'kind = "gaussian"\nmean = [0, 0]\ncovariance = {covariance}\n'
    text = changed(('kind = "uniform"\nlower = [-1, -1]\nupper = [1, 2]\n', initial), text=TWO)
    assert loads(text).arguments["initial"] == lk.initial.gaussian([0, 0], 0.04)


def test_a_point_is_a_law() -> None:
    text = changed(("gaussian", "point"), ("mean = [-1.0]\ncovariance = 0.04", "position = [-1]"))
    assert loads(text).arguments["initial"] == lk.initial.point([-1.0])


FAULTS = [
    ("title = ", "titel = ", "titel: unknown field; did you mean 'title'?"),
    ('title = "Rel', 'title = "\\u001b[2J', "title: got"),
    ("[run]\n", "[runs]\n", "runs: unknown field; did you mean 'run'?"),
    ('energy = "(x**2 - 1)**2"\n', "", "system.energy: missing; this field is required"),
    ("(x**2 - 1)**2", "x*q", "system.energy: unknown name 'q'"),
    ("(x**2 - 1)**2", "__import__('os').abort()", "system.energy: only a function's name can be called"),
    ("(x**2 - 1)**2", "x.real", "system.energy: Attribute is not allowed"),
    ('"(x**2 - 1)**2"', "true", "system.energy: got True of type bool"),
    ('"1/(1 + x**2)"', '[["x +", 0], [0, 1]]', "system.mobility[0][0]: invalid syntax"),
    ('"1/(1 + x**2)"', "[[1, 0], [0, 1]]", "system.mobility: got rows of lengths [2, 2]"),
    ('"(x**2 - 1)**2"', '"x > 0"', "system.energy: Compare is allowed in mobilities, drifts and observables alone"),
    ("temperature = 0.5", "temprature = 0.5", "system.temprature: unknown field; did you mean 'temperature'?"),
    ("temperature = 0.5", "temperature = -1", "system.temperature: got -1.0; it must be at least 0"),
    ("temperature = 0.5", 'temperature = "0.5"', "system.temperature: got '0.5'; must be a valid number"),
    ("temperature = 0.5", "temperature = nan", "system.temperature: got nan; must be a finite number"),
    ("{ a = 1.0 }", "{ T = 1.0 }", "system.parameters: name 'T' is reserved"),
    ("{ a = 1.0 }", "{ x = 1.0 }", "system.parameters: coordinates ('x',) and parameters ('x',)"),
    ("{ a = 1.0 }", "{ a = inf }", "system.parameters.a: got inf"),
    ("{ a = 1.0 }", "{}\ncoordinates = []", "system.coordinates: got 0 names"),
    ("{ a = 1.0 }", '{}\ncoordinates = ["time"]', "system.coordinates: name 'time' is a variable of every run"),
    ("{ a = 1.0 }", '{}\ncoordinates = "x"', "system.coordinates: got 'x'; must be a valid list"),
    ('{ x = "nm"', '{ X = "nm"', "system.units: unknown key 'X'"),
    ("gaussian", "gausian", "initial.kind: got 'gausian'; did you mean 'gaussian'?"),
    ('kind = "gaussian"\n', "", "initial.kind: missing; must be one of gaussian, point, uniform"),
    ("mean = [-1.0]", "mean = [1, 2]", "initial.mean: got 2 numbers; one for each coordinate (x) is needed"),
    ("mean = [-1.0]", "mean = ['a']", "initial.mean[0]: got 'a'; must be a valid number"),
    ("covariance = 0.04", "covariance = -1", "initial.covariance: got -1.0"),
    ("covariance = 0.04", 'covariance = "1"', "initial.covariance: got '1'; must be a valid number"),
    ("covariance = 0.04", "covarance = 1", "initial.covarance: unknown field; did you mean 'covariance'?"),
    ("n_particles = 1_000", "n_particles = 0", "run.n_particles: got 0; a positive integer is needed"),
    ("n_particles = 1_000", "n_particles = 1e3", "run.n_particles: got 1000.0; must be a valid integer"),
    ("time_step = 1e-3", "time_step = -1", "run.time_step: got -1.0; a positive finite number is needed"),
    ("time_step = 1e-3", "time_step = true", "run.time_step: got True; must be a valid number"),
    (
        "n_steps = 10_000",
        "n_steps = 5_000_000_000",
        "run.n_steps: the noise would repeat: got",
    ),
    ("save_every = 100", "save_every = 7", "run.save_every: got 7, which does not divide n_steps = 10000"),
    ("seed = 0\n", "", "run.seed: missing; this field is required"),
    ("seed = 0", "seed = -1", "run.seed: got -1; must be greater than or equal to 0"),
    (
        "seed = 0",
        'seed = 0\nscheme = "euler_maryama"',
        "run.scheme: got 'euler_maryama'; did you mean 'euler_maruyama'?",
    ),
    (
        "seed = 0",
        'seed = 0\nscheme = { name = "tamed", tolerance = 0.1 }',
        "run.scheme: unknown option 'tolerance' of 'tamed'",
    ),
    (
        "seed = 0",
        'seed = 0\nscheme = { name = "adaptive", tolerance = 0 }',
        "run.scheme.tolerance: got 0.0; a positive number is needed",
    ),
    ("[initial]", 'walls.z = { kind = "reflecting", lower = 0.0 }\n[initial]', "system.walls: unknown coordinate 'z'"),
    ("{ a = 1.0 }", "{ a = [1.0] }", "system.parameters.a: got [1.0]; a finite number is needed"),
    ("seed = 0", 'seed = 0\nbackend = "abacus"', "run.backend: got 'abacus'; this version has cpu"),
    ("seed = 0", 'seed = 0\ndtype = "float16"', "run.dtype: got 'float16'; allowed are float64, float32"),
    (
        "save_positions = 20",
        "save_positions = 2000",
        "run.save_positions: got 2000; true, false, or 0 to n_part",
    ),
    ("save_positions = 20", "save_positions = 'all'", "run.save_positions: got 'all'; must be a valid integer"),
    ("x > 0", "x >", "observables.right_well: invalid syntax"),
    ("x > 0", "q > 0", "observables.right_well: unknown name 'q'"),
    ("right_well =", "energy =", "observables.energy: name 'energy' is a variable of every run"),
    ("right_well =", '"a b" =', "observables.'a b': name 'a b'; letters, digits and _ are allowed"),
    ('"x > 0"', '{ of = "x" }', "observables.right_well.kind: missing; must be one of mean, mean_square_displacement"),
    (
        '"x > 0"',
        '{ kind = "maximun", of = "x" }',
        "observables.right_well.kind: got 'maximun'; did you mean",
    ),
    ('"x > 0"', '{ kind = "maximum" }', "observables.right_well.of: missing; this field is required"),
    ('"x > 0"', '{ kind = "maximum", off = "x" }', "observables.right_well.off: unknown field; did you mean 'of'?"),
    ('"x > 0"', '{ kind = "minimum", of = "q" }', "observables.right_well.of: unknown name 'q'"),
    ('"x > 0"', '{ kind = "mean_square_displacement", of = "y" }', "observables.right_well.of: 'y' is no coordinate"),
    ('"x > 0"', '{ kind = "mean_square_displacement", of = 3 }', "observables.right_well.of: got 3; a coordinate,"),
    ('"x > 0"', '["x > 0"]', "observables.right_well: got ['x > 0'] of type list; give text or a number"),
    ('"x > 0"', '"x > 0"\nright_well_stderr = "x"', "observables: 'right_well_stderr' is the standard error"),
    ("[-3.0, 3.0, 1024]", "[3, -3, 10]", "histogram.x: cells: got bounds 3.0, -3.0"),
    ("[-3.0, 3.0, 1024]", "[-3, 3, 1.5]", "histogram.x[2]: got 1.5; must be a valid integer"),
    ("[-3.0, 3.0, 1024]", "[-3, 3]", "histogram.x[2]: missing"),
    ("x = [-3.0", "y = [-3.0", "histogram: got axes ('y',); the coordinates are ('x',)"),
]


@pytest.mark.parametrize(("old", "new", "line"), FAULTS, ids=[line[:40] for _, _, line in FAULTS])
def test_a_fault_is_named_with_its_field(old: str, new: str, line: str) -> None:
    message = fault(changed((old, new)))
    assert message.startswith("s.toml: ")
    assert any(found.startswith(f"  {line}") for found in message.splitlines()), message


VECTOR = """\
title = "a vector of coordinates"
[system]
coordinates = { v = 3 }
energy = "v @ A @ v / 2 - b @ v"
mobility = "1 + v**2"
drift = "0.1*v"
temperature = 1.0
units = { v = "nm" }
[system.parameters]
A = [[2, -1, 0], [-1, 2, -1], [0, -1, 2]]
b = [1, 0, 0]
[initial]
kind = "gaussian"
mean = 0.5
covariance = 0.1
[run]
n_particles = 500
time_step = 0.01
n_steps = 20
save_every = 10
seed = 0
[observables]
length = "sqrt(v @ v)"
msd = { kind = "mean_square_displacement" }
"""


def test_a_vector_of_coordinates_is_the_system_of_its_texts() -> None:
    scenario = loads(VECTOR)
    A, b = [[2, -1, 0], [-1, 2, -1], [0, -1, 2]], [1, 0, 0]
    system = lk.System(
        energy="v @ A @ v / 2 - b @ v",
        mobility="1 + v**2",
        drift="0.1*v",
        temperature=1.0,
        coordinates={"v": 3},
        parameters={"A": A, "b": b},
        units={"v": "nm"},
    )
    assert scenario.system.to_dict() == system.to_dict()
    assert scenario.arguments["initial"] == lk.initial.gaussian([0.5] * 3, 0.1)
    made = lk.simulate(scenario.system, **scenario.arguments)
    direct = lk.simulate(system, **scenario.arguments)
    for name in ("mean", "covariance", "length", "msd"):
        np.testing.assert_array_equal(made[name], direct[name])


def test_a_vector_has_walls_under_its_name() -> None:
    walls = "[initial]", '[system.walls.v]\nkind = "reflecting"\nlower = -9\nupper = 9.0\n[initial]'
    scenario = loads(changed(walls, text=VECTOR))
    assert dict(scenario.system.walls) == {"v": lk.reflecting(-9.0, 9.0)}
    matrix = '"1 + v**2"', "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]"
    with pytest.raises(InvalidScenario, match="those of a vector whose mobility is a matrix"):
        loads(changed(walls, matrix, text=VECTOR))


def test_one_number_stands_for_all_coordinates() -> None:
    bounds = ("lower = [-1, -1]\nupper = [1, 2]", "lower = -1\nupper = [1, 2]")
    assert loads(changed(bounds, text=TWO)).arguments["initial"] == lk.initial.uniform([-1, -1], [1, 2])


VECTOR_FAULTS = [
    ("v = 3", "v = 4", "system.energy: @ of shapes (4,) and (3, 3); the inner lengths must be equal"),
    ("v = 3", "v = 0", "system.coordinates: got length 0 for 'v'; a positive integer is needed"),
    ("v = 3", "v = 10_000_000_000", "system.coordinates: got length 10000000000 for 'v'; at most"),
    ("v = 3", "v = 3.0", "system.coordinates.v: got 3.0; must be a valid integer"),
    ("v = 3", "v = 3, w = 2", "system.drift: got '0.1*v'; a mapping by name is needed, as in {'v': ...}"),
    ("v @ A @ v / 2 - b @ v", "v", "system.energy: got shape (3,); a scalar is needed"),
    ("v @ A @ v / 2 - b @ v", "v @ B @ v", "system.energy: unknown name 'B'"),
    ('"1 + v**2"', "-1", "system.mobility: got -1 at t = 0; it must be at least 0"),
    ('"1 + v**2"', '[["1", 0], [0, 1]]', "system.mobility: got shape (2, 2)"),
    ('"0.1*v"', '["v"]', "system.drift: got ['v'] of type list; give text or a number"),
    ('{ v = "nm" }', '{ w = "nm" }', "system.units: unknown key 'w'"),
    (
        '{ v = "nm" }',
        '{ v = "nm" }\nwalls.v = { kind = "absorbing", lower = 0.0 }',
        "system.walls: got absorbing ones for",
    ),
    (
        '{ v = "nm" }',
        '{ v = "nm" }\nwalls.w = { kind = "reflecting", lower = 0.0 }',
        "system.walls: unknown coordinate 'w'",
    ),
    ("b = [1, 0, 0]", "b = [1, [0]]", "system.parameters.b[0]: got 1; must be a valid list"),
    ("b = [1, 0, 0]", "b = [[1], [0, 0]]", "system.parameters.b: got [[1.0], [0.0, 0.0]]; a number or an array"),
    ("b = [1, 0, 0]", "b = [1, 0, inf]", "system.parameters.b[2]: got inf; must be a finite number"),
    ("b = [1, 0, 0]", "b = []", "system.parameters.b: got shape (0,)"),
    ("mean = 0.5", "mean = [1, 2]", "initial.mean: got 2 numbers; one for each coordinate of the 3 components"),
    ("mean = 0.5", 'mean = "1"', "initial.mean: got '1'; must be a valid number"),
    ("sqrt(v @ v)", "v", "observables.length: got shape (3,); a scalar is needed"),
    ("[observables]", "[histogram]\nv = [0, 1, 10]\n[observables]", "histogram: the system has 3 coordinates"),
]


@pytest.mark.parametrize(("old", "new", "line"), VECTOR_FAULTS, ids=[line[:40] for _, _, line in VECTOR_FAULTS])
def test_a_fault_of_a_vector_is_named_with_its_field(old: str, new: str, line: str) -> None:
    message = fault(changed((old, new), text=VECTOR))
    assert any(found.startswith(f"  {line}") for found in message.splitlines()), message


def test_all_faults_are_reported_at_once() -> None:
    message = fault(
        changed(
            ("(x**2 - 1)**2", "(x**2 - 1)**2 + z"),
            ("temperature = 0.5", "temperature = -1"),
            ("mean = [-1.0]", "mean = [0, 0]"),
            ("time_step = 1e-3", "time_step = -1"),
            ("save_every = 100", "save_evry = 100"),
            ("x > 0", "x > y"),
            ("[-3.0, 3.0, 1024]", "[-3, 3, 0]"),
            ("seed = 0", "sed = 0"),
        )
    )
    assert message.splitlines() == [
        "s.toml: 8 faults",
        "  system.energy: unknown name 'z'; known are a, pi, t, x",
        "      (x**2 - 1)**2 + z",
        "                      ^",
        "  system.temperature: got -1.0; it must be at least 0",
        "  initial.mean: got 2 numbers; one for each coordinate (x) is needed, or one for all",
        "  run.time_step: got -1.0; a positive finite number is needed",
        "  run.save_evry: unknown field; did you mean 'save_every'?",
        "  run.sed: unknown field; did you mean 'seed'?",
        "  observables.right_well: unknown name 'y'; known are a, energy, pi, t, x",
        "      x > y",
        "          ^",
        "  histogram.x: cells: got 0 cells; 1 to 1048576 are allowed",
    ]


def test_a_file_of_faults_is_cut_short() -> None:
    message = fault(GOOD + "".join(f"y{k} = 1\n" for k in range(99)))
    assert message.splitlines()[0] == "s.toml: 99 faults"
    assert message.splitlines()[-1] == "  and 49 more"


def test_no_character_of_a_file_steers_the_terminal() -> None:
    assert "\x1b" not in fault(changed(("(x**2 - 1)**2", "x + \\u001b[2J")))


def test_faulty_toml_is_named_with_line_and_column() -> None:
    assert fault(changed(("[run]", "[run"))) == (
        "s.toml: 1 fault\n  this is no TOML: Expected ']' at the end of a table declaration (at line 12, column 5)"
    )
    assert "nested too deeply" in fault("x = " + "[" * 5000 + "]" * 5000)


def test_files_that_are_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes('title = "é"'.encode("latin-1"))
    (tmp_path / "long.toml").write_bytes(b"#" * 1_000_001)
    for name, why in {
        "none.toml": "there is no such file",
        "": "this is no file",
        "latin.toml": "byte 9 is no UTF-8",
        "long.toml": "more than 1000000 bytes",
    }.items():
        with pytest.raises(InvalidScenario, match=why):
            load(tmp_path / name)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(GOOD, encoding="utf-8-sig", newline="\r\n")
    assert load(tmp_path / "s.toml").arguments["n_particles"] == 1000


def _only_faults(text: str) -> None:
    with suppress(InvalidScenario):
        loads(text)


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_no_text_breaks_the_reader(text: str) -> None:
    _only_faults(text)


@given(st.data())
@settings(max_examples=100)
def test_no_damaged_file_breaks_the_reader(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    stop = data.draw(st.integers(start, min(len(GOOD), start + 30)))
    _only_faults(GOOD[:start] + data.draw(st.text("()[]{}=\"'#,.\n*/-+0123456789eExyt", max_size=8)) + GOOD[stop:])


LINES = [line for line in GOOD.splitlines() if " = " in line]
STRINGS = st.text(max_size=20) | st.text("xat0123456789.+-*/()<> ", max_size=20)
SCALARS = st.integers() | st.floats() | st.booleans() | STRINGS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3), max_leaves=6
)


@given(st.sampled_from(LINES), VALUES)
@example(LINES[1], 16**5000)
@example(LINES[5], {"a": 10**400})
@example(LINES[9], 10**400)
@example(LINES[11], 10**400)
@example(LINES[-1], [-(10**400), 10**400, 10**400])
@settings(max_examples=300)
def test_no_value_breaks_the_reader(line: str, value: Any) -> None:
    text = hex(value) if isinstance(value, int) and value > 10**4000 else toml(value)
    _only_faults(changed((line, f"{line.split(' = ')[0]} = {text}")))
