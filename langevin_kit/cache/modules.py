"""One folder of compiled modules, keyed by everything that decides their machine code.

Numba's own cache does not notice an edited callee, so the key hashes the generated source, all sources under
`kernels/`, the compiler options and the versions of numba and llvmlite. Where the folder cannot be used
(`langevin_kit.cache.texts`) the module lives in memory only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import numba

import langevin_kit.kernels
from langevin_kit.cache import texts
from langevin_kit.kernels.jit import OPTIONS

MAX_MODULES = 256
"""Beyond this many cached modules the least recently used go."""


def load(
    source: str, functions: Mapping[str, Callable[..., Any]] | None = None, fingerprint: bytes | None = b""
) -> ModuleType:
    """Import generated source, compiled code included if an earlier process left it.

    The compiled functions of the source are decorated with ``@cached_driver``; in memory only with ``@driver``.

    Parameters
    ----------
    source : str
        Of a module.
    functions : mapping of str to compiled function
        Further global names of the module.
    fingerprint : bytes or None
        Of these functions, part of the key; None keeps the module in memory, for what an edit could not be noticed in.
    """
    injected = _Injected(fingerprint, tuple((functions or {}).items()))
    return _load(source, texts.setting(), injected)


@dataclass(frozen=True, eq=False)
class _Injected:
    """Functions that are equal when their fingerprints are; without one, when they are the same objects."""

    fingerprint: bytes | None
    functions: tuple[tuple[str, Callable[..., Any]], ...]

    @property
    def _identity(self) -> object:
        return self.functions if self.fingerprint is None else self.fingerprint

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Injected) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


@lru_cache(maxsize=MAX_MODULES)
def _load(source: str, _: str, injected: _Injected) -> ModuleType:
    key = hashlib.sha256(_fingerprint() + (injected.fingerprint or b"") + source.encode()).hexdigest()[:32]
    name = f"langevin_kit_generated_{key}"
    folder = None
    if injected.fingerprint is None:
        name += f"_{id(injected):x}"
    else:
        folder = texts.folder()
    path = None if folder is None else _write(folder / f"{name}.py", source)
    if path is None:
        return _in_memory(name, source.replace("cached_driver", "driver"), injected)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__.update(injected.functions)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (OSError, RuntimeError) as error:  # numba's where it finds no file beside which to keep what it compiles
        if path.exists():
            raise
        texts.logger.warning(
            "code cache: %s was pruned meanwhile (%s): compiled code is kept in memory only", path, error
        )
        return _in_memory(name, source.replace("cached_driver", "driver"), injected)
    return module


@lru_cache(maxsize=1)
def _fingerprint() -> bytes:
    versions = repr((sorted(OPTIONS.items()), numba.__version__, llvmlite.__version__, sys.version))
    kernels = texts.digest_of(Path(next(iter(langevin_kit.kernels.__path__))))
    return hashlib.sha256(f"{versions}{kernels}".encode()).digest()


def _write(path: Path, source: str) -> Path | None:
    try:
        if path.exists() and path.read_bytes() == source.encode():
            texts.touch(path)
            return path
    except OSError as error:
        texts.logger.warning("code cache: %s (%s): compiled code is kept in memory only", path, error)
        return None
    _prune(path.parent)
    return texts.write(path, source)


def _prune(folder: Path) -> None:
    modules = sorted(folder.glob("langevin_kit_generated_*.py"), key=texts.last_used)
    for path in modules[: max(0, len(modules) - MAX_MODULES + 1)]:
        for stale in (path, *(folder / "__pycache__").glob(f"{path.stem}*")):
            stale.unlink(missing_ok=True)


def _in_memory(name: str, source: str, injected: _Injected) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(injected.functions)
    filename = f"<{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    exec(compile(source, filename, "exec"), module.__dict__)
    return module
