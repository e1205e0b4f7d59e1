"""Networks from the command line: a run, its store and its figure; learning; replay and resuming."""

from __future__ import annotations

import io
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.cli import main
from langevin_kit.cli._run import Stopwatch
from langevin_kit.scenario import loads

NETWORK = """\
title = "Sixteen units learn two patterns"
[network]
model = "bipartite"
temperature = 0.1
patterns = { random = 2, length = 16, seed = 1 }
U = { random = 4, scale = 0.1, seed = 1 }
[learn]
n_updates = 40
learning_rate = 0.02
time_step = 0.02
largest_singular_value = 2.0
save_every = 10
[initial]
kind = "patterns"
flipped = 0.1
scale = 0.9
[run]
n_particles = 30
time_step = 0.01
n_steps = 40
save_every = 10
seed = 5
"""


def langevin(*words: str) -> tuple[int, str]:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([*words])
    return code, out.getvalue() + err.getvalue()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("network")
    (folder / "net.toml").write_text(NETWORK)
    with chdir(folder):
        code, out = langevin("run", "net.toml", "--quiet")
    assert code == 0, out
    return folder, out


def test_a_network_learns_and_runs(ran: tuple[Path, str]) -> None:
    """The run is that of what `recall_and_learn` gives, bit for bit; its store has the learning and the overlap."""
    folder, out = ran
    scenario = loads(NETWORK)
    assert scenario.learning is not None
    learned = lk.learn.recall_and_learn(scenario.system, **scenario.learning)
    ds = lk.simulate(learned.system, **scenario.arguments)
    stored = lk.open(folder / "net.zarr")
    np.testing.assert_array_equal(stored.position, ds.position)
    np.testing.assert_array_equal(stored.langevin.system.parameters["U"], learned.system.parameters["U"])
    assert np.abs(stored.langevin.system.parameters["U"] - scenario.system.parameters["U"]).max() > 0.01
    history = stored.langevin.learning()
    assert history.equals(learned.history)
    assert history["update"].values.tolist() == [0, 10, 20, 30]
    overlap = stored.langevin.overlap().isel(time=-1)
    assert f"m = {float(overlap.overlap):.3f}" in out
    assert "learning  largest σ(U) from" in out
    assert (folder / "net.png").read_bytes().startswith(b"\x89PNG")


