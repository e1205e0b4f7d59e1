"""Runs: `simulate`, `replay`, and the accessor `ds.langevin`, which comes with the first Dataset.

A run starts without xarray.
"""

from typing import TYPE_CHECKING, Any

from langevin_kit.run._grid import DEFAULT_CELLS
from langevin_kit.run._open import open_store
from langevin_kit.run._simulate import simulate

if TYPE_CHECKING:
    from langevin_kit.run._accessor import Langevin
    from langevin_kit.run._replay import replay

__all__ = ["DEFAULT_CELLS", "Langevin", "open_store", "replay", "simulate"]


def __getattr__(name: str) -> Any:
    if name == "Langevin":
        from langevin_kit.run._accessor import Langevin

        return Langevin
    if name == "replay":
        from langevin_kit.run._replay import replay

        return replay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
