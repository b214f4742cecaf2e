"""What the tests of sections 6 to 9 read off emitted records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.sdk._logs import ReadableLogRecord

    import otel_ctxlog as cl

    from .records import RecordingSink

T = TypeVar("T")

# A logger of either kind.
AnyLogger: TypeAlias = "cl.Logger | cl.UnboundLogger"
# What the fixture `records` is.
Records: TypeAlias = "Callable[[], list[ReadableLogRecord]]"

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1


def only(items: Iterable[T]) -> T:
    """Return the one item there is."""
    found = list(items)
    assert len(found) == 1, found
    return found[0]


def plain(value: object) -> object:
    """Return the value with every sequence as a list and every mapping as a dict, to be compared exactly."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in cast("Sequence[object]", value)]
    return value


def attributes(record: ReadableLogRecord) -> dict[str, object]:
    """Return the attributes of an exported record."""
    return {key: plain(value) for key, value in (record.log_record.attributes or {}).items()}


def sent(sink: RecordingSink) -> dict[str, object]:
    """Return the attributes of the one record the sink got."""
    return attributes_of(only(sink.records))


def attributes_of(record: Mapping[str, object]) -> dict[str, object]:
    """Return the attributes of a record of a `RecordingSink`."""
    found = record["attributes"]
    assert isinstance(found, Mapping)
    return {key: plain(value) for key, value in cast("Mapping[str, object]", found).items()}


def is_otel_value(value: object) -> bool:
    """Return whether the SDK and an OTLP exporter take the value as it is: exact types, 64 bit, valid UTF-8."""
    if value is None or type(value) in (bool, float, bytes):
        return True
    if type(value) is int:
        return INT_MIN <= value <= INT_MAX
    if isinstance(value, str):
        return is_utf8(value)
    if isinstance(value, Mapping):
        table = cast("Mapping[object, object]", value)
        return all(isinstance(key, str) and is_utf8(key) and is_otel_value(item) for key, item in table.items())
    if isinstance(value, Sequence):
        return all(is_otel_value(item) for item in cast("Sequence[object]", value))
    return False


def is_utf8(text: str) -> bool:
    """Return whether the text can be sent as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def badkey(found: Mapping[str, object]) -> list[str]:
    """Return the texts under `!BADKEY`, none if there are none."""
    texts = found.get("!BADKEY", [])
    assert isinstance(texts, Sequence)
    assert not isinstance(texts, str)
    items = list(cast("Sequence[object]", texts))
    assert all(isinstance(text, str) for text in items), items
    return [str(text) for text in items]


def last(records: Records) -> ReadableLogRecord:
    """Return the newest exported record."""
    return records()[-1]
