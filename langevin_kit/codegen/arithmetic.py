"""IEEE 754 arithmetic for a stretch of work, whatever else was loaded into the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from langevin_kit.codegen.pointwise import library
from langevin_kit.errors import BackendUnavailable
from langevin_kit.kernels.cpu.float_mode import DEFAULT, HAS_MXCSR


@contextmanager
def ieee_arithmetic() -> Iterator[None]:
    """Round to nearest and keep subnormals in this thread, and put its own mode back at the end.

    Use it in a ``with`` statement, or as a decorator.

    Raises
    ------
    BackendUnavailable
        Where the mode is another one and cannot be set: on processors other than x86-64.
    """
    compiled = library()
    before = compiled.exchange_mode(DEFAULT)
    try:
        if not (HAS_MXCSR or compiled.is_ieee(np.float32(2.0**-126), np.float32(1.0), np.float32(2.0**-26))):
            raise BackendUnavailable(
                "this thread flushes subnormal numbers to zero, or does not round to nearest, so a run would not give "
                "its bits. A library compiled with -ffast-math sets this when it is loaded, and threads inherit it: "
                "import that library after the run or in another process, or rebuild it without -ffast-math."
            )
        yield
    finally:
        compiled.exchange_mode(np.uint32(before))
