"""From data back to the equation: moments of increments, and a mobility from a flux."""

from langevin_kit.infer._kramers_moyal import kramers_moyal
from langevin_kit.infer._mobility import mobility_from_flux

__all__ = ["kramers_moyal", "mobility_from_flux"]
