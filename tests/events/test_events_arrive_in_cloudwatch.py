"""Events of a `CloudWatchEventer` arrive in CloudWatch Logs: moto's server over HTTP, through boto3."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context

import otel_ctxlog as cl
from otel_ctxlog.events.cloudwatch import CloudWatchEventer
from otel_ctxlog.otel.suppression import is_suppressed

from .cloud import Gate, Watched, arrived, error, make_client, senders, streams, wait_until

if TYPE_CHECKING:
    import logging


def test_an_event_is_the_text_that_marshal_gives(client: Any, group: str) -> None:
    """What stands in the stream is the JSON text of type and fields, to the letter, at the time of the event."""
    with CloudWatchEventer(client, group, "s", now=lambda: 1_700_000_000.1239 + offset) as eventer:
        offset = time.time() - 1_700_000_000
        before = int(time.time() * 1000)
        eventer.event(
            "machineStopped", "addr", "192.168.1.1", {"duration": 3600.0}, note="größer, 漢", nested={"a": [1]}
        )
    found = client.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)["events"]

    assert [event["message"] for event in found] == [
        cl.marshal("machineStopped", "addr", "192.168.1.1", {"duration": 3600.0}, note="größer, 漢", nested={"a": [1]})
    ]
    assert 0 <= found[0]["timestamp"] - before < 5000


def test_nothing_is_made_before_the_first_event(client: Any, group: str) -> None:
    """An eventer that gets no event makes no call and starts no thread; the first event makes group and stream."""
    watched = Watched(client)
    eventer = CloudWatchEventer(watched, group, "s")
    before = senders()
    idle = list(watched.calls)
    eventer.event("first")
    eventer.event("second")

    assert eventer.close()
    assert (before, idle) == ([], [])
    assert watched.calls == ["create_log_group", "create_log_stream", "put_log_events"]
    assert [event["eventType"] for event in arrived(client, group, "s")] == ["first", "second"]
    assert senders() == []


def test_an_existing_group_and_stream_are_fine(client: Any, group: str, diagnostics: list[logging.LogRecord]) -> None:
    """Several eventers, one after the other and at once, write into one stream that is there already."""
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    with CloudWatchEventer(client, group, "s") as one, CloudWatchEventer(client, group, "s") as other:
        one.event("a")
        other.event("b")

    assert {event["eventType"] for event in arrived(client, group, "s")} == {"a", "b"}
    assert diagnostics == []


def test_who_may_not_make_groups_may_write_into_one(client: Any, group: str) -> None:
    """A refusal to make the group does not matter where the group is there."""

    def deny(name: str, number: int) -> None:
        if name == "create_log_group":
            raise error("AccessDeniedException")

    client.create_log_group(logGroupName=group)
    with CloudWatchEventer(Watched(client, deny), group, "s") as eventer:
        eventer.event("a")

    assert len(arrived(client, group, "s")) == 1


@pytest.mark.parametrize("gone", ["stream", "group"])
def test_what_somebody_deletes_is_made_again(client: Any, group: str, gone: str) -> None:
    """After the group or the stream vanished, the next events are in new ones, without a loss."""
    with CloudWatchEventer(client, group, "s") as eventer:
        eventer.event("before")
        assert eventer.flush(10)
        if gone == "stream":
            client.delete_log_stream(logGroupName=group, logStreamName="s")
        else:
            client.delete_log_group(logGroupName=group)
        eventer.event("after")

    assert [event["eventType"] for event in arrived(client, group, "s")] == ["after"]
    assert eventer.dropped == 0


def test_the_stream_is_named_after_program_time_and_process(
    client: Any, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default name says program and time, has no colon, and the service takes it."""
    monkeypatch.setattr(sys, "argv", ["/srv/C:shop*/order service.py"])
    moment = int(time.time()) // 60 * 60
    with CloudWatchEventer(client, group, now=lambda: moment) as eventer:
        eventer.event("a")
    date = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(moment))

    assert eventer.stream == f"order-service/{date}-{os.getpid()}"
    assert streams(client, group) == [eventer.stream]


