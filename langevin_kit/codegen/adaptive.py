"""The loops of schemes that make, within one step of the run, as many steps as each particle needs.

What such a scheme's file writes is one of them; the loop around it is the `step` that all other code calls. Particles
take different numbers of turns, so these loops do not vectorise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langevin_kit.codegen.trace import Step
from langevin_kit.schemes import Scheme
from langevin_kit.system.lines import as_tuple, indent

Loop = tuple[str, str, str]
"""Definitions, and the lines of `noiseless_step` and of `step`."""

_ATTEMPT = """
from langevin_kit.kernels.jit import nan_like

@inline
def attempt({state}, {slopes}, {constants}dt):
{attempt}
    return ({y}, {slopes}, error,)
"""

_CONTROLLED = """\
    {targets} = coefficients({state})
    {first_slopes}
    n0 = n0 + R(1.0)
    h0 = h0 if h0 > R(0.0) else dt
    done = R(0.0)
    longest = R(10.0)
    turns = 0
    while done < dt and turns < {most} and x0 == x0:
        turns += 1
        left = dt - done
        is_last = R(1.01)*h0 >= left
        h = left if is_last else h0
        ({y}, {new_slopes}, error,) = attempt(t + done, {rest}{slopes}, {constants}h)
        n0 = n0 + R({evaluations})
        # A number that is none is as wrong as can be.
        bounded = error if error < R(1e7) else R(1e7)
        bounded = bounded if bounded > R(1e-12) else R(1e-12)
        factor = R(0.9)*exp(R({exponent})*log(bounded))
        factor = factor if factor > R(0.2) else R(0.2)
        next = h*(factor if factor < longest else longest)
        if error <= R(1.0):
            # The end of a step of the run cuts one short, and says nothing against its length.
            h0 = h0 if h < h0 and next < h0 else next
            done = dt if is_last else done + h
            longest = R(10.0)
            {accept}
        else:
            h0 = next
            longest = R(1.0)
    {end}
{walls}
"""

_PART = """
from langevin_kit.kernels.counter_rng import STREAM_TREE
from langevin_kit.kernels.jit import nan_like

@inline
def noiseless_fits({state}, {constants}dt):
{noiseless_fits}

@inline
def fits({state}, {constants}dt, temperature, amplitude):
{noisy_fits}

@inline
def noiseless_part({state}, {carried_and_bounds}dt):
{noiseless}
    return ({result},)

@inline
def part({state}, {carried_and_bounds}dt, temperature, amplitude, {z}):
{noisy}
    return ({result},)
"""

_HALVING = """\
    level = 0
    place = 0
    while place < {end} and x0 == x0:
        share = R(1.0)/R(1 << level)
        now = fma(dt, R(place)*R({unit!r}), t)
        if {prefix}fits(now, {rest}{constants}dt*share{thermal}):
{draw}
            {moved} = {prefix}part(now, {rest}{carried_and_bounds}dt*share{thermal}{v})
            n0 = n0 + R(1.0)
            place += 1 << ({most} - level)
            if level > 0 and (place >> ({most} - level)) & 1 == 0:
                level -= 1
        else:
            level += 1
            if level > {most}:
                {lost}
    {ends}
