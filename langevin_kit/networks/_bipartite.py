"""Networks of a visible and a hidden layer, each moved by what its Lagrangian makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument, NotNormalizable
from langevin_kit.networks._activations import Activation, activation_of, at
from langevin_kit.networks._associative import spread
from langevin_kit.networks._layers import LAYERS, Layer
from langevin_kit.networks._layers import layer as layer_of
from langevin_kit.system import System, Wall, reflecting
from langevin_kit.system.arguments import above_zero, array


def bipartite(
    U: Any,
    visible: str | Activation | Layer = "tanh",
    hidden: str | Activation | Layer = "identity",
    *,
    temperature: float,
    inputs: Any = 0.0,
    hidden_inputs: Any = 0.0,
    time_scales: Sequence[float] = (1.0, 1.0),
    clamped: Any = (),
) -> System:
    r"""A visible layer v and a hidden layer h, which see each other through U.

    With the Lagrangians :math:`L_v, L_h`, whose gradients g and f are the activation functions, the energy is

    .. math:: E = (v - I)·g - L_v(v) + (h - J)·f - L_h(h) - g·U f, \qquad g = ∂L_v(v),\ f = ∂L_h(h)

    A layer with an unbounded activation is moved by its potential, v above, with K = 1/τ: at T = 0
    τ dv/dt = g'(v) (U f + I − v). One with a bounded activation has no Boltzmann law in v, and is moved by its output
    y = g(v), under the same name and between walls at the limits of g: at T = 0 τ dv/dt = U f + I − v.

    .. math:: E(y) = L_v^*(y) - I·y + \dots, \qquad L_v^*(y) = \int^y g^{-1}, \qquad K = g'(g^{-1}(y))/τ

    The law is exp(−E/T)/Z against the Lebesgue measure of what is moved. A layer whose activation sees all units is
    moved by its outputs too, on their manifold (`layer`), with K = ∂²L/τ.

    Parameters
    ----------
    U : (n, m)
        Couplings of n visible with m hidden units.
    visible, hidden : str or Activation
        "identity", "tanh", "logistic", "algebraic", "leaky_relu", "leaky_hardtanh", or one of
        `leaky_relu(slope)`, `leaky_hardtanh(slope)`, or one of one's own. Or "softmax", "spherical" or "layer_norm",
        or a `layer` of these kinds with its ε, made for the vector "v" or "h" of that length.
    temperature : float
        T ≥ 0.
    inputs, hidden_inputs : number, (n,), or (m,)
        I and J.
    time_scales : two floats
        τ of the visible and of the hidden layer.
    clamped : "v", "h", or (n,) of bool
        A layer, or visible units, that stay where they are: their K is 0. It can be changed in ``parameters``, as
        ``free_v`` and ``free_h``: 1 where a unit moves, 0 where it does not; of a `layer` one number for all of it.

    Returns
    -------
    System
        Of the vectors v (n) and h (m), with the parameters U, I, J, free_v and free_h.

    Raises
    ------
    InvalidArgument
    NotNormalizable
        At T > 0 where two unbounded layers may run away: |U| ≥ 1/√(s_v s_h), with the largest singular value of U and
        the steepest slopes s at infinity of the two activations.

    Notes
    -----
    Krotov & Hopfield, arXiv:2008.06996 (2021), eqs. 1-4, have the flow at T = 0.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> pair = bipartite([[0.5]], "identity", "identity", temperature=1.0)
    >>> ds = lk.simulate(pair, initial=np.zeros((20_000, 2)), time_step=0.02, n_steps=500, save_every=500, rng=0,
    ...                  observables={"correlation": "v @ h"})
    >>> bool(abs(ds.correlation[-1] - 2/3) < 0.05)  # T U/(1 − U²)
    True
    """
    couplings = np.asarray(array("U", U))
    if couplings.ndim != 2 or not couplings.size:
        raise InvalidArgument(f"U: got shape {couplings.shape}; an array (n, m) is needed.")
    n, m = couplings.shape
    given = (("visible", visible, "v", n), ("hidden", hidden, "h", m))
    layers = [_layer(*each) for each in given]
    free = [_own_free(layer, each) for layer, each in zip(layers, free_units(clamped, n, m), strict=True)]
    unbounded = [layer for layer in layers if isinstance(layer, Activation) and layer.is_unbounded]
    if float(temperature) > 0 and len(unbounded) == 2 and all(map(np.any, free)):
        _require_law(couplings, unbounded)
    if len(time_scales) != 2:
        raise InvalidArgument(f"time_scales: got {time_scales!r}; two numbers are needed.")
    taus = [above_zero(f"time_scales[{j}]", value) for j, value in enumerate(time_scales)]
    g, f = (_text(layer, name) for layer, name in zip(layers, "vh", strict=True))
    parts = [_own_energy(layer, *names) for layer, names in zip(layers, ("vI", "hJ"), strict=True)]
    return System(
        energy=f"{' + '.join(parts)} - {g} @ (U @ {f})",
        mobility={name: _mobility(layer, name) for layer, name in zip(layers, "vh", strict=True)},
        temperature=temperature,
        coordinates={"v": n, "h": m},
        parameters={
            "U": couplings,
            "I": spread("inputs", inputs, n),
            "J": spread("hidden_inputs", hidden_inputs, m),
            **dict(zip(("free_v", "free_h"), free, strict=True)),
            **dict(zip(("tau_v", "tau_h"), taus, strict=True)),
        },
        walls={
            name: _walls(layer)
            for layer, name in zip(layers, "vh", strict=True)
            if isinstance(layer, Activation) and not layer.is_unbounded
        },
        retraction={
            name: layer.retraction for layer, name in zip(layers, "vh", strict=True) if isinstance(layer, Layer)
        },
    )


def _layer(which: str, given: str | Activation | Layer, name: str, length: int) -> Activation | Layer:
    if isinstance(given, str) and given in LAYERS:
        return layer_of(given, name, length)
    if isinstance(given, Layer):
        if (given.name, given.length) != (name, length):
            raise InvalidArgument(
                f"{which}: got a layer made for {given.name!r} of length {given.length}; one for {name!r} of length "
                f"{length} is needed."
            )
        return given
    found = activation_of(given)
    if np.isfinite(found.lowest) != np.isfinite(found.highest):
        raise InvalidArgument(
            f"{which}: got an activation between {found.lowest} and {found.highest}; both limits or none are needed."
        )
    return found


def free_units(clamped: Any, n: int, m: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which units of either layer move."""
    if isinstance(clamped, str) and clamped in ("v", "h"):
        return np.full(n, clamped != "v"), np.full(m, clamped != "h")
    held = np.asarray(clamped) if len(clamped) else np.zeros(n, bool)
    if held.shape != (n,) or held.dtype != bool:
        raise InvalidArgument(f"clamped: got {clamped!r:.60}; 'v', 'h', or ({n},) of bool is needed.")
    return ~held, np.ones(m, bool)


