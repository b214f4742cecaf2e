"""OTLP JSON: the encoding of OTLP requests that OTLP/HTTP and the Collector's file receiver speak.

It is protobuf's own JSON with three deviations (OTLP specification, "JSON Protobuf Encoding"): trace and span ids are
hexadecimal and not base64, enums are integers, and unknown fields are ignored, among them every name that is not in
lowerCamelCase.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, TypeVar, cast

from google.protobuf import json_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    MessageT = TypeVar("MessageT", bound=Message)

# Messages as deep as protobuf's own format allows: its 100 do not count the outermost one, JSON's do.
_MAX_DEPTH = 101
# Where a complaint names each level of a deep structure, beginning and end say enough.
_MAX_COMPLAINT = 400

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")

# Where ids are: the path of arrays from a request down, then the fields there.
_IDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("resourceLogs", "scopeLogs", "logRecords"), ("traceId", "spanId")),
    (("resourceSpans", "scopeSpans", "spans"), ("traceId", "spanId", "parentSpanId")),
    (("resourceSpans", "scopeSpans", "spans", "links"), ("traceId", "spanId")),
)


def to_json_object(message: Message) -> dict[str, object]:
    """The OTLP JSON object of an export request or response."""
    structure = cast("dict[str, object]", json_format.MessageToDict(message, use_integers_for_enums=True))
    _convert_ids(structure, _base64_to_hex)
    return structure


def to_json_line(message: Message) -> str:
    """The OTLP JSON of an export request on one line, with its line end; non-ASCII characters are kept."""
    return json.dumps(to_json_object(message), ensure_ascii=False, separators=(",", ":")) + "\n"


def from_json(data: bytes | str, message: MessageT) -> MessageT:
    """The given empty message, filled from OTLP JSON.

    Raises:
        ValueError: no JSON, or not of this message; the text says what and where.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        structure: object = json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    return from_json_object(structure, message)


def from_json_object(structure: object, message: MessageT) -> MessageT:
    """As `from_json`, from the decoded structure, which is changed on the way."""
    if not isinstance(structure, dict):
        raise ValueError(f"expected a JSON object, found {type(structure).__name__}")  # noqa: TRY004
    request = cast("dict[str, object]", structure)
    try:
        _drop_snake_case(request)
        _convert_ids(request, _hex_to_base64)
        json_format.ParseDict(request, message, ignore_unknown_fields=True, max_recursion_depth=_MAX_DEPTH)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except (json_format.ParseError, ValueError, TypeError, AttributeError, UnicodeError) as error:
        raise ValueError(f"not OTLP JSON: {_shortened(str(error))}") from None
    return message


def _shortened(complaint: str) -> str:
    if len(complaint) <= _MAX_COMPLAINT:
        return complaint
    return f"{complaint[: _MAX_COMPLAINT // 2]} … {complaint[-_MAX_COMPLAINT // 2 :]}"


def _base64_to_hex(value: object) -> object:
    return base64.b64decode(cast("str", value)).hex()


def _hex_to_base64(value: object) -> object:
    if value is None:
        return None
    # `bytes.fromhex` alone would skip blanks.
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError(f"an id is an even number of hexadecimal digits, found {value!r:.80}")
    return base64.b64encode(bytes.fromhex(value)).decode()


def _convert_ids(request: dict[str, object], convert: Callable[[object], object]) -> None:
    for path, fields in _IDS:
        for element in _elements(request, path):
            for name in fields:
                if name in element:
                    element[name] = convert(element[name])


def _elements(element: dict[str, object], path: tuple[str, ...]) -> list[dict[str, object]]:
    """The objects at the end of a path of arrays; what is no array of objects is left to protobuf's own complaint."""
    found = [element]
    for name in path:
        below: list[dict[str, object]] = []
        for parent in found:
            children = parent.get(name)
            if isinstance(children, list):
                below.extend(
                    cast("dict[str, object]", child)
                    for child in cast("list[object]", children)
                    if isinstance(child, dict)
                )
        found = below
    return found


def _drop_snake_case(structure: object) -> None:
    """Take out the names that only protobuf's JSON knows: ``trace_id`` would be read as base64."""
    pending: list[object] = [structure]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            fields = cast("dict[str, object]", current)
            for name in [name for name in fields if "_" in name]:
                del fields[name]
            pending.extend(fields.values())
        elif isinstance(current, list):
            pending.extend(cast("list[object]", current))
