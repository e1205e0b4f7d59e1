"""What cannot be run is refused before the first step: by name, with what was got and what to do; nothing is written.

`BAD` in test_simulate.py has one case of each argument. Here are the other kinds of wrong values, texts that are
hostile, and many that are random.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from deadline import at_most

import langevin_kit as lk
from langevin_kit.errors import InvalidExpression, InvalidScenario, LangevinKitError, NonFinite
from langevin_kit.scenario import load
from langevin_kit.system.dense.expression import parse as parse_vectors
from langevin_kit.system.dense.graph import Node
from langevin_kit.system.expression import parse

WELL: dict[str, Any] = {"energy": "(x**2 - 1)**2", "temperature": 0.5}
PLANE: dict[str, Any] = {"energy": "x**2 + y**2", "coordinates": ("x", "y")}
VECTOR: dict[str, Any] = {"energy": "v @ v", "coordinates": {"v": 2}}
BOX, RING = ({"walls": {"x": wall}} for wall in (lk.reflecting(-2.0, 2.0), lk.periodic(0.0, 1.0)))
RUN: dict[str, Any] = {"n_particles": 300, "time_step": 1e-2, "n_steps": 60, "save_every": 20, "rng": 7}
X0 = lk.initial.point([0.5])


@pytest.fixture
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to an empty folder."""
    monkeypatch.chdir(tmp_path)


