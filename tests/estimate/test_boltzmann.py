"""The Boltzmann law by quadrature against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special, stats

from langevin_kit import Grid, System, boltzmann, cells, periodic, reflecting
from langevin_kit.errors import InvalidArgument, NotNormalizable
from langevin_kit.system import Wall

GAUSSIANS = {
    "unit": (System(energy="x**2/2", temperature=1.0), 0.5 * np.log(2 * np.pi)),
    "stiff": (System(energy="k*x**2/2", temperature=0.3, parameters={"k": 1e8}), 0.5 * np.log(2 * np.pi * 0.3e-8)),
    "soft": (System(energy="k*x**2/2", temperature=5.0, parameters={"k": 1e-6}), 0.5 * np.log(2 * np.pi * 5e6)),
    "shifted": (System(energy="(x - 3)**2/2 - 700", temperature=1.0), 700 + 0.5 * np.log(2 * np.pi)),
    "correlated": (
        System(energy="x**2 + x*y + y**2", temperature=0.7, coordinates=("x", "y")),
        np.log(2 * np.pi * 0.7 / np.sqrt(3)),
    ),
    "anisotropic": (
        System(energy="50*x**2 + y**2/200", temperature=1.0, coordinates=("x", "y")),
        np.log(2 * np.pi),
    ),
}


@pytest.mark.claim("C01")
@pytest.mark.parametrize("name", GAUSSIANS)
def test_log_z_of_gaussians(name: str) -> None:
    system, expected = GAUSSIANS[name]
    law = boltzmann(system)
    assert law.log_z == pytest.approx(expected, rel=0, abs=1e-12 * max(1.0, abs(expected)))
    assert law.log_z_error < 1e-11


@pytest.mark.claim("C01")
def test_log_z_of_other_closed_forms() -> None:
    quartic = boltzmann(System(energy="x**4", temperature=0.5))
    assert quartic.log_z == pytest.approx(np.log(2 * special.gamma(1.25) * 0.5**0.25), abs=1e-13)
    laplace = boltzmann(System(energy="abs(x)", temperature=2.0))
    assert laplace.log_z == pytest.approx(np.log(4.0), abs=1e-12)
    well = boltzmann(System(energy="(x**2 - 1)**2", temperature=1.0))  # ∫ exp(−(x² − 1)²) dx by Bessel functions
    bessel = np.pi / 2 * (special.iv(-0.25, 0.5) + special.iv(0.25, 0.5)) * np.exp(-0.5)
    assert well.log_z == pytest.approx(np.log(bessel), abs=1e-13)


def test_narrow_well_far_from_the_origin_is_found_from_nearby() -> None:
    system = System(energy="1e6*(x - 1000)**2/2", temperature=1.0)
    law = boltzmann(system, near=[1000.3])
    assert law.log_z == pytest.approx(0.5 * np.log(2 * np.pi * 1e-6), abs=1e-12)


def test_mean_energy_obeys_equipartition() -> None:
    law = boltzmann(GAUSSIANS["correlated"][0])
    assert law.mean_energy == pytest.approx(0.7, abs=1e-12)


def test_cell_masses_reach_to_infinity() -> None:
    law = boltzmann(System(energy="x**2/2", temperature=1.0))
    inner = law.cell_mass(Grid(x=cells(-1.0, 1.5, 5)))
    edges = [-np.inf, -0.5, 0.0, 0.5, 1.0, np.inf]
    np.testing.assert_allclose(inner, np.diff(stats.norm.cdf(edges)), atol=1e-12)
    wide = law.cell_mass(Grid(x=cells(-30.0, 30.0, 600)))
    np.testing.assert_allclose(wide, np.diff(stats.norm.cdf(np.linspace(-30, 30, 601))), atol=1e-12)
    plane = boltzmann(System(energy="x**2/2 + y**2/8", temperature=1.0, coordinates=("x", "y")))
    mass = plane.cell_mass(Grid(x=cells(-1.0, 1.0, 3), y=cells(0.0, 1.0, 1)))
    third = np.diff(stats.norm.cdf([-np.inf, -1 / 3, 1 / 3, np.inf]))
    np.testing.assert_allclose(mass[:, 0], third, atol=1e-10)


@pytest.mark.parametrize(
    ("energy", "temperature"),
    [
        ("0", 1.0),
        ("x", 1.0),
        ("-x**2", 1.0),
        ("cos(x)", 0.1),
        ("log(1 + x**2)", 1.0),
        ("x**2", 0.0),
        ("x**2 - x**4", 1.0),
    ],
)
def test_refuses_what_has_no_law(energy: str, temperature: float) -> None:
    with pytest.raises(NotNormalizable):
        boltzmann(System(energy=energy, temperature=temperature))


def test_refusal_says_what_to_do() -> None:
    with pytest.raises(NotNormalizable, match=r"'cos\(x\)' at T = 0.1: .*Add a confining term"):
        boltzmann(System(energy="cos(x)", temperature=0.1))


def test_law_follows_an_energy_that_depends_on_time() -> None:
    system = System(energy="(1 + t)*(x - t)**2/2", temperature=1.0)
    for t in (0.0, 3.0):
        assert boltzmann(system, t).log_z == pytest.approx(0.5 * np.log(2 * np.pi / (1 + t)), abs=1e-12)


TURN = 2 * np.pi

WALLED = {
    "ring": (System(energy="0", temperature=1.0, walls={"x": periodic(-1.0, 3.0)}), np.log(4.0)),
    "cosine on a ring": (
        System(energy="cos(x)", temperature=0.5, walls={"x": periodic(0.0, TURN)}),
        np.log(TURN * special.iv(0, 2.0)),
    ),
    "slope between walls": (
        System(energy="x", temperature=0.3, walls={"x": reflecting(0.0, 1.0)}),
        np.log(0.3 * (1 - np.exp(-1 / 0.3))),
    ),
    "hill between walls": (  # ∫ exp(x²/2) over [−1, 2], by Dawson's function
        System(energy="-x**2/2", temperature=1.0, walls={"x": reflecting(-1.0, 2.0)}),
        np.log(np.sqrt(np.pi / 2) * (special.erfi(2 / np.sqrt(2)) + special.erfi(1 / np.sqrt(2)))),
    ),
    "gravity": (System(energy="x", temperature=2.0, walls={"x": reflecting(0.0)}), np.log(2.0)),
    "gravity upside down": (System(energy="-x", temperature=1.0, walls={"x": reflecting(upper=2.0)}), 2.0),
    "gravity far away": (
        System(energy="1000*(x - 1e4)", temperature=1.0, walls={"x": reflecting(1e4)}),
        -np.log(1000.0),
    ),
    "narrow well between far walls": (
        System(energy="x**2/2", temperature=1.0, walls={"x": reflecting(-1e5, 1e5)}),
        0.5 * np.log(TURN),
    ),
    "half of a well": (
        System(energy="x**2/2", temperature=1.0, walls={"x": reflecting(0.0)}),
        0.5 * np.log(TURN) - np.log(2.0),
    ),
    "ring and line": (  # the Gaussian integral over y, then I₀ for 1/(2 + cos x)^½ by scipy
        System(energy="(2 + cos(x))*y**2/2", temperature=1.0, coordinates=("x", "y"), walls={"x": periodic(0.0, TURN)}),
        np.log(np.sqrt(TURN) * integrate.quad(lambda x: (2 + np.cos(x)) ** -0.5, 0, TURN, epsabs=1e-13)[0]),
    ),
    "torus": (
        System(
            energy="cos(x - y)",
            temperature=1.0,
            coordinates=("x", "y"),
            walls={"x": periodic(0.0, TURN), "y": periodic(-np.pi, np.pi)},
        ),
        np.log(TURN**2 * special.iv(0, 1.0)),
    ),
    "quadrant": (  # P(x, y > 0) = 1/4 + arcsin(r)/2π with correlation r = −1/2 of E = x² + xy + y²
        System(
            energy="x**2 + x*y + y**2",
            temperature=0.5,
            coordinates=("x", "y"),
            walls={"x": reflecting(0.0), "y": reflecting(0.0)},
        ),
        np.log(TURN * 0.5 / np.sqrt(3) * (0.25 + np.arcsin(-0.5) / TURN)),
    ),
    "wall and line": (
        System(
            energy="x**2/2 + (y - 2*x)**2/2",
            temperature=1.0,
            coordinates=("x", "y"),
            walls={"x": reflecting(upper=0.0)},
        ),
        np.log(np.pi),
    ),
}


@pytest.mark.parametrize("name", WALLED)
def test_log_z_within_walls(name: str) -> None:
    system, expected = WALLED[name]
    law = boltzmann(system)
    assert law.log_z == pytest.approx(expected, rel=0, abs=2e-12 * max(1.0, abs(expected)))
    assert (law.lower >= system.lower).all()
    assert (law.upper <= system.upper).all()
    assert law.gaussian is None
    assert law.how.startswith("quadrature on ")


@pytest.mark.parametrize(
    ("energy", "walls"),
    [
        ("-x", {"x": reflecting(0.0)}),
        ("x", {"x": reflecting(upper=0.0)}),
        ("log(1 + x)", {"x": reflecting(0.0)}),
        ("cos(x)", {"x": reflecting(0.0)}),
        ("cos(x)", {"x": periodic(0.0, TURN)}),  # y runs away
        ("y", {"x": periodic(0.0, TURN)}),
        ("x**2 - y", {"y": reflecting(0.0)}),
        ("x*y**2", {"x": reflecting(0.0, 1.0)}),  # along the wall x = 0 nothing confines y
        ("log(x)", {"x": reflecting(0.0, 1.0)}),  # −∞ on the wall
    ],
)
def test_refuses_what_runs_away_within_walls(energy: str, walls: dict[str, Wall]) -> None:
    coordinates = ("x", "y") if "y" in energy or walls.get("x") == periodic(0.0, TURN) else ("x",)
    with pytest.raises(NotNormalizable):
        boltzmann(System(energy=energy, temperature=1.0, coordinates=coordinates, walls=walls))


def test_nothing_lies_beyond_walls() -> None:
    law = boltzmann(System(energy="x", temperature=1.0, walls={"x": reflecting(0.0, 2.0)}))
    mass = law.cell_mass(Grid(x=cells(-1.0, 3.0, 8)))
    below = -np.expm1(-np.array([0.0, 0.5, 1.0, 1.5, 2.0])) / -np.expm1(-2.0)
    np.testing.assert_allclose(mass, [0, 0, *np.diff(below), 0, 0], atol=1e-14)
    inner = law.cell_mass(Grid(x=cells(0.5, 1.5, 2)))
    np.testing.assert_allclose(inner, [below[2], 1 - below[2]], atol=1e-14)
    density = law.log_density(np.array([[-0.1, 0.0, 1.0, 2.0, 2.1]]))
    np.testing.assert_array_equal(np.isneginf(density), [True, False, False, False, True])
    assert law.mean_energy == pytest.approx(1 - 2 / np.expm1(2.0), abs=1e-13)


def test_closed_form_of_quadratic_energies_in_any_dimension() -> None:
    names = tuple("abcdefghij")
    rng = np.random.default_rng(0)
    root = rng.standard_normal((10, 10))
    hessian, slope = root @ root.T + np.eye(10), rng.standard_normal(10)
    terms = [f"{float(hessian[i, j]) / 2!r}*{names[i]}*{names[j]}" for i in range(10) for j in range(10)]
    energy = " + ".join(terms + [f"{float(g)!r}*{name}" for g, name in zip(slope, names, strict=True)]) + " - 3"
    system = System(energy=energy.replace("+ -", "- "), temperature=0.6, coordinates=names)
    law = boltzmann(system)
    assert law.how == "closed form: quadratic energy"
    assert law.gaussian is not None
    mean, covariance = law.gaussian
    np.testing.assert_allclose(mean, -np.linalg.solve(hessian, slope), atol=1e-12)
    np.testing.assert_allclose(covariance, 0.6 * np.linalg.inv(hessian), atol=1e-12)
    lowest = -3 - 0.5 * slope @ np.linalg.solve(hessian, slope)
    exact = 0.5 * np.linalg.slogdet(TURN * covariance)[1] - lowest / 0.6
    assert law.log_z == pytest.approx(exact, abs=1e-11)
    assert law.mean_energy == pytest.approx(lowest + 5 * 0.6, abs=1e-11)
    x = rng.multivariate_normal(mean, covariance, 5)
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    np.testing.assert_allclose(law.log_density(x.T), expected, atol=1e-10)
    low, high = law.box(2.0)
    np.testing.assert_allclose(high - low, 2 * 2 * np.sqrt(np.diag(covariance)), rtol=1e-12)
    with pytest.raises(InvalidArgument, match="cells are for one or two"):
        law.cell_mass(Grid(a=cells(0.0, 1.0, 2)))


@pytest.mark.parametrize("name", ["unit", "shifted", "correlated", "anisotropic"])
def test_closed_form_agrees_with_quadrature(name: str) -> None:
    law = boltzmann(GAUSSIANS[name][0])
    assert law.gaussian is not None
    mean, covariance = law.gaussian
    exact = 0.5 * np.linalg.slogdet(TURN * covariance)[1] - law.system.energy_at(mean) / law.system.temperature
    assert law.log_z == pytest.approx(exact, abs=1e-12 * max(1.0, abs(exact)))


@pytest.mark.parametrize("energy", ["abs(x)", "x**2 + abs(y)", "x**4", "x**2 + cos(x) + y**2", "sqrt(1 + x**2) + y**2"])
def test_what_is_not_quadratic_is_given_no_closed_form(energy: str) -> None:
    system = System(energy=energy, temperature=1.0, coordinates=("x", "y") if "y" in energy else ("x",))
    assert boltzmann(system).gaussian is None


@pytest.mark.parametrize(
    ("energy", "walls", "words"),
    [
        ("x**4 + y**4 + z**4", {}, "no quadratic energy; E rises on all 262 tested rays"),
        ("5*log(1 + x**2 + y**2 + z**2)", {}, "no quadratic energy; E rises on all 262 tested rays"),
        ("(x**4 + y**4 + z**4)*1e-24", {}, "no quadratic energy; E rises on all 262 tested rays"),
        ("1.4*log(1 + x**2 + y**2 + z**2)", {}, "does not rise faster than d T ln r on 262 of 262 tested rays"),
        ("x**4 + y**4", {}, r"on 2 of 262 tested rays, such as that along \[0\.0, 0\.0, 1\.0\]"),
        ("x**2 + y**2 - z**2", {}, r"quadratic with curvature -2 along \[-?0\.0, -?0\.0, -?1\.0\]"),
        ("x**2 + y**2", {}, "quadratic with curvature 0"),
        ("x**2 + y**2 + z**2", {"z": reflecting(0.0)}, "walls; E rises on all 262 tested rays"),
        ("x**2 + y**2 - z", {"z": reflecting(0.0, 1.0)}, "walls; E rises on all 260 tested rays"),
        ("x**2 + y**2 - z", {"z": reflecting(0.0)}, "does not rise"),
        ("cos(x)", dict.fromkeys("xyz", periodic(0.0, TURN)), "walls close the domain"),
    ],
)
def test_beyond_two_coordinates_ln_z_is_not_guessed(energy: str, walls: dict[str, Wall], words: str) -> None:
    with pytest.raises(NotNormalizable, match=words):
        boltzmann(System(energy=energy, temperature=1.0, coordinates=("x", "y", "z"), walls=walls))


def test_an_extra_drift_has_no_law() -> None:
    with pytest.raises(NotNormalizable, match="extra drift"):
        boltzmann(System(energy="x**2", drift=["1"], temperature=1.0))
    assert boltzmann(System(energy="x**2/2", drift=["0"], temperature=1.0)).log_z == pytest.approx(0.5 * np.log(TURN))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_free_diffusion_is_refused_in_one_line(d: int) -> None:
    names = ("x", "y", "z")[:d]
    free = System(energy=1.5, temperature=1.0, coordinates=names)
    with pytest.raises(NotNormalizable, match=f"free diffusion: no force, and no bounds of {', '.join(names)}, so Z"):
        boltzmann(free)
    tube = replace(free, walls={name: periodic(0.0, 2.0) for name in names[1:]})
    with pytest.raises(NotNormalizable, match="no bounds of x, so Z"):
        boltzmann(tube)
    if d < 3:
        closed = replace(tube, walls={**tube.walls, "x": reflecting(0.0, 3.0)})
        assert boltzmann(closed).log_z == pytest.approx(np.log(3.0 * 2.0 ** (d - 1)) - 1.5, abs=1e-12)
