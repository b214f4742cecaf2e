"""Message contexts: what is known where a record is made, and the view that conditions have of it.

`Realm`, `Tag`, `Name` and `Attribute` are what users write down; `AmbientAttribute` is what a source found in the
current OpenTelemetry context, and remembers where. `Realm`, `Tag` and `Attribute` are conditions as well (contract,
section 3): as a condition, each matches a message context that contains its equal.

A `View` joins the static part of a message context (the explicit messages, read once) with the ambient part. Own
conditions get it as an ordinary sequence, ambient messages first; that sequence remembers its view, so that a built-in
condition asked by an own one sees the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, cast

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.frozen import Frozen, put
from otel_ctxlog.engine.protocols import Condition, is_matcher
from otel_ctxlog.engine.values import repr_of, safe_text, snapshot, values_equal

__all__ = [
    "BAGGAGE",
    "NO_MESSAGES",
    "OWN",
    "SPAN",
    "Ambient",
    "AmbientAttribute",
    "Attribute",
    "BuiltinCondition",
    "Messages",
    "Name",
    "Realm",
    "StaticMessages",
    "Tag",
    "View",
    "ask",
    "check_name",
    "report_failure",
    "same_value",
    "value_matches",
    "view_of",
]

_COPIED: Final = frozenset({list, dict, tuple})

# The origins of ambient attributes.
BAGGAGE: Final = "baggage"
SPAN: Final = "span"
OWN: Final = "own"


class StaticMessages:
    """The explicit messages of a message context, read once; treat as immutable.

    Attributes:
        flat: the messages in order, outer contexts first.
        realm: the name of the last `Realm`, or None.
        tags: the names of all tags.
        attributes: for each attribute name its values, in order.
        ambient: attributes among the messages that came from a source (only where a user passes them on).
    """

    __slots__ = ("ambient", "attributes", "flat", "realm", "tags")

    def __init__(
        self,
        flat: tuple[object, ...] = (),
        realm: str | None = None,
        tags: Collection[str] = (),
        attributes: dict[str, list[object]] | None = None,
    ) -> None:
        self.flat = flat
        self.realm = realm
        self.tags = tags
        self.attributes: dict[str, list[object]] = {} if attributes is None else attributes
        self.ambient: Sequence[tuple[str, Mapping[str, object]]] = ()

    @classmethod
    def read(cls, flat: tuple[object, ...]) -> StaticMessages:
        """Return what conditions need to know of `flat`."""
        found = cls(flat)
        tags: set[str] | None = None
        for message in flat:
            kind = type(message)
            # The usual kinds first: loggers are made in requests.
            if kind is Realm or issubclass(kind, Realm):
                found.realm = message.name  # type: ignore[attr-defined] # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
            elif kind is Tag or issubclass(kind, Tag):
                tags = {*(tags or ()), cast("Tag", message).name}
            elif issubclass(kind, AmbientAttribute):
                ambient = cast("AmbientAttribute", message)
                found.ambient = (*found.ambient, (ambient.origin, {ambient.name: ambient.value}))
            elif issubclass(kind, Attribute):
                attribute = cast("Attribute", message)
                found.attributes.setdefault(attribute.name, []).append(attribute.value)
        if tags is not None:
            found.tags = tags
        return found


class Ambient:
    """What the sources found in one OpenTelemetry context; treat as immutable.

    Attributes:
        groups: for each source, in order, its origin and its attributes.
        span_name: name of the current recording span, or None.
        sampled: whether the current span is sampled (False without one); None without a `SpanSource`.
        resource: resource attributes of the target provider; None without any source or provider.
    """

    __slots__ = ("groups", "resource", "sampled", "span_name")

    def __init__(self, groups: Sequence[tuple[str, Mapping[str, object]]] = ()) -> None:
        self.groups = groups
        self.span_name: str | None = None
        self.sampled: bool | None = None
        self.resource: Mapping[str, object] | None = None


_NO_AMBIENT: Final = Ambient()
NO_MESSAGES: Final = StaticMessages()


class Messages(tuple[object, ...]):  # noqa: SLOT001 - a subclass of tuple cannot have slots with names
    """A flat message context that remembers its view."""

    view: View


class View:
    """A message context as built-in conditions look at it."""

    __slots__ = ("_flat", "ambient", "static")

    def __init__(self, static: StaticMessages, ambient: Ambient = _NO_AMBIENT) -> None:
        self.static = static
        self.ambient = ambient
        self._flat: Messages | None = None

    def values(self, name: str) -> Iterator[object]:
        """Yield the values of all attributes of that name, ambient ones first."""
        for _, values in self.ambient.groups:
            if name in values:
                yield values[name]
        yield from self.static.attributes.get(name, ())

    def names(self) -> Iterator[str]:
        """Yield the names of all attributes, those of ambient ones first; some may come twice."""
        for _, values in self.ambient.groups:
            yield from values
        yield from self.static.attributes

    def values_of(self, origin: str, name: str) -> Iterator[object]:
        """Yield the values of the ambient attributes of that origin and name."""
        for group, values in self.ambient.groups:
            if group == origin and name in values:
                yield values[name]

    def flat(self) -> Messages:
        """Return the whole message context as own conditions get it."""
        if self._flat is None:
            ambient = (
                AmbientAttribute(name, value, origin)
                for origin, values in self.ambient.groups
                for name, value in values.items()
                if name
            )
            self._flat = Messages((*ambient, *self.static.flat))
            self._flat.view = self
        return self._flat


def view_of(messages: Sequence[object]) -> View:
    """Return the view of a flat message context; messages from sources are recognised among others."""
    if isinstance(messages, Messages):
        return messages.view
    static = StaticMessages.read(tuple(messages))
    return View(static, Ambient(static.ambient) if static.ambient else _NO_AMBIENT)


class BuiltinCondition(Frozen):
    """Base of the conditions of this library: they look at the view, which costs no list of messages."""

    __slots__ = ()

    def matches(self, messages: Sequence[object], /) -> bool:
        """Return whether the condition holds for a flat message context, ambient messages first."""
        return self.test(view_of(messages))

    @abstractmethod
    def test(self, view: View) -> bool:
        """Return whether the condition holds for `view`."""


def ask(condition: Condition, view: View) -> bool:
    """Return whether `condition` holds for `view`; raises what an own condition raises, and reports it once."""
    if isinstance(condition, BuiltinCondition) and type(condition).matches is BuiltinCondition.matches:
        return condition.test(view)
    try:
        return bool(condition.matches(view.flat()))
    except Exception as error:
        report_failure(condition, "condition", error, own=True)
        raise


def report_failure(subject: object, kind: str, error: Exception, *, own: bool = False) -> None:
    """Report, once per `subject`, that asking it raised.

    Args:
        subject: a condition or rule.
        kind: what it is.
        error: what it raised.
        own: it is the user's, and so is the error; else an error that was reported on its way up is not again.
    """
    if not own and getattr(error, "otel_ctxlog_reported", False):
        return
    with suppress(Exception):
        error.otel_ctxlog_reported = True  # type: ignore[attr-defined]
    report_once(
        subject,
        f"a {kind} raised {type(error).__name__} and counts as not matching: {safe_text(repr_of(subject))}",
        error=error,
    )


def check_name(kind: str, name: object) -> str:
    """Return `name` if it can be the name of a `kind`.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty.
    """
    if not isinstance(name, str):
        msg = f"the name of {kind} must be a str, but got {type(name).__name__} {name!r}"
        raise TypeError(msg)
    if not name:
        msg = f"the name of {kind} must not be empty, but got {name!r}"
        raise ValueError(msg)
    return name


class Name(Frozen):
    """A part of the logger's name; it says nothing to rules. An empty name is a ``ValueError``."""

    __slots__ = ("name",)
    __match_args__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        put(self, "name", check_name("a Name", name))


