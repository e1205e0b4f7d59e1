"""Runs in words: what `langevin run` prints at the end and `langevin info` of a store."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from langevin_kit.estimate import Verdict
    from langevin_kit.run import Langevin

COARSE = 10.0
"""Beyond this multiple of the suggested time step a summary warns of the step's bias."""


def summary(ds: xr.Dataset, files: Sequence[Path], seconds: float, rate: float) -> str:
    """What a run has found; the last line is the verdict.

    Parameters
    ----------
    ds : Dataset
    files : sequence of Path
        What was written.
    seconds : float
        Time of the whole run.
    rate : float
        Time steps of the whole ensemble per second, compiling not counted; 0 if unknown.
    """
    particle_steps = rate * json.loads(ds.attrs["run"])["n_particles"]
    speed = f"; {particle_steps:.3g} particle-steps per second once compiled" if rate else ""
    written = ", ".join(map(str, files))
    lines = [
        *heading(ds),
        row("time", f"{seconds:.3g} s{speed}"),
        *results(ds),
        row("files", written),
        *closing_of_run(ds),
    ]
    return "\n".join(lines)


def row(label: str, text: str) -> str:
    """One aligned line."""
    return f"  {label:<10}{text}"


def heading(ds: xr.Dataset) -> list[str]:
    """Title, system and run."""
    system, run = json.loads(ds.attrs["system"]), json.loads(ds.attrs["run"])
    step, span = run["time_step"], run["time_step"] * run["n_steps"]
    unit, rows = label(ds.time), run["n_steps"] // run["save_every"] + 1
    coarse = f"the time step is {step / run.get('suggested_time_step', step):.0f} times the suggested: expect its bias"
    end = f"{ds.sizes['time']} of {rows} saved times, up to t = {float(ds.time[-1]):g}{unit}"
    return [
        ds.attrs.get("title") or "(no title)",
        row("system", equation(system)),
        row(
            "run",
            f"{run['n_particles']:,} particles, {run['n_steps']:,} steps of {step:g}{unit} (t = {span:g}{unit}), "
            f"{_scheme(run)}, {run['dtype']}, {run['backend']}, seed {run['seed']}",
        ),
        *([row("cut short", end)] if ds.sizes["time"] < rows else []),
        *([row("caution", coarse)] if step > COARSE * run.get("suggested_time_step", math.inf) else []),
    ]


def equation(system: dict[str, Any]) -> str:
    """Energy, mobility, measure, temperature and parameters of a system's plain data; of arrays only the shapes."""
    if "couplings" in system:
        fields = "" if not np.any(system["fields"]) else ", fields b"
        return (
            f"{_shape(system['couplings'])[0]} spins{fields}, {system['update']} updates, T = {system['temperature']:g}"
        )
    vector = system["coordinates"] if isinstance(system["coordinates"], dict) else {}
    parameters = [f"{name} {_value(value)}" for name, value in system["parameters"].items()]
    K = system["mobility"]
    mobilities = K if isinstance(K, dict) and K.keys() <= vector.keys() else {"": K}
    unit = system["units"].get("energy", "1")
    return ", ".join(
        [
            f"E = {' '.join(str(system['energy']).split())}",
            *(f"{name} of {length} components" for name, length in vector.items()),
            *(f"K{name and f' of {name}'} {_mobility(K, is_vector=bool(vector))}" for name, K in mobilities.items()),
            *(f"{name} returns to {text}" for name, text in system.get("retraction", {}).items()),
            *([f"μ = {' '.join(str(system['measure']).split())}"] if "measure" in system else []),
            *([f"b = {json.dumps(system['drift'])}".replace('"', "")] if system.get("drift") else []),
            f"T = {system['temperature']:g}{'' if unit == '1' else f' {unit}'}",
            *parameters,
        ]
    )


def _mobility(K: Any, *, is_vector: bool) -> str:
    if is_vector and isinstance(K, list | dict):
        return _value(K)
    return "= " + json.dumps(K).replace('"', "")


def _value(value: Any) -> str:
    """A number, or the shape of an array; of D + U Uᵀ those of both; of R Rᵀ its texts."""
    if isinstance(value, dict) and "root" in value:
        return f"= R Rᵀ, R z = {value['root']}, ∇·K = {value['divergence']}"
    if isinstance(value, dict) and "diagonal" in value:
        return f"= D + U Uᵀ, D {_value(value['diagonal'])}, U {_value(value['factor'])}"
    return f"of shape {'×'.join(map(str, _shape(value)))}" if isinstance(value, list | dict) else f"= {value:g}"


def _shape(array: Any) -> Sequence[int]:
    """Of nested lists or a packed array."""
    shape: Sequence[int] = array["shape"] if isinstance(array, dict) else np.shape(array)
    return shape


def _scheme(run: dict[str, Any]) -> str:
    noise = run.get("noise", "gaussian")
    halved = " in halved steps" if run.get("halved") else ""
    options = "".join(f", {name} = {value:g}" for name, value in run.get("scheme_options", {}).items())
    return f"{run['scheme']}{'' if noise == 'gaussian' else f' with {noise} noise'}{halved}{options}"


