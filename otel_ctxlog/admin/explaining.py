"""Explanations for a call that somebody describes: its messages, its baggage, its span, its resource."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from opentelemetry import baggage, trace
from opentelemetry._logs import LoggerProvider, NoOpLogger
from opentelemetry.context import Context, attach, detach

from otel_ctxlog.admin.body import Fields, describe
from otel_ctxlog.admin.exchange import Json, Problem
from otel_ctxlog.admin.rule_data import RuleTexts
from otel_ctxlog.admin.rule_view import level_json, origin_json
from otel_ctxlog.engine.explain import Explanation
from otel_ctxlog.engine.levels import parse_level
from otel_ctxlog.engine.messages import Attribute, Name, Realm, Tag
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.values import repr_of, safe_text, scalar_text
from otel_ctxlog.loggers.context import LoggingContext, core_of

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, SeverityNumber
    from opentelemetry.util.types import AttributeValue

__all__ = ["EXPLAIN_FIELDS", "explain", "level_of_field"]

EXPLAIN_FIELDS: Final = ("attributes", "baggage", "level", "name", "realm", "resource", "span", "tags")
_SPAN_FIELDS: Final = ("attributes", "name", "sampled")
_MOST_SKIPPED: Final = 200
_LONGEST: Final = 2_000
_FINEST: Final = 1_000_000_000


class _Span(trace.NonRecordingSpan):
    """A span that somebody has described."""

    def __init__(self, name: str, attributes: Mapping[str, object], *, sampled: bool) -> None:
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
        source = random.SystemRandom()
        super().__init__(
            trace.SpanContext(
                source.getrandbits(127) + 1, source.getrandbits(63) + 1, is_remote=False, trace_flags=flags
            )
        )
        # A span that is not sampled does not record, so that it has neither name nor attributes.
        self.name = name if sampled else None
        self.attributes: Mapping[str, object] = dict(attributes) if sampled else {}


class _Resource:
    def __init__(self, attributes: Mapping[str, object]) -> None:
        self.attributes = attributes


class _Logger(NoOpLogger):
    def enabled(
        self,
        *,
        context: Context | None = None,  # noqa: ARG002 - all of them
        severity_number: SeverityNumber | None = None,  # noqa: ARG002
        event_name: str | None = None,  # noqa: ARG002
    ) -> bool:
        """Return True: what becomes of records there is not known, and not asked for."""
        return True


class _Provider(LoggerProvider):
    """A target with a resource that somebody has described."""

    def __init__(self, attributes: Mapping[str, object]) -> None:
        self.resource = _Resource(attributes)

    def get_logger(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Logger:
        return _Logger(name, version, schema_url, attributes)


def level_of_field(fields: Fields, name: str, *, may_be_null: bool = False) -> int | None:
    """Return the level that a field has, or None where it has none.

    Raises:
        Problem: it is no level.
    """
    value = fields.raw(name)
    if value is None and (may_be_null or name not in fields):
        return None
    try:
        level = parse_level(value)
    except ValueError as error:
        raise Problem(422, f"{name}: {error}"[:500], found=describe(value), allowed="a level") from None
    if level > _FINEST:
        fields.wrong(name, f"a level up to {_FINEST}")
    return level


def explain(context: LoggingContext, fields: Fields, texts: RuleTexts) -> Json:
    """Return why the level of a call would be what it is.

    Args:
        context: whose rules are asked.
        fields: the call.
        texts: the texts of rules.

    Raises:
        Problem: the body does not describe a call.
    """
    level = level_of_field(fields, "level")
    messages = _messages(fields)
    resource = fields.mapping("resource")
    if resource:
        route = core_of(context).settled().effective().route
        known = route.reader.resource() or {}
        context = LoggingContext(_Provider({**known, **resource}), base=context, level_offset=route.offset)
    token = attach(_otel_context(fields))
    try:
        found = context.explain(*messages)
    finally:
        detach(token)
    return _as_json(found, level, context, texts)


def _messages(fields: Fields) -> list[object]:
    messages: list[object] = []
    realm, name = fields.text("realm"), fields.text("name")
    if realm is not None:
        messages.append(Realm(realm))
    if name is not None:
        messages.append(Name(name))
    messages += map(Tag, fields.texts("tags"))
    messages += [Attribute(key, value) for key, value in fields.mapping("attributes").items()]
    return messages


def _otel_context(fields: Fields) -> Context:
    """Return the context of the call; nothing of the request's own is in it."""
    found = Context()
    for name, value in fields.mapping("baggage").items():
        text = value if isinstance(value, str) else scalar_text(value)
        if text is None:
            allowed = "texts, numbers or truth values"
            raise Problem(422, f"baggage {describe(name)} is {describe(value)}; allowed: {allowed}", allowed=allowed)
        found = baggage.set_baggage(name, text, found)
    span = fields.fields("span", _SPAN_FIELDS)
    if span is not None:
        sampled = span.flag("sampled")
        described = _Span(span.text("name") or "", span.mapping("attributes"), sampled=sampled is not False)
        found = trace.set_span_in_context(described, found)
    return found


def _as_json(found: Explanation, level: int | None, context: LoggingContext, texts: RuleTexts) -> Json:
    numbers = {id(rule.rule): rule.id for rule in context.statistics().rules}
    content: dict[str, Json] = {
        **level_json(found.level),
        "rule": None if found.rule is None else _rule(found.rule, numbers, texts),
        "origin": origin_json(found.origin),
        "notes": [note[:_LONGEST] for note in found.notes],
        "skipped": [
            {
                "rule": _rule(rule, numbers, texts),
                "origin": origin_json(origin),
                "reason": reason[:_LONGEST],
            }
            for (rule, reason), origin in zip(found.skipped[:_MOST_SKIPPED], found.origins, strict=False)
        ],
        "skippedTotal": len(found.skipped),
    }
    if level is not None:
        content["asked"] = level_json(level)
        content["enabled"] = 0 < level <= found.level
    return content


def _rule(rule: Rule, numbers: Mapping[int, int], texts: RuleTexts) -> Json:
    number = numbers.get(id(rule))
    if number is None:  # it has gone meanwhile
        return {"id": None, "line": None, "code": safe_text(repr_of(rule))[:_LONGEST]}
    shown = texts.of(number, rule)
    return {"id": number, "line": shown.line, "code": shown.code}
