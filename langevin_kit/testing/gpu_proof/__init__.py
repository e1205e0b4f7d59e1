"""The proof of the CUDA backend on a GPU, in one call of a few minutes.

    python -m langevin_kit.testing.gpu_proof --out proof.json

With ``--dry`` all that needs no GPU is done through the executor of PTX, in little sizes.
"""

from langevin_kit.testing.gpu_proof._checks import CHECKS
from langevin_kit.testing.gpu_proof._proof import Check, Proof, prove
from langevin_kit.testing.gpu_proof._rates import RATES

__all__ = ["CHECKS", "RATES", "Check", "Proof", "prove"]
