"""Lines that bring a step's end back into the domain: turned along the co-normal, round a period, or absorbed."""

from __future__ import annotations

from collections.abc import Mapping

from langevin_kit.codegen.coefficients import Coefficients, Entries
from langevin_kit.system import System

SWEEPS = 4
"""Rounds of reflections in a corner of walls that K n does not meet at right angles. Mirrors in the metric of K bring a
particle back within π/angle reflections; 4 rounds are enough for correlations of S up to 0.92. Beyond that the rest,
some 1 of 10⁵ steps within a step's length of the corner, ends on the wall."""


def wall_lines(system: System, made: Coefficients, parameters: str) -> list[str]:
    """Lines that bring y0, … back into the domain and count turns."""
    mirrors, d = system.walled("reflecting"), system.n_dim
    ends = {a: _mirrors_of(system, a) for a in mirrors}
    lines = []
    corners = len(mirrors) > 1 and not system.facts.is_diagonal
    if mirrors and system.facts.is_diagonal:
        lines += [f"y{a} = fma(R(2.0), overshoot(y{a}, {ends[a]}), y{a})" for a in mirrors]
    elif mirrors:
        lines += [f"q{a} = y{a}" for a in range(d)]
        lines += [f"b{a} = overshoot(y{a}, {ends[a]})" for a in mirrors if corners]
        seen = {where: f"k{where[0]}_{where[1]}" for where in made.conormal}
        lines += _mirrored("q", "R(1.0)", ends, d, seen)
        if looks_twice(system):
            # The co-normal is that of the wall, not of where the step began: a point of it is now known well enough.
            seen = {where: f"m{where[0]}_{where[1]}" for where in made.conormal}
            arguments = ", ".join(["t", *(f"q{a}" for a in range(d)), *([parameters] if parameters else [])])
            lines += [f"({', '.join(seen.values())},) = mobility({arguments})"]
        for _ in range(SWEEPS if corners else 1):
            lines += _mirrored("y", "R(2.0)", ends, d, seen)
    for a in mirrors:
        end = f"settled(y{a}, b{a}" if corners else f"held(y{a}"
        lines.append(f"y{a} = {end}, {ends[a]})")
    for j, a in enumerate(system.walled("periodic")):
        lines += [f"y{a}, turned{j} = wrapped(y{a}, lower{a}, upper{a})", f"w{j} = w{j} + turned{j}"]
    return lines


def _mirrors_of(system: System, a: int) -> str:
    """The bounds of a coordinate beyond which particles turn back."""
    absorbs = system.walls[system.names[a]].sides("absorbing")
    lower = "R(-np.inf)" if "lower" in absorbs else f"lower{a}"
    return f"{lower}, {'R(np.inf)' if 'upper' in absorbs else f'upper{a}'}"


def _mirrored(name: str, share: str, mirrors: Mapping[int, str], d: int, k: Entries) -> list[str]:
    lines = []
    for a, ends in mirrors.items():
        lines += [f"d{a} = {share}*overshoot({name}{a}, {ends})", f"{name}{a} = {name}{a} + d{a}"]
        for b in range(d):
            if b != a and (b, a) in k:
                lines.append(f"{name}{b} = fma(slope({k[b, a]}, {k[a, a]}), d{a}, {name}{b})")
    return lines


def looks_twice(system: System) -> bool:
    """Whether K n at a wall may be another than where a step begins."""
    return bool(system.walled("reflecting")) and not (system.facts.is_diagonal or system.facts.has_constant_mobility)


def absorption_lines(system: System, *, cold: bool) -> list[str]:
    """Lines that leave a particle at the absorbing wall that it has met, and one that was absorbed where it is."""
    if not system.absorbers:
        return []
    lines = [line for j, a in enumerate(system.walled("absorbing")) if not cold for line in _crossing(system, a, j)]
    for k, (a, side) in enumerate(system.absorbers):
        beyond = f"(y{a} {'<=' if side == 'lower' else '>='} {side}{a})"
        between = "" if cold else f" | (meets{a} & {f'is_low{a}' if side == 'lower' else f'(not is_low{a})'})"
        lines.append(f"met{k} = {beyond}{between}")
    lines += [f"y{a} = {side}{a} if met{k} else y{a}" for k, (a, side) in enumerate(system.absorbers)]
    lines.append("stays = gone > R(0.0)")
    lines += [f"y{a} = x{a} if stays else y{a}" for a in range(system.n_dim)]
    lines += [f"w{j} = w{j} - turned{j} if stays else w{j}" for j in range(len(system.walled("periodic")))]
    met = " | ".join(f"met{k}" for k in range(len(system.absorbers)))
    # Flux is as good as steady during a step, so on the mean a particle is absorbed in the middle of it.
    lines.append(f"gone = gone if stays else fma(R(0.5), dt, t) if {met} else gone")
    return lines


def _crossing(system: System, a: int, number: int) -> list[str]:
    """Lines that decide whether a bridge between the ends of a step meets a wall: the nearer one, if there are two."""
    sides = system.walls[system.names[a]].sides("absorbing")
    away = {"lower": f"(x{a} - lower{a})*(y{a} - lower{a})", "upper": f"(upper{a} - x{a})*(upper{a} - y{a})"}
    lines = [f"{side}_way{a} = {away[side]}" for side in sides]
    lines.append(f"is_low{a} = {f'lower_way{a} < upper_way{a}' if len(sides) > 1 else 'lower' in sides}")
    way = f"lower_way{a} if is_low{a} else upper_way{a}" if len(sides) > 1 else f"{sides[0]}_way{a}"
    return [*lines, f"meets{a} = u{number} < exp(bridge({way}, amplitude*amplitude*s{a}_{a}))"]
