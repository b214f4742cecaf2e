"""OTLP JSON as values: what a line holds, with every way in which writers put it.

Integers of 64 bit come as text or as numbers, enums as numbers or by name, ids in hexadecimal (OTLP) or base64
(protobuf's own JSON), missing fields as null or not at all. Unknown fields are ignored, as OTLP demands.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, TypeAlias, Union

from msgspec import Struct, ValidationError, json

__all__ = [
    "AnyValue",
    "KeyValue",
    "LogRecord",
    "Request",
    "Scope",
    "Span",
    "Value",
    "attributes_of",
    "broken_because",
    "decode",
    "id_text",
    "integer",
    "severity_number",
    "severity_text",
    "span_kind",
    "status_code",
    "value_of",
]

Value: TypeAlias = Union[str, int, float, bool, "list[Value]", "dict[str, Value]", None]
Number: TypeAlias = int | str | None


class AnyValue(Struct, rename="camel", gc=False):
    """A value; one of its fields, or none for an empty value."""

    string_value: str | None = None
    int_value: Number = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    bytes_value: str | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None


class KeyValue(Struct, gc=False):
    """An attribute."""

    key: str = ""
    value: AnyValue | None = None


class ArrayValue(Struct, gc=False):
    """The values of an array."""

    values: list[AnyValue] | None = None


class KeyValueList(Struct, gc=False):
    """The entries of a map."""

    values: list[KeyValue] | None = None


class Scope(Struct, gc=False):
    """Who logs: the instrumentation scope."""

    name: str | None = None
    attributes: list[KeyValue] | None = None


class Resource(Struct, gc=False):
    """The process that logs."""

    attributes: list[KeyValue] | None = None


class LogRecord(Struct, rename="camel", gc=False):
    """A log record, or an event."""

    time_unix_nano: Number = None
    observed_time_unix_nano: Number = None
    severity_number: Number = None
    severity_text: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class Status(Struct, gc=False):
    """How a span ended."""

    code: Number = None
    message: str | None = None


class Span(Struct, rename="camel", gc=False):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: Number = None
    start_time_unix_nano: Number = None
    end_time_unix_nano: Number = None
    attributes: list[KeyValue] | None = None
    status: Status | None = None


class ScopeLogs(Struct, rename="camel", gc=False):
    """The log records of a scope."""

    scope: Scope | None = None
    log_records: list[LogRecord] | None = None


class ScopeSpans(Struct, gc=False):
    """The spans of a scope."""

    scope: Scope | None = None
    spans: list[Span] | None = None


class ResourceLogs(Struct, rename="camel", gc=False):
    """The log records of a process."""

    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None


class ResourceSpans(Struct, rename="camel", gc=False):
    """The spans of a process."""

    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class _Skipped(Struct, gc=False):
    """What nobody asks about; its fields are not even looked at."""


class Request(Struct, rename="camel", gc=False):
    """A line: an export request."""

    resource_logs: list[ResourceLogs] | None = None
    resource_spans: list[ResourceSpans] | None = None
    resource_metrics: list[_Skipped] | None = None
    resource_profiles: list[_Skipped] | None = None


_DECODER: Final = json.Decoder(Request)

_LOWEST, _BEYOND = -(1 << 63), 1 << 63
_NOT_FINITE: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_HEX_LENGTHS: Final = frozenset({16, 32})
_BASE64_LENGTHS: Final = {12: 8, 24: 16}
_NO_ID: Final = frozenset({"0" * 16, "0" * 32})
_SEVERITIES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
# Of records that say their severity in words only.
_BY_TEXT: Final = {
    **{name: 4 * rank + 1 for rank, name in enumerate(_SEVERITIES)},
    "WARNING": 13,
    "INFORMATION": 9,
    "CRITICAL": 21,
    "NOTICE": 10,
    "ERR": 17,
}
_KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_STATUSES: Final = ("unset", "ok", "error")


def decode(line: bytes) -> Request:
    """Return what a line holds.

    Raises:
        ValueError: it is no export request; `broken_because` says why in one line.
        MsgspecError: it is no JSON, or not of this structure, which not every release makes a ValueError.
        RecursionError: it is nested too deeply.
    """
    request = _DECODER.decode(line)
    if (
        request.resource_logs is None
        and request.resource_spans is None
        and request.resource_metrics is None
        and request.resource_profiles is None
    ):
        raise ValueError("expected an object with resourceLogs, resourceSpans or resourceMetrics")
    return request


def broken_because(error: Exception) -> str:
    """Return in one line why a line could not be read."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not JSON: not UTF-8"
    if isinstance(error, ValidationError):
        return f"not OTLP JSON: {error}"
    # `msgspec.DecodeError` is a ValueError of its own module.
    return f"not JSON: {error}" if type(error) is not ValueError else f"not OTLP JSON: {error}"


