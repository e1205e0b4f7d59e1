"""Couplings and fields of a continuous network, learnt so that patterns are its fixed points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.networks._activations import Activation, activation_of
from langevin_kit.networks._losses import Loss, Objective, cross_entropy, euler, runge_kutta, squares
from langevin_kit.networks._spectrum import spectrum
from langevin_kit.system.arguments import array, at_least_zero

Floats = NDArray[np.float64]
Array = NDArray[Any]

LOSSES = ("squares", "cross_entropy")


@dataclass(frozen=True)
class LearnedFixedPoints:
    """What `learn_fixed_points` found: a pattern is stored where its residual is small and its eigenvalue negative.

    Attributes
    ----------
    couplings : (N, N)
        W, exactly symmetric, with a diagonal of 0.
    fields : (N,)
        b.
    residual : (P,)
        |x − f(W x + b)| of each pattern: a stable fixed point is about |residual/eigenvalue| away.
    eigenvalue : (P,)
        The largest of −1 + diag(f') W there: fixed points are stable where it is negative.
    loss, gradient : float
        What was left of the loss, and of its gradient's largest component.
    n_iterations : int
        Steps of the minimiser.
    """

    couplings: Floats
    fields: Floats
    residual: Floats
    eigenvalue: Floats
    loss: float
    gradient: float
    n_iterations: int


def learn_fixed_points(
    patterns: Any,
    activation: str = "tanh",
    *,
    loss: Literal["squares", "cross_entropy"] = "squares",
    time_step: float | None = None,
    weight_decay: float = 0.0,
    tolerance: float = 1e-10,
    max_iterations: int = 5000,
) -> LearnedFixedPoints:
    r"""Couplings W and fields b for which patterns are fixed points of τ dx/dt = −x + f(W x + b).

    W is symmetric, and 0 on the diagonal, so that each component is predicted from the others. The least of

    .. math:: \tfrac12 \sum_μ |x^μ - f(W x^μ + b)|^2 \quad\text{or}\quad
              \tfrac12 \sum_μ \left|\frac{x^μ(Δt) - x^μ}{Δt}\right|^2 \quad\text{or}\quad
              \sum_{μ,i} F(a_i^μ) - x_i^μ a_i^μ, \quad a = W x + b, \; F' = f

    plus half the weight decay times :math:`\sum_{i<j} W_{ij}^2 + \sum_i b_i^2` is sought from W = b = 0, of all
    patterns at once. Being fixed is not being stable, so the result says of each pattern what its spectrum is.

    Parameters
    ----------
    patterns : (P, N)
        Between the limits of f, which are no fixed points: scale ±1, as in ``0.9*patterns``.
    activation : str
        f: "tanh", "logistic", 1/(1 + e⁻ᵃ), "algebraic", a/√(1 + a²), or "arctan", (2/π) atan(πa/2).
    loss : str
        "squares", the first or second; or "cross_entropy", the third: convex, and with a weight decay it takes the
        limits of f as well.
    time_step : float, optional
        Δt: the second loss, with x(Δt) by a step of the classical Runge–Kutta method, whose own gradient is taken.
        A step of Euler's would give the first loss for every Δt.
    weight_decay : float
        Of patterns that can be fixed points exactly, with 0 they are, and W is of no certain size.
    tolerance : float
        Of the gradient's components, at which to stop; before, if round-off lets the loss fall no more.
    max_iterations : int

    Returns
    -------
    LearnedFixedPoints

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Symmetric W can make all patterns fixed only if some b has
    :math:`x^μ·f^{-1}(x^ν) - x^ν·f^{-1}(x^μ) = b·(x^μ - x^ν)` for all pairs. Patterns of one size \|x_i\| have such a b,
    and can be fixed while the entries that are left free suffice for the diagonal, :math:`(N-P+1)(N-P+2)/2 ≥ N`; others
    have none in general from three on, and are approached.

    With tanh, ±1 and "cross_entropy" it is the pseudo-likelihood of `SpinSystem` at T = 1 that is greatest: MacKay,
    Information Theory, Inference, and Learning Algorithms (2003), algorithm 42.9, whose weights are 2W. At T = 0 these
    couplings hold more patterns than Hebb's.

    Examples
    --------
    >>> patterns = np.array([[1, 1, 1, 1, 1, 1], [1, -1, 1, -1, 1, -1]])
    >>> learned = learn_fixed_points(0.9 * patterns)
    >>> bool(learned.residual.max() < 1e-8), learned.eigenvalue.round(3)
    (True, array([-0.689, -0.689]))
    """
    f = activation_of(activation)
    decay, gtol = at_least_zero("weight_decay", weight_decay), at_least_zero("tolerance", tolerance)
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, int | np.integer) or max_iterations < 1:
        raise InvalidArgument(f"max_iterations: got {max_iterations!r}; an integer of 1 or more is needed.")
    x = _inside(patterns, f, activation, closed=loss == "cross_entropy" and decay > 0)
    objective = Objective(_loss(x, f, loss, time_step), x.shape[1], decay)
    found = minimize(
        objective,
        np.zeros(x.shape[1] * (x.shape[1] + 1) // 2),
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 0.0, "gtol": gtol, "maxiter": max_iterations, "maxfun": 10 * max_iterations},
    )
    W, b = objective.unpacked(found.x)
    return LearnedFixedPoints(
        couplings=W,
        fields=b,
        residual=np.linalg.norm(x - f.value(x @ W + b), axis=1),
        eigenvalue=spectrum(x, W, b, activation)[:, -1],
        loss=float(found.fun),
        gradient=float(np.abs(found.jac).max()),
        n_iterations=int(found.nit),
    )


def _loss(x: Floats, f: Activation, loss: str, time_step: float | None) -> Callable[[Array, Array], Loss]:
    if loss not in LOSSES:
        raise InvalidArgument(f"loss: got {loss!r}{did_you_mean(str(loss), LOSSES)}.")
    if time_step is None:
        return partial(cross_entropy, x, f=f) if loss == "cross_entropy" else partial(squares, x, f=f, stages=euler())
    if loss == "cross_entropy":
        raise InvalidArgument("time_step: 'cross_entropy' compares x with f(W x + b), not with a step; leave it out.")
    if not (step := at_least_zero("time_step", time_step)):
        raise InvalidArgument("time_step: got 0; its limit is the loss without a time step: leave it out.")
    return partial(squares, x, f=f, stages=runge_kutta(step))


def _inside(patterns: Any, f: Activation, name: str, *, closed: bool) -> Floats:
    """The patterns, if they lie where f can be."""
    x: Floats = np.asarray(array("patterns", patterns))
    if x.ndim != 2 or not x.size:
        raise InvalidArgument(f"patterns: got shape {x.shape}; an array (P, N) is needed.")
    low, high = x.min(), x.max()
    if low < f.lowest or high > f.highest or (not closed and (low == f.lowest or high == f.highest)):
        raise InvalidArgument(
            f"patterns: got values from {low:g} to {high:g}; {name} takes those between {f.lowest:g} and {f.highest:g} "
            "alone, so that others are no fixed points: scale them, as in 0.9*patterns. The limits themselves can be "
            "learnt with loss='cross_entropy' and a weight_decay > 0."
        )
    return x
