"""One folder of compiled modules, keyed by everything that decides their machine code.

Numba's own cache does not notice an edited callee, so the key hashes the generated source, all sources under
`kernels/`, the compiler options and the versions of numba and llvmlite. Where the folder cannot be used
(`langevin_kit.memory`) the module lives in memory only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import llvmlite
import numba

import langevin_kit.kernels
from langevin_kit import memory
from langevin_kit.kernels.jit import OPTIONS

MAX_MODULES = 256
"""Beyond this many cached modules the least recently used go."""


def load(source: str) -> ModuleType:
    """Import generated source, compiled code included if an earlier process left it.

    The compiled functions of the source are decorated with ``@cached_driver``; in memory only with ``@driver``.
    """
    return _load(source, memory.setting())


@lru_cache(maxsize=MAX_MODULES)
def _load(source: str, _: str) -> ModuleType:
    key = hashlib.sha256(_fingerprint() + source.encode()).hexdigest()[:32]
    name = f"langevin_kit_generated_{key}"
    folder = memory.folder()
    path = None if folder is None else _write(folder / f"{name}.py", source)
    if path is None:
        return _in_memory(name, source.replace("cached_driver", "driver"))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@lru_cache(maxsize=1)
def sources() -> str:
    """Digest of the modules that write generated source: part of the key of what is remembered of it."""
    return memory.digest_of(Path(__file__).parent)


@lru_cache(maxsize=1)
def _fingerprint() -> bytes:
    versions = repr((sorted(OPTIONS.items()), numba.__version__, llvmlite.__version__, sys.version))
    kernels = memory.digest_of(Path(next(iter(langevin_kit.kernels.__path__))))
    return hashlib.sha256(f"{versions}{kernels}".encode()).digest()


def _write(path: Path, source: str) -> Path | None:
    try:
        if path.exists() and path.read_bytes() == source.encode():
            return path
    except OSError as error:
        memory.logger.warning("code cache: %s (%s): compiled code is kept in memory only", path, error)
        return None
    _prune(path.parent)
    return memory.write(path, source)


def _prune(folder: Path) -> None:
    modules = sorted(folder.glob("langevin_kit_generated_*.py"), key=lambda path: path.stat().st_atime)
    for path in modules[: max(0, len(modules) - MAX_MODULES + 1)]:
        for stale in (path, *(folder / "__pycache__").glob(f"{path.stem}*")):
            stale.unlink(missing_ok=True)


def _in_memory(name: str, source: str) -> ModuleType:
    module = ModuleType(name)
    filename = f"<{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    exec(compile(source, filename, "exec"), module.__dict__)
    return module
