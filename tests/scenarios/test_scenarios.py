"""Every file of scenarios/ runs small, by its name, and gives the recorded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import langevin_kit as lk
from langevin_kit.cli import main
from langevin_kit.kernels.counter_rng import STREAM_INITIAL
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.scenario import load
from langevin_kit.testing import euler_maruyama, normals

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_every_scenario_has_a_test() -> None:
    names = {path.stem for path in SCENARIOS.iterdir() if path.suffix in {".toml", ".py"}}
    assert {f"test_{name}" for name in names} <= set(globals())


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
        "mean": [-1.0039276810660958, -0.018601724315871253, -0.009946468230390564],
        "energy": [0.16561378864453188, 0.36935063838902626, 0.3713617964863667],
        "kl_divergence": [0.9665674118775311, 0.003524116709695893, 9.233890265067379e-05],
        "free_energy": [0.3111324880707007, -0.4111499833051757, -0.41372381666045965],
        "free_energy_from_entropy": [0.3101732494840959, -0.41463816300581596, -0.41405375576921516],
        "right_well": [0.0, 0.4905, 0.494],
    }
    check(ds, recorded)
    assert ds.langevin.verdict().state == "relaxed"


@pytest.mark.claim("F03")
def test_muller_brown() -> None:
    ds = small("muller_brown", n_particles=2000, time_step=1e-3, n_steps=2000, save_every=200, save_positions=20)
    recorded = {
        "mean": [-0.5580837907940149, -0.5857684664013796, -0.5561771752231289],
        "energy": [-7.118145078830518, -6.047143927084746, -5.962253907430582],
        "kl_divergence": [1.5406391061643696, 0.13607847656393732, 0.09046451820447501],
        "free_energy": [-3.8254941361444255, -5.230054765744858, -5.27566872410432],
        "free_energy_from_entropy": [np.nan, -5.100338807993102, -5.125978057856864],
        "right_valley": [0.0, 0.0305, 0.054],
    }
    check(ds, recorded)
    assert ds.langevin.verdict().state == "not relaxed"
    assert ds.sizes["particle"] == 20


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
        x = x - 2e-3 * right.mobility_at(x) * right.gradient(x) + np.sqrt(2 * 2e-3 * right.mobility_at(x)) * z
    np.testing.assert_allclose(paths, x, rtol=0, atol=1e-13)


@pytest.mark.claim("F03")
def test_command_line_prints_the_recorded_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scenario file becomes a store, a figure and this summary; only the line with the wall time is left out."""
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(SCENARIOS / "double_well.toml"), "--particles", "2000", "--quiet"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("  time")]
    assert lines == (Path(__file__).parent / "double_well.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["double_well.png", "double_well.zarr"]
    assert lk.open(tmp_path / "double_well.zarr").attrs["scenario"] == (SCENARIOS / "double_well.toml").read_text(
        "utf-8"
    )
