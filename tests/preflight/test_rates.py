"""What limits the time step, each against a value known by hand; positivity of S; where `check` looks."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, MobilityNotPositive
from langevin_kit.preflight import check
from langevin_kit.preflight.positivity import eigenvalue_range
from langevin_kit.preflight.rates import _noise_slope, suggest
from langevin_kit.preflight.region import place, region
from langevin_kit.system import System, periodic, reflecting

Floats = NDArray[np.float64]


@pytest.mark.parametrize(
    ("arguments", "reason", "rate"),
    [
        ({"energy": "3*x**2"}, "the stiffest direction of the energy", 6.0),
        ({"energy": "100*abs(x)"}, "a kink of the energy", 1e4),
        ({"energy": "0", "walls": {"x": reflecting(0.0, 0.1)}}, "diffusion between two walls", 100 * math.pi**2),
        ({"energy": "0", "mobility": 3.0, "walls": {"x": reflecting(0.0, 0.1)}}, "walls", 300 * math.pi**2),
    ],
)
def test_the_reason_is_given(arguments: dict[str, Any], reason: str, rate: float) -> None:
    report = check(System(**arguments, temperature=1.0))
    assert reason in report.limited_by
    fastest = max(report.rates.values())
    assert math.isclose(fastest, rate, rel_tol=1e-6)
    assert f"rate {rate:.3g}" in report.limited_by
    assert report.time_step == suggest(fastest)
    assert 0.4 < report.time_step * fastest / 0.05 <= 1.0 + 1e-9


def test_noise_between_walls_stays_a_tenth_of_their_distance() -> None:
    report = check(System(energy="0", temperature=2.0, mobility=5.0, walls={"x": reflecting(-1.0, 3.0)}))
    assert math.sqrt(2 * 2.0 * 5.0 * report.time_step) < 0.11 * 4.0
    ring = check(System(energy="0", temperature=2.0, walls={"x": periodic(-1.0, 3.0)}))
    assert ring.time_step == math.inf  # free diffusion on a ring is exact at any step
    assert ring.limited_by == "nothing"


def noise_slope(matrices: Floats, slopes: Floats) -> float:
    values, vectors = np.linalg.eigh(matrices)
    return _noise_slope(slopes, values, vectors)


def test_slope_of_the_noise() -> None:
    """½ S'²/S in one dimension; ½ |∇s|²/s for s(x) 1; across the gradient too; 0 for a direction without noise."""
    assert math.isclose(noise_slope(np.array([[[2.0]]]), np.array([[[[3.0]]]])), 0.5 * 9 / 2)
    isotropic = np.eye(2)[None]
    slopes = np.stack([3.0 * np.eye(2), 4.0 * np.eye(2)])[None]
    assert math.isclose(noise_slope(2.0 * isotropic, slopes), 0.5 * 25 / 2)
    across = np.array([[np.diag([0.0, 3.0]), np.zeros((2, 2))]])  # S_yy depends on x
    assert math.isclose(noise_slope(isotropic, across), 0.5 * 9)
    silent = np.array([np.diag([0.0, 1.0])])
    assert noise_slope(silent, across) == 0.0
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0]
    turned = np.einsum("ab,bc,kcd,ed->kae", rotation, np.eye(2), across[0], rotation)
    turned = np.einsum("ck,kab->cab", rotation, turned)
    assert math.isclose(noise_slope(isotropic, turned[None]), 0.5 * 9)


def test_slope_of_the_noise_of_a_system() -> None:
    """½ T K'²/K = (50/81) T cos² e^{sin/9} for K = exp(sin(10 x)/9), largest where sin = √82 − 9."""
    ring = {"x": periodic(0.0, 0.2 * math.pi)}
    report = check(System(energy="0", mobility="exp(sin(10*x)/9)", temperature=1.5, walls=ring))
    sine = math.sqrt(82) - 9
    assert math.isclose(report.rates["noise"], 1.5 * 50 / 81 * (1 - sine**2) * math.exp(sine / 9), rel_tol=1e-5)


def test_mobility_across_its_slope_limits_the_step() -> None:
    """K_yy(x): its divergence is zero, its noise is not smooth."""
    rough = System(
        energy="x**2 + y**2", mobility=[[1, 0], [0, "1 + 0.9*sin(40*x)"]], temperature=1.0, coordinates=("x", "y")
    )
    assert check(rough).rates["noise"] > 1000.0


LINE = System(energy="x**2", temperature=1.0)
PLANE = System(energy="x**2 + y**2", temperature=1.0, coordinates=("x", "y"))
AT: Floats = np.array([[1.0, 2.0], [3.0, 4.0]])


def matrices(*rows: list[list[float]]) -> Floats:
    return np.moveaxis(np.array(rows), 0, -1)


def test_semi_definite_mobility_is_allowed() -> None:
    both = matrices([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]])
    assert eigenvalue_range(PLANE, AT, 0.0, both) == (0.0, 3.0)
    report = check(System(energy="x**2 + y**2", mobility=[[0, 0], [0, 2]], temperature=1.0, coordinates=("x", "y")))
    assert report.mobility_range == (0.0, 2.0)


