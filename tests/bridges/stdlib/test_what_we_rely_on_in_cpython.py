"""The undocumented parts of ``logging`` that `bridges/stdlib/cpython.py` uses; this fails when they change."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_loggers_keep_their_answers_in_a_dict() -> None:
    """`isEnabledFor` returns what `_cache` holds for a level, and enters what it does not hold."""
    logger = logging.Logger("x", logging.INFO)  # noqa: LOG001 - one outside the tree
    cache = vars(logger)["_cache"]
    assert type(cache) is dict
    assert not logger.isEnabledFor(logging.DEBUG)
    assert cache == {logging.DEBUG: False}
    cache[logging.DEBUG] = sentinel = object()

    assert logger.isEnabledFor(logging.DEBUG) is sentinel


def test_changes_of_levels_empty_the_same_dict(logger: logging.Logger) -> None:
    """`setLevel` of any logger and ``logging.disable()`` do."""
    cache = vars(logger)["_cache"]
    for change in (lambda: logging.getLogger("another").setLevel(10), lambda: logging.disable(logging.NOTSET)):
        logger.isEnabledFor(logging.DEBUG)
        assert cache
        change()  # type: ignore[no-untyped-call]
        assert cache == {}
        assert vars(logger)["_cache"] is cache


def test_is_enabled_for_uses_nothing_that_we_do_not_know() -> None:
    """Whatever else a future `isEnabledFor` looks at, ours has to look at, too."""
    names = set(logging.Logger.isEnabledFor.__code__.co_names)

    assert names <= {
        "disabled", "_is_disabled", "_cache", "KeyError", "_acquireLock", "_releaseLock", "_lock",
        "manager", "disable", "getEffectiveLevel",
    }  # fmt: skip


def test_handle_gives_records_to_call_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the logger's own filters, and only then."""
    seen: list[object] = []

    def keep(_self: object, record: logging.LogRecord) -> None:
        seen.append(record.msg)

    monkeypatch.setattr(logging.Logger, "callHandlers", keep)
    logger = logging.Logger("x")  # noqa: LOG001 - one outside the tree
    logger.addFilter(lambda record: record.msg != "filtered")
    logger.info("a")
    logger.info("filtered")
    logger.handle(logging.makeLogRecord({"msg": "b"}))

    assert seen == ["a", "b"]


def test_log_takes_what_we_replace_it_with() -> None:
    """`_log` has these parameters, and uses nothing that we do not know."""
    log = vars(logging.Logger)["_log"]
    names = set(log.__code__.co_names)

    assert str(inspect.signature(log)) == (
        "(self, level, msg, args, exc_info=None, extra=None, stack_info=False, stacklevel=1)"
    )
    assert names <= {
        "_srcfile", "findCaller", "ValueError", "isinstance", "BaseException", "type", "__traceback__", "tuple", "sys",
        "exc_info", "makeRecord", "name", "handle",
    }  # fmt: skip


def test_handlers_are_listed_the_newest_last() -> None:
    """`_handlerList` has a weak reference to each."""
    handlers = vars(logging)["_handlerList"]
    handler = logging.NullHandler()

    assert vars(logging)["_handlerList"] is handlers
    assert handlers[-1]() is handler


def test_the_lock_can_be_taken_twice() -> None:
    """`_lock` is a re-entrant lock."""
    lock = vars(logging)["_lock"]
    with lock, lock:
        pass


# `test_caching` claims that a logger is not enabled below its level: not so where rules let everything through.
EXCLUDED = {"off": (), "on": ("test_caching",)}
LEVELS = {"off": 0, "on": 9}


@pytest.mark.slow
@pytest.mark.parametrize("rules", ["off", "on"])
def test_the_tests_of_logging_itself_pass_with_a_bridge(rules: str) -> None:
    """CPython's own tests, with rules that let nothing through and with rules that let everything through."""
    if importlib.util.find_spec("test.test_logging") is None:
        pytest.skip("this interpreter was installed without its tests")
    code = f"""
        import unittest
        import otel_ctxlog as cl
        from otel_ctxlog.bridges import stdlib

        class Sink:
            emitted = 0
            def enabled(self, level): return True
            def emit(self, **fields): Sink.emitted += 1

        ctx = cl.LoggingContext(Sink())
        ctx.default_level = {LEVELS[rules]}
        stdlib.install(ctx)
        import test.test_logging as tests

        def single(suite):
            for one in suite:
                yield from (single(one) if isinstance(one, unittest.TestSuite) else (one,))

        loaded = unittest.defaultTestLoader.loadTestsFromModule(tests)
        kept = [one for one in single(loaded) if one.id().rpartition(".")[2] not in {EXCLUDED[rules]!r}]
        result = unittest.TextTestRunner(verbosity=0).run(unittest.TestSuite(kept))
        print("run", result.testsRun, "emitted", Sink.emitted)
        raise SystemExit(not result.wasSuccessful())
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=115,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0, done.stderr[-4000:]
    run, emitted = (int(word) for word in done.stdout.split()[-3::2])
    assert run > 150
    assert (emitted > 100) is (rules == "on")