@pytest.mark.parametrize(
    ("program", "expected"),
    [("", "python"), ("-c", "c"), ("/usr/lib/shop/__main__.py", "shop"), ("::*", "python"), ("x" * 600, "x" * 200)],
)
def test_any_program_has_a_valid_stream_name(program: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the program is called, the name of the stream is one that the service allows."""
    monkeypatch.setattr(sys, "argv", [program])
    stream = CloudWatchEventer(lambda: None, "g", now=lambda: 1e300).stream

    assert stream.startswith(f"{expected}/9999-12-31T23-59-59Z-")
    assert len(stream) <= 512
    assert not set(":*") & set(stream)


def test_an_event_waits_a_second_at_most(client: Any, group: str) -> None:
    """Without any flush an event is sent within the interval, together with those that came meanwhile."""
    watched = Watched(client)
    eventer = CloudWatchEventer(watched, group, "s", interval=0.4)
    started = time.monotonic()
    for number in range(3):
        eventer.event("a", number=number)
    early = list(watched.batches)
    assert wait_until(lambda: bool(watched.batches))
    took = time.monotonic() - started
    eventer.close()

    assert early == []
    assert 0.3 < took < 8
    assert watched.sizes == [3]


def test_the_interval_is_a_second(client: Any, group: str) -> None:
    """Without a word about it, an event that comes alone is sent after a second."""
    watched = Watched(client)
    with CloudWatchEventer(watched, group, "s") as eventer:
        started = time.monotonic()
        eventer.event("a")
        assert wait_until(lambda: bool(watched.batches))
        took = time.monotonic() - started

        assert 0.9 < took < 8


def test_fifty_thousand_events_of_eight_threads_all_arrive(client: Any, group: str) -> None:
    """50,000 events from 8 threads arrive, each once, in the order of each thread, in requests that keep the limits."""
    watched = Watched(client)
    each = 6_250
    with CloudWatchEventer(watched, group, "s", most_events=60_000) as eventer:

        def record(thread: int) -> None:
            for number in range(each):
                eventer.event("tick", thread=thread, number=number)

        threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert eventer.flush(60)
        found = arrived(client, group, "s")

        assert (len(found), eventer.dropped, eventer.waiting) == (50_000, 0, 0)
        for number in range(8):
            assert [event["number"] for event in found if event["thread"] == number] == list(range(each))
        assert watched.problems == []
        assert max(watched.sizes) <= 10_000


def test_no_call_waits_for_the_service(client: Any, group: str) -> None:
    """While the service does not answer, an event costs its caller next to nothing."""
    gate = Gate()
    eventer = CloudWatchEventer(Watched(client, gate), group, "s", interval=0.01)
    eventer.event("first")
    assert gate.entered.wait(10)
    slowest = 0.0
    for number in range(2_000):
        started = time.perf_counter()
        eventer.event("a", number=number)
        slowest = max(slowest, time.perf_counter() - started)
    gate.open()

    assert eventer.close(20)
    assert slowest < 2
    assert len(arrived(client, group, "s")) == 2_001


def test_instrumentations_keep_quiet_while_it_sends(client: Any, group: str) -> None:
    """The calls to the service run in a context in which no instrumentation makes spans of them."""
    seen: list[bool] = []

    def look(name: str, number: int) -> None:
        current = otel_context.get_current()
        seen.append(is_suppressed(current) and len(current) > 0 and otel_context.get_value("mine") is None)

    token = otel_context.attach(otel_context.set_value("mine", 1))
    try:
        with CloudWatchEventer(Watched(client, look), group, "s") as eventer:
            eventer.event("a")
            eventer.flush(10)

            assert not is_suppressed(otel_context.get_current())
    finally:
        otel_context.detach(token)

    assert seen == [True, True, True]


def test_a_function_may_make_the_client(server: str, client: Any, group: str) -> None:
    """A function in place of the client is called once, when the first event is sent."""
    made: list[Any] = []

    def make() -> Any:
        made.append(make_client(server))
        return made[-1]

    eventer = CloudWatchEventer(make, group, "s")
    before = len(made)
    eventer.event("a")
    eventer.flush(10)
    eventer.event("b")

    assert eventer.close(10)
    assert (before, len(made)) == (0, 1)
    assert len(arrived(client, group, "s")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"client": object()}, "client must be a client of CloudWatch Logs or a function"),
        ({"client": None}, "client must be"),
        ({"group": ""}, "group must have 1 to 512 characters"),
        ({"group": "with blank"}, "'with blank'"),
        ({"stream": "a:b"}, "stream must have 1 to 512 characters without ':' and '*', but got 'a:b'"),
        ({"stream": ""}, "stream must have"),
        ({"interval": 0}, "interval must be finite and at least 0.001"),
        ({"interval": float("nan")}, "interval must be"),
        ({"interval": float("inf")}, "interval must be finite"),
        ({"most_events": 0}, "most_events must be finite and at least 1, but got 0"),
        ({"exit_timeout": -1}, "exit_timeout must be"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], said: str) -> None:
    """A wrong argument is an error when the eventer is made, and it says what is allowed."""
    given: dict[str, Any] = {"client": lambda: None, "group": "g", "stream": "s", **arguments}

    with pytest.raises((TypeError, ValueError)) as caught:
        CloudWatchEventer(given.pop("client"), given.pop("group"), **given)

    assert said in str(caught.value)
