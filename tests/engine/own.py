"""Own conditions, matchers, rules, sources and sinks, as users write them; library and naive evaluator ask them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from opentelemetry.context import Context, get_value
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord

import otel_ctxlog as cl

from . import naive


def asked(condition: cl.Condition, messages: Sequence[object]) -> bool:
    """Return the answer of another condition, by the evaluator that is asking."""
    if isinstance(messages, naive.Messages):
        return naive.holds(condition, messages)
    return bool(condition.matches(messages))


# Conditions


@dataclass(frozen=True)
class Knows:
    """An attribute of that name has the value; says which name it depends on."""

    name: str
    value: object

    @property
    def depends_on(self) -> frozenset[str]:
        return frozenset({self.name})

    def matches(self, messages: Sequence[object], /) -> bool:
        return any(
            isinstance(one, cl.Attribute) and one.name == self.name and one.value == self.value for one in messages
        )


@dataclass(frozen=True)
class LastIs:
    """The last attribute of that name has the value; does not say what it depends on."""

    name: str
    value: object

    def matches(self, messages: Sequence[object], /) -> bool:
        values = [one.value for one in messages if isinstance(one, cl.Attribute) and one.name == self.name]
        return bool(values) and values[-1] == self.value


@dataclass(frozen=True)
class MoreThan:
    """There are more messages than that."""

    number: int

    def matches(self, messages: Sequence[object], /) -> bool:
        return len(messages) > self.number


@dataclass(frozen=True)
class Asks:
    """Asks another condition."""

    condition: cl.Condition

    def matches(self, messages: Sequence[object], /) -> bool:
        return asked(self.condition, messages)


@dataclass(frozen=True)
class StaticTag:
    """There is such a tag; says that it depends on nothing ambient."""

    name: str
    depends_on: frozenset[str] = frozenset()

    def matches(self, messages: Sequence[object], /) -> bool:
        return any(isinstance(one, cl.Tag) and one.name == self.name for one in messages)


@dataclass(frozen=True)
class RaisesWith:
    """Raises where there is an attribute of that name; else it holds."""

    name: str

    def matches(self, messages: Sequence[object], /) -> bool:
        if any(isinstance(one, cl.Attribute) and one.name == self.name for one in messages):
            raise LookupError(self.name)
        return True


@dataclass(frozen=True)
class RaisesKnowing(RaisesWith):
    """The same, and says so."""

    @property
    def depends_on(self) -> frozenset[str]:
        return frozenset({self.name})


@dataclass(frozen=True)
class Raises:
    """Always raises."""

    depends_on: frozenset[str] = frozenset()

    def matches(self, messages: Sequence[object], /) -> bool:
        raise ValueError(len(messages))


# Matchers


@dataclass(frozen=True)
class Short:
    """Accepts what has a length up to that; raises for what has none."""

    length: int

    def matches_value(self, value: object, /) -> bool:
        return len(cast("Sequence[object]", value)) <= self.length


@dataclass(frozen=True)
class IsText:
    """Accepts text."""

    def matches_value(self, value: object, /) -> bool:
        return isinstance(value, str)


# Sinks


@dataclass
class KeepingSink:
    """Keeps where and at which level records arrive."""

    name: str
    arrived: list[tuple[str, int]]
    on: bool = True

    def enabled(self, level: int) -> bool:
        return self.on

    def emit(self, *, level: int, **_record: object) -> None:
        self.arrived.append((self.name, level))


class KeepingProcessor(LogRecordProcessor):
    """Keeps at which severity records arrive in a provider."""

    def __init__(self, name: str, arrived: list[tuple[str, int]]) -> None:
        self.name = name
        self.arrived = arrived

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        severity = log_record.log_record.severity_number
        assert severity is not None
        self.arrived.append((self.name, severity.value))

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


@dataclass(frozen=True)
class Wrapped:
    """Passes on to another sink."""

    inner: cl.LogSink

    def enabled(self, level: int) -> bool:
        return self.inner.enabled(level)

    def emit(self, **record: object) -> None:
        self.inner.emit(**record)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Elsewhere:
    """A sink of its own, equal by name."""

    name: str
    arrived: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]], compare=False, repr=False)

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, *, level: int, **_record: object) -> None:
        self.arrived.append((self.name, level))


# Rules


@dataclass(frozen=True)
class OwnRule:
    """Lets a level through where a condition holds; may wrap the sink, or name another."""

    level: int
    condition: cl.Condition
    wraps: bool = False
    elsewhere: Elsewhere | None = None

    def match(self, messages: Sequence[object], sink: cl.LogSink, /) -> cl.Verdict | None:
        if not asked(self.condition, messages):
            return None
        goal: cl.LogSink = self.elsewhere or sink
        return cl.Verdict(self.level, Wrapped(goal) if self.wraps else goal)


@dataclass(frozen=True)
class Keyed(OwnRule):
    """Supersedes rules of the same key."""

    key: str = ""

    def supersedes(self, other: object, /) -> bool:
        return isinstance(other, Keyed) and other.key == self.key


@dataclass(frozen=True)
class Sweeper(OwnRule):
    """Supersedes every rule of a lower level, of whatever kind."""

    def supersedes(self, other: object, /) -> bool:
        level = getattr(other, "level", None)
        return isinstance(level, int) and level < self.level


class Stricter(cl.ConditionRule):
    """A `ConditionRule` that asks for a tag besides."""

    __slots__ = ()

    def match(self, messages: Sequence[object], sink: cl.LogSink, /) -> cl.Verdict | None:
        if not all(asked(condition, messages) for condition in (cl.Tag("t"), *self.conditions)):
            return None
        return cl.Verdict(self.level, sink)


class Same(cl.ConditionRule):
    """A `ConditionRule` of another name."""

    __slots__ = ()


@dataclass(frozen=True)
class FaultyRule:
    """Raises, or gives what is no verdict."""

    kind: str

    def match(self, messages: Sequence[object], sink: cl.LogSink, /) -> cl.Verdict | None:
        if self.kind == "raises":
            raise OSError(self.kind)
        nonsense: dict[str, object] = {"number": 7, "true": True, "pair": (7, sink), "type": cl.Verdict}
        return nonsense[self.kind]  # type: ignore[return-value] # pyright: ignore[reportReturnType]


class SubTag(cl.Tag):
    """A subclass of a built-in condition that holds for its opposite."""

    __slots__ = ()

    def matches(self, messages: Sequence[object], /) -> bool:
        return not asked(cl.Tag(self.name), messages)


class SubSpanAttribute(cl.SpanAttribute):
    """A subclass of a built-in condition that accepts more."""

    __slots__ = ()

    def matches(self, messages: Sequence[object], /) -> bool:
        return asked(cl.Attribute(self.name, self.value), messages)


# Sources

OWN_KEY = "a value of its own"


@dataclass(frozen=True)
class OwnSource:
    """Gives the same attributes in every context, and what the context has under `OWN_KEY`; or raises."""

    facts: naive.SourceFacts

    def attributes(self, context: Context, /) -> Mapping[str, object]:
        if self.facts.raises:
            raise ConnectionError
        given = dict(self.facts.gives)
        value = get_value(OWN_KEY, context)
        if self.facts.gives_value_as is not None and value is not None:
            given[self.facts.gives_value_as] = value
        return given


def source_of(facts: naive.SourceFacts) -> cl.Source:
    """Return the real source of these facts."""
    if facts.kind == "baggage":
        return cl.BaggageSource(
            facts.include,
            facts.exclude,
            max_entries=facts.max_entries,
            max_value_length=facts.max_value_length,
        )
    return cl.SpanSource(facts.include, facts.exclude) if facts.kind == "span" else OwnSource(facts)
