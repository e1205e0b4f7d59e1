r"""Layers whose activation sees all units: softmax, layer norm, division by the norm.

The Hessian of such a layer's Lagrangian L is singular, or no function of the outputs alone, so that there is no law in
the potentials h. The layer is moved by its outputs y = ∂L(h), which live on a manifold or in a ball:

.. math:: E = L^*(y) - J·y + \dots, \qquad K = ∂^2L/τ, \qquad ∂L^*(y) = h

At T = 0, where τ dh/dt = −h + J, it is dy/dt = ∂²L dh/dt, the same path.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system.arguments import check_name, number

INSIDE = 1 - 1e-6
"""Share of a ball's radius at which outputs are mirrored: on the sphere itself ∂L* is infinite and K zero."""

LEAST = "1e-30"
"""A square root of at least this much has a slope, and an output above it a logarithm, in float32 too."""


@dataclass(frozen=True)
class Layer:
    """A layer by its outputs, as texts for a `System`.

    Attributes
    ----------
    name, length : str, int
        Of the vector.
    output : str
        y = ∂L(h), of potentials that have the name of the outputs.
    energy : str
        L*(y).
    root : str
        R z with R Rᵀ = ∂²L.
    divergence : str
        ∇·∂²L along the manifold.
    retraction : str
        Where outputs return to after a step.
    """

    name: str
    length: int
    output: str
    energy: str
    root: str
    divergence: str
    retraction: str

    def mobility(self, rate: str = "1") -> dict[str, str]:
        """K = rate·∂²L, as ``System`` takes it for this vector.

        Parameters
        ----------
        rate : str
            A scalar, such as ``"1/tau"``.
        """
        if rate == "1":
            return {"root": self.root, "divergence": self.divergence}
        return {"root": f"sqrt({rate})*({self.root})", "divergence": f"({rate})*({self.divergence})"}


def layer(kind: str, name: str, length: int, *, epsilon: float | str = 0.0) -> Layer:
    r"""The texts of a layer that is a vector of a `System`.

    ============== ========================== ========================= =======================================
    kind           y = ∂L(h)                  outputs                   L*(y)
    ============== ========================== ========================= =======================================
    "softmax"      exp h / Σ exp h            the simplex               Σ y ln y
    "spherical"    h/√(\|h\|² + ε)            \|y\| < 1, ε = 0: = 1     −√ε √(1 − \|y\|²)
    "layer_norm"   (h − h̄)/√(var h + ε)       the same within Σ y = 0,  −m √ε √(1 − \|y\|²/m)
                                              of radius √m
    ============== ========================== ========================= =======================================

    with K = diag y − y yᵀ of softmax and K = √((1 − \|y\|²/R²)/ε) (P − y yᵀ/R²) of the others, R their radius and
    P = 1, or 1 − 1 1ᵀ/m. With ε = 0 ∂²L is no function of y; K = P − y yᵀ/R² then, without the
    factor 1/\|h\| or 1/√var h.

    Parameters
    ----------
    kind : str
    name : str
        Of the vector.
    length : int
        m, at least 2; of a layer norm at least 3.
    epsilon : float or str
        ε ≥ 0, or the name of a parameter above 0. Softmax has none.

    Returns
    -------
    Layer

    Raises
    ------
    InvalidArgument

    Notes
    -----
    Krotov & Hopfield, arXiv:2008.06996 (2021), have softmax and the spherical layer in potentials. K of softmax is the
    Wright–Fisher diffusion's; its divergence 1 − m y is that in m − 1 coordinates of the simplex.

    Examples
    --------
    >>> import langevin_kit as lk
    >>> h = layer("softmax", "h", 3)
    >>> system = lk.System(
    ...     energy=f"{h.energy} - J @ h", mobility=h.mobility(), retraction={"h": h.retraction}, temperature=0.5,
    ...     coordinates={"h": 3}, parameters={"J": [1.0, 0.0, 0.0]},
    ... )
    >>> ds = lk.simulate(system, initial=lk.initial.gaussian([0.3] * 3, 0.01), n_particles=1000, time_step=0.01,
    ...                  n_steps=300, rng=0)
    >>> bool(abs(ds["mean"][-1].sum() - 1) < 1e-12 and ds["mean"][-1, 0] > 0.4)
    True
    """
    if kind not in LAYERS:
        raise InvalidArgument(f"kind: {', '.join(LAYERS)} are known, got {kind!r}{did_you_mean(str(kind), LAYERS)}.")
    check_name(name)
    make, least = LAYERS[kind]
    if isinstance(length, bool) or not isinstance(length, int) or length < least:
        raise InvalidArgument(f"length: got {length!r}; an integer of at least {least} is needed for {kind!r}.")
    if isinstance(epsilon, str):
        check_name(epsilon)
    elif number("epsilon", epsilon) < 0 or (kind == "softmax" and epsilon):
        need = "no epsilon is" if kind == "softmax" else "0 or more, or the name of a parameter, are"
        raise InvalidArgument(f"epsilon: got {epsilon!r}; {need} allowed for {kind!r}.")
    return Layer(name, length, **make(name, length, epsilon))


