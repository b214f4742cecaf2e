"""A world: real contexts, loggers and OpenTelemetry contexts, each beside what the naive evaluator knows of it.

Every operation is done to both; every check asks both. What was done is kept as text, for the report of a failure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry import context

import otel_ctxlog as cl

from . import moments, naive, own, randomly
from .moments import MomentPair
from .places import Place
from .targets import ARRIVED, ELSEWHERE, MOVING, PROVIDERS, RESOURCES, TARGETS, Described

HIGHEST = 8
AnyLogger: TypeAlias = "cl.Logger | cl.UnboundLogger"


@dataclass(eq=False)
class ContextPair:
    """A logging context."""

    real: cl.LoggingContext
    naive: naive.Context


@dataclass
class OwnSink:
    """Stands for the context's own sink where the naive evaluator needs one."""

    context: naive.Context


@dataclass(eq=False)
class LoggerPair:
    """A logger that lives on; `answer` is what a rule bound it to, None for an unbound one or the default level."""

    real: AnyLogger
    context: ContextPair
    given: tuple[object, ...]
    messages: tuple[object, ...]
    bound: bool
    answer: naive.Answer | None
    levels: list[cl.VLogger]
    eventer: cl.OTelEventer


def _said(context: naive.Context) -> list[object]:
    """Return what a context and its bases say themselves, to be compared."""
    return [
        ([id(rule) for rule in one.rules], one.default_level, one.target, one.offset if one.target else 0)
        for one in context.chain()
    ]


