"""The rules of a context as the endpoint shows them: in the order asked, with what they have done."""

from __future__ import annotations

from typing import Final

from otel_ctxlog.admin.composing import controls_of
from otel_ctxlog.admin.exchange import Json
from otel_ctxlog.admin.rule_data import RuleTexts, ends_at, iso, level_of_rule
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.origin import Origin
from otel_ctxlog.loggers.statistics import RuleStatistics, Statistics

__all__ = ["ENDPOINT", "counts", "level_json", "matching", "origin_json", "rule_json"]

ENDPOINT: Final = "endpoint"
"""The kind of origin of rules that were added through an endpoint."""


def origin_json(origin: Origin | None) -> Json:
    """Return where a rule came from."""
    if origin is None:
        return None
    return {"kind": origin.kind, "place": origin.place, "actor": origin.actor, "text": str(origin)}


def level_json(level: int) -> dict[str, Json]:
    """Return a level, by number and name."""
    # JavaScript has no whole numbers beyond 53 bits, and nobody such levels.
    return {"level": min(level, 2**53 - 1), "name": level_name(level)[:40]}


def counts(rule: RuleStatistics) -> dict[str, Json]:
    """Return what changes about a rule from moment to moment."""
    return {
        "id": rule.id,
        "passed": rule.passed,
        "decided": rule.decided,
        "suppressed": dict(rule.suppressed),
        "expiresIn": rule.expires_in,
    }


def rule_json(rule: RuleStatistics, position: int, texts: RuleTexts) -> dict[str, Json]:
    """Return all about a rule.

    Args:
        rule: the rule.
        position: its place in the order asked, from 0.
        texts: the texts of rules.
    """
    shown = texts.of(rule.id, rule.rule)
    level = level_of_rule(rule.rule)
    ends = ends_at(rule.expires_in)
    return {
        **counts(rule),
        "position": position,
        "level": None if level is None else level_json(level),
        "line": shown.line,
        "yaml": shown.yaml,
        "code": shown.code,
        "origin": origin_json(rule.origin),
        "controls": controls_of(rule.rule),
        "ends": None if ends is None else iso(ends),
        "added": iso(rule.added),
        "inherited": rule.inherited,
        "fromEndpoint": rule.origin.kind == ENDPOINT,
    }


def matching(statistics: Statistics, text: str, texts: RuleTexts) -> list[tuple[int, RuleStatistics]]:
    """Return the rules, with their places, in whose text or origin all words of `text` are."""
    numbered = list(enumerate(statistics.rules))
    words = text.lower().split()
    if not words:
        return numbered
    found: list[tuple[int, RuleStatistics]] = []
    for position, rule in numbered:
        shown = texts.of(rule.id, rule.rule)
        where = f"{shown.line or ''} {shown.code} {rule.origin}".lower()
        if all(word in where for word in words):
            found.append((position, rule))
    return found
