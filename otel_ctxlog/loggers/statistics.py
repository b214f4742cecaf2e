"""What the rules of a context have done, as values."""

from __future__ import annotations

from collections.abc import Mapping

from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.origin import Origin
from otel_ctxlog.engine.protocols import Rule

__all__ = ["RuleStatistics", "Statistics"]


class RuleStatistics(Frozen):
    """What one rule has done since it was added.

    Attributes:
        id: what names the rule in this process; `LoggingContext.remove_rule` takes it.
        rule: the rule.
        origin: where it came from.
        passed: the number of records that were written by its decision.
        decided: the number of decisions that it made. A decision that is kept and used again counts once: what is off
            costs nothing, and so is not counted either.
        suppressed: the number of records that its controls held back, by reason: ``sampledTracesOnly``, ``sample``,
            ``first``, ``limit``.
        expires_in: seconds until it ends, or None where it does not.
        added: when it was added, in seconds since the epoch.
        inherited: whether it is a rule of a base.
    """

    __slots__ = ("added", "decided", "expires_in", "id", "inherited", "origin", "passed", "rule", "suppressed")
    __match_args__ = ("id", "rule", "origin", "passed", "decided", "suppressed", "expires_in", "added", "inherited")

    id: int
    rule: Rule
    origin: Origin
    passed: int
    decided: int
    suppressed: Mapping[str, int]
    expires_in: float | None
    added: float
    inherited: bool

    def __init__(
        self,
        id: int,
        rule: Rule,
        origin: Origin,
        *,
        passed: int = 0,
        decided: int = 0,
        suppressed: Mapping[str, int] | None = None,
        expires_in: float | None = None,
        added: float = 0.0,
        inherited: bool = False,
    ) -> None:
        put(self, "id", id)
        put(self, "rule", rule)
        put(self, "origin", origin)
        put(self, "passed", passed)
        put(self, "decided", decided)
        put(self, "suppressed", dict(suppressed or {}))
        put(self, "expires_in", expires_in)
        put(self, "added", added)
        put(self, "inherited", inherited)


class Statistics(Frozen):
    """What the rules of a context have done.

    Attributes:
        rules: one entry per rule, in the order asked: the own ones, then those of the bases.
        default_level: the level where no rule matches.
        generation: the context's generation that this is about.
    """

    __slots__ = ("default_level", "generation", "rules")
    __match_args__ = ("rules", "default_level", "generation")

    rules: tuple[RuleStatistics, ...]
    default_level: int
    generation: int

    def __init__(self, rules: tuple[RuleStatistics, ...], default_level: int, generation: int) -> None:
        put(self, "rules", rules)
        put(self, "default_level", default_level)
        put(self, "generation", generation)