class World:
    """Contexts, loggers and moments that grow and change by random operations."""

    def __init__(self, random: randomly.Random) -> None:
        self.random = random
        self.script: list[str] = []
        self.contexts: list[ContextPair] = []
        self.loggers: list[LoggerPair] = []
        self.moments = [MomentPair(context.Context(), naive.Moment())]
        self.places = [Place(thread=number > 1) for number in range(self.random.one((1, 2, 3)))]
        self.at = dict.fromkeys(self.places, self.moments[0])
        self.here = self.places[0]
        self.resource = RESOURCES[0]
        MOVING.resource = Described(self.resource)
        self.default: ContextPair | None = None
        self._default_before: cl.LoggingContext | None = None
        self.checks = 0
        for place in self.places:
            place.enter(self.moments[0].real)
        self.make_root()
        if self.random.chance(2):
            self._take_the_default()

    def close(self) -> None:
        """Give back what belongs to all."""
        if self._default_before is not None:
            cl.set_default_context(self._default_before)
        for place in self.places:
            place.close()

    def note(self, text: str) -> None:
        self.script.append(text)

    # OpenTelemetry

    @property
    def now(self) -> MomentPair:
        """The moment of the place where calls are made."""
        return self.at[self.here]

    def go(self, moment: MomentPair) -> None:
        """Make `moment` the current one."""
        self.here.enter(moment.real)
        self.at[self.here] = moment
        self.note(f"moment {self.moments.index(moment)}: {moment.naive}")

    def new_moment(self) -> None:
        """Go to a new OpenTelemetry context made from the current one."""
        self.moments.append(moments.next_moment(self.now, self.random))
        self.go(self.moments[-1])

    def back(self) -> None:
        """Go back to an earlier moment."""
        self.go(self.random.one(self.moments))

    def walk(self) -> None:
        """Go on in another place: a thread, or a task."""
        self.here = self.random.one(self.places)
        self.note(f"place {self.places.index(self.here)}, moment {self.moments.index(self.now)}")

    def change_span(self) -> None:
        """Change a span, that of the current moment or any other, under an unchanged context."""
        moment = self.random.one((self.now, self.now, self.random.one(self.moments)))
        done = moments.change_span(moment, self.random)
        if done is not None:
            self.note(f"{done} in moment {self.moments.index(moment)}")

    def change_resource(self) -> None:
        """Give the moving provider another resource; no logging context hears of it."""
        self.resource = self.random.one(RESOURCES)
        MOVING.resource = Described(self.resource)
        self.note(f"resource {self.resource}")

    # Contexts

    def make_root(self) -> None:
        """Make a root context."""
        target, sources = self.random.one((*TARGETS, "moving", "moving")), self.random.sources()
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

    def _take_the_default(self) -> None:
        """Make the default context one of this world's."""
        self._default_before = cl.set_default_context(self.contexts[0].real)
        self._add(cl.default_context(), naive.Context(self.contexts[0].naive), "the default context, context 0")
        self.default = self.contexts[-1]

    def set_default(self) -> None:
        """Have the default context stand for another one."""
        if self.default is None:
            return
        pair, default = self.random.one(self.contexts), self.default.naive
        before = [(each, each.real.generation) for each in self.contexts]
        cl.set_default_context(pair.real)
        self.note(f"set_default_context({self.name(pair)})")
        moved = pair.naive not in (default, default.base)
        if moved:
            one: naive.Context | None = pair.naive
            while one is not None:
                if one.base is default:  # it would become its own base
                    one.base = default.base
                    break
                one = one.base
            default.base = pair.naive
        for each, generation in before:
            of_it = default in each.naive.chain()
            least = generation + (1 if moved and of_it else 0)
            assert each.real.generation >= least, (self.name(each), generation, each.real.generation)

    def changed(self, pair: ContextPair) -> ContextPair:
        """Return the context that a change of `pair` changes."""
        if pair is not self.default:
            return pair
        return next(each for each in self.contexts if each.naive is pair.naive.base)

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
        return f"context {[each.real for each in self.contexts].index(pair.real)}"

    def change(self) -> None:
        """Make one random change of one context; its generation, and that of what is nested in it, must grow."""
        asked = self.random.one(self.contexts)
        # Through the default context, it is the one it stands for that changes.
        pair = ContextPair(asked.real, self.changed(asked).naive)
        before = [(each, each.real.generation, _said(each.naive)) for each in self.contexts]
        kind = self.random.one(("add", "add", "replace", "replace with level", "level", "target", "copy", "reset"))
        if kind == "add":
            self._add_rules(pair)
        elif kind in ("replace", "replace with level"):
            rules = self.random.rules(4, ELSEWHERE)
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

    def _add_rules(self, pair: ContextPair) -> None:
        rules = self.random.some(lambda: self.random.rule(ELSEWHERE), 3)
        pair.real.add_rule(*rules)
        pair.naive.add(rules)
        self.note(f"{self.name(pair)}.add_rule{tuple(rules)}")

    def crowd(self) -> None:
        """Give a context many rules."""
        pair = self.random.one(self.contexts)
        rules = self.random.rules(4, ELSEWHERE)
        pair.real.replace_rules(rules)
        self.changed(pair).naive.replace(rules)
        self.note(f"{self.name(pair)}.replace_rules({rules})")

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
        self.changed(other).naive.add(given)
        self.note(f"{self.name(pair)}.add_rules_to({self.name(other)})")
        return self.changed(other)

    def _check_generations(self, before: list[tuple[ContextPair, int, list[object]]], pair: ContextPair) -> None:
        for each, generation, said in before:
            # Setting what is set already may count as a change or not; it is no other context's in any case.
            now = each.real.generation
            changed = _said(each.naive) != said
            assert (now > generation) if changed else (now >= generation), (self.name(each), generation, now)
            if not any(one is pair.naive for one in each.naive.chain()):
                assert now == generation, (self.name(each), generation, now)
            rules = self.changed(each).naive.rules
            assert list(map(id, each.real.rules)) == list(map(id, reversed(rules))), self.name(each)
            assert each.real.default_level == each.naive.level(), self.name(each)

    # Questions

    def ambient(self, pair: ContextPair) -> naive.Ambient:
        """Return what the sources of that context find now."""
        target, _ = pair.naive.where()
        resource: Mapping[str, object] | None = {"place": target, "a": 1} if target in PROVIDERS else None
        if target == "moving":
            resource = self.resource
        return naive.ambient_of(pair.naive.all_sources(), self.now.naive, resource)

    def expected(self, pair: ContextPair, messages: Sequence[object]) -> naive.Answer:
        """Return the naive answer here and now for a call with these messages besides those of the context."""
        explicit = (*pair.naive.message_context(), *messages)
        return pair.naive.decide(explicit, self.ambient(pair), OwnSink(pair.naive))

    def keep_logger(self) -> None:
        """Make a logger, and an eventer, that are asked again and again."""
        pair = self.random.one(self.contexts)
        messages = tuple(self.random.some(self.random.message, 3))
        flat = self.flat(messages)
        bound = self.random.chance(3)
        answer = None
        if bound:
            expected = self.expected(pair, flat)
            answer = None if expected.rule is None else expected
            real: AnyLogger = self.here.do(lambda: pair.real.logger(*messages))
        else:
            real = self.here.do(lambda: pair.real.unbound_logger(*messages))
        if self.random.chance(3):
            real = real.with_name("n").with_values(v=1)
        levels = [real.v(level) for level in range(1, HIGHEST + 1)]
        eventer = self.here.do(lambda: pair.real.eventer(*messages))
        self.loggers.append(LoggerPair(real, pair, messages, flat, bound, answer, levels, eventer))
        self.note(f"logger {len(self.loggers) - 1}: {self.name(pair)} {messages} {type(real).__name__}")

    def check_kept(self) -> None:
        """Ask every logger that was kept, twice: the second answer may come from a cache; in one place and another."""
        for number, logger in enumerate(self.loggers):
            self._check_one_kept(logger, f"kept logger {number}")
            if len(self.places) > 1:
                before = self.here
                self.here = self.random.one(self.places)
                self._check_one_kept(logger, f"kept logger {number} in place {self.places.index(self.here)}")
                self.here = before

    def _check_one_kept(self, logger: LoggerPair, what: str) -> None:
        expected = now = self.expected(logger.context, logger.messages)
        if logger.bound:
            default = naive.Answer(logger.context.naive.level(), OwnSink(logger.context.naive), None)
            expected = logger.answer or default
        for _ in range(2):
            self._same_levels(logger.real, expected.level, what)
        self._same_goal(logger.real, expected, what)
        way = self.random.chooser.below(6)
        if way == 0:
            on = self.here.do(lambda: [one.enabled() for one in logger.levels])
            assert on == [level <= expected.level for level in range(1, HIGHEST + 1)], f"{what}: v loggers"
        elif way == 1:
            self._check_event(logger.context, logger.eventer, logger.messages)
        elif way == 2:
            self._check_explanation(logger.context, logger.given, now)
        elif way == 3:
            real = self.here.do(lambda: logger.context.real.logger(*logger.given))
            self._same_levels(real, now.level, f"{what}: bound anew")
        elif way == 4:
            self._check_alone(logger.context, logger.given, logger.messages)

    def check_new(self) -> None:
        """Ask everything that a context can be asked about new messages."""
        pair = self.random.one(self.contexts)
        messages = tuple(self.random.some(self.random.message, 3))
        flat = self.flat(messages)
        self.note(f"asked: {self.name(pair)} {messages}")
        expected = self.expected(pair, flat)
        unbound, bound, now, nested, eventer = self.here.do(
            lambda: (
                (unbound := pair.real.unbound_logger(*messages)),
                pair.real.logger(*messages),
                unbound.bound(),
                pair.real.with_context(*messages).logger(),
                pair.real.eventer(*messages),
            )
        )
        self._same_levels(bound, expected.level, "bound")
        self._same_levels(unbound, expected.level, "unbound")
        self._same_levels(now, expected.level, "unbound, bound now")
        self._same_levels(nested, expected.level, "with context")
        self._same_goal(self.random.one((unbound, bound)), expected, "new logger")
        self._check_explanation(pair, messages, expected)
        self._check_alone(pair, messages, flat)
        self._check_event(pair, eventer, flat)

    def _check_explanation(self, pair: ContextPair, messages: tuple[object, ...], expected: naive.Answer) -> None:
        explanation = self.here.do(lambda: pair.real.explain(*messages))
        rules = pair.naive.asked()
        before = rules if expected.rule is None else rules[: [id(one) for one in rules].index(id(expected.rule))]
        assert explanation.level == expected.level, "explained level"
        assert explanation.rule is expected.rule, "explained rule"
        assert [id(rule) for rule, _ in explanation.skipped] == [id(rule) for rule in before], "skipped rules"
        assert str(explanation)

    def _check_alone(self, pair: ContextPair, messages: tuple[object, ...], flat: tuple[object, ...]) -> None:
        alone = pair.naive.first_rule(flat, naive.NOTHING, OwnSink(pair.naive))
        logger = self.here.do(lambda: pair.real.logger_for(*messages))
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

    def _check_event(self, pair: ContextPair, eventer: cl.OTelEventer, flat: tuple[object, ...]) -> None:
        fields = {
            self.random.one(("a", "b", "tenant")): self.random.one((True, 1, 1.0, "1", "x", None, [1, 2], {"k": 1}))
            for _ in range(self.random.chooser.below(3))
        }
        known = [cl.Attribute(name, value) for name, value in {**fields, "eventType": "type"}.items()]
        expected = self.expected(pair, (*flat, *known))
        ARRIVED.clear()
        self.here.do(lambda: eventer.event("type", fields))
        assert eventer.dropped == 0
        assert self._goals(expected, 3) == ARRIVED, f"event {json.dumps(fields)}"

    def _same_levels(self, logger: AnyLogger, level: int, what: str) -> None:
        self.checks += 1
        found = self.here.do(lambda: [asked for asked in range(HIGHEST + 1) if logger.enabled(asked)])
        assert found == list(range(1, level + 1)), f"{what}: level {level} expected, {found} are on"

    def _same_goal(self, logger: AnyLogger, expected: naive.Answer, what: str) -> None:
        level = 1 + self.random.chooser.below(HIGHEST)
        ARRIVED.clear()
        self.here.do(lambda: logger.log(level, "m"))
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
            self.new_moment,
            self.change_span,
            self.change_span,
            self.change_span,
            self.back,
            self.walk,
            self.keep_logger,
            self.nest,
            self.set_default,
            self.change_resource,
        )
        self.random.one(actions)()

    def live(self, steps: int) -> None:
        """Do random things, and ask everybody after each."""
        self.keep_logger()
        for _ in range(steps):
            self.step()
            self.check_kept()
