"""The Boltzmann law by quadrature against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from langevin_kit import Grid, System, boltzmann, cells
from langevin_kit.errors import NotNormalizable

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
