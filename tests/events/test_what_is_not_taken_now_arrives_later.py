"""Throttling, outages and refusals of CloudWatch Logs: what is tried again, what is given up, and what it says."""

from __future__ import annotations

import logging
import socket
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog.events.cloudwatch import CloudWatchEventer

from .cloud import EXCEPTIONS, Gate, Watched, arrived, error, make_client, senders, wait_until
from .flaky import Flaky

if TYPE_CHECKING:
    from collections.abc import Callable


def impatient(address: str) -> Any:
    """A client that does not try again by itself."""
    return make_client(address, connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})


def failing(times: int, make: Callable[[], Exception]) -> Callable[[str, int], None]:
    """Let the first calls that put events fail."""

    def fail(name: str, number: int) -> None:
        if name == "put_log_events" and number <= times:
            raise make()

    return fail


def errors(diagnostics: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in diagnostics if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "make",
    [
        lambda: error("ThrottlingException"),
        lambda: error("ServiceUnavailableException", 503),
        lambda: error("InternalFailure", 500),
        lambda: error("ExpiredTokenException"),
        lambda: error("OperationAbortedException"),
        lambda: error("AccessDeniedException"),
        lambda: error("UnrecognizedClientException", 403),
        lambda: error("Unheard-of", 429),
        EXCEPTIONS.NoCredentialsError,
        lambda: EXCEPTIONS.EndpointConnectionError(endpoint_url="http://nowhere"),
        lambda: OSError("network is gone"),
    ],
    ids=lambda make: str(make()),
)
def test_whatever_the_service_says_events_wait(
    client: Any, group: str, make: Callable[[], Exception], diagnostics: list[logging.LogRecord]
) -> None:
    """Events that are not taken are sent again until they are, each once; one diagnostic says so."""
    watched = Watched(client, failing(3, make))
    with CloudWatchEventer(watched, group, "s", interval=0.01) as eventer:
        for number in range(5):
            eventer.event("a", number=number)
        assert wait_until(lambda: eventer.waiting == 0)

        assert [event["number"] for event in arrived(client, group, "s")] == list(range(5))
        assert eventer.dropped == 0
    assert len(errors(diagnostics)) == 1
    assert "events are not taken, which is tried again" in errors(diagnostics)[0]
    assert diagnostics[-1].getMessage().endswith("events are taken again")


@pytest.mark.parametrize("answer", ["ThrottlingException", "ServiceUnavailableException", 500, 503, 429, "close"])
def test_a_service_that_falters_gets_all_events(server: str, client: Any, group: str, answer: str | int) -> None:
    """Over HTTP, through boto3: errors while group and stream are made, and while events are put, cost no event."""

    def falter(operation: str, number: int) -> str | int | None:
        return answer if number in (1, 3, 5, 6) else None

    with Flaky(server, falter) as proxy:
        eventer = CloudWatchEventer(impatient(proxy.address), group, "s", interval=0.01)
        for number in range(20):
            eventer.event("a", number=number)
            time.sleep(0.005)

        assert eventer.close(20)
    assert sorted(event["number"] for event in arrived(client, group, "s")) == list(range(20))
    assert eventer.dropped == 0


