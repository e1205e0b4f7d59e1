"""How the CUDA kernels take one bit of a word after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from langevin_kit.codegen.cuda import _shifted


@pytest.mark.parametrize("d", [1, 2, 3, 31, 32, 33, 64, 70, 96, 127])
def test_the_bits_of_a_step_are_dropped_from_all_four_words(d: int) -> None:
    """As the shift of one integer of 128 bits."""
    words = np.random.default_rng(d).integers(0, 2**32, 4, np.uint32)
    known: dict[str, Any] = {"np": np} | {f"a{j}": word for j, word in enumerate(words)}
    exec(_shifted(d), known)
    whole = sum(int(word) << 32 * j for j, word in enumerate(words)) >> d
    assert [int(known[f"a{j}"]) for j in range(4)] == [whole >> 32 * j & 0xFFFFFFFF for j in range(4)]
    assert all(isinstance(known[f"a{j}"], np.uint32) for j in range(4))
