"""The JSON Schema of configurations, made from the tables that loading uses; shipped as ``schema.json``."""

from __future__ import annotations

from typing import Final, TypeAlias

from otel_ctxlog.config.controls import CONTROLS
from otel_ctxlog.config.elements import Kind
from otel_ctxlog.config.eventers import STANDARD_EVENTERS, TYPE
from otel_ctxlog.config.model import DEFAULT_LEVEL, EVENTERS, RULES
from otel_ctxlog.config.standard_types import STANDARD_TYPES

__all__ = ["json_schema"]

Schema: TypeAlias = "dict[str, object]"

_DURATION: Final = r"^\s*(?:\d+(?:\.\d+)?|(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|MS|S|M|H|D)\s*)+)\s*$"
_MOMENT: Final = (
    r"^\s*\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?\s*(?:[Zz]|[+-]\d{1,2}(?::?\d{2})?)\s*$"
)
_RATE: Final = r"^\s*\d+(?:\.\d+)?\s*/\s*(?:s|sec|second|m|min|minute|h|hour|d|day)\s*$"
_LEVEL: Final = (
    r"^\s*(?:[Ee][Rr][Rr][Oo][Rr]|[Ww][Aa][Rr][Nn](?:[Ii][Nn][Gg])?|[Ii][Nn][Ff][Oo]|[Dd][Ee][Bb][Uu][Gg]"
    r"|[Tt][Rr][Aa][Cc][Ee]|[Nn][Oo][Nn][Ee]|[Oo][Ff][Ff]|\d+)\s*$"
)


