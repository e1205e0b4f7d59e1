"""Weak orders of schemes in two coupled coordinates, by common random numbers: runs of whole and of halved steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.schemes import SCHEMES, able

OWN = lk.System(
    energy="cos(x) + 0.6*sin(y) + 0.7*cos(x - y)",
    mobility=[["1 + 0.5*sin(x)", 0], [0, "1 + 0.4*cos(y)"]],
    temperature=0.5,
    coordinates=("x", "y"),
)
CONSTANT = lk.System(**{**OWN.to_dict(), "mobility": 1.0})
OSCILLATOR = lk.System(
    energy="(q**2 - 1)**2/4 + p**2/2", mobility=[[0, -1], [1, 0.5]], temperature=0.5, coordinates=("q", "p")
)
# A Metropolis step has no error of this kind, a tamed one is Euler–Maruyama's here, and the parts of an adaptive one
# are as short as its tolerance says, whatever Δt is: at 0.1 those of Δt = 0.1 and 0.05 are the same.
CASES: dict[str, tuple[lk.System, float]] = {
    **{name: (OWN, SCHEMES[name].weak_order) for name in able(OWN) if name not in ("adaptive", "mala", "tamed")},
    "leimkuhler_matthews": (CONSTANT, 1.0),
    "heun, constant S": (CONSTANT, 2.0),
    "baoab": (OSCILLATOR, 2.0),
}
QUICK = {"euler_maruyama", "platen"}


def ends(system: lk.System, scheme: str, time_step: float, *, halved: bool, n: int) -> np.ndarray:
    """A smooth function of each particle's place at t = 0.8."""
    n_steps = round(0.8 / time_step)
    given: dict[str, Any] = {"initial": lk.initial.point([0.7, -0.4]), "n_particles": n, "rng": 5, "check": False}
    ds = lk.simulate(
        system,
        time_step=time_step,
        n_steps=n_steps,
        save_every=n_steps,
        save_positions=True,
        scheme={"name": scheme, "halved": halved},
        histogram=lk.Grid(**{name: lk.cells(-9, 9, 2) for name in system.names}),
        **given,
    )
    x, y = ds.position.values[-1]
    return np.asarray(np.cos(x) + 0.5 * np.sin(y) + 0.5 * np.cos(x + y))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_the_weak_order_in_the_plane(name: str) -> None:
    """Of means at Δt and Δt/2 along the same paths, within 3.5 standard errors and 0.3 for higher orders."""
    system, order = CASES[name]
    scheme, n = name.split(",")[0], 100_000 if order == 1 else 400_000
    n = 1_000_000 if SCHEMES[scheme].average_order > order else n  # it is nearly of order two here as well
    errors, deviations = [], []
    for step in (0.1, 0.05) if order == 1 else (0.4, 0.2):
        whole = ends(system, scheme, step, halved=False, n=n)
        gap = whole - ends(system, scheme, step / 2, halved=True, n=n)
        errors.append(gap.mean())
        deviations.append(gap.std(ddof=1) / n**0.5)
    found = np.log2(errors[0] / errors[1])
    error = np.hypot(*(np.array(deviations) / errors)) / np.log(2)
    assert error < 0.3
    assert found > order - 0.3 - 3.5 * error
    # Control: an order that is one less would not do.
    assert found - 3.5 * error > order - 1
