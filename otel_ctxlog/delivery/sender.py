"""The sending side: when batches go out, again and again until they are taken, and what flushes and the end wait for.

One thread does it, made with the first record. Where no thread can be made (while the interpreter exits, as of Python
3.12), whoever flushes does it; and so does every call that logs, where no thread is wanted. Nobody waits for a lock for
longer than asked to, and nothing is ever waited for by a thread that could be the one to do it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.backoff import Backoff
from otel_ctxlog.delivery.bell import Bell
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.otel.quiet import Quiet

if TYPE_CHECKING:
    from otel_ctxlog.delivery.batches import Batches, Goal
    from otel_ctxlog.delivery.destination import Destination

__all__ = ["Sender"]

_NAME: Final = "otel_ctxlog delivery"
_NEVER: Final = float("inf")

# At the end: the longest pause between attempts, in seconds, and how many are made where nothing ever answered.
_LAST_PAUSE: Final = 0.5
_LAST_ATTEMPTS: Final = 2

# How often the thread looks whether a spool has something that other processes have left, in seconds.
_SPOOL_PAUSE: Final = 30.0

# Before whoever flushes has it look again for what is on disk and cannot be read, in seconds.
_UNREADABLE_PAUSE: Final = 0.5

# So long after the end of all attempts whoever waits for it goes on without, in seconds; and so long an attempt under
# way may still take, so that it is said by whoever has waited, and not by the attempt.
_GRACE: Final = 0.1
_LAST_GRACE: Final = 0.3


class _Ticket:
    """Somebody who waits until what was queued by a moment is delivered."""

    __slots__ = ("bell", "goal", "good", "told")

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.good = False
        self.told = False
        self.bell = Bell()


class Sender:
    """Sends what waits.

    Args:
        batches: what waits, and how one batch of it is sent.
        destination: where it goes, which says how it fares.
        delay: how many seconds a record waits for others.
        timeout: how many seconds attempts are made before it is said that they are in vain.
        thread: whether to have a thread.
    """

    def __init__(
        self, batches: Batches, *, destination: Destination, delay: float, timeout: float, thread: bool
    ) -> None:
        self._batches = batches
        self._destination = destination
        self._delay = delay
        self._timeout = timeout
        self._wants_thread = thread
        self.closing = False
        self.start_in_child()

    def start_in_child(self) -> None:
        """Begin anew: after a fork, threads and locks and who waits for them are the parent's."""
        # What the parent was just ending has ended: who was about to do it is not here.
        self.ended = self.closing
        # Whoever takes it out ends this.
        self._end_token = deque([] if self.closing else [None])
        self._end_by = _NEVER
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()
        self._sending = threading.Lock()
        self._sends_in = 0
        self._bell = Bell()
        self._done = Bell()
        if self.ended:
            self._done.ring()
        self._tickets: list[_Ticket] = []
        # At how many waiting records the thread wants to be woken.
        self._alarm: float = 1
        self._backoff = Backoff()
        # No attempt is made before `_not_before`. If the receiver has asked for that, then in no case; otherwise
        # whoever flushes has one attempt made at once, by `_fresh`.
        self._not_before = 0.0
        self._asked = False
        self._fresh = False
        # Since when attempts have failed; what the last one has come to.
        self._failing_since: float | None = None
        self.last_reason = ""
        self._last_attempts = _LAST_ATTEMPTS
        # Whether the last failure was the last attempt before the end, or for as long as an export may take.
        self._gave_up = False
        self._in_vain = False
        self.retries = 0

    # For callers, in any thread.

    @property
    def sends_in_this_thread(self) -> bool:
        """Whether this very thread is just sending."""
        return self._sends_in == threading.get_ident()

    @property
    def under_way(self) -> bool:
        """Whether something is sent just now, or waits for its next attempt."""
        return self._sending.locked() or self._failing_since is not None or self._batches.waiting() > 0

    def notice(self, waiting: int) -> None:
        """Note that there is one more to send, so that so many wait now."""
        if waiting >= self._alarm:
            self._alarm = _NEVER
            self._bell.ring()
        if self._thread is None:
            if self._wants_thread:
                self._has_thread()
            else:
                self._send_here(time.monotonic() + self._timeout, patient=not self._destination.down)

    def flush(self, timeout: float) -> bool:
        """Return whether all that waits now is taken within so many seconds, and nothing is lost meanwhile.

        False after `end`, and in an exporter that is called by this object.
        """
        if self.closing or self.sends_in_this_thread:
            return False
        end = time.monotonic() + timeout
        lost, goal = self._batches.lost, self._batches.goal()
        if self._thread is None and self._batches.waiting() == 0 and self._batches.reached(goal):
            return True
        good = self._wait_for(_Ticket(goal), end) if self._has_thread() else self._send_here(end, patient=True)
        return good and self._batches.lost == lost

    def _wait_for(self, ticket: _Ticket, end: float) -> bool:
        self._tickets.append(ticket)
        self._fresh = True
        self._bell.ring()
        if not self.ended:
            ticket.bell.wait(min(end, self._end_by + _GRACE) - time.monotonic())
        self._answer(ticket, good=ticket.good)
        return ticket.good

    def end(self, timeout: float) -> bool:
        """Send what waits, within so many seconds, then end for good; return whether nothing was left.

        What was not taken by then is lost. No thread is left afterwards, unless it is waiting for an answer.
        """
        self._end_by = min(self._end_by, time.monotonic() + timeout)
        if self.sends_in_this_thread:
            self.closing = True
            return False
        if not self.closing:
            # What waits for its next attempt gets one now.
            self._fresh = True
            self.closing = True
            self._bell.ring()
            if self._thread is None or not self._thread.is_alive():
                self._send_here(self._end_by, patient=True)
                self.stop()
        if self._done.wait(self._end_by + _GRACE - time.monotonic()):
            self._done.ring()
        # What is under way is not counted yet: it may arrive, but nobody waits for it any more.
        under_way = self._sending.locked()
        self.stop()
        return not under_way and not self._batches.left

    def end_by(self, moment: float) -> None:
        """From now on try nothing after a moment of the monotonic clock, and little where nothing ever answered."""
        self._end_by = min(self._end_by, moment)
        self._last_attempts = _LAST_ATTEMPTS
        self._bell.ring()

    def stop(self) -> None:
        """End now: what waits is lost, and an attempt under way is the last one."""
        try:
            self._end_token.pop()
        except IndexError:
            return
        self.closing = self.ended = True
        self._batches.end()
        self._fail_tickets()
        self._bell.ring()
        self._done.ring()

    # The thread.

    def _has_thread(self) -> bool:
        """Return whether a thread sends; make it if there is none."""
        if self._thread is not None and self._thread.is_alive():
            return True
        if not self._wants_thread or self.closing or sys.is_finalizing():
            return False
        with self._starting:
            # A signal handler in the middle of this makes a second one, which does no harm: they take turns.
            if self._thread is not None and self._thread.is_alive():
                return True
            try:
                thread = threading.Thread(target=self._run, name=_NAME, daemon=True)
                thread.start()
            except (RuntimeError, MemoryError):
                # While the interpreter exits, Python 3.12 and later start none; or there are too many.
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        with Quiet():
            while not self.ended:
                try:
                    self._sleep()
                    self._turn()
                except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
                    report_once(self, f"sending logs to {self._destination.text} failed", error=error)
                    self._bell.wait(1.0)
        # For a second thread, if there is one.
        self._bell.ring()

    def _sleep(self) -> None:
        """Return when something is due."""
        batches = self._batches
        since: float | None = None
        while not self.closing:
            now = time.monotonic()
            if now >= self._end_by:
                # Whoever has said when to give up will end this, too.
                self._fail_tickets()
                self._bell.wait()
                continue
            waiting = batches.waiting()
            since = None if not waiting else now if since is None else since
            due = _NEVER
            if self._tickets:
                due = self._not_before if self._asked or not self._fresh else now
            elif waiting >= batches.full:
                due = self._not_before
            elif since is not None:
                due = max(since + self._delay, self._not_before)
            if now >= due:
                break
            self._alarm = _NEVER if now < self._not_before else batches.full if waiting else 1
            if batches.waiting() >= self._alarm:
                continue  # it came before the alarm was set
            if due == _NEVER and batches.has_spool:
                if not self._bell.wait(_SPOOL_PAUSE):
                    break
            else:
                self._bell.wait(None if due == _NEVER else due - now)
        self._alarm = _NEVER

    def _turn(self) -> None:
        if not self.closing:
            self._fresh = False
            self._pass(_NEVER, everything=False)
            return
        pause = self._pause_left()
        if pause and time.monotonic() + pause < self._end_by:
            self._bell.wait(pause)
        elif pause or self._pass(_NEVER, everything=True) or self._gave_up:
            self.stop()

    def _pause_left(self) -> float:
        """Return how many seconds to wait before the next attempt."""
        fresh, self._fresh = self._fresh, False
        left = self._not_before - time.monotonic()
        return 0.0 if left <= 0 or (fresh and not self._asked) else left

    def _send_here(self, end: float, *, patient: bool) -> bool:
        """Send what waits in this thread, until a moment of the monotonic clock; return whether all of it was taken.

        Not `patient`: make one attempt only.
        """
        if self.sends_in_this_thread:
            return False
        self._fresh = True
        with Quiet():
            while not self.ended:
                pause = self._pause_left()
                if time.monotonic() + pause >= min(end, self._end_by):
                    return False
                if pause:
                    self._bell.wait(pause)
                    continue
                if self._pass(end, everything=True):
                    return True
                if self._gave_up or self._in_vain or not patient:
                    return False
        return False

    def _pass(self, end: float, *, everything: bool) -> bool:
        """Send batch after batch; return False once one has to be sent again, or there is no time left.

        Args:
            end: no attempt may take longer.
            everything: whether to go on until nothing waits; otherwise what is no full batch waits for more.
        """
        if not self._sending.acquire(timeout=min(max(0.0, end - time.monotonic()), threading.TIMEOUT_MAX)):
            return False
        self._sends_in = threading.get_ident()
        batches = self._batches
        try:
            while not self.ended:
                began = time.monotonic()
                limit = min(end, self._end_by + _LAST_GRACE, (self._failing_since or began) + self._timeout)
                pressing = everything or self.closing or bool(self._tickets)
                answer = batches.send_one(limit - began, pressing=pressing)
                if answer is None:
                    break
                if answer.outcome == "retry":
                    self._failed(began, answer.reason, answer.wait)
                    return False
                self._failing_since, self.last_reason = None, ""
                if answer.outcome == "accepted":
                    self._backoff.worked()
                self._not_before = 0.0
                self._answer_reached()
                if not (everything or self.closing or self._tickets) and batches.waiting() < batches.full:
                    break
            self._answer_reached()
            if self._tickets and not batches.in_memory:
                # The spool counts something that it cannot read just now.
                self._not_before, self._asked = time.monotonic() + _UNREADABLE_PAUSE, False
            return not self.ended
        finally:
            self._sends_in = 0
            self._sending.release()

    def _failed(self, began: float, reason: str, asked: float | None) -> None:
        """Decide when to try again, and who has waited long enough."""
        self.retries += 1
        self.last_reason = reason
        if not self.ended:
            self._destination.attempt_failed("logs", reason)
        if self._failing_since is None:
            self._failing_since = began
        pause = self._backoff.failed(asked)
        ending = self._end_by != _NEVER
        if ending and asked is None:
            pause = min(pause, _LAST_PAUSE)
        self._not_before, self._asked = time.monotonic() + pause, asked is not None
        self._gave_up = False
        if ending:
            self._last_attempts -= 1
            hopeless = self._last_attempts <= 0 and not self._destination.reached
            self._gave_up = hopeless or self._not_before >= self._end_by
        self._in_vain = self._not_before >= self._failing_since + self._timeout
        if self._in_vain:
            if not self.ended:
                self._destination.put_off("logs", reason)
            self._failing_since = None
        if self._gave_up or self._in_vain:
            self._fail_tickets()

    def _fail_tickets(self) -> None:
        for ticket in tuple(self._tickets):
            self._answer(ticket, good=False)

    def _answer_reached(self) -> None:
        flushed: bool | None = None
        for ticket in tuple(self._tickets):
            if self._batches.reached(ticket.goal):
                if not ticket.told and self._batches.report_losses(pressing=True):
                    # What was lost on the way goes out, too, before whoever waits goes on.
                    ticket.goal, ticket.told = self._batches.goal(), True
                    continue
                if flushed is None:
                    flushed = self._batches.flush(self._timeout)
                self._answer(ticket, good=flushed)

    def _answer(self, ticket: _Ticket, *, good: bool) -> None:
        ticket.good = good
        try:
            self._tickets.remove(ticket)
        except ValueError:
            return
        ticket.bell.ring()
