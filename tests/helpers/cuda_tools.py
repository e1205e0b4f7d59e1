"""What tests of CUDA need, and what becomes of them without it."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


def require_compiler() -> None:
    """Skip the module without the extra `cuda-check`; fail instead when LANGEVIN_REQUIRE_CUDA_CHECK=1."""
    if find_spec("numba_cuda") is None:
        if os.environ.get("LANGEVIN_REQUIRE_CUDA_CHECK") == "1":
            pytest.fail("numba-cuda is missing, and LANGEVIN_REQUIRE_CUDA_CHECK=1", pytrace=False)
        pytest.skip("no numba-cuda: install the extra cuda-check", allow_module_level=True)
