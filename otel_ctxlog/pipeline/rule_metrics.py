"""What rules do, as OpenTelemetry metrics.

Counters that are asked when metrics are collected: a logging call pays nothing for them.

=============================== ==================================================================================
``otel_ctxlog.rule.records``    records written by a rule's decision, and those that its controls held back:
                                ``otel_ctxlog.outcome`` is ``passed`` or the reason: ``limit``, ``sample``,
                                ``first``, ``sampledTracesOnly``
``otel_ctxlog.rule.decisions``  decisions that a rule made
``otel_ctxlog.rules``           how many rules there are, by ``otel_ctxlog.rule.origin.kind``
=============================== ==================================================================================

The first two carry ``otel_ctxlog.rule.origin`` (``file rules.yaml:12``) and ``otel_ctxlog.rule.level``; rules that have
both in common are counted together, those that have gone included: a counter never falls. Beyond 500 of them, further
ones are counted under the origin ``others``.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Meter, MeterProvider, Observation, get_meter

from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.rules import ConditionRule, uncontrolled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions

    from otel_ctxlog.engine.protocols import Rule
    from otel_ctxlog.loggers.context import LoggingContext
    from otel_ctxlog.loggers.statistics import RuleStatistics

__all__ = ["RuleMetrics", "observe_rules"]

ORIGIN: Final = "otel_ctxlog.rule.origin"
LEVEL: Final = "otel_ctxlog.rule.level"
OUTCOME: Final = "otel_ctxlog.outcome"
KIND: Final = "otel_ctxlog.rule.origin.kind"

_MOST_SERIES: Final = 500
_OTHERS: Final = "others"
_DECIDED: Final = "decided"


class RuleMetrics:
    """The metrics of the rules of one context, until `close`; does not keep the context alive."""

    def __init__(self, context: LoggingContext, meter: Meter) -> None:
        self._context: weakref.ref[LoggingContext] | None = weakref.ref(context)
        self._counted: set[tuple[str, str]] = set()
        self._known: dict[int, RuleStatistics] = {}
        self._past: Counter[tuple[str, str, str]] = Counter()
        meter.create_observable_counter(
            "otel_ctxlog.rule.records",
            [self._records],
            unit="{record}",
            description="Records that rules let through: written, or held back by the controls of the rule.",
        )
        meter.create_observable_counter(
            "otel_ctxlog.rule.decisions",
            [self._decisions],
            unit="{decision}",
            description="Decisions that rules made; one that is kept and used again counts once.",
        )
        meter.create_observable_gauge(
            "otel_ctxlog.rules", [self._rules], unit="{rule}", description="Rules of the logging context."
        )

    def close(self) -> None:
        """Tell nothing any more; OpenTelemetry has no way to take an instrument back."""
        self._context = None

    def _statistics(self) -> tuple[RuleStatistics, ...]:
        context = None if self._context is None else self._context()
        return () if context is None else context.statistics().rules

    def _key(self, found: RuleStatistics) -> tuple[str, str]:
        key = (str(found.origin), _level_of(found.rule))
        if key not in self._counted:
            if len(self._counted) >= _MOST_SERIES:
                return (_OTHERS, "")
            self._counted.add(key)
        return key

    def _add(self, found: RuleStatistics, counts: Counter[tuple[str, str, str]]) -> None:
        if found.passed or found.suppressed or found.decided:
            origin, level = self._key(found)
            if found.passed or found.suppressed:
                counts[origin, level, "passed"] += found.passed
            for reason, count in found.suppressed.items():
                counts[origin, level, reason] += count
            counts[origin, level, _DECIDED] += found.decided

    def _counts(self) -> Counter[tuple[str, str, str]]:
        """Return what was counted so far; of rules that have gone, what was known of them last."""
        if self._context is None:
            return Counter()
        # Two readers may ask at once, a signal handler in between: at worst one of them sees a count later.
        now = {found.id: found for found in self._statistics()}
        before, self._known = self._known, now
        for number in before.keys() - now.keys():
            self._add(before[number], self._past)
        counts = self._past.copy()
        for found in now.values():
            self._add(found, counts)
        return counts

    def _records(self, _options: CallbackOptions) -> Iterable[Observation]:
        for (origin, level, outcome), count in self._counts().items():
            if outcome != _DECIDED:
                yield Observation(count, {ORIGIN: origin, LEVEL: level, OUTCOME: outcome})

    def _decisions(self, _options: CallbackOptions) -> Iterable[Observation]:
        for (origin, level, outcome), count in self._counts().items():
            if outcome == _DECIDED and count:
                yield Observation(count, {ORIGIN: origin, LEVEL: level})

    def _rules(self, _options: CallbackOptions) -> Iterable[Observation]:
        kinds = Counter(found.origin.kind for found in self._statistics())
        for kind, count in kinds.items():
            yield Observation(count, {KIND: kind})


def _level_of(rule: Rule) -> str:
    inner = uncontrolled(rule)
    return level_name(inner.level) if isinstance(inner, ConditionRule) else ""


def observe_rules(context: LoggingContext, meter_provider: MeterProvider | None = None) -> RuleMetrics:
    """Have the rules of a context counted as metrics, until `RuleMetrics.close`.

    Args:
        context: the logging context.
        meter_provider: where the metrics go; None: the global meter provider, also one that is set later.
    """
    return RuleMetrics(context, get_meter("otel_ctxlog", meter_provider=meter_provider))
