"""Neural ODEs: slopes in all parameters, fits with known answers, and fits that go on as if they had not ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import complex_step, path

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument, NotReversible, StoreCorrupt, StoreMismatch, UnboundedLearning
from langevin_kit.learn import (
    LBFGS,
    SGD,
    Adam,
    ContinuousAdjoint,
    DiscreteAdjoint,
    DormandPrince,
    Encoder,
    EquilibriumAdjoint,
    Fitted,
    FixedSteps,
    Loss,
    NeuralODE,
    ThermalCovariance,
)

RNG = np.random.default_rng(0)
N = 40
SYSTEM = lk.System(
    coordinates={"h": 3, "m": 2},
    drift={"h": "W @ tanh(V @ h + c*t) + B @ m", "m": "-g*m"},
    mobility={"h": "k", "m": 0.0},
    parameters={
        "W": RNG.normal(size=(3, 5)) / 2,
        "V": RNG.normal(size=(5, 3)) / 2,
        "c": RNG.normal(size=5),
        "B": RNG.normal(size=(3, 2)),
        "g": 0.7,
        "k": 0.3,
    },
    temperature=0.0,
)
LOSS = Loss("sum((D @ h - y)**2)", {"y": 2}, {"D": RNG.normal(size=(2, 3))})
ENCODER = Encoder({"h": "p", "m": "tanh(E @ p + e)"}, {"p": 3}, {"E": RNG.normal(size=(2, 3)), "e": RNG.normal(size=2)})
DATA = {"p": RNG.normal(size=(N, 3))}
TARGETS = {"y": RNG.normal(size=(2, N, 2))}
TIMES = (0.0, 0.5, 1.0)
MODEL = NeuralODE(SYSTEM, LOSS, TIMES, ENCODER, DiscreteAdjoint(FixedSteps(0.125)))


def noisy(paths: int = 1) -> NeuralODE:
    system = replace(SYSTEM, temperature=0.1)
    return replace(MODEL, system=system, provider=DiscreteAdjoint(FixedSteps(0.125, "euler")), paths=paths)


def fit(model: NeuralODE = MODEL, **options: Any) -> Fitted:
    given: dict[str, Any] = {"n_epochs": 4, "optimizer": Adam(0.01), "batch_size": 16, "rng": 5}
    return model.fit(DATA, TARGETS, **(given | options))


def same(a: Fitted, b: Fitted) -> None:
    """To the last bit, histories too."""
    for name, value in a.model.parameters.items():
        np.testing.assert_array_equal(value, b.model.parameters[name])
    assert (a.epoch, a.update) == (b.epoch, b.update)
    assert a.history.identical(b.history)


@pytest.mark.parametrize("name", MODEL.parameters)
def test_slopes_of_field_encoder_and_readout(name: str) -> None:
    for model in (MODEL, noisy()):
        if name == "k" and model is MODEL:
            continue
        _, slopes, _ = model.value_and_slopes(DATA, TARGETS, rng=2)

        def loss(value: Any, model: NeuralODE = model) -> Any:
            values = {**MODEL.parameters, name: value}
            m = np.tanh(values["E"] @ DATA["p"].T + values["e"][:, None]).T
            begin = np.concatenate([DATA["p"] + 0j, m], axis=1)
            scheme = "euler" if model.system.temperature else "rk4"
            states = path(
                model.system, begin, TIMES, scheme=scheme, time_step=0.125, seed=2, parameters=values,
                temperature=model.system.temperature,
            )  # fmt: skip
            out = np.einsum("oh,khn->kon", values["D"], states[:, :3])
            return ((out - np.swapaxes(TARGETS["y"], 1, 2)) ** 2).sum(axis=1).mean()

        exact = complex_step(loss, MODEL.parameters[name])
        assert np.abs(slopes[name] - exact).max() < 1e-12 * np.abs(exact).max()


def test_paths_of_a_datum_are_others_of_the_same_beginning() -> None:
    model = noisy(paths=3)
    states = model.states(DATA, rng=1)
    assert states.shape == (2, 3 * N, 5)
    at_once = states.reshape(2, N, 3, 5)
    assert np.abs(at_once[:, :, 0] - at_once[:, :, 1])[..., :3].min() > 0
    np.testing.assert_array_equal(at_once[:, :, 0, 3:], at_once[:, :, 2, 3:])  # m has no noise
    once, slopes, _ = model.value_and_slopes(DATA, TARGETS, rng=1)
    repeated = {"y": np.repeat(TARGETS["y"], 3, axis=1)}
    again, others, _ = replace(model, paths=1).value_and_slopes({"p": np.repeat(DATA["p"], 3, axis=0)}, repeated, rng=1)
    assert once == pytest.approx(again, rel=1e-14)
    for name, value in slopes.items():
        np.testing.assert_allclose(value, others[name], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("optimizer", [SGD(0.02), SGD(0.01, momentum=0.9), Adam(0.01), LBFGS()], ids=str)
def test_losses_fall(optimizer: Any) -> None:
    fitted = fit(optimizer=optimizer, batch_size=None, n_epochs=30)
    assert fitted.history.loss[-1] < 0.6 * fitted.history.loss[0]
    now, _, _ = fitted.model.value_and_slopes(DATA, TARGETS)
    assert now <= float(fitted.history.loss.min()) * 1.01
    assert fitted.model.value(DATA, TARGETS) == now


def test_a_linear_field_is_learnt_exactly() -> None:
    # x(1) = exp(A) x(0): the least squares have one answer of small norm, and L-BFGS finds it.
    A = np.array([[-0.3, 1.2], [-1.0, 0.1]])
    values, vectors = np.linalg.eig(A)
    carried = (vectors * np.exp(values) @ np.linalg.inv(vectors)).real
    data = RNG.normal(size=(30, 2))
    system = lk.System(coordinates={"x": 2}, drift="A @ x", parameters={"A": np.zeros((2, 2))}, temperature=0.0)
    model = NeuralODE(system, Loss("sum((x - y)**2)", {"y": 2}), provider=DiscreteAdjoint(DormandPrince(1e-10, 1e-10)))
    fitted = model.fit(data, {"y": data @ carried.T}, n_epochs=60, optimizer=LBFGS(tolerance=1e-12))
    np.testing.assert_allclose(fitted.model.parameters["A"], A, atol=1e-6)
    assert np.abs(fitted.model.predict("x", data)[-1] - data @ carried.T).max() < 1e-6


@pytest.mark.parametrize("model", [MODEL, noisy(2)], ids=["ode", "sde"])
def test_a_fit_that_goes_on_has_the_bits_of_the_whole(model: NeuralODE) -> None:
    options: dict[str, Any] = {
        "validation": (DATA, TARGETS),
        "observe": {"norm": lambda m: np.linalg.norm(m.parameters["W"])},
    }
    whole = fit(model, **options)
    part = fit(model, n_epochs=1, **options)
    same(fit(model, n_epochs=3, start=part, **options), whole)


def test_a_checkpoint_goes_on_where_a_crash_left_it(tmp_path: Path) -> None:
    file, turns, asked = tmp_path / "fit.npz", iter(range(2)), {"turn": lambda model: 1.0}
    whole = fit(observe=asked)
    with pytest.raises(StopIteration):
        fit(checkpoint=file, observe={"turn": lambda model: next(turns) * 0 + 1.0})
    same(fit(checkpoint=file, observe=asked), whole)
    held = file.read_bytes()
    same(fit(checkpoint=file, observe=asked), whole)  # nothing is left to do
    assert file.read_bytes() == held


def test_a_schedule_is_known_again_by_its_values(tmp_path: Path) -> None:
    # Another process has other functions.
    def falling(share: float) -> Adam:
        return Adam(lambda k: share / (1 + k))

    file = tmp_path / "fit.npz"
    whole = fit(optimizer=falling(0.01))
    fit(optimizer=falling(0.01), checkpoint=file, n_epochs=2)
    same(fit(optimizer=falling(0.01), checkpoint=file), whole)
    with pytest.raises(StoreMismatch, match="optimizer"):
        fit(optimizer=falling(0.02), checkpoint=file)


def test_a_later_stage_goes_on_with_what_was_learnt(tmp_path: Path) -> None:
    # Of other parameters and by another optimiser; killed, it goes on to its own end.
    first = fit(n_epochs=2)
    second = fit(n_epochs=2, start=first, learn=["g"], optimizer=SGD(0.01, 0.9))
    assert (second.epoch, second.history.sizes["update"]) == (4, 12)
    np.testing.assert_array_equal(second.model.parameters["W"], first.model.parameters["W"])
    assert second.model.parameters["g"] != first.model.parameters["g"]
    turns, file, asked = iter(range(1)), tmp_path / "second.npz", {"turn": lambda model: 1.0}
    begun = fit(n_epochs=2, observe=asked)
    with pytest.raises(StopIteration):
        fit(n_epochs=2, start=begun, checkpoint=file, observe={"turn": lambda model: next(turns) + 1.0})
    same(fit(n_epochs=2, start=begun, checkpoint=file, observe=asked), fit(n_epochs=2, start=begun, observe=asked))


def test_histories_with_other_numbers_are_refused_before_anything_is_learnt() -> None:
    plain, tested = fit(n_epochs=1), fit(n_epochs=1, validation=(DATA, TARGETS), spectra=2)
    for start, options in (
        (plain, {"validation": (DATA, TARGETS)}),
        (tested, {"validation": (DATA, TARGETS)}),
        (tested, {"validation": (DATA, TARGETS), "spectra": 3}),
    ):
        with pytest.raises(InvalidArgument, match="start: its history"):
            fit(start=start, **options)
    went_on = fit(n_epochs=1, start=tested, validation=(DATA, TARGETS), spectra=2).history
    assert went_on.sizes == {"update": 6, "epoch": 2, "place": 4, "mode": 5}


def test_every_provider_looks_without_slopes() -> None:
    system = lk.System(
        coordinates={"x": 2}, energy="a*(x @ x)/2 - x @ u", parameters={"a": 2.0, "u": [1.0, 0.0]}, temperature=0.3
    )
    data, loss = np.zeros((10, 2)), Loss("(x - y) @ (x - y)", {"y": 2})
    warm = NeuralODE(system, loss, provider=ThermalCovariance(0.05, n_samples=5, burn_in=20, replicas=4))
    targets = {"y": np.tile([0.5, 0.0], (10, 1))}
    assert warm.value(data, targets, rng=0) == pytest.approx(warm.value_and_slopes(data, targets, rng=0)[0], rel=1e-12)
    assert warm.states(data, rng=0).shape == (1, 10, 2)
    still = NeuralODE(replace(system, temperature=0.0), loss, provider=EquilibriumAdjoint())
    np.testing.assert_allclose(still.states(data)[0], targets["y"], atol=1e-12)
    history = warm.fit(data, targets, n_epochs=2, optimizer=SGD(0.1), validation=(data, targets), rng=0).history
    assert np.isfinite(history.validation_loss).all()


def test_a_path_that_cannot_be_solved_back_is_no_runaway() -> None:
    drift = {"h": "W @ tanh(V @ h + c*t) + B @ m - 40*h", "m": "-g*m"}
    provider = ContinuousAdjoint(FixedSteps(0.02), backsolve=True)
    with pytest.raises(NotReversible, match="contracts") as caught:
        fit(replace(MODEL, system=replace(SYSTEM, drift=drift), provider=provider))
    assert caught.value.learned.update == 0


def test_progress_is_told_by_epochs() -> None:
    told: list[Any] = []

    class Meter:
        def start(self, total: int, description: str) -> None:
            told.append((total, description))

        def advance(self, steps: float) -> None:
            told.append(steps)

        def stop(self) -> None:
            told.append("stop")

    fit(n_epochs=3, progress=Meter())
    assert told == [(3, "learning"), 1, 1, 1, "stop"]


def test_checkpoints_of_other_fits_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "fit.npz"
    fit(checkpoint=file, n_epochs=1)
    held = file.read_bytes()
    for options, what in (
        ({"rng": 6}, "seed"),
        ({"optimizer": Adam(0.02)}, "optimizer"),
        ({"batch_size": 8}, "batch_size"),
        ({"largest_slope": 1.0}, "largest_slope"),
        ({"model": MODEL.with_parameters({"g": 0.5})}, "parameters"),
        ({"model": replace(MODEL, times=(0.0, 0.5, 1.1))}, "times"),
    ):
        with pytest.raises(StoreMismatch, match=what):
            fit(checkpoint=file, **options)
    assert file.read_bytes() == held
    file.write_bytes(held[:100])
    with pytest.raises(StoreCorrupt, match=r"fit\.npz"):
        fit(checkpoint=file)


@pytest.mark.claim("D17")
def test_evaluations_and_spectra_are_kept() -> None:
    model = replace(MODEL, provider=DiscreteAdjoint(DormandPrince(1e-6, 1e-6)))
    history = fit(model, spectra=2).history
    assert history.sizes == {"update": 12, "epoch": 4, "place": 4, "mode": 5}
    assert (history.evaluations_forward > history.evaluations_backward).all()
    assert history.epoch_of_update.values.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    fitted = fit(model, spectra=2, n_epochs=1)
    # Of the last epoch: the Jacobian by hand.
    values = fitted.model.parameters
    states = fitted.model.states({"p": DATA["p"][:2]})
    for place, (t, x) in enumerate((t, x) for t, at in zip(TIMES[1:], states, strict=True) for x in at):
        slope = 1 - np.tanh(values["V"] @ x[:3] + values["c"] * t) ** 2
        J = np.zeros((5, 5))
        J[:3, :3], J[:3, 3:], J[3:, 3:] = values["W"] * slope @ values["V"], values["B"], -values["g"] * np.eye(2)
        exact = np.linalg.eigvals(J)
        found = fitted.history.isel(epoch=0, place=place)
        np.testing.assert_allclose(np.sort(exact.real), found.eigenvalue_real, atol=1e-10)
        assert float(found.stiffness) == pytest.approx(abs(exact).max() / abs(exact).min(), rel=1e-9)


def test_data_without_an_encoder_are_augmented_by_zeros() -> None:
    model = NeuralODE(SYSTEM, LOSS, provider=MODEL.provider)
    data = DATA["p"][:, :2]
    states = model.states(data, [0.0, 1e-9])
    np.testing.assert_allclose(states[0], np.concatenate([data, np.zeros((N, 3))], axis=1), atol=1e-7)
    assert set(model.parameters) == {*SYSTEM.parameters, "D"}


def test_slopes_of_zero_cost_a_way_back_as_others_do() -> None:
    # Evaluations on the way back are those of the equation, whatever the loss: only what looks alone has none.
    for provider in (MODEL.provider, ContinuousAdjoint(FixedSteps(0.125), backsolve=True)):
        flat = replace(MODEL, loss=Loss("0*sum(h)", {}), provider=provider)
        _, slopes, cost = flat.value_and_slopes(DATA)
        assert cost.backward == 32
        assert not any(np.any(value) for value in slopes.values())


def test_losses_that_are_not_finite_leave_what_was_learnt() -> None:
    with pytest.raises(UnboundedLearning, match="smaller learning_rate") as caught, np.errstate(all="ignore"):
        fit(optimizer=SGD(1e6), n_epochs=50)
    learned = caught.value.learned
    assert np.isfinite(learned.history.loss).all()
    assert learned.update == len(learned.history.loss) >= 1


def test_slopes_are_clipped() -> None:
    free, short = (fit(optimizer=SGD(1.0), n_epochs=1, batch_size=None, largest_slope=b) for b in (None, 1e-3))
    moved = [
        np.concatenate([np.ravel(f.model.parameters[name] - value) for name, value in MODEL.parameters.items()])
        for f in (free, short)
    ]
    assert np.linalg.norm(moved[1]) == pytest.approx(1e-3, rel=1e-9)
    np.testing.assert_allclose(moved[1] * np.linalg.norm(moved[0]) / 1e-3, moved[0], rtol=1e-9, atol=1e-12)


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: fit(n_epochs=0), "n_epochs"),
    (lambda: fit(batch_size=N + 1), "batch_size"),
    (lambda: fit(learn=["Q"]), "learn"),
    (lambda: fit(learn=[]), "learn"),
    (lambda: fit(spectra=N + 1), "spectra"),
    (lambda: fit(largest_slope=0.0), "largest_slope"),
    (lambda: fit(start=MODEL), "start"),
    (lambda: fit(optimizer=LBFGS()), "all data at once"),
    (lambda: fit(noisy(), optimizer=LBFGS(), batch_size=None), "noise"),
    (lambda: MODEL.fit(DATA, {"y": TARGETS["y"][:, :3]}, n_epochs=1, optimizer=Adam()), "targets"),
    (lambda: MODEL.fit({"q": DATA["p"]}, TARGETS, n_epochs=1, optimizer=Adam()), "encoder takes"),
    (lambda: MODEL.fit({"p": DATA["p"][:, :2]}, TARGETS, n_epochs=1, optimizer=Adam()), "data"),
    (lambda: NeuralODE(SYSTEM, LOSS).fit(np.zeros((N, 4)), TARGETS, n_epochs=1, optimizer=Adam()), "longer vector"),
    (lambda: NeuralODE(SYSTEM, LOSS, paths=0), "paths"),
    (lambda: NeuralODE(SYSTEM, "sum(h)"), "loss"),  # type: ignore[arg-type]
    (lambda: NeuralODE(SYSTEM, LOSS, provider="adjoint"), "provider"),  # type: ignore[arg-type]
    (lambda: NeuralODE(SYSTEM, LOSS, encoder="p"), "encoder"),  # type: ignore[arg-type]
    (lambda: fit(optimizer="adam"), "optimizer"),
    (lambda: NeuralODE(lk.System(energy="x**2", temperature=0.0), LOSS), "vectors"),
    (lambda: NeuralODE(SYSTEM, Loss("sum(W @ h)", {}, {"W": np.zeros((1, 3))})), "'W'.*taken"),
    (lambda: MODEL.with_parameters({"Q": 1.0}), "parameters"),
    (lambda: replace(MODEL, encoder=Encoder({"q": "p"}, {"p": 3})).states(DATA), "encoder"),
    (lambda: replace(MODEL, encoder=Encoder({"m": "p"}, {"p": 3})).states(DATA), "shape"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_refusals(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((InvalidArgument, lk.errors.InvalidExpression), match=message):
        call()
