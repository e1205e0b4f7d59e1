"""From `rng=` (SPEC 7) to the 64-bit key of the counter generator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument

RNG = int | Sequence[int] | np.random.SeedSequence | np.random.Generator | np.random.BitGenerator | None

SEED_BITS = 1024
"""Longest integer of a seed, whose text every record of a run holds; 128 bits are all that count."""


def seed_sequence(rng: RNG) -> np.random.SeedSequence:
    """Turn what the user gave for `rng` into a seed sequence.

    Parameters
    ----------
    rng : None, int, sequence of ints, SeedSequence, BitGenerator or Generator
        None draws fresh entropy from the operating system. A generator is advanced by four words.

    Raises
    ------
    InvalidArgument
        For anything else, for negative integers, and for those of more than `SEED_BITS` bits.

    Examples
    --------
    >>> seed_sequence(7).entropy
    7
    """
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence([int(word) for word in rng.integers(2**32, size=4)])
    try:
        if isinstance(rng, bool | str | bytes):
            raise TypeError
        if isinstance(rng, Sequence):
            if not rng or not all(isinstance(word, int | np.integer) for word in rng):
                raise TypeError
            return np.random.SeedSequence([check_seed(int(word)) for word in rng])
        if isinstance(rng, int | np.integer):
            rng = check_seed(int(rng))
        return np.random.SeedSequence(rng)
    except InvalidArgument:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"rng: got {rng!r}; allowed are None, a non-negative int, a sequence of them, "
            "or a numpy SeedSequence, BitGenerator or Generator."
        ) from error


def check_seed(seed: int) -> int:
    """The same integer, if it is not too long.

    Raises
    ------
    InvalidArgument
    """
    if seed.bit_length() > SEED_BITS:
        raise InvalidArgument(f"rng: got an integer of {seed.bit_length()} bits; at most {SEED_BITS} are allowed.")
    return seed


def seed_record(seed: np.random.SeedSequence) -> dict[str, Any]:
    """Plain data from which `seed_from_record` makes the same seed sequence.

    Examples
    --------
    >>> seed_record(seed_sequence(7))
    {'seed': '7', 'spawn_key': []}
    """
    entropy = seed.entropy
    words = entropy if entropy is None or isinstance(entropy, int) else [int(word) for word in entropy]
    return {"seed": str(words), "spawn_key": [int(word) for word in seed.spawn_key]}


def seed_from_record(record: Mapping[str, Any]) -> np.random.SeedSequence:
    """Build the seed sequence that `seed_record` wrote down."""
    return np.random.SeedSequence(json.loads(record["seed"]), spawn_key=tuple(record["spawn_key"]))


def philox_key(seed: np.random.SeedSequence) -> tuple[np.uint32, np.uint32]:
    """Hash a seed sequence into the key of the counter generator, so that seeds i and i + 1 share no path."""
    low, high = seed.generate_state(2, np.uint32)
    return np.uint32(low), np.uint32(high)
