"""Every scheme: its bias and transients without sampling, its order along paths and at T = 0, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import CONSTANT, SCALAR, biases, oracle, step_of

import langevin_kit as lk
from langevin_kit.codegen import stepper
from langevin_kit.errors import InvalidArgument, MobilityJumps
from langevin_kit.schemes import SCHEMES, able, scheme_from
from langevin_kit.testing.ptxvm import Executor

STEPS = (0.1, 0.05, 0.025, 0.0125)
# Bias at Δt = 0.1, 0.05 and 0.025, measured with another program to two digits; and the order, at least, at the last.
BIAS = {
    "euler_maruyama": ((5.5e-2, 2.5e-2, 1.2e-2), 0.97),
    "milstein": ((4.2e-2, 1.8e-2, 8.0e-3), 0.97),
    "fixman": ((3.2e-2, 1.3e-2, 6.1e-3), 0.97),
    "heun": ((9.0e-3, 5.7e-3, 3.0e-3), 0.85),
    "hutter_ottinger": ((9.2e-3, 6.1e-3, 3.4e-3), 0.85),
    "platen": ((6.6e-3, 1.4e-3, 3.3e-4), 1.95),
    "strang": ((8.9e-3, 2.33e-3, 5.9e-4), 1.95),
    "pvd2": ((1.18e-3, 3.03e-4, 8.0e-5), 1.8),
    "hanggi_klimontovich": ((9.7e-3, 5.5e-3, 3.0e-3), 0.85),  # measured here alone
    "tamed": ((5.5e-2, 2.5e-2, 1.2e-2), 0.97),  # no step is cut
    "leimkuhler_matthews": ((3.8e-4, 1.04e-4, 2.7e-5), 1.9),  # of the same energy and K = 1, where it is
}
OTHER_TORUS = {"leimkuhler_matthews": CONSTANT}
COLD = {"euler_maruyama": 1, "milstein": 1, "heun": 2, "hutter_ottinger": 2, "fixman": 2, "platen": 2}
COLD |= {"strang": 4, "mala": 1, "hanggi_klimontovich": 1, "rk4": 4}
COLD |= {"leimkuhler_matthews": 1, "pvd2": 1, "tamed": 1, "adaptive": 1}
"""Orders at T = 0."""
_CROSS = "0.7*sin(x - y)"
TENSOR = lk.System(
    energy="cos(x) + 0.6*sin(y) + 0.3*cos(x - y)",
    mobility=[["1 + 0.2*sin(x)", _CROSS], [_CROSS, "1 + 0.2*cos(y)"]],
    temperature=1.0,
    coordinates=("x", "y"),
)


@pytest.mark.claim("C29")
@pytest.mark.parametrize("name", BIAS)
def test_the_stationary_law_of_a_scheme(name: str) -> None:
    expected, order = BIAS[name]
    mesh = (28, 16) if SCHEMES[name].begin else (96, 40)
    bias = biases(OTHER_TORUS.get(name, SCALAR), mesh, STEPS, name)
    np.testing.assert_allclose(bias[:3], expected, rtol=0.06)
    assert np.log2(bias[-2] / bias[-1]) > order


def test_every_scheme_with_noise_is_here() -> None:
    assert {*BIAS, "mala", "adaptive", "ornstein_uhlenbeck", "baoab"} == {
        name for name, scheme in SCHEMES.items() if "T = 0" not in scheme.needs
    }


@pytest.mark.claim("C29")
@pytest.mark.parametrize(("name", "order"), [(name, SCHEMES[name].weak_order) for name in BIAS])
def test_the_weak_order_of_transients(name: str, order: float) -> None:
    """Of three functions at t = 0.4, against the equation's own expectations."""
    known = oracle(OTHER_TORUS.get(name, SCALAR), name)
    bias = [known.transients_bias(0.4 / n, 0.4, [5.0 if name in OTHER_TORUS else 0.9])[0] for n in (8, 16)]
    assert np.log2(bias[0] / bias[1]) > order - 0.25


