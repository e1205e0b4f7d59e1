"""The loop that learns: batches, slopes, updates, a history, and files to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, NonFinite, NotContracting, NotReversible, UnboundedLearning
from langevin_kit.learn._optimizers import LBFGS, Memory, Optimizer
from langevin_kit.learn.neural_ode._checkpoint import Checkpoint
from langevin_kit.learn.neural_ode._record import Record
from langevin_kit.preflight.arguments import require_count
from langevin_kit.progress import Progress, Watched
from langevin_kit.system.arguments import above_zero

if TYPE_CHECKING:
    import xarray as xr

    from langevin_kit.learn.neural_ode._model import NeuralODE

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model that has learnt, and what it needs to go on.

    Attributes
    ----------
    model : NeuralODE
        With the parameters it has now.
    history : Dataset
        See `NeuralODE.fit`.
    epoch, update : int
        How many there have been.
    memory : mapping of str to array
        The optimiser's.
    """

    model: NeuralODE
    history: xr.Dataset
    epoch: int
    update: int
    memory: Mapping[str, Floats]


def fit(
    model: NeuralODE,
    data: Any,
    targets: Mapping[str, Any] | None,
    *,
    n_epochs: int,
    optimizer: Optimizer | LBFGS,
    batch_size: int | None,
    learn: Sequence[str] | None,
    largest_slope: float | None,
    validation: tuple[Any, Mapping[str, Any]] | None,
    spectra: int,
    observe: Mapping[str, Callable[[NeuralODE], float]],
    start: Fitted | None,
    checkpoint: Any,
    seed: np.random.SeedSequence,
    progress: Progress | bool | None,
) -> Fitted:
    """See `NeuralODE.fit`."""
    require_count("n_epochs", n_epochs)
    if not (isinstance(optimizer, LBFGS) or hasattr(optimizer, "moved")):
        raise InvalidArgument(f"optimizer: got {optimizer!r}; SGD, Adam or LBFGS of langevin_kit.learn is needed.")
    bound = np.inf if largest_slope is None else above_zero("largest_slope", largest_slope)
    first = 0
    if start is not None:
        if not isinstance(start, Fitted):
            raise InvalidArgument(f"start: got {type(start).__name__}; what `fit` gave is needed.")
        model, first = model.with_parameters(start.model.parameters), start.epoch
    given = _Batches(model, data, targets or {}, batch_size, seed)
    names = model.learnt(learn)
    if not names:
        raise InvalidArgument("learn: got no names; those of one or more parameters are needed.")
    about = optimizer, bound, first, given, seed
    file = None if checkpoint is None else Checkpoint(checkpoint, model, names, *about)
    began = (None if file is None else file.read(model)) or start
    record = Record(given, validation, spectra, observe, seed)
    record.require_alike(began)
    flat, until = _Flat(model, names), first + n_epochs
    x = flat.of(model.parameters if began is None else began.model.parameters)
    loop = _Loop(flat, given, record, bound, seed, x, began)
    before = loop.epoch
    with Watched(progress, max(0, until - before), "learning") as meter:

        def after_epoch() -> None:
            record.epoch(loop.epoch, lambda: flat.model(loop.x))
            loop.epoch += 1
            meter.advance(1)
            if file is not None and file.is_due:
                file.write(loop.fitted(), names)

        if isinstance(optimizer, LBFGS):
            _minimize(loop, optimizer, until, after_epoch)
        else:
            anew = optimizer.begin(len(loop.x))
            if {n: v.shape for n, v in loop.memory.items()} != {n: v.shape for n, v in anew.items()}:
                loop.memory = anew  # that of another optimiser, or of other parameters, tells nothing
            while loop.epoch < until:
                for batch in range(given.per_epoch):
                    _, slope = loop.evaluate(loop.x, given.batch(loop.epoch, batch))
                    loop.x, loop.memory = optimizer.moved(loop.x, slope, loop.memory, loop.update)
                    loop.update += 1
                after_epoch()
    fitted = loop.fitted()
    if file is not None and fitted.epoch > before:
        file.write(fitted, names)
    return fitted


def _minimize(loop: _Loop, optimizer: LBFGS, until: int, after_epoch: Callable[[], None]) -> None:
    """Iterations of SciPy's L-BFGS-B over all data."""
    from scipy import optimize

    minimize: Any = optimize.minimize
    if loop.given.per_epoch > 1:
        raise InvalidArgument("batch_size: L-BFGS takes all data at once; leave it out, or take SGD or Adam.")
    if loop.given.model.system.temperature > 0:
        raise InvalidArgument("optimizer: L-BFGS cannot follow slopes with noise; take SGD or Adam at T > 0.")
    everything = loop.given.batch(0, 0)

    def objective(x: Floats) -> tuple[float, Floats]:
        found = loop.evaluate(x, everything)
        loop.update += 1
        return found

    def accepted(x: Floats) -> None:
        loop.x = np.array(x)
        after_epoch()

    if loop.epoch < until:
        options: dict[str, Any] = {"maxiter": until - loop.epoch, "maxcor": optimizer.memory}
        options |= {"gtol": optimizer.tolerance, "ftol": 0.0}
        found = minimize(objective, loop.x, jac=True, method="L-BFGS-B", callback=accepted, options=options)
        loop.x = np.array(found.x)


