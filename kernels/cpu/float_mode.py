"""How this thread's processor rounds, and what it does with subnormal numbers.

A library built with -ffast-math sets flush-to-zero in the thread that loads it, and every thread inherits the mode of
the one that starts it. Float32 subnormals begin at 1e-38, which exp(−x²) reaches at x = 9.3: bits of a run would depend
on what else was imported. So work is done in `DEFAULT`, and the thread's own mode is put back afterwards.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..jit import driver

DEFAULT = np.uint32(0x1F80)
"""MXCSR with round to nearest, subnormals as IEEE 754 has them, and no traps."""
FLUSH = np.uint32(0x8040)
"""The bits FTZ and DAZ of MXCSR: subnormal results and operands become zero."""

HAS_MXCSR = platform.machine().lower() in ("x86_64", "amd64")


@intrinsic
def exchange_mode(typingctx: Any, mode: Any) -> Any:
    """Write MXCSR and return what it was; where there is none, return `mode` and do nothing."""
    if mode != types.uint32:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not HAS_MXCSR:
            return args[0]
        place = cgutils.alloca_once(builder, ir.IntType(32))
        pointer = builder.bitcast(place, cgutils.voidptr_t)
        access = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t])
        for name in ("stmxcsr", "ldmxcsr"):
            function = cgutils.get_or_insert_function(builder.module, access, f"llvm.x86.sse.{name}")
            if name == "ldmxcsr":
                before = builder.load(place)
                builder.store(args[0], place)
            builder.call(function, [pointer])
        return before

    return types.uint32(types.uint32), codegen


@driver
def is_ieee(tiny: np.float32, one: np.float32, less: np.float32) -> bool:
    """Whether subnormals are kept and sums rounded to nearest, found by arithmetic.

    Parameters
    ----------
    tiny, one, less : float32
        2**-126, 1 and 2**-26; arguments, for a compiler would work constants out itself.
    """
    half = np.float32(0.5)
    kept = tiny * half * (one + one) == tiny
    return kept and one + less == one and one - less == one and -one - less == -one
