"""The table of schemes; the step itself is `kernels/schemes/<kernel>.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.schemes._noise import NOISES, Noise, noise_from


@dataclass(frozen=True)
class Scheme:
    """What a user must know of a scheme before choosing it.

    Attributes
    ----------
    name : str
        The name `simulate` takes.
    kernel : str
        Module under `kernels/schemes` with the scalar step.
    calculus : str
        The calculus in which it converges.
    strong_order, weak_order : float
        Orders in the time step, for mobilities that depend on position.
    evaluations : int
        Drift evaluations a step.
    source : str
        Where it is derived.
    noise : Noise
        What stands for the increments of the Wiener process.
    halved : bool
        Steps go by twos along the Brownian path of a run of the same seed and twice the time step: their noises are
        (w + b)/√2 and (w − b)/√2, where w is that run's and b independent. What differs between the two runs is then
        the error of the time step, and hardly chance.
    """

    name: str
    kernel: str
    calculus: str
    strong_order: float
    weak_order: float
    evaluations: int
    source: str
    noise: Noise = NOISES["gaussian"]
    halved: bool = False

    def group(self, d: int, dtype: str) -> tuple[int, int]:
        """Steps and generator calls of a stream after which the numbers of a d-dimensional state begin a new call."""
        steps, calls = self.noise.group(d, dtype)
        return (2 * steps if self.halved else steps), calls

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `scheme_from` makes the same scheme."""
        return {"name": self.name, "noise": self.noise.name, **({"halved": True} if self.halved else {})}


def EulerMaruyama(noise: str | Noise = "gaussian", *, halved: bool = False) -> Scheme:  # noqa: N802  (reads as the object it gives)
    """The Euler–Maruyama scheme: Itô, strong order 1/2, weak order 1, one evaluation a step.

    Parameters
    ----------
    noise : str
        One of `langevin_kit.schemes.NOISES`. The discrete kinds keep the weak order, and no path.
    halved : bool
        Go along the Brownian paths of a run of the same seed and twice the time step; Gaussian noise only.

    Examples
    --------
    >>> EulerMaruyama(noise="rademacher").noise.use
    'means of smooth functions at weak order 1, cheapest; never paths, first passages or tails'
    """
    return scheme_from({"name": "euler_maruyama", "noise": noise, "halved": halved})


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("euler_maruyama", "euler_maruyama", "ito", 0.5, 1.0, 1, "Kloeden & Platen 1992, sections 10.2 and 14.1"),
    )
}


def scheme_from(scheme: str | Scheme | Mapping[str, Any]) -> Scheme:
    """Look a scheme up by its name, or by a mapping of ``name`` and options.

    Raises
    ------
    InvalidArgument
        For an unknown name, with the nearest known one.

    Examples
    --------
    >>> scheme_from("euler_maruyama").weak_order
    1.0
    >>> scheme_from({"name": "euler_maruyama", "noise": "three_point"}).noise.name
    'three_point'
    """
    if isinstance(scheme, Scheme):
        return scheme
    options: dict[str, Any] = dict(scheme) if isinstance(scheme, Mapping) else {"name": scheme}
    name, noise, halved = options.pop("name", None), options.pop("noise", "gaussian"), options.pop("halved", False)
    if options:
        option = next(iter(options))
        raise InvalidArgument(
            f"scheme: unknown option {option!r}{did_you_mean(str(option), ('name', 'noise', 'halved'))}."
        )
    if not isinstance(name, str) or name not in SCHEMES:
        raise InvalidArgument(f"scheme: got {name!r}{did_you_mean(str(name), SCHEMES)}.")
    made = replace(SCHEMES[name], noise=noise_from(noise), halved=halved)
    if not isinstance(halved, bool) or (halved and not made.noise.is_gaussian):
        raise InvalidArgument(
            f"scheme: got halved = {halved!r} with noise {made.noise.name!r}; true or false, and Gaussian noise, are "
            "needed."
        )
    return made
