"""`Capture`: what contexts log while it is on, and asserts about it."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeAlias

from otel_ctxlog.engine.levels import parse_level
from otel_ctxlog.engine.origin import UNKNOWN, Origin
from otel_ctxlog.engine.protocols import LogSink, Rule, is_rule
from otel_ctxlog.loggers.context import LoggingContext, core_of
from otel_ctxlog.loggers.core import KEEP
from otel_ctxlog.loggers.default import DefaultCore, default_context
from otel_ctxlog.testing.asserting import Asserts
from otel_ctxlog.testing.failure import Evidence
from otel_ctxlog.testing.observing import observe, unobserve
from otel_ctxlog.testing.record import CapturedRecord, counted
from otel_ctxlog.testing.settings import Settings, rules_restorer
from otel_ctxlog.testing.suppressed import Reason, SuppressedCall
from otel_ctxlog.testing.tap import Tap, TapSink, add_tap, any_taps, remove_tap

if TYPE_CHECKING:
    from typing_extensions import Self

    from otel_ctxlog.config.model import Config

__all__ = ["Capture", "RuleSource", "Undo", "capture"]

RuleSource: TypeAlias = "Rule | str | bytes | Path | Mapping[str, object] | Config"
"""A rule, or a configuration as `otel_ctxlog.config.configure` takes it."""

_MOST_RECORDS: Final = 100_000
_MOST_SUPPRESSED: Final = 1_000
_lock = threading.RLock()


class Undo:
    """What ends with its ``with`` block, or with the capture that it is part of; entering it gives the capture."""

    __slots__ = ("_capture", "_undo")

    def __init__(self, capture: Capture, undo: Callable[[], None]) -> None:
        self._capture = capture
        self._undo: Callable[[], None] | None = undo

    def __enter__(self) -> Capture:
        return self._capture

    def __exit__(self, *_exc: object) -> None:
        self.now()

    def now(self) -> None:
        """Undo it; a second time does nothing."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


