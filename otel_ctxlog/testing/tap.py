"""The tap: what a context writes goes to the captures of it, whichever target it has or is given meanwhile.

A context's own settings are not touched: only the route of what holds for it (`Effective.route`) is another while it is
captured. So level offset, resource and rules are those of the real target, and a target or a default context that the
code under test sets is captured as well.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.values import AttributeValue
from otel_ctxlog.loggers.core import ContextCore, Effective
from otel_ctxlog.loggers.default import DefaultCore
from otel_ctxlog.loggers.state import EPOCH
from otel_ctxlog.otel.context import Context
from otel_ctxlog.otel.route import Route
from otel_ctxlog.otel.severity import SeverityNumber
from otel_ctxlog.testing.record import CapturedRecord, ids_of
from otel_ctxlog.testing.suppressed import Reason, SuppressedCall

__all__ = [
    "Receiver",
    "RunningCall",
    "Tap",
    "TapSink",
    "add_tap",
    "any_taps",
    "asking",
    "every_tap",
    "is_asking",
    "remove_tap",
    "running",
    "taps_of",
]


class RunningCall(Protocol):
    """The logging call that is just being made in this thread or task."""

    reached: bool

    @property
    def location(self) -> tuple[str, int] | None:
        """File name and line of the call."""
        ...

    def why(self) -> Callable[[], Reason]:
        """Note what the rules are asked about here and now; the result says why the call is on or off."""
        ...


_asking: Final[ContextVar[bool]] = ContextVar("otel_ctxlog_testing_asking", default=False)


@contextmanager
def asking() -> Generator[None]:
    """Mark what follows as our own question: what a source or condition of the user logs for it is not captured."""
    token = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(token)


def is_asking() -> bool:
    """Return whether this thread or task is within `asking`."""
    return _asking.get()


running: Final[ContextVar[RunningCall | None]] = ContextVar("otel_ctxlog_testing_call", default=None)


class Receiver(Protocol):
    """What gets the records and the suppressed calls of a tap."""

    def take(self, record: CapturedRecord, why: Callable[[], Reason] | None) -> None:
        """Take one record, and what says why it was logged."""
        ...

    def miss(self, call: SuppressedCall) -> None:
        """Take one call that left no record."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Tap:
    """One context that is captured.

    Attributes:
        core: the context.
        first: what the default context stood for at the start, if `core` is the default context.
        receiver: what gets the records.
        pass_on: whether they go on to the real target.
    """

    core: ContextCore
    first: ContextCore | None
    receiver: Receiver
    pass_on: bool

    def reaches(self, core: ContextCore) -> bool:
        """Return whether what `core` writes is captured: it is nested, without a target of its own, in this context."""
        for link in core.chain():
            if link is self.core or link is self.first:
                return True
            if isinstance(self.core, DefaultCore) and link is self.core.current:
                return True
            if link.state.target is not None:
                return False
        return False


class TapSink:
    """Gives each record to the captures, and to the real target if all of them pass it on.

    It is a `LogSink`: what writes to no context can be given one as target.

    Args:
        receivers: the captures.
        target: the real target, or None.
    """

    __slots__ = ("_receivers", "_route")

    def __init__(self, receivers: tuple[Receiver, ...], route: Route | None = None) -> None:
        self._receivers = receivers
        self._route = route

    def __repr__(self) -> str:
        return f"<TapSink of {len(self._receivers)} captures>"

    def enabled(self, level: int) -> bool:  # noqa: ARG002 - the rules have decided
        """Return True."""
        return True

    def emit(
        self,
        *,
        level: int,
        body: AttributeValue,
        attributes: Mapping[str, AttributeValue],
        name: str,
        realm: str | None,
        exception: BaseException | None,
        context: Context,
        timestamp: int,
        severity: SeverityNumber,
        event_name: str | None,
    ) -> None:
        """Take one record."""
        if is_asking():
            return
        call = running.get()
        why = None
        location = None
        if call is not None:
            call.reached = True
            location = call.location
            try:
                why = call.why()
            except Exception as error:  # noqa: BLE001 - a record without its reason is still a record
                report_once(type(call), f"why a record was logged is not known: {type(error).__name__}", error=error)
        trace_id, span_id = ids_of(context)
        record = CapturedRecord(
            body=body,
            level=level,
            severity=severity,
            attributes=dict(attributes),
            realm=realm,
            name=name,
            event_type=event_name,
            exception=exception,
            trace_id=trace_id,
            span_id=span_id,
            timestamp=timestamp,
            location=location,
        )
        for receiver in self._receivers:
            receiver.take(record, why)
        if self._route is not None and self._route.target.enabled(level):
            self._route.target.emit(
                level=level,
                body=body,
                attributes=attributes,
                name=name,
                realm=realm,
                exception=exception,
                context=context,
                timestamp=timestamp,
                severity=severity,
                event_name=event_name,
            )


@dataclass(slots=True)
class _Tapped:
    """What holds for a captured context, the last time it was asked."""

    real: Effective
    token: object
    all_taps: tuple[Tap, ...]
    own_taps: tuple[Tap, ...]
    effective: Effective


_lock = threading.RLock()
_taps: tuple[Tap, ...] = ()
_known: weakref.WeakKeyDictionary[ContextCore, _Tapped] = weakref.WeakKeyDictionary()
_real_effective: Final = ContextCore.effective


def any_taps() -> bool:
    """Return whether anything is being captured."""
    return bool(_taps)


def taps_of(core: ContextCore) -> list[Tap]:
    """Return the taps that get what `core` writes."""
    return [tap for tap in _taps if tap.reaches(core)]


def every_tap() -> tuple[Tap, ...]:
    """Return all taps."""
    return _taps


def add_tap(tap: Tap) -> None:
    """Start capturing a context."""
    global _taps  # noqa: PLW0603
    with _lock:
        _taps = (*_taps, tap)
        setattr(ContextCore, _EFFECTIVE, _tapped_effective)
    EPOCH.advance()


def remove_tap(tap: Tap) -> None:
    """Stop capturing a context; after the last one nothing of the tap is left."""
    global _taps  # noqa: PLW0603
    with _lock:
        _taps = tuple(one for one in _taps if one is not tap)
        if not _taps:
            setattr(ContextCore, _EFFECTIVE, _real_effective)
            _known.clear()
    EPOCH.advance()


_EFFECTIVE: Final = "effective"


def _tapped_effective(core: ContextCore) -> Effective:
    """Return what holds for a context, its route replaced where it is captured."""
    token, taps = EPOCH.token, _taps
    real = _real_effective(core)
    known = _known.get(core)
    if known is not None and known.real is real and known.all_taps is taps and known.token is token:
        return known.effective
    own = tuple(tap for tap in taps if tap.reaches(core))
    if known is not None and known.real is real and known.own_taps == own:
        # The same object, so that plans made of it stay good.
        effective = known.effective
    elif own:
        effective = copy.copy(real)
        effective.route = _tapped_route(real.route, own)
    else:
        effective = real
    _known[core] = _Tapped(real, token, taps, own, effective)
    return effective


def _tapped_route(route: Route, taps: tuple[Tap, ...]) -> Route:
    # The reader stays: it knows the resource of the real target.
    tapped = copy.copy(route)
    tapped.provider = None
    receivers = tuple(dict.fromkeys(tap.receiver for tap in taps))
    tapped.target = TapSink(receivers, route if all(tap.pass_on for tap in taps) else None)
    return tapped
