"""The kernels for CUDA that are proven, and what each may cost: registers and instructions per particle-step.

Budgets are what the assembler of the extra `cuda-check` makes of them, counted by `sass`, for compute capability 8.0
(A100) and 9.0 (H100). A kernel that comes to cost less lowers its budget; a new kernel enters here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.codegen.cuda_texts import dense_texts, library_text, rows_text, spins_text, step_text
from langevin_kit.networks import layer
from langevin_kit.observables import Observable, Plan, autocorrelation, maximum, mean_square_displacement, plan
from langevin_kit.schemes import EulerMaruyama, Scheme, scheme_from
from langevin_kit.system import SpinSystem, System, absorbing, reflecting, zoo
from langevin_kit.testing.sass import Assembled, Capability, assemble

Floats = NDArray[np.float64]

CAPABILITIES: tuple[Capability, ...] = ((8, 0), (9, 0))

_MULLER_BROWN = " + ".join(
    f"{a!r}*exp({b}*(x - ({u}))**2 + {c}*(x - ({u}))*(y - ({v})) + {d}*(y - ({v}))**2)"
    for a, b, c, d, u, v in (
        (-200 / 20, -1.0, 0.0, -10.0, 1.0, 0.0),
        (-100 / 20, -1.0, 0.0, -10.0, 0.0, 0.5),
        (-170 / 20, -6.5, 11.0, -6.5, -0.5, 1.5),
        (15 / 20, 0.7, 0.6, 0.7, -1.0, 1.0),
    )
)
_CROSS = "0.3*x*y/((1 + x**2)*(1 + y**2))"
_PLANE = ("x", "y")


def _energy(x: Any, y: Any) -> Any:
    return (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 4


def _mobility_of_x(x: Any) -> Any:
    return 1 + x**2 / (2 * (1 + x**2))


def _mobility_of_y(y: Any) -> Any:
    return 1 / (1 + y**2)


MODELS: dict[str, Callable[[], System]] = {
    "G1": lambda: System(energy="(x**2 - 1)**2/4", temperature=0.5),
    "G2": lambda: System(
        energy="(x**2 - 1)**2/4 + y**2/2 + x*y/4",
        mobility=[["1 + x**2/(2*(1 + x**2))", 0], [0, "1/(1 + y**2)"]],
        temperature=0.5,
        coordinates=_PLANE,
    ),
    "G2 as functions": lambda: System(
        energy=_energy, mobility=[[_mobility_of_x, 0], [0, _mobility_of_y]], temperature=0.5, coordinates=_PLANE
    ),
    "K(x)": lambda: System(energy="(x**2 - 1)**2", mobility="1/2 + 1/(1 + x**2)", temperature=0.5),
    "underdamped": lambda: System(
        energy="(q**2 - 1)**2 + p**2/2", mobility=[[0, -1], [1, 0.5]], temperature=0.5, coordinates=("q", "p")
    ),
    "W1": lambda: System(energy="(x**2 - 1)**2", temperature=0.5),
    "W2": lambda: System(
        energy=_MULLER_BROWN,
        mobility=[["1/(1 + x**2)", 0], [0, "1/(1 + y**2)"]],
        temperature=1.0,
        coordinates=_PLANE,
    ),
    "W4": lambda: System(
        energy="(x**2 - 1)**2 + y**2/2",
        mobility=[["1/(1 + x**2) + 0.2", _CROSS], [_CROSS, "1/(1 + y**2) + 0.2"]],
        temperature=0.5,
        coordinates=_PLANE,
    ),
    "escape": lambda: System(energy="(x**2 - 1)**2", temperature=0.5, walls={"x": absorbing(-0.2, 0.2)}),
    "double_well": zoo.double_well,
    "tilted_double_well": zoo.tilted_double_well,
    "rugged_well": zoo.rugged_well,
    "muller_brown": zoo.muller_brown,
    "mexican_hat": zoo.mexican_hat,
    "rosenbrock": zoo.rosenbrock,
    "egg_crate": zoo.egg_crate,
    "gaussian_mixture": lambda: zoo.gaussian_mixture([[-1.0, 0.0], [1.0, 1.0]]),
    "ornstein_uhlenbeck": lambda: zoo.ornstein_uhlenbeck([[2.0, -1.0, 0.0], [-1.0, 3.0, 0.5], [0.0, 0.5, 1.0]]),
    "lennard_jones_cluster": lambda: zoo.lennard_jones_cluster(3),
}
"""G1, G2: of kernels that were written by hand. W1, W2, W4: the workloads that speed is measured on. Walls that absorb.
The zoo."""

START: dict[str, Callable[[], Floats]] = {"lennard_jones_cluster": lambda: zoo.lattice(3)}
"""Where particles of a model may begin; at the origin if it is not here."""


def start(model: str) -> Floats:
    """A place (d,) of a model from which no force is steep."""
    return START[model]() if model in START else np.zeros(MODELS[model]().n_dim)


@dataclass(frozen=True)
class Budget:
    """The most that a kernel may take on one architecture.

    Attributes
    ----------
    registers : int
        32-bit registers a thread.
    instructions : float
        Machine instructions of the hot loop per particle-step, as `sass.Loop` counts them.
    """

    registers: int
    instructions: float


@dataclass(frozen=True)
class Row:
    """One kernel: `groups` of `codegen.cuda`, which makes nearly all steps of a run.

    Attributes
    ----------
    model : str
        A key of `MODELS`.
    dtype : str
    fast : bool
        The fast mode; the exact one otherwise.
    budgets : tuple of Budget
        One for each of `CAPABILITIES`.
    noise : str
        As of `EulerMaruyama`.
    method : str
        The scheme's name.
    """

    model: str
    dtype: str
    fast: bool
    budgets: tuple[Budget, Budget]
    noise: str = "gaussian"
    method: str = "euler_maruyama"

    def __str__(self) -> str:
        options = [name for name in (self.noise, self.method) if name not in ("gaussian", "euler_maruyama")]
        return " ".join([self.model, self.dtype, self.mode, *options])

    @property
    def mode(self) -> str:
        """`fast` or `exact`."""
        return "fast" if self.fast else "exact"

    @property
    def scheme(self) -> Scheme:
        """The scheme with the row's noise."""
        return _scheme(self.noise, self.method)

    @property
    def steps(self) -> int:
        """Steps in one round of the hot loop: those of a group; one where a bit is a number, in a loop within it."""
        scheme = self.scheme
        return 1 if scheme.noise.takes == "bit" else scheme.group(len(scheme.drawn(_system(self.model))), self.dtype)[0]

    def assembled(self, capability: Capability) -> Assembled:
        """Compile and assemble it; seconds.

        Raises
        ------
        BackendUnavailable
            If the extra `cuda-check` is not installed.
        """
        from langevin_kit.kernels.cuda.compiler import ptx

        made = _kernels(self.model, self.noise, self.method, self.dtype, self.fast)
        return assemble(ptx(made["groups"], made["signature"], capability, fast=self.fast), capability)

    def cost(self, assembled: Assembled) -> Budget:
        """What it takes."""
        return Budget(assembled.registers, len(assembled.hot_loop.instructions) / self.steps)


