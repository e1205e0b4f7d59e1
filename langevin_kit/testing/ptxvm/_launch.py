"""A kernel decoded for a number of threads: launched again on other arrays without being decoded again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._access import Sectors
from langevin_kit.testing.ptxvm._approximate import Perturbation
from langevin_kit.testing.ptxvm._binding import Binder
from langevin_kit.testing.ptxvm._memory import Memory, Order
from langevin_kit.testing.ptxvm._operations import SIZES
from langevin_kit.testing.ptxvm._parse import Kernel
from langevin_kit.testing.ptxvm._registers import Registers
from langevin_kit.testing.ptxvm._schedule import Schedule

Array = NDArray[Any]

_WARP = 32


class Launch:
    """Launches of one shape.

    Parameters
    ----------
    kernel : Kernel
    grid, block : int
    sectors : Sectors
        Where accesses are counted.
    perturbation : float, Generator or None
    """

    def __init__(self, kernel: Kernel, grid: int, block: int, sectors: Sectors, perturbation: Perturbation) -> None:
        threads = np.arange(grid * block)
        number, inside = np.divmod(threads, block)
        self._kernel = kernel
        self._order = Order(number, np.zeros(grid, np.int64), number * -(-block // _WARP) + inside // _WARP)
        self._memory = Memory(kernel.shared, kernel.constants, grid, _cell(kernel), self._order)
        special = {"%tid.x": inside, "%ctaid.x": number}
        special |= {"%ntid.x": np.full_like(threads, block), "%nctaid.x": np.full_like(threads, grid)}
        words = {name: value.astype(np.uint32) for name, value in special.items()}
        self._registers = Registers(kernel.registers, words, self._memory.symbols, len(threads))
        self._binder = Binder(self._registers, self._memory, self._order, sectors, perturbation)
        self._schedule = Schedule(kernel, self._binder, self._order)

    def run(self, arrays: list[Array], values: list[Any], most: int) -> Counter[str]:
        """Run it; of each opcode, by how many threads."""
        self._order.restart()
        self._memory.restart(arrays)
        self._registers.restart()
        self._binder.restart(dict(zip(self._kernel.parameters, values, strict=True)))
        with np.errstate(all="ignore"):
            return self._schedule.run(most)


def _cell(kernel: Kernel) -> int:
    """Bytes of the smallest access."""
    kinds = {i.opcode[-1] for i in kernel.instructions if i.opcode[0] in ("ld", "st", "atom", "red")}
    return min((SIZES[kind[1:]] for kind in kinds if kind[1:] in SIZES), default=8)
