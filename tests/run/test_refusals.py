"""What cannot be run is refused before the first step: by name, with what was got and what to do; nothing is written.

`BAD` in test_simulate.py has one case of each argument; here are the other kinds of wrong values, then texts that are
hostile, and many that are random.
"""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidExpression, InvalidScenario, MobilityNotPositive, NonFinite
from langevin_kit.scenario import load
from langevin_kit.system.dense.expression import parse as parse_vectors
from langevin_kit.system.dense.graph import Node
from langevin_kit.system.expression import parse

WELL: dict[str, Any] = {"energy": "(x**2 - 1)**2", "temperature": 0.5}
PLANE: dict[str, Any] = {"energy": "x**2 + y**2", "temperature": 0.5, "coordinates": ("x", "y")}
VECTOR: dict[str, Any] = {"energy": "v @ v", "temperature": 0.5, "coordinates": {"v": 64}}
RUN: dict[str, Any] = {"n_particles": 300, "time_step": 1e-2, "n_steps": 60, "save_every": 20, "rng": 7}
POINT, ORIGIN = lk.initial.point([0.5]), {"initial": lk.initial.point([0.0, 0.0])}


def array(values: Any) -> dict[str, Any]:
    return {"initial": values, "n_particles": None}


def column(n: int, i: int, value: float) -> dict[str, Any]:
    values = np.zeros((n, 1))
    values[i] = value
    return array(values)


def with_entries(*rows: list[Any]) -> dict[str, Any]:
    return {**PLANE, "mobility": list(rows)}


Case = tuple[dict[str, Any], dict[str, Any], type[Exception], str]
"""What is changed in the system and in the run, the error, and its words."""

