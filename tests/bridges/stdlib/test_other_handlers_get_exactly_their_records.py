"""A bridge beside other handlers and libraries: none gets a record that is not for it, none misses one."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

from .conftest import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk._logs import LoggerProvider

    Bodies = Callable[[], list[object]]

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def debugged(ctx: cl.LoggingContext, logger: logging.Logger, kept: Kept) -> logging.Logger:
    """A logger at WARNING, with a handler, whose debug records only the rules let through."""
    logger.setLevel(logging.WARNING)
    ctx.default_level = cl.DEBUG
    stdlib.install(ctx)
    return logger


class Talking:
    """An argument that logs through another logger while it is made a text."""

    def __init__(self, other: logging.Logger) -> None:
        self.other = other

    def __str__(self) -> str:
        self.other.debug("inner")
        return "text"


def test_a_record_that_logs_on_its_way_stays_hidden(debugged: logging.Logger, kept: Kept, bodies: Bodies) -> None:
    """What arguments and filters of a call log does not make other handlers get the call's own record."""
    other = debugged.getChild("other")

    def filtering(_record: logging.LogRecord) -> bool:
        other.debug("from a filter")
        return True

    debugged.debug("outer %s", Talking(other))
    debugged.addFilter(filtering)
    debugged.debug("filtered")
    debugged.removeFilter(filtering)

    assert kept.texts == []
    assert bodies() == ["inner", "outer text", "from a filter", "filtered"]


def test_a_record_from_elsewhere_is_not_taken_for_the_last_call(
    debugged: logging.Logger, kept: Kept, bodies: Bodies
) -> None:
    """`Logger.handle` gives handlers a record of the level of the call before, which only the rules let through."""
    debugged.debug("call")
    debugged.handle(debugged.makeRecord(debugged.name, logging.DEBUG, "file", 1, "elsewhere", (), None))

    assert (kept.texts, bodies()) == (["elsewhere"], ["call", "elsewhere"])


def test_a_record_that_the_level_lets_through_by_now_is_handled(debugged: logging.Logger, kept: Kept) -> None:
    """A question that only the rules answered with yes hides nothing once the logger's own level says so, too."""
    assert debugged.isEnabledFor(logging.DEBUG)
    debugged.setLevel(logging.DEBUG)
    # Not by way of `isEnabledFor`, as where its answer was kept and then forgotten by a change of rules.
    debugged.handle(debugged.makeRecord(debugged.name, logging.DEBUG, "file", 1, "handled", (), None))

    assert kept.texts == ["handled"]


def test_a_call_stays_hidden_while_another_bridge_is_installed(
    provider: LoggerProvider, debugged: logging.Logger, kept: Kept
) -> None:
    """A call that was asked about under one bridge, and is made under the next one, is still none for handlers."""
    other = cl.LoggingContext(provider)
    other.default_level = cl.DEBUG
    assert debugged.isEnabledFor(logging.DEBUG)
    stdlib.install(other)
    # Another thread's call makes the new bridge look at the logger.
    asking = threading.Thread(target=debugged.isEnabledFor, args=(logging.DEBUG,))
    asking.start()
    asking.join()
    debugged._log(logging.DEBUG, "hidden", ())  # pyright: ignore[reportPrivateUsage] # what comes next

    assert kept.texts == []


def test_handlers_miss_nothing_while_rules_change(ctx: cl.LoggingContext, debugged: logging.Logger, kept: Kept) -> None:
    """A logger whose level lets its records through gives all of them to its handlers, whatever rules do meanwhile."""
    debugged.debug("only by the rules")
    debugged.setLevel(logging.DEBUG)
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            ctx.default_level = cl.TRACE
            ctx.default_level = cl.DEBUG

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for number in range(2000):
            debugged.debug("%d", number)
    finally:
        done.set()
        changing.join()
        sys.setswitchinterval(before)

    assert len(kept.records) == 2000