@cache
def _system(model: str) -> System:
    return MODELS[model]()


def _scheme(noise: str, method: str) -> Scheme:
    return scheme_from({"name": method, "noise": noise})


@cache
def _kernels(model: str, noise: str, method: str, dtype: str, fast: bool) -> dict[str, Any]:
    from langevin_kit.codegen.cuda import kernels

    return kernels(_system(model), _scheme(noise, method), dtype, fast=fast)


def _row(
    model: str, dtype: str, mode: str, *costs: float, noise: str = "gaussian", method: str = "euler_maruyama"
) -> Row:
    registers, instructions = costs[0::2], costs[1::2]
    a100, h100 = (Budget(int(r), i) for r, i in zip(registers, instructions, strict=True))
    return Row(model, dtype, mode == "fast", (a100, h100), noise, method)


# Registers and instructions of sm_80, then of sm_90.
ROWS = (
    _row("G1", "float32", "fast", 26, 22.25, 23, 22.25),
    _row("G1", "float32", "exact", 27, 44.25, 26, 44.25),
    _row("G1", "float64", "exact", 38, 77.5, 38, 98),
    _row("G2", "float32", "fast", 31, 67, 31, 67),
    _row("G2", "float32", "exact", 32, 146, 32, 145.5),
    _row("G2", "float64", "exact", 44, 232, 44, 272),
    _row("G2 as functions", "float32", "fast", 30, 69.5, 31, 69.5),
    _row("G2 as functions", "float32", "exact", 30, 152, 32, 151.5),
    _row("G2 as functions", "float64", "exact", 44, 237, 44, 277),
    _row("W1", "float32", "fast", 25, 23.25, 25, 23.25),
    _row("W1", "float32", "exact", 27, 45.25, 26, 45.25),
    _row("W1", "float64", "exact", 38, 78.5, 38, 99),
    _row("W2", "float32", "fast", 32, 117, 32, 117),
    _row("W2", "float32", "exact", 38, 254, 38, 253.5),
    _row("W2", "float64", "exact", 52, 379, 54, 448),
    _row("W4", "float32", "fast", 32, 100.5, 32, 100.5),
    _row("W4", "float32", "exact", 39, 189, 37, 188.5),
    _row("W4", "float64", "exact", 56, 278, 54, 331),
    _row("W1", "float32", "fast", 36, 80, 36, 101.5, noise="gaussian_53"),
    _row("W1", "float32", "fast", 21, 19.25, 21, 19.25, noise="three_point"),
    _row("W1", "float32", "fast", 23, 13, 23, 13, noise="rademacher"),
    _row("K(x)", "float32", "fast", 27, 33.25, 29, 33.25),
    _row("K(x)", "float32", "exact", 28, 73.5, 28, 73.25),
    _row("K(x)", "float32", "fast", 28, 38.25, 29, 38.25, method="milstein"),
    _row("K(x)", "float32", "fast", 31, 49.25, 31, 49.75, method="heun"),
    _row("K(x)", "float32", "fast", 30, 41.25, 31, 41.75, method="hutter_ottinger"),
    _row("K(x)", "float32", "fast", 30, 41.25, 29, 41.75, method="fixman"),
    _row("K(x)", "float32", "fast", 31, 63.25, 31, 63.75, method="platen"),
    _row("K(x)", "float32", "fast", 31, 141.25, 29, 141.75, method="strang"),
    _row("K(x)", "float32", "fast", 40, 74.25, 40, 74.5, method="mala"),
    _row("K(x)", "float32", "fast", 27, 35.25, 27, 35.25, method="hanggi_klimontovich"),
    _row("escape", "float32", "fast", 37, 63.5, 38, 65),
    _row("escape", "float32", "exact", 36, 116, 37, 115),
    _row("escape", "float64", "exact", 48, 183, 48, 223.5),
    _row("K(x)", "float32", "fast", 32, 60.25, 32, 60.75, method="pvd2"),
    _row("K(x)", "float32", "fast", 31, 43.25, 30, 43.75, method="tamed"),
    _row("double_well", "float32", "fast", 31, 25.5, 31, 26, method="leimkuhler_matthews"),
    _row("ornstein_uhlenbeck", "float32", "fast", 56, 76.5, 56, 76.25, method="ornstein_uhlenbeck"),
    _row("underdamped", "float32", "fast", 27, 26.25, 27, 26.25),
    _row("underdamped", "float32", "exact", 27, 48.25, 27, 48.25),
    _row("underdamped", "float32", "fast", 30, 28, 29, 28, method="baoab"),
    _row("double_well", "float32", "fast", 26, 24.25, 27, 24.25),
    _row("double_well", "float32", "exact", 28, 46.25, 28, 46.25),
    _row("tilted_double_well", "float32", "fast", 29, 26.25, 26, 26.25),
    _row("tilted_double_well", "float32", "exact", 30, 47.25, 30, 47.25),
    _row("rugged_well", "float32", "fast", 29, 32.5, 28, 32.5),
    _row("rugged_well", "float32", "exact", 29, 65.75, 31, 65.5),
    _row("muller_brown", "float32", "fast", 32, 99.5, 31, 99.5),
    _row("muller_brown", "float32", "exact", 32, 200, 32, 199.5),
    _row("mexican_hat", "float32", "fast", 29, 46.5, 29, 46.5),
    _row("mexican_hat", "float32", "exact", 28, 90.5, 28, 90.5),
    _row("rosenbrock", "float32", "fast", 29, 47.5, 30, 47.5),
    _row("rosenbrock", "float32", "exact", 30, 90.5, 30, 90.5),
    _row("egg_crate", "float32", "fast", 31, 69, 31, 69),
    _row("egg_crate", "float32", "exact", 31, 141.5, 31, 141),
    _row("gaussian_mixture", "float32", "fast", 40, 75.5, 40, 75.5),
    _row("gaussian_mixture", "float32", "exact", 43, 158, 42, 157.5),
    _row("ornstein_uhlenbeck", "float32", "fast", 40, 65.5, 40, 65.25),
    _row("ornstein_uhlenbeck", "float32", "exact", 37, 130.25, 37, 130),
    _row("lennard_jones_cluster", "float32", "fast", 48, 171, 48, 170.5),
    _row("lennard_jones_cluster", "float32", "exact", 48, 331, 48, 330.5),
)