NUMBERS: list[tuple[str, list[Any], str]] = [
    ("time_step", [0, -0.0, np.nan, np.inf, "0.1", True, None, 1j, [0.01]], "a positive finite number is needed."),
    ("n_steps", [-5, 60.0, "60", True, None, np.nan, [60]], "a positive integer is needed."),
    ("n_particles", [-1, 10.5, "many", True, np.nan, [3]], "a positive integer is needed."),
    ("save_every", [0, -5, 20.0, "20", True, [20]], "a positive integer is needed."),
    ("save_every", [61, 100], "which does not divide n_steps = 60; the nearest that does is 60."),
    ("save_positions", [-1, 1.0, "all", None], "true, false, or 0 to n_particles = 300 are allowed."),
    ("dtype", ["complex128", ">f8", int, 3], "allowed are float64, float32."),
    ("rng", [1.5, "a", True, [], [1, -1], {}], "allowed are None, a non-negative int, a sequence of them"),
    ("store", ["", ".", 3, b"run"], "the path of a new folder is needed"),
]
ARRAYS: list[tuple[dict[str, Any], Any]] = [
    (WELL, np.array(1.0)),
    (WELL, np.zeros((0, 1))),
    (WELL, np.zeros((5, 1, 1))),
    (WELL, np.zeros((1, 5))),
    (PLANE, np.zeros(5)),
    (PLANE, np.zeros((2, 5))),
    *((WELL, np.zeros((5, 1), kind)) for kind in ("complex128", "bool", "object", "U1", "M8[s]", [("x", "f8")])),
]
CASES: dict[str, Case] = {
    **{
        f"{field} {value!r} {k}": (
            {},
            {field: value},
            InvalidArgument,
            re.escape(f"{field}: got {value!r}") + ".*" + words,
        )
        for k, (field, values, words) in enumerate(NUMBERS)
        for value in values
    },
    **{
        f"array {k}": (
            system,
            array(values),
            InvalidArgument,
            re.escape(f"initial: got {values.dtype} array of shape {values.shape}; finite values (n, "),
        )
        for k, (system, values) in enumerate(ARRAYS)
    },
    "no array": ({}, array([[0.0]]), InvalidArgument, r"initial: got list; give an array \(n, 1\) or one of"),
    "nan": ({}, column(5, 3, np.nan), InvalidArgument, r"particle 3 starts at \[nan\]; finite values of float64 are"),
    "far": ({}, column(70_000, 69_999, -np.inf), InvalidArgument, r"particle 69999 starts at \[-inf\]; finite values"),
    "float32": (
        {},
        {**column(5, 3, 1e39), "dtype": "float32"},
        InvalidArgument,
        r"starts at \[1e\+39\]; finite values of float32",
    ),
    "beyond a wall": (
        {"walls": {"x": lk.reflecting(-2.0, 2.0)}},
        column(5, 4, 7.0),
        InvalidArgument,
        "particle 4 starts at x = 7, beyond the walls at -2 and 2; start all particles between them",
    ),
    "cold": ({"temperature": -1e-300}, {}, InvalidArgument, "temperature: got -1e-300; it must be at least 0"),
    "hot": ({"temperature": np.nan}, {}, InvalidArgument, "temperature: got nan; a finite number is needed"),
    # Memory: 10¹³ particles of 64 coordinates in float32; of one coordinate with its turns in float64.
    "memory of a vector": (
        VECTOR,
        {"n_particles": 10**13, "initial": lk.initial.point([0.0] * 64), "dtype": "float32"},
        InvalidArgument,
        r"n_particles: got 10000000000000, whose positions need 2\.56e\+06 GB; this machine has \S+ GB\. Take fewer "
        r"particles\.$",
    ),
    "memory of a ring": (
        {"energy": "cos(x)", "walls": {"x": lk.periodic(0.0, 2 * np.pi)}},
        {"n_particles": 10**13},
        InvalidArgument,
        r"need 1\.6e\+05 GB; this machine has \S+ GB\. Take fewer particles, or float32\.$",
    ),
    # The mobility, at x₀ if not elsewhere.
    "negative at the start": (
        {"mobility": "40 - x"},
        {**column(5, 3, 60.0), "time_step": 1e-6},
        MobilityNotPositive,
        "mobility of 'x' is -20 at x = 60, t = 0; .* Change the mobility, or confine the particles",
    ),
    "indefinite": (
        with_entries([1, "2 + x"], ["2 + x", 1]),
        ORIGIN,
        MobilityNotPositive,
        r"mobility in its least direction is -\S+ at x = \S+, y = .*; it must not be negative where particles may go",
    ),
    "indefinite vector": (
        {**VECTOR, "coordinates": {"v": 2}, "mobility": [[1.0, 2.0], [2.0, 1.0]]},
        ORIGIN,
        MobilityNotPositive,
        "mobility: its symmetric part has the eigenvalue -1; .* Check the signs of the matrix",
    ),
    "negative, not checked": (
        {"mobility": -1},
        {"check": False},
        MobilityNotPositive,
        r"\[\[-1\.0\]\] is not positive",
    ),
    "no value": ({"mobility": "sqrt(x)"}, {}, InvalidArgument, r"mobility is \[nan\] at x = -.*; it must be finite"),
    "not symmetric": (
        with_entries(["1", "0.5"], ["0.25", "1"]),
        ORIGIN,
        InvalidArgument,
        r"mobility\[1\]\[0\]: got '0\.25', but mobility\[0\]\[1\] is '0\.5'; .* write the two entries alike",
    ),
    "not symmetric vector": (
        {**VECTOR, "coordinates": {"v": 2}, "mobility": [[1.0, 0.5], [0.25, 1.0]]},
        ORIGIN,
        InvalidArgument,
        r"mobility is not symmetric at .*: \[\[1\.0, 0\.5\], \[0\.25, 1\.0\]\]; .* Make K symmetric",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_comes_before_anything_is_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, arguments, error, words = CASES[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        lk.simulate(lk.System(**{**WELL, **system}), **{**RUN, "initial": POINT, "store": "run.zarr", **arguments})
    assert list(tmp_path.iterdir()) == []


NAMES = [
    "../x",
    "/abs",
    "a/b",
    "a\\b",
    "C:x",
    "zarr.json",
    ".",
    "..",
    ".x",
    "",
    "x\n",
    "a\0b",
    "a b",
    "a-b",
    "ä",
    "1",
    3,
]
PLACES: dict[str, Callable[[Any], Mapping[str, Any]]] = {
    "an observable": lambda name: {"observables": {name: "x"}},
    "an extreme": lambda name: {"observables": {name: lk.observables.maximum("x")}},
    "a coordinate": lambda name: {"system": lk.System(energy=0, temperature=1.0, coordinates=(name,))},
    "a vector": lambda name: {"system": lk.System(energy=0, temperature=1.0, coordinates={name: 1})},
    "a parameter": lambda name: {"system": lk.System(**WELL, parameters={name: 1.0})},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_a_path(name: Any, place: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(f"name {name!r}") + ".*letters, digits and _ are allowed"):
        lk.simulate(
            **{
                "system": lk.System(**WELL),
                **RUN,
                "initial": POINT,
                "store": tmp_path / "run.zarr",
                **PLACES[place](name),
            }
        )
    assert list(tmp_path.iterdir()) == []


def test_no_moment_leaves_lost_particles_out() -> None:
    """At Δt = 0.2 many explode: they are counted, and what is averaged over all has no value."""
    well, n, observables = lk.System(**WELL), 10_000, lk.observables
    own = {"msd": observables.mean_square_displacement(), "c": observables.autocorrelation("x"), "force": "4*x*(x**2 - 1)",
           "top": observables.maximum("x"), "low": observables.minimum("energy")}  # fmt: skip
    with pytest.raises(NonFinite) as caught:
        lk.simulate(well, initial=lk.initial.point([1.0]), n_particles=n, time_step=0.2, n_steps=30, save_every=10,
                    rng=0, check=False, save_positions=True, observables=own)  # fmt: skip
    kept, text = caught.value.run, str(caught.value)
    lost = np.flatnonzero(~np.isfinite(kept.position.values[-1, 0]))
    assert lost.size > 100
    assert kept.n_nonfinite.values.tolist() == [0] * (kept.sizes["time"] - 1) + [lost.size]
    step = int(kept.step[-1])
    assert f"{lost.size} particles were lost by step {step}. " in text
    assert text.startswith(f"particle {lost[0]} is not finite after step ")
    found = re.search(r"lk\.replay\(.*\)", text)
    assert found
    path = eval(found[0], {"lk": lk, "error": caught.value})
    assert path.particle.values.tolist() == [lost[0]]
    assert np.isfinite(path.position.values[:-1]).all()
    assert not np.isfinite(path.position.values[-1]).any()
    for name in ("mean", "mean_stderr", "covariance", "energy", "energy_stderr", "entropy", *own):
        assert np.isnan(kept[name].values[-1]).all(), name
        assert np.isfinite(kept[name].values[1:-1]).all(), name
    assert (kept.histogram.sum("x").values == n - kept.n_nonfinite.values).all()


class Hung(BaseException):
    """Not an Exception, so that no handler on the way swallows it."""


@contextmanager
def at_most(seconds: float, text: Any) -> Iterator[None]:
    """Fail where a text would hang."""

    def stop(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Hung:
        pytest.fail(f"no answer within {seconds} s: {text!a:.400}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


HOSTILE = [
    *['__import__("os").system("touch owned")', "x.__class__", "(lambda: 1)()", "[x for x in y]", "9**9**9**9"],
    *["factorial(10**8)", "x if y else 1", 'f"{x}"', "x[0]", 'exec("1")', "x;y", "exp(*x)", "exp(a=1)", "1e999", '"s"'],
    *["True", "x\0", "(" * 900 + "x" + ")" * 900, "-" * 1900 + "x", "10**16**16", "x**(10**9)", "x:=1"],
]
READERS: dict[str, Callable[[str], Mapping[str, Any]]] = {
    "energy": lambda text: {"system": lk.System(energy=text, temperature=1.0)},
    "mobility": lambda text: {"system": lk.System(**WELL, mobility=text)},
    "drift": lambda text: {"system": lk.System(**WELL, drift=[text])},
    "observable": lambda text: {"observables": {"a": text}},
    "extreme": lambda text: {"observables": {"a": lk.observables.maximum(text)}},
    "energy of a vector": lambda text: {"system": lk.System(energy=text, temperature=1.0, coordinates={"x": 1})},
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_hostile_text_is_refused_at_once(
    text: str, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with at_most(1.0, text), pytest.raises(InvalidExpression, match=r"^(energy|mobility|drift\[0\]|observables\.a): "):
        lk.simulate(
            **{"system": lk.System(**WELL), **RUN, "initial": POINT, "store": "run.zarr", **READERS[reader](text)}
        )
    assert list(tmp_path.iterdir()) == []


FORMULAS = [
    *[
        "(x**2 - 1)**2",
        "1/(1 + x**2)",
        "exp(-x**2/2)*sin(3*y)",
        "log(2 + x**2 + y**4)*sqrt(1 + y**2)",
        "abs(x - 1)**1.5",
    ],
    *["-x**2 + 3.5e-1*y - t", "2**-x*cosh(y)", "(x > 0) and (y < 1) or not x >= y", "x if y > 0 else min(x, 2)"],
    *["tanh(x)*max(x, y)*pi/7", "sign(x - 0.5)*(x + y)**3/(1 + abs(t))", "sin(x*cos(y*tanh(x + 1)))"],
    *["x @ A @ x/2 - b @ x", "sum(tanh(A @ x + b))", "logsumexp(A @ x)*3", "leaky_relu(A @ x, 0.1) @ b", "sqrt(x @ x)"],
]
TOKENS = [
    *[
        "x",
        "y",
        "t",
        "pi",
        "z",
        "1",
        "2",
        "0",
        "0.5",
        "64",
        "65",
        "1e299",
        "1e-299",
        "1e999",
        "9" * 30,
        "1_0",
        "0x",
        "1j",
    ],
    *[
        "-",
        "+",
        "*",
        "/",
        "**",
        "**",
        "10**",
        "(",
        ")",
        ",",
        "<",
        ">=",
        " and ",
        " or ",
        " not ",
        " if ",
        " else ",
        "@",
        "A",
    ],
    *[
        "sin(",
        "exp(",
        "log(",
        "sqrt(",
        "min(",
        "abs(",
        "sum(",
        "logsumexp(",
        "b",
        "None",
        "True",
        "lambda ",
        ":=",
        "__",
    ],
    *[
        ".",
        "[",
        "]",
        "{",
        "'",
        '"',
        "\\",
        "\n",
        "#",
        "%",
        "^",
        "~",
        "_",
        "\0",
        "é",
        "²",
        "٣",
        "\ud800",
        "\u202e",
        "\U0001f600",
    ],
]
LETTERS = "xy0123456789+-*/(). ,e_[]{}lambdaexpsqrtimport'\"\\\n:=\0\té²\ud800<>!&|^%@~#$?;`"
AROUND = [
    *[
        ("(", ")"),
        ("sin(", ")"),
        ("-", ""),
        ("(1+", ")"),
        ("x**", ""),
        ("[", "]"),
        ("not ", ""),
        ("(", ")**2"),
        ("x+", ""),
    ],
    *[
        ("(x+", ")**3"),
        ("1/(1+", ")"),
        ("(x if y>0 else ", ")"),
        ("lambda:", ""),
        ("sqrt(", ")"),
        ("abs(x-", ")"),
        ("A@", ""),
    ],
    *[("2**", ""), ("x>", ""), ("sum(x*", ")"), ("tanh(A@", ")"), ("logsumexp(", ")"), ("leaky_relu(", ",0.1)")],
]


def changed(draw: random.Random, text: str, pieces: list[str]) -> str:
    """A text in which a few places were overwritten."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randint(0, len(text))
        text = text[:start] + draw.choice(pieces) + text[start + draw.choice((0, 0, 1, 1, 2, 5)) :]
    return text


def number(draw: random.Random) -> str:
    digits, size = draw.getrandbits(draw.choice((8, 64, 1000, 12_000))), draw.randint(-400, 400)
    return draw.choice(
        [
            f"{digits}",
            f"0x{digits:x}",
            f"1e{size}",
            f"x*1e{size}",
            f"{digits}/{digits + 1}",
            f"x**{digits}",
            f"{size}**{size}",
        ]
        + [f"({draw.choice(FORMULAS)})**{size // 6}", "9**" * draw.randint(1, 6) + "9", f"(-8)**{size / 100}"]
    )


def nest(draw: random.Random) -> str:
    (before, behind), depth = draw.choice(AROUND), draw.choice((2, 5, 20, 99, 101, 300, 2000))
    return before * depth + draw.choice("x12") + behind * (depth + draw.choice((-1, 0, 0, 0, 1)))


KINDS: dict[Callable[[random.Random], str], float] = {
    lambda draw: changed(draw, draw.choice(FORMULAS), TOKENS): 0.4,
    lambda draw: "".join(draw.choices(LETTERS, k=draw.randint(0, 30))): 0.25,
    lambda draw: "".join(draw.choices(TOKENS, k=draw.randint(1, 12))): 0.2,
    lambda draw: "".join(map(chr, (draw.randrange(0x110000) for _ in range(draw.randint(1, 10))))): 0.05,
    lambda draw: draw.choice(("{}", "x*{}", "sin({})", "-{}", "exp({})", "x**({})", "{} > x")).format(
        number(draw)
    ): 0.09,
    nest: 0.01,
}
SYMBOLS = {name: sp.Symbol(name, real=True) for name in "xyt"}
NODES = {
    **{name: Node("parameter", shape, value=name) for name, shape in (("b", (3,)), ("y", ()))},
    **{"x": Node("state", (3,), value="x"), "A": Node("matrix", (3, 3), value="A"), "t": Node("time", ())},
}


@pytest.mark.parametrize(("reader", "names"), [(parse, SYMBOLS), (parse_vectors, NODES)], ids=["scalars", "vectors"])
def test_random_text_is_an_expression_or_refused(reader: Callable[..., Any], names: Mapping[str, Any]) -> None:
    draw, taken = random.Random(0), 0
    options = [{}, {"logical": True}] if reader is parse else [{}]
    for _ in range(100_000):
        text = draw.choices(list(KINDS), list(KINDS.values()))[0](draw)
        with at_most(5.0, text), suppress(InvalidExpression):
            reader(text, names, field="energy", **draw.choice(options))
            taken += 1
    assert taken > 2000  # or what is tried is too far from an expression to tell anything


SCENARIOS = [path.read_text() for path in sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))]
VALUES = [
    *[
        "nan",
        "-inf",
        "-0.0",
        "0",
        "-1",
        "true",
        "1e400",
        "1" + "0" * 400,
        "0x" + "f" * 400,
        "9223372036854775808",
        "1__0",
    ],
    *[
        '""',
        '"\\u0000"',
        "'../x'",
        "[]",
        "[[]]",
        "{}",
        "[1, [2]]",
        "{a=1}",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "[[[1]]]",
    ],
    *[
        "'''\nx'''",
        "{kind='point'}",
        "{name='euler_maruyama', noise='x'}",
        "[0, 1, 99999999999]",
        "[-3, 3, 1048576]",
        "16",
    ],
    *["['x', 'x']", "'x'", "{v=17}", "{kind='periodic', lower=0, upper=1}", "[" * 2000 + "]" * 2000, "{a=" * 200 + "1"],
]
PIECES = [*"[]{}=\"'#,.\n\t *-+/0123456789eExytTnaif_\\", "\0", "é", "\r", "\ufeff", "\u2028", "\x1b", "²"]


def test_a_random_scenario_is_read_or_refused(tmp_path: Path) -> None:
    draw, taken, path = random.Random(0), 0, tmp_path / "s.toml"
    assert len(SCENARIOS) > 3
    for _ in range(2000):
        lines = draw.choice(SCENARIOS).splitlines()
        for _ in range(draw.randint(0, 2)):
            i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
            key, _, value = lines[i].partition("=")
            lines[i] = draw.choice(
                [lines[j], "", f"{key}= {draw.choice(VALUES)}", f"{lines[j].partition('=')[0]}={value}"]
            )
        text = "\n".join(lines)
        data = bytearray((changed(draw, text, PIECES) if draw.random() < 0.4 else text).encode())
        if draw.random() < 0.2:
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        with at_most(5.0, data), suppress(InvalidScenario):
            load(path)
            taken += 1
    assert taken > 100
