"""Sweeps: what is gathered, that an ended one goes on, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from langevin_kit.errors import InvalidArgument, InvalidStore, StoreMismatch
from langevin_kit.studies import sweep

AXES = {"a": [1.0, 2.5], "kind": ["x", "y"], "seed": range(3)}


class Counted:
    """A function that may be cut short, and says how often it was called."""

    def __init__(self, ends_at: int = 1000) -> None:
        self.calls, self.ends_at = 0, ends_at

    def __call__(self, a: float, kind: str, seed: int) -> dict[str, Any]:
        self.calls += 1
        if self.calls > self.ends_at:
            raise KeyboardInterrupt
        rng = np.random.default_rng([seed, kind == "x", round(2 * a)])
        return {
            "mean": rng.normal(),
            "trace": xr.DataArray(rng.normal(size=4), dims="time"),
            "bad": bool(seed),
            "plain": rng.normal(size=(2, 1)),
        }


def test_what_is_gathered() -> None:
    ds = sweep(Counted(), AXES, attrs={"about": "test"})
    assert dict(ds.sizes) == {"a": 2, "kind": 2, "seed": 3, "time": 4, "plain_0": 2, "plain_1": 1}
    assert ds.trace.dims == ("a", "kind", "seed", "time")
    one = Counted()(2.5, "y", 1)
    at = ds.sel(a=2.5, kind="y", seed=1)
    assert float(at["mean"]) == one["mean"]
    np.testing.assert_array_equal(at.trace, one["trace"])
    assert ds.bad.dtype == bool
    assert ds.attrs == {"about": "test"}


@pytest.mark.parametrize("done", [0, 1, 7, 12])
def test_an_ended_sweep_goes_on(done: int, tmp_path: Path) -> None:
    """With the numbers of the whole, and each cell computed once."""
    whole, store = sweep(Counted(), AXES), tmp_path / "sweep"
    if done < 12:
        with pytest.raises(KeyboardInterrupt):
            sweep(Counted(done), AXES, store=store)
    else:
        sweep(Counted(), AXES, store=store)
    rest = Counted()
    assert sweep(rest, AXES, store=store).identical(whole)
    assert rest.calls == 12 - done


def test_more_values_add_to_it(tmp_path: Path) -> None:
    sweep(Counted(), AXES, store=tmp_path / "sweep")
    more = Counted()
    ds = sweep(more, {**AXES, "seed": [4, 2, 0]}, store=tmp_path / "sweep")
    assert more.calls == 4
    assert ds.identical(sweep(Counted(), {**AXES, "seed": [4, 2, 0]}))


def test_what_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "sweep"
    sweep(Counted(), AXES, store=store, attrs={"n": "3"})
    with pytest.raises(StoreMismatch, match="holds another sweep"):
        sweep(Counted(), AXES, store=store, attrs={"n": "4"})
    with pytest.raises(StoreMismatch, match="holds another sweep"):
        sweep(lambda a: {"a": a}, {"a": [1.0]}, store=store)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("data")
    with pytest.raises(InvalidStore, match="holds no sweep"):
        sweep(Counted(), AXES, store=other)
    assert [path.name for path in other.iterdir()] == ["mine"]
    file = next(store.glob("*.npz"))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InvalidStore, match=r"damaged .* Delete this file"):
        sweep(Counted(), AXES, store=store, attrs={"n": "3"})
    file.unlink()
    again = Counted()
    sweep(again, AXES, store=store, attrs={"n": "3"})
    assert again.calls == 1
    with pytest.raises(InvalidArgument, match="no two alike"):
        sweep(Counted(), {**AXES, "seed": [1, 1]})
    with pytest.raises(InvalidArgument, match="one or more values"):
        sweep(Counted(), {**AXES, "seed": []})
    with pytest.raises(InvalidArgument, match="got str for 'a'"):
        sweep(lambda a: {"a": "text"}, {"a": [1.0]})
    with pytest.raises(InvalidArgument, match="alike is needed"):
        sweep(lambda a: {"a": np.zeros(int(a))}, {"a": [1.0, 2.0]})


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.floats(-5, 5), min_size=1, max_size=3, unique=True), min_size=1)
)
def test_every_point_is_at_its_place(axes: dict[str, list[float]]) -> None:
    ds = sweep(lambda **point: {"sum": sum(point.values())}, axes)
    assert ds["sum"].dims == tuple(axes)
    for name, values in axes.items():
        for value in values:
            other = {key: of[-1] for key, of in axes.items()} | {name: value}
            assert float(ds["sum"].sel(other)) == sum(other.values())
