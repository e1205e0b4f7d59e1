"""The table of kinds: a name in a scenario → the function that makes the observable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langevin_kit.errors import InvalidArgument
from langevin_kit.observables._autocorrelation import Autocorrelation, autocorrelation
from langevin_kit.observables._displacement import MeanSquareDisplacement, mean_square_displacement
from langevin_kit.observables._extremes import Extreme, maximum, minimum
from langevin_kit.observables._kind import Observable
from langevin_kit.observables._mean import Mean, mean

_MAKERS: tuple[Callable[..., Observable], ...] = (mean, mean_square_displacement, autocorrelation, maximum, minimum)

_OURS = (Mean, MeanSquareDisplacement, Autocorrelation, Extreme)

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


def observables_to_dict(observables: Mapping[str, Any]) -> dict[str, Any] | None:
    """Plain data from which `observables_from_dict` makes the same; None if one is of a kind of the user's own.

    Examples
    --------
    >>> observables_to_dict({"right": "x > 0"})
    {'right': {'kind': 'mean', 'of': 'x > 0'}}
    """
    own = {name: observable_from(value, f"observables.{name}") for name, value in observables.items()}
    table = {name: {"kind": one.kind, "of": one.of} for name, one in own.items() if isinstance(one, _OURS)}
    return table if len(table) == len(own) else None


def observables_from_dict(data: Mapping[str, Any]) -> dict[str, Any]:
    """The observables of plain data, such as those of `observables_to_dict`; a text stays one."""
    return {name: KINDS[one["kind"]](one["of"]) if isinstance(one, Mapping) else one for name, one in data.items()}
