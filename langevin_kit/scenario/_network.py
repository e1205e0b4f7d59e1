"""From the plain table of a network to its system: one row a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langevin_kit import networks
from langevin_kit.errors import InvalidArgument
from langevin_kit.scenario._arrays import array_of
from langevin_kit.system import SpinSystem, System

Floats = NDArray[np.float64]
Options = dict[str, Any]

PATTERNS = "patterns"
"""The parameter that holds a network's patterns, for observables, starts and figures."""


class Network(NamedTuple):
    """A system that knows its patterns, and what its runs measure besides what all do."""

    system: System
    observables: dict[str, str]


def network(table: Mapping[str, Any], folder: Path) -> Network:
    """Build the network of a table; files in it are relative to the folder.

    Raises
    ------
    InvalidArgument, NotNormalizable
        With the field's name.
    """
    options = {name: value for name, value in table.items() if value is not None}
    model, image = options.pop("model"), options.pop("image", None)
    xi = array_of(PATTERNS, options.pop(PATTERNS), folder, _signs)
    if not xi.any(axis=1).all():
        raise InvalidArgument(f"patterns: pattern {int((~xi.any(axis=1)).argmax())} is zero; nothing overlaps with it.")
    if image is not None and np.prod(image) != xi.shape[1]:
        raise InvalidArgument(f"image: got {image}; rows and columns of {xi.shape[1]} components are needed.")
    if "U" in options:
        options["U"] = array_of("U", options["U"], folder, lambda draw, m, how: _normal(draw, (xi.shape[1], m), how))
    try:
        system = BUILDERS[model](xi, options)
    except MemoryError:
        raise InvalidArgument(
            f"patterns: got shape {xi.shape}; there is no memory for a {model} network of them."
        ) from None
    observables = {"network_energy": networks.continuous_energy(options["activation"])} if model == "continuous" else {}
    return Network(replace(system, parameters={**system.parameters, PATTERNS: xi}), observables)


def _signs(draw: np.random.Generator, count: int, table: Mapping[str, Any]) -> Floats:
    return draw.choice([-1.0, 1.0], (count, table["length"]))


def _normal(draw: np.random.Generator, shape: tuple[int, int], table: Mapping[str, Any]) -> Floats:
    return np.asarray(table["scale"] * draw.normal(size=shape))


def _with_couplings(build: Callable[..., System]) -> Callable[[Floats, Options], System]:
    def made(xi: Floats, options: Options) -> System:
        couplings = options.get("gain", 1.0) * RULES[options["rule"]](xi)
        return build(couplings=couplings, **_without(options, "rule", "gain"))

    return made


def _associative(xi: Floats, options: Options) -> System:
    own = {"beta": options["beta"]} if "beta" in options else {}
    return networks.associative_memory(xi, parameters=own, **_without(options, "beta"))


def _modern(xi: Floats, options: Options) -> System:
    made = networks.modern(xi, options["beta"], weights=options.get("weights")).system
    return replace(made, temperature=options.get("temperature", made.temperature))


def _bipartite(xi: Floats, options: Options) -> System:
    if len(options["U"]) != xi.shape[1]:
        raise InvalidArgument(f"U: got {len(options['U'])} rows; one for each of {xi.shape[1]} components is needed.")
    return networks.bipartite(**options)


def _without(options: Options, *names: str) -> Options:
    return {name: value for name, value in options.items() if name not in names}


RULES: dict[str, Callable[[Floats], Floats]] = {
    "hebb": networks.hebb,
    "pseudo_inverse": networks.pseudo_inverse,
    "storkey": networks.storkey,
}
"""What stores patterns in couplings."""

BUILDERS: dict[str, Callable[[Floats, Options], System]] = {
    "hopfield": _with_couplings(SpinSystem),
    "continuous": _with_couplings(networks.continuous),
    "continuous_outputs": _with_couplings(networks.continuous_outputs),
    "associative_memory": _associative,
    "modern": _modern,
    "bipartite": _bipartite,
}
"""A model's name → patterns (P, N) and options to its system."""
