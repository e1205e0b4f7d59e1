"""Slopes of means over Boltzmann's law, from covariances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.backends import CPU
from langevin_kit.errors import InvalidArgument, NonFinite
from langevin_kit.learn._chains import LangevinChains
from langevin_kit.learn._moments import GraphSlopes, energy_names
from langevin_kit.learn.gradient._gradient import Evaluations, Gradient, Objective, ParticleObjective
from langevin_kit.learn.gradient._motion import Floats, columns_of, derived_of
from langevin_kit.learn.gradient._steps import times_of
from langevin_kit.preflight.arguments import require_count, require_time_step
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system import System


@dataclass(frozen=True)
class ThermalCovariance:
    r"""Slopes of the mean of a loss over the Boltzmann law q at T > 0, by sampling.

    .. math:: \frac{d⟨ℓ⟩_q}{dθ} = -\frac{1}{T}\, \mathrm{Cov}_q\left(ℓ, \frac{∂E}{∂θ}\right)

    Each particle has `replicas` that begin where it does and move on their own; what they have in common are clamped
    components and targets. Covariances are those between replicas at one time, n_samples of them, so that they have no
    bias but for steps before which replicas are not yet independent (`burn_in`) and that of the time step. L is its
    mean over q at all times at which the objective looks, and the times do not matter.

    Slopes in `initial` are 0, since q does not know where particles began, but for components that are clamped.

    Parameters
    ----------
    time_step : float
        Of Euler–Maruyama, whose law is q with an error of the order of the time step.
    n_samples : int
    sample_every : int
        Steps between samples.
    burn_in : int
        Steps before the first one.
    replicas : int
        Two or more; of what many particles could tell, R of them lose a part 1/R.
    backend : CPU
        Threads; results do not depend on them.

    Raises
    ------
    InvalidArgument
        At T = 0, for which there is `EquilibriumAdjoint`; for systems whose law is no Boltzmann law; and for losses
        that are no mean over particles (`ParticleObjective`).
    NonFinite

    Notes
    -----
    Kubo, J. Phys. Soc. Jpn. 12, 570 (1957): the static response. The same as nudging: ⟨∂E/∂θ⟩ in E + β ℓ has this slope
    in β at β = 0, so it is the limit of equilibrium propagation at T > 0 (Scellier & Bengio, Front. Comput. Neurosci.
    11, 24 (2017)).

    Examples
    --------
    >>> from langevin_kit.learn import Loss, ThermalCovariance
    >>> unit = System(coordinates={"x": 1}, energy="a*(x @ x)/2", temperature=0.5, parameters={"a": 2.0})
    >>> loss = Loss("x @ x", targets={}).of(unit)
    >>> provider = ThermalCovariance(0.02, burn_in=200, replicas=8)
    >>> found = provider.gradient(unit, np.zeros((500, 1)), [0.0, 1.0], loss, rng=0)
    >>> bool(abs(found.parameters["a"] + 0.5/2**2) < 0.01)  # ⟨x²⟩ = T/a
    True
    """

    time_step: float
    n_samples: int = 100
    sample_every: int = 10
    burn_in: int = 1000
    replicas: int = 16
    backend: CPU = CPU()  # noqa: RUF009  (it is frozen)

    def __post_init__(self) -> None:
        require_time_step(self.time_step)
        for name in ("n_samples", "sample_every", "burn_in", "replicas"):
            require_count(name, getattr(self, name))
        if self.replicas < 2:
            raise InvalidArgument("replicas: got 1; a covariance needs two or more.")

    def gradient(
        self,
        system: System,
        initial: ArrayLike,
        times: ArrayLike,
        objective: Objective,
        *,
        learn: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        rng: RNG = None,
    ) -> Gradient:
        """The loss and its slopes; see `GradientProvider`."""
        of_particles = _require_law(system, objective)
        values, looks = derived_of(system).values(parameters), times_of(times)[1:]
        x = columns_of(system, initial)
        mean = _Mean(system, values, of_particles, looks, learn, x, self.replicas)
        with LangevinChains(system, mean.state, self.time_step, seed_sequence(rng), self.backend) as chains:
            chains.move(self.burn_in, values)
            for _ in range(self.n_samples):
                chains.move(self.sample_every, values)
                mean.take()
        n = self.n_samples
        last = np.broadcast_to(mean.state[:, : x.shape[1]].T, (len(looks), *x.T.shape))
        return Gradient(
            loss=mean.loss / n,
            parameters={name: value / n for name, value in mean.of_parameters.items()},
            initial=mean.of_places.T / n,
            objective={name: value / n for name, value in mean.own.items()},
            states=np.array(last),
            evaluations=Evaluations(self.replicas * (self.burn_in + n * self.sample_every), 0),
        )


class _Mean:
    """Sums over samples.

    Attributes
    ----------
    state : (d, R N)
        All particles, replica after replica.
    """

    def __init__(
        self,
        system: System,
        values: Mapping[str, Floats],
        objective: ParticleObjective,
        times: Floats,
        learn: Sequence[str] | None,
        x: Floats,
        replicas: int,
    ) -> None:
        self._derived, self._T, self._values = derived_of(system), system.temperature, values
        self._objective, self._times, self._begin, self._replicas = objective, times, x, replicas
        self._slopes = GraphSlopes(system, energy_names(system) if learn is None else learn)
        self.state = np.tile(x, (1, replicas))
        self.loss, self._first = 0.0, True
        self.of_parameters = {name: np.zeros(values[name].shape) for name in self._slopes.names}
        self.own: dict[str, Floats] = {}
        self.of_places = np.zeros_like(x)

    def take(self) -> None:
        """Add a sample."""
        if not np.isfinite(self.state).all():
            raise NonFinite("initial: particles left the finite numbers; take a smaller time_step.")
        d, n = self._begin.shape
        copies = self.state.reshape(d, self._replicas, n)
        seen = [np.broadcast_to(copies[:, r], (len(self._times), d, n)) for r in range(self._replicas)]
        losses = np.array([self._objective.each(self._times, states).mean(axis=0) for states in seen])
        self.loss += float(losses.mean())
        weights = -(losses - losses.mean(axis=0)) / ((self._replicas - 1) * n * self._T)
        for name, value in self._slopes.mean(self.state, self._values, weights.ravel()).items():
            self.of_parameters[name] += value
        clamped = (copies == self._begin[:, None]).all(axis=(1, 2))
        if clamped.any():
            of_energy = self._derived.gradient_at(copies, 0.0, self._values)
            self.of_places[clamped] += (weights * of_energy).sum(axis=1)[clamped]
        if clamped.any() or self.own or self._first:
            self._take_slopes(seen, clamped)
        self._first = False

    def _take_slopes(self, seen: Sequence[Floats], clamped: NDArray[np.bool_]) -> None:
        """Of the loss itself, in clamped components and parameters of its own."""
        for states in seen:
            _, slopes, own = self._objective.slopes(self._times, states)
            self.of_places[clamped] += slopes.sum(axis=0)[clamped] / self._replicas
            for name, value in own.items():
                self.own[name] = self.own.get(name, 0.0) + value / self._replicas


def _require_law(system: System, objective: Objective) -> ParticleObjective:
    """The objective, where the system has a Boltzmann law and the objective is a mean over particles."""
    derived = derived_of(system)
    if not system.temperature > 0:
        raise InvalidArgument("temperature: got 0; a law needs T > 0. Take EquilibriumAdjoint.")
    if system.drift is not None or derived.depends_on_time:
        raise InvalidArgument(
            "system: it has a drift of its own or depends on time, so that its law is not exp(−E/T)/Z. Take "
            "DiscreteAdjoint."
        )
    if not hasattr(objective, "each"):
        raise InvalidArgument(
            f"objective: got {type(objective).__name__}; one with the loss of each particle (`each`) is "
            "needed, such as Loss.of."
        )
    return objective  # type: ignore[return-value]