_PATCHED = """
    import logging
    seen = []
    {patch}
    import otel_ctxlog as cl
    from otel_ctxlog.bridges import stdlib

    class Sink:
        def enabled(self, level):
            return True

        def emit(self, *, body, **_):
            seen.append(body)

    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    log = logging.getLogger("x")
    {own}
    stdlib.install(cl.LoggingContext(Sink()))
    log.warning("hello")
    print(seen)
"""
_WRAPPED = """
    original = logging.Logger.{name}
    def wrapper(*args, **kwargs):
        seen.append("theirs")
        return original(*args, **kwargs)
    logging.Logger.{name} = wrapper
"""


@pytest.mark.parametrize("name", ["callHandlers", "_log", "makeRecord", "handle", "filter"])
def test_who_was_there_before_is_still_called(name: str) -> None:
    """A method of `Logger` that others had replaced before the import sees every call, also if no handler wants it."""
    code = textwrap.dedent(_PATCHED).format(patch=textwrap.dedent(_WRAPPED).format(name=name), own="")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert sorted(done.stdout.strip("[]\n").split(", ")) == ["'hello'", "'theirs'"]


@pytest.mark.parametrize("name", ["callHandlers", "makeRecord", "handle", "filter"])
def test_a_method_replaced_on_one_logger_is_called(ctx: cl.LoggingContext, logger: logging.Logger, name: str) -> None:
    """What a test puts on a single logger (`mock.patch.object`) is called, also where no handler wants the record."""
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    stdlib.install(ctx)
    seen: list[str] = []
    original = getattr(logger, name)

    def replaced(*args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return original(*args, **kwargs)

    setattr(logger, name, replaced)
    logger.warning("hello")
    delattr(logger, name)

    assert seen == [name]


@pytest.fixture
def as_default(ctx: cl.LoggingContext) -> Iterator[cl.LoggingContext]:
    """`ctx` as the default context."""
    before = cl.set_default_context(ctx)
    yield ctx
    cl.set_default_context(before)


@pytest.mark.parametrize("by_default", ["handler", "bridge"])
def test_a_handler_knows_its_context_under_both_names(
    as_default: cl.LoggingContext, logger: logging.Logger, bodies: Bodies, by_default: str
) -> None:
    """A `Handler` beside a bridge writes nothing twice where one was given the context, the other means it."""
    logger.addHandler(stdlib.Handler(None if by_default == "handler" else as_default))
    stdlib.install(None if by_default == "bridge" else as_default)
    logger.warning("once")

    assert bodies() == ["once"]


def test_a_handler_of_another_context_still_writes(
    as_default: cl.LoggingContext, logger: logging.Logger, bodies: Bodies
) -> None:
    """Beside a bridge to a derived context the default one gets its records, too."""
    logger.addHandler(stdlib.Handler())
    stdlib.install(cl.LoggingContext(base=as_default))
    logger.warning("twice")

    assert bodies() == ["twice", "twice"]


@pytest.mark.parametrize("others", ["unchanged", "gated"])
def test_loggers_made_by_hand_forget_what_a_bridge_said(ctx: cl.LoggingContext, others: Any) -> None:
    """After `uninstall`, and after another `install`, a logger that `logging` does not know gives fresh answers."""
    silent = logging.Logger("silent")  # noqa: LOG001 - one that `logging` does not know
    loud = logging.Logger("loud")  # noqa: LOG001 - likewise
    loud.setLevel(logging.WARNING)
    ctx.default_level = cl.NONE
    stdlib.install(ctx, others=others)
    first = silent.isEnabledFor(logging.INFO)
    stdlib.uninstall()
    ctx.default_level = cl.DEBUG
    stdlib.install(ctx, others=others)
    during = loud.isEnabledFor(logging.INFO)
    stdlib.uninstall()
    after = silent.isEnabledFor(logging.INFO), loud.isEnabledFor(logging.INFO)
    stdlib.install(ctx, others=others)

    assert first is (others == "unchanged")
    assert (during, after, loud.isEnabledFor(logging.INFO)) == (True, (True, False), True)
