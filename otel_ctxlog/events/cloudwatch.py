"""Events into CloudWatch Logs."""

from __future__ import annotations

import math
import re
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import Fields
from otel_ctxlog.errors import EventError
from otel_ctxlog.events.cloudwatch_batch import EVENT_OVERHEAD, MAX_MESSAGE_BYTES, Entry
from otel_ctxlog.events.cloudwatch_processes import care_for
from otel_ctxlog.events.cloudwatch_sender import RETIRED_TIMEOUT, Sender
from otel_ctxlog.events.cloudwatch_target import Target
from otel_ctxlog.events.contract import check_event, complete, json_text, load_json
from otel_ctxlog.events.violations import Violations

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CloudWatchEventer", "check_group", "check_stream"]

_GROUP: Final = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM: Final = re.compile(r"[^:*]{1,512}")
_MOST_EVENTS: Final = 32_768
_MOST_BYTES: Final = 64 * 1024 * 1024


class CloudWatchEventer:
    """Sends events to CloudWatch Logs, each as its JSON text (`otel_ctxlog.marshal`).

    `event` queues the event and returns; a thread, started with the first one, sends what waits in batches, at least
    every `interval` seconds. What the service does not take now is tried again, with growing pauses. Safe from many
    threads, from signal handlers and in forked children, which have a queue, a thread and, unless `stream` is given, a
    stream of their own. The end of the interpreter sends what waits. It raises nothing; what is lost is counted
    (`dropped`, `losses`) and logged:

    - what breaks the event contract, and messages of more than 1,048,550 bytes in UTF-8 (kind ``size``);
    - ``overflow``: events recorded while the queue is full, with one diagnostic until half of it is sent;
    - ``refused``: events that the service says are not valid; ``tooOld``, ``tooNew``, ``expired``: events of a batch
      that it took without them (``rejectedLogEventsInfo``);
    - ``unsent``: events that were not sent in time at the end; ``closed``: events recorded after it.

    Args:
        client: a client of CloudWatch Logs, ``boto3.client("logs")``; or a function without arguments that makes one.
            It is called in the thread, and anew in a forked child, since connections cannot be shared with the parent,
            and where credentials have expired or cannot be found.
        group: the log group; it is made when the first event is sent, unless it is there, and again if it is deleted.
        stream: the log stream, likewise; None: of the program's name, the time and the process id, as
            ``shop/2026-11-21T12-43-19Z-4711``.
        now: gives the time of an event in seconds since the epoch.
        interval: the most seconds that an event waits for others, above 0.
        most_events: the most events that wait, those being sent included.
        most_bytes: the most bytes that they may have; each counts its message and 26.
        exit_timeout: the most seconds that the end of the interpreter waits.

    Raises:
        TypeError: `client` is neither.
        ValueError: `group` or `stream` is no valid name, or a number is not allowed.
    """

    __slots__ = ("__weakref__", "_clock", "_sender", "_violations")

    def __init__(
        self,
        client: object,
        group: str,
        stream: str | None = None,
        *,
        now: Callable[[], float] = time.time,
        interval: float = 1.0,
        most_events: int = _MOST_EVENTS,
        most_bytes: int = _MOST_BYTES,
        exit_timeout: float = 5.0,
    ) -> None:
        if not (callable(client) or callable(getattr(client, "put_log_events", None))):
            msg = f"client must be a client of CloudWatch Logs or a function that makes one, but got {client!r}"
            raise TypeError(msg)
        for name, number, least in (
            ("interval", interval, 0.001),
            ("most_events", most_events, 1),
            ("most_bytes", most_bytes, 1),
            ("exit_timeout", exit_timeout, 0),
        ):
            if not least <= number < math.inf:
                msg = f"{name} must be finite and at least {least}, but got {number!r}"
                raise ValueError(msg)
        load_json()
        self._clock: Final = _Clock(now)
        self._violations = Violations()
        target = Target(client, check_group(group), None if stream is None else check_stream(stream), now=self._clock)
        self._sender: Final = Sender(
            target, interval=interval, most_events=most_events, most_bytes=most_bytes, exit_timeout=exit_timeout
        )
        care_for(self._sender)
        # What waits is sent, also if nobody holds the eventer any more.
        weakref.finalize(self, self._sender.end, RETIRED_TIMEOUT).atexit = False

    def __repr__(self) -> str:
        return f"<CloudWatchEventer {self.group}/{self.stream}, {self.waiting} waiting, {self.dropped} dropped>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def group(self) -> str:
        """The log group."""
        return self._sender.target.group

    @property
    def stream(self) -> str:
        """The log stream of this process."""
        return self._sender.target.stream

    @property
    def waiting(self) -> int:
        """The number of events that wait, those being sent included."""
        return self._sender.waiting

    @property
    def dropped(self) -> int:
        """The number of events that were dropped, for whatever reason."""
        return self._violations.dropped + self._sender.losses.total

    @property
    def losses(self) -> Mapping[str, int]:
        """The number of valid events that were dropped, by reason; see above. A copy."""
        return dict(self._sender.losses.counted)

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Queue one event: a type, and fields as log records take them."""
        try:
            self._sender.put(self._entry(*check_event(type, fields, attributes)))
        except Exception as error:  # noqa: BLE001 - recording an event never raises
            self._violations.drop(type, error)

    def flush(self, timeout: float = 5.0) -> bool:
        """Send what waits at once, and return whether all of it is settled within `timeout` seconds.

        Settled is what the service has taken, and what it has refused for good (`losses`). False in the eventer's own
        thread.
        """
        return self._sender.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send what waits, and end; return whether all of it was settled within `timeout` seconds.

        Events recorded later are dropped. The thread is gone, unless the client keeps it in a call for longer than
        `timeout`: give it timeouts of its own (``botocore.config.Config(connect_timeout=…, read_timeout=…)``).
        """
        return self._sender.close(timeout)

    def _entry(self, event_type: str, fields: Fields) -> Entry:
        message = json_text(event_type, complete(fields))
        size = len(message) if message.isascii() else len(message.encode())
        if size > MAX_MESSAGE_BYTES:
            msg = f"a message of {size:,} bytes; CloudWatch Logs takes {MAX_MESSAGE_BYTES:,}"
            raise EventError("size", msg)
        return Entry(max(0, int(self._clock() * 1000)), message, size + EVENT_OVERHEAD)


class _Clock:
    """The clock of an eventer: where that gives no time, the system's."""

    __slots__ = ("__weakref__", "_now")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        try:
            moment = float(self._now())
            if math.isfinite(moment):
                return moment
            report_once(self, f"the clock of an eventer gave {moment!r}; the system's is used")
        except Exception as error:  # noqa: BLE001 - a clock of the user
            text = f"the clock of an eventer raised {error.__class__.__name__}; the system's is used"
            report_once(self, text, error=error)
        return time.time()


def check_group(group: object) -> str:
    """Return `group` if it is the name of a log group.

    Raises:
        ValueError: it is not.
    """
    if isinstance(group, str) and _GROUP.fullmatch(group):
        return group
    msg = f"group must have 1 to 512 characters out of a-z A-Z 0-9 . - _ / #, but got {group!r}"
    raise ValueError(msg)


def check_stream(stream: object) -> str:
    """Return `stream` if it is the name of a log stream.

    Raises:
        ValueError: it is not.
    """
    if isinstance(stream, str) and _STREAM.fullmatch(stream):
        return stream
    msg = f"stream must have 1 to 512 characters without ':' and '*', but got {stream!r}"
    raise ValueError(msg)
