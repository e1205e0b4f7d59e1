"""The discrete adjoint: against complex steps through the same steps, in parameters, beginnings, times and T."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from paths import complex_step, path

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, NonFinite
from langevin_kit.learn import DiscreteAdjoint, DormandPrince, FixedSteps, Gradient, Loss

RNG = np.random.default_rng(0)
N, TIMES, STEP = 70, (0.1, 0.4, 1.0), 0.07
SYSTEM = lk.System(
    coordinates={"x": 3, "y": 2},
    energy="logsumexp(C @ x) + (x @ x)**2/8 + y @ y/2 + sin(t)*sum(x)*k",
    mobility={"x": "m + exp(-x**2)*q", "y": 2.0},
    drift={"y": "tanh(A @ x + b + t*c) - y"},
    parameters={
        "C": RNG.normal(size=(4, 3)),
        "A": RNG.normal(size=(2, 3)),
        "b": RNG.normal(size=2),
        "c": RNG.normal(size=2),
        "m": 0.3,
        "q": 0.5,
        "k": 0.7,
    },
    temperature=0.0,
)
LOSS = Loss(
    "sum((tanh(M @ x) - u)**2) + s*(y @ y)", targets={"u": 2}, parameters={"M": RNG.normal(size=(2, 3)), "s": 0.3}
)
TARGETS = RNG.normal(size=(2, N, 2))
BEGIN = RNG.normal(size=(N, 5))
OBJECTIVE = LOSS.of(SYSTEM, u=TARGETS)


def found(temperature: float, scheme: str = "euler", **options: Any) -> Gradient:
    provider = DiscreteAdjoint(FixedSteps(STEP, scheme), times=True, **options)
    return provider.gradient(replace(SYSTEM, temperature=temperature), BEGIN, TIMES, OBJECTIVE, rng=3)


def loss(**given: Any) -> Any:
    initial, times = given.pop("initial", BEGIN), given.pop("times", TIMES)
    states = path(SYSTEM, initial, times, time_step=STEP, seed=3, grid=TIMES, **given)
    return OBJECTIVE.value(np.array(TIMES), states)


def worst(a: Any, b: Any) -> float:
    return float(np.max(abs(np.asarray(a) - b)) / np.max(abs(np.asarray(b))))


CASES = [(0.0, "euler"), (0.0, "midpoint"), (0.0, "rk4"), (0.0, "dormand_prince"), (0.2, "euler")]


@pytest.mark.claim("A02", "D14")
@pytest.mark.parametrize(("temperature", "scheme"), CASES)
def test_slopes_are_those_of_complex_steps(temperature: float, scheme: str) -> None:
    # At T > 0 the noise, √K of the state with it, is replayed.
    gradient = found(temperature, scheme)
    same: dict[str, Any] = {"scheme": scheme, "temperature": temperature}
    assert gradient.loss == pytest.approx(loss(**same), rel=1e-13)
    for name, value in SYSTEM.parameters.items():
        exact = complex_step(lambda v, name=name: loss(parameters={name: v}, **same), value)
        assert worst(gradient.parameters[name], exact) < 1e-12
    assert gradient.times is not None
    assert worst(gradient.times, complex_step(lambda v: loss(times=v, **same), TIMES)) < 1e-12
    some = [(0, 0), (69, 4), (64, 2)]
    for place in some:
        moved = np.array(BEGIN, complex)
        moved[place] += 1e-30j
        assert gradient.initial[place] == pytest.approx(loss(initial=moved, **same).imag / 1e-30, rel=1e-12)
    if temperature > 0:
        same.pop("temperature")
        exact = complex_step(lambda v: loss(temperature=v[()], **same), temperature)
        assert gradient.temperature == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("name", LOSS.parameters)
def test_slopes_of_a_readout(name: str) -> None:
    states = path(SYSTEM, BEGIN, TIMES, scheme="euler", time_step=STEP)

    def of(value: Any) -> Any:
        return LOSS.of(SYSTEM, parameters={name: value}, u=TARGETS).value(np.array(TIMES), states.astype(complex))

    assert worst(found(0.0).objective[name], complex_step(of, LOSS.parameters[name])) < 1e-12


def test_noise_without_its_root_is_another_slope() -> None:
    # The control: what complex steps give where √K is held is far from what is found.
    held: dict[str, Any] = {"parameters": {"q": np.array(0.5 + 1e-30j)}, "scheme": "euler"}
    assert abs(loss(**held).imag / 1e-30 / found(0.2).parameters["q"] - 1) > 0.01


@pytest.mark.claim("C17")
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_euler_steps_are_those_of_a_run(dtype: str) -> None:
    # T = 0: bit for bit. T > 0: the same numbers, added in another order.
    for T in (0.0, 0.2):
        system = replace(SYSTEM, temperature=T)
        run = lk.simulate(
            system, initial=BEGIN, n_particles=N, time_step=0.125, n_steps=8, save_every=8, save_positions=True,
            rng=3, dtype=dtype, check=False,
        )  # fmt: skip
        provider = DiscreteAdjoint(FixedSteps(0.125, "euler"), times=True, dtype=dtype)
        mine = provider.gradient(system, BEGIN, [0.0, 1.0], LOSS.of(SYSTEM, u=TARGETS[0]), rng=3).states[-1]
        theirs = run.position.values[-1].T
        if T == 0:
            np.testing.assert_array_equal(mine.astype(dtype), theirs)
        else:
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=2e-14 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_bits_do_not_depend_on_threads(temperature: float) -> None:
    many = np.tile(BEGIN, (6, 1)), LOSS.of(SYSTEM, u=np.tile(TARGETS, (1, 6, 1)))
    system = replace(SYSTEM, temperature=temperature)
    one, three = (
        DiscreteAdjoint(FixedSteps(STEP, "euler"), times=True, backend=lk.CPU(threads=threads)).gradient(
            system, many[0], TIMES, many[1], rng=3
        )
        for threads in (1, 3)
    )
    for name, value in one.parameters.items():
        np.testing.assert_array_equal(value, three.parameters[name])
    np.testing.assert_array_equal(one.initial, three.initial)
    np.testing.assert_array_equal(one.times, three.times)


def test_a_particle_alone_has_its_bits() -> None:
    provider = DiscreteAdjoint(FixedSteps(STEP, "rk4"), times=True)
    by_component = Loss("x @ x + y @ y", targets={}).of(SYSTEM)
    for n in (64, 1):
        some = provider.gradient(SYSTEM, BEGIN[:n], TIMES, by_component)
        np.testing.assert_array_equal(some.states[:, 0], found(0.0, "rk4").states[:, 0])
        if n == 64:
            slope = some.initial[0]
    np.testing.assert_array_equal(some.initial[0] / 64, slope)


@pytest.mark.claim("D15")
@pytest.mark.parametrize(("temperature", "scheme"), [(0.0, "rk4"), (0.2, "euler")])
def test_checkpoints_change_no_slope(temperature: float, scheme: str) -> None:
    # Sums over steps are taken in another order, to the last digits.
    whole = found(temperature, scheme)
    for checkpoints in (0, 1, 3, "auto"):
        kept = found(temperature, scheme, checkpoints=checkpoints)
        np.testing.assert_array_equal(kept.initial, whole.initial)
        np.testing.assert_array_equal(kept.states, whole.states)
        assert kept.evaluations.backward == whole.evaluations.backward
        assert kept.evaluations.forward > whole.evaluations.forward
        for name, value in whole.parameters.items():
            assert worst(kept.parameters[name], value) < 1e-14


def test_each_step_is_computed_just_twice() -> None:
    for times in ([0.0, 1.0], TIMES):
        provider = DiscreteAdjoint(FixedSteps(0.01, "rk4"), "auto", times=True)
        some = provider.gradient(SYSTEM, BEGIN, times, LOSS.of(SYSTEM, u=TARGETS[: len(times) - 1]))
        assert some.evaluations.forward == 2 * some.evaluations.backward


def test_a_solver_that_goes_along_its_steps_makes_none_again() -> None:
    # The control: with checkpoints it does, and comes to the same slopes.
    stored, kept = (
        DiscreteAdjoint(DormandPrince(1e-5, 1e-5), checkpoints, times=True).gradient(SYSTEM, BEGIN, TIMES, OBJECTIVE)
        for checkpoints in (None, "auto")
    )
    assert kept.evaluations.forward == stored.evaluations.forward + 2 * kept.evaluations.backward
    np.testing.assert_array_equal(stored.states, kept.states)
    np.testing.assert_array_equal(stored.initial, kept.initial)
    assert worst(stored.parameters["C"], kept.parameters["C"]) < 1e-14


@pytest.mark.claim("D15")
def test_memory_grows_as_the_root_of_the_number_of_steps() -> None:
    def peak(n: int, checkpoints: Any) -> float:
        one = lk.CPU(threads=1)
        provider = DiscreteAdjoint(FixedSteps(1 / n, "euler"), checkpoints=checkpoints, times=True, backend=one)
        big = np.tile(BEGIN, (40, 1))
        objective = LOSS.of(SYSTEM, u=np.tile(TARGETS[0], (40, 1)))
        tracemalloc.start()
        provider.gradient(SYSTEM, big, [0.0, 1.0], objective)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / big.nbytes

    peak(16, None)
    stored = [peak(n, None) for n in (256, 1024)]
    kept = [peak(n, "auto") for n in (256, 1024)]
    assert stored[1] - stored[0] == pytest.approx(768, rel=0.1)  # a state a step
    # Checkpoints, and stages of a piece of as much room: those of 256 particles at a time.
    assert kept[1] - kept[0] == pytest.approx(2 * (256 / 2800) ** 0.5 * 16, rel=0.3)
    assert kept[1] < stored[1] / 20


@pytest.mark.claim("D13")
@pytest.mark.parametrize(
    ("scheme", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2), ("rk4", 4), ("dormand_prince", 5)]
)
def test_orders(scheme: str, order: int) -> None:
    # States and slopes, against the same scheme of order five in short steps.
    def at(n: int, scheme: str = scheme) -> Any:
        provider = DiscreteAdjoint(FixedSteps(1 / n, scheme), times=True)
        gradient = provider.gradient(SYSTEM, BEGIN / 2, [0.0, 1.0], LOSS.of(SYSTEM, u=TARGETS[0]))
        assert gradient.evaluations.forward == gradient.evaluations.backward == n * len_of[scheme]
        return np.concatenate([gradient.states.ravel(), gradient.parameters["C"].ravel(), gradient.times])

    exact = at(256, "dormand_prince")
    errors = [np.abs(at(n) - exact).max() for n in ((64, 32) if order == 5 else (32, 16))]
    assert np.log2(errors[1] / errors[0]) == pytest.approx(order, abs=0.35)


len_of = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4, "dormand_prince": 6}


@pytest.mark.claim("D16")
def test_irregular_times() -> None:
    # Where and when one looks changes no path: the same places at arbitrary times as each time alone.
    times = [0.0, 0.013, 0.4, 0.401, 1.0]
    targets = RNG.normal(size=(4, N, 2))
    solver = DormandPrince(1e-10, 1e-10)
    together = DiscreteAdjoint(solver, times=True).gradient(SYSTEM, BEGIN, times, LOSS.of(SYSTEM, u=targets))
    slopes = np.zeros((4, 3))
    for i, t in enumerate(times[1:]):
        alone = DiscreteAdjoint(solver, times=True).gradient(SYSTEM, BEGIN, [0.0, t], LOSS.of(SYSTEM, u=targets[i]))
        np.testing.assert_allclose(together.states[i], alone.states[0], rtol=0, atol=1e-8)
        slopes += alone.parameters["C"] / 4
    np.testing.assert_allclose(together.parameters["C"], slopes, rtol=0, atol=1e-8)


def test_dormand_prince_holds_its_tolerance() -> None:
    def at(tolerance: float) -> Gradient:
        solver = DormandPrince(tolerance, tolerance)
        return DiscreteAdjoint(solver, times=True).gradient(SYSTEM, BEGIN, TIMES, OBJECTIVE)

    exact = at(1e-13)
    tries = []
    for tolerance in (1e-4, 1e-6, 1e-8):
        gradient = at(tolerance)
        assert np.abs(gradient.states - exact.states).max() < 100 * tolerance
        assert worst(gradient.parameters["C"], exact.parameters["C"]) < 500 * tolerance
        tries.append(gradient.evaluations.backward)
    assert tries[0] < tries[1] < tries[2]


def test_slopes_of_an_adaptive_path_are_those_of_its_steps() -> None:
    # The steps it took, given again as observed times with one step between each, are the same path.
    solver = DormandPrince(1e-5, 1e-5)
    from langevin_kit.backends import CPU
    from langevin_kit.learn.gradient._path import Path

    of = Path.of(SYSTEM, BEGIN, [0.0, 1.0], solver.tableau, None, None, None)
    with of.engine("float64", CPU(), by_step=True) as engine:
        (steps,) = solver.steps(engine, of.begin("float64"), of.times).intervals
    targets = LOSS.of(SYSTEM, u=TARGETS[0])
    adaptive = DiscreteAdjoint(solver, times=True).gradient(SYSTEM, BEGIN, [0.0, 1.0], targets)
    times = np.append(steps.starts, 1.0)

    def again(values: Any) -> Any:
        states = path(SYSTEM, BEGIN, times, scheme="dormand_prince", time_step=9.0, parameters={"C": values})
        return targets.value(times[-1:], states[-1:])

    assert worst(adaptive.parameters["C"], complex_step(again, SYSTEM.parameters["C"])) < 1e-12


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: FixedSteps(0.0), "time_step"),
    (lambda: FixedSteps(0.1, "rk5"), "did you mean 'rk4'"),
    (lambda: DormandPrince(rtol=-1), "rtol"),
    (lambda: DiscreteAdjoint(FixedSteps(0.1), checkpoints="all"), "checkpoints"),  # type: ignore[arg-type]
    (lambda: DiscreteAdjoint(FixedSteps(0.1), dtype="float16"), "dtype"),
    (lambda: DiscreteAdjoint(0.1), "solver"),  # type: ignore[arg-type]
    (lambda: DiscreteAdjoint(FixedSteps(0.1), backend="cuda"), "backend"),  # type: ignore[arg-type]
    (lambda: DiscreteAdjoint(FixedSteps(0.1)).gradient(SYSTEM, BEGIN, TIMES, LOSS), "loss.of"),  # type: ignore[arg-type]
    (lambda: LOSS.of(SYSTEM, u=TARGETS * np.nan), "finite"),
    (lambda: gradient_of(system=lk.System(energy="x**2", temperature=0.0)), "vectors"),
    (lambda: gradient_of(initial=BEGIN[:, :4]), "initial"),
    (lambda: gradient_of(times=[0.0]), "times"),
    (lambda: gradient_of(times=[0.0, 0.0]), "times"),
    (lambda: gradient_of(learn=["D"]), "learn"),
    (lambda: gradient_of(solver=FixedSteps(0.1, "heun"), temperature=0.2), "Itô"),
    (lambda: gradient_of(solver=DormandPrince(), temperature=0.2), "T > 0|Itô"),
    (lambda: gradient_of(parameters={"C": np.eye(2)}), "parameters.C"),
    (lambda: gradient_of(parameters={"c0": 1.0}), "parameters: got 'c0'"),
    (lambda: LOSS.of(SYSTEM), "missing"),
    (lambda: LOSS.of(SYSTEM, u=TARGETS[..., :1]), "targets"),
    (lambda: LOSS.of(SYSTEM, u=TARGETS, v=TARGETS), "did you mean|known"),
    (lambda: Loss("x*x", targets={}).of(SYSTEM), "scalar"),
    (lambda: gradient_of(system=replace(SYSTEM, walls={"y": lk.reflecting(-9, 9)})), "walls"),
]


def gradient_of(
    *, system: lk.System = SYSTEM, solver: Any = None, temperature: float = 0.0, initial: Any = BEGIN,
    times: Any = TIMES, **options: Any,
) -> Gradient:  # fmt: skip
    moving = replace(system, temperature=temperature)
    return DiscreteAdjoint(solver or FixedSteps(0.1)).gradient(moving, initial, times, OBJECTIVE, **options)


@pytest.mark.parametrize(("call", "message"), BAD)
def test_refusals(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((InvalidArgument, lk.errors.InvalidExpression), match=message):
        call()


def test_paths_that_leave_the_numbers_are_named() -> None:
    system = lk.System(coordinates={"x": 2}, drift="x**3", temperature=0.0)
    objective = Loss("x @ x", targets={}).of(system)
    for solver, where in ((FixedSteps(0.5), "states"), (DormandPrince(), "solver")):
        with pytest.raises(NonFinite, match=where), np.errstate(all="ignore"):
            DiscreteAdjoint(solver, times=True).gradient(system, [[3.0, 1.0]], [0.0, 20.0], objective)


@pytest.mark.slow
def test_all_learn_subsets_agree() -> None:
    whole = found(0.0)
    for names in itertools.combinations(["C", "b"], 1):
        some = DiscreteAdjoint(FixedSteps(STEP, "euler"), times=True).gradient(
            SYSTEM, BEGIN, TIMES, OBJECTIVE, learn=names
        )
        assert set(some.parameters) == set(names)
        np.testing.assert_array_equal(some.parameters[names[0]], whole.parameters[names[0]])


def test_single_precision() -> None:
    system = lk.System(
        coordinates={"x": 3},
        drift="W @ tanh(x) + b",
        parameters={"W": RNG.normal(size=(3, 3)), "b": RNG.normal(size=3)},
        temperature=0.0,
    )
    begin = RNG.normal(size=(200, 3))
    objective = Loss("x @ x", targets={}).of(system)
    gradient = DiscreteAdjoint(FixedSteps(0.1), dtype="float32").gradient(system, begin, [0.0, 1.0], objective)
    for name, value in system.parameters.items():

        def of(v: Any, name: str = name) -> Any:
            return objective.value(
                np.array([1.0]), path(system, begin, (0.0, 1.0), scheme="rk4", time_step=0.1, parameters={name: v})
            )

        assert worst(gradient.parameters[name], complex_step(of, value)) < 1e-5
