"""The controls of a rule in YAML: when it ends, and how many of its records go out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, TypeGuard

from otel_ctxlog.config.kinds import is_dict
from otel_ctxlog.config.specs import checked, fields, flag, name_of
from otel_ctxlog.config.wording import describe
from otel_ctxlog.engine.controls import ControlledRule, First, Limit, parse_expiry
from otel_ctxlog.engine.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.config.places import Place
    from otel_ctxlog.engine.protocols import Rule

__all__ = ["CONTROLS", "controlled"]

CONTROLS: Final = ("expires", "limit", "sample", "first", "sampledTracesOnly", "exemptEvents")
"""The keys, beside those of the rule itself."""

_DURATION: Final = "a duration above 0, seconds or a text like 15m, 1h30m, 250ms"
_RATE: Final = "a rate above 0, records per second or a text like 100/s, 20/min, 5/h, 1000/d"


def controlled(make: Callable[[], Rule], spec: dict[object, object], place: Place) -> Rule:
    """The rule that `make` returns, with the controls that `spec` has around it, if it has any.

    Raises:
        ConfigError: a control is wrong.
    """
    given = [name for name in CONTROLS if name in spec]
    if not given:
        return checked(make, place)
    expires: float | dt.datetime | None = None
    limit: Limit | None = None
    sample: float | None = None
    first: First | None = None
    flags: dict[str, bool] = {"sampledTracesOnly": False, "exemptEvents": False}
    for name in given:
        value, where = spec[name], place.item(spec, name)
        if name == "expires":
            expires = _expires(value, where)
        elif name == "limit":
            limit = _limit(value, where)
        elif name == "sample":
            sample = _sample(value, where)
        elif name == "first":
            first = _first(value, where)
        else:
            flags[name] = flag(value, where)
    return checked(
        lambda: ControlledRule(
            make(),
            expires=expires,
            limit=limit,
            sample=sample,
            first=first,
            sampled_traces_only=flags["sampledTracesOnly"],
            exempt_events=flags["exemptEvents"],
        ),
        place,
    )


def _expires(spec: object, place: Place) -> float | dt.datetime:
    allowed = f"{_DURATION}, or a moment with its zone like 2030-01-31T12:00:00Z"
    if isinstance(spec, dt.datetime):
        if spec.utcoffset() is None:
            raise place.error(f"the moment {spec.isoformat(' ')} does not say its zone; allowed: {allowed}")
        return spec
    if isinstance(spec, str) or _is_number(spec):
        try:
            return parse_expiry(spec)
        except (ValueError, OverflowError):
            pass
    raise place.error(f"found {describe(spec)}; allowed: {allowed}")


def _limit(spec: object, place: Place) -> Limit:
    if not is_dict(spec):
        return _rate(spec, place, burst=None, per=None, allowed=f"{_RATE}, or a mapping with the keys burst, per, rate")
    found = fields(spec, place, required=("rate",), optional=("burst", "per"))
    burst = _count(found["burst"], place.item(found, "burst"), least=1) if "burst" in found else None
    per = name_of(found["per"], place.item(found, "per")) if "per" in found else None
    return _rate(found["rate"], place.item(found, "rate"), burst=burst, per=per, allowed=_RATE)


def _rate(spec: object, place: Place, *, burst: int | None, per: str | None, allowed: str) -> Limit:
    if isinstance(spec, str) or _is_number(spec):
        try:
            return Limit(spec, burst=burst, per=per)
        except (ValueError, OverflowError):
            pass
    raise place.error(f"found {describe(spec)}; allowed: {allowed}")


def _sample(spec: object, place: Place) -> float:
    if _is_number(spec) and 0 < spec <= 1:
        return float(spec)
    raise place.error(f"found {describe(spec)}; allowed: a number above 0, up to 1")


def _first(spec: object, place: Place) -> First:
    if not is_dict(spec):
        return First(_count(spec, place, least=1, otherwise=", or a mapping with the keys count, every, within"))
    found = fields(spec, place, required=("count",), optional=("every", "within"))
    count = _count(found["count"], place.item(found, "count"), least=1)
    every = _count(found["every"], place.item(found, "every"), least=0) if "every" in found else 0
    within = _duration(found["within"], place.item(found, "within")) if "within" in found else None
    return First(count, every=every, within=within)


def _duration(spec: object, place: Place) -> float:
    if isinstance(spec, str) or _is_number(spec):
        try:
            return parse_duration(spec)
        except (ValueError, OverflowError):
            pass
    raise place.error(f"found {describe(spec)}; allowed: {_DURATION}")


def _count(spec: object, place: Place, *, least: int, otherwise: str = "") -> int:
    if isinstance(spec, int) and not isinstance(spec, bool) and spec >= least:
        return spec
    raise place.error(f"found {describe(spec)}; allowed: a whole number from {least}{otherwise}")


def _is_number(spec: object) -> TypeGuard[int | float]:
    return isinstance(spec, (int, float)) and not isinstance(spec, bool)
