"""Witnesses: what a condition that does not hold has met instead, and hints for what people trip over."""

from __future__ import annotations

from collections.abc import Sequence

from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.messages import Attribute, Realm, Tag, View, ask
from otel_ctxlog.engine.protocols import Condition, is_matcher
from otel_ctxlog.engine.ruleset import Entry
from otel_ctxlog.engine.values import repr_of, safe_text

__all__ = ["why_not"]


def why_not(entry: Entry, view: View) -> str:
    """Return why a rule does not match `view`: the first condition that fails, and what it met."""
    if entry.level is None:
        return "it gave no verdict"
    for condition in entry.conditions:
        try:
            holds = ask(condition, view)
        except Exception as error:  # noqa: BLE001 - whatever an own condition does
            return f"{safe_text(repr_of(condition))} raised {type(error).__name__}: {safe_text(error)}"
        if not holds:
            return _safe_witness(condition, view)
    return "it did not hold"


def _safe_witness(condition: Condition, view: View) -> str:
    try:
        return _witness(condition, view)
    except Exception as error:  # noqa: BLE001 - an own condition asked once more for its witness
        return f"{safe_text(repr_of(condition))} failed ({type(error).__name__} while asking why)"


def _witness(condition: Condition, view: View) -> str:
    """Return what a condition that does not hold has met instead."""
    text = safe_text(repr_of(condition))
    if isinstance(condition, (Realm, RealmPrefix)):
        realm = view.static.realm
        met = "there is no realm" if realm is None else f"the realm is {realm!r}"
        return f"{text} failed: {met}{_realm_hint(condition, realm) or _text_hint(condition.name, view)}"
    if isinstance(condition, Tag):
        tags = ", ".join(sorted(map(repr, view.static.tags)))
        near = _near_text(condition.name, list(view.static.tags))
        return f"{text} failed: " + (f"the tags are {tags}{near}" if tags else "there are no tags")
    if isinstance(condition, BaggageEntry):
        entries = list(condition.found(view))
        hint = _near_value(condition.value, entries) if entries else _attribute_hint(condition, view)
        return f"{text} failed: {_met(condition.name, entries, 'baggage entry')}{hint}"
    if isinstance(condition, SpanAttribute):
        values = list(condition.found(view))
        met = _met(condition.name, values, "span attribute")
        return f"{text} failed: {met}{_near_value(condition.value, values)}{_span_hint(view)}"
    if isinstance(condition, ResourceAttribute):
        values = list(condition.found(view))
        met = _met(condition.name, values, "resource attribute")
        return f"{text} failed: {met}{_near_value(condition.value, values)}"
    if isinstance(condition, Attribute):
        values = list(view.values(condition.name))
        hint = _near_value(condition.value, values) if values else _near_name(condition.name, view)
        return f"{text} failed: {_met(condition.name, values, 'attribute')}{hint}"
    if isinstance(condition, SpanName):
        name = view.ambient.span_name
        met = "there is no recording span" if name is None else f"the span's name is {name!r}"
        return f"{text} failed: {met}{_span_hint(view)}"
    if isinstance(condition, Sampled):
        sampled = view.ambient.sampled
        known = "the current span is sampled" if sampled else "the current span is not sampled"
        met = "there is no span source" if sampled is None else known
        return f"{text} failed: {met}"
    if isinstance(condition, And):
        failed = next((inner for inner in condition.conditions if not ask(inner, view)), condition)
        return f"{text} failed: {_witness(failed, view)}" if failed is not condition else f"{text} failed"
    if isinstance(condition, Or):
        reasons = "; ".join(_witness(inner, view) for inner in condition.conditions)
        return f"{text} failed: none of it holds ({reasons})" if reasons else f"{text} failed: it is empty"
    if isinstance(condition, Not):
        return f"{text} failed: {safe_text(repr_of(condition.condition))} holds"
    return f"{text} failed"


def _met(name: str, values: list[object], kind: str) -> str:
    if not values:
        return f"there is no {kind} {name!r}"
    return f"{kind} {name!r} is {', '.join(safe_text(_plain_repr(value)) for value in values)}"


def _plain_repr(value: object) -> str:
    return repr(str(value)) if isinstance(value, str) else repr_of(value)


def _span_hint(view: View) -> str:
    if view.ambient.sampled is None:
        return " (no span source)"
    if view.ambient.span_name is None:
        return " (no recording span: an unsampled span has no attributes)"
    return ""


def _attribute_hint(condition: BaggageEntry, view: View) -> str:
    name, value = condition.name, condition.value
    if not any(True for _ in view.values(name)):
        return ""
    if not Attribute(name, value).test(view):
        return "; there is an attribute of that name"
    return f"; there is an attribute {name!r}: Attribute({name!r}, {safe_text(_plain_repr(value))}) would match"


def _realm_hint(condition: Realm | RealmPrefix, realm: str | None) -> str:
    if realm is None:
        return ""
    name = condition.name
    if isinstance(condition, Realm) and realm.startswith(name + "/"):
        return f" (below it: RealmPrefix({name!r}) would match)"
    if isinstance(condition, RealmPrefix) and realm.startswith(name):
        if name.endswith("/"):
            return f" (write it without the slash at its end: RealmPrefix({name.rstrip('/')!r}))"
        return f" (a prefix is made of whole parts: {name!r} is not {realm[: (realm + '/').index('/', len(name))]!r})"
    if "." in name + realm and name.replace(".", "/") == realm.replace(".", "/"):
        return " (the parts of a realm are joined by slashes, not by dots)"
    return _near_text(name, [realm])


def _text_hint(name: str, view: View) -> str:
    """Say where the realm was given as a plain text."""
    given = [value for value in view.values("message") if value == name or str(value).startswith(name + "/")]
    return f" (a plain text is an attribute 'message': write Realm({str(given[0])!r}))" if given else ""


def _near_text(wanted: str, found: Sequence[str]) -> str:
    """Say where a text differs in nothing that people see at once."""
    for text in found:
        if text != wanted and text.strip().casefold() == wanted.strip().casefold():
            what = "only in case" if text.strip() != wanted.strip() else "only in blanks around it"
            return f" (it differs {what})"
    return ""


def _near_value(wanted: object, found: Sequence[object]) -> str:
    for value in found:
        if isinstance(wanted, str) and isinstance(value, str):
            hint = _near_text(wanted, [str(value)])
            if hint:
                return hint
        elif (
            isinstance(wanted, str) is not isinstance(value, str)
            and not is_matcher(wanted)
            and safe_text(wanted).casefold() == safe_text(value).casefold()
        ):
            text = "the condition's" if isinstance(wanted, str) else "the attribute's"
            return f" (only {text} value is a text)"
    return ""


def _near_name(name: str, view: View) -> str:
    names = [known for known in view.names() if known.casefold() == name.casefold()]
    return f" (there is one named {names[0]!r})" if names else ""
