"""Plain data of a configuration to one-line rules that read back as the same."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final, TypeGuard

from otel_ctxlog.config.controls import CONTROLS
from otel_ctxlog.config.kinds import is_dict, is_sequence
from otel_ctxlog.config.line_parser import REALM, RESERVED, SAMPLED, SOURCES, SPAN_NAME, UNSAMPLED
from otel_ctxlog.config.line_scanner import LITERAL, LONGEST_NUMBER, NAME, PATTERN, plain_literal, plain_setting, quoted
from otel_ctxlog.config.wording import describe, short

if TYPE_CHECKING:
    from otel_ctxlog.config.places import Place

__all__ = ["write_rule", "write_rules"]

_KEYS: Final = frozenset({"level", "conditions", *CONTROLS})


def write_rules(default_level: object, rules: object, place: Place) -> str:
    """The one-line rules of a checked configuration.

    Raises:
        ConfigError: it has something that one line cannot say.
    """
    parts = [] if default_level is None else [_level(default_level)]
    where = place.item(None, "rules")
    parts += [
        write_rule(rule, where.item(rules, index)) for index, rule in enumerate(rules if is_sequence(rules) else ())
    ]
    return ",".join(parts)


def write_rule(element: object, place: Place) -> str:
    """The one-line form of a rule element.

    Raises:
        ConfigError: it has something that one line cannot say.
    """
    kind, spec = _only(element, place)
    inside = place.item(element, kind)
    if kind != "rule" or not is_dict(spec):
        raise _cannot(inside, f"the rule type {short(kind)}", "the rule type rule")
    for key in spec:
        if key not in _KEYS:
            raise _cannot(inside, f"the key {short(key)}", "level, conditions and controls")
    listed = spec.get("conditions")
    conditions = list(listed) if is_sequence(listed) else []
    where = inside.item(spec, "conditions")
    realm = ""
    if conditions:
        first, name = _only(conditions[0], where.item(listed, 0))
        if first in ("realm", "realmprefix") and isinstance(name, str):
            realm = _realm(name, prefix=first == "realmprefix")
    start = 1 if realm else 0
    texts = [_condition(one, where.item(listed, index)) for index, one in enumerate(conditions) if index >= start]
    brackets = f"[{','.join(texts)}]" if texts or not realm else ""
    controls = "".join(_control(name, spec[name], inside.item(spec, name)) for name in CONTROLS if name in spec)
    return f"{realm}{brackets}={_level(spec.get('level'))}{controls}"


def _level(level: object) -> str:
    if level is False:
        return "off"
    return str(level).strip()


def _realm(name: str, *, prefix: bool) -> str:
    text = _name(name)
    return f"{text}/**" if prefix else text


def _condition(element: object, place: Place) -> str:
    kind, spec = _only(element, place)
    inside = place.item(element, kind)
    if kind in ("and", "or") and is_sequence(spec):
        texts = [_condition(one, inside.item(spec, index)) for index, one in enumerate(spec)]
        return f"{'all' if kind == 'and' else 'any'}({','.join(texts)})"
    if kind == "not":
        return f"!{_condition(spec, inside)}"
    if kind == "tag" and isinstance(spec, str):
        return f"#{_name(spec)}"
    if kind in ("realm", "realmprefix") and isinstance(spec, str):
        return f"{REALM}={_realm(spec, prefix=kind == 'realmprefix')}"
    if kind == "sampled":
        return SAMPLED if spec else UNSAMPLED
    if kind == "spanname":
        element = {"value": spec} if isinstance(spec, str) else spec
        return f"{SPAN_NAME}{_value(element, inside, texts=True)}"
    if (kind == "attribute" or kind in SOURCES) and is_dict(spec) and isinstance(name := spec.get("name"), str):
        value = _value(spec.get("value"), inside.item(spec, "value"))
        source = "" if kind == "attribute" else f"{kind}:"
        text = quoted(name) if not source and name in RESERVED else _name(name)
        return f"{source}{text}{value}"
    raise _cannot(inside, f"the condition type {short(kind)}", "the standard ones")


def _value(element: object, place: Place, *, texts: bool = False) -> str:
    """An operator and a value."""
    kind, spec = _only(element, place)
    inside = place.item(element, kind)
    if kind == "exists":
        return ""
    if kind == "glob" and isinstance(spec, str):
        return f"~{_pattern(spec)}"
    if kind == "regex" and isinstance(spec, str):
        return f"=~{_pattern(spec)}"
    if kind == "range" and is_dict(spec):
        return "=" + "..".join(_limit(spec.get(side), inside.item(spec, side)) for side in ("min", "max"))
    if kind == "oneof" and is_sequence(spec):
        values = [_literal(value, inside.item(spec, index), texts=texts) for index, value in enumerate(spec)]
        return "=" + "|".join(values) + ("|" if len(values) < 2 else "")  # noqa: PLR2004
    if kind == "value":
        return f"={_literal(spec, inside, texts=texts)}"
    raise _cannot(inside, f"the value type {short(kind)}", "the standard ones")


def _limit(limit: object, place: Place) -> str:
    if limit is None:
        return ""
    text = _number(limit) if _is_number(limit) else None
    if text is not None:
        return text
    raise _cannot(place, describe(limit), "a finite number")


def _literal(value: object, place: Place, *, texts: bool = False) -> str:
    if isinstance(value, str):
        bare = LITERAL.fullmatch(value) is not None and ".." not in value
        return value if bare and (texts or isinstance(plain_literal(value), str)) else quoted(value)
    text: str | None = None
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (int, float)):
        text = _number(value)
    if text is None or texts:
        raise _cannot(place, describe(value), "a text" if texts else "a text, a finite number, true, false, null")
    return text


def _number(number: float) -> str | None:
    """A number that can be read back; None: it is not finite, or too long."""
    if isinstance(number, int):
        # Before it is made a text, for which Python has a limit of its own.
        text = str(number) if number.bit_length() < LONGEST_NUMBER * 4 else ""
        return text if 0 < len(text) <= LONGEST_NUMBER else None
    return repr(number) if math.isfinite(number) else None


def _pattern(pattern: str) -> str:
    return pattern if PATTERN.fullmatch(pattern) else quoted(pattern, raw=True)


def _name(name: str) -> str:
    return name if NAME.fullmatch(name) else quoted(name)


def _control(name: str, spec: object, place: Place) -> str:
    if spec is True:
        return f"@{name}"
    if is_dict(spec):
        settings = (f"{key}={_setting(value, place.item(spec, key))}" for key, value in spec.items())
        return f"@{name}=({','.join(settings)})"
    return f"@{name}={_setting(spec, place)}"


def _setting(value: object, place: Place) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    text = _literal(value, place)
    # What is a text to a condition is a number, or ends, in a control.
    bare = isinstance(value, str) and text == value
    return quoted(text) if bare and ("@" in text or not isinstance(plain_setting(text), str)) else text


def _only(element: object, place: Place) -> tuple[str, object]:
    if is_dict(element) and len(element) == 1:
        ((kind, spec),) = element.items()
        return str(kind), spec
    raise _cannot(place, describe(element), "an element, a mapping with exactly one key")


def _cannot(place: Place, found: str, allowed: str) -> Exception:
    return place.error(f"one line cannot say this: found {found}; allowed: {allowed}")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
