"""What holds the records of a controlled rule back, at run time: counts, buckets, and what is still to be told.

Shared by all threads. One re-entrant lock for all governors: what it protects takes less than a microsecond, and a
signal handler may log while its own thread holds it.
"""

from __future__ import annotations

import os
import random
import threading
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Final

from otel_ctxlog.engine.levels import ERROR
from otel_ctxlog.engine.rules import ConditionRule
from otel_ctxlog.engine.values import canonical_key, repr_of

if TYPE_CHECKING:
    from otel_ctxlog.engine.controls import ControlledRule, First, Limit

__all__ = ["ADJUSTED_COUNT", "SUPPRESSED", "RuleGovernor"]

SUPPRESSED: Final = "otel_ctxlog.suppressed"
"""The attribute that says how many records of a rule were held back since the last one that was not."""
ADJUSTED_COUNT: Final = "otel_ctxlog.adjusted_count"
"""The attribute that says for how many records a sampled one stands."""

_MOST_BUCKETS: Final = 10_000
_MOST_MESSAGES: Final = 10_000
_LONGEST_KEY: Final = 256
_LARGE: Final = 1 << 64
_SEQUENCES_AND_MAPPINGS: Final = frozenset({dict, list, tuple})
# The random part of a trace id: its last 56 bits (W3C Trace Context, level 2, section 3.2.2.5).
_RANDOM_BITS: Final = 56
_RANDOM_MASK: Final = (1 << _RANDOM_BITS) - 1


class _Lock:
    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.RLock()


_shared: Final = _Lock()


def _after_fork_in_child() -> None:
    _shared.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class _Bucket:
    """A bucket of tokens, as the moment when it will be full again (the generic cell rate algorithm)."""

    __slots__ = ("full_at", "untold")

    def __init__(self) -> None:
        self.full_at = 0.0
        self.untold = 0


class _Buckets:
    """The buckets of a limit: one, or one per value of an attribute."""

    __slots__ = ("_by_value", "_interval", "_tolerance", "common", "forgotten")

    def __init__(self, limit: Limit) -> None:
        self.common = _Bucket()
        # What buckets that have gone had still to tell.
        self.forgotten = 0
        self._interval = 1 / limit.rate
        self._tolerance = (limit.burst - 1) * self._interval
        self._by_value: OrderedDict[object, _Bucket] = OrderedDict()

    def take(self, bucket: _Bucket) -> bool:
        """Take one token if there is one."""
        now = monotonic()
        # No lock: between here and the end nothing is called, so that in CPython nothing comes between. Elsewhere two
        # threads at the same moment might get one token.
        full_at = bucket.full_at
        if full_at < now:
            full_at = now
        elif full_at - now > self._tolerance:
            return False
        bucket.full_at = full_at + self._interval
        return True

    def of(self, value: object) -> _Bucket:
        """Return the bucket of an attribute's value; None for the value gives the common one."""
        key = None if value is None else _bounded(value)
        if key is None:
            return self.common
        buckets = self._by_value
        # Out and in again: the order is that of use. A signal handler may come between.
        bucket = buckets.pop(key, None)
        if bucket is None:
            if len(buckets) >= _MOST_BUCKETS:
                oldest, unused = next(iter(buckets.items()))
                if unused.full_at > monotonic():
                    return self.common
                self.forgotten += unused.untold
                buckets.pop(oldest, None)
            bucket = _Bucket()
        buckets[key] = bucket
        return bucket


def _bounded(value: object) -> object:
    """Return a key for a value, of bounded size."""
    if type(value) is str:
        return value if len(value) <= _LONGEST_KEY else hash(value)
    if type(value) in _SEQUENCES_AND_MAPPINGS:
        # As text: that tells apart what is equal by no hash.
        return hash(repr_of(value))
    key = canonical_key(value)
    if key is None:
        return type(value)
    # Not by their hash, which -1 and -2 have in common.
    return key if type(key) in (float, tuple) or (type(key) is int and -_LARGE < key < _LARGE) else hash(key)


class _Messages:
    """How often each message was seen."""

    __slots__ = ("_anew_at", "_count", "_every", "_seen", "_within")

    def __init__(self, first: First) -> None:
        self._count = first.count
        self._every = first.every
        self._within = first.within
        self._seen: dict[object, int] = {}
        self._anew_at = 0.0

    def pass_on(self, message: object) -> bool:
        """Count one record of a message; return whether it goes out."""
        if self._within is not None:
            now = monotonic()
            if now >= self._anew_at:
                self._seen.clear()
                self._anew_at = now + self._within
        key: object = message if type(message) is str and len(message) <= _LONGEST_KEY else _bounded(message)
        seen = self._seen.get(key, 0)
        if not seen and len(self._seen) >= _MOST_MESSAGES:
            # Messages without end count as one.
            key = None
            seen = self._seen.get(None, 0)
        self._seen[key] = seen = seen + 1
        over = seen - self._count
        return over <= 0 or (self._every > 0 and over % self._every == 0)


