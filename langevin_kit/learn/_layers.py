"""The two layers of an energy that is a sum over units, and a·(U b) of their outputs a and b."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.learn._moments import GraphSlopes
from langevin_kit.system import System
from langevin_kit.system.dense.evaluate import evaluate
from langevin_kit.system.dense.graph import Node

Floats = NDArray[np.float64]

PANELS, NODES = 64, 16
"""Of the quadrature over a unit: powers of 2, so that kinks at 0 and 1 are between panels."""

FAR = 45.0
"""Energies so many T above the lowest are left out of it."""

MOST = 2**23
"""Numbers held at once."""

SEPARABLE = 1e-9
"""Share of the energies by which units of a layer may seem to see each other, from rounding."""


@dataclass(frozen=True)
class Layer:
    """One layer of a bipartite energy.

    Attributes
    ----------
    system : System
    rows : (n,)
        Of a state.
    output : Node
        a of the first layer, b of the second; of `networks.bipartite` −g and f.
    rest : (d,)
        A state amid the walls, or at 0.
    """

    system: System
    rows: NDArray[np.int64]
    output: Node
    rest: Floats

    def outputs(self, x: NDArray[np.floating]) -> Floats:
        """Of states (d, R), (n, R)."""
        return evaluate(self.output, np.asarray(x, np.float64), 0.0, self._parameters)

    @property
    def _parameters(self) -> dict[str, Floats]:
        return {name: np.asarray(value, np.float64) for name, value in self.system.parameters.items()}

    def units(self, s: Floats) -> tuple[Floats, Floats]:
        """Outputs and energies of each unit at s (Q,), less those at rest and without the other layer; both (n, Q)."""
        n, q = len(self.rows), len(s)
        x = np.tile(self.rest[:, None, None], (1, n, q))
        x[self.rows, np.arange(n)] = s
        x = x.reshape(len(x), n * q)
        away = self.outputs(x).reshape(n, n, q)[np.arange(n), np.arange(n)]
        at_rest = self.rest[:, None]
        energy = (alone(self.system, x) - alone(self.system, at_rest)).reshape(n, q)
        return away - self.outputs(at_rest), energy

    def log_integrals(self, fields: Floats) -> Floats:
        """Ln ∫ exp(−(energy + field · output)/T) ds, summed over the units, in fields (n, R); both less at rest."""
        s, weight = self._nodes(fields)
        output, energy = self.units(s)
        at_once = max(1, MOST // output.size)
        parts = []
        for low in range(0, fields.shape[1], at_once):
            exponent = -(energy[:, None] + fields[:, low : low + at_once, None] * output[:, None])
            exponent /= self.system.temperature
            top = exponent.max(axis=-1)
            parts.append((top + np.log(np.exp(exponent - top[..., None]) @ weight)).sum(axis=0))
        return np.concatenate(parts)

    def _nodes(self, fields: Floats) -> tuple[Floats, Floats]:
        """Gauss–Legendre nodes in panels: between the walls, crowded there, or as far out as there is any weight."""
        node, weight = np.polynomial.legendre.leggauss(NODES)
        edge = np.linspace(-1, 1, PANELS + 1)
        u = ((edge[:-1] + edge[1:])[:, None] / 2 + node / PANELS).ravel()
        w = np.tile(weight / PANELS, PANELS)
        wall = self.system.each_wall[self.rows[0]]
        if wall is not None:
            half = (wall.upper - wall.lower) / 2
            return wall.lower + half * (1 + (3 * u - u**3) / 2), half * w * 1.5 * (1 - u * u)
        reach = 1.0
        ends = np.abs(fields).max(initial=0.0) * np.array([[-1.0], [1.0]])
        while reach < 1e8:
            reach *= 2
            output, energy = self.units(reach * np.linspace(-1, 1, 65))
            exponent = (energy[:, None] + ends * output[:, None]) / self.system.temperature
            if (exponent[..., [0, -1]].min(axis=-1) > exponent.min(axis=-1) + FAR).all():
                return reach * u, reach * w
        raise InvalidArgument(f"system: units of the components {self.rows.tolist()[:3]}… have no Boltzmann law.")


def layers_of(system: System, name: str = "U") -> tuple[Layer, Layer]:
    """The visible and the hidden layer of a bipartite energy.

    Raises
    ------
    InvalidArgument
        At T = 0, and for another energy.
    """
    if not system.temperature > 0:
        raise InvalidArgument("system: got T = 0; a free energy needs T > 0.")
    slopes = GraphSlopes(system, [name])
    states = system.content.derived.states  # type: ignore[union-attr]
    if name not in slopes.outer or len(states) != 2:
        raise InvalidArgument(
            f"system: its energy is not that of two layers, … − g·({name} f), as of networks.bipartite."
        )
    rest = np.zeros(system.n_dim)
    for row, wall in enumerate(system.each_wall):
        if wall is not None and np.isfinite(wall.lower) and np.isfinite(wall.upper):
            rest[row] = (wall.lower + wall.upper) / 2
    rows = [np.arange(state.first, state.first + state.shape[0]) for state in states]
    made = [Layer(system, row, node, rest) for row, node in zip(rows, slopes.factors[name][0], strict=True)]
    _require_separable(system, made)
    return made[0], made[1]


def alone(system: System, x: Floats, name: str = "U") -> Floats:
    """E without U."""
    derived = system.content.derived
    parameters = {key: np.asarray(value, np.float64) for key, value in system.parameters.items()}
    return evaluate(derived.energy, x, 0.0, parameters | {name: np.zeros_like(parameters[name])})


def _require_separable(system: System, layers: list[Layer]) -> None:
    """Refuse energies that are not sums over units beside g·(U f), at places by chance."""
    rng = np.random.default_rng(0)
    x = layers[0].rest + 0.3 * rng.uniform(-1, 1, system.n_dim)
    whole = alone(system, x[:, None])[0] - alone(system, layers[0].rest[:, None])[0]
    parts = 0.0
    for layer in layers:
        moved = np.tile(layer.rest[:, None], (1, len(layer.rows)))
        moved[layer.rows, np.arange(len(layer.rows))] = x[layer.rows]
        parts += float((alone(system, moved) - alone(system, layer.rest[:, None])).sum())
    a, b = (layer.outputs(x[:, None])[:, 0] for layer in layers)
    coupled = system.energy_at(x[:, None])[0] - alone(system, x[:, None])[0]
    error = max(abs(whole - parts), abs(coupled - a @ np.asarray(system.parameters["U"]) @ b))
    if error > SEPARABLE * (1 + abs(whole) + abs(coupled)):
        raise InvalidArgument("system: units of one layer see each other; only those of a bipartite network do not.")