def _softmax(y: str, m: int, epsilon: Any) -> dict[str, str]:
    return {
        "output": f"exp({y} - logsumexp({y}))",
        "energy": f"{y} @ log({y})",
        "root": f"sqrt({y})*z - {y}*(sqrt({y}) @ z)",
        "divergence": f"1 - {m}*{y}",
        "retraction": f"(abs({y}) + {LEAST})/sum(abs({y}) + {LEAST})",
    }


def _spherical(y: str, m: int, epsilon: Any) -> dict[str, str]:
    return {"output": f"{y}/sqrt({y} @ {y} + {epsilon})", **_round(y, m, 1, epsilon, y, "z")}


def _layer_norm(y: str, m: int, epsilon: Any) -> dict[str, str]:
    centred = f"({y} - sum({y})/{m})"
    output = f"{centred}/sqrt({centred} @ {centred}/{m} + {epsilon})"
    return {"output": output, **_round(y, m - 1, m, epsilon, centred, f"(z - sum(z)/{m})")}


def _round(y: str, n: int, square: int, epsilon: Any, centred: str, z: str) -> dict[str, str]:
    """Of a ball in n dimensions with a squared radius, or of its surface; y and z brought into its subspace are given.

    Of 1 − y yᵀ/R² the root is 1 − α y yᵀ with (1 − α |y|²)² = 1 − |y|²/R².
    """
    length = f"sqrt({centred} @ {centred} + {LEAST})"
    if not epsilon:
        return {
            "energy": "0",
            "root": f"{z} - {y}*(({y} @ z)/{square})",
            "divergence": f"-{n - 1}/{square}*{y}",
            "retraction": f"{centred}*({math.sqrt(square)!r}/{length})",
        }
    rest, beyond = f"sqrt(1 - ({y} @ {y})/{square})", f"({length} - {INSIDE * math.sqrt(square)!r})"
    return {
        "energy": f"-{square}*sqrt({epsilon})*{rest}",
        "root": f"sqrt({rest}/sqrt({epsilon}))*({z} - {y}*(({y} @ z)/({square}*(1 + {rest}))))",
        "divergence": f"-{n + 2}/{square}*{rest}/sqrt({epsilon})*{y}",
        "retraction": f"{centred}*(1 - ({beyond} + abs({beyond}))/{length})",
    }


LAYERS: dict[str, tuple[Callable[[str, int, Any], dict[str, str]], int]] = {
    "softmax": (_softmax, 2),
    "spherical": (_spherical, 2),
    "layer_norm": (_layer_norm, 3),
}
"""What makes the texts of a kind, and its least length."""
