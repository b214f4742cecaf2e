"""The bridge: what happens in the two methods that it replaces."""

from __future__ import annotations

import logging
import sys
from typing import Final, cast

from otel_ctxlog.bridges.stdlib import cpython
from otel_ctxlog.bridges.stdlib.beside import Beside
from otel_ctxlog.bridges.stdlib.feedback import BUSY, is_quiet, is_suppressed
from otel_ctxlog.bridges.stdlib.gate import GATE, Gate, gate_of
from otel_ctxlog.bridges.stdlib.held import MAKING, is_held, note
from otel_ctxlog.bridges.stdlib.once import HANDED_ON
from otel_ctxlog.bridges.stdlib.writers import Writers
from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.values import is_a
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.std_record import call_attributes, level_of
from otel_ctxlog.loggers.std_writer import ATOMS, StdWriter
from otel_ctxlog.otel.context import Context, get_current

__all__ = ["ACTIVE", "Active", "Bridge"]


class Active:
    """Which bridge is installed.

    Attributes:
        bridge: it, or None.
    """

    __slots__ = ("bridge",)

    def __init__(self) -> None:
        self.bridge: Bridge | None = None


ACTIVE: Final = Active()


class Bridge:
    """Brings the records of all loggers of this process into a context.

    Attributes:
        core: the context.
        gated: whether the other handlers get what passes the rules, and nothing else.
    """

    __slots__ = ("_beside", "_handlers", "_newest", "_writers", "core", "gated")

    def __init__(self, context: LoggingContext, *, gated: bool) -> None:
        self.core = core_of(context)
        self.gated = gated
        self._writers = Writers(context)
        self._beside = Beside(context)
        self._handlers = cpython.handler_references()
        self._newest: object = None

    def is_active(self) -> bool:
        """Return whether this is the bridge of this moment."""
        return ACTIVE.bridge is self

    def writer(self, name: object) -> StdWriter:
        """Return what decides about records of that name."""
        return self._writers.of(name)

    def leave(self) -> None:
        """Let official handlers beside this bridge work again."""
        self._beside.leave()

    def settle(self, logger: logging.Logger, level: int) -> bool:
        """Return whether a call at `level` is on, where that is not known yet."""
        gate = gate_of(logger, self)
        answer = gate.settle(logger, level)
        return self._ask(gate, logger, level) if answer is None else answer

    def ask(self, logger: logging.Logger, level: int) -> bool:
        """Return whether a call at `level` is on, where the OTel context decides."""
        gate = cast("Gate | None", logger.__dict__.get(GATE))
        if gate is None or gate.owner is not self:
            gate = gate_of(logger, self)
        return self._ask(gate, logger, level)

    def _ask(self, gate: Gate, logger: logging.Logger, level: int) -> bool:
        context = get_current()
        if self.gated:
            return cpython.standard_level(logger, level) if is_quiet(context) else self._passes(gate, level, context)
        if BUSY.get() or not self._passes(gate, level, context) or is_suppressed(context):
            return False
        note(logger, level)
        return True

    @staticmethod
    def _passes(gate: Gate, level: int, context: Context) -> bool:
        return gate.writer.is_on(level_of(level), context)

    def holds(self, logger: logging.Logger, level: int) -> bool:
        """Return whether only the rules let through the call that comes now; asked once for each."""
        if self.gated:
            return False
        gate = cast("Gate | None", logger.__dict__.get(GATE))
        return gate is not None and gate.answers.get(level) is not True and is_held(logger, level)

    def handle(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        """Write the record, if the rules let it through, and give it to the other handlers, if they are to get it."""
        gate = cast("Gate | None", logger.__dict__.get(GATE))
        if gate is None or gate.owner is not self:
            gate = gate_of(logger, self)
        written = False
        if not gate.diagnostic:
            context = get_current()
            level = record.levelno
            held = False
            try:
                # Before anything of the application runs, which may log.
                held = not self.gated and gate.answers.get(level) is not True and is_held(logger, level)
                if BUSY.get() or (context and is_suppressed(context)):
                    if self.gated and not cpython.standard_level(logger, level):
                        return
                else:
                    writer = gate.writer if record.name == gate.name else self._writers.of(record.name)
                    written = writer.write(record, context)
                    if held or (self.gated and not written):
                        return
            except Exception as error:  # noqa: BLE001 - a logging call never raises for a bridge
                kind = type(record)
                report_once(kind, f"a record of type {kind.__name__} could not be bridged", error=error)
        if not self._handlers or self._handlers[-1] is not self._newest:
            self._newest = self._beside.look()
        token = HANDED_ON.set((self.core, record) if written else None)
        try:
            cpython.call_original_handlers(logger, record)
        finally:
            HANDED_ON.reset(token)

    def write_alone(
        self,
        logger: logging.Logger,
        level: int,
        message: str,
        arguments: object,
        exc_info: object,
        extra: object,
        stack_info: bool,  # noqa: FBT001 - as `Logger._log` has it
        stacklevel: int,
        *,
        held: bool,
    ) -> bool:
        """Write a call without making a record of ``logging``, if nobody else would get that; return whether it did.

        The arguments are those of ``Logger._log``.
        """
        gate = cast("Gate | None", logger.__dict__.get(GATE))
        if (
            gate is None
            or gate.owner is not self
            or gate.diagnostic
            or logger.filters
            or logger.disabled
            or (extra is not None and type(extra) is not dict)
            or cpython.record_factory() is not logging.LogRecord
            or not cpython.makes_plain_records(logger, call_handlers)
            or not (held or not _is_wanted(logger, level))
        ):
            return False
        formatted_with: object = arguments
        if arguments:
            if type(arguments) is not tuple:
                return False
            for argument in cast("tuple[object, ...]", arguments):
                if type(argument) not in ATOMS:
                    return False
        context = get_current()
        if BUSY.get() or (context and is_suppressed(context)):
            return False
        place = logger.findCaller(stack_info, stacklevel + cpython.frames_counted(logger, 1))
        attributes = call_attributes(level, place, cast("dict[str, object] | None", extra))
        if attributes is None:
            return False
        exception: object = None
        if exc_info:
            if is_a(exc_info, BaseException):
                exception = exc_info
            else:
                given = cast("tuple[object, ...]", exc_info) if type(exc_info) is tuple else sys.exc_info()
                exception = given[1] if len(given) > 1 else None
        gate.writer.write_call(
            level,
            message,
            formatted_with,
            context,
            attributes,
            exception if is_a(exception, BaseException) else None,
        )
        return True


def _is_wanted(logger: logging.Logger, level: int) -> bool:
    """Return whether any handler would get a record of that level."""
    found = False
    one: logging.Logger | None = logger
    while one is not None:
        for handler in one.handlers:
            if level >= handler.level and type(handler) is not logging.NullHandler:
                return True
            found = True
        one = one.parent if one.propagate else None
    return not found


def settle(logger: logging.Logger, level: int) -> bool:
    """Answer for a logger whose answer is not known."""
    bridge = ACTIVE.bridge
    if bridge is not None:
        try:
            return bridge.settle(logger, level)
        except TypeError:  # no level: the original says so
            pass
        except Exception as error:  # noqa: BLE001 - a logging call never raises for a bridge
            report_once(bridge, "the rules could not be asked for a logger", error=error)
    return cpython.standard_answer(logger, level)


def ask(logger: logging.Logger, level: int) -> bool:
    """Answer for a logger where the OTel context decides."""
    bridge = ACTIVE.bridge
    if bridge is None:
        return cpython.standard_answer(logger, level)
    try:
        return bridge.ask(logger, level)
    except Exception as error:  # noqa: BLE001 - a logging call never raises for a bridge
        report_once(bridge, "the rules could not be asked for a logger", error=error)
        return cpython.standard_level(logger, level)


def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    """Give a record to the bridge; without one to the handlers."""
    bridge = ACTIVE.bridge
    if bridge is None:
        # Taken out on the way: what only its rules let through is none for the handlers still.
        if not is_held(self, record.levelno):
            cpython.call_original_handlers(self, record)
    else:
        bridge.handle(self, record)


def log(
    self: logging.Logger,
    level: int,
    msg: object,
    args: object,
    exc_info: object = None,
    extra: object = None,
    stack_info: bool = False,  # noqa: FBT001, FBT002 - as `Logger._log` has it
    stacklevel: int = 1,
) -> None:
    """Write a call that nobody but the bridge would get a record of; of others, make the record."""
    bridge = ACTIVE.bridge
    held = False
    if stacklevel > 1:
        stacklevel = cpython.level_within(stacklevel)
    above = stacklevel + cpython.frames_counted(self, 2)
    if bridge is not None:
        try:
            held = bridge.holds(self, level)
            if type(msg) is str and bridge.write_alone(
                self, level, msg, args, exc_info, extra, stack_info, stacklevel, held=held
            ):
                return
        except Exception as error:  # noqa: BLE001 - a logging call never raises for a bridge; a record tells what is wrong
            report_once(bridge, "a call could not be written without a record", error=error, topic="alone")
    if not held:
        cpython.call_original_log(self, level, msg, args, exc_info, extra, stack_info, above)
        return
    token = MAKING.set((self, level))
    try:
        cpython.call_original_log(self, level, msg, args, exc_info, extra, stack_info, above)
    finally:
        MAKING.reset(token)


# The frames between a logging call and whoever looks for its caller. In this order: each is made with what it calls.
call_handlers = cpython.as_logging(call_handlers)
Bridge.handle = cpython.as_logging(Bridge.handle)  # type: ignore[method-assign]
Bridge.write_alone = cpython.as_logging(Bridge.write_alone)  # type: ignore[method-assign]
log = cpython.as_logging(log)
is_enabled_for: Final = cpython.ask_less(settle, ask)
