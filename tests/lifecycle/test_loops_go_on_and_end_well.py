"""asyncio: exporting does not stop the loop, and however the loop ends, what is queued arrives."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

if TYPE_CHECKING:
    from .programs import Programs


def to(endpoint: str) -> cl.Telemetry:
    return cl.setup(
        exporter="otlp", traces_exporter="none", endpoint=endpoint, protocol="http/protobuf", set_global=False
    )


async def ticks(stop: asyncio.Event) -> int:
    """How often the loop came round, about once in 10 ms."""
    count = 0
    while not stop.is_set():
        await asyncio.sleep(0.01)
        count += 1
    return count


@pytest.mark.parametrize("method", ["aflush", "ashutdown"])
def test_the_loop_goes_on_while_a_collector_hangs(hanging: str, method: str) -> None:
    """`aflush` and `ashutdown` keep their deadlines, say False, and other tasks run meanwhile."""

    async def main() -> tuple[bool, int, float]:
        telemetry = to(hanging)
        telemetry.logging.logger().info("queued")
        stop = asyncio.Event()
        ticking = asyncio.create_task(ticks(stop))
        begin = time.monotonic()
        good = await getattr(telemetry, method)(0.6)
        seconds = time.monotonic() - begin
        stop.set()
        count = await ticking
        await telemetry.ashutdown(0)
        return good, count, seconds

    good, count, seconds = asyncio.run(main())

    assert not good
    assert seconds < 5
    assert count > 5


def test_they_return_what_the_others_return(programs: Programs) -> None:
    """True where everything was taken, False after the end; a wrong timeout is an error in the coroutine."""

    async def main() -> list[bool]:
        telemetry = to(programs.receiver.http_endpoint)
        telemetry.logging.logger().info("queued")
        with pytest.raises(ValueError, match="argument 'timeout' is -1"):
            await telemetry.aflush(-1)
        return [await telemetry.aflush(), await telemetry.ashutdown(), await telemetry.aflush()]

    assert asyncio.run(main()) == [True, True, False]
    assert [record.body for record in programs.receiver.records] == ["queued"]


def test_async_with_ends_it_and_gives_signals_back() -> None:
    """At the end of `async with` the pipeline is over and the handlers are what they were."""
    before = signal.getsignal(signal.SIGTERM)

    async def main() -> cl.Telemetry:
        async with cl.setup(exporter="memory", set_global=False) as telemetry:
            telemetry.logging.logger().info("kept")

            assert signal.getsignal(signal.SIGTERM) is not before

        with pytest.raises(RuntimeError, match="shut down for good"):
            async with telemetry:
                pass
        return telemetry

    telemetry = asyncio.run(main())

    assert [record.log_record.body for record in telemetry.memory.finished_logs()] == ["kept"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_cancelled_task_stops_waiting_and_the_export_goes_on(hanging: str) -> None:
    """Cancelling `aflush` takes effect at once, and the thread behind it keeps its own deadline."""

    async def main() -> float:
        telemetry = to(hanging)
        telemetry.logging.logger().info("queued")
        flushing = asyncio.create_task(telemetry.aflush(8))
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        seconds = time.monotonic() - begin
        await telemetry.ashutdown(0)
        return seconds

    assert asyncio.run(main()) < 4


def test_a_loop_that_is_closed_meanwhile_is_not_called() -> None:
    """The thread ends silently where nobody waits any more."""
    go_on = threading.Event()

    def wait() -> None:
        go_on.wait(10)

    telemetry = cl.setup(exporter="memory", set_global=False)
    telemetry.at_end(wait)
    loop = asyncio.new_event_loop()
    task = loop.create_task(telemetry.ashutdown())
    loop.run_until_complete(asyncio.sleep(0.05))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    go_on.set()

    assert telemetry.shutdown()


ASYNC = """
import asyncio
async def serve(seconds=30):
    queue()
    await asyncio.sleep(seconds)
"""


SIGNALLED = """
async def main():
    setup()
    asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.NAME)
    await serve()
asyncio.run(main())
"""
HANDLED = """
async def main():
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    BEFORE
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    AFTER
    loop.call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
    queue()
    await stop.wait()
asyncio.run(main())
"""
CANCELLED = """
async def main():
    async with setup():
        try:
            await asyncio.wait_for(serve(), 0.1)
        except asyncio.TimeoutError:
            pass
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("async def main():\n    setup()\n    await serve(0)\nasyncio.run(main())\n", 0, id="its end"),
        pytest.param(SIGNALLED.replace("NAME", "SIGTERM"), -signal.SIGTERM, id="SIGTERM"),
        # The loop's tasks are cancelled, and KeyboardInterrupt leaves `run`.
        pytest.param(SIGNALLED.replace("NAME", "SIGINT"), -signal.SIGINT, id="Ctrl-C"),
        pytest.param(
            HANDLED.replace("BEFORE", "").replace("AFTER", "setup()"), 0, id="a handler of the loop before ours"
        ),
        pytest.param(
            HANDLED.replace("BEFORE", "setup()").replace("AFTER", ""), 0, id="a handler of the loop after ours"
        ),
        pytest.param(CANCELLED, 0, id="a task that is cancelled"),
    ],
)
def test_however_the_loop_ends_what_is_queued_arrives(programs: Programs, text: str, code: int) -> None:
    """By its end, signals, Ctrl-C, its own handlers, cancelled tasks: 100 of 100, and the exit code as without us."""
    done = programs.run(ASYNC + text)

    assert (done.code, done.count) == (code, 100), done.err
    assert done.seconds < 5
