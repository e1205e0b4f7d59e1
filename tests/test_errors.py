"""Every error is caught as the package's and as a builtin's."""

from __future__ import annotations

import builtins
import pickle

import pytest

from langevin_kit import errors
from langevin_kit.errors import LangevinKitError, did_you_mean

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
CHILDREN = [kind for kind in ALL if kind is not LangevinKitError]


def test_the_list_is_not_empty() -> None:
    assert len(CHILDREN) >= 10


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.__name__)
def test_parents(kind: type[Exception]) -> None:
    assert issubclass(kind, LangevinKitError | Warning)
    parents = [p for p in kind.__mro__ if vars(builtins).get(p.__name__) is p]
    assert parents[0] not in (Exception, BaseException, object)
    assert kind.__doc__
    # A worker process must be able to send it home with its words.
    error = pickle.loads(pickle.dumps(kind("what was wrong")))
    assert (type(error), str(error)) == (kind, "what was wrong")


@pytest.mark.parametrize(
    ("name", "known", "clause"),
    [
        ("temprature", ["temperature", "energy"], "; did you mean 'temperature'?"),
        ("zzz", ["b", "a"], "; known are a, b"),
        ("zzz", [], "; known are none"),
        ("", ["a"], "; known are a"),
    ],
)
def test_did_you_mean(name: str, known: list[str], clause: str) -> None:
    assert did_you_mean(name, known) == clause
    assert did_you_mean(name, iter(known)) == clause
