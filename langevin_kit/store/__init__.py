"""Where runs live on disk: written so that a crash at any moment loses nothing that was committed.

What a run needs before its first step is loaded with it, the rest when it is used.
"""

from typing import TYPE_CHECKING

from langevin_kit._lazy import lazily
from langevin_kit.store._checkpoint import START, read_state
from langevin_kit.store._checksum import crc32c
from langevin_kit.store._files import put
from langevin_kit.store._metadata import read_attrs, refuse_existing
from langevin_kit.store._open import open_store
from langevin_kit.store._record import COMPLETE
from langevin_kit.store._store import Store, create_store, require_room
from langevin_kit.store.provenance import CONVENTIONS, PROVENANCE, provenance

if TYPE_CHECKING:
    from langevin_kit.store._audit import Audit, audit_store
    from langevin_kit.store._export import export_store
    from langevin_kit.store._reopen import Reopened, reopen_store

__all__ = [
    "COMPLETE",
    "CONVENTIONS",
    "PROVENANCE",
    "START",
    "Audit",
    "Reopened",
    "Store",
    "audit_store",
    "crc32c",
    "create_store",
    "export_store",
    "open_store",
    "provenance",
    "put",
    "read_attrs",
    "read_state",
    "refuse_existing",
    "reopen_store",
    "require_room",
]
__getattr__, _ = lazily(
    __name__,
    {
        "Audit": "_audit:Audit",
        "Reopened": "_reopen:Reopened",
        "audit_store": "_audit:audit_store",
        "export_store": "_export:export_store",
        "reopen_store": "_reopen:reopen_store",
    },
)
