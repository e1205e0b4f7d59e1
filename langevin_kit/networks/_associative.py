"""Networks whose hidden units are summed out: gradient flows of ½|x|² − v·x − F(W x + b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.networks._activations import ACTIVATIONS, at
from langevin_kit.system import System
from langevin_kit.system.arguments import above_zero, array

POTENTIALS = {
    "softplus": f"sum({at(ACTIVATIONS['logistic'].integral_text, a='z')})",
    "logsumexp": "logsumexp(beta*z)/beta",
}
"""F(z) by name: with the gradient 1/(1 + e⁻ᶻ), and with softmax(βz)."""

OWN = ("W", "b", "v", "tau")


def associative_memory(
    patterns: Any,
    potential: str = "softplus",
    *,
    fields: Any = 0.0,
    inputs: Any = 0.0,
    time_scale: float = 1.0,
    temperature: float = 0.0,
    parameters: Mapping[str, Any] | None = None,
) -> System:
    r"""A gradient flow that n patterns, the rows of W, pull at.

    .. math:: τ \frac{dx}{dt} = -∇E = -x + v + W^T ∇F(W x + b), \qquad E = \tfrac12 |x|^2 - v·x - F(W x + b)

    At T > 0 it is a Langevin equation with the mobility 1/τ, and its law is exp(−E/T)/Z.

    Parameters
    ----------
    patterns : (n, d)
        W.
    potential : str
        F: "softplus", Σ ln(1 + eᶻ); "logsumexp", β⁻¹ ln Σ exp(βz), with ``parameters={"beta": …}``; or a text of
        z = W x + b, as in ``"z @ z/2"``, and of the parameters.
    fields : number or (n,)
        b.
    inputs : number or (d,)
        v.
    time_scale : float
        τ > 0.
    temperature : float
        T ≥ 0.
    parameters : mapping of str to number or array
        Further names in the text of F.

    Returns
    -------
    System
        Of one vector x (d), with the parameters W, b, v and tau.

    Raises
    ------
    InvalidArgument, InvalidExpression

    Notes
    -----
    Where |∇F| ≤ K, all paths enter the ball of the radius K‖W‖ + \|v\| and stay there: K = √n for "softplus", 1 for
    "logsumexp". Kamyshanska & Memisevic, IEEE Trans. Pattern Anal. Mach. Intell. 37, 1261 (2015); Krotov & Hopfield,
    arXiv:2008.06996 (2021); Ramsauer et al., arXiv:2008.02217 (2021). The Jacobian of "logsumexp" is
    (−1 + β Cov_p(w, w))/τ, with the covariance of the patterns under p = softmax(βz).

    Examples
    --------
    >>> memory = associative_memory([[1.0, 0.0], [0.0, 2.0]], "logsumexp", parameters={"beta": 1.0})
    >>> memory.force_at([[0.0], [0.0]]).ravel()
    array([0.5, 1. ])
    """
    W = np.asarray(array("patterns", patterns))
    if W.ndim != 2 or not W.size:
        raise InvalidArgument(f"patterns: got shape {W.shape}; an array (n, d) is needed.")
    more = dict(parameters or {})
    if taken := [name for name in OWN if name in more]:
        raise InvalidArgument(f"parameters: {', '.join(taken)}: networks have these names already; choose others.")
    if str(potential).isidentifier() and potential not in POTENTIALS:
        raise InvalidArgument(f"potential: got {potential!r}{did_you_mean(potential, POTENTIALS)}, or a text of z.")
    if potential == "logsumexp":
        more["beta"] = above_zero("parameters.beta", more.get("beta"))
    F = at(POTENTIALS.get(potential, str(potential)), z="W @ x + b")
    n, d = W.shape
    return System(
        energy=f"x @ x/2 - v @ x - ({F})",
        mobility="1/tau",
        temperature=temperature,
        coordinates={"x": d},
        parameters=more
        | {
            "W": W,
            "b": spread("fields", fields, n),
            "v": spread("inputs", inputs, d),
            "tau": above_zero("time_scale", time_scale),
        },
    )


def spread(name: str, value: Any, n: int) -> np.ndarray:
    """A number, n times, or n numbers."""
    found = np.asarray(array(name, value))
    if found.ndim > 1 or found.size not in (1, n):
        raise InvalidArgument(f"{name}: got shape {found.shape}; a number or ({n},) is needed.")
    return np.broadcast_to(found, n)
