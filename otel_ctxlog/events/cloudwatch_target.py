"""One log stream of CloudWatch Logs: made when needed, and what its answers mean.

The client's library is not imported: errors are told by what botocore puts on them, ``error.response``.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, cast

from otel_ctxlog.engine.values import safe_text
from otel_ctxlog.events.cloudwatch_batch import Entry

__all__ = ["Answer", "Target", "default_stream"]

Meaning: TypeAlias = Literal["taken", "later", "refused", "unfit"]

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html and what else AWS calls being
# busy; the credentials of the next attempt may be newer.
_PASSING: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "LimitExceededException",
        "OperationAbortedException",
        "PriorRequestNotComplete",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_STALE: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_UNFIT: Final = frozenset(
    {
        "InvalidParameterException",
        "RequestEntityTooLarge",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ValidationException",
    }
)
_FORBIDDEN_CHARACTERS: Final = re.compile(r"[^\w.-]+", re.ASCII)
_LONGEST_PROGRAM: Final = 200
_LAST_TIME: Final = 253_402_300_799  # the year 9999
_EXISTS: Final = "ResourceAlreadyExistsException"
_MISSING: Final = "ResourceNotFoundException"
_FORBIDDEN: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_TOO_MANY: Final = 429
_TOO_LARGE: Final = 413
_SERVER_ERROR: Final = 500


class _Client(Protocol):
    """What is used of a client of CloudWatch Logs; the names are the service's."""

    def create_log_group(self, *, logGroupName: str) -> object: ...  # noqa: N803
    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> object: ...  # noqa: N803
    def put_log_events(
        self,
        *,
        logGroupName: str,  # noqa: N803
        logStreamName: str,  # noqa: N803
        logEvents: Sequence[Mapping[str, object]],  # noqa: N803
    ) -> object: ...


class Answer(NamedTuple):
    """What became of a request.

    Attributes:
        meaning: ``taken``; ``later``: not now; ``refused``: not until somebody changes something, a permission for
            instance; ``unfit``: what was sent is to blame.
        text: what the service said, for people; empty where it took the request.
        error: what was raised, where that looks like a mistake in a program.
        rejected: how many events of a request that was taken were not, by reason.
    """

    meaning: Meaning
    text: str = ""
    error: Exception | None = None
    rejected: Mapping[str, int] = {}


class Target:
    """Puts batches of events into one stream. Used by one thread at a time.

    Args:
        client: the client, or what makes one; it is called when the first batch is sent, and again in a forked child
            and where the credentials of the last one have expired or cannot be found.
        group: the log group.
        stream: the log stream; None: `default_stream`, another one in a forked child.
        now: gives the time in seconds since the epoch.
    """

    __slots__ = ("_client", "_made", "_make_client", "_named", "_now", "_renew", "group", "stream")

    def __init__(self, client: object, group: str, stream: str | None, *, now: Callable[[], float]) -> None:
        # A class is what makes one.
        given = not isinstance(client, type) and callable(getattr(client, "put_log_events", None))
        self._make_client = None if given else cast("Callable[[], _Client]", client)
        self._client = cast("_Client", client) if given else None
        self._renew = False
        self._made = False
        self._now = now
        self._named = stream is not None
        self.group = group
        self.stream = default_stream(now()) if stream is None else stream

    def start_in_child(self) -> None:
        """Forget what belongs to the process that this one was forked from."""
        if not self._named:
            self.stream = default_stream(self._now())
        self._made = False
        if self._make_client is None:
            self._renew = True
        else:
            self._client = None

    def put(self, entries: Sequence[Entry]) -> Answer:
        """Send one request, and return what became of it; raises nothing."""
        try:
            client = self._ready_client()
            if not self._made:
                self._make_stream(client)
            try:
                response = self._put(client, entries)
            except Exception as error:
                if _code(error) != _MISSING:
                    raise
                # Somebody has deleted the group or the stream.
                self._made = False
                self._make_stream(client)
                response = self._put(client, entries)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a client raises
            if self._make_client is not None and _stale(error):
                self._drop_client()
            return _failure(error)
        return Answer("taken", rejected=_rejected(response, len(entries)))

    def _put(self, client: _Client, entries: Sequence[Entry]) -> object:
        events = [{"timestamp": timestamp, "message": message} for timestamp, message, _ in entries]
        return client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)

    def _ready_client(self) -> _Client:
        client = self._client
        if client is None:
            client = self._client = cast("Callable[[], _Client]", self._make_client)()
        if self._renew:
            self._renew = False
            # Connections of the parent: whatever is sent through them would be mixed with what the parent sends.
            _close(client)
        return client

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        with suppress(Exception):
            _close(client)

    def _make_stream(self, client: _Client) -> None:
        try:
            client.create_log_group(logGroupName=self.group)
        except Exception as error:
            # Whoever may write into a group need not be allowed to make one.
            if _code(error) != _EXISTS and _code(error) not in _FORBIDDEN:
                raise
        try:
            client.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        except Exception as error:
            if _code(error) != _EXISTS:
                raise
        self._made = True