def test_events_wait_for_a_service_that_is_not_there_yet(server: str, client: Any, group: str) -> None:
    """Events that are recorded while nothing listens arrive when something does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    eventer = CloudWatchEventer(impatient(f"http://127.0.0.1:{port}"), group, "s", interval=0.01)
    eventer.event("early")
    time.sleep(0.3)
    early = eventer.waiting
    with Flaky(server, lambda operation, number: None, port):
        assert eventer.flush(20)
    eventer.close()

    assert early == 1
    assert [event["eventType"] for event in arrived(client, group, "s")] == ["early"]


def test_pauses_grow_and_vary() -> None:
    """Between attempts there are 0.1, 0.2, 0.4 … seconds, each up to half less."""
    times: list[float] = []

    def fail(name: str, number: int) -> None:
        if name == "put_log_events":
            times.append(time.monotonic())
            if number <= 5:
                raise error("ThrottlingException")

    with CloudWatchEventer(Watched(_Void(), fail), "g", "s", interval=0.01) as eventer:
        eventer.event("a")
        assert wait_until(lambda: len(times) == 6)
    pauses = [later - earlier for earlier, later in pairwise(times)]

    for pause, most in zip(pauses, (0.1, 0.2, 0.4, 0.8, 1.6), strict=True):
        assert most / 2 <= pause < most + 0.25


class _Void:
    """A service that takes everything."""

    def create_log_group(self, **arguments: object) -> object:
        return {}

    create_log_stream = create_log_group
    put_log_events = create_log_group


def test_who_flushes_does_not_wait_for_the_pause() -> None:
    """A flush makes one attempt at once, also in a long pause."""
    down = True

    def fail(name: str, number: int) -> None:
        if down:
            raise error("ThrottlingException")

    watched = Watched(_Void(), fail)
    with CloudWatchEventer(watched, "g", "s", interval=0.01) as eventer:
        eventer.event("a")
        assert wait_until(lambda: len(watched.calls) == 5)
        down = False
        started = time.monotonic()

        assert eventer.flush(5)
        assert time.monotonic() - started < 5


def test_a_refusal_does_not_hold_the_end_up(diagnostics: list[logging.LogRecord]) -> None:
    """Where the service forbids, closing tries once more and gives up, long before its timeout; the loss is told."""

    def fail(name: str, number: int) -> None:
        if name == "put_log_events":
            raise error("AccessDeniedException")

    eventer = CloudWatchEventer(Watched(_Void(), fail), "g", "s")
    eventer.event("a")
    eventer.event("b")
    started = time.monotonic()

    assert eventer.close(30) is False
    assert time.monotonic() - started < 15
    assert eventer.losses == {"unsent": 2}
    assert eventer.dropped == 2
    assert any("2 event(s) dropped: not sent in time: AccessDeniedException" in text for text in errors(diagnostics))


def test_an_outage_ends_with_the_timeout(diagnostics: list[logging.LogRecord]) -> None:
    """Closing during an outage tries again until its timeout, says what is lost, and leaves no thread."""

    def fail(name: str, number: int) -> None:
        raise error("ThrottlingException")

    watched = Watched(_Void(), fail)
    eventer = CloudWatchEventer(watched, "g", "s")
    for _ in range(7):
        eventer.event("a")
    started = time.monotonic()

    assert eventer.close(0.8) is False
    assert 0.5 < time.monotonic() - started < 8
    assert len(watched.calls) >= 3
    assert eventer.losses == {"unsent": 7}
    assert wait_until(lambda: not senders())
    assert sum("7 event(s) dropped" in text for text in errors(diagnostics)) == 1


def test_a_call_that_hangs_does_not_hold_the_end_up(diagnostics: list[logging.LogRecord]) -> None:
    """Closing returns at its timeout also where the client does not come back; the thread goes when it does."""
    gate = Gate()
    eventer = CloudWatchEventer(Watched(_Void(), gate), "g", "s", interval=0.01)
    eventer.event("a")
    assert gate.entered.wait(10)
    eventer.event("b")
    started = time.monotonic()

    assert eventer.close(0.3) is False
    assert 0.25 < time.monotonic() - started < 8
    assert eventer.losses == {"unsent": 2}
    assert eventer.flush(0.1) is False
    gate.open()
    assert wait_until(lambda: not senders())
    assert eventer.losses == {"unsent": 2}
    assert sum("2 event(s) dropped: the service has not answered in time" in text for text in errors(diagnostics)) == 1


def test_a_flush_keeps_its_timeout() -> None:
    """A flush of what cannot be sent returns False at its timeout, and the events stay."""
    gate = Gate()
    eventer = CloudWatchEventer(Watched(_Void(), gate), "g", "s", interval=0.01)
    eventer.event("a")
    started = time.monotonic()

    assert eventer.flush(0.2) is False
    assert 0.15 < time.monotonic() - started < 8
    assert eventer.waiting == 1
    gate.open()
    assert eventer.flush(5)
    assert eventer.close()


def test_many_may_flush_at_once(client: Any, group: str) -> None:
    """Each of many threads that record and flush finds its own events sent when its flush returns."""
    watched = Watched(client)
    wrong: list[int] = []
    with CloudWatchEventer(watched, group, "s") as eventer:

        def record(thread: int) -> None:
            for number in range(10):
                eventer.event("a", thread=thread, number=number)
                done = eventer.flush(20)
                text = f'"number":{number},"thread":{thread}'
                if not done or not any(text in event["message"] for batch in watched.batches for event in batch):
                    wrong.append(thread)

        threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong == []
        assert len(arrived(client, group, "s")) == 80


def test_a_bad_event_costs_only_itself(client: Any, group: str, diagnostics: list[logging.LogRecord]) -> None:
    """Where the service refuses a request for an event in it, all others arrive; what is lost is counted and told."""
    watched = Watched(client)

    def refuse(name: str, number: int) -> None:
        if name == "put_log_events" and any("poison" in event["message"] for event in watched.batches[-1]):
            raise error("InvalidParameterException")

    watched.fail = refuse
    with CloudWatchEventer(watched, group, "s") as eventer:
        for number in range(1_000):
            eventer.event("poison" if number in (13, 700) else "good", number=number)
        assert eventer.flush(20)

        expected = [number for number in range(1_000) if number not in (13, 700)]
        assert [event["number"] for event in arrived(client, group, "s")] == expected
        assert eventer.losses == {"refused": 2}
    assert len(watched.batches) < 50
    assert any("dropped: InvalidParameterException" in text for text in errors(diagnostics))


def test_a_service_that_refuses_everything_is_not_asked_for_ever() -> None:
    """Looking for the bad event ends after a while, however many there are; all of them are counted."""

    def refuse(name: str, number: int) -> None:
        if name == "put_log_events":
            raise error("InvalidParameterException")

    watched = Watched(_Void(), refuse)
    with CloudWatchEventer(watched, "g", "s") as eventer:
        for _ in range(5_000):
            eventer.event("a")
        assert eventer.flush(20)

        assert eventer.losses == {"refused": 5_000}
        assert len(watched.batches) < 200


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"tooOldLogEventEndIndex": 2}, {"tooOld": 2}),
        ({"tooNewLogEventStartIndex": 7}, {"tooNew": 3}),
        ({"expiredLogEventEndIndex": 4}, {"expired": 4}),
        (
            {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 3, "tooNewLogEventStartIndex": 9},
            {"tooOld": 1, "expired": 2, "tooNew": 1},
        ),
        ({"tooOldLogEventEndIndex": 3, "expiredLogEventEndIndex": 2}, {"tooOld": 3}),
        ({}, {}),
        (None, {}),
        ({"tooOldLogEventEndIndex": 99}, {"tooOld": 10}),
        ({"tooOldLogEventEndIndex": "?"}, {}),
    ],
)
def test_what_the_service_leaves_out_is_counted(
    info: Any, expected: dict[str, int], diagnostics: list[logging.LogRecord]
) -> None:
    """Events of a request that was taken without them are counted by reason, and told."""

    class Choosy(_Void):
        def put_log_events(self, **arguments: object) -> object:
            return {} if info is None else {"rejectedLogEventsInfo": info}

    with CloudWatchEventer(Choosy(), "g", "s") as eventer:
        for _ in range(10):
            eventer.event("a")
        assert eventer.flush(10)

        assert eventer.losses == expected
        assert eventer.dropped == sum(expected.values())
    assert len(errors(diagnostics)) == len(expected)


def test_events_out_of_time_do_not_keep_others_away(client: Any, group: str) -> None:
    """The server takes the events of its time out of requests with some that are too old or too new for it."""
    hours = [-24 * 20, -24 * 15, 0, 1, 30]
    clock = iter(hours)
    start = time.time()
    with CloudWatchEventer(client, group, "s", now=lambda: start + 3600 * next(clock)) as eventer:
        for hour in hours:
            eventer.event("a", hour=hour)
        assert eventer.flush(20)

    assert [event["hour"] for event in arrived(client, group, "s")] == [0, 1]


@pytest.mark.parametrize(
    "make",
    [lambda: error("ExpiredTokenException"), EXCEPTIONS.NoCredentialsError],
    ids=lambda make: type(make()).__name__,
)
def test_credentials_are_looked_for_again(client: Any, group: str, make: Callable[[], Exception]) -> None:
    """Where a client's credentials are of no use, the function that makes clients is asked for another one."""
    made: list[Watched] = []

    def make_next() -> Watched:
        made.append(Watched(client, None if made else failing(1000, make)))
        return made[-1]

    with CloudWatchEventer(make_next, group, "s", interval=0.01) as eventer:
        eventer.event("a")
        assert wait_until(lambda: len(made) == 2 and made[1].sizes == [1])

    assert made[0].sizes == [1]
    assert len(arrived(client, group, "s")) == 1
    assert eventer.dropped == 0
