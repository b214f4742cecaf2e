from __future__ import annotations

import contextlib
import io
import sys
import threading

import pytest
from opentelemetry.sdk._logs import LoggerProvider

import otel_ctxlog as cl
from otel_ctxlog import console
from otel_ctxlog.console import ConsoleSink, ConsoleStream, HumanFormat, NoConsoleError


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def ctx(out: io.StringIO) -> cl.LoggingContext:
    return cl.LoggingContext(ConsoleSink(out, format=HumanFormat(time="none")))


def test_a_line_is_written_when_it_is_complete(ctx: cl.LoggingContext, out: io.StringIO) -> None:
    """Parts of a line wait; records that come meanwhile stand before it."""
    stream = console.stream(ctx)
    stream.write("one ")
    ctx.logger().info("record")
    stream.write("two\nthree\nfo")
    assert out.getvalue() == "INFO  record\none two\nthree\n"

    stream.write("ur")
    stream.flush()
    assert out.getvalue().endswith("three\nfour")


def test_a_record_begins_on_a_line_of_its_own(ctx: cl.LoggingContext, out: io.StringIO) -> None:
    """After a line that was flushed unfinished comes a line break first; who left it goes on where it was."""
    stream = console.stream(ctx)
    for part in ("name? ", "really? "):
        stream.write(part)
        stream.flush()
    ctx.logger().info("record")
    stream.write("ann\n")
    ctx.logger().info("record")

    assert out.getvalue() == "name? really? \nINFO  record\nann\nINFO  record\n"


def test_it_is_a_text_stream(ctx: cl.LoggingContext, out: io.StringIO) -> None:
    """`print`, `writelines`, a `with` statement and redirection work; closing it ends nothing."""
    with console.stream(ctx) as stream:
        print("a", "b", sep="-", file=stream)
        stream.writelines(["c\n", "d"])
    with contextlib.redirect_stdout(stream):
        print("e")

    assert out.getvalue() == "a-b\nc\nde\n"
    assert isinstance(stream, io.TextIOBase)
    assert (stream.writable(), stream.readable(), stream.seekable(), stream.isatty()) == (True, False, False, False)
    assert (stream.encoding, stream.closed) == ("utf-8", False)
    with pytest.raises(TypeError, match="takes text, but got bytes"):
        stream.write(b"x")  # type: ignore[arg-type]


def test_threads_do_not_mix_their_lines(ctx: cl.LoggingContext, out: io.StringIO) -> None:
    """What one thread has begun is not in the line of another."""
    stream = console.stream(ctx)
    stream.write("mine ")
    thread = threading.Thread(target=lambda: (stream.write("its "), stream.write("own\n"), stream.write("rest")))
    thread.start()
    thread.join()
    stream.write("too\n")
    assert out.getvalue() == "its own\nmine too\n"

    stream.close()
    assert out.getvalue() == "its own\nmine too\nrest"


def test_a_line_without_an_end_is_not_kept_for_ever(ctx: cl.LoggingContext, out: io.StringIO) -> None:
    """Beyond 65,536 characters a line is written without its end."""
    stream = console.stream(ctx)
    for _ in range(70):
        stream.write("x" * 1000)

    assert len(out.getvalue()) >= 65_536


def test_what_is_unfinished_at_the_end_is_written(out: io.StringIO) -> None:
    """A stream that nobody holds any more has written all it was given."""
    stream = ConsoleStream(out)
    stream.write("unfinished")
    del stream

    assert out.getvalue() == "unfinished"


def test_the_stream_of_a_context_is_that_of_its_target_of_the_moment(ctx: cl.LoggingContext) -> None:
    """Nested contexts have their base's; another target, set later, brings another; so does the default context."""
    nested = ctx.with_context(cl.Realm("shop"))
    assert console.stream(nested) is console.stream(ctx) is console.stream(ctx)

    other = ConsoleSink("stdout")
    ctx.set_target(other)
    assert console.stream(nested) is other.stream
    nested.set_target(ConsoleSink())
    assert console.stream(nested) is not other.stream
    before = cl.set_default_context(ctx)
    try:
        assert console.stream(cl.default_context()) is other.stream
    finally:
        cl.set_default_context(before)


