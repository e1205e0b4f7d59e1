"""Which schemes a study compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isinf
from typing import Any

from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes import Scheme, able, require_scheme, scheme_from
from langevin_kit.system import System

Chosen = Iterable[str | Scheme | Mapping[str, Any]]


def chosen(system: System, schemes: Chosen | None) -> dict[str, Scheme]:
    """The schemes by name, with their noise where it is not Gaussian; those that a system can take if none is named.

    Raises
    ------
    InvalidArgument
        At T = 0, for a vector of coordinates, and for a scheme that is wrong for the system, has no bias, or goes along
        halved steps.
    """
    if not isinstance(system, System):
        raise InvalidArgument(f"system: got {type(system).__name__}; give a System.")
    if system.is_dense:
        raise InvalidArgument(
            "system: a vector of coordinates has one scheme, and takes no halved steps; nothing to study."
        )
    if not system.temperature:
        raise InvalidArgument("temperature: got 0; a study of schemes is of their noise too. Take T > 0.")
    if isinstance(schemes, str | Scheme | Mapping):
        raise InvalidArgument(f"schemes: got {schemes!r}; a sequence of schemes is needed.")
    if schemes is None:
        found = [scheme_from(name) for name in able(system)]
        return {scheme.name: scheme for scheme in found if not (isinf(scheme.average_order) or scheme.loop)}
    named = [scheme_from(scheme) for scheme in schemes]
    for scheme in named:
        require_scheme(scheme, system)
        if isinf(scheme.average_order):
            raise InvalidArgument(
                f"schemes: got {scheme.name!r}, whose averages have no bias at any time step; a study has none to show."
            )
        if scheme.loop:
            raise InvalidArgument(f"schemes: got {scheme.name!r}, whose steps are each particle's own; it has no Δt.")
        if scheme.halved:
            raise InvalidArgument(f"schemes: got {scheme.name!r} with halved = True; the study halves steps itself.")
    if not named:
        raise InvalidArgument("schemes: got none; at least one is needed.")
    return {label_of(scheme): scheme for scheme in named}


def label_of(scheme: Scheme) -> str:
    """The scheme's name, with that of its noise if it is not the default."""
    return scheme.name if scheme.noise.name == "gaussian" else f"{scheme.name}, {scheme.noise.name}"
