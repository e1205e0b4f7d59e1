"""Known landscapes: functions that return a `System`, each with numbers that a run must reproduce.

Their lengths, heights and stiffnesses are parameters of the system, so that other values need no new compilation.
Every function takes `temperature` (default 1) and `mobility` (default 1) as `System` does.
"""

from langevin_kit.system.zoo.cluster import lattice, lennard_jones_cluster
from langevin_kit.system.zoo.gaussian import gaussian_mixture, ornstein_uhlenbeck
from langevin_kit.system.zoo.surfaces import egg_crate, mexican_hat, muller_brown, rosenbrock
from langevin_kit.system.zoo.wells import double_well, rugged_well, tilted_double_well

__all__ = [
    "double_well",
    "egg_crate",
    "gaussian_mixture",
    "lattice",
    "lennard_jones_cluster",
    "mexican_hat",
    "muller_brown",
    "ornstein_uhlenbeck",
    "rosenbrock",
    "rugged_well",
    "tilted_double_well",
]
