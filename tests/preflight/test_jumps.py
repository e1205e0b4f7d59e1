"""Mobilities that jump: they are found, and schemes that are wrong there are refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import MobilityJumps


def parabola(x: Any) -> Any:
    return x * x / 2


def rectifier(x: Any) -> Any:
    return 4.0 if x < 0.25 else 1.0


def smooth(x: Any) -> Any:
    return 1 + x * x if x < 0 else 1.0


JUMPING = {
    "comparison": lk.System(energy="x**2/2", mobility="1 + 3*(x < 0.25)", temperature=0.5),
    "quotient": lk.System(energy="x**2/2", mobility="2 + abs(x - 0.25)/(x - 0.25)", temperature=0.5),
    "function": lk.System(energy=parabola, mobility=rectifier, temperature=0.5),
    "plane": lk.System(
        energy="x**2 + y**2", mobility=[["2 + (x > y)", 0.5], [0.5, 1]], temperature=0.5, coordinates=("x", "y")
    ),
}
CONTINUOUS = {
    "steep": lk.System(energy="x**2/2", mobility="2 + tanh(1e5*x) + 0*abs(x)", temperature=0.5),
    "kink": lk.System(energy="x**2/2", mobility="1 + abs(x)", temperature=0.5),
    "branch": lk.System(energy=parabola, mobility=smooth, temperature=0.5),
    "selected": lk.System(energy="x**2/2", mobility="max(1, 1 + x)", temperature=0.5),
}


def run(system: lk.System, **given: Any) -> Any:
    start = lk.initial.uniform([-1.0] * system.n_dim, [1.0] * system.n_dim)
    about: dict[str, Any] = {"initial": start, "n_particles": 500, "time_step": 1e-3, "n_steps": 2, "rng": 0}
    return lk.simulate(system, **{**about, **given})


@pytest.mark.parametrize("name", JUMPING)
def test_a_jump_is_found_and_refused(name: str, tmp_path: Path) -> None:
    system = JUMPING[name]
    jump = lk.check(system).jump
    assert jump is not None
    assert abs(jump.before - jump.after) == pytest.approx({"quotient": 2, "plane": 1}.get(name, 3), abs=1e-6)
    right = "'mala'" if name == "plane" else "'hanggi_klimontovich', 'mala'"
    with pytest.raises(MobilityJumps, match=rf"it jumps at x = .*'euler_maruyama' never meets.*right here: {right}\."):
        run(system, store=tmp_path / "run.zarr")
    assert not list(tmp_path.iterdir())
    if name != "plane":
        assert "x = 0.25, " in jump.where
    chosen = "mala" if name == "plane" else "hanggi_klimontovich"
    assert f'"scheme": "{chosen}"' in run(system, scheme="auto").attrs["run"]


@pytest.mark.parametrize("name", CONTINUOUS)
def test_what_does_not_jump_is_taken(name: str) -> None:
    assert lk.check(CONTINUOUS[name]).jump is None


def test_a_scheme_is_not_refused_where_no_noise_is() -> None:
    cold = lk.System(**{**JUMPING["comparison"].to_dict(), "temperature": 0.0})
    assert np.isfinite(run(cold).energy).all()


def test_a_text_jumps_as_its_function_does() -> None:
    """∇·K of a comparison is zero on both sides: the same bits."""
    ends = [run(JUMPING[name], check=False, save_positions=True).position for name in ("comparison", "function")]
    np.testing.assert_array_equal(*ends)
