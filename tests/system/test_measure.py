"""The reference measure of a system: its terms, in text and as functions, what it leaves alone, what is refused."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.codegen.pointwise import stepper_source
from langevin_kit.errors import InvalidArgument, InvalidExpression, NotNormalizable
from langevin_kit.estimate import dissipation_rate, free_energy_of_density, relaxation
from langevin_kit.random import philox_key, seed_sequence
from langevin_kit.scenario import loads
from langevin_kit.schemes import scheme_from
from langevin_kit.system.texts import Texts
from langevin_kit.testing import euler_maruyama

TENSOR = [["1 + x**2/4", "0.2 + 0.1*y"], ["0.2 - 0.1*y", "1.5"]]
GIVEN: dict[str, Any] = {"temperature": 0.7, "coordinates": ("x", "y"), "parameters": {"a": 0.3}}
TEXT = lk.System(energy="x**2/2 + a*y**2", mobility=TENSOR, measure="(2 + sin(y))/(1 + a*x**2)", **GIVEN)
FUNCTIONS = lk.System(
    energy=lambda x, y, a: x * x / 2 + a * y * y,
    mobility=((lambda x: 1 + x * x / 4, lambda y: 0.2 + 0.1 * y), (lambda y: 0.2 - 0.1 * y, 1.5)),
    measure=lambda x, y, a: (2 + math.sin(y)) / (1 + a * x * x),
    **GIVEN,
)
X = np.random.default_rng(0).normal(size=(2, 40))


def test_the_drift_is_that_of_the_definition() -> None:
    """T μ⁻¹ ∂_b(μ Kᵃᵇ) by central differences of μK, to 1e-8; at T = 0 there is none of it."""
    step, push = 1e-5, np.zeros_like(X)
    for b in range(2):
        shift = np.zeros((2, 1))
        shift[b] = step
        above, below = ((TEXT.measure_at(x) * TEXT.mobility_at(x))[:, b] for x in (X + shift, X - shift))
        push += (above - below) / (2 * step) / TEXT.measure_at(X)
    force = -np.einsum("abn,bn->an", TEXT.mobility_at(X), TEXT.gradient(X))
    np.testing.assert_allclose(TEXT.drift_at(X), force + 0.7 * push, atol=1e-8)
    cold = lk.System(energy="x**2/2", measure="exp(-x)", temperature=0.0)
    assert (cold.drift_at([[0.5]]) == -0.5).all()
    assert (cold.effective_energy_at([[0.5]]) == 0.125).all()


@pytest.mark.parametrize("name", ["measure_at", "effective_energy_at", "effective_gradient", "effective_hessian"])
def test_text_and_functions_are_one(name: str) -> None:
    for what in (name, "drift_at", "drift_jacobian", "reversible_drift_at"):
        one, two = getattr(TEXT, what)(X), getattr(FUNCTIONS, what)(X)
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-13)


def test_paths_of_text_and_functions_are_one() -> None:
    """And ⟨ln μ⟩, which both reduce in the run; NumPy's own path is the same, and a particle's that is replayed."""
    runs = [
        lk.simulate(
            system,
            initial=lk.initial.gaussian([0.0, 0.0], 0.2),
            n_particles=300,
            time_step=0.01,
            n_steps=50,
            save_every=50,
            save_positions=True,
            observables={"twice": "2*log_measure"},
            rng=0,
            check=False,
        )
        for system in (TEXT, FUNCTIONS)
    ]
    for name in ("position", "log_measure", "log_measure_stderr", "energy", "free_energy_from_entropy"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-11)
    np.testing.assert_allclose(runs[0].log_measure[-1], TEXT.log_measure_at(runs[0].position[-1]).mean(), rtol=1e-13)
    first, last = runs[0].position.values
    reference = euler_maruyama(TEXT, first, 0.01, 50, philox_key(seed_sequence(0)))
    np.testing.assert_allclose(last, reference, rtol=1e-9, atol=1e-12)
    replayed = lk.replay(runs[0], particle=7, first=40, n_steps=10)
    assert (replayed.position.values[-1].ravel() == last[:, 7]).all()
    np.testing.assert_allclose(runs[0].twice, 2 * runs[0].log_measure, rtol=1e-13)


def test_check_differentiates_the_measure_a_second_way() -> None:
    assert lk.check(TEXT).law is not None
    assert lk.check(FUNCTIONS).law is not None


@pytest.mark.parametrize("what", ["entropic", "measure"])
def test_check_sees_a_wrong_term(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the drift that the steps use, and of the measure that it is said to come from."""
    right, plain = Texts.evaluate, Texts.differentiable
    monkeypatch.setattr(
        Texts, "evaluate", lambda self, name, x, t: right(self, name, x, t) * (1.01 if name == what else 1)
    )
    monkeypatch.setattr(
        Texts,
        "differentiable",
        lambda self, name, x, t: [row * row if name == what else row for row in plain(self, name, x, t)],
    )
    with pytest.raises(InvalidArgument, match=r"drift: component .* where T ∇·K − K ∇\(E − T ln μ\) ="):
        lk.check(TEXT)


