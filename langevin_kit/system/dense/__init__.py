"""Systems of state vectors of any length: networks, Ornstein–Uhlenbeck processes, Gaussian mixtures.

What they are derived by loads with the first of them.
"""

from typing import TYPE_CHECKING

from langevin_kit._lazy import lazily
from langevin_kit.system.dense.content import Components, Vector

if TYPE_CHECKING:
    from langevin_kit.system.dense.derived import DenseDerived, dense
    from langevin_kit.system.dense.move import Move
    from langevin_kit.system.dense.root import semidefinite_root

__all__ = ["Components", "DenseDerived", "Move", "Vector", "dense", "semidefinite_root"]
__getattr__, _ = lazily(
    __name__,
    {
        "DenseDerived": "derived:DenseDerived",
        "Move": "move:Move",
        "dense": "derived:dense",
        "semidefinite_root": "root:semidefinite_root",
    },
)
