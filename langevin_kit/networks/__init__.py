"""Networks of spins that remember: what stores patterns in couplings, and what theory says of them."""

from langevin_kit.networks._gardner import gardner_capacity
from langevin_kit.networks._lines import (
    almeida_thouless_temperature,
    coexistence_temperature,
    critical_load,
    retrieval_temperature,
    spin_glass_temperature,
)
from langevin_kit.networks._mixtures import Mixture, mixture_temperature, symmetric_mixture
from langevin_kit.networks._replica import ReplicaSymmetric, replica_symmetric
from langevin_kit.networks._rules import hebb, pseudo_inverse, storkey

__all__ = [
    "Mixture",
    "ReplicaSymmetric",
    "almeida_thouless_temperature",
    "coexistence_temperature",
    "critical_load",
    "gardner_capacity",
    "hebb",
    "mixture_temperature",
    "pseudo_inverse",
    "replica_symmetric",
    "retrieval_temperature",
    "spin_glass_temperature",
    "storkey",
    "symmetric_mixture",
]