def results(ds: xr.Dataset) -> list[str]:
    """The user's observables, F and KL at the last saved time."""
    last = ds.isel(time=-1)
    own = [f"{name} = {_observed(last, name)}" for name in observables(ds)]
    seen = [row("observed", ", ".join(own))] if own else []
    seen += _of_network(ds)
    if "survival" in ds:
        seen.append(row("survival", with_error(float(last.survival), float(last.survival_stderr))))
    if "kl_divergence" not in ds:
        unit = label(ds.energy)
        energy = with_error(float(last.energy), float(last.energy_stderr))
        return [*seen, *([row("energy", f"⟨E⟩ = {energy}{unit}")] if last.energy_stderr > 0 else [])]
    temperature = json.loads(ds.attrs["system"])["temperature"]
    unit = label(ds.free_energy)
    name = "free_energy_from_entropy" if math.isnan(last.free_energy) else "free_energy"
    which = " from ⟨E⟩ − T H" if name != "free_energy" else ""
    value = with_error(float(last[name]), float(last[f"{name}_stderr"]))
    equilibrium = -temperature * float(last.log_partition_function)
    kl = float(last.kl_divergence)
    known = f"{kl:.3g} ± {float(last.kl_divergence_stderr):.2g}"
    far = f"not resolved by the bins; (F − F_eq)/T = {(float(last[name]) - equilibrium) / temperature:.3g}"
    return [
        *seen,
        row("F", f"{value}{unit}{which} (in equilibrium F_eq = −T ln Z = {equilibrium:.6g}{unit})"),
        row("KL", f"{far if math.isnan(kl) else known} (detection floor {float(last.kl_divergence_floor):.2g})"),
    ]


def _of_network(ds: xr.Dataset) -> list[str]:
    """What a network has learnt, and how well it recalls; nothing of other runs."""
    from langevin_kit.run import Langevin

    known = Langevin(ds)
    if not known.has_patterns:
        return []
    found = known.overlap()
    last = found.isel(time=-1)
    value = with_error(float(last.overlap), float(last.overlap_stderr))
    lines = [row("overlap", f"m = {value}, {found.overlap.attrs['long_name']}, of {ds.sizes['particle']} particles")]
    return [*_learnt(known), *lines] if "learning" in ds.attrs else lines


def _learnt(known: Langevin) -> list[str]:
    """How couplings have grown before the run."""
    history = known.learning()
    sizes = {
        str(name).removeprefix("singular_value_"): history[name].values[[0, -1], 0]
        for name in history.data_vars
        if str(name).startswith("singular_value_")
    }
    grown = ", ".join(f"largest σ({name}) from {first:.3g} to {last:.3g}" for name, (first, last) in sizes.items())
    return [row("learning", f"{grown}, at updates 0 and {int(history['update'][-1])}")]


def observables(ds: xr.Dataset) -> list[str]:
    """Names of the user's own observables."""
    return [str(name) for name, variable in ds.data_vars.items() if "observable" in variable.attrs]


def _observed(last: xr.Dataset, name: str) -> str:
    value = float(last[name])
    return with_error(value, float(last[f"{name}_stderr"])) if f"{name}_stderr" in last else f"{value:.6g}"


def closing(ds: xr.Dataset) -> str:
    """The line that says whether a run has relaxed."""
    from langevin_kit.run import Langevin

    if "functions" in json.loads(ds.attrs["system"]):
        return "verdict: cannot tell — a store holds no functions: see ds.langevin.with_system(system).verdict()."
    return f"verdict: {Langevin(ds).verdict()}"


def closing_of_run(ds: xr.Dataset) -> list[str]:
    """The verdict of a run that has just ended: against its Fokker–Planck equation, on its KL, and on its F."""
    from langevin_kit.errors import LangevinKitError
    from langevin_kit.estimate import Verdict
    from langevin_kit.run import verify

    try:
        found: Verdict | str = verify(ds, halve=False).comparison.verdict
    except LangevinKitError as error:
        found = str(error)
    if isinstance(found, Verdict) and found.state == "inconsistent":
        # The error of the time step costs three times the run to know: that is not done unasked.
        found = Verdict(
            "not yet consistent", f"{found.reason} `langevin verify` tells what the time step accounts for."
        )
    return verdicts(ds, found)


def verdicts(ds: xr.Dataset, found: Verdict | str) -> list[str]:
    """Three lines: what the comparison with the Fokker–Planck equation found, or why there is none; KL; and F."""
    from langevin_kit.run import Langevin

    if isinstance(found, str):
        lines = [f"not compared with the Fokker–Planck equation — {found}"]
    else:
        state = found.state.replace("consistent", "consistent with the Fokker–Planck equation", 1)
        lines = [f"{state} — {found.reason}"]
    known = Langevin(ds)
    lines.append(str(known.verdict()))
    if "kl_divergence" in ds:
        falls = known.free_energy_falls()
        state = "F does not rise" if falls.holds else "F rises"
        lines.append(
            f"{state} — its largest rise is {falls.largest_z:.2g} standard errors; {falls.threshold:.2g} are chance."
        )
    return [f"{'verdict:' if row == 0 else '':<9}{line}" for row, line in enumerate(lines)]


def label(array: xr.DataArray) -> str:
    """A unit to follow a number; nothing for reduced units."""
    unit = array.attrs.get("units", "1")
    return "" if unit == "1" else f" {unit}"


def with_error(value: float, stderr: float) -> str:
    """A value with as many digits as its standard error warrants.

    Examples
    --------
    >>> with_error(-0.123456, 0.00213)
    '-0.1235 ± 0.0021'
    """
    if not (math.isfinite(stderr) and stderr > 0):
        return f"{value:.6g} ± {stderr:.2g}"
    digits = min(max(0, 1 - math.floor(math.log10(stderr))), 12)
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"
