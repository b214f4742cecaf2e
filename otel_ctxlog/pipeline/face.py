"""`setup`: one call from nothing to a running OpenTelemetry pipeline with a logging context on top."""

from __future__ import annotations

import logging
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LoggerProvider as SdkLoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

from otel_ctxlog.delivery.hearing import QuietLoggers, logger_names
from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.errors import ConfigError
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.default import set_default_context
from otel_ctxlog.pipeline.arguments import check_mapping, check_text
from otel_ctxlog.pipeline.configuring import configure_context
from otel_ctxlog.pipeline.environment import (
    exporter_names,
    read_batch,
    read_limits,
    sdk_disabled,
)
from otel_ctxlog.pipeline.exporters import Builder, Exporter, ExporterArgument, parse_exporters
from otel_ctxlog.pipeline.global_state import (
    current_propagator,
    global_logger_provider,
    global_tracer_provider,
    is_ours,
    load_propagator,
    mark_ours,
    offer_globally,
    set_propagator,
)
from otel_ctxlog.pipeline.otlp import OtlpSettings
from otel_ctxlog.pipeline.processors import PROCESSOR_LOGGERS, log_processor, span_processor
from otel_ctxlog.pipeline.rule_metrics import observe_rules
from otel_ctxlog.pipeline.spooling import no_spool, spooling_of
from otel_ctxlog.pipeline.telemetry import MemoryRecords, Telemetry, seconds_for_signals
from otel_ctxlog.pipeline.unknown_variables import warn_of_unknown_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from otel_ctxlog.config import Config
    from otel_ctxlog.engine.protocols import Source
    from otel_ctxlog.pipeline.reachability import Watched
    from otel_ctxlog.pipeline.spooling import SpoolArgument, Spooling

    ConfigArgument = str | bytes | os.PathLike[str] | Mapping[str, object] | Config

__all__ = ["setup"]


