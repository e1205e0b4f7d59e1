"""What is kept of a fit: rows of updates and of epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn.gradient import Evaluations
from langevin_kit.learn.stability import jacobians, stiffness

if TYPE_CHECKING:
    import xarray as xr

    from langevin_kit.learn.neural_ode._fit import Fitted, _Batches
    from langevin_kit.learn.neural_ode._model import NeuralODE

NAMES = {
    "loss": "loss of a batch before its update",
    "slope_norm": "norm of the loss's slope in all that is learnt",
    "parameter_norm": "norm of all that is learnt",
    "evaluations_forward": "evaluations of the velocity",
    "evaluations_backward": "pullbacks through the velocity",
    "epoch_of_update": "epoch that an update belongs to",
    "validation_loss": "loss of data that are not learnt from",
    "stiffness": "largest over smallest modulus of the eigenvalues of the velocity's Jacobian",
    "eigenvalue_real": "real part of an eigenvalue of the velocity's Jacobian",
    "eigenvalue_imag": "imaginary part of an eigenvalue of the velocity's Jacobian",
}
DIMENSIONS = ("update", "epoch")
DIMS = {"stiffness": ("place",), "eigenvalue_real": ("place", "mode"), "eigenvalue_imag": ("place", "mode")}


class Record:
    """Rows of updates and epochs."""

    def __init__(
        self,
        given: _Batches,
        validation: tuple[Any, Mapping[str, Any]] | None,
        spectra: int,
        observe: Mapping[str, Callable[[NeuralODE], float]],
        seed: np.random.SeedSequence,
    ) -> None:
        if isinstance(spectra, bool) or not isinstance(spectra, int) or not 0 <= spectra <= given.n:
            raise InvalidArgument(f"spectra: got {spectra!r}; 0 to {given.n}, the number of data, is needed.")
        self._given, self._validation, self._spectra, self._observe = given, validation, spectra, observe
        self._seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 2))
        self._updates: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []

    def update(
        self, update: int, epoch: int, loss: float, slope_norm: float, parameter_norm: float, cost: Evaluations
    ) -> None:
        """Keep a row."""
        self._updates.append(
            {
                "update": update,
                "loss": loss,
                "slope_norm": slope_norm,
                "parameter_norm": parameter_norm,
                "evaluations_forward": cost.forward,
                "evaluations_backward": cost.backward,
                "epoch_of_update": epoch,
            }
        )

    def epoch(self, epoch: int, make: Callable[[], NeuralODE]) -> None:
        """Keep a row of the model after an epoch; it is only made if it is asked for numbers."""
        row: dict[str, Any] = {"epoch": epoch}
        if self._validation is None and not self._spectra and not self._observe:
            self._epochs.append(row)
            return
        model = make()
        if self._validation is not None:
            data, targets = self._validation
            row["validation_loss"] = model.value(data, targets, rng=self._seed)
        if self._spectra:
            row |= self._spectrum(model)
        self._epochs.append(row | {name: float(of(model)) for name, of in self._observe.items()})

    def dataset(self, before: xr.Dataset | None) -> xr.Dataset:
        """All rows, behind those of an earlier part."""
        import xarray as xr

        rows = xr.Dataset()
        for dim, kept in (("update", self._updates), ("epoch", self._epochs)):
            for name in kept[0] if kept else ():
                values = np.array([row[name] for row in kept])
                about = {"long_name": NAMES.get(name, name.replace("_", " "))}
                rows[name] = ((dim, *DIMS.get(name, ())), values, about)
        rows = rows.set_coords([name for name in DIMENSIONS if name in rows])
        if before is None or not rows.sizes:
            return rows if before is None else before
        parts = [[_of(dim, part) for part in (before, rows) if dim in part.dims] for dim in DIMENSIONS]
        joined = [xr.concat(part, dim) for dim, part in zip(DIMENSIONS, parts, strict=True) if part]
        return xr.merge(joined, join="outer")

    def require_alike(self, began: Fitted | None) -> None:
        """Refuse to go on with a history of other numbers of each epoch.

        Raises
        ------
        InvalidArgument
        """
        if began is None or "epoch" not in began.history.dims:
            return
        kept = _of("epoch", began.history)
        before = {str(name): kept[name].shape[1:] for name in kept.data_vars}
        model = self._given.model
        sizes = self._spectra * (np.size(model.times) - 1), model.system.n_dim
        now: dict[str, tuple[int, ...]] = dict.fromkeys(self._observe, ())
        if self._validation is not None:
            now["validation_loss"] = ()
        if self._spectra:
            now |= {name: sizes[: len(dims)] for name, dims in DIMS.items()}
        if before != now:
            raise InvalidArgument(
                f"start: its history has of each epoch {before or 'nothing'}, this fit would have {now or 'nothing'}; "
                "give the same validation, spectra and observe."
            )

    def _spectrum(self, model: NeuralODE) -> dict[str, NDArray[np.float64]]:
        """Eigenvalues where the first data are at each time, by their real parts."""
        times = np.asarray(model.times, np.float64)
        states = model.states(self._given.first(self._spectra), rng=self._seed)
        found = np.concatenate([jacobians(model.system, x, t) for x, t in zip(states, times[1:], strict=True)])
        values = np.array([row[np.argsort(row.real, kind="stable")] for row in np.linalg.eigvals(found)])
        return {"stiffness": stiffness(found), "eigenvalue_real": values.real, "eigenvalue_imag": values.imag}


def _of(dim: str, history: xr.Dataset) -> xr.Dataset:
    """The rows along one of both dimensions."""
    return history.drop_dims([other for other in DIMENSIONS if other != dim and other in history.dims])
