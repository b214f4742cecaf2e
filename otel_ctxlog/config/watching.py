"""Live configuration: the rules of a file, replaced as one whenever the file changes."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias, final

from otel_ctxlog.config.document import composed
from otel_ctxlog.config.hangup import HANGUP
from otel_ctxlog.config.places import Origin
from otel_ctxlog.config.registry import Registry, default_registry
from otel_ctxlog.config.source import decoded_text
from otel_ctxlog.config.watched_file import read_bytes
from otel_ctxlog.config.wording import tidy
from otel_ctxlog.engine.diagnostics import emit_diagnostic, report_once
from otel_ctxlog.engine.durations import parse_duration
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.origin import Origin as RuleOrigin
from otel_ctxlog.errors import ConfigError
from otel_ctxlog.loggers.state import tree_lock

if TYPE_CHECKING:
    from types import TracebackType

    from otel_ctxlog.config.plan import Plan
    from otel_ctxlog.loggers.context import LoggingContext

__all__ = ["Watcher", "watch"]

_SETTLED_AFTER: Final = 0.1
_MOST_LOOKS: Final = 50
_CLOSE_SECONDS: Final = 5.0
_LOCK_SECONDS: Final = 5.0
_RESTLESS: Final = (None, "the file never comes to rest: no two looks in a row have found the same")
_EMPTY: Final = "the file is empty, as one that is being written; allowed: a configuration, {} for one without rules"


# The content of a file, or why there is none.
_Key: TypeAlias = "tuple[bytes | None, str]"


class _Asked:
    """What the thread is told."""


_LOOK: Final = _Asked()
_CLOSE: Final = _Asked()


@final
class Watcher:
    """Keeps rules and default level of a context as a file says. Made by `watch`; safe from many threads.

    A context manager: leaving it is `close`.

    Attributes:
        path: the file, as it was given.
        interval: the seconds between two looks.
    """

    # A thread waits at a queue that a signal handler can put something into at any time.

    __slots__ = (
        "__weakref__",
        "_absolute",
        "_closed",
        "_content",
        "_context",
        "_error",
        "_lock",
        "_looker",
        "_queue",
        "_refused",
        "_registry",
        "_section",
        "_sets_level",
        "_sighup",
        "_thread",
        "interval",
        "path",
    )

    def __init__(
        self,
        context: LoggingContext,
        path: str,
        *,
        interval: float,
        registry: Registry,
        sighup: bool,
        strict: bool,
        default_level: bool,
    ) -> None:
        self.path = path
        self.interval = interval
        # The process may go to another folder.
        self._absolute = os.path.abspath(path)  # noqa: PTH100 - nothing else is done with it
        self._context = context
        self._registry = registry
        self._section = context.section(RuleOrigin("file", path))
        # Not waited for in vain: what holds it may itself wait for what a signal handler has interrupted.
        self._lock = threading.Lock()
        self._looker: int | None = None
        # What the rules in force were made from, and what was refused since.
        self._content: bytes | None = None
        self._refused: _Key | None = None
        self._error: ConfigError | None = None
        self._closed = False
        self._sighup = sighup
        self._sets_level = default_level
        self._queue: SimpleQueue[_Asked] = SimpleQueue()
        self._thread: threading.Thread | None = None
        if sighup:
            HANGUP.check()
        self._load(strict=strict)
        if sighup:
            HANGUP.listen(self._look_soon)
        _add(self)
        self._start()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "good" if self._error is None else "refused"
        return f"<Watcher {self.path!r}, {state}>"

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def last_error(self) -> ConfigError | None:
        """Why the file as it was seen last is not used, or None: it is what holds."""
        return self._error

    def check(self) -> bool:
        """Look now, and return whether other rules hold since; does not wait for a writer to be ready. Never raises."""
        if self._closed:
            return False
        return self._guarded(settle=False)

    def close(self, *, remove_rules: bool = False) -> None:
        """End watching, in 5 seconds at most; what holds goes on holding.

        Args:
            remove_rules: take out the rules of the file, and its default level.
        """
        first, self._closed = not self._closed, True
        if first:
            _remove(self)
            if self._sighup:
                HANGUP.forget(self._look_soon)
            self._queue.put(_CLOSE)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread() and thread.is_alive():
            thread.join(_CLOSE_SECONDS)
        if remove_rules:
            self._remove_rules()

    def _remove_rules(self) -> None:
        # A look of another thread that has come to the change itself finishes first; what comes later makes none.
        locked = self._looker != threading.get_ident() and self._lock.acquire(timeout=_LOCK_SECONDS)
        try:
            self._section.remove()
        finally:
            if locked:
                self._lock.release()

    # The first load

    def _load(self, *, strict: bool) -> None:
        found = self._read()
        try:
            self._apply(found, self._plan(found, may_be_empty=True))
        except ConfigError as error:
            if strict:
                raise
            self._refuse(_key(found), error)
            self._say_refused(error, "cannot be used, it is taken as soon as it can")

    # Looks

    def _guarded(self, *, settle: bool) -> bool:
        try:
            settled = self._settled() if settle else None
            if settle and settled is None:
                return False
            # In a signal handler this very thread may be at it.
            if self._looker == threading.get_ident() or not self._lock.acquire(timeout=_LOCK_SECONDS):
                return False
            try:
                self._looker = threading.get_ident()
                return self._look(settled)
            finally:
                self._looker = None
                self._lock.release()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the host's
            report_once(self, f"watching the configuration {self.path} failed: {type(error).__name__}", error=error)
            return False

    def _look(self, settled: _Key | None) -> bool:
        found = ConfigError(_RESTLESS[1], file=self.path) if settled == _RESTLESS else self._read()
        if self._closed or settled not in (None, _key(found)):
            return False
        known = self._is_known(found)
        # Who asks for a look may have mended what is not in the file: there may be the type by now that was not.
        if known and (settled is not None or self._refused is None):
            return False
        plan: Plan | None = None
        before, error, changed = self._error, None, False
        try:
            plan = self._plan(found, may_be_empty=False)
            if found != self._content:
                changed = self._apply(found, plan)
        except ConfigError as problem:
            error = problem
        if error is not None:
            self._refuse(_key(found), error)
            if not known or before is None or error.problem != before.problem:
                self._say_refused(error, "has changed and cannot be used, what held before holds on")
        else:
            self._refused = self._error = None
            self._say_good(plan, changed=changed, again=before is not None)
        return changed

    def _read(self) -> bytes | ConfigError:
        try:
            return read_bytes(self._absolute, name=self.path)
        except ConfigError as error:
            return error

    def _is_known(self, found: bytes | ConfigError) -> bool:
        return _key(found) == ((self._content, "") if self._refused is None else self._refused)

    def _settled(self) -> _Key | None:
        """The key of something new that two looks in a row have found, or `_RESTLESS`; None: nothing is new."""
        found = self._read()
        if self._is_known(found):
            return None
        for _ in range(_MOST_LOOKS):
            if self._wait(_SETTLED_AFTER) is _CLOSE:
                self._queue.put(_CLOSE)
                return None
            before, found = found, self._read()
            if _key(before) == _key(found):
                return _key(found)
        return _RESTLESS

    def _plan(self, found: bytes | ConfigError, *, may_be_empty: bool) -> Plan:
        if isinstance(found, ConfigError):
            raise found
        if not may_be_empty and not found.strip():
            raise ConfigError(_EMPTY, file=self.path)
        origin = Origin(file=self.path)
        plan = self._registry.plan(composed(decoded_text(found, origin=origin), origin))
        return plan if self._sets_level else replace(plan, default_level=None)

    def _apply(self, found: bytes | ConfigError, plan: Plan) -> bool:
        # Closed by now, with its rules perhaps: the plan may have taken long.
        if self._closed:
            return False
        try:
            plan.put_into(self._section, self._context)
        except ConfigError:
            raise
        except Exception as error:  # code of the user, that of own rules and eventers, takes part
            text = f"the configuration cannot be used: {type(error).__name__}: {tidy(str(error))}"
            raise ConfigError(text, file=self.path) from error
        self._content = found if isinstance(found, bytes) else None
        return True

    def _refuse(self, key: _Key, error: ConfigError) -> None:
        self._refused = key
        self._error = error

    def _say_refused(self, error: ConfigError, what: str) -> None:
        emit_diagnostic(f"the configuration {self.path} {what}: {error}")
        self._audit("configurationRefused", str(error))

    def _say_good(self, plan: Plan | None, *, changed: bool, again: bool) -> None:
        rules = 0 if plan is None else len(plan.rules)
        detail = f"{rules} rule{'' if rules == 1 else 's'}"
        if plan is not None and plan.default_level is not None:
            detail += f", default level {level_name(plan.default_level)}"
        if again:
            emit_diagnostic(f"the configuration {self.path} can be used again: {detail}", level=logging.WARNING)
        if changed:
            self._audit("configurationReloaded", detail)

    def _audit(self, action: str, detail: str) -> None:
        self._context.audit(action, origin=self._section.origin, detail=detail)

    # The thread

    def _look_soon(self) -> None:
        self._queue.put(_LOOK)

    def _wait(self, seconds: float) -> _Asked | None:
        try:
            return self._queue.get(timeout=seconds)
        except Empty:
            return None

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"otel_ctxlog watching {self.path}", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as error:  # too many threads, or the interpreter exits
            self._thread = None
            report_once(self, f"the configuration {self.path} is not watched: {error}", error=error)

    def _run(self) -> None:
        while True:
            asked = self._wait(self.interval)
            if asked is _CLOSE:
                return
            self._guarded(settle=asked is None)

    def start_in_child(self) -> None:
        """In a forked child: the parent's thread is not there, and its queue may be locked."""
        if self._closed:
            return
        self._queue = SimpleQueue()
        self._lock = threading.Lock()
        self._looker = None
        self._start()


