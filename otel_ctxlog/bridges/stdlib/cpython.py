"""The parts of ``logging`` that are not documented, and how they are replaced; CPython 3.10 to 3.14.

``tests/bridges/stdlib/test_what_we_rely_on_in_cpython.py`` fails when one changes:

1. ``Logger._cache`` maps a level to what `Logger.isEnabledFor` answers. It is emptied, under ``logging._lock``,
   whenever a level or ``logging.disable()`` changes.
2. ``Logger.handle`` gives every record that passes the logger's own filters to `Logger.callHandlers`.
3. ``Logger._log`` finds the place of the call, makes a record by `Logger.makeRecord` and gives it to `Logger.handle`.
4. ``logging._handlerList`` has a weak reference to every handler, the newest last.
5. ``logging._lock`` is a re-entrant lock, renewed in a forked child.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, FunctionType
from typing import Any, Final, TypeVar, cast

__all__ = [
    "Answer",
    "Answers",
    "answers_of",
    "as_logging",
    "ask_less",
    "call_original_handlers",
    "call_original_log",
    "clear_managed",
    "frames_counted",
    "handler_references",
    "level_within",
    "lock",
    "makes_plain_records",
    "patch",
    "record_factory",
    "restore",
    "standard_answer",
    "standard_level",
]

Answer = bool | None
"""What the answers keep: None where each call has to be decided by itself."""
Answers = dict[int, Answer]
Settle = Callable[[logging.Logger, int], bool]

_originals: Final[dict[str, Callable[..., object]]] = {
    "isEnabledFor": logging.Logger.isEnabledFor,
    "callHandlers": logging.Logger.callHandlers,
    "_log": cast("Callable[..., object]", vars(logging.Logger)["_log"]),
}
_HANDLE: Final = logging.Logger.handle
_FILTER: Final = logging.Logger.filter
_MAKE_RECORD: Final = logging.Logger.makeRecord
_SOURCE: Final = logging.addLevelName.__code__.co_filename
_replaced: Final[dict[str, Callable[..., object]]] = {}


class _Chain:
    """What our methods call in the end.

    Attributes:
        is_plain: whether all of it is logging's own; not where somebody had patched `logging.Logger` before us.
    """

    __slots__ = ("is_plain",)

    def __init__(self) -> None:
        self.is_plain = False

    def look(self) -> None:
        """Find out."""
        methods = (_HANDLE, _FILTER, _MAKE_RECORD, *_originals.values())
        self.is_plain = all(_is_loggings(method) for method in methods)


def _is_loggings(method: object) -> bool:
    # By exact type: wrappers like those of wrapt show the code of what they wrap as their own.
    return type(method) is FunctionType and method.__code__.co_filename == _SOURCE


_chain: Final = _Chain()


def lock() -> AbstractContextManager[object]:
    """Return the lock under which levels change."""
    return cast("AbstractContextManager[object]", vars(logging)["_lock"])


def answers_of(logger: logging.Logger) -> Answers:
    """Return what a logger keeps of its answers."""
    return cast("Answers", vars(logger)["_cache"])


def clear_managed() -> None:
    """Make all loggers that ``logging.getLogger`` knows forget their answers."""
    logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]


_F = TypeVar("_F", bound=Callable[..., object])


def as_logging(function: _F) -> _F:
    """Return the function with frames that look like logging's own.

    Whoever looks for the caller of a logging call skips the frames of ``logging``: by their file `Logger.findCaller`
    and the handlers that loguru's documentation shows, by the name of their module structlog. Ours stand among them.
    What the function takes from its module it takes as it is now.
    """
    plain = cast("FunctionType", function)
    made = FunctionType(
        plain.__code__.replace(co_filename=_SOURCE),
        {**plain.__globals__, "__name__": logging.__name__},
        plain.__name__,
        plain.__defaults__,
        plain.__closure__,
    )
    made.__kwdefaults__ = plain.__kwdefaults__
    made.__doc__ = plain.__doc__
    made.__qualname__ = plain.__qualname__
    return cast("_F", made)


def frames_counted(logger: logging.Logger, own: int) -> int:
    """Return how many of so many frames of ours ``findCaller`` counts.

    Before Python 3.11 it starts from where its caller's caller has to be, whatever that is; structlog's does not.
    """
    if sys.version_info >= (3, 11) or type(logger).findCaller.__module__.startswith("structlog"):
        return 0
    return own


@as_logging
def call_original_log(logger: logging.Logger, *args: object) -> None:
    """Make a record and handle it, as without a bridge; `args` are those of ``Logger._log``, all of them."""
    _originals["_log"](logger, *args)


def level_within(level: int) -> int:
    """Return a ``stacklevel``, or 1 where the stack has fewer frames, as `Logger.findCaller` takes it before 3.11.

    That one would take a frame of ours, since it knows only logging's own file. Later ones need no help.

    Args:
        level: what was given as ``stacklevel``, to a method of a logger that has called ``_log``, which asks.
    """
    if sys.version_info >= (3, 11):
        return level
    caller: FrameType | None = sys._getframe(3)
    for _ in range(level - 1):
        if caller is not None:
            caller = caller.f_back
    return 1 if caller is None else level


def record_factory() -> object:
    """Return what makes records."""
    return vars(logging)["_logRecordFactory"]


def makes_plain_records(logger: logging.Logger, call_handlers: object) -> bool:
    """Return whether all that happens between ``_log`` and the handlers is as ``logging`` does it.

    Args:
        logger: the logger; its class, or whoever patches `logging.Logger`, may do something else.
        call_handlers: our own ``callHandlers``.
    """
    kind, own = type(logger), logger.__dict__
    return (
        _chain.is_plain
        and "handle" not in own
        and "filter" not in own
        and "makeRecord" not in own
        and "callHandlers" not in own
        and kind.callHandlers is call_handlers
        and kind.handle is _HANDLE
        and kind.filter is _FILTER
        and kind.makeRecord is _MAKE_RECORD
    )


def handler_references() -> list[Callable[[], logging.Handler | None]]:
    """Return the list of weak references to the handlers of this process, the newest last; always the same list."""
    return cast("list[Callable[[], logging.Handler | None]]", vars(logging)["_handlerList"])


def standard_level(logger: logging.Logger, level: int) -> bool:
    """Return what ``logging`` alone answers; call it under `lock` to keep the answer."""
    return not logger.manager.disable >= level and level >= logger.getEffectiveLevel()


def standard_answer(logger: logging.Logger, level: int) -> bool:
    """Return what ``logging`` alone answers, and keep it."""
    with lock():
        answer = answers_of(logger)[level] = standard_level(logger, level)
        return answer


@as_logging
def call_original_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Give the record to the handlers, as without a bridge."""
    _originals["callHandlers"](logger, record)


