"""The table of schemes; the step itself is `kernels/schemes/<kernel>.py`."""

from __future__ import annotations

from dataclasses import dataclass

from langevin_kit.errors import InvalidArgument, did_you_mean


@dataclass(frozen=True)
class Scheme:
    """What a user must know of a scheme before choosing it.

    Attributes
    ----------
    name : str
        The name `simulate` takes.
    kernel : str
        Module under `kernels/schemes` with the scalar step.
    calculus : str
        The calculus in which it converges.
    strong_order, weak_order : float
        Orders in the time step, for mobilities that depend on position.
    evaluations : int
        Drift evaluations a step.
    source : str
        Where it is derived.
    """

    name: str
    kernel: str
    calculus: str
    strong_order: float
    weak_order: float
    evaluations: int
    source: str


def EulerMaruyama() -> Scheme:  # noqa: N802  (reads as the object it gives)
    """The Euler–Maruyama scheme: Itô, strong order 1/2, weak order 1, one evaluation a step."""
    return SCHEMES["euler_maruyama"]


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("euler_maruyama", "euler_maruyama", "ito", 0.5, 1.0, 1, "Kloeden & Platen 1992, sections 10.2 and 14.1"),
    )
}


def scheme_from(scheme: str | Scheme) -> Scheme:
    """Look a scheme up by its name.

    Raises
    ------
    InvalidArgument
        For an unknown name, with the nearest known one.

    Examples
    --------
    >>> scheme_from("euler_maruyama").weak_order
    1.0
    """
    if isinstance(scheme, Scheme):
        return scheme
    if scheme not in SCHEMES:
        raise InvalidArgument(f"scheme: got {scheme!r}{did_you_mean(str(scheme), SCHEMES)}.")
    return SCHEMES[scheme]
