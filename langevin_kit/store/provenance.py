"""Where a data set came from: versions and machine, as plain attributes."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

CONVENTIONS = "langevin-kit-1"

_PACKAGES = ("langevin-kit", "numba", "llvmlite", "numpy", "scipy", "sympy", "xarray", "zarr")


def provenance() -> dict[str, str]:
    """Attributes that say when, with what, and on what kind of machine."""
    return {
        "Conventions": CONVENTIONS,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "provenance_versions": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "provenance_python": platform.python_version(),
        "provenance_platform": f"{platform.system()} {platform.machine()}",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
