"""A naive reference evaluator: the contract, sections 2 to 6, read aloud in plain Python.

It walks all rules in order at every question, keeps nothing, and shares no code with the library's evaluation. Of the
library's objects it reads only public attributes (`.conditions`, `.name`, `.value`, `.level` …).
"""

from __future__ import annotations

import decimal
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import otel_ctxlog as cl

T = TypeVar("T")


class FromBaggage(str):
    """A text that came from baggage."""

    __slots__ = ()


@dataclass
class Span:
    """A span as OpenTelemetry shows it; one that does not record has neither name nor attributes."""

    recording: bool = False
    sampled: bool = False
    name: str = ""
    attributes: dict[str, object] = field(default_factory=dict[str, object])
    most: int | None = None
    ended: bool = False

    def set(self, name: str, value: object) -> None:
        """Set an attribute as the SDK does: what is set again goes to the end; at the limit the oldest goes."""
        if self.ended or not self.recording:
            return
        self.attributes.pop(name, None)
        if self.most is not None and len(self.attributes) >= self.most:
            del self.attributes[next(iter(self.attributes))]
        self.attributes[name] = cleaned(value)

    def rename(self, name: str) -> None:
        """Give the span another name."""
        if not self.ended:
            self.name = name


def cleaned(value: object) -> object:
    """Return an attribute value as the SDK keeps it."""
    if isinstance(value, (list, tuple)):
        return tuple(map(cleaned, cast("Sequence[object]", value)))
    if isinstance(value, dict):
        return {name: cleaned(one) for name, one in cast("dict[object, object]", value).items()}
    return value


@dataclass
class Moment:
    """What OpenTelemetry has at the moment of a call; `value` is what its context has under a key of its own."""

    baggage: dict[str, str] = field(default_factory=dict[str, str])
    span: Span | None = None
    value: object = None


@dataclass(frozen=True)
class SourceFacts:
    """What is known of one source: `kind` is ``baggage``, ``span`` or ``own``."""

    kind: str
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    max_entries: int = 64
    max_value_length: int = 256
    gives: tuple[tuple[str, object], ...] = ()
    gives_value_as: str | None = None
    raises: bool = False

    def passes(self, name: str) -> bool:
        """Return whether the source lets that name through."""
        wanted = any(fnmatch.fnmatchcase(name, pattern) for pattern in self.include)
        return wanted and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.exclude)

    def read(self, moment: Moment) -> list[tuple[str, object]]:
        """Return the attributes of that moment."""
        if self.kind == "baggage":
            passed = [(name, text) for name, text in moment.baggage.items() if self.passes(name)]
            return [(name, FromBaggage(text[: self.max_value_length])) for name, text in passed[: self.max_entries]]
        if self.kind == "span":
            recorded = moment.span.attributes if moment.span is not None and moment.span.recording else {}
            return [(name, value) for name, value in recorded.items() if self.passes(name)]
        if self.raises:
            return []
        given = dict(self.gives)
        if self.gives_value_as is not None and moment.value is not None:
            given[self.gives_value_as] = moment.value
        return list(given.items())


@dataclass
class Ambient:
    """What conditions can know besides explicit messages."""

    attributes: list[tuple[str, str, object]] = field(default_factory=list[tuple[str, str, object]])
    span_name: str | None = None
    sampled: bool | None = None
    resource: Mapping[str, object] | None = None


NOTHING = Ambient()


def ambient_of(sources: Sequence[SourceFacts], moment: Moment, resource: Mapping[str, object] | None) -> Ambient:
    """Return what these sources find."""
    found = Ambient([(source.kind, name, value) for source in sources for name, value in source.read(moment)])
    if any(source.kind == "span" for source in sources):
        span = moment.span
        found.sampled = span is not None and span.sampled
        found.span_name = span.name if span is not None and span.recording else None
    if sources:
        found.resource = resource
    return found


class Messages(tuple[object, ...]):  # noqa: SLOT001 - it carries what is no message
    """A flat message context, ambient attributes first, with what else conditions can know."""

    ambient: Ambient


def flat_messages(explicit: Sequence[object], ambient: Ambient) -> Messages:
    """Return the flat message context as own conditions get it."""
    flat = Messages([*(cl.Attribute(name, value) for _, name, value in ambient.attributes), *explicit])
    flat.ambient = ambient
    return flat


# Values