@pytest.mark.parametrize("name", ["hutter_ottinger", "fixman"])
def test_full_tensors_need_no_divergence(name: str) -> None:
    """Their noise has the mean T ∇·S Δt: without it the bias is that of a drift that is wrong at every step."""
    bias = biases(TENSOR, (26, 14), (0.1, 0.05), name)
    assert bias[0] < 0.06
    assert np.log2(bias[0] / bias[1]) > 0.8
    wrong = replace(TENSOR, drift=[f"-({e})" for e in map(str, TENSOR.derived.mobility_divergence)])
    assert biases(wrong, (26, 14), (0.05,), name)[0] > 3 * bias[1]


def log_ratio(system: lk.System, x: Any, y: Any, dt: float) -> np.ndarray:
    """ln of q(y) g(y → x) / (q(x) g(x → y)) with the density g of an Euler–Maruyama step, at T = 1 and t = 0."""

    def log_density(x: Any, y: Any) -> Any:
        s = np.moveaxis(system.mobility_at(x), -1, 0) * 2 * dt
        gap = (y - x - dt * system.drift_at(x)).T[..., None]
        return -0.5 * (gap * np.linalg.solve(s, gap)).sum(axis=(1, 2)) - 0.5 * np.linalg.slogdet(s)[1]

    rise = system.effective_energy_at(y) - system.effective_energy_at(x)
    return np.asarray(log_density(y, x) - log_density(x, y) - rise)


MEASURED = replace(SCALAR, measure="1.3 + cos(x - 1)")


@pytest.mark.parametrize("system", [SCALAR, TENSOR, MEASURED], ids=["scalar", "tensor", "measure"])
def test_a_metropolis_step_is_in_detailed_balance(system: lk.System) -> None:
    """It goes exactly where the uniform number is below the ratio that an independent formula gives, to 1e-12."""
    d, n, dt = system.n_dim, 3000, 0.3
    rng = np.random.default_rng(0)
    x, z = rng.uniform(0, 2 * np.pi, (d, n)), rng.normal(size=(d, n))
    one, no_count = stepper(system, scheme_from("mala"), "float64").step, 0.0

    def moved(e: np.ndarray) -> np.ndarray:
        """Where a step ends whose uniform number is exp(−e)."""
        rows = [one(0.0, *x[:, i], no_count, dt, 1.0, np.sqrt(2 * dt), *z[:, i], np.exp(-e[i])) for i in range(n)]
        return np.array(rows).T[:d]

    y = moved(np.zeros(n))
    went = (y != x).all(axis=0)
    proposed = step_of(system, "euler_maruyama", dt)(x, z)
    np.testing.assert_allclose(y[:, went], proposed[:, went], rtol=1e-14)
    ratio = log_ratio(system, x, proposed, dt)
    assert (went == (ratio > 0)).all() or np.abs(ratio[went != (ratio > 0)]).max() < 1e-12
    refused = ratio < -1e-6
    assert 0.1 < refused.mean() < 0.9
    for shift, goes in ((1e-12, True), (-1e-12, False)):
        at = moved(np.where(refused, np.maximum(-ratio + shift * (1 + np.abs(ratio)), 0.0), 0.0))
        assert ((at != x).all(axis=0) == goes)[refused].all()


def test_a_metropolis_step_has_the_law_at_any_step() -> None:
    """⟨cos x⟩ at Δt = 0.4 within 4.5 standard errors, where Euler–Maruyama is 20 of them away."""
    x = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    q = np.exp(-SCALAR.energy_at(x[None]))
    exact = float((np.cos(x) * q).sum() / q.sum())
    ring = replace(SCALAR, walls={"x": lk.periodic(0.0, 2 * np.pi)})
    apart = {}
    for name in ("mala", "euler_maruyama"):
        ds = lk.simulate(
            ring,
            initial=lk.initial.uniform([0.0], [2 * np.pi]),
            n_particles=200_000,
            time_step=0.4,
            n_steps=60,
            save_every=60,
            observables={"c": "cos(x)"},
            scheme=name,
            rng=1,
            check=False,
        )
        apart[name] = abs(float(ds["c"][-1]) - exact) / float(ds["c_stderr"][-1])
    assert apart["mala"] < 4.5
    assert apart["euler_maruyama"] > 20