def test_a_measure_of_one_changes_nothing() -> None:
    """Not one letter of the source, the fingerprint or the record of a run."""
    given: dict[str, Any] = {"energy": "x**4", "mobility": "1 + x**2", "temperature": 1.0}
    plain, one, text = lk.System(**given), lk.System(**given, measure=1), lk.System(**given, measure="1")
    assert plain.content.fingerprint == one.content.fingerprint
    assert json.dumps(plain.to_dict()) == json.dumps(one.to_dict())
    assert "measure" not in plain.to_dict()
    for scheme in ("euler_maruyama", "mala"):
        sources = {stepper_source(s, scheme_from(scheme), "float64") for s in (plain, one, text)}
        assert len(sources) == 1
        assert "entropic" not in sources.pop()


def test_a_constant_measure_changes_z_alone() -> None:
    given: dict[str, Any] = {"energy": "x**2/2", "temperature": 1.0}
    one, two = lk.System(**given), lk.System(**given, measure=2.0)
    assert abs(lk.boltzmann(two).log_z - lk.boltzmann(one).log_z - math.log(2)) < 1e-12
    assert (two.drift_at(X[:1]) == one.drift_at(X[:1])).all()


def test_a_measure_may_be_all_that_confines() -> None:
    """An exponential of anything is no overflow far out: ln Z of a shifted normal law, and of one that is μ alone."""
    shifted = lk.System(energy="x**2/2", measure="exp(-x)", temperature=1.0)
    assert abs(lk.boltzmann(shifted).log_z - (math.log(2 * math.pi) + 1) / 2) < 1e-12
    alone = lk.System(measure="exp(-x**2/2)", temperature=0.3)
    assert abs(lk.boltzmann(alone).log_z - math.log(2 * math.pi) / 2) < 1e-12
    with pytest.raises(NotNormalizable, match=r"μ = 'exp.x.'"):
        lk.boltzmann(lk.System(measure="exp(x)", temperature=1.0))


