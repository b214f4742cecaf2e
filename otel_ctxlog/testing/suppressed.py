"""`SuppressedCall`: a call that left no record, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from otel_ctxlog.engine.explain import Explanation
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.otel.severity import severity_of
from otel_ctxlog.testing.wording import one_line

__all__ = ["Reason", "SuppressedCall"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call was logged or not.

    Attributes:
        text: it in words, on one or more lines.
        explanation: what the rules say about such a call at that moment; None where no rule was asked.
    """

    text: str
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedCall:
    """A call of a logger or eventer that left no record.

    Nothing of it was converted: a value that is no plain text, number, list or dict shows up as its type only, and a
    `Lazy` was not called.

    Attributes:
        message: what was to be logged; None for an event.
        level: the level of the call.
        attributes: the fields, and the attributes of logger and context; no ambient ones.
        realm: the name of the last realm, or None.
        name: the logger's name, or ``""``.
        event_type: the type of an event, or None.
        location: file name and line of the call, or None where it is not known.
    """

    message: object
    level: int
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])
    realm: str | None = None
    name: str = ""
    event_type: str | None = None
    location: tuple[str, int] | None = field(default=None, compare=False)
    # Asked when it is shown: rules that are walked for each of a million suppressed calls would make tests slow.
    why: Callable[[], Reason] = field(default=lambda: Reason(""), compare=False, repr=False)

    def __str__(self) -> str:
        """One line: severity, name, realm, message or event type, attributes, place."""
        severity = severity_of(self.level).name if self.level > 0 else level_name(self.level)
        return one_line(
            severity,
            self.message,
            self.attributes,
            name=self.name,
            realm=self.realm,
            event_type=self.event_type,
            location=self.location,
        )

    @property
    def reason(self) -> str:
        """Why there is no record: the level that applied, the rule that decided, and the rules that did not match."""
        return self.why().text

    @property
    def explanation(self) -> Explanation | None:
        """What the rules said at the moment of the call; None where none was asked."""
        return self.why().explanation