@dataclass(frozen=True)
class Part:
    """A kernel whose time is not that of a loop over steps: what it measures, or a part of a vector's step.

    Attributes
    ----------
    name : str
    text : callable
        Compute capability → PTX.
    registers : (int, int)
        The most that it may take on each of `CAPABILITIES`.
    """

    name: str
    text: Callable[[Capability], str]
    registers: tuple[int, int]


def network(units: int = 64, seed: int = 0) -> System:
    """W3: leaky rectified units, driven by each other and by noise."""
    rng = np.random.default_rng(seed)
    return System(
        coordinates={"v": units},
        drift="U @ leaky_relu(v, 0.1) - v + I",
        parameters={"U": rng.normal(size=(units, units)) / units**0.5, "I": rng.normal(size=units)},
        temperature=0.1,
    )


_SCHEME = scheme_from(EulerMaruyama())


@cache
def _measured() -> Plan:
    observables: dict[str, str | float | Observable] = {
        "msd": mean_square_displacement(),
        "lag": autocorrelation("x"),
        "top": maximum("x"),
    }
    return plan(_system("W4"), observables, None)


@cache
def _network() -> System:
    return network()


def _of_network(name: str, *, fast: bool) -> Callable[[Capability], str]:
    return lambda capability: dense_texts(_network(), _SCHEME, "float32", capability, fast=fast)[1][name]


