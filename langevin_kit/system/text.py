"""What every reader of expressions does first with a text, and how it points at a fault: no SymPy is needed for it."""

from __future__ import annotations

from typing import Any

from langevin_kit.errors import InvalidExpression

MAX_LENGTH = 4096
MAX_DEPTH = 100
MAX_EXPONENT = 64
MAX_NUMBER = 1e300


def source_of(text: Any, field: str) -> str:
    """One line of a text or number, blanks and line breaks alike.

    Raises
    ------
    InvalidExpression
        For what is neither.
    """
    text = text.item() if hasattr(text, "item") and getattr(text, "ndim", None) == 0 else text
    if isinstance(text, str):
        return " ".join(text.split())
    if isinstance(text, bool) or not isinstance(text, int | float):
        raise InvalidExpression(f"{field}: got {text!r} of type {type(text).__name__}; give text or a number.")
    if not abs(text) < MAX_NUMBER:
        raise InvalidExpression(f"{field}: got a number that is too large or not finite; at most 1e300 is allowed.")
    return repr(text)


def marked(field: str, source: str, message: str, column: int) -> str:
    """A message over the part of the source around a fault, with a mark under it."""
    start = max(0, column - 60)
    return f"{field}: {message}\n    {source[start : start + 120]}\n    {' ' * (column - start)}^"
