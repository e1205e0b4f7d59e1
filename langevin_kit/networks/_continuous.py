"""Continuous-time Hopfield networks, and the energy that falls along them."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument
from langevin_kit.networks._activations import Activation, activation_of, at
from langevin_kit.networks._spectrum import require_symmetric
from langevin_kit.system import System, reflecting
from langevin_kit.system.arguments import above_zero, array

A = "W @ x + b"


def continuous(
    couplings: Any,
    fields: Any = 0.0,
    activation: str | Activation = "tanh",
    *,
    time_scale: float = 1.0,
    temperature: float = 0.0,
) -> System:
    r"""A network of N rates x with symmetric couplings.

    .. math:: τ \frac{dx}{dt} = -x + f(W x + b)

    and at T > 0 with :math:`\sqrt{2T/τ}\,dW` added to dx: the mobility is 1/τ. This drift is no gradient in x, so that
    what is stationary at T > 0 is no Boltzmann law.

    Parameters
    ----------
    couplings : (N, N)
        W, symmetric; its diagonal may be anything.
    fields : number or (N,)
        b.
    activation : str or Activation
        f: "tanh", "logistic", 1/(1 + e⁻ᵃ), "algebraic", a/√(1 + a²), or "arctan", (2/π) atan(πa/2);
        or an increasing f of one's own.
    time_scale : float
        τ > 0.
    temperature : float
        T ≥ 0.

    Returns
    -------
    System
        Of one vector x (N), with the parameters W, b and tau. Its observable `continuous_energy` never rises at T = 0,
        so that every path ends in fixed points, and none goes round.

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Hopfield, PNAS 81, 3088 (1984); Cohen & Grossberg, IEEE Trans. Syst. Man Cybern. 13, 815 (1983).

    Examples
    --------
    >>> import langevin_kit as lk
    >>> two = continuous([[0, 2], [2, 0]])
    >>> ds = lk.simulate(two, initial=np.array([[0.1, 0.3]]), time_step=0.1, n_steps=200, save_every=100,
    ...                  observables={"E": continuous_energy()})
    >>> ds.E.values.round(4)
    array([-1.4266, -2.0393, -2.0393])
    """
    f, parameters = activation_of(activation), _parameters(couplings, fields, time_scale)
    return System(
        drift=f"(-x + {at(f.value_text, a=A)})/tau",
        mobility="1/tau",
        temperature=temperature,
        coordinates={"x": len(parameters["b"])},
        parameters=parameters,
    )


def continuous_outputs(
    couplings: Any,
    fields: Any = 0.0,
    activation: str | Activation = "tanh",
    *,
    time_scale: float = 1.0,
    temperature: float,
) -> System:
    r"""The network of `continuous` by its outputs y = f(W x + b), with noise that leaves a Boltzmann law.

    .. math:: dy = (-K ∇E + T\, ∇·K)\,dt + \sqrt{2TK}\,dW, \qquad K = f'(f^{-1}(y))/τ

    with the energy E(y) of `continuous_energy`, between reflecting walls at the limits of f. For tanh K = (1 − y²)/τ.
    The law is exp(−E/T)/Z. At T = 0 y moves as the outputs of `continuous` do.

    Parameters
    ----------
    couplings, fields, activation, time_scale
        As of `continuous`.
    temperature : float
        T ≥ 0.

    Returns
    -------
    System
        Of one vector y (N), with the parameters W, b and tau.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> import langevin_kit as lk
    >>> unit = continuous_outputs([[1.5]], temperature=0.2)
    >>> ds = lk.simulate(unit, initial=lk.initial.point([0.0]), n_particles=10_000, time_step=0.005, n_steps=2000,
    ...                  save_every=2000, rng=0, observables={"square": "y @ y"})
    >>> bool(abs(ds.square[-1] - 0.3888) < 0.015)
    True
    """
    f, parameters = activation_of(activation), _parameters(couplings, fields, time_scale)
    bounded = np.isfinite([f.lowest, f.highest]).all()
    return System(
        energy=f"-(y @ (W @ y))/2 - b @ y + sum({f.inverse_integral_text})",
        mobility=f"{f.slope_text}/tau",
        temperature=temperature,
        coordinates={"y": len(parameters["b"])},
        parameters=parameters,
        walls={"y": reflecting(f.lowest, f.highest)} if bounded else {},
    )


def continuous_energy(activation: str | Activation = "tanh") -> str:
    r"""The text of the energy that falls along `continuous`, for its observables.

    .. math:: E = -\tfrac12 y·W y - b·y + \sum_i \int^{y_i} f^{-1}(s)\,ds, \qquad y = f(a), \quad a = W x + b,
              \qquad \frac{dE}{dt} = -τ \sum_i f'(a_i) \left(\frac{da_i}{dt}\right)^2

    The integral is written as :math:`a y - F(a)`, F' = f, which loses nothing where f saturates. For "tanh" and
    "logistic" it is minus the entropy of independent spins, ±1 or 0 and 1, whose means are y: E is the mean-field free
    energy of spins at T = 1.

    Parameters
    ----------
    activation : str or Activation
        That of the network.

    Returns
    -------
    str

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> continuous_energy("algebraic").startswith("-(")
    True
    """
    f = activation_of(activation)
    y = at(f.value_text, a=A)
    return at("-(y @ (W @ y))/2 - b @ y + sum(p*y - F)", F=at(f.integral_text, a=A), p=A, y=y)


def _parameters(couplings: Any, fields: Any, time_scale: Any) -> dict[str, Any]:
    """W, b and tau, checked."""
    W, b = np.asarray(array("couplings", couplings)), np.asarray(array("fields", fields))
    if W.ndim != 2 or W.size != len(W) ** 2 or not W.size or b.ndim > 1 or b.size not in (1, len(W)):
        raise InvalidArgument(
            f"couplings, fields: got shapes {W.shape} and {b.shape}; (N, N), and (N,) or a number are needed."
        )
    require_symmetric(W)
    return {"W": W, "b": np.broadcast_to(b, len(W)), "tau": above_zero("time_scale", time_scale)}
