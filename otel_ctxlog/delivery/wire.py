"""Log records straight into the bytes of OTLP, without a protobuf object per value.

The official encoder makes about 25 message objects for a record with seven attributes, and asks the resource for its
hash, a JSON text, once per record; that is more than half of what a record costs from the call to the collector
(``docs/export-cost.md``). Here the wire format is written at once: https://protobuf.dev/programming-guides/encoding/,
with the field numbers of ``opentelemetry/proto/{logs,common,resource}/v1``. The bytes are those that the official
encoder's message serialises to (``tests/delivery/test_our_bytes_are_those_of_the_official_encoder.py``).

A record is encoded when it is emitted, into three texts of bytes that can wait, be written to disk and be put together
to requests in any company: the *record* (the content of a ``LogRecord``), its *resource* (of a ``ResourceLogs``,
without the scopes) and its *scope* (of a ``ScopeLogs``, without the records).

Only what is certain is encoded: values of exactly the types that the SDK makes of attributes. For anything else
(subclasses, integers beyond 64 bits, text that is no valid UTF-8, wrong types) the functions raise, and their caller
gives the record to the official encoder, which knows what to do with it or how to complain.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, cast

from opentelemetry._logs import SeverityNumber
from opentelemetry.attributes import BoundedAttributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

__all__ = [
    "UnencodableError",
    "encode_record",
    "encode_resource",
    "encode_scope",
    "message",
    "plain_attributes",
    "text_attribute",
    "varint",
]

_SEVEN_BITS: Final = 1 << 7
_FOURTEEN_BITS: Final = 1 << 14
_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(_SEVEN_BITS))
_UINT64: Final = (1 << 64) - 1
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1

# A tag is the number of a field times 8 plus how its value is written: 0 varint, 1 eight bytes, 2 length and bytes,
# 5 four bytes.
_double: Final = Struct("<Bd").pack
_fixed64: Final = Struct("<BQ").pack
_fixed32: Final = Struct("<BI").pack
_tail: Final = Struct("<BI2s16s2s8sBQ").pack

# KeyValue.value with a text, up to the text itself: AnyValue's length, tag and the text's length, each one byte.
_MAX_SHORT_TEXT: Final = 125
_TEXT_VALUE: Final = tuple(
    b"\x12" + _ONE_BYTE[size + 2] + b"\x0a" + _ONE_BYTE[size] for size in range(_MAX_SHORT_TEXT + 1)
)

# What is known of attribute names: the encoded name, and what stands before a text value of a given length, if that is
# the value. Names are few in a healthy program; where they are not, this is emptied whenever it is full.
_MAX_KEYS: Final = 1000
_MAX_KEY_LENGTH: Final = 100
_MAX_HEADS: Final = 32
_keys: dict[str, tuple[bytes, dict[int, bytes]]] = {}

# Severity texts are free, although everybody uses those of the specification.
_MAX_SEVERITIES: Final = 100
_severities: dict[str, tuple[SeverityNumber | None, bytes]] = {}


class UnencodableError(Exception):
    """A value is none of those that are encoded here; the official encoder has to see it."""


def encode_resource(resource: Resource) -> bytes:
    """Return the content of a ``ResourceLogs`` without its scopes: the resource, and its schema URL.

    Raises:
        Exception: of any type: it is for the official encoder to judge; see the module.
    """
    return message(b"\x0a", _attributes(b"\x0a", resource.attributes)) + _text(b"\x1a", resource.schema_url)


def encode_scope(scope: InstrumentationScope | None) -> bytes:
    """Return the content of a ``ScopeLogs`` without its records: the scope, and its schema URL.

    Raises:
        Exception: as `encode_resource`.
    """
    if scope is None:
        return message(b"\x0a", ())
    parts = (_text(b"\x0a", scope.name), _text(b"\x12", scope.version), *_attributes(b"\x1a", scope.attributes))
    return message(b"\x0a", parts) + _text(b"\x1a", scope.schema_url)


def plain_attributes(record: LogRecord) -> Mapping[str, object] | None:
    """Return the attributes of a record as a dict, to be looked at and not to be changed; None if it has none.

    Raises:
        UnencodableError: they are no mapping of the kinds that are encoded here.
    """
    attributes = record.attributes
    # Iterating over the SDK's own mapping takes a lock and a lookup per key; its copy is a dict.
    if type(attributes) is BoundedAttributes:
        return attributes.copy()
    if type(attributes) is dict or attributes is None:
        return attributes  # pyright: ignore[reportUnknownVariableType] - checked one by one
    raise UnencodableError(type(attributes))


def encode_record(record: LogRecord, attributes: Mapping[str, object] | None) -> bytes:
    """Return the content of a ``LogRecord``.

    Args:
        record: the record.
        attributes: what `plain_attributes` gives for it.

    Raises:
        Exception: as `encode_resource`.
    """
    timestamp, observed = record.timestamp, record.observed_timestamp
    trace_id, span_id = record.trace_id, record.span_id
    parts = [_fixed64(0x09, timestamp)] if timestamp else []
    number, text = record.severity_number, record.severity_text
    known = _severities.get(text) if type(text) is str else None
    parts.append(known[1] if known is not None and known[0] is number else _severity(number, text))
    parts.append(_sized(b"\x2a", _any_value(record.body)))
    if attributes is not None:
        _record_attributes(parts, attributes)
    given = record.attributes
    if type(given) is BoundedAttributes and given.dropped:
        parts.append(b"\x38" + varint(given.dropped))
    flags = int(record.trace_flags)
    if flags and trace_id and span_id and observed:
        # The usual record, in a sampled span: all of what is done one by one below.
        trace, span = trace_id.to_bytes(16, "big"), span_id.to_bytes(8, "big")
        parts.append(_tail(0x45, flags, b"\x4a\x10", trace, b"\x52\x08", span, 0x59, observed))
    else:
        if flags:
            parts.append(_fixed32(0x45, flags))
        if trace_id != 0:
            parts.append(b"\x4a\x10" + trace_id.to_bytes(16, "big"))
        if span_id != 0:
            parts.append(b"\x52\x08" + span_id.to_bytes(8, "big"))
        if observed:
            parts.append(_fixed64(0x59, observed))
    if record.event_name is not None:
        parts.append(_text(b"\x62", record.event_name))
    return b"".join(parts)


def text_attribute(key: str, text: str) -> bytes:
    """Return one attribute more, to be appended to the content of a ``LogRecord``: fields may come in any order."""
    return message(b"\x32", _key_value(key, text))


def _severity(number: SeverityNumber | None, text: str | None) -> bytes:
    if number is not None and type(number) is not SeverityNumber:
        raise UnencodableError(number)
    encoded = b"" if number is None or not number.value else b"\x10" + _ONE_BYTE[number.value]
    encoded += _text(b"\x1a", text)
    if text is not None and len(text) <= _MAX_KEY_LENGTH:
        if len(_severities) >= _MAX_SEVERITIES:
            _severities.clear()
        _severities[text] = (number, encoded)
    return encoded


def _record_attributes(parts: list[bytes], attributes: Mapping[str, object]) -> None:
    """Append each attribute as the field ``LogRecord.attributes``; the loop that most of the time goes into."""
    for key, value in attributes.items():
        # By its type first: an object of another may equal a name that is known, and not be it.
        prefix, heads = (_keys.get(key) if type(key) is str else None) or _key(key)
        if type(value) is str:
            text = value.encode()
            size = len(text)
            parts.append(heads.get(size) or _head(prefix, heads, size))
            parts.append(text)
        else:
            encoded = _any_value(value)
            size = len(encoded)
            field = prefix + b"\x12" + (_ONE_BYTE[size] if size < _SEVEN_BITS else varint(size)) + encoded
            size = len(field)
            parts.append(b"\x32" + (_ONE_BYTE[size] if size < _SEVEN_BITS else varint(size)) + field)


def _key(key: str) -> tuple[bytes, dict[int, bytes]]:
    if type(key) is not str:
        raise UnencodableError(type(key))
    made: tuple[bytes, dict[int, bytes]] = (_text(b"\x0a", key), {})
    if len(key) <= _MAX_KEY_LENGTH:
        if len(_keys) >= _MAX_KEYS:
            _keys.clear()
        _keys[key] = made
    return made


def _head(prefix: bytes, heads: dict[int, bytes], size: int) -> bytes:
    """Return what stands before a text of `size` bytes in an attribute of the record."""
    if size > _MAX_SHORT_TEXT:
        text = b"\x0a" + varint(size)
        value = prefix + b"\x12" + varint(len(text) + size) + text
        return b"\x32" + varint(len(value) + size) + value
    value = prefix + _TEXT_VALUE[size]
    head = b"\x32" + varint(len(value) + size) + value
    if len(heads) < _MAX_HEADS:
        heads[size] = head
    return head


def _any_value(value: object) -> bytes:
    """Return the fields of an ``AnyValue``: none for None, otherwise exactly one, also if it is zero or empty."""
    if type(value) is str:
        return _sized(b"\x0a", value.encode())
    if type(value) is int:
        return _integer(value)
    if type(value) is float:
        return _double(0x21, value)
    if type(value) is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if value is None:
        return b""
    if type(value) is bytes:
        return _sized(b"\x3a", value)
    if type(value) is tuple or type(value) is list:
        items = cast("Sequence[object]", value)
        return message(b"\x2a", [_sized(b"\x0a", _any_value(item)) for item in items])
    if type(value) is dict:
        # As the official encoder: keys that are no text become text here, but not at the top.
        entries = cast("dict[object, object]", value).items()
        return message(b"\x32", [message(b"\x0a", _key_value(str(key), item)) for key, item in entries])
    raise UnencodableError(type(value))


def _integer(value: int) -> bytes:
    if 0 <= value < _SEVEN_BITS:
        return b"\x18" + _ONE_BYTE[value]
    if not _INT64_MIN <= value <= _INT64_MAX:
        raise UnencodableError(value)
    return b"\x18" + varint(value & _UINT64)


def _attributes(tag: bytes, attributes: object) -> list[bytes]:
    if not attributes:
        return []
    if type(attributes) is BoundedAttributes:
        attributes = attributes.copy()
    if type(attributes) is not dict:
        raise UnencodableError(type(attributes))
    entries = cast("dict[str, object]", attributes).items()
    return [message(tag, _key_value(key, value)) for key, value in entries]


def _key_value(key: str, value: object) -> Sequence[bytes]:
    return (_text(b"\x0a", key), _sized(b"\x12", _any_value(value)))


def _text(tag: bytes, text: str | None) -> bytes:
    """Return a text field; as everywhere in proto3, nothing if it is empty."""
    if not text:
        if text is None or type(text) is str:
            return b""
        raise UnencodableError(text)
    if type(text) is not str:
        raise UnencodableError(type(text))
    return _sized(tag, text.encode())


def message(tag: bytes, parts: Iterable[bytes]) -> bytes:
    """Return a field that is a message: its tag, its length and its parts."""
    return _sized(tag, b"".join(parts))


def _sized(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    return tag + (_ONE_BYTE[size] if size < _SEVEN_BITS else varint(size)) + content


def varint(number: int) -> bytes:
    """Return a number from 0 on in groups of seven bits, the lowest first, each but the last marked by its top bit."""
    if number < _SEVEN_BITS:
        return _ONE_BYTE[number]
    if number < _FOURTEEN_BITS:
        return bytes((number & 127 | 128, number >> 7))
    encoded = bytearray()
    while number >= _SEVEN_BITS:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