@cache
def _outputs() -> System:
    """A continuous Hopfield network in output coordinates."""
    return System(
        coordinates={"y": 64},
        energy="y @ atanh(y) + sum(log(1 - y**2))/2 - y @ W @ y/2",
        mobility="1 - y**2",
        temperature=0.1,
        parameters={"W": np.eye(64)},
        walls={"y": reflecting(-1.0, 1.0)},
    )


def _of_outputs(*, fast: bool) -> Callable[[Capability], str]:
    return lambda capability: dense_texts(_outputs(), _SCHEME, "float32", capability, fast=fast)[1]["noisy_1"]


@cache
def _softmax() -> System:
    """A softmax layer by its outputs, with a root and a return to the simplex."""
    own = layer("softmax", "h", 64)
    return System(
        coordinates={"h": 64},
        energy=f"{own.energy} - J @ h",
        mobility=own.mobility(),
        retraction={"h": own.retraction},
        temperature=0.1,
        parameters={"J": np.zeros(64)},
    )


def _of_softmax(*, fast: bool) -> Callable[[Capability], str]:
    return lambda capability: dense_texts(_softmax(), _SCHEME, "float32", capability, fast=fast)[1]["noisy_0"]


def _of_library(name: str) -> Callable[[Capability], str]:
    return lambda capability: library_text(name, "float32", capability)


def _of_steps(name: str) -> Callable[[Capability], str]:
    return lambda capability: step_text(_system("W4"), _SCHEME, "float32", name, capability, fast=True)