def parabolas(v: float) -> float:
    return 0.05 * v * v if v < 0 else v * v / 2


def leaky(v: float) -> float:
    """(v − 0.3) g − L − g/2 of a leaky rectifier g = L′ with the slope 1/4."""
    g = 0.25 * v if v < 0 else v
    return (v - 0.3) * g - g * v / 2 - 0.5 * g


KINKS = {
    "parabolas": (lk.System(energy=parabolas, mobility=lambda v: 10.0 if v < 0 else 1.0, temperature=0.5,
                            coordinates=("v",)), 0.7597),
    "leaky": (lk.System(energy=leaky, mobility=lambda v: 4.0 if v < 0 else 1.0, temperature=0.5,
                        coordinates=("v",)), 0.2888),
}  # fmt: skip


def left_of(system: lk.System, scheme: str, *, check: bool = False) -> tuple[float, float]:
    """P(v < 0) and its standard error, at t = 10 with Δt = 0.005."""
    ds = lk.simulate(
        system,
        initial=lk.initial.gaussian([0.0], 1.0),
        n_particles=20_000,
        time_step=0.005,
        n_steps=2000,
        save_every=2000,
        observables={"left": "v < 0"},
        scheme=scheme,
        rng=1,
        check=check,
    )
    return float(ds.left[-1]), float(ds.left_stderr[-1])


@pytest.mark.claim("C24")
@pytest.mark.parametrize("kink", KINKS)
def test_a_mobility_that_jumps(kink: str) -> None:
    """The end point's noise and a Metropolis step find P(v < 0) within 4 s.e.; others miss a delta in ∇·K."""
    system, exact = KINKS[kink]
    with pytest.raises(
        MobilityJumps, match=r"jumps at v = 0, .*never meets.*right here: 'hanggi_klimontovich', 'mala'"
    ):
        left_of(system, "euler_maruyama", check=True)
    for scheme in ("hanggi_klimontovich", "mala"):
        left, error = left_of(system, scheme)
        assert abs(left - exact) < 4 * error + 1e-3, scheme
    for scheme, gap in (("euler_maruyama", 0.15), ("fixman", 0.01), ("hutter_ottinger", 0.01)):
        assert abs(left_of(system, scheme)[0] - exact) > gap, scheme


def path(system: lk.System, name: str, n_steps: int, halved: bool = False, **given: Any) -> np.ndarray:
    """Places (d, particle) at t = 1."""
    ds = lk.simulate(
        system,
        **{
            "initial": lk.initial.point([0.7] * system.n_dim),
            "n_particles": 1,
            "time_step": 1.0 / n_steps,
            "n_steps": n_steps,
            "save_every": n_steps,
            "save_positions": True,
            "rng": 3,
            "check": False,
            "scheme": {"name": name, "halved": halved},
            **given,
        },
    )
    return np.asarray(ds.position.values[-1])


DRIVEN = {
    "leimkuhler_matthews": (replace(CONSTANT, drift=["1.5"]), 1.0),
    "pvd2": (replace(SCALAR, drift=["1.5"]), 1.0),
    "heun": (replace(CONSTANT, drift=["1.5"]), 2.0),
    "platen": (replace(SCALAR, drift=["1.5"]), 2.0),
}


@pytest.mark.parametrize("name", DRIVEN)
def test_without_detailed_balance_memory_helps_no_averages(name: str) -> None:
    """A current breaks it: they are of order 1 then and refuse, where schemes of weak order 2 stay of order 2."""
    system, order = DRIVEN[name]
    coarse, fine = (oracle(system, name).averages_bias(dt)[0] for dt in (0.025, 0.0125))
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.15)
    assert (name in able(system)) == (order == 2)


LINE_OF_ITS_OWN = {
    "baoab": lk.System(
        energy="(q**2 - 1)**2/4 + p**2/2",
        mobility=[[0, -1], [1, "1 + q**2/2"]],
        temperature=0.5,
        coordinates=("q", "p"),
    ),
    "ornstein_uhlenbeck": lk.System(energy="x**2", temperature=0.5),
}


