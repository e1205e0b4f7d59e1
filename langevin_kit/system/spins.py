r"""`SpinSystem`: N spins ±1 with symmetric couplings, which flip by Glauber's rule.

.. math:: E(s) = -\tfrac{1}{2} s·W s - b·s, \qquad P(s_i' = 1) = \frac{1}{1 + e^{-2 h_i/T}}, \qquad h = W s + b

Glauber, J. Math. Phys. 4, 294 (1963); Hopfield, PNAS 79, 2554 (1982). One spin after another falls to lower energies at
T = 0 where :math:`W_{ii} ≥ 0`; all at once do not: they end in fixed points or in cycles of two states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system import arguments
from langevin_kit.system._system import System
from langevin_kit.system.dense import Components
from langevin_kit.system.facts import Facts

Floats = NDArray[np.float64]

UPDATES = ("random", "sequential", "synchronous")
ENERGY = "-unit*(s @ (couplings @ s)/2 + fields @ s)"
OWN = ("couplings", "fields", "unit")
EXACT = 2.0**52
"""Up to which sums of integers are exact in float64, with one bit to spare."""

ROUND_OFF = 2.0**-51
"""Of the largest field, by how much couplings may differ from multiples that they are taken for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpinSystem(System):
    r"""N spins s = ±1 with the energy −½ s·W s − b·s at a temperature; a step of a run is a sweep of N attempted flips.

    Parameters
    ----------
    couplings : (N, N)
        W, symmetric. Its diagonal is part of the field that a spin feels: where it is not zero, asynchronous updates
        have no Boltzmann law.
    fields : number or (N,)
        b.
    temperature : float
        T ≥ 0. At T = 0 a spin takes the sign of its field, and stays as it is where that is 0.
    update : "random", "sequential" or "synchronous"
        Whether an attempt takes a spin at random, each spin in turn, or all of them at once by the fields of before.
    parameters : mapping of str to number or array
        Further names for the texts of observables, as in ``"patterns @ s"``.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Fields are sums of couplings, which are rounded to multiples of one unit so that sums are exact in any order: to
    multiples of 1/N where all of them are such, as with Hebb's rule, and of 2⁻⁵² of the largest field otherwise. So at
    T = 0 a field that is 0 is seen to be 0, and no run depends on where it was cut. Numbers that decide have 32 bits.

    Examples
    --------
    >>> two = SpinSystem(couplings=[[0, 1], [1, 0]], temperature=0.0)
    >>> two.energy_at([[1.0], [-1.0]])
    array([1.])
    """

    couplings: Any = None
    fields: Any = 0.0
    update: str = "random"

    def __post_init__(self) -> None:
        self._refuse_what_moves_particles()
        W, b = _symmetric(self.couplings), np.asarray(arguments.array("fields", self.fields))
        n = len(W)
        if b.ndim > 1 or b.size not in (1, n):
            raise InvalidArgument(f"fields: got shape {b.shape}; a number or ({n},) is needed.")
        if self.update not in UPDATES:
            raise InvalidArgument(f"update: got {self.update!r}{did_you_mean(str(self.update), UPDATES)}.")
        b = np.broadcast_to(b, n)
        own = dict(zip(OWN, _in_units(W, b), strict=True))
        more = {name: value for name, value in self.parameters.items() if name not in OWN}
        fixed = {"energy": ENERGY, "coordinates": {"s": n}, "parameters": own | more, "couplings": W, "fields": b}
        for name, value in fixed.items():
            object.__setattr__(self, name, value)
        super().__post_init__()

    def _refuse_what_moves_particles(self) -> None:
        """Of a copy by `replace` the energy, the coordinates and some parameters are what the first one set."""
        arguments.check_kinds({"parameters": (self.parameters, Mapping)})
        is_copy = isinstance(self.coordinates, Components)
        alone: dict[str, tuple[Any, ...]] = {
            "energy": (0.0, ENERGY),
            "mobility": (1.0,),
            "drift": (None,),
            "measure": (1.0,),
        }
        alone |= {} if is_copy else {"coordinates": (("x",),)}
        for name, values in alone.items():
            given = getattr(self, name)
            if not isinstance(given, str | float | int | tuple | None) or given not in values:
                raise InvalidArgument(f"{name}: got {given!r:.80}; couplings and fields alone make spins.")
        for name in ("walls", "retraction"):
            if getattr(self, name):
                raise InvalidArgument(f"{name}: spins are 1 or −1 and meet none; leave it out.")
        taken = [name for name in OWN if name in self.parameters]
        if taken and not is_copy:
            raise InvalidArgument(f"parameters: {', '.join(taken)}: spins have these names already; choose others.")

    @property
    def n_rows(self) -> int:
        """Numbers that a run keeps of a replica: its spins, the field of each in units, and its energy."""
        return 2 * self.n_dim + 1

    @property
    def energy_row(self) -> int:
        """The row of a state that holds the energy."""
        return 2 * self.n_dim

    def begin(self, state: Floats) -> None:
        """Set the fields and the energies of states whose spins are set."""
        s, b, unit = state[: self.n_dim], self.parameters["fields"][:, None], self.parameters["unit"]
        state[self.n_dim : self.energy_row] = h = self.fields_of(s)
        state[self.energy_row] = -0.5 * unit * (s * (h + b)).sum(axis=0)

    def fields_of(self, s: Floats) -> Floats:
        """W s + b in units, for spins s (N, R): integers, whose sums are exact in any order."""
        return np.asarray(self.parameters["couplings"] @ s + self.parameters["fields"][:, None])

    @cached_property
    def facts(self) -> Facts:
        """Properties of the expressions."""
        W, b = (np.abs(self.parameters[name]) for name in ("couplings", "fields"))
        is_short = bool(W.max() < 2**15 and (W.sum(axis=1) + b).max() < 2**31)
        return replace(super().facts, is_quadratic=False, is_spins=True, has_short_couplings=is_short)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(SpinSystem, **self.to_dict()), ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `SpinSystem(**data)` builds the same system."""
        more = {name: value for name, value in self.parameters.items() if name not in OWN}
        return {
            "couplings": arguments.plain(self.couplings),
            "fields": arguments.plain(self.fields if np.ptp(self.fields) else self.fields[0].item()),
            "update": self.update,
            "temperature": self.temperature,
            "parameters": {name: arguments.plain(value) for name, value in more.items()},
            "units": dict(self.units),
        }


def system_from_dict(data: Mapping[str, Any]) -> System:
    """The system of the plain data of its `to_dict`."""
    return SpinSystem(**data) if "couplings" in data else System(**data)


def _symmetric(couplings: Any) -> Floats:
    W: Floats = np.asarray(arguments.array("couplings", 0.0 if couplings is None else couplings))
    if W.ndim != 2 or W.size != len(W) ** 2 or not W.size:
        raise InvalidArgument(f"couplings: got shape {W.shape}; a symmetric matrix (N, N) is needed.")
    if np.array_equal(W, W.T):
        return W
    apart = np.abs(W - W.T).max()
    if apart > 1e-12 * np.abs(W).max():
        raise InvalidArgument(
            f"couplings: W differs from its transpose by up to {apart:.3g}; without symmetry there is no energy."
        )
    return np.asarray((W + W.T) / 2)


def _in_units(W: Floats, b: Floats) -> tuple[Floats, Floats, float]:
    """Couplings and fields as multiples of what they are taken to be multiples of, and that unit."""
    largest = float((np.abs(W).sum(axis=1) + np.abs(b)).max())
    for unit in (1.0, 1.0 / len(W)):
        if largest / unit < EXACT and all(_are_multiples(a, unit, largest) for a in (W[0], b, W)):
            break
    else:
        unit = float(2.0 ** np.ceil(np.log2(largest)) / EXACT)
    return np.rint(W / unit), np.rint(b / unit), unit


def _are_multiples(a: Floats, unit: float, largest: float) -> bool:
    number = a / unit
    return bool(np.abs(number - np.rint(number)).max() <= ROUND_OFF * largest / unit)
