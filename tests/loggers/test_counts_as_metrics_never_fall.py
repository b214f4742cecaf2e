"""Counters of rules go on counting when the rules that they are about have gone."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

import otel_ctxlog as cl
from otel_ctxlog.pipeline.rule_metrics import observe_rules

FILE = cl.Origin("file", "rules.yaml:3")


class Nowhere:
    """Takes all and keeps nothing."""

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        pass


def _passed(reader: InMemoryMetricReader) -> float | None:
    data = reader.get_metrics_data()
    if data is None:
        return None
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name == "otel_ctxlog.rule.records":
            (point,) = metric.data.data_points
            assert isinstance(point, NumberDataPoint)
            return point.value
    return None


def test_a_rule_that_goes_takes_no_count_with_it() -> None:
    """Rules of one place and level that come and go are one counter, and it only grows, until it is closed."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    context = cl.LoggingContext(Nowhere())
    metrics = observe_rules(context, provider)
    found: list[float | None] = []
    for number in range(3):
        rule = cl.ConditionRule(cl.DEBUG, cl.Realm(f"shop{number}"))
        context.add_rule(rule, origin=FILE)
        for _ in range(number + 1):
            context.logger(cl.Realm(f"shop{number}")).debug("m")
        found.append(_passed(reader))
        if number != 1:
            context.remove_rule(rule)
            found.append(_passed(reader))
    metrics.close()
    found.append(_passed(reader))
    provider.shutdown()

    assert found == [1, 1, 3, 6, 6, None]
