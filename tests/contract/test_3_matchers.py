"""Section 3 of the contract: matchers in place of a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import otel_ctxlog as cl

from .deciding import decides, holds

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .conftest import UseBaggage

MATCHES: list[tuple[cl.Matcher, object, bool]] = [
    (cl.Glob("abc"), "abc", True),
    (cl.Glob("abc"), "abcd", False),
    (cl.Glob("abc"), "xabc", False),
    (cl.Glob("abc"), "ABC", False),
    (cl.Glob("ABC"), "abc", False),
    (cl.Glob("abc"), "abc\n", False),
    (cl.Glob("a*"), "a", True),
    (cl.Glob("a*"), "abc", True),
    (cl.Glob("a*"), "a/b/c", True),
    (cl.Glob("a*"), "ba", False),
    (cl.Glob("*c"), "abc", True),
    (cl.Glob("*c"), "abcd", False),
    (cl.Glob("a?c"), "abc", True),
    (cl.Glob("a?c"), "ac", False),
    (cl.Glob("a[bx]c"), "axc", True),
    (cl.Glob("a[!bx]c"), "axc", False),
    (cl.Glob("a[!bx]c"), "ayc", True),
    (cl.Glob("a.c"), "abc", False),
    (cl.Glob("*"), "", True),
    (cl.Glob(""), "", True),
    (cl.Glob(""), "a", False),
    (cl.Glob("*"), None, False),
    (cl.Regex("b"), "abc", True),
    (cl.Regex("^b"), "abc", False),
    (cl.Regex("^a.c$"), "abc", True),
    (cl.Regex("B"), "abc", False),
    (cl.Regex("(?i)B"), "abc", True),
    (cl.Regex(""), "", True),
    (cl.Regex("x|c$"), "abc", True),
    (cl.Regex("b"), None, False),
    (cl.OneOf("a", "b"), "b", True),
    (cl.OneOf("a", "b"), "c", False),
    (cl.OneOf("a", "b"), "ab", False),
    (cl.OneOf("ab"), "a", False),
    (cl.OneOf(), "a", False),
    (cl.OneOf(), None, False),
    (cl.OneOf(None), None, True),
    (cl.OneOf(1, "x"), 1.0, True),
    (cl.OneOf(1, "x"), True, False),
    (cl.OneOf(True), 1, False),
    (cl.OneOf(1, True), True, True),
    (cl.OneOf(1), "1", False),
    (cl.OneOf([1, 2], {"a": 1}), (1, 2), True),
    (cl.OneOf([1, 2], {"a": 1}), {"a": 1.0}, True),
    (cl.OneOf([1, 2]), 1, False),
    (cl.Range(1, 5), 1, True),
    (cl.Range(1, 5), 5, True),
    (cl.Range(1, 5), 3.5, True),
    (cl.Range(1, 5), 0, False),
    (cl.Range(1, 5), 5.0000001, False),
    (cl.Range(1, 5), "3", True),
    (cl.Range(1, 5), "5", True),
    (cl.Range(1, 5), "5.5", False),
    (cl.Range(1, 5), "4.5", True),
    (cl.Range(-5, -1), "-3", True),
    (cl.Range(1, 5), "three", False),
    (cl.Range(1, 5), "", False),
    (cl.Range(1, 5), True, False),
    (cl.Range(0, 0), False, False),
    (cl.Range(1, 5), None, False),
    (cl.Range(1, 5), [3], False),
    (cl.Range(1, 5), {"a": 3}, False),
    (cl.Range(1, 5), float("nan"), False),
    (cl.Range(1, 5), "nan", False),
    (cl.Range(min=3), 10**30, True),
    (cl.Range(min=3), 2, False),
    (cl.Range(max=3), -1000, True),
    (cl.Range(max=3), 3.1, False),
    (cl.Range(max=3), "x", False),
    (cl.Range(), 3, True),
    (cl.Range(), "3", True),
    (cl.Range(), "x", False),
    (cl.Range(), True, False),
    (cl.Range(), None, False),
    (cl.Range(0.5, 1.5), 10**400, False),
    (cl.Range(0, 10**400), 3.5, True),
    (cl.Range(0.5), 10**400, True),
    (cl.Range(max=2**53), "9007199254740993", False),
    (cl.Range(max=2**53), 2**53 + 1, False),
    (cl.Range(1, 5), "9" * 5000, False),
    (cl.Exists(), None, True),
    (cl.Exists(), "", True),
    (cl.Exists(), 0, True),
    (cl.Exists(), False, True),
    (cl.Exists(), [], True),
    (cl.Exists(), "x", True),
]


def _id(value: object) -> str:
    return repr(value)[:40]


@pytest.mark.parametrize(("matcher", "value", "expected"), MATCHES, ids=_id)
def test_matchers(matcher: cl.Matcher, value: object, *, expected: bool) -> None:
    """`Glob` whole value and case, `Regex` search, `OneOf`, `Range` inclusive (numbers and their text), `Exists`."""
    assert matcher.matches_value(value) is expected
    assert holds(cl.Attribute("a", matcher), cl.Attribute("a", value)) is expected


@pytest.mark.parametrize(
    "matcher", [cl.Glob("*"), cl.Regex(""), cl.OneOf("v", None), cl.Range(), cl.Exists()], ids=repr
)
def test_no_matcher_matches_without_an_attribute(matcher: cl.Matcher) -> None:
    """A matcher stands in place of the value: without an attribute of the name there is none, for `Exists` neither."""
    assert not holds(cl.Attribute("a", matcher))
    assert not holds(cl.Attribute("a", matcher), cl.Attribute("b", "v"), cl.Tag("a"), "v")
    assert not decides(cl.SpanAttribute("a", matcher))
    assert not decides(cl.BaggageEntry("a", matcher))
    assert not decides(cl.SpanName(matcher))
    assert not decides(cl.ResourceAttribute("a", matcher))


def test_a_matcher_finds_any_attribute_of_the_name() -> None:
    """Any attribute of that name: a matcher looks at the hidden ones too."""
    messages = [cl.Attribute("a", "x1"), cl.Attribute("a", "y1")]

    assert holds(cl.Attribute("a", cl.Glob("x*")), *messages)
    assert holds(cl.Attribute("a", cl.Glob("y*")), *messages)
    assert not holds(cl.Attribute("a", cl.Glob("z*")), *messages)


def test_matchers_work_in_every_condition_with_a_value(use_baggage: UseBaggage, tracer: Tracer) -> None:
    """In place of `v` a matcher: in `Attribute`, `BaggageEntry`, `SpanAttribute`, `SpanName`."""
    with use_baggage(b="17"), tracer.start_as_current_span("GET /cart", attributes={"s": 17}):
        assert decides(cl.Attribute("b", cl.Range(10, 20)))
        assert decides(cl.BaggageEntry("b", cl.Range(10, 20)))
        assert decides(cl.Attribute("s", cl.Range(10, 20)))
        assert decides(cl.SpanAttribute("s", cl.Range(10, 20)))
        assert decides(cl.SpanName(cl.Glob("GET *")))
        assert decides(cl.SpanName(cl.Regex("cart$")))
        assert decides(cl.SpanName(cl.OneOf("x", "GET /cart")))
        assert not decides(cl.SpanName(cl.Glob("get *")))
        assert not decides(cl.BaggageEntry("b", cl.Range(18)))


def test_an_own_matcher_is_asked() -> None:
    """`Matcher` is a protocol: `matches_value(value) -> bool` makes an own one."""

    class Even:
        def matches_value(self, value: object) -> bool:
            return isinstance(value, int) and value % 2 == 0

    assert holds(cl.Attribute("a", Even()), cl.Attribute("a", 4))
    assert not holds(cl.Attribute("a", Even()), cl.Attribute("a", 3))
    assert holds(cl.Attribute("a", Even()), cl.Attribute("a", 3), cl.Attribute("a", 2))


@given(st.integers() | st.floats(allow_nan=False), st.none() | st.integers(), st.none() | st.integers())
def test_range_is_inclusive(value: float, low: int | None, high: int | None) -> None:
    """`Range(min, max)` is inclusive, a missing bound is none; the text of a number counts as the number."""
    assume(low is None or high is None or low <= high)
    inside = (low is None or value >= low) and (high is None or value <= high)

    assert cl.Range(low, high).matches_value(value) is inside
    assert cl.Range(min=low, max=high).matches_value(value) is inside
    if value not in {float("inf"), float("-inf")}:
        assert cl.Range(low, high).matches_value(repr(value)) is inside


@given(st.text())
def test_a_glob_without_wildcards_is_the_text(text: str) -> None:
    """A glob matches the whole value, with its case; other characters stand for themselves."""
    pattern = "".join(f"[{c}]" if c in "*?[" else c for c in text)

    assert cl.Glob(pattern).matches_value(text)
    assert not cl.Glob(pattern).matches_value(text + "x")
    assert not cl.Glob(pattern).matches_value("x" + text)
    assert cl.Glob("*" + pattern + "*").matches_value("1" + text + "2\n3")
