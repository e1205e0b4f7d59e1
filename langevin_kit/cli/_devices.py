"""Which backend a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_kit.errors import InvalidArgument

if TYPE_CHECKING:
    from langevin_kit.backends import Backend


def backend_of(backend: str | None, threads: int | None) -> str | Backend | None:
    """The backend of this name, with as many threads if it has threads; None for that of a run.

    Raises
    ------
    InvalidArgument
        For threads of a backend that has none.
    """
    if threads is None:
        return backend
    if backend not in (None, "cpu"):
        raise InvalidArgument(f"threads: got {threads} for the backend {backend!r}; they are the CPU's. Leave it out.")
    from langevin_kit.backends import CPU

    return CPU(threads=threads)