class Passing:
    """A sink of the user that passes on, and says where."""

    def __init__(self, target: object) -> None:
        self.target = target


def test_a_sink_that_passes_on_is_followed(ctx: cl.LoggingContext) -> None:
    """By its attribute `target`, through several, and not for ever."""
    sink = ConsoleSink()
    circle = Passing(None)
    circle.target = circle
    for target in (Passing(sink), Passing(Passing(sink))):
        target.enabled = target.emit = lambda *_args, **_rest: True  # type: ignore[attr-defined]
        assert console.stream(cl.LoggingContext(target)) is sink.stream  # type: ignore[arg-type]
    circle.enabled = circle.emit = lambda *_args, **_rest: True  # type: ignore[attr-defined]
    with pytest.raises(NoConsoleError, match="go to a Passing"):
        console.stream(cl.LoggingContext(circle))  # type: ignore[arg-type]


def test_a_context_without_a_console_says_where_it_goes() -> None:
    """The error is a `LookupError` that names the target, and what to use for a provider."""
    provider = LoggerProvider()
    with pytest.raises(LookupError, match=r"go to a LoggerProvider, allowed: a ConsoleSink.*ConsoleStream\('stdout'\)"):
        console.stream(cl.LoggingContext(provider))
    with pytest.raises(NoConsoleError, match="go to the global LoggerProvider"):
        console.stream(cl.LoggingContext())
    with pytest.raises(TypeError, match="context is None, allowed: a LoggingContext"):
        console.stream(None)  # type: ignore[arg-type]
    provider.shutdown()


@pytest.fixture
def following() -> ConsoleSink:
    return ConsoleSink(format=HumanFormat(time="none"))


def test_a_standard_stream_may_be_redirected_to_it(following: ConsoleSink) -> None:
    """What is printed goes where the stream led before, records too, whichever sink of that stream wrote them."""
    ctx, other = cl.LoggingContext(following), ConsoleSink(format=HumanFormat(time="none"))
    with contextlib.redirect_stderr(io.StringIO()) as before:
        stream = console.stream(ctx)
        with contextlib.redirect_stderr(stream):
            print("printed", file=sys.stderr)
            ctx.logger().info("record")
            cl.LoggingContext(other).logger().info("other")
        ctx.logger().info("after")

    assert before.getvalue() == "printed\nINFO  record\nINFO  other\nINFO  after\n"


def test_redirections_in_a_circle_have_an_end(following: ConsoleSink, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error to a stream of standard output, and that to the first: all goes where the first one led."""
    ctx = cl.LoggingContext(following)
    with contextlib.redirect_stderr(ConsoleStream("stdout")), contextlib.redirect_stdout(console.stream(ctx)):
        ctx.logger().info("record")
        print("printed")
        print("printed", file=sys.stderr)

    assert capsys.readouterr().out == "INFO  record\nprinted\nprinted\n"


def test_a_standard_stream_is_followed(following: ConsoleSink, capsys: pytest.CaptureFixture[str]) -> None:
    """Records and lines go to what `sys.stderr` is at the moment of writing: a capture, a redirection, and back."""
    log = cl.LoggingContext(following).logger()
    log.info("captured")
    with contextlib.redirect_stderr(io.StringIO()) as redirected:
        log.info("redirected")
        print("line", file=following.stream)
    log.info("captured again")

    assert redirected.getvalue() == "INFO  redirected\nline\n"
    assert capsys.readouterr().err == "INFO  captured\nINFO  captured again\n"


def test_no_stream_is_kept_alive(following: ConsoleSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that a standard stream was for a while goes when it is replaced."""
    import gc
    import weakref

    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    cl.LoggingContext(following).logger().info("x")
    following.stream.write("unfinished")
    following.stream.flush()
    gone = weakref.ref(stream)
    monkeypatch.undo()
    del stream
    gc.collect()

    assert gone() is None
