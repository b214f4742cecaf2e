"""The values of the API, as JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1)."""

from __future__ import annotations

from typing import Final

from otel_ctxlog.admin.exchange import Json

__all__ = ["SCHEMAS", "integer", "ref", "text"]


def ref(name: str) -> Json:
    """Return a reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _described(schema: dict[str, Json], description: str) -> Json:
    return {**schema, "description": description} if description else dict(schema)


def text(description: str = "", *, longest: int | None = None, shortest: int | None = None) -> Json:
    """Return the schema of a text."""
    schema: dict[str, Json] = {"type": "string"}
    if shortest is not None:
        schema["minLength"] = shortest
    if longest is not None:
        schema["maxLength"] = longest
    return _described(schema, description)


def integer(description: str = "", *, least: int = 0, most: int | None = None, default: int | None = None) -> Json:
    """Return the schema of a whole number."""
    schema: dict[str, Json] = {"type": "integer", "minimum": least}
    if most is not None:
        schema["maximum"] = most
    if default is not None:
        schema["default"] = default
    return _described(schema, description)


def _number(description: str = "") -> Json:
    return _described({"type": "number"}, description)


def _flag(description: str = "") -> Json:
    return _described({"type": "boolean"}, description)


def _maybe(kind: str, description: str = "") -> Json:
    return _described({"type": [kind, "null"]}, description)


def _or_null(name: str) -> Json:
    return {"anyOf": [ref(name), {"type": "null"}]}


def _list(items: Json, description: str = "") -> Json:
    return _described({"type": "array", "items": items}, description)


def _map(values: Json, description: str = "") -> Json:
    return _described({"type": "object", "additionalProperties": values}, description)


def _object(description: str, required: dict[str, Json], optional: dict[str, Json] | None = None) -> Json:
    found: dict[str, Json] = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
        "description": description,
    }
    if required:
        found["required"] = list(required)
    return found


def _named(description: str) -> Json:
    return {
        "type": "object",
        "propertyNames": {"minLength": 1},
        "additionalProperties": True,
        "description": description,
    }


_LEVEL_INPUT: Final[Json] = {
    "anyOf": [
        {
            "type": "string",
            "pattern": "^([Nn]one|[Oo]ff|[Ee]rror|[Ww]arn(ing)?|[Ii]nfo|[Dd]ebug|[Tt]race|[0-9]{1,9})$",
        },
        {"type": "integer", "minimum": 0, "maximum": 1_000_000_000},
    ],
    "description": "A level: its name, or its number: None 0, Error 1, Warn 2, Info 3, Debug 4, Trace 5, finer above.",
}

_CONTROLS: Final[dict[str, Json]] = {
    "expires": {
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "number", "exclusiveMinimum": 0}],
        "description": "When the rule ends: seconds, a duration like 15m, or a moment with its zone.",
        "examples": ["15m", 900, "2030-01-31T12:00:00Z"],
    },
    "limit": {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "number", "exclusiveMinimum": 0},
            _object(
                "A limit in detail.",
                {"rate": {"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]}},
                {"burst": integer(least=1), "per": text(shortest=1)},
            ),
        ],
        "description": "How many records may go out: 100/s, 20/min, or in detail.",
        "examples": ["100/s", {"rate": "100/s", "burst": 200, "per": "tenant"}],
    },
    "sample": {
        "type": "number",
        "minimum": 0.000001,
        "maximum": 1,
        "description": "The part of the traces whose records go out.",
    },
    "first": {
        "anyOf": [
            integer(least=1),
            _object(
                "In detail.",
                {"count": integer(least=1)},
                {
                    "every": integer(),
                    "within": {
                        "anyOf": [{"type": "string", "minLength": 1}, {"type": "number", "exclusiveMinimum": 0}]
                    },
                },
            ),
        ],
        "description": "So many records of each message, then every so many.",
        "examples": [10, {"count": 10, "every": 100, "within": "1m"}],
    },
    "sampledTracesOnly": _flag("Only records of sampled traces."),
    "exemptEvents": _flag("Events are never held back."),
}

_FORMS: Final[dict[str, Json]] = {
    "element": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "description": "The rule as an element of a configuration.",
        "examples": [
            {"rule": {"level": "Debug", "conditions": [{"baggage": {"name": "tenant", "value": {"value": "acme"}}}]}}
        ],
    },
    "yaml": {
        "type": "string",
        "minLength": 1,
        "maxLength": 20_000,
        "description": "The same as YAML.",
        "examples": ["rule:\n  level: Debug\n  conditions:\n    - realmprefix: shop\n"],
    },
    "line": {
        "type": "string",
        "minLength": 1,
        "maxLength": 20_000,
        "description": "The rule on one line, as the variable OTEL_CTXLOG has it.",
        "examples": ["shop/db[baggage:tenant=acme]=debug"],
    },
}


def _rule_input(description: str, further: dict[str, Json]) -> Json:
    found = _object(description, {}, {**_FORMS, **_CONTROLS, **further})
    if isinstance(found, dict):
        found["oneOf"] = [{"required": [form]} for form in _FORMS]
    return found


_COUNTS: Final[dict[str, Json]] = {
    "id": integer("What names the rule in this process.", least=1),
    "passed": integer("Records that were written by its decision."),
    "decided": integer("Decisions that it made; one that is kept and used again counts once."),
    "suppressed": _map(integer(), "Records that its controls held back, by reason."),
    "expiresIn": _maybe("number", "Seconds until it ends."),
}

_SPAN: Final[Json] = {
    "anyOf": [
        _object("The span.", {"name": _maybe("string"), "attributes": _map(True), "sampled": _flag()}),
        {"type": "null"},
    ]
}

_CONTEXT: Final[dict[str, Json]] = {
    "realm": _maybe("string"),
    "scope": text("The name of the logger."),
    "attributes": _map(True, "Attributes that came neither from baggage nor from the span."),
    "baggage": _map(True),
    "span": _SPAN,
    "count": integer("How many of the recent records have it.", least=1),
    "lastSeen": _number("Seconds since the epoch."),
    "lastLevel": integer(),
    "lastBody": True,
}

SCHEMAS: Final[dict[str, Json]] = {
    "Problem": _object(
        "Why a request was refused (RFC 9457).",
        {"type": text(), "title": text(), "status": integer(least=400), "detail": text()},
        {"found": text("What the request has."), "allowed": text("What it may have.")},
    ),
    "Level": _object("A level.", {"level": integer(), "name": text()}),
    "LevelInput": _LEVEL_INPUT,
    "Origin": _object(
        "Where a rule came from.",
        {
            "kind": {"enum": ["code", "file", "environment", "endpoint", "text"]},
            "place": text("Line of code, file and line, or variable."),
            "actor": text("Who added it: the name of a token."),
            "text": text("All of it, in words."),
        },
    ),
    "Rule": _object(
        "A rule, in the place where it is asked.",
        {
            **_COUNTS,
            "position": integer("Its place in the order asked, from 0."),
            "level": _or_null("Level"),
            "line": _maybe("string", "On one line, where that can say it."),
            "yaml": _maybe("string", "As an element of a configuration, where that can say it."),
            "code": text("As Python has it."),
            "origin": _or_null("Origin"),
            "controls": _map(True, "Its controls, each in words."),
            "ends": _maybe("string", "When it ends, ISO 8601."),
            "added": text("When it was added, ISO 8601."),
            "inherited": _flag("Whether it belongs to the context in which this one is nested."),
            "fromEndpoint": _flag("Whether it came through an endpoint."),
        },
    ),
    "Rules": _object(
        "Rules in the order asked.",
        {
            "defaultLevel": ref("Level"),
            "generation": integer("Grows with every change."),
            "total": integer("How many there are, before limit and offset."),
            "rules": _list(ref("Rule")),
        },
    ),
    "RuleInput": _rule_input(
        "A rule in one of three forms. It has to end: expires is in the form, or beside it. What is given in the "
        "form is not given beside it, too.",
        {"reason": text("Why; it is in the audit record.", longest=500, shortest=1)},
    ),
    "RuleAdded": _object(
        "The rule that was added.",
        {"rule": ref("Rule"), "replaced": _list(integer(least=1), "The ids of rules that it replaced.")},
    ),
    "RuleRemoved": _object("The rule that was removed.", {"removed": ref("Rule")}),
    "DefaultLevelInput": _object(
        "The default level to set.",
        {"level": {"anyOf": [ref("LevelInput"), {"type": "null"}], "description": "null: the inherited one, or Info."}},
        {"reason": text("Why; it is in the audit record.", longest=500, shortest=1)},
    ),
    "Call": _object(
        "A call that may log.",
        {},
        {
            "realm": text(shortest=1, longest=10_000),
            "name": text("The name of the logger.", shortest=1, longest=10_000),
            "tags": _list(text(shortest=1)),
            "attributes": _named("Attributes by name."),
            "baggage": {
                "type": "object",
                "propertyNames": {"minLength": 1},
                "additionalProperties": {"type": ["string", "number", "boolean"]},
                "description": "Baggage entries by name.",
            },
            "span": _object(
                "The current span; without it there is none.",
                {},
                {
                    "name": text(shortest=1, longest=10_000),
                    "attributes": _named("Attributes by name."),
                    "sampled": {"type": "boolean", "default": True},
                },
            ),
            "resource": _named("Attributes of the resource, over the real ones."),
            "level": ref("LevelInput"),
        },
    ),
    "RuleName": _object("A rule, named.", {"id": _maybe("integer"), "line": _maybe("string"), "code": text()}),
    "Explanation": _object(
        "Why the level is what it is.",
        {
            "level": integer("The level that is let through."),
            "name": text("Its name."),
            "rule": _or_null("RuleName"),
            "origin": _or_null("Origin"),
            "notes": _list(text(), "What else matters."),
            "skipped": _list(
                _object(
                    "A rule that was asked earlier.",
                    {"rule": ref("RuleName"), "origin": _or_null("Origin"), "reason": text("Why it did not match.")},
                )
            ),
            "skippedTotal": integer("How many there are; the first 200 are listed."),
        },
        {"asked": ref("Level"), "enabled": _flag("Whether a call of the level that was asked about would log.")},
    ),
    "PreviewInput": _rule_input(
        "A rule as RuleInput; it need not end.",
        {"show": integer("How many message contexts are listed.", most=1_000, default=50)},
    ),
    "Preview": _object(
        "Which of the recent message contexts the rule would match; those come first.",
        {
            "line": _maybe("string"),
            "yaml": _maybe("string"),
            "code": text(),
            "level": _or_null("Level"),
            "controls": _map(True),
            "seesRecords": _flag("Whether recent records are known at all."),
            "total": integer("How many message contexts are known."),
            "asked": integer("For how many of them there was time."),
            "matched": integer("How many of these match."),
            "contexts": _list(_object("A message context.", {**_CONTEXT, "matched": _flag()})),
        },
    ),
    "Contexts": _object(
        "Recent message contexts, the latest first. Tags are not on records, and so not here.",
        {"seesRecords": _flag(), "total": integer(), "contexts": _list(_object("A message context.", _CONTEXT))},
    ),
    "Record": _object(
        "A record that passed; long values are cut, some hidden.",
        {
            "number": integer("Counted from the start of the endpoint.", least=1),
            "time": _number("Seconds since the epoch."),
            "level": integer(),
            "severity": text(),
            "scope": text("The name of the logger."),
            "realm": _maybe("string"),
            "eventName": text("The type of an event, or empty."),
            "body": True,
            "attributes": _map(True),
            "baggage": _map(True),
            "span": _SPAN,
            "traceId": text(),
            "spanId": text(),
        },
    ),
    "Records": _object(
        "Records in order.",
        {
            "seesRecords": _flag("Whether records are seen at all."),
            "records": _list(ref("Record")),
            "next": integer("Ask for those after this number next."),
            "missed": integer("How many there were between that are not kept."),
        },
    ),
    "Statistics": _object(
        "What rules and records have come to.",
        {
            "time": _number("Now, in seconds since the epoch."),
            "defaultLevel": ref("Level"),
            "generation": integer(),
            "total": integer("How many rules there are."),
            "rules": _list(_object("The counts of a rule.", _COUNTS)),
            "records": _object(
                "Records since the start of the endpoint.",
                {"seen": _flag(), "total": integer(), "byLevel": _map(integer())},
            ),
        },
    ),
    "Audit": _object(
        "Changes, the latest first.",
        {
            "total": integer(),
            "entries": _list(
                _object(
                    "A change.",
                    {
                        "time": text("ISO 8601."),
                        "action": text(),
                        "actor": text("Who: the name of a token; empty: a file, or time."),
                        "rule": text(),
                        "origin": _or_null("Origin"),
                        "until": _maybe("string", "When it ends by itself, ISO 8601."),
                        "detail": text(),
                    },
                )
            ),
        },
    ),
    "Configuration": _object(
        "What holds at this moment.",
        {
            "defaultLevel": ref("Level"),
            "generation": integer(),
            "rules": integer(),
            "notInYaml": integer("How many rules are of the program's own types, and so are comments only."),
            "yaml": text(),
        },
    ),
    "About": _object(
        "Whose endpoint this is.",
        {
            "actor": text("Who asks: the name of the token."),
            "service": _maybe("string"),
            "instance": _maybe("string"),
            "process": integer(),
            "version": _maybe("string"),
            "started": text("ISO 8601."),
            "maxExpiry": _number("Seconds."),
            "seesRecords": _flag(),
        },
    ),
    "Health": _object("That it answers.", {"status": {"const": "ok"}}),
    "Catalogue": _object(
        "Names that rules may ask for.",
        {
            "realms": _list(ref("Definition")),
            "tags": _list(ref("Definition")),
            "attributes": _list(text()),
            "baggage": _list(text()),
            "span": _list(text()),
            "resource": _list(text()),
        },
    ),
    "Definition": _object("A name.", {"name": text(), "description": text()}),
}
