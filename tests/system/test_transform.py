"""The same system in other coordinates: the same generator, law, Z and means; Lamperti's; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import langevin_kit as lk
from langevin_kit.codegen.coefficients import coefficients
from langevin_kit.errors import InvalidArgument, InvalidExpression

WELL = lk.System(
    energy="(x**2 - 1)**2 + c*x", mobility="1 + x**2/2", measure="2 + sin(x)", temperature=0.7, parameters={"c": 0.2}
)
OUTPUT = WELL.transform({"y": "tanh(x)"}, {"x": "atanh(y)"})
STRETCHED = WELL.transform({"x": "sinh(2*x)"}, {"x": "asinh(x)/2"})
PLANE = lk.System(
    energy="x**2/2 + y**4/4 + x*y/3",
    mobility=[["1 + x**2/4", "0.3 + y/5"], ["0.1*x", "2"]],
    drift=["-y", "x*y"],
    measure="1 + x**2/3",
    temperature=0.7,
    coordinates=("x", "y"),
)
POLAR = PLANE.transform(
    ("r", "phi"),
    {"x": "r*cos(phi)", "y": "r*sin(phi)"},
    walls={"r": lk.reflecting(0.0), "phi": lk.periodic(-np.pi, np.pi)},
)
SHEARED = PLANE.transform({"u": "x + y**3", "v": "sinh(y)"}, {"x": "u - asinh(v)**3", "y": "asinh(v)"})
SPHERE = lk.System(
    energy="-h*cos(theta)",
    mobility=[[1, 0], [0, "1/sin(theta)**2"]],
    measure="sin(theta)",
    temperature=0.7,
    coordinates=("theta", "phi"),
    parameters={"h": 0.9},
    walls={"theta": lk.reflecting(0.0, np.pi), "phi": lk.periodic(0.0, 2 * np.pi)},
)
EQUAL_AREA = SPHERE.transform({"u": "cos(theta)", "phi": "phi"}, {"theta": "acos(u)", "phi": "phi"})

MAPS: dict[str, tuple[lk.System, lk.System, dict[str, str], list[Callable[..., Any]]]] = {
    "tanh": (WELL, OUTPUT, {"x": "atanh(y)"}, [np.tanh]),
    "sinh": (WELL, STRETCHED, {"x": "asinh(x)/2"}, [lambda x: np.sinh(2 * x)]),
    "polar": (PLANE, POLAR, {"x": "r*cos(phi)", "y": "r*sin(phi)"}, [np.hypot, lambda x, y: np.arctan2(y, x)]),
    "shear": (
        PLANE,
        SHEARED,
        {"x": "u - asinh(v)**3", "y": "asinh(v)"},
        [lambda x, y: x + y**3, lambda x, y: np.sinh(y)],
    ),
}


def generator(system: lk.System, f: sp.Expr, x: np.ndarray) -> np.ndarray:
    """Lf = drift·∇f + T S:∂²f at points (d, n), with the drift that the steps use."""
    symbols = system.derived.coordinates
    slope = [sp.lambdify(symbols, sp.diff(f, a)) for a in symbols]
    bend = [[sp.lambdify(symbols, sp.diff(f, a, b)) for b in symbols] for a in symbols]
    drift, s = system.drift_at(x), system.symmetric_mobility_at(x)
    first = sum(d * g(*x) for d, g in zip(drift, slope, strict=True))
    second = sum(s[a, b] * bend[a][b](*x) for a in range(len(x)) for b in range(len(x)))
    return np.asarray(first + system.temperature * second)


@pytest.mark.parametrize("name", MAPS)
def test_the_generator_is_the_same(name: str) -> None:
    """Of polynomials of the old coordinates, to 1e-12; without the determinant in μ it is not."""
    old, new, back, forward = MAPS[name]
    x = np.random.default_rng(0).uniform(0.2, 1.2, (old.n_dim, 30))
    y = np.array([f(*x) for f in forward])
    own = {s: sp.sympify(back[str(s)], {str(v): v for v in new.derived.coordinates}) for s in old.derived.coordinates}
    u, v = old.derived.coordinates[0], old.derived.coordinates[-1]
    for f in (u, v**2, u * v**2 + u**3):
        before, after = generator(old, f, x), generator(new, f.subs(own, simultaneous=True), y)
        np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-12 * np.abs(before).max())
    without = replace(new, measure=1.0)
    assert np.abs(generator(without, own[v] ** 2, y) - generator(old, v**2, x)).max() > 0.1


@pytest.mark.parametrize("name", ["tanh", "sinh", "polar", "shear", "equal area"])
def test_the_law_is_the_same(name: str) -> None:
    """ln Z by quadrature to 1e-10, and ⟨E⟩."""
    old, new = (SPHERE, EQUAL_AREA) if name == "equal area" else MAPS[name][:2]
    one, two = (lk.boltzmann(replace(system, drift=None)) for system in (old, new))
    assert abs(one.log_z - two.log_z) < 1e-10
    assert abs(one.mean_energy - two.mean_energy) < 1e-9


def test_equal_area_coordinates_of_the_sphere_need_no_measure() -> None:
    """Archimedes: in u = cos θ and φ the area is flat."""
    assert (EQUAL_AREA.measure, EQUAL_AREA.energy, EQUAL_AREA.walls["u"]) == ("1", "-h*u", lk.reflecting(-1.0, 1.0))
    assert EQUAL_AREA.walls["phi"] == SPHERE.walls["phi"]
    assert not EQUAL_AREA.facts.has_measure
    back = EQUAL_AREA.transform(("theta", "phi"), {"u": "cos(theta)", "phi": "phi"}, walls=SPHERE.walls)
    assert back.to_dict()["measure"] == "sin(theta)"
    x = np.random.default_rng(0).uniform(0.2, 2.8, (2, 20))
    np.testing.assert_allclose(back.drift_at(x), SPHERE.drift_at(x), rtol=1e-13)


def mean_of(system: lk.System, initial: np.ndarray, observable: str, seed: int) -> tuple[float, float]:
    ds = lk.simulate(
        system,
        initial=initial,
        n_particles=len(initial),
        time_step=2e-3,
        n_steps=300,
        save_every=300,
        observables={"a": observable},
        rng=seed,
        check=False,
    )
    return float(ds.a[-1]), float(ds.a_stderr[-1])


def test_runs_in_both_coordinates_have_the_same_means() -> None:
    """⟨tanh x⟩ at t = 0.6, far from rest, within 4 standard errors of each other, and 10 from where it began."""
    x = np.random.default_rng(1).normal(0.9, 0.2, (40_000, 1))
    x = x[np.abs(x[:, 0]) < 3]
    a, s = mean_of(WELL, x, "tanh(x)", 0)
    b, r = mean_of(OUTPUT, np.tanh(x), "y", 1)
    assert abs(a - b) < 4 * np.hypot(s, r)
    assert abs(np.tanh(x).mean() - b) > 10 * r


NOISES: list[tuple[Any, dict[str, Any], str]] = [
    ("1 + x**2", {}, "sinh(y)**2/2"),
    ("(1 - x**2)/tau", {"parameters": {"tau": 2.0}, "walls": {"x": lk.reflecting(-1.0, 1.0)}}, "sin(y/sqrt(tau))**2/2"),
    ("(1 - x**2)**2", {"walls": {"x": lk.reflecting(-1.0, 1.0)}}, ""),
    ("a*x**2", {"parameters": {"a": 0.5}, "walls": {"x": lk.reflecting(0.0)}}, "exp(2*sqrt(a)*y)/2"),
    ("exp(x)", {}, ""),
    (4.0, {}, "2*y**2"),
]


@pytest.mark.parametrize(("mobility", "given", "energy"), NOISES, ids=[str(k) for k, _, _ in NOISES])
def test_lampertis_coordinates_have_unit_noise(mobility: Any, given: dict[str, Any], energy: str) -> None:
    """K = 1, the same ln Z, and for a known case the formula that is in the books."""
    old = lk.System(energy="x**2/2", mobility=mobility, temperature=1.0, **given)
    new = old.lamperti("y")
    assert new.mobility == 1
    assert coefficients(new, "float64").factor == {(0, 0): "R(1.0)"}
    assert energy in ("", new.energy)
    assert abs(lk.boltzmann(old).log_z - lk.boltzmann(new).log_z) < 1e-9


def test_two_coordinates_at_once_and_one_by_itself() -> None:
    """Kᵃᵃ of coordinate a alone; E may join them; what is 1 already stays."""
    old = lk.System(
        energy="x**2/2 + z**2 + x*z/3", mobility=[["1 + x**2", 0], [0, 1]], temperature=1.0, coordinates=("x", "z")
    )
    new = old.lamperti(("a", "z"))
    assert (new.mobility, new.measure) == (1, "cosh(a)")
    assert abs(lk.boltzmann(old).log_z - lk.boltzmann(new).log_z) < 1e-10


def test_units_of_what_stays() -> None:
    system = replace(PLANE, units={"x": "nm", "y": "nm", "energy": "kT"})
    assert system.transform({"x": "x", "v": "2*y"}, {"x": "x", "y": "v/2"}).units == {"x": "nm", "energy": "kT"}


LINE: dict[str, Any] = {"energy": "x**4", "temperature": 1.0}
BOX: dict[str, Any] = {**LINE, "walls": {"x": lk.reflecting(0.5, 2.0)}}


@pytest.mark.parametrize(
    ("given", "arguments", "said"),
    [
        (LINE, ({"y": "x**2"}, {"x": "sqrt(y)"}), "inverse does not lead back at x = -.*one to one"),
        (LINE, ({"y": "2*x"}, {"x": "y"}), "inverse does not lead back"),
        (BOX, ({"y": "log(x - 1)"}, {"x": "1 + exp(y)"}), "walls: what becomes of the ends of 'x'"),
        (LINE, ({"y": "log(x)"}, {"x": "exp(y)"}, {}), "no finite value at x = -"),
        (LINE, ({"y": "2*x"}, {"x": "y/2"}, {"y": lk.reflecting(-1.0, 1.0)}), "beyond their walls"),
        (LINE, (("y",), {"x": "y**2"}), "det ∂x/∂y is zero or changes sign"),
        (BOX, (("y",), {"x": "y"}), "those of the new ones must be given"),
        (BOX, (("y",), {"x": "exp(y)"}, {}), "inverse leads beyond the old domain"),
        (BOX, ({"y": "sin(x/2)"}, {"x": "2*asin(y)"}), "asin is left in the new energy"),
        (LINE, ({"y": "x", "z": "x"}, {"x": "y"}), "as many coordinates as there are"),
        (LINE, ({"y": "x*t"}, {"x": "y"}), "unknown name 't'"),
        ({**LINE, "coordinates": {"x": 3}, "energy": "x @ x"}, ({"y": "x"}, {"x": "y"}), "one vector of coordinates"),
        ({**LINE, "energy": lambda x: x * x}, ({"y": "x"}, {"x": "y"}), "made of Python functions"),
    ],
)
def test_what_is_no_map_is_refused(given: dict[str, Any], arguments: tuple[Any, ...], said: str) -> None:
    coordinates, inverse, *walls = arguments
    with pytest.raises((InvalidArgument, InvalidExpression), match=said):
        lk.System(**given).transform(coordinates, inverse, walls=walls[0] if walls else None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mobility": "1/2 + 1/(1 + x**2)"}, "no formula was found for ∫ dx/√K of 'x'"),
        ({"mobility": "1/(1 + x**2)"}, "no inverse was found of y = "),
        ({"mobility": "2 + sin(t)"}, "not of time"),
        ({"mobility": [["1 + y**2", 0], [0, 1]], "coordinates": ("x", "y")}, "a function of coordinate a alone"),
        ({"mobility": [[2, 1], [1, 2]], "coordinates": ("x", "y")}, "K must be diagonal"),
        ({"mobility": lambda x: 1 + x * x}, "made of Python functions"),
    ],
)
def test_what_lamperti_cannot_do_is_refused(given: dict[str, Any], said: str) -> None:
    system = lk.System(**{"energy": 0.0, "temperature": 1.0, **given})
    with pytest.raises(InvalidArgument, match=said):
        system.lamperti([f"u{a}" for a in range(system.n_dim)])


def test_a_wrong_number_of_names_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"got the names \['a', 'b'\]; 1 are needed"):
        WELL.lamperti(("a", "b"))


def test_an_inverse_tangent_may_be_left_over() -> None:
    """y = tan x and back: E, K and μ of the first are those of the text x = atan y, to round-off."""
    arc = lk.System(energy="x**2/2", temperature=1.0, walls={"x": lk.reflecting(-1.5, 1.5)})
    tangent = arc.transform({"y": "tan(x)"}, {"x": "atan(y)"})
    y = np.linspace(-14, 14, 29)[None]
    np.testing.assert_allclose(tangent.energy_at(y), np.arctan(y[0]) ** 2 / 2, rtol=1e-15)
    np.testing.assert_allclose(tangent.gradient(y)[0], np.arctan(y[0]) / (1 + y[0] ** 2), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(tangent.walls["y"].upper, np.tan(1.5), rtol=1e-15)
