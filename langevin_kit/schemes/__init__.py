"""How a step is made: one registry row a scheme, one a noise."""

from langevin_kit.schemes._noise import NOISES, Noise, noise_from
from langevin_kit.schemes._registry import SCHEMES, EulerMaruyama, Scheme, scheme_from

__all__ = ["NOISES", "SCHEMES", "EulerMaruyama", "Noise", "Scheme", "noise_from", "scheme_from"]
