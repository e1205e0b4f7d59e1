"""Large particle ensembles under a Langevin equation, held to the Fokker–Planck equation they must obey.

Conventions: Itô calculus; k_B = 1; diffusion D = T K; friction γ = K⁻¹; no mass.
Public names load on first use, so that the command line starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_kit._lazy import lazily

if TYPE_CHECKING:
    from langevin_kit import errors as errors
    from langevin_kit import fokker_planck as fokker_planck
    from langevin_kit import infer as infer
    from langevin_kit import learn as learn
    from langevin_kit import networks as networks
    from langevin_kit import observables as observables
    from langevin_kit.backends import CPU as CPU
    from langevin_kit.backends import CUDA as CUDA
    from langevin_kit.estimate import boltzmann as boltzmann
    from langevin_kit.estimate import expected_slope as expected_slope
    from langevin_kit.estimate import small_noise as small_noise
    from langevin_kit.preflight import check as check
    from langevin_kit.run import open_store as open  # noqa: A004, F401  (lk.open reads as what it does)
    from langevin_kit.run import replay as replay
    from langevin_kit.run import resume as resume
    from langevin_kit.run import simulate as simulate
    from langevin_kit.run import verify as verify
    from langevin_kit.schemes import EulerMaruyama as EulerMaruyama
    from langevin_kit.studies import cost_to_accuracy as cost_to_accuracy
    from langevin_kit.studies import order_study as order_study
    from langevin_kit.studies import sweep as sweep
    from langevin_kit.system import Grid as Grid
    from langevin_kit.system import SpinSystem as SpinSystem
    from langevin_kit.system import System as System
    from langevin_kit.system import absorbing as absorbing
    from langevin_kit.system import cells as cells
    from langevin_kit.system import initial as initial
    from langevin_kit.system import periodic as periodic
    from langevin_kit.system import reflecting as reflecting
    from langevin_kit.system import zoo as zoo

__version__ = "0.1.0"

_HOMES = {
    "CPU": "backends:CPU",
    "CUDA": "backends:CUDA",
    "EulerMaruyama": "schemes:EulerMaruyama",
    "Grid": "system:Grid",
    "SpinSystem": "system:SpinSystem",
    "System": "system:System",
    "boltzmann": "estimate:boltzmann",
    "cells": "system:cells",
    "check": "preflight:check",
    "cost_to_accuracy": "studies:cost_to_accuracy",
    "errors": "errors",
    "expected_slope": "estimate:expected_slope",
    "fokker_planck": "fokker_planck",
    "infer": "infer",
    "initial": "system.initial",
    "learn": "learn",
    "networks": "networks",
    "observables": "observables",
    "open": "run:open_store",
    "absorbing": "system:absorbing",
    "order_study": "studies:order_study",
    "periodic": "system:periodic",
    "reflecting": "system:reflecting",
    "replay": "run:replay",
    "resume": "run:resume",
    "simulate": "run:simulate",
    "small_noise": "estimate:small_noise",
    "sweep": "studies:sweep",
    "verify": "run:verify",
    "zoo": "system.zoo",
}

__all__ = ["__version__", *_HOMES]
__getattr__, __dir__ = lazily(__name__, _HOMES)
