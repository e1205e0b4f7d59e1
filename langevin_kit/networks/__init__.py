"""Networks of spins that remember: what stores patterns in couplings, and what theory says of them."""

from langevin_kit.networks._lines import (
    almeida_thouless_temperature,
    coexistence_temperature,
    critical_load,
    retrieval_temperature,
    spin_glass_temperature,
)
from langevin_kit.networks._pattern_space import OVERLAP, pattern_space
from langevin_kit.networks._replica import ReplicaSymmetric, replica_symmetric
from langevin_kit.networks._rules import hebb, pseudo_inverse, storkey

__all__ = [
    "OVERLAP",
    "ReplicaSymmetric",
    "almeida_thouless_temperature",
    "coexistence_temperature",
    "critical_load",
    "hebb",
    "pattern_space",
    "pseudo_inverse",
    "replica_symmetric",
    "retrieval_temperature",
    "spin_glass_temperature",
    "storkey",
]