def test_estimates_are_those_of_the_effective_energy() -> None:
    """KL, F and −dF/dt are; H is against μ, so that it differs by ⟨ln μ⟩."""
    measured = lk.System(energy="x**2/2", measure="exp(-x)", temperature=1.0)
    effective = lk.System(energy="x**2/2 + x", temperature=1.0)
    grid, rng = lk.Grid(x=lk.cells(-8, 8, 1024)), np.random.default_rng(0)
    x = rng.normal(-0.6, 1.2, 100_000)
    count = np.histogram(x, grid.edges[0])[0][None]
    mean, energy = np.array([x.mean()]), np.array([(x * x / 2).mean()])
    laws = [lk.boltzmann(measured)], [lk.boltzmann(effective)]
    one, two = relaxation(laws[0], grid, count, energy, None, -mean), relaxation(laws[1], grid, count, energy + mean)
    for name in one:
        shift = -mean if name == "entropy" else 0.0
        if name != "entropy_stderr":
            np.testing.assert_allclose(one[name], two[name] + shift, rtol=1e-9)
    assert abs(one["entropy_stderr"][0] - two["entropy_stderr"][0]) > 1e-4
    one, two = (dissipation_rate(law, grid, count) for law in laws)
    np.testing.assert_allclose(one.value, two.value, rtol=1e-9)
    density = count[0] / (len(x) * grid.volume)
    one, two = (free_energy_of_density(law[0], grid, density) for law in laws)
    np.testing.assert_allclose(one, two, rtol=1e-9)


def test_a_system_with_a_measure_is_built_again() -> None:
    """From plain data, from a pickle, and from a scenario file."""
    again = lk.System(**json.loads(json.dumps(TEXT.to_dict())))
    assert again.to_dict() == TEXT.to_dict()
    for system in (pickle.loads(pickle.dumps(TEXT)), again):
        assert (system.drift_at(X) == TEXT.drift_at(X)).all()
    text = """
title = "disc"
initial = { kind = "uniform", lower = [0.5], upper = [1.0] }
run = { n_particles = 100, time_step = 0.01, n_steps = 10, seed = 0 }
[system]
energy = "r**2"
measure = "r"
temperature = 1.0
coordinates = ["r"]
walls.r = { kind = "reflecting", lower = 0.0 }
"""
    assert loads(text, "disc.toml").system.measure == "r"
    with pytest.raises(Exception, match="rr"):
        loads(text.replace('measure = "r"', 'measure = "rr"'), "disc.toml")


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"measure": "1 + t**2"}, InvalidExpression, "changes with time; a function of position and parameters"),
        ({"measure": -1.0}, InvalidExpression, "measure: got -1.0; it must be positive"),
        ({"measure": "1 + z"}, InvalidExpression, "unknown name 'z'"),
        ({"measure": lambda x, t: 1 + t * x, "energy": 0.0}, InvalidArgument, "measure"),
        ({"measure": "1 + x", "energy": lambda x: x * x}, InvalidArgument, "measure: got the text"),
        (
            {"measure": "1 + x", "coordinates": {"x": 8}, "energy": "x @ x"},
            InvalidArgument,
            "vector of coordinates has",
        ),
    ],
    ids=["time", "negative", "name", "function of time", "text beside a function", "vector"],
)
def test_refusals(given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        lk.System(**{"energy": "x**2", "temperature": 1.0, **given})


def test_check_refuses_a_measure_that_is_not_positive() -> None:
    """Inside the domain; where particles start; and one that does not close on a ring. At a wall it may vanish."""
    given: dict[str, Any] = {"temperature": 1.0, "walls": {"x": lk.reflecting(-1.0, 1.0)}}
    with pytest.raises(InvalidArgument, match=r"measure is -0\.000.* at x = -0\.500.*must be positive"):
        lk.check(lk.System(measure="x + 0.5", **given))
    edge = lk.System(measure="1 - x**2", **given)
    assert lk.check(edge).law is not None
    with pytest.raises(InvalidArgument, match="measure is 0 at x = 1"):
        lk.check(edge, positions=np.array([[0.0, 1.0]]))
    with pytest.raises(InvalidArgument, match="measure is not periodic in 'x'"):
        lk.check(lk.System(measure="exp(x)", temperature=1.0, walls={"x": lk.periodic(0.0, 1.0)}))
    with pytest.raises(InvalidArgument, match="parameters: 'log_measure' is what observables call"):
        lk.simulate(
            lk.System(measure="exp(x)", parameters={"log_measure": 1.0}, **given),
            initial=lk.initial.point([0.0]),
            n_particles=1,
            time_step=0.1,
            n_steps=1,
            rng=0,
        )