def _key(found: bytes | ConfigError) -> _Key:
    """What tells one content of a file, or one reason why there is none, from another."""
    return (found, "") if isinstance(found, bytes) else (None, found.problem)


def watch(
    context: LoggingContext,
    path: str | os.PathLike[str],
    *,
    interval: float | str = 1.0,
    sighup: bool = False,
    registry: Registry | None = None,
    strict: bool = True,
    default_level: bool = True,
) -> Watcher:
    """Load the file into the context, keep its rules as the file says from now on, and return what ends that.

    A change is one atomic swap of the rules that came from the file; rules added otherwise stay where they were. What
    cannot be used changes nothing: what held before holds on, with one diagnostic for each change, and one when the
    file can be used again. Rules that a change leaves as they were keep their counts, limits and ends. Files that are
    renamed into place, swapped by symbolic links, or written bit by bit are all read when they are ready; a file
    that is empty, or gone, is one that cannot be used. The content is compared, not times, so nothing is missed where
    times are coarse or set. Each change, or refusal, leaves an audit record.

    Args:
        context: the logging context.
        path: the file.
        interval: how often to look: seconds, or a text like ``"30s"``.
        sighup: look at each SIGHUP, too. The handler before is called afterwards.
        registry: the types that the file can use; default: `default_registry()`.
        strict: raise for a file that cannot be used now. Otherwise that costs a diagnostic, and the file is taken as
            soon as it can be used.
        default_level: the default level of the file holds, too; False: only its rules do, since somebody else says the
            level.

    Raises:
        ConfigError: `strict`, and anything is wrong with the file; nothing is changed then.
        TypeError: `path` is no path.
        ValueError: `interval` is none, or `sighup` is asked for outside of the main thread or where there is none.
    """
    return Watcher(
        context,
        os.fsdecode(path),
        interval=min(parse_duration(interval), threading.TIMEOUT_MAX),
        registry=registry or default_registry(),
        sighup=sighup,
        strict=strict,
        default_level=default_level,
    )


# Replaced as a whole, never changed, so that a forked child finds all or none of a change.
_live: tuple[Watcher, ...] = ()


def _add(watcher: Watcher) -> None:
    global _live  # noqa: PLW0603
    with tree_lock:
        _live = (*_live, watcher)


def _remove(watcher: Watcher) -> None:
    global _live  # noqa: PLW0603
    with tree_lock:
        _live = tuple(one for one in _live if one is not watcher)


def _after_fork_in_child() -> None:
    for watcher in _live:
        watcher.start_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
