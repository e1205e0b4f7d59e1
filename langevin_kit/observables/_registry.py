"""The table of kinds: a name in a scenario → the function that makes the observable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langevin_kit.errors import InvalidArgument
from langevin_kit.observables._autocorrelation import autocorrelation
from langevin_kit.observables._displacement import mean_square_displacement
from langevin_kit.observables._extremes import maximum, minimum
from langevin_kit.observables._kind import Observable
from langevin_kit.observables._mean import Mean, mean

_MAKERS: tuple[Callable[..., Observable], ...] = (mean, mean_square_displacement, autocorrelation, maximum, minimum)

KINDS = {make.__name__: make for make in _MAKERS}


def observable_from(value: Any, where: str) -> Observable:
    """An observable as it is; a text or a number means its mean.

    Raises
    ------
    InvalidArgument
        For anything else.

    Examples
    --------
    >>> observable_from("x > 0", "observables.right")
    Mean(of='x > 0')
    """
    if hasattr(value, "plan") and hasattr(value, "variables"):
        observable: Observable = value
        return observable
    if isinstance(value, type) or callable(value):
        raise InvalidArgument(f"{where}: got {value!r}; call it, as in lk.observables.maximum('x**2').")
    return Mean(value)
