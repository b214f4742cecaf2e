"""Every exception of this library, the hierarchy on top.

::

    ValueError
      ├── ConfigError   a configuration that cannot be applied (`otel_ctxlog.config`)
      └── EventError    an event that breaks the event contract (`otel_ctxlog.marshal`)
    ImportError
      └── MissingExtraError   an optional dependency that is not installed

A logging call raises none of them, and none of anything else.
"""

from __future__ import annotations

__all__ = ["ConfigError", "EventError", "MissingExtraError"]


class ConfigError(ValueError):
    """A configuration that cannot be applied; nothing of it was.

    The text starts with ``file:line:column: path: `` as far as these are known, and says what was found, what is
    allowed, and the nearest match of a mistyped name.

    Attributes:
        file: name of the file, or None for text, mappings and `Config` objects.
        line: line of the place, from 1, or None where unknown.
        column: column of the place, from 1, or None where unknown.
        path: the place in the structure, like ``rules[1].rule.level``; empty for the whole document.
        problem: the text without its place.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        path: str = "",
    ) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        place = ""
        if line is not None:
            place = f"{line}:{column or 1}: "
        if file is not None:
            place = f"{file}:{place or ' '}"
        if path:
            place += f"{path}: "
        super().__init__(place + problem)


class EventError(ValueError):
    """An event that breaks the event contract.

    Attributes:
        kind: what is broken: ``type``, ``key``, ``reserved``, ``duplicate``, ``pair``, ``value`` or ``failure``;
            for CloudWatch also ``size``.
    """

    def __init__(self, kind: str, problem: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {problem}")


class MissingExtraError(ImportError):
    """An optional dependency is missing; the text names the extra that brings it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency: pip install 'otel-ctxlog[{extra}]'")