def ask_less(settle: Settle, ask: Settle) -> Callable[[logging.Logger, int], bool]:
    """Return an ``isEnabledFor`` that costs what the original costs where the answer is known.

    Args:
        settle: asked where nothing is kept; keeps what can be kept.
        ask: asked where `None` is kept.
    """
    # A subclass of dict with `__missing__` would do without replacing the method, but makes a call that is off 1.25
    # times as expensive: the interpreter has a fast path for exact dicts.
    if hasattr(logging.Logger, "_is_disabled"):  # also off while this thread handles a record of that logger

        def is_enabled_for_3_14(self: Any, level: int) -> bool:
            if self._is_disabled():
                return False
            try:
                answer: Answer = self._cache[level]
            except KeyError:
                return settle(self, level)
            return ask(self, level) if answer is None else answer

        return is_enabled_for_3_14

    def is_enabled_for(self: Any, level: int) -> bool:
        if self.disabled:
            return False
        try:
            answer: Answer = self._cache[level]
        except KeyError:
            return settle(self, level)
        return ask(self, level) if answer is None else answer

    return is_enabled_for


def patch(
    is_enabled_for: Callable[[logging.Logger, int], bool],
    call_handlers: Callable[[logging.Logger, logging.LogRecord], None],
    log: Callable[..., None],
) -> None:
    """Replace three methods of every logger, under `lock`; what had replaced them before stays in the chain."""
    for name, replacement in (("isEnabledFor", is_enabled_for), ("callHandlers", call_handlers), ("_log", log)):
        if name in _replaced:  # others have wrapped ours since, and still call it
            continue
        current = cast("Callable[..., object]", getattr(logging.Logger, name))
        _originals[name], _replaced[name] = current, replacement
        replacement.__name__, replacement.__qualname__ = current.__name__, current.__qualname__
        replacement.__doc__ = current.__doc__
        setattr(logging.Logger, name, replacement)
    _chain.look()


def restore() -> None:
    """Put the originals back, under `lock`; where others have wrapped ours since, it stays and passes on."""
    for name, replacement in tuple(_replaced.items()):
        if getattr(logging.Logger, name) is replacement:
            setattr(logging.Logger, name, _originals[name])
            del _replaced[name]
