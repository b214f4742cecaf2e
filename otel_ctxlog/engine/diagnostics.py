"""Own diagnostics: one record at error through ``logging.getLogger("otel_ctxlog")``, once per object, never raised.

A service that logs a million times through a broken condition needs one line about it, not a million. What was reported
is remembered by identity through a weak reference, so that a new object at the same address is reported again and
nothing is kept alive; an object that cannot be weakly referenced is remembered in a small bounded table.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import OrderedDict
from contextvars import ContextVar
from typing import Final

__all__ = ["LOGGER_NAME", "emit_diagnostic", "in_diagnostic", "report_once"]

LOGGER_NAME: Final = "otel_ctxlog"

_MAX_STRONG: Final = 1000
_logger: Final = logging.getLogger(LOGGER_NAME)
_reporting: ContextVar[bool] = ContextVar("otel_ctxlog_reporting", default=False)
_seen: dict[tuple[int, str], weakref.ref[object]] = {}
_seen_strong: OrderedDict[tuple[int, str], object] = OrderedDict()
# An RLock: a weak reference's callback may run while this very thread holds it.
_lock = threading.RLock()


def in_diagnostic() -> bool:
    """Return whether this thread or task is just writing a diagnostic of ours: bridges must not feed it back."""
    return _reporting.get()


def emit_diagnostic(text: str, *, error: BaseException | None = None, level: int = logging.ERROR) -> None:
    """Log `text` through ``logging.getLogger("otel_ctxlog")``; never raises, never recurses."""
    if _reporting.get():
        return
    token = _reporting.set(True)
    try:
        # A thousand equal frames say no more than the name of the error.
        info = None
        if error is not None and not isinstance(error, RecursionError):
            info = (type(error), error, error.__traceback__)
        _logger.log(level, "%s", text, exc_info=info)
    except Exception:  # noqa: BLE001, S110 - a broken logging handler of the host is the host's business
        pass
    finally:
        _reporting.reset(token)


def report_once(subject: object, text: str, *, error: BaseException | None = None, topic: str = "") -> None:
    """Log `text` unless this object was already reported under this `topic`.

    Args:
        subject: the object that the report is about; pass a type to report once per type.
        text: one sentence.
        error: the exception that was caught, if any.
        topic: what keeps several reports about one object apart.
    """
    # Inside another diagnostic it could not be written: then it is not marked as said, either.
    if not _reporting.get() and _is_new(subject, topic):
        emit_diagnostic(text, error=error)


def _is_new(subject: object, topic: str) -> bool:
    key = (id(subject), topic)
    with _lock:
        known = _seen.get(key)
        if known is not None and known() is subject:
            return False
        if key in _seen_strong and _seen_strong[key] is subject:
            return False
        try:
            _seen[key] = weakref.ref(subject, lambda ref: _forget(key, ref))
        except TypeError:
            _seen_strong[key] = subject
            if len(_seen_strong) > _MAX_STRONG:
                _seen_strong.popitem(last=False)
    return True


def _forget(key: tuple[int, str], ref: weakref.ref[object]) -> None:
    with _lock:
        if _seen.get(key) is ref:
            del _seen[key]


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()


import os  # noqa: E402

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
