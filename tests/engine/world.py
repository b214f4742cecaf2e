"""A world: real contexts, loggers and OpenTelemetry contexts, each beside what the naive evaluator knows of it.

Every operation is done to both; every check asks both. What was done is kept as text, for the report of a failure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry import baggage, context, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

import otel_ctxlog as cl

from . import naive, own, randomly

HIGHEST = 8
ARRIVED: list[tuple[str, int]] = []
"""Where records arrived since it was emptied: the name of the target, and the level (of a provider: the severity)."""

AnyLogger: TypeAlias = "cl.Logger | cl.UnboundLogger"


def _provider(name: str) -> LoggerProvider:
    provider = LoggerProvider(resource=Resource({"place": name, "a": 1}), shutdown_on_exit=False)
    provider.add_log_record_processor(own.KeepingProcessor(name, ARRIVED))
    return provider


PROVIDERS = {"here": _provider("here"), "there": _provider("there")}
SINKS = {"one": own.KeepingSink("one", ARRIVED), "two": own.KeepingSink("two", ARRIVED)}
TARGETS: dict[str, cl.LogSink | LoggerProvider] = {**PROVIDERS, **SINKS}
ELSEWHERE = own.Elsewhere("elsewhere", ARRIVED)


class _RecordOnly(Sampler):
    """Spans record, but are not sampled."""

    def should_sample(
        self,
        parent_context: context.Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY, attributes)

    def get_description(self) -> str:
        return "record only"


TRACERS = {
    kind: TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("world")
    for kind, sampler in {"sampled": ALWAYS_ON, "recording": _RecordOnly(), "off": ALWAYS_OFF}.items()
}
_REMOTE = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


@dataclass
class ContextPair:
    """A logging context."""

    real: cl.LoggingContext
    naive: naive.Context
    changes: int = 0


@dataclass
class OwnSink:
    """Stands for the context's own sink where the naive evaluator needs one."""

    context: naive.Context


@dataclass
class LoggerPair:
    """A logger that lives on; `answer` is what a rule bound it to, None for an unbound one or the default level."""

    real: AnyLogger
    context: ContextPair
    messages: tuple[object, ...]
    bound: bool
    answer: naive.Answer | None


@dataclass
class MomentPair:
    """An OpenTelemetry context."""

    real: context.Context
    naive: naive.Moment
    span: Span | None = None


def _said(context: naive.Context) -> list[object]:
    """Return what a context and its bases say themselves, to be compared."""
    return [
        ([id(rule) for rule in one.rules], one.default_level, one.target, one.offset if one.target else 0)
        for one in context.chain()
    ]


