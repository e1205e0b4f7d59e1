"""One folder of compiled modules, keyed by everything that decides their machine code.

Numba's own cache does not notice an edited callee, so the key hashes the generated source, all sources under
`kernels/`, the compiler options and the versions of numba and llvmlite. A folder that is foreign, writable by others
or not writable at all is not used: the module then lives in memory only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import logging
import os
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import llvmlite
import numba
import platformdirs

import langevin_kit.kernels
from langevin_kit.kernels.jit import OPTIONS

logger = logging.getLogger(__name__)

MAX_MODULES = 256
"""Beyond this many cached modules the least recently used go."""


def load(source: str) -> ModuleType:
    """Import generated source, compiled code included if an earlier process left it.

    The compiled functions of the source are decorated with ``@cached_driver``; in memory only with ``@driver``.
    """
    return _load(source, os.environ.get("LANGEVIN_CACHE_DIR", ""))


@lru_cache(maxsize=MAX_MODULES)
def _load(source: str, folder_setting: str) -> ModuleType:
    key = hashlib.sha256(_fingerprint() + source.encode()).hexdigest()[:32]
    name = f"langevin_kit_generated_{key}"
    folder = _folder(folder_setting)
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
def _fingerprint() -> bytes:
    digest = hashlib.sha256()
    digest.update(repr((sorted(OPTIONS.items()), numba.__version__, llvmlite.__version__, sys.version)).encode())
    root = Path(next(iter(langevin_kit.kernels.__path__)))
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.digest()


def _folder(setting: str) -> Path | None:
    folder = Path(setting) if setting else Path(platformdirs.user_cache_dir("langevin_kit")) / "code"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        logger.warning("code cache %s cannot be used (%s): compiled code is kept in memory only", folder, error)
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
        logger.warning("code cache %s is foreign or writable by others: compiled code is kept in memory only", folder)
        return None
    return folder


def _write(path: Path, source: str) -> Path | None:
    try:
        if path.exists() and path.read_bytes() == source.encode():
            return path
        _prune(path.parent)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="partial-") as folder:
            draft = Path(folder) / path.name
            draft.write_bytes(source.encode())
            draft.replace(path)
    except OSError as error:
        logger.warning("code cache %s cannot be written (%s): compiled code is kept in memory only", path.parent, error)
        return None
    return path


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