def test_the_overlap_is_that_of_the_positions_with_the_own_pattern(ran: tuple[Path, str]) -> None:
    ds = lk.open(ran[0] / "net.zarr")
    xi, x = loads(NETWORK).system.parameters["patterns"], ds.position.values
    found = ds.langevin.overlap()
    each = np.array([[xi[p % 2] @ x[t, :16, p] / 16 for p in range(30)] for t in range(5)])
    np.testing.assert_allclose(found.overlap_of_particle, each, rtol=1e-13)
    np.testing.assert_allclose(found.overlap, each.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(found.overlap_stderr, each.std(axis=1, ddof=1) / np.sqrt(30), rtol=1e-12)
    assert found.pattern_of_particle.values.tolist() == [0, 1] * 15
    # At the start it is the scale times one less twice the share turned: within 4.4 s.e.
    error = 0.9 * 2 * np.sqrt(0.1 * 0.9 / (30 * 16))
    assert abs(float(found.overlap[0]) - 0.9 * 0.8) < 4.4 * error
    # With the other pattern it is not.
    assert abs((xi[1] @ x[0, :16, ::2] / 16).mean() - 0.9 * 0.8) > 4.4 * error


def test_replay_resume_and_audit_know_the_start(ran: tuple[Path, str]) -> None:
    folder, _ = ran
    ds = lk.open(folder / "net.zarr")
    path = lk.replay(ds, particle=7)
    np.testing.assert_array_equal(path.position.values[::10, :, 0], ds.position.values[:, :, 7])
    np.testing.assert_allclose(
        path.langevin.overlap().overlap[::10], ds.langevin.overlap().overlap_of_particle[:, 7], rtol=1e-13
    )
    with pytest.raises(lk.errors.InvalidArgument, match="got 5 of the 30 that the run has kept"):
        ds.isel(particle=slice(5)).langevin.overlap()
    with chdir(folder):
        assert langevin("audit", "net.zarr")[0] == 0
        code, out = langevin("run", "net.toml", "--resume", "--quiet")
    assert code == 0, out
    np.testing.assert_array_equal(lk.open(folder / "net.zarr").position, ds.position)


def test_an_interrupted_network_goes_on_to_the_same_bits(
    ran: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.toml").write_text(NETWORK)
    heard = iter(range(43))  # two starts and 40 updates: within the run

    def advance(meter: Stopwatch, steps: float) -> None:
        if next(heard, None) is None:
            raise KeyboardInterrupt

    with chdir(tmp_path):
        with monkeypatch.context() as patched:
            patched.setattr(Stopwatch, "advance", advance)
            code, out = langevin("run", "net.toml", "--quiet")
        assert code == 130, out
        code, out = langevin("resume", "net.zarr", "--quiet")
        assert code == 0, out
        assert "learning  largest" in out
        whole, cut = lk.open(ran[0] / "net.zarr"), lk.open(tmp_path / "net.zarr")
    np.testing.assert_array_equal(cut.position, whole.position)
    assert cut.attrs["learning"] == whole.attrs["learning"]


def test_the_bar_is_shown_for_learning_and_for_the_run(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    (tmp_path / "net.toml").write_text(NETWORK)
    with chdir(tmp_path), redirect_stdout(io.StringIO()), redirect_stderr(Terminal()) as err:
        assert main(["run", "net.toml"]) == 0
    assert "learning" in err.getvalue()
    assert err.getvalue().count(" 100 %") >= 2


def test_seed_and_number_of_particles_are_those_of_the_command(ran: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text(NETWORK.replace("n_particles = 30", "n_particles = 300"))
    with chdir(tmp_path):
        code, out = langevin("run", "net.toml", "--particles", "10", "--seed", "6", "--quiet")
        assert code == 0, out
        ds = lk.open("net.zarr")
    assert ds.sizes["particle"] == 10
    one, other = (run.langevin.system.parameters["U"] for run in (ds, lk.open(ran[0] / "net.zarr")))
    assert not np.array_equal(one, other)


def test_plot_and_info_tell_of_a_network(ran: tuple[Path, str], tmp_path: Path) -> None:
    store = str(ran[0] / "net.zarr")
    code, out = langevin("plot", store, "-o", str(tmp_path / "again.svg"))
    assert code == 0, out
    assert "<svg" in (tmp_path / "again.svg").read_text()
    code, out = langevin("info", store)
    assert code == 0
    assert "overlap   m = " in out


def test_what_runs_away_while_it_learns_leaves_nothing(tmp_path: Path) -> None:
    text = NETWORK.replace("largest_singular_value = 2.0", 'rule = "hebb"').replace("0.02\ntime", "9.0\ntime")
    (tmp_path / "net.toml").write_text(text)
    with chdir(tmp_path), pytest.warns(lk.errors.LearningWarning):
        code, out = langevin("run", "net.toml", "--quiet")
    assert code == 1
    assert "runs away" in out
    assert "Nothing was written." in out
    assert [path.name for path in tmp_path.iterdir()] == ["net.toml"]


def test_a_run_without_patterns_or_learning_says_so() -> None:
    well = lk.System(energy="x**2/2", temperature=1.0)
    ds = lk.simulate(well, initial=lk.initial.point([0.0]), n_particles=10, time_step=0.1, n_steps=1)
    with pytest.raises(lk.errors.InvalidStore, match="overlap: a network whose system has a parameter `patterns`"):
        ds.langevin.overlap()
    with pytest.raises(lk.errors.InvalidStore, match=r"no table \[learn\]"):
        ds.langevin.learning()
