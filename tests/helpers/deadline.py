"""A body that must end in time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Hung(BaseException):
    """Not an Exception, so that no handler on the way swallows it."""


@contextmanager
def at_most(seconds: float, what: object = "") -> Iterator[None]:
    """Fail where the body would hang."""

    def stop(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Hung:
        pytest.fail(f"no answer within {seconds} s{f': {what!a:.400}' if what else ''}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