def refusal(system: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """The name and the words of what a run with a store raises, in a folder that is empty and stays so."""
    with pytest.raises(LangevinKitError) as caught:
        lk.simulate(lk.System(**{**WELL, **system}), **{**RUN, "initial": X0, "store": "run.zarr", **arguments})
    assert list(Path().iterdir()) == []
    return f"{type(caught.value).__name__}: {caught.value}"


NUMBERS: list[tuple[str, list[Any], str]] = [
    ("time_step", [0, -0.0, np.nan, np.inf, "0.1", True, None, 1j, [0.01]], "; a positive finite number is needed."),
    ("n_steps", [-5, 60.0, "60", True, None, np.nan, [60]], "; a positive integer is needed."),
    ("n_particles", [-1, 10.5, "many", True, np.nan, [3]], "; a positive integer is needed."),
    ("save_every", [0, -5, 20.0, "20", True, [20]], "; a positive integer is needed."),
    ("save_every", [61, 100], ", which does not divide n_steps = 60; the nearest that does is 60."),
    ("save_positions", [-1, 1.0, "all", None], "; true, false, or 0 to n_particles = 300 are allowed."),
    ("dtype", ["complex128", ">f8", int, 3], "; allowed are float64, float32."),
    ("rng", [1.5, "a", True, [], [1, -1], {}], "; allowed are None, a non-negative int, a sequence of them, or"),
    ("store", ["", ".", 3, b"run"], "; the path of a new folder is needed, as in 'run.zarr'."),
]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize(("name", "value", "words"), [(n, v, words) for n, values, words in NUMBERS for v in values])
def test_a_wrong_value_is_named(name: str, value: Any, words: str) -> None:
    assert refusal({}, {name: value}).startswith(f"InvalidArgument: {name}: got {value!r}{words}")


KINDS = ["complex128", "bool", "object", "U1", "M8[s]"]
ARRAYS = [(WELL, np.zeros(shape)) for shape in ((), (0,), (0, 1), (5, 1, 1), (1, 5))]
ARRAYS += [(PLANE, np.zeros(5)), (PLANE, np.zeros((2, 5))), *((WELL, np.zeros((5, 1), kind)) for kind in KINDS)]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize(("system", "array"), ARRAYS)
def test_an_array_that_is_no_ensemble_is_named(system: dict[str, Any], array: Any) -> None:
    got, need = f"{array.dtype} array of shape {array.shape}", f"finite values (n, {1 if system is WELL else 2})"
    text = refusal(system, {"initial": array, "n_particles": None})
    assert text == f"InvalidArgument: initial: got {got}; {need} are needed."


def at(value: float, n: int = 5) -> dict[str, Any]:
    """An array whose last particle starts there."""
    return {"initial": np.append(np.zeros(n - 1), value)[:, None], "n_particles": None, "time_step": 1e-6}


def tensor(system: dict[str, Any], *beside: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A plane with ones on the diagonal of its mobility."""
    return {**system, "mobility": [[1.0, beside[0]], [beside[1], 1.0]]}, {"initial": lk.initial.point([0.0, 0.0])}


LONG = {"n_particles": 10**6, "n_steps": 10**6, "save_every": 1, "save_positions": True, "store": None}
MEMORY = r"n_particles: got 10{13}, whose positions need %s GB; this machine has \S+ GB\. Take fewer particles"
CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"initial": [[0.0]]}, r"InvalidArgument: initial: got list; give an array \(n, 1\) or one of"),
    ({}, at(np.nan), r"InvalidArgument: initial: particle 4 starts at \[nan\]; finite values of float64 are needed"),
    ({}, at(-np.inf, 70_000), r"particle 69999 starts at \[-inf\]; finite values of float64"),
    ({}, {**at(1e39), "dtype": "float32"}, r"particle 4 starts at \[1e\+39\]; finite values of float32"),
    (BOX, at(7.0), "starts at x = 7, beyond the walls at -2 and 2; start all particles between them"),
    ({"temperature": -1e-300}, {}, "InvalidArgument: temperature: got -1e-300; it must be at least 0"),
    ({"temperature": np.nan}, {}, "InvalidArgument: temperature: got nan; a finite number is needed"),
    # Turns take as much as their coordinates.
    ({**RING, "energy": 0}, {"n_particles": 10**13}, MEMORY % r"1\.6e\+05" + r", or float32\.$"),
    ({}, {"n_particles": 10**13, "dtype": "float32"}, MEMORY % r"4e\+04" + r"\.$"),
    (
        {},
        LONG,
        r"InvalidArgument: the ensemble and its saved times need about 8\S+ GB; this machine has .* Give a store",
    ),
    ({"mobility": "40 - x"}, at(60.0), "MobilityNotPositive: mobility of 'x' is -20 at x = 60, t = 0; .* Change"),
    ({"mobility": -1}, {"check": False}, r"MobilityNotPositive: mobility: \[\[-1\.0\]\] is not positive semi-definite"),
    ({"mobility": "sqrt(x)"}, {}, r"InvalidArgument: mobility is \[nan\] at x = -\S+, t = 0; it must be finite where"),
    (*tensor(PLANE, "2 + x", "2 + x"), r"MobilityNotPositive: mobility in its least direction is -\S+ at x = \S+, y ="),
    (
        *tensor(PLANE, "5 + x", "-1 + x"),
        r"MobilityNotPositive: mobility in its least direction is -\S+ at x = \S+, y =",
    ),
    (*tensor(VECTOR, 2.0, 2.0), "MobilityNotPositive: mobility: its symmetric part has the eigenvalue -1; .* Check"),
    (*tensor(VECTOR, 5.0, -1.0), "MobilityNotPositive: mobility: its symmetric part has the eigenvalue -1; .* Check"),
]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize(("system", "arguments", "words"), CASES)
def test_what_cannot_be_run_is_refused(system: Any, arguments: dict[str, Any], words: str) -> None:
    assert re.search(words, refusal(system, arguments))


NAMES = ["../x", "/abs", "a/b", "a\\b", "C:x", "zarr.json", ".", "..", ".x", "", "x\n", "a\0b", "a b", "a-b", "ä", "1"]
PLACES: list[Callable[[Any], tuple[dict[str, Any], dict[str, Any]]]] = [
    lambda name: ({}, {"observables": {name: "x"}}),
    lambda name: ({}, {"observables": {name: lk.observables.maximum("x")}}),
    lambda name: ({"energy": 0, "coordinates": (name,)}, {}),
    lambda name: ({"energy": 0, "coordinates": {name: 1}}, {}),
    lambda name: ({"parameters": {name: 1.0}}, {}),
]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_a_path(name: Any) -> None:
    for place in PLACES:
        text = refusal(*place(name))
        assert re.match(rf"InvalidArgument: .*name {re.escape(repr(name))}.*letters, digits and _ are allowed", text)


def test_no_moment_leaves_lost_particles_out() -> None:
    """At Δt = 0.2 many explode: they are counted, and what is averaged over all has no value."""
    make, start = lk.observables, lk.initial.gaussian([1.0], 0.01)
    own: dict[str, Any] = {"msd": make.mean_square_displacement(), "c": make.autocorrelation("x"), "cube": "x**3",
                           "top": make.maximum("x"), "low": make.minimum("energy")}  # fmt: skip
    with pytest.raises(NonFinite) as caught:
        lk.simulate(lk.System(**WELL), initial=start, n_particles=10_000, time_step=0.2, n_steps=30, save_every=10,
                    rng=0, check=False, save_positions=True, observables=own)  # fmt: skip
    kept, text = caught.value.run, str(caught.value)
    assert kept.step.values.tolist() == [0, 10]
    lost = np.flatnonzero(~np.isfinite(kept.position.values[-1, 0]))
    assert lost.size > 100
    assert kept.n_nonfinite.values.tolist() == [0, lost.size]
    assert text.startswith(f"particle {lost[0]} is not finite after step ")
    assert f"{lost.size} particles were lost by step 10. " in text
    found = re.search(r"lk\.replay\(.*\)", text)
    assert found
    path = eval(found[0], {"lk": lk, "error": caught.value})
    assert path.particle.values.tolist() == [lost[0]]
    assert np.isfinite(path.position.values[:-1]).all()
    assert not np.isfinite(path.position.values[-1]).any()
    for name in ("mean", "mean_stderr", "covariance", "energy", "energy_stderr", "entropy", *own):
        assert np.isnan(kept[name].values[-1]).all(), name
        assert np.isfinite(kept[name].values[0]).all(), name


HOSTILE = [
    *['__import__("os").system("touch owned")', "x.__class__", "(lambda: 1)()", "[x for x in y]", "9**9**9**9"],
    *["factorial(10**8)", "x if y else 1", 'f"{x}"', "x[0]", 'exec("1")', "x;y", "exp(*x)", "exp(a=1)", "1e999", '"s"'],
    *["True", "x\0", "(" * 900 + "x" + ")" * 900, "-" * 1900 + "x", "10**16**16", "x**(10**9)", "x:=1"],
]
READERS: list[Callable[[str], tuple[dict[str, Any], dict[str, Any]]]] = [
    lambda text: ({"energy": text}, {}),
    lambda text: ({"mobility": text}, {}),
    lambda text: ({"drift": [text]}, {}),
    lambda text: ({"energy": text, "coordinates": {"x": 1}}, {}),
    lambda text: ({}, {"observables": {"a": text}}),
    lambda text: ({}, {"observables": {"a": lk.observables.maximum(text)}}),
]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_hostile_text_is_refused_at_once(text: str) -> None:
    for reader in READERS:
        with at_most(1.0, text):
            message = refusal(*reader(text))
        assert re.match(r"InvalidExpression: (energy|mobility|drift\[0\]|observables\.a): ", message)


FORMULAS = [
    *["(x**2 - 1)**2", "1/(1 + x**2)", "exp(-x**2/2)*sin(3*y)", "log(2 + x**2 + y**4)*sqrt(1 + y**2)"],
    *["-x**2 + 3.5e-1*y - t", "2**-x*cosh(y)", "(x > 0) and (y < 1) or not x >= y", "x if y > 0 else min(x, 2)"],
    *["tanh(x)*max(x, y)*pi/7", "sign(x - 0.5)*(x + y)**3/(1 + abs(t))", "sin(x*cos(y*tanh(x + 1)))"],
    *["x @ A @ x/2 - b @ x", "sum(tanh(A @ x + b))", "logsumexp(A @ x)*3", "leaky_relu(A @ x, 0.1) @ b"],
]
TOKENS = [
    *["x", "y", "t", "b", "A", "pi", "z", "1", "2", "0", "0.5", "64", "65", "1e299", "1e-299", "1e999", "9" * 30],
    *["-", "+", "*", "/", "**", "10**", "@", "(", ")", ",", "<", ">=", " and ", " or ", " not ", " if ", " else ", "^"],
    *["sin(", "exp(", "log(", "sqrt(", "min(", "abs(", "sum(", "logsumexp(", "None", "lambda ", ":=", "__", "1_0"],
    *[".", "[", "]", "{", "'", '"', "\\", "\n", "#", "%", "~", "\0", "é", "²", "٣", "\ud800", "\u202e", "\U0001f600"],
]
LETTERS = "xy0123456789+-*/(). ,e_[]{}lambdaexpsqrtimport'\"\\\n:=\0\té²\ud800<>!&|^%@~#$?;`"
AROUND = [
    *["(|)", "sin(|)", "-|", "(1+|)", "x**|", "[|]", "not |", "(|)**2", "x+|", "(x+|)**3", "1/(1+|)", "lambda:|"],
    *["(x if y>0 else |)", "sqrt(|)", "abs(x-|)", "2**|", "x>|", "A@|", "sum(x*|)", "tanh(A@|)", "leaky_relu(|,0.1)"],
]


def changed(draw: random.Random, text: str, pieces: str | list[str]) -> str:
    """A text that was overwritten at a few places."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randint(0, len(text))
        text = text[:start] + draw.choice(pieces) + text[start + draw.choice((0, 0, 1, 1, 2, 5)) :]
    return text


def numbers(draw: random.Random) -> str:
    """A formula with numbers that are too large, too small, or exact and long."""
    large, size = draw.getrandbits(draw.choice((8, 64, 1000, 12_000))), draw.randint(-400, 400)
    parts = [f"{large}", f"{large:#x}", f"1e{size}", f"{large}/{large + 1}", f"x**{large}", f"(-8)**{size / 100}"]
    parts += [f"({draw.choice(FORMULAS)})**{size // 6}", "9**" * draw.randint(1, 6) + "9", f"{size}**{size}"]
    return draw.choice(("{}", "x*{}", "sin({})", "-{}", "exp({})", "x**({})", "{} > x")).format(draw.choice(parts))


def nested(draw: random.Random) -> str:
    before, _, behind = draw.choice(AROUND).partition("|")
    depth = draw.choice((2, 5, 20, 99, 101, 300, 2000))
    return before * depth + draw.choice("x12") + behind * (depth + draw.choice((-1, 0, 0, 0, 1)))


TEXTS: dict[Callable[[random.Random], str], int] = {
    lambda draw: changed(draw, draw.choice(FORMULAS), TOKENS): 40,
    lambda draw: "".join(draw.choices(LETTERS, k=draw.randint(0, 30))): 25,
    lambda draw: "".join(draw.choices(TOKENS, k=draw.randint(1, 12))): 20,
    lambda draw: "".join(map(chr, draw.choices(range(0x110000), k=draw.randint(1, 10)))): 7,
    numbers: 7,
    nested: 1,
}
SYMBOLS = {name: sp.Symbol(name, real=True) for name in "xyt"}
SHAPES = {"x": ("state", (3,)), "A": ("matrix", (3, 3)), "b": ("parameter", (3,)), "y": ("parameter", ())}
NODES = {name: Node(kind, shape, value=name) for name, (kind, shape) in SHAPES.items()}


@pytest.mark.parametrize(("reader", "names"), [(parse, SYMBOLS), (parse_vectors, NODES)], ids=["scalars", "vectors"])
def test_random_text_is_an_expression_or_refused(reader: Callable[..., Any], names: Mapping[str, Any]) -> None:
    draw, taken = random.Random(0), 0
    options: list[dict[str, bool]] = [{"logical": False}, {"logical": True}] if reader is parse else [{}]
    for make in draw.choices(list(TEXTS), list(TEXTS.values()), k=100_000):
        text = make(draw)
        with at_most(5.0, text), suppress(InvalidExpression):
            reader(text, names, field="energy", **draw.choice(options))
            taken += 1
    assert taken > 2000  # or what is tried is too far from an expression to tell anything


SCENARIOS = [path.read_text() for path in sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))]
VALUES = [
    *["nan", "-inf", "-0.0", "0", "-1", "true", "1e400", "9" * 400, "0x" + "f" * 400, "9223372036854775808", "1__0"],
    *['""', '"\\u0000"', "'../x'", "[]", "[[]]", "{}", "[1, [2]]", "{a=1}", "1979-05-27T07:32:00Z", "[[[1]]]", "16"],
    *["{kind='point'}", "{name='euler_maruyama', noise='x'}", "[0, 1, 99999999999]", "[-3, 3, 1048576]", "{v=17}"],
    *["['x', 'x']", "'x'", "{kind='periodic', lower=0, upper=1}", "[" * 2000 + "]" * 2000, "'''\nx'''", "{a=" * 200],
]
SIGNS = "[]{}=\"'#,.\n\t *-+/0123456789eExytTnaif_\\\0é\r\ufeff\u2028\x1b²"


def test_a_random_scenario_is_read_or_refused(tmp_path: Path) -> None:
    draw, taken, path = random.Random(0), 0, tmp_path / "s.toml"
    for _ in range(2000):
        lines = draw.choice(SCENARIOS).splitlines()
        for _ in range(draw.randint(0, 2)):
            i, other = draw.randrange(len(lines)), draw.choice(lines)
            name, _, value = lines[i].partition("=")
            lines[i] = draw.choice([other, "", f"{name}={draw.choice(VALUES)}", f"{other.partition('=')[0]}={value}"])
        text = "\n".join(lines)
        data = bytearray((changed(draw, text, SIGNS) if draw.random() < 0.4 else text).encode())
        if draw.random() < 0.2:
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        with at_most(5.0, data), suppress(InvalidScenario):
            load(path)
            taken += 1
    assert 100 < taken < 1900
