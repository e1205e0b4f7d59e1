"""Atoms that attract each other."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from langevin_kit.system._system import System
from langevin_kit.system.zoo.arguments import Floats, not_negative, positive, whole

MAX_ATOMS = 64


def lennard_jones_cluster(
    n_atoms: int = 7,
    *,
    dim: int = 2,
    depth: float = 1.0,
    diameter: float = 1.0,
    confinement: float = 0.1,
    temperature: float = 0.2,
    mobility: Any = 1.0,
) -> System:
    r"""A cluster of Lennard-Jones atoms in a weak harmonic trap.

    .. math::

        E = \sum_{i<j} 4ε [(σ/r_{ij})^{12} - (σ/r_{ij})^6] + \tfrac12 k \sum_i r_i^2
          = \sum_{i<j} ε \{[2 (σ/r_{ij})^6 - 1]^2 - 1\} + \tfrac12 k \sum_i r_i^2

    A pair is at rest at r = 2^{1/6} σ with energy −ε. Without a trap the lowest energies are −1, −3 (the triangle) and
    −12.5349 ε (the hexagon) for 2, 3 and 7 atoms in the plane, −6 ε for the tetrahedron in space; 7 atoms in the plane
    have three more minima, −11.50, −11.48 and −11.40 ε. Energies are steep at short distances: start from `lattice`,
    not from random places.

    Parameters
    ----------
    n_atoms : int
        At least 2.
    dim : int
        1, 2 or 3. There are n_atoms · dim coordinates x0, y0, (z0,) x1, …
    depth, diameter : float
        ε > 0 and σ > 0.
    confinement : float
        k ≥ 0. With 0 the cluster drifts and evaporates: there is no Boltzmann law.
    temperature, mobility
        As of `System`.

    Raises
    ------
    InvalidArgument

    References
    ----------
    Lennard-Jones, Proc. R. Soc. A 106, 463 (1924); Dellago, Bolhuis & Chandler, J. Chem. Phys. 108, 9236 (1998).

    Examples
    --------
    >>> system = lennard_jones_cluster(2, dim=1, confinement=0.0)
    >>> system.energy_at([[0.0], [2 ** (1 / 6)]]).round(12)
    array([-1.])
    """
    n, dim = whole("n_atoms", n_atoms, 2, MAX_ATOMS), whole("dim", dim, 1, 3)
    parameters = {**positive(depth=depth, diameter=diameter), **not_negative(confinement=confinement)}
    names = tuple(f"{axis}{i}" for i in range(n) for axis in "xyz"[:dim])
    return System(
        energy=energy_text(n, dim),
        coordinates=names,
        parameters=parameters,
        temperature=temperature,
        mobility=mobility,
    )


def energy_text(n_atoms: int, dim: int) -> str:
    """The energy of a cluster as text."""
    axes = "xyz"[:dim]
    pairs = [
        f"(2*(diameter**2/({' + '.join(f'({a}{i} - {a}{j})**2' for a in axes)}))**3 - 1)**2"
        for i, j in itertools.combinations(range(n_atoms), 2)
    ]
    squares = " + ".join(f"{a}{i}**2" for i in range(n_atoms) for a in axes)
    return f"depth*({' + '.join(pairs)} - {len(pairs)}) + confinement/2*({squares})"


def lattice(n_atoms: int = 7, *, dim: int = 2, diameter: float = 1.0) -> Floats:
    """A place to start a cluster from: the closest-packed lattice points next to the origin, at a pair's rest distance.

    Parameters
    ----------
    n_atoms, dim, diameter
        As of `lennard_jones_cluster`.

    Returns
    -------
    (n_atoms · dim,) array
        In the order of the cluster's coordinates, with its mean at the origin.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> lattice(2, dim=1).round(6)
    array([-0.561231,  0.561231])
    """
    n, dim = whole("n_atoms", n_atoms, 2, MAX_ATOMS), whole("dim", dim, 1, 3)
    spacing = 2 ** (1 / 6) * positive(diameter=diameter)["diameter"]
    # Columns are the primitive vectors of the chain, the triangular and the face-centred cubic lattice.
    vectors = np.array([[1.0, 0.5, 0.5], [0.0, 3**0.5 / 2, 3**-0.5 / 2], [0.0, 0.0, (2 / 3) ** 0.5]])[:dim, :dim]
    span = np.arange(-4, 5) if dim > 1 else np.arange(-MAX_ATOMS, MAX_ATOMS + 1)
    points = (vectors @ np.stack(np.meshgrid(*[span] * dim, indexing="ij")).reshape(dim, -1)).T
    # Rounded, so that what is equal is equal: the nearest points, in the order of their places.
    place = np.round(points, 9)
    nearest = np.lexsort((*place.T, np.round(np.linalg.norm(points, axis=1), 9)))[:n]
    chosen = spacing * points[nearest[np.lexsort(place[nearest].T)]]
    return np.asarray((chosen - chosen.mean(axis=0)).ravel())
