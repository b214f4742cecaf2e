"""What the standard `OTEL_*` variables say, checked: each reader names the variable when its value is wrong.

The official exporters and processors read most variables by themselves. Read here is what decides which of them are
built, and what they would report by a traceback, by silence, or not at all.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
from typing import TYPE_CHECKING, Final, Literal, cast
from urllib.parse import urlsplit

from otel_ctxlog.delivery.limits import Limits
from otel_ctxlog.engine.diagnostics import emit_diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Compression",
    "Protocol",
    "Signal",
    "check_endpoint",
    "check_readable_files",
    "choose",
    "config_path",
    "read_batch",
    "read_compression",
    "read_file_name",
    "read_limits",
    "read_protocol",
    "read_queue",
    "sdk_disabled",
    "signal_variable",
]

Signal = Literal["logs", "traces"]
Protocol = Literal["grpc", "http/protobuf"]
Compression = Literal["none", "gzip", "deflate"]

CONFIG_VARIABLE: Final = "OTEL_CTXLOG_CONFIG"
# What OpenTelemetry Python's exporter `otlp` speaks unless told otherwise; a deployment that sets no protocol has a
# collector that expects it.
DEFAULT_PROTOCOL: Final[Protocol] = "grpc"
# Of one export, in seconds, by the specification.
DEFAULT_TIMEOUT: Final = 10.0

# The defaults of the specification, in records, milliseconds, and records.
_DEFAULT_QUEUE: Final = 2048
_DEFAULT_DELAY: Final = 1000
_DEFAULT_BATCH: Final = 512
_BATCHES: Final[dict[Signal, str]] = {"logs": "OTEL_BLRP", "traces": "OTEL_BSP"}

QUEUE_BYTES_VARIABLE: Final = "OTEL_CTXLOG_QUEUE_BYTES"
QUEUE_BLOCK_VARIABLE: Final = "OTEL_CTXLOG_QUEUE_BLOCK"
SPOOL_VARIABLE: Final = "OTEL_CTXLOG_SPOOL"

# The targets of gRPC that are no URLs but could not be mistyped ones either.
_GRPC_TARGET: Final = re.compile(r"(?:dns|unix|unix-abstract|ipv4|ipv6|vsock|xds):")


def choose(value: str, allowed: Iterable[str], *, what: str) -> str:
    """Return `value` if it is one of `allowed`.

    Raises:
        ValueError: otherwise; says where it came from (`what`), what is allowed, and the nearest match.
    """
    names = list(allowed)
    if value in names:
        return value
    nearest = [name for name in names if value and name.startswith(value)]
    nearest += difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{what} is {value!r}, allowed: {', '.join(names)}{hint}")


def signal_variable(signal: Signal, setting: str) -> str:
    """Return the name of the OTLP variable for one signal: ``OTEL_EXPORTER_OTLP_LOGS_ENDPOINT``."""
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{setting}"


def _read(signal: Signal, setting: str) -> tuple[str, str] | None:
    # The variable of the signal wins over the one for all; an empty variable counts as unset.
    for variable in (signal_variable(signal, setting), f"OTEL_EXPORTER_OTLP_{setting}"):
        value = os.environ.get(variable, "").strip()
        if value:
            return variable, value
    return None


def sdk_disabled() -> bool:
    """Return whether ``OTEL_SDK_DISABLED`` is ``true``, in any case.

    What is neither that nor ``false`` counts as false, with a warning, as the specification wants it
    (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#boolean).
    """
    text = os.environ.get("OTEL_SDK_DISABLED", "").strip()
    if text.lower() not in ("", "true", "false"):
        said = f"OTEL_SDK_DISABLED is {text!r}, which counts as false, allowed: true, false"
        emit_diagnostic(said, level=logging.WARNING)
    return text.lower() == "true"


def config_path() -> str | None:
    """Return the path in ``OTEL_CTXLOG_CONFIG``, or None."""
    return os.environ.get(CONFIG_VARIABLE, "").strip() or None


def exporter_names(signal: Signal) -> str | None:
    """Return the text of ``OTEL_LOGS_EXPORTER`` or ``OTEL_TRACES_EXPORTER``, or None."""
    return os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or None


def read_protocol(signal: Signal, explicit: str | None) -> Protocol:
    """Return the OTLP protocol: `explicit`, else the signal's variable, else the common one, else ``grpc``.

    Raises:
        ValueError: it is neither ``grpc`` nor ``http/protobuf``.
    """
    if explicit is not None:
        return cast("Protocol", choose(explicit, ("grpc", "http/protobuf"), what="argument 'protocol'"))
    found = _read(signal, "PROTOCOL")
    if found is None:
        return DEFAULT_PROTOCOL
    variable, value = found
    return cast("Protocol", choose(value.lower(), ("grpc", "http/protobuf"), what=variable))


def read_compression(signal: Signal, protocol: Protocol) -> Compression:
    """Return the compression from the variables, ``none`` if they are silent.

    Raises:
        ValueError: it is not ``none`` or ``gzip``, nor, over HTTP, ``deflate``.
    """
    found = _read(signal, "COMPRESSION")
    if found is None:
        return "none"
    variable, value = found
    allowed = ("none", "gzip") if protocol == "grpc" else ("none", "gzip", "deflate")
    return cast("Compression", choose(value.lower(), allowed, what=f"{variable} (protocol {protocol})"))


def read_timeout(signal: Signal) -> float:
    """Return the timeout of an export from the variables, in seconds; 10 if they are silent.

    Raises:
        ValueError: it is no positive number.
    """
    found = _read(signal, "TIMEOUT")
    if found is None:
        return DEFAULT_TIMEOUT
    variable, value = found
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{variable} is {value!r}, allowed: a positive number of seconds")
    return seconds


def read_insecure(signal: Signal) -> bool | None:
    """Return whether gRPC goes without TLS to an endpoint that does not say it; None if the variables are silent."""
    found = _read(signal, "INSECURE")
    return None if found is None else found[1].lower() == "true"


def check_readable_files(signal: Signal) -> None:
    """Check that the files named by the certificate variables can be read.

    Raises:
        ValueError: one cannot; the exporters would go on without it, or fail at the first export.
    """
    for setting in ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"):
        found = _read(signal, setting)
        if found is None:
            continue
        variable, path = found
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - the text of the variable belongs into the error as it is
                file.read(1)
        except OSError as error:
            raise ValueError(f"{variable} names {path!r}, which cannot be read: {error.strerror}") from error


def check_endpoint(endpoint: str, *, what: str) -> str:
    """Return `endpoint` if it is a URL with a host.

    Raises:
        ValueError: it is not; a missing ``http://`` is pointed out, since ``host:4317`` alone would silently mean TLS.
    """
    parts = urlsplit(endpoint)
    if parts.scheme in ("http", "https") and parts.netloc:
        return endpoint
    hint = "" if "//" in endpoint or not endpoint else f"; did you mean 'http://{endpoint}'?"
    raise ValueError(f"{what} is {endpoint!r}, allowed: a URL like http://localhost:4317 or https://host{hint}")


def read_endpoint(signal: Signal, protocol: Protocol) -> tuple[str, str] | None:
    """Return the variable that names the endpoint, and the endpoint; None if there is none.

    Raises:
        ValueError: it is no URL. Over gRPC ``host:port`` is allowed if ``OTEL_EXPORTER_OTLP_INSECURE`` says whether
            that is with TLS or without, and so are gRPC's own targets, like ``unix:PATH``.
    """
    found = _read(signal, "ENDPOINT")
    if found is None:
        return None
    variable, endpoint = found
    target = protocol == "grpc" and (_GRPC_TARGET.match(endpoint) or read_insecure(signal) is not None)
    if not target:
        check_endpoint(endpoint, what=variable)
    return found


def read_file_name(signal: Signal, setting: str) -> str | None:
    """Return the name in ``OTEL_EXPORTER_OTLP_{setting}``, or the signal's own; `check_readable_files` has tried it."""
    found = _read(signal, setting)
    return None if found is None else found[1]


def _whole(variable: str, default: int) -> int:
    """Return the number in a variable.

    Raises:
        ValueError: it is no positive whole number, for which the SDK would log a traceback and go on with its default.
    """
    text = os.environ.get(variable)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number <= 0:
        raise ValueError(f"{variable} is {text!r}, allowed: a whole number above 0")
    return number


def read_queue(signal: Signal) -> int:
    """Return how many records or spans may wait, from ``OTEL_BLRP_MAX_QUEUE_SIZE`` or ``OTEL_BSP_MAX_QUEUE_SIZE``.

    Raises:
        ValueError: it is no positive whole number.
    """
    return _whole(f"{_BATCHES[signal]}_MAX_QUEUE_SIZE", _DEFAULT_QUEUE)


def read_batch(signal: Signal) -> int:
    """Return how many records or spans go into a batch, from ``OTEL_BLRP_*`` or ``OTEL_BSP_*``.

    A queue smaller than the default batch makes smaller batches; the SDK alone would refuse it.

    Raises:
        ValueError: one of the variables is no positive whole number, or the batch is said to be longer than the queue.
    """
    prefix = _BATCHES[signal]
    queue = read_queue(signal)
    for setting in ("SCHEDULE_DELAY", "EXPORT_TIMEOUT"):
        _whole(f"{prefix}_{setting}", _DEFAULT_DELAY)
    batch = _whole(f"{prefix}_MAX_EXPORT_BATCH_SIZE", min(queue, _DEFAULT_BATCH))
    if batch > queue:
        raise ValueError(
            f"{prefix}_MAX_EXPORT_BATCH_SIZE is {batch}, allowed: at most {prefix}_MAX_QUEUE_SIZE, which is {queue}"
        )
    return batch


def read_limits() -> Limits:
    """Return the limits of log records that wait: ``OTEL_BLRP_*`` and our own variables, else the defaults.

    Raises:
        ValueError: a variable has a value that is not allowed.
    """
    defaults = Limits()
    text = os.environ.get(QUEUE_BLOCK_VARIABLE, "").strip()
    try:
        block = float(text or 0)
    except ValueError:
        block = -1.0
    if not 0 <= block < float("inf"):
        raise ValueError(f"{QUEUE_BLOCK_VARIABLE} is {text!r}, allowed: seconds, 0 or more")
    return Limits(
        records=read_queue("logs"),
        bytes=_whole(QUEUE_BYTES_VARIABLE, defaults.bytes),
        batch_records=read_batch("logs"),
        delay=_whole("OTEL_BLRP_SCHEDULE_DELAY", _DEFAULT_DELAY) / 1000,
        timeout=min(read_timeout("logs"), _whole("OTEL_BLRP_EXPORT_TIMEOUT", 30_000) / 1000),
        block=block,
    )
