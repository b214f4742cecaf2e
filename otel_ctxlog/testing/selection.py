"""Selection: which records a test means, and what is different about those it does not."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from otel_ctxlog.engine.conditions import RealmPrefix
from otel_ctxlog.engine.fields import IGNORE
from otel_ctxlog.engine.levels import level_name, parse_level
from otel_ctxlog.engine.messages import Realm, value_matches
from otel_ctxlog.engine.protocols import Matcher, is_matcher
from otel_ctxlog.engine.values import to_value
from otel_ctxlog.testing.record import CapturedRecord
from otel_ctxlog.testing.suppressed import SuppressedCall
from otel_ctxlog.testing.wording import Opaque, shown

__all__ = ["ExceptionTypes", "Selection", "TextOrMatcher", "WantedRealm", "selection"]

TextOrMatcher: TypeAlias = "str | Matcher"
WantedRealm: TypeAlias = "str | Realm | RealmPrefix | Matcher"
ExceptionTypes: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...]"

_MISSING: Final = object()
_FIELDS: Final = ("message", "level", "realm", "name", "type", "exception")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a record has to be like; what is None does not matter.

    Attributes:
        message: the body, or a matcher for it.
        level: the level.
        realm: the realm, a `RealmPrefix`, or a matcher for it.
        name: the logger's name, or a matcher for it.
        type: the event type, or a matcher for it.
        exception: the type of the exception, or several.
        attributes: name → value, matcher, or `IGNORE` for an attribute that must not be there.
        events: True for events only, False for log records only, None for both.
    """

    message: TextOrMatcher | None
    level: int | None
    realm: WantedRealm | None
    name: TextOrMatcher | None
    type: TextOrMatcher | None
    exception: ExceptionTypes | None
    attributes: Mapping[str, object]
    events: bool | None = None

    def __str__(self) -> str:
        """``message='price calculated', level=Debug, net=84``; ``anything`` where nothing matters."""
        parts = [
            f"{name}={level_name(self.level) if name == 'level' and self.level is not None else shown(wanted)}"
            for name in _FIELDS
            if (wanted := getattr(self, name)) is not None and not (name == "type" and self.events)
        ]
        parts += [f"{name}={shown(value)}" for name, value in self.attributes.items()]
        return ", ".join(parts)

    @property
    def kind(self) -> str:
        """What is selected: ``log record``, ``event 'orderPlaced'`` or ``record``."""
        if self.events:
            return "event" if self.type is None else f"event {shown(self.type)}"
        return "record" if self.events is None else "log record"

    @property
    def several(self) -> str:
        """The same for several of it: ``log records``, ``events 'orderPlaced'``."""
        noun, _, rest = self.kind.partition(" '")
        return f"{noun}s '{rest}" if rest else f"{noun}s"

    def concerns(self, found: CapturedRecord | SuppressedCall) -> bool:
        """Return whether `found` is of the kind that is selected: an event, a log record."""
        return self.events is None or self.events is (found.event_type is not None)

    def matches(self, found: CapturedRecord | SuppressedCall) -> bool:
        """Return whether `found` is as wanted."""
        return self.concerns(found) and next(self.differences(found), None) is None

    def differences(self, found: CapturedRecord | SuppressedCall) -> Iterator[str]:
        """Yield for each wish that `found` does not meet what was expected and what it is."""
        text = found.body if isinstance(found, CapturedRecord) else found.message
        yield from _differs("message", self.message, text)
        if self.level is not None and found.level != self.level:
            yield f"level: expected {level_name(self.level)}, but it is {level_name(found.level)}"
        if not _in_realm(self.realm, found.realm):
            yield f"realm: expected {shown(self.realm)}, but {_met(found.realm)}"
        yield from _differs("name", self.name, found.name)
        yield from _differs("type", self.type, found.event_type)
        # What exception a suppressed call would have carried is not known.
        if isinstance(found, CapturedRecord):
            yield from _raised_differs(self.exception, found.exception)
        for name, wanted in self.attributes.items():
            yield from _attribute_differs(name, wanted, found.attributes)

    def distance(self, found: CapturedRecord | SuppressedCall) -> tuple[int, float]:
        """Return how far `found` is from what is wanted: wishes it does not meet, then how unlike its text is."""
        text = found.body if isinstance(found, CapturedRecord) else found.message
        unlike = 0.0
        for wanted, is_text in ((self.message, text), (self.type, found.event_type)):
            if isinstance(wanted, str):
                unlike += 1 - difflib.SequenceMatcher(None, wanted, str(is_text)[:500]).ratio()
        return len(list(self.differences(found))), unlike


