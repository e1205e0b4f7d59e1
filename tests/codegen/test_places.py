"""Compiled steps with weights that places share: paths beside NumPy's, their bits, and what a run measures of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import correlate
from splits import whole_and_in_parts

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.codegen.dense import stepper_source
from langevin_kit.schemes import scheme_from
from langevin_kit.testing import euler_maruyama

SCHEME, KEY, N, DT = scheme_from("euler_maruyama"), (np.uint32(12345), np.uint32(67890)), 70, 1e-2


def numbers(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])


SYSTEMS = {
    # Patches that products take place by place, also two places at once, and products that are scattered likewise.
    "image": lk.System(
        coordinates={"x": 32},
        energy="x @ x/2 + sum(logcosh(each(K, patches(x, 4, 4, 3)) + repeat(b, 16)))"
        " + sum(sin(each(M, patches(x, 4, 4, 3))))",
        drift="each(L, patches(sin(each(K, patches(x, 4, 4, 3)) + repeat(b, 16)*t), 4, 4, 3)) + repeat(c, 16)",
        mobility="repeat(k, 16)",
        parameters={
            "K": numbers(1, 3, 18),
            "L": numbers(2, 2, 27),
            "M": numbers(12, 6, 36),
            "b": numbers(3, 3),
            "c": numbers(4, 2),
            "k": np.array([0.5, 1.5]),
        },
        temperature=0.3,
    ),
    # All others: gathered by loops, by products of whole vectors and by such as cut blocks in two; scattered likewise;
    # blocks of parameters that loops and products take, and of what time changes; places of a vector that has moved;
    # noise of channels that belong together.
    "others": lk.System(
        coordinates={"x": 12, "y": 6},
        energy="logsumexp(windows(tanh(x), 4, 3)) + sum(places_mean(each(A, x*x), 2)**2) + x @ each(S, x)/2 + x @ x",
        drift={
            "x": "W @ windows(x, 6, 3)*sin(t) + each(B, windows(x, 6, 3)) + repeat(b, 4) - repeat(b*t + b, 4)",
            "y": "places_mean(x, 6) - y + repeat(places_mean(tanh(x), 3), 2) + each(A, repeat(c, 2))",
        },
        mobility={"x": 1.0, "y": {"root": "each(R, z) + each(A, repeat(places_mean(z, 2), 2))", "divergence": 0.0}},
        parameters={
            "R": numbers(11, 2, 2),
            "A": numbers(5, 3, 2),
            "B": numbers(6, 1, 3),
            "S": numbers(7, 4, 4),
            "W": numbers(8, 12, 36),
            "b": numbers(9, 3),
            "c": numbers(10, 2),
        },
        temperature=0.3,
    ),
}


def start(system: lk.System, dtype: str = "float64") -> NDArray[Any]:
    return np.random.default_rng(0).normal(0.0, 0.7, (system.n_dim, N)).astype(dtype)


def advance(
    system: lk.System, x: NDArray[Any], n: int, *, first: int = 0, low: int = 0, high: int | None = None
) -> NDArray[Any]:
    x = x.copy()
    high = x.shape[1] if high is None else high
    constants = (system.values, DT, system.temperature, *KEY)
    stepper(system, SCHEME, x.dtype.name).advance(x, low, high, 256, first, n, *constants)
    return x


@pytest.mark.parametrize(
    "name", [name if name == "image" else pytest.param(name, marks=pytest.mark.slow) for name in SYSTEMS]
)
def test_paths_equal_the_numpy_reference(name: str) -> None:
    system = SYSTEMS[name]
    x = start(system)
    got = advance(system, x, 33)
    np.testing.assert_allclose(got, euler_maruyama(system, x, DT, 33, KEY), rtol=0, atol=2e-12)
    assert not np.allclose(got, euler_maruyama(system, x, DT, 33, KEY, first=1), rtol=0, atol=1e-3)


def test_a_step_of_an_image_is_the_correlation_of_scipy() -> None:
    """Written out without the package, at T = 0 and E = 0."""
    system = replace(SYSTEMS["image"], energy=0.0, temperature=0.0, mobility=1.0)
    p, x = system.parameters, start(system)

    def correlated(kernel: NDArray[Any], image: NDArray[Any]) -> NDArray[Any]:
        kernel = kernel.reshape(len(kernel), 3, 3, -1)
        maps = [
            sum(correlate(image[..., c], k[..., c], mode="constant") for c in range(image.shape[-1])) for k in kernel
        ]
        return np.stack(maps, axis=-1)

    t = 5 * DT
    images = [column.reshape(4, 4, 2) for column in x.T]
    rates = [correlated(p["L"], np.sin(correlated(p["K"], image) + p["b"] * t)) + p["c"] for image in images]
    expected = np.stack([(a + DT * rate).ravel() for a, rate in zip(images, rates, strict=True)], axis=1)
    np.testing.assert_allclose(advance(system, x, 1, first=5), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["image", pytest.param("others", marks=pytest.mark.slow)])
def test_bits_do_not_depend_on_the_split(name: str, dtype: str) -> None:
    system = SYSTEMS[name]
    whole = whole_and_in_parts(partial(advance, system), start(system, dtype))
    assert np.isfinite(whole).all()
    assert len(np.unique(whole[0])) == N


def test_a_run_measures_its_energy_and_texts_of_places() -> None:
    system = SYSTEMS["image"]
    ds = lk.simulate(
        system, initial=start(system).T, time_step=DT, n_steps=33, save_every=33, rng=1, save_positions=True,
        observables={"edge": "sum(abs(patches(x, 4, 4, 3) - repeat(places_mean(x, 2), 144)))"},
    )  # fmt: skip
    x = ds.position.values[-1]
    assert float(ds.energy[-1]) == pytest.approx(float(system.energy_at(x, 33 * DT).mean()), rel=1e-12)
    channels = x.reshape(16, 2, N)
    padded = np.pad(channels.reshape(4, 4, 2, N), [(1, 1), (1, 1), (0, 0), (0, 0)])
    edge = sum(
        np.abs(padded[i : i + 4, j : j + 4] - channels.mean(axis=0)).sum(axis=(0, 1, 2))
        for i in range(3)
        for j in range(3)
    )
    assert float(ds.edge[-1]) == pytest.approx(float(np.mean(edge)), rel=1e-12)


def test_sources_hold_tables_and_no_values() -> None:
    system = SYSTEMS["image"]
    other = replace(system, parameters={name: 2 * np.asarray(v) for name, v in system.parameters.items()})
    sources = [stepper_source(s.content.derived, SCHEME, "float64") for s in (system, other)]
    assert sources[0] == sources[1]
    # No buffer of all patches, (16 · 9 · 2, P); but of those of one place.
    assert "aligned(288," not in sources[0]
    assert "aligned(18, 32, like)" in sources[0]
