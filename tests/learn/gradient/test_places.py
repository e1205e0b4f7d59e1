"""Slopes through weights that places share, beside complex steps through the same steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from paths import complex_step, path

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.learn import DiscreteAdjoint, FixedSteps, Gradient, Loss

N, TIMES, STEP = 34, (0.1, 0.4), 0.1


def numbers(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])


# The first matrix has more rows than columns, the second fewer.
DRIFT = networks.convolutional("x", (4, 4, 2), [20], time=True, scale=2.0, rng=1)
SYSTEMS = {
    "image": networks.neural_field(DRIFT),
    # Outer products of patches with what is pooled, of a symmetric matrix, and of one that stands at places and also
    # before a whole vector; noise by channel.
    "others": lk.System(
        coordinates={"x": 12},
        energy="x @ each(S, x)/2 + sum(places_mean(each(A, x*x), 3)**2)",
        drift="repeat(places_mean(each(A, windows(x, 2, 1)), 2), 6)*repeat(b, 3) + each(B, windows(x, 6, 3))"
        " + each(F, each(G, repeat(places_mean(x, 4), 3))) + repeat(F @ places_mean(x, 3), 3)",
        mobility="repeat(exp(k), 6)",
        parameters={
            "A": numbers(1, 3, 2),
            "B": numbers(2, 2, 6),
            "F": numbers(3, 4, 3),
            "G": numbers(4, 3, 4),
            "S": numbers(5, 2, 2),
            "b": numbers(6, 4),
            "k": numbers(7, 2),
        },
        temperature=0.2,
    ),
}
LOSS = Loss("sum((places_mean(x, 2) - u)**2) + s*sum(each(M, x)**3)", targets={"u": 2},
            parameters={"s": 0.3, "M": numbers(8, 3, 2)})  # fmt: skip
TARGETS = numbers(9, N, 2)


def begin(system: lk.System) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(N, system.n_dim))


def found(name: str, scheme: str, **options: Any) -> Gradient:
    system = SYSTEMS[name]
    provider = DiscreteAdjoint(FixedSteps(STEP, scheme), **options)
    return provider.gradient(system, begin(system), TIMES, LOSS.of(system, u=TARGETS), rng=3)


@pytest.mark.parametrize(
    ("name", "scheme"), [("image", "rk4"), pytest.param("others", "euler", marks=pytest.mark.slow)]
)
def test_slopes_are_those_of_complex_steps(name: str, scheme: str) -> None:
    system, gradient = SYSTEMS[name], found(name, scheme)
    initial, T = begin(system), system.temperature

    def loss(readout: Any = None, **given: Any) -> Any:
        more = {"scheme": scheme, "time_step": STEP, "seed": 3, "temperature": T}
        states = path(system, given.pop("initial", initial), TIMES, **more, **given).astype(complex)
        return LOSS.of(system, parameters=readout, u=TARGETS).value(np.array(TIMES), states)

    assert gradient.loss == pytest.approx(float(np.real(loss())), rel=1e-13)
    assert set(gradient.parameters) == set(system.parameters)
    for key, value in system.parameters.items():
        exact = complex_step(lambda v, key=key: loss(parameters={key: v}), value)
        np.testing.assert_allclose(gradient.parameters[key], exact, rtol=0, atol=1e-12 * np.abs(exact).max())
    for key, value in LOSS.parameters.items():
        exact = complex_step(lambda v, key=key: loss(readout={key: v}), value)
        np.testing.assert_allclose(gradient.objective[key], exact, rtol=0, atol=1e-12 * np.abs(exact).max())
    for place in ((0, 0), (33, 7), (31, 11)):
        moved = np.array(initial, complex)
        moved[place] += 1e-30j
        exact = loss(initial=moved).imag / 1e-30
        assert gradient.initial[place] == pytest.approx(exact, rel=1e-12, abs=1e-12 * np.abs(gradient.initial).max())


@pytest.mark.slow
def test_single_precision_and_other_threads() -> None:
    exact = found("image", "rk4").parameters
    for key, value in found("image", "rk4", backend=lk.CPU(threads=2)).parameters.items():
        np.testing.assert_array_equal(value, exact[key])
    rough = found("image", "rk4", dtype="float32").parameters
    assert max(np.abs(rough[key] - exact[key]).max() / np.abs(exact[key]).max() for key in exact) < 1e-5


def test_a_slope_without_the_other_places_is_another() -> None:
    """The control: what one place sends to the shared weights is no slope of the loss."""
    system, gradient = SYSTEMS["image"], found("image", "euler")
    alone = {**system.parameters, "b2": system.parameters["b2"] + 0}

    def loss(at: NDArray[Any]) -> Any:
        drift = lk.System(
            coordinates={"x": 32}, drift=DRIFT.text.replace("repeat(b2, 16)", "b2_at"), temperature=0.0,
            parameters={**alone, "b2_at": np.tile(alone["b2"], 16)},
        )  # fmt: skip
        states = path(drift, begin(system), TIMES, scheme="euler", time_step=STEP, parameters={"b2_at": at})
        return LOSS.of(drift, u=TARGETS).value(np.array(TIMES), states)

    by_place = complex_step(loss, np.tile(alone["b2"], 16)).reshape(16, 2)
    np.testing.assert_allclose(by_place.sum(axis=0), gradient.parameters["b2"], rtol=1e-11)
    assert np.abs(by_place[0] - gradient.parameters["b2"]).max() > 0.5 * np.abs(gradient.parameters["b2"]).max()
