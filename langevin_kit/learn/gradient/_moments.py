"""Slopes of free energies, as differences of mean slopes of the energy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.backends import CPU
from langevin_kit.errors import InvalidArgument, LearningWarning, NonFinite, did_you_mean
from langevin_kit.learn._chains import LangevinChains
from langevin_kit.learn._data import held_system
from langevin_kit.learn._moments import GraphSlopes, energy_names
from langevin_kit.learn.gradient._gradient import Evaluations, Floats, Gradient, Objective
from langevin_kit.learn.gradient._motion import columns_of, derived_of
from langevin_kit.preflight.arguments import require_count, require_time_step
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system import System
from langevin_kit.system.dense import Components


@dataclass(frozen=True)
class Moments:
    r"""The slope of how much free energy it takes to hold some vectors at data, by sampling.

    .. math:: F(v) = -T \ln \int e^{-E(v, h)/T} dh, \qquad L = ⟨F(v)⟩_{\text{data}} + T \ln Z, \qquad
              \frac{∂L}{∂θ} = ⟨\frac{∂E}{∂θ}⟩_{\text{held}} - ⟨\frac{∂E}{∂θ}⟩_{\text{free}}

    L is T times minus the mean logarithm of the likelihood of the data. It is the objective itself: there is no other,
    and `gradient` looks at no time. Particles begin at `initial`, whose held vectors are the data.

    Parameters
    ----------
    time_step : float
    n_steps : int
        Of either ensemble, from where it begins.
    held : str or sequence of str
        Vectors that hold the data; the first one if left out.
    free : "data", (N, d), or None
        Where free particles begin: at `initial` (contrastive divergence), or where they were (`states[1]` of the last
        gradient: persistent chains). With None there are none, as in Recall-and-Learn: then L has no lower bound.
    backend : CPU

    Raises
    ------
    InvalidArgument
    NonFinite

    Warns
    -----
    LearningWarning
        Where there are no free particles.

    Notes
    -----
    `Gradient.loss` is ⟨E⟩ of the held less ⟨E⟩ of the free particles: L itself at T = 0 alone, since what moments give
    is no entropy. `Gradient.states` holds where held particles are, and behind that free ones, (2, N, d). Slopes in
    `initial` are those of F(v), of a held particle each: ∂E/∂v, and 0 of what is not held.

    Ackley, Hinton & Sejnowski, Cogn. Sci. 9, 147 (1985); Hinton, Neural Comput. 14, 1771 (2002); Tieleman, Proc. 25th
    ICML, 1064 (2008).

    Examples
    --------
    >>> from langevin_kit import networks
    >>> from langevin_kit.learn import Moments
    >>> pair = networks.bipartite([[0.5]], "identity", "identity", temperature=1.0)
    >>> data = np.random.default_rng(0).normal(size=(2000, 2))
    >>> found = Moments(0.05, 200).gradient(pair, data, [0.0, 1.0], learn=["U"], rng=0)
    >>> v = data[:, 0]
    >>> exact = -0.5 * v @ v / 2000 + 0.5 / 0.75  # −⟨v h⟩ with h of mean U v, and U T/(1 − U²)
    >>> bool(abs(found.parameters["U"][0, 0] - exact) < 0.1)
    True
    """

    time_step: float
    n_steps: int
    held: str | Sequence[str] | None = None
    free: Any = "data"
    backend: CPU = CPU()  # noqa: RUF009  (it is frozen)

    def __post_init__(self) -> None:
        require_time_step(self.time_step)
        require_count("n_steps", self.n_steps)
        if isinstance(self.free, str) and self.free != "data":
            raise InvalidArgument(f"free: got {self.free!r}; 'data', places (N, d), or None are allowed.")

    def gradient(
        self,
        system: System,
        initial: ArrayLike,
        times: ArrayLike = (),
        objective: Objective | None = None,
        *,
        learn: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        rng: RNG = None,
    ) -> Gradient:
        """The slopes; see `GradientProvider`."""
        if objective is not None:
            raise InvalidArgument(
                "objective: got one; these are slopes of the free energy, which is its own. Give None."
            )
        derived, x = derived_of(system), columns_of(system, initial)
        values, held = derived.values(parameters), self._held(system)
        slopes = GraphSlopes(system, energy_names(system) if learn is None else learn)
        seed = seed_sequence(rng)
        seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, part)) for part in range(2)]
        ends = [self._moved(held_system(system, held), x, values, seeds[0])]
        if self.free is None:
            warnings.warn(
                "free: got None; without free particles nothing bounds what is learnt. Give free='data', or places.",
                LearningWarning,
                stacklevel=2,
            )
        else:
            begin = x if isinstance(self.free, str) else columns_of(system, self.free)
            if begin.shape != x.shape:
                raise InvalidArgument(f"free: got shape {begin.T.shape}; {x.T.shape}, that of initial, is needed.")
            ends.append(self._moved(system, begin, values, seeds[1]))
        means = [slopes.mean(end, values) for end in ends]
        energies = [float(derived.energy_at(end, 0.0, values).mean()) for end in ends]
        of_data = derived.gradient_at(ends[0], 0.0, values) / x.shape[1]
        return Gradient(
            loss=energies[0] - sum(energies[1:]),
            parameters={name: means[0][name] - sum(mean[name] for mean in means[1:]) for name in slopes.names},
            initial=np.where(_rows(system, held)[:, None], of_data, 0.0).T,
            states=np.array([end.T for end in ends]),
            evaluations=Evaluations(len(ends) * self.n_steps, 0),
        )

    def _held(self, system: System) -> tuple[str, ...]:
        """Names of the vectors that hold data."""
        vectors = _vectors(system)
        if self.held is None:
            return (next(iter(vectors)),)
        names = (self.held,) if isinstance(self.held, str) else tuple(self.held)
        for name in names:
            if name not in vectors:
                raise InvalidArgument(f"held: unknown vector {name!r}{did_you_mean(str(name), vectors)}.")
        return names

    def _moved(
        self, system: System, begin: Floats, values: Mapping[str, Floats], seed: np.random.SeedSequence
    ) -> Floats:
        """Where particles (d, N) are after the steps."""
        state = begin.copy()
        with LangevinChains(system, state, self.time_step, seed, self.backend) as chains:
            chains.move(self.n_steps, values)
        if not np.isfinite(state).all():
            raise NonFinite("initial: particles left the finite numbers; take a smaller time_step.")
        return state


def _vectors(system: System) -> Mapping[str, int]:
    names = system.names
    assert isinstance(names, Components)
    return names.vector


def _rows(system: System, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which components those vectors hold."""
    vectors = _vectors(system)
    return np.repeat([name in names for name in vectors], list(vectors.values()))
