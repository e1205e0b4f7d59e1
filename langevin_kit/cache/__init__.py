"""What one process leaves for the next: derived text, and compiled modules."""

from langevin_kit.cache.modules import load
from langevin_kit.cache.texts import digest_of, remember

__all__ = ["digest_of", "load", "remember"]
