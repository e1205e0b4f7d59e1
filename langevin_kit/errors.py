"""Every error the package raises by name: what was wrong, what was got, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class LangevinKitError(Exception):
    """Base of all errors of this package."""


class InvalidArgument(LangevinKitError, ValueError):
    """An argument has the wrong type, shape or range."""


class InvalidExpression(LangevinKitError, ValueError):
    """Text that is no energy, mobility or observable: unknown names, forbidden syntax, no real value."""


class InvalidScenario(LangevinKitError, ValueError):
    """A scenario file with one or more faults; the message lists them all."""


class NotNormalizable(LangevinKitError, ValueError):
    """Z = ∫ exp(−E/T) dx diverges or could not be shown to be finite, so there is no Boltzmann law q."""


class MobilityNotPositive(LangevinKitError, ValueError):
    """The mobility S(x, t) is negative where particles may go."""


class MobilityWarning(UserWarning):
    """The mobility S(x, t) is negative somewhere: densities can be asked, and no particles can follow it."""


class MobilityJumps(LangevinKitError, ValueError):
    """The mobility jumps where particles may go, and the scheme is wrong there at any time step."""


class StepTooLarge(LangevinKitError, ValueError):
    """The time step is beyond the stability limit of the explicit step."""


class NonFinite(LangevinKitError, FloatingPointError):
    """Particles left the finite numbers during a run.

    Attributes
    ----------
    run : Dataset or None
        What was saved before, if the run had no store: `langevin_kit.replay` takes it.
    """

    run: Any = None


class BoundaryLeak(LangevinKitError, ArithmeticError):
    """A step carried particles so far beyond a reflecting wall that they could not be turned back into the domain.

    Attributes
    ----------
    run : Dataset or None
        What was saved before, if the run had no store: `langevin_kit.replay` takes it.
    """

    run: Any = None


class UnboundedLearning(LangevinKitError, ArithmeticError):
    """What is learnt grows without end.

    Attributes
    ----------
    learned : Learned, Fitted or None
        What was learnt before: `langevin_kit.learn.recall_and_learn` and `NeuralODE.fit` go on with it.
    """

    learned: Any = None


class NotContracting(LangevinKitError, ArithmeticError):
    """Particles do not come to rest, or not where small displacements die out, so that a place of rest has no slope.

    Attributes
    ----------
    learned : Fitted or None
        What a fit had learnt before.
    """

    learned: Any = None


class NotReversible(LangevinKitError, ArithmeticError):
    """A path, solved for back in time, does not come back to where it was.

    Attributes
    ----------
    learned : Fitted or None
        What a fit had learnt before.
    """

    learned: Any = None


class LearningWarning(UserWarning):
    """A rule of learning under which what is learnt grows without end."""


class BackendUnavailable(LangevinKitError, RuntimeError):
    """The requested backend does not exist or cannot run on this machine."""


class StoreExists(LangevinKitError, FileExistsError):
    """The output path exists and overwriting was not asked for."""


class InvalidStore(LangevinKitError, ValueError):
    """A store that this package did not write, or that lacks what the call needs."""


class StoreCorrupt(LangevinKitError, ValueError):
    """Files of a store are damaged, cut off or missing, so that it cannot be read or gone on with."""


class StoreLocked(LangevinKitError, BlockingIOError):
    """Another process writes the store."""


class StoreMismatch(LangevinKitError, ValueError):
    """What is to go on with a run is not what it was begun with."""


class StoreWriteFailed(LangevinKitError, OSError):
    """The disk refused what a run wrote: it is full, or can no longer be written to. What was committed is kept."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause to end an error message with: the nearest known name, else the list of what is known.

    Examples
    --------
    >>> did_you_mean("temprature", ["temperature", "energy"])
    "; did you mean 'temperature'?"
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names) or 'none'}"