def setup(
    *,
    service_name: str | None = None,
    service_version: str | None = None,
    resource_attributes: Mapping[str, AttributeValue] | None = None,
    config: ConfigArgument | None = None,
    watch_config: bool = True,
    exporter: ExporterArgument | None = None,
    traces_exporter: ExporterArgument | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    propagators: str | Iterable[str | TextMapPropagator] | None = None,
    sources: Iterable[Source] | None = None,
    logger_provider: LoggerProvider | None = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    batch: bool = True,
    spool: SpoolArgument | None = None,
    spool_severity: str | int | None = None,
    set_global: bool = True,
    handle_signals: bool | float = True,
) -> Telemetry:
    """Return a running pipeline: providers for log records and spans, exporters, and a logging context on top.

    What an argument does not say, the standard ``OTEL_*`` variables do; what neither says is OpenTelemetry's default.
    All or nothing: on an error nothing global is changed, and no thread or file is left behind.

    With ``OTEL_SDK_DISABLED=true`` everything works and nothing is exported.

    Args:
        service_name: resource attribute ``service.name``; variable ``OTEL_SERVICE_NAME``.
        service_version: resource attribute ``service.version``.
        resource_attributes: further ones, over those of ``OTEL_RESOURCE_ATTRIBUTES``.
        config: rules and levels for the context, as `otel_ctxlog.config.configure` takes them; a text of one line that
            is no YAML mapping is the name of a file. Variable ``OTEL_CTXLOG_CONFIG``: the name of a file. Rules on one
            line in the variable ``OTEL_CTXLOG`` come on top of either, and are asked first.
        watch_config: a configuration file is watched: changes of it count, until `Telemetry.shutdown`, see
            docs/live-configuration.md.
        exporter: where log records go: ``"otlp"`` (the default), ``"console"`` (a line each on standard output),
            ``"file:PATH"`` (OTLP JSON lines, needs the extra ``file``), ``"memory"`` (see `Telemetry.memory`),
            ``"none"``, the name of an entry point ``opentelemetry_logs_exporter``, several names separated by commas, a
            ``LogRecordExporter``, or several of all these. Variable ``OTEL_LOGS_EXPORTER``.
        traces_exporter: the same for spans, with ``SpanExporter`` objects. If not given: the names and the
            ``SpanExporter`` objects in `exporter`; then ``OTEL_TRACES_EXPORTER``; then ``"otlp"``, or nothing if
            `exporter` is given.
        endpoint: URL of the collector for exporter ``otlp``, the same for log records and spans, without their paths.
        protocol: ``"grpc"`` or ``"http/protobuf"``, for exporter ``otlp``. The default is ``grpc``, as in all of
            OpenTelemetry Python, although the specification recommends the other.
        headers: sent by exporter ``otlp`` with every request, on top of those of the variables.
        propagators: names separated by commas, or propagators; variable ``OTEL_PROPAGATORS``; default: W3C trace
            context and baggage, or what somebody set.
        sources: the sources of ambient attributes of the context; default: baggage, then span.
        logger_provider: log through this one, instead of making one with exporters.
        tracer_provider: the same for spans.
        meter_provider: where the numbers about rules and the delivery of log records go, see docs/rule-controls.md and
            docs/delivery.md; default: OpenTelemetry's global one, also if it is set later.
        batch: export in batches in a thread. Otherwise each record is exported by the call that logs it. The exporters
            ``console`` and ``memory`` always work that way.
        spool: a directory, or a `Spool`: events on their way to exporter ``otlp`` are there before the call that emits
            them returns, and stay there until the collector has them, whatever becomes of the process; see
            docs/spool.md. Variable ``OTEL_CTXLOG_SPOOL``: the name of a directory.
        spool_severity: a level by name or number: other records are there, too, if they are at least that severe.
        set_global: make the providers and the propagator OpenTelemetry's global ones, and the context what
            `otel_ctxlog.default_context` stands for, until `Telemetry.shutdown`. Global providers that somebody set
            before stay, and are used in place of own ones, as they are, unless arguments ask for exporters.
        handle_signals: export what is queued before SIGTERM, SIGHUP or SIGINT ends the process by its default action,
            and then end it by it; until `Telemetry.shutdown`, and only if this is the main thread. A number is how many
            seconds that may take, True is 5. False leaves signals alone. docs/lifecycle.md says what happens to
            handlers of others.

    Raises:
        ValueError: an argument or a variable has a value that is not allowed; says which, what is allowed, and the
            nearest match.
        TypeError: an argument is of a type that is not allowed; says which, and what is.
        ConfigError: the configuration is wrong, or its file cannot be read.
        MissingExtraError: an exporter needs a distribution that is not installed.
    """
    check_text(service_name, what="argument 'service_name'")
    check_text(service_version, what="argument 'service_version'")
    check_mapping(
        resource_attributes, what="argument 'resource_attributes'", example="{'deployment.environment': 'test'}"
    )
    warn_of_unknown_variables()
    signal_seconds = seconds_for_signals(handle_signals)
    spooling = spooling_of(spool, spool_severity)
    settings = OtlpSettings(endpoint=endpoint, protocol=protocol, headers=headers)
    disabled = sdk_disabled()
    log_parts = _log_parts(exporter)
    span_parts = _span_parts(exporter, traces_exporter)
    propagator = load_propagator(propagators)
    found: dict[str, object] = {}
    own = exporter is not None or spooling is not None or bool(settings)
    if logger_provider is None and not own and not disabled and set_global:
        found["log records"] = logger_provider = global_logger_provider()
    if tracer_provider is None and traces_exporter is None and not disabled and set_global:
        found["spans"] = tracer_provider = global_tracer_provider()
    named = {SERVICE_NAME: service_name, SERVICE_VERSION: service_version}
    attributes = {**(resource_attributes or {}), **{key: value for key, value in named.items() if value is not None}}

    made = _Made(
        builder=Builder(settings, batch=batch),
        attributes=attributes,
        spooling=None if disabled else spooling,
        meter_provider=meter_provider,
    )
    # Whatever was made is shut down again if a later step fails.
    with ExitStack() as undo:
        undo.callback(made.undo)
        if made.spooling is not None and (logger_provider is not None or "otlp" not in log_parts):
            by_variable = f"OTEL_LOGS_EXPORTER is {exporter_names('logs')!r}"
            other = by_variable if exporter is None else f"argument 'exporter' is {exporter!r}"
            raise ValueError(no_spool("there is an argument 'logger_provider'" if logger_provider else other, spool))
        logger_provider = logger_provider or made.logger_provider([] if disabled else log_parts)
        tracer_provider = tracer_provider or made.tracer_provider([] if disabled else span_parts)
        context = LoggingContext(logger_provider, sources=sources)
        if isinstance(config, os.PathLike) or (isinstance(config, str) and _is_file_name(config)):
            config = Path(config)
        try:
            end_watching = configure_context(context, config, where="argument 'config'", watch=watch_config)
        except ConfigError as error:
            # What is wrong, and where, is in its text: how we came to it is none of the reader's business.
            raise error.with_traceback(None) from None
        undo.pop_all()

    telemetry = Telemetry(
        logging=context,
        eventer=context.eventer(),
        logger_provider=logger_provider,
        tracer_provider=tracer_provider,
        owned=made.providers,
        watched=made.watched,
        memory=MemoryRecords(made.builder.memory_logs, made.builder.memory_spans),
        quiet=made.quiet(),
        signal_seconds=signal_seconds,
    )
    telemetry.at_end(end_watching)
    telemetry.at_end(observe_rules(context, meter_provider).close)
    _warn_without_effect(
        [what for what, provider in found.items() if is_ours(provider)],
        {
            "service_name": service_name,
            "service_version": service_version,
            "resource_attributes": resource_attributes,
        },
    )
    if set_global:
        if not disabled:
            offer_globally(logger_provider, tracer_provider)
        _lend_default_context(context, telemetry)
        if propagator is not None:
            _lend_propagator(propagator, telemetry)
    return telemetry


