"""Records to bytes when they are emitted, with what is equal for many of them encoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource

from otel_ctxlog.delivery.wire import encode_record, encode_resource, encode_scope, plain_attributes

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

__all__ = ["Encoder"]

# Loggers of other libraries may be made with ever new scopes.
_MAX_OWNERS: Final = 2000


class Encoder:
    """Makes the three texts of bytes of a record, see `wire`.

    Args:
        official: whether all records go through the official encoder, in place of those only that ours does not take.
    """

    def __init__(self, *, official: bool = False) -> None:
        self._official = official
        # By identity: the hash of a resource is a JSON text. The objects are kept, so that no id becomes another's.
        self._owners: dict[tuple[int, int], tuple[object, object, tuple[bytes, bytes]]] = {}

    def encode(self, record: ReadWriteLogRecord) -> tuple[tuple[bytes, bytes], bytes, bool]:
        """Return (resource, scope), record, and whether it has the attribute ``eventType``.

        Raises:
            Exception: of any type: not even the official encoder takes it.
        """
        given = record.log_record
        resource, scope = record.resource, record.instrumentation_scope
        known = self._owners.get((id(resource), id(scope)))
        owner = known[2] if known is not None else self._owner(resource, scope)
        if not self._official:
            try:
                attributes = plain_attributes(given)
                return owner, encode_record(given, attributes), attributes is not None and "eventType" in attributes
            except Exception:  # noqa: BLE001, S110 - of any type, as its documentation says; the next lines judge
                pass
        return owner, _official_record(record), "eventType" in (given.attributes or ())

    def _owner(self, resource: Resource | None, scope: InstrumentationScope | None) -> tuple[bytes, bytes]:
        owner = self._encoded(resource or Resource.create({}), scope)
        if len(self._owners) >= _MAX_OWNERS:
            self._owners.clear()
        self._owners[id(resource), id(scope)] = (resource, scope, owner)
        return owner

    def _encoded(self, resource: Resource, scope: InstrumentationScope | None) -> tuple[bytes, bytes]:
        if not self._official:
            try:
                return encode_resource(resource), encode_scope(scope)
            except Exception:  # noqa: BLE001, S110 - as above
                pass
        return _official_owner(resource, scope)


# The official encoder makes a message of a whole request; what is wanted of it are parts.


def _official_record(record: ReadWriteLogRecord) -> bytes:
    readable = ReadableLogRecord(record.log_record, _NOBODY, None, record.limits)
    message = encode_logs([readable]).resource_logs[0].scope_logs[0].log_records[0]
    return message.SerializeToString()


def _official_owner(resource: Resource, scope: InstrumentationScope | None) -> tuple[bytes, bytes]:
    message = encode_logs([ReadableLogRecord(LogRecord(), resource, scope)]).resource_logs[0]
    [of_scope] = message.scope_logs
    del message.scope_logs[:]
    del of_scope.log_records[:]
    return message.SerializeToString(), of_scope.SerializeToString()


_NOBODY: Final = Resource({})
