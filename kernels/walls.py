"""What a step does at walls: turn back along the co-normal, go round, or end there.

A particle that a step has carried a distance d beyond a reflecting wall with inward normal n goes to
x + 2 d K n/(n·K n): the noise then sees a mirror in the metric of K, and no flux passes (Bossy, Gobet & Talay 2004,
J. Appl. Prob. 41, 877). Mirroring the coordinate alone is wrong as soon as K n is not along n.

Between two steps a particle may reach an absorbing wall and come back. Given both ends the path is nearly a Brownian
bridge, so it has crossed with probability exp(−2 d₀ d₁/(2T Sⁿⁿ Δt)), d₀ and d₁ the distances of its ends: weak order
one, where looking at the ends alone has one half (Mannella, Phys. Lett. A 254, 257 (1999); Gobet, Stoch. Proc. Appl.
87, 167 (2000)).
"""

from __future__ import annotations

from .jit import floor, fma, inline, nan_like


@inline
def overshoot(x: float, lower: float, upper: float) -> float:
    """How far x must go to be on the nearest wall: positive below `lower`, negative above `upper`, 0 between."""
    below = lower - x
    above = x - upper
    zero = x - x
    below = below if below > zero else zero
    return below - above if above > zero else below


@inline
def mirrored(x: float, lowest: float, highest: float) -> float:
    """Mirrored where it is beyond the lowest or the highest place there is; NaN if the image is beyond the other."""
    near = lowest if x < lowest else x
    near = highest if near > highest else near
    beyond = near - x
    y = x + (beyond + beyond)
    inside = (y >= lowest) & (y <= highest)
    return y if inside else nan_like(x)


@inline
def slope(s_ba: float, s_aa: float) -> float:
    """How far coordinate b moves along the co-normal K n while a moves by one; nowhere if K n = 0."""
    return s_ba / s_aa if s_aa > 0.0 else s_ba - s_ba


@inline
def held(x: float, lower: float, upper: float) -> float:
    """NaN for a particle that is still beyond a wall: the step is too long for the domain."""
    inside = lower <= x <= upper
    return x if inside else nan_like(x)


@inline
def settled(x: float, beyond: float, lower: float, upper: float) -> float:
    """On the wall if still beyond it after the last reflection in a corner; NaN if the step went `beyond` its width."""
    near = upper if x > upper else x
    near = lower if x < lower else near
    width = upper - lower
    return near if -width <= beyond <= width else nan_like(x)


@inline
def wrapped(x: float, lower: float, upper: float) -> tuple[float, float]:
    """The place in [lower, upper) that is the same as x, and how many periods x is away from it."""
    length = upper - lower
    turns = floor((x - lower) / length)
    y = fma(-turns, length, x)
    # Rounding may leave y an ulp beyond either end.
    over = y >= upper
    y = lower if over else y
    turns = turns + (length / length) if over else turns
    return lower if y < lower else y, turns


@inline
def bridge(distances: float, variance: float) -> float:
    """The logarithm of the probability that a Brownian bridge has met a wall, of the product of its ends' distances."""
    return -(distances + distances) / variance
