"""Long arrays in a run's record: what comes back has the same bits, and what is damaged is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numcodecs import Blosc

import langevin_kit as lk
from langevin_kit.cli import main
from langevin_kit.errors import InvalidArgument, StoreMismatch
from langevin_kit.system.packed import LONGEST_LIST, pack, unpack, without_bytes


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool((a.view(np.int64) == b.view(np.int64)).all())


shapes = hnp.array_shapes(min_dims=1, max_dims=2, max_side=9)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-200, 200).map(float), st.sampled_from([0.0, -0.0])
)


@given(hnp.arrays(np.float64, shapes, elements=numbers))
def test_an_array_comes_back_to_the_last_bit(values: np.ndarray) -> None:
    """Of any numbers, and of multiples of 1/n for its n columns; through JSON."""
    for array in (values, np.rint(values) / values.shape[-1]):
        assert same_bits(unpack(json.loads(json.dumps(pack(array)))), array)


@pytest.mark.parametrize(
    ("values", "dtype", "divisor"),
    [
        (np.arange(-5.0, 5.0), "|i1", 1),
        (np.arange(300.0), "<i2", 1),
        (np.arange(300.0) * 1000, "<i4", 1),
        (np.arange(7.0)[None] / 7, "|i1", 7),
        (np.array([0.0, -0.0]), "<f8", 1),
        (np.arange(300.0) * 1e9, "<f8", 1),
        (np.array([0.1]), "<f8", 1),
    ],
)
def test_numbers_take_no_more_bytes_than_they_need(values: np.ndarray, dtype: str, divisor: int) -> None:
    packed = pack(values)
    assert (packed["dtype"], packed["divisor"]) == (dtype, divisor)
    assert same_bits(unpack(packed), values)


def test_what_was_not_written_is_refused() -> None:
    packed = pack(np.arange(10.0))
    with pytest.raises(InvalidArgument, match="not those that were written"):
        unpack({**packed, "packed": pack(np.arange(10.0)[::-1])["packed"]})
    for broken in ({"packed": "AAAA"}, {"shape": [3]}, {"dtype": "nonsense"}, {"divisor": None}):
        with pytest.raises(InvalidArgument, match="packed array"):
            unpack({**packed, **broken})


def coupled(scale: float) -> lk.System:
    n = int(np.sqrt(LONGEST_LIST)) + 2
    W = scale * np.random.default_rng(0).normal(size=(n, n)) / n
    return lk.System(
        energy="v@v/2 - v @ (W @ v)/2", temperature=0.1, coordinates={"v": n}, parameters={"W": (W + W.T) / 2}
    )


def test_a_run_with_a_long_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its system comes back from the store; the record is short, and no other system is taken for it."""
    system, path = coupled(0.3), tmp_path / "run.zarr"
    n = system.n_dim
    ds = lk.simulate(
        system,
        initial=lk.initial.point(np.zeros(n)),
        n_particles=8,
        time_step=0.1,
        n_steps=10,
        save_every=5,
        rng=0,
        store=path,
    )
    again = ds.langevin.system
    assert same_bits(again.parameters["W"], system.parameters["W"])
    assert len(ds.attrs["system"]) < 14 * n * n
    np.testing.assert_array_equal(lk.resume(path, system=system).energy, ds.energy)
    with pytest.raises(StoreMismatch, match="not the system"):
        lk.resume(path, system=coupled(0.31))
    assert main(["info", str(path)]) == 0
    assert f"W of shape {n}×{n}" in capsys.readouterr().out


def test_bytes_that_another_library_compressed_are_equal() -> None:
    """What decides whether two arrays are one is their digest."""
    packed = pack(np.random.default_rng(1).normal(size=500))
    raw = Blosc().decode(base64.b64decode(packed["packed"]))
    other = {**packed, "packed": base64.b64encode(Blosc("lz4", 9, Blosc.SHUFFLE).encode(raw)).decode()}
    assert other["packed"] != packed["packed"]
    ours, theirs = (json.loads(json.dumps({"W": data}), object_hook=without_bytes) for data in (packed, other))
    assert ours == theirs
    assert same_bits(unpack(other), unpack(packed))
    assert ours != json.loads(json.dumps({"W": pack(np.ones(500))}), object_hook=without_bytes)
