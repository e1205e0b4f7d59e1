"""What a scheme asks of a system, and what to take where it cannot be had."""

from __future__ import annotations

from collections.abc import Callable

from langevin_kit.errors import InvalidArgument
from langevin_kit.schemes._glauber import GLAUBER
from langevin_kit.schemes._registry import ALL
from langevin_kit.schemes._scheme import Scheme
from langevin_kit.system import System

NEEDS: dict[str, tuple[Callable[[System], bool], str]] = {
    "own noise": (
        lambda system: system.facts.has_own_noise,
        "each coordinate must have a noise of its own: K diagonal, and Kᵃᵃ a function of coordinate a alone",
    ),
    "diagonal K": (lambda system: system.facts.is_diagonal, "K must be diagonal"),
    "a particle's own K": (
        lambda system: not system.facts.has_ensemble_mobility,
        "a mobility that is the ensemble's covariance takes 'euler_maruyama' alone",
    ),
    "constant S": (lambda system: system.facts.has_constant_mobility, "K must not depend on position"),
    "symmetric K": (lambda system: system.facts.is_symmetric, "K must be symmetric"),
    "definite S": (lambda system: len(system.facts.noisy) == system.n_dim, "no coordinate may be without noise"),
    "no reflecting walls": (
        lambda system: not system.walled("reflecting"),
        "reflecting walls are for steps with one evaluation",
    ),
    "no absorbing walls": (
        lambda system: not system.absorbers,
        "what happens at absorbing walls between two steps is known for normal noise and one evaluation",
    ),
    "no extra drift": (lambda system: not system.facts.has_drift, "an extra drift has no law exp(−E/T) for it to keep"),
    "no walls": (lambda system: not system.walls, "no coordinate may have walls"),
    "linear force": (
        lambda system: system.facts.is_linear,
        "E must be quadratic, K constant, b linear, and none may depend on time",
    ),
    "underdamped": (
        lambda system: system.facts.is_underdamped,
        "the coordinates must be positions, then as many momenta, with E = V(q) + Σ p²/2m and K = [[0, −1], [1, γ(q)]]",
    ),
    "spins": (lambda system: system.facts.is_spins, "it is for spins, of a SpinSystem"),
    "no spins": (lambda system: not system.facts.is_spins, "spins flip by Glauber's rule; leave the scheme out"),
    "T = 0": (lambda system: system.temperature == 0, "the temperature must be 0"),
    "scalar coordinates": (lambda system: not system.is_dense, "a vector of coordinates takes 'euler_maruyama' alone"),
}
"""Whether a system has what is needed, and what to say of one that has not."""


def require_scheme(scheme: Scheme, system: System) -> None:
    """Refuse a scheme that is wrong for a system.

    Raises
    ------
    InvalidArgument
        With the reason, and the schemes that can.
    """
    missing = _missing(scheme, system)
    if missing:
        others = ", ".join(map(repr, able(system)))
        raise InvalidArgument(
            f"scheme: got {scheme.name!r}; {NEEDS[missing[0]][1]}. For this system there are {others}."
        )


def able(system: System) -> list[str]:
    """Names of the schemes that a system can take."""
    return [name for name, scheme in ALL.items() if not _missing(scheme, system)]


def _missing(scheme: Scheme, system: System) -> list[str]:
    if system.facts.is_spins:
        return [] if scheme == GLAUBER else ["no spins"]
    needs = (
        scheme.needs if scheme.name == "euler_maruyama" else ("scalar coordinates", "a particle's own K", *scheme.needs)
    )
    needs = needs if scheme.is_bridged else (*needs, "no absorbing walls")
    return [need for need in needs if not NEEDS[need][0](system)]
