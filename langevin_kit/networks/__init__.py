"""Networks of spins that remember: what stores patterns in couplings, and what theory says of them."""

from langevin_kit.networks._ages import bounded_capacity, bounded_overlap, palimpsest_capacity, palimpsest_overlap
from langevin_kit.networks._forgetting import bounded, palimpsest, unlearn
from langevin_kit.networks._lines import (
    almeida_thouless_temperature,
    coexistence_temperature,
    critical_load,
    retrieval_temperature,
    spin_glass_temperature,
)
from langevin_kit.networks._replica import ReplicaSymmetric, replica_symmetric
from langevin_kit.networks._rules import hebb, pseudo_inverse, storkey

__all__ = [
    "ReplicaSymmetric",
    "almeida_thouless_temperature",
    "bounded",
    "bounded_capacity",
    "bounded_overlap",
    "coexistence_temperature",
    "critical_load",
    "hebb",
    "palimpsest",
    "palimpsest_capacity",
    "palimpsest_overlap",
    "pseudo_inverse",
    "replica_symmetric",
    "retrieval_temperature",
    "spin_glass_temperature",
    "storkey",
    "unlearn",
]
