from __future__ import annotations

import pytest

from langevin_kit.store import _store


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit after every piece of work, with a checkpoint."""
    for name in ("FIRST_COMMIT", "COMMIT", "CHECKPOINT_SHARE"):
        monkeypatch.setattr(_store, name, 0.0)
