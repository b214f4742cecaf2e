"""Installing the bridge, and taking it out again."""

from __future__ import annotations

import difflib
from typing import Final, Literal, TypeAlias, get_args

from otel_ctxlog.bridges.stdlib import cpython
from otel_ctxlog.bridges.stdlib.bridge import ACTIVE, Bridge, call_handlers, is_enabled_for, log
from otel_ctxlog.bridges.stdlib.gate import forget_answers
from otel_ctxlog.engine.values import repr_of
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.default import default_context

__all__ = ["Others", "checked_context", "install", "uninstall"]

Others: TypeAlias = Literal["unchanged", "gated"]
"""What the other handlers get: what they got before, or what passes the rules."""

_OTHERS: Final[tuple[str, ...]] = get_args(Others)


def install(context: LoggingContext | None = None, *, others: Others = "unchanged") -> None:
    """Bring the records of every stdlib logger of this process into a context, through its rules.

    It holds for loggers that exist and for those to come, until `uninstall`; installing again replaces what was
    installed. For what goes to the context the rules stand in place of the levels of loggers;
    ``logging.disable()``, `Logger.disabled` and filters of loggers hold as ever.

    Args:
        context: its rules decide, and its target gets the records; None: the default context.
        others: ``"unchanged"``: other handlers get what they would without a bridge. ``"gated"``: they get what passes
            the rules, and nothing else, whatever the levels of loggers; their own levels and filters hold.

    Raises:
        TypeError: `context` is no `LoggingContext`.
        ValueError: `others` is neither.
    """
    bridge = Bridge(checked_context(context), gated=_checked_others(others) == "gated")
    with cpython.lock():
        previous = ACTIVE.bridge
        ACTIVE.bridge = bridge
        cpython.patch(is_enabled_for, call_handlers, log)
        forget_answers()
    if previous is not None:
        previous.leave()


def uninstall() -> None:
    """Let stdlib loggers do again what they do without a bridge; nothing happens where none is installed.

    Calls of other threads that are on their way may still write their record.
    """
    with cpython.lock():
        previous = ACTIVE.bridge
        ACTIVE.bridge = None
        cpython.restore()
        forget_answers()
    if previous is not None:
        previous.leave()


def checked_context(context: object) -> LoggingContext:
    """Return `context`, or the default context for None.

    Raises:
        TypeError: it is no `LoggingContext`.
    """
    if context is None:
        return default_context()
    if not isinstance(context, LoggingContext):
        msg = f"context must be a LoggingContext or None, but got {repr_of(context)}"
        raise TypeError(msg)
    return context


def _checked_others(others: object) -> str:
    if isinstance(others, str) and others in _OTHERS:
        return others
    close = difflib.get_close_matches(others, _OTHERS, n=1) if isinstance(others, str) else []
    hint = f"; did you mean {close[0]!r}?" if close else ""
    msg = f"others must be 'unchanged' or 'gated', but got {repr_of(others)}{hint}"
    raise ValueError(msg)
