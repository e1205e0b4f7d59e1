"""Schedules that reverse steps with few states: each step once, in order, from a state that is there, at least cost."""

from __future__ import annotations

from math import comb

import pytest

from langevin_kit.learn.gradient._checkpoints import backwards, spine


def cost(n: int, kept: int) -> int:
    """Steps made without being reversed, on the way forward and after, once the schedule has been gone through."""
    states, most = {0, *spine(n, kept)}, 0
    made, expected = n - 1, n - 1
    for what, low, high in backwards(n, kept):
        assert low in states
        if what == "advance":
            states.add(high)
            made += high - low
        elif what == "forget":
            states.remove(low)
        else:
            assert high - 1 == expected
            expected -= 1
            made += 0 if high == n else high - 1 - low
        most = max(most, len(states) - 1)
    assert expected == -1
    assert most <= kept
    return made


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 5, 8])
def test_least_cost(kept: int) -> None:
    for n in range(1, 70):  # Griewank & Walther, proposition 12.3
        repeats = 0
        while comb(kept + 1 + repeats, repeats) < n:
            repeats += 1
        least = repeats * n - comb(kept + 1 + repeats, repeats - 1) if repeats else 0
        assert cost(n, kept) == least, (n, kept)
