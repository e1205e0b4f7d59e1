"""How a step is made: one registry row a scheme."""

from langevin_kit.schemes._registry import SCHEMES, EulerMaruyama, Scheme, scheme_from

__all__ = ["SCHEMES", "EulerMaruyama", "Scheme", "scheme_from"]
