"""The bound logger: structlog's filtering bound logger, its level asked from the rules of a context.

A disabled call costs one comparison: each bound logger has a `Gate` that knows the highest level that can be on for
what it has bound. What calls themselves give are fields, as with our own loggers: rules do not see them.

structlog finds out where a call came from by skipping the frames of modules whose name begins with ``structlog``. The
methods here are made to look like such (`_as_structlog`), so that nothing changes for who uses that.
"""

# What stands in this module besides the class becomes its methods.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import structlog

if TYPE_CHECKING:
    from typing_extensions import Self

from otel_ctxlog.bridges.named_writers import BridgeWriter, NamedWriters
from otel_ctxlog.bridges.stdlib.feedback import BUSY
from otel_ctxlog.bridges.structlog_names import LOGGER_KEYS, REALM_KEY, name_of, realm_of
from otel_ctxlog.bridges.structlog_processor import DECIDED, LEVELS, Decided
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, TRACE, WARN
from otel_ctxlog.engine.messages import Realm
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.state import EPOCH
from otel_ctxlog.otel.context import get_current

__all__ = ["ContextBoundLogger", "Gate", "make_context_bound_logger"]

_F = TypeVar("_F", bound=Callable[..., Any])

# By number, as `logging` has them.
_NUMBERS: Final = ((40, int(ERROR)), (30, int(WARN)), (20, int(INFO)), (10, int(DEBUG)), (0, int(TRACE)))
_NAMES: Final = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"), (0, "trace"))
_NOTHING_ON: Final = 60
_MOST_GATES: Final = 1000
_SIMPLE: Final = frozenset({str, int, bool, type(None)})
_LONGEST: Final = 256
_NOT_SEEN: Final = frozenset({*LOGGER_KEYS, REALM_KEY})
_NO_VALUES: Final[Mapping[str, object]] = {}

# Filters nothing: this one decides, and that one does what structlog does.
_Native: Any = structlog.make_filtering_bound_logger(0)


class Gate:
    """What bound loggers with the same name, and the same bound values as far as rules look at them, ask before a call.

    Attributes:
        ceiling: no level above it is on; above every level while something has changed.
        epoch: the state of the world it was made in.
        writer: decides and writes; None: nothing is known yet.
        asked: the names of the bound values that are message context of the writer.
        varies: whether values of ``structlog.contextvars`` may decide.
    """

    __slots__ = ("__weakref__", "asked", "ceiling", "epoch", "varies", "writer")

    def __init__(
        self,
        writer: BridgeWriter | None,
        *,
        epoch: object = None,
        ceiling: float = inf,
        asked: frozenset[str] = frozenset(),
        varies: bool = False,
    ) -> None:
        self.writer = writer
        self.epoch = epoch
        self.ceiling = ceiling
        self.asked = asked
        self.varies = varies

    def expire(self) -> None:
        """Note that something has changed."""
        self.ceiling = inf


_UNKNOWN: Final = Gate(None)


_Key: TypeAlias = "tuple[str, str, tuple[tuple[str, type, object], ...]]"


class _Settings:
    """What the loggers of one class share: writers, and gates by name, realm and bound values that rules look at."""

    __slots__ = ("_gates", "contextvars", "writers")

    def __init__(self, context: LoggingContext | None, realm: Realm | str | None, *, contextvars: bool) -> None:
        self.writers = NamedWriters(context, realm)
        self.contextvars = contextvars
        self._gates: dict[_Key, Gate] = {}

    def gate(self, logger: object, bound: Mapping[str, object]) -> Gate:
        """Return a gate that is good now for a logger with these values bound."""
        token = EPOCH.token
        name, realm = name_of(bound, logger), realm_of(bound)
        writer = self.writers.writer(name, realm)
        asked = {key: value for key, value in bound.items() if key not in _NOT_SEEN and writer.looks_at(key)}
        key = _key(name, realm, asked)
        if key is None:
            return self._made(self.writers.special(name, realm, asked), token, frozenset(asked))
        known = self._gates.get(key)
        if known is not None and known.epoch is token:
            return known
        if asked:
            writer = self.writers.special(name, realm, asked)
        if len(self._gates) >= _MOST_GATES:
            self._gates.clear()
        made = self._gates[key] = self._made(writer, token, frozenset(asked))
        return made

    def _made(self, writer: BridgeWriter, token: object, asked: frozenset[str]) -> Gate:
        varies = self.contextvars and writer.looks_at_attributes()
        ceiling = writer.highest_of_all() if varies else writer.highest()
        gate = Gate(writer, epoch=token, ceiling=ceiling, asked=asked, varies=varies)
        EPOCH.watch(gate)
        return gate


