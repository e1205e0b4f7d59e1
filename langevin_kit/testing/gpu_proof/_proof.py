"""What is to be proven, on which device, and what came of it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import langevin_kit
from langevin_kit.backends.cuda import Device

PACKAGES = ("langevin-kit", "numpy", "numba", "numba-cuda", "nvidia-nvvm", "cupy-cuda13x", "cupy-cuda12x", "jax")


@dataclass(frozen=True)
class Check:
    """One statement.

    Attributes
    ----------
    name : str
    holds : bool
    found : dict
        The figures that it rests on.
    seconds : float
    """

    name: str
    holds: bool
    found: dict[str, Any]
    seconds: float = 0.0


@dataclass(frozen=True)
class Proof:
    """Where and with what it is proven.

    Attributes
    ----------
    device : Device
    seed : int
        Of all inputs: a proof draws its own, so that none is fitted to them.
    dry : bool
        Whether the device is the executor, which takes little sizes only.
    """

    device: Device
    seed: int
    dry: bool

    def size(self, full: int, dry: int) -> int:
        """A number that is smaller in the executor."""
        return dry if self.dry else full

    def rng(self, name: str) -> np.random.Generator:
        """The numbers of one check."""
        return np.random.default_rng([self.seed, *name.encode()])


Claim = Callable[[Proof], Iterable[Check]]


def prove(proof: Proof, claims: Iterable[Claim], tell: Callable[[Check], None]) -> dict[str, Any]:
    """Check one claim after another; what raises does not hold.

    Returns
    -------
    dict
        For JSON: identity of device, versions and sources, the seed, and all checks.
    """
    about = proof.device.about()  # which a device that has failed may not tell
    begun, done = perf_counter(), []
    for claim in claims:
        checks = iter(claim(proof))
        while True:
            before = perf_counter()
            try:
                check = next(checks)
            except StopIteration:
                break
            except Exception as error:  # a proof goes on, and says what failed
                check = Check(claim.__name__, False, {"error": f"{type(error).__name__}: {error}"})
            check = replace(check, seconds=round(perf_counter() - before, 3))
            done.append(check)
            tell(check)
    return {
        "holds": all(check.holds for check in done),
        "dry": proof.dry,
        "seed": proof.seed,
        "device": about,
        "host": {"python": platform.python_version(), "machine": platform.machine(), "system": platform.platform()},
        "versions": _versions(),
        "sources": _sources(),
        "seconds": round(perf_counter() - begun, 3),
        "checks": [asdict(check) for check in done],
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _sources() -> str:
    """SHA-256 of all Python files of the package, kernels included."""
    digest = hashlib.sha256()
    root = Path(langevin_kit.__file__).parent
    for path in sorted([*root.rglob("*.py"), *(root / "kernels").rglob("*.py")]):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