def test_indefinite_mobility_is_refused_with_its_place() -> None:
    with pytest.raises(MobilityNotPositive, match=r"in its least direction is -1 at x = 2, y = 4, t = 0\.5"):
        eigenvalue_range(PLANE, AT, 0.5, matrices([[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(MobilityNotPositive, match=r"mobility of 'y' is -1e-06 at x = 1"):
        eigenvalue_range(PLANE, AT, 0.0, matrices([[1.0, 0.0], [0.0, -1e-6]], [[1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(MobilityNotPositive):
        eigenvalue_range(LINE, AT[:1], 0.0, matrices([[1.0]], [[-1e-300]]))


def test_indefinite_tensors_are_refused_where_they_are_so() -> None:
    tensor = System(
        energy="x**2 + y**2", mobility=[[1, "x"], ["x", 1]], temperature=1.0, coordinates=("x", "y")
    )  # eigenvalues 1 ± x
    with pytest.raises(MobilityNotPositive, match=r"in its least direction is -\d\.\d+ at x = -?\d\.\d+, y = "):
        check(tensor)
    rank_one = System(
        energy="x**2 + y**2", mobility=[["x**2", "x*y"], ["x*y", "y**2"]], temperature=1.0, coordinates=("x", "y")
    )
    report = check(rank_one)
    assert report.rates["noise"] == pytest.approx(2.0, rel=1e-3)  # ½ s'²/s of s = r² along the radius
    low, high = report.mobility_range
    assert low == pytest.approx(0.0, abs=1e-12)
    assert high == pytest.approx(12.0, rel=0.1)  # |x|² where E = 12 T


def test_an_antisymmetric_part_changes_no_noise() -> None:
    turning = System(
        energy="x**2/2 + y**2", mobility=[[1, "5 + x"], ["-4 - x", 2]], temperature=1.0, coordinates=("x", "y")
    )
    report = check(turning)
    assert report.mobility_range == pytest.approx((1.5 - 0.5**0.5, 1.5 + 0.5**0.5))
    with pytest.raises(MobilityNotPositive, match="in its least direction"):
        check(replace(turning, mobility=[[1, "5 + x"], ["5 - x", 2]]))


def test_particles_beyond_walls_are_refused() -> None:
    box = System(energy="0", temperature=1.0, walls={"x": reflecting(0.0, 1.0)})
    check(box, positions=np.array([[0.0, 0.5, 1.0]]))
    with pytest.raises(
        InvalidArgument, match=r"2 of 4 particles start beyond the walls \[0, 1\] of 'x', such as number 1"
    ):
        check(box, positions=np.array([[0.5, -0.1, 0.7, 1.1]]))
    ring = System(energy="0", temperature=1.0, walls={"x": periodic(0.0, 1.0)})
    check(ring, positions=np.array([[7.5]]))


def test_what_needs_no_law_runs_without_one() -> None:
    free = check(System(energy="0", temperature=1.0), positions=np.zeros((1, 10)))
    assert free.boltzmann.startswith("none: free diffusion: no force, and no bounds of x")
    cold = check(System(energy="x**2", temperature=0.0), positions=np.ones((1, 10)))
    assert cold.boltzmann == "none: temperature 0 has no Boltzmann law: the ensemble ends in the minima of E."
    quartic = System(energy="x**4 + y**4 + z**4", temperature=1.0, coordinates=("x", "y", "z"))
    report = check(quartic, positions=np.random.default_rng(0).standard_normal((3, 1000)))
    assert "rises on all 262 tested rays" in report.boltzmann
    assert report.fastest_rate > 12.0


def test_more_than_two_coordinates_are_looked_at_in_a_sample_of_the_law() -> None:
    names = ("x", "y", "z")
    system = System(energy="x**2 + x*y + y**2 + 8*(z - 2)**2", temperature=0.5, coordinates=names)
    report = check(system)
    assert report.boltzmann == "closed form: quadratic energy"
    assert math.isclose(report.fastest_rate, 16.0)
    x = region(system, report.law, None, 0.0)
    assert x.shape == (3, 4096)
    np.testing.assert_allclose(x.mean(axis=1), [0, 0, 2], atol=0.06)
    narrow = System(energy="x**2 + y**2 + z**2", mobility="2 - z", temperature=1.0, coordinates=names)
    with pytest.raises(MobilityNotPositive, match=r"at x = .*, y = .*, z = 2"):
        check(narrow)


def test_closed_domains_are_sampled_without_a_law() -> None:
    walls = dict.fromkeys("xyz", reflecting(0.0, 1.0))
    system = System(energy="x*y*z", mobility="1 - 1.5*z", temperature=1.0, coordinates=tuple("xyz"), walls=walls)
    with pytest.raises(MobilityNotPositive):
        check(system, positions=np.full((3, 10), 0.1))


def test_long_places_are_cut() -> None:
    system = System(energy="a", temperature=1.0, coordinates=tuple("abcdefgh"))
    assert place(system, np.arange(8.0), 0.0) == "a = 0, b = 1, c = 2, …, h = 7, t = 0"


def test_a_plane_is_checked_in_a_moment() -> None:
    system = System(
        energy="(x**2 - 1)**2 + x*y/2 + y**2",
        mobility=[["1/(1 + x**2)", 0], [0, 1]],
        temperature=0.5,
        coordinates=("x", "y"),
    )
    start = time.process_time()
    check(system)
    assert time.process_time() - start < 2.0  # 0.2 s on an idle core; the bound is for machines that are slow or busy
