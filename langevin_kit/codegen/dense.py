"""A dense system and a scheme → the source of one module: a tile of particles through all steps, a gemm per product.

The state of a tile is a buffer (d, P) that stays in the cache while time goes on; P is part of the source, and tiles
are filled up with zeros. No sum runs over particles and each runs in a fixed order, so a particle's bits do not depend
on the tile it is in. No name a user typed reaches the source, and no value of a parameter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import chain, starmap
from types import ModuleType

from langevin_kit.cache import load
from langevin_kit.codegen.dense_loops import Loops, indented
from langevin_kit.codegen.dense_noise import Draw
from langevin_kit.codegen.dense_places import table_source
from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import Scheme
from langevin_kit.system.dense import DenseDerived, Move
from langevin_kit.system.dense.graph import CONTRACTIONS, PLACES, Node, is_value, postorder

LEAST_EXPONENT = {"float32": -64.0, "float64": -600.0}
"""Below it an exponential beside 1 is 0 in sums of exponentials: far under rounding, and products with numbers that are
no longer normal take a hundred times as long."""

FUNCTIONS = ("absolute", "atan", "atanh", "cos", "cosh", "exp", "log", "logcosh", "sign", "sin", "sinh", "sqrt", "tanh")
"""What generated source takes from `langevin_kit.kernels.elementary`."""

_TILE_BYTES = 8192
_ROW = 64
_WIDTHS = (32, 256)

_HEADER = """\
import math
import numpy as np
from langevin_kit.kernels.cpu.buffers import aligned, empty_tile, fill_tile, load, store
from langevin_kit.kernels.cpu.gemm import gemm, pack, pack_symmetric
from langevin_kit.kernels.cpu.places import give, take
from langevin_kit.kernels.jit import cached_driver, fma
from langevin_kit.kernels.elementary.{dtype} import {functions}
R = np.{dtype}
LEAST = R({least})
"""

_ADVANCE = """\
from langevin_kit.kernels.cpu.normals import draw_words, normals_{suffix} as normals
from langevin_kit.kernels.schemes.{scheme} import deterministic, stochastic
from langevin_kit.kernels.walls import mirrored

@cached_driver
def advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1, particle0=0):
    like = np.zeros(1, R)
    dt = R(time_step)
    amplitude = R(math.sqrt(2.0*temperature*time_step))
    T = R(temperature)
    b2 = aligned({d}, {P}, like)
{setup}
    for a in range(low, high, {P}):
        b = min(a + {P}, high)
        fill_tile(b2, X, a, b)
        for k in range(first, first + n_steps):
            t = R(k*time_step)
{each_step}
            if temperature > 0.0:
{draw}
{noisy}
            else:
{noiseless}
{each_end}
        empty_tile(b2, X, a, b)
"""

_SCALARS = """\
from langevin_kit.kernels.cpu.buffers import aligned, empty_tile, fill_tile, load, store
from langevin_kit.kernels.cpu.gemm import gemm, pack, pack_symmetric
from langevin_kit.kernels.cpu.places import give, take
LEAST = R({least})
{tables}

@cached_driver
def {name}(X, low, high, t, parameters, out):
    like = np.zeros(1, R)
    t = R(t)
    b2 = aligned({d}, {P}, like)
{setup}
    for a in range(low, high, {P}):
        b = min(a + {P}, high)
        fill_tile(b2, X, a, b)
{each_step}
{final}
        for i in range(b - a):
            {store}
