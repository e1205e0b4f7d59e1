from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pytest
import xarray as xr
from figures import overlapping
from matplotlib.quiver import Quiver

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, InvalidStore
from langevin_kit.plot import comparison, costs, orders, relaxation, schemes
from langevin_kit.plot._cells import density
from langevin_kit.plot._plane import SHARES, _levels
from langevin_kit.plot._view import View, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N = 4000
UNITS = {"x": "nm", "time": "ns", "energy": "kT"}
PLANE = {"energy": "(x**2 - 1)**2 + y**2/2", "coordinates": ("x", "y"), "temperature": 0.5}


def _run(system: lk.System, **changed: Any) -> xr.Dataset:
    start = lk.initial.gaussian(mean=[0.5] * system.n_dim, covariance=0.1)
    options: dict[str, Any] = {"initial": start, "n_particles": N, "time_step": 0.005, "n_steps": 400, "rng": 1}
    return lk.simulate(system, **{**options, **changed})


@pytest.fixture(scope="module")
def well() -> xr.Dataset:
    """From a point far up the wall: KL is beyond the bins at first, and below its floor in the end."""
    system = lk.System(energy="x**2", temperature=0.5, units=UNITS)
    return _run(system, initial=lk.initial.point([4.0]), n_steps=1000, save_every=20, title="A well, cost: $5_000")


@pytest.fixture(scope="module")
def plane() -> xr.Dataset:
    return _run(lk.System(**PLANE), save_positions=3000)


def _lines(ax: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in ax.lines}


def _named(ax: Axes, start: str) -> Any:
    return next(line for name, line in _lines(ax).items() if name.startswith(start))


def _axis(fig: Figure, text: str) -> Axes:
    return next(ax for ax in fig.axes if text in ax.get_ylabel())


def _legend(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]


