"""The stem: what a logger or eventer puts on its records, apart from the call's own fields.

A `Recipe` is what was asked for (messages, names, ``with_values`` fields); a `Stem` is what comes out of it in a given
context, prepared for writing. A recipe outlives its stem where the context's own messages change (the default context).
"""

from __future__ import annotations

from typing import Any, Final, cast

from otel_ctxlog.engine.fields import BADKEY, IGNORE, Fields, bad_texts, called
from otel_ctxlog.engine.messages import Attribute, Name, Realm, StaticMessages, Tag
from otel_ctxlog.engine.values import AttributeValue, Lazy, clean_text, is_a, safe_text, to_value

__all__ = ["EMPTY", "Recipe", "Stem"]


class Recipe:
    """What a logger was asked to carry; immutable.

    Attributes:
        messages: the flat messages besides those of the context.
        names: the parts of the name, in order: a text where ``with_name`` gave it, a `Name` where a message did.
        fields: the fields given by ``with_values``, in order.
    """

    # Not a dataclass: loggers are made in requests, and a frozen one costs four times as much to make.
    __slots__ = ("fields", "messages", "names")

    def __init__(
        self,
        messages: tuple[object, ...] = (),
        names: tuple[str | Name, ...] = (),
        fields: tuple[Fields, ...] = (),
    ) -> None:
        self.messages = messages
        self.names = names
        self.fields = fields

    def with_messages(self, messages: tuple[object, ...]) -> Recipe:
        """Return this with further messages."""
        if not messages:
            return self
        names = self.names
        for message in messages:
            kind = type(message)
            if kind is not Realm and kind is not Tag and kind is not Attribute and is_a(message, Name):
                names = (*names, message)
        return Recipe(self.messages + messages if self.messages else messages, names, self.fields)

    def alone(self, messages: tuple[object, ...]) -> Recipe:
        """Return one with these messages only, and what ``with_name`` and ``with_values`` gave."""
        names = tuple(name for name in self.names if isinstance(name, str))
        return Recipe((), names, self.fields).with_messages(messages)

    def with_name(self, name: object) -> Recipe:
        """Return this with one more part of the name; an empty one adds nothing."""
        text = safe_text(name)
        return Recipe(self.messages, (*self.names, text), self.fields) if text else self

    def with_fields(self, fields: Fields) -> Recipe:
        """Return this with further fields."""
        return Recipe(self.messages, self.names, (*self.fields, fields))


EMPTY: Final = Recipe()
_NESTED: Final = frozenset({dict, list, tuple})


