"""Rule controls: a rule that ends by itself, and that lets only so many records out.

A `ControlledRule` stands around any rule. Its controls never change which rule decides, nor the level: they hold back
records that the decision let through. What is held back is counted by rule and reason; the next record of the rule that
goes out says how many there were, in attribute ``otel_ctxlog.suppressed``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Final

from otel_ctxlog.engine.durations import parse_duration
from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.rules import Controlled, check_rule

if TYPE_CHECKING:
    from otel_ctxlog.engine.held import Governor

__all__ = ["ControlledRule", "First", "Limit"]

_RATE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*([a-z]+)\s*", re.IGNORECASE)
_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86_400.0),
}
_LEAST: Final = 1e-9
_MOST: Final = 1e9
# The least that OpenTelemetry's consistent sampling can tell: one trace in all that 56 random bits can name.
_LEAST_SAMPLE: Final = 2.0**-56


class Limit(Frozen):
    """So many records in a time, as a bucket of tokens: `burst` at once, then at the rate.

    Args:
        rate: ``"100/s"``, ``"20/min"``, ``"5/h"``, ``"1000/d"``, or a number of records per second,
            from 1e-9 to 1e9.
        burst: how many may come at once, up to 1e9; None: those of one second, at least one.
        per: the name of an attribute of the record: each value has a bucket of its own. Beyond 10,000 values in use,
            further ones share one.

    Raises:
        ValueError: `rate` is none, `burst` is no such int, or `per` is empty.
    """

    __slots__ = ("burst", "per", "rate", "text")

    rate: float
    burst: int
    per: str | None
    text: str

    def __init__(self, rate: str | float, *, burst: int | None = None, per: str | None = None) -> None:
        per_second, text = _rate(rate)
        put(self, "rate", per_second)
        put(self, "text", text)
        if burst is None:
            burst = max(1, math.ceil(per_second))
        elif type(burst) is not int or not 1 <= burst <= _MOST:
            msg = f"the burst of a limit must be an int from 1 to {_MOST:.0f}, but got {burst!r}"
            raise ValueError(msg)
        put(self, "burst", burst)
        if per is not None and (type(per) is not str or not per):
            msg = f"the per of a limit must be the name of an attribute, but got {per!r}"
            raise ValueError(msg)
        put(self, "per", per)

    def _fields(self) -> tuple[object, ...]:
        return (self.rate, self.burst, self.per)

    def __repr__(self) -> str:
        rate = repr(self.text) if "/" in self.text else self.text
        burst = "" if self.burst == max(1, math.ceil(self.rate)) else f", burst={self.burst}"
        per = "" if self.per is None else f", per={self.per!r}"
        return f"Limit({rate}{burst}{per})"


def _rate(rate: object) -> tuple[float, str]:
    """Return records per second, and the text of a rate."""
    found, text = math.nan, ""
    if isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate <= _MOST:
        found, text = float(rate), repr(float(rate))
    elif isinstance(rate, str):
        parts = _RATE.fullmatch(rate)
        unit = None if parts is None else _SECONDS.get(parts.group(2).lower())
        if parts is not None and unit is not None:
            found, text = float(parts.group(1)) / unit, f"{parts.group(1)}/{parts.group(2).lower()}"
    if _LEAST <= found <= _MOST:
        return found, text
    msg = (
        "a rate must be records per second, from 1e-9 to 1e9, or a text like '100/s', '20/min', '5/h' or '1/d', "
        f"but got {rate!r}"
    )
    raise ValueError(msg)


class First(Frozen):
    """The first records of each message, then every so many.

    Args:
        count: how many of a message pass at first.
        every: then each `every`-th passes; 0: none.
        within: counted anew after that time, in seconds or as ``"1m"``; None: never.

    Raises:
        ValueError: one of them is not allowed.
    """

    __slots__ = ("count", "every", "within")
    __match_args__ = ("count", "every", "within")

    count: int
    every: int
    within: float | None

    def __init__(self, count: int, *, every: int = 0, within: float | str | None = None) -> None:
        if type(count) is not int or count < 1:
            msg = f"the count of first must be an int from 1, but got {count!r}"
            raise ValueError(msg)
        if type(every) is not int or every < 0:
            msg = f"the every of first must be an int from 0, but got {every!r}"
            raise ValueError(msg)
        put(self, "count", count)
        put(self, "every", every)
        put(self, "within", None if within is None else parse_duration(within))

    def __repr__(self) -> str:
        every = f", every={self.every}" if self.every else ""
        within = "" if self.within is None else f", within={self.within!r}"
        return f"First({self.count}{every}{within})"


class ControlledRule(Controlled):
    """A rule that ends by itself, or whose records are limited. Immutable; equal by value.

    The order in which records are held back: sampled traces, sample, first, limit. Errors go out in any case, unless
    the rule lets nothing but errors through (level Error): who limits debug output does not mean the errors in it.

    Args:
        rule: any rule but another `ControlledRule`.
        expires: when it ends: seconds or a text like ``"15m"``, from the moment when it is added to a context; or a
            moment: an aware ``datetime``, or its ISO 8601 text.
        limit: a `Limit`, or its rate: ``"100/s"``.
        sample: the part of the records that goes out, from 2**-56 up to 1; the records of one trace stay or go together
            (OpenTelemetry's consistent probability sampling: by the last 56 bits of the trace id), those without trace
            by chance. A record says in attribute ``otel_ctxlog.adjusted_count`` for how many it stands.
        first: a `First`, or its count.
        sampled_traces_only: only records of sampled traces go out; those without a trace do not. (That is stricter than
            the ``trace_based`` of OpenTelemetry's logger configuration, which leaves those without trace alone.)
        exempt_events: events are never held back.

    Raises:
        TypeError: `rule` is none, or is controlled already.
        ValueError: another argument is not allowed.
    """

    __slots__ = ("exempt_events", "expires", "first", "limit", "sample", "sampled_traces_only")
    __match_args__ = ("rule", "expires", "limit", "sample", "first", "sampled_traces_only", "exempt_events")

    expires: float | dt.datetime | None
    limit: Limit | None
    sample: float | None
    first: First | None
    sampled_traces_only: bool
    exempt_events: bool

    def __init__(
        self,
        rule: Rule,
        *,
        expires: float | str | dt.datetime | None = None,
        limit: Limit | str | float | None = None,
        sample: float | None = None,
        first: First | int | None = None,
        sampled_traces_only: bool = False,
        exempt_events: bool = False,
    ) -> None:
        if isinstance(rule, Controlled):
            msg = f"a ControlledRule stands around an uncontrolled rule, but got {rule!r}"
            raise TypeError(msg)
        put(self, "rule", check_rule(rule))
        put(self, "expires", None if expires is None else parse_expiry(expires))
        put(self, "limit", limit if limit is None or isinstance(limit, Limit) else Limit(limit))
        put(self, "sample", None if sample is None else _probability(sample))
        put(self, "first", first if first is None or isinstance(first, First) else First(first))
        put(self, "sampled_traces_only", _flag("sampled_traces_only", sampled_traces_only))
        put(self, "exempt_events", _flag("exempt_events", exempt_events))

    def __repr__(self) -> str:
        controls = "".join(
            f", {name}={value!r}"
            for name in self.__match_args__[1:]
            if (value := getattr(self, name)) is not None and value is not False
        )
        return f"ControlledRule({self.rule!r}{controls})"

    def governor(self) -> Governor | None:
        """Return what holds its records back, made anew; None where nothing does."""
        if self.limit is None and self.sample is None and self.first is None and not self.sampled_traces_only:
            return None
        from otel_ctxlog.engine.governor import RuleGovernor

        return RuleGovernor(self)

    def seconds_left(self) -> float | None:
        """Return the seconds until a rule that is added now ends, or None where it does not; below 0: it is over."""
        if isinstance(self.expires, dt.datetime):
            return (self.expires - dt.datetime.now(dt.timezone.utc)).total_seconds()
        return self.expires


def parse_expiry(value: object) -> float | dt.datetime:
    """Return when a rule ends: seconds, or an aware moment.

    Raises:
        ValueError: `value` is neither a duration nor a moment with its zone; the text quotes it.
    """
    moment = value
    if isinstance(value, str):
        try:
            # Python 3.10 does not know the Z.
            text = value.strip()
            moment = dt.datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        except ValueError:
            moment = value
    if isinstance(moment, dt.datetime):
        if moment.utcoffset() is None:
            msg = f"a moment must say its zone, like 2030-01-31T12:00:00Z, but got {value!r}"
            raise ValueError(msg)
        return moment
    try:
        return parse_duration(value)
    except ValueError:
        msg = (
            "expires must be seconds above 0, a text like '15m' or '1h30m', or a moment with its zone like "
            f"2030-01-31T12:00:00Z, but got {value!r}"
        )
        raise ValueError(msg) from None


def _flag(name: str, value: object) -> bool:
    if value is True or value is False:
        return value
    msg = f"{name} must be True or False, but got {value!r}"
    raise ValueError(msg)


def _probability(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and _LEAST_SAMPLE <= value <= 1:
        return float(value)
    msg = f"sample must be a number above 0 (from 2**-56), up to 1, but got {value!r}"
    raise ValueError(msg)
