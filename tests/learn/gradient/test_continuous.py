"""The adjoint equation: its order against the steps' own slopes, its signs, and where it must be refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, NotReversible
from langevin_kit.learn import ContinuousAdjoint, DiscreteAdjoint, DormandPrince, FixedSteps, Gradient, Loss

RNG = np.random.default_rng(0)
D, HIDDEN, N = 2, 16, 8
SYSTEM = lk.System(
    coordinates={"x": D},
    drift="W3 @ tanh(W2 @ tanh(W1 @ x + b1) + b2*cos(t)) + b3 - k*x",
    parameters={
        "W1": RNG.normal(size=(HIDDEN, D)) / np.sqrt(D),
        "b1": RNG.normal(size=HIDDEN) / 10,
        "W2": RNG.normal(size=(HIDDEN, HIDDEN)) / np.sqrt(HIDDEN),
        "b2": RNG.normal(size=HIDDEN) / 10,
        "W3": RNG.normal(size=(D, HIDDEN)) / np.sqrt(HIDDEN),
        "b3": RNG.normal(size=D) / 10,
        "k": 0.0,
    },
    temperature=0.0,
)
BEGIN, TIMES = RNG.normal(size=(N, D)), (0.0, 0.9, 2.0)
OBJECTIVE = Loss("sum((x - y)**2)/2", targets={"y": D}).of(SYSTEM, y=RNG.normal(size=(N, D)))


def flat(gradient: Gradient) -> Any:
    assert gradient.times is not None
    parts = [np.ravel(value) for value in gradient.parameters.values()]
    return np.concatenate([*parts, gradient.initial.ravel(), gradient.times])


def discrete(solver: Any) -> Any:
    return flat(DiscreteAdjoint(solver, times=True).gradient(SYSTEM, BEGIN, TIMES, OBJECTIVE))


def distance(a: Any, b: Any) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.claim("A01", "B01", "B02")
@pytest.mark.parametrize("backsolve", [False, True])
def test_order_four_with_all_signs(backsolve: bool) -> None:
    # +∫ a ∂f/∂θ: with the sign of the source the distance would be 2.
    errors = []
    for n in (40, 80):
        solver = FixedSteps(2 / n)
        mine = ContinuousAdjoint(solver, backsolve=backsolve).gradient(SYSTEM, BEGIN, TIMES, OBJECTIVE)
        errors.append(distance(flat(mine), discrete(solver)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.1)
    fine = ContinuousAdjoint(FixedSteps(2 / 400), backsolve=backsolve).gradient(SYSTEM, BEGIN, TIMES, OBJECTIVE)
    assert distance(flat(fine), discrete(FixedSteps(2 / 400))) < 1e-12


@pytest.mark.claim("A03")
def test_slopes_of_euler_steps_tend_to_the_adjoint_equations() -> None:
    exact = discrete(FixedSteps(1 / 200))
    errors = [distance(discrete(FixedSteps(1 / n, "euler")), exact) for n in (100, 200)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.05)


def test_adaptive_steps_back() -> None:
    exact = discrete(FixedSteps(1 / 200))
    for backsolve in (False, True):
        provider = ContinuousAdjoint(DormandPrince(1e-8, 1e-8), backsolve=backsolve)
        gradient = provider.gradient(SYSTEM, BEGIN, TIMES, OBJECTIVE)
        assert distance(flat(gradient), exact) < 1e-5
        assert gradient.evaluations.backward > 20


@pytest.mark.claim("D15")
def test_a_contracting_field_is_refused_with_the_measured_reason() -> None:
    contracting = {"parameters": {"k": 20.0}}
    once = (0.0, 2.0)
    solver = FixedSteps(2 / 100)
    with pytest.raises(NotReversible, match=r"rate of up to 2\d\.\d.*DiscreteAdjoint"):
        ContinuousAdjoint(solver, backsolve=True).gradient(SYSTEM, BEGIN, once, OBJECTIVE, **contracting)
    kept = ContinuousAdjoint(FixedSteps(2 / 800)).gradient(SYSTEM, BEGIN, once, OBJECTIVE, **contracting)
    exact = DiscreteAdjoint(FixedSteps(2 / 800), times=True).gradient(SYSTEM, BEGIN, once, OBJECTIVE, **contracting)
    assert distance(flat(kept), flat(exact)) < 1e-6
    # A little contraction is allowed.
    ContinuousAdjoint(solver, backsolve=True).gradient(SYSTEM, BEGIN, once, OBJECTIVE, parameters={"k": 1.0})


def test_noise_is_refused() -> None:
    from dataclasses import replace

    with pytest.raises(InvalidArgument, match="DiscreteAdjoint"):
        ContinuousAdjoint(FixedSteps(0.1)).gradient(replace(SYSTEM, temperature=0.1), BEGIN, TIMES, OBJECTIVE)


@pytest.mark.claim("B03")
def test_paths_stay_on_the_sphere_they_begin_on() -> None:
    # A field along the sphere, as an embedded constraint: x × (A x). Its norm is kept to the order of the scheme.
    system = lk.System(
        coordinates={"x": 3},
        drift="J1 @ x * (a1 @ x) + J2 @ x * (a2 @ x) + J3 @ x",
        parameters={
            "J1": [[0, 1, 0], [-1, 0, 0], [0, 0, 0]],
            "J2": [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
            "J3": [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
            "a1": [0.3, -1.0, 2.0],
            "a2": [1.0, 0.5, -0.7],
        },
        temperature=0.0,
    )
    begin = np.random.default_rng(1).normal(size=(9, 3))
    begin /= np.linalg.norm(begin, axis=1, keepdims=True)
    objective = Loss("x @ x", targets={}).of(system)
    for tolerance in (1e-6, 1e-9):
        found = ContinuousAdjoint(DormandPrince(tolerance, tolerance)).gradient(system, begin, [0, 3], objective)
        assert np.abs(np.linalg.norm(found.states[0], axis=1) - 1).max() < 20 * tolerance
        # |x|² = 1 wherever it begins on the sphere: its slope there is x alone, which leads off it.
        along = found.initial - (found.initial * begin).sum(axis=1, keepdims=True) * begin
        assert np.abs(along).max() < 100 * tolerance