def selection(
    message: TextOrMatcher | None,
    *,
    level: int | str | None = None,
    realm: WantedRealm | None = None,
    name: TextOrMatcher | None = None,
    type: TextOrMatcher | None = None,
    exception: ExceptionTypes | None = None,
    attributes: Mapping[str, object] | None = None,
    more: Mapping[str, object] | None = None,
    events: bool | None = None,
) -> Selection:
    """Return the selection that these arguments of a test mean.

    Raises:
        ValueError: `level` is no level.
        TypeError: `message`, `name` or `type` are neither text nor matcher, or `realm` is no realm.
    """
    for which, given in (("message", message), ("name", name), ("type", type)):
        if not (given is None or isinstance(given, str) or is_matcher(given)):
            msg = f"{which} must be a str or a matcher such as Glob or Regex, but got {shown(given)}"
            raise TypeError(msg)
    if not (realm is None or isinstance(realm, (str, Realm, RealmPrefix)) or is_matcher(realm)):
        msg = f"realm must be a str, Realm, RealmPrefix or a matcher, but got {shown(realm)}"
        raise TypeError(msg)
    checked = None if level is None else parse_level(level)
    wanted = {**(attributes or {}), **(more or {})}
    return Selection(message, checked, realm, name, type, exception, wanted, events)


def _met(value: object) -> str:
    return "there is none" if value is None or value == "" else f"it is {shown(value)}"


def _accepts(wanted: object, value: object) -> bool:
    if value_matches(wanted, value):
        return True
    # A record holds what a value became: the text of a date, the list of a set.
    return not is_matcher(wanted) and value_matches(to_value(wanted), value)


def _differs(what: str, wanted: TextOrMatcher | None, value: object) -> Iterator[str]:
    if wanted is not None and not value_matches(wanted, value):
        yield f"{what}: expected {shown(wanted)}, but {_met(value)}"


def _raised_differs(wanted: ExceptionTypes | None, exception: BaseException | None) -> Iterator[str]:
    if wanted is not None and not isinstance(exception, wanted):
        yield f"exception: expected {shown(wanted)}, but {_met(exception)}"


def _in_realm(wanted: WantedRealm | None, realm: str | None) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, RealmPrefix):
        return realm is not None and (realm == wanted.name or realm.startswith(wanted.name + "/"))
    return value_matches(wanted.name if isinstance(wanted, Realm) else wanted, realm)


def _attribute_differs(name: str, wanted: object, attributes: Mapping[str, object]) -> Iterator[str]:
    value = attributes.get(name, _MISSING)
    if wanted is IGNORE:
        if value is not _MISSING:
            yield f"attribute {name!r}: expected none, but it is {shown(value)}"
    elif value is _MISSING:
        near = difflib.get_close_matches(name, attributes, n=1)
        hint = f"; there is {near[0]!r}: {shown(attributes[near[0]])}" if near else ""
        yield f"attribute {name!r}: expected {shown(wanted)}, but there is none{hint}"
    elif type(value) is not Opaque and not _accepts(wanted, value):
        yield f"attribute {name!r}: expected {shown(wanted)}, but it is {shown(value)}"