def _warn_without_effect(signals: Sequence[str], arguments: Mapping[str, object]) -> None:
    given = [f"{name}={value!r}" for name, value in arguments.items() if value is not None]
    if signals and given:
        emit_diagnostic(
            f"setup() while an earlier one is alive: {' and '.join(signals)} go through its providers, for which"
            f" {', '.join(given)} has no effect. Call shutdown() of the earlier one first, name an exporter, or pass"
            " set_global=False.",
            level=logging.WARNING,
        )


@dataclass(slots=True, kw_only=True)
class _Made:
    """What `setup` makes, and has to end again: providers, and the exporters in them."""

    builder: Builder
    attributes: Mapping[str, AttributeValue]
    spooling: Spooling | None
    meter_provider: MeterProvider | None
    providers: list[SdkLoggerProvider | SdkTracerProvider] = field(default_factory=list)  # pyright: ignore[reportUnknownVariableType]
    watched: list[Watched] = field(default_factory=list)  # pyright: ignore[reportUnknownVariableType]
    _loggers: set[str] = field(default_factory=lambda: set(PROCESSOR_LOGGERS))

    def logger_provider(self, parts: Sequence[str | Exporter]) -> SdkLoggerProvider:
        provider = SdkLoggerProvider(Resource.create(self.attributes), shutdown_on_exit=False)
        self.providers.append(provider)
        mark_ours(provider)
        limits = read_limits()
        for prepared in self.builder.logs(parts):
            processor, watched = log_processor(
                prepared, limits, spooling=self.spooling, meter_provider=self.meter_provider
            )
            provider.add_log_record_processor(processor)
            self.watched.append(watched)
            self._loggers |= logger_names(prepared.exporter)
        return provider

    def tracer_provider(self, parts: Sequence[str | Exporter]) -> SdkTracerProvider:
        provider = SdkTracerProvider(resource=Resource.create(self.attributes), shutdown_on_exit=False)
        self.providers.append(provider)
        mark_ours(provider)
        read_batch("traces")
        for prepared in self.builder.traces(parts):
            processor, watched = span_processor(prepared)
            provider.add_span_processor(processor)
            self.watched.append(watched)
            self._loggers |= logger_names(prepared.exporter)
        return provider

    def quiet(self) -> QuietLoggers:
        quiet = QuietLoggers(frozenset(self._loggers))
        quiet.install()
        return quiet

    def undo(self) -> None:
        for provider in self.providers:
            provider.shutdown()


def _log_parts(exporter: ExporterArgument | None) -> list[str | Exporter]:
    if exporter is not None:
        return parse_exporters(exporter, "logs", what="argument 'exporter'")
    return parse_exporters(exporter_names("logs") or "otlp", "logs", what="OTEL_LOGS_EXPORTER")


def _span_parts(exporter: ExporterArgument | None, traces_exporter: ExporterArgument | None) -> list[str | Exporter]:
    if traces_exporter is not None:
        return parse_exporters(traces_exporter, "traces", what="argument 'traces_exporter'")
    default = "otlp"
    if exporter is not None:
        parts = parse_exporters(exporter, "logs", what="argument 'exporter'")
        for_spans: list[str | Exporter] = [part for part in parts if not isinstance(part, LogRecordExporter)]
        if for_spans or not parts:
            return for_spans
        default = "none"
    return parse_exporters(exporter_names("traces") or default, "traces", what="OTEL_TRACES_EXPORTER")


# One line without the colon, bracket or comment sign that a YAML document with any content would have.
_FILE_NAME = re.compile(r"[^\n:{\[#]+")


def _is_file_name(text: str) -> bool:
    return _FILE_NAME.fullmatch(text.strip()) is not None or ("\n" not in text and Path(text).is_file())


def _lend_default_context(context: LoggingContext, telemetry: Telemetry) -> None:
    previous = set_default_context(context)

    def give_back() -> None:
        current = set_default_context(previous)
        if current is not context:
            # Somebody has chosen another one since, which is theirs to take back.
            set_default_context(current)

    telemetry.at_end(give_back)


def _lend_propagator(propagator: TextMapPropagator, telemetry: Telemetry) -> None:
    previous = current_propagator()
    set_propagator(propagator)

    def give_back() -> None:
        if current_propagator() is propagator:
            set_propagator(previous)

    telemetry.at_end(give_back)
