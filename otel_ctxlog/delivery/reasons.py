"""Why a batch was not taken, from what the official exporters say about it: short, with the status, and what to do."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["advice_for", "shorten"]

_MAX_REASON: Final = 400

# How the official exporters announce another attempt; the cause is the part worth showing.
_TRANSIENT: Final = re.compile(
    r"Transient error (?P<what>.*) encountered while exporting .*, retrying in [0-9.]+s\."
    r"(?: Error details: (?P<why>.*))?",
    re.DOTALL,
)

# How they say the answer in the end; gRPC also quotes the status of a proxy that speaks HTTP.
_HTTP_STATUS: Final = re.compile(r"\b(?:code:|status:?|HTTP) (?P<status>[1-5][0-9][0-9])\b")
_GRPC_STATUS: Final = re.compile(r"\bStatusCode\.(?P<status>[A-Z_]+)")
# What `requests` and `grpc` say about headers that they do not even send.
_LOCAL_HEADERS: Final = re.compile(r"(?i)\bheader (?:name|value|part)|metadata was invalid|illegal metadata")

# What `grpc` says about a server of HTTP/1.1, and `requests` about the first frame of one of HTTP/2.
_OTHER_PROTOCOL: Final = re.compile(r"http1\.x server|Failed parsing HTTP/2|BadStatusLine\('\\x00")

_PROTOCOL: Final = (
    "It speaks another protocol: set protocol= or OTEL_EXPORTER_OTLP_PROTOCOL to grpc (port 4317) or http/protobuf"
    " (port 4318)."
)
_CREDENTIALS: Final = "It refuses the credentials: check headers= or OTEL_EXPORTER_OTLP_HEADERS."
_PATH: Final = (
    "Something answers there, but not to OTLP on this path: check the path in endpoint= or"
    " OTEL_EXPORTER_OTLP_ENDPOINT, and protocol= or OTEL_EXPORTER_OTLP_PROTOCOL."
)
_REQUEST: Final = "It refuses the request itself: check that it takes OTLP, and what its own log says."
_BUSY: Final = "It is there, but does not take this now; its own log says why."
_HEADERS: Final = "It was not sent: check headers= or OTEL_EXPORTER_OTLP_HEADERS."

_BY_STATUS: Final = {
    "401": _CREDENTIALS,
    "403": _CREDENTIALS,
    "407": _CREDENTIALS,
    "404": _PATH,
    "405": _PATH,
    "UNAUTHENTICATED": _CREDENTIALS,
    "PERMISSION_DENIED": _CREDENTIALS,
    "UNIMPLEMENTED": _PATH,
    "INVALID_ARGUMENT": _REQUEST,
    "RESOURCE_EXHAUSTED": _BUSY,
    "INTERNAL": _BUSY,
}


def shorten(reason: str) -> str:
    """Return what an exporter said on one line, without what only it wants to know, and without a full stop."""
    transient = _TRANSIENT.fullmatch(reason)
    if transient is not None:
        what, why = transient["what"], transient["why"]
        # gRPC's "unavailable" says nothing that its details do not say.
        reason = f"{what}: {why}" if why and "UNAVAILABLE" not in what else why or what
    reason = " ".join(reason.split()).rstrip(".")
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]} …"


def advice_for(reason: str, *, unanswered: str) -> str:
    """Return what to check by the answer that `reason` names, as `shorten` gives it; `unanswered` if it names none."""
    # First: the status that such a server is said to have answered is none of OTLP.
    if _OTHER_PROTOCOL.search(reason):
        return _PROTOCOL
    if _LOCAL_HEADERS.search(reason):
        return _HEADERS
    found = _HTTP_STATUS.search(reason) or _GRPC_STATUS.search(reason)
    if found is None:
        return unanswered
    status = found["status"]
    if status.isdigit() and status not in _BY_STATUS:
        return _REQUEST if status < "500" and status not in ("408", "429") else _BUSY
    return _BY_STATUS.get(status, unanswered)