def _own_free(layer: Activation | Layer, free: NDArray[np.bool_]) -> np.ndarray | float:
    """Of a layer that moves as a whole one number."""
    if not isinstance(layer, Layer):
        return free.astype(float)
    if free.any() != free.all():
        raise InvalidArgument("clamped: got some units of a layer whose units move together; clamp all of it or none.")
    return float(free.all())


def _require_law(couplings: np.ndarray, layers: Sequence[Activation]) -> None:
    limit = 1 / np.sqrt(np.prod([layer.growth for layer in layers]))
    largest = float(np.linalg.norm(couplings, 2))
    if largest >= limit:
        raise NotNormalizable(
            f"U: got the largest singular value {largest:.6g}; two unbounded layers have a Boltzmann law below "
            f"1/√(s_v s_h) = {limit:.6g}, with the slopes s of their activations at infinity. Scale U down, take a "
            "bounded activation ('tanh') or one of less slope (leaky_hardtanh(slope)), or clamp a layer."
        )


def _text(layer: Activation | Layer, name: str) -> str:
    """The output of a layer."""
    if isinstance(layer, Layer):
        return name
    return f"({at(layer.value_text, a=name)})" if layer.is_unbounded else name


def _own_energy(layer: Activation | Layer, name: str, given: str) -> str:
    """The energy of a layer by itself."""
    if isinstance(layer, Layer):
        return f"{layer.energy} - {given} @ {name}"
    if layer.is_unbounded:
        return f"({name} - {given}) @ {_text(layer, name)} - sum({at(layer.integral_text, a=name)})"
    return f"sum({at(layer.inverse_integral_text, y=name)}) - {given} @ {name}"


def _mobility(layer: Activation | Layer, name: str) -> str | dict[str, str]:
    if isinstance(layer, Layer):
        return layer.mobility(f"free_{name}/tau_{name}")
    slope = "1" if layer.is_unbounded else at(layer.slope_text, y=name)
    return f"free_{name}*{slope}/tau_{name}"


def _walls(layer: Activation) -> Wall:
    return reflecting(layer.lowest, layer.highest)
