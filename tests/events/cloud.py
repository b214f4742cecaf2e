"""CloudWatch Logs for tests: what stands between an eventer and a real server, and what has arrived there."""

from __future__ import annotations

import json
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


# The library of AWS has no types.
BOTO3: Any = import_module("boto3")
EXCEPTIONS: Any = import_module("botocore.exceptions")
_CONFIG: Any = import_module("botocore.config")


def make_client(address: str, **settings: object) -> Any:
    """A client of the server at that address; settings are those of `botocore.config.Config`."""
    session = BOTO3.session.Session(region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    return session.client("logs", endpoint_url=address, config=_CONFIG.Config(**settings))


class Watched:
    """A client of a real server that looks at each request, and may fail in its place.

    Attributes:
        batches: the events of all requests to put some, in order, those that failed included.
        calls: the names of all calls.
        problems: what of it the service would not have taken.
        fail: called with the name of each operation and its number, before it; what it raises is the answer.
    """

    def __init__(self, client: Any, fail: Callable[[str, int], None] | None = None) -> None:
        self._client = client
        self.fail = fail
        self.batches: list[list[dict[str, Any]]] = []
        self.calls: list[str] = []
        self.problems: list[str] = []

    def _before(self, name: str) -> None:
        self.calls.append(name)
        if self.fail is not None:
            self.fail(name, self.calls.count(name))

    def create_log_group(self, **arguments: Any) -> object:
        self._before("create_log_group")
        return self._client.create_log_group(**arguments)

    def create_log_stream(self, **arguments: Any) -> object:
        self._before("create_log_stream")
        return self._client.create_log_stream(**arguments)

    def put_log_events(self, **arguments: Any) -> object:
        events = list(arguments["logEvents"])
        self.batches.append(events)
        self.problems += problems_of(events)
        self._before("put_log_events")
        return self._client.put_log_events(**arguments)

    @property
    def sizes(self) -> list[int]:
        """The number of events of each request."""
        return [len(batch) for batch in self.batches]


def problems_of(events: Sequence[dict[str, Any]]) -> list[str]:
    """What breaks the limits of ``PutLogEvents``, counted from its documentation and not by the library's code."""
    times = [event["timestamp"] for event in events]
    size = sum(len(event["message"].encode("utf-8")) + 26 for event in events)
    checks = {
        "no events": bool(events),
        "more than 10,000 events": len(events) <= 10_000,
        f"{size} bytes": size <= 1_048_576,
        "not in chronological order": times == sorted(times),
        "more than 24 hours": not times or max(times) - min(times) <= 24 * 3_600_000,
        "no time in milliseconds": all(type(moment) is int and moment >= 0 for moment in times),
        "an empty message": all(event["message"] for event in events),
    }
    return [problem for problem, kept in checks.items() if not kept]


def error(code: str, status: int = 400, message: str = "planted") -> Exception:
    """The error that boto3 raises for that answer."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0},
    }
    made: Exception = EXCEPTIONS.ClientError(answer, "PutLogEvents")
    return made


def arrived(client: Any, group: str, stream: str) -> list[dict[str, Any]]:
    """The JSON texts in a stream, read, in the order that the server gives."""
    found: list[dict[str, Any]] = []
    token: str | None = None
    while True:
        more: dict[str, str] = {} if token is None else {"nextToken": token}
        page = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **more)
        if not page["events"] or page["nextForwardToken"] == token:
            return found
        found += [json.loads(event["message"]) for event in page["events"]]
        token = page["nextForwardToken"]


def streams(client: Any, group: str) -> list[str]:
    """The names of all streams of a group."""
    return [stream["logStreamName"] for stream in client.describe_log_streams(logGroupName=group)["logStreams"]]


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it became true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


class Gate:
    """Holds calls until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, name: str, number: int) -> None:
        if name == "put_log_events":
            self.entered.set()
            assert self._open.wait(20)

    def open(self) -> None:
        self._open.set()


def senders() -> list[threading.Thread]:
    """The threads of eventers."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("otel_ctxlog-")]
