"""The table of noises: what a step multiplies by √(2TΔt) σ; the numbers themselves are made in `kernels/noise.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from langevin_kit.errors import InvalidArgument, did_you_mean


@dataclass(frozen=True)
class Noise:
    r"""One kind of independent numbers ζ with mean 0 and variance 1 that stand for the increments ΔW/√Δt.

    A normal ζ is right for everything. A discrete one has the normal law's first moments only,

    .. math:: ⟨ζ^k⟩ = ⟨z^k⟩,\quad z ∼ N(0, 1),\quad k ≤ \text{moments},

    which is enough for means of smooth functions in the limit of small steps, up to the weak order below. It is wrong
    for paths, for first passages, for tails and for anything else within a few steps.

    Attributes
    ----------
    name : str
        The name a scheme takes as ``noise=``.
    per_call : mapping of str to int
        How many numbers the four 32-bit words of one Philox call give a state of each dtype.
    kernel : mapping of str to str
        The function in `langevin_kit.kernels.noise` for each dtype.
    takes : str
        "call": the function takes the four words and returns all numbers of the call.
        "bit": it takes one word and a shift: number j is bit j % 32 of word j // 32.
    moments : float
        The moments that agree with those of the normal law.
    weak_order_limit : float
        The highest weak order that a scheme keeps with it.
    use : str
        What it is right for.
    source : str
        Where it is from.
    """

    name: str
    per_call: Mapping[str, int] = field(hash=False)
    kernel: Mapping[str, str] = field(hash=False)
    takes: Literal["call", "bit"]
    moments: float
    weak_order_limit: float
    use: str
    source: str

    @property
    def is_gaussian(self) -> bool:
        """Whether the numbers are normal."""
        return self.moments == math.inf

    def group(self, d: int, dtype: str) -> tuple[int, int]:
        """Steps and generator calls after which the numbers of a d-dimensional state begin a new call.

        Step k uses the numbers (k mod steps) d, … of the calls (k // steps) calls, …; none is shared by two steps. A
        call that gives bits serves whole steps only, and its last bits stay unused.

        Raises
        ------
        InvalidArgument
            For more coordinates than one call has bits.

        Examples
        --------
        >>> noise_from("gaussian").group(3, "float32"), noise_from("rademacher").group(3, "float32")
        ((4, 3), (42, 1))
        """
        n = self.per_call[dtype]
        if self.takes == "bit":
            if not 1 <= d <= n:
                raise InvalidArgument(
                    f"noise {self.name!r}: got {d} coordinates; 1 to {n} are allowed, use 'gaussian'."
                )
            return n // d, 1
        steps = math.lcm(d, n) // d
        return steps, steps * d // n


NOISES = {
    noise.name: noise
    for noise in (
        Noise(
            "gaussian",
            {"float32": 4, "float64": 2},
            {"float32": "gaussian_f32", "float64": "gaussian_f64"},
            "call",
            math.inf,
            math.inf,
            "everything: 32 bits for a float32 state, 53 for a float64 state",
            "Box & Muller 1958",
        ),
        Noise(
            "gaussian_32",
            {"float32": 4, "float64": 4},
            {"float32": "gaussian_f32", "float64": "gaussian_f32_as_f64"},
            "call",
            math.inf,
            math.inf,
            "everything up to 6.7 standard deviations a step, at half the calls for a float64 state",
            "Box & Muller 1958",
        ),
        Noise(
            "gaussian_53",
            {"float32": 2, "float64": 2},
            {"float32": "gaussian_f64_as_f32", "float64": "gaussian_f64"},
            "call",
            math.inf,
            math.inf,
            "everything up to 8.5 standard deviations a step, at twice the calls for a float32 state",
            "Box & Muller 1958",
        ),
        Noise(
            "three_point",
            {"float32": 4, "float64": 4},
            {"float32": "three_point_f32", "float64": "three_point_f64"},
            "call",
            5,
            2,
            "means of smooth functions at weak orders 1 and 2; never paths, first passages or tails",
            "Kloeden & Platen 1992, section 14.2",
        ),
        Noise(
            "rademacher",
            {"float32": 128, "float64": 128},
            {"float32": "rademacher_f32", "float64": "rademacher_f64"},
            "bit",
            3,
            1,
            "means of smooth functions at weak order 1, cheapest; never paths, first passages or tails",
            "Kloeden & Platen 1992, section 14.1",
        ),
    )
}
"""Every noise a scheme may take, by name."""


def noise_from(noise: str | Noise) -> Noise:
    """Look a noise up by its name.

    Raises
    ------
    InvalidArgument
        For an unknown name, with the nearest known one.

    Examples
    --------
    >>> noise_from("rademacher").weak_order_limit
    1
    """
    if isinstance(noise, Noise):
        return noise
    if not isinstance(noise, str) or noise not in NOISES:
        raise InvalidArgument(f"noise: got {noise!r}{did_you_mean(str(noise), NOISES)}.")
    return NOISES[noise]
