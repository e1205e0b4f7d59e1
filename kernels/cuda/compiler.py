"""Kernels to PTX without a device: numba asks the current one for its compute capability, and is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numba.cuda.dispatcher
from numba import cuda
from numba.cuda.cudadrv import nvvm

Capability = tuple[int, int]


_EXACT = {"ceil", "copysign", "fabs", "floor", "fma", "fmax", "fmin", "fmod", "rint", "round", "sqrt", "trunc"}
_EXACT |= {"finite", "isfinited", "isinf", "isinfd", "isnan", "isnand", "signbit", "signbitd"}
"""Functions of CUDA's library with one right result."""


class OtherBitsError(Exception):
    """Functions of CUDA's library whose last bits are its own."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))


def ptx(kernel: Any, signature: Any, capability: Capability, *, fast: bool, other_bits: bool = False) -> str:
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
    other_bits : bool
        Whether a kernel that is not fast may call functions of CUDA's library that the CPU's library rounds otherwise.

    Raises
    ------
    OtherBitsError
        It does.
    """
    with _capability(capability), _options({} if fast else {"fma": False}, only_exact=not (fast or other_bits)):
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
def _options(more: dict[str, Any], *, only_exact: bool) -> Iterator[None]:
    """Options of libNVVM, for which numba has no argument; and a look at what it is given."""
    compile_ir = nvvm.compile_ir

    def with_more(ir: Any, **options: Any) -> Any:
        if only_exact:
            _refuse_other_bits(ir)
        return compile_ir(ir, **{**options, **more})

    nvvm.compile_ir = with_more
    try:
        yield
    finally:
        nvvm.compile_ir = compile_ir


def _refuse_other_bits(ir: Any) -> None:
    texts = [ir] if isinstance(ir, (str, bytes)) else ir
    called = {name for text in texts for name in re.findall(r'@"?__nv_(\w+)', _text(text))}
    others = sorted({name for name in called if name not in _EXACT and name.removesuffix("f") not in _EXACT})
    if others:
        raise OtherBitsError(others)


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()