class Capture(Asserts):
    """Captures what a context logs: a context manager, and what the fixture ``ctxlog`` gives.

    Records go to the capture instead of the target of the context; what is nested in the context without a target of
    its own is captured as well. The rules decide as ever. At the end the context has the rules, default level and
    target that it had at the start, and the default context stands for what it stood for. Safe from many threads.
    Captures may be nested: each gets the records.

    Args:
        context: the context; None: the default context, whatever it stands for while the capture is on.
        pass_on: whether records go on to the real target too.
    """

    def __init__(self, context: LoggingContext | None = None, *, pass_on: bool = False) -> None:
        self._context = _checked(context)
        self._pass_on = pass_on
        self._numbers = itertools.count()
        self._records: deque[tuple[int, CapturedRecord, Callable[[], Reason] | None]] = deque(maxlen=_MOST_RECORDS)
        self._missed = itertools.count()
        self._suppressed: deque[tuple[int, SuppressedCall]] = deque(maxlen=_MOST_SUPPRESSED)
        self._first = 0
        self._first_missed = 0
        self._undos: list[Undo] = []
        self._on = False

    def __repr__(self) -> str:
        return f"<Capture {len(self._records)} records, {len(self._suppressed)} suppressed calls>"

    # On and off

    def __enter__(self) -> Self:
        """Start capturing.

        Raises:
            RuntimeError: it is on already.
        """
        if self._on:
            msg = "this capture is on already: make another one by capture()"
            raise RuntimeError(msg)
        self._on = True
        self.capture(self._context)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop capturing and put everything back; what was captured stays."""
        while self._undos:
            self._undos.pop().now()
        self._on = False

    def capture(self, context: LoggingContext) -> Undo:
        """Capture another context too: to the end of a ``with`` block, or of this capture.

        Raises:
            RuntimeError: this capture is not on.
            TypeError: `context` is no `LoggingContext`.
        """
        checked = _checked(context)
        self._check_on()
        core = core_of(checked)
        before = Settings(checked)
        tap = Tap(core, core.current if isinstance(core, DefaultCore) else None, self, self._pass_on)
        with _lock:
            add_tap(tap)
            observe()

        def undo() -> None:
            with _lock:
                remove_tap(tap)
                if not any_taps():
                    unobserve()
            before.restore()

        return self._until_end(undo)

    def with_rules(
        self,
        *rules: RuleSource,
        default_level: int | str | None = None,
        replace: bool = False,
        context: LoggingContext | None = None,
    ) -> Undo:
        """Add rules to the captured context: to the end of a ``with`` block, or of this capture.

        Args:
            rules: rules in the order of adding, the last is asked first; a configuration (YAML text, mapping, path,
                `Config`) stands for its rules and its default level.
            default_level: the default level, a number or a name; None: as it is, or as a configuration says.
            replace: whether the context's own rules do not count meanwhile.
            context: another context than the captured one.

        Raises:
            RuntimeError: this capture is not on.
            TypeError: something is neither rule nor configuration; then nothing is changed.
            ConfigError: a configuration cannot be applied; then nothing is changed.
            ValueError: `default_level` is no level; then nothing is changed.
        """
        self._check_on()
        collected = _Collected()
        for rule in rules:
            collected.add(rule)
        level = collected.default_level if default_level is None else parse_level(default_level)
        changed = self._context if context is None else _checked(context)
        restore = rules_restorer(changed)
        if replace:
            core_of(changed).replace(collected.rules, KEEP if level is None else level, origins=collected.origins)
        elif collected.rules or level is not None:
            changed.apply(rules=collected.rules, default_level=level, origins=collected.origins)
        return self._until_end(restore)

    def _until_end(self, undo: Callable[[], None]) -> Undo:
        made = Undo(self, undo)
        self._undos.append(made)
        return made

    def _check_on(self) -> None:
        if not self._on:
            msg = "this capture is not on: use it in a with statement"
            raise RuntimeError(msg)

    # What was captured

    @property
    def sink(self) -> LogSink:
        """A sink that captures: a target for what writes to no context, such as ``OTelEventer(log.sink)``."""
        return TapSink((self,))

    @property
    def records(self) -> list[CapturedRecord]:
        """All records in the order logged, events among them; at most the last 100,000."""
        return [record for _, record, _ in tuple(self._records)]

    @property
    def events(self) -> list[CapturedRecord]:
        """The records that are events."""
        return [record for record in self.records if record.event_type is not None]

    @property
    def suppressed(self) -> list[SuppressedCall]:
        """The calls that left no record, in order; at most the last 1,000."""
        return [call for _, call in tuple(self._suppressed)]

    @property
    def text(self) -> str:
        """All records, a line each."""
        return "".join(f"{record}\n" for record in self.records)

    def at_level(self, level: int | str) -> list[CapturedRecord]:
        """Return the records at exactly this level, a number or a name.

        Raises:
            ValueError: it is none.
        """
        wanted = parse_level(level)
        return [record for record in self.records if record.level == wanted]

    def counted(self) -> list[CapturedRecord]:
        """Return the records with counted times and ids, so that they can be compared whole.

        The first has the time of one second after the epoch, the next of two …; the first trace and the first span are
        ``…01``.
        """
        return counted(self.records)

    def clear(self) -> None:
        """Forget what was captured so far."""
        self._records.clear()
        self._suppressed.clear()
        self._first = next(self._numbers) + 1
        self._first_missed = next(self._missed) + 1

    def take(self, record: CapturedRecord, why: Callable[[], Reason] | None) -> None:
        """Take one record; for the tap."""
        # A count and a deque instead of a lock: a signal handler may log while its own thread would hold one.
        self._records.append((next(self._numbers), record, why))

    def miss(self, call: SuppressedCall) -> None:
        """Take one call that left no record; for the tap."""
        self._suppressed.append((next(self._missed), call))

    def report(self, since: tuple[int, int] = (0, 0), *, suppressed: bool = True) -> tuple[str, tuple[int, int]]:
        """Return what was logged since some point, and suppressed, as text, and the point up to which it was.

        Args:
            since: what an earlier call returned as second.
            suppressed: whether suppressed calls are listed.
        """
        records = [entry for entry in tuple(self._records) if entry[0] >= since[0]]
        missed = [entry for entry in tuple(self._suppressed) if entry[0] >= since[1]]
        until = (
            max((entry[0] + 1 for entry in records), default=since[0]),
            max((entry[0] + 1 for entry in missed), default=since[1]),
        )
        if not suppressed:
            return "\n".join(str(entry[1]) for entry in records), until
        if not records and not missed:
            return "", until
        evidence = Evidence([entry[1:] for entry in records], [call for _, call in missed])
        return "\n".join(evidence.everything()), until

    def evidence(self) -> Evidence:
        """Return all that was captured, for failure messages."""
        records, suppressed = tuple(self._records), tuple(self._suppressed)
        return Evidence(
            [entry[1:] for entry in records],
            [call for _, call in suppressed],
            records[0][0] - self._first if records else 0,
            suppressed[0][0] - self._first_missed if suppressed else 0,
        )


def capture(context: LoggingContext | None = None, *, pass_on: bool = False) -> Capture:
    """Return what captures a context in a ``with`` statement.

    Args:
        context: the context; None: the default context.
        pass_on: whether records go on to the real target too.

    Raises:
        TypeError: `context` is no `LoggingContext`.
    """
    return Capture(context, pass_on=pass_on)


class _Collected:
    """Rules and a default level that are not applied yet; what a configuration is applied to instead of a context."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.origins: list[Origin] = []
        self.default_level: int | None = None

    def apply(
        self,
        *,
        rules: Sequence[Rule],
        default_level: int | None = None,
        origins: Sequence[Origin] | None = None,
    ) -> None:
        """Take over what a configuration says."""
        self.rules += rules
        self.origins += [UNKNOWN] * len(rules) if origins is None else origins
        if default_level is not None:
            self.default_level = default_level

    def add(self, given: RuleSource) -> None:
        """Take over a rule, or what a configuration says."""
        # Here, since it loads YAML.
        from otel_ctxlog.config.model import Config
        from otel_ctxlog.config.registry import configure

        # First what is none: a path has a method `match`, as rules have.
        if isinstance(given, (str, bytes, Path, Mapping, Config)):
            configure(self, given)
        elif is_rule(given):
            self.rules.append(given)
            self.origins.append(UNKNOWN)
        else:
            msg = (
                "allowed are rules, and configurations as YAML text, mapping, Path or Config, "
                f"but got {type(given).__name__} {given!r}"
            )
            raise TypeError(msg)


def _checked(context: object) -> LoggingContext:
    if context is None:
        return default_context()
    if not isinstance(context, LoggingContext):
        msg = f"a capture needs a LoggingContext or None, but got {type(context).__name__} {context!r}"
        raise TypeError(msg)
    return context
