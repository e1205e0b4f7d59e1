"""Several vectors in one system: steps against NumPy written out by hand, blocks of one vector, and clamping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from langevin_kit.codegen.dense import stepper, stepper_source
from langevin_kit.schemes import scheme_from
from langevin_kit.system.dense import DenseDerived, dense
from langevin_kit.testing.numpy_reference import normals

Floats = NDArray[np.float64]
SCHEME = scheme_from("euler_maruyama")
KEY, N, DT, TEMPERATURE = (12345, 67890), 70, 1e-2, 0.4
RNG = np.random.default_rng(7)
U, G = RNG.normal(size=(7, 5)) / 3, RNG.normal(size=(5, 4)) / 3
C, K, MASK = RNG.normal(size=5), np.linspace(0.25, 1.0, 5), np.array([1.0, 0, 1, 0, 0, 1, 1])
PARAMETERS = {"U": U, "G": G, "c": C, "k": K, "mask": MASK, "g": 0.3}


def leaky(x: Floats) -> Floats:
    return np.where(x > 0, x, 0.25 * x)


def slope(x: Floats) -> Floats:
    return np.where(x > 0, 1.0, 0.25)


Parts = list[Floats]
Case = tuple[dict[str, int], dict[str, Any], Callable[..., tuple[Parts, Parts, Parts]]]


def saturating(t: float, v: Floats, h: Floats) -> tuple[Parts, Parts, Parts]:
    """Force, divergence and mobility of each vector."""
    of_v = v - (1 - np.tanh(v) ** 2) * (U @ np.tanh(h))
    of_h = h - (1 - np.tanh(h) ** 2) * (U.T @ np.tanh(v))
    k = K[:, None] + 0 * h
    force = [-of_v / (1 + v**2), 0.1 * np.sin(h) + C[:, None] * np.cos(t) - k * of_h]
    return force, [-2 * v / (1 + v**2) ** 2, 0 * h], [1 / (1 + v**2), k]


def leaking(t: float, v: Floats, h: Floats) -> tuple[Parts, Parts, Parts]:
    of_v, of_h = v - slope(v) * (U @ leaky(h)), h - slope(h) * (U.T @ leaky(v))
    q = 1 / (1 + (v**2).sum(0) + (h**2).sum(0))
    return [-q * of_v, -q * of_h], [-2 * v * q**2, -2 * h * q**2], [q + 0 * v, q + 0 * h]


def of_three(t: float, v: Floats, h: Floats, w: Floats) -> tuple[Parts, Parts, Parts]:
    logcosh = np.log(np.cosh(v))
    of_v = v - np.tanh(v) * (U @ h)
    of_h = h - U.T @ logcosh - G @ np.tanh(w)
    of_w = w - (1 - np.tanh(w) ** 2) * (G.T @ h)
    ones = [1 + 0 * x for x in (v, h, w)]
    return [-of_v, -of_h, -0.3 * of_w], [0 * v, 0 * h, 0 * w], [ones[0], ones[1], 0.3 * ones[2]]


def momenta(t: float, x: Floats, p: Floats) -> tuple[Parts, Parts, Parts]:
    return [p, -(x**3) + x - 0.3 * p], [0 * x, 0 * p], [0 * x, 0.3 + 0 * p]


CASES: dict[str, Case] = {
    "tanh": (
        {"v": 7, "h": 5},
        {
            "energy": "v @ v/2 + h @ h/2 - tanh(v) @ (U @ tanh(h))",
            "mobility": {"h": "k", "v": "1/(1 + v**2)"},
            "drift": {"h": "0.1*sin(h) + c*cos(t)"},
        },
        saturating,
    ),
    "leaky_relu": (
        {"v": 7, "h": 5},
        {
            "energy": "v @ v/2 + h @ h/2 - leaky_relu(v, 0.25) @ U @ leaky_relu(h, 0.25)",
            "mobility": "1/(1 + v @ v + h @ h)",
        },
        leaking,
    ),
    "logcosh, three vectors": (
        {"v": 7, "h": 5, "w": 4},
        {
            "energy": "(v @ v + h @ h + w @ w)/2 - logcosh(v) @ U @ h - h @ G @ tanh(w)",
            "mobility": {"v": 1, "h": 1.0, "w": "g"},
        },
        of_three,
    ),
    # Vectors of one length, each moved by components of the other, also by the other alone.
    "momenta": (
        {"x": 6, "p": 6},
        {"drift": {"x": "p", "p": "x - x**3 - g*p"}, "mobility": {"x": 0, "p": "g"}},
        momenta,
    ),
}


def made(name: str, **changes: Any) -> DenseDerived:
    vectors, given, _ = CASES[name]
    parameters = PARAMETERS | changes
    return dense(name=tuple(vectors), length=tuple(vectors.values()), parameters=parameters, **given)


def noise(d: int, k: int, key: tuple[int, int]) -> Floats:
    """The normals of step k, (d, N): component number = position in the state."""
    steps, calls = (1, d // 2) if d % 2 == 0 else (2, d)
    words = [normals(np.arange(N), k // steps * calls + j, key) for j in range(calls)]
    return np.concatenate(words)[k % steps * d : (k % steps + 1) * d]


def reference(
    name: str, x: Floats, n_steps: int, *, key: tuple[int, int] = KEY, temperature: float = TEMPERATURE
) -> Floats:
    vectors, _, terms = CASES[name]
    ends = np.cumsum([*vectors.values()])[:-1]
    for k in range(n_steps):
        force, divergence, mobility = map(np.concatenate, terms(k * DT, *np.split(x, ends)))
        z = noise(len(x), k, key) if temperature else 0.0
        x = x + DT * (force + temperature * divergence) + np.sqrt(2 * temperature * DT * mobility) * z
    return x


def advance(
    system: DenseDerived, x: Floats, n_steps: int, *, first: int = 0, temperature: float = TEMPERATURE
) -> Floats:
    y = x.copy()
    arguments = (system.flat_parameters(), DT, temperature, *map(np.uint32, KEY))
    stepper(system, SCHEME, x.dtype.name).advance(y, 0, N, 256, first, n_steps, *arguments)
    return y


def start(d: int, dtype: str = "float64") -> NDArray[Any]:
    return np.random.default_rng(0).normal(0.0, 0.7, (d, N)).astype(dtype)


@pytest.mark.parametrize("temperature", [TEMPERATURE, 0.0])
@pytest.mark.parametrize("name", CASES)
def test_paths_equal_the_step_written_out_by_hand(name: str, temperature: float) -> None:
    system = made(name)
    x = start(system.d)
    expected = reference(name, x, 33, temperature=temperature)
    np.testing.assert_allclose(advance(system, x, 33, temperature=temperature), expected, rtol=0, atol=2e-12)
    wrong = reference(name, x, 33, key=(12345, 67891), temperature=TEMPERATURE)
    assert np.abs(wrong - expected).max() > 0.1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_vector_of_the_same_blocks_has_the_same_bits(dtype: str) -> None:
    """Its chains of sums are the same, behind or before terms that are exactly 0."""
    both = dense(
        name=("v", "h"), length=(7, 5), drift={"v": "U @ tanh(h) - v", "h": "tanh(v) @ U - h"}, parameters=PARAMETERS
    )
    W = np.block([[np.zeros((7, 7)), U], [U.T, np.zeros((5, 5))]])
    one = dense(name="x", length=12, drift="W @ tanh(x) - x", parameters={"W": W})
    x = start(12, dtype)
    moved = advance(both, x, 25)
    assert moved.tobytes() == advance(one, x, 25).tobytes()
    assert moved.tobytes() != advance(one, x, 25, first=1).tobytes()


def clamped(mask: Any) -> DenseDerived:
    return dense(
        name=("v", "h"),
        length=(7, 5),
        energy="v @ v/2 + h @ h/2 - tanh(v) @ U @ tanh(h)",
        mobility={"v": "mask", "h": 1.0},
        parameters=PARAMETERS | {"mask": mask},
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clamped_components_do_not_move_by_one_bit(dtype: str) -> None:
    x = start(12, dtype)
    moved, held = advance(clamped(MASK), x, 40), np.flatnonzero(MASK == 0)
    assert moved[held].tobytes() == x[held].tobytes()
    others = np.setdiff1d(np.arange(12), held)
    assert (moved[others] != x[others]).all()
    assert (advance(clamped(np.ones(7)), x, 40)[held] != x[held]).all()


def test_the_noise_of_clamped_components_has_no_effect() -> None:
    """Held at the same place by the step or by hand, they leave the others the same paths."""
    x, held = start(12), np.flatnonzero(MASK == 0)
    by_hand = x
    for k in range(12):
        by_hand = advance(clamped(np.ones(7)), by_hand, 1, first=k)
        by_hand[held] = x[held]
    np.testing.assert_array_equal(advance(clamped(MASK), x, 12), by_hand)


def test_another_mask_needs_no_new_source() -> None:
    free, none = (stepper_source(clamped(mask), SCHEME, "float32") for mask in (np.ones(7), np.zeros(7)))
    assert free == none
    # Its root is one number for each row, computed before the steps: no buffer of the tile.
    assert "c1[r] = v" in free
    assert free.count("aligned(7, 128, like)") == 2  # tanh(v) and U tanh(h)


def test_no_name_of_the_user_reaches_the_source() -> None:
    given = {"energy": "evil @ (U @ worse)", "mobility": {"evil": "m", "worse": 1.0}}
    system = dense(name=("evil", "worse"), length=(7, 5), parameters={"U": U, "m": np.ones(7)}, **given)
    source = stepper_source(system, SCHEME, "float32")
    assert not {"evil", "worse"} & {*source.replace("(", " ").split()}
