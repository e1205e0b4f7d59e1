"""Where runs live on disk."""

from langevin_kit.store._zarr import Store, open_store, refuse_existing
from langevin_kit.store.provenance import CONVENTIONS, PROVENANCE, provenance

__all__ = ["CONVENTIONS", "PROVENANCE", "Store", "open_store", "provenance", "refuse_existing"]