class ContextBoundLogger(_Native):  # type: ignore[misc] # structlog types it as a protocol
    """A bound logger of structlog whose level is asked from the rules of the default context, at every call.

    It has the methods of ``structlog.make_filtering_bound_logger``, their async variants included, and ``trace``.
    Loggers of other contexts are made by `make_context_bound_logger`.
    """

    _settings: _Settings = _Settings(None, None, contextvars=True)
    # Of the class, so that binding stays as cheap as it is: each logger sets its own at its first call.
    _gate: Gate = _UNKNOWN

    if TYPE_CHECKING:
        _logger: Any
        _context: Mapping[str, object]

        def bind(self, **new_values: Any) -> Self:
            """Return a new logger with these values added."""
            ...

    def __getstate__(self) -> dict[str, object]:
        state = dict(self.__dict__)
        state.pop("_gate", None)
        return state

    def log(self, level: int, event: Any = None, *args: Any, **kw: Any) -> Any:
        """Log at a level as `logging` counts: 10 debug to 50 critical, and what lies between."""
        return getattr(self, _name_of(level))(event, *args, **kw)

    def alog(self, level: int, event: Any = None, *args: Any, **kw: Any) -> Awaitable[Any]:
        """Return what logs, when awaited, at a level as `logging` counts, in a thread."""
        logged: Awaitable[Any] = getattr(self, f"a{_name_of(level)}")(event, *args, **kw)
        return logged

    def is_enabled_for(self, level: int) -> bool:
        """Return whether a call here and now would be on.

        Args:
            level: the level as `logging` counts: 10 debug to 50 critical.
        """
        return self._decided(_level_of(level)) is not None

    def get_effective_level(self) -> int:
        """Return the lowest level that is on here and now, as `logging` counts: 10 debug to 50 critical.

        It is 0 where even traces are on, and 60 where nothing is.
        """
        return next((number for number in (0, 10, 20, 30, 40) if self.is_enabled_for(number)), _NOTHING_ON)

    def _decided(self, level: int) -> Decided | None:
        """Return the decision about a call, or None where it is off; never raises."""
        try:
            return self._asked(level)
        except Exception as error:  # noqa: BLE001 - a wrapped logger, or a context class, of the user
            report_once(type(self), f"a call of a structlog logger is off: {type(error).__name__}", error=error)
            return None

    def _asked(self, level: int) -> Decided | None:
        gate = self._gate
        writer = gate.writer
        if writer is None or gate.epoch is not EPOCH.token:
            self._gate = gate = self._settings.gate(self._logger, self._context)
            writer = cast("BridgeWriter", gate.writer)
            if level > gate.ceiling:
                return None
        if BUSY.get():
            # A rule or a sink of the user that logs: the processor would not write it anyway.
            return None
        context = get_current()
        values = _NO_VALUES
        if gate.varies:
            bound = self._context
            found = structlog.contextvars.get_contextvars()
            values = {key: value for key, value in found.items() if key not in bound}
        token = BUSY.set(True)
        try:
            passed = writer.decide(level, context, values)
        finally:
            BUSY.reset(token)
        if passed is None:
            return None
        return Decided(self._settings.writers.core, self._logger, writer, passed, level, context, gate.asked)


def make_context_bound_logger(
    context: LoggingContext | None = None,
    *,
    realm: Realm | str | None = None,
    contextvars: bool = True,
) -> type[ContextBoundLogger]:
    """Return a class for ``structlog.configure(wrapper_class=…)``, whose loggers ask the rules of a context.

    What is bound is message context: rules see it as attributes. Without arguments it is `ContextBoundLogger`, whose
    loggers can be pickled.

    Args:
        context: the context, live; None: the default one.
        realm: the realm of all loggers; None: what is bound as ``realm``, or that of the logger's name.
        contextvars: whether rules see what is bound by ``structlog.contextvars``; where a rule may look at it, calls
            have to look there, too.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `realm` is empty.
    """
    if context is None and realm is None and contextvars:
        return ContextBoundLogger
    settings = _Settings(context, realm, contextvars=contextvars)
    return type("ContextBoundLogger", (ContextBoundLogger,), {"_settings": settings})


