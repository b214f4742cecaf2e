"""The counts of rules as OpenTelemetry metrics, read through a real meter provider."""

from __future__ import annotations

import gc

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData, NumberDataPoint

import otel_ctxlog as cl
from otel_ctxlog.pipeline.rule_metrics import observe_rules


class Nowhere:
    """Takes all and keeps nothing."""

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        pass


def _read(reader: InMemoryMetricReader) -> dict[str, dict[tuple[object, ...], float]]:
    data: MetricsData | None = reader.get_metrics_data()
    if data is None:
        return {}
    metrics = [
        metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
    ]
    found: dict[str, dict[tuple[object, ...], float]] = {}
    for metric in metrics:
        points = found[metric.name] = {}
        for point in metric.data.data_points:
            assert isinstance(point, NumberDataPoint)
            points[tuple(dict(point.attributes or {}).values())] = point.value
    return found


def test_records_decisions_and_rules() -> None:
    """What was written and what was held back, by where the rule came from, its level and the reason."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    context = cl.LoggingContext(Nowhere())
    metrics = observe_rules(context, provider)
    limited = cl.ControlledRule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop")), limit=cl.Limit("1/h", burst=2))
    context.add_rule(limited, origin=cl.Origin("file", "rules.yaml:3"))
    context.add_rule(cl.ConditionRule(cl.ERROR, cl.Realm("noisy")), origin=cl.Origin("endpoint", actor="alice"))
    logger = context.unbound_logger(cl.Realm("shop"))
    for _ in range(5):
        logger.debug("m")

    assert _read(reader) == {
        "otel_ctxlog.rule.records": {
            ("file rules.yaml:3", "Debug", "passed"): 2,
            ("file rules.yaml:3", "Debug", "limit"): 3,
        },
        "otel_ctxlog.rule.decisions": {("file rules.yaml:3", "Debug"): 1},
        "otel_ctxlog.rules": {("endpoint",): 1, ("file",): 1},
    }

    metrics.close()
    assert not any(_read(reader).values())
    provider.shutdown()


def test_series_are_few() -> None:
    """Ten thousand rules from ten thousand lines do not make as many series."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    context = cl.LoggingContext(Nowhere())
    metrics = observe_rules(context, provider)
    rules = [cl.ConditionRule(cl.DEBUG, cl.Realm(f"r{number}")) for number in range(1000)]
    origins = [cl.Origin("file", f"rules.yaml:{number}") for number in range(1000)]
    context.apply(rules=rules, origins=origins)
    for number in range(1000):
        context.logger(cl.Realm(f"r{number}")).debug("m")
    records = _read(reader)["otel_ctxlog.rule.records"]

    assert len(records) == 501
    assert records["others", "", "passed"] == 500
    metrics.close()
    provider.shutdown()


def test_a_context_is_not_kept_alive() -> None:
    """A context that is gone has no metrics."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    context = cl.LoggingContext(Nowhere())
    context.add_rule(cl.ConditionRule(cl.DEBUG))
    metrics = observe_rules(context, provider)
    del context
    gc.collect()

    assert not any(_read(reader).values())
    metrics.close()
    provider.shutdown()
