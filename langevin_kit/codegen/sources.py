"""The digest of what writes generated source: part of the key under which source is remembered."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from langevin_kit import cache


@lru_cache(maxsize=1)
def sources() -> str:
    """Digest of all modules of this package."""
    return cache.digest_of(Path(__file__).parent)
