"""Which of the recent message contexts a rule would match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from otel_ctxlog.admin.exchange import Json
from otel_ctxlog.admin.seen import Seen
from otel_ctxlog.engine.protocols import LogSink, Rule
from otel_ctxlog.engine.rules import uncontrolled

__all__ = ["Group", "contexts_json", "grouped", "would_match"]

_MOST_SECONDS: Final = 0.5


class Group:
    """The records of one message context.

    Attributes:
        latest: the last of them.
        count: how many there are.
    """

    __slots__ = ("count", "latest")

    def __init__(self, latest: Seen) -> None:
        self.latest = latest
        self.count = 1

    def as_json(self, *, matched: bool | None = None) -> dict[str, Json]:
        """Return it as it is shown."""
        seen = self.latest
        found: dict[str, Json] = {
            "realm": seen.realm,
            "scope": seen.scope,
            "attributes": seen.explicit(),
            "baggage": dict(seen.baggage),
            "span": seen.span_json(),
            "count": self.count,
            "lastSeen": seen.time // 1_000_000 / 1000,
            "lastLevel": seen.level,
            "lastBody": seen.body,
        }
        if matched is not None:
            found["matched"] = matched
        return found


def grouped(records: Sequence[Seen]) -> list[Group]:
    """Return the message contexts of records, which come latest first; so do they."""
    found: dict[object, Group] = {}
    for seen in records:
        key = (
            seen.scope,
            _frozen(seen.attributes),
            _frozen(seen.baggage),
            seen.span_name,
            _frozen(seen.span_attributes),
            seen.sampled,
        )
        known = found.get(key)
        if known is None:
            found[key] = Group(seen)
        else:
            known.count += 1
    return list(found.values())


def _frozen(value: Json) -> object:
    if isinstance(value, dict):
        return frozenset((name, _frozen(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return type(value), value


def would_match(
    rule: Rule, groups: Sequence[Group], resource: Mapping[str, object] | None, sink: LogSink
) -> list[bool | None]:
    """Return for each message context whether the rule matches; None for those for which there was no time.

    Args:
        rule: the rule.
        groups: the message contexts.
        resource: the attributes of the resource.
        sink: what a rule is given as the target.
    """
    asked = uncontrolled(rule)
    deadline = monotonic() + _MOST_SECONDS
    return [_matches(asked, group.latest, resource, sink) if monotonic() < deadline else None for group in groups]


def _matches(rule: Rule, seen: Seen, resource: Mapping[str, object] | None, sink: LogSink) -> bool:
    try:
        return rule.match(seen.view(resource).flat(), sink) is not None
    except Exception:  # noqa: BLE001 - a condition of the user; in a rule it counts as not matching, too
        return False


def contexts_json(groups: Sequence[Group], most: int) -> list[Json]:
    """Return the first message contexts as they are shown."""
    return [group.as_json() for group in groups[:most]]
