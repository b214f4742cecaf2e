"""The queue in front of CloudWatch Logs, and the thread that empties it.

Who records an event appends to a deque and goes on. What the thread does with it takes no lock that a recording thread
might hold, so that a signal handler may record, flush and close in whatever it interrupts.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Literal

from otel_ctxlog.engine.diagnostics import emit_diagnostic, report_once
from otel_ctxlog.events.cloudwatch_batch import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Entry, Mark, cut
from otel_ctxlog.events.cloudwatch_losses import Losses
from otel_ctxlog.events.cloudwatch_processes import prepare_end
from otel_ctxlog.events.cloudwatch_target import Answer, Target
from otel_ctxlog.otel.quiet import Quiet

__all__ = ["RETIRED_TIMEOUT", "Sender"]

RETIRED_TIMEOUT: Final = 30.0
"""Seconds that are left for the events of an eventer that nobody holds any more."""

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 20.0
_MOST_SPLITS: Final = 64
"""How often a refused request is cut in two, to find the events that are to blame."""


class Sender:
    """Sends events in batches from a thread of its own, which is started with the first one.

    Args:
        target: the stream.
        interval: the most seconds that an event waits for others.
        most_events: the most events that wait, those being sent included.
        most_bytes: the most bytes that they may have.
        exit_timeout: the most seconds that the end of the process waits.
    """

    def __init__(
        self, target: Target, *, interval: float, most_events: int, most_bytes: int, exit_timeout: float
    ) -> None:
        self.target: Final = target
        self.exit_timeout = exit_timeout
        self.losses: Final = Losses(f"CloudWatch Logs, group {target.group!r}")
        self._interval = interval
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._begin()

    def _begin(self) -> None:
        # Of those who record: an RLock, since a signal handler or a finalizer may record, too.
        self._lock = threading.RLock()
        self._incoming: deque[Entry | Mark] = deque()
        self._added_bytes = 0
        self._overflowing = False
        # The events dropped by overflows that are over.
        self._overflowed = self.losses.counted.get("overflow", 0)
        self._ended = False
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None
        # A lock that whoever wants to wake the thread releases: that is one atomic step.
        self._wake = threading.Lock()
        self._wake.acquire()
        # Who gets it sends: the thread, or who closes where no thread can start.
        self._claim = threading.Lock()
        self._starter = self._runner = 0
        # Released when all is done.
        self._done = threading.Lock()
        self._done.acquire()
        # From here on, of the thread alone; others read.
        self._pending: deque[Entry | Mark] = deque()
        self._held = 0
        self._taken_bytes = 0
        self._settled_bytes = 0
        self._marks = 0
        self._due = 0.0
        self._failing = False
        # What the thread waits for: the first event, or more events; what it is asked for: not to wait.
        self._idle = False
        self._gathering = False
        self._asked = False
        self._finished = False
        self._abandoned = False

    def start_in_child(self) -> None:
        """Begin anew in a forked child: what waits is the parent's to send."""
        ended = self._ended
        self._begin()
        self._ended = ended
        self.losses.forget_untold()
        self.target.start_in_child()

    # Recording

    def put(self, entry: Entry) -> None:
        """Queue one event, or count and report why not."""
        if sys.is_finalizing():
            # Threads are gone in the middle of whatever they did, with whatever lock they held.
            self.losses.count("closed")
            return
        with self._lock:
            waiting = len(self._incoming)
            refusal: Literal["overflow", "closed"] | None = None
            begins = False
            if self._ended:
                refusal = "closed"
            elif waiting + self._held >= self._most_events or self._bytes() + entry.size > self._most_bytes:
                refusal = "overflow"
                begins, self._overflowing = not self._overflowing, True
            if refusal is None:
                self._incoming.append(entry)
                self._added_bytes += entry.size
            else:
                self.losses.count(refusal)
        if refusal == "closed":
            report_once(self, f"{self.losses.place}: closed; events are dropped from now on", topic="closed")
        elif begins:
            emit_diagnostic(
                f"{self.losses.place}: the queue is full ({self._most_events} events or {self._most_bytes} bytes): "
                "further events are dropped until half of it is sent"
            )
        if refusal is not None:
            return
        if self._thread is None:
            self._start()
        if self._idle or (self._gathering and (waiting + 1 >= MAX_BATCH_EVENTS or self._bytes() >= MAX_BATCH_BYTES)):
            self._wake_up()
        if self._finished:
            # Closed by a signal handler in the middle of this call.
            self._drop_late()

    def _bytes(self) -> int:
        return self._added_bytes - self._settled_bytes

    @property
    def waiting(self) -> int:
        """How many events wait, those being sent included."""
        return len(self._incoming) + self._held

    # Waiting

    def flush(self, timeout: float) -> bool:
        """Return whether all that was recorded before is settled within `timeout` seconds: accepted, or given up."""
        if sys.is_finalizing():
            return not self.waiting
        if self._thread is None and not self._incoming:
            return True
        if self._runner == threading.get_ident() or not self._start():
            return False
        mark = Mark()
        self._incoming.append(mark)
        self._asked = True
        self._wake_up()
        if self._finished:
            self._drop_late()
        if mark.passed.acquire(timeout=_span(timeout)):
            return True
        # Else each that is in vain would stay for as long as an outage lasts.
        with suppress(ValueError, IndexError):  # the thread has it, or is taking it
            self._incoming.remove(mark)
        return False

    def end(self, timeout: float) -> None:
        """Take no more events, and send what waits within `timeout` seconds; return at once."""
        if sys.is_finalizing():
            return
        # The thread is to give up a moment before those who wait for it do.
        deadline = time.monotonic() + timeout - min(0.1, timeout / 10)
        with self._lock:
            self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)
            self._ended = True
        self._wake_up()

    def close(self, timeout: float) -> bool:
        """End, and return whether all that waited was settled, and the thread gone, within `timeout` seconds."""
        if sys.is_finalizing():
            return not self.waiting
        until = time.monotonic() + timeout
        lost = self.losses.counted.get("unsent", 0)
        self.end(timeout)
        if self._runner == threading.get_ident():
            return False
        if self._thread is None and not self._incoming:
            return True
        if not self._start():
            # The interpreter starts no threads any more, or this is a signal handler in the midst of the start.
            self._run()
        if not self._done.acquire(timeout=_span(timeout)):
            self._abandon()
            return False
        self._done.release()
        if self._thread is not None:
            # It has nothing left to do but to go.
            with suppress(RuntimeError):  # its start is interrupted
                self._thread.join(_span(max(0.1, until - time.monotonic())))
        return self.losses.counted.get("unsent", 0) == lost

    def _abandon(self) -> None:
        """Count what a call that does not return keeps; whether the service has some of it is not known."""
        with self._lock:
            if self._abandoned or self._finished:
                return
            self._abandoned = True
            number = sum(isinstance(entry, Entry) for entry in list(self._incoming)) + self._held
        self._wake_up()
        if number:
            self.losses.add("unsent", number, "the service has not answered in time")

    def _wake_up(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:
            pass  # it is being woken already

    def _start(self) -> bool:
        """Return whether there is a thread to wait for; start it if there was none."""
        with self._lock:
            if self._thread is not None:
                # What a signal handler has interrupted does not go on before that returns.
                return self._runner != 0 or self._starter != threading.get_ident()
            self._starter = threading.get_ident()
            self._thread = thread = threading.Thread(target=self._run, name="otel_ctxlog-cloudwatch", daemon=True)
        prepare_end()
        try:
            # Without the lock: a finalizer that runs in the new thread may want it before that says it has begun.
            thread.start()
        except RuntimeError:
            # No thread is to be had, for instance where the interpreter goes down.
            self._thread = None
            return False
        self._starter = 0
        return True

    # The thread

    def _run(self) -> None:
        done = self._done
        if not self._claim.acquire(blocking=False):
            return
        self._runner = threading.get_ident()
        self._due = time.monotonic() + self._interval
        try:
            with Quiet():
                while self._collect():
                    self._send()
        except Exception as error:  # noqa: BLE001 - the thread must not end in a traceback on standard error
            emit_diagnostic(f"{self.losses.place}: the sending thread failed: {type(error).__name__}", error=error)
        finally:
            self._ended = True
            if self._held:
                self._give_up(None)
            self._finished = True
            self._drop_late()
            if self._overflowing:
                self._say_room()
            self.losses.say_untold()
            done.release()

    def _send(self) -> None:
        """Send what has waited long enough, in as many requests as that takes; else one request."""
        now = time.monotonic()
        late = self._due <= now
        left = self._held if late else 1
        while left > 0 and not self._abandoned:
            if self._ended and self._left() <= 0:
                self._give_up(None)
                return
            batch = cut(self._pending)
            if not batch:
                break
            left -= len(batch)
            self._deliver(batch)
        if left <= 0 or not late:
            self._due = now + self._interval

    def _collect(self) -> bool:
        """Wait until a batch is due; return False when all is done."""
        while not self._abandoned:
            self._drain()
            self._pass_marks()
            if self._pending:
                full = self._held >= MAX_BATCH_EVENTS or self._taken_bytes - self._settled_bytes >= MAX_BATCH_BYTES
                left = self._due - time.monotonic()
                if full or self._marks or self._ended or left <= 0:
                    return True
                self._gathering = True
                self._wake.acquire(timeout=_span(left))
                self._gathering = False
                continue
            self._idle = True
            if not self._incoming:
                if self._ended:
                    return False
                self._wake.acquire()
            self._idle = False
            self._due = time.monotonic() + self._interval
        return False

    def _drain(self) -> None:
        """Take over what was recorded; without the lock, which an interrupted thread may hold."""
        incoming, pending = self._incoming, self._pending
        while incoming:
            entry = incoming.popleft()
            pending.append(entry)
            if isinstance(entry, Entry):
                self._held += 1
                self._taken_bytes += entry.size
            else:
                self._marks += 1

    def _pass_marks(self) -> None:
        pending = self._pending
        while pending:
            first = pending[0]
            if not isinstance(first, Mark):
                return
            pending.popleft()
            self._marks -= 1
            first.passed.release()

    def _deliver(self, batch: list[Entry]) -> None:
        """Send a batch until the service has taken it, or time is over; cut it in two where it is to blame."""
        parts: deque[list[Entry]] = deque([batch])
        splits = 0
        while parts and not self._abandoned:
            part = parts.popleft()
            answer = self._sent(part)
            if answer is None:
                continue
            if answer.meaning != "unfit":
                self._give_up(answer)
                return
            if len(part) > 1 and splits < _MOST_SPLITS:
                splits += 1
                middle = len(part) // 2
                parts.extendleft((part[middle:], part[:middle]))
                continue
            self.losses.add("refused", len(part), answer.text, error=answer.error)
            self._settle(part)

    def _sent(self, part: list[Entry]) -> Answer | None:
        """Send one request, again and again; return None when it is settled, else the answer that ended it."""
        delay = _FIRST_DELAY
        while True:
            answer = self.target.put(part)
            if self._abandoned:
                return None
            if answer.meaning == "taken":
                self._recover()
                for reason, number in answer.rejected.items():
                    self.losses.add(reason, number, f"the service rejected them as {reason}")
                self._settle(part)
                return None
            if answer.meaning == "unfit":
                return answer
            self._fail(answer)
            if self._ended and answer.meaning == "refused":
                return answer
            self._pause(random.uniform(delay / 2, delay))  # noqa: S311 - jitter
            if self._ended and self._left() <= 0:
                return answer
            delay = min(2 * delay, _LONGEST_DELAY)

    def _left(self) -> float:
        return _LONGEST_DELAY if self._deadline is None else self._deadline - time.monotonic()

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt: no longer than there is time, and less where somebody begins to wait."""
        until = time.monotonic() + seconds
        ended = self._ended
        while not self._abandoned:
            left = min(until - time.monotonic(), self._left())
            if left <= 0:
                return
            if self._asked or self._ended != ended:
                self._asked = False
                return
            self._wake.acquire(timeout=left)

    def _settle(self, part: Sequence[Entry]) -> None:
        self._held -= len(part)
        self._settled_bytes += sum(entry.size for entry in part)
        if self._overflowing and self.waiting <= self._most_events // 2 and self._bytes() <= self._most_bytes // 2:
            self._say_room()

    def _give_up(self, answer: Answer | None) -> None:
        """Drop all that waits: time is over."""
        self._drain()
        with self._lock:
            if self._abandoned:
                return
            number = self._held
            self._held = 0
            self._settled_bytes = self._taken_bytes
        marks = [entry for entry in self._pending if isinstance(entry, Mark)]
        self._pending.clear()
        self._pending.extend(marks)
        text = "not sent in time" if answer is None else f"not sent in time: {answer.text}"
        self.losses.add("unsent", number, text, error=None if answer is None else answer.error)

    def _drop_late(self) -> None:
        """Let go what came after the end."""
        incoming, pending = self._incoming, self._pending
        # Others count, too; but a signal handler that closes may have interrupted one of them, and waits for this.
        alone = self._lock.acquire(timeout=0.1)
        try:
            while incoming or pending:
                try:
                    entry = (pending or incoming).popleft()
                except IndexError:  # another thread does the same
                    return
                if isinstance(entry, Mark):
                    entry.passed.release()
                elif not self._abandoned:
                    self.losses.count("closed")
        finally:
            if alone:
                self._lock.release()

    # Saying so

    def _say_room(self) -> None:
        self._overflowing = False
        before, self._overflowed = self._overflowed, self.losses.counted.get("overflow", 0)
        text = f"{self.losses.place}: the queue has room again; {self._overflowed - before} event(s) were dropped"
        emit_diagnostic(text, level=logging.INFO)

    def _fail(self, answer: Answer) -> None:
        if not self._failing:
            self._failing = True
            text = f"{self.losses.place}: events are not taken, which is tried again: {answer.text}"
            emit_diagnostic(text, error=answer.error)

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            emit_diagnostic(f"{self.losses.place}: events are taken again", level=logging.INFO)


def _span(timeout: float) -> float:
    return min(max(timeout, 0.0), threading.TIMEOUT_MAX)
