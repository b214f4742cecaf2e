"""Eventers by name: what a configuration makes, and the live handles that users hold.

Each context has a table of its own; a name that it does not have is looked for in its bases. A table is replaced as a
whole, so that an event sees one configuration. The eventer that a change replaces is closed when the events that were
on their way to it are through.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast, final

from otel_ctxlog.engine.diagnostics import emit_diagnostic, report_once
from otel_ctxlog.engine.protocols import Eventer
from otel_ctxlog.events.nop import NopEventer
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.core import ContextCore
from otel_ctxlog.loggers.default import default_context
from otel_ctxlog.loggers.state import EPOCH, tree_lock

__all__ = [
    "EventerChange",
    "EventerDefinition",
    "NamedEventer",
    "close_eventers",
    "eventer",
    "eventers",
    "flush_eventers",
    "prepare_eventers",
]

_KEY: Final = "named_eventers"
_MOST_REPORTED: Final = 1000
_CLOSE_SECONDS: Final = 30.0
_PASSING_SECONDS: Final = 5.0
_NOP: Final = NopEventer()


@dataclass(frozen=True, slots=True)
class EventerDefinition:
    """How the eventer of a name is made.

    Attributes:
        spec: what it is made from; an eventer goes on for as long as its spec stays the same.
        make: makes it, for a context; may raise.
        close: ends it when it is replaced; None: its own ``close()``, where it has one.
    """

    spec: object
    make: Callable[[LoggingContext], Eventer] = field(compare=False)
    close: Callable[[Eventer], object] | None = field(default=None, compare=False)


@final
class _Entry:
    """One eventer of a table.

    A call first puts something into `users`, then looks at `retired`; who retires it does the opposite. So an eventer
    is not closed under an event that is on its way to it.
    """

    __slots__ = ("definition", "eventer", "owner", "retired", "users")

    def __init__(self, definition: EventerDefinition, eventer: Eventer, owner: object) -> None:
        self.definition = definition
        self.eventer = eventer
        self.owner = owner
        self.retired = False
        self.users: list[None] = []


_Table = Mapping[str, _Entry]
_EMPTY: Final[_Table] = MappingProxyType({})

# A new object with every change of any table, with the names that were reported as unknown since.
_version: tuple[object, dict[tuple[str, int], None]] = (object(), {})


def _own_table(core: ContextCore) -> _Table:
    # In the core itself: a table holds eventers, and these hold the core, which nobody else may hold any more.
    return cast("_Table", vars(core).get(_KEY, _EMPTY))


@final
class EventerChange:
    """A change of the named eventers of one context that is ready to be made, or not. Made by `prepare_eventers`."""

    __slots__ = ("_core", "_made", "_names", "_owner")

    def __init__(
        self, core: ContextCore, made: dict[str, _Entry | None], names: frozenset[str], *, owner: object
    ) -> None:
        self._core = core
        self._made = made
        self._names = names
        self._owner = owner

    def commit(self) -> None:
        """Make it. The eventers that are replaced are closed in a thread of their own."""
        gone: list[_Entry] = []
        with tree_lock:
            before = _own_table(self._core)
            table = dict(before)
            for name, entry in before.items():
                if self._owner is not None and entry.owner is self._owner and name not in self._names:
                    gone.append(table.pop(name))
            for name, made in self._made.items():
                if made is not None:
                    if name in table:
                        gone.append(table[name])
                    table[name] = made
            if not gone and all(made is None for made in self._made.values()):
                return
            vars(self._core)[_KEY] = MappingProxyType(table)
            _retire(gone)
        _close_later(gone)

    def discard(self) -> None:
        """Do not make it: what was made for it is closed."""
        _close_later([entry for entry in self._made.values() if entry is not None])


def prepare_eventers(
    context: LoggingContext, definitions: Mapping[str, EventerDefinition], *, owner: object = None
) -> EventerChange:
    """Make the eventers that are new or others than before, and return the change that lets them hold.

    Args:
        context: the context; events of its eventers go through its rules.
        definitions: the eventers by name. Other names of the context stay as they are.
        owner: whose they are, for something that says all of its eventers each time, like a watched file: names that
            it gave before and does not give any more go. None: nobody's.

    Raises:
        Exception: what making one raises; those that were made are closed.
    """
    core = core_of(context).settled()
    before = _own_table(core)
    made: dict[str, _Entry | None] = {}
    change = EventerChange(core, made, frozenset(definitions), owner=owner)
    try:
        for name, definition in definitions.items():
            known = before.get(name)
            if known is not None and known.owner is owner and known.definition == definition:
                made[name] = None
            else:
                made[name] = _Entry(definition, definition.make(context), owner)
    except BaseException:
        change.discard()
        raise
    return change


def _retire(gone: Sequence[_Entry]) -> None:
    """Let everybody look again, and nobody begin to use what is gone."""
    global _version  # noqa: PLW0603
    # In this order: who finds an entry retired has to find another one at once.
    _version = (object(), {})
    for entry in gone:
        entry.retired = True


def _close_later(entries: list[_Entry]) -> None:
    if not entries:
        return
    thread = threading.Thread(target=_close, args=(entries,), name="otel_ctxlog-eventers", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter goes down; eventers that have to end then see to it themselves
        pass


def _close(entries: list[_Entry]) -> None:
    for entry in entries:
        until = time.monotonic() + _PASSING_SECONDS
        # A user that a fork has left behind never goes.
        while entry.users and time.monotonic() < until:
            time.sleep(0.005)
        _close_one(entry)


def _close_one(entry: _Entry) -> None:
    try:
        if entry.definition.close is not None:
            entry.definition.close(entry.eventer)
            return
        close = getattr(entry.eventer, "close", None)
        if callable(close):
            close()
    except Exception as error:  # noqa: BLE001 - whatever an own eventer does
        kind = type(entry.eventer)
        text = f"closing an eventer of type {kind.__module__}.{kind.__qualname__} raised {type(error).__name__}"
        report_once(entry.eventer, text, error=error, topic="close")


@final
class NamedEventer:
    """Passes events to the eventer that has its name at that moment; made by `eventer`.

    A name that nothing is configured for does nothing, with one diagnostic until the configuration changes.
    """

    __slots__ = ("__weakref__", "_core", "_known", "name")

    def __init__(self, core: ContextCore, name: str) -> None:
        self._core: Final = core
        self.name: Final = name
        # The entry, and what it was found by: the tables and the tree of contexts as they were.
        self._known: tuple[object, object, _Entry | None] = (None, None, None)

    def __repr__(self) -> str:
        return f"<NamedEventer {self.name!r}: {self.eventer!r}>"

    def __str__(self) -> str:
        return str(self.eventer)

    @property
    def eventer(self) -> Eventer:
        """The eventer that has the name now; a `NopEventer` where none has."""
        entry = self._entry()
        return _NOP if entry is None else entry.eventer

    def event(self, type: str, /, *fields: object, **attributes: object) -> None:
        """Record one event; raises nothing."""
        while True:
            entry = self._entry()
            if entry is None:
                self._report()
                return
            entry.users.append(None)
            try:
                if entry.retired:
                    continue
                entry.eventer.event(type, *fields, **attributes)
            except Exception as error:  # noqa: BLE001 - an own eventer may break its promise
                kind = entry.eventer.__class__
                text = f"an eventer of type {kind.__module__}.{kind.__qualname__} raised {error.__class__.__name__}"
                report_once(entry.eventer, text, error=error)
            finally:
                entry.users.pop()
            return

    def _entry(self) -> _Entry | None:
        version, epoch = _version[0], EPOCH.token
        known = self._known
        if known[0] is version and known[1] is epoch:
            return known[2]
        found: _Entry | None = None
        core: ContextCore | None = self._core
        while core is not None:
            core = core.settled()
            found = _own_table(core).get(self.name)
            if found is not None:
                break
            core = core.base
        self._known = (version, epoch, found)
        return found

    def _report(self) -> None:
        reported, subject = _version[1], (self.name, id(self._core))
        if subject in reported or len(reported) >= _MOST_REPORTED:
            return
        reported[subject] = None
        names = sorted(_names(self._core))
        text = f"no eventer is configured as {self.name!r}: its events go nowhere"
        if names:
            near = difflib.get_close_matches(self.name, names, n=1)
            text += f"; there are {', '.join(map(repr, names))}"
            text += f"; did you mean {near[0]!r}?" if near else ""
        emit_diagnostic(text)


def _names(core: ContextCore) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    base: ContextCore | None = core
    while base is not None:
        base = base.settled()
        found = {**_own_table(base), **found}
        base = base.base
    return found


def eventer(name: str, *, context: LoggingContext | None = None) -> NamedEventer:
    """Return the eventer of that name, live: it may be asked for before anything is configured, at module level.

    Its events go to what the configuration calls so at the time of each event; nowhere, with one diagnostic, where it
    has no such name.

    Args:
        name: the name in the configuration, under ``eventers``.
        context: the context that was, or will be, configured; None: the default context of the time.

    Raises:
        TypeError: `name` is no text, or `context` is none.
        ValueError: `name` is empty.
    """
    if not isinstance(cast("object", name), str):
        msg = f"the name of an eventer must be a str, but got {name!r}"
        raise TypeError(msg)
    if not name:
        msg = "the name of an eventer must not be empty, but got ''"
        raise ValueError(msg)
    return NamedEventer(_core(context), name)


def eventers(context: LoggingContext | None = None) -> Mapping[str, Eventer]:
    """Return the eventers that a context has by name, those of its bases included; None: the default context."""
    return {name: entry.eventer for name, entry in _names(_core(context)).items()}


def flush_eventers(timeout: float = 5.0, *, context: LoggingContext | None = None) -> bool:
    """Flush all named eventers of a context that have something to flush; return whether all did in `timeout` seconds.

    Args:
        timeout: seconds, for all of them.
        context: the context; None: the default context.
    """
    until = time.monotonic() + timeout
    done = True
    for one in eventers(context).values():
        flush = getattr(one, "flush", None)
        if callable(flush):
            try:
                done = flush(max(0.0, until - time.monotonic())) is not False and done
            except Exception as error:  # noqa: BLE001 - whatever an own eventer does
                report_once(one, f"flushing an eventer raised {type(error).__name__}", error=error, topic="flush")
                done = False
    return done


def close_eventers(*, context: LoggingContext | None = None) -> None:
    """Forget all named eventers of a context, and close them, off this thread; None: the default context."""
    core = _core(context).settled()
    with tree_lock:
        gone = list(_own_table(core).values())
        vars(core).pop(_KEY, None)
        _retire(gone)
    _close_later(gone)


def _core(context: LoggingContext | None) -> ContextCore:
    if context is None:
        context = default_context()
    elif not isinstance(cast("object", context), LoggingContext):
        msg = f"context must be a LoggingContext or None, but got {context!r}"
        raise TypeError(msg)
    return core_of(context)
