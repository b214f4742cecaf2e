"""The description of the API: OpenAPI 3.1."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from otel_ctxlog.admin.exchange import JSON, PROBLEM_JSON, Json
from otel_ctxlog.admin.schemas import SCHEMAS, integer, ref, text

__all__ = ["description"]

_REFUSALS: Final = {
    "400": "The request cannot be read.",
    "401": "A token is needed, or another one.",
    "403": "Host or origin are not this endpoint's.",
    "404": "There is none.",
    "408": "The request took too long to arrive.",
    "409": "What holds now does not allow it.",
    "411": "The length of the body is not said.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "422": "A value is not allowed; found and allowed say why.",
    "429": "Too many wrong tokens came from this address.",
    "431": "The head of the request is too long.",
    "503": "Too much is asked at once.",
}
_ALWAYS: Final = ("400", "401", "403", "408", "422", "429", "431", "503")
_WITH_BODY: Final = ("411", "413", "415")


def _answer(words: str, content: Json) -> Json:
    return {"description": words, "content": content}


def _json(schema: str) -> Json:
    return {JSON: {"schema": ref(schema)}}


def _operation(
    name: str,
    summary: str,
    answer: Json,
    *,
    status: str = "200",
    body: str | None = None,
    parameters: list[Json] | None = None,
    refusals: tuple[str, ...] = (),
    is_open: bool = False,
) -> Json:
    """Return an operation.

    Args:
        name: its id.
        summary: what it does.
        answer: the answer where all goes well.
        status: the status of that.
        body: the schema of the body, or None where there is none.
        parameters: the parameters.
        refusals: statuses of refusals that not all operations have.
        is_open: whether no token is needed.
    """
    statuses = sorted({*_ALWAYS, *refusals, *(_WITH_BODY if body is not None else ())})
    problem: Json = {PROBLEM_JSON: {"schema": ref("Problem")}}
    responses: dict[str, Json] = {status: answer}
    responses.update((refused, _answer(_REFUSALS[refused], problem)) for refused in statuses)
    found: dict[str, Json] = {"operationId": name, "summary": summary, "responses": responses}
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        found["requestBody"] = {"required": True, "content": _json(body)}
    if is_open:
        found["security"] = []
    return found


def _query(name: str, schema: Json, words: str) -> Json:
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema}


_ID: Final[Json] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The id of the rule.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999_999_999},
}
_AFTER: Final = _query("after", integer(most=10**15 - 1), "The number after which to begin; the last ones without it.")


def _limit(most: int, default: int, *, least: int = 0) -> Json:
    return _query("limit", integer(least=least, most=most, default=default), "How many at most.")


def _paths() -> dict[str, Json]:
    return {
        "/": {
            "get": _operation(
                "page", "The page for people.", _answer("HTML.", {"text/html": {"schema": text()}}), is_open=True
            )
        },
        "/openapi.json": {
            "get": _operation(
                "description",
                "This description.",
                _answer("OpenAPI 3.1.", {JSON: {"schema": {"type": "object"}}}),
                is_open=True,
            )
        },
        "/api/health": {
            "get": _operation("health", "Whether it answers.", _answer("It does.", _json("Health")), is_open=True)
        },
        "/api/about": {"get": _operation("about", "Whose endpoint this is.", _answer("This one's.", _json("About")))},
        "/api/rules": {
            "get": _operation(
                "rules",
                "The rules in the order asked, with what they have done.",
                _answer("The rules.", _json("Rules")),
                parameters=[
                    _limit(5_000, 500),
                    _query("offset", integer(most=10_000_000, default=0), "How many to leave out."),
                    _query("search", text(longest=500), "Words that are all in the rule or its origin."),
                ],
            ),
            "post": _operation(
                "addRule",
                "Add a rule that ends by itself; it is asked before all that are there.",
                _answer("It was added.", _json("RuleAdded")),
                status="201",
                body="RuleInput",
                refusals=("409",),
            ),
        },
        "/api/rules/{id}": {
            "parameters": [_ID],
            "get": _operation("rule", "One rule.", _answer("The rule.", _json("Rule")), refusals=("404",)),
            "delete": _operation(
                "removeRule",
                "Remove a rule; one that did not come through an endpoint only with confirm=true.",
                _answer("It was removed.", _json("RuleRemoved")),
                parameters=[
                    _query("confirm", {"enum": ["true", "false"], "default": "false"}, "That it is meant."),
                    _query("reason", text(longest=500), "Why; it is in the audit record."),
                ],
                refusals=("404", "409"),
            ),
        },
        "/api/default-level": {
            "get": _operation(
                "defaultLevel", "The level where no rule matches.", _answer("The level.", _json("Level"))
            ),
            "put": _operation(
                "setDefaultLevel",
                "Set the level where no rule matches; it stays until it is set again.",
                _answer("The level from now on.", _json("Level")),
                body="DefaultLevelInput",
            ),
        },
        "/api/explain": {
            "post": _operation(
                "explain",
                "Why a call would log, or would not.",
                _answer("The explanation.", _json("Explanation")),
                body="Call",
            )
        },
        "/api/preview": {
            "post": _operation(
                "preview",
                "Which of the recent message contexts a rule would match; nothing is changed.",
                _answer("The preview.", _json("Preview")),
                body="PreviewInput",
            )
        },
        "/api/configuration": {
            "get": _operation(
                "configuration",
                "The effective configuration.",
                _answer(
                    "The configuration.",
                    {
                        JSON: {"schema": ref("Configuration")},
                        "application/yaml": {"schema": {"description": "A configuration."}},
                    },
                ),
                parameters=[_query("format", {"enum": ["json", "yaml"], "default": "json"}, "The form.")],
            )
        },
        "/api/statistics": {
            "get": _operation("statistics", "The counts.", _answer("The counts.", _json("Statistics")))
        },
        "/api/audit": {
            "get": _operation(
                "audit",
                "Who changed what, until when.",
                _answer("The changes.", _json("Audit")),
                parameters=[_limit(1_000, 200)],
            )
        },
        "/api/contexts": {
            "get": _operation(
                "contexts",
                "The message contexts of recent records.",
                _answer("The message contexts.", _json("Contexts")),
                parameters=[_limit(1_000, 100)],
            )
        },
        "/api/records": {
            "get": _operation(
                "records",
                "Recent records, or those after a number.",
                _answer("The records.", _json("Records")),
                parameters=[_AFTER, _limit(1_000, 200, least=1)],
            )
        },
        "/api/records/stream": {
            "get": _operation(
                "streamRecords",
                "Records as they pass, as Server-Sent Events: record with a Record, missed with a number.",
                _answer("The stream.", {"text/event-stream": {"schema": text()}}),
                parameters=[
                    _query(
                        "after", integer(most=10**15 - 1), "The number after which to begin; only new ones without it."
                    ),
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "required": False,
                        "description": "The same, as a reader says it that comes again.",
                        "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
                    },
                ],
            )
        },
        "/api/catalogue": {
            "get": _operation("catalogue", "Names that rules may ask for.", _answer("The names.", _json("Catalogue")))
        },
    }


@lru_cache(maxsize=1)
def description() -> Json:
    """Return the description; treat as immutable."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "otel_ctxlog admin endpoint",
            "version": "1",
            "summary": "See, explain and change what a service logs while it runs.",
            "description": "Every change leaves an audit record with the name of the token. Rules end by themselves.",
        },
        "servers": [{"url": "./"}],
        "security": [{"token": []}],
        "paths": dict(_paths()),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
