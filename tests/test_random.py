"""`rng=` by SPEC 7, and the keys that come of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from langevin_kit.errors import InvalidArgument
from langevin_kit.random import philox_key, seed_sequence


def key(rng: Any) -> int:
    low, high = philox_key(seed_sequence(rng))
    return int(low) | int(high) << 32


@pytest.mark.parametrize(
    "rng",
    [0, 7, 2**200, np.int64(5), np.uint32(5), [1, 2, 3], (1, 2), np.array([1, 2]), np.random.SeedSequence(4)],
    ids=repr,
)
def test_same_input_same_key(rng: Any) -> None:
    assert key(rng) == key(rng)
    assert all(type(word) is np.uint32 for word in philox_key(seed_sequence(rng)))


def test_equal_forms_of_a_seed() -> None:
    assert key(5) == key(np.int64(5)) == key(np.uint32(5)) == key([5]) == key(np.random.SeedSequence(5))
    assert key([1, 2]) == key((1, 2)) == key(np.array([1, 2]))
    assert key([1, 2]) != key([2, 1])


def test_a_seed_sequence_is_not_changed() -> None:
    seed = np.random.SeedSequence(4)
    assert seed_sequence(seed) is seed
    key(seed)
    assert seed.n_children_spawned == 0


def test_none_is_fresh() -> None:
    assert len({key(None) for _ in range(5)}) == 5


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_a_generator_is_advanced(make: Callable[[int], Any]) -> None:
    generator = make(3)
    first, second = key(generator), key(generator)
    assert first != second
    assert first == key(make(3))
    # The words drawn are used: what the generator gives next is not what a new one gives first.
    draw = generator if isinstance(generator, np.random.Generator) else np.random.Generator(generator)
    assert draw.integers(2**62) != np.random.Generator(draw.bit_generator.__class__(3)).integers(2**62)


def test_neighbouring_seeds_are_unrelated() -> None:
    keys = [key(seed) for seed in range(4000)]
    assert len(set(keys)) == len(keys)
    # Each of the 64 bits flips between seeds i and i + 1 with probability 1/2: mean 32, and a law of its own width.
    flips = np.array([(a ^ b).bit_count() for a, b in pairwise(keys)])
    assert abs(flips.mean() - 32) < 5 * 4 / np.sqrt(len(flips))
    assert abs(flips.var() - 16) < 5 * 16 * np.sqrt(2 / len(flips))
    bits = np.array([[k >> b & 1 for b in range(64)] for k in keys])
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(len(keys))


@pytest.mark.parametrize(
    "rng",
    [-1, 1.5, "7", b"7", [1, -2], [0.5], float("nan"), {}, object(), np.random.RandomState(1), np.random, 1j],
    ids=lambda rng: type(rng).__name__,
)
def test_refused(rng: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^rng: got .*; allowed are None, a non-negative int"):
        seed_sequence(rng)


@pytest.mark.parametrize("rng", [True, [], [[1]]], ids=repr)
def test_doubtful_seeds_are_refused(rng: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^rng: "):
        seed_sequence(rng)
