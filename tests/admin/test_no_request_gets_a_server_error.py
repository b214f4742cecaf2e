"""Requests that schemathesis makes of the endpoint's description, fit and unfit: never a 5xx, always as described."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otel_ctxlog.admin.openapi import description

from .asking import TOKEN, Client, Service, served

if TYPE_CHECKING:
    from collections.abc import Iterator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    schemathesis: Any = pytest.importorskip("schemathesis", reason="pip install 'otel-ctxlog[dev]' brings it")

# A stream does not end, and is tried in its own tests.
_STREAM = "/api/records/stream"
_EXAMPLES = 15


def _operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(description())
    found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if operation.path != _STREAM]


OPERATIONS = _operations()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of an endpoint that all requests share, with what they do to it."""
    service = Service()
    with served("server", service) as client:
        for number in range(30):
            service.log.info("x", n=number)
        host, port = client.address
        yield f"http://{host}:{port}"
    service.context.reset_rules()
    service.provider.shutdown()


def test_every_operation_is_tried() -> None:
    """All that the description has, but for the stream."""
    assert len(OPERATIONS) == 18


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_an_answer_to_whatever_request_is_as_described(url: str, operation: Any, mode: str) -> None:
    """Status, content type and content are those of the description; none is a server error."""
    generation: Any = import_module("schemathesis.generation")
    rules: Any = import_module("schemathesis.specs.openapi.checks")
    checks: list[Any] = [
        import_module("schemathesis.checks").not_a_server_error,
        rules.content_type_conformance,
        rules.response_schema_conformance,
        rules.status_code_conformance,
    ]
    seen: list[int] = []

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy(generation_mode=generation.GenerationMode(mode)))
    def ask(case: Any) -> None:
        answer = case.call(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        seen.append(answer.status_code)
        case.validate_response(answer, checks=checks, headers={"Authorization": f"Bearer {TOKEN}"})

    try:
        ask()
    except Exception as error:
        # There is nothing that could be wrong about a request without parameters.
        if type(error).__name__ not in ("Unsatisfiable", "InvalidArgument") or mode == "positive":
            raise
    assert max(seen, default=200) < 500


_WORDS = st.sampled_from(
    [*'[]=,!#~"(|\x00é', "shop/cart", "/**", "debug", "@expires=1m", "@limit=", "baggage:", "=~", ")+", "any(", ".."]
)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(line=st.one_of(st.lists(_WORDS, max_size=12).map("".join), st.text(max_size=60)))
def test_any_line_is_a_rule_or_is_refused(client: Client, line: str) -> None:
    """Also what looks nearly like one."""
    answer = client("POST", "/api/preview", {"line": line})

    assert answer.status in (200, 422), (line, answer.body)
    assert answer.json


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)),
    max_leaves=12,
)
_FIELDS = (
    "level",
    "realm",
    "name",
    "tags",
    "attributes",
    "baggage",
    "span",
    "resource",
    "line",
    "yaml",
    "element",
    "expires",
    "limit",
    "sample",
    "first",
)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["/api/rules", "/api/explain", "/api/preview"]),
    body=st.one_of(_JSON, st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=5)),
)
def test_any_json_is_answered(client: Client, path: str, body: object) -> None:
    """With what was asked for, or with what is wrong."""
    answer = client("POST", path, body if body is not None else [])

    assert answer.status in (200, 201, 400, 422), answer.body
    assert answer.json