def value_of(value: AnyValue | None) -> Value:
    """Return a value as plain Python: bytes as base64 text, an empty value as None.

    Doubles that JSON has no number for are the texts ``NaN``, ``Infinity`` and ``-Infinity``.

    Raises:
        ValueError: an integer is none or has more than 64 bit; a double is none.
    """
    if value is None:
        return None
    text = value.string_value
    if text is not None:
        return text
    number = value.int_value
    if number is not None:
        return integer(number)
    double = value.double_value
    if double is not None:
        return _double(double) if type(double) is str else double
    if value.bool_value is not None:
        return value.bool_value
    if value.kvlist_value is not None:
        return attributes_of(value.kvlist_value.values)
    if value.array_value is not None:
        return [value_of(element) for element in value.array_value.values or ()]
    return value.bytes_value


def attributes_of(attributes: list[KeyValue] | None) -> dict[str, Value]:
    """Return attributes by name; of two with the same name the later one."""
    return {pair.key: value_of(pair.value) for pair in attributes} if attributes else {}


def integer(number: Number) -> int:
    """Return an integer of 64 bit, whichever way it is written; 0 where there is none.

    Raises:
        ValueError: it is none, or too large.
    """
    if number is None or number == "":
        return 0
    try:
        found = int(number)
    except ValueError:
        raise ValueError(f"expected an integer, found {number!r:.80}") from None
    if _LOWEST <= found < _BEYOND:
        return found
    raise ValueError(f"an integer has 64 bit, found {number!r:.80}")


def _double(text: str) -> float | str:
    if text in _NOT_FINITE:
        return text
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"expected a number, found {text!r:.80}") from None
    for name, special in _NOT_FINITE.items():
        if found == special or (found != found and special != special):  # noqa: PLR0124 - NaN
            return name
    return found


def id_text(text: str | None) -> str | None:
    """Return an id in lower-case hexadecimal; None for none, which is also what an id of zeros means.

    What is neither hexadecimal nor base64 of the right length stays as it is.
    """
    if not text:
        return None
    if len(text) not in _HEX_LENGTHS:
        size = _BASE64_LENGTHS.get(len(text))
        if size is None:
            return text
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return text
        if len(raw) != size:
            return text
        text = raw.hex()
    text = text.lower()
    return None if text in _NO_ID else text


def severity_number(number: Number, text: str | None) -> int:
    """Return a severity as its number, 1 to 24; 0 where neither number nor text says one."""
    if type(number) is str:
        number = _enum(number, "SEVERITY_NUMBER_", _severity_names)
    found = integer(number)
    if found <= 0:
        return _BY_TEXT.get(text.upper(), 0) if text else 0
    return min(found, 24)


def severity_text(number: int, text: str | None) -> str | None:
    """Return the severity's name, ``TRACE`` to ``FATAL``; where the number says none, the text in capitals."""
    if number > 0:
        return _SEVERITIES[(number - 1) // 4]
    return text.upper() if text else None


def span_kind(kind: Number) -> str | None:
    """Return ``internal``, ``server``, ``client``, ``producer``, ``consumer``, or None."""
    number = integer(_enum(kind, "SPAN_KIND_", _KINDS) if type(kind) is str else kind)
    return _KINDS[number] or None if 0 <= number < len(_KINDS) else None


def status_code(status: Status | None) -> str:
    """Return ``unset``, ``ok`` or ``error``."""
    if status is None or not status.code:
        return "unset"
    code = status.code
    number = integer(_enum(code, "STATUS_CODE_", _STATUSES) if type(code) is str else code)
    return _STATUSES[number] if 0 <= number < len(_STATUSES) else "unset"


_severity_names: Final = (
    "unspecified",
    *(f"{name.lower()}{number or ''}" for name in _SEVERITIES for number in ("", 2, 3, 4)),
)


def _enum(name: str, prefix: str, names: tuple[str, ...]) -> int | str:
    """The number of an enum's value that is given by name; other text as it is."""
    short = name.removeprefix(prefix).lower()
    return names.index(short) if short != "unspecified" and short in names else 0 if short == "unspecified" else name
