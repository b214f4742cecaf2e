"""A rule as one context holds it: where it came from, what it has done, and what holds its records back.

The same rule in two contexts is held twice; a rule that stays when others change stays the same `Held`, so that its
counts, its limits and its end go on.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from itertools import count
from time import monotonic, time
from typing import Final, Protocol

from otel_ctxlog.engine.origin import UNKNOWN, Origin
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.rules import Controlled

__all__ = ["Governor", "Held"]

_numbers: Final = count(1)


class Governor(Protocol):
    """What decides which of the records that a rule lets through are written (`otel_ctxlog.engine.governor`)."""

    @property
    def limit_only(self) -> bool:
        """Whether `take` says what `admit` would."""
        ...

    @property
    def spares_errors(self) -> bool:
        """Whether errors go out without being asked about."""
        ...

    @property
    def tells(self) -> bool:
        """Whether `additions` has to be asked."""
        ...

    @property
    def needs_trace(self) -> bool:
        """Whether `admit` looks at the trace."""
        ...

    @property
    def needs_message(self) -> bool:
        """Whether `admit` looks at the message."""
        ...

    @property
    def per(self) -> str | None:
        """The attribute that `admit` looks at, or None."""
        ...

    @property
    def suppressed(self) -> Mapping[str, int]:
        """How many records were held back, by reason."""
        ...

    def take(self) -> bool:
        """Return whether one record goes out; one that does not is counted."""
        ...

    def admit(
        self, message: object, trace_id: int, attributes: Mapping[str, object], *, sampled: bool, event: bool
    ) -> bool:
        """Return whether one record goes out; one that does not is counted."""
        ...

    def additions(self, attributes: Mapping[str, object], *, event: bool) -> Mapping[str, int | float] | None:
        """Return what a record that goes out has to say of those that did not, or None."""
        ...


class Bounded(Protocol):
    """What has its level from a rule that may end."""

    def end(self) -> None:
        """Go back to what holds without the rule."""
        ...


class Held:
    """A rule in its context.

    Attributes:
        rule: the rule.
        origin: where it came from.
        number: what names it in this process.
        added: when it was added, in seconds since the epoch.
        passed: how many records were written by its decision.
        decided: how many decisions it made; one that is kept and used again counts once.
        deadline: when it ends, on the monotonic clock, or None.
        governor: what holds its records back, or None.
        section: the section of its context that it is in, or None.
        ended: whether its time was found to be over.
        gone: whether it was taken out of its context.
        finish: takes it out of its context, once its time is over; waits for nobody.
    """

    __slots__ = (
        "__weakref__",
        "_bounded",
        "added",
        "deadline",
        "decided",
        "ended",
        "finish",
        "gone",
        "governor",
        "number",
        "origin",
        "passed",
        "rule",
        "section",
    )

    def __init__(self, rule: Rule, origin: Origin = UNKNOWN) -> None:
        self.rule = rule
        self.origin = origin
        self.number = next(_numbers)
        self.added = time()
        self.passed = 0
        self.decided = 0
        self.deadline: float | None = None
        self.governor: Governor | None = None
        self.section: object = None
        self.ended = False
        self.gone = False
        self.finish: Callable[[], None] | None = None
        self._bounded: weakref.WeakSet[Bounded] | None = None
        if isinstance(rule, Controlled):
            self.governor = rule.governor()
            left = rule.seconds_left()
            if left is not None:
                self.deadline = monotonic() + left
                self._bounded = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<rule {self.number} {self.rule!r}, {self.origin}>"

    def again(self) -> Held:
        """Return the same rule for another context: nothing counted yet, and the same end."""
        made = Held(self.rule, self.origin)
        made.deadline = self.deadline
        return made

    def is_late(self) -> bool:
        """Return whether its time is over, and nothing else."""
        deadline = self.deadline
        return deadline is not None and monotonic() >= deadline

    def is_over(self) -> bool:
        """Return whether its time is over, and if so end it, as far as that is possible without waiting.

        No thread may have come to it yet; and while somebody changes rules it stays in its context.
        """
        if not self.is_late():
            return False
        self.release()
        if not self.ended and self.finish is not None:
            self.finish()
        return True

    def bind(self, bounded: Bounded) -> None:
        """Have `bounded` told when a rule that ends does so, or is removed before; it is not kept alive."""
        if self._bounded is not None:
            self._bounded.add(bounded)
            if self.gone or self.is_late():
                bounded.end()

    def release(self) -> None:
        """Tell those that have their level from a rule that ends."""
        waiting = self._bounded
        if waiting is None:
            return
        while waiting:
            try:
                waiting.pop().end()
            except KeyError:  # gone meanwhile
                return
