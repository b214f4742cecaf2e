"""The one exception of this room."""

from __future__ import annotations

__all__ = ["QuestionError"]


class QuestionError(ValueError):
    """A question that cannot be asked: its text says what was found and what is allowed."""