class RuleGovernor:
    """Decides which records of one rule in one context go out.

    Attributes:
        limit_only: whether all that there is is a limit for all records together: then `take` does what `admit` does.
        tells: whether a record that goes out may have to say something: then `additions` has to be asked.
        spares_errors: whether errors go out whatever the controls say: not where the rule lets nothing else through.
        needs_trace: whether `admit` looks at the trace.
        needs_message: whether `admit` looks at the message.
        per: the attribute that `admit` looks at, or None.
        suppressed: how many records were held back, by reason: ``sampledTracesOnly``, ``sample``, ``first``, ``limit``.
    """

    __slots__ = (
        "_adjusted",
        "_buckets",
        "_exempt",
        "_messages",
        "_sampled_only",
        "_threshold",
        "_untold",
        "limit_only",
        "needs_message",
        "needs_trace",
        "per",
        "spares_errors",
        "suppressed",
        "tells",
    )

    def __init__(self, rule: ControlledRule) -> None:
        self._exempt = rule.exempt_events
        self._sampled_only = rule.sampled_traces_only
        # Of all 56-bit numbers, those from here on are kept.
        self._threshold = 0 if rule.sample is None else round((1 - rule.sample) * (1 << _RANDOM_BITS))
        self._adjusted: int | float | None = None
        if rule.sample is not None and rule.sample < 1:
            adjusted = 1 / rule.sample
            self._adjusted = round(adjusted) if abs(adjusted - round(adjusted)) < 1e-9 else adjusted  # noqa: PLR2004
        self._messages = None if rule.first is None else _Messages(rule.first)
        self._buckets = None if rule.limit is None else _Buckets(rule.limit)
        self.per: str | None = None if rule.limit is None else rule.limit.per
        self.needs_trace: bool = self._sampled_only or self._threshold > 0
        self.needs_message: bool = self._messages is not None
        self.suppressed: dict[str, int] = {}
        self._untold = 0
        inner = rule.rule
        self.spares_errors: bool = not (isinstance(inner, ConditionRule) and inner.level <= ERROR)
        self.tells: bool = self._adjusted is not None or self.per is not None
        self.limit_only: bool = (
            self._buckets is not None
            and self.per is None
            and self._messages is None
            and not (self.needs_trace or self._exempt)
        )

    def take(self) -> bool:
        """Return whether one record goes out, by a limit that is all there is; one that does not is counted."""
        buckets = self._buckets
        return buckets is None or buckets.take(buckets.common) or self._hold_back("limit", None)

    def admit(
        self, message: object, trace_id: int, attributes: Mapping[str, object], *, sampled: bool, event: bool
    ) -> bool:
        """Return whether one record goes out; one that does not is counted.

        Args:
            message: its message: what `First` counts by.
            trace_id: its trace, or 0; only looked at where `needs_trace`.
            attributes: its attributes; only looked at where there is a `per`.
            sampled: whether the trace is sampled.
            event: whether it is an event.
        """
        if event and self._exempt:
            return True
        if self.needs_trace:
            if self._sampled_only and not (trace_id and sampled):
                return self._hold_back("sampledTracesOnly", None)
            if self._threshold:
                number = trace_id & _RANDOM_MASK if trace_id else random.getrandbits(_RANDOM_BITS)
                if number < self._threshold:
                    return self._hold_back("sample", None)
        messages, buckets = self._messages, self._buckets
        if messages is None and buckets is None:
            return True
        with _shared.lock:
            if messages is not None and not messages.pass_on(message):
                return self._hold_back("first", None)
            if buckets is not None:
                bucket = buckets.of(attributes.get(self.per)) if self.per else buckets.of(None)
                if not buckets.take(bucket):
                    return self._hold_back("limit", bucket)
        return True

    def _hold_back(self, reason: str, bucket: _Bucket | None) -> bool:
        with _shared.lock:
            self.suppressed[reason] = self.suppressed.get(reason, 0) + 1
            if bucket is None or self.per is None:
                self._untold += 1
            else:
                bucket.untold += 1
            self.tells = True
        return False

    def additions(self, attributes: Mapping[str, object], *, event: bool) -> Mapping[str, int | float] | None:
        """Return what a record that goes out has to say of those that did not, or None; what is told is told once.

        With `per`, those that the limit of that value held back; otherwise, and beside them, all others of the rule.
        """
        bucket = None
        if self.per is not None and self._buckets is not None:
            with _shared.lock:
                bucket = self._buckets.of(attributes.get(self.per))
                forgotten, self._buckets.forgotten = self._buckets.forgotten, 0
                self._untold += forgotten
        adjusted = None if event and self._exempt else self._adjusted
        if not self._untold and adjusted is None and (bucket is None or not bucket.untold):
            return None
        found: dict[str, int | float] = {}
        with _shared.lock:
            untold, self._untold = self._untold, 0
            self.tells = self._adjusted is not None or self.per is not None
            if bucket is not None:
                untold, bucket.untold = untold + bucket.untold, 0
        if untold:
            found[SUPPRESSED] = untold
        if adjusted is not None:
            found[ADJUSTED_COUNT] = adjusted
        return found