def _key(name: str, realm: str, asked: Mapping[str, object]) -> _Key | None:
    """Return what equal gates have in common; None where the values are not small and simple."""
    values = tuple((key, type(value), value) for key, value in asked.items())
    for _, kind, value in values:
        if kind not in _SIMPLE or (kind is str and len(cast("str", value)) > _LONGEST):
            return None
    return name, realm, values


def _level_of(number: int) -> int:
    return next((level for least, level in _NUMBERS if number >= least), int(TRACE))


def _name_of(number: int) -> str:
    return next((name for least, name in _NAMES if number >= least), "trace")


def _text(event: Any, args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    """Return the event with the arguments in it; those that do not fit become a field instead of an exception."""
    if not args:
        return event
    try:
        return event % (args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args)
    except Exception:  # noqa: BLE001 - whatever the user gives
        fields["positional_args"] = args
        return event


async def _nothing() -> None:
    """Do nothing."""


def _as_structlog(function: _F) -> _F:
    """Return the same function, its frames taken for structlog's own."""
    made = FunctionType(function.__code__, _NAMESPACE, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return cast("_F", made)


def _methods(name: str) -> dict[str, Callable[..., Any]]:
    """Return a method and its async variant."""
    level = LEVELS[name]
    # structlog has no traces: what comes after us gets them as debug.
    native_name = "debug" if name == "trace" else name
    native: Callable[..., Any] = getattr(_Native, native_name)
    async_native: Callable[..., Awaitable[Any]] = getattr(_Native, f"a{native_name}")

    def method(self: ContextBoundLogger, event: Any = None, *args: Any, **kw: Any) -> Any:
        if self._gate.ceiling < level:
            return None
        decided = self._decided(level)
        if decided is None:
            return None
        token = DECIDED.set(decided)
        try:
            return native(self, _text(event, args, kw), **kw)
        finally:
            DECIDED.reset(token)

    def async_method(self: ContextBoundLogger, event: Any = None, *args: Any, **kw: Any) -> Awaitable[Any]:
        # No coroutine of ours: structlog takes the frame that awaits its own for the place of the call.
        decided = None if self._gate.ceiling < level else self._decided(level)
        if decided is None:
            return _nothing()
        if kw.get("exc_info") is True:
            # In the thread where the chain runs there is none.
            kw["exc_info"] = sys.exc_info()

        def proxy(method_name: str, event: Any = None, **kw: Any) -> Any:
            token = DECIDED.set(decided)
            try:
                return self._proxy_to_logger(method_name, event, **kw)
            finally:
                DECIDED.reset(token)

        carrier = self.bind()
        carrier.__dict__["_proxy_to_logger"] = proxy
        return async_native(carrier, _text(event, args, kw), **kw)

    made: dict[str, Callable[..., Any]] = {}
    for own, kind in ((method, name), (async_method, f"a{name}")):
        own.__name__ = kind
        own.__qualname__ = f"ContextBoundLogger.{kind}"
        made[kind] = _as_structlog(own)
    return made


# As it is by now: the methods find here what they use.
_NAMESPACE: Final = {**globals(), "__name__": "structlog.otel_ctxlog"}


def _complete(kind: type[ContextBoundLogger]) -> None:
    """Give the class the methods of structlog's filtering bound loggers, aliases included."""
    methods = {"log": _as_structlog(kind.log), "alog": _as_structlog(kind.alog)}
    for name in ("debug", "info", "warning", "error", "critical", "trace"):
        methods.update(_methods(name))
    for alias, name in (("warn", "warning"), ("fatal", "critical"), ("msg", "info")):
        methods[alias], methods[f"a{alias}"] = methods[name], methods[f"a{name}"]
    for name, method in methods.items():
        setattr(kind, name, method)


_complete(ContextBoundLogger)
