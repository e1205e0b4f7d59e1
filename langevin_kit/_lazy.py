"""Public names that load their modules on first use (PEP 562), so that a start pays for what it needs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Public name → ``"module:attribute"`` within the package, or ``"module"`` for the module itself.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        loaded = import_module(f"{package}.{module}")
        return getattr(loaded, attribute) if attribute else loaded

    def names() -> list[str]:
        return sorted(homes)

    return load, names
