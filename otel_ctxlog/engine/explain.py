"""Explanations: the same walk as the decision, with a witness for each rule that did not match."""

from __future__ import annotations

from collections.abc import Sequence

from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.messages import Attribute, Realm, Tag, View, ask
from otel_ctxlog.engine.protocols import Condition, LogSink, Rule
from otel_ctxlog.engine.ruleset import Entry, RuleSet
from otel_ctxlog.engine.values import repr_of, safe_text

__all__ = ["Explanation", "explain"]


class Explanation(Frozen):
    """Why a level applies.

    Attributes:
        level: the level that is let through.
        rule: the rule that decided, or None for the default level.
        skipped: the rules asked before it, in that order, each with the reason why it did not match.
    """

    __slots__ = ("level", "rule", "skipped")
    __match_args__ = ("level", "rule", "skipped")

    level: int
    rule: Rule | None
    skipped: tuple[tuple[Rule, str], ...]

    def __init__(self, level: int, rule: Rule | None, skipped: tuple[tuple[Rule, str], ...]) -> None:
        put(self, "level", level)
        put(self, "rule", rule)
        put(self, "skipped", skipped)

    def __str__(self) -> str:
        decided = "the default level: no rule matched" if self.rule is None else _rule_text(self.rule)
        lines = [f"level {level_name(self.level)} by {decided}"]
        lines += [f"  not {_rule_text(rule)}: {reason}" for rule, reason in self.skipped]
        return "\n".join(lines)


def _rule_text(rule: Rule) -> str:
    return f"rule {safe_text(repr_of(rule))}"


def explain(rule_sets: Sequence[RuleSet], view: View, sink: LogSink, default_level: int) -> Explanation:
    """Return why `view` gets the level it gets."""
    skipped: list[tuple[Rule, str]] = []
    for rules in rule_sets:
        for entry, verdict in rules.walk(view, sink):
            if verdict is not None:
                return Explanation(verdict.level, entry.rule, tuple(skipped))
            skipped.append((entry.rule, _why_not(entry, view)))
    return Explanation(default_level, None, tuple(skipped))


def _why_not(entry: Entry, view: View) -> str:
    if entry.level is None:
        return "it gave no verdict"
    for condition in entry.conditions:
        try:
            holds = ask(condition, view)
        except Exception as error:  # noqa: BLE001 - whatever an own condition does
            return f"{safe_text(repr_of(condition))} raised {type(error).__name__}: {safe_text(error)}"
        if not holds:
            return _safe_witness(condition, view)
    return "it did not hold"


def _safe_witness(condition: Condition, view: View) -> str:
    try:
        return _witness(condition, view)
    except Exception as error:  # noqa: BLE001 - an own condition asked once more for its witness
        return f"{safe_text(repr_of(condition))} failed ({type(error).__name__} while asking why)"


def _witness(condition: Condition, view: View) -> str:
    """Return what a condition that does not hold has met instead."""
    text = safe_text(repr_of(condition))
    if isinstance(condition, (Realm, RealmPrefix)):
        realm = view.static.realm
        met = "there is no realm" if realm is None else f"the realm is {realm!r}"
        return f"{text} failed: {met}{_slash_hint(condition, realm)}"
    if isinstance(condition, Tag):
        tags = ", ".join(sorted(map(repr, view.static.tags)))
        return f"{text} failed: " + (f"the tags are {tags}" if tags else "there are no tags")
    if isinstance(condition, BaggageEntry):
        entries = list(condition.found(view))
        hint = "" if entries else _attribute_hint(condition, view)
        return f"{text} failed: {_met(condition.name, entries, 'baggage entry')}{hint}"
    if isinstance(condition, SpanAttribute):
        met = _met(condition.name, list(condition.found(view)), "span attribute")
        return f"{text} failed: {met}{_span_hint(view)}"
    if isinstance(condition, ResourceAttribute):
        return f"{text} failed: {_met(condition.name, list(condition.found(view)), 'resource attribute')}"
    if isinstance(condition, Attribute):
        return f"{text} failed: {_met(condition.name, list(view.values(condition.name)), 'attribute')}"
    if isinstance(condition, SpanName):
        name = view.ambient.span_name
        met = "there is no recording span" if name is None else f"the span's name is {name!r}"
        return f"{text} failed: {met}{_span_hint(view)}"
    if isinstance(condition, Sampled):
        sampled = view.ambient.sampled
        known = "the current span is sampled" if sampled else "the current span is not sampled"
        met = "there is no span source" if sampled is None else known
        return f"{text} failed: {met}"
    if isinstance(condition, And):
        failed = next((inner for inner in condition.conditions if not ask(inner, view)), condition)
        return f"{text} failed: {_witness(failed, view)}" if failed is not condition else f"{text} failed"
    if isinstance(condition, Or):
        reasons = "; ".join(_witness(inner, view) for inner in condition.conditions)
        return f"{text} failed: none of it holds ({reasons})" if reasons else f"{text} failed: it is empty"
    if isinstance(condition, Not):
        return f"{text} failed: {safe_text(repr_of(condition.condition))} holds"
    return f"{text} failed"


def _met(name: str, values: list[object], kind: str) -> str:
    if not values:
        return f"there is no {kind} {name!r}"
    return f"{kind} {name!r} is {', '.join(safe_text(_plain_repr(value)) for value in values)}"


def _plain_repr(value: object) -> str:
    return repr(str(value)) if isinstance(value, str) else repr_of(value)


def _span_hint(view: View) -> str:
    if view.ambient.sampled is None:
        return " (no span source)"
    if view.ambient.span_name is None:
        return " (no recording span: an unsampled span has no attributes)"
    return ""


def _attribute_hint(condition: BaggageEntry, view: View) -> str:
    name, value = condition.name, condition.value
    if not any(True for _ in view.values(name)):
        return ""
    if not Attribute(name, value).test(view):
        return "; there is an attribute of that name"
    return f"; there is an attribute {name!r}: Attribute({name!r}, {safe_text(_plain_repr(value))}) would match"


def _slash_hint(condition: Realm | RealmPrefix, realm: str | None) -> str:
    if isinstance(condition, Realm) and realm is not None and realm.startswith(condition.name + "/"):
        return f" (below it: RealmPrefix({condition.name!r}) would match)"
    return ""
