"""Values as TOML writes them."""

from __future__ import annotations

import json
from typing import Any


def toml(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {toml(item)}' for key, item in value.items())} }}"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)
