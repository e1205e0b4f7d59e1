"""A backend by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from langevin_kit.backends._protocol import Backend
from langevin_kit.backends.cpu import CPU
from langevin_kit.backends.cuda import CUDA
from langevin_kit.errors import BackendUnavailable

_BACKENDS: dict[str, Callable[[], Backend]] = {
    "cpu": CPU,
    "cuda": CUDA,
    "cuda_reproducible": partial(CUDA, reproducible=True),
}


def backend_from(backend: str | Backend) -> Backend:
    """Look a backend up by its name; an object with options passes through.

    Raises
    ------
    BackendUnavailable
        For a name that is not there.

    Examples
    --------
    >>> backend_from("cpu")
    CPU(threads=None, block_size=256)
    """
    if not isinstance(backend, str) and hasattr(backend, "ensemble"):
        return backend
    if not isinstance(backend, str) or backend not in _BACKENDS:
        raise BackendUnavailable(f"backend: got {backend!r}; this version has {', '.join(sorted(_BACKENDS))}.")
    return _BACKENDS[backend]()