"""


def tile_width(d: int, dtype: str) -> int:
    """Particles P of a tile: a power of two, whole strips of the gemm, few enough for the first-level cache."""
    width, widest = _WIDTHS
    item = int(dtype.removeprefix("float")) // 8
    while width < widest and 2 * width * d * item <= _TILE_BYTES:
        width *= 2
    return width


def row_width(outputs: Sequence[Node]) -> int:
    """Least particles of a tile where components are summed, in loops over the particles of one row after another.

    Those take four vectors at a time (`langevin_kit.kernels.wide`), and with fewer up to four times as long.
    """
    return _ROW if any(node.kind in CONTRACTIONS - PLACES - {"product"} for node in postorder(outputs)) else 0


def stepper_source(derived: DenseDerived, scheme: Scheme, dtype: str, walled: Collection[int] = ()) -> str:
    """Source of `advance(X, low, high, block_size, first, n_steps, parameters, time_step, temperature, key0, key1, …)`.

    It moves the columns low … high of X (d, n), whose column 0 is particle `particle0` (0 if left out), from step
    `first` through `n_steps` steps. `parameters` is `DenseDerived.flat_parameters`, and behind it `Wall.inside` as
    in `System.values` of the vectors whose numbers are `walled`; `block_size` is not used: the width of a tile is.
    """
    outputs = [output for move in derived.moves for output in move.outputs]
    outputs += derived.retractions.values()
    width = max(tile_width(derived.d, dtype), row_width(outputs))
    d = derived.d
    loops = Loops(derived, outputs, width)
    draw = Draw(scheme.noise, d, width, dtype)

    def kept(normals: Node) -> list[str]:
        return [loops.store(normals, "load(z, 1, q + i)")]

    turned: list[str] = []
    at = sum(value.size for value in derived.parameters.values()) + 2 * (dtype == "float64")
    for j in sorted(walled):
        state = derived.states[j]
        loops.setup += [f"{name} = R(parameters[{at + side}])" for side, name in enumerate(ends(j))]
        # A loop of its own costs a network's step 3 %; in the step's loop, where registers run out, 9 %.
        turned += [f"for at in range({state.shape[0] * width}):"]
        turned += [f"    {loops.store(state, mirrored(loops.load(state), j))}"]
        at += 4
    noisy: list[str] = []
    z, before = "load(z, 1, q + i)", draw.row
    if derived.noise_shapes:
        ordered = noise = loops.buffer(d)
        noisy += loops.loop(d, [], lambda: [f"store({ordered}, at, {z})"], before=draw.row(0))
        at = sum(value.size for value in derived.parameters.values())
        for rows, columns in derived.noise_shapes:
            matrix, source, noise = loops.packed(at, rows, columns), noise, loops.buffer(rows)
            noisy += [f"gemm({matrix}, {source.name}, {noise.name})"]
            at += rows * columns
        own = f"load({ordered}, at) + " if derived.adds_noise else ""
        z, before = f"({own}load({noise}, at))", lambda first: []
    for normals in loops.normals:
        (n,), row = normals.shape, draw.row(normals.first - d)
        noisy += loops.loop(n, [], partial(kept, normals), before=row)
    noisy += loops.each_draw

    def stochastic(move: Move) -> list[str]:
        def finish(force: str, divergence: str, noise: str) -> Sequence[str]:
            drift = force if is_value(move.divergence, 0) else f"fma(T, {divergence}, {force})"
            made = noise if move.is_rooted else f"{noise}*{z}"
            step = f"stochastic({loops.load(move.state)}, {drift}, {made}, dt, amplitude)"
            return [loops.store(move.state, step)]

        row = [] if move.is_rooted else before(move.state.first)
        return loops.loop(move.state.shape[0], move.outputs, finish, before=row)

    def returned(j: int, place: Node) -> list[str]:
        state = derived.states[j]
        return loops.loop(state.shape[0], [place], lambda value: [loops.store(state, value)])

    def deterministic(move: Move) -> list[str]:
        def finish(force: str) -> Sequence[str]:
            return [loops.store(move.state, f"deterministic({loops.load(move.state)}, {force}, dt)")]

        return loops.loop(move.state.shape[0], [move.force], finish)

    noisy += [*chain.from_iterable(map(stochastic, derived.moves)), *turned]
    noiseless = [*chain.from_iterable(map(deterministic, derived.moves)), *turned]
    each_end = [*loops.each_end, *chain.from_iterable(starmap(returned, derived.retractions.items()))]
    return (
        header(dtype)
        + table_source(loops.tables)
        + _ADVANCE.format(
            suffix=dtype.replace("float", "f"),
            scheme=scheme.name,
            d=d,
            P=width,
            setup=block([*draw.setup, *loops.setup], 1),
            each_step=block(loops.each_step, 3),
            draw=block(draw.lines, 4),
            noisy=block(noisy, 4),
            noiseless=block(noiseless, 4),
            each_end=block(each_end, 3),
        )
    )


def ends(j: int) -> tuple[str, str]:
    """What generated source calls `Wall.inside` of a vector, by its number."""
    return f"lower_end{j}", f"upper_end{j}"


def mirrored(place: str, j: int) -> str:
    """Source of a step's end, turned back where it is beyond a wall of a vector."""
    return f"mirrored({place}, {', '.join(ends(j))})"


def scalars_source(derived: DenseDerived, name: str, scalars: Mapping[int, Node]) -> str:
    """Source of `name(X, low, high, t, parameters, out)`: scalars of the particles low … high, in float64.

    Each goes to the row of `out` (rows, ≥ high − low) that is its key. The module it stands in has imported what
    `measure` needs.
    """
    width = tile_width(derived.d, "float64")
    loops = Loops(derived, list(scalars.values()), width)
    found = {row: loops.buffer(1) for row in scalars}
    final = loops.loop(
        0,
        list(scalars.values()),
        lambda *values: [f"store({b}, i, {v})" for b, v in zip(found.values(), values, strict=True)],
    )
    return _SCALARS.format(
        name=name,
        least=LEAST_EXPONENT["float64"],
        tables=table_source(loops.tables),
        d=derived.d,
        P=width,
        setup=block(loops.setup, 1),
        each_step=block(loops.each_step, 2),
        final=block(final, 2),
        store="; ".join(f"out[{row}, a - low + i] = {b.name}[0, i]" for row, b in found.items()),
    )


def stepper(derived: DenseDerived, scheme: Scheme, dtype: str, walled: Collection[int] = ()) -> ModuleType:
    """The compiled module of `stepper_source`."""
    check_scheme(scheme)
    return load(stepper_source(derived, scheme, dtype, walled))


def check_scheme(scheme: Scheme) -> None:
    """Refuse what a vector of coordinates does not take.

    Raises
    ------
    InvalidArgument
    """
    if scheme.halved:
        raise InvalidArgument("scheme: a vector of coordinates takes no halved steps in this version.")
    if scheme.noise.name != "gaussian":
        raise InvalidArgument(f"noise: got {scheme.noise.name!r}; a vector of coordinates takes 'gaussian' alone.")


def header(dtype: str) -> str:
    """What every module of a dense system begins with."""
    return _HEADER.format(dtype=dtype, least=LEAST_EXPONENT[dtype], functions=", ".join(FUNCTIONS))


def block(lines: Sequence[str], levels: int) -> str:
    """Lines further to the right, as one text."""
    for _ in range(levels):
        lines = indented(lines)
    return "\n".join(lines) or "    " * levels + "pass"
