from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_ctxlog import config
from otel_ctxlog.config.lint import check as check_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog import LoggingContext

VALID = [
    """
defaultLevel: Info
rules:
  - rule:
      level: Debug
      conditions:
        - realm: github.com/acme/spiff
        - not: {attribute: {name: test, value: {value: testvalue}}}
""",
    """
rules:
- rule: &r {level: off, conditions: [{and: [{tag: a}, &b {or: []}]}, *b]}
- rule:
    <<: *r
    level: 7
""",
    """
{"defaultLevel": 3, "rules": [{"rule": {"level": "Warn", "conditions":
  [{"span": {"name": "a", "value": {"range": {"min": 1, "max": 2.5}}}}]}}]}
""",
    """
rules:
- rule:
    level: 0x10
    conditions:
    - baggage: {name: t, value: {regex: '^a(b|c)*$'}}
    - spanname: {glob: 'GET *'}
    - sampled: no
    - resource:
        name: x
        value:
          oneof: [2020-01-01, !!binary aGk=, !!set {a, b}, ~, 1:30]
""",
    """
rules:
- rule:
    level: Debug
    expires: 2040-01-31T12:00:00Z
    limit: {rate: 100/s, burst: 200, per: tenant}
    first: {count: 10, every: 100, within: 1m}
- controlled:
    rule: {rule: {level: Info, conditions: [{tag: a}]}}
    expires: 1h30m
    limit: 20/min
    sample: 0.5
    first: 3
    sampledTracesOnly: true
    exemptEvents: off
""",
]
PIECES = [
    *(
        "rules:",
        "defaultLevel:",
        "rule:",
        "level:",
        "conditions:",
        "- ",
        "  ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        "? ",
    ),
    *("&a ", "*a", "<<: ", "!!int ", "!!set ", "!!omap ", "!!python/object:x ", "!x ", "|", ">", "'", '"', "\\", "#"),
    *("---", "...", "%YAML 1.1\n", "%TAG ! x\n", "\t", "\x00", "\x85", "\u2028", "\ufeff", "ü", "\U0001f600", "\ud800"),
    *(
        "off",
        "Debug",
        "7",
        "-1",
        "1e400",
        "1:2:3",
        "0b",
        "0x_",
        "2020-13-45",
        ".nan",
        "~",
        "tag: a",
        "and: []",
        "not: ",
    ),
    *("attribute: {name: a, value: {value: 1}}", "value: ", "glob: '['", "regex: '('"),
    *("controlled:", "expires: ", "limit: ", "sample: ", "first: ", "sampledTracesOnly: ", "exemptEvents: "),
    *("rate: ", "burst: ", "per: ", "count: ", "every: ", "within: ", "15m", "100/s", "0.5", "1h", "2040-01-01 1:0:0Z"),
]

yamlish = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid document with some pieces taken out, put in or doubled."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 12)))
        middle = draw(
            st.sampled_from(["", text[begin:end] * 2, draw(st.sampled_from(PIECES)), draw(st.text(max_size=3))])
        )
        text = text[:begin] + middle + text[end:]
    return text


sources: st.SearchStrategy[Any] = st.one_of(
    mutated(),
    yamlish,
    mutated().map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(st.characters(codec=None)),
    st.binary(),
)
plain: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from(PIECES),
        st.binary(max_size=3),
        st.just(object()),
        st.tuples(),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "rules",
                    "defaultLevel",
                    "rule",
                    "level",
                    "conditions",
                    "tag",
                    "not",
                    "and",
                    "value",
                    "name",
                    "attribute",
                    "controlled",
                    "expires",
                    "limit",
                    "rate",
                    "sample",
                    "first",
                    "count",
                ]
            )
            | st.none()
            | st.integers()
            | st.tuples(st.integers()),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def check(new_context: Callable[[], LoggingContext], source: Any) -> None:
    """Valid, or a ConfigError that leaves the context as it was; a valid one reads back equal."""
    context = new_context()
    before = (context.generation, context.rules, context.default_level)
    try:
        config.configure(context, source)
    except config.ConfigError as error:
        failed = error
    else:
        # What ends by itself needs a thread for that.
        context.reset_rules()
        loaded = config.load(source)
        assert config.load(loaded.to_yaml()) == loaded
        return

    assert (context.generation, context.rules, context.default_level) == before
    assert str(failed)
    assert "\n" not in str(failed)
    if isinstance(source, (str, bytes)):
        text = source if isinstance(source, str) else source.decode("utf-8", "replace")
        assert failed.line is not None
        assert 1 <= failed.line <= len(text) + 2


@settings(deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
@given(source=sources)
def test_any_text_is_valid_or_a_config_error(new_context: Callable[[], LoggingContext], source: str | bytes) -> None:
    """Random and mutated texts raise nothing but ConfigError, with a line, and leave the context alone if they do."""
    check(new_context, source)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(source=plain)
def test_any_object_is_valid_or_a_config_error(new_context: Callable[[], LoggingContext], source: object) -> None:
    """Random mappings and other objects raise nothing but ConfigError."""
    check(new_context, source)


@pytest.mark.slow
@settings(deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(source=sources)
def test_ten_thousand_texts_are_valid_or_config_errors(
    new_context: Callable[[], LoggingContext], source: str | bytes
) -> None:
    """The same for many more texts."""
    check(new_context, source)


class Hostile(Mapping[str, object]):
    """A mapping that fails when it is read."""

    def __getitem__(self, key: str) -> object:
        raise LookupError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(["rules"])

    def __len__(self) -> int:
        return 1


def test_a_mapping_that_fails_is_a_config_error(new_context: Callable[[], LoggingContext]) -> None:
    """What a mapping of the user raises is the cause of the error."""
    with pytest.raises(config.ConfigError, match="cannot be read") as caught:
        config.configure(new_context(), Hostile())

    assert isinstance(caught.value.__cause__, LookupError)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(source=sources)
def test_check_finds_an_error_just_where_loading_does(source: str | bytes) -> None:
    """Checking raises nothing, and calls an error what is one."""
    found = check_source(source)
    try:
        config.load(source)
    except config.ConfigError:
        assert any(one.is_error for one in found)
    else:
        assert not any(one.is_error for one in found)
