"""What a scheme is: how it makes a step, and what a user must know before choosing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from langevin_kit.schemes._noise import NOISES, Noise
from langevin_kit.system import System


@dataclass(frozen=True)
class Scheme:
    """A scheme and its options.

    Attributes
    ----------
    name : str
        The name `simulate` takes.
    step : callable
        One step, as `langevin_kit.codegen.trace.Step` → `Vector`, in the formula of its source; in one file each.
    calculus : str
        The calculus in which it converges.
    strong_order, weak_order : float
        Orders in the time step, for mobilities that depend on position.
    takes_jumps : bool
        Whether it is right where K jumps.
    is_stable : bool
        Whether no time step makes it explode.
    average_order : float
        Order of averages over the law that it samples in the end; infinite if that is the Boltzmann law.
    evaluations : int
        Evaluations of the coefficients a step.
    source : str
        Where it is derived.
    needs : tuple of str
        Keys of `NEEDS`: what a system must be.
    use : str
        What it is best for.
    uniforms : int
        Uniform random numbers of a step, beside a normal one a coordinate.
    mixes_noise : bool
        Whether a coordinate without noise has a number as well: within a step noise reaches it.
    reads_energy : bool
        Whether a step needs E itself.
    begin : callable, optional
        Of a scheme that remembers: one vector that each step hands to the next, beside the place. This is the one that
        the first step is given. Such a `step` gives the place and the vector.
    constants : callable
        System, time step → numbers that the step takes at run time, such as the exponential of a matrix.
    counts : str
        What `Step.count` or a loop counts; the run's variable is `n_` and this name.
    options : mapping of str to float
        Positive numbers that a user may set, and their values; a step takes them behind `constants`.
    loop : str
        Of a scheme whose `step` is one of as many as a particle needs within a step of the run: how their length is
        chosen, a key of `langevin_kit.codegen.adaptive.LOOPS`. "controlled" by the step's error, which such a `step`
        gives as well; "halving" until the step `fits`.
    fits : callable, optional
        `Step` → whether it is short enough.
    most : int
        Turns of "controlled", or halvings, after which a particle is lost.
    why_lost : str
        What is said of it.
    bridged : bool
        Whether a path between a step's two ends is, to first order, a Brownian bridge with the noise of its beginning:
        then it is known what absorbing walls take.
    noise : Noise
        What stands for the increments of the Wiener process.
    halved : bool
        Steps go by twos along the Brownian path of a run of the same seed and twice the time step: their noises are
        (w + b)/√2 and (w − b)/√2, where w is that run's and b independent. What differs between the two runs is then
        the error of the time step, and hardly chance.
    """

    name: str
    step: Callable[[Any], Any]
    calculus: str
    strong_order: float
    weak_order: float
    evaluations: int
    source: str
    needs: tuple[str, ...] = ()
    use: str = ""
    uniforms: int = 0
    mixes_noise: bool = False
    reads_energy: bool = False
    begin: Callable[[Any], Any] | None = None
    counts: str = ""
    constants: Callable[[System, float], NDArray[np.float64]] | None = None
    bridged: bool = False
    takes_jumps: bool = False
    is_stable: bool = False
    average_order: float = 0.0
    options: Mapping[str, float] = field(default_factory=dict, hash=False)
    loop: Literal["", "controlled", "halving"] = ""
    fits: Callable[[Any], Any] | None = None
    most: int = 0
    why_lost: str = ""
    noise: Noise = NOISES["gaussian"]
    halved: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "average_order", self.average_order or self.weak_order)

    @property
    def is_bridged(self) -> bool:
        """Whether it may be used with absorbing walls."""
        return self.bridged and self.noise.is_gaussian

    def rows(self, system: System) -> int:
        """Rows of a particle's state: the system's own, then what the scheme remembers and counts."""
        return system.n_rows + (system.n_dim if self.begin else 0) + (self.loop == "controlled") + bool(self.counts)

    def values(self, system: System, time_step: float) -> NDArray[np.float64]:
        """What compiled code takes at run time: the system's values, the scheme's constants, its options."""
        own = self.constants(system, time_step) if self.constants else ()
        return np.concatenate([system.values, own, [*self.options.values()]])

    def counted(self, system: System) -> dict[str, int]:
        """The variable that holds what the scheme counts, and its row of the state."""
        return {f"n_{self.counts}": self.rows(system) - 1} if self.counts else {}

    def drawn(self, system: System) -> Sequence[int]:
        """The coordinates that have a normal number in a step at T > 0: those with noise."""
        every = range(system.n_dim)
        return every if self.mixes_noise else system.facts.noisy or every

    def group(self, n: int, dtype: str) -> tuple[int, int]:
        """Steps and generator calls of a stream after which steps with n numbers begin a new call."""
        steps, calls = self.noise.group(n, dtype)
        return (2 * steps if self.halved else steps), calls

    def to_record(self) -> dict[str, Any]:
        """Entries of a run's record from which `scheme_of_record` makes the same scheme."""
        halved = {"halved": True} if self.halved else {}
        options = {"scheme_options": dict(self.options)} if self.options else {}
        return {"scheme": self.name, "noise": self.noise.name, **halved, **options}