def test_a_png_is_written_and_nothing_global_changes(well: xr.Dataset, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    relaxation(well, tmp_path / "well.png")
    data = (tmp_path / "well.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 10_000
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_imported(well: xr.Dataset, tmp_path: Path) -> None:
    code = (
        "import pathlib, pickle, sys\n"
        "from langevin_kit.plot import relaxation\n"
        "relaxation(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()), sys.argv[2])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    run, figure = tmp_path / "run.pickle", tmp_path / "run.png"
    run.write_bytes(pickle.dumps(well))
    done = subprocess.run([sys.executable, "-c", code, run, figure], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_curves_are_the_datasets_values(well: xr.Dataset) -> None:
    ax = _axis(relaxation(well), "distance")
    assert ax.get_yscale() == "log"
    kl, floor = well.kl_divergence.values, well.kl_divergence_floor.values
    excess = well.free_energy_from_entropy.values / 0.5 + well.log_partition_function.values
    excess[0] = np.nan  # all particles at one point: F is infinite
    for name, value in {"KL": kl, "$(F": excess}.items():
        line = _named(ax, name)
        np.testing.assert_array_equal(line.get_xdata(), well.time.values)
        np.testing.assert_array_equal(line.get_ydata(), np.where(value > floor, value, np.nan))
        assert "± 1 s.e." in str(line.get_label())
    faint = [line for line in ax.lines if line.get_label() == "_below"]
    drawn = {float(y) for line in faint for y in line.get_ydata() if np.isfinite(y)}
    assert drawn == {float(v) for v in [*kl, *excess] if 0 < v <= floor[0]}
    assert all(line.get_alpha() < 0.5 for line in faint)


def test_floor_and_what_the_logarithm_hides(well: xr.Dataset) -> None:
    ax = _axis(relaxation(well), "distance")
    floor = well.kl_divergence_floor.values
    assert set(_named(ax, "detection floor").get_ydata()) == set(floor)
    assert [text.get_text() for text in ax.texts] == ["below detection"]
    hidden = int((well.kl_divergence.values < ax.get_ylim()[0]).sum())
    assert hidden > 0
    assert f"{hidden} of KL" in _legend(ax)[0]


def test_kl_beyond_the_bins_is_marked_until_its_first_value(well: xr.Dataset) -> None:
    ax = _axis(relaxation(well), "distance")
    missing = np.isnan(well.kl_divergence.values)
    assert missing[0]
    assert not missing[-1]
    spans = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
    assert len(spans) == missing.sum()
    assert max(span.x1 for span in spans) == pytest.approx(well.time.values[~missing][0])
    assert "KL beyond the bins’ reach" in _legend(ax)


def test_a_run_that_never_leaves_the_reach_has_no_such_mark() -> None:
    ax = _axis(relaxation(_run(lk.System(energy="x**2", temperature=0.5), n_steps=100)), "distance")
    assert len(ax.patches) == 0
    assert not any("beyond" in text for text in _legend(ax))


def test_labels_title_and_caption(well: xr.Dataset) -> None:
    fig = relaxation(well)
    assert fig.get_suptitle() == "A well, cost: $5_000"
    upper = _axis(fig, "density")
    assert upper.get_xlabel() == "x [nm]"
    assert upper.get_ylabel() == "density p(x, t) [1/nm]"
    assert _axis(fig, "energy").get_ylabel() == "energy E (dashed) [kT]"
    assert _axis(fig, "distance").get_xlabel() == "time [ns]"
    caption = fig.get_supxlabel()
    for part in ("4,000 particles", "T = 0.5 kT", "Δt = 0.005 ns", "euler_maruyama", "seed 1"):
        assert part in caption


def test_reduced_units_are_not_shown(plane: xr.Dataset) -> None:
    labels = [label for ax in relaxation(plane).axes for label in (ax.get_xlabel(), ax.get_ylabel())]
    assert not any("[" in label for label in labels if "nats" not in label)


def test_density_curves_have_the_mass_of_the_ensemble_and_the_law_has_its_height(well: xr.Dataset) -> None:
    ax = _axis(relaxation(well), "density")
    curves = [line for line in ax.lines if line.get_label() == "_p"]
    assert len(curves) == len(spread(well.sizes["time"], 9)) - 1
    last = curves[-1]
    assert np.trapezoid(last.get_ydata(), last.get_xdata()) == pytest.approx(1.0, abs=0.01)
    law = ax.collections[0].get_paths()[0].vertices
    assert law[:, 1].max() == pytest.approx(np.sqrt(2 / np.pi / 0.5 / 2), rel=1e-4)  # x² at T = ½ has variance ¼


def test_outermost_cells_that_hold_particles_are_left_out() -> None:
    counts = np.array([5, 90, 5, 0])
    p, (edges,) = density(counts, [np.arange(5.0)])
    np.testing.assert_array_equal(p, [0.9, 0.05, 0.0])
    np.testing.assert_array_equal(edges, [1, 2, 3, 4])


@pytest.mark.parametrize("shape", [(1000,), (77,), (300, 210), (2,), (1,)])
def test_merged_cells_keep_the_mass(shape: tuple[int, ...]) -> None:
    counts = np.random.default_rng(1).multinomial(5000, np.full(np.prod(shape), 1 / np.prod(shape))).reshape(shape)
    p, edges = density(counts, [np.linspace(0.0, 2.0, n + 1) for n in shape])
    volume = np.diff(edges[0]) if len(shape) == 1 else np.multiply.outer(np.diff(edges[0]), np.diff(edges[1]))
    inner = counts[tuple(slice(1, -1) for _ in shape)]
    assert (p * volume).sum() == pytest.approx(inner.sum() / 5000)
    assert p.size <= max(inner.size, 1)


def test_two_coordinates_show_particles_at_four_times(plane: xr.Dataset) -> None:
    fig = relaxation(plane)
    maps = [ax for ax in fig.axes if ax.get_title()]
    rows = spread(101, 4, first=1)
    assert [ax.get_title() for ax in maps] == [f"t = {plane.time.values[row]:.4g}" for row in rows]
    for ax, row in zip(maps, rows, strict=True):
        points = np.concatenate([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
        np.testing.assert_array_equal(points, plane.position.values[row, :, :2000].T)
    assert "50, 90 and 99 %" in fig.get_supxlabel()
    assert _axis(fig, "distance") is not None


def test_two_coordinates_without_positions_show_the_density(plane: xr.Dataset) -> None:
    fig = relaxation(plane.drop_vars("position"))
    assert _axis(fig, "density").get_ylabel() == "density p(x, y, t)"
    assert len([ax for ax in fig.axes if ax.get_title()]) == 4


def test_the_laws_lines_enclose_what_they_say() -> None:
    x, y = np.meshgrid(np.linspace(-6, 6, 301), np.linspace(-6, 6, 301))
    q = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi)
    expected = [(1 - share) / (2 * np.pi) for share in SHARES]  # P(q > c) = 1 − 2πc for a normal law of the plane
    np.testing.assert_allclose(_levels(q), expected, rtol=0.02)


@pytest.mark.parametrize(
    ("system", "reason"),
    [
        (lk.System(energy="(x**2 - 1)**2", temperature=0.0), "temperature 0 has no Boltzmann law"),
        (lk.System(energy="-x", temperature=1.0), "not known to be finite"),
        (lk.System(energy="0", temperature=1.0), "free diffusion: no force"),
        (lk.System(energy="0", temperature=1.0, coordinates=("x", "y")), "no bounds of x, y"),
    ],
)
def test_without_a_law_moments_are_drawn_and_the_reason_is_told(system: lk.System, reason: str) -> None:
    ds = _run(system, observables={"far": "x**2", "msd": lk.observables.mean_square_displacement()})
    fig = relaxation(ds)
    mean, variance, *others = fig.axes
    for a, name in enumerate(system.coordinates):
        np.testing.assert_array_equal(_named(mean, f"mean of {name}").get_ydata(), ds["mean"].values[:, a])
        np.testing.assert_array_equal(
            _named(variance, f"variance of {name}").get_ydata(), ds.covariance.values[:, a, a]
        )
    # The mean energy of free diffusion is no news.
    assert len(others) == 1 + (system.energy != "0")
    if system.energy != "0":
        np.testing.assert_array_equal(_named(others[0], "mean energy").get_ydata(), ds.energy.values)
    for name in ("far", "msd"):
        np.testing.assert_array_equal(_named(others[-1], name).get_ydata(), ds[name].values)
    assert "boltzmann: none" in fig.get_supxlabel()
    assert reason in fig.get_supxlabel()


@pytest.fixture(scope="module")
def chain() -> xr.Dataset:
    """Six coordinates in a quadratic well, as one vector: F and KL from mean and covariance."""
    A = 2 * np.eye(6) - np.eye(6, k=1) - np.eye(6, k=-1)
    system = lk.System(energy="v @ A @ v / 2", coordinates={"v": 6}, parameters={"A": A}, temperature=0.5)
    return _run(system, n_steps=200, save_every=10, observables={"squared": "v @ v"}, title="A chain")


def test_more_coordinates_show_moments_decay_and_observables(chain: xr.Dataset) -> None:
    fig = relaxation(chain)
    mean, variance, decay, other = fig.axes
    np.testing.assert_array_equal(np.array([line.get_ydata() for line in mean.lines]), chain["mean"].values.T)
    drawn = np.array([line.get_ydata() for line in variance.lines[:6]])
    np.testing.assert_array_equal(drawn, np.diagonal(chain.covariance.values, axis1=1, axis2=2).T)
    levels = {round(float(line.get_ydata()[0]), 9) for line in variance.lines[6:]}
    A = chain.langevin.system.parameters["A"]
    assert levels == {round(float(v), 9) for v in 0.5 * np.linalg.inv(A).diagonal()}
    assert _legend(mean) == ["", "v[0]", "v[5]"]
    kl, floor = chain.kl_divergence.values, chain.kl_divergence_floor.values
    np.testing.assert_array_equal(_named(decay, "KL").get_ydata(), np.where(kl > floor, kl, np.nan))
    np.testing.assert_array_equal(_named(other, "squared").get_ydata(), chain.squared.values)
    assert "boltzmann" not in fig.get_supxlabel()


def test_a_tensors_fast_axis_is_drawn_in_the_first_map() -> None:
    """K with eigenvalues 3 along (1, 1) and 1 along (1, −1): strokes of the length 1 − 1/3 along the diagonal."""
    ds = _run(lk.System(**PLANE, mobility=[[2, 1], [1, 2]]), n_steps=100)
    fig = relaxation(ds)
    first, *others = [ax for ax in fig.axes if ax.get_title()]
    (strokes,) = [c for c in first.collections if isinstance(c, Quiver)]
    np.testing.assert_allclose(strokes.U * strokes.V, 2 / 9, atol=1e-12)
    np.testing.assert_allclose(np.hypot(strokes.U, strokes.V), 2 / 3, atol=1e-12)
    assert not any(isinstance(c, Quiver) for ax in others for c in ax.collections)
    assert "fast axis" in fig.get_supxlabel()
    assert "fast axis" not in relaxation(_run(lk.System(**PLANE), n_steps=100)).get_supxlabel()


def test_a_histogram_without_a_law_is_drawn() -> None:
    ds = _run(lk.System(energy="0", temperature=1.0), histogram=lk.Grid(x=lk.cells(-3, 3, 60)))
    fig = relaxation(ds)
    assert any(line.get_label() == "_p" for line in _axis(fig, "density").lines)
    assert _axis(fig, "mean energy") is not None


@pytest.mark.parametrize(("n", "temperature"), [(1, 0.0), (2, 0.0), (3, 0.0), (8, 0.5)])
def test_a_histogram_of_few_cells_is_drawn(n: int, temperature: float) -> None:
    for model in ({"energy": "x**2"}, PLANE):
        system = lk.System(**{**model, "temperature": temperature})
        grid = lk.Grid(**{name: lk.cells(-3, 3, n) for name in system.coordinates})
        fig = relaxation(_run(system, n_steps=10, n_particles=500, histogram=grid))
        fig.draw_without_rendering()
        assert all(ax.has_data() for ax in fig.axes)


def test_positions_without_a_law_are_drawn() -> None:
    fig = relaxation(_run(lk.System(**{**PLANE, "temperature": 0.0}), save_positions=50, n_steps=100))
    assert len([ax for ax in fig.axes if ax.get_title()]) == 4
    assert _axis(fig, "mean energy") is not None
    assert "temperature 0" in fig.get_supxlabel()


def test_one_and_two_saved_times_are_enough(well: xr.Dataset, plane: xr.Dataset, tmp_path: Path) -> None:
    for ds in (well, plane):
        for n in (1, 2):
            relaxation(ds.isel(time=slice(n)), tmp_path / "short.png")
    with pytest.raises(InvalidStore, match="no saved time"):
        relaxation(well.isel(time=slice(0)))


def test_a_law_that_moves_is_drawn_at_the_last_time() -> None:
    ds = _run(lk.System(energy="(x - sin(t))**2", temperature=0.5), n_steps=100)
    ax = _axis(relaxation(ds), "density")
    assert "Boltzmann law q, t = 0.5" in _legend(ax)
    law = ax.collections[0].get_paths()[0].vertices
    assert law[law[:, 1].argmax(), 0] == pytest.approx(np.sin(0.5), abs=0.01)


def test_a_dataset_that_is_no_run_is_refused() -> None:
    with pytest.raises(InvalidStore):
        relaxation(xr.Dataset())


def test_nothing_overlaps_or_is_cut(well: xr.Dataset, plane: xr.Dataset, chain: xr.Dataset) -> None:
    free = _run(lk.System(energy="0", temperature=1.0, coordinates=("x", "y")), rng=None)
    fall = _run(lk.System(energy="-x", temperature=1.0), observables={"far": "x > 1"})
    for ds in (well, plane, plane.drop_vars("position"), free, fall, chain):
        assert overlapping(relaxation(ds)) == []


def test_chosen_times_begin_and_end_with_the_run() -> None:
    assert spread(101, 9) == [0, 1, 2, 5, 9, 17, 31, 56, 100]
    assert spread(1, 9) == [0]
    assert spread(3, 4, first=1) == [1, 2]


def test_energy_without_a_finite_value_is_left_out() -> None:
    ds = _run(lk.System(energy="x**2/2", temperature=1.0), n_steps=10)
    view = View(ds)
    assert np.isnan(view.energy(np.array([[np.nan, 1.0]]), 0)).tolist() == [True, False]


@pytest.mark.parametrize("name", ["well", "plane"])
def test_a_comparison_shows_what_was_compared(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    ds: xr.Dataset = request.getfixturevalue(name)
    found = lk.verify(ds, halve=False)
    fig = comparison(ds, found, tmp_path / "compared.png")
    assert (tmp_path / "compared.png").read_bytes().startswith(b"\x89PNG")
    text = fig.get_supxlabel()
    assert text.startswith(f"{found.comparison.verdict.state}: {found.comparison.verdict.reason}")
    assert any("[s.e.]" in ax.get_ylabel() for ax in fig.axes)
    if name == "well":
        lines = [line for line in fig.axes[0].lines if line.get_label() == "_p"]
        assert len(lines) == found.density.sizes["time"] - 1
        np.testing.assert_array_equal(lines[-1].get_ydata(), found.density[-1])
        assert fig.axes[1].get_xlabel() == "x [nm]"
    else:
        assert [ax.get_title() for ax in fig.axes[:4]] == [
            f"t = {t:.4g}" for t in found.density.time.values[[1, 2, 4, 8]]
        ]


@pytest.fixture(scope="module")
def studies() -> tuple[xr.Dataset, xr.Dataset]:
    ring = {"x": lk.periodic(0.0, 2 * np.pi)}
    system = lk.System(energy="1.2*cos(x) + 0.4*sin(2*x)", temperature=1.0, walls=ring, units={"time": "ns"})
    return (
        lk.order_study(system, ["euler_maruyama", "leimkuhler_matthews"], time_steps=[0.1, 0.05, 0.025]),
        lk.cost_to_accuracy(system, ["leimkuhler_matthews"], bias=[1e-2, 1e-3], rounds=2),
    )


def test_a_study_of_orders_names_them(studies: tuple[xr.Dataset, xr.Dataset]) -> None:
    (ax,) = orders(studies[0]).axes
    assert ax.get_xlabel() == "time step Δt [ns]"
    legend = ax.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert [text.split(":")[0] for text in texts] == ["euler_maruyama", "leimkuhler_matthews"]
    assert texts[0] == f"euler_maruyama: {float(studies[0].order[0]):.2f} ± {float(studies[0].order_error[0]):.2f}"
    np.testing.assert_array_equal(ax.containers[1].lines[0].get_ydata(), studies[0].bias[1])  # type: ignore[attr-defined]
    assert len([line for line in ax.lines if line.get_label() == "_slope"]) == 2  # Δt and Δt²


def test_costs_at_one_bias_and_against_it(studies: tuple[xr.Dataset, xr.Dataset], tmp_path: Path) -> None:
    (ax,) = costs(studies[1], tmp_path / "costs.png").axes
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")
    assert ax.get_ylabel() == "CPU time per particle and unit of time [s/ns], float32"
    np.testing.assert_array_equal(_named(ax, "leimkuhler_matthews").get_ydata(), studies[1].cost[1])
    at = studies[1].isel(bias=[1])
    left, right = schemes({"a ring": (studies[0], at)}).axes
    assert left.get_title(loc="left").startswith("a ring: error")
    assert right.get_title(loc="left") == "a ring: cost of a bias of 0.001, and its ratio to Euler–Maruyama’s"
    assert [label.get_text() for label in right.get_yticklabels()] == ["euler_maruyama", "leimkuhler_matthews"]
    assert f"1/{1 / float(at.cost_ratio[1, 0]):.1f}" in [text.get_text() for text in right.texts]


def test_a_run_is_no_study(well: xr.Dataset) -> None:
    with pytest.raises(InvalidArgument, match="no study"):
        orders(well)
