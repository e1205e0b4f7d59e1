"""The table of schemes; each is written in a file of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.schemes import (
    adaptive,
    baoab,
    dormand_prince,
    euler_maruyama,
    fixman,
    hanggi_klimontovich,
    heun,
    hutter_ottinger,
    leimkuhler_matthews,
    mala,
    milstein,
    ornstein_uhlenbeck,
    platen,
    pvd2,
    rk4,
    strang,
    tamed,
)
from langevin_kit.schemes._glauber import GLAUBER
from langevin_kit.schemes._noise import Noise, noise_from
from langevin_kit.schemes._scheme import Scheme


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


SCHEMES: dict[str, Scheme] = {
    module.SCHEME.name: module.SCHEME
    for module in (
        *(euler_maruyama, milstein, heun, hutter_ottinger, fixman, hanggi_klimontovich, platen, strang),
        *(leimkuhler_matthews, pvd2, mala, tamed, adaptive, ornstein_uhlenbeck, baoab, rk4, dormand_prince),
    )
}
"""Every scheme by name."""

ALL = {**SCHEMES, GLAUBER.name: GLAUBER}
"""And what moves spins."""


def scheme_from(scheme: str | Scheme | Mapping[str, Any]) -> Scheme:
    """Look a scheme up by its name, or by a mapping of ``name`` and options.

    Raises
    ------
    InvalidArgument
        For an unknown name, with the nearest known one, or an option that the scheme does not have.

    Examples
    --------
    >>> scheme_from("euler_maruyama").weak_order
    1.0
    >>> scheme_from({"name": "dormand_prince", "rtol": 1e-8}).options
    {'rtol': 1e-08, 'atol': 1e-09}
    >>> scheme_from({"name": "euler_maruyama", "noise": "three_point"}).noise.name
    'three_point'
    """
    if isinstance(scheme, Scheme):
        return scheme
    options: dict[str, Any] = dict(scheme) if isinstance(scheme, Mapping) else {"name": scheme}
    name, noise, halved = options.pop("name", None), options.pop("noise", "gaussian"), options.pop("halved", False)
    if not isinstance(name, str) or name not in ALL:
        raise InvalidArgument(f"scheme: got {name!r}{did_you_mean(str(name), SCHEMES)}.")
    own = ALL[name].options
    for option, value in options.items():
        if option not in own:
            known = ("name", "noise", "halved", *own)
            raise InvalidArgument(f"scheme: unknown option {option!r} of {name!r}{did_you_mean(str(option), known)}.")
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < math.inf:
            raise InvalidArgument(f"scheme.{option}: got {value!r}; a positive number is needed.")
    numbers = {option: float(options.get(option, value)) for option, value in own.items()}
    made = replace(ALL[name], noise=noise_from(noise), halved=halved, options=numbers)
    if (made.uniforms or made.begin or made.loop) and not made.noise.is_gaussian:
        raise InvalidArgument(f"scheme: got {name!r} with noise {made.noise.name!r}; it takes normal noise alone.")
    if not isinstance(halved, bool) or (halved and not made.noise.is_gaussian):
        raise InvalidArgument(
            f"scheme: got halved = {halved!r} with noise {made.noise.name!r}; true or false, and Gaussian noise, are "
            "needed."
        )
    return made


def scheme_of_record(record: Mapping[str, Any], **changes: Any) -> Scheme:
    """The scheme of a run's record, perhaps with other options.

    Examples
    --------
    >>> scheme_of_record(scheme_from({"name": "adaptive", "tolerance": 0.2}).to_record()).options
    {'tolerance': 0.2}
    """
    options = {"name": record["scheme"], "noise": record["noise"], "halved": record.get("halved", False)}
    return scheme_from({**options, **record.get("scheme_options", {}), **changes})
