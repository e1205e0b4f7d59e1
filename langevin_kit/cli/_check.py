"""`langevin check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langevin_kit.preflight import Report
    from langevin_kit.scenario import Scenario

SAMPLE = 4096
"""Particles that stand for the initial ensemble."""


def check(scenario: Path, /) -> None:
    """Look at a scenario before its run, and write nothing.

    Parameters
    ----------
    scenario
        A scenario file (TOML).
    """
    import numpy as np

    from langevin_kit.preflight import check as preflight_check
    from langevin_kit.preflight import sample_times
    from langevin_kit.scenario import load

    read = load(scenario)
    run, law = read.arguments, read.arguments["initial"]
    rng = np.random.default_rng(run["rng"])
    draw = rng.standard_normal if law.noise == "normal" else rng.random
    end = run["time_step"] * run["n_steps"]
    report = preflight_check(
        read.system,
        time_step=run["time_step"],
        positions=law.transform(draw((law.d, min(SAMPLE, run["n_particles"])))),
        times=sample_times(end) if read.system.facts.depends_on_time else (0.0,),
    )
    print("\n".join(_lines(read, report)))


def _lines(read: Scenario, report: Report) -> list[str]:
    from langevin_kit.cli.summary import equation, row

    run, law = read.arguments, report.law
    low, high = report.mobility_range
    found = f"ln Z = {law.log_z:.9g} ± {law.log_z_error:.1g}, {law.how}" if law else report.boltzmann
    step = f"{run['time_step']:g}"
    step += (
        f"; at most {report.time_step:g} is suggested ({report.limited_by})"
        if any(report.rates.values())
        else "; nothing limits it"
    )
    return [
        read.title,
        row("system", equation(read.system.to_dict())),
        row("Boltzmann", found),
        row("mobility", f"{low:.4g} to {high:.4g}"),
        row("fastest", f"relaxation rate {report.fastest_rate:.4g}"),
        row("time step", step),
        row("work", f"{run['n_particles'] * run['n_steps']:.3g} particle-steps"),
        row("memory", f"about {_size(_memory(read, bool(law)))}"),
    ]


def _memory(read: Scenario, has_law: bool) -> float:
    """Bytes of the ensemble's state and of the histograms of all saved times."""
    import numpy as np

    from langevin_kit.backends import backend_from
    from langevin_kit.preflight.arguments import memory_of, saving_interval
    from langevin_kit.run import DEFAULT_CELLS

    run: Any = read.arguments
    d = read.system.n_dim
    dtype = run["dtype"] or backend_from(run["backend"]).dtype
    state = memory_of(run["n_particles"], read.system.n_rows, dtype)
    every = saving_interval(run["save_every"], run["n_steps"])
    default = DEFAULT_CELLS.get(d, 0) ** d if has_law else 0
    cells = default if run["histogram"] is None else np.prod(run["histogram"].shape, dtype=float)
    return float(state + 8 * cells * (run["n_steps"] // every + 1))


def _size(n: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} TB"