class World:
    """Contexts, loggers and moments that grow and change by random operations."""

    def __init__(self, chooser: randomly.Chooser) -> None:
        self.random = randomly.Random(chooser)
        self.script: list[str] = []
        self.contexts: list[ContextPair] = []
        self.loggers: list[LoggerPair] = []
        self.moments = [MomentPair(context.Context(), naive.Moment())]
        self.now = self.moments[0]
        self._token = context.attach(self.now.real)
        self.checks = 0
        self.make_root()

    def close(self) -> None:
        """Leave the last moment."""
        context.detach(self._token)

    def note(self, text: str) -> None:
        self.script.append(text)

    # OpenTelemetry

    def go(self, moment: MomentPair) -> None:
        """Make `moment` the current one."""
        context.detach(self._token)
        self._token = context.attach(moment.real)
        self.now = moment
        self.note(f"moment {self.moments.index(moment)}: {moment.naive}")

    def new_moment(self) -> None:
        """Go to a new OpenTelemetry context made from the current one."""
        before, pick = self.now, self.random
        kind = pick.one(("baggage", "baggage", "span", "span", "value", "no baggage", "no span", "remote"))
        baggage_now, span_now, real_span = dict(before.naive.baggage), before.naive.span, before.span
        real = before.real
        if kind == "baggage":
            name, text = pick.one(pick.names), pick.one(pick.texts)
            real = baggage.set_baggage(name, text, real)
            baggage_now[name] = text
        elif kind == "no baggage":
            real = baggage.clear(real)
            baggage_now = {}
        elif kind == "span":
            span_now, real_span = self._new_span()
            real = trace.set_span_in_context(real_span, real)
        elif kind == "remote":
            real_span = NonRecordingSpan(_REMOTE)
            span_now = naive.Span(sampled=True)
            real = trace.set_span_in_context(real_span, real)
        elif kind == "no span":
            span_now, real_span = None, None
            real = trace.set_span_in_context(trace.INVALID_SPAN, real)
        else:
            real = context.set_value("unrelated", object(), real)
        self.moments.append(MomentPair(real, naive.Moment(baggage_now, span_now), real_span))
        self.go(self.moments[-1])

    def _new_span(self) -> tuple[naive.Span, Span]:
        kind = self.random.one(("sampled", "recording", "off"))
        name = self.random.one(randomly.SPAN_NAMES)
        given = {self.random.one(self.random.names): self.random.one(self.random.span_values) for _ in range(2)}
        real = TRACERS[kind].start_span(name, context.Context(), attributes=given)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        if kind == "off":
            return naive.Span(), real
        return naive.Span(recording=True, sampled=kind == "sampled", name=name, attributes=given), real

    def change_span(self) -> None:
        """Change a span, that of the current moment or any other, under an unchanged context."""
        moment = self.random.one((self.now, self.now, self.random.one(self.moments)))
        if moment.span is None or moment.naive.span is None:
            return
        if self.random.chance(3):
            name = self.random.one(randomly.SPAN_NAMES)
            moment.span.update_name(name)
            moment.naive.span.name = name
            self.note(f"update_name {name!r} in moment {self.moments.index(moment)}")
            return
        key, value = self.random.one(self.random.names), self.random.one(self.random.span_values)
        moment.span.set_attribute(key, value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        # The SDK, too, moves an attribute that is set again to the end.
        moment.naive.span.attributes.pop(key, None)
        moment.naive.span.attributes[key] = value
        self.note(f"set_attribute {key!r} {value!r} in moment {self.moments.index(moment)}")

    # Contexts

    def make_root(self) -> None:
        """Make a root context."""
        target, sources = self.random.one(tuple(TARGETS)), self.random.sources()
        offset = self.random.one((0, 0, 1, 3))
        real = cl.LoggingContext(TARGETS[target], level_offset=offset, sources=self._real_sources(sources))
        self._add(real, naive.Context(target=target, offset=offset, sources=sources), f"root {target} {sources}")

    def nest(self) -> None:
        """Nest a context in another."""
        base = self.random.one(self.contexts)
        if self.random.chance(2):
            messages = tuple(self.random.some(self.random.message, 2))
            made = naive.Context(base.naive, self.flat(messages))
            self._add(base.real.with_context(*messages), made, f"{self.name(base)}.with_context{messages}")
            return
        sources = self.random.sources()
        real = cl.LoggingContext(base=base.real, sources=self._real_sources(sources))
        self._add(real, naive.Context(base.naive, sources=sources), f"nested in {self.name(base)} {sources}")

    def _add(self, real: cl.LoggingContext, known: naive.Context, text: str) -> None:
        self.contexts.append(ContextPair(real, known))
        self.note(f"context {len(self.contexts) - 1}: {text}")

    @staticmethod
    def _real_sources(facts: Sequence[naive.SourceFacts] | None) -> list[cl.Source] | None:
        return None if facts is None else [own.source_of(one) for one in facts]

    @staticmethod
    def flat(messages: Sequence[object]) -> tuple[object, ...]:
        """Return what the generated messages mean."""
        return tuple(cl.Attribute("message", one) if isinstance(one, str) else one for one in messages)

    def name(self, pair: ContextPair) -> str:
        return f"context {self.contexts.index(pair)}"

    def change(self) -> None:
        """Make one random change of one context; its generation, and that of what is nested in it, must grow."""
        pair = self.random.one(self.contexts)
        before = [(each, each.real.generation, _said(each.naive)) for each in self.contexts]
        kind = self.random.one(("add", "add", "replace", "replace with level", "level", "target", "copy", "reset"))
        if kind == "add":
            self._add_rules(pair)
        elif kind in ("replace", "replace with level"):
            rules = self._rules(4)
            level = self.random.one((*randomly.LEVELS, None))
            pair.naive.replace(rules)
            if kind == "replace":
                pair.real.replace_rules(rules)
            else:
                pair.real.replace_rules(rules, default_level=level)
                pair.naive.default_level = level
            self.note(f"{self.name(pair)}.replace_rules({rules}) {kind} {level}")
        elif kind == "level":
            level = self.random.one((*randomly.LEVELS, None))
            pair.real.default_level = level  # pyright: ignore[reportAttributeAccessIssue]
            pair.naive.default_level = level
            self.note(f"{self.name(pair)}.default_level = {level}")
        elif kind == "target":
            self._set_target(pair)
        elif kind == "copy":
            pair = self._copy_rules(pair)
        else:
            pair.real.reset_rules()
            pair.naive.rules = []
            self.note(f"{self.name(pair)}.reset_rules()")
        self._check_generations(before, pair)

    def _rules(self, most: int) -> list[cl.Rule]:
        return self.random.some(lambda: self.random.rule(ELSEWHERE), most)

    def _add_rules(self, pair: ContextPair) -> None:
        rules = self._rules(3)
        pair.real.add_rule(*rules)
        pair.naive.add(rules)
        self.note(f"{self.name(pair)}.add_rule{tuple(rules)}")

    def _set_target(self, pair: ContextPair) -> None:
        root = pair.naive.base is None
        target = self.random.one(tuple(TARGETS) if root else (*TARGETS, None))
        offset = self.random.one((0, 0, 2))
        pair.real.set_target(None if target is None else TARGETS[target], offset)
        pair.naive.target, pair.naive.offset = target, offset
        self.note(f"{self.name(pair)}.set_target({target}, {offset})")

    def _copy_rules(self, pair: ContextPair) -> ContextPair:
        other = self.random.one(self.contexts)
        given = list(pair.naive.rules)
        pair.real.add_rules_to(other.real)
        other.naive.add(given)
        self.note(f"{self.name(pair)}.add_rules_to({self.name(other)})")
        return other

    def _check_generations(self, before: list[tuple[ContextPair, int, list[object]]], pair: ContextPair) -> None:
        for each, generation, said in before:
            # Setting what is set already may count as a change or not; it is no other context's in any case.
            now = each.real.generation
            changed = _said(each.naive) != said
            assert (now > generation) if changed else (now >= generation), (self.name(each), generation, now)
            if not any(one is pair.naive for one in each.naive.chain()):
                assert now == generation, (self.name(each), generation, now)
            assert list(each.real.rules) == list(reversed(each.naive.rules)), self.name(each)
            assert all(one is other for one, other in zip(each.real.rules, reversed(each.naive.rules), strict=True))
            assert each.real.default_level == each.naive.level(), self.name(each)

    # Questions

    def ambient(self, pair: ContextPair) -> naive.Ambient:
        """Return what the sources of that context find now."""
        target, _ = pair.naive.where()
        resource = {"place": target, "a": 1} if target in PROVIDERS else None
        return naive.ambient_of(pair.naive.all_sources(), self.now.naive, resource)

    def expected(self, pair: ContextPair, messages: Sequence[object]) -> naive.Answer:
        """Return the naive answer here and now for a call with these messages besides those of the context."""
        explicit = (*pair.naive.message_context(), *messages)
        return pair.naive.decide(explicit, self.ambient(pair), OwnSink(pair.naive))

    def keep_logger(self) -> None:
        """Make a logger that is asked again and again."""
        pair = self.random.one(self.contexts)
        messages = tuple(self.random.some(self.random.message, 3))
        flat = self.flat(messages)
        if self.random.chance(3):
            answer = self.expected(pair, flat)
            real: AnyLogger = pair.real.logger(*messages)
            self.loggers.append(
                LoggerPair(real, pair, flat, bound=True, answer=None if answer.rule is None else answer)
            )
        else:
            real = pair.real.unbound_logger(*messages)
            self.loggers.append(LoggerPair(real, pair, flat, bound=False, answer=None))
        self.note(f"logger {len(self.loggers) - 1}: {self.name(pair)} {messages} {type(real).__name__}")

    def check_kept(self) -> None:
        """Ask every logger that was kept, twice: the second answer may come from a cache."""
        for number, logger in enumerate(self.loggers):
            if not logger.bound:
                expected = self.expected(logger.context, logger.messages)
            elif logger.answer is not None:
                expected = logger.answer
            else:
                expected = naive.Answer(logger.context.naive.level(), OwnSink(logger.context.naive), None)
            for _ in range(2):
                self._same_levels(logger.real, expected.level, f"kept logger {number}")
            self._same_goal(logger.real, expected, f"kept logger {number}")

    def check_new(self) -> None:
        """Ask everything that a context can be asked about new messages."""
        pair = self.random.one(self.contexts)
        messages = tuple(self.random.some(self.random.message, 3))
        flat = self.flat(messages)
        self.note(f"asked: {self.name(pair)} {messages}")
        expected = self.expected(pair, flat)
        unbound = pair.real.unbound_logger(*messages)
        self._same_levels(pair.real.logger(*messages), expected.level, "bound")
        self._same_levels(unbound, expected.level, "unbound")
        self._same_levels(unbound.bound(), expected.level, "unbound, bound now")
        self._same_levels(pair.real.with_context(*messages).logger(), expected.level, "with context")
        self._same_goal(self.random.one((unbound, pair.real.logger(*messages))), expected, "new logger")
        self._check_explanation(pair, messages, expected)
        self._check_alone(pair, messages, flat)
        self._check_event(pair, messages, flat)

    def _check_explanation(self, pair: ContextPair, messages: tuple[object, ...], expected: naive.Answer) -> None:
        explanation = pair.real.explain(*messages)
        rules = pair.naive.asked()
        before = rules if expected.rule is None else rules[: [id(one) for one in rules].index(id(expected.rule))]
        assert explanation.level == expected.level, "explained level"
        assert explanation.rule is expected.rule, "explained rule"
        assert [id(rule) for rule, _ in explanation.skipped] == [id(rule) for rule in before], "skipped rules"
        assert str(explanation)

    def _check_alone(self, pair: ContextPair, messages: tuple[object, ...], flat: tuple[object, ...]) -> None:
        alone = pair.naive.first_rule(flat, naive.NOTHING, OwnSink(pair.naive))
        logger = pair.real.logger_for(*messages)
        assert (logger is cl.NON_LOGGING) == (alone is None), "logger_for"
        if alone is not None:
            self._same_levels(logger, alone.level, "logger_for")
            self._same_goal(logger, alone, "logger_for")
        condition = self.random.condition()
        try:
            matches = naive.holds(condition, naive.flat_messages((*pair.naive.message_context(), *flat), naive.NOTHING))
        except Exception:  # noqa: BLE001 - the contract: match() gives False
            matches = False
        assert pair.real.attribution(*messages).match(condition) == matches, f"match({condition})"

    def _check_event(self, pair: ContextPair, messages: tuple[object, ...], flat: tuple[object, ...]) -> None:
        fields = {
            self.random.one(("a", "b", "tenant")): self.random.one((True, 1, 1.0, "1", "x", None, [1, 2], {"k": 1}))
            for _ in range(self.random.chooser.below(3))
        }
        known = [cl.Attribute(name, value) for name, value in {**fields, "eventType": "type"}.items()]
        expected = self.expected(pair, (*flat, *known))
        ARRIVED.clear()
        eventer = pair.real.eventer(*messages)
        eventer.event("type", fields)
        assert eventer.dropped == 0
        assert self._goals(expected, 3) == ARRIVED, f"event {json.dumps(fields)}"

    def _same_levels(self, logger: AnyLogger, level: int, what: str) -> None:
        self.checks += 1
        found = [asked for asked in range(HIGHEST + 1) if logger.enabled(asked)]
        assert found == list(range(1, level + 1)), f"{what}: level {level} expected, {found} are on"

    def _same_goal(self, logger: AnyLogger, expected: naive.Answer, what: str) -> None:
        level = 1 + self.random.chooser.below(HIGHEST)
        ARRIVED.clear()
        logger.log(level, "m")
        assert self._goals(expected, level) == ARRIVED, f"{what}: a record at level {level} with {expected}"

    @staticmethod
    def _goals(expected: naive.Answer, level: int) -> list[tuple[str, int]]:
        """Return where a record at `level` must arrive, as which level or severity."""
        if level > expected.level:
            return []
        sink = expected.sink
        while isinstance(sink, own.Wrapped):
            sink = sink.inner
        if isinstance(sink, own.Elsewhere):
            return [(sink.name, level)]
        assert isinstance(sink, OwnSink)
        target, offset = sink.context.where()
        shifted = level + offset if level > 1 else level
        return [(target, (0, 17, 13, 9, 5, 1)[min(shifted, 5)] if target in PROVIDERS else shifted)]

    # Steps

    def step(self) -> None:
        """Do one random thing."""
        actions: tuple[Callable[[], None], ...] = (
            self.check_new,
            self.change,
            self.change,
            self.new_moment,
            self.change_span,
            self.change_span,
            self.back,
            self.keep_logger,
            self.nest,
        )
        self.random.one(actions)()

    def back(self) -> None:
        """Go back to an earlier moment."""
        self.go(self.random.one(self.moments))

    def live(self, steps: int) -> None:
        """Do random things, and ask everybody after each."""
        self.keep_logger()
        for _ in range(steps):
            self.step()
            self.check_kept()
