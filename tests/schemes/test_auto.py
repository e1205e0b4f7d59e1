"""Which scheme "auto" takes, by system and need."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import scheme_for

LINE = lk.System(energy="x**4", mobility="1 + x**2", temperature=1.0)
PLANE = lk.System(energy="x**4 + y**2", mobility=[[1, "x*y/9"], ["x*y/9", 1]], temperature=1.0, coordinates=("x", "y"))
SYSTEMS: dict[str, lk.System] = {
    "line": LINE,
    "constant": replace(LINE, mobility=2.0),
    "driven": replace(LINE, drift=["1"]),
    "driven, constant": replace(LINE, mobility=2.0, drift=["1"]),
    "turning": replace(PLANE, mobility=[[1, 1], [-1, 1]]),
    "linear": replace(LINE, energy="x**2", mobility=2.0),
    "tensor": PLANE,
    "walled": replace(LINE, walls={"x": lk.reflecting(-1, 1)}),
    "underdamped": replace(PLANE, mobility=[[0, -1], [1, 1]]),
    "cold": replace(LINE, temperature=0.0),
    "jumping": replace(LINE, mobility="1 + (x > 0)"),
    "vector": lk.System(energy="v @ v", temperature=1.0, coordinates={"v": 3}),
}
CHOSEN = {
    "line": ("milstein", "platen", "pvd2"),
    "constant": ("milstein", "heun", "leimkuhler_matthews"),
    "driven": ("milstein", "platen", "platen"),
    "driven, constant": ("milstein", "heun", "heun"),
    "turning": ("euler_maruyama",) * 3,
    "linear": ("ornstein_uhlenbeck",) * 3,
    "tensor": ("euler_maruyama", "euler_maruyama", "mala"),
    "walled": ("milstein", "euler_maruyama", "euler_maruyama"),
    "underdamped": ("baoab",) * 3,
    "cold": ("rk4",) * 3,
    "jumping": ("hanggi_klimontovich",) * 3,
    "vector": ("euler_maruyama",) * 3,
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_best_scheme_by_need(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "langevin_kit"):
        found = tuple(
            scheme_for({"name": "auto", "need": need}, SYSTEMS[name]).name
            for need in ("paths", "transients", "averages")
        )
    assert found == CHOSEN[name]
    assert f"scheme 'auto' for averages: {found[2]} (" in caplog.text
    assert scheme_for("auto", SYSTEMS[name]).name == found[1]


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ({"name": "auto", "need": "path"}, "scheme.need: got 'path'; did you mean 'paths'"),
        ({"name": "auto", "noise": "rademacher"}, "'auto' takes the option 'need' alone; got 'noise'"),
        ({"name": "heun", "need": "paths"}, "unknown option 'need'"),
        ("autp", "got 'autp'"),
    ],
)
def test_what_is_no_choice_is_refused(scheme: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        scheme_for(scheme, LINE)