"""

_DESCENT = """\
            {v} = {z}
            for depth in range(level):
                node = (1 << depth) + (place >> ({most} - depth))
                sign = R(-1.0) if (place >> ({most} - 1 - depth)) & 1 else R(1.0)
{bridge}
"""

_ROOT_HALF = 0.5**0.5


@dataclass(frozen=True)
class Turn:
    """One turn of a loop, and what stands around it.

    Attributes
    ----------
    traces, bodies : pairs
        Of the scheme's step at T = 0 and above.
    outputs : list of str
        What `coefficients` returns.
    walls : pair of sequences of str
        Lines that bring y0, … back into the domain, at T = 0 and above.
    pieces : mapping of str to str
        Arguments and results of a step.
    """

    scheme: Scheme
    dtype: str
    traces: tuple[Step, Step]
    bodies: tuple[Sequence[str], Sequence[str]]
    outputs: list[str]
    walls: tuple[Sequence[str], Sequence[str]]
    pieces: Mapping[str, str]

    @property
    def rest(self) -> str:
        """The arguments of `coefficients` behind the time."""
        return "".join(f"{name}, " for name in self.pieces["state"].split(", ")[1:])

    def each(self, name: str) -> list[str]:
        """A name for each coordinate."""
        return [f"{name}{a}" for a in range(self.traces[0].d)]


def once(turn: Turn) -> Loop:
    """No loop: a step of the run is one of the scheme."""
    cold, warm = (indent([*body, *walls], 4) for body, walls in zip(turn.bodies, turn.walls, strict=True))
    return "", cold, warm


def controlled(turn: Turn) -> Loop:
    """The error of a turn decides its length; walls are looked at where the step of the run ends."""
    scheme = turn.scheme
    x, y, slopes, new = map(turn.each, "xyme")
    known = {**turn.pieces, "slopes": ", ".join(slopes), "new_slopes": ", ".join(new), "y": ", ".join(y)}
    loop = _CONTROLLED.format(
        **known,
        rest=turn.rest,
        targets=as_tuple(turn.outputs),
        first_slopes="; ".join(f"{m} = force{a}" for a, m in enumerate(slopes)),
        most=scheme.most,
        evaluations=float(scheme.evaluations),
        exponent=repr(-0.5 / scheme.strong_order),
        accept="; ".join(f"{old} = {now}" for old, now in zip([*x, *slopes], [*y, *new], strict=True)),
        end="; ".join(f"{b} = {a} if done >= dt else nan_like({a})" for a, b in zip(x, y, strict=True)),
        walls=indent(turn.walls[0], 4),
    ).rstrip()
    return _ATTEMPT.format(**known, attempt=indent(turn.bodies[0], 4)), loop, loop


def halving(turn: Turn) -> Loop:
    """A turn is halved until it fits, along the path that begins with the numbers of the whole step."""
    scheme, names = turn.scheme, turn.pieces["z"].split(", ")
    v = [f"v{name[1:]}" for name in names]
    _, noiseless, noisy = once(turn)
    noiseless_fits, noisy_fits = (indent(_criterion(turn, trace), 4) for trace in turn.traces)
    definitions = _PART.format(
        **turn.pieces, noiseless=noiseless, noisy=noisy, noiseless_fits=noiseless_fits, noisy_fits=noisy_fits
    )
    common = {
        **turn.pieces,
        "most": scheme.most,
        "end": 1 << scheme.most,
        "unit": 0.5**scheme.most,
        "rest": turn.rest,
        "lost": "; ".join(f"{a} = nan_like({a})" for a in turn.each("x")),
        "ends": "; ".join(f"y{a} = {x}" for a, x in enumerate(turn.each("x"))),
    }
    draw = _DESCENT.format(v=as_tuple(v), z=as_tuple(names), most=scheme.most, bridge=indent(_bridge(turn, v), 16))
    cold = _HALVING.format(**common, prefix="noiseless_", thermal="", v="", draw="")
    thermal = ", temperature, amplitude*sqrt(share)"
    warm = _HALVING.format(**common, prefix="", thermal=thermal, v=f", {', '.join(v)}", draw=draw.rstrip())
    return definitions, cold.rstrip(), warm.rstrip()


LOOPS = {"": once, "controlled": controlled, "halving": halving}
"""By `Scheme.loop`."""


def _criterion(turn: Turn, trace: Step) -> list[str]:
    assert turn.scheme.fits is not None
    step = Step(trace.made, turn.pieces["parameters"], (), cold=trace.is_cold)
    fit = turn.scheme.fits(step)
    return [*step.closed(turn.outputs), f"return {fit.name}"]


def _bridge(turn: Turn, v: Sequence[str]) -> list[str]:
    """Lines that draw b of a part, and go down to one of its halves."""
    per_call = turn.scheme.noise.per_call[turn.dtype]
    calls, lines = -(-len(v) // per_call), []
    for c in range(calls):
        stream = f"np.uint32(STREAM_TREE + node*{calls} + {c})"
        counter = f"np.uint32(particle), np.uint32(particle >> np.uint64(32)), np.uint32(k), {stream}"
        lines.append(f"a0, a1, a2, a3 = philox({counter}, key0, key1)")
        numbers = as_tuple([f"b{j}" for j in range(c * per_call, (c + 1) * per_call)])
        lines.append(f"{numbers} = numbers(a0, a1, a2, a3)")
    return [*lines, *(f"{name} = R({_ROOT_HALF!r})*({name} + sign*b{j})" for j, name in enumerate(v))]