@pytest.mark.claim("C29")
@pytest.mark.parametrize("name", [*BIAS, *LINE_OF_ITS_OWN])
def test_the_strong_order_along_common_paths(name: str) -> None:
    """Root mean square of x(Δt) − x(Δt/2) of the same Brownian path."""
    mobility = 1 if "constant S" in SCHEMES[name].needs else "1/(1 + x**2)"
    bent = lk.System(energy="x**2/2", mobility=mobility, temperature=0.5)
    system = LINE_OF_ITS_OWN.get(name, bent)
    many = {"n_particles": 4000}
    gaps = [
        np.sqrt(np.mean((path(system, name, n, **many) - path(system, name, 2 * n, halved=True, **many)) ** 2))
        for n in (32, 128)
    ]
    order = np.log(gaps[0] / gaps[1]) / np.log(4)
    # One coordinate: noise commutes, and what is of order ½ in general may be of order 1.
    assert order > SCHEMES[name].strong_order - 0.1


@pytest.mark.claim("C17")
@pytest.mark.parametrize(("name", "order"), COLD.items())
def test_at_t_0_a_scheme_is_a_method_for_ordinary_equations(name: str, order: int) -> None:
    """The known order of a method, on an equation that depends on time; no random number is drawn."""
    cold = lk.System(energy="(x - sin(2*t))**2 + x**4/8", mobility="1 + t/2", temperature=0.0)
    ends = np.array([path(cold, name, n)[0, 0] for n in (50, 100, 200)])
    assert np.log2((ends[1] - ends[0]) / (ends[2] - ends[1])) == pytest.approx(order, abs=0.08)
    assert path(cold, name, 50, rng=4)[0, 0] == ends[0]


@pytest.mark.parametrize(
    ("name", "system", "said"),
    [
        ("milstein", TENSOR, "a noise of its own.*there are 'euler_maruyama', 'hutter_ottinger', 'fixman'"),
        ("platen", replace(SCALAR, coordinates=("x", "y")), "a noise of its own"),
        ("hutter_ottinger", replace(TENSOR, mobility=[[1, 2], [-2, 1]]), "K must be symmetric"),
        ("fixman", replace(TENSOR, mobility=[[0, 0], [0, 1]]), "no coordinate may be without noise"),
        ("heun", replace(SCALAR, walls={"x": lk.reflecting(-1, 1)}), "there are 'euler_maruyama', 'milstein'"),
        ("rk4", SCALAR, "the temperature must be 0"),
        ("mala", replace(SCALAR, drift=["1"]), "an extra drift has no law"),
        ("heun", lk.System(energy="v @ v", temperature=1.0, coordinates={"v": 3}), "takes 'euler_maruyama' alone"),
    ],
)
def test_what_a_scheme_cannot_do_is_refused_by_name(name: str, system: lk.System, said: str, tmp_path: Path) -> None:
    """On either backend, with nothing written."""
    for backend in ("cpu", lk.CUDA(device=Executor())):
        with pytest.raises(InvalidArgument, match=f"scheme: got '{name}'; .*{said}"):
            path(system, name, 10, backend=backend, store=tmp_path / "run.zarr")
    assert not list(tmp_path.iterdir())


def table() -> str:
    """The table in README.md: of SCHEMES, and of the biases above."""
    lines = [
        "| scheme | calculus | order of paths, transients, averages | evaluations | bias at 0.1, 0.025 | needs | for |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, scheme in SCHEMES.items():
        bias = (
            ", ".join(f"{BIAS[name][0][k]:.1e}" for k in (0, 2))
            if name in BIAS
            else "none"
            if np.isinf(scheme.average_order)
            else "–"
        )
        three = (scheme.strong_order, scheme.weak_order, scheme.average_order)
        orders = ", ".join("∞" if np.isinf(order) else f"{order:g}" for order in three)
        needs = "; ".join(scheme.needs) or "–"
        cells = (f"`{name}`", scheme.calculus, orders, str(scheme.evaluations), bias, needs, scheme.use)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_readme_shows_the_schemes() -> None:
    """Put `table()` between the marks, if it does not."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.split("<!-- schemes:begin -->\n")[1].split("\n<!-- schemes:end -->")[0]
    assert shown == table()
