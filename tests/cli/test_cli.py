from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import langevin_kit
from langevin_kit.cli import main
from langevin_kit.cli._run import Stopwatch
from langevin_kit.cli.outputs import refuse_folder
from langevin_kit.errors import InvalidArgument
from langevin_kit.store import open_store

WELL = """\
title = "Relaxation in one well"
[system]
energy = "x**2/2"
temperature = 1.0
units = { x = "nm", energy = "kT", time = "us" }
[initial]
kind = "point"
position = [1.0]
[run]
n_particles = 2000
time_step = 0.01
n_steps = 200
save_every = 20
seed = 0
"""

# Between two of the times that `check` looks at, the well is so stiff that the explicit step explodes.
SPIKE = WELL.replace('"x**2/2"', '"x**4/4*(1 + 1e6*exp(-((t - 0.37)/0.002)**2))"').replace("every = 20", "every = 50")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def langevin(*words: str | Path, err: type[io.StringIO] = io.StringIO) -> Done:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(err()) as errors:
        code = main([str(word) for word in words])
    return Done(code, out.getvalue(), errors.getvalue())


def listing(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "well.toml").write_text(WELL)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A folder with a scenario that has been run with no other word than its name."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "well.toml").write_text(WELL)
    with chdir(folder):
        return folder, langevin("run", "well.toml")


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Arrange for Ctrl-C when a meter has heard of the run so many times; its start is the first."""

    def arrange(after: int) -> None:
        calls = iter(range(after))

        def heard(meter: Stopwatch, *said: object) -> None:
            if next(calls, None) is None:
                raise KeyboardInterrupt

        for name in ("start", "advance"):
            monkeypatch.setattr(Stopwatch, name, heard)

    return arrange


def test_a_run_writes_a_store_and_a_figure(finished: tuple[Path, Done]) -> None:
    folder, done = finished
    assert (done.code, done.err) == (0, "")
    assert {path.name for path in folder.iterdir()} == {"well.toml", "well.zarr", "well.png"}
    assert (folder / "well.png").read_bytes().startswith(b"\x89PNG")
    ds = open_store(folder / "well.zarr")
    assert ds.attrs["scenario"] == WELL
    assert ds.sizes["time"] == 11


def test_the_summary_says_what_ran_and_what_was_found(finished: tuple[Path, Done]) -> None:
    folder, done = finished
    ds = open_store(folder / "well.zarr")
    verdict = ds.langevin.verdict()
    lines = done.out.splitlines()
    assert lines[0] == "Relaxation in one well"
    assert lines[1] == "  system    E = x**2/2, K = 1.0, T = 1 kT"
    assert lines[2] == (
        "  run       2,000 particles, 200 steps of 0.01 us (t = 2 us), euler_maruyama, float64, cpu, seed 0"
    )
    assert lines[3].startswith("  time      ")
    assert lines[3].endswith(" particle-steps per second once compiled")
    assert lines[4].startswith(f"  F         {float(ds.free_energy[-1]):.3f}")
    assert lines[4].endswith("kT (in equilibrium F_eq = −T ln Z = -0.918939 kT)")
    assert lines[5].startswith(f"  KL        {float(ds.kl_divergence[-1]):.3g} ± ")
    assert lines[6] == "  files     well.zarr, well.png"
    assert lines[7].startswith("verdict: consistent with the Fokker–Planck equation — the smallest p of 21 tests")
    assert lines[8] == f"         {verdict.state} — {verdict.reason}"
    assert re.fullmatch(r" {9}F does not rise — its largest rise is .* standard errors; .* are chance\.", lines[9])
    assert len(lines) == 10


@pytest.mark.parametrize(
    ("words", "present", "named"),
    [
        (("run", "well.toml"), "well.zarr", "well.zarr exists"),
        (("run", "well.toml"), "well.png", "well.png exists"),
        (("run", "well.toml", "-o", "other.zarr"), "other.png", "other.png exists"),
        (("run", "well.toml", "--overwrite"), "well.zarr", "no store of langevin_kit"),
    ],
)
def test_an_output_that_exists_is_refused(here: Path, words: tuple[str, ...], present: str, named: str) -> None:
    (here / present).write_text("mine")
    before = listing(here)
    done = langevin(*words)
    assert (done.code, done.out) == (2, "")
    assert named in done.err
    if "--overwrite" not in words:
        assert "-o" in done.err
        assert "--overwrite" in done.err
    assert listing(here) == before


def test_overwrite_replaces_store_and_figure(here: Path) -> None:
    for seed in ("1", "2"):
        done = langevin("run", "well.toml", "--overwrite", "--seed", seed, "--particles", "300", "--threads", "1")
        assert (done.code, done.err) == (0, "")
    run = json.loads(open_store(here / "well.zarr").attrs["run"])
    assert (run["seed"], run["n_particles"]) == ("2", 300)


@pytest.mark.parametrize(("words", "shown"), [((), True), (("--quiet",), False)])
def test_the_bar_is_for_terminals(here: Path, words: tuple[str, ...], shown: bool) -> None:
    done = langevin("run", "well.toml", *words, err=Terminal)
    assert done.code == 0
    assert ("evolving" in done.err) is shown


def test_a_vector_runs_and_is_told(here: Path) -> None:
    well = WELL.replace('"x**2/2"', '"v @ A @ v / 2"').replace("[1.0]", "1.0").replace("{ x =", "{ v =")
    tables = "coordinates = { v = 3 }\nparameters = { A = [[2, -1, 0], [-1, 2, -1], [0, -1, 2]] }\n[initial]"
    (here / "chain.toml").write_text(well.replace("[initial]", tables))
    told = langevin("check", "chain.toml")
    system = "  system    E = v @ A @ v / 2, v of 3 components, K = 1.0, T = 1 kT, A of shape 3×3"
    assert (told.code, told.err) == (0, "")
    assert system in told.out.splitlines()
    assert "closed form: quadratic energy" in told.out
    done = langevin("run", "chain.toml")
    assert (done.code, done.err) == (0, "")
    assert system in done.out.splitlines()
    lines = done.out.splitlines()
    assert re.match(r"verdict: not compared with the Fokker–Planck equation — this run has \d+ coordinates", lines[-3])
    assert lines[-2].endswith("Only mean and covariance were compared.")
    assert langevin("plot", "chain.zarr", "--overwrite").code == 0
    about = langevin("info", "chain.zarr")
    assert about.code == 0
    assert any("KL(g‖q) of the Gaussian" in line for line in about.out.splitlines())


def test_without_a_boltzmann_law_the_verdict_says_why(here: Path) -> None:
    (here / "cold.toml").write_text(WELL.replace("temperature = 1.0", "temperature = 0"))
    done = langevin("run", "cold.toml")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[-2].startswith(
        "verdict: not compared with the Fokker–Planck equation — this run has no histogram; give"
    )
    assert lines[-1].startswith("         cannot tell — temperature 0 has no Boltzmann law")
    assert "  F  " not in done.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("run", "none.toml"), "none.toml: 1 fault\n  there is no such file"),
        (("run", "bad.toml"), "bad.toml: 2 faults\n  system.temperature: got -1.0; it must be at least 0\n  run.sed:"),
        (("check", "bad.toml"), "bad.toml: 2 faults"),
        (("run", "steep.toml"), "time_step: got 3, beyond the stability limit"),
        (("check", "steep.toml"), "time_step: got 3, beyond the stability limit"),
        (("run", "well.toml", "--threads", "0"), "threads: got 0"),
        (("run", "well.toml", "--backend", "tpu"), "backend: got 'tpu'; this version has cpu, cuda, cuda_reproducible"),
        (("run", "well.toml", "--backend", "cuda", "--threads", "2"), "threads: got 2 for the backend 'cuda'"),
        (("run", "well.toml", "--particles", "0"), "n_particles: got 0"),
        (("run", "well.toml", "--seed", "-1"), "--seed. Must be >= 0"),
        (("run", "well.toml", "--particles", "many"), 'unable to convert "many" into int'),
        (("run", "well.toml", "-o", "well.png"), "well.png, which is the figure's name"),
        (("run", "well.toml", "-o", "well.toml/run.zarr"), "well.toml is no folder"),
        (("run", "well.toml", "--partcles", "5"), "Did you mean --particles?"),
        (("rum", "well.toml"), 'Did you mean "run"?'),
        (("run",), "requires an argument"),
        (("plot", "none.zarr"), "none.zarr does not exist"),
        (("info", "none.zarr"), "none.zarr does not exist"),
        (("info", "folder"), "folder"),
        (("info", "well.toml"), "well.toml"),
    ],
)
def test_a_refusal_exits_with_2_and_writes_nothing(here: Path, words: tuple[str, ...], named: str) -> None:
    (here / "folder").mkdir()
    (here / "steep.toml").write_text(WELL.replace("0.01", "3"))
    (here / "bad.toml").write_text(WELL.replace("temperature = 1.0", "temperature = -1").replace("seed = 0", "sed = 0"))
    before = listing(here)
    done = langevin(*words)
    assert (done.code, done.out) == (2, "")
    assert " ".join(named.split()) in " ".join(done.err.replace("│", " ").split())
    assert listing(here) == before


def test_a_run_that_fails_says_what_it_has_kept(here: Path) -> None:
    (here / "spike.toml").write_text(SPIKE)
    done = langevin("run", "spike.toml")
    assert (done.code, done.out) == (1, "")
    assert re.search(
        r"particle \d+ is not finite after step \d+ .* See its path: lk\.replay\(.spike\.zarr., particle=", done.err
    )
    assert "spike.zarr keeps what was saved up to t = 0.5 (2 of its times)." in done.err
    assert not (here / "spike.png").exists()


@pytest.mark.parametrize(
    ("after", "kept"),
    [(0, "well.zarr keeps no saved time. Go on with"), (5, "well.zarr keeps what was saved up to t = ")],
)
def test_an_interrupted_run_says_what_it_has_kept(
    here: Path, interrupt: Callable[[int], None], after: int, kept: str
) -> None:
    interrupt(after)
    done = langevin("run", "well.toml", "--threads", "1")
    assert (done.code, done.out) == (130, "")
    assert done.err.startswith(f"langevin: interrupted. {kept}")
    told = langevin("info", "well.zarr")
    if after:
        assert "cut short" in told.out
    else:
        assert (told.code, told.out) == (2, "")


def test_an_interrupt_before_the_start_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("langevin_kit.run.simulate", simulate)
    done = langevin("run", "well.toml")
    assert (done.code, done.err) == (130, "langevin: interrupted. Nothing was written.\n")
    assert set(listing(here)) == {"well.toml"}


def test_plot_draws_a_store(finished: tuple[Path, Done], here: Path) -> None:
    store = finished[0] / "well.zarr"
    refused = langevin("plot", store)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    done = langevin("plot", store, "-o", "figures/well.svg")
    assert (done.code, done.err) == (0, "")
    assert Path(done.out.strip()) == Path("figures/well.svg")
    assert "<svg" in (here / "figures/well.svg").read_text()
    assert langevin("plot", store, "-o", "well.xyz").code == 2


def test_info_says_what_a_store_holds(finished: tuple[Path, Done]) -> None:
    done = langevin("info", finished[0] / "well.zarr")
    assert (done.code, done.err) == (0, "")
    lines, ran = done.out.splitlines(), finished[1].out.splitlines()
    assert lines[:3] == ran[:3]
    assert lines[-1] == ran[-2].replace("         ", "verdict: ")
    assert set(ran[4:6]) < set(lines)
    about = "(time 11, component 1) float64: ensemble mean of the position [nm]"
    assert any(line.startswith("    mean ") and line.endswith(about) for line in lines)
    for label in ("Boltzmann", "created", "with", "on"):
        assert sum(line.startswith(f"  {label} ") for line in lines) == 1


def test_check_reports_before_a_run(here: Path) -> None:
    before = listing(here)
    done = langevin("check", "well.toml")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:8] == [
        "Relaxation in one well",
        "  system    E = x**2/2, K = 1.0, T = 1 kT",
        done.out.splitlines()[2],
        "  mobility  1 to 1",
        "  scheme    euler_maruyama: everything, at small steps; the reference",
        "  fastest   relaxation rate 1",
        "  time step 0.01; at most 0.05 is suggested (the stiffest direction of the energy, rate 1)",
        "  work      4e+05 particle-steps",
    ]
    assert done.out.splitlines()[2].startswith("  Boltzmann ln Z = 0.918938533 ± ")
    assert listing(here) == before


def test_check_says_why_there_is_no_law(here: Path) -> None:
    (here / "slope.toml").write_text(WELL.replace('"x**2/2"', '"""(-x\n  - 2*x)"""'))
    done = langevin("check", "slope.toml")
    assert done.code == 0
    assert "  system    E = (-x - 2*x), K = 1.0, T = 1 kT\n" in done.out
    assert "  Boltzmann none: E = " in done.out
    assert "nothing limits it" in done.out


def test_a_folder_that_cannot_be_written_in_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InvalidArgument, match="-o"):
        refuse_folder(here / "new" / "newer")


def test_version_and_help() -> None:
    assert langevin("--version").out.strip() == langevin_kit.__version__
    done = langevin("--help")
    assert done.code == 0
    for command in ("run", "check", "plot", "info"):
        assert command in done.out


def test_a_reader_that_leaves_is_no_error(finished: tuple[Path, Done]) -> None:
    command = [sys.executable, "-m", "langevin_kit", "info", str(finished[0] / "well.zarr")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_verify_prints_the_report_and_draws_it(finished: tuple[Path, Done]) -> None:
    folder, ran = finished
    done = langevin("verify", folder / "well.zarr", "-o", folder / "more" / "compared.png")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[3:5] == ["  grid      1024 cells, eigenvectors", "  half step not run"]
    assert lines[6].split() == ["t", "test", "statistic", "dof", "p", "error", "p", "within"]
    assert sum("χ², coarse" in line for line in lines) == 7
    assert lines[-3:] == ran.out.splitlines()[-3:]
    assert (folder / "more" / "compared.png").read_bytes().startswith(b"\x89PNG")
    again = langevin("verify", folder / "well.zarr", "-o", folder / "more" / "compared.png")
    assert again.code == 2
    assert "compared.png exists" in again.err


def test_verify_as_json(finished: tuple[Path, Done]) -> None:
    folder, _ = finished
    done = langevin("verify", folder / "well.zarr", "--json", "--halve", "--threads", "1")
    report = json.loads(done.out)
    assert report["verdict"] == "consistent"
    assert report["halved"] is True
    assert np.shape(report["table"]["p_value"]) == (7, 3)
    assert report["table"]["dof"][0][2] is None
    assert report["coordinates"]["test"] == ["chi2", "chi2_coarse", "kolmogorov"]
    assert report["free_energy_falls"]["holds"] is True


def test_a_run_of_another_equation_is_found_out(here: Path) -> None:
    """The store says T = 1, the run was at 1.2."""
    (here / "hot.toml").write_text(WELL.replace("temperature = 1.0", "temperature = 1.2").replace("2000", "50000"))
    assert langevin("run", "hot.toml").code == 0
    where = here / "hot.zarr" / "zarr.json"
    text = where.read_text()
    assert '\\"temperature\\": 1.2' in text
    where.write_text(text.replace('\\"temperature\\": 1.2', '\\"temperature\\": 1.0'))
    done = langevin("verify", "hot.zarr", "--quiet")
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("verdict: ")]
    assert line.startswith("verdict: inconsistent with the Fokker–Planck equation — p = ")
    assert "the error of the time step and the cells leaves p = " in line
    assert "  half step run again at Δt = 0.005 us" in done.out.splitlines()


def test_a_long_step_is_not_called_wrong_before_it_was_halved(here: Path) -> None:
    (here / "long.toml").write_text(WELL.replace("2000", "400000").replace("time_step = 0.01", "time_step = 0.05"))
    done = langevin("run", "long.toml")
    assert done.code == 0
    (line,) = [line for line in done.out.splitlines() if line.startswith("verdict: ")]
    assert line.startswith("verdict: not yet consistent with the Fokker–Planck equation — p = ")
    assert line.endswith("`langevin verify` tells what the time step accounts for.")
    done = langevin("verify", "long.zarr")
    assert done.code == 0
    words = "verdict: consistent with the Fokker–Planck equation within the stated discretisation error — p = "
    assert any(line.startswith(words) for line in done.out.splitlines())
