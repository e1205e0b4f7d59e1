"""Where a data set came from: versions and machine, as plain attributes."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime

CONVENTIONS = "langevin-kit-1"

_PACKAGES = ("langevin-kit", "numba", "llvmlite", "numpy", "scipy", "sympy", "xarray", "zarr")


PROVENANCE = ("Conventions", "created", "provenance_versions", "provenance_python", "provenance_platform")
"""Names of the attributes."""


def provenance() -> dict[str, str]:
    """Attributes that say when, with what, and on what kind of machine."""
    values = (
        CONVENTIONS,
        datetime.now(UTC).isoformat(timespec="seconds"),
        ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
    )
    return dict(zip(PROVENANCE, values, strict=True))


def _version(name: str) -> str:
    """Of the module that runs; to read what pip has installed takes a hundred times as long."""
    loaded = getattr(sys.modules.get(name.replace("-", "_")), "__version__", None)
    if loaded is not None:
        return str(loaded)

    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
