"""What every reader of expressions does first with a text, and how it points at a fault: no SymPy is needed for it."""

from __future__ import annotations

import ast
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


def syntax_tree(text: Any, field: str) -> tuple[str, ast.expr]:
    """A text in one line and the syntax tree of the expression it is.

    Raises
    ------
    InvalidExpression
        For a text that is too long, not ASCII, or not one expression of Python.
    """
    source = source_of(text, field)
    if len(source) > MAX_LENGTH:
        raise InvalidExpression(f"{field}: {len(source)} characters of text; at most {MAX_LENGTH} are allowed.")
    if not source.isascii():
        column = next(i for i, c in enumerate(source) if not c.isascii())
        raise InvalidExpression(marked(field, source, f"the character {source[column]!a} is not allowed", column))
    try:
        return source, ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise InvalidExpression(marked(field, source, f"{error.msg}", (error.offset or 1) - 1)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidExpression(f"{field}: cannot be read as an expression ({error}).") from None


def marked(field: str, source: str, message: str, column: int) -> str:
    """A message over the part of the source around a fault, with a mark under it."""
    start = max(0, column - 60)
    return f"{field}: {message}\n    {source[start : start + 120]}\n    {' ' * (column - start)}^"
