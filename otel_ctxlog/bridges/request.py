"""The request that is being served, as message context: what the ASGI and the WSGI middleware share with loggers.

What a middleware knows of a request are attributes. They are kept in the OpenTelemetry context, where nothing sends
them anywhere (unlike baggage), and a `RequestSource` gives them to loggers: rules see them, and they are put on
records.

The official instrumentations replace the whole OpenTelemetry context when they begin a request, so that a middleware
around them would be forgotten. Therefore the attributes are in a context variable too, which counts where the
OpenTelemetry context says nothing. A decision is kept by its OpenTelemetry context: each request has one of its own,
and so has each change of its attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from opentelemetry import baggage
from opentelemetry.context import Context, attach, create_key, detach, get_current, set_value

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.default import DefaultCore, default_context
from otel_ctxlog.loggers.state import tree_lock
from otel_ctxlog.otel.attaching import EXCEPTION_PREFIX, RESERVED, is_reserved
from otel_ctxlog.otel.sources import DEFAULT_SOURCES

__all__ = [
    "Entered",
    "RequestSource",
    "Viewers",
    "add_request_attributes",
    "check_attribute_name",
    "enter",
    "leave",
    "request_attributes",
    "show_requests",
]

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
# What an ambient attribute is never attached as.

_KEY: Final = create_key("otel_ctxlog.request")
_current: ContextVar[Mapping[str, object]] = ContextVar("otel_ctxlog_request", default=_NOTHING)


@dataclass(frozen=True, slots=True)
class RequestSource:
    """A source of the attributes of the request that is being served; empty outside of one.

    The middlewares put it in front of the sources of the logging context that they are given, unless that was made with
    sources of its own: then it has to be among these.

    Args:
        attach: whether the attributes are put on records; rules see them in any case.
    """

    attach: bool = True

    def attributes(self, context: Context, /) -> Mapping[str, object]:
        """Return the attributes of the request that `context` belongs to."""
        return _attributes_in(context)


def _attributes_in(context: Context) -> Mapping[str, object]:
    found = context.get(_KEY)
    return _current.get() if found is None else cast("Mapping[str, object]", found)


def request_attributes() -> Mapping[str, object]:
    """Return the attributes of the request that is being served here, read-only; empty outside of one."""
    return _attributes_in(get_current())


def add_request_attributes(attributes: Mapping[str, object]) -> bool:
    """Add attributes to the request that is being served, from here on; return False, without effect, outside of one.

    For what only the application knows: the tenant of a login, the route of a framework. It holds in the task or thread
    of the call and what is started there, to the end of the request; where it is called in a span's ``with`` block, to
    the end of that block.

    Raises:
        TypeError: a name is no text.
        ValueError: a name is empty or reserved: ``realm``, ``eventType``, ``exception.*``.
    """
    for name in attributes:
        check_attribute_name("a name in add_request_attributes()", name)
    known = request_attributes()
    if known is _NOTHING:
        return False
    _set({**known, **attributes}, get_current())
    return True


def check_attribute_name(what: str, name: object) -> str:
    """Return `name` if loggers take an ambient attribute of that name.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty or reserved.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, but got {type(name).__name__} {name!r}")
    if not name:
        raise ValueError(f"{what} must not be empty, but got {name!r}")
    if is_reserved(name):
        reserved = ", ".join((*sorted(RESERVED), f"{EXCEPTION_PREFIX}*"))
        raise ValueError(f"{what} is {name!r}, which is reserved; any other name is allowed, apart from {reserved}")
    return name


class Entered(NamedTuple):
    """What `leave` needs to restore what was before `enter`."""

    variable: Token[Mapping[str, object]]
    context: Token[Context]


def enter(
    attributes: Mapping[str, object],
    *,
    declared: frozenset[str] = frozenset(),
    entries: Mapping[str, str] = _NOTHING,  # type: ignore[assignment] # empty
) -> Entered:
    """Begin to serve a request in this task or thread; return what `leave` needs.

    Args:
        attributes: its attributes.
        declared: names whose baggage entries from outside do not count: they have another source.
        entries: baggage entries to set; they are sent on with outgoing calls.
    """
    context = get_current()
    present = baggage.get_all(context)
    for name in declared & present.keys():
        context = baggage.remove_baggage(name, context)
    for name, value in entries.items():
        context = baggage.set_baggage(name, value, context)
    return _set(attributes, context)


def leave(entered: Entered) -> None:
    """Restore what was before `enter`, whatever was attached since; without effect in another task or thread."""
    try:
        _current.reset(entered.variable)
    except ValueError:  # a coroutine that the garbage collector closes elsewhere: there is nothing to undo there
        return
    detach(entered.context)


def _set(attributes: Mapping[str, object], context: Context) -> Entered:
    frozen = MappingProxyType(dict(attributes))
    return Entered(_current.set(frozen), attach(set_value(_KEY, frozen, context)))


def show_requests(context: LoggingContext | None = None) -> bool:
    """Have the loggers of a context see the request; return False where it has sources of its own without requests.

    One change of the context; without effect where a `RequestSource` is among the sources already. The middlewares do
    it for the context they are given.

    Args:
        context: the context; None: the default one of this moment.
    """
    core = core_of(default_context() if context is None else context)
    with tree_lock:
        while isinstance(core, DefaultCore):
            core = core.current
        given = next((state.sources for state in core.states() if state.sources is not None), None)
        if given is not None:
            return any(isinstance(source, RequestSource) for source in given)
        core.change(sources=(RequestSource(), *DEFAULT_SOURCES))
        return True


class Viewers:
    """Keeps the loggers of a context seeing requests, also where another context becomes the default one.

    Args:
        context: the context; None: the default one.

    Raises:
        TypeError: `context` is none.
    """

    __slots__ = ("_context", "_core", "_seen")

    def __init__(self, context: LoggingContext | None) -> None:
        if context is not None and not isinstance(context, LoggingContext):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"context must be a LoggingContext or None, but got {context!r}")
        self._context = default_context() if context is None else context
        self._core = core_of(self._context)
        self._seen: object = None

    def look(self) -> None:
        """Make sure of it; at every request, since it costs next to nothing where nothing has changed."""
        effective = self._core.effective()
        if effective is self._seen:
            return
        if not show_requests(self._context) and effective.route.reader.scope.anything:
            report_once(
                self,
                "loggers do not see requests: the logging context of a ContextMiddleware was given sources without"
                " otel_ctxlog.bridges.request.RequestSource()",
            )
        self._seen = self._core.effective()
