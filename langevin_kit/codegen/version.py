"""What decides the bits of compiled code, in a few letters."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import llvmlite
import numba

import langevin_kit.kernels
from langevin_kit.cache import digest_of
from langevin_kit.kernels.jit import OPTIONS


@lru_cache(maxsize=1)
def version() -> str:
    """A digest of the kernels, of what writes code around them, of the compiler's options and its version.

    A run that was begun with one is gone on with only by the same.

    Examples
    --------
    >>> len(version())
    16
    """
    sources = digest_of(Path(next(iter(langevin_kit.kernels.__path__))), Path(__file__).parent)
    text = repr((sources, sorted(OPTIONS.items()), numba.__version__, llvmlite.__version__))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
