"""Numba's file cache, without all that its compiler imports before it.

Before it looks into a file, numba imports the implementations of everything that it could compile, SciPy's linear
algebra with them, and compiles a runtime to link with: longer than `import numba` itself. Machine code that is loaded
was linked when it was compiled. All that it needs are the addresses of the runtime's functions in C; the compiler makes
the rest when there is something to compile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime import nrt


class LoadingCache(FunctionCache):
    """To be set as the cache of a dispatcher, where ``cache=True`` would set numba's own."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function of a signature, if there is one; numba compiles it where this is None."""
        _name_runtime()
        return self._load_overload(sig, target_context)


@lru_cache(maxsize=1)
def _name_runtime() -> None:
    """Tell the linker where the functions of numba's runtime are, as `numba.core.runtime.nrt` does."""
    for name, address in nrt._nrt.c_helpers.items():
        nrt.ll.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
