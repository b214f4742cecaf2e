"""Asks one condition in every way the contract offers, so that a test can demand one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import otel_ctxlog as cl

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Sequence

MANY = 40


def _fillers() -> list[cl.Rule]:
    """Return rules that never match here, of the shapes an index would sort by."""
    shapes: list[cl.Rule] = []
    for i in range(MANY):
        shapes += [
            cl.ConditionRule(9, cl.Attribute("filler", i)),
            cl.ConditionRule(9, cl.Attribute("a", f"filler {i}")),
            cl.ConditionRule(9, cl.Attribute("a", ("filler", i))),
            cl.ConditionRule(9, cl.Attribute("a", ["filler", {"i": i}])),
            cl.ConditionRule(9, cl.Realm(f"filler/{i}")),
            cl.ConditionRule(9, cl.RealmPrefix(f"filler/{i}")),
            cl.ConditionRule(9, cl.Tag(f"filler {i}")),
            cl.ConditionRule(9, cl.BaggageEntry("a", f"filler {i}")),
            cl.ConditionRule(9, cl.SpanAttribute("a", f"filler {i}")),
        ]
    return shapes


def answers_by_rule(
    condition: cl.Condition, *messages: object, sources: Sequence[cl.Source] | None = None
) -> dict[str, bool]:
    """Return whether a rule of the condition decides, asked of every kind of logger, alone and in a crowd."""
    answers: dict[str, bool] = {}
    for crowd in (False, True):
        for nested in (False, True):
            sink = RecordingSink()
            ctx = cl.LoggingContext(sink) if sources is None else cl.LoggingContext(sink, sources=sources)
            fillers = _fillers() if crowd else []
            half = len(fillers) // 2
            ctx.replace_rules([*fillers[:half], cl.ConditionRule(7, condition), *fillers[half:]])
            asked = ctx.with_context() if nested else ctx
            if nested and crowd:
                asked.add_rule(*_fillers())
            unbound = asked.unbound_logger(*messages)
            answers |= {
                f"{kind}, {crowd=}, {nested=}": logger.enabled(7)
                for kind, logger in {
                    "bound": asked.logger(*messages),
                    "unbound": unbound,
                    "unbound, again": unbound,
                    "unbound, bound now": unbound.bound(),
                    "with context": asked.with_context(*messages).logger(),
                    "attribution": asked.attribution(*messages).unbound_logger(),
                }.items()
            }
            answers[f"explain, {crowd=}, {nested=}"] = asked.explain(*messages).level == 7
            answers[f"v, {crowd=}, {nested=}"] = asked.v(7, *messages).enabled()
    return answers


def answers(condition: cl.Condition, *messages: object) -> dict[str, bool]:
    """Return whether the condition holds of these messages alone, asked in every way."""
    ctx = cl.LoggingContext(RecordingSink(), sources=())
    flat = ctx.with_context(*messages).message_context
    found = answers_by_rule(condition, *messages, sources=())
    ctx.add_rule(cl.ConditionRule(7, condition))
    return found | {
        "directly": condition.matches(flat),
        "match": ctx.with_context(*messages).match(condition),
        "match of an attribution": ctx.attribution(*messages).match(condition),
        "logger_for": ctx.logger_for(*messages).enabled(7),
        "in And": cl.And(condition, cl.And()).matches(flat),
        "in Or": cl.Or(cl.Or(), condition).matches(flat),
        "in Not Not": cl.Not(cl.Not(condition)).matches(flat),
        "not in Not": not cl.Not(condition).matches(flat),
        "rule of Not": not any(answers_by_rule(cl.Not(condition), *messages, sources=()).values()),
        "rule of Or": all(answers_by_rule(cl.Or(cl.Tag("no such"), condition), *messages, sources=()).values()),
    }


def holds(condition: cl.Condition, *messages: object) -> bool:
    """Return the one answer that all ways of asking give; fail if they differ."""
    return one_answer(answers(condition, *messages))


def decides(condition: cl.Condition, *messages: object, sources: Sequence[cl.Source] | None = None) -> bool:
    """Return the one answer of every rule of the condition, in the OTel context of the caller."""
    return one_answer(answers_by_rule(condition, *messages, sources=sources))


def one_answer(found: dict[str, bool]) -> bool:
    """Return the answer if it is one, else fail naming who says what."""
    yes = [way for way, answer in found.items() if answer]
    no = [way for way, answer in found.items() if not answer]
    assert not yes or not no, f"true: {yes}; false: {no}"
    return bool(yes)
