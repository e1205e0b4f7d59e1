"""The table of noises: names, groups of steps, and what is refused."""

from __future__ import annotations

import pickle

import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import NOISES, noise_from


def test_names_are_the_keys_and_rows_pass_through() -> None:
    assert all(noise_from(name) is row and row.name == name for name, row in NOISES.items())
    row = NOISES["three_point"]
    assert noise_from(row) is row
    assert pickle.loads(pickle.dumps(row)) == row
    assert len({hash(row) for row in NOISES.values()}) == len(NOISES)


@pytest.mark.parametrize("name", ["rademachr", "", None, ["gaussian"]])
def test_unknown_names_are_refused(name: object) -> None:
    nearest = r"noise: got .*; (did you mean '(rademacher|gaussian)'|known are gaussian, )"
    with pytest.raises(InvalidArgument, match=nearest):
        noise_from(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 8, 14])
def test_group_is_the_smallest_that_begins_a_call(name: str, dtype: str, d: int) -> None:
    n = NOISES[name].per_call[dtype]
    steps, calls = NOISES[name].group(d, dtype)
    if NOISES[name].takes == "bit":
        assert calls == 1
        assert 0 <= n - steps * d < d
    else:
        assert steps * d == calls * n
        assert all(k * d % n for k in range(1, steps))


def test_more_coordinates_than_bits_are_refused() -> None:
    assert NOISES["rademacher"].group(128, "float32") == (1, 1)
    with pytest.raises(InvalidArgument, match="got 129 coordinates; 1 to 128 are allowed, use 'gaussian'"):
        NOISES["rademacher"].group(129, "float32")