PARTS = (
    Part("steps inside a group", _of_steps("steps"), (32, 32)),
    Part("steps without noise", _of_steps("noiseless"), (22, 22)),
    Part("rows of a plan", lambda capability: rows_text(_measured(), "float32", capability), (28, 28)),
    Part("moments of tiles", _of_library("tile_moments"), (38, 41)),
    Part("extremes of tiles", _of_library("tile_extremes"), (34, 34)),
    Part("merging of tiles", _of_library("merge_tiles"), (48, 40)),
    Part("cells", _of_library("count_cells"), (30, 30)),
    Part("few cells", _of_library("count_few_cells"), (40, 32)),
    Part("leaks", _of_library("count_leaked"), (27, 39)),
    Part("absorbed", _of_library("count_absorbed"), (25, 23)),
    Part("W3, before a first step", _of_network("noisy_begin_0", fast=True), (28, 28)),
    Part("W3, fast", _of_network("noisy_1", fast=True), (32, 32)),
    Part("W3, fast, without noise", _of_network("noiseless_1", fast=True), (30, 32)),
    Part("W3, exact", _of_network("noisy_1", fast=False), (32, 32)),
    Part("within walls, fast", _of_outputs(fast=True), (32, 32)),
    Part("within walls, exact", _of_outputs(fast=False), (37, 40)),
    Part("on a simplex, fast", _of_softmax(fast=True), (48, 48)),
    Part("on a simplex, exact", _of_softmax(fast=False), (38, 40)),
    Part("W3, exact product", _of_network("product_64", fast=False), (78, 92)),
)


SPINS = 3000


@dataclass(frozen=True)
class Sweep:
    """The kernel of `kernels.cuda.spins` for `SPINS` spins.

    Attributes
    ----------
    update : str
        As of `SpinSystem`.
    is_short : bool
        Whether couplings have 16 bits.
    budgets : tuple of Budget
        One for each of `CAPABILITIES`; instructions are those of a thread for its attempt, looks left out.
    turns : (float, float) or None
        The most instructions of a thread to look at its attempt and to bring its own fields up to date with the first
        spin that turns: `SPINS`/256 of them. None where all turn at once.
    """

    update: str
    is_short: bool
    budgets: tuple[Budget, Budget]
    turns: tuple[float, float] | None = None

    def __str__(self) -> str:
        return f"spins {self.update} {'short' if self.is_short else 'long'}"

    def assembled(self, capability: Capability) -> Assembled:
        """Compile and assemble it."""
        return assemble(spins_text(_spins(self.update, self.is_short), capability), capability)


def spins(n: int, update: str, *, is_short: bool = True, temperature: float = 0.5, seed: int = 0) -> SpinSystem:
    """A Hopfield network of three patterns with fields; its couplings are multiples of 1/n where they are short."""
    rng = np.random.default_rng(seed)
    patterns, fields = rng.choice([-1.0, 1.0], size=(3, n)), rng.integers(-2, 3, n) / n
    couplings = (1.0 if is_short else np.pi) * patterns.T @ patterns / n
    return SpinSystem(couplings=couplings, fields=fields, update=update, temperature=temperature)


@cache
def _spins(update: str, is_short: bool) -> SpinSystem:
    return spins(SPINS, update, is_short=is_short)


SWEEPS = (
    Sweep("random", True, (Budget(40, 185), Budget(40, 221)), (118, 124)),
    Sweep("random", False, (Budget(40, 185), Budget(40, 221)), (130, 134)),
    Sweep("sequential", True, (Budget(40, 190), Budget(40, 224)), (118, 124)),
    Sweep("synchronous", True, (Budget(40, 204), Budget(40, 230))),
)
"""Registers, instructions an attempt and those of a look and a turn, of sm_80 and of sm_90."""


def table(rows: Iterable[Row] = ROWS) -> str:
    """Instructions per particle-step in Markdown, of the rows' budgets: sm_80 / sm_90."""
    columns = [("float32", True), ("float32", False), ("float64", False)]
    cells: dict[str, dict[tuple[str, bool], str]] = {}
    for row in rows:
        if row.noise == "gaussian" and row.method == "euler_maruyama":
            both = " / ".join(f"{budget.instructions:g}" for budget in row.budgets)
            cells.setdefault(row.model, {})[row.dtype, row.fast] = both
    lines = ["| model | float32, fast | float32, exact | float64, exact |", "| --- | --- | --- | --- |"]
    for model, found in cells.items():
        lines.append(" | ".join([f"| {model}", *(found.get(column, "–") for column in columns)]) + " |")
    return "\n".join(lines)
