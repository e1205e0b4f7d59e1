"""Recall and learn: chains follow a network's Langevin equation while its parameters follow the slope of F."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.backends import CPU
from langevin_kit.errors import InvalidArgument, LearningWarning, UnboundedLearning
from langevin_kit.learn._chains import chains_of
from langevin_kit.learn._data import Data, Network
from langevin_kit.learn._history import History
from langevin_kit.learn._moments import Slopes, slopes_of
from langevin_kit.learn._rules import Rule, bounded, decay_of_oja, require_outer, rule_of
from langevin_kit.networks import BipartiteSpins
from langevin_kit.preflight import check as preflight_check
from langevin_kit.preflight.arguments import canonical_dtype, require_count, require_time_step
from langevin_kit.progress import Progress, Watched
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system.arguments import above_zero, at_least_zero

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

RUNAWAY = 100.0
"""A matrix whose norm has grown to so many times that of its beginning, or of a unit matrix, has run away."""


@dataclass(frozen=True, eq=False)
class Learned:
    """A network that has learnt, and where its chains are, so that learning can go on.

    Attributes
    ----------
    system : System or BipartiteSpins
        With the parameters it has now.
    history : Dataset
        Dimension ``update``: see `recall_and_learn`.
    update : int
        How often the parameters have changed.
    recalled : (d, N)
        Each datum, and the hidden components that it recalls.
    chains : (d, R)
        The free chains; (d, 0) for a rule that has none.
    """

    system: Network
    history: xr.Dataset
    update: int
    recalled: NDArray[np.floating]
    chains: NDArray[np.floating]


def recall_and_learn(
    system: Network,
    data: Any,
    *,
    rule: str = "likelihood",
    learn: str | Sequence[str] = ("U",),
    n_updates: int,
    learning_rate: float | Callable[[int], float],
    time_step: float | None = None,
    recall_steps: int = 10,
    free_steps: int | None = None,
    n_chains: int | None = None,
    burn_in: int = 0,
    batch_size: int | None = None,
    decay: float = 0.0,
    largest_singular_value: float | None = None,
    save_every: int = 1,
    observe: Mapping[str, Callable[[Any], float]] | None = None,
    reference: Callable[[Any], Mapping[str, Any]] | None = None,
    start: Learned | None = None,
    check: bool = True,
    dtype: str = "float64",
    backend: CPU | None = None,
    rng: RNG = None,
    progress: Progress | bool | None = None,
) -> Learned:
    r"""Let a network recall its data by Langevin dynamics, and learn them by the slope of its free energy.

    At each update chains make steps in which the data v are held and hidden components h move; then, with the rule
    "likelihood", others that hold nothing; and parameters follow

    .. math:: Δθ = -η \left( ⟨\frac{∂E}{∂θ}⟩_{\text{data}} - ⟨\frac{∂E}{∂θ}⟩_{\text{free}} + λ θ \right),

    minus the slope of :math:`⟨-T \ln \int e^{-E(v, h)/T} dh⟩_{\text{data}} + T \ln Z`. For E = … − g·U f the slope is
    −⟨g fᵀ⟩: the first term is Hebb's rule, ΔU = η ⟨g fᵀ⟩, which alone has no bound.

    Parameters
    ----------
    system : System or BipartiteSpins
        Of vectors, such as `networks.bipartite`; or of binary units, `networks.bipartite_spins`.
    data : (N, n), or mapping of str to (N, n)
        Of the first vector, or of several by name: they are held. The others are hidden.
    rule : str
        "likelihood": free chains that go on where they were, persistent contrastive divergence. "contrastive": free
        chains that begin at the data each time. "oja": Δθ has −U ⟨f fᵀ⟩ instead of free chains. "hebb": neither.
    learn : str or sequence of str
        Parameters θ that are learnt.
    n_updates : int
    learning_rate : float or function of the number of the update
        η.
    time_step : float
        Δt of all chains. Binary units have none: a step draws h given v and v given h.
    recall_steps, free_steps : int
        Steps of held and of free chains before each update; `free_steps` is `recall_steps` if left out.
    n_chains : int
        Free chains, N if left out; they begin at the data. With "contrastive" there is one for each datum of a batch.
    burn_in : int
        More steps before the first update, for all chains but those that begin at the data.
    batch_size : int
        Data of an update, drawn without replacement until all have had their turn; all of them if left out.
    decay : float
        λ.
    largest_singular_value : float
        Of each matrix, after each update.
    save_every : int
        Updates between rows of the history.
    observe : mapping of str to function of the system
        Further numbers of the history.
    reference : function of the system
        ∂F/∂θ by name, exact: the history then holds its cosine with what was found.
    start : Learned
        Goes on with it, as if it had not ended: give the same arguments and seed. `system` then gives no parameters.
    check : bool
        Run `langevin_kit.check` first, with the time step.
    dtype : "float64" or "float32"
        Of chains; sums are float64, but for binary units.
    backend : CPU
        Threads; results do not depend on them.
    rng : int, SeedSequence, Generator or None
        The seed.
    progress : bool or Progress
        True shows a bar.

    Returns
    -------
    Learned
        Its history holds, by update: ``energy`` of held and ``energy_free`` of free chains; ``slope_norm``;
        ``singular_value_U`` of each matrix; ``chain_autocorrelation`` of free chains from one update to the next;
        ``overlap``, the mean over free chains of the largest cosine with a datum; ``gradient_cosine``; and what was to
        be observed.

    Raises
    ------
    InvalidArgument
    UnboundedLearning
        When a matrix has grown to a hundred times its norm, or chains have left the finite numbers. Its attribute
        `learned` holds what was learnt before.

    Warns
    -----
    LearningWarning
        At the start, for "hebb" without decay or a bound.

    Notes
    -----
    Chains of linear units relax at the rate 1 − σ; at the fixed point σ² = 1 − T/λ of a direction in which the data
    have the variance λ (Tipping & Bishop, J. R. Stat. Soc. B 61, 611 (1999)) this takes about 2λ/T. At T = 0 no random
    number is drawn. Tieleman, Proc. 25th ICML, 1064 (2008); Hinton, Neural Comput. 14, 1771 (2002); Oja, J. Math.
    Biol. 15, 267 (1982).

    Of binary units with v given, slopes hold ⟨h⟩ given v in place of h, which has the same mean and less noise, but for
    "oja" and T = 0. h needs one step then, `recall_steps=1`: given v it has no memory.

    Examples
    --------
    >>> from langevin_kit import networks
    >>> data = np.random.default_rng(0).normal(size=(400, 2)) * [1.0, 0.3]
    >>> network = networks.bipartite([[0.1], [0.1]], "identity", "identity", temperature=0.3)
    >>> learned = recall_and_learn(network, data, rule="oja", n_updates=300, learning_rate=0.1, time_step=0.1, rng=0)
    >>> variance = np.linalg.eigvalsh(data.T @ data / 400)[-1]
    >>> bool(abs(learned.history.singular_value_U[-1, 0]**2 - (1 - 0.3 / variance)) < 0.05)
    True
    """
    is_binary = isinstance(system, BipartiteSpins)
    if is_binary == (time_step is not None):
        raise InvalidArgument(f"time_step: got {time_step!r}; systems of vectors need one, and binary units have none.")
    chosen, given = rule_of(rule), Data.of(system, data, batch_size)
    dtype, learn = canonical_dtype(dtype), (learn,) if isinstance(learn, str) else tuple(learn)
    if not learn:
        raise InvalidArgument("learn: got no names; those of one or more parameters are needed.")
    averaged = is_binary and system.temperature > 0 and not chosen.oja and given.names == ("v",)
    slopes = slopes_of(system, learn, averaged=averaged)
    free_steps = recall_steps if free_steps is None else free_steps
    n_chains = len(given) if n_chains is None else n_chains
    counts = {"n_updates": n_updates, "recall_steps": recall_steps, "free_steps": free_steps}
    counts |= {"n_chains": n_chains, "save_every": save_every} | ({"burn_in": burn_in} if burn_in else {})
    for count in counts.items():
        require_count(*count)
    if time_step is not None:
        require_time_step(time_step)
    if not callable(learning_rate):
        at_least_zero("learning_rate", learning_rate)
    if not isinstance(backend, CPU | None):
        raise InvalidArgument(f"backend: got {backend!r}; learning takes a langevin_kit.CPU alone in this version.")
    bound = np.inf if largest_singular_value is None else above_zero("largest_singular_value", largest_singular_value)
    if chosen.oja:
        require_outer(slopes)
    change = _Change(slopes, chosen, learning_rate, at_least_zero("decay", decay), bound)
    if not (chosen.is_bounded or decay or np.isfinite(bound)):
        warnings.warn(
            "rule: 'hebb' has no bound: ‖U‖ grows by a factor at each update. Give decay, largest_singular_value, or "
            "another rule: 'likelihood' or 'oja'.",
            LearningWarning,
            stacklevel=2,
        )
    n_free = 0 if not chosen.free else given.batch_size if chosen.free == "data" else n_chains
    states = [given.states(system, dtype, n) for n in (len(given), n_free)]
    began = Learned(system, History.nothing(), 0, *states) if start is None else _fitting(start, states)
    if check and not isinstance(began.system, BipartiteSpins):
        preflight_check(began.system, time_step=time_step, positions=began.recalled)
    seed, steps = seed_sequence(rng), (recall_steps, free_steps, burn_in)
    seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, part)) for part in range(3)]
    made = _Ensembles(began, given, chosen, time_step, steps, seeds, backend or CPU())
    history = History(began.history, reference, observe or {})
    parameters = {name: np.array(value, np.float64) for name, value in began.system.parameters.items()}
    first = {name: float(np.linalg.norm(system.parameters[name])) for name in learn}

    def learned(update: int) -> Learned:
        now = replace(system, parameters=parameters)
        return Learned(now, history.dataset(), update, made.recalled.copy(), made.free.copy())

    with Watched(progress, n_updates, "learning") as meter, made:
        for update in range(began.update, began.update + n_updates):
            held, was, free = made.move(update, parameters)
            slope = change.slope(held, free, parameters)
            if update % save_every == 0:
                history.take(update, replace(system, parameters=parameters), given, held, (was, free), slope)
            changed = change.changed(update, slope, held, parameters)
            for name, value in changed.items():
                if not np.linalg.norm(value) < RUNAWAY * max(1.0, first[name]):
                    error = UnboundedLearning(_runaway(name, update, first[name], parameters[name], value))
                    error.learned = learned(update)
                    raise error
            parameters |= changed
            meter.advance(1)
    return learned(began.update + n_updates)


def _fitting(start: Learned, states: Sequence[NDArray[np.floating]]) -> Learned:
    """What learning goes on from, if its chains are as many, and of the dtype, that these arguments ask for."""
    if not isinstance(start, Learned):
        raise InvalidArgument(f"start: got {type(start).__name__}; what `recall_and_learn` gave is needed.")
    got, need = ([(x.shape, x.dtype.name) for x in each] for each in ((start.recalled, start.chains), states))
    if got != need:
        raise InvalidArgument(f"start: its chains are {got}; these arguments need {need}. Give those it was made with.")
    return start


def _runaway(name: str, update: int, first: float, before: Floats, now: Floats) -> str:
    return (
        f"{name}: its norm was {first:.4g} at the start, {np.linalg.norm(before):.4g} before update {update}, and "
        f"{np.linalg.norm(now):.4g} after it: it runs away. Take the rule 'oja', or give decay or "
        "largest_singular_value; with 'likelihood', chains that run away mean too few steps an update, too large a "
        "learning_rate or time_step, or a network without a Boltzmann law. What was learnt before is in the attribute "
        "`learned` of this error."
    )


@dataclass(frozen=True)
class _Change:
    """What an update does to the parameters."""

    slopes: Slopes
    rule: Rule
    learning_rate: float | Callable[[int], float]
    decay: float
    bound: float

    def slope(self, held: Floats, free: Floats, parameters: Mapping[str, Floats]) -> dict[str, Floats]:
        """∂F/∂θ as the two ensembles have it."""
        found = self.slopes.mean(held, parameters)
        if not self.rule.free:
            return found
        return {name: found[name] - value for name, value in self.slopes.mean(free, parameters).items()}

    def changed(
        self, update: int, slope: Mapping[str, Floats], held: Floats, parameters: Mapping[str, Floats]
    ) -> dict[str, Floats]:
        """The learnt parameters after the update."""
        eta = float(self.learning_rate(update) if callable(self.learning_rate) else self.learning_rate)
        against = decay_of_oja(self.slopes, held, parameters) if self.rule.oja else {}
        made = {}
        for name, value in slope.items():
            theta = parameters[name]
            new = theta - eta * (value + against.get(name, 0.0) + self.decay * theta)
            made[name] = bounded(new, self.bound) if new.ndim == 2 and np.isfinite(self.bound) else np.asarray(new)
        return made


class _Ensembles:
    """Chains that hold the data, and free ones. Use as a context manager: they own threads."""

    def __init__(
        self,
        began: Learned,
        data: Data,
        rule: Rule,
        time_step: float | None,
        steps: tuple[int, int, int],
        seeds: Sequence[np.random.SeedSequence],
        device: CPU,
    ) -> None:
        recall, free, burn_in = steps
        self._data, self._rule, self._steps = data, rule, steps
        self._shuffle = seeds[2]
        self.recalled, self.free = began.recalled.copy(), began.chains.copy()
        self._batch = np.empty((len(self.recalled), data.batch_size), self.recalled.dtype)
        made = burn_in if began.update else 0
        self._burnt = bool(began.update)
        self._held = self._moving = None
        # Binary units are exact in either, and so are sums of fewer than 2²⁴ of their products.
        self._sums = self.free.dtype if isinstance(began.system, BipartiteSpins) else np.dtype(np.float64)
        if data.hidden:
            first = made + began.update * recall
            self._held = chains_of(began.system, self._batch, time_step, seeds[0], device, first, data.names)
        if rule.free:
            made = 0 if rule.free == "data" else made
            self._moving = chains_of(began.system, self.free, time_step, seeds[1], device, made + began.update * free)

    def __enter__(self) -> _Ensembles:
        return self

    def __exit__(self, *error: object) -> None:
        for chains in (self._held, self._moving):
            if chains is not None:
                chains.__exit__(*error)

    def move(self, update: int, parameters: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """Make an update's steps: its data with what they recall; free chains, before and after."""
        recall, free, burn_in = self._steps
        more = 0 if self._burnt else burn_in
        self._burnt = True
        batch = self._data.batch(update, self._shuffle)
        self._batch[...] = self.recalled[:, batch]
        if self._held is not None:
            self._held.move(recall + more, parameters)
            self.recalled[:, batch] = self._batch
        was = self.free.astype(self._sums)
        if self._moving is not None:
            if self._rule.free == "data":
                self.free[...], more = self._batch, 0
            was = self.free.astype(self._sums)
            self._moving.move(free + more, parameters)
        return self._batch.astype(self._sums), was, self.free.astype(self._sums)
