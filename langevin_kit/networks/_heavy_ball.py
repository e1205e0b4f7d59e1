"""Heavy balls: neural ODEs of second order, with momentum and friction, and noise on the momentum alone."""

from __future__ import annotations

import math

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._activations import Activation, at
from langevin_kit.networks._field import Field, activation_text
from langevin_kit.system import System
from langevin_kit.system.arguments import above_zero, at_least_zero, number

MOMENTUM = "m"
"""The vector of momenta."""

DAMPING = 1 / (1 + math.exp(3))
"""γ at first, as in the code of the paper: σ(−3)."""


def heavy_ball(
    field: Field,
    *,
    damping: float = DAMPING,
    largest_damping: float = 1.0,
    velocity: str | Activation = "identity",
    restoring: float | None = None,
    temperature: float = 0.0,
) -> System:
    r"""A heavy ball at h with the momentum m, which a field pushes.

    .. math:: dh = σ(m)\,dt, \qquad dm = [-γ m + f(h, t) - ξ h]\,dt + \sqrt{2 T γ}\,dW, \qquad γ = ε/(1 + e^{-ω})

    At T = 0 it is a heavy-ball neural ODE: with σ = 1 and ξ = 0 :math:`h'' + γ h' = f`; with a bounded σ, and ξ, the
    generalised one; without γ, and with f(h, m), a neural ODE of second order. At T > 0, with σ = 1, ξ = 0 and
    f = −∇V it is the underdamped Langevin equation: the energy V + m²/2 and :math:`K = [[0, -1], [1, γ]]`, so that the
    law is exp(−(V + m²/2)/T)/Z. Of another f or σ it is none.

    Parameters
    ----------
    field : Field
        f, of h, or of h and m in this order. The position may have any name, the momentum is m.
    damping : float
        γ at first, between 0 and ε; 0 for none at all.
    largest_damping : float
        ε, which γ stays below whatever ω is learnt.
    velocity : str or Activation
        σ: "identity", or "tanh" and "hardtanh" among others.
    restoring : float, optional
        ξ at first; no such term if left out.
    temperature : float
        T ≥ 0; above 0 γ must be, too.

    Returns
    -------
    System
        Of the vectors h (n) and m (n), with the parameters of the field, omega and xi. Its energy is m²/2, from which
        the friction comes, and its mobility diag(0, γ); all else is drift.

    Raises
    ------
    InvalidArgument, InvalidExpression

    Notes
    -----
    Xia, Suliafu, Ji, Nguyen, Bertozzi, Osher & Wang, NeurIPS 2021; of second order: Norcliffe et al., NeurIPS 2020.
    Their public code has dh/dt = σ(−m): this equation with −m for m, and −f and ξ for what it calls f and corr.

    Examples
    --------
    >>> import numpy as np
    >>> import langevin_kit as lk
    >>> ball = heavy_ball(Field("-h", {"h": 1}), damping=0.5, temperature=0.3)
    >>> ds = lk.simulate(ball, initial=np.zeros((20_000, 2)), time_step=0.01, n_steps=3000, save_every=3000, rng=0,
    ...                  observables={"h2": "h @ h", "m2": "m @ m"})
    >>> bool(abs(ds.h2[-1] - 0.3) < 0.02) and bool(abs(ds.m2[-1] - 0.3) < 0.02)
    True
    """
    position, *others = field.inputs
    if others not in ([], [MOMENTUM]) or position == MOMENTUM:
        raise InvalidArgument(
            f"field: got one of {', '.join(field.inputs)}; one of a position, or of a position and {MOMENTUM!r}, is "
            "needed."
        )
    n, T = field.inputs[position], at_least_zero("temperature", temperature)
    if field.inputs.get(MOMENTUM, n) != n:
        raise InvalidArgument(f"field: got lengths {dict(field.inputs)}; position and momentum have the same.")
    most, gamma = above_zero("largest_damping", largest_damping), at_least_zero("damping", damping)
    if not gamma < most:
        raise InvalidArgument(f"damping: got {damping!r}; it must be below largest_damping, {most:g}.")
    if T and not gamma:
        raise InvalidArgument(f"temperature: got {T:g} without damping; noise comes with friction. Take damping > 0.")
    push, parameters = field.text, dict(field.parameters)
    own = {"omega": math.log(gamma / (most - gamma))} if gamma else {}
    if restoring is not None:
        push, own["xi"] = f"({push}) - xi*{position}", number("restoring", restoring)
    if taken := sorted(own.keys() & parameters.keys()):
        raise InvalidArgument(f"field: its parameters {taken} are the heavy ball's own; give it a prefix.")
    return System(
        energy=f"{MOMENTUM} @ {MOMENTUM}/2" if gamma else 0.0,
        mobility={position: 0.0, MOMENTUM: f"{most / 2!r}*(1 + tanh(omega/2))" if gamma else 0.0},
        drift={position: at(activation_text(velocity), a=MOMENTUM), MOMENTUM: push},
        temperature=T,
        coordinates={position: n, MOMENTUM: n},
        parameters=parameters | own,
    )