def default_stream(started: float) -> str:
    """Return a name for the stream of this process, as ``shop/2026-11-21T12-43-19Z-4711``.

    Args:
        started: its time, in seconds since the epoch.
    """
    path = sys.argv[0] if sys.argv else ""
    program = Path(path).name
    if program == "__main__.py":
        program = Path(path).parent.name
    program = _FORBIDDEN_CHARACTERS.sub("-", program.removesuffix(".py"))[:_LONGEST_PROGRAM].lstrip("-")
    # What is no year of a calendar is left to the service.
    moment = time.gmtime(min(max(started, 0), _LAST_TIME))
    return f"{program or 'python'}/{time.strftime('%Y-%m-%dT%H-%M-%SZ', moment)}-{os.getpid()}"


def _close(client: object) -> None:
    close = getattr(client, "close", None)
    if callable(close):
        close()


def _stale(error: BaseException) -> bool:
    """Return whether another client might have credentials that this one has not."""
    # botocore's NoCredentialsError, CredentialRetrievalError, UnauthorizedSSOTokenError and the like.
    return _code(error) in _STALE or re.search("Credential|Token", type(error).__name__) is not None


def _failure(error: Exception | SystemExit) -> Answer:
    code, status = _code(error), _status(error)
    name = type(error).__name__
    meaning: Meaning = "later"
    if code in _UNFIT or status == _TOO_LARGE or name == "ParamValidationError":
        meaning = "unfit"
    elif (
        code in _FORBIDDEN
        or isinstance(error, (AttributeError, TypeError))
        or (code not in _PASSING and code != _MISSING and 0 < status < _SERVER_ERROR and status != _TOO_MANY)
    ):
        meaning = "refused"
    # What the service and the network say needs no traceback through the client's library.
    odd = error if isinstance(error, (AttributeError, LookupError, TypeError)) else None
    return Answer(meaning, f"{code or name}: {safe_text(error)}", odd)


def _part(holder: object, key: str) -> object:
    # By what it has: a client of another kind may answer with anything.
    return cast("Mapping[str, object]", holder).get(key) if isinstance(holder, Mapping) else None


def _code(error: BaseException) -> str:
    code = _part(_part(getattr(error, "response", None), "Error"), "Code")
    return code if isinstance(code, str) else ""


def _status(error: BaseException) -> int:
    status = _part(_part(getattr(error, "response", None), "ResponseMetadata"), "HTTPStatusCode")
    return status if isinstance(status, int) else 0


def _rejected(response: object, count: int) -> Mapping[str, int]:
    """Return how many events of a request were rejected, by reason (``RejectedLogEventsInfo``)."""
    info = _part(response, "rejectedLogEventsInfo")
    if not info:
        return {}

    def index(key: str, default: int) -> int:
        found = _part(info, key)
        return min(max(found, 0), count) if isinstance(found, int) else default

    too_old = index("tooOldLogEventEndIndex", 0)
    # What is older than the group keeps events may be younger or older than what is too old for the service.
    expired = max(0, index("expiredLogEventEndIndex", 0) - too_old)
    too_new = count - index("tooNewLogEventStartIndex", count)
    found = {"tooOld": too_old, "expired": expired, "tooNew": too_new}
    return {reason: number for reason, number in found.items() if number}