class Stem:
    """What a logger puts on its records, prepared; immutable.

    Attributes:
        static: the whole explicit message context.
        name: the logger's name, or ``""``.
        realm: the last realm's name, or None.
        scope: the name of the OTel scope.
        attributes: key → attribute value; where `lazy`, some values are `Lazy`.
        ignored: keys that must not be on a record, not even as ambient attributes.
        lazy: whether there are `Lazy` values.
        plain: whether `attributes` go on records as they are.
        kept: what the writer of records keeps with it, by what it found it for.
    """

    __slots__ = ("attributes", "ignored", "kept", "lazy", "name", "plain", "realm", "scope", "static")

    def __init__(self, context_messages: tuple[object, ...], recipe: Recipe, default_scope: str) -> None:
        messages = context_messages + recipe.messages
        self.static = StaticMessages.read(messages)
        inherited = (message for message in context_messages if is_a(message, Name))
        names = (name.name if isinstance(name, Name) else name for name in (*inherited, *recipe.names))
        self.name = clean_text(".".join(names))
        realm = self.static.realm
        self.realm = None if realm is None else clean_text(realm)
        self.scope = self.name or self.realm or default_scope
        self.attributes: dict[str, AttributeValue | Lazy] = {}
        self.ignored: frozenset[str] = frozenset()
        self.lazy = False
        self._collect(messages, recipe.fields)
        self.kept: tuple[object, Any, bool] = (None, None, False)
        self.plain = not self.lazy and not self.ignored and BADKEY not in self.attributes

    def _collect(self, messages: tuple[object, ...], layers: tuple[Fields, ...]) -> None:
        found = Fields()
        for message in messages:
            if is_a(message, Attribute):
                found.put(message.name, message.value, keep_lazy=True)
            elif is_a(message, Realm):
                found.put("realm", message.name, keep_lazy=True)
        attributes, ignored = found.values, found.ignored
        bad: list[str] = [*bad_texts(attributes.pop(BADKEY))] if BADKEY in attributes else []
        self.lazy = found.lazy
        for layer in layers:
            for key in layer.ignored:
                attributes.pop(key, None)
            attributes.update(layer.values)
            if BADKEY in attributes:
                bad += bad_texts(attributes.pop(BADKEY))
            ignored = {*ignored, *layer.ignored} - layer.values.keys()
            bad += layer.bad
            self.lazy = self.lazy or layer.lazy
        for key, value in attributes.items():
            if type(value) in _NESTED:
                # Made anew for each record: a sink may change what it gets.
                attributes[key] = _again(cast("AttributeValue", value))
                self.lazy = True
        if bad:
            attributes[BADKEY] = tuple(bad)
        self.attributes = attributes
        self.ignored = frozenset(ignored)

    def plain_attributes(
        self,
        ambient: dict[str, AttributeValue],
        attributes: dict[str, AttributeValue],
    ) -> dict[str, AttributeValue]:
        """Return the attributes of one record, ambient ones first; only where the stem is `plain`.

        Args:
            ambient: ambient attributes; the dict is used up.
            attributes: keyword attributes of the call that are plain; the dict is used up.
        """
        own: dict[str, AttributeValue] = {**self.attributes, **attributes} if self.attributes else attributes  # type: ignore[dict-item]
        if not ambient:
            return own
        # An explicit attribute takes its own, later place: where the number is limited, the first ones go.
        if not own.keys().isdisjoint(ambient):
            for key in own:
                ambient.pop(key, None)
        ambient.update(own)
        return ambient

    def record_attributes(
        self,
        ambient: dict[str, AttributeValue],
        fields: Fields | None,
    ) -> dict[str, AttributeValue]:
        """Return the attributes of one record in a new dict, ambient ones first.

        Args:
            ambient: ambient attributes; the dict is used up.
            fields: the fields of the call, or None.
        """
        own, ignored = self.attributes, self.ignored
        if self.lazy:
            own, ignored = self._resolved()
        if fields is not None:
            own = _overlaid(own, fields)
            if ambient:
                for key in fields.ignored:
                    ambient.pop(key, None)
        if not ambient:
            # The prepared mapping must not be handed out: a processor may change what it gets.
            return own.copy() if own is self.attributes else own  # type: ignore[return-value]
        for key in ignored:
            if fields is None or key not in fields.values:
                ambient.pop(key, None)
        # An explicit attribute takes its own, later place: where the number is limited, the first ones go.
        for key in own.keys() & ambient.keys():
            del ambient[key]
        ambient.update(own)  # type: ignore[arg-type]
        return ambient

    def _resolved(self) -> tuple[dict[str, AttributeValue | Lazy], frozenset[str]]:
        ignored = self.ignored
        resolved: dict[str, AttributeValue | Lazy] = {}
        for key, value in self.attributes.items():
            if type(value) is Lazy:
                result = called(value)
                if result is IGNORE:
                    ignored |= {key}
                else:
                    resolved[key] = to_value(result)
            else:
                resolved[key] = value
        return resolved, ignored


def _again(value: AttributeValue) -> Lazy:
    return Lazy(lambda: value)


def _overlaid(own: dict[str, AttributeValue | Lazy], fields: Fields) -> dict[str, AttributeValue | Lazy]:
    """Return the values of a stem with those of a call over them."""
    if not own and not fields.bad:
        return fields.values
    merged = own.copy()
    for key in fields.ignored:
        merged.pop(key, None)
    merged.update(fields.values)
    if fields.bad or BADKEY in fields.values:
        # What has no proper key adds up: nothing of it is lost to a later call.
        texts = [*bad_texts(own[BADKEY])] if BADKEY in own else []
        texts += bad_texts(fields.values[BADKEY]) if BADKEY in fields.values else ()
        merged[BADKEY] = (*texts, *fields.bad)
    return merged