class _Flat:
    """Parameters that change, one behind the other."""

    def __init__(self, model: NeuralODE, names: Sequence[str]) -> None:
        self._model, self.names = model, names
        self._shapes = {name: model.parameters[name].shape for name in names}

    def of(self, values: Mapping[str, Any]) -> Floats:
        """As one vector."""
        return np.concatenate([np.ravel(values[name]) for name in self.names]).astype(np.float64)

    def by_name(self, x: Floats) -> dict[str, Floats]:
        """As arrays by name."""
        found, at = {}, 0
        for name, shape in self._shapes.items():
            size = int(np.prod(shape))
            found[name] = x[at : at + size].reshape(shape)
            at += size
        return found

    def model(self, x: Floats) -> NeuralODE:
        """The model that has them."""
        return self._model.with_parameters(self.by_name(x))


class _Loop:
    """What changes while a model learns."""

    def __init__(
        self,
        flat: _Flat,
        given: _Batches,
        record: Record,
        bound: float,
        seed: np.random.SeedSequence,
        x: Floats,
        began: Fitted | None,
    ) -> None:
        self.flat, self.given, self.record, self._bound, self._seed = flat, given, record, bound, seed
        self.x, self._before = x, None if began is None else began.history
        self.epoch, self.update = (0, 0) if began is None else (began.epoch, began.update)
        self.memory: Memory = {} if began is None else dict(began.memory)

    def evaluate(self, x: Floats, batch: tuple[Any, dict[str, Any]]) -> tuple[float, Floats]:
        """The loss of a batch and its slope; a row of the history."""
        noise = np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, 0, self.update))
        try:
            loss, slopes, cost = self.given.model.value_and_slopes(
                *batch, parameters=self.flat.by_name(x), learn=self.flat.names, rng=noise
            )
        except NonFinite as error:
            raise self._unbounded(str(error)) from error
        except (NotContracting, NotReversible) as error:
            error.learned = self.fitted()
            raise
        slope = self.flat.of(slopes)
        norm = float(np.linalg.norm(slope))
        if not (np.isfinite(loss) and np.isfinite(norm)):
            raise self._unbounded(f"the loss is {loss:g}, the norm of its slope {norm:g}")
        self.record.update(self.update, self.epoch, loss, norm, float(np.linalg.norm(x)), cost)
        return loss, slope * min(1.0, self._bound / norm) if norm > self._bound else slope

    def fitted(self) -> Fitted:
        """What has been learnt."""
        return Fitted(
            self.flat.model(self.x), self.record.dataset(self._before), self.epoch, self.update, dict(self.memory)
        )

    def _unbounded(self, why: str) -> UnboundedLearning:
        error = UnboundedLearning(
            f"update {self.update}: {why}. Take a smaller learning_rate, or largest_slope. What was learnt before is "
            "in the attribute `learned` of this error."
        )
        error.learned = self.fitted()
        return error


class _Batches:
    """Data and targets in turn: an order of all of them is gone through before the next."""

    def __init__(
        self,
        model: NeuralODE,
        data: Any,
        targets: Mapping[str, Any],
        batch_size: int | None,
        seed: np.random.SeedSequence,
    ) -> None:
        columns, begin = model.read(data)
        self.model, self._seed = model, seed
        self.data = {}
        at = 0
        for name, length in begin.inputs.items():
            self.data[name] = np.ascontiguousarray(columns[at : at + length].T)
            at += length
        self.targets = {name: np.asarray(value, np.float64) for name, value in targets.items()}
        self.n = columns.shape[1]
        for name, value in self.targets.items():
            if value.ndim not in (2, 3) or value.shape[-2] != self.n:
                raise InvalidArgument(f"targets: got shape {value.shape} for {name!r}; (…, {self.n}, m) is needed.")
        size = self.n if batch_size is None else batch_size
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= self.n:
            raise InvalidArgument(f"batch_size: got {batch_size!r}; 1 to {self.n}, the number of data, is needed.")
        self.size = int(size)
        self.per_epoch = -(-self.n // self.size)

    def batch(self, epoch: int, number: int) -> tuple[Any, dict[str, Any]]:
        """Data and targets of a batch; the last one of an epoch may be smaller."""
        if self.per_epoch == 1:
            return self._some(slice(None))
        of_epoch = np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, 1, epoch))
        order = np.random.default_rng(of_epoch).permutation(self.n)
        return self._some(order[number * self.size : (number + 1) * self.size])

    def first(self, n: int) -> Any:
        """The first data."""
        return self._some(slice(n))[0]

    def _some(self, rows: Any) -> tuple[Any, dict[str, Any]]:
        data = {name: value[rows] for name, value in self.data.items()}
        plain = data if self.model.encoder is not None else next(iter(data.values()))
        return plain, {name: value[..., rows, :] for name, value in self.targets.items()}