def text_of(value: object) -> str | None:
    """Return the text that a scalar has in baggage, None for what is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float, decimal.Decimal)) else None


def equal(left: object, right: object) -> bool:
    """Return whether two values are equal by section 3."""
    if isinstance(left, FromBaggage) or isinstance(right, FromBaggage):
        one, other = text_of(left), text_of(right)
        return one is not None and one == other
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        ours, theirs = cast("Sequence[object]", left), cast("Sequence[object]", right)
        return len(ours) == len(theirs) and all(equal(ours[i], theirs[i]) for i in range(len(ours)))
    if isinstance(left, dict) and isinstance(right, dict):
        our_items = list(cast("dict[object, object]", left).items())
        their_items = list(cast("dict[object, object]", right).items())
        return len(our_items) == len(their_items) and all(
            any(equal(key, other) and equal(value, theirs) for other, theirs in their_items) for key, value in our_items
        )
    return bool(left == right)


def number_of(value: object) -> float | None:
    """Return the number that `value` is for a `Range`, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def accepts(expected: object, value: object) -> bool:
    """Return whether `value` is what a condition expects."""
    if isinstance(expected, cl.Glob):
        return isinstance(value, str) and fnmatch.fnmatchcase(value, expected.pattern)
    if isinstance(expected, cl.Regex):
        return isinstance(value, str) and re.search(expected.pattern, value) is not None
    if isinstance(expected, cl.OneOf):
        return any(equal(one, value) for one in expected.values)
    if isinstance(expected, cl.Range):
        number = number_of(value)
        if number is None:
            return False
        return (expected.min is None or number >= expected.min) and (expected.max is None or number <= expected.max)
    if isinstance(expected, cl.Exists):
        return True
    if isinstance(expected, cl.Matcher) and not isinstance(expected, type):
        return bool(expected.matches_value(value))
    return equal(expected, value)


# Conditions


def last_realm(messages: Sequence[object]) -> str | None:
    """Return the name of the last realm."""
    realms = [message.name for message in messages if isinstance(message, cl.Realm)]
    return realms[-1] if realms else None


def holds(condition: object, messages: Messages) -> bool:  # noqa: C901 - one branch for each kind
    """Return whether `condition` holds; raises what an own condition or matcher raises."""
    kind = type(condition)
    ambient = messages.ambient
    if kind is cl.Realm:
        return last_realm(messages) == cast("cl.Realm", condition).name
    if kind is cl.RealmPrefix:
        prefix, realm = cast("cl.RealmPrefix", condition).name, last_realm(messages)
        return realm is not None and (realm == prefix or realm.startswith(prefix + "/"))
    if kind is cl.Tag:
        return any(isinstance(one, cl.Tag) and one.name == cast("cl.Tag", condition).name for one in messages)
    if isinstance(condition, cl.Attribute) and kind is cl.Attribute:
        return any(
            accepts(condition.value, one.value)
            for one in messages
            if isinstance(one, cl.Attribute) and one.name == condition.name
        )
    if isinstance(condition, cl.And) and kind is cl.And:
        return all(holds(inner, messages) for inner in condition.conditions)
    if isinstance(condition, cl.Or) and kind is cl.Or:
        return any(holds(inner, messages) for inner in condition.conditions)
    if isinstance(condition, cl.Not) and kind is cl.Not:
        return not holds(condition.condition, messages)
    if isinstance(condition, cl.BaggageEntry) and kind is cl.BaggageEntry:
        return _in_source("baggage", condition.name, condition.value, ambient)
    if isinstance(condition, cl.SpanAttribute) and kind is cl.SpanAttribute:
        return _in_source("span", condition.name, condition.value, ambient)
    if isinstance(condition, cl.SpanName) and kind is cl.SpanName:
        return ambient.span_name is not None and accepts(condition.value, ambient.span_name)
    if isinstance(condition, cl.Sampled) and kind is cl.Sampled:
        return ambient.sampled is not None and ambient.sampled == condition.sampled
    if isinstance(condition, cl.ResourceAttribute) and kind is cl.ResourceAttribute:
        resource = ambient.resource or {}
        return condition.name in resource and accepts(condition.value, resource[condition.name])
    return bool(cast("cl.Condition", condition).matches(messages))


def _in_source(kind: str, name: str, expected: object, ambient: Ambient) -> bool:
    return any(
        accepts(expected, value) for origin, known, value in ambient.attributes if (origin, known) == (kind, name)
    )


