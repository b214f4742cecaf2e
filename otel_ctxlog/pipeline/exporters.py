"""From what was asked for, as a name or an object, to exporters whose failures are watched.

Names: ``otlp``, ``console``, ``memory``, ``none``, ``file:PATH``, and every name that an installed distribution
registers as an entry point ``opentelemetry_logs_exporter`` or ``opentelemetry_traces_exporter``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from opentelemetry.sdk._logs.export import (
    ConsoleLogRecordExporter,
    InMemoryLogRecordExporter,
    LogRecordExporter,
)
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_ctxlog.delivery.destination import Destination
from otel_ctxlog.delivery.protocols import Transport
from otel_ctxlog.errors import MissingExtraError
from otel_ctxlog.pipeline.console import console_log_exporter, console_span_exporter
from otel_ctxlog.pipeline.environment import Signal, choose
from otel_ctxlog.pipeline.otlp import (
    OtlpSettings,
    destination_key,
    destination_text,
    otlp_log_transport,
    otlp_span_exporter,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Builder", "ExporterArgument", "Prepared", "parse_exporters"]

Exporter = LogRecordExporter | SpanExporter
ExporterArgument = str | Exporter | Iterable[str | Exporter]

_FILE: Final = "file:"
_OWN_NAMES: Final = ("otlp", "console", "memory", "none")
_EXPORTERS: Final = "names, LogRecordExporter and SpanExporter objects"
_GROUPS: Final[dict[Signal, str]] = {"logs": "opentelemetry_logs_exporter", "traces": "opentelemetry_traces_exporter"}

E = TypeVar("E", bound=LogRecordExporter | Transport | SpanExporter)


@dataclass(frozen=True, slots=True)
class Prepared(Generic[E]):
    """An exporter or transport, what its diagnostics are about, and whether it gets batches from a thread."""

    exporter: E
    destination: Destination
    batch: bool


def parse_exporters(argument: ExporterArgument, signal: Signal, *, what: str) -> list[str | Exporter]:
    """Return the exporters asked for: checked names, without repetitions and ``none``, and objects.

    Args:
        argument: a name, several separated by commas, an exporter, or several of these.
        signal: whose entry points count.
        what: where it was said, for the error.

    Raises:
        ValueError: a name that is not known; the nearest match is named.
        TypeError: something that is neither a name nor an exporter.
    """
    parts: list[str | Exporter] = []
    if isinstance(argument, str) and not argument.strip(" ,"):
        raise ValueError(f"{what} is {argument!r}, allowed: {', '.join(_names(signal))}")
    if not isinstance(argument, (str, LogRecordExporter, SpanExporter, Iterable)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{what} is {argument!r}, allowed: {_EXPORTERS}")  # pyright: ignore[reportUnreachable]
    given = [argument] if isinstance(argument, (str, LogRecordExporter, SpanExporter)) else list(argument)
    for item in given:
        if isinstance(item, str):
            names = [name.strip() for name in item.split(",")]
            parts.extend(_checked(name, signal, what=what) for name in names if name)
        elif isinstance(item, (LogRecordExporter, SpanExporter)):  # pyright: ignore[reportUnnecessaryIsInstance]
            parts.append(item)
        else:
            raise TypeError(f"{what} has {item!r}, allowed: {_EXPORTERS}")  # pyright: ignore[reportUnreachable]
    unique: list[str | Exporter] = []
    for part in parts:
        if part != "none" and not any(part is known or part == known for known in unique):
            unique.append(part)
    return unique


def _checked(name: str, signal: Signal, *, what: str) -> str:
    if name.startswith(_FILE):
        if name == _FILE:
            raise ValueError(f"{what} has {name!r}, allowed: file:PATH, like 'file:telemetry.jsonl'")
        return name
    return choose(name, _names(signal), what=what)


def _names(signal: Signal) -> tuple[str, ...]:
    registered = sorted({point.name for point in entry_points(group=_GROUPS[signal])} - set(_OWN_NAMES))
    return (*_OWN_NAMES, "file:PATH", *registered)


@dataclass(slots=True)
class Builder:
    """Makes the exporters of both signals; those that go to the same place share a `Destination`.

    Attributes:
        settings: for the exporter ``otlp``.
        batch: whether exporters that may be slow get a queue and a thread.
        memory_logs: the exporter named ``memory``, once it was asked for.
        memory_spans: the same for spans.
    """

    settings: OtlpSettings
    batch: bool = True
    memory_logs: InMemoryLogRecordExporter | None = None
    memory_spans: InMemorySpanExporter | None = None
    _destinations: dict[str, Destination] = field(default_factory=dict[str, Destination])

    def logs(self, parts: Sequence[str | Exporter]) -> Iterable[Prepared[LogRecordExporter | Transport]]:
        """Make the exporters of log records one by one, a transport for OTLP; those of spans are left out."""
        for part in parts:
            if isinstance(part, str):
                to = self._named_log_exporter(part)
                yield Prepared(to, self._destination(part, "logs"), batch=self._batch(to))
            elif isinstance(part, LogRecordExporter):
                exporter: LogRecordExporter | Transport = part
                yield Prepared(exporter, _own_destination(part), batch=self._batch(part))

    def traces(self, parts: Sequence[str | Exporter]) -> Iterable[Prepared[SpanExporter]]:
        """Make the exporters of spans one by one; exporters of log records among `parts` are left out."""
        for part in parts:
            if isinstance(part, str):
                exporter = self._named_span_exporter(part)
                yield Prepared(exporter, self._destination(part, "traces"), batch=self._batch(exporter))
            elif isinstance(part, SpanExporter):
                yield Prepared(part, _own_destination(part), batch=self._batch(part))

    def _batch(self, exporter: Exporter | Transport) -> bool:
        # In memory and on a terminal a line is wanted at once and in order with what the program prints.
        at_once = (InMemoryLogRecordExporter, ConsoleLogRecordExporter, InMemorySpanExporter, ConsoleSpanExporter)
        return self.batch and not isinstance(exporter, at_once)

    def _named_log_exporter(self, name: str) -> LogRecordExporter | Transport:
        if name == "otlp":
            return otlp_log_transport(self.settings)
        if name == "console":
            return console_log_exporter()
        if name == "memory":
            self.memory_logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
            return self.memory_logs
        if name.startswith(_FILE):
            return _file_log_exporter(name.removeprefix(_FILE))
        made = _from_entry_point(name, "logs")
        if not isinstance(made, LogRecordExporter):
            raise TypeError(f"entry point {name!r} of {_GROUPS['logs']} gives {made!r}, not a LogRecordExporter")
        return made

    def _named_span_exporter(self, name: str) -> SpanExporter:
        if name == "otlp":
            return otlp_span_exporter(self.settings)
        if name == "console":
            return console_span_exporter()
        if name == "memory":
            self.memory_spans = InMemorySpanExporter()
            return self.memory_spans
        if name.startswith(_FILE):
            return _file_span_exporter(name.removeprefix(_FILE))
        made = _from_entry_point(name, "traces")
        if not isinstance(made, SpanExporter):
            raise TypeError(f"entry point {name!r} of {_GROUPS['traces']} gives {made!r}, not a SpanExporter")
        return made

    def _destination(self, name: str, signal: Signal) -> Destination:
        if name != "otlp":
            return self._destinations.setdefault(name, Destination(f"exporter {name!r}", advice=""))
        key = f"otlp {destination_key(signal, self.settings)}"
        text, advice = destination_text(signal, self.settings)
        return self._destinations.setdefault(key, Destination(text, advice=advice))


def _own_destination(exporter: Exporter) -> Destination:
    return Destination(f"exporter {type(exporter).__qualname__}", advice="")


def _from_entry_point(name: str, signal: Signal) -> object:
    point = next(iter(entry_points(group=_GROUPS[signal], name=name)))
    try:
        return point.load()()
    except Exception as error:
        raise ValueError(f"exporter {name!r} ({point.value}) cannot be made: {error}") from error


def _file_log_exporter(path: str) -> LogRecordExporter:
    try:
        from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter
    except ImportError as error:
        raise MissingExtraError("exporter 'file:PATH'", "file") from error
    try:
        return FileLogExporter(path)
    except OSError as error:
        raise ValueError(f"exporter 'file:{path}' cannot write its file: {error.strerror}") from error


def _file_span_exporter(path: str) -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.json.file import FileSpanExporter
    except ImportError as error:
        raise MissingExtraError("exporter 'file:PATH'", "file") from error
    try:
        return FileSpanExporter(path)
    except OSError as error:
        raise ValueError(f"exporter 'file:{path}' cannot write its file: {error.strerror}") from error
