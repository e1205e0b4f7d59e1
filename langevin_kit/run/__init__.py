"""Runs: `simulate`, `resume`, `replay`, and the accessor `ds.langevin`, which comes with the first Dataset.

A run starts without xarray.
"""

from typing import TYPE_CHECKING

from langevin_kit._lazy import lazily
from langevin_kit.run._grid import DEFAULT_CELLS
from langevin_kit.run._open import open_store
from langevin_kit.run._simulate import simulate
from langevin_kit.run._start import initial_state

if TYPE_CHECKING:
    from langevin_kit.run._accessor import Langevin
    from langevin_kit.run._replay import replay
    from langevin_kit.run._resume import resume
    from langevin_kit.run._verify import Verification, verify

__all__ = [
    "DEFAULT_CELLS",
    "Langevin",
    "Verification",
    "initial_state",
    "open_store",
    "replay",
    "resume",
    "simulate",
    "verify",
]
__getattr__, _ = lazily(
    __name__,
    {
        "Langevin": "_accessor:Langevin",
        "Verification": "_verify:Verification",
        "replay": "_replay:replay",
        "resume": "_resume:resume",
        "verify": "_verify:verify",
    },
)
