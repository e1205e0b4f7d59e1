"""`langevin verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from langevin_kit.cli._devices import backend_of
from langevin_kit.cli.outputs import refuse_figure
from langevin_kit.progress import Bar, Silent

if TYPE_CHECKING:
    import xarray as xr

    from langevin_kit.run import Verification

DISAGREES = 1
"""Exit code of a run that is inconsistent with its Fokker–Planck equation."""


def verify(
    store: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    overwrite: bool = False,
    halve: Annotated[bool | None, Parameter(negative="--no-halve")] = None,
    json: bool = False,
    backend: str | None = None,
    threads: int | None = None,
    quiet: bool = False,
) -> int:
    """Compare a stored run with the Fokker–Planck equation of its system; exit code 1 if they are inconsistent.

    Parameters
    ----------
    store
        A store that `langevin run` wrote.
    output
        A figure to draw (.png, .pdf or .svg): densities, and what differs in standard errors.
    overwrite
        Replace a figure that exists.
    halve
        Run it twice more, with the whole and with half the time step along the same Brownian paths, to know the error
        of the time step; by default only where it is needed.
    json
        Print the report as JSON.
    backend
        Of these runs: cpu, cuda or cuda_reproducible; that of the run if left out.
    threads
        Worker threads of the CPU; all cores if left out.
    quiet
        Show no progress bar.
    """
    from langevin_kit.cli._stores import finished
    from langevin_kit.run import verify as verify_run

    ds = finished(store)
    if output is not None:
        refuse_figure(output, overwrite=overwrite)
    meter = Bar() if sys.stderr.isatty() and not quiet else Silent()
    found = verify_run(ds, halve=halve, backend=backend_of(backend, threads), progress=meter)
    if output is not None:
        from langevin_kit.plot import comparison

        output.parent.mkdir(parents=True, exist_ok=True)
        comparison(ds, found, output)
    print(_as_json(ds, found) if json else "\n".join(_report(ds, found)))
    return DISAGREES if found.comparison.verdict.state == "inconsistent" else 0


def _report(ds: xr.Dataset, found: Verification) -> list[str]:
    from langevin_kit.cli.summary import heading, label, row, verdicts

    table, unit = found.comparison.table, label(ds.time)
    names = {"chi2": "χ², fine", "chi2_coarse": "χ², coarse", "kolmogorov": "Kolmogorov", "survival": "survival"}
    again = (
        "not run"
        if found.halved is None
        else f"run again at Δt = {found.halved.time.values[1] / found.halved.step.values[1]:g}{unit}"
    )
    lines = [
        *heading(ds),
        row("grid", f"{'×'.join(map(str, found.density.shape[1:]))} cells, {found.density.attrs['method']}"),
        row("half step", again),
        "",
        f"  {'t':>10}  {'test':<12}{'statistic':>12}{'dof':>6}{'p':>10}{'error':>12}{'p within':>10}",
    ]
    for t in table.time.values:
        for test in table.test.values:
            at = table.sel(time=t, test=test)
            dof = "" if at.dof.isnull() else f"{int(at.dof)}"
            lines.append(
                f"  {t:>10.4g}  {names[str(test)]:<12}{float(at.statistic):>12.5g}{dof:>6}{float(at.p_value):>10.2g}"
                f"{float(at.error):>12.3g}{float(at.p_within):>10.2g}"
            )
        at = table.sel(time=t)
        chance = f"{float(at.l1_expected):.5g} by chance"
        lines.append(f"  {t:>10.4g}  {'L1':<12}{float(at.l1):>12.5g}{'':>8}({chance})")
    return [*lines, "", *verdicts(ds, found.comparison.verdict)]


def _as_json(ds: xr.Dataset, found: Verification) -> str:
    import json

    from langevin_kit.run import Langevin

    relaxed = Langevin(ds).verdict()
    report: dict[str, Any] = {
        **found.comparison.to_dict(),
        "grid": list(found.density.shape[1:]),
        "method": found.density.attrs["method"],
        "halved": found.halved is not None,
        "relaxed": {"state": relaxed.state, "reason": relaxed.reason},
    }
    if "kl_divergence" in ds:
        falls = Langevin(ds).free_energy_falls()
        report["free_energy_falls"] = {
            "holds": falls.holds,
            "largest_z": falls.largest_z,
            "threshold": falls.threshold,
        }
    return json.dumps(_plain(report), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The same with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
