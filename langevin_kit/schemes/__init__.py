"""How a step is made: one registry row a scheme, one a noise."""

from langevin_kit.schemes._auto import need_of, scheme_for
from langevin_kit.schemes._needs import able, require_scheme
from langevin_kit.schemes._noise import NOISES, Noise, noise_from
from langevin_kit.schemes._registry import SCHEMES, EulerMaruyama, scheme_from, scheme_of_record
from langevin_kit.schemes._scheme import Scheme

__all__ = [
    "NOISES",
    "SCHEMES",
    "EulerMaruyama",
    "Noise",
    "Scheme",
    "able",
    "need_of",
    "noise_from",
    "require_scheme",
    "scheme_for",
    "scheme_from",
    "scheme_of_record",
]
