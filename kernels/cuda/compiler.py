"""Kernels to PTX without a device: numba asks the current one for its compute capability, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numba.cuda.dispatcher
from numba import cuda
from numba.cuda.cudadrv import nvvm

Capability = tuple[int, int]


def ptx(kernel: Any, signature: Any, capability: Capability, *, fast: bool) -> str:
    """Compile a kernel.

    Parameters
    ----------
    kernel : function
        Not decorated; what it calls are device functions made with the same `fast`.
    signature : tuple of numba types
    capability : (int, int)
        Compute capability, as (9, 0) for an H100.
    fast : bool
        Whether products and sums are contracted, and numbers below 2⁻¹²⁶ are flushed to zero.
    """
    with _capability(capability), _options({} if fast else {"fma": False}):
        text, _ = cuda.compile(kernel, signature, cc=capability, fastmath=fast, device=False, output="ptx", abi="numba")
    return str(text)


@contextmanager
def _capability(capability: Capability) -> Iterator[None]:
    ask = numba.cuda.dispatcher.get_current_device
    numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        numba.cuda.dispatcher.get_current_device = ask


@contextmanager
def _options(more: dict[str, Any]) -> Iterator[None]:
    """Options of libNVVM, for which numba has no argument."""
    compile_ir = nvvm.compile_ir

    def with_more(ir: Any, **options: Any) -> Any:
        return compile_ir(ir, **{**options, **more})

    nvvm.compile_ir = with_more
    try:
        yield
    finally:
        nvvm.compile_ir = compile_ir
