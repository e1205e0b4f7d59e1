"""Rings must close."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.preflight import check
from langevin_kit.system import System, periodic, reflecting

TURN = 2 * math.pi
RING = {"x": periodic(0.0, TURN)}


@pytest.mark.parametrize(
    "arguments",
    [
        {"energy": "cos(x)"},
        {"energy": "cos(x) + 1000*sin(3*x)", "mobility": "1 + 0.5*sin(x)"},
        {"energy": "0"},
        {"energy": "cos(x)", "walls": {"x": periodic(0.0, 6.2831853)}},  # rounded to eight digits
        {"energy": "cos(x)*y + y**2", "coordinates": ("x", "y")},
        {"energy": "cos(x - t)"},
        {"energy": "4e-21*cos(x)", "temperature": 4e-21},
    ],
)
def test_what_closes_passes(arguments: dict[str, Any]) -> None:
    report = check(System(**{"temperature": 0.5, "walls": RING, **arguments}), times=(0.0, 0.7))
    assert report.law is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"energy": "cos(x) - 0.1*x"}, r"energy is not periodic in 'x': 1 at x = 0, t = 0, and 0\.37.* at x = 6\.28"),
        ({"energy": "x*(x - 2*pi)"}, "gradient of the energy is not periodic"),
        ({"energy": "cos(1.01*x)"}, "energy is not periodic"),
        ({"energy": "cos(x)", "mobility": "1 + x"}, "mobility is not periodic"),
        ({"energy": "cos(x)", "mobility": "10 + x*(x - 2*pi)"}, "divergence of the mobility is not periodic"),
        ({"energy": "y**2*(2 + cos(x/2))", "coordinates": ("x", "y")}, "energy is not periodic in 'x'"),
        ({"energy": "cos(x) + t*x/9"}, r"at x = 0, t = 0\.7"),
        ({"energy": "4e-21*cos(1.01*x)", "temperature": 4e-21}, "energy is not periodic"),
    ],
)
def test_what_does_not_close_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check(System(**{"temperature": 0.5, "walls": RING, **arguments}), times=(0.0, 0.7))


def test_a_tilt_is_said_to_be_a_drift() -> None:
    with pytest.raises(InvalidArgument, match="tilt of a washboard is no energy on a ring: give it as an extra drift"):
        check(System(energy="cos(x) - x", temperature=1.0, walls=RING))


def test_only_rings_need_to_close() -> None:
    assert check(System(energy="x", temperature=1.0, walls={"x": reflecting(0.0, 1.0)})).law is not None


def test_one_start_where_the_field_vanishes_is_no_alarm() -> None:
    assert check(System(energy="cos(x)", temperature=0.0, walls=RING), positions=np.zeros((1, 5))).law is None


def test_without_a_law_rings_are_looked_at_too() -> None:
    tilted = System(energy="cos(x) - x", temperature=0.0, walls=RING)
    with pytest.raises(InvalidArgument, match="not periodic"):
        check(tilted, positions=np.ones((1, 5)))
