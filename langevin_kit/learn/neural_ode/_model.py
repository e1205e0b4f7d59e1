"""A field, how data enter it, and the loss of where it carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.learn._optimizers import LBFGS, Optimizer
from langevin_kit.learn.gradient import (
    DiscreteAdjoint,
    DormandPrince,
    Evaluations,
    Gradient,
    GradientProvider,
    Loss,
    Objective,
    ParticleObjective,
    WithoutSlopes,
)
from langevin_kit.learn.neural_ode._encoder import Begin, Encoder, padded
from langevin_kit.learn.neural_ode._fit import Fitted, fit
from langevin_kit.progress import Progress
from langevin_kit.random import RNG, seed_sequence
from langevin_kit.system import System
from langevin_kit.system.dense import Components

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NeuralODE:
    r"""Data are carried by a field, and parameters learnt from a loss of where they come.

    .. math:: x(t_0) = e(\text{datum}; θ), \qquad \dot x = f(x, t; θ), \qquad
              L = \frac{1}{kN} \sum ℓ(x(t_i), \text{target}; θ)

    Parameters
    ----------
    system : System
        Of vectors: f = b − K∇E, such as `networks.neural_field` or `networks.heavy_ball` make it. At T > 0 it is a
        neural SDE, and its noise is drawn anew at each update.
    loss : Loss
        With a readout, if it has parameters.
    times : (k + 1,)
        The beginning, and when the loss looks.
    encoder : Encoder, optional
        Where data begin. Without one a datum is the front of the first vector, and all else begins at 0.
    provider : GradientProvider
        How slopes are found.
    paths : int
        Of each datum, with different noise.

    Raises
    ------
    InvalidArgument, InvalidExpression

    Notes
    -----
    Chen, Rubanova, Bettencourt & Duvenaud, NeurIPS 31, 2018.

    Examples
    --------
    >>> from langevin_kit import networks
    >>> spiral = networks.neural_field(networks.mlp({"x": 2}, [8], 2, rng=0))
    >>> model = NeuralODE(spiral, Loss("sum((x - y)**2)", targets={"y": 2}))
    >>> data = np.random.default_rng(0).normal(size=(64, 2))
    >>> fitted = model.fit(data, {"y": -data}, n_epochs=60, optimizer=LBFGS(), rng=0)
    >>> bool(fitted.history.loss[-1] < 0.1 * fitted.history.loss[0])
    True
    """

    system: System
    loss: Loss
    times: ArrayLike = (0.0, 1.0)
    encoder: Encoder | None = None
    provider: GradientProvider = field(default_factory=lambda: DiscreteAdjoint(DormandPrince()))
    paths: int = 1
    _begins: dict[int, Begin] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.system, System) or not isinstance(self.system.names, Components):
            raise InvalidArgument("system: a System of vectors is needed, as in coordinates={'x': 2}.")
        if not isinstance(self.loss, Loss):
            raise InvalidArgument(f"loss: got {type(self.loss).__name__}; a learn.Loss is needed.")
        if not isinstance(self.encoder, Encoder | None):
            raise InvalidArgument(f"encoder: got {type(self.encoder).__name__}; a learn.Encoder is needed, or none.")
        if not hasattr(self.provider, "gradient"):
            raise InvalidArgument(f"provider: got {self.provider!r}; one such as learn.DiscreteAdjoint is needed.")
        if isinstance(self.paths, bool) or not isinstance(self.paths, int) or self.paths < 1:
            raise InvalidArgument(f"paths: got {self.paths!r}; a positive integer is needed.")
        self.parameters  # noqa: B018  (names that clash are refused here)

    @property
    def vectors(self) -> Mapping[str, int]:
        """Names and lengths of the system's vectors."""
        assert isinstance(self.system.names, Components)
        return self.system.names.vector

    @property
    def parameters(self) -> dict[str, Floats]:
        """Those of the system, of the encoder and of the loss."""
        found: dict[str, Floats] = {}
        for part, owned in self._parts().items():
            for name, value in owned.items():
                if name in found:
                    raise InvalidArgument(f"parameters: {name!r} of the {part} is taken; all names must differ.")
                found[name] = np.array(value, np.float64)
        return found

    def with_parameters(self, parameters: Mapping[str, Any]) -> NeuralODE:
        """The same model with other values of some parameters."""
        for name in parameters:
            if name not in self.parameters:
                raise InvalidArgument(f"parameters: got {name!r}{did_you_mean(name, self.parameters)}.")

        def own(part: str) -> dict[str, Any]:
            return {name: parameters.get(name, value) for name, value in self._parts()[part].items()}

        encoder = None if self.encoder is None else replace(self.encoder, parameters=own("encoder"))
        return replace(
            self,
            system=replace(self.system, parameters=own("system")),
            encoder=encoder,
            loss=replace(self.loss, parameters=own("loss")),
        )

    def _parts(self) -> dict[str, Mapping[str, Any]]:
        encoder = {} if self.encoder is None else self.encoder.parameters
        return {"system": self.system.parameters, "encoder": encoder, "loss": self.loss.parameters}

    def value_and_slopes(
        self,
        data: Any,
        targets: Mapping[str, Any] | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        learn: Sequence[str] | None = None,
        rng: RNG = None,
    ) -> tuple[float, dict[str, Floats], Evaluations]:
        """L, its slopes in parameters, and what they cost.

        Parameters
        ----------
        data : (N, n), or mapping of str to (N, n)
            By input of the encoder.
        targets : mapping of str to (N, m) or (k, N, m)
            By target of the loss.
        """
        columns, begin = self.read(data)
        values = {**self.parameters, **(parameters or {})}
        names = list(self.learnt(learn))
        of_system = [name for name in names if name in self.system.parameters]
        places = self._repeated(begin.places(columns, {**begin.parameters, **_of(values, begin.parameters)}))
        objective = self._objective(targets, values)
        found = self.provider.gradient(
            self.system,
            places,
            self.times,
            objective,
            learn=of_system,
            parameters=_of(values, self.system.parameters),
            rng=rng,
        )
        slopes = {**found.parameters, **found.objective}
        if any(name in begin.parameters for name in names):
            summed = found.initial.reshape(-1, self.paths, self.system.n_dim).sum(axis=1)
            slopes |= begin.slopes(columns, {**begin.parameters, **_of(values, begin.parameters)}, summed)
        return float(found.loss), {name: slopes[name] for name in names}, found.evaluations

    def value(self, data: Any, targets: Mapping[str, Any] | None = None, *, rng: RNG = None) -> float:
        """L alone."""
        objective = _ValueAlone(self._objective(targets, self.parameters))
        return float(self._carried(data, self.times, objective, rng).loss)

    def states(self, data: Any, times: ArrayLike | None = None, *, rng: RNG = None) -> Floats:
        """Where data are carried, (k, N·paths, d): at the model's times, or at others."""
        return self._carried(data, self.times if times is None else times, WithoutSlopes(), rng).states

    def predict(self, text: str, data: Any, times: ArrayLike | None = None, *, rng: RNG = None) -> Floats:
        """A text of the system's vectors and of all parameters where data are carried: (k, N·paths, …)."""
        from langevin_kit.learn.gradient import Texts

        known = self.parameters
        texts = Texts(self.vectors, {"text": text}, known)
        values = [texts.values(x.T, known)["text"] for x in self.states(data, times, rng=rng)]
        return np.array([np.moveaxis(value, -1, 0) for value in values])

    def fit(
        self,
        data: Any,
        targets: Mapping[str, Any] | None = None,
        *,
        n_epochs: int,
        optimizer: Optimizer | LBFGS,
        batch_size: int | None = None,
        learn: Sequence[str] | None = None,
        largest_slope: float | None = None,
        validation: tuple[Any, Mapping[str, Any]] | None = None,
        spectra: int = 0,
        observe: Mapping[str, Callable[[NeuralODE], float]] | None = None,
        start: Fitted | None = None,
        checkpoint: Any = None,
        rng: RNG = None,
        progress: Progress | bool | None = None,
    ) -> Fitted:
        """Learn parameters from data.

        Parameters
        ----------
        data, targets
            As `value_and_slopes` takes them.
        n_epochs : int
            How often all data are gone through.
        optimizer : SGD, Adam or LBFGS
        batch_size : int
            Data of an update, in an order drawn anew in each epoch; all of them if left out.
        learn : sequence of str
            Parameters that change; all that the loss depends on if left out.
        largest_slope : float
            Norm of all slopes beyond which they are made shorter.
        validation : (data, targets)
            Others, whose loss is kept of each epoch.
        spectra : int
            Of so many of the data the eigenvalues of ∂f/∂x where they are at each time are kept, of each epoch.
        observe : mapping of str to function of the model
            Further numbers of each epoch.
        start : Fitted
            Goes on with it, as if it had not ended: give the same arguments and seed; `n_epochs` counts from there. Its
            parameters are taken; another optimiser begins with no memory.
        checkpoint : path
            A file that holds what has been learnt after an epoch, written every second so that a crash leaves it whole.
            If it is there, a fit with the same arguments goes on with it, to the end that it was begun for.
        rng : int, SeedSequence, Generator or None
            The seed of orders and of noise.
        progress : bool or Progress
            True shows a bar.

        Returns
        -------
        Fitted
            Its history holds, by update, ``loss``, ``slope_norm``, ``parameter_norm``, ``evaluations_forward``,
            ``evaluations_backward`` and ``epoch_of_update``; by epoch, ``validation_loss``, ``stiffness``,
            ``eigenvalue_real`` and ``eigenvalue_imag``, and what was to be observed.

        Raises
        ------
        InvalidArgument
        StoreMismatch
            Of a checkpoint that other arguments made.
        UnboundedLearning
            When the loss or a slope is not finite. Its attribute `learned` holds what was learnt before.
        """
        return fit(
            self,
            data,
            targets,
            n_epochs=n_epochs,
            optimizer=optimizer,
            batch_size=batch_size,
            learn=learn,
            largest_slope=largest_slope,
            validation=validation,
            spectra=spectra,
            observe=observe or {},
            start=start,
            checkpoint=checkpoint,
            seed=seed_sequence(rng),
            progress=progress,
        )

    def learnt(self, learn: Sequence[str] | None) -> tuple[str, ...]:
        """Names of the parameters that change.

        Raises
        ------
        InvalidArgument
        """
        known = self.parameters
        for name in learn or ():
            if name not in known:
                raise InvalidArgument(f"learn: got {name!r}{did_you_mean(name, known)}.")
        if learn is not None:
            return tuple(learn)
        from langevin_kit.system.dense.field import field_of

        derived = self.system.content.derived
        used = field_of(derived, noisy=self.system.temperature > 0).names(None)
        return tuple(name for name in known if name not in self.system.parameters or name in used)

    def read(self, data: Any) -> tuple[Floats, Begin]:
        """Data as columns, and the encoder that takes them.

        Raises
        ------
        InvalidArgument
        """
        encoder = self.encoder
        if encoder is None:
            shape = np.shape(data)
            if isinstance(data, Mapping) or len(shape) != 2:
                raise InvalidArgument(f"data: got shape {shape}; (N, n) is needed, or an Encoder that takes others.")
            encoder = padded(self.vectors, shape[1])
        given = data if isinstance(data, Mapping) else {next(iter(encoder.inputs)): data}
        if given.keys() != encoder.inputs.keys():
            raise InvalidArgument(f"data: got {sorted(given)}; the encoder takes {sorted(encoder.inputs)}.")
        parts = []
        for name, length in encoder.inputs.items():
            value = np.asarray(given[name], np.float64)
            if value.ndim != 2 or value.shape[1] != length or not len(value) or not np.isfinite(value).all():
                raise InvalidArgument(f"data: got shape {value.shape} for {name!r}; finite (N, {length}) is needed.")
            parts.append(value.T)
        if len({part.shape[1] for part in parts}) > 1:
            raise InvalidArgument("data: as many of each input are needed.")
        rows = np.concatenate(parts)
        if len(rows) not in self._begins:
            self._begins[len(rows)] = Begin(encoder, self.vectors)
        return rows, self._begins[len(rows)]

    def _objective(self, targets: Mapping[str, Any] | None, values: Mapping[str, Floats]) -> ParticleObjective:
        given = {name: self._repeated(np.asarray(value)) for name, value in (targets or {}).items()}
        return self.loss.of(self.system, parameters=_of(values, self.loss.parameters), **given)

    def _carried(self, data: Any, times: ArrayLike, objective: Objective, rng: RNG) -> Gradient:
        """Data at times, without slopes; the compiled code is that with all of them."""
        columns, begin = self.read(data)
        places = self._repeated(begin.places(columns, {**begin.parameters, **_of(self.parameters, begin.parameters)}))
        return self.provider.gradient(self.system, places, times, objective, rng=rng)

    def _repeated(self, value: Floats) -> Floats:
        return np.repeat(value, self.paths, axis=-2) if self.paths > 1 else value


class _ValueAlone(WithoutSlopes):
    """A loss whose slopes nobody wants."""

    def __init__(self, objective: ParticleObjective) -> None:
        self.value, self.each = objective.value, objective.each  # type: ignore[method-assign]


def _of(values: Mapping[str, Any], owned: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in owned if name in values}