class Realm(BuiltinCondition):
    """A functional area, its components separated by ``/``; attached to records as attribute ``realm``.

    As a condition it is equal to the last realm of the message context. An empty name is a ``ValueError``.
    """

    __slots__ = ("name",)
    __match_args__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        put(self, "name", check_name("a Realm", name))

    def test(self, view: View) -> bool:
        """Return whether the last realm is this one."""
        return view.static.realm == self.name


class Tag(BuiltinCondition):
    """A mark for rules; never attached to records. An empty name is a ``ValueError``.

    As a condition it matches any such tag of the message context.
    """

    __slots__ = ("name",)
    __match_args__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        put(self, "name", check_name("a Tag", name))

    def test(self, view: View) -> bool:
        """Return whether there is such a tag."""
        return self.name in view.static.tags


class Attribute(BuiltinCondition):
    """A name with a value; attached to records. An empty name is a ``ValueError``.

    As a condition it matches any attribute of that name, from whatever source, with an equal value (deep; a bool never
    equals a number, 1 equals 1.0, a list equals a tuple); in place of the value there may be a matcher such as `Glob`.
    Lists and dicts are copied, so that a later change does not reach the attribute.
    """

    __slots__ = ("name", "value")
    __match_args__ = ("name", "value")

    name: str
    value: object

    def __init__(self, name: str, value: object) -> None:
        put(self, "name", check_name("an Attribute", name))
        put(self, "value", snapshot(value) if type(value) in _COPIED else value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attribute):
            return NotImplemented
        return self is other or (self.name == other.name and same_value(self.value, other.value))

    def __hash__(self) -> int:
        return hash((Attribute, self.name, self.value))

    def test(self, view: View) -> bool:
        """Return whether any attribute of that name has the value."""
        return any(value_matches(self.value, value) for value in view.values(self.name))


class AmbientAttribute(Attribute):
    """An attribute that a source found in the current OpenTelemetry context; equal to an `Attribute` of its value."""

    __slots__ = ("origin",)
    __match_args__ = ("name", "value", "origin")

    origin: str

    def __init__(self, name: str, value: object, origin: str = OWN) -> None:
        super().__init__(name, value)
        put(self, "origin", origin)


def same_value(left: object, right: object) -> bool:
    """Return whether two values of attributes or conditions are equal; False where they are nested without end."""
    try:
        return values_equal(left, right)
    except RecursionError:
        return False


def value_matches(expected: object, value: object) -> bool:
    """Return whether `value` is what a condition expects: an equal one, or one that its matcher accepts."""
    if type(expected) is not str and is_matcher(expected):
        return bool(expected.matches_value(value))
    return values_equal(expected, value)
