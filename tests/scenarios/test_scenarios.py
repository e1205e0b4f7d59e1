"""Every file of scenarios/ runs small, by its name, and gives the recorded numbers."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import langevin_kit as lk
from langevin_kit.cli import main
from langevin_kit.kernels.counter_rng import STREAM_INITIAL
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.scenario import load
from langevin_kit.testing import euler_maruyama, normals

Floats = NDArray[np.float64]

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_every_scenario_has_a_test() -> None:
    names = {path.stem for path in SCENARIOS.iterdir() if path.suffix in {".toml", ".py"}}
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert not [name for name in names if f"def test_{name}(" not in tests]


def small(name: str, **arguments: object) -> xr.Dataset:
    scenario = load(SCENARIOS / f"{name}.toml")
    return lk.simulate(scenario.system, **{**scenario.arguments, **arguments})


def check(ds: xr.Dataset, recorded: dict[str, list[float]]) -> None:
    """Compare saves 0, 5 and 10: a seed gives the same bits, so only the last digits of NumPy's sums may differ."""
    for name, values in recorded.items():
        rows = ds[name].values.reshape(ds.sizes["time"], -1)[[0, 5, 10], 0]
        np.testing.assert_allclose(rows, values, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.claim("F03")
def test_double_well() -> None:
    ds = small("double_well", n_particles=4000, time_step=5e-3, n_steps=2000, save_every=200)
    recorded = {
        "mean": [-1.0039276810660958, -0.0186017257621279, -0.00994645638887141],
        "energy": [0.16561378864453188, 0.3693506369855768, 0.371361815115949],
        "kl_divergence": [0.9665674119545175, 0.0035241167132650936, 9.233890773636608e-05],
        "free_energy": [0.3111324881284404, -0.4111499833024988, -0.41372381665664537],
        "free_energy_from_entropy": [0.3101732494620896, -0.41463816443127205, -0.4140537371616392],
        "right_well": [0.0, 0.4905, 0.494],
    }
    check(ds, recorded)
    assert ds.langevin.verdict().state == "relaxed"


@pytest.mark.claim("F03")
def test_muller_brown() -> None:
    ds = small("muller_brown", n_particles=2000, time_step=1e-3, n_steps=2000, save_every=200, save_positions=20)
    recorded = {
        "mean": [-0.5580837907940149, -0.5857684368472547, -0.5561771592386067],
        "energy": [-7.118145078830518, -6.047144005173534, -5.962253975790282],
        "kl_divergence": [1.6539202990955233, 0.14517134224592648, 0.10007878147922597],
        "free_energy": [-3.7122129432132716, -5.220961900062869, -5.266054460829569],
        "free_energy_from_entropy": [np.nan, -5.10033888628607, -5.125978126420745],
        "right_valley": [0.0, 0.0305, 0.054],
    }
    check(ds, recorded)
    assert ds.langevin.verdict().state == "not relaxed"
    assert ds.sizes["particle"] == 20


def test_anisotropic_tensor() -> None:
    ds = small("anisotropic_tensor", n_particles=4000, n_steps=2000, save_every=200)
    recorded = {
        "mean": [0.24937897896766661, 0.21547124920474744, 0.19680410679053603],
        "energy": [1.7489449063066453, 0.2454534201442725, 0.2201654873051474],
        "kl_divergence": [np.nan, 0.45044649912917756, 0.3292905613120109],
        "free_energy": [np.nan, -0.3131084788592999, -0.3736864477678832],
        "free_energy_from_entropy": [np.nan, -0.28659162993619447, -0.37061852518547134],
        "upper_well": [0.0, 0.49875, 0.491],
        "lower_well": [0.0, 0.074, 0.0825],
    }
    check(ds, recorded)
    assert ds.langevin.verdict().state == "not relaxed"
    # The energy is mirror-symmetric: with a scalar mobility as many particles slide down on one side as on the other.
    scenario = load(SCENARIOS / "anisotropic_tensor.toml")
    symmetric = replace(scenario.system, parameters={**scenario.system.parameters, "a": 0.0})
    control = lk.simulate(symmetric, **{**scenario.arguments, "n_particles": 4000, "n_steps": 400, "save_every": 400})
    assert ds.upper_well[1] > 4 * ds.lower_well[1]
    stderr = np.hypot(control.upper_well_stderr[-1], control.lower_well_stderr[-1])
    assert abs(control.upper_well[-1] - control.lower_well[-1]) < 5 * stderr


def test_sphere() -> None:
    ds = small("sphere", n_particles=4000, n_steps=2000, save_every=200)
    recorded = {
        "mean": [1.997222710255316, 1.2944149368478433, 1.196354407132545],
        "energy": [0.4095521198187158, -0.23382964022309932, -0.316010862097223],
        "log_measure": [-0.10594364885745612, -0.32812497310847627, -0.36056996357956134],
        "kl_divergence": [np.nan, 0.028637985332601763, 0.00015133721719283108],
        "free_energy": [np.nan, -2.6621841049520842, -2.6906707530674936],
        "free_energy_from_entropy": [1.6126414315789195, -2.6561716659941226, -2.695463149526448],
        "entropy": [-1.2030893117602037, 2.422342025771023, 2.379452287429225],
        "u": [-0.4095521198187158, 0.23382964022309932, 0.316010862097223],
        "dipole": [0.8925699141091507, 0.11498587394385407, 0.014888116366130659],
    }
    check(ds, recorded)
    assert ds.langevin.verdict().state == "relaxed"
    langevin = 1 / np.tanh(1.0) - 1.0
    assert abs(ds.u[-1] - langevin) < 4 * ds.u_stderr[-1]


def free_energies(system: lk.System, scale: tuple[float, float], mean: Floats, covariance: Floats, ds: Any) -> Floats:
    """F of the Gaussian that the scheme's recursion x′ = Mx + √(2TΔt) z has at each saved time, exactly.

    The two scales multiply T and A in the recursion alone: the functional F stays that of the system.
    """
    A, T, dt = np.asarray(system.parameters["A"]), system.temperature, json.loads(ds.attrs["run"])["time_step"]
    d = len(A)
    M = np.eye(d) - dt * scale[1] * A
    found = []
    for row, step in enumerate(ds.step.values):
        for _ in range(int(step - ds.step.values[max(row - 1, 0)])):
            mean, covariance = M @ mean, M @ covariance @ M + 2 * scale[0] * T * dt * np.eye(d)
        energy = (np.trace(A @ covariance) + mean @ A @ mean) / 2
        found.append(energy - T * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 2)
    return np.array(found)


def test_ornstein_uhlenbeck() -> None:
    ds = small("ornstein_uhlenbeck", n_particles=10_000, time_step=0.02, n_steps=2500, save_every=250)
    recorded = {
        "mean": [1.9969914881050588, 0.08916736576582407, 0.015499646147054591],
        "energy": [4.999773712161128, 5.122707612335313, 5.096183325350752],
        "kl_divergence": [10.299385701107493, 0.02830819099481019, 0.0016514896478483365],
        "free_energy": [2.3089480054599507, -7.962129504652732, -7.988786205999694],
        "entropy": [2.69082570670117, 13.08483711698804, 13.084969531350442],
        "squared_length": [40.95031555285827, 20.487609794665254, 19.982393712408925],
    }
    check(ds, recorded)
    system = ds.langevin.system
    start = np.full(10, 2.0), 0.1 * np.eye(10)
    # Within 5 standard errors at all 11 times, in both forms: a false alarm has the probability 1e-5.
    exact = free_energies(system, (1.0, 1.0), *start, ds)
    for form in ("free_energy", "free_energy_from_entropy"):
        assert (np.abs(ds[form] - exact) < 5 * ds[f"{form}_stderr"]).all()
    # Must be rejected: a tenth more temperature, or stiffness, in the dynamics alone. F is least at the law, so that it
    # answers to small errors by their square.
    for scale in ((1.1, 1.0), (1.0, 1.1)):
        other = free_energies(system, scale, *start, ds)
        assert (np.abs(ds.free_energy - other) / ds.free_energy_stderr).max() > 10


def test_free_diffusion() -> None:
    ds = small("free_diffusion", n_particles=4000, n_steps=1000, save_every=100)
    recorded = {
        "mean": [0.0, 0.06194447368539113, -0.013072394572911438],
        "energy": [0.0, 0.0, 0.0],
        "covariance": [0.0, 3.301375909201053, 3.2454784936308156],
        "msd": [0.0, 25.796735995135514, 49.71672988592816],
        "einstein": [0.0, 25.0, 50.0],
    }
    check(ds, recorded)
    # Einstein's law at all times but the start, within 5 standard errors: a false alarm of 6e-6.
    later = ds.isel(time=slice(1, None))
    np.testing.assert_allclose(ds.einstein, 2 * 0.5 * 2.5 * ds.time, rtol=1e-12)
    assert (abs(later.msd - later.einstein) < 5 * later.msd_stderr).all()
    # Without the turns round the ring it must be far too small.
    wrapped = float(ds["mean"][-1] @ ds["mean"][-1] + np.trace(ds.covariance[-1]))
    assert ds.einstein[-1] - wrapped > 20 * ds.msd_stderr[-1]
    assert ds.attrs["boltzmann"].startswith("none: free diffusion: no force, and no bounds of y")
    assert not {"kl_divergence", "histogram"} & set(ds.data_vars)


def test_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Recorded numbers; the mean of min(τ, t) is that of the grid; and what the command line says and draws of it."""
    monkeypatch.chdir(tmp_path)
    scenario = str(SCENARIOS / "escape.toml")
    assert main(["run", scenario, "--particles", "4000", "-o", "escape.zarr", "--quiet"]) == 0
    assert main(["verify", "escape.zarr", "-o", "verified.png"]) == 0
    assert main(["verify", "escape.zarr", "--json"]) == 0
    said = capsys.readouterr().out
    assert "  survival  0." in said
    assert "  survival      " in said  # of the table
    assert said.count("consistent with the Fokker–Planck equation — ") == 2
    assert (tmp_path / "verified.png").stat().st_size > 10_000
    ds = lk.open("escape.zarr").isel(time=slice(0, None, 5))
    recorded = {
        "survival": [1.0, 0.543, 0.27975],
        "energy": [0.040236430282006796, 0.23192588713760795, 0.19832899470634924],
        "n_absorbed": [0, 1828, 2881],
    }
    check(ds, recorded)
    grid = lk.Grid(x=lk.cells(-2.5, 0.5, 300))
    tau = lk.fokker_planck.first_passage_time(ds.langevin.system, grid)
    times = np.linspace(0, 20, 201)
    density = lk.fokker_planck.evolve(ds.langevin.system, grid, initial=lk.initial.gaussian([-1.0], 0.01), times=times)
    survival = density.sum("x").values * grid.volume
    whole = lk.open("escape.zarr").langevin.first_passage().isel(time=-1)
    expected = np.trapezoid(survival, times)
    assert abs(float(whole.first_passage_time) - expected) < 4 * float(whole.first_passage_time_stderr)
    # At the end the density falls at one rate: what is left lives about 1/rate longer.
    rest = float((tau * density[-1]).sum() / density[-1].sum())
    rate = float(lk.fokker_planck.boundary_flux(ds.langevin.system, density)[-1, 0]) / survival[-1]
    assert rest * rate == pytest.approx(1.0, rel=2e-3)


def test_recall() -> None:
    ds = small("recall", save_every=10)
    recorded = {
        "energy": [-6.6300150930566994, -30.243565666395213, -30.413998921779136],
        "norm": [64.0, 63.54113466769786, 66.98980468512023],
    }
    check(ds, recorded)
    found = ds.langevin.overlap()
    check(found, {"overlap": [0.60359375, 0.968970828128815, 0.9985765822553008]})
    # Near a pattern alone E is ½|x − ξ|² but for a constant: x is N(ξ, T/(1 − Δt/2)) and the overlap 1 − 0.4 e^(−t).
    decay = 0.95**ds.step.values
    assert (abs(found.overlap - (1 - 0.4 * decay)) < 4.4 * found.overlap_stderr)[1:].all()
    assert abs(ds.norm[-1] - 64 * (1 + 0.05 / 0.975)) < 4.4 * ds.norm_stderr[-1]
    # Hebb's rule does not hold twenty patterns: the same start is lost.
    xi, start = ds.langevin.system.parameters["patterns"], load(SCENARIOS / "recall.toml").arguments["initial"]
    spins = lk.SpinSystem(couplings=lk.networks.hebb(xi), temperature=0.0, parameters={"patterns": xi})
    lost = lk.simulate(
        spins, initial=start, n_particles=200, time_step=1.0, n_steps=20, save_every=20, rng=0, save_positions=True
    )
    assert lost.langevin.overlap().overlap[-1] < 0.8


def test_recall_and_learn() -> None:
    scenario = load(SCENARIOS / "recall_and_learn.toml")
    assert scenario.learning is not None
    learned = lk.learn.recall_and_learn(scenario.system, **scenario.learning)
    ds = lk.simulate(learned.system, **{**scenario.arguments, "save_every": 200})
    recorded = {
        "energy": [-12.704975574135833, -105.28670353408427, -107.97609823120308],
        "overlap": [0.5432343749999997, 0.9020625277536334, 0.9108505878890686],
    }
    found = ds.langevin.overlap()
    for name, values in recorded.items():
        run = ds if name == "energy" else found
        np.testing.assert_allclose(run[name].values[[0, 5, 10]], values, rtol=1e-6, err_msg=name)
    # Six patterns, six singular values; without learning the network forgets where it began.
    grown = np.asarray(learned.history.singular_value_U[-1]) - np.asarray(learned.history.singular_value_U[0])
    assert (grown[:6] > 1.0).all()
    assert (np.abs(grown[6:]) < 0.15).all()
    control = lk.simulate(scenario.system, **{**scenario.arguments, "save_every": 2000})
    assert control.langevin.overlap().overlap[-1] < 0.1


def test_weak_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = runpy.run_path(str(SCENARIOS / "weak_order.py"))
    figure = tmp_path / "weak_order.png"
    found = study["main"](20_000, str(figure))
    recorded = {
        "order": 1.024126363416613,
        "order_stderr": 0.03903253476582889,
        "exact_order": 0.999564580512075,
        "largest_score": 1.6769829027173315,
        "finest_mean": 0.4610619712593367,
    }
    assert found == pytest.approx(recorded, rel=1e-7)
    assert found["exact_order"] == pytest.approx(1.0, abs=0.01)
    assert abs(found["order"] - found["exact_order"]) < 4 * found["order_stderr"] < 0.2
    assert found["largest_score"] < 4.5  # of four: a false alarm of 3e-5
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert len(capsys.readouterr().out.splitlines()) == 6
    # The finest ensemble is what the library makes of the seed.
    steps, span = study["STEPS"][-1], study["TIME"]
    ds = lk.simulate(
        study["SYSTEM"],
        initial=lk.initial.point([0.0]),
        n_particles=20_000,
        time_step=span / steps,
        n_steps=steps,
        save_every=steps,
        rng=study["SEED"],
        observables={"cosine": "cos(x)"},
    )
    assert float(ds.cosine[-1]) == pytest.approx(found["finest_mean"], rel=1e-12)


def test_the_weak_order_study_sees_a_scheme_of_order_one_half(tmp_path: Path) -> None:
    study = runpy.run_path(str(SCENARIOS / "weak_order.py"))
    right = study["step"]
    study["main"].__globals__["step"] = lambda x, dt, dw: right(x, dt, dw) - dt**1.5
    found = study["main"](20_000, str(tmp_path / "half.png"))
    assert found["exact_order"] < 0.7
    assert abs(found["order"] - 1) > 8 * found["order_stderr"]
    assert found["largest_score"] < 4.5


@pytest.mark.claim("F03")
def test_mobility_trap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = runpy.run_path(str(SCENARIOS / "mobility_trap.py"))
    figure = tmp_path / "mobility_trap.png"
    kl = study["main"](20_000, str(figure))
    recorded = {
        "right to q": -0.0006584692553919368,
        "right to q/K": 0.16682036259286667,
        "naive to q": 0.1690313895276154,
        "naive to q/K": -0.0002863728515962419,
        "floor": 0.001399694241905118,
    }
    assert kl == pytest.approx(recorded, rel=1e-9)
    assert kl["right to q"] < kl["floor"] < 0.1 < kl["naive to q"]
    assert kl["naive to q/K"] < kl["floor"] < 0.1 < kl["right to q/K"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert [line.rsplit("   ")[-1] for line in printed.splitlines()[:4]] == [
        "q is its law",
        "q/K is not its law",
        "q is not its law",
        "q/K is its law",
    ]


def test_the_naive_equation_of_the_trap_is_the_one_without_the_divergence() -> None:
    """dx = −K E′ dt + √(2TK) dW in NumPy, with the same normals, follows the study's naive ensemble path by path."""
    study = runpy.run_path(str(SCENARIOS / "mobility_trap.py"))
    right = lk.System(energy=study["ENERGY"], mobility=study["MOBILITY"], temperature=1.0)
    naive = lk.System(
        energy=f"{study['ENERGY']} + log({study['MOBILITY']})", mobility=study["MOBILITY"], temperature=1.0
    )
    key = tuple(int(word) for word in philox_key(seed_sequence(0)))
    x = normals(np.arange(100), 0, key, stream=int(STREAM_INITIAL))[:1]
    paths = euler_maruyama(naive, x, 2e-3, 50, key)
    for k in range(50):
        z = normals(np.arange(100), k // 2, key)[k % 2]
        x = x - 2e-3 * right.mobility_at(x)[0] * right.gradient(x) + np.sqrt(2 * 2e-3 * right.mobility_at(x)[0]) * z
    np.testing.assert_allclose(paths, x, rtol=0, atol=1e-13)


def test_mobility_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = runpy.run_path(str(SCENARIOS / "mobility_in_time.py"))
    figure = tmp_path / "mobility_in_time.png"
    found = study["main"](20_000, 1_000, str(figure))
    recorded = {
        "grid's smallest fall": 0.0013304949433146076,
        "largest score": 2.4602635750052335,
        "largest rise": 0.16893206545170936,
        "floor": 0.0013504529338735154,
        "at rest: p": 0.3476309682660075,
        "relaxing: p": 1.0,
        "naive: p": 0.0,
        "at rest: KL": 0.0004270247872708837,
        "relaxing: KL": 0.009144672501756709,
        "naive: KL": 0.06500748026579316,
    }
    assert found.pop("q moves") < 1e-13
    assert found == pytest.approx(recorded, rel=1e-6)
    assert found["grid's smallest fall"] > 0
    assert found["at rest: p"] > study["ALARM"] > 1e-100 > found["naive: p"]
    assert found["largest score"] < 4.5  # of 39: a false alarm of 3e-4
    assert found["largest rise"] < 4.1  # of 39 times: 1e-3
    assert found["at rest: KL"] < found["floor"] < 0.05 < found["naive: KL"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith("verdict: q stays, KL falls; naive: q does not stay\n")


def test_non_reversible_acceleration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = runpy.run_path(str(SCENARIOS / "non_reversible_acceleration.py"))
    cases = {kind: study["CASES"][kind] for kind in ("ε = 0.2", "ε = 1, A(x)")}
    study["main"].__globals__["CASES"] = cases
    figure = tmp_path / "non_reversible_acceleration.png"
    found = study["main"](10_000, 600, 128, str(figure))
    recorded = {
        "ε = 0.2, a = 0": 0.40587998515798096,
        "ε = 0.2, a = 1": 0.00554495990898694,
        "ε = 0.2, a = 2": 0.0034702858175598844,
        "ε = 1, A(x), a = 0": 0.011827072082255637,
        "ε = 1, A(x), a = 1": 0.0027000070503581976,
        "ε = 1, A(x), a = 2": 0.00265250380656391,
        "largest score": 2.378894692039286,
        "least ratio of gaps": 2.5449716285980775,
        "change of dF/dt": 0.0008009237185022666,
        "from q, second index: p": 0.013782467453402798,
        "from q, first index: p": 0.0,
    }
    assert found == pytest.approx(recorded, rel=1e-5)
    assert found["largest score"] < study["SEEN"]
    assert found["least ratio of gaps"] > 2
    assert found["change of dF/dt"] < 1e-3
    assert found["from q, second index: p"] > study["ALARM"] > 1e-100 > found["from q, first index: p"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert printed.count("grid: consistent") == 3
    assert printed.endswith("the gap never falls; q stays, and with the first index does not stay\n")


def test_random_walk_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = runpy.run_path(str(SCENARIOS / "random_walk_limit.py"))
    figure = tmp_path / "random_walk_limit.png"
    found = study["main"](1_000_000, str(figure))
    recorded = {
        "largest score": 1.7262506334999839,
        "signs": -164.81346548057874,
        "normal numbers": 0.7031534441870954,
        "distribution: rate": 0.49994249659203494,
        "distribution: rate_stderr": 0.005071338020889999,
        "distribution: limit": 0.39847409669481504,
        "distribution: limit_stderr": 0.0014941284839091642,
        "mean of cos: rate": 0.9188005676451931,
        "mean of cos: rate_stderr": 0.059427278361011804,
        "mean of cos: limit": -0.04917576035180169,
        "mean of cos: limit_stderr": 0.0012626106902048804,
    }
    assert found == pytest.approx(recorded, rel=1e-6)
    assert max(found["largest score"], abs(found["normal numbers"])) < study["SEEN"]
    assert found["signs"] < -100
    for name, rate, limit in zip(("distribution", "mean of cos"), (0.5, 1.0), study["LIMITS"], strict=True):
        assert abs(found[f"{name}: rate"] - rate) < 4 * found[f"{name}: rate_stderr"] < 0.25
        assert abs(found[f"{name}: limit"] - limit) < 4 * found[f"{name}: limit_stderr"] < 0.11 * abs(limit)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "verdict: walks are those of the binomial law" in capsys.readouterr().out


def test_small_noise_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = runpy.run_path(str(SCENARIOS / "small_noise_limit.py"))
    figure = tmp_path / "small_noise_limit.png"
    found = study["main"](20_000, 200, str(figure))
    recorded = {
        "shift": 1.0051185198333645,
        "shift_stderr": 0.009555297961867382,
        "shift_slope": 1.0000636203679152,
        "shift_slope_stderr": 0.00016582025689666413,
        "excess_slope": 1.116424548573737,
        "excess_slope_stderr": 0.04695145420239198,
        "mean_score": 1.1384387161668248,
        "covariance_score": 2.058317198113428,
        "hottest_covariance_score": 20.982492684844026,
        "score_without_divergence": 438.03683074852086,
        "step_error": 0.04021699090791581,
    }
    assert found == pytest.approx(recorded, rel=1e-5)
    assert max(found["mean_score"], found["covariance_score"]) < study["SEEN"]
    # Must be seen: a mean without the divergence, and the 7 % by which Cov/T exceeds Σ at T = 1e-2.
    assert found["score_without_divergence"] > 100
    assert found["hottest_covariance_score"] > 10
    assert abs(found["shift_slope"] - 1) < 4 * found["shift_slope_stderr"] < 1e-3
    assert abs(found["excess_slope"] - 1) < 4 * found["excess_slope_stderr"] < 0.2
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith("consistent with the limits at T = 1e-05 (4.5 is chance)\n")


@pytest.mark.claim("F03")
@pytest.mark.parametrize("name", ["double_well", "free_diffusion"])
def test_command_line_prints_the_recorded_summary(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scenario file becomes a store, a figure and this summary; only the line with the wall time is left out."""
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(SCENARIOS / f"{name}.toml"), "--particles", "2000", "--quiet"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("  time")]
    assert lines == (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.png", f"{name}.zarr"]
    assert lk.open(tmp_path / f"{name}.zarr").attrs["scenario"] == (SCENARIOS / f"{name}.toml").read_text("utf-8")


def test_schemes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Orders and time steps are recorded; CPU times are not."""
    study = runpy.run_path(str(SCENARIOS / "schemes.py"))
    assert not {"mala", "adaptive", "ornstein_uhlenbeck"} & {*study["BIASED"]}  # have no bias, or no Δt
    figure = tmp_path / "schemes.png"
    found = study["main"](["euler_maruyama", "pvd2", "leimkuhler_matthews"], 2, str(figure))
    recorded = {
        "K = 1 + 0.6 sin x, euler_maruyama: order": 1.0381265789,
        "K = 1 + 0.6 sin x, euler_maruyama: time step": 0.0022312707641,
        "K = 1 + 0.6 sin x, pvd2: order": 1.9419491054395,
        "K = 1 + 0.6 sin x, pvd2: time step": 0.0915977715547,
        "K = 1, euler_maruyama: order": 1.0105203102,
        "K = 1, euler_maruyama: time step": 0.0031046445302,
        "K = 1, leimkuhler_matthews: order": 1.9793113324,
        "K = 1, leimkuhler_matthews: time step": 0.17542865309,
        "K = 1, pvd2: order": 1.9793113328,
        "K = 1, pvd2: time step": 0.17542865309,
    }
    assert found == pytest.approx(recorded, rel=1e-6)
    assert figure.read_bytes().startswith(b"\x89PNG")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    for line in (lines[4], lines[10]):
        assert " takes 1/" in line
        assert line.endswith(("as expected", "too noisy to tell"))
