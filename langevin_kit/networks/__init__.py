"""Networks of spins that remember: what stores patterns in couplings, and what theory says of them."""

from langevin_kit.networks._activations import Activation, leaky_hardtanh, leaky_relu
from langevin_kit.networks._ages import bounded_capacity, bounded_overlap, palimpsest_capacity, palimpsest_overlap
from langevin_kit.networks._associative import associative_memory
from langevin_kit.networks._attractors import Attractors, attractors, lyapunov
from langevin_kit.networks._bipartite import bipartite
from langevin_kit.networks._bipartite_spins import BipartiteSpins, bipartite_spins
from langevin_kit.networks._continuous import continuous, continuous_energy, continuous_outputs
from langevin_kit.networks._convolutional import convolutional
from langevin_kit.networks._dense_associative import DenseAssociative, dense_associative
from langevin_kit.networks._field import Field, mlp, neural_field
from langevin_kit.networks._fixed_points import LearnedFixedPoints, learn_fixed_points
from langevin_kit.networks._forgetting import bounded, palimpsest, unlearn
from langevin_kit.networks._gardner import gardner_capacity
from langevin_kit.networks._gibbs import GibbsChains, block_gibbs
from langevin_kit.networks._heavy_ball import heavy_ball
from langevin_kit.networks._layers import Layer, layer
from langevin_kit.networks._lines import (
    almeida_thouless_temperature,
    coexistence_temperature,
    critical_load,
    retrieval_temperature,
    spin_glass_temperature,
)
from langevin_kit.networks._mixtures import Mixture, mixture_temperature, symmetric_mixture
from langevin_kit.networks._modern import ModernHopfield, modern
from langevin_kit.networks._pattern_space import OVERLAP, pattern_space
from langevin_kit.networks._replica import ReplicaSymmetric, replica_symmetric
from langevin_kit.networks._rest import FixedPoints, fixed_points
from langevin_kit.networks._rules import hebb, pseudo_inverse, storkey
from langevin_kit.networks._spectrum import spectrum
from langevin_kit.networks._synapses import noisy_synapses

__all__ = [
    "OVERLAP",
    "Activation",
    "Attractors",
    "BipartiteSpins",
    "DenseAssociative",
    "Field",
    "FixedPoints",
    "GibbsChains",
    "Layer",
    "LearnedFixedPoints",
    "Mixture",
    "ModernHopfield",
    "ReplicaSymmetric",
    "almeida_thouless_temperature",
    "associative_memory",
    "attractors",
    "bipartite",
    "bipartite_spins",
    "block_gibbs",
    "bounded",
    "bounded_capacity",
    "bounded_overlap",
    "coexistence_temperature",
    "continuous",
    "continuous_energy",
    "continuous_outputs",
    "convolutional",
    "critical_load",
    "dense_associative",
    "fixed_points",
    "gardner_capacity",
    "heavy_ball",
    "hebb",
    "layer",
    "leaky_hardtanh",
    "leaky_relu",
    "learn_fixed_points",
    "lyapunov",
    "mixture_temperature",
    "mlp",
    "modern",
    "neural_field",
    "noisy_synapses",
    "palimpsest",
    "palimpsest_capacity",
    "palimpsest_overlap",
    "pattern_space",
    "pseudo_inverse",
    "replica_symmetric",
    "retrieval_temperature",
    "spectrum",
    "spin_glass_temperature",
    "storkey",
    "symmetric_mixture",
    "unlearn",
]
