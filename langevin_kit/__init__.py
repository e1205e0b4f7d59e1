"""Large particle ensembles under a Langevin equation, held to the Fokker–Planck equation they must obey.

Conventions: Itô calculus; k_B = 1; diffusion D = T K; friction γ = K⁻¹; no mass.
Public names load on first use, so that the command line starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langevin_kit import errors as errors
    from langevin_kit import fokker_planck as fokker_planck
    from langevin_kit import observables as observables
    from langevin_kit.backends import CPU as CPU
    from langevin_kit.estimate import boltzmann as boltzmann
    from langevin_kit.preflight import check as check
    from langevin_kit.run import open_store as open  # noqa: A004, F401  (lk.open reads as what it does)
    from langevin_kit.run import replay as replay
    from langevin_kit.run import simulate as simulate
    from langevin_kit.schemes import EulerMaruyama as EulerMaruyama
    from langevin_kit.system import Grid as Grid
    from langevin_kit.system import System as System
    from langevin_kit.system import cells as cells
    from langevin_kit.system import initial as initial
    from langevin_kit.system import periodic as periodic
    from langevin_kit.system import reflecting as reflecting
    from langevin_kit.system import zoo as zoo

__version__ = "0.1.0"

_PUBLIC = {
    "CPU": ("backends", "CPU"),
    "EulerMaruyama": ("schemes", "EulerMaruyama"),
    "Grid": ("system", "Grid"),
    "System": ("system", "System"),
    "boltzmann": ("estimate", "boltzmann"),
    "cells": ("system", "cells"),
    "check": ("preflight", "check"),
    "errors": ("errors", None),
    "fokker_planck": ("fokker_planck", None),
    "initial": ("system.initial", None),
    "observables": ("observables", None),
    "open": ("run", "open_store"),
    "periodic": ("system", "periodic"),
    "reflecting": ("system", "reflecting"),
    "replay": ("run", "replay"),
    "simulate": ("run", "simulate"),
    "zoo": ("system.zoo", None),
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'langevin_kit' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    loaded = import_module(f"langevin_kit.{module}")
    return loaded if attribute is None else getattr(loaded, attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
