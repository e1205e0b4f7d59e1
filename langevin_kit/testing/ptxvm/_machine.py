"""The executor: a kernel's text, launched on arrays."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm._access import Sectors
from langevin_kit.testing.ptxvm._approximate import Perturbation
from langevin_kit.testing.ptxvm._launch import Launch
from langevin_kit.testing.ptxvm._memory import GLOBAL_WINDOW
from langevin_kit.testing.ptxvm._parse import PTXError, parse

Array = NDArray[Any]

MOST = 10**9
"""Instructions of a launch; a kernel that runs longer has lost its way."""


class Machine:
    """Executes one kernel.

    Parameters
    ----------
    text : str
        PTX with one entry, as numba emits it.
    perturb : float or numpy.random.Generator, optional
        Moves the results of `.approx` functions by this share, from −1 to 1, of the largest error that the ISA allows,
        or by shares that the generator draws. By default they are the nearest float32.

    Attributes
    ----------
    executed : Counter
        Of each opcode, by how many threads.
    """

    def __init__(self, text: str, *, perturb: Perturbation = None) -> None:
        self.kernel = parse(text)
        self.executed: Counter[str] = Counter()
        self._perturbation = perturb
        self._counted = Sectors()
        self._launches: dict[tuple[int, int], Launch] = {}

    @property
    def sectors(self) -> float:
        """Sectors of 32 bytes that an access of a warp to global memory touches, in the mean; NaN without one.

        4 is the least for a float32 of each of 32 threads, and 32 the most.
        """
        return self._counted.touched / self._counted.requests if self._counted.requests else float("nan")

    def launch(self, grid: int, block: int, *arguments: Any, most: int = MOST) -> None:
        """Run grid × block threads; arrays are changed in place.

        Parameters
        ----------
        grid, block : int
        *arguments : array or number
            An array becomes the seven parameters or more that numba passes for one.
        most : int, optional
            Instructions after which a launch that has not ended is a fault.

        Raises
        ------
        PTXError
            For an access beyond an array, a race, a barrier that not all threads of a block come to, a read of a
            register or of shared memory that nothing was written to, or an instruction that is not known.
        """
        arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        values = [word for argument in arguments for word in _words(argument, arrays)]
        if len(values) != len(self.kernel.parameters):
            raise PTXError(f"{len(values)} arguments for {len(self.kernel.parameters)} parameters")
        shape = grid, block
        if shape not in self._launches:
            self._launches[shape] = Launch(self.kernel, grid, block, self._counted, self._perturbation)
        self.executed += self._launches[shape].run(arrays, values, most)


def _words(argument: Any, arrays: list[Array]) -> list[Any]:
    """An argument as the kernel's parameters: an array is its place, its shape and its strides."""
    if not isinstance(argument, np.ndarray):
        return [argument]
    if not argument.flags.c_contiguous:
        raise PTXError("an array is not contiguous")
    number = next(i for i, array in enumerate(arrays) if array is argument)
    place = (number + 1) * GLOBAL_WINDOW
    return [0, 0, argument.size, argument.itemsize, place, *argument.shape, *argument.strides]