def json_schema() -> Schema:
    """The schema, draft 2020-12, for a whole configuration.

    It says what the structure allows, own types with a dot in their name included; what only loading can tell, like
    whether a regular expression is one, is left to that.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of otel_ctxlog",
        "description": "Which log records and events go out, by what they are about.",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            DEFAULT_LEVEL: {
                "description": "The level where no rule matches. Not given: as it is, Info at first.",
                "anyOf": [{"$ref": "#/$defs/level"}, {"type": "null"}],
            },
            RULES: {
                "description": "The rules, in the order of adding: the last one is asked first, and the first that "
                "matches decides.",
                "type": ["array", "null"],
                "items": {"$ref": "#/$defs/rule"},
            },
            EVENTERS: {
                "description": "Eventers by name, for otel_ctxlog.eventer(name).",
                "type": ["object", "null"],
                "propertyNames": {"minLength": 1},
                "additionalProperties": {"$ref": "#/$defs/eventer"},
            },
        },
        "$defs": {
            "level": _LEVELS,
            "name": {"type": "string", "minLength": 1},
            "duration": _DURATIONS,
            "rate": _RATES,
            "rule": _element(Kind.RULE),
            "condition": _element(Kind.CONDITION),
            "value": _element(Kind.VALUE),
            "conditions": {"type": "array", "items": {"$ref": "#/$defs/condition"}},
            "eventer": {
                "description": "Where events of that name go.",
                "type": "object",
                "required": [TYPE],
                "properties": {TYPE: _EVENTER_TYPE},
                # Not oneOf, whose errors are about all types but the one that is meant.
                "allOf": [_eventer(name) for name in STANDARD_EVENTERS],
            },
        },
    }


def _element(kind: Kind) -> Schema:
    """An element: a mapping with one key, its type."""
    return {
        "description": f"A {kind.value}: one key, its type.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {name: _SPECS[kind][name] for name in STANDARD_TYPES[kind]},
        "patternProperties": {"\\.": {"description": "A type of your own, named like com.acme.office-hours."}},
        "additionalProperties": False,
    }


def _eventer(name: str) -> Schema:
    description, options, required = _EVENTERS[name]
    kind: Schema = {TYPE: {"const": name}}
    return {
        "if": {"required": [TYPE], "properties": kind},
        "then": _mapping(description, {**kind, **options}, *required),
    }


def _text(pattern: str, allowed: str, **more: object) -> Schema:
    """A text; editors say what is allowed in place of the pattern."""
    return {"type": "string", "pattern": pattern, "patternErrorMessage": f"Allowed: {allowed}.", **more}


def _described(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def _mapping(description: str, properties: Schema, *required: str) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        schema["required"] = list(required)
    return _described(description, schema)


def _valued(description: str, name: str) -> Schema:
    properties: Schema = {
        "name": _described(name, {"$ref": "#/$defs/name"}),
        "value": {"$ref": "#/$defs/value"},
    }
    return _mapping(description, properties, "name", "value")


_LEVELS: Final[Schema] = {
    "description": "How much goes out: that level and all below. A number above 5 is a finer trace level.",
    "anyOf": [
        {"enum": ["Error", "Warn", "Info", "Debug", "Trace", "None", "off"]},
        _text(_LEVEL, "Error, Warn, Info, Debug, Trace, None, off, or a number from 0"),
        {"type": "integer", "minimum": 0},
        {"const": False, "description": "What YAML makes of off: nothing goes out."},
    ],
}
_DURATIONS: Final[Schema] = {
    "description": "Seconds, or a text like 15m, 1h30m, 250ms.",
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 3_153_600_000},
        _text(_DURATION, "a duration like 15m, 1h30m, 250ms", examples=["15m", "1h30m", "250ms"]),
    ],
}
_RATES: Final[Schema] = {
    "description": "Records per second, or a text like 100/s, 20/min, 5/h, 1000/d.",
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
        _text(_RATE, "a rate like 100/s, 20/min, 5/h, 1000/d", examples=["100/s", "20/min", "5/h"]),
    ],
}
_CONTROLS: Final[Schema] = {
    "expires": {
        "description": "When the rule ends by itself: a duration from loading, or a moment with its zone.",
        "anyOf": [
            {"$ref": "#/$defs/duration"},
            _text(_MOMENT, "a moment with its zone like 2030-01-31T12:00:00Z", examples=["2030-01-31T12:00:00Z"]),
        ],
    },
    "limit": {
        "description": "How many records of the rule go out; further ones are held back and counted.",
        "anyOf": [
            {"$ref": "#/$defs/rate"},
            _mapping(
                "A rate with more to it.",
                {
                    "rate": {"$ref": "#/$defs/rate"},
                    "burst": {"description": "How many may come at once.", "type": "integer", "minimum": 1},
                    "per": {
                        "description": "The name of an attribute: each of its values has a limit of its own.",
                        "$ref": "#/$defs/name",
                    },
                },
                "rate",
            ),
        ],
    },
    "sample": {
        "description": "The part of the records that goes out, chosen by trace: those of one trace stay together.",
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
    },
    "first": {
        "description": "The first records of each message, then every so many.",
        "anyOf": [
            {"type": "integer", "minimum": 1},
            _mapping(
                "A count with more to it.",
                {
                    "count": {"description": "How many of a message pass at first.", "type": "integer", "minimum": 1},
                    "every": {
                        "description": "Then each such one passes; 0: none.",
                        "type": "integer",
                        "minimum": 0,
                        "default": 0,
                    },
                    "within": {"description": "Counted anew after that time.", "$ref": "#/$defs/duration"},
                },
                "count",
            ),
        ],
    },
    "sampledTracesOnly": {"description": "Only records of sampled traces go out.", "type": "boolean", "default": False},
    "exemptEvents": {"description": "Events are never held back.", "type": "boolean", "default": False},
}
_UNCONTROLLED: Final[Schema] = {"not": {"anyOf": [{"required": [name]} for name in CONTROLS]}}
_NAME: Final[Schema] = {"$ref": "#/$defs/name"}
_CONDITIONS: Final[Schema] = {"$ref": "#/$defs/conditions"}
_SPECS: Final[dict[Kind, dict[str, Schema]]] = {
    Kind.RULE: {
        "rule": _mapping(
            "A level for the records that meet all conditions.",
            {
                "level": {"$ref": "#/$defs/level"},
                "conditions": {
                    "description": "What all has to hold; none: the rule always matches.",
                    "anyOf": [_CONDITIONS, {"type": "null"}],
                },
                **{name: _CONTROLS[name] for name in CONTROLS},
            },
            "level",
        ),
        "controlled": _mapping(
            "Controls around a rule of any type.",
            {
                "rule": {
                    "description": "A rule without controls.",
                    "$ref": "#/$defs/rule",
                    "properties": {"rule": _UNCONTROLLED, "controlled": _UNCONTROLLED},
                },
                **{name: _CONTROLS[name] for name in CONTROLS},
            },
            "rule",
        ),
    },
    Kind.CONDITION: {
        "and": _described("All of the conditions hold; true without any.", _CONDITIONS),
        "or": _described("One of the conditions holds; false without any.", _CONDITIONS),
        "not": _described("The condition does not hold.", {"$ref": "#/$defs/condition"}),
        "tag": _described("There is a tag of that name.", _NAME),
        "realm": _described("The part of the program is that one, exactly.", _NAME),
        "realmprefix": _described("The part of the program is that one or below it (name/...).", _NAME),
        "attribute": _valued("An attribute, from whatever source, has a value.", "The name of the attribute."),
        "baggage": _valued("An entry of the OpenTelemetry baggage has a value, a text.", "The name of the entry."),
        "span": _valued("An attribute of the current span has a value.", "The name of the attribute."),
        "resource": _valued("An attribute of the service's resource has a value.", "The name of the attribute."),
        "spanname": {
            "description": "The current span, one that records, has that name.",
            "anyOf": [_NAME, {"$ref": "#/$defs/value"}],
        },
        "sampled": {"description": "The current span is sampled, or (false) is not.", "type": "boolean"},
    },
    Kind.VALUE: {
        "value": {"description": "Equal to this. A truth value equals no number; baggage has nothing but texts."},
        "glob": {"description": "A text that the pattern matches as a whole: * ? [abc] [!abc].", "type": "string"},
        "regex": {"description": "A text in which the regular expression is found.", "type": "string"},
        "oneof": {"description": "Equal to one of these.", "type": "array"},
        "range": _mapping(
            "A number within these limits, both included; a text that is a number counts as that.",
            {
                "min": {"description": "At least; not given: any.", "type": ["number", "null"]},
                "max": {"description": "At most; not given: any.", "type": ["number", "null"]},
            },
        ),
        "exists": {"description": "Any value: it only has to be there.", "const": True},
    },
}
_ABOUT: Final[Schema] = {
    "realm": {"description": "The realm of the events.", "$ref": "#/$defs/name"},
    "name": {"description": "The name of the logger.", "$ref": "#/$defs/name"},
    "tags": {"description": "Tags, for rules.", "type": "array", "items": _NAME},
    "attributes": {
        "description": "Attributes of all its events.",
        "type": "object",
        "propertyNames": {"minLength": 1},
    },
}
_EVENTERS: Final[dict[str, tuple[str, Schema, tuple[str, ...]]]] = {
    "otlp": (
        "Events as OpenTelemetry log records, through the rules.",
        {
            "level": {"description": "The level that rules gate them at. Default: Info.", "$ref": "#/$defs/level"},
            "body": {"description": "The body of the records. Default: json.", "enum": ["json", "none"]},
            "spanEvents": {"description": "As events of the current span, too.", "type": "boolean"},
            **_ABOUT,
        },
        (),
    ),
    "cloudwatch": (
        "Events as JSON lines in CloudWatch Logs; needs the extra cloudwatch.",
        {
            "group": {"description": "The name of the log group.", "$ref": "#/$defs/name"},
            "stream": {"description": "The name of the log stream.", "$ref": "#/$defs/name"},
            "region": {"description": "The AWS region.", "$ref": "#/$defs/name"},
            "endpointUrl": {"description": "Another address of the service.", "$ref": "#/$defs/name"},
        },
        ("group",),
    ),
    "log": (
        "Events as log messages in JSON.",
        {"level": {"description": "Default: Debug.", "$ref": "#/$defs/level"}, **_ABOUT},
        (),
    ),
    "nop": ("Events go nowhere.", {}, ()),
    "tee": (
        "Events go to several eventers.",
        {"eventers": {"description": "Their names.", "type": "array", "items": {"type": ["string", "boolean"]}}},
        ("eventers",),
    ),
}
_EVENTER_TYPE: Final[Schema] = {
    "description": "The type of the eventer; one of your own is named like com.acme.kafka.",
    "anyOf": [{"enum": list(STANDARD_EVENTERS)}, _text("\\.", "a standard type, or one with a dot in its name")],
}
