"""Mobility and drift of a state of several vectors, given by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean

MOBILITY = "mobility"
"""The field, and the name of the parameter that holds a mobility given as an array."""


ROOT = ("root", "divergence")
"""What a mobility that is given by its root consists of (`langevin_kit.system.dense.rooted`)."""


def is_root(mobility: Any) -> bool:
    """Whether a mobility is given by its root."""
    return isinstance(mobility, Mapping) and not mobility.keys().isdisjoint(ROOT)


def is_by_name(value: Any, vectors: Sequence[str]) -> bool:
    """Whether a field is a mapping from vectors; K = D + U Uᵀ or R Rᵀ of one vector is a mapping too."""
    return isinstance(value, Mapping) and (len(vectors) > 1 or vectors[0] in value)


def mobilities(mobility: Any, vectors: Sequence[str]) -> list[tuple[str, Any]]:
    """Field and value of K for each vector, in their order.

    Raises
    ------
    InvalidArgument
    """
    if not is_by_name(mobility, vectors):
        if len(vectors) > 1 and not isinstance(mobility, str | int | float | np.generic):
            raise InvalidArgument(
                f"mobility: got an array of shape {np.shape(mobility)}; of several vectors it is a scalar, or a "
                f"mapping by name, as in {{{vectors[0]!r}: ...}}. For a matrix make one vector of them."
            )
        return [(MOBILITY, mobility)] * len(vectors)
    named = in_order(MOBILITY, mobility, vectors)
    missing = [vector for vector in vectors if vector not in named]
    if missing:
        raise InvalidArgument(
            f"mobility: none for {', '.join(map(repr, missing))}; each vector needs its own, such as 1, or 0 for one "
            "that stays where it is."
        )
    matrices = [vector for vector in vectors if len(vectors) > 1 and _is_matrix(named[vector])]
    if matrices:
        raise InvalidArgument(
            f"mobility.{matrices[0]}: got a matrix; of several vectors each has a scalar, a vector for its diagonal, "
            "or a root as text. For a constant matrix make one vector of them."
        )
    return [(f"{MOBILITY}.{vector}", named[vector]) for vector in vectors]


def drifts(drift: Any, vectors: Sequence[str]) -> list[tuple[str, Any]]:
    """Field and value of b for each vector, in their order: 0 for those left out.

    Raises
    ------
    InvalidArgument
    """
    if drift is None or is_by_name(drift, vectors):
        named = in_order("drift", drift or {}, vectors)
        return [(f"drift.{vector}", named.get(vector, 0.0)) for vector in vectors]
    if len(vectors) > 1 or isinstance(drift, Mapping):
        raise InvalidArgument(
            f"drift: got {drift!r:.80}; a mapping by name is needed, as in {{{vectors[0]!r}: ...}}, with 0 for those "
            "left out."
        )
    return [("drift", drift)]


def in_order(field: str, given: Mapping[str, Any], vectors: Sequence[str]) -> dict[str, Any]:
    """The values in the order of the vectors.

    Raises
    ------
    InvalidArgument
        For a name that is no vector.
    """
    for key in given:
        if key not in vectors:
            raise InvalidArgument(
                f"{field}: {key!r} is no vector{did_you_mean(str(key), vectors)}; there are "
                f"{', '.join(map(repr, vectors))}."
            )
    return {vector: given[vector] for vector in vectors if vector in given}


def _is_matrix(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not is_root(value)
    return not isinstance(value, str | int | float) and np.ndim(value) == 2
