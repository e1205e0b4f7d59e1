"""Networks of spins that remember: what theory says of them."""

from langevin_kit.networks._lines import (
    almeida_thouless_temperature,
    coexistence_temperature,
    critical_load,
    retrieval_temperature,
    spin_glass_temperature,
)
from langevin_kit.networks._replica import ReplicaSymmetric, replica_symmetric

__all__ = [
    "ReplicaSymmetric",
    "almeida_thouless_temperature",
    "coexistence_temperature",
    "critical_load",
    "replica_symmetric",
    "retrieval_temperature",
    "spin_glass_temperature",
]
