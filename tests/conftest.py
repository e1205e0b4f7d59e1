from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache

import hypothesis
import pytest

# Read once, when numpy is first imported, and inherited by the workers: two workers already fill two cores, and one
# thread adds in one order.
os.environ.update(dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
os.environ["MPLBACKEND"] = "Agg"

hypothesis.settings.register_profile("langevin_kit", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("langevin_kit")

_cache_folder = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    # The workers inherit the variable, so that a kernel is compiled once for all of them.
    if "LANGEVIN_CACHE_DIR" not in os.environ:
        os.environ["LANGEVIN_CACHE_DIR"] = config.stash[_cache_folder] = tempfile.mkdtemp(prefix="langevin-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_cache_folder, None)
    if folder is not None:
        del os.environ["LANGEVIN_CACHE_DIR"]
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _why_no_gpu() -> str | None:
    from numba import cuda

    return None if cuda.is_available() else "no usable CUDA device"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    reason = _why_no_gpu()
    if reason is None:
        return
    if os.environ.get("LANGEVIN_REQUIRE_GPU") == "1":
        pytest.fail(f"{reason}, and LANGEVIN_REQUIRE_GPU=1", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs commit after every piece of work, with a checkpoint."""
    from langevin_kit.store import _store

    for name in ("FIRST_COMMIT", "COMMIT", "CHECKPOINT_SHARE"):
        monkeypatch.setattr(_store, name, 0.0)
