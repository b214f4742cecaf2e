"""A logger with the face of stdlib's, gated by the rules of a context."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import BADKEY
from otel_ctxlog.engine.messages import Name, Realm
from otel_ctxlog.engine.stem import Recipe
from otel_ctxlog.engine.values import is_a, safe_text
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.std_record import SET_ASIDE, level_of, std_level_of
from otel_ctxlog.loggers.std_writer import StdWriter
from otel_ctxlog.otel.context import get_current

__all__ = ["StdLogger"]

# `log` calls `_log` from a file that is not logging's: since 3.11 such a frame counts; before, one frame always did.
_OWN_FRAME: Final = 1 if sys.version_info >= (3, 11) else 0
_NOT_ON_RECORDS: Final = frozenset({"message", "asctime"})


class StdLogger(logging.Logger):
    """A ``logging.Logger`` whose records pass the rules of a context; made by `LoggingContext.std_logger`.

    As live as an unbound logger, and outside the tree of ``logging.getLogger``: it has no parent, and its records go to
    the context's target and to handlers that were added to it, no others. The rules decide what is on; `setLevel`,
    `disabled`, filters and ``logging.disable()`` can only make it less. Unlike its model it does not raise for an
    ``extra`` that has the name of a record's own attribute, nor for a level that is no int: that goes out as an error,
    the level in ``!BADKEY``.

    Args:
        core: the context.
        recipe: its messages and names are those of the records.
    """

    def __init__(self, core: ContextCore, recipe: Recipe) -> None:
        self._core = core
        self._recipe = recipe
        self._writer = StdWriter(core, recipe)
        super().__init__(self._writer.scope)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    # A logger stands for itself, as those of `logging.getLogger` do: what holds one can be copied.
    def __copy__(self) -> StdLogger:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> StdLogger:
        return self

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Return whether a record at that level of ``logging`` is on, here and now."""
        own = level_of(level)
        if own > self._writer.ceiling or self.disabled or level < self.level or self.manager.disable >= level:
            return False
        return self._writer.is_on(own, get_current())

    def getEffectiveLevel(self) -> int:  # noqa: N802 - logging's name
        """Return the lowest level of ``logging`` that is on, here and now; above CRITICAL where none is."""
        return max(self.level, std_level_of(self._writer.level(get_current())))

    def getChild(self, suffix: str) -> StdLogger:  # noqa: N802 - logging's name
        """Return a logger whose name, and whose realm if it has one, is longer by `suffix`."""
        messages: list[Realm | Name] = []
        name, realm = self._writer.named()
        if realm is not None:
            messages.append(Realm(f"{realm}/{suffix.replace('.', '/')}"))
        if name or realm is None:
            messages.append(Name(suffix))
        return StdLogger(self._core, self._recipe.with_messages(tuple(messages)))

    def getChildren(self) -> set[logging.Logger]:  # noqa: N802 - logging's name
        """Return nothing: children are not kept."""
        return set()

    def hasHandlers(self) -> bool:  # noqa: N802 - logging's name
        """Return True: records go to the target of the context."""
        return True

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at that level of ``logging``; what is no int goes out as an error, the level in ``!BADKEY``."""
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + _OWN_FRAME
        if is_a(level, int):
            if self.isEnabledFor(level):
                self._log(level, msg, args, **kwargs)
        elif self.isEnabledFor(logging.ERROR):
            extra = kwargs.get("extra")
            kwargs["extra"] = {**(extra if is_a(extra, dict) else {}), BADKEY: safe_text(level)}
            self._log(logging.ERROR, msg, args, **kwargs)

    def makeRecord(  # noqa: N802 - logging's name
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        """Return the record; extras that its own attributes would hide are put aside."""
        record = super().makeRecord(name, level, fn, lno, msg, args, exc_info, func, None, sinfo)
        if extra is None:
            return record
        known = vars(record)
        aside: dict[str, object] = {}
        try:
            for key, value in extra.items():
                (aside if key in known or key in _NOT_ON_RECORDS else known)[key] = value
        except Exception:  # noqa: BLE001 - no mapping, or one of the user's that fails
            aside[BADKEY] = safe_text(extra)
        if aside:
            known[SET_ASIDE] = aside
        return record

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Write the record if the rules let it through; then the handlers of this logger get it, too."""
        try:
            passed = self._writer.write(record, get_current())
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_once(type(record), f"a record of type {type(record).__name__} cannot be read", error=error)
            return
        if passed:
            for handler in self.handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)
