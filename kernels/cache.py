"""Numba's file cache, without all that its compiler imports before it.

Before it looks into a file, numba imports the implementations of everything that it could compile, SciPy's linear
algebra with them, and compiles a runtime to link with: longer than `import numba` itself. Machine code that is loaded
was linked when it was compiled. All that it needs are the addresses of the runtime's functions in C; the compiler makes
the rest when there is something to compile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import types
from numba.core.caching import FunctionCache
from numba.core.runtime import nrt
from numba.np import numpy_support


def cached(dispatcher: Any) -> Any:
    """Keep what a dispatcher compiles beside its source file, as ``cache=True`` does; and load it with little else."""
    dispatcher._cache = LoadingCache(dispatcher.py_func)
    usual = dispatcher.typeof_pyval

    def typeof(value: Any) -> Any:
        # Numba would import numpy.ma to ask whether this is a masked array, one start in fifteen long.
        if type(value) is not np.ndarray:
            return usual(value)
        dtype, readonly = numpy_support.from_dtype(value.dtype), not value.flags.writeable
        found = types.Array(dtype, value.ndim, numpy_support.map_layout(value), readonly=readonly)
        dispatcher._types_active_call.add(found)
        return found

    dispatcher.typeof_pyval = typeof
    return dispatcher


class LoadingCache(FunctionCache):
    """Numba's own but for what it does first."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function of a signature, if there is one; numba compiles it where this is None."""
        _name_runtime()
        return self._load_overload(sig, target_context)


@lru_cache(maxsize=1)
def _name_runtime() -> None:
    """Tell the linker where the functions of numba's runtime are, as `numba.core.runtime.nrt` does."""
    for name, address in nrt._nrt.c_helpers.items():
        nrt.ll.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
