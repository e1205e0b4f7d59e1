"""A file that holds what a fit has learnt, so that another process goes on with it."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_kit.errors import StoreCorrupt, StoreMismatch
from langevin_kit.random import seed_record
from langevin_kit.store import put

if TYPE_CHECKING:
    from langevin_kit.learn.neural_ode._fit import Fitted, _Batches
    from langevin_kit.learn.neural_ode._model import NeuralODE


UPDATES = (0, 1, 10, 100, 1000, 10_000, 100_000)
"""Those at which learning rates are compared."""


class Checkpoint:
    """One file, which is whole whenever it is there, and at most a second and an epoch old."""

    def __init__(
        self,
        path: Any,
        model: NeuralODE,
        names: Sequence[str],
        optimizer: Any,
        bound: float,
        first: int,
        given: _Batches,
        seed: np.random.SeedSequence,
    ) -> None:
        self._path, self._written = Path(path), -np.inf
        self._about = {
            "system": [repr(model.system.energy), repr(model.system.mobility), repr(model.system.drift)],
            "temperature": model.system.temperature,
            "vectors": dict(model.vectors),
            "encoder": None if model.encoder is None else dict(model.encoder.texts),
            "loss": model.loss.text,
            "times": np.asarray(model.times, float).tolist(),
            "paths": model.paths,
            "provider": _described(model.provider),
            "parameters": _digest(model.parameters),
            "learn": list(names),
            "optimizer": _described(optimizer),
            "largest_slope": bound,
            "start": first,
            "batch_size": given.size,
            "data": _digest({**given.data, **{f"target {name}": v for name, v in given.targets.items()}}),
            "seed": seed_record(seed),
        }

    @property
    def is_due(self) -> bool:
        """Whether it was written a second ago or more: to write a long history may take as long as an epoch."""
        return time.monotonic() - self._written >= 1

    def write(self, fitted: Fitted, names: Sequence[str]) -> None:
        """Put what was learnt in the place of what was there."""
        values = {f"parameter {name}": fitted.model.parameters[name] for name in names}
        values |= {f"memory {name}": value for name, value in fitted.memory.items()}
        history = fitted.history
        values |= {f"history {name}": history[name].values for name in history.variables}
        about = {
            **self._about,
            "epoch": fitted.epoch,
            "update": fitted.update,
            "history": {name: [list(v.dims), dict(v.attrs)] for name, v in history.variables.items()},
        }
        file = io.BytesIO()
        np.savez(file, about=np.array(json.dumps(about)), **values)  # type: ignore[arg-type]
        put(self._path, file.getvalue(), durable=True)
        self._written = time.monotonic()

    def read(self, model: NeuralODE) -> Fitted | None:
        """What the file holds, if it is there.

        Raises
        ------
        StoreMismatch, StoreCorrupt
        """
        import xarray as xr

        from langevin_kit.learn.neural_ode._fit import Fitted

        if not self._path.exists():
            return None
        try:
            with np.load(io.BytesIO(self._path.read_bytes()), allow_pickle=False) as file:
                held = {name: file[name] for name in file.files}
            about = json.loads(str(held.pop("about")))
        except Exception as error:
            raise StoreCorrupt(f"{self._path}: it cannot be read ({error}). Move it away to begin anew.") from error
        other = [name for name, value in self._about.items() if json.loads(json.dumps(value)) != about.get(name)]
        if other:
            raise StoreMismatch(
                f"{self._path} holds a fit of other {', '.join(other)}. Choose another file, or give the same "
                "arguments."
            )
        parts: dict[str, dict[str, Any]] = {"parameter": {}, "memory": {}, "history": {}}
        for key, value in held.items():
            kind, _, name = key.partition(" ")
            parts[kind][name] = value
        variables = {name: (dims, parts["history"][name], attrs) for name, (dims, attrs) in about["history"].items()}
        history = xr.Dataset(variables)
        history = history.set_coords([name for name in ("update", "epoch") if name in history])
        return Fitted(
            model.with_parameters(parts["parameter"]), history, about["epoch"], about["update"], parts["memory"]
        )


def _described(given: Any) -> list[Any]:
    """What an object is made with, alike in any process: of a function of the number of the update some values."""
    if not is_dataclass(given):
        return [type(given).__qualname__]
    values = {field.name: getattr(given, field.name) for field in fields(given)}
    plain = {name: [float(v(k)) for k in UPDATES] if callable(v) else repr(v) for name, v in values.items()}
    return [type(given).__qualname__, plain]


def _digest(arrays: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(arrays.items()):
        digest.update(f"{name} {np.shape(value)}".encode())
        digest.update(np.ascontiguousarray(value, np.float64).tobytes())
    return digest.hexdigest()
