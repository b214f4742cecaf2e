"""`Telemetry`: what `setup` gives back, and how it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery import lifecycle, lifecycle_signals
from otel_ctxlog.delivery.lifecycle_async import off_the_loop
from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.pipeline.deadline import Calls, Deadline
from otel_ctxlog.pipeline.global_state import mark_spent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import TracerProvider
    from typing_extensions import Self

    from otel_ctxlog.delivery.hearing import QuietLoggers
    from otel_ctxlog.events.otel import OTelEventer
    from otel_ctxlog.loggers.context import LoggingContext
    from otel_ctxlog.pipeline.reachability import Watched

__all__ = ["DEFAULT_TIMEOUT", "MemoryRecords", "Telemetry", "seconds_for_signals"]

DEFAULT_TIMEOUT: Final = 5.0

# What the end of a program waits, in seconds, for a collector that never answered and does not answer now.
_NEVER_REACHED: Final = 1.0

# The part of a shutdown's time kept for what is still going on when the rest is over, at most that many seconds.
_LAST_PART: Final = 0.1
_LAST_SECONDS: Final = 0.5


def seconds_for_signals(value: object) -> float | None:
    """Return how many seconds the end by a signal may take, by the argument of `setup`; None: leave signals alone.

    Raises:
        TypeError: neither a bool nor a number.
        ValueError: a number below 0, infinite, or NaN.
    """
    if isinstance(value, bool):
        return DEFAULT_TIMEOUT if value else None
    what = f"argument 'handle_signals' is {value!r}, allowed: True, False, or a number of seconds from 0"
    if not isinstance(value, (int, float)):
        raise TypeError(what)
    if not 0 <= value < float("inf"):
        raise ValueError(what)
    return float(value)


class MemoryRecords:
    """What the exporter named ``memory`` has taken, oldest first; it grows without limit: it is for tests.

    Args:
        logs: the exporter of log records, or None if there is none.
        spans: the exporter of spans, or None if there is none.
    """

    def __init__(self, logs: InMemoryLogRecordExporter | None, spans: InMemorySpanExporter | None) -> None:
        self._logs = logs
        self._spans = spans

    def finished_logs(self) -> tuple[ReadableLogRecord, ...]:
        """Return the log records so far; none without the exporter ``memory``."""
        return () if self._logs is None else self._logs.get_finished_logs()

    def finished_spans(self) -> tuple[ReadableSpan, ...]:
        """Return the ended spans so far; none without the exporter ``memory``."""
        return () if self._spans is None else self._spans.get_finished_spans()

    def clear(self) -> None:
        """Forget them."""
        for exporter in (self._logs, self._spans):
            if exporter is not None:
                exporter.clear()


class Telemetry:
    """A running pipeline, as `setup` makes it; a context manager, also an asynchronous one, whose end is `shutdown`.

    Attributes:
        logging: the logging context whose target is `logger_provider`.
        eventer: an eventer in that context.
        logger_provider: where log records and events go.
        tracer_provider: where spans go.
        memory: what the exporter named ``memory`` has taken.
    """

    def __init__(
        self,
        *,
        logging: LoggingContext,
        eventer: OTelEventer,
        logger_provider: LoggerProvider,
        tracer_provider: TracerProvider,
        owned: Sequence[object],
        watched: Sequence[Watched],
        memory: MemoryRecords,
        quiet: QuietLoggers,
        signal_seconds: float | None = None,
    ) -> None:
        self.logging = logging
        self.eventer = eventer
        self.logger_provider = logger_provider
        self.tracer_provider = tracer_provider
        self.memory = memory
        self._owned = tuple(owned)
        self._watches = tuple(exporter.watch for exporter in watched)
        self._quiet = quiet
        self._flushes = Calls(
            {
                f"flush {name}": flush
                for name, provider in (("logs", logger_provider), ("traces", tracer_provider))
                if (flush := getattr(provider, "force_flush", None)) is not None
            }
        )
        self._ends = Calls({f"shutdown {number}": _end_of(provider) for number, provider in enumerate(self._owned)})
        self._at_end: list[Callable[[], None]] = []
        # Re-entrant: a signal handler may call `shutdown` while its thread is in it.
        self._lock = threading.RLock()
        self._ending = False
        self._ended: bool | None = None
        # At exit: how long all of it may take, and how long it is waited for.
        self._last: tuple[Deadline, Deadline] | None = None
        if self._owned:
            # Not the providers' own `shutdown_on_exit`: it knows no deadline.
            lifecycle.enroll(self)
        if signal_seconds is not None:
            lifecycle_signals.arm(self, seconds=signal_seconds)

    def at_end(self, call: Callable[[], None]) -> None:
        """Have `call` called once by `shutdown`, before anything ends; the last one given is called first."""
        self._at_end.append(call)

    @property
    def ending(self) -> bool:
        """Whether `shutdown` has been called, and has begun."""
        return self._ending

    def flush(self, timeout: float = DEFAULT_TIMEOUT) -> bool:
        """Export what is queued now, and return whether all of it was taken within `timeout` seconds.

        False also after `shutdown`, and if a destination did not take a batch. The wait ends at the timeout, even if
        the SDK goes on; a destination that has not answered by then is warned about, once until it answers. In a
        coroutine use `aflush`, which lets the loop go on.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is negative.
        """
        deadline = Deadline(timeout)
        if self._ended is not None:
            return False
        lost = self._lost
        good = self._flushes.run(deadline)
        if not good and timeout > 0 and deadline.remaining == 0:
            self._give_up(f"the {timeout:g} s of flush()")
        return good and self._lost == lost

    async def aflush(self, timeout: float = DEFAULT_TIMEOUT) -> bool:
        """As `flush`, in a thread of its own, so that the loop goes on; a cancelled task does not stop it.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is negative.
        """
        return await off_the_loop(lambda: self.flush(timeout))

    def shutdown(self, timeout: float = DEFAULT_TIMEOUT) -> bool:
        """Export what is queued, end everything that `setup` began, and return whether all was taken in time.

        It takes at most `timeout` seconds, and about one where a collector was never there; what is not exported until
        then is dropped, which one diagnostic says. Providers that `setup` found or was given are flushed and go on. The
        library's default context and the propagator become what they were before, and so do signal handlers that
        nobody has replaced, if this is the main thread. The end of the interpreter calls it, if nobody did before, and
        so does the end of a process of `multiprocessing` that has inherited or made it. Further calls do nothing and
        return the same; one from a signal handler that has interrupted this very call returns False.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is negative.
        """
        deadline = Deadline(timeout)
        # Held by another thread's `shutdown`.
        if not self._lock.acquire(timeout=deadline.remaining):
            return False
        try:
            if self._ended is None:
                if self._ending:
                    return False
                self._ending = True
                try:
                    good = self._ended = self._end(deadline, timeout)
                finally:
                    # After a KeyboardInterrupt in the middle of it, the end of the interpreter tries again.
                    self._ending = self._ended is not None
                return good
            return self._ended
        finally:
            self._lock.release()
            if self._ended is not None:
                lifecycle.dismiss(self)
                lifecycle_signals.disarm(self)
                lifecycle_signals.ended()

    async def ashutdown(self, timeout: float = DEFAULT_TIMEOUT) -> bool:
        """As `shutdown`, in a thread of its own, so that the loop goes on; a cancelled task does not stop it.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is negative.
        """
        try:
            return await off_the_loop(lambda: self.shutdown(timeout))
        finally:
            # Once more: signal handlers can be given back in the main thread only.
            lifecycle_signals.disarm(self)

    def drain(self) -> None:
        """Export what is queued, as patiently as `shutdown` does at exit, which then has what is left of that time.

        For the end of the process, whose last part may log some more.
        """
        if self._ending:
            return
        deadline = Deadline(DEFAULT_TIMEOUT)
        self._last = deadline, self._patience(deadline, DEFAULT_TIMEOUT)
        self._flushes.run(self._last[1])

    def _patience(self, deadline: Deadline, timeout: float) -> Deadline:
        """Return how long the end is waited for, which leaves some time before `deadline`, and tell the exporters."""
        seconds = max(0.0, deadline.remaining - min(timeout * _LAST_PART, _LAST_SECONDS))
        destinations = [watch.destination for watch in self._watches]
        if destinations and all(destination.down and not destination.reached for destination in destinations):
            seconds = min(seconds, _NEVER_REACHED)
        patience = Deadline(seconds)
        for watch in self._watches:
            watch.end_by(patience)
        return patience

    def _end(self, deadline: Deadline, timeout: float) -> bool:
        while self._at_end:
            self._at_end.pop()()
        lost = self._lost
        if self._last is None:
            patience = self._patience(deadline, timeout)
        else:
            deadline, patience = self._last
        good = True
        if len(self._owned) < 2:  # noqa: PLR2004 - one of the two providers is somebody else's, and goes on
            good = self._flushes.run(patience)
        good = self._ends.run(patience) and good
        if not good:
            said = self._give_up(f"the {timeout:g} s of shutdown()")
            down = any(watch.destination.down for watch in self._watches)
            if not said and patience.remaining == 0 and not down:
                emit_diagnostic(f"shutdown() gave up after {timeout:g} s: what was not exported by then is lost")
            # An exporter that waits for its next attempt gives up when it is shut down, and its thread ends.
            for watch in self._watches:
                watch.stop()
        ended = self._ends.wait(deadline) and self._flushes.wait(deadline)
        if ended:
            self._quiet.remove()
        for provider in self._owned:
            mark_spent(provider)
        return good and ended and self._lost == lost

    def _give_up(self, waited: str) -> bool:
        said = [watch.give_up(waited) for watch in self._watches]
        return any(said)

    def in_forked_child(self) -> None:
        """Forget what only the parent's threads do: a call of theirs under way, `shutdown` included."""
        self._lock = threading.RLock()
        self._ending = self._ended is not None
        self._last = None
        self._flushes.forget()
        self._ends.forget()
        for watch in self._watches:
            watch.forget()

    @property
    def _lost(self) -> int:
        return sum(watch.lost for watch in self._watches)

    def __enter__(self) -> Self:
        if self._ended is not None:
            raise RuntimeError("this Telemetry is shut down for good: call setup() for another one")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.ashutdown()

    def __repr__(self) -> str:
        state = "running" if self._ended is None else "shut down"
        return f"<Telemetry {state}, {len(self._watches)} exporters>"


def _end_of(provider: object) -> Callable[[], object]:
    shutdown: Callable[[], object] = getattr(provider, "shutdown")  # noqa: B009 - the API's providers have none
    return shutdown