def same_condition(left: object, right: object) -> bool:
    """Return whether two conditions are equal by value."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (cl.And, cl.Or)) and isinstance(right, (cl.And, cl.Or)):
        return same_conditions(left.conditions, right.conditions)
    if isinstance(left, cl.Not) and isinstance(right, cl.Not):
        return same_condition(left.condition, right.condition)
    for kind in (cl.Attribute, cl.BaggageEntry, cl.SpanAttribute, cl.ResourceAttribute):
        if isinstance(left, kind) and isinstance(right, kind):
            return left.name == right.name and same_value(left.value, right.value)
    if isinstance(left, cl.SpanName) and isinstance(right, cl.SpanName):
        return same_value(left.value, right.value)
    return left == right


def same_value(left: object, right: object) -> bool:
    """Return whether two expected values, matchers among them, are equal."""
    if isinstance(left, cl.OneOf) and isinstance(right, cl.OneOf):
        return equal(left.values, right.values)
    return equal(left, right)


def same_conditions(left: Sequence[object], right: Sequence[object]) -> bool:
    """Return whether they are equal in the same order."""
    return len(left) == len(right) and all(same_condition(one, other) for one, other in zip(left, right, strict=True))


# Rules and contexts


@dataclass(frozen=True)
class Answer:
    """What is let through, where it goes, and which rule said so (None: the default level)."""

    level: int
    sink: object
    rule: object


def verdict_of(rule: object, messages: Messages, sink: object) -> tuple[int, object] | None:
    """Return level and sink of a rule that matches, None for any other, faulty ones included."""
    try:
        if isinstance(rule, cl.ConditionRule) and type(rule).match is cl.ConditionRule.match:
            return (rule.level, sink) if all(holds(one, messages) for one in rule.conditions) else None
        verdict: object = cast("cl.Rule", rule).match(messages, cast("cl.LogSink", sink))
    except Exception:  # noqa: BLE001 - a rule that raises does not match
        return None
    return (verdict.level, verdict.sink) if isinstance(verdict, cl.Verdict) else None


def superseded(new: object, old: object) -> bool:
    """Return whether adding `new` removes `old`."""
    if isinstance(new, cl.ConditionRule) and type(new).supersedes is cl.ConditionRule.supersedes:
        return isinstance(old, cl.ConditionRule) and same_conditions(new.conditions, old.conditions)
    supersedes = getattr(new, "supersedes", None)
    return callable(supersedes) and bool(supersedes(old))


@dataclass(eq=False)
class Context:
    """A logging context by the contract: what it says itself, None meaning as the base."""

    base: Context | None = None
    messages: tuple[object, ...] = ()
    rules: list[object] = field(default_factory=list[object])
    default_level: int | None = None
    target: str | None = None
    offset: int = 0
    sources: tuple[SourceFacts, ...] | None = None

    def chain(self) -> list[Context]:
        """Return this context and its bases, outwards."""
        return [self, *(self.base.chain() if self.base is not None else [])]

    def message_context(self) -> tuple[object, ...]:
        """Return the messages, inherited ones first."""
        return tuple(message for context in reversed(self.chain()) for message in context.messages)

    def level(self) -> int:
        """Return the default level that applies."""
        return first([context.default_level for context in self.chain()], 3)

    def where(self) -> tuple[str, int]:
        """Return the target that applies, with its offset."""
        targets = [(context.target, context.offset) for context in self.chain() if context.target is not None]
        return targets[0]

    def all_sources(self) -> tuple[SourceFacts, ...]:
        """Return the sources that apply."""
        default = (SourceFacts("baggage"), SourceFacts("span"))
        return first([context.sources for context in self.chain()], default)

    def add(self, rules: Sequence[object]) -> None:
        """Add rules in this order."""
        for rule in rules:
            self.rules = [old for old in self.rules if not superseded(rule, old)] + [rule]

    def replace(self, rules: Sequence[object]) -> None:
        """Replace all own rules."""
        self.rules = []
        self.add(rules)

    def asked(self) -> list[object]:
        """Return all rules in the order asked, own ones first, each context's last added first."""
        return [rule for context in self.chain() for rule in reversed(context.rules)]

    def decide(self, messages: Sequence[object], ambient: Ambient, sink: object) -> Answer:
        """Return the answer for these messages and this moment."""
        found = self.first_rule(messages, ambient, sink)
        return Answer(self.level(), sink, None) if found is None else found

    def first_rule(self, messages: Sequence[object], ambient: Ambient, sink: object) -> Answer | None:
        """Return the answer of the first rule that matches, or None."""
        flat = flat_messages(messages, ambient)
        for rule in self.asked():
            verdict = verdict_of(rule, flat, sink)
            if verdict is not None:
                return Answer(verdict[0], verdict[1], rule)
        return None


def first(values: Sequence[T | None], default: T) -> T:
    """Return the first that is not None."""
    return next((value for value in values if value is not None), default)
