"""Philox4x32-10 against the vectors of Random123 and against a second implementation in Python integers."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_kit.kernels.counter_rng import (
    CALLS,
    STREAM_BRIDGE,
    STREAM_DYNAMICS,
    STREAM_INITIAL,
    check_counter,
    philox,
)
from langevin_kit.kernels.jit import driver

KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@driver
def fill(addresses: np.ndarray, words: np.ndarray) -> None:
    for i in range(words.shape[1]):
        words[0, i], words[1, i], words[2, i], words[3, i] = philox(
            addresses[0, i], addresses[1, i], addresses[2, i], addresses[3, i], addresses[4, i], addresses[5, i]
        )


def philox_of_integers(counter: list[int], key: list[int]) -> list[int]:
    """The definition in section 5 of Salmon et al. (2011), with unbounded integers."""
    for _ in range(10):
        left, right = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            right >> 32 ^ counter[1] ^ key[0],
            right & 0xFFFFFFFF,
            left >> 32 ^ counter[3] ^ key[1],
            left & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def test_known_answers() -> None:
    addresses = np.array([counter + key for counter, key, _ in KNOWN], dtype=np.uint32).T.copy()
    words = np.empty((4, len(KNOWN)), np.uint32)
    fill(addresses, words)
    assert words.T.tolist() == [list(answer) for _, _, answer in KNOWN]


def test_random_addresses() -> None:
    addresses = np.random.default_rng(1).integers(0, 2**32, (6, 2000), dtype=np.uint32)
    words = np.empty((4, addresses.shape[1]), np.uint32)
    fill(addresses, words)
    expected = [philox_of_integers(address[:4], address[4:]) for address in addresses.T.tolist()]
    assert words.T.tolist() == expected


def test_streams_differ() -> None:
    streams = (STREAM_DYNAMICS, STREAM_INITIAL, STREAM_BRIDGE)
    assert len(set(streams)) == 3
    assert {type(stream) for stream in streams} == {np.uint32}


@pytest.mark.parametrize(("first", "n"), [(0, 0), (0, CALLS), (CALLS - 1, 1), (CALLS, 0)])
def test_counter_accepts(first: int, n: int) -> None:
    check_counter(first, n)


@pytest.mark.parametrize(("first", "n"), [(0, CALLS + 1), (CALLS, 1), (-1, 2), (3, -1), (2**70, 2**70)])
def test_counter_refuses(first: int, n: int) -> None:
    with pytest.raises(
        OverflowError, match=rf"got generator calls {first} to {first + n}, allowed are 0 to {CALLS} per"
    ):
        check_counter(first, n)
