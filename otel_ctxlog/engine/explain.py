"""Explanations: the same walk as the decision, with a witness for each rule that did not match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Final

from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, WARN, level_name
from otel_ctxlog.engine.messages import View
from otel_ctxlog.engine.origin import UNKNOWN, Origin
from otel_ctxlog.engine.protocols import LogSink, Rule
from otel_ctxlog.engine.ruleset import RuleSet
from otel_ctxlog.engine.values import repr_of, safe_text

__all__ = ["Explanation", "explain"]

_STD_LEVELS: Final = {
    10: ("DEBUG", DEBUG),
    20: ("INFO", INFO),
    30: ("WARNING", WARN),
    40: ("ERROR", ERROR),
    50: ("CRITICAL", ERROR),
}


class Explanation(Frozen):
    """Why a level applies.

    Attributes:
        level: the level that is let through.
        rule: the rule that decided, or None for the default level.
        skipped: the rules asked before it, in that order, each with the reason why it did not match.
        origin: where the rule that decided came from, or None for the default level.
        origins: where the skipped ones came from, in the same order.
        notes: what else matters: when the rule ends, what it holds back, what the target does with its records.
    """

    __slots__ = ("level", "notes", "origin", "origins", "rule", "skipped")
    __match_args__ = ("level", "rule", "skipped", "origin", "origins", "notes")

    level: int
    rule: Rule | None
    skipped: tuple[tuple[Rule, str], ...]
    origin: Origin | None
    origins: tuple[Origin, ...]
    notes: tuple[str, ...]

    def __init__(
        self,
        level: int,
        rule: Rule | None,
        skipped: tuple[tuple[Rule, str], ...],
        origin: Origin | None = None,
        origins: tuple[Origin, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        put(self, "level", level)
        put(self, "rule", rule)
        put(self, "skipped", skipped)
        put(self, "origin", origin)
        put(self, "origins", origins)
        put(self, "notes", notes)

    def __str__(self) -> str:
        by = "the default level: no rule matched" if self.rule is None else _rule_text(self.rule, self.origin)
        lines = [f"level {level_name(self.level)} by {by}"]
        lines += [f"  note: {note}" for note in self.notes]
        origins: tuple[Origin | None, ...] = self.origins or (None,) * len(self.skipped)
        lines += [
            f"  not {_rule_text(rule, origin)}: {reason}"
            for (rule, reason), origin in zip(self.skipped, origins, strict=True)
        ]
        return "\n".join(lines)

    def with_notes(self, notes: tuple[str, ...]) -> Explanation:
        """Return this with further notes."""
        return Explanation(self.level, self.rule, self.skipped, self.origin, self.origins, (*self.notes, *notes))


def _rule_text(rule: Rule, origin: Origin | None) -> str:
    place = "" if origin is None or origin == UNKNOWN else f" ({safe_text(origin)})"
    return f"rule {safe_text(repr_of(rule))}{place}"


def explain(rule_sets: Sequence[RuleSet], view: View, sink: LogSink, default_level: int) -> Explanation:
    """Return why `view` gets the level it gets."""
    # Few programs ever ask, and all would load it.
    from otel_ctxlog.engine.witness import why_not

    skipped: list[tuple[Rule, str]] = []
    origins: list[Origin] = []
    for rules in rule_sets:
        for entry, verdict in rules.walk(view, sink):
            held = entry.held
            if verdict is not None:
                notes = (*_level_notes(verdict.level), *_notes(held))
                return Explanation(verdict.level, held.rule, tuple(skipped), held.origin, tuple(origins), notes)
            skipped.append((held.rule, why_not(entry, view)))
            origins.append(held.origin)
    return Explanation(default_level, None, tuple(skipped), None, tuple(origins), tuple(_level_notes(default_level)))


def _level_notes(level: int) -> Iterator[str]:
    """Say what a number of ``logging`` is not."""
    if level in _STD_LEVELS:
        name, ours = _STD_LEVELS[level]
        yield (
            f"{level} is {name} of logging; here levels are verbosities, and a higher one lets more through:"
            f" {level_name(ours)} is {int(ours)}"
        )


def _notes(held: Held) -> Iterator[str]:
    """Say what the controls of a rule do."""
    from otel_ctxlog.engine.durations import duration_text

    if held.deadline is not None:
        yield f"the rule ends in {duration_text(max(1, round(held.deadline - monotonic())))}"
    governor = held.governor
    if governor is None:
        return
    suppressed = dict(governor.suppressed)
    counts = ", ".join(f"{count} by {reason}" for reason, count in suppressed.items())
    yield f"not every record goes out; held back so far: {counts or 'none'}"
