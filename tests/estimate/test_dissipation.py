"""−dF/dt from an ensemble, against the Fokker–Planck grid's own."""

from __future__ import annotations

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate import dissipation_rate
from langevin_kit.fokker_planck import dissipation, evolve

N, REPEATS = 10**6, 40
LINE = lk.System(energy="(x**2 - 1)**2", mobility="1 + 0.6*tanh(2*x)", temperature=0.5)
PLANE = lk.System(
    energy="x**2/2 + x*y/4 + y**2",
    mobility=[["1 + sin(y)**2/2", "0.4"], ["0.4", "0.8"]],
    temperature=0.5,
    coordinates=("x", "y"),
)
CASES = {
    "line": (LINE, lk.Grid(x=lk.cells(-2.7, 2.7, 1024)), lk.initial.gaussian([-1.0], 0.0225),
             [0.1, 0.3, 1.0, 3.0, 8.0]),
    "plane": (PLANE, lk.Grid(x=lk.cells(-4, 4, 160), y=lk.cells(-3, 3, 160)), lk.initial.gaussian([1.0, 0.0], 0.1),
              [0.1, 0.5, 1.5]),
}  # fmt: skip


@pytest.mark.claim("C07")
@pytest.mark.parametrize("name", CASES)
def test_the_ensemble_agrees_with_the_grid(name: str) -> None:
    """Means are within 1 % below, being a lower bound, and 4 s.e. above; the error of one estimate is honest."""
    system, grid, start, times = CASES[name]
    p = evolve(system, grid, initial=start, times=[0.0, *times])
    exact = dissipation(system, p).values[1:]
    law = [lk.boltzmann(system)]
    rng = np.random.default_rng(0)
    for density, rate in zip(p.values[1:], exact, strict=True):
        mass = np.maximum(density, 0).ravel()
        counts = rng.multinomial(N, mass / mass.sum(), size=REPEATS).reshape(REPEATS, *grid.shape)
        found = dissipation_rate(law * REPEATS, grid, counts)
        error = 4 * found.value.std() / np.sqrt(REPEATS)
        # In the plane the cells' own width is worth 2e-3.
        assert rate * 0.99 - error < found.value.mean() < rate * (1.002 if name == "plane" else 1.0) + error
        assert 0.8 < found.stderr.mean() / found.value.std() < 2.5
    # Negative control: the mobility is in it.
    faster = lk.System(**{**system.to_dict(), "temperature": system.temperature, "energy": f"2*({system.energy})"})
    other = dissipation_rate([lk.boltzmann(faster)], grid, counts[:1])
    assert other.value[0] > 2 * found.value[0]


def test_at_rest_it_is_zero_within_its_error() -> None:
    grid = CASES["line"][1]
    law = lk.boltzmann(LINE)
    counts = np.random.default_rng(1).multinomial(N, law.cell_mass(grid), size=200)
    found = dissipation_rate([law] * 200, grid, counts)
    assert abs(found.value.mean()) < 4 * found.value.std() / np.sqrt(200)
    z = found.value / found.stderr
    assert np.mean(np.abs(z) > 3) < 0.02


def test_more_splines_see_more() -> None:
    system, grid, start, _ = CASES["line"]
    p = evolve(system, grid, initial=start, times=[0.0, 1.0])
    count = np.random.default_rng(0).multinomial(10**8, p.values[1] / p.values[1].sum())[None]
    values = [float(dissipation_rate([lk.boltzmann(system)], grid, count, k).value[0]) for k in (2, 4, 10, 20)]
    exact = float(dissipation(system, p)[1])
    assert values[0] < values[1] < values[2]
    assert values[3] == pytest.approx(exact, rel=1e-3)


def test_a_run_and_what_it_cannot_do() -> None:
    system, grid, start, _ = CASES["line"]
    given = {"initial": start, "time_step": 0.001, "n_steps": 300, "save_every": 100, "rng": 0, "n_particles": 300_000}
    ds = lk.simulate(system, histogram=grid, **given)  # type: ignore[arg-type]
    found = ds.langevin.dissipation()
    exact = dissipation(system, evolve(system, grid, initial=start, times=ds.time))
    z = (found.dissipation - exact) / found.dissipation_stderr
    assert (np.abs(z[1:]) < 4.5).all()
    units = {"energy": "kT", "time": "ns"}
    labelled = lk.System(energy="x**2", temperature=1.0, units=units)
    about = lk.simulate(labelled, **given).langevin.dissipation().dissipation.attrs["units"]  # type: ignore[arg-type]
    assert about == "kT/ns"
    point = lk.simulate(system, **{**given, "initial": lk.initial.point([0.5])})  # type: ignore[arg-type]
    assert np.isnan(point.langevin.dissipation().dissipation[0])
    ring = lk.System(energy="cos(x)", temperature=0.5, walls={"x": lk.periodic(-np.pi, np.pi)})
    with pytest.raises(InvalidArgument, match="a system with walls"):
        lk.simulate(ring, **given).langevin.dissipation()  # type: ignore[arg-type]
